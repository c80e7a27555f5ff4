"""The drawing methods ``obj.oceansar.plot``: the functions of `xoceansar.plot`, bound to an object."""

from collections.abc import Hashable
from functools import partial, update_wrapper
from importlib import import_module
from typing import TYPE_CHECKING, Any

import xarray as xr

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["PlotMethods"]


class _Drawing:
    """A function of `xoceansar.plot` as a method, with its signature and its help."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, methods: "PlotMethods | None", owner: type) -> Any:
        function = getattr(import_module("xoceansar.plot"), self._name)
        if methods is None:
            return function
        bound = partial(function, methods._obj)
        update_wrapper(bound, function)
        del bound.__wrapped__  # type: ignore[attr-defined]  # it would show the object as an argument
        return bound


class PlotMethods:
    """Drawing methods, reached as ``obj.oceansar.plot``; called, it draws a map.

    Each is the function of that name in `xoceansar.plot`, on the object: `animate`, `calibration_bias`, `map`, `grid`, `hovmoeller`, `seasons`, `series`, `track`,
    `class_occurrence`, `iceberg_density`, `spectrum` and `vignettes`.

    Parameters
    ----------
    obj : Dataset or DataArray
        What to draw.

    Examples
    --------
    >>> import xoceansar as xos
    >>> sea = xos.simulate.vignettes(2, seed=1, shape=(64, 64))
    >>> sea.oceansar.plot("swh", land=False).axes[1].get_ylabel()
    'Significant wave height (m)'
    >>> sea.oceansar.plot.vignettes().savefig("quicklooks.png")
    """

    def __init__(self, obj: xr.Dataset | xr.DataArray) -> None:
        self._obj = obj

    animate = _Drawing()
    calibration_bias = _Drawing()
    class_occurrence = _Drawing()
    grid = _Drawing()
    hovmoeller = _Drawing()
    iceberg_density = _Drawing()
    map = _Drawing()
    seasons = _Drawing()
    series = _Drawing()
    spectrum = _Drawing()
    track = _Drawing()
    vignettes = _Drawing()

    def __call__(self, variable: Hashable | None = None, **kwargs: Any) -> "Figure":
        """Draw one value for each vignette on a map, as ``plot.map`` does."""
        figure: Figure = self.map(variable, **kwargs)
        return figure
