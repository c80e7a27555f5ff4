"""Distances, times and speeds with the units that they come with."""

import datetime as dt
import re
from typing import Final, TypeAlias

import numpy as np
import pandas as pd
import xarray as xr

from xoceansar.conventions.attributes import attribute_text
from xoceansar.errors import UnitsError

Distance: TypeAlias = float | str
Duration: TypeAlias = str | dt.timedelta | np.timedelta64

#: Kilometres in a unit.
_LENGTHS: Final = {"km": 1.0, "m": 1e-3, "nmi": 1.852}
_NAMES: Final = {
    "kilometre": "km", "kilometer": "km", "metre": "m", "meter": "m", "nm": "nmi",
    "nautical mile": "nmi",
}  # fmt: skip
_LENGTH: Final = re.compile(r"\s*([-+]?[\d.]+(?:e[-+]?\d+)?)\s*([a-z ]*?)\s*", re.I)
#: Beyond these a match says nothing of the vignette.
_FARTHEST_KM: Final = 1000.0
_LONGEST: Final = pd.Timedelta("31D")

#: Metres per second in a unit, without blanks and powers written in one way.
_SPEEDS: Final = {
    "m/s": 1.0, "ms-1": 1.0, "cm/s": 0.01, "cms-1": 0.01, "km/h": 1 / 3.6, "kmh-1": 1 / 3.6,
    "knot": 1852 / 3600, "knots": 1852 / 3600, "kn": 1852 / 3600, "kt": 1852 / 3600,
    "kts": 1852 / 3600, "mph": 0.44704,
}  # fmt: skip

#: Spellings of units of ``conventions.VARIABLES``, as files have them.
_SPELLINGS: Final = (
    {"m", "metre", "metres", "meter", "meters"},
    {"m s-1", "m/s", "m s**-1", "m s^-1", "meters per second", "m.s-1"},
    {"1", ""},
    {"degree", "degrees", "deg", "degree_true", "degrees_true", "degree true", "degrees true"},
    {"s", "sec", "second", "seconds"},
)  # fmt: skip


def same_units(one: str, other: str) -> bool:
    """Say whether two spellings are of one unit.

    Examples
    --------
    >>> same_units("m/s", "m s-1"), same_units("cm", "m")
    (True, False)
    """
    return one == other or any({one, other} <= known for known in _SPELLINGS)


def kilometres(value: Distance, name: str) -> float:
    """Read a limit of distance."""
    say = f"Say {name}='50 km'."
    if isinstance(value, str):
        known = length_of(value)
        if known is None:
            raise UnitsError(
                f"{name}={value!r} is no length with a unit of {list(_LENGTHS)}. {say}"
            )
        length = known
    elif isinstance(value, int | float | np.number) and not isinstance(value, bool):
        length = float(value)
    else:
        raise UnitsError(f"{name}={value!r} is no length. {say}")
    if not length >= 0:
        raise UnitsError(f"{name} of zero or more is needed; got {value!r}. {say}")
    if length > _FARTHEST_KM:
        raise UnitsError(
            f"{name}={value!r} is {length:g} km, and over {_FARTHEST_KM:g} km nothing is said of "
            f"a vignette; numbers are kilometres. For metres say {name}='{length:g} m'."
        )
    return length


def length_of(text: str) -> float | None:
    """Read a length with its unit."""
    match = _LENGTH.fullmatch(text)
    if match is None:
        return None
    unit = match[2].lower()
    factor = _LENGTHS.get(_NAMES.get(unit.removesuffix("s"), unit))
    try:
        return None if factor is None else float(match[1]) * factor
    except ValueError:
        return None


def nanoseconds_of(value: Duration, name: str) -> int:
    """Read a limit of time."""
    if _has_no_unit(value):
        number = str(value).split()[0]
        raise UnitsError(
            f"{name}={value!r} has no unit. Say {name}='{number} min' or '{number} s'."
        )
    try:
        span = pd.Timedelta(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise UnitsError(
            f"{name}={value!r} is no time: {error}. Say {name}='30 min', or give a "
            "datetime.timedelta."
        ) from error
    if not span >= pd.Timedelta(0):
        raise UnitsError(f"{name} of zero or more is needed; got {value!r}.")
    if span > _LONGEST:
        raise UnitsError(
            f"{name}={value!r} is {span}, and after {_LONGEST.days} days nothing is said of a "
            f"vignette. Say {name}='30 min'."
        )
    return int(span.as_unit("ns").value)


def _has_no_unit(value: object) -> bool:
    if isinstance(value, np.timedelta64):
        return np.datetime_data(value)[0] == "generic"
    if isinstance(value, str):
        return re.fullmatch(r"\s*[-+]?[\d.]+\s*", value) is not None
    return isinstance(value, int | float | np.number)


def in_metres_per_second(speed: xr.DataArray) -> xr.DataArray:
    """Convert a speed to m s-1."""
    units = attribute_text(speed.attrs, "units")
    if not (units or "").strip():
        return speed
    key = re.sub(r"\*\*|\^|[\s.]", "", str(units).lower())
    if key not in _SPEEDS:
        raise UnitsError(
            f"a speed in one of {['m s-1', 'km h-1', 'knots', 'cm s-1', 'mph']} is needed; "
            f"{speed.name!r} has units {units!r}. Convert it, and say so with "
            ".assign_attrs(units='m s-1')."
        )
    factor = _SPEEDS[key]
    return speed if factor == 1.0 else (speed * factor).rename(speed.name)
