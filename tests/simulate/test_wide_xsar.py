"""A known sea in real IW, EW and stripmap products, through xsar and into tiles."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from tests.simulate.real_products import NESZ, complete, real
from xoceansar.conventions import Domain
from xoceansar.io import repair_xsar
from xoceansar.ops.domain import domain_flags
from xoceansar.sar.polarisation import polarisation_ratio
from xoceansar.simulate import fill_safe

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

#: Largest difference of the mean sigma0 of a tile, dB.
BAR = 0.02


def sea(line, sample, incidence):
    return 0.02 + 1e-5 * line + 1e-6 * sample + 0 * incidence


@pytest.fixture(scope="module")
def xsar():
    """xsar, repaired, and without a slow variable."""
    module = pytest.importorskip("xsar")
    mappings = pytest.importorskip("safe_s1.sentinel1_xml_mappings").compounds_vars
    kind = module.Sentinel1Dataset
    with pytest.MonkeyPatch.context() as patch:
        for name in ("swath_merging", "noise_lut_range_raw"):
            patch.setitem(mappings[name], "func", mappings[name]["func"])
        whole = kind.corrected_range_noise_lut
        patch.setattr(kind, "corrected_range_noise_lut", whole)
        patch.setattr(kind, "add_swath_number", lambda self: None)
        patch.setattr(kind, "_xoceansar_repaired", False, raising=False)
        repair_xsar()
        yield module


@dataclass
class Case:
    """A product, how much of it, its speckle, and the tiles to cut."""

    pattern: str
    lines: int
    samples: int
    polarisation: str
    looks: float
    size: float
    tiles: int
    opened: Any = None


#: Many looks, so that the mean is that of the sea, and still no even steps of whole numbers.
CASES = [
    Case("S1A_IW_GRDH*", 1100, 1500, "VV", 300.0, 4800.0, 12),
    Case("S1A_EW_GRDM*", 600, 10487, "HH", 300.0, 19200.0, 44),
    Case("S1C_S4_GRDH*", 1000, 1500, "HH", 300.0, 4800.0, 12),
    Case("S1A_S3_SLC*", 2100, 3000, "VV", 1.0, 4800.0, 6),
]


@pytest.fixture(scope="module", params=CASES, ids=lambda case: case.pattern[4:-1])
def case(request, xsar, tmp_path_factory):
    case = request.param
    folder = tmp_path_factory.mktemp("product")
    safe = fill_safe(
        complete(case.pattern, folder), folder / "filled", sea,
        lines=case.lines, samples=case.samples, looks=case.looks, seed=1,
    )  # fmt: skip
    case.opened = xsar.Sentinel1Dataset(str(safe), chunks={"line": 512, "sample": 2048})
    if "SLC" in case.pattern:
        case.opened.add_high_resolution_variables()
        case.opened.apply_calibration_and_denoising()
    return case


@pytest.fixture(scope="module")
def tiles(case):
    return case.opened.datatree.oceansar.vignettes(size=case.size).compute()


def sample_edges(case):
    """Distance of the edges of the samples from near range: xsar's own ground spacing."""
    return np.r_[0, np.cumsum(case.opened.dataset.range_ground_spacing.values)]


def truth_of(case, tile):
    """Return the sea at the pixels of a tile, in VV."""
    pixels = tile.sizes["line"]
    steps = (np.arange(pixels) + 0.5) * 50 - case.size / 2
    line = (float(tile.azimuth_distance) + steps) / float(
        case.opened.dataset.lineSpacing
    )
    edges = sample_edges(case)
    sample = np.interp(float(tile.range_distance) + steps, edges, np.arange(edges.size))
    return sea(line[:, None] - 0.5, sample[None] - 0.5, 0)


def well_covered(tiles):
    """Tiles that the staggered start of the sub-swaths leaves three quarters of."""
    found = np.flatnonzero(tiles.no_data_fraction < 0.25)
    assert found.size >= 6
    return found


def decibel(ratio):
    return abs(10 * np.log10(ratio))


def test_tiles_have_the_mean_of_the_truth(case, tiles):
    assert tiles.sizes["vignette"] == case.tiles
    assert set(tiles.polarisation.values) == {case.polarisation}
    worst = 0.0
    for k in well_covered(tiles):
        tile = tiles.isel(vignette=k)
        truth = truth_of(case, tile)
        if case.polarisation == "HH":
            truth = truth / polarisation_ratio(tile.incidence.values)
        good = np.isfinite(tile.sigma0.values)
        assert good.mean() == pytest.approx(1 - float(tile.no_data_fraction), abs=1e-6)
        worst = max(
            worst, decibel(tile.sigma0.values[good].mean() / truth[good].mean())
        )
    assert worst < BAR


