"""STAC items of Wave Mode products as a table with a row for each vignette.

References
----------
STAC 1.1.0; the extensions file 2.1 and alternate-assets 1.2; multiformats, multihash.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
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
#: Columns of lists along `FILES`.
_LISTS: Final = ("hrefs", "https_hrefs", "local_paths", "sizes", "checksums")
#: A multihash that begins so is MD5, 16 bytes long.
_MD5: Final = "d50110"
#: How the names of XML files begin, and which part of a vignette each is.
_PREFIXES: Final = {
    "": "annotation",
    "calibration-": "calibration",
    "noise-": "noise",
}
_IMAGES: Final = dict.fromkeys((".tiff", ".tif", ".nc"), "measurement")
_SOFTWARE: Final = "Sentinel-1 IPF"
#: How the files of vignettes are named; "any" where the two levels are told apart later.
KINDS: Final = {"slc": STEM, "ocn": OCN_STEM, "any": ANY_STEM}
#: Characters of a stem, all of which have fixed places.
_LENGTH: Final = 64

_WEB: Final = ("https://", "http://")

Ring = Sequence[Sequence[float]]
#: Which rows are wanted, of a table without files.
Keep = Callable[[pd.DataFrame, list[Ring | None]], npt.NDArray[np.bool_]]


@dataclass
class VignetteTable:
    """Rows that items list, and where each lies.

    Parameters
    ----------
    rows : DataFrame
        With `COLUMNS`.
    rings : list
        Of each row the outline as longitudes and latitudes, closed; None where the item does not tell.
    """

    rows: pd.DataFrame
    rings: list[Ring | None]


@dataclass
class _Columns:
    """Values of rows as they are collected, item by item."""

    stems: list[str] = field(default_factory=list)
    #: Which item each row is of.
    item: list[int] = field(default_factory=list)
    files: list[dict[str, Any]] = field(default_factory=list)
    rings: list[Ring | None] = field(default_factory=list)
    #: Of each item.
    shared: list[dict[str, str]] = field(default_factory=list)
    bases: list[str] = field(default_factory=list)
    manifests: list[tuple[Any, ...]] = field(default_factory=list)


def tabulate(
    items: Iterable[Item], level: Level = "slc", keep: Keep | None = None
) -> VignetteTable:
    """List the vignettes of items, in their order and that of the image numbers.

    Notes
    -----
    Files are told by their names, as in manifests, and not by the keys of the assets. Items list an outline for
    each vignette, in order of image number. Only of rows that `keep` wants, by what their names and outlines tell, are files listed.
    """
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
        columns.item += [len(columns.shared)] * len(stems)
        columns.stems += stems
        columns.files += [found[stem] for stem in stems]
        columns.rings += rings
        columns.shared.append(_shared(item))
        columns.bases.append(_base(item))
        columns.manifests.append(_file(manifest, columns.bases[-1]))
    if unplaced:
        warn(
            f"{len(unplaced)} items have another number of outlines than of vignettes, so that their "
            f"vignettes have no place; the first is {unplaced[0]}."
        )
    return _table(columns, level, keep)


def _vignettes(
    item: Item, level: Level
) -> tuple[dict[str, dict[str, Any]], Item | None]:
    """Assets of each vignette by the part that each is; and the manifest, which belongs to all."""
    vignettes: dict[str, dict[str, Any]] = {}
    manifest = None
    for asset in item["assets"].values():
        name = _file_name(asset)
        if name[-4:] == ".xml":
            role, stem = _PREFIXES.get(name[: -_LENGTH - 4]), name[-_LENGTH - 4 : -4]
        else:
            role, stem = _IMAGES.get(name[_LENGTH:]), name[:_LENGTH]
        if role is not None:
            if stem in vignettes:
                vignettes[stem][role] = asset
            else:
                vignettes[stem] = {role: asset}
        elif name == "manifest.safe":
            manifest = asset
    known = KINDS[level].fullmatch
    vignettes = {stem: files for stem, files in vignettes.items() if known(stem)}
    return vignettes, manifest


def _file_name(asset: Item) -> str:
    path = asset.get("file:local_path") or asset["href"]
    name: str = path[path.rfind("/") + 1 :]
    if name == "$value":  # OData: .../Nodes(<file>)/$value
        name = path.rpartition("Nodes(")[2].partition(")")[0]
    elif "?" in name:
        name = name.partition("?")[0]
    return name.lower()


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


def _file(asset: Item | None, base: str) -> tuple[Any, ...]:
    """Of a file what `_LISTS` names."""
    if asset is None:
        return _NO_FILE
    told = asset.get
    text = str(told("file:checksum", ""))
    known = len(text) == len(_MD5) + 32 and text[: len(_MD5)] == _MD5
    href, alternates = asset["href"], told("alternate") or {}
    web = alternates["https"]["href"] if len(alternates) == 1 and "https" in alternates else ""  # fmt: skip
    if href[:5] != "s3://" or web[:8] != "https://":  # as nearly none of them are
        href, web = _links(asset, base)
    return (
        href, web, told("file:local_path"), told("file:size", -1),
        text[len(_MD5) :].lower() if known else None,
    )  # fmt: skip


def _table(columns: _Columns, level: Level, keep: Keep | None) -> VignetteTable:
    parts = _parts(columns.stems)
    parts["longitude"], parts["latitude"] = _centres(columns.rings)
    # pandas gives nothing for a day that no calendar has
    valid = np.array(
        parts["time"].notna() & parts["number"].between(1, MOST_IMAGES), bool
    )
    if not valid.all():
        warn(
            f"{int((~valid).sum())} vignettes have names that none of Wave Mode {level.upper()} has, and are "
            f"left out; the first is {columns.stems[int(np.argmin(valid))]}."
        )
    if keep is not None:
        valid &= keep(parts, columns.rings)
    kept = np.flatnonzero(valid)
    rows = parts.iloc[kept].reset_index(drop=True)
    item = np.array(columns.item, int)[kept]
    for name in columns.shared[0] if columns.shared else ():
        rows[name] = np.array([one[name] for one in columns.shared], object)[item]
    lists = [np.empty(len(kept), object) for _ in _LISTS]
    sizes = np.empty(len(kept), np.int64)
    for place, (k, number) in enumerate(zip(kept.tolist(), item.tolist(), strict=True)):
        listed, base = columns.files[k].get, columns.bases[number]
        files = [_file(listed(role), base) for role in ROLES]
        sizes[place] = sum([one[3] for one in files if one[3] > 0])
        parts_of = zip(*files, columns.manifests[number], strict=True)
        for column, values in zip(lists, parts_of, strict=True):
            column[place] = list(values)
    for name, column in zip(_LISTS, lists, strict=True):
        rows[name] = column
    rows["size"] = sizes
    return VignetteTable(
        rows.reindex(columns=list(COLUMNS)), [columns.rings[k] for k in kept]
    )


def _parts(stems: list[str]) -> pd.DataFrame:
    """Take stems apart; each part has its place in them."""
    texts = np.array(stems, dtype=f"U{_LENGTH}")
    letters = texts.view("U1").reshape(len(stems), _LENGTH)
    codes = letters[:, :30].copy().view(np.uint32)
    codes[(codes >= ord("a")) & (codes <= ord("z"))] -= 32
    capitals = codes.view("U1")

    def part(first: int, stop: int, of: Any = letters) -> npt.NDArray[np.str_]:
        return np.ascontiguousarray(of[:, first:stop]).view(f"U{stop - first}")[:, 0]

    return pd.DataFrame(
        {
            "vignette_id": texts.astype(object),
            "number": part(61, 64).astype(np.int64),
            "beam": part(4, 7).astype(object),
            "polarisation": part(12, 14, capitals).astype(object),
            "platform": part(0, 3, capitals).astype(object),
            "time": pd.to_datetime(
                pd.Series(part(15, 30, capitals), dtype=object),
                format="%Y%m%dT%H%M%S",
                errors="coerce",
            ).astype("datetime64[ns]"),
            "orbit": part(47, 53).astype(np.int64),
            "datatake": part(54, 60).astype(object),
        }
    )


def _centres(
    rings: list[Ring | None],
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Middles of outlines, of the corners as points on a sphere: 180 degrees is like any other place."""
    longitude = np.full(len(rings), np.nan)
    latitude = np.full(len(rings), np.nan)
    lengths = np.array([0 if ring is None else len(ring) for ring in rings], int)
    for length in np.unique(lengths[lengths > 1]):
        at = np.flatnonzero(lengths == length)
        corners = np.radians(
            np.array([rings[k] for k in at], float)[:, :-1, :2]
        )  # closed
        lon, lat = corners[..., 0], corners[..., 1]
        x = (np.cos(lat) * np.cos(lon)).mean(axis=1)
        y = (np.cos(lat) * np.sin(lon)).mean(axis=1)
        z = np.sin(lat).mean(axis=1)
        longitude[at] = np.degrees(np.arctan2(y, x))
        latitude[at] = np.degrees(np.arctan2(z, np.hypot(x, y)))
    return longitude, latitude
