from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import dask.array as da
import numpy as np
import pytest
import xarray as xr

from xoceansar.conventions import Quality
from xoceansar.errors import (
    ChunkingError,
    DimensionError,
    DomainError,
    MissingVariableError,
    OceansarWarning,
    TrainingError,
    UnitsError,
)
from xoceansar.models.networks.preprocessing import network_input
from xoceansar.models.spec import InputSpec
from xoceansar.train.data.sampler import epoch_order
from xoceansar.train.data.vignette_dataset import VignetteDataset

N, SIDE = 20, 24
DB = InputSpec(scale="dB", size=SIDE, mean=-12.0, std=4.0)
IMAGE_BYTES = SIDE * SIDE * 2


def vignettes(n=N, side=28, seed=0):
    """Vignettes in the library's layout, in memory, all usable."""
    rng = np.random.default_rng(seed)
    level = rng.uniform(0.02, 0.4, (n, 1, 1))
    sigma0 = level * rng.gamma(40.0, 1 / 40.0, (n, side, side))
    beam = np.array(["wv1", "wv2"] * n)[:n]
    middle = np.where(beam == "wv1", 23.8, 36.8)
    incidence = middle[:, None] + np.linspace(-0.6, 0.6, side)
    return xr.Dataset(
        {
            "sigma0": (("vignette", "line", "sample"), sigma0.astype(np.float32)),
            "quality": ("vignette", np.zeros(n, np.uint8)),
        },
        coords={
            "beam": ("vignette", beam),
            "polarisation": ("vignette", ["VV"] * n),
            "incidence": (("vignette", "sample"), incidence.astype(np.float32)),
            "pixel_spacing": 50.0,
        },
    )


def as_inference(ds, rows, spec=DB):
    """Network input of some rows by the function that inference uses."""
    images, *_ = network_input(
        ds.sigma0.values[rows], ds.incidence.values[rows], spec=spec
    )
    return images