def test_tiles_have_the_mean_of_xsar(case, tiles):
    ds = case.opened.dataset
    theirs = ds.sigma0.sel(pol=case.polarisation).values
    rows = np.arange(theirs.shape[0] + 1) * float(ds.lineSpacing)
    columns = sample_edges(case)
    compared = 0
    for k in range(case.tiles):
        tile = tiles.isel(vignette=k)
        if tile.no_data_fraction > 0:  # xsar has NaN there
            continue
        parts = []
        for edges, middle in (
            (rows, tile.azimuth_distance), (columns, tile.range_distance)
        ):  # fmt: skip
            ends = float(middle) + np.array([-0.5, 0.5]) * case.size
            covered = np.diff(np.clip(edges, *ends))
            parts.append(covered / covered.sum())
        inside = np.ix_(parts[0] > 0, parts[1] > 0)
        mean = parts[0][parts[0] > 0] @ theirs[inside] @ parts[1][parts[1] > 0]
        assert decibel(float(tile.sigma0.mean(dtype=float)) / mean) < 1e-4
        compared += 1
    assert compared >= 6


def test_hh_becomes_the_sea_in_vv(case, tiles):
    converted = tiles.oceansar.to_vv()
    assert set(converted.polarisation.values) == {"VV"}
    for k in well_covered(tiles):
        tile = converted.isel(vignette=k)
        good = np.isfinite(tile.sigma0.values)
        truth = truth_of(case, tile)[good].mean()
        assert decibel(tile.sigma0.values[good].mean() / truth) < BAR


def same_place(found, expected):
    """Compare positions to 0.0004 degrees, and to 0.001 in the Arctic.

    xsar is linear in longitude and latitude between nodes 20 km apart, which at 80 degrees is
    60 m away from the straight line.
    """
    polar = np.abs(expected.latitude.values) > 70
    limit = np.where(polar, 1e-3, 4e-4)
    scale = np.cos(np.radians(expected.latitude.values))
    north = np.abs(found.latitude.values - expected.latitude.values)
    east = np.abs(found.longitude.values - expected.longitude.values) * scale
    assert (np.maximum(north, east) < limit).all()


def test_a_dataset_gives_the_same_tiles_as_the_tree(case, tiles):
    whole = case.opened.dataset.oceansar.vignettes(size=case.size).compute()
    np.testing.assert_allclose(whole.sigma0, tiles.sigma0, rtol=1e-4)
    same_place(whole, tiles)
    np.testing.assert_allclose(whole.incidence, tiles.incidence, atol=0.03)


def test_places_and_angles_are_those_of_xsar(case, tiles):
    ds = case.opened.dataset
    line = tiles.azimuth_distance / float(ds.lineSpacing) - 0.5
    edges = sample_edges(case)
    sample = np.interp(tiles.range_distance, edges, np.arange(edges.size)) - 0.5
    nearest = sample.round().astype(int)
    at = {"line": line.round().astype(int), "sample": ("vignette", nearest)}
    theirs = ds[["longitude", "latitude", "incidence"]].isel(at)
    middle = tiles.incidence.isel(sample=tiles.sizes["sample"] // 2)
    np.testing.assert_allclose(middle, theirs.incidence, atol=0.01)
    same_place(tiles, theirs)


def test_the_domain_says_in_what_they_differ(case, tiles, tiny_model):
    flags = domain_flags(tiles.sigma0, tiny_model)
    first = Domain(int(flags[0]))
    assert Domain.BEAM in first
    assert (Domain.POLARISATION in first) == (case.polarisation == "HH")
    assert (Domain.RESOLUTION in first) == ("EW" in case.pattern)
    converted = domain_flags(tiles.oceansar.to_vv().sigma0, tiny_model)
    np.testing.assert_array_equal(converted, flags)


def test_tiles_of_a_simulated_product_say_so(case, tiles):
    assert tiles.attrs["simulated"] == 1
    assert "not a measurement" in tiles.attrs["source"]
    wind = tiles.oceansar.to_vv().oceansar.gmf_wind()
    assert wind.attrs["simulated"] == 1


def test_noise_is_that_of_the_product(case, tiles):
    if "SLC" not in case.pattern:
        pytest.skip("its noise is the product's own")
    middle = tiles.range_distance.values
    edges = sample_edges(case)
    sample = np.interp(middle, edges, np.arange(edges.size))
    expected = NESZ * (1 + 0.2 * (2 * sample / 18997 - 1) ** 2)
    found = tiles.nesz.mean(("line", "sample"))
    np.testing.assert_allclose(found, expected, rtol=2e-3)


def test_cross_polarisation_holds_no_data(case):
    cross = case.polarisation[0] + ("H" if case.polarisation == "VV" else "V")
    tiles = case.opened.datatree.oceansar.vignettes(size=case.size, polarisation=cross)
    assert np.isnan(tiles.sigma0[:1].compute()).all()


def test_a_real_product_that_was_not_filled_is_not_called_simulated(xsar, tmp_path):
    """Only its manifest is read here: the attributes are xsar's."""
    meta = xsar.Sentinel1Meta(str(real("S1A_IW_GRDH*")))
    assert not any(
        str(meta.manifest_attrs[name]).endswith("_SIMULATED.SAFE")
        for name in ("aux_cal", "aux_pp1", "aux_ins")
    )
