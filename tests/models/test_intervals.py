import json
import math
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xoceansar.errors import BundleError, ConfidenceError, WeightsMismatchError
from xoceansar.models import Head, HeadSpec, load_model, write_bundle
from xoceansar.models.heads.distance import distance_score
from xoceansar.models.spec import BackboneSpec, InputSpec
from xoceansar.models.spec.intervals import (
    IntervalSpec,
    check_confidence,
    conformal_quantile,
    half_widths,
)

INTERVALS = IntervalSpec(
    beams=("wv1", "wv2"), n=(9, 4), incidence=((23.5, 24.1), (36.5, 37.1))
)
SPEC = HeadSpec(
    name="swh",
    kind="linear",
    target="swh",
    units="m",
    pooling="cls",
    backbone_sha256="a" * 64,
    lower_bound=0.0,
    intervals=INTERVALS,
)
ARRAYS = {
    "mean": np.zeros(1),
    "std": np.ones(1),
    "weight": np.ones((1, 1)),
    "bias": np.zeros(1),
    "interval_knots": np.array([1.0, 3.0]),
    "interval_scale": np.array([0.5, 1.5]),
    "interval_scores_wv1": np.arange(1.0, 10.0),
    "interval_scores_wv2": np.array([0.1, 0.2, 0.3, 0.4]),
}
PLAIN = ("mean", "std", "weight", "bias")


def calibrated(spec=SPEC, **changes):
    arrays = {**ARRAYS, **changes}
    return Head(spec, {k: np.asarray(v, np.float32) for k, v in arrays.items()})


@given(st.integers(1, 60), st.integers(1, 999))
def test_quantile_is_the_least_score_that_covers_by_counting(n, thousandths):
    """Of n + 1 exchangeable scores the new one has any rank: count how many lie within."""
    scores = np.arange(1.0, n + 1)
    confidence = Fraction(thousandths, 1000)
    enough = [s for s in scores if Fraction(int(s), n + 1) >= confidence]
    expected = enough[0] if enough else math.inf
    assert conformal_quantile(scores, thousandths / 1000) == expected


def test_quantile_at_a_confidence_that_binary_cannot_hold():
    assert (100 * 0.55) > 55  # in floating point
    assert conformal_quantile(np.arange(1.0, 100.0), 0.55) == 55


def test_half_widths_by_hand():
    predicted = np.array([0.0, 2.0, 9.0, 2.0, 2.0, np.nan, 2.0])
    incidence = np.array([23.8, 23.8, 22.0, 36.8, 30.0, 23.8, np.nan])
    found = half_widths(
        predicted, incidence, confidence=0.5, spec=INTERVALS, arrays=calibrated().arrays
    )
    # rank ceil(10 * 0.5) = 5 of wv1, ceil(5 * 0.5) = 3 of wv2; scale held beyond the knots
    expected = [0.5 * 5, 1.0 * 5, 1.5 * 5, 1.0 * 0.3, np.nan, np.nan, np.nan]
    np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("incidence", "inside"), [(21.4, False), (21.6, True), (26.0, True), (26.2, False)]
)
def test_a_beam_reaches_two_degrees_beyond_its_calibration(incidence, inside):
    bounds = calibrated().bounds(np.array([2.0]), np.array([incidence]), 0.5)
    assert np.isfinite(bounds).all() == inside


def test_bounds_keep_the_physical_minimum_and_surround_the_prediction():
    predicted = np.array([0.0, 2.0, np.nan])
    bounds = calibrated().bounds(predicted, np.full(3, 36.8), 0.8)
    np.testing.assert_allclose(bounds[:2], [[0.0, 0.2], [1.6, 2.4]], rtol=1e-6)
    assert np.isnan(bounds[2]).all()
    assert bounds.dtype == np.float32
    free = calibrated(replace(SPEC, lower_bound=None))
    assert free.bounds(predicted, np.full(3, 36.8), 0.8)[0, 0] < 0


@given(st.floats(0.01, 0.79), st.floats(0.01, 0.79), st.floats(0.0, 12.0))
def test_intervals_of_a_higher_confidence_hold_those_of_a_lower(one, other, predicted):
    low, high = sorted((one, other))
    head = calibrated()
    for incidence in (23.8, 36.8):
        at = np.array([predicted]), np.array([incidence])
        inner, outer = head.bounds(*at, low)[0], head.bounds(*at, high)[0]
        assert outer[0] <= inner[0] <= predicted <= inner[1] <= outer[1]


@pytest.mark.parametrize("confidence", [0.0, 1.0, 90, -0.1, math.nan, "0.9"])
def test_a_confidence_is_a_probability(confidence):
    with pytest.raises(ConfidenceError, match=r"between 0 and 1, as 0\.9 for 90 %"):
        check_confidence(confidence, INTERVALS, "head 'swh'")


