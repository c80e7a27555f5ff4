"""Names of EOPF products, and of the vignettes in them by what their attributes say."""

import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple, TypeVar

import numpy as np

from xoceansar.io.safe.product_names import VignetteName
from xoceansar.io.safe.times import parse_utc

__all__ = [
    "AnyName",
    "Span",
    "described",
    "eopf_kind",
    "eopf_span",
    "found_at",
    "name_vignette",
    "properties",
]

AnyName = TypeVar("AnyName", bound=VignetteName)

#: Of a product, and of a vignette in it; the three digits after the platform are no relative orbit.
_NAME: Final = re.compile(
    r"S01S(?P<mode>[A-Z0-9]{2})(?P<kind>[A-Z]{3})_(?P<start>\d{8}T\d{6})_(?P<duration>\d{4})_"
    r"(?P<platform>[A-D])\d{3}(?:_[0-9A-F]*)?(?:_(?P<datatake>[0-9A-F]{6}))?"
    r"(?:_(?P<polarisation>[VH]{2}))?(?:_(?P<beam>WV\d)_(?P<number>\d{3}))?",
    re.IGNORECASE | re.ASCII,
)
_PLATFORM: Final = re.compile(r"sentinel-1([a-d])", re.IGNORECASE)
_POLARISATIONS: Final = ("VV", "HH", "VH", "HV")
#: From the start of one vignette to that of the next.
_BETWEEN: Final = np.timedelta64(14_660, "ms")
#: From the first line to the last.
_LASTING: Final = np.timedelta64(2_900, "ms")


def eopf_kind(name: str) -> str | None:
    """Say of which kind a product is by its name: ``SLC`` or ``OCN`` of Wave Mode; None for no such name.

    Examples
    --------
    >>> eopf_kind("S01SWVSLC_20210403T083025_0868_A150_D542_032390.zarr.zip")
    'SLC'
    >>> eopf_kind("S01SIWSLC_20210403T083025_0868_A150_D542_032390.zarr")
    """
    match = _NAME.match(name)
    wave_mode = match is not None and match["mode"].upper() == "WV"
    return match["kind"].upper() if match is not None and wave_mode else None


class Span(NamedTuple):
    """When a product was taken, as names in the SAFE format say it, by what, and in which data take."""

    platform: str
    start: str
    stop: str
    datatake: str


def eopf_span(name: str) -> Span | None:
    """Say when a product was taken by its name; None where it does not say in which data take."""
    match = _NAME.match(name)
    if match is None or match["datatake"] is None:
        return None
    stop = parse_utc(match["start"]) + np.timedelta64(int(match["duration"]), "s")
    return Span(
        f"S1{match['platform']}".upper(), match["start"].upper(), _compact(stop), match["datatake"].upper()
    )  # fmt: skip


def properties(attributes: Mapping[str, Any]) -> Mapping[str, Any]:
    """STAC properties of a group; empty where there are none."""
    found = found_at(attributes, "stac_discovery/properties")
    return found if isinstance(found, Mapping) else {}


def described(attributes: Mapping[str, Any]) -> Mapping[str, Any]:
    """Say what the annotation of a vignette became; eopf 3.x has it by polarisation."""
    metadata = attributes.get("other_metadata")
    if not isinstance(metadata, Mapping):
        return {}
    for polarisation in _POLARISATIONS:
        inner = metadata.get(polarisation)
        if isinstance(inner, Mapping):
            return inner
    return metadata


def found_at(tree: Any, path: str) -> Any:
    """Follow a path through mappings and lists; None where it ends."""
    for part in path.split("/"):
        if isinstance(tree, Mapping):
            tree = tree.get(part)
        elif isinstance(tree, list) and part.isdecimal() and int(part) < len(tree):
            tree = tree[int(part)]
        else:
            return None
    return tree


def name_vignette(
    kind: type[AnyName],
    group: str,
    attributes: Mapping[str, Any],
    root: Mapping[str, Any],
    times: tuple[np.datetime64, np.datetime64] | None = None,
) -> AnyName | None:
    """Give a vignette the stem that its files have in the SAFE format; None where too little is known.

    Where nothing says when it was taken, its place in the product does, to a second or two.
    """
    said = _NAME.fullmatch(group)
    named: Mapping[str, Any] = said.groupdict() if said is not None else {}
    stac = {**properties(root), **properties(attributes)}
    image = described(attributes)
    platform = _PLATFORM.match(str(stac.get("platform", "")))
    try:
        take = int(str(stac["eopf:datatake_id"]))
    except (KeyError, ValueError):
        take = int(named.get("datatake") or "0", 16)
    try:
        number = int(named.get("number") or image["image_number"])
        beam = named.get("beam") or found_at(
            image,
            "image_annotation/processing_information/swath_proc_params_list/0/swath",
        )
        start, stop = times or _times(image, stac, number)
        orbit = int(stac["sat:absolute_orbit"])
    except (KeyError, ValueError, TypeError):
        return None
    letter = platform[1] if platform else named.get("platform", "")
    level = "slc" if kind is VignetteName else "ocn"
    stem = (
        f"s1{letter}-{beam}-{level}-{_polarisation(named, stac, image)}-{_compact(start)}-{_compact(stop)}-"
        f"{orbit:06d}-{take:06x}-{number:03d}"
    )
    name = kind(stem.lower())
    return name if name.is_of_product else None


def _polarisation(
    named: Mapping[str, Any], stac: Mapping[str, Any], image: Mapping[str, Any]
) -> str:
    several = stac.get("sar:polarizations") or [""]
    given = (named.get("polarisation"), stac.get("sar:polarization"), image.get("polarisation"))  # fmt: skip
    return next((str(one) for one in given if one), str(several[0]))


def _times(
    image: Mapping[str, Any], stac: Mapping[str, Any], number: int
) -> tuple[np.datetime64, np.datetime64]:
    lines = found_at(image, "image_annotation/image_information")
    if isinstance(lines, Mapping) and "product_first_line_utc_time" in lines:
        first, last = (
            parse_utc(str(lines[f"product_{which}_line_utc_time"]))
            for which in ("first", "last")
        )
        return first, last
    start = parse_utc(str(stac["start_datetime"])) + (number - 1) * _BETWEEN
    return start, start + _LASTING


def _compact(time: np.datetime64) -> str:
    return str(time)[:19].replace("-", "").replace(":", "")
