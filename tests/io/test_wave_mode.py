"""What `open_wave_mode` returns: values, layout, laziness, selection."""

import inspect
import pickle
import subprocess
import sys

import dask
import numpy as np
import pandas as pd
import pytest
import xarray as xr

import xoceansar
from tests.io.conftest import LEVELS, SHAPE, make_product
from xoceansar import open_wave_mode
from xoceansar.conventions import Quality
from xoceansar.errors import (
    ChunkingError,
    DimensionError,
    OceansarWarning,
    ProductError,
)
from xoceansar.io.safe.backend import OceansarBackendEntrypoint


@pytest.fixture(scope="module")
def opened(product):
    return open_wave_mode(product.path, shape=SHAPE).load()


def decibel(ratio):
    return 10 * np.log10(ratio)


def test_sigma0_is_the_truth(opened, product):
    mean = opened.sigma0.mean(("line", "sample")).values
    # 130,000 looks of speckle make 0.012 dB
    np.testing.assert_allclose(
        decibel(mean / product.truth.sigma0_mean.values), 0, atol=0.05
    )
    np.testing.assert_allclose(decibel(mean / LEVELS), 0, atol=0.06)


def test_nesz_is_the_truth(opened):
    # made_scene: -26 dB in the middle, 0.6 dB more 10 km away; the image reaches 1 km
    np.testing.assert_allclose(decibel(opened.nesz.values), -26.0, atol=0.01)


def test_coordinates_are_the_truth(opened, product):
    truth = product.truth
    assert list(opened.vignette_id.values) == list(truth.vignette_id.values)
    np.testing.assert_allclose(opened.longitude, truth.longitude, atol=1e-6)
    np.testing.assert_allclose(opened.latitude, truth.latitude, atol=1e-6)
    np.testing.assert_allclose(opened.ground_heading, truth.ground_heading, atol=1e-3)
    assert list(opened.beam.values) == ["wv1", "wv2", "wv1", "wv2"]
    np.testing.assert_allclose(
        opened.incidence.mean("sample"), [23.8, 36.8, 23.8, 36.8], atol=0.01
    )
    assert (np.diff(opened.incidence.values, axis=1) > 0).all(), "near to far"


def test_time_is_the_middle_of_the_acquisition(opened):
    # 490 lines at some 1650 Hz take 0.3 s from 08:30:25.749829
    first = np.datetime64("2021-04-03T08:30:25.749829", "ns")
    assert opened.time.dtype == "datetime64[ns]"
    delay = (opened.time.values - first) / np.timedelta64(1, "s")
    np.testing.assert_allclose(delay - 14.66 * np.arange(4), 0.149, atol=0.01)


def test_corners_make_a_box_of_the_stated_size(opened):
    side = SHAPE[0] * 50.0
    lon = np.radians(opened.corner_longitude.values)
    lat = np.radians(opened.corner_latitude.values)
    x = 6371e3 * (lon - lon[:, :1]) * np.cos(lat)
    y = 6371e3 * (lat - lat[:, :1])
    azimuth = np.hypot(x[:, 3], y[:, 3])
    ground_range = np.hypot(x[:, 1], y[:, 1])
    diagonal = np.hypot(x[:, 2], y[:, 2])
    np.testing.assert_allclose(azimuth, side, rtol=0.01)
    np.testing.assert_allclose(ground_range, side, rtol=0.01)
    np.testing.assert_allclose(diagonal, side * np.sqrt(2), rtol=0.01)


def test_the_layout(opened, product):
    assert opened.sizes == {"vignette": 4, "line": 36, "sample": 36, "corner": 4}
    assert not opened.indexes
    assert opened.sigma0.dtype == opened.nesz.dtype == np.float32
    assert opened.quality.dtype == np.uint8
    assert list(opened.quality.attrs["flag_masks"]) == [f.value for f in Quality]
    assert float(opened.pixel_spacing) == 50.0
    assert opened.attrs["Conventions"].startswith("CF-")
    assert set(opened["product"].values) == {product.path.name}
    assert set(opened.ipf_version.values) == {"003.71"}
    assert set(opened.platform.values) == {"S1A"}
    assert set(opened.polarisation.values) == {"VV"}
    # a DataArray alone is enough for inference
    kept = set(opened.sigma0.coords)
    assert {"incidence", "beam", "polarisation", "pixel_spacing", "time"} <= kept


def test_a_clean_vignette_has_no_flag(opened):
    assert opened.quality.values.tolist() == [0, 0, 0, 0]
    assert opened.no_data_fraction.values.tolist() == [0, 0, 0, 0]
    assert opened.below_noise_fraction.values.tolist() == [0, 0, 0, 0]


