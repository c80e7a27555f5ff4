"""Arrows on a map: where waves travel and where the wind blows."""

from collections.abc import Hashable
from typing import TYPE_CHECKING, Final

import numpy as np
import xarray as xr

from xoceansar.errors import DimensionError, MissingVariableError, UnitsError
from xoceansar.layout.directions import direction_of
from xoceansar.layout.images import degrees_of
from xoceansar.plot.map_frame import project
from xoceansar.plot.style import INK

if TYPE_CHECKING:
    from cartopy.mpl.geoaxes import GeoAxes

#: Length of an arrow and width of its shaft, inches.
_LENGTH: Final = 0.22
_WIDTH: Final = 0.014
#: Step along a bearing by which its angle on the map is found, degrees of arc.
_STEP: Final = 1e-3


def draw_arrows(ax: "GeoAxes", obj: xr.Dataset | xr.DataArray, name: Hashable) -> None:
    """Draw an arrow of one length from each place, along each direction that it has there.

    Notes
    -----
    Directions that say where something comes from are turned around; missing ones have no arrow.
    """
    known = obj.variables if isinstance(obj, xr.Dataset) else obj.coords
    if name not in known:
        raise MissingVariableError(
            f"there is no variable {name!r} to draw arrows of; found {sorted(map(str, known))}."
        )
    data = obj[name]
    direction = direction_of(data)
    if direction is None or direction.sense is None:
        raise UnitsError(
            f"arrows need a variable that says where something comes from or goes to; {name!r} does "
            "not. Say it, as ds[name].attrs['standard_name'] = 'sea_surface_swell_wave_to_direction'."
        )
    places = [obj[axis].squeeze() for axis in ("longitude", "latitude")]
    dims = places[0].dims
    if not set(dims) <= set(data.dims) or data.ndim > len(dims) + 1:
        raise DimensionError(
            f"arrows are drawn at positions, one or a few at each; {name!r} has dims {data.dims} and "
            f"longitude has {dims}. Select or reduce first, for example ds.isel(...)."
        )
    turn = 0.0 if direction.sense == "to" else np.pi
    bearing = np.asarray(data, float) * (2 * np.pi / direction.period) + turn
    bearings = data.copy(data=bearing).transpose(..., *dims).values
    lon, lat = (degrees_of(place) for place in places)
    lon, lat = np.broadcast_arrays(lon, lat)
    lon, lat, angles = (
        np.broadcast_to(part, bearings.shape).ravel() for part in (lon, lat, bearings)
    )
    north = lat + _STEP * np.cos(angles)
    east = lon + _STEP * np.sin(angles) / np.maximum(np.cos(np.radians(lat)), 1e-6)
    start, end = (project(ax.projection, *at) for at in ((lon, lat), (east, north)))
    step = end - start
    drawn = np.isfinite(step).all(axis=1) & (np.hypot(*step.T) > 0)
    (x, y), step = start[drawn].T, step[drawn]
    u, v = (step / np.hypot(*step.T)[:, None]).T
    limits = ax.get_xlim(), ax.get_ylim()
    arrows = ax.quiver(
        x, y, u, v, units="inches", scale_units="inches", scale=1 / _LENGTH, width=_WIDTH,
        color=INK, edgecolor="white", linewidth=0.4, headwidth=4.5, headlength=5, headaxislength=4.5, zorder=5,
    )  # fmt: skip
    arrows.set_in_layout(False)
    ax.set_xlim(limits[0])
    ax.set_ylim(limits[1])
