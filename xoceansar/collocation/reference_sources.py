"""What a reference may be given as: Datasets, trees of groups, tables, and files of them."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
import pandas as pd
import xarray as xr

from xoceansar.collocation.reference import find_name
from xoceansar.errors import DimensionError, MissingVariableError, ProductError

Source: TypeAlias = (
    xr.Dataset
    | xr.DataArray
    | xr.DataTree
    | pd.DataFrame
    | str
    | os.PathLike[str]
    | list[str]
    | list[os.PathLike[str]]
)

#: The dim of the rows of a table.
_ROWS: Final = "sample"
_PLACE: Final = ("longitude", "latitude", "time")
_FORMS: Final = (
    "Give a Dataset, a DataArray, a group of a DataTree, a DataFrame, or the path of netCDF files, "
    "a Zarr store, a CSV or Parquet table, or Level-2 OCN products."
)


def as_dataset(source: Source, asked: str | Iterable[str] | None) -> xr.Dataset:
    """Make a Dataset of a reference."""
    wanted = names_of(asked, "variables")
    if isinstance(source, xr.Dataset):
        return source
    if isinstance(source, xr.DataArray):
        name = "reference" if source.name in {None, *source.coords} else source.name
        return source.to_dataset(name=name)
    if isinstance(source, xr.DataTree):
        return _group(source, wanted)
    if isinstance(source, pd.DataFrame):
        return _of_table(source)
    paths = [source] if isinstance(source, str | os.PathLike) else source
    if isinstance(paths, list | tuple) and paths and all(isinstance(p, str | os.PathLike) for p in paths):  # fmt: skip
        return _opened([os.fspath(path) for path in paths], wanted)
    raise DimensionError(
        f"{type(source).__name__} is no reference to match with. {_FORMS}"
    )


def _group(tree: xr.DataTree, asked: list[str]) -> xr.Dataset:
    """Take the one group of a tree that has what is asked, with the places of its parents."""
    nodes = [node for node in tree.subtree if set(node.data_vars) - _places(node)]
    if asked:
        nodes = [node for node in nodes if set(asked) <= set(node.data_vars)]
    placed = [(node, ds) for node in nodes if (ds := _placed(node)) is not None]
    own = [(node, ds) for node, ds in placed if node is tree]
    chosen = own or placed
    if len(chosen) == 1:
        return chosen[0][1]
    if not chosen:
        raise MissingVariableError(
            f"no group of the tree has {asked or 'variables'} with longitude, latitude and time, "
            f"of its own or of its parents; the groups are {list(tree.groups)}."
        )
    groups = [node.path for node, _ in chosen]
    raise DimensionError(
        f"several groups of the tree may be meant: {groups}. Give one, with its parents' "
        f"places: reference=tree[{groups[0]!r}], or name variables=... that only one has."
    )


def _places(node: xr.DataTree) -> set[Any]:
    found = (find_name(node.to_dataset(), quantity) for quantity in _PLACE)
    return {name for name in found if name is not None}


def _placed(node: xr.DataTree) -> xr.Dataset | None:
    """Variables of a group, with the places and times that its nearest parents have."""
    ds = node.to_dataset()
    for quantity in _PLACE:
        for above in (node, *node.parents):
            theirs = above.to_dataset()
            name = find_name(theirs, quantity)
            if name is None:
                continue
            place = theirs[name].reset_coords(drop=True)
            if any(ds.sizes.get(d, n) != n for d, n in place.sizes.items()):
                continue
            ds = ds.assign_coords({name: place.variable})
            break
        else:
            return None
    return ds


def _of_table(table: pd.DataFrame) -> xr.Dataset:
    """Turn the rows of a table into samples."""
    named = [name for name in table.index.names if name is not None]
    if isinstance(table.index, pd.DatetimeIndex) and not named:
        table, named = table.rename_axis("time"), ["time"]
    rows = table.reset_index() if named else table
    variables = {}
    for name, column in rows.items():
        values = _plain(column, is_time=str(name).lower() in ("time", "valid_time"))
        variables[str(name)] = (_ROWS, values)
    return xr.Dataset(variables)


def _plain(column: "pd.Series[Any]", *, is_time: bool) -> np.ndarray[Any, Any]:
    """Values as numpy has them: UTC, NaN for missing numbers, texts as objects."""
    kind = column.dtype
    texts = isinstance(kind, pd.CategoricalDtype) or pd.api.types.is_string_dtype(kind)
    if is_time and (texts or kind.kind == "O"):
        try:
            column = pd.to_datetime(column, utc=True, format="ISO8601")
        except (ValueError, TypeError) as error:
            raise DimensionError(
                f"column {str(column.name)!r} holds no times as 2021-04-03T08:30 "
                f"({error}). Convert it with pandas.to_datetime."
            ) from error
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        column = column.dt.tz_convert("UTC").dt.tz_localize(None)
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        return np.asarray(column.to_numpy(), "datetime64[ns]")
    if isinstance(column.dtype, np.dtype) and column.dtype != object:
        return np.asarray(column.to_numpy())
    if pd.api.types.is_numeric_dtype(column.dtype):
        return np.asarray(column.to_numpy(float, na_value=np.nan))
    return np.asarray(column.astype(object).where(column.notna(), "").to_numpy(), str)


def _opened(paths: list[str], wanted: list[str]) -> xr.Dataset:
    from xoceansar.io.archive.zarr_archive import is_archive, open_archive
    from xoceansar.io.safe.product import expand

    files = expand(paths)
    if len(files) == 1 and is_archive(files[0]):
        return open_archive(files[0])
    products = _ocn(files)
    if products is not None:
        return products
    kinds = {Path(file).suffix.lower() for file in files}
    try:
        if kinds <= {".csv", ".parquet"}:
            read = {".csv": pd.read_csv, ".parquet": pd.read_parquet}
            tables = [read[Path(file).suffix.lower()](file) for file in files]  # type: ignore[operator]
            return _of_table(pd.concat(tables, ignore_index=len(tables) > 1))
        if len(files) > 1:
            return xr.open_mfdataset(files, chunks={}, combine="by_coords")
        if _has_groups(files[0]):
            return _group(xr.open_datatree(files[0], chunks={}), wanted)
        return xr.open_dataset(files[0], chunks={})
    except (MissingVariableError, DimensionError):
        raise
    except (ValueError, OSError, ImportError, pd.errors.ParserError) as error:
        raise ProductError(
            f"{', '.join(files[:3])} cannot be opened as one Dataset ({error}). Combine the "
            "files first, or match with each in turn."
        ) from error


def _has_groups(path: str) -> bool:
    import netCDF4

    try:
        with netCDF4.Dataset(path) as file:
            return bool(file.groups)
    except OSError:  # another format, which xarray may know
        return False


def _ocn(paths: list[str]) -> xr.Dataset | None:
    """Level-2 products, by their names; None for anything else."""
    from xoceansar.io.ocn.level2 import open_ocn
    from xoceansar.io.ocn.ocn_listing import is_ocn_name

    if not all(map(is_ocn_name, paths)):
        return None
    return open_ocn(paths)


def names_of(asked: str | Iterable[str] | None, argument: str) -> list[str]:
    """Names that an argument gives: one, several or none."""
    try:
        return [asked] if isinstance(asked, str) else list(asked or ())
    except TypeError as error:
        raise MissingVariableError(
            f"{argument} is a name, or several of them; got {asked!r}."
        ) from error
