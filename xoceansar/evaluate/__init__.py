"""Measure models: baselines to beat, truth to compare with, metrics, and the benchmark of them all."""

from xoceansar.collocation.matching import collocate
from xoceansar.collocation.wind_components import wind_vector
from xoceansar.evaluate.benchmark_result import BenchmarkResult
from xoceansar.evaluate.comparison import benchmark
from xoceansar.evaluate.competitors import Competitor
from xoceansar.evaluate.experiments import EXPERIMENTS, experiment
from xoceansar.evaluate.hand_made import HAND_FEATURES, hand_features
from xoceansar.evaluate.iceberg_scores import choose_threshold
from xoceansar.evaluate.lineup import find_models
from xoceansar.evaluate.metrics.round_robin import CciScore, cci_score, combine_cci
from xoceansar.evaluate.metrics.triplets import triple_collocation
from xoceansar.evaluate.report.benchmark_report import write_report
from xoceansar.evaluate.report.experiment_report import write_experiment
from xoceansar.evaluate.strata import Strata
from xoceansar.evaluate.tasks import TASKS, Metric, Task
from xoceansar.splits.calibration_breaks import calibration_period
from xoceansar.splits.orbit_passes import orbit_pass
from xoceansar.splits.partition import group_split

__all__ = [
    "EXPERIMENTS",
    "HAND_FEATURES",
    "TASKS",
    "BenchmarkResult",
    "CciScore",
    "Competitor",
    "Metric",
    "Strata",
    "Task",
    "benchmark",
    "calibration_period",
    "cci_score",
    "choose_threshold",
    "collocate",
    "combine_cci",
    "experiment",
    "find_models",
    "group_split",
    "hand_features",
    "orbit_pass",
    "triple_collocation",
    "wind_vector",
    "write_experiment",
    "write_report",
]


def __dir__() -> list[str]:
    """List what is public."""
    return sorted(__all__)
