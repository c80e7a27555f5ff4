"""Write Datasets as Zarr stores that plain ``xr.open_zarr`` reads, with fixed encodings; open them.

The encodings are decided here, from the values and the CF attributes alone: what a Dataset
remembers of the file it came from (chunks, compressors, fill values) never reaches the store.
"""

import tempfile
import warnings
from collections.abc import Hashable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import xarray as xr

from xoceansar._paths import is_url, local_target, refuse_lost_slash, strange_entries
from xoceansar._progress import computing
from xoceansar.conventions import VIGNETTE
from xoceansar.conventions.texts import has_texts, stored_texts
from xoceansar.errors import OceansarError, ProductError
from xoceansar.io.archive.guarded_store import (
    WholeStore,
    bounded_texts,
    damaged,
    guarded,
    no_file_of_its_own,
    tell_unlisted,
    tell_without_list,
)
from xoceansar.io.archive.repository import (
    icechunk_errors,
    is_repository,
    open_repository,
)
from xoceansar.io.archive.storable import stored_flags, with_plain_attributes
from xoceansar.io.archive.zarr_url import is_zarr_at, write_at_url
from xoceansar.io.eopf.slc_listing import is_eopf_name
from xoceansar.io.remote import (
    StorageOptions,
    encode_options,
    storage_errors,
    with_limits,
)

if TYPE_CHECKING:
    from zarr.abc.store import Store as ZarrStore


#: What a Zarr store has, of format 3 or 2.
_ROOTS: Final = ("zarr.json", ".zgroup")
_TIME_UNITS: Final = "nanoseconds since 1970-01-01"
#: The integer that NaT is in memory.
_NAT: Final = np.int64(np.iinfo(np.int64).min)
#: Levels of folders where links are looked for: group, array, chunks.
_LEVELS: Final = 3
#: Attributes of the root of an archive: its settings, and how many rows of each group are
#: committed. They are no other store's.
SETTINGS: Final = "xoceansar_process"
COUNTS: Final = {"": "xoceansar_rows", "units": "xoceansar_products"}
#: How stores are written: a chunk whose values are all missing is written too, so that one that
#: is not there was lost.
WRITING: Final[dict[str, Any]] = {"zarr_format": 3, "write_empty_chunks": True}
#: Uncompressed bytes of a Zarr chunk: eight vignettes of 384 x 384, or all of a result.
_CHUNK_BYTES: Final = 5 << 20


def to_zarr(
    obj: xr.Dataset | xr.DataArray,
    path: str | Path,
    *,
    overwrite: bool = False,
    storage_options: StorageOptions | None = None,
) -> Path | str:
    """Write a Dataset as a Zarr store, format 3.

    Parameters
    ----------
    obj : Dataset or DataArray
        Images, embeddings or results; a DataArray becomes the one variable of its name. Not
        modified.
    path : str or Path
        Folder of the store; or a URL, as ``s3://bucket/result.zarr``, which fsspec writes to.
    overwrite : bool, default False
        Replace a store that exists, even the one that `obj` is lazily read from.
    storage_options : mapping, optional
        For URLs: keyword arguments of the fsspec file system.

    Returns
    -------
    Path or str
        `path`. Open it with ``xr.open_zarr(path)``.

    Raises
    ------
    ProductError
        If the path exists and may not be replaced: without `overwrite` always, with it where it is
        no Zarr store.
    OceansarError
        If a DataArray has no name.

    Notes
    -----
    Computes lazy data, all variables in one pass. The store appears under its name when it is
    whole: until then it is written beside it. On object storage, where nothing moves as a whole, its
    objects then come one after another.

    Encodings, whatever the input remembers: times are int64 nanoseconds since 1970-01-01; flags
    (``flag_values``) are in the smallest signed type that holds them, with a fill value that is none
    of them, -1 where it can be, so that a missing class is never class 0; flags of ``quality`` that
    became floats are integers again, with no_data where they are missing; strings are of variable length; chunks hold about 5 MiB along
    ``vignette`` and whole images. Metadata is consolidated, which is what ``xr.open_zarr`` looks for
    first; a reader that does not know it (Zarr format 3 leaves it open) opens the store too.

    Examples
    --------
    >>> import tempfile
    >>> ds = xr.Dataset({"swh": ("vignette", np.array([1.5, 2.0], np.float32))})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     xr.open_zarr(to_zarr(ds, folder + "/result.zarr")).swh.values
    array([1.5, 2. ], dtype=float32)
    """
    if is_url(str(path)):
        ready, encoding = _encoded_alone(obj)
        write_at_url(
            ready, encoding, str(path), overwrite=overwrite, options=storage_options
        )
        return str(path)
    target = local_target(path, "such a store")
    _check_target(target, overwrite)
    ready, encoding = _encoded_alone(obj)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(
        dir=target.parent, prefix=f".{target.name}-", ignore_cleanup_errors=True
    ) as temporary:
        draft = Path(temporary, "store")
        with computing("writing Zarr"):
            ready.to_zarr(draft, consolidated=False, encoding=encoding, **WRITING)
        _consolidate(draft)
        if target.exists():
            target.rename(Path(temporary, "replaced"))
        draft.rename(target)
    return target


