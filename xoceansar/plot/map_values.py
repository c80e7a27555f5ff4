"""What a map draws: one value or category and one place for each vignette."""

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import xarray as xr

from xoceansar.conventions import VARIABLES
from xoceansar.conventions.flags import flag_numbers
from xoceansar.conventions.texts import has_texts, text_values
from xoceansar.errors import DimensionError, MissingVariableError, UnitsError
from xoceansar.layout.ice_cover import under_ice
from xoceansar.layout.images import degrees_of
from xoceansar.layout.vignette_dims import find_corners
from xoceansar.plot.style import (
    CLASS_COLOURS,
    OTHER_COLOURS,
    provenance,
    quantity_label,
    sentence,
)
from xoceansar.sar.geometry import from_unit_vector, unit_vector

XarrayObject = xr.Dataset | xr.DataArray

#: Variables that a map of a Dataset draws where none is named, if just one of them is there.
_DRAWABLE: Final = ("swh", "wind_speed", "wind_to_direction", "ocean_class")


@dataclass(frozen=True)
class Category:
    """A category of a map."""

    #: As in the legend.
    name: str
    colour: str


@dataclass(frozen=True)
class Values:
    """Values of the vignettes and where they are."""

    name: str
    #: With units, for the colour bar.
    label: str
    #: (n): Values, or positions in `categories`; NaN where missing.
    numbers: npt.NDArray[np.float64]
    #: (n): Degrees; always finite.
    longitude: npt.NDArray[np.float64]
    latitude: npt.NDArray[np.float64]
    #: (n, 4, 2): Longitudes and latitudes of the footprints, in turn around them.
    corners: npt.NDArray[np.float64] | None
    #: Empty for a continuous variable.
    categories: tuple[Category, ...]
    #: Times, platforms and number of vignettes, in words.
    period: str
    #: What is simulated, in words.
    provenance: str
    #: Whether they are the cells of a field, in `corners`, and not vignettes.
    gridded: bool = False


def read_values(obj: XarrayObject, variable: Hashable | None) -> Values:
    """Find, check and load what a map draws."""
    data = _find(obj, variable)
    place = {}
    for name in ("longitude", "latitude"):
        if name not in data.coords:
            raise MissingVariableError(
                f"a map needs the coordinate {name!r} of each vignette; {data.name!r} has "
                f"{sorted(map(str, data.coords))}. Add it with "
                f"ds.assign_coords({name}=('vignette', values))."
            )
        place[name] = data.coords[name]
    gridded = data.ndim == 2 and set(place["longitude"].dims) == set(data.dims)
    if gridded:
        data = data.transpose(*place["longitude"].dims)
        place["latitude"] = place["latitude"].transpose(*data.dims)
    if data.ndim > 2 - (not gridded) or any(
        p.dims != data.dims for p in place.values()
    ):
        raise DimensionError(
            f"a map draws one value for each position; {data.name!r} has dims "
            f"{data.dims} and longitude has {place['longitude'].dims}. Select or reduce "
            f"first, for example {_reduction(data)}."
        )
    lon, lat = (np.atleast_1d(degrees_of(place[n])) for n in place)
    corners = _cell_corners(lon, lat) if gridded else None
    numbers, categories = _numbers(data.compute())
    numbers = np.atleast_1d(numbers).ravel()
    frozen = under_ice(obj, data)
    ice = np.zeros(numbers.size, bool)
    if frozen is not None:
        ice = np.atleast_1d(frozen.values).ravel() & np.isfinite(numbers)
        numbers = np.where(ice, np.nan, numbers)
    lon, lat = lon.ravel(), lat.ravel()
    placed = np.isfinite(lon) & np.isfinite(lat)
    name = str(data.name)
    dataset_attrs = obj.attrs if isinstance(obj, xr.Dataset) else {}
    attrs = {**VARIABLES.get(name, {}), **data.attrs}
    return Values(
        name=name,
        label=sentence(quantity_label(name, attrs)),
        numbers=numbers[placed],
        longitude=lon[placed],
        latitude=lat[placed],
        corners=_corners(obj, data.dims, placed)
        if corners is None
        else corners[placed],
        categories=categories,
        period=_period(data, placed, "cell" if gridded else "vignette", int(ice.sum())),
        provenance=provenance(dataset_attrs, data.attrs),
        gridded=gridded,
    )


