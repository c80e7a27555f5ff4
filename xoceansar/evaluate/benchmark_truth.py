"""The truth of a task, read from a Dataset: which class, which number, or none."""

from typing import Final

import numpy as np
import xarray as xr

from xoceansar._typing import Array
from xoceansar.conventions import OCEAN_CLASS, OCEAN_CLASSES, VIGNETTE
from xoceansar.conventions.flags import class_indices, class_table
from xoceansar.errors import MissingVariableError, UnitsError

#: Under this class neither wave height nor wind is asked for.
_ICE: Final = "sea_ice"


def class_names(ds: xr.Dataset) -> tuple[str, ...]:
    """Name the ocean classes of a Dataset."""
    if OCEAN_CLASS not in ds:
        return OCEAN_CLASSES
    return tuple(class_table(ds[OCEAN_CLASS], default=OCEAN_CLASSES))


def read_classes(ds: xr.Dataset) -> Array:
    """Read the class of each vignette.

    Shapes: gives (vignette,).
    """
    _variable(ds, OCEAN_CLASS, "")
    return class_indices(ds[OCEAN_CLASS], default=OCEAN_CLASSES)


def read_open_sea(ds: xr.Dataset, *, target: str, units: str) -> Array:
    """Read a number for each vignette of open sea.

    Shapes: gives (vignette,). NaN where missing, and where the class is sea ice.
    """
    values = _variable(ds, target, units).astype(np.float64)
    if OCEAN_CLASS not in ds or _ICE not in class_names(ds):
        return values
    ice = read_classes(ds) == class_names(ds).index(_ICE)
    return np.where(ice, np.nan, values)


def _variable(ds: xr.Dataset, name: str, units: str) -> Array:
    if name not in ds or ds[name].dims != (VIGNETTE,):
        raise MissingVariableError(
            f"the truth {name!r} along {VIGNETTE} is needed; found the variables "
            f"{sorted(map(str, ds.data_vars))}. Add it with "
            f"ds.assign({name}=('vignette', values)), or collocate with "
            "xoceansar.evaluate.collocate."
        )
    found = ds[name].attrs.get("units", units)
    if units and found != units:
        raise UnitsError(
            f"{name} must be in {units!r}; it says {found!r}. Convert it and set the units with "
            "assign_attrs."
        )
    return np.asarray(ds[name].values)
