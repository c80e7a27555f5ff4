"""Azimuth cut-off of co- and cross-spectra, and the resolution that it leaves in each direction."""

import math
import warnings
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import optimize

from xoceansar.errors import DomainError
from xoceansar.spectra.wavenumber_grids import WavenumberGrid

__all__ = ["CutoffFit", "fit_azimuth_cutoff", "spectral_resolution"]

Array = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

#: Lags of the correlation that are fitted, m, and the first guess.
_REACH: Final = 500.0
_GUESS: Final = (1.0, 227.0)
#: A fit outside is no measurement: ESA's values over its training set are 50 to 548 m.
_SHORTEST: Final = 60.0
_LONGEST: Final = 600.0
_LARGEST_ERROR: Final = 0.15


class CutoffFit(NamedTuple):
    """Azimuth cut-off of spectra, one of each, in the leading shape of the spectra.

    Parameters
    ----------
    cutoff : array
        Azimuth cut-off wavelength, m; NaN where there is nothing to fit.
    standard_error : array
        Of the fit, m: how well the correlation is a Gaussian, not how often a vignette of the same
        sea would give another value.
    amplitude : array
        Of the Gaussian over the correlation at lag 0.
    reliable : array of bool
        Whether the cut-off is 60 to 600 m and its standard error at most 15 % of it.
    """

    cutoff: Array
    standard_error: Array
    amplitude: Array
    reliable: Bools


def fit_azimuth_cutoff(
    spectrum: npt.ArrayLike, grid: WavenumberGrid, *, definition: str = "range_lag_0"
) -> CutoffFit:
    """Fit the azimuth cut-off of co- or cross-spectra.

    Shapes: spectrum (..., azimuth, range) -> (...); the grid's arrays may have the leading
    dimensions too.

    Parameters
    ----------
    spectrum : array_like
        Half plane kx >= 0; what is imaginary is left out. Any density.
    grid : WavenumberGrid
        Wavenumbers and widths of cells, rad/m; not uniform or uniform.
    definition : {"range_lag_0", "range_mean"}, default "range_lag_0"
        Which correlation is fitted: the one at a range lag of 0, whose spectrum is the sum over all
        kx; or the mean over the range lags, whose spectrum is the column kx = 0.

    Returns
    -------
    CutoffFit
        In metres; NaN for a spectrum with gaps or without a positive correlation at lag 0.

    Raises
    ------
    DomainError
        If there is no such definition.

    Notes
    -----
    ``C(y) = A C(0) exp(-(pi y / cutoff)^2)`` by least squares over ``|y| < 500 m``, A and the
    cut-off free, C the inverse Fourier transform of Re S, in steps of half of the shortest
    wavelength of the grid; without y = 0, where all white noise is, such as speckle. With ESA's own spectra at lag 1 "range_lag_0" is within 15 % of
    ``oswAzCutoff``, and "range_mean" 20 to 40 % below. A Gaussian of displacements of standard
    deviation d along azimuth gives a cut-off of 2 pi d.

    References
    ----------
    Kerbaol, Chapron and Vachon (1998), J. Geophys. Res. 103 (C4), 7833-7846.

    Examples
    --------
    >>> from xoceansar.spectra.wavenumber_grids import esa_grid
    >>> grid = esa_grid(4.68, 4.15)
    >>> blurred = np.exp(-((grid.ky[:, None] * 200 / (2 * np.pi)) ** 2) - grid.kx * 50)
    >>> float(fit_azimuth_cutoff(blurred, grid).cutoff.round(1))
    200.0
    """
    line = _azimuth_lines(np.real(np.asarray(spectrum)), grid, definition)
    ky = np.broadcast_to(grid.ky, line.shape)
    found = np.full((*line.shape[:-1], 3), np.nan)
    for at in np.ndindex(line.shape[:-1]):
        found[at] = _fit(line[at], ky[at])
    cutoff, error, amplitude = np.moveaxis(found, -1, 0)
    reliable = (cutoff >= _SHORTEST) & (cutoff <= _LONGEST)
    reliable &= error <= _LARGEST_ERROR * cutoff
    return CutoffFit(*map(np.asarray, (cutoff, error, amplitude, reliable)))


def _azimuth_lines(real: Array, grid: WavenumberGrid, definition: str) -> Array:
    """Energy of each azimuth wavenumber in the correlation that is fitted.

    Shapes: gives (..., azimuth).
    """
    if definition == "range_lag_0":
        halves = np.where(grid.kx == 0, 1.0, 2.0) * grid.dkx
        energy = np.einsum("...yx,...x->...y", real, halves)
    elif definition == "range_mean":
        energy = real[..., 0]
    else:
        raise DomainError(
            "the definition of an azimuth cut-off is 'range_lag_0' or 'range_mean', and this one "
            f"is {definition!r}. Pass one of the two."
        )
    return np.asarray(energy * grid.dky, np.float64)


def _fit(line: Array, ky: Array) -> tuple[float, float, float]:
    """Cut-off, its standard error and amplitude of one spectrum; NaN where there is none."""
    nothing = (math.nan, math.nan, math.nan)
    total = float(line.sum())
    if not (np.isfinite(line).all() and total > 0):
        return nothing
    step = math.pi / np.abs(ky).max()
    half = np.arange(step, _REACH, step)
    y = np.concatenate([-half[::-1], half])
    # Re S is the transform of the even part of the correlation.
    correlation = np.cos(y[:, None] * ky) @ (line / total)
    if y.size <= len(_GUESS):
        return nothing
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optimize.OptimizeWarning)
            (amplitude, cutoff), covariance = optimize.curve_fit(
                _gaussian, y, correlation, _GUESS
            )
    except RuntimeError:  # no minimum found
        return nothing
    return abs(float(cutoff)), math.sqrt(covariance[1, 1]), float(amplitude)


def _gaussian(y: Array, amplitude: float, cutoff: float) -> Array:
    result: Array = amplitude * np.exp(-((np.pi * y / cutoff) ** 2))
    return result


def spectral_resolution(
    cutoff: npt.ArrayLike,
    direction: npt.ArrayLike,
    ground_heading: npt.ArrayLike,
    *,
    range_cutoff: npt.ArrayLike = 30.0,
) -> Array:
    """Compute the shortest wavelength that an image resolves in each direction.

    Parameters
    ----------
    cutoff : array_like
        Azimuth cut-off wavelength, m.
    direction : array_like
        Of waves, degrees clockwise from north.
    ground_heading : array_like
        Direction of flight on the ground, degrees clockwise from north.
    range_cutoff : array_like, default 30.0
        Shortest wavelength along range, m; 30 in ESA's products.

    Returns
    -------
    ndarray of float64
        Metres, in the common broadcast shape. NaN where the cut-off is.

    Notes
    -----
    ``max(range_cutoff, cutoff |cos(direction - heading)|)``: ``oswSpecRes`` of ESA's Level-2
    product.

    Examples
    --------
    >>> spectral_resolution(208.0, [202.9, 292.9, 262.9], 202.9).round().tolist()
    [208.0, 30.0, 104.0]
    """
    angle = np.radians(np.asarray(direction, np.float64) - np.asarray(ground_heading))
    along = np.asarray(cutoff, np.float64) * np.abs(np.cos(angle))
    return np.asarray(np.maximum(np.asarray(range_cutoff, np.float64), along))
