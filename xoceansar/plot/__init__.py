"""Maps and quick-looks with matplotlib and cartopy, drawn without a display and without a network.

Importing this package loads neither; the functions do.
"""

from xoceansar.plot.animations import animate
from xoceansar.plot.calibration_curves import calibration_bias
from xoceansar.plot.gridded import class_occurrence, grid, iceberg_density, seasons
from xoceansar.plot.hovmoeller_panel import hovmoeller
from xoceansar.plot.maps import map
from xoceansar.plot.quicklooks import vignettes
from xoceansar.plot.spectrum_panels import spectrum
from xoceansar.plot.style import CLASS_COLOURS
from xoceansar.plot.time_series import series
from xoceansar.plot.tracks import track

__all__ = [
    "CLASS_COLOURS",
    "animate",
    "calibration_bias",
    "class_occurrence",
    "grid",
    "hovmoeller",
    "iceberg_density",
    "map",
    "seasons",
    "series",
    "spectrum",
    "track",
    "vignettes",
]


def __dir__() -> list[str]:
    """List what is public."""
    return sorted(__all__)
