"""Geophysical model function CMOD5.N, as xsarsea computes it.

xsarsea takes about five seconds to import and two to compile, so it is imported on first use.
"""

from functools import lru_cache
from threading import Lock
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from xoceansar._optional import require

# xsarsea's vectorised function runs on numba's parallel target, whose thread pools must not be
# entered by two threads at once (numba documentation, "The Threading Layers").
_LOCK: Final = Lock()


@lru_cache(maxsize=1)
def _model() -> Any:
    return require("xsarsea.windspeed", extra="simulate").get_model("gmf_cmod5n")


def cmod5n(
    wind_speed: npt.ArrayLike, phi: npt.ArrayLike, incidence: npt.ArrayLike
) -> npt.NDArray[np.float64]:
    """Compute the VV backscatter of the wind-roughened sea by CMOD5.N.

    Parameters
    ----------
    wind_speed : array_like
        Equivalent neutral wind speed at 10 m, m/s.
    phi : array_like
        Angle between the direction the wind comes from and the direction in which the radar
        looks, degrees; 0 where the wind blows towards the radar (upwind), 180 downwind.
    incidence : array_like
        Incidence angle, degrees.

    Returns
    -------
    ndarray of float64
        Linear sigma0, dimensionless, in the common broadcast shape of the arguments.

    Raises
    ------
    MissingDependencyError
        If xsarsea is not installed.

    Notes
    -----
    ``sigma0 = B0 (1 + B1 cos phi + B2 cos 2 phi)^1.6``, with ``B0, B1, B2`` functions of wind
    speed and incidence. NaN in, NaN out.

    References
    ----------
    Hersbach (2010), https://doi.org/10.1175/2009JTECHO698.1.

    Examples
    --------
    >>> float(cmod5n(10.0, 0.0, 36.8).round(6))
    0.067048
    """
    model = _model()
    speed, angle, theta = np.broadcast_arrays(
        np.asarray(wind_speed, np.float64),
        np.asarray(phi, np.float64),
        np.asarray(incidence, np.float64),
    )
    flat = [np.ascontiguousarray(a).reshape(-1) for a in (theta, speed, angle)]
    with _LOCK:
        sigma0 = model(*flat, broadcast=True)
    return np.asarray(sigma0, np.float64).reshape(speed.shape)
