"""Which vignettes see the same sea, and so must be on one side of a split.

Neighbours on one pass are 100 km apart and share wave field, wind and calibration: a head that is
validated on the neighbours of its training set is validated on its training set.
"""

from typing import Final

import numpy as np
import xarray as xr

from xoceansar._typing import Array
from xoceansar.conventions import VIGNETTE
from xoceansar.errors import DimensionError, MissingVariableError, warn
from xoceansar.splits.orbit_passes import orbit_pass

#: The grouping that is used where none is named.
ORBIT_PASS: Final = "orbit_pass"
#: Fewer groups than this make a validation that rests on one or two of them.
_FEW: Final = 10


def groups_of(
    ds: xr.Dataset | xr.DataArray, groups: str | Array | xr.DataArray | None
) -> Array:
    """Return what each vignette belongs to.

    Shapes: `groups` (vignette,) -> (vignette,).
    """
    n = ds.sizes[VIGNETTE]
    if groups is None:
        warn(
            "groups=None: vignettes are split at random, so neighbours on one pass are on both "
            "sides and the validation is too good. Use groups='orbit_pass' where you can."
        )
        return np.arange(n)
    if isinstance(groups, str):
        found: Array = (
            orbit_pass(ds) if groups == ORBIT_PASS else _coordinate(ds, groups)
        )
    else:
        found = np.asarray(groups)
    if found.shape != (n,):
        raise DimensionError(
            f"groups must have one value for each of the {n} vignettes; got the shape "
            f"{found.shape}."
        )
    return found


def _coordinate(ds: xr.Dataset | xr.DataArray, name: str) -> Array:
    if name not in ds.coords and name not in getattr(ds, "data_vars", ()):
        raise MissingVariableError(
            f"groups={name!r} is no coordinate of the vignettes; they have "
            f"{sorted(map(str, ds.coords))}. Use one of these, or 'orbit_pass'."
        )
    return np.asarray(ds[name].values)


def warn_if_few(groups: Array, what: str) -> None:
    """Warn where a split by group rests on too few groups.

    Shapes: `groups` (n,).
    """
    n = len(np.unique(groups))
    if n < _FEW:
        warn(
            f"the {len(groups)} vignettes belong to {n} groups ({what}): a validation on so few "
            "says little about another sea. Add vignettes of other passes."
        )
