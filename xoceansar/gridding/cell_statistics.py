"""Vignettes to cells of longitude and latitude: statistics, by season or by month."""

from collections.abc import Callable, Hashable, Sequence
from functools import partial
from typing import Any, Final, Literal, get_args

import numpy as np
import xarray as xr

from xoceansar._typing import Array
from xoceansar.conventions import VARIABLES, annotate, product_attrs
from xoceansar.conventions.texts import text_values
from xoceansar.errors import (
    DimensionError,
    MissingVariableError,
    OceansarError,
    UnitsError,
)
from xoceansar.layout.directions import direction_of
from xoceansar.layout.ice_cover import under_ice
from xoceansar.layout.images import degrees_of, in_one_chunk
from xoceansar.layout.vignette_dims import assign_hint
from xoceansar.sar.bearings import wrap_angle
from xoceansar.sar.cells import (
    CellGrid,
    Statistic,
    cell_statistic,
    circular_statistic,
    count,
)

By = Literal["season", "month"]
GridStatistic = Literal["mean", "median", "std", "min", "max", "count"]

#: Labels of the seasons, as xarray has them, in the order of the year.
SEASONS: Final = ("DJF", "MAM", "JJA", "SON")
COUNT: Final = "observation_count"
#: How the cell methods of CF say that sea ice is left out.
ICE_FREE: Final = "where ice_free_sea"
_ORDER: Final = ("latitude", "longitude")
#: CF method and adjective of each statistic.
_METHODS: Final = {
    "mean": ("mean", "mean"),
    "median": ("median", "median"),
    "std": ("standard_deviation", "standard deviation of the"),
    "min": ("minimum", "least"),
    "max": ("maximum", "greatest"),
}


def grid(
    obj: xr.Dataset | xr.DataArray,
    variable: Hashable | None = None,
    *,
    cell: float = 2.0,
    statistic: GridStatistic = "mean",
    by: By | None = None,
    minimum: int = 1,
) -> xr.Dataset:
    """Gather values of vignettes in cells of longitude and latitude.

    Parameters
    ----------
    obj : Dataset or DataArray
        A number for each vignette, with the coordinates ``longitude`` and ``latitude`` along the
        same dims, degrees, in either convention; and ``time`` for `by`.
    variable : hashable, optional
        Which variable of a Dataset.
    cell : float, default 2
        Side of a cell, degrees. A whole number of cells makes 180 degrees.
    statistic : {"mean", "median", "std", "min", "max", "count"}
        What is said of the values in a cell. Directions are averaged as unit vectors, and have the circular standard deviation.
    by : {"season", "month"}, optional
        One grid for each season (DJF, MAM, JJA, SON) or month (1 to 12), all years together.
    minimum : int, default 1
        Cells with fewer values are missing.

    Returns
    -------
    Dataset
        The variable and ``observation_count`` (latitude, longitude), with ``season`` or ``month``
        in front; on the whole globe, coordinates at the centres of the cells. Only the count
        for ``statistic="count"``.

    Raises
    ------
    MissingVariableError
        If the variable, a position or the time is not there.
    DimensionError
        If values and positions have different dims, or `cell` does not divide the globe.
    UnitsError
        If the variable is no number, or the statistic does not suit it.
    OceansarError
        If an argument is none of its choices.

    Notes
    -----
    Missing values, and vignettes without a position or time, are left out; of a Dataset that has
    ``ocean_class`` also the sea state (wave height, wind, peak of the waves) under sea ice, where it
    means nothing: ``cell_methods`` then says ``where ice_free_sea``. A cell counts every vignette
    once: neighbours on one pass see nearly the same sea, so that a standard error is larger than
    ``std / sqrt(count)``.

    Lazy where the input is; the values of one variable are then held together, 4 bytes
    for each vignette.

    Examples
    --------
    >>> import xarray as xr
    >>> swh = xr.DataArray(
    ...     [1.0, 2.0, 6.0],
    ...     dims="vignette",
    ...     name="swh",
    ...     coords={
    ...         "longitude": ("vignette", [179.5, -180.5, -170.0]),
    ...         "latitude": ("vignette", [0.5, 1.0, 0.5]),
    ...     },
    ... )
    >>> cells = grid(swh, cell=2)
    >>> float(cells.swh.sel(latitude=1, longitude=179))
    1.5
    >>> int(cells.observation_count.sum())
    3
    """
    data, under, kernel = described_values(obj, variable, statistic, minimum)
    # Integers, as counts, have means that are none.
    kind = np.result_type(data.dtype, np.float32)
    values, counts = binned(
        kernel, [data], cell=cell, by=by, dtypes=(kind, np.dtype(np.int32))
    )
    counted = annotate(counts, COUNT)
    out = (
        {}
        if statistic == "count"
        else {str(data.name): named(values, data, statistic, under)}
    )
    out[COUNT] = counted
    words = f"{statistic} of {data.name} in cells of {cell:g} degrees"
    return xr.Dataset(
        out, attrs=coverage(obj, data, words + (f" by {by}" if by else ""))
    )


