"""Files of a product, in a folder or in a zip archive that is read in place.

Stores are frozen and small: a task carries one to wherever it runs and holds no open file.
"""

import hashlib
import mmap
import os
import struct
import zipfile
import zlib
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import ClassVar, Final

import numpy as np
import numpy.typing as npt

from xoceansar._paths import check_regular, local_path, read_regular
from xoceansar.errors import ProductError

MANIFEST: Final = "manifest.safe"
#: Where a tar archive says that it is one.
_USTAR: Final = slice(257, 262)

Bytes = npt.NDArray[np.uint8]


class Store(ABC):
    """The files of a product, by their paths relative to the manifest."""

    #: Whether something in a product says what its files should be.
    has_checksums: ClassVar[bool] = True

    @property
    def listing(self) -> str:
        """What lists the files of the product, and tells it from every other."""
        return MANIFEST

    @property
    @abstractmethod
    def name(self) -> str:
        """Name of the product's folder."""

    @abstractmethod
    def where(self, path: str) -> str:
        """Say where a file is, for messages."""

    @abstractmethod
    def size(self, path: str) -> int | None:
        """Find the size of a file without reading it."""

    @abstractmethod
    def read(self, path: str, most: int) -> bytes:
        """Read a small file."""

    @abstractmethod
    def buffer(self, path: str, most: int) -> Bytes:
        """Map a large file, or inflate it where it is compressed."""

    @abstractmethod
    def gdal_path(self, path: str) -> str:
        """Name a file as GDAL does."""

    def part(self, paths: Iterable[str]) -> "Store":
        """Keep what reading some files needs, for a task to carry."""
        del paths
        return self


@dataclass(frozen=True)
class DirectoryStore(Store):
    """A product in a folder."""

    #: The folder that holds ``manifest.safe``.
    root: str

    @property
    def name(self) -> str:
        """Name of the product's folder."""
        return Path(self.root).name

    def where(self, path: str) -> str:
        """Say where a file is, for messages."""
        return os.path.join(self.root, path)

    def size(self, path: str) -> int | None:
        """Size of a file in bytes, without reading it; None where it is absent."""
        try:
            return os.stat(self.where(path)).st_size
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:  # links in a circle, a folder that is closed
            raise _unreadable(self.where(path), error) from error

    def read(self, path: str, most: int) -> bytes:
        """Read a small file."""
        return read_regular(self.where(path), most=most, error=ProductError)

    def buffer(self, path: str, most: int) -> Bytes:
        """Map a large file, or inflate it where it is compressed."""
        whole = _map(Path(self.root, path))
        _check_size(whole.size, most, self.where(path))
        return whole

    def gdal_path(self, path: str) -> str:
        """Name of a file for GDAL."""
        return self.where(path)


@dataclass(frozen=True)
class ZipStore(Store):
    """A product in a zip archive."""

    #: Path of the archive.
    archive: str
    #: Folder inside the archive that holds ``manifest.safe``: "" or ending in a slash.
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
        member = zip_members(self.archive).get(self.prefix + path)
        return None if member is None else member.file_size

    def read(self, path: str, most: int) -> bytes:
        """Read a small file."""
        return self.buffer(path, most).tobytes()

    def buffer(self, path: str, most: int) -> Bytes:
        """Map a large file, or inflate it where it is compressed."""
        member = zip_members(self.archive).get(self.prefix + path)
        if member is None:
            raise ProductError(f"{self.where(path)} is missing from the archive.")
        _check_size(member.file_size, most, self.where(path))
        data = _map(Path(self.archive))[member.header_offset :]
        return member_content(data, member, self.where(path), self.archive)

    def gdal_path(self, path: str) -> str:
        """Name of a file for GDAL."""
        return f"/vsizip/{self.where(path)}"


def member_content(
    data: Bytes, member: zipfile.ZipInfo, where: str, archive: str
) -> Bytes:
    """Give what a member of an archive holds, of its bytes from its local header on."""
    if member.flag_bits & 1:
        raise ProductError(f"{where} is encrypted. Unzip the product first.")
    # Local header: 30 bytes, of which the last four are the lengths of the name and of the
    # extra field, which may differ from those of the central directory (APPNOTE 4.3.7).
    header = data[:30].tobytes()
    if len(header) < 30 or header[:4] != b"PK\x03\x04":
        raise _cut_short(archive)
    start = 30 + sum(struct.unpack("<HH", header[26:]))
    content = data[start : start + member.compress_size]
    if content.size < member.compress_size:
        raise _cut_short(archive)
    if member.compress_type == zipfile.ZIP_DEFLATED:
        content = _inflate(content, member, where)
    elif member.compress_type != zipfile.ZIP_STORED:
        raise ProductError(
            f"{where} is compressed by a method other than deflate. "
            "Unzip the product first."
        )
    if content.size != member.file_size or zlib.crc32(content.data) != member.CRC:
        raise ProductError(f"{where} is damaged. Download the archive again.")
    return content


