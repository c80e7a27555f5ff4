"""From a scene to the digital numbers of a single-look complex image.

``|DN|^2 = (sigma0 + nesz) A^2`` on average, with fully developed speckle whose resolution cell
is 5 m by 5 m, the nominal one of wave mode: the noise of neighbouring pixels is correlated, so
that an average over an area has ``area / 25 m^2`` looks, as in `simulate.vignettes`.
"""

import math
import os
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import numba
import numpy as np
import numpy.typing as npt

__all__ = ["digital_numbers", "speckle_taps"]

_BLOCK: Final = 128  # lines per random stream; part of what a seed means
_LARGEST: Final = 32767.0


def speckle_taps(spacing: float, resolution: float) -> tuple[float, float]:
    """Find the two-tap filter that gives white noise a resolution cell.

    Parameters
    ----------
    spacing, resolution : float
        Of the pixels and of the speckle, m.

    Returns
    -------
    tuple of float
        ``(a, b)`` with ``a^2 + b^2 = 1``. The intensity of the filtered noise has the
        correlation sum ``1 + 2 (a b)^2 = resolution / spacing``, bounded to [1, 1.5], which two
        taps can reach.

    Examples
    --------
    >>> speckle_taps(5.0, 5.0)
    (1.0, 0.0)
    """
    excess = min(max(resolution / spacing, 1.0), 1.5) - 1.0
    larger = (1.0 + math.sqrt(1.0 - 2.0 * excess)) / 2.0
    return math.sqrt(larger), math.sqrt(1.0 - larger)


def digital_numbers(
    sigma0: npt.NDArray[np.float32],
    rows: npt.NDArray[np.float64],
    columns: npt.NDArray[np.float64],
    *,
    nesz: npt.NDArray[np.float64],
    gain: npt.NDArray[np.float64],
    taps: tuple[tuple[float, float], tuple[float, float]],
    seed: np.random.SeedSequence,
) -> npt.NDArray[np.int16]:
    """Draw a single-look complex image.

    Parameters
    ----------
    sigma0 : ndarray of float32 (ny, nx)
        Speckle-free and noise-free backscatter, linear.
    rows, columns : ndarray (lines), (samples)
        Positions of the pixels in `sigma0`, in cells; bilinear, constant beyond the edge cells.
    nesz, gain : ndarray (samples)
        Noise-equivalent sigma zero, linear, and the calibration look-up table A.
    taps : pair of pairs of float
        `speckle_taps` along azimuth and along range.
    seed : SeedSequence
        Determines the speckle, whatever the number of threads.

    Returns
    -------
    ndarray of int16 (lines, samples, 2)
        Real and imaginary parts, rounded, clipped at 32767. The 1/12 that rounding adds to the
        variance of each part is taken out of the noise, so the mean intensity is exact.
    """
    lines, samples = len(rows), len(columns)
    out = np.empty((lines, samples, 2), dtype=np.int16)
    row, row_weight = _bracket(rows, sigma0.shape[0])
    column, column_weight = _bracket(columns, sigma0.shape[1])
    half_power = (gain**2 / 2).astype(np.float32)
    noise_floor = (nesz * gain**2 / 2 - 1 / 12).astype(np.float32)
    weights = np.asarray(taps, dtype=np.float32)
    starts = range(0, lines, _BLOCK)

    def draw(start: int, stream: np.random.SeedSequence) -> None:
        block = slice(start, min(start + _BLOCK, lines))
        shape = (block.stop - start + 1, samples + 1, 2)
        rng = np.random.Generator(np.random.SFC64(stream))
        white = rng.standard_normal(shape, dtype=np.float32)
        _fill(
            *(sigma0, row[block], row_weight[block], column, column_weight),
            *(half_power, noise_floor, white, weights, out[block]),
        )

    with ThreadPoolExecutor(min(len(starts), os.cpu_count() or 1)) as pool:
        list(pool.map(draw, starts, seed.spawn(len(starts))))
    return out


def _bracket(
    position: npt.NDArray[np.float64], size: int
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float32]]:
    """Lower neighbour and weight of the upper one, for linear interpolation."""
    position = np.clip(position, 0, size - 1)
    lower = np.minimum(position.astype(np.int32), max(size - 2, 0))
    return lower, (position - lower).astype(np.float32)


@numba.njit(cache=True, nogil=True, fastmath=True)  # type: ignore[untyped-decorator]
def _fill(  # type: ignore[no-untyped-def]
    sigma0,
    row,
    row_weight,
    column,
    column_weight,
    half_power,
    noise_floor,
    white,
    taps,
    out,
):
    lines, samples = out.shape[0], out.shape[1]
    profile = np.empty(sigma0.shape[1], dtype=np.float32)
    mixed = np.empty((samples + 1, 2), dtype=np.float32)
    a0, a1 = taps[0, 0], taps[0, 1]
    r0, r1 = taps[1, 0], taps[1, 1]
    largest = np.float32(_LARGEST)
    for i in range(lines):
        upper = row_weight[i]
        for k in range(profile.size):
            below = sigma0[row[i], k]
            profile[k] = below + upper * (sigma0[row[i] + 1, k] - below)
        for s in range(samples + 1):
            mixed[s, 0] = a0 * white[i + 1, s, 0] + a1 * white[i, s, 0]
            mixed[s, 1] = a0 * white[i + 1, s, 1] + a1 * white[i, s, 1]
        for s in range(samples):
            k = column[s]
            clean = profile[k] + column_weight[s] * (profile[k + 1] - profile[k])
            power = clean * half_power[s] + noise_floor[s]
            scale = np.sqrt(max(power, np.float32(0)))
            for part in range(2):
                value = scale * (r0 * mixed[s + 1, part] + r1 * mixed[s, part])
                value = min(max(np.rint(value), -largest), largest)
                out[i, s, part] = np.int16(value)