def test_opening_reads_no_pixel(product, no_compute, monkeypatch):
    def refuse(*args):
        raise AssertionError("pixels were read")

    monkeypatch.setattr("xoceansar.io.safe.vignette_source.read_numbers", refuse)
    monkeypatch.setattr("xoceansar.io.containers.DirectoryStore.buffer", refuse)
    ds = open_wave_mode(product.path, shape=SHAPE)
    assert all(ds[name].chunks for name in ds.data_vars)
    assert ds.sigma0.dtype == np.float32


def test_pixels_are_read_when_computed_and_not_before(copy):
    ds = open_wave_mode(copy.path, shape=SHAPE)
    for index in range(4):
        copy.file("measurement", index).unlink()
    with pytest.warns(OceansarWarning, match="missing"):
        assert (ds.quality.values & Quality.UNREADABLE).all()


def test_all_variables_come_of_one_reading(product, monkeypatch):
    from xoceansar.io.safe import vignette_source

    read = []
    plain = vignette_source.read_numbers

    def counted(store, path, *size):
        read.append(path)
        return plain(store, path, *size)

    monkeypatch.setattr(vignette_source, "read_numbers", counted)
    open_wave_mode(product.path, shape=SHAPE, chunks=2).load()
    assert len(read) == len(set(read)) == 4


@pytest.mark.parametrize("chunks", [1, 3, {"vignette": 2}, {}])
def test_chunks_change_nothing_and_are_not_changed(product, opened, chunks):
    before = dict(chunks) if isinstance(chunks, dict) else chunks
    ds = open_wave_mode(product.path, shape=SHAPE, chunks=chunks)
    assert chunks == before
    xr.testing.assert_identical(ds.sigma0.compute(), opened.sigma0)


@pytest.mark.parametrize(
    "chunks", [{"line": 10}, 0, "auto", {"vignette": -1}, {"vv": 1}]
)
def test_other_chunks_are_refused(product, chunks):
    with pytest.raises(ChunkingError, match="number of vignettes"):
        open_wave_mode(product.path, chunks=chunks)


@pytest.mark.parametrize(
    "bad", [{"shape": (0, 4)}, {"shape": (3,)}, {"shape": 3}, {"spacing": 0.0},
            {"spacing": float("nan")}, {"shape": (2.5, 2)}],
)  # fmt: skip
def test_grids_that_make_no_sense_are_refused(product, bad):
    with pytest.raises(DimensionError, match="positive"):
        open_wave_mode(product.path, **bad)


@pytest.mark.parametrize(
    "bad", [{"reader": "gdal"}, {"on_error": "skip"}, {"beam": "iw1"}]
)
def test_unknown_choices_are_refused(product, bad):
    with pytest.raises(ProductError, match="is not one of"):
        open_wave_mode(product.path, **bad)


def test_the_same_under_every_scheduler(product, opened):
    for scheduler in ("synchronous", "threads"):
        with dask.config.set(scheduler=scheduler):
            ds = open_wave_mode(product.path, shape=SHAPE, chunks=1).load()
        xr.testing.assert_identical(ds.sigma0, opened.sigma0)


def test_the_graph_travels(product, opened):
    ds = open_wave_mode(product.path, shape=SHAPE, chunks=1)
    again = pickle.loads(pickle.dumps(ds))
    xr.testing.assert_identical(again.sigma0.compute(), opened.sigma0)
    tasks = len(ds.__dask_graph__())
    assert len(pickle.dumps(ds.__dask_graph__())) < 1000 * tasks


@pytest.mark.slow
def test_worker_processes_read_too(product, opened):
    distributed = pytest.importorskip("distributed")
    ds = open_wave_mode(product.path, shape=SHAPE, chunks=1)
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster),
    ):
        read = ds.compute()
    xr.testing.assert_identical(read.sigma0, opened.sigma0)


def test_selection(product, opened):
    ids = list(opened.vignette_id.values)

    def found(**kwargs):
        ds = open_wave_mode(product.path, shape=SHAPE, **kwargs)
        return [ids.index(one) for one in ds.vignette_id.values]

    assert found(vignettes=2) == [2]
    assert found(vignettes=-1) == [3]
    assert found(vignettes=[3, 0]) == [0, 3]
    assert found(vignettes=slice(1, 3)) == [1, 2]
    assert found(vignettes=ids[1]) == [1]
    assert found(vignettes=[ids[1].upper(), ids[0]]) == [0, 1]
    assert found(vignettes=np.array([1])) == [1]
    assert found(beam="wv2") == [1, 3]
    for typed in ("WV2", ["WV2"], ("wv2", "WV2 ")):
        assert found(beam=typed) == [1, 3], typed
    assert found(beam=["WV2", "wv1"]) == found(beam="wv1,wv2") == [0, 1, 2, 3]
    assert found(beam="wv2", vignettes=1) == [3]
    mask = [False, False, True, True]
    assert found(vignettes=mask) == [2, 3]
    for kind in (np.array, xr.DataArray, pd.Series, tuple):
        assert found(vignettes=kind(mask)) == [2, 3]
    assert found(vignettes=opened.beam == "wv2") == [1, 3]
    assert found(beam="wv2", vignettes=[False, True]) == [3]


