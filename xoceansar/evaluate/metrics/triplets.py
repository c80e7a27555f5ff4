"""Errors of three sources of one quantity, none of which is the truth.

References
----------
Stoffelen (1998), https://doi.org/10.1029/97JC03180.
McColl et al. (2014), https://doi.org/10.1002/2014GL061322.
"""

from collections.abc import Mapping
from itertools import combinations
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from xoceansar.errors import DimensionError, OceansarError
from xoceansar.evaluate.metrics.resampling import bootstrap_scores

__all__ = ["triple_collocation"]

#: Fewer rows than these say nothing of an error.
_FEW: Final = 30


def triple_collocation(
    sources: Mapping[str, npt.ArrayLike],
    *,
    groups: npt.ArrayLike | None = None,
    draws: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
) -> pd.DataFrame:
    """Estimate the random error of each of three sources from their covariances.

    Parameters
    ----------
    sources : mapping of str to array_like (n,)
        Three of them, matched row by row. Rows in which one is missing do not count.
    groups : array_like (n,), optional
        Orbit pass of each row, drawn together for the confidence limits; each row by itself where not given.
    draws : int, default 1000
        Draws for the limits.
    confidence : float, default 0.95
        Probability that they are to cover.
    seed : int, default 0
        Of the draws.

    Returns
    -------
    pandas.DataFrame
        A row for each source: ``error``, the standard deviation of its random error in its own scale, with ``lower`` and
        ``upper``; ``correlation`` with the truth, none of which is given; ``slope`` against the first source; ``n``.
        NaN where the covariances leave no such number, as with too few rows.

    Raises
    ------
    OceansarError
        If there are not three sources, or fewer than 30 complete rows.
    DimensionError
        If they have not the same shape.

    Notes
    -----
    ``error^2 = C_xx - C_xy C_xz / C_yz``, with ``C`` the covariances, and ``correlation^2 = C_xy C_xz / (C_xx C_yz)``. It holds
    where errors are independent of each other and of the truth, and each source is linear in it. Wave heights of ESA and of a network that
    was trained on them, or two models with the same wind, are not independent: their common error counts as truth, and
    both look better than they are. What one source resolves and the others do not counts as its error.

    References
    ----------
    Stoffelen (1998), https://doi.org/10.1029/97JC03180.
    McColl et al. (2014), https://doi.org/10.1002/2014GL061322.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> truth = rng.gamma(4, 0.6, 20_000)
    >>> sources = {
    ...     k: truth + rng.normal(0, s, 20_000)
    ...     for k, s in [("sar", 0.5), ("altimeter", 0.2), ("model", 0.3)]
    ... }
    >>> triple_collocation(sources, draws=50).error.round(1).to_dict()
    {'sar': 0.5, 'altimeter': 0.2, 'model': 0.3}
    """
    if len(sources) != 3:
        raise OceansarError(
            f"triple collocation needs three sources; got {len(sources)}: {', '.join(sources)}."
        )
    columns = [np.asarray(values, np.float64) for values in sources.values()]
    shapes = {column.shape for column in columns}
    if len(shapes) != 1 or columns[0].ndim != 1:
        raise DimensionError(
            f"the three sources must be matched row by row; their shapes are {sorted(shapes)}."
        )
    rows = np.stack(columns, axis=1)
    total = len(rows)
    drawn = np.arange(total) if groups is None else np.asarray(groups)
    known = np.isfinite(rows).all(axis=1)
    rows = rows[known]
    if len(rows) < _FEW:
        raise OceansarError(
            f"triple collocation needs {_FEW} rows with all three sources at least; got {len(rows)} of {total}."
        )
    intervals = bootstrap_scores(
        _errors, drawn[known], rows, n=draws, confidence=confidence, seed=seed
    )
    covariance = np.cov(rows, rowvar=False)
    return pd.DataFrame(
        {
            "error": [intervals[f"error{k}"].value for k in range(3)],
            "lower": [intervals[f"error{k}"].lower for k in range(3)],
            "upper": [intervals[f"error{k}"].upper for k in range(3)],
            "correlation": _roots(_explained(covariance) / np.diag(covariance)),
            "slope": _slopes(covariance),
            "n": len(rows),
        },
        index=pd.Index(list(sources), name="source"),
    )


def _errors(rows: npt.NDArray[np.float64]) -> dict[str, float]:
    covariance = np.cov(rows, rowvar=False)
    errors = _roots(np.diag(covariance) - _explained(covariance))
    return {f"error{k}": float(error) for k, error in enumerate(errors)}


def _explained(covariance: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Variance of each source that is of the truth.

    Shapes: (3, 3) -> (3,).
    """
    (xy, xz, yz) = (covariance[i, j] for i, j in combinations(range(3), 2))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.array([xy * xz / yz, xy * yz / xz, xz * yz / xy])


def _slopes(covariance: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    (xy, xz, yz) = (covariance[i, j] for i, j in combinations(range(3), 2))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.array([1.0, yz / xz, yz / xy])


def _roots(squares: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Roots; NaN of what is negative."""
    return np.sqrt(np.where(squares >= 0, squares, np.nan))
