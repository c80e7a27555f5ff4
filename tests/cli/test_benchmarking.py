"""`xoceansar benchmark`: what it hands to the library, writes and refuses."""

import json

import numpy as np
import pytest

from xoceansar import to_zarr
from xoceansar.conventions import class_attrs


@pytest.fixture
def labelled(images, tmp_path):
    """Six vignettes of three products in a store."""
    n = images.sizes["vignette"]
    truth = images.assign(
        swh=("vignette", np.linspace(1, 4, n), {"units": "m"}),
        ocean_class=("vignette", np.arange(n) % 2, class_attrs()),
    ).assign_coords(product=("vignette", [f"P{i // 2}" for i in range(n)]))
    return to_zarr(truth.assign_attrs(simulated=1), tmp_path / "labelled.zarr")


def test_report_is_written(run, labelled, tmp_path):
    done = run(
        "benchmark", "swh", labelled, "--model", "level", "--model", "constant",
        "--test", 0.4, "--draws", 20, "--to", tmp_path / "report",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert "simulated vignettes" in done.output
    assert "no image" in done.output
    content = json.loads((tmp_path / "report/scores.json").read_text())
    assert content["metadata"]["draws"] == 20
    assert {s["model"] for s in content["scores"]} == {
        "no image",
        "mean sigma0 and beam, linear probe",
    }
    assert (tmp_path / "report/overview.png").is_file()


def test_model_is_applied_and_train_is_learned_from(run, labelled, model):
    done = run(
        "benchmark", "swh", labelled, "--train", labelled, "--model", model,
        "--model", "constant", "--draws", 5,
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert "own head" in done.output
    assert "swh, 6 vignettes" in done.output
    assert "learned from and scored" in done.output


def test_list_names_tasks_and_models(run):
    done = run("benchmark", "--list")
    assert done.exit_code == 0, done.output
    for word in (
        "classification",
        "swh",
        "wind_direction",
        "random:MODEL",
        "timm:NAME",
    ):
        assert word in done.output


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ([], "--list"),
        (["swh"], "benchmark TASK DATA"),
        (["waves", "x.zarr"], "no task 'waves'"),
        (["swh", "nowhere.zarr"], "neither a Zarr store nor"),
    ],
    ids=["nothing", "no data", "no such task", "no such store"],
)
def test_what_cannot_be_is_refused_in_words(run, arguments, match):
    done = run("benchmark", *arguments)
    assert done.exit_code == 2
    assert match in done.output


def test_quicklooks_alone_are_refused(run, tmp_path):
    (tmp_path / "F").mkdir()
    done = run("benchmark", "classification", tmp_path)
    assert done.exit_code == 2
    assert "--calibrated" in done.output