def described_values(
    obj: xr.Dataset | xr.DataArray,
    variable: Hashable | None,
    statistic: GridStatistic,
    minimum: int,
) -> tuple[xr.DataArray, bool, Callable[..., tuple[Array, Array]]]:
    """Choose and check what is described in cells; whether values under sea ice were left out; and `describe` for it."""
    if statistic not in get_args(GridStatistic):
        raise OceansarError(
            f"statistic must be one of {list(get_args(GridStatistic))}; got {statistic!r}."
        )
    data = choose(obj, variable)
    direction = direction_of(data)
    check_values(data, statistic, direction is not None)
    ice = under_ice(obj, data)
    kernel = partial(
        describe,
        kind=statistic,
        period=None if direction is None else direction.period,
        minimum=max(int(minimum), 1),
    )
    return data if ice is None else data.where(~ice), ice is not None, kernel


def describe(
    values: Array,
    index: Array,
    size: int,
    *,
    kind: GridStatistic,
    period: float | None,
    minimum: int,
) -> tuple[Array, Array]:
    """Statistic and number of the finite values in each cell."""
    good = np.isfinite(values) & (index >= 0)
    values, index = values[good], index[good]
    members = count(index, size)
    if kind == "count":
        return members, members
    if period is not None and kind in ("mean", "std"):
        degrees = values.astype(float) * (360 / period)
        described = circular_statistic(degrees, index, size, kind) * (period / 360)
    else:
        described = cell_statistic(values, index, size, kind)
    described = np.where(members < minimum, np.nan, described)
    if period is not None and kind == "mean":
        described = wrap_angle(described, period, np.result_type(values, np.float32))
    return described, members


def binned(
    kernel: Callable[..., tuple[Array, ...]],
    values: Sequence[xr.DataArray],
    *,
    cell: float,
    by: By | None,
    dtypes: tuple[np.dtype[Any], ...],
    leading: tuple[str, int] | None = None,
) -> list[xr.DataArray]:
    """Apply a kernel to values and the cells that they are in, lazily."""
    cells = cell_grid(cell)
    first = values[0]
    groups = _groups(first, by)
    labels = _labels(by)
    core = list(first.dims)
    place = [position(first, name) for name in ("longitude", "latitude")]
    inputs = [_whole(a) for a in (*values, *place, groups)]
    shape = ((len(labels),) if by else ()) + cells.shape
    dims = ([str(by)] if by else []) + list(_ORDER)
    lead = [leading[0]] if leading else []
    sizes = dict(zip(dims, shape, strict=True)) | (dict([leading]) if leading else {})
    found: Any = xr.apply_ufunc(
        _run,
        *inputs,
        kwargs={"kernel": kernel, "cells": cells, "shape": shape, "dtypes": dtypes},
        input_core_dims=[core] * len(inputs),
        output_core_dims=[lead + dims] + [dims] * (len(dtypes) - 1),
        dask="parallelized",
        output_dtypes=list(dtypes),
        dask_gufunc_kwargs={"output_sizes": sizes},
    )
    found = found if isinstance(found, tuple) else (found,)
    coords: dict[str, Any] = dict(_coordinates(cells))
    if by:
        coords[by] = labels
    return [array.assign_coords(coords) for array in found]


def _run(
    *inputs: Array,
    kernel: Callable[..., tuple[Array, ...]],
    cells: CellGrid,
    shape: tuple[int, ...],
    dtypes: tuple[np.dtype[Any], ...],
) -> Any:
    """Find the cells and apply the kernel; a module-level name for Dask to call."""
    *values, longitude, latitude, group = (a.ravel() for a in inputs)
    index = cells.index(longitude, latitude)
    index = np.where(
        (index < 0) | (group < 0), -1, group.astype(np.intp) * cells.size + index
    )
    found = kernel(*values, index, int(np.prod(shape)))
    out = tuple(
        a.reshape(*a.shape[:-1], *shape).astype(kind)
        for a, kind in zip(found, dtypes, strict=True)
    )
    return out if len(out) > 1 else out[0]


def choose(obj: xr.Dataset | xr.DataArray, variable: Hashable | None) -> xr.DataArray:
    """Find the variable that is gathered."""
    if isinstance(obj, xr.DataArray) and variable in (None, obj.name):
        return obj if obj.name is not None else obj.rename("value")
    known = sorted(map(str, obj if isinstance(obj, xr.Dataset) else [obj.name]))
    if variable is None:
        raise MissingVariableError(
            f"say which variable to gather in cells: {known}. For example "
            f"ds.oceansar.grid({(known or ['swh'])[0]!r})."
        )
    if isinstance(obj, xr.DataArray) or variable not in obj:
        raise MissingVariableError(
            f"there is no variable {variable!r} to gather in cells; found {known}."
        )
    return obj[variable]


