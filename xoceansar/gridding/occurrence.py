"""How often classes occur and how densely icebergs lie, in cells of longitude and latitude."""

from functools import partial
from typing import Final

import numpy as np
import xarray as xr

from xoceansar._typing import Array
from xoceansar.conventions import OCEAN_CLASS, annotate
from xoceansar.conventions.flags import flag_numbers
from xoceansar.errors import MissingVariableError, UnitsError
from xoceansar.gridding.cell_statistics import COUNT, By, binned, coverage
from xoceansar.sar.cells import count, total

_AREA: Final = "searched_area"
#: Icebergs are counted on so many square kilometres.
_UNIT_AREA: Final = 1000.0
_FLOAT, _INT = np.dtype(np.float32), np.dtype(np.int32)


def iceberg_density(
    obj: xr.Dataset, *, cell: float = 2.0, by: By | None = None, minimum: int = 1
) -> xr.Dataset:
    """Count icebergs on the area that was searched for them.

    Parameters
    ----------
    obj : Dataset
        Of `xoceansar.ops.icebergs`: ``iceberg_count`` and ``searched_area`` (vignette), with
        ``longitude`` and ``latitude``, and ``time`` for `by`.
    cell : float, default 2
        Side of a cell, degrees. A whole number of cells makes 180 degrees.
    by : {"season", "month"}, optional
        One grid for each, all years together.
    minimum : int, default 1
        Cells with fewer searched vignettes are missing.

    Returns
    -------
    Dataset
        ``iceberg_density``, icebergs on 1000 km2, the sum of the counts over the sum of the
        areas; ``searched_area`` (km2) and ``observation_count``, the number of vignettes searched;
        (latitude, longitude), with ``season`` or ``month`` in front. 0 where there was none, NaN
        where nothing was searched.

    Raises
    ------
    MissingVariableError
        If counts, areas, a position or the time is not there.
    UnitsError
        If the areas are not in km2.
    DimensionError, OceansarError
        As `xoceansar.ops.grid`.

    Notes
    -----
    A vignette that was not searched (its count is NaN) adds neither icebergs nor area, and lies in
    the cell of its centre whole. Lazy where the input is.

    Examples
    --------
    >>> import xarray as xr
    >>> searched = xr.Dataset(
    ...     {
    ...         "iceberg_count": ("vignette", [3.0, 1.0]),
    ...         "searched_area": ("vignette", [400.0, 400.0], {"units": "km2"}),
    ...     },
    ...     {
    ...         "longitude": ("vignette", [1.0, 0.5]),
    ...         "latitude": ("vignette", [-61.0, -60.5]),
    ...     },
    ... )
    >>> density = iceberg_density(searched).iceberg_density
    >>> float(density.sel(longitude=1, latitude=-61))
    5.0
    """
    absent = [n for n in ("iceberg_count", _AREA) if n not in obj]
    if absent:
        raise MissingVariableError(
            f"iceberg density needs iceberg_count and {_AREA} of each vignette; {absent} are "
            "not there. Use ice = ds.oceansar.icebergs(), or add the area of vignettes of 19.2 km: "
            f"ice.assign({_AREA}=(ice.iceberg_count * 0 + 19.2**2).assign_attrs(units='km2'))."
        )
    counts, area = obj["iceberg_count"], obj[_AREA]
    if area.attrs.get("units") != "km2":
        raise UnitsError(
            f"{_AREA} in units 'km2' is needed; got {area.attrs.get('units')!r}. Convert it, and "
            "say so with .assign_attrs(units='km2')."
        )
    density, searched, members = binned(
        partial(_density, minimum=minimum), [counts, area.broadcast_like(counts)],
        cell=cell, by=by, dtypes=(_FLOAT, _FLOAT, _INT),
    )  # fmt: skip
    kept = {k: v for k, v in counts.attrs.items() if k not in ("long_name", "units")}
    kept["ancillary_variables"] = f"{_AREA} {COUNT}"
    out = {
        "iceberg_density": annotate(density, "iceberg_density", **kept),
        _AREA: annotate(searched, _AREA, cell_methods="area: time: sum"),
        COUNT: annotate(members, COUNT),
    }
    words = f"iceberg density in cells of {cell:g} degrees"
    return xr.Dataset(out, attrs=coverage(obj, counts, words))


