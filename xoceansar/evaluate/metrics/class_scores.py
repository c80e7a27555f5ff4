"""Scores of classes and of their probabilities."""

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from xoceansar.errors import DimensionError
from xoceansar.evaluate.metrics.complete_rows import Floats, labels, mean, probabilities

#: Bins of confidence in a reliability curve.
_BINS: Final = 15


def accuracy(y_true: npt.ArrayLike, y_pred: npt.ArrayLike) -> float:
    """Fraction of the rows whose class is right.

    Shapes: y_true, y_pred (n,).

    Examples
    --------
    >>> accuracy([0, 1, 2, -1], [0, 1, 1, 1])
    0.6666666666666666
    """
    true, pred = labels(y_true, y_pred)
    return mean(true == pred)


def balanced_accuracy(y_true: npt.ArrayLike, y_pred: npt.ArrayLike) -> float:
    """Mean over the classes of the fraction found: each class weighs the same.

    Shapes: y_true, y_pred (n,).

    Examples
    --------
    >>> balanced_accuracy([0, 0, 0, 1], [0, 0, 0, 0])
    0.5
    """
    counts = confusion_matrix(y_true, y_pred)
    present = counts.sum(axis=1) > 0
    return mean(np.diag(counts)[present] / counts.sum(axis=1)[present])


def f1_macro(y_true: npt.ArrayLike, y_pred: npt.ArrayLike) -> float:
    """Mean over the classes of F1, the harmonic mean of precision and recall.

    Shapes: y_true, y_pred (n,).

    Examples
    --------
    >>> f1_macro([0, 0, 1, 1], [0, 0, 1, 1])
    1.0
    """
    counts = confusion_matrix(y_true, y_pred)
    both = counts.sum(axis=0) + counts.sum(axis=1)
    present = both > 0
    return mean(2 * np.diag(counts)[present] / both[present])


def confusion_matrix(
    y_true: npt.ArrayLike, y_pred: npt.ArrayLike, n_classes: int | None = None
) -> npt.NDArray[np.int64]:
    """Count the rows of each true class (row) and each predicted class (column).

    Shapes: y_true, y_pred (n,) -> (n_classes, n_classes).

    Examples
    --------
    >>> confusion_matrix([0, 0, 1], [0, 1, 1]).tolist()
    [[1, 1], [0, 1]]
    """
    true, pred = labels(y_true, y_pred)
    most = int(max(true.max(initial=-1), pred.max(initial=-1))) + 1
    k = most if n_classes is None else n_classes
    if most > k:
        raise DimensionError(
            f"classes must be below n_classes={k}; found {most - 1}. Give all the classes."
        )
    return np.bincount(true * k + pred, minlength=k * k).reshape(k, k)


def log_loss(y_true: npt.ArrayLike, probability: npt.ArrayLike) -> float:
    """Mean of minus the logarithm of the probability that the true class was given.

    Shapes: `y_true` (n,), `probability` (n, K).

    Notes
    -----
    A probability of zero counts as the smallest step from zero of its floating-point kind, as
    in scikit-learn: a model that was certain and wrong is finite, and bad.

    Examples
    --------
    >>> round(log_loss([0, 1], [[0.5, 0.5], [0.5, 0.5]]), 6)
    0.693147
    """
    dtype = np.asarray(probability).dtype
    least = np.finfo(dtype if dtype.kind == "f" else np.float64).eps
    true, p = probabilities(y_true, probability)
    given = p[np.arange(len(true)), true]
    return mean(-np.log(np.clip(given, least, 1 - least)))


def brier(y_true: npt.ArrayLike, probability: npt.ArrayLike) -> float:
    """Mean squared distance of the probabilities from certainty of the true class.

    Shapes: `y_true` (n,), `probability` (n, K).

    Examples
    --------
    >>> brier([0], [[0.5, 0.5]])
    0.5
    """
    true, p = probabilities(y_true, probability)
    certain = np.eye(p.shape[1])[true]
    return mean(((p - certain) ** 2).sum(axis=1))


class Reliability(NamedTuple):
    """How often the most likely class is right, by how sure the model was."""

    #: (bins,): Mean probability of the most likely class in each bin; NaN in an empty bin.
    confidence: Floats
    #: (bins,): Fraction of them that are right; NaN in an empty bin.
    accuracy: Floats
    #: (bins,) of int: How many are in each bin.
    rows: npt.NDArray[np.int64]


def reliability_curve(
    y_true: npt.ArrayLike, probability: npt.ArrayLike, bins: int = _BINS
) -> Reliability:
    """Compare confidence with accuracy, in bins of equal width from 0 to 1.

    Shapes: `y_true` (n,), `probability` (n, K).

    Examples
    --------
    >>> reliability_curve([0, 1], [[0.9, 0.1], [0.8, 0.2]], bins=1).accuracy.tolist()
    [0.5]
    """
    true, p = probabilities(y_true, probability)
    sure = p.max(axis=1) if len(p) else np.zeros(0)
    right = p.argmax(axis=1) == true if len(p) else np.zeros(0)
    edges = np.linspace(0.0, 1.0, bins + 1)
    index = np.clip(np.searchsorted(edges, sure, side="right") - 1, 0, bins - 1)
    count = np.bincount(index, minlength=bins)
    with np.errstate(invalid="ignore"):
        confidence = np.bincount(index, sure, bins) / count
        correct = np.bincount(index, right, bins) / count
    return Reliability(confidence, correct, count)


def expected_calibration_error(
    y_true: npt.ArrayLike, probability: npt.ArrayLike, bins: int = _BINS
) -> float:
    """Mean gap between confidence and accuracy, over the bins of `reliability_curve`.

    Shapes: `y_true` (n,), `probability` (n, K).

    Examples
    --------
    >>> round(expected_calibration_error([0, 0], [[0.8, 0.2], [0.6, 0.4]]), 6)
    0.3
    """
    curve = reliability_curve(y_true, probability, bins)
    if not curve.rows.sum():
        return float("nan")
    gap = np.abs(np.nan_to_num(curve.confidence - curve.accuracy))
    return float(gap @ curve.rows / curve.rows.sum())
