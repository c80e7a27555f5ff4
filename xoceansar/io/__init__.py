"""Readers of Sentinel-1 Wave Mode products, and archives of what was made of them.

Importing this package loads no reader: each name is imported on first use.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from xoceansar.io.archive import open_archive, to_zarr
    from xoceansar.io.backend import OceansarBackendEntrypoint
    from xoceansar.io.ocn import open_ocn
    from xoceansar.io.tengeop import open_tengeop
    from xoceansar.io.wave_mode import open_wave_mode
    from xoceansar.io.xsar_repairs import repair_xsar

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
    "OceansarBackendEntrypoint": "xoceansar.io.backend",
    "open_archive": "xoceansar.io.archive",
    "open_ocn": "xoceansar.io.ocn",
    "open_tengeop": "xoceansar.io.tengeop",
    "open_wave_mode": "xoceansar.io.wave_mode",
    "repair_xsar": "xoceansar.io.xsar_repairs",
    "to_zarr": "xoceansar.io.archive",
}


def __getattr__(name: str) -> Any:
    """Import a public name on first use (PEP 562)."""
    if name in _LAZY:
        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'xoceansar.io' has no attribute {name!r}")


def __dir__() -> list[str]:
    """List the lazy names too."""
    return sorted(__all__)
