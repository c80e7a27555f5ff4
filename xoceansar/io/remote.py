"""Products on object storage (``s3://...`` and what else fsspec reaches), folder or zip archive."""

import json
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import PurePosixPath
from typing import Any, Final

import numpy as np

from xoceansar._optional import require
from xoceansar.errors import OceansarError, ProductError
from xoceansar.io.containers import MANIFEST, Bytes, Store, manifests

#: Keyword arguments of an fsspec file system: credentials, an endpoint.
StorageOptions = Mapping[str, Any]

_ARCHIVE: Final = ".zip"
_S3: Final = ("s3", "s3a")
#: What reaches a protocol, where it is not Azure's.
_PACKAGES: Final = {
    "gcs": "gcsfs",
    "gs": "gcsfs",
    "http": "aiohttp",
    "https": "aiohttp",
    "s3": "s3fs",
    "s3a": "s3fs",
}
#: Seconds to connect and to wait for bytes, and attempts of botocore and of s3fs: together a server
#: that never answers holds a call for a minute.
_CONNECT, _READ, _ATTEMPTS = 5, 15, 2
#: Packages below fsspec whose errors are not those of the operating system.
_FOREIGN: Final = frozenset(
    {"aiobotocore", "aiohttp", "azure", "botocore", "fsspec", "gcsfs", "google"}
)


def encode_options(options: StorageOptions | None) -> str:
    """Write storage options as text, so that whoever carries them is hashable."""
    try:
        return json.dumps(dict(options or {}), sort_keys=True)
    except TypeError as error:
        raise OceansarError(
            f"storage_options holds a value that is no text, number or mapping of them "
            f"({error}). Give credentials as text, or by the environment."
        ) from error


@lru_cache(maxsize=16)
def open_filesystem(url: str, options: str) -> tuple[Any, str]:
    """Open the file system of a URL."""
    core = require("fsspec.core", extra="archive")
    protocol = url.rpartition("::")[2].partition("://")[0]
    try:
        with storage_errors():
            filesystem, path = core.url_to_fs(
                url, **{protocol: with_limits(url, json.loads(options))}
            )
    except ImportError:
        # fsspec says which package; `require` says how to install it here
        require(_PACKAGES.get(protocol, "adlfs"), extra="archive")
        raise
    except ValueError as error:
        raise ProductError(
            f"{url} cannot be opened: {error}. Give a local path, or a URL such as "
            "s3://bucket/S1A_WV_SLC__....SAFE."
        ) from error
    except OSError as error:
        raise unreachable(url, error) from error
    if protocol in _S3:
        archive = getattr(filesystem, "fo", None)  # of zip:// through s3://
        getattr(archive, "fs", filesystem).retries = _ATTEMPTS
    return filesystem, str(path)


def with_limits(url: str, options: StorageOptions) -> dict[str, Any]:
    """Bound how long a server may not answer, where the options do not say."""
    if url.rpartition("::")[2].partition("://")[0] not in _S3:
        return dict(options)
    limits = {
        "connect_timeout": _CONNECT,
        "read_timeout": _READ,
        "retries": {"total_max_attempts": _ATTEMPTS},
    }
    return {**options, "config_kwargs": limits | options.get("config_kwargs", {})}


@contextmanager
def storage_errors() -> Iterator[None]:
    """Raise the errors of what lies below fsspec as OSError, with the cause alone."""
    try:
        yield
    except Exception as error:
        packages = {kind.__module__.partition(".")[0] for kind in type(error).__mro__}
        if isinstance(error, OSError) or not packages & _FOREIGN:
            raise
        raise OSError(" ".join(str(error).split()) or type(error).__name__) from error


def unreachable(url: str, error: Exception) -> ProductError:
    """Say that what is at a URL cannot be read, and why."""
    reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return ProductError(
        f"{url} cannot be read ({reason}). Check the URL, the credentials and the network."
    )


def glob_url(pattern: str, options: str) -> list[str]:
    """Find the URLs that match a pattern."""
    filesystem, _ = open_filesystem(pattern.partition("*")[0], options)
    filesystem.invalidate_cache()
    try:
        with storage_errors():
            found = filesystem.glob(pattern)
    except OSError as error:
        raise unreachable(pattern, error) from error
    return sorted(str(filesystem.unstrip_protocol(one)) for one in found)


