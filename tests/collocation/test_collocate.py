"""Collocation against plain great-circle search, in every frame and at every limit."""

import inspect

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from xoceansar.constants import EARTH_RADIUS
from xoceansar.errors import DimensionError, MissingVariableError, UnitsError
from xoceansar.evaluate import collocate

START = np.datetime64("2021-04-03T08:00", "ns")
HOUR = np.timedelta64(3600, "s")
FLAGS = {
    "matched": 0,
    "matched_nearest_valid": 1,
    "masked": 2,
    "outside_distance": 3,
    "outside_time": 4,
    "no_position": 5,
}


def vignettes(longitude, latitude, time=START):
    """Vignettes at places, all at one time or each at its own."""
    lon = np.atleast_1d(np.asarray(longitude, float))
    lat = np.broadcast_to(np.asarray(latitude, float), lon.shape)
    when = np.broadcast_to(np.asarray(time, "datetime64[ns]"), lon.shape)
    ids = [f"v{k}" for k in range(lon.size)]
    return xr.Dataset(
        coords={
            "vignette_id": ("vignette", ids),
            "longitude": ("vignette", lon),
            "latitude": ("vignette", lat.copy()),
            "time": ("vignette", when.copy()),
        }
    )


def field(lon, lat, hours=3, name="swh", values=None):
    """A field whose values are distinct, on hours from START."""
    time = START + np.arange(hours) * HOUR
    if values is None:
        shape = (hours, len(lat), len(lon))
        values = np.arange(np.prod(shape), dtype=float).reshape(shape)
    return xr.Dataset(
        {name: (("time", "latitude", "longitude"), values, {"units": "m"})},
        {
            "time": time,
            "latitude": np.asarray(lat, float),
            "longitude": np.asarray(lon, float),
        },
    )


def track(lon, lat, time, **variables):
    """Samples along one dim."""
    data = {name: ("time", np.asarray(v)) for name, v in variables.items()}
    return xr.Dataset(
        data,
        {
            "time": np.asarray(time, "datetime64[ns]"),
            "longitude": ("time", lon),
            "latitude": ("time", lat),
        },
    )


def haversine(lon1, lat1, lon2, lat2):
    """Metres; nothing of it is the package's."""
    p1, p2 = np.radians(lat1), np.radians(lat2)
    dp, dl = p2 - p1, np.radians(lon2 - lon1)
    a = np.sin(dp / 2) ** 2 + np.cos(p1) * np.cos(p2) * np.sin(dl / 2) ** 2
    return 2 * EARTH_RADIUS * np.arcsin(np.sqrt(np.minimum(a, 1)))


def sphere(n, seed):
    rng = np.random.default_rng(seed)
    return rng.uniform(-180, 180, n), np.degrees(np.arcsin(rng.uniform(-1, 1, n)))


# --- great-circle search ---------------------------------------------------------------------


@pytest.mark.parametrize("own_frame", [-180, 0])
@pytest.mark.parametrize("grid_frame", [-180, 0])
@pytest.mark.parametrize("descending", [True, False])
def test_nearest_of_a_grid_is_that_of_brute_force(own_frame, grid_frame, descending):
    lon, lat = sphere(400, 1)
    lon = np.r_[lon, -90, 359.9, 180, -180, 0, 179.99, -179.99, 12, 12]
    lat = np.r_[lat, 0, 0, 0, 0, 0, 10, 10, 90, -90]
    lon = (lon - own_frame) % 360 + own_frame
    x = np.arange(0, 360, 4.0)
    x = x if grid_frame == 0 else np.sort((x + 180) % 360 - 180)
    y = np.linspace(88, -88, 45)[:: 1 if descending else -1]
    grid = field(x, y, hours=1)
    found = collocate(vignettes(lon, lat), grid, max_distance=600)
    gx, gy = (a.ravel() for a in np.meshgrid(x, y))
    d = haversine(lon[:, None], lat[:, None], gx, gy)
    np.testing.assert_allclose(1000 * found.collocation_distance, d.min(1), atol=1e-2)
    at = found.swh.values.astype(int)
    np.testing.assert_allclose(d[np.arange(lon.size), at], d.min(1), atol=1e-2)
    assert (found.collocation_flag == FLAGS["matched"]).all()