def _find(obj: XarrayObject, variable: Hashable | None) -> xr.DataArray:
    if isinstance(obj, xr.DataArray):
        if variable is None or variable == obj.name:
            return obj
        if variable in obj.coords:
            return obj[variable]
        names = sorted(str(name) for name in (obj.name, *obj.coords))
    else:
        candidates = [name for name in _DRAWABLE if name in obj]
        if variable is None and len(candidates) == 1:
            return obj[candidates[0]]
        if variable is None:
            raise MissingVariableError(
                f"say which variable to draw: {candidates or sorted(map(str, obj))}, "
                f"for example variable={(candidates or ['swh'])[0]!r}."
            )
        if variable in obj:
            return obj[variable]
        names = sorted(map(str, obj.variables))
    raise MissingVariableError(
        f"there is no variable {variable!r} to draw; found {names}."
    )


def _reduction(data: xr.DataArray) -> str:
    if {"latitude", "longitude"} <= set(data.dims):
        return "to one time or class, and draw the cells with plot.grid(da)"
    if "class" in data.dims:
        return "ds.class_probability.sel({'class': 'sea_ice'})"
    if "line" in data.dims:
        return f"ds.{data.name}.mean(['line', 'sample'])"
    return "da.isel(...) or da.mean(...)"


def _numbers(
    data: xr.DataArray,
) -> tuple[npt.NDArray[np.float64], tuple[Category, ...]]:
    kind = data.dtype.kind
    values, masks = (
        flag_numbers(data.attrs[n]) if n in data.attrs and kind in "iuf" else None
        for n in ("flag_values", "flag_masks")
    )
    if values is not None:
        return _flag_values(data, values)
    if masks is not None:
        return _flag_masks(data, masks.astype(int))
    if has_texts(data):
        return _strings(text_values(data), str(data.name))
    if kind == "b":
        return _strings(np.where(data.values, "yes", "no"), str(data.name))
    if kind in "iuf":
        return data.values.astype(float), ()
    raise UnitsError(
        f"a map draws numbers, flags and text; {data.name!r} is {data.dtype}. Convert it to "
        "a number first."
    )


def _flag_values(
    data: xr.DataArray, flags: npt.NDArray[Any]
) -> tuple[npt.NDArray[np.float64], tuple[Category, ...]]:
    names = str(data.attrs.get("flag_meanings", "")).split()
    values = np.atleast_1d(data.values.astype(float))
    numbers = np.full(values.shape, np.nan)
    for position, value in enumerate(flags):
        numbers[values == value] = position
    names += [f"flag {value:g}" for value in flags[len(names) :]]
    return numbers, tuple(
        Category(
            name.replace("_", " "),
            CLASS_COLOURS.get(name, OTHER_COLOURS[i % len(OTHER_COLOURS)]),
        )
        for i, name in enumerate(names[: len(flags)])
    )


def _flag_masks(
    data: xr.DataArray, masks: npt.NDArray[np.int_]
) -> tuple[npt.NDArray[np.float64], tuple[Category, ...]]:
    names = str(data.attrs.get("flag_meanings", "")).split()
    raw = np.atleast_1d(data.values)
    finite = np.isfinite(raw)
    codes = np.where(finite, raw, 0).astype(int)

    def words(code: int) -> str:
        raised = [n for n, mask in zip(names, masks, strict=False) if code & mask]
        return " + ".join(raised).replace("_", " ") or "nothing to report"

    texts = np.array([words(code) for code in codes], dtype=object)
    numbers, categories = _strings(texts, str(data.name), first="nothing to report")
    return np.where(finite, numbers, np.nan), categories


