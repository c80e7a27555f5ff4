"""Score boxes against boxes: matching, precision and recall, best F1, average precision.

Boxes are ``line_min, sample_min, line_max, sample_max``, as fractions of the image.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from xoceansar._typing import Array
from xoceansar.errors import DimensionError

#: Recalls at which the average precision looks, as in the evaluation of COCO.
_RECALLS: Final = np.linspace(0, 1, 101)


@dataclass(frozen=True, eq=False)
class PrecisionRecall:
    """Precision and recall at every score."""

    #: (n,): Scores, descending: a detection counts where its score is at least that.
    threshold: Array
    #: (n,): At each of them.
    precision: Array
    recall: Array
    f1: Array
    #: Objects and images.
    n_truth: int
    n_images: int


def box_iou(a: Array, b: Array) -> npt.NDArray[np.float64]:
    """Intersection over union of every pair of boxes.

    Shapes: a, b (n, 4) -> (n, m). In [0, 1]; 0 where both are empty.

    Examples
    --------
    >>> box_iou(np.array([[0, 0, 2, 2]]), np.array([[0, 1, 2, 3]])).round(3).tolist()
    [[0.333]]
    """
    a, b = (np.asarray(x, dtype=np.float64).reshape(-1, 4) for x in (a, b))
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    common = np.clip(high - low, 0, None).prod(axis=-1)
    area_a, area_b = (
        np.clip(x[:, 2:] - x[:, :2], 0, None).prod(axis=-1) for x in (a, b)
    )
    union = area_a[:, None] + area_b[None, :] - common
    iou: npt.NDArray[np.float64] = np.divide(
        common, union, out=np.zeros_like(common), where=union > 0
    )
    return iou


def match_boxes(
    box: Array, score: Array, truth: Array, *, iou: float = 0.1
) -> npt.NDArray[np.intp]:
    """Match the detections of one image with its objects.

    Shapes: `box` (n, 4), `score` (n,), `truth` (m, 4) -> (n,). Number of the object of each
    detection, -1 for a false alarm.

    Notes
    -----
    In descending order of the score, each detection takes the object that it overlaps most
    and that no better one has taken, as in the evaluation of COCO.
    """
    overlap = box_iou(box, truth)
    out = np.full(len(overlap), -1, dtype=np.intp)
    for i in np.argsort(-np.asarray(score), kind="stable"):
        if not overlap.shape[1]:
            break
        j = int(overlap[i].argmax())
        if overlap[i, j] >= iou:
            out[i] = j
            overlap[:, j] = -1.0
    return out


def precision_recall(
    boxes: Sequence[Array],
    scores: Sequence[Array],
    truths: Sequence[Array],
    *,
    iou: float = 0.1,
) -> PrecisionRecall:
    """Precision and recall of detections over many images.

    Shapes: `boxes` (n, 4), `scores` (n,), `truths` (m, 4).
    """
    if not len(boxes) == len(scores) == len(truths):
        raise DimensionError(
            "boxes, scores and truths must have one entry for each image; got "
            f"{len(boxes)}, {len(scores)} and {len(truths)}."
        )
    every, hits = [np.empty(0)], [np.empty(0, dtype=bool)]
    for box, score, truth in zip(boxes, scores, truths, strict=True):
        every.append(np.asarray(score, dtype=np.float64))
        hits.append(match_boxes(box, score, truth, iou=iou) >= 0)
    n_truth = sum(len(truth) for truth in truths)
    return curve_of(np.concatenate(every), np.concatenate(hits), n_truth, len(truths))


def curve_of(score: Array, hit: Array, n_truth: int, n_images: int) -> PrecisionRecall:
    """Precision and recall of detections that are matched already.

    Shapes: `score` (n,), `hit` (n,).
    """
    order = np.argsort(-score, kind="stable")
    score, hit = score[order], hit[order]
    # detections of one score come in or stay out together
    last = np.flatnonzero(np.append(score[1:] < score[:-1], len(score) > 0))
    found = np.cumsum(hit)[last]
    kept = last + 1
    recall = found / n_truth if n_truth else np.full(len(last), np.nan)
    return PrecisionRecall(
        threshold=score[last],
        precision=found / kept,
        recall=recall,
        f1=2 * found / (kept + n_truth),
        n_truth=n_truth,
        n_images=n_images,
    )


def best_f1(curve: PrecisionRecall) -> tuple[float, float]:
    """Best F1 over all scores, and the score at which it is reached."""
    if not len(curve.f1):
        return 0.0, float("nan")
    best = int(np.argmax(curve.f1))
    return float(curve.f1[best]), float(curve.threshold[best])


def average_precision(curve: PrecisionRecall) -> float:
    """Area under the curve, by 101 points as in the evaluation of COCO."""
    if not curve.n_truth:
        return float("nan")
    if not len(curve.f1):
        return 0.0
    envelope = np.maximum.accumulate(curve.precision[::-1])[::-1]
    index = np.searchsorted(curve.recall, _RECALLS, side="left")
    reached = index < len(envelope)
    return float(
        np.where(reached, envelope[np.minimum(index, len(envelope) - 1)], 0).mean()
    )
