"""Results as tables: one row for each vignette or iceberg, and where they come from."""

import math
from collections.abc import Hashable, Mapping
from typing import Any, Final

import numpy as np
import pandas as pd
import xarray as xr

from xoceansar._progress import computing
from xoceansar._version import __version__
from xoceansar.conventions import CLASS_FILL, EMBEDDING, LINE, SAMPLE, VIGNETTE
from xoceansar.conventions.flags import flag_numbers
from xoceansar.conventions.texts import text_values
from xoceansar.errors import DimensionError, UnitsError, warn
from xoceansar.io.archive.storable import with_plain_attributes
from xoceansar.layout.vignette_dims import along_vignettes

DETECTION: Final = "detection"
_PREFIX: Final = "iceberg_"
#: Dims whose values are no columns.
_LONG: Final = frozenset({LINE, SAMPLE, EMBEDDING, DETECTION})
#: Types of columns of objects that all formats have.
_PLAIN: Final = ("string", "boolean", "empty")
#: Most columns that one variable gives.
_MOST: Final = 36
#: Attributes of variables that say where a value comes from.
_ORIGIN: Final = ("simulated", "source", "model", "weights_sha256", "model_training")


def to_table(ds: xr.Dataset) -> pd.DataFrame:
    """Turn results into a flat table.

    Parameters
    ----------
    ds : Dataset
        Any results along ``vignette``, one row for each; or icebergs (`xoceansar.ops.icebergs`), one
        row for each iceberg.

    Returns
    -------
    DataFrame
        Variables and coordinates. A few values of each vignette are a column each, named by their
        labels or numbers: ``class_probability_sea_ice``, ``wind_to_direction_ambiguities_0``. Classes
        are names, quality flags numbers, times UTC. ``attrs`` has the attributes of `ds`, and
        ``units``, ``long_names`` and ``flag_masks`` by column.

    Raises
    ------
    DimensionError
        If there is no dim ``vignette``.

    Notes
    -----
    Loads the values. Images, boxes, embeddings, and variables with more than 36 values for each
    vignette are left out.

    Examples
    --------
    >>> import xarray as xr
    >>> swh = xr.DataArray([1.5, 2.0], dims="vignette", attrs={"units": "m"})
    >>> table = to_table(xr.Dataset({"swh": swh}))
    >>> table.swh.tolist(), table.attrs["units"]["swh"]
    ([1.5, 2.0], 'm')
    """
    return rows_of(with_names_of_flags(ds))


def rows_of(ds: xr.Dataset) -> pd.DataFrame:
    """Make the table of `to_table`, with flags as they are."""
    ds = along_vignettes(ds)
    levels = [n for n, i in ds.indexes.items() if isinstance(i, pd.MultiIndex)]
    if levels:
        raise DimensionError(
            f"{levels[0]!r} is an index of several levels, which no row has. Take it apart with "
            f"ds.reset_index({levels[0]!r})."
        )
    icebergs = f"{_PREFIX}longitude" in ds and DETECTION in ds.dims
    rows = {VIGNETTE, DETECTION} if icebergs else {VIGNETTE}
    if icebergs:
        _warn_if_cut(ds)
    flat, columns = ds, {n: v for n, v in ds.variables.items() if set(v.dims) <= rows}
    if not icebergs:
        apart = _apart(ds)
        flat, columns = ds.assign(apart), columns | apart
    with computing("computing a table"):
        bare = flat[list(columns)].reset_coords().load().map(_native)
    # A dim of which no variable of the table is has its rows all the same.
    absent = rows - set(bare.dims)
    bare = bare.assign_coords({dim: flat.get_index(dim) for dim in absent})
    frame = bare.to_dataframe().reset_index().apply(_of_one_type)
    origins = {str(name): variable.attrs for name, variable in columns.items()}
    if icebergs:
        frame, origins = _of_icebergs(frame, origins)
    frame.attrs.update(_provenance(with_plain_attributes(ds).attrs, origins))
    return frame


def _provenance(
    attrs: Mapping[Any, Any], columns: Mapping[str, Mapping[Any, Any]]
) -> dict[str, Any]:
    """Say where a table comes from, in the types of JSON.

    The model, and whether it is simulated, where only variables say so: as one value or, where they
    differ, by column.
    """
    made: dict[str, Any] = {"xoceansar_version": __version__}
    for key in _ORIGIN:
        said = {name: plain(a[key]) for name, a in columns.items() if key in a}
        values = list(said.values())
        if values:
            made[key] = values[0] if all(v == values[0] for v in values) else said
    made |= {name: plain(value) for name, value in attrs.items()}
    for title, key in (("units", "units"), ("long_names", "long_name")):
        made[title] = {n: str(a[key]) for n, a in columns.items() if key in a}
    made["flag_masks"] = {
        name: dict(
            zip(
                str(a.get("flag_meanings", "")).split(),
                plain(masks),
                strict=False,
            )
        )
        for name, a in columns.items()
        if "flag_masks" in a and (masks := flag_numbers(a["flag_masks"])) is not None
    }
    return made


