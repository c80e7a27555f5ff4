"""Search catalogues for vignettes of Wave Mode: a row for each, before a byte of it is read."""

import re
from collections import Counter
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from xoceansar._optional import require
from xoceansar.catalogue.places import Box, boxes_of, inside, polygons_of
from xoceansar.catalogue.reprocessing import choose_processings
from xoceansar.conventions.beams import Beams, one_beam
from xoceansar.errors import CatalogueError, OceansarError, warn
from xoceansar.io.stac.outlines import Outlines, joined
from xoceansar.io.stac.vignette_table import Keep, VignetteTable, tabulate
from xoceansar.ops.selection import range_ends

if TYPE_CHECKING:
    from collections.abc import Iterator

    from geopandas import GeoDataFrame

    from xoceansar.catalogue.stac_api import Catalogue
    from xoceansar.io.stac.vignette_table import Item

__all__ = ["COPERNICUS", "Level", "search"]

Level = Literal["slc", "ocn"]

#: The STAC API of the Copernicus Data Space Ecosystem.
COPERNICUS: Final = "https://stac.dataspace.copernicus.eu/v1"
_COLLECTIONS: Final[dict[str, str]] = {
    "slc": "sentinel-1-slc-wv",
    "ocn": "sentinel-1-ocn-wv",
}
#: Between the first and the last vignette of a product lie 28 minutes; some catalogues know the first only.
_LONGEST: Final = pd.Timedelta(minutes=30)
#: Of the first Sentinel-1: before it there is nothing.
_LAUNCH: Final = pd.Timestamp("2014-04-03")
#: Texts that pandas takes for times without a year are of the present one.
_YEAR: Final = re.compile(r"\d{4}(\D|$)")


def search(
    *,
    bbox: tuple[float, float, float, float] | None = None,
    datetime: Any = None,
    beam: Beams | None = None,
    level: Level = "slc",
    endpoint: str | None = None,
    collection: str | None = None,
) -> "GeoDataFrame":
    """Search a STAC catalogue for vignettes of Wave Mode.

    Parameters
    ----------
    bbox : (west, south, east, north), optional
        Degrees, longitudes from -180 to 180. With west greater than east it lies across 180 degrees. Vignettes
        that touch it are found.
    datetime : str, date, slice or pair, optional
        A period, ``"2022-11"``; or first and last, both inclusive, as ``("2022-11-01", "2022-11-07")`` or as
        catalogues write it, ``"2022-11-01/2022-11-07"``; ``..`` or None for an open end. UTC.
    beam : str or iterable of str, optional
        Keep one beam, ``"wv1"`` or ``"WV2"``.
    level : {"slc", "ocn"}, optional
        Images, or Level-2 measurements. Where the catalogue has no collection of the latter, the products of
        the Copernicus Data Space are listed through OData.
    endpoint : str, optional
        URL of the STAC API; by default that of the Copernicus Data Space, which needs no account to be searched.
    collection : str, optional
        Its collection of Wave Mode, where it has another name than there.

    Returns
    -------
    GeoDataFrame
        One row for each vignette, in order of time, WGS 84: ``vignette_id``, ``number`` (in the product),
        ``beam``, ``polarisation``, ``platform``, ``time`` (start, UTC, whole seconds), ``longitude``, ``latitude`` (middle of
        the outline), ``size`` (bytes of its four files), ``product``, ``orbit``, ``datatake``,
        ``ipf_version``, ``processed``, ``timeliness``, ``facility``; and what reading needs: ``endpoint`` (of
        object storage), and tuples along annotation, calibration, noise, measurement and manifest: ``hrefs``,
        ``https_hrefs``, ``local_paths``, ``sizes``, ``checksums`` (MD5). ``geometry`` is the outline of the vignette, cut in two at
        180 degrees. ``attrs`` has what was searched, and under ``dropped`` how many vignettes of each
        product were left out for a better processing. Without any vignette it has its columns, and no row.

    Raises
    ------
    CatalogueError
        If neither a box nor a period is given, one of them makes no sense, the catalogue does not answer after several
        tries, or does not give all that it has.
    MissingDependencyError
        If pystac-client or geopandas is not installed.

    Notes
    -----
    Reads no image. A product lies along up to a third of an orbit: its vignettes are judged one by one, by their own
    outlines and times. Of two processings of a vignette the one by the higher IPF version is
    taken, then the later, then Fast-24h before NRT; a warning says so.

    A busy catalogue (429), one that does not answer and one whose links to the next page are broken are asked
    again, with pauses that grow; warnings say so.

    Through OData, files have no names yet: rows are those of the outlines, numbered and timed in their order, and
    ``hrefs`` has the manifest of the product alone. `open_ocn`, `find_twins` and `download` take these rows, and read
    from the manifests which files they are.

    Examples
    --------
    >>> import xoceansar as xos
    >>> found = xos.search(
    ...     bbox=(-40, 30, -20, 45), datetime="2022-11"
    ... )  # doctest: +SKIP
    >>> ds = xos.open_wave_mode(found[found.beam == "wv2"])  # doctest: +SKIP
    """
    endpoint = endpoint or COPERNICUS
    if level not in _COLLECTIONS:
        raise CatalogueError(f"level={level!r} is not one of {list(_COLLECTIONS)}.")
    if bbox is None and datetime is None:
        raise CatalogueError(
            "a box, a period or both are needed: bbox=(-40, 30, -20, 45), datetime='2022-11'."
        )
    boxes: list[Box | None] = [None] if bbox is None else list(boxes_of(bbox))
    first, last = _period(datetime)
    kept = one_beam(beam, error=CatalogueError)
    geopandas = require("geopandas", extra="catalogue")
    require("pystac_client", extra="catalogue")
    from xoceansar.catalogue.stac_api import Catalogue

    wanted = _keeper([box for box in boxes if box is not None], first, last, kept)
    catalogue = Catalogue(endpoint)
    name = collection or _COLLECTIONS[level]
    if level == "ocn" and collection is None and not catalogue.has(name):
        from xoceansar.catalogue.odata import list_products

        warn(
            f"{endpoint} has no collection {name!r}: products are listed through OData, without their files."
        )
        table = list_products(catalogue.io, boxes, (first - _LONGEST, last), wanted)
    else:
        items = _items(catalogue, name, boxes, (first - _LONGEST, last))
        table = _tabulated(items, level, wanted)
        if table.rows.empty and not catalogue.has(name):
            raise CatalogueError(
                f"{endpoint} has no collection {name!r}. Give the one of Wave Mode, as collection=..."
            )
    frame = geopandas.GeoDataFrame(
        table.rows, geometry=polygons_of(table.outlines), crs="EPSG:4326"
    )
    frame, dropped = _each_once(frame)
    frame.attrs = {
        "endpoint": endpoint,
        "bbox": None if bbox is None else [float(edge) for edge in bbox],
        "datetime": [str(first), str(last)],
        "dropped": dropped,
    }
    if frame.empty:
        warn(
            f"the catalogue lists no vignette of Wave Mode there and then. Wave Mode is acquired over the open "
            f"ocean; widen the box or the period (searched: bbox={bbox}, {first} to {last})."
        )
    return frame