@pytest.mark.parametrize(
    "asked",
    [
        4,
        -5,
        "s1a-wv1",
        [0, 99],
        1.5,
        slice(9, 10),
        [],
        True,
        np.True_,
        np.array(False),
        [True],
        [False, False, True],
        [False] * 4,
        [True, 1, 2, 3],
        np.array([0, 1], "datetime64[ns]"),
    ],
)
def test_a_selection_that_is_not_there_is_named(product, asked):
    with pytest.raises(ProductError, match="none of the 4 vignettes"):
        open_wave_mode(product.path, vignettes=asked)


def test_selecting_reads_the_annotation_of_no_other(copy):
    for index in (0, 1, 3):
        copy.file("annotation", index).unlink()
    ds = open_wave_mode(copy.path, shape=SHAPE, vignettes=2)
    assert ds.quality.values.tolist() == [0]


def test_products_are_joined_in_order_of_time(product, tmp_path):
    later = make_product(
        tmp_path, levels=(0.1, 0.1), start="2021-04-03T08:30:33.0", platform="S1D",
        polarisation="HH",
    )  # fmt: skip
    ds = open_wave_mode([later, product.path], shape=SHAPE)
    assert (np.diff(ds.time.values) > np.timedelta64(0)).all()
    assert list(ds.platform.values) == ["S1A", "S1D", "S1A", "S1D", "S1A", "S1A"]
    assert list(ds.polarisation.values) == ["VV", "HH", "VV", "HH", "VV", "VV"]
    assert len(np.unique(ds["product"])) == 2


def test_a_product_given_twice_is_taken_once(product):
    with pytest.warns(OceansarWarning, match="each is taken once"):
        ds = open_wave_mode([product.path, product.path / "manifest.safe"], shape=SHAPE)
    assert ds.sizes["vignette"] == 4


def test_another_spacing_keeps_the_mean(product, opened):
    fine = open_wave_mode(product.path, shape=(90, 90), spacing=20.0).load()
    assert float(fine.pixel_spacing) == 20.0
    np.testing.assert_allclose(
        fine.sigma0.mean(("line", "sample")),
        opened.sigma0.mean(("line", "sample")),
        rtol=2e-5,
    )
    coarse = fine.sigma0.coarsen(line=5, sample=5).mean()
    np.testing.assert_allclose(
        coarse.values, open_wave_mode(product.path, shape=(18, 18), spacing=100.0).sigma0,
        rtol=1e-4,
    )  # fmt: skip


def test_a_vignette_smaller_than_the_grid_says_so(product):
    ds = open_wave_mode(product.path, shape=(60, 48)).load()
    assert (ds.quality.values & Quality.NO_DATA).all()
    inside = ds.sigma0.notnull()
    np.testing.assert_allclose(
        ds.no_data_fraction.values,
        1 - inside.mean(("line", "sample")).values,
        rtol=1e-6,
    )
    # wv1: some 492 lines of 4.13 m and 568 samples of 3.65 m; wv2: 478 of 4.12 m and 450 of
    # 4.56 m; a pixel of which a tenth is missing has no data
    assert set(inside.any("sample").sum("line").values) <= {40, 38, 39, 41}
    assert inside.values[:, 30, 24].all()
    edge = ds.sigma0.where(inside).mean(("line", "sample")).values
    np.testing.assert_allclose(decibel(edge / LEVELS), 0, atol=0.06)


def test_the_engine_of_xarray(product, opened):
    ds = xr.open_dataset(
        product.path, engine="oceansar", shape=SHAPE, beam="wv1", chunks={}
    )
    assert ds.sigma0.chunks
    xr.testing.assert_identical(ds.sigma0.compute(), opened.sigma0[::2])
    chunked = xr.open_dataset(product.path, shape=SHAPE, vignette_chunks=3, chunks={})
    assert chunked.sigma0.chunks[0] == (3, 1)
    few = xr.open_dataset(product.path, shape=SHAPE, drop_variables="nesz")
    assert "nesz" not in few
    assert few.sizes["vignette"] == 4


def test_the_engine_without_chunks_reads_on_first_use(product, opened, no_compute):
    ds = xr.open_dataset(product.path, engine="oceansar", shape=SHAPE)
    with dask.config.set(scheduler="synchronous"):
        xr.testing.assert_identical(ds.sigma0.load(), opened.sigma0)