def plain(value: Any) -> Any:
    """Give a value in the types of JSON."""
    if isinstance(value, Mapping):
        return {str(key): plain(part) for key, part in value.items()}
    if isinstance(value, np.ndarray):
        return plain(list(value) if value.ndim else value[()])
    if isinstance(value, list | tuple | set):
        return [plain(part) for part in value]
    if isinstance(value, np.datetime64 | np.timedelta64):
        return plain(pd.Series([value])[0])
    if value is None or value is pd.NaT or value is pd.NA:
        return None
    if isinstance(value, pd.Timestamp):
        utc = value if value.tz is None else value.tz_convert(None)
        return utc.isoformat() + "Z"
    if isinstance(value, pd.Timedelta):
        return value.total_seconds()
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if isinstance(value, bool | int | float) else str(value)


def with_names_of_flags(ds: xr.Dataset) -> xr.Dataset:
    """Replace flag values of vignettes by their meanings."""
    named = {
        name: _names(variable, codes.tolist())
        for name, variable in ds.variables.items()
        if variable.dims == (VIGNETTE,)
        and "flag_values" in variable.attrs
        and (codes := flag_numbers(variable.attrs["flag_values"])) is not None
    }
    return ds.assign(named)


def _names(flags: xr.Variable, codes: list[float]) -> xr.Variable:
    meanings = str(flags.attrs.get("flag_meanings", "")).split()
    names = dict(zip(codes, meanings, strict=False))
    missing = names.get(CLASS_FILL)
    found = [names.get(code, missing) for code in np.asarray(flags.values).tolist()]
    attrs = {k: v for k, v in flags.attrs.items() if not str(k).startswith("flag_")}
    return xr.Variable(flags.dims, np.array(found, object), attrs)


def _native(values: xr.DataArray) -> xr.DataArray:
    """Give values in a type that every version of pandas has."""
    if values.dtype.kind == "c":
        raise UnitsError(
            f"{values.name!r} is complex, which tables have not. Leave it out with "
            f"ds.drop_vars({values.name!r}), or give its real and imaginary parts."
        )
    if values.dtype.kind in "ST":
        return values.copy(data=text_values(values).astype(object))
    if values.dtype.isnative:
        return values
    return values.astype(values.dtype.newbyteorder("="))


def _of_one_type(column: pd.Series) -> pd.Series:
    """Give a column of objects of several types their texts: no format has such a column."""
    if column.dtype != object or pd.api.types.infer_dtype(column) in _PLAIN:
        return column
    plainer = column.infer_objects()
    if plainer.dtype != object:
        return plainer
    return plainer.map(lambda value: None if plain(value) is None else str(value))


def _apart(ds: xr.Dataset) -> dict[Hashable, xr.Variable]:
    """Take a few values of each vignette apart, one column each."""
    columns: dict[Hashable, xr.Variable] = {}
    for name, variable in ds.variables.items():
        others = [dim for dim in variable.dims if dim != VIGNETTE]
        if VIGNETTE not in variable.dims or len(others) != 1:
            continue
        (dim,) = others
        if dim in _LONG or variable.sizes[dim] > _MOST:
            continue
        labelled = dim in ds.coords and ds[dim].dims == (dim,)
        labels = ds[dim].values.tolist() if labelled else range(variable.sizes[dim])
        for position, label in enumerate(labels):
            column = f"{name}_{str(label).replace(' ', '_')}"
            columns[column] = variable.isel({dim: position})
            said = columns[column].attrs.get("long_name", name)
            columns[column].attrs["long_name"] = f"{said}: {label}".replace("_", " ")
    return columns


def _warn_if_cut(ds: xr.Dataset) -> None:
    """Say how many icebergs were counted and not kept: a table has no row for them."""
    count = ds.get(f"{_PREFIX}count")
    if count is None or count.dims != (VIGNETTE,):
        return
    kept = ds[f"{_PREFIX}longitude"].notnull().sum(DETECTION)
    beyond = (count - kept).where(kept == ds.sizes[DETECTION], 0).clip(0).sum()
    if int(beyond):
        warn(
            f"{int(beyond)} icebergs are counted in iceberg_count and have no row: "
            f"the best {ds.sizes[DETECTION]} of a vignette were kept. To keep more: "
            "icebergs(most=...), or --most."
        )


def _of_icebergs(
    frame: pd.DataFrame, origins: dict[str, Any]
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Keep the rows of icebergs, and name their columns as their own."""
    place = [f"{_PREFIX}longitude", f"{_PREFIX}latitude"]
    there = np.isfinite(frame[[p for p in place if p in frame]]).all(axis=1)
    names = {name: f"vignette_{name}" for name in ("longitude", "latitude")}
    names |= {
        name: name.removeprefix(_PREFIX)
        for name in map(str, frame.columns)
        if name.startswith(_PREFIX) and name != "iceberg_count"
    }
    frame = (
        frame.iloc[np.flatnonzero(there)].rename(columns=names).reset_index(drop=True)
    )
    return frame, {names.get(name, name): attrs for name, attrs in origins.items()}
