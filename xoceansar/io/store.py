"""Files of a product, in a folder or in a zip archive that is read in place.

Stores are frozen and small: a task carries one to wherever it runs and holds no open file.
"""

import mmap
import struct
import zipfile
import zlib
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from xoceansar.errors import ProductError

__all__ = ["Store", "open_store"]

MANIFEST: Final = "manifest.safe"

Bytes = npt.NDArray[np.uint8]


class Store(ABC):
    """The files of a product, by their paths relative to the manifest."""

    @property
    @abstractmethod
    def name(self) -> str:
        """Name of the product's folder."""

    @abstractmethod
    def where(self, path: str) -> str:
        """Say where a file is, for messages.

        Parameters
        ----------
        path : str
            Path in the product.

        Returns
        -------
        str
            Path in the file system, through the archive where there is one.
        """

    @abstractmethod
    def size(self, path: str) -> int | None:
        """Find the size of a file without reading it.

        Parameters
        ----------
        path : str
            Path in the product.

        Returns
        -------
        int or None
            Bytes; None where the file is absent.
        """

    @abstractmethod
    def read(self, path: str) -> bytes:
        """Read a small file.

        Parameters
        ----------
        path : str
            Path in the product.

        Returns
        -------
        bytes
            Its content.

        Raises
        ------
        ProductError
            If it is absent or damaged.
        """

    @abstractmethod
    def buffer(self, path: str) -> Bytes:
        """Map a large file, or inflate it where it is compressed.

        Parameters
        ----------
        path : str
            Path in the product.

        Returns
        -------
        ndarray of uint8
            Its content.

        Raises
        ------
        ProductError
            If it is absent or damaged.
        """

    @abstractmethod
    def gdal_path(self, path: str) -> str:
        """Name a file as GDAL does.

        Parameters
        ----------
        path : str
            Path in the product.

        Returns
        -------
        str
            A path, in ``/vsizip/`` where the product is in an archive.
        """


@dataclass(frozen=True)
class DirectoryStore(Store):
    """A product in a folder.

    Parameters
    ----------
    root : str
        The folder that holds ``manifest.safe``.
    """

    root: str

    @property
    def name(self) -> str:
        """Name of the product's folder."""
        return Path(self.root).name

    def where(self, path: str) -> str:
        """Say where a file is, for messages."""
        return str(Path(self.root, path))

    def size(self, path: str) -> int | None:
        """Size of a file in bytes, without reading it; None where it is absent."""
        try:
            return Path(self.root, path).stat().st_size
        except (FileNotFoundError, NotADirectoryError):
            return None

    def read(self, path: str) -> bytes:
        """Read a small file."""
        try:
            return Path(self.root, path).read_bytes()
        except OSError as error:
            raise _unreadable(self.where(path), error) from error

    def buffer(self, path: str) -> Bytes:
        """Map a large file, or inflate it where it is compressed."""
        return _map(Path(self.root, path))

    def gdal_path(self, path: str) -> str:
        """Name of a file for GDAL."""
        return self.where(path)


@dataclass(frozen=True)
class ZipStore(Store):
    """A product in a zip archive.

    Parameters
    ----------
    archive : str
        Path of the archive.
    prefix : str
        Folder inside the archive that holds ``manifest.safe``: "" or ending in a slash.
    """

    archive: str
    prefix: str

    @property
    def name(self) -> str:
        """Name of the product's folder."""
        return self.prefix.rstrip("/").rpartition("/")[2] or Path(self.archive).stem

    def where(self, path: str) -> str:
        """Say where a file is, for messages."""
        return f"{self.archive}/{self.prefix}{path}"

    def size(self, path: str) -> int | None:
        """Size of a file in bytes, without reading it; None where it is absent."""
        member = _members(self.archive).get(self.prefix + path)
        return None if member is None else member.file_size

    def read(self, path: str) -> bytes:
        """Read a small file."""
        return self.buffer(path).tobytes()

    def buffer(self, path: str) -> Bytes:
        """Map a large file, or inflate it where it is compressed."""
        member = _members(self.archive).get(self.prefix + path)
        if member is None:
            raise ProductError(f"{self.where(path)} is missing from the archive.")
        whole = _map(Path(self.archive))
        # Local header: 30 bytes, of which the last four are the lengths of the name and of the
        # extra field, which may differ from those of the central directory (APPNOTE 4.3.7).
        header = whole[member.header_offset : member.header_offset + 30].tobytes()
        if len(header) < 30 or header[:4] != b"PK\x03\x04":
            raise _cut_short(self.archive)
        start = member.header_offset + 30 + sum(struct.unpack("<HH", header[26:]))
        data = whole[start : start + member.compress_size]
        if data.size < member.compress_size:
            raise _cut_short(self.archive)
        if member.compress_type == zipfile.ZIP_STORED:
            return data
        if member.compress_type != zipfile.ZIP_DEFLATED:
            raise ProductError(
                f"{self.where(path)} is compressed by a method other than deflate. "
                "Unzip the product first."
            )
        return _inflate(data, member, self.where(path))

    def gdal_path(self, path: str) -> str:
        """Name of a file for GDAL."""
        return f"/vsizip/{self.where(path)}"


