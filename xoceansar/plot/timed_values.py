"""Values of vignettes in order of time, with their intervals: read for a track or a series, and what both draw."""

from collections.abc import Hashable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import xarray as xr

from xoceansar._optional import require
from xoceansar._typing import Array
from xoceansar.conventions import VIGNETTE, Quality
from xoceansar.conventions.texts import text_values
from xoceansar.errors import MissingVariableError, OceansarError
from xoceansar.layout.vignette_dims import along_vignettes, assign_hint
from xoceansar.ops.quality_flags import whole_flags
from xoceansar.plot.map_sheet import WIDTH
from xoceansar.plot.map_values import Values, read_values
from xoceansar.plot.style import INK, MISSING
from xoceansar.splits.orbit_passes import orbit_pass

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

#: Colour and mark of each beam: told apart by both.
BEAMS: Final = {"wv1": ("#0072b2", "o"), "wv2": ("#d55e00", "s"), "": ("#0072b2", "o")}


@dataclass(frozen=True)
class TimedValues:
    """Vignettes in order of time."""

    #: Which of those that were given, along their dim.
    rows: Array
    values: Values
    time: Array
    beam: Array
    orbit: Array
    bounds: Array | None
    bounds_label: str
    #: Whether a value is there and a bit of ``quality`` is set.
    flagged: Array

    def part(self, rows: Array) -> "TimedValues":
        """Select vignettes."""
        values = replace(
            self.values, numbers=self.values.numbers[rows], corners=None,
            longitude=self.values.longitude[rows], latitude=self.values.latitude[rows],
        )  # fmt: skip
        bounds = None if self.bounds is None else self.bounds[:, rows]
        return replace(
            self, rows=self.rows[rows], values=values, time=self.time[rows], beam=self.beam[rows],
            orbit=self.orbit[rows], bounds=bounds, flagged=self.flagged[rows],
        )  # fmt: skip


def read_timed(
    obj: xr.Dataset | xr.DataArray, variable: Hashable | None, what: str
) -> TimedValues:
    """Find, check and load the values of vignettes, in order of time."""
    obj = along_vignettes(obj)
    time = obj.coords.get("time")
    if time is None or time.dims != (VIGNETTE,) or time.dtype.kind != "M":
        raise MissingVariableError(
            f"{what} needs the coordinate 'time' (datetime64) of each vignette; found "
            f"{sorted(map(str, obj.coords))}. Add it with "
            f"{assign_hint(obj, 'time')}."
        )
    placed = ~np.isnat(time.values)
    for name in ("longitude", "latitude"):
        if name in obj.coords and obj.coords[name].dims == (VIGNETTE,):
            placed &= np.isfinite(obj.coords[name].values)
    rows = np.flatnonzero(placed)
    rows = rows[np.argsort(time.values[rows], kind="stable")]
    if not rows.size:
        raise OceansarError(
            f"{what} needs a vignette with a place and a time; got none."
        )
    ordered = _computed(obj.isel({VIGNETTE: rows}), variable)
    values = read_values(ordered, variable)
    n = rows.size
    beam = np.full(n, "", dtype=object)
    if "beam" in obj.coords:
        said = np.broadcast_to(text_values(ordered.coords["beam"]), n)
        beam = np.where(np.isin(said, list(BEAMS)), said, "").astype(object)
    bounds, words = _bounds(ordered, values)
    flagged, meanings = _flagged(ordered, values)
    if meanings:
        period = f"{values.period} · {int(flagged.sum()):,} hollow: {meanings}"
        values = replace(values, period=period)
    return TimedValues(
        rows, values, ordered.coords["time"].values, beam, orbit_pass(ordered), bounds, words, flagged
    )  # fmt: skip


def _computed(
    ordered: xr.Dataset | xr.DataArray, variable: Hashable | None
) -> xr.Dataset | xr.DataArray:
    """Compute all that is drawn of a lazy Dataset in one pass."""
    if isinstance(ordered, xr.DataArray) or variable not in ordered.data_vars:
        return ordered
    names = [variable, *(f"{variable}_{end}" for end in ("lower", "upper")), "quality"]
    lazy = [
        n for n in names if n in ordered.data_vars and ordered[n].dims == (VIGNETTE,)
    ]
    return ordered.assign(ordered[lazy].compute().data_vars)


