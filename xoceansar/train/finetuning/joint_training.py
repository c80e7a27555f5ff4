"""Train a backbone together with a head, from the head that was fitted on it frozen.

A head at random would first pull the backbone to wherever it happens to point; one that is fitted
leaves it the work of the features (Kumar et al. 2022, https://doi.org/10.48550/arXiv.2202.10054).
"""

import copy
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import torch
from torch import nn

from xoceansar._progress import tracked
from xoceansar._typing import Array
from xoceansar.errors import TrainingError
from xoceansar.layout.images import XarrayObject
from xoceansar.models.bundle.weight_files import encode_arrays, read_arrays, sha256_of
from xoceansar.models.heads.head import Head
from xoceansar.models.inference.runtime import resolve_device
from xoceansar.models.inference.torch_state import plain_torch
from xoceansar.models.networks.preprocessing import MIN_VALID_FRACTION
from xoceansar.models.networks.vit import (
    build_network,
    load_state,
    network_weights,
    pooled_features,
)
from xoceansar.models.spec import ModelHandle
from xoceansar.train.data.sampler import Sampler
from xoceansar.train.data.vignette_dataset import VignetteDataset
from xoceansar.train.finetuning.low_rank import add_low_rank, merge_low_rank
from xoceansar.train.heads.linear_laws import LEAST_LOGIT
from xoceansar.train.heads.rows import Rows
from xoceansar.train.heads.samples import ClassWeights, weigh_classes
from xoceansar.train.pretraining.augmentation import Augmentation, make_views
from xoceansar.train.pretraining.schedules import Schedule

Tensor = torch.Tensor

#: Learning rate of the backbone where none is given.
FINETUNE_RATES: Final = {"full": (5e-5,), "lora": (5e-4,)}
#: Learning rate of the head, which begins where it is best on the frozen backbone.
_HEAD_RATE: Final = 5e-5
_WEIGHT_DECAY: Final = 0.05
#: Bound on the norm of a step's gradient, as in the pretraining.
_CLIP: Final = 1.0
#: Steps in a row that may be skipped because their loss or gradient is not finite.
_MOST_BAD: Final = 10
_WARM_UP: Final = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuning:
    """What decides a fine-tuning, beside the rows."""

    #: All weights, or a low-rank change of the linear layers.
    mode: Literal["full", "lora"]
    #: Of the backbone; each is tried.
    learning_rates: tuple[float, ...]
    #: Weight of a row of each class.
    class_weight: ClassWeights
    #: Of the order, the views and the low-rank start.
    seed: int
    #: Passes at most, passes without progress, vignettes of a step.
    epochs: int = 20
    patience: int = 5
    batch: int = 16


@dataclass(frozen=True, slots=True)
class FineTuned:
    """A backbone and the head that belongs to it."""

    #: Of the new backbone.
    head: Head
    #: Weights of the backbone, by the names of the timm network.
    state: dict[str, Array]
    #: The pass with the lowest validation loss; 0 where none was better than the frozen backbone.
    epoch: int


class _Tuned(nn.Module):
    """A backbone with a head on its pooled tokens and the ancillary inputs."""

    mean: Tensor
    std: Tensor

    def __init__(self, backbone: Any, head: Head, pooling: Any) -> None:
        super().__init__()
        self.backbone, self.pooling = backbone, pooling
        for name in ("mean", "std"):
            self.register_buffer(name, torch.from_numpy(head.arrays[name].copy()))
        suffixes = ("0", "1", "2") if head.spec.kind == "mlp" else ("",)
        self.names = [(f"weight{i}", f"bias{i}") for i in suffixes]
        self.layers = nn.ModuleList()
        for weight, bias in self.names:
            array = torch.from_numpy(head.arrays[weight].T.copy())
            layer = nn.Linear(array.shape[1], array.shape[0])
            offset = np.maximum(head.arrays[bias], LEAST_LOGIT)
            layer.weight.data, layer.bias.data = (
                array,
                torch.from_numpy(offset),
            )
            self.layers.append(layer)

    def forward(self, images: Tensor, ancillary: Tensor) -> Tensor:
        pooled = pooled_features(self.backbone, images, self.pooling)
        x = (torch.cat([pooled, ancillary], dim=1) - self.mean) / self.std
        for i, layer in enumerate(self.layers):
            x = layer(nn.functional.gelu(x) if i else x)
        return x

    def head_arrays(self) -> dict[str, Array]:
        found: dict[str, Any] = {"mean": self.mean, "std": self.std}
        for (weight, bias), layer in zip(self.names, self.layers, strict=True):
            found |= {weight: layer.weight.T, bias: layer.bias}
        return {
            name: np.ascontiguousarray(tensor.detach().cpu().numpy())
            for name, tensor in found.items()
        }