def counted(ds, chunks):
    """Return the vignettes as Dask chunks, and the list that their reading appends to."""
    reads = []

    def read(block, block_info=None):
        reads.append(block_info[0]["chunk-location"][0])
        return block

    blocks = da.from_array(ds.sigma0.values, (chunks, -1, -1))
    lazy = da.map_blocks(read, blocks, dtype=np.float32, meta=np.empty((0, 0, 0), "f4"))
    return ds.assign(sigma0=(ds.sigma0.dims, lazy)), reads


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Write an archive with images in chunks of three and coordinates in one chunk."""
    path = str(tmp_path_factory.mktemp("pool") / "pool.zarr")
    encoding = {"sigma0": {"chunks": (3, 28, 28)}}
    vignettes().drop_vars(["beam", "polarisation"]).to_zarr(
        path, encoding=encoding, zarr_format=3, consolidated=False
    )
    return path


# ------------------------------------------------------------------------- reading


@pytest.mark.parametrize(
    "spec",
    [
        DB,
        InputSpec(
            scale="dB", size=20, centre="beam", mean=(-8.0, -15.0), std=(3.0, 5.0)
        ),
        InputSpec(scale="dB", size=28, centre="vignette", mean=None, std=1.5),
        InputSpec(scale="roughness", size=SIDE, mean=0.5, std=2.0),
        InputSpec(scale="linear", size=SIDE, mean=0.1, std=0.05),
    ],
    ids=lambda s: f"{s.scale}-{s.centre}",
)
def test_images_are_those_of_inference(spec):
    ds, rows = vignettes(), np.array([7, 2, 2, 19, 0])
    images, kept = VignetteDataset(ds, spec).read(rows)
    assert images.dtype == np.float32
    np.testing.assert_array_equal(kept, rows)
    expected = as_inference(ds, rows, spec)
    # Half precision: 2^-11 of the value. The incidence between its ends is linear.
    np.testing.assert_allclose(images, expected, rtol=2**-11, atol=2e-5)


def test_memory_dask_and_zarr_give_the_same(store):
    ds, rows = vignettes(), np.array([11, 3, 4, 18, 5, 0])
    expected, _ = VignetteDataset(ds, DB).read(rows)
    uneven = ds.chunk(vignette=(7, 1, 9, 3))
    decibel = ds.assign(sigma0_db=10 * np.log10(ds.sigma0)).drop_vars("sigma0")
    opened = [
        xr.open_zarr(store, consolidated=False),
        xr.open_zarr(store, consolidated=False, chunks=None),
    ]
    for same in (uneven, ds.transpose("line", "vignette", "sample"), *opened):
        images, kept = VignetteDataset(same, DB).read(rows)
        np.testing.assert_array_equal(images, expected)
        np.testing.assert_array_equal(kept, rows)
    images, _ = VignetteDataset(decibel, DB).read(rows)
    np.testing.assert_allclose(images, expected, rtol=2**-10, atol=1e-4)


def test_chunks_are_those_that_are_stored(store):
    expected = np.arange(N) // 3
    for chunks in ({}, None):
        ds = xr.open_zarr(store, consolidated=False, chunks=chunks)
        np.testing.assert_array_equal(VignetteDataset(ds, DB).chunk_of_row, expected)
    ds = vignettes().chunk(vignette=(7, 1, 9, 3))
    expected = np.repeat(np.arange(4), (7, 1, 9, 3))
    np.testing.assert_array_equal(VignetteDataset(ds, DB).chunk_of_row, expected)
    np.testing.assert_array_equal(
        VignetteDataset(vignettes(), DB).chunk_of_row, np.arange(N)
    )


def test_no_pixel_is_read_before_it_is_asked_for(no_compute):
    ds, reads = counted(vignettes(), 4)
    assert len(VignetteDataset(ds, DB).rows) == N
    assert not reads


def test_an_epoch_reads_each_chunk_once():
    ds, reads = counted(vignettes(), 2)
    pool = VignetteDataset(ds, DB, cache_bytes=6 * IMAGE_BYTES)
    assert pool.window_chunks == 3
    order = epoch_order(
        pool.rows,
        pool.chunk_of_row[pool.rows],
        seed=0,
        epoch=0,
        window_chunks=pool.window_chunks,
    )
    for row in order:
        pool.read(np.array([row]))
    assert sorted(reads) == list(range(10))


def test_the_cache_is_bounded_and_forgets_the_least_used():
    ds, reads = counted(vignettes(), 2)
    pool = VignetteDataset(ds, DB, cache_bytes=2 * 2 * IMAGE_BYTES)
    for row in (
        0,
        2,
        0,
        4,
        0,
        2,
    ):  # chunks 0 1 0 2 0 1: the third one drives out chunk 1
        pool.read(np.array([row]))
    assert reads == [0, 1, 2, 1]


def test_a_cache_smaller_than_a_chunk_still_holds_the_last():
    ds, reads = counted(vignettes(), 10)
    pool = VignetteDataset(ds, DB, cache_bytes=0)
    assert pool.window_chunks == 1
    pool.read(np.arange(5))
    pool.read(np.arange(5))
    assert reads == [0]


def test_images_do_not_depend_on_the_cache():
    ds, rows = vignettes(), np.array([3, 9, 3, 14])
    large, small = VignetteDataset(ds, DB), VignetteDataset(ds, DB, cache_bytes=0)
    for _ in range(2):
        np.testing.assert_array_equal(large.read(rows)[0], small.read(rows)[0])
    assert large.window_chunks is None


def test_threads_read_the_same_and_each_chunk_once():
    ds, reads = counted(vignettes(), 2)
    pool, rows = VignetteDataset(ds, DB), np.arange(N)
    expected, _ = VignetteDataset(vignettes(), DB).read(rows)
    with ThreadPoolExecutor(4) as threads:
        for images, _ in threads.map(pool.read, [rows] * 8):
            np.testing.assert_array_equal(images, expected)
    assert sorted(reads) == list(range(10))


# ------------------------------------------------------------------------- skipping


def spoilt():
    """Vignettes of which most are unusable, each for a reason of its own."""
    ds = vignettes()
    ds.sigma0[0] = np.nan
    ds.sigma0[1, :14] = np.nan  # half
    ds.sigma0[2] = 0.1
    ds.sigma0[3] *= 1000
    ds.sigma0[4, :3] = np.nan  # 1 of 24 lines of the crop
    ds.quality[5] = Quality.LAND | Quality.BELOW_NOISE
    ds.quality[6] = Quality.BELOW_NOISE
    polarisation = ds.polarisation.values.copy()
    polarisation[[5, 7, 8]] = "HH"
    beam = ds.beam.values.copy()
    beam[[8, 9]] = "ew1"
    return ds.assign_coords(
        polarisation=("vignette", polarisation), beam=("vignette", beam)
    )


FOUND_BY_METADATA = {"land": 1, "polarisation": 2, "beam": 1}
FOUND_BY_PIXELS = {
    "too little data": 2,
    "constant, implausible or without incidence": 2,
}


@pytest.mark.parametrize("chunks", [None, 1, 4, N])
def test_what_cannot_be_used_is_counted_once_by_its_reason(chunks):
    ds = spoilt() if chunks is None else spoilt().chunk(vignette=chunks)
    pool = VignetteDataset(ds, DB)
    assert pool.skipped == FOUND_BY_METADATA
    offered = [0, 1, 2, 3, 4, 6, *range(10, N)]
    np.testing.assert_array_equal(pool.rows, offered)
    for _ in range(2):
        images, kept = pool.read(np.array(offered))
        np.testing.assert_array_equal(kept, [4, 6, *range(10, N)])
        assert np.isfinite(images).all()
        assert pool.skipped == FOUND_BY_METADATA | FOUND_BY_PIXELS
    np.testing.assert_array_equal(pool.bad, [0, 1, 2, 3])
    np.testing.assert_array_equal(pool.rows, kept)


def test_the_limits_are_the_callers():
    ds = spoilt()
    strict = VignetteDataset(
        ds, DB, min_valid_fraction=0.97, exclude=("below_noise", "land")
    )
    assert strict.skipped == {"below_noise": 2, "polarisation": 2, "beam": 1}
    strict.read(strict.rows)
    np.testing.assert_array_equal(strict.rows, range(10, N))
    mild = VignetteDataset(ds, DB, min_valid_fraction=0.4, exclude=())
    assert mild.skipped == {"polarisation": 3, "beam": 1}
    mild.read(mild.rows)
    np.testing.assert_array_equal(mild.rows, [1, 4, 6, *range(10, N)])


def test_rows_known_to_be_bad_are_offered_no_more():
    pool = VignetteDataset(vignettes(), DB)
    pool.read(np.arange(N))
    pool.bad = np.array([3, 5])
    np.testing.assert_array_equal(pool.read(np.array([2, 3, 4, 5]))[1], [2, 4])
    assert pool.skipped == {"found unusable before": 2}
    assert not set(pool.rows) & {3, 5}
    pool.bad = pool.bad
    assert pool.skipped == {"found unusable before": 2}


def test_a_reader_that_flags_nothing_is_told_about_land():
    ds = vignettes().drop_vars("quality")
    with pytest.warns(OceansarWarning, match="no variable 'quality'.*being land"):
        VignetteDataset(ds, DB)
    assert len(VignetteDataset(ds, DB, exclude=()).rows) == N


def test_too_few_vignettes():
    pool = VignetteDataset(spoilt(), DB)
    pool.require(16)
    with pytest.raises(TrainingError, match=r"17 usable.*needed and 16 of 20 are left"):
        pool.require(17)
    with pytest.raises(TrainingError, match=r"0 of 20 are left; skipped: {'pol.*: 20}"):
        VignetteDataset(
            vignettes().assign_coords(polarisation=("vignette", ["HV"] * N)), DB
        )
    empty = vignettes() * np.float32(np.nan)
    with pytest.raises(TrainingError, match=r"0 of 20.*{'too little data': 20}"):
        VignetteDataset(empty, DB, exclude=()).read(np.arange(N))


@pytest.mark.parametrize("chunks", [1, 6, N])
def test_a_pool_of_other_units_is_refused_with_the_reason(chunks):
    decibel = vignettes().assign(sigma0=lambda ds: 10 * np.log10(ds.sigma0))
    pool = VignetteDataset(decibel.chunk(vignette=chunks), DB)
    with pytest.raises(TrainingError, match="declared linear and does not look like"):
        pool.read(pool.rows)


# ----------------------------------------------------------------------- statistics


def test_constants_of_the_input_are_known_at_once():
    spec = InputSpec(
        scale="dB", size=SIDE, centre="beam", mean=(-8.0, -15.0), std=(3.0, 5.0)
    )
    pool = VignetteDataset(vignettes(), spec)
    np.testing.assert_array_equal(pool.mean, [-8.0, -15.0] * 10)
    np.testing.assert_array_equal(pool.scale, [3.0, 5.0] * 10)


@pytest.mark.parametrize("scale", ["dB", "linear"])
def test_own_statistics_are_those_of_the_pixels_with_data(scale):
    ds = vignettes()
    ds.sigma0[4, 2:5] = np.nan
    spec = InputSpec(scale=scale, size=SIDE, centre="vignette", mean=None, std=None)
    pool = VignetteDataset(ds, spec, min_valid_fraction=0.8)
    assert np.isnan(pool.scale).all()
    pool.read(np.array([4, 7]))
    crop = ds.sigma0.values[[4, 7], 2:-2, 2:-2].astype(np.float64)
    values = 10 * np.log10(crop) if scale == "dB" else crop
    np.testing.assert_allclose(
        pool.scale[[4, 7]], np.nanstd(values, axis=(1, 2)), rtol=1e-5
    )
    assert np.isnan(np.delete(pool.scale, [4, 7])).all()
    if scale == "linear":
        mean = np.nanmean(crop, axis=(1, 2))
        np.testing.assert_allclose(pool.mean[[4, 7]], mean, rtol=1e-5)


def test_statistics_are_what_views_need():
    torch = pytest.importorskip("torch")
    from xoceansar.train.pretraining.augmentation import Augmentation, make_views

    spec = InputSpec(scale="linear", size=SIDE, centre="vignette", mean=None, std=None)
    still = Augmentation(
        global_size=SIDE, local_size=8, n_local=0, speckle_probability=0
    )
    still = replace(still, flip_along=0, flip_across=0)
    pool = VignetteDataset(vignettes(), spec)
    images, kept = pool.read(np.array([6, 1]))
    statistics = (torch.from_numpy(a[kept]) for a in (pool.scale, pool.mean))
    views = make_views(torch.from_numpy(images), kept, still, spec, *statistics)
    np.testing.assert_allclose(views.global_[0].numpy(), images, atol=1e-4)


# ------------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda ds: ds.drop_vars("pixel_spacing"), MissingVariableError, "of 50 m"),
        (lambda ds: ds.assign_coords(pixel_spacing=40.0), DomainError, "have 40 m"),
        (lambda ds: ds.isel(line=slice(20)), DomainError, "at least 24 x 24"),
        (lambda ds: ds.chunk(line=7), ChunkingError, "'line' is split into 4"),
        (lambda ds: ds.drop_vars("sigma0"), MissingVariableError, "'sigma0'"),
        (lambda ds: ds.rename(vignette="time"), DimensionError, "'vignette', 'line'"),
        (lambda ds: ds.isel(vignette=0), DimensionError, "'vignette', 'line'"),
        (lambda ds: ds.astype(np.uint16), UnitsError, "got uint16"),
    ],
)
def test_images_that_cannot_be_trained_on(change, error, message):
    with pytest.raises(error, match=message):
        VignetteDataset(change(vignettes()), DB)


def test_missing_incidence_matters_where_it_is_needed():
    ds = vignettes().drop_vars("incidence")
    assert len(VignetteDataset(ds, DB).read(np.arange(N))[1]) == N
    with pytest.raises(MissingVariableError, match="depends on the incidence angle"):
        VignetteDataset(ds, replace(DB, scale="roughness"))


def test_incidence_without_a_profile():
    """One angle for each vignette, or one for all, gives the roughness at that angle."""
    spec = replace(DB, scale="roughness")
    ds, rows = vignettes().isel(vignette=slice(0, None, 2)), np.arange(4)
    expected, *_ = network_input(ds.sigma0.values[:4], np.full(4, 23.8), spec=spec)
    for incidence in (("vignette", np.full(10, 23.8)), 23.8):
        images, _ = VignetteDataset(ds.assign_coords(incidence=incidence), spec).read(
            rows
        )
        np.testing.assert_allclose(images, expected, rtol=2**-11, atol=1e-5)


def test_arguments_out_of_range():
    with pytest.raises(TrainingError, match=r"min_valid_fraction must be .*; got 1\.5"):
        VignetteDataset(vignettes(), DB, min_valid_fraction=1.5)
    with pytest.raises(TrainingError, match=r"\['sand'\]; known: \['no_data'"):
        VignetteDataset(vignettes(), DB, exclude=("land", "sand"))


@pytest.mark.parametrize("row", [-1, N, 5])
def test_rows_that_are_not_on_offer(row):
    with pytest.raises(TrainingError, match=f"1 are not, such as {row}"):
        VignetteDataset(spoilt(), DB).read(np.array([4, row]))
