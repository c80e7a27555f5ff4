"""The network, as timm builds it, and the embedding that is pooled from its tokens.

torch and timm are imported inside the functions.
"""

import copy
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from xoceansar._optional import require
from xoceansar.errors import BundleError, WeightsMismatchError
from xoceansar.models.inference.torch_state import plain_torch
from xoceansar.models.spec import BackboneSpec, Pooling
from xoceansar.models.spec.architecture import (
    check_architecture,
    check_arguments,
    check_patches,
)

if TYPE_CHECKING:
    import torch


def build_network(backbone: BackboneSpec, size: int) -> "torch.nn.Module":
    """Build the network of a bundle, with fresh weights.

    Parameters
    ----------
    backbone : BackboneSpec
        The network: a vision transformer where it has a patch size, else a convnet.
    size : int
        Side of its input, in pixels.

    Returns
    -------
    torch.nn.Module
        One channel in, no classifier.

    Raises
    ------
    BundleError
        If timm does not know the architecture or its arguments, or the network lacks what the
        pooling needs.

    Examples
    --------
    >>> from xoceansar.models import BackboneSpec
    >>> spec = BackboneSpec(
    ...     architecture="vit_tiny_patch16_224", embedding_dim=192, pooling="mean"
    ... )
    >>> build_network(spec, size=32).patch_embed.num_patches
    4
    """
    network = create_network(
        backbone.architecture, size, backbone.patch_size, backbone.kwargs
    )
    check_network(network, backbone)
    return network


def inference_network(backbone: BackboneSpec, size: int) -> "torch.nn.Module":
    """Build the network of a bundle for inference: without timm, where it is a plain transformer."""
    require("torch", extra="models")
    from xoceansar.models.networks.plain_vit import plain_transformer

    network = plain_transformer(backbone, size)
    if network is None:
        return build_network(backbone, size)
    check_network(network, backbone)
    return network


def create_network(
    architecture: str, size: int, patch_size: int | None, kwargs: Mapping[str, Any]
) -> "torch.nn.Module":
    """Build a timm network of one channel and no classifier."""
    check_architecture(architecture)
    check_arguments(kwargs)
    check_patches(size, patch_size)
    timm = require("timm", extra="models")
    arguments: dict[str, Any] = {"in_chans": 1, "num_classes": 0, **kwargs}
    if patch_size is not None:
        arguments |= {"img_size": size, "patch_size": patch_size}
    try:
        network: torch.nn.Module = timm.create_model(
            architecture, pretrained=False, **arguments
        )
    except Exception as error:
        raise BundleError(
            f"timm {timm.__version__} cannot build backbone.architecture {architecture!r} "
            f"with {arguments}: {error}"
        ) from error
    return network


def check_network(network: Any, backbone: BackboneSpec) -> None:
    """Refuse a network that cannot give the embedding that a bundle declares."""
    if network.num_features != backbone.width:
        raise BundleError(
            f"{backbone.architecture!r} has tokens of length {network.num_features}; "
            f"backbone.embedding_dim {backbone.embedding_dim} with pooling "
            f"{backbone.pooling!r} needs {backbone.width}."
        )
    if "cls" in backbone.pooling and getattr(network, "cls_token", None) is None:
        raise BundleError(
            f"backbone.pooling {backbone.pooling!r} needs a class token, and "
            f"{backbone.architecture!r} has none. Use 'mean'."
        )
    late_norm = getattr(network, "fc_norm", None)
    if late_norm is not None and any(True for _ in late_norm.parameters()):
        raise BundleError(
            f"{backbone.architecture!r} normalises after its own pooling, which would leave "
            "the tokens raw. Set backbone.kwargs to {'global_pool': 'token'} or "
            "{'fc_norm': False}."
        )


def network_weights(network: "torch.nn.Module") -> dict[str, npt.NDArray[Any]]:
    """Weights of a network by name: its floating-point state, not its step counters.

    Parameters
    ----------
    network : torch.nn.Module
        On any device, of any precision.

    Returns
    -------
    dict of str to ndarray, float32
        What `write_bundle` takes as ``backbone_state``.

    Examples
    --------
    >>> from torch import nn
    >>> weights = network_weights(nn.BatchNorm1d(2))
    >>> sorted(weights), weights["running_var"]
    (['bias', 'running_mean', 'running_var', 'weight'], array([1., 1.], dtype=float32))
    """
    return {
        name: tensor.detach().float().cpu().numpy()
        for name, tensor in network.state_dict().items()
        if tensor.is_floating_point()
    }


