"""One writer at a time: a lock file beside the archive, with signs of life."""

import json
import os
import random
import socket
import threading
import time
import uuid
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Protocol

from xoceansar._optional import require
from xoceansar._paths import is_url
from xoceansar.errors import ArchiveError
from xoceansar.io.remote import open_filesystem, storage_errors

#: Seconds between signs of life.
_BEAT: Final = 20.0
#: Seconds without one after which a writer on another machine is taken for dead.
_SILENCE: Final = 300.0
#: Seconds to wait before looking who has taken a lock that a dead writer left.
_SETTLE: Final = 0.5
#: Seconds between looks of who waits for a living writer.
_LOOK: Final = 0.05


class _Place(Protocol):
    """Where the lock lies."""

    def create(self, content: bytes) -> bool:
        """Write it if there is none; say whether."""

    def replace(self, content: bytes) -> None:
        """Write it, whatever is there."""

    def read(self) -> tuple[bytes, float] | None:
        """Content and seconds since it was written; None if there is none."""

    def remove(self) -> None:
        """Delete it."""


class ArchiveLock:
    """Hold an archive for one writer.

    The lock is ``<target>.lock``. Another writer is waited for `patience` seconds, where locks are
    held for moments.

    Notes
    -----
    A writer on this machine lives as long as its process; one on another as long as it renewed
    the lock within five minutes. Who takes over a lock that a dead writer left waits half a second
    and looks whether somebody else did the same.
    """

    def __init__(self, target: str, options: str, *, patience: float = 0.0) -> None:
        self.target = target
        self._patience = patience
        self.path = f"{target.rstrip('/')}.lock"
        self._place: _Place = (
            _RemotePlace(self.path, options)
            if is_url(target)
            else _LocalPlace(self.path)
        )
        self._mine = {
            "pid": os.getpid(),
            "host": socket.gethostname(),
            "started": _started(os.getpid()),
            "token": uuid.uuid4().hex,
        }
        self._stop = threading.Event()
        self._beats = threading.Thread(target=self._beat, daemon=True)

    def __enter__(self) -> "ArchiveLock":
        try:
            self._take()
        except OSError as error:
            raise ArchiveError(
                f"{self.target} cannot be written ({error.strerror or error}): no lock could "
                f"be made at {self.path}. Give a path that you may write to."
            ) from error
        self._beats.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._beats.join()
        with suppress(OSError):  # what cannot be reached is taken over later
            if self._is_mine():
                self._place.remove()

    def check(self) -> None:
        """See that the lock is still held: to be called before each commit."""
        try:
            held = self._is_mine()
        except OSError as error:
            raise ArchiveError(
                f"{self.target} cannot be reached any more ({error.strerror or error}). It is as "
                "it was at its last commit; run again when it can."
            ) from error
        if not held:
            raise ArchiveError(
                f"the lock {self.path} was taken by another writer, or removed, while this one "
                f"was at work. {self.target} is as it was at its last commit; run again when "
                "the other has ended."
            )

    def _take(self) -> None:
        limit = time.monotonic() + self._patience
        while (other := self._held_by()) is not None:
            if time.monotonic() >= limit:
                raise ArchiveError(
                    f"{self.target} is being written by process {other.get('pid')} on "
                    f"{other.get('host')}. Wait until it ends. If you know that it is dead, "
                    f"remove {self.path}."
                )
            time.sleep(random.uniform(0.5, 1.5) * _LOOK)

    def _held_by(self) -> dict[str, Any] | None:
        """Try to take it: what a living writer wrote into it, or None if it is held now."""
        content = json.dumps(self._mine).encode()
        if self._place.create(content):
            return None
        found = self._place.read()
        if found is None and self._patience:
            return {}  # it ended in between: another look
        if found is not None and _lives(*found):
            return _parsed(found[0])
        self._place.replace(content)
        time.sleep(_SETTLE)
        if not self._patience:
            self.check()
        return None if self._is_mine() else {}

    def _is_mine(self) -> bool:
        found = self._place.read()
        return (
            found is not None and _parsed(found[0]).get("token") == self._mine["token"]
        )

    def _beat(self) -> None:
        content = json.dumps(self._mine).encode()
        while not self._stop.wait(_BEAT):
            # a full disk must not end the thread; a lock that is lost is found by `check`
            try:
                if self._is_mine():
                    self._place.replace(content)
            except OSError:
                continue


def _parsed(content: bytes) -> dict[str, Any]:
    try:
        found = json.loads(content)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _lives(content: bytes, age: float) -> bool:
    """Whether the writer of a lock lives; an unreadable one is given the time to be written."""
    known = _parsed(content)
    if known.get("host") != socket.gethostname() or "pid" not in known:
        return age < _SILENCE
    started = _started(int(known["pid"]))
    return started is not None and started == known.get("started")


def _started(pid: int) -> float | None:
    """When a process of this machine started, which tells it from a later one of its number."""
    psutil = require("psutil", extra="archive")
    try:
        return round(float(psutil.Process(pid).create_time()), 1)
    except psutil.Error:
        return None


class _LocalPlace:
    def __init__(self, path: str) -> None:
        self._path = Path(path)

    def create(self, content: bytes) -> bool:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        draft = self._draft(content)
        try:
            os.link(draft, self._path)  # whole, or not at all
        except FileExistsError:
            return False
        finally:
            draft.unlink()
        return True

    def replace(self, content: bytes) -> None:
        self._draft(content).replace(self._path)

    def _draft(self, content: bytes) -> Path:
        draft = self._path.with_name(f"{self._path.name}-{uuid.uuid4().hex}")
        try:
            draft.write_bytes(content)
        except OSError:
            draft.unlink(missing_ok=True)
            raise
        return draft

    def read(self) -> tuple[bytes, float] | None:
        try:
            return self._path.read_bytes(), time.time() - self._path.stat().st_mtime
        except FileNotFoundError:
            return None

    def remove(self) -> None:
        self._path.unlink(missing_ok=True)


class _RemotePlace:
    def __init__(self, url: str, options: str) -> None:
        self._filesystem, self._path = open_filesystem(url, options)

    @storage_errors()
    def create(self, content: bytes) -> bool:
        try:
            self._filesystem.pipe_file(self._path, content, mode="create")
        except FileExistsError:
            return False
        return True

    @storage_errors()
    def replace(self, content: bytes) -> None:
        self._filesystem.pipe_file(self._path, content)

    @storage_errors()
    def read(self) -> tuple[bytes, float] | None:
        self._filesystem.invalidate_cache()
        try:
            content = bytes(self._filesystem.cat_file(self._path))
            written = self._filesystem.modified(self._path)
        except FileNotFoundError:
            return None
        return content, time.time() - float(written.timestamp())

    @storage_errors()
    def remove(self) -> None:
        if self._filesystem.exists(self._path):
            self._filesystem.rm_file(self._path)
