"""Heads of wave height, wind speed and class, on texture and statistics: fitted, calibrated, scored."""

from typing import Any

import numpy as np
import xarray as xr
from data import part_paths

from xoceansar.conventions import OCEAN_CLASSES
from xoceansar.models import Head, ModelHandle
from xoceansar.models.heads.head import head_inputs
from xoceansar.ops import image_statistics, texture
from xoceansar.train import calibrate, fit, fit_temperature
from xoceansar.train.heads.dataset_arrays import Arrays, arrays_of

TARGETS = ("swh", "wind_speed", "ocean_class")
FEATURES = ("texture", "statistics")
ICE = OCEAN_CLASSES.index("sea_ice")


def describe(name: str, count: int, *, flipped: bool = False) -> xr.Dataset:
    """Features, level, incidence and truth of the first vignettes of a set; measured once.

    With `flipped`, lines are in the opposite order: as good a sea, seen by a radar that flies the other way.
    """
    parts = []
    for path in part_paths(name):
        kept = path.with_suffix(".flipped.nc" if flipped else ".features.nc")
        if not kept.exists():
            ds = xr.open_zarr(path)
            images = ds[["sigma0"]].isel(line=slice(None, None, -1 if flipped else 1))
            measured = xr.merge(
                [texture(images), image_statistics(images)], compat="override"
            )
            level = images["sigma0"].mean(("line", "sample")).assign_attrs(units="1")
            angle = ds["incidence"].mean("sample").assign_attrs(units="degree")
            measured = measured.reset_coords(drop=True)
            measured = measured.assign(
                sigma0_mean=level.variable, incidence=angle.variable
            )
            measured.to_netcdf(kept)
        parts.append(xr.load_dataset(kept).assign(truth_of(path)))
    ds = xr.concat(
        parts, "vignette", coords="minimal", compat="override", join="override"
    )
    ds = ds.isel(vignette=slice(count))
    return ds.set_coords(["sigma0_mean", "incidence", "beam", "polarisation"])


def truth_of(path: Any) -> xr.Dataset:
    """Truth of a part; wave height and wind mean nothing under sea ice."""
    ds = xr.open_zarr(path)[
        ["swh", "wind_speed", "ocean_class", "beam", "polarisation"]
    ]
    ds = ds.reset_coords().drop_dims(["line", "sample"], errors="ignore").load()
    ds = ds[["swh", "wind_speed", "ocean_class", "beam", "polarisation"]]
    sea = ds["ocean_class"] != ICE
    return ds.assign({name: ds[name].where(sea) for name in ("swh", "wind_speed")})


def fit_values(
    handle: ModelHandle, data: dict[str, Any]
) -> tuple[list[Head], dict[str, float]]:
    """Fit the heads, the rate chosen on the validation set; calibrate them; score them on the test set."""
    train = xr.concat(
        [describe("train", data["n_train"], flipped=side) for side in (False, True)],
        "vignette",
    )
    validation, calibration, test = (
        describe(name, data[f"n_{name}"])
        for name in ("validation", "calibration", "test")
    )
    heads, scores = [], {}
    for target in TARGETS:
        result = fit(
            train,
            target,
            model=handle,
            head="mlp",
            features=FEATURES,
            groups=None,
            validation=validation,
        )
        head = calibrated(result.head, calibration)
        heads.append(head)
        scores[target] = score(head, test)
        print(target, result.sweep.to_dict(), scores[target], flush=True)
    return heads, scores


def calibrated(head: Head, ds: xr.Dataset) -> Head:
    """Give a head its intervals or its temperature."""
    if head.spec.is_classifier:
        return fit_temperature(head, ds, head.spec.target)
    return calibrate(head, ds, head.spec.target)


def score(head: Head, ds: xr.Dataset) -> float:
    """RMSE over the open sea, or accuracy over all."""
    rows: Arrays = arrays_of(ds, head.spec.target, head.spec)
    out = head(head_inputs(rows.features, rows.sigma0_mean, rows.incidence, head.spec))
    if head.spec.is_classifier:
        return float((out.argmax(1) == rows.targets).mean())
    return float(np.sqrt(np.nanmean((out[:, 0] - rows.targets) ** 2)))
