"""Sub-looks of a complex image: pictures of one sea at three times.

References
----------
Engen and Johnsen (1995), IEEE Trans. Geosci. Remote Sens. 33 (4), 1047-1056, https://doi.org/10.1109/36.406690.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeVar, cast

import numba
import numpy as np
import numpy.typing as npt
from scipy import fft, ndimage

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
_Function = TypeVar("_Function", bound=Callable[..., Any])

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
    modulation : ndarray of float32 (look, range, azimuth)
        Intensity over its local mean, less 1, looks by rising Doppler frequency, that is by falling
        time; 0 where masked.
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

    modulation: Image
    weight: Image
    azimuth_step: float
    azimuth_bins: int
    range_power: Floats
    azimuth_power: Floats
    masked_fraction: float


def form_looks(
    slc: Complex, band: AzimuthBand, azimuth_spacing: float, range_spacing: float
) -> LookImages:
    """Split the azimuth band of a complex image into three adjacent looks.

    Shapes: `slc` (line, sample), NaN where missing.

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
    level, masked = local_level(_cell_power(slc, *cells), LONGEST / _CELL)
    length = fft.next_fast_len(2 * width)
    bins, gain = _band_bins(band, size, width)
    looks = np.empty((N_LOOKS, samples, length), np.float32)
    power = np.zeros(N_LOOKS * width)
    flat = np.empty((min(_STRIP, samples), lines), np.complex64)
    for first in range(0, samples, _STRIP):
        part = slice(first, min(first + _STRIP, samples))
        rows = flat[: part.stop - first]
        _flatten(slc[:, part], level, *cells, first, rows)
        spectrum = fft.fft(rows, n=size, axis=-1)[:, bins] * gain
        power += np.sum(spectrum.real**2 + spectrum.imag**2, axis=0, dtype=np.float64)
        for look in range(N_LOOKS):
            third = spectrum[:, look * width : (look + 1) * width]
            detected = fft.ifft(third, n=length, axis=-1)
            looks[look, part] = detected.real**2 + detected.imag**2
    step = size / length
    inside = int(
        lines / step
    )  # beyond them lie the zeros that the transform was padded with
    looks = looks[:, :, :inside]
    weight = _weight(masked, cells, (samples, inside), step)
    for look in looks:
        mean = np.sum(look * weight, dtype=np.float64) / max(float(weight.sum()), 1.0)
        look *= np.float32(1 / mean if mean > 0 else np.nan)
        look -= 1
        look *= weight
    return LookImages(
        modulation=looks,
        weight=weight,
        azimuth_step=step,
        azimuth_bins=length,
        range_power=_range_power(slc),
        azimuth_power=power.reshape(N_LOOKS, width).mean(axis=0),
        masked_fraction=float(1 - weight.mean()),
    )


def _band_bins(
    band: AzimuthBand, size: int, width: int
) -> tuple[npt.NDArray[np.int64], Image]:
    """Bins of the looks, lowest Doppler first, and what divides the window out of them."""
    step = band.frequency / size
    first = round(band.centroid / step - N_LOOKS * width / 2)
    bins = first + np.arange(N_LOOKS * width)
    phase = 2 * math.pi * (bins * step - band.centroid) / band.bandwidth
    window = band.window + (1 - band.window) * np.cos(phase)
    return bins % size, (1 / window).astype(np.float32)


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


def _weight(
    masked: npt.NDArray[np.bool_],
    cells: tuple[int, int],
    shape: tuple[int, int],
    step: float,
) -> Image:
    samples, inside = shape
    row = np.minimum(
        (np.arange(inside) * step / cells[0]).astype(int), masked.shape[0] - 1
    )
    column = np.minimum(np.arange(samples) // cells[1], masked.shape[1] - 1)
    return np.ascontiguousarray((~masked[np.ix_(row, column)]).T.astype(np.float32))


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


def _compiled(function: _Function) -> _Function:
    """Compile on first call, keep on disk."""
    return cast("_Function", numba.njit(cache=True, nogil=True)(function))


@_compiled
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


@_compiled
def _flatten(
    slc: Complex, level: Image, height: int, width: int, first: int, out: Complex
) -> None:
    """Divide by the root of the local mean, bilinear between cells; samples become rows."""
    rows, columns = level.shape
    for i in range(slc.shape[0]):
        y = min(max((i + 0.5) / height - 0.5, 0.0), rows - 1.0)
        r = min(int(y), max(rows - 2, 0))
        upper = min(r + 1, rows - 1)
        wy = y - r
        for s in range(slc.shape[1]):
            x = min(max((first + s + 0.5) / width - 0.5, 0.0), columns - 1.0)
            c = min(int(x), max(columns - 2, 0))
            right = min(c + 1, columns - 1)
            wx = x - c
            near = level[r, c] + wx * (level[r, right] - level[r, c])
            far = level[upper, c] + wx * (level[upper, right] - level[upper, c])
            value = slc[i, s]
            scale = np.float32(1 / np.sqrt(near + wy * (far - near)))
            if np.isfinite(value.real) and np.isfinite(value.imag):
                out[s, i] = value * scale
            else:
                out[s, i] = 0
