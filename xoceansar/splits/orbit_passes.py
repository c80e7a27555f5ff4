"""Which vignettes were taken on one orbit pass: neighbours 100 km apart, who see the same sea."""

from typing import Any, Final

import numpy as np
import numpy.typing as npt
import xarray as xr

from xoceansar._typing import Array
from xoceansar.conventions import VIGNETTE
from xoceansar.conventions.texts import text_values
from xoceansar.errors import MissingVariableError
from xoceansar.io.safe.product_names import VignetteName
from xoceansar.layout.vignette_dims import along_vignettes, assign_hint

Rows = npt.NDArray[np.intp]

#: Without names to go by, so long without an image ends a pass: a tenth of an orbit.
_LONGEST_GAP: Final = np.timedelta64(10, "m")


def orbit_pass(ds: xr.Dataset | xr.DataArray) -> npt.NDArray[np.str_]:
    """Say on which orbit pass each vignette was taken.

    Parameters
    ----------
    ds : Dataset or DataArray
        In the library's layout: `vignette_id`, or `product`, or `time`, along vignette; `platform`
        where there is one.

    Returns
    -------
    ndarray (vignette,) of str
        As ``S1A-026300``: the same for all that must stay on one side of a split.

    Raises
    ------
    MissingVariableError
        If none of the three coordinates is there.
    DimensionError
        If the vignettes lie along no dim that is known.

    Notes
    -----
    Vignettes belong together that share the platform and the absolute orbit, the platform and the
    data take, or the product; and so do those that are linked through others (a data take that
    crosses the equator has two orbit numbers). Where a name is not that of a Sentinel-1 file and
    there is no product, images of one platform less than 10 minutes apart belong together, and
    all those without a time: what is not known to be apart is kept together. Loads these
    coordinates and no image.

    Examples
    --------
    >>> stem = "s1a-wv1-slc-vv-20210403t083025-20210403t083028-026300-032390-001"
    >>> ds = xr.Dataset(coords={"vignette_id": ("vignette", [stem])})
    >>> orbit_pass(ds).tolist()
    ['S1A-026300']
    """
    ds = along_vignettes(ds)
    n = ds.sizes[VIGNETTE]
    names, products, times = (
        _column(ds, name) for name in ("vignette_id", "product", "time")
    )
    if names is None and products is None and times is None:
        raise MissingVariableError(
            "orbit passes are told from 'vignette_id', 'product' or 'time' along vignette, and "
            f"none is there; found {sorted(map(str, ds.coords))}. Add one with "
            f"{assign_hint(ds, 'product')}, or pass groups=."
        )
    keys = [
        _keys(*("" if column is None else column[i] for column in (names, products)))
        for i in range(n)
    ]
    platforms = _column(ds, "platform")
    _add_times(keys, times, platforms)
    return _label(keys)


def _column(ds: xr.Dataset | xr.DataArray, name: str) -> Array | None:
    if name in ds.coords:
        column = ds.coords[name]
    elif isinstance(ds, xr.Dataset) and name in ds:
        column = ds[name]
    else:
        return None
    if column.dims == (VIGNETTE,):
        return np.asarray(column.values)
    # one product or one platform for all
    return np.full(ds.sizes[VIGNETTE], column.values) if column.ndim == 0 else None


def _keys(name: Any, product: Any) -> list[str]:
    """Everything that ties a vignette to others; the first is a name of its pass."""
    stem = VignetteName(str(name).lower())
    keys = []
    if stem.is_valid:
        keys.append(f"{stem.platform}-{stem.orbit:06d}")
        keys.append(f"{stem.platform} data take {stem.datatake}")
    if str(product) not in ("", "nan", "None"):
        keys.append(str(product))
    return keys


def _add_times(
    keys: list[list[str]], times: Array | None, platforms: Array | None
) -> None:
    """Tie those without a name to their neighbours in time, and those without a time together."""
    nameless = np.array([i for i, own in enumerate(keys) if not own], dtype=int)
    here = np.full(len(keys), "pass") if platforms is None else text_values(platforms)
    for platform in np.unique(here[nameless]):
        rows = nameless[here[nameless] == platform]
        for row, label in zip(rows, _passes_in_time(times, rows), strict=True):
            keys[row].append(f"{platform}-{label}")


def _passes_in_time(times: Array | None, rows: Rows) -> Array:
    """Name the pass of each row after its first image."""
    if times is None or not np.issubdtype(times.dtype, np.datetime64):
        return np.full(len(rows), "unknown")
    moment = times[rows].astype("datetime64[s]")
    order = np.argsort(moment, kind="stable")
    starts = np.r_[True, ~(np.diff(moment[order]) <= _LONGEST_GAP)]
    labels = np.empty(len(rows), dtype="U19")
    labels[order] = moment[order][starts].astype(str)[np.cumsum(starts) - 1]
    return labels


def _label(keys: list[list[str]]) -> npt.NDArray[np.str_]:
    """Name the connected components of vignettes and keys after the first key in the alphabet."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    flat = [key for own in keys for key in own]
    names, column = np.unique(flat, return_inverse=True)
    row = np.repeat(np.arange(len(keys)), [len(own) for own in keys])
    n = len(keys) + len(names)
    graph = coo_array((np.ones(len(row)), (row, len(keys) + column)), shape=(n, n))
    _, part = connected_components(graph, directed=False)
    title: dict[int, str] = {}
    for own, component in zip(keys, part[: len(keys)], strict=True):
        title[component] = min(title.get(component, own[0]), own[0])
    return np.array([title[c] for c in part[: len(keys)]], dtype=np.str_)
