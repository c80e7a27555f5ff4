"""Model bundles: what they say of themselves, how their weights run, and how to make one.

Importing this package loads no torch: networks are read by the first block that needs them.
"""

from xoceansar.models.bundle.library import (
    DEFAULT_MODEL,
    load_model,
    shipped_models,
    write_bundle,
)
from xoceansar.models.heads.head import Head
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
