"""The pretraining as a whole: exact resume, bad input, switches, curation, and what it leaves."""

import json
import os
import subprocess
import sys
import warnings

import numpy as np
import pytest
import torch
import xarray as xr
from lightning_fabric import Fabric

import xoceansar  # noqa: F401 - registers the accessor
from xoceansar.errors import OceansarWarning, TrainingError
from xoceansar.train.pretraining import learner as learner_module
from xoceansar.train.pretraining.checkpoint_files import checkpoints
from xoceansar.train.pretraining.config import parse_config
from xoceansar.train.pretraining.entry import Run, pretrain
from xoceansar.train.pretraining.learner import Learner
from xoceansar.train.pretraining.step import draw_batch

pytestmark = pytest.mark.usefixtures("torch")  # one thread

N, SIZE = 22, 64


@pytest.fixture
def archive():
    """Vignettes of two kinds of texture, with classes, on the grid of the tiny network."""
    rng = np.random.default_rng(0)
    classes = np.arange(N) % 11 // 8  # 8 of the first to 3 of the second
    speckle = rng.gamma(30.0, 1 / 30.0, (N, SIZE, SIZE))
    waves = 1 + 0.6 * np.sin(np.arange(SIZE) / 2)[:, None]
    sigma0 = 0.1 * speckle * np.where(classes[:, None, None] == 1, waves, 1.0)
    return xr.Dataset(
        {
            "sigma0": (("vignette", "line", "sample"), sigma0.astype(np.float32)),
            "ocean_class": ("vignette", classes),
            "swh": ("vignette", 1.0 + classes + 0.1 * rng.random(N)),
            "quality": ("vignette", np.zeros(N, np.uint8)),
        },
        coords={
            "incidence": ("vignette", np.where(np.arange(N) % 2, 36.8, 23.8)),
            "product": ("vignette", [f"product-{i // 2}" for i in range(N)]),
            "pixel_spacing": 50.0,
        },
        attrs={"simulated": 1},
    )


def recipe(**tables):
    """Return a tiny config with some values changed: losses={"koleo": 0.0}."""
    table = {
        "name": "tiny",
        "seed": 1,
        "input": {"scale": "dB", "size": SIZE, "centre": "vignette", "std": 1.5},
        "backbone": {
            "architecture": "vit_tiny_patch16_224",
            "pooling": "cls+mean+std",
            "kwargs": {
                "depth": 2,
                "embed_dim": 24,
                "num_heads": 2,
                "drop_path_rate": 0.1,
            },
        },
        "crops": {"global_size": 48, "local_size": 32, "n_local": 2},
        "head": {"prototypes": 16, "hidden": 32, "bottleneck": 8},
        "optimisation": {
            "steps": 6,
            "batch": 8,
            "learning_rate": 1e-2,
            "warmup_steps": 2,
            "temperature_warmup_steps": 2,
            "freeze_last_layer_steps": 1,
            "precision": "fp32",
        },
        "watch": {"log_every": 1, "checkpoint_every": 2, "progress": False},
    }
    for name, values in tables.items():
        table[name] = {**table.get(name, {}), **values}
    return parse_config(table)


def final_state(run):
    path = checkpoints(run.folder / "checkpoints")[-1]
    return torch.load(path, weights_only=True)


def assert_equal(one, two):
    """Compare nested states to the bit."""
    assert type(one) is type(two)
    if isinstance(one, dict):
        assert one.keys() == two.keys()
        for key in one:
            assert_equal(one[key], two[key])
    elif isinstance(one, list | tuple):
        for a, b in zip(one, two, strict=True):
            assert_equal(a, b)
    elif isinstance(one, torch.Tensor):
        assert torch.equal(one, two)
    else:
        assert one == two


class KilledError(Exception):
    """Stands for the end of a process."""


