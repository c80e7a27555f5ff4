"""What a reference Dataset is: where its samples lie, when, and along which dims.

Four kinds are told apart by the dims of longitude, latitude and time alone:

- ``grid``: longitude(x), latitude(y) and time(t), each on an axis of its own;
- ``mesh``: longitude and latitude on the same two dims, time on its own;
- ``stations``: longitude and latitude on one dim or none, time on its own;
- ``samples``: time lies along the dims of longitude and latitude, as of a track, a swath, drifting
  buoys, or vignettes.
"""

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr

from xoceansar.conventions.attributes import attribute_text
from xoceansar.errors import DimensionError, MissingVariableError, UnitsError
from xoceansar.layout.images import degrees_of

Array = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Kind: TypeAlias = Literal["grid", "mesh", "stations", "samples"]

#: NaT as an integer.
NAT: Final = np.iinfo(np.int64).min
#: Bytes of a block read at once from a file that was opened without Dask: of one step of its first
#: dim, which is mostly time, and of several steps.
_BLOCK_BYTES: Final = 32 << 20
_STEPS_BYTES: Final = 1 << 20
#: What pandas calls the objects of an array that are all texts, and that are all numbers.
_TEXTS: Final = ("string", "bytes")
_NUMBERS: Final = ("integer", "floating", "mixed-integer-float", "decimal", "boolean", "empty")  # fmt: skip
_NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "longitude": ("longitude", "lon", "nav_lon"),
    "latitude": ("latitude", "lat", "nav_lat"),
    "time": ("valid_time", "time"),
}


@dataclass(frozen=True, eq=False)
class Reference:
    """A reference whose layout is understood."""

    #: Its variables, lazy where they were not in memory.
    data: xr.Dataset
    #: How places and times belong together.
    kind: Kind
    #: Names of longitude, latitude and time.
    names: tuple[Hashable, ...]
    #: Dims along which the place changes.
    place_dims: tuple[Hashable, ...]
    #: The dim of a time axis of its own, or none.
    time_dims: tuple[Hashable, ...]
    #: Sizes along `place_dims`.
    shape: tuple[int, ...]
    #: (n_places,): Degrees, of every place, or of every sample.
    longitude: Array
    latitude: Array
    #: (n_times,) or (n_places,): Nanoseconds since 1970; one for each step of the axis, or for each
    #: sample.
    times: Integers

    @property
    def sample_dims(self) -> frozenset[Hashable]:
        """Dims that a sample has no part in any more."""
        return frozenset(self.place_dims) | frozenset(self.time_dims)

    def indexers(self, place: Integers, step: Integers) -> dict[Hashable, Integers]:
        """Say where samples lie along each dim.

        Shapes: `place` (n,), `step` (n,).
        """
        along: dict[Hashable, Integers] = {}
        if self.place_dims:
            indices = np.unravel_index(place, self.shape)
            along = dict(zip(self.place_dims, indices, strict=True))
        return along | dict.fromkeys(self.time_dims, step)


def nanoseconds(times: npt.NDArray[np.generic], what: str) -> Integers:
    """Turn times into integers, whatever their resolution."""
    if times.dtype.kind != "M":
        raise DimensionError(
            f"times of dtype datetime64 are needed; those of the {what} are "
            f"{times.dtype}. Decode them with xr.decode_cf(ds), or convert another calendar "
            "with ds.convert_calendar('standard')."
        )
    return times.astype("datetime64[ns]").astype(np.int64)


