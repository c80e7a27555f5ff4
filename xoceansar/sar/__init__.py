"""Physics of the radar image, in numpy: calibration, resampling, geometry, wind, quality."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from xoceansar.sar.bearings import look_angle
    from xoceansar.sar.calibration_events import CALIBRATION_EVENTS, CalibrationEvent
    from xoceansar.sar.geometry import footprint, offset_position
    from xoceansar.sar.gmf import cmod5n
    from xoceansar.sar.inversion import invert_cmod5n
    from xoceansar.sar.land import is_land
    from xoceansar.sar.texture import texture_axis

__all__ = [
    "CALIBRATION_EVENTS",
    "CalibrationEvent",
    "cmod5n",
    "footprint",
    "invert_cmod5n",
    "is_land",
    "look_angle",
    "offset_position",
    "texture_axis",
]

_LAZY = {
    "CALIBRATION_EVENTS": "xoceansar.sar.calibration_events",
    "CalibrationEvent": "xoceansar.sar.calibration_events",
    "cmod5n": "xoceansar.sar.gmf",
    "footprint": "xoceansar.sar.geometry",
    "invert_cmod5n": "xoceansar.sar.inversion",
    "is_land": "xoceansar.sar.land",
    "look_angle": "xoceansar.sar.bearings",
    "offset_position": "xoceansar.sar.geometry",
    "texture_axis": "xoceansar.sar.texture",
}


def __getattr__(name: str) -> Any:
    """Import a public name on first use (PEP 562)."""
    if name in _LAZY:
        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'xoceansar.sar' has no attribute {name!r}")


def __dir__() -> list[str]:
    """List the lazy names too."""
    return sorted(__all__)
