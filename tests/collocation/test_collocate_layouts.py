"""The layouts that references come in, and how little of a lazy one is read."""

import dask
import dask.array as da
import numpy as np
import pytest
import xarray as xr

from tests.collocation.test_collocate import START, field, haversine, track, vignettes
from xoceansar.collocation.reference import understand
from xoceansar.errors import DimensionError, MissingVariableError
from xoceansar.evaluate import collocate, wind_vector

HOUR = np.timedelta64(3600, "s")


def plain():
    """A regular field, from which the layouts are made."""
    return field(np.arange(0, 360, 5.0), np.arange(-90, 91, 5.0), hours=3)


def new_era5(ds):
    """CDS since 2024: valid_time, number and expver beside it."""
    ds = ds.rename(time="valid_time")
    version = ("valid_time", np.array(["0001", "0001", "0005"]))
    return ds.assign_coords(number=0, expver=version)


def old_era5(ds):
    """CDS before: time, latitudes descending, two versions that complete each other."""
    first = ds.where(ds.time < START + HOUR)
    later = ds.where(ds.time >= START + HOUR)
    both = xr.concat([later, first], xr.DataArray([5, 1], dims="expver", name="expver"))
    return both.transpose("time", "expver", ...).sortby("latitude", ascending=False)


def cfgrib(ds):
    """Analysis by cfgrib: a step of zero and a valid time beside."""
    return ds.assign_coords(
        step=np.timedelta64(0, "ns"), valid_time=("time", ds.time.values), meanSea=0.0
    )


def ww3_grid(ds):
    """ww3_ounf: longitude from -180, a map of the status without time."""
    lon = (ds.longitude + 180) % 360 - 180
    ds = ds.rename(swh="hs").assign_coords(longitude=lon).sortby("longitude")
    ds["MAPSTA"] = (("latitude", "longitude"), np.ones(ds.hs.shape[1:], np.int16))
    return ds


def short(ds):
    """Names lon and lat, dims in another order."""
    return ds.rename(longitude="lon", latitude="lat").transpose("lon", "lat", "time")


def node(ds):
    """Unstructured, as of a mesh of triangles."""
    ds = ds.stack(node=("latitude", "longitude")).reset_index("node")
    return ds.rename(swh="hs").reset_coords(["longitude", "latitude"])


def curvilinear(ds):
    """Longitude and latitude on two dims of their own."""
    lon, lat = xr.broadcast(ds.longitude, ds.latitude)
    ds = ds.rename(longitude="x", latitude="y").drop_vars(["x", "y"])
    return ds.assign_coords(
        nav_lon=(("y", "x"), lon.values.T), nav_lat=(("y", "x"), lat.values.T)
    )


