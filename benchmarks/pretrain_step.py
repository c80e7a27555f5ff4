"""A step of the pretraining: bf16 beside fp32, and the share of the time that waits for data.

The archive is a Zarr store whose chunks are read anew at every step: the cache holds one.
"""

import tempfile
from pathlib import Path

import numpy as np
import torch
import xarray as xr
from _report import report

from xoceansar import to_zarr
from xoceansar.models.inference.runtime import computes_bf16_fast
from xoceansar.train.pretraining.config import load_config, parse_config
from xoceansar.train.pretraining.entry import pretrain

STEPS = 6


def archive(folder: Path) -> xr.Dataset:
    """Write speckle in the layout of an archive; a step takes as long for it as for a sea."""
    rng = np.random.default_rng(0)
    sigma0 = 0.1 * rng.gamma(100.0, 0.01, (96, 256, 256)).astype(np.float32)
    ds = xr.Dataset(
        {"sigma0": (("vignette", "line", "sample"), sigma0)},
        coords={"pixel_spacing": 50.0, "incidence": ("vignette", np.full(96, 36.8))},
    )
    return xr.open_zarr(to_zarr(ds, folder / "archive.zarr"))


def seconds(ds: xr.Dataset, precision: str, folder: Path) -> tuple[float, float]:
    """Return the median seconds of a step, and of waiting for its data."""
    table = load_config("two-cores").with_steps(STEPS).to_dict()
    table["optimisation"]["precision"] = precision
    table["data"] |= {"cache_gib": 1e-4, "exclude": []}
    table["watch"] |= {"log_every": 1, "probe_every": 0, "progress": False}
    log = pretrain(ds, parse_config(table), folder).log().iloc[1:]
    return float(log["step_seconds"].median()), float(log["data_seconds"].median())


def main() -> None:
    """Print the numbers."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        ds = archive(folder)
        fp32, waited = seconds(ds, "fp32", folder / "fp32")
        bf16, _ = seconds(ds, "bf16", folder / "bf16")
    device = "cuda:0" if torch.cuda.is_available() else "cpu"
    fast = computes_bf16_fast(device)
    ratio = fp32 / bf16
    bar = ">= 4 where AMX or a GPU computes bf16" if fast else "none: no AMX, no GPU"
    report(
        "pretrain.bf16_speed", ratio, "times fp32", bar, ratio >= 4 if fast else None
    )
    share = waited / (fp32 + waited)
    report("pretrain.waiting_for_data", share, "of a step", "< 0.1", share < 0.1)
    batch = load_config("two-cores").optimisation.batch
    report("pretrain.images", batch / fp32, "1/s", "", None)


if __name__ == "__main__":
    main()
