"""Tasks of the benchmark: what is predicted, how it is scored, and over which parts of the sea.

A task is a few names and one function of truth and prediction. `TASKS` holds those that come with
the package; any other `Task` can be given to `xoceansar.evaluate.benchmark` in the same way.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Final, Literal, TypeAlias

import numpy as np
import xarray as xr

from xoceansar._typing import Array
from xoceansar.conventions import OCEAN_CLASS
from xoceansar.errors import OceansarError
from xoceansar.evaluate import metrics
from xoceansar.evaluate.benchmark_truth import read_classes, read_open_sea
from xoceansar.evaluate.iceberg_task import read_boxes, score_boxes
from xoceansar.evaluate.strata import ESA_SEA_STATE, STRATA, Strata

Kind = Literal["classes", "number", "direction", "objects"]
#: Compared where no model is named.
_MODELS: Final = (
    "own", "linear", "knn", "random", "texture", "hand", "level", "constant",
)  # fmt: skip
#: Truth and prediction of some vignettes, one row each, to scores by name.
Score: TypeAlias = Callable[[Array, Array], Mapping[str, float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """How one of a task's scores is written.

    Parameters
    ----------
    name : str
        Its name in what the task's function gives.
    label : str
        In tables and figures.
    better : {"low", "high", "zero"}
        Which way is good.
    units : str
        ``1`` for a fraction.

    Examples
    --------
    >>> Metric(name="rmse", label="RMSE", better="low", units="m").better
    'low'
    """

    name: str
    label: str
    better: Literal["low", "high", "zero"]
    units: str = "1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What is predicted, and how it is scored.

    Parameters
    ----------
    name : str
        On the command line.
    description : str
        One sentence.
    target : str
        Variable of the truth.
    kind : {"classes", "number", "direction", "objects"}
        What a prediction is: probabilities (n, K) of the classes; numbers (n,); degrees (n,); or
        whatever `score` takes, one entry for each vignette.
    units : str
        Of the target.
    read : callable
        Truth of each vignette of a Dataset, one row each.
    score : callable
        Scores of truth and prediction; it drops the rows that are not predicted.
    metrics : tuple of Metric
        Those of `score` that are reported, the one that models are ranked by first.
    strata : tuple of Strata
        Divisions within which they are given too.
    models : tuple of str
        Compared where no model is named, in the words of `xoceansar.evaluate.find_models`.

    Examples
    --------
    >>> from dataclasses import replace
    >>> import xoceansar as xos
    >>> other = replace(xos.evaluate.TASKS["swh"], name="mean swh", target="mean_swh")
    >>> other.kind, other.metrics[0].name
    ('number', 'rmse')
    """

    name: str
    description: str
    target: str
    kind: Kind
    units: str
    read: Callable[[xr.Dataset], Array]
    score: Score
    metrics: tuple[Metric, ...]
    strata: tuple[Strata, ...]
    models: tuple[str, ...] = _MODELS


# Scores


def _score_classes(true: Array, probability: Array) -> dict[str, float]:
    missing = np.isnan(probability).any(axis=1)
    label = np.where(missing, -1, np.nan_to_num(probability).argmax(axis=1))
    return {
        "accuracy": metrics.accuracy(true, label),
        "balanced_accuracy": metrics.balanced_accuracy(true, label),
        "f1_macro": metrics.f1_macro(true, label),
        "log_loss": metrics.log_loss(true, probability),
        "brier": metrics.brier(true, probability),
        "ece": metrics.expected_calibration_error(true, probability),
    }


def _score_numbers(true: Array, pred: Array) -> dict[str, float]:
    return {
        "rmse": metrics.rmse(true, pred),
        "bias": metrics.bias(true, pred),
        "mae": metrics.mae(true, pred),
        "scatter_index": metrics.scatter_index(true, pred),
        "correlation": metrics.correlation(true, pred),
    }


