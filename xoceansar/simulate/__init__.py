"""Simulated wave-mode scenes, vignettes and products with known truth.

Names load on first use: the simulator compiles kernels and imports xsarsea.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from xoceansar.simulate.dataset import vignettes
    from xoceansar.simulate.environment import Environment
    from xoceansar.simulate.safe import write_safe
    from xoceansar.simulate.scenes import Scene, scene
    from xoceansar.simulate.sensors import SENSORS, Sensor
    from xoceansar.simulate.wide import fill_safe

__all__ = [
    "SENSORS",
    "Environment",
    "Scene",
    "Sensor",
    "fill_safe",
    "scene",
    "vignettes",
    "write_safe",
]

_HOMES = {
    "Environment": "environment",
    "SENSORS": "sensors",
    "Scene": "scenes",
    "Sensor": "sensors",
    "scene": "scenes",
    "fill_safe": "wide",
    "vignettes": "dataset",
    "write_safe": "safe",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