def check_values(data: xr.DataArray, kind: GridStatistic, circular: bool) -> None:
    """Refuse what has no such statistic."""
    if {"flag_values", "flag_masks"} & set(data.attrs) and kind != "count":
        raise UnitsError(
            f"{data.name!r} holds flags, which have no {kind}. For classes use "
            "ds.oceansar.class_occurrence(), or take a probability: "
            "ds.class_probability.sel({'class': 'sea_ice'})."
        )
    if data.dtype.kind not in "iufb":
        raise UnitsError(
            f"numbers can be gathered in cells; {data.name!r} is {data.dtype}."
        )
    if circular and kind in ("median", "min", "max"):
        raise UnitsError(
            f"{data.name!r} is a direction, which has no {kind}. Use statistic='mean' (of "
            "unit vectors) or 'std'."
        )


def cell_grid(cell: float) -> CellGrid:
    """Make cells of so many degrees."""
    number = isinstance(cell, int | float | np.number)
    rows = 180 / cell if number and cell > 0 else 0.0
    if not 1 <= rows <= 18_000 or abs(rows - round(rows)) > 1e-6 * rows:
        near = 180 / max(round(rows), 1) if 1 <= rows <= 18_000 else 2.0
        raise DimensionError(
            f"a whole number of cells makes 180 degrees of latitude; got cell={cell!r}. "
            f"Nearest that does: cell={near:g}."
        )
    return CellGrid(180 / round(rows))


def position(data: xr.DataArray, name: str) -> xr.DataArray:
    """Find longitude or latitude of each value."""
    if name not in data.coords:
        raise MissingVariableError(
            f"cells need the coordinate {name!r} of each vignette; {data.name!r} has "
            f"{sorted(map(str, data.coords))}. Add it with "
            f"{assign_hint(data, name)}."
        )
    place: xr.DataArray = data.coords[name]
    if set(place.dims) != set(data.dims) or place.dims == (name,):
        raise DimensionError(
            f"one value for each position is gathered in cells; {data.name!r} has dims "
            f"{data.dims} and {name} has {place.dims}. Select or reduce first."
        )
    return place if place.dtype.kind in "iuf" else place.copy(data=degrees_of(place))


def _groups(data: xr.DataArray, by: By | None) -> xr.DataArray:
    """Group of each vignette, -1 where its time is not known."""
    if by is None:
        return xr.DataArray(np.zeros(data.shape, np.int8), dims=data.dims)
    if by not in get_args(By):
        raise OceansarError(f"by must be one of {list(get_args(By))}; got {by!r}.")
    time = data.coords.get("time")
    if time is None or not np.issubdtype(time.dtype, np.datetime64):
        raise MissingVariableError(
            f"by={by!r} needs the coordinate 'time' (datetime64) of each vignette; "
            f"{data.name!r} has {sorted(map(str, data.coords))}. Add it with "
            f"{assign_hint(data, 'time')}."
        )
    month = time.dt.month.where(time.notnull(), 0)
    groups = month - 1 if by == "month" else (month % 12) // 3
    bare: xr.DataArray = groups.where(month > 0, -1).astype(np.int8)
    return bare.reset_coords(drop=True).broadcast_like(data.reset_coords(drop=True))


def _labels(by: By | None) -> list[Any]:
    return list(SEASONS) if by == "season" else list(range(1, 13))


def _whole(array: xr.DataArray) -> xr.DataArray:
    """Bare values, in one chunk where they are lazy."""
    return in_one_chunk(array.reset_coords(drop=True), array.dims)


def _coordinates(cells: CellGrid) -> dict[str, xr.DataArray]:
    return {
        name: annotate(
            xr.DataArray((edges[:-1] + edges[1:]) / 2, dims=name),
            name,
            long_name=f"{name} of the cell centre",
        )
        for name, edges in zip(_ORDER, cells.edges, strict=True)
    }


def named(
    values: xr.DataArray, data: xr.DataArray, kind: Statistic, ice_free: bool
) -> xr.DataArray:
    """Give a gridded variable its name, and attributes that say what it is."""
    method, adjective = _METHODS[kind]
    table = VARIABLES.get(str(data.name), {})
    attrs = {k: v for k, v in {**table, **data.attrs}.items() if k != "valid_range"}
    label = attrs.get("long_name", str(data.name).replace("_", " "))
    said = {
        "long_name": f"{adjective} {label}",
        "cell_methods": f"area: time: {method}" + f" {ICE_FREE}" * ice_free,
        "ancillary_variables": COUNT,
    }
    out = values.rename(data.name)
    out.attrs = {**attrs, **said}
    return out


def coverage(
    obj: xr.Dataset | xr.DataArray, data: xr.DataArray, action: str
) -> dict[str, Any]:
    """Attributes of a gridded Dataset, with the time and the satellites that it covers."""
    said = {}
    time = data.coords.get("time")
    if time is not None and time.chunks is None and time.dtype.kind == "M":
        times = time.values[~np.isnat(time.values)] if time.ndim else time.values[None]
        if times.size:
            said = {
                "time_coverage_start": f"{times.min().astype('datetime64[s]')}Z",
                "time_coverage_end": f"{times.max().astype('datetime64[s]')}Z",
            }
    platform = data.coords.get("platform")
    if platform is not None and platform.chunks is None:
        names = np.unique(text_values(platform))
        said["platform"] = ", ".join(names.tolist())
    previous = obj.attrs if isinstance(obj, xr.Dataset) else {}
    return product_attrs(action, previous=previous, **said)
