"""`fit`: what is learned from, what is left out, how it is scored, and the bundle that it writes."""

import json
from pathlib import Path

import dask
import numpy as np
import pytest
import xarray as xr

from xoceansar import load_model, open_labels
from xoceansar.conventions import OCEAN_CLASSES, Quality, class_attrs
from xoceansar.errors import (
    BundleError,
    DimensionError,
    DomainError,
    MissingVariableError,
    OceansarWarning,
    TrainingError,
    UnitsError,
    WeightsMismatchError,
)
from xoceansar.models.heads.head import head_inputs, load_head
from xoceansar.splits.orbit_passes import orbit_pass
from xoceansar.train import fit

pytestmark = pytest.mark.filterwarnings("ignore:.*simulated vignettes only")

N, SIZE = 96, 64
STEM = (
    "s1a-{beam}-slc-vv-20210403t083025-20210403t083028-{orbit:06d}-{orbit:06x}-{i:03d}"
)


def texture(wavelength: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Waves of some pixels length on a level of 0.1, with speckle."""
    n = len(wavelength)
    phase = rng.uniform(0, 2 * np.pi, (n, 1, 1))
    wave = np.cos(2 * np.pi / wavelength[:, None, None] * np.arange(SIZE) + phase)
    noise = rng.gamma(100, 1 / 100, (n, SIZE, SIZE))
    return (0.1 * (1 + 0.5 * wave) * noise).astype(np.float32)


def make_vignettes(seed: int = 0, n: int = N, first_orbit: int = 1) -> xr.Dataset:
    """Vignettes of 4 to a pass, whose wave height is read from their wavelength."""
    rng = np.random.default_rng(seed)
    swh = rng.uniform(1, 5, n)
    beam = np.array(["wv1", "wv2"] * (n // 2))
    ids = [
        STEM.format(beam=b, orbit=first_orbit + i // 4, i=i) for i, b in enumerate(beam)
    ]
    classes = (swh > 2).astype(np.int8) + (swh > 3.5)
    return xr.Dataset(
        {
            "sigma0": (
                ("vignette", "line", "sample"),
                texture(4 * swh, rng),
                {"units": "1"},
            ),
            "swh": ("vignette", swh, {"units": "m"}),
            "ocean_class": ("vignette", classes, class_attrs()),
        },
        coords={
            "vignette_id": ("vignette", ids),
            "beam": ("vignette", beam),
            "polarisation": ("vignette", ["VV"] * n),
            "incidence": ("vignette", np.where(beam == "wv1", 23.8, 36.8)),
            "pixel_spacing": 50.0,
        },
    )


@pytest.fixture(scope="module")
def vignettes() -> xr.Dataset:
    return make_vignettes()


@pytest.fixture(scope="module")
def embeddings(vignettes, tiny_model) -> xr.Dataset:
    """The same with cached embeddings in place of images."""
    vectors = vignettes.oceansar.embed(model=tiny_model)
    return vignettes.drop_vars("sigma0").assign(embedding_vector=vectors)


# what is fitted, and that it is used as at inference


def test_a_head_learns_from_images_and_is_used_by_name(vignettes, tiny_model, tmp_path):
    result = fit(vignettes.chunk(vignette=16), "swh", model=tiny_model, to=tmp_path)
    scores = result.scores.loc["all"]
    assert scores.rmse < 0.6 * scores.rmse_of_mean
    swh = vignettes.oceansar.swh(model=tmp_path)
    held_out = swh.isel(
        vignette=np.isin(
            vignettes.vignette_id, result.validation.vignette_id
        ).nonzero()[0]
    )
    np.testing.assert_allclose(held_out, result.validation.predicted, rtol=1e-6)
    np.testing.assert_allclose(
        np.sqrt(((held_out - result.validation.truth) ** 2).mean()),
        result.scores.loc["all", "rmse"],
        rtol=1e-6,
    )
    assert swh.attrs["units"] == "m"


def test_embeddings_give_the_head_that_images_give(vignettes, embeddings, tiny_model):
    one, other = (fit(ds, "swh", model=tiny_model) for ds in (vignettes, embeddings))
    for name, array in one.head.arrays.items():
        np.testing.assert_allclose(other.head.arrays[name], array, rtol=1e-5, atol=1e-6)
    assert one.scores.equals(other.scores)


def test_images_are_read_chunk_by_chunk_and_once(vignettes, tiny_model):
    read = []

    def block(values):
        read.append(len(values))
        return values

    lazy = vignettes.chunk(vignette=16)
    lazy["sigma0"] = lazy["sigma0"].copy(
        data=lazy["sigma0"].data.map_blocks(block, meta=np.empty((0, 0, 0), np.float32))
    )
    with dask.config.set(scheduler="synchronous"):
        fit(lazy, "swh", model=tiny_model)
    assert read == [16] * 6


def test_what_cannot_be_fitted_is_refused_before_a_pixel_is_read(
    vignettes, tiny_model, no_compute
):
    pixels = vignettes["sigma0"].variable.chunk(vignette=16)
    lazy = vignettes[["sigma0"]].assign(sigma0=pixels)
    swh = vignettes["swh"]
    with pytest.raises(UnitsError, match="'swh' must be in 'm'"):
        fit(lazy, swh.assign_attrs(units="cm"), model=tiny_model)
    with pytest.raises(MissingVariableError, match="truth 'swh'"):
        fit(lazy, "swh", model=tiny_model)
    with pytest.raises(TrainingError, match=r"no vignette is left.*96"):
        fit(lazy, (swh * np.nan).assign_attrs(units="m"), model=tiny_model)


@pytest.mark.parametrize(
    ("target", "beside"),
    [
        ("swh", ("sigma0_mean_db", "incidence")),
        ("wind_speed", ("sigma0_mean_db", "incidence", "gmf_wind")),
    ],
)
def test_wind_is_given_the_gmf_by_itself(embeddings, tiny_model, target, beside):
    units = {"swh": "m", "wind_speed": "m s-1"}[target]
    truth = embeddings["swh"].rename(target).assign_attrs(units=units)
    assert fit(embeddings, truth, model=tiny_model).head.spec.ancillary == beside
    alone = fit(embeddings, truth, model=tiny_model, ancillary=())
    assert alone.head.spec.ancillary == ()


def test_a_truth_of_its_own_is_matched_by_name(embeddings, tiny_model):
    ds = embeddings.drop_vars("swh")
    truth = embeddings["swh"].isel(vignette=np.r_[90:10:-1])
    result = fit(ds, truth, model=tiny_model)
    assert result.dropped == {"no truth": 16}
    same = embeddings.assign(
        swh=embeddings["swh"].where(np.isin(np.arange(N), np.r_[90:10:-1]))
    )
    np.testing.assert_array_equal(
        result.head.arrays["weight"],
        fit(same, "swh", model=tiny_model).head.arrays["weight"],
    )
    twice = xr.concat([truth, truth[:1]], "vignette")
    with pytest.raises(TrainingError, match="two values"):
        fit(ds, twice, model=tiny_model)
    foreign = truth.assign_coords(
        vignette_id=("vignette", [f"x{i}" for i in range(80)])
    )
    with pytest.raises(TrainingError, match="no vignette of the truth"):
        fit(ds, foreign, model=tiny_model)
    with pytest.raises(DimensionError, match="each of the 96"):
        fit(ds, truth.drop_vars("vignette_id"), model=tiny_model)


# splits


def test_no_pass_is_on_both_sides(embeddings, tiny_model):
    for seed in range(3):
        result = fit(embeddings, "swh", model=tiny_model, seed=seed)
        held_out = set(result.validation.group.values.tolist())
        passes = orbit_pass(embeddings)
        n = np.isin(passes, list(held_out)).sum()
        assert result.validation.sizes["vignette"] == n  # whole passes
        assert result.provenance["n_fit"] == N - n
        assert result.provenance["groups"] == {
            "by": "orbit_pass",
            "fit": 24 - len(held_out),
            "validation": len(held_out),
        }


def test_the_validation_is_never_learned_from(embeddings, tiny_model):
    """A truth that only the group knows: no skill, unless groups leak."""
    level = np.random.default_rng(1).uniform(1, 5, 24)[np.arange(N) // 4]
    fingerprint = np.eye(24)[np.arange(N) // 4]
    vectors = embeddings["embedding_vector"].copy()
    vectors[:, :24] = 10 * fingerprint
    ds = embeddings.assign(
        embedding_vector=vectors, swh=("vignette", level, {"units": "m"})
    )
    for head in ("linear", "mlp"):
        rates = {"learning_rates": [1e-3]} if head == "mlp" else {}
        scores = fit(ds, "swh", model=tiny_model, head=head, **rates).scores.loc["all"]
        assert scores.rmse > 0.7 * scores.rmse_of_mean
    with pytest.warns(OceansarWarning, match="at random"):
        leaked = fit(ds, "swh", model=tiny_model, groups=None).scores.loc["all"]
    assert leaked.rmse < 0.3 * leaked.rmse_of_mean


def test_another_dataset_validates_unless_it_shares_a_pass(
    vignettes, embeddings, tiny_model
):
    other = make_vignettes(seed=5, n=16, first_orbit=1000)
    result = fit(embeddings, "swh", model=tiny_model, validation=other)
    assert result.provenance["n_fit"] == N
    np.testing.assert_array_equal(result.validation.truth, other.swh)
    shared = other.assign_coords(
        vignette_id=other.vignette_id.copy(
            data=[*other.vignette_id.values[:-1], vignettes.vignette_id.values[0]]
        )
    )
    with pytest.raises(TrainingError, match=r"1 group.*S1A-000001"):
        fit(embeddings, "swh", model=tiny_model, validation=shared)
    with pytest.raises(TrainingError, match="must be names"):
        fit(
            embeddings, embeddings["swh"], model=tiny_model, validation=other
        )  # whose truth?


def test_few_groups_warn_and_one_is_refused(embeddings, tiny_model):
    few = embeddings.assign_coords(storm=("vignette", np.arange(N) // 32))
    with pytest.warns(OceansarWarning, match=r"belong to 3 groups \(storm\)"):
        fit(few, "swh", model=tiny_model, groups="storm")
    with (
        pytest.warns(OceansarWarning, match="1 groups"),
        pytest.raises(TrainingError, match="one group"),
    ):
        fit(embeddings, "swh", model=tiny_model, groups=np.zeros(N))
    with pytest.raises(MissingVariableError, match="groups='storm'"):
        fit(embeddings, "swh", model=tiny_model, groups="storm")
    with pytest.raises(DimensionError, match="one value for each"):
        fit(embeddings, "swh", model=tiny_model, groups=np.zeros(3))


# what is left out


def test_what_cannot_be_used_is_left_out_and_counted(vignettes, tiny_model):
    ds = vignettes.copy(deep=True)
    ds["swh"][:3] = np.nan
    ds["polarisation"] = ds["polarisation"].copy(data=["VV"] * 92 + ["HH"] * 4)
    ds["ocean_class"][[5, 6]] = OCEAN_CLASSES.index("sea_ice")
    ds["quality"] = ("vignette", np.zeros(N, np.uint8))
    ds["quality"][[6, 8]] = Quality.LAND.value
    ds["quality"][10] = (Quality.SEA_ICE_HINT | Quality.SATURATED).value
    ds["quality"][11] = Quality.SATURATED.value
    ds["sigma0"][12] = np.nan
    ds["incidence"][13] = np.nan
    result = fit(ds.set_coords("polarisation"), "swh", model=tiny_model)
    assert result.dropped == {
        "no truth": 3,
        "of a polarisation that the model was not trained on": 4,
        "sea ice": 3,
        "land": 1,
        "no embedding: too little data, or implausible": 2,
    }
    assert result.provenance["n_fit"] + result.provenance["n_validation"] == N - 13
    clean = ds.isel(vignette=np.r_[3:5, 7, 9, 11, 14:92])
    again = fit(clean, "swh", model=tiny_model)
    np.testing.assert_allclose(
        result.head.arrays["weight"], again.head.arrays["weight"], atol=1e-4
    )


def test_ice_is_a_class_like_others(embeddings, tiny_model):
    classes = embeddings["ocean_class"].where(embeddings["ocean_class"] != 2, 5)
    ds = embeddings.assign(ocean_class=classes.astype(np.int8))
    ds["ocean_class"].attrs = class_attrs()
    with pytest.warns(OceansarWarning, match="no example to learn from of"):
        result = fit(ds, "ocean_class", head="logistic", model=tiny_model)
    assert result.dropped == {}
    assert (result.validation.predicted == "sea_ice").any()


def test_labels_of_people_are_a_truth(embeddings, tiny_model, tmp_path):
    labels = open_labels(tmp_path / "archive.zarr")
    texts = np.where(embeddings.swh > 3, "high", "low")
    for name, text in zip(embeddings.vignette_id.values, texts, strict=True):
        labels.add(str(name), "low")
        labels.add(str(name), str(text))
    for name in embeddings.vignette_id.values[:3]:
        labels.remove(str(name))
    result = fit(embeddings, labels, head="logistic", model=tiny_model)
    assert result.head.spec.classes == ("high", "low")
    assert result.dropped == {"no truth": 3}
    truth = dict(zip(embeddings.vignette_id.values, texts, strict=True))
    kept = result.validation.vignette_id.values
    assert result.validation.truth.values.tolist() == [truth[name] for name in kept]


@pytest.mark.parametrize("classes", [None, ["low", "high"]])
def test_classes_come_from_texts(embeddings, tiny_model, classes):
    texts = np.where(embeddings.swh > 3, "high", "low").astype(object)
    texts[0], texts[1], texts[2] = None, "", np.nan
    ds = embeddings.assign(ocean_class=("vignette", texts))
    result = fit(ds, "ocean_class", head="logistic", model=tiny_model, classes=classes)
    assert result.head.spec.classes == tuple(classes or ("high", "low"))
    assert result.dropped == {"no truth": 3}
    assert result.scores.loc["all", "accuracy"] > 0.8
    with pytest.raises(TrainingError, match="'low'"):
        fit(
            ds, "ocean_class", head="logistic", model=tiny_model, classes=["high", "no"]
        )


def test_classes_of_a_chosen_order_follow_the_flags(embeddings, tiny_model):
    names = ["rain_cells", "wind_streaks", "micro_convective_cells", "pure_ocean_waves"]
    with pytest.warns(OceansarWarning, match="rain_cells"):
        result = fit(
            embeddings, "ocean_class", head="logistic", model=tiny_model, classes=names
        )
    truth = dict(
        zip(embeddings.vignette_id.values, embeddings.ocean_class.values, strict=True)
    )
    expected = [
        OCEAN_CLASSES[truth[name]] for name in result.validation.vignette_id.values
    ]
    assert result.validation.truth.values.tolist() == expected
    assert result.head.spec.classes == tuple(names)


def test_codes_that_an_archive_made_floats_are_codes(embeddings, tiny_model):
    codes = embeddings["ocean_class"].astype(np.float32)
    codes[4], codes[5] = np.nan, -1
    codes.attrs = class_attrs()
    ds = embeddings.assign(ocean_class=codes)
    with pytest.warns(OceansarWarning, match="no example"):
        result = fit(ds, "ocean_class", head="logistic", model=tiny_model)
    assert result.dropped == {"no truth": 2}
    del codes.attrs["flag_meanings"], codes.attrs["flag_values"]
    with pytest.raises(TrainingError, match="no meaning"):
        fit(embeddings, codes, head="logistic", model=tiny_model)
    with pytest.raises(TrainingError, match=r"codes \[2\.0\]"):
        fit(embeddings, codes, head="logistic", model=tiny_model, classes=["a", "b"])


def test_one_class_and_a_constant_teach_nothing(embeddings, tiny_model):
    one = embeddings.assign(ocean_class=("vignette", ["rain_cells"] * N))
    with pytest.raises(TrainingError, match="one class"):
        fit(one, "ocean_class", head="logistic", model=tiny_model)
    flat = embeddings.assign(swh=("vignette", np.full(N, 2.0), {"units": "m"}))
    with pytest.raises(TrainingError, match="varies"):
        fit(flat, "swh", model=tiny_model)


def test_a_class_of_one_pass_is_survived(embeddings, tiny_model):
    names = np.array(["pure_ocean_waves", "wind_streaks"])[
        (embeddings.swh.values > 3).astype(int)
    ].astype(object)
    names[:4] = "icebergs"
    ds = embeddings.assign(ocean_class=("vignette", names))
    with pytest.warns(OceansarWarning, match="icebergs"):
        result = fit(ds, "ocean_class", head="logistic", model=tiny_model)
    assert np.isfinite(result.scores.to_numpy()).all()


# class weights


@pytest.mark.parametrize("weights", ["balanced", {"high": 9.0}, None])
def test_class_weights_are_scikit_learns(embeddings, tiny_model, weights):
    linear_model = pytest.importorskip("sklearn.linear_model")
    texts = np.where(embeddings.swh > 4.3, "high", "low")
    ds = embeddings.assign(ocean_class=("vignette", texts))
    result = fit(
        ds, "ocean_class", head="logistic", model=tiny_model, class_weight=weights
    )
    learned = ~np.isin(ds.vignette_id, result.validation.vignette_id)
    spec = result.head.spec
    assert spec.classes == ("high", "low")
    inputs = head_inputs(
        ds.embedding_vector.values, ds.sigma0_mean.values, ds.incidence.values, spec
    )
    x = (inputs - result.head.arrays["mean"]) / result.head.arrays["std"]
    by_hand = linear_model.LogisticRegression(
        C=spec.metrics["strength"], class_weight=weights, max_iter=2000
    ).fit(x[learned], texts[learned])
    order = [list(by_hand.classes_).index(name) for name in spec.classes]
    np.testing.assert_allclose(
        result.head(inputs), by_hand.predict_proba(x)[:, order], atol=2e-3
    )


def test_class_weights_of_a_perceptron_raise_the_recall(embeddings, tiny_model):
    rng = np.random.default_rng(2)
    rare = rng.random(N) < 0.2
    vectors = embeddings["embedding_vector"].copy(
        data=rng.normal(size=(N, 72)) * 0.1 + 0.12 * rare[:, None] * (np.arange(72) < 2)
    )
    ds = embeddings.assign(
        embedding_vector=vectors,
        ocean_class=("vignette", np.where(rare, "rare", "usual")),
    )
    common = {"head": "mlp", "model": tiny_model, "learning_rates": [1e-3]}
    recalls = []
    for weights in (None, {"rare": 20.0}):
        result = fit(ds, "ocean_class", class_weight=weights, **common)
        out = result.head(
            head_inputs(vectors.values, ds.sigma0_mean, ds.incidence, result.head.spec)
        )
        recalls.append((out.argmax(1) == 0)[rare].mean())
    assert recalls[1] > recalls[0] + 0.2


@pytest.mark.parametrize(
    ("weights", "message"),
    [({"hihg": 2.0}, "hihg"), ({"high": 0.0}, "positive"), ("even", "'even'")],
)
def test_odd_class_weights_are_refused(embeddings, tiny_model, weights, message):
    ds = embeddings.assign(
        ocean_class=("vignette", np.where(embeddings.swh > 3, "high", "low"))
    )
    with pytest.raises(TrainingError, match=message):
        fit(ds, "ocean_class", head="logistic", model=tiny_model, class_weight=weights)


# the perceptron


def test_the_best_rate_stays_and_is_recorded(embeddings, tiny_model, torch):
    state = torch.random.get_rng_state()
    rates = [1e-6, 1e-3]
    result = fit(embeddings, "swh", head="mlp", model=tiny_model, learning_rates=rates)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert torch.get_num_threads() == 1
    assert result.sweep.index.tolist() == rates
    assert result.sweep.idxmin() == result.head.spec.metrics["learning_rate"]
    alone = [
        fit(embeddings, "swh", head="mlp", model=tiny_model, learning_rates=[rate])
        for rate in rates
    ]
    best = int(result.sweep.argmin())
    for name, array in result.head.arrays.items():
        np.testing.assert_array_equal(alone[best].head.arrays[name], array)
    np.testing.assert_allclose(result.sweep, [r.sweep.iloc[0] for r in alone])
    metrics = result.head.spec.metrics
    assert metrics["val_rmse"] <= metrics["linear_val_rmse"] + 1e-6
    assert metrics["val_rmse"] == pytest.approx(result.scores.loc["all", "rmse"])


# the bundle


def test_a_bundle_is_a_copy_with_one_head_more(embeddings, tiny_model, tmp_path):
    result = fit(embeddings, "swh", model=tiny_model, name="mine")
    handle = result.write(tmp_path / "new")
    assert [head.name for head in handle.heads] == [
        "swh", "wind_speed", "ocean_class", "mine",
    ]  # fmt: skip
    assert handle == load_model(tmp_path / "new")
    assert handle.name == "new"
    assert handle.weights_sha256 == tiny_model.weights_sha256
    for head in (handle.backbone, *handle.heads[:3]):
        old, new = (Path(m.path) / head.file for m in (tiny_model, handle))
        assert old.read_bytes() == new.read_bytes()
    loaded = load_head(handle.head("mine"), tmp_path / "new")
    for name, array in result.head.arrays.items():
        np.testing.assert_array_equal(loaded.arrays[name], array)
    about = json.loads((tmp_path / "new" / "config.json").read_text())["provenance"]
    assert about["heads"]["mine"] == result.provenance
    assert about["heads"]["mine"]["n_fit"] == len(
        set(embeddings.vignette_id.values) - set(result.validation.vignette_id.values)
    )
    assert "## Head `mine`" in handle.card
    assert "rmse" in handle.card


def test_a_head_of_the_same_name_takes_its_place(embeddings, tiny_model, tmp_path):
    result = fit(embeddings, "swh", model=tiny_model)
    handle = result.write(tmp_path / "a", name="b")
    assert [head.name for head in handle.heads] == ["swh", "wind_speed", "ocean_class"]
    assert handle.name == "b"
    assert handle.head("swh").metrics["n_fit"] == result.provenance["n_fit"]
    alone = result.write(tmp_path / "c", keep_heads=False)
    assert [head.name for head in alone.heads] == ["swh"]
    in_place = fit(embeddings, "swh", model=alone, name="second").write(alone.path)
    assert [head.name for head in in_place.heads] == ["swh", "second"]
    emb = embeddings["embedding_vector"]
    xr.testing.assert_identical(
        emb.oceansar.swh(model=handle).drop_attrs(),
        emb.oceansar.swh(model=in_place).drop_attrs(),
    )
    package = Path(load_model().path)
    with pytest.raises(BundleError, match="bundle of the package"):
        result.write(package)


def test_simulated_truth_marks_the_bundle(embeddings, tiny_model, tmp_path):
    real = fit(embeddings, "swh", model=tiny_model)
    assert not real.write(tmp_path / "real").simulated
    assert not fit(
        embeddings.assign_attrs(simulated="False"), "swh", model=tiny_model
    ).simulated
    simulated = fit(embeddings.assign_attrs(simulated=1), "swh", model=tiny_model)
    assert "simulated" in repr(simulated)
    bundle = simulated.write(tmp_path / "simulated")
    assert load_model(bundle.path).simulated
    measured = embeddings.assign_attrs(source="Sentinel-1")
    mixed = fit(measured, "swh", model=bundle, name="other")
    with pytest.warns(OceansarWarning, match="keep_heads=False"):
        assert mixed.write(tmp_path / "mixed").simulated
    assert not mixed.write(tmp_path / "alone", keep_heads=False).simulated
    assert fit(embeddings, "swh", model=bundle).simulated
    assert not fit(embeddings, "swh", model=tiny_model).simulated


def test_a_head_of_another_mode_is_fitted_on_its_tiles(embeddings, tiny_model):
    tiles = embeddings.drop_vars("domain").assign_coords(
        beam=("vignette", np.full(embeddings.sizes["vignette"], "iw"))
    )
    with pytest.warns(OceansarWarning, match="beam iw and not wv1, wv2"):
        result = fit(tiles, "swh", model=tiny_model)
    assert result.head.spec.beams == ("iw",)
    assert not any("polarisation" in reason for reason in result.dropped)


def test_domain_of_the_head_is_that_of_its_rows(embeddings, tiny_model):
    far = embeddings.isel(vignette=slice(1, None, 2))
    spec = fit(far, "swh", model=tiny_model).head.spec
    assert spec.beams == ("wv2",)
    assert spec.polarisations == ("VV",)


# refusals


@pytest.mark.parametrize(
    ("change", "arguments", "error", "message"),
    [
        ({}, {"head": "logistic"}, TrainingError, "is a number"),
        ({}, {"head": "detector"}, TrainingError, "head must be one of"),
        ({}, {"target": "ocean_class"}, TrainingError, "has classes"),
        ({}, {"validation": 0.9}, TrainingError, "fraction up to 0.5"),
        ({}, {"finetune": "lora"}, TrainingError, "on images"),
        ({}, {"finetune": "some"}, TrainingError, "'full' or 'lora'"),
        (
            {},
            {"head": "mlp", "learning_rates": [0.0]},
            TrainingError,
            "learning_rates must be",
        ),
        (
            {},
            {"head": "knn", "class_weight": "balanced"},
            TrainingError,
            "no class weights",
        ),
        ({"units": None}, {}, UnitsError, "not given"),
        ({"units": "feet"}, {}, UnitsError, "'feet'"),
        ({"name": "height"}, {"target": "height"}, MissingVariableError, "Rename"),
        (
            {"name": "wind_to_direction", "units": "degree"},
            {"target": "wind_to_direction"},
            TrainingError,
            "angle",
        ),
    ],
)
def test_requests_without_sense_are_refused(
    embeddings, tiny_model, change, arguments, error, message
):
    ds = embeddings.rename(swh=change.get("name", "swh"))
    name = change.get("name", "swh")
    if "units" in change:
        ds[name].attrs = {} if change["units"] is None else {"units": change["units"]}
    call = {"target": "swh", "model": tiny_model, **arguments}
    with pytest.raises(error, match=message):
        fit(ds, call.pop("target"), **call)


def test_embeddings_of_another_model_and_foreign_polarisation(embeddings, tiny_model):
    with pytest.raises(WeightsMismatchError, match="was made by model"):
        fit(embeddings, "swh", model=load_model())
    with pytest.raises(DomainError, match="polarisation"):
        fit(
            embeddings.assign_coords(polarisation=("vignette", ["HH"] * N)),
            "swh",
            model=tiny_model,
        )
    with pytest.raises(MissingVariableError, match="'incidence'"):
        fit(embeddings.drop_vars("incidence"), "swh", model=tiny_model)


def test_names_of_units_are_read(embeddings, tiny_model):
    ds = embeddings.copy()
    ds["swh"].attrs["units"] = "metres"
    assert fit(ds, "swh", model=tiny_model).head.spec.units == "m"
