"""Icebergs as a task of the benchmark: boxes found in each vignette against boxes that are there."""

from functools import lru_cache

import numpy as np
import numpy.typing as npt
import xarray as xr

from xoceansar._typing import Array
from xoceansar.evaluate.iceberg_scores import IOU, true_boxes
from xoceansar.evaluate.metrics.box_scores import (
    PrecisionRecall,
    average_precision,
    best_f1,
    curve_of,
    match_boxes,
)


def read_boxes(ds: xr.Dataset) -> Array:
    """Read the true boxes of each vignette.

    Shapes: gives (vignette,).
    """
    return rows_of(true_boxes(ds))


def score_boxes(true: Array, predicted: Array) -> dict[str, float]:
    """Score what was found in some vignettes.

    Shapes: `true` (vignette,), `predicted` (vignette,).
    """
    curve = curve_of_rows(true, predicted)
    if not curve.n_truth:
        return dict.fromkeys(("f1", "precision", "recall", "average_precision"), np.nan)
    f1, _ = best_f1(curve)
    at = int(curve.f1.argmax()) if len(curve.f1) else None
    return {
        "f1": f1,
        "precision": np.nan if at is None else float(curve.precision[at]),
        "recall": 0.0 if at is None else float(curve.recall[at]),
        "average_precision": average_precision(curve),
    }


def curve_of_rows(true: Array, predicted: Array) -> PrecisionRecall:
    """Precision and recall over some vignettes.

    Shapes: true, predicted (vignette,).
    """
    hits = [
        _hits(found.tobytes(), boxes.tobytes())
        for found, boxes in zip(predicted, true, strict=True)
    ]
    scores = np.concatenate([found[:, 4] for found in predicted])
    n_truth = sum(len(boxes) for boxes in true)
    return curve_of(scores, np.concatenate(hits), n_truth, len(true))


@lru_cache(maxsize=1 << 16)
def _hits(found: bytes, boxes: bytes) -> npt.NDArray[np.bool_]:
    """Match one vignette: a bootstrap asks for the same one a thousand times."""
    rows = np.frombuffer(found).reshape(-1, 5)
    truth = np.frombuffer(boxes).reshape(-1, 4)
    return match_boxes(rows[:, :4], rows[:, 4], truth, iou=IOU) >= 0


def rows_of(rows: list[Array]) -> Array:
    """Put boxes of vignettes, as many as there are in each, into one array.

    Shapes: `rows` (n, 4) -> (vignette,).
    """
    out = np.empty(len(rows), dtype=object)
    for i, row in enumerate(rows):
        out[i] = np.ascontiguousarray(row, dtype=np.float64)
    return out
