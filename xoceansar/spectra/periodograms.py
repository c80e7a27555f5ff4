"""Co- and cross-spectra of looks by averaging periodograms.

References
----------
Engen and Johnsen (1995), https://doi.org/10.1109/36.406690 (cross-spectra of looks).
Welch (1967), https://doi.org/10.1109/TAU.1967.1161901 (averaged periodograms).
"""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

import numpy as np
import numpy.typing as npt
from scipy import fft

from xoceansar._compilation import compiled
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

#: Amplitude below which the resolution of a look is not made up for: noise alone would grow.
_LEAST_TRANSFER: Final = 0.5
#: Rows that are transformed together: they fit into the cache.
_BLOCK: Final = 128
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
    Periodograms of about 1024 x 1024 pixels of the complex image that overlap by half, Hann window, mean
    removed. Pairs of looks with equal separation are averaged: 3, 2 and 1 of them. Each column of
    periodograms has the ground spacing of its own samples. What speckle adds to the co-spectrum is
    taken out of it: its shape is the autocorrelation of the power spectra of the complex image along
    range and of a look along azimuth, its level (1 + v) / 2 with v the variance of a look. What the resolution of a look takes from a
    modulation, the square of the autocorrelation of the amplitude spectra, is divided out down to a
    fourth.
    """
    _, samples, lines = looks.intensity.shape
    across = min(RANGE_PIXELS, samples)
    along = _fast_odd(RANGE_PIXELS / looks.azimuth_step, lines)
    missing = np.full((N_LOOKS, grid.ky.size, grid.kx.size), np.nan, np.complex64)
    nothing = CrossSpectra(missing, 0, math.nan)
    if not looks.weight.any():
        return nothing
    speckle = _speckle_shape(looks, across, along)
    gain = (1 / _transfer(looks, across, along)).astype(np.float32)
    step_y = 2 * math.pi / (along * looks.azimuth_step * azimuth_spacing)
    bins = np.arange(-(along // 2), along // 2 + 1, dtype=np.float64)
    rows = _shares(step_y * bins, step_y, grid.ky, grid.dky)
    taper = np.hanning(along + 2)[1:-1].astype(np.float32)
    strip = _Strip.empty(across, lines)
    total = np.zeros((N_LOOKS, grid.ky.size, grid.kx.size), np.complex128)
    weight_sum = variance_sum = 0.0
    count = 0
    for first in _starts(samples, across):
        spacing = float(range_spacing[first : first + across].mean())
        part = slice(first, first + across)
        _transform_ranges(looks, part, strip)
        sums = np.zeros((N_LOOKS, across // 2 + 1, along), np.complex64)
        weights = 0.0
        for start in _starts(lines, along):
            inside = slice(start, start + along)
            filled = float(strip.filled[inside].sum())
            if filled < _LEAST_VALID * across * along:
                continue
            level = strip.total[:, inside].sum(axis=1) / filled
            _add_tile(strip, inside, level.astype(np.float32), taper, sums)
            weights += float(strip.squares[inside] @ taper**2)
            count += 1
        if not weights:
            continue
        variance = _power(sums[0].real, across) / weights
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


@dataclass(frozen=True, eq=False)
class _Strip:
    """Samples of the looks of an image, transformed along range under a Hann window.

    Parameters
    ----------
    looks : ndarray of complex64 (look, range wavenumber, azimuth)
        Of the intensity over its mean, less 1 where it is not masked.
    weight : ndarray of complex64 (range wavenumber, azimuth)
        Of the weight.
    total : ndarray (look, azimuth)
        Sums along range of what `looks` is of, without the window.
    filled, squares : ndarray (azimuth,)
        Sums along range of the weight, and of it under the square of the window.
    """

    looks: Complex
    weight: Complex
    total: Floats
    filled: Floats
    squares: Floats

    @classmethod
    def empty(cls, across: int, lines: int) -> Self:
        """Make room for strips of as many samples, one after another."""
        shape = across // 2 + 1, lines
        return cls(
            looks=np.empty((N_LOOKS, *shape), np.complex64),
            weight=np.empty(shape, np.complex64),
            total=np.empty((N_LOOKS, lines)),
            filled=np.empty(lines),
            squares=np.empty(lines),
        )


def _transform_ranges(looks: LookImages, part: slice, strip: _Strip) -> None:
    """Transform some samples of the looks along range: periodograms that overlap along azimuth share it."""
    across, lines = part.stop - part.start, looks.intensity.shape[2]
    taper = np.hanning(across + 2)[1:-1].astype(np.float32)
    weight = looks.weight[part]
    strip.filled[:] = weight.sum(axis=0, dtype=np.float64)
    strip.squares[:] = taper**2 @ weight
    strip.weight[:] = fft.rfft(taper)[:, None]
    partly = np.flatnonzero(strip.filled < across)
    strip.weight[:, partly] = fft.rfft(weight[:, partly] * taper[:, None], axis=0)
    block = np.empty((across, _BLOCK), np.float32)
    for first in range(0, lines, _BLOCK):
        here = slice(first, min(first + _BLOCK, lines))
        count = here.stop - first
        for look in range(N_LOOKS):
            intensity = looks.intensity[look, part, here]
            _taper_ranges(intensity, looks.mean[look], weight[:, here], taper, block)
            strip.looks[look, :, here] = fft.rfft(block[:, :count], axis=0)
    intensity = looks.intensity[:, part].sum(axis=1)
    strip.total[:] = intensity / looks.mean[:, None] - strip.filled


def _add_tile(
    strip: _Strip, inside: slice, level: Image, taper: Image, sums: Complex
) -> None:
    """Transform a tile along azimuth, less its mean, and add up the products of its looks."""
    for first in range(0, sums.shape[1], _BLOCK):
        rows = slice(first, first + _BLOCK)
        tile = np.empty(sums[:, rows].shape, np.complex64)
        looks, weight = strip.looks[:, rows, inside], strip.weight[rows, inside]
        _taper_tile(looks, weight, level, taper, tile)
        _add_products(fft.fft(tile, axis=2, overwrite_x=True), sums[:, rows])


def _power(spectrum: Image, across: int) -> float:
    """Sum of the squares of what has this power on the half plane (range, azimuth) (Parseval)."""
    rows = spectrum.sum(axis=1, dtype=np.float64)
    alone = rows[0] + (rows[-1] if across % 2 == 0 else 0.0)
    return float((2 * rows.sum() - alone) / (across * spectrum.shape[1]))


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
    intensity = np.where(masked, 0, image / level).astype(np.float32)
    window = np.hanning(size + 2)[1:-1]
    taper = np.outer(window, window).astype(np.float32)
    power = np.zeros((size, size // 2 + 1))
    weights = 0.0
    for i in _starts(image.shape[0], size):
        for j in _starts(image.shape[1], size):
            part = np.s_[i : i + size, j : j + size]
            if weight[part].mean() < _LEAST_VALID:
                continue
            share = taper * weight[part]
            level = intensity[part].sum() / weight[part].sum()
            weights += float(np.square(share).sum(dtype=np.float64))
            power += np.abs(fft.rfft2(intensity[part] * taper - level * share)) ** 2
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


def _fast_odd(length: float, most: int) -> int:
    """Odd number near a length, at most `most`, whose transform is fast: no wavenumber without its opposite."""
    fast = [n for n in range(1, most + 1, 2) if fft.next_fast_len(n) == n]
    return min(fast, key=lambda n: abs(n - length))


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


@compiled(reassociating=True)
def _taper_ranges(
    intensity: Image, mean: np.float32, weight: Image, taper: Image, out: Image
) -> None:
    """Taper the modulation of a block along range.

    Shapes: `intensity`, `weight`, `out` (range, azimuth).
    """
    rows, columns = intensity.shape
    inverse = np.float32(1) / mean
    for i in range(rows):
        for j in range(columns):
            value = intensity[i, j] * inverse - weight[i, j]
            out[i, j] = value * taper[i]


@compiled(reassociating=True)
def _taper_tile(
    looks: Complex, weight: Complex, level: Image, taper: Image, out: Complex
) -> None:
    """Take the mean of a tile out of its transform along range, and taper it along azimuth.

    Shapes: `looks`, `out` (look, range, azimuth), `weight` (range, azimuth), `level` (look,).
    """
    count, rows, columns = looks.shape
    for i in range(rows):
        for look in range(count):
            mean = level[look]
            for j in range(columns):
                out[look, i, j] = (looks[look, i, j] - mean * weight[i, j]) * taper[j]


@compiled(reassociating=True)
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
