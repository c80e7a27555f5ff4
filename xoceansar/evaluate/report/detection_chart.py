"""The chart of a detector: precision against recall at every threshold."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from xoceansar.evaluate.benchmark_result import BenchmarkResult
from xoceansar.evaluate.iceberg_task import curve_of_rows
from xoceansar.evaluate.metrics.box_scores import average_precision, best_f1
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
