"""The command that runs experiments."""

import json

import numpy as np
import pytest

from xoceansar.simulate import vignettes


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    ds = vignettes(6, seed=3, shape=(72, 72), workers=1)
    path = tmp_path_factory.mktemp("store") / "labelled.zarr"
    ds.to_zarr(path)
    return path


def test_the_list_names_every_experiment(run):
    result = run("experiment", "--list")
    assert result.exit_code == 0
    for name in ("zero-shot", "dn", "finetune", "calibration", "sensor", "small"):
        assert name in result.output


def test_an_experiment_is_printed_and_written(run, store, model, tmp_path):
    result = run(
        "experiment", "calibration", store, "--model", model, "--draws", 5,
        "--limit", 5, "--to", tmp_path / "out",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "calibration, 5 vignettes (simulated vignettes)" in result.output
    assert "gain +2 dB" in result.output
    assert "! no output: noise of IPF 2.91 as it is written" in result.output
    found = json.loads((tmp_path / "out" / "result.json").read_text())
    assert found["metadata"]["vignettes"] == 5
    assert np.isfinite(found["scores"]["swh"]["scores"][0]["value"])
    assert (tmp_path / "out" / "swh-gain.png").is_file()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "the name of an experiment is needed"),
        (("magic",), "there is no experiment 'magic'"),
        (("dn",), "needs vignettes with their truth"),
        (("dn", "nowhere.zarr"), "neither a Zarr store"),
        (("sensor", "STORE"), "simulates its own"),
        (("calibration", "STORE", "--sensor", "iw"), "has no option sensors"),
    ],
    ids=["no name", "unknown", "no data", "no store", "too much", "option"],
)
def test_mistakes_are_one_message(run, store, model, arguments, message):
    given = [store if a == "STORE" else a for a in arguments]
    result = run("experiment", *given, "--model", model)
    assert result.exit_code == 2
    assert message in result.output
