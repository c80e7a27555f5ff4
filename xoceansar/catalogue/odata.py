"""Products that the Copernicus Data Space lists through OData, where no STAC collection has them.

References
----------
https://documentation.dataspace.copernicus.eu/APIs/OData.html
"""

import re
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from xoceansar._optional import require
from xoceansar.errors import CatalogueError
from xoceansar.io.safe.product_names import parse_product
from xoceansar.io.stac.outlines import outlines_from
from xoceansar.io.stac.vignette_table import COLUMNS, FILES, Keep, VignetteTable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pystac_client.stac_api_io import StacApiIO

    from xoceansar.catalogue.places import Box

#: Where products are listed; and object storage, where they lie.
ADDRESS = "https://catalogue.dataspace.copernicus.eu/odata/v1/Products"
_STORAGE: Final = "https://eodata.dataspace.copernicus.eu"
#: Products of a page; more than ten pages are not given, so that each begins where the last one ended.
_PAGE: Final = 1000
#: Seconds from the start of an image to that of the next.
_CADENCE: Final = 14.66
#: Names of what is not for everybody, or is no product.
_OTHERS: Final = ("_COG", "_PRIVATE", ".CORRUPTED")
_NAME: Final = re.compile(
    r"_(?P<radar>1S|2S)S(?P<polarisation>[VH])_.*_(?P<orbit>\d{6})_(?P<datatake>[0-9A-F]{6})_"
)


def list_products(
    io: "StacApiIO",
    boxes: "Sequence[Box | None]",
    period: tuple[pd.Timestamp, pd.Timestamp],
    keep: Keep,
) -> VignetteTable:
    """List Level-2 products of Wave Mode, a row for each outline that they have."""
    found = {
        str(one["Name"]): one for box in boxes for one in _products(io, box, period)
    }
    rows: list[dict[str, Any]] = []
    rings: list[Any] = []
    for name, product in sorted(found.items()):
        for number, ring in enumerate(_rings(product), 1):
            rows.append(_row(name, product, number))
            rings.append(ring)
    table = pd.DataFrame(rows, columns=list(COLUMNS)).astype({"number": np.int64})
    table["time"] = table["time"].astype("datetime64[ns]")
    outlines = outlines_from(rings)
    table["longitude"], table["latitude"] = outlines.centres()
    kept = keep(table, outlines)
    return VignetteTable(table[kept].reset_index(drop=True), outlines.where(kept))


def _products(
    io: "StacApiIO", box: "Box | None", period: tuple[pd.Timestamp, pd.Timestamp]
) -> "Iterator[dict[str, Any]]":
    first, last = period
    while True:
        terms = [
            "Collection/Name eq 'SENTINEL-1'",
            "contains(Name,'_WV_OCN_')",
            f"ContentDate/Start ge {first:%Y-%m-%dT%H:%M:%S.%fZ}",
            f"ContentDate/Start le {last:%Y-%m-%dT%H:%M:%S.%fZ}",
        ]
        if box is not None:
            west, south, east, north = box
            ring = f"{west} {south},{east} {south},{east} {north},{west} {north},{west} {south}"
            terms.append(
                f"OData.CSC.Intersects(area=geography'SRID=4326;POLYGON(({ring}))')"
            )
        question = {
            "$filter": " and ".join(terms),
            "$orderby": "ContentDate/Start asc",
            "$top": str(_PAGE),
        }
        page = _page(io, question)
        yield from (
            one for one in page if not any(mark in one["Name"] for mark in _OTHERS)
        )
        if len(page) < _PAGE:
            return
        following = pd.Timestamp(page[-1]["ContentDate"]["Start"]).tz_localize(None)
        if following <= first:
            raise CatalogueError(
                f"{ADDRESS} lists more than {_PAGE} products that begin at {first}. Search a smaller box."
            )
        first = following


def _page(io: "StacApiIO", question: dict[str, str]) -> list[dict[str, Any]]:
    failure = require("pystac_client.exceptions", extra="catalogue").APIError
    try:
        answer = io.read_json(ADDRESS, parameters=question)
        page: list[dict[str, Any]] = answer["value"]
        return page
    except (failure, ValueError, KeyError) as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise CatalogueError(
            f"{ADDRESS} does not list products ({reason}). Try again later."
        ) from error


def _rings(product: dict[str, Any]) -> list[Any]:
    footprint = product.get("GeoFootprint") or {}
    coordinates = footprint.get("coordinates") or []
    if footprint.get("type") == "Polygon":
        return [coordinates[0]]
    return [polygon[0] for polygon in coordinates]


def _row(name: str, product: dict[str, Any], number: int) -> dict[str, Any]:
    start = pd.Timestamp(product["ContentDate"]["Start"]).tz_localize(None)
    known, parts = parse_product(name), _NAME.search(name)
    path = str(product.get("S3Path") or "").strip("/")
    manifest = f"s3://{path}/manifest.safe" if path else None
    nothing: list[Any] = [None] * (len(FILES) - 1)
    return {
        "vignette_id": "",
        "number": number,
        "beam": "",
        "polarisation": parts["polarisation"] * 2 if parts else "",
        "platform": known.platform if known else "",
        "time": (start + pd.Timedelta(seconds=_CADENCE * (number - 1))).floor("s"),
        "size": 0,
        "product": name,
        "orbit": int(parts["orbit"]) if parts else 0,
        "datatake": parts["datatake"].lower() if parts else "",
        "ipf_version": "",
        "processed": "",
        "timeliness": "",
        "facility": "",
        "endpoint": _STORAGE,
        "hrefs": [*nothing, manifest],
        "https_hrefs": [*nothing, None],
        "local_paths": [*nothing, None],
        "sizes": [-1] * len(FILES),
        "checksums": [*nothing, None],
    }
