"""A Zarr store whose metadata changes only when it is committed, by one atomic replacement.

Chunks go straight to the store below, where nobody looks for rows beyond the committed shape. The
metadata, which says how many rows there are, stays here until `Transaction.commit`, whose last
write is the root's ``zarr.json`` with its consolidated metadata: what a reader opens first.
"""

import json
import warnings
from collections.abc import AsyncIterator, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import zarr
from zarr.core.buffer import default_buffer_prototype
from zarr.core.sync import sync
from zarr.storage import LocalStore, WrapperStore

from xoceansar._optional import require
from xoceansar.errors import ArchiveError
from xoceansar.io.remote import is_url

if TYPE_CHECKING:
    from zarr.abc.store import ByteRequest, Store
    from zarr.core.buffer import Buffer, BufferPrototype

__all__ = ["Transaction", "open_base"]

_METADATA: Final = "zarr.json"
#: File systems where an object appears whole, or not at all, under its name.
_ATOMIC: Final = ("s3", "s3a", "gs", "gcs", "az", "abfs", "abfss")


def open_base(target: str, options: str, *, read_only: bool) -> "Store":
    """Open the store that holds an archive.

    Parameters
    ----------
    target : str
        A path, or a URL of object storage.
    options : str
        From `xoceansar.io.remote.encode_options`.
    read_only : bool
        Whether nothing will be written; then nothing is made either.

    Returns
    -------
    zarr.abc.store.Store
        Nothing is read yet.

    Raises
    ------
    ArchiveError
        If the file system of the URL does not replace objects atomically.
    """
    if not is_url(target):
        return LocalStore(Path(target), read_only=read_only)
    protocol = target.partition("://")[0]
    if "::" in target or protocol not in _ATOMIC:
        raise ArchiveError(
            f"{target} cannot hold an archive: a commit replaces one object atomically, which "
            f"is known of local paths and of {', '.join(f'{p}://' for p in _ATOMIC[:4:2])} and "
            "az:// only. Write to one of these and copy the archive afterwards."
        )
    require({"s3": "s3fs", "s3a": "s3fs", "gs": "gcsfs", "gcs": "gcsfs"}.get(
        protocol, "adlfs"), extra="archive")  # fmt: skip
    from zarr.storage import FsspecStore

    return FsspecStore.from_url(
        target, storage_options=json.loads(options), read_only=read_only
    )


class Transaction(WrapperStore["Store"]):
    """A store whose changes of metadata wait for `commit`.

    Parameters
    ----------
    store : zarr.abc.store.Store
        What holds the archive. Each of its writes must be atomic.

    Notes
    -----
    What is committed is what the root's consolidated metadata says: the metadata of the arrays is
    taken from there, not from the arrays' own files, which a run that was killed between two of
    them may have left ahead.
    """

    def __init__(self, store: "Store") -> None:
        super().__init__(store)
        self._metadata: dict[str, bytes] = {}
        self._changed: dict[str, None] = {}
        root = self._read(_METADATA)
        if root is not None:
            self._metadata[_METADATA] = root
            self._restore(json.loads(root))

    def _with_store(self, store: "Store") -> "Transaction":
        del store
        return self

    def with_read_only(self, read_only: bool = False) -> "Transaction":
        """Return itself: a copy, which zarr wants where it only reads, would not see what waits here."""
        del read_only
        return self

    @property
    def store(self) -> "Store":
        """What zarr and xarray read and write."""
        return self

    @property
    def attributes(self) -> dict[str, Any] | None:
        """Attributes of the root group; None if there is no group."""
        root = self._metadata.get(_METADATA)
        if root is None:
            return None
        attributes: dict[str, Any] = json.loads(root).get("attributes", {})
        return attributes

    def has(self, name: str) -> bool:
        """Whether there is an array or a group of that path."""
        return f"{name}/{_METADATA}" in self._metadata

    def _restore(self, root: dict[str, Any]) -> None:
        consolidated = root.get("consolidated_metadata") or {}
        for name, metadata in consolidated.get("metadata", {}).items():
            key = f"{name}/{_METADATA}"
            self._metadata[key] = json.dumps(metadata).encode()
            self._changed[key] = None

    def _read(self, key: str) -> bytes | None:
        try:
            found = sync(self._store.get(key, default_buffer_prototype()))
        except FileNotFoundError:  # a folder that is not there, and is not to be made
            return None
        return None if found is None else found.to_bytes()

    def commit(self, message: str, metadata: Mapping[str, int]) -> None:
        """Make what was written visible: the root last, in one replacement.

        Parameters
        ----------
        message : str
            Not kept: a Zarr store has no history.
        metadata : mapping
            Not kept.
        """
        del message, metadata
        with warnings.catch_warnings():
            # the choice is ours: the root's consolidated metadata is the commit
            warnings.filterwarnings(
                "ignore", message="Consolidated metadata is currently not"
            )
            for group in self._groups():
                zarr.consolidate_metadata(self, path=group)
            zarr.consolidate_metadata(self)
        changed = [key for key in self._changed if key != _METADATA]
        for key in [*changed, _METADATA]:
            if key in self._metadata:
                sync(self._store.set(key, self._buffer(self._metadata[key])))
        self._changed.clear()

    def _groups(self) -> list[str]:
        """Paths of the groups below the root."""
        return [
            key[: -len(_METADATA) - 1]
            for key, content in self._metadata.items()
            if key != _METADATA and json.loads(content)["node_type"] == "group"
        ]

    @staticmethod
    def _buffer(content: bytes, prototype: "BufferPrototype | None" = None) -> "Buffer":
        ready = prototype or default_buffer_prototype()
        return ready.buffer.from_bytes(content)

    async def get(
        self,
        key: str,
        prototype: "BufferPrototype",
        byte_range: "ByteRequest | None" = None,
    ) -> "Buffer | None":
        """Read a chunk from the store below, or metadata from here."""
        if not _is_metadata(key):
            return await self._store.get(key, prototype, byte_range)
        content = self._metadata.get(key)
        return None if content is None else self._buffer(content, prototype)

    async def exists(self, key: str) -> bool:
        """Say whether there is a chunk below, or metadata here."""
        if _is_metadata(key):
            return key in self._metadata
        return await self._store.exists(key)

    async def set(self, key: str, value: "Buffer") -> None:
        """Write a chunk below; keep metadata here."""
        if not _is_metadata(key):
            await self._store.set(key, value)
            return
        content = value.to_bytes()
        if self._metadata.get(key) != content:
            self._metadata[key] = content
            self._changed[key] = None

    async def set_if_not_exists(self, key: str, value: "Buffer") -> None:
        """Write where there is nothing."""
        if not await self.exists(key):
            await self.set(key, value)

    async def _set_many(self, values: "Iterable[tuple[str, Buffer]]") -> None:
        for key, value in values:
            await self.set(key, value)

    async def list_dir(self, prefix: str) -> AsyncIterator[str]:
        """List the members of a group: those that the metadata here knows."""
        start = f"{prefix.rstrip('/')}/" if prefix.rstrip("/") else ""
        below = {
            key[len(start) :].partition("/")[0]
            for key in self._metadata
            if key.startswith(start)
        }
        for name in sorted(below):
            yield name


def _is_metadata(key: str) -> bool:
    return key.rpartition("/")[2] == _METADATA
