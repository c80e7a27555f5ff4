"""The report of an experiment: a folder with its words, its tables and its figures."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from xoceansar.errors import OceansarError
from xoceansar.evaluate.benchmark_result import OVERALL, BenchmarkResult
from xoceansar.evaluate.experiments import ExperimentResult
from xoceansar.evaluate.report import charts
from xoceansar.evaluate.report.benchmark_report import write_folder
from xoceansar.evaluate.report.chart_sheet import (
    GRID,
    MARKERS,
    axis_label,
    heading,
    plain,
    sheet,
)
from xoceansar.evaluate.tasks import Metric
from xoceansar.plot.style import INK, OTHER_COLOURS

if TYPE_CHECKING:
    from matplotlib.figure import Figure


#: Specified absolute radiometric accuracy of the wave mode, dB, three standard deviations
#: (ESA, Sentinel-1 wave mode).
_SPECIFIED: Final = 1.0


def gain_curve(
    result: ExperimentResult, task: str, *, metric: str | None = None
) -> "Figure":
    """Draw a score of each beam against the error of the gain."""
    if not result.axis or task not in result.parts:
        raise OceansarError(
            f"a gain curve needs the experiment 'calibration' with one of its tasks; got "
            f"{result.name!r} with {list(result.parts)} and {task!r}."
        )
    part = result.parts[task]
    shown = _metric(part, metric)
    names = sorted(result.axis, key=lambda name: result.axis[name])
    x = np.array([result.axis[name] for name in names])
    lines = {("all", OVERALL): "both beams"}
    if "beam" in part.strata:
        beams = [b for b in np.unique(part.strata["beam"]) if b]
        lines = {(beam, "beam"): beam for beam in beams}
    figure, (ax,) = sheet(part, 5.0, 3.4)
    ax.axvspan(-_SPECIFIED, _SPECIFIED, color="#f0f0f0", lw=0, zorder=0)
    for ((label, stratum), name), tone, mark in zip(
        lines.items(), OTHER_COLOURS, MARKERS, strict=False
    ):
        rows = part.select(stratum=stratum, bin=label, metric=shown.name)
        rows = rows.set_index("model").loc[names]
        lower, upper = (rows[k].to_numpy(float) for k in ("lower", "upper"))
        ax.fill_between(x, lower, upper, color=tone, alpha=0.15, lw=0)
        ax.plot(x, rows["value"], mark + "-", color=tone, ms=4.5, lw=1.4, label=name)
    if shown.better == "zero":
        ax.axhline(0, color=INK, lw=0.7)
    plain(ax)
    ax.grid(axis="y", color=GRID, lw=0.6)
    ax.set_axisbelow(True)
    ax.set_xlabel("error of the gain (dB)", fontsize=8, color=INK)
    ax.set_ylabel(axis_label(shown), fontsize=8, color=INK)
    ax.legend(fontsize=7, frameon=False)
    n = part.metadata["n_scored"]
    heading(
        ax,
        f"{task.replace('_', ' ')}: {shown.label} under errors of calibration",
        f"{n} vignettes; grey: specified accuracy, 1 dB; bands: 95 % confidence",
    )
    return figure


def _metric(part: BenchmarkResult, name: str | None) -> Metric:
    metrics = {m.name: m for m in part.task.metrics}
    if name is None:
        biased = [m for m in part.task.metrics if m.better == "zero"]
        return (biased or list(part.task.metrics))[0]
    if name not in metrics:
        raise OceansarError(
            f"{part.task.name} has no score {name!r}; it has {list(metrics)}."
        )
    return metrics[name]


def write_experiment(
    result: ExperimentResult, folder: str | Path, *, dpi: int = 160
) -> Path:
    """Write an experiment as a folder that can be read and compared.

    Parameters
    ----------
    result : ExperimentResult
        From `xoceansar.evaluate.experiment`.
    folder : str or Path
        Made if it does not exist; files of the same names are replaced.
    dpi : int, default 160
        Pixels per inch of the figures.

    Returns
    -------
    Path
        ``report.md``. Beside it ``result.json`` and the figures as PNG.

    Raises
    ------
    MissingDependencyError
        If matplotlib or cmocean is not installed.

    Examples
    --------
    >>> import xoceansar as xos
    >>> result = xos.evaluate.experiment("sensor")  # doctest: +SKIP
    >>> write_experiment(result, "sensor").read_text()  # doctest: +SKIP
    """
    return write_folder(result, _figures(result), folder, "result.json", dpi=dpi)


def _figures(
    result: ExperimentResult,
) -> Iterator[tuple[str, str, "Callable[[], Figure]"]]:
    """List the figures: file, what it shows, and how it is drawn."""
    for name, part in result.parts.items():
        if result.axis:
            yield f"{name}-gain", f"{name}: gain", partial(gain_curve, result, name)
        yield (
            f"{name}-scores",
            f"{name}: scores",
            partial(charts.score_overview, part),
        )
