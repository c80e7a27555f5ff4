"""Embed vignettes with the network as it is while training, and score it on labelled ones."""

from dataclasses import replace
from typing import Final

import numpy as np
import numpy.typing as npt
import torch
import xarray as xr

from xoceansar.errors import TrainingError
from xoceansar.models.networks.vit import pool_tokens
from xoceansar.models.spec import POOLINGS, Pooling
from xoceansar.train.data.vignette_dataset import VignetteDataset
from xoceansar.train.pretraining.config import PretrainConfig
from xoceansar.train.pretraining.learner import Learner
from xoceansar.train.pretraining.monitor import probe_scores, probe_targets
from xoceansar.train.pretraining.student_teacher import VisionBackbone

Rows = npt.NDArray[np.int64]

#: Patch tokens for each call of the network, as at inference on a CPU.
_TOKENS: Final = 4096


def embed_rows(
    dataset: VignetteDataset,
    rows: Rows,
    learner: Learner,
    *,
    pooling: Pooling,
    size: int | None = None,
) -> tuple[npt.NDArray[np.float32], Rows]:
    """Embed vignettes of a pool with the teacher.

    Shapes: `rows` (n,).
    """
    backbone: VisionBackbone = learner.teacher.backbone
    whole = learner.config.input.size
    side = (size or whole) // backbone.patch
    offset = (whole - side * backbone.patch) // 2
    centre = slice(offset, offset + side * backbone.patch)
    window = torch.full((1, 2), (backbone.grid - side) // 2)
    batch = max(1, _TOKENS // side**2)
    features, used = [], [np.empty(0, np.int64)]
    for start in range(0, len(rows), batch):
        images, kept = dataset.read(rows[start : start + batch])
        used.append(kept)
        if not len(kept):
            continue
        with torch.inference_mode(), learner.fabric.autocast():
            part = torch.from_numpy(images[..., centre, centre])
            tokens = backbone(
                part.to(learner.fabric.device),
                window.expand(len(part), -1).to(learner.fabric.device),
            )
            pooled = pool_tokens(
                tokens.summary.float(), tokens.patches.float(), pooling
            )
            features.append(pooled.cpu().numpy())
    width = POOLINGS[pooling] * backbone.vit.embed_dim
    empty = np.empty((0, width), np.float32)
    return np.concatenate([empty, *features]), np.concatenate(used)


class Probe:
    """Nearest neighbours on labelled vignettes.

    Those of one ``product`` never vote for each other.
    """

    def __init__(self, ds: xr.Dataset, config: PretrainConfig) -> None:
        self._dataset = VignetteDataset(
            ds,
            config.input.spec(),
            min_valid_fraction=config.data.min_valid_fraction,
            exclude=config.data.exclude,
            cache_bytes=int(config.data.cache_gib * 2**30),
        )
        self._truth = probe_targets(ds)
        self._groups = ds["product"].values if "product" in ds.variables else None
        self._neighbours = config.watch.neighbours
        self._pooling = config.backbone.pooling
        self._require_enough(len(self._dataset.rows))

    def scores(self, learner: Learner) -> dict[str, float]:
        """Score the teacher."""
        features, rows = embed_rows(
            self._dataset, self._dataset.rows, learner, pooling=self._pooling
        )
        self._require_enough(len(rows))
        return probe_scores(
            features,
            {n: replace(t, values=t.values[rows]) for n, t in self._truth.items()},
            groups=None if self._groups is None else self._groups[rows],
            neighbours=self._neighbours,
        )

    def _require_enough(self, usable: int) -> None:
        if usable <= self._neighbours:
            raise TrainingError(
                f"the probe needs more than {self._neighbours} usable vignettes "
                f"(watch.neighbours) and has {usable}."
            )
