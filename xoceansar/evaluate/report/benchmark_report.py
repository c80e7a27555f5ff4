"""The report of a benchmark: a folder with its tables, its figures and its numbers."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from xoceansar._optional import require
from xoceansar._paths import local_target
from xoceansar.evaluate.benchmark_result import BenchmarkResult
from xoceansar.evaluate.experiments import ExperimentResult
from xoceansar.evaluate.iceberg_task import curve_of_rows
from xoceansar.evaluate.metrics.box_scores import average_precision, best_f1
from xoceansar.evaluate.report import charts
from xoceansar.evaluate.report.chart_sheet import (
    GRID,
    SMALL,
    chosen,
    colour,
    plain,
    require_kind,
    sheet,
)
from xoceansar.plot.style import INK

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def write_report(
    result: BenchmarkResult, folder: str | Path, *, dpi: int = 160
) -> Path:
    """Write a benchmark as a folder that can be read, checked and compared.

    Parameters
    ----------
    result : BenchmarkResult
        From `xoceansar.evaluate.benchmark`.
    folder : str or Path
        Made if it does not exist; files of the same names are replaced.
    dpi : int, default 160
        Pixels per inch of the figures.

    Returns
    -------
    Path
        ``report.md``: tables and figures. Beside it ``scores.json`` and the figures as PNG.

    Raises
    ------
    MissingDependencyError
        If matplotlib or cmocean is not installed.

    Examples
    --------
    >>> import xoceansar as xos
    >>> sea = xos.simulate.vignettes(60, seed=1, shape=(64, 64))
    >>> result = xos.evaluate.benchmark(sea, "swh", models=["constant"])
    >>> report = write_report(result, "report")
    >>> files = {path.name for path in report.parent.iterdir()}
    >>> files > {"report.md", "scores.json", "overview.png", "scatter.png"}
    True
    >>> sorted(name for name in files if name.startswith("rmse-by-s"))
    ['rmse-by-sea-state.png']
    """
    return write_folder(result, _figures(result), folder, "scores.json", dpi=dpi)


def write_folder(
    result: BenchmarkResult | ExperimentResult,
    figures: Iterable[tuple[str, str, "Callable[[], Figure]"]],
    folder: str | Path,
    numbers: str,
    *,
    dpi: int,
) -> Path:
    """Write figures, numbers and the text that shows them."""
    pyplot = require("matplotlib.pyplot", extra="plot")
    target = local_target(folder, "a report")
    target.mkdir(parents=True, exist_ok=True)
    shown: dict[str, str] = {}
    for name, what, draw in figures:
        figure = draw()
        figure.savefig(target / f"{name}.png", dpi=dpi)
        pyplot.close(figure)
        shown[what] = f"{name}.png"
    (target / numbers).write_text(result.to_json(), encoding="utf-8")
    report = target / "report.md"
    report.write_text(result.to_markdown(shown), encoding="utf-8")
    return report


def _figures(
    result: BenchmarkResult,
) -> Iterator[tuple[str, str, "Callable[[], Figure]"]]:
    """List the figures that fit the task: file, what it shows, and how it is drawn."""
    yield "overview", "scores of all models", partial(charts.score_overview, result)
    kind = result.task.kind
    if kind == "classes":
        yield (
            "confusion",
            "confusion matrix of the best model",
            partial(charts.confusion, result),
        )
        yield "reliability", "reliability", partial(charts.reliability, result)
    if kind == "number":
        yield "scatter", "predicted against true", partial(charts.scatter, result)
    if kind == "direction":
        yield (
            "errors",
            "distribution of the errors",
            partial(charts.direction_errors, result),
        )
    if kind == "objects":
        yield (
            "precision-recall",
            "precision against recall",
            partial(precision_recall, result),
        )
    first = result.task.metrics[0]
    biases = [m for m in result.task.metrics if m.better == "zero"]
    for stratum in result.strata:
        slug = stratum.replace(" ", "-")
        for metric in (first, *biases):
            yield (
                f"{metric.name}-by-{slug}",
                f"{metric.label} by {stratum}",
                partial(
                    charts.score_by_bin, result, metric=metric.name, stratum=stratum
                ),
            )


def precision_recall(
    result: BenchmarkResult, *, models: Sequence[str] | None = None
) -> "Figure":
    """Draw precision against recall at every threshold, with the best F1 of each model."""
    require_kind(result, "objects")
    drawn = chosen(result, models, most=4)
    figure, (ax,) = sheet(result, 4.6, 3.9, 1)
    for model in drawn:
        curve = curve_of_rows(result.truth, result.predictions[model])
        f1, threshold = best_f1(curve)
        label = f"{model}: best F1 {f1:.3f}, average precision {average_precision(curve):.3f}"
        shade = colour(result, model)
        ax.plot(curve.recall, curve.precision, color=shade, lw=1.4, label=label)
        if len(curve.f1):
            at = int(curve.f1.argmax())
            place = (curve.recall[at], curve.precision[at])
            ax.plot(*place, "o", color=shade, ms=5, mec="white", mew=0.8)
            ax.annotate(
                f"{threshold:.2g}", place, xytext=(5, 4), textcoords="offset points",
                color=shade, fontsize=6.5,
            )  # fmt: skip
    plain(ax)
    ax.grid(color=GRID, lw=0.5)
    ax.set_axisbelow(True)
    ax.set(xlim=(0, 1.02), ylim=(0, 1.02))
    ax.set_xlabel("recall: icebergs that were found", fontsize=8, color=INK)
    ax.set_ylabel("precision: detections that are icebergs", fontsize=8, color=INK)
    ax.legend(loc="lower left", frameon=False, fontsize=7, labelcolor=INK)
    ax.text(
        0.02, 0.2, "dots: threshold of the best F1", transform=ax.transAxes, **SMALL
    )
    return figure
