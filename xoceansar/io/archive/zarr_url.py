"""A Zarr store at a URL: written beside its place, and moved there when it is whole."""

import warnings
from collections.abc import Hashable
from typing import Any
from uuid import uuid4

import xarray as xr

from xoceansar._progress import computing
from xoceansar.errors import ProductError
from xoceansar.io.remote import (
    StorageOptions,
    encode_options,
    open_filesystem,
    storage_errors,
    unreachable,
    with_limits,
)


def write_at_url(
    ready: xr.Dataset,
    encoding: dict[Hashable, dict[str, Any]],
    url: str,
    *,
    overwrite: bool,
    options: StorageOptions | None,
) -> None:
    """Write an encoded Dataset as a Zarr store on object storage."""
    url = url.rstrip("/")
    filesystem, path = open_filesystem(url, encode_options(options))
    draft = f"{url}.{uuid4().hex[:12]}.draft"
    access = with_limits(url, options or {})
    try:
        with storage_errors():
            filesystem.invalidate_cache()
            there = filesystem.exists(path)
            _check(
                there and overwrite and _is_zarr(filesystem, path),
                there,
                url,
                overwrite,
            )
            try:
                with computing("writing Zarr"):
                    ready.to_zarr(
                        draft, zarr_format=3, consolidated=False, encoding=encoding,
                        storage_options=access, write_empty_chunks=True,
                    )  # fmt: skip
                _consolidate(draft, access)
                if there:
                    filesystem.rm(path, recursive=True)
                _copy(filesystem, str(filesystem._strip_protocol(draft)), path)
            finally:
                filesystem.invalidate_cache()
                left = filesystem._strip_protocol(draft)
                if filesystem.exists(left):
                    filesystem.rm(left, recursive=True)
    except OSError as error:
        reason = error.strerror or str(error) or type(error).__name__
        raise ProductError(
            f"{url} cannot be written ({reason}). Check the URL, the credentials and the network."
        ) from error


def _copy(filesystem: Any, source: str, target: str) -> None:
    """Copy a store, the metadata of its root last: until then there is none to be opened."""
    filesystem.invalidate_cache()
    objects = [str(name)[len(source) :] for name in filesystem.find(source)]
    root = "/zarr.json"
    for names in ([name for name in objects if name != root], [root]):
        filesystem.copy(
            [source + name for name in names], [target + name for name in names]
        )


def is_zarr_at(url: str) -> bool:
    """Say whether there is a Zarr store at a URL."""
    filesystem, path = open_filesystem(url, "{}")
    try:
        with storage_errors():
            filesystem.invalidate_cache()
            return _is_zarr(filesystem, path)
    except OSError as error:
        raise unreachable(url, error) from error


def _is_zarr(filesystem: Any, path: str) -> bool:
    return any(filesystem.exists(f"{path}/{name}") for name in ("zarr.json", ".zgroup"))


def _check(replaced: bool, there: bool, url: str, overwrite: bool) -> None:
    if there and not overwrite:
        raise ProductError(
            f"{url} exists already. Choose another URL, or replace it with overwrite=True."
        )
    if there and not replaced:
        raise ProductError(
            f"{url} exists and is not a Zarr store, so it is not replaced. Choose another URL."
        )


def _consolidate(url: str, access: dict[str, Any]) -> None:
    import zarr

    with warnings.catch_warnings():
        # the choice is ours and documented, as for local stores
        warnings.filterwarnings(
            "ignore", message="Consolidated metadata is currently not"
        )
        zarr.consolidate_metadata(
            zarr.open_group(
                url, mode="r+", storage_options=access, use_consolidated=False
            ).store
        )
