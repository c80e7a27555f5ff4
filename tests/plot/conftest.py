"""Fake results in the layout of the library, on made-up tracks."""

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr

from xoceansar import conventions

KM = 1 / 111.195


def footprint(lon, lat, heading, half=9.6):
    """Corners (n, 4) of squares of 2 `half` km: first line near, far, last line far, near."""
    along = half * np.array([-1, -1, 1, 1])
    across = half * np.array([-1, 1, 1, -1])
    course = np.radians(heading)[:, None]
    north = along * np.cos(course) - across * np.sin(course)
    east = along * np.sin(course) + across * np.cos(course)
    corner_lat = lat[:, None] + north * KM
    corner_lon = lon[:, None] + east * KM / np.cos(np.radians(lat))[:, None]
    return (corner_lon + 180) % 360 - 180, corner_lat


def result(
    n=8, *, lon0=-30.0, lat0=20.0, heading=-12.0, step=100.0, seed=0
) -> xr.Dataset:
    """Values for n vignettes, 100 km apart on a track that wv1 and wv2 straddle in turn."""
    rng = np.random.default_rng(seed)
    i = np.arange(n)
    side = np.where(i % 2, 1.6, -1.6)
    lat = lat0 + i * step * KM * np.cos(np.radians(heading))
    lon = lon0 + i * step * KM * np.sin(np.radians(heading)) / np.cos(np.radians(lat))
    lon = (lon + side + 180) % 360 - 180
    headings = np.full(n, heading)
    corners = footprint(lon, lat, headings)
    probability = rng.dirichlet(np.ones(10), n).astype(np.float32)
    start = np.datetime64("2021-04-03T08:30:25.123456789", "ns")
    return xr.Dataset(
        {
            "swh": ("vignette", rng.uniform(0.5, 6, n).astype(np.float32)),
            "wind_speed": ("vignette", rng.uniform(2, 18, n).astype(np.float32)),
            "ocean_class": (
                "vignette",
                probability.argmax(1).astype(np.int8),
                conventions.class_attrs(),
            ),
            "class_probability": (("vignette", "class"), probability),
            "quality": (
                "vignette",
                np.zeros(n, np.uint8),
                conventions.mask_attrs("quality"),
            ),
        },
        coords={
            "vignette_id": ("vignette", [f"s1a-wv-{k:03d}" for k in i]),
            "beam": ("vignette", np.where(i % 2, "wv2", "wv1")),
            "polarisation": ("vignette", np.full(n, "VV")),
            "platform": ("vignette", np.full(n, "S1A")),
            "time": ("vignette", start + i * np.timedelta64(14_660, "ms")),
            "longitude": ("vignette", lon),
            "latitude": ("vignette", lat),
            "ground_heading": ("vignette", headings),
            "corner_longitude": (("vignette", "corner"), corners[0]),
            "corner_latitude": (("vignette", "corner"), corners[1]),
            "pixel_spacing": 50.0,
            "class": list(conventions.OCEAN_CLASSES),
        },
        attrs={"simulated": 1, "source": "simulated by xoceansar.simulate"},
    ).assign(
        {
            name: lambda ds, name=name: conventions.annotate(ds[name], name)
            for name in ("swh", "wind_speed", "class_probability")
        }
    )


def images(n=4, size=96, seed=0, chunks=None) -> xr.Dataset:
    """Speckled images with a stripe of no data in the last one."""
    rng = np.random.default_rng(seed)
    sigma0 = 0.05 * rng.gamma(4, 0.25, (n, size, size)).astype(np.float32)
    sigma0[-1, : size // 3] = np.nan
    ds = result(n, seed=seed).assign(
        sigma0=(
            ("vignette", "line", "sample"),
            sigma0,
            dict(conventions.VARIABLES["sigma0"]),
        )
    )
    return ds if chunks is None else ds.chunk(vignette=chunks)


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


@pytest.fixture
def ds() -> xr.Dataset:
    return result()
