"""Zarr stores: what goes in comes out, by plain xarray, without a warning."""

import subprocess
import sys
import warnings
from pathlib import Path

import dask.array as da
import numpy as np
import pytest
import xarray as xr
import zarr

from xoceansar import conventions
from xoceansar.errors import OceansarError, ProductError
from xoceansar.io.archive.zarr_archive import open_archive, to_zarr
from xoceansar.io.export.netcdf import to_netcdf

N = 10


@pytest.fixture(autouse=True)
def _quiet():
    xr.backends.list_engines()  # other packages' engines may warn as they load
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def result(n: int = N) -> xr.Dataset:
    rng = np.random.default_rng(5)
    time = np.datetime64("2020-02-29T23:59:59.123456789", "ns") + np.arange(n) * 977
    classes = (np.arange(n) % 11 - 1).astype(np.int8)
    return xr.Dataset(
        {
            "sigma0": (
                ("vignette", "line", "sample"),
                rng.random((n, 384, 384), dtype=np.float32),
            ),
            "swh": ("vignette", rng.random(n, dtype=np.float32)),
            "ocean_class": ("vignette", classes, conventions.class_attrs()),
            "class_probability": (
                ("vignette", "class"),
                rng.random((n, 10), dtype=np.float32),
            ),
            "quality": (
                "vignette",
                np.arange(n, dtype=np.uint8),
                conventions.mask_attrs("quality"),
            ),
            "iceberg_count": ("vignette", np.arange(n, dtype=np.int32)),
        },
        coords={
            "time": ("vignette", time),
            "beam": ("vignette", np.array(["wv1", "wv2"] * n)[:n]),
            "longitude": ("vignette", rng.uniform(-180, 180, n)),
            "class": list(conventions.OCEAN_CLASSES),
            "pixel_spacing": 50.0,
        },
        attrs=conventions.product_attrs("test", simulated=1),
    )


def raw_attrs(path: Path, name: str) -> dict:
    return dict(zarr.open_group(path, mode="r")[name].attrs)


@pytest.mark.parametrize("chunks", [None, 3])
def test_round_trip_by_plain_xarray(tmp_path, chunks):
    ds = result()
    path = to_zarr(
        ds if chunks is None else ds.chunk(vignette=chunks), tmp_path / "r.zarr"
    )
    back = xr.open_zarr(path).load()
    for name in set(ds.variables) - {"ocean_class"}:
        np.testing.assert_array_equal(back[name], ds[name], err_msg=str(name))
    expected = np.where(ds.ocean_class < 0, np.nan, ds.ocean_class)
    np.testing.assert_array_equal(back.ocean_class, expected)
    assert set(back.coords) == set(ds.coords)
    assert back.attrs["history"] == ds.attrs["history"]
    assert back.time.dtype == "datetime64[ns]"


def test_stored_types_and_cf_flags(tmp_path):
    path = to_zarr(result(), tmp_path / "r.zarr")
    group = zarr.open_group(path, mode="r")
    assert group.metadata.zarr_format == 3
    assert group["ocean_class"].dtype == np.int8
    assert group["ocean_class"].fill_value == -1
    assert raw_attrs(path, "ocean_class")["_FillValue"] == -1
    assert raw_attrs(path, "ocean_class")["flag_values"] == list(range(10))
    meanings = raw_attrs(path, "ocean_class")["flag_meanings"].split()
    assert meanings == list(conventions.OCEAN_CLASSES)
    assert group["quality"].dtype == np.uint8
    assert "_FillValue" not in raw_attrs(path, "quality")
    assert "units" not in raw_attrs(path, "quality")
    assert group["time"].dtype == np.int64
    assert raw_attrs(path, "time")["units"] == "nanoseconds since 1970-01-01"
    assert np.isnan(group["swh"].fill_value)
    assert group["sigma0"].chunks == (8, 384, 384)
    assert group["swh"].chunks == (N,)


def test_missing_time_and_microseconds_survive(tmp_path):
    time = np.array(["2024-02-29T12:00:00.000001", "NaT"], "datetime64[us]")
    ds = xr.Dataset(coords={"time": ("vignette", time)})
    back = xr.open_zarr(to_zarr(ds, tmp_path / "t.zarr")).time.values
    assert back[0] == np.datetime64("2024-02-29T12:00:00.000001")
    assert np.isnat(back[1])


@pytest.mark.parametrize("consolidated", [True, False, None])
def test_subset_of_a_store_is_written_with_fresh_encodings(tmp_path, consolidated):
    first = xr.open_zarr(to_zarr(result(20), tmp_path / "a.zarr"))
    odd = first.isel(vignette=slice(1, None, 2)).chunk(vignette=7)
    second = xr.open_zarr(to_zarr(odd, tmp_path / "b.zarr"), consolidated=consolidated)
    np.testing.assert_array_equal(second.sigma0, result(20).sigma0[1::2])
    np.testing.assert_array_equal(second.beam, ["wv2"] * 10)
    assert zarr.open_group(tmp_path / "b.zarr")["ocean_class"].dtype == np.int8
    assert raw_attrs(tmp_path / "b.zarr", "ocean_class")["_FillValue"] == -1


def test_store_can_be_replaced_by_its_own_lazy_rows(tmp_path):
    path = to_zarr(result(), tmp_path / "a.zarr")
    to_zarr(xr.open_zarr(path).isel(vignette=slice(0, 4)), path, overwrite=True)
    back = xr.open_zarr(path)
    np.testing.assert_array_equal(back.sigma0, result().sigma0[:4])
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.zarr"]