@pytest.mark.parametrize("moment", ["between steps", "while a checkpoint is written"])
def test_a_killed_run_goes_on_exactly(archive, tmp_path, monkeypatch, moment):
    """The kill is in the second epoch, of a curated subset, after an odd number of steps."""
    config = recipe(
        curation={"enabled": True, "fraction": 0.8, "levels": [3]},
        optimisation={"steps": 7, "accumulate": 2},
    )
    whole = pretrain(archive, config, tmp_path / "whole")
    step, save = Learner.step, torch.save

    def dies(self, batch, number):
        if number == 5:
            raise KilledError
        return step(self, batch, number)

    def writes_half(state, file):
        if state["step"] == 4:
            file.write(b"half")
            raise KilledError
        save(state, file)

    with monkeypatch.context() as patch:
        if moment == "between steps":
            patch.setattr(Learner, "step", dies)
        else:
            patch.setattr(torch, "save", writes_half)
        with pytest.raises(KilledError):
            pretrain(archive, config, tmp_path / "killed")
    assert len(checkpoints(tmp_path / "killed/checkpoints")) in (1, 2)
    resumed = pretrain(archive, config, tmp_path / "killed", resume=True)
    assert_equal(final_state(resumed), final_state(whole))
    one, two = whole.log(), resumed.log()
    assert two["step"].tolist() == list(range(1, 8))
    np.testing.assert_array_equal(one["loss"], two["loss"])


def test_micro_batches_learn_the_same(archive, tmp_path):
    """All but KoLeo, whose neighbours are those of the micro-batch, as documented."""
    runs = [
        pretrain(
            archive,
            recipe(
                losses={"koleo": 0.0, "targets": targets},
                optimisation={
                    "accumulate": n,
                    "steps": 3,
                    "freeze_last_layer_steps": 0,
                },
                backbone={"kwargs": {"depth": 1, "embed_dim": 24, "num_heads": 2}},
            ),
            tmp_path / f"{targets}-{n}",
        ).log()
        for targets in ("centering", "sinkhorn")
        for n in (1, 4)
    ]
    for whole, parts in (runs[:2], runs[2:]):
        np.testing.assert_allclose(whole["loss"], parts["loss"], rtol=1e-5)
        np.testing.assert_allclose(
            whole["gradient_norm"], parts["gradient_norm"], rtol=1e-4
        )


def test_a_loss_without_a_moving_target_falls(archive, tmp_path):
    """KoLeo alone: the class tokens of a batch spread."""
    config = recipe(
        losses={"dino": 0.0, "ibot": 0.0, "koleo": 1.0}, optimisation={"steps": 20}
    )
    log = pretrain(archive, config, tmp_path).log()
    assert log["loss"].iloc[-4:].mean() < log["loss"].iloc[:4].mean() - 0.3
    assert log["cosine"].iloc[-4:].mean() < log["cosine"].iloc[:4].mean() - 0.01


@pytest.mark.parametrize(
    "off",
    [{"dino"}, {"ibot"}, {"koleo"}, {"dino", "ibot"}, {"ibot", "koleo"}],
    ids=lambda off: "+".join(sorted(off)),
)
def test_losses_are_switched_off_one_by_one(archive, tmp_path, off):
    losses = dict.fromkeys(off, 0.0)
    run = pretrain(
        archive, recipe(losses=losses, optimisation={"steps": 3}), tmp_path / "run"
    )
    found = set(run.log().columns) & {"dino", "ibot", "koleo"}
    assert found == {"dino", "ibot", "koleo"} - off
    assert np.isfinite(run.log()["loss"]).all()


def test_the_loss_is_the_weighted_sum(archive, tmp_path):
    weights = {"dino": 0.5, "ibot": 2.0, "koleo": 0.3}
    log = pretrain(archive, recipe(losses=weights), tmp_path / "run").log()
    total = sum(w * log[name] for name, w in weights.items())
    np.testing.assert_allclose(log["loss"], total, rtol=1e-5)


