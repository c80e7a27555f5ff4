"""Model bundles: what they say of themselves, how their weights run, and how to make one.

Importing this package loads no torch: networks are read by the first block that needs them.
"""

from xoceansar.models.bundle import (
    DEFAULT_MODEL,
    load_model,
    shipped_models,
    write_bundle,
)
from xoceansar.models.heads import Head
from xoceansar.models.spec import BackboneSpec, HeadSpec, InputSpec, ModelHandle

__all__ = [
    "DEFAULT_MODEL",
    "BackboneSpec",
    "Head",
    "HeadSpec",
    "InputSpec",
    "ModelHandle",
    "load_model",
    "shipped_models",
    "write_bundle",
]