def test_one_score_in_a_beam_gives_one_half():
    spec = IntervalSpec(beams=("wv1",), n=(1,), incidence=((23.5, 24.1),))
    assert spec.highest_confidence == 0.5
    check_confidence(0.5, spec, "head 'swh'")
    with pytest.raises(ConfidenceError, match=r"up to 0\.5000"):
        check_confidence(0.51, spec, "head 'swh'")


def test_a_confidence_beyond_the_calibration_is_refused_and_says_the_highest():
    check_confidence(0.8, INTERVALS, "head 'swh'")
    assert INTERVALS.highest_confidence == 0.8
    with pytest.raises(
        ConfidenceError, match=r"4 vignettes in beam wv2.*up to 0\.8000"
    ):
        calibrated().bounds(np.ones(1), np.full(1, 23.8), 0.81)


def test_a_head_without_calibration_says_what_to_do():
    plain = Head(
        replace(SPEC, intervals=None), {k: np.float32(ARRAYS[k]) for k in PLAIN}
    )
    with pytest.raises(BundleError, match=r"xoceansar\.train\.calibrate"):
        plain.bounds(np.ones(1), np.ones(1), 0.5)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"beams": ("wv1",)}, "one n and one incidence range"),
        ({"beams": ("wv1", "wv1")}, "one n and one incidence range"),
        ({"n": (9, 0)}, r"intervals\.n"),
        ({"incidence": ((24.1, 23.5), (36.5, 37.1))}, r"intervals\.incidence"),
        ({"incidence": ((23.5, 24.1), (28.0, 37.1))}, r"intervals\.incidence"),
        ({"incidence": ((23.5,), (36.5, 37.1))}, r"intervals\.incidence"),
    ],
)
def test_what_cannot_be_applied_is_refused(change, words):
    with pytest.raises(BundleError, match=words):
        replace(INTERVALS, **change)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"target": "wind_to_direction"}, "wind_to_direction_lower"),
        ({"temperature": 2.0}, "temperature"),
        ({"classes": ("a", "b"), "kind": "mlp", "lower_bound": None}, "intervals"),
    ],
)
def test_calibration_of_another_kind_of_head_is_refused(change, words):
    with pytest.raises(BundleError, match=words):
        replace(SPEC, **change)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"interval_scores_wv2": [0.1]}, "'interval_scores_wv2' must have the shape"),
        ({"interval_scale": [1.0]}, "'interval_scale'"),
        ({"interval_scores_wv1": [np.nan] * 9}, "not finite"),
        ({"interval_scores_wv3": [1.0]}, "needs the arrays"),
    ],
)
def test_broken_arrays_are_refused_by_name(change, words):
    with pytest.raises(BundleError, match=words):
        calibrated(**change)


def bundle(folder, *heads):
    about = {
        "name": "b",
        "backbone": BackboneSpec(architecture="x", embedding_dim=1, pooling="cls"),
        "backbone_state": {"w": np.zeros(1, np.float32)},
        "input": InputSpec(scale="dB", size=16),
    }
    sha = write_bundle(folder, **about).weights_sha256
    own = [Head(replace(h.spec, backbone_sha256=sha), h.arrays) for h in heads]
    return write_bundle(folder, heads=own, **about)


def test_a_bundle_keeps_the_calibration(tmp_path):
    from xoceansar.models.inference.runtime import head_block

    handle = bundle(tmp_path, calibrated())
    again = load_model(tmp_path)
    assert again.heads == handle.heads
    assert again.head("swh").intervals == INTERVALS
    assert hash(again.head("swh")) == hash(handle.head("swh"))
    x, incidence = np.array([[1.0], [5.0], [np.nan]]), np.array([23.8, 36.8, 23.8])
    got = head_block(x, x[:, 0], incidence, handle=again, head="swh", confidence=0.8)
    head = calibrated()
    expected = np.c_[head(x), head.bounds(head(x)[:, 0], incidence, 0.8)]
    np.testing.assert_array_equal(got, expected)
    without = head_block(x, x[:, 0], incidence, handle=again, head="swh")
    np.testing.assert_array_equal(without, expected[:, :1])


