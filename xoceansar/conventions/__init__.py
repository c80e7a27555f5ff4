"""What outputs are called, and what their attributes say."""

from xoceansar.conventions.cf_attributes import (
    CF_VERSION,
    annotate,
    class_attrs,
    history_line,
    mask_attrs,
    missing_flag,
    product_attrs,
)
from xoceansar.conventions.names import (
    CLASS_CODES,
    CLASS_FILL,
    EMBEDDING,
    LINE,
    NO_TILE,
    OCEAN_CLASS,
    OCEAN_CLASSES,
    SAMPLE,
    SIMULATED_FILE,
    VIGNETTE,
    Domain,
    Quality,
)
from xoceansar.conventions.variables import VARIABLES

__all__ = [
    "CF_VERSION",
    "CLASS_CODES",
    "CLASS_FILL",
    "EMBEDDING",
    "LINE",
    "NO_TILE",
    "OCEAN_CLASS",
    "OCEAN_CLASSES",
    "SAMPLE",
    "SIMULATED_FILE",
    "VARIABLES",
    "VIGNETTE",
    "Domain",
    "Quality",
    "annotate",
    "class_attrs",
    "history_line",
    "mask_attrs",
    "missing_flag",
    "product_attrs",
]
