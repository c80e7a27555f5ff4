import datetime as dt

import dask.array as da
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from xoceansar import errors
from xoceansar.conventions import class_attrs
from xoceansar.ops import select

EAST = dt.timezone(dt.timedelta(hours=2))


@pytest.fixture
def archive():
    """Eight vignettes, one a fortnight; images that cannot be read."""

    def unreadable(block):
        raise AssertionError("an image was read")

    images = da.zeros((8, 16, 16), chunks=(2, 16, 16)).map_blocks(
        unreadable, meta=np.zeros((0, 0, 0))
    )
    return xr.Dataset(
        {
            "sigma0": (("vignette", "line", "sample"), images),
            "swh": ("vignette", [1.0, 2.0, np.nan, 4.0, 5.0, 6.0, 7.0, 8.0]),
            "ocean_class": (
                "vignette",
                np.int8([0, 1, 5, 6, 6, -1, 0, 0]),
                class_attrs(),
            ),
            "class_probability": (("vignette", "ocean_class"), np.zeros((8, 10))),
        },
        coords={
            "time": (
                "vignette",
                np.datetime64("2021-03-01T12:00", "ns")
                + np.arange(8) * np.timedelta64(14, "D"),
            ),
            "longitude": ("vignette", [-179.5, -170, -10, 0, 10, 170, 179.5, np.nan]),
            "latitude": ("vignette", [-60.0, -30, -10, 0, 10, 30, 60, 70]),
            "beam": ("vignette", ["wv1", "wv2"] * 4),
            "platform": ("vignette", ["S1A"] * 4 + ["S1B"] * 4),
        },
    )


def kept(archive, **conditions):
    marked = archive.assign_coords(n=("vignette", np.arange(8)))
    return select(marked, **conditions).n.values.tolist()


@pytest.mark.parametrize(
    ("region", "expected"),
    [
        ((-20, -90, 20, 90), [2, 3, 4]),
        ((340, -90, 380, 90), [2, 3, 4]),
        ((340, -90, 20, 90), [2, 3, 4]),
        ((160, -90, -160, 90), [0, 1, 5, 6]),
        ((160, -90, 200, 90), [0, 1, 5, 6]),
        ((-200, -90, -160, 90), [0, 1, 5, 6]),
        ((-180, -90, 180, 90), [0, 1, 2, 3, 4, 5, 6]),
        ((0, -90, 360, 90), [0, 1, 2, 3, 4, 5, 6]),
        ((170, -90, -170, 90), [0, 1, 5, 6]),
        ((10, 10, 170, 30), [4, 5]),
        ((0, 0, 0, 0), [3]),
        ((20, -90, -20, 90), [0, 1, 5, 6]),
    ],
)
def test_region(archive, region, expected):
    assert kept(archive, region=region) == expected
    east = archive.assign_coords(longitude=archive.longitude % 360)
    assert kept(east, region=region) == expected


@given(
    west=st.floats(-180, 180), width=st.floats(0, 359.9), lon=st.floats(-180, 180),
    turns=st.tuples(st.integers(-1, 1), st.integers(-1, 1), st.integers(-1, 1)),
)  # fmt: skip
def test_longitudes_have_no_frame(west, width, lon, turns):
    ds = xr.Dataset(
        coords={
            "longitude": ("vignette", [lon + 360 * turns[0]]),
            "latitude": ("vignette", [0.0]),
        }
    )
    east = west + width
    expected = any(west <= lon + 360 * turn <= east for turn in (-1, 0, 1, 2))
    near = min(abs((lon - edge + 180) % 360 - 180) for edge in (west, east)) < 1e-6
    region = (west + 360 * turns[1], -1, west + 360 * turns[1] + width, 1)
    assert near or select(ds, region=region).sizes["vignette"] == expected


@pytest.mark.parametrize(
    ("time", "expected"),
    [
        ("2021-04", [3, 4]),
        ("2021-03-15", [1]),
        ("2021-03-15T12:00", [1]),
        ("2021", list(range(8))),
        (slice("2021-05", None), [5, 6, 7]),
        (slice(None, "2021-03"), [0, 1, 2]),
        (("2021-03-15", "2021-04"), [1, 2, 3, 4]),
        ((np.datetime64("2021-03-15T12:00"), np.datetime64("2021-03-29T11:59")), [1]),
        ("2019", []),
        # 12:00 UTC in other zones
        (("2021-03-15T14:00+02:00", "2021-03-15T14:00+0200"), [1]),
        (("2021-03-15T12:00+02:00", "2021-03-15T13:59+02:00"), []),
        ("2021-03-15T12:00Z", [1]),
        ("2021-03-15 07:00-05", [1]),
        (("2021-03-15T21:00:00.5+09:00", None), list(range(2, 8))),
        ((dt.datetime(2021, 3, 15, 14, tzinfo=EAST), None), list(range(1, 8))),
        ((dt.datetime(2021, 3, 15, 14, 1, tzinfo=EAST), None), list(range(2, 8))),
        # a day, whole
        (dt.date(2021, 3, 15), [1]),
        ((dt.date(2021, 3, 1), dt.date(2021, 3, 15)), [0, 1]),
        ((None, np.datetime64("2021-03-15")), [0, 1]),
        ((None, np.datetime64("2021-03")), [0, 1, 2]),
        ((None, np.datetime64("2021")), list(range(8))),
        ((None, np.datetime64("2021-03-15T12")), [0, 1]),
        ((None, dt.datetime(2021, 3, 15)), [0]),
        (np.datetime64("2021-03"), [0, 1, 2]),
        (pd.Period("2021-03"), [0, 1, 2]),
        (
            (xr.DataArray(np.datetime64("2021-03-15T12:00", "ns")), None),
            list(range(1, 8)),
        ),
    ],
)
def test_time(archive, time, expected):
    assert kept(archive, time=time) == expected