def understand(reference: xr.Dataset) -> Reference:
    """Find out the layout of a reference."""
    names = tuple(_find(reference, quantity) for quantity in _NAMES)
    ds = _plain(reference, names)
    lon, lat, time = (ds[name] for name in names)
    kind, place_dims = _kind(lon, lat, time)
    time_dims = time.dims if kind != "samples" else ()
    if kind != "samples":
        lat, lon = xr.broadcast(lat, lon)
    else:
        lon, lat, time = xr.broadcast(lon, lat, time)
        place_dims = lon.dims
    lon, lat = (a.transpose(*place_dims) for a in (lon, lat))
    return Reference(
        data=ds,
        kind=kind,
        names=names,
        place_dims=place_dims,
        time_dims=time_dims,
        shape=lon.shape,
        longitude=degrees_of(lon).ravel(),
        latitude=degrees_of(lat).ravel(),
        times=nanoseconds(np.atleast_1d(time.values).ravel(), "reference"),
    )


def _plain(reference: xr.Dataset, names: tuple[Hashable, ...]) -> xr.Dataset:
    """Return a Dataset without the dims that only say how a field was made."""
    ds = _without_objects(_with_dask(reference, names))
    for dim in ("number", "expver"):
        if ds.sizes.get(dim) == 1:
            ds = ds.isel({dim: 0}, drop=True)
    return _merged_versions(ds) if "expver" in ds.dims else ds


def _with_dask(ds: xr.Dataset, names: tuple[Hashable, ...]) -> xr.Dataset:
    """Let what lies in files be read in blocks, where it was opened without Dask.

    Positions and times are needed at once, and stay as they are.
    """
    replaced = {
        name: variable.chunk(_blocks(variable))
        for name, variable in ds.variables.items()
        if name not in {*names, *ds.xindexes}
        and variable.chunks is None
        and variable.ndim > 0
        and not variable._in_memory
    }
    return ds.assign({name: ds[name].copy(data=v.data) for name, v in replaced.items()})


def _without_objects(ds: xr.Dataset) -> xr.Dataset:
    """Give numbers and times that lie in arrays of objects their own types; texts stay."""
    replaced = {
        name: (
            ds[name].copy(data=_of_one_type(ds[name].values, name))
            if variable.chunks is None
            else xr.apply_ufunc(_texts, ds[name], kwargs={"name": name}, dask="parallelized",
                                output_dtypes=[object], keep_attrs=True)
        )
        for name, variable in ds.variables.items()
        if variable.dtype == object and name not in ds.xindexes
    }  # fmt: skip
    return ds.assign(replaced)


def _of_one_type(values: npt.NDArray[Any], name: Hashable) -> npt.NDArray[Any]:
    column = pd.Series(values.ravel(), dtype=object)
    kind = pd.api.types.infer_dtype(column)
    if kind in _TEXTS:
        return values
    plain = column.astype(float) if kind in _NUMBERS else column.infer_objects()
    if not isinstance(plain.dtype, np.dtype) or plain.dtype == object:
        raise _mixed(name, kind)
    return plain.to_numpy().reshape(values.shape)


def _texts(values: npt.NDArray[Any], name: Hashable) -> npt.NDArray[Any]:
    """Refuse objects other than texts, whose type is known too late where they are lazy."""
    kind = pd.api.types.infer_dtype(values.ravel())
    if kind not in {*_TEXTS, "empty"}:
        raise _mixed(name, kind)
    return values


def _mixed(name: Hashable, kind: str) -> UnitsError:
    return UnitsError(
        f"{name!r} of the reference holds Python objects ({kind}), neither numbers nor texts. "
        f"Make it one of them with ds[{name!r}].astype(float), or .astype(str)."
    )


