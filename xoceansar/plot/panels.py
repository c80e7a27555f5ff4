"""Small maps side by side with one colour bar."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from xoceansar.plot.cell_images import Field, draw_cells
from xoceansar.plot.figures import new_figure, write_words
from xoceansar.plot.land_layer import draw_land
from xoceansar.plot.map_frame import Region, choose_projection, named_projection
from xoceansar.plot.map_sheet import FOOT, WIDTH, graticule, show_region
from xoceansar.plot.marks import Colouring
from xoceansar.plot.style import INK, SEA, sentence

if TYPE_CHECKING:
    from cartopy.crs import Projection
    from matplotlib.figure import Figure


#: Heights, inches: of the headline, of a panel's name with its space, of the bar with its words.
_HEAD: Final = 0.52
_NAME: Final = 0.26
_BAR: Final = 0.62
#: Pixels along the longer side of a panel's land; its cells have twice as many.
_PIXELS: Final = 500


@dataclass(frozen=True)
class Panel:
    """One map of several."""

    #: What stands above it.
    name: str
    #: (rows, columns): Values of its cells.
    numbers: npt.NDArray[np.float64]


def draw_panels(
    panels: Sequence[Panel],
    field: Field,
    colours: Colouring,
    region: Region,
    *,
    projection: "Projection | str | None",
    title: str | None,
    land: bool,
    ticks: Mapping[float, str] | None = None,
) -> "Figure":
    """Draw maps of one region in two columns, with one colour bar below them."""
    columns = min(2, len(panels))
    rows = -(-len(panels) // columns)
    figure = new_figure(figsize=(WIDTH, WIDTH))
    shown = named_projection(projection or choose_projection(region))
    grid = figure.subplots(
        rows, columns, squeeze=False, subplot_kw={"projection": shown}
    )
    axes = list(grid.ravel())
    for spare in axes[len(panels) :]:
        spare.remove()
    axes = axes[: len(panels)]
    for ax, panel in zip(axes, panels, strict=True):
        show_region(ax, region)
        graticule(ax, labels=False)
        ax.set_facecolor(SEA)
        image = draw_cells(ax, field, panel.numbers, colours, pixels=_PIXELS)
        if land:
            draw_land(ax, pixels=_PIXELS)
        ax.set_title(panel.name, loc="left", fontsize=8.5, color=INK, pad=4)
    (west, east), (south, north) = axes[0].get_xlim(), axes[0].get_ylim()
    foot = FOOT if field.values.provenance else 0.05
    each = (WIDTH - 0.15) / columns * (north - south) / (east - west) + _NAME
    height = rows * each + _HEAD + _BAR + foot
    figure.set_size_inches(WIDTH, height)
    rect = (0, foot / height, 1, 1 - (foot + _HEAD) / height)
    figure.set_layout_engine("constrained", rect=rect, w_pad=0.04, h_pad=0.03)
    bar = figure.colorbar(
        image,
        ax=axes,
        location="bottom",
        shrink=0.6,
        aspect=42,
        pad=0.03,
        extend=colours.extend,
    )
    if ticks is not None:
        bar.set_ticks(list(ticks), labels=list(ticks.values()))
    bar.outline.set_linewidth(0.5)
    bar.ax.tick_params(labelsize=8, width=0.5, length=3)
    bar.set_label(field.values.label, fontsize=9, color=INK)
    heading = sentence(field.values.label.partition(" (")[0])
    write_words(figure, heading if title is None else title, field.values)
    return figure
