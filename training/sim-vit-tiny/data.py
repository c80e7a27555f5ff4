"""The vignettes of the recipe: an unlabelled pool with the imbalance of an archive, labelled sets."""

from pathlib import Path
from typing import Any

import dask
import numpy as np
import xarray as xr

from xoceansar import simulate, to_zarr
from xoceansar.evaluate import hand_features
from xoceansar.models import ModelHandle
from xoceansar.models.inference.runtime import embed_block

CACHE = Path(__file__).parent / "cache"
LABELLED = ("train", "validation", "test")
#: Labelled sets without hand features: for the detector, for the intervals and for their check.
FURTHER = (
    "bergs_train",
    "bergs_validation",
    "bergs_test",
    "calibration",
    "calibration_2",
    "held_out",
)
#: Vignettes of one seed in the labelled sets.
BLOCK = 100
_TRUTH = ["swh", "wind_speed", "wind_to_direction", "ocean_class"]


def simulate_pool(data: dict[str, Any]) -> None:
    """Write the pool as a Zarr archive, unless it is there."""
    simulate_set("pool", data, data["pool_classes"])


def simulate_further(name: str, data: dict[str, Any]) -> None:
    """Write one of the `FURTHER` sets, unless it is there."""
    simulate_set(name, data, data.get(f"{name}_classes"))


def simulate_set(
    name: str, data: dict[str, Any], classes: dict[str, float] | None
) -> None:
    """Write vignettes with their truth as a Zarr archive, unless it is there."""
    path = CACHE / f"{name}.zarr"
    if path.exists():
        return
    ds = simulate.vignettes(
        data[f"n_{name}"],
        seed=data[f"seed_{name}"],
        classes=classes,
        oversample=data["oversample"],
        chunks=8,
    ).drop_vars("nesz")
    with dask.config.set(scheduler="processes"):
        to_zarr(ds, path)


def simulate_labelled(name: str, data: dict[str, Any]) -> None:
    """Write a labelled set, classes equally often, with its hand features."""
    path = CACHE / f"{name}.zarr"
    if path.exists():
        return
    parts = [
        simulate.vignettes(
            min(BLOCK, data[f"n_{name}"] - first),
            seed=data[f"seed_{name}"] + first,
            oversample=data["oversample"],
        )[["sigma0", *_TRUTH]]
        for first in range(0, data[f"n_{name}"], BLOCK)
    ]
    ds = xr.concat(parts, "vignette", combine_attrs="drop_conflicts")
    to_zarr(with_hand_features(ds), path)


def with_hand_features(ds: xr.Dataset) -> xr.Dataset:
    """Add the 68 hand features of each vignette."""
    rows = [
        hand_features(image, spacing=50.0, wv1=beam == "wv1")
        for image, beam in zip(ds["sigma0"].values, ds["beam"].values, strict=True)
    ]
    return ds.assign(hand=(("vignette", "feature"), np.stack(rows)))


class Labelled:
    """A labelled set: images lazily, the rest in memory.

    Wave height and wind are NaN where they are not asked for: under sea ice.
    """

    def __init__(self, name: str, rows: slice = slice(None)) -> None:
        self.ds = xr.open_zarr(CACHE / f"{name}.zarr").isel(vignette=rows)
        self.classes = self.ds["ocean_class"].values.astype(np.int64)
        self.hand = self.ds["hand"].values
        self.incidence = self.ds["incidence"].mean("sample").values
        self.wv1 = self.ds["beam"].values == "wv1"
        self.mean_db = self.hand[:, 0] * (10 / np.log(10))
        sea = self.classes != 5
        self.truth = {
            "swh": np.where(sea, self.ds["swh"].values, np.nan),
            "wind_speed": np.where(sea, self.ds["wind_speed"].values, np.nan),
            "ocean_class": self.classes,
        }

    def __len__(self) -> int:
        return len(self.classes)


def embedding(name: str, ds: xr.Dataset, handle: ModelHandle, pooling: str) -> Any:
    """Embed a set through the function that Dask calls; keep the result in the cache."""
    path = CACHE / f"{name}_{handle.weights_sha256[:12]}_{pooling}.npy"
    if not path.exists():
        incidence = ds["incidence"].mean("sample").values
        parts = [
            np.column_stack(
                embed_block(
                    ds["sigma0"][i : i + 64].values,
                    incidence[i : i + 64],
                    handle=handle,
                )
            )
            for i in range(0, ds.sizes["vignette"], 64)
        ]
        np.save(path, np.concatenate(parts))
    return np.load(path)
