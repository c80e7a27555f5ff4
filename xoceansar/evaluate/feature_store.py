"""Features that were computed, kept for the next model or the next run."""

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, Self

import numpy as np
import xarray as xr
from dask.base import tokenize

from xoceansar._paths import local_target
from xoceansar._typing import Array
from xoceansar.conventions import VIGNETTE
from xoceansar.layout.image_identity import digest_images
from xoceansar.layout.images import Quantity, find_images

#: Vignettes for each chunk of images that come in memory.
_CHUNK: Final = 16


class FeatureStore:
    """Features that were computed, in memory and in a folder.

    Without a folder to keep them in, a temporary one that goes when the store is closed.

    Notes
    -----
    A context manager: leaving it closes the store.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._temporary = TemporaryDirectory() if folder is None else None
        name = folder if self._temporary is None else self._temporary.name
        self.folder = local_target(str(name), "a cache")
        self.folder.mkdir(parents=True, exist_ok=True)
        self._known: dict[str, Array] = {}
        self._digests: dict[str, str] = {}

    def __enter__(self) -> Self:
        """Keep features until the block ends."""
        return self

    def __exit__(self, *_: object) -> None:
        """Remove what no folder was given for."""
        if self._temporary is not None:
            self._temporary.cleanup()

    def matrix(
        self, key: str, ds: xr.Dataset, compute: Callable[[xr.Dataset], Array]
    ) -> Array:
        """Return features, computed unless they are there.

        Shapes: gives (vignette, F).
        """
        images, quantity = find_images(ds)
        name = sha256(f"{key} {self._digest(images, quantity)}".encode()).hexdigest()[
            :24
        ]
        path = self.folder / f"features-{name}.npy"
        if name not in self._known and path.is_file():
            self._known[name] = np.load(path)
        if name not in self._known:
            if images.chunks is None:
                chunked = images.variable.chunk({VIGNETTE: _CHUNK})
                ds = ds.assign({str(images.name): chunked})
            self._known[name] = compute(ds)
            unfinished = path.with_suffix(".partial.npy")
            np.save(unfinished, self._known[name])
            unfinished.replace(path)
        self._known[name].flags.writeable = False
        return self._known[name]

    def _digest(self, images: xr.DataArray, quantity: Quantity) -> str:
        """Identify images; those of one graph are read once."""
        if images.chunks is None:
            return digest_images(images, quantity)
        coords = {name: c.variable for name, c in images.coords.items()}
        token = tokenize(images.data, quantity, coords)
        if token not in self._digests:
            self._digests[token] = digest_images(images, quantity)
        return self._digests[token]
