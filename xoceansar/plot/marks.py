"""The marks of a map: points or footprints, their colours, the colour bar, the locator globe."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from xoceansar._optional import require
from xoceansar.plot.land_layer import draw_land
from xoceansar.plot.map_frame import is_flat, project, projected_quads
from xoceansar.plot.map_values import Values
from xoceansar.plot.style import INK, MISSING, SEA, colormap, shading

if TYPE_CHECKING:
    from cartopy.mpl.geoaxes import GeoAxes
    from matplotlib.cm import ScalarMappable
    from matplotlib.collections import PathCollection
    from matplotlib.colors import Colormap, Normalize
    from matplotlib.lines import Line2D


#: From this share of the map's width on, a vignette is drawn as its footprint.
_FOOTPRINT_SHARE: Final = 0.012
#: More footprints than this are drawn as points.
_MOST_FOOTPRINTS: Final = 20_000
#: From this number on, points are small, have no edge and are stored as pixels.
_MANY: Final = 2000


@dataclass(frozen=True)
class Colouring:
    """Colour map, its range, and whether values lie beyond it."""

    #: Colours.
    cmap: "Colormap"
    #: Values to positions in `cmap`.
    norm: "Normalize"
    #: Ends of the colour bar that stand for values beyond.
    extend: str


def colouring(
    values: Values,
    cmap: "str | Colormap | None",
    vmin: float | None,
    vmax: float | None,
) -> Colouring:
    """Choose the colours of the values."""
    colors = require("matplotlib.colors", extra="plot")
    if values.categories:
        table = colors.ListedColormap([c.colour for c in values.categories])
        edges = np.arange(len(values.categories) + 1) - 0.5
        return Colouring(table, colors.BoundaryNorm(edges, table.N), "neither")
    style = shading(values.name)
    if cmap is None:
        chosen = colormap(style)
    else:
        chosen = require("matplotlib", extra="plot").colormaps.get_cmap(cmap)
    finite = values.numbers[np.isfinite(values.numbers)]
    if not finite.size:
        finite = np.array([0.0, 1.0])
    few = finite.size < 200
    low, high = (finite.min(), finite.max()) if few else np.percentile(finite, (1, 99))
    low = next(v for v in (vmin, style.low, low) if v is not None)
    high = next(v for v in (vmax, style.high, high) if v is not None)
    if not high > low:
        low, high = low - 0.5, low + 0.5
    below, above = bool(finite.min() < low), bool(finite.max() > high)
    extend = {(0, 0): "neither", (1, 0): "min", (0, 1): "max", (1, 1): "both"}
    return Colouring(chosen, colors.Normalize(low, high), extend[below, above])


def draw_marks(
    ax: "GeoAxes", values: Values, colours: Colouring, footprints: bool | None
) -> "ScalarMappable":
    """Draw points, or footprints where they are large enough; missing ones hollow."""
    missing = ~np.isfinite(values.numbers)
    if values.corners is not None and footprints is not False:
        quads, owner = projected_quads(ax.projection, values.corners)
        large = _share(ax, quads) > _FOOTPRINT_SHARE and len(missing) < _MOST_FOOTPRINTS
        if (
            footprints
            or values.gridded
            or (large and len(set(owner.tolist())) == len(missing))
        ):
            return _footprints(ax, quads, owner, values, missing, colours)
    return _points(ax, values, missing, colours)


def _share(ax: "GeoAxes", quads: npt.NDArray[np.float64]) -> float:
    if not len(quads):
        return 0.0
    west, east = ax.get_xlim()
    return float(np.median(np.ptp(quads[..., 0], axis=1)) / (east - west))


def _footprints(
    ax: "GeoAxes",
    quads: npt.NDArray[np.float64],
    owner: npt.NDArray[np.intp],
    values: Values,
    missing: npt.NDArray[np.bool_],
    colours: Colouring,
) -> "ScalarMappable":
    collections = require("matplotlib.collections", extra="plot")
    hollow = missing[owner]
    ax.add_collection(
        collections.PolyCollection(
            quads[hollow],
            facecolors="none",
            edgecolors=MISSING,
            linewidths=0.3 if values.gridded else 0.8,
            zorder=3,
        ),
        autolim=False,
    )
    # The cells of a field touch: edges of their own colour close the seams between them.
    edge, width = ("face", 0.5) if values.gridded else (INK, 0.3)
    filled: ScalarMappable = collections.PolyCollection(
        quads[~hollow], array=values.numbers[owner[~hollow]], cmap=colours.cmap,
        norm=colours.norm, edgecolors=edge, linewidths=width, zorder=4,
    )  # fmt: skip
    ax.add_collection(filled, autolim=False)
    return filled


def _points(
    ax: "GeoAxes",
    values: Values,
    missing: npt.NDArray[np.bool_],
    colours: Colouring,
) -> "ScalarMappable":
    xy = project(ax.projection, values.longitude, values.latitude)
    many = len(missing) > _MANY
    x, y = xy.T
    limits = ax.get_xlim(), ax.get_ylim()
    (west, east), (south, north) = limits
    shown = int(((x > west) & (x < east) & (y > south) & (y < north)).sum())
    size = float(np.clip(9000 / max(shown, 1), 1.5, 32.0))
    hollow = ax.scatter(
        x[missing], y[missing], s=size, facecolors="none", edgecolors=MISSING,
        linewidths=0.3 if many else 0.8, rasterized=many, zorder=3,
    )  # fmt: skip
    good = ~missing
    filled: PathCollection = ax.scatter(
        x[good], y[good], s=size, c=values.numbers[good], cmap=colours.cmap, norm=colours.norm,
        edgecolors="none" if many else INK, linewidths=0 if many else 0.35, rasterized=many,
        zorder=4, plotnonfinite=False,
    )  # fmt: skip
    for each in (hollow, filled):
        # They lie inside the map; without this the layout measures each of them.
        each.set_in_layout(False)
    ax.set_xlim(limits[0])
    ax.set_ylim(limits[1])
    return filled


def draw_key(
    ax: "GeoAxes", marks: "ScalarMappable", values: Values, extend: str
) -> None:
    """Explain the colours: a bar with units for numbers, names and counts for categories."""
    flat = is_flat(ax)
    missing = int((~np.isfinite(values.numbers)).sum())
    no_value = [_key("none", MISSING, f"no value ({missing:,})")] if missing else []
    words: dict[str, Any] = {"fontsize": 8, "handletextpad": 0.2, "labelspacing": 0.6}
    if values.categories:
        counts = [
            int((values.numbers == i).sum()) for i in range(len(values.categories))
        ]
        named = [
            _key(c.colour, INK, f"{c.name} ({n:,})")
            for c, n in zip(values.categories, counts, strict=True)
        ]
        place = {"loc": "center left", "bbox_to_anchor": (1.01, 0.5), "ncols": 1}
        if flat:
            place = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.09), "ncols": 4}
            words |= {"fontsize": 7, "columnspacing": 1.0}
        ax.legend(handles=named + no_value, frameon=False, **place, **words)
        return
    if no_value:
        ax.legend(
            handles=no_value,
            loc="lower right",
            edgecolor="none",
            framealpha=0.8,
            **words,
        ).set_zorder(10)
    where: dict[str, Any] = {
        "location": "right",
        "shrink": 0.9,
        "aspect": 26,
        "pad": 0.02,
    }
    if flat:
        where = {"location": "bottom", "shrink": 0.6, "aspect": 36, "pad": 0.03}
    bar = ax.figure.colorbar(marks, ax=ax, extend=extend, **where)
    bar.outline.set_linewidth(0.5)
    bar.ax.tick_params(labelsize=8, width=0.5, length=3)
    bar.set_label(values.label, fontsize=9, color=INK)


def _key(face: str, edge: str, label: str) -> "Line2D":
    lines = require("matplotlib.lines", extra="plot")
    mark: Line2D = lines.Line2D(
        [], [], ls="none", marker="o", ms=5.5, mfc=face, mec=edge, mew=0.6, label=label
    )
    return mark


def draw_globe(
    ax: "GeoAxes", values: Values, longitude: float, latitude: float
) -> "GeoAxes":
    """Draw a small globe in the emptiest upper corner, with the vignettes as red dots."""
    crs = require("cartopy.crs", extra="plot")
    xy = project(ax.projection, values.longitude, values.latitude)
    (west, east), (south, north) = ax.get_xlim(), ax.get_ylim()
    u = (xy[:, 0] - west) / (east - west)
    high = (xy[:, 1] - south) / (north - south) > 0.6
    left = (high & (u < 0.4)).sum() <= (high & (u > 0.6)).sum()
    globe: GeoAxes = ax.inset_axes(
        (0.01 if left else 0.77, 0.77, 0.22, 0.22),
        projection=crs.Orthographic(
            round(longitude), round(float(np.clip(latitude, -60, 60)))
        ),
    )
    globe.set_global()
    globe.set_facecolor(SEA)
    globe.spines["geo"].set(linewidth=0.5, edgecolor=INK)
    globe.patch.set_alpha(0.9)
    draw_land(globe, pixels=240)
    dots = project(globe.projection, values.longitude, values.latitude)
    globe.scatter(
        *dots.T, s=3, color="#c0152f", linewidths=0, zorder=5, rasterized=True
    )
    globe.set_global()
    globe.set_zorder(8)
    return globe
