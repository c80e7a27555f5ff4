"""Spectra of the waves themselves: over wavenumber and direction to, over frequency and direction from.

Over wavenumbers a spectrum is the variance density F of the height, in m4 rad-2, on polar cells: F k dk dphi
is a variance. Directions are in degrees, clockwise from north.
"""

import math
from typing import Final

import numpy as np
import numpy.typing as npt

__all__ = [
    "deep_water_frequencies",
    "esa_polar_grid",
    "frequency_spectrum",
    "resolved_wavelength",
]

Array = npt.NDArray[np.float64]

_GRAVITY: Final = 9.81
#: ESA's polar grid: wavelengths in metres from the longest to the shortest, and a circle of directions.
_LONGEST, _SHORTEST = 1200.0, 30.0
_WAVENUMBERS: Final = 60
_DIRECTIONS: Final = 72


def esa_polar_grid() -> tuple[Array, Array]:
    """Make the grid of the wave spectra in ESA's Level-2 ocean products since 2017.

    Shapes: gives wavenumbers (60) in rad/m, directions to (72) in degrees.

    Examples
    --------
    >>> k, phi = esa_polar_grid()
    >>> (2 * np.pi / k[[0, -1]]).round(6).tolist(), phi[[0, 1, -1]].tolist()
    ([1200.0, 30.0], [0.0, 5.0, 355.0])
    """
    ends = 2 * math.pi / _LONGEST, 2 * math.pi / _SHORTEST
    direction = 360.0 / _DIRECTIONS * np.arange(_DIRECTIONS, dtype=np.float64)
    return np.geomspace(*ends, _WAVENUMBERS), direction


def deep_water_frequencies(wavenumber: npt.ArrayLike) -> Array:
    """Give the frequencies in Hz of waves on deep water.

    Examples
    --------
    >>> float(deep_water_frequencies(2 * np.pi / 156.13).round(4))  # ten seconds
    0.1
    """
    k = np.asarray(wavenumber, np.float64)
    return np.asarray(np.sqrt(_GRAVITY * k) / (2 * math.pi))


def frequency_spectrum(
    spectrum: npt.ArrayLike,
    wavenumber: npt.ArrayLike,
    water_depth: npt.ArrayLike = math.inf,
) -> Array:
    """Turn a spectrum over wavenumbers into one over frequencies, per Hz and degree.

    Shapes: spectrum (..., direction, wavenumber), wavenumber (wavenumber), water_depth (...) ->
    (..., frequency, direction), at `deep_water_frequencies` of the wavenumbers.

    Notes
    -----
    The variance of each cell, ``F k dk dphi``, is kept, with central differences for dk and df as in
    ESA's wave heights and in wavespectra's, so that sums are the same to rounding. On deep water
    that is ``F k (dk/df) pi / 180`` with ``dk/df = gradient(k) / gradient(f)``, which exceeds the
    analytic ``8 pi^2 f / g`` by 0.05 % on ESA's grid. Over a sea floor a wavenumber has a lower frequency,
    ``(2 pi f)^2 = g k tanh(k depth)``: then cells are shared out among those of the deep-water
    frequencies that they overlap, and what lies beyond the first or last is counted in it. Where the depth
    is missing or not positive the water is taken as deep.
    """
    density = np.asarray(spectrum, np.float64)
    k = np.asarray(wavenumber, np.float64)
    variance = np.swapaxes(density * k * np.gradient(k), -1, -2) * math.radians(1.0)
    deep = deep_water_frequencies(k)
    shares = _shares(k, deep, np.asarray(water_depth, np.float64))
    result = np.matmul(shares, variance) / np.gradient(deep)[:, None]
    return np.asarray(result)


def resolved_wavelength(
    direction: npt.ArrayLike,
    heading: npt.ArrayLike,
    azimuth_cutoff: npt.ArrayLike,
    range_cutoff: npt.ArrayLike,
) -> Array:
    """Give the shortest wavelength that is resolved in each direction: ESA's oswSpecRes.

    Shapes: those of the arguments together.

    Notes
    -----
    ``max(range_cutoff, azimuth_cutoff |cos(direction - heading)|)``, directions in degrees.

    Examples
    --------
    >>> resolved_wavelength([20, 80, 110], 20, 208, 30).round(1).tolist()
    [208.0, 104.0, 30.0]
    """
    angle = np.radians(np.subtract(direction, heading))
    along = np.multiply(azimuth_cutoff, np.abs(np.cos(angle)))
    return np.asarray(np.maximum(range_cutoff, along))


def _shares(k: Array, deep: Array, depth: Array) -> Array:
    """Give the share of each wavenumber's cell that lies in each deep-water frequency's cell.

    Shapes: k, deep (n), depth (...) -> (..., n, n), the last over wavenumbers.
    """
    depth = np.where(depth > 0, depth, np.inf)[..., None]  # also where it is missing
    frequency = deep * np.sqrt(np.tanh(np.minimum(k * depth, 1e3)))
    low, high = _edges(frequency)
    bottom, top = _edges(deep)
    bottom[0], top[-1] = 0.0, np.inf  # what lies beyond is counted at the ends
    overlap = np.minimum(high[..., None, :], top[:, None])
    overlap = overlap - np.maximum(low[..., None, :], bottom[:, None])
    shares: Array = np.clip(overlap, 0.0, None) / (high - low)[..., None, :]
    return shares


def _edges(middle: Array) -> tuple[Array, Array]:
    """Give the lower and upper edges of cells whose widths are the central differences."""
    between = (middle[..., 1:] + middle[..., :-1]) / 2
    first = 2 * middle[..., :1] - between[..., :1]
    last = 2 * middle[..., -1:] - between[..., -1:]
    edges = np.concatenate((first, between, last), axis=-1)
    return edges[..., :-1], edges[..., 1:]
