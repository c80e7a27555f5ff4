"""What Zarr, netCDF and GeoParquet keep of attributes and flags as people have them."""

import datetime
import enum
import json
import warnings
from pathlib import Path

import dask.array as da
import numpy as np
import pytest
import xarray as xr
import zarr

from xoceansar.conventions import Quality, class_attrs, mask_attrs
from xoceansar.errors import OceansarError, OceansarWarning
from xoceansar.io.archive.zarr_archive import to_zarr
from xoceansar.io.export.netcdf import to_netcdf
from xoceansar.io.export.tabular_files import to_geojson, to_geoparquet

geopandas = pytest.importorskip("geopandas")
pyproj = pytest.importorskip("pyproj")
shapely = pytest.importorskip("shapely")


class Colour(enum.Enum):
    RED = "red"


SQUARE = shapely.box(0, 0, 1, 1)
#: Name: (value, as JSON has it, as netCDF has it).
ATTRIBUTES = {
    "nothing": (None, None, ...),
    "raw": (b"m s-1", "m s-1", "m s-1"),
    "path": (Path("a") / "b", "a/b", "a/b"),
    "moment": (datetime.datetime(2021, 4, 3, 6), "2021-04-03T06:00:00", "2021-04-03T06:00:00"),
    "day": (datetime.date(2021, 4, 3), "2021-04-03", "2021-04-03"),
    "clock": (np.datetime64("2021-04-03T06:00"), "2021-04-03T06:00:00", "2021-04-03T06:00:00"),
    "never": (np.datetime64("NaT"), None, ...),
    "span": (np.timedelta64(90, "s"), "P0DT0H1M30S", "P0DT0H1M30S"),
    "outline": (SQUARE, SQUARE.wkt, SQUARE.wkt),
    "frame": (pyproj.CRS(4326), pyproj.CRS(4326).to_wkt(), pyproj.CRS(4326).to_wkt()),
    "colour": (Colour.RED, "red", "red"),
    "scalar": (np.float32(0.5), 0.5, 0.5),
    "half a pair": ("a\ud800", "a?", "a?"),
    "yes": (np.bool_(True), True, "true"),
    "numbers": (np.array([1, 2], ">i2"), [1, 2], [1, 2]),
    "table": (np.eye(2), [[1.0, 0.0], [0.0, 1.0]], "[[1.0, 0.0], [0.0, 1.0]]"),
    "ragged": ([[1], [1, 2]], [[1], [1, 2]], "[[1], [1, 2]]"),
    "words": (np.array(["a", "b"]), ["a", "b"], '["a", "b"]'),
    "days": (np.array(["2021-04-03"], "M8[D]"), ["2021-04-03T00:00:00"], '["2021-04-03T00:00:00"]'),
    "mixed": ({"p": Path("x"), "n": np.int8(3), 1: [b"c"]}, {"p": "x", "n": 3, "1": ["c"]}, '{"p": "x", "n": 3, "1": ["c"]}'),
}  # fmt: skip


def rows(attrs=None, **variables):
    n = 2
    return xr.Dataset(
        {"swh": ("vignette", np.ones(n, np.float32), dict(attrs or {})), **variables},
        coords={
            "longitude": ("vignette", np.zeros(n)),
            "latitude": ("vignette", np.zeros(n)),
            "time": (
                "vignette",
                np.array(["2021", "2022"], "M8[ns]"),
                {"units": "seconds", "calendar": "standard"},
            ),
        },
        attrs=dict(attrs or {}),
    )


def same(found, expected):
    return (found.tolist() if isinstance(found, np.ndarray) else found) == expected


def test_attributes_have_a_plain_form_in_every_file(tmp_path):
    ds = rows({name: value for name, (value, _, _) in ATTRIBUTES.items()})
    with warnings.catch_warnings():
        warnings.simplefilter("error", OceansarWarning)
        store = xr.open_zarr(to_zarr(ds, tmp_path / "a.zarr"))
        with xr.open_dataset(to_netcdf(ds, tmp_path / "a.nc")) as file:
            netcdf = file.load()
        table = geopandas.read_parquet(to_geoparquet(ds, tmp_path / "a.parquet"))
        written = json.loads(to_geojson(ds, tmp_path / "a.geojson").read_text())
    for name, (_, as_json, as_netcdf) in ATTRIBUTES.items():
        for found in (store.attrs, store.swh.attrs, table.attrs, written["metadata"]):
            assert same(found[name], as_json), name
        for found in (netcdf.attrs, netcdf.swh.attrs):
            if as_netcdf is ...:
                assert name not in found
            else:
                assert same(found[name], as_netcdf), name
    np.testing.assert_array_equal(store.time, ds.time)
    np.testing.assert_array_equal(netcdf.time, ds.time)
    assert ds.attrs["outline"] is SQUARE  # the input is as it was


@pytest.mark.parametrize("write", [to_zarr, to_netcdf, to_geoparquet])
def test_what_has_no_plain_form_is_named_in_one_warning(tmp_path, write):
    loop = []
    loop.append(loop)
    ds = rows({"model": "m", "odd": object(), "wave": 1 + 2j, "loop": loop})
    with pytest.warns(OceansarWarning) as caught:
        write(ds, tmp_path / "a")
    assert len(caught) == 1
    for name in ("odd (object)", "wave (complex)", "loop (list)", "swh.odd (object)"):
        assert name in str(caught[0].message)


