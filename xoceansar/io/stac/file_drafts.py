"""Files that are fetched to a disk: on from where an earlier run broke off, and in place only when they are right."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedRandom
from pathlib import Path

from xoceansar.errors import PathError
from xoceansar.io.stac.access import Access
from xoceansar.io.stac.connections import lock
from xoceansar.io.stac.transfer import FileSink, RemoteFile, fetch

__all__ = ["draft_path", "fetch_to", "is_free", "is_there", "locked"]


def is_there(file: RemoteFile, target: Path) -> bool:
    """Whether a file is there; what was moved there was whole and right."""
    try:
        size = target.stat().st_size
    except OSError:
        return False
    return file.size in (-1, size)


def draft_path(file: RemoteFile, target: Path) -> Path:
    """Where a file is written before it is whole; its name says of what and how large."""
    tag = (file.md5 or "unknown")[:8]
    return target.with_name(f".{target.name}.{tag}.{max(file.size, 0)}.part")


def fetch_to(file: RemoteFile, access: Access, target: Path, most: int) -> int:
    """Fetch a file, and move it to its place when it is whole; gives the bytes that came now."""
    draft = draft_path(file, target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        while True:
            with open(draft, "a+b") as opened:
                lock(opened)
                if not _is_same(opened, draft):
                    continue  # who held it has moved it to its place
                if is_there(file, target):
                    draft.unlink(missing_ok=True)
                    return 0
                sink = FileSink(opened)
                before = sink.size()
                fetch(file, access, sink, most)
                came = sink.size() - before
                opened.flush()
                os.fsync(opened.fileno())
                draft.replace(target)
                return max(came, 0)
    except PermissionError as error:
        if error.errno is None:  # of this package: keys are refused
            raise
        raise _unwritable(target, error) from error
    except OSError as error:
        raise _unwritable(target, error) from error


def _unwritable(target: Path, error: OSError) -> PathError:
    return PathError(
        f"{target} cannot be written ({error.strerror or error}). Free space, or choose another folder: what is "
        "there is kept."
    )


def _is_same(opened: BufferedRandom, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(opened.fileno()), path.stat())
    except FileNotFoundError:
        return False


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Be alone among the processes that lock a path."""
    with open(path, "a+b") as opened:
        lock(opened)
        yield


def is_free(path: Path) -> bool:
    """Whether nobody is at work on a file."""
    try:
        with open(path, "r+b") as opened:
            return lock(opened, wait=False)
    except OSError:
        return False
