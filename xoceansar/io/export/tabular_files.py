"""Results as files that other programs read: GeoParquet, GeoJSON, CSV; netCDF is in `netcdf`."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr

from xoceansar._optional import require
from xoceansar._paths import local_target
from xoceansar.conventions import EMBEDDING, VIGNETTE
from xoceansar.errors import DimensionError, ProductError, UnitsError
from xoceansar.io.export.geodataframe import to_geodataframe
from xoceansar.io.export.tables import DETECTION, plain, to_table, with_names_of_flags
from xoceansar.layout.images import degrees_of
from xoceansar.layout.vignette_dims import CORNER, along_vignettes, find_corners

#: Decimals of a degree in GeoJSON: 1 cm.
_DECIMALS: Final = 7


def to_geoparquet(
    ds: xr.Dataset, path: str | Path, *, embedding: bool = True, overwrite: bool = False
) -> Path:
    """Write results as a table of points, with their embeddings.

    Parameters
    ----------
    ds : Dataset
        Results along ``vignette`` with longitude and latitude; or icebergs, one row for each.
    path : str or Path
        File to write, ``.parquet``.
    embedding : bool, default True
        Add ``embedding_vector``, where vignettes have one, as a column of lists of float32.
    overwrite : bool, default False
        Replace a file that exists.

    Returns
    -------
    Path
        `path`. ``geopandas.read_parquet(path)`` reads it, and so do DuckDB and GDAL.

    Raises
    ------
    ProductError
        If the file exists and may not be replaced.
    DimensionError, MissingVariableError
        As `xoceansar.io.to_geodataframe`.
    MissingDependencyError
        If geopandas or pyarrow is not installed.

    Notes
    -----
    Loads the values, and no image. GeoParquet 1.1, WGS 84, points at the centres, longitudes in
    [-180, 180]; vignettes without a place are left out. Columns as of `to_geodataframe`, with
    classes by name; times in microseconds, UTC. Where the results come from, and their units, is in
    the metadata of the file (``PANDAS_ATTRS``, JSON), and in ``attrs`` when geopandas or pandas reads
    it.

    Examples
    --------
    >>> import xarray as xr
    >>> ds = xr.Dataset(
    ...     {"swh": ("vignette", [2.5, 3.0], {"units": "m"})},
    ...     {
    ...         "longitude": ("vignette", [-34.5, 190.0]),
    ...         "latitude": ("vignette", [36.0, 1.0]),
    ...     },
    ... )
    >>> import geopandas
    >>> points = geopandas.read_parquet(to_geoparquet(ds, "swh.parquet"))
    >>> points.swh.tolist(), points.crs.to_epsg()
    ([2.5, 3.0], 4326)
    """
    require("pyarrow", extra="geo")
    with draft_of(path, overwrite=overwrite) as draft:
        table = to_geodataframe(with_names_of_flags(ds))
        vectors = ds.get("embedding_vector")
        if embedding and vectors is not None and DETECTION not in ds.dims:
            rows = _rows(vectors, EMBEDDING)[_placed(ds)]
            table["embedding_vector"] = list(rows.astype(np.float32))
        _in_utc(table).to_parquet(draft, compression="zstd")
    return Path(path).expanduser()


def to_geojson(ds: xr.Dataset, path: str | Path, *, overwrite: bool = False) -> Path:
    """Write icebergs as points, or vignettes as footprints, in GeoJSON.

    Parameters
    ----------
    ds : Dataset
        Icebergs (`xoceansar.ops.icebergs`); or any results along ``vignette``: their outlines where
        the corners are known, else their centres.
    path : str or Path
        File to write, ``.geojson``.
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
    DimensionError, MissingVariableError
        As `xoceansar.io.to_geodataframe`.
    MissingDependencyError
        If geopandas is not installed.

    Notes
    -----
    Loads the values. RFC 7946: WGS 84, longitude first and in [-180, 180], outlines
    counterclockwise and cut in two at 180 degrees. Times are UTC, ISO 8601; what is missing is
    null. The member ``metadata`` says where the results come from, and their units.

    Examples
    --------
    >>> import xarray as xr
    >>> ds = xr.Dataset(
    ...     {"swh": ("vignette", [2.5, 3.0], {"units": "m"})},
    ...     {
    ...         "longitude": ("vignette", [-34.5, 190.0]),
    ...         "latitude": ("vignette", [36.0, 1.0]),
    ...     },
    ... )
    >>> import json
    >>> points = json.loads(to_geojson(ds, "swh.geojson").read_text())["features"]
    >>> points[1]["geometry"]["coordinates"], points[1]["properties"]["swh"]
    ([-170.0, 1.0], 3.0)
    """
    with draft_of(path, overwrite=overwrite) as draft:
        ds = along_vignettes(ds)
        table = to_geodataframe(with_names_of_flags(ds))
        corners = None if DETECTION in ds.dims else find_corners(ds)
        if corners is not None:
            rings = np.stack([_rows(array, CORNER) for array in corners], axis=-1)
            table = table.set_geometry(
                [outline(ring) for ring in rings[_placed(ds)]], crs=table.crs
            )
        properties = table.drop(columns="geometry").to_dict("records")
        features = [
            {
                "type": "Feature",
                "geometry": _rounded(geometry.__geo_interface__),
                "properties": {str(k): plain(v) for k, v in record.items()},
            }
            for geometry, record in zip(table.geometry, properties, strict=True)
        ]
        content = {
            "type": "FeatureCollection",
            "metadata": plain(table.attrs),
            "features": features,
        }
        draft.write_text(json.dumps(content, allow_nan=False), encoding="utf-8")
    return Path(path).expanduser()


def to_csv(ds: xr.Dataset, path: str | Path, *, overwrite: bool = False) -> Path:
    """Write results as comma-separated values.

    Parameters
    ----------
    ds : Dataset
        Results along ``vignette``, or icebergs, as in `xoceansar.io.to_table`.
    path : str or Path
        File to write, ``.csv``.
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
    DimensionError
        If there is no dim ``vignette``.

    Notes
    -----
    Loads the values. The columns of `to_table`, with their units in the header, as ``swh [m]``, but
    for numbers without a unit; then ``model`` and ``simulated``, where they are known, in every row.
    Times are UTC, ISO 8601; what is missing is empty.

    Examples
    --------
    >>> import xarray as xr
    >>> ds = xr.Dataset({"swh": ("vignette", [2.5, 3.0], {"units": "m"})})
    >>> to_csv(ds, "swh.csv").read_text().split()
    ['vignette,swh', '[m]', '0,2.5', '1,3.0']
    """
    with draft_of(path, overwrite=overwrite) as draft:
        table = _in_utc(to_table(ds))
        units = {n: u for n, u in table.attrs["units"].items() if u not in ("", "1")}
        origin = {k: table.attrs[k] for k in ("model", "simulated") if k in table.attrs}
        table = table.assign(**{k: str(v) for k, v in origin.items()})
        table = table.rename(columns={n: f"{n} [{u}]" for n, u in units.items()})
        table.to_csv(draft, index=False, date_format="%Y-%m-%dT%H:%M:%S.%fZ")
    return Path(path).expanduser()


@contextmanager
def draft_of(path: str | Path, *, overwrite: bool) -> Iterator[Path]:
    """Write a file beside its place, and move it there when it is whole."""
    target = local_target(path, "such a file")
    if target.is_dir() or (target.exists() and not overwrite):
        raise ProductError(
            f"{target} exists already. Choose another path, or replace a file with "
            "overwrite=True."
        )
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        scratch = TemporaryDirectory(dir=target.parent, prefix=f".{target.name}-")
    except OSError as error:
        raise ProductError(
            f"nothing can be written in {target.parent} ({error.strerror or error}). Choose another path."
        ) from error
    with scratch as folder:
        draft = Path(folder, target.name)
        yield draft
        draft.replace(target)


def _in_utc(table: pd.DataFrame) -> pd.DataFrame:
    """Give times their zone and microseconds, which every reader of Parquet has."""
    times = {
        str(name): column.dt.tz_localize("UTC").dt.as_unit("us")
        for name, column in table.items()
        if column.dtype.kind == "M"
    }
    return table.assign(**times)


def _placed(ds: xr.Dataset) -> Any:
    """Vignettes that `to_geodataframe` keeps."""
    places = [degrees_of(ds[name]) for name in ("longitude", "latitude")]
    there = np.isfinite(np.broadcast_arrays(*places)).all(axis=0)
    return np.flatnonzero(np.broadcast_to(there, ds.sizes[VIGNETTE]))


def _rows(array: xr.DataArray, dim: str) -> npt.NDArray[np.float64]:
    """Numbers (vignette, `dim`) of an array, whatever the order of its dims."""
    if set(array.dims) != {VIGNETTE, dim}:
        raise DimensionError(
            f"{array.name} must lie along ({VIGNETTE}, {dim}); it lies along {array.dims}. "
            f"Leave it out with ds.drop_vars({array.name!r}), or take one of the others."
        )
    try:
        return np.asarray(array.transpose(VIGNETTE, dim).values, np.float64)
    except (TypeError, ValueError) as error:
        raise UnitsError(
            f"{array.name} must be numbers; it is of {array.dtype} ({error})."
        ) from error


def outline(corners: Any) -> Any:
    """Make a polygon of the corners of a vignette; two where 180 degrees runs through it."""
    shapely = require("shapely", extra="geo")
    if not np.isfinite(corners).all():
        return shapely.Polygon()
    longitude = np.unwrap(corners[:, 0], period=360)
    longitude -= 360 * np.floor((longitude.min() + 180) / 360)  # begins in [-180, 180)
    ring = shapely.Polygon(np.column_stack([longitude, corners[:, 1]]))
    if longitude.max() <= 180:
        return shapely.geometry.polygon.orient(ring)
    west = ring.intersection(shapely.box(-180, -90, 180, 90))
    east = ring.intersection(shapely.box(180, -90, 540, 90))
    parts = [west, shapely.affinity.translate(east, xoff=-360)]
    parts = [shapely.geometry.polygon.orient(part) for part in parts if part.area > 0]
    return shapely.MultiPolygon(parts) if len(parts) > 1 else parts[0]


def _rounded(geometry: Any) -> Any:
    """Round the coordinates; what is empty has no geometry."""
    if not geometry["coordinates"]:
        return None

    def shorten(values: Any) -> Any:
        if isinstance(values, float):
            return round(values, _DECIMALS)
        return [shorten(value) for value in values]

    return {**geometry, "coordinates": shorten(geometry["coordinates"])}
