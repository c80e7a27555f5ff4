"""What is a direction, and whether it says where something comes from or goes to."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

import numpy as np
import xarray as xr

from xoceansar.conventions import VARIABLES
from xoceansar.conventions.attributes import attribute_text

Sense: TypeAlias = Literal["from", "to"]

#: Names of directions that nothing else may give away, in lower case. ERA5 and GRIB, WAVEWATCH III,
#: Copernicus Marine, buoys: where waves and wind come from.
_FROM_NAMES: Final = frozenset((
    "mwd", "mwd1", "mwd2", "mwd3", "mdts", "mdww", "dwi", "wdir", "dirpw", "wvdir", "swdir",
    "dir", "dp", "pdir", "pdp", "wnddir",
    "vmdr", "vmdr_ww", "vmdr_sw1", "vmdr_sw2", "vped", "vpd", "wavedp",
    "oswwinddirection", "oswecmwfwinddirection", "owiwinddirection", "owiecmwfwinddirection",
))  # fmt: skip
#: Where they go to: currents of WAVEWATCH III, and waves of Level-2 OCN products.
_TO_NAMES: Final = frozenset(("curdir", "oswdirmet", "owidirmet", "oswphi"))
#: Partitions have a number at the end of their names.
_NUMBERED: Final = re.compile(r"^(pdir|pdp|vmdr_sw|mwd)\d+$")

_DEGREES: Final = re.compile(
    r"(°|deg(ree)?s?)\.?([ _]*(true|t|true[ _]north|clockwise.*|cw.*|from.*|nautical))?"
)
_RADIANS: Final = re.compile(r"rad(ian)?s?\.?")

#: What makes a quantity a direction, and what about one is none.
_WORDS: Final = re.compile(r"\b(directions?|dir|headings?|azimuth|bearing|course)\b")
_ABOUT: Final = re.compile(
    r"\b(error|uncertainty|spread|spreading|width|std|stdev|deviation|variance|difference|bias|"
    r"resolution|quality|flags?|confidence|number|count)\b"
)
#: Directions of an image or a grid, along which something else is measured.
_ALONG: Final = re.compile(
    r"\b(range|azimuth|look|flight|line|sample|row|column|[xyz]|zonal|meridional|vertical)"
    r"[ -]directions?\b"
)
_FROM_WORDS: Final = re.compile(
    r"\bfrom directions?\b|\bdirections?,? \(?from\)?\s*($|[),;])|\bfrom (which|where|whence)\b|"
    r"\b(com(e|es|ing)|blow(s|ing)?|arriv(e|es|ing)|originat(e|es|ing)) from\b|\(from\)|"
    r"\bmeteorological\b|\bnautical convention\b"
)
_TO_WORDS: Final = re.compile(
    r"\bto directions?\b|\bdirections?,? \(?to\)?\s*($|[),;])|\bto (which|where)\b|\btowards?\b|"
    r"\b(go|goes|going|blow(s|ing)?|travel(s|ling|ing)?|propagat(e|es|ing)|mov(e|es|ing)|"
    r"head(s|ing)?) to\b|\(to\)|\bdirection of propagation\b|\bpropagation direction\b|"
    r"\bdirection of \w+( \w+)* velocity\b|\boceanographic\b|\bheadings?\b|\bcourse\b"
)


@dataclass(frozen=True, slots=True)
class Direction:
    """What is known of a variable that is a direction."""

    #: A full turn in its units: 360 degrees, or 2 pi radians.
    period: float
    #: Where something comes from or goes to; None where nothing says.
    sense: Sense | None


def direction_of(data: xr.DataArray) -> Direction | None:
    """Say whether a variable is a direction, which has no ordinary mean.

    Notes
    -----
    The CF standard name is believed first, then the long name, then the name: one of those that
    ERA5, WAVEWATCH III, Copernicus Marine, Level-2 OCN products and buoys use, or one with a word
    such as ``direction``. Units are degrees or radians, however written; without units, degrees.

    Examples
    --------
    >>> direction_of(xr.DataArray(350.0, name="mwd"))
    Direction(period=360.0, sense='from')
    """
    name = str(data.name)
    attrs = {**VARIABLES.get(name, {}), **data.attrs}
    period = full_turn(attrs)
    if period is None or data.dtype.kind not in "iuf":
        return None
    texts = [
        _words(attribute_text(attrs, "standard_name") or ""),
        _words(attribute_text(attrs, "long_name") or ""),
        _words(name),
    ]
    spread = "deviation" in (attribute_text(attrs, "cell_methods") or "")
    about = any(_ABOUT.search(text) for text in texts)
    if spread or about or {"flag_values", "flag_masks"} & set(attrs):
        return None
    known = _known(name)
    if known is None and not _named_direction(texts, bool(_units(attrs))):
        return None
    for text in texts:
        if _FROM_WORDS.search(text):
            return Direction(period, "from")
        if _TO_WORDS.search(text):
            return Direction(period, "to")
    return Direction(period, known)


def full_turn(attrs: Mapping[Any, Any]) -> float | None:
    """Return a full turn in the units of a variable."""
    units = _units(attrs)
    if not units or _DEGREES.fullmatch(units):
        return 360.0
    return 2.0 * np.pi if _RADIANS.fullmatch(units) else None


def _units(attrs: Mapping[Any, Any]) -> str:
    return (attribute_text(attrs, "units") or "").strip().lower()


def _known(name: str) -> Sense | None:
    low = name.lower()
    if low in _FROM_NAMES or _NUMBERED.match(low):
        return "from"
    return "to" if low in _TO_NAMES else None


def _named_direction(texts: list[str], has_units: bool) -> bool:
    standard, long, name = (_ALONG.sub(" ", text) for text in texts)
    if standard and standard != "unknown":
        return bool(_WORDS.search(standard))
    # Prose without units may speak of directions and be of something else.
    prose = _WORDS if has_units else re.compile(r"\bdirection\b")
    return bool(_WORDS.search(name) or prose.search(long))


def _words(text: str) -> str:
    """Lower case, with blanks between the words of ``meanDirection`` and ``wind_to_direction``."""
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])|_", " ", text)
    return re.sub(r"\s+", " ", apart).strip().lower()
