"""Moments of the intensity against distributions, whole images and blocks of any size."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy import stats

from xoceansar.spectra.intensity_moments import intensity_moments

IMAGE = np.random.default_rng(5).gamma(0.7, size=(83, 41))


def of_whole(image):
    values = image[np.isfinite(image)]
    relative = values.var() / values.mean() ** 2
    return (
        values.size, values.mean(), relative, stats.skew(values), stats.kurtosis(values), (relative - 1) / 2,
    )  # fmt: skip


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(0, 83), max_size=8), st.sampled_from([1e-4, 1.0, 1e6]))
def test_blocks_have_the_moments_of_the_whole(cuts, level):
    blocks = np.split(level * IMAGE, sorted(cuts))
    assert_allclose(intensity_moments(blocks), of_whole(level * IMAGE), rtol=1e-9)


def test_small_changes_on_a_high_level_are_exact():
    image = 1e6 + IMAGE
    found = intensity_moments(np.array_split(image, 7))
    assert found.skewness == pytest.approx(stats.skew(IMAGE, axis=None), rel=1e-6)
    assert found.excess_kurtosis == pytest.approx(stats.kurtosis(IMAGE, axis=None), rel=1e-6)  # fmt: skip


def test_single_look_speckle_has_its_moments():
    draw = np.random.default_rng(1)
    pixels = (draw.normal(size=(2, 1000, 2000))).astype(np.float32)
    found = intensity_moments(iter((pixels[0] + 1j * pixels[1]).reshape(10, 100, 2000)))
    assert found.mean == pytest.approx(2, rel=0.01)
    assert found.normalised_variance == pytest.approx(1, rel=0.01)
    assert found.skewness == pytest.approx(2, rel=0.03)
    assert found.excess_kurtosis == pytest.approx(6, rel=0.1)
    assert found.modulation_variance == pytest.approx(0, abs=0.005)


def test_the_texture_of_the_sea_is_the_modulation_variance():
    draw = np.random.default_rng(2)
    texture = draw.gamma(10.0, 0.1, size=(1000, 2000))
    found = intensity_moments([texture * draw.exponential(size=texture.shape)])
    assert found.modulation_variance == pytest.approx(0.1, rel=0.05)


def test_what_is_not_finite_is_left_out():
    image = IMAGE.copy()
    image[3], image[7, 2] = np.nan, np.inf
    assert_allclose(intensity_moments(np.split(image, 83)), of_whole(image), rtol=1e-9)
    gap = np.array([[complex(np.nan, 1), 1 + 1j, 2 + 0j]], np.complex64)
    assert intensity_moments([gap]).pixels == 2
    assert intensity_moments([gap]).mean == 3


@pytest.mark.parametrize("blocks", [[], [np.full((2, 3), np.nan)]])
def test_no_pixels_have_no_moments(blocks):
    found = intensity_moments(blocks)
    assert found.pixels == 0
    assert np.isnan(found[1:]).all()


def test_pixels_that_are_alike_have_no_shape():
    found = intensity_moments([np.full((4, 4), 3.0)])
    assert (found.pixels, found.mean, found.normalised_variance) == (16, 3.0, 0.0)
    assert np.isnan([found.skewness, found.excess_kurtosis]).all()
