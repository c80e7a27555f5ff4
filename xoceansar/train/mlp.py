"""Training of the perceptron head: a loop short enough to read. Names torch, imported inside."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from xoceansar._optional import require

__all__ = ["Recipe", "train"]

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """All that decides the weights, beside the data.

    Parameters
    ----------
    hidden : tuple of int
        Widths of the two hidden layers.
    outputs : int
        Width of the last layer.
    classes : bool
        Whether the targets are class indices.
    learning_rate, weight_decay, dropout : float
        Of AdamW and of the hidden layers.
    batch, epochs, patience : int
        Rows for each step, passes at most, passes without progress.
    seed : int
        Of the first weights and of the order of the rows.
    """

    hidden: tuple[int, int]
    outputs: int
    classes: bool
    learning_rate: float
    weight_decay: float
    dropout: float
    batch: int
    epochs: int
    patience: int
    seed: int


def train(
    x: Array, y: Array, x_held_out: Array, y_held_out: Array, recipe: Recipe
) -> tuple[dict[str, Array], int]:
    """Fit the layers and return those of the pass with the lowest held-out loss.

    Parameters
    ----------
    x, y : ndarray (n, inputs) float32, and (n,)
        Standardised inputs; standardised targets, or class indices.
    x_held_out, y_held_out : ndarray
        The same, of the rows that decide when to stop.
    recipe : Recipe
        How.

    Returns
    -------
    arrays : dict of str to ndarray
        ``weight0`` (inputs, hidden), ``bias0``, ... as in `xoceansar.models.Head`.
    epoch : int
        The pass, from 1.
    """
    torch = require("torch", extra="models")
    loss_of = torch.nn.functional.cross_entropy if recipe.classes else _squared_error
    x_train, y_train = _tensors(torch, x, y, recipe)
    x_test, y_test = _tensors(torch, x_held_out, y_held_out, recipe)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        network = _build(torch, x.shape[1], recipe)
        optimiser = torch.optim.AdamW(
            network.parameters(), recipe.learning_rate, weight_decay=recipe.weight_decay
        )
        best, best_loss, best_epoch = _arrays(network), float("inf"), 0
        for epoch in range(1, recipe.epochs + 1):
            network.train()
            for rows in torch.randperm(len(x_train)).split(recipe.batch):
                optimiser.zero_grad()
                loss_of(network(x_train[rows]), y_train[rows]).backward()
                optimiser.step()
            network.eval()
            with torch.no_grad():
                loss = float(loss_of(network(x_test), y_test))
            if loss < best_loss:
                best, best_loss, best_epoch = _arrays(network), loss, epoch
            if epoch - best_epoch >= recipe.patience:
                break
    return best, best_epoch


def _squared_error(predicted: Any, target: Any) -> Any:
    return (predicted[:, 0] - target).square().mean()


def _tensors(torch: Any, x: Array, y: Array, recipe: Recipe) -> tuple[Any, Any]:
    kind = np.int64 if recipe.classes else np.float32
    return torch.from_numpy(x), torch.from_numpy(y.astype(kind))


def _build(torch: Any, inputs: int, recipe: Recipe) -> Any:
    nn = torch.nn
    layers: list[Any] = []
    for width in recipe.hidden:
        layers += [nn.Linear(inputs, width), nn.GELU(), nn.Dropout(recipe.dropout)]
        inputs = width
    return nn.Sequential(*layers, nn.Linear(inputs, recipe.outputs))


def _arrays(network: Any) -> dict[str, Array]:
    linear = [layer for layer in network if hasattr(layer, "weight")]
    arrays: dict[str, Array] = {}
    for i, layer in enumerate(linear):
        arrays[f"weight{i}"] = layer.weight.detach().numpy().T.copy()
        arrays[f"bias{i}"] = layer.bias.detach().numpy().copy()
    return arrays
