"""Lazy variables of a store whose damage is an error in words, whenever they are read."""

import json
import math
import uuid
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import xarray as xr
import zarr
from xarray.backends import BackendArray
from xarray.core import indexing
from zarr import codecs
from zarr.registry import register_codec
from zarr.storage import LocalStore, WrapperStore

from xoceansar._paths import strange_part
from xoceansar.errors import OceansarError, ProductError, warn

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from zarr.abc.store import ByteRequest, Store
    from zarr.core.array_spec import ArraySpec
    from zarr.core.buffer import Buffer, BufferPrototype, NDBuffer


_METADATA: Final = "zarr.json"
#: Arrays with this codec were written with all their chunks.
_CHECKED: Final = "crc32c"
#: Chunks of an array whose shape is believed only where the last of them is there: of coordinates
#: that an index is made of, which are read whole when a store is opened, and of the others.
_MANY: Final = {True: 1000, False: 1_000_000}


def damaged(where: str, what: str, error: Exception) -> ProductError:
    """Say that something of a store cannot be read."""
    reason = " ".join(f"{type(error).__name__}: {error}".split())
    return ProductError(
        f"{what} cannot be read: {where} is damaged, or was changed by another program "
        f"({reason}). All that is wrong is listed by: xoceansar check {where}"
    )


def no_file_of_its_own(path: Path, kind: str) -> ProductError:
    """Say that something in a store is a link, a pipe or a device."""
    return ProductError(
        f"{path} is {kind}, and an archive holds its own files only: what is read there could be "
        "anything. Copy the archive with its files (cp -rL), if you trust it."
    )


def guarded(ds: xr.Dataset, where: str) -> xr.Dataset:
    """Divide lazy variables into their stored chunks, and say which one cannot be read."""
    opening = uuid.uuid4().hex
    variables = {}
    for name, variable in ds.variables.items():
        if name in ds.indexes:
            continue
        data = indexing.LazilyIndexedArray(_Guarded(str(name), variable, where))
        new = xr.Variable(variable.dims, data, variable.attrs, variable.encoding)
        chunks = variable.encoding.get("preferred_chunks", {})
        named = f"{name}-{opening}"
        variables[name] = new.chunk(chunks, name=named) if new.ndim else new
    out = xr.Dataset(
        {name: variables[name] for name in ds.data_vars},
        {name: variables.get(name, ds.variables[name]) for name in ds.coords},
        ds.attrs,
    )
    out.encoding = ds.encoding
    return out


def tell_unlisted(folder: Path, ds: xr.Dataset) -> None:
    """Warn of arrays that are there and are not opened."""
    unlisted = {file.parent.name for file in folder.glob("*/zarr.json")}
    unlisted -= set(map(str, ds.variables))
    arrays = [name for name in sorted(unlisted) if _is_array(folder / name)]
    if arrays:
        warn(
            f"{folder} holds {arrays} too, which its zarr.json does not list, and which are not "
            "opened. Have them listed by xoceansar check --mend."
        )
    chunks = {file.parent.name for file in folder.glob("*/c")}
    nameless = sorted(n for n in chunks - set(map(str, ds.variables)) if not (folder / n / _METADATA).exists())  # fmt: skip
    if nameless:
        warn(
            f"{folder} has values of {nameless} that cannot be read: their zarr.json is gone. Copy "
            "the archive again, or make it anew."
        )


def tell_without_list(store: "Store", where: str) -> None:
    """Warn where the list of all arrays is gone, so that nothing would tell of a lost one."""
    root = zarr.open_group(store, mode="r")
    if root.metadata.consolidated_metadata is None:
        warn(
            f"{where} has no list of its arrays any more: another program took it away. It opens with the arrays "
            f"that are there, and one that was lost is not missed. List them again: xoceansar check {where} --mend"
        )


def _is_array(folder: Path) -> bool:
    try:
        node = json.loads((folder / _METADATA).read_bytes())
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(node, dict) and node.get("node_type") == "array"


class _Guarded(BackendArray):
    def __init__(self, name: str, variable: xr.Variable, where: str) -> None:
        self.shape, self.dtype = variable.shape, variable.dtype
        self._name, self._variable, self._where = name, variable, where

    def __getitem__(self, key: indexing.ExplicitIndexer) -> Any:
        return indexing.explicit_indexing_adapter(
            key, self.shape, indexing.IndexingSupport.BASIC, self._read
        )

    def _read(self, key: tuple[Any, ...]) -> Any:
        try:
            return np.asarray(self._variable[key].values)
        except (OceansarError, MemoryError):
            raise
        except Exception as error:
            raise damaged(self._where, self._name, error) from error


