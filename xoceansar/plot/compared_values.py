"""What a series or a track is held against: a buoy over time, or what was matched with each vignette."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from textwrap import shorten
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np
import xarray as xr

from xoceansar._typing import Array
from xoceansar.conventions import VARIABLES
from xoceansar.conventions.attributes import attribute_text
from xoceansar.conventions.quantities import same_units
from xoceansar.errors import DimensionError, MissingVariableError, UnitsError
from xoceansar.layout.directions import direction_of
from xoceansar.layout.vignette_dims import vignette_dim
from xoceansar.plot.style import INK, provenance
from xoceansar.plot.timed_values import TimedValues

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

Compared: TypeAlias = str | xr.Dataset | xr.DataArray

#: What a direction says, in words.
_MOVES: Final = {"from": "comes from", "to": "goes to"}
#: Letters of a name in a legend.
_LONGEST: Final = 30
#: So much of a reference is looked for around a single moment: models have a step of some hours, many buoys one of a day.
_AROUND: Final = np.timedelta64(1, "D")


@dataclass(frozen=True)
class ComparedValues:
    """A reference in order of time."""

    time: Array
    numbers: Array
    label: str
    #: Whether there is one for each vignette.
    matched: bool
    #: Whether a line may join them: none runs from 350 to 10 degrees.
    joined: bool
    #: What of it is simulated, in words.
    provenance: str

    def draw(self, ax: "Axes", x: Array, rows: Array | slice = slice(None)) -> "Line2D":
        """Draw a line, or a mark for each; `x` is where on the axis."""
        line = self.joined and not self.matched
        (drawn,) = ax.plot(
            x, self.numbers[rows], color=INK, lw=0.9 if line else 0, marker="x" if self.matched else "" if line else ".",
            ms=3.6 if self.matched else 2.5, mew=0.8, alpha=0.75, zorder=6 if self.matched else 2, label=self.label,
        )  # fmt: skip
        return drawn


def read_compared(
    reference: Compared, obj: xr.Dataset | xr.DataArray, whole: TimedValues
) -> ComparedValues:
    """Find the reference, of the same units, at the vignettes or within the time that is drawn."""
    name = whole.values.name
    own = obj if isinstance(obj, xr.DataArray) else obj[name]
    attrs: Mapping[str, Any] = {**VARIABLES.get(name, {}), **own.attrs}
    found = _find(reference, obj, name, attrs)
    _check(found, own.rename(name), attrs, whole)
    matched = _at_vignettes(found, obj)
    known = found.isel({found.dims[0]: whole.rows}) if matched else _within(found, whole)  # fmt: skip
    said = attribute_text(found.attrs, "long_name") or str(found.name or "reference")
    if said == attribute_text(attrs, "long_name"):
        said = f"reference {found.name or ''}".strip()
    sources = [found.attrs, reference.attrs] if isinstance(reference, xr.Dataset) else [found.attrs]  # fmt: skip
    return ComparedValues(
        time=whole.time if matched else known["time"].values,
        numbers=known.values.astype(float),
        label=shorten(said, _LONGEST, placeholder=" …"),
        matched=matched,
        joined=direction_of(found) is None,
        provenance=provenance(*sources),
    )


def beside(whole: TimedValues, known: ComparedValues) -> TimedValues:
    """Say of the reference too what is simulated."""
    own, its = whole.values.provenance, known.provenance
    if not its or its in own:
        return whole
    words = f"{own}; reference: {its}" if own else f"Reference: {its}"
    return replace(whole, values=replace(whole.values, provenance=words))


def _find(
    reference: Compared, obj: xr.Dataset | xr.DataArray, name: str, attrs: Mapping[str, Any]
) -> xr.DataArray:  # fmt: skip
    if isinstance(reference, str):
        held = obj.coords if isinstance(obj, xr.DataArray) else obj
        if reference in held:
            return held[reference]
        names = sorted(map(str, obj.coords if isinstance(obj, xr.DataArray) else obj.variables))  # fmt: skip
        raise MissingVariableError(
            f"there is no variable {reference!r} to hold {name!r} against; found {names}. "
            "Give the reference itself: reference=ds.oceansar.collocate(buoy)."
        )
    if isinstance(reference, xr.DataArray):
        return reference
    if not isinstance(reference, xr.Dataset):
        raise DimensionError(
            "a reference is a Dataset or DataArray along 'time' or along the vignettes, or the name of a variable; got "
            f"{type(reference).__name__}. Of a table: reference=table.set_index('time').to_xarray()."
        )
    return _named(reference, name, attrs)


def _named(ds: xr.Dataset, name: str, attrs: Mapping[str, Any]) -> xr.DataArray:
    if name in ds.data_vars:
        return ds[name]
    standard = attrs.get("standard_name")
    same = [
        v for v in ds.data_vars.values() if standard and v.attrs.get("standard_name") == standard
    ]  # fmt: skip
    if len(same) == 1:
        return same[0]
    raise MissingVariableError(
        f"the reference has no {name!r}, and not one variable alone of the standard_name {standard!r}; it has "
        f"{sorted(map(str, ds.data_vars))}. Give the variable: reference=buoy['...']."
    )


def _check(
    found: xr.DataArray, own: xr.DataArray, attrs: Mapping[str, Any], whole: TimedValues
) -> None:  # fmt: skip
    """Refuse what cannot stand on the same axis."""
    name = whole.values.name
    if whole.values.categories or found.dtype.kind not in "iuf":
        raise UnitsError(
            f"numbers are drawn beside a reference; {name} is {own.dtype} and the reference {found.name!r} {found.dtype}. "
            "Draw it without reference=."
        )
    said, expected = (attribute_text(a, "units") for a in (found.attrs, attrs))
    if said is not None and expected is not None and not same_units(said, expected):
        raise UnitsError(
            f"the reference {found.name!r} is in {said!r}, and {name} in {expected!r}. Convert it first."
        )
    turns = [direction_of(array) for array in (found, own)]
    senses = [turn.sense for turn in turns if turn is not None and turn.sense]
    if len(set(senses)) == 2:
        raise UnitsError(
            f"the reference {found.name!r} says where something {_MOVES[senses[0]]}, and {name} where it {_MOVES[senses[1]]}. "
            "Turn it round: (reference + 180) % 360, with a name or standard_name that says so."
        )


def _at_vignettes(found: xr.DataArray, obj: xr.Dataset | xr.DataArray) -> bool:
    """Say whether the reference has a value for each vignette; else it lies along time."""
    dim = vignette_dim(obj)
    if found.dims == (dim,) and found.sizes[dim] == obj.sizes[dim]:
        its, own = (array.coords.get("time") for array in (found, obj))
        if (
            its is not None
            and own is not None
            and np.array_equal(its.values, own.values, equal_nan=True)
        ):
            return True
    if (
        found.dims != ("time",)
        or "time" not in found.coords
        or found["time"].dtype.kind != "M"
    ):
        raise DimensionError(
            "a reference lies along the dim 'time' (datetime64) alone, or has the vignettes and their times in the same order; "
            f"{found.name!r} has the dims {dict(found.sizes)}. Select a point first, for example era5.sel(longitude=-3, "
            "latitude=48, method='nearest'), or match it: reference=ds.oceansar.collocate(era5)."
        )
    return False


def _within(found: xr.DataArray, whole: TimedValues) -> xr.DataArray:
    """Select the reference of the time that is drawn and a little more, in order."""
    first, last = whole.time[[0, -1]]
    reach = max((last - first) // 20, _AROUND)
    time = found["time"].values
    rows = np.flatnonzero((time >= first - reach) & (time <= last + reach))
    if not rows.size:
        raise MissingVariableError(
            f"the reference {found.name!r} has no value from {str(first)[:16]} to {str(last)[:16]}, when the vignettes are. "
            "Give its values of that time."
        )
    return found.isel(time=rows[np.argsort(time[rows], kind="stable")]).load()
