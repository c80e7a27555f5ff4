"""Charts of a benchmark: scores with their limits, errors, confusion and calibration.

Drawn without a display; none is shown. On each stands what of it is simulated.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from xoceansar._typing import Array
from xoceansar.conventions import VARIABLES
from xoceansar.errors import OceansarError
from xoceansar.evaluate import metrics
from xoceansar.evaluate.benchmark_result import OVERALL, BenchmarkResult
from xoceansar.evaluate.report.chart_sheet import (
    GRID,
    MARKERS,
    SMALL,
    axis_label,
    chosen,
    colour,
    heading,
    plain,
    require_kind,
    sheet,
    spread,
)
from xoceansar.plot.style import (
    INK,
    MISSING,
    Shading,
    colormap,
    quantity_label,
    sentence,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


_CELLS: Final = Shading("dense", ends=(0.0, 0.85))
_DENSITY: Final = Shading("dense", ends=(0.25, 0.95))
#: Vignettes that a point of a reliability curve needs.
_ENOUGH: Final = 5
#: Vignettes below which a scatter is of points, coloured by how many are near.
_POINTS: Final = 20_000


def score_overview(result: BenchmarkResult, *, metric: str | None = None) -> "Figure":
    """Draw the score of each model with its confidence limits, the best on top."""
    shown = next(m for m in result.task.metrics if m.name == (metric or m.name))
    rows = result.select(stratum=OVERALL, metric=shown.name)
    rows = rows.set_index("model").loc[list(result.models)]
    figure, (ax,) = sheet(result, 6.4, 1.25 + 0.3 * len(rows))
    for y, (model, row) in enumerate(rows.iterrows()):
        tone = colour(result, str(model))
        if np.isfinite(row["lower"]):
            ax.plot(
                [row["lower"], row["upper"]], [y, y], color=tone, lw=2.4, alpha=0.45
            )
        ax.plot(row["value"], y, "o", color=tone, ms=5)
        ax.annotate(
            f"{row['value']:.3g}", (row["value"], y), (0, 5), textcoords="offset points",
            ha="center", va="bottom", **SMALL,
        )  # fmt: skip
    ax.set_yticks(range(len(rows)), list(rows.index), fontsize=7.5)
    ax.set_ylim(len(rows) - 0.5, -0.7)
    plain(ax)
    ax.tick_params(axis="y", length=0, labelsize=7.5)
    ax.spines["left"].set_visible(False)
    ax.grid(axis="x", color=GRID, lw=0.6)
    ax.set_axisbelow(True)
    ax.set_xlabel(axis_label(shown), fontsize=8, color=INK)
    better = {"low": "left is better", "high": "right is better", "zero": "0 is best"}
    heading(ax, sentence(_subject(result)), _size(result, better[shown.better]))
    return figure


def _subject(result: BenchmarkResult) -> str:
    text = result.task.description.rstrip(".")
    return text[:1].lower() + text[1:]


def _size(result: BenchmarkResult, *more: str) -> str:
    meta = result.metadata
    text = f"{meta['n_scored']} vignettes, {meta['n_passes']} passes"
    known = result.scores["lower"].notna().any()
    limits = [f"bars: {100 * meta['confidence']:g} % confidence"] if known else []
    return "; ".join((text, *limits, *more))


def score_by_bin(
    result: BenchmarkResult,
    *,
    metric: str | None = None,
    stratum: str | None = None,
    models: Sequence[str] | None = None,
) -> "Figure":
    """Draw a score in each bin of a division: the bias by sea state, where not told otherwise."""
    own = [s.name for s in result.task.strata if s.variable == result.task.target]
    name = stratum or next(
        (s for s in (*own, *result.strata) if s in result.strata), ""
    )
    biases = [m for m in result.task.metrics if m.better == "zero"]
    wanted = metric or (biases or list(result.task.metrics))[0].name
    rows = result.select(stratum=name, metric=wanted)
    if rows.empty:
        raise OceansarError(
            f"the benchmark has no {wanted!r} by {name!r}; it is divided by "
            f"{list(result.strata)}."
        )
    shown = next(m for m in result.task.metrics if m.name == wanted)
    bins = list(dict.fromkeys(rows["bin"]))
    drawn = chosen(result, models)
    figure, (ax,) = sheet(result, 7.4, 3.2)
    for model, shift, mark in zip(
        drawn, spread(len(drawn), 0.6), MARKERS, strict=False
    ):
        row = rows[rows["model"] == model].set_index("bin").loc[bins]
        x = np.arange(len(bins)) + shift
        tone = colour(result, model)
        ax.vlines(x, row["lower"], row["upper"], color=tone, lw=2.2, alpha=0.45)
        ax.plot(x, row["value"], mark, color=tone, ms=4.5, label=model)
        few = row["lower"].isna().to_numpy()
        ax.plot(x[few], row["value"][few], mark, color=tone, ms=4.5, mfc="white")
    if shown.better == "zero":
        ax.axhline(0, color=INK, lw=0.7)
    first = rows[rows["model"] == drawn[0]].set_index("bin").loc[bins]
    counts = first["n"] + first["missing"]
    ax.set_xticks(range(len(bins)), [f"{b}\nn = {counts[b]}" for b in bins])
    ax.set_xlim(-0.5, len(bins) - 0.5)
    plain(ax)
    ax.grid(axis="y", color=GRID, lw=0.6)
    ax.set_axisbelow(True)
    ax.set_ylabel(axis_label(shown), fontsize=8, color=INK)
    ax.legend(fontsize=7, frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    hollow = ["hollow: too few passes for limits"] if rows["lower"].isna().any() else []
    title = f"{sentence(shown.label)} by {name}: {_subject(result)}"
    heading(ax, title, _size(result, *hollow))
    return figure


def scatter(
    result: BenchmarkResult, *, models: Sequence[str] | None = None
) -> "Figure":
    """Draw predictions against truth, with the line on which they agree."""
    require_kind(result, "number")
    drawn = chosen(result, models, most=3)
    figure, axes = sheet(result, 0.5 + 2.6 * len(drawn), 3.5, len(drawn), sharey=True)
    everything = np.concatenate([result.truth, *(result.predictions[m] for m in drawn)])
    low, high = np.nanmin(everything), np.nanmax(everything)
    margin = 0.04 * (high - low)
    ends = (low - margin if low < 0 else 0.0, high + margin)
    label = quantity_label(
        result.task.target,
        VARIABLES.get(result.task.target, {"units": result.task.units}),
    )
    for ax, model in zip(axes, drawn, strict=True):
        cloud(ax, result.truth, result.predictions[model])
        ax.plot(ends, ends, color=INK, lw=0.8)
        ax.set(xlim=ends, ylim=ends, aspect="equal")
        plain(ax)
        ax.grid(color=GRID, lw=0.5)
        ax.set_axisbelow(True)
        ax.text(
            0.04, 0.97, _summary(result, model), transform=ax.transAxes, va="top",
            linespacing=1.4, **SMALL,
        )  # fmt: skip
        heading(ax, model)
        ax.title.set_fontsize(7.5)
        ax.set_xlabel("true", fontsize=8, color=INK)
        ax.title.set_color(colour(result, model))
    axes[0].set_ylabel("predicted", fontsize=8, color=INK)
    figure.suptitle(label, fontsize=8.5, color=INK, x=0.02, ha="left")
    return figure


def cloud(ax: "Axes", true: Array, pred: Array) -> None:
    """Draw points, the crowded ones dark and on top."""
    known = np.isfinite(true) & np.isfinite(pred)
    x, y = true[known], pred[known]
    shades = colormap(_DENSITY)
    if len(x) > _POINTS:
        ax.hexbin(x, y, gridsize=80, mincnt=1, bins="log", cmap=shades, lw=0)
        return
    counts = _neighbours(x, y)
    order = np.argsort(counts, kind="stable")
    ax.scatter(
        x[order], y[order], c=counts[order], cmap=shades, s=9, lw=0, alpha=0.9,
        vmin=0, rasterized=True,
    )  # fmt: skip


def _neighbours(x: Array, y: Array) -> Array:
    """Count the points near each, within a fortieth of the range."""
    from scipy.spatial import KDTree

    scale = [np.ptp(v) or 1.0 for v in (x, y)]
    points = np.c_[x / scale[0], y / scale[1]]
    return np.asarray(KDTree(points).query_ball_point(points, 0.04, return_length=True))


def _summary(result: BenchmarkResult, model: str) -> str:
    rows = result.select(stratum=OVERALL, model=model)
    values = rows.set_index("metric")["value"]
    units = result.task.units.replace(" s-1", "/s")
    n = int(rows["n"].iloc[0])
    return (
        f"RMSE {values['rmse']:.2f} {units}\nbias {values['bias']:+.2f} {units}\n"
        f"r {values['correlation']:.2f}\nn {n}"
    )


def confusion(result: BenchmarkResult, *, model: str | None = None) -> "Figure":
    """Draw which class is taken for which."""
    require_kind(result, "classes")
    (name,) = chosen(result, None if model is None else [model], most=1)
    probability = result.predictions[name]
    missing = np.isnan(probability).any(axis=1)
    label = np.where(missing, -1, np.nan_to_num(probability).argmax(axis=1))
    counts = metrics.confusion_matrix(result.truth, label, len(result.classes))
    kept = np.flatnonzero(counts.sum(axis=0) + counts.sum(axis=1))
    counts = counts[np.ix_(kept, kept)]
    names = [result.classes[i].replace("_", " ") for i in kept]
    total = counts.sum(axis=1, keepdims=True)
    share = counts / np.maximum(total, 1)
    side = 0.42 * len(kept)
    figure, (ax,) = sheet(result, 2.4 + side, 2.3 + side)
    seen = np.ma.masked_equal(share, 0)
    ax.imshow(seen, cmap=colormap(_CELLS), vmin=0, vmax=1)
    for i, j in zip(*np.nonzero(counts), strict=True):
        tone = "white" if share[i, j] > 0.5 else INK
        text = f"{100 * share[i, j]:.0f}"
        ax.text(j, i, text, ha="center", va="center", fontsize=7.5, color=tone)
    ax.set_xticks(
        range(len(names)), names, rotation=40, ha="right", rotation_mode="anchor"
    )
    rows = [f"{n} ({t})" for n, t in zip(names, total[:, 0], strict=True)]
    ax.set_yticks(range(len(names)), rows)
    plain(ax)
    ax.tick_params(length=0)
    for spine in ax.spines.values():
        spine.set_visible(False)
    ax.set_xticks(np.arange(len(names) + 1) - 0.5, minor=True)
    ax.set_yticks(np.arange(len(names) + 1) - 0.5, minor=True)
    ax.grid(which="minor", color=GRID, lw=0.8)
    ax.tick_params(which="minor", length=0)
    ax.set_xlabel("predicted", fontsize=8, color=INK)
    ax.set_ylabel("true (vignettes)", fontsize=8, color=INK)
    heading(
        ax, name, f"per cent of each true class; accuracy {_accuracy(result, name):.1%}"
    )
    return figure


def _accuracy(result: BenchmarkResult, model: str) -> float:
    rows = result.select(stratum=OVERALL, model=model, metric="accuracy")
    return float(rows["value"].iloc[0])


def reliability(
    result: BenchmarkResult, *, models: Sequence[str] | None = None, bins: int = 10
) -> "Figure":
    """Draw how often models are right against how sure they are."""
    require_kind(result, "classes")
    drawn = chosen(result, models)
    figure, (ax,) = sheet(result, 4.2, 4.4)
    ax.plot([0, 1], [0, 1], color=MISSING, lw=0.8, ls=(0, (4, 3)))
    for model, mark in zip(drawn, MARKERS, strict=False):
        curve = metrics.reliability_curve(result.truth, result.predictions[model], bins)
        error = metrics.expected_calibration_error(
            result.truth, result.predictions[model]
        )
        full = curve.rows >= _ENOUGH
        x, y, n = curve.confidence[full], curve.accuracy[full], curve.rows[full]
        tone = colour(result, model)
        ax.scatter(x, y, s=12 + 160 * n / n.sum(), color=tone, marker=mark, lw=0)
        label = f"{model}: error {error:.3f}"
        ax.plot(x, y, color=tone, lw=1.2, marker=mark, ms=3.5, label=label)
    ax.set(xlim=(0, 1.02), ylim=(0, 1.02), aspect="equal")
    plain(ax)
    ax.grid(color=GRID, lw=0.5)
    ax.set_axisbelow(True)
    ax.annotate(
        "too cautious", (0.3, 0.62), ha="center", rotation=0, style="italic", fontsize=7, color=MISSING
    )  # fmt: skip
    ax.annotate(
        "too sure", (0.8, 0.42), ha="center", style="italic", fontsize=7, color=MISSING
    )  # fmt: skip
    ax.set_xlabel("probability of the most likely class", fontsize=8, color=INK)
    ax.set_ylabel("fraction that is right", fontsize=8, color=INK)
    ax.legend(fontsize=6.5, frameon=False, loc="lower right")
    heading(
        ax,
        "Reliability",
        f"{result.metadata['n_scored']} vignettes; large marks: many of them; fewer than {_ENOUGH}: not drawn",
    )
    return figure


def direction_errors(
    result: BenchmarkResult, *, models: Sequence[str] | None = None
) -> "Figure":
    """Draw how the errors of an axis are distributed, beside those of a guess."""
    require_kind(result, "direction")
    drawn = chosen(result, models)
    figure, (ax,) = sheet(result, 5.0, 3.4)
    ax.plot([0, 90], [0, 1], color=MISSING, lw=0.8, ls=(0, (4, 3)), label="a guess")
    for model in drawn:
        turn = metrics.direction_difference(
            result.truth, result.predictions[model], period=180
        )
        error = np.sort(np.abs(turn[np.isfinite(turn)]))
        share = np.arange(1, len(error) + 1) / max(len(error), 1)
        middle = f"{np.median(error):.0f}°" if len(error) else "-"
        ax.step(
            np.r_[0, error], np.r_[0, share], where="post", color=colour(result, model),
            lw=1.4, label=f"{model}: median {middle}",
        )  # fmt: skip
    ax.set(xlim=(0, 90), ylim=(0, 1.01))
    ax.set_xticks(range(0, 91, 15))
    plain(ax)
    ax.grid(color=GRID, lw=0.5)
    ax.set_axisbelow(True)
    ax.set_xlabel("error of the wind's axis (°)", fontsize=8, color=INK)
    ax.set_ylabel("fraction of the vignettes", fontsize=8, color=INK)
    ax.legend(fontsize=6.5, frameon=False, loc="lower right")
    heading(
        ax, "Wind direction, either way", f"{result.metadata['n_scored']} vignettes"
    )
    return figure
