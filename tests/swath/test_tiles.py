"""A wide swath cut into vignettes."""

from collections import Counter
from itertools import pairwise

import dask
import dask.array as da
import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from xoceansar import errors, ops
from xoceansar.conventions import Quality
from xoceansar.sar.geometry import offset_position
from xoceansar.sar.resample import area_weights
from xoceansar.sar.tiling import TileAxis, cut_tiles, reduce_block, spread_tiles

LINES, SAMPLES, STEP = 460, 620, 10.0
HEADING = 348.0
#: Side and pixels of the tiles here, metres.
SIZE, SPACING = 1600.0, 50.0


@pytest.fixture
def swath():
    """A GRD-like image in memory, 4.6 x 6.2 km, at 10 m."""
    rng = np.random.default_rng(3)
    rows, columns = np.arange(LINES), np.arange(SAMPLES)
    level = 0.02 + 1e-4 * rows[:, None] + 5e-5 * columns[None]
    sigma0 = level * rng.gamma(4.0, 1 / 4.0, (LINES, SAMPLES))
    longitude, latitude = offset_position(
        179.98,
        -40.0,
        HEADING,
        (rows[:, None] - 230) * STEP,
        (columns[None] - 310) * STEP,
    )
    both = ("line", "sample")
    return xr.Dataset(
        {
            "sigma0": (both, sigma0),
            "nesz": (both, np.full((LINES, SAMPLES), 0.003)),
            "incidence": (both, np.broadcast_to(30 + 1e-3 * columns, (LINES, SAMPLES))),
            "longitude": (both, longitude),
            "latitude": (both, latitude),
            "time": ("line", np.datetime64("2021-08-09T17:39:53", "ns")
                     + rows * np.timedelta64(1_500_000, "ns")),
            "lineSpacing": STEP,
            "sampleSpacing": STEP,
        },
        attrs={"swath": "IW", "product": "GRDH", "platform": "SENTINEL-1A",
               "safe": "S1A_IW_GRDH_1SDV_X.SAFE", "ipf_version": 3.31, "pols": "VV",
               "footprint": object(), "multidataset": False},
    )  # fmt: skip


def tile(ds, **kwargs):
    return ops.vignettes(ds, SIZE, SPACING, **kwargs)


def truth_of(image, along, across):
    """Average an image over the pixels of a tile whose middle is at a place, metres."""
    means = []
    for size, middle in zip(image.shape, (along, across), strict=True):
        edges = (
            float(middle) - SIZE / 2 + SPACING * np.arange(round(SIZE / SPACING) + 1)
        )
        means.append(area_weights(STEP * np.arange(size + 1.0), edges).matrix())
    return means[0] @ image @ means[1].T


def test_tiles_are_area_weighted_means_on_the_exact_grid(swath):
    tiles = tile(swath)
    assert tiles.sigma0.dims == ("vignette", "line", "sample")
    assert tiles.sigma0.shape == (3 * 4, 32, 32)
    assert tiles.sigma0.dtype == np.float32
    for k in range(12):
        one = tiles.isel(vignette=k)
        expected = truth_of(
            swath.sigma0.values, one.azimuth_distance, one.range_distance
        )
        np.testing.assert_allclose(one.sigma0, expected, rtol=2e-6)
    np.testing.assert_allclose(tiles.nesz, 0.003, rtol=1e-6)


def test_tiles_reach_from_edge_to_edge(swath):
    tiles = tile(swath)
    for name, length in (("azimuth_distance", 4600), ("range_distance", 6200)):
        middle = np.unique(tiles[name])
        assert middle[0] - SIZE / 2 == middle[0].round() - SIZE / 2 >= 0
        assert middle[0] - SIZE / 2 < SPACING
        assert length - (middle[-1] + SIZE / 2) < SPACING
        assert (np.diff(middle) <= SIZE).all()
        np.testing.assert_allclose(np.diff(middle) % SPACING % SPACING, 0, atol=1e-6)


