"""Readers of Sentinel-1 Wave Mode products, and archives of what was made of them.

Importing this package loads no reader: each name is imported on first use.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from xoceansar.io.archive.zarr_archive import open_archive, to_zarr
    from xoceansar.io.ocn.level2 import open_ocn
    from xoceansar.io.safe.backend import OceansarBackendEntrypoint
    from xoceansar.io.safe.wave_mode import open_wave_mode
    from xoceansar.io.safe.xsar_repairs import repair_xsar
    from xoceansar.io.tengeop.chips import open_tengeop

__all__ = [
    "OceansarBackendEntrypoint",
    "open_archive",
    "open_ocn",
    "open_tengeop",
    "open_wave_mode",
    "repair_xsar",
    "to_zarr",
]

_LAZY = {
    "OceansarBackendEntrypoint": "xoceansar.io.safe.backend",
    "open_archive": "xoceansar.io.archive.zarr_archive",
    "open_ocn": "xoceansar.io.ocn.level2",
    "open_tengeop": "xoceansar.io.tengeop.chips",
    "open_wave_mode": "xoceansar.io.safe.wave_mode",
    "repair_xsar": "xoceansar.io.safe.xsar_repairs",
    "to_zarr": "xoceansar.io.archive.zarr_archive",
}


def __getattr__(name: str) -> Any:
    """Import a public name on first use (PEP 562)."""
    if name in _LAZY:
        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'xoceansar.io' has no attribute {name!r}")


def __dir__() -> list[str]:
    """List the lazy names too."""
    return sorted(__all__)
