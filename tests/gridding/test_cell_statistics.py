"""Cells: the right statistic in the right cell, against a slow loop; lazily."""

import dask.array as da
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from xoceansar import ops
from xoceansar.conventions import VARIABLES, annotate, class_attrs
from xoceansar.errors import (
    DimensionError,
    MissingVariableError,
    OceansarError,
    UnitsError,
)
from xoceansar.sar.cells import CellGrid

SEASON = {12: "DJF", 1: "DJF", 2: "DJF", 3: "MAM", 4: "MAM", 5: "MAM"} | {
    6: "JJA", 7: "JJA", 8: "JJA", 9: "SON", 10: "SON", 11: "SON"
}  # fmt: skip


def sample(values, lon, lat, time=None, name="swh"):
    """Results along vignette."""
    time = ["2021-01-15"] * len(values) if time is None else time
    array = xr.DataArray(
        np.asarray(values),
        dims="vignette",
        coords={
            "longitude": ("vignette", np.asarray(lon, float)),
            "latitude": ("vignette", np.asarray(lat, float)),
            "time": ("vignette", np.asarray(time, "datetime64[ns]")),
        },
    )
    return annotate(array, name) if name in VARIABLES else array.rename(name)


def loop(lon, lat, cell):
    """Centre of the cell of one place, by comparing with every edge."""
    lon = (lon + 180) % 360 - 180
    lon = -180.0 if lon == 180 else lon
    rows = round(180 / cell)
    south = [e for e in np.linspace(-90, 90, rows + 1)[:-1] if e <= lat][-1]
    west = [e for e in np.linspace(-180, 180, 2 * rows + 1)[:-1] if e <= lon][-1]
    return south + cell / 2, west + cell / 2


ROWS = st.lists(
    st.tuples(
        st.one_of(st.floats(-3.9, 3.9), st.sampled_from([np.nan, 1.0, 0.0])),
        st.one_of(
            st.floats(-540, 540), st.sampled_from([180.0, -180.0, 0.0, -1e-17, 360.0])
        ),
        st.one_of(st.floats(-90, 90), st.sampled_from([90.0, -90.0, np.nan])),
        st.sampled_from([*(f"2021-{m:02d}-03" for m in range(1, 13)), "NaT"]),
    ),
    min_size=1,
    max_size=25,
)
REDUCE = {
    "mean": np.mean,
    "median": np.median,
    "std": np.std,
    "min": np.min,
    "max": np.max,
}


@settings(max_examples=60, deadline=None)
@given(
    ROWS, st.sampled_from([30.0, 45.0, 90.0]), st.sampled_from(sorted(REDUCE)),
    st.sampled_from([None, "season", "month"]), st.integers(1, 2),
)  # fmt: skip
def test_grid_is_what_a_loop_over_vignettes_gives(rows, cell, statistic, by, minimum):
    values, lon, lat, time = zip(*rows, strict=True)
    ds = ops.grid(
        sample(values, lon, lat, time),
        cell=cell,
        statistic=statistic,
        by=by,
        minimum=minimum,
    )
    members = {}
    for value, x, y, t in zip(values, lon, lat, time, strict=True):
        month = pd.Timestamp(t).month
        if not np.isfinite([value, y]).all() or (by and t == "NaT"):
            continue
        group = {None: None, "month": month, "season": SEASON.get(month)}[by]
        members.setdefault((group, *loop(x, y, cell)), []).append(value)
    assert int(ds.observation_count.sum()) == sum(map(len, members.values()))
    enough = {key: m for key, m in members.items() if len(m) >= minimum}
    assert int(ds.swh.notnull().sum()) == len(enough)
    for (group, south, west), found in members.items():
        where = {"latitude": south, "longitude": west} | ({by: group} if by else {})
        assert int(ds.observation_count.sel(where)) == len(found)
        if len(found) >= minimum:
            expected = REDUCE[statistic](np.array(found, float))
            assert float(ds.swh.sel(where)) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("cell", [0.1, 0.25, 1.0, 2.0, 5.0, 90.0, 180.0])
def test_every_centre_lies_in_its_own_cell_in_both_frames(cell):
    cells = CellGrid(cell)
    south, west = cells.edges
    rng = np.random.default_rng(0)
    row = rng.integers(0, cells.shape[0], 500)
    column = rng.integers(0, cells.shape[1], 500)
    lat, lon = south[row] + cell / 2, west[column] + cell / 2
    expected = row * cells.shape[1] + column
    np.testing.assert_array_equal(cells.index(lon, lat), expected)
    np.testing.assert_array_equal(cells.index(lon % 360, lat), expected)
    np.testing.assert_array_equal(cells.index(west[column], south[row]), expected)