LAYOUTS = {
    "plain": (plain, "grid"),
    "era5-new": (lambda: new_era5(plain()), "grid"),
    "era5-number-dim": (lambda: plain().expand_dims(number=[0]), "grid"),
    "era5-expver-dim": (lambda: old_era5(plain()), "grid"),
    "cfgrib": (lambda: cfgrib(plain()), "grid"),
    "ww3-grid": (lambda: ww3_grid(plain()), "grid"),
    "lon-lat-time": (lambda: short(plain()), "grid"),
    "mesh-of-nodes": (lambda: node(plain()), "stations"),
    "curvilinear": (lambda: curvilinear(plain()), "mesh"),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("lazy", [False, True])
def test_every_layout_of_a_field_gives_the_same(layout, lazy):
    build, kind = LAYOUTS[layout]
    own = vignettes(
        [-90.2, 179.9, 0.1, -61.0], [1.0, -33.0, 71.0, 44.0],
        START + np.array([0, 55, 70, 119]).astype("timedelta64[m]"),
    )  # fmt: skip
    expected = collocate(own, plain(), max_distance=400)
    assert (expected.collocation_flag == 0).all()
    reference = build()
    assert understand(reference).kind == kind
    if lazy:
        reference = reference.chunk()
    found = collocate(own, reference, max_distance=400)
    name = "hs" if "hs" in found else "swh"
    assert (found[name].chunks is not None) == lazy
    np.testing.assert_array_equal(found[name], expected.swh)
    assert found[name].dims == ("vignette",)
    assert found[name].attrs == {"units": "m"}
    for own_name in (
        "collocation_distance",
        "collocation_time_offset",
        "collocation_flag",
    ):
        np.testing.assert_allclose(
            found[own_name].astype(float), expected[own_name].astype(float)
        )


def test_final_era5_wins_over_the_preliminary():
    ds = plain()
    both = xr.concat(
        [ds + 1000, ds.where(ds.time > START)],
        xr.DataArray([5, 1], dims="expver", name="expver"),
    )
    own = vignettes([0, 0], 0, START + np.array([0, 1]) * HOUR)
    final = collocate(own, plain())
    assert (collocate(own, both).swh - final.swh).values.tolist() == [1000, 0]


def test_an_ensemble_stays_a_dim():
    ds = xr.concat(
        [plain(), plain() + 1], xr.DataArray([0, 1], dims="number", name="number")
    )
    found = collocate(vignettes([10, 20], 0), ds)
    assert found.swh.dims == ("vignette", "number")
    assert found.number.values.tolist() == [0, 1]
    assert (found.swh[:, 1] - found.swh[:, 0]).values.tolist() == [1, 1]


def test_stations_with_gaps_give_the_nearest_time_that_has_a_value():
    """Buoys report waves by the hour and wind by ten minutes, on one axis."""
    time = START + np.arange(13) * np.timedelta64(600, "s")
    swh = np.where(np.arange(13) % 6 == 0, np.arange(13.0), np.nan)
    ds = xr.Dataset(
        {
            "wvht": (("station", "time"), np.stack([swh, swh + 100])),
            "wind_speed": (("station", "time"), np.ones((2, 13))),
            "longitude": ("station", [179.9, -179.0]),
            "latitude": ("station", [0.0, 0.0]),
        },
        {"time": time, "station": ["51001", "51002"], "depth": ("station", [10, 20])},
    )
    own = vignettes([-179.95, -179.1], 0, START + np.timedelta64(25 * 60, "s"))
    found = collocate(own, ds, max_time="40min")
    assert understand(ds).kind == "stations"
    assert found.wvht.values.tolist() == [0, 100]
    assert found.collocation_time_offset.values.tolist() == [-25 * 60 * 10**9] * 2
    assert found.collocation_flag.values.tolist() == [1, 1]
    assert found.station.values.tolist() == ["51001", "51002"]
    assert found.depth.values.tolist() == [10, 20]
    wind = collocate(own, ds, variables="wind_speed", max_time="40min")
    assert (wind.collocation_flag == 0).all()
    assert wind.collocation_time_offset[0] == np.timedelta64(-5 * 60, "s")
    mean = collocate(own, ds, max_time="40min", method="mean")
    assert mean.wvht.values.tolist() == [3, 103]
    assert mean.collocation_count.values.tolist() == [2, 2]


def test_one_buoy_in_either_of_two_layouts():
    time = START + np.arange(3) * HOUR
    scalar = xr.Dataset(
        {"WVHT": ("time", [1.0, 2.0, 3.0])}, {"time": time, "lon": -90.0, "lat": 25.0}
    )
    ndbc = xr.Dataset(
        {
            "wave_height": (
                ("time", "latitude", "longitude"),
                [[[1.0]], [[2.0]], [[3.0]]],
            )
        },
        {"time": time, "latitude": [25.0], "longitude": [-90.0]},
    )
    own = vignettes([270.2], 25.0, START + np.timedelta64(50, "m"))
    assert collocate(own, scalar).WVHT == 2
    assert collocate(own, ndbc).wave_height == 2
    assert understand(ndbc).kind == "stations"


def test_points_of_ww3_whose_place_is_written_at_each_time():
    """ww3_ounp: longitude and latitude along time and station."""
    time = START + np.arange(2) * HOUR
    lon = np.array([[10.0, 20.0], [10.0, 20.0]])
    ds = xr.Dataset(
        {
            "hs": (("time", "station"), [[1.0, 2.0], [3.0, 4.0]]),
            "longitude": (("time", "station"), lon),
            "latitude": (("time", "station"), np.zeros((2, 2))),
            "station_name": ("station", ["a", "b"]),
        },
        {"time": time},
    )
    found = collocate(vignettes([20.1], 0, START + HOUR), ds)
    assert understand(ds).kind == "samples"
    assert found.hs == 4


def test_spectra_along_a_track_of_ww3_keep_their_dims(no_compute):
    """ww3_trnc: efth(time, frequency, direction)."""
    n = 57
    efth = np.arange(n * 6.0).reshape(n, 2, 3)
    ds = track(
        np.linspace(170, 190, n),
        np.zeros(n),
        START + np.arange(n) * np.timedelta64(60, "s"),
    )
    ds["efth"] = (
        ("time", "frequency", "direction"),
        da.from_array(efth, chunks=(10, 1, 3)),
    )
    ds = ds.assign_coords(frequency=[0.1, 0.2], direction=[0.0, 120.0, 240.0])
    own = vignettes([-175.0, 171.0], 0, START)
    found = collocate(own, ds, max_time="2h")
    assert found.efth.dims == ("vignette", "frequency", "direction")
    assert found.efth.chunks is not None
    with dask.config.set(scheduler="sync"):
        got = found.efth.values
    nearest = [int(np.argmin(np.abs(np.linspace(170, 190, n) - x))) for x in (185, 171)]
    np.testing.assert_array_equal(got, efth[nearest])
    assert found.direction.values.tolist() == [0, 120, 240]


def test_a_swath_has_times_along_one_dim_and_places_along_two():
    lon, lat = np.meshgrid(np.arange(178, 184.0), np.arange(-2, 3.0))
    ds = xr.Dataset(
        {"wind_speed": (("row", "cell"), lon * 10 + lat)},
        {
            "lon": (("row", "cell"), lon), "lat": (("row", "cell"), lat),
            "time": ("row", START + np.arange(5) * np.timedelta64(1, "s")),
        },
    )  # fmt: skip
    found = collocate(vignettes([-178.0], 1.0), ds)
    assert found.wind_speed == 1821
    assert found.collocation_time_offset == np.timedelta64(3, "s")


def test_vignettes_match_vignettes(images):
    """As an OCN product does."""
    other = images.drop_vars("sigma0").isel(vignette=[4, 1])
    other["swh"] = ("vignette", [4.0, 1.0])
    other["partition_swh"] = (("vignette", "partition"), np.eye(2))
    found = collocate(images, other, max_distance=5, max_time="1s")
    np.testing.assert_array_equal(found.swh, [np.nan, 1, np.nan, np.nan, 4, np.nan])
    assert found.partition_swh.dims == ("vignette", "partition")
    np.testing.assert_array_equal(found.partition_swh[4], [1, 0])
    assert found.reference_vignette_id[4] == images.vignette_id[4]
    assert found.reference_beam[0] == ""


def test_standard_names_help_where_names_do_not():
    ds = track([0.0], [0.0], [START], swh=[1.0]).rename(
        longitude="lon_01", latitude="lat_01", time="time_01"
    )
    for name, standard in (
        ("lon_01", "longitude"),
        ("lat_01", "latitude"),
        ("time_01", "time"),
    ):
        ds[name].attrs["standard_name"] = standard
    assert collocate(vignettes([0], 0), ds).swh == 1
    ds["lon_20"] = ds.lon_01
    with pytest.raises(MissingVariableError, match=r"ds.rename\(lon_01='longitude'\)"):
        collocate(vignettes([0], 0), ds)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda ds: ds.drop_vars("longitude"), "longitude"),
        (lambda ds: ds.drop_vars("time"), "time"),
        (lambda ds: ds.drop_vars("swh"), "variables of the reference"),
    ],
)
def test_what_a_reference_lacks_is_named(change, said):
    with pytest.raises(MissingVariableError, match=said):
        collocate(vignettes([0], 0), change(plain()))


