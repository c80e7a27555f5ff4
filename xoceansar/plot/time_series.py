"""Values at a place over time, beside what a buoy or a model says."""

from collections.abc import Hashable
from typing import TYPE_CHECKING, Final

import numpy as np
import xarray as xr

from xoceansar._optional import require
from xoceansar._typing import Array
from xoceansar.plot.compared_values import Compared, beside, read_compared
from xoceansar.plot.figures import new_figure, write_words
from xoceansar.plot.map_sheet import FOOT, WIDTH
from xoceansar.plot.style import INK, MISSING
from xoceansar.plot.timed_values import (
    BEAMS,
    TimedValues,
    draw_flagged,
    draw_legend,
    read_timed,
    scale_axis,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

#: Inches: words at the head, the series, and its dates.
_HEAD: Final = 0.78
_TALL: Final = 2.3
_DATES: Final = 0.5
_NUMBERS: Final = 0.6
_NAMES: Final = 1.7


def series(
    obj: xr.Dataset | xr.DataArray,
    variable: Hashable | None = None,
    *,
    reference: Compared | None = None,
    title: str | None = None,
) -> "Figure":
    """Draw values of vignettes over time, with their intervals, beside a buoy or a model.

    Parameters
    ----------
    obj : Dataset or DataArray
        One value for each vignette, with the coordinates ``time``, ``longitude`` and ``latitude`` along ``vignette``: those near a place,
        as `xoceansar.ops.near` selects them. ``beam``, where there, tells wv1 and wv2 apart. A Dataset with ``swh_lower`` and ``swh_upper`` (of
        ``retrieve(confidence=0.9)``) has its intervals drawn as bars; other variables likewise.
    variable : hashable, optional
        Variable of a Dataset; needed where it holds more than one that can be drawn.
    reference : Dataset, DataArray or str, optional
        What else is known there, in the same units: along ``time`` alone, the series of a buoy or a point of a model; or with one value for each
        vignette, as `xoceansar.evaluate.collocate` gives them, or a variable of `obj` by its name. Of a Dataset the variable of that name is taken,
        else the only one of that ``standard_name``.
    title : str, optional
        What the figure shows; the variable's ``long_name`` otherwise.

    Returns
    -------
    Figure
        One panel. Nothing is shown and no backend chosen.

    Raises
    ------
    MissingVariableError, DimensionError, UnitsError
        If the variable, its times or the reference are absent, or cannot be drawn as one value each; if the reference has other units, or is a
        direction from where the variable is one to.
    OceansarError
        If there is no vignette with a place and a time.
    MissingDependencyError
        If matplotlib, cartopy or cmocean is not installed.

    Notes
    -----
    Loads the variable, its bounds, ``quality`` and its coordinates, and the reference within the time of the vignettes and a twentieth of it, or a day, beyond.
    Vignettes without a value are a tick in grey at the foot; those with a flag of ``quality`` are hollow, and the flags named. A matched reference is a cross at each vignette.
    References along time that are directions are drawn as dots, for a line would run through all directions at north.

    Examples
    --------
    >>> import xoceansar as xos
    >>> sea = xos.simulate.vignettes(3, seed=1, shape=(64, 64))
    >>> buoy = xr.DataArray(
    ...     [2.0, 2.2],
    ...     {"time": [sea.time.values[0], sea.time.values[2]]},
    ...     dims="time",
    ...     name="swh",
    ...     attrs={"units": "m", "long_name": "buoy"},
    ... )
    >>> figure = xos.plot.series(sea, "swh", reference=buoy)
    >>> [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    ['wv1', 'wv2', 'buoy']
    """
    whole = read_timed(obj, variable, "a series")
    known = None if reference is None else read_compared(reference, obj, whole)
    whole = whole if known is None else beside(whole, known)
    foot = FOOT if whole.values.provenance else 0.05
    height = _HEAD + _TALL + _DATES + foot
    figure = new_figure(figsize=(WIDTH, height))
    left = _NAMES if whole.values.categories else _NUMBERS
    ax = figure.add_axes(
        (
            left / WIDTH,
            (foot + _DATES) / height,
            1 - (left + 0.15) / WIDTH,
            _TALL / height,
        )
    )
    _marks(ax, whole)
    also: list[Line2D] = []
    numbers: list[Array] = []
    if known is not None:
        numbers = [known.numbers]
        also = [known.draw(ax, known.time)]
    scale_axis(ax, whole, *numbers)
    _dates(ax, whole)
    draw_legend(ax, whole, *also, joined=False)
    heading = whole.values.label if title is None else title
    write_words(figure, heading, whole.values)
    return figure


def _marks(ax: "Axes", whole: TimedValues) -> None:
    numbers = whole.values.numbers
    for beam in sorted(set(whole.beam.tolist())):
        rows = np.flatnonzero(whole.beam == beam)
        colour, mark = BEAMS[beam]
        ax.plot(
            whole.time[rows], numbers[rows], ls="none", color=colour, marker=mark, ms=4.2, mec="white",
            mew=0.3, zorder=4,
        )  # fmt: skip
        if whole.bounds is not None:
            ax.vlines(
                whole.time[rows], *whole.bounds[:, rows], color=colour, alpha=0.35, lw=2.2, zorder=3
            )  # fmt: skip
        draw_flagged(ax, whole.time, whole, beam)
    missing = ~np.isfinite(numbers)
    ax.plot(
        whole.time[missing], np.zeros(missing.sum()), "|", color=MISSING, ms=5,
        transform=ax.get_xaxis_transform(), clip_on=False, zorder=4,
    )  # fmt: skip


def _dates(ax: "Axes", whole: TimedValues) -> None:
    dates = require("matplotlib.dates", extra="plot")
    margin = max((whole.time[-1] - whole.time[0]) // 50, np.timedelta64(10, "m"))
    ax.set_xlim(whole.time[0] - margin, whole.time[-1] + margin)
    locator = dates.AutoDateLocator(maxticks=8)
    ax.xaxis.set_major_locator(locator)
    ax.xaxis.set_major_formatter(dates.ConciseDateFormatter(locator))
    ax.xaxis.get_offset_text().set(fontsize=7, color=INK)
    ax.tick_params(labelsize=7, colors=INK, length=2.5, width=0.6)
