"""Products on object storage (``s3://...`` and what else fsspec reaches), folder or zip archive."""

import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import PurePosixPath
from typing import Any, Final

import numpy as np

from xoceansar._optional import require
from xoceansar._paths import is_url
from xoceansar.errors import OceansarError, ProductError
from xoceansar.io.store import MANIFEST, Bytes, Store

__all__ = [
    "StorageOptions",
    "encode_options",
    "glob_url",
    "is_url",
    "open_filesystem",
    "open_remote_store",
]

#: Keyword arguments of an fsspec file system: credentials, an endpoint.
StorageOptions = Mapping[str, Any]

_ARCHIVE: Final = ".zip"


def encode_options(options: StorageOptions | None) -> str:
    """Write storage options as text, so that whoever carries them is hashable.

    Parameters
    ----------
    options : mapping, optional
        As the caller gave them.

    Returns
    -------
    str
        JSON.

    Raises
    ------
    OceansarError
        If a value is no plain one, and could not travel to a worker.
    """
    try:
        return json.dumps(dict(options or {}), sort_keys=True)
    except TypeError as error:
        raise OceansarError(
            f"storage_options holds a value that is no text, number or mapping of them "
            f"({error}). Give credentials as text, or by the environment."
        ) from error


@lru_cache(maxsize=16)
def open_filesystem(url: str, options: str) -> tuple[Any, str]:
    """Open the file system of a URL.

    Parameters
    ----------
    url : str
        ``s3://bucket/key``, or chained, ``zip://folder::s3://bucket/key.zip``.
    options : str
        From `encode_options`; for the innermost of chained file systems.

    Returns
    -------
    filesystem : fsspec.AbstractFileSystem
        The same object for the same arguments, in each process.
    path : str
        The URL's path in it.

    Raises
    ------
    MissingDependencyError
        If fsspec, or what it needs for this protocol, is not installed.
    """
    core = require("fsspec.core", extra="archive")
    protocol = url.rpartition("::")[2].partition("://")[0]
    try:
        filesystem, path = core.url_to_fs(url, **{protocol: json.loads(options)})
    except ImportError:
        # fsspec says which package; `require` says how to install it here
        require({"s3": "s3fs", "gs": "gcsfs", "gcs": "gcsfs"}.get(protocol, "adlfs"),
                extra="archive")  # fmt: skip
        raise
    except ValueError as error:
        raise ProductError(
            f"{url} cannot be opened: {error}. Give a local path, or a URL such as "
            "s3://bucket/S1A_WV_SLC__....SAFE."
        ) from error
    return filesystem, str(path)


def glob_url(pattern: str, options: str) -> list[str]:
    """Find the URLs that match a pattern.

    Parameters
    ----------
    pattern : str
        URL with ``*``, ``?`` or ``[``.
    options : str
        From `encode_options`.

    Returns
    -------
    list of str
        URLs in alphabetical order.
    """
    filesystem, path = open_filesystem(pattern.partition("*")[0], options)
    del path
    filesystem.invalidate_cache()
    found = filesystem.glob(pattern)
    return sorted(str(filesystem.unstrip_protocol(one)) for one in found)


@dataclass(frozen=True)
class RemoteStore(Store):
    """A product on object storage.

    Parameters
    ----------
    root : str
        URL of the folder that holds ``manifest.safe``; through ``zip://`` where it is in an
        archive.
    folder : str
        Name of the product's folder.
    options : str
        From `encode_options`.
    """

    root: str
    folder: str
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
        return _sizes(self.root, self.options).get(str(PurePosixPath(path)))

    def read(self, path: str) -> bytes:
        """Read a small file."""
        filesystem, root = open_filesystem(self.root, self.options)
        try:
            return bytes(filesystem.cat_file(_join(root, path)))
        except (OSError, KeyError) as error:
            reason = getattr(error, "strerror", None) or type(error).__name__
            raise ProductError(
                f"{self.where(path)} cannot be read ({reason}). Restore the file, or check the "
                "credentials and the network."
            ) from error

    def buffer(self, path: str) -> Bytes:
        """Fetch a large file whole."""
        return np.frombuffer(self.read(path), np.uint8)

    def gdal_path(self, path: str) -> str:
        """Refuse: GDAL has its own way to credentials, which are not passed on."""
        raise ProductError(
            f"{self.where(path)} would be read by GDAL, which is not done over the network. "
            "Download the product, or read it with reader='direct'."
        )


@lru_cache(maxsize=4)
def _sizes(root: str, options: str) -> dict[str, int]:
    filesystem, path = open_filesystem(root, options)
    found = filesystem.find(path, detail=True)
    start = len(path.rstrip("/")) + 1 if path else 0
    return {name[start:]: int(info["size"]) for name, info in found.items()}


def _join(root: str, path: str) -> str:
    return "/".join(
        part for part in (root.rstrip("/"), str(PurePosixPath(path))) if part
    )


def open_remote_store(url: str, options: str) -> RemoteStore:
    """Find the files of a product on object storage.

    Parameters
    ----------
    url : str
        URL of a product's folder, of its ``manifest.safe`` or of a zip archive of it.
    options : str
        From `encode_options`.

    Returns
    -------
    RemoteStore
        The files.

    Raises
    ------
    ProductError
        If there is no manifest, or no such object.
    """
    url = url.rstrip("/")
    if url.lower().endswith("/" + MANIFEST):
        url = url.rpartition("/")[0]
    filesystem, path = open_filesystem(url, options)
    try:
        filesystem.invalidate_cache()  # a product may have come since the last listing
        _sizes.cache_clear()
        archived = path.lower().endswith(_ARCHIVE) and filesystem.isfile(path)
        root = f"zip://{_prefix(url, options)}::{url}" if archived else url
        known = MANIFEST in _sizes(root, options)
    except OSError as error:
        reason = error.strerror or str(error) or type(error).__name__
        raise ProductError(
            f"{url} cannot be listed ({reason}). Check the URL and the credentials."
        ) from error
    if not known:
        raise ProductError(
            f"{url} has no {MANIFEST}: it does not exist, or is not a Sentinel-1 product. Give "
            "the folder whose name ends in .SAFE, or its zip archive."
        )
    inside = root.partition("::")[0].partition("://")[2].rstrip("/") if archived else ""
    name = inside.rpartition("/")[2] or url.rpartition("/")[2]
    return RemoteStore(root, name.removesuffix(_ARCHIVE), options)


def _prefix(url: str, options: str) -> str:
    """Folder inside an archive that holds the manifest."""
    try:
        found = sorted(_sizes(f"zip://::{url}", options), key=len)
    except zipfile.BadZipFile as error:
        raise ProductError(
            f"{url} is not a whole zip archive ({error}). Upload it again."
        ) from error
    for name in found:
        if name.split("/")[-1] == MANIFEST:
            return name[: -len(MANIFEST)].rstrip("/")
    raise ProductError(f"{url} holds no {MANIFEST}: it is not a Sentinel-1 product.")
