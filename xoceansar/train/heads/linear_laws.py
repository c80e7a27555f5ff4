"""Linear laws: ridge for numbers, logistic for classes, on standardised inputs."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from xoceansar._optional import require

__all__ = ["ALPHAS", "LEAST_LOGIT", "NEVER", "STRENGTHS", "logistic", "ridge"]

Array = npt.NDArray[Any]

#: Ridge penalties tried, relative to the variance of a standardised input.
ALPHAS: Final = tuple(10.0 ** (0.5 * i) for i in range(-12, 5))
#: Inverse penalties tried for logistic regression, as scikit-learn's ``C``.
STRENGTHS: Final = (1e-3, 1e-2, 1e-1, 1.0, 10.0)
#: Bias of a class without an example: its probability is zero.
NEVER: Final = -1e9
#: The same in a loss that other terms must be seen beside: a probability of 1e-13.
LEAST_LOGIT: Final = -30.0


def ridge(x: Array, y: Array, alphas: Sequence[float]) -> tuple[Array, Array]:
    """Fit ridge regressions of several penalties.

    Shapes: `x` (n, inputs), `y` (n,).

    Notes
    -----
    One eigendecomposition serves all penalties.
    """
    x64 = x.astype(np.float64)
    x_mean, y_mean = x64.mean(axis=0), y.mean()
    x64 -= x_mean
    variance, axes = np.linalg.eigh(x64.T @ x64 / len(y))
    projected = axes.T @ (x64.T @ (y - y_mean)) / len(y)
    damped = np.maximum(variance, 0)[:, None] + np.asarray(alphas)
    weights = axes @ (projected[:, None] / damped)
    return weights, y_mean - x_mean @ weights


def logistic(
    x: Array, y: Array, strength: float, class_weight: Array
) -> tuple[Array, Array]:
    """Fit a multinomial logistic regression.

    Shapes: `x` (n, inputs), `y` (n,), `class_weight` (classes,).
    """
    linear_model = require("sklearn.linear_model", extra="train")
    present = {int(k): class_weight[k] for k in np.unique(y)}
    model = linear_model.LogisticRegression(
        C=strength, max_iter=2000, class_weight=present
    ).fit(x, y)
    weight = np.zeros((x.shape[1], len(class_weight)))
    bias = np.full(len(class_weight), NEVER)
    if len(model.classes_) == 2:  # one column, the log-odds of the second class
        weight[:, model.classes_[1]] = model.coef_[0]
        bias[model.classes_] = 0.0, model.intercept_[0]
    else:
        weight[:, model.classes_] = model.coef_.T
        bias[model.classes_] = model.intercept_
    return weight, bias
