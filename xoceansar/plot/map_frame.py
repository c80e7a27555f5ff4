"""Which part of the world a map shows, in which projection.

All geometry is projected here, point by point: nothing depends on how a plotting library splits
or winds polygons that cross the edge of the map or hold a pole.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from xoceansar._optional import require
from xoceansar.errors import OceansarError
from xoceansar.sar.geometry import shortest_arc

if TYPE_CHECKING:
    from cartopy.crs import Projection
    from cartopy.mpl.geoaxes import GeoAxes


Floats = npt.NDArray[np.float64]

#: Wider regions are drawn as a world map, degrees.
_WORLD: Final = 120.0
#: Regions that reach beyond this latitude are drawn around the pole.
_POLAR: Final = 68.0
#: Margin around the vignettes, degrees of latitude.
_MARGIN: Final = 1.0
#: Pieces along each side of a footprint that the map's edge cuts.
_TILES: Final = 16
#: Size of the copy of a footprint that measures the map's scale.
_SMALL: Final = 0.01


@dataclass(frozen=True)
class Region:
    """A box of longitude and latitude."""

    #: Degrees, west < east; east may exceed 180.
    west: float
    east: float
    #: Degrees.
    south: float
    north: float

    @property
    def middle(self) -> float:
        """Longitude of the centre, from -180 to 180."""
        return ((self.west + self.east) / 2 + 180) % 360 - 180

    @property
    def world(self) -> bool:
        """Whether only a world map can hold the region."""
        return self.east - self.west > _WORLD or self.north - self.south > _WORLD / 2

    @classmethod
    def given(cls, region: tuple[float, float, float, float]) -> "Region":
        """Check a region (west, south, east, north) of a caller."""
        west, south, east, north = (float(v) for v in region)
        if not (np.isfinite([west, east]).all() and -90 <= south < north <= 90):
            raise OceansarError(
                "region must be (west, south, east, north) in degrees with -90 <= south < north <= 90; "
                f"got {tuple(region)}."
            )
        east = west + (east - west) % 360 if east != west else east
        if east == west:
            east = west + 360
        return cls(west, east, max(south, -90.0), min(north, 90.0))


#: All of it.
WORLD: Final = Region(-180.0, 180.0, -90.0, 90.0)


def region_of(longitude: Floats, latitude: Floats) -> Region:
    """Return the smallest region that holds the points, with a margin."""
    if not longitude.size:
        return WORLD
    west, east = shortest_arc(longitude)
    south, north = float(latitude.min()), float(latitude.max())
    height = north - south
    margin = _MARGIN + 0.06 * max(height, min(east - west, 180.0))
    shrink = np.cos(np.radians(min(max(abs(south), abs(north)), 85.0)))
    west, east = west - margin / shrink, east + margin / shrink
    if east - west >= 360:
        west, east = -180.0, 180.0
        margin = _MARGIN + 0.06 * height
        if south < 0 < north:
            return WORLD
    return Region(west, east, max(south - margin, -90.0), min(north + margin, 90.0))


def choose_projection(region: Region) -> "Projection":
    """Choose a projection that shows a region with little distortion."""
    crs = require("cartopy.crs", extra="plot")
    south, north = region.south, region.north
    reach = max(abs(south), abs(north))
    if reach > _POLAR and south * north > 0 and min(abs(south), abs(north)) > 40:
        kind = crs.NorthPolarStereo if north > 0 else crs.SouthPolarStereo
        return kind(central_longitude=region.middle)
    if region.world or reach > 80:
        whole = region.east - region.west > 300
        return crs.Robinson(central_longitude=0 if whole else round(region.middle))
    return crs.Mercator(
        central_longitude=region.middle, min_latitude=-84, max_latitude=84
    )


def project(projection: "Projection", longitude: Floats, latitude: Floats) -> Floats:
    """Project points; (..., 2), NaN where the map cannot show them."""
    crs = require("cartopy.crs", extra="plot")
    xy = projection.transform_points(crs.PlateCarree(), longitude, latitude)[..., :2]
    return np.where(np.isfinite(xy).all(axis=-1, keepdims=True), xy, np.nan)


def zoom(ax: "GeoAxes", region: Region, *, aspect: tuple[float, float]) -> None:
    """Show a region, widened to an agreeable shape."""
    lon, lat = np.meshgrid(
        _columns(region, ax.projection), np.linspace(region.south, region.north, 61)
    )
    xy = project(ax.projection, (lon + 180) % 360 - 180, lat)
    (x0, y0), (x1, y1) = np.nanmin(xy, axis=(0, 1)), np.nanmax(xy, axis=(0, 1))
    width, height = x1 - x0, y1 - y0
    wide = max(width, aspect[0] * height)
    high = max(height, width / aspect[1])
    west, east = _inside((x0 + x1) / 2, wide, ax.projection.x_limits)
    south, north = _inside((y0 + y1) / 2, high, ax.projection.y_limits)
    ax.set_xlim(west, east)
    ax.set_ylim(south, north)


def _columns(region: Region, projection: "Projection") -> Floats:
    """Longitudes across a region, with those at both sides of the edge of the map inside it."""
    near = 1e-9
    inside = np.linspace(region.west + near, region.east - near, 61)
    edge = projection.proj4_params.get("lon_0", 0.0) + 180.0
    turns = np.arange(
        np.ceil((region.west - edge) / 360), (region.east - edge) // 360 + 1
    )
    edges = (edge + 360.0 * turns)[:, None] + np.array([-near, near])
    edges = edges[(edges > region.west) & (edges < region.east)]
    return np.concatenate([inside, edges])


def named_projection(projection: "Projection | str") -> "Projection":
    """Find a projection of cartopy by its name, in any case."""
    if not isinstance(projection, str):
        return projection
    crs = require("cartopy.crs", extra="plot")
    known = {
        name.lower(): kind
        for name, kind in vars(crs).items()
        if isinstance(kind, type)
        and issubclass(kind, crs.Projection)
        and not name.startswith("_")
    }
    try:
        made: Projection = known[projection.lower()]()
    except (KeyError, TypeError):
        raise OceansarError(
            f"there is no projection {projection!r} that can be made by name. For example "
            "projection='PlateCarree', 'Robinson', 'Mollweide', 'NorthPolarStereo'; or an object of "
            "cartopy.crs."
        ) from None
    return made


def is_flat(ax: "GeoAxes") -> bool:
    """Say whether a map is so wide that its colour bar belongs below it."""
    (west, east), (south, north) = ax.get_xlim(), ax.get_ylim()
    return bool((east - west) > 1.5 * (north - south))


def shown_region(ax: "GeoAxes") -> tuple[float, float, float, float]:
    """Return west, east, south and north of what a map shows; east may exceed 180."""
    crs = require("cartopy.crs", extra="plot")
    (x0, x1), (y0, y1) = ax.get_xlim(), ax.get_ylim()
    x, y = np.meshgrid(np.linspace(x0, x1, 41), np.linspace(y0, y1, 41))
    places = crs.PlateCarree().transform_points(ax.projection, x, y)[..., :2]
    places = places[np.isfinite(places).all(axis=-1)]
    west, east = shortest_arc(places[:, 0])
    return west, east, float(places[:, 1].min()), float(places[:, 1].max())


def pixel_shape(ax: "GeoAxes", pixels: int) -> tuple[int, int]:
    """Return rows and columns of a map with so many pixels along its longer side."""
    (west, east), (south, north) = ax.get_xlim(), ax.get_ylim()
    width, height = abs(east - west), abs(north - south)
    scale = pixels / max(width, height)
    return max(round(height * scale), 2), max(round(width * scale), 2)


@lru_cache(maxsize=4)
def pixel_places(
    projection: "Projection",
    extent: tuple[float, float, float, float],
    shape: tuple[int, int],
) -> npt.NDArray[np.float32]:
    """Return where on Earth the pixels of a map lie.

    Shapes: gives (rows, columns, 2). Longitude and latitude of the centres, degrees, to some
    metres; not finite outside the world. Read-only: results are cached.
    """
    crs = require("cartopy.crs", extra="plot")
    west, east, south, north = extent
    rows, columns = shape
    x = west + (np.arange(columns) + 0.5) * (east - west) / columns
    y = south + (np.arange(rows) + 0.5) * (north - south) / rows
    xy = np.meshgrid(x, y)
    found = crs.PlateCarree().transform_points(projection, *xy)[..., :2]
    places: npt.NDArray[np.float32] = found.astype(np.float32)
    places.flags.writeable = False
    return places


def _inside(
    middle: float, length: float, limits: tuple[float, float]
) -> tuple[float, float]:
    """Place an interval about its middle, moved or cut to stay within limits."""
    low, high = limits
    length = min(length, high - low)
    start = min(max(middle - length / 2, low), high - length)
    return start, start + length


def projected_quads(
    projection: "Projection", corners: Floats
) -> tuple[Floats, npt.NDArray[np.intp]]:
    """Project footprints to polygons of four corners, cut where the map's edge cuts them.

    Shapes: `corners` (n, 4, 2).
    """
    whole, good = _project_whole(projection, corners)
    quads, owner = [whole[good]], [np.flatnonzero(good)]
    for i in np.flatnonzero(~good & np.isfinite(corners).all(axis=(1, 2))):
        tiles, good = _project_whole(projection, _tiles(corners[i]))
        quads.append(tiles[good])
        owner.append(np.full(int(good.sum()), i))
    return np.concatenate(quads), np.concatenate(owner)


def _project_whole(
    projection: "Projection", corners: Floats
) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Project polygons and say which ones the map shows whole.

    A polygon is torn apart by the edge of the map where a side is several times as long as the
    scale at its centre, that of a small copy, makes it.
    """
    points = _vectors(corners)
    centre = points.mean(axis=1, keepdims=True)
    small = _degrees(centre + _SMALL * (points - centre))
    flat = project(projection, corners[..., 0], corners[..., 1])
    flat_small = project(projection, small[..., 0], small[..., 1])
    low, high = projection.x_limits
    limit = np.minimum(4 * _longest(flat_small) / _SMALL, 0.3 * (high - low))
    return flat, _longest(flat) < limit


