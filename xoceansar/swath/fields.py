"""Results of tiles, put back as fields over the swath."""

from collections.abc import Hashable
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import xarray as xr

from xoceansar.conventions import VIGNETTE, annotate, missing_flag, product_attrs
from xoceansar.conventions.texts import text_values
from xoceansar.errors import DimensionError, MissingVariableError
from xoceansar.layout.directions import direction_of
from xoceansar.layout.images import XarrayObject, in_one_chunk
from xoceansar.layout.vignette_dims import along_vignettes, find_dim
from xoceansar.sar.bearings import wrap_angle

ROW: Final = "row"
COLUMN: Final = "column"
#: Coordinates that say where a tile is in the swath.
_NEEDED: Final = (ROW, COLUMN, "azimuth_distance", "range_distance", "tile_size")
#: Length of a mean of unit vectors under which their directions cancel.
_NO_DIRECTION: Final = 1e-9
#: Value, by kind of dtype, of the cells without a tile, where it is not NaN.
_MISSING: Final[dict[str, Any]] = {"M": np.datetime64("NaT"), "U": "", "T": ""}
#: Polarisations of a field that has several.
_POLARISATION: Final = "polarisation"


def field(obj: XarrayObject, variable: Hashable | None = None) -> xr.DataArray:
    """Put the results of tiles back as a field over the swath.

    Parameters
    ----------
    obj : Dataset or DataArray
        What any operation returned for the tiles of `xoceansar.ops.vignettes`, of one image: along
        vignette, with the coordinates ``row``, ``column``, ``azimuth_distance``,
        ``range_distance`` and ``tile_size``.
    variable : str, optional
        Which variable of a Dataset.

    Returns
    -------
    DataArray
        (row, column, ...), or (polarisation, row, column, ...) of several polarisations. ``longitude`` and ``latitude``
        are (row, column), and attributes are kept. Tiles that are not there, or have no value, are
        NaN, and whole numbers then floats. Flags have a value of their own there: -1 of classes, and the
        bit ``no_tile`` of flag masks.

    Raises
    ------
    MissingVariableError
        If there is no such variable, or no row and column.
    DimensionError
        If two vignettes have the same row, column and polarisation.

    Notes
    -----
    Lazy: loads nothing but ``row``, ``column`` and the distances. A cell reaches half-way to its neighbours. Where tiles overlap, its
    value is the mean of all tiles that reach into it, by the area that each covers of it. Directions
    are averaged as unit vectors. Flags, texts, times, and the two ends of an axis are not averaged: they are those of the cell's own tile.

    Examples
    --------
    >>> import xarray as xr
    >>> along = {"row": [0, 0], "column": [0, 1]}
    >>> along |= {"azimuth_distance": [1e4, 1e4], "range_distance": [1e4, 3e4]}
    >>> results = xr.Dataset(
    ...     {"swh": ("vignette", [1.0, 2.0])},
    ...     {name: ("vignette", values) for name, values in along.items()}
    ...     | {"tile_size": 2e4},
    ... )
    >>> field(results, "swh").values
    array([[1., 2.]])
    """
    if isinstance(obj, xr.Dataset):
        if variable is None or variable not in obj.variables:
            raise MissingVariableError(
                f"a field is of one variable of the Dataset; got {variable!r}, found "
                f"{sorted(map(str, obj.data_vars))}. Name one, or take all with .oceansar.fields()."
            )
        obj = obj[variable]
    return _one(along_vignettes(obj) if find_dim(obj) is not None else obj)


def fields(ds: xr.Dataset) -> xr.Dataset:
    """Put all results of tiles back as fields over the swath.

    Parameters
    ----------
    ds : Dataset
        Results along ``vignette``, as of `field`.

    Returns
    -------
    Dataset
        Each variable without image dims as `field` gives it. Lazy.

    Raises
    ------
    MissingVariableError, DimensionError
        As of `field`.

    Examples
    --------
    >>> import xarray as xr
    >>> along = {"row": [0, 0], "column": [0, 1]}
    >>> along |= {"azimuth_distance": [1e4, 1e4], "range_distance": [1e4, 3e4]}
    >>> results = xr.Dataset(
    ...     {"swh": ("vignette", [1.0, 2.0])},
    ...     {name: ("vignette", values) for name, values in along.items()}
    ...     | {"tile_size": 2e4},
    ... )
    >>> fields(results).swh.dims
    ('row', 'column')
    """
    if not isinstance(ds, xr.Dataset):
        raise MissingVariableError(
            "fields are of the variables of a Dataset; of a DataArray use .oceansar.field()."
        )
    obj = along_vignettes(ds) if find_dim(ds) is not None else ds
    whole = [
        name
        for name, data in obj.data_vars.items()
        if VIGNETTE in data.dims and not {"line", "sample"} & set(data.dims)
    ]
    out = {name: _one(obj[name]) for name in whole}
    return xr.Dataset(out, attrs=product_attrs("fields", previous=obj.attrs))