@dataclass(frozen=True)
class RemoteStore(Store):
    """A product on object storage."""

    #: URL of the folder that holds ``manifest.safe``; through ``zip://`` where it is in an archive.
    root: str
    #: Name of the product's folder.
    folder: str
    #: From `encode_options`.
    options: str = field(default="{}", repr=False)

    @property
    def name(self) -> str:
        """Name of the product's folder."""
        return self.folder

    def where(self, path: str) -> str:
        """Say where a file is, for messages."""
        inside, chained, archive = self.root.partition("::")
        if not chained:
            return f"{self.root}/{path}"
        prefix = inside.partition("://")[2]
        return "/".join(part for part in (archive, prefix, path) if part)

    def size(self, path: str) -> int | None:
        """Size of a file in bytes, by one listing of the product; None where it is absent."""
        try:
            sizes = _sizes(self.root, self.options)
        except OSError as error:
            raise unreachable(self.where(path), error) from error
        return sizes.get(str(PurePosixPath(path)))

    def read(self, path: str, most: int) -> bytes:
        """Read a small file."""
        size = self.size(path)
        if size is not None and size > most:
            raise ProductError(
                f"{self.where(path)} has {size} bytes, and such a file has at most {most}: it is "
                "not read. Upload the product again."
            )
        filesystem, root = open_filesystem(self.root, self.options)
        try:
            with storage_errors():
                return bytes(filesystem.cat_file(_join(root, path)))
        except (zipfile.BadZipFile, zlib.error, EOFError) as error:
            raise ProductError(
                f"{self.where(path)} is damaged ({error}). Upload the archive again."
            ) from error
        except (OSError, KeyError) as error:
            raise unreachable(self.where(path), error) from error

    def buffer(self, path: str, most: int) -> Bytes:
        """Fetch a large file whole."""
        return np.frombuffer(self.read(path, most), np.uint8)

    def gdal_path(self, path: str) -> str:
        """Refuse: GDAL has its own way to credentials, which are not passed on."""
        raise ProductError(
            f"{self.where(path)} would be read by GDAL, which is not done over the network. "
            "Download the product, or read it with reader='direct'."
        )


@lru_cache(maxsize=4)
def _sizes(root: str, options: str) -> dict[str, int]:
    filesystem, path = open_filesystem(root, options)
    with storage_errors():
        found = filesystem.find(path, detail=True)
    start = len(path.rstrip("/")) + 1 if path else 0
    return {name[start:]: int(info["size"]) for name, info in found.items()}


def _join(root: str, path: str) -> str:
    return "/".join(
        part for part in (root.rstrip("/"), str(PurePosixPath(path))) if part
    )


def open_remote_stores(url: str, options: str) -> list[RemoteStore]:
    """Find the files of the products at a URL."""
    url = url.rstrip("/")
    if url.lower().endswith("/" + MANIFEST):
        url = url.rpartition("/")[0]
    filesystem, path = open_filesystem(url, options)
    try:
        with storage_errors():
            filesystem.invalidate_cache()  # a product may have come since the last listing
            _sizes.cache_clear()
            archived = path.lower().endswith(_ARCHIVE) and filesystem.isfile(path)
        folders = manifests(_sizes(f"zip://::{url}" if archived else url, options))
    except zipfile.BadZipFile as error:
        raise ProductError(
            f"{url} is not a whole zip archive ({error}). Upload it again."
        ) from error
    except OSError as error:
        raise unreachable(url, error) from error
    if not archived:  # what lies deeper belongs to other places
        folders = [folder for folder in folders if folder.count("/") <= 1]
    if not folders:
        raise ProductError(
            f"{url} has no {MANIFEST}: it does not exist, or is not a Sentinel-1 product. Give "
            "the folder whose name ends in .SAFE, or its zip archive."
        )
    return [_store(url, folder.rstrip("/"), archived, options) for folder in folders]


def _store(url: str, folder: str, archived: bool, options: str) -> RemoteStore:
    root = f"zip://{folder}::{url}" if archived else f"{url}/{folder}".rstrip("/")
    name = folder.rpartition("/")[2] or url.rpartition("/")[2]
    return RemoteStore(root, name.removesuffix(_ARCHIVE), options)
