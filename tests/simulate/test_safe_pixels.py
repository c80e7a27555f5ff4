"""Speckle, noise, rounding and interpolation of written pixels."""

from dataclasses import replace

import numpy as np
import pytest

from tests.simulate.made_scenes import made_scene
from xoceansar.errors import DomainError
from xoceansar.simulate.products.acquisition import frame_of
from xoceansar.simulate.products.calibration_xml import lut_gain
from xoceansar.simulate.products.complex_pixels import (
    digital_numbers,
    in_polarisation,
    pixel_cells,
    polarisation_ratio,
)
from xoceansar.simulate.products.doppler_band import ZERO_DOPPLER
from xoceansar.simulate.products.product_geometry import track_over


def drawn(view, *, lines=400, scale=0.1, seed=0, band=ZERO_DOPPLER):
    beam, incidence = view.environment.beam, view.environment.incidence
    track = track_over(-34.0, 36.0, -168.0, time=0.0, incidence=incidence)
    frame = frame_of(
        track, beam, start=0.0, incidence=incidence, lines=lines, scale=scale
    )
    gain = lut_gain(frame.incidence)
    pixels = digital_numbers(
        view.sigma0, view, frame, gain, band, np.random.SeedSequence(seed)
    )
    return frame, gain, pixels


def intensity(pixels):
    return (pixels.astype(np.float64) ** 2).sum(axis=-1)


@pytest.mark.parametrize("beam", ["wv1", "wv2"])
def test_mean_intensity_is_signal_plus_noise_in_every_column(beam):
    view = made_scene(beam, level=0.01, nesz_db=-22.0)
    frame, gain, pixels = drawn(view, lines=2000)
    _, columns = pixel_cells(view, frame)
    nesz = np.interp(columns, np.arange(len(view.nesz)), view.nesz)
    ratio = (intensity(pixels) / gain**2).mean(axis=0) / (0.01 + nesz)
    # Correlation 1.5 in azimuth and in range: 0.25 % a third; any trend would show.
    thirds = [part.mean() for part in np.array_split(ratio, 3)]
    np.testing.assert_allclose(thirds, 1, atol=0.0075)


def test_rounding_adds_no_power():
    view = made_scene(level=1e-5, nesz_db=-40.0)
    _, gain, pixels = drawn(view, lines=2000)
    power = (intensity(pixels) / gain**2).mean()
    assert gain.mean() ** 2 * power < 5  # digital numbers of one or two
    # Uncompensated, rounding would add 1/6, here 4 %.
    assert power == pytest.approx(1e-5 + 1e-4, rel=0.01)


def cells_in_a_block(n, pixels_per_band):
    """Pixels of one look in the mean of n: squared correlations of a Hamming spectrum, by sums."""
    lag = np.arange(1 - n, n)
    frequency = (np.arange(4000) + 0.5) / 4000 - 0.5
    power = (0.75 + 0.25 * np.cos(2 * np.pi * frequency)) ** 2
    phase = np.exp(2j * np.pi * lag[:, None] * frequency / pixels_per_band)
    correlation = abs(phase @ power / power.sum()) ** 2
    return (correlation * (1 - abs(lag) / n)).sum()


