"""The server of the page: this machine alone, one secret, no file but the page itself."""

import json
import re
import secrets
import tempfile
from collections.abc import Callable
from functools import lru_cache
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from ipaddress import ip_address
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs, urlsplit

import numpy as np

from xoceansar._pictures import palette_png
from xoceansar.errors import OceansarError
from xoceansar.exploring.vignette_pictures import SIDES
from xoceansar.io.export.tabular_files import to_csv, to_geoparquet
from xoceansar.sar import land

if TYPE_CHECKING:
    from xoceansar.exploring.explorer import Explorer

LOOPBACK: Final = "127.0.0.1"
#: Names of this machine that a browser may have asked for.
_OWN_NAMES: Final = frozenset({"127.0.0.1", "localhost", "[::1]"})
#: Bytes of a request: a selection of thirty million vignettes.
_LARGEST_BODY: Final = 120_000_000
#: Pixels of the sides of a map of land.
_LAND_SIDES: Final = (2000, 1200)
#: Of them looked up at once: places are many times their bytes.
_LAND_ROWS: Final = 64
_PAGE_HEADERS: Final = (
    "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'self' http://localhost:* http://127.0.0.1:*"
)
#: Seconds after which the end of a server is noticed.
_POLL: Final = 0.05
_JSON: Final = "application/json"
_PNG: Final = "image/png"
_BYTES: Final = "application/octet-stream"


class PageServer:
    """The server of an explorer, in threads that end with the process."""

    def __init__(self, explorer: "Explorer", host: str, port: int) -> None:
        secret = secrets.token_urlsafe(18)
        kind = type(
            "Handler", (_Handler,), {"explorer": explorer, "secret": secret, "local": _is_loopback(host)}
        )  # fmt: skip
        try:
            self._server = ThreadingHTTPServer((host, port), kind)
        except (OSError, OverflowError) as error:
            raise OceansarError(
                f"no server can listen at {host}:{port} ({error}). Give another port, or none, which "
                "takes one that is free."
            ) from error
        self._server.daemon_threads = True
        shown = LOOPBACK if host in ("", "0.0.0.0") else host
        self.url = f"http://{shown}:{self._server.server_address[1]}/{secret}/"
        serve = self._server.serve_forever
        Thread(target=serve, args=(_POLL,), daemon=True).start()

    def close(self) -> None:
        """End it."""
        self._server.shutdown()
        self._server.server_close()


class _Refusal(Exception):
    """A request that is answered by a status and words."""

    def __init__(self, status: HTTPStatus, words: str, **more: Any) -> None:
        super().__init__(words)
        self.status, self.content = status, {"error": words, **more}


