"""`xoceansar pretrain`: what it hands to the library, prints and refuses."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import xarray as xr

from xoceansar import open_wave_mode, to_zarr
from xoceansar.train.pretraining.config import load_config, parse_config


@pytest.fixture
def archive(images, tmp_path):
    return to_zarr(images, tmp_path / "archive.zarr")


@pytest.fixture
def labelled(images, tmp_path):
    swh = ("vignette", np.linspace(1, 4, images.sizes["vignette"]), {"units": "m"})
    return to_zarr(images.assign(swh=swh), tmp_path / "labelled.zarr")


@pytest.fixture
def recipe(tmp_path):
    """A config of two blocks and width 24 for images of 64 pixels."""
    table = load_config("two-cores").to_dict()
    table["input"]["size"] = 64
    table["backbone"] |= {
        "kwargs": {"depth": 2, "embed_dim": 24, "num_heads": 2},
        "start": "random",
    }
    table["crops"] = {"global_size": 64, "local_size": 32, "n_local": 1}
    table["curation"]["size"] = 64
    table["head"] |= {"prototypes": 8, "hidden": 16, "bottleneck": 8}
    table["optimisation"] |= {"batch": 4, "steps": 40, "precision": "fp32"}
    table["optimisation"] |= {
        "warmup_steps": 10,
        "temperature_warmup_steps": 8,
        "learning_rate": 2e-3,
        "scaling": "sqrt",
    }
    path = tmp_path / "tiny.toml"
    path.write_text(parse_config(table).to_toml())
    return path


@pytest.fixture
def calls(monkeypatch):
    """Put a training in place that only writes down what it is asked for."""
    made = []

    def pretrain(ds, config, folder, *, probe=None, resume=False):
        made.append(SimpleNamespace(**locals()))
        numbers = {"steps": 40, "loss": 1.2345678, "skipped: land": 3}
        return SimpleNamespace(
            folder=folder, steps=40, bundle=folder / "bundle", summary=lambda: numbers
        )

    fake = SimpleNamespace(pretrain=pretrain)
    monkeypatch.setitem(sys.modules, "xoceansar.train.pretraining.entry", fake)
    return made


def test_help_teaches_by_example(run):
    done = run("pretrain", "--help")
    assert "xoceansar pretrain two-cores archive.zarr --to run" in done.stdout
    assert "torchrun --nproc-per-node 2 -m xoceansar.cli pretrain" in done.stdout


def test_hands_over_the_archive_the_config_and_the_options(
    run, calls, archive, labelled, recipe, tmp_path
):
    done = run(
        "pretrain", recipe, archive, "--to", tmp_path / "run", "--probe", labelled,
        "--resume",
    )  # fmt: skip
    assert done.exit_code == 0, done.stderr
    (call,) = calls
    assert call.config == load_config(recipe)
    assert call.folder == tmp_path / "run"
    assert call.resume
    assert call.ds.sigma0.chunks is not None
    xr.testing.assert_identical(call.ds.load(), xr.open_zarr(archive).load())
    assert "swh" in call.probe
    assert re.search(r"loss\W+1\.23457\W", done.stdout)
    assert re.search(r"skipped: land\W+3\W", done.stdout)
    assert str(tmp_path / "run" / "bundle") in done.stdout


def test_steps_shorten_the_schedules_and_the_learning_rate_is_told(
    run, calls, archive, recipe, tmp_path
):
    done = run("pretrain", recipe, archive, "--to", tmp_path / "run", "--steps", 20)
    assert done.exit_code == 0, done.stderr
    (call,) = calls
    optimisation = call.config.optimisation
    assert (optimisation.steps, optimisation.warmup_steps) == (20, 5)
    assert optimisation.temperature_warmup_steps == 4
    assert not call.resume
    assert call.probe is None
    assert "20 steps of 4" in done.stderr
    assert "learning rate 0.000125" in done.stderr
    assert "6 vignettes" in done.stderr


def test_a_product_is_an_archive_too(run, calls, product, recipe, tmp_path):
    assert run("pretrain", recipe, product, "--to", tmp_path / "run").exit_code == 0
    expected = open_wave_mode(product)
    assert calls[0].ds.vignette_id.values.tolist() == (
        expected.vignette_id.values.tolist()
    )


def test_shipped_configs_have_names(run, calls, archive, tmp_path):
    assert run("pretrain", "paper", archive, "--to", tmp_path / "run").exit_code == 0
    assert calls[0].config == load_config("paper")


def test_one_process_speaks_for_all(run, calls, archive, recipe, tmp_path, monkeypatch):
    monkeypatch.setenv("RANK", "1")
    done = run("pretrain", recipe, archive, "--to", tmp_path / "run")
    assert done.exit_code == 0
    assert len(calls) == 1
    assert done.output == ""


def test_errors_come_before_any_work(run, calls, archive, recipe, tmp_path):
    to = ("--to", tmp_path / "run")
    done = run("pretrain", "papr", archive, *to)
    assert done.exit_code == 2
    assert "paper, one-gpu, two-cores" in done.stderr
    recipe.write_text(recipe.read_text().replace("koleo", "koelo"))
    done = run("pretrain", recipe, archive, *to)
    assert done.exit_code == 2
    assert "did you mean 'koleo'?" in done.stderr
    for args in ((tmp_path / "no.zarr", *to), (archive, *to, "--probe", "no.zarr")):
        done = run("pretrain", "paper", *args)
        assert done.exit_code == 2
        assert "no.zarr is not a Zarr store" in done.stderr
    assert run("pretrain", "paper", archive, *to, "--steps", 0).exit_code == 2
    assert calls == []


def test_two_steps_make_a_bundle(run, archive, recipe, images, tmp_path):
    folder = tmp_path / "run"
    command = ("pretrain", recipe, archive, "--to", folder)
    done = run(*command, "--steps", 2)
    assert done.exit_code == 0, done.output
    assert (
        json.loads((folder / "config.json").read_text())["optimisation"]["steps"] == 2
    )
    found = images.oceansar.embed(model=str(folder / "bundle"))
    assert found.shape == (6, 72)
    assert np.isfinite(found).all()
    again = run(*command, "--steps", 2)
    assert again.exit_code == 2
    assert "--resume" in again.stderr


@pytest.mark.slow
def test_torchrun_starts_two_processes(archive, recipe, tmp_path):
    folder = tmp_path / "run"
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command = ["-m", "xoceansar.cli", "pretrain", recipe, archive, "--to", folder]
    done = subprocess.run(
        [sys.executable, *launcher, *command, "--steps", "2"],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("bundle: ") == 1
    assert Path(folder / "bundle" / "config.json").is_file()
