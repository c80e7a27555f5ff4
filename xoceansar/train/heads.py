"""Fit a head on frozen features: ridge, logistic, nearest neighbours or a small perceptron.

Arrays in, a `xoceansar.models.Head` out, which `xoceansar.models.write_bundle` writes. Validation
is by group (product, orbit pass), never by vignette: neighbours 100 km apart on one pass see the
same sea.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from xoceansar._optional import require
from xoceansar.models.heads import Head
from xoceansar.models.spec import HeadSpec
from xoceansar.train import mlp
from xoceansar.train.sample import Sample, class_folds, complete_rows, group_folds

__all__ = ["fit_knn", "fit_logistic", "fit_mlp", "fit_ridge"]

Array = npt.NDArray[Any]

#: Ridge penalties tried, relative to the variance of a standardised input.
_ALPHAS: Final = tuple(10.0 ** (0.5 * i) for i in range(-12, 5))
#: Inverse penalties tried for logistic regression, as scikit-learn's ``C``.
_STRENGTHS: Final = (1e-3, 1e-2, 1e-1, 1.0, 10.0)
#: Bias of a class without an example: its probability is zero.
_NEVER: Final = -1e9


def fit_ridge(
    features: Array,
    targets: Array,
    spec: HeadSpec,
    *,
    sigma0_mean: Array | None = None,
    incidence: Array | None = None,
    groups: Array | None = None,
    alphas: Sequence[float] = _ALPHAS,
    folds: int = 5,
    seed: int = 0,
) -> Head:
    """Fit a linear head by ridge regression, its penalty by cross-validation.

    Parameters
    ----------
    features : ndarray (n, embedding_dim)
        Embeddings by the backbone that `spec` names.
    targets : ndarray (n,)
        Target, in ``spec.units``. Rows with a missing target or input are dropped and counted.
    spec : HeadSpec
        What is fitted, of kind ``linear``; its metrics are filled in.
    sigma0_mean, incidence : ndarray (n,), optional
        Mean sigma0 (linear) and incidence (degree), where ``spec.ancillary`` asks for them.
    groups : ndarray (n,), optional
        Product or pass of each row: a group is never on both sides of a split. Each row is its
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
    """
    sample = complete_rows(
        features, targets, spec, "linear", sigma0_mean, incidence, groups
    )
    x, y = sample.inputs, sample.targets
    squared = np.zeros(len(alphas))
    for train, test in group_folds(sample.groups, folds, seed):
        weights, offset = _ridge(x[train], y[train], alphas)
        squared += ((x[test] @ weights + offset - y[test, None]) ** 2).sum(axis=0)
    rmse = np.sqrt(squared / len(y))
    best = int(rmse.argmin())
    weights, offset = _ridge(x, y, [alphas[best]])
    metrics = {"cv_rmse": float(rmse[best]), "alpha": float(alphas[best])}
    return _head(spec, sample, metrics, weight=weights, bias=offset)


def fit_logistic(
    features: Array,
    targets: Array,
    spec: HeadSpec,
    *,
    sigma0_mean: Array | None = None,
    incidence: Array | None = None,
    groups: Array | None = None,
    strengths: Sequence[float] = _STRENGTHS,
    balanced: bool = False,
    folds: int = 5,
    seed: int = 0,
) -> Head:
    """Fit a multinomial logistic head, its penalty by cross-validated log-loss.

    Parameters
    ----------
    features : ndarray (n, embedding_dim)
        Embeddings by the backbone that `spec` names.
    targets : ndarray (n,)
        Index in ``spec.classes``; negative or NaN where unknown, which drops the row.
    spec : HeadSpec
        What is fitted, of kind ``logistic``; its metrics are filled in.
    sigma0_mean, incidence : ndarray (n,), optional
        Mean sigma0 (linear) and incidence (degree), where ``spec.ancillary`` asks for them.
    groups : ndarray (n,), optional
        Product or pass of each row: a group is never on both sides of a split.
    strengths : sequence of float
        Inverse penalties to try, scikit-learn's ``C``.
    balanced : bool
        Whether classes weigh the same whatever their number of rows.
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
    """
    sample = complete_rows(
        features, targets, spec, "logistic", sigma0_mean, incidence, groups
    )
    x, y = sample.inputs, sample.targets.astype(np.int64)
    splits = list(class_folds(y, sample.groups, folds, seed))
    losses, hits = [], []
    for strength in strengths:
        probability = np.empty((len(y), len(spec.classes)))
        for train, test in splits:
            arrays = _logistic(x[train], y[train], spec, strength, balanced)
            fold = Head(spec, {**_unscaled(x), **arrays})
            probability[test] = fold(x[test])
        chosen = probability[np.arange(len(y)), y]
        losses.append(float(-np.log(np.maximum(chosen, 1e-12)).mean()))
        hits.append(float((probability.argmax(axis=1) == y).mean()))
    best = int(np.argmin(losses))
    metrics = {
        "cv_accuracy": hits[best],
        "cv_log_loss": losses[best],
        "strength": float(strengths[best]),
    }
    arrays = _logistic(x, y, spec, strengths[best], balanced)
    return _head(spec, sample, metrics, **arrays)


def fit_knn(
    features: Array,
    targets: Array,
    spec: HeadSpec,
    *,
    sigma0_mean: Array | None = None,
    incidence: Array | None = None,
    groups: Array | None = None,
    neighbours: int = 20,
    temperature: float = 0.07,
) -> Head:
    """Make a nearest-neighbour head: it remembers the sample.

    Parameters
    ----------
    features : ndarray (n, embedding_dim)
        Embeddings by the backbone that `spec` names.
    targets : ndarray (n,)
        Target in ``spec.units``, or index in ``spec.classes`` for a classifier (negative where
        unknown). Rows with a missing target or input are dropped and counted.
    spec : HeadSpec
        What is fitted, of kind ``knn``; its metrics are filled in.
    sigma0_mean, incidence : ndarray (n,), optional
        Mean sigma0 (linear) and incidence (degree), where ``spec.ancillary`` asks for them.
    groups : ndarray (n,), optional
        Product or pass of each row: the reported score uses neighbours of other groups only.
    neighbours : int
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
    fixed = {"neighbours": np.array(neighbours), "temperature": np.array(temperature)}
    predicted = np.empty((len(y), spec.n_outputs))
    for train, test in group_folds(sample.groups, 5, 0):
        parts = {"bank": bank[train], "values": values[train], **fixed, **_unscaled(x)}
        predicted[test] = Head(spec, _float32(parts))(x[test])
    metrics = _score(predicted, y, spec, "cv")
    return _head(spec, sample, metrics, bank=bank, values=values, **fixed)


