"""The archive: rows of vignettes and of products, appended and committed together."""

import random
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Final, TypeVar

import xarray as xr
import zarr
from zarr.core.buffer import default_buffer_prototype
from zarr.core.sync import sync

from xoceansar.conventions import VIGNETTE, product_attrs
from xoceansar.conventions.texts import STRING, has_texts, text_values
from xoceansar.errors import ArchiveError
from xoceansar.io.archive.zarr_archive import COUNTS, SETTINGS, WRITING, encode
from xoceansar.processing.archive_faults import (
    find_lengths,
    find_lost_chunks,
    find_strange,
    find_table_faults,
    growing,
    refuse,
)
from xoceansar.processing.archive_stores import (
    ArchiveStore,
    StoreKind,
    choose_kind,
    open_store,
)
from xoceansar.processing.columns import Columns, columns_of, stored_columns
from xoceansar.processing.icechunk_branch import OvertakenError
from xoceansar.processing.product_block import Outcome, odd_columns
from xoceansar.processing.product_records import (
    UNIT,
    UNITS,
    Ledger,
    Record,
    read_table,
    to_record,
    to_table,
)
from xoceansar.processing.settings import Settings
from xoceansar.processing.store_reading import collected, in_words, read_texts

if TYPE_CHECKING:
    from zarr.abc.store import Store


#: Rows of a chunk of values of a few bytes: a chunk that is not full is written again by the next
#: commit.
_ROWS: Final = 4096
#: Times that a commit is tried, where other writers are first, and the longest pause between.
_TRIES: Final = 50
_PAUSE: Final = 2.0

_T = TypeVar("_T")


