"""What was acquired while its satellite was not calibrated is flagged when it is read."""

import numpy as np
import pytest

import xoceansar as xos
from tests.io.conftest import make_product
from tests.io.test_ocn import write
from xoceansar.conventions import Quality
from xoceansar.errors import OceansarWarning

SUSPECT = Quality.CALIBRATION_SUSPECT.value


def _real(product):
    """Make a simulated product pass for a real one, for which alone the events hold."""
    manifest = product / "manifest.safe"
    text = manifest.read_text()
    assert "Simulated, not a measurement" in text
    manifest.write_text(text.replace("Simulated, not a measurement", "a facility"))
    return product


def _flags(product):
    ds = xos.open_wave_mode(product, shape=(16, 16), spacing=100.0)
    return ds["quality"].values & SUSPECT


@pytest.mark.filterwarnings("ignore:land cannot be flagged")
def test_images_of_an_uncalibrated_satellite_are_suspect(tmp_path):
    early = make_product(
        tmp_path / "a", platform="S1C", start="2025-05-21T08:00:00", ipf="003.91"
    )
    assert _flags(early).tolist() == [0] * 4  # simulated: nothing happened to it
    with pytest.warns(
        OceansarWarning, match="is of a time when S1C was not calibrated"
    ):
        assert _flags(_real(early)).tolist() == [SUSPECT] * 4
    late = make_product(
        tmp_path / "b", platform="S1C", start="2025-05-21T13:00:00", ipf="003.92"
    )
    assert _flags(_real(late)).tolist() == [0] * 4


@pytest.mark.filterwarnings("ignore:land cannot be flagged")
@pytest.mark.parametrize("ipf", ["004.02", "4.10"])
def test_sentinel_1d_and_processor_4_are_read_without_doubt(tmp_path, ipf):
    product = _real(
        make_product(tmp_path, platform="S1D", start="2026-03-01T08:00:00", ipf=ipf)
    )
    ds = xos.open_wave_mode(product, shape=(16, 16), spacing=100.0).load()
    assert set(ds.platform.values) == {"S1D"}
    assert (ds["quality"] & SUSPECT == 0).all()
    assert ds.noise_scaling.values.tolist() == [1.0] * 4


def test_level_2_of_an_uncalibrated_satellite_is_suspect(tmp_path):
    path = write(tmp_path)
    early = path.with_name(
        path.name.replace("s1a", "s1c").replace("20260112", "20250512")
    )
    path.rename(early)
    attrs = {
        "firstMeasurementTime": "2025-05-12T04:58:17Z",
        "lastMeasurementTime": "2025-05-12T04:58:20Z",
    }
    path.parent.joinpath(early.name).unlink()
    write(tmp_path / "b", attrs=attrs).rename(early)
    ds = xos.open_ocn(early)
    assert ds["quality"].values.tolist() == [SUSPECT]
    np.testing.assert_allclose(ds.sigma0_mean, 0.01, rtol=1e-6)  # and keeps its values
    write(tmp_path / "c", attrs=attrs | {"simulated": np.int32(1)}).rename(early)
    assert xos.open_ocn(early)["quality"].values.tolist() == [0]