def open_stores(path: str) -> list[Store]:
    """Find the files of the products at a path."""
    target = local_path(path)
    if target.name.lower() == MANIFEST:
        target = target.parent
    if not os.path.isdir(target):
        check_regular(target, error=ProductError)
        archive = os.path.realpath(target)
        found = manifests(zip_members(archive))
        if not found:
            raise ProductError(
                f"{archive} holds no {MANIFEST}: it is not a Sentinel-1 product."
            )
        return [ZipStore(archive, prefix) for prefix in found]
    root = os.path.realpath(target)
    try:
        inside = sorted(os.listdir(root))
    except OSError as error:
        raise _unreadable(root, error) from error
    folders = [root, *(os.path.join(root, name) for name in inside)]
    products = [one for one in folders if os.path.isfile(os.path.join(one, MANIFEST))]
    if not products:
        raise ProductError(
            f"{target} has no {MANIFEST}: it is not a Sentinel-1 product, or not all of one. "
            "Give the folder whose name ends in .SAFE."
        )
    return [DirectoryStore(folder) for folder in products]


def manifests(paths: Iterable[str]) -> list[str]:
    """Find products among the paths of an archive."""
    return sorted(
        path[: -len(MANIFEST)] for path in paths if path.split("/")[-1] == MANIFEST
    )


def check_md5(data: bytes | memoryview, md5: str | None, where: str) -> None:
    """Hold a file to the checksum that the manifest has of it."""
    if md5 is None:
        return
    found = hashlib.md5(data, usedforsecurity=False).hexdigest()
    if found != md5.lower():
        raise ProductError(
            f"{where} is damaged or was changed: its MD5 is {found}, and the manifest says "
            f"{md5}. Download the product again."
        )


def zip_members(archive: str) -> dict[str, zipfile.ZipInfo]:
    """List a zip archive."""
    status = check_regular(archive, error=ProductError)
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
    # the central directory is anybody's bytes, and the module checks few of them
    except (zipfile.BadZipFile, NotImplementedError, ValueError, struct.error,
            OverflowError, OSError) as error:  # fmt: skip
        if _is_tar(archive):
            raise ProductError(
                f"{archive} is a tar archive, which is not read in place. Unpack it (tar -xf), "
                "and give the .SAFE folders."
            ) from error
        raise ProductError(
            f"{archive} is not a whole zip archive ({error}). Download it again, or give "
            "the product's .SAFE folder."
        ) from error


def _is_tar(archive: str) -> bool:
    if ".tar" in Path(archive).name.lower() or archive.lower().endswith(".tgz"):
        return True
    with open(archive, "rb") as file:
        return file.read(_USTAR.stop)[_USTAR] == b"ustar"


def _map(path: Path) -> Bytes:
    check_regular(path, error=ProductError)
    try:
        with path.open("rb") as file:
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except ValueError as error:  # mmap of an empty file
        raise ProductError(f"{path} is empty. Download the product again.") from error
    except OSError as error:
        raise _unreadable(str(path), error) from error
    return np.frombuffer(mapped, np.uint8)


def _inflate(data: Bytes, member: zipfile.ZipInfo, where: str) -> Bytes:
    stream = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        # no more than the size announced, whatever there is
        plain = stream.decompress(data.data, member.file_size or 1)
    except zlib.error as error:
        raise ProductError(
            f"{where} does not decompress ({error}). Download the archive again."
        ) from error
    return np.frombuffer(plain, np.uint8)


def _check_size(size: int, most: int, where: str) -> None:
    if size > most:
        raise ProductError(
            f"{where} has {size} bytes, and such a file has at most {most}: it is not read. "
            "Download the product again."
        )


def _cut_short(archive: str) -> ProductError:
    return ProductError(f"{archive} is cut short. Download it again.")


def _unreadable(where: str, error: OSError) -> ProductError:
    reason = error.strerror or type(error).__name__
    return ProductError(f"{where} cannot be read ({reason}). Restore the file.")
