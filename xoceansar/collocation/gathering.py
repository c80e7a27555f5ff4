"""Take the values of candidate samples out of a reference, and run what is made of them.

With a lazy reference everything here is a graph: one selection for each variable, which reads each
chunk that holds candidates once, and one task that makes values of them.
"""

from collections.abc import Hashable, Mapping
from typing import Any, Final

import dask
import dask.array as da
import numpy as np
import numpy.typing as npt
import xarray as xr

from xoceansar.collocation.reduction import Plan, promoted, resolve

Integers = npt.NDArray[np.int64]
#: What collocation itself says of each vignette.
OWN: Final[Mapping[str, Any]] = {
    "collocation_distance": np.dtype(np.float64),
    "collocation_time_offset": np.dtype("timedelta64[ns]"),
    "collocation_flag": np.dtype(np.int8),
    "collocation_count": np.dtype(np.int32),
}


def sampled(
    variable: xr.DataArray, indexers: Mapping[Hashable, Integers]
) -> npt.NDArray[Any] | da.Array:
    """Take samples of a variable, one by one along all dims at once.

    Shapes: `indexers` (m,) -> (m, ...). The other dims follow, in their order.
    """
    along = [dim for dim in variable.dims if dim in indexers]
    data = variable.transpose(*along, ...).data
    index = tuple(indexers[dim] for dim in along)
    if not isinstance(data, da.Array):
        values: npt.NDArray[Any] = np.asarray(data)[index]
        return values
    if index[0].size == 0:
        return np.empty((0, *data.shape[len(along) :]), data.dtype)
    rest = (slice(None),) * (data.ndim - len(along))
    lazy: da.Array = data.vindex[(*index, *rest)]
    return lazy


def compute(
    plan: Plan, samples: Mapping[str, npt.NDArray[Any] | da.Array]
) -> dict[str, npt.NDArray[Any] | da.Array]:
    """Make one value for each vignette, now or as a graph.

    Shapes: `samples` (m, ...).
    """
    if not any(isinstance(array, da.Array) for array in samples.values()):
        return dict(resolve(plan, dict(samples)))  # type: ignore[arg-type]
    recipe = dask.delayed(plan, traverse=False)  # type: ignore[attr-defined]
    done = dask.delayed(resolve)(recipe, dict(samples))  # type: ignore[attr-defined]
    kinds = {
        name: (promoted(array.dtype), array.shape[1:])
        for name, array in samples.items()
    }
    kinds |= {name: (dtype, ()) for name, dtype in OWN.items()}
    return {
        name: da.from_delayed(done[name], (plan.size, *tail), dtype=dtype)  # type: ignore[no-untyped-call]
        for name, (dtype, tail) in kinds.items()
    }