def test_layouts_that_are_not_clear_are_refused():
    forecast = plain().expand_dims(step=[0, 1])
    forecast["valid_time"] = forecast.time + forecast.step * HOUR
    forecast = forecast.set_coords("valid_time")
    with pytest.raises(DimensionError, match=r"ds.isel"):
        collocate(vignettes([0], 0), forecast)
    one = forecast.isel(step=1)
    assert collocate(
        vignettes([0], 0, START + HOUR), one
    ).collocation_time_offset == np.timedelta64(0)
    model_days = plain().convert_calendar("noleap")
    with pytest.raises(DimensionError, match="convert_calendar"):
        collocate(vignettes([0], 0), model_days)


# --- laziness --------------------------------------------------------------------------------


def counted(hours, read):
    """A field of one chunk an hour, that notes which of them are read."""
    y, x = np.arange(-90, 91, 5.0), np.arange(0, 360, 5.0)

    def block(block_info=None):
        hour = block_info[None]["chunk-location"][0]
        read.append(hour)
        return np.full((1, y.size, x.size), float(hour))

    data = da.map_blocks(
        block,
        chunks=((1,) * hours, (y.size,), (x.size,)),
        dtype=float,
        meta=np.empty((0, 0, 0)),
    )
    time = START + np.arange(hours) * HOUR
    return xr.Dataset(
        {
            "swh": (("time", "latitude", "longitude"), data),
            "u10": (("time", "latitude", "longitude"), data),
        },
        {"time": time, "latitude": y, "longitude": x},
    )


