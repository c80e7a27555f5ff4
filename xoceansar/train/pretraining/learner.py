"""Student, teacher, targets and optimiser, and the step that moves them."""

import math
from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import nn

from xoceansar.errors import TrainingError
from xoceansar.models.networks.vit import create_network
from xoceansar.models.spec import POOLINGS, BackboneSpec
from xoceansar.train.pretraining.config import PretrainConfig
from xoceansar.train.pretraining.losses import Targets
from xoceansar.train.pretraining.monitor import spread
from xoceansar.train.pretraining.schedules import Schedules
from xoceansar.train.pretraining.step import Batch, student_losses, teacher_targets
from xoceansar.train.pretraining.student_teacher import (
    Network,
    ProjectionHead,
    VisionBackbone,
    energy_start,
    teacher_of,
    update_teacher,
)

#: Streams of torch's generator beside those of the views.
_START, _DROP_PATH = 10, 11
#: Weights without decay although they are matrices.
_FREE: Final = ("pos_embed", "cls_token", "reg_token", "mask_token", "prototypes")


def backbone_spec(config: PretrainConfig) -> BackboneSpec:
    """Describe the backbone of a configuration."""
    own = config.backbone
    with torch.device("meta"):
        probe: Any = create_network(
            own.architecture, config.input.size, own.patch_size, own.kwargs
        )
    return BackboneSpec(
        architecture=own.architecture,
        embedding_dim=probe.num_features * POOLINGS[own.pooling],
        pooling=own.pooling,
        patch_size=own.patch_size,
        kwargs=dict(own.kwargs),
    )