def test_the_bundle_is_the_teacher_and_says_where_it_comes_from(
    archive, tmp_path, monkeypatch
):
    run = pretrain(archive, recipe(), tmp_path / "run")
    monkeypatch.setattr("xoceansar.models.bundle.library._warned", False)
    with pytest.warns(OceansarWarning, match="simulated"):
        embedding = archive.oceansar.embed(model=run.bundle).compute()
    assert embedding.shape == (N, 72)
    teacher = final_state(run)["teacher"]
    from safetensors.numpy import load_file

    stored = load_file(run.bundle / "backbone.safetensors")
    for name, weight in stored.items():
        np.testing.assert_array_equal(weight, teacher[f"backbone.vit.{name}"].numpy())
    config = json.loads((run.bundle / "config.json").read_text())
    assert config["provenance"]["pretraining"]["crops"]["global_size"] == 48
    assert config["provenance"]["counters"]["images"] == 48


def test_unusable_vignettes_are_counted_and_replaced(archive, tmp_path):
    """NaN, half NaN, land: never learned from, never in the way of the others."""
    archive["sigma0"][0] = np.nan
    archive["sigma0"][1, :40] = np.nan
    archive["quality"][2] = 4
    run = pretrain(archive, recipe(), tmp_path / "run")
    counts = run.counters
    assert counts["skipped: land"] == 1
    assert counts["skipped: too little data"] == 2
    assert counts["replaced"] == 2
    assert counts["images"] == 48
    assert np.isfinite(run.log()["loss"]).all()


def test_fewer_usable_vignettes_than_a_batch_are_refused(archive, tmp_path):
    with pytest.raises(TrainingError, match=r"8 usable vignette\(s\) are needed and 7"):
        pretrain(archive.isel(vignette=slice(7)), recipe(), tmp_path / "few")
    archive["sigma0"][5:] = np.nan
    with pytest.raises(TrainingError, match="8 usable vignettes and"):
        pretrain(archive, recipe(), tmp_path / "nan")


def poison(monkeypatch, steps):
    """Make the loss of some steps NaN."""
    losses = learner_module.student_losses
    calls = iter(range(1000))

    def student_losses(*args):
        found = losses(*args)
        return {k: v * (np.nan if calls_now in steps else 1) for k, v in found.items()}

    calls_now = -1

    def counted(*args):
        nonlocal calls_now
        calls_now = next(calls)
        return student_losses(*args)

    monkeypatch.setattr(learner_module, "student_losses", counted)


def test_a_step_that_is_not_finite_is_skipped_and_counted(
    archive, tmp_path, monkeypatch
):
    poison(monkeypatch, {2})
    run = pretrain(archive, recipe(watch={"checkpoint_every": 1, "keep": 9}), tmp_path)
    assert run.counters["skipped_steps"] == 1
    before, after = (
        torch.load(path, weights_only=True)
        for path in checkpoints(run.folder / "checkpoints")[1:3]
    )
    assert_equal(before["student"], after["student"])
    assert_equal(before["teacher"], after["teacher"])
    assert all(torch.isfinite(v).all() for v in final_state(run)["teacher"].values())
    assert "step 2 was not finite" in (tmp_path / "log.txt").read_text()


def test_a_run_that_is_never_finite_stops_with_advice(archive, tmp_path, monkeypatch):
    poison(monkeypatch, set(range(1, 100)))
    config = recipe(optimisation={"steps": 50, "max_bad_steps": 3})
    with pytest.raises(TrainingError, match=r"4 steps in a row.*learning_rate"):
        pretrain(archive, config, tmp_path)


def test_a_run_is_not_overwritten_nor_continued_with_another_config(archive, tmp_path):
    pretrain(archive, recipe(), tmp_path)
    with pytest.raises(TrainingError, match="resume=True"):
        pretrain(archive, recipe(), tmp_path)
    other = recipe(backbone={"kwargs": {"depth": 3, "embed_dim": 24, "num_heads": 2}})
    with pytest.raises(TrainingError, match=r"backbone\.kwargs was .*'depth': 2"):
        pretrain(archive, other, tmp_path, resume=True)
    again = pretrain(archive, recipe(watch={"log_every": 3}), tmp_path, resume=True)
    assert again.steps == 6


