import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xoceansar.errors import DimensionError
from xoceansar.sar.cfar import cfar


def sea(seed=0, size=128, level=0.05, looks=100):
    rng = np.random.default_rng(seed)
    return level * rng.gamma(looks, 1 / looks, (size, size))


def test_a_bright_target_is_found_with_its_box():
    image = sea()
    image[40:44, 60:67] = 0.6
    box, score = cfar(image, spacing=50.0, threshold=5.0)
    np.testing.assert_allclose(box * 128, [[40, 60, 44, 67]], atol=1e-4)
    assert score[0] > 15


def test_targets_come_the_brightest_first_and_each_has_its_own():
    image = sea()
    image[20:22, 20:22], image[90:93, 100:103], image[20:22, 27:29] = 0.3, 0.9, 0.2
    box, score = cfar(image, spacing=50.0, threshold=8.0)
    assert (np.diff(score) < 0).all()
    np.testing.assert_allclose(
        box * 128,
        [[90, 100, 93, 103], [20, 20, 22, 22], [20, 27, 22, 29]],
        atol=1e-4,
    )


def test_speckle_alone_gives_no_target():
    assert len(cfar(sea(), spacing=50.0, threshold=5.0)[1]) == 0


def test_a_sea_without_speckle_has_the_spread_of_a_hundred_looks():
    image = np.full((128, 128), 0.05)
    image[64, 64] *= 10**0.4  # 4 dB above the sea
    score = cfar(image, spacing=50.0, threshold=5.0)[1]
    np.testing.assert_allclose(score, [4 / 0.43], rtol=1e-5)


def test_the_local_sea_counts_and_not_the_whole_image():
    """A front of +8 dB is no target; the same step on a few pixels is one."""
    image = sea()
    image[:, 64:] *= 6.0
    alone = cfar(image, spacing=50.0, threshold=5.0)[1]
    image[30:33, 20:23] *= 6.0
    box, _ = cfar(image, spacing=50.0, threshold=5.0)
    assert len(alone) == 0
    np.testing.assert_allclose(box * 128, [[30, 20, 33, 23]], atol=1e-4)


@settings(max_examples=15, deadline=None)
@given(st.floats(1e-3, 30.0), st.integers(0, 5))
def test_the_gain_of_the_radar_does_not_matter(gain, seed):
    image = sea(seed)
    image[50:52, 50:53] = 0.4
    box, score = cfar(image, spacing=50.0, threshold=4.0)
    again, other = cfar(gain * image, spacing=50.0, threshold=4.0)
    np.testing.assert_allclose(again, box)
    np.testing.assert_allclose(other, score, rtol=1e-5)


def test_windows_are_metres_and_not_pixels():
    """A patch of 1 km fills the guard window at 50 m; at 10 m the same pixels are 200 m."""
    image = sea(size=256)
    image[100:120, 100:120] *= 4.0
    assert len(cfar(image, spacing=50.0, threshold=5.0)[1]) == 1
    image = sea(size=256)
    image[60:180, 60:180] *= 4.0  # 6 km: no target but another sea
    inner = cfar(image, spacing=50.0, threshold=5.0)[0]
    assert len(inner) == 0


def test_pixels_without_data_are_neither_target_nor_sea():
    image = sea()
    image[:, :40] = np.nan
    image[70:73, 80:83] = 0.5
    box, _ = cfar(image, spacing=50.0, threshold=5.0)
    np.testing.assert_allclose(box * 128, [[70, 80, 73, 83]], atol=1e-4)
    assert len(cfar(np.full((64, 64), np.nan), spacing=50.0, threshold=5.0)[1]) == 0


def test_negative_pixels_after_noise_removal_are_harmless():
    image = sea(level=0.001, looks=1) - 0.0008
    box, score = cfar(image, spacing=50.0, threshold=8.0)
    assert np.isfinite(score).all()
    assert box.shape == (len(score), 4)


def test_a_block_of_images_is_refused():
    with pytest.raises(DimensionError, match=r"one image.*\(2, 8, 8\)"):
        cfar(np.ones((2, 8, 8)), spacing=50.0, threshold=5.0)
