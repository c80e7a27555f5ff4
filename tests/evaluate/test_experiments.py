"""The experiments on small data whose right answers are known."""

import json
from dataclasses import dataclass, replace
from pathlib import Path

import dask
import numpy as np
import pytest
import xarray as xr

from xoceansar.conventions import class_attrs
from xoceansar.errors import MissingVariableError, OceansarError, TrainingError
from xoceansar.evaluate import EXPERIMENTS, experiment
from xoceansar.evaluate.experiments.common import compare
from xoceansar.evaluate.experiments.computed_rows import (
    Given,
    Nearest,
    Precomputed,
    Shuffled,
    known_tasks,
    numbered,
    out_of_pass,
)
from xoceansar.evaluate.experiments.digital_numbers import (
    digital_numbers,
    quick_look,
)
from xoceansar.evaluate.experiments.experiment_result import paired_gain
from xoceansar.evaluate.experiments.miscalibration import CONDITIONS
from xoceansar.evaluate.feature_store import FeatureStore
from xoceansar.evaluate.parts import with_truth
from xoceansar.evaluate.tasks import find_task
from xoceansar.models import BackboneSpec, InputSpec, write_bundle
from xoceansar.models.heads.head import load_head
from xoceansar.models.networks.vit import build_network
from xoceansar.ops.retrieval import swh, wind

PASSES, EACH = 8, 9
N = PASSES * EACH
SIDE = 72
KINDS = ("sigma0", "digital numbers", "quick-look")


