"""What the texture of the sea is like, window by window: numbers that need no training.

The texture is ``t = 10 log10(max(sigma0, 0.02 m) / m)`` less its mean, with m the mean of the vignette: gain
and level drop out of it. Windows of 2.4 km every 800 m tell waves, streaks and slicks; windows of 9.6 km on
pixels averaged to 200 m tell cells, rain and fronts. What each window says is pooled over the vignette.

References
----------
Dalal and Triggs (2005), https://doi.org/10.1109/CVPR.2005.177 (contrast of local gradients).
Dellinger et al. (2015), SAR-SIFT, https://doi.org/10.1109/TGRS.2014.2323552 (ratios of means on two sides).
"""

from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from xoceansar._typing import Array

Floats = npt.NDArray[np.float32]

#: Side of a window and step between windows, m; and of those for long waves, on pixels of 200 m.
_WINDOW, _STEP = 2400.0, 800.0
_WIDE, _WIDE_STEP, _WIDE_PIXEL = 9600.0, 3200.0, 200.0
#: Bands of wavelength, m, longest first: those of the wide windows, then those of the others.
_WIDE_BANDS: Final = ((10000.0, 5000.0), (5000.0, 2500.0))
_BANDS: Final = (
    (2500.0, 800.0),
    (800.0, 400.0),
    (400.0, 250.0),
    (250.0, 160.0),
    (160.0, 100.0),
)
#: Bounds of all bands.
WAVELENGTHS: Final = (*_WIDE_BANDS, *_BANDS)
#: Directions of the wavenumber, degrees from the look direction (range) towards the flight direction.
DIRECTIONS: Final = (0.0, 45.0, 90.0, 135.0)
#: Percentiles of the texture in the middle of a window.
PERCENTILES: Final = (1.0, 25.0, 50.0, 75.0, 99.0)
#: Sides of the two neighbouring squares whose means are compared, m.
SEPARATIONS: Final = (400.0, 800.0)
#: How the windows are pooled.
STATISTICS: Final = ("mean", "std", "max", "min")
#: The shortest band needs two pixels in a wave.
COARSEST_SPACING: Final = 50.5
#: Share of the windows that must be whole.
_LEAST_VALID: Final = 0.25
_DARKEST: Final = 0.02
#: Below the power of any texture, dB2 in a cell of the spectrum; keeps a constant image finite.
_LEAST_POWER: Final = 1e-8


class LocalTexture(NamedTuple):
    """Pooled numbers of each vignette; NaN where too few windows are whole.

    Shapes: power (n, wavelength, direction, statistic), dB re 1 dB2 in a cell of the spectrum; percentile
    (n, percentile, statistic), dB; mean, spread (n, statistic), dB, the latter 10 log10 of the variance in
    dB2; gradient (n, separation, 2, statistic), dB, along flight and look direction; valid (n,), share of
    the windows without a missing pixel.
    """

    power: Floats
    percentile: Floats
    mean: Floats
    spread: Floats
    gradient: Floats
    valid: Floats


def local_texture(images: Array, spacing: float) -> LocalTexture:
    """Describe the texture of vignettes by their windows.

    Shapes: `images` (n, line, sample), linear sigma0, NaN where there is no data.

    Notes
    -----
    Power is ``10 log10 |F(h t)|**2 / (N**2 mean(h**2))`` under a Hann window h of N pixels, averaged over
    the cells of a band of wavelengths and of a sector of 45 degrees. A gradient is
    ``|10 log10(a / b)|`` of the mean sigma0 a and b of two neighbouring squares, which speckle
    multiplies alike. A window with a missing pixel is left out; there is no window beyond the border.
    """
    n = len(images)
    out = LocalTexture(
        _missing(n, len(WAVELENGTHS), len(DIRECTIONS), len(STATISTICS)),
        _missing(n, len(PERCENTILES), len(STATISTICS)),
        _missing(n, len(STATISTICS)),
        _missing(n, len(STATISTICS)),
        _missing(n, len(SEPARATIONS), 2, len(STATISTICS)),
        np.zeros(n, np.float32),
    )
    size, step = round(_WINDOW / spacing), round(_STEP / spacing)
    for i, image in enumerate(images):
        known = np.isfinite(image)
        level = float(image[known].mean()) if known.any() else 0.0
        if not level > 0 or min(image.shape) < size:
            continue
        # NaN stays NaN through maximum
        texture = 10 * np.log10(
            np.maximum(image / np.float32(level), np.float32(_DARKEST)),
            dtype=np.float32,
        )
        texture -= np.nanmean(texture)
        windows, whole = _windows(texture, size, step)
        out.valid[i] = whole
        if whole < _LEAST_VALID:
            continue
        power = _power(windows, spacing, _BANDS)
        out.power[i, len(_WIDE_BANDS) :] = _pooled(power)
        edge = (size - step) // 2
        middle = np.sort(
            windows[:, edge : edge + step, edge : edge + step].reshape(len(windows), -1)
        )
        ranks = np.rint(np.array(PERCENTILES) / 100 * (middle.shape[1] - 1)).astype(int)
        out.percentile[i] = _pooled(middle[:, ranks])
        out.mean[i] = _pooled(windows.mean(axis=(1, 2)))
        variance = np.maximum(windows.var(axis=(1, 2)), np.float32(_LEAST_POWER))
        out.spread[i] = _pooled(10 * np.log10(variance))
        out.power[i, : len(_WIDE_BANDS)] = _wide_power(texture, spacing)
        out.gradient[i] = _gradients(image, spacing)
    return out


