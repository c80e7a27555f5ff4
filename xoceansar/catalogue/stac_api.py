"""Search a STAC API page by page, and get everything, or an error."""

import json
import time
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urljoin

import pandas as pd

from xoceansar._optional import require
from xoceansar.catalogue import patience
from xoceansar.errors import CatalogueError, warn
from xoceansar.io.stac.vignette_table import Item

if TYPE_CHECKING:
    from pystac_client import Client, ItemSearch

    from xoceansar.catalogue.places import Box

Period = tuple[pd.Timestamp, pd.Timestamp]

#: Items of a page: each has some 0.5 MB.
PAGE: Final = 100
#: Times that an answer that is cut short is asked for again.
_CUT_SHORT: Final = 3
#: Pages one after another that may be empty.
_EMPTY: Final = 10
#: A period is not divided further: satellites make a product of Wave Mode in 8 minutes or more.
_SHORTEST: Final = pd.Timedelta(minutes=1)


class _BrokenPagesError(Exception):
    """The pages end before the results do."""


class Catalogue:
    """A STAC API."""

    def __init__(self, endpoint: str) -> None:
        pystac_client = require("pystac_client", extra="catalogue")
        self.endpoint = endpoint
        self.io = patience.patient_io()
        self._failure = require("pystac_client.exceptions", extra="catalogue").APIError
        with warnings.catch_warnings():
            # what it lacks is said by name where it is needed
            warnings.filterwarnings("ignore", module="pystac_client")
            try:
                self._client: Client = pystac_client.Client.open(
                    endpoint, stac_io=self.io, timeout=patience.TIMEOUT
                )
                self._client.add_conforms_to("ITEM_SEARCH")
            except Exception as error:
                raise self._silent(error) from error

    def has(self, collection: str) -> bool:
        """Whether there is a collection of that name."""
        url = f"{self.endpoint.rstrip('/')}/collections/{collection}"
        try:
            self.io.read_json(url)
        except self._failure as error:
            if getattr(error, "status_code", None) in (404, 410):
                return False
            raise self._silent(error) from error
        except ValueError as error:
            raise self._silent(error) from error
        return True

    def items(
        self, collection: str, box: "Box | None", period: Period
    ) -> Iterator[Item]:
        """Find the items of a collection in a box and a period, each once."""
        seen: set[str] = set()
        for item in self._search(collection, box, period):
            if item["id"] not in seen:
                seen.add(item["id"])
                yield item

    def _search(
        self, collection: str, box: "Box | None", period: Period
    ) -> Iterator[Item]:
        first, last = period
        search = self._client.search(
            collections=[collection],
            bbox=None if box is None else list(box),
            datetime=f"{_utc(first)}/{_utc(last)}",
            limit=PAGE,
        )
        try:
            for page in self._pages(search):
                yield from page["features"]
        except _BrokenPagesError as broken:
            if last - first <= _SHORTEST:
                raise CatalogueError(
                    f"{self.endpoint} does not give all that it has from {_utc(first)} to {_utc(last)}: "
                    f"{broken}. Search again later, or another endpoint=..."
                ) from broken
            warn(
                f"{broken}: from {_utc(first)} to {_utc(last)} the catalogue is searched in two halves."
            )
        else:
            return
        middle = first + (last - first) / 2
        yield from self._search(collection, box, (first, middle))
        yield from self._search(collection, box, (middle, last))

    def _pages(self, search: "ItemSearch") -> Iterator[dict[str, Any]]:
        """Follow the links from page to page, as far as they lead."""
        page = self._first(search)
        seen: set[str] = set()
        links: set[str] = set()
        empty = 0
        while True:
            found = {str(item["id"]) for item in page["features"]}
            if found and found <= seen:
                raise _BrokenPagesError(
                    "a link to the next page leads to the same page"
                )
            seen |= found
            empty = 0 if found else empty + 1
            yield page
            following = _next_link(page, search.url)
            matched = _matched(page)
            if following is None:
                if len(found) == PAGE and matched is not None and len(seen) < matched:
                    raise _BrokenPagesError("a link to the next page is missing")
                return
            key = json.dumps(following, sort_keys=True)
            if key in links or empty >= _EMPTY:
                raise _BrokenPagesError("the links to the next page lead in a circle")
            links.add(key)
            try:
                page = self._read(following, search.get_parameters())
            except (self._failure, ValueError, TypeError) as error:
                if matched is not None and len(seen) >= matched:
                    return  # there was nothing to come
                raise _BrokenPagesError(
                    f"a link to the next page is broken ({_reason(error)})"
                ) from error

    def _first(self, search: "ItemSearch") -> dict[str, Any]:
        try:
            return self._read(
                {"rel": "search", "href": search.url, "method": "POST", "body": search.get_parameters()},
                {},
            )  # fmt: skip
        except (self._failure, ValueError, TypeError) as error:
            raise self._silent(error) from error

    def _read(self, link: dict[str, Any], parameters: Any) -> dict[str, Any]:
        """Read a page; where it is cut short or is none, a few times."""
        kind = require("pystac.link", extra="catalogue").Link
        for attempt in range(1, _CUT_SHORT + 1):
            try:
                page: dict[str, Any] = self.io.read_json(
                    kind.from_dict(link), parameters=parameters
                )
                if not isinstance(page.get("features"), list):
                    raise ValueError("the answer is no page of items")  # noqa: TRY004
                return page
            except (self._failure, ValueError) as error:
                told = getattr(error, "status_code", None) is not None
                if told or attempt == _CUT_SHORT:
                    raise
                pause = patience.PAUSE * attempt
                patience.say_pause("gave a page that is cut short", pause, attempt)
                time.sleep(pause)
        raise AssertionError("unreachable")

    def _silent(self, error: Exception) -> CatalogueError:
        return CatalogueError(
            f"the catalogue {self.endpoint} cannot be searched ({_reason(error)}). Check the network and "
            "endpoint=..., or try again later."
        )


def _next_link(page: dict[str, Any], base: str) -> dict[str, Any] | None:
    for link in page.get("links") or []:
        if link.get("rel") == "next":
            return {**link, "href": urljoin(base, str(link.get("href") or ""))}
    return None


def _matched(page: dict[str, Any]) -> int | None:
    count = page.get("numberMatched", (page.get("context") or {}).get("matched"))
    return count if isinstance(count, int) else None


def _reason(error: Exception) -> str:
    status = getattr(error, "status_code", None)
    text = " ".join(str(error).split())[:200] or type(error).__name__
    return f"{status}: {text}" if status is not None else text


def _utc(time: pd.Timestamp) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