def flags(values, *, codes=None, attrs=None):
    made = {"flag_values": codes, "flag_meanings": " ".join("abcdefgh"[: len(codes)])} if codes is not None else attrs  # fmt: skip
    return xr.DataArray(values, dims="vignette", attrs=made)


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize(
    ("values", "codes", "expected"),
    [
        (np.array([210, 1], np.uint8), np.array([1, 210], np.uint8), [210, 1]),
        (np.array([210, 1], np.int64), [1, 210], [210, 1]),
        (np.array([210.0, np.nan], np.float32), [1, 210], [210, np.nan]),
        (np.array([-1, 2], np.int8), np.array([-1, 2], np.int8), [-1, 2]),
        (np.array([-1.0, np.nan]), [-1, 2], [-1, np.nan]),
        (np.array([70_000, 1]), [1, 70_000], [70_000, 1]),
        (np.array([100, 1], np.uint8), [1, 2], [100, 1]),
    ],
)
def test_flags_come_back_as_they_were(tmp_path, values, codes, expected, lazy):
    ds = rows(kind=flags(values, codes=codes))
    ds = ds.chunk(vignette=1) if lazy else ds
    for back in (
        xr.open_zarr(to_zarr(ds, tmp_path / "a.zarr")).load(),
        xr.load_dataset(to_netcdf(ds, tmp_path / "a.nc")),
    ):
        np.testing.assert_array_equal(back.kind, expected)
        assert np.ravel(back.kind.attrs["flag_values"]).tolist() == list(codes)
        again = xr.open_zarr(to_zarr(back, tmp_path / "b.zarr", overwrite=True)).load()
        np.testing.assert_array_equal(again.kind, expected)


def test_a_missing_class_keeps_its_fill(tmp_path):
    ds = rows(kind=flags(np.array([-1, 9], np.int8), attrs=class_attrs()))
    group = zarr.open_group(to_zarr(ds, tmp_path / "a.zarr"), mode="r")
    assert group["kind"].dtype == np.int8
    assert group["kind"].fill_value == -1


@pytest.mark.parametrize(
    ("value", "lazy"), [(0.5, False), (0.5, True), (np.inf, False), (300.0, True)]
)
def test_flags_that_are_none_are_refused(tmp_path, value, lazy):
    values = np.array([value, 1.0])
    held = da.from_array(values) if lazy else values
    ds = rows(kind=flags(held, codes=[1, 2]))
    with pytest.raises(OceansarError, match="'kind' holds flags"):
        to_zarr(ds, tmp_path / "a.zarr")
    with pytest.raises(OceansarError, match="'kind' holds flags"):
        to_netcdf(ds, tmp_path / "a.nc")


def test_names_that_netcdf_does_not_allow(tmp_path):
    names = {
        "a/b": "a_b",
        "": "_",
        "-1": "_-1",
        " x ": "_x",
        "y\n": "y_",
        "é (1)": "é (1)",
    }
    path = to_netcdf(rows(dict.fromkeys(names, 1)), tmp_path / "a.nc")
    with xr.open_dataset(path) as back:
        assert set(names.values()) <= set(back.swh.attrs)


@pytest.mark.parametrize("write", [to_zarr, to_netcdf])
def test_coordinates_that_are_no_names_are_left_out(tmp_path, write):
    with pytest.warns(OceansarWarning, match=r"left out: swh\.coordinates"):
        path = write(rows({"coordinates": -1, "note": "x"}), tmp_path / "a.x")
    with xr.open_dataset(path, engine="zarr" if write is to_zarr else None) as back:
        assert back.swh.attrs["note"] == "x"


@pytest.mark.parametrize("write", [to_zarr, to_netcdf])
def test_flags_named_by_texts_are_none(tmp_path, write):
    attrs = {"flag_values": "m", "flag_masks": "s3://bucket/key"}
    path = write(rows(attrs), tmp_path / "a.x")
    engine = "zarr" if write is to_zarr else None
    with xr.open_dataset(path, engine=engine) as back:
        assert back.swh.values.tolist() == [1.0, 1.0]
        assert {name: back.swh.attrs[name] for name in attrs} == attrs


def test_a_value_that_no_flag_names_is_not_cut(tmp_path):
    ds = rows(kind=flags(np.array([200, 1], np.uint8), codes=[1, 2]))
    back = xr.open_zarr(to_zarr(ds, tmp_path / "a.zarr")).load()
    assert back.kind.values.tolist() == [200, 1]
    again = xr.load_dataset(to_netcdf(back, tmp_path / "a.nc"))
    assert again.kind.values.tolist() == [200, 1]


@pytest.mark.parametrize("lazy", [False, True])
def test_quality_that_became_a_float_is_written_as_flags(tmp_path, lazy):
    masks = flags(np.array([Quality.LAND, 0], np.uint8), attrs=mask_attrs("quality"))
    ds = rows(quality=masks)
    ds = ds.where(ds.quality == 0)  # a float, NaN where it was land
    ds["domain"] = flags(np.array([np.nan, 8.0]), attrs=mask_attrs("domain"))
    ds = ds.chunk(vignette=1) if lazy else ds
    for back in (
        xr.open_zarr(to_zarr(ds, tmp_path / "a.zarr")).load(),
        xr.load_dataset(to_netcdf(ds, tmp_path / "a.nc")),
    ):
        assert back.quality.dtype.kind in "iu"
        assert back.quality.values.tolist() == [Quality.NO_DATA, 0]
        meanings = mask_attrs("quality")
        assert back.quality.attrs["flag_meanings"] == meanings["flag_meanings"]
        masks = np.ravel(back.quality.attrs["flag_masks"]).tolist()
        assert masks == meanings["flag_masks"].tolist()
        np.testing.assert_array_equal(back.domain, [np.nan, 8.0])
        assert np.ravel(back.domain.attrs["flag_masks"]).tolist() == [1, 2, 4, 8]
