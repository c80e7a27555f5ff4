"""The archive: rows of vignettes and of products, appended and committed together."""

import errno
import random
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, TypeVar

import numpy as np
import xarray as xr
import zarr
from zarr.core.buffer import default_buffer_prototype
from zarr.core.sync import sync

from xoceansar.conventions import VIGNETTE, product_attrs
from xoceansar.errors import ArchiveError
from xoceansar.io.archive import encode
from xoceansar.io.repository import icechunk_errors
from xoceansar.processing._icechunk import OvertakenError
from xoceansar.processing._stores import (
    ArchiveStore,
    StoreKind,
    choose_kind,
    open_store,
)
from xoceansar.processing.block import Outcome
from xoceansar.processing.records import (
    UNIT,
    UNITS,
    Record,
    read_table,
    to_record,
    to_table,
)
from xoceansar.processing.settings import Settings
from xoceansar.texts import STRING, has_texts, text_values

if TYPE_CHECKING:
    from zarr.abc.store import Store

__all__ = ["Archive", "read_records"]

#: Attribute of the root that holds the settings.
_SETTINGS: Final = "xoceansar_process"
#: Rows of a chunk of values of a few bytes: a chunk that is not full is written again by the next
#: commit.
_ROWS: Final = 4096
#: Times that a commit is tried, where other writers are first, and the longest pause between.
_TRIES: Final = 50
_PAUSE: Final = 2.0

_T = TypeVar("_T")


