import numpy as np
import pytest

from xoceansar.evaluate import HAND_FEATURES, hand_features


def swell(wavelength, degrees, spacing=50.0, size=256, amplitude=0.3):
    y, x = np.mgrid[:size, :size] * spacing
    k = 2 * np.pi / wavelength
    phase = k * (x * np.cos(np.radians(degrees)) + y * np.sin(np.radians(degrees)))
    return 0.1 * (1 + amplitude * np.cos(phase))


def named(image, **kwargs):
    values = hand_features(image, spacing=50.0, wv1=kwargs.pop("wv1", False))
    return dict(zip(HAND_FEATURES, values, strict=True))


def test_there_are_68_with_unique_names():
    assert len(HAND_FEATURES) == len(set(HAND_FEATURES)) == 68


def test_moments_of_a_known_wave():
    features = named(swell(400, 20), wv1=True)
    assert features["log_mean"] == pytest.approx(np.log(0.1), abs=0.01)
    assert features["log_normalised_variance"] == pytest.approx(
        np.log(0.3**2 / 2), abs=0.02
    )
    assert features["kurtosis"] == pytest.approx(1.5, abs=0.02)
    assert features["is_wv1"] == 1.0


@pytest.mark.parametrize(
    ("wavelength", "degrees"), [(700, 15), (400, 45), (250, 105), (140, 165)]
)
def test_power_peaks_in_the_band_and_sector_of_the_wave(wavelength, degrees):
    features = named(swell(wavelength, degrees))
    powers = {k: v for k, v in features.items() if k.startswith("log_power")}
    band = int(8 * np.log(900 / wavelength) / np.log(900 / 110))
    sector = int(degrees / 30)
    assert max(powers, key=powers.get) == f"log_power_band{band}_sector{sector}"


def test_only_the_level_changes_with_a_gain():
    image = swell(300, 60)
    low, high = named(image), named(10 * image)
    assert high.pop("log_mean") - low.pop("log_mean") == pytest.approx(np.log(10))
    assert high == pytest.approx(low, abs=1e-4)
