"""Fit the iceberg detector on the frozen backbone."""

import pickle
from typing import Any

import numpy as np
import xarray as xr
from data import CACHE

from xoceansar.models import ModelHandle
from xoceansar.models.detector_spec import DetectorSpec, TrainedDetector
from xoceansar.train.detector import DetectorRecipe, train_detector
from xoceansar.train.examples import TrainingSet, prepare

#: Vignettes without icebergs that the detector learns from too.
N_WITHOUT = 500


def training_set(handle: ModelHandle) -> TrainingSet:
    """Prepare the vignettes with icebergs, and some of every other class."""
    bergs = xr.open_zarr(CACHE / "bergs_train.zarr")[["sigma0", "iceberg_box"]]
    other = xr.open_zarr(CACHE / "train.zarr")
    rows = np.flatnonzero(other["ocean_class"].values != 6)[:N_WITHOUT]
    other = other[["sigma0"]].isel(vignette=rows)
    none = np.full((len(rows), *bergs["iceberg_box"].shape[1:]), np.nan, np.float32)
    other = other.assign(iceberg_box=(bergs["iceberg_box"].dims, none))
    ds = xr.concat(
        [bergs, other], "vignette", combine_attrs="drop_conflicts", join="override"
    )
    return prepare(ds, handle, "iceberg_box", CACHE / "detector")


def fit(handle: ModelHandle, recipe: dict[str, Any]) -> TrainedDetector:
    """Fit it, or return what was fitted."""
    path = CACHE / "detector/fitted.pkl"
    if not path.exists():
        spec = DetectorSpec(backbone_sha256=handle.weights_sha256)
        fitted = train_detector(
            training_set(handle), spec, DetectorRecipe(**recipe), print
        )
        path.write_bytes(pickle.dumps(fitted))
    result: TrainedDetector = pickle.loads(path.read_bytes())
    return result
