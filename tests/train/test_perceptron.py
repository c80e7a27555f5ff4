"""The perceptron: exact in numpy, never worse than its linear law, and what it adds."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

from tests.train.test_heads import CLASSES, FEATURES, LOGISTIC, MLP, SWH, N, inputs
from xoceansar.errors import TrainingError
from xoceansar.models.heads.head import Head, _mlp
from xoceansar.train import fit_mlp
from xoceansar.train.heads import perceptron_loop
from xoceansar.train.heads.linear_heads import as_float32, unscaled


def numbers(rng, hidden, outputs):
    widths = [6, *hidden, outputs]
    return {
        f"{name}{i}": rng.normal(
            size=(a, b) if name == "weight" else b
        )
        for i, (a, b) in enumerate(itertools.pairwise(widths))
        for name in ("weight", "bias")
    }  # fmt: skip


@pytest.mark.parametrize("outputs", [1, 3])
def test_the_linear_path_is_exact(outputs):
    """Perceptron with the path = perceptron alone + linear law, far from zero too."""
    rng = np.random.default_rng(0)
    arrays = numbers(rng, (16, 8), outputs)
    weight, bias = rng.normal(size=(6, outputs)), rng.normal(size=outputs)
    x = (rng.normal(size=(40, 6)) * [0.01, 1, 3, 10, 1, 1]).astype(np.float32)
    wide = perceptron_loop.with_linear_path(arrays, weight, bias)
    assert wide["weight0"].shape == (6, 16 + 2 * outputs)

    def apply(numbers):
        return _mlp(x, as_float32(numbers))

    np.testing.assert_allclose(
        apply(wide), apply(arrays) + x @ weight + bias, rtol=1e-4, atol=1e-4
    )


def test_layers_in_numpy_are_the_network_that_was_trained(torch):
    recipe = perceptron_loop.Recipe(
        hidden=(16, 8),
        outputs=1,
        class_weight=(),
        learning_rate=1e-2,
        weight_decay=0,
        dropout=0.5,
        batch=64,
        epochs=3,
        patience=3,
        seed=0,
    )
    x = ((FEATURES - FEATURES.mean(0)) / FEATURES.std(0)).astype(np.float32)
    y = (SWH - SWH.mean()) / SWH.std()
    rows = perceptron_loop.Rows(x, np.zeros((N, 1)), y)
    arrays, epoch, loss = perceptron_loop.train(rows, rows, recipe)
    assert epoch == 3
    out = Head(MLP, as_float32({**arrays, **unscaled(x)}))(x)[:, 0]
    assert loss == pytest.approx(np.mean((out - y) ** 2), rel=1e-4)


def test_start_is_kept_where_nothing_is_to_be_added():
    head = fit_mlp(FEATURES, SWH, MLP, learning_rates=[5e-3], epochs=3)
    assert head.spec.metrics["epoch"] == 0
    assert head.spec.metrics["val_rmse"] == pytest.approx(
        head.spec.metrics["linear_val_rmse"], abs=1e-3
    )
    np.testing.assert_allclose(head(inputs(MLP))[:, 0], SWH, atol=2e-3)


def test_a_linear_law_that_misleads_is_left_out():
    """Held-out rows fall where the others rise: to learn nothing is best, and is what stays."""
    held_out = np.arange(N) % 5 == 0
    rising = 3 + FEATURES[:, 0] - FEATURES[:, 0].mean()
    target = np.where(held_out, 6 - rising, rising)
    few = {"learning_rates": [1e-3, 1e-2], "epochs": 5, "held_out": held_out}
    head = fit_mlp(FEATURES, target, MLP, **few)
    metrics = head.spec.metrics
    assert (metrics["start"], metrics["epoch"]) == ("constant", 0)
    assert metrics["starts"]["constant"] < metrics["starts"]["linear"]
    assert metrics["starts"]["constant"] == min(metrics["sweep"].values())
    np.testing.assert_allclose(
        head(inputs(MLP))[:, 0], target[~held_out].mean(), rtol=1e-5
    )


def test_the_better_start_stays():
    plain = fit_mlp(FEATURES, SWH, MLP, learning_rates=[1e-4], epochs=2)
    assert plain.spec.metrics["start"] == "linear"
    assert plain.spec.metrics["starts"]["constant"] > 0.1
    assert plain.arrays["weight0"].shape[1] == 256 + 2


def test_held_out_rows_are_not_learned_from():
    held_out = np.arange(N) % 5 == 0
    wrong = np.where(held_out, 1000.0, SWH)
    few = {"learning_rates": [1e-3], "epochs": 1, "held_out": held_out}
    head = fit_mlp(FEATURES, wrong, MLP, **few)
    learned = ~held_out
    assert head.spec.metrics["n_fit"] == learned.sum()
    np.testing.assert_allclose(
        head.arrays["mean"], FEATURES[learned].mean(0, dtype=float), rtol=1e-5
    )
    assert abs(head(inputs(MLP))[learned, 0].mean() - SWH[learned].mean()) < 0.5


def test_a_class_only_among_the_held_out_does_no_harm():
    held_out = np.arange(N) % 5 == 0
    codes = np.where(CLASSES == 2, np.where(held_out, 2, 0), CLASSES)
    spec = replace(LOGISTIC, kind="mlp")
    head = fit_mlp(
        FEATURES, codes, spec, held_out=held_out, learning_rates=[1e-3], epochs=30
    )
    out = head(inputs(spec))
    assert out[:, 2].max() < 1e-3
    assert (out.argmax(1) == codes)[~held_out].mean() > 0.85


def test_a_rate_that_diverges_leaves_the_linear_law(torch):
    target = SWH + np.abs(FEATURES[:, 0] - 3)
    few = {"epochs": 30, "batch": 32, "hidden": (32, 32)}
    wild = fit_mlp(FEATURES, target, MLP, learning_rates=[0.9], weight_decay=1e3, **few)
    metrics = wild.spec.metrics
    assert metrics["epoch"] == 0
    assert metrics["val_rmse"] == pytest.approx(metrics["linear_val_rmse"], rel=1e-3)
    both = fit_mlp(FEATURES, target, MLP, learning_rates=[0.9, 5e-3], **few)
    assert both.spec.metrics["learning_rate"] == 5e-3
    assert both.spec.metrics["val_rmse"] < 0.5 * metrics["linear_val_rmse"]


@pytest.mark.parametrize("rates", [[], [0.0], [1e-3, 2.0], [np.nan]])
def test_odd_rates_are_refused(rates):
    with pytest.raises(TrainingError, match="learning_rates must be"):
        fit_mlp(FEATURES, SWH, MLP, learning_rates=rates)