@dataclass(slots=True)
class _Side:
    """Vignettes of one side of the split, as batches of tensors."""

    dataset: VignetteDataset
    rows: Rows
    ancillary: Array
    device: torch.device

    def batch(self, positions: Array) -> tuple[Tensor, Tensor, Tensor, Array]:
        """Images, ancillary inputs and targets of some vignettes, and which could be read."""
        images, kept = self.dataset.read(positions)
        at = np.searchsorted(self.rows.position, kept)
        targets = self.rows.truth.values[at]
        kind = torch.int64 if self.rows.truth.classes else torch.float32
        return (
            torch.from_numpy(images).to(self.device),
            torch.from_numpy(self.ancillary[at]).to(self.device),
            torch.from_numpy(targets).to(self.device, kind),
            kept,
        )


@plain_torch(gradients=True)
def fine_tune(
    learned: tuple[XarrayObject, Rows],
    held_out: tuple[XarrayObject, Rows],
    head: Head,
    handle: ModelHandle,
    tuning: Tuning,
) -> FineTuned:
    """Train backbone and head, and keep the weights of the pass with the lowest validation loss.

    Shapes: learned, held_out (Dataset, Rows).

    Notes
    -----
    Squared error over the variance of the truth, or cross-entropy; AdamW with a warm-up and a
    cosine, gradients clipped. Each view is the whole vignette, flipped along and across at random
    and speckled in half of the cases (`Augmentation`): no gain, as the level is what the wind is
    read from, and no crop, as the positions are those of the whole. The same seed gives the same
    weights on a CPU.
    """
    if head.spec.kind == "knn":
        raise TrainingError(
            "a knn head has no gradients to fine-tune a backbone with. Use 'linear', 'logistic' or "
            "'mlp'."
        )
    device = torch.device(resolve_device(handle.device))
    sides = [
        _Side(_dataset(ds, handle), rows, _ancillary(rows, head, handle), device)
        for ds, rows in (learned, held_out)
    ]
    tried: dict[float, tuple[float, int, _Tuned, int]] = {}
    with torch.random.fork_rng():
        for rate in tuning.learning_rates:
            torch.manual_seed(tuning.seed)
            model = _Tuned(_network(handle), head, handle.backbone.pooling).to(device)
            run = _Run(model, sides[0], sides[1], tuning, rate)
            tried[rate] = run.train()
    rate = min(tried, key=lambda rate: tried[rate][0])
    loss, epoch, model, skipped = tried[rate]
    merge_low_rank(model.backbone)
    state = network_weights(model.backbone)
    metrics = {
        **head.spec.metrics,
        "learning_rate": rate,
        "epoch": epoch,
        "skipped_steps": skipped,
        "sweep": {f"{rate:g}": found[0] for rate, found in tried.items()},
        "val_loss": loss,
    }
    spec = replace(
        head.spec, backbone_sha256=sha256_of(encode_arrays(state)), metrics=metrics
    )
    return FineTuned(Head(spec, model.head_arrays()), state, epoch)


def _dataset(ds: XarrayObject, handle: ModelHandle) -> VignetteDataset:
    return VignetteDataset(
        ds, handle.input, min_valid_fraction=MIN_VALID_FRACTION, exclude=()
    )


def _ancillary(rows: Rows, head: Head, handle: ModelHandle) -> Array:
    return rows.inputs(head.spec)[:, handle.embedding_dim :]


def _network(handle: ModelHandle) -> Any:
    path = Path(handle.path) / handle.backbone.file
    network = build_network(handle.backbone, handle.input.size)
    load_state(network, read_arrays(path, handle.weights_sha256), str(path))
    return network


