"""Gridded values on a map: read, and sampled on the pixels of the map in its own projection.

Whatever the projection, no cell can smear across the map's edge, and none at a pole is lost.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt
import xarray as xr

from xoceansar.conventions import VARIABLES
from xoceansar.errors import DimensionError, UnitsError
from xoceansar.plot.land_layer import SAMPLES
from xoceansar.plot.map_frame import WORLD, Region, pixel_places, pixel_shape, region_of
from xoceansar.plot.map_values import Values, span
from xoceansar.plot.marks import Colouring
from xoceansar.plot.style import provenance, quantity_label

if TYPE_CHECKING:
    from cartopy.mpl.geoaxes import GeoAxes
    from matplotlib.cm import ScalarMappable


Floats = npt.NDArray[np.float64]

_PLACE: Final = ("latitude", "longitude")


@dataclass(frozen=True)
class Field:
    """Values in cells of longitude and latitude."""

    #: (..., rows, columns): Values; NaN where missing. Rows run from the south, columns to the
    #: east.
    numbers: Floats
    #: Edges of rows and columns, degrees, one more than there are of them.
    south: Floats
    west: Floats
    #: All cells that hold a value, with name, label and words.
    values: Values

    @property
    def region(self) -> Region:
        """The smallest region that holds the cells with a value."""
        return self.region_where(np.isfinite(self.numbers))

    def region_where(self, chosen: npt.NDArray[np.bool_]) -> Region:
        """Return the smallest region that holds some of the cells.

        Shapes: `chosen` (..., rows, columns).
        """
        flat = chosen.reshape(-1, *chosen.shape[-2:]).any(axis=0)
        row, column = np.nonzero(flat)
        if not row.size:
            return WORLD
        lon = np.concatenate([self.west[column], self.west[column + 1]])
        return region_of(lon, np.concatenate([self.south[row], self.south[row + 1]]))


def is_gridded(data: xr.DataArray) -> bool:
    """Say whether an array has cells of longitude and latitude as its dims."""
    return set(_PLACE) <= set(data.dims)


def read_field(
    data: xr.DataArray,
    attrs: Mapping[str, Any],
    *,
    label: str | None = None,
    note: str = "",
) -> Field:
    """Check and load gridded values.

    Shapes: `data` (..., latitude, longitude).
    """
    if data.dtype.kind not in "iufb":
        raise UnitsError(f"cells are drawn of numbers; {data.name!r} is {data.dtype}.")
    if min(data.sizes[name] for name in _PLACE) < 2:
        raise DimensionError(
            "a gridded map needs two or more latitudes and longitudes; got "
            f"{ {name: data.sizes[name] for name in _PLACE} }."
        )
    data = data.sortby(list(_PLACE)).transpose(..., *_PLACE).compute()
    numbers = data.values.astype(float)
    south, west = (_edges(data[name].values.astype(float)) for name in _PLACE)
    south = np.clip(south, -90, 90)
    finite = np.isfinite(numbers)
    row, column = np.nonzero(finite.reshape(-1, *finite.shape[-2:]).any(axis=0))
    table = {**VARIABLES.get(str(data.name), {}), **data.attrs}
    spread = "standard_deviation" in str(table.get("cell_methods", ""))
    values = Values(
        name=f"{data.name} spread" if spread else str(data.name),
        label=label or quantity_label(str(data.name), table),
        numbers=numbers[finite],
        longitude=(west[column] + west[column + 1]) / 2,
        latitude=(south[row] + south[row + 1]) / 2,
        corners=None,
        categories=(),
        period=" · ".join([*coverage_words(attrs), *([note] if note else [])]),
        provenance=provenance(attrs, data.attrs),
    )
    return Field(numbers, south, west, values)


def _edges(centres: Floats) -> Floats:
    middle = (centres[:-1] + centres[1:]) / 2
    first, last = 2 * centres[0] - middle[0], 2 * centres[-1] - middle[-1]
    return np.concatenate([[first], middle, [last]])


def coverage_words(attrs: Mapping[str, Any]) -> list[str]:
    """Say of which satellites and times gathered values are."""
    said = [str(attrs["platform"])] if "platform" in attrs else []
    ends = [attrs.get(f"time_coverage_{end}") for end in ("start", "end")]
    if all(ends):
        first, last = (np.datetime64(str(end).rstrip("Z"), "s") for end in ends)
        said.append(span(first, last))
    return said


def draw_cells(
    ax: "GeoAxes",
    field: Field,
    numbers: Floats,
    colours: Colouring,
    *,
    pixels: int = 1000,
) -> "ScalarMappable":
    """Draw one grid over the present extent of a map, below its land.

    Shapes: `numbers` (rows, columns).
    """
    limits = (*ax.get_xlim(), *ax.get_ylim())
    rows, columns = (n * SAMPLES for n in pixel_shape(ax, pixels))
    places = pixel_places(ax.projection, limits, (rows, columns))
    sampled = _sample(field, numbers, places[..., 0], places[..., 1])
    image: ScalarMappable = ax.imshow(
        sampled, extent=limits, origin="lower", transform=ax.projection, zorder=0.4,
        interpolation="nearest", aspect=ax.get_aspect(), norm=colours.norm,
        cmap=colours.cmap.with_extremes(bad=(0, 0, 0, 0)),
    )  # fmt: skip
    ax.set_xlim(limits[:2])
    ax.set_ylim(limits[2:])
    return image


def _sample(
    field: Field, numbers: Floats, longitude: npt.ArrayLike, latitude: npt.ArrayLike
) -> np.ma.MaskedArray[Any, Any]:
    """Take the value of the cell that each place is in; masked where there is none."""
    lon, lat = np.asarray(longitude, float), np.asarray(latitude, float)
    known = np.isfinite(lon) & np.isfinite(lat)
    lon, lat = np.where(known, lon, 0.0), np.where(known, lat, 0.0)
    turned = (lon - field.west[0]) % 360 + field.west[0]
    row = np.searchsorted(field.south, lat, "right") - 1
    row = np.where(lat == field.south[-1], len(field.south) - 2, row)
    column = np.searchsorted(field.west, turned, "right") - 1
    known &= (row >= 0) & (row < numbers.shape[0]) & (column < numbers.shape[1])
    found = numbers[np.where(known, row, 0), np.where(known, column, 0)]
    return np.ma.masked_where(~known | ~np.isfinite(found), found)