def test_a_config_from_before_calibration_still_loads(tmp_path):
    plain = Head(
        replace(SPEC, intervals=None), {k: np.float32(ARRAYS[k]) for k in PLAIN}
    )
    bundle(tmp_path, plain)
    config = tmp_path / "config.json"
    data = json.loads(config.read_text())
    del data["heads"][0]["intervals"], data["heads"][0]["temperature"]
    config.write_text(json.dumps(data))
    (tmp_path / "config.sha256").unlink()
    head = load_model(tmp_path).head("swh")
    assert head.intervals is None
    assert head.temperature == 1.0


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("n", [9, "many"], r"heads\[0\]\.intervals\.n\[1\] must be a whole number"),
        ("m", 4, r"heads\[0\]\.intervals has an unknown field 'm'"),
        ("incidence", [[1.0, "x"]], r"intervals\.incidence\[0\]\[1\]"),
    ],
)
def test_a_wrong_field_of_the_calibration_is_named(tmp_path, field, value, words):
    bundle(tmp_path, calibrated())
    config = tmp_path / "config.json"
    data = json.loads(config.read_text())
    data["heads"][0]["intervals"][field] = value
    config.write_text(json.dumps(data))
    with pytest.raises(BundleError, match=words):
        load_model(tmp_path)


CLASSIFIER = replace(
    SPEC,
    kind="logistic",
    name="c",
    target="ocean_class",
    units="1",
    classes=("x", "y"),
    lower_bound=None,
    intervals=None,
    temperature=2.0,
)


def test_temperature_divides_the_logits():
    arrays = {"mean": [0], "std": [1], "weight": [[0, 3.0]], "bias": [0, 0]}
    head = Head(CLASSIFIER, {k: np.float32(v) for k, v in arrays.items()})
    out = head(np.array([[1.0], [-2.0]]))
    np.testing.assert_allclose(out[:, 1], 1 / (1 + np.exp([-1.5, 3.0])), rtol=1e-6)


def test_temperature_of_votes_is_that_of_their_logarithms():
    spec = replace(CLASSIFIER, kind="knn", classes=("x", "y", "z"))
    arrays = {
        "mean": [0, 0],
        "std": [1, 1],
        "bank": [[1, 0], [0, 1], [0, 1]],
        "values": [[1, 0, 0], [0, 1, 0], [0, 1, 0]],
        "neighbours": 3,
        "temperature": 1.0,
    }
    arrays = {k: np.float32(v) for k, v in arrays.items()}
    raw = Head(replace(spec, temperature=1.0), arrays)(np.array([[3.0, 4.0]]))[0]
    cooled = Head(spec, arrays)(np.array([[3.0, 4.0]]))[0]
    expected = np.sqrt(raw) / np.sqrt(raw).sum()
    np.testing.assert_allclose(cooled, expected, rtol=1e-6)
    assert raw[2] == cooled[2] == 0


DISTANCE = replace(
    SPEC,
    kind="distance",
    name="ood",
    target="ood_score",
    units="1",
    lower_bound=None,
    intervals=None,
)
FAR = {
    "mean": np.array([1.0, 0.0]),
    "std": np.array([2.0, 1.0]),
    "weight": np.array([[1.0], [2.0]]),
    "centre": np.array([[0.0], [10.0]]),
    "distances": np.array([0.5, 1.0, 1.0, 4.0]),
}


def test_distance_ranks_among_the_held_out_by_hand(tmp_path):
    head = Head(DISTANCE, {k: v.astype(np.float32) for k, v in FAR.items()})
    # standardised and projected: 0, 1, 8.5 (1.5 from the second centre), 5
    x = np.array([[1.0, 0], [3.0, 0], [18.0, 0], [1.0, 2.5], [np.nan, 0]])
    expected = [0, 1 / 5, 3 / 5, 4 / 5, np.nan]
    np.testing.assert_allclose(head(x)[:, 0], expected, rtol=1e-6)
    handle = bundle(tmp_path, head)
    assert handle.head("ood_score").kind == "distance"
    standard = (x - FAR["mean"]) / FAR["std"]
    np.testing.assert_allclose(
        distance_score(standard[:4], FAR)[:, 0], expected[:4], rtol=1e-6
    )


@pytest.mark.parametrize(
    "change", [{"weight": np.ones((2, 2))}, {"centre": np.ones((2, 2))}]
)
def test_distance_arrays_must_fit(change):
    with pytest.raises(BundleError, match="must have the shape"):
        Head(DISTANCE, {k: np.float32(v) for k, v in {**FAR, **change}.items()})


def test_distance_takes_no_classes():
    with pytest.raises(BundleError, match="logistic, knn or mlp"):
        replace(DISTANCE, classes=("x", "y"))


def test_an_altered_calibration_is_refused(tmp_path):
    from xoceansar.models.heads.head import load_head

    handle = bundle(tmp_path, calibrated())
    file = tmp_path / handle.heads[0].file
    file.write_bytes(file.read_bytes() + b" ")
    with pytest.raises(WeightsMismatchError):
        load_head(handle.heads[0], tmp_path)
