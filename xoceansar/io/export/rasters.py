"""Fields over a swath on a regular map grid, and as GeoTIFF."""

from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import xarray as xr

from xoceansar._optional import require
from xoceansar._paths import local_target
from xoceansar.conventions import missing_flag
from xoceansar.errors import DimensionError, MissingVariableError, warn
from xoceansar.io.export.tabular_files import draft_of
from xoceansar.sar.geometry import from_unit_vector, mean_position, unit_vector

Array = npt.NDArray[np.float64]

#: Beyond these latitudes UTM ends.
_UTM_NORTH: Final = 84.0
_UTM_SOUTH: Final = -80.0
#: Most pixels of a map grid along one side.
_MOST: Final = 20_000


def to_map_grid(
    field: xr.DataArray, *, crs: Any = None, resolution: float | None = None
) -> xr.DataArray:
    """Move a field over a swath to a regular grid of a map projection.

    Parameters
    ----------
    field : DataArray (row, column)
        From `xoceansar.ops.field`, with ``longitude`` and ``latitude`` along both dims.
    crs : optional
        What `pyproj.CRS.from_user_input` takes, as ``"EPSG:3413"``; the UTM zone of the field's
        middle, or UPS beyond 84 N and 80 S, where not given.
    resolution : float, optional
        Side of the pixels, in units of the projection; a quarter of the shorter side of a cell where
        not given.

    Returns
    -------
    DataArray (y, x)
        Each pixel has the value of the cell that it lies in: nothing is interpolated, so that flags
        stay flags. Pixels in no cell are NaN, and whole numbers then floats; of flags they have a
        value that is no flag (``xoceansar.conventions.missing_flag``). In degrees, ``x`` goes on beyond
        180 where the field does. ``spatial_ref`` says the projection, as rioxarray reads it; the
        attributes are kept.

    Raises
    ------
    MissingVariableError, DimensionError
        If the field has no positions, or other dims than row and column.
    DimensionError
        If the grid were larger than 20,000 pixels along a side, or none of its pixels lay in a cell
        that has a value: another `resolution` is needed, or a `crs` that does not cut the field.
    MissingDependencyError
        If rioxarray or pyproj is not installed.

    Notes
    -----
    Loads the values.

    Examples
    --------
    >>> import xarray as xr
    >>> dims = ("row", "column")
    >>> field = xr.DataArray(
    ...     [[1.0, 2.0], [3.0, 4.0]],
    ...     dims=dims,
    ...     name="swh",
    ...     coords={
    ...         "longitude": (dims, [[0.1, 0.3], [0.1, 0.3]]),
    ...         "latitude": (dims, [[60.3, 60.3], [60.1, 60.1]]),
    ...     },
    ... )
    >>> to_map_grid(field, crs="EPSG:4326", resolution=0.2).values
    array([[nan, nan, nan, nan],
           [nan,  1.,  2., nan],
           [nan,  3.,  4., nan],
           [nan, nan, nan, nan]])
    """
    pyproj = require("pyproj", extra="geo")
    require("rioxarray", extra="geo")
    longitude, latitude = _positions(field)
    if crs is None:
        crs = _local_crs(longitude, latitude)
    system = pyproj.CRS.from_user_input(crs)
    to_map = pyproj.Transformer.from_crs("EPSG:4326", system, always_xy=True)
    cells = _Cells(longitude, latitude)
    edges = cells.outlines()
    if system.is_geographic:
        edges = (_continued(edges[0], longitude, latitude), edges[1])
    edge_x, edge_y = to_map.transform(*edges)
    if resolution is None:
        resolution = float(f"{_cell_side(edge_x, edge_y) / 4:.2g}")
    x, y = _axis(edge_x, resolution), _axis(edge_y, resolution)[::-1]
    grid_x, grid_y = np.meshgrid(x, y)
    back = to_map.transform(grid_x, grid_y, direction="INVERSE")
    found = cells.find(*(np.asarray(v, float) for v in back))
    if (found < 0).all():
        raise DimensionError(
            f"none of the {x.size} x {y.size} pixels of {resolution:g} lies in a cell of the field. "
            "Give a finer resolution=, or another crs=."
        )
    return _placed(field, found, x, y, system)


