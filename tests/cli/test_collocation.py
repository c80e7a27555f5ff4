"""The command that matches vignettes with a reference."""

import numpy as np
import pytest
import xarray as xr

from tests.io.test_ocn import write
from xoceansar import open_wave_mode


@pytest.fixture(scope="module")
def fields(product, tmp_path_factory):
    """Two hourly files around the product, half of it at sea."""
    ds = open_wave_mode(product)
    start = ds.time.values.min().astype("datetime64[h]")
    folder = tmp_path_factory.mktemp("fields")
    lon, lat = np.arange(0, 360, 0.5), np.arange(-80, 80.1, 0.5)
    sea = float(ds.latitude.mean())
    for hour in range(2):
        swh = np.full((1, lat.size, lon.size), 2.0 + hour)
        field = xr.Dataset(
            {"swh": (("valid_time", "latitude", "longitude"), swh, {"units": "m"})},
            {"valid_time": [start + hour], "latitude": lat, "longitude": lon},
        )
        field["valid_time"] = field.valid_time.astype("datetime64[ns]")
        field.where(field.latitude > sea).to_netcdf(folder / f"era5-{hour}.nc")
    return folder


def test_it_writes_what_the_function_gives(run, product, fields, tmp_path):
    to = tmp_path / "found.zarr"
    done = run(
        "collocate", product, f"{fields}/*.nc", "--to", to, "--max-distance", "30"
    )
    assert done.exit_code == 0, done.stderr
    found = xr.open_zarr(to).load()
    with xr.open_mfdataset(f"{fields}/*.nc") as reference:
        expected = open_wave_mode(product).oceansar.collocate(
            reference, max_distance=30
        )
        np.testing.assert_array_equal(found.swh, expected.swh)
        np.testing.assert_array_equal(found.collocation_flag, expected.collocation_flag)
    assert found.sizes["vignette"] == 2
    assert np.isin(found.swh, [2, 3]).any()
    assert "collocation_flag" in done.stdout
    assert "Matched 2 vignettes" in done.stdout
    assert "collocation_time_offset" in done.stdout
    again = run("collocate", to, f"{fields}/*.nc", "--to", to)
    assert again.exit_code == 2
    assert "exists already" in again.stderr


def test_ocn_products_are_both_input_and_reference(run, tmp_path):
    path, to = write(tmp_path), tmp_path / "found.zarr"
    done = run(
        "collocate", path, path, "--to", to, "--variable", "swh", "--max-time", "1s"
    )
    assert done.exit_code == 0, done.stderr
    found = xr.open_zarr(to).load()
    np.testing.assert_allclose(found.swh, [2.01], rtol=1e-6)
    assert "wind_speed" not in found


def test_files_that_do_not_belong_together_are_one_message(run, product, tmp_path):
    for name, lat in (("a", [0.0, 1.0]), ("b", [0.5, 0.25])):
        xr.Dataset(
            {"swh": (("time", "latitude", "longitude"), np.zeros((1, 2, 1)))},
            {
                "time": [np.datetime64("2021-01-01", "ns")],
                "latitude": lat,
                "longitude": [0.0],
            },
        ).to_netcdf(tmp_path / f"{name}.nc")
    done = run("collocate", product, f"{tmp_path}/*.nc", "--to", tmp_path / "out.zarr")
    assert done.exit_code == 2
    assert "cannot be opened as one Dataset" in done.stderr


def test_help_teaches_by_example(run):
    done = run("collocate", "--help")
    assert done.exit_code == 0
    assert "xoceansar collocate result.zarr" in done.stdout
