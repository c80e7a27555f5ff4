"""The archive: rows of vignettes and of products, appended and committed together."""

import errno
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import xarray as xr
import zarr

from xoceansar.conventions import VIGNETTE, annotate, product_attrs
from xoceansar.errors import ArchiveError
from xoceansar.io.archive import encode
from xoceansar.processing._transaction import Transaction, open_base
from xoceansar.processing.block import Outcome
from xoceansar.processing.settings import Settings

__all__ = ["UNITS", "Archive", "Record", "read_records"]

#: Group of the table of products.
UNITS: Final = "units"
#: Attribute of the root that holds the settings.
_SETTINGS: Final = "xoceansar_process"
_UNIT: Final = "unit"
#: Rows of a chunk of values of a few bytes: a chunk that is not full is written again by the next
#: commit.
_ROWS: Final = 4096


@dataclass(frozen=True)
class Record:
    """What became of a product.

    Parameters
    ----------
    product, path : str
        Its name, and where it was.
    first_row, rows : int
        Its vignettes in the archive.
    repeated : int
        Vignettes that the archive had already, from another product.
    failure : str
        Why it could not be processed; empty where it could.
    notes : str
        Warnings on the way, one a line.
    """

    product: str
    path: str
    first_row: int
    rows: int
    repeated: int
    failure: str
    notes: str


class Archive:
    """An archive that one writer adds to.

    Parameters
    ----------
    target : str
        Path or URL.
    options : str
        From `xoceansar.io.remote.encode_options`.
    settings : Settings
        What it holds, or will hold.

    Raises
    ------
    ArchiveError
        If there is something else at `target`, or an archive with other settings, or it cannot
        be read.
    """

    def __init__(self, target: str, options: str, settings: Settings) -> None:
        self.target = target
        self.settings = settings
        self._options = options
        self._load(read_only=True)

    def _load(self, *, read_only: bool) -> None:
        """Read what is committed."""
        with _in_words(self.target, "read"):
            base = open_base(self.target, self._options, read_only=read_only)
            self._store = Transaction(base)
            self._check()
            self.records = _records(self._store) if UNITS in self._store.members else []
            self._known = set(self._values("vignette_id"))
        self.rows = len(self._known)

    @property
    def latest(self) -> dict[str, Record]:
        """What became last of each product, by its name."""
        return {record.product: record for record in self.records}

    def _check(self) -> None:
        attributes = self._store.attributes
        if attributes is None:
            if not _empty(self._store):
                raise ArchiveError(
                    f"{self.target} exists and is no archive. Choose another path."
                )
            return
        if _SETTINGS not in attributes:
            raise ArchiveError(
                f"{self.target} is a Zarr store that 'process' did not make, so nothing is "
                "added to it. Choose another path."
            )
        self.settings.check(str(attributes[_SETTINGS]), self.target)

    def _values(self, name: str) -> list[str]:
        if name not in self._store.members:
            return []
        found = zarr.open_array(self._store, path=name, mode="r")
        return [str(value) for value in np.asarray(found[:])]

    def begin(self) -> None:
        """Read again, to write: to be called once the lock is held.

        Raises
        ------
        ArchiveError
            If it cannot be written.

        Notes
        -----
        Makes the archive, without rows, where there is none.
        """
        self._load(read_only=False)
        with _in_words(self.target, "written"):
            if self._store.attributes is None:
                attrs = product_attrs("processed into an archive")
                attrs[_SETTINGS] = self.settings.to_json()
                zarr.create_group(self._store, zarr_format=3, attributes=attrs)
            self._commit()

    def commit(self, outcomes: Iterable[Outcome]) -> None:
        """Append the results of products, in their order, and make them visible at once.

        Parameters
        ----------
        outcomes : iterable of Outcome
            Of `xoceansar.processing.block.process_unit`.

        Raises
        ------
        ArchiveError
            If it cannot be written. What was committed before is untouched; this object then
            has to be made anew.
        """
        tables: list[xr.Dataset] = []
        records: list[Record] = []
        count = self.rows
        for outcome in outcomes:
            new, repeated = self._new_rows(outcome.rows)
            size = 0 if new is None else new.sizes[VIGNETTE]
            records.append(_record(outcome, count, size, repeated))
            count += size
            if new is not None and size:
                tables.append(new)
        with _in_words(self.target, "written"):
            if tables:
                self._append(_joined(tables), VIGNETTE, None)
            if records:
                self._append(_table(records), _UNIT, UNITS)
            self._commit()
        self.rows = count
        self.records += records

    def _new_rows(self, rows: xr.Dataset | None) -> tuple[xr.Dataset | None, int]:
        """Leave out what the archive has, and remember the rest."""
        if rows is None:
            return None, 0
        names = [str(name) for name in rows["vignette_id"].values]
        new = [k for k, name in enumerate(names) if name not in self._known]
        self._known.update(names)
        repeated = len(names) - len(new)
        return (rows.isel({VIGNETTE: new}) if repeated else rows), repeated

    def _append(self, ds: xr.Dataset, dim: str, group: str | None) -> None:
        ready, encoding = encode(ds, rows=_ROWS, dim=dim)
        first = f"{group}/product" if group else "vignette_id"
        if group is None:
            kept = self._store.attributes or {}
            kept.pop("coordinates", None)  # xarray's own, which it writes again
            if "simulated" in ready.attrs:
                # one simulated product makes the whole simulated
                kept |= {name: ready.attrs[name] for name in ("simulated", "source")}
            ready.attrs = {**ready.attrs, **kept}
        if first not in self._store.members:
            ready.to_zarr(
                self._store, group=group, mode="a", zarr_format=3, consolidated=False,
                encoding=encoding,
            )  # fmt: skip
            return
        growing = ready.drop_vars(
            [n for n, v in ready.variables.items() if dim not in v.dims]
        )
        for name, variable in growing.variables.items():
            if variable.dtype.kind == "T":
                # what xarray compares with: it reads strings of a store as objects
                growing[name] = growing[name].astype(object)
        growing.to_zarr(
            self._store, group=group, mode="a", zarr_format=3, consolidated=False,
            append_dim=dim,
        )  # fmt: skip

    def _commit(self) -> None:
        with warnings.catch_warnings():
            # the choice is ours: the root's consolidated metadata is the commit
            warnings.filterwarnings(
                "ignore", message="Consolidated metadata is currently not"
            )
            if UNITS in self._store.members:
                zarr.consolidate_metadata(self._store, path=UNITS)
            zarr.consolidate_metadata(self._store)
        self._store.commit()


