"""Intervals and the out-of-distribution score, on embeddings: no network is needed."""

from dataclasses import replace

import numpy as np
import pytest
import xarray as xr

from xoceansar.conventions import OCEAN_CLASSES, Quality
from xoceansar.errors import ConfidenceError, MissingVariableError
from xoceansar.models import BackboneSpec, Head, HeadSpec, InputSpec, write_bundle
from xoceansar.models.spec.intervals import IntervalSpec
from xoceansar.ops import retrieve, wind

WIDTH = 4
INTERVALS = IntervalSpec(
    beams=("wv1", "wv2"), n=(99, 199), incidence=((23.4, 24.2), (36.4, 37.2))
)
BASE = {
    "quality",
    "swh",
    "wind_speed",
    "ocean_class",
    "class_probability",
    "ood_score",
}
BOUNDS = {"swh_lower", "swh_upper", "wind_speed_lower", "wind_speed_upper"}


def made_heads(sha):
    rng = np.random.default_rng(0)

    def head(name, kind, units, arrays, **about):
        spec = HeadSpec(
            name=name,
            kind=kind,
            target=name,
            units=units,
            pooling="cls",
            backbone_sha256=sha,
            **about,
        )
        scaling = {"mean": np.zeros(WIDTH), "std": np.ones(WIDTH)}
        arrays = {**scaling, **arrays}
        return Head(spec, {k: np.asarray(v, np.float32) for k, v in arrays.items()})

    def calibrated(scale):
        return {
            "interval_knots": [1.0, 5.0],
            "interval_scale": [scale, 3 * scale],
            "interval_scores_wv1": np.linspace(0.01, 0.99, 99),
            "interval_scores_wv2": np.linspace(0.02, 3.98, 199),
        }

    def linear(bias, outputs=1):
        weight = rng.normal(0, 0.3, (WIDTH, outputs))
        return {"weight": weight, "bias": np.full(outputs, bias)}

    kept = {"lower_bound": 0.0, "intervals": INTERVALS}
    far = {
        "weight": rng.normal(size=(WIDTH, 2)),
        "centre": np.zeros((1, 2)),
        "distances": np.linspace(0.1, 9, 200),
    }
    return [
        head("swh", "linear", "m", {**linear(2.0), **calibrated(0.2)}, **kept),
        head("wind_speed", "linear", "m s-1", {**linear(8), **calibrated(1)}, **kept),
        head("ocean_class", "logistic", "1", linear(0.0, 10), classes=OCEAN_CLASSES),
        head("ood_score", "distance", "1", far),
    ]


def bundle(folder, keep=None, simulated=True):
    about = {
        "name": "calibrated",
        "backbone": BackboneSpec(architecture="x", embedding_dim=WIDTH, pooling="cls"),
        "backbone_state": {"w": np.zeros(1, np.float32)},
        "input": InputSpec(scale="dB", size=16),
        "simulated": simulated,
    }
    heads = made_heads(write_bundle(folder, **about).weights_sha256)
    return write_bundle(
        folder, heads=[h for h in heads if keep is None or keep(h)], **about
    )


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return bundle(tmp_path_factory.mktemp("bundles") / "calibrated")


@pytest.fixture
def embedding(model):
    n = 6
    rng = np.random.default_rng(1)
    beam = np.array(["wv1", "wv2"] * 3)
    return xr.DataArray(
        rng.normal(size=(n, WIDTH)).astype(np.float32),
        dims=("vignette", "embedding"),
        name="embedding_vector",
        coords={
            "sigma0_mean": ("vignette", np.full(n, 0.1)),
            "valid_fraction": ("vignette", np.ones(n)),
            "incidence": ("vignette", np.where(beam == "wv1", 23.8, 36.8)),
            "beam": ("vignette", beam),
            "polarisation": ("vignette", ["VV"] * n),
        },
    )


