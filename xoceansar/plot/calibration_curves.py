"""Bias of the calibration by month, with what is known to have happened."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
import xarray as xr

from xoceansar._optional import require
from xoceansar.errors import DomainError
from xoceansar.ops.backscatter_bias import calibration_bias as compute_bias
from xoceansar.plot.figures import new_figure
from xoceansar.plot.style import CAUTION, INK, OTHER_COLOURS, provenance, sentence
from xoceansar.sar.calibration_events import CALIBRATION_EVENTS, CalibrationEvent

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["calibration_bias"]

_KEYS: Final = ("platform", "beam", "polarisation", "ipf_version")
#: Radiometric accuracy that Sentinel-1 is to have, three standard deviations, dB.
_ACCURACY: Final = 1.0


def calibration_bias(
    obj: xr.Dataset | pd.DataFrame, wind: xr.Dataset | None = None, **options: Any
) -> "Figure":
    """Draw the bias of the calibration by month: sigma0 less CMOD5.N, with its standard error.

    Parameters
    ----------
    obj : Dataset or DataFrame
        Vignettes, or the table that `xoceansar.ops.calibration_bias` made of them by month.
    wind : Dataset, optional
        Wind at the vignettes, where these are given.
    **options
        As `xoceansar.ops.calibration_bias` takes them.

    Returns
    -------
    matplotlib.figure.Figure
        A line for each satellite, beam, polarisation and processor version; bars of one standard error; dashed where
        something is known to have changed.

    Raises
    ------
    DomainError
        If the table has no months, or no row.
    MissingDependencyError
        If matplotlib is not installed.

    Examples
    --------
    >>> import xoceansar as xos
    >>> sea = xos.simulate.vignettes(8, seed=1, shape=(64, 64))
    >>> figure = calibration_bias(sea, sea, latitude=90, wind_speeds=(0, 50))
    >>> figure.axes[0].get_ylabel()
    'Sigma0 less CMOD5.N (dB)'
    """
    table = obj if isinstance(obj, pd.DataFrame) else _computed(obj, wind, options)
    if "month" not in table or table.empty:
        raise DomainError(
            "a table of calibration_bias with the column 'month' and at least one row is needed; it has "
            f"{', '.join(map(str, table.columns))}, {len(table)} rows."
        )
    figure = new_figure(figsize=(7.2, 3.6), layout="constrained")
    axes = figure.subplots()
    keys = [name for name in _KEYS if name in table]
    groups = table.groupby(keys) if keys else [((), table)]
    for number, (key, part) in enumerate(groups):
        axes.errorbar(
            _middles(part), part["bias"], yerr=part["standard_error"].fillna(0), fmt="o-",
            ms=3.5, lw=1.0, capsize=2, color=OTHER_COLOURS[number % len(OTHER_COLOURS)],
            label=" ".join(str(word) for word in key if str(word)) or "all",
        )  # fmt: skip
    dates = require("matplotlib.dates", extra="plot")
    for event in _events(table):
        day = dates.date2num(event.start)
        axes.axvline(day, color=CAUTION, lw=0.8, ls="--")
        axes.annotate(
            sentence(event.what.partition(":")[0]), (day, 1), xycoords=("data", "axes fraction"), rotation=90,
            va="top", ha="right", fontsize=5.5, color=CAUTION,
        )  # fmt: skip
    axes.axhline(0, color=INK, lw=0.6)
    axes.axhspan(-_ACCURACY, _ACCURACY, color="0.93", zorder=0)
    axes.set_ylabel("Sigma0 less CMOD5.N (dB)", fontsize=8, color=INK)
    axes.tick_params(labelsize=7)
    axes.legend(fontsize=6.5, frameon=False, ncols=2)
    source = obj.attrs if isinstance(obj, xr.Dataset) else {}
    axes.set_title(
        provenance(source) or "Grey: 1 dB, the radiometric accuracy (three sigma)",
        fontsize=7, color=INK, loc="left",
    )  # fmt: skip
    return figure


def _computed(
    ds: xr.Dataset, wind: xr.Dataset | None, options: dict[str, Any]
) -> pd.DataFrame:
    return compute_bias(ds, ds if wind is None else wind, **options)


def _middles(part: pd.DataFrame) -> Any:
    return pd.to_datetime(part["month"], format="%Y-%m") + pd.Timedelta(days=14)


def _events(table: pd.DataFrame) -> Iterator[CalibrationEvent]:
    """Find the steps within the months of the table, of what is in it."""
    months = pd.to_datetime(table["month"], format="%Y-%m")
    first, last = months.min(), months.max() + pd.offsets.MonthEnd(1)
    pairs = (
        table[["platform", "beam"]].drop_duplicates()
        if "platform" in table and "beam" in table
        else None
    )
    for event in CALIBRATION_EVENTS:
        of = pairs is None or any(event.concerns(*pair) for pair in np.asarray(pairs))
        if event.kind == "step" and of and first <= event.start <= last:
            yield event
