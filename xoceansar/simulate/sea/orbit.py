"""Where and when simulated vignettes are: Sentinel-1 passes over the open ocean.

A circular orbit of Sentinel-1's inclination over a spherical, turning Earth. Places carry no
information about the scene: ice may turn up in the tropics.
"""

import math
import zlib
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from xoceansar.constants import EARTH_RADIUS
from xoceansar.simulate.sea.environment import BEAMS

__all__ = ["VIGNETTES_PER_PASS", "Acquisition", "acquisition", "destination"]

#: Vignettes that share a product.
VIGNETTES_PER_PASS: Final = 20

_INCLINATION: Final = math.radians(98.18)
_PERIOD: Final = 12 * 86400 / 175  # s: 175 orbits in 12 days
_EARTH_RATE: Final = 2 * math.pi / 86164.1  # rad/s
_STEP: Final = 14.66  # s between vignettes, about 100 km
_DURATION: Final = 3.0  # s, of one vignette
_LAUNCH: Final = np.datetime64("2014-04-03T21:02:00", "ns")  # orbit 0 of Sentinel-1A
_FIRST, _DAYS = np.datetime64("2016-01-01", "ns"), 2190  # acquisition dates

# Open-ocean boxes for the middle of a pass (lon west, lon width, lat south, lat north): a pass of
# twenty vignettes reaches ten degrees of latitude to either side.
_OCEANS: Final = (
    (-175.0, 40.0, 0.0, 35.0),  # North Pacific
    (-165.0, 75.0, -50.0, -10.0),  # South Pacific
    (160.0, 20.0, 0.0, 30.0),  # West Pacific
    (-45.0, 20.0, 20.0, 45.0),  # North Atlantic
    (-22.0, 22.0, -50.0, -12.0),  # South Atlantic
    (65.0, 25.0, -48.0, -12.0),  # Indian
    (80.0, 60.0, -52.0, -46.0),  # Southern
)


@dataclass(frozen=True)
class Acquisition:
    """Place, time and names of one vignette.

    Parameters
    ----------
    time : datetime64[ns]
        UTC of the centre.
    longitude, latitude : float
        Of the centre, degrees.
    ground_heading : float
        Of the satellite track, degrees clockwise from north, [0, 360).
    vignette_id, product : str
        Names in the style of Sentinel-1.
    """

    time: np.datetime64
    longitude: float
    latitude: float
    ground_heading: float
    vignette_id: str
    product: str


def destination(
    longitude: npt.ArrayLike,
    latitude: npt.ArrayLike,
    bearing: npt.ArrayLike,
    distance: npt.ArrayLike,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Follow a great circle."""
    arc, course = np.divide(distance, EARTH_RADIUS), np.radians(bearing)
    lat = np.radians(latitude)
    sine = np.sin(lat) * np.cos(arc) + np.cos(lat) * np.sin(arc) * np.cos(course)
    east = np.arctan2(
        np.sin(course) * np.sin(arc) * np.cos(lat), np.cos(arc) - np.sin(lat) * sine
    )
    lon = np.asarray(longitude) + np.degrees(east)
    return (lon + 180) % 360 - 180, np.degrees(np.arcsin(np.clip(sine, -1, 1)))


def _ground_track(argument: float) -> tuple[float, float, float]:
    """Longitude from the node and latitude (radians), heading (degrees), at an orbit angle."""
    lat = math.asin(math.sin(_INCLINATION) * math.sin(argument))
    lon = math.atan2(math.cos(_INCLINATION) * math.sin(argument), math.cos(argument))
    lon -= _EARTH_RATE * argument * _PERIOD / (2 * math.pi)
    # Velocity over ground: the orbit's minus the Earth's turning.
    speed = 2 * math.pi / _PERIOD
    inertial = math.asin(max(-1.0, min(1.0, math.cos(_INCLINATION) / math.cos(lat))))
    north = speed * math.cos(inertial) * (1 if math.cos(argument) > 0 else -1)
    east = speed * math.sin(inertial) - _EARTH_RATE * math.cos(lat)
    return lon, lat, math.degrees(math.atan2(east, north))


def acquisition(seed: int, row: int, beam: str) -> Acquisition:
    """Place vignette number `row` of a simulated archive."""
    number, position = divmod(row, VIGNETTES_PER_PASS)
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(1, number)))
    west, width, south, north = _OCEANS[int(rng.integers(len(_OCEANS)))]
    lon, lat = west + rng.uniform(0, width), rng.uniform(south, north)
    ascending = rng.random() < 0.5
    seconds = rng.uniform(0, _DAYS * 86400)
    start = _FIRST + np.timedelta64(round(seconds * 1e6), "us")
    orbit = int((start - _LAUNCH) / np.timedelta64(1, "s") / _PERIOD)

    middle = math.asin(math.sin(math.radians(lat)) / math.sin(_INCLINATION))
    middle = middle if ascending else math.pi - middle
    offset = (position - (VIGNETTES_PER_PASS - 1) / 2) * _STEP
    node = math.radians(lon) - _ground_track(middle)[0]
    track = _ground_track(middle + 2 * math.pi * offset / _PERIOD)
    heading = track[2]
    x, y = destination(
        math.degrees(node + track[0]),
        math.degrees(track[1]),
        heading + 90,
        BEAMS[beam].ground_offset,
    )
    begin = start + np.timedelta64(round(position * _STEP * 1e6), "us")
    end = begin + np.timedelta64(round(_DURATION * 1e6), "us")
    last = (VIGNETTES_PER_PASS - 1) * _STEP + _DURATION
    stop = start + np.timedelta64(round(last * 1e6), "us")
    datatake = f"{zlib.crc32(f'{seed}/{number}'.encode()):08x}"
    times = f"{_compact(begin)}-{_compact(end)}".lower()
    stem = f"s1a-{beam}-slc-vv-{times}-{orbit:06d}-{datatake[:6]}-{position + 1:03d}"
    product = (
        f"S1A_WV_SLC__1SSV_{_compact(start)}_{_compact(stop)}_{orbit:06d}_"
        f"{datatake[:6].upper()}_{datatake[4:].upper()}.SAFE"
    )
    centre = begin + (end - begin) // 2
    return Acquisition(
        time=centre,
        longitude=float(x),
        latitude=float(y),
        ground_heading=heading % 360.0,
        vignette_id=stem,
        product=product,
    )


def _compact(time: np.datetime64) -> str:
    return str(time.astype("datetime64[s]")).replace("-", "").replace(":", "")
