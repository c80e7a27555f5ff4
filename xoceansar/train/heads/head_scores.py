"""Scores of a head on the rows that it was not fitted on, in the units of the target."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from xoceansar._optional import require
from xoceansar.models.spec import HeadSpec

__all__ = ["score_table"]

Array = npt.NDArray[Any]


def score_table(
    predicted: Array, truth: Array, beam: Array, spec: HeadSpec, known: Array
) -> pd.DataFrame:
    """Score a head over all rows and over each beam.

    Shapes: `predicted` (n, K), `truth` (n,), `beam` (n,), `known` (m,).
    """
    of = _class_scores if spec.classes else _number_scores
    parts = {"all": np.ones(len(truth), dtype=bool)}
    parts |= {name: beam == name for name in sorted(set(beam.tolist()) - {""})}
    rows = {
        name: {"n": int(part.sum()), **of(predicted[part], truth[part], known)}
        for name, part in parts.items()
    }
    return pd.DataFrame.from_dict(rows, orient="index")


def _number_scores(predicted: Array, truth: Array, known: Array) -> dict[str, float]:
    error = predicted[:, 0].astype(np.float64) - truth
    varies = len(truth) > 1 and np.ptp(truth) > 0 and np.ptp(predicted[:, 0]) > 0
    return {
        "rmse": float(np.sqrt(np.mean(error**2))),
        "bias": float(error.mean()),
        "correlation": float(np.corrcoef(predicted[:, 0], truth)[0, 1])
        if varies
        else float("nan"),
        "rmse_of_mean": float(np.sqrt(np.mean((truth - known.mean()) ** 2))),
    }


def _class_scores(predicted: Array, truth: Array, known: Array) -> dict[str, float]:
    metrics = require("sklearn.metrics", extra="train")
    true = truth.astype(np.int64)
    chosen = predicted.argmax(axis=1)
    recalls = metrics.recall_score(
        true, chosen, labels=np.unique(true), average=None, zero_division=0
    )
    of_true = predicted[np.arange(len(true)), true].astype(np.float64)
    largest = np.bincount(known.astype(np.int64)).argmax()
    return {
        "accuracy": float((chosen == true).mean()),
        "balanced_accuracy": float(np.mean(recalls)),
        "log_loss": float(-np.log(np.maximum(of_true, 1e-12)).mean()),
        "accuracy_of_largest": float((true == largest).mean()),
    }
