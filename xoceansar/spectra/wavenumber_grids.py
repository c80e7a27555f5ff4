"""Wavenumber grids of cross-spectra: the one of ESA's Level-2 product, and regular ones.

Both cover the half plane of range wavenumbers from 0 up; the other half is the complex conjugate.
"""

import math
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

__all__ = ["WavenumberGrid", "esa_grid", "plane_weights", "regular_grid"]

Array = npt.NDArray[np.float64]

#: Pixels along a side of ESA's periodograms, which make the wavenumber step in the middle.
_TILE: Final = 1024
#: Steps over which ESA's grid begins to widen, and its largest steps in azimuth and in range.
_WIDENING: Final = 32.0
_AZIMUTH_STEPS: Final = 92
_RANGE_STEPS: Final = 127


class WavenumberGrid(NamedTuple):
    """Wavenumbers of a half plane, and the widths of their cells, in rad/m.

    Shapes: kx, dkx (range); ky, dky (azimuth).

    Parameters
    ----------
    kx : array
        Range wavenumber, from 0 up, away from the radar.
    ky : array
        Azimuth wavenumber, from negative to positive, positive along the flight.
    dkx, dky : array
        Width of each cell.
    """

    kx: Array
    ky: Array
    dkx: Array
    dky: Array


def esa_grid(range_pixel: float, azimuth_pixel: float) -> WavenumberGrid:
    """Make the grid of the Cartesian spectra in ESA's Level-2 ocean products.

    Shapes: gives kx (128), ky (185).

    Notes
    -----
    ``k_i = 32 D sinh(i / 32)`` and ``dk_i = D cosh(i / 32)`` with ``D = 2 pi / (1024 pixel)``, pixels
    in metres on the ground; i from 0 to 127 in range and from -92 to 92 in azimuth. It gives the
    ``oswKx``, ``oswKy``, ``oswJx`` and ``oswJy`` of real products to 1e-7.

    Examples
    --------
    >>> grid = esa_grid(4.678297, 4.146283)  # of a WV2 vignette
    >>> (2 * np.pi / np.array([grid.kx[-1], grid.ky[-1]])).round(2).tolist()
    [5.66, 15.02]
    """
    i = np.arange(_RANGE_STEPS + 1) / _WIDENING
    j = np.arange(-_AZIMUTH_STEPS, _AZIMUTH_STEPS + 1) / _WIDENING
    x, y = (2 * math.pi / (_TILE * p) for p in (range_pixel, azimuth_pixel))
    return WavenumberGrid(
        kx=x * _WIDENING * np.sinh(i),
        ky=y * _WIDENING * np.sinh(j),
        dkx=x * np.cosh(i),
        dky=y * np.cosh(j),
    )


def regular_grid(
    range_pixel: float, azimuth_pixel: float, samples: int, lines: int
) -> WavenumberGrid:
    """Make the grid of the discrete Fourier transform of a tile.

    Shapes: gives kx ((samples + 1) // 2), ky (2 ((lines - 1) // 2) + 1).

    Notes
    -----
    The Nyquist wavenumbers of even sizes, which have no sign, are left out, so that ky is symmetric.

    Examples
    --------
    >>> grid = regular_grid(5.0, 4.0, samples=6, lines=8)
    >>> (grid.kx / (2 * np.pi / 30)).round(6).tolist()
    [0.0, 1.0, 2.0]
    >>> (grid.ky / (2 * np.pi / 32)).round(6).tolist()
    [-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0]
    """
    x = 2 * math.pi / (samples * range_pixel)
    y = 2 * math.pi / (lines * azimuth_pixel)
    largest = (lines - 1) // 2
    kx = x * np.arange((samples + 1) // 2, dtype=np.float64)
    ky = y * np.arange(-largest, largest + 1, dtype=np.float64)
    return WavenumberGrid(kx, ky, np.full_like(kx, x), np.full_like(ky, y))


def plane_weights(grid: WavenumberGrid) -> Array:
    """Weigh the cells of a half plane so that a weighted sum of Re S is over the whole plane.

    Shapes: gives (azimuth, range).

    Notes
    -----
    Twice the area of a cell, and once where kx is 0: that column has both halves. So the sum for a
    density in (m/rad)^2 is the variance of the relative modulation of intensity.
    """
    halves = np.where(grid.kx == 0, 1.0, 2.0)
    return grid.dky[:, None] * (halves * grid.dkx)
