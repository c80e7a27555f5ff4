"""Other people's readers on the written product."""

import numpy as np
import pytest
import xarray as xr

from tests.simulate.made_scenes import made_scene
from xoceansar.simulate.products.safe_product import truth_path, write_safe

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore"),
]


@pytest.fixture(scope="module")
def scenes():
    return [made_scene("wv1", 0.3), made_scene("wv2", 0.1)]


@pytest.mark.parametrize(
    "ipf", ["2.53", "2.72", "2.84", "2.90", "2.91", "3.10", "3.31", "3.40"]
)
def test_xsar_finds_the_mean_sigma0_and_the_noise(tmp_path, scenes, ipf):
    xsar = pytest.importorskip("xsar")
    platform = "S1A" if ipf < "2.91" else "S1B"
    product = write_safe(
        tmp_path, scenes=scenes, scale=0.25, ipf=ipf, platform=platform
    )
    truth = xr.open_dataset(truth_path(product), engine="scipy")
    for number, view in enumerate(scenes, start=1):
        opened = xsar.Sentinel1Dataset(f"SENTINEL1_DS:{product}:WV_{number:03d}")
        opened.add_high_resolution_variables()
        opened.apply_calibration_and_denoising()
        ds = opened.dataset
        assert ds.attrs["ipf_version"] == float(ipf)
        sigma0 = ds.sigma0.isel(pol=0).values
        assert np.isfinite(sigma0).all()
        error = 10 * np.log10(sigma0.mean() / float(truth.sigma0_mean[number - 1]))
        # A million looks: 0.004 dB at one sigma.
        assert abs(error) < 0.02
        line, sample = ds.sizes["line"] // 2, ds.sizes["sample"] // 2
        nesz = ds.nesz.isel(pol=0, line=[0, line, -1], sample=sample).values
        np.testing.assert_allclose(nesz, view.nesz[len(view.nesz) // 2], rtol=2e-3)
        centre = ds[["longitude", "latitude", "incidence"]].isel(
            line=line, sample=sample
        )
        assert float(centre.longitude) == pytest.approx(
            float(truth.longitude[number - 1]), abs=1e-4
        )
        assert float(centre.latitude) == pytest.approx(
            float(truth.latitude[number - 1]), abs=1e-4
        )
        assert float(centre.incidence) == pytest.approx(
            view.environment.incidence, abs=1e-3
        )


def test_safe_s1_parses_every_group(tmp_path):
    safe_s1 = pytest.importorskip("safe_s1")
    product = write_safe(tmp_path, scenes=[made_scene()], scale=0.05)
    reader = safe_s1.Sentinel1Reader(f"SENTINEL1_DS:{product}:WV_001")
    groups = reader.datatree
    assert groups["orbit"].sizes["time"] == 13
    assert groups["geolocationGrid"].sizes == {"line": 4, "sample": 21}
    assert groups["antenna_pattern"].gain.max() == pytest.approx(1.0, abs=1e-3)
    assert float(groups["image"].incidenceAngleMidSwath) == pytest.approx(
        23.8, abs=1e-6
    )
    assert groups["azimuth_fmrate"].sizes["azimuthTime"] == 1
