"""Profiles along orbit passes, beside a map of where they are."""

from collections.abc import Hashable
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import xarray as xr

from xoceansar._optional import require
from xoceansar._typing import Array
from xoceansar.errors import DimensionError, OceansarError
from xoceansar.plot.compared_values import (
    Compared,
    ComparedValues,
    beside,
    read_compared,
)
from xoceansar.plot.figures import new_figure, write_words
from xoceansar.plot.land_layer import draw_land
from xoceansar.plot.map_frame import Region, choose_projection, project, region_of, zoom
from xoceansar.plot.map_sheet import FOOT, WIDTH, graticule
from xoceansar.plot.map_values import span
from xoceansar.plot.style import INK, MISSING, SEA
from xoceansar.plot.timed_values import (
    BEAMS,
    TimedValues,
    draw_flagged,
    draw_legend,
    read_timed,
    scale_axis,
)

if TYPE_CHECKING:
    from cartopy.mpl.geoaxes import GeoAxes
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


#: Passes in one figure.
_MOST: Final = 6
#: A line is broken where a beam took no image for longer than this, seconds: two were due.
_GAP: Final = 45.0
#: Around the passes the map shows so much more, degrees.
_AROUND: Final = 8.0
_LETTERS: Final = "abcdef"
#: Inches: words at the head, a profile alone and among others, its tick labels with the name
#: of the next, and the map; left of a profile, with numbers and with names along its axis.
_HEAD: Final = 0.78
_TALL: Final = 2.3
_LOW: Final = 1.25
_TICKS: Final = 0.72
_MAP: Final = 1.9
_NUMBERS: Final = 0.55
_NAMES: Final = 1.6


def track(
    obj: xr.Dataset | xr.DataArray,
    variable: Hashable | None = None,
    *,
    reference: Compared | None = None,
    title: str | None = None,
    land: bool = True,
) -> "Figure":
    """Draw the values along one orbit pass or a few, beside a map of where they are.

    Parameters
    ----------
    obj : Dataset or DataArray
        One value for each vignette, with the coordinates ``time``, ``longitude`` and
        ``latitude`` along ``vignette``; ``beam``, where there, tells wv1 and wv2 apart. A Dataset with
        ``swh_lower`` and ``swh_upper`` (of ``retrieve(confidence=0.9)``) has its interval drawn as a
        band; other variables likewise.
    variable : hashable, optional
        Variable of a Dataset; needed where it holds more than one that can be mapped.
    reference : Dataset, DataArray or str, optional
        One value for each vignette in the same units, drawn as crosses: what `xoceansar.evaluate.collocate` gives, or a variable of `obj` by its name.
    title : str, optional
        What the figure shows; the variable's ``long_name`` otherwise.
    land : bool, default True
        Draw land and coastline on the map.

    Returns
    -------
    Figure
        A profile for each pass, its places and times along the axis, and one map. Nothing is
        shown and no backend chosen.

    Raises
    ------
    MissingVariableError, DimensionError, UnitsError
        If the variable, positions, times or the reference are absent, or cannot be drawn as one value each; if the reference has other units.
    OceansarError
        If there are more than six passes, or no vignette with a place and a time.
    MissingDependencyError
        If matplotlib, cartopy or cmocean is not installed.

    Notes
    -----
    Loads the variable, its bounds, ``quality``, its coordinates and the reference. Passes are told apart by
    `xoceansar.evaluate.orbit_pass`. Vignettes without a value leave a gap, and a tick in grey
    at the foot; those with a flag of ``quality`` are hollow, and the flags named. Nothing is downloaded.

    Examples
    --------
    >>> import xoceansar as xos
    >>> sea = xos.simulate.vignettes(2, seed=1, shape=(64, 64))
    >>> figure = xos.plot.track(sea, "swh", land=False)
    >>> len(figure.axes)  # one profile and the map
    2
    """
    whole = read_timed(obj, variable, "a track")
    names = list(dict.fromkeys(whole.orbit.tolist()))
    if len(names) > _MOST:
        raise OceansarError(
            f"a figure holds at most {_MOST} passes; these vignettes are of {len(names)}. Select "
            "some, for example ds.isel(vignette=ds.product == ds.product[0]) or ds.sel by time."
        )
    passes = [whole.part(np.flatnonzero(whole.orbit == name)) for name in names]
    known = None if reference is None else _matched(reference, obj, whole)
    whole = whole if known is None else beside(whole, known)
    figure, axes, chart = _layout(whole, len(passes))
    keys = []
    for i, (ax, one) in enumerate(zip(axes, passes, strict=True)):
        seconds = _profile(ax, one)
        numbers = [] if known is None else [known.numbers]
        scale_axis(ax, whole, *numbers)
        if known is not None:
            rows = whole.orbit == names[i]
            keys = [known.draw(ax, seconds, rows)]
        if len(passes) > 1:
            _pass_name(ax, one, _LETTERS[i])
    draw_legend(axes[0], whole, *keys, wide=known is not None)
    _where(chart, passes, land)
    heading = whole.values.label if title is None else title
    write_words(figure, heading, whole.values)
    return figure


def _matched(
    reference: Compared, obj: xr.Dataset | xr.DataArray, whole: TimedValues
) -> ComparedValues:
    known = read_compared(reference, obj, whole)
    if not known.matched:
        raise DimensionError(
            "beside a track stands a reference with a value for each vignette; this one lies along 'time'. "
            "Match it first: reference=ds.oceansar.collocate(buoy)."
        )
    return known


