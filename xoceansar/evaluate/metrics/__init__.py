"""Scores of predictions against truth, and their confidence intervals by resampling passes.

Every score takes truth first and drops the rows in which either side is missing (NaN, or a
negative class); with no row left it is NaN. The caller counts what is dropped.
"""

from xoceansar.evaluate.metrics.class_scores import (
    Reliability,
    accuracy,
    balanced_accuracy,
    brier,
    confusion_matrix,
    expected_calibration_error,
    f1_macro,
    log_loss,
    reliability_curve,
)
from xoceansar.evaluate.metrics.direction_scores import (
    direction_bias,
    direction_difference,
    direction_mae,
    direction_rmse,
)
from xoceansar.evaluate.metrics.number_scores import (
    bias,
    correlation,
    mae,
    rmse,
    scatter_index,
)
from xoceansar.evaluate.metrics.resampling import (
    Interval,
    bootstrap,
    bootstrap_scores,
)
from xoceansar.evaluate.metrics.round_robin import CciScore, cci_score, combine_cci
from xoceansar.evaluate.metrics.triplets import triple_collocation

__all__ = [
    "CciScore",
    "Interval",
    "Reliability",
    "accuracy",
    "balanced_accuracy",
    "bias",
    "bootstrap",
    "bootstrap_scores",
    "brier",
    "cci_score",
    "combine_cci",
    "confusion_matrix",
    "correlation",
    "direction_bias",
    "direction_difference",
    "direction_mae",
    "direction_rmse",
    "expected_calibration_error",
    "f1_macro",
    "log_loss",
    "mae",
    "reliability_curve",
    "rmse",
    "scatter_index",
    "triple_collocation",
]
