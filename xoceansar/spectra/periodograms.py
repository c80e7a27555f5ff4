"""Co- and cross-spectra of looks by averaging periodograms.

References
----------
Engen and Johnsen (1995), https://doi.org/10.1109/36.406690 (cross-spectra of looks).
Welch (1967), https://doi.org/10.1109/TAU.1967.1161901 (averaged periodograms).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

import numba
import numpy as np
import numpy.typing as npt
from scipy import fft

from xoceansar.spectra.look_images import (
    LONGEST,
    N_LOOKS,
    RANGE_PIXELS,
    LookImages,
    local_level,
)
from xoceansar.spectra.wavenumber_grids import WavenumberGrid

if TYPE_CHECKING:
    from scipy.sparse import csr_array

__all__ = ["CrossSpectra", "average_periodograms", "image_spectrum"]

Complex = npt.NDArray[np.complex64]
Image = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]
_Function = TypeVar("_Function", bound=Callable[..., Any])

#: Amplitude below which the resolution of a look is not made up for: noise alone would grow.
_LEAST_TRANSFER: Final = 0.5
#: Side of the periodograms of an image of intensity, m.
_TILE_METRES: Final = 4000
#: Share of a periodogram that must not be masked.
_LEAST_VALID: Final = 0.5


@dataclass(frozen=True, eq=False)
class CrossSpectra:
    """Spectra of the relative modulation of intensity.

    Parameters
    ----------
    density : ndarray of complex64 (lag, azimuth, range)
        (m/rad)**2, at the lags 0, 1 and 2; NaN beyond the sampling of the image, or throughout where
        too little of it is left.
    periodograms : int
        How many were averaged; they overlap by half.
    variance : float
        Variance of the modulation of a look, speckle included.
    """

    density: Complex
    periodograms: int
    variance: float


def average_periodograms(
    looks: LookImages,
    azimuth_spacing: float,
    range_spacing: Floats,
    grid: WavenumberGrid,
) -> CrossSpectra:
    """Average the cross-periodograms of looks over a vignette.

    Shapes: `range_spacing` (sample), metres on the ground.

    Notes
    -----
    Periodograms of 1024 x 1024 pixels of the complex image that overlap by half, Hann window, mean
    removed. Pairs of looks with equal separation are averaged: 3, 2 and 1 of them. Each column of
    periodograms has the ground spacing of its own samples. What speckle adds to the co-spectrum is
    taken out of it: its shape is the autocorrelation of the power spectra of the complex image along
    range and of a look along azimuth, its level (1 + v) / 2 with v the variance of a look. What the resolution of a look takes from a
    modulation, the square of the autocorrelation of the amplitude spectra, is divided out down to a
    fourth.
    """
    _, samples, lines = looks.intensity.shape
    across = min(RANGE_PIXELS, samples)
    along = min(round(RANGE_PIXELS / looks.azimuth_step), lines)
    along -= 1 - along % 2  # odd: no wavenumber without its opposite
    taper = np.outer(np.hanning(across + 2)[1:-1], np.hanning(along + 2)[1:-1]).astype(
        np.float32
    )
    missing = np.full((N_LOOKS, grid.ky.size, grid.kx.size), np.nan, np.complex64)
    nothing = CrossSpectra(missing, 0, math.nan)
    if not looks.weight.any():
        return nothing
    speckle = _speckle_shape(looks, across, along)
    gain = (1 / _transfer(looks, across, along)).astype(np.float32)
    step_y = 2 * math.pi / (along * looks.azimuth_step * azimuth_spacing)
    rows = _shares(
        step_y * np.arange(-(along // 2), along // 2 + 1), step_y, grid.ky, grid.dky
    )
    tile = np.empty((N_LOOKS, across, along), np.float32)
    total = np.zeros((N_LOOKS, grid.ky.size, grid.kx.size), np.complex128)
    weight_sum = variance_sum = 0.0
    count = 0
    for first in _starts(samples, across):
        spacing = float(range_spacing[first : first + across].mean())
        part = slice(first, first + across)
        sums = np.zeros((N_LOOKS, across // 2 + 1, along), np.complex64)
        weights = power = 0.0
        for start in _starts(lines, along):
            inside = looks.weight[part, start : start + along]
            valid = float(inside.mean())
            if valid < _LEAST_VALID:
                continue
            squares, variance = _taper_tile(
                looks.intensity[:, part, start : start + along],
                looks.mean,
                inside,
                taper,
                tile,
            )
            weights += squares
            power += variance
            _add_products(fft.rfft2(tile, axes=(2, 1)), sums)
            count += 1
        if not weights:
            continue
        variance = power / weights
        area = spacing * looks.azimuth_step * azimuth_spacing / (4 * math.pi**2)
        density = fft.fftshift(sums, axes=2).transpose(0, 2, 1) * np.float32(
            area / weights
        )
        cell = (2 * math.pi) ** 2 / (
            across * spacing * along * looks.azimuth_step * azimuth_spacing
        )
        density[0] -= ((1 + variance) / 2 / cell * speckle).astype(np.float32)
        density *= gain
        total += weights * _regrid(
            density, rows, 2 * math.pi / (across * spacing), grid
        )
        weight_sum += weights
        variance_sum += weights * variance
    if not weight_sum:
        return nothing
    density = (total / weight_sum).astype(np.complex64)
    return CrossSpectra(density, count, variance_sum / weight_sum)


def image_spectrum(image: Image, spacing: float, grid: WavenumberGrid) -> Image:
    """Average the periodograms of an image of intensity.

    Shapes: `image` (line, sample), NaN where missing -> (azimuth, range), (m/rad)**2; NaN beyond the
    sampling of the image, or throughout where less than half of it is there.

    Notes
    -----
    The image is divided by its local mean (Gaussian of 1 km), and bright targets are masked, as in
    `form_looks`. Periodograms of 4 km that overlap by half, Hann window, mean removed. The floor of speckle and
    noise, white on pixels that are larger than the resolution, is the mean of the density where both
    wavenumbers are beyond 0.8 of the largest, and is taken off.
    """
    size = min(_TILE_METRES // round(spacing), *image.shape)
    size -= 1 - size % 2
    level, masked = local_level(np.where(image > 0, image, 0), LONGEST / spacing)
    weight = (~masked).astype(np.float32)
    if not weight.mean() >= _LEAST_VALID:
        return np.full((grid.ky.size, grid.kx.size), np.nan, np.float32)
    intensity = np.where(masked, 0, image / level).astype(np.float32)[None]
    mean = np.ones(1, np.float32)
    window = np.hanning(size + 2)[1:-1]
    taper = np.outer(window, window).astype(np.float32)
    tile = np.empty((1, size, size), np.float32)
    power = np.zeros((size, size // 2 + 1))
    weights = 0.0
    for i in _starts(image.shape[0], size):
        for j in _starts(image.shape[1], size):
            part = np.s_[i : i + size, j : j + size]
            if weight[part].mean() < _LEAST_VALID:
                continue
            squares, _ = _taper_tile(
                intensity[:, *part], mean, weight[part], taper, tile
            )
            weights += squares
            power += np.abs(fft.rfft2(tile[0])) ** 2
    step = 2 * math.pi / (size * spacing)
    density = (
        fft.fftshift(power, axes=0)
        * (spacing / (2 * math.pi)) ** 2
        / (weights or math.nan)
    )
    high = 0.8 * (size // 2)
    ends = np.abs(np.arange(-(size // 2), size // 2 + 1)) > high
    density -= density[np.ix_(ends, np.arange(size // 2 + 1) > high)].mean()
    rows = _shares(
        step * np.arange(-(size // 2), size // 2 + 1), step, grid.ky, grid.dky
    )
    regridded = _regrid(density[None].astype(np.complex64), rows, step, grid)
    spectrum: Image = regridded[0].real.astype(np.float32)
    return spectrum


def _starts(length: int, size: int) -> list[int]:
    """First pixels of windows that cover an axis evenly and overlap by half or a little more."""
    count = 1 + math.ceil((length - size) / (size / 2))
    return [round(first) for first in np.linspace(0, length - size, count)]


def _autocorrelations(
    looks: LookImages, across: int, along: int, power: float
) -> tuple[Floats, Floats]:
    """Autocorrelations along azimuth and range of a power of the spectra, on the periodograms' bins.

    Shapes: gives (azimuth,) ascending and (range,) from 0.
    """
    # Intensity is sampled as the complex image is: along range its spectrum is aliased.
    ranges = fft.ifft(np.abs(fft.fft(looks.range_power**power)) ** 2).real
    spectrum = looks.azimuth_power**power
    azimuths = np.correlate(spectrum, spectrum, "full")
    lag = np.arange(azimuths.size) - azimuths.size // 2
    bins = np.arange(-(along // 2), along // 2 + 1) * looks.azimuth_bins / along
    return np.interp(bins, lag, azimuths, left=0.0, right=0.0), ranges


def _speckle_shape(looks: LookImages, across: int, along: int) -> Floats:
    """Spectrum of speckle, of sum 1 over the whole plane.

    Shapes: gives (azimuth, range) on the half plane.
    """
    azimuths, ranges = _autocorrelations(looks, across, along, 1.0)
    half = ranges[: across // 2 + 1]
    return np.outer(azimuths / azimuths.sum(), half / ranges.sum())


def _transfer(looks: LookImages, across: int, along: int) -> Floats:
    """Find what the resolution of a look leaves of the power of a modulation.

    Shapes: gives (azimuth, range) on the half plane.
    """
    azimuths, ranges = _autocorrelations(looks, across, along, 0.5)
    amplitude = np.outer(
        azimuths / azimuths.max(), ranges[: across // 2 + 1] / ranges[0]
    )
    return np.square(np.maximum(amplitude, _LEAST_TRANSFER))


def _shares(
    middles: Floats, step: float, targets: Floats, widths: Floats
) -> "csr_array":
    """Shares that uniform cells have in other cells; NaN in cells that they do not reach."""
    from scipy.sparse import csr_array

    upper = np.minimum(middles + step / 2, (targets + widths / 2)[:, None])
    lower = np.maximum(middles - step / 2, (targets - widths / 2)[:, None])
    overlap = np.maximum(upper - lower, 0.0)
    covered = overlap.sum(axis=1, keepdims=True)
    reached = covered > widths[:, None] / 2
    overlap = np.where(reached, overlap / np.where(reached, covered, 1.0), 0.0)
    overlap[~reached[:, 0], 0] = math.nan
    return csr_array(overlap)


def _regrid(
    density: Complex, rows: "csr_array", step: float, grid: WavenumberGrid
) -> npt.NDArray[np.complex128]:
    """Average over the cells of other axes: their integrals stay.

    Shapes: `density` (lag, azimuth, range) on the half plane.
    """
    # A cell at kx = 0 reaches into the other half plane, where S(-k) = conj S(k).
    more = math.ceil(grid.dkx[0] / 2 / step) + 1
    mirrored = np.conj(density[:, ::-1, more:0:-1])
    whole = np.concatenate([mirrored, density], axis=2)
    at = step * np.arange(-more, density.shape[2])
    columns = _shares(at, step, grid.kx, grid.dkx)
    return np.stack([(columns @ (rows @ one).T).T for one in whole])


def _compiled(function: _Function) -> _Function:
    """Compile on first call, keep on disk; sums in any order."""
    return cast(
        "_Function", numba.njit(cache=True, nogil=True, fastmath=True)(function)
    )


@_compiled
def _taper_tile(
    intensity: Image, mean: Image, weight: Image, taper: Image, out: Image
) -> tuple[float, float]:
    """Taper the modulation of a tile less its mean; gives the sums of squares of taper and looks.

    Shapes: `intensity`, `out` (look, range, azimuth), `weight`, `taper` (range, azimuth).
    """
    looks, rows, columns = intensity.shape
    squares = power = count = 0.0
    for i in range(rows):
        row = filled = np.float32(0)
        for j in range(columns):
            share = taper[i, j] * weight[i, j]
            row += share * share
            filled += weight[i, j]
        squares += float(row)
        count += float(filled)
    for look in range(looks):
        total = 0.0
        for i in range(rows):
            row = np.float32(0)
            for j in range(columns):
                row += intensity[look, i, j]
            total += float(row)
        inverse = np.float32(1) / mean[look]
        level = np.float32(total / count)  # of this tile
        for i in range(rows):
            row = np.float32(0)
            for j in range(columns):
                over = intensity[look, i, j] - level * weight[i, j]
                value = over * (inverse * taper[i, j])
                out[look, i, j] = value
                row += value * value
            power += float(row)
    return squares, power / looks


@_compiled
def _add_products(looks: Complex, sums: Complex) -> None:
    """Add the products of the transforms of looks, by lag; looks by rising Doppler, so falling time.

    Shapes: `looks` (look, range, azimuth), `sums` (lag, range, azimuth).
    """
    third, half = np.float32(1 / 3), np.float32(1 / 2)
    for i in range(looks.shape[1]):
        for j in range(looks.shape[2]):
            a, b, c = looks[0, i, j], looks[1, i, j], looks[2, i, j]
            power = a.real * a.real + a.imag * a.imag
            power += b.real * b.real + b.imag * b.imag
            power += c.real * c.real + c.imag * c.imag
            sums[0, i, j] += third * power
            sums[1, i, j] += half * (b * np.conj(a) + c * np.conj(b))
            sums[2, i, j] += c * np.conj(a)