def test_a_place_that_is_none_is_in_no_cell():
    bad = CellGrid(2.0).index([np.nan, 0, np.inf, 0, 0], [0, np.nan, 0, 90.1, -91])
    assert bad.tolist() == [-1] * 5


def test_directions_are_averaged_as_vectors():
    ds = sample([350.0, 20.0, 90.0, 270.0], [1, 1, 41, 41], [1, 1, 1, 1], name="wind_to_direction")  # fmt: skip
    mean = ops.grid(ds).wind_to_direction
    assert float(mean.sel(latitude=1, longitude=1)) == pytest.approx(5.0, abs=1e-3)
    assert np.isnan(mean.sel(latitude=1, longitude=41))  # they cancel
    spread = ops.grid(ds, statistic="std").wind_to_direction
    length = np.cos(np.radians(15))  # of the mean of two unit vectors 30 degrees apart
    expected = np.degrees(np.sqrt(-2 * np.log(length)))
    assert float(spread.sel(latitude=1, longitude=1)) == pytest.approx(
        expected, abs=1e-3
    )
    with pytest.raises(UnitsError, match="unit vectors"):
        ops.grid(ds, statistic="median")
    error = sample(
        [50.0, 10.0], [1, 1], [1, 1], name="wind_to_direction_standard_error"
    )
    mean = ops.grid(error).wind_to_direction_standard_error
    assert float(mean.sel(latitude=1, longitude=1)) == pytest.approx(30)


def test_a_mean_direction_of_north_is_zero_and_not_360():
    ds = sample([359.9999999999999, 0.0], [1, 1], [1, 1], name="wind_to_direction")
    assert 0 <= float(ops.grid(ds).wind_to_direction.max()) < 360


def test_attributes_say_what_a_cell_is():
    swh = sample([1.0, 2.0, 3.0], [1, 1, 1], [1, 1, 1], ["2021-01-02", "NaT", "2021-03-04"])  # fmt: skip
    swh.attrs["model_training"] = "simulated vignettes only"
    swh = swh.assign_coords(platform=("vignette", ["S1A", "S1B", "S1A"]))
    out = ops.grid(swh.to_dataset().assign_attrs(simulated=1), "swh", by="month")
    assert out.swh.dims == ("month", "latitude", "longitude")
    assert out.swh.attrs["long_name"] == "mean significant wave height"
    assert out.swh.attrs["units"] == "m"
    assert out.swh.attrs["cell_methods"] == "area: time: mean"
    assert out.swh.attrs["ancillary_variables"] == "observation_count"
    assert out.swh.attrs["model_training"] == "simulated vignettes only"
    assert out.latitude.attrs["standard_name"] == "latitude"
    assert out.longitude.attrs["units"] == "degrees_east"
    assert out.attrs["simulated"] == 1
    assert out.attrs["time_coverage_start"] == "2021-01-02T00:00:00Z"
    assert out.attrs["time_coverage_end"] == "2021-03-04T00:00:00Z"
    assert out.attrs["platform"] == "S1A, S1B"
    assert out.observation_count.dtype == np.int32
    assert swh.attrs["long_name"] == "significant wave height"
    assert list(ops.grid(swh, statistic="count")) == ["observation_count"]


def made(n=40, seed=0):
    """Results with classes and icebergs, some missing."""
    rng = np.random.default_rng(seed)
    ds = sample(rng.uniform(0, 9, n), rng.uniform(-180, 360, n), rng.uniform(-90, 90, n)).to_dataset()  # fmt: skip
    count = rng.poisson(1.0, n).astype(np.float32)
    count[rng.random(n) < 0.3] = np.nan
    area = xr.DataArray(rng.uniform(100, 368, n), dims="vignette")
    return ds.assign(
        iceberg_count=annotate(xr.DataArray(count, dims="vignette"), "iceberg_count"),
        searched_area=annotate(area, "searched_area"),
        ocean_class=(
            "vignette",
            rng.integers(-1, 10, n).astype(np.int8),
            class_attrs(),
        ),
    )


def test_lazy_in_lazy_out(no_compute):
    lazy = made().assign_coords(made().coords).chunk(vignette=7)
    lazy = lazy.assign_coords({k: lazy[k].chunk(vignette=7) for k in ("longitude", "latitude", "time")})  # fmt: skip
    for out in (
        ops.grid(lazy, "swh", by="season"),
        ops.iceberg_density(lazy, by="month"),
        ops.class_occurrence(lazy, by="season"),
    ):
        assert all(v.chunks is not None for v in out.data_vars.values())


