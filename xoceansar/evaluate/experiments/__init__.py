"""The experiments of the paper as functions of vignettes, their truth, and a model.

Each gives a table, sentences, and the signs of failure that it looked for.
"""

from xoceansar.evaluate.experiments.experiment_result import ExperimentResult
from xoceansar.evaluate.experiments.registry import (
    EXPERIMENTS,
    Experiment,
    experiment,
    find_experiment,
)

__all__ = [
    "EXPERIMENTS",
    "Experiment",
    "ExperimentResult",
    "experiment",
    "find_experiment",
]
