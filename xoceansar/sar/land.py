"""Land in a vignette, by the GSHHG coastline on a raster of a quarter of a minute of arc.

The raster comes with the optional package roaring-landmask. It takes about a second and 400 MB
to load, once in each process, on the first vignette that is read.
"""

from importlib.util import find_spec
from threading import Lock
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from xoceansar._optional import require

_LOCK: Final = Lock()
_LOADED: Final[list[Any]] = []
#: Just inside the last row of the raster, which ends at the poles.
_POLE: Final = 90.0 - 1e-6


def available() -> bool:
    """Say whether the land mask is installed, without loading it."""
    return find_spec("roaring_landmask") is not None


def is_land(longitude: npt.ArrayLike, latitude: npt.ArrayLike) -> npt.NDArray[np.bool_]:
    """Say which points lie on land.

    Parameters
    ----------
    longitude, latitude : array_like
        Degrees, of one shape; any longitude, in either convention.

    Returns
    -------
    ndarray of bool
        Of the same shape; False where a position is not finite.

    Raises
    ------
    MissingDependencyError
        If roaring-landmask is not installed.

    Examples
    --------
    >>> is_land([2.35, -30.0], [48.86, 40.0])
    array([ True, False])
    """
    lon, lat = np.asarray(longitude, float), np.asarray(latitude, float)
    known = np.isfinite(lon) & np.isfinite(lat)
    east = (np.where(known, lon, 0.0) + 180.0) % 360.0 - 180.0
    north = np.clip(np.where(known, lat, 0.0), -_POLE, _POLE)
    found = np.asarray(_mask().contains_many(east.ravel(), north.ravel()), bool)
    inside: npt.NDArray[np.bool_] = found.reshape(known.shape) & known
    return inside


def land_fraction(longitude: npt.ArrayLike, latitude: npt.ArrayLike) -> float:
    """Share of points that lie on land."""
    lon, lat = np.asarray(longitude, float), np.asarray(latitude, float)
    known = np.isfinite(lon) & np.isfinite(lat)
    return float(is_land(lon[known], lat[known]).mean()) if known.any() else 0.0


def _mask() -> Any:
    """Return the one mask of this process."""
    with _LOCK:
        if not _LOADED:
            module = require("roaring_landmask", extra="plot")
            # The raster alone: the polygons that refine it need 1.3 GB more.
            _LOADED.append(module.RoaringMask.new(module.LandmaskProvider.Gshhg))
        return _LOADED[0]
