"""Where the tiles of a wide image lie, and what their place says of them."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from xoceansar.conventions import SAMPLE, Quality
from xoceansar.sar.geometry import GeolocationGrid
from xoceansar.sar.land import available as land_available
from xoceansar.sar.land import land_fraction
from xoceansar.sar.pixel_quality import sea_ice_possible
from xoceansar.sar.tiling import TileAxis

#: Points along each side of a tile at which land is looked up, as in the wave mode.
_LAND_POINTS: Final = 12
#: What is known of each tile: dtype and trailing dims.
PLACED: Final[dict[str, tuple[type[np.generic], tuple[str, ...]]]] = {
    "longitude": (np.float64, ()),
    "latitude": (np.float64, ()),
    "ground_heading": (np.float64, ()),
    "incidence": (np.float32, (SAMPLE,)),
    "corner_longitude": (np.float64, ("corner",)),
    "corner_latitude": (np.float64, ("corner",)),
}


@dataclass(frozen=True, eq=False)
class Layout:
    """The tiles of an image: what a task needs to know, without its pixels."""

    lines: TileAxis
    samples: TileAxis
    #: Coordinates of the lines and samples in the geolocation grid.
    line_numbers: npt.NDArray[np.float64]
    sample_numbers: npt.NDArray[np.float64]

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of tiles."""
        return self.lines.first.size, self.samples.first.size

    def line_at(self, metres: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Find the line at a distance from the first one."""
        return _number(self.line_numbers, self.lines.index_at(metres))

    def sample_at(self, metres: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Find the sample at a ground distance from near range."""
        return _number(self.sample_numbers, self.samples.index_at(metres))


def _number(
    numbers: npt.NDArray[np.float64], index: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Coordinate at a fractional index, continued by half a cell at the ends."""
    at = np.clip(np.floor(index), 0, numbers.size - 2).astype(int)
    return np.asarray(numbers[at] + (index - at) * (numbers[at + 1] - numbers[at]))


def place_flags(
    layout: Layout, grid: GeolocationGrid, row: int, column: int
) -> Quality:
    """Set the flags that the place of a tile decides."""
    half = (
        np.linspace(-0.5, 0.5, _LAND_POINTS) * layout.lines.size * layout.lines.spacing
    )
    line = layout.line_at(layout.lines.middles[row] + half)
    sample = layout.sample_at(layout.samples.middles[column] + half)
    longitude, latitude = grid.locate(line[:, None], sample[None, :])
    flags = Quality(0)
    if sea_ice_possible(float(latitude[_LAND_POINTS // 2, _LAND_POINTS // 2])):
        flags |= Quality.SEA_ICE_HINT
    if land_available() and land_fraction(longitude, latitude) > 0:
        flags |= Quality.LAND
    return flags


def placed(
    layout: Layout, grid: GeolocationGrid, count: int
) -> dict[str, npt.NDArray[Any]]:
    """Find where all tiles lie."""
    rows, columns = layout.shape
    lines = layout.line_at(layout.lines.middles)
    samples = layout.sample_at(layout.samples.middles)
    longitude, latitude = grid.locate(lines[:, None], samples[None, :])
    quarter = layout.lines.size * layout.lines.spacing / 4
    step = float(np.diff(layout.line_at([quarter, 2 * quarter]))[0])
    heading = np.array(
        [[grid.heading_at(i, j, step=step) for j in samples] for i in lines]
    )
    pixels = (layout.samples.edges_out[:-1] + layout.samples.edges_out[1:]) / 2
    cuts = layout.samples.first[:, None] + np.arange(layout.samples.size)
    angle = grid.incidence_at(lines[:, None], layout.sample_at(pixels)[None, :])
    corner_lon, corner_lat = grid.locate(*_corners(layout))
    found = {
        "longitude": longitude.ravel(),
        "latitude": latitude.ravel(),
        "ground_heading": heading.ravel(),
        "incidence": angle[:, cuts].reshape(rows * columns, -1).astype(np.float32),
        "corner_longitude": corner_lon.reshape(-1, 4),
        "corner_latitude": corner_lat.reshape(-1, 4),
    }
    return {name: np.concatenate([value] * count) for name, value in found.items()}


def _corners(
    layout: Layout,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Line and sample of the corners (row, column, 4), in the order of the wave mode."""
    half = layout.lines.size * layout.lines.spacing / 2
    side = np.array([-half, half])
    line = layout.line_at(layout.lines.middles[:, None] + side)[:, [0, 0, 1, 1]]
    sample = layout.sample_at(layout.samples.middles[:, None] + side)[:, [0, 1, 1, 0]]
    shape = (*layout.shape, 4)
    return (
        np.broadcast_to(line[:, None], shape),
        np.broadcast_to(sample[None], shape),
    )
