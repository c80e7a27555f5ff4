"""Icebergs as a task of the benchmark: boxes found in each vignette against boxes that are there."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import xarray as xr

from xoceansar.errors import OceansarError
from xoceansar.evaluate.detection import (
    PrecisionRecall,
    average_precision,
    best_f1,
    curve_of,
    match_boxes,
)
from xoceansar.evaluate.icebergs import IOU, found_boxes, true_boxes
from xoceansar.models import ModelHandle
from xoceansar.ops.detect import Method, icebergs

__all__ = ["IcebergSearch", "curve_of_rows", "read_boxes", "score_boxes"]

Array = npt.NDArray[Any]

#: Lowest scores that are kept: what is below never makes the best F1.
_LOW: Final = {"detector": 0.02, "cfar": 2.5}
#: Vignettes that are searched at a time.
_BLOCK: Final = 64


def read_boxes(ds: xr.Dataset) -> Array:
    """Read the true boxes of each vignette.

    Parameters
    ----------
    ds : Dataset
        With ``iceberg_box`` (vignette, iceberg, edge).

    Returns
    -------
    ndarray (vignette,) of object
        Boxes (m, 4) of each.

    Raises
    ------
    MissingVariableError
        If there are no boxes.
    """
    return _objects(true_boxes(ds))


def score_boxes(true: Array, predicted: Array) -> dict[str, float]:
    """Score what was found in some vignettes.

    Parameters
    ----------
    true : ndarray (vignette,) of object
        Boxes (m, 4).
    predicted : ndarray (vignette,) of object
        Boxes and scores (n, 5).

    Returns
    -------
    dict of str to float
        ``f1``, ``precision`` and ``recall`` at the threshold of the best F1 on these vignettes,
        and ``average_precision``; NaN without any iceberg.
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

    Parameters
    ----------
    true, predicted : ndarray (vignette,) of object
        As `score_boxes`.

    Returns
    -------
    PrecisionRecall
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


@dataclass(frozen=True)
class IcebergSearch:
    """A way to search vignettes for icebergs.

    Parameters
    ----------
    method : {"detector", "cfar"}
        How.
    model : ModelHandle, optional
        The bundle whose detector it is.
    """

    method: Method
    model: ModelHandle | None = None
    needs_training: bool = False

    @property
    def name(self) -> str:
        """Name in tables."""
        return "CFAR" if self.model is None else f"{self.model.name}, detector"

    def search(self, ds: xr.Dataset) -> Array:
        """Search vignettes, some at a time.

        Parameters
        ----------
        ds : Dataset
            Images in the library's layout.

        Returns
        -------
        ndarray (vignette,) of object
            Boxes and scores (n, 5) of each; none where it could not be searched.
        """
        rows: list[Array] = []
        for start in range(0, ds.sizes["vignette"], _BLOCK):
            part = ds.isel(vignette=slice(start, start + _BLOCK))
            found = icebergs(
                part, model=self.model, method=self.method, threshold=_LOW[self.method]
            ).compute()
            for box, score in zip(*found_boxes(found), strict=True):
                rows.append(np.c_[box, score].astype(np.float64))
        return _objects(rows)


def _objects(rows: list[Array]) -> Array:
    out = np.empty(len(rows), dtype=object)
    for i, row in enumerate(rows):
        out[i] = np.ascontiguousarray(row, dtype=np.float64)
    if not len(out):
        raise OceansarError("there is no vignette to search.")
    return out
