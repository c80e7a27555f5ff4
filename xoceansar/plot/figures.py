"""Figures that do not pile up where nobody looks at them."""

import weakref
from typing import TYPE_CHECKING, Any, Final

from xoceansar._optional import require
from xoceansar.plot.style import CAUTION, INK

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from xoceansar.plot.map_values import Values


#: Backends that write files alone, on which ``pyplot.show`` does nothing.
_FILES: Final = frozenset({"agg", "cairo", "pdf", "pgf", "ps", "svg", "template"})
#: Figures on such a backend that pyplot still knows.
_known: "weakref.WeakSet[Figure]" = weakref.WeakSet()


def new_figure(**how: Any) -> "Figure":
    """Make a figure, known to pyplot; without a display it takes the place of the last one there."""
    pyplot = require("matplotlib.pyplot", extra="plot")
    figure: Figure = pyplot.figure(**how)
    if pyplot.get_backend().lower() in _FILES:
        for previous in list(_known):
            pyplot.close(previous)
        _known.clear()
        _known.add(figure)
    return figure


def write_words(figure: "Figure", heading: str, values: "Values") -> None:
    """Write what is shown, when and by which satellites, and what of it is simulated."""
    width, height = figure.get_size_inches()
    left, top = 0.08 / width, 1 - 0.08 / height
    figure.text(left, top, heading, fontsize=11, fontweight="bold", color=INK, va="top")
    figure.text(left, 1 - 0.3 / height, values.period, fontsize=8, color=INK, va="top")
    figure.text(
        left,
        0.06 / height,
        values.provenance,
        fontsize=7,
        style="italic",
        color=CAUTION,
    )
