"""An EOPF product as Zarr groups: in a folder, or in a zip archive read in place, here or at a URL."""

import json
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

import numpy as np
import numpy.typing as npt

from xoceansar._paths import is_url, local_path, strange_part
from xoceansar.errors import OceansarError, ProductError
from xoceansar.io.containers import Bytes, Store, zip_members
from xoceansar.io.remote import storage_errors, with_limits

if TYPE_CHECKING:
    import zarr

__all__ = ["ROOTS", "EopfStore", "archive_root", "forget_roots"]

#: What the root of a Zarr store has, of format 3 or 2.
ROOTS: Final = ("zarr.json", ".zgroup")
#: Where the attributes of a group are, of format 3 or 2.
_ATTRIBUTES: Final = ("zarr.json", ".zattrs")
#: Values that an array, or a chunk of it, may have: four times those of an image.
_MOST_VALUES: Final = 100_000_000
#: How arrays are stored. Others, such as pickles, could do anything when they are read.
_CODECS: Final = frozenset(
    {"bytes", "blosc", "zstd", "gzip", "zlib", "lz4", "crc32c", "transpose", "sharding_indexed"}
)  # fmt: skip
_AGAIN: Final = "Download the product again."


@dataclass(frozen=True)
class EopfStore(Store):
    """The groups and arrays of an EOPF product, by their paths.

    Parameters
    ----------
    place : str
        Folder, archive or URL of the product.
    prefix : str
        Where it begins inside an archive: "" or ending in a slash.
    options : str
        From `xoceansar.io.remote.encode_options`.
    """

    has_checksums: ClassVar[bool] = False

    place: str
    prefix: str = ""
    options: str = field(default="{}", repr=False)

    @property
    def name(self) -> str:
        """Name of the product's folder."""
        inside = self.prefix.rstrip("/").rpartition("/")[2]
        return inside or self.place.rstrip("/").rpartition("/")[2].removesuffix(".zip")

    @property
    def listing(self) -> str:
        """Metadata of the root, which tells the product from every other."""
        return _ATTRIBUTES[0] if self.group().metadata.zarr_format == 3 else _ATTRIBUTES[1]  # fmt: skip

    def where(self, path: str) -> str:
        """Say where something is, for messages."""
        return "/".join([self.place.rstrip("/"), self.prefix + path]).rstrip("/")

    def size(self, path: str) -> int | None:
        """Size of an array, 0 of a group; None where there is none."""
        try:
            node = self._node(path)
        except KeyError:
            return None
        return int(getattr(node, "nbytes", 0))

    def read(self, path: str, most: int) -> bytes:
        """Read an object of the store, such as the metadata of a group."""
        from zarr.core.buffer import default_buffer_prototype
        from zarr.core.sync import sync

        with self._explained(path):
            place = self.group().store_path / path
            content = sync(place.get(default_buffer_prototype()))
            if content is None:
                raise ProductError(f"{self.where(path)} is missing. {_AGAIN}")
            data: bytes = content.to_bytes()
            return data

    def buffer(self, path: str, most: int) -> Bytes:
        """Read an object of the store."""
        return np.frombuffer(self.read(path, most), np.uint8)

    def gdal_path(self, path: str) -> str:
        """Refuse: what is in chunks is no file for GDAL."""
        raise ProductError(f"{self.where(path)} is an array of chunks, not a file.")

    def group(self, path: str = "") -> "zarr.Group":
        """Open the root, or a group below it."""
        import zarr

        with self._explained(path):
            try:
                node = self._node(path)
            except KeyError:
                raise ProductError(f"{self.where(path)} is missing. {_AGAIN}") from None
            if not isinstance(node, zarr.Group):
                raise ProductError(f"{self.where(path)} is no group. {_AGAIN}")
            return node

    def members(self, path: str = "") -> list[str]:
        """List the groups in a group."""
        with self._explained(path):
            return sorted(self.group(path).group_keys())

    def attributes(self, path: str = "") -> dict[str, Any]:
        """Read the attributes of a group."""
        return dict(self.group(path).attrs)

    def array(self, path: str) -> "zarr.Array[Any]":
        """Open an array; nothing of it is read."""
        import zarr

        with self._explained(path):
            try:
                node = self._node(path)
            except KeyError:
                raise ProductError(f"{self.where(path)} is missing. {_AGAIN}") from None
            if not isinstance(node, zarr.Array):
                raise ProductError(f"{self.where(path)} is no array. {_AGAIN}")
            self._check(node, path)
            return node

    def values(self, path: str, *, whole: bool = False) -> npt.NDArray[Any]:
        """Read an array.

        With `whole`, of an array whose chunks are never all fill values: one that is not there was lost.
        """
        array = self.array(path)
        with self._explained(path):
            if whole:
                self._check_chunks(array, path)
            return np.asarray(array[...])

    def has_chunks(self, path: str) -> bool:
        """Say whether any chunk of an array is there: of one with fill values alone none may be."""
        array = self.array(path)
        with self._explained(path):
            return any(
                self._has_chunk(array, index)
                for index in np.ndindex(*array.cdata_shape)
            )

    def times(self, path: str) -> npt.NDArray[np.datetime64]:
        """Read an array of times, by what its attributes say of it."""
        import xarray as xr

        array = self.array(path)
        with self._explained(path):
            stored = np.asarray(array[...])
            if stored.dtype.kind == "M":
                return stored.astype("datetime64[ns]")
            dims = [f"dim_{k}" for k in range(stored.ndim)]
            variable = xr.Variable(dims, stored, dict(array.attrs))
            decoded = xr.conventions.decode_cf_variable(path, variable).values
            if decoded.dtype.kind != "M":
                raise ProductError(f"{self.where(path)} holds no times. {_AGAIN}")
            return np.asarray(decoded.astype("datetime64[ns]"))

    def _node(self, path: str) -> Any:
        root = _root(self, _stamp(self.place))
        return root[path] if path else root

    def _check(self, array: "zarr.Array[Any]", path: str) -> None:
        most = max(math.prod(array.shape), math.prod(array.chunks))
        if most > _MOST_VALUES:
            raise ProductError(
                f"{self.where(path)} announces an array or chunks of {most} values, and none of Wave "
                f"Mode has more than {_MOST_VALUES}. {_AGAIN}"
            )
        strange = sorted(_codecs(array.metadata.to_dict()) - _CODECS)
        if strange or array.dtype.kind not in "iufbcMU":
            raise ProductError(
                f"{self.where(path)} is stored as {', '.join(strange) or array.dtype}, which an EOPF "
                f"product does not use and which is not read. {_AGAIN}"
            )
        if not is_url(self.place) and os.path.isdir(self.place):
            odd = strange_part(Path(self.place), path)
            if odd is not None:
                raise ProductError(
                    f"{odd[0]} is {odd[1]}, and a product holds its own files only. {_AGAIN}"
                )

    def _check_chunks(self, array: "zarr.Array[Any]", path: str) -> None:
        """Refuse an array that has lost a chunk, which Zarr gives as fill values."""
        for index in np.ndindex(*array.cdata_shape):
            if not self._has_chunk(array, index):
                raise ProductError(
                    f"{self.where(path)} has lost its chunk {array.metadata.encode_chunk_key(index)}: the product "
                    f"is not whole. {_AGAIN}"
                )

    @staticmethod
    def _has_chunk(array: "zarr.Array[Any]", index: tuple[int, ...]) -> bool:
        from zarr.core.sync import sync

        key = array.metadata.encode_chunk_key(index)
        return bool(sync((array.store_path / key).exists()))

    @contextmanager
    def _explained(self, path: str) -> Iterator[None]:
        """Name what cannot be read, whatever goes wrong in Zarr."""
        try:
            with storage_errors():
                yield
        except (OceansarError, MemoryError, ImportError, NameError):
            raise
        except Exception as error:
            reason = " ".join(str(error).split()) or "no reason given"
            raise ProductError(
                f"{self.where(path)} cannot be read ({type(error).__name__}: {reason}). {_AGAIN}"
            ) from error


