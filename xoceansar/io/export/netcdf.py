"""Results as netCDF that follows the CF conventions, whatever attributes and types they carry."""

import json
import re
from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import xarray as xr

from xoceansar._progress import computing
from xoceansar._version import __version__
from xoceansar.conventions import CF_VERSION, CLASS_FILL, history_line
from xoceansar.conventions.texts import has_texts, text_values
from xoceansar.errors import OceansarError
from xoceansar.io.archive.storable import stored_flags, with_plain_attributes
from xoceansar.io.export.tabular_files import draft_of

#: In float64 a second of the mission has 60 ns: the annotations' microseconds come back whole.
_TIME_UNITS: Final = "seconds since 2014-01-01 00:00:00"
_EPOCH: Final = np.datetime64("2014-01-01", "ns")
#: CF's types before version 1.9 are signed and of at most 32 bits, and every reader knows them.
#: What names of netCDF are without, and what they may begin with.
_NOT_IN_NAMES: Final = re.compile(r"[/\x00-\x1f\x7f]")
_BEGINS_NAMES: Final = re.compile(r"[A-Za-z0-9_\x80-\U0010ffff]")
_TYPES: Final = {
    "b1": "i1", "u1": "i2", "u2": "i4", "u4": "f8", "u8": "f8", "i8": "f8", "f2": "f4",
}  # fmt: skip
_FLAGS: Final = ("flag_values", "flag_masks", "valid_range", "valid_min", "valid_max")
#: Attributes that xarray writes itself, from the encoding.
_WRITTEN: Final = frozenset(
    {"_FillValue", "missing_value", "scale_factor", "add_offset", "coordinates"}
)


def to_netcdf(
    obj: xr.Dataset | xr.DataArray, path: str | Path, *, overwrite: bool = False
) -> Path:
    """Write results as netCDF that passes a CF checker.

    Parameters
    ----------
    obj : Dataset or DataArray
        Images, embeddings or results; a DataArray becomes the one variable of its name. Not
        modified.
    path : str or Path
        File to write, ``.nc``.
    overwrite : bool, default False
        Replace a file that exists.

    Returns
    -------
    Path
        `path`.

    Raises
    ------
    ProductError
        If the file exists and may not be replaced.
    OceansarError
        If a DataArray has no name, a variable is complex, or flags are no whole numbers.

    Notes
    -----
    netCDF-4, CF-1.11. Computes lazy data block by block; the file appears under its name when it is
    whole. Texts are loaded.

    What the CF conventions or netCDF do not have is written in another way: times as
    seconds (float64), durations in seconds, logical values as flags, unsigned and 64-bit integers
    in the next signed type that holds them, flag values in the type of their variable, missing
    flags as -1, or as the next below all flags where -1 is one, and flags of ``quality`` that became
    floats as integers again, with no_data where they are missing. Attributes: bytes and paths are
    text, times ISO 8601, geometries WKT, lists and dicts JSON; None is left out, and what has no such
    form too, with a warning that names it. "_" stands in their names for what netCDF does not allow.
    A dim that has the name of a variable along other dims is renamed: ``ocean_class_index``.

    Examples
    --------
    >>> import xarray as xr
    >>> swh = xr.DataArray(
    ...     [2.5, 3.0], dims="vignette", name="swh", attrs={"units": "m"}
    ... )
    >>> with xr.open_dataset(to_netcdf(swh, "swh.nc")) as ds:
    ...     ds.swh.values, ds.attrs["Conventions"]
    (array([2.5, 3. ]), 'CF-1.11')
    """
    ds = with_plain_attributes(_dataset(obj))
    taken = [dim for dim in ds.dims if dim in ds.variables and ds[dim].dims != (dim,)]
    ds = ds.rename_dims({dim: f"{dim}_index" for dim in taken})
    prepared = {name: _variable(name, v) for name, v in ds.variables.items()}
    out = xr.Dataset(
        {n: v for n, (v, _) in prepared.items() if n in ds.data_vars},
        {n: v for n, (v, _) in prepared.items() if n in ds.coords},
        _global_attrs(ds.attrs),
    )
    encoding = {name: how for name, (_, how) in prepared.items()}
    with draft_of(path, overwrite=overwrite) as draft, computing("writing NetCDF"):
        out.to_netcdf(draft, engine="netcdf4", format="NETCDF4", encoding=encoding)
    return Path(path).expanduser()


def _dataset(obj: xr.Dataset | xr.DataArray) -> xr.Dataset:
    if isinstance(obj, xr.Dataset):
        return obj.drop_encoding()
    if obj.name is None:
        raise OceansarError(
            "a DataArray needs a name to be written. Give it one with da.rename('name')."
        )
    return obj.to_dataset().drop_encoding()


