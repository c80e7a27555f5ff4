"""Fit a perceptron head from a constant and from a linear law, at the best of several rates."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from xoceansar._progress import tracked
from xoceansar.errors import TrainingError
from xoceansar.models.heads.head import Head
from xoceansar.models.spec import HeadSpec
from xoceansar.train.heads import perceptron_loop
from xoceansar.train.heads.dataset_arrays import Features, Groups, Targets
from xoceansar.train.heads.linear_heads import (
    as_float32,
    finished,
    score,
    unscaled,
)
from xoceansar.train.heads.linear_laws import ALPHAS, LEAST_LOGIT, logistic, ridge
from xoceansar.train.heads.samples import (
    ClassWeights,
    Sample,
    complete_rows,
    group_folds,
    weigh_classes,
)

__all__ = ["LEARNING_RATES", "fit_mlp"]

Array = npt.NDArray[Any]

#: The range that the paper sweeps.
LEARNING_RATES: Final = (5e-5, 1.5e-4, 5e-4, 1.5e-3, 5e-3)
#: Inverse penalties of the logistic law that it begins with; less penalty is the perceptron's part.
_STRENGTHS: Final = (1e-3, 1e-2, 1e-1)


def fit_mlp(
    features: Features,
    targets: Targets,
    spec: HeadSpec,
    *,
    sigma0_mean: Array | None = None,
    incidence: Array | None = None,
    groups: Groups = None,
    held_out: Array | None = None,
    class_weight: ClassWeights = None,
    hidden: tuple[int, int] = (256, 256),
    learning_rates: Sequence[float] = LEARNING_RATES,
    weight_decay: float = 0.05,
    dropout: float = 0.2,
    batch: int = 256,
    epochs: int = 300,
    patience: int = 30,
    validation_fraction: float = 0.15,
    seed: int = 0,
) -> Head:
    """Fit a perceptron of three layers by AdamW, stopped early on held-out groups.

    Parameters
    ----------
    features : ndarray (n, embedding_dim), Dataset or DataArray
        Embeddings by the backbone that `spec` names, with the columns of its features after them; or a
        Dataset of ``embedding_vector``, features and coordinates, as `xoceansar.train.fit` takes.
    targets : ndarray (n,)
        Target in ``spec.units``, or index in ``spec.classes`` for a classifier (negative where
        unknown). Rows with a missing target or input are dropped and counted.
    spec : HeadSpec
        What is fitted, of kind ``mlp``; its metrics are filled in.
    sigma0_mean, incidence : ndarray (n,), optional
        Mean sigma0 (linear) and incidence (degree), where ``spec.ancillary`` asks for them.
    groups : ndarray (n,), str or DataArray, optional
        Product or pass of each row, ``orbit_pass`` or a coordinate's name with a Dataset: a group is never on both sides of the split.
    held_out : ndarray (n,) of bool, optional
        The rows that are not learned from, and decide when to stop and at which rate; instead of
        `groups` and `validation_fraction`.
    class_weight : "balanced", mapping of str to float, or None
        Weight of a row of each class in the loss, as in `fit_logistic`.
    hidden : tuple of int
        Widths of the two hidden layers.
    learning_rates : sequence of float
        Each is tried from both starts; the one with the lowest held-out loss stays.
    weight_decay : float
        Of AdamW.
    dropout : float
        Probability of dropping a hidden unit while training.
    batch : int
        Rows for each step.
    epochs : int
        Passes over the sample, at most.
    patience : int
        Passes without a better held-out loss before stopping.
    validation_fraction : float
        Fraction of the groups that is held out.
    seed : int
        Decides the split, the first weights and the order of the rows. The state of torch's
        generator is left as it was.

    Returns
    -------
    Head
        With the weights of the best pass, fitted on the rows that were not held out.
        ``spec.metrics``: ``val_rmse`` or ``val_accuracy`` (of the rows that chose: a little too
        good), the same of the linear law alone as ``linear_val_...``, ``learning_rate``,
        ``epoch``, ``start`` ("linear" or "constant"), ``starts`` (each to its lowest held-out
        loss), ``sweep`` (rate to held-out loss, from its better start), ``n_fit``, ``n_dropped``.

    Raises
    ------
    TrainingError
        If the target is constant, there are fewer than two groups, the kind is another, or a
        rate is not between 0 and 1.

    Notes
    -----
    ``y = W x + b + perceptron(x)``, three layers with GELU that begin at zero; squared error of the
    standardised target, or cross-entropy. ``W x + b`` is a ridge or logistic law, its penalty
    chosen on the held-out rows, or W is zero and b the mean or the logarithm of the frequencies:
    which of the two is decided on the held-out rows as the rate is. With the law a perceptron of several hundred inputs has at once the
    one or two that matter most, such as the level of sigma0 for wind; without it, it is free of
    what a linear law of all of them fits wrongly (``docs/adr/0013-fitting-heads.md``). Where
    every rate diverges the law stays alone.

    Examples
    --------
    >>> import numpy as np
    >>> from xoceansar.models import HeadSpec
    >>> rng = np.random.default_rng(0)
    >>> features = rng.normal(size=(100, 3)).astype(np.float32)
    >>> spec = HeadSpec(
    ...     name="swh",
    ...     kind="mlp",
    ...     target="swh",
    ...     units="m",
    ...     pooling="mean",
    ...     backbone_sha256="0" * 64,
    ... )
    >>> head = fit_mlp(
    ...     features,
    ...     3 + features[:, 0],
    ...     spec,
    ...     hidden=(8, 8),
    ...     learning_rates=(0.005,),
    ...     epochs=50,
    ... )
    >>> bool(abs(head(np.array([[0.5, 0.0, 0.0]]))[0, 0] - 3.5) < 0.5)
    True
    """
    sample = complete_rows(
        features,
        targets,
        spec,
        "mlp",
        sigma0_mean,
        incidence,
        groups,
        held_out,
    )
    _check_rates(learning_rates)
    train, test = _split(sample, validation_fraction, seed)
    weights = _weights(sample, train, spec, class_weight)
    middle, spread = _scale(sample.targets[train], spec)
    y = (sample.targets - middle) / spread
    law = _linear_law(sample.inputs, y, train, test, weights)
    constant = np.zeros_like(law[0]), _constant(y[train], spec)
    laws = {"linear": law, "constant": constant}
    recipe = perceptron_loop.Recipe(
        hidden=hidden,
        outputs=spec.n_outputs,
        class_weight=tuple(weights),
        learning_rate=learning_rates[0],
        weight_decay=weight_decay,
        dropout=dropout,
        batch=batch,
        epochs=epochs,
        patience=patience,
        seed=seed,
    )
    tried = _sweep(sample.inputs, y, (train, test), laws, recipe, learning_rates)
    losses = {one: loss for one, (_, _, loss) in tried.items()}
    start, rate = min(losses, key=lambda one: losses[one])
    arrays, epoch, _ = tried[start, rate]
    if start == "linear":
        arrays = perceptron_loop.with_linear_path(arrays, *law)
    else:
        arrays["bias2"] = arrays["bias2"] + constant[1]
    arrays["weight2"] = arrays["weight2"] * spread
    arrays["bias2"] = arrays["bias2"] * spread + middle
    x_test, y_test = sample.inputs[test], sample.targets[test]
    out = Head(spec, as_float32({**arrays, **unscaled(x_test)}))(x_test)
    alone = (x_test @ law[0] + law[1]) * spread + middle
    metrics = {
        **score(out, y_test, spec, "val"),
        **score(alone, y_test, spec, "linear_val"),
        "learning_rate": rate,
        "epoch": epoch,
        "start": start,
        "starts": {s: min(losses[s, r] for r in learning_rates) for s in laws},
        "sweep": {f"{r:g}": min(losses[s, r] for s in laws) for r in learning_rates},
    }
    return finished(spec, sample, metrics, **arrays)


def _check_rates(rates: Sequence[float]) -> None:
    if not len(rates) or not all(0 < rate < 1 for rate in rates):
        raise TrainingError(
            f"learning_rates must be one or more numbers between 0 and 1; got {list(rates)}."
        )


def _split(sample: Sample, fraction: float, seed: int) -> tuple[Array, Array]:
    if sample.held_out is not None:
        return np.flatnonzero(~sample.held_out), np.flatnonzero(sample.held_out)
    folds = max(2, round(1 / fraction))
    return next(group_folds(sample.groups, folds, seed))


def _weights(
    sample: Sample, train: Array, spec: HeadSpec, weights: ClassWeights
) -> Array:
    if not spec.classes:
        return np.empty(0)
    return weigh_classes(sample.targets[train].astype(int), spec.classes, weights)


def _scale(y: Array, spec: HeadSpec) -> tuple[float, float]:
    if spec.classes:
        return 0.0, 1.0
    return float(y.mean()), float(y.std()) or 1.0


def _sweep(
    x: Array,
    y: Array,
    sides: tuple[Array, Array],
    laws: dict[str, tuple[Array, Array]],
    recipe: perceptron_loop.Recipe,
    rates: Sequence[float],
) -> dict[tuple[str, float], tuple[dict[str, Array], int, float]]:
    """Train from each start at each rate."""
    tried = {}
    pairs = list(product(laws.items(), rates))
    with tracked(pairs, "training perceptrons", len(pairs)) as each:
        for (start, (weight, bias)), rate in each:
            origin = x @ weight + bias
            learned, stopping = (
                perceptron_loop.Rows(x[i], origin[i], y[i]) for i in sides
            )
            at_rate = replace(recipe, learning_rate=rate)
            tried[start, rate] = perceptron_loop.train(learned, stopping, at_rate)
    return tried


def _constant(y: Array, spec: HeadSpec) -> Array:
    """Bias (outputs,) that is best without inputs."""
    if not spec.classes:
        return np.zeros(spec.n_outputs)
    counts = np.bincount(y.astype(np.int64), minlength=len(spec.classes))
    with np.errstate(divide="ignore"):
        return np.maximum(np.log(counts / len(y)), LEAST_LOGIT)


def _linear_law(
    x: Array, y: Array, train: Array, test: Array, weights: Array
) -> tuple[Array, Array]:
    """Weight (inputs, outputs) and bias (outputs,) that are best on the held-out rows."""
    if not len(weights):
        w, b = ridge(x[train], y[train], ALPHAS)
        error = ((x[test] @ w + b - y[test, None]) ** 2).mean(axis=0)
        best = int(error.argmin())
        return w[:, best, None], b[best, None]
    classes = y.astype(np.int64)
    laws = [
        logistic(x[train], classes[train], strength, weights) for strength in _STRENGTHS
    ]
    losses = []
    for w, b in laws:
        np.maximum(b, LEAST_LOGIT, out=b)
        logits = x[test] @ w + b
        shifted = logits - logits.max(axis=1, keepdims=True)
        log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
        chosen = log_p[np.arange(len(test)), classes[test]]
        losses.append(-np.average(chosen, weights=weights[classes[test]]))
    return laws[int(np.argmin(losses))]