def _score_directions(true: Array, pred: Array) -> dict[str, float]:
    return {
        "axis_rmse": metrics.direction_rmse(true, pred, 180),
        "axis_mae": metrics.direction_mae(true, pred, 180),
        "axis_bias": metrics.direction_bias(true, pred, 180),
        "direction_rmse": metrics.direction_rmse(true, pred, 360),
    }


# The tasks

_CLASS_METRICS: Final = (
    Metric(name="accuracy", label="accuracy", better="high"),
    Metric(name="balanced_accuracy", label="balanced accuracy", better="high"),
    Metric(name="f1_macro", label="macro F1", better="high"),
    Metric(name="log_loss", label="log-loss", better="low", units="nat"),
    Metric(name="brier", label="Brier score", better="low"),
    Metric(name="ece", label="calibration error", better="low"),
)


def _number_metrics(units: str) -> tuple[Metric, ...]:
    return (
        Metric(name="rmse", label="RMSE", better="low", units=units),
        Metric(name="bias", label="bias", better="zero", units=units),
        Metric(name="mae", label="mean absolute error", better="low", units=units),
        Metric(name="scatter_index", label="scatter index", better="low"),
        Metric(name="correlation", label="correlation", better="high"),
    )


_DIRECTION_METRICS: Final = (
    Metric(name="axis_rmse", label="axis RMSE", better="low", units="degree"),
    Metric(name="axis_mae", label="axis error", better="low", units="degree"),
    Metric(name="axis_bias", label="axis bias", better="zero", units="degree"),
    Metric(name="direction_rmse", label="360° RMSE", better="low", units="degree"),
)

_BOX_METRICS: Final = (
    Metric(name="f1", label="best F1", better="high"),
    Metric(name="precision", label="precision", better="high"),
    Metric(name="recall", label="recall", better="high"),
    Metric(name="average_precision", label="average precision", better="high"),
)

#: The tasks that come with the package, by name.
TASKS: Final[Mapping[str, Task]] = MappingProxyType(
    {
        task.name: task
        for task in (
            Task(
                name="classification",
                description="The dominant of ten ocean phenomena (TenGeoP-SARwv classes).",
                target=OCEAN_CLASS,
                kind="classes",
                units="1",
                read=read_classes,
                score=_score_classes,
                metrics=_CLASS_METRICS,
                strata=STRATA,
            ),
            Task(
                name="swh",
                description="Significant wave height of the open sea.",
                target="swh",
                kind="number",
                units="m",
                read=partial(read_open_sea, target="swh", units="m"),
                score=_score_numbers,
                metrics=_number_metrics("m"),
                strata=(*STRATA, ESA_SEA_STATE),
            ),
            Task(
                name="wind_speed",
                description="Equivalent neutral wind speed at 10 m over the open sea.",
                target="wind_speed",
                kind="number",
                units="m s-1",
                read=partial(read_open_sea, target="wind_speed", units="m s-1"),
                score=_score_numbers,
                metrics=_number_metrics("m s-1"),
                strata=STRATA,
                models=(*_MODELS, "cmod5n"),
            ),
            Task(
                name="wind_direction",
                description="Direction to which the wind blows; an image shows its axis best.",
                target="wind_to_direction",
                kind="direction",
                units="degree",
                read=partial(read_open_sea, target="wind_to_direction", units="degree"),
                score=_score_directions,
                metrics=_DIRECTION_METRICS,
                strata=STRATA,
            ),
            Task(
                name="icebergs",
                description="Boxes around icebergs, matched from an overlap of 0.1.",
                target="iceberg_box",
                kind="objects",
                units="1",
                read=read_boxes,
                score=score_boxes,
                metrics=_BOX_METRICS,
                strata=STRATA,
                models=("detector", "cfar"),
            ),
        )
    }
)


def find_task(task: str | Task) -> Task:
    """Find a task by its name.

    Examples
    --------
    >>> find_task("swh").units
    'm'
    """
    if isinstance(task, Task):
        return task
    if task not in TASKS:
        raise OceansarError(
            f"there is no task {task!r}; there are {list(TASKS)}. Or give a Task of your own."
        )
    return TASKS[task]
