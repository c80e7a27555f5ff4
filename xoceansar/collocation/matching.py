"""Match vignettes with what others measured or modelled: fields, tracks, buoys, OCN products."""

from collections.abc import Hashable, Iterable, Mapping
from typing import Any, Final, get_args

import numpy as np
import pandas as pd
import xarray as xr

from xoceansar.collocation.corners import around
from xoceansar.collocation.gathering import OWN, compute, sampled
from xoceansar.collocation.nearby import Vignettes, find
from xoceansar.collocation.reduction import FLAG_MEANINGS, Method, Plan
from xoceansar.collocation.reference import (
    Reference,
    choose_variables,
    nanoseconds,
    understand,
)
from xoceansar.collocation.reference_sources import Source, as_dataset, names_of
from xoceansar.conventions import LINE, SAMPLE, VIGNETTE, annotate, product_attrs
from xoceansar.conventions.attributes import attribute_flag, attribute_text
from xoceansar.conventions.quantities import (
    Distance,
    Duration,
    kilometres,
    nanoseconds_of,
)
from xoceansar.errors import DimensionError, MissingVariableError
from xoceansar.layout.directions import direction_of
from xoceansar.layout.images import degrees_of
from xoceansar.layout.vignette_dims import along_vignettes, find_dim

#: Names of the significant wave height where there is no standard name.
_SWH_NAMES: Final = frozenset({"swh", "hs", "hm0", "vhm0", "vavh", "wvht"})
_SWH: Final = "sea_surface_wave_significant_height"