def _one(data: xr.DataArray) -> xr.DataArray:
    _check(data)
    polarisations = _polarisations(data)
    parts = [_single(part) for part in _split(data, polarisations)]
    if len(parts) == 1:
        return parts[0]
    names = xr.DataArray(polarisations, dims=_POLARISATION)
    out = xr.concat(parts, dim=annotate(names, _POLARISATION), join="exact")
    out.attrs = parts[0].attrs
    return out


def _check(data: xr.DataArray) -> None:
    absent = [name for name in _NEEDED if name not in data.coords]
    if absent or VIGNETTE not in data.dims:
        raise MissingVariableError(
            f"a field needs tiles along 'vignette' with the coordinates {list(_NEEDED)}; "
            f"{data.name!r} has dims {data.dims} and lacks {absent}. Tile the image with "
            ".oceansar.vignettes()."
        )


def _polarisations(data: xr.DataArray) -> list[str]:
    if _POLARISATION not in data.coords or data[_POLARISATION].dims != (VIGNETTE,):
        return []
    return list(dict.fromkeys(text_values(data[_POLARISATION]).tolist()))


def _split(data: xr.DataArray, polarisations: list[str]) -> list[xr.DataArray]:
    if len(polarisations) < 2:
        return [data]
    values = text_values(data[_POLARISATION])
    return [
        data.isel({VIGNETTE: np.flatnonzero(values == name)}).drop_vars(_POLARISATION)
        for name in polarisations
    ]


def _single(data: xr.DataArray) -> xr.DataArray:
    """Make the field of tiles of one polarisation."""
    place, shape = _places(data)
    gridded = {
        name: _gridded(coord, place)
        for name, coord in data.coords.items()
        if name in ("longitude", "latitude", "time", "quality", "domain")
        and coord.dims == (VIGNETTE,)
    }
    out = _gridded(data, place)
    averaged = _is_averaged(data)
    if averaged:
        direction = direction_of(data)
        period = None if direction is None else direction.period
        out = _averaged(out, _weights(data, ROW), _weights(data, COLUMN), period=period)
    keep = {
        name: coord
        for name, coord in data.coords.items()
        if VIGNETTE not in coord.dims and name != VIGNETTE
    }
    for dim in (ROW, COLUMN):
        keep[dim] = annotate(xr.DataArray(np.arange(shape[dim]), dims=dim), dim)
        distance = "azimuth_distance" if dim == ROW else "range_distance"
        values = xr.DataArray(_middles(data, dim), dims=dim)
        keep[distance] = annotate(values, distance)
    out = out.drop_vars(list(out.coords)).assign_coords(keep | gridded)
    out.name = data.name
    if averaged:
        out.attrs = {**data.attrs, "cell_methods": "area: mean"}
    return out


def _places(data: xr.DataArray) -> tuple[npt.NDArray[np.intp], dict[str, int]]:
    """Return the number of the vignette of each cell (row, column), -1 where there is none."""
    row, column = (data[name].values.astype(int) for name in (ROW, COLUMN))
    shape = {
        ROW: int(row.max(initial=-1)) + 1,
        COLUMN: int(column.max(initial=-1)) + 1,
    }
    place = np.full((shape[ROW], shape[COLUMN]), -1)
    place[row, column] = np.arange(row.size)
    if (place >= 0).sum() < row.size:
        raise DimensionError(
            "two vignettes have the same row and column: a field is of one image. Select those "
            "of one product."
        )
    return place, shape