def build_student(config: PretrainConfig) -> Network:
    """Build the student with its first weights, which depend on the seed alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(_torch_seed(config.seed, 0, _START))
        backbone = VisionBackbone(backbone_spec(config), config.input.size)
        if config.backbone.start == "energy":
            energy_start(backbone)
        losses = [n for n in ("dino", "ibot") if getattr(config.losses, n) > 0]
        shared = config.head.shared and len(losses) == 2
        heads = {
            name: ProjectionHead(
                backbone.vit.embed_dim,
                hidden=config.head.hidden,
                bottleneck=config.head.bottleneck,
                prototypes=config.head.prototypes,
                layers=config.head.layers,
            )
            for name in (["shared"] if shared else losses)
        }
        return Network(backbone, heads, losses, config.backbone.summary)


def _torch_seed(*words: int) -> int:
    return int(np.random.SeedSequence(words).generate_state(1, np.uint64)[0] >> 1)


class Learner:
    """What is learned, and how."""

    def __init__(self, config: PretrainConfig, fabric: Fabric) -> None:
        self.config, self.fabric = config, fabric
        student = build_student(config)
        self.teacher = teacher_of(student).to(fabric.device)
        self.targets = {
            name: Targets(
                config.head.prototypes,
                config.losses.targets,
                momentum=config.losses.centre_momentum,
            ).to(fabric.device)
            for name in sorted(student.losses)
        }
        self._schedules = Schedules.of(config.optimisation)
        optimiser = torch.optim.AdamW(
            parameter_groups(student, config),
            lr=0.0,
            betas=config.optimisation.betas,
            fused=True,
        )
        self.raw = student
        self.student, self.optimiser = fabric.setup(student, optimiser)

    def step(self, batch: Batch, step: int) -> dict[str, float]:
        """Make one optimiser step."""
        config, n = self.config, len(batch)
        micro = math.ceil(n / config.optimisation.accumulate)
        rates = self._schedules.at(step)
        self._set_rates(step, rates)
        torch.manual_seed(
            _torch_seed(config.seed, step, _DROP_PATH, self.fabric.global_rank)
        )
        with self.fabric.autocast():
            made = teacher_targets(
                self.teacher,
                batch,
                self.targets,
                temperature=rates["teacher_temperature"],
                micro=micro,
            )
        self.optimiser.zero_grad(set_to_none=True)
        losses: dict[str, torch.Tensor] = {}
        for start in range(0, n, micro):
            rows = slice(start, min(start + micro, n))
            share, last = (rows.stop - rows.start) / n, rows.stop == n
            with self.fabric.no_backward_sync(self.student, enabled=not last):
                found = student_losses(self.student, batch, made, rows, config)
                self.fabric.backward(found["loss"] * share)
            for name, value in found.items():
                losses[name] = losses.get(name, 0) + value.detach() * share
        values = {name: float(self._mean(value)) for name, value in losses.items()}
        norm = float(
            nn.utils.clip_grad_norm_(self.raw.parameters(), config.optimisation.clip)
        )
        good = all(map(math.isfinite, (norm, *values.values())))
        if good:
            self.optimiser.step()
            update_teacher(self.teacher, self.raw, rates["teacher_momentum"])
        self.optimiser.zero_grad(set_to_none=True)
        watched = spread(made.summary, made.ibot if made.dino is None else made.dino)
        # of crops without a mask iBOT's loss is 0
        hidden = self._mean(batch.masks.flatten(2).any(dim=-1).float().mean())
        for name, part in (("dino", 1.0), ("ibot", float(hidden))):
            if name in values and part > 0:
                most = part * math.log(config.head.prototypes)
                watched[f"{name}_over_ln_k"] = values[name] / most
        return {
            **values,
            **rates,
            **watched,
            "gradient_norm": norm,
            "bad": 1.0 - good,
        }

    def _set_rates(self, step: int, rates: dict[str, float]) -> None:
        frozen = step < self.config.optimisation.freeze_last_layer_steps
        for group in self.optimiser.param_groups:
            still = frozen and group["prototypes"]
            group["lr"] = 0.0 if still else rates["learning_rate"] * group["lr_scale"]
            group["weight_decay"] = rates["weight_decay"] * group["decays"]

    def _mean(self, value: torch.Tensor) -> torch.Tensor:
        reduced = self.fabric.all_reduce(value, reduce_op="mean")
        assert isinstance(reduced, torch.Tensor)
        return reduced

    def state(self) -> dict[str, Any]:
        """Return all that a later process needs to go on exactly."""
        return {
            "student": self.raw.state_dict(),
            "teacher": self.teacher.state_dict(),
            "targets": {name: t.state_dict() for name, t in self.targets.items()},
            "optimiser": self.optimiser.state_dict(),
        }

    def load(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        try:
            self.raw.load_state_dict(state["student"])
            self.teacher.load_state_dict(state["teacher"])
            for name, targets in self.targets.items():
                targets.load_state_dict(state["targets"][name])
            self.optimiser.load_state_dict(state["optimiser"])
        except (RuntimeError, KeyError, ValueError) as error:
            raise TrainingError(
                f"the checkpoint belongs to another network than the configuration's "
                f"{self.config.backbone.architecture!r}: {error}. Use the configuration that it was "
                "made with, or another folder."
            ) from error


def parameter_groups(student: Network, config: PretrainConfig) -> list[dict[str, Any]]:
    """Group the weights by decay and by the scale of their learning rate."""
    depth = len(student.backbone.vit.blocks)
    groups: dict[tuple[float, float, bool], list[nn.Parameter]] = {}
    for name, weight in _trained(student):
        decays = float(weight.ndim > 1 and not name.endswith(_FREE))
        scale = config.optimisation.layer_decay ** (depth + 1 - _layer(name, depth))
        if "patch_embed" in name:
            scale *= config.optimisation.patch_embed_scale
        kind = scale, decays, name.endswith("prototypes")
        groups.setdefault(kind, []).append(weight)
    return [
        {"params": weights, "lr_scale": scale, "decays": decays, "prototypes": last}
        for (scale, decays, last), weights in groups.items()
    ]


def _trained(student: Network) -> Iterator[tuple[str, nn.Parameter]]:
    return ((n, p) for n, p in student.named_parameters() if p.requires_grad)


def _layer(name: str, depth: int) -> int:
    """Tell the layer of a weight: 0 what makes tokens, 1 to depth the blocks, then the rest."""
    if name.startswith("backbone.vit.blocks."):
        return int(name.split(".")[3]) + 1
    made_first = ("patch_embed", "pos_embed", "cls_token", "reg_token", "mask_token")
    return 0 if any(part in name for part in made_first) else depth + 1
