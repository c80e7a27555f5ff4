"""Heads of physical parameters: fitted, kept in a bundle with their names, and demanded with words."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from tests.conftest import tolerance
from xoceansar import load_model, ops
from xoceansar.conventions import Quality
from xoceansar.errors import (
    BundleError,
    DimensionError,
    DomainError,
    MissingVariableError,
    TrainingError,
    UnitsError,
)
from xoceansar.models.inference import runtime
from xoceansar.ops.feature_blocks import FEATURE_BLOCKS, Measurement
from xoceansar.ops.head_inputs import HeadInputs, block_variables
from xoceansar.train import calibrate, fit

pytestmark = pytest.mark.filterwarnings("ignore:.*simulated vignettes only")

N = 120


@pytest.fixture
def probe(monkeypatch):
    """A block of five numbers, in two variables, that only a sounding can give."""

    def sound(obj):
        if not isinstance(obj, xr.Dataset) or "sounding" not in obj:
            raise MissingVariableError("'sounding' is absent. Add it.")
        return probes(obj["sounding"])

    monkeypatch.setitem(
        FEATURE_BLOCKS, "probe", Measurement(sound, ("probe_level", "probe_band"))
    )


def probes(sounding):
    scale = xr.DataArray(
        [[1.0, 2.0], [-1.0, 3.0]],
        dims=("band", "way"),
        coords={"band": [0.5, 1.25], "way": ["up", "down"]},
    )
    return xr.Dataset({
        "probe_level": sounding.assign_attrs(units="dB"),
        "probe_band": (scale * sounding**2).assign_attrs(units="m"),
    })  # fmt: skip


@pytest.fixture
def known():
    """Vignettes of which there are nothing but probes and a wave height that follows from them."""
    rng = np.random.default_rng(3)
    sounding = xr.DataArray(rng.uniform(1, 3, N), dims="vignette")
    ds = probes(sounding).assign(
        swh=(0.5 * sounding + 0.3 * sounding**2).assign_attrs(units="m")
    )
    return ds.assign_coords(track=("vignette", np.arange(N) // 4))


@pytest.fixture
def embedded(known, exact_model):
    rng = np.random.default_rng(4)
    vector = rng.normal(size=(N, exact_model.embedding_dim)).astype(np.float32)
    return known.assign(embedding_vector=(("vignette", "embedding"), vector))


COLUMNS = (
    "probe_level",
    "probe_band[band=0.5,way=up]",
    "probe_band[band=0.5,way=down]",
    "probe_band[band=1.25,way=up]",
    "probe_band[band=1.25,way=down]",
)
ALONE = {"features": "probe", "ancillary": (), "groups": "track"}
BESIDE = {**ALONE, "features": ["embedding", "probe"]}


@pytest.mark.parametrize("how", [ALONE, BESIDE])
def test_the_law_of_a_block_is_found_and_used_by_name(
    embedded, exact_model, probe, tmp_path, how
):
    ds = embedded if how is BESIDE else embedded.drop_vars("embedding_vector")
    result = fit(ds, "swh", model=exact_model, to=tmp_path, **how)
    assert result.scores.loc["all", "rmse"] < 0.02
    np.testing.assert_allclose(
        ds.oceansar.swh(model=tmp_path), ds.swh, atol=0.1, rtol=0
    )
    lazy = ds.chunk(vignette=50).oceansar.swh(model=tmp_path)
    assert lazy.chunks == ((50, 50, 20),)
    np.testing.assert_allclose(lazy, ds.oceansar.swh(model=tmp_path), rtol=1e-6)


@pytest.mark.parametrize("how", [ALONE, BESIDE])
def test_rows_of_unknown_source_are_taken_for_what_the_model_is(
    embedded, exact_model, probe, how
):
    ds = embedded if how is BESIDE else embedded.drop_vars("embedding_vector")
    model = replace(exact_model, simulated=True)
    assert fit(ds, "swh", model=model, **how).simulated
    assert not fit(ds, "swh", model=replace(model, simulated=False), **how).simulated


def test_a_bundle_says_what_its_heads_are_made_of(
    embedded, exact_model, probe, tmp_path
):
    result = fit(embedded, "swh", model=exact_model, **BESIDE)
    bundle = result.write(tmp_path)
    content = json.loads((tmp_path / "config.json").read_text())
    assert content["schema_version"] == 2
    head = next(one for one in content["heads"] if one["name"] == "swh")
    assert head["embedding"] is True
    assert head["features"] == [
        {
            "name": "probe",
            "columns": list(COLUMNS),
            "units": ["dB", "m", "m", "m", "m"],
            "measured_in": "",
        }
    ]
    assert content["provenance"]["heads"]["swh"]["features"] == ["embedding", "probe"]
    # standardised by what was learned from
    learned = ~embedded.track.isin(result.validation.group).values
    mean = result.head.arrays["mean"][-5:]
    np.testing.assert_allclose(
        mean[0], embedded.probe_level.values[learned].mean(), rtol=1e-5
    )
    assert bundle.heads == load_model(tmp_path).heads
    assert "of embedding + probe (5)" in repr(bundle)


def test_a_bundle_without_features_is_written_as_before(exact_model):
    content = json.loads(Path(exact_model.path, "config.json").read_text())
    assert content["schema_version"] == 1
    assert all(not {"features", "embedding"} & set(one) for one in content["heads"])


def test_columns_are_found_by_name_whatever_their_order(
    known, exact_model, probe, tmp_path
):
    fit(known, "swh", model=exact_model, to=tmp_path, **ALONE)
    expected = known.oceansar.swh(model=tmp_path)
    turned = known.isel(band=[1, 0], way=[1, 0]).transpose("way", ..., "vignette")
    xr.testing.assert_allclose(turned.oceansar.swh(model=tmp_path), expected, rtol=1e-6)


def test_another_block_is_refused_by_its_columns_and_units(
    known, exact_model, probe, tmp_path
):
    fit(known, "swh", model=exact_model, to=tmp_path, **ALONE)
    with pytest.raises(DimensionError, match=r"2 are absent, such as .*band=1.25"):
        known.isel(band=[0]).oceansar.swh(model=tmp_path)
    with pytest.raises(DimensionError, match=r"band=0.5.*Measure the block again"):
        known.drop_vars("band").oceansar.swh(model=tmp_path)
    feet = known.assign(probe_band=known.probe_band.assign_attrs(units="ft"))
    with pytest.raises(
        UnitsError, match=r"takes 'probe_band.* in 'm'; here it is in 'ft'"
    ):
        feet.oceansar.swh(model=tmp_path)
    text = known.assign(probe_level=known.probe_level.astype(str))
    with pytest.raises(UnitsError, match="'probe_level' of the block 'probe' is of <U"):
        text.oceansar.swh(model=tmp_path)


def test_a_block_that_is_not_there_is_demanded_with_words(
    embedded, exact_model, probe, tmp_path
):
    fit(embedded, "swh", model=exact_model, to=tmp_path, **BESIDE)
    without = embedded.drop_vars("probe_band")
    for obj in (without, embedded["embedding_vector"]):
        with pytest.raises(
            MissingVariableError,
            match=r"head 'swh' of model .* takes the features 'probe'.*probe_band.*"
            r"'sounding' is absent.*ds.merge\(images.oceansar.sound\(\)\)",
        ):
            obj.oceansar.swh(model=tmp_path)
    measured = without.assign(sounding=without["probe_level"]).drop_vars("probe_level")
    xr.testing.assert_allclose(
        measured.oceansar.swh(model=tmp_path), embedded.oceansar.swh(model=tmp_path)
    )


def test_what_was_measured_in_something_else_is_refused(
    known, exact_model, probe, tmp_path
):
    def of(**attrs):
        return known.assign({n: v.assign_attrs(attrs) for n, v in known.items()})

    spectra = of(measured_in="cross-spectra", lineage="hawaii")
    model = fit(spectra, "swh", model=exact_model, to=tmp_path, **ALONE).bundle
    assert model.heads["swh"].features[0].measured_in == "cross-spectra, hawaii"
    assert np.isfinite(spectra.oceansar.swh(model=model)).all()
    images = of(measured_in="intensity")
    for other, said in ((images, "'intensity'"), (known, "not said")):
        with pytest.raises(DomainError, match=f"'cross-spectra, hawaii'.*{said}"):
            other.oceansar.swh(model=model)


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e300])
def test_a_missing_feature_harms_its_own_row_and_no_other(
    embedded, exact_model, probe, tmp_path, bad
):
    model = fit(embedded, "swh", model=exact_model, **BESIDE).write(
        tmp_path, keep_heads=False
    )
    holed = embedded.copy(deep=True)
    holed["probe_band"][{"vignette": 7, "band": 1, "way": 0}] = bad
    made = holed.oceansar.retrieve(model=model)
    whole = embedded.oceansar.retrieve(model=model)
    others = np.arange(N) != 7
    assert np.isnan(made.swh[7])
    np.testing.assert_allclose(made.swh[others], whole.swh[others], rtol=1e-6)
    flags = made.quality.values & Quality.NO_DATA.value
    np.testing.assert_array_equal(flags != 0, ~others)
    assert not whole.quality.any()
    result = fit(holed, "swh", model=exact_model, **BESIDE)
    assert result.dropped == {"no probe": 1}


def test_what_cannot_be_asked_for(embedded, exact_model, probe, vignettes_of_256):
    for odd in (["embeding"], [], ["probe", "probe"]):
        with pytest.raises(TrainingError, match="features must be one or more of"):
            fit(embedded, "swh", model=exact_model, features=odd, groups="track")
    with pytest.raises(TrainingError, match="has no backbone to fine-tune"):
        fit(
            vignettes_of_256,
            "swh",
            model=exact_model,
            features="texture",
            finetune="full",
        )
    with pytest.raises(MissingVariableError, match="the head takes the features"):
        fit(embedded, "swh", model=exact_model, features="texture", ancillary=(), groups="track")  # fmt: skip


def test_a_block_of_a_later_version_is_refused_by_name(
    embedded, exact_model, probe, tmp_path, monkeypatch
):
    fit(embedded, "swh", model=exact_model, to=tmp_path, **BESIDE)
    monkeypatch.delitem(FEATURE_BLOCKS, "probe")
    with pytest.raises(MissingVariableError, match="'probe', which this version"):
        embedded.oceansar.swh(model=tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"columns": ["a", "a"], "units": ["1", "1"]}, "different from one another"),
        ({"columns": ["a"], "units": []}, "one for each of the 1 columns"),
        ({"columns": [], "units": []}, "one or more"),
        ({"name": "not a name"}, "an identifier"),
        ({"columns": "a"}, "must be a list of text"),
        ({"scale": 3}, "unknown field 'scale'"),
    ],
)
def test_a_damaged_block_is_named(
    embedded, exact_model, probe, tmp_path, change, message
):
    fit(embedded, "swh", model=exact_model, to=tmp_path, **BESIDE)
    (tmp_path / "config.sha256").unlink()
    path = tmp_path / "config.json"
    content = json.loads(path.read_text())
    head = next(one for one in content["heads"] if one["name"] == "swh")
    head["features"][0] |= change
    path.write_text(json.dumps(content))
    with pytest.raises(BundleError, match=message):
        load_model(tmp_path)


def test_arrays_that_do_not_fit_the_features_are_refused(
    known, exact_model, probe, tmp_path
):
    result = fit(known, "swh", model=exact_model, **ALONE)
    cut = {name: array[:4] for name, array in result.head.arrays.items()}
    with pytest.raises(BundleError, match=r"probe \(5\), 5 inputs without the embedd"):
        type(result.head)(result.head.spec, {**cut, "bias": result.head.arrays["bias"]})


def test_intervals_are_calibrated_with_features(known, exact_model, probe, tmp_path):
    result = fit(known, "swh", model=exact_model, **ALONE)
    rng = np.random.default_rng(0)
    sounding = xr.DataArray(rng.uniform(1, 3, 900), dims="vignette")
    more = probes(sounding)
    matrix = HeadInputs.named(more, exact_model, {"probe": "it"}, False).blocks["probe"]
    beam = np.array(["wv1"] * 900)
    truth = (0.5 * sounding + 0.3 * sounding**2).values + rng.normal(0, 0.2, 900)
    head = calibrate(
        result.head, matrix.values.values, truth, incidence=np.full(900, 23.8), beam=beam
    )  # fmt: skip
    model = type(result)(
        **{f: getattr(result, f) for f in result.__slots__} | {"head": head}
    ).write(tmp_path, keep_heads=False)
    fresh = probes(xr.DataArray(rng.uniform(1, 3, 50), dims="vignette"))
    fresh = fresh.assign_coords(incidence=("vignette", np.full(50, 23.8)))
    made = fresh.oceansar.retrieve(model=model, confidence=0.9)
    width = (made.swh_upper - made.swh_lower).values / 2
    np.testing.assert_allclose(width, 1.645 * 0.2, rtol=0.25)


# the texture of images, as a block


@pytest.fixture(scope="module")
def vignettes_of_256():
    """Vignettes of 12.8 km, whose wave height is read from the length of their waves."""
    rng = np.random.default_rng(0)
    n, size = 24, 256
    swh = rng.uniform(1, 5, n)
    phase = rng.uniform(0, 2 * np.pi, (n, 1, 1))
    wave = np.cos(2 * np.pi / (4 * swh[:, None, None]) * np.arange(size) + phase)
    noise = rng.gamma(100, 1 / 100, (n, size, size))
    level = rng.uniform(0.05, 0.2, (n, 1, 1))
    beam = np.array(["wv1", "wv2"] * (n // 2))
    return xr.Dataset(
        {
            "sigma0": (
                ("vignette", "line", "sample"),
                (level * (1 + 0.5 * wave) * noise).astype(np.float32),
                {"units": "1"},
            ),
            "swh": ("vignette", swh, {"units": "m"}),
        },
        coords={
            "vignette_id": ("vignette", [f"v{i:03d}" for i in range(n)]),
            "beam": ("vignette", beam),
            "polarisation": ("vignette", ["VV"] * n),
            "incidence": ("vignette", np.where(beam == "wv1", 23.8, 36.8)),
            "pixel_spacing": 50.0,
            "track": ("vignette", np.arange(n) // 2),
        },
    )


@pytest.fixture(scope="module")
def by_texture(vignettes_of_256, exact_model, tmp_path_factory):
    """A head of texture alone, and one of both."""
    made = {}
    for features in ("texture", "embedding texture"):
        folder = tmp_path_factory.mktemp("bundle")
        result = fit(
            vignettes_of_256.chunk(vignette=8),
            "swh",
            model=exact_model,
            groups="track",
            features=features.split(),
        )
        made[features] = result, result.write(folder, keep_heads=False)
    return made


@pytest.mark.parametrize("features", ["texture", "embedding texture"])
def test_images_and_cached_columns_give_the_same(
    vignettes_of_256, by_texture, exact_model, features
):
    result, model = by_texture[features]
    scores = result.scores.loc["all"]
    assert scores.rmse < 0.7 * scores.rmse_of_mean
    images = vignettes_of_256.chunk(vignette=8)
    from_images = images.oceansar.swh(model=model)
    assert from_images.chunks == ((8, 8, 8),)
    cached = images.oceansar.texture()
    cached["embedding_vector"] = images.oceansar.embed(model=exact_model)
    cached = cached.compute()
    from_columns = cached.oceansar.swh(model=model)
    close = {"atol": 10 * tolerance(exact_model), "rtol": 0}
    np.testing.assert_allclose(from_images, from_columns, **close)
    at = vignettes_of_256.vignette_id.isin(result.validation.vignette_id)
    np.testing.assert_allclose(
        from_images.values[at.values], result.validation.predicted, **close
    )


def test_a_head_of_texture_alone_never_runs_the_network(
    vignettes_of_256, by_texture, exact_model, monkeypatch
):
    _, model = by_texture["texture"]
    level = vignettes_of_256.oceansar.embed(model=exact_model).sigma0_mean
    expected = vignettes_of_256.oceansar.swh(model=model)
    np.testing.assert_array_equal(expected.sigma0_mean, level)

    def refuse(handle):
        raise AssertionError("the network was run")

    monkeypatch.setattr(runtime, "get_network", refuse)
    for obj in (vignettes_of_256, vignettes_of_256.chunk(vignette=8)):
        np.testing.assert_allclose(obj.oceansar.swh(model=model), expected, rtol=1e-6)
    dark = vignettes_of_256.copy(deep=True)
    dark["sigma0"][3] = np.nan
    made = dark.oceansar.retrieve(model=model)
    assert np.isnan(made.swh[3])
    np.testing.assert_allclose(
        made.swh.drop_isel(vignette=3), expected.drop_isel(vignette=3), rtol=1e-6
    )


def test_every_block_is_measured_in_images(vignettes_of_256, exact_model):
    lazy = vignettes_of_256.isel(vignette=slice(None, 4)).chunk(vignette=2)
    users = dict.fromkeys(FEATURE_BLOCKS, "it")
    inputs = HeadInputs.named(lazy, exact_model, users, False)
    width = {name: len(b.block.columns) for name, b in inputs.blocks.items()}
    assert width == {"texture": 156, "cwave": 20, "statistics": 3, "cutoff": 1}
    statistics = inputs.blocks["statistics"]
    assert statistics.block.columns[0] == "normalised_variance"
    sigma0 = lazy.sigma0.astype(float)
    expected = sigma0.var(["line", "sample"]) / sigma0.mean(["line", "sample"]) ** 2
    np.testing.assert_allclose(statistics.values[:, 0], expected, rtol=1e-3)
    assert inputs.blocks["cwave"].block.columns[19] == "cwave[cwave_parameter=20]"
    assert inputs.blocks["cwave"].block.measured_in == "intensity, orthonormal"


def test_nothing_is_computed_while_the_graph_is_built(
    vignettes_of_256, by_texture, no_compute
):
    lazy = vignettes_of_256.chunk(vignette=8)
    for _, model in by_texture.values():
        assert lazy.oceansar.retrieve(model=model).swh.chunks == ((8, 8, 8),)


def test_an_archive_has_what_heads_of_features_give(vignettes_of_256, by_texture):
    from xoceansar.processing.product_block import Task, results
    from xoceansar.processing.settings import Settings

    _, model = by_texture["embedding texture"]
    settings = Settings(
        outputs=("embedding", "swh", "quality"), model="", fingerprint="",
        confidence=None, threshold=None, beam=None, spacing=50.0, shape=(256, 256),
        reader="direct", uncalibrated=False,
    )  # fmt: skip
    ds = vignettes_of_256.chunk(vignette=8).assign(
        quality=("vignette", np.zeros(24, np.uint8))
    )
    rows = results(ds, Task(settings, model, "{}")).compute()
    expected = vignettes_of_256.oceansar.swh(model=model)
    np.testing.assert_allclose(rows.swh, expected, atol=10 * tolerance(model))
    assert "texture_power" not in rows


def test_columns_of_an_archive_are_those_of_the_images(vignettes_of_256, by_texture):
    _, model = by_texture["embedding texture"]
    taken = block_variables(vignettes_of_256.oceansar.texture(), model, model.heads)
    xr.testing.assert_identical(
        taken, ops.texture(vignettes_of_256)[list(taken.data_vars)].drop_attrs(deep=False)
    )  # fmt: skip
