"""The truth of each vignette as it was found, before it is checked."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
import xarray as xr

from xoceansar.conventions.texts import has_texts, text_values

#: Names of what stands beside a target: how sure its source is of it.
ERROR: Final = "_standard_error"


@dataclass(frozen=True, eq=False)
class FoundTruth:
    """The truth of each vignette, in the order of the archive.

    Parameters
    ----------
    table : Dataset (vignette)
        Targets, with their standard errors where known, ``truth_source``, and where it was matched in
        space and time ``collocation_distance``, ``_time_offset`` and ``_flag``.
    simulated : bool
        Whether the truth says that it is.
    about : str
        What it is, in a line.
    unmatched : mapping of str to int
        Vignettes without a truth, by the reason.
    twins : DataFrame or None
        The pairs, where the truth is of Level-2 twins.
    """

    table: xr.Dataset
    simulated: bool
    about: str
    unmatched: Mapping[str, int]
    twins: pd.DataFrame | None = None


def blank(values: Any, missing: Any) -> Any:
    """Take values away where they are missing."""
    if has_texts(values):
        return np.where(missing, "", text_values(values))
    if values.dtype.kind in "iub":
        return np.where(missing, -1, values)
    if values.dtype.kind in "mM":
        return np.where(missing, np.array("NaT", values.dtype), values)
    return np.where(missing, np.nan, values)
