"""The files of a product as a catalogue lists them, each where it lies."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from xoceansar._paths import is_url
from xoceansar.errors import ProductError
from xoceansar.io.containers import MANIFEST, Bytes, DirectoryStore, Store
from xoceansar.io.stac.access import Access
from xoceansar.io.stac.file_cache import cached
from xoceansar.io.stac.transfer import MemorySink, RemoteFile, fetch

__all__ = ["AssetStore"]

_SAFE = ".SAFE"


@dataclass(frozen=True)
class AssetStore(Store):
    """Files of a product that a catalogue lists: in a mirror, on object storage or at a web address."""

    #: Name of the product's folder.
    folder: str
    files: tuple[RemoteFile, ...]
    access: Access

    @property
    def name(self) -> str:
        """Name of the product's folder."""
        return self.folder

    def where(self, path: str) -> str:
        """Say where a file is, for messages."""
        file = self._find(path)
        if file is not None:
            return file.where
        for one in self.files:
            base, there, _ = one.where.rpartition(_SAFE)
            if there:
                return f"{base}{there}/{path}"
        return f"{self.folder}/{path}"

    def size(self, path: str) -> int | None:
        """Size of a file as it is listed, or 0 where that is not said; None where none is listed."""
        file = self._find(path)
        if file is None:
            return None
        for local in self._folders(file):
            size = _store(local).size(os.path.basename(local))
            if size is not None:
                return size
        return max(file.size, 0) if any(map(is_url, file.hrefs)) else None

    def read(self, path: str, most: int) -> bytes:
        """Read a small file."""
        return self.buffer(path, most).tobytes()

    def buffer(self, path: str, most: int) -> Bytes:
        """Map a file that is on this machine, or fetch it whole."""
        file = self._find(path)
        if file is None:
            raise ProductError(f"{self.where(path)} is not listed. Search again.")
        if file.size > most:
            raise ProductError(
                f"{file.where} has {file.size} bytes, and such a file has at most {most}: it is not read."
            )
        local = self._local(file)
        if local is not None:
            return _store(local).buffer(os.path.basename(local), most)
        remote = replace(file, hrefs=tuple(filter(is_url, file.hrefs)))
        if not remote.hrefs:
            raise ProductError(
                f"{file.where} does not exist. Check the path, or give root=..."
            )
        if self.access.cache:
            return cached(remote, self.access, most)
        sink = MemorySink()
        fetch(remote, self.access, sink, most)
        return np.frombuffer(sink.data, np.uint8)

    def gdal_path(self, path: str) -> str:
        """Name of a file for GDAL, where it is on this machine."""
        file = self._find(path)
        local = None if file is None else self._local(file)
        if local is None:
            raise ProductError(
                f"{self.where(path)} would be read by GDAL, which is not done over the network. "
                "Download the vignettes, and give root=..., or read them with reader='direct'."
            )
        return local

    def part(self, paths: Iterable[str]) -> "AssetStore":
        """Keep some files alone."""
        wanted = {*paths, MANIFEST}
        return replace(self, files=tuple(f for f in self.files if f.path in wanted))

    def _find(self, path: str) -> RemoteFile | None:
        return next((one for one in self.files if one.path == path), None)

    def _folders(self, file: RemoteFile) -> Iterator[str]:
        """Where a file may lie on this machine."""
        if self.access.root:
            for below in file.below_root:
                yield os.path.join(self.access.root, below)
        yield from (href for href in file.hrefs if not is_url(href))

    def _local(self, file: RemoteFile) -> str | None:
        """Where a file lies on this machine; what is cut short there is none."""
        for local in self._folders(file):
            size = _store(local).size(os.path.basename(local))
            if size is not None and size == (file.size if file.size >= 0 else size):
                return local
        return None


def _store(path: str) -> DirectoryStore:
    return DirectoryStore(os.path.dirname(path))
