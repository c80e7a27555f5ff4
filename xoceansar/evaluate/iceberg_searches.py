"""Ways to search vignettes for icebergs, as competitors of a benchmark."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import xarray as xr

from xoceansar._typing import Array
from xoceansar.errors import BundleError, OceansarError
from xoceansar.evaluate.competitors import Competitor
from xoceansar.evaluate.feature_store import FeatureStore
from xoceansar.evaluate.iceberg_scores import found_boxes
from xoceansar.evaluate.iceberg_task import rows_of
from xoceansar.evaluate.parts import Part
from xoceansar.evaluate.tasks import Task
from xoceansar.models import ModelHandle
from xoceansar.ops.detection import cfar_icebergs, icebergs

#: Lowest scores that are kept: what is below never makes the best F1.
_LOWEST_SCORE: Final = 0.02
_LOWEST_CFAR: Final = 2.5
#: Detections of a vignette that are scored: CFAR with so low a threshold gives hundreds of false alarms.
_MOST: Final = 2000
#: Vignettes that are searched at a time.
_BLOCK: Final = 64


@dataclass(frozen=True)
class Search(Competitor):
    """A detector of icebergs, or CFAR."""

    #: The bundle whose detector it is; CFAR without one.
    model: ModelHandle | None = None
    needs_training = False

    @property
    def name(self) -> str:
        """Name in tables."""
        return "CFAR" if self.model is None else f"{self.model.name}, detector"

    @property
    def bundle(self) -> ModelHandle | None:
        """The model."""
        return self.model

    def predict(
        self, task: Task, train: Part | None, test: Part, store: FeatureStore
    ) -> Array:
        """Search the vignettes, some at a time.

        Shapes: gives (vignette,). Boxes and scores (n, 5) of each; none where it could not be
        searched.
        """
        del train, store
        if task.kind != "objects":
            raise OceansarError(
                f"{self.name} finds icebergs; task {task.name!r} is of kind {task.kind!r}."
            )
        blocks = range(0, len(test), _BLOCK)
        ds = test.ds
        return rows_of(
            [
                row
                for start in blocks
                for row in self._block(ds.isel(vignette=slice(start, start + _BLOCK)))
            ]
        )

    def _block(self, ds: xr.Dataset) -> list[Array]:
        if self.model is None:
            lazy = cfar_icebergs(ds, threshold=_LOWEST_CFAR, most=_MOST)
        else:
            lazy = icebergs(ds, self.model, threshold=_LOWEST_SCORE, most=_MOST)
        found = lazy.compute()
        return [
            np.c_[box, score] for box, score in zip(*found_boxes(found), strict=True)
        ]


def detector_of(handle: ModelHandle) -> Search:
    """Search by the detector of a model."""
    if not handle.detectors:
        raise BundleError(
            f"model {handle.name!r} has no detector. Fit one with xoceansar.train.fit_detector."
        )
    return Search(handle)
