"""The variables of an archive's rows: what has to agree before rows are put together."""

from typing import Final, TypeAlias

import numpy as np
import xarray as xr

from xoceansar.conventions import VIGNETTE
from xoceansar.io.archive.zarr_archive import encode
from xoceansar.processing.archive_faults import Hierarchy, growing

__all__ = ["Columns", "columns_of", "stored_columns"]

#: Type and dims of each variable along ``vignette``, in words.
Columns: TypeAlias = dict[str, str]

_TEXT: Final = "text"


def columns_of(rows: xr.Dataset) -> Columns:
    """Give the variables of rows, as they would be stored."""
    ready, encoding = encode(rows)
    return {
        str(name): _column(
            encoding[name].get("dtype", variable.dtype), variable.dims, variable.shape
        )
        for name, variable in ready.variables.items()
        if VIGNETTE in variable.dims
    }


def stored_columns(members: Hierarchy) -> Columns:
    """Give the variables of an archive."""
    found = {}
    for name in growing("", members):
        metadata = members[name]
        found[name] = _column(
            metadata["data_type"], metadata["dimension_names"], metadata["shape"]
        )
    return found


def _column(dtype: object, dims: object, shape: object) -> str:
    try:
        plain = np.dtype(dtype)  # type: ignore[call-overload]
        kind = _TEXT if plain.kind in "OUST" else str(plain)
    except (TypeError, ValueError):  # what Zarr alone has, "string" or a fixed width
        kind = _TEXT
    sizes = ", ".join(
        dim if dim == VIGNETTE else f"{dim}: {size}"
        for dim, size in zip(dims, shape, strict=True)  # type: ignore[call-overload]
    )
    return f"{kind} ({sizes})"
