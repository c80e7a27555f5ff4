"""Training of the perceptron head: a loop short enough to read. Names torch, imported inside."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from xoceansar._optional import require
from xoceansar.models.inference.torch_state import plain_torch

__all__ = ["Recipe", "train", "with_linear_path"]

Array = npt.NDArray[Any]

#: Bound on the norm of a step's gradient, as in the pretraining.
_CLIP: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """All that decides the weights, beside the data.

    Parameters
    ----------
    hidden : tuple of int
        Widths of the two hidden layers.
    outputs : int
        Width of the last layer.
    class_weight : tuple of float
        Of a row of each class in the loss; empty where the targets are numbers.
    learning_rate, weight_decay, dropout : float
        Of AdamW and of the hidden layers.
    batch, epochs, patience : int
        Rows for each step, passes at most, passes without progress.
    seed : int
        Of the first weights and of the order of the rows.
    """

    hidden: tuple[int, int]
    outputs: int
    class_weight: tuple[float, ...]
    learning_rate: float
    weight_decay: float
    dropout: float
    batch: int
    epochs: int
    patience: int
    seed: int


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows as the perceptron sees them.

    Parameters
    ----------
    inputs : ndarray (n, inputs), float32
        Standardised.
    start : ndarray (n, outputs)
        What the perceptron is added to.
    targets : ndarray (n,)
        Standardised, or class indices.
    """

    inputs: Array
    start: Array
    targets: Array


@plain_torch(gradients=True)
def train(
    learned: Rows, held_out: Rows, recipe: Recipe
) -> tuple[dict[str, Array], int, float]:
    """Fit the layers and return those of the pass with the lowest held-out loss.

    Notes
    -----
    The last layer begins at zero, so that the first pass begins at the start. A training that
    diverges ends.
    """
    torch = require("torch", extra="models")
    loss_of = _loss(torch, recipe)
    x, start, y = _tensors(torch, learned, recipe)
    x_test, start_test, y_test = _tensors(torch, held_out, recipe)

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        network = _build(torch, x.shape[1], recipe)
        optimiser = torch.optim.AdamW(
            network.parameters(), recipe.learning_rate, weight_decay=recipe.weight_decay
        )

        def held_out_loss() -> float:
            network.eval()
            with torch.no_grad():
                return float(loss_of(start_test + network(x_test), y_test))

        best, best_loss, best_epoch = _arrays(network), held_out_loss(), 0
        for epoch in range(1, recipe.epochs + 1):
            network.train()
            for rows in torch.randperm(len(x)).split(recipe.batch):
                optimiser.zero_grad()
                loss_of(start[rows] + network(x[rows]), y[rows]).backward()
                torch.nn.utils.clip_grad_norm_(network.parameters(), _CLIP)
                optimiser.step()
            loss = held_out_loss()
            if loss < best_loss:
                best, best_loss, best_epoch = _arrays(network), loss, epoch
            if epoch - best_epoch >= recipe.patience or not np.isfinite(loss):
                break
    return best, best_epoch, best_loss


def with_linear_path(
    arrays: dict[str, Array], weight: Array, bias: Array
) -> dict[str, Array]:
    """Add a linear law to a perceptron, as hidden units of its own.

    Shapes: weight, bias (inputs, outputs).

    Notes
    -----
    ``gelu(a) - gelu(-a) = a`` for every a, so a pair of units in each layer passes a number on as it
    is: the sum is exact, and applied as any perceptron.
    """
    k = len(bias)
    pair = np.concatenate([np.eye(k), -np.eye(k)], axis=1)  # a to (a, -a)
    return {
        "weight0": np.concatenate([arrays["weight0"], weight @ pair], axis=1),
        "bias0": np.concatenate([arrays["bias0"], np.zeros(2 * k)]),
        "weight1": _block_diagonal(arrays["weight1"], pair.T @ pair),
        "bias1": np.concatenate([arrays["bias1"], np.zeros(2 * k)]),
        "weight2": np.concatenate([arrays["weight2"], pair.T]),
        "bias2": arrays["bias2"] + bias,
    }


def _block_diagonal(one: Array, other: Array) -> Array:
    right = np.zeros((len(one), other.shape[1]))
    left = np.zeros((len(other), one.shape[1]))
    return np.block([[one, right], [left, other]])


def _loss(torch: Any, recipe: Recipe) -> Any:
    if not recipe.class_weight:
        return lambda predicted, target: (predicted[:, 0] - target).square().mean()
    weights = torch.tensor(recipe.class_weight, dtype=torch.float32)
    return torch.nn.CrossEntropyLoss(weight=weights)


def _tensors(torch: Any, rows: Rows, recipe: Recipe) -> tuple[Any, Any, Any]:
    kind = np.int64 if recipe.class_weight else np.float32
    parts = (
        rows.inputs.astype(np.float32),
        rows.start.astype(np.float32),
        rows.targets.astype(kind),
    )
    return tuple(torch.from_numpy(part) for part in parts)


def _build(torch: Any, inputs: int, recipe: Recipe) -> Any:
    nn = torch.nn
    layers: list[Any] = []
    for width in recipe.hidden:
        layers += [nn.Linear(inputs, width), nn.GELU(), nn.Dropout(recipe.dropout)]
        inputs = width
    last = nn.Linear(inputs, recipe.outputs)
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)
    return nn.Sequential(*layers, last)


def _arrays(network: Any) -> dict[str, Array]:
    linear = [layer for layer in network if hasattr(layer, "weight")]
    arrays: dict[str, Array] = {}
    for i, layer in enumerate(linear):
        arrays[f"weight{i}"] = layer.weight.detach().numpy().T.copy()
        arrays[f"bias{i}"] = layer.bias.detach().numpy().copy()
    return arrays
