"""Fetch a file over a network that fails: on from where it broke off, whole and right, or an error."""

import hashlib
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.client import HTTPException
from io import BufferedRandom
from typing import Any, Final, Protocol
from urllib.parse import quote, urljoin, urlsplit

from xoceansar._optional import require
from xoceansar._version import __version__
from xoceansar.errors import CredentialsError, ProductError
from xoceansar.io.stac.access import Access, public_url, redact
from xoceansar.io.stac.connections import one_connection
from xoceansar.io.stac.credentials import NO_KEYS, bearer, s3_signature

__all__ = ["FileSink", "MemorySink", "RemoteFile", "Sink", "fetch"]

#: Tries that bring nothing, and tries in all: what breaks off goes on from there.
_TRIES: Final = 6
_MOST_TRIES: Final = 30
#: Times that a file is fetched again whose checksum is wrong; that keys are refused.
_WRONG: Final = 2
_REFUSED: Final = 3
#: Seconds before the second try, and at most before any; to connect, and to wait for bytes.
PAUSE = 1.0
_LONGEST_PAUSE: Final = 30.0
TIMEOUT = (10.0, 30.0)
#: Bytes a second below which a connection is given up, and seconds over which it is judged.
LEAST_RATE = 10_000.0
WINDOW = 30.0
_PIECE: Final = 1 << 18
_BUSY: Final = frozenset({408, 425, 429, 500, 502, 503, 504, 509})
_MOVED: Final = frozenset({301, 302, 303, 307, 308})
_HOPS: Final = 5
#: What S3 calls keys that are wrong or have ended.
_BAD_KEYS: Final = (
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "ExpiredToken",
    "InvalidToken",
    "RequestTimeTooSkewed",
)
_AWS: Final = "https://s3.amazonaws.com"

_local = threading.local()


@dataclass(frozen=True)
class RemoteFile:
    """A file that a catalogue lists.

    Parameters
    ----------
    path : str
        In the product, as ``annotation/....xml``.
    hrefs : tuple of str
        Where it is, the best first.
    size : int
        Bytes; -1 where not known.
    md5 : str or None
        Its checksum.
    below_root : tuple of str
        Where it lies in a mirror.
    endpoint : str
        Where its bucket is served; empty where not known.
    """

    path: str
    hrefs: tuple[str, ...]
    size: int = -1
    md5: str | None = field(default=None)
    below_root: tuple[str, ...] = ()
    endpoint: str = ""

    @property
    def where(self) -> str:
        """Where it is, for messages."""
        return public_url(self.hrefs[0]) if self.hrefs else self.path

    def without_md5(self) -> "RemoteFile":
        """Forget the checksum, so that it is not checked."""
        return replace(self, md5=None)


class Sink(Protocol):
    """Where bytes go."""

    def size(self) -> int:
        """Bytes so far."""

    def write(self, piece: bytes) -> None:
        """Add bytes."""

    def reset(self) -> None:
        """Begin anew."""

    def md5(self) -> str:
        """Checksum of the bytes."""


class MemorySink:
    """Keeps bytes in memory."""

    def __init__(self) -> None:
        self.data = bytearray()

    def size(self) -> int:
        """Bytes so far."""
        return len(self.data)

    def write(self, piece: bytes) -> None:
        """Add bytes."""
        self.data += piece

    def reset(self) -> None:
        """Begin anew."""
        self.data.clear()

    def md5(self) -> str:
        """Checksum of the bytes."""
        return hashlib.md5(self.data, usedforsecurity=False).hexdigest()


class FileSink:
    """Writes to a file that is open for reading and writing, on from its end."""

    def __init__(self, file: BufferedRandom) -> None:
        self._file = file
        file.seek(0, os.SEEK_END)

    def size(self) -> int:
        """Bytes so far."""
        return self._file.tell()

    def write(self, piece: bytes) -> None:
        """Add bytes."""
        self._file.write(piece)

    def reset(self) -> None:
        """Begin anew."""
        self._file.seek(0)
        self._file.truncate()

    def md5(self) -> str:
        """Checksum of the bytes."""
        self._file.seek(0)
        found = hashlib.file_digest(self._file, "md5").hexdigest()
        self._file.seek(0, os.SEEK_END)
        return found


class _AgainError(Exception):
    """Something that may go away by itself."""

    def __init__(self, reason: str, pause: float | None = None) -> None:
        super().__init__(reason)
        self.pause = pause


class _RefusedError(_AgainError):
    """Keys are not taken; new ones take a moment to be known."""


