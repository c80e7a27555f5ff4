"""Maps of one value or category for each vignette."""

from collections.abc import Hashable
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
import xarray as xr

from xoceansar._optional import require
from xoceansar.errors import OceansarError
from xoceansar.plot._frame import (
    WORLD,
    Region,
    choose_projection,
    is_flat,
    region_of,
    shown_region,
    zoom,
)
from xoceansar.plot._marks import colouring, draw_globe, draw_key, draw_marks
from xoceansar.plot._style import CAUTION, INK, SEA, sentence
from xoceansar.plot._values import Values, read_values
from xoceansar.plot.land import draw_land

if TYPE_CHECKING:
    from cartopy.crs import Projection
    from cartopy.mpl.geoaxes import GeoAxes
    from matplotlib.colors import Colormap

__all__ = ["map"]

Extent = tuple[float, float, float, float] | Literal["global"]

_WIDTH: Final = 7.2  # inches
_FOOT: Final = 0.2  # inches, for what must be said of simulated data
#: Least and greatest width over height of a regional map.
_ASPECT: Final = (0.85, 2.0)
#: Maps narrower than this are given a globe that says where they are, degrees.
_LOCAL: Final = 60.0


def map(
    obj: xr.Dataset | xr.DataArray,
    variable: Hashable | None = None,
    *,
    ax: "GeoAxes | None" = None,
    projection: "Projection | None" = None,
    extent: Extent | None = None,
    cmap: "str | Colormap | None" = None,
    vmin: float | None = None,
    vmax: float | None = None,
    title: str | None = None,
    land: bool = True,
    footprints: bool | None = None,
    locator: bool | None = None,
) -> "GeoAxes":
    """Draw one value for each vignette on a map.

    Parameters
    ----------
    obj : Dataset or DataArray
        A DataArray (vignette), or a Dataset that holds it, with the coordinates ``longitude`` and
        ``latitude`` along the same dim, degrees.
    variable : hashable, optional
        Variable or coordinate of `obj`; needed where a Dataset holds more than one that can be
        mapped. Numbers, CF flags, flag masks and text can.
    ax : GeoAxes, optional
        Where to draw; its projection and extent stay. A new figure otherwise.
    projection : cartopy Projection, optional
        Of the new figure; chosen from the region otherwise.
    extent : tuple of float or "global", optional
        West, east, south and north in degrees, west > east across the antimeridian; the
        vignettes with a margin otherwise.
    cmap : str or Colormap, optional
        For numbers; one that suits the variable otherwise.
    vmin, vmax : float, optional
        Ends of the colour bar; from the values, without the outermost percent, otherwise.
    title : str, optional
        What the map shows; the variable's ``long_name`` otherwise.
    land : bool, default True
        Draw land and coastline.
    footprints : bool, optional
        Draw the vignettes' outlines, by ``corner_longitude`` and ``corner_latitude``, in place
        of points; where they are large enough to see otherwise.
    locator : bool, optional
        Draw a small globe that says where the region lies; where it is small otherwise.

    Returns
    -------
    GeoAxes
        The map, ``ax.figure`` its figure. Nothing is shown and no backend chosen:
        ``ax.figure.savefig(path)``, or ``matplotlib.pyplot.show()``.

    Raises
    ------
    MissingVariableError, DimensionError, UnitsError
        If the variable or its positions are absent, or cannot be drawn as one value each.
    OceansarError
        If `ax` is not a cartopy GeoAxes, or `extent` no region.
    MissingDependencyError
        If matplotlib, cartopy or cmocean is not installed.

    Notes
    -----
    Loads `variable` and its coordinates. Vignettes without a value are drawn as hollow grey marks,
    never as the first class or the lowest value. Nothing is downloaded: land comes from the
    GSHHG coastlines in roaring-landmask.
    """
    values = read_values(obj, variable)
    region = _region(extent, values)
    own = ax is None
    if ax is None:
        ax = _new_axes(projection or choose_projection(region), region)
        _fit_figure(ax, values)
    else:
        _check_axes(ax)
        if extent is not None:
            zoom(ax, region, aspect=(0.0, float("inf")))
    ax.set_facecolor(SEA)
    if land:
        draw_land(ax)
    marks = draw_marks(ax, values, colouring(values, cmap, vmin, vmax), footprints)
    draw_key(ax, marks, values)
    _headline(ax, values, title)
    _caution(ax, values.provenance, own=own)
    if locator or (locator is None and region.east - region.west < _LOCAL):
        draw_globe(ax, values, region.middle, (region.south + region.north) / 2)
    return ax


def _region(extent: Extent | None, values: Values) -> Region:
    if extent is None:
        return region_of(values.longitude, values.latitude)
    if extent == "global":
        return WORLD
    if isinstance(extent, str):
        raise OceansarError(
            f"extent must be 'global' or (west, east, south, north); got {extent!r}."
        )
    return Region.given(extent)


def _check_axes(ax: object) -> None:
    geoaxes = require("cartopy.mpl.geoaxes", extra="plot")
    if not isinstance(ax, geoaxes.GeoAxes):
        raise OceansarError(
            f"a map needs a cartopy GeoAxes; got {type(ax).__name__}. Make one with "
            "plt.axes(projection=cartopy.crs.PlateCarree()), or leave ax out."
        )


def _new_axes(projection: "Projection", region: Region) -> "GeoAxes":
    pyplot = require("matplotlib.pyplot", extra="plot")
    figure = pyplot.figure(figsize=(_WIDTH, _WIDTH), layout="constrained")
    ax: GeoAxes = figure.add_subplot(projection=projection)
    if region == WORLD:
        ax.set_global()
    else:
        zoom(ax, region, aspect=_ASPECT)
    _graticule(ax)
    ax.spines["geo"].set(linewidth=0.7, edgecolor=INK)
    return ax


def _fit_figure(ax: "GeoAxes", values: Values) -> None:
    """Make the figure as high as the map in it, with its words and colour bar."""
    (west, east), (south, north) = ax.get_xlim(), ax.get_ylim()
    if is_flat(ax):
        beside, below = 0.5, 1.65
    else:
        beside, below = (2.6 if values.categories else 1.4), 0.95
    foot = _FOOT if values.provenance else 0.0
    height = (_WIDTH - beside) * (north - south) / (east - west) + below + foot
    ax.figure.set_size_inches(_WIDTH, height)
    ax.figure.get_layout_engine().set(rect=(0, foot / height, 1, 1 - foot / height))


def _graticule(ax: "GeoAxes") -> None:
    ticker = require("matplotlib.ticker", extra="plot")
    west, east, south, north = shown_region(ax)
    steps = ticker.MaxNLocator(5, steps=[1, 1.5, 2, 3, 6, 10])
    meridians, parallels = (
        steps.tick_values(west, east),
        steps.tick_values(south, north),
    )
    if east - west > 180:
        meridians = np.arange(-180, 180, 60)
    if north - south > 120:
        parallels = np.arange(-60, 61, 30)
    lines = ax.gridlines(
        draw_labels={"left": "y", "bottom": "x"},
        # The region may reach beyond 180 degrees, where cartopy would draw nothing.
        xlocs=np.unique((meridians + 180) % 360 - 180),
        ylocs=np.clip(parallels, -90, 90),
        linewidth=0.4, color=INK, alpha=0.18, zorder=0.7,
        x_inline=False, y_inline=False, rotate_labels=False,
    )  # fmt: skip
    lines.xlabel_style = lines.ylabel_style = {"size": 7.5, "color": INK}


def _headline(ax: "GeoAxes", values: Values, title: str | None) -> None:
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
