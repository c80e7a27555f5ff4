"""Azimuth and range spectra of written pixels, and the times at which they see the sea."""

from dataclasses import replace

import numpy as np
import pytest

from tests.simulate.made_scenes import made_scene
from tests.simulate.test_safe_pixels import drawn, intensity
from xoceansar.simulate import Environment, scene
from xoceansar.simulate.products.acquisition import IMAGING
from xoceansar.simulate.products.doppler_band import (
    DopplerBand,
    draw_doppler_band,
    fm_rate,
)
from xoceansar.simulate.sea.environment import Swell

TIMES = (-0.206, 0.0, 0.206)
BAND = DopplerBand((25.0, 4e4, 0.0), -11.0)


def complex_pixels(pixels):
    return pixels[..., 0] + 1j * pixels[..., 1]


def power_spectrum(field, axis):
    other = 1 - axis
    return (abs(np.fft.fft(field, axis=axis)) ** 2).mean(axis=other)


def hamming(position):
    window = 0.75 + 0.25 * np.cos(2 * np.pi * position)
    return np.where(abs(position) <= 0.5, window, 0.0)


def wrapped(frequency, sampling):
    return frequency - sampling * np.round(frequency / sampling)


@pytest.mark.parametrize("beam", ["wv1", "wv2"])
def test_the_azimuth_spectrum_is_the_window_about_the_centroid(beam):
    frame, gain, pixels = drawn(made_scene(beam, 1.0), lines=1500, band=BAND)
    power = power_spectrum(complex_pixels(pixels) / gain, 0)
    rate = 1 / frame.line_interval
    offset = wrapped(np.fft.fftfreq(frame.lines, 1 / rate) - 14.0, rate)
    # The trend over a tenth of a swath is under a hertz.
    assert BAND.centroid(frame, frame.samples) == pytest.approx(14.0, abs=0.5)
    expected = hamming(offset / 1337.0) ** 2
    expected *= power.mean() / expected.mean()
    inside, outside = abs(offset) < 650, abs(offset) > 690
    # 400 samples and 20 frequencies a mean: 1.5 % at one sigma.
    order = np.argsort(offset[inside])
    for part in np.array_split(order, 50):
        found = power[inside][part].mean()
        assert found == pytest.approx(expected[inside][part].mean(), rel=0.06)
    assert power[outside].max() < 0.01 * power.max()  # leakage of the image's ends


@pytest.mark.parametrize("beam", ["wv1", "wv2"])
def test_the_range_spectrum_is_the_window_of_the_annotation(beam):
    frame, gain, pixels = drawn(made_scene(beam, 1.0), lines=1500, scale=0.2)
    power = power_spectrum(complex_pixels(pixels) / gain, 1)
    position = np.fft.fftfreq(frame.samples, 2 * frame.sample_spacing / 299792458)
    position /= IMAGING[beam].bandwidth
    expected = hamming(position) ** 2
    expected *= power.mean() / expected.mean()
    inside = abs(position) < 0.48
    for part in np.array_split(np.argsort(position[inside]), 30):
        found = power[inside][part].mean()
        assert found == pytest.approx(expected[inside][part].mean(), rel=0.06)
    assert power[abs(position) > 0.53].max() < 0.01 * power.max()


def moving_scene(beam, omega, direction=0.0, depth=0.6):
    """A wave of 400 m that runs through the looks; +x is 0, +y is 90 degrees."""
    n, spacing = 432, 50.0
    k = 2 * np.pi / 400.0
    y, x = np.mgrid[:n, :n] * spacing
    along = k * (x * np.cos(np.radians(direction)) + y * np.sin(np.radians(direction)))
    looks = [1 + depth * np.cos(along - omega * t) for t in TIMES]
    view = made_scene(beam, sigma0=np.mean(looks, axis=0), nesz_db=-60.0)
    return replace(view, looks=np.array(looks, np.float32), look_times=TIMES)


def sub_looks(field, frame, centroid, width=446.0):
    """Intensities of three looks in the order of time: the highest Doppler comes first."""
    rate = 1 / frame.line_interval
    spectrum = np.fft.fft(field, axis=0)
    offset = wrapped(np.fft.fftfreq(frame.lines, 1 / rate) - centroid, rate)
    window = hamming(offset / 1337.0)
    spectrum /= np.where(window > 0, window, np.inf)[:, None]
    bands = [abs(offset - c * width) < width / 2 for c in (1, 0, -1)]
    return [abs(np.fft.ifft(spectrum * band[:, None], axis=0)) ** 2 for band in bands]


def keys(frequency):
    """Transform of Keys' kernel of cubic convolution, at cycles per cell."""
    x = (np.arange(2000) + 0.5) / 1000
    near, far = 1 - 2.5 * x**2 + 1.5 * x**3, 2 - 4 * x + 2.5 * x**2 - 0.5 * x**3
    kernel = np.where(x < 1, near, far)
    return 2 * (kernel * np.cos(2 * np.pi * frequency * x)).sum() / 1000