def open_archive(
    path: str | Path,
    *,
    group: str | None = None,
    storage_options: StorageOptions | None = None,
) -> xr.Dataset:
    """Open an archive, whichever kind of store holds it.

    Parameters
    ----------
    path : str or Path
        A Zarr store, as of `to_zarr` and `xoceansar.process`, or an Icechunk repository, of which
        the last commit on the branch ``main`` is read; or an ``s3://`` URL of either.
    group : str, optional
        ``units`` for the table of products of an archive of `xoceansar.process`.
    storage_options : mapping, optional
        For URLs: keyword arguments of the fsspec file system.

    Returns
    -------
    Dataset
        Lazy; what is committed later is not seen.

    Raises
    ------
    ProductError
        If there is no such store, or it cannot be read.
    MissingDependencyError
        If it is an Icechunk repository and Icechunk is not installed.

    Notes
    -----
    Without this package a Zarr store opens with ``xr.open_zarr(path)``, and a repository with
    ``icechunk.Repository.open(icechunk.local_filesystem_storage(path))``, whose
    ``readonly_session("main").store`` is what ``xr.open_zarr`` takes.

    Examples
    --------
    >>> import xoceansar as xos
    >>> ds = xos.open_archive("2021.icechunk")  # doctest: +SKIP
    """
    refuse_lost_slash(path)
    target = str(path) if is_url(str(path)) else str(Path(path).expanduser())
    options = encode_options(storage_options)
    try:
        _refuse_links(target)
        with icechunk_errors(), storage_errors():
            lazy = _opened(target, options, group, storage_options)
        checked = guarded(lazy, target)
    except OceansarError:
        raise
    except OSError as error:
        raise ProductError(
            f"{path} cannot be opened as an archive ({error}). Check the path, and the "
            "credentials; xoceansar.process makes archives."
        ) from error
    except Exception as error:
        raise damaged(target, "it", error) from error
    rows = lazy.attrs.get(COUNTS[""])
    if rows and not group and not lazy.variables:
        raise ProductError(
            f"{path} lists no variable, and {rows} rows were written to it: another program "
            f"changed it. Try: xoceansar check {path} --mend"
        )
    return checked


def _opened(
    target: str, options: str, group: str | None, access: StorageOptions | None
) -> xr.Dataset:
    how: dict[str, Any] = {"group": group, "chunks": None}
    if is_repository(target, options):
        session = open_repository(target, options).readonly_session("main")
        whole = WholeStore(session.store, target)
        with bounded_texts():
            ds: xr.Dataset = xr.open_zarr(whole, consolidated=False, **how)
        return ds
    whole = WholeStore(_base(target, access), target)
    with bounded_texts():
        plain: xr.Dataset = xr.open_zarr(whole, **how)
    rows = plain.attrs.get(COUNTS[""])
    # a root that counts no row has what is left of a first commit that was cut short
    if not is_url(target) and rows != 0:
        tell_unlisted(Path(target, group or ""), plain)
    if rows:
        tell_without_list(whole, target)
    return plain


def _base(target: str, access: StorageOptions | None) -> "ZarrStore":
    from zarr.storage import FsspecStore, LocalStore

    if not is_url(target):
        return LocalStore(target, read_only=True)
    options = with_limits(target, access or {})
    return FsspecStore.from_url(target, storage_options=options, read_only=True)


def _refuse_links(target: str) -> None:
    """Refuse arrays, or chunks of them, that are links to somewhere else, pipes or devices."""
    if is_url(target):
        return
    strange = next(strange_entries(Path(target), _LEVELS), None)
    if strange is not None:
        raise no_file_of_its_own(*strange)


def is_archive(path: str | Path) -> bool:
    """Say whether there is a store that `open_archive` opens."""
    refuse_lost_slash(path)
    if is_eopf_name(str(path)):
        return False
    if is_url(str(path)):
        return is_zarr_at(str(path)) or is_repository(str(path))
    return _is_zarr(Path(path)) or is_repository(str(path))


def _is_zarr(folder: Path) -> bool:
    return any((folder / name).is_file() for name in _ROOTS)