def test_a_run_goes_on_with_its_own_vignettes_only(archive, tmp_path):
    """Other pixels, another order and other names of as many vignettes; and the same, in chunks."""
    config = recipe()
    named = archive.assign_coords(vignette_id=("vignette", [f"v{i}" for i in range(N)]))
    begun = {"named": named, "nameless": archive}
    for name, ds in begun.items():
        pretrain(ds, config, tmp_path / name)
    renamed = named.assign_coords(vignette_id=named.vignette_id[::-1].values)
    louder = archive.assign(sigma0=archive.sigma0 * 1.5)
    for name, other in (
        ("named", renamed),
        ("named", named.isel(vignette=slice(None, None, -1))),
        ("nameless", louder),
        ("nameless", archive.isel(vignette=[*range(1, N), 0])),
    ):
        with pytest.raises(TrainingError, match="made with other vignettes than these"):
            pretrain(other, config, tmp_path / name, resume=True)
    for name, ds in begun.items():
        again = pretrain(ds.chunk(vignette=5), config, tmp_path / name, resume=True)
        assert again.steps == 6


def test_a_checkpoint_that_knows_nothing_of_its_data_goes_on(archive, tmp_path):
    run = pretrain(archive, recipe(), tmp_path)
    [*_, last] = checkpoints(tmp_path / "checkpoints")
    state = torch.load(last, weights_only=True)
    del state["data"]
    torch.save(state, last)
    assert pretrain(archive, recipe(), tmp_path, resume=True).steps == run.steps


def test_curation_trains_on_a_balanced_part_and_reports_it(archive, tmp_path):
    config = recipe(
        curation={"enabled": True, "fraction": 0.6, "levels": [4], "every_epochs": 2},
        optimisation={"steps": 10},
    )
    run = pretrain(archive, config, tmp_path)
    lines = (tmp_path / "curation.jsonl").read_text().splitlines()
    records = [json.loads(line) for line in lines]
    # 22 of 22 make two steps an epoch; 13 make one: chosen at the epochs 1, 3, 5, 7
    assert [r["epoch"] for r in records] == [1, 3, 5, 7]
    assert [r["step"] for r in records] == [2, 4, 6, 8]
    rows = final_state(run)["feed"]["rows"]
    assert len(rows) == 13
    assert (
        records[0]["effective_clusters_after"]
        >= (records[0]["effective_clusters_before"])
    )


def test_the_probe_is_logged(archive, tmp_path):
    config = recipe(watch={"probe_every": 3, "neighbours": 3})
    run = pretrain(archive, config, tmp_path, probe=archive)
    scores = run.log().dropna(subset="knn_ocean_class")
    assert scores["step"].tolist() == [3, 6]
    assert scores["knn_ocean_class"].iloc[-1] > 0.7
    assert (scores["knn_swh"] < 0.6).all()
    assert {"cosine", "entropy"} <= set(run.summary())


def test_a_collapse_is_warned_of_once(archive, tmp_path):
    same = archive.copy()
    same["sigma0"] = archive["sigma0"].copy(
        data=np.repeat(archive["sigma0"].values[:1], N, axis=0)
    )
    config = recipe(
        losses={"koleo": 0.0},
        crops={"global_size": 64, "n_local": 0},
        augmentation={
            "gain_db": 0.0,
            "speckle_probability": 0.0,
            "flip_along": 0.0,
            "flip_across": 0.0,
        },
    )
    with pytest.warns(OceansarWarning, match="same summary") as caught:
        pretrain(same, config, tmp_path)
    assert sum("same summary" in str(w.message) for w in caught) == 1
    assert "ALARM" in (tmp_path / "log.txt").read_text()


def watched(archive, folder, *, contrast, **optimisation):
    """Alarms of a run on calm seas that differ by `contrast` dB, by centring and without speckle."""
    rng = np.random.default_rng(1)
    level = 10 ** (contrast * rng.uniform(-1, 1, (N, 1, 1)) / 10)
    sigma0 = 0.1 * level * (1 + 1e-3 * rng.normal(size=(N, SIZE, SIZE)))
    calm = archive.assign(sigma0=archive["sigma0"].copy(data=sigma0.astype(np.float32)))
    config = recipe(
        input={"centre": "global", "mean": -10.0, "std": 6.0},
        losses={"targets": "centering"},
        augmentation={"speckle_probability": 0.0, "gain_db": 0.0},
        optimisation={
            "warmup_steps": 10,
            "temperature_warmup_steps": 10,
            **optimisation,
        },
        watch={"log_every": 5, "checkpoint_every": 1000},
    )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        log = pretrain(calm, config, folder).log()
    told = [str(w.message) for w in caught]
    return " ".join(text for text in told if "collapsed" in text), log