class WholeStore(WrapperStore["Store"]):
    """A store in which a chunk that was written and is not there is an error, and no fill value."""

    def __init__(self, store: "Store", where: str) -> None:
        super().__init__(store)
        self._where = where
        self._checked: set[str] = set()

    def _with_store(self, store: "Store") -> "WholeStore":
        return WholeStore(store, self._where)

    async def get(
        self,
        key: str,
        prototype: "BufferPrototype",
        byte_range: "ByteRequest | None" = None,
    ) -> "Buffer | None":
        """Read metadata, or a chunk that has to be there."""
        if isinstance(self._store, LocalStore):
            strange = strange_part(self._store.root, key)
            if strange is not None:
                raise no_file_of_its_own(*strange)
        content = await self._store.get(key, prototype, byte_range)
        path = key.rpartition("/c")[0]
        if content is None and path in self._checked:
            raise self._lost(path, key)
        if content is not None and key.rpartition("/")[2] == _METADATA:
            for path, last in self._note(key.rpartition("/")[0], content.to_bytes()):
                if not await self._store.exists(last):
                    raise self._lost(path, last)
        return content

    def _lost(self, path: str, key: str) -> ProductError:
        return ProductError(
            f"{path} cannot be read: {self._where} has lost its chunk {key}. All that is "
            f"wrong is listed by: xoceansar check {self._where}"
        )

    def _note(self, path: str, content: bytes) -> list[tuple[str, str]]:
        """Remember which arrays were written whole; give the last chunks of those with many."""
        large = []
        try:
            node = json.loads(content)
            listed = (node.get("consolidated_metadata") or {}).get("metadata", {})
            for name, one in {"": node, **listed}.items():
                if any(c["name"] == _CHECKED for c in one.get("codecs", [])):
                    place = f"{path}/{name}".strip("/")
                    self._checked.add(place)
                    counts, key = chunk_layout(one)
                    indexed = one.get("dimension_names") == [place.rpartition("/")[2]]
                    if math.prod(counts) > _MANY[indexed]:
                        large.append((place, f"{place}/{key(n - 1 for n in counts)}"))
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError, ArithmeticError):  # fmt: skip
            return []  # Zarr says what is wrong with it
        return large


def chunk_layout(
    metadata: Mapping[str, Any],
) -> tuple[list[int], Callable[[Iterable[int]], str]]:
    """Say how an array is divided into chunks."""
    chunks = metadata["chunk_grid"]["configuration"]["chunk_shape"]
    how = metadata.get("chunk_key_encoding") or {}
    separator = str((how.get("configuration") or {}).get("separator", "/"))
    first = [] if how.get("name") == "v2" else ["c"]
    counts = [
        math.ceil(size / step)
        for size, step in zip(metadata["shape"], chunks, strict=True)
    ]
    return counts, lambda index: separator.join([*first, *map(str, index)]) or "0"


class VLenUTF8Codec(codecs.VLenUTF8Codec):
    """Zarr's codec of texts, which takes no memory for texts that a chunk cannot hold.

    Zarr knows the codec of texts by the name of its class.

    A chunk begins with their number, of which a damaged one says anything up to four thousand million.
    """

    async def _decode_single(
        self, chunk_bytes: "Buffer", chunk_spec: "ArraySpec"
    ) -> "NDBuffer":
        _check_number_of_texts(chunk_bytes)
        return await super()._decode_single(chunk_bytes, chunk_spec)

    def _decode_sync(
        self, chunk_bytes: "Buffer", chunk_spec: "ArraySpec"
    ) -> "NDBuffer":
        _check_number_of_texts(chunk_bytes)
        return super()._decode_sync(chunk_bytes, chunk_spec)


_TEXTS: Final = "vlen-utf8"
register_codec(_TEXTS, VLenUTF8Codec)


def bounded_texts() -> "AbstractContextManager[Any]":
    """Let arrays that are opened meanwhile read their texts by `VLenUTF8Codec`."""
    name = f"{VLenUTF8Codec.__module__}.{VLenUTF8Codec.__qualname__}"
    context: AbstractContextManager[Any] = zarr.config.set({f"codecs.{_TEXTS}": name})
    return context


def _check_number_of_texts(chunk: "Buffer") -> None:
    content = chunk.as_numpy_array()
    number = int.from_bytes(content[:4].tobytes(), "little")
    if 4 * (number + 1) > content.nbytes:  # each has its length before it
        raise ValueError(f"{content.nbytes} bytes cannot hold {number} texts")
