"""Say what is wrong with an archive, and mend what can be mended without guessing."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice, product
from pathlib import Path

import zarr
from zarr.core.sync import sync

from xoceansar._paths import is_url
from xoceansar._progress import tracked
from xoceansar.errors import ArchiveError
from xoceansar.io.archive.zarr_archive import SETTINGS
from xoceansar.io.eopf.slc_listing import eopf_stores, is_eopf_name
from xoceansar.io.remote import StorageOptions, encode_options
from xoceansar.processing.archive_faults import (
    Fault,
    chunk_keys,
    find_lengths,
    find_lost_chunks,
    find_strange,
    find_table_faults,
    growing,
)
from xoceansar.processing.archive_stores import ArchiveStore, choose_kind, open_store
from xoceansar.processing.product_check import check_products
from xoceansar.processing.product_records import UNITS, read_table
from xoceansar.processing.store_reading import collected, in_words, read_texts
from xoceansar.processing.writer_lock import ArchiveLock


@dataclass(frozen=True)
class ArchiveReport:
    """What is in an archive, and what is wrong with it.

    Parameters
    ----------
    archive : str
        Path or URL.
    vignettes, products : int
        Rows, and products in the table; 0 of these where it has no table.
    faults : tuple of Fault
        What is wrong; those that are ``mendable`` are put right by ``mend=True``.
    mended : tuple of Fault
        What was put right.
    """

    archive: str
    vignettes: int
    products: int
    faults: tuple[Fault, ...]
    mended: tuple[Fault, ...] = ()


def check_archive(
    path: str | Path,
    *,
    mend: bool = False,
    storage_options: StorageOptions | None = None,
) -> ArchiveReport:
    """Read an archive whole, and say what is wrong with it.

    Parameters
    ----------
    path : str or Path
        A Zarr store, as of `xoceansar.to_zarr` and `xoceansar.process`, or an Icechunk repository;
        or an ``s3://`` URL of either. Or a product in the EOPF format, of which every vignette is read.
    mend : bool, default False
        Whether to write anew what follows from the rest: the consolidated metadata of the root, and
        metadata files of arrays. Values are never changed, and nothing is removed.
    storage_options : mapping, optional
        For URLs: keyword arguments of the fsspec file system.

    Returns
    -------
    ArchiveReport
        With every fault: metadata that is cut short, stale or missing, lengths that differ, chunks
        that are missing, cut short or have another checksum, rows that the table of products does
        not know, symbolic links.

    Raises
    ------
    ArchiveError
        If there is no archive, or it cannot be read at all, or has a writer when it is mended.

    Notes
    -----
    Reads every chunk, one after another. Chunks that were written without checksums, before
    version 0.1 of this package or by another program, are only seen to decode.

    Examples
    --------
    >>> import tempfile, xarray as xr, xoceansar as xos
    >>> ds = xr.Dataset({"swh": ("vignette", [1.5, 2.0])})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     xos.check_archive(xos.to_zarr(ds, folder + "/result.zarr")).faults
    ()
    """
    target = str(path) if is_url(str(path)) else str(Path(path).expanduser().absolute())
    options = encode_options(storage_options)
    report = _report(target, options)
    mendable = tuple(fault for fault in report.faults if fault.mendable)
    if not mend or not mendable:
        return report
    with in_words(target, "written"), ArchiveLock(target, options):
        store = open_store(target, options, "zarr", read_only=False)
        if any(not fault.mendable for fault in _of_metadata(store)):
            return report
        store.commit("metadata written anew", {})
    after = _report(target, options)
    return replace(after, mended=tuple(f for f in mendable if f not in after.faults))


def _report(target: str, options: str) -> ArchiveReport:
    if is_eopf_name(target):
        stores = eopf_stores(target, options)
        count, wrong = check_products(stores)
        return ArchiveReport(target, count, len(stores), tuple(wrong))
    strange = find_strange(target)
    if strange:
        return ArchiveReport(target, 0, 0, tuple(strange))
    with in_words(target, "read"):
        store = open_store(
            target, options, choose_kind(target, options, None), read_only=True
        )
        faults = _of_metadata(store)
        if not store.members and not faults:
            raise ArchiveError(
                f"{target} holds no Zarr store of format 3 and no Icechunk repository, so there "
                "is no archive to check. Check the path, and the credentials."
            )
        keys = set(sync(collected(store.store.list_prefix(""))))
        members = store.members
        with tracked(members, "checking arrays", len(members)) as paths:
            values = [
                fault for path in paths for fault in _of_values(store, path, keys)
            ]
    faults += find_lost_chunks(store.members, keys)
    vignettes = max(growing("", store.members).values(), default=0)
    products = max(growing(UNITS, store.members).values(), default=0)
    if SETTINGS in (store.attributes or {}) and not faults and not values:
        records = read_table(store.store) if store.has(UNITS) else []
        faults += find_table_faults(records, read_texts(store, "vignette_id"))
    return ArchiveReport(target, vignettes, products, (*faults, *values))


def _of_metadata(store: ArchiveStore) -> list[Fault]:
    faults = [*store.faults, *find_lengths(store.members)]
    for path, metadata in store.members.items():
        if metadata.get("node_type") == "array":
            try:
                zarr.open_array(store.store, path=path, mode="r")
            except Exception as error:  # noqa: BLE001  of Zarr, and of any codec
                faults.append(Fault(path, f"its metadata is damaged: {_said(error)}"))
    return faults


def _of_values(store: ArchiveStore, path: str, keys: set[str]) -> Iterator[Fault]:
    """Read each chunk of an array that is there."""
    if store.members[path].get("node_type") != "array":
        return
    try:
        array = zarr.open_array(store.store, path=path, mode="r")
    except Exception:  # noqa: BLE001  said of the metadata already
        return
    steps = array.shards or array.chunks
    starts = product(
        *(range(0, size, step) for size, step in zip(array.shape, steps, strict=True))
    )
    # as many as there are keys: a damaged shape may promise any number
    chunks = islice(chunk_keys(store.members[path]), len(keys))
    for key, start in zip(chunks, starts, strict=False):
        part = tuple(slice(i, i + step) for i, step in zip(start, steps, strict=True))
        try:
            if f"{path}/{key}" in keys:
                array[part]
        except Exception as error:  # noqa: BLE001  of any codec
            yield Fault(f"{path}/{key}", f"the chunk is damaged: {_said(error)}")


def _said(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())
