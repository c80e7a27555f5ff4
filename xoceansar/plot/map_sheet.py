"""The sheet of a map: its figure, graticule, headline, and what must be said of simulated data."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from xoceansar._optional import require
from xoceansar.errors import OceansarError
from xoceansar.plot.figures import new_figure
from xoceansar.plot.land_layer import draw_land
from xoceansar.plot.map_frame import (
    WORLD,
    Region,
    choose_projection,
    is_flat,
    named_projection,
    region_of,
    shown_region,
    zoom,
)
from xoceansar.plot.map_values import Values
from xoceansar.plot.marks import Colouring, draw_globe, draw_key
from xoceansar.plot.style import CAUTION, INK, SEA, sentence

if TYPE_CHECKING:
    from cartopy.crs import Projection
    from cartopy.mpl.geoaxes import GeoAxes
    from matplotlib.cm import ScalarMappable
    from matplotlib.figure import Figure


MapRegion = tuple[float, float, float, float] | Literal["global", "world"]

WIDTH: Final = 7.2  # inches
FOOT: Final = 0.2  # inches, for what must be said of simulated data
#: Least and greatest width over height of a regional map.
_ASPECT: Final = (0.85, 2.0)
#: Maps narrower than this are given a globe that says where they are, degrees.
_LOCAL: Final = 60.0


def draw_map(
    values: Values,
    colours: Colouring,
    paint: Callable[["GeoAxes"], "ScalarMappable"],
    region: Region,
    *,
    ax: "GeoAxes | None",
    projection: "Projection | str | None",
    zoomed: bool,
    title: str | None,
    land: bool,
    locator: bool | None,
) -> "Figure":
    """Draw a map with its land, key and words."""
    own = ax is None
    if ax is None:
        ax = _new_axes(
            named_projection(projection or choose_projection(region)), region
        )
        _fit_figure(ax, values)
    else:
        _check_axes(ax)
        if zoomed:
            zoom(ax, region, aspect=(0.0, float("inf")))
    ax.set_facecolor(SEA)
    if land:
        draw_land(ax)
    draw_key(ax, paint(ax), values, colours.extend)
    _headline(ax, values, title)
    _caution(ax, values.provenance, own=own)
    if locator or (locator is None and region.east - region.west < _LOCAL):
        draw_globe(ax, values, region.middle, (region.south + region.north) / 2)
    figure: Figure = ax.figure
    return figure


def choose_region(region: MapRegion | None, values: Values) -> Region:
    """Return the region that is asked for, or that holds the values."""
    if region is None:
        return region_of(values.longitude, values.latitude)
    if region in ("global", "world"):
        return WORLD
    if isinstance(region, str):
        raise OceansarError(
            f"region must be 'global', 'world' or (west, south, east, north); got {region!r}."
        )
    return Region.given(region)


def _check_axes(ax: object) -> None:
    """Refuse axes that know no projection."""
    geoaxes = require("cartopy.mpl.geoaxes", extra="plot")
    if not isinstance(ax, geoaxes.GeoAxes):
        raise OceansarError(
            f"a map needs a cartopy GeoAxes; got {type(ax).__name__}. Make one with "
            "plt.axes(projection=cartopy.crs.PlateCarree()), or leave ax out."
        )


def _new_axes(projection: "Projection", region: Region) -> "GeoAxes":
    """Make a figure with one map that shows a region."""
    figure = new_figure(figsize=(WIDTH, WIDTH), layout="constrained")
    ax: GeoAxes = figure.add_subplot(projection=projection)
    show_region(ax, region)
    graticule(ax)
    return ax


def show_region(ax: "GeoAxes", region: Region) -> None:
    """Give a map of ours its extent and its frame."""
    if region == WORLD:
        ax.set_global()
    else:
        zoom(ax, region, aspect=_ASPECT)
    ax.spines["geo"].set(linewidth=0.7, edgecolor=INK)


def _fit_figure(ax: "GeoAxes", values: Values) -> None:
    """Make the figure as high as the map in it, with its words and colour bar."""
    (west, east), (south, north) = ax.get_xlim(), ax.get_ylim()
    if is_flat(ax):
        beside, below = 0.5, 1.65
    else:
        beside, below = (2.6 if values.categories else 1.4), 0.95
    foot = FOOT if values.provenance else 0.0
    height = (WIDTH - beside) * (north - south) / (east - west) + below + foot
    ax.figure.set_size_inches(WIDTH, height)
    ax.figure.get_layout_engine().set(rect=(0, foot / height, 1, 1 - foot / height))


def graticule(ax: "GeoAxes", *, labels: bool = True, most: int = 5) -> None:
    """Draw meridians and parallels at round degrees, at most so many."""
    ticker = require("matplotlib.ticker", extra="plot")
    west, east, south, north = shown_region(ax)
    steps = ticker.MaxNLocator(most, steps=[1, 1.5, 2, 3, 6, 10])
    meridians, parallels = (
        steps.tick_values(west, east),
        steps.tick_values(south, north),
    )
    if east - west > 180:
        meridians = np.arange(-180, 180, 60)
    if north - south > 120:
        parallels = np.arange(-60, 61, 30)
    lines = ax.gridlines(
        draw_labels={"left": "y", "bottom": "x"} if labels else False,
        # The region may reach beyond 180 degrees, where cartopy would draw nothing.
        xlocs=np.unique((meridians + 180) % 360 - 180),
        ylocs=np.clip(parallels, -90, 90),
        linewidth=0.4, color=INK, alpha=0.18, zorder=0.7,
        x_inline=False, y_inline=False, rotate_labels=False,
    )  # fmt: skip
    lines.xlabel_style = lines.ylabel_style = {"size": 7.5, "color": INK}


def _headline(ax: "GeoAxes", values: Values, title: str | None) -> None:
    """Write what is shown, and below it when and by which satellites."""
    heading = sentence(values.label.partition(" (")[0]) if title is None else title
    ax.set_title(heading, loc="left", fontsize=11, color=INK, fontweight="bold", pad=18)
    ax.annotate(
        values.period, (0, 1), (0, 5), xycoords="axes fraction", textcoords="offset points",
        fontsize=8, color=INK, va="bottom", annotation_clip=False,
    )  # fmt: skip


def _caution(ax: "GeoAxes", text: str, *, own: bool) -> None:
    """Say what is simulated: below the map in a figure of ours, else inside the map."""
    if not text:
        return
    words: dict[str, Any] = {"fontsize": 7, "style": "italic", "color": CAUTION}
    if own:
        width, height = ax.figure.get_size_inches()
        ax.figure.text(0.08 / width, 0.06 / height, text, **words)
        return
    ax.annotate(
        text, (0, 0), (5, 5), xycoords="axes fraction", textcoords="offset points", zorder=10,
        bbox={"boxstyle": "square,pad=0.2", "fc": "white", "ec": "none", "alpha": 0.8}, **words,
    )  # fmt: skip
