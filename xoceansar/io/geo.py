"""Results as tables with a geometry, for geopandas and for GIS."""

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
import xarray as xr

from xoceansar._optional import require
from xoceansar.conventions import VIGNETTE
from xoceansar.errors import DimensionError, MissingVariableError
from xoceansar.texts import text_values

if TYPE_CHECKING:
    from geopandas import GeoDataFrame

__all__ = ["to_geodataframe"]

_DETECTION: Final = "detection"
_PREFIX: Final = "iceberg_"


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
        WGS 84 (EPSG:4326), longitudes in [-180, 180]. Columns are the variables and
        coordinates with one value for each row; of an iceberg, with those of its vignette,
        named without ``iceberg_`` where they are its own. Without any iceberg the table has
        its columns and no row.

    Raises
    ------
    DimensionError
        If there is no dim ``vignette``.
    MissingVariableError
        If the rows have no longitude and latitude.
    MissingDependencyError
        If geopandas is not installed.

    Notes
    -----
    Loads the values; images, boxes and embeddings, with more than one value for each row, are
    left out. ``to_file("icebergs.geojson")`` writes GeoJSON, ``to_parquet`` GeoParquet.
    """
    geopandas = require("geopandas", extra="geo")
    if VIGNETTE not in ds.dims:
        raise DimensionError(
            f"results along the dim 'vignette' are needed; got the dims {dict(ds.sizes)}. "
            "Use ds.expand_dims('vignette') for a single one."
        )
    found = f"{_PREFIX}longitude" in ds and _DETECTION in ds.dims
    own = _PREFIX if found else ""
    place = [f"{own}longitude", f"{own}latitude"]
    absent = [name for name in place if name not in ds.variables]
    if absent:
        raise MissingVariableError(
            f"rows get their place from {place}; {absent} are absent. Found "
            f"{sorted(map(str, ds.variables))}."
        )
    rows = {VIGNETTE, _DETECTION} if found else {VIGNETTE}
    names = [n for n, v in ds.variables.items() if set(v.dims) <= rows]
    frame = _plain(ds[names].reset_coords().load()).to_dataframe().reset_index()
    frame = frame[np.isfinite(frame[place[0]]) & np.isfinite(frame[place[1]])]
    if found:
        frame = _named_for_icebergs(frame)
    points = geopandas.points_from_xy(frame["longitude"], frame["latitude"])
    table: GeoDataFrame = geopandas.GeoDataFrame(
        frame.reset_index(drop=True), geometry=points, crs="EPSG:4326"
    )
    return table


def _plain(ds: xr.Dataset) -> xr.Dataset:
    """Return the values in types that every version of pandas has."""
    texts = {
        name: (variable.dims, text_values(variable).astype(object), variable.attrs)
        for name, variable in ds.variables.items()
        if variable.dtype.kind in "ST"
    }
    return ds.assign(texts)


def _named_for_icebergs(frame: pd.DataFrame) -> pd.DataFrame:
    taken = {name: f"vignette_{name}" for name in ("longitude", "latitude")}
    own: dict[Any, str] = {
        name: str(name).removeprefix(_PREFIX)
        for name in frame.columns
        if str(name).startswith(_PREFIX) and name != "iceberg_count"
    }
    return frame.rename(columns=taken).rename(columns=own)
