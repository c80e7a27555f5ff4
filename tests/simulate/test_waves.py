"""The sea surface against closed forms and a sum over every wave."""

import math

import numpy as np
import pytest

from xoceansar.errors import OceansarError
from xoceansar.sar.spectra import cross_spectrum, dominant_wave
from xoceansar.simulate.sea.environment import Environment, Swell
from xoceansar.simulate.sea.waves import (
    Grid,
    elfouhaily,
    elfouhaily_spread,
    wave_surface,
)

SWELL = Swell(2.0, 12.0, -70.0)


def sea(wind=8.0, direction=30.0, swells=(SWELL,), **kwargs):
    return Environment(
        "pure_ocean_waves", "wv2", 36.8, wind, direction, swells=swells, **kwargs
    )


# Significant height of the fully developed wind sea, and mean square slope; the slopes of Cox
# and Munk (1954) are 0.0286, 0.0542 and 0.0798.
@pytest.mark.parametrize(
    ("wind", "height", "slope"),
    [(5, 0.64, 0.0316), (10, 2.60, 0.0603), (15, 5.87, 0.0843)],
)
def test_elfouhaily_height_and_slope(wind, height, slope):
    k = np.geomspace(1e-3, 2e3, 20_000)
    density = elfouhaily(k, wind, 0.84)
    assert 4 * math.sqrt(np.trapezoid(density, k)) == pytest.approx(height, rel=0.02)
    assert np.trapezoid(density * k**2, k) == pytest.approx(slope, rel=0.02)


def test_younger_seas_are_lower():
    k = np.geomspace(1e-3, 1, 5000)
    energy = [np.trapezoid(elfouhaily(k, 12, age), k) for age in (0.84, 1.2, 1.6)]
    assert energy == sorted(energy, reverse=True)
    assert energy[0] > 2 * energy[-1]


def test_spreading_is_a_density_and_narrow_at_the_peak():
    peak = 9.81 / 10**2 * 0.84**2
    delta = elfouhaily_spread(np.array([peak, 10 * peak, 30 * peak]), 10, 0.84)
    assert (np.diff(delta) < 0).all()
    assert (delta > 0).all()
    assert (delta <= 1).all()


@pytest.mark.parametrize("seed", range(4))
def test_elevation_has_the_stated_height(seed):
    """600 m of sampling error aside, 4 std(eta) is the stated height: averaged over draws."""
    environment = sea(wind=4 + 3 * seed)
    surfaces = [
        wave_surface(Grid(256, 25.0), environment, np.random.default_rng((seed, i)))
        for i in range(8)
    ]
    variance = np.mean([s.elevation().var() for s in surfaces])
    stated = surfaces[0].swh
    assert 4 * math.sqrt(variance + surfaces[0].unresolved_height) == pytest.approx(
        stated, rel=0.02
    )


def test_height_adds_swell_and_wind_sea():
    swell_only = wave_surface(Grid(256, 25.0), sea(wind=0.5), np.random.default_rng(0))
    assert swell_only.swh == pytest.approx(2.0)
    wind_only = wave_surface(Grid(256, 25.0), sea(swells=()), np.random.default_rng(0))
    both = wave_surface(Grid(256, 25.0), sea(), np.random.default_rng(0))
    assert both.swh == pytest.approx(math.hypot(2.0, wind_only.swh), rel=1e-6)


def test_finer_grid_moves_height_from_unresolved_to_resolved():
    coarse, fine = (
        wave_surface(Grid(n, 6400 / n), sea(swells=()), np.random.default_rng(0))
        for n in (128, 512)
    )
    assert fine.unresolved_height < 0.3 * coarse.unresolved_height
    assert fine.swh == pytest.approx(coarse.swh, rel=0.01)


def test_radar_fields_equal_the_sum_over_every_wave():
    """Re sum T(k) a(k) exp(i (k.x - omega t)), wave by wave, both half planes."""
    grid = Grid(16, 40.0)
    surface = wave_surface(grid, sea(), np.random.default_rng(3))
    theta, time, mu = math.radians(30), 0.7, 0.5
    y, x = np.mgrid[0:16, 0:16] * 40.0
    velocity, modulation, elevation = (np.zeros((16, 16)) for _ in range(3))
    for i in range(16):
        for j in range(9):
            waves = [(surface.plus[i, j], grid.kx[j], grid.ky[i])]
            if j > 0:
                waves.append((surface.minus[i, j], -grid.kx[j], -grid.ky[i]))
            for a, kx, ky in waves:
                k = math.hypot(kx, ky)
                if a == 0:
                    continue
                omega, along = math.sqrt(9.81 * k), kx / k
                wave = a * np.exp(1j * (kx * x + ky * y))
                elevation += wave.real
                wave = wave * np.exp(-1j * omega * time)
                t_velocity = omega * (math.sin(theta) * along + 1j * math.cos(theta))
                tilt = 4j * kx / math.tan(theta) / (1 + math.sin(theta) ** 2)
                bunching = 1j * kx / math.tan(theta)
                hydro = 4.5 * k * omega * along**2 * (omega - 1j * mu)
                hydro /= omega**2 + mu**2
                velocity += (t_velocity * wave).real
                modulation += ((tilt + bunching + hydro) * wave).real
    got_velocity, got_modulation = surface.radar_fields(theta, time)
    scale = modulation.std()
    np.testing.assert_allclose(surface.elevation(), elevation, atol=1e-5)
    np.testing.assert_allclose(got_velocity, velocity, atol=1e-5)
    np.testing.assert_allclose(got_modulation, modulation, atol=1e-5 * max(scale, 1))


def test_velocity_variance_is_that_of_the_field():
    environment = sea(wind=12.0)
    surfaces = [
        wave_surface(Grid(256, 25.0), environment, np.random.default_rng(i))
        for i in range(6)
    ]
    theta = math.radians(environment.incidence)
    resolved = np.mean([s.radar_fields(theta, 0.0)[0].var() for s in surfaces])
    isotropic = 0.5 * math.sin(theta) ** 2 + math.cos(theta) ** 2
    stated = surfaces[0].velocity_variance(theta)
    stated -= isotropic * surfaces[0].unresolved_speed
    assert resolved == pytest.approx(stated, rel=0.03)


@pytest.mark.parametrize("direction", [-135.0, -20.0, 60.0, 170.0])
def test_swell_travels_where_it_is_said_to(direction):
    swell = Swell(2.0, 13.0, direction, spread=200.0, peakedness=8.0)
    surface = wave_surface(
        Grid(384, 25.0), sea(wind=0.5, swells=(swell,)), np.random.default_rng(1)
    )
    looks = [1 + 0.01 * surface.radar_fields(0.6, t)[0] for t in (-0.2, 0.2)]
    wavelength, found = dominant_wave(*cross_spectrum(*looks, 25.0))
    assert abs((found - direction + 180) % 360 - 180) < 2
    assert wavelength == pytest.approx(9.81 * 13**2 / (2 * math.pi), rel=0.05)
    peak_wavelength, peak_direction = surface.peak()
    assert abs((peak_direction - direction + 180) % 360 - 180) < 3
    assert peak_wavelength == pytest.approx(263.9, rel=0.05)


def test_swell_beyond_the_grid_is_refused():
    with pytest.raises(OceansarError, match="smaller spacing"):
        wave_surface(
            Grid(64, 100.0), sea(swells=(Swell(1, 9, 0),)), np.random.default_rng(0)
        )
