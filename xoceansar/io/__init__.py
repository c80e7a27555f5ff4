"""Readers of Sentinel-1 Wave Mode products, and archives of what was made of them.

Importing this package loads no reader: each name is imported on first use.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from xoceansar.io.archive.zarr_archive import open_archive, to_zarr
    from xoceansar.io.export.geodataframe import to_geodataframe
    from xoceansar.io.export.netcdf import to_netcdf
    from xoceansar.io.export.rasters import to_map_grid, to_raster
    from xoceansar.io.export.tables import to_table
    from xoceansar.io.export.tabular_files import to_csv, to_geojson, to_geoparquet
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
    "to_csv",
    "to_geodataframe",
    "to_geojson",
    "to_geoparquet",
    "to_map_grid",
    "to_netcdf",
    "to_raster",
    "to_table",
    "to_zarr",
]

_LAZY = {
    "OceansarBackendEntrypoint": "xoceansar.io.safe.backend",
    "open_archive": "xoceansar.io.archive.zarr_archive",
    "open_ocn": "xoceansar.io.ocn.level2",
    "open_tengeop": "xoceansar.io.tengeop.chips",
    "open_wave_mode": "xoceansar.io.safe.wave_mode",
    "repair_xsar": "xoceansar.io.safe.xsar_repairs",
    "to_csv": "xoceansar.io.export.tabular_files",
    "to_geodataframe": "xoceansar.io.export.geodataframe",
    "to_geojson": "xoceansar.io.export.tabular_files",
    "to_geoparquet": "xoceansar.io.export.tabular_files",
    "to_map_grid": "xoceansar.io.export.rasters",
    "to_netcdf": "xoceansar.io.export.netcdf",
    "to_raster": "xoceansar.io.export.rasters",
    "to_table": "xoceansar.io.export.tables",
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