def _missing(*shape: int) -> Floats:
    return np.full(shape, np.nan, np.float32)


def _windows(texture: Floats, size: int, step: int) -> tuple[Floats, float]:
    """Windows without a missing pixel, and their share."""
    windows = sliding_window_view(texture, (size, size))[::step, ::step]
    windows = windows.reshape(-1, size, size)
    whole = np.isfinite(windows).all(axis=(1, 2))
    if not whole.all():
        windows = windows[whole]
    return windows, float(whole.mean())


def _pooled(values: Array) -> Array:
    """Statistics over the windows, in a last dim."""
    return np.stack(
        [values.mean(0), values.std(0), values.max(0), values.min(0)], axis=-1
    )


def _power(
    windows: Floats, spacing: float, bands: tuple[tuple[float, float], ...]
) -> Floats:
    """Power of windows in bands and sectors, dB; shape (windows, band, direction)."""
    from scipy import fft

    size = windows.shape[-1]
    window, cells, weights = _sectors(size, spacing, bands)
    centred = (windows - windows.mean(axis=(1, 2), keepdims=True)) * window
    spectrum = fft.rfft2(centred).reshape(len(windows), -1)[:, cells]
    power = (spectrum.real**2 + spectrum.imag**2) @ weights
    logarithm = 10 * np.log10(np.maximum(power, np.float32(_LEAST_POWER)))
    return np.asarray(
        logarithm.reshape(len(windows), len(bands), len(DIRECTIONS)), np.float32
    )


@lru_cache(maxsize=8)
def _sectors(
    size: int, spacing: float, bands: tuple[tuple[float, float], ...]
) -> tuple[Floats, Array, Floats]:
    """Hann window, cells of the half spectrum in any band, and the mean over each band and sector."""
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * (np.arange(size) + 0.5) / size)
    window = np.outer(hann, hann)
    ky = np.fft.fftfreq(size, spacing)[:, None]
    kx = np.fft.rfftfreq(size, spacing)[None, :]
    k = np.hypot(kx, ky).ravel()
    angle = np.degrees(np.arctan2(np.broadcast_to(ky, (size, kx.size)), kx)).ravel()
    sector = np.rint(angle / 45.0).astype(int) % len(DIRECTIONS)
    # cells of the first column have their mirror image in it, the others have it outside
    once = np.where(np.broadcast_to(kx == 0, (size, kx.size)).ravel(), 0.5, 1.0)
    columns = []
    for longest, shortest in bands:
        for direction in range(len(DIRECTIONS)):
            inside = (k >= 1 / longest) & (k < 1 / shortest) & (sector == direction)
            columns.append(np.where(inside, once, 0.0))
    weights = np.stack(columns, axis=1)
    weights /= weights.sum(axis=0)
    cells = np.flatnonzero(weights.any(axis=1))
    scale = size**2 * float((window**2).sum())
    return (
        window.astype(np.float32),
        cells,
        (weights[cells] / scale).astype(np.float32),
    )


def _wide_power(texture: Floats, spacing: float) -> Array:
    """Pooled power of the long waves; NaN where no wide window is whole."""
    factor = max(1, round(_WIDE_PIXEL / spacing))
    pixel = spacing * factor
    coarse = _block_mean(texture, factor)
    size, step = round(_WIDE / pixel), round(_WIDE_STEP / pixel)
    empty = _missing(len(_WIDE_BANDS), len(DIRECTIONS), len(STATISTICS))
    if min(coarse.shape) < size:
        return empty
    windows, whole = _windows(coarse, size, step)
    return _pooled(_power(windows, pixel, _WIDE_BANDS)) if whole else empty


def _block_mean(image: Array, factor: int) -> Floats:
    """Mean of square blocks; NaN where a pixel is missing."""
    lines, samples = (n // factor for n in image.shape)
    blocks = image[: lines * factor, : samples * factor].reshape(
        lines, factor, samples, factor
    )
    return np.asarray(blocks.mean(axis=(1, 3)), np.float32)


def _gradients(image: Array, spacing: float) -> Array:
    """Pooled log ratios of neighbouring squares, by separation, along lines and along samples."""
    out = _missing(len(SEPARATIONS), 2, len(STATISTICS))
    for i, side in enumerate(SEPARATIONS):
        mean = _block_mean(image, round(side / spacing))
        level = 10 * np.log10(np.where(mean > 0, mean, np.nan))
        for axis in (0, 1):
            ratio = np.abs(np.diff(level, axis=axis))
            ratio = ratio[np.isfinite(ratio)]
            if ratio.size:
                out[i, axis] = _pooled(ratio)
    return out