def test_names_and_ranges(archive):
    assert kept(archive, beam="wv2") == [1, 3, 5, 7]
    assert kept(archive, beam=["wv1", "wv2"]) == list(range(8))
    for typed in ("WV2", " wV2", ["WV2"], ("wv2", "WV2"), "wv2,WV2", {"Wv2": 1}):
        assert kept(archive, beam=typed) == [1, 3, 5, 7], typed
    for both in (["WV2", "wv1"], "WV1,wv2", (b for b in ("wv1", "WV2"))):
        assert kept(archive, beam=both) == list(range(8))
    assert kept(archive, beam=[]) == []
    assert kept(archive, platform="S1B") == [4, 5, 6, 7]
    assert kept(archive, ocean_class="icebergs") == [3, 4]
    assert kept(archive, ocean_class=("icebergs", "sea_ice")) == [2, 3, 4]
    assert kept(archive, swh=(2, 5)) == [1, 3, 4]
    assert kept(archive, swh=(None, 2)) == [0, 1]
    assert kept(archive, swh=(5, None)) == [4, 5, 6, 7]
    assert kept(archive, swh=(None, None)) == [0, 1, 3, 4, 5, 6, 7]
    assert kept(archive, swh=slice(2, 5), beam="wv2") == [1, 3]


def test_beams_of_other_modes_are_selected_by_the_name_that_is_there(archive):
    mixed = archive.assign_coords(beam=("vignette", ["IW", "wv1", "EW", "wv2"] * 2))
    assert kept(mixed, beam="iw") == [0, 4]
    assert kept(mixed, beam=["EW", "WV1"]) == [1, 2, 5, 6]
    with pytest.raises(errors.OceansarError, match=r"\['ew', 'iw', 'wv1', 'wv2'\]"):
        select(mixed, beam="sm")


def test_images_stay_lazy_and_classes_of_a_file_have_names(archive):
    lazy = archive.chunk(vignette=3)
    part = lazy.oceansar.select(time="2021-04", ocean_class="icebergs")
    assert part.sigma0.chunks is not None
    assert part.sizes == {"vignette": 2, "line": 16, "sample": 16, "ocean_class": 10}
    from_file = archive.ocean_class.assign_attrs(flag_values=list(range(10)))
    assert kept(archive.assign(ocean_class=from_file), ocean_class="icebergs") == [3, 4]


def test_a_dataarray_selects_by_its_coordinates(archive):
    part = archive.swh.oceansar.select(region=(-20, -90, 20, 90), swh=(4, None))
    assert part.values.tolist() == [4.0, 5.0]


def test_nothing_found_is_a_dataset_of_length_0(archive):
    none = select(archive, swh=(100, None))
    assert none.sizes["vignette"] == 0
    assert set(none.variables) == set(archive.variables)
    assert none.sigma0.dtype == archive.sigma0.dtype
    assert select(none, beam="wv1", time="2021").sizes["vignette"] == 0


@pytest.mark.parametrize(
    ("conditions", "message"),
    [
        ({"wind_speed": (1, 2)}, r"no 'wind_speed'.*'beam', 'latitude'.*'swh'"),
        ({"class_probability": (0, 1)}, r"dims \('vignette', 'ocean_class'\)"),
        ({"ocean_class": "iceberg"}, "'iceberg' is not one of.*'icebergs'"),
        ({"beam": "wv3"}, r"'wv3' is not one of \['wv1', 'wv2'\]"),
        ({"beam": ["wv1", "WV3"]}, r"'WV3' is not one of \['wv1', 'wv2'\]"),
        ({"beam": 1}, r"1 is not one of \['wv1', 'wv2'\]"),
        ({"platform": "S1C"}, r"'S1C' is not one of \['S1A', 'S1B'\]"),
        ({"platform": 3}, "by name"),
        ({"swh": 3}, "pair"),
        ({"swh": (3, 2)}, "ends before"),
        ({"swh": ("a", 2)}, "takes numbers"),
        ({"time": "soon"}, "'soon'"),
        ({"time": 2021}, "period"),
        ({"time": (0, 5)}, "int is no time|date or datetime"),
        ({"time": (None, np.datetime64("NaT"))}, "NaT"),
        ({"time": (None, pd.NaT)}, "NaT"),
        ({"time": "2021-03-15T12:00 CEST"}, "CEST"),
        ({"time": ("2021-05", "2021-04")}, "ends before"),
        ({"region": (0, 10, 10, -10)}, "that rise"),
        ({"region": (0, 0, 10)}, "west"),
        ({"region": (0, -91, 10, 0)}, "-90 to 90"),
        ({"region": (np.nan, 0, 10, 1)}, "west"),
    ],
)
def test_refused(archive, conditions, message):
    with pytest.raises(errors.OceansarError, match=message):
        select(archive, **conditions)


def test_no_vignettes():
    with pytest.raises(errors.DimensionError, match="vignette"):
        select(xr.Dataset({"swh": 1.0}), swh=(0, 1))
