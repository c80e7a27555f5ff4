"""The hand-made features that a learned embedding has to beat.

What a person would compute from a SAR image of the sea without a network: its level and moments,
percentiles of the smoothed image, contrast at six scales, and the image spectrum in eight bands of
wavelength and six of direction.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

_SCALES: Final = (1, 2, 4, 8, 16, 32)
_PERCENTILES: Final = (1, 5, 25, 50, 75, 95, 99)
_WAVELENGTHS: Final = (900.0, 110.0)
_N_BANDS: Final = 8
_N_SECTORS: Final = 6

#: Names of the 68 features, in order.
HAND_FEATURES: Final = (
    "log_mean",
    "log_normalised_variance",
    "log_median_over_mean",
    "log_maximum",
    "skewness",
    "kurtosis",
    *(f"percentile_{p}" for p in _PERCENTILES),
    *(f"log_contrast_{s}px" for s in _SCALES),
    *(
        f"log_power_band{b}_sector{s}"
        for b in range(_N_BANDS)
        for s in range(_N_SECTORS)
    ),
    "is_wv1",
)


def hand_features(
    sigma0: npt.NDArray[np.floating], *, spacing: float, wv1: bool
) -> npt.NDArray[np.float32]:
    """Compute the hand-made features of one image.

    Parameters
    ----------
    sigma0 : ndarray (line, sample)
        Linear sigma0 without missing values, at least 128 x 128 pixels.
    spacing : float
        Ground spacing of the pixels in metres.
    wv1 : bool
        Whether the beam is WV1.

    Returns
    -------
    ndarray (68,) of float32
        In the order of `HAND_FEATURES`.

    Notes
    -----
    Wavelengths from 900 m to 110 m in eight bands of equal ratio, directions folded to 180
    degrees in six sectors (a single image cannot tell the two ways apart). The contrasts are the
    standard deviations of differences of Gaussians of widths s and 2 s, over the mean.

    Examples
    --------
    >>> import numpy as np
    >>> speckle = np.random.default_rng(0).exponential(0.1, (128, 128))
    >>> features = hand_features(speckle, spacing=50.0, wv1=True)
    >>> named = dict(zip(HAND_FEATURES, features, strict=True))
    >>> bool(abs(named["log_normalised_variance"]) < 0.1)
    True
    """
    from scipy import ndimage

    image = np.asarray(sigma0, dtype=np.float64)
    mean = image.mean()
    relative = image / mean
    smooth = ndimage.gaussian_filter(relative, 6.0)
    peak = ndimage.uniform_filter(relative, 2).max()
    centred = relative - 1.0
    spread = centred.std()
    head = [
        np.log(max(mean, 1e-6)),
        np.log(spread**2 + 1e-9),
        np.log(max(np.median(relative), 0.0) + 1e-3),
        np.log(peak),
        (centred**3).mean() / spread**3,
        (centred**4).mean() / spread**4,
    ]
    percentiles = np.percentile(smooth, _PERCENTILES)
    parts = [
        head,
        percentiles,
        _contrasts(relative),
        _band_powers(relative, spacing),
        [float(wv1)],
    ]
    return np.concatenate(parts).astype(np.float32)


def _contrasts(relative: Array) -> list[float]:
    from scipy import ndimage

    coarse = _block_mean(relative, 4)
    out = []
    for scale in _SCALES:
        # Wide filters run on the image averaged by four: the same contrast, sixteen times faster.
        base, width = (relative, scale) if scale < 8 else (coarse, scale / 4)
        difference = ndimage.gaussian_filter(base, width) - ndimage.gaussian_filter(
            base, 2 * width
        )
        out.append(float(np.log(difference.std() + 1e-9)))
    return out


def _block_mean(image: Array, factor: int) -> Array:
    lines, samples = (n // factor for n in image.shape)
    cut = image[: lines * factor, : samples * factor]
    blocks = cut.reshape(lines, factor, samples, factor)
    return np.asarray(blocks.mean(axis=(1, 3)))


def _band_powers(relative: Array, spacing: float) -> Array:
    from scipy import ndimage

    lines, samples = relative.shape
    flat = relative / np.maximum(ndimage.gaussian_filter(relative, 16.0), 1e-6) - 1.0
    window = np.hanning(lines)[:, None] * np.hanning(samples)
    power = np.abs(np.fft.rfft2(flat * window)) ** 2 / (lines * samples)
    ky = 2 * np.pi * np.fft.fftfreq(lines, spacing)[:, None]
    kx = 2 * np.pi * np.fft.rfftfreq(samples, spacing)[None, :]
    longest, shortest = (2 * np.pi / w for w in _WAVELENGTHS)
    edges = np.geomspace(longest, shortest, _N_BANDS + 1)
    band = np.searchsorted(edges, np.hypot(kx, ky), side="right") - 1
    sector = (np.mod(np.arctan2(ky, kx), np.pi) / np.pi * _N_SECTORS).astype(int)
    cell = band * _N_SECTORS + np.minimum(sector, _N_SECTORS - 1)
    inside = (band >= 0) & (band < _N_BANDS)
    count = _N_BANDS * _N_SECTORS
    total = np.bincount(cell[inside], power[inside], count)
    number = np.bincount(cell[inside], minlength=count)
    return np.asarray(np.log(total / np.maximum(number, 1) + 1e-6))
