"""Say in words what was understood of an object, and what is missing."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import xarray as xr

from xoceansar.conventions import EMBEDDING, LINE, SAMPLE, VARIABLES, VIGNETTE
from xoceansar.conventions.attributes import attribute_flag
from xoceansar.conventions.texts import text_values
from xoceansar.errors import OceansarError
from xoceansar.layout.images import (
    XarrayObject,
    find_embedding,
    find_images,
    spacing_of,
)
from xoceansar.sar.geometry import shortest_arc

#: What can be done with results along these dims.
_NEXT: Final[Mapping[tuple[str, ...], tuple[str, ...]]] = {
    ("query", "neighbour"): ("archive.isel(vignette=found.index[0]) has the matches of the first query",),
    (VIGNETTE,): (
        "plot.map({name!r}), grid({name!r}), select(time=..., region=...), collocate(reference)",
        "of a Dataset: to_table(), to_csv(path), to_geoparquet(path), to_netcdf(path)",
    ),
    ("row", "column"): ("plot.map({name!r}); of a DataArray: to_raster(path), to_map_grid()",),
    ("latitude", "longitude"): ("plot.grid({name!r})",),
}  # fmt: skip
#: What an example draws, where it is there.
_DRAWN: Final = ("swh", "wind_speed", "ocean_class", "iceberg_count")
#: Degrees of longitude from which on a set is of the whole globe.
_ALL_AROUND: Final = 350.0
_ROUNDING: Final = 1e-6
#: Layers of a graph that only reads an array and cuts it.
_STORED: Final = 2


def describe(obj: XarrayObject) -> str:
    """Describe an object as the accessor sees it."""
    lines = [f"<oceansar on {type(obj).__name__}>"]
    embedding = find_embedding(obj)
    if embedding is not None and EMBEDDING in embedding.dims:
        lines.append(
            f"  embedding    {embedding.sizes[EMBEDDING]} values for each of "
            f"{_count(embedding, (EMBEDDING,))} vignettes, by model "
            f"{embedding.attrs.get('model', 'unknown')!r}"
        )
        data = embedding
    else:
        try:
            data, quantity = find_images(obj)
        except OceansarError as error:
            found = _results(obj)
            said = _results_lines(found) if found else [f"  no images    {error}"]
            return "\n".join([*lines, *said])
        lines.append(_image_line(data, quantity))
    lines += [_values_line(data, name) for name in ("beam", "polarisation", "platform")]
    lines += [
        _range_line(data, name)
        for name in ("time", "longitude", "latitude", "incidence")
    ]
    lines += _products_line(obj)
    return "\n".join(line for line in lines if line)


def _results(obj: XarrayObject) -> xr.Dataset | None:
    """Return what was retrieved, gridded or found; None where there is nothing of ours."""
    if isinstance(obj, xr.DataArray):
        if obj.name is None or obj.name in obj.coords:
            return None
        obj = obj.to_dataset().assign_attrs(obj.attrs)
    ours = "xoceansar_version" in obj.attrs or set(obj.data_vars) & set(VARIABLES)
    return obj if ours and obj.data_vars else None


def _results_lines(ds: xr.Dataset) -> list[str]:
    """Say how many, when, where, what, by which model, and what to do next."""
    along = next((dims for dims in _NEXT if set(dims) <= set(ds.dims)), ())
    sizes = " x ".join(f"{ds.sizes[dim]:,} along {dim}" for dim in along)
    sizes = sizes or ", ".join(f"{n:,} along {dim}" for dim, n in ds.sizes.items())
    lazy = any(variable.chunks for variable in ds.data_vars.values())
    lines = [f"  results      {sizes}, {'lazy' if lazy else 'in memory'}"]
    for name in ("beam", "platform", "time", "longitude", "latitude"):
        if name not in ds.coords:
            continue
        data = read_stored(ds[name])
        say = _values_line if name in ("beam", "platform") else _range_line
        lines.append(say(data, name))
    width = max(len(str(name)) for name in ds.data_vars)
    for key, data in ds.data_vars.items():
        units = str(data.attrs.get("units", ""))
        words = [units if units != "1" else "", str(data.attrs.get("long_name", ""))]
        others = [str(dim) for dim in data.dims if dim not in along]
        words.append(f"({', '.join(others)})" if others else "")
        lines.append(f"    {key!s:<{width}}  {'  '.join(w for w in words if w)}")
    merged = {k: v for d in (*ds.data_vars.values(), ds) for k, v in d.attrs.items()}
    if "model" in merged:
        trained = merged.get("model_training")
        lines.append(
            f"  model        {merged['model']}" + (f" ({trained})" if trained else "")
        )
    if attribute_flag(merged, "simulated"):
        lines.append(f"  simulated    {merged.get('source', 'yes')}")
    example = next((n for n in _DRAWN if n in ds), next(iter(ds.data_vars)))
    steps = [step.format(name=example) for step in _NEXT.get(along, ())]
    return lines + [
        f"  {'next' if not i else '':<12} {step}" for i, step in enumerate(steps)
    ]


def read_stored(data: xr.DataArray) -> xr.DataArray:
    """Read what lies in a store, and nothing that would have to be computed."""
    layers = getattr(data.variable.__dask_graph__(), "layers", None)
    if layers is None or len(layers) > _STORED:
        return data
    return data.assign_coords({str(data.name): data.variable.compute()})


def _count(data: xr.DataArray, core: tuple[str, ...]) -> int:
    return int(np.prod([data.sizes[dim] for dim in data.dims if dim not in core]))


def _image_line(data: xr.DataArray, quantity: str) -> str:
    lazy = "lazy" if data.chunks else "in memory"
    try:
        spacing = f"{spacing_of(data):g} m"
    except OceansarError:
        spacing = "unknown spacing (add the coordinate pixel_spacing)"
    return (
        f"  images       {data.name} ({quantity}), {_count(data, (LINE, SAMPLE))} vignettes of "
        f"{data.sizes[LINE]} x {data.sizes[SAMPLE]} pixels of {spacing}, {lazy}"
    )


def _values_line(data: xr.DataArray, name: str) -> str:
    if name not in data.coords:
        return f"  {name:<12} unknown"
    if data.coords[name].chunks:
        return f"  {name:<12} lazy"
    values, counts = np.unique(text_values(data.coords[name]), return_counts=True)
    listed = ", ".join(f"{v} ({n})" for v, n in zip(values, counts, strict=True))
    return f"  {name:<12} {listed}"


def _range_line(data: xr.DataArray, name: str) -> str:
    needed = "  (needed by heads that use it)" if name == "incidence" else ""
    if name not in data.coords:
        return f"  {name:<12} unknown{needed}"
    if data.coords[name].chunks:
        return f"  {name:<12} lazy"
    values = np.atleast_1d(data.coords[name].values).ravel()
    if values.dtype.kind not in ("M" if name == "time" else "iuf"):
        return f"  {name:<12} {values.dtype}, not {'times' if name == 'time' else 'numbers'}"
    values = values[~np.isnat(values) if name == "time" else np.isfinite(values)]
    if not values.size:
        return f"  {name:<12} missing"
    low, high = values.min(), values.max()
    if name == "time":
        return f"  {name:<12} {str(low)[:19]} to {str(high)[:19]}".replace("T", " ")
    ends = f"{float(low):.2f} to {float(high):.2f}"
    return (
        f"  {name:<12} {_longitudes(values) or ends if name == 'longitude' else ends}"
    )


def _longitudes(values: npt.NDArray[Any]) -> str:
    """Say the ends of the shortest box, where they are not the least and the greatest number."""
    west, east = shortest_arc(values)
    length = float(values.max() - values.min())
    if east - west > min(length - _ROUNDING, _ALL_AROUND):
        return ""
    across = ", across 180" if east > 180 else ""
    return f"{west:.2f} to {(east + 180) % 360 - 180:.2f}{across}"


def _products_line(obj: XarrayObject) -> list[str]:
    if isinstance(obj, xr.DataArray):
        return []
    known = ("swh", "wind_speed", "wind_to_direction", "ocean_class", "quality")
    present = [name for name in known if name in obj]
    return [f"  also has     {', '.join(present)}"] if present else []
