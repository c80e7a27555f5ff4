"""Names and dimensions, classes and flags: what every output is called.

References
----------
Wang et al. (2019), TenGeoP-SARwv, https://doi.org/10.1002/gdj3.73 (the ten ocean classes).
"""

from enum import IntFlag
from typing import Final

VIGNETTE: Final = "vignette"
LINE: Final = "line"
SAMPLE: Final = "sample"
EMBEDDING: Final = "embedding"
OCEAN_CLASS: Final = "ocean_class"

#: Flag meanings of ``ocean_class``, in the order of the TenGeoP-SARwv folders F to O.
OCEAN_CLASSES: Final = (
    "pure_ocean_waves",
    "wind_streaks",
    "micro_convective_cells",
    "rain_cells",
    "biological_slicks",
    "sea_ice",
    "icebergs",
    "low_wind_area",
    "atmospheric_front",
    "oceanic_front",
)
#: TenGeoP-SARwv folder letter of each class.
CLASS_CODES: Final = tuple("FGHIJKLMNO")
#: ``ocean_class`` of a vignette that could not be classified.
CLASS_FILL: Final = -1

#: Flag meaning of the places of a field or map that no tile covers, in variables of flag masks.
NO_TILE: Final = "no_tile"

#: How the auxiliary files that a simulated product names end: readers pass their names on.
SIMULATED_FILE: Final = "_SIMULATED.SAFE"


class Quality(IntFlag):
    """Bits of ``quality``; no bit set means nothing to report."""

    NO_DATA = 1
    BELOW_NOISE = 2
    LAND = 4
    SEA_ICE_HINT = 8
    SATURATED = 16
    CALIBRATION_SUSPECT = 32
    UNREADABLE = 64
    OUT_OF_DOMAIN = 128


#: What each bit of ``quality`` says, for people.
QUALITY_WORDS: Final = {
    Quality.NO_DATA: "pixels are missing",
    Quality.BELOW_NOISE: "the sea is as dark as the radar's noise",
    Quality.LAND: "land in the image",
    Quality.SEA_ICE_HINT: "there may be sea ice",
    Quality.SATURATED: "pixels are saturated",
    Quality.CALIBRATION_SUSPECT: "the calibration is doubtful",
    Quality.UNREADABLE: "the product could not be read here",
    Quality.OUT_OF_DOMAIN: "unlike what the model was trained on",
}


class Domain(IntFlag):
    """Bits of ``domain``: in what a vignette differs from those that a model was trained on."""

    POLARISATION = 1
    BEAM = 2
    INCIDENCE = 4
    RESOLUTION = 8
