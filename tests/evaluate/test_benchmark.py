"""Models compared on small tasks whose right answers are known."""

import json
import os
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from xoceansar.conventions import OCEAN_CLASSES, class_attrs
from xoceansar.errors import (
    BundleError,
    DimensionError,
    MissingVariableError,
    OceansarError,
    OceansarWarning,
    TrainingError,
    UnitsError,
)
from xoceansar.evaluate import (
    TASKS,
    Metric,
    Strata,
    Task,
    benchmark,
    find_models,
    metrics,
)
from xoceansar.evaluate.benchmark_result import REFERENCES, markdown_table
from xoceansar.evaluate.competitors import NoImage, OwnHead
from xoceansar.evaluate.feature_store import FeatureStore
from xoceansar.evaluate.linear_probes import Probe
from xoceansar.evaluate.parts import divide, with_truth
from xoceansar.evaluate.simple_features import HandFeatures, Level
from xoceansar.evaluate.strata import STRATA
from xoceansar.evaluate.tasks import find_task

PASSES, EACH = 12, 10
N = PASSES * EACH


def stem(i, orbit):
    beam = "wv2" if i % 2 else "wv1"
    return f"s1a-{beam}-slc-vv-20210403t083025-20210403t083028-{orbit:06d}-{orbit:06x}-{i:03d}"