@pytest.mark.parametrize("frame", [-180, 0])
def test_nearest_of_a_track_is_that_of_brute_force(frame):
    lon, lat = sphere(300, 2)
    tx, ty = sphere(2000, 3)
    rng = np.random.default_rng(4)
    own = START + rng.integers(0, 3 * 86_400, lon.size).astype("timedelta64[s]")
    when = START + rng.integers(0, 3 * 86_400, tx.size).astype("timedelta64[s]")
    ref = track(
        (tx - frame) % 360 + frame, ty, when, swh=np.arange(tx.size, dtype=float)
    )
    found = collocate(vignettes(lon, lat, own), ref, max_distance=500, max_time="6h")
    d = haversine(lon[:, None], lat[:, None], tx, ty)
    d[np.abs(when - own[:, None]) > 6 * HOUR] = np.inf
    expected = np.where(d.min(1) <= 5e5, d.argmin(1), np.nan)
    np.testing.assert_array_equal(found.swh, expected)
    np.testing.assert_allclose(1000 * found.collocation_distance, d.min(1), rtol=1e-9)
    hit = np.isfinite(expected)
    assert 50 < hit.sum() < 290
    chosen = expected[hit].astype(int)
    np.testing.assert_array_equal(
        found.collocation_time_offset[hit], when[chosen] - own[hit]
    )


@settings(deadline=None, max_examples=25)
@given(
    longitude=st.floats(-360, 360),
    latitude=st.floats(-90, 90),
    turn=st.sampled_from([-360, 0, 360]),
    shift=st.floats(-180, 180),
)
def test_frames_and_grid_origins_do_not_matter(longitude, latitude, turn, shift):
    """The value is a function of the place, so whichever grid names it, it is the same."""
    y = np.linspace(-90, 90, 19)
    x = np.arange(0, 360, 10.0)
    value = np.cos(np.radians(x))[None, :] * np.cos(np.radians(y))[:, None]
    grid = field(x, y, hours=1, values=value[None])
    moved = grid.assign_coords(longitude=(grid.longitude - shift) % 360 + shift).sortby(
        ["longitude", "latitude"], ascending=False
    )
    one = collocate(vignettes([longitude], latitude), grid, max_distance=1000)
    other = collocate(vignettes([longitude + turn], latitude), moved, max_distance=1000)
    np.testing.assert_allclose(
        one.collocation_distance, other.collocation_distance, atol=1e-4
    )
    for name in ("linear",):
        a = collocate(
            vignettes([longitude], latitude), grid, max_distance=1000, method=name
        )
        b = collocate(
            vignettes([longitude + turn], latitude),
            moved,
            max_distance=1000,
            method=name,
        )
        np.testing.assert_allclose(a.swh, b.swh, atol=1e-9)


def test_distances_at_80_north_and_across_the_180_degree_meridian():
    ref = track([10.0, 179.95], [80.0, 0.0], [START, START], swh=[1.0, 2.0])
    found = collocate(vignettes([11.0, -179.95], [80.0, 0.0]), ref)
    np.testing.assert_array_equal(found.swh, [1, 2])
    degree = np.radians(1) * EARTH_RADIUS
    expected = [haversine(10.0, 80.0, 11.0, 80.0), 0.1 * degree]
    np.testing.assert_allclose(1000 * found.collocation_distance, expected, rtol=1e-9)
    assert float(found.collocation_distance[0]) == pytest.approx(19.308, abs=2e-3)


