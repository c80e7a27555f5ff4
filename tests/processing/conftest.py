"""Results of made-up products, and small real ones."""

from dataclasses import replace

import numpy as np
import pytest
import xarray as xr

from tests.processing.products import products  # noqa: F401  a fixture
from xoceansar.conventions import annotate, class_attrs, mask_attrs
from xoceansar.processing.product_block import Outcome
from xoceansar.processing.product_listing import Unit
from xoceansar.processing.settings import Settings

SETTINGS = Settings(
    outputs=("embedding", "swh", "class", "quality"),
    model="made-up",
    fingerprint="0" * 64,
    confidence=None,
    threshold=None,
    beam=None,
    spacing=50.0,
    shape=(64, 64),
    reader="direct",
    uncalibrated=False,
)


def rows_of(number, count, *, width=3, first=0):
    """Return results that differ in every row; the first class and the last time are missing."""
    rng = np.random.default_rng(number)
    time = np.datetime64("2021-04-03T06:00:00.123", "ns") + np.arange(
        count
    ) * np.timedelta64(14_660_123_457, "ns")
    time[-1:] = "NaT"
    label = rng.integers(0, 10, count).astype(np.int8)
    label[:1] = -1
    names = [f"s1a-wv1-{number:03d}-{first + k:03d}" for k in range(count)]
    values = {
        "embedding_vector": (("vignette", "embedding"), rng.normal(size=(count, width)).astype("f4")),
        "swh": ("vignette", rng.uniform(0, 9, count).astype("f4")),
    }  # fmt: skip
    ds = xr.Dataset(
        {
            name: annotate(xr.DataArray(v, dims=d), name)
            for name, (d, v) in values.items()
        }
    )
    ds["ocean_class"] = ("vignette", label, class_attrs())
    ds["quality"] = (
        "vignette",
        rng.integers(0, 9, count).astype("u1"),
        mask_attrs("quality"),
    )
    return ds.assign_coords(
        vignette_id=annotate(xr.DataArray(names, dims="vignette"), "vignette_id"),
        time=annotate(xr.DataArray(time, dims="vignette"), "time"),
        corner_longitude=(("vignette", "corner"), rng.uniform(-9, 9, (count, 4))),
        pixel_spacing=50.0,
    )


def outcome(number, count, **kwargs):
    """Return the outcome of a made-up product."""
    unit = Unit(f"product-{number:03d}", f"/products/product-{number:03d}.SAFE")
    return Outcome(unit, rows_of(number, count, **kwargs))


def failure(number, reason="it is broken"):
    """Return the outcome of a product that cannot be read."""
    return replace(outcome(number, 1), rows=None, failure=reason)


def plain(path, **kwargs):
    """Open an archive as somebody does who has no xoceansar, in memory."""
    return xr.open_zarr(path, **kwargs).load()


@pytest.fixture
def settings():
    return SETTINGS
