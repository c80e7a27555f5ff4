"""Colours, colour maps and words of the figures, in one table each."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from xoceansar._optional import require
from xoceansar.conventions import OCEAN_CLASSES
from xoceansar.conventions.attributes import is_simulated

if TYPE_CHECKING:
    from matplotlib.colors import Colormap


INK: Final = "#222222"
#: What must not be overlooked.
CAUTION: Final = "#9c1c1c"
SEA: Final = "#f6f9fb"
LAND: Final = "#d9d5cd"
COAST: Final = "#8b867c"
#: Edge of the markers of vignettes without a value.
MISSING: Final = "#9a9a9a"

#: Colour of each ocean class: blues for the wind sea, warm for slicks, ice and fronts.
CLASS_COLOURS: Final[Mapping[str, str]] = MappingProxyType(
    dict(
        zip(
            OCEAN_CLASSES,
            (
                "#1b4f9c",  # pure ocean waves
                "#56b4e9",  # wind streaks
                "#159a86",  # micro-convective cells
                "#8e5bc4",  # rain cells
                "#8fbf3f",  # biological slicks
                "#f5c518",  # sea ice
                "#e8601c",  # icebergs
                "#b08d6a",  # low wind area
                "#d81b7a",  # atmospheric front
                "#7a1f2b",  # oceanic front
            ),
            strict=True,
        )
    )
)
#: Colours of other categories: Okabe and Ito (2008), which colour-blind readers tell apart.
OTHER_COLOURS: Final = (
    "#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9",
    "#d55e00", "#f0e442", "#000000", "#7f7f7f", "#6a3d9a",
)  # fmt: skip


@dataclass(frozen=True)
class Shading:
    """How a continuous variable is coloured."""

    #: Name in cmocean.
    colormap: str
    #: Fixed ends; from the values where not given.
    low: float | None = None
    high: float | None = None
    #: Part of the colour map that is used: white marks would vanish on the sea, and the darkest
    #: colours of cmocean are hard to tell apart on a small mark.
    ends: tuple[float, float] = (0.0, 1.0)


_TRIMMED: Final = (0.08, 0.92)
_SHADINGS: Final[Mapping[str, Shading]] = MappingProxyType(
    {
        "swh": Shading("amp", low=0.0, ends=_TRIMMED),
        "wind_speed": Shading("speed", low=0.0, ends=_TRIMMED),
        "wind_to_direction": Shading("phase", low=0.0, high=360.0),
        "peak_to_direction": Shading("phase", low=0.0, high=360.0),
        "peak_wavelength": Shading("dense", ends=_TRIMMED),
        "class_probability": Shading("matter", low=0.0, high=1.0, ends=_TRIMMED),
        "class_occurrence": Shading("matter", low=0.0, high=1.0, ends=(0.0, 0.92)),
        "iceberg_count": Shading("ice_r", low=0.0, ends=_TRIMMED),
        "iceberg_density": Shading("ice_r", low=0.0, ends=_TRIMMED),
        "observation_count": Shading("matter", low=0.0, ends=_TRIMMED),
        "sigma0_mean": Shading("gray"),
        "incidence": Shading("haline"),
    }
)
_DEFAULT_SHADING: Final = Shading("thermal")
_SUPERSCRIPT: Final = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def shading(variable: str) -> Shading:
    """Return how a variable is coloured."""
    return _SHADINGS.get(variable, _DEFAULT_SHADING)


def colormap(style: Shading) -> "Colormap":
    """Return the colour map of a shading, without the ends that it leaves out."""
    cmocean = require("cmocean", extra="plot")
    cmap: Colormap = getattr(cmocean.cm, style.colormap)
    if style.ends == (0.0, 1.0):
        return cmap
    colors = require("matplotlib.colors", extra="plot")
    kept = cmap(np.linspace(*style.ends, 256))
    cut: Colormap = colors.LinearSegmentedColormap.from_list(cmap.name, kept)
    return cut


def sentence(text: str) -> str:
    """Return text with a capital first letter."""
    return text[:1].upper() + text[1:]


def quantity_label(name: str, attrs: Mapping[str, Any]) -> str:
    """Return what a colour bar shows, with its units: ``Wind speed (m s⁻¹)``."""
    label = sentence(str(attrs.get("long_name", name.replace("_", " "))))
    units = str(attrs.get("units", ""))
    if units in ("", "1"):
        return label
    pretty = {"degree": "°", "degrees_east": "°E", "degrees_north": "°N"}.get(units)
    if pretty is None:
        pretty = re.sub(
            r"(?<=[a-z])-?\d+", lambda m: m[0].translate(_SUPERSCRIPT), units
        )
    return f"{label} ({pretty})"


def provenance(*sources: Mapping[str, Any]) -> str:
    """Say in one line what of a figure is simulated; empty where nothing is."""
    merged: dict[str, Any] = {}
    for source in sources:
        merged.update(source)
    parts: list[str] = []
    said = str(merged.get("source", ""))
    if "synthetic" in said:
        parts.append(said)
    elif is_simulated(merged):
        parts.append("simulated sea, not a measurement")
    trained, _, _ = str(merged.get("model_training", "")).partition(";")
    if "simulated" in trained:
        name = merged.get("model", "of unknown name")
        parts.append(f"model {name} trained on {trained}")
    return sentence("; ".join(parts))
