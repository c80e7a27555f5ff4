"""Which vignettes see the same sea, and so must be on one side of a split.

Neighbours on one pass are 100 km apart and share wave field, wind and calibration: a head that is
validated on the neighbours of its training set is validated on its training set.
"""

import re
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import xarray as xr

from xoceansar.conventions import VIGNETTE
from xoceansar.errors import DimensionError, MissingVariableError, warn

__all__ = ["ORBIT_PASS", "groups_of", "orbit_pass"]

Array = npt.NDArray[Any]

#: The grouping that is used where none is named.
ORBIT_PASS: Final = "orbit_pass"
#: Fewer groups than this make a validation that rests on one or two of them.
_FEW: Final = 10
#: Absolute orbit and data take, as products and vignettes are named.
_NAMED: Final = re.compile(
    r"(?P<platform>s1[a-z])[_-].*?[_-](?P<orbit>\d{6})[_-](?P<datatake>[0-9a-f]{6})[_-]",
    re.IGNORECASE,
)
#: Vignettes follow each other every 15 s; a longer silence than this ends a pass.
_SILENCE: Final = np.timedelta64(10, "m")


def orbit_pass(ds: xr.Dataset | xr.DataArray) -> npt.NDArray[np.str_]:
    """Name the orbit pass of each vignette.

    Parameters
    ----------
    ds : Dataset or DataArray
        With ``vignette_id`` or ``product`` as Sentinel-1 names them, or ``time`` and, where there
        are several satellites, ``platform``, each (vignette).

    Returns
    -------
    ndarray (vignette,) of str
        Vignettes of one orbit, and those of one data take (which may go on into the next orbit),
        have the same name. By time: those that follow each other within ten minutes.

    Raises
    ------
    MissingVariableError
        If nothing tells the pass.

    Examples
    --------
    >>> stem = "s1a-wv1-slc-vv-20210403t083025-20210403t083028-026300-032390-001"
    >>> ds = xr.Dataset(coords={"vignette_id": ("vignette", [stem])})
    >>> orbit_pass(ds).tolist()
    ['S1A-026300']
    """
    for name in ("vignette_id", "product"):
        if name in ds.coords or name in getattr(ds, "data_vars", ()):
            found = [_NAMED.match(str(text)) for text in _per_vignette(ds, name)]
            if found and all(found):
                return _joined([match for match in found if match])
    if "time" in ds.coords:
        return _by_time(ds)
    raise MissingVariableError(
        "nothing tells the orbit pass of the vignettes: 'vignette_id', 'product' or 'time' is "
        "needed. Name what belongs together: groups='a coordinate', or groups=array; "
        "groups=None takes every vignette for itself."
    )


def _per_vignette(ds: xr.Dataset | xr.DataArray, name: str) -> Array:
    values = ds[name]
    n = ds.sizes[VIGNETTE]
    return np.broadcast_to(np.asarray(values.values), (n,))


def _joined(names: list[re.Match[str]]) -> npt.NDArray[np.str_]:
    """Join orbits that share a data take; the name is that of the first orbit."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    platform = [name["platform"].upper() for name in names]
    orbits, orbit = np.unique(
        [f"{p}-{n['orbit']}" for p, n in zip(platform, names, strict=True)],
        return_inverse=True,
    )
    takes, take = np.unique(
        [f"{p}-{n['datatake']}" for p, n in zip(platform, names, strict=True)],
        return_inverse=True,
    )
    size = len(orbits) + len(takes)
    links = coo_matrix(
        (np.ones(len(names)), (orbit, len(orbits) + take)), shape=(size, size)
    )
    _, part = connected_components(links, directed=False)
    _, first = np.unique(part[: len(orbits)], return_index=True)
    name_of = {part[i]: str(orbits[i]) for i in first}
    return np.array([name_of[part[i]] for i in orbit])


def _by_time(ds: xr.Dataset | xr.DataArray) -> npt.NDArray[np.str_]:
    time = _per_vignette(ds, "time").astype("datetime64[ns]")
    platform = (
        _per_vignette(ds, "platform").astype(str)
        if "platform" in ds.coords
        else np.full(len(time), "")
    )
    order = np.lexsort((time, platform))
    silent = np.diff(time[order]) > _SILENCE
    other = platform[order][1:] != platform[order][:-1]
    number = np.concatenate([[0], np.cumsum(silent | other)])[: len(time)]
    out = np.empty(len(time), dtype=np.int64)
    out[order] = number
    return np.array([f"pass-{i:05d}" for i in out])


def groups_of(
    ds: xr.Dataset | xr.DataArray, groups: str | Array | xr.DataArray | None
) -> Array:
    """Return what each vignette belongs to.

    Parameters
    ----------
    ds : Dataset or DataArray
        The vignettes.
    groups : str, ndarray (vignette,), DataArray or None
        ``orbit_pass``, the name of a coordinate, the groups themselves, or None: each vignette
        is its own group, which warns.

    Returns
    -------
    ndarray (vignette,)

    Raises
    ------
    MissingVariableError
        If there is no such coordinate.
    DimensionError
        If there is not one group for each vignette.
    """
    n = ds.sizes[VIGNETTE]
    if groups is None:
        warn(
            "groups=None: vignettes are split at random, so neighbours on one pass are on both "
            "sides and the validation is too good. Use groups='orbit_pass' where you can."
        )
        return np.arange(n)
    if isinstance(groups, str):
        found: Array = (
            orbit_pass(ds) if groups == ORBIT_PASS else _coordinate(ds, groups)
        )
    else:
        found = np.asarray(groups)
    if found.shape != (n,):
        raise DimensionError(
            f"groups must have one value for each of the {n} vignettes; got the shape "
            f"{found.shape}."
        )
    return found


def _coordinate(ds: xr.Dataset | xr.DataArray, name: str) -> Array:
    if name not in ds.coords and name not in getattr(ds, "data_vars", ()):
        raise MissingVariableError(
            f"groups={name!r} is no coordinate of the vignettes; they have "
            f"{sorted(map(str, ds.coords))}. Use one of these, or 'orbit_pass'."
        )
    return np.asarray(ds[name].values)


def warn_if_few(groups: Array, what: str) -> None:
    """Warn where a split by group rests on too few groups.

    Parameters
    ----------
    groups : ndarray (n,)
        Group of each row that is used.
    what : str
        What the groups are, for the message.
    """
    n = len(np.unique(groups))
    if n < _FEW:
        warn(
            f"the {len(groups)} vignettes belong to {n} groups ({what}): a validation on so few "
            "says little about another sea. Add vignettes of other passes."
        )