def collocate(
    ds: xr.Dataset | xr.DataArray,
    reference: Source,
    *,
    variables: str | Iterable[str] | None = None,
    max_distance: Distance = "50 km",
    max_time: Duration = "30 min",
    method: Method = "nearest",
    require: str | Iterable[str] | None = None,
) -> xr.Dataset:
    """Match vignettes with a reference in space and time.

    Parameters
    ----------
    ds : Dataset or DataArray
        With ``longitude``, ``latitude`` and ``time`` (vignette). Only these are looked at.
    reference : Dataset, DataArray, DataTree, DataFrame, or path or paths
        A grid (time, latitude, longitude), a mesh or curvilinear grid, stations (time,
        station), or samples that each have a place and a time: a track, a swath, OCN products.
        Which, is told from the dims of its longitude, latitude and time. Of a tree the group
        that has the variables, with the places and times of its parents; of a table one sample
        a row; of paths what lies there: netCDF, Zarr, CSV, Parquet, Level-2 OCN products.
    variables : str or iterable of str, optional
        Variables of the reference; by default all that change with the place.
    max_distance : float or str, default "50 km"
        Along the great circle to the sample, or to the grid point: ``"50 km"``, ``"500 m"``,
        ``"20 nmi"``; a number is kilometres, as ``collocation_distance`` is. Inclusive, and at
        most 1,000 km.
    max_time : str or timedelta, default "30 min"
        Longest time between vignette and sample, with its unit, as `pandas.Timedelta` reads it.
        Inclusive, and at most 31 days.
    method : {"nearest", "linear", "mean"}, optional
        The nearest sample; interpolation in longitude, latitude and time on a grid; or the
        mean of all samples within the limits (on fields, of the step nearest in time).
    require : str or iterable of str, optional
        Variables without which a sample counts as missing. By default the significant wave
        height (one of several) where it is among the variables, as it says where the sea is;
        otherwise a sample is missing that has no value at all.

    Returns
    -------
    Dataset
        Along ``vignette``, or the dim of `ds`, with the coordinates of `ds`: the variables under their own names
        and attributes, ``collocation_distance`` (km), ``collocation_time_offset``
        (timedelta64, positive where the reference is later), ``collocation_flag`` (CF flags),
        and for means ``collocation_count``. A name that a coordinate of `ds` has already gets
        the prefix ``reference_``.

    Raises
    ------
    MissingVariableError
        If a position, a time or a variable is not there.
    DimensionError
        If the layout of the reference is not clear, or the method does not suit it.
    ProductError
        If a file cannot be opened.
    UnitsError
        If a limit is negative, implausible, or without a unit where it needs one.

    Notes
    -----
    A sample is nearest by distance, and by time among those equally far, as of one buoy.
    Where the nearest is missing (NaN: land, ice, a gap), the nearest valid one within the limits
    is taken and flagged ``matched_nearest_valid``; so it is where a corner of an interpolation is
    missing. On grids and meshes only the step nearest in time is looked at. A vignette without
    a match has missing values; its distance and offset, where known, are those of the nearest
    sample that was refused.

    Directions are averaged as vectors. Directions *from*
    stay directions from: nothing is turned.

    ERA5 with the dim ``expver`` is merged, the final version first; one ensemble ``number`` is
    dropped, several stay a dim, as do partitions and frequencies.

    Lazy where the reference is: of it only positions and times are loaded, and when the result
    is computed, only the chunks with candidates are read, each once. A file opened without Dask is
    read in blocks then. The coordinates of `ds` are loaded. Memory is some 40 bytes for each
    candidate: about pi max_distance**2 over the area of a grid cell, for each vignette.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> time = np.array(["2021-04-03T08:30"], "datetime64[ns]")
    >>> ds = xr.Dataset(
    ...     coords={
    ...         "longitude": ("vignette", [-179.9]),
    ...         "latitude": ("vignette", [0.0]),
    ...         "time": ("vignette", time),
    ...     }
    ... )
    >>> buoy = xr.Dataset(
    ...     {"swh": ("time", [2.5])},
    ...     {"time": time, "longitude": 179.9, "latitude": 0.0},
    ... )
    >>> matches = collocate(ds, buoy)
    >>> matches.swh.values, matches.collocation_distance.values.round()
    (array([2.5]), array([22.]))
    """
    reach = kilometres(max_distance, "max_distance")
    span = nanoseconds_of(max_time, "max_time")
    if method not in get_args(Method):
        raise DimensionError(
            f"method={method!r} is not one of {list(get_args(Method))}."
        )
    coords = _coords(ds)
    vignettes = _positions(coords)
    understood = understand(as_dataset(reference, variables))
    names = choose_variables(understood, variables)
    candidates = find(understood, vignettes, reach=1000.0 * reach, span=span)
    corners = None
    if method == "linear":
        rows = np.unique(candidates.row)
        corners = around(understood, vignettes, rows, span)
    labels = labels_of(understood, names)
    judged, strict = _judges(understood, names, require)
    plan = Plan(
        method=method,
        placed=vignettes.placed,
        candidates=candidates,
        corners=corners,
        judged=judged,
        strict=strict,
        periods=_periods(understood.data, (*names, *labels)),
        flags=_flags(understood.data, (*names, *labels)),
    )
    place, step = candidates.place, candidates.step
    if corners is not None:
        place = np.concatenate([place, corners.place.ravel()])
        step = np.concatenate([step, corners.step.ravel()])
    indexers = understood.indexers(place, step)
    samples = {
        str(name): sampled(understood.data[name], indexers)
        for name in (*names, *labels)
    }
    out = assemble(compute(plan, samples), understood, names, labels, coords)
    if method != "mean":
        out = out.drop_vars("collocation_count")
    dim = find_dim(ds)
    if dim not in (None, VIGNETTE):
        out = out.swap_dims({VIGNETTE: dim})
    out.attrs = provenance(ds, understood, method, reach, span)
    return out


def _coords(ds: xr.Dataset | xr.DataArray) -> dict[Hashable, xr.DataArray]:
    """Coordinates of the vignettes that the result keeps: none along the image."""
    if find_dim(ds) is not None:
        ds = along_vignettes(ds)
    absent = [k for k in ("longitude", "latitude", "time") if k not in ds.coords]
    if isinstance(ds, xr.Dataset):
        ds = ds.set_coords([k for k in absent if k in ds])
        absent = [k for k in absent if k not in ds]
    wrong = [k for k in ("longitude", "latitude", "time") if k not in absent and ds[k].dims != (VIGNETTE,)]  # fmt: skip
    if absent or wrong:
        raise MissingVariableError(
            "vignettes with longitude, latitude and time along 'vignette' are needed; "
            f"{absent + wrong} are not there, or along other dims. Keep them with the result, "
            "name their dim with ds.swap_dims(name='vignette'), or keep the dim of a single "
            "vignette with ds.isel(vignette=[0])."
        )
    return {
        name: array
        for name, array in ds.coords.items()
        if not {LINE, SAMPLE} & set(array.dims)
    }


