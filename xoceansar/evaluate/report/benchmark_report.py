"""The report of a benchmark: a folder with its tables, its figures and its numbers."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from xoceansar._optional import require
from xoceansar._paths import local_target
from xoceansar.evaluate.benchmark_result import BenchmarkResult
from xoceansar.evaluate.experiments import ExperimentResult
from xoceansar.evaluate.report import charts
from xoceansar.evaluate.report.detection_chart import precision_recall

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
    >>> sorted(path.name for path in report.parent.iterdir())
    ['bias-by-beam.png', 'bias-by-sea-state.png', 'bias-by-wind.png', 'overview.png', 'report.md', 'rmse-by-beam.png', 'rmse-by-sea-state.png', 'rmse-by-wind.png', 'scatter.png', 'scores.json']
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
