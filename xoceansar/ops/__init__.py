"""Operations: xarray in, xarray out, lazy in, lazy out.

Every operation takes a Dataset or DataArray first, so that ``obj.pipe(operation)`` works, assigns
nothing into it and loads nothing. The accessor only gives these functions a shorter name.
"""

from typing import TYPE_CHECKING, Any

from xoceansar.ops.calibrate import calibrate
from xoceansar.ops.detect import icebergs
from xoceansar.ops.embed import embed
from xoceansar.ops.fields import field
from xoceansar.ops.gridding import grid
from xoceansar.ops.occurrence import class_occurrence, iceberg_density
from xoceansar.ops.polarisation import to_vv
from xoceansar.ops.quality import quality
from xoceansar.ops.retrieve import classify, retrieve, swh, wind
from xoceansar.ops.select import select
from xoceansar.ops.similar import similar
from xoceansar.ops.wind import gmf_wind

if TYPE_CHECKING:
    from xoceansar.ops.tiles import vignettes

__all__ = [
    "calibrate",
    "class_occurrence",
    "classify",
    "embed",
    "field",
    "gmf_wind",
    "grid",
    "iceberg_density",
    "icebergs",
    "quality",
    "retrieve",
    "select",
    "similar",
    "swh",
    "to_vv",
    "vignettes",
    "wind",
]


def __getattr__(name: str) -> Any:
    """Import what needs dask.array on first use (PEP 562)."""
    if name == "vignettes":
        from xoceansar.ops.tiles import vignettes

        return vignettes
    raise AttributeError(f"module 'xoceansar.ops' has no attribute {name!r}")
