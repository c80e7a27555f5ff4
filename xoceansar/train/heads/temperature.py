"""Calibrate a fitted classifier: one temperature for its logits.

References
----------
Guo et al. (2017), On calibration of modern neural networks, https://arxiv.org/abs/1706.04599.
"""

from dataclasses import replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar

from xoceansar.errors import DimensionError, TrainingError
from xoceansar.models.heads.head import Head, head_inputs
from xoceansar.train.heads.dataset_arrays import Features, Groups, Targets, arrays_of
from xoceansar.train.heads.samples import group_folds

__all__ = ["fit_temperature"]

Array = npt.NDArray[Any]

#: Temperatures between which the best is sought, as natural logarithms: 0.05 to 20.
_LIMITS: Final = (-3.0, 3.0)
#: Probabilities count as at least this much in the log-loss.
_LEAST: Final = 1e-12


def fit_temperature(
    head: Head,
    features: Features,
    targets: Targets,
    *,
    sigma0_mean: Array | None = None,
    incidence: Array | None = None,
    groups: Groups = None,
    seed: int = 0,
) -> Head:
    """Make the probabilities of a classifier as sure as they are right.

    Parameters
    ----------
    head : Head
        A fitted classifier; not modified. A temperature that it has already is replaced.
    features : ndarray (n, embedding_dim), Dataset or DataArray
        Embeddings of vignettes that the head was not fitted on, by group.
    targets : ndarray (n,), str or DataArray
        Name in the Dataset, or index in ``head.spec.classes``; negative or NaN where unknown, which drops the row.
    sigma0_mean, incidence : ndarray (n,), optional
        Mean sigma0 (linear) and incidence (degree), where the head takes them.
    groups : ndarray (n,), str or DataArray, optional
        Product or pass of each row, or its name with a Dataset, for the reported scores.
    seed : int
        Decides the folds of the reported scores.

    Returns
    -------
    Head
        With ``spec.temperature``, and the same most probable class. ``spec.metrics`` gains
        ``log_loss_uncalibrated``, ``log_loss_calibrated`` (each fifth of the groups at the
        temperature of the others) and ``n_calibration``.

    Raises
    ------
    TrainingError
        If the head is a regression, the targets are not its classes, or fewer than two classes
        or groups are there.
    DimensionError
        If the lengths differ.

    Notes
    -----
    ``p = softmax(z / T)`` of the logits z, with the T of the least log-loss. For a kNN, whose
    votes v have no logits, ``p ~ v^(1/T)``, which is the same for ``z = log v``.

    Examples
    --------
    >>> import numpy as np
    >>> from xoceansar.models import HeadSpec
    >>> rng = np.random.default_rng(0)
    >>> features = rng.normal(size=(400, 3)).astype(np.float32)
    >>> spec = HeadSpec(
    ...     name="ocean_class",
    ...     kind="logistic",
    ...     target="ocean_class",
    ...     units="1",
    ...     pooling="mean",
    ...     backbone_sha256="0" * 64,
    ...     classes=("pure_ocean_waves", "sea_ice"),
    ... )
    >>> truth = (features[:, 0] + rng.logistic(size=400) > 0).astype(int)
    >>> from xoceansar.train import fit_logistic
    >>> head = fit_logistic(features[:200], truth[:200], spec)
    >>> head = fit_temperature(head, features[200:], truth[200:])
    >>> 0.5 < head.spec.temperature < 2
    True
    """
    if not head.spec.is_classifier:
        raise TrainingError(
            f"head {head.spec.name!r} is a regression: it has no probabilities. Calibrate it "
            "with xoceansar.train.calibrate."
        )
    given = arrays_of(
        features,
        targets,
        head.spec,
        sigma0_mean=sigma0_mean,
        incidence=incidence,
        groups=groups,
    )
    raw = Head(replace(head.spec, temperature=1.0), head.arrays)
    inputs = head_inputs(given.features, given.sigma0_mean, given.incidence, head.spec)
    truth, logits, side = _known(head, raw(inputs), given.targets, given.groups)
    calibrated = np.empty(len(truth))
    for train, test in group_folds(side, 5, seed):
        temperature = _best(logits[train], truth[train])
        calibrated[test] = _losses(logits[test], truth[test], temperature)
    metrics = {
        "log_loss_uncalibrated": float(_losses(logits, truth, 1.0).mean()),
        "log_loss_calibrated": float(calibrated.mean()),
        "n_calibration": len(truth),
    }
    spec = replace(
        head.spec,
        temperature=_best(logits, truth),
        metrics={**head.spec.metrics, **metrics},
    )
    return Head(spec, head.arrays)


def _known(
    head: Head, probability: Array, targets: Array, groups: Array | None
) -> tuple[Array, Array, Array]:
    """Class, logits and group of the rows where all is known."""
    n = len(probability)
    y = np.asarray(targets, np.float64)
    side = np.arange(n) if groups is None else np.asarray(groups)
    for name, values in (("targets", y), ("groups", side)):
        if values.shape != (n,):
            raise DimensionError(
                f"{name} must have one value for each of the {n} rows of features; got the "
                f"shape {values.shape}."
            )
    known = (y >= 0) & np.isfinite(probability).all(axis=1)
    y, side = y[known], side[known]
    found = np.unique(y)
    fits = len(found) > 1 and found[-1] < len(head.spec.classes) and not (y % 1).any()
    if not fits or len(np.unique(side)) < 2:
        raise TrainingError(
            f"calibrating head {head.spec.name!r} needs two or more groups, with two or more "
            f"of its {len(head.spec.classes)} classes as indices; got {found.tolist()[:20]} in "
            f"{len(np.unique(side))} groups, after dropping {int((~known).sum())} incomplete "
            "rows."
        )
    tiny = np.finfo(np.float32).tiny
    logits = np.log(np.maximum(probability[known].astype(np.float64), tiny))
    return y.astype(np.int64), logits, side


def _losses(logits: Array, truth: Array, temperature: float) -> Array:
    cooled = logits / temperature
    cooled -= cooled.max(axis=1, keepdims=True)
    chosen = cooled[np.arange(len(truth)), truth] - np.log(np.exp(cooled).sum(axis=1))
    return np.asarray(-np.maximum(chosen, np.log(_LEAST)))


def _best(logits: Array, truth: Array) -> float:
    def loss(log_temperature: float) -> float:
        return float(_losses(logits, truth, np.exp(log_temperature)).mean())

    found = minimize_scalar(loss, bounds=_LIMITS, method="bounded")
    return float(np.exp(found.x))
