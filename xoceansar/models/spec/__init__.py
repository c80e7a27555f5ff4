"""What a model bundle says about itself: frozen dataclasses, checked when they are made.

A `ModelHandle` is a recipe of strings and numbers, never a network: it is what travels in a Dask
graph. Nothing here imports torch or reads weights.
"""

from xoceansar.models.spec.backbone_spec import BackboneSpec
from xoceansar.models.spec.choices import (
    ANCILLARY,
    POOLINGS,
    SOURCES,
    Ancillary,
    Encoding,
    HeadKind,
    Pooling,
    Precision,
    Simulated,
)
from xoceansar.models.spec.feature_block import FeatureBlock
from xoceansar.models.spec.handle import ModelHandle
from xoceansar.models.spec.head_spec import HeadSpec
from xoceansar.models.spec.input_spec import InputSpec

__all__ = [
    "ANCILLARY",
    "POOLINGS",
    "SOURCES",
    "Ancillary",
    "BackboneSpec",
    "Encoding",
    "FeatureBlock",
    "HeadKind",
    "HeadSpec",
    "InputSpec",
    "ModelHandle",
    "Pooling",
    "Precision",
    "Simulated",
]