@pytest.mark.parametrize("by", [None, "season"])
def test_lazy_and_eager_agree(by):
    ds, lazy = made(), made().chunk(vignette=7)
    for function in (ops.iceberg_density, ops.class_occurrence):
        xr.testing.assert_equal(
            function(ds, cell=30, by=by), function(lazy, cell=30, by=by).compute()
        )
    for statistic in ("mean", "median", "count"):
        a, b = (
            ops.grid(d, "swh", cell=30, by=by, statistic=statistic) for d in (ds, lazy)
        )
        xr.testing.assert_allclose(a, b.compute())
        for name in a:
            assert a[name].shape == b[name].shape
            assert a[name].dtype == b[name].dtype


def test_only_the_variable_is_computed():
    def fail(block):
        raise AssertionError("loaded")

    bad = da.zeros(40, chunks=4).map_blocks(fail, dtype=float, meta=np.zeros(0))
    ds = made().chunk(vignette=7).assign(wind_speed=("vignette", bad))
    sea = int((ds.ocean_class != 5).sum())
    assert sea < 40
    assert int(ops.grid(ds, "swh").observation_count.sum().compute()) == sea


@pytest.mark.parametrize("chunks", [None, {"vignette": 2}])
@pytest.mark.parametrize("codes", [list(range(10)), list(range(10, 110, 10))])
def test_sea_state_under_ice_is_in_no_cell(chunks, codes):
    """Classes are known by their flags, wherever sea ice stands among them, or by their names."""
    swh = sample([1.0, 9.0, 3.0, 8.0], [1, 1, 1, 9], [1, 1, 1, 9])
    classes = [0, 5, 1, 5]
    attrs = class_attrs() | {"flag_values": codes}
    flags = ("vignette", np.array(codes)[classes].astype(np.int8), attrs)
    names = ("vignette", np.array(attrs["flag_meanings"].split())[classes])
    for ocean_class in (flags, names):
        ds = swh.to_dataset().assign(ocean_class=ocean_class, nrcs=swh * 1)
        ds = ds if chunks is None else ds.chunk(chunks)
        as_coordinate = ds.set_coords("ocean_class")["swh"]
        for given_ice in (ops.grid(ds, "swh"), ops.grid(as_coordinate)):
            cells = given_ice.stack(cell=("latitude", "longitude")).swh
            assert cells.dropna("cell").values.tolist() == [2.0]
            assert int(given_ice.observation_count.sum()) == 2
            assert cells.attrs["cell_methods"] == "area: time: mean where ice_free_sea"
        assert int(ops.grid(ds, "swh", statistic="count").observation_count.sum()) == 2
        for whole in (ops.grid(ds, "nrcs"), ops.grid(ds.swh)):
            assert int(whole.observation_count.sum()) == 4
            name = next(iter(set(whole) - {"observation_count"}))
            assert whole[name].attrs["cell_methods"] == "area: time: mean"


@given(st.integers(0, 200))
@settings(max_examples=20, deadline=None)
def test_density_is_icebergs_over_area_and_nothing_searched_is_not_none(seed):
    ds = made(seed=seed)
    out = ops.iceberg_density(ds, cell=45)
    for y in out.latitude.values:
        for x in out.longitude.values:
            inside = np.array(
                [
                    loop(a, b, 45) == (y, x)
                    for a, b in zip(
                        ds.longitude.values, ds.latitude.values, strict=True
                    )
                ]
            )
            part = ds.isel(vignette=inside & np.isfinite(ds.iceberg_count.values))
            cell = out.sel(latitude=y, longitude=x)
            assert int(cell.observation_count) == part.sizes["vignette"]
            if not part.sizes["vignette"]:
                assert np.isnan(cell.iceberg_density)
                continue
            area = float(part.searched_area.sum())
            assert float(cell.searched_area) == pytest.approx(area, rel=1e-5)
            expected = 1000 * float(part.iceberg_count.sum()) / area
            assert float(cell.iceberg_density) == pytest.approx(expected, rel=1e-5)


