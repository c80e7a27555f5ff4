"""Texts of variables, whatever type holds them: fixed width, variable width, objects, pandas."""

from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr

from xoceansar.errors import OceansarError

Texts: TypeAlias = npt.NDArray[np.str_]

#: Strings of any length: what stores hold.
STRING: Final = np.dtypes.StringDType()


def has_texts(values: Any) -> bool:
    """Say whether an array is of a type that holds texts, as objects do too."""
    return str(values.dtype.kind) in "OUST"


def text_values(values: Any) -> Texts:
    """Give the texts of a variable in an array of numpy's plain strings."""
    data = np.asarray(getattr(values, "values", values))
    if data.dtype.kind == "U":
        return data
    objects = data.astype(object)
    out = np.empty(objects.shape, object)
    missing = np.asarray(pd.isna(objects))
    out[...] = ""
    out[~missing] = [_text(value) for value in objects[~missing]]
    return np.asarray(out.astype(np.str_))


def plain_texts(data: xr.DataArray) -> xr.DataArray:
    """Give a variable of texts a type that compares with texts, without loading a lazy one."""
    texts: xr.DataArray = xr.apply_ufunc(
        lambda values: text_values(values).astype(STRING),
        data,
        dask="parallelized",
        output_dtypes=[STRING],
        keep_attrs=True,
    )
    return texts


def stored_texts(variable: xr.Variable, name: object) -> xr.Variable:
    """Give a variable of texts the type that stores hold: strings of any length."""

    def convert(data: npt.NDArray[Any]) -> npt.NDArray[Any]:
        _refuse_objects(data, name)
        return text_values(data).astype(STRING)

    converted: xr.Variable = xr.apply_ufunc(
        convert, variable, dask="parallelized", output_dtypes=[STRING], keep_attrs=True
    )
    return converted


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _refuse_objects(data: npt.NDArray[Any], name: object) -> None:
    if data.dtype.kind != "O":
        return
    for value in np.asarray(data).flat:
        if not isinstance(value, str | bytes) and not np.all(pd.isna(value)):
            raise OceansarError(
                f"{name!r} holds objects that are no string, such as {value!r:.60} "
                f"({type(value).__name__}). Make it text or numbers first: "
                f"ds[{name!r}].astype(str), or .astype(float)."
            )
