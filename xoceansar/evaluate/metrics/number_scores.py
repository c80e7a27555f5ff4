"""Scores of numbers: wave height, wind speed."""

import numpy as np
import numpy.typing as npt

from xoceansar.evaluate.metrics.complete_rows import (
    Floats,
    mean,
    pairs,
    root_mean_square,
)


def rmse(y_true: npt.ArrayLike, y_pred: npt.ArrayLike) -> float:
    """Root mean square error.

    Shapes: y_true, y_pred (n,).

    Examples
    --------
    >>> rmse([1.0, 2.0, float("nan")], [4.0, 5.0, 3.0])
    3.0
    """
    true, pred = pairs(y_true, y_pred)
    return root_mean_square(pred - true)


def bias(y_true: npt.ArrayLike, y_pred: npt.ArrayLike) -> float:
    """Mean error: positive where the prediction is too high.

    Shapes: y_true, y_pred (n,).

    Examples
    --------
    >>> bias([1.0, 2.0], [2.0, 2.5])
    0.75
    """
    true, pred = pairs(y_true, y_pred)
    return mean(pred - true)


def mae(y_true: npt.ArrayLike, y_pred: npt.ArrayLike) -> float:
    """Mean absolute error.

    Shapes: y_true, y_pred (n,).

    Examples
    --------
    >>> mae([1.0, 2.0], [2.0, 1.5])
    0.75
    """
    true, pred = pairs(y_true, y_pred)
    return mean(np.abs(pred - true))


def scatter_index(y_true: npt.ArrayLike, y_pred: npt.ArrayLike) -> float:
    """Spread of the error, its mean taken out, over the mean of the truth.

    Shapes: y_true, y_pred (n,).

    Notes
    -----
    The definition of the wave-model community. It has no bias in it: a model that is low
    everywhere by the same amount scores zero, so read it beside `bias`.

    Examples
    --------
    >>> scatter_index([1.0, 3.0], [2.0, 4.0])
    0.0
    """
    true, pred = pairs(y_true, y_pred)
    middle = mean(true)
    if not middle:
        return float("nan")
    error = pred - true
    return root_mean_square(error - mean(error)) / middle


def correlation(y_true: npt.ArrayLike, y_pred: npt.ArrayLike) -> float:
    """Pearson correlation.

    Shapes: y_true, y_pred (n,).

    Examples
    --------
    >>> round(correlation([1.0, 2.0, 3.0], [2.0, 4.0, 6.0]), 12)
    1.0
    """
    true, pred = pairs(y_true, y_pred)
    if len(true) < 2 or np.ptp(true) == 0 or np.ptp(pred) == 0:
        return float("nan")
    # scaled first: the product of two tiny spreads must not underflow to zero
    a, b = (_unit(v - v.mean()) for v in (true, pred))
    return float(np.clip(a @ b, -1.0, 1.0))


def _unit(v: Floats) -> Floats:
    scaled = v / np.abs(v).max()
    return np.asarray(scaled / np.linalg.norm(scaled))
