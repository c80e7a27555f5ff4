"""Where the pixels of a simulated product are: orbit, slant range and the ellipsoid.

A satellite on a great circle fixed to the Earth, a right-looking radar in zero-Doppler geometry,
and the WGS84 ellipsoid at height zero. Every annotated quantity (state vectors, slant range
times, geolocation grid, incidence) comes from this one model, so a product geocoded from its
orbit and a product geocoded from its grid agree. The rotation of the Earth is left out: it turns
the track by a few degrees over an orbit, and nothing within a vignette.
"""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from xoceansar.constants import EARTH_RADIUS
from xoceansar.errors import DomainError

__all__ = [
    "SEMI_MAJOR",
    "SEMI_MINOR",
    "Frame",
    "Location",
    "Track",
    "locate",
    "mid_range",
    "track_over",
]

Array = npt.NDArray[np.float64]

SEMI_MAJOR: Final = 6378137.0
SEMI_MINOR: Final = 6356752.314245

#: Mean of real state vectors, and the speed that puts 14.66 s at 100 km on the ground.
_RADIUS: Final = 7_075_000.0
_SPEED: Final = 7_575.0

#: Wave mode is acquired over the open sea; closer to a pole the track is not a line of the map.
_HIGHEST_LATITUDE: Final = 80.0

_INVERSE_SQUARES: Final = np.array([SEMI_MAJOR, SEMI_MAJOR, SEMI_MINOR]) ** -2.0


def _unit(vector: Array) -> Array:
    result: Array = vector / np.linalg.norm(vector, axis=-1, keepdims=True)
    return result


def _local_axes(longitude: float, latitude: float) -> tuple[Array, Array, Array]:
    """Up, east and north of the ellipsoid, degrees in."""
    lon, lat = math.radians(longitude), math.radians(latitude)
    up = np.array(
        [math.cos(lat) * math.cos(lon), math.cos(lat) * math.sin(lon), math.sin(lat)]
    )
    east = np.array([-math.sin(lon), math.cos(lon), 0.0])
    return up, east, np.cross(up, east)


@dataclass(frozen=True, eq=False)
class Track:
    """A circular orbit in a frame that turns with the Earth.

    Attributes
    ----------
    radial, along : ndarray (3)
        Unit vectors, Earth-fixed, of the position and of the velocity at time zero.
    """

    radial: Array
    along: Array

    @property
    def angular_speed(self) -> float:
        """Radians per second."""
        return _SPEED / _RADIUS

    def position(self, time: npt.ArrayLike) -> Array:
        """Earth-fixed position (..., 3), m, at `time` in seconds."""
        angle = self.angular_speed * np.asarray(time, float)[..., None]
        result: Array = _RADIUS * (
            np.cos(angle) * self.radial + np.sin(angle) * self.along
        )
        return result

    def velocity(self, time: npt.ArrayLike) -> Array:
        """Earth-fixed velocity (..., 3), m/s, at `time` in seconds."""
        angle = self.angular_speed * np.asarray(time, float)[..., None]
        result: Array = _SPEED * (
            np.cos(angle) * self.along - np.sin(angle) * self.radial
        )
        return result

    @property
    def since_ascending_node(self) -> float:
        """Seconds from the last northward crossing of the equator to time zero."""
        argument = math.atan2(float(self.radial[2]), float(self.along[2]))
        return (argument % (2 * math.pi)) / self.angular_speed

    def heading(self, time: float) -> float:
        """Heading of the velocity, degrees clockwise from north, in (-180, 180]."""
        x, y, z = (float(c) for c in _unit(self.position(time)))
        longitude, latitude = math.atan2(y, x), math.asin(z)
        _, east, north = _local_axes(math.degrees(longitude), math.degrees(latitude))
        velocity = self.velocity(time)
        return math.degrees(math.atan2(velocity @ east, velocity @ north))


class Location(NamedTuple):
    """Where pixels are and how the radar sees them: degrees, and an Earth-fixed point in m."""

    longitude: Array
    latitude: Array
    incidence: Array
    elevation: Array
    point: Array


def locate(track: Track, time: npt.ArrayLike, slant_range: npt.ArrayLike) -> Location:
    """Find the points of the ellipsoid at a slant range, at right angles to the flight.

    Notes
    -----
    Newton's method on the range, Doppler and ellipsoid equations, from the spherical solution:
    quadratic convergence, below a nanometre after four steps.
    """
    time, reach = np.broadcast_arrays(
        np.asarray(time, float), np.asarray(slant_range, float)
    )
    satellite, velocity = track.position(time), track.velocity(time)
    up, forward = _unit(satellite), _unit(velocity)
    point = _spherical(satellite, up, np.cross(forward, up), reach)
    for _ in range(4):
        ray = point - satellite
        residual = np.stack(
            [
                (ray**2).sum(-1) - reach**2,
                (ray * forward).sum(-1),
                (point**2 * _INVERSE_SQUARES).sum(-1) - 1,
            ],
            axis=-1,
        )
        jacobian = np.stack([2 * ray, forward, 2 * point * _INVERSE_SQUARES], axis=-2)
        point = point - np.linalg.solve(jacobian, residual[..., None])[..., 0]
    normal = _unit(point * _INVERSE_SQUARES)
    ray = _unit(point - satellite)
    return Location(
        longitude=np.degrees(np.arctan2(point[..., 1], point[..., 0])),
        latitude=np.degrees(np.arcsin(normal[..., 2])),
        incidence=np.degrees(np.arccos(-(normal * ray).sum(-1))),
        elevation=np.degrees(np.arccos(-(up * ray).sum(-1))),
        point=point,
    )