def _global_attrs(attrs: Mapping[Any, Any]) -> dict[str, Any]:
    defaults = {
        "title": "Ocean measurements from Sentinel-1 Wave Mode vignettes",
        "source": f"Sentinel-1 SAR, Wave Mode; xoceansar {__version__}",
    }
    made = {**defaults, **_attrs(attrs), "Conventions": CF_VERSION}
    return {"history": history_line("written as netCDF"), **made}


def _variable(
    name: Hashable, variable: xr.Variable
) -> tuple[xr.Variable, dict[str, Any]]:
    """Return a variable in a type that CF has, and how it is encoded."""
    variable, fill = stored_flags(variable, name)
    attrs = {"long_name": str(name).replace("_", " "), **_attrs(variable.attrs)}
    kind = variable.dtype.kind
    if kind == "c":
        raise OceansarError(
            f"{name!r} is complex, which netCDF has not. Write its real and imaginary parts."
        )
    if kind in "mM":
        return _times(variable, attrs)
    if has_texts(variable):
        # loaded, as xarray would, to find what the objects are
        text = text_values(variable)
        # of no objects xarray cannot find what they are
        plain = text.astype(object if text.size else "U1")
        return xr.Variable(variable.dims, plain, attrs), {"dtype": str}
    if kind == "b":
        attrs |= {"flag_values": np.array([0, 1]), "flag_meanings": "false true"}
        fill = np.int8(CLASS_FILL)
    dtype = np.dtype(_TYPES.get(variable.dtype.str[1:], variable.dtype))
    if variable.dtype == np.int64 and _fits(variable):
        dtype = np.dtype(np.int32)
    encoding: dict[str, Any] = {}
    if fill is not None:
        encoding["_FillValue"] = dtype.type(fill)
    elif dtype.kind == "f":
        encoding["_FillValue"] = dtype.type(np.nan)
    codes = {n: np.asarray(attrs[n]) for n in _FLAGS if n in attrs}
    attrs |= {n: v.astype(dtype) for n, v in codes.items() if v.dtype.kind in "biuf"}
    if variable.ndim > 1:
        encoding |= {"zlib": True, "complevel": 4, "shuffle": True}
    return xr.Variable(variable.dims, variable.astype(dtype).data, attrs), encoding


def _fits(variable: xr.Variable) -> bool:
    """Say whether 64-bit integers are small; lazy ones count as large."""
    if variable.chunks is not None or not variable.size:
        return False
    values = np.asarray(variable.values)
    limit = np.iinfo(np.int32)
    return bool(values.min() >= limit.min and values.max() <= limit.max)


def _times(
    variable: xr.Variable, attrs: dict[str, Any]
) -> tuple[xr.Variable, dict[str, Any]]:
    if variable.dtype.kind == "m":
        seconds = xr.Variable(
            variable.dims,
            variable.data / np.timedelta64(1, "s"),
            {**attrs, "units": "s"},
        )
        return seconds, {"dtype": "f8", "_FillValue": np.nan}
    # not by xarray, which fails where a chunk holds no time
    exact = variable.astype("datetime64[ns]").data
    seconds = xr.Variable(
        variable.dims,
        (exact - _EPOCH) / np.timedelta64(1, "s"),
        {**attrs, "units": _TIME_UNITS, "calendar": "standard"},
    )
    return seconds, {"dtype": "f8", "_FillValue": np.nan}


def _attrs(attrs: Mapping[Any, Any]) -> dict[str, Any]:
    made = {_name(str(n)): _attribute(v) for n, v in attrs.items() if n not in _WRITTEN}
    return {name: value for name, value in made.items() if value is not None}


def _name(text: str) -> str:
    """Give a name that netCDF allows, with "_" for what it does not."""
    name = _NOT_IN_NAMES.sub("_", text).rstrip()
    return name if _BEGINS_NAMES.match(name) else f"_{name.lstrip()}"


def _attribute(value: Any) -> Any:
    """Give an attribute in a type that netCDF has; None where there is nothing to write."""
    if value is None or isinstance(value, str):
        return value or None
    array = _numbers(value) if isinstance(value, list) else value
    if isinstance(array, bool | np.bool_):
        return str(bool(array)).lower()
    if isinstance(array, int | float | np.number | np.ndarray):
        array = np.asarray(array)
        if array.dtype.kind in "iuf" and array.size and array.ndim < 2:
            wide = {"i8": "i4", "u8": "i4", "u4": "i4", "f2": "f4"}
            small = array.astype(wide.get(array.dtype.str[1:], array.dtype))
            return small if (small == array).all() else array.astype(np.float64)
    if isinstance(value, dict | list | np.ndarray):
        return json.dumps(value, default=_listed)
    return str(value)


def _numbers(values: list[Any]) -> Any:
    """Return an array of numbers; what is none, or ragged, as it is."""
    try:
        return np.asarray(values)
    except ValueError:
        return values


def _listed(value: Any) -> Any:
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else str(value)