def _blocks(variable: xr.Variable) -> dict[Hashable, int]:
    """Blocks of whole chunks of the file, grown from the last dim up to a size."""
    stored = variable.encoding.get("preferred_chunks") or {}
    sizes = dict(zip(variable.dims, variable.shape, strict=True))
    blocks = {d: min(int(stored.get(d, 1)), max(n, 1)) for d, n in sizes.items()}
    for dim in reversed(variable.dims):
        limit = _STEPS_BYTES if dim == variable.dims[0] else _BLOCK_BYTES
        bytes_now = int(np.prod(list(blocks.values()))) * variable.dtype.itemsize
        times = max(limit // max(bytes_now, 1), 1)
        blocks[dim] = min(blocks[dim] * times, max(sizes[dim], 1))
    return blocks


def _merged_versions(ds: xr.Dataset) -> xr.Dataset:
    """ERA5 where it is final (1), and its preliminary version (5) where that is missing."""
    versions = [int(v) for v in ds["expver"].values]
    order = np.argsort(versions)
    merged = ds.isel(expver=order[0], drop=True)
    for k in order[1:]:
        merged = merged.fillna(ds.isel(expver=k, drop=True))
    for name in merged.data_vars:
        merged[name].attrs = ds[name].attrs
    return merged


def _find(ds: xr.Dataset, quantity: str) -> Hashable:
    """Name of longitude, latitude or time, or an error that says what to do."""
    name = find_name(ds, quantity)
    if name is not None:
        return name
    named = _of_standard_name(ds, quantity)
    rename = f"ds.rename({named[0] if named else 'x'}={quantity!r})"
    raise MissingVariableError(
        f"a reference with {quantity} is needed: a variable named one of "
        f"{list(_NAMES[quantity])}, or the only one of that standard_name; found "
        f"{named or sorted(map(str, ds.variables))}. Rename the one that is meant: {rename}."
    )


def find_name(ds: xr.Dataset, quantity: str) -> Hashable | None:
    """Find longitude, latitude or time: by its name, else by its standard name."""
    by_name = {str(name).lower(): name for name in ds.variables}
    for known in _NAMES[quantity]:
        if known in by_name:
            return by_name[known]
    named = _of_standard_name(ds, quantity)
    return named[0] if len(named) == 1 else None


def _of_standard_name(ds: xr.Dataset, quantity: str) -> list[Hashable]:
    return [
        name
        for name, v in ds.variables.items()
        if attribute_text(v.attrs, "standard_name") == quantity
    ]


def _kind(
    lon: xr.DataArray, lat: xr.DataArray, time: xr.DataArray
) -> tuple[Kind, tuple[Hashable, ...]]:
    shared = set(time.dims) & (set(lon.dims) | set(lat.dims))
    if shared:
        return "samples", ()
    if time.ndim <= 1:
        if lon.dims == lat.dims or set(lon.dims) == set(lat.dims):
            return ("mesh" if lon.ndim > 1 else "stations"), lon.dims
        if lon.ndim <= 1 and lat.ndim <= 1:
            one = lon.size == lat.size == 1
            return ("stations" if one else "grid"), (*lat.dims, *lon.dims)
    raise DimensionError(
        "a reference whose layout is clear is needed: a grid (time(t), latitude(y), "
        "longitude(x)), stations (longitude(s), latitude(s), time(t)) or samples along one "
        "dim (longitude(n), latitude(n), time(n)); got "
        f"longitude{lon.dims}, latitude{lat.dims}, {time.name}{time.dims}. "
        "Select what is meant with ds.isel(...), such as the step of a forecast, or make the "
        "times one axis with ds.stack(...)."
    )


def choose_variables(
    reference: Reference, asked: str | Iterable[str] | None
) -> list[Hashable]:
    """List the variables to collocate."""
    needed = set(reference.place_dims) or set(reference.time_dims)
    usable = [
        name
        for name, v in reference.data.data_vars.items()
        if needed <= set(v.dims) and name not in reference.names
    ]
    names = [asked] if isinstance(asked, str) else asked
    chosen: list[Hashable] = usable if names is None else list(dict.fromkeys(names))
    wrong = [name for name in chosen if name not in usable]
    if wrong or not chosen:
        raise MissingVariableError(
            f"variables of the reference along {sorted(map(str, needed))} are needed; "
            f"{wrong or 'none'} asked for, and there are {list(map(str, usable))}. Choose "
            "with variables=..."
        )
    return chosen
