"""Operations: xarray in, xarray out, lazy in, lazy out.

Every operation takes a Dataset or DataArray first, so that ``obj.pipe(operation)`` works, assigns
nothing into it and loads nothing. The accessor only gives these functions a shorter name.
"""

from typing import TYPE_CHECKING, Any

from xoceansar.gridding.cell_statistics import grid
from xoceansar.gridding.occurrence import class_occurrence, iceberg_density
from xoceansar.layout.sigma0 import calibrate
from xoceansar.ops.backscatter_bias import calibration_bias
from xoceansar.ops.detection import cfar_icebergs, icebergs
from xoceansar.ops.doppler import radial_velocity
from xoceansar.ops.embedding import embed
from xoceansar.ops.frequency_spectra import to_efth
from xoceansar.ops.look_spectra import spectra
from xoceansar.ops.onnx_prediction import predict
from xoceansar.ops.quality_flags import quality
from xoceansar.ops.retrieval import classify, retrieve, swh, wind
from xoceansar.ops.selection import select
from xoceansar.ops.similarity import similar
from xoceansar.ops.swell_systems import swell
from xoceansar.ops.texture_descriptors import texture
from xoceansar.ops.vicinity import near
from xoceansar.ops.vv_equivalent import to_vv
from xoceansar.ops.wave_measures import cutoff, cwave, image_statistics
from xoceansar.ops.wind_directions import gmf_wind
from xoceansar.swath.fields import field, fields

if TYPE_CHECKING:
    from xoceansar.swath.tiles import vignettes

__all__ = [
    "calibrate",
    "calibration_bias",
    "cfar_icebergs",
    "class_occurrence",
    "classify",
    "cutoff",
    "cwave",
    "embed",
    "field",
    "fields",
    "gmf_wind",
    "grid",
    "iceberg_density",
    "icebergs",
    "image_statistics",
    "near",
    "predict",
    "quality",
    "radial_velocity",
    "retrieve",
    "select",
    "similar",
    "spectra",
    "swell",
    "swh",
    "texture",
    "to_efth",
    "to_vv",
    "vignettes",
    "wind",
]


def __getattr__(name: str) -> Any:
    """Import what needs dask.array on first use (PEP 562)."""
    if name == "vignettes":
        from xoceansar.swath.tiles import vignettes

        return vignettes
    raise AttributeError(f"module 'xoceansar.ops' has no attribute {name!r}")


def __dir__() -> list[str]:
    """List what is public."""
    return sorted(__all__)
