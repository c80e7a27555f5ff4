"""Parts of the sea, of time and of instruments over which scores are given.

References
----------
Sea-state classes of the ESA Climate Change Initiative, as used to score Wave Mode algorithms:
low (to 1.5 m), medium (to 3 m), high (to 6 m), very high.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import xarray as xr

from xoceansar._typing import Array
from xoceansar.conventions import OCEAN_CLASS, VIGNETTE
from xoceansar.conventions.texts import text_values
from xoceansar.errors import MissingVariableError
from xoceansar.evaluate.benchmark_truth import class_names, read_classes
from xoceansar.splits.calibration_breaks import calibration_period


@dataclass(frozen=True, slots=True, kw_only=True)
class Strata:
    """A division of the vignettes, within which scores are given too.

    Parameters
    ----------
    name : str
        What divides them: ``beam``, ``sea state``.
    variable : str
        Of the Dataset, along vignette.
    edges : tuple of float
        Bounds of the bins of a number, the last bin open above; empty for names.
    units : str
        Of the edges.
    read : callable, optional
        From the Dataset to one value for each vignette, or None where it cannot be told; by default the variable.
    divided : bool, optional
        Whether it is left out where all vignettes are in one bin.

    Examples
    --------
    >>> sea_state = Strata(name="sea state", variable="swh", edges=(0, 2, 4), units="m")
    >>> sea_state.edges
    (0, 2, 4)
    """

    name: str
    variable: str
    edges: tuple[float, ...] = ()
    units: str = ""
    read: Callable[[xr.Dataset], Array | None] | None = None
    divided: bool = False

    @property
    def bins(self) -> tuple[str, ...]:
        """Names of the bins of a number, from low to high."""
        pairs = zip(self.edges[:-1], self.edges[1:], strict=True)
        inner = [f"{low:g}-{high:g} {self.units}" for low, high in pairs]
        return (*inner, f">{self.edges[-1]:g} {self.units}") if self.edges else ()

    def labels(self, ds: xr.Dataset) -> npt.NDArray[np.str_] | None:
        """Say in which bin each vignette is.

        Parameters
        ----------
        ds : Dataset
            In the library's layout.

        Returns
        -------
        ndarray (vignette,) of str or None
            Empty where the variable is missing, or below the first edge; None where the Dataset
            has no such variable. A value on an edge is in the bin above.

        Examples
        --------
        >>> import numpy as np, xarray as xr
        >>> sea_state = Strata(
        ...     name="sea state", variable="swh", edges=(0, 2, 4), units="m"
        ... )
        >>> ds = xr.Dataset({"swh": ("vignette", [1.0, 2.0, 7.0, np.nan])})
        >>> sea_state.labels(ds).tolist()
        ['0-2 m', '2-4 m', '>4 m', '']
        """
        values = (self.read or self._variable)(ds)
        if values is None:
            return None
        if not self.edges:
            return text_values(values)
        number = np.searchsorted(self.edges, values, side="right")
        known = np.isfinite(values)
        return np.array(["", *self.bins])[np.where(known, number, 0)]

    def _variable(self, ds: xr.Dataset) -> Array | None:
        if self.variable not in ds or ds[self.variable].dims != (VIGNETTE,):
            return None
        return np.asarray(ds[self.variable].values)


def _absolute_latitude(ds: xr.Dataset) -> Array | None:
    if "latitude" not in ds or ds["latitude"].dims != (VIGNETTE,):
        return None
    return np.abs(np.asarray(ds["latitude"].values, np.float64))


def _class(ds: xr.Dataset) -> Array | None:
    if OCEAN_CLASS not in ds or ds[OCEAN_CLASS].dims != (VIGNETTE,):
        return None
    codes = read_classes(ds)
    known = np.isfinite(codes) & (codes >= 0)
    names = np.array([*class_names(ds), ""])
    return np.asarray(names[np.where(known, codes, -1).astype(int)])


def _calibration(ds: xr.Dataset) -> Array | None:
    """Periods, where a beam of a satellite has several: elsewhere they say no more than the two."""
    try:
        periods = calibration_period(ds)
    except MissingVariableError:
        return None
    names = np.unique(periods)
    beams = {name.split(" until ")[0].split(" from ")[0] for name in names.tolist()}
    return periods if len(names) > len(beams) else None


STRATA: Final = (
    Strata(name="beam", variable="beam"),
    Strata(name="sea state", variable="swh", edges=(0, 1.5, 3, 6), units="m"),
    Strata(name="wind", variable="wind_speed", edges=(0, 5, 10, 15), units="m/s"),
    Strata(
        name="latitude", variable="latitude", edges=(0, 20, 40, 60), units="°",
        read=_absolute_latitude, divided=True,
    ),
    Strata(name="class", variable=OCEAN_CLASS, read=_class, divided=True),
    Strata(name="platform", variable="platform", divided=True),
    Strata(name="calibration", variable="time", read=_calibration, divided=True),
)  # fmt: skip
#: Bins by which ESA publishes the skill of its wave heights.
ESA_SEA_STATE: Final = Strata(
    name="ESA sea state", variable="swh", edges=(0, 1, 3, 8), units="m"
)
