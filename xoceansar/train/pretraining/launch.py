"""Processes, device and precision of a training: Lightning Fabric under the standard launcher."""

import os
from typing import TypeVar

import torch
from lightning_fabric import Fabric

from xoceansar.models.inference.runtime import computes_bf16_fast
from xoceansar.train.pretraining.config import PretrainConfig

T = TypeVar("T")


def launch(config: PretrainConfig) -> Fabric:
    """Start Fabric in this process."""
    gpu = torch.cuda.is_available()
    world = int(os.environ.get("WORLD_SIZE", "1"))
    here = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    wanted = config.optimisation.precision
    device = f"cuda:{os.environ.get('LOCAL_RANK', '0')}" if gpu else "cpu"
    bf16 = wanted == "bf16" or (wanted == "auto" and computes_bf16_fast(device))
    fabric = Fabric(
        accelerator="cuda" if gpu else "cpu",
        strategy="ddp" if world > 1 else "auto",
        devices=here,
        num_nodes=world // here,
        precision="bf16-mixed" if bf16 else "32-true",
    )
    fabric.launch()
    return fabric


def gather(fabric: Fabric, value: T) -> list[T]:
    """Return the values of all processes, in the order of their ranks."""
    if fabric.world_size == 1:
        return [value]
    values: list[T | None] = [None] * fabric.world_size
    torch.distributed.all_gather_object(values, value)
    return [v for v in values if v is not None]