def _gridded(data: xr.DataArray, place: npt.NDArray[np.intp]) -> xr.DataArray:
    """Move vignettes to (row, column), without averaging."""
    data = data if data.size else in_one_chunk(data, data.dims)
    found, missing = data.variable, _MISSING.get(data.dtype.kind, np.nan)
    attrs, encoding = dict(found.attrs), {}
    if data.dtype.kind in "iu" and {"flag_values", "flag_masks"} & set(attrs):
        missing, attrs = missing_flag(attrs, found.dtype)
        found = found.astype(missing.dtype)
        encoding = {"_FillValue": missing} if "flag_values" in attrs else {}
    found = found.isel({VIGNETTE: xr.Variable((ROW, COLUMN), np.maximum(place, 0))})
    there = xr.Variable((ROW, COLUMN), place >= 0)
    if not bool(there.all()):
        found = found.astype(np.float32) if found.dtype.kind == "b" else found
        found = found.where(there, missing)  # type: ignore[no-untyped-call]
    dims = (ROW, COLUMN, *(d for d in found.dims if d not in (ROW, COLUMN)))
    out = xr.DataArray(found.transpose(*dims))
    out.attrs, out.encoding = attrs, encoding
    return out


def _is_averaged(data: xr.DataArray) -> bool:
    """Whether overlapping tiles are averaged: numbers and angles are, flags and texts are not."""
    flags = {"flag_values", "flag_masks"} & set(data.attrs)
    ends = {"ambiguity", "detection"} & set(data.dims)
    return data.dtype.kind == "f" and not flags and not ends


def _middles(data: xr.DataArray, dim: str) -> npt.NDArray[np.float64]:
    """Middle of each row or column, metres; evenly filled in where none has a tile."""
    name = "azimuth_distance" if dim == ROW else "range_distance"
    number = data[dim].values.astype(int)
    if not number.size:
        return np.empty(0)
    known, first = np.unique(number, return_index=True)
    middles = data[name].values.astype(float)[first]
    return np.asarray(np.interp(np.arange(number.max() + 1), known, middles))


def _weights(data: xr.DataArray, dim: str) -> xr.DataArray:
    """Share of each cell (dim) that each tile (tile) covers along one axis."""
    middle = _middles(data, dim)
    half = float(data["tile_size"]) / 2
    between = (middle[:-1] + middle[1:]) / 2
    low = np.maximum(np.concatenate([[-np.inf], between]), middle - half)
    high = np.minimum(np.concatenate([between, [np.inf]]), middle + half)
    covered = np.minimum(high[:, None], middle + half) - np.maximum(
        low[:, None], middle - half
    )
    share = np.clip(covered, 0, None) / (high - low)[:, None]
    share[share < 1e-9] = 0
    return xr.DataArray(share, dims=(dim, f"{dim}_of_tile"))


def _averaged(
    own: xr.DataArray,
    rows: xr.DataArray,
    columns: xr.DataArray,
    *,
    period: float | None,
) -> xr.DataArray:
    out: xr.DataArray = xr.apply_ufunc(
        _average,
        in_one_chunk(own, (ROW, COLUMN)),
        kwargs={"rows": rows.values, "columns": columns.values, "period": period},
        input_core_dims=[[ROW, COLUMN]],
        output_core_dims=[[ROW, COLUMN]],
        dask="parallelized",
        output_dtypes=[own.dtype],
    )
    return out.transpose(ROW, COLUMN, ...)


def _average(
    own: npt.NDArray[Any],
    *,
    rows: npt.NDArray[np.float64],
    columns: npt.NDArray[np.float64],
    period: float | None,
) -> npt.NDArray[Any]:
    """Average (..., row, column) by area; a cell whose own tile has no value stays missing.

    So does one whose directions cancel.
    """
    known = np.isfinite(own)
    area = rows @ known.astype(float) @ columns.T
    if period is None:
        total = rows @ np.where(known, own, 0).astype(float) @ columns.T
        mean = (total / np.where(area > 0, area, 1)).astype(own.dtype)
    else:
        angle = np.where(known, own, 0).astype(float) * (2 * np.pi / period)
        total = rows @ np.where(known, np.exp(1j * angle), 0) @ columns.T
        mean = wrap_angle(np.angle(total) * (period / (2 * np.pi)), period, own.dtype)
        known = known & (np.abs(total) > _NO_DIRECTION * area)
    return np.where(known, mean, np.asarray(np.nan, own.dtype))
