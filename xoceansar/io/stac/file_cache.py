"""A folder that keeps what was fetched, and never holds more than it may."""

import hashlib
import math
import os
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Final

import numpy as np

from xoceansar.errors import ProductError
from xoceansar.io.containers import Bytes, DirectoryStore
from xoceansar.io.stac.access import Access, public_url
from xoceansar.io.stac.file_drafts import (
    draft_path,
    fetch_to,
    is_free,
    is_there,
    locked,
)
from xoceansar.io.stac.transfer import MemorySink, RemoteFile, fetch

__all__ = ["cached"]

_PART: Final = ".part"
#: Times that a file is fetched that others removed meanwhile.
_TRIES: Final = 3


def cached(file: RemoteFile, access: Access, most: int) -> Bytes:
    """Map a file out of the cache, into which it is fetched where it is not there."""
    folder = Path(access.cache)
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / _name(file)
    for _ in range(_TRIES):
        if is_there(file, target):
            try:
                os.utime(target)  # what was used last is kept longest
                return DirectoryStore(str(folder)).buffer(target.name, most)
            except (ProductError, OSError):
                continue  # another process has made room meanwhile
        if not _make_room(folder, file, target, access.cache_bytes):
            break
        fetch_to(file, access, target, most)
    sink = MemorySink()
    fetch(file, access, sink, most)
    return np.frombuffer(sink.data, np.uint8)


def _name(file: RemoteFile) -> str:
    path = public_url(file.hrefs[0])
    key = file.md5 or hashlib.sha256(path.encode()).hexdigest()[:32]
    return key + PurePosixPath(file.path).suffix


def _age_and_size(entry: Path) -> tuple[float, int]:
    """When a file was used, and its bytes; of what is being fetched, those that it will have."""
    if entry.suffix != _PART:
        status = entry.stat()
        return status.st_mtime, status.st_size
    size = int(entry.name.rsplit(".", 2)[1])
    try:
        return entry.stat().st_mtime, size
    except FileNotFoundError:  # whole meanwhile, and in its place
        return math.inf, size


def _make_room(folder: Path, file: RemoteFile, target: Path, limit: int) -> bool:
    """Remove what was used longest ago until a file fits, and reserve its place; say whether it fits."""
    if file.size < 0 or file.size > limit:
        return False
    draft = draft_path(file, target)
    with locked(folder / ".lock"):
        entries = []
        for entry in folder.iterdir():
            if entry.name.startswith(".") and not entry.name.endswith(_PART):
                continue
            if entry in (draft, target):
                continue
            with suppress(FileNotFoundError):  # removed meanwhile
                entries.append((*_age_and_size(entry), entry))
        total = sum(size for _, size, _ in entries) + file.size
        for _, size, entry in sorted(entries):
            if total <= limit:
                break
            if entry.suffix != _PART or is_free(entry):
                entry.unlink(missing_ok=True)
                total -= size
        if total > limit:
            return False
        draft.touch()
    return True
