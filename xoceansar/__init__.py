"""Ocean measurements from Sentinel-1 Wave Mode, as an xarray accessor.

Importing this package registers ``.oceansar`` on Datasets and DataArrays and loads none of the
heavy libraries (torch, timm, xsar, rasterio, matplotlib, cartopy): each is imported where it is
first used.
"""

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

from xoceansar._version import __version__

# the command line needs no accessor, and is to answer before xarray could be imported
if "_xoceansar_command" not in sys.modules:
    from xoceansar import accessor as _accessor  # noqa: F401  registers .oceansar

if TYPE_CHECKING:
    from xoceansar import evaluate, models, ops, plot, simulate, train
    from xoceansar._progress import progress
    from xoceansar.building.model_build import build
    from xoceansar.catalogue.file_downloads import download
    from xoceansar.catalogue.twins import find_twins
    from xoceansar.catalogue.vignette_search import search
    from xoceansar.exploring.explorer import explore
    from xoceansar.io.archive.zarr_archive import open_archive, to_zarr
    from xoceansar.io.ocn.level2 import open_ocn
    from xoceansar.io.safe.wave_mode import open_wave_mode
    from xoceansar.io.tengeop.chips import open_tengeop
    from xoceansar.labelling.label_file import open_labels
    from xoceansar.models.bundle.library import list_models, load_model
    from xoceansar.models.bundle.onnx_file import open_onnx
    from xoceansar.ops.frequency_spectra import to_efth
    from xoceansar.processing.archive_check import check_archive
    from xoceansar.processing.run import process

__all__ = [
    "__version__",
    "build",
    "check_archive",
    "download",
    "evaluate",
    "explore",
    "find_twins",
    "list_models",
    "load_model",
    "models",
    "open_archive",
    "open_labels",
    "open_ocn",
    "open_onnx",
    "open_tengeop",
    "open_wave_mode",
    "ops",
    "plot",
    "process",
    "progress",
    "search",
    "simulate",
    "to_efth",
    "to_zarr",
    "train",
]

_LAZY = {
    "build": "xoceansar.building.model_build",
    "check_archive": "xoceansar.processing.archive_check",
    "explore": "xoceansar.exploring.explorer",
    "find_twins": "xoceansar.catalogue.twins",
    "open_archive": "xoceansar.io.archive.zarr_archive",
    "open_labels": "xoceansar.labelling.label_file",
    "open_ocn": "xoceansar.io.ocn.level2",
    "open_onnx": "xoceansar.models.bundle.onnx_file",
    "open_tengeop": "xoceansar.io.tengeop.chips",
    "open_wave_mode": "xoceansar.io.safe.wave_mode",
    "to_efth": "xoceansar.ops.frequency_spectra",
    "to_zarr": "xoceansar.io.archive.zarr_archive",
    "list_models": "xoceansar.models.bundle.library",
    "load_model": "xoceansar.models.bundle.library",
    "process": "xoceansar.processing.run",
    "progress": "xoceansar._progress",
    "download": "xoceansar.catalogue.file_downloads",
    "search": "xoceansar.catalogue.vignette_search",
}
_SUBPACKAGES = frozenset(
    {"evaluate", "io", "models", "ops", "plot", "sar", "simulate", "train"}
)


def __getattr__(name: str) -> Any:
    """Import a public name on first use (PEP 562)."""
    if name in _LAZY:
        return getattr(import_module(_LAZY[name]), name)
    if name in _SUBPACKAGES:
        return import_module(f"xoceansar.{name}")
    raise AttributeError(f"module 'xoceansar' has no attribute {name!r}")


def __dir__() -> list[str]:
    """List the lazy names too."""
    return sorted(__all__)
