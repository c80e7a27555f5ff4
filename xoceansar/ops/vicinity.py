"""Vignettes near a place."""

from typing import TypeVar

import numpy as np
import xarray as xr

from xoceansar._typing import Array
from xoceansar.conventions import annotate
from xoceansar.conventions.quantities import Distance, kilometres
from xoceansar.errors import OceansarError, warn
from xoceansar.layout.images import degrees_of
from xoceansar.layout.vignette_dims import vignette_dim
from xoceansar.ops.selection import load_columns
from xoceansar.sar.geometry import arc_length, unit_vector

__all__ = ["near"]

T_Object = TypeVar("T_Object", xr.Dataset, xr.DataArray)


def near(
    obj: T_Object, longitude: float, latitude: float, radius: Distance = "50 km"
) -> T_Object:
    """Select the vignettes whose centre lies within a distance of a place.

    Parameters
    ----------
    obj : Dataset or DataArray
        Anything along ``vignette``, or along the one other dim of longitude, latitude and time.
    longitude, latitude : float
        Of the place, degrees; longitudes from -180 to 180 or from 0 to 360.
    radius : float or str, default "50 km"
        Along the ground; a number is kilometres. A vignette reaches 14 km from its centre.

    Returns
    -------
    Dataset or DataArray
        Those within the distance, in their order, with the coordinate ``place_distance``, km; of length 0, with a warning
        that names the distance of the nearest, where there is none.

    Raises
    ------
    MissingVariableError
        If ``longitude`` or ``latitude`` is not there.
    DimensionError
        If the vignettes lie along no dim that is known.
    UnitsError
        If `radius` is no length.
    OceansarError
        If the place is none on the globe.

    Notes
    -----
    Lazy: longitude and latitude are loaded, and nothing else. Distances are along great circles of a sphere of 6371 km, across 180
    degrees and over the poles too. A vignette without a place is nowhere near.

    Examples
    --------
    >>> ds = xr.Dataset(
    ...     coords={
    ...         "longitude": ("vignette", [179.8, -179.9, -170.0]),
    ...         "latitude": ("vignette", [0.0, 0.0, 0.0]),
    ...     }
    ... )
    >>> near(ds, -180, 0, "50 km").place_distance.values.round(1)
    array([22.2, 11.1])
    """
    reach = kilometres(radius, "radius")
    place = _place(longitude, latitude)
    dim = vignette_dim(obj)
    known = load_columns(obj, ["longitude", "latitude"], dim)
    lon, lat = (degrees_of(known[name]) for name in ("longitude", "latitude"))
    chord = np.linalg.norm(unit_vector(lon, lat) - place, axis=-1)
    distance = arc_length(chord) / 1000
    rows = np.flatnonzero(distance <= reach)
    if not rows.size and np.isfinite(distance).any():
        enough = np.ceil(np.nanmin(distance))
        more = f": radius='{enough:.0f} km' finds it" if enough <= 1000 else ""
        warn(
            f"no vignette lies within {reach:g} km of {longitude:g}, {latitude:g}; the nearest is "
            f"{np.nanmin(distance):.0f} km away{more}."
        )
    column = annotate(xr.DataArray(distance[rows], dims=[dim]), "place_distance")
    return obj.isel({dim: rows}).assign_coords(place_distance=column)


def _place(longitude: float, latitude: float) -> Array:
    """Return the unit vector of a place that is on the globe."""
    numbers = all(
        np.ndim(x) == 0 and np.asarray(x).dtype.kind in "iuf"
        for x in (longitude, latitude)
    )
    if not numbers or not (abs(latitude) <= 90 and -180 <= longitude <= 360):
        raise OceansarError(
            f"a place is a longitude from -180 to 360 and a latitude from -90 to 90; got {longitude!r}, "
            f"{latitude!r}. For example near(-3.05, 48.29, '50 km')."
        )
    return unit_vector(float(longitude), float(latitude))