def test_layout_is_that_of_the_wave_mode(swath):
    tiles = tile(swath)
    assert tiles.row.values.tolist() == [0] * 4 + [1] * 4 + [2] * 4
    assert tiles.column.values.tolist() == [0, 1, 2, 3] * 3
    assert set(tiles.beam.values) == {"iw"}
    assert set(tiles.platform.values) == {"S1A"}
    assert set(tiles.polarisation.values) == {"VV"}
    assert len(set(tiles.vignette_id.values)) == 12
    assert tiles.vignette_id.values[5] == "s1a_iw_grdh_1sdv_x-vv-r01-c01"
    assert float(tiles.pixel_spacing) == 50
    assert float(tiles.tile_size) == SIZE
    assert float(tiles.source_spacing) == STEP
    np.testing.assert_allclose(tiles.ground_heading, HEADING, atol=0.02)
    assert tiles.incidence.dims == ("vignette", "sample")
    middle = tiles.range_distance / STEP - 0.5
    np.testing.assert_allclose(
        tiles.incidence.mean("sample"), 30 + 1e-3 * middle, atol=1e-4
    )
    passed = (tiles.time - swath.time[0]) / np.timedelta64(1, "s")
    np.testing.assert_allclose(
        passed, (tiles.azimuth_distance / STEP - 0.5) * 1.5e-3, atol=1e-8
    )
    assert "footprint" not in tiles.attrs
    assert tiles.attrs["multidataset"] == 0
    assert {"corner_longitude", "corner_latitude"} <= set(tiles.coords)


def test_places_are_right_across_180_degrees(swath):
    tiles = tile(swath)
    along = tiles.azimuth_distance.values - STEP / 2 - 230 * STEP
    across = tiles.range_distance.values - STEP / 2 - 310 * STEP
    longitude, latitude = offset_position(179.98, -40.0, HEADING, along, across)
    np.testing.assert_allclose(tiles.longitude, longitude, atol=2e-6)
    np.testing.assert_allclose(tiles.latitude, latitude, atol=2e-6)
    assert (tiles.longitude > 179).any()
    assert (tiles.longitude < -179).any()
    half = np.array([-SIZE, -SIZE, SIZE, SIZE]) / 2
    longitude, latitude = offset_position(
        179.98,
        -40.0,
        HEADING,
        along[:, None] + half,
        across[:, None] + half[[0, 2, 2, 0]],
    )
    np.testing.assert_allclose(tiles.corner_longitude, longitude, atol=1e-5)
    np.testing.assert_allclose(tiles.corner_latitude, latitude, atol=1e-5)


def counted(ds, names, chunks, touched):
    """Chunk variables, and count how often each chunk is made."""

    def count(block, name, block_info=None):
        touched[name, tuple(block_info[0]["chunk-location"])] += 1
        return block

    out = ds.copy()
    for name in names:
        data = ds[name].chunk(chunks).data
        counting = da.map_blocks(
            count,
            data,
            name,
            dtype=data.dtype,
            meta=np.empty((0, 0), data.dtype),
            token=name,
        )
        out[name] = (ds[name].dims, counting)
    return out


