"""Vignettes to cells of time and of latitude or longitude, as Hovmoeller (1949) drew them."""

from collections.abc import Hashable
from typing import Any, Final, Literal, get_args

import numpy as np
import pandas as pd
import xarray as xr

from xoceansar._typing import Array
from xoceansar.conventions import annotate
from xoceansar.conventions.quantities import Duration, nanoseconds_of
from xoceansar.errors import DimensionError, MissingVariableError, OceansarError
from xoceansar.gridding.cell_statistics import (
    COUNT,
    GridStatistic,
    cell_grid,
    coverage,
    described_values,
    named,
    position,
)
from xoceansar.layout.vignette_dims import assign_hint

Along = Literal["latitude", "longitude"]

#: Steps of time in one section: more are none that a reader could tell apart.
_MOST_STEPS: Final = 5000


def time_section(
    obj: xr.Dataset | xr.DataArray,
    variable: Hashable | None = None,
    *,
    along: Along = "latitude",
    cell: float = 2.0,
    every: Duration = "5D",
    statistic: GridStatistic = "mean",
    minimum: int = 1,
) -> xr.Dataset:
    """Gather values of vignettes in cells of time and of latitude or longitude.

    Shapes: gives the variable and ``observation_count`` (time, latitude or longitude), over the cells that the vignettes reach; ``time`` is the
    middle of a step, and steps begin at midnight of the first day.
    """
    if along not in get_args(Along):
        raise OceansarError(
            f"along must be one of {list(get_args(Along))}; got {along!r}."
        )
    data, under, kernel = described_values(obj, variable, statistic, minimum)
    times = _times(data)
    edges, step = time_steps(times, every)
    cells = cell_grid(cell)
    bounds = cells.edges[("latitude", "longitude").index(along)]
    place = position(data, along).values
    if along == "longitude":
        place = (place + 180) % 360 - 180
    row = np.searchsorted(edges, times, "right") - 1
    column = np.searchsorted(bounds, place, "right") - 1
    column = np.where(place == bounds[-1], bounds.size - 2, column)
    known = (row >= 0) & np.isfinite(place) & (column >= 0) & (column < bounds.size - 1)
    known &= ~np.isnat(times)
    shape = (edges.size, bounds.size - 1)
    index = np.where(known, row * shape[1] + column, -1)
    values, counts = kernel(data.values, index, shape[0] * shape[1])
    coords = {
        "time": ("time", edges + step // 2, {"long_name": "middle of the step"}),
        along: annotate(
            xr.DataArray((bounds[:-1] + bounds[1:]) / 2, dims=along), along
        ),
    }

    def labelled(numbers: Array) -> xr.DataArray:
        return xr.DataArray(numbers.reshape(shape), coords, dims=("time", along))

    out = {COUNT: annotate(labelled(counts), COUNT)}
    if statistic != "count":
        name = str(data.name)
        out[name] = named(labelled(values), data, statistic, under)
    reached = np.flatnonzero(out[COUNT].values.any(axis=0))
    if not reached.size:
        raise OceansarError(
            f"a section needs a value with a time and a {along}; got none of {data.name!r}."
        )
    words = f"{statistic} of {data.name} every {every} by {cell:g} degrees of {along}"
    return xr.Dataset(out, attrs=coverage(obj, data, words)).isel(
        {along: slice(reached[0], reached[-1] + 1)}
    )


def time_steps(times: Array, every: Duration) -> tuple[Array, np.timedelta64]:
    """Return where steps of time begin, from midnight of the first day, and how long each is."""
    step = np.timedelta64(nanoseconds_of(every, "every"), "ns")
    times = times[~np.isnat(times)]
    if not times.size:
        raise OceansarError("steps of time need a vignette with a time; got none.")
    first = pd.Timestamp(times.min()).normalize().to_datetime64()
    count = int((times.max() - first) // step) + 1 if step > np.timedelta64(0) else 0
    if not 1 <= count <= _MOST_STEPS:
        raise DimensionError(
            f"every={every!r} makes {count} steps of time from {str(times.min())[:10]} to {str(times.max())[:10]}; from 1 to "
            f"{_MOST_STEPS} are drawn. Say every='5D', for example."
        )
    return first + np.arange(count) * step, step


def _times(data: xr.DataArray) -> Array:
    time: Any = data.coords.get("time")
    if time is None or time.dims != data.dims or time.dtype.kind != "M":
        raise MissingVariableError(
            f"a section needs the coordinate 'time' (datetime64) of each vignette; {data.name!r} has "
            f"{sorted(map(str, data.coords))}. Add it with {assign_hint(data, 'time')}."
        )
    return np.asarray(time.values)
