"""Vignettes along another dim, as time, serve every operation as those along vignette do."""

import numpy as np
import pytest
import xarray as xr

from xoceansar import errors, ops
from xoceansar.evaluate import collocate, orbit_pass
from xoceansar.io.export.tables import to_table
from xoceansar.layout.vignette_dims import along_vignettes, find_dim


@pytest.fixture
def read(images):
    return images.assign_coords(
        time=("vignette", np.datetime64("2021-04-03T08:30", "ns") + np.arange(6) * np.timedelta64(15, "s")),
        ground_heading=("vignette", np.full(6, 347.0)),
    ).assign(quality=("vignette", np.zeros(6, np.uint8)))  # fmt: skip


def turned(ds, dim="time"):
    return ds.swap_dims(vignette=dim)


def back(ds):
    return ds.swap_dims({find_dim(ds): "vignette"})


def same(found, expected):
    xr.testing.assert_equal(found.reset_coords(), expected.reset_coords())


@pytest.mark.parametrize("dim", ["time", "vignette_id", "acquisition"])
@pytest.mark.parametrize("lazy", [False, True])
def test_results_are_the_same_along_another_dim(read, tiny_model, dim, lazy):
    read = read.chunk(vignette=2) if lazy else read
    other = turned(read, dim)
    results = ops.retrieve(read, model=tiny_model).load()
    same(back(ops.retrieve(other, model=tiny_model).load()), results)
    same(back(ops.gmf_wind(other)), ops.gmf_wind(read))
    same(
        ops.grid(turned(results, dim), "swh", by="month"),
        ops.grid(results, "swh", by="month"),
    )
    same(ops.class_occurrence(turned(results, dim)), ops.class_occurrence(results))
    assert orbit_pass(other).tolist() == orbit_pass(read).tolist()
    chosen = ops.select(other, time=(None, "2021-04-03T08:30:40"), beam="wv1")
    assert set(chosen.dims) == {dim, "line", "sample"}
    same(back(chosen), ops.select(read, time=(None, "2021-04-03T08:30:40"), beam="wv1"))
    vectors = ops.embed(read, model=tiny_model).load()
    found = ops.similar(turned(vectors, dim), [0, 3], n_neighbors=2)
    same(found, ops.similar(vectors, [0, 3], n_neighbors=2))


@pytest.mark.parametrize("dim", ["time", "acquisition"])
def test_matches_lie_along_the_dim_of_the_vignettes(read, dim):
    buoy = xr.Dataset(
        {"swh": ("time", [2.5])},
        {"time": read.time.values[:1], "longitude": read.longitude.values[0], "latitude": read.latitude.values[0]},
    )  # fmt: skip
    found = collocate(turned(read, dim), buoy)
    assert found.swh.dims == (dim,)
    same(back(found), collocate(read, buoy))


def test_a_single_vignette_and_none_that_is_known(read):
    buoy = read[["quality"]]
    for lost in (read.isel(vignette=0), read.isel(vignette=0).sigma0):
        with pytest.raises(errors.OceansarError, match=r"isel\(vignette=\[0\]\)"):
            collocate(lost, buoy)
    with pytest.raises(errors.DimensionError, match=r"swap_dims\(pass='vignette'\)"):
        ops.select(xr.Dataset({"swh": ("pass", [1.0])}), swh=(0, 1))
    assert ops.select(xr.Dataset({"swh": ("pass", [1.0])}).swap_dims({"pass": "vignette"}), swh=(0, 1)).swh.size == 1  # fmt: skip


def test_the_remedies_name_the_dim_that_is_there(read):
    other = turned(read).drop_vars("incidence")
    with pytest.raises(errors.MissingVariableError) as caught:
        ops.gmf_wind(other)
    assert "assign_coords(incidence=('time', values))" in str(caught.value)
    values = np.full(6, 36.0)
    assert (
        ops.gmf_wind(other.assign_coords(incidence=("time", values)))
        .wind_speed.notnull()
        .all()
    )
    assert along_vignettes(other).sizes["vignette"] == 6


@pytest.mark.parametrize("numbered", [False, True])
def test_a_stacked_dim_serves_as_any_other(read, numbered):
    ds = read.assign_coords(vignette=np.arange(6) + 10) if numbered else read
    stacked = ds.stack(row=["vignette"])
    buoy = xr.Dataset(
        {"swh": ("time", [2.5])},
        {"time": read.time.values[:1], "longitude": read.longitude.values[0], "latitude": read.latitude.values[0]},
    )  # fmt: skip
    found = collocate(stacked, buoy)
    assert found.swh.dims == ("row",)
    assert found.swh.values[0] == 2.5
    assert np.isnan(found.swh.values[1:]).all()
    numbers = np.arange(6) + 10 * numbered
    assert found.vignette.values.tolist() == numbers.tolist()
    table = to_table(stacked[["quality"]])
    assert table.vignette.tolist() == numbers.tolist()
