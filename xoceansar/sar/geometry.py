"""Where a vignette lies: geolocation, heading, ground range, footprint.

Positions are interpolated as unit vectors, so that the 180 degree meridian and the poles are
places like any other.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from xoceansar.constants import EARTH_RADIUS

Array = npt.NDArray[np.float64]

#: First eccentricity squared and semi-major axis (m) of WGS 84.
_E2: Final = 6.69437999014e-3
_EQUATOR: Final = 6378137.0
#: Width in degrees under which a piece of footprint beyond the 180 degree meridian is a rounding.
_SLIVER: Final = 1e-3


def unit_vector(longitude: npt.ArrayLike, latitude: npt.ArrayLike) -> Array:
    """Turn positions into unit vectors.

    Shapes: gives (..., 3).
    """
    lon, lat = np.radians(longitude), np.radians(latitude)
    cosine = np.cos(lat)
    x, y = cosine * np.cos(lon), cosine * np.sin(lon)
    vectors = np.empty((*np.shape(x), 3))
    vectors[..., 0], vectors[..., 1], vectors[..., 2] = x, y, np.sin(lat)
    return vectors


def from_unit_vector(vector: Array) -> tuple[Array, Array]:
    """Turn vectors into positions."""
    # numpy 2.0 gives angles of numbers that lie apart in one of two last digits, by chance
    x, y, z = (vector[..., k].copy() for k in range(3))
    return np.degrees(np.arctan2(y, x)), np.degrees(np.arctan2(z, np.hypot(x, y)))


def arc_length(chord: Array) -> Array:
    """Turn the distance between two unit vectors into metres along the ground.

    Examples
    --------
    >>> chord = np.linalg.norm(unit_vector(179.5, 0.0) - unit_vector(-179.5, 0.0))
    >>> int(arc_length(chord))
    111194
    """
    return np.asarray(2.0 * EARTH_RADIUS * np.arcsin(np.minimum(chord / 2.0, 1.0)))


def mean_position(
    longitude: npt.ArrayLike, latitude: npt.ArrayLike
) -> tuple[float, float]:
    """Average positions on the sphere.

    Examples
    --------
    >>> mean_position([179.9, -179.9], [0.0, 0.0])
    (180.0, 0.0)
    """
    vectors = unit_vector(longitude, latitude).reshape(-1, 3)
    lon, lat = from_unit_vector(vectors.mean(axis=0))
    return float(lon), float(lat)


def position_between(
    longitude: npt.ArrayLike, latitude: npt.ArrayLike, line: Array, sample: Array
) -> tuple[Array, Array]:
    """Interpolate a position inside a vignette from its corners.

    Examples
    --------
    >>> lon, lat = position_between(
    ...     [179.9, -179.9, -179.9, 179.9], [0, 0, 0.2, 0.2], 0.5, 0.75
    ... )
    >>> float(lon.round(6)), float(lat.round(6))
    (-179.95, 0.1)
    """
    corners = unit_vector(longitude, latitude)
    u, v = (np.asarray(x, dtype=np.float64)[..., None] for x in (line, sample))
    first = (1 - v) * corners[..., 0, :] + v * corners[..., 1, :]
    last = (1 - v) * corners[..., 3, :] + v * corners[..., 2, :]
    return from_unit_vector((1 - u) * first + u * last)


def offset_position(
    longitude: npt.ArrayLike,
    latitude: npt.ArrayLike,
    heading: npt.ArrayLike,
    along: Array,
    across: Array,
) -> tuple[Array, Array]:
    """Find a position by its distance from the centre of a vignette.

    Parameters
    ----------
    longitude, latitude : array_like
        Degrees, of the centre.
    heading : array_like
        Direction in which lines follow each other, degrees clockwise from north.
    along, across : ndarray
        Metres along azimuth, and to the right of it: the radar looks to the right.

    Returns
    -------
    longitude, latitude : ndarray
        Degrees, longitude in [-180, 180].

    Notes
    -----
    The ellipsoid normal turns by the distance over the radius of curvature: exact to a metre over
    30 km, up to 89.9 degrees of latitude.

    Examples
    --------
    >>> longitude, latitude = offset_position(179.95, 0.0, 0.0, 0.0, 11_131.9)
    >>> float(longitude.round(3)), float(latitude.round(3))
    (-179.95, 0.0)
    """
    lam, phi, course = (np.radians(x) for x in (longitude, latitude, heading))
    north = along * np.cos(course) - across * np.sin(course)
    east = along * np.sin(course) + across * np.cos(course)
    squeeze = 1 - _E2 * np.sin(phi) ** 2
    prime = _EQUATOR / np.sqrt(squeeze)
    meridian = prime * (1 - _E2) / squeeze
    to_north = _stacked(
        -np.sin(phi) * np.cos(lam), -np.sin(phi) * np.sin(lam), np.cos(phi)
    )
    to_east = _stacked(-np.sin(lam), np.cos(lam), 0.0 * lam)
    moved = unit_vector(longitude, latitude) + (
        np.asarray(north / meridian)[..., None] * to_north
        + np.asarray(east / prime)[..., None] * to_east
    )
    return from_unit_vector(moved)


def _stacked(*parts: npt.ArrayLike) -> Array:
    return np.stack(np.broadcast_arrays(*parts), axis=-1)


@dataclass(frozen=True, eq=False)
class GeolocationGrid:
    """Geolocation of an image on a coarse grid of its pixels."""

    #: (n,): Image lines of the grid, ascending, at least two.
    line: Array
    #: (m,): Image samples of the grid, ascending, at least two.
    sample: Array
    #: (n, m): Degrees.
    longitude: Array
    latitude: Array
    incidence: Array

    def __reduce__(self) -> tuple[type["GeolocationGrid"], tuple[Array, ...]]:
        """Leave out of a pickle what follows from the rest."""
        tables = (self.longitude, self.latitude, self.incidence)
        return type(self), (self.line, self.sample, *tables)

    @cached_property
    def places(self) -> Array:
        """Unit vectors (n, m, 3) of the grid."""
        return unit_vector(self.longitude, self.latitude)

    def locate(self, line: npt.ArrayLike, sample: npt.ArrayLike) -> tuple[Array, Array]:
        """Interpolate the position of pixels."""
        return from_unit_vector(self._interpolate(self.places, line, sample))

    def incidence_at(self, line: npt.ArrayLike, sample: npt.ArrayLike) -> Array:
        """Interpolate the incidence angle of pixels."""
        return self._interpolate(self.incidence, line, sample)

    def incidence_along(self, line: float, samples: int) -> Array:
        """Interpolate the incidence angle of all pixels of a line.

        Shapes: gives (samples,). Degrees: what `incidence_at` gives, in half the time.
        """
        i, u = _cell(self.line, np.asarray(line, float))
        near, far = self.incidence[i], self.incidence[i + 1]
        ends = (near[:-1], near[1:], far[:-1], far[1:])
        cells = np.stack([self.sample[:-1], np.diff(self.sample), *ends])
        inner = np.ceil(self.sample[1:-1]).clip(0, samples).astype(int)
        counts = np.diff([0, *inner.tolist(), samples])
        start, width, a, b, c, d = np.repeat(cells, counts, axis=1)
        v = (np.arange(samples) - start) / width
        w = 1 - v
        return np.asarray((1 - u) * (w * a + v * b) + u * (w * c + v * d))

    def heading_at(
        self, line: float, sample: float, *, step: float | None = None
    ) -> float:
        """Direction in which the lines follow each other on the ground."""
        if step is None:
            step = self.heading_step
        return heading_between(*self.locate([line - step, line, line + step], sample))

    @property
    def heading_step(self) -> float:
        """Lines before and after a place between which its heading is taken: a quarter of the grid."""
        return float((self.line[-1] - self.line[0]) / 4)

    def _interpolate(
        self, table: Array, line: npt.ArrayLike, sample: npt.ArrayLike
    ) -> Array:
        """Interpolate a table (n, m) of numbers, or (n, m, k) of vectors."""
        i, u = _cell(self.line, np.asarray(line, float))
        j, v = _cell(self.sample, np.asarray(sample, float))
        if table.ndim == 3:
            u, v = u[..., None], v[..., None]
        # one index is many times faster than two
        step = self.sample.size
        cells, at = table.reshape(-1, *table.shape[2:]), i * step + j
        near = (1 - v) * cells[at] + v * cells[at + 1]
        far = (1 - v) * cells[at + step] + v * cells[at + step + 1]
        out: Array = (1 - u) * near + u * far
        return out


def heading_between(longitude: Array, latitude: Array) -> float:
    """Direction from a place before another to one after it.

    Shapes: longitude, latitude (3,).

    Notes
    -----
    The step is taken as a difference of ellipsoid normals, and its north component is scaled by the
    ratio of the meridian to the prime-vertical radius.

    Examples
    --------
    >>> heading_between(np.array([0.0, 1.0, 2.0]), np.zeros(3))
    90.0
    """
    before, _, after = unit_vector(longitude, latitude)
    place = np.radians([longitude[1], latitude[1]])
    (sin_lam, sin_phi), (cos_lam, cos_phi) = np.sin(place), np.cos(place)
    east = np.array([-sin_lam, cos_lam, 0.0])
    north = np.array([-sin_phi * cos_lam, -sin_phi * sin_lam, cos_phi])
    flattening = (1 - _E2) / (1 - _E2 * sin_phi**2)
    move = after - before
    heading = np.degrees(np.arctan2(move @ east, move @ north * flattening))
    return float(heading % 360.0 % 360.0)  # a tiny negative angle rounds up to 360


def _cell(nodes: Array, at: Array) -> tuple[npt.NDArray[np.intp], Array]:
    """Cell of each coordinate, the outermost continued, and the place in it."""
    # np.clip takes three times as long for a few numbers
    index = np.maximum(np.searchsorted(nodes, at, side="right") - 1, 0)
    index = np.minimum(index, nodes.size - 2)
    return index, (at - nodes[index]) / (nodes[index + 1] - nodes[index])


def ground_edges(range_spacing: float, incidence: Array) -> Array:
    """Ground-range positions of the edges of the samples, from the middle of the image.

    Shapes: `incidence` (n,) -> (n + 1,). Metres, ascending, zero at the edge coordinate n / 2.

    Notes
    -----
    A step dr in slant range covers dr / sin(incidence) on the ground; the incidence changes
    by about one degree across a vignette, hence the spacing by up to 6 %.
    """
    edges = np.concatenate(
        [[0.0], np.cumsum(range_spacing / np.sin(np.radians(incidence)))]
    )
    half = incidence.size // 2
    around = [half, half + 1]
    middle = np.interp(incidence.size / 2, around, edges[around])
    return np.asarray(edges - middle)


def footprint(longitude: npt.ArrayLike, latitude: npt.ArrayLike) -> dict[str, Any]:
    """Outline of a vignette as a GeoJSON MultiPolygon, cut at the 180 degree meridian.

    Parameters
    ----------
    longitude, latitude : array_like (4,)
        Corners in order, degrees.

    Returns
    -------
    dict
        ``{"type": "MultiPolygon", "coordinates": [...]}`` with one polygon, or two where the
        vignette crosses the meridian; longitudes in [-180, 180], rings closed and
        counter-clockwise. ``shapely.geometry.shape`` reads it.

    Notes
    -----
    A part beyond the meridian that is narrower than 0.001 degree is rounding and is dropped.
    A bounding box west > east, as GeoJSON has it (RFC 7946, section 5.2), means a crossing.

    Examples
    --------
    >>> outline = footprint([179.9, -179.9, -179.9, 179.9], [0, 0, 0.2, 0.2])
    >>> outline["type"], len(outline["coordinates"])
    ('MultiPolygon', 2)
    >>> [round(max(x for x, _ in polygon[0]), 3) for polygon in outline["coordinates"]]
    [180.0, -179.9]
    """
    lon = np.asarray(longitude, float)
    lat = np.asarray(latitude, float)
    # Continue the longitudes from the first corner: a vignette is far narrower than 180 degrees.
    lon = lon[0] + (lon - lon[0] + 180.0) % 360.0 - 180.0
    middle = np.round(lon.mean() / 360.0) * 360.0
    lon = lon - middle
    ring = np.column_stack([lon, lat])
    if _signed_area(ring) < 0:
        ring = ring[::-1]
    parts = []
    for shift in (0.0, -360.0, 360.0):
        part = _clip(_clip(ring + np.array([shift, 0.0]), 180.0, -1.0), -180.0, 1.0)
        if len(part) >= 3 and np.ptp(part[:, 0]) > _SLIVER:
            parts.append([np.vstack([part, part[:1]]).tolist()])
    return {"type": "MultiPolygon", "coordinates": parts}


def _signed_area(ring: Array) -> float:
    x, y = ring.T
    return float(np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y) / 2)


def _clip(ring: Array, limit: float, side: float) -> Array:
    """Part of a convex ring on one side of a meridian (Sutherland and Hodgman, 1974)."""
    out: list[Array] = []
    for start, stop in zip(ring, np.roll(ring, -1, axis=0), strict=True):
        a, b = side * (start[0] - limit), side * (stop[0] - limit)
        if a >= 0:
            out.append(start)
        if a * b < 0:
            crossing = start + (stop - start) * (a / (a - b))
            out.append(np.array([limit, crossing[1]]))
    return np.array(out).reshape(-1, 2)


def shortest_arc(longitude: npt.ArrayLike) -> tuple[float, float]:
    """Find the shortest part of the globe that holds all longitudes.

    Examples
    --------
    >>> shortest_arc([170.0, -160.0, 175.0])
    (170.0, 200.0)
    """
    lon = np.unique((np.asarray(longitude, float) + 180) % 360 - 180)
    gaps = np.diff(lon, append=lon[0] + 360)
    # of gaps that are alike, as of a grid all around, the last: no arc crosses 180 without need
    widest = gaps.size - 1 - int(np.round(gaps[::-1], 6).argmax())
    west = float(lon[(widest + 1) % lon.size])
    return west, west + 360 - float(gaps[widest])
