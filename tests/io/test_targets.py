"""Where results go: a Zarr store to a URL, and all else to local paths alone."""

import socket
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import xarray as xr

import xoceansar as xos
from xoceansar.errors import OceansarError, PathError, ProductError
from xoceansar.evaluate.feature_store import FeatureStore
from xoceansar.io.export.netcdf import to_netcdf
from xoceansar.io.export.rasters import to_raster
from xoceansar.io.export.tabular_files import to_geojson, to_geoparquet
from xoceansar.io.remote import open_filesystem, with_limits
from xoceansar.models.bundle.extension import extend_bundle
from xoceansar.models.bundle.library import write_bundle
from xoceansar.processing.run import process
from xoceansar.simulate import write_safe

URLS = ["s3://bucket/a", Path("s3://bucket/a"), "memory://a"]


def ds(value=1.5):
    return xr.Dataset(
        {"swh": ("vignette", np.array([value, 2.0], np.float32))},
        coords={"vignette_id": ("vignette", ["one", "another one"])},
    )


WRITERS = {
    "to_netcdf": lambda url: to_netcdf(ds(), url),
    "to_geojson": lambda url: to_geojson(ds(), url),
    "to_geoparquet": lambda url: to_geoparquet(ds(), url),
    "to_raster": lambda url: to_raster(ds().swh, url),
    "write_safe": lambda url: write_safe(url, n=1),
    "FeatureStore": FeatureStore,
    "extend_bundle": lambda url: extend_bundle(
        url, SimpleNamespace(path="."), None, name="", keep=(), simulated=True, provenance={},
        card="",
    ),
    "write_bundle": lambda url: write_bundle(
        url, name="", backbone=None, backbone_state={}, input=None
    ),
}  # fmt: skip


@pytest.mark.parametrize("url", URLS)
@pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS.keys())
def test_a_url_is_refused_in_words(write, url, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        PathError, match=r"is a URL, and .* is written to local paths only"
    ):
        write(url)
    assert list(tmp_path.iterdir()) == []


def test_a_url_that_is_no_more_one_is_no_archive(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for call in (
        lambda path: process("products", path),
        lambda path: process(path, "a.zarr", outputs=["quality"]),
        xos.open_wave_mode,
        xos.open_archive,
    ):
        with pytest.raises(PathError, match=r"Give it as text: s3://bucket/a\."):
            call(Path("s3://bucket/a"))
    with pytest.raises(PathError, match="local paths only"):
        xos.to_zarr(ds(), Path("s3://bucket/a"))
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def memory():
    fsspec = pytest.importorskip("fsspec")
    filesystem = fsspec.filesystem("memory")
    yield filesystem
    filesystem.rm("/", recursive=True)


def test_a_zarr_store_goes_to_a_url(memory):
    url = "memory://results/a.zarr"
    assert xos.to_zarr(ds(), url) == url
    opened = xos.open_archive(url)
    xr.testing.assert_equal(opened.load(), ds())
    with pytest.raises(ProductError, match=r"exists already.*overwrite=True"):
        xos.to_zarr(ds(), url)
    xos.to_zarr(
        xos.open_archive(url) + 1, url, overwrite=True
    )  # read from what it replaces
    np.testing.assert_array_equal(
        xos.open_archive(url).swh, ds(2.5).swh.values + np.array([0, 1])
    )
    assert [
        name.rpartition("/")[2] for name in memory.ls("/results", detail=False)
    ] == ["a.zarr"]


def test_what_is_no_store_is_kept(memory):
    memory.pipe("/results/a.txt", b"mine")
    with pytest.raises(ProductError, match="is not a Zarr store"):
        xos.to_zarr(ds(), "memory://results", overwrite=True)
    assert memory.cat("/results/a.txt") == b"mine"


def test_a_store_that_fails_leaves_nothing(memory):
    def fail(block):
        raise OceansarError("no")

    lazy = (
        ds()
        .chunk()
        .map(lambda v: v.copy(data=v.data.map_blocks(fail, dtype="f4", meta=v.values)))
    )
    with pytest.raises(OceansarError, match="no"):
        xos.to_zarr(lazy, "memory://results/a.zarr")
    assert memory.find("/results") == []


# A server that never answers


def test_calls_of_s3_are_bounded():
    pytest.importorskip("s3fs")
    assert with_limits("memory://a", {}) == {}
    mine = with_limits(
        "s3://b/a", {"anon": True, "config_kwargs": {"read_timeout": 99}}
    )
    assert mine["config_kwargs"]["read_timeout"] == 99
    assert mine["config_kwargs"]["connect_timeout"] == 5
    for url in ("s3://b/a", "zip://a::s3://b/a.zip"):
        limits = with_limits(url, {})["config_kwargs"]
        attempts = limits["retries"]["total_max_attempts"]
        filesystem, _ = open_filesystem("s3://b/a", '{"anon": true}')
        assert filesystem.config_kwargs == limits
        assert filesystem.retries * attempts * limits["read_timeout"] <= 60


def test_a_server_that_never_answers_is_an_error():
    pytest.importorskip("s3fs")
    with socket.create_server(("127.0.0.1", 0)) as server:
        options = {
            "key": "a",
            "secret": "b",
            "client_kwargs": {
                "endpoint_url": f"http://127.0.0.1:{server.getsockname()[1]}"
            },
            "config_kwargs": {
                "read_timeout": 0.1,
                "retries": {"total_max_attempts": 1},
            },
        }
        with pytest.raises(ProductError, match=r"cannot be read \(.*[Tt]imeout"):
            xos.open_wave_mode("s3://bucket/a.SAFE", storage_options=options)
