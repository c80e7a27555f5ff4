"""From a scene to the digital numbers of a single-look complex image.

``|DN|^2 = (sigma0 + nesz) A^2`` on average, with fully developed speckle whose resolution cell
is 5 m by 5 m, the nominal one of wave mode: neighbouring pixels are correlated, so that an
average over an area has ``area / 25 m^2`` looks, as in `simulate.vignettes`.
"""

import math
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, TypeVar, cast

import numba
import numpy as np
import numpy.typing as npt

from xoceansar.errors import DomainError
from xoceansar.sar.polarisation import polarisation_ratio
from xoceansar.simulate.products.product_geometry import Frame
from xoceansar.simulate.sea.imaging import SLC_RESOLUTION
from xoceansar.simulate.sea.scenes import Scene

__all__ = [
    "digital_numbers",
    "in_polarisation",
    "pixel_cells",
    "speckle_taps",
]

_Array = npt.NDArray[np.float64]
_Single = npt.NDArray[np.float32]
_Function = TypeVar("_Function", bound=Callable[..., Any])

_BLOCK: Final = 128  # lines per random stream; part of what a seed means
_LARGEST: Final = 32767.0


def in_polarisation(view: Scene, polarisation: str) -> _Single:
    """Return the backscatter of a scene in VV, or in HH by `polarisation_ratio`.

    The ratio of the sea under the mean wind serves for everything in the scene, ice included.
    """
    if polarisation == "VV":
        return view.sigma0
    phi = view.truth["wind_direction"] + 180.0
    ratio = polarisation_ratio(view.incidence, phi)
    return np.asarray(view.sigma0 / ratio, np.float32)


def pixel_cells(view: Scene, frame: Frame) -> tuple[_Array, _Array]:
    """Find the positions of lines and samples in a scene, in cells; the centres coincide."""
    cells = np.array(view.sigma0.shape)
    azimuth = (np.arange(frame.lines) - frame.centre[0]) * frame.azimuth_spacing
    ground = np.array([np.ptp(azimuth), np.ptp(frame.ground_range)])
    if (ground > cells * view.spacing).any():
        needed, found = ground / 1e3, cells * view.spacing / 1e3
        raise DomainError(
            f"the image covers {needed[0]:.2f} x {needed[1]:.2f} km (azimuth x range) and its "
            f"scene only {found[0]:.2f} x {found[1]:.2f} km. Pass scenes made with "
            "simulate.scene(..., size=21_600), or write a smaller image with scale=..."
        )
    middle = (cells - 1) / 2
    return (
        azimuth / view.spacing + middle[0],
        frame.ground_range / view.spacing + middle[1],
    )


def speckle_taps(spacing: float, resolution: float) -> tuple[float, float]:
    """Find the two-tap filter that gives white noise a resolution cell.

    Examples
    --------
    >>> speckle_taps(5.0, 5.0)
    (1.0, 0.0)
    """
    excess = min(max(resolution / spacing, 1.0), 1.5) - 1.0
    larger = (1.0 + math.sqrt(1.0 - 2.0 * excess)) / 2.0
    return math.sqrt(larger), math.sqrt(1.0 - larger)


def digital_numbers(
    sigma0: _Single,
    view: Scene,
    frame: Frame,
    gain: _Array,
    seed: np.random.SeedSequence,
) -> npt.NDArray[np.int16]:
    """Draw a single-look complex image.

    Shapes: `sigma0` (ny, nx), `gain` (samples) -> (lines, samples, 2). Real and imaginary
    parts, rounded, clipped at 32767. The 1/12 that rounding adds to the variance of each part
    is taken out of the noise, so the mean intensity is exact.
    """
    rows, columns = pixel_cells(view, frame)
    nesz = np.interp(columns, np.arange(len(view.nesz)), view.nesz)
    floor = (nesz * gain**2 / 2 - 1 / 12).astype(np.float32)
    half_power = (gain**2 / 2).astype(np.float32)
    row, row_weight = _bracket(rows, sigma0.shape[0])
    column, column_weight = _bracket(columns, sigma0.shape[1])
    range_spacing = float(np.ptp(frame.ground_range)) / (frame.samples - 1)
    azimuth_taps = speckle_taps(frame.azimuth_spacing, SLC_RESOLUTION)
    range_taps = speckle_taps(range_spacing, SLC_RESOLUTION)
    taps = np.array([azimuth_taps, range_taps], dtype=np.float32)
    out = np.empty((frame.lines, frame.samples, 2), dtype=np.int16)
    starts = range(0, frame.lines, _BLOCK)

    def draw(start: int, stream: np.random.SeedSequence) -> None:
        block = slice(start, min(start + _BLOCK, frame.lines))
        # One line and one sample more than the block: the filter looks back.
        shape = (block.stop - start + 1, frame.samples + 1, 2)
        rng = np.random.Generator(np.random.SFC64(stream))
        white = rng.standard_normal(shape, dtype=np.float32)
        profile = (column, column_weight, half_power, floor)
        _fill(sigma0, row[block], row_weight[block], *profile, white, taps, out[block])

    with ThreadPoolExecutor(min(len(starts), os.cpu_count() or 1)) as pool:
        list(pool.map(draw, starts, seed.spawn(len(starts))))
    return out


def _bracket(position: _Array, size: int) -> tuple[npt.NDArray[np.int32], _Single]:
    """Lower neighbour and weight of the upper one; the edge cells reach to their own edge."""
    position = np.clip(position, 0, size - 1)
    lower = np.minimum(position.astype(np.int32), size - 2)
    return lower, (position - lower).astype(np.float32)


def _compiled(function: _Function) -> _Function:
    """Compile on first call, keep on disk."""
    return cast("_Function", numba.njit(cache=True, nogil=True)(function))


@_compiled
def _fill(
    sigma0: _Single,
    row: npt.NDArray[np.int32],
    row_weight: _Single,
    column: npt.NDArray[np.int32],
    column_weight: _Single,
    half_power: _Single,
    floor: _Single,
    white: _Single,
    taps: _Single,
    out: npt.NDArray[np.int16],
) -> None:
    """Interpolate, scale the filtered noise, round."""
    lines, samples = out.shape[0], out.shape[1]
    profile = np.empty(sigma0.shape[1], dtype=np.float32)
    mixed = np.empty((samples + 1, 2), dtype=np.float32)
    zero, largest = np.float32(0), np.float32(_LARGEST)
    for i in range(lines):
        upper = row_weight[i]
        for k in range(profile.size):
            below = sigma0[row[i], k]
            profile[k] = below + upper * (sigma0[row[i] + 1, k] - below)
        for s in range(samples + 1):
            for part in range(2):
                last, now = white[i, s, part], white[i + 1, s, part]
                mixed[s, part] = taps[0, 0] * now + taps[0, 1] * last
        for s in range(samples):
            k = column[s]
            clean = profile[k] + column_weight[s] * (profile[k + 1] - profile[k])
            scale = np.sqrt(max(clean * half_power[s] + floor[s], zero))
            for part in range(2):
                noise = taps[1, 0] * mixed[s + 1, part] + taps[1, 1] * mixed[s, part]
                value = np.rint(scale * noise)
                out[i, s, part] = np.int16(min(max(value, -largest), largest))
