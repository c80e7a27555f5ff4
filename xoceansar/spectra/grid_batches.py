"""Spectra that each have a wavenumber grid of their own, as vignettes of different pixels have."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from xoceansar.spectra.wavenumber_grids import WavenumberGrid

__all__ = ["apply_by_grid"]

Array = npt.NDArray[np.float64]


def apply_by_grid(
    kernel: Callable[[npt.NDArray[Any], WavenumberGrid], Array],
    values: npt.NDArray[Any],
    grid: WavenumberGrid,
    outputs: int,
) -> Array:
    """Apply a kernel of spectra on one grid to spectra that may each have their own.

    Shapes: values (..., azimuth, range) -> (..., outputs).
    """
    if all(axis.ndim == 1 for axis in grid):
        return kernel(values, grid)
    lead = np.broadcast_shapes(values.shape[:-2], *(axis.shape[:-1] for axis in grid))
    values = np.broadcast_to(values, lead + values.shape[-2:])
    axes = [np.broadcast_to(axis, lead + axis.shape[-1:]) for axis in grid]
    found = np.empty((*lead, outputs))
    for at in np.ndindex(lead):
        found[at] = kernel(values[at], WavenumberGrid(*(axis[at] for axis in axes)))
    return found