def test_every_longitude_is_one_place_at_a_pole():
    grid = field(np.arange(0, 360, 0.5), np.arange(90, 60, -0.5), hours=1)
    found = collocate(vignettes([0, 123, -77], 89.9), grid, max_distance=12)
    np.testing.assert_allclose(
        1000 * found.collocation_distance, np.radians(0.1) * EARTH_RADIUS, rtol=1e-6
    )


# --- limits ----------------------------------------------------------------------------------


def test_limits_include_their_ends_and_exclude_a_second_and_a_metre_more():
    sample = track([0.0], [0.0], [START], swh=[1.0])
    km = np.degrees(1000 / EARTH_RADIUS)
    own = vignettes(
        [50 * km, 50.001 * km, 0, 0, 0],
        0,
        START + np.array([0, 0, 10_800, 10_801, -10_801]).astype("timedelta64[s]"),
    )
    found = collocate(own, sample, max_distance=50, max_time="3h")
    names = ["matched", "outside_distance", "matched", "outside_time", "outside_time"]
    assert found.collocation_flag.values.tolist() == [FLAGS[n] for n in names]
    np.testing.assert_array_equal(found.swh, [1, np.nan, 1, np.nan, np.nan])
    np.testing.assert_array_equal(
        found.collocation_time_offset.values / np.timedelta64(1, "s"),
        [0, 0, -10_800, -10_801, 10_801],
    )
    np.testing.assert_allclose(
        found.collocation_distance, [50, 50.001, 0, np.nan, np.nan], atol=1e-6
    )


def test_limits_on_a_field():
    grid = field([0, 1, 2], [0, 1, 2], hours=2)
    own = vignettes(
        [0.1, 30, 0.1, 0.1],
        0.1,
        START + np.array([0, 0, 5400, 5401]).astype("timedelta64[s]"),
    )
    found = collocate(own, grid, max_time=pd.Timedelta("30min"))
    names = ["matched", "outside_distance", "matched", "outside_time"]
    assert found.collocation_flag.values.tolist() == [FLAGS[n] for n in names]
    far = haversine(30.0, 0.1, 2.0, 0.0)
    assert 1000 * float(found.collocation_distance[1]) == pytest.approx(far, rel=1e-9)
    assert np.isnan(found.collocation_distance[3])
    assert found.collocation_time_offset[3] == np.timedelta64(-1801, "s")


def test_the_earlier_of_two_equally_near_times_is_taken():
    own = vignettes([0], 0, START + np.timedelta64(1800, "s"))
    grid = field([0, 1], [0, 1], hours=2)
    buoy = track([0.0, 0.0], [0.0, 0.0], [START + HOUR, START], swh=[1.0, 2.0])
    assert collocate(own, grid).collocation_time_offset == np.timedelta64(-1800, "s")
    assert collocate(own, buoy).collocation_flag == FLAGS["matched"]


def test_a_sample_months_away_is_no_match():
    grid = field([0, 1], [0, 1], hours=1)
    found = collocate(vignettes([0], 0, "2022-06-01"), grid)
    assert np.isnan(found.swh).all()
    assert found.collocation_flag == FLAGS["outside_time"]


@pytest.mark.parametrize(
    "bad",
    [
        {"max_time": "-1h"},
        {"max_time": "soon"},
        {"max_distance": -1},
        {"max_distance": np.nan},
    ],
)
def test_limits_that_make_no_sense(bad):
    with pytest.raises(UnitsError, match="max_"):
        collocate(vignettes([0], 0), field([0, 1], [0, 1]), **bad)


def test_places_and_times_that_are_not_known_match_nothing():
    own = vignettes([0, np.nan, 0, 0], [0, 0, np.nan, 0])
    own["time"] = own.time.where(np.arange(4) != 3)
    for ref in (field([0, 1], [0, 1]), track([0.0], [0.0], [START], swh=[1.0])):
        found = collocate(own, ref)
        assert found.collocation_flag.values.tolist() == [0, 5, 5, 5]
        assert np.isnan(found.swh[1:]).all()
        assert np.isnat(found.collocation_time_offset[1:].values).all()


