"""A made-up archive of measured parameters, with a truth that they tell."""

import numpy as np
import xarray as xr


def vignette_ids(beam, start, number):
    """Name vignettes as the ground segment does."""
    names = []
    for b, t, p, k in zip(beam, start, number // 1000, number % 1000, strict=True):
        first, last = (
            str((t + np.timedelta64(s, "s")).astype("datetime64[s]")) for s in (0, 3)
        )
        times = "-".join(
            x.replace("-", "").replace(":", "").lower() for x in (first, last)
        )
        names.append(f"s1a-{b}-slc-vv-{times}-{100 + p:06d}-{100 + p:06x}-{k + 1:03d}")
    return names


def made_up(n_passes=30, per_pass=40, seed=0, simulated=False):
    """Return an archive and its truth: two Datasets along vignette."""
    rng = np.random.default_rng(seed)
    n = n_passes * per_pass
    number, k = np.divmod(np.arange(n), per_pass)
    beam = np.where(k % 2 == 0, "wv1", "wv2")
    time = (
        np.datetime64("2021-01-01T00:00:00", "ns")
        + number * np.timedelta64(48, "h")
        + k * np.timedelta64(14_660, "ms")
    )
    ids = vignette_ids(beam, time, 1000 * number + k)
    swh = np.clip(rng.gamma(4, 0.6, n), 0.3, 12)
    wind = np.clip(rng.normal(8, 3, n), 0.5, 25)
    numbers = {
        "normalised_variance": 1 + 0.2 * swh + rng.normal(0, 0.1, n),
        "sigma0_skewness": 2 + 0.1 * wind + rng.normal(0, 0.1, n),
        "sigma0_kurtosis": rng.normal(6, 0.5, n),
    }
    ds = xr.Dataset(
        {
            name: ("vignette", v.astype("f4"), {"units": "1"})
            for name, v in numbers.items()
        }
    )
    ds["quality"] = ("vignette", np.zeros(n, "u1"))
    texts = {"platform": "S1A", "polarisation": "VV", "ipf_version": "003.71"}
    ds = ds.assign_coords(
        vignette_id=("vignette", ids),
        time=("vignette", time),
        beam=("vignette", beam),
        longitude=("vignette", rng.uniform(-40, -10, n)),
        latitude=("vignette", rng.uniform(-50, 50, n)),
        incidence=(
            "vignette",
            np.where(beam == "wv1", 23.8, 36.8) + rng.normal(0, 0.2, n),
        ),
        sigma0_mean=("vignette", (0.05 * wind / 8).astype("f4"), {"units": "1"}),
        pixel_spacing=50.0,
        **{name: ("vignette", [text] * n) for name, text in texts.items()},
    )
    truth = xr.Dataset(
        {
            "swh": ("vignette", swh, {"units": "m"}),
            "wind_speed": ("vignette", wind, {"units": "m s-1"}),
        },
        {"vignette_id": ("vignette", ids)},
    )
    if simulated:
        ds.attrs["simulated"] = truth.attrs["simulated"] = 1
    return ds, truth
