"""The loss of the detector: a set of boxes against a set of boxes."""

from dataclasses import dataclass
from typing import Final

import torch
from scipy.optimize import linear_sum_assignment
from torch.nn import functional as F
from torchvision.ops import generalized_box_iou, generalized_box_iou_loss
from torchvision.ops import sigmoid_focal_loss as focal_loss

from xoceansar.errors import TrainingError
from xoceansar.models.networks.detection_transformer import Detections

Tensor = torch.Tensor

#: Weights of the parts of the loss and of the cost of a match, those of Deformable DETR.
_SCORE, _BOX, _OVERLAP = 2.0, 5.0, 2.0
_ALPHA, _GAMMA = 0.25, 2.0
#: Exponents of the penalty-reduced focal loss (Zhou et al. 2019, https://arxiv.org/abs/1904.07850).
_HEAT_GAMMA, _HEAT_BETA = 2.0, 4.0
#: Least size in pixels by which the error of a centre is divided.
_LEAST_SIZE: Final = 4.0


@dataclass(slots=True)
class DetectionLoss:
    """Parts of the loss, each a scalar."""

    #: Focal loss of the scores; L1 of the centres, relative to the size, and of the log sizes; 1 -
    #: GIoU: mean over the layers of the decoder.
    score: Tensor
    box: Tensor
    overlap: Tensor
    #: Focal loss of the heat, and box loss of the cells that hold a centre.
    heat: Tensor
    cell: Tensor

    @property
    def total(self) -> Tensor:
        """Weighted sum, which is minimised."""
        return (
            _SCORE * self.score
            + _BOX * self.box
            + _OVERLAP * self.overlap
            + self.heat
            + self.cell
        )


def detection_loss(
    found: Detections, targets: list[Tensor], stride: int
) -> DetectionLoss:
    """Compare detections with the targets of each image.

    Shapes: `targets` (m, 4).
    """
    count = max(1, sum(len(target) for target in targets))
    parts = [
        _layer_loss(logits, boxes, targets, count)
        for logits, boxes in zip(found.logits, found.boxes, strict=True)
    ]
    score, box, overlap = (torch.stack(p).mean() for p in zip(*parts, strict=True))
    heat, cell = _proposal_loss(found, targets, stride, count)
    return DetectionLoss(score, box, overlap, heat, cell)


def match(logits: Tensor, boxes: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Assign the queries of one image to its targets at the least cost.

    Shapes: `logits` (queries,), `boxes` (queries, 4), `target` (m, 4).
    """
    if len(target) > len(boxes):
        raise TrainingError(
            f"{len(target)} targets in a crop for {len(boxes)} queries, and each needs one of its own: "
            "take smaller crops (crop=), or finer maps (strides=)."
        )
    for name, values in (("logits", logits), ("boxes", boxes)):
        if not bool(torch.isfinite(values).all()):
            raise TrainingError(
                f"the detector's {name} are not finite: the training has diverged. Lower the "
                "learning rate."
            )
    logits, boxes, target = (x.detach().float() for x in (logits, boxes, target))
    probability = logits.sigmoid()[:, None]
    cost = _SCORE * (
        _ALPHA * (1 - probability) ** _GAMMA * -(probability + 1e-8).log()
        - (1 - _ALPHA) * probability**_GAMMA * -(1 - probability + 1e-8).log()
    )
    cost = cost + _BOX * _distance(boxes[:, None], target[None]).sum(-1) / 4
    cost = cost - _OVERLAP * generalized_box_iou(_corners(boxes), _corners(target))
    query, number = linear_sum_assignment(cost.numpy(force=True))
    device = boxes.device
    return (
        torch.as_tensor(query, dtype=torch.int64, device=device),
        torch.as_tensor(number, dtype=torch.int64, device=device),
    )


def _layer_loss(
    logits: Tensor, boxes: Tensor, targets: list[Tensor], count: int
) -> tuple[Tensor, Tensor, Tensor]:
    wanted = torch.zeros_like(logits)
    box = overlap = boxes.sum() * 0
    for i, target in enumerate(targets):
        query, number = match(logits[i], boxes[i], target)
        wanted[i, query] = 1.0
        a, b = boxes[i, query], target[number]
        box = box + _distance(a, b).sum() / 4
        overlap = overlap + generalized_box_iou_loss(
            _corners(a), _corners(b), reduction="sum"
        )
    score = focal_loss(logits, wanted, _ALPHA, _GAMMA, reduction="sum")
    return score / count, box / count, overlap / count


def _proposal_loss(
    found: Detections, targets: list[Tensor], stride: int, count: int
) -> tuple[Tensor, Tensor]:
    wanted = torch.zeros_like(found.heat)
    cell = found.cells.sum() * 0
    limits = wanted.new_tensor(wanted.shape[1:]) - 1
    for i, target in enumerate(targets):
        if not len(target):
            continue
        place = (target[:, :2] / stride).floor().clamp(min=0)
        row, column = torch.minimum(place, limits).long().unbind(-1)
        for one in range(len(target)):
            bump = _bump(wanted[i], row[one], column[one], target[one, 2:], stride)
            wanted[i] = torch.maximum(wanted[i], bump)
        at = found.cells[i, row, column]
        cell = cell + _distance(at, target).sum() / 4
    probability = found.heat.sigmoid()
    centre = wanted == 1
    near = (1 - wanted) ** _HEAT_BETA * probability**_HEAT_GAMMA
    heat = torch.where(
        centre,
        (1 - probability) ** _HEAT_GAMMA * -F.logsigmoid(found.heat),
        near * -F.logsigmoid(-found.heat),
    )
    return heat.sum() / count, cell / count


def _bump(
    like: Tensor, row: Tensor, column: Tensor, log_size: Tensor, stride: int
) -> Tensor:
    """Return a Gaussian around a cell, a sixth of the target wide and half a cell at least."""
    spread = (log_size.exp() / (6 * stride)).clamp(min=0.5)
    y, x = (torch.arange(n, device=like.device) for n in like.shape)
    along = torch.exp(-(((y - row) / spread[0]) ** 2) / 2)
    across = torch.exp(-(((x - column) / spread[1]) ** 2) / 2)
    return along[:, None] * across[None, :]


def _distance(a: Tensor, b: Tensor) -> Tensor:
    """Differences of centres, relative to the size of the target, and of log sizes."""
    size = b[..., 2:].exp().clamp(min=_LEAST_SIZE)
    centre = (a[..., :2] - b[..., :2]).abs() / size
    return torch.cat([centre, (a[..., 2:] - b[..., 2:]).abs()], dim=-1)


def _corners(boxes: Tensor) -> Tensor:
    half = boxes[..., 2:].exp() / 2
    return torch.cat([boxes[..., :2] - half, boxes[..., :2] + half], dim=-1)