def test_samples_without_place_or_time_match_nothing():
    time = np.array([START, "NaT", START], "datetime64[ns]")
    ref = track([np.nan, 0.0, 0.2], [0.0, 0.0, 0.0], time, swh=[1.0, 2.0, 3.0])
    assert collocate(vignettes([0], 0), ref).swh == 3.0
    nothing = ref.isel(time=[0, 1])
    assert (
        collocate(vignettes([0], 0), nothing).collocation_flag == FLAGS["outside_time"]
    )


# --- missing values --------------------------------------------------------------------------


def coast():
    """West of 1 degree is land."""
    grid = field([0, 0.25, 0.5, 0.75, 1.0], [0, 0.25], hours=2)
    return grid.where(grid.longitude >= 0.5)


def test_the_nearest_valid_cell_is_taken_and_flagged():
    found = collocate(vignettes([0.2, 0.8, 0.45], 0.01), coast(), max_distance=40)
    np.testing.assert_array_equal(found.swh, [2, 3, 2])
    names = ["matched_nearest_valid", "matched", "matched"]
    assert found.collocation_flag.values.tolist() == [FLAGS[n] for n in names]
    expected = haversine(
        np.array([0.2, 0.8, 0.45]), 0.01, np.array([0.5, 0.75, 0.5]), 0.0
    )
    np.testing.assert_allclose(1000 * found.collocation_distance, expected, rtol=1e-9)


def test_land_within_the_limit_and_sea_beyond_is_masked():
    found = collocate(vignettes([0.0], 0.0), coast(), max_distance=50)
    assert found.collocation_flag == FLAGS["masked"]
    assert np.isnan(found.swh).all()
    assert found.collocation_distance == 0


def test_a_corner_on_land_is_not_interpolated_with():
    found = collocate(vignettes([0.4, 0.6], 0.1), coast(), method="linear")
    assert found.collocation_flag.values.tolist() == [1, 0]
    assert float(found.swh[0]) == 2
    assert float(found.swh[1]) == pytest.approx(2 + 0.1 / 0.25 + 5 * 0.1 / 0.25)


def test_a_corner_without_weight_may_be_on_land():
    found = collocate(vignettes([0.5], 0.0), coast(), method="linear")
    assert (found.swh, found.collocation_flag) == (2, 0)
    other_side = coast().assign_coords(longitude=[1.0, 0.75, 0.5, 0.25, 0.0])
    found = collocate(vignettes([0.5], 0.0), other_side, method="linear")
    assert (found.swh, found.collocation_flag) == (2, 0)


def test_wave_height_says_where_the_sea_is():
    """ERA5 has wind over land: what is next to it at sea goes with the wave height."""
    grid = coast()
    grid["u10"] = xr.ones_like(grid.swh) * grid.longitude
    both = collocate(vignettes([0.2], 0.0), grid)
    np.testing.assert_array_equal([both.swh[0], both.u10[0]], [2, 0.5])
    assert both.collocation_flag == 1
    wind = collocate(vignettes([0.2], 0.0), grid, variables="u10")
    assert (wind.u10, wind.collocation_flag) == (0.25, 0)
    assert "swh" not in wind
    named = grid.rename(swh="height")
    free = collocate(vignettes([0.2], 0.0), named)
    assert np.isnan(free.height).all()
    asked = collocate(vignettes([0.2], 0.0), named, require="height")
    np.testing.assert_array_equal([asked.height[0], asked.u10[0]], [2, 0.5])
    named.height.attrs["standard_name"] = "sea_surface_wave_significant_height"
    assert collocate(vignettes([0.2], 0.0), named).height == 2


