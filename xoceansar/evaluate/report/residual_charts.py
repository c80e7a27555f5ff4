"""Charts of what a model got wrong: where, when, at which incidence, and how sure it was."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd
import xarray as xr

from xoceansar._typing import Array
from xoceansar.conventions import VIGNETTE
from xoceansar.evaluate.benchmark_result import OVERALL
from xoceansar.evaluate.report.chart_sheet import GRID, SMALL, heading, plain
from xoceansar.evaluate.report.charts import cloud
from xoceansar.plot.figures import new_figure
from xoceansar.plot.maps import map as draw_map
from xoceansar.plot.style import CAUTION, INK, MISSING, OTHER_COLOURS, quantity_label

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Vignettes without which a bin is not drawn.
FEWEST: Final = 10
_BINS: Final = 12


@dataclass(frozen=True, eq=False)
class Residuals:
    """What was predicted of some vignettes, beside the truth.

    Parameters
    ----------
    name, units : str
        Of the target.
    ds : Dataset
        ``true``, ``predicted`` (vignette), with the coordinates of the vignettes.
    caution : str
        What is simulated; empty where nothing is.
    """

    name: str
    units: str
    ds: xr.Dataset
    caution: str = ""

    @property
    def error(self) -> Array:
        """Predicted less true."""
        return np.asarray((self.ds["predicted"] - self.ds["true"]).values, float)

    @property
    def label(self) -> str:
        """Of an axis."""
        return quantity_label(
            "error",
            {"long_name": f"{self.name}, predicted less true", "units": self.units},
        )


def scatter_density(residuals: Residuals) -> "Figure":
    """Draw predicted against true, with the line on which they agree."""
    figure, (ax,) = _sheet(residuals, 4.6, 4.4)
    true, pred = (residuals.ds[n].values.astype(float) for n in ("true", "predicted"))
    cloud(ax, true, pred)
    high = float(np.nanmax([np.nanmax(true), np.nanmax(pred)])) * 1.04
    low = min(0.0, float(np.nanmin([np.nanmin(true), np.nanmin(pred)])))
    ax.plot([low, high], [low, high], color=INK, lw=0.8)
    ax.set(xlim=(low, high), ylim=(low, high), aspect="equal")
    known = residuals.error[np.isfinite(residuals.error)]
    said = (
        f"RMSE {np.sqrt((known**2).mean()):.3g} {residuals.units}\n"
        f"bias {known.mean():+.2g} {residuals.units}\nn {len(known)}"
    )
    ax.text(
        0.04, 0.97, said, transform=ax.transAxes, va="top", linespacing=1.4, **SMALL
    )
    ax.set_xlabel(f"true ({residuals.units})", fontsize=8, color=INK)
    ax.set_ylabel(f"predicted ({residuals.units})", fontsize=8, color=INK)
    heading(ax, f"{residuals.name}: density of the vignettes")
    return figure


def residual_map(residuals: Residuals) -> "Figure":
    """Draw the error of each vignette where it lies."""
    spread = float(np.nanpercentile(np.abs(residuals.error), 95)) or 1.0
    array = xr.DataArray(
        residuals.error,
        dims=VIGNETTE,
        coords={n: residuals.ds[n] for n in ("longitude", "latitude")},
        name="residual",
        attrs={
            "long_name": f"{residuals.name}, predicted less true",
            "units": residuals.units,
            **({"simulated": 1} if residuals.caution else {}),
        },
    )
    return draw_map(array, cmap="RdBu_r", vmin=-spread, vmax=spread)


def residual_against(residuals: Residuals, variable: str) -> "Figure":
    """Draw the error against a coordinate, with the median and the middle half of its bins."""
    coordinate = residuals.ds[variable]
    x = np.asarray(coordinate.values)
    y = residuals.error
    is_time = x.dtype.kind == "M"
    known = np.isfinite(y) & (~np.isnat(x) if is_time else np.isfinite(x.astype(float)))
    x, y = x[known], y[known]
    figure, (ax,) = _sheet(residuals, 6.4, 3.2)
    ax.axhline(0, color=INK, lw=0.7)
    ax.scatter(x, y, s=5, lw=0, color=MISSING, alpha=0.5, rasterized=True)
    number = x.astype("datetime64[s]").astype(float) if is_time else x.astype(float)
    order = np.argsort(number, kind="stable")
    count = max(1, min(_BINS, len(order) // FEWEST))
    parts = [part for part in np.array_split(order, count) if len(part)]
    quartiles = np.array([np.percentile(y[p], (25, 50, 75)) for p in parts])
    at = [number[p].mean() for p in parts]
    where = np.array(at).astype("datetime64[s]") if is_time else np.array(at)
    tone = OTHER_COLOURS[0]
    ax.fill_between(
        where, quartiles[:, 0], quartiles[:, 2], color=tone, alpha=0.25, lw=0
    )
    ax.plot(where, quartiles[:, 1], "o-", color=tone, ms=3.5, lw=1.2)
    plain(ax)
    ax.grid(axis="y", color=GRID, lw=0.6)
    ax.set_axisbelow(True)
    ax.set_xlabel(quantity_label(variable, coordinate.attrs), fontsize=8, color=INK)
    ax.set_ylabel(residuals.label, fontsize=8, color=INK)
    heading(
        ax,
        f"Error of {residuals.name} against {variable}",
        "line: median; band: middle half",
    )
    return figure


def coverage_chart(coverage: pd.DataFrame, *, caution: str = "") -> "Figure":
    """Draw how often intervals hold the truth, over all and within each division of ten vignettes or more."""
    coverage = coverage[coverage["n"] >= FEWEST]
    wanted = float(coverage["wanted"].iloc[0])
    labels = [
        f"{r.target}, {r.part}" if r.stratum == OVERALL else f"   {r.stratum}: {r.bin}"
        for r in coverage.itertuples()
    ]
    held, n = coverage["held"].to_numpy(float), coverage["n"].to_numpy(float)
    # two standard errors of a share, as if vignettes were independent
    margin = 2 * np.sqrt(wanted * (1 - wanted) / n)
    figure = new_figure(figsize=(6.4, 1.1 + 0.19 * len(labels)))
    figure.set_layout_engine("constrained", rect=(0, 0.03, 1, 0.97))
    ax = figure.subplots()
    y = np.arange(len(labels))
    ends = np.clip([wanted - margin, wanted + margin], 0, 1)
    ax.hlines(y, *ends, color=MISSING, lw=3, alpha=0.5)
    whole = (coverage["stratum"] == OVERALL).to_numpy()
    for rows, size in ((whole, 5), (~whole, 3.5)):
        ax.plot(held[rows], y[rows], "o", color=OTHER_COLOURS[0], ms=size)
    ax.axvline(wanted, color=INK, lw=0.7)
    ax.set_yticks(y, [f"{t} (n = {int(k)})" for t, k in zip(labels, n, strict=True)])
    ax.set_ylim(len(labels) - 0.5, -0.8)
    plain(ax)
    ax.set_xlabel("share of the truths within the interval", fontsize=8, color=INK)
    heading(ax, f"Intervals of {100 * wanted:g} %", "grey: two standard errors")
    _say(figure, caution)
    return figure


def _sheet(residuals: Residuals, width: float, height: float) -> tuple["Figure", list]:  # type: ignore[type-arg]
    figure = new_figure(figsize=(width, height))
    figure.set_layout_engine("constrained", rect=(0, 0.05, 1, 0.95))
    _say(figure, residuals.caution)
    return figure, [figure.subplots()]


def _say(figure: "Figure", caution: str) -> None:
    if caution:
        figure.text(0.01, 0.005, caution, fontsize=6.5, style="italic", color=CAUTION)
