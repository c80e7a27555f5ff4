"""Model bundles: what they say of themselves, how their weights run, and how to make one.

Importing this package loads no torch: networks are read by the first block that needs them.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from xoceansar.models.bundle.library import (
    DEFAULT_MODEL,
    list_models,
    load_model,
    write_bundle,
)
from xoceansar.models.heads.head import Head, load_head
from xoceansar.models.spec import (
    BackboneSpec,
    FeatureBlock,
    HeadSpec,
    InputSpec,
    ModelHandle,
)
from xoceansar.models.spec.onnx_spec import NamedArray, OnnxNetwork

if TYPE_CHECKING:
    from xoceansar.models.bundle.conversion import convert_checkpoint
    from xoceansar.models.networks.vit import build_network, network_weights

__all__ = [
    "DEFAULT_MODEL",
    "BackboneSpec",
    "FeatureBlock",
    "Head",
    "HeadSpec",
    "InputSpec",
    "ModelHandle",
    "NamedArray",
    "OnnxNetwork",
    "build_network",
    "convert_checkpoint",
    "list_models",
    "load_head",
    "load_model",
    "network_weights",
    "write_bundle",
]

_LAZY = {
    "build_network": "xoceansar.models.networks.vit",
    "convert_checkpoint": "xoceansar.models.bundle.conversion",
    "network_weights": "xoceansar.models.networks.vit",
}


def __getattr__(name: str) -> Any:
    """Import a public name on first use (PEP 562)."""
    if name in _LAZY:
        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'xoceansar.models' has no attribute {name!r}")


def __dir__() -> list[str]:
    """List the lazy names too."""
    return sorted(__all__)
