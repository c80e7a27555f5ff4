"""What is known of each vignette in one number: columns that a browser filters and colours by."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr

from xoceansar._progress import computing
from xoceansar._typing import Array
from xoceansar.conventions import VIGNETTE, Quality
from xoceansar.conventions.flags import class_table
from xoceansar.conventions.names import QUALITY_WORDS
from xoceansar.conventions.texts import has_texts, text_values
from xoceansar.errors import MissingVariableError, OceansarError
from xoceansar.layout.images import degrees_of
from xoceansar.layout.vignette_dims import assign_hint
from xoceansar.ops.quality_flags import whole_flags
from xoceansar.plot.style import CLASS_COLOURS, OTHER_COLOURS, quantity_label

#: Texts of more kinds than this are names, and no category.
_MOST_KINDS: Final = 30
#: Percentiles between which a column is coloured.
_ENDS: Final = (2.0, 98.0)
_NANOSECONDS_A_DAY: Final = 86_400e9
#: Columns of the place, and what names a vignette.
_PLACE: Final = ("longitude", "latitude")
_ID: Final = "vignette_id"


@dataclass(frozen=True, slots=True)
class Column:
    """One number of each vignette."""

    name: str
    #: With units.
    label: str
    #: ``number``, ``category``, ``flags`` or ``time`` (days since 1970).
    kind: str
    #: (n): Values; of a category, places in `categories`; NaN where missing.
    values: npt.NDArray[np.floating]
    #: Names and colours.
    categories: tuple[tuple[str, str], ...] = ()
    #: Ends of the colours.
    low: float = 0.0
    high: float = 1.0

    def about(self) -> dict[str, Any]:
        """Describe it as JSON values."""
        return {
            "name": self.name, "label": self.label, "kind": self.kind, "low": self.low,
            "high": self.high, "categories": [list(pair) for pair in self.categories],
            "bytes": self.values.itemsize,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Table:
    """The columns of an archive, and the names of its vignettes."""

    columns: tuple[Column, ...]
    longitude: npt.NDArray[np.float32]
    latitude: npt.NDArray[np.float32]
    #: (n): As they were read, since a million of them take long to convert; empty without names.
    ids: Array
    #: Variables that are not shown, and why.
    left_out: dict[str, str] = field(default_factory=dict)

    def __len__(self) -> int:
        """Count the vignettes."""
        return len(self.longitude)

    def vignette_id(self, row: int) -> str:
        """Return the name of a vignette; empty where it has none."""
        return str(text_values(self.ids[row : row + 1])[0]) if len(self.ids) else ""

    def rows_of(self, names: Iterable[str]) -> list[int]:
        """Find the vignettes of some names."""
        wanted = set(names)
        wanted_too = {name.encode() for name in wanted}
        known = pd.Series(self.ids, dtype=object).isin(wanted | wanted_too)
        return [int(row) for row in np.flatnonzero(known.to_numpy())]

    def find(self, name: str) -> Column | None:
        """Return a column by its name."""
        return next((c for c in self.columns if c.name == name), None)


def read_table(ds: xr.Dataset) -> Table:
    """Read what has one value for each vignette."""
    for name in _PLACE:
        if name not in ds.variables or ds[name].dims != (VIGNETTE,):
            raise MissingVariableError(
                f"a map needs {name!r} of each vignette; there are "
                f"{sorted(map(str, ds.variables))}. Add it with {assign_hint(ds, name)}."
            )
    names = [n for n, v in ds.variables.items() if v.dims == (VIGNETTE,)]
    small = ds.drop_vars([n for n in ds.variables if n not in names or n == _ID])
    with computing("reading the columns"):
        small = small.compute()
        # without xarray, which would make a million texts anew
        ids = np.asarray(ds[_ID].data) if _ID in names else np.array([], object)
    columns, left_out = [], {}
    for name in sorted(map(str, names), key=lambda n: n not in ds.data_vars):
        if name in (*_PLACE, _ID, VIGNETTE):
            continue
        try:
            column = _column(small[name], name)
        except (OceansarError, TypeError, ValueError) as error:
            left_out[name] = str(error)
            continue
        if column is not None:
            columns.append(column)
    lon, lat = (degrees_of(small[n]).astype(np.float32) for n in _PLACE)
    return Table(tuple(columns), (lon + 180) % 360 - 180, lat, ids, left_out)


def _column(data: xr.DataArray, name: str) -> Column | None:
    attrs, label = data.attrs, quantity_label(name, data.attrs)
    if name == "quality":
        flags = whole_flags(data).values.astype(np.float32)
        words = tuple((QUALITY_WORDS[bit], "") for bit in Quality)
        return Column(name, "Quality", "flags", flags, words)
    if data.dtype.kind == "M":
        days = (
            data.values.astype("datetime64[ns]").astype(np.int64) / _NANOSECONDS_A_DAY
        )
        days = np.where(np.isnat(data.values), np.nan, days)
        return Column(name, "Time", "time", days, (), *_ends(days))
    if "flag_masks" in attrs or data.dtype.kind not in "biufOUST":
        return None
    if "flag_values" in attrs and not has_texts(data):
        return _of_flags(data, name, label)
    if has_texts(data):
        return _of_texts(data.values, name, label)
    values = data.values.astype(np.float32)
    values = np.where(np.isfinite(values), values, np.float32(np.nan))
    return Column(name, label, "number", values, (), *_ends(values))


def _of_flags(data: xr.DataArray, name: str, label: str) -> Column:
    table = class_table(data)
    codes = np.full(data.shape, np.nan, np.float32)
    raw = data.values.astype(np.float64)
    for i, code in enumerate(table.values()):
        codes[raw == code] = i
    return Column(name, label, "category", codes, _coloured(list(table)))


def _of_texts(texts: Array, name: str, label: str) -> Column | None:
    codes, kinds = pd.factorize(texts.astype(object))
    if len(kinds) > _MOST_KINDS:
        return None
    known = [str(text) for text in text_values(kinds)]
    named = sorted(set(known) - {""})
    # the last place is that of what is missing
    place = [named.index(text) if text else np.nan for text in known]
    values = np.array([*place, np.nan], np.float32)[codes]
    return Column(name, label, "category", values, _coloured(named))


def _coloured(names: list[str]) -> tuple[tuple[str, str], ...]:
    return tuple(
        (name, CLASS_COLOURS.get(name, OTHER_COLOURS[i % len(OTHER_COLOURS)]))
        for i, name in enumerate(names)
    )


def _ends(values: Array) -> tuple[float, float]:
    known = values[np.isfinite(values)]
    if not known.size:
        return 0.0, 1.0
    low, high = (float(v) for v in np.percentile(known, _ENDS))
    return low, high if high > low else low + 1.0
