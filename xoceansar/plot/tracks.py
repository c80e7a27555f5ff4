"""Profiles along orbit passes, beside a map of where they are."""

from collections.abc import Hashable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import xarray as xr

from xoceansar._optional import require
from xoceansar._typing import Array
from xoceansar.conventions import VIGNETTE
from xoceansar.conventions.texts import text_values
from xoceansar.errors import MissingVariableError, OceansarError
from xoceansar.layout.vignette_dims import along_vignettes, assign_hint
from xoceansar.plot.figures import new_figure
from xoceansar.plot.land_layer import draw_land
from xoceansar.plot.map_frame import Region, choose_projection, project, region_of, zoom
from xoceansar.plot.map_sheet import FOOT, WIDTH, graticule
from xoceansar.plot.map_values import Values, read_values, span
from xoceansar.plot.style import CAUTION, INK, MISSING, SEA, sentence
from xoceansar.splits.orbit_passes import orbit_pass

if TYPE_CHECKING:
    from cartopy.mpl.geoaxes import GeoAxes
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


#: Passes in one figure.
_MOST: Final = 6
#: Colour and mark of each beam: told apart by both.
_BEAMS: Final = {"wv1": ("#0072b2", "o"), "wv2": ("#d55e00", "s"), "": ("#0072b2", "o")}
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


@dataclass(frozen=True)
class _Track:
    """Vignettes of the passes, in order of time."""

    values: Values
    time: Array
    beam: Array
    orbit: Array
    bounds: Array | None
    bounds_label: str

    def part(self, rows: Array) -> "_Track":
        """Select vignettes."""
        values = replace(
            self.values, numbers=self.values.numbers[rows], corners=None,
            longitude=self.values.longitude[rows], latitude=self.values.latitude[rows],
        )  # fmt: skip
        bounds = None if self.bounds is None else self.bounds[:, rows]
        return replace(
            self, values=values, time=self.time[rows], beam=self.beam[rows],
            orbit=self.orbit[rows], bounds=bounds,
        )  # fmt: skip


def track(
    obj: xr.Dataset | xr.DataArray,
    variable: Hashable | None = None,
    *,
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
        If the variable, positions or times are absent, or cannot be drawn as one value each.
    OceansarError
        If there are more than six passes, or no vignette with a place and a time.
    MissingDependencyError
        If matplotlib, cartopy or cmocean is not installed.

    Notes
    -----
    Loads the variable, its bounds and its coordinates. Passes are told apart by
    `xoceansar.evaluate.orbit_pass`. Vignettes without a value leave a gap, and a tick in grey
    at the foot. Nothing is downloaded.

    Examples
    --------
    >>> import xoceansar as xos
    >>> sea = xos.simulate.vignettes(2, seed=1, shape=(64, 64))
    >>> figure = xos.plot.track(sea, "swh", land=False)
    >>> len(figure.axes)  # one profile and the map
    2
    """
    whole = _read(obj, variable)
    names = list(dict.fromkeys(whole.orbit.tolist()))
    if len(names) > _MOST:
        raise OceansarError(
            f"a figure holds at most {_MOST} passes; these vignettes are of {len(names)}. Select "
            "some, for example ds.isel(vignette=ds.product == ds.product[0]) or ds.sel by time."
        )
    passes = [whole.part(np.flatnonzero(whole.orbit == name)) for name in names]
    figure, axes, chart = _layout(whole, len(passes))
    for i, (ax, one) in enumerate(zip(axes, passes, strict=True)):
        _profile(ax, one, whole)
        if len(passes) > 1:
            _pass_name(ax, one, _LETTERS[i])
    _legend(axes[0], whole)
    _where(chart, passes, land)
    _words(figure, whole, title)
    return figure


def _read(obj: xr.Dataset | xr.DataArray, variable: Hashable | None) -> _Track:
    obj = along_vignettes(obj)
    time = obj.coords.get("time")
    if time is None or time.dims != (VIGNETTE,) or time.dtype.kind != "M":
        raise MissingVariableError(
            "a track needs the coordinate 'time' (datetime64) of each vignette; found "
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
            "a track needs a vignette with a place and a time; got none."
        )
    ordered = obj.isel({VIGNETTE: rows})
    values = read_values(ordered, variable)
    n = rows.size
    beam = np.full(n, "", dtype=object)
    if "beam" in obj.coords:
        said = np.broadcast_to(text_values(ordered.coords["beam"]), n)
        beam = np.where(np.isin(said, list(_BEAMS)), said, "").astype(object)
    bounds, words = _bounds(ordered, values)
    return _Track(
        values, ordered.coords["time"].values, beam, orbit_pass(ordered), bounds, words
    )


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


def _layout(whole: _Track, n: int) -> tuple["Figure", list["Axes"], "GeoAxes"]:
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


def _region(whole: _Track) -> Region:
    """Return a region that is large enough for coasts to be recognised."""
    region = region_of(whole.values.longitude, whole.values.latitude)
    if region.world:
        return region
    south, north = region.south - _AROUND, region.north + _AROUND
    east = _AROUND / np.cos(np.radians(min(max(abs(south), abs(north)), 75.0)))
    return Region(
        region.west - east, region.east + east, max(south, -90.0), min(north, 90.0)
    )


def _profile(ax: "Axes", one: _Track, whole: _Track) -> None:
    seconds = (one.time - one.time[0]) / np.timedelta64(1, "s")
    for beam in sorted(set(one.beam.tolist())):
        rows = np.flatnonzero(one.beam == beam)
        colour, mark = _BEAMS[beam]
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
    _axis(ax, one, seconds)
    _scale(ax, whole)


def _axis(ax: "Axes", one: _Track, seconds: Array) -> None:
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


def _scale(ax: "Axes", whole: _Track) -> None:
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
        [values.numbers, *([] if whole.bounds is None else whole.bounds)]
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


def _pass_name(ax: "Axes", one: _Track, letter: str) -> None:
    ax.set_title(
        f"{letter}  {span(one.time[0], one.time[-1])}",
        loc="left",
        fontsize=8,
        color=INK,
        pad=3,
    )


def _legend(ax: "Axes", whole: _Track) -> None:
    beams = sorted(set(whole.beam.tolist()) - {""})
    lines = require("matplotlib.lines", extra="plot")
    patches = require("matplotlib.patches", extra="plot")
    keys: list[Any] = [
        lines.Line2D(
            [], [], color=_BEAMS[b][0], marker=_BEAMS[b][1], ms=3.4, lw=0.8, label=b
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
    if keys:
        ax.legend(
            handles=keys, fontsize=7, frameon=False, ncols=len(keys), loc="lower right",
            bbox_to_anchor=(1.0, 0.98), borderaxespad=0.1, columnspacing=1.2, handletextpad=0.4,
        )  # fmt: skip


def _where(chart: "GeoAxes", passes: list[_Track], land: bool) -> None:
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
            colour, mark = _BEAMS[beam]
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


def _words(figure: "Figure", whole: _Track, title: str | None) -> None:
    values, height = whole.values, figure.get_figheight()
    heading = sentence(values.label) if title is None else title
    left = 0.08 / WIDTH
    figure.text(
        left,
        1 - 0.08 / height,
        heading,
        fontsize=11,
        fontweight="bold",
        color=INK,
        va="top",
    )
    figure.text(left, 1 - 0.3 / height, values.period, fontsize=8, color=INK, va="top")
    figure.text(
        left,
        0.06 / height,
        values.provenance,
        fontsize=7,
        style="italic",
        color=CAUTION,
    )
