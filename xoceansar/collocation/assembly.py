"""Dress what was found as a Dataset: names, attributes, labels of the samples, provenance."""

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from xoceansar.collocation.gathering import OWN
from xoceansar.collocation.reduction import FLAG_MEANINGS, Method
from xoceansar.collocation.reference import Reference
from xoceansar.conventions import VIGNETTE, annotate, product_attrs
from xoceansar.conventions.attributes import attribute_flag, attribute_text


def labels_of(known: Reference, names: list[Hashable]) -> list[Hashable]:
    """List the coordinates that say which sample it was, such as the name of a station."""
    if known.kind in ("grid", "mesh"):
        return []
    needed = set(known.place_dims) or set(known.time_dims)
    return [
        name
        for name, coord in known.data.coords.items()
        if needed <= set(coord.dims) and name not in known.names and name not in names
    ]


def assemble(
    arrays: Mapping[str, Any],
    known: Reference,
    names: list[Hashable],
    labels: list[Hashable],
    coords: dict[Hashable, xr.DataArray],
) -> xr.Dataset:
    """Make a Dataset of what was found.

    Shapes: `arrays` (n, ...).
    """
    data: dict[Hashable, xr.DataArray] = {}
    extra = dict(coords)
    for name in (*names, *labels):
        source = known.data[name]
        rest = [dim for dim in source.dims if dim not in known.sample_dims]
        array = xr.DataArray(
            arrays[str(name)], dims=(VIGNETTE, *rest), attrs=source.attrs
        )
        new = f"reference_{name}" if name in coords or name in OWN else name
        (data if name in names else extra)[new] = array
        extra |= {d: source[d] for d in rest if d in source.coords and d not in extra}
    for name in OWN:
        data[name] = annotate(xr.DataArray(arrays[name], dims=VIGNETTE), name)
    data["collocation_flag"].attrs |= {
        "flag_values": np.arange(len(FLAG_MEANINGS), dtype=np.int8),
        "flag_meanings": " ".join(FLAG_MEANINGS),
    }
    return xr.Dataset(data, coords=extra)


def provenance(
    ds: xr.Dataset | xr.DataArray,
    known: Reference,
    method: Method,
    max_distance: float,
    span: int,
) -> dict[str, Any]:
    """Say what was matched with what, and how."""
    limit = f"{max_distance:g} km, {pd.Timedelta(span)}"
    origin = {**known.data.attrs}
    kept: dict[str, Any] = {"history": ds.attrs.get("history", "")}
    if any(attribute_flag(attrs, "simulated") for attrs in (ds.attrs, origin)):
        kept["simulated"] = 1
    title = attribute_text(origin, "title") or attribute_text(origin, "source")
    if title:
        kept["reference_title"] = title
    return product_attrs(
        f"collocate with a reference of kind {known.kind}, method {method}, limits {limit}",
        previous=kept,
        collocation_method=method,
        collocation_kind=known.kind,
        collocation_max_distance_km=float(max_distance),
        collocation_max_time_s=span / 1e9,
    )
