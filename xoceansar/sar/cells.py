"""Cells of longitude and latitude: which one a place is in, and statistics of those in each."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from xoceansar._typing import Array

Indices = npt.NDArray[np.intp]
Statistic = Literal["mean", "median", "std", "min", "max"]

#: A mean vector shorter than this has no direction: rounding alone gives it one.
_NO_DIRECTION = 1e-9


@dataclass(frozen=True)
class CellGrid:
    """Cells of equal steps in longitude and latitude that cover the globe."""

    #: Side of a cell, degrees; a whole number of them makes 180 degrees.
    cell: float

    @property
    def shape(self) -> tuple[int, int]:
        """Number of cells along latitude and along longitude."""
        rows = round(180 / self.cell)
        return rows, 2 * rows

    @property
    def size(self) -> int:
        """Number of cells."""
        rows, columns = self.shape
        return rows * columns

    @property
    def edges(self) -> tuple[Array, Array]:
        """Edges along latitude, from the south, and along longitude, from -180."""
        rows, columns = self.shape
        return np.linspace(-90, 90, rows + 1), np.linspace(-180, 180, columns + 1)

    def index(self, longitude: npt.ArrayLike, latitude: npt.ArrayLike) -> Indices:
        """Find the cell of each place, numbered row by row from the south-west."""
        lon, lat = np.asarray(longitude, float), np.asarray(latitude, float)
        good = np.isfinite(lon) & np.isfinite(lat) & (np.abs(lat) <= 90)
        lon, lat = np.where(good, lon, 0.0), np.where(good, lat, 0.0)
        rows, columns = self.shape
        south, west = self.edges
        row = np.minimum(np.searchsorted(south, lat, "right") - 1, rows - 1)
        # A tiny negative longitude plus 180 turns to exactly 360.
        turned = (lon + 180) % 360 - 180
        column = (np.searchsorted(west, turned, "right") - 1) % columns
        return np.where(good, row * columns + column, -1)


def count(index: Indices, size: int) -> npt.NDArray[np.int64]:
    """Count the members of each cell.

    Shapes: `index` (n) -> (size).
    """
    return np.bincount(index, minlength=size)


def total(values: Array, index: Indices, size: int) -> npt.NDArray[np.float64]:
    """Add up the values in each cell.

    Shapes: `values` (n), `index` (n) -> (size). Sums; 0 where a cell is empty.
    """
    # Without any member numpy returns integers.
    return np.bincount(index, weights=values, minlength=size).astype(float)


def cell_statistic(
    values: Array, index: Indices, size: int, kind: Statistic
) -> npt.NDArray[np.float64]:
    """Describe the values in each cell by one number.

    Shapes: `values` (n), `index` (n) -> (size).
    """
    values = values.astype(float)
    if kind in ("mean", "std"):
        mean = _mean(values, index, size)
        return mean if kind == "mean" else _mean_about(values, mean, index, size)
    order = np.lexsort((values, index))
    ranked, cells = values[order], index[order]
    filled, start, members = np.unique(cells, return_index=True, return_counts=True)
    ends = {"min": (start, start), "max": (start + members - 1,) * 2,
            "median": (start + (members - 1) // 2, start + members // 2)}  # fmt: skip
    low, high = ends[kind]
    out = np.full(size, np.nan)
    out[filled] = (ranked[low] + ranked[high]) / 2
    return out


def circular_statistic(
    direction: Array, index: Indices, size: int, kind: Literal["mean", "std"]
) -> npt.NDArray[np.float64]:
    """Describe the directions in each cell by one number.

    Shapes: `direction` (n), `index` (n) -> (size). Degrees, means in [0, 360); NaN where a cell
    is empty or its directions cancel.

    References
    ----------
    Mardia and Jupp (2000), Directional Statistics, https://doi.org/10.1002/9780470316979.
    """
    angle = np.radians(direction.astype(float))
    east = _mean(np.sin(angle), index, size)
    north = _mean(np.cos(angle), index, size)
    length = np.minimum(np.hypot(east, north), 1.0)
    none = ~(length > _NO_DIRECTION)
    if kind == "mean":
        # A tiny negative angle turns to exactly 360.
        mean = np.degrees(np.arctan2(east, north)) % 360 % 360
        return np.where(none, np.nan, mean)
    with np.errstate(divide="ignore"):
        return np.where(none, np.nan, np.degrees(np.sqrt(-2 * np.log(length))))


def _mean(values: Array, index: Indices, size: int) -> npt.NDArray[np.float64]:
    with np.errstate(invalid="ignore"):
        return total(values, index, size) / count(index, size)


def _mean_about(
    values: Array, mean: Array, index: Indices, size: int
) -> npt.NDArray[np.float64]:
    """Root of the mean square about the means of the cells."""
    return np.sqrt(_mean((values - mean[index]) ** 2, index, size))
