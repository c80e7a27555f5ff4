"""Confidence intervals of scores, by resampling whole passes.

References
----------
Efron and Tibshirani (1993), An Introduction to the Bootstrap,
https://doi.org/10.1201/9780429246593.
Field and Welsh (2007), Bootstrapping clustered data,
https://doi.org/10.1111/j.1467-9868.2007.00593.x.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from xoceansar._typing import Array
from xoceansar.errors import DimensionError, OceansarError


class Interval(NamedTuple):
    """A score and what it may be on other passes."""

    #: The score of the sample.
    value: float
    #: Limits of the confidence interval; NaN where it cannot be told.
    lower: float
    upper: float


def bootstrap(
    statistic: Callable[..., float],
    groups: npt.ArrayLike,
    *arrays: Array,
    n: int = 1000,
    seed: int = 0,
    confidence: float = 0.95,
) -> Interval:
    """Give a score its percentile interval, by drawing whole groups with replacement.

    Shapes: `groups` (rows,), `*arrays` (rows, ...).

    Notes
    -----
    Neighbours on a pass see the same sea, so their errors are alike and single rows would give
    an interval that is too narrow. With few groups (under about 20) it is still too narrow.

    Examples
    --------
    >>> error = np.array([1.0, 1.0, 3.0, 3.0])
    >>> bootstrap(np.mean, ["a", "a", "b", "b"], error, n=200)
    Interval(value=2.0, lower=1.0, upper=3.0)
    """

    def named(*rows: Array) -> dict[str, float]:
        return {"": statistic(*rows)}

    return bootstrap_scores(
        named, groups, *arrays, n=n, seed=seed, confidence=confidence
    )[""]


def bootstrap_scores(
    scores: Callable[..., Mapping[str, float]],
    groups: npt.ArrayLike,
    *arrays: Array,
    n: int = 1000,
    seed: int = 0,
    confidence: float = 0.95,
) -> dict[str, Interval]:
    """Give several scores their intervals from the same draws, as `bootstrap` does for one.

    Shapes: `groups` (rows,), `*arrays` (rows, ...).
    """
    if not 0 < confidence < 1 or n < 1:
        raise OceansarError(
            f"bootstrap needs 0 < confidence < 1 and n > 0; got confidence={confidence}, n={n}."
        )
    names, index = np.unique(np.asarray(groups), return_inverse=True)
    for array in arrays:
        if len(array) != len(index):
            raise DimensionError(
                f"each array needs one row for each of the {len(index)} groups given; one has "
                f"{len(array)}."
            )
    values = scores(*arrays)
    drawn: list[Mapping[str, float]] = []
    if len(names) > 1:
        members = np.split(
            np.argsort(index, kind="stable"), np.cumsum(np.bincount(index))[:-1]
        )
        rng = np.random.default_rng(seed)
        for _ in range(n):
            chosen = rng.integers(len(names), size=len(names))
            rows = np.concatenate([members[j] for j in chosen])
            drawn.append(scores(*(array[rows] for array in arrays)))
    return {
        name: _interval(float(value), [float(d[name]) for d in drawn], confidence)
        for name, value in values.items()
    }


def _interval(value: float, draws: list[float], confidence: float) -> Interval:
    kept = [draw for draw in draws if np.isfinite(draw)]
    if not kept:
        return Interval(value, float("nan"), float("nan"))
    lower, upper = np.quantile(kept, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(value, float(lower), float(upper))
