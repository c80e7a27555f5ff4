"""Maps and quick-looks with matplotlib and cartopy, drawn without a display and without a network.

Importing this package loads neither; the functions do.
"""

from xoceansar.plot._style import CLASS_COLOURS
from xoceansar.plot.experiments import write_experiment
from xoceansar.plot.gridded import class_occurrence, grid, iceberg_density, seasons
from xoceansar.plot.maps import map
from xoceansar.plot.report import write_report
from xoceansar.plot.tracks import track
from xoceansar.plot.vignettes import vignettes

__all__ = [
    "CLASS_COLOURS",
    "class_occurrence",
    "grid",
    "iceberg_density",
    "map",
    "seasons",
    "track",
    "vignettes",
    "write_experiment",
    "write_report",
]
