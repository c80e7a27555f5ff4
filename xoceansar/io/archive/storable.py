"""What files hold of a Dataset: attributes in plain types, flags in integers that hold them."""

import datetime
import os
from collections.abc import Callable, Hashable, Mapping
from enum import Enum
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr

from xoceansar.conventions import CLASS_FILL, missing_flag
from xoceansar.conventions.flags import flag_numbers
from xoceansar.errors import OceansarError, warn
from xoceansar.ops.quality_flags import whole_flags

#: Attributes that xarray makes of what times are encoded in.
_OF_TIMES: Final = frozenset({"units", "calendar"})
_FLAGS: Final = ("flag_values", "flag_masks")
_SIGNED: Final = (np.int8, np.int16, np.int32, np.int64)


def with_plain_attributes(ds: xr.Dataset) -> xr.Dataset:
    """Give attributes the types that files have."""
    lost: list[str] = []
    out = ds.copy(deep=False)
    out.attrs = plain_attributes(ds.attrs, "", lost)
    for name, variable in out.variables.items():
        attrs = {k: v for k, v in variable.attrs.items() if k != "_FillValue"}
        if not isinstance(
            attrs.get("coordinates", ""), str
        ):  # xarray takes it for names
            del attrs["coordinates"]
            lost.append(f"{name}.coordinates")
        if variable.dtype.kind in "mM":
            attrs = {k: v for k, v in attrs.items() if k not in _OF_TIMES}
        variable.attrs = plain_attributes(attrs, f"{name}.", lost)
    if lost:
        warn(
            f"attributes that no file holds were left out: {', '.join(lost)}. Give them as text, "
            "numbers, lists or dicts of these to keep them."
        )
    return out


def plain_attributes(
    attrs: Mapping[Any, Any], where: str, lost: list[str]
) -> dict[str, Any]:
    """Give the attributes of one thing the types that files have."""
    made = {}
    for name, value in attrs.items():
        try:
            made[_text(str(name))] = _plain(value)
        except (TypeError, RecursionError):
            lost.append(f"{where}{name} ({type(value).__name__})")
    return made


def stored_flags(
    variable: xr.Variable, name: Hashable
) -> tuple[xr.Variable, np.generic | None]:
    """Give flags an integer type that holds every value, and a fill that is none of them."""
    attrs, kind = variable.attrs, variable.dtype.kind
    if kind == "f" and name == "quality" and ("flag_masks" in attrs or not attrs):
        return whole_flags(xr.DataArray(variable)).variable, None
    if kind not in "iuf" or not {"flag_values", "flag_masks"} & set(attrs):
        return variable, None
    if "flag_values" not in attrs and kind != "f":
        return variable, None
    said = {n: flag_numbers(attrs[n]) for n in _FLAGS if n in attrs}
    numbers = {n: part for n, part in said.items() if part is not None}
    if len(numbers) < len(said):  # texts name no flag
        return variable, None
    codes = [part for part in numbers.values() if part.size]
    values = np.concatenate(codes).astype(np.int64) if codes else np.zeros(1, np.int64)
    if "flag_values" in attrs:
        fill = int(missing_flag({"flag_values": values}, np.dtype(np.int64))[0])
    else:
        fill, values = CLASS_FILL, np.append(values, values.sum())
    least, most = min(int(values.min()), fill), max(int(values.max()), fill)
    for value in _reach(variable):
        least, most = min(least, value), max(most, value)
    dtype = next(
        np.dtype(t) for t in _SIGNED
        if np.iinfo(t).min <= least and most <= np.iinfo(t).max
    )  # fmt: skip
    flags: xr.Variable = xr.apply_ufunc(
        _as_integers, variable, kwargs={"dtype": dtype, "fill": fill, "name": str(name)},
        dask="parallelized", output_dtypes=[dtype],
    )  # fmt: skip
    named = {n: part.astype(dtype) for n, part in numbers.items()}
    flags.attrs = {**attrs, **named}
    stored: Any = dtype.type(fill)
    return flags, stored


