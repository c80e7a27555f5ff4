"""Fit a head on frozen features: ridge, logistic or nearest neighbours.

Arrays in, a `xoceansar.models.Head` out, which `xoceansar.models.write_bundle` writes. Validation
is by group (product, orbit pass), never by vignette: neighbours 100 km apart on one pass see the
same sea.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from xoceansar.models.heads.head import Head
from xoceansar.models.spec import HeadSpec
from xoceansar.train.heads.dataset_arrays import Features, Groups, Targets
from xoceansar.train.heads.linear_laws import ALPHAS, STRENGTHS, logistic, ridge
from xoceansar.train.heads.samples import (
    ClassWeights,
    Sample,
    class_folds,
    complete_rows,
    group_folds,
    weigh_classes,
)

__all__ = ["fit_knn", "fit_logistic", "fit_ridge"]

Array = npt.NDArray[Any]


def fit_ridge(
    features: Features,
    targets: Targets,
    spec: HeadSpec,
    *,
    sigma0_mean: Array | None = None,
    incidence: Array | None = None,
    groups: Groups = None,
    alphas: Sequence[float] = ALPHAS,
    folds: int = 5,
    seed: int = 0,
) -> Head:
    """Fit a linear head by ridge regression, its penalty by cross-validation.

    Parameters
    ----------
    features : ndarray (n, embedding_dim), Dataset or DataArray
        Embeddings by the backbone that `spec` names, with the columns of its features after them; or a
        Dataset of ``embedding_vector``, features and coordinates, as `xoceansar.train.fit` takes.
    targets : ndarray (n,), str or DataArray
        Target, or its name in the Dataset, in ``spec.units``. Rows with a missing target or input are dropped and counted.
    spec : HeadSpec
        What is fitted, of kind ``linear``; its metrics are filled in.
    sigma0_mean, incidence : ndarray (n,), optional
        Mean sigma0 (linear) and incidence (degree), where ``spec.ancillary`` asks for them.
    groups : ndarray (n,), str or DataArray, optional
        Product or pass of each row, ``orbit_pass`` or a coordinate's name with a Dataset: a group is never on both sides of a split. Each row is its
        own group where not given.
    alphas : sequence of float
        Penalties to try.
    folds : int
        Folds of the cross-validation, at most the number of groups.
    seed : int
        Decides which group goes to which fold.

    Returns
    -------
    Head
        ``spec.metrics``: ``cv_rmse`` (out of fold, in the units of the target), ``alpha``,
        ``n_fit``, ``n_dropped``.

    Raises
    ------
    TrainingError
        If the target is constant, there are too few rows or groups, or the kind is another.

    Notes
    -----
    With standardised inputs X and centred targets y the weights are
    ``(X'X / n + alpha I)^-1 X'y / n``, from one eigendecomposition for each fold.

    Examples
    --------
    >>> import numpy as np
    >>> from xoceansar.models import HeadSpec
    >>> rng = np.random.default_rng(0)
    >>> features = rng.normal(size=(40, 3)).astype(np.float32)
    >>> spec = HeadSpec(
    ...     name="swh",
    ...     kind="linear",
    ...     target="swh",
    ...     units="m",
    ...     pooling="mean",
    ...     backbone_sha256="0" * 64,
    ... )
    >>> head = fit_ridge(features, 3 + features[:, 0], spec)
    >>> head(np.array([[0.5, 0.0, 0.0]])).round(2)
    array([[3.5]], dtype=float32)
    """
    sample = complete_rows(
        features, targets, spec, "linear", sigma0_mean, incidence, groups
    )
    x, y = sample.inputs, sample.targets
    squared = np.zeros(len(alphas))
    for train, test in group_folds(sample.groups, folds, seed):
        weights, offset = ridge(x[train], y[train], alphas)
        squared += ((x[test] @ weights + offset - y[test, None]) ** 2).sum(axis=0)
    rmse = np.sqrt(squared / len(y))
    best = int(rmse.argmin())
    weights, offset = ridge(x, y, [alphas[best]])
    metrics = {"cv_rmse": float(rmse[best]), "alpha": float(alphas[best])}
    return finished(spec, sample, metrics, weight=weights, bias=offset)


def fit_logistic(
    features: Features,
    targets: Targets,
    spec: HeadSpec,
    *,
    sigma0_mean: Array | None = None,
    incidence: Array | None = None,
    groups: Groups = None,
    strengths: Sequence[float] = STRENGTHS,
    class_weight: ClassWeights = None,
    folds: int = 5,
    seed: int = 0,
) -> Head:
    """Fit a multinomial logistic head, its penalty by cross-validated log-loss.

    Parameters
    ----------
    features : ndarray (n, embedding_dim), Dataset or DataArray
        Embeddings by the backbone that `spec` names, with the columns of its features after them; or a
        Dataset of ``embedding_vector``, features and coordinates, as `xoceansar.train.fit` takes.
    targets : ndarray (n,), str or DataArray
        Name in the Dataset, or index in ``spec.classes``; negative or NaN where unknown, which drops the row.
    spec : HeadSpec
        What is fitted, of kind ``logistic``; its metrics are filled in.
    sigma0_mean, incidence : ndarray (n,), optional
        Mean sigma0 (linear) and incidence (degree), where ``spec.ancillary`` asks for them.
    groups : ndarray (n,), str or DataArray, optional
        Product or pass of each row, ``orbit_pass`` or a coordinate's name with a Dataset: a group is never on both sides of a split.
    strengths : sequence of float
        Inverse penalties to try, scikit-learn's ``C``; from the smallest on, until the loss rises.
    class_weight : "balanced", mapping of str to float, or None
        Weight of a row of each class in the loss, and in the loss that chooses the penalty: n / (K
        n_k) with n_k of n rows in one of K classes; by name, 1 where not named; or 1.
    folds : int
        Folds of the cross-validation, stratified by class, at most the number of groups.
    seed : int
        Decides which group goes to which fold.

    Returns
    -------
    Head
        ``spec.metrics``: ``cv_accuracy``, ``cv_log_loss``, ``strength``, ``n_fit``,
        ``n_dropped``. A class of ``spec.classes`` without an example has probability zero.

    Raises
    ------
    TrainingError
        If fewer than two classes have examples, there are too few groups, or the kind is another.

    Examples
    --------
    >>> import numpy as np
    >>> from xoceansar.models import HeadSpec
    >>> rng = np.random.default_rng(0)
    >>> features = rng.normal(size=(100, 3)).astype(np.float32)
    >>> spec = HeadSpec(
    ...     name="ocean_class",
    ...     kind="logistic",
    ...     target="ocean_class",
    ...     units="1",
    ...     pooling="mean",
    ...     backbone_sha256="0" * 64,
    ...     classes=("pure_ocean_waves", "sea_ice"),
    ... )
    >>> head = fit_logistic(features, (features[:, 0] > 0).astype(int), spec)
    >>> head(np.array([[2.0, 0.0, 0.0], [-2.0, 0.0, 0.0]])).argmax(axis=1)
    array([1, 0])
    """
    sample = complete_rows(
        features, targets, spec, "logistic", sigma0_mean, incidence, groups
    )
    x, y = sample.inputs, sample.targets.astype(np.int64)
    weights = weigh_classes(y, spec.classes, class_weight)
    splits = list(class_folds(y, sample.groups, folds, seed))
    tried = sorted(strengths)
    losses, hits = list[float](), list[float]()
    for strength in tried:
        if len(losses) > 1 and losses[-1] > losses[-2]:
            break
        probability = np.empty((len(y), len(spec.classes)))
        for train, test in splits:
            weight, bias = logistic(x[train], y[train], strength, weights)
            fold = Head(
                spec, as_float32({"weight": weight, "bias": bias, **unscaled(x)})
            )
            probability[test] = fold(x[test])
        chosen = probability[np.arange(len(y)), y]
        loss = -np.log(np.maximum(chosen, 1e-12))
        losses.append(float(np.average(loss, weights=weights[y])))
        hits.append(float((probability.argmax(axis=1) == y).mean()))
    best = int(np.argmin(losses))
    metrics = {
        "cv_accuracy": hits[best],
        "cv_log_loss": losses[best],
        "strength": float(tried[best]),
    }
    weight, bias = logistic(x, y, tried[best], weights)
    return finished(spec, sample, metrics, weight=weight, bias=bias)


def fit_knn(
    features: Features,
    targets: Targets,
    spec: HeadSpec,
    *,
    sigma0_mean: Array | None = None,
    incidence: Array | None = None,
    groups: Groups = None,
    n_neighbors: int = 20,
    temperature: float = 0.07,
) -> Head:
    """Make a nearest-neighbour head: it remembers the sample.

    Parameters
    ----------
    features : ndarray (n, embedding_dim), Dataset or DataArray
        Embeddings by the backbone that `spec` names, with the columns of its features after them; or a
        Dataset of ``embedding_vector``, features and coordinates, as `xoceansar.train.fit` takes.
    targets : ndarray (n,)
        Target in ``spec.units``, or index in ``spec.classes`` for a classifier (negative where
        unknown). Rows with a missing target or input are dropped and counted.
    spec : HeadSpec
        What is fitted, of kind ``knn``; its metrics are filled in.
    sigma0_mean, incidence : ndarray (n,), optional
        Mean sigma0 (linear) and incidence (degree), where ``spec.ancillary`` asks for them.
    groups : ndarray (n,), str or DataArray, optional
        Product or pass of each row, or its name with a Dataset: the reported score uses neighbours of other groups only.
    n_neighbors : int
        How many neighbours vote.
    temperature : float
        Each weighs ``exp(cosine / temperature)``, as in the evaluation of DINO.

    Returns
    -------
    Head
        ``spec.metrics``: ``cv_rmse`` or ``cv_accuracy`` over the other groups, ``n_fit``,
        ``n_dropped``.

    Raises
    ------
    TrainingError
        If the target is constant, there are fewer than two groups, or the kind is another.

    References
    ----------
    Caron et al. (2021), https://doi.org/10.1109/ICCV48922.2021.00951.

    Examples
    --------
    >>> import numpy as np
    >>> from xoceansar.models import HeadSpec
    >>> rng = np.random.default_rng(0)
    >>> features = rng.normal(size=(200, 3)).astype(np.float32)
    >>> spec = HeadSpec(
    ...     name="swh",
    ...     kind="knn",
    ...     target="swh",
    ...     units="m",
    ...     pooling="mean",
    ...     backbone_sha256="0" * 64,
    ... )
    >>> head = fit_knn(features, np.where(features[:, 0] > 0, 4.0, 2.0), spec)
    >>> head(np.array([[3.0, 0.0, 0.0], [-3.0, 0.0, 0.0]])).round(1)
    array([[4.],
           [2.]], dtype=float32)
    """
    sample = complete_rows(
        features, targets, spec, "knn", sigma0_mean, incidence, groups
    )
    x, y = sample.inputs, sample.targets
    length = np.linalg.norm(x, axis=1, keepdims=True)
    bank = x / np.maximum(length, np.finfo(np.float32).tiny)
    values = (
        np.eye(len(spec.classes))[y.astype(np.int64)] if spec.classes else y[:, None]
    )
    fixed = {"neighbours": np.array(n_neighbors), "temperature": np.array(temperature)}
    predicted = np.empty((len(y), spec.n_outputs))
    for train, test in group_folds(sample.groups, 5, 0):
        parts = {"bank": bank[train], "values": values[train], **fixed, **unscaled(x)}
        predicted[test] = Head(spec, as_float32(parts))(x[test])
    metrics = score(predicted, y, spec, "cv")
    return finished(spec, sample, metrics, bank=bank, values=values, **fixed)


def score(predicted: Array, y: Array, spec: HeadSpec, prefix: str) -> dict[str, float]:
    """Score a head by one number, in the units of the target.

    Shapes: `predicted` (n, K), `y` (n,).
    """
    if spec.classes:
        return {f"{prefix}_accuracy": float((predicted.argmax(axis=1) == y).mean())}
    return {f"{prefix}_rmse": float(np.sqrt(((predicted[:, 0] - y) ** 2).mean()))}


def unscaled(x: Array) -> dict[str, Array]:
    """Return the arrays of a head that takes standardised inputs as they are.

    Shapes: `x` (n, inputs).
    """
    return {"mean": np.zeros(x.shape[1]), "std": np.ones(x.shape[1])}


def as_float32(arrays: dict[str, Any]) -> dict[str, npt.NDArray[np.float32]]:
    """Convert the arrays of a head to the type that it keeps."""
    return {name: np.asarray(array, dtype=np.float32) for name, array in arrays.items()}


def finished(
    spec: HeadSpec, sample: Sample, metrics: dict[str, Any], **arrays: Array
) -> Head:
    """Put a head together."""
    filled = replace(spec, metrics={**spec.metrics, **metrics, **sample.counts})
    return Head(filled, as_float32({**sample.scaling, **arrays}))
