"""Lazy variables of a store whose damage is an error in words, whenever they are read."""

import uuid
from typing import Any

import numpy as np
import xarray as xr
from xarray.backends import BackendArray
from xarray.core import indexing

from xoceansar.errors import OceansarError, ProductError

__all__ = ["damaged", "guarded"]


def damaged(where: str, what: str, error: Exception) -> ProductError:
    """Say that something of a store cannot be read.

    Parameters
    ----------
    where : str
        The store.
    what : str
        What was read.
    error : Exception
        Of Zarr, of xarray or of a codec.

    Returns
    -------
    ProductError
    """
    reason = " ".join(f"{type(error).__name__}: {error}".split())
    return ProductError(
        f"{what} cannot be read: {where} is damaged, or was changed by another program "
        f"({reason}). All that is wrong is listed by: xoceansar check {where}"
    )


def guarded(ds: xr.Dataset, where: str) -> xr.Dataset:
    """Divide lazy variables into their stored chunks, and say which one cannot be read.

    Parameters
    ----------
    ds : Dataset
        As xarray opens it without Dask.
    where : str
        The store, for messages.

    Returns
    -------
    Dataset
        The same, as Dask arrays; indexes stay in memory.
    """
    opening = uuid.uuid4().hex
    variables = {}
    for name, variable in ds.variables.items():
        if name in ds.indexes:
            continue
        data = indexing.LazilyIndexedArray(_Guarded(str(name), variable, where))
        new = xr.Variable(variable.dims, data, variable.attrs, variable.encoding)
        chunks = variable.encoding.get("preferred_chunks", {})
        named = f"{name}-{opening}"
        variables[name] = new.chunk(chunks, name=named) if new.ndim else new
    out = xr.Dataset(
        {name: variables[name] for name in ds.data_vars},
        {name: variables.get(name, ds.variables[name]) for name in ds.coords},
        ds.attrs,
    )
    out.encoding = ds.encoding
    return out


class _Guarded(BackendArray):
    def __init__(self, name: str, variable: xr.Variable, where: str) -> None:
        self.shape, self.dtype = variable.shape, variable.dtype
        self._name, self._variable, self._where = name, variable, where

    def __getitem__(self, key: indexing.ExplicitIndexer) -> Any:
        return indexing.explicit_indexing_adapter(
            key, self.shape, indexing.IndexingSupport.BASIC, self._read
        )

    def _read(self, key: tuple[Any, ...]) -> Any:
        try:
            return np.asarray(self._variable[key].values)
        except (OceansarError, MemoryError):
            raise
        except Exception as error:
            raise damaged(self._where, self._name, error) from error
