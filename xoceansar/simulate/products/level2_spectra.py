"""Spectra of a simulated Level-2 file: one swell, as a lobe on the grids of the processor."""

import math
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from xoceansar.simulate.products.level2_values import Values
from xoceansar.simulate.products.ocn_truth import Measured

__all__ = ["spectrum_values"]

Array: TypeAlias = npt.NDArray[np.float64]

#: Wavelengths at the ends of the polar grid, m.
_LONGEST, _SHORTEST = 1200.0, 30.0
_TILE: Final = 1024  # pixels of a periodogram
_WIDENING: Final = 32.0
_WIDTH: Final = 0.2  # of the lobe in the logarithm of the wavenumber
_SPREAD: Final = 20.0  # degrees
_EDGE: Final = 1e-3  # of the peak, where the lobe ends
#: Variance of the relative modulation of intensity by waves.
_MODULATION: Final = 0.02
_LAGS: Final = 3
_CLUTTER: Final = (0.14, 1.5)
_GRAVITY: Final = 9.81


def spectrum_values(one: Measured, cell: Values) -> Values:
    """Values of all spectra and their axes; of a sea without a swell they are empty, not missing."""
    k, phi = _polar_axes()
    shape = _lobe(one, k[None, :], phi[:, None])
    area = k * np.gradient(k) * math.radians(phi[1] - phi[0])
    total = float((shape * area).sum())
    height = float(cell["oswHs"][0])
    known = total > 0 and np.isfinite(height)
    waves = shape * (height**2 / 16 / total) if known else np.zeros_like(shape)
    mirrored = np.roll(shape, phi.size // 2, axis=0)
    modulation = 20.0 * (shape + mirrored), 10.0 * (shape - mirrored)
    along = np.abs(np.cos(np.radians(phi - one.heading)))
    return {
        "oswK": k,
        "oswPhi": phi,
        "oswPolSpec": waves,
        "oswPolSpecNV": np.minimum(shape, 1) * 0.5,
        "oswPartitions": np.where(shape > 0, 0, -1),
        "oswQualityCrossSpectraRe": modulation[0],
        "oswQualityCrossSpectraIm": modulation[1],
        "oswSpecRes": np.maximum(cell["oswRaCutoff"], one.azimuth_cutoff * along),
        **_cartesian(one, cell),
    }


def _polar_axes() -> tuple[Array, Array]:
    ends = 2 * math.pi / _LONGEST, 2 * math.pi / _SHORTEST
    return np.geomspace(*ends, 60), np.arange(0.0, 360.0, 5.0)


def _lobe(one: Measured, k: Array, phi: Array) -> Array:
    """Give a lobe of height 1 about the peak; zeros where none is known."""
    if not np.isfinite(one.peak_wavelength) or not np.isfinite(one.peak_direction):
        return np.zeros(np.broadcast_shapes(k.shape, phi.shape))
    with np.errstate(divide="ignore"):
        off = np.log(k * one.peak_wavelength / (2 * math.pi)) / _WIDTH
    turn = (phi - one.peak_direction + 180) % 360 - 180
    lobe = np.exp(-0.5 * (off**2 + (turn / _SPREAD) ** 2))
    return np.where(lobe > _EDGE, lobe, 0.0)


def _cartesian(one: Measured, cell: Values) -> Values:
    """Cross-spectra of three lags on the half plane, whose imaginary part is positive towards the waves."""
    i = np.arange(128) / _WIDENING
    j = np.arange(-92, 93) / _WIDENING
    sides = cell["oswGroundRngSize"], cell["oswAziSize"]
    pixels = (
        sides[0] / cell["oswRaSizeSLC"],
        sides[1] / cell["oswAzSizeSLC"],
    )
    steps = [2 * math.pi / (_TILE * pixel) for pixel in pixels]
    kx, ky = steps[0] * _WIDENING * np.sinh(i), steps[1] * _WIDENING * np.sinh(j)
    dkx, dky = steps[0] * np.cosh(i), steps[1] * np.cosh(j)
    k = np.hypot(kx[None, :], ky[:, None])
    # compass direction of a wavenumber: azimuth along the heading, range to its right
    phi = one.heading + np.degrees(np.arctan2(kx[None, :], ky[:, None]))
    toward, away = _lobe(one, k, phi), _lobe(one, k, phi + 180)
    weights = dky[:, None] * np.where(kx == 0, dkx, 2 * dkx)
    total = float(((toward + away) * weights).sum()) or 1.0
    real, odd = (toward + away) / total, (toward - away) / total
    lags = np.arange(_LAGS) * cell["oswLookSeparationTime"]
    phase = np.sqrt(_GRAVITY * k)[..., None] * lags
    return {
        "oswKx": kx * sides[0],
        "oswKy": ky * sides[1],
        "oswJx": dkx * sides[0],
        "oswJy": dky * sides[1],
        "oswCartSpecRe": _MODULATION * real[..., None] * np.cos(phase),
        "oswCartSpecIm": _MODULATION * odd[..., None] * np.sin(phase),
        "oswPclut1": [_CLUTTER[0]] * _LAGS,
        "oswPclut2": [_CLUTTER[1]] * _LAGS,
    }
