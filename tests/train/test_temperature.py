from dataclasses import replace

import numpy as np
import pytest
from scipy.special import log_softmax

from xoceansar.errors import DimensionError, TrainingError
from xoceansar.models import Head, HeadSpec
from xoceansar.train import fit_temperature

SPEC = HeadSpec(
    name="ocean_class",
    kind="logistic",
    target="ocean_class",
    units="1",
    classes=("x", "y", "z"),
    pooling="cls",
    backbone_sha256="a" * 64,
)
TRUE_TEMPERATURE = 2.5


def classifier(spec=SPEC, sure=1.0):
    arrays = {
        "mean": np.zeros(3),
        "std": np.ones(3),
        "weight": sure * np.eye(3),
        "bias": np.zeros(3),
    }
    return Head(spec, {k: v.astype(np.float32) for k, v in arrays.items()})


def sample(n=6000, seed=0):
    """Draw logits that are too sure by the true temperature, and classes."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 4, (n, 3))
    p = np.exp(log_softmax(logits / TRUE_TEMPERATURE, axis=1))
    y = (p.cumsum(axis=1) < rng.random((n, 1))).sum(axis=1)
    return logits.astype(np.float32), y


def test_the_true_temperature_is_found_and_probabilities_are_right():
    x, y = sample()
    head = fit_temperature(classifier(), x, y)
    assert head.spec.temperature == pytest.approx(TRUE_TEMPERATURE, rel=0.05)
    new, truth = sample(20_000, 1)
    p = head(new)
    confidence, hit = p.max(axis=1), p.argmax(axis=1) == truth
    for low in (0.4, 0.5, 0.6, 0.7, 0.8, 0.9):
        rows = (confidence >= low) & (confidence < low + 0.1)
        assert hit[rows].mean() == pytest.approx(confidence[rows].mean(), abs=0.04)
    np.testing.assert_array_equal(p.argmax(1), classifier()(new).argmax(1))


def test_losses_are_those_of_the_probabilities():
    x, y = sample()
    metrics = fit_temperature(classifier(), x, y).spec.metrics
    rows = np.arange(len(y))
    raw = -log_softmax(x.astype(np.float64), axis=1)[rows, y].mean()
    best = -log_softmax(x / TRUE_TEMPERATURE, axis=1)[rows, y].mean()
    assert metrics["log_loss_uncalibrated"] == pytest.approx(raw, rel=1e-4)
    assert metrics["log_loss_calibrated"] == pytest.approx(best, rel=0.01)
    assert metrics["n_calibration"] == len(y)


def test_an_earlier_temperature_is_replaced():
    x, y = sample()
    once = fit_temperature(classifier(), x, y)
    other = classifier(replace(SPEC, temperature=7.0))
    assert fit_temperature(other, x, y).spec == once.spec
    assert other.spec.temperature == 7.0


def test_reported_loss_is_out_of_group():
    """One group alone would ask for a temperature of its own: it must not set it for itself."""
    x, y = sample(900)
    groups = np.repeat([0, 1, 2], 300)
    wrong = groups == 2
    y[wrong] = (x[wrong].argmax(1) + 1) % 3  # sure and wrong
    honest = fit_temperature(classifier(), x, y, groups=groups).spec.metrics
    mixed = fit_temperature(classifier(), x, y).spec.metrics
    assert honest["log_loss_calibrated"] > 1.05 * mixed["log_loss_calibrated"]


def test_unknown_classes_are_dropped():
    x, y = sample()
    expected = fit_temperature(classifier(), x[:4000], y[:4000])
    targets = y.astype(float)
    targets[4000:5000], targets[5000:] = -1, np.nan
    found = fit_temperature(classifier(), x, targets)
    assert found.spec == expected.spec


def test_a_class_that_the_fit_never_saw_does_not_decide():
    x, y = sample()
    head = classifier()
    arrays = {**head.arrays, "bias": np.float32([0, 0, -1e9])}
    found = fit_temperature(Head(SPEC, arrays), x, y)
    assert np.isfinite(found.spec.metrics["log_loss_calibrated"])
    assert (found(x)[:, 2] == 0).all()


def test_sure_and_always_right_stays_finite():
    x, _ = sample(500)
    found = fit_temperature(classifier(sure=50.0), x, x.argmax(1))
    assert 0.04 < found.spec.temperature < 21
    assert np.isfinite(found(x)).all()


@pytest.mark.parametrize(
    "targets",
    [np.zeros(100), np.full(100, np.nan), np.full(100, 3.0), np.full(100, 0.5)],
)
def test_what_cannot_be_fitted_is_refused(targets):
    x, _ = sample(100)
    with pytest.raises(TrainingError, match="two or more"):
        fit_temperature(classifier(), x, targets)


def test_lengths_must_agree_and_regressions_are_sent_away():
    x, y = sample(100)
    with pytest.raises(DimensionError, match="targets must have one value"):
        fit_temperature(classifier(), x, y[:-1])
    regression = replace(SPEC, kind="linear", target="swh", units="m", classes=())
    one = {**classifier().arrays, "weight": np.ones((3, 1)), "bias": np.zeros(1)}
    head = Head(regression, {k: np.float32(v) for k, v in one.items()})
    with pytest.raises(TrainingError, match=r"train\.calibrate"):
        fit_temperature(head, x, y)