@pytest.fixture(scope="module")
def ds():
    """Vignettes of 8 passes: the contrast of bands tells the waves, the level the wind."""
    rng = np.random.default_rng(2)
    orbit = np.repeat(100 + np.arange(PASSES), EACH)
    beam = np.array(["wv1", "wv2"] * (N // 2))
    height = rng.uniform(0.5, 7.5, N)
    speed = rng.uniform(2, 18, N)
    level = 10 ** ((-16 + 0.5 * speed + np.where(beam == "wv1", 6, 0)) / 10)
    line = np.arange(SIDE)[None, :, None]
    phase = rng.uniform(0, 6, (N, 1, 1))
    bands = 1 + 0.1 * height[:, None, None] * np.sin(line / 2 + phase)
    speckle = rng.gamma(100, 0.01, (N, SIDE, SIDE))
    sigma0 = level[:, None, None] * bands * speckle
    ids = [
        f"s1a-{b}-slc-vv-20210403t083025-20210403t083028-{o:06d}-{o:06x}-{i:03d}"
        for i, (b, o) in enumerate(zip(beam, orbit, strict=True))
    ]
    along = {
        "vignette_id": np.array(ids),
        "beam": beam,
        "polarisation": np.full(N, "VV"),
        "platform": np.full(N, "S1A"),
        "incidence": np.where(beam == "wv1", 23.8, 36.8),
        "longitude": np.linspace(-30, -20, N),
        "latitude": np.linspace(0, 10, N),
        "ground_heading": np.full(N, 348.0),
    }
    image = ("vignette", "line", "sample")
    classes = np.digitize(height, [2, 4, 6])
    return xr.Dataset(
        {
            "sigma0": (image, sigma0.astype(np.float32), {"units": "1"}),
            "nesz": (image, np.full((N, SIDE, SIDE), 2e-3, np.float32)),
            "ocean_class": ("vignette", classes.astype(np.int8), class_attrs()),
            "swh": ("vignette", height, {"units": "m"}),
            "wind_speed": ("vignette", speed, {"units": "m s-1"}),
        },
        coords={k: ("vignette", v) for k, v in along.items()},
        attrs={"source": "simulated by xoceansar.simulate", "simulated": 1},
    ).assign_coords(pixel_spacing=50.0)


@pytest.fixture(scope="module")
def zero_shot(ds, tiny_model):
    return experiment("zero-shot", ds, tiny_model, draws=60, seed=5)


@pytest.fixture(scope="module")
def calibrated(ds, exact_model):
    return experiment("calibration", ds, exact_model, draws=20)


def rmse(result, task, condition):
    row = result.parts[task].select(model=condition, stratum="all", metric="rmse")
    return row["value"].item()


def sign_of(result, name, words=""):
    return next(s for s in result.signs if s.name == name and words in s.words)


# Zero-shot


def test_zero_shot_finds_what_the_texture_tells(zero_shot, tiny_model):
    assert list(zero_shot.table.index) == [
        tiny_model.name,
        "shuffled labels",
        "the same network at random",
        "hand features",
    ]
    own = rmse(zero_shot, "swh", tiny_model.name)
    assert own < 0.7 * rmse(zero_shot, "swh", "shuffled labels")
    # nothing of a label is left in a shuffle: the spread of the truth
    assert rmse(zero_shot, "swh", "shuffled labels") > 1.8
    assert rmse(zero_shot, "swh", "hand features") < 1.5


def test_zero_shot_tells_an_untrained_network(zero_shot):
    sign = sign_of(zero_shot, "near-random", "of swh")
    assert sign.found is True
    assert "not better than the same network at random" in sign.words
    assert "training did not take" in str(sign)
    assert sign in zero_shot.failures
    assert not sign_of(zero_shot, "collapsed embedding").found


def test_zero_shot_judges_the_network_without_the_level(zero_shot):
    # the wind is in the level alone
    sign = sign_of(zero_shot, "near-random", "of wind_speed")
    assert sign.found is True
    assert "shuffled labels" in sign.words
    assert "units" in sign.causes[0]


def test_zero_shot_is_the_same_again_and_from_a_cache(
    ds, tiny_model, zero_shot, tmp_path
):
    how = {"draws": 60, "seed": 5, "cache": tmp_path}
    once = experiment("zero-shot", ds, tiny_model, **how)
    assert once.table.equals(zero_shot.table)
    assert len(list(tmp_path.glob("features-*.npy"))) == 3

    def boom(*args, **kwargs):
        raise AssertionError("computed again")

    with dask.config.set(scheduler=boom):
        again = experiment("zero-shot", ds, tiny_model, **how)
    assert again.table.equals(once.table)


def test_zero_shot_tells_a_collapsed_network(ds, tmp_path):
    backbone = BackboneSpec(
        architecture="vit_tiny_patch16_224",
        kwargs={"depth": 1, "embed_dim": 24, "num_heads": 2},
        embedding_dim=24,
        pooling="mean",
    )
    state = build_network(backbone, 64).state_dict()
    dead = {
        k: np.zeros_like(v.numpy()) if "patch_embed" in k else v.numpy()
        for k, v in state.items()
    }
    spec = InputSpec(scale="dB", size=64, centre="vignette", mean=None, std=1.5)
    model = write_bundle(
        tmp_path / "dead",
        name="dead",
        backbone=backbone,
        backbone_state=dead,
        input=spec,
    )
    result = experiment("zero-shot", ds[["sigma0", "swh"]], model, draws=20)
    assert sign_of(result, "collapsed embedding").found
    assert sign_of(result, "near-random").found


def test_without_what_hand_features_need_they_are_left_out(ds, tiny_model):
    some = ds[["sigma0", "swh"]].drop_vars("beam")
    result = experiment("zero-shot", some, tiny_model, draws=10)
    assert "hand features" not in result.table.index
    assert any("No hand features" in note for note in result.notes)


def test_too_few_passes_are_refused(ds, tiny_model):
    two = ds[["sigma0", "swh"]].isel(vignette=slice(2 * EACH))
    with pytest.raises(TrainingError, match=r"three or more are needed; .*on 2"):
        experiment("zero-shot", two, tiny_model)


# Out of the pass


@dataclass
class Spy:
    """Remembers what it is taught, and predicts the mean of that."""

    seen: list

    def predict(self, task, train, test, store):
        self.seen.append((set(train.groups), set(test.groups), len(test)))
        return np.full(len(test), train.truth.mean())


def test_each_vignette_is_predicted_once_from_other_passes(ds):
    holes = ds["swh"].where(np.arange(N) % 10 > 0)
    some = numbered(ds.assign(swh=holes), None)
    spy = Spy([])
    out = out_of_pass(spy, some, find_task("swh"), FeatureStore(), seed=0)
    assert len(spy.seen) == 5
    for known, new, _ in spy.seen:
        assert not known & new
        assert len(known | new) == PASSES
    assert sum(n for *_, n in spy.seen) == np.isfinite(holes).sum()
    np.testing.assert_array_equal(np.isnan(out), np.isnan(holes))


def test_predictions_stay_with_their_vignettes(ds):
    class Oracle:
        def predict(self, task, train, test, store):
            return test.truth

    holes = ds["swh"].where(np.arange(N) % 10 > 0)
    some = numbered(ds.assign(swh=holes), None)
    out = out_of_pass(Oracle(), some, find_task("swh"), FeatureStore(), seed=0)
    np.testing.assert_array_equal(out, holes)


def test_a_shuffle_teaches_the_same_truth_to_others(ds):
    part = with_truth(numbered(ds, None), find_task("swh"))

    class Kept:
        def predict(self, task, train, test, store):
            return train.truth

    args = (find_task("swh"), part, part, FeatureStore())
    mixed = Shuffled(Kept(), seed=1).predict(*args)
    assert not np.array_equal(mixed, part.truth)
    np.testing.assert_array_equal(np.sort(mixed), np.sort(part.truth))
    np.testing.assert_array_equal(mixed, Shuffled(Kept(), 1).predict(*args))


def nearest(ds, features):
    learner = Nearest(Precomputed("f", features))
    some = numbered(ds, None)
    return out_of_pass(learner, some, find_task("swh"), FeatureStore(), seed=0)


def test_nearest_neighbours_do_not_mind_the_units_of_a_feature(ds):
    rng = np.random.default_rng(0)
    features = np.c_[ds["swh"], rng.normal(size=(N, 2))]
    plain, scaled = (
        nearest(ds, features * scale + shift)
        for scale, shift in ((1, 0), ([1e3, 1e-2, 1], [5e4, 0, -3]))
    )
    np.testing.assert_allclose(scaled, plain, rtol=1e-3)
    assert np.corrcoef(plain, ds["swh"])[0, 1] > 0.7


def test_neighbours_of_a_constant_feature_are_finite(ds):
    assert np.isfinite(nearest(ds, np.c_[ds["swh"], np.full(N, 3.0)])).all()


# Gains


@pytest.mark.parametrize("task", ["swh", "classification"])
def test_a_gain_is_positive_for_the_better_one(ds, task):
    some = numbered(ds, None)
    rng = np.random.default_rng(0)
    if task == "swh":
        good = ds["swh"].values + 0.1 * rng.normal(size=N)
        bad = ds["swh"].values + 1.0 * rng.normal(size=N)
    else:
        good = np.eye(10)[ds["ocean_class"].values]
        bad = np.where(rng.random((N, 1)) < 0.6, good, np.roll(good, 3, axis=1))
    given = [Given("good", {task: good}), Given("bad", {task: bad})]
    part = compare(some, [find_task(task)], given, draws=10, seed=0)[task]
    gain = paired_gain(part, "good", "bad", draws=100, seed=0)
    assert 0 < gain.lower < gain.value < gain.upper
    back = paired_gain(part, "bad", "good", draws=100, seed=0)
    assert back.value == pytest.approx(-gain.value)
    few = some.isel(vignette=slice(4 * EACH))
    part = compare(few, [find_task(task)], given, draws=10, seed=0)[task]
    assert np.isnan(paired_gain(part, "good", "bad", draws=50, seed=0).lower)


# Digital numbers


def test_digital_numbers_are_amplitudes_of_an_unknown_gain(ds):
    dn = digital_numbers(ds, spread=2.0, seed=4)
    factor = dn / np.sqrt(ds["sigma0"] + ds["nesz"])
    per_image = factor.mean(("line", "sample")).values
    whole = np.broadcast_to(per_image[:, None, None], factor.shape)
    np.testing.assert_allclose(factor, whole, rtol=1e-4)
    kinds = {}
    orbit = np.repeat(np.arange(PASSES), EACH)
    for o, b, f in zip(orbit, ds["beam"].values, per_image, strict=True):
        kinds.setdefault((o, b), []).append(20 * np.log10(f))
    assert all(np.ptp(values) < 1e-3 for values in kinds.values())
    first = np.array([values[0] for values in kinds.values()])
    assert len(np.unique(first.round(4))) == 2 * PASSES
    assert 1.0 < first.std() < 3.5


def test_without_spread_and_noise_they_are_roots(ds):
    plain = digital_numbers(ds.drop_vars("nesz"), spread=0.0)
    np.testing.assert_allclose(plain, np.sqrt(ds["sigma0"]), rtol=1e-6)
    below = ds.assign(sigma0=ds["sigma0"] - 10.0)
    assert (digital_numbers(below, spread=0.0).values == 0).all()


def test_a_quick_look_is_eight_bits_of_each_image(ds):
    grey = 255 * quick_look(ds).values
    np.testing.assert_allclose(grey, grey.round(), atol=1e-4)
    assert (grey.min(axis=(1, 2)) == 0).all()
    np.testing.assert_allclose(grey.max(axis=(1, 2)), 255, atol=1e-4)
    image = np.sqrt(ds["sigma0"] + ds["nesz"]).values[3]
    low, high = np.percentile(image, [1, 99])
    want = np.round(255 * (image - low) / (high - low)).clip(0, 255)
    np.testing.assert_allclose(grey[3], want, atol=1)


def test_a_quick_look_has_lost_the_level(ds):
    quiet = ds.drop_vars("nesz")
    louder = quiet.assign(sigma0=quiet["sigma0"] * 4)
    difference = 255 * np.abs(quick_look(louder) - quick_look(quiet))
    assert difference.max() <= 1.001


def test_images_are_spoiled_lazily(ds, no_compute):
    lazy = ds.assign({v: ds[v].variable.chunk(vignette=10) for v in ("sigma0", "nesz")})
    for made in (
        digital_numbers(lazy),
        quick_look(lazy),
        *(condition.apply(lazy) for condition in CONDITIONS),
    ):
        assert made.variable.chunksizes["vignette"][0] == 10


def test_dn_compares_probes_and_own_heads(ds, exact_model):
    result = experiment("dn", ds, exact_model, spread=0.5, draws=20)
    assert list(result.table.index) == [
        *(f"{k}, {p} probe" for k in KINDS for p in ("linear", "knn")),
        *(f"{k}, own heads" for k in KINDS),
    ]
    # only the level tells the wind: known, known up to a gain, and lost
    known, rough, lost = (
        rmse(result, "wind_speed", f"{k}, linear probe") for k in KINDS
    )
    assert known < 0.5 * rough
    assert rough < 0.9 * lost
    gain = next(s for s in result.answer if "wind_speed" in s and "quick-look" in s)
    assert "calibration is worth +" in gain
    own = result.parts["swh"].predictions["sigma0, own heads"]
    np.testing.assert_allclose(own, swh(ds, model=exact_model), rtol=1e-4)


# Calibration


@pytest.mark.parametrize(
    ("name", "want"),
    [
        ("as calibrated", lambda s, n, near: s),
        ("gain +2 dB", lambda s, n, near: s * 10**0.2),
        ("gain -0.5 dB", lambda s, n, near: s * 10**-0.05),
        ("noise not removed", lambda s, n, near: s + n),
        ("noise removed twice", lambda s, n, near: s - n),
        (
            "noise of IPF 2.91 corrected as of the other satellite",
            lambda s, n, near: s + n - n * 10 ** (-(1.17 if near else 0.60) / 10),
        ),
        (
            "noise of IPF 2.91 as it is written",
            lambda s, n, near: s + n - n * 10 ** ((38.13 if near else 36.84) / 10),
        ),
    ],
)
def test_a_wrong_calibration_is_what_it_says(ds, name, want):
    condition = next(c for c in CONDITIONS if c.name == name)
    got = condition.apply(ds)
    for i in (0, 1):
        s, n = (ds[v].values[i].astype(float) for v in ("sigma0", "nesz"))
        expected = want(s, n, ds["beam"].values[i] == "wv1")
        np.testing.assert_allclose(got.values[i], expected, rtol=2e-4)


def test_the_right_calibration_gives_the_models_own_outputs(
    calibrated, ds, exact_model
):
    got = calibrated.parts["wind_speed"].predictions["as calibrated"]
    want = wind(ds, model=exact_model)["wind_speed"]
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5)


def test_the_sensitivity_to_gain_is_that_of_the_head(calibrated, exact_model):
    # centred on the vignette, the input does not change; the level moves by one decibel
    head = load_head(exact_model.head("wind_speed"), Path(exact_model.path))
    weight = float(head.arrays["weight"][72, 0])
    part = calibrated.parts["wind_speed"]
    up, down = (part.predictions[f"gain {d} dB"] for d in ("+1", "-1"))
    free = (up > 0) & (down > 0)
    assert free.any()
    np.testing.assert_allclose((up - down)[free] / 2, weight, rtol=0.02)
    said = [s for s in calibrated.answer if s.startswith("wind_speed, wv")]
    assert [s[:15] for s in said] == ["wind_speed, wv1", "wind_speed, wv2"]
    assert all("for each dB of gain" in s for s in said)
    near = part.strata["beam"] == "wv1"
    told = float(said[0].split(": ")[1].split()[0])
    assert told == pytest.approx(((up - down)[near] / 2).mean(), rel=0.06)
    assert calibrated.axis == {
        "gain -2 dB": -2, "gain -1 dB": -1, "gain -0.5 dB": -0.5, "as calibrated": 0,
        "gain +0.5 dB": 0.5, "gain +1 dB": 1, "gain +2 dB": 2,
    }  # fmt: skip


def test_noise_in_the_wrong_scale_is_refused_and_said(calibrated):
    name = "noise of IPF 2.91 as it is written"
    sign = next(s for s in calibrated.failures if name in s.words)
    assert sign.name == "no output"
    assert "IPF 2.90" in str(sign)
    assert any(name in s and "refused" in s for s in calibrated.answer)
    assert np.isnan(calibrated.parts["swh"].predictions[name]).all()
    assert [s for s in calibrated.failures if s.name == "no output"] == [sign]


def test_without_noise_only_gains_are_tried(ds, tiny_model):
    some = ds[["sigma0", "swh"]].isel(vignette=slice(6))
    result = experiment("calibration", some, tiny_model, draws=5)
    assert len(result.table) == 7
    assert any("No nesz" in note for note in result.notes)


def test_a_model_without_heads_has_no_outputs_to_spoil(ds, tiny_model):
    mute = replace(tiny_model, heads=())
    with pytest.raises(OceansarError, match="has heads for"):
        experiment("calibration", ds[["sigma0", "swh"]], mute, limit=4)


# Sensors


def test_other_radars_are_scored_on_the_same_seas(tiny_model):
    result = experiment("sensor", None, tiny_model, sensors=["iw"], limit=3, draws=5)
    assert list(result.table.index) == ["wave mode", "iw"]
    part = result.parts["swh"]
    assert not np.isnan(part.predictions["iw"]).any()
    assert not np.allclose(part.predictions["iw"], part.predictions["wave mode"])
    assert result.simulated
    assert any(s.startswith("swh, iw: RMSE") for s in result.answer)
    assert any("NESZ -22 dB" in note for note in result.notes)


@pytest.mark.parametrize(
    ("data", "sensors", "message"),
    [
        (xr.Dataset(), None, "simulates its own"),
        (None, ["iw", "iw"], "different names"),
        (None, [], "different names"),
        (None, ["alos"], "there is no sensor"),
    ],
    ids=["data", "twice", "none", "unknown"],
)
def test_what_cannot_be_a_radar_is_refused(tiny_model, data, sensors, message):
    with pytest.raises(OceansarError, match=message):
        experiment("sensor", data, tiny_model, sensors=sensors, limit=1)


# Fine-tuning


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::xoceansar.errors.OceansarWarning")
def test_fine_tuning_is_scored_on_other_passes(ds, tiny_model):
    result = experiment("finetune", ds, tiny_model, modes=["lora"], draws=20)
    assert list(result.table.index) == ["frozen", "lora"]
    part = result.parts["swh"]
    assert len(np.unique(part.passes)) < PASSES
    assert rmse(result, "swh", "frozen") < 1.5
    assert "lora: RMSE" in result.answer[0]
    assert not result.failures
    assert result.metadata["tuning"]["lora"]["learning_rate"] > 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"modes": ["all"]}, "'lora' and 'full'"),
        ({"modes": []}, "'lora' and 'full'"),
        ({"task": "ice"}, "whose truth is known"),
        ({"limit": 0}, "1 vignette or more"),
    ],
    ids=["mode", "no mode", "task", "limit"],
)
def test_fine_tuning_says_what_it_takes(ds, tiny_model, options, message):
    with pytest.raises(OceansarError, match=message):
        experiment("finetune", ds, tiny_model, **options)


