"""Low-rank changes of a network's linear layers, merged into its weights when done (LoRA)."""

import math
import re
from typing import Final

import torch
from torch import nn
from torch.nn.utils import parametrize

from xoceansar.errors import TrainingError

#: Linear layers of the blocks of a timm transformer: attention and perceptron.
_LAYERS: Final = re.compile(r"blocks\.\d+\.(attn\.(qkv|proj)|mlp\.fc[12])")


class _LowRank(nn.Module):
    """Adds ``scale * up @ down`` to a weight (outputs, inputs)."""

    def __init__(self, weight: torch.Tensor, rank: int, scale: float) -> None:
        super().__init__()
        outputs, inputs = weight.shape
        self.down = nn.Parameter(torch.empty(rank, inputs))
        self.up = nn.Parameter(torch.zeros(outputs, rank))
        self.scale = scale
        nn.init.kaiming_uniform_(self.down, a=math.sqrt(5))

    def forward(self, weight: torch.Tensor) -> torch.Tensor:
        return weight + self.scale * self.up @ self.down


def add_low_rank(
    network: nn.Module, rank: int = 8, scale: float = 2.0
) -> list[nn.Parameter]:
    """Freeze a transformer and let a low-rank change of its linear layers be trained.

    Notes
    -----
    ``W' = W + scale B A`` with A (rank, inputs) random and B (outputs, rank) zero, for the query,
    key, value, output and perceptron layers of every block. By torch's own parametrisation: what
    the ``peft`` library does with these layers, to the last bits, without its dependencies
    (``docs/adr/0013-fitting-heads.md``).

    References
    ----------
    Hu et al. (2021), https://doi.org/10.48550/arXiv.2106.09685.
    """
    network.requires_grad_(False)
    layers = _layers(network)
    if not layers:
        raise TrainingError(
            "finetune='lora' changes the linear layers of a vision transformer's blocks, and "
            f"{type(network).__name__} has none. Use finetune='full'."
        )
    trained: list[nn.Parameter] = []
    for layer in layers:
        change = _LowRank(layer.weight, rank, scale).to(layer.weight.device)
        parametrize.register_parametrization(layer, "weight", change)
        trained += [change.down, change.up]
    return trained


def merge_low_rank(network: nn.Module) -> None:
    """Write the changes into the weights, so that the network is a plain one again."""
    for layer in _layers(network):
        if parametrize.is_parametrized(layer, "weight"):
            parametrize.remove_parametrizations(layer, "weight")


def _layers(network: nn.Module) -> list[nn.Linear]:
    return [
        module
        for name, module in network.named_modules()
        if _LAYERS.fullmatch(name) and isinstance(module, nn.Linear)
    ]
