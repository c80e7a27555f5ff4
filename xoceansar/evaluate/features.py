"""Features of networks: embeddings by a model, by its network at random, by a network of timm.

Images are read chunk by chunk, in one pass for each network, and only the embeddings stay in
memory.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xarray as xr

from xoceansar._typing import Array
from xoceansar.conventions import EMBEDDING, VIGNETTE
from xoceansar.evaluate.feature_store import FeatureStore
from xoceansar.evaluate.reference_networks import random_twin, timm_network
from xoceansar.layout.images import centre_incidence, find_images
from xoceansar.models import ModelHandle
from xoceansar.models.inference.runtime import precision_bits
from xoceansar.ops.embedding import embed, model_attrs, texture_of


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