def _longest(quads: Floats) -> Floats:
    sides = quads - np.roll(quads, 1, axis=1)
    longest: Floats = np.hypot(sides[..., 0], sides[..., 1]).max(axis=1)
    return longest


def _tiles(corners: Floats) -> Floats:
    """Split one footprint (4, 2) into small ones (m, 4, 2)."""
    a, b, c, d = _vectors(corners)
    steps = np.linspace(0, 1, _TILES + 1)
    u, v = steps[None, :, None], steps[:, None, None]
    grid = _degrees((1 - v) * ((1 - u) * a + u * b) + v * ((1 - u) * d + u * c))
    ring = (grid[:-1, :-1], grid[:-1, 1:], grid[1:, 1:], grid[1:, :-1])
    return np.stack(ring, axis=2).reshape(-1, 4, 2)


def _vectors(places: Floats) -> Floats:
    """Longitude and latitude (..., 2) to unit vectors (..., 3)."""
    lon, lat = np.radians(places[..., 0]), np.radians(places[..., 1])
    return np.stack(
        [np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], axis=-1
    )


def _degrees(vectors: Floats) -> Floats:
    """Vectors of any length (..., 3) to longitude and latitude (..., 2)."""
    x, y, z = np.moveaxis(vectors, -1, 0)
    places: Floats = np.stack(
        [np.arctan2(y, x), np.arctan2(z, np.hypot(x, y))], axis=-1
    )
    return np.degrees(places)
