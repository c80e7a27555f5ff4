"""CF attributes of what leaves the package."""

from collections.abc import Mapping
from enum import IntFlag
from typing import Any, Final

import numpy as np
import xarray as xr

from xoceansar._version import __version__
from xoceansar.conventions.names import (
    CLASS_FILL,
    NO_TILE,
    OCEAN_CLASSES,
    Domain,
    Quality,
)
from xoceansar.conventions.variables import VARIABLES
from xoceansar.errors import OceansarError

CF_VERSION: Final = "CF-1.11"


def annotate(data: xr.DataArray, name: str, **extra: Any) -> xr.DataArray:
    """Give an array its name and attributes, replacing whatever it carried.

    Examples
    --------
    >>> import xarray as xr
    >>> annotate(xr.DataArray([1.2], dims="vignette"), "swh").attrs["units"]
    'm'
    """
    try:
        attrs = VARIABLES[name]
    except KeyError:
        raise OceansarError(
            f"conventions.VARIABLES has no entry {name!r}; known: {sorted(VARIABLES)}."
        ) from None
    out = data.rename(name)
    out.attrs = {**attrs, **extra}
    return out


#: Variables whose bits are named.
_MASKS: Final[Mapping[str, type[IntFlag]]] = {"quality": Quality, "domain": Domain}


def mask_attrs(name: str) -> dict[str, Any]:
    """Give the CF attributes of a variable of flag masks, ``quality`` or ``domain``."""
    flags = _MASKS[name]
    return {
        **VARIABLES[name],
        "flag_masks": np.array([flag.value for flag in flags], dtype=np.uint8),
        "flag_meanings": " ".join(str(flag.name).lower() for flag in flags),
    }


def class_attrs(classes: tuple[str, ...] = OCEAN_CLASSES) -> dict[str, Any]:
    """Give the CF flag attributes of ``ocean_class``."""
    return {
        **VARIABLES["ocean_class"],
        "flag_values": np.arange(len(classes), dtype=np.int8),
        "flag_meanings": " ".join(classes),
    }


def missing_flag(
    attrs: Mapping[Any, Any], dtype: np.dtype[Any]
) -> tuple[np.generic, dict[Any, Any]]:
    """Choose the value of flags where there is no vignette.

    Examples
    --------
    >>> value, attrs = missing_flag(mask_attrs("quality"), np.dtype("uint8"))
    >>> int(value), attrs["flag_meanings"].split()[-1]
    (256, 'no_tile')
    """
    out = dict(attrs)
    if "flag_masks" not in attrs:
        codes = np.atleast_1d(attrs["flag_values"]).astype(int)
        value = CLASS_FILL if CLASS_FILL not in codes else int(codes.min()) - 1
        return np.result_type(dtype, np.min_scalar_type(value)).type(value), out
    masks = np.atleast_1d(attrs["flag_masks"]).astype(int).tolist()
    meanings = str(attrs.get("flag_meanings", "")).split()
    if NO_TILE in meanings:
        value = masks[meanings.index(NO_TILE)]
    else:
        value = 1 << max(masks).bit_length()
        masks, meanings = [*masks, value], [*meanings, NO_TILE]
    kind = np.result_type(dtype, np.min_scalar_type(value))
    out["flag_masks"] = np.array(masks, kind)
    out["flag_meanings"] = " ".join(meanings)
    return kind.type(value), out


def history_line(action: str) -> str:
    """Write one line of the ``history`` attribute."""
    now = np.datetime64("now", "s")
    return f"{now}Z xoceansar {__version__}: {action}"


def product_attrs(
    action: str, *, previous: Mapping[str, Any] | None = None, **extra: Any
) -> dict[str, Any]:
    """Attributes of a Dataset that leaves the package."""
    previous = dict(previous or {})
    before = str(previous.pop("history", "")).strip()
    line = history_line(action)
    return {
        **previous,
        "Conventions": CF_VERSION,
        "xoceansar_version": __version__,
        **extra,
        "history": f"{before}\n{line}" if before else line,
    }
