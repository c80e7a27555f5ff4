"""The sea state, wind and viewing geometry of one scene, and the priors they are drawn from.

Scene frame: x is ground range, away from the radar; y is azimuth, along the flight. Directions
are where waves and wind go to, in degrees from +x towards +y. The radar looks to the right.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np

from xoceansar.conventions import OCEAN_CLASSES
from xoceansar.conventions.beams import one_beam
from xoceansar.errors import OceansarError

__all__ = [
    "BEAMS",
    "WIND_RANGES",
    "Beam",
    "Environment",
    "Swell",
    "beam_incidence",
    "sample_environment",
    "to_compass",
]

GRAVITY: Final = 9.81


@dataclass(frozen=True)
class Beam:
    """Geometry, resolution and noise of a beam.

    Parameters
    ----------
    incidence : float
        Incidence at mid-swath, degrees.
    range_to_velocity : float
        Slant range over satellite velocity, seconds: the azimuth shift per radial velocity.
    nesz_db : float
        Lowest noise-equivalent sigma zero of the swath, dB.
    ground_offset : float
        Distance on the ground from the satellite track to mid-swath, metres.
    incidence_slope : float
        Change of incidence over ground range, degrees per metre.
    resolution : float
        Side of the resolution cell of the product, metres.
    looks : float, default 1
        Looks that are averaged in such a cell: speckle is independent from one square of
        ``resolution / sqrt(looks)`` to the next.
    """

    incidence: float
    range_to_velocity: float
    nesz_db: float
    ground_offset: float
    incidence_slope: float
    resolution: float
    looks: float = 1.0


#: From ESA L2 OCN products: wv2 at 865.3 km and 7572.8 m/s, incidence 35.39 to 36.64 degrees over 20.5
#: km, NESZ -26.6 dB; wv1 with its noise assumed. Speckle: Hamming windows of 0.75 on 1337 Hz in
#: azimuth and 74.5 (wv1) or 48.2 MHz in range.
BEAMS: Final[Mapping[str, Beam]] = MappingProxyType(
    {
        "wv1": Beam(23.8, 101.8, -25.7, 285e3, 0.078e-3, 6.05),
        "wv2": Beam(36.8, 114.3, -26.6, 475e3, 0.061e-3, 6.17),
    }
)

#: Incidence at mid-swath as a polynomial of the sine of latitude, degrees: the satellite rolls with its
#: height over the ellipsoid. Fits the 148 vignettes of two products, from 61 N to 66 S, to 0.02 degrees.
_ROLL_LAW: Final[Mapping[str, tuple[float, float, float]]] = MappingProxyType(
    {"wv1": (24.231, 0.592, -1.182), "wv2": (37.247, 0.580, -1.154)}
)
_HIGHEST_LATITUDE: Final = 65.0  # degrees, of scenes whose place is not given

#: Wind speeds, m/s, at which each phenomenon can exist and be seen. One prior, truncated to these.
WIND_RANGES: Final[Mapping[str, tuple[float, float]]] = MappingProxyType(
    {
        "pure_ocean_waves": (1.5, 24.0),
        "wind_streaks": (5.0, 24.0),  # roll vortices need shear
        "micro_convective_cells": (
            2.5,
            13.0,
        ),  # stronger shear makes rolls of the cells
        "rain_cells": (1.5, 16.0),
        "biological_slicks": (2.0, 8.0),  # films break up and mix down above
        "sea_ice": (1.5, 24.0),
        "icebergs": (1.5, 18.0),  # clutter hides them above
        "low_wind_area": (2.0, 7.0),  # of the windy part
        "atmospheric_front": (3.0, 20.0),
        "oceanic_front": (1.5, 12.0),  # current signature fades above
    }
)

_WIND_SCALE, _WIND_SHAPE = 9.0, 2.2  # Weibull, m/s


@dataclass(frozen=True)
class Swell:
    """A swell system with a JONSWAP spectrum.

    Parameters
    ----------
    height : float
        Significant height, m.
    period : float
        Peak period, s.
    direction : float
        Direction it goes to, scene frame, degrees.
    spread : float
        Exponent s of the angular spreading ``cos^2s(delta / 2)``.
    peakedness : float
        JONSWAP gamma.
    """

    height: float
    period: float
    direction: float
    spread: float = 25.0
    peakedness: float = 5.0


@dataclass(frozen=True)
class Environment:
    """Everything that determines a scene, apart from chance.

    Parameters
    ----------
    ocean_class : str
        One of `conventions.OCEAN_CLASSES`.
    beam : {"wv1", "wv2"}
        Wave-mode beam.
    incidence : float
        Incidence at the scene centre, degrees.
    wind_speed : float
        Undisturbed wind speed at 10 m, m/s.
    wind_direction : float
        Direction it blows to, scene frame, degrees.
    inverse_wave_age : float
        Elfouhaily's Omega_c: 0.84 fully developed, larger for younger seas.
    wind_sea_amplitude : float
        Factor on the amplitude of the wind sea.
    swells : tuple of Swell
        Swell systems.
    sensor : Beam, optional
        Another radar that looks at this sea in place of the beam.

    Examples
    --------
    >>> calm = Environment(
    ...     ocean_class="low_wind_area",
    ...     beam="wv1",
    ...     incidence=23.8,
    ...     wind_speed=2.0,
    ...     wind_direction=90.0,
    ... )
    >>> calm.swells, calm.inverse_wave_age
    ((), 0.84)
    """

    ocean_class: str
    beam: str
    incidence: float
    wind_speed: float
    wind_direction: float
    inverse_wave_age: float = 0.84
    wind_sea_amplitude: float = 1.0
    swells: tuple[Swell, ...] = ()
    sensor: Beam | None = None

    @property
    def view(self) -> Beam:
        """The radar that looks: `sensor`, or the wave-mode beam."""
        return self.sensor or BEAMS[self.beam]

    def __post_init__(self) -> None:
        if self.ocean_class not in OCEAN_CLASSES:
            raise OceansarError(
                f"ocean_class must be one of {', '.join(OCEAN_CLASSES)}; "
                f"got {self.ocean_class!r}."
            )
        if self.beam not in BEAMS:
            raise OceansarError(
                f"beam must be 'wv1' or 'wv2'; got {self.beam!r}. "
                "The simulator knows the two wave-mode beams of Sentinel-1."
            )
        if not 17.0 <= self.incidence <= 45.0:
            raise OceansarError(
                f"incidence must be between 17 and 45 degrees; got {self.incidence}."
            )
        if not 0.0 <= self.wind_speed <= 40.0:
            raise OceansarError(
                f"wind_speed must be between 0 and 40 m/s; got {self.wind_speed}."
            )


def to_compass(direction: float, ground_heading: float) -> float:
    """Convert a scene-frame direction to degrees clockwise from north.

    Examples
    --------
    >>> to_compass(0.0, ground_heading=-12.0)
    78.0
    """
    return (ground_heading + 90.0 - direction) % 360.0


def beam_incidence(beam: str, latitude: float) -> float:
    """Return the incidence at mid-swath at a latitude in degrees.

    Examples
    --------
    >>> round(beam_incidence("wv1", -64.0), 1), round(beam_incidence("wv2", 13.0), 1)
    (22.7, 37.3)
    """
    sine = math.sin(math.radians(latitude))
    a, b, c = _ROLL_LAW[beam]
    return a + b * sine + c * sine**2


def _wind_cdf(speed: float) -> float:
    return 1.0 - math.exp(-((speed / _WIND_SCALE) ** _WIND_SHAPE))


def _draw_wind_speed(uniform: float, ocean_class: str) -> float:
    """Invert the truncated Weibull distribution."""
    low, high = (_wind_cdf(u) for u in WIND_RANGES[ocean_class])
    probability = low + uniform * (high - low)
    return _WIND_SCALE * math.pow(-math.log1p(-probability), 1.0 / _WIND_SHAPE)


def _draw_swell(rng: np.random.Generator) -> Swell:
    height = math.exp(rng.normal(math.log(1.7), 0.5))
    period = rng.uniform(9.0, 16.5)
    direction = rng.uniform(-180.0, 180.0)
    spread = math.exp(rng.uniform(math.log(15.0), math.log(60.0)))
    # A swell has lost its steep waves: at most 2.5 % of the deep-water wavelength.
    steepest = 0.025 * GRAVITY / (2 * math.pi) * period**2
    return Swell(min(max(height, 0.3), 8.0, steepest), period, direction, spread)


def sample_environment(
    rng: np.random.Generator,
    *,
    ocean_class: str | None = None,
    beam: str | None = None,
    latitude: float | None = None,
) -> Environment:
    """Draw an environment from the priors; without a latitude, one within 65 degrees."""
    any_class = OCEAN_CLASSES[int(rng.integers(len(OCEAN_CLASSES)))]
    any_beam = ("wv1", "wv2")[int(rng.integers(2))]
    name = ocean_class or any_class
    beam = one_beam(beam, error=OceansarError) or any_beam
    place = rng.uniform(-1.0, 1.0)
    uniform = rng.uniform()
    if name not in WIND_RANGES:
        return Environment(name, beam, 0.0, 0.0, 0.0)  # raises with the list
    speed = _draw_wind_speed(uniform, name)
    direction = rng.uniform(-180.0, 180.0)
    # Strong winds do not last long enough to develop the sea fully.
    youngest = 0.84 + 0.04 * max(0.0, speed - 12.0)
    wave_age = max(youngest, rng.uniform(0.84, 1.6)) if rng.random() < 0.5 else youngest
    amplitude = rng.uniform(0.75, 1.05)
    swells = tuple(_draw_swell(rng) for _ in range(1 + int(rng.random() < 0.3)))
    return Environment(
        ocean_class=name,
        beam=beam,
        incidence=beam_incidence(
            beam, _HIGHEST_LATITUDE * place if latitude is None else latitude
        ),
        wind_speed=speed,
        wind_direction=direction,
        inverse_wave_age=wave_age,
        wind_sea_amplitude=amplitude,
        swells=swells,
    )
