"""The branch of an Icechunk repository that holds an archive, for one writer among several."""

import json
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, Final

import zarr
from zarr.core.buffer import default_buffer_prototype
from zarr.core.sync import sync

from xoceansar._optional import require
from xoceansar._paths import is_url
from xoceansar.io.archive.repository import (
    create_repository,
    is_repository,
    open_repository,
)
from xoceansar.processing.archive_faults import Fault, Hierarchy
from xoceansar.processing.transaction import read_members
from xoceansar.processing.writer_lock import ArchiveLock

if TYPE_CHECKING:
    from icechunk import Repository, Session
    from zarr.abc.store import Store


_BRANCH: Final = "main"
_METADATA: Final = "zarr.json"
#: Seconds to wait for another commit to end: longer than a dead writer's lock holds.
_PATIENCE: Final = 360.0


class OvertakenError(Exception):
    """Another writer has committed since this one read."""


class Branch:
    """The archive as it was at one commit, and what this writer adds to it.

    The repository is made where there is none, unless `read_only`.

    Notes
    -----
    Icechunk moves a branch by a conditional write where it lies on object storage. On a file
    system it has none, and two commits at the same moment would lose one of them: there, a lock
    beside the repository is held while a commit is made.
    """

    def __init__(self, target: str, options: str, *, read_only: bool) -> None:
        self._target = target
        self._read_only = read_only
        self._repository: Repository = (
            open_repository(target, options)
            if read_only or is_repository(target, options)
            else create_repository(target, options)
        )
        self._session: Session | None = None
        self._base = self._open().snapshot_id

    def _open(self) -> "Session":
        if self._session is None:
            self._session = (
                self._repository.readonly_session(_BRANCH)
                if self._read_only
                else self._repository.writable_session(_BRANCH)
            )
        return self._session

    @property
    def store(self) -> "Store":
        """What zarr and xarray read and write."""
        session = self._open()
        if session.snapshot_id != self._base:
            raise OvertakenError
        return session.store

    @property
    def faults(self) -> list[Fault]:
        """None: a commit is whole, or is not there."""
        return []

    @property
    def members(self) -> Hierarchy:
        """Metadata of groups and arrays."""
        found = sync(read_members(self.store))
        if self.has(""):
            found[""] = self._root()
        return {path: json.loads(content) for path, content in found.items()}

    def _root(self) -> bytes:
        content = sync(self.store.get(_METADATA, default_buffer_prototype()))
        return b"{}" if content is None else content.to_bytes()

    @property
    def attributes(self) -> dict[str, Any] | None:
        """Attributes of the root group; None if there is no group."""
        if not self.has(""):
            return None
        return dict(zarr.open_group(self.store, mode="r").attrs)

    def has(self, name: str) -> bool:
        """Whether there is an array or a group of that path."""
        return bool(sync(self.store.exists(f"{name}/{_METADATA}".lstrip("/"))))

    def commit(self, message: str, metadata: Mapping[str, int]) -> None:
        """Make what was written the tip of the branch; nothing where nothing was written."""
        session = self._open()
        conflict: type[Exception] = require("icechunk", extra="icechunk").ConflictError
        with self._lock():  # taken for nothing too: it shows whether one may write
            if not session.has_uncommitted_changes:
                return
            try:
                self._base = session.commit(message, dict(metadata))
            except conflict as error:
                raise OvertakenError from error
        self._session = None

    def _lock(self) -> AbstractContextManager[object]:
        if is_url(self._target):
            return nullcontext()
        return ArchiveLock(self._target, "{}", patience=_PATIENCE)