def fit_mlp(
    features: Array,
    targets: Array,
    spec: HeadSpec,
    *,
    sigma0_mean: Array | None = None,
    incidence: Array | None = None,
    groups: Array | None = None,
    hidden: tuple[int, int] = (256, 256),
    learning_rate: float = 1e-3,
    weight_decay: float = 0.01,
    dropout: float = 0.1,
    batch: int = 256,
    epochs: int = 300,
    patience: int = 30,
    validation_fraction: float = 0.15,
    seed: int = 0,
) -> Head:
    """Fit a perceptron of three layers by AdamW, stopped early on held-out groups.

    Parameters
    ----------
    features : ndarray (n, embedding_dim)
        Embeddings by the backbone that `spec` names.
    targets : ndarray (n,)
        Target in ``spec.units``, or index in ``spec.classes`` for a classifier (negative where
        unknown). Rows with a missing target or input are dropped and counted.
    spec : HeadSpec
        What is fitted, of kind ``mlp``; its metrics are filled in.
    sigma0_mean, incidence : ndarray (n,), optional
        Mean sigma0 (linear) and incidence (degree), where ``spec.ancillary`` asks for them.
    groups : ndarray (n,), optional
        Product or pass of each row: a group is never on both sides of the split.
    hidden : tuple of int
        Widths of the two hidden layers.
    learning_rate, weight_decay : float
        Of AdamW.
    dropout : float
        Probability of dropping a hidden unit while training.
    batch : int
        Rows for each step.
    epochs : int
        Passes over the sample, at most.
    patience : int
        Passes without a better validation loss before stopping.
    validation_fraction : float
        Fraction of the groups that is held out.
    seed : int
        Decides the split, the first weights and the order of the rows. The state of torch's
        generator is left as it was.

    Returns
    -------
    Head
        With the weights of the best pass. ``spec.metrics``: ``val_rmse`` or ``val_accuracy``,
        ``epoch``, ``n_fit``, ``n_dropped``.

    Raises
    ------
    TrainingError
        If the target is constant, there are fewer than two groups, or the kind is another.

    Notes
    -----
    Squared error of the standardised target, or cross-entropy; GELU between the layers.
    """
    sample = complete_rows(
        features, targets, spec, "mlp", sigma0_mean, incidence, groups
    )
    x, y = sample.inputs, sample.targets
    folds = max(2, round(1 / validation_fraction))
    train, test = next(group_folds(sample.groups, folds, seed))
    middle, spread = (
        (0.0, 1.0) if spec.classes else (y[train].mean(), y[train].std() or 1.0)
    )
    recipe = mlp.Recipe(
        hidden=hidden,
        outputs=spec.n_outputs,
        classes=spec.is_classifier,
        learning_rate=learning_rate,
        weight_decay=weight_decay,
        dropout=dropout,
        batch=batch,
        epochs=epochs,
        patience=patience,
        seed=seed,
    )
    scaled = (y - middle) / spread
    arrays, epoch = mlp.train(x[train], scaled[train], x[test], scaled[test], recipe)
    arrays["weight2"] = arrays["weight2"] * spread
    arrays["bias2"] = arrays["bias2"] * spread + middle
    held_out = Head(spec, _float32({**arrays, **_unscaled(x)}))(x[test])
    metrics = {**_score(held_out, y[test], spec, "val"), "epoch": epoch}
    return _head(spec, sample, metrics, **arrays)