def _flagged(
    ordered: xr.Dataset | xr.DataArray, values: Values
) -> tuple[Array, str]:  # fmt: skip
    """Tell which values have a flag of quality, and name the flags."""
    flagged = np.zeros(values.numbers.size, bool)
    if isinstance(ordered, xr.DataArray) or "quality" not in ordered.data_vars:
        return flagged, ""
    if ordered["quality"].dims != (VIGNETTE,) or values.name == "quality":
        return flagged, ""
    flags = whole_flags(ordered["quality"]).values.astype(int)
    flags = np.where(np.isfinite(values.numbers), flags, 0)
    raised = Quality(int(np.bitwise_or.reduce(flags)))
    names = [str(flag.name).lower().replace("_", " ") for flag in raised]
    return flags != 0, ", ".join(names)


def _bounds(
    ordered: xr.Dataset | xr.DataArray, values: Values
) -> tuple[Array | None, str]:
    names = [f"{values.name}_{end}" for end in ("lower", "upper")]
    if isinstance(ordered, xr.DataArray) or not set(names) <= set(ordered.variables):
        return None, ""
    both = [np.asarray(ordered[name].values, float) for name in names]
    confidence = ordered[names[0]].attrs.get("confidence_level")
    words = (
        f"{float(confidence):.0%} interval" if confidence is not None else "interval"
    )
    return np.where(np.isfinite(values.numbers), np.stack(both), np.nan), words


def draw_flagged(ax: "Axes", x: Array, one: TimedValues, beam: str) -> None:
    """Draw marks hollow where a flag of quality is set."""
    rows = one.flagged & (one.beam == beam)
    if rows.any():
        colour, mark = BEAMS[beam]
        ax.plot(
            x[rows], one.values.numbers[rows], ls="none", marker=mark, ms=3.6, mfc="white", mec=colour, mew=0.9,
            zorder=5,
        )  # fmt: skip


def scale_axis(ax: "Axes", whole: TimedValues, *also: Array) -> None:
    """Give the axis of the values its range, so that further values fit in too, its units and its frame."""
    values = whole.values
    ax.grid(color=INK, alpha=0.12, lw=0.4)
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    ax.spines[["left", "bottom"]].set(linewidth=0.6, color=INK)
    if values.categories:
        ax.set_yticks(
            range(len(values.categories)), [c.name for c in values.categories]
        )
        ax.set_ylim(-0.5, len(values.categories) - 0.5)
        return
    drawn = np.concatenate(
        [values.numbers, *([] if whole.bounds is None else whole.bounds), *also]
    )
    drawn = drawn[np.isfinite(drawn)]
    low, high = (drawn.min(), drawn.max()) if drawn.size else (0.0, 1.0)
    space = 0.06 * (high - low) or 0.5
    # From zero where that costs little room.
    floor = 0.0 if 0 <= low < 0.6 * high else low - space
    ax.set_ylim(floor, high + space)
    ax.set_ylabel(
        values.label.rpartition(" (")[2].rstrip(")") if " (" in values.label else "",
        fontsize=8,
        color=INK,
    )


def draw_legend(
    ax: "Axes",
    whole: TimedValues,
    *also: "Line2D",
    joined: bool = True,
    wide: bool = False,
) -> None:
    """Say what the marks are, those that were drawn besides too; wide, over what stands to the right."""
    beams = sorted(set(whole.beam.tolist()) - {""})
    lines = require("matplotlib.lines", extra="plot")
    patches = require("matplotlib.patches", extra="plot")
    keys: list[Any] = [
        lines.Line2D(
            [],
            [],
            color=BEAMS[b][0],
            marker=BEAMS[b][1],
            ms=3.4,
            lw=0.8 * joined,
            label=b,
        )
        for b in beams
    ]
    if whole.bounds is not None:
        keys.append(
            patches.Patch(color="#888888", alpha=0.35, lw=0, label=whole.bounds_label)
        )
    missing = int((~np.isfinite(whole.values.numbers)).sum())
    if missing:
        keys.append(
            lines.Line2D(
                [],
                [],
                color=MISSING,
                marker="|",
                ls="none",
                label=f"no value ({missing})",
            )
        )
    keys += also
    figure = ax.get_figure(root=True) if wide else None
    where, at = ((1.0, 0.98), ax.transAxes) if figure is None else (
        (1 - 0.05 / WIDTH, 1 - 0.62 / figure.get_figheight()), figure.transFigure
    )  # fmt: skip
    if keys:
        ax.legend(
            handles=keys, fontsize=7, frameon=False, ncols=len(keys), loc="lower right",
            bbox_to_anchor=where, bbox_transform=at, borderaxespad=0.1, columnspacing=1.2, handletextpad=0.4,
        )  # fmt: skip
