"""One step of the pretraining: the views of a batch, the teacher's targets, the student's losses.

What is drawn for an image depends on the seed, the step and its place in the global batch, so any
division of the batch among processes and micro-batches sees the same views.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from xoceansar.train.pretraining.augmentation import make_views
from xoceansar.train.pretraining.config import PretrainConfig
from xoceansar.train.pretraining.losses import Targets, dino_loss, ibot_loss, koleo_loss
from xoceansar.train.pretraining.masks import block_masks
from xoceansar.train.pretraining.student_teacher import Network

Tensor = torch.Tensor

#: Global crops of an image: each is predicted from the other.
_GLOBAL = 2
#: Independent streams of one step.
_VIEWS, _MASKS, _WINDOWS = range(3)


@dataclass(frozen=True, slots=True)
class Batch:
    """Views of some images."""

    #: (n, 2, 1, g, g): Global crops.
    crops: Tensor
    #: (n, 2, 2), int64: First row and column of their positions in the network's grid.
    windows: Tensor
    #: (n, 2, rows, columns), bool: Patches that are hidden from the student.
    masks: Tensor
    #: (n, v, 1, l, l): Local crops.
    local: Tensor
    #: (n, v, 2), int64: Their positions.
    local_windows: Tensor
    #: Crops without variation: missing data that no draw could avoid.
    empty: int = 0

    def __len__(self) -> int:
        return len(self.crops)

    def part(self, rows: slice) -> "Batch":
        """Return the views of some of the images."""
        return Batch(
            self.crops[rows],
            self.windows[rows],
            self.masks[rows],
            self.local[rows],
            self.local_windows[rows],
        )


@dataclass(frozen=True, slots=True)
class TeacherTargets:
    """What the student is to predict."""

    #: (2, n, K) or None: Probabilities of the summary of each global crop.
    dino: Tensor | None
    #: (m, K) or None: Probabilities of each masked patch, image by image.
    ibot: Tensor | None
    #: (n, 2, d): The teacher's summaries of the global crops, for the watch.
    summary: Tensor


def draw_batch(
    images: Tensor,
    config: PretrainConfig,
    *,
    step: int,
    first: int = 0,
    mean: Tensor | None = None,
    scale: Tensor | None = None,
) -> Batch:
    """Draw the views, masks and positions of a share of a global batch.

    Shapes: `images` (n, 1, size, size), mean, scale (n,).
    """
    n, total = len(images), config.optimisation.batch
    own = slice(first, first + n)
    seeds = _stream(config, step, _VIEWS).generate_state(total, np.uint64)[own]
    views = make_views(
        images, seeds, config.views(), config.input.spec(), mean=mean, scale=scale
    )
    patch = config.backbone.patch_size
    side = config.crops.global_size // patch
    masks = block_masks(
        total * _GLOBAL,
        (side, side),
        probability=config.masks.probability,
        ratio=config.masks.ratio,
        rng=np.random.default_rng(_stream(config, step, _MASKS)),
    ).reshape(total, _GLOBAL, side, side)
    grid = config.input.size // patch
    rng = np.random.default_rng(_stream(config, step, _WINDOWS))
    n_local = config.crops.n_local
    windows = rng.integers(0, grid - side + 1, (total, _GLOBAL, 2))
    local_side = config.crops.local_size // patch
    local_windows = rng.integers(0, grid - local_side + 1, (total, n_local, 2))

    def to_device(array: npt.NDArray[Any]) -> Tensor:
        return torch.from_numpy(array[own]).to(images.device, non_blocking=True)

    return Batch(
        views.global_.transpose(0, 1),
        to_device(windows),
        to_device(masks),
        views.local.transpose(0, 1),
        to_device(local_windows),
        views.empty,
    )


def _stream(config: PretrainConfig, step: int, use: int) -> np.random.SeedSequence:
    return np.random.SeedSequence([config.seed, step, use])


@torch.no_grad()
def teacher_targets(
    teacher: Network,
    batch: Batch,
    targets: dict[str, Targets],
    *,
    temperature: float,
    micro: int,
) -> TeacherTargets:
    """Let the teacher see every global crop whole, and turn its logits into targets."""
    parts = []
    for start in range(0, len(batch), micro):
        part = batch.part(slice(start, start + micro))
        parts.append(
            teacher(
                part.crops.flatten(0, 1),
                part.windows.flatten(0, 1),
                part.masks.flatten(0, 1),
                hide=False,
            )
        )
    logits = {name: torch.cat([part[name] for part in parts]) for name in parts[0]}
    made = {name: make(logits[name], temperature) for name, make in targets.items()}
    dino = made.get("dino")
    if dino is not None:
        dino = _by_image(dino).transpose(0, 1)
    return TeacherTargets(dino, made.get("ibot"), _by_image(logits["summary"]))


def student_losses(
    student: Callable[..., dict[str, Tensor]],
    batch: Batch,
    made: TeacherTargets,
    rows: slice,
    config: PretrainConfig,
) -> dict[str, Tensor]:
    """Compute the losses of a micro-batch."""
    part, weights = batch.part(rows), config.losses
    dino_on, local_on = weights.dino > 0, weights.dino > 0 and part.local.shape[1] > 0
    hide = weights.ibot > 0
    out = student(
        part.crops.flatten(0, 1),
        part.windows.flatten(0, 1),
        part.masks.flatten(0, 1),
        hide=hide,
        local=part.local.flatten(0, 1) if local_on else None,
        local_windows=part.local_windows.flatten(0, 1) if local_on else None,
    )
    found: dict[str, Tensor] = {}
    if dino_on and made.dino is not None:
        views = _by_image(out["dino"])
        if local_on:
            local = out["local"].reshape(len(part), -1, views.shape[-1])
            views = torch.cat([views, local], dim=1)
        found["dino"] = dino_loss(
            views.transpose(0, 1), made.dino[:, rows], weights.student_temperature
        )
    if hide and made.ibot is not None:
        before, within = batch.masks[: rows.start].sum(), part.masks.sum()
        found["ibot"] = ibot_loss(
            out["ibot"],
            made.ibot[int(before) : int(before + within)],
            part.masks.flatten(0, 1),
            weights.student_temperature,
        )
    if weights.koleo > 0:
        summary = _by_image(out["summary"])
        each = [koleo_loss(summary[:, view]) for view in range(_GLOBAL)]
        found["koleo"] = torch.stack(each).mean()
    loss = torch.stack([getattr(weights, name) * v for name, v in found.items()]).sum()
    return {"loss": loss, **found}


def _by_image(values: Tensor) -> Tensor:
    """Put the global crops of an image side by side: (n, 2, ...)."""
    return values.reshape(-1, _GLOBAL, *values.shape[1:])