@pytest.mark.parametrize("chunks", [(100, 130), (460, 620), (57, 620), (460, 41)])
@pytest.mark.parametrize("overlap", [0.0, 0.5])
def test_each_chunk_is_read_once_and_nothing_before(swath, no_compute, chunks, overlap):
    touched = Counter()
    sizes = dict(zip(("line", "sample"), chunks, strict=True))
    lazy = counted(swath, ["sigma0", "nesz"], sizes, touched)
    tiles = tile(lazy, overlap=overlap)
    assert not touched
    with dask.config.set(scheduler="threads"):
        reference = tile(swath, overlap=overlap)
        loaded = tiles.compute()
    assert set(touched.values()) == {1}
    blocks = -(-LINES // chunks[0]) * -(-SAMPLES // chunks[1])
    assert len(touched) == 2 * blocks
    np.testing.assert_allclose(loaded.sigma0, reference.sigma0, rtol=3e-6)
    xr.testing.assert_equal(loaded.quality, reference.quality)


def test_lazy_positions_give_lazy_coordinates_of_the_same_values(swath, no_compute):
    lazy = tile(swath.chunk(line=200, sample=200))
    for name in ("longitude", "incidence", "corner_latitude", "ground_heading"):
        assert lazy[name].chunks is not None
    assert lazy.vignette_id.chunks is None
    with dask.config.set(scheduler="threads"):
        loaded, whole = lazy.compute(), tile(swath)
    for name in whole.coords:
        xr.testing.assert_equal(loaded[name], whole[name])


def test_a_row_of_tiles_reads_only_the_lines_that_it_needs(swath):
    touched = Counter()
    lazy = counted(swath, ["sigma0"], {"line": 92, "sample": -1}, touched)
    tile(lazy).sigma0[:4].compute(scheduler="threads")
    assert {place[0] for _, place in touched} == {0, 1}


def test_no_data_is_missing_and_harms_no_neighbour(swath):
    holed = swath.copy(deep=True)
    holed["sigma0"][:, :161] = np.nan
    holed["sigma0"][300:303, 400:403] = np.nan
    tiles, whole = tile(holed), tile(swath)
    assert np.isnan(tiles.sigma0[tiles.column == 0]).all()
    assert (tiles.no_data_fraction[tiles.column == 0] == 1).all()
    flagged = (tiles.quality & Quality.NO_DATA.value) != 0
    # The second column overlaps the first.
    np.testing.assert_array_equal(flagged, tiles.column < 2)
    same = tiles.column > 1
    there = np.isfinite(tiles.sigma0[same])
    assert 0.99 < there.mean() < 1
    np.testing.assert_allclose(
        tiles.sigma0[same].where(there), whole.sigma0[same].where(there), rtol=1e-5
    )


def test_zeros_at_the_border_are_no_data_and_stray_ones_are_data(swath):
    """As xsar gives them: a digital number of zero is minus the noise."""
    number = np.full((LINES, SAMPLES), 50, np.uint16)
    number[:200] = 0
    number[300, 400] = 0
    ds = swath.assign(digital_number=(("line", "sample"), number))
    ds["sigma0"] = ds.sigma0.where(number > 0, -0.003)
    tiles = tile(ds)
    assert np.isnan(tiles.sigma0[tiles.row == 0]).all()
    rest = tiles.isel(vignette=np.flatnonzero(tiles.row == 2))
    assert np.isfinite(rest.sigma0).all()
    expected = truth_of(
        ds.sigma0.values, rest.azimuth_distance[2], rest.range_distance[2]
    )
    np.testing.assert_allclose(rest.sigma0[2], expected, rtol=1e-5)


def test_saturation_is_flagged(swath):
    number = np.full((LINES, SAMPLES), 50, np.uint16)
    number[100:104, 500:504] = 65535
    tiles = tile(swath.assign(digital_number=(("line", "sample"), number)))
    flagged = (tiles.quality & Quality.SATURATED.value) != 0
    assert tiles.vignette_id[flagged.values].values.tolist() == [
        "s1a_iw_grdh_1sdv_x-vv-r00-c03"
    ]


def test_polarisations_follow_each_other(swath):
    cross = swath.sigma0 / 8
    both = xr.concat(
        [swath.sigma0, cross], xr.DataArray(["VV", "VH"], dims="pol", name="pol")
    )
    ds = swath.assign(sigma0=both, nesz=xr.concat([swath.nesz, swath.nesz], both.pol))
    first = tile(ds)
    assert set(first.polarisation.values) == {"VV"}
    tiles = tile(ds, polarisation=["VV", "VH"])
    assert tiles.polarisation.values.tolist() == ["VV"] * 12 + ["VH"] * 12
    np.testing.assert_allclose(tiles.sigma0[12:], tiles.sigma0[:12] / 8, rtol=1e-5)
    np.testing.assert_array_equal(tiles.longitude[12:], tiles.longitude[:12])
    assert len(set(tiles.vignette_id.values)) == 24
    with pytest.raises(errors.DomainError, match="HH"):
        tile(ds, polarisation="HH")


def test_an_unknown_polarisation_is_warned_of(swath):
    del swath.attrs["pols"]
    with pytest.warns(errors.OceansarWarning, match="polarisation"):
        assert "polarisation" not in tile(swath).coords
    assert set(tile(swath, polarisation="HH").polarisation.values) == {"HH"}


def test_slant_range_becomes_ground_range(swath):
    """An SLC product: its samples are further apart on the ground at near range."""
    columns = np.arange(SAMPLES)
    angle = np.linspace(20.0, 45.0, SAMPLES)
    slc = swath.assign(
        incidence=(("line", "sample"), np.broadcast_to(angle, (LINES, SAMPLES)))
    ).assign_attrs(product="SLC", swath="S3")
    tiles = tile(slc)
    edges = np.concatenate([[0], np.cumsum(STEP / np.sin(np.radians(angle)))])
    width = edges[-1]
    first, last = tiles.range_distance.values[[0, -1]]
    assert last - first == pytest.approx(width - SIZE, abs=SPACING)
    at = np.interp(tiles.range_distance, edges, np.arange(SAMPLES + 1)) - 0.5
    np.testing.assert_allclose(
        tiles.incidence.mean("sample"), np.interp(at, columns, angle), atol=0.05
    )


def test_the_ground_range_of_a_part_is_that_of_its_own_lines(swath):
    """The incidence changes along an SLC image, and a part keeps the nodes of the whole."""
    nodes = {"line": [0.0, 40000.0], "sample": [0.0, SAMPLES - 1.0]}
    coarse = xr.Dataset(
        {
            name: (("line", "sample"), np.array(values))
            for name, values in {
                "longitude": [[0.0, 0.1], [0.0, 0.1]],
                "latitude": [[0.0, 0.0], [3.6, 3.6]],
                "incidenceAngle": [[20.0, 20.0], [40.0, 40.0]],
            }.items()
        },
        coords=nodes,
    )
    part = swath.drop_vars(["longitude", "latitude", "incidence"])
    part = part.assign_attrs(product="SLC", swath="SM")
    tree = xr.DataTree.from_dict(
        {"measurement": part, "geolocation_annotation": coarse}
    )
    tiles = tree.oceansar.vignettes(SIZE, SPACING)
    angle = 20 + 20 * (LINES - 1) / 2 / 40000
    width = SAMPLES * STEP / np.sin(np.radians(angle))
    assert float(tiles.source_spacing) == pytest.approx(width / SAMPLES, rel=1e-6)


def test_tiles_of_a_simulated_product_say_so(swath):
    """By the names of the auxiliary files, which xsar passes on: no file is looked for."""
    attrs = {"aux_cal": "S1A_AUX_CAL_V2019_SIMULATED.SAFE", "aux_pp1": None}
    tiles = tile(swath.assign_attrs(attrs))
    assert tiles.attrs["simulated"] == 1
    assert "not a measurement" in tiles.attrs["source"]
    assert tiles.oceansar.gmf_wind().attrs["simulated"] == 1
    real = tile(swath.assign_attrs(aux_cal="S1A_AUX_CAL_V2019.SAFE"))
    assert not {"simulated", "source"} & set(real.attrs)


def test_polarisations_without_names_are_refused():
    sigma0 = xr.DataArray(np.ones((2, 8, 8)), dims=("pol", "line", "sample"))
    with pytest.raises(errors.MissingVariableError, match=r"pol=\['VV', 'VH'\]"):
        sigma0.to_dataset(name="sigma0").oceansar.vignettes()


def test_bursts_are_refused(swath):
    long = swath.assign(lineSpacing=100.0).assign_attrs(product="SLC", swath="IW1")
    with pytest.raises(errors.DomainError, match="burst"):
        ops.vignettes(long, 3200, 100)


@pytest.mark.parametrize(
    ("change", "error", "match"),
    [
        (lambda ds: ds.drop_vars("longitude"), errors.MissingVariableError, "longitude"),
        (lambda ds: ds.drop_vars("lineSpacing"), errors.MissingVariableError, "lineSpacing"),
        (lambda ds: ds.drop_vars("sigma0"), errors.MissingVariableError, "digital_number"),
        (lambda ds: ds.rename(line="y"), errors.DimensionError, "rename"),
        (lambda ds: ds.isel(line=slice(100)), errors.DimensionError, "does not fit"),
        (lambda ds: ds.assign(lineSpacing=80.0), errors.DomainError, "80 m"),
    ],
)  # fmt: skip
def test_what_is_missing_is_said(swath, change, error, match):
    with pytest.raises(error, match=match):
        tile(change(swath))


@pytest.mark.parametrize("kwargs", [{"size": 1630}, {"overlap": 1.0}, {"spacing": 0}])
def test_senseless_sizes_are_refused(swath, kwargs):
    with pytest.raises(errors.DimensionError, match="whole number"):
        ops.vignettes(swath, **{"size": SIZE, "spacing": SPACING, **kwargs})


def test_a_tree_gives_its_coarse_positions(swath, no_compute):
    nodes = {"line": [0, 230, 459], "sample": [0, 310, 619]}
    coarse = swath[["longitude", "latitude", "incidence"]].isel(nodes)
    coarse = coarse.rename(incidence="incidenceAngle").assign_coords(nodes)
    lazy = swath.drop_vars(["longitude", "latitude", "incidence"]).chunk(line=100)
    tree = xr.DataTree.from_dict(
        {"measurement": lazy, "geolocation_annotation": coarse}
    )
    tiles = tree.oceansar.vignettes(SIZE, SPACING)
    assert tiles.longitude.chunks is None
    with dask.config.set(scheduler="threads"):
        whole = tile(swath)
    np.testing.assert_allclose(tiles.latitude, whole.latitude, atol=1e-6)
    assert tiles.attrs["swath"] == "IW"


def test_digital_numbers_of_sixteen_bits_are_calibrated(swath):
    """The square of 300 is more than a uint16 holds."""
    number = xr.DataArray(
        np.full((LINES, SAMPLES), 300, np.uint16), dims=("line", "sample")
    )
    table = xr.full_like(number, 600, float)
    ds = swath.drop_vars(["sigma0", "nesz"]).assign(
        digital_number=number, sigma0_lut=table
    )
    np.testing.assert_allclose(tile(ds).sigma0, 0.25, rtol=1e-6)


def test_operations_work_unchanged(swath, tiny_model):
    """Tiles of 3.2 km are what the tiny model sees."""
    tiles = ops.vignettes(swath, 3200.0, 50.0)
    with pytest.warns(errors.OceansarWarning, match="beam iw"):
        result = tiles.oceansar.retrieve(model=tiny_model)
    assert np.isfinite(result.swh).all()
    assert {"row", "column", "domain"} <= set(result.coords)
    wind = tiles.oceansar.gmf_wind().wind_speed
    assert wind.sizes == {"vignette": tiles.sizes["vignette"]}
    assert np.isfinite(wind).all()


@settings(max_examples=40, deadline=None)
@given(
    cells=st.integers(20, 70),
    step=st.floats(3.0, 9.0),
    cuts=st.lists(st.integers(1, 69), max_size=4),
    data=st.data(),
)
def test_any_blocks_give_the_same_tiles(cells, step, cuts, data):
    axis = TileAxis(
        step * np.arange(cells + 1.0),
        10.0,
        4,
        spread_tiles(step * cells, 10.0, 4, 0.25),
    )
    image = np.random.default_rng(cells).random((cells, cells))
    edges = sorted({0, cells, *(c for c in cuts if c < cells)})
    shares = [
        reduce_block(image[a:b, c:d], None, None, lines=axis, samples=axis, at=(a, c))
        for a, b in pairwise(edges)
        for c, d in pairwise(edges)
    ]
    row = data.draw(st.integers(0, axis.first.size - 1))
    cut = cut_tiles(shares, row, axis, axis)["sigma0"]
    whole = area_weights(axis.edges, axis.edges_out).matrix()
    expected = whole @ image @ whole.T
    for column, first in enumerate(axis.first):
        rows = slice(axis.first[row], axis.first[row] + 4)
        np.testing.assert_allclose(
            cut[column], expected[rows, first : first + 4], rtol=1e-5
        )


@given(length=st.floats(100, 5000), size=st.integers(1, 10), overlap=st.floats(0, 0.9))
def test_tiles_cover_an_axis_with_the_least_overlap(length, size, overlap):
    first = spread_tiles(length, 10.0, size, overlap)
    assert first[0] == 0
    assert first[-1] + size == int(np.floor(length / 10 + 1e-6))
    assert (np.diff(first) <= max(round(size * (1 - overlap)), 1)).all()
    assert (np.diff(first) > 0).all()
