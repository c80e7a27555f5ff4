"""Splits where the calibration is known to have changed."""

import numpy as np
import numpy.typing as npt
import xarray as xr

from xoceansar.conventions import VIGNETTE
from xoceansar.conventions.texts import text_values
from xoceansar.errors import MissingVariableError, OceansarError
from xoceansar.layout.vignette_dims import along_vignettes
from xoceansar.sar.calibration_events import calibration_periods
from xoceansar.splits.partition import Split

__all__ = ["calibration_period", "calibration_split"]

_NEEDED = ("platform", "beam", "time")


def calibration_period(ds: xr.Dataset | xr.DataArray) -> npt.NDArray[np.str_]:
    """Say in which period of calibration each vignette was taken.

    Parameters
    ----------
    ds : Dataset or DataArray
        With ``platform``, ``beam`` and ``time`` along vignette.

    Returns
    -------
    ndarray (vignette,) of str
        As ``S1A wv2 from 2021-06-26``; only satellite and beam where no step is known. The steps are those of
        `xoceansar.sar.CALIBRATION_EVENTS`.

    Raises
    ------
    MissingVariableError
        If one of these coordinates is not there.

    Examples
    --------
    >>> ds = xr.Dataset(
    ...     coords={
    ...         "platform": ("vignette", ["S1B"]),
    ...         "beam": ("vignette", ["wv2"]),
    ...         "time": ("vignette", np.array(["2021-07-01"], "datetime64[ns]")),
    ...     }
    ... )
    >>> calibration_period(ds).tolist()
    ['S1B wv2 from 2021-06-26']
    """
    ds = along_vignettes(ds)
    absent = [name for name in _NEEDED if name not in ds.coords]
    if absent:
        raise MissingVariableError(
            f"periods of calibration are told from platform, beam and time along vignette; {', '.join(absent)} "
            "is not there. Readers of the library add them."
        )
    n = ds.sizes[VIGNETTE]
    platform, beam = (
        np.broadcast_to(text_values(ds[name]), n) for name in ("platform", "beam")
    )
    time = np.broadcast_to(ds["time"].values, n)
    return calibration_periods(platform, beam, time)


def calibration_split(groups: npt.ArrayLike, periods: npt.NDArray[np.str_]) -> Split:
    """Learn from whole passes before the steps of the calibration, and score those after.

    Shapes: `groups`, `periods` (n,).

    Notes
    -----
    A pass counts as after, if one of its vignettes is. What has no step is with its pass.

    Examples
    --------
    >>> periods = np.array(["S1A wv1", "S1A wv2 until 2021-06-26"] * 2)
    >>> periods[3] = "S1A wv2 from 2021-06-26"
    >>> calibration_split(["a", "a", "b", "b"], periods).test.tolist()
    [2, 3]
    """
    names = np.asarray(groups)
    later = np.char.find(periods, " from ") >= 0
    scored = np.isin(names, names[later])
    if scored.all() or not scored.any():
        raise OceansarError(
            "a split by calibration needs vignettes before and after a step that is known, of WV2 on 2021-06-26 or of "
            f"Sentinel-1C on 2025-05-21; found {', '.join(sorted(set(periods.tolist())))}. Use split='time'."
        )
    rows = np.arange(len(names))
    return Split(rows[~scored], rows[:0], rows[scored])
