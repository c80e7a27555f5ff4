"""Heads of wave height, wind speed and class, on texture and statistics: fitted, calibrated, scored."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from data import part_paths
from randomised import randomised

from xoceansar.conventions import OCEAN_CLASSES
from xoceansar.models import Head, ModelHandle
from xoceansar.models.heads.head import head_inputs
from xoceansar.ops import image_statistics, texture
from xoceansar.train import calibrate, fit, fit_temperature
from xoceansar.train.heads.dataset_arrays import Arrays, arrays_of

TARGETS = ("swh", "wind_speed", "ocean_class")
FEATURES = ("texture", "statistics")
#: What each head learns from. The class is one whatever the contrast; wave height and wind speed are not.
VERSIONS = {
    "swh": ("plain", "flipped"),
    "wind_speed": ("plain", "flipped"),
    "ocean_class": ("plain", "flipped", "random-1", "random-2"),
}
#: What its learning rate and its epoch are chosen by.
CHOSEN_BY = {
    "swh": ("plain",),
    "wind_speed": ("plain",),
    "ocean_class": ("plain", "random-1"),
}
ICE = OCEAN_CLASSES.index("sea_ice")


def describe(name: str, count: int, version: str = "plain") -> xr.Dataset:
    """Features, level, incidence and truth of the first vignettes of a set; measured once.

    Of a version of them: ``plain``; ``flipped``, lines in the opposite order, as good a sea, seen by a radar that flies the other way;
    ``random-1`` and so on, as others would show them.
    """
    parts = []
    for path in part_paths(name):
        if int(path.stem.split("-")[1]) >= count:
            break
        kept = path.with_suffix(f".{version}.nc")
        if not kept.exists():
            measure(path, version).to_netcdf(kept)
        parts.append(xr.load_dataset(kept).assign(truth_of(path)))
    ds = xr.concat(
        parts, "vignette", coords="minimal", compat="override", join="override"
    )
    ds = ds.isel(vignette=slice(count))
    return ds.set_coords(["sigma0_mean", "incidence", "beam", "polarisation"])


def measure(path: Any, version: str) -> xr.Dataset:
    """Measure the features of a version of a part."""
    ds = xr.open_zarr(path)
    images = ds[["sigma0"]].isel(
        line=slice(None, None, -1 if version == "flipped" else 1)
    )
    level = images["sigma0"].mean(("line", "sample")).variable
    kind, _, seed = version.partition("-")
    if kind == "random":
        copies, levels = randomised(path, int(seed))
        images = images.assign(sigma0=images["sigma0"].copy(data=copies))
        level = xr.Variable("vignette", levels)
    measured = xr.merge([texture(images), image_statistics(images)], compat="override")
    level.attrs["units"] = "1"
    angle = ds["incidence"].mean("sample").assign_attrs(units="degree")
    return measured.reset_coords(drop=True).assign(
        sigma0_mean=level, incidence=angle.variable
    )


def truth_of(path: Any) -> xr.Dataset:
    """Truth of a part; wave height and wind mean nothing under sea ice."""
    ds = xr.open_zarr(path)[
        ["swh", "wind_speed", "ocean_class", "beam", "polarisation"]
    ]
    ds = ds.reset_coords().drop_dims(["line", "sample"], errors="ignore").load()
    ds = ds[["swh", "wind_speed", "ocean_class", "beam", "polarisation"]]
    sea = ds["ocean_class"] != ICE
    return ds.assign({name: ds[name].where(sea) for name in ("swh", "wind_speed")})


def joined(name: str, count: int, versions: Sequence[str]) -> xr.Dataset:
    """Put versions of a set one after the other."""
    parts = [describe(name, count, version) for version in versions]
    return xr.concat(parts, "vignette", coords="minimal", compat="override")


def fit_values(
    handle: ModelHandle, data: dict[str, Any]
) -> tuple[list[Head], dict[str, float]]:
    """Fit the heads, the rate chosen on the validation set; calibrate them; score them on the test set."""
    calibration, test = (
        describe(name, data[f"n_{name}"]) for name in ("calibration", "test")
    )
    heads, scores = [], {}
    for target in TARGETS:
        result = fit(
            joined("train", data["n_train"], VERSIONS[target]),
            target,
            model=handle,
            head="mlp",
            features=FEATURES,
            groups=None,
            validation=joined("validation", data["n_validation"], CHOSEN_BY[target]),
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