@pytest.fixture(scope="module")
def ds():
    """Vignettes of 12 passes: their level is what their waves and wind are told from."""
    rng = np.random.default_rng(5)
    orbit = np.repeat(100 + np.arange(PASSES), EACH)
    beam = np.array(["wv1", "wv2"] * (N // 2))
    swh = rng.uniform(0.5, 7.5, N)
    level_db = -14 + 1.5 * swh + np.where(beam == "wv1", 4, 0)
    sigma0 = 10 ** (level_db / 10)[:, None, None] * rng.gamma(50, 0.02, (N, 16, 16))
    heading = np.where(orbit % 2, 348.0, 258.0)
    axis = np.mod(heading + 90 + 30 * np.where(swh > 4, 1, -1), 360)
    classes = np.digitize(swh, [2, 3, 4, 5, 6])  # 5 is sea ice: the highest
    along = {
        "vignette_id": np.array([stem(i, o) for i, o in enumerate(orbit)]),
        "beam": beam,
        "polarisation": np.full(N, "VV"),
        "platform": np.full(N, "S1A"),
        "ground_heading": heading,
        "incidence": np.where(beam == "wv1", 23.8, 36.8),
        "time": np.datetime64("2021-01-01", "ns") + orbit * np.timedelta64(1, "D"),
    }
    truth = {
        "swh": (swh, "m"),
        "wind_speed": (2 * swh + 1, "m s-1"),
        "wind_to_direction": (axis + 180 * rng.integers(0, 2, N), "degree"),
    }
    out = xr.Dataset(
        {
            "sigma0": (("vignette", "line", "sample"), sigma0.astype(np.float32)),
            "ocean_class": ("vignette", classes.astype(np.int8), class_attrs()),
            **{k: ("vignette", v, {"units": u}) for k, (v, u) in truth.items()},
        },
        coords={k: ("vignette", v) for k, v in along.items()},
        attrs={"source": "simulated by xoceansar.simulate", "simulated": 1},
    )
    return out.assign_coords(pixel_spacing=50.0)


@pytest.fixture
def quick(ds):
    """Run a benchmark with few draws."""

    def run(task="swh", models=("level", "constant"), data=ds, **how):
        return benchmark(data, task, models=models, **{"draws": 40, **how})

    return run


def score(result, model, metric, stratum="all", label="all"):
    row = result.select(model=model, stratum=stratum, bin=label, metric=metric)
    return row["value"].item()


LEVEL = "mean sigma0 and beam, linear probe"


# What is scored


@pytest.mark.parametrize("task", ["swh", "wind_speed"])
def test_numbers_are_scored_as_the_metrics_say(quick, task):
    result = quick(task)
    pred = result.predictions[LEVEL]
    for name in ("rmse", "bias", "mae", "scatter_index", "correlation"):
        want = getattr(metrics, name)(result.truth, pred)
        assert score(result, LEVEL, name) == pytest.approx(want)
    assert score(result, LEVEL, "correlation") > 0.98
    assert result.models == (LEVEL, "no image")


def test_truth_under_ice_or_missing_is_left_out_and_counted(ds, quick):
    holes = ds["swh"].where(np.arange(N) % 5 > 0)
    result = quick(data=ds.assign(swh=holes), test=0.5)
    ice = (ds["ocean_class"] == OCEAN_CLASSES.index("sea_ice")).values
    gone = ice | (np.arange(N) % 5 == 0)
    assert result.metadata["n_without_truth"] == gone.sum()
    counted = result.metadata["n_scored"] + result.metadata["n_learned_from"]
    assert counted == N - gone.sum()
    assert any(f"{gone.sum()} of {N} vignettes are left out" in n for n in result.notes)
    scored = np.isin(ds["vignette_id"].values, result.vignette_id)
    assert not (scored & gone).any()
    known = dict(zip(ds["vignette_id"].values, ds["swh"].values, strict=True))
    np.testing.assert_array_equal([known[v] for v in result.vignette_id], result.truth)


def test_classes_are_scored_with_their_probabilities(quick):
    result = quick("classification", test=0.5)
    p = result.predictions[LEVEL]
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-5)
    assert p.shape == (result.metadata["n_scored"], 10)
    assert score(result, LEVEL, "accuracy") == metrics.accuracy(
        result.truth, p.argmax(axis=1)
    )
    assert score(result, LEVEL, "brier") == pytest.approx(
        metrics.brier(result.truth, p)
    )
    assert (
        score(result, LEVEL, "accuracy") > 0.6 > score(result, "no image", "accuracy")
    )
    assert result.models == (LEVEL, "no image")  # here high is good
    # the frequencies of the classes, the same for all
    assert np.ptp(result.predictions["no image"], axis=0).max() == 0


@pytest.mark.parametrize("model", ["level", "constant"])
def test_axis_is_measured_from_the_look_of_the_radar(quick, model):
    result = quick("wind_direction", models=[model, "hand"][:1], test=0.4)
    (name,) = result.models
    error = score(result, name, "axis_rmse")
    # two axes, 30 degrees either way of the look: told by the level, or their mean is the look
    assert error < 22 if model == "level" else error == pytest.approx(30, abs=3)
    # which way it blows was drawn by lot
    assert score(result, name, "direction_rmse") > 90


# By parts


def test_strata_cover_the_vignettes(ds, quick):
    result = quick()
    counts = result.select(metric="rmse", model=LEVEL)
    for stratum in ("beam", "sea state", "wind"):
        assert counts[counts["stratum"] == stratum]["n"].sum() == len(result.truth)
    labels = result.strata["sea state"]
    pred = result.predictions[LEVEL]
    for low, high, label in ((0, 1.5, "0-1.5 m"), (3, 6, "3-6 m")):
        rows = (result.truth >= low) & (result.truth < high)
        assert set(labels[rows]) == {label}
        assert score(result, LEVEL, "bias", "sea state", label) == pytest.approx(
            metrics.bias(result.truth[rows], pred[rows])
        )


def test_bins_are_closed_below():
    strata = STRATA[1]
    values = [np.nan, -0.1, 0.0, 1.499, 1.5, 3.0, 6.0, 60.0]
    found = strata.labels(xr.Dataset({"swh": ("vignette", values)}))
    low, medium, high, most = strata.bins
    assert (low, most) == ("0-1.5 m", ">6 m")
    assert found.tolist() == ["", "", low, low, medium, high, most, most]
    assert strata.labels(xr.Dataset({"swh": ("time", values)})) is None


def test_division_that_the_data_lack_is_left_out(ds, quick):
    result = quick("classification", data=ds.drop_vars(["swh", "wind_speed"]))
    assert list(result.strata) == ["beam", "class"]


def test_few_passes_have_no_limits(quick):
    result = quick(test=0.3)
    rows = result.scores[result.scores["metric"] == "rmse"]
    few = rows["passes"] < 5
    assert rows[few]["lower"].isna().all()
    assert (rows[~few]["lower"] <= rows[~few]["value"]).all()
    assert any("no confidence limits" in note for note in result.notes)
    correlation = score(result, LEVEL, "correlation")
    text = result.table().loc[LEVEL, "correlation ↑"]
    assert float(text) == pytest.approx(correlation, abs=0.01)
    assert len(text.partition(".")[2]) >= 2
    assert "[" not in result.table().to_string()
    more = quick(test=0.5)
    assert any("too narrow" in note for note in more.notes)


# Sides


def test_no_pass_is_on_both_sides(ds):
    part = with_truth(ds, TASKS["swh"])
    for by in ("orbit_pass", "time"):
        train, test = divide(part, TASKS["swh"], by, test=0.3, seed=1)
        assert not set(train.groups) & set(test.groups)
        assert len(train) + len(test) == len(part)
    assert train.ds["time"].max() < test.ds["time"].min()
    with pytest.warns(OceansarWarning, match="too good"):
        divide(part, TASKS["swh"], "random", test=0.3, seed=1)
    with pytest.raises(OceansarError, match="got 'year'"):
        divide(part, TASKS["swh"], "year", test=0.3, seed=1)


def test_part_of_a_part_is_of_the_same_vignettes(ds):
    part = with_truth(ds, TASKS["swh"]).rows(np.arange(20, 40))
    again = part.rows(np.array([1, 3]))
    np.testing.assert_array_equal(again.ds["swh"], again.truth)
    np.testing.assert_array_equal(again.truth, part.truth[[1, 3]])


def test_other_data_are_learned_from_and_all_is_scored(ds, quick):
    first = ds.isel(vignette=slice(0, 60))
    rest = ds.isel(vignette=slice(60, None))
    result = quick(data=rest, train=first)
    assert result.metadata["n_scored"] == with_truth(rest, TASKS["swh"]).truth.size
    assert result.metadata["split"] == "other data"
    with pytest.warns(OceansarWarning, match="1 orbit pass"):
        both = quick(data=ds.isel(vignette=slice(55, None)), train=first)
    assert any("learned from and scored" in note for note in both.notes)


def test_class_that_was_not_learned_is_told(ds, quick):
    low = ds.isel(vignette=np.flatnonzero(ds["swh"].values < 5))
    with pytest.warns(OceansarWarning, match="sea_ice") as caught:
        result = quick("classification", data=ds, train=low)
    assert any("Scored and not learned from" in str(w.message) for w in caught)
    assert any("Not among those scored: icebergs" in note for note in result.notes)


def test_single_class_is_an_error(ds, quick):
    one = ds.assign(ocean_class=ds["ocean_class"] * 0)
    with pytest.raises(TrainingError, match="two classes"):
        quick("classification", data=one)


def test_classes_in_another_order_are_refused(ds, quick):
    other = ds.assign(
        ocean_class=ds["ocean_class"].assign_attrs(class_attrs(("a", "b", "c")))
    )
    low = other.isel(vignette=np.flatnonzero(ds["ocean_class"].values < 3))
    with (
        pytest.warns(OceansarWarning, match="learned from and scored"),
        pytest.raises(OceansarError, match="same classes"),
    ):
        quick("classification", train=low)


# Models


def test_own_head_and_probes_of_a_model(ds, quick, tiny_model):
    wide = ds.pad(line=(24, 24), sample=(24, 24), mode="reflect")
    name = tiny_model.path
    models = [f"own:{name}", f"linear:{name}", f"knn:{name}", f"random:{name}"]
    result = quick(models=models, data=wide)
    own = f"{tiny_model.name}, own head"
    assert set(result.models) == {
        own,
        f"{tiny_model.name}, linear probe",
        f"{tiny_model.name}, knn probe",
        f"{tiny_model.name} at random, linear probe",
    }
    by_accessor = wide.oceansar.swh(model=name)
    known = dict(zip(wide["vignette_id"].values, by_accessor.values, strict=True))
    want = [known[v] for v in result.vignette_id]
    np.testing.assert_allclose(result.predictions[own], want, rtol=1e-5)
    identity = result.metadata["models"][own]
    assert identity["weights_sha256"] == tiny_model.weights_sha256
    assert any("Own heads were fitted before" in note for note in result.notes)
    # what is fitted on the level beside the embedding has found it
    assert score(result, f"{tiny_model.name}, linear probe", "correlation") > 0.75


def test_own_classifier_is_put_in_the_order_of_the_truth(ds, quick, tiny_model):
    wide = ds.pad(line=(24, 24), sample=(24, 24), mode="reflect")
    names = ("something_else", *reversed(OCEAN_CLASSES))
    attrs = {"flag_meanings": " ".join(names), "flag_values": np.arange(11)}
    moved = (10 - wide["ocean_class"].astype(int)).astype(np.int8).assign_attrs(attrs)
    (own,) = find_models([f"own:{tiny_model.path}"], TASKS["classification"])
    plain = quick("classification", models=[own], data=wide)
    other = quick("classification", models=[own], data=wide.assign(ocean_class=moved))
    p, q = plain.predictions[own.name], other.predictions[own.name]
    np.testing.assert_array_equal(q[:, 0], 0)
    np.testing.assert_allclose(q[:, 1:], p[:, ::-1])
    assert score(plain, own.name, "accuracy") == score(other, own.name, "accuracy")
    # nothing is fitted, so nothing is held back
    assert plain.metadata["n_scored"] == N
    assert plain.metadata["split"] == "none"


def test_words_for_models(tiny_model):
    task = TASKS["swh"]
    found = find_models(["texture", "hand", "level", "constant", tiny_model], task)
    assert [type(c) for c in found] == [Probe, Probe, Probe, NoImage, OwnHead]
    (linear,) = find_models([tiny_model], TASKS["wind_direction"])
    assert isinstance(linear, Probe)
    assert linear.name == f"{tiny_model.name}, linear probe"
    (network,) = find_models(["timm:resnet18@96"], task)
    assert network.features.size == 96
    unknown = replace(task, target="peak_wavelength")  # no bundle has a head for it
    assert find_models(["own", "level"], unknown)[0].name == LEVEL


@pytest.mark.parametrize(
    ("models", "error", "match"),
    [
        (["level", "level"], OceansarError, "different names"),
        ([], OceansarError, "timm:NAME"),
        (["own:nowhere"], BundleError, "no model 'nowhere'"),
        (["timm:resnet18@big"], OceansarError, "size in pixels"),
    ],
    ids=["twice", "none", "absent", "size"],
)
def test_models_that_cannot_be_are_refused(models, error, match):
    with pytest.raises(error, match=match):
        find_models(models, TASKS["swh"])


def test_own_head_that_is_not_there_is_named(tiny_model):
    with pytest.raises(BundleError, match="no head for 'wind_to_direction'"):
        find_models([f"own:{tiny_model.path}"], TASKS["wind_direction"])


@dataclass(frozen=True)
class Fake:
    """Knows the truth, except of some vignettes."""

    name: str = "fake"
    needs_training: bool = False
    bundle: None = None
    unknown: int = 0
    short: int = 0

    def predict(self, task, train, test, store):
        out = np.array(test.truth, dtype=float)
        out[: self.unknown] = np.nan
        return out[self.short :]


def test_any_object_that_predicts_can_compete(quick):
    result = quick(models=[Fake()])
    assert score(result, "fake", "rmse") == 0
    assert result.metadata["n_learned_from"] == 0


def test_what_is_not_predicted_is_counted(quick):
    with pytest.warns(OceansarWarning, match="fake gives no prediction for 7"):
        result = quick(models=[Fake(unknown=7), "constant"])
    row = result.select(model="fake", stratum="all", metric="rmse")
    assert row["missing"].item() == 7
    assert row["n"].item() == len(result.truth) - 7
    assert any("7 vignettes" in note for note in result.notes)


def test_prediction_of_another_length_is_refused(quick):
    with pytest.raises(DimensionError, match="one prediction for each"):
        quick(models=[Fake(short=1)])


# Tasks of one's own


def test_task_of_objects(ds, quick):
    """Counts in a list for each vignette: what a detector's task looks like."""

    def read(data):
        out = np.empty(data.sizes["vignette"], dtype=object)
        out[:] = [list(range(int(h))) for h in data["swh"].values]
        return out

    def scores(true, pred):
        hits = sum(len(set(t) & set(p)) for t, p in zip(true, pred, strict=True))
        return {
            "f1": 2
            * hits
            / sum(len(t) + len(p) for t, p in zip(true, pred, strict=True))
        }

    task = Task(
        name="objects",
        description="Things in a vignette.",
        target="swh",
        kind="objects",
        units="1",
        read=read,
        score=scores,
        metrics=(Metric(name="f1", label="F1", better="high"),),
        strata=(Strata(name="beam", variable="beam"),),
        models=(),
    )

    @dataclass(frozen=True)
    class Half(Fake):
        def predict(self, task, train, test, store):
            out = np.empty(len(test), dtype=object)
            out[:] = [t[: len(t) // 2] for t in test.truth]
            return out

    result = quick(task, models=[Half()])
    assert 0.5 < score(result, "fake", "f1") < 0.67
    row = result.select(stratum="all").iloc[0]
    assert row["lower"] < row["value"] < row["upper"]
    assert "objects" in result.to_markdown()
    with pytest.raises(OceansarError, match="one value for each vignette"):
        quick(task, models=["level"])
    with pytest.raises(OceansarError, match="no constant prediction"):
        quick(task, models=["constant"])


def test_task_that_is_not_there_is_named():
    with pytest.raises(OceansarError, match=r"'classification', 'swh'"):
        find_task("waves")
    assert set(TASKS) >= {"classification", "swh", "wind_speed", "wind_direction"}


# Data that are refused


def test_truth_must_be_there_in_its_units(ds, quick):
    with pytest.raises(MissingVariableError, match="'swh' along vignette"):
        quick(data=ds.drop_vars("swh"))
    with pytest.raises(UnitsError, match="'cm'"):
        quick(data=ds.assign(swh=ds["swh"].assign_attrs(units="cm")))
    with pytest.raises(OceansarError, match="all 120 have none"):
        quick(data=ds.assign(swh=ds["swh"] * np.nan))
    with pytest.raises(DimensionError, match="'vignette'"):
        quick(data=ds.rename(vignette="time_of_it"))
    with pytest.raises(OceansarError, match=r"has the codes .*and its classes are"):
        quick("classification", data=ds.assign(ocean_class=ds["ocean_class"] + 7))
    with pytest.raises(MissingVariableError, match="sigma0"):
        quick(data=ds.drop_vars("sigma0"))


# Execution


def test_images_are_read_once_for_each_kind_of_features(ds, tmp_path):
    blocks = []

    def count(block):
        blocks.append(block.shape)
        return block

    lazy = ds["sigma0"].chunk(vignette=30).data.map_blocks(count, dtype=np.float32)
    watched = ds.assign(sigma0=ds["sigma0"].copy(data=lazy))
    blocks.clear()
    for seed in (0, 1):
        benchmark(
            watched,
            "classification",
            models=["level"],
            cache=tmp_path,
            draws=5,
            seed=seed,
        )
    # read once to know them, in each run, and once to compute, in the first
    assert sum(shape[0] for shape in blocks) == 3 * N
    assert max(shape[0] for shape in blocks) <= 30


def test_the_code_of_a_class_is_not_its_place(ds, quick):
    """The same truth under other codes, in the same order of names."""
    plain = quick("classification").scores
    n = len(ds["ocean_class"].attrs["flag_meanings"].split())
    for codes in (np.arange(n)[::-1], np.arange(1, n + 1), 100 + 7 * np.arange(n)):
        values = codes[ds["ocean_class"].values]
        attrs = {**ds["ocean_class"].attrs, "flag_values": codes}
        recoded = ds.assign(ocean_class=("vignette", values, attrs))
        pd.testing.assert_frame_equal(
            quick("classification", data=recoded).scores, plain
        )


def test_changed_images_are_not_taken_for_the_old_ones(ds, tmp_path):
    store = FeatureStore(tmp_path)  # of a folder that stays: nothing to close
    level = Level().matrix(ds, store)[:, 0]
    twice = Level().matrix(ds.assign(sigma0=ds["sigma0"] * 2), store)[:, 0]
    np.testing.assert_allclose(twice - level, 10 * np.log10(2), atol=1e-4)
    again = Level().matrix(ds, FeatureStore(tmp_path))[:, 0]
    np.testing.assert_array_equal(again, level)
    assert len(list(tmp_path.glob("*.npy"))) == 2


def test_an_archive_that_was_written_over_is_computed_again(ds, tmp_path):
    """The graph of a Zarr store names its path, and not what is in it."""
    archive = tmp_path / "archive.zarr"
    some = ds[["sigma0"]].isel(vignette=slice(0, 4)).drop_encoding()
    found = []
    for factor in (1, 2, 1):
        times = os.stat(archive) if archive.exists() else None
        some.assign(sigma0=some["sigma0"] * factor).to_zarr(
            archive, mode="r+" if times else "w"
        )
        if times:
            os.utime(archive, ns=(times.st_atime_ns, times.st_mtime_ns))
        stored = xr.open_zarr(archive)
        found.append(Level().matrix(stored, FeatureStore(tmp_path / "kept"))[:, 0])
    np.testing.assert_allclose(found[1] - found[0], 10 * np.log10(2), atol=1e-4)
    np.testing.assert_array_equal(found[2], found[0])


def test_features_of_a_store_cannot_be_changed(ds, tmp_path):
    with pytest.raises(ValueError, match="read-only"):
        Level().matrix(ds, FeatureStore(tmp_path))[0] = 3


def test_level_is_that_of_the_pixels_with_data(ds, tmp_path):
    holed = ds["sigma0"].isel(vignette=slice(0, 4)).copy(deep=True)
    holed[0, :8] = np.nan
    holed[1] = np.nan
    part = ds.isel(vignette=slice(0, 4)).assign(sigma0=holed)
    found = Level().matrix(part, FeatureStore(tmp_path))
    want = 10 * np.log10(holed.mean(("line", "sample")).values)
    np.testing.assert_allclose(found[:, 0], want, rtol=1e-5)
    assert found[:, 1].tolist() == [1, 0, 1, 0]
    decibel = (10 * np.log10(holed)).rename("sigma0_db").assign_attrs(units="dB")
    as_db = part.drop_vars("sigma0").assign(sigma0_db=decibel)
    np.testing.assert_allclose(
        Level().matrix(as_db, FeatureStore(tmp_path)), found, rtol=1e-5
    )


def test_hand_features_of_a_whole_image(tmp_path):
    rng = np.random.default_rng(0)
    sigma0 = rng.gamma(4, 0.02, (3, 128, 128)).astype(np.float32)
    sigma0[1, 5, 5] = np.nan
    data = xr.Dataset(
        {"sigma0": (("vignette", "line", "sample"), sigma0)},
        coords={"beam": ("vignette", ["wv1", "wv1", "wv2"]), "pixel_spacing": 50.0},
    )
    found = HandFeatures().matrix(data, FeatureStore(tmp_path))
    assert found.shape == (3, 68)
    assert np.isnan(found[1]).all()
    assert np.isfinite(found[[0, 2]]).all()
    assert found[[0, 2], -1].tolist() == [1, 0]
    with pytest.raises(MissingVariableError, match="'beam'"):
        HandFeatures().matrix(data.drop_vars("beam"), FeatureStore(tmp_path))


def test_store_without_a_folder_leaves_nothing_behind(ds):
    with FeatureStore() as store:
        Level().matrix(ds, store)
        assert list(store.folder.glob("*.npy"))
    assert not store.folder.exists()


def test_a_seed_is_a_result(quick):
    one, again = (quick(seed=3).scores for _ in range(2))
    assert one.equals(again)
    assert not one.equals(quick(seed=4).scores)


# Words and numbers that leave


def test_simulated_data_are_labelled_in_every_output(ds, quick):
    result = quick()
    assert result.simulated
    assert "on simulated vignettes" in result.to_markdown().splitlines()[0]
    assert "simulated" in repr(result)
    content = json.loads(result.to_json())
    assert content["simulated"] is True
    assert "Simulated" in content["notes"][0]
    for no in (0, "False", "false", b"0", np.array(["no"])):
        real = quick(data=ds.assign_attrs(simulated=no, source="Sentinel-1"))
        assert not real.simulated
    assert "imulated" not in real.to_markdown()


def test_published_scores_stand_apart(quick):
    result = quick()
    ours, published = result.to_markdown().split("## Published scores")
    assert "OceanSAR" not in ours
    assert "not comparable" in published
    assert "0.52" in published
    assert not set(result.scores["model"]) & {r.system for r in REFERENCES}
    content = json.loads(result.to_json())
    assert {r["value"] for r in content["published"]} >= {0.52, 0.3}
    by_task = {r.task: r.value for r in REFERENCES if "OceanSAR-2" in r.system}
    assert by_task == {
        "classification": 0.94, "swh": 0.52, "wind_speed": 1.32, "icebergs": 0.865
    }  # fmt: skip


def test_json_holds_every_score_and_no_nan(quick):
    result = quick()
    content = json.loads(result.to_json(), parse_constant=pytest.fail)
    assert len(content["scores"]) == len(result.scores)
    constant = [
        s for s in content["scores"]
        if s["model"] == "no image" and s["metric"] == "correlation"
    ]  # fmt: skip
    assert {s["value"] for s in constant} == {None}


def test_tables_are_ranked_and_rounded_by_their_limits(quick):
    result = quick(test=0.5)
    table = result.table()
    assert list(table.index) == [LEVEL, "no image"]
    assert list(table.columns)[:2] == ["RMSE (m) ↓", "bias (m) →0"]
    assert table.loc["no image", "correlation ↑"] == "-"
    text = table.loc["no image", "RMSE (m) ↓"]
    assert text.count("[") == 1
    with pytest.raises(KeyError, match="sea state"):
        result.table("season")
    lines = markdown_table(table).splitlines()
    assert len(lines) == 4
    assert len({line.count("|") for line in lines}) == 1


def test_bias_is_ranked_by_its_size(quick):
    result = quick("swh", models=["level", "constant"])
    bias = replace(TASKS["swh"].metrics[1], better="zero")
    by_bias = replace(result, task=replace(result.task, metrics=(bias,)))
    sizes = [abs(score(result, m, "bias")) for m in by_bias.models]
    assert sizes == sorted(sizes)
