"""A store of vignettes with its truth in a file, and builds of it with few draws."""

import pytest

import xoceansar as xos
from tests.building.archives import made_up


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Draw fewer passes for confidence limits, and no figures: they are no matter here."""
    pytest.importorskip("sklearn")
    pytest.importorskip("torch")
    from xoceansar.building import evaluation_stage, report_stage

    monkeypatch.setattr(evaluation_stage, "DRAWS", 5)
    monkeypatch.setattr(report_stage, "_figures", lambda *_: iter(()))


@pytest.fixture(scope="session")
def store(tmp_path_factory):
    """Return the folder of ``archive.zarr`` and ``truth.nc``; not to be changed."""
    folder = tmp_path_factory.mktemp("made-up")
    ds, truth = made_up()
    xos.to_zarr(ds, folder / "archive.zarr")
    truth.to_netcdf(folder / "truth.nc")
    return folder


@pytest.fixture
def asked(store):
    """Return the arguments of a build of that store."""
    return {
        "inputs": store / "archive.zarr",
        "truth": store / "truth.nc",
        "features": "statistics",
    }
