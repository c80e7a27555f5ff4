"""Simulated wave-mode scenes, vignettes and products with known truth.

Names load on first use: the simulator compiles kernels and imports xsarsea.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from xoceansar.simulate.dataset import vignettes
    from xoceansar.simulate.products.eopf_product import write_eopf
    from xoceansar.simulate.products.ocn_product import write_ocn
    from xoceansar.simulate.products.safe_product import write_safe
    from xoceansar.simulate.products.wide_product import fill_safe
    from xoceansar.simulate.sea.environment import Environment
    from xoceansar.simulate.sea.scenes import Scene, scene
    from xoceansar.simulate.sea.sensors import SENSORS, Sensor

__all__ = [
    "SENSORS",
    "Environment",
    "Scene",
    "Sensor",
    "fill_safe",
    "scene",
    "vignettes",
    "write_eopf",
    "write_ocn",
    "write_safe",
]

_HOMES = {
    "Environment": "sea.environment",
    "SENSORS": "sea.sensors",
    "Scene": "sea.scenes",
    "Sensor": "sea.sensors",
    "scene": "sea.scenes",
    "fill_safe": "products.wide_product",
    "vignettes": "dataset",
    "write_eopf": "products.eopf_product",
    "write_ocn": "products.ocn_product",
    "write_safe": "products.safe_product",
}


def __getattr__(name: str) -> Any:
    """Import a public name on first use (PEP 562)."""
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """List what is public."""
    return sorted(__all__)
