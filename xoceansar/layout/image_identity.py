"""What makes images the same images: their numbers, and not their names or the graph that makes them."""

import hashlib
from collections.abc import Iterator
from typing import Final

import numpy as np
import xarray as xr

from xoceansar._typing import Array
from xoceansar.conventions.texts import has_texts, text_values
from xoceansar.layout.images import Quantity

#: Coordinates that decide what is computed from the images.
_DECISIVE: Final = ("incidence", "beam", "polarisation", "pixel_spacing")

#: Images whose pixels are read, of many.
_SAMPLED: Final = 8


def digest_images(images: xr.DataArray, quantity: Quantity) -> str:
    """Identify images by all that is computed from.

    Shapes: `images` (..., line, sample).
    """
    kind = f"{quantity} {images.dims} {images.dtype.str} {images.shape}"
    digest = hashlib.sha256(kind.encode())
    for part in _parts(images):
        digest.update(np.ascontiguousarray(part).tobytes())
    for name in _DECISIVE:
        if name in images.coords:
            found = images.coords[name]
            values = text_values(found) if has_texts(found) else found.values
            digest.update(f"{name} {values.dtype.kind} {values.tolist()}".encode())
    return digest.hexdigest()


def digest_sample(images: xr.DataArray, quantity: Quantity) -> str:
    """Identify images that are too many to be read by a few of them, and by all of their names.

    Shapes: `images` (vignette, line, sample).
    """
    count = len(images)
    rows = np.unique(np.linspace(0, max(count - 1, 0), _SAMPLED).round().astype(int))
    some = images[rows[:count]]
    digest = hashlib.sha256(f"{count} {digest_images(some, quantity)}".encode())
    if "vignette_id" in images.coords:
        names = text_values(images.coords["vignette_id"]).tolist()
        digest.update(str(names).encode())
    return digest.hexdigest()


def _parts(images: xr.DataArray) -> Iterator[Array]:
    if images.chunks is None:
        yield images.values
        return
    start = 0
    for length in images.chunks[0]:
        yield images[start : start + length].values
        start += length
