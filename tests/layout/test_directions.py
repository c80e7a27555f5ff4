"""One place says what is a direction, and all operations follow it."""

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from xoceansar import errors, ops
from xoceansar.evaluate import collocate
from xoceansar.layout.directions import Direction, direction_of
from xoceansar.sar.bearings import wrap_angle

FROM, TO, OPEN = (Direction(360.0, sense) for sense in ("from", "to", None))
GRIB = "Degree true"


def variable(name, values=(0.0,), **attrs):
    return xr.DataArray(np.asarray(values), dims="vignette", name=name, attrs=attrs)


@pytest.mark.parametrize(
    ("name", "attrs", "expected"),
    [
        # ERA5, from CDS as netCDF and from GRIB by cfgrib
        ("mwd", {"units": "degrees", "long_name": "Mean wave direction"}, FROM),
        ("mwd", {"units": GRIB, "standard_name": "unknown"}, FROM),
        ("mdww", {"units": GRIB, "long_name": "Mean direction of wind waves"}, FROM),
        ("dwi", {"units": "degrees", "long_name": "10 metre wind direction"}, FROM),
        ("wdir", {"units": GRIB, "standard_name": "unknown"}, FROM),
        # WAVEWATCH III
        ("dp", {"units": "degrees", "long_name": "peak direction"}, FROM),
        ("dir", {"standard_name": "sea_surface_wave_from_direction", "units": "degree"}, FROM),
        ("wnddir", {"units": "degree"}, FROM),
        ("pdir0", {"units": "degree"}, FROM),
        ("curdir", {"standard_name": "direction_of_sea_water_velocity", "units": "degree"}, TO),
        ("spr", {"long_name": "directional spread", "units": "degree"}, None),
        # Level-2 OCN
        ("oswDirmet", {"units": "degrees", "long_name": "Dominant wave direction (with respect to North)"}, TO),
        ("owiWindDirection", {"units": "degrees", "standard_name": "wind_direction",
            "long_name": "SAR Wind direction (meteorological convention= clockwise direction from where "
            "the wind comes respect to North)"}, FROM),
        ("oswHeading", {"units": "degrees", "long_name": "Platform heading (azimuth from North)"}, TO),
        ("oswGroupDir", {"units": "degrees", "long_name": "Swell direction from group analysis"}, OPEN),
        # buoys, without attributes too
        ("MWD", {}, FROM), ("WDIR", {}, FROM), ("wdir", {"units": "degT"}, FROM),
        ("VMDR_SW1", {"units": "degree"}, FROM), ("waveDp", {"units": "degreeT"}, FROM),
        # what the attributes say goes before the name
        ("wdir", {"standard_name": "wind_to_direction", "units": "degree"}, TO),
        ("dwi", {"long_name": "wind direction (oceanographic)", "units": "degree"}, TO),
        ("u", {"long_name": "direction from which the waves come", "units": "deg"}, FROM),
        ("u", {"long_name": "Mean wave direction (coming from)", "units": b"degrees"}, FROM),
        ("u", {"long_name": "direction towards which it flows", "units": np.array(["degrees"])}, TO),
        ("u", {"long_name": "Wind direction from ECMWF", "units": "degrees_true"}, OPEN),
        ("meanDirection", {}, OPEN), ("wind_direction", {"units": "°"}, OPEN),
        ("u", {"long_name": "wind direction", "units": "radians"}, Direction(2 * np.pi, None)),
        # of this library
        ("wind_to_direction", {}, TO), ("ground_heading", {}, TO),
        ("wind_to_direction_standard_error", {}, None), ("partition_ambiguity", {}, None),
        ("row", {}, None), ("incidence", {}, None), ("longitude", {}, None), ("azimuth_cutoff", {}, None),
        # no directions
        ("dp", {"units": "hPa"}, None), ("wave_direction_flag", {"units": "1"}, None),
        ("th", {"long_name": "steering angle in azimuth direction", "units": "degree"}, None),
        ("wind_direction", {"units": "degree", "cell_methods": "time: standard_deviation"}, None),
        ("wind_direction", {"units": "degree", "flag_values": [0, 1]}, None),
        ("theta", {"standard_name": "angle_of_incidence", "long_name": "in look direction", "units": "degree"}, None),
    ],
)  # fmt: skip
def test_what_is_a_direction(name, attrs, expected):
    assert direction_of(variable(name, **attrs)) == expected


def test_texts_and_times_are_no_directions():
    assert direction_of(variable("wdir", ["N"])) is None


