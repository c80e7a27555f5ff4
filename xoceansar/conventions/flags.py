"""Classes as CF flags: the code of a class is in ``flag_values``, and says nothing of its place."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from xoceansar._typing import Array
from xoceansar.conventions.texts import has_texts, text_values
from xoceansar.errors import OceansarError, UnitsError


def class_table(
    classes: xr.DataArray,
    *,
    default: Sequence[str] = (),
    error: type[OceansarError] = UnitsError,
) -> dict[str, float]:
    """Read which code each class of a variable has."""
    names = str(classes.attrs.get("flag_meanings", " ".join(default))).split()
    numbers = flag_numbers(classes.attrs.get("flag_values", range(len(names))))
    if numbers is None or len(numbers) != len(names):
        raise error(
            f"{classes.name!r} has {'no' if numbers is None else len(numbers)} flag_values for "
            f"{len(names)} flag_meanings. Give it one number for each name."
        )
    codes = numbers.astype(np.float64).tolist()
    if len(set(names)) < len(names) or len(set(codes)) < len(codes):
        raise error(
            f"{classes.name!r} has a name or a code twice among its flags: "
            f"{list(zip(names, codes, strict=True))}. Correct its attributes."
        )
    return dict(zip(names, codes, strict=True))


def flag_numbers(values: Any) -> Array | None:
    """Give the numbers of ``flag_values`` or ``flag_masks``, None where they are none.

    Notes
    -----
    Some writers keep them as text: ``0b, 1b``.

    Examples
    --------
    >>> flag_numbers("0b, 1b"), flag_numbers([1, 2, [4]])
    (array([0., 1.]), None)
    """
    if isinstance(values, str):
        values = [part.strip(" bBsSuUlL") for part in values.replace(",", " ").split()]
    try:
        numbers = np.atleast_1d(np.asarray(values)).ravel()
        if numbers.dtype.kind in "biuf":
            return numbers
        return np.array([float(v) for v in numbers])
    except (TypeError, ValueError, OverflowError):
        return None


def class_indices(
    classes: xr.DataArray,
    *,
    default: Sequence[str] = (),
    error: type[OceansarError] = UnitsError,
) -> Array:
    """Turn the codes of a variable into places in its list of names."""
    table = class_table(classes, default=default, error=error)
    values = np.asarray(classes.values)
    out = np.full(values.shape, np.nan)
    if has_texts(values):
        texts = text_values(values)
        for i, name in enumerate(table):
            out[texts == name] = i
        strange = np.isnan(out) & (texts != "")
        shown: Array = texts[strange]
    else:
        codes = values.astype(np.float64)
        for i, code in enumerate(table.values()):
            out[codes == code] = i
        fill = classes.attrs.get("_FillValue", classes.encoding.get("_FillValue", -1))
        strange = np.isnan(out) & np.isfinite(codes) & (codes >= 0) & (codes != fill)
        shown = codes[strange]
    if strange.any():
        raise error(
            f"{classes.name!r} has the codes {np.unique(shown)[:5].tolist()}, and its classes are "
            f"{ {code: name for name, code in table.items()} }. Name them in its flag_meanings and "
            "flag_values; negative or missing is unknown."
        )
    return out