class _EndedError(_AgainError):
    """A token ended on the way; another was given in its stead."""


class _WrongError(_AgainError):
    """The bytes are not those that are listed."""


def fetch(file: RemoteFile, access: Access, sink: Sink, most: int) -> None:
    """Fetch a file into a sink, from the first of its places that gives it whole."""
    reasons: list[str] = []
    refused: CredentialsError | None = None
    for href in _usable(file, access):
        try:
            _fetch_from(href, file, access, sink, most)
            return
        except CredentialsError as error:
            refused = refused or error
        except ProductError as error:
            reasons.append(str(error))
    if reasons:
        raise ProductError(" ".join(dict.fromkeys(reasons)))
    raise refused or CredentialsError(f"{NO_KEYS} The first file is {file.where}.")


def _usable(file: RemoteFile, access: Access) -> Iterator[str]:
    """Places that there are credentials for, or that may need none."""
    tokens = bearer(access)
    for href in file.hrefs:
        scheme = href.partition("://")[0].lower()
        if scheme in ("s3", "s3a"):
            if s3_signature(access) is not None:
                yield href
        elif scheme not in ("https", "http"):
            raise ProductError(
                f"{file.where}: files are read from s3://, https:// and folders, and not from {scheme}://. "
                "Download them, and give root=..."
            )
        elif tokens.is_known or not tokens.is_for(href):
            yield href


def _fetch_from(
    href: str, file: RemoteFile, access: Access, sink: Sink, most: int
) -> None:
    host = urlsplit(_address(href, file, access)).hostname or ""
    tries = empty = wrong = refused = ended = 0
    while True:
        before = sink.size()
        try:
            with one_connection(host):
                _receive(href, file, access, sink, most)
            _check(file, sink)
            return
        except _AgainError as error:
            tries += 1
            wrong += isinstance(error, _WrongError)
            refused += isinstance(error, _RefusedError)
            # tokens that end one after another are not taken; a last one that ends after other faults may be
            ended = ended + 1 if isinstance(error, _EndedError) else 0
            if sink.size() > before:
                empty = refused = 0
            else:
                empty += 1
            reason = redact(str(error), access)
            if isinstance(error, _WrongError):
                sink.reset()
            if refused >= _REFUSED:
                raise CredentialsError(f"{public_url(href)}: {reason}") from None
            if wrong > _WRONG or empty >= _TRIES or tries >= _MOST_TRIES:
                if ended >= _REFUSED:
                    raise CredentialsError(f"{public_url(href)}: {reason}") from None
                raise ProductError(
                    f"{public_url(href)} cannot be read ({reason}), tried {tries} times. Try again later, or "
                    "leave the vignette out."
                ) from None
            pause = PAUSE * 2.0 ** max(empty - 1, 0)
            time.sleep(min(pause if error.pause is None else error.pause, _LONGEST_PAUSE))  # fmt: skip


def _check(file: RemoteFile, sink: Sink) -> None:
    if file.size >= 0 and sink.size() != file.size:
        raise _WrongError(f"it has {sink.size()} bytes, and {file.size} are listed")
    if file.md5 is not None and sink.md5() != file.md5:
        raise _WrongError("its MD5 is not the one that is listed")


def _receive(
    href: str, file: RemoteFile, access: Access, sink: Sink, most: int
) -> None:
    if file.size >= 0 and sink.size() == file.size:
        return  # what an earlier try left is whole
    if file.size >= 0 and sink.size() > file.size:
        sink.reset()
    with _response(href, file, access, sink.size()) as response:
        status = response.status_code
        if status == 416:
            sink.reset()
            raise _AgainError("it cannot be read from where it broke off")
        start = sink.size()
        if status == 206:
            told = response.headers.get("Content-Range", "")
            if not told.startswith(f"bytes {start}-"):
                sink.reset()
                raise _AgainError("another part was sent than the one asked for")
        elif start:
            sink.reset()
        length = response.headers.get("Content-Length", "")
        end = sink.size() + int(length) if length.isdigit() else -1
        limit = file.size if file.size >= 0 else most
        _pour(response, sink, limit)
        if end >= 0 and sink.size() < end:
            raise _AgainError("the connection broke off")


def _pour(response: Any, sink: Sink, limit: int) -> None:
    began, counted = time.monotonic(), 0
    while True:
        with _network():
            piece = response.raw.read1(_PIECE, decode_content=False)
        if not piece:
            return
        if sink.size() + len(piece) > limit:
            raise _WrongError(f"it has more than {limit} bytes")
        sink.write(piece)
        counted += len(piece)
        passed = time.monotonic() - began
        if passed > WINDOW:
            if counted < LEAST_RATE * passed:
                raise _AgainError(f"only {counted / passed:.0f} bytes a second come")
            began, counted = time.monotonic(), 0


