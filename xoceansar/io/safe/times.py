"""Times as Sentinel-1 products write them: UTC, to the second or finer."""

import re
from typing import Final

import numpy as np

__all__ = ["TIME_TOLERANCE", "parse_utc"]

#: By how much a time may differ from that in the name of its file, which is cut to the second.
TIME_TOLERANCE: Final = np.timedelta64(5, "s")
_UTC: Final = re.compile(
    r"((?:19[789]|20[0-9])[0-9])-?([0-9]{2})-?([0-9]{2})[t ]"
    r"([0-9]{2}):?([0-9]{2}):?([0-9]{2})(\.[0-9]{1,9})?Z?",
    re.IGNORECASE,
)
_SECOND: Final = np.timedelta64(1, "s")


def parse_utc(text: str) -> np.datetime64:
    """Read a time in UTC.

    Examples
    --------
    >>> str(parse_utc("20161231T235960"))
    '2017-01-01T00:00:00.000000000'
    """
    match = _UTC.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is no time in UTC such as 2021-04-03T08:30:25")
    year, month, day, hour, minute, second, fraction = match.groups(default="")
    leap = (hour, minute, second) == ("23", "59", "60")
    clock = f"{hour}:{minute}:{'59' if leap else second}{fraction}"
    try:
        time = np.datetime64(f"{year}-{month}-{day}T{clock}", "ns")
    except ValueError as error:
        raise ValueError(f"{text!r} is no time of the calendar") from error
    return time + _SECOND if leap else time
