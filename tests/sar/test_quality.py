import numpy as np
import pytest

from xoceansar.conventions import Quality
from xoceansar.sar.pixel_quality import implausible_nesz, pixel_flags, sea_ice_possible


def image(missing=0, negative=0):
    values = np.full((20, 20), 0.1, np.float32)
    values.flat[:missing] = np.nan
    values.flat[missing : missing + negative] = -1e-3
    return values


@pytest.mark.parametrize(
    ("missing", "negative", "saturated", "flags"),
    [
        (0, 0, 0.0, Quality(0)),
        (4, 20, 1e-4, Quality(0)),
        (5, 0, 0.0, Quality.NO_DATA),
        (0, 21, 0.0, Quality.BELOW_NOISE),
        (0, 0, 2e-4, Quality.SATURATED),
        (400, 0, 0.0, Quality.NO_DATA),
        (100, 100, 1.0, Quality.NO_DATA | Quality.BELOW_NOISE | Quality.SATURATED),
    ],
)
def test_flags_and_fractions(missing, negative, saturated, flags):
    found, no_data, below = pixel_flags(image(missing, negative), saturated)
    assert found == flags
    np.testing.assert_allclose([no_data, below], [missing / 400, negative / 400])


@pytest.mark.parametrize("decibel", [-49.0, -26.0, -22.0, -11.0])
def test_a_plausible_nesz(decibel):
    assert implausible_nesz(np.full((3, 3), 10 ** (decibel / 10), np.float32)) is None


@pytest.mark.parametrize("value", [0.0, 3.1e-7, 0.2, 10.0])
def test_an_implausible_nesz_is_told(value):
    nesz = np.full((3, 3), value, np.float32)
    nesz[0] = np.nan
    np.testing.assert_allclose(implausible_nesz(nesz), value, rtol=1e-6)
    assert implausible_nesz(np.full((3, 3), np.nan, np.float32)) is None


def test_sea_ice_hint():
    latitudes = [-80, -55, -54.9, 0, 59.9, 60, 85]
    expected = [True, True, False, False, False, True, True]
    assert [sea_ice_possible(lat) for lat in latitudes] == expected
