"""Wind speed and direction from the components that models give."""

from collections.abc import Hashable
from typing import Final

import numpy as np
import numpy.typing as npt
import xarray as xr

from xoceansar.conventions import VARIABLES, annotate
from xoceansar.conventions.quantities import in_metres_per_second
from xoceansar.errors import MissingVariableError
from xoceansar.sar.bearings import wrap_angle

_COMPONENTS: Final = (("u10", "v10"), ("u10n", "v10n"), ("uwnd", "vwnd"))


def wind_vector(
    ds: xr.Dataset, eastward: str | None = None, northward: str | None = None
) -> xr.Dataset:
    """Turn wind components into speed and direction.

    Parameters
    ----------
    ds : Dataset
        With an eastward and a northward wind, such as ``u10`` and ``v10`` of ERA5 or ``uwnd``
        and ``vwnd`` of WAVEWATCH III. Each is converted by its ``units`` (m s-1, km h-1, knots,
        cm s-1, mph); without units it is in m s-1.
    eastward, northward : str, optional
        Their names; otherwise they are found by standard name (``eastward_wind``,
        ``northward_wind``) or by the names above.

    Returns
    -------
    Dataset
        ``wind_speed``, m s-1, and ``wind_to_direction``, degrees clockwise from north in
        [0, 360), towards which the wind blows. Lazy where the input is.

    Raises
    ------
    MissingVariableError
        If the components are not there, or several are.
    UnitsError
        If their units are those of no speed.

    Notes
    -----
    speed = hypot(u, v); direction = atan2(u, v). A wind of exactly zero has no direction.

    Examples
    --------
    >>> import xarray as xr
    >>> ds = xr.Dataset({"u10": ("vignette", [3.0]), "v10": ("vignette", [-4.0])})
    >>> wind_vector(ds).wind_speed.values
    array([5.])
    """
    u, v = (in_metres_per_second(c) for c in _components(ds, eastward, northward))
    speed = xr.apply_ufunc(np.hypot, u, v, dask="allowed")
    angle = xr.apply_ufunc(
        _direction, u, v, dask="parallelized", output_dtypes=[speed.dtype]
    )
    source = {"long_name": f"wind speed of {u.name} and {v.name}"}
    direction = {
        "long_name": f"{VARIABLES['wind_to_direction']['long_name']}, of {u.name} and {v.name}"
    }
    return xr.Dataset(
        {
            "wind_speed": annotate(speed, "wind_speed", **source),
            "wind_to_direction": annotate(
                angle.where(speed > 0), "wind_to_direction", **direction
            ),
        }
    )


def _direction(
    eastward: npt.NDArray[np.floating], northward: npt.NDArray[np.floating]
) -> npt.NDArray[np.floating]:
    angle = np.arctan2(eastward, northward)
    return wrap_angle(np.degrees(angle), dtype=angle.dtype)


def _components(
    ds: xr.Dataset, eastward: str | None, northward: str | None
) -> tuple[xr.DataArray, xr.DataArray]:
    standard = [
        [n for n, v in ds.data_vars.items() if v.attrs.get("standard_name") == name]
        for name in ("eastward_wind", "northward_wind")
    ]
    pairs: list[tuple[Hashable, Hashable]] = []
    if eastward is not None and northward is not None:
        pairs = [(eastward, northward)]
    elif len(standard[0]) == len(standard[1]) == 1:
        pairs = [(standard[0][0], standard[1][0])]
    else:
        pairs = [pair for pair in _COMPONENTS if set(pair) <= set(ds.data_vars)]
    if len(pairs) != 1 or not set(pairs[0]) <= set(ds.data_vars):
        raise MissingVariableError(
            "an eastward and a northward wind are needed; the variables are "
            f"{sorted(map(str, ds.data_vars))}. Name them: "
            "wind_vector(ds, eastward='u10', northward='v10')."
        )
    return ds[pairs[0][0]], ds[pairs[0][1]]
