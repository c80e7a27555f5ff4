"""Outlines of many vignettes in one array: places at a time, without a loop over them."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
import numpy.typing as npt

__all__ = ["Outlines", "Ring", "joined", "outlines_from"]

Ring = Sequence[Sequence[float]]


@dataclass(frozen=True)
class Outlines:
    """Rings, one after another.

    Parameters
    ----------
    points : ndarray (point, 2)
        Longitudes and latitudes, each ring closed.
    lengths : ndarray (ring,)
        Points of each ring; 0 where it is not told.
    """

    points: npt.NDArray[np.float64]
    lengths: npt.NDArray[np.int64]

    @property
    def ends(self) -> npt.NDArray[np.int64]:
        """Where each ring ends among the points."""
        return np.cumsum(self.lengths)

    def where(self, kept: npt.NDArray[np.bool_]) -> "Outlines":
        """Keep some of the rings."""
        if kept.all():
            return self
        return Outlines(self.points[np.repeat(kept, self.lengths)], self.lengths[kept])

    def centres(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Middles of the corners as points on a sphere: 180 degrees is like any other place."""
        longitude = np.full(self.lengths.size, np.nan)
        latitude = np.full(self.lengths.size, np.nan)
        told = self.lengths > 1
        if told.any():
            lon, lat = np.radians(self.points).T
            places = (np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat))
            last = self.ends[told] - 1  # is the first again
            # a ring of one point ends where the next begins
            first = last - self.lengths[told] + 1
            x, y, z = (_sums(one, first, last) for one in places)
            longitude[told] = np.degrees(np.arctan2(y, x))
            latitude[told] = np.degrees(np.arctan2(z, np.hypot(x, y)))
        return longitude, latitude

    def widths(self) -> npt.NDArray[np.float64]:
        """Degrees of longitude from the least of each ring to the greatest; 0 where there is none."""
        widths = np.zeros(self.lengths.size)
        told = self.lengths > 0
        if told.any():
            first = (self.ends - self.lengths)[told]
            longitude = self.points[:, 0]
            widths[told] = np.maximum.reduceat(longitude, first) - np.minimum.reduceat(longitude, first)  # fmt: skip
        return widths


def _sums(
    values: npt.NDArray[np.float64],
    first: npt.NDArray[np.int64],
    last: npt.NDArray[np.int64],
) -> npt.NDArray[np.float64]:
    """Add up stretches of an array, each without its last value."""
    bounds = np.column_stack([first, last]).ravel()
    return np.asarray(np.add.reduceat(values, bounds)[::2])


def outlines_from(rings: Sequence[Ring | None]) -> Outlines:
    """Put rings into one array."""
    lengths = np.array([0 if ring is None else len(ring) for ring in rings], np.int64)
    points = list(chain.from_iterable(ring for ring in rings if ring is not None))
    if set(map(len, points)) - {2}:  # heights
        points = [point[:2] for point in points]
    flat = np.fromiter(chain.from_iterable(points), np.float64, 2 * len(points))
    return Outlines(flat.reshape(-1, 2), lengths)


def joined(parts: Sequence[Outlines]) -> Outlines:
    """Put outlines one after another."""
    none = outlines_from(())
    return Outlines(
        np.concatenate([none.points, *(part.points for part in parts)]),
        np.concatenate([none.lengths, *(part.lengths for part in parts)]),
    )
