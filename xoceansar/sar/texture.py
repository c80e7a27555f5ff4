"""Which way the kilometre-scale texture of an image runs: what wind rolls leave on the sea."""

import math
from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt

from xoceansar._typing import Array

#: Wavelengths of the texture, m: longer than any wave of the sea, shorter than a front.
_WAVELENGTHS: Final = (1000.0, 2100.0)
#: A brighter pixel, relative to its surroundings, is a target and no texture.
_BRIGHTEST: Final = 4.0
_LEAST_VALID: Final = 0.5


def texture_axis(images: Array, spacing: float) -> npt.NDArray[np.float32]:
    """Measure the direction in which the kilometre-scale texture is elongated.

    Parameters
    ----------
    images : ndarray (n, line, sample)
        Linear sigma0; NaN where there is no data.
    spacing : float
        Pixel size, m.

    Returns
    -------
    ndarray (n, 2) of float32
        ``(r cos 2a, r sin 2a)``: a is the angle of the elongation from the look direction (range)
        towards the flight direction, r between 0 (alike in all directions) and 1 (straight
        bands). NaN where less than half of the pixels have data or the mean is not positive.

    Notes
    -----
    ``-sum P(k) exp(2i angle(k)) / sum P(k)`` over wavelengths from 1.0 to 2.1 km, with P the power
    spectrum of the image over its mean trend along range, under a Hann window. The spectrum of
    bands lies across them, hence the sign. Boundary-layer rolls lie within some 15 degrees of the
    wind.

    References
    ----------
    Gerling (1986), J. Geophys. Res. 91 (C2), 2308-2320 (wind direction from SAR spectra).

    Examples
    --------
    >>> import numpy as np
    >>> flight = np.arange(384)[:, None] * 50.0
    >>> bands = 0.1 + 0.01 * np.cos(2 * np.pi * flight / 1500.0)
    >>> texture_axis(np.broadcast_to(bands, (1, 384, 384)), 50.0).round(1) + 0.0
    array([[1., 0.]], dtype=float32)
    """
    from scipy import fft

    out = np.full((len(images), 2), np.nan, np.float32)
    lines, samples = images.shape[1:]
    window = np.hanning(lines + 2)[1:-1, None] * np.hanning(samples + 2)[1:-1]
    rows, columns, turn, weight = _band(lines, samples, spacing)
    for i, image in enumerate(images):
        valid = np.isfinite(image)
        mean = float(image[valid].mean()) if valid.any() else math.nan
        if valid.mean() < _LEAST_VALID or not mean > 0:
            continue
        flat = _flattened(np.where(valid, image / mean, np.nan), valid)
        power = np.abs(fft.rfft2(flat * window)[rows, columns]) ** 2 * weight
        total = power.sum()
        moment = (power * turn).sum() / total if total > 0 else 0.0
        out[i] = -np.real(moment), -np.imag(moment)
    return out


def _flattened(relative: Array, valid: Array) -> npt.NDArray[np.float32]:
    """Divide by a parabola along range, centre, hold back targets; zero without data."""
    count = valid.sum(axis=0)
    mean = np.where(valid, relative, 0.0).sum(axis=0) / np.maximum(count, 1)
    at = np.linspace(-1.0, 1.0, len(mean))
    seen = count > 0
    fitted = np.polyval(np.polyfit(at[seen], mean[seen], 2), at)
    excess = np.clip(relative / np.maximum(fitted, 1e-3) - 1.0, -1.0, _BRIGHTEST)
    centre = excess[valid].mean()
    return np.where(valid, excess - centre, 0.0).astype(np.float32)


@lru_cache(maxsize=4)
def _band(
    lines: int, samples: int, spacing: float
) -> tuple[Array, Array, Array, Array]:
    """Cells of the half spectrum in the band, their ``exp(2i angle)`` and their weight."""
    ky = np.fft.fftfreq(lines, spacing)[:, None]
    kx = np.fft.rfftfreq(samples, spacing)[None, :]
    k = np.hypot(kx, ky)
    longest, shortest = 1 / _WAVELENGTHS[1], 1 / _WAVELENGTHS[0]
    rows, columns = np.nonzero((k >= longest) & (k < shortest))
    turn = np.exp(2j * np.arctan2(ky, kx)[rows, columns])
    # Cells of the first column have their mirror image in it, the others have it outside.
    return rows, columns, turn, np.where(columns == 0, 0.5, 1.0)
