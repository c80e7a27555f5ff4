"""A simulated sea in a real wide-swath product."""

import os
from pathlib import Path

import numpy as np
import pytest

from xoceansar.errors import DomainError, OceansarError
from xoceansar.simulate import fill_safe

DATA = Path(os.environ.get("XOCEANSAR_SAFE_DATA", "/nowhere"))
PRODUCTS = sorted(DATA.glob("S1?_*_GRD*"))
IW = [p for p in PRODUCTS if "_IW_" in p.name]

needs_iw = pytest.mark.skipif(not IW, reason="no metadata of a real IW product here")


def sea(line, sample, incidence):
    return 0.08 + 1e-5 * line + 5e-6 * sample + 0 * incidence


def test_a_folder_that_is_no_product_is_refused(tmp_path):
    (tmp_path / "some").mkdir()
    with pytest.raises(OceansarError, match="no SAFE"):
        fill_safe(tmp_path / "some", tmp_path / "out", sea)


@needs_iw
def test_sizes_are_checked(tmp_path):
    with pytest.raises(DomainError, match="numberOfLines"):
        fill_safe(IW[0], tmp_path, sea, lines=10**6)


@pytest.mark.slow
@needs_iw
def test_tiles_have_the_mean_of_the_truth_and_of_xsar(tmp_path):
    xsar = pytest.importorskip("xsar")
    safe = fill_safe(IW[0], tmp_path, sea, lines=1100, samples=1500, seed=1)
    assert (safe / "SIMULATED.txt").exists()
    opened = xsar.Sentinel1Dataset(str(safe), chunks={"line": 400, "sample": 600})
    tiles = opened.datatree.oceansar.vignettes(size=4800.0).compute()
    assert tiles.sizes["vignette"] == 3 * 4
    assert set(tiles.polarisation.values) == {"VV"}
    theirs = opened.dataset.sigma0.sel(pol="VV").values
    for k in range(tiles.sizes["vignette"]):
        one = tiles.isel(vignette=k)
        line, sample = (
            round(float(one[n]) / 10) - 240
            for n in ("azimuth_distance", "range_distance")
        )
        ours = float(one.sigma0.mean())
        other = theirs[line : line + 480, sample : sample + 480].mean()
        truth = float(sea(line + 239.5, sample + 239.5, 0))
        assert abs(10 * np.log10(ours / other)) < 1e-3
        assert abs(10 * np.log10(ours / truth)) < 0.05  # 60,000 independent looks
    assert float(tiles.incidence.min()) == pytest.approx(30.47, abs=0.05)
    whole = xsar_dataset_tiles(opened)
    np.testing.assert_allclose(whole.sigma0, tiles.sigma0, rtol=1e-6)
    np.testing.assert_allclose(whole.longitude, tiles.longitude, atol=1e-4)
    np.testing.assert_allclose(whole.incidence, tiles.incidence, atol=0.02)
    cross = opened.datatree.oceansar.vignettes(size=4800.0, polarisation="VH").compute()
    assert np.isnan(cross.sigma0).all()


def xsar_dataset_tiles(opened):
    return opened.dataset.oceansar.vignettes(size=4800.0).compute()
