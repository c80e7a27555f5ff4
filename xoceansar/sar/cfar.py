"""Constant-false-alarm-rate detection of bright targets, as operational iceberg services use it."""

from typing import Final

import numpy as np
import numpy.typing as npt

from xoceansar._typing import Array
from xoceansar.errors import DimensionError

#: Half widths of the guard and of the background window, m: the guard holds the largest target, and
#: the background a few waves of the sea around it.
_GUARD: Final = 500.0
_BACKGROUND: Final = 1250.0
#: Pixels of a target beside its brightest one stand out by at least this part of the threshold.
_EXTENT: Final = 0.5
#: Decibels begin at this fraction of the mean: removal of the noise leaves pixels at or below zero.
_FLOOR: Final = 0.02
#: Least fraction of the background window that must have data.
_LEAST_DATA: Final = 0.3
#: Least standard deviation of the sea, dB: speckle of the 100 looks in a pixel of 50 m.
_LEAST_SPREAD: Final = 0.43
#: Standard deviations above the sea. The best F1 on simulated icebergs, benchmarks/icebergs.py.
CFAR_THRESHOLD: Final = 5.0


def cfar(
    sigma0: npt.NDArray[np.floating], *, spacing: float, threshold: float
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Find what stands out from the sea around it.

    Shapes: `sigma0` (line, sample).

    Notes
    -----
    Two-parameter CFAR on decibels: mean and standard deviation are taken in a square ring of half
    widths 500 and 1250 m, which leaves the target itself out. Pixels that touch and stand out by half the
    threshold are one target. Logarithms make the clutter of a wavy sea nearly Gaussian, and keep
    a second target in the ring from hiding the first.

    References
    ----------
    Crisp (2004), The state-of-the-art in ship detection in SAR imagery, DSTO-RR-0272, section 4.2.
    """
    from scipy import ndimage

    if sigma0.ndim != 2:
        raise DimensionError(
            f"cfar takes one image (line, sample); got the shape {sigma0.shape}."
        )
    contrast = _contrast(np.asarray(sigma0, dtype=np.float64), spacing)
    labels, count = ndimage.label(contrast > _EXTENT * threshold, np.ones((3, 3)))
    if not count:
        return np.empty((0, 4), np.float32), np.empty(0, np.float32)
    score = ndimage.maximum(contrast, labels, np.arange(1, count + 1))
    order = np.argsort(-score, kind="stable")
    order = order[score[order] > threshold]
    places = ndimage.find_objects(labels)
    box = [
        (rows.start, columns.start, rows.stop, columns.stop)
        for rows, columns in (places[i] for i in order)
    ]
    scale = np.array(sigma0.shape * 2, dtype=np.float32)
    return (
        np.array(box, np.float32).reshape(-1, 4) / scale,
        np.asarray(score[order], dtype=np.float32),
    )


def _contrast(sigma0: Array, spacing: float) -> Array:
    """Say how many standard deviations each pixel stands above its ring; -inf where unknown."""
    valid = np.isfinite(sigma0)
    out = np.full(sigma0.shape, -np.inf)
    mean = sigma0[valid].mean() if valid.any() else 0.0
    if not mean > 0:
        return out
    decibel = 10 * np.log10(
        np.maximum(np.where(valid, sigma0, mean), _FLOOR * mean) / mean
    )
    sums = [
        _ring(part, spacing) for part in (valid, valid * decibel, valid * decibel**2)
    ]
    share, first, second = sums
    enough = valid & (share > _LEAST_DATA)
    local = first[enough] / share[enough]
    variance = second[enough] / share[enough] - local**2
    spread = np.sqrt(np.maximum(variance, _LEAST_SPREAD**2))
    out[enough] = (decibel[enough] - local) / spread
    return out


def _ring(values: Array, spacing: float) -> Array:
    """Mean over the background window without the guard; no data beyond the edge of the image."""
    from scipy import ndimage

    outer, inner = (
        2 * max(1, round(half / spacing)) + 1 for half in (_BACKGROUND, _GUARD)
    )
    sums = [
        ndimage.uniform_filter(values.astype(np.float64), size, mode="constant")
        * size**2
        for size in (outer, inner)
    ]
    return np.asarray((sums[0] - sums[1]) / (outer**2 - inner**2))
