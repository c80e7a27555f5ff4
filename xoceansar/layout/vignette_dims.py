"""The dim that vignettes lie along, whatever it is called."""

from collections.abc import Hashable
from typing import Final, TypeVar, cast

import pandas as pd
import xarray as xr

from xoceansar.conventions import VIGNETTE
from xoceansar.errors import DimensionError

#: The dim of the corners of a vignette.
CORNER: Final = "corner"
_CORNERS: Final = ("corner_longitude", "corner_latitude")

T_Object = TypeVar("T_Object", bound=xr.Dataset | xr.DataArray)

#: What each vignette has one of.
_OWN: Final = ("longitude", "latitude", "time", "vignette_id")


def find_dim(obj: xr.Dataset | xr.DataArray) -> Hashable | None:
    """Find the dim that place and time lie along."""
    if VIGNETTE in obj.dims:
        return VIGNETTE
    known = obj.variables if isinstance(obj, xr.Dataset) else obj.coords
    dims = {d for name in _OWN if name in known for d in known[name].dims}
    return dims.pop() if len(dims) == 1 else None


def vignette_dim(obj: xr.Dataset | xr.DataArray) -> Hashable:
    """Find the dim that place and time lie along, or say what to do."""
    dim = find_dim(obj)
    if dim is not None:
        return dim
    sizes = dict(obj.sizes)
    single = not sizes or any(name in obj.coords for name in _OWN)
    remedy = (
        "Keep the dim of a single one: ds.isel(vignette=[0])."
        if single
        else f"Say which it is: ds.swap_dims({next(iter(sizes))}='vignette')."
    )
    raise DimensionError(
        "something along the dim 'vignette' is needed, or with longitude, latitude and time "
        f"along one other dim; got {sizes}. {remedy}"
    )


def along_vignettes(obj: T_Object) -> T_Object:
    """Name the dim of the vignettes ``vignette``."""
    dim = vignette_dim(obj)
    if dim == VIGNETTE:
        return obj
    index = obj.indexes.get(dim)
    if isinstance(index, pd.MultiIndex):  # of ds.stack: what it is made of stays
        levels = {
            n: (dim, index.get_level_values(k)) for k, n in enumerate(index.names)
        }
        obj = cast("T_Object", obj.drop_vars([dim, *levels]).assign_coords(levels))
    return cast("T_Object", obj.swap_dims({dim: VIGNETTE}))


def find_corners(
    obj: xr.Dataset | xr.DataArray,
) -> tuple[xr.DataArray, xr.DataArray] | None:
    """Find the longitudes and latitudes of the four corners of each vignette; None without any."""
    known = obj.variables if isinstance(obj, xr.Dataset) else obj.coords
    if not set(_CORNERS) <= set(known):
        return None
    longitude, latitude = (obj[name] for name in _CORNERS)
    for array in (longitude, latitude):
        if array.sizes.get(CORNER) != 4:
            raise DimensionError(
                f"the four corners of each vignette along {CORNER!r} are needed; {array.name} is of "
                f"{dict(array.sizes)}. Keep all four, or none: ds.drop_vars({list(_CORNERS)})."
            )
    return longitude, latitude


def assign_hint(obj: xr.Dataset | xr.DataArray, name: str) -> str:
    """Say what to type to add a coordinate of the vignettes."""
    dim = str(find_dim(obj) or VIGNETTE)
    return f"ds.assign_coords({name}=({dim!r}, values))"