def test_images_that_differ_do_not_alarm(archive, tmp_path):
    told, log = watched(archive, tmp_path, contrast=10.0, steps=80, learning_rate=3e-3)
    assert told == ""
    assert log["feature_std"].iloc[-3:].min() > 0.3
    assert log["dino_over_ln_k"].iloc[-3:].max() < 0.9


def test_a_loss_that_stays_at_ln_k_alarms(archive, tmp_path):
    told, log = watched(archive, tmp_path, contrast=0.0, steps=80, learning_rate=3e-3)
    assert "dino_over_ln_k is 1.0" in told
    np.testing.assert_allclose(
        log["dino_over_ln_k"], log["dino"] / np.log(16), rtol=1e-5
    )
    assert (log["dino_over_ln_k"].iloc[-10:] > 0.99).all()
    assert log["feature_std"].iloc[-10:].max() < 0.06


def test_the_loss_of_crops_without_a_mask_is_left_out_of_its_share(archive, tmp_path):
    """A student of equal prototypes gives all the same probability: ln K for each masked crop."""
    config = recipe()
    learner = Learner(config, Fabric(accelerator="cpu", devices=1))
    with torch.no_grad():
        for name, weight in learner.raw.named_parameters():
            if name.endswith("prototypes"):
                weight.copy_(weight[:1].expand_as(weight))
    batch = draw_batch(torch.randn(8, 1, SIZE, SIZE), config, step=0)
    values = learner.step(batch, 0)
    assert 0 < float(batch.masks.flatten(2).any(-1).float().mean()) < 1
    assert values["ibot_over_ln_k"] == pytest.approx(1, abs=1e-5)
    assert values["dino_over_ln_k"] == pytest.approx(1, abs=1e-5)


_WORKER = """
import sys, torch, xarray as xr
from xoceansar.train.pretraining.config import load_config
from xoceansar.train.pretraining.entry import pretrain
torch.set_num_threads(1)
pretrain(xr.open_zarr(sys.argv[1]), load_config(sys.argv[2]), sys.argv[3])
"""


@pytest.mark.slow
@pytest.mark.parametrize("targets", ["centering", "sinkhorn"])
def test_two_processes_learn_what_one_learns(archive, tmp_path, targets):
    """By torchrun over gloo: losses, curated rows and weights, KoLeo's neighbours included."""
    config = recipe(
        losses={"targets": targets},
        backbone={"kwargs": {"depth": 2, "embed_dim": 24, "num_heads": 2}},
        curation={"enabled": True, "fraction": 0.8, "levels": [3]},
    )
    (tmp_path / "worker.py").write_text(_WORKER)
    (tmp_path / "recipe.toml").write_text(config.to_toml())
    archive.to_zarr(tmp_path / "archive.zarr", zarr_format=3, consolidated=False)
    arguments = [tmp_path / name for name in ("archive.zarr", "recipe.toml", "two")]
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    done = subprocess.run(
        [sys.executable, *launcher, tmp_path / "worker.py", *arguments],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    one = pretrain(xr.open_zarr(tmp_path / "archive.zarr"), config, tmp_path / "one")
    two = Run(tmp_path / "two", 6, None)
    for name in ("loss", "dino", "ibot", "koleo", "gradient_norm"):
        np.testing.assert_allclose(two.log()[name], one.log()[name], rtol=1e-4)
    a, b = final_state(one), final_state(two)
    assert torch.equal(a["feed"]["rows"], b["feed"]["rows"])
    for name, weight in a["teacher"].items():
        torch.testing.assert_close(b["teacher"][name], weight, rtol=1e-4, atol=1e-5)