def _period(datetime: Any) -> tuple[pd.Timestamp, pd.Timestamp]:
    if isinstance(datetime, str) and "/" in datetime:
        datetime = tuple(datetime.split("/"))
    if isinstance(datetime, tuple | list):
        datetime = tuple(None if end in ("", "..") else end for end in datetime)
    for end in datetime if isinstance(datetime, tuple) else (datetime,):
        if isinstance(end, str) and not _YEAR.match(end):
            raise CatalogueError(
                f"a time as '2022-11', '2022-11-01' or '2022-11-01T08:30' is needed; got {end!r}."
            )
    try:
        ends = (
            (None, None)
            if datetime is None
            else range_ends("datetime", datetime, is_time=True)
        )
    except OceansarError as error:
        raise CatalogueError(str(error)) from error
    first = _LAUNCH if ends[0] is None else pd.Timestamp(ends[0])
    last = pd.Timestamp.now("UTC").tz_localize(None) if ends[1] is None else ends[1]
    if first > last or last < _LAUNCH:
        raise CatalogueError(
            f"datetime={datetime!r} begins after now, or ends before the first Sentinel-1 was launched, in April 2014."
        )
    return first, pd.Timestamp(last)


def _keeper(
    boxes: list[Box], first: pd.Timestamp, last: pd.Timestamp, beam: str | None
) -> Keep:
    """Judge vignettes, each for itself."""

    def keep(rows: pd.DataFrame, outlines: Outlines) -> npt.NDArray[np.bool_]:
        # a name has whole seconds, of which the image may begin in any part
        inner = rows["time"].between(first.floor("s"), last)
        if beam is not None:
            inner &= rows["beam"] == beam
        kept = np.array(inner, bool)
        if boxes:
            kept[kept] = inside(outlines.where(kept), boxes)
        return kept

    return keep


def _items(
    catalogue: "Catalogue",
    collection: str,
    boxes: list[Box | None],
    period: tuple[pd.Timestamp, pd.Timestamp],
) -> "Iterator[Item]":
    seen: set[str] = set()
    for box in boxes:
        for item in catalogue.items(collection, box, period):
            if item["id"] not in seen:
                seen.add(item["id"])
                yield item


#: Items whose vignettes are judged at a time: what is not wanted is let go.
_TOGETHER: Final = 200


def _tabulated(items: "Iterator[Item]", level: Level, wanted: Keep) -> VignetteTable:
    tables = [
        tabulate(chain([first], islice(items, _TOGETHER - 1)), level, wanted)
        for first in items
    ]
    tables = tables or [tabulate((), level, wanted)]
    rows = pd.concat([table.rows for table in tables], ignore_index=True)
    return VignetteTable(rows, joined([table.outlines for table in tables]))


def _each_once(frame: "GeoDataFrame") -> tuple["GeoDataFrame", dict[str, int]]:
    """Take each vignette from its best processing, in order of time."""
    frame = frame.sort_values(["time", "vignette_id"], ignore_index=True)
    taken = choose_processings(frame.rename(columns={"time": "start"}))
    repeated = frame[taken != frame.index]
    dropped = dict(Counter(repeated["product"].tolist()))
    if dropped:
        warn(
            f"{len(repeated)} vignettes of {len(dropped)} products are listed in a better processing too, and are "
            "taken from that one: the higher IPF version counts, then the later processing, then Fast-24h "
            "before NRT. attrs['dropped'] says which."
        )
    return frame[taken == frame.index].reset_index(drop=True), dropped
