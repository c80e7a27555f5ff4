"""What every reader of an archive's store shares: its errors in words, its texts, its keys."""

import errno
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Final

import numpy as np
import zarr

from xoceansar.errors import ArchiveError, OceansarError
from xoceansar.io.archive.guarded_store import bounded_texts
from xoceansar.io.archive.repository import icechunk_errors
from xoceansar.io.remote import storage_errors
from xoceansar.processing.archive_stores import ArchiveStore
from xoceansar.processing.icechunk_branch import OvertakenError

#: What Zarr, xarray and codecs raise of damaged metadata and chunks.
_OF_DAMAGE: Final = (
    ValueError, LookupError, TypeError, AttributeError, RuntimeError, ArithmeticError,
    AssertionError,  # xarray, of a fill value that is no text
)  # fmt: skip


@contextmanager
def in_words(target: str, what: str) -> Iterator[None]:
    """Say what an error of the operating system, or of Icechunk, means for the archive."""
    try:
        with icechunk_errors(), storage_errors(), bounded_texts():
            yield
    except (OceansarError, OvertakenError):
        raise
    except _OF_DAMAGE as error:
        raise ArchiveError(
            f"{target} cannot be {what}: it is damaged, or was changed by another program "
            f"({type(error).__name__}: {error}). Nothing was committed. All that is wrong is "
            f"listed by: xoceansar check {target}"
        ) from error
    except OSError as error:
        reason = error.strerror or str(error) or type(error).__name__
        remedy = (
            "Free some space and run again: it goes on from there."
            if error.errno in (errno.ENOSPC, errno.EDQUOT)
            else "Check the path, its permissions and the credentials, and run again."
        )
        raise ArchiveError(
            f"{target} cannot be {what} ({reason}). It is as it was at its last commit, and "
            f"opens. {remedy}"
        ) from error


def read_texts(store: ArchiveStore, name: str) -> list[str]:
    """Read an array of texts; none where it is not there."""
    if not store.has(name):
        return []
    array = zarr.open_array(store.store, path=name, mode="r")
    return [str(value) for value in np.asarray(array[:])]


async def collected(keys: AsyncIterator[str]) -> list[str]:
    """Wait for all keys of a listing."""
    return [key async for key in keys]
