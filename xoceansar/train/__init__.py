"""Training: heads on frozen features, their calibration, fine-tuning, detectors, pretraining.

Importing this package loads no torch: what needs it is imported on first use.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from xoceansar.train.fitting import fit
from xoceansar.train.heads.conformal import calibrate
from xoceansar.train.heads.direction_head import fit_direction
from xoceansar.train.heads.distance_head import fit_distance
from xoceansar.train.heads.fit_result import FitResult
from xoceansar.train.heads.linear_heads import fit_knn, fit_logistic, fit_ridge
from xoceansar.train.heads.perceptron import fit_mlp
from xoceansar.train.heads.temperature import fit_temperature

if TYPE_CHECKING:
    from xoceansar.train.curation.subset import curate
    from xoceansar.train.detector.detector_training import DetectorRecipe, fit_detector
    from xoceansar.train.pretraining.config import load_config
    from xoceansar.train.pretraining.entry import pretrain

__all__ = [
    "DetectorRecipe",
    "FitResult",
    "calibrate",
    "curate",
    "fit",
    "fit_detector",
    "fit_direction",
    "fit_distance",
    "fit_knn",
    "fit_logistic",
    "fit_mlp",
    "fit_ridge",
    "fit_temperature",
    "load_config",
    "pretrain",
]

_LAZY = {
    "curate": "xoceansar.train.curation.subset",
    "load_config": "xoceansar.train.pretraining.config",
    "pretrain": "xoceansar.train.pretraining.entry",
    "DetectorRecipe": "xoceansar.train.detector.detector_training",
    "fit_detector": "xoceansar.train.detector.detector_training",
}


def __getattr__(name: str) -> Any:
    """Import a public name on first use (PEP 562)."""
    if name in _LAZY:
        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'xoceansar.train' has no attribute {name!r}")


def __dir__() -> list[str]:
    """List the lazy names too."""
    return sorted(__all__)