def _positions(coords: Mapping[Hashable, xr.DataArray]) -> Vignettes:
    return Vignettes(
        degrees_of(coords["longitude"]),
        degrees_of(coords["latitude"]),
        nanoseconds(coords["time"].values, "vignettes"),
    )


def _judges(
    reference: Reference, names: list[Hashable], require: str | Iterable[str] | None
) -> tuple[tuple[str, ...], bool]:
    """Variables that say whether a sample is missing, and whether all of them must be there."""
    if require is not None:
        asked = names_of(require, "require")
        wrong = [name for name in asked if name not in names]
        if wrong or not asked:
            raise MissingVariableError(
                f"require={require!r} names variables to collocate; these are "
                f"{list(map(str, names))}."
            )
        return tuple(asked), True
    heights = [name for name in names if _is_wave_height(reference.data[name])]
    if heights:
        return tuple(map(str, heights)), False
    most = max(
        len(reference.sample_dims & set(reference.data[name].dims)) for name in names
    )
    full = [
        name
        for name in names
        if len(reference.sample_dims & set(reference.data[name].dims)) == most
    ]
    floats = [name for name in full if reference.data[name].dtype.kind == "f"]
    return tuple(map(str, floats or full)), False


def _is_wave_height(array: xr.DataArray) -> bool:
    """Whether a variable is the total significant wave height: of a sample, not of its parts."""
    named = str(array.name).lower() in _SWH_NAMES
    return named or array.attrs.get("standard_name") == _SWH


def _periods(data: xr.Dataset, names: Iterable[Hashable]) -> dict[str, float]:
    """Full turn of each variable that is a direction."""
    directions = {str(name): direction_of(data[name]) for name in names}
    return {name: one.period for name, one in directions.items() if one is not None}


def _flags(data: xr.Dataset, names: Iterable[Hashable]) -> frozenset[str]:
    """Variables that are flags, whatever their type."""
    said = {"flag_values", "flag_masks"}
    return frozenset(str(name) for name in names if said & set(data[name].attrs))


def labels_of(reference: Reference, names: list[Hashable]) -> list[Hashable]:
    """List the coordinates that say which sample it was, such as the name of a station."""
    if reference.kind in ("grid", "mesh"):
        return []
    needed = set(reference.place_dims) or set(reference.time_dims)
    return [
        name
        for name, coord in reference.data.coords.items()
        if needed <= set(coord.dims)
        and name not in reference.names
        and name not in names
    ]


def assemble(
    arrays: Mapping[str, Any],
    reference: Reference,
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
        source = reference.data[name]
        rest = [dim for dim in source.dims if dim not in reference.sample_dims]
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
    reference: Reference,
    method: Method,
    max_distance: float,
    span: int,
) -> dict[str, Any]:
    """Say what was matched with what, and how."""
    limit = f"{max_distance:g} km, {pd.Timedelta(span)}"
    origin = {**reference.data.attrs}
    kept: dict[str, Any] = {"history": ds.attrs.get("history", "")}
    if any(attribute_flag(attrs, "simulated") for attrs in (ds.attrs, origin)):
        kept["simulated"] = 1
    title = attribute_text(origin, "title") or attribute_text(origin, "source")
    if title:
        kept["reference_title"] = title
    return product_attrs(
        f"collocate with a reference of kind {reference.kind}, method {method}, limits {limit}",
        previous=kept,
        collocation_method=method,
        collocation_kind=reference.kind,
        collocation_max_distance_km=float(max_distance),
        collocation_max_time_s=span / 1e9,
    )
