"""Measure models: baselines to beat, truth to compare with, metrics, and the benchmark of them all."""

from xoceansar.evaluate.collocate import collocate
from xoceansar.evaluate.compare import benchmark
from xoceansar.evaluate.competitors import Competitor
from xoceansar.evaluate.components import wind_vector
from xoceansar.evaluate.experiments import EXPERIMENTS, experiment
from xoceansar.evaluate.hand_features import HAND_FEATURES, hand_features
from xoceansar.evaluate.lineup import find_models
from xoceansar.evaluate.result import BenchmarkResult
from xoceansar.evaluate.splits import group_split, orbit_pass
from xoceansar.evaluate.tasks import TASKS, Metric, Strata, Task

__all__ = [
    "EXPERIMENTS",
    "HAND_FEATURES",
    "TASKS",
    "BenchmarkResult",
    "Competitor",
    "Metric",
    "Strata",
    "Task",
    "benchmark",
    "collocate",
    "experiment",
    "find_models",
    "group_split",
    "hand_features",
    "orbit_pass",
    "wind_vector",
]