def forget_roots() -> None:
    """Forget what was opened: at a URL another product may have come since."""
    _root.cache_clear()


def archive_root(names: list[str]) -> str | None:
    """Find where a product begins in a zip archive, by the paths in it; None where there is none."""
    found = [
        name[: -len(root)]
        for name in names
        for root in ROOTS
        if name.rpartition("/")[2] == root and name.count("/") <= 1
    ]
    return min(found, key=len, default=None)


def _codecs(metadata: dict[str, Any]) -> set[str]:
    """Names of the codecs of an array of either format."""
    found = [*(metadata.get("codecs") or ()), *(metadata.get("filters") or ())]
    found += [metadata["compressor"]] if metadata.get("compressor") else []
    names = set()
    for codec in found:
        if not isinstance(codec, dict):
            codec = getattr(codec, "to_dict", getattr(codec, "get_config", dict))()
        names.add(str(codec.get("name", codec.get("id"))))
        inner = codec.get("configuration") or {}
        if "codecs" in inner:
            names |= _codecs(inner)
    return names


def _stamp(place: str) -> tuple[int, int]:
    """Tell one state of a local product from the next."""
    if is_url(place):
        return 0, 0
    base = local_path(place)
    names = ("", *ROOTS, ".zmetadata")
    found = [os.stat(base / name) for name in names if (base / name).exists()]
    return max((one.st_mtime_ns for one in found), default=0), sum(
        one.st_size for one in found
    )


@lru_cache(maxsize=8)
def _root(store: EopfStore, stamp: tuple[int, int]) -> "zarr.Group":
    import zarr

    del stamp
    return zarr.open_group(_zarr_store(store), path=store.prefix.rstrip("/"), mode="r")


def _zarr_store(store: EopfStore) -> Any:
    from zarr.storage import FsspecStore, LocalStore
    from zarr.storage import ZipStore as ZarrZipStore

    place = store.place
    archived = place.lower().endswith(".zip")
    if not is_url(place):
        if not archived:
            return LocalStore(place, read_only=True)
        zip_members(place)  # says what is wrong with an archive that is not whole
        return ZarrZipStore(place, mode="r")
    if archived:
        from xoceansar.io.eopf.remote_archive import ROOT, archive_at

        return FsspecStore(archive_at(place, store.options), path=ROOT, read_only=True)
    access = with_limits(place, json.loads(store.options))
    return FsspecStore.from_url(place, storage_options=access, read_only=True)
