"""Half a plane of wavenumbers in polar coordinates, and what a spectrum is on it."""

import math
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy.interpolate import RegularGridInterpolator

from xoceansar.spectra.wavenumber_grids import WavenumberGrid

__all__ = ["ANGLES", "POLAR_WAVENUMBERS", "polar_cells", "resample_to_polar"]

Array = npt.NDArray[np.float64]

#: rad/m, in the steps of ESA's polar spectra: 1200 to 30 m.
POLAR_WAVENUMBERS: Final = np.geomspace(2 * math.pi / 1200, 2 * math.pi / 30, 60)
#: Angles from range to azimuth, rad, every 5 degrees.
ANGLES: Final = np.radians(np.arange(-87.5, 90, 5))
_LOG_STEP: Final = math.log(40) / (POLAR_WAVENUMBERS.size - 1)
_STEP: Final = math.radians(5)
#: Points along a side of a polar cell that are averaged.
_POINTS: Final = 4


def resample_to_polar(values: npt.NDArray[Any], grid: WavenumberGrid) -> Array:
    """Average a real field of wavenumbers over polar cells.

    Shapes: values (azimuth, range) -> (angle, wavenumber), NaN beyond the grid.
    """
    inner = (np.arange(_POINTS) + 0.5) / _POINTS - 0.5
    k = POLAR_WAVENUMBERS[:, None] * np.exp(inner * _LOG_STEP)
    angle = ANGLES[:, None] + inner * _STEP
    x = np.cos(angle)[:, None, :, None] * k[None, :, None, :]
    y = np.sin(angle)[:, None, :, None] * k[None, :, None, :]
    field = RegularGridInterpolator(
        (grid.ky, grid.kx), np.asarray(values, np.float64), bounds_error=False
    )
    return np.asarray(field((y, x)).mean(axis=(2, 3)))


def polar_cells(grid: WavenumberGrid) -> tuple[npt.NDArray[np.intp], ...]:
    """Find the polar cell that each cell of a grid lies in.

    Shapes: gives row and column (azimuth, range); -1 twice where there is none.
    """
    k = np.hypot(grid.kx, grid.ky[:, None])
    angle = np.arctan2(grid.ky[:, None], np.broadcast_to(grid.kx, k.shape))
    with np.errstate(divide="ignore"):
        column = np.round(np.log(k / POLAR_WAVENUMBERS[0]) / _LOG_STEP)
    inside = (column >= 0) & (column < POLAR_WAVENUMBERS.size)
    row = np.clip(np.floor((angle + math.pi / 2) / _STEP), 0, ANGLES.size - 1)
    return tuple(np.where(inside, at, -1).astype(np.intp) for at in (row, column))
