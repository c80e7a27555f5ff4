"""Dynamic curation: keep a part of a pool that is balanced over what the pool contains.

Most of the ocean looks alike. Clusters of clusters of the current embeddings stand for what there
is; rows are drawn so that each cluster gives about as many, until the small ones are used up.
Usable alone, on any embeddings.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from xoceansar.errors import DimensionError, TrainingError
from xoceansar.train.clusters import Tree, hierarchical_kmeans

__all__ = [
    "CurationReport",
    "Selection",
    "balanced_sample",
    "curate",
    "water_filling",
]

Array = npt.NDArray[Any]
Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class CurationReport:
    """What was there and what was kept.

    Parameters
    ----------
    available, kept : ndarray (k,), int64
        Rows of each of the finest clusters.
    classes : dict of str to tuple of int
        For each class of the labels, rows there and rows kept; empty without labels.
    """

    available: Rows
    kept: Rows
    classes: dict[str, tuple[int, int]]

    def summary(self) -> dict[str, Any]:
        """Sum it up in plain values.

        Returns
        -------
        dict
            ``available``, ``kept``, ``clusters``, ``effective_clusters_before`` and ``_after``
            (``exp`` of the entropy of the shares), ``kept_per_cluster``, ``available_per_cluster``
            and ``classes``.
        """
        return {
            "available": int(self.available.sum()),
            "kept": int(self.kept.sum()),
            "clusters": len(self.available),
            "effective_clusters_before": _effective_number(self.available),
            "effective_clusters_after": _effective_number(self.kept),
            "available_per_cluster": self.available.tolist(),
            "kept_per_cluster": self.kept.tolist(),
            "classes": {name: list(pair) for name, pair in self.classes.items()},
        }

    def __str__(self) -> str:
        s = self.summary()
        text = (
            f"kept {s['kept']} of {s['available']} vignettes; effective clusters "
            f"{s['effective_clusters_before']:.1f} -> {s['effective_clusters_after']:.1f} of "
            f"{s['clusters']}"
        )
        parts = [f"{name} {k}/{n}" for name, (n, k) in self.classes.items()]
        return f"{text}; {', '.join(parts)}" if parts else text


@dataclass(frozen=True, slots=True)
class Selection:
    """Rows that were kept, and the report.

    Parameters
    ----------
    rows : ndarray (m,), int64
        Positions in the embeddings, rising.
    report : CurationReport
        What was there and what was kept.
    """

    rows: Rows
    report: CurationReport


def curate(
    embeddings: Array,
    *,
    fraction: float,
    levels: Sequence[int],
    preference: float = 0.0,
    subsample: int | None = None,
    seed: int = 0,
    labels: Array | None = None,
    class_names: Sequence[str] = (),
) -> Selection:
    """Keep a balanced part of a pool.

    Parameters
    ----------
    embeddings : ndarray (n, d)
        Of the current network, or any other; by cosine.
    fraction : float
        rho: part of the rows that is kept, in (0, 1].
    levels : sequence of int
        Clusters of each level of the tree, finest first.
    preference : float
        eta, in [-1, 1]: see `balanced_sample`.
    subsample : int, optional
        Rows that the tree is fitted on; all by default.
    seed : int
        Decides all that is drawn.
    labels : ndarray (n,), optional
        Class of each row, for the report only; negative or NaN where unknown.
    class_names : sequence of str
        Names of the classes 0, 1, ...; their numbers where not given.

    Returns
    -------
    Selection
        ``round(fraction n)`` rows, at least one.

    Raises
    ------
    TrainingError
        If an argument is out of its range or an embedding is not finite.
    DimensionError
        If the labels have another length.

    References
    ----------
    Vo et al. (2024), https://doi.org/10.48550/arXiv.2405.15613; OceanSAR-1 (2025),
    https://doi.org/10.48550/arXiv.2504.06962.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> common, rare = rng.normal(0, 0.1, (950, 8)) + 1, rng.normal(0, 0.1, (50, 8))
    >>> rare[:, 0] += 2
    >>> pool = np.concatenate([common, rare])
    >>> selection = curate(pool, fraction=0.2, levels=[10, 2])
    >>> len(selection.rows), int((selection.rows >= 950).sum()) > 40
    (200, True)
    """
    if not 0 < fraction <= 1:
        raise TrainingError(f"fraction must be above 0 and at most 1; got {fraction}.")
    if labels is not None and len(labels) != len(embeddings):
        raise DimensionError(
            f"each of the {len(embeddings)} embeddings needs a label; got {len(labels)}."
        )
    tree = hierarchical_kmeans(embeddings, levels, subsample=subsample, seed=seed)
    n_keep = max(1, round(fraction * len(embeddings)))
    rows = balanced_sample(tree, n_keep, preference=preference, seed=seed)
    kept = np.bincount(tree.labels[0][rows], minlength=len(tree.sizes))
    classes = {} if labels is None else _per_class(labels, rows, class_names)
    return Selection(rows, CurationReport(tree.sizes, kept, classes))


def water_filling(
    available: Array, target: int, rng: np.random.Generator | None = None
) -> npt.NDArray[np.int64]:
    """Share a target among clusters as evenly as their sizes allow.

    Parameters
    ----------
    available : ndarray (k,) of int
        Size of each cluster.
    target : int
        How many to take in all.
    rng : numpy.random.Generator, optional
        Decides which of the larger clusters give one more; the first ones without it.

    Returns
    -------
    ndarray (k,), int64
        ``min(available, cut)`` with the largest cut that does not exceed the target, and one more
        of some clusters above the cut; its sum is ``min(target, available.sum())``.

    Examples
    --------
    >>> water_filling(np.array([100, 3, 50]), 23).tolist()
    [10, 3, 10]
    """
    sizes = np.asarray(available, np.int64)
    if target >= sizes.sum():
        return sizes.copy()
    rising = np.sort(sizes)
    below = np.concatenate([[0], np.cumsum(rising)[:-1]])
    # Sum of min(size, cut) at each size as the cut: the target lies in one of the steps.
    filled = below + rising * np.arange(len(rising), 0, -1)
    step = int(np.searchsorted(filled, target, side="right"))
    cut = (target - below[step]) // (len(rising) - step)
    taken = np.minimum(sizes, cut)
    above = np.flatnonzero(sizes > cut)
    rest = target - int(taken.sum())
    chosen = above[:rest] if rng is None else rng.choice(above, rest, replace=False)
    taken[chosen] += 1
    return taken


def balanced_sample(
    tree: Tree, n_keep: int, *, preference: float = 0.0, seed: int = 0
) -> Rows:
    """Draw rows that are balanced over the levels of a tree.

    Parameters
    ----------
    tree : Tree
        From `hierarchical_kmeans`.
    n_keep : int
        Rows to draw, without replacement; all where there are fewer.
    preference : float
        eta, in [-1, 1]: which rows of a finest cluster are drawn. 0 draws at random; 1 takes those
        nearest to the centroid, -1 those farthest from it.
    seed : int
        Decides all that is drawn.

    Returns
    -------
    ndarray (m,), int64
        Rising.

    Raises
    ------
    TrainingError
        If `preference` is out of its range.

    Notes
    -----
    `water_filling` shares `n_keep` among the coarsest clusters, the part of each among its own
    clusters, and so on. In a finest cluster of n rows, each row has the score
    ``eta r + (1 - |eta|) u`` with r its rank from far (0) to near (1) and u uniform in (0, 1), and
    the highest scores are drawn. Neither the values nor the sign of eta are published; near the
    centroid lie the typical vignettes, far from it the odd ones and the failures.

    References
    ----------
    Vo et al. (2024), https://doi.org/10.48550/arXiv.2405.15613.
    """
    if not -1 <= preference <= 1:
        raise TrainingError(f"preference must be between -1 and 1; got {preference}.")
    rng = np.random.default_rng([seed, 1])
    taken = _shares(tree, n_keep, rng)
    order = np.argsort(tree.labels[0], kind="stable")
    ends = np.cumsum(tree.sizes)
    kept = []
    for members, count in zip(np.split(order, ends[:-1]), taken, strict=True):
        n = len(members)
        near = np.empty(n)
        near[np.argsort(-tree.distance[members], kind="stable")] = np.arange(n)
        near /= max(n - 1, 1)
        score = preference * near + (1 - abs(preference)) * rng.random(n)
        kept.append(members[np.argsort(-score, kind="stable")[:count]])
    rows: Rows = np.sort(np.concatenate(kept))
    return rows


def _shares(tree: Tree, n_keep: int, rng: np.random.Generator) -> Rows:
    """Rows to take of each of the finest clusters."""
    sizes = [
        np.bincount(labels, minlength=len(centroids))
        for labels, centroids in zip(tree.labels, tree.centroids, strict=True)
    ]
    shares = water_filling(sizes[-1], n_keep, rng)
    for level in reversed(range(len(tree.parents))):
        below = np.zeros(len(sizes[level]), np.int64)
        for parent, share in enumerate(shares):
            children = np.flatnonzero(tree.parents[level] == parent)
            below[children] = water_filling(sizes[level][children], int(share), rng)
        shares = below
    return shares


def _effective_number(counts: Rows) -> float:
    """Return ``exp`` of the entropy of shares: the number of equal clusters as diverse."""
    share = counts[counts > 0] / max(counts.sum(), 1)
    return float(np.exp(-(share * np.log(share)).sum()))


def _per_class(
    labels: Array, rows: Rows, names: Sequence[str]
) -> dict[str, tuple[int, int]]:
    known = np.nan_to_num(np.asarray(labels, np.float64), nan=-1).astype(np.int64)
    n = int(known.max(initial=-1)) + 1
    there = np.bincount(known[known >= 0], minlength=n)
    kept = np.bincount(known[rows][known[rows] >= 0], minlength=n)
    return {
        names[c] if c < len(names) else str(c): (int(there[c]), int(kept[c]))
        for c in range(n)
        if there[c]
    }