class Archive:
    """An archive that a writer adds to: alone, or beside others where its store allows.

    `options` are of `xoceansar.io.remote.encode_options`; without `store` it is held in what is
    there, or else in Zarr.
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
        refuse(target, find_strange(target))
        with in_words(target, "read"):
            self._kind = choose_kind(target, options, store)
        self._begun = 0
        self._load(read_only=True)

    @property
    def one_writer(self) -> bool:
        """Whether a lock has to keep other writers away."""
        return self._kind == "zarr"

    def _load(self, *, read_only: bool) -> None:
        """Read what is committed."""
        with in_words(self.target, "read"):
            self._store: ArchiveStore = open_store(
                self.target, self._options, self._kind, read_only=read_only
            )
            self._check()
            self.records = (
                read_table(self._store.store) if self._store.has(UNITS) else []
            )
            ids = read_texts(self._store, "vignette_id")
            refuse(self.target, find_table_faults(self.records, ids))
        self._known = set(ids)
        self._theirs = Ledger(self.records[self._begun :])
        self.rows = len(ids)

    @property
    def latest(self) -> Ledger:
        """What became last of each product."""
        return Ledger(self.records)

    @property
    def vignettes(self) -> frozenset[str]:
        """Names of the vignettes that it has."""
        return frozenset(self._known)

    def _check(self) -> None:
        refuse(self.target, [*self._store.faults, *find_lengths(self._store.members)])
        attributes = self._store.attributes
        if attributes is None:
            if not _empty(self._store):
                raise ArchiveError(
                    f"{self.target} exists and is no archive. Choose another path. If it was "
                    f"one: xoceansar check {self.target}"
                )
            return
        if SETTINGS not in attributes:
            raise ArchiveError(
                f"{self.target} is a store that 'process' did not make, so nothing is "
                "added to it. Choose another path."
            )
        self.settings.check(str(attributes[SETTINGS]), self.target)
        names = growing("", self._store.members)
        odd = odd_columns(names, self.settings) if names else ""
        if odd:
            raise ArchiveError(
                f"{self.target} {odd}, so new rows would not fit. Keep variables of your own in "
                "a store beside it, or choose another path."
            )

    def begin(self) -> None:
        """Read again, to write: to be called once the lock is held, where one is needed.

        Notes
        -----
        Makes the archive, without rows, where there is none.
        """
        refuse(self.target, find_strange(self.target))
        self._load(read_only=False)
        with in_words(self.target, "read"):
            keys = set(sync(collected(self._store.store.list_prefix(""))))
            refuse(self.target, find_lost_chunks(self._store.members, keys))
        self._until_committed(self._found)
        self._begun, self._theirs = len(self.records), Ledger([])

    def _found(self) -> None:
        if self._store.attributes is None:
            attrs = product_attrs("processed into an archive")
            attrs[SETTINGS] = self.settings.to_json()
            attrs |= dict.fromkeys(COUNTS.values(), 0)
            zarr.create_group(self._store.store, zarr_format=3, attributes=attrs)
        elif self._store.faults:
            return  # mended with the first rows, which may yet be refused
        # besides a new archive: the state of the last commit, where a run was cut after it
        self._store.commit("a new archive", {})

    def commit(self, outcomes: Iterable[Outcome]) -> list[Record]:
        """Append the results of products, in their order, and make them visible at once."""
        made = list(outcomes)
        return self._until_committed(lambda: self._write(made))

    def _until_committed(self, write: Callable[[], _T]) -> _T:
        """Write and commit; where another writer was first, on top of what that one wrote."""
        for k in range(_TRIES):
            try:
                with in_words(self.target, "written"):
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
        columns = stored_columns(self._store.members)
        for given in outcomes:
            if self._is_done(given):
                continue
            outcome, columns = _fitted(given, columns)
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
        self._count(count, len(self.records) + len(records))
        self._store.commit(
            f"{added} vignettes of {len(records)} products",
            {"vignettes": added, "products": len(records)},
        )
        self.rows = count
        self.records += records
        return records

    def _count(self, rows: int, products: int) -> None:
        """Say in the root what is committed, for whoever finds less, or more."""
        group = zarr.open_group(self._store.store, mode="r+", use_consolidated=False)
        group.update_attributes(
            dict(zip(COUNTS.values(), (rows, products), strict=True))
        )

    def _is_done(self, outcome: Outcome) -> bool:
        """Whether another writer has done a product since `begin`, and at least as well."""
        theirs = self._theirs.of(outcome.unit)
        return theirs is not None and (not theirs.failure or bool(outcome.failure))

    def _new_rows(self, rows: xr.Dataset | None) -> tuple[xr.Dataset | None, int]:
        """Leave out what the archive has, and remember the rest."""
        if rows is None:
            return None, 0
        names = [str(name) for name in rows["vignette_id"].values]
        new = []
        for k, name in enumerate(names):
            if name not in self._known:
                new.append(k)
                self._known.add(name)
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
                self._store.store, group=group, mode="a", consolidated=False,
                encoding=encoding, **WRITING,
            )  # fmt: skip
            return
        there = growing(group or "", self._store.members)
        rows = ready.drop_vars([n for n in ready.variables if n not in there])
        for name, variable in rows.variables.items():
            if has_texts(variable):
                # what any xarray takes for the strings of a store, which it reads as objects
                # or as strings of any length
                rows[name] = rows[name].astype(object)
                path = f"{group}/{name}" if group else str(name)
                _widen(self._store.store, path, in_place=not self.one_writer)
        rows.to_zarr(
            self._store.store, group=group, mode="a", consolidated=False,
            append_dim=dim, **WRITING,
        )  # fmt: skip


def read_records(target: str, options: str = "{}") -> list[Record]:
    """Read what became of each product of an archive."""
    refuse(target, find_strange(target))
    with in_words(target, "read"):
        kind = choose_kind(target, options, None)
        store = open_store(target, options, kind, read_only=True)
        refuse(target, store.faults)
        if SETTINGS not in (store.attributes or {}):
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


def _fitted(outcome: Outcome, columns: Columns) -> tuple[Outcome, Columns]:
    """Make a product a failed one where its variables are not those of the others."""
    if outcome.rows is None or not outcome.rows.sizes[VIGNETTE]:
        return outcome, columns
    mine = columns_of(outcome.rows)
    odd = [name for name in {**columns, **mine} if mine.get(name) != columns.get(name)]
    if not columns or not odd:
        return outcome, mine
    told = "; ".join(
        f"{name} is {mine.get(name, 'absent')}, and {columns.get(name, 'absent')} in the archive"
        for name in odd
    )
    reason = f"its variables are not those of the archive: {told}"
    return replace(outcome, rows=None, failure=reason), columns


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