def _spherical(satellite: Array, up: Array, right: Array, reach: Array) -> Array:
    cosine = (reach**2 + _RADIUS**2 - EARTH_RADIUS**2) / (2 * reach * _RADIUS)
    look = np.arccos(np.clip(cosine, -1, 1))[..., None]
    ray = np.sin(look) * right - np.cos(look) * up
    result: Array = satellite + reach[..., None] * ray
    return result


def mid_range(track: Track, time: float, incidence: float) -> float:
    """Find the slant range, m, at which the ellipsoid is seen under `incidence`, degrees."""
    below, above = 750e3, 900e3
    low = float(locate(track, time, below).incidence)
    for _ in range(10):
        high = float(locate(track, time, above).incidence)
        step = (incidence - high) * (above - below) / (high - low)
        below, low, above = above, high, above + step
        if abs(step) < 1e-6:
            break
    return above


def track_over(
    longitude: float, latitude: float, heading: float, *, time: float, incidence: float
) -> Track:
    """Find the orbit that sees a place at `time`, under `incidence`, flying along `heading`.

    Notes
    -----
    Turns a first guess by the rotation between what it sees and what is wanted. On a sphere one
    turn would do; the flattening needs a few more.
    """
    if not abs(latitude) <= _HIGHEST_LATITUDE:
        raise DomainError(
            f"latitude must be between -80 and 80 degrees; got {latitude}. "
            "Wave mode is not acquired closer to the poles."
        )
    up, east, north = _local_axes(longitude, latitude)
    bearing = math.radians(heading)
    along = math.cos(bearing) * north + math.sin(bearing) * east
    wanted = np.stack([up, along, np.cross(along, up)])
    track = Track(up, along)
    for _ in range(8):
        reach = mid_range(track, time, incidence)
        seen = locate(track, [time - 0.5, time, time + 0.5], reach)
        rotation = wanted.T @ _axes_of(seen)
        radial = _unit(rotation @ track.radial)
        along = rotation @ track.along
        track = Track(radial, _unit(along - (along @ radial) * radial))
    return track


def _axes_of(seen: Location) -> Array:
    """Up, along and right at the middle of three points in a row."""
    up, _, _ = _local_axes(float(seen.longitude[1]), float(seen.latitude[1]))
    step = seen.point[2] - seen.point[0]
    along = _unit(step - (step @ up) * up)
    return np.stack([up, along, np.cross(along, up)])


@dataclass(frozen=True, eq=False)
class Frame:
    """The pixel grid of one vignette.

    Attributes
    ----------
    track : Track
        The orbit.
    first_line : float
        Time of line 0, seconds.
    line_interval : float
        Seconds between lines.
    near_range : float
        Slant range of sample 0, m.
    sample_spacing : float
        Slant range between samples, m.
    lines, samples : int
        Size of the image.
    """

    track: Track
    first_line: float
    line_interval: float
    near_range: float
    sample_spacing: float
    lines: int
    samples: int

    def time(self, line: npt.ArrayLike) -> Array:
        """Seconds at a line."""
        result: Array = self.first_line + self.line_interval * np.asarray(line, float)
        return result

    def slant_range(self, sample: npt.ArrayLike) -> Array:
        """Metres at a sample."""
        result: Array = self.near_range + self.sample_spacing * np.asarray(
            sample, float
        )
        return result

    def locate(self, line: npt.ArrayLike, sample: npt.ArrayLike) -> Location:
        """Locate pixels; line and sample broadcast against each other."""
        return locate(self.track, self.time(line), self.slant_range(sample))

    @property
    def centre(self) -> tuple[float, float]:
        """Line and sample of the middle of the image."""
        return (self.lines - 1) / 2, (self.samples - 1) / 2

    @cached_property
    def incidence(self) -> Array:
        """Incidence of every sample at the middle line, degrees (samples)."""
        knots = np.linspace(0, self.samples - 1, 33)
        seen = self.locate(self.centre[0], knots).incidence
        fit = np.polynomial.Polynomial.fit(knots, seen, 4)
        result: Array = fit(np.arange(self.samples))
        return result

    @cached_property
    def ground_range(self) -> Array:
        """Distance on the ground of every sample from the middle one, m (samples).

        ``dx = dr / sin(incidence)``, exact on a sphere and within 1e-5 on the ellipsoid.
        """
        step = self.sample_spacing / np.sin(np.radians(self.incidence))
        distance = np.concatenate([[0.0], np.cumsum((step[1:] + step[:-1]) / 2)])
        middle = np.interp(self.centre[1], np.arange(self.samples), distance)
        result: Array = distance - middle
        return result

    @cached_property
    def azimuth_spacing(self) -> float:
        """Distance on the ground between lines at mid-range, m."""
        line, sample = self.centre
        reach = 1000.0  # lines
        ends = self.locate([line - reach, line + reach], sample).point
        return float(np.linalg.norm(ends[1] - ends[0])) / (2 * reach)

    @cached_property
    def ground_heading(self) -> float:
        """Direction of increasing line at the centre, degrees clockwise from north."""
        line, sample = self.centre
        seen = self.locate([line - 1, line, line + 1], sample)
        _, east, north = _local_axes(float(seen.longitude[1]), float(seen.latitude[1]))
        step = seen.point[2] - seen.point[0]
        return math.degrees(math.atan2(step @ east, step @ north))