@pytest.mark.parametrize("beam", ["wv1", "wv2"])
def test_an_area_has_the_looks_of_the_processed_bands(beam):
    view = made_scene(beam, level=0.3, nesz_db=-60.0)
    frame, _, pixels = drawn(view, lines=2400, scale=0.4)
    n = 12
    power = intensity(pixels)[: 2400 // n * n]
    width = power.shape[1] // n * n
    blocks = power[:, :width].reshape(-1, n, width // n, n).mean((1, 3))
    blocks /= blocks.mean(axis=0)
    sampling = 299792458 / 2 / frame.sample_spacing
    cells = [
        cells_in_a_block(n, 1 / frame.line_interval / 1337.0),
        cells_in_a_block(n, sampling / {"wv1": 74.5e6, "wv2": 48.2e6}[beam]),
    ]
    expected = n**2 / (cells[0] * cells[1])
    # 30,000 blocks: 0.8 % at one sigma
    assert 1 / blocks.var() == pytest.approx(expected, rel=0.04)


def test_parts_are_independent_and_gaussian():
    _, _, pixels = drawn(made_scene(level=0.5), lines=1000)
    real, imaginary = pixels[..., 0].ravel(), pixels[..., 1].ravel()
    assert abs(np.corrcoef(real, imaginary)[0, 1]) < 0.005
    scaled = real / real.std()
    assert (scaled**4).mean() == pytest.approx(3.0, rel=0.02)


def test_bright_targets_clip_and_do_not_wrap():
    field = np.full((432, 432), 0.1)
    field[200:232, 200:232] = 1e7
    _, _, pixels = drawn(made_scene(sigma0=field), lines=400)
    bright = pixels[180:220, 260:300].astype(int)
    assert bright.max() == 32767
    assert bright.min() == -32767
    # The standard deviation is 4e5: nearly every part lies beyond the limits.
    assert (abs(bright) == 32767).mean() > 0.85


def test_features_are_where_the_scene_has_them():
    """A bright cell 3 cells later and 5 cells farther than the centre."""
    spacing, n = 50.0, 433
    field = np.full((n, n), 1e-4)
    field[n // 2 + 3, n // 2 + 5] = 10.0
    view = made_scene(size=n * spacing, spacing=spacing, sigma0=field)
    frame, _, pixels = drawn(view, lines=1000, scale=0.2)
    power = intensity(pixels)
    power[power < power.max() / 100] = 0
    line = (power.sum(1) @ np.arange(frame.lines)) / power.sum()
    sample = (power.sum(0) @ np.arange(frame.samples)) / power.sum()
    azimuth = (line - frame.centre[0]) * frame.azimuth_spacing
    ground = np.interp(sample, np.arange(frame.samples), frame.ground_range)
    assert azimuth == pytest.approx(150.0, abs=5.0)
    assert ground == pytest.approx(250.0, abs=5.0)


def test_the_seed_alone_decides_the_speckle(monkeypatch):
    view = made_scene()
    _, _, one = drawn(view, seed=3)
    monkeypatch.setattr("os.cpu_count", lambda: 1)
    _, _, same = drawn(view, seed=3)
    _, _, other = drawn(view, seed=4)
    np.testing.assert_array_equal(one, same)
    assert (one != other).mean() > 0.9


def test_hh_is_vv_over_the_ratio_of_the_mean_wind():
    view = made_scene("wv2", level=0.1)
    assert in_polarisation(view, "VV") is view.sigma0
    ratio = view.sigma0 / in_polarisation(view, "HH")
    # The wind blows away from the radar and 30 degrees aside: 150 degrees off upwind.
    expected = polarisation_ratio(view.incidence, 150.0)
    np.testing.assert_allclose(ratio, np.tile(expected, (432, 1)), rtol=1e-5)
    assert 2.0 < 10 * np.log10(ratio[0, 216]) < 3.5
    assert ratio[0, -1] > ratio[0, 0]


@pytest.mark.parametrize("phi", [0.0, 30.0, 90.0, 180.0])
def test_polarisation_ratio_agrees_with_xsarsea(phi):
    windspeed = pytest.importorskip("xsarsea.windspeed")
    incidence = np.array([20.0, 23.8, 30.0, 36.8, 45.0])
    same = np.ones((1, 5))
    vv, hh = (
        windspeed.get_model(name)(incidence[None], 8.0 * same, phi * same)
        for name in ("gmf_cmod5n", "gmf_cmod5n_pr_mouche1")
    )
    np.testing.assert_allclose(
        polarisation_ratio(incidence, phi), (vv / hh)[0], rtol=1e-9
    )


def test_a_scene_smaller_than_its_image_is_refused():
    with pytest.raises(
        DomainError, match=r"covers 1\.65 x 2\.10 km .* its scene only 1\.00 x 1\.00 km"
    ):
        drawn(made_scene(size=1000.0), scale=0.1)


def test_noise_alone_is_written_where_the_sea_is_dark():
    view = replace(made_scene(nesz_db=-22.0), sigma0=np.zeros((432, 432), np.float32))
    _, gain, pixels = drawn(view, lines=1000)
    measured = (intensity(pixels) / gain**2).mean()
    assert 10 * np.log10(measured) == pytest.approx(-22.0, abs=0.05)