def to_raster(
    field: xr.DataArray,
    path: str | Path,
    *,
    crs: Any = None,
    resolution: float | None = None,
    overwrite: bool = False,
) -> Path:
    """Write a field as a cloud-optimised GeoTIFF.

    Parameters
    ----------
    field : DataArray (row, column)
        As for `to_map_grid`, which puts it on a regular grid first.
    path : str or Path
        Of the file.
    crs, resolution : optional
        As in `to_map_grid`.
    overwrite : bool, default False
        Replace a file that exists.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    ProductError
        If the file exists and may not be replaced.
    MissingVariableError, DimensionError, MissingDependencyError
        As `to_map_grid`.

    Notes
    -----
    Loads the values. Text attributes become tags of the file. A field without a single value is written
    with a warning.

    Examples
    --------
    >>> import xarray as xr
    >>> dims = ("row", "column")
    >>> field = xr.DataArray(
    ...     [[1.0, 2.0], [3.0, 4.0]],
    ...     dims=dims,
    ...     name="swh",
    ...     coords={
    ...         "longitude": (dims, [[0.1, 0.3], [0.1, 0.3]]),
    ...         "latitude": (dims, [[60.3, 60.3], [60.1, 60.1]]),
    ...     },
    ... )
    >>> import rioxarray
    >>> path = to_raster(field, "swh.tif", crs="EPSG:4326", resolution=0.2)
    >>> with rioxarray.open_rasterio(path) as raster:
    ...     raster.values[0]
    array([[nan, nan, nan, nan],
           [nan,  1.,  2., nan],
           [nan,  3.,  4., nan],
           [nan, nan, nan, nan]])
    """
    path = local_target(path, "a GeoTIFF")
    grid = to_map_grid(field, crs=crs, resolution=resolution)
    nodata = grid.rio.nodata
    if (grid.isnull() | (grid == nodata)).all():
        warn(f"{path} has no valid pixel: {field.name!r} has no value there.")
    grid.attrs = {
        name: value for name, value in grid.attrs.items() if isinstance(value, str)
    }
    grid = grid.rio.write_nodata(nodata)
    with draft_of(path, overwrite=overwrite) as draft:
        grid.rio.to_raster(draft, driver="COG", compress="deflate")
    return path


def _positions(field: xr.DataArray) -> tuple[Array, Array]:
    for name in ("longitude", "latitude"):
        if name not in field.coords:
            raise MissingVariableError(
                f"a map grid needs the coordinate {name!r} (row, column); make the field with "
                ".oceansar.field()."
            )
    if field.ndim != 2 or set(field["longitude"].dims) != set(field.dims):
        raise DimensionError(
            f"a map grid is made of a field (row, column); got {field.dims}. Select the rest, "
            "for example field.sel(polarisation='VV')."
        )
    if min(field.shape) < 2:
        raise DimensionError(
            f"a map grid needs two cells or more along each side; got {field.shape}."
        )
    longitude, latitude = (
        field[name].transpose(*field.dims).values.astype(float)
        for name in ("longitude", "latitude")
    )
    if not (np.isfinite(longitude) & np.isfinite(latitude)).all():
        raise DimensionError(
            "a map grid needs the position of every cell of the field."
        )
    return longitude, latitude