NAMES = ["mwd", "dwi", "dp", "wdir", "MWD", "WDIR", "wind_to_direction", "oswDirmet"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_no_operation_averages_degrees(name, dtype):
    """350 and 10 are 0 in cells, over tiles and around vignettes; so are 359.99999 and 0."""
    for pair in ((350.0, 10.0), (359.99999, 0.0), (-10.0, 10.0)):
        values = np.array(pair, dtype)
        places = {n: ("vignette", [0.2, 0.3]) for n in ("longitude", "latitude")}
        da = variable(name, values).assign_coords(places)
        means = [ops.grid(da, cell=2)[name].max(), _overlapping(name, values)]
        means += [_matched(name, values, method) for method in ("mean", "linear")]
        for mean in means:
            assert mean.dtype == dtype
            assert 0 <= float(mean) < 360
            assert abs((float(mean) + 180) % 360 - 180) < 1e-3


def _overlapping(name, values):
    """Mean in a cell of which half is its own tile's, and a quarter each neighbour's."""
    row, column = (axis.ravel() for axis in np.indices((3, 4)))
    da = variable(name, values[column % 2]).assign_coords(
        row=("vignette", row), column=("vignette", column), tile_size=2e4,
        azimuth_distance=("vignette", row * 1e4), range_distance=("vignette", column * 1e4),
    )  # fmt: skip
    return ops.field(da)[1, 1]


def _matched(name, values, method):
    time = np.array(["2021-04-03T08:30"], "datetime64[ns]")
    own = xr.Dataset(
        coords={"longitude": ("vignette", [0.1]), "latitude": ("vignette", [0.0]), "time": ("vignette", time)}
    )  # fmt: skip
    grid = xr.Dataset(
        {name: (("time", "latitude", "longitude"), np.array([[values, values]]))},
        {"time": time, "latitude": [0.0, 0.2], "longitude": [0.0, 0.2]},
    )
    return collocate(own, grid, method=method)[name][0]


def test_radians_are_averaged_as_angles_too():
    values = np.radians([350.0, 10.0, 20.0])
    attrs = {"units": "radians", "long_name": "wind direction"}
    places = {n: ("vignette", [0.2, 0.3, 0.4]) for n in ("longitude", "latitude")}
    da = variable("u", values, **attrs).assign_coords(places)
    mean = float(ops.grid(da, cell=2).u.max())
    assert mean == pytest.approx(np.angle(np.exp(1j * values).sum()), abs=1e-6)


def test_directions_that_cancel_have_no_mean_in_a_field():
    assert np.isnan(_overlapping("mwd", np.array([0.0, 180.0])))


@given(
    value=st.floats(-1e4, 1e4),
    dtype=st.sampled_from(["float32", "float64"]),
    period=st.sampled_from([360.0, 180.0, 2 * np.pi]),
)
def test_wrapped_angles_are_in_one_turn_and_the_same(value, dtype, period):
    found = wrap_angle(value, period, dtype)
    assert found.dtype == dtype
    assert 0 <= found < np.asarray(period, dtype)
    turns = 2 * np.pi / period
    # a float32 under 360 is right to 2e-5
    assert abs(np.exp(1j * turns * (float(found) - value)) - 1) < turns * 3e-5


@pytest.mark.parametrize(
    ("name", "attrs"),
    [
        ("dwi", {"units": GRIB}),
        ("wnddir", {}),
        ("oswWindDirection", {"units": "degrees"}),
        ("WDIR", {}),
        ("u", {"long_name": "direction from which the wind blows", "units": "degree"}),
        ("u", {"standard_name": "wind_from_direction", "units": "degree"}),
    ],
)
def test_a_wind_that_says_from_is_refused_and_the_remedy_works(images, name, attrs):
    images = images.assign_coords(ground_heading=("vignette", np.full(6, 347.0)))
    given = variable(name, np.linspace(0, 300, 6), **attrs)
    with pytest.raises(errors.UnitsError, match="comes from") as caught:
        images.oceansar.gmf_wind(wind_to_direction=given)
    assert "((da + 180) % 360).assign_attrs(standard_name=" in str(caught.value)
    for keep in (True, False):
        with xr.set_options(keep_attrs=keep):
            turned = ((given + 180) % 360).assign_attrs(
                standard_name="wind_to_direction"
            )
        found = images.oceansar.gmf_wind(wind_to_direction=turned)
        bare = xr.DataArray(turned.values, dims="vignette")
        expected = images.oceansar.gmf_wind(wind_to_direction=bare)
        xr.testing.assert_identical(found.wind_speed, expected.wind_speed)


@pytest.mark.parametrize("units", [GRIB, b"degrees", np.array(["degree"]), None, "°"])
def test_degrees_however_written(images, units):
    images = images.assign_coords(ground_heading=("vignette", np.full(6, 347.0)))
    given = variable("toward", np.linspace(0, 300, 6), units=units)
    assert images.oceansar.gmf_wind(wind_to_direction=given).wind_speed.notnull().all()


def test_texts_are_no_reference(images):
    images = images.assign_coords(ground_heading=("vignette", np.full(6, 347.0)))
    with pytest.raises(errors.UnitsError, match="degrees clockwise"):
        images.oceansar.gmf_wind(wind_to_direction=variable("x", ["N"] * 6))