def read_records(target: str, options: str = "{}") -> list[Record]:
    """Read what became of each product of an archive.

    Parameters
    ----------
    target : str
        Path or URL of the archive.
    options : str
        From `xoceansar.io.remote.encode_options`.

    Returns
    -------
    list of Record
        In the order in which they were committed; a product that was tried again is there again.

    Raises
    ------
    ArchiveError
        If there is no archive.
    """
    with _in_words(target, "read"):
        store = Transaction(open_base(target, options, read_only=True))
        if _SETTINGS not in (store.attributes or {}):
            raise ArchiveError(
                f"{target} is no archive of 'process'. Make one with: xoceansar process "
                f"PRODUCT.SAFE --to {target}"
            )
        return _records(store) if UNITS in store.members else []


def _empty(store: Transaction) -> bool:
    from zarr.core.sync import sync

    try:
        return bool(sync(store.is_empty("")))
    except FileNotFoundError:
        return True


def _records(store: Transaction) -> list[Record]:
    table = xr.open_zarr(store, group=UNITS, consolidated=False, chunks=None).load()
    columns = (
        table["product"].values,
        table["source_path"].values,
        table["first_row"].values,
        table["row_count"].values,
        table["repeated_count"].values,
        table["failure_reason"].values,
        table["processing_notes"].values,
    )
    return [
        Record(str(a), str(b), int(c), int(d), int(e), str(f), str(g))
        for a, b, c, d, e, f, g in zip(*columns, strict=True)
    ]


def _record(outcome: Outcome, first: int, rows: int, repeated: int) -> Record:
    return Record(
        product=outcome.unit.name,
        path=outcome.unit.path,
        first_row=first,
        rows=rows,
        repeated=repeated,
        failure=outcome.failure,
        notes="\n".join(outcome.notes),
    )


def _table(records: list[Record]) -> xr.Dataset:
    now = np.datetime64("now", "ns")
    columns: dict[str, Any] = {
        "product": [r.product for r in records],
        "source_path": [r.path for r in records],
        "first_row": np.array([r.first_row for r in records], np.int64),
        "row_count": np.array([r.rows for r in records], np.int32),
        "repeated_count": np.array([r.repeated for r in records], np.int32),
        "processing_status": np.array([bool(r.failure) for r in records], np.int8),
        "failure_reason": [r.failure for r in records],
        "processing_notes": [r.notes for r in records],
        "processing_time": np.full(len(records), now),
    }
    return xr.Dataset(
        {
            name: annotate(xr.DataArray(np.asarray(values), dims=_UNIT), name)
            for name, values in columns.items()
        },
        attrs={
            "title": "Products of the archive, in the order in which they were added"
        },
    )


def _joined(tables: list[xr.Dataset]) -> xr.Dataset:
    if len(tables) == 1:
        return tables[0]
    out: xr.Dataset = xr.concat(
        tables,
        VIGNETTE,
        data_vars="minimal",
        coords="minimal",
        compat="override",
        join="override",
        combine_attrs="override",
    )
    for table in tables:
        if "simulated" in table.attrs:
            out.attrs |= {name: table.attrs[name] for name in ("simulated", "source")}
    return out


@contextmanager
def _in_words(target: str, what: str) -> Iterator[None]:
    """Say what an operating system's error means for the archive."""
    try:
        yield
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
