"""Complete rows of truth and prediction."""

import numpy as np
import numpy.typing as npt

from xoceansar._typing import Array
from xoceansar.errors import DimensionError

Floats = npt.NDArray[np.float64]


def same_shape(a: npt.ArrayLike, b: npt.ArrayLike) -> tuple[Floats, Floats]:
    """Give both as floats, or refuse two shapes."""
    true, pred = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if true.shape != pred.shape:
        raise DimensionError(
            f"truth and prediction must have the same shape; got {true.shape} and "
            f"{pred.shape}."
        )
    return true, pred


def pairs(a: npt.ArrayLike, b: npt.ArrayLike) -> tuple[Floats, Floats]:
    """Give the pairs whose two numbers are finite."""
    true, pred = same_shape(a, b)
    known = np.isfinite(true) & np.isfinite(pred)
    return true[known], pred[known]


def labels(
    a: npt.ArrayLike, b: npt.ArrayLike
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Give the pairs whose two classes are known."""
    true, pred = pairs(a, b)
    known = (true >= 0) & (pred >= 0)
    return true[known].astype(np.int64), pred[known].astype(np.int64)


def probabilities(
    y_true: npt.ArrayLike, probability: npt.ArrayLike
) -> tuple[npt.NDArray[np.int64], Floats]:
    """Give the rows whose class and probabilities are known."""
    true = np.asarray(y_true, dtype=np.float64)
    p = np.asarray(probability, dtype=np.float64)
    if p.ndim != 2 or true.shape != p.shape[:1]:
        raise DimensionError(
            "probability must have the shape (rows, classes), with one row for each truth; got "
            f"{p.shape} for truth of shape {true.shape}."
        )
    known = np.isfinite(true) & (true >= 0) & np.isfinite(p).all(axis=1)
    classes = true[known].astype(np.int64)
    if classes.max(initial=-1) >= p.shape[1]:
        raise DimensionError(
            f"classes must be below the {p.shape[1]} columns of probability; found "
            f"{classes.max()}."
        )
    return classes, p[known]


def mean(values: Array) -> float:
    """Mean; NaN of nothing."""
    return float(np.mean(values)) if len(values) else float("nan")


def root_mean_square(values: Array) -> float:
    """Root of the mean square; NaN of nothing."""
    return float(np.sqrt(np.mean(np.square(values)))) if len(values) else float("nan")