@contextmanager
def _network() -> Iterator[None]:
    """Say what went wrong on the way, which may go better another time."""
    requests = require("requests", extra="catalogue")
    urllib3 = require("urllib3.exceptions", extra="catalogue")
    try:
        yield
    except (requests.RequestException, urllib3.HTTPError, HTTPException, OSError) as error:  # fmt: skip
        cause = error.__cause__ or error.__context__ or error
        raise _AgainError(f"the network failed: {type(cause).__name__}") from None


@contextmanager
def _response(href: str, file: RemoteFile, access: Access, start: int) -> Iterator[Any]:
    """Ask for a file, from a byte on, wherever it has moved."""
    headers = {
        "Accept-Encoding": "identity",
        "User-Agent": f"xoceansar/{__version__}",
    }
    if start:
        headers["Range"] = f"bytes={start}-"
    is_s3 = _is_s3(href)
    url = _address(href, file, access)
    for _ in range(_HOPS):
        token = ""
        auth: Any = lambda request: request  # noqa: E731  not that of ~/.netrc
        asked = dict(headers)
        if is_s3:
            auth = s3_signature(access)
        elif bearer(access).is_known and bearer(access).is_for(url):
            token = bearer(access).token()
            asked["Authorization"] = f"Bearer {token}"
        with _network():
            response = _session().get(
                url, headers=asked, auth=auth, stream=True, allow_redirects=False,
                timeout=TIMEOUT, verify=access.options().get("verify"),
            )  # fmt: skip
        with response:
            if response.status_code not in _MOVED or is_s3:
                _judge(response, href, access, token)
                yield response
                return
            url = urljoin(url, response.headers.get("Location", ""))
    raise ProductError(f"{public_url(href)} is moved from address to address.")


def _session() -> Any:
    """Return the connections of this thread."""
    if getattr(_local, "pid", None) != os.getpid():
        _local.session = require("requests", extra="catalogue").Session()
        _local.pid = os.getpid()
    return _local.session


def _judge(response: Any, href: str, access: Access, token: str) -> None:
    """Raise what a status means, unless it is that of a file or of a part."""
    status: int = response.status_code
    if status in (200, 206, 416):
        return
    if status in _BUSY:
        asked = response.headers.get("Retry-After", "")
        raise _AgainError(
            f"the server is busy or has a fault ({status})",
            float(asked) if asked.isdigit() else None,
        )
    where = public_url(href)
    if status == 401:
        if not token:
            raise CredentialsError(f"{NO_KEYS} The first file is {where}.")
        bearer(access).token(refused=token)  # the next try takes the new one
        raise _EndedError("the token is refused (401)", 0.0)
    if status == 403:
        with _network():
            text = response.raw.read(4096).decode("utf-8", "replace")
        code = next((name for name in _BAD_KEYS if name in text), "")
        if code or "AccessDenied" not in text:
            raise _RefusedError(
                f"the keys are refused (403 {code}".rstrip()
                + "). They may have ended: make new ones"
            )
        raise _AgainError("the keys may not read it (403 AccessDenied)")
    if status in (404, 410):
        raise ProductError(
            f"{where} is not there ({status}): it is offline, or was deleted. Search again, or leave the vignette out."
        )
    raise ProductError(f"{where} cannot be read (status {status}).")


def _is_s3(href: str) -> bool:
    return href.startswith(("s3://", "s3a://"))


def _address(href: str, file: RemoteFile, access: Access) -> str:
    """Web address at which a file is asked for first."""
    return _s3_url(href, file.endpoint, access) if _is_s3(href) else href


def _s3_url(href: str, endpoint: str, access: Access) -> str:
    """Address of an object, by its path on an endpoint."""
    bucket, _, key = href.partition("://")[2].partition("/")
    given = (
        access.options().get("endpoint_url")
        or os.environ.get("AWS_ENDPOINT_URL_S3")
        or os.environ.get("AWS_ENDPOINT_URL")
        or os.environ.get("AWS_S3_ENDPOINT")  # of GDAL, without a scheme
        or endpoint
        or _AWS
    )
    if "://" not in given:
        given = f"https://{given}"
    if not urlsplit(given).hostname:
        raise ProductError(f"endpoint_url={public_url(given)!r} is no address.")
    return f"{given.rstrip('/')}/{bucket}/{quote(key, safe='/~-_.')}"