def test_the_engine_knows_its_products(tmp_path):
    from xoceansar.io.safe.backend import OceansarBackendEntrypoint

    can = OceansarBackendEntrypoint().guess_can_open
    stem = "_20210403T083025_20210403T084452_026300_032390_D542"
    assert can(f"/a/S1A_WV_SLC__1SSV{stem}.SAFE/")
    assert can(f"/a/S1A_WV_SLC__1SSV{stem}.SAFE/manifest.safe")
    assert can(f"S1C_WV_SLC__1SSH{stem}.zip")
    assert not can(f"S1A_WV_OCN__2SSV{stem}.SAFE")
    assert not can("a.nc")
    assert not can(b"CDF")


def test_importing_the_reader_loads_nothing_heavy():
    code = (
        "import sys, xoceansar.io, xoceansar.io.safe.wave_mode\n"
        "print([m for m in ('torch', 'numba', 'xsar', 'rasterio', 'distributed') "
        "if m in sys.modules])"
    )
    out = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert out.stdout.strip() == "[]"


def test_land_is_flagged_and_its_absence_is_said(tmp_path, product, monkeypatch):
    pytest.importorskip("roaring_landmask")
    crete = make_product(tmp_path, levels=(0.1,), longitude=24.9, latitude=35.2)
    assert open_wave_mode(crete, shape=SHAPE).quality.values[0] & Quality.LAND
    monkeypatch.setattr("xoceansar.io.safe.wave_mode.land_available", lambda: False)
    with pytest.warns(OceansarWarning, match="pip install roaring-landmask"):
        ds = open_wave_mode(crete, shape=SHAPE)
    assert not ds.quality.values[0] & Quality.LAND


@pytest.mark.parametrize(
    ("latitude", "hint"), [(-58.0, True), (-50.0, False), (66.0, True)]
)
def test_sea_ice_is_hinted_by_latitude(tmp_path, latitude, hint):
    path = make_product(tmp_path, levels=(0.1,), latitude=latitude, longitude=-25.0)
    quality = open_wave_mode(path, shape=SHAPE).quality.values[0]
    assert bool(quality & Quality.SEA_ICE_HINT) == hint


def test_across_the_180_degree_meridian(tmp_path):
    path = make_product(tmp_path, levels=(0.1, 0.1), longitude=179.999, latitude=-40.0)
    ds = open_wave_mode(path, shape=SHAPE).load()
    assert abs(abs(float(ds.longitude[0])) - 179.999) < 1e-6
    assert (np.abs(ds.corner_longitude[0]) > 179.9).all()
    assert {-1.0, 1.0} == set(np.sign(ds.corner_longitude.values[0]))


def test_the_public_name():
    assert xoceansar.open_wave_mode is open_wave_mode
    assert xoceansar.io.open_wave_mode is open_wave_mode


def test_a_simulated_product_says_so_and_a_real_one_does_not(opened, copy):
    assert opened.attrs["simulated"] == 1
    assert "not a measurement" in opened.attrs["source"]
    manifest = copy.path / "manifest.safe"
    text = manifest.read_text()
    assert 'name="Simulated, not a measurement"' in text
    manifest.write_text(
        text.replace('name="Simulated, not a measurement"', 'name="Copernicus S1"')
    )
    real = open_wave_mode(copy.path, shape=SHAPE)
    assert "simulated" not in real.attrs
    assert "Copernicus Sentinel data" in real.attrs["source"]


def test_positions_count_in_time_where_two_satellites_share_a_second(tmp_path):
    paths = [
        make_product(tmp_path / platform, platform=platform, start=f"2021-04-03T08:30:25.{part}")
        for platform, part in (("S1A", "949829"), ("S1B", "149829"))
    ]  # fmt: skip
    whole = open_wave_mode(paths, shape=SHAPE)
    for k in range(whole.sizes["vignette"]):
        one = open_wave_mode(paths, shape=SHAPE, vignettes=k)
        assert one.vignette_id.values.tolist() == [whole.vignette_id.values[k]]
    mask = whole.platform == "S1B"
    some = open_wave_mode(paths, shape=SHAPE, vignettes=mask)
    assert set(some.platform.values.tolist()) == {"S1B"}


def test_the_engine_takes_all_that_the_function_takes():
    backend = OceansarBackendEntrypoint
    theirs = set(inspect.signature(open_wave_mode).parameters)
    mine = set(inspect.signature(backend.open_dataset).parameters) - {"self"}
    names = {"paths": "filename_or_obj", "chunks": "vignette_chunks"}
    assert mine == {names.get(name, name) for name in theirs} | {"drop_variables"}
    assert mine == set(backend.open_dataset_parameters)
