"""Scores of directions, and of axes whose two ways count as the same."""

import numpy as np
import numpy.typing as npt

from xoceansar.errors import OceansarError
from xoceansar.evaluate.metrics.complete_rows import (
    Floats,
    mean,
    root_mean_square,
    same_shape,
)


def direction_difference(
    y_true: npt.ArrayLike, y_pred: npt.ArrayLike, *, period: float = 360.0
) -> Floats:
    """Signed smallest turn from the truth to the prediction.

    Shapes: y_true, y_pred (n,) -> (n,). Degrees in ``[-period / 2, period / 2)``; NaN where
    either side is missing.

    Examples
    --------
    >>> direction_difference([350.0, 10.0], [10.0, 350.0]).tolist()
    [20.0, -20.0]
    >>> direction_difference([350.0], [170.0], period=180).tolist()
    [0.0]
    """
    if period not in (360, 180):
        raise OceansarError(
            f"period must be 360 (a direction) or 180 (an axis); got {period!r}."
        )
    true, pred = same_shape(y_true, y_pred)
    half = period / 2
    turned = np.mod(pred - true + half, period)
    # np.mod rounds a tiny negative number up to the period itself
    return np.asarray(np.where(turned == period, 0.0, turned) - half)


def direction_rmse(
    y_true: npt.ArrayLike, y_pred: npt.ArrayLike, period: float = 360.0
) -> float:
    """Root mean square of the smallest turn between two directions.

    Shapes: y_true, y_pred (n,).

    Examples
    --------
    >>> direction_rmse([355.0], [5.0])
    10.0
    """
    return root_mean_square(_turns(y_true, y_pred, period))


def direction_mae(
    y_true: npt.ArrayLike, y_pred: npt.ArrayLike, period: float = 360.0
) -> float:
    """Mean of the smallest turn between two directions, whichever way.

    Shapes: y_true, y_pred (n,).

    Examples
    --------
    >>> direction_mae([355.0, 0.0], [5.0, 340.0])
    15.0
    """
    return mean(np.abs(_turns(y_true, y_pred, period)))


def direction_bias(
    y_true: npt.ArrayLike, y_pred: npt.ArrayLike, period: float = 360.0
) -> float:
    """Circular mean of the turn from the truth to the prediction, clockwise positive.

    Shapes: y_true, y_pred (n,).

    Examples
    --------
    >>> round(direction_bias([350.0, 20.0], [0.0, 30.0]), 9)
    10.0
    """
    turns = _turns(y_true, y_pred, period) * (2 * np.pi / period)
    if not len(turns):
        return float("nan")
    middle = np.exp(1j * turns).mean()
    if abs(middle) < 1e-12:
        return float("nan")
    return float(np.angle(middle) * period / (2 * np.pi))


def _turns(y_true: npt.ArrayLike, y_pred: npt.ArrayLike, period: float) -> Floats:
    turns = direction_difference(y_true, y_pred, period=period)
    return turns[np.isfinite(turns)]