def test_a_sample_with_some_of_its_partitions_is_there():
    ref = track([0.0, 0.1], [0.0, 0.0], [START] * 2)
    heights = [[1.0, np.nan], [2.0, 3.0]]
    ref["partition_swh"] = (("time", "partition"), heights)
    found = collocate(vignettes([0], 0), ref)
    np.testing.assert_array_equal(found.partition_swh[0], [1, np.nan])
    mean = collocate(vignettes([0], 0), ref, method="mean")
    np.testing.assert_array_equal(mean.partition_swh[0], [1.5, 3])


def test_of_two_bands_of_an_altimeter_one_is_enough():
    ref = track(
        [0.0, 0.1], [0.0, 0.0], [START] * 2, swh_ku=[1.0, 2.0], swh_c=[np.nan, 2.0]
    )
    for band in ("swh_ku", "swh_c"):
        ref[band].attrs["standard_name"] = "sea_surface_wave_significant_height"
    ref["sigma0"] = ("time", [10.0, 10.0])
    assert collocate(vignettes([0], 0), ref).swh_ku == 1
    assert collocate(vignettes([0], 0), ref, require="swh_c").swh_ku == 2


def test_an_absent_partition_does_not_move_the_match():
    grid = field([0, 0.25], [0, 0.25], hours=1)
    grid["phs2"] = grid.swh.where(grid.longitude > 0.2)
    found = collocate(vignettes([0.01], 0.0), grid)
    assert found.swh == 0
    assert np.isnan(found.phs2).all()
    assert found.collocation_flag == FLAGS["matched"]


# --- interpolation, means, directions ----------------------------------------------------------


@pytest.mark.parametrize("frame", [0, -180])
def test_interpolation_is_linear_in_all_three_and_crosses_both_seams(frame):
    """A plane wave in longitude is smooth across 0 and 180; it and its interpolant agree."""
    x = np.arange(0, 360, 0.5)
    x = x if frame == 0 else np.sort((x + 180) % 360 - 180)
    y = np.linspace(60, -60, 241)
    hours = 3
    t = np.arange(hours)
    value = (
        np.sin(np.radians(x))[None, None, :] + y[None, :, None] / 60 + t[:, None, None]
    )
    grid = field(x, y, hours=hours, values=value)
    lon = np.array([-0.3, 0.2, 179.8, -179.7, 359.9, 180.0, 17.3])
    own = vignettes(lon, np.linspace(-50, 50, 7), START + np.timedelta64(5400, "s"))
    found = collocate(own, grid, method="linear")
    expected = np.sin(np.radians(lon)) + np.linspace(-50, 50, 7) / 60 + 1.5
    np.testing.assert_allclose(found.swh, expected, atol=2e-5)
    assert (found.collocation_flag == 0).all()


def test_interpolation_does_not_bridge_the_gap_of_a_regional_grid():
    grid = field(np.arange(350, 370.5, 0.5) % 360, np.arange(0, 5, 0.5))
    found = collocate(vignettes([10.2, 9.9, -10.1], 2.2), grid, method="linear")
    assert found.collocation_flag.values.tolist() == [1, 0, 1]
    cells = grid.swh.isel(time=0).sel(latitude=2, longitude=[10, 350])
    np.testing.assert_array_equal(found.swh[[0, 2]], cells)


def test_interpolation_in_time_stops_at_holes_and_ends():
    grid = field([0, 1], [0, 1], hours=4).isel(time=[0, 3])
    grid["swh"] = grid.swh * 0 + 30 * (grid.time > START)
    minutes = np.array([-20, 60, 100, 200]).astype("timedelta64[m]")
    own = vignettes([0.1] * 4, 0.1, START + minutes)
    narrow = collocate(own, grid, method="linear", max_time="80min")
    np.testing.assert_array_equal(narrow.swh, [0, 0, 30, 30])
    wide = collocate(own, grid, method="linear", max_time="90min")
    np.testing.assert_allclose(wide.swh, [0, 10, 30 * 100 / 180, 30])


