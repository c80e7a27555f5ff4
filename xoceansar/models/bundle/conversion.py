"""Foreign weights to bundles: every weight of the backbone is found, or nothing is converted."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from xoceansar._optional import require
from xoceansar.errors import BundleError, WeightsMismatchError, warn
from xoceansar.models.bundle.foreign_checkpoint import (
    Branch,
    Family,
    flatten,
    locate_backbone,
    read_checkpoint,
)
from xoceansar.models.bundle.foreign_names import original_names, to_timm
from xoceansar.models.inference.torch_state import plain_torch
from xoceansar.models.networks.vit import (
    check_network,
    create_network,
    load_state,
    network_weights,
)
from xoceansar.models.spec import POOLINGS, BackboneSpec, Pooling

__all__ = ["Conversion", "convert_checkpoint", "one_channel"]

Array = npt.NDArray[Any]
#: Rows and columns of patches.
Grid: TypeAlias = tuple[int, int]

_FIRST_CONVOLUTION: Final[Mapping[Family, str]] = {
    "vit": "patch_embed.proj",
    "hf_dinov2": "patch_embed.proj",
    "hf_dinov3": "patch_embed.proj",
    "resnet": "conv1",
    "lightly_resnet": "conv1",
    "hf_resnet": "conv1",
}


@dataclass(frozen=True, slots=True)
class Conversion:
    """A converted backbone: what `write_bundle` needs, and what was done to get it.

    Parameters
    ----------
    backbone : BackboneSpec
        The network.
    state : dict of str to ndarray
        Its weights, float32.
    branch : {"teacher", "student", "only"}
        Which network of the checkpoint it is.
    changes : tuple of str
        What was done beside renaming, in words.
    ignored : tuple of str
        What else the checkpoint held.
    mean, std : float or None
        Normalisation that the one-channel input must have, where three channels with their own
        were made one: the `mean` and `std` of the bundle's input, in the units of theirs.
    """

    backbone: BackboneSpec
    state: dict[str, Array]
    branch: Branch
    changes: tuple[str, ...]
    ignored: tuple[str, ...]
    mean: float | None = None
    std: float | None = None


@plain_torch(gradients=True)
def convert_checkpoint(
    source: str | Path | Mapping[str, Any],
    *,
    architecture: str,
    size: int,
    pooling: Pooling,
    kwargs: Mapping[str, Any] | None = None,
    branch: Branch | None = None,
    prefix: str | None = None,
    resize_positions: bool | tuple[int, int] = False,
    channel_mean: tuple[float, float, float] | None = None,
    channel_std: tuple[float, float, float] | None = None,
) -> Conversion:
    """Convert a checkpoint of another library to a backbone of a bundle.

    Parameters
    ----------
    source : str, Path or mapping
        A ``.safetensors`` file, a file of `torch.save`, or a (nested) state dict.
    architecture : str
        The timm network of the same shape: ``resnet50`` for OceanSAR-1,
        ``vit_small_patch16_224`` for DINO and OceanSAR-2, ``vit_small_patch14_reg4_dinov2``,
        ``vit_small_patch16_dinov3`` and their sisters.
    size : int
        Side of the network's input, in pixels.
    pooling : {"cls", "mean", "cls+mean", "cls+mean+std", "cls+mean+std+max"}
        Which vector is the embedding.
    kwargs : mapping, optional
        Further arguments of the timm network, as ``{"init_values": 1e-5}`` for LayerScale.
    branch : {"teacher", "student", "only"}, optional
        Which network of the file; the teacher where there is one.
    prefix : str, optional
        Where the backbone is in the file, for a framework that is not known.
    resize_positions : bool or tuple of int
        Whether positional embeddings of another grid are interpolated to this one (bicubic). With the
        rows and columns of patches that they were made for, as ``(8, 18)``; where True, they are taken
        for those of square images, and an `OceansarWarning` says so.
    channel_mean, channel_std : tuple of float, optional
        Normalisation of each channel of a network of three, to fold into its first layer.

    Returns
    -------
    Conversion

    Raises
    ------
    BundleError
        If the file is unreadable, holds Python objects (they are never loaded) or weights that are
        not finite, or the patches do not cover the input.
    WeightsMismatchError
        If a weight of the backbone is no floating-point number, missing, unknown or of another shape, if the positions
        need resizing, or if the flat parameters of FSDP are all there is.

    Notes
    -----
    A network of three channels that were fed the same image becomes one of one channel with the
    same output: its weights are summed over the channels, not averaged (`one_channel`).

    Examples
    --------
    >>> import timm
    >>> weights = timm.create_model(
    ...     "vit_tiny_patch16_224", num_classes=0, img_size=32
    ... ).state_dict()
    >>> converted = convert_checkpoint(
    ...     weights, architecture="vit_tiny_patch16_224", size=32, pooling="mean"
    ... )
    >>> converted.backbone.embedding_dim
    192
    """
    _check_request(size, pooling, prefix)
    made_for = _stated_grid(resize_positions)
    flat = (
        flatten(source)
        if isinstance(source, Mapping)
        else read_checkpoint(Path(source))
    )
    found = locate_backbone(flat, branch=branch, prefix=prefix)
    if found.family in ("hf_dinov2", "hf_dinov3"):
        state = original_names(found.state)
        found = replace(found, state=state, family="vit")
    patch_size = None
    if found.family == "vit":
        patch_size = int(found.state["patch_embed.proj.weight"].shape[-1])
    network: Any = create_network(architecture, size, patch_size, kwargs or {})
    backbone = BackboneSpec(
        architecture=architecture,
        embedding_dim=network.num_features * POOLINGS[pooling],
        pooling=pooling,
        patch_size=patch_size,
        kwargs=dict(kwargs or {}),
    )
    check_network(network, backbone)
    own = network_weights(network)
    state = to_timm(found.state, found.family, own)
    _check_numbers(state)
    changes: list[str] = []
    mean, std = _convert_channels(
        state, _FIRST_CONVOLUTION[found.family], channel_mean, channel_std, changes
    )
    if "pos_embed" in state and "pos_embed" in own:
        grid = network.patch_embed.grid_size
        _convert_positions(
            state, own, grid, made_for or bool(resize_positions), changes
        )
    state = {name: np.asarray(value, dtype=np.float32) for name, value in state.items()}
    load_state(network, state, f"the {found.branch} at {found.prefix or 'top level'!r}")
    return Conversion(
        backbone, state, found.branch, tuple(changes), found.others, mean, std
    )


def _check_request(size: object, pooling: object, prefix: object) -> None:
    for name, fits, needed, found in (
        ("size", type(size) is int and size > 0, "a whole number above 0", size),
        ("pooling", str(pooling) in POOLINGS, f"one of {list(POOLINGS)}", pooling),
        ("prefix", prefix is None or isinstance(prefix, str), "text or None", prefix),
    ):
        if not fits:
            raise BundleError(f"{name} must be {needed}; got {str(found)[:80]!r}.")


def _check_numbers(state: Mapping[str, Array]) -> None:
    for name, value in state.items():
        if value.dtype.kind != "f":
            raise WeightsMismatchError(
                f"the weight {name!r} must be floating-point numbers; got {value.dtype}. A "
                "quantised checkpoint cannot be converted: take the one that it was made from."
            )
        with np.errstate(over="ignore"):
            finite = np.isfinite(value.astype(np.float32, copy=False)).all()
        if not finite:
            raise BundleError(
                f"the weight {name!r} holds values that are not finite in float32. Take another "
                "checkpoint of that training."
            )


def one_channel(
    weight: Array,
    bias: Array | None,
    *,
    channel_mean: tuple[float, ...],
    channel_std: tuple[float, ...],
    mean: float,
    std: float,
) -> tuple[Array, Array | None]:
    """Make one input channel of several that are fed the same image.

    Shapes: `weight` (out, channels, height, width), `bias` (out,).

    Notes
    -----
    With ``x = std z + mean`` the input is ``sum_c W_c (x - mean_c) / std_c``, so the new weight
    is ``sum_c W_c std / std_c`` and ``sum_c W_c (mean - mean_c) / std_c`` goes to the bias.

    Examples
    --------
    >>> weight, _ = one_channel(
    ...     np.ones((1, 3, 1, 1)),
    ...     None,
    ...     channel_mean=(0.5, 0.5, 0.5),
    ...     channel_std=(0.25, 0.25, 0.5),
    ...     mean=0.5,
    ...     std=0.25,
    ... )
    >>> weight.ravel().tolist()
    [2.5]
    """
    scale = std / np.asarray(channel_std, dtype=np.float64)
    shift = (mean - np.asarray(channel_mean, dtype=np.float64)) / np.asarray(
        channel_std
    )
    summed = np.einsum("ocij,c->oij", weight, scale)[:, None]
    if not shift.any():
        return summed, bias
    if bias is None:
        raise WeightsMismatchError(
            "the channels have different means and the first convolution has no bias to take "
            "the difference (ResNet): the one-channel network cannot be equal. Give one mean "
            "for all channels."
        )
    return summed, bias + np.einsum("ocij,c->o", weight, shift)


def _convert_channels(
    state: dict[str, Array],
    layer: str,
    channel_mean: tuple[float, ...] | None,
    channel_std: tuple[float, ...] | None,
    changes: list[str],
) -> tuple[float | None, float | None]:
    weight = state[f"{layer}.weight"]
    channels = weight.shape[1]
    if channels == 1:
        return None, None
    means, stds = channel_mean or (0.0,) * channels, channel_std or (1.0,) * channels
    if not len(means) == len(stds) == channels:
        raise WeightsMismatchError(
            f"{layer} has {channels} channels; channel_mean and channel_std have "
            f"{len(means)} and {len(stds)} values."
        )
    mean, std = float(np.mean(means)), float(np.mean(stds))
    summed, bias = one_channel(
        weight,
        state.get(f"{layer}.bias"),
        channel_mean=means,
        channel_std=stds,
        mean=mean,
        std=std,
    )
    state[f"{layer}.weight"] = summed
    if bias is not None:
        state[f"{layer}.bias"] = bias
    changes.append(f"{layer}: {channels} channels summed into one")
    given = channel_mean is not None or channel_std is not None
    return (mean, std) if given else (None, None)


def _stated_grid(asked: object) -> Grid | None:
    """Rows and columns that the caller has named."""
    if isinstance(asked, bool):
        return None
    if (
        isinstance(asked, tuple | list)
        and len(asked) == 2
        and all(type(n) is int and n > 0 for n in asked)
    ):
        return asked[0], asked[1]
    raise BundleError(
        "resize_positions must be True, False, or the rows and columns of patches that the "
        f"positions were made for, as (8, 18); got {str(asked)[:80]!r}."
    )


def _convert_positions(
    state: dict[str, Array],
    own: Mapping[str, Array],
    new: Grid,
    resize: bool | Grid,
    changes: list[str],
) -> None:
    """Bring positions to the grid of the network; the place of the class to its token, if need be."""
    own_prefix = own["pos_embed"].shape[1] - math.prod(new)
    stated = None if isinstance(resize, bool) else resize
    old, prefix = _position_grid(state["pos_embed"], new, own_prefix, stated)
    if prefix == 1 and not own_prefix:
        first, state["pos_embed"] = np.split(state["pos_embed"], [1], axis=1)
        state["cls_token"] = state["cls_token"] + first
        prefix = 0
    if old == new:
        return
    if not resize:
        raise WeightsMismatchError(
            f"the checkpoint has {math.prod(old)} positions, those of {_in_words(old)} patches if it "
            f"was trained on square images, and the network {_in_words(new)}. Convert with the "
            "size that it was trained with, or interpolate them with resize_positions=True, or "
            "resize_positions=(rows, columns) of images that were not square."
        )
    if stated is None:
        warn(
            f"the {math.prod(old)} positions are taken for {_in_words(old)} patches, those of square "
            "images; the checkpoint does not say. Of others: resize_positions=(rows, columns)."
        )
    torch = require("torch", extra="models")
    layers = require("timm.layers", extra="models")
    resized = layers.resample_abs_pos_embed(
        torch.from_numpy(np.asarray(state["pos_embed"], dtype=np.float32)),
        new_size=list(new),
        old_size=list(old),
        num_prefix_tokens=prefix,
    )
    state["pos_embed"] = resized.numpy()
    changes.append(
        f"pos_embed: {_in_words(old)} patches interpolated to {_in_words(new)}"
    )


def _position_grid(
    positions: Array, network: Grid, own_prefix: int, stated: Grid | None
) -> tuple[Grid, int]:
    """Patches that positions were made for, and how many rows before theirs are of other tokens.

    The number of rows tells no grid: it is the stated one, or that of the network, whose size the
    caller gives, or else a square.
    """
    if positions.ndim != 3:
        raise WeightsMismatchError(
            f"pos_embed must be (1, tokens, width); got the shape {positions.shape}."
        )
    rows = positions.shape[1]
    side = math.isqrt(rows)
    for grid in [stated] if stated else [network, (side, side)]:
        prefix = rows - math.prod(grid)
        if prefix in (0, 1, own_prefix):
            return grid, prefix
    wanted = _in_words(stated) if stated else "a square grid"
    raise WeightsMismatchError(
        f"pos_embed has {rows} tokens, which is not {wanted} of patches, with or without the class "
        "token. State the one of the checkpoint: resize_positions=(rows, columns)."
    )


def _in_words(grid: Grid) -> str:
    return f"{grid[0]} x {grid[1]}"