def _layout(whole: TimedValues, n: int) -> tuple["Figure", list["Axes"], "GeoAxes"]:
    """Place the profiles one below the other, and the map to the right of them."""
    foot = FOOT if whole.values.provenance else 0.05
    tall = _TALL if n == 1 else _LOW
    height = _HEAD + n * (tall + _TICKS) + foot
    figure = new_figure(figsize=(WIDTH, height))
    left = _NAMES if whole.values.categories else _NUMBERS
    right = WIDTH - _MAP - 0.6

    def add(west: float, east: float, top: float, tall: float, **how: Any) -> Any:
        box = (
            west / WIDTH,
            1 - (top + tall) / height,
            (east - west) / WIDTH,
            tall / height,
        )
        return figure.add_axes(box, **how)

    tops = [_HEAD + i * (tall + _TICKS) for i in range(n)]
    axes = [add(left, right, top, tall) for top in tops]
    region = _region(whole)
    deep = tops[-1] + tall - _HEAD
    chart: GeoAxes = add(
        WIDTH - _MAP - 0.05,
        WIDTH - 0.05,
        _HEAD,
        deep,
        projection=choose_projection(region),
    )
    chart.set_anchor("N")
    zoom(chart, region, aspect=(max(_MAP / deep, 0.45), 1.6))
    return figure, axes, chart


def _region(whole: TimedValues) -> Region:
    """Return a region that is large enough for coasts to be recognised."""
    region = region_of(whole.values.longitude, whole.values.latitude)
    if region.world:
        return region
    south, north = region.south - _AROUND, region.north + _AROUND
    east = _AROUND / np.cos(np.radians(min(max(abs(south), abs(north)), 75.0)))
    return Region(
        region.west - east, region.east + east, max(south, -90.0), min(north, 90.0)
    )


def _profile(ax: "Axes", one: TimedValues) -> Array:
    """Draw the values of one pass; gives where each is on the axis."""
    seconds = (one.time - one.time[0]) / np.timedelta64(1, "s")
    for beam in sorted(set(one.beam.tolist())):
        rows = np.flatnonzero(one.beam == beam)
        colour, mark = BEAMS[beam]
        numbers = one.values.numbers[rows]
        breaks = np.flatnonzero(np.diff(seconds[rows]) > _GAP) + 1
        x = np.insert(seconds[rows], breaks, np.nan)
        line = "none" if one.values.categories else "-"
        ax.plot(
            x, np.insert(numbers, breaks, np.nan), ls=line, lw=0.8, color=colour, marker=mark,
            ms=3.4, mec="white", mew=0.3, zorder=3, label=beam or None,
        )  # fmt: skip
        if one.bounds is not None:
            low, high = (np.insert(b[rows], breaks, np.nan) for b in one.bounds)
            ax.fill_between(x, low, high, color=colour, alpha=0.16, lw=0, zorder=2)
        missing = ~np.isfinite(numbers)
        ax.plot(
            seconds[rows][missing], np.zeros(missing.sum()), "|", color=MISSING, ms=5,
            transform=ax.get_xaxis_transform(), clip_on=False, zorder=4,
        )  # fmt: skip
        draw_flagged(ax, seconds, one, beam)
    _axis(ax, one, seconds)
    return np.asarray(seconds)


def _axis(ax: "Axes", one: TimedValues, seconds: Array) -> None:
    """Label the axis with times and places."""
    ticker = require("matplotlib.ticker", extra="plot")
    margin = max(0.02 * seconds[-1], 5.0)
    ax.set_xlim(-margin, seconds[-1] + margin)
    start = one.time[0].astype("datetime64[h]")
    offset = (one.time[0] - start) / np.timedelta64(1, "m")
    minutes = ticker.MaxNLocator(6, steps=[1, 2, 5, 10], integer=True).tick_values(
        offset, offset + seconds[-1] / 60
    )
    at = (minutes - offset) * 60
    inside = (at >= -margin) & (at <= seconds[-1] + margin)
    at, minutes = at[inside], minutes[inside]
    lon = np.interp(at, seconds, np.unwrap(one.values.longitude, period=360))
    lat = np.interp(at, seconds, one.values.latitude)
    labels = [
        f"{str(start + np.timedelta64(round(m), 'm'))[11:16]}\n{_degrees(y, 'NS')}\n"
        f"{_degrees((x + 180) % 360 - 180, 'EW')}"
        for m, x, y in zip(minutes, lon, lat, strict=True)
    ]
    ax.set_xticks(at, labels)
    ax.tick_params(labelsize=7, colors=INK, length=2.5, width=0.6)


def _degrees(value: float, letters: str) -> str:
    return f"{abs(value):.1f}°{letters[int(value < 0)]}"


def _pass_name(ax: "Axes", one: TimedValues, letter: str) -> None:
    ax.set_title(
        f"{letter}  {span(one.time[0], one.time[-1])}",
        loc="left",
        fontsize=8,
        color=INK,
        pad=3,
    )


def _where(chart: "GeoAxes", passes: list[TimedValues], land: bool) -> None:
    chart.set_facecolor(SEA)
    chart.spines["geo"].set(linewidth=0.6, edgecolor=INK)
    graticule(chart, most=3)
    if land:
        draw_land(chart, pixels=500)
    limits = chart.get_xlim(), chart.get_ylim()
    for letter, one in zip(_LETTERS, passes, strict=False):
        xy = project(chart.projection, one.values.longitude, one.values.latitude)
        for beam in sorted(set(one.beam.tolist())):
            rows = one.beam == beam
            colour, mark = BEAMS[beam]
            chart.scatter(
                *xy[rows].T, s=6, color=colour, marker=mark, linewidths=0, zorder=4
            )
        if len(passes) > 1:
            chart.annotate(
                letter, xy[0], (4, 0), textcoords="offset points", fontsize=8, color=INK,
                fontweight="bold", va="center", zorder=5,
            )  # fmt: skip
    chart.set_xlim(limits[0])
    chart.set_ylim(limits[1])
