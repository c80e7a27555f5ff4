"""What is known to have changed in the calibration of the wave mode: dates, what they mean, and who says so."""

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

__all__ = [
    "CALIBRATION_EVENTS",
    "CalibrationEvent",
    "calibration_periods",
    "events_of",
    "is_uncalibrated",
]

#: Times without an end.
_FIRST, _LAST = np.datetime64("2014-04-03", "ns"), np.datetime64("2262-01-01", "ns")


@dataclass(frozen=True)
class CalibrationEvent:
    """One thing that users of the backscatter should know of.

    Parameters
    ----------
    kind : {"uncalibrated", "doubtful noise", "step", "processor"}
        Of what is ``uncalibrated`` readers flag every vignette ``calibration_suspect``; a ``step`` is where
        statistics before and after may differ, and divides periods; of ``doubtful noise`` the mean of dark seas is
        not to be trusted; a ``processor`` is to be compared apart from its predecessors, and divides periods too.
    platforms, beams : tuple of str
        Of which satellites and beams.
    start, stop : datetime64
        From when, to when; of a step the day from which the new state holds.
    ipf : str
        Processor version, where it is bound to one; else empty.
    what : str
        In a sentence.
    source : str
        Who says so.

    Examples
    --------
    >>> from xoceansar.sar import CALIBRATION_EVENTS
    >>> [event.kind for event in CALIBRATION_EVENTS if event.concerns("S1A", "wv2")]
    ['step']
    """

    kind: Literal["uncalibrated", "doubtful noise", "step", "processor"]
    platforms: tuple[str, ...]
    beams: tuple[str, ...]
    start: np.datetime64
    stop: np.datetime64
    ipf: str
    what: str
    source: str

    def concerns(self, platform: str, beam: str) -> bool:
        """Say whether it is of a satellite and a beam.

        Parameters
        ----------
        platform, beam : str
            As ``S1A`` and ``wv2``.

        Returns
        -------
        bool
            Whether both are among those that it names.

        Examples
        --------
        >>> from xoceansar.sar import CALIBRATION_EVENTS
        >>> CALIBRATION_EVENTS[0].concerns("S1A", "wv1")
        False
        """
        return platform.upper() in self.platforms and beam.lower() in self.beams


_BOTH: Final = ("wv1", "wv2")
_CALIBRATED: Final = np.datetime64("2025-05-21T12:00", "ns")
_GROUP: Final = (
    "Wave Mode calibration of Ifremer for the SAR Mission Performance Cluster, as its users report it "
    "(https://sar-mpc.eu; its method: the package s1wvcalibration)"
)

#: Known events, in order of time.
CALIBRATION_EVENTS: Final = (
    CalibrationEvent(
        "step",
        ("S1A", "S1B"),
        ("wv2",),
        np.datetime64("2021-06-26", "ns"),
        _LAST,
        "",
        "the elevation antenna pattern of WV2 changed: a step of its backscatter is to be expected",
        "two networks for wave heights before and after that date "
        "(https://github.com/s1tools/sar_hswind_predictor)",
    ),
    CalibrationEvent(
        "uncalibrated",
        ("S1C",),
        _BOTH,
        _FIRST,
        _CALIBRATED,
        "",
        "wave mode of Sentinel-1C is not calibrated before the afternoon of 2025-05-21",
        _GROUP,
    ),
    CalibrationEvent(
        "step",
        ("S1C",),
        _BOTH,
        _CALIBRATED,
        _LAST,
        "",
        "calibrated from the afternoon of 2025-05-21 on",
        _GROUP,
    ),
    CalibrationEvent(
        "doubtful noise",
        ("S1C",),
        _BOTH,
        _CALIBRATED,
        _LAST,
        "",
        "its noise vectors are doubtful: hold dark seas against the raw backscatter",
        _GROUP,
    ),
    CalibrationEvent(
        "processor",
        ("S1C",),
        _BOTH,
        _FIRST,
        _LAST,
        "003.92",
        "processed by IPF 3.92, first for Sentinel-1C: compare it apart from other versions",
        _GROUP,
    ),
)


def events_of(
    platform: str, beam: str, start: np.datetime64, stop: np.datetime64, ipf: str = ""
) -> list[CalibrationEvent]:
    """List the events that concern images of one satellite and beam from a time to a time.

    Notes
    -----
    A step is listed where it lies between these times, the rest where it overlaps with them.

    Examples
    --------
    >>> june = np.datetime64("2021-06-01"), np.datetime64("2021-07-01")
    >>> [event.kind for event in events_of("S1A", "wv2", *june)]
    ['step']
    >>> events_of("S1A", "wv1", *june)
    []
    """
    return [
        event
        for event in CALIBRATION_EVENTS
        if event.concerns(platform, beam)
        and (
            start < event.start <= stop
            if event.kind == "step"
            else start < event.stop and stop >= event.start
        )
        and (not event.ipf or _version(event.ipf) == _version(ipf))
    ]


def is_uncalibrated(platform: str, beam: str, time: np.datetime64) -> bool:
    """Say whether an image is known not to be calibrated.

    Examples
    --------
    >>> is_uncalibrated("S1C", "wv1", np.datetime64("2025-05-21T08:00"))
    True
    >>> is_uncalibrated("S1D", "wv1", np.datetime64("2026-01-01"))
    False
    """
    return any(
        event.kind == "uncalibrated"
        and event.concerns(platform, beam)
        and event.start <= time < event.stop
        for event in CALIBRATION_EVENTS
    )


def calibration_periods(
    platform: npt.NDArray[np.str_],
    beam: npt.NDArray[np.str_],
    time: npt.NDArray[np.datetime64],
) -> npt.NDArray[np.str_]:
    """Name the period of calibration of each image: ``S1A wv2 from 2021-06-26``.

    Shapes: platform, beam, time (n,) -> (n,).

    Examples
    --------
    >>> days = np.array(["2021-06-25", "2021-06-26"], "datetime64[ns]")
    >>> calibration_periods(np.array(["S1A"] * 2), np.array(["wv2"] * 2), days).tolist()
    ['S1A wv2 until 2021-06-26', 'S1A wv2 from 2021-06-26']
    """
    names = np.array(
        [f"{p.upper()} {b}" for p, b in zip(platform, beam, strict=True)], object
    )
    for event in CALIBRATION_EVENTS:
        if event.kind != "step":
            continue
        day = np.datetime_as_string(event.start, unit="D")
        of = np.array(
            [event.concerns(p, b) for p, b in zip(platform, beam, strict=True)], bool
        )
        later = time >= event.start
        names[of & later] = [
            f"{name.split(' from ')[0]} from {day}" for name in names[of & later]
        ]
        names[of & ~later] = [
            name if " until " in name or " from " in name else f"{name} until {day}"
            for name in names[of & ~later]
        ]
    return names.astype(np.str_)


def _version(text: str) -> tuple[int, ...]:
    parts = [part for part in text.split(".") if part.isdigit()]
    return tuple(map(int, parts))
