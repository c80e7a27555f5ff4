"""Repairs of xsar for stripmap and EW products; call `repair` once, before opening.

    from xsar_repairs import repair

    repair()
    s1 = xsar.Sentinel1Dataset("S1A_S3_SLC_....SAFE", chunks={"line": 2048, "sample": 2048})

xsar 2026.8.31 with xarray-safe-s1 2026.1.23

- opens no stripmap GRD product: it asks for the seams between sub-swaths, of which there are none;
- opens no stripmap SLC product: it asks for the shift between bursts, of which there are none;
- puts every noise vector of a product on the samples of the first one, though in EW they differ, by
  up to 61 samples where sub-swaths meet, and drops the last ones.
"""

from typing import Any

import numpy as np
import xarray as xr

SEAMS = (
    "swaths", "azimuthTime", "firstAzimuthLine", "lastAzimuthLine",
    "firstRangeSample", "lastRangeSample",
)  # fmt: skip


def repair() -> None:
    """Replace three functions of xsar and xarray-safe-s1 in this process."""
    import xsar
    from safe_s1.sentinel1_xml_mappings import compounds_vars

    merging = compounds_vars["swath_merging"]["func"]
    shift = xsar.Sentinel1Dataset.corrected_range_noise_lut

    def seams(swath: Any, *rest: Any) -> xr.Dataset:
        if len(swath):
            return merging(swath, *rest)
        return xr.Dataset({name: ("dim_azimuthTime", []) for name in SEAMS})

    def shifted(self: Any, tree: xr.DataTree) -> xr.Dataset:
        if self.sar_meta._bursts["burst"].size:
            return shift(self, tree)
        return tree["noise_range"].to_dataset()

    compounds_vars["swath_merging"]["func"] = seams
    compounds_vars["noise_lut_range_raw"]["func"] = noise
    xsar.Sentinel1Dataset.corrected_range_noise_lut = shifted


def noise(lines: Any, samples: Any, values: Any, times: Any) -> xr.Dataset:
    """Put noise vectors on the samples of all of them, each linear between its own."""
    every = np.unique(np.concatenate([np.asarray(one) for one in samples]))
    table = [
        np.interp(every, at, value) for at, value in zip(samples, values, strict=True)
    ]
    known = len(times) == len(lines)  # IPF 2.72 writes none
    return xr.Dataset(
        {
            "noise_lut": (("line", "sample"), np.stack(table)),
            "azimuthTime": ("line", times if known else np.full(len(lines), np.nan)),
        },
        coords={"line": lines, "sample": every},
    )