def load_state(
    network: "torch.nn.Module", state: Mapping[str, npt.NDArray[Any]], where: str
) -> None:
    """Give a network its weights: all of them, and nothing else."""
    torch = require("torch", extra="models")
    own = _check_state(network, state, where)
    tensors = {name: torch.from_numpy(np.asarray(state[name])) for name in own}
    network.load_state_dict({**network.state_dict(), **tensors}, strict=True)


def _check_state(
    network: "torch.nn.Module", state: Mapping[str, npt.NDArray[Any]], where: str
) -> list[str]:
    """Refuse weights that are not those of a network; return their names in it."""
    whole = network.state_dict()
    own = {name: tuple(t.shape) for name, t in whole.items() if t.is_floating_point()}
    missing = [name for name in own if name not in state]
    unknown = [name for name in state if name not in own]
    shapes = [
        f"{name} {state[name].shape} for {own[name]}"
        for name in own
        if name in state and state[name].shape != own[name]
    ]
    if missing or unknown or shapes:
        raise WeightsMismatchError(
            f"{where} does not fit the network: {len(own) - len(missing)} of {len(own)} weights "
            f"found; missing {missing[:4]}, unknown {unknown[:4]}, other shape {shapes[:4]}."
        )
    return list(own)


def load_weights(
    build: "Callable[[], torch.nn.Module]",
    state: Mapping[str, npt.NDArray[Any]],
    where: str,
) -> "torch.nn.Module":
    """Build a network for weights that are there, for inference on the CPU."""
    torch = require("torch", extra="models")
    with plain_torch(gradients=True):
        with torch.device("meta"):
            _check_state(build(), state, where)
        with torch.random.fork_rng(
            devices=[]
        ):  # a new network draws weights of its own
            network = build()
        load_state(network, state, where)
        return network.eval().requires_grad_(False)


def in_precision(network: "torch.nn.Module", dtype: "torch.dtype") -> "torch.nn.Module":
    """Let a network compute in a type, but for its last normalisation, which is in float32."""
    torch = require("torch", extra="models")
    last = copy.deepcopy(getattr(network, "norm", None))
    network.to(dtype)
    if dtype != torch.float32 and isinstance(last, torch.nn.LayerNorm):
        from xoceansar.models.networks.plain_vit import InSinglePrecision

        network.norm = InSinglePrecision(last)
    return network


def pooled_features(
    network: "torch.nn.Module", images: "torch.Tensor", pooling: Pooling
) -> "torch.Tensor":
    """Embed images: run the network and pool its last tokens.

    Shapes: `images` (n, 1, size, size) -> (n, embedding_dim). Tokens are those after the
    network's last normalisation.
    """
    summary, patches = image_tokens(network, images)
    return pool_tokens(summary, patches.flatten(1, 2), pooling)


def image_tokens(
    network: "torch.nn.Module", images: "torch.Tensor"
) -> tuple["torch.Tensor", "torch.Tensor"]:
    """Run a network and return its last tokens.

    Shapes: `images` (n, 1, size, size).
    """
    model: Any = network
    features = model.forward_features(images).float()
    if (
        features.ndim == 4
    ):  # a convnet: (n, channels, height, width), and no class token
        patches = features.permute(0, 2, 3, 1)
        return patches[:, 0, 0], patches
    patches = features[:, model.num_prefix_tokens :]
    rows, columns = model.patch_embed.dynamic_feat_size(images.shape[-2:])
    if patches.shape[1] != rows * columns:
        raise WeightsMismatchError(
            f"the network gives {patches.shape[1]} patch tokens for a grid of "
            f"{(rows, columns)}."
        )
    return features[:, 0], patches.unflatten(1, (rows, columns))


def pool_tokens(
    summary: "torch.Tensor", patches: "torch.Tensor", pooling: Pooling
) -> "torch.Tensor":
    """Pool the tokens of a network into embeddings.

    Shapes: `summary` (n, width), `patches` (n, tokens, width) -> (n, embedding_dim). End to
    end, in the order of the name.
    """
    concatenate = require("torch", extra="models").cat
    summaries = {
        "cls": lambda: summary,
        "mean": lambda: patches.mean(dim=1),
        "std": lambda: patches.std(dim=1, correction=0),
        "max": lambda: patches.amax(dim=1),
    }
    parts = [summaries[name]() for name in pooling.split("+")]
    pooled: torch.Tensor = concatenate(parts, dim=1)
    return pooled