class Archive:
    """An archive that a writer adds to: alone, or beside others where its store allows.

    Parameters
    ----------
    target : str
        Path or URL.
    options : str
        From `xoceansar.io.remote.encode_options`.
    settings : Settings
        What it holds, or will hold.
    store : {"zarr", "icechunk"}, optional
        What it is held in: if not given, what is there, or else Zarr.

    Raises
    ------
    ArchiveError
        If there is something else at `target`, or an archive with other settings, or it cannot
        be read.
    """

    def __init__(
        self,
        target: str,
        options: str,
        settings: Settings,
        store: StoreKind | None = None,
    ) -> None:
        self.target = target
        self.settings = settings
        self._options = options
        with _in_words(target, "read"):
            self._kind = choose_kind(target, options, store)
        self._begun = 0
        self._load(read_only=True)

    @property
    def one_writer(self) -> bool:
        """Whether a lock has to keep other writers away."""
        return self._kind == "zarr"

    def _load(self, *, read_only: bool) -> None:
        """Read what is committed."""
        with _in_words(self.target, "read"):
            self._store: ArchiveStore = open_store(
                self.target, self._options, self._kind, read_only=read_only
            )
            self._check()
            self.records = (
                read_table(self._store.store) if self._store.has(UNITS) else []
            )
            self._known = set(self._values("vignette_id"))
        self._theirs = {r.product: r for r in self.records[self._begun :]}
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
                f"{self.target} is a store that 'process' did not make, so nothing is "
                "added to it. Choose another path."
            )
        self.settings.check(str(attributes[_SETTINGS]), self.target)

    def _values(self, name: str) -> list[str]:
        if not self._store.has(name):
            return []
        found = zarr.open_array(self._store.store, path=name, mode="r")
        return [str(value) for value in np.asarray(found[:])]

    def begin(self) -> None:
        """Read again, to write: to be called once the lock is held, where one is needed.

        Raises
        ------
        ArchiveError
            If it cannot be written.

        Notes
        -----
        Makes the archive, without rows, where there is none.
        """
        self._load(read_only=False)
        self._until_committed(self._found)
        self._begun, self._theirs = len(self.records), {}

    def _found(self) -> None:
        if self._store.attributes is None:
            attrs = product_attrs("processed into an archive")
            attrs[_SETTINGS] = self.settings.to_json()
            zarr.create_group(self._store.store, zarr_format=3, attributes=attrs)
        self._store.commit("a new archive", {})

    def commit(self, outcomes: Iterable[Outcome]) -> list[Record]:
        """Append the results of products, in their order, and make them visible at once.

        Parameters
        ----------
        outcomes : iterable of Outcome
            Of `xoceansar.processing.block.process_unit`.

        Returns
        -------
        list of Record
            What was added. A product that another writer has added since `begin` is left out,
            unless that one failed and this one did not.

        Raises
        ------
        ArchiveError
            If it cannot be written, or others are always first. What was committed before is
            untouched; this object then has to be made anew.
        """
        made = list(outcomes)
        return self._until_committed(lambda: self._write(made))

    def _until_committed(self, write: Callable[[], _T]) -> _T:
        """Write and commit; where another writer was first, on top of what that one wrote."""
        for k in range(_TRIES):
            try:
                with _in_words(self.target, "written"):
                    return write()
            except OvertakenError:
                # of two that would meet again and again, one waits longer
                time.sleep(random.uniform(0.0, min(_PAUSE, 0.05 * 2.0**k)))
                self._load(read_only=False)
        raise ArchiveError(
            f"{self.target} was committed to by others {_TRIES} times while this writer tried. "
            "It is as they left it. Run again, with fewer writers at a time or a longer "
            "commit_seconds: it goes on from there."
        )

    def _write(self, outcomes: list[Outcome]) -> list[Record]:
        tables: list[xr.Dataset] = []
        records: list[Record] = []
        count = self.rows
        for outcome in outcomes:
            if self._is_done(outcome):
                continue
            new, repeated = self._new_rows(outcome.rows)
            size = 0 if new is None else new.sizes[VIGNETTE]
            records.append(to_record(outcome, count, size, repeated))
            count += size
            if new is not None and size:
                tables.append(new)
        if tables:
            self._append(_joined(tables), VIGNETTE, None)
        if records:
            self._append(to_table(records), UNIT, UNITS)
        added = count - self.rows
        self._store.commit(
            f"{added} vignettes of {len(records)} products",
            {"vignettes": added, "products": len(records)},
        )
        self.rows = count
        self.records += records
        return records

    def _is_done(self, outcome: Outcome) -> bool:
        """Whether another writer has done a product since `begin`, and at least as well."""
        theirs = self._theirs.get(outcome.unit.name)
        return theirs is not None and (not theirs.failure or bool(outcome.failure))

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
        if not self._store.has(first):
            ready.to_zarr(
                self._store.store, group=group, mode="a", zarr_format=3, consolidated=False,
                encoding=encoding,
            )  # fmt: skip
            return
        growing = ready.drop_vars(
            [n for n, v in ready.variables.items() if dim not in v.dims]
        )
        for name, variable in growing.variables.items():
            if has_texts(variable):
                # what any xarray takes for the strings of a store, which it reads as objects
                # or as strings of any length
                growing[name] = growing[name].astype(object)
                path = f"{group}/{name}" if group else str(name)
                _widen(self._store.store, path, in_place=not self.one_writer)
        growing.to_zarr(
            self._store.store, group=group, mode="a", zarr_format=3, consolidated=False,
            append_dim=dim,
        )  # fmt: skip


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
        kind = choose_kind(target, options, None)
        store = open_store(target, options, kind, read_only=True)
        if _SETTINGS not in (store.attributes or {}):
            raise ArchiveError(
                f"{target} is no archive of 'process'. Make one with: xoceansar process "
                f"PRODUCT.SAFE --to {target}"
            )
        return read_table(store.store) if store.has(UNITS) else []


def _widen(store: "Store", path: str, *, in_place: bool) -> None:
    """Let a column of fixed width, of which xarray would cut what is appended, hold any text.

    Not `in_place` its chunks get other names: what is committed stays as it is until the next
    commit.
    """
    column = zarr.open_array(store, path=path, mode="r")
    if column.dtype.kind != "U":
        return
    wide = zarr.create_array(
        {},
        shape=column.shape,
        chunks=column.chunks,
        dtype=STRING,
        attributes=dict(column.attrs),
        dimension_names=column.metadata.dimension_names,  # type: ignore[union-attr]  # format 3
        chunk_key_encoding={"name": "default", "separator": "/" if in_place else "."},
    )
    metadata = wide.metadata.to_buffer_dict(default_buffer_prototype())
    sync(store.set(f"{path}/zarr.json", metadata["zarr.json"]))
    zarr.open_array(store, path=path, mode="r+")[:] = text_values(column[:]).astype(
        STRING
    )


def _empty(store: ArchiveStore) -> bool:
    try:
        return bool(sync(store.store.is_empty("")))
    except FileNotFoundError:
        return True


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
    """Say what an error of the operating system, or of Icechunk, means for the archive."""
    try:
        with icechunk_errors():
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
