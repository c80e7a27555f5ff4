"""Say in words what was understood of an object, and what is missing."""

import numpy as np
import xarray as xr

from xoceansar.conventions import EMBEDDING, LINE, SAMPLE
from xoceansar.errors import OceansarError
from xoceansar.ops.layout import XarrayObject, find_embedding, find_images
from xoceansar.texts import text_values

__all__ = ["describe"]


def describe(obj: XarrayObject) -> str:
    """Describe an object as the accessor sees it.

    Parameters
    ----------
    obj : Dataset or DataArray
        Anything.

    Returns
    -------
    str
        A few lines: what it holds, on which grid, beams and polarisations, and what each
        missing piece prevents. Nothing is loaded.
    """
    lines = [f"<oceansar on {type(obj).__name__}>"]
    embedding = find_embedding(obj)
    if embedding is not None:
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
            return "\n".join([*lines, f"  no images    {error}"])
        lines.append(_image_line(data, quantity))
    lines += [_values_line(data, name) for name in ("beam", "polarisation", "platform")]
    lines += [
        _range_line(data, name)
        for name in ("time", "longitude", "latitude", "incidence")
    ]
    lines += _products_line(obj)
    return "\n".join(line for line in lines if line)


def _count(data: xr.DataArray, core: tuple[str, ...]) -> int:
    return int(np.prod([data.sizes[dim] for dim in data.dims if dim not in core]))


def _image_line(data: xr.DataArray, quantity: str) -> str:
    lazy = "lazy" if data.chunks else "in memory"
    spacing = (
        f"{float(data.coords['pixel_spacing']):g} m"
        if "pixel_spacing" in data.coords
        else "unknown spacing (add the coordinate pixel_spacing)"
    )
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
    values = values[~np.isnat(values) if name == "time" else np.isfinite(values)]
    if not values.size:
        return f"  {name:<12} missing"
    low, high = values.min(), values.max()
    if name == "time":
        return f"  {name:<12} {str(low)[:19]} to {str(high)[:19]}".replace("T", " ")
    return f"  {name:<12} {float(low):.2f} to {float(high):.2f}"


def _products_line(obj: XarrayObject) -> list[str]:
    if isinstance(obj, xr.DataArray):
        return []
    known = ("swh", "wind_speed", "wind_to_direction", "ocean_class", "quality")
    present = [name for name in known if name in obj]
    return [f"  also has     {', '.join(present)}"] if present else []