class _Handler(BaseHTTPRequestHandler):
    """One request."""

    explorer: "Explorer"
    secret: str
    local: bool
    query: dict[str, str]
    protocol_version = "HTTP/1.1"
    #: Seconds after which a connection that says nothing is closed.
    timeout = 120

    def do_GET(self) -> None:
        """Answer a question."""
        self._answer(self._asked)

    def do_POST(self) -> None:
        """Take a label or a selection."""
        self._answer(self._told)

    def log_message(self, *_: Any) -> None:
        """Say nothing on the terminal of the person who works there."""

    # ---------------------------------------------------------------- requests

    def _answer(self, handle: Callable[[list[str], dict[str, str]], None]) -> None:
        try:
            handle(*self._route())
        except _Refusal as refusal:
            self._json(refusal.content, refusal.status)
        except OceansarError as error:
            self._json({"error": str(error)}, HTTPStatus.UNPROCESSABLE_ENTITY)
        except (BrokenPipeError, ConnectionError, TimeoutError):
            self.close_connection = True
        except Exception as error:  # noqa: BLE001  of any reader; the page goes on
            words = f"{type(error).__name__}: {error}"[:500]
            self._json({"error": words}, HTTPStatus.INTERNAL_SERVER_ERROR)

    def _route(self) -> tuple[list[str], dict[str, str]]:
        """Check who asks, and take the address apart."""
        host = self.headers.get("Host", "")
        name = host.rpartition(":")[0] if re.search(r":\d+$", host) else host
        if self.local and name.lower() not in _OWN_NAMES:
            self.close_connection = True
            raise _Refusal(HTTPStatus.FORBIDDEN, "this server is for its own machine")
        address = urlsplit(self.path)
        parts = address.path.strip("/").split("/")
        if not secrets.compare_digest(parts[0].encode(), self.secret.encode()):
            self.close_connection = True
            raise _Refusal(HTTPStatus.NOT_FOUND, "there is nothing here")
        query = {k: v[0] for k, v in parse_qs(address.query).items()}
        return parts[1:], query

    def _asked(self, parts: list[str], query: dict[str, str]) -> None:
        self.query = query
        name, arguments = (parts[0], parts[1:]) if parts else ("page", [])
        count, answer = _QUESTIONS.get(name, (-1, None))
        if answer is None or len(arguments) != count:
            raise _Refusal(HTTPStatus.NOT_FOUND, "there is nothing here")
        answer(self, *arguments)

    def _told(self, parts: list[str], _: dict[str, str]) -> None:
        body = self._body()
        if parts == ["selection"]:
            if len(body) % 4:
                raise _Refusal(HTTPStatus.BAD_REQUEST, "rows have four bytes each")
            chosen = np.frombuffer(body, "<u4").astype(np.int64)
            self._json({"count": self.explorer.select(chosen)})
        elif parts == ["label"]:
            rows, label = _read_label(body)
            places = [self._row(str(row)) for row in rows]
            self._json({"count": self.explorer.label(places, label)})
        else:
            raise _Refusal(HTTPStatus.NOT_FOUND, "there is nothing here")

    # ----------------------------------------------------------------- questions

    def about(self) -> None:
        """Describe the archive."""
        self._json(self.explorer.about())

    def place(self) -> None:
        """Give longitudes, and after them latitudes."""
        table = self.explorer.table
        self._bytes(np.stack([table.longitude, table.latitude]).astype("<f4"))

    def column(self, number: str) -> None:
        """Give the values of a column."""
        columns = self.explorer.table.columns
        if not re.fullmatch(r"[0-9]{1,6}", number) or int(number) >= len(columns):
            raise _Refusal(HTTPStatus.NOT_FOUND, "there is no such column")
        values = columns[int(number)].values
        self._bytes(values.astype(f"<f{values.itemsize}"))

    def vignette(self, row: str) -> None:
        """Say what is known of a vignette."""
        self._json(self.explorer.vignette(self._row(row)))

    def picture(self, size: str, row: str) -> None:
        """Draw a vignette."""
        if size not in SIDES:
            raise _Refusal(HTTPStatus.NOT_FOUND, f"sizes are {list(SIDES)}")
        place = self._row(row)
        name = self.explorer.table.vignette_id(place)
        self._send(self.explorer.pictures.picture(place, size, name), _PNG)

    def spectrum(self, row: str) -> None:
        """Draw the spectrum of a vignette."""
        self._send(self.explorer.pictures.spectrum(self._row(row)), _PNG)

    def land(self) -> None:
        """Draw land between limits."""
        self._send(_land_of(self.query), _PNG)

    def warm(self) -> None:
        """Begin to read the embeddings, and say how far that is."""
        self._json({"share": self.explorer.kept().share})

    def plane(self) -> None:
        """Give the view of the embeddings in two dimensions."""
        self._when_read()
        self._bytes(self.explorer.plane().astype("<f4"))

    def neighbours(self, row: str) -> None:
        """Name what is like a vignette."""
        place = self._row(row)
        self._when_read()
        self._json({"neighbours": self.explorer.neighbours(place)})

    def labels(self) -> None:
        """Give the labels that there are."""
        self._json({"labels": self.explorer.labelled()})

    def next(self) -> None:
        """Suggest what to label next."""
        self._when_read()
        self._json({"row": self.explorer.next_row()})

    def export(self, kind: str) -> None:
        """Give the selection as a file."""
        if kind not in _EXPORTS:
            raise _Refusal(HTTPStatus.NOT_FOUND, f"files are of {list(_EXPORTS)}")
        with tempfile.TemporaryDirectory() as folder:
            target = Path(folder, f"selection.{kind}")
            content = _EXPORTS[kind](self.explorer.selection, target).read_bytes()
        self._send(content, _BYTES, name=target.name)

    def page(self) -> None:
        """Give the page."""
        nonce = secrets.token_urlsafe(12)
        content = _template().replace("NONCE", nonce).encode()
        self._send(content, "text/html; charset=utf-8", nonce)

    # -------------------------------------------------------------------- parts

    def _body(self) -> bytes:
        size = self.headers.get("Content-Length", "")
        if not size.isdecimal() or int(size) > _LARGEST_BODY:
            self.close_connection = True
            raise _Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too much to take")
        return self.rfile.read(int(size))

    def _row(self, text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,12}", text) or int(text) >= len(
            self.explorer.table
        ):
            raise _Refusal(HTTPStatus.NOT_FOUND, f"there is no vignette {text[:20]!r}")
        return int(text)

    def _when_read(self) -> None:
        """Ask for patience while the embeddings are read."""
        kept = self.explorer.kept()
        if not kept.ready:
            words = "the embeddings are being read"
            raise _Refusal(HTTPStatus.SERVICE_UNAVAILABLE, words, share=kept.share)

    def _json(self, content: Any, status: HTTPStatus = HTTPStatus.OK) -> None:
        text = json.dumps(content, allow_nan=False)
        self._send(text.encode(), _JSON, status=status)

    def _bytes(self, values: Any) -> None:
        self._send(np.ascontiguousarray(values).tobytes(), _BYTES)

    def _send(
        self,
        content: bytes,
        kind: str,
        nonce: str = "",
        *,
        name: str = "",
        status: HTTPStatus = HTTPStatus.OK,
    ) -> None:
        self.send_response(status)
        policy = _PAGE_HEADERS.format(nonce=nonce) if nonce else "default-src 'none'"
        headers = {
            "Content-Type": kind,
            "Content-Length": str(len(content)),
            "Content-Security-Policy": policy,
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Cache-Control": "private, max-age=3600"
            if kind == "image/png"
            else "no-store",
        }
        if name:
            headers["Content-Disposition"] = f'attachment; filename="{name}"'
        for key, value in headers.items():
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(content)


