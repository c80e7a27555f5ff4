"""The table of products of an archive: what became of each."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import xarray as xr

from xoceansar.conventions import annotate
from xoceansar.processing.product_block import Outcome
from xoceansar.processing.product_listing import Unit

if TYPE_CHECKING:
    from zarr.abc.store import Store


#: Dim of the table, and its group.
UNIT: Final = "unit"
UNITS: Final = "units"


@dataclass(frozen=True)
class Record:
    """What became of a product."""

    #: Its name, and where it was.
    product: str
    path: str
    #: Its vignettes in the archive.
    first_row: int
    rows: int
    #: Vignettes that the archive had already, from another product.
    repeated: int
    #: Why it could not be processed; empty where it could.
    failure: str
    #: Warnings on the way, one a line.
    notes: str
    #: SHA-256 of its manifest; empty where that could not be read.
    digest: str = ""

    @property
    def key(self) -> str:
        """What tells the product from every other: its manifest, or else where it was."""
        return self.digest or self.path


class Ledger:
    """What became last of each product.

    Records come in the order in which they were committed.
    """

    def __init__(self, records: Iterable[Record]) -> None:
        self._latest: dict[str, Record] = {}
        self._at: dict[str, Record] = {}
        for record in records:
            before = self._at.get(record.path)
            if before is not None and not before.digest:
                del self._latest[before.key]  # it could not be read there, and now can
            self._latest[record.key] = self._at[record.path] = record

    def of(self, unit: Unit) -> Record | None:
        """Say what became last of a product."""
        known, there = self._latest.get(unit.digest), self._at.get(unit.path)
        if unit.digest:
            return known or (there if there and not there.digest else None)
        return there

    def __iter__(self) -> Iterator[Record]:
        """Go through the products, in the order in which they were first added."""
        return iter(self._latest.values())


def read_table(store: "Store") -> list[Record]:
    """Read the table of products."""
    table = xr.open_zarr(store, group=UNITS, consolidated=False, chunks=None).load()
    columns = (
        table["product"].values,
        table["source_path"].values,
        table["first_row"].values,
        table["row_count"].values,
        table["repeated_count"].values,
        table["failure_reason"].values,
        table["processing_notes"].values,
        # archives of before have no such column
        table["manifest_sha256"].values
        if "manifest_sha256" in table
        else [""] * table.sizes[UNIT],
    )
    return [
        Record(str(a), str(b), int(c), int(d), int(e), str(f), str(g), str(h))
        for a, b, c, d, e, f, g, h in zip(*columns, strict=True)
    ]


def to_record(outcome: Outcome, first: int, rows: int, repeated: int) -> Record:
    """Say what became of a product."""
    return Record(
        product=outcome.unit.name,
        path=outcome.unit.path,
        first_row=first,
        rows=rows,
        repeated=repeated,
        failure=outcome.failure,
        notes="\n".join(outcome.notes),
        digest=outcome.unit.digest,
    )


def to_table(records: list[Record]) -> xr.Dataset:
    """Lay out records as rows of the table of products, at the present time."""
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
        "manifest_sha256": [r.digest for r in records],
        "processing_time": np.full(len(records), now),
    }
    return xr.Dataset(
        {
            name: annotate(xr.DataArray(np.asarray(values), dims=UNIT), name)
            for name, values in columns.items()
        },
        attrs={
            "title": "Products of the archive, in the order in which they were added"
        },
    )