def test_bounds_are_ancillary_and_say_their_calibration(embedding, model):
    result = retrieve(embedding, model=model, confidence=0.9)
    assert set(result.data_vars) == BASE | BOUNDS
    assert result.swh.attrs["ancillary_variables"] == (
        "swh_lower swh_upper quality ood_score"
    )
    assert result.ocean_class.attrs["ancillary_variables"] == "quality ood_score"
    assert "ancillary_variables" not in result.ood_score.attrs
    for name in BOUNDS:
        attrs = result[name].attrs
        assert attrs["confidence_level"] == 0.9
        assert attrs["calibration"] == (
            "split conformal for each beam, wv1: 99 vignettes, wv2: 199 vignettes (simulated)"
        )
        assert attrs["weights_sha256"] == model.weights_sha256
        assert "standard_name" not in attrs
        parent = result[name.rpartition("_")[0]]
        assert attrs["units"] == parent.attrs["units"]
        assert parent.attrs["standard_name"]


def test_values_of_the_bounds_by_hand(embedding, model):
    result = retrieve(embedding, model=model, confidence=0.9)
    value = result.swh.values.astype(float)
    # ranks 90 of 99 and 180 of 200: scores 0.9 and 3.6
    quantile = np.where(embedding.beam == "wv1", 0.9, 3.6)
    half = quantile * np.interp(value, [1.0, 5.0], [0.2, 0.6])
    np.testing.assert_allclose(result.swh_upper, value + half, rtol=1e-5)
    np.testing.assert_allclose(
        result.swh_lower, np.maximum(value - half, 0), rtol=1e-5, atol=1e-6
    )


def test_values_are_the_same_without_a_confidence(embedding, model):
    plain = retrieve(embedding, model=model)
    assert set(plain.data_vars) == BASE
    result = retrieve(embedding, model=model, confidence=0.5)
    for name in BASE:
        np.testing.assert_array_equal(result[name], plain[name])
    assert plain.swh.attrs["ancillary_variables"] == "quality ood_score"
    assert "confidence_level" not in plain.swh.attrs


def test_lazily(embedding, model, no_compute):
    result = retrieve(embedding.chunk(vignette=2), model=model, confidence=0.9)
    assert all(v.chunks == ((2, 2, 2),) for v in result[list(BOUNDS)].values())
    assert wind(embedding.chunk(vignette=2), model=model, confidence=0.9).chunks


def test_lazy_and_in_memory_agree(embedding, model):
    lazy = retrieve(embedding.chunk(vignette=4), model=model, confidence=0.9)
    xr.testing.assert_allclose(
        lazy.compute(), retrieve(embedding, model=model, confidence=0.9)
    )


def test_accessor_and_wind_give_the_same_bounds(embedding, model):
    result = embedding.oceansar.retrieve(model=model, confidence=0.8)
    speed = embedding.oceansar.wind(model=model, confidence=0.8)
    assert set(speed.data_vars) == {
        "wind_speed",
        "wind_speed_lower",
        "wind_speed_upper",
    }
    for name in speed.data_vars:
        np.testing.assert_array_equal(speed[name], result[name])
    assert speed.wind_speed.attrs["ancillary_variables"] == (
        "wind_speed_lower wind_speed_upper"
    )
    assert set(embedding.oceansar.wind(model=model).data_vars) == {"wind_speed"}


def test_missing_and_foreign_vignettes_have_no_bounds_and_harm_no_neighbour(
    embedding, model
):
    clean = retrieve(embedding, model=model, confidence=0.9)
    broken = embedding.copy()
    broken[1] = np.nan
    broken = broken.assign_coords(
        incidence=broken.incidence.where(np.arange(6) != 3, 30.0)
    )
    result = retrieve(broken, model=model, confidence=0.9)
    assert np.isnan(result.swh[1])
    assert np.isfinite(result.swh[3])
    for name in BOUNDS:
        np.testing.assert_array_equal(
            np.isnan(result[name]), [False, True, False, True, False, False]
        )
        kept = [0, 2, 4, 5]
        np.testing.assert_array_equal(result[name][kept], clean[name][kept])
    assert np.isnan(result.ood_score[1])


