"""A Zarr store whose metadata changes only when it is committed, by one atomic replacement.

Chunks go straight to the store below, where nobody looks for rows beyond the committed shape. The
metadata, which says how many rows there are, stays here until `Transaction.commit`, whose last
write is the root's ``zarr.json`` with its consolidated metadata: what a reader opens first.
"""

import asyncio
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
from xoceansar._paths import is_url
from xoceansar.errors import ArchiveError
from xoceansar.io.archive.zarr_archive import COUNTS, SETTINGS
from xoceansar.io.remote import with_limits
from xoceansar.processing.archive_faults import Fault, Hierarchy, growing
from xoceansar.processing.product_records import UNITS

if TYPE_CHECKING:
    from zarr.abc.store import ByteRequest, Store
    from zarr.core.buffer import Buffer, BufferPrototype


_METADATA: Final = "zarr.json"
_NODES: Final = ("array", "group")
#: File systems where an object appears whole, or not at all, under its name.
_ATOMIC: Final = ("s3", "s3a", "gs", "gcs", "az", "abfs", "abfss")


def open_base(target: str, options: str, *, read_only: bool) -> "Store":
    """Open the store that holds an archive."""
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

    store = FsspecStore.from_url(
        target,
        storage_options=with_limits(target, json.loads(options)),
        read_only=read_only,
    )
    store.fs.invalidate_cache()  # others may have written since
    return store


class Transaction(WrapperStore["Store"]):
    """A store whose changes of metadata wait for `commit`.

    Each write of the store must be atomic.

    Notes
    -----
    What is committed is what the root's consolidated metadata says: the metadata of the arrays is
    taken from there, not from the arrays' own files, which a run that was killed between two of
    them may have left ahead. Other programs write the arrays' own files only, and may take the
    consolidated metadata away: attributes, arrays that the root does not list, and all where it
    lists nothing come from there. What does not fit together is in `faults`.
    """

    def __init__(self, store: "Store") -> None:
        super().__init__(store)
        self._metadata: dict[str, bytes] = {}
        self._changed: dict[str, None] = {}
        self.faults: list[Fault] = []
        root = self._read(_METADATA)
        if root is None:
            return
        self._root = _parsed(root, "group") or {}
        if not self._root:
            self.faults.append(Fault(_METADATA, "it is no metadata of a Zarr 3 group"))
            return
        self._metadata[_METADATA] = root
        self._restore(sync(read_members(store)))

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

    @property
    def members(self) -> Hierarchy:
        """Metadata of groups and arrays, what waits here included."""
        return {
            key[: -len(_METADATA)].rstrip("/"): json.loads(content)
            for key, content in self._metadata.items()
        }

    def has(self, name: str) -> bool:
        """Whether there is an array or a group of that path."""
        return f"{name}/{_METADATA}" in self._metadata

    def _restore(self, own: dict[str, bytes]) -> None:
        """Take the members from the last commit, and what is not there from their own files."""
        consolidated = self._root.get("consolidated_metadata")
        listed = (
            consolidated.get("metadata") if isinstance(consolidated, dict) else None
        )
        if not isinstance(listed, dict):
            listed = {}
            text = "the consolidated metadata, by which readers find the arrays, is missing"
            self.faults.append(Fault(_METADATA, text, mendable=True))
        for path in sorted({*listed, *own}):
            if path in listed or not self._is_left_over(path):
                member = self._member(path, listed.get(path), own.get(path))
                if member is not None:
                    key = f"{path}/{_METADATA}"
                    self._metadata[key] = json.dumps(member).encode()
                    self._changed[key] = None
        written = {path: _parsed(content) or {} for path, content in own.items()}
        self.faults += _changed_lengths(self.members, written)

    def _is_left_over(self, path: str) -> bool:
        """Whether an array is of a first commit that was cut short: the root counts no row."""
        attributes = self._root.get("attributes") or {}
        group = UNITS if path.split("/")[0] == UNITS else ""
        return attributes.get(COUNTS[group]) == 0

    def _member(self, path: str, listed: Any, own: bytes | None) -> Any:
        mine = None if own is None else _parsed(own)
        key = f"{path}/{_METADATA}"
        if own is not None and mine is None:
            text = "it is no metadata of Zarr 3"
            self.faults.append(Fault(key, text, mendable=listed is not None))
        elif own is None:
            self.faults.append(Fault(key, "it is missing", mendable=True))
        elif listed is None and self._lists():
            text = f"the root's {_METADATA} does not list it"
            self.faults.append(Fault(path, text, mendable=True))
        if listed is None or mine is None:
            return mine if listed is None else listed
        # what 'process' changes is the shape alone, and that of the last commit counts
        kept = {"attributes": mine.get("attributes", {})} if self._is_ours() else mine
        merged = {**listed, **kept}
        if _text(merged) != _text(listed):
            text = f"it was changed; the root's {_METADATA} has the old state"
            self.faults.append(Fault(path, text, mendable=True))
        return merged

    def _is_ours(self) -> bool:
        return SETTINGS in (self._root.get("attributes") or {})

    def _lists(self) -> bool:
        return isinstance(self._root.get("consolidated_metadata"), dict)

    def _read(self, key: str) -> bytes | None:
        try:
            content = sync(self._store.get(key, default_buffer_prototype()))
        except FileNotFoundError:  # a folder that is not there, and is not to be made
            return None
        return None if content is None else content.to_bytes()

    def commit(self, message: str, metadata: Mapping[str, int]) -> None:
        """Make what was written visible: the root last, in one replacement."""
        del message, metadata
        with warnings.catch_warnings():
            # the choice is ours: the root's consolidated metadata is the commit
            warnings.filterwarnings(
                "ignore", message="Consolidated metadata is currently not"
            )
            # of columns of fixed width, which other versions of xarray made
            warnings.filterwarnings("ignore", message="The data type")
            for group in self._groups():
                zarr.consolidate_metadata(self, path=group)
            zarr.consolidate_metadata(self)
        # the table of products first: rows that are ahead without it are another program's
        changed = sorted(self._changed, key=lambda key: -key.count("/"))
        for key in [*(key for key in changed if key != _METADATA), _METADATA]:
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