def test_directions_are_averaged_as_vectors():
    attrs = {"units": "Degree true", "long_name": "Mean wave direction"}
    values = np.array([[[350.0, 10.0], [350.0, 10.0]]])
    grid = field([0, 0.2], [0, 0.2], hours=1, name="mwd", values=values)
    grid.mwd.attrs = attrs
    own = vignettes([0.1, 0.15], 0.1)
    linear = collocate(own, grid, method="linear").mwd
    assert abs((float(linear[0]) + 180) % 360 - 180) < 1e-9
    ten = np.radians(10)
    expected = np.degrees(np.arctan2(0.5 * np.sin(ten), np.cos(ten)))
    assert float(linear[1]) == pytest.approx(expected)
    mean = collocate(own, grid, method="mean").mwd
    assert abs((float(mean[0]) + 180) % 360 - 180) < 1e-9
    assert linear.attrs == attrs
    grid.mwd.attrs = {"units": "m"}
    plain = collocate(own, grid.rename(mwd="x"), method="linear").x
    assert float(plain[0]) == pytest.approx(180)


def test_opposite_directions_have_no_mean():
    grid = field(
        [0, 0.2], [0, 0.2], hours=1, name="dir", values=[[[0, 180.0], [0, 180.0]]]
    )
    grid["dir"].attrs["units"] = "degree"
    assert np.isnan(collocate(vignettes([0.1], 0.1), grid, method="mean")["dir"]).all()


def test_the_mean_of_a_track_is_that_of_the_valid_samples_within_both_limits():
    lat = np.linspace(-1, 1, 41)
    time = START + np.arange(41) * np.timedelta64(60, "s")
    swh = np.arange(41.0)
    swh[20] = np.nan
    ref = track(
        np.zeros(41), lat, time, swh=swh, wind_speed=np.where(swh > 21, np.nan, swh)
    )
    found = collocate(vignettes([0], 0, time[20]), ref, method="mean", max_time="3min")
    inside = np.array([17, 18, 19, 21, 22, 23])
    assert found.collocation_count == 6
    assert found.swh == inside.mean()
    assert found.wind_speed == inside[:4].mean()
    assert 1000 * float(found.collocation_distance[0]) == pytest.approx(
        haversine(0, 0, 0, lat[inside]).mean()
    )
    assert found.collocation_time_offset == np.timedelta64(0)
    assert found.collocation_flag == FLAGS["matched"]


def test_flags_and_names_are_never_averaged():
    ref = track(
        [0.0, 0.1], [0.0, 0.0], [START, START],
        swh=np.array([1.0, 3.0], np.float32), rain=np.array([1, 0], np.int8),
        mission=np.array(["a", "b"]), quality=np.array([4.0, 1.0], np.float32),
    )  # fmt: skip
    ref.rain.attrs = {
        "flag_values": np.array([0, 1], np.int8),
        "flag_meanings": "dry wet",
    }
    # xarray makes floats of integers that may be missing
    ref.quality.attrs = {"flag_masks": [1, 4], "flag_meanings": "land rain"}
    found = collocate(vignettes([0.0, 50.0], 0.0), ref, method="mean")
    np.testing.assert_array_equal(found.swh, [2, np.nan])
    np.testing.assert_array_equal(found.rain, [1, np.nan])
    np.testing.assert_array_equal(found.quality, [4, np.nan])
    assert found.mission.values.tolist() == ["a", ""]
    assert found.swh.dtype == np.float32


# --- what goes in and out ----------------------------------------------------------------------


def test_the_result_is_labelled_and_the_inputs_are_untouched(images):
    grid = field(np.arange(-40, -10, 0.5), np.arange(0, 30, 0.5), hours=2)
    grid.attrs["title"] = "model"
    before = images.copy(deep=True), grid.copy(deep=True)
    found = collocate(images, grid)
    xr.testing.assert_identical(images, before[0])
    xr.testing.assert_identical(grid, before[1])
    assert found.sizes == {"vignette": 6}
    assert {"vignette_id", "time", "beam", "longitude"} <= set(found.coords)
    assert "incidence" not in found.coords
    assert "collocation_count" not in found
    assert found.swh.attrs == {"units": "m"}
    assert found.collocation_distance.attrs["units"] == "km"
    flag = found.collocation_flag
    assert flag.dtype == flag.attrs["flag_values"].dtype == np.int8
    assert flag.attrs["flag_meanings"].split() == list(FLAGS)
    assert found.attrs["reference_title"] == "model"
    assert "collocate" in found.attrs["history"]
    assert found.attrs["history"].startswith("read\n")