def test_a_failed_write_leaves_the_old_store_and_nothing_else(tmp_path):
    path = to_zarr(result(), tmp_path / "a.zarr")

    def fail(block):
        raise RuntimeError("no such pixel")

    bad = da.zeros((4,), chunks=2).map_blocks(fail, dtype=float, meta=np.zeros(0))
    with pytest.raises(RuntimeError, match="no such pixel"):
        to_zarr(xr.Dataset({"swh": ("vignette", bad)}), path, overwrite=True)
    np.testing.assert_array_equal(xr.open_zarr(path).swh, result().swh)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.zarr"]


def test_input_is_not_modified_and_computed_once(tmp_path):
    calls = []

    def count(block):
        calls.append(block.shape)
        return block

    lazy = da.ones((6, 4), chunks=(2, 4)).map_blocks(
        count, dtype=float, meta=np.zeros((0, 0))
    )
    ds = xr.Dataset(
        {"a": (("vignette", "line"), lazy), "b": ("vignette", lazy.sum(axis=1))}
    )
    ds["a"].encoding = {"chunks": (5, 4)}
    to_zarr(ds, tmp_path / "a.zarr")
    assert len(calls) == 3
    assert ds["a"].encoding == {"chunks": (5, 4)}


def test_existing_paths_are_safe(tmp_path):
    path = to_zarr(result(2), tmp_path / "a.zarr")
    with pytest.raises(ProductError, match="overwrite=True"):
        to_zarr(result(3), path)
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.tex").write_text("text")
    with pytest.raises(ProductError, match="not a Zarr store"):
        to_zarr(result(3), tmp_path / "thesis", overwrite=True)
    assert (tmp_path / "thesis" / "chapter.tex").read_text() == "text"


def test_dataarray_needs_a_name(tmp_path):
    swh = result().swh
    np.testing.assert_array_equal(
        xr.open_zarr(to_zarr(swh, tmp_path / "a.zarr")).swh, swh
    )
    with pytest.raises(OceansarError, match="rename"):
        to_zarr(swh.rename(None), tmp_path / "b.zarr")


def test_no_rows_and_object_strings(tmp_path):
    ds = result(4)
    empty = xr.open_zarr(to_zarr(ds.isel(vignette=[]), tmp_path / "empty.zarr"))
    assert empty.sizes["vignette"] == 0
    assert empty.time.dtype == "datetime64[ns]"
    with pytest.raises(OceansarError, match="string"):
        to_zarr(
            ds.assign(x=("vignette", np.array([1, "a", 2, 3], object))),
            tmp_path / "o.zarr",
        )


def test_a_process_without_this_library_reads_it(tmp_path):
    path = to_zarr(result(), tmp_path / "a.zarr")
    code = (
        "import sys; sys.modules['xoceansar'] = None\n"
        "import warnings; warnings.filterwarnings('ignore', message='Engine')\n"
        "import xarray as xr\n"
        f"ds = xr.open_zarr({str(path)!r}); print(float(ds.swh.sum()))"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) == pytest.approx(float(result().swh.sum()))


def test_a_time_keeps_no_attributes_of_its_encoding(tmp_path):
    time = ("vignette", np.array(["2021-04-03"], "M8[ns]"), {"units": "degrees_east"})
    back = xr.open_zarr(to_zarr(xr.Dataset({"time": time}), tmp_path / "a.zarr"))
    assert back.time.values[0] == np.datetime64("2021-04-03")


def test_no_rows_go_through_every_format(tmp_path):
    ds = result(4).isel(vignette=[])
    stored = open_archive(to_zarr(ds, tmp_path / "empty.zarr"))
    again = open_archive(to_zarr(stored, tmp_path / "again.zarr")).load()
    file = xr.load_dataset(to_netcdf(stored, tmp_path / "empty.nc"))
    for made in (stored.load(), again, file):
        assert made.sizes["vignette"] == 0
        assert set(made.variables) == set(ds.variables)
        assert made.time.dtype == "datetime64[ns]"
        assert made["class"].values.tolist() == ds["class"].values.tolist()


def test_times_of_a_chunk_that_are_all_missing_go_to_netcdf(tmp_path):
    time = np.array(["NaT", "NaT", "2021-04-03T08:30:25.749829"], "datetime64[ns]")
    ds = xr.Dataset(coords={"time": ("vignette", time)})
    for number, chunks in enumerate(({}, {"vignette": 2}, {"vignette": 1})):
        path = to_netcdf(ds.chunk(chunks), tmp_path / f"{number}.nc")
        back = xr.load_dataset(path).time
        assert back.isnull().values.tolist() == [True, True, False]
        assert abs(back.values[2] - time[2]) < np.timedelta64(100, "ns")
        assert back.encoding["units"] == "seconds since 2014-01-01 00:00:00"


@pytest.mark.parametrize("chunks", [None, 3])
def test_chunks_have_checksums_and_are_all_there(tmp_path, chunks):
    ds = result().assign(swh=("vignette", np.full(N, np.nan, np.float32)))
    path = to_zarr(
        ds if chunks is None else ds.chunk(vignette=chunks), tmp_path / "a.zarr"
    )
    for name, array in zarr.open_group(path, mode="r").arrays():
        assert array.metadata.to_dict()["codecs"][-1] == {"name": "crc32c"}, name
        assert array.nchunks_initialized == array.nchunks, name


def test_what_open_archive_gives_is_what_xarray_gives(tmp_path):
    path = to_zarr(result(20), tmp_path / "a.zarr")
    made, expected = open_archive(path), xr.open_zarr(path)
    for name, variable in expected.variables.items():
        assert made[name].chunks == variable.chunks, name
    xr.testing.assert_identical(made.load(), expected.load())
    part = open_archive(path).isel(vignette=[7, 2, 2], line=slice(None, None, -5))
    xr.testing.assert_identical(
        part.load(), expected.isel(vignette=[7, 2, 2], line=slice(None, None, -5))
    )
