"""Results as tables with a geometry, for geopandas and for GIS."""

from typing import TYPE_CHECKING, Final

import numpy as np
import xarray as xr

from xoceansar._optional import require
from xoceansar.errors import MissingVariableError, UnitsError
from xoceansar.io.export.tables import rows_of

if TYPE_CHECKING:
    from geopandas import GeoDataFrame


_PLACE: Final = ("longitude", "latitude")


def to_geodataframe(ds: xr.Dataset) -> "GeoDataFrame":
    """Turn results into a table of points.

    Parameters
    ----------
    ds : Dataset
        Icebergs (`xoceansar.ops.icebergs`), one row for each; or any results along
        ``vignette``, one row for each vignette.

    Returns
    -------
    GeoDataFrame
        WGS 84 (EPSG:4326), longitudes in [-180, 180]. Columns are those of
        `xoceansar.io.to_table`, with flags as numbers; of an iceberg, with those of its
        vignette, named without ``iceberg_`` where they are its own. Without any iceberg the table has
        its columns and no row. ``attrs`` says where it comes from, and the units.

    Raises
    ------
    DimensionError
        If there is no dim ``vignette``.
    MissingVariableError
        If the rows have no longitude and latitude.
    UnitsError
        If these are no numbers.
    MissingDependencyError
        If geopandas is not installed.

    Notes
    -----
    Loads the values; images, boxes and embeddings are left out. ``to_file("icebergs.geojson")``
    writes GeoJSON, ``to_parquet`` GeoParquet.

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
    >>> points = to_geodataframe(ds)
    >>> points.swh.tolist(), points.geometry.x.tolist(), points.attrs["units"]
    ([2.5, 3.0], [-34.5, -170.0], {'swh': 'm'})
    """
    geopandas = require("geopandas", extra="geo")
    table = rows_of(ds)
    absent = [name for name in _PLACE if name not in table]
    if absent:
        raise MissingVariableError(
            f"rows get their place from {list(_PLACE)}; {absent} are absent. Found "
            f"{sorted(map(str, ds.variables))}."
        )
    try:
        table = table.astype(dict.fromkeys(_PLACE, np.float64))
    except (TypeError, ValueError) as error:
        raise UnitsError(
            f"{list(_PLACE)} must be numbers in degrees ({error}). Convert them, as "
            "ds.assign_coords(longitude=ds.longitude.astype(float))."
        ) from error
    there = np.isfinite(table[list(_PLACE)]).all(axis=1)
    table = table.iloc[np.flatnonzero(there)].reset_index(drop=True)
    if (table["longitude"].abs() > 180).any():
        table["longitude"] = (table["longitude"] + 180) % 360 - 180
    points = geopandas.points_from_xy(table["longitude"], table["latitude"])
    placed: GeoDataFrame = geopandas.GeoDataFrame(
        table, geometry=points, crs="EPSG:4326"
    )
    placed.attrs.update(table.attrs)
    return placed