_EXPORTS: Final[dict[str, Callable[..., Path]]] = {
    "csv": to_csv,
    "parquet": to_geoparquet,
}


#: Questions by their name, and how many arguments each has.
_QUESTIONS: Final[dict[str, tuple[int, Callable[..., None]]]] = {
    "page": (0, _Handler.page),
    "about": (0, _Handler.about),
    "place": (0, _Handler.place),
    "column": (1, _Handler.column),
    "vignette": (1, _Handler.vignette),
    "picture": (2, _Handler.picture),
    "spectrum": (1, _Handler.spectrum),
    "land": (0, _Handler.land),
    "warm": (0, _Handler.warm),
    "plane": (0, _Handler.plane),
    "neighbours": (1, _Handler.neighbours),
    "labels": (0, _Handler.labels),
    "next": (0, _Handler.next),
    "export": (1, _Handler.export),
}


def _read_label(body: bytes) -> tuple[list[int], str | None]:
    try:
        said = json.loads(body)
        rows, label = said["rows"], said["label"]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise _Refusal(HTTPStatus.BAD_REQUEST, "a label has rows and a name") from error
    good = isinstance(rows, list) and all(type(row) is int for row in rows)
    if not good or not isinstance(label, str | None):
        raise _Refusal(HTTPStatus.BAD_REQUEST, "a label has rows and a name")
    return rows, label


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


@lru_cache(maxsize=1)
def _template() -> str:
    return files("xoceansar.exploring").joinpath("page.html").read_text("utf-8")


def _land_of(query: dict[str, str]) -> bytes:
    """Draw land between limits in degrees; nothing where the mask is not installed."""
    try:
        west, east, south, north = (
            float(query[k]) for k in ("west", "east", "south", "north")
        )
        width, height = (int(query[k]) for k in ("width", "height"))
    except (KeyError, ValueError) as error:
        raise _Refusal(HTTPStatus.BAD_REQUEST, "a map needs its limits") from error
    width, height = (min(max(n, 1), most) for n, most in zip((width, height), _LAND_SIDES, strict=True))  # fmt: skip
    ends = np.array([west, east, south, north])
    known = bool(np.isfinite(ends).all()) and west < east and south < north
    if not known or not land.available():
        return palette_png(np.zeros((1, 1), np.uint8), _LAND_PALETTE, (0, 255))
    lon = west + (np.arange(width) + 0.5) / width * (east - west)
    lat = north - (np.arange(height) + 0.5) / height * (north - south)
    rows = [
        land.is_land(*np.broadcast_arrays(lon[None], part[:, None]))
        for part in np.array_split(lat, -(-height // _LAND_ROWS))
    ]
    there = np.concatenate(rows)
    there &= (np.abs(lat) <= 90)[:, None] & (np.abs(lon) <= 180)[None]
    return palette_png(there.astype(np.uint8), _LAND_PALETTE, (0, 255))


#: Nothing, and land.
_LAND_PALETTE: Final = bytes.fromhex("000000d9d5cd")
