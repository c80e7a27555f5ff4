"""Mean cross-spectrum (MACS, IMACS): of waves that travel along range, by bands of wavelength."""

import itertools
import math
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from xoceansar.spectra.grid_batches import apply_by_grid
from xoceansar.spectra.wavenumber_grids import WavenumberGrid

__all__ = ["IMACS_BANDS", "compute_imacs", "compute_macs"]

Array = npt.NDArray[np.float64]

#: Half-width along azimuth: wavelengths from here up, m.
_AZIMUTH: Final = 600.0
#: Range wavelengths, m, of the bands that ESA's networks take.
IMACS_BANDS: Final = (
    (15, 20), (20, 27), (27, 38), (38, 52), (52, 74), (74, 106), (106, 163), (163, 290),
)  # fmt: skip


def compute_macs(
    spectrum: npt.ArrayLike,
    grid: WavenumberGrid,
    *,
    shortest: float = 15.0,
    longest: float = 20.0,
    azimuth: float = _AZIMUTH,
) -> npt.NDArray[np.complex128]:
    """Average cross-spectra over a band of range wavelengths.

    Shapes: spectrum (..., azimuth, range) -> (...); the grid's arrays may have the leading
    dimensions too.

    Parameters
    ----------
    spectrum : array_like
        Half plane kx >= 0, complex, (m/rad)^2, positive imaginary towards which waves travel.
    grid : WavenumberGrid
        Wavenumbers and widths of cells, rad/m.
    shortest, longest : float
        Ends of the band of range wavelengths, m; 15 and 20 by default, as published.
    azimuth : float, default 600.0
        The band holds ``|ky| < 2 pi / azimuth``; m.

    Returns
    -------
    ndarray of complex128
        (m/rad)^2: MACS, whose imaginary part is IMACS: positive when the waves, and so the wind,
        go away from the radar. NaN where the grid does not reach the band, or the spectrum has a
        gap in it.

    Notes
    -----
    ``sum S w / sum w``, w the area that a cell shares with the band: an average that does not jump
    when the grid moves by a cell. `compute_imacs` gives ESA's, which takes whole cells.

    References
    ----------
    Li, Chapron, Mouche and Stopa (2019), https://doi.org/10.1029/2018JC014638.

    Examples
    --------
    >>> from xoceansar.spectra.wavenumber_grids import esa_grid
    >>> grid = esa_grid(4.68, 4.15)
    >>> complex(compute_macs(np.full((185, 128), 3 + 0.5j), grid).round(6))
    (3+0.5j)
    """
    values = np.asarray(spectrum)
    along = _shared(grid.kx, grid.dkx, 2 * math.pi / longest, 2 * math.pi / shortest)
    across = _shared(grid.ky, grid.dky, -2 * math.pi / azimuth, 2 * math.pi / azimuth)
    weight = across[..., :, None] * along[..., None, :]
    area = weight.sum(axis=(-2, -1))
    total = np.sum(np.where(weight > 0, values * weight, 0.0), axis=(-2, -1))
    # a band beyond the grid is not the part of it that the grid holds
    reached = np.max(grid.kx + grid.dkx / 2, axis=-1) >= 2 * math.pi / shortest
    known = np.broadcast_to((area > 0) & reached, total.shape)
    lost = np.full(total.shape, complex(math.nan, math.nan))
    return np.asarray(np.divide(total, area, out=lost, where=known))


def _shared(k: Array, width: Array, low: float, high: float) -> Array:
    """How much of each cell lies in a band of wavenumbers."""
    top, bottom = np.minimum(k + width / 2, high), np.maximum(k - width / 2, low)
    return np.asarray(np.maximum(top - bottom, 0.0))


def compute_imacs(spectrum: npt.ArrayLike, grid: WavenumberGrid) -> Array:
    """Average the imaginary part of a cross-spectrum over the bands that ESA's networks take.

    Shapes: spectrum (..., azimuth, range) -> (..., 8); the grid's arrays may have the leading
    dimensions too.

    Parameters
    ----------
    spectrum : array_like
        Half plane kx >= 0, complex, (m/rad)^2; the networks take it at lag 1.
    grid : WavenumberGrid
        Wavenumbers, rad/m: ESA's, on which the networks were trained.

    Returns
    -------
    ndarray of float64
        (m/rad)^2, in the order of `IMACS_BANDS`.

    Notes
    -----
    The plain mean of whole cells, not weighed by their areas, between the cells whose wavelengths
    are nearest to the ends of a band, and to 600 m along azimuth. The cell at the short end of a
    band belongs to the band of shorter waves, but to the first of all its own: as in
    ``s1tools/sar_hswind_predictor``. For another purpose take `compute_macs`.

    Examples
    --------
    >>> from xoceansar.spectra.wavenumber_grids import esa_grid
    >>> compute_imacs(np.full((185, 128), 3 + 0.5j), esa_grid(4.68, 4.15)).tolist()
    [0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5]
    """
    imaginary = np.imag(np.asarray(spectrum)).astype(np.float64, copy=False)
    return apply_by_grid(_average_bands, imaginary, grid, len(IMACS_BANDS))


def _average_bands(imaginary: Array, grid: WavenumberGrid) -> Array:
    """Average over the bands, on one grid."""
    first, last = (_nearest(s * grid.ky, _AZIMUTH) for s in (-1, 1))
    rows = slice(first, last + 1)
    edges = [_nearest(grid.kx, length) for length in (15, *(b[1] for b in IMACS_BANDS))]
    edges[0] += 1
    bands = [
        imaginary[..., rows, low:high].mean(axis=(-2, -1))
        for high, low in itertools.pairwise(edges)
    ]
    return np.stack(bands, axis=-1)


def _nearest(k: npt.NDArray[Any], length: float) -> int:
    """Index of the wavenumber whose wavelength is nearest."""
    with np.errstate(divide="ignore"):
        return int(np.argmin(np.abs(2 * math.pi / k - length)))
