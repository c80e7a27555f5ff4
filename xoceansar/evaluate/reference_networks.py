"""Networks to compare a model with: its own architecture at random, and any that timm knows."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from xoceansar._optional import require
from xoceansar.errors import BundleError
from xoceansar.models import BackboneSpec, InputSpec, ModelHandle, write_bundle
from xoceansar.models.bundle.conversion import one_channel
from xoceansar.models.inference.torch_state import plain_torch
from xoceansar.models.networks.vit import build_network, create_network, network_weights
from xoceansar.models.spec import POOLINGS, Pooling

if TYPE_CHECKING:
    import torch


#: Side of the input of most of timm's networks, in pixels.
_SIZE: Final = 224


@plain_torch(gradients=True)
def random_twin(model: ModelHandle, folder: Path, *, seed: int = 0) -> ModelHandle:
    """Write a bundle of the same network with the weights that it starts from."""
    torch = require("torch", extra="models")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = build_network(model.backbone, model.input.size)
    return write_bundle(
        folder,
        name=f"{model.name}-at-random-{seed}",
        backbone=model.backbone,
        backbone_state=network_weights(network),
        input=model.input,
    )


@plain_torch(gradients=True)
def timm_network(
    name: str, folder: Path, *, size: int = _SIZE, file: Path | None = None
) -> ModelHandle:
    """Write a bundle of a network with the pretrained weights that timm has for it.

    Notes
    -----
    The network was made for three channels of photographs, normalised. It is given
    ``10 log10(sigma0)`` of the centre of the vignette, less its mean and over its standard
    deviation, in all three: as one channel, with the weights of the first layer summed.
    """
    plain: Any = create_network(name, size, None, {})
    patch = _patch_size(plain)
    pooling: Pooling = (
        "mean" if getattr(plain, "cls_token", None) is None else "cls+mean"
    )
    backbone = BackboneSpec(
        architecture=name,
        embedding_dim=int(plain.num_features) * POOLINGS[pooling],
        pooling=pooling,
        patch_size=patch,
    )
    build_network(backbone, size)  # refuses what could not be run
    state = network_weights(_pretrained(name, size, patch, file))
    _sum_channels(state, plain, name)
    return write_bundle(
        folder,
        name=f"timm-{name.replace('/', '-')}",
        backbone=backbone,
        backbone_state=state,
        input=InputSpec(scale="dB", size=size, centre="vignette", mean=None, std=None),
    )


def _patch_size(network: Any) -> int | None:
    embedding = getattr(network, "patch_embed", None)
    size = getattr(embedding, "patch_size", None)
    return None if size is None else int(size[0])


def _pretrained(
    name: str, size: int, patch: int | None, file: Path | None
) -> "torch.nn.Module":
    timm = require("timm", extra="models")
    arguments: dict[str, Any] = {"num_classes": 0}
    if patch is not None:
        arguments |= {"img_size": size, "patch_size": patch}
    if file is not None:
        arguments["pretrained_cfg_overlay"] = {"file": str(file)}
    try:
        network: torch.nn.Module = timm.create_model(name, pretrained=True, **arguments)
    except (RuntimeError, OSError, ValueError) as error:
        raise BundleError(
            f"timm has no weights of {name!r} that can be read here: {error}. They come from "
            "the Hugging Face Hub; without a network convert a file with "
            "xoceansar.models.bundle.conversion, and name the bundle."
        ) from error
    return network


def _sum_channels(state: dict[str, Any], network: Any, name: str) -> None:
    layer = network.pretrained_cfg.get("first_conv")
    weight = state.get(f"{layer}.weight")
    if weight is None or weight.ndim != 4 or weight.shape[1] != 3:
        raise BundleError(
            f"the first layer of {name!r} ({layer}) is no convolution of three channels, and "
            "cannot be made one of one channel. Choose another network."
        )
    channels = {"channel_mean": (0.0,) * 3, "channel_std": (1.0,) * 3}
    state[f"{layer}.weight"], _ = one_channel(
        weight, None, mean=0.0, std=1.0, **channels
    )