def test_the_accessor_does_the_same(images):
    grid = field(np.arange(-40, -10, 0.5), np.arange(0, 30, 0.5), hours=2)
    expected = collocate(images, grid, method="mean").drop_attrs()
    for obj in (images, images.sigma0):
        got = obj.oceansar.collocate(grid, method="mean").drop_attrs()
        xr.testing.assert_identical(got, expected)


def test_the_accessor_has_the_signature_of_the_function(images):
    method = inspect.signature(images.oceansar.collocate).parameters
    function = dict(inspect.signature(collocate).parameters)
    del function["ds"]
    assert list(method) == list(function)
    assert [p.default for p in method.values()] == [
        p.default for p in function.values()
    ]


def test_a_result_survives_an_archive(images, tmp_path):
    from xoceansar import to_zarr

    grid = field(np.arange(-40, -10, 0.5), np.arange(0, 12, 0.5), hours=2)
    found = collocate(images, grid)
    assert set(found.collocation_flag.values) == {0, 3}
    back = xr.open_zarr(to_zarr(found, tmp_path / "found.zarr")).load()
    np.testing.assert_array_equal(back.collocation_flag, found.collocation_flag)
    np.testing.assert_array_equal(
        back.collocation_time_offset, found.collocation_time_offset
    )


def test_names_that_are_taken_get_a_prefix():
    grid = field([0, 1], [0, 1]).rename(swh="vignette_id")
    found = collocate(vignettes([0], 0), grid)
    assert found.vignette_id == "v0"
    assert found.reference_vignette_id == 0


def test_times_of_any_resolution():
    own = vignettes([0.0], 0.0, np.datetime64("2024-02-29T08:00:00.000123", "us"))
    own["time"] = own.time.astype("datetime64[us]")
    ref = track([0.0], [0.0], [START], swh=[1.0])
    ref = ref.assign_coords(time=np.array(["2024-02-29T08:00:01"], "datetime64[s]"))
    found = collocate(own, ref)
    assert found.collocation_time_offset == np.timedelta64(999_877_000, "ns")


def test_simulated_stays_simulated():
    own = vignettes([0], 0).assign_attrs(simulated=1)
    assert collocate(own, field([0, 1], [0, 1])).attrs["simulated"] == 1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda ds: ds.drop_vars("time"), "time"),
        (lambda ds: ds.isel(vignette=0), r"isel\(vignette=\[0\]\)"),
        (
            lambda ds: ds.assign_coords(latitude=("x", [0.0])).rename(vignette="y"),
            "swap_dims",
        ),
    ],
)
def test_vignettes_without_place_or_time_are_refused(change, said):
    with pytest.raises(MissingVariableError, match=said):
        collocate(change(vignettes([0], 0)), field([0, 1], [0, 1]))


def test_unknown_variables_and_methods_are_refused():
    own, grid = vignettes([0], 0), field([0, 1], [0, 1])
    with pytest.raises(MissingVariableError, match=r"there are \['swh'\]"):
        collocate(own, grid, variables="hs")
    with pytest.raises(MissingVariableError, match="require"):
        collocate(own, grid, require="hs")
    with pytest.raises(DimensionError, match="nearest"):
        collocate(own, grid, method="cubic")
    ref = track([0.0], [0.0], [START], swh=[1.0])
    with pytest.raises(DimensionError, match="method='nearest'"):
        collocate(own, ref, method="linear")