def _reach(variable: xr.Variable) -> tuple[int, ...]:
    """Return the ends of what a variable may hold, named by a flag or not, where that is known."""
    kind = variable.dtype.kind
    if kind != "f" and variable.dtype.itemsize <= 2:
        limits = np.iinfo(variable.dtype)
        return int(limits.min), int(limits.max)
    values = np.zeros(0) if variable.chunks is not None else variable.values
    values = values[np.isfinite(values)]
    return (int(values.min()), int(values.max())) if values.size else ()


def _as_integers(
    data: npt.NDArray[Any], *, dtype: np.dtype[Any], fill: int, name: str
) -> npt.NDArray[Any]:
    missing = np.isnan(data) if data.dtype.kind == "f" else np.zeros(data.shape, bool)
    known = data[~missing]
    limits = np.iinfo(dtype)
    with np.errstate(invalid="ignore"):
        whole = (known % 1 == 0) & (known >= limits.min) & (known <= limits.max)
    odd = known[~whole]
    if odd.size:
        raise OceansarError(
            f"{name!r} holds flags, whole numbers from {limits.min} to {limits.max}; got "
            f"{odd[0]}. Drop its flag_values or flag_masks if it is something else."
        )
    out = np.full(data.shape, fill, dtype)
    out[~missing] = known.astype(dtype)
    return out


def _plain(value: Any) -> Any:
    """Return a value in a plain type; TypeError where it has none."""
    if isinstance(value, np.ndarray) and value.dtype.kind in "biuf":
        return value.astype(value.dtype.newbyteorder("="))
    if isinstance(value, np.generic) and value.dtype.kind in "biuf":
        return value
    return _nested(value)


def _text(value: str) -> str:
    """Give text that has a form in UTF-8: half a surrogate pair has none."""
    return str(value).encode("utf-8", "replace").decode()


def _nested(value: Any) -> Any:
    """Return a value in the types of JSON, which lists and dicts hold."""
    if value is None or value is pd.NaT or value is pd.NA:
        return None
    if isinstance(value, np.datetime64 | np.timedelta64) and np.isnat(value):
        return None
    for types, convert in _FORMS:
        if isinstance(value, types):
            return convert(value)
    return _well_known_text(value)


#: The first that fits counts.
_FORMS: Final[tuple[tuple[tuple[type, ...], Callable[[Any], Any]], ...]] = (
    ((Enum,), lambda value: _nested(value.value)),
    ((str,), _text),
    ((bool, int, float), lambda value: value),
    ((bytes,), lambda value: value.decode("utf-8", "replace")),
    ((os.PathLike,), lambda value: str(os.fspath(value))),
    (
        (np.datetime64, datetime.datetime),
        lambda value: _nested(pd.Timestamp(value).isoformat()),
    ),
    ((datetime.date, datetime.time), lambda value: value.isoformat()),
    (
        (np.timedelta64, datetime.timedelta),
        lambda value: pd.Timedelta(value).isoformat(),
    ),
    ((np.ndarray,), lambda value: _nested(list(value) if value.ndim else value[()])),
    ((np.generic,), lambda value: _nested(value.item())),
    (
        (Mapping,),
        lambda value: {_text(str(key)): _nested(part) for key, part in value.items()},
    ),
    (
        (list, tuple, set, frozenset),
        lambda value: [_nested(part) for part in value],
    ),
)


def _well_known_text(value: Any) -> str:
    """Return the WKT of a geometry or of a projection."""
    found = getattr(value, "wkt", None)
    if not isinstance(found, str):
        to_wkt = getattr(value, "to_wkt", None)
        found = to_wkt() if callable(to_wkt) else None
    if not isinstance(found, str):
        raise TypeError(type(value).__name__)
    return found