# Small objects


@pytest.fixture(scope="module")
def bergs(ds):
    """Twelve vignettes, each with a faint target of a pixel and a bright one of twelve."""
    rng = np.random.default_rng(0)
    some = ds.isel(vignette=slice(12)).drop_vars(["swh", "wind_speed", "nesz"])
    sigma0 = 0.02 * rng.gamma(100, 0.01, (12, SIDE, SIDE))
    sigma0[:, 20, 20] = 0.024
    sigma0[:, 40:52, 40:46] = 0.5
    boxes = np.array([[20, 20, 21, 21], [40, 40, 52, 46]]) / SIDE
    return some.assign(
        sigma0=(("vignette", "line", "sample"), sigma0.astype(np.float32)),
        iceberg_box=(("vignette", "iceberg", "edge"), np.tile(boxes, (12, 1, 1))),
    )


def test_missed_small_objects_are_told(bergs, tiny_model):
    result = experiment("small-objects", bergs, tiny_model)
    assert list(result.table.index) == ["CFAR"]
    assert result.table.loc["CFAR", "8-16 pixels"] == "12 of 12"
    assert result.table.loc["CFAR", "0-2 pixels"] == "0 of 12"
    assert result.table.loc["CFAR", "recall"] == "0.50"
    (sign,) = result.failures
    assert sign.name == "missed small objects"
    assert any("has no detector" in note for note in result.notes)


