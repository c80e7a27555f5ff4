"""Score detected icebergs against boxes, and choose the score from which a detection counts."""

from dataclasses import replace
from typing import Final

import numpy as np
import xarray as xr

from xoceansar._typing import Array
from xoceansar.errors import MissingVariableError
from xoceansar.evaluate.metrics.box_scores import (
    PrecisionRecall,
    best_f1,
    precision_recall,
)
from xoceansar.models.spec.detector_spec import TrainedDetector

#: Least overlap of a match: icebergs are a few pixels, and what matters is that each is found. The
#: F1@0.1 of OceanSAR-2 (arXiv 2601.07392).
IOU: Final = 0.1


def true_boxes(ds: xr.Dataset, name: str = "iceberg_box") -> list[Array]:
    """Boxes of each vignette, without the padding.

    Shapes: gives (m, 4). ``line_min, sample_min, line_max, sample_max``, fractions of the
    image.
    """
    if name not in ds:
        raise MissingVariableError(
            f"icebergs are scored against the variable {name!r} (vignette, iceberg, edge); found "
            f"{sorted(map(str, ds.data_vars))}."
        )
    boxes = ds[name].transpose("vignette", ..., "edge").values
    return [row[np.isfinite(row).all(axis=-1)] for row in boxes]


def found_boxes(detected: xr.Dataset) -> tuple[list[Array], list[Array]]:
    """Boxes and scores of each vignette of `xoceansar.ops.icebergs`."""
    boxes = detected["iceberg_box"].transpose("vignette", "detection", "edge").values
    scores = detected["iceberg_score"].transpose("vignette", "detection").values
    real = np.isfinite(scores)
    return (
        [box[keep] for box, keep in zip(boxes, real, strict=True)],
        [score[keep] for score, keep in zip(scores, real, strict=True)],
    )


def iceberg_curve(
    detected: xr.Dataset, truth: xr.Dataset, *, iou: float = IOU
) -> PrecisionRecall:
    """Precision and recall of detected icebergs at every score."""
    boxes, scores = found_boxes(detected)
    return precision_recall(boxes, scores, true_boxes(truth), iou=iou)


def choose_threshold(
    detector: TrainedDetector, detected: xr.Dataset, truth: xr.Dataset
) -> TrainedDetector:
    """Set the score from which a detection counts: that of the best F1.

    Parameters
    ----------
    detector : TrainedDetector
        What to set.
    detected : Dataset
        What it finds, with a low threshold, in vignettes that it was not fitted on.
    truth : Dataset
        These vignettes, with ``iceberg_box``.

    Returns
    -------
    TrainedDetector
        With ``val_f1``, ``val_precision`` and ``val_recall`` in its metrics.

    Examples
    --------
    >>> import xarray as xr
    >>> boxes = [[[0.1, 0.1, 0.2, 0.2], [0.5, 0.5, 0.6, 0.6]]]
    >>> detected = xr.Dataset(
    ...     {
    ...         "iceberg_box": (("vignette", "detection", "edge"), boxes),
    ...         "iceberg_score": (("vignette", "detection"), [[0.9, 0.3]]),
    ...     }
    ... )
    >>> truth = xr.Dataset(
    ...     {"iceberg_box": (("vignette", "iceberg", "edge"), [boxes[0][:1]])}
    ... )
    >>> import xoceansar as xos
    >>> spec = xos.load_model().detectors["icebergs"]
    >>> chosen = choose_threshold(TrainedDetector(spec, {}), detected, truth).spec
    >>> chosen.threshold, chosen.metrics["val_f1"]
    (0.9, 1.0)
    """
    curve = iceberg_curve(detected, truth)
    f1, threshold = best_f1(curve)
    at = int(curve.f1.argmax())
    metrics = {
        **detector.spec.metrics,
        "val_f1": f1,
        "val_precision": float(curve.precision[at]),
        "val_recall": float(curve.recall[at]),
        "val_iou": IOU,
    }
    spec = replace(detector.spec, threshold=threshold, metrics=metrics)
    return replace(detector, spec=spec)
