"""Other radars than the wave mode of Sentinel-1, to see the same seas through.

Wide-swath products are given by what a 20 km piece of them is: an incidence, a resolution, looks
and noise. Scalloping, sub-swath seams and burst timing are not simulated.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from xoceansar.constants import EARTH_RADIUS
from xoceansar.errors import OceansarError
from xoceansar.simulate.sea.environment import Beam

__all__ = ["SENSORS", "Sensor", "find_sensor"]

_GRAVITATION: Final = 3.986004418e14  # m3 s-2, of the Earth


@dataclass(frozen=True, kw_only=True)
class Sensor:
    """A radar and the product that is looked at.

    Parameters
    ----------
    name : str
        Short name; the coordinate ``beam`` of what is simulated.
    platform : str
        The coordinate ``platform``.
    altitude : float
        Of the orbit, metres.
    incidence : float
        At mid-scene, degrees; 17.5 to 44.5, where CMOD5.N and the simulator hold.
    nesz_db : float
        Noise-equivalent sigma zero at mid-scene, dB.
    resolution : float
        Of the product on the ground, metres: the root of azimuth times range.
    looks : float
        Equivalent number of looks of the product at its own resolution.
    origin : str
        Where the numbers are from.

    Raises
    ------
    OceansarError
        If a number is out of its domain.

    Examples
    --------
    >>> import xoceansar as xos
    >>> radar = xos.simulate.Sensor(
    ...     name="iw",
    ...     platform="S1A",
    ...     altitude=693e3,
    ...     incidence=35.0,
    ...     nesz_db=-25.0,
    ...     resolution=20.0,
    ...     looks=4.4,
    ... )
    >>> xos.simulate.vignettes(1, seed=1, shape=(64, 64), sensor=radar).beam.values
    array(['iw'], dtype='<U2')
    """

    name: str
    platform: str
    altitude: float
    incidence: float
    nesz_db: float
    resolution: float
    looks: float
    origin: str = ""

    def __post_init__(self) -> None:
        if not 17.5 <= self.incidence <= 44.5:
            raise OceansarError(
                "a sensor's incidence must be between 17.5 and 44.5 degrees, where CMOD5.N and "
                f"the simulator hold; got {self.incidence}."
            )
        if not (self.altitude > 0 and self.resolution > 0 and self.looks >= 1):
            raise OceansarError(
                "a sensor needs a positive altitude and resolution and 1 look or more; got "
                f"{self.altitude:g} m, {self.resolution:g} m, {self.looks:g} looks."
            )

    def beam(self) -> Beam:
        """Work out what the simulator needs.

        Returns
        -------
        Beam
            Slant range from the law of sines on a sphere, velocity of a circular orbit.

        Examples
        --------
        >>> import xoceansar as xos
        >>> radar = xos.simulate.Sensor(
        ...     name="iw",
        ...     platform="S1A",
        ...     altitude=693e3,
        ...     incidence=35.0,
        ...     nesz_db=-25.0,
        ...     resolution=20.0,
        ...     looks=4.4,
        ... )
        >>> round(
        ...     radar.beam().range_to_velocity, 1
        ... )  # slant range over velocity, seconds
        110.0
        """
        radius = EARTH_RADIUS + self.altitude
        theta = math.radians(self.incidence)
        arc = theta - math.asin(EARTH_RADIUS / radius * math.sin(theta))
        slant_range = radius * math.sin(arc) / math.sin(theta)
        velocity = math.sqrt(_GRAVITATION / radius)
        return Beam(
            incidence=self.incidence,
            range_to_velocity=slant_range / velocity,
            nesz_db=self.nesz_db,
            ground_offset=EARTH_RADIUS * arc,
            incidence_slope=math.degrees(
                math.cos(theta) / slant_range + 1 / EARTH_RADIUS
            ),
            resolution=self.resolution,
            looks=self.looks,
        )


_GRD: Final = (
    "ESA, Sentinel-1 Product Definition (S1-RS-MDA-52-7440): resolution, looks and incidence; "
    "NESZ is the specified maximum"
)

#: Presets, by name. A NESZ is the specification, which a radar in orbit usually betters.
SENSORS: Final[Mapping[str, Sensor]] = MappingProxyType(
    {
        sensor.name: sensor
        for sensor in (
            Sensor(
                name="iw",
                platform="S1A",
                altitude=693e3,
                incidence=38.0,
                nesz_db=-22.0,
                resolution=21.0,
                looks=4.4,
                origin=f"IW GRDH, 20 x 22 m, mid-swath of 29 to 46 degrees. {_GRD}",
            ),
            Sensor(
                name="ew",
                platform="S1A",
                altitude=693e3,
                incidence=33.0,
                nesz_db=-22.0,
                resolution=90.0,
                looks=10.7,
                origin=f"EW GRDM, 93 x 87 m, mid-swath of 19 to 47 degrees. {_GRD}",
            ),
            Sensor(
                name="radarsat2",
                platform="RS2",
                altitude=798e3,
                incidence=30.0,
                nesz_db=-28.0,
                resolution=50.0,
                looks=4.0,
                origin="ScanSAR Narrow, 50 m, 2 x 2 looks, 20 to 39 degrees: MDA, RADARSAT-2 "
                "Product Description (RN-SP-52-1238); NESZ assumed",
            ),
            Sensor(
                name="rcm",
                platform="RCM1",
                altitude=600e3,
                incidence=38.0,
                nesz_db=-22.0,
                resolution=50.0,
                looks=4.0,
                origin="Medium resolution, 50 m, NESZ -22 dB: Canadian Space Agency, RADARSAT "
                "Constellation Mission; looks and incidence assumed",
            ),
        )
    }
)


def find_sensor(sensor: str | Sensor) -> Sensor:
    """Find a sensor by its name.

    Examples
    --------
    >>> find_sensor("iw").incidence
    38.0
    """
    if isinstance(sensor, Sensor):
        return sensor
    if sensor not in SENSORS:
        raise OceansarError(
            f"there is no sensor {sensor!r}; there are {list(SENSORS)}. Or give a "
            "xoceansar.simulate.Sensor of your own."
        )
    return SENSORS[sensor]