def test_without_boxes_small_objects_cannot_be_told(ds, tiny_model):
    with pytest.raises(MissingVariableError, match="iceberg_box"):
        experiment("small-objects", ds, tiny_model)


# By name, and on paper


def test_experiments_are_found_by_name(ds, tiny_model):
    assert list(EXPERIMENTS) == [
        "zero-shot", "dn", "finetune", "calibration", "sensor", "small-objects",
    ]  # fmt: skip
    with pytest.raises(OceansarError, match=r"no experiment 'magic'.*'dn'"):
        experiment("magic", ds)
    with pytest.raises(OceansarError, match="no option spread; it has"):
        experiment("calibration", ds, tiny_model, spread=1)
    with pytest.raises(OceansarError, match="needs vignettes"):
        experiment("dn")


def test_tasks_are_those_of_which_the_truth_is_known(ds):
    assert [t.name for t in known_tasks(ds)] == ["classification", "swh", "wind_speed"]
    assert [t.name for t in known_tasks(ds[["swh"]])] == ["swh"]
    with pytest.raises(OceansarError, match="ocean_class"):
        known_tasks(ds[["sigma0"]])
    assert numbered(ds, 5).sizes["vignette"] == 5


def test_a_report_leads_with_what_is_simulated(calibrated):
    text = calibrated.to_markdown({"a figure": "a.png"})
    head = text.splitlines()
    assert head[0] == "# Experiment: calibration, on simulated vignettes"
    assert head[4].startswith("> **Simulated vignettes")
    assert "![a figure](a.png)" in text
    assert "[FOUND]" in text
    assert "By beam:" in text
    found = json.loads(calibrated.to_json())
    assert found["simulated"] is True
    assert found["scores"]["swh"]["task"] == "swh"
    assert len(found["signs"]) == len(calibrated.signs)
    assert "[FOUND]" in repr(calibrated)
