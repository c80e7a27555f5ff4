from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xoceansar.errors import BundleError, DimensionError, TrainingError
from xoceansar.models import Head, HeadSpec
from xoceansar.models.heads.head import load_head, save_head
from xoceansar.train import calibrate

SPEC = HeadSpec(
    name="swh",
    kind="linear",
    target="swh",
    units="m",
    pooling="cls",
    backbone_sha256="a" * 64,
    lower_bound=0.0,
)
HEAD = Head(
    SPEC,
    {
        "mean": np.zeros(1, np.float32),
        "std": np.ones(1, np.float32),
        "weight": np.ones((1, 1), np.float32),
        "bias": np.zeros(1, np.float32),
    },
)
ANGLE = {"wv1": 23.8, "wv2": 36.8}


def sea(n, seed, noise=1.0):
    """Draw predictions that are right on average, with errors that grow, twice as large in wv2."""
    rng = np.random.default_rng(seed)
    beam = np.array(["wv1", "wv2"] * (n // 2 + 1))[:n]
    predicted = rng.uniform(0.5, 6.0, n)
    spread = 0.1 * predicted * np.where(beam == "wv2", 2.0, 1.0) * noise
    truth = np.maximum(predicted + spread * rng.standard_t(4, n), 0)
    incidence = np.array([ANGLE[b] for b in beam]) + rng.uniform(-0.3, 0.3, n)
    return {
        "features": predicted[:, None].astype(np.float32),
        "targets": truth,
        "incidence": incidence,
        "beam": beam,
    }


def covered(head, data, level):
    predicted = head(data["features"])[:, 0]
    low, high = head.bounds(predicted, data["incidence"], level).T
    return (data["targets"] >= low) & (data["targets"] <= high)


@pytest.fixture(scope="module")
def fitted():
    return calibrate(HEAD, **sea(4000, 0))


@pytest.mark.parametrize("level", [0.5, 0.8, 0.9, 0.95, 0.99])
@pytest.mark.parametrize("beam", ["wv1", "wv2"])
def test_intervals_hold_the_truth_as_often_as_they_say_in_each_beam(
    fitted, level, beam
):
    new = sea(20_000, 1)
    own = new["beam"] == beam
    found = covered(fitted, new, level)[own].mean()
    n = fitted.spec.intervals.n[0]
    # of the calibration and of the 10,000 new ones
    tolerance = 4 * np.sqrt(level * (1 - level) * (1 / n + 1 / own.sum()))
    assert found == pytest.approx(level, abs=tolerance)


def test_coverage_on_average_over_calibrations_is_at_least_the_level():
    """Not only nearly: ceil(n level) without the + 1 would fall short by 1 / (n + 1)."""
    level, n = 0.9, 540
    found = [
        covered(calibrate(HEAD, **sea(n, s)), sea(400, 10_000 + s), level).mean()
        for s in range(150)
    ]
    error = np.std(found) / np.sqrt(len(found))
    assert np.mean(found) > level - 3 * error
    assert np.mean(found) < level + 1 / 150 + 3 * error


def test_widths_follow_the_errors_and_coverage_holds_at_each_height(fitted):
    new = sea(20_000, 2)
    hit = covered(fitted, new, 0.9)
    predicted = new["features"][:, 0]
    for low, high in ((0.5, 2), (2, 4), (4, 6)):
        rows = (predicted >= low) & (predicted < high)
        assert hit[rows].mean() == pytest.approx(0.9, abs=0.03)
    at = np.array([1.0, 5.0])
    narrow, wide = np.diff(fitted.bounds(at, np.full(2, 36.8), 0.9))[:, 0]
    assert 3 < wide / narrow < 7  # the errors grow fivefold


def test_each_beam_has_its_own(fitted):
    at = np.full(2, 3.0)
    wv1, wv2 = np.diff(fitted.bounds(at, np.array([23.8, 36.8]), 0.9))[:, 0]
    assert wv2 / wv1 == pytest.approx(2, rel=0.2)
    assert fitted.spec.intervals.beams == ("wv1", "wv2")


def test_one_beam_alone_leaves_the_other_without_interval():
    data = sea(1000, 3)
    own = data["beam"] == "wv2"
    head = calibrate(HEAD, **{name: v[own] for name, v in data.items()})
    bounds = head.bounds(np.ones(2), np.array([23.8, 36.8]), 0.9)
    np.testing.assert_array_equal(np.isfinite(bounds).all(axis=1), [False, True])


def test_scores_are_those_of_the_rows_that_did_not_serve_the_scale():
    data = sea(1200, 4)
    groups = np.arange(1200) // 6
    head = calibrate(HEAD, **data, groups=groups)
    error = np.abs(data["targets"] - data["features"][:, 0])
    arrays = head.arrays
    scale = np.interp(
        data["features"][:, 0], arrays["interval_knots"], arrays["interval_scale"]
    )
    kept = []
    for beam in ("wv1", "wv2"):
        own = np.flatnonzero(data["beam"] == beam)
        scores = arrays[f"interval_scores_{beam}"]
        assert (np.diff(scores) >= 0).all()
        apart = np.abs((error / scale)[own][:, None] / scores - 1).min(axis=1)
        kept += own[apart < 3e-7].tolist()  # the rounding of float32
    # three quarters of the groups, whole
    assert len(kept) == sum(head.spec.intervals.n) == 900
    assert len(np.unique(groups[kept])) == 150


def test_predictions_and_the_given_head_stay_as_they_were(fitted):
    x = np.linspace(0, 8, 20)[:, None]
    np.testing.assert_array_equal(fitted(x), HEAD(x))
    assert HEAD.spec.intervals is None
    assert set(HEAD.arrays) == {"mean", "std", "weight", "bias"}


def test_calibrating_again_replaces_the_first(fitted, tmp_path):
    data = sea(1000, 5)
    once, twice = calibrate(HEAD, **data), calibrate(fitted, **data)
    assert twice.spec == once.spec
    for name, array in once.arrays.items():
        np.testing.assert_array_equal(array, twice.arrays[name])
    saved = load_head(save_head(twice, tmp_path), tmp_path)
    at = np.array([2.0]), np.array([23.8])
    np.testing.assert_array_equal(saved.bounds(*at, 0.9), once.bounds(*at, 0.9))


def test_incomplete_rows_are_dropped_and_counted():
    data = sea(1000, 6)
    clean = calibrate(HEAD, **{k: v[:900] for k, v in data.items()})
    data["targets"][900:950] = np.nan
    data["features"][950:980] = np.nan
    data["incidence"][980:] = np.nan
    head = calibrate(HEAD, **data)
    assert head.spec.metrics["n_calibration"] == 900
    assert head.spec.metrics["n_calibration_dropped"] == 100
    np.testing.assert_array_equal(
        head.arrays["interval_scores_wv1"], clean.arrays["interval_scores_wv1"]
    )
    error = (data["targets"] - data["features"][:, 0])[:900]
    assert head.spec.metrics["calibration_rmse"] == pytest.approx(
        np.sqrt((error**2).mean()), rel=1e-5
    )


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.0, 3.0))
def test_scale_is_positive_whatever_the_errors(seed, noise):
    head = calibrate(HEAD, **sea(600, seed, noise))
    assert (head.arrays["interval_scale"] > 0).all()
    assert np.isfinite(head.bounds(np.ones(1), np.full(1, 23.8), 0.99)).all()