async def read_members(store: "Store", group: str = "") -> dict[str, bytes]:
    """Read the metadata files of all arrays and groups below a group.

    Parameters
    ----------
    store : zarr.abc.store.Store
        Where to look.
    group : str
        Its path; "" is the root.

    Returns
    -------
    dict of str to bytes
        By the path of the array or group.
    """
    prefix = f"{group}/" if group else ""
    names = [name async for name in store.list_dir(group)]
    paths = [f"{prefix}{name}" for name in names if name != _METADATA]
    prototype = default_buffer_prototype()
    contents = await asyncio.gather(
        *(store.get(f"{path}/{_METADATA}", prototype) for path in paths)
    )
    members = {}
    for path, content in zip(paths, contents, strict=True):
        if content is not None:
            members[path] = content.to_bytes()
            if (_parsed(members[path]) or {}).get("node_type") == "group":
                members |= await read_members(store, path)
    return members


def _parsed(content: bytes, kind: str | None = None) -> dict[str, Any] | None:
    """Metadata of an array or a group of Zarr 3; None where it is none."""
    try:
        parsed = json.loads(content)
    except (ValueError, RecursionError):
        return None
    if not isinstance(parsed, dict) or parsed.get("zarr_format") != 3:
        return None
    node = parsed.get("node_type")
    return parsed if node == kind or (kind is None and node in _NODES) else None


def _text(metadata: Mapping[str, Any]) -> str:
    """Metadata to be compared: as values, two NaN would differ."""
    whole = {**metadata, "consolidated_metadata": None}
    return json.dumps(whole, sort_keys=True)


def _changed_lengths(members: Hierarchy, own: Hierarchy) -> list[Fault]:
    """Find rows that another program took away, or added."""
    faults = []
    ahead: dict[str, list[str]] = {group: [] for group in COUNTS}
    for group, names in ahead.items():
        written = growing(group, own)
        for name, rows in growing(group, members).items():
            path = f"{group}/{name}".lstrip("/")
            if written.get(name, rows) < rows:
                text = f"{written[name]} of its {rows} rows are left"
                faults.append(Fault(path, text))
            elif written.get(name, rows) > rows:
                names.append(path)
    first = next(iter(ahead[""]), None)
    if (
        first is not None
        and len(ahead[""]) == len(growing("", members))
        and not ahead[UNITS]
    ):
        faults.append(Fault(first, "it has rows that 'process' did not add"))
    return faults


def _is_metadata(key: str) -> bool:
    return key.rpartition("/")[2] == _METADATA
