"""Peaks of a spectrum on the polar half plane, and what belongs to each: a flood from the top."""

import math
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from xoceansar.spectra.polar_grids import ANGLES, POLAR_WAVENUMBERS

__all__ = ["SpectralPeaks", "find_peaks", "interpolate_peak", "is_inner"]

Array = npt.NDArray[np.float64]

#: Two peaks are one where the valley between them is higher than this share of the lower.
_VALLEY: Final = 0.7


class SpectralPeaks(NamedTuple):
    """Peaks of a spectrum.

    Parameters
    ----------
    labels : array of int (angle, wavenumber)
        Which peak a cell belongs to; -1 for none.
    places : list of tuple
        Row and column of each peak.
    """

    labels: npt.NDArray[np.intp]
    places: list[tuple[int, int]]


def find_peaks(density: Array, valleys: Array) -> SpectralPeaks:
    """Divide a polar half plane between its peaks.

    Shapes: density, valleys (angle, wavenumber). The first angle follows the last: half a turn is
    the same wavenumber with its sign changed. What is not positive belongs to no peak.

    Notes
    -----
    Cells are taken from the highest to the lowest; each joins the highest peak that it touches,
    or is a peak where it touches none. Where two peaks meet, the lower is no peak of its own if it
    is not well over the place where they meet, in `valleys`.
    """
    rows, columns = density.shape
    owner = np.full(density.shape, -1, np.intp)
    places: list[tuple[int, int]] = []
    parent: list[int] = []

    def root(peak: int) -> int:
        while parent[peak] != peak:
            peak = parent[peak]
        return peak

    flat = np.where(np.isfinite(density), density, 0.0)
    order = np.argsort(-flat, axis=None, kind="stable")
    order = order[: int(np.count_nonzero(flat > 0))]
    for row, column in zip(*np.unravel_index(order, flat.shape), strict=True):
        nearby = {
            root(int(owner[(row + i) % rows, column + j]))
            for i in (-1, 0, 1)
            for j in (-1, 0, 1)
            if 0 <= column + j < columns and owner[(row + i) % rows, column + j] >= 0
        }
        touched = sorted(nearby)  # peaks are numbered from the highest
        if not touched:
            parent.append(len(places))
            places.append((int(row), int(column)))
            touched = [len(places) - 1]
        owner[row, column] = touched[0]
        for lower in touched[1:]:
            if valleys[row, column] > _VALLEY * valleys[places[lower]]:
                parent[lower] = touched[0]
    kept = [peak for peak in range(len(places)) if parent[peak] == peak]
    number = np.full(len(places) + 1, -1, np.intp)
    for peak in range(len(places)):
        number[peak] = kept.index(root(peak))
    return SpectralPeaks(number[owner], [places[peak] for peak in kept])


def is_inner(known: npt.NDArray[np.bool_], place: tuple[int, int]) -> bool:
    """Tell a peak from the slope at the end of what is known.

    Shapes: known (angle, wavenumber).
    """
    row, column = place
    rows, columns = known.shape
    if not 0 < column < columns - 1:
        return False
    around = known[[row - 1, row, (row + 1) % rows], column - 1 : column + 2]
    return bool(around.all())


def interpolate_peak(density: Array, place: tuple[int, int]) -> tuple[float, float]:
    """Find the wavenumber and the angle of a peak between the cells.

    Shapes: density (angle, wavenumber). Gives rad/m and rad.

    Notes
    -----
    The top of the parabola through a cell and its two neighbours, in the logarithm of the
    wavenumber and in the angle.
    """
    row, column = place
    rows = density.shape[0]
    angle = ANGLES[row] + (ANGLES[1] - ANGLES[0]) * _top(
        density[[row - 1, row, (row + 1) % rows], column]
    )
    beside = density[row, max(column - 1, 0) : column + 2]
    ratio = POLAR_WAVENUMBERS[1] / POLAR_WAVENUMBERS[0]
    step = _top(beside) if beside.size == 3 else 0.0
    return float(POLAR_WAVENUMBERS[column] * ratio**step), float(angle)


def _top(three: Array) -> float:
    """Place of the top of a parabola through three values, in steps from the middle."""
    left, middle, right = (float(v) for v in three)
    bend = left - 2 * middle + right
    if not (math.isfinite(bend) and bend < 0):
        return 0.0
    return min(max((left - right) / (2 * bend), -0.5), 0.5)