def test_a_head_that_gives_one_value_has_one_width():
    data = sea(800, 7)
    data["features"][:] = 3.0
    head = calibrate(HEAD, **data)
    narrow, wide = np.diff(head.bounds(np.array([1.0, 6.0]), np.full(2, 23.8), 0.9))
    assert narrow[0] > 0
    assert np.isfinite(wide[0])


def test_too_few_in_a_beam_are_refused():
    data = sea(1000, 8)
    keep = (data["beam"] == "wv1") | (np.arange(1000) < 200)
    few = {name: v[keep] for name, v in data.items()}
    with pytest.raises(TrainingError, match=r"100 or more scores in each beam.*wv2"):
        calibrate(HEAD, **few)
    with pytest.raises(TrainingError, match="none, after dropping 1000"):
        calibrate(HEAD, **{**data, "targets": np.full(1000, np.nan)})


def test_beams_that_incidence_cannot_tell_are_refused():
    data = sea(1000, 9)
    with pytest.raises(BundleError, match="degrees apart"):
        calibrate(HEAD, **{**data, "incidence": np.full(1000, 30.0)})


@pytest.mark.parametrize("name", ["targets", "beam", "incidence"])
def test_lengths_must_agree(name):
    data = sea(1000, 9)
    with pytest.raises(DimensionError, match=f"{name} must have one value for each"):
        calibrate(HEAD, **{**data, name: data[name][:-1]})


def test_classifiers_are_sent_to_the_temperature():
    spec = replace(
        SPEC,
        kind="logistic",
        target="ocean_class",
        units="1",
        classes=("x", "y"),
        lower_bound=None,
    )
    two = {"weight": np.ones((1, 2), np.float32), "bias": np.zeros(2, np.float32)}
    with pytest.raises(TrainingError, match="fit_temperature"):
        calibrate(Head(spec, {**HEAD.arrays, **two}), **sea(600, 0))
