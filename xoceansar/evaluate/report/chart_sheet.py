"""What the charts share: the sheet, its words, and which models are drawn."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from xoceansar.errors import OceansarError
from xoceansar.evaluate.benchmark_result import BenchmarkResult
from xoceansar.evaluate.tasks import Kind, Metric
from xoceansar.models.spec.choices import origin_in_words
from xoceansar.plot.figures import new_figure
from xoceansar.plot.style import CAUTION, INK, OTHER_COLOURS, quantity_label

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


#: Models in a figure that compares several.
_MOST: Final = 4
_FOOT: Final = 0.2  # inches
#: Figures less wide need two lines for what is said below them, inches.
_NARROW: Final = 5.5
MARKERS: Final = "os^Dvph*"
SMALL: Final[dict[str, Any]] = {"fontsize": 7, "color": INK}
GRID: Final = "#e3e3e3"


def sheet(
    result: BenchmarkResult, width: float, height: float, columns: int = 1, **how: Any
) -> tuple["Figure", list["Axes"]]:
    """Make a figure with axes in a row, and what must be said below them."""
    figure = new_figure(figsize=(width, height))
    grid = figure.subplots(1, columns, squeeze=False, **how)
    parts = _caution(result)
    text = "\n".join(parts) if width < _NARROW else " ".join(parts)
    foot = (_FOOT + 0.11 * text.count("\n")) / height if text else 0.0
    figure.set_layout_engine("constrained", rect=(0, foot, 1, 1 - foot))
    if text:
        figure.text(
            0.08 / width,
            0.05 / height,
            text,
            fontsize=6.5,
            style="italic",
            color=CAUTION,
        )
    return figure, list(grid[0])


def _caution(result: BenchmarkResult) -> list[str]:
    parts = []
    if result.simulated:
        parts.append("Simulated sea: no measure of skill on the real one.")
    trained: dict[str, dict[str, None]] = {}
    for model in result.metadata["models"].values():
        if origin := origin_in_words(model.get("simulated_training")):
            trained.setdefault(origin, {})[model["model"]] = None
    return parts + [
        f"Trained on {o}: {', '.join(names)}." for o, names in trained.items()
    ]


def plain(ax: "Axes") -> None:
    """Draw thin axes with small numbers."""
    ax.tick_params(labelsize=7, colors=INK, length=2.5, width=0.6)
    for side, spine in ax.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set(linewidth=0.6, color=INK)


def heading(ax: "Axes", title: str, under: str = "") -> None:
    """Write a title on the left, and a line below it in grey."""
    both = f"{title}\n" if under else title
    ax.set_title(both, fontsize=8.5, color=INK, loc="left", linespacing=1.5)
    if under:
        ax.annotate(
            under, (0, 1), (0, 5), xycoords="axes fraction", textcoords="offset points",
            fontsize=7, color="#666666", va="bottom",
        )  # fmt: skip


def axis_label(metric: Metric) -> str:
    """Name a score with its units."""
    return quantity_label(
        metric.name, {"long_name": metric.label, "units": metric.units}
    )


def require_kind(result: BenchmarkResult, *kinds: Kind) -> None:
    """Refuse a result that the chart cannot show."""
    if result.task.kind not in kinds:
        raise OceansarError(
            f"this chart shows tasks of kind {list(kinds)}; {result.task.name!r} is of kind "
            f"{result.task.kind!r}. Use xoceansar.evaluate.write_report for all that fit."
        )


def chosen(
    result: BenchmarkResult, models: Sequence[str] | None, most: int = _MOST
) -> list[str]:
    """Choose the models that are drawn: those asked for, or the best ones."""
    if models is None:
        return list(result.models[:most])
    unknown = [name for name in models if name not in result.predictions]
    if unknown or not models:
        raise OceansarError(
            f"the benchmark has no model {unknown}; it has {list(result.predictions)}."
        )
    return list(models)


def colour(result: BenchmarkResult, model: str) -> str:
    """Give a model the same colour in all figures of a benchmark."""
    index = list(result.predictions).index(model)
    return OTHER_COLOURS[index % len(OTHER_COLOURS)]


def spread(n: int, width: float) -> npt.NDArray[np.float64]:
    """Offsets that set n marks side by side."""
    return np.asarray((np.arange(n) - (n - 1) / 2) * (width / max(n, 1)))