def test_the_score_sets_no_flag(embedding, model):
    far = embedding * 100
    result = retrieve(far.assign_coords(embedding.coords), model=model)
    np.testing.assert_allclose(result.ood_score, 200 / 201, rtol=1e-6)
    assert not (result.quality & Quality.OUT_OF_DOMAIN).any()


@pytest.mark.parametrize("confidence", [0.0, 1.0, 90])
def test_impossible_confidences_are_refused_before_anything_is_built(
    embedding, model, confidence, no_compute
):
    for method in (retrieve, wind):
        with pytest.raises(ConfidenceError, match="between 0 and 1"):
            method(embedding.chunk(), model=model, confidence=confidence)


def test_a_confidence_beyond_the_calibration_names_the_head_and_the_highest(
    embedding, model
):
    retrieve(embedding, model=model, confidence=0.99)
    with pytest.raises(
        ConfidenceError, match=r"'swh' of model 'calibrated'.*up to 0\.9900"
    ):
        retrieve(embedding, model=model, confidence=0.995)


def test_a_model_without_calibration_says_so(embedding, tmp_path):
    plain = bundle(tmp_path, keep=lambda h: h.spec.intervals is None)
    assert retrieve(embedding, model=plain)
    with pytest.raises(
        ConfidenceError, match=r"'calibrated' was not calibrated.*Leave out"
    ):
        retrieve(embedding, model=plain, confidence=0.9)


def test_without_a_head_the_others_have_bounds(embedding, tmp_path):
    def no_wind(one):
        return one.spec.name != "wind_speed"

    result = retrieve(embedding, model=bundle(tmp_path, no_wind), confidence=0.9)
    assert set(result.data_vars) == BASE - {"wind_speed"} | {"swh_lower", "swh_upper"}


def test_a_regression_that_was_not_calibrated_is_named(embedding, model):
    def bare(head):
        return replace(head, intervals=None) if head.target == "swh" else head

    mixed = replace(model, heads=tuple(bare(head) for head in model.heads))
    assert "swh" in retrieve(embedding.chunk(), model=mixed)
    with pytest.raises(ConfidenceError, match=r"not calibrated for \['swh'\]"):
        retrieve(embedding, model=mixed, confidence=0.9)
    assert "wind_speed_lower" in wind(embedding, model=mixed, confidence=0.9)


def test_without_incidence_the_beam_cannot_be_told(embedding, model):
    bare = embedding.drop_vars("incidence")
    assert "swh" in retrieve(bare, model=model)
    with pytest.raises(MissingVariableError, match="incidence"):
        retrieve(bare, model=model, confidence=0.9)


def test_only_simulated_calibrations_are_called_so(embedding, tmp_path):
    result = retrieve(
        embedding, model=bundle(tmp_path, simulated=False), confidence=0.9
    )
    assert "simulated" not in result.swh_lower.attrs["calibration"]


def test_bounds_survive_a_store(embedding, model, tmp_path):
    result = retrieve(embedding, model=model, confidence=0.9)
    result.to_netcdf(tmp_path / "r.nc")
    with xr.open_dataset(tmp_path / "r.nc") as again:
        np.testing.assert_array_equal(again.swh_upper, result.swh_upper)
        assert again.swh_upper.attrs["confidence_level"] == 0.9


def test_a_confidence_is_part_of_the_graph_s_name(embedding, model):
    lazy = embedding.chunk(vignette=3)
    names = {
        retrieve(lazy, model=model, confidence=confidence).swh_upper.data.name
        for confidence in (0.8, 0.9)
    }
    assert len(names) == 2


def test_handle_with_another_calibration_is_another_handle(model):
    head = model.heads[0]
    other = replace(head, intervals=replace(INTERVALS, n=(99, 198)))
    assert hash(other) != hash(head)