class _Run:
    """The training at one learning rate."""

    def __init__(
        self,
        model: _Tuned,
        learned: _Side,
        held_out: _Side,
        tuning: Tuning,
        rate: float,
    ) -> None:
        self.model, self.learned, self.held_out = model, learned, held_out
        self.tuning = tuning
        backbone = (
            add_low_rank(model.backbone)
            if tuning.mode == "lora"
            else list(model.backbone.parameters())
        )
        groups: list[dict[str, Any]] = [
            {"params": backbone, "peak": rate},
            {"params": list(model.layers.parameters()), "peak": _HEAD_RATE},
        ]
        self.optimiser = torch.optim.AdamW(
            groups,
            weight_decay=_WEIGHT_DECAY,
        )
        self.batch = min(tuning.batch, len(learned.rows))
        self.per_epoch = len(learned.rows) // self.batch
        total = self.per_epoch * tuning.epochs
        warm_up = int(_WARM_UP * total)
        self.schedule = Schedule(1 / (warm_up + 1), 1.0, 0.0, warm_up, total)
        self.loss_of = self._loss()
        self.skipped = self.bad_in_a_row = self.step = 0

    def train(self) -> tuple[float, int, _Tuned, int]:
        """Lowest validation loss, its epoch, the model of that epoch, and the skipped steps."""
        best, best_loss, best_epoch = self._copy(), self.validation_loss(), 0
        sampler = self._sampler()
        most = self.tuning.epochs
        with tracked(range(1, most + 1), "fine-tuning, epochs at most", most) as epochs:
            for epoch in epochs:
                self.model.train()
                for _ in range(self.per_epoch):
                    self._learn(sampler.next())
                loss = self.validation_loss()
                if loss < best_loss:
                    best, best_loss, best_epoch = self._copy(), loss, epoch
                if epoch - best_epoch >= self.tuning.patience:
                    break
        self.model.load_state_dict(best)
        return best_loss, best_epoch, self.model, self.skipped

    def _copy(self) -> dict[str, Tensor]:
        return copy.deepcopy(self.model.state_dict())

    def _sampler(self) -> Sampler:
        dataset, positions = self.learned.dataset, self.learned.rows.position
        return Sampler(
            batch=self.batch,
            seed=self.tuning.seed,
            chunk_of_row=dataset.chunk_of_row,
            window_chunks=dataset.window_chunks,
            choose=lambda epoch, rows: positions,
        )

    def _learn(self, positions: Array) -> None:
        images, ancillary, targets, kept = self.learned.batch(positions)
        images = self._views(images, kept)
        for group in self.optimiser.param_groups:
            group["lr"] = group["peak"] * self.schedule.value(self.step)
        self.step += 1
        self.optimiser.zero_grad()
        loss = self.loss_of(self.model(images, ancillary), targets)
        loss.backward()
        norm = nn.utils.clip_grad_norm_(self.model.parameters(), _CLIP)
        if math.isfinite(float(loss.detach())) and math.isfinite(float(norm)):
            self.optimiser.step()
            self.bad_in_a_row = 0
            return
        self.skipped += 1
        self.bad_in_a_row += 1
        if self.bad_in_a_row > _MOST_BAD:
            raise TrainingError(
                f"{self.bad_in_a_row} steps in a row had a loss or a gradient that is not finite. "
                "Lower learning_rates, and look at the truth for outliers."
            )

    def _views(self, images: Tensor, rows: Array) -> Tensor:
        side = images.shape[-1]
        dataset = self.learned.dataset
        seeds = np.random.SeedSequence([self.tuning.seed, self.step]).generate_state(
            len(images), np.uint64
        )
        views = make_views(
            images,
            seeds,
            Augmentation(global_size=side, local_size=side, n_local=0, gain_db=0.0),
            dataset.spec,
            scale=torch.from_numpy(dataset.scale[rows]),
            mean=torch.from_numpy(dataset.mean[rows]),
        )
        return views.global_[0]

    def _loss(self) -> Any:
        truth = self.learned.rows.truth
        if not truth.classes:
            variance = float(truth.values.var()) or 1.0
            return lambda out, y: (out[:, 0] - y).square().mean() / variance
        weights = weigh_classes(
            truth.values.astype(int), truth.classes, self.tuning.class_weight
        )
        return nn.CrossEntropyLoss(
            weight=torch.tensor(
                weights, dtype=torch.float32, device=self.learned.device
            )
        )

    @torch.no_grad()
    def validation_loss(self) -> float:
        """Loss over the validation rows, without augmentation."""
        self.model.eval()
        parts = list(self._predicted())
        out, targets = (torch.cat(part) for part in zip(*parts, strict=True))
        return float(self.loss_of(out, targets))

    def _predicted(self) -> Iterator[tuple[Tensor, Tensor]]:
        positions = self.held_out.rows.position
        for start in range(0, len(positions), self.tuning.batch):
            images, ancillary, targets, _ = self.held_out.batch(
                positions[start : start + self.tuning.batch]
            )
            yield self.model(images, ancillary), targets