def _strings(
    values: npt.NDArray[Any], name: str, *, first: str = ""
) -> tuple[npt.NDArray[np.float64], tuple[Category, ...]]:
    values = np.atleast_1d(values)
    names = sorted(set(values.tolist()), key=lambda v: (v != first, v))
    if len(names) > len(OTHER_COLOURS):
        raise UnitsError(
            f"a map tells at most {len(OTHER_COLOURS)} categories apart; {name!r} has "
            f"{len(names)}. Select some of them first."
        )
    position = {value: i for i, value in enumerate(names)}
    return np.array([position[v] for v in values.tolist()], float), tuple(
        Category(str(n), colour)
        for n, colour in zip(names, OTHER_COLOURS, strict=False)
    )


def _corners(
    obj: XarrayObject, dims: tuple[Hashable, ...], placed: npt.NDArray[np.bool_]
) -> npt.NDArray[np.float64] | None:
    """Footprints, which only a Dataset can carry: an array of values has no dim for them."""
    names = ("corner_longitude", "corner_latitude")
    if not set(names) <= set(obj.coords) or obj.coords[names[0]].dims != (
        *dims,
        "corner",
    ):
        return None
    both = [
        np.atleast_2d(a.values) for a in find_corners(obj.coords.to_dataset()) or ()
    ]
    corners: npt.NDArray[np.float64] = np.stack(both, axis=-1).astype(float)
    return corners[placed]


def _cell_corners(
    longitude: npt.NDArray[np.float64], latitude: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Corners (n, 4, 2) of the cells around a grid of middles, half-way between them.

    As unit vectors, so that the 180 degree meridian and the poles are places like any other.
    """
    vectors = unit_vector(longitude, latitude)
    for axis in (0, 1):
        if vectors.shape[axis] == 1:
            raise DimensionError(
                f"a field needs two cells or more along each side; it is {longitude.shape}."
            )
        inner = (vectors.take(range(1, vectors.shape[axis]), axis) + vectors.take(
            range(vectors.shape[axis] - 1), axis)) / 2  # fmt: skip
        first = 2 * vectors.take([0], axis) - inner.take([0], axis)
        last = 2 * vectors.take([-1], axis) - inner.take([-1], axis)
        vectors = np.concatenate([first, inner, last], axis)
    nodes = np.stack(from_unit_vector(vectors), axis=-1)
    ring = (nodes[:-1, :-1], nodes[:-1, 1:], nodes[1:, 1:], nodes[1:, :-1])
    return np.stack(ring, axis=2).reshape(-1, 4, 2)


def _period(
    data: xr.DataArray, placed: npt.NDArray[np.bool_], noun: str, ice: int
) -> str:
    parts = []
    if "platform" in data.coords:
        parts.append(
            ", ".join(
                sorted(set(np.atleast_1d(text_values(data["platform"])).tolist()))
            )
        )
    times = (
        np.atleast_1d(data["time"].values).ravel()
        if "time" in data.coords
        else np.array([])
    )
    if times.dtype.kind == "M" and (~np.isnat(times)).any():
        times = times[~np.isnat(times)]
        parts.append(span(times.min(), times.max()))
    parts.append(f"{placed.size:,} {noun}{'' if placed.size == 1 else 's'}")
    if not placed.all():
        parts.append(f"{(~placed).sum():,} without position")
    if ice:
        parts.append(f"{ice:,} of sea ice, without value")
    return " · ".join(parts)


def span(first: np.datetime64, last: np.datetime64) -> str:
    """Say a span of time without repeating the day."""
    a, b = (str(t.astype("datetime64[s]")).replace("T", " ") for t in (first, last))
    if a[:16] == b[:16]:
        return f"{a[:16]} UTC"
    if a[:10] == b[:10]:
        return f"{a[:16]} to {b[11:16]} UTC"
    if (last - first) > np.timedelta64(2, "D"):
        return f"{a[:10]} to {b[:10]}"
    return f"{a[:16]} to {b[:16]} UTC"
