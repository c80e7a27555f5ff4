"""STAC items of Wave Mode products as a table with a row for each vignette.

References
----------
STAC 1.1.0; the extensions file 2.1 and alternate-assets 1.2; multiformats, multihash.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urljoin

import numpy as np
import numpy.typing as npt
import pandas as pd

from xoceansar._paths import is_url
from xoceansar.errors import UnsupportedProductError, warn
from xoceansar.io.safe.product_names import MOST_IMAGES, OCN_STEM, ROLES, STEM, Role

__all__ = ["COLUMNS", "FILES", "Item", "VignetteTable", "tabulate"]

Item = Mapping[str, Any]
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
_IMAGES: Final = frozenset({"tiff", "tif", "nc"})
_SOFTWARE: Final = "Sentinel-1 IPF"
_KINDS: Final = {"slc": STEM, "ocn": OCN_STEM}
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
    items: Iterable[Item], level: str = "slc", keep: Keep | None = None
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


def _vignettes(item: Item, level: str) -> tuple[dict[str, dict[str, Any]], Item | None]:
    """Assets of each vignette by the part that each is; and the manifest, which belongs to all."""
    vignettes: dict[str, dict[str, Any]] = {}
    manifest = None
    for asset in item["assets"].values():
        name = _file_name(asset)
        stem, _, suffix = name.rpartition(".")
        if name == "manifest.safe":
            manifest = asset
        elif suffix == "xml":
            prefix = stem[:-_LENGTH]
            if prefix in _PREFIXES:
                files = vignettes.setdefault(stem[-_LENGTH:], {})
                files[_PREFIXES[prefix]] = asset
        elif suffix in _IMAGES:
            vignettes.setdefault(stem, {})["measurement"] = asset
    known = _KINDS[level].fullmatch
    vignettes = {stem: files for stem, files in vignettes.items() if known(stem)}
    return vignettes, manifest


def _file_name(asset: Item) -> str:
    path = asset.get("file:local_path") or asset["href"]
    name: str = path[path.rfind("/") + 1 :]
    if name == "$value":  # OData: .../Nodes(<file>)/$value
        name = path.rpartition("Nodes(")[2].partition(")")[0]
    return name.partition("?")[0].lower()


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
    if href[:5] == "s3://" and len(alternates) == 1 and alternates[0][:8] == "https://":
        return href, alternates[0]  # as nearly all of them are
    links = [
        one if is_url(one) or one.startswith("/") else urljoin(base, one)
        for one in (href, *alternates)
    ]
    web = next((one for one in links if one.startswith(_WEB)), None)
    plain = [one for one in links if not one.startswith(_WEB)]
    return (plain or links)[0], web


def _file(asset: Item | None, base: str) -> tuple[Any, ...]:
    """Of a file what `_LISTS` names."""
    if asset is None:
        return None, None, None, -1, None
    text = str(asset.get("file:checksum", ""))
    known = text.startswith(_MD5) and len(text) == len(_MD5) + 32
    return (
        *_links(asset, base),
        asset.get("file:local_path"),
        asset.get("file:size", -1),
        text[len(_MD5) :].lower() if known else None,
    )


def _table(columns: _Columns, level: str, keep: Keep | None) -> VignetteTable:
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
    files = [
        [
            *(
                _file(columns.files[k].get(part), columns.bases[number])
                for part in ROLES
            ),
            columns.manifests[number],
        ]
        for k, number in zip(kept, item, strict=True)
    ]
    for place, name in enumerate(_LISTS):
        rows[name] = pd.Series(
            [[one[place] for one in row] for row in files], dtype=object
        )
    rows["size"] = np.array(
        [sum(s for s in row[:-1] if s > 0) for row in rows["sizes"]], np.int64
    )
    return VignetteTable(
        rows.reindex(columns=list(COLUMNS)), [columns.rings[k] for k in kept]
    )


def _parts(stems: list[str]) -> pd.DataFrame:
    """Take stems apart; each part has its place in them."""
    texts = np.array(stems, dtype=f"U{_LENGTH}")
    letters = texts.view("U1").reshape(len(stems), _LENGTH)

    def part(first: int, stop: int) -> npt.NDArray[np.str_]:
        return np.ascontiguousarray(letters[:, first:stop]).view(f"U{stop - first}")[
            :, 0
        ]

    return pd.DataFrame(
        {
            "vignette_id": texts.astype(object),
            "number": part(61, 64).astype(np.int64),
            "beam": part(4, 7).astype(object),
            "polarisation": np.char.upper(part(12, 14)).astype(object),
            "platform": np.char.upper(part(0, 3)).astype(object),
            "time": pd.to_datetime(
                pd.Series(np.char.upper(part(15, 30)), dtype=object),
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
