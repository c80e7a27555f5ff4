"""What xsar lacks for stripmap and EW products, put in its place on demand."""

from typing import Any, Final

import numpy as np
import xarray as xr

from xoceansar._optional import require
from xoceansar.errors import OceansarError

__all__ = ["repair_xsar"]

_SEAMS: Final = (
    "swaths", "azimuthTime", "firstAzimuthLine", "lastAzimuthLine",
    "firstRangeSample", "lastRangeSample",
)  # fmt: skip
_DONE: Final = "_xoceansar_repaired"


def repair_xsar() -> None:
    """Let xsar open stripmap products, and place the noise of EW products right.

    Raises
    ------
    MissingDependencyError
        If xsar is not installed.
    OceansarError
        If this xsar has not the functions that are replaced.

    Notes
    -----
    Call it once, before products are opened; another call does nothing. It replaces three
    functions of xsar and xarray-safe-s1 in this process, and no file.

    xsar 2026.8.31 with xarray-safe-s1 2026.1.23

    - opens no stripmap GRD product: it asks for the seams between sub-swaths, of which there are
      none;
    - opens no stripmap SLC product: it asks for the shift between bursts, of which there are none;
    - puts every noise vector of a product on the samples of the first one, though in EW they
      differ, by up to 61 samples where sub-swaths meet, and drops the last ones.

    Examples
    --------
    >>> from xoceansar.io import repair_xsar
    >>> repair_xsar()  # doctest: +SKIP
    """
    xsar = require("xsar", extra="xsar")
    mappings = require("safe_s1.sentinel1_xml_mappings", extra="xsar")
    dataset = xsar.Sentinel1Dataset
    if getattr(dataset, _DONE, False):
        return
    try:
        seams = mappings.compounds_vars["swath_merging"]
        ranges = mappings.compounds_vars["noise_lut_range_raw"]
        merged, shift = seams["func"], dataset.corrected_range_noise_lut
    except (AttributeError, KeyError) as error:
        raise OceansarError(
            f"xsar {xsar.__version__} has no {error}, which is repaired in xsar 2026.8.31. A "
            "later version may need no repair: open the product without it."
        ) from error

    def merge(swath: Any, *rest: Any) -> xr.Dataset:
        if len(swath):
            found: xr.Dataset = merged(swath, *rest)
            return found
        return xr.Dataset({name: ("dim_azimuthTime", []) for name in _SEAMS})

    def corrected(self: Any, tree: xr.DataTree) -> xr.Dataset:
        if self.sar_meta._bursts["burst"].size:
            found: xr.Dataset = shift(self, tree)
            return found
        return tree["noise_range"].to_dataset()

    seams["func"] = merge
    ranges["func"] = _noise
    dataset.corrected_range_noise_lut = corrected
    setattr(dataset, _DONE, True)


def _noise(lines: Any, samples: Any, values: Any, times: Any) -> xr.Dataset:
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
