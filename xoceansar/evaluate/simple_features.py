"""What can be known of a vignette without a network."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import xarray as xr

from xoceansar._typing import Array
from xoceansar.conventions import LINE, SAMPLE, VIGNETTE
from xoceansar.errors import MissingVariableError
from xoceansar.evaluate.feature_store import FeatureStore
from xoceansar.evaluate.features import Features
from xoceansar.evaluate.hand_made import HAND_FEATURES, hand_features
from xoceansar.layout.images import Quantity, find_images
from xoceansar.ops.texture_descriptors import texture

#: The level is taken in decibel down to -50 dB.
_LEAST_LEVEL: Final = 1e-5


@dataclass(frozen=True)
class HandFeatures(Features):
    """The 68 features that need no network."""

    @property
    def label(self) -> str:
        """Name in tables."""
        return f"{len(HAND_FEATURES)} hand features"

    def matrix(self, ds: xr.Dataset, store: FeatureStore) -> Array:
        """Compute the features.

        Shapes: gives (vignette, 68). NaN for a vignette with missing pixels.
        """
        for name in ("beam", "pixel_spacing"):
            if name not in ds.coords:
                raise MissingVariableError(
                    f"hand features need the coordinate {name!r}. Open the product with "
                    "xoceansar.open_wave_mode, or leave them out with models=[...]."
                )
        return store.matrix("hand features 1", ds, _hand)


def _hand(ds: xr.Dataset) -> Array:
    images, quantity = find_images(ds)
    return _by_block(
        images,
        _is_wv1(ds),
        _hand_block,
        len(HAND_FEATURES),
        quantity=quantity,
        spacing=float(ds.coords["pixel_spacing"]),
    )


def _hand_block(
    images: Array, wv1: Array, *, quantity: Quantity, spacing: float
) -> Array:
    """Compute the hand features of a block; a module-level name for Dask to call."""
    out = np.full((len(images), len(HAND_FEATURES)), np.nan, np.float32)
    for row, image, near in zip(out, _linear(images, quantity), wv1, strict=True):
        if np.isfinite(image).all() and image.mean() > 0:
            row[:] = hand_features(image, spacing=spacing, wv1=bool(near))
    return out


@dataclass(frozen=True)
class Texture(Features):
    """The pooled descriptors of `xoceansar.ops.texture`."""

    @property
    def label(self) -> str:
        """Name in tables."""
        return "texture descriptors"

    def matrix(self, ds: xr.Dataset, store: FeatureStore) -> Array:
        """Compute the features, all numbers of a vignette in a row.

        Shapes: gives (vignette, n).
        """
        return store.matrix("texture 1", ds, _texture)


def _texture(ds: xr.Dataset) -> Array:
    described = texture(ds).drop_vars("texture_valid_fraction")
    arrays = [value.transpose(VIGNETTE, ...) for value in described.data_vars.values()]
    computed = xr.Dataset({str(a.name): a for a in arrays}).compute()
    return np.concatenate(
        [computed[str(a.name)].values.reshape(len(a), -1) for a in arrays], axis=1
    )


@dataclass(frozen=True)
class Level(Features):
    """The mean of sigma0 and the beam: what is known without looking at the texture."""

    @property
    def label(self) -> str:
        """Name in tables."""
        return "mean sigma0 and beam"

    def matrix(self, ds: xr.Dataset, store: FeatureStore) -> Array:
        """Compute the features.

        Shapes: gives (vignette, 2). In dB, over the pixels with data; and 1 for WV1.
        """
        return store.matrix("level 1", ds, _level)


def _level(ds: xr.Dataset) -> Array:
    images, quantity = find_images(ds)
    return _by_block(images, _is_wv1(ds), _level_block, 2, quantity=quantity)


def _level_block(images: Array, wv1: Array, *, quantity: Quantity) -> Array:
    """Compute the level of a block; a module-level name for Dask to call."""
    linear = _linear(images, quantity)
    known = np.isfinite(linear)
    count = known.sum(axis=(1, 2))
    total = np.where(known, linear, 0).sum(axis=(1, 2), dtype=np.float64)
    mean = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    level = 10 * np.log10(np.maximum(mean, _LEAST_LEVEL))
    return np.stack([level, wv1], axis=1).astype(np.float32)


def _linear(images: Array, quantity: Quantity) -> Array:
    return np.asarray(10 ** (images / 10) if quantity == "dB" else images)


def _is_wv1(ds: xr.Dataset) -> Array:
    if "beam" not in ds.coords:
        return np.zeros(ds.sizes[VIGNETTE])
    return np.asarray(ds.coords["beam"].values == "wv1", dtype=np.float64)


def _by_block(
    images: xr.DataArray,
    wv1: Array,
    block: Callable[..., Array],
    width: int,
    **how: Any,
) -> Array:
    beam = xr.DataArray(wv1, dims=VIGNETTE).chunk(
        {VIGNETTE: images.variable.chunksizes[VIGNETTE]}
    )
    out: xr.DataArray = xr.apply_ufunc(
        block,
        images.variable,
        beam.variable,
        kwargs=how,
        input_core_dims=[[LINE, SAMPLE], []],
        output_core_dims=[["feature"]],
        dask="parallelized",
        output_dtypes=[np.float32],
        dask_gufunc_kwargs={"output_sizes": {"feature": width}},
    )
    return np.asarray(out.compute().data)
