"""`xoceansar fit`: what it hands to the library, prints and refuses."""

import re

import numpy as np
import pytest
import xarray as xr

from tests.train.test_fitting import make_vignettes
from xoceansar import load_model, open_labels, to_zarr

pytestmark = pytest.mark.filterwarnings("ignore:.*simulated vignettes only")


@pytest.fixture(scope="module")
def vignettes():
    return make_vignettes(n=48)


@pytest.fixture(scope="module")
def labelled(vignettes, tmp_path_factory):
    return to_zarr(vignettes, tmp_path_factory.mktemp("data") / "labelled.zarr")


def test_help_teaches_by_example(run):
    done = run("fit", "--help")
    assert "xoceansar fit labelled.zarr swh --to my-model" in done.stdout
    assert "--model my-model" in done.stdout


def test_a_model_with_the_head_is_written_and_scored(
    run, labelled, vignettes, model, tmp_path
):
    to = tmp_path / "mine"
    done = run("fit", labelled, "swh", "--model", model, "--to", to)
    assert done.exit_code == 0, done.stderr
    handle = load_model(to)
    n_fit = handle.head("swh").metrics["n_fit"]
    assert f"{n_fit} vignettes fitted" in done.stdout
    rmse = handle.head("swh").metrics["rmse"]
    assert re.search(rf"all\W+{48 - n_fit}\W+{rmse:.4g}\W", done.stdout)
    assert str(to) in done.stdout.replace("\n", "")
    assert "simulated" not in done.stdout
    out = vignettes.oceansar.swh(model=to)
    assert float(np.abs(out - vignettes.swh).mean()) < 1


def test_labels_of_people_are_a_truth(run, labelled, vignettes, model, tmp_path):
    labels = open_labels(tmp_path / "archive.zarr")
    for name, height in zip(vignettes.vignette_id.values, vignettes.swh, strict=True):
        labels.add(str(name), "high" if height > 3 else "low")
    done = run(
        "fit", labelled, "ocean_class", "--model", model, "--to", tmp_path / "b",
        "--head", "logistic", "--truth", labels.path,
    )  # fmt: skip
    assert done.exit_code == 0, done.stderr
    assert load_model(tmp_path / "b").head("ocean_class").classes == ("high", "low")


def test_options_arrive(run, labelled, model, tmp_path):
    done = run(
        "fit", labelled, "ocean_class", "--model", model, "--to", tmp_path / "b",
        "--head", "mlp", "--balanced", "--rate", 1e-3, "--rate", 1e-4, "--name", "mine",
        "--groups", "vignette_id", "--validation", 0.25, "--seed", 3,
    )  # fmt: skip
    assert done.exit_code == 0, done.stderr
    spec = load_model(tmp_path / "b").head("mine")
    assert spec.kind == "mlp"
    assert set(spec.metrics["sweep"]) == {"0.001", "0.0001"}
    assert "12 of 12 other groups" in done.stdout
    assert "the best on the validation of 0.001, 0.0001" in done.stdout
    assert "no example to learn from" in done.stderr


def test_a_truth_and_a_validation_of_their_own(
    run, vignettes, labelled, model, tmp_path
):
    truth = vignettes[["swh"]].drop_vars("beam").isel(vignette=slice(None, 40))
    truth.to_netcdf(tmp_path / "truth.nc")
    images = to_zarr(vignettes.drop_vars("swh"), tmp_path / "images.zarr")
    call = ("--model", model, "--to")
    done = run("fit", images, "swh", "--truth", tmp_path / "truth.nc", *call, tmp_path / "b")  # fmt: skip
    assert done.exit_code == 0, done.stderr
    assert "left out: 8 (no truth)" in done.stderr
    other = to_zarr(
        make_vignettes(seed=9, n=8, first_orbit=500), tmp_path / "other.zarr"
    )
    done = run("fit", labelled, "swh", "--validation", other, *call, tmp_path / "c")
    assert done.exit_code == 0, done.stderr
    assert "48 vignettes fitted, 8 of 2 other groups" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nothing.zarr", "swh"), "is not a Zarr store"),
        (("{labelled}", "wave"), "truth 'wave' is not in the Dataset"),
        (("{labelled}", "swh", "--to", "{labelled}"), "is not empty"),
        (("{labelled}", "swh", "--model", "nowhere"), "there is no model"),
    ],
)
def test_errors_are_one_message(run, labelled, tmp_path, arguments, message):
    given = [a.format(labelled=labelled) for a in arguments]
    if "--to" not in given:
        given += ["--to", tmp_path / "b"]
    done = run("fit", *given)
    assert done.exit_code == 2
    assert message in done.stderr
    assert not (tmp_path / "b").exists()


def test_a_truth_without_names_is_refused(run, vignettes, labelled, tmp_path):
    xr.Dataset({"swh": ("vignette", np.ones(3))}).to_netcdf(tmp_path / "t.nc")
    done = run("fit", labelled, "swh", "--truth", tmp_path / "t.nc", "--to", tmp_path / "b")  # fmt: skip
    assert done.exit_code == 2
    assert "'vignette_id'" in done.stderr
