"""Icechunk repositories: whether one lies at a path or URL, and how it is opened."""

import errno
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from xoceansar._optional import require
from xoceansar._paths import is_url
from xoceansar.errors import ArchiveError
from xoceansar.io.remote import open_filesystem, storage_errors

if TYPE_CHECKING:
    from icechunk import Repository, Storage


#: What a repository has since Icechunk 1, and since Icechunk 2.
_MARKS: Final = ("refs/branch.main/ref.json", "repo")
#: What every repository has beside it.
_SNAPSHOTS: Final = "snapshots"
_S3: Final = ("s3", "s3a")
#: Options of s3fs that Icechunk has too, and its names of them.
_OPTIONS: Final = {
    "key": "access_key_id",
    "secret": "secret_access_key",
    "token": "session_token",
    "anon": "anonymous",
    "requester_pays": "requester_pays",
    "endpoint_url": "endpoint_url",
    "region_name": "region",
}


def is_repository(target: str, options: str = "{}") -> bool:
    """Say whether there is an Icechunk repository.

    Notes
    -----
    Needs no Icechunk, so that one can say where it is missing.
    """
    if not is_url(target):
        root = Path(target)
        return (root / _SNAPSHOTS).is_dir() and any(
            (root / mark).is_file() for mark in _MARKS
        )
    if target.partition("://")[0] not in _S3:
        return False
    filesystem, path = open_filesystem(target, options)
    filesystem.invalidate_cache()
    return any(filesystem.exists(f"{path}/{mark}") for mark in _MARKS) and bool(
        filesystem.exists(f"{path}/{_SNAPSHOTS}")
    )


def check_target(target: str) -> None:
    """Refuse a URL where no repository can be."""
    if not is_url(target):
        return
    protocol, _, path = target.partition("://")
    if protocol not in _S3 or "/" not in path.strip("/"):
        raise ArchiveError(
            f"{target} cannot hold an Icechunk archive: a local path is needed, or "
            "s3://bucket/prefix. Give one of these, or --store zarr."
        )


def open_repository(target: str, options: str = "{}") -> "Repository":
    """Open a repository that exists."""
    icechunk = _icechunk()
    with icechunk_errors():
        opened: Repository = icechunk.Repository.open(_storage(target, options))
        return opened


def create_repository(target: str, options: str = "{}") -> "Repository":
    """Make a repository, or open the one that somebody else made meanwhile."""
    icechunk = _icechunk()
    try:
        with icechunk_errors():
            if is_url(target):
                icechunk.Repository.create(_storage(target, options))
            else:
                _create_local(Path(target))
    except OSError:
        if not is_repository(target, options):
            raise
    return open_repository(target, options)


def _create_local(target: Path) -> None:
    """Make it beside its place and move it there: it is there whole, or not at all."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(
        dir=target.parent, prefix=f".{target.name}-", ignore_cleanup_errors=True
    ) as temporary:
        draft = Path(temporary, "repository")
        _icechunk().Repository.create(_storage(str(draft), "{}"))
        draft.rename(target)


@contextmanager
def icechunk_errors() -> Iterator[None]:
    """Raise what Icechunk, or what lies below fsspec, says of storage as an OSError, with the cause alone."""
    try:
        with storage_errors():
            yield
    except Exception as error:
        icechunk = sys.modules.get("icechunk")
        # from Icechunk 2.1 on, a conflict is one of the others
        if (
            icechunk is None
            or isinstance(error, icechunk.ConflictError)
            or not isinstance(error, icechunk.IcechunkError)
        ):
            raise
        lines = [line.strip(" x|`->") for line in str(error).splitlines()]
        reason = next((line for line in reversed(lines) if line), "IcechunkError")
        full = os.strerror(errno.ENOSPC)
        if full in reason:
            raise OSError(errno.ENOSPC, full) from error
        raise OSError(reason) from error


def _icechunk() -> Any:
    return require("icechunk", extra="icechunk")


def _storage(target: str, options: str) -> "Storage":
    icechunk = _icechunk()
    check_target(target)
    if not is_url(target):
        local: Storage = icechunk.local_filesystem_storage(target)
        return local
    bucket, _, prefix = target.partition("://")[2].strip("/").partition("/")
    remote: Storage = icechunk.s3_storage(
        bucket=bucket, prefix=prefix, **_s3_arguments(json.loads(options))
    )
    return remote


def _s3_arguments(options: dict[str, Any]) -> dict[str, Any]:
    """Translate options of s3fs; what is not given comes from the environment, as there."""
    client = options.pop("client_kwargs", None) or {}
    unknown = sorted({*options, *client} - set(_OPTIONS))
    if unknown:
        raise ArchiveError(
            f"Icechunk has no storage option {unknown}; it has {sorted(_OPTIONS)} (the last "
            "two in client_kwargs too). Leave the others out, or use --store zarr."
        )
    settings = {_OPTIONS[name]: value for name, value in {**options, **client}.items()}
    endpoint = (
        settings.pop("endpoint_url", None)
        or os.environ.get("AWS_ENDPOINT_URL_S3")
        or os.environ.get("AWS_ENDPOINT_URL")
    )
    if endpoint:
        settings |= {"endpoint_url": endpoint, "force_path_style": True}
        settings["allow_http"] = endpoint.startswith("http://")
        settings.setdefault("region", os.environ.get("AWS_REGION", "us-east-1"))
    if not settings.get("anonymous") and "access_key_id" not in settings:
        settings["from_env"] = True
    return settings
