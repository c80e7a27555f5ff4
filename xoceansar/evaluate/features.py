"""Features of networks: embeddings by a model, by its network at random, by a network of timm.

Images are read chunk by chunk, in one pass for each network, and only the embeddings stay in
memory.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import xarray as xr

from xoceansar._optional import require
from xoceansar._typing import Array
from xoceansar.conventions import EMBEDDING, VIGNETTE
from xoceansar.errors import BundleError
from xoceansar.evaluate.feature_store import FeatureStore
from xoceansar.layout.images import centre_incidence, find_images
from xoceansar.models import BackboneSpec, InputSpec, ModelHandle, write_bundle
from xoceansar.models.bundle.conversion import one_channel
from xoceansar.models.inference.runtime import precision_bits
from xoceansar.models.inference.torch_state import plain_torch
from xoceansar.models.networks.vit import build_network, create_network, network_weights
from xoceansar.models.spec import POOLINGS, Pooling
from xoceansar.ops.embedding import embed, model_attrs, texture_of

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


class Features(ABC):
    """A way to describe a vignette by numbers."""

    #: Whether the mean level and the incidence are given to a probe beside them.
    with_level: bool = False

    @property
    @abstractmethod
    def label(self) -> str:
        """Name in tables."""

    @abstractmethod
    def matrix(self, ds: xr.Dataset, store: FeatureStore) -> Array:
        """Compute the features.

        Shapes: gives (vignette, F). NaN for a vignette that cannot be used; the last column is
        ``sigma0_mean`` where `with_level`.
        """


class _OfNetwork(Features):
    with_level = True

    @abstractmethod
    def handle(self, store: FeatureStore) -> ModelHandle:
        """Describe the model, written first where it has to be."""

    def matrix(self, ds: xr.Dataset, store: FeatureStore) -> Array:
        handle = self.handle(store)
        bits = precision_bits(handle)
        key = f"{handle.weights_sha256} {handle.backbone} {handle.input} {bits}"
        return store.matrix(key, ds, lambda chunked: _embed(chunked, handle))


def _embed(ds: xr.Dataset, handle: ModelHandle) -> Array:
    vector = embed(ds, model=handle).compute()
    level = vector.coords["sigma0_mean"].values
    return np.concatenate([vector.values, level[:, None]], axis=1)


@dataclass(frozen=True)
class Embeddings(_OfNetwork):
    """Embeddings by a model."""

    model: ModelHandle

    @property
    def label(self) -> str:
        """Name in tables."""
        return self.model.name

    def handle(self, store: FeatureStore) -> ModelHandle:
        """Describe the model."""
        del store
        return self.model


@dataclass(frozen=True)
class RandomTwin(_OfNetwork):
    """Embeddings by the network of a model with random weights."""

    #: Whose architecture is taken.
    model: ModelHandle
    seed: int = 0

    @property
    def label(self) -> str:
        """Name in tables."""
        return f"{self.model.name} at random"

    def handle(self, store: FeatureStore) -> ModelHandle:
        """Write the network."""
        folder = store.folder / f"random-{self.model.weights_sha256[:12]}-{self.seed}"
        return random_twin(self.model, folder, seed=self.seed)


@dataclass(frozen=True)
class TimmNetwork(_OfNetwork):
    """Embeddings by a network of timm, pretrained on photographs."""

    #: Its name in timm.
    name: str
    #: Side of its input, in pixels.
    size: int = 224
    #: Weights, in place of a download.
    file: Path | None = None

    @property
    def label(self) -> str:
        """Name in tables."""
        return f"timm {self.name}"

    def handle(self, store: FeatureStore) -> ModelHandle:
        """Get and write the network."""
        folder = store.folder / f"timm-{self.name.replace('/', '-')}-{self.size}"
        return timm_network(self.name, folder, size=self.size, file=self.file)


def embedding_of(ds: xr.Dataset, matrix: Array, handle: ModelHandle) -> xr.DataArray:
    """Put stored features back into the form that `xoceansar.ops.embed` gives.

    Shapes: `matrix` (vignette, embedding_dim + 1).
    """
    along = {n: c.variable for n, c in ds.coords.items() if c.dims == (VIGNETTE,)}
    vector = xr.DataArray(
        matrix[:, :-1],
        dims=(VIGNETTE, EMBEDDING),
        coords={**along, "sigma0_mean": (VIGNETTE, matrix[:, -1])},
        name="embedding_vector",
        attrs=model_attrs(handle),
    )
    images, quantity = find_images(ds)
    if any(head.needs("texture") for head in handle.heads):
        texture = texture_of(images, quantity).items()
        vector = vector.assign_coords({n: t.variable.load() for n, t in texture})
    incidence = centre_incidence(images)
    return (
        vector
        if incidence is None
        else vector.assign_coords(incidence=incidence.variable.load())
    )