def _ridge(x: Array, y: Array, alphas: Sequence[float]) -> tuple[Array, Array]:
    """Weights (inputs, penalties) and offsets (penalties,)."""
    x64 = x.astype(np.float64)
    x_mean, y_mean = x64.mean(axis=0), y.mean()
    x64 -= x_mean
    variance, axes = np.linalg.eigh(x64.T @ x64 / len(y))
    projected = axes.T @ (x64.T @ (y - y_mean)) / len(y)
    damped = np.maximum(variance, 0)[:, None] + np.asarray(alphas)
    weights = axes @ (projected[:, None] / damped)
    return weights, y_mean - x_mean @ weights


def _logistic(
    x: Array, y: Array, spec: HeadSpec, strength: float, balanced: bool
) -> dict[str, npt.NDArray[np.float32]]:
    linear_model = require("sklearn.linear_model", extra="train")
    model = linear_model.LogisticRegression(
        C=strength, max_iter=2000, class_weight="balanced" if balanced else None
    ).fit(x, y)
    weight = np.zeros((x.shape[1], len(spec.classes)))
    bias = np.full(len(spec.classes), _NEVER)
    if len(model.classes_) == 2:  # one column, the log-odds of the second class
        weight[:, model.classes_[1]] = model.coef_[0]
        bias[model.classes_] = 0.0, model.intercept_[0]
    else:
        weight[:, model.classes_] = model.coef_.T
        bias[model.classes_] = model.intercept_
    return _float32({"weight": weight, "bias": bias})


def _score(predicted: Array, y: Array, spec: HeadSpec, prefix: str) -> dict[str, float]:
    if spec.classes:
        return {f"{prefix}_accuracy": float((predicted.argmax(axis=1) == y).mean())}
    return {f"{prefix}_rmse": float(np.sqrt(((predicted[:, 0] - y) ** 2).mean()))}


def _unscaled(x: Array) -> dict[str, npt.NDArray[np.float32]]:
    ones = np.ones(x.shape[1], dtype=np.float32)
    return {"mean": 0 * ones, "std": ones}


def _float32(arrays: dict[str, Any]) -> dict[str, npt.NDArray[np.float32]]:
    return {name: np.asarray(array, dtype=np.float32) for name, array in arrays.items()}


def _head(
    spec: HeadSpec, sample: Sample, metrics: dict[str, Any], **arrays: Array
) -> Head:
    filled = replace(spec, metrics={**spec.metrics, **metrics, **sample.counts})
    return Head(filled, _float32({**sample.scaling, **arrays}))