def encode(
    ds: xr.Dataset, *, rows: int | None = None, dim: str = VIGNETTE
) -> tuple[xr.Dataset, dict[Hashable, dict[str, Any]]]:
    """Decide how a Dataset is stored, as `to_zarr` does."""
    plain = with_plain_attributes(ds)
    fills: dict[Hashable, np.generic | None] = {}
    for name, variable in plain.variables.items():
        flags, fills[name] = stored_flags(variable, name)
        if flags is not variable:
            plain[name] = flags
    encoding = {
        name: _encoding(plain[name], fills[name], dim, rows) for name in plain.variables
    }
    return _prepared(plain, encoding), encoding


def _check_target(target: Path, overwrite: bool) -> None:
    if not target.exists():
        return
    if not overwrite:
        raise ProductError(
            f"{target} exists already. Choose another path, or replace it with overwrite=True."
        )
    if not _is_zarr(target):
        raise ProductError(
            f"{target} exists and is not a Zarr store, so it is not replaced. "
            "Choose another path."
        )


def _encoded_alone(
    obj: xr.Dataset | xr.DataArray,
) -> tuple[xr.Dataset, dict[Hashable, dict[str, Any]]]:
    """Encode what is no archive of `process`, whatever it inherited from one."""
    ready, encoding = encode(_as_dataset(obj))
    for name in (SETTINGS, *COUNTS.values()):
        ready.attrs.pop(name, None)
    return ready, encoding


def _as_dataset(obj: xr.Dataset | xr.DataArray) -> xr.Dataset:
    if isinstance(obj, xr.Dataset):
        return obj
    if obj.name is None:
        raise OceansarError(
            "a DataArray needs a name to be written. Give it one with da.rename('name')."
        )
    return obj.to_dataset()


def _consolidate(store: Path) -> None:
    import zarr

    with warnings.catch_warnings():
        # The choice is ours and documented; without it every xr.open_zarr would warn.
        warnings.filterwarnings(
            "ignore", message="Consolidated metadata is currently not"
        )
        zarr.consolidate_metadata(str(store))


def _prepared(ds: xr.Dataset, encoding: dict[Hashable, dict[str, Any]]) -> xr.Dataset:
    """Return the Dataset with what the encodings need: plain strings, matching Dask chunks."""
    out = ds.drop_encoding()
    replaced = {}
    for name, variable in out.variables.items():
        new = variable
        if has_texts(variable):
            # Of fixed width, strings have no specification in Zarr format 3 and cut what is
            # appended; as objects, lazy ones would be loaded to find their type.
            new = stored_texts(variable, name)
        elif variable.dtype.kind == "M":
            # xarray encodes coarser times that hold NaT through floats, and loses them.
            new = new.astype("datetime64[ns]")
        if variable.chunks is not None:
            chunks = encoding[name]["chunks"]
            new = new.chunk(dict(zip(variable.dims, chunks, strict=True)))
        replaced[name] = new
    data = {name: v for name, v in replaced.items() if name in out.data_vars}
    coords = {name: v for name, v in replaced.items() if name in out.coords}
    return xr.Dataset(data, coords, out.attrs)


def _encoding(
    array: xr.DataArray, flag: np.generic | None, dim: str, rows: int | None
) -> dict[str, Any]:
    """Decide how a variable is stored."""
    from zarr.codecs import Crc32cCodec, ZstdCodec

    encoding: dict[str, Any] = {"compressors": (ZstdCodec(), Crc32cCodec())}
    if array.ndim:
        encoding["chunks"] = _chunks(array, dim, rows)
    fill: Any = flag
    if array.dtype.kind == "M":
        fill = _NAT
        encoding |= {"units": _TIME_UNITS, "calendar": "proleptic_gregorian"}
        encoding["dtype"] = fill.dtype
    elif array.dtype.kind == "f":
        fill = array.dtype.type(np.nan)
    # The first says what is missing; the second is what Zarr returns for a chunk that was lost.
    if fill is not None:
        encoding |= {"_FillValue": fill, "fill_value": fill}
    elif array.dtype.kind in "iu":
        limits = np.iinfo(array.dtype)
        # 0 would be a good quality, or a count; of flag masks, every flag is set
        lost = limits.max if array.dtype.kind == "u" else limits.min
        encoding["fill_value"] = array.dtype.type(lost)
    return encoding


def _chunks(array: xr.DataArray, dim: str, most: int | None) -> tuple[int, ...]:
    sizes = dict(zip(array.dims, (max(n, 1) for n in array.shape), strict=True))
    if dim in sizes:
        itemsize = 64 if has_texts(array) else array.dtype.itemsize
        row = itemsize * int(np.prod([n for d, n in sizes.items() if d != dim]))
        rows = max(_CHUNK_BYTES // row, 1)
        sizes[dim] = min(rows, most or sizes[dim])
    return tuple(sizes.values())
