"""Which vignettes are learned from and which are scored: whole orbit passes, never single images.

Neighbours 100 km apart on one pass see the same sea, so a split by vignette tests memory and not
skill.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from xoceansar.errors import DimensionError, OceansarError, warn

Rows = npt.NDArray[np.intp]


class Split(NamedTuple):
    """Row numbers of each side, in increasing order."""

    #: Rows that are fitted on, that choose between models, and that are scored.
    train: Rows
    validation: Rows
    test: Rows


def group_split(
    groups: npt.ArrayLike,
    *,
    test: float = 0.3,
    validation: float = 0.0,
    strata: npt.ArrayLike | None = None,
    seed: int = 0,
) -> Split:
    """Split rows so that a group is never on two sides.

    Parameters
    ----------
    groups : array_like (n,)
        Product or orbit pass of each row, as `orbit_pass` gives it.
    test, validation : float
        Fraction of the rows on that side, as nearly as whole groups permit.
    strata : array_like (n,), optional
        Class of each row: the sides then hold the classes in the same proportions, as nearly as
        whole groups permit.
    seed : int
        The same seed gives the same split.

    Returns
    -------
    Split

    Raises
    ------
    OceansarError
        If the fractions leave nothing to train on, or there are fewer groups than sides.
    DimensionError
        If `strata` has another length.

    Notes
    -----
    Groups go one by one, the largest and most uneven first and otherwise in random order, to the
    side that is furthest from its share of the classes; no side is left empty.

    Examples
    --------
    >>> group_split(["a", "a", "b", "b"], test=0.5).test.tolist() in ([0, 1], [2, 3])
    True
    """
    share = np.array([1 - test - validation, validation, test])
    if not (share >= 0).all() or share[0] <= 0 or share[2] <= 0:
        raise OceansarError(
            "test and validation are fractions of the rows, and with the part to train on they "
            f"add up to 1; got test={test}, validation={validation}."
        )
    counts, index = _class_counts(groups, strata)
    sides = np.flatnonzero(share)
    if len(counts) < len(sides):
        raise OceansarError(
            f"a split into {len(sides)} sides needs as many groups; found {len(counts)}. Give "
            "more products or passes, or score on another Dataset."
        )
    sides = _assign(counts, share, seed)[index]
    return Split(*(np.flatnonzero(sides == side) for side in range(3)))


def _class_counts(
    groups: npt.ArrayLike, strata: npt.ArrayLike | None
) -> tuple[npt.NDArray[np.float64], Rows]:
    """Rows of each group in each class, and the group of each row."""
    names, index = np.unique(np.asarray(groups), return_inverse=True)
    classes = np.zeros(len(index)) if strata is None else np.asarray(strata)
    if classes.shape != index.shape:
        raise DimensionError(
            f"strata must have one value for each of the {len(index)} rows; got the shape "
            f"{classes.shape}."
        )
    labels, column = np.unique(classes, return_inverse=True)
    counts = np.zeros((len(names), len(labels)))
    np.add.at(counts, (index, column), 1)
    return counts, index


def _assign(
    counts: npt.NDArray[np.float64], share: npt.NDArray[np.float64], seed: int
) -> Rows:
    """Choose the side of each group."""
    order = np.random.default_rng(seed).permutation(len(counts))
    order = order[np.argsort(-np.square(counts[order]).sum(axis=1), kind="stable")]
    wanted = share[:, None] * counts.sum(axis=0)
    missing = wanted.copy()
    open_sides = np.flatnonzero(share)
    chosen = np.zeros(len(counts), dtype=np.intp)
    for group in order:
        # growth of sum (found - wanted)^2 / wanted, were the group put on that side
        growth = counts[group] * (counts[group] - 2 * missing[open_sides])
        side = open_sides[(growth / wanted[open_sides]).sum(axis=1).argmin()]
        missing[side] -= counts[group]
        chosen[group] = side
    for side in open_sides:
        if not (chosen == side).any():
            largest = np.bincount(chosen).argmax()
            last = next(g for g in order[::-1] if chosen[g] == largest)
            chosen[last] = side
    return chosen


def time_split(
    groups: npt.ArrayLike, times: npt.ArrayLike, *, test: float = 0.3
) -> Split:
    """Split rows by time: whole passes, the latest of them scored.

    Shapes: `groups` (n,), `times` (n,).

    Examples
    --------
    >>> times = np.array(["2021-01-01", "2022-01-01"], "datetime64[s]")
    >>> time_split(["a", "b"], times, test=0.5).test.tolist()
    [1]
    """
    names, index = np.unique(np.asarray(groups), return_inverse=True)
    moments = np.asarray(times)
    if not 0 < test < 1 or len(names) < 2 or np.isnat(moments).any():
        raise OceansarError(
            "a split by time needs 0 < test < 1, two groups or more and a time for each row; "
            f"got test={test}, {len(names)} group(s) and {int(np.isnat(moments).sum())} "
            "missing times."
        )
    starts = np.array([moments[index == g].min() for g in range(len(names))])
    order = np.argsort(starts, kind="stable")
    before = np.cumsum(np.bincount(index)[order])[:-1]
    cut = 1 + int(np.abs(before - (1 - test) * len(index)).argmin())
    tested = np.isin(index, order[cut:])
    empty = np.zeros(0, dtype=np.intp)
    return Split(np.flatnonzero(~tested), empty, np.flatnonzero(tested))


def random_split(n: int, *, test: float = 0.3, seed: int = 0) -> Split:
    """Split rows one by one, which flatters every model: neighbours land on both sides."""
    warn(
        "vignettes are split one by one, so neighbours on a pass are on both sides and the "
        "scores are too good. Use split='orbit_pass' for a score of skill."
    )
    return group_split(np.arange(n), test=test, seed=seed)


def overlap(train: npt.ArrayLike, test: npt.ArrayLike) -> list[str]:
    """Name the passes that are on both sides.

    Examples
    --------
    >>> overlap(["S1A-026300", "S1A-026301"], ["S1A-026301"])
    ['S1A-026301']
    """
    return [str(name) for name in np.intersect1d(np.asarray(train), np.asarray(test))]
