"""What people give: limits with units, trees of groups, tables, paths, and things that are none."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from tests.collocation.test_collocate import START, track, vignettes
from xoceansar import errors
from xoceansar.evaluate import collocate, wind_vector

MINUTE = np.timedelta64(1, "m")


def near(kilometres=22.239, minutes=10):
    """One sample to the north, later."""
    lat = np.degrees(kilometres * 1000 / 6_371_008.8)
    return track([0.0], [lat], [START + minutes * MINUTE], swh=[2.5])


def matched(**limits):
    return bool(collocate(vignettes([0.0], 0.0), near(), **limits).swh.notnull()[0])


@pytest.mark.parametrize("text", ["23 km", "23km", "23.0 Kilometres", "2.3e1 km", "23000 m", "13 nmi", 23, 23.0, np.int64(23)])  # fmt: skip
def test_distances_have_units(text):
    assert matched(max_distance=text)
    found = collocate(vignettes([0.0], 0.0), near(), max_distance=text)
    # the unit of a number that goes in is the unit of what comes out
    assert found.collocation_distance.attrs["units"] == "km"
    assert float(found.collocation_distance[0]) == pytest.approx(22.23897)


@pytest.mark.parametrize("text", ["22 km", "22000 m", "12 nmi", 22, "0 km", 0])
def test_a_shorter_distance_matches_nothing(text):
    assert not matched(max_distance=text)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (50e3, "'50000 m'"),
        ("50000 km", "1000 km"),
        ("50", "'50 km'"),
        ("50 miles", "no length with a unit"),
        ("far", "no length"),
        ("1.2.3 km", "no length"),
        (None, "'50 km'"),
        (True, "'50 km'"),
        (dt.timedelta(1), "'50 km'"),
        ("-5 km", "zero or more"),
        (float("nan"), "zero or more"),
        (np.inf, "1000 km"),
    ],
)
def test_distances_that_are_none_or_implausible(value, said):
    with pytest.raises(errors.UnitsError, match=said):
        matched(max_distance=value)


def test_times_have_units():
    for text in (
        "10min",
        "10 min",
        "600 s",
        "00:10:00",
        dt.timedelta(minutes=10),
        10 * MINUTE,
    ):
        assert matched(max_time=text)
    for text in ("9 min", "599 s", dt.timedelta(minutes=9)):
        assert not matched(max_time=text)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (30, "'30 min' or '30 s'"),
        (30.0, "has no unit"),
        (np.int64(30), "'30 min'"),
        ("30", "'30 min'"),
        (np.timedelta64(30), "has no unit"),
        (None, "zero or more|no time"),
        ("soon", "no time"),
        ("NaT", "zero or more"),
        ("1000 days", "31 days"),
    ],
)
def test_times_that_are_none_or_implausible(value, said):
    with pytest.raises(errors.UnitsError, match=said):
        matched(max_time=value)


def tree():
    """As Jason-3 and Sentinel-6 GDR-F: places in data_01, bands below it, another rate beside."""
    places = ["longitude", "latitude", "time"]
    slow, fast = near(), track([0.0, 0.0], [0.2, 3.0], [START, START], swh=[7.0, 8.0])
    dim = slow.swh.dims[0]
    return xr.DataTree.from_dict(
        {
            "/": xr.Dataset(attrs={"title": "GDR-F"}),
            "/data_01": slow[places].reset_coords(),
            "/data_01/ku": xr.Dataset({"swh_ocean": (dim, [2.5])}),
            "/data_01/c": xr.Dataset(
                {"swh_ocean": (dim, [2.6]), "range_c": (dim, [1.0])}
            ),
            "/data_20": fast[places].reset_coords(),
            "/data_20/ku": xr.Dataset({"swh_ocean": (fast.swh.dims[0], [7.0, 8.0])}),
        }
    )


def test_a_group_has_the_places_of_its_parents():
    own = vignettes([0.0], 0.0)
    whole = tree()
    found = collocate(own, whole["data_01/ku"])
    assert found.swh_ocean.values.tolist() == [2.5]
    assert float(found.collocation_distance[0]) == pytest.approx(22.23897)
    assert collocate(own, whole["data_20/ku"]).swh_ocean.values.tolist() == [7.0]
    assert collocate(own, whole, variables="range_c").range_c.values.tolist() == [1.0]
    assert collocate(own, whole["data_20"]).swh_ocean.values.tolist() == [7.0]


def test_a_tree_of_several_groups_says_which_to_give():
    with pytest.raises(errors.DimensionError, match=r"/data_01/ku.*tree\['/data_01/"):
        collocate(vignettes([0.0], 0.0), tree())
    with pytest.raises(errors.MissingVariableError, match="no group"):
        collocate(vignettes([0.0], 0.0), tree(), variables="sla")


def test_groups_of_a_file(tmp_path):
    path = tmp_path / "JA3_GPR_2PfP.nc"
    tree().to_netcdf(path)
    own = vignettes([0.0], 0.0)
    assert collocate(own, path, variables=["range_c"]).range_c.values.tolist() == [1.0]
    with pytest.raises(errors.DimensionError, match="data_20/ku"):
        collocate(own, str(path))


def table():
    return pd.DataFrame(
        {
            "Time": ["2021-04-03T10:10:00+02:00", "2021-04-03T08:15:00Z"],
            "lon": [0.0, 0.1],
            "lat": [0.2, 5.0],
            "swh": pd.array([2.5, None], "Float64"),
            "station": pd.Categorical(["K41001", "K41002"]),
        }
    )


def test_tables(tmp_path):
    own = vignettes([0.0], 0.0)
    expected = collocate(own, track([0.0, 0.1], [0.2, 5.0], [START + 10 * MINUTE, START + 15 * MINUTE], swh=[2.5, np.nan]))  # fmt: skip
    path = tmp_path / "buoys.csv"
    table().to_csv(path, index=False)
    indexed = (
        table()
        .assign(Time=lambda t: pd.to_datetime(t.Time, utc=True))
        .set_index("Time")
    )
    for given in (table(), indexed, path, str(path), [path]):
        found = collocate(own, given)
        for name in ("swh", "collocation_distance", "collocation_time_offset"):
            np.testing.assert_array_equal(found[name], expected[name])
        assert str(found.station.values[0]) == "K41001"
    unnamed = indexed.rename_axis(None)
    assert collocate(own, unnamed).swh.values.tolist() == [2.5]
    with pytest.raises(errors.DimensionError, match="no times"):
        collocate(own, table().assign(Time=["soon", "late"]))
    with pytest.raises(errors.MissingVariableError, match="longitude"):
        collocate(own, table().drop(columns="lon"))


@pytest.mark.parametrize("wrong", [None, 3, [], [1, 2], {"swh": 1.0}, np.zeros(3)])
def test_what_is_no_reference(wrong):
    with pytest.raises(errors.DimensionError, match=r"no reference.*Dataset"):
        collocate(vignettes([0.0], 0.0), wrong)


def test_a_path_that_is_none(tmp_path):
    (tmp_path / "text.nc").write_text("no netCDF")
    for path in (tmp_path / "absent.nc", tmp_path / "text.nc", tmp_path / "absent.csv"):
        with pytest.raises(errors.ProductError, match=path.name):
            collocate(vignettes([0.0], 0.0), path)


@pytest.mark.parametrize(
    ("units", "factor"),
    [("m s-1", 1), ("m s**-1", 1), ("m/s", 1), (None, 1), ("knots", 0.514444), ("kt", 0.514444),
     ("km h-1", 1 / 3.6), ("cm/s", 0.01), (b"m s-1", 1), (np.array(["knots"]), 0.514444)],
)  # fmt: skip
def test_wind_components_are_converted(units, factor):
    attrs = {} if units is None else {"units": units}
    ds = xr.Dataset(
        {"u10": ("x", [3.0], attrs), "v10": ("x", [-4.0], {"units": "m s-1"})}
    )
    found = wind_vector(ds)
    assert float(found.wind_speed[0]) == pytest.approx(
        np.hypot(3 * factor, 4), rel=1e-6
    )
    expected = np.degrees(np.arctan2(3 * factor, -4))
    assert float(found.wind_to_direction[0]) == pytest.approx(expected, rel=1e-6)
    assert found.wind_speed.attrs["units"] == "m s-1"


def test_wind_components_in_units_of_no_speed_are_refused():
    ds = xr.Dataset({"u10": ("x", [3.0], {"units": "Pa"}), "v10": ("x", [4.0])})
    with pytest.raises(errors.UnitsError, match=r"'Pa'.*m s-1"):
        wind_vector(ds)


def test_a_direction_of_components_is_under_360():
    ds = xr.Dataset({"u10": ("x", np.float32([-1e-9])), "v10": ("x", np.float32([1]))})
    assert float(wind_vector(ds).wind_to_direction[0]) == 0.0


def two_samples(values, lazy=False):
    """Of mean wave direction, 1 and 2 km from a vignette, as Python objects."""
    lat = np.degrees(np.array([1.0, 2.0]) / 6371.0)
    objects = np.empty(2, object)
    objects[:] = values
    ds = track([0.0, 0.0], lat, [START, START], mwd=objects)
    ds.mwd.attrs["units"] = "degree"
    return ds.chunk() if lazy else ds


@pytest.mark.parametrize(
    ("objects", "nearest", "mean"),
    [
        ([350, 10.0], 350.0, 0.0),
        ([np.float32(350.0), np.int64(30)], 350.0, 10.0),
        ([None, 10], 10.0, 10.0),
        ([float("nan"), 20.0], 20.0, 20.0),
        ([None, None], np.nan, np.nan),
    ],
)
def test_numbers_in_arrays_of_objects_are_numbers(objects, nearest, mean):
    own = vignettes([0.0, 90.0], 0.0)
    found = collocate(own, two_samples(objects)).mwd
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found.values, [nearest, np.nan])
    found = collocate(own, two_samples(objects), method="mean").mwd
    np.testing.assert_allclose(
        np.cos(np.radians(found[0] - mean)), 1.0 if mean == mean else np.nan
    )


@pytest.mark.parametrize("name", ["longitude", "latitude"])
def test_places_of_vignettes_that_are_no_numbers_are_refused_by_name(name):
    ds = vignettes([0.0, 1.0], 0.0)
    odd = ds.assign_coords({name: ("vignette", np.array([0.0, "x"], object))})
    with pytest.raises(errors.UnitsError, match=f"{name} must be numbers in degrees"):
        collocate(odd, near())
    texts = ds.assign_coords({name: ds[name].astype(str)})
    expected, found = (collocate(one, near()).swh.values for one in (ds, texts))
    np.testing.assert_array_equal(found, expected)


def test_texts_in_arrays_of_objects_stay_texts():
    own = vignettes([0.0, 90.0], 0.0)
    for lazy in (False, True):
        found = collocate(own, two_samples(["N", "S"], lazy)).mwd
        assert found.values.tolist() == ["N", ""]


@pytest.mark.parametrize("objects", [["N", 10.0], [{}, 10.0], ["", 10.0]])
@pytest.mark.parametrize("lazy", [False, True])
def test_objects_of_several_types_are_named(objects, lazy):
    own = vignettes([0.0], 0.0)
    with pytest.raises(errors.UnitsError, match=r"'mwd'.*ds\['mwd'\]\.astype\(float\)"):
        collocate(own, two_samples(objects, lazy)).load()