@pytest.mark.parametrize("method", ["nearest", "mean", "linear"])
def test_nothing_is_read_while_building(images, no_compute, method):
    lazy = images.assign(sigma0=images.sigma0.chunk(vignette=2))
    found = collocate(lazy, counted(9000, []), max_distance=400, method=method)
    assert all(v.chunks is not None for v in found.data_vars.values())
    assert found.swh.dtype == np.float64
    assert found.collocation_flag.dtype == np.int8
    assert found.collocation_time_offset.dtype == "timedelta64[ns]"


def test_only_the_hours_that_are_needed_are_read_and_each_once():
    read = []
    hours = np.array([5, 5, 700, 8000, 8000, 5])
    own = vignettes(np.linspace(-180, 180, 6), 10, START + hours * HOUR)
    found = collocate(own, counted(9000, read), variables="swh", max_distance=400)
    with dask.config.set(scheduler="sync"):
        (values,) = dask.compute(found.swh)
    assert values.values.tolist() == hours.tolist()
    assert sorted(read) == [5, 700, 8000]


def test_only_the_regions_that_are_needed_are_read():
    grid = field(np.arange(0, 360, 1.0), np.arange(-90, 91, 1.0), hours=1)
    blocks = grid.chunk(latitude=30, longitude=30).swh.data
    read = []

    def note(block, block_info=None):
        read.append(block_info[0]["chunk-location"])
        return block

    grid["swh"] = (
        grid.swh.dims,
        blocks.map_blocks(note, dtype=float, meta=np.empty((0, 0, 0))),
    )
    found = collocate(vignettes([10.2, 200.2], 15.2), grid, max_distance=40)
    read.clear()
    with dask.config.set(scheduler="sync"):
        found.swh.load()
    assert sorted(read) == [(0, 3, 0), (0, 3, 6)]


@pytest.mark.parametrize("method", ["nearest", "mean", "linear"])
def test_a_file_opened_without_dask_is_not_loaded_and_gives_the_same(
    tmp_path, no_compute, method
):
    grid = coarse_with_gaps()
    path = tmp_path / "field.nc"
    grid.to_netcdf(path, encoding={"swh": {"chunksizes": (2, 20, 30), "zlib": True}})
    rng = np.random.default_rng(0)
    own = vignettes(
        rng.uniform(-180, 180, 50), rng.uniform(-70, 70, 50),
        START + rng.integers(0, 5 * 3600, 50).astype("timedelta64[s]"),
    )  # fmt: skip
    expected = collocate(own, grid, max_distance=300, method=method)
    with xr.open_dataset(path) as file:
        found = collocate(own, file, max_distance=300, method=method)
        assert found.swh.chunks is not None
        with dask.config.set(scheduler="sync"):
            found.load()
    flags = {0, 2} if method == "mean" else {0, 1, 2}
    assert set(expected.collocation_flag.values) == flags
    for name in found.data_vars:
        np.testing.assert_allclose(
            found[name].astype(float), expected[name].astype(float), err_msg=str(name)
        )


