"""The direct reader: pixels mapped from the file into one fused calibration pass."""

from typing import TYPE_CHECKING

import numpy as np

from xoceansar.io.safe.ground_grid import VignetteGrid
from xoceansar.io.safe.vignette_source import Source, Tables, load_numbers
from xoceansar.sar.calibration import amplitude_table, noise_table

if TYPE_CHECKING:
    from xoceansar.sar.resample import Averages

__all__ = ["read_averages"]


def read_averages(source: Source, grid: VignetteGrid, tables: Tables) -> "Averages":
    """Read, calibrate and resample the pixels of a vignette."""
    from xoceansar.sar.resample import area_weights, average_power

    note = grid.annotation
    numbers = load_numbers(source, note)
    rows = area_weights(grid.line_edges_in, grid.edges_out(0))
    columns = area_weights(grid.sample_edges_in, grid.edges_out(1))
    if tables.calibration is None:
        amplitude = np.zeros(1), np.ones((1, note.samples))
    else:
        amplitude = amplitude_table(tables.calibration.amplitude, note.samples)
    if tables.noise is None:
        shape = (rows.first.size, 1)
        noise = np.ones(shape), np.full((1, note.samples), np.nan)
    else:
        noise = noise_table(
            tables.noise.along_range,
            tables.noise.along_azimuth,
            note.samples,
            rows.matrix(),
            source.noise_scaling,
        )
    return average_power(numbers, rows, columns, amplitude, noise)
