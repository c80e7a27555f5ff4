"""SAR imaging: conservation, statistics, and the quasi-linear transform as an oracle."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xoceansar.sar.gmf import cmod5n
from xoceansar.sar.spectra import azimuth_cutoff, cross_spectrum, dominant_wave
from xoceansar.simulate.sea import imaging, kernels
from xoceansar.simulate.sea.environment import BEAMS, Environment, Swell
from xoceansar.simulate.sea.waves import Grid, wave_surface

ONE = np.float32(1)


def looks(environment, seed, n=384, spacing=25.0, times=imaging.LOOK_TIMES):
    surface = wave_surface(Grid(n, spacing), environment, np.random.default_rng(seed))
    flat = np.ones((n, n), np.float32)
    images = imaging.sar_looks(
        surface,
        flat,
        flat,
        incidence=math.radians(environment.incidence),
        range_to_velocity=BEAMS[environment.beam].range_to_velocity,
        times=times,
    )
    return surface, images


def test_table_is_cmod5n():
    rng = np.random.default_rng(0)
    speed = rng.uniform(0.5, 40, (200, 50)).astype(np.float32)
    phi = rng.uniform(-7, 7, (200, 50)).astype(np.float32)
    incidence = np.linspace(20, 45, 50).astype(np.float32)
    got = imaging.cmod5n_field(speed, phi, incidence)
    expected = cmod5n(speed, np.degrees(phi), incidence)
    assert np.abs(10 * np.log10(got / expected)).max() < 0.01


@given(seed=st.integers(0, 2**32), shift=st.floats(-400, 400))
@settings(max_examples=30, deadline=None)
def test_splat_conserves_power_whatever_the_velocity(seed, shift):
    rng = np.random.default_rng(seed)
    mean = rng.gamma(1, size=(24, 6)).astype(np.float32)
    velocity = rng.normal(0, 1, (24, 6)).astype(np.float32)
    still, out = np.zeros_like(mean), np.zeros_like(mean)
    ones = np.ones_like(mean)
    level = kernels.splat(
        mean, still, velocity, ones, np.float32(0), np.float32(shift), out
    )
    assert level == pytest.approx(1.0)
    # Every column keeps its power: scatterers move along azimuth only.
    np.testing.assert_allclose(out.sum(0), mean.sum(0), rtol=1e-4)


@pytest.mark.parametrize(("velocity", "moved"), [(0.0, 0), (2.0, -6), (-1.5, 4.5)])
def test_receding_facets_move_against_the_flight(velocity, moved):
    """By -R/V u: 3 cells per m/s here, around the end of the periodic image."""
    mean = np.zeros((32, 3), np.float32)
    mean[4] = 1
    speed = np.full_like(mean, velocity)
    out = np.zeros_like(mean)
    ones = np.ones_like(mean)
    kernels.splat(mean, 0 * mean, speed, ones, np.float32(0), np.float32(3), out)
    angle = np.exp(2j * math.pi * np.arange(32) / 32)
    centre = np.angle((out[:, 1] * angle).sum()) * 32 / (2 * math.pi)
    assert (centre - 4 - moved + 16) % 32 - 16 == pytest.approx(0, abs=1e-4)


def test_images_have_unit_mean_and_stay_positive():
    environment = Environment(
        "pure_ocean_waves", "wv1", 23.8, 15, 0, swells=(Swell(6, 12, 10),)
    )
    _, images = looks(environment, 0)
    assert len(images) == 3
    for image in images:
        assert image.min() >= 0
        assert image.mean(dtype=np.float64) == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("beam", ["wv1", "wv2"])
@pytest.mark.parametrize("direction", [0.0, 30.0, 90.0, 180.0, -120.0])
def test_low_swell_follows_the_quasi_linear_transform(beam, direction):
    """Hasselmann and Hasselmann (1991), eq. 56: |T|^2 exp(-ky^2 (R/V)^2 var(u)) Psi.

    The images come from moving facets one by one; the transform is a formula.
    """
    swell = Swell(0.5, 14.0, direction, spread=120.0, peakedness=10.0)
    environment = Environment(
        "pure_ocean_waves", beam, BEAMS[beam].incidence, 0.5, direction, swells=(swell,)
    )
    surface, images = looks(environment, 5, n=768, spacing=12.5)
    spectrum, kx, ky = cross_spectrum(images[0], images[2], 12.5)
    wavelength, found = dominant_wave(spectrum, kx, ky)

    theta, delay = math.radians(environment.incidence), BEAMS[beam].range_to_velocity
    n, cell = surface.grid.n, surface.grid.cell
    density = np.zeros((n, n))
    density[:, : n // 2] = np.abs(surface.plus[:, : n // 2]) ** 2 / (2 * cell)
    opposite = np.ix_(-np.arange(n), -np.arange(1, n // 2))
    density[opposite] = np.abs(surface.minus[:, 1 : n // 2]) ** 2 / (2 * cell)
    k = np.hypot(kx[None, :], ky[:, None])
    k[0, 0] = 1
    omega, along = np.sqrt(9.81 * k), kx[None, :] / k
    tilt = 1j * kx * (4 / math.tan(theta) / (1 + math.sin(theta) ** 2))
    hydro = 4.5 * k * omega * along**2 * (omega - 0.5j) / (omega**2 + 0.25)
    velocity = omega * (math.sin(theta) * along + 1j * math.cos(theta))
    transfer = (
        tilt + 1j * kx / math.tan(theta) + hydro + 1j * delay * ky[:, None] * velocity
    )
    variance = surface.velocity_variance(theta)
    image = density * np.abs(transfer) ** 2
    image *= np.exp(-((ky[:, None] * delay) ** 2) * variance)
    expected_length, expected = dominant_wave(image * (1 + 0.1j), kx, ky)

    assert abs((found - expected + 180) % 360 - 180) < 0.5
    assert wavelength == pytest.approx(expected_length, rel=0.01)
    near = image > 0.05 * image.max()
    # A real wave puts half of its variance at k and half at -k; 2 pi by convention.
    energy = np.abs(spectrum[near]).sum() / (2 * math.pi) ** 2
    assert energy == pytest.approx(image[near].sum() / 2, rel=0.1)
    # The looks are 0.412 s apart.
    phase = np.angle(spectrum[near].sum())
    turned = np.angle((image * np.exp(0.412j * omega))[near].sum())
    assert phase == pytest.approx(turned, abs=0.01)


def test_cutoff_grows_with_wind_and_with_swell():
    def cutoff(wind, height):
        environment = Environment(
            "pure_ocean_waves", "wv2", 36.8, wind, 45, swells=(Swell(height, 12, 150),)
        )
        surface, images = looks(environment, 2)
        width = math.sqrt(0.82 * surface.unresolved_speed) * 114.3 / 25
        return azimuth_cutoff(imaging.smear_azimuth(sum(images) / 3, width**2), 25.0)

    by_wind = [cutoff(wind, 2.0) for wind in (4, 8, 12, 18)]
    by_height = [cutoff(10, height) for height in (2.0, 4.0, 6.0)]
    assert by_wind == sorted(by_wind)
    assert by_wind[-1] > 1.5 * by_wind[0]
    assert by_height == sorted(by_height)


def test_smear_has_the_stated_width_and_keeps_the_sum():
    image = np.zeros((64, 4), np.float32)
    image[60, 2] = 1
    out = imaging.smear_azimuth(image, 6.25)
    assert out.sum() == pytest.approx(1, abs=1e-6)
    assert not out[:, [0, 1, 3]].any()
    offset = (np.arange(64) - 60 + 32) % 64 - 32
    assert math.sqrt((out[:, 2] * offset**2).sum()) == pytest.approx(2.5, rel=0.01)


def test_no_smear_leaves_the_image():
    image = np.random.default_rng(0).random((16, 8), np.float32)
    np.testing.assert_array_equal(imaging.smear_azimuth(image, 0.0), image)


@given(st.floats(-0.4, 40.0))
@settings(max_examples=40, deadline=None)
def test_smear_has_its_variance_however_small_or_negative(variance):
    image = np.zeros((128, 1), np.float32)
    image[64] = 1
    out = imaging.smear_azimuth(image, variance)[:, 0].astype(np.float64)
    assert out.sum() == pytest.approx(1, abs=1e-6)
    second = out @ (np.arange(128) - 64.0) ** 2
    assert second == pytest.approx(variance, rel=2e-3, abs=1e-5)


@pytest.mark.parametrize(
    ("cells", "variance", "tolerance"),
    [(12, 0.0, 0.003), (6, 0.0, 0.03), (12, 1.0, 0.003), (6, 1.0, 0.01)],
)
def test_depositing_blurs_by_no_more_than_the_smear_allows_for(
    cells, variance, tolerance
):
    """Waves of 300 and 150 m on cells of 25 m: 0.96 and 0.85 are left of their amplitude."""
    n, columns = 120, 400
    wave = np.exp(2j * math.pi * np.arange(n) / cells)
    mean = np.repeat(1 + 0.5 * wave.real[:, None], columns, axis=1).astype(np.float32)
    # Every column moves as one, by its own fraction of a cell.
    moved = np.linspace(0, 5, columns, endpoint=False)
    velocity = np.tile(-moved, (n, 1)).astype(np.float32)
    out, still, ones = np.zeros_like(mean), np.zeros_like(mean), np.ones_like(mean)
    kernels.splat(mean, still, velocity, ones, np.float32(0), np.float32(1), out)
    image = imaging.smear_azimuth(out, variance - imaging.DEPOSIT_VARIANCE)
    modes = wave.conj() @ image / n * np.exp(2j * math.pi * moved / cells)
    expected = 0.25 * math.exp(-0.5 * variance * (2 * math.pi / cells) ** 2)
    assert modes.mean() == pytest.approx(expected, rel=tolerance)


def test_speckle_has_the_stated_looks_and_mean():
    sigma0 = np.full((400, 400), 0.05, np.float32)
    nesz = np.full(400, 0.003, np.float32)
    image = imaging.speckled(sigma0, nesz, 25.0, np.random.default_rng(0))
    total = image.astype(np.float64) + 0.003
    assert image.dtype == np.float32
    assert image.mean(dtype=np.float64) == pytest.approx(0.05, rel=2e-3)
    assert total.mean() ** 2 / total.var() == pytest.approx(25, rel=0.02)
    four = imaging.block_mean(image, 2).astype(np.float64) + 0.003
    assert four.mean() ** 2 / four.var() == pytest.approx(100, rel=0.03)


def test_below_the_noise_sigma0_may_be_negative():
    sigma0 = np.full((100, 100), 1e-5, np.float32)
    nesz = np.full(100, 0.003, np.float32)
    image = imaging.speckled(sigma0, nesz, 1.0, np.random.default_rng(0))
    assert (image < 0).mean() > 0.5
    assert image.mean(dtype=np.float64) == pytest.approx(1e-5, abs=1e-4)


@pytest.mark.parametrize(("coarse", "n"), [(8, 16), (10, 16), (16, 16)])
def test_resize_keeps_planes(coarse, n):
    at = (np.arange(coarse) + 0.5) / coarse
    plane = (2 * at[None, :] - 3 * at[:, None] + 1).astype(np.float32)
    out = imaging.resize(plane, n)
    at = (np.arange(n) + 0.5) / n
    inside = slice(n // coarse, -(n // coarse))
    expected = 2 * at[None, :] - 3 * at[:, None] + 1
    np.testing.assert_allclose(out[inside, inside], expected[inside, inside], atol=1e-5)
