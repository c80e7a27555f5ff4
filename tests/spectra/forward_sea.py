"""Seas of known systems, and the cross-spectra that the quasi-linear formula gives of them."""

import math
from typing import NamedTuple

import numpy as np

from xoceansar.spectra.wavenumber_grids import WavenumberGrid

GRAVITY = 9.81


class System(NamedTuple):
    """Waves of a JONSWAP spectrum: height and peak wavelength in m, compass direction towards."""

    height: float
    wavelength: float
    direction: float
    spread: float = 25.0


def density(system, kx, ky, heading):
    """Density of the height variance, m^4, of any scale, at the wavenumbers of an image."""
    k = np.maximum(np.hypot(kx, ky), 1e-9)
    frequency, peak = (np.sqrt(GRAVITY * q) / (2 * np.pi) for q in (k, 2 * np.pi / system.wavelength))  # fmt: skip
    width = np.where(frequency <= peak, 0.07, 0.09)
    bump = 5.0 ** np.exp(-((frequency - peak) ** 2) / (2 * width**2 * peak**2))
    shape = frequency**-5 * np.exp(-1.25 * (peak / frequency) ** 4) * bump
    compass = math.radians(heading + 90) - np.arctan2(ky, kx)
    turned = np.cos(compass - math.radians(system.direction))
    spread = ((1 + turned) / 2) ** system.spread
    return np.where(k > 2 * np.pi / 1500, shape * frequency / k**2 * spread, 0.0)


def scaled_density(system, kx, ky, heading):
    """The same with the height of the system."""
    k = np.geomspace(2 * np.pi / 1500, 2 * np.pi / 10, 600)[:, None]
    angle = np.radians(np.arange(0, 360, 3))
    whole = density(system, k * np.cos(angle), k * np.sin(angle), heading)
    total = np.sum(whole * k * np.gradient(k, axis=0)) * np.radians(3)
    return density(system, kx, ky, heading) * (system.height / 4) ** 2 / total


def transfer(kx, ky, incidence, beta):
    """Square of the transfer function from the elevation to the relative intensity."""
    k = np.maximum(np.hypot(kx, ky), 1e-9)
    omega, along, theta = np.sqrt(GRAVITY * k), kx / k, math.radians(incidence)
    tilt = 4j * kx / math.tan(theta) / (1 + math.sin(theta) ** 2)
    bunching = 1j * kx / math.tan(theta)
    hydrodynamic = 4.5 * k * omega * along**2 * (omega - 0.5j) / (omega**2 + 0.25)
    speed = omega * (math.sin(theta) * along + 1j * math.cos(theta))
    return np.abs(tilt + bunching + hydrodynamic + 1j * ky * beta * speed) ** 2


def cross_spectra(
    systems,
    grid: WavenumberGrid,
    *,
    cutoff=200.0,
    incidence=36.5,
    beta=113.7,
    heading=200.0,
    separation=0.2,
    seed=None,
):
    """Cross-spectra at lags 0, 1 and 2, (3, azimuth, range); with a seed, as 20 periodograms give."""
    x, y = grid.kx, grid.ky[:, None]
    towards, against = (
        sum(scaled_density(s, sign * x, sign * y, heading) for s in systems)
        * transfer(sign * x, sign * y, incidence, beta)
        for sign in (1, -1)
    )
    blur = 0.5 * np.exp(-((y * cutoff / np.pi) ** 2))
    phase = np.sqrt(GRAVITY * np.hypot(x, y)) * separation
    spectra = np.stack(
        [blur * (towards * np.exp(1j * n * phase) + against * np.exp(-1j * n * phase)) for n in range(3)]
    )  # fmt: skip
    if seed is None:
        return spectra
    draw = np.random.default_rng(seed)
    spectra = spectra * draw.gamma(20, 1 / 20, spectra.shape[1:])
    scatter = 0.1j * draw.normal(size=spectra.shape) * spectra[0].real
    scatter[0] = 0
    return spectra + scatter
