"""The vignettes of the recipe: an unlabelled pool with the imbalance of an archive, labelled sets."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import dask
import numpy as np
import xarray as xr

from xoceansar import simulate, to_zarr
from xoceansar.conventions import OCEAN_CLASSES
from xoceansar.evaluate import hand_features
from xoceansar.models import ModelHandle
from xoceansar.models.inference.runtime import embed_block

CACHE = Path(__file__).parent / "cache"
LABELLED = ("train", "validation", "test")
#: Labelled sets of other uses: for the detector, for the intervals and for their check.
FURTHER = (
    "calibration",
    "held_out",
    "bergs_train",
    "bergs_validation",
    "bergs_test",
)
#: Vignettes of one archive: a set that was interrupted goes on with its next one.
PART = 500


def simulate_set(name: str, data: dict[str, Any]) -> None:
    """Write the vignettes of a set with their truth, those parts that are not there yet."""
    count = data[f"n_{name}"]
    for first in range(0, count, PART):
        path = CACHE / f"{name}-{first}.zarr"
        if path.exists():
            continue
        ds = simulate.vignettes(
            min(PART, count - first),
            seed=data[f"seed_{name}"] + first,
            classes=data.get(f"{name}_classes"),
            oversample=data["oversample"],
            chunks=10,
        ).drop_vars("nesz")
        with dask.config.set(scheduler="processes"):
            to_zarr(ds, path)


def part_paths(name: str) -> list[Path]:
    """List the archives of a set, in order."""
    return sorted(
        CACHE.glob(f"{name}-*.zarr"), key=lambda path: int(path.stem.split("-")[1])
    )


def open_set(name: str, count: int | None = None) -> xr.Dataset:
    """Open the first vignettes of a set; lazy."""
    parts = [xr.open_zarr(path) for path in part_paths(name)]
    ds = xr.concat(
        parts,
        "vignette",
        coords="minimal",
        compat="override",
        combine_attrs="drop_conflicts",
    )
    return ds.isel(vignette=slice(count))


class Labelled:
    """Vignettes with their truth: images lazily, the rest in memory.

    Wave height and wind are NaN where they are not asked for: under sea ice.
    """

    def __init__(self, name: str, count: int) -> None:
        self.name = name
        self.ds = open_set(name, count)
        self.classes = self.ds["ocean_class"].values.astype(np.int64)
        self.incidence = self.ds["incidence"].mean("sample").values
        self.beam = self.ds["beam"].values.astype(str)
        sea = self.classes != OCEAN_CLASSES.index("sea_ice")
        self.truth = {
            "swh": np.where(sea, self.ds["swh"].values, np.nan),
            "wind_speed": np.where(sea, self.ds["wind_speed"].values, np.nan),
            "ocean_class": self.classes,
        }

    def __len__(self) -> int:
        return len(self.classes)

    @property
    def hand(self) -> Any:
        """The 68 hand features of each vignette, the logarithm of the level first."""
        return kept(f"{self.name}_hand", len(self), self._hand)

    def _hand(self) -> Any:
        images = zip(self.ds["sigma0"], self.beam, strict=True)
        return np.stack(
            [
                hand_features(image.values, spacing=50.0, wv1=beam == "wv1")
                for image, beam in images
            ]
        )

    def embedding(self, handle: ModelHandle) -> Any:
        """Embeddings, the level, and the share of pixels that are there, by the function that Dask calls."""
        name = f"{self.name}_{handle.weights_sha256[:12]}_{handle.backbone.pooling}"
        return kept(name, len(self), lambda: self._embedding(handle))

    def _embedding(self, handle: ModelHandle) -> Any:
        parts = [
            np.column_stack(
                embed_block(
                    self.ds["sigma0"][i : i + 64].values,
                    self.incidence[i : i + 64],
                    handle=handle,
                )
            )
            for i in range(0, len(self), 64)
        ]
        return np.concatenate(parts)


def kept(name: str, count: int, make: Callable[[], Any]) -> Any:
    """Read an array of so many rows from the cache, or make and keep it."""
    path = CACHE / f"{name}_{count}.npy"
    if not path.exists():
        np.save(path, make())
    return np.load(path)