def test_density_needs_the_area():
    ds = made()
    with pytest.raises(MissingVariableError, match=r"searched_area.*19\.2"):
        ops.iceberg_density(ds.drop_vars("searched_area"))
    bare = ds.drop_vars("searched_area")
    # as the message says
    filled = bare.assign(
        searched_area=(bare.iceberg_count * 0 + 19.2**2).assign_attrs(units="km2")
    )
    total = float(ops.iceberg_density(filled).searched_area.sum())
    known = int(ds.iceberg_count.notnull().sum())
    assert total == pytest.approx(known * 368.64, rel=1e-5)
    metres = ds.assign(searched_area=ds.searched_area.assign_attrs(units="m2"))
    with pytest.raises(UnitsError, match="'m2'"):
        ops.iceberg_density(metres)


def test_occurrence_is_a_fraction_of_the_classified():
    classes = np.array([0, 0, 5, -1, 5, -1], np.int8)
    ds = sample(np.zeros(6), [1, 1, 1, 1, 101, 51], [1] * 6).to_dataset()
    ds["ocean_class"] = ("vignette", classes, class_attrs())
    for given_classes in (ds.ocean_class, ds.ocean_class.where(ds.ocean_class >= 0)):
        out = ops.class_occurrence(given_classes, cell=2)
        here = out.sel(latitude=1, longitude=1)
        assert int(here.observation_count) == 3
        assert float(here.class_occurrence.sel({"class": "pure_ocean_waves"})) == pytest.approx(2 / 3)  # fmt: skip
        assert float(here.class_occurrence.sel({"class": "sea_ice"})) == pytest.approx(1 / 3)  # fmt: skip
        assert float(here.class_occurrence.sel({"class": "icebergs"})) == 0
        there = out.sel(latitude=1, longitude=101).class_occurrence
        assert float(there.sel({"class": "sea_ice"})) == 1
        nowhere = out.sel(latitude=1, longitude=51)
        assert nowhere.class_occurrence.isnull().all()
        assert int(nowhere.observation_count) == 0
    assert out.class_occurrence.dims == ("class", "latitude", "longitude")
    few = ops.class_occurrence(ds, cell=2, minimum=3).class_occurrence
    assert few.sel(latitude=1, longitude=101).isnull().all()


def test_refusals_say_what_to_type():
    ds = made()
    with pytest.raises(MissingVariableError, match=r"grid\('iceberg_count'\)"):
        ops.grid(ds)
    with pytest.raises(MissingVariableError, match=r"'hs'.*found.*swh"):
        ops.grid(ds, "hs")
    with pytest.raises(MissingVariableError, match=r"assign_coords\(longitude"):
        ops.grid(ds.drop_vars("longitude"), "swh")
    with pytest.raises(MissingVariableError, match="time"):
        ops.grid(ds.drop_vars("time"), "swh", by="season")
    with pytest.raises(OceansarError, match=r"season.*month"):
        ops.grid(ds, "swh", by="year")
    with pytest.raises(OceansarError, match="median"):
        ops.grid(ds, "swh", statistic="mode")
    for cell in (0.0, -1.0, 7.0, 200.0, np.nan):
        with pytest.raises(DimensionError, match="cell="):
            ops.grid(ds, "swh", cell=cell)
    with pytest.raises(DimensionError, match=r"cell=6\.92308"):
        ops.grid(ds, "swh", cell=7)
    with pytest.raises(UnitsError, match="class_occurrence"):
        ops.grid(ds, "ocean_class")
    with pytest.raises(DimensionError, match="dims"):
        ops.grid(ds.expand_dims(member=2), "swh")
    with pytest.raises(UnitsError, match="flag_meanings"):
        ops.class_occurrence(ds.ocean_class.assign_attrs(flag_meanings=""))
    with pytest.raises(MissingVariableError, match="classify"):
        ops.class_occurrence(ds[["swh"]])
    with pytest.raises(UnitsError, match="U"):
        ops.grid(ds.swh.astype(str), "swh")


def test_a_field_of_two_dims_is_gathered_too():
    lon, lat = np.meshgrid([1.0, 1.5, 3.0], [1.0, 3.0])
    field = xr.DataArray(
        np.arange(6.0).reshape(2, 3),
        dims=("row", "column"),
        name="swh",
        coords={
            "longitude": (("row", "column"), lon),
            "latitude": (("row", "column"), lat),
            "time": np.datetime64("2021-07-01", "ns"),
        },
    )
    out = ops.grid(field, by="season").swh.sel(season="JJA")
    assert float(out.sel(latitude=1, longitude=1)) == 0.5
    assert float(out.sel(latitude=3, longitude=3)) == 5


def test_nothing_at_all_gives_an_empty_grid():
    out = ops.grid(sample(np.zeros(0), [], [], []), by="month")
    assert out.swh.isnull().all()
    assert out.swh.shape == (12, 90, 180)
