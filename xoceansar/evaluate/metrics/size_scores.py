"""How many objects of each size are found."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from xoceansar._typing import Array
from xoceansar.errors import DimensionError
from xoceansar.evaluate.metrics.box_scores import match_boxes


@dataclass(frozen=True, eq=False, slots=True)
class SizeRecall:
    """How many objects of each size were found."""

    #: Bounds of the sizes, pixels; the last bin is open above.
    edges: tuple[float, ...]
    #: (bins,) of int: Objects, and those that a detection matches.
    n: npt.NDArray[np.intp]
    found: npt.NDArray[np.intp]

    @property
    def recall(self) -> npt.NDArray[np.float64]:
        """Fraction found of each size; NaN where there is none."""
        out: npt.NDArray[np.float64] = np.full(len(self.n), np.nan)
        np.divide(self.found, self.n, out=out, where=self.n > 0)
        return out

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the bins."""
        pairs = zip(self.edges[:-1], self.edges[1:], strict=True)
        inner = [f"{a:g}-{b:g} pixels" for a, b in pairs]
        return (*inner, f">{self.edges[-1]:g} pixels")


def recall_by_size(
    boxes: Sequence[Array],
    scores: Sequence[Array],
    truths: Sequence[Array],
    *,
    shape: tuple[int, int],
    edges: Sequence[float] = (0, 2, 4, 8, 16),
    iou: float = 0.1,
) -> SizeRecall:
    """Count found objects by their longer side."""
    if not len(boxes) == len(scores) == len(truths):
        raise DimensionError(
            "boxes, scores and truths must have one entry for each image; got "
            f"{len(boxes)}, {len(scores)} and {len(truths)}."
        )
    sizes, hits = [np.empty(0)], [np.empty(0, dtype=bool)]
    scale = np.array(shape, dtype=np.float64)
    for box, score, truth in zip(boxes, scores, truths, strict=True):
        matched = match_boxes(box, score, truth, iou=iou)
        hit = np.zeros(len(truth), dtype=bool)
        hit[matched[matched >= 0]] = True
        sizes.append(((truth[:, 2:] - truth[:, :2]) * scale).max(axis=1, initial=0))
        hits.append(hit)
    every, hit = np.concatenate(sizes), np.concatenate(hits)
    bins = np.searchsorted(edges, every, side="right") - 1
    count = np.bincount(bins, minlength=len(edges))
    found = np.bincount(bins[hit], minlength=len(edges))
    return SizeRecall(tuple(edges), count, found)
