"""Which icebergs are found, by their size."""

from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
import xarray as xr

from xoceansar.conventions import LINE, SAMPLE
from xoceansar.evaluate.diagnosis import Sign, missed_small_objects
from xoceansar.evaluate.experiments.common import about, first_notes
from xoceansar.evaluate.experiments.computed_rows import numbered
from xoceansar.evaluate.experiments.experiment_result import ExperimentResult
from xoceansar.evaluate.iceberg_scores import IOU, found_boxes, true_boxes
from xoceansar.evaluate.metrics.box_scores import precision_recall
from xoceansar.evaluate.metrics.size_scores import SizeRecall, recall_by_size
from xoceansar.layout.images import find_images
from xoceansar.ops.detection import cfar_icebergs, icebergs
from xoceansar.ops.embedding import Model, as_handle

#: Detections of a vignette that are scored.
_MOST: Final = 512
QUESTION: Final = "Which icebergs are found, by the length of their longer side?"
CFAR: Final = "CFAR"


def small_objects(
    ds: xr.Dataset,
    model: Model = None,
    *,
    limit: int | None = None,
    draws: int = 500,
    seed: int = 0,
    cache: str | Path | None = None,
) -> ExperimentResult:
    """Measure the recall of icebergs by their size, of a model's detector and of CFAR."""
    del draws, cache
    some, handle = numbered(ds, limit), as_handle(model)
    truth = true_boxes(some)
    images, _ = find_images(some)
    shape = (images.sizes[LINE], images.sizes[SAMPLE])
    searches = {CFAR: cfar_icebergs(some, most=_MOST)}
    notes = first_notes(some, handle)
    if handle.detectors:
        searches = {handle.name: icebergs(some, handle, most=_MOST), **searches}
    else:
        notes.append(f"{handle.name} has no detector: CFAR alone was measured.")
    rows: dict[str, dict[str, str]] = {}
    signs: list[Sign] = []
    answer = []
    for name, search in searches.items():
        boxes, scores = found_boxes(search.compute())
        sizes = recall_by_size(boxes, scores, truth, shape=shape)
        rows[name] = _row(boxes, scores, truth, sizes)
        signs.append(missed_small_objects(sizes, model=name))
        answer.append(f"{name}: {sizes.found.sum()} of {sizes.n.sum()} icebergs found.")
    table = pd.DataFrame(rows).T
    table.index.name = "method"
    return ExperimentResult(
        name="small-objects",
        question=QUESTION,
        table=table,
        answer=tuple(answer),
        signs=tuple(signs),
        notes=tuple(notes),
        metadata=about(some, handle, seed, iou=IOU),
    )


def _row(
    boxes: list[np.ndarray],
    scores: list[np.ndarray],
    truth: list[np.ndarray],
    sizes: SizeRecall,
) -> dict[str, str]:
    curve = precision_recall(boxes, scores, truth, iou=IOU)
    # at the last entry every detection that was kept counts
    whole = [
        f"{values[-1]:.2f}" if len(values) else "-"
        for values in (curve.precision, curve.recall, curve.f1)
    ]
    found = dict(zip(("precision", "recall", f"F1@{IOU:g}"), whole, strict=True))
    for label, n, hit in zip(sizes.labels, sizes.n, sizes.found, strict=True):
        found[label] = f"{hit} of {n}"
    return found