def _density(
    icebergs: Array, area: Array, index: Array, size: int, *, minimum: int
) -> tuple[Array, Array, Array]:
    good = np.isfinite(icebergs) & np.isfinite(area) & (area > 0) & (index >= 0)
    icebergs, area, index = icebergs[good], area[good], index[good]
    found, searched = total(icebergs, index, size), total(area, index, size)
    members = count(index, size)
    with np.errstate(invalid="ignore"):
        density = _UNIT_AREA * found / searched
    return np.where(members < minimum, np.nan, density), searched, members


def class_occurrence(
    obj: xr.Dataset | xr.DataArray,
    *,
    cell: float = 5.0,
    by: By | None = None,
    minimum: int = 1,
) -> xr.Dataset:
    """Say which part of the vignettes in each cell is of each class.

    Parameters
    ----------
    obj : Dataset or DataArray
        ``ocean_class`` (vignette), CF flags, with ``longitude`` and ``latitude``, and ``time``
        for `by`.
    cell : float, default 5
        Side of a cell, degrees. A whole number of cells makes 180 degrees.
    by : {"season", "month"}, optional
        One grid for each, all years together.
    minimum : int, default 1
        Cells with fewer classified vignettes are missing.

    Returns
    -------
    Dataset
        ``class_occurrence`` (class, latitude, longitude), a fraction, and ``observation_count``
        (latitude, longitude), the number of vignettes with a class; with ``season`` or ``month``
        in front of latitude. NaN where there is none.

    Raises
    ------
    MissingVariableError
        If the classes, a position or the time is not there.
    UnitsError
        If the classes have no ``flag_values`` and ``flag_meanings``.
    DimensionError, OceansarError
        As `xoceansar.ops.grid`.

    Notes
    -----
    A vignette without a class (-1) is left out. Lazy where the input is.

    Examples
    --------
    >>> import xarray as xr
    >>> from xoceansar.conventions import class_attrs
    >>> ds = xr.Dataset(
    ...     {"ocean_class": ("vignette", [0, 7, 7], class_attrs())},
    ...     {
    ...         "longitude": ("vignette", [1.0, 2.0, 3.0]),
    ...         "latitude": ("vignette", [2.0] * 3),
    ...     },
    ... )
    >>> share = class_occurrence(ds).class_occurrence
    >>> share.sel(longitude=2.5, latitude=2.5).values[[0, 7]].round(2)
    array([0.33, 0.67], dtype=float32)
    """
    classes = obj.get(OCEAN_CLASS) if isinstance(obj, xr.Dataset) else obj
    if classes is None:
        raise MissingVariableError(
            f"class occurrence needs {OCEAN_CLASS!r} of each vignette; found "
            f"{sorted(map(str, obj))}. Use ds.oceansar.classify(), or ds.oceansar.retrieve()."
        )
    names = str(classes.attrs.get("flag_meanings", "")).split()
    flags = flag_numbers(classes.attrs.get("flag_values", []))
    if flags is None or not names or len(names) != len(flags):
        raise UnitsError(
            f"classes with the attributes flag_values and flag_meanings are needed; "
            f"{classes.name!r} has {sorted(classes.attrs)}. Copy the attributes from "
            "ds.oceansar.classify().ocean_class."
        )
    fraction, members = binned(
        partial(_occurrence, flags=flags, minimum=minimum), [classes],
        cell=cell, by=by, dtypes=(_FLOAT, _INT), leading=("class", len(names)),
    )  # fmt: skip
    skip = ("long_name", "units", "flag_values", "flag_meanings")
    kept = {k: v for k, v in classes.attrs.items() if k not in skip}
    kept["ancillary_variables"] = COUNT
    fraction = fraction.assign_coords({"class": names})
    out = {
        "class_occurrence": annotate(fraction, "class_occurrence", **kept),
        COUNT: annotate(members, COUNT),
    }
    words = f"class occurrence in cells of {cell:g} degrees"
    return xr.Dataset(out, attrs=coverage(obj, classes, words))


def _occurrence(
    classes: Array, index: Array, size: int, *, flags: Array, minimum: int
) -> tuple[Array, Array]:
    index = np.where(np.isin(classes, flags), index, -1)
    whole = count(index[index >= 0], size)
    fraction = np.full((len(flags), size), np.nan, np.float32)
    enough = whole >= max(minimum, 1)
    for row, flag in zip(fraction, flags, strict=True):
        members = count(index[(index >= 0) & (classes == flag)], size)
        row[enough] = members[enough] / whole[enough]
    return fraction, whole
