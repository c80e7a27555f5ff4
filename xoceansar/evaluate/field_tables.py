"""Scores that the field uses, of the models of a benchmark."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import pandas as pd

from xoceansar._typing import Array
from xoceansar.conventions import VIGNETTE
from xoceansar.conventions.texts import text_values
from xoceansar.errors import MissingVariableError, OceansarError
from xoceansar.evaluate.metrics.round_robin import cci_score
from xoceansar.evaluate.metrics.triplets import triple_collocation
from xoceansar.evaluate.parts import Part
from xoceansar.evaluate.tasks import Task

__all__ = ["CCI", "TRIPLE", "field_tables"]

CCI: Final = "CCI Sea State score (0 is best)"
TRIPLE: Final = "Triple collocation"
_SWH: Final = "swh"
_BEAMS: Final = frozenset({"wv1", "wv2"})


def field_tables(
    part: Part,
    predictions: Mapping[str, Array],
    task: Task,
    third: str | None,
    **resampling: Any,
) -> dict[str, pd.DataFrame]:
    """Make the tables that fit a task and the data.

    Shapes: predictions (vignette,) of each model.
    """
    tables = {}
    if task.target == _SWH and task.kind == "number" and "beam" in part.ds:
        beam = text_values(part.ds["beam"])
        if set(beam.tolist()) <= _BEAMS:
            tables[CCI] = _cci(part, predictions, beam)
    if third is not None:
        tables[TRIPLE] = _triple(part, predictions, task, third, resampling)
    return tables


def _cci(part: Part, predictions: Mapping[str, Array], beam: Array) -> pd.DataFrame:
    """Score of each model: a column for each beam, and the total."""
    latitude = part.ds["latitude"].values if "latitude" in part.ds else None
    rows = {}
    for model, predicted in predictions.items():
        score = cci_score(part.truth, predicted, beam, latitude=latitude)
        rows[model] = {**score.beams.to_dict(), "total": score.total}
    table = pd.DataFrame.from_dict(rows, orient="index")
    table.index.name = "model"
    return table.sort_values("total", kind="stable")


def _triple(
    part: Part,
    predictions: Mapping[str, Array],
    task: Task,
    third: str,
    resampling: dict[str, Any],
) -> pd.DataFrame:
    """Errors of truth, prediction and the third source, a row for each of them and each model."""
    if task.kind != "number":
        raise OceansarError(
            f"third={third!r}: triple collocation is of numbers; task {task.name!r} is of kind {task.kind!r}."
        )
    if third not in part.ds or part.ds[third].dims != (VIGNETTE,):
        raise MissingVariableError(
            f"third={third!r} is no variable along vignette; found {sorted(map(str, part.ds.data_vars))}."
        )
    other = np.asarray(part.ds[third].values, np.float64)
    frames = []
    for model, predicted in predictions.items():
        sources = {task.target: part.truth, model: predicted, third: other}
        frames.append(
            triple_collocation(sources, groups=part.groups, **resampling)
            .reset_index()
            .assign(model=model)
        )
    return pd.concat(frames).set_index("model")
