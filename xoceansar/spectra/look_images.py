"""Sub-looks of a complex image: pictures of one sea at three times.

References
----------
Engen and Johnsen (1995), IEEE Trans. Geosci. Remote Sens. 33 (4), 1047-1056, https://doi.org/10.1109/36.406690.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import fft, ndimage

from xoceansar._compilation import compiled
from xoceansar.errors import DomainError

__all__ = [
    "LONGEST",
    "N_LOOKS",
    "RANGE_PIXELS",
    "AzimuthBand",
    "LookImages",
    "form_looks",
    "local_level",
]

Complex = npt.NDArray[np.complex64]
Image = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]

#: Samples of a periodogram along range, and lines along azimuth: ESA's wavenumber step is 2 pi / 1024
#: pixels in both.
RANGE_PIXELS: Final = 1024
#: Adjacent looks, as in ESA's Level-2 product.
N_LOOKS: Final = 3
#: Standard deviation of the Gaussian by whose local mean the intensity is divided, m.
LONGEST: Final = 1000.0
#: Side of the cells in which the local mean and bright targets are looked for, m.
_CELL: Final = 50.0
#: A cell this many times the local mean is a ship, an iceberg or land, not a wave: at 50 m a sea
#: of normalised variance 1.6 stays below 5.
_BRIGHT: Final = 8.0
#: Cells around a bright one that its side lobes reach.
_HALO: Final = 3
#: Samples that are transformed together: they fit into the cache.
_STRIP: Final = 64
#: Cells along each side of the smallest image.
_LEAST_CELLS: Final = 8


@dataclass(frozen=True)
class AzimuthBand:
    """The processed band of a complex image along azimuth.

    Parameters
    ----------
    frequency : float
        Lines per second, Hz.
    bandwidth : float
        Processed bandwidth, Hz.
    window : float
        Hamming coefficient a of the processor's window ``a + (1 - a) cos(2 pi f / bandwidth)``; 1 for
        none.
    centroid : float
        Doppler centroid, Hz.
    """

    frequency: float
    bandwidth: float
    window: float
    centroid: float


@dataclass(frozen=True, eq=False)
class LookImages:
    """Three looks at a vignette, and what is needed to weigh their spectra.

    Parameters
    ----------
    intensity : ndarray of float32 (look, range, azimuth)
        Over the local mean of the image, looks by rising Doppler frequency, that is by falling time; 0
        where masked.
    mean : ndarray of float32 (look,)
        Of the intensity where it is not masked.
    weight : ndarray of float32 (range, azimuth)
        1, and 0 where masked.
    azimuth_step : float
        Lines of the complex image between pixels along azimuth.
    azimuth_bins : int
        Pixels of a look along azimuth before those beyond the image were cut off.
    range_power, azimuth_power : ndarray
        Mean power spectra of the complex image along range, and of a look along azimuth, by which the
        spectrum of speckle is known.
    masked_fraction : float
        Share of the vignette that bright targets and missing pixels take.
    """

    intensity: Image
    mean: Image
    weight: Image
    azimuth_step: float
    azimuth_bins: int
    range_power: Floats
    azimuth_power: Floats
    masked_fraction: float


def form_looks(
    slc: Complex,
    band: AzimuthBand,
    azimuth_spacing: float,
    range_spacing: float,
    is_land: Callable[[Floats, Floats], npt.NDArray[np.bool_]] | None = None,
) -> LookImages:
    """Split the azimuth band of a complex image into three adjacent looks.

    Shapes: `slc` (line, sample), NaN where missing. `is_land` is asked for places along azimuth and
    range, metres from the middle.

    Notes
    -----
    The processor's window is divided out, each third of the band is detected by itself, and each
    intensity is divided by its local mean.
    """
    lines, samples = slc.shape
    size = fft.next_fast_len(lines)
    width = int(band.bandwidth / N_LOOKS / band.frequency * size)
    cells = max(round(_CELL / azimuth_spacing), 1), max(round(_CELL / range_spacing), 1)
    if min(lines // cells[0], samples // cells[1]) < _LEAST_CELLS or width < 16:
        raise DomainError(
            f"looks need an image of {_LEAST_CELLS * _CELL:g} m or more in both directions; this one has {lines} "
            f"lines of {azimuth_spacing:.2f} m and {samples} samples of {range_spacing:.2f} m."
        )
    power = _cell_power(slc, *cells)
    if is_land is not None:
        middles = (
            ((np.arange(n) + 0.5) * cell - whole / 2) * spacing
            for n, cell, whole, spacing in zip(
                power.shape,
                cells,
                slc.shape,
                (azimuth_spacing, range_spacing),
                strict=True,
            )
        )
        power[is_land(*np.meshgrid(*middles, indexing="ij"))] = 0
    level, masked = local_level(power, LONGEST / _CELL)
    scale = (1 / np.sqrt(level)).astype(np.float32)
    length = fft.next_fast_len(2 * width)
    step = size / length
    inside = int(
        lines / step
    )  # beyond them lie the zeros that the transform is padded with
    first_bin, gain = _band_bins(band, size, width)
    looks = np.empty((N_LOOKS, samples, inside), np.float32)
    weight = np.empty((samples, inside), np.float32)
    _spread_mask(masked, *cells, step, weight)
    band_power, total = np.zeros(N_LOOKS * width), np.zeros(N_LOOKS)
    flat = np.zeros((_STRIP, size), np.complex64)
    thirds = np.empty((N_LOOKS, _STRIP, width), np.complex64)
    for first in range(0, samples, _STRIP):
        part = slice(first, min(first + _STRIP, samples))
        count = part.stop - first
        _flatten(slc[:, part], scale, *cells, first, flat)
        spectrum = fft.fft(flat[:count], axis=-1)
        _split_band(spectrum, first_bin, gain, thirds, band_power)
        for look in range(N_LOOKS):
            detected = fft.ifft(
                thirds[look, :count], n=length, axis=-1, overwrite_x=True
            )
            total[look] += _detect(detected, weight[part], looks[look, part])
    there = float(weight.sum(dtype=np.float64))
    return LookImages(
        intensity=looks,
        mean=(total / there if there else np.full(N_LOOKS, np.nan)).astype(np.float32),
        weight=weight,
        azimuth_step=step,
        azimuth_bins=length,
        range_power=_range_power(slc),
        azimuth_power=band_power.reshape(N_LOOKS, width).mean(axis=0),
        masked_fraction=1 - there / weight.size,
    )


def _band_bins(band: AzimuthBand, size: int, width: int) -> tuple[int, Image]:
    """First bin of the looks, lowest Doppler first, and what divides the window out of each."""
    step = band.frequency / size
    first = round(band.centroid / step - N_LOOKS * width / 2)
    frequency = (first + np.arange(N_LOOKS * width)) * step
    phase = 2 * math.pi * (frequency - band.centroid) / band.bandwidth
    window = band.window + (1 - band.window) * np.cos(phase)
    return first % size, (1 / window).astype(np.float32)


def local_level(power: Image, width: float) -> tuple[Image, npt.NDArray[np.bool_]]:
    """Local mean of the power of the cells, and the cells to leave out: bright ones and empty ones."""
    masked = ~(power > 0)
    level = power
    for _ in range(3):
        kept = np.where(masked, np.float32(0), power)
        share = _smoothed((~masked).astype(np.float32), width)
        level = (_smoothed(kept, width) / np.maximum(share, 1e-3)).astype(np.float32)
        bright = ndimage.binary_dilation(
            ~masked & (power > _BRIGHT * level), iterations=_HALO
        )
        if not (bright & ~masked).any():
            break
        masked = masked | bright
    least = np.float32(max(1e-6 * float(level.max()), 1e-20))
    return np.maximum(level, least), masked


def _smoothed(field: Image, width: float) -> Image:
    out: Image = ndimage.gaussian_filter(field, width, mode="constant", truncate=3.0)
    return out


def _range_power(slc: Complex) -> Floats:
    """Mean power spectrum of lines along range, with a Hann window."""
    size = min(RANGE_PIXELS, slc.shape[1])
    lines = np.nan_to_num(slc[:: max(slc.shape[0] // 128, 1)])
    window = np.hanning(size + 2)[1:-1].astype(np.float32)
    power = np.zeros(size)
    for first in range(0, slc.shape[1] - size + 1, size):
        spectrum = fft.fft(lines[:, first : first + size] * window, axis=1)
        power += np.sum(spectrum.real**2 + spectrum.imag**2, axis=0, dtype=np.float64)
    return power


@compiled()
def _cell_power(slc: Complex, height: int, width: int) -> Image:
    """Mean power in cells of `height` x `width` pixels; 0 where a fourth or more is missing."""
    rows, columns = slc.shape[0] // height, slc.shape[1] // width
    out = np.zeros((rows, columns), np.float32)
    total = np.empty(columns, np.float64)
    count = np.empty(columns, np.int64)
    for i in range(rows):
        total[:] = 0.0
        count[:] = 0
        for line in range(i * height, (i + 1) * height):
            for j in range(columns):
                for s in range(j * width, (j + 1) * width):
                    value = slc[line, s]
                    power = value.real * value.real + value.imag * value.imag
                    if np.isfinite(power):
                        total[j] += power
                        count[j] += 1
        for j in range(columns):
            if 4 * count[j] > 3 * height * width:
                out[i, j] = total[j] / count[j]
    return out


@compiled()
def _spread_mask(
    masked: npt.NDArray[np.bool_], height: int, width: int, step: float, out: Image
) -> None:
    """Give each pixel of a look the weight of its cell; `step` lines to a pixel."""
    rows, columns = masked.shape
    for s in range(out.shape[0]):
        column = min(s // width, columns - 1)
        for j in range(out.shape[1]):
            row = min(int(j * step / height), rows - 1)
            out[s, j] = np.float32(0) if masked[row, column] else np.float32(1)


@compiled()
def _flatten(
    slc: Complex, scale: Image, height: int, width: int, first: int, out: Complex
) -> None:
    """Scale by what is bilinear between cells; samples become rows. Missing pixels become 0."""
    rows, columns = scale.shape
    lines, samples = slc.shape
    lower = np.empty(lines, np.int64)
    share = np.empty(lines, np.float32)
    for i in range(lines):
        y = min(max((i + 0.5) / height - 0.5, 0.0), rows - 1.0)
        lower[i] = min(int(y), rows - 2)
        share[i] = y - lower[i]
    across = np.empty((samples, rows), np.float32)
    for s in range(samples):
        x = min(max((first + s + 0.5) / width - 0.5, 0.0), columns - 1.0)
        left = min(int(x), columns - 2)
        wx = np.float32(x - left)
        for row in range(rows):
            near = scale[row, left]
            across[s, row] = near + wx * (scale[row, left + 1] - near)
    for start in range(0, lines, 64):  # so that what is written stays in the cache
        stop = min(start + 64, lines)
        for s in range(samples):
            for i in range(start, stop):
                near = across[s, lower[i]]
                factor = near + share[i] * (across[s, lower[i] + 1] - near)
                real = slc[i, s].real * factor
                imag = slc[i, s].imag * factor
                if np.isfinite(real + imag):
                    out[s, i] = complex(real, imag)
                else:
                    out[s, i] = 0


@compiled(reassociating=True)
def _split_band(
    spectrum: Complex, first: int, gain: Image, thirds: Complex, power: Floats
) -> None:
    """Take the looks out of spectra, without the processor's window, and add up their power."""
    looks, _, width = thirds.shape
    count, size = spectrum.shape
    for s in range(count):
        for look in range(looks):
            for k in range(width):
                band = look * width + k
                at = first + band
                if at >= size:
                    at -= size
                value = spectrum[s, at]
                real, imag = value.real * gain[band], value.imag * gain[band]
                thirds[look, s, k] = complex(real, imag)
                power[band] += real * real + imag * imag


@compiled(reassociating=True)
def _detect(detected: Complex, weight: Image, out: Image) -> float:
    """Write the intensity where it counts; gives its sum."""
    total = 0.0
    for s in range(out.shape[0]):
        row = np.float32(0)
        for j in range(out.shape[1]):
            value = detected[s, j]
            intensity = (value.real * value.real + value.imag * value.imag) * weight[
                s, j
            ]
            out[s, j] = intensity
            row += intensity
        total += float(row)
    return total
