"""Which of two processings of one acquisition is the better: the one rule of all who have to choose."""

import re
from typing import Final, TypeAlias

import numpy as np

from xoceansar.io.safe.times import parse_utc

__all__ = ["ProcessingRank", "rank_processing"]

#: Of the IPF version, of the time of processing and of the timeliness.
ProcessingRank: TypeAlias = tuple[tuple[int, ...], int, int]

_NUMBERS: Final = re.compile("[0-9]+")
#: From the least: what is made in haste is cut and calibrated from what was known by then.
_TIMELINESS: Final = {
    name: place
    for place, names in enumerate(
        [
            ("nrt-10m", "pt10m"),
            ("nrt-1h", "pt1h"),
            ("nrt-3h", "pt3h"),
            ("fast-24h", "pt24h"),
            ("off-line",),
            ("reprocessing",),
        ]
    )
    for name in names
}


def rank_processing(
    ipf_version: str, processed: str = "", timeliness: str = ""
) -> ProcessingRank:
    """Rank a processing: the larger is the better; what is not known counts least.

    The highest IPF version counts, then the latest processing, then Fast-24h over NRT. Versions have
    two digits at least after the point (``003.31``; ``3.4`` is ``3.40``), times are UTC, timeliness as in manifests or in catalogues (``PT24H``).

    Examples
    --------
    >>> early = rank_processing("003.31", "2021-04-03T10:00:00", "NRT-3h")
    >>> rank_processing("003.4", "2021-04-03T09:00:00", "NRT-3h") > early
    True
    >>> rank_processing("03.31", "2021-04-03T10:00:00Z", "PT24H") > early
    True
    """
    return (
        _version(ipf_version),
        _nanoseconds(processed),
        _TIMELINESS.get(timeliness.strip().lower(), -1),
    )


def _version(text: str) -> tuple[int, ...]:
    numbers = _NUMBERS.findall(text)
    if not numbers:
        return ()
    major, minor, *rest = numbers if len(numbers) > 1 else [*numbers, "0"]
    return int(major), int(minor.ljust(2, "0")), *map(int, rest)


def _nanoseconds(text: str) -> int:
    try:
        return int(parse_utc(text).astype(np.int64))
    except ValueError:
        return -1
