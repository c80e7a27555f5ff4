"""Figures that do not pile up where nobody looks at them."""

import weakref
from typing import TYPE_CHECKING, Any, Final

from xoceansar._optional import require

if TYPE_CHECKING:
    from matplotlib.figure import Figure


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
