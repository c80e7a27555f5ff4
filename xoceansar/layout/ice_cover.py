"""What there is of the open sea alone: under ice its numbers mean nothing."""

from typing import Any, Final

import numpy as np
import numpy.typing as npt
import xarray as xr

from xoceansar.conventions import OCEAN_CLASS
from xoceansar.conventions.flags import class_table
from xoceansar.conventions.texts import has_texts, text_values

SEA_STATE: Final = frozenset(
    name + end
    for name in (
        "swh",
        "wind_speed",
        "wind_to_direction",
        "peak_wavelength",
        "peak_to_direction",
    )
    for end in ("", "_lower", "_upper")
)
_ICE: Final = "sea_ice"


def under_ice(
    obj: xr.Dataset | xr.DataArray, data: xr.DataArray
) -> xr.DataArray | None:
    """Say which values of a sea state are of sea ice."""
    known = obj if isinstance(obj, xr.Dataset) else obj.coords
    if str(data.name) not in SEA_STATE or OCEAN_CLASS not in known:
        return None
    classes = known[OCEAN_CLASS]
    if set(classes.dims) != set(data.dims):
        return None
    code = class_table(classes).get(_ICE)
    if code is None and not has_texts(classes):
        return None
    ice: xr.DataArray = xr.apply_ufunc(
        _is_ice,
        classes.reset_coords(drop=True),
        kwargs={"code": code},
        dask="parallelized",
        output_dtypes=[bool],
    )
    return ice.transpose(*data.dims)


def _is_ice(classes: npt.NDArray[Any], code: float | None) -> npt.NDArray[np.bool_]:
    if has_texts(classes):
        return np.asarray(text_values(classes) == _ICE)
    return np.asarray(classes == code)