@pytest.mark.parametrize("beam", ["wv1", "wv2"])
@pytest.mark.parametrize("direction", [0.0, 70.0, 180.0, -110.0])
def test_looks_see_a_wave_at_their_own_times(beam, direction):
    omega = 0.9
    view = moving_scene(beam, omega, direction)
    frame, gain, pixels = drawn(view, lines=1200, scale=0.25, band=BAND)
    field = complex_pixels(pixels) / gain
    looks = sub_looks(field, frame, 14.0)
    separation = 446.0 / abs(float(fm_rate(frame, frame.samples // 2)))
    assert separation == pytest.approx({"wv1": 0.184, "wv2": 0.206}[beam], rel=0.02)
    line = (np.arange(frame.lines) - frame.centre[0]) * frame.azimuth_spacing
    turn = np.radians(direction)
    wave = np.exp(
        -2j
        * np.pi
        / 400
        * (np.cos(turn) * frame.ground_range + np.sin(turn) * line[:, None])
    )
    modes = [((look / look.mean() - 1) * wave).mean() for look in looks]
    # An earlier look times the conjugate of a later one: positive towards the wave's travel.
    for lag, pairs in ((1, ((0, 1), (1, 2))), (2, ((0, 2),))):
        product = sum(modes[a] * np.conj(modes[b]) for a, b in pairs)
        assert np.angle(product) == pytest.approx(omega * separation * lag, rel=0.1)
    # Half of the depth, less what cubic interpolation between eight cells a wave takes, and
    # less the part of a look that has no partner the wave's Doppler shift away.
    sides = np.array([keys(np.cos(turn) / 8), keys(np.sin(turn) / 8)])
    shift = abs(np.sin(turn)) / 400 * frame.azimuth_spacing / frame.line_interval
    expected = 0.3 * sides.prod() * (1 - shift / 446.0)
    assert np.mean(np.abs(modes)) == pytest.approx(expected, rel=0.02)


def test_the_mean_is_that_of_the_scene_however_it_moves():
    view = moving_scene("wv2", omega=6.0, direction=90.0, depth=0.9)
    frame, gain, pixels = drawn(view, lines=3000, scale=0.4)
    power = intensity(pixels) / gain**2
    line = (np.arange(frame.lines) - frame.centre[0]) * frame.azimuth_spacing
    expected = np.interp(
        line, (np.arange(432) - 215.5) * 50.0, view.sigma0.mean(axis=1)
    )
    assert expected.max() > 1.2 * expected.min()
    blocks = [a.reshape(100, -1).mean(1) for a in (power.mean(1), expected)]
    assert power.mean() == pytest.approx(expected.mean(), rel=0.005)
    np.testing.assert_allclose(blocks[0], blocks[1], rtol=0.05)


def test_speckle_of_disjoint_looks_is_independent():
    frame, gain, pixels = drawn(made_scene("wv2", 0.3), lines=1500, scale=0.2)
    looks = sub_looks(complex_pixels(pixels) / gain, frame, 0.0)
    flat = [look.ravel() / look.mean() - 1 for look in looks]
    for a, b in ((0, 1), (1, 2), (0, 2)):
        assert abs(np.mean(flat[a] * flat[b])) < 0.01
    assert [np.var(f) for f in flat] == pytest.approx([1.0] * 3, rel=0.05)


def test_a_still_sea_is_one_look_of_the_same_image():
    view = made_scene("wv1", 0.2)
    frozen = replace(view, looks=view.sigma0[None].repeat(3, 0), look_times=TIMES)
    _, _, one = drawn(view)
    _, _, three = drawn(frozen)
    assert abs(one.astype(int) - three).max() <= 1
    assert (one != three).mean() < 1e-3


def test_a_scene_carries_looks_whose_mean_it_is():
    swell = Swell(2.0, 12.0, 90.0)
    sea = Environment("icebergs", "wv1", 23.8, 9.0, 20.0, swells=(swell,))
    made = scene(1, environment=sea, size=6400.0)
    assert made.look_times == TIMES
    np.testing.assert_allclose(made.looks.mean(0), made.sigma0, rtol=1e-3, atol=1e-5)
    assert np.corrcoef(made.looks[0].ravel(), made.looks[2].ravel())[0, 1] < 0.999
    part = made.crop(3200.0, 1600.0)
    np.testing.assert_array_equal(part.looks, made.looks[:, 64:192, 96:160])


def test_the_sea_moves_towards_where_the_waves_go():
    """Facets that are tilted to the radar rise as a wave recedes: bright ones go with the waves."""
    seas = [
        Environment("pure_ocean_waves", "wv2", 36.8, 10.0, direction)
        for direction in (0.0, 180.0)
    ]
    away, towards = (
        scene(0, environment=sea, size=6400.0).truth["radial_velocity"] for sea in seas
    )
    assert away > 0.05 > -0.05 > towards
    band = draw_doppler_band(np.random.default_rng(0), away)
    wavelength = 299792458.0 / 5.405000454334350e9
    assert -wavelength / 2 * (band.data[0] - band.geometry[0]) == pytest.approx(away)
    assert abs(band.geometry[0]) <= 40.0
