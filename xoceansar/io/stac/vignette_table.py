"""STAC items of Wave Mode products as a table with a row for each vignette.

References
----------
STAC 1.1.0; the extensions file 2.1 and alternate-assets 1.2; multiformats, multihash.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import repeat
from operator import itemgetter
from typing import Any, Final, Literal
from urllib.parse import urljoin

import numpy as np
import numpy.typing as npt
import pandas as pd

from xoceansar._paths import is_url
from xoceansar.errors import UnsupportedProductError, warn
from xoceansar.io.safe.product_names import (
    ANY_STEM,
    MOST_IMAGES,
    OCN_STEM,
    ROLES,
    STEM,
    Role,
)
from xoceansar.io.stac.collector import paused_collector
from xoceansar.io.stac.outlines import Outlines, Ring, joined, outlines_from

__all__ = ["COLUMNS", "FILES", "KINDS", "Item", "Level", "VignetteTable", "tabulate"]

Item = Mapping[str, Any]
Level = Literal["slc", "ocn", "any"]
#: The files of a row, in the order of its lists: those of the vignette, and the manifest of its product.
FILES: Final[tuple[Role | str, ...]] = (*ROLES, "manifest")
#: Columns of a listing; the last are what reading needs.
COLUMNS: Final = (
    "vignette_id", "number", "beam", "polarisation", "platform", "time", "longitude", "latitude", "size",
    "product", "orbit", "datatake", "ipf_version", "processed", "timeliness", "facility", "endpoint", "hrefs",
    "https_hrefs", "local_paths", "sizes", "checksums",
)  # fmt: skip
#: Columns that the rows of an item have in common.
_SHARED: Final = (
    "product",
    "ipf_version",
    "processed",
    "timeliness",
    "facility",
    "endpoint",
)
#: Columns of lists along `FILES`.
_LISTS: Final = ("hrefs", "https_hrefs", "local_paths", "sizes", "checksums")
#: A multihash that begins so is MD5, 16 bytes long.
_MD5: Final = "d50110"
#: How the names of XML files begin, and which of `ROLES` each is.
_PREFIXES: Final = {"": 0, "calibration-": 1, "noise-": 2}
#: How names of images end.
_IMAGES: Final = dict.fromkeys((".tiff", ".tif", ".nc"), 3)
_SOFTWARE: Final = "Sentinel-1 IPF"
#: How the files of vignettes are named; "any" where the two levels are told apart later.
KINDS: Final = {"slc": STEM, "ocn": OCN_STEM, "any": ANY_STEM}
#: Characters of a stem, all of which have fixed places.
_LENGTH: Final = 64
#: Of the name of an XML file, its stem and what is before it.
_XML_STEM: Final = slice(-_LENGTH - 4, -4)
_XML_PREFIX: Final = slice(None, -_LENGTH - 4)

_WEB: Final = ("https://", "http://")

Files = list[Item | None]
#: Which rows are wanted, of a table without files.
Keep = Callable[[pd.DataFrame, Outlines], npt.NDArray[np.bool_]]


@dataclass
class VignetteTable:
    """Rows that items list, and where each lies.

    Parameters
    ----------
    rows : DataFrame
        With `COLUMNS`.
    outlines : Outlines
        Of each row.
    """

    rows: pd.DataFrame
    outlines: Outlines


@dataclass
class _Columns:
    """Values of rows as they are collected; nothing of an item stays that its rows do not have."""

    stems: list[str] = field(default_factory=list)
    outlines: list[Outlines] = field(default_factory=list)
    #: Of each of `_LISTS`, what the rows have.
    lists: list[list[tuple[Any, ...]]] = field(
        default_factory=lambda: [[] for _ in _LISTS]
    )
    #: Of each item.
    shared: list[dict[str, str]] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)


def tabulate(
    items: Iterable[Item], level: Level = "slc", keep: Keep | None = None
) -> VignetteTable:
    """List the vignettes of items, in their order and that of the image numbers.

    Notes
    -----
    Files are told by their names, as in manifests, and not by the keys of the assets. Items list an outline for
    each vignette, in order of image number. Rows stay that `keep` wants, by what their names and outlines tell.
    """
    items = list(items)  # for which a network may be waited for
    with paused_collector():
        return _table(_collected(items, level), level, keep)


def _collected(items: list[Item], level: Level) -> _Columns:
    columns = _Columns()
    unplaced = []
    for item in items:
        found, manifest = _vignettes(item, level)
        if not found:
            raise UnsupportedProductError(
                f"the STAC item {item.get('id')!r} lists no file of a Wave Mode {level.upper()} vignette "
                f"(s1x-wvN-{level}-...). Search the collection of Wave Mode, as xoceansar.search does."
            )
        # the number ends the stem
        stems = sorted(found, key=lambda stem: (stem[-3:], stem))
        rings = _rings(item.get("geometry"))
        if len(rings) != len(stems):
            unplaced.append(str(item.get("id")))
            rings = [None] * len(stems)
        columns.stems += stems
        columns.outlines.append(outlines_from(rings))
        columns.shared.append(_shared(item))
        columns.counts.append(len(stems))
        files = [asset for stem in stems for asset in found[stem]]
        for column, values in zip(columns.lists, _files(files, manifest, _base(item)), strict=True):  # fmt: skip
            column += values
    if unplaced:
        warn(
            f"{len(unplaced)} items have another number of outlines than of vignettes, so that their "
            f"vignettes have no place; the first is {unplaced[0]}."
        )
    return columns


def _vignettes(item: Item, level: Level) -> tuple[dict[str, Files], Item | None]:
    """Assets of each vignette, as `ROLES` has them; and the manifest, which belongs to all."""
    vignettes: dict[str, Files] = {}
    manifest = None
    for asset in item["assets"].values():
        path = asset.get("file:local_path") or asset["href"]
        name = path[path.rfind("/") + 1 :].lower()
        if name == "$value" or "?" in name:
            name = _file_name(path).lower()
        if name[-4:] == ".xml":
            place, stem = _PREFIXES.get(name[_XML_PREFIX]), name[_XML_STEM]
        else:
            place, stem = _IMAGES.get(name[_LENGTH:]), name[:_LENGTH]
        if place is not None:
            files = vignettes.get(stem)
            if files is None:
                files = vignettes[stem] = [None] * len(ROLES)
            files[place] = asset
        elif name == "manifest.safe":
            manifest = asset
    known = KINDS[level].fullmatch
    return {k: files for k, files in vignettes.items() if known(k)}, manifest


def _file_name(path: str) -> str:
    """Name of a file at a web address: of OData, .../Nodes(<file>)/$value; or before a query."""
    if path.endswith("/$value"):
        return path.rpartition("Nodes(")[2].partition(")")[0]
    return path.partition("?")[0].rpartition("/")[2]


def _rings(geometry: Any) -> list[Ring | None]:
    if not geometry:
        return []
    coordinates = geometry.get("coordinates") or []
    if geometry.get("type") == "Polygon":
        return [coordinates[0]]
    if geometry.get("type") != "MultiPolygon":
        return []
    return [polygon[0] for polygon in coordinates]


def _shared(item: Item) -> dict[str, str]:
    properties = item.get("properties", {})
    software = properties.get("processing:software") or {}
    version = software.get(_SOFTWARE) or properties.get("processing:version") or ""
    return {
        "product": f"{str(item['id']).removesuffix('.SAFE')}.SAFE",
        "ipf_version": str(version),
        "processed": str(properties.get("processing:datetime") or ""),
        "timeliness": str(
            properties.get("product:timeliness_category")
            or properties.get("product:timeliness")
            or ""
        ),
        "facility": str(properties.get("processing:facility") or ""),
        "endpoint": _endpoint(item),
    }


def _endpoint(item: Item) -> str:
    """Where the first storage that is free serves its buckets."""
    schemes = item.get("properties", {}).get("storage:schemes") or {}
    free = [one for one in schemes.values() if not one.get("requester_pays")]
    return next(
        (
            str(one["platform"])
            for one in free
            if one.get("type") == "custom-s3" and "platform" in one
        ),
        "",
    )


def _base(item: Item) -> str:
    """URL that relative hrefs of an item begin with."""
    links = {link.get("rel"): link.get("href") for link in item.get("links") or []}
    return str(links.get("self") or "")


def _links(asset: Item, base: str) -> tuple[str, str | None]:
    """Where a file is, on object storage where it is there too; and at which web address."""
    href: str = asset["href"]
    alternates = [one["href"] for one in (asset.get("alternate") or {}).values()]
    links = [
        one if is_url(one) or one.startswith("/") else urljoin(base, one)
        for one in (href, *alternates)
    ]
    web = next((one for one in links if one.startswith(_WEB)), None)
    plain = [one for one in links if not one.startswith(_WEB)]
    return (plain or links)[0], web


#: Of a file that is not listed what `_LISTS` names.
_NO_FILE: Final = (None, None, None, -1, None)
#: What catalogues say of a file; nearly all say all of it.
_TOLD: Final = itemgetter(
    "href", "alternate", "file:local_path", "file:size", "file:checksum"
)


def _files(
    assets: Files, manifest: Item | None, base: str
) -> Iterator[Iterator[tuple[Any, ...]]]:
    """Of the vignettes of an item, each with its four assets, what `_LISTS` names."""
    last = _file(manifest, base)
    columns = zip(*[_file(asset, base) for asset in assets], strict=True)
    for values, of_all in zip(columns, last, strict=True):
        roles = (values[k :: len(ROLES)] for k in range(len(ROLES)))
        yield zip(*roles, repeat(of_all))


def _file(asset: Item | None, base: str) -> tuple[Any, ...]:
    """Of a file what `_LISTS` names."""
    if asset is None:
        return _NO_FILE
    try:
        href, alternate, path, size, text = _TOLD(asset)
        web = alternate["https"]["href"] if len(alternate) == 1 else ""
    except (KeyError, TypeError):
        told = asset.get
        href, web = "", ""
        path, size, text = told("file:local_path"), told("file:size", -1), told("file:checksum")  # fmt: skip
    if href[:5] != "s3://" or web[:8] != "https://":
        href, web = _links(asset, base)
    text = str(text)
    known = text[:6] == _MD5 and len(text) == 38
    return href, web, path, size, text[6:].lower() if known else None


def _table(columns: _Columns, level: Level, keep: Keep | None) -> VignetteTable:
    rows = _parts(columns.stems)
    outlines = joined(columns.outlines)
    rows["longitude"], rows["latitude"] = outlines.centres()
    shared = pd.DataFrame(columns.shared, columns=list(_SHARED))
    repeated = np.repeat(np.arange(len(shared)), columns.counts)
    rows = pd.concat([rows, shared.take(repeated).reset_index(drop=True)], axis=1)
    for name, values in zip(_LISTS, columns.lists, strict=True):
        rows[name] = pd.Series(values, rows.index, object)
    sizes = [sum([size for size in of[:-1] if size > 0]) for of in rows["sizes"]]
    rows["size"] = np.array(sizes, np.int64)
    # nothing is the time of a day that no calendar has
    valid = np.array(
        rows["time"].notna() & rows["number"].between(1, MOST_IMAGES), bool
    )
    if not valid.all():
        warn(
            f"{int((~valid).sum())} vignettes have names that none of Wave Mode {level.upper()} has, and are "
            f"left out; the first is {columns.stems[int(np.argmin(valid))]}."
        )
    if keep is not None:
        valid &= keep(rows, outlines)
    return VignetteTable(
        rows.loc[valid, list(COLUMNS)].reset_index(drop=True), outlines.where(valid)
    )


def _parts(stems: list[str]) -> pd.DataFrame:
    """Take stems apart; each part has its place in them."""
    texts = np.array(stems, dtype=f"U{_LENGTH}")
    letters = texts.view("U1").reshape(len(stems), _LENGTH)
    codes = letters.copy().view(np.uint32)
    digits = codes.astype(np.int64) - ord("0")
    codes[(codes >= ord("a")) & (codes <= ord("z"))] -= 32
    capitals = codes.view("U1")

    def part(first: int, stop: int, of: Any = letters) -> npt.NDArray[np.object_]:
        cut = np.ascontiguousarray(of[:, first:stop]).view(f"U{stop - first}")
        return cut[:, 0].astype(object)

    def number(first: int, stop: int) -> npt.NDArray[np.int64]:
        tens = 10 ** np.arange(stop - first)[::-1]
        return np.asarray(digits[:, first:stop] @ tens)

    return pd.DataFrame(
        {
            "vignette_id": texts.astype(object),
            "number": number(61, 64),
            "beam": part(4, 7),
            "polarisation": part(12, 14, capitals),
            "platform": part(0, 3, capitals),
            "time": _moments(
                [number(*ends) for ends in ((15, 19), (19, 21), (21, 23))],
                [number(*ends) for ends in ((24, 26), (26, 28), (28, 30))],
            ),
            "orbit": number(47, 53),
            "datatake": part(54, 60),
        }
    )


def _moments(
    date: list[npt.NDArray[np.int64]], clock: list[npt.NDArray[np.int64]]
) -> npt.NDArray[np.datetime64]:
    """Make times of years, months and days, hours, minutes and seconds; nothing where no calendar has them."""
    (year, month, day), (hour, minute, second) = date, clock
    months = ((year - 1970) * 12 + month - 1).astype("M8[M]")
    days = months.astype("M8[D]") + (day - 1)
    time = days.astype("M8[s]") + (3600 * hour + 60 * minute + second)
    valid = (year >= 1970) & (year < 2262) & (month >= 1) & (month <= 12)
    valid &= (days.astype("M8[M]") == months) & (hour < 24) & (minute < 60) & (second <= 60)  # fmt: skip
    time[~valid] = np.datetime64("NaT")
    return np.asarray(time.astype("M8[ns]"))