def open_store(path: str) -> Store:
    """Find the files of a product.

    Parameters
    ----------
    path : str
        A product's folder, its ``manifest.safe`` or a zip archive of it.

    Returns
    -------
    Store
        The files.

    Raises
    ------
    ProductError
        If there is no manifest, or the archive is cut short or no archive.
    """
    target = Path(path).expanduser()
    if target.name.lower() == MANIFEST:
        target = target.parent
    if target.is_dir():
        if not (target / MANIFEST).is_file():
            raise ProductError(
                f"{target} has no {MANIFEST}: it is not a Sentinel-1 product, or not all "
                "of one. Give the folder whose name ends in .SAFE."
            )
        return DirectoryStore(str(target.resolve()))
    if not target.exists():
        raise ProductError(f"{target} does not exist. Check the path.")
    archive = str(target.resolve())
    found = sorted(
        (name for name in _members(archive) if name.split("/")[-1] == MANIFEST),
        key=len,
    )
    if not found:
        raise ProductError(
            f"{archive} holds no {MANIFEST}: it is not a Sentinel-1 product."
        )
    return ZipStore(archive, found[0][: -len(MANIFEST)])


def _members(archive: str) -> dict[str, zipfile.ZipInfo]:
    try:
        status = Path(archive).stat()
    except OSError as error:
        raise _unreadable(archive, error) from error
    return _central_directory(archive, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=8)
def _central_directory(
    archive: str, modified: int, size: int
) -> dict[str, zipfile.ZipInfo]:
    # The time and size only tell one state of the file from the next.
    del modified, size
    try:
        with zipfile.ZipFile(archive) as file:
            return {info.filename.removeprefix("./"): info for info in file.infolist()}
    except zipfile.BadZipFile as error:
        raise ProductError(
            f"{archive} is not a whole zip archive ({error}). Download it again, or give "
            "the product's .SAFE folder."
        ) from error


def _map(path: Path) -> Bytes:
    try:
        with path.open("rb") as file:
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except ValueError as error:  # mmap of an empty file
        raise ProductError(f"{path} is empty. Download the product again.") from error
    except OSError as error:
        raise _unreadable(str(path), error) from error
    return np.frombuffer(mapped, np.uint8)


def _inflate(data: Bytes, member: zipfile.ZipInfo, where: str) -> Bytes:
    try:
        plain = zlib.decompress(
            memoryview(data),  # type: ignore[arg-type]  # numpy arrays are buffers
            -zlib.MAX_WBITS,
            member.file_size or 1,
        )
    except zlib.error as error:
        raise ProductError(
            f"{where} does not decompress ({error}). Download the archive again."
        ) from error
    if len(plain) != member.file_size or zlib.crc32(plain) != member.CRC:
        raise ProductError(f"{where} is damaged. Download the archive again.")
    return np.frombuffer(plain, np.uint8)


def _cut_short(archive: str) -> ProductError:
    return ProductError(f"{archive} is cut short. Download it again.")


def _unreadable(where: str, error: OSError) -> ProductError:
    reason = error.strerror or type(error).__name__
    return ProductError(f"{where} cannot be read ({reason}). Restore the file.")