def _local_crs(longitude: Array, latitude: Array) -> str:
    lon, lat = mean_position(longitude, latitude)
    if lat > _UTM_NORTH or lat < _UTM_SOUTH:
        return "EPSG:32661" if lat > 0 else "EPSG:32761"
    zone = int((lon + 180) // 6) % 60 + 1
    return f"EPSG:{32600 + zone if lat >= 0 else 32700 + zone}"


def _continued(edges: Array, longitude: Array, latitude: Array) -> Array:
    """Let longitudes go on beyond 180 degrees, unless the field is all around a pole."""
    middle, _ = mean_position(longitude, latitude)
    around = (edges - middle + 180) % 360 - 180 + middle
    return around if np.ptp(around) < np.ptp(edges) else edges


def _cell_side(x: Array, y: Array) -> float:
    """Shorter side of most cells, of their outlines (row, column, 3, 3) on the map."""
    down = [v[..., 2, 1] - v[..., 0, 1] for v in (x, y)]
    right = [v[..., 1, 2] - v[..., 1, 0] for v in (x, y)]
    sides = np.stack([np.stack(down, -1), np.stack(right, -1)], -1)
    sides = sides[np.isfinite(sides).all(axis=(-1, -2))]
    return float(np.median(np.linalg.svd(sides, compute_uv=False)[..., 1]))


class _Cells:
    """The cells of a field as vectors: which one a place lies in."""

    def __init__(self, longitude: Array, latitude: Array) -> None:
        self.shape = longitude.shape
        self.middle = unit_vector(longitude, latitude)
        # Steps to the next row and to the next column, which are the sides of a cell.
        self.steps = [np.gradient(self.middle, axis=axis) for axis in (0, 1)]

    def outlines(self) -> tuple[Array, Array]:
        """Return longitude and latitude (row, column, 3, 3) of points around each cell."""
        down, right = (step[:, :, None, None] for step in self.steps)
        part = np.array([-0.5, 0.0, 0.5])[:, None]
        middle = self.middle[:, :, None, None]
        return from_unit_vector(middle + part[:, None] * down + part * right)

    def find(self, longitude: Array, latitude: Array) -> npt.NDArray[np.intp]:
        """Return the flat number of the cell of each place, -1 outside."""
        from scipy.spatial import cKDTree

        finite = np.isfinite(longitude) & np.isfinite(latitude)
        place = unit_vector(
            np.where(finite, longitude, 0), np.where(finite, latitude, 0)
        )
        _, near = cKDTree(self.middle.reshape(-1, 3)).query(
            place, k=min(4, self.middle.size // 3)
        )
        out = np.full(longitude.shape, -1)
        for k in range(near.shape[-1])[::-1]:
            inside = self._inside(place, near[..., k])
            out[inside] = near[..., k][inside]
        out[~finite] = -1
        return out

    def _inside(
        self, place: Array, cell: npt.NDArray[np.intp]
    ) -> npt.NDArray[np.bool_]:
        """Say which places are within half a step of a cell's middle, along both sides."""
        away = place - self.middle.reshape(-1, 3)[cell]
        down, right = (step.reshape(-1, 3)[cell] for step in self.steps)
        # Solve away = a down + b right in the plane of the two.
        dd, rr, dr = (down**2).sum(-1), (right**2).sum(-1), (down * right).sum(-1)
        ad, ar = (away * down).sum(-1), (away * right).sum(-1)
        det = dd * rr - dr**2
        a, b = (ad * rr - ar * dr) / det, (ar * dd - ad * dr) / det
        flat = (away**2).sum(-1) < 4 * (dd + rr)  # not on the other side of the Earth
        limit = 0.5 + 1e-9
        return np.asarray((np.abs(a) <= limit) & (np.abs(b) <= limit) & flat)


def _axis(edges: npt.ArrayLike, resolution: float) -> Array:
    """Middles of the pixels that hold all edges, on whole multiples of the resolution."""
    values = np.asarray(edges, float)
    values = values[np.isfinite(values)]
    first = np.floor(values.min() / resolution)
    count = int(np.ceil(values.max() / resolution) - first)
    if not 0 < count <= _MOST:
        raise DimensionError(
            f"the grid would have {count} pixels along a side, and {_MOST} is the most. Give a "
            "coarser resolution=, or another crs=."
        )
    return np.asarray((first + np.arange(count) + 0.5) * resolution)


def _placed(
    field: xr.DataArray, found: npt.NDArray[np.intp], x: Array, y: Array, crs: Any
) -> xr.DataArray:
    values, attrs = field.values.ravel(), dict(field.attrs)
    fill: Any = np.nan
    if field.dtype.kind not in "biuf":
        raise DimensionError(
            f"a raster holds numbers; {field.name!r} is {field.dtype}. Convert it first."
        )
    if field.dtype.kind in "iu" and {"flag_values", "flag_masks"} & set(attrs):
        fill, attrs = missing_flag(attrs, field.dtype)
        values = values.astype(fill.dtype)
    elif field.dtype.kind in "biu":
        # What no cell covers must not look like a count of zero.
        values = values.astype(np.result_type(field.dtype, np.float32))
    # appended, so that -1, of the pixels in no cell, finds it
    values = np.append(values, values.dtype.type(fill))[found]
    out = xr.DataArray(
        values,
        dims=("y", "x"),
        coords={"y": y, "x": x},
        name=field.name,
        attrs=attrs,
    )
    out = out.rio.write_crs(crs).rio.write_nodata(fill)
    placed: xr.DataArray = out.rio.write_transform()
    return placed