def test_a_track_in_a_file_is_read_when_it_is_computed(tmp_path, no_compute):
    path = tmp_path / "track.nc"
    n = 1000
    time = START + np.arange(n) * np.timedelta64(1, "s")
    track(np.linspace(0, 10, n), np.zeros(n), time, swh=np.arange(n) / 10).to_netcdf(
        path
    )
    with xr.open_dataset(path) as file:
        found = collocate(vignettes([5.0], 0, START), file)
        assert found.swh.chunks is not None
        with dask.config.set(scheduler="sync"):
            assert float(found.swh[0]) == pytest.approx(49.9)


def coarse_with_gaps():
    grid = field(np.arange(-180, 180, 2.0), np.arange(80, -81, -2.0), hours=6)
    far = haversine(grid.longitude, grid.latitude, 20.0, 10.0) > 3e6
    near = haversine(grid.longitude, grid.latitude, -150.0, 0.0) > 1e6
    checks = (grid.longitude // 2 + grid.latitude // 2) % 5 != 0
    return grid.where(far & near & (checks | (grid.longitude < 0)))


def test_blocks_of_a_file_are_whole_chunks_of_bounded_size():
    from xoceansar.collocation.reference import _BLOCK_BYTES, _blocks

    def blocks(shape, stored):
        variable = xr.Variable(
            ("time", "y", "x"), np.broadcast_to(np.float32(0), shape)
        )
        if stored is not None:
            variable.encoding["preferred_chunks"] = dict(
                zip(("time", "y", "x"), stored, strict=True)
            )
        sizes = list(_blocks(variable).values())
        assert 4 * np.prod(sizes) <= max(_BLOCK_BYTES, 4 * np.prod(stored or 1))
        assert all(
            s % min(k, n) == 0 or s == n
            for s, k, n in zip(sizes, stored or (1, 1, 1), shape, strict=True)
        )
        return sizes

    assert blocks((8760, 721, 1440), None) == [1, 721, 1440]
    assert blocks((8760, 721, 1440), (1, 46, 90)) == [1, 721, 1440]
    assert blocks((8760, 721, 1440), (24, 721, 1440)) == [24, 721, 1440]
    series = blocks((8760, 721, 1440), (8760, 10, 10))
    assert series[0] == 8760
    assert series[1] == 10
    assert series[2] % 10 == 0
    assert blocks((87_600, 1, 40), None) == [6553, 1, 40]
    assert blocks((1_000_000, 1, 1), None) == [262_144, 1, 1]


def test_wind_components_become_speed_and_direction():
    ds = xr.Dataset(
        {
            "u10": ("vignette", [0.0, 3.0, -1.0, 0.0, 0.0]),
            "v10": ("vignette", [2.0, -4.0, 0.0, 0.0, -1.0]),
        }
    )
    wind = wind_vector(ds.chunk())
    assert wind.wind_speed.chunks is not None
    assert wind.wind_speed.values.tolist() == [2, 5, 1, 0, 1]
    expected = [0, np.degrees(np.arctan2(3, -4)), 270, np.nan, 180]
    np.testing.assert_allclose(wind.wind_to_direction, expected)
    assert wind.wind_to_direction.attrs["standard_name"] == "wind_to_direction"
    named = ds.rename(u10="a", v10="b")
    with pytest.raises(MissingVariableError, match="eastward="):
        wind_vector(named)
    assert wind_vector(named, "a", "b").wind_speed[1] == 5
    named.a.attrs["standard_name"] = "eastward_wind"
    named.b.attrs["standard_name"] = "northward_wind"
    assert wind_vector(named).wind_speed[1] == 5
