"""A zip archive of a Zarr product at a URL, read in place: its directory, and each member that is asked for alone."""

import asyncio
import zipfile
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, Final

import numpy as np
from fsspec.asyn import AsyncFileSystem

from xoceansar.errors import ProductError
from xoceansar.io.containers import member_content
from xoceansar.io.remote import open_filesystem, storage_errors, unreachable

__all__ = ["ROOT", "RemoteArchive", "archive_at", "forget_archives"]

#: The archive as a folder: Zarr does not list one without a name.
ROOT: Final = "archive"
#: Bytes that a member may have: those of the format have 0.13 GB, uncompressed.
_MOST: Final = 1 << 30
#: Members up to so many bytes are kept, and how many: axes and metadata are asked for again.
_SMALL: Final = 1 << 15
_KEPT: Final = 1024
#: Bytes that are fetched at a time of the directory of an archive.
_BLOCK: Final = 1 << 20


class RemoteArchive(AsyncFileSystem):  # type: ignore[misc]  # fsspec has no types
    """The members of an archive at a URL; each costs one request, of its own bytes.

    Parameters
    ----------
    url, options : str
        Where it is, and from `xoceansar.io.remote.encode_options`.
    """

    cachable = False

    def __init__(self, url: str, options: str) -> None:
        super().__init__(asynchronous=True)
        self._url = url
        self._filesystem, self._path = open_filesystem(url, options)
        with _explained(url), self._filesystem.open(
            self._path, "rb", block_size=_BLOCK, cache_type="readahead"
        ) as file:  # fmt: skip
            _require_parts(file, url)
            with zipfile.ZipFile(file) as archive:
                members = archive.infolist()
                end: int = archive.start_dir
        self._members = {m.filename.removeprefix("./"): m for m in members if not m.is_dir()}  # fmt: skip
        self._offsets = sorted({*(m.header_offset for m in members), end})
        self._kept = lru_cache(_KEPT)(self._content)
        self._folders: dict[str, dict[str, None]] = {"": {}}
        for name in self._members:
            while name:
                folder = name.rpartition("/")[0]
                known = folder in self._folders
                self._folders.setdefault(folder, {})[name] = None
                if known:
                    break
                name = folder

    @property
    def names(self) -> list[str]:
        """Names of all members."""
        return list(self._members)

    async def _info(self, path: str, **_: Any) -> dict[str, Any]:
        name = _inside(path)
        if name in self._members:
            size = self._members[name].file_size
            return {"name": path, "size": size, "type": "file"}
        if name in self._folders:
            return {"name": path, "size": 0, "type": "directory"}
        raise FileNotFoundError(path)

    async def _ls(self, path: str, detail: bool = True, **_: Any) -> list[Any]:
        inside = self._folders.get(_inside(path))
        if inside is None:
            raise FileNotFoundError(path)
        found = [f"{ROOT}/{name}" for name in inside]
        return [await self._info(name) for name in found] if detail else found

    async def _cat_file(
        self, path: str, start: int | None = None, end: int | None = None, **_: Any
    ) -> bytes:
        """Read a member, which its checksum is of as a whole, and give a part of it."""
        member = self._members.get(_inside(path))
        if member is None:
            raise FileNotFoundError(path)
        reader = self._kept if member.file_size <= _SMALL else self._content
        content = await asyncio.to_thread(reader, member)
        return content[start:end]

    def _content(self, member: zipfile.ZipInfo) -> bytes:
        where = f"{self._url}/{member.filename}"
        first = member.header_offset
        # where the next one begins, for what comes before the data has no size in the directory
        place = bisect_right(self._offsets, first)
        stop = self._offsets[min(place, len(self._offsets) - 1)]
        if max(stop - first, member.file_size) > _MOST:
            raise ProductError(
                f"{where} has {max(stop - first, member.file_size)} bytes, and such a file has at most {_MOST}: it is "
                "not read. Upload the archive again."
            )
        with _explained(where):
            data = self._filesystem.cat_file(self._path, start=first, end=stop)
        return member_content(np.frombuffer(data, np.uint8), member, where, self._url).tobytes()  # fmt: skip


@contextmanager
def _explained(where: str) -> Iterator[None]:
    """Say what of an archive cannot be read, and why."""
    try:
        with storage_errors():
            yield
    except (zipfile.BadZipFile, NotImplementedError, EOFError) as error:
        raise ProductError(
            f"{where} is not a whole zip archive ({error}). Upload it again."
        ) from error
    except OSError as error:
        raise unreachable(where, error) from error


def _require_parts(file: Any, url: str) -> None:
    """Refuse a server that sends files whole, which fsspec knows once a part is asked for."""
    try:
        file.seek(-1, 2)
        file.read(1)
    except ValueError as error:
        raise ProductError(
            f"{url}: the server sends files whole (it knows no byte ranges), and of an archive at a URL parts are "
            "read. Download it, and give its path, or give the URL of the folder (.zarr)."
        ) from error


def _inside(path: str) -> str:
    """Name of a member, or of a folder of members."""
    return path.strip("/").removeprefix(ROOT).strip("/")


@lru_cache(maxsize=8)
def archive_at(url: str, options: str) -> RemoteArchive:
    """Open an archive; its directory is read, and no member."""
    return RemoteArchive(url, options)


def forget_archives() -> None:
    """Forget what was opened: at a URL another archive may have come since."""
    archive_at.cache_clear()
