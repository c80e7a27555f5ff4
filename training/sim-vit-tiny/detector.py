"""Fit the iceberg detector on the frozen backbone, and choose its threshold."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from data import CACHE, open_set

from xoceansar import models, ops
from xoceansar.evaluate.iceberg_scores import choose_threshold
from xoceansar.models import ModelHandle, load_model
from xoceansar.models.bundle.weight_files import read_arrays
from xoceansar.models.spec.detector_spec import DetectorSpec, TrainedDetector
from xoceansar.train.detector.detector_training import DetectorRecipe, train_detector
from xoceansar.train.detector.examples import TrainingSet, prepare

#: Lowest score that the choice of the threshold looks at.
_LOW = 0.02


def training_set(handle: ModelHandle, n_without: int) -> TrainingSet:
    """Prepare the vignettes with icebergs, and some of every other class."""
    bergs = open_set("bergs_train")[["sigma0", "iceberg_box"]]
    other = open_set("train")
    rows = np.flatnonzero(other["ocean_class"].values != 6)[:n_without]
    other = other[["sigma0"]].isel(vignette=rows)
    none = np.full((len(rows), *bergs["iceberg_box"].shape[1:]), np.nan, np.float32)
    other = other.assign(iceberg_box=(bergs["iceberg_box"].dims, none))
    ds = xr.concat(
        [bergs, other], "vignette", combine_attrs="drop_conflicts", join="override"
    )
    return prepare(ds, handle, "iceberg_box", CACHE / "detector")


def fitted(
    handle: ModelHandle, config: dict[str, Any], arguments: dict[str, Any]
) -> TrainedDetector:
    """Fit the detector, or read what was fitted; its threshold is that of the validation set."""
    folder = CACHE / "detector/bundle"
    if not (folder / "config.json").exists():
        n_without, recipe = config["n_without"], dict(config)
        del recipe["n_without"]
        spec = DetectorSpec(backbone_sha256=handle.weights_sha256)
        detector = train_detector(
            training_set(handle, n_without), spec, DetectorRecipe(**recipe), print
        )
        models.write_bundle(folder, **arguments, detectors=[detector])
    stored = load_model(folder)
    (spec,) = stored.detectors
    weights = read_arrays(Path(stored.path) / spec.file, spec.sha256)
    truth = open_set("bergs_validation")
    found = ops.icebergs(truth, model=stored, threshold=_LOW).compute()
    detector = TrainedDetector(replace(spec, file="", sha256=""), weights)
    return choose_threshold(detector, found, truth[["iceberg_box"]])
