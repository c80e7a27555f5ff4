"""The drawing methods ``obj.oceansar.plot``; what draws is loaded by the first call."""

from collections.abc import Hashable, Iterable
from typing import TYPE_CHECKING, Any

import xarray as xr

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["PlotMethods"]


class PlotMethods:
    """Drawing methods, reached as ``obj.oceansar.plot``.

    Parameters
    ----------
    obj : Dataset or DataArray
        What to draw.
    """

    def __init__(self, obj: xr.Dataset | xr.DataArray) -> None:
        self._obj = obj

    def map(self, variable: Hashable | None = None, **kwargs: Any) -> "Figure":
        """Draw one value for each vignette on a map.

        Parameters
        ----------
        variable : str, optional
            Which variable of a Dataset.
        **kwargs
            As in `xoceansar.plot.map`.

        Returns
        -------
        Figure
            The map, ``figure.axes[0]``. Loads the values.
        """
        from xoceansar import plot

        return plot.map(self._obj, variable, **kwargs)

    def grid(self, variable: Hashable | None = None, **kwargs: Any) -> "Figure":
        """Draw the mean of the vignettes in cells of longitude and latitude.

        Parameters
        ----------
        variable : str, optional
            Which variable of a Dataset.
        **kwargs
            As in `xoceansar.plot.grid`.

        Returns
        -------
        Figure
            The map, ``figure.axes[0]``. Loads the values.
        """
        from xoceansar import plot

        return plot.grid(self._obj, variable, **kwargs)

    def seasons(self, variable: Hashable | None = None, **kwargs: Any) -> "Figure":
        """Draw the mean of each season in cells: four maps with one colour bar.

        Parameters
        ----------
        variable : str, optional
            Which variable of a Dataset.
        **kwargs
            As in `xoceansar.plot.seasons`.

        Returns
        -------
        Figure
            The maps. Loads the values.
        """
        from xoceansar import plot

        return plot.seasons(self._obj, variable, **kwargs)

    def track(self, variable: Hashable | None = None, **kwargs: Any) -> "Figure":
        """Draw the values along one orbit pass or a few, beside a map of where they are.

        Parameters
        ----------
        variable : str, optional
            Which variable of a Dataset.
        **kwargs
            As in `xoceansar.plot.track`.

        Returns
        -------
        Figure
            The profiles and the map. Loads the values.
        """
        from xoceansar import plot

        return plot.track(self._obj, variable, **kwargs)

    def iceberg_density(self, **kwargs: Any) -> "Figure":
        """Draw the icebergs on 1000 km2 searched, in cells.

        Parameters
        ----------
        **kwargs
            As in `xoceansar.plot.iceberg_density`.

        Returns
        -------
        Figure
            The map, ``figure.axes[0]``. Loads counts and areas.
        """
        from xoceansar import plot

        return plot.iceberg_density(self._obj, **kwargs)

    def class_occurrence(
        self, classes: str | Iterable[str] | None = None, **kwargs: Any
    ) -> "Figure":
        """Draw how often each class occurs, in cells: a map for each.

        Parameters
        ----------
        classes : str or iterable of str, optional
            Which; all otherwise.
        **kwargs
            As in `xoceansar.plot.class_occurrence`.

        Returns
        -------
        Figure
            The maps. Loads the classes.
        """
        from xoceansar import plot

        return plot.class_occurrence(self._obj, classes, **kwargs)

    def vignettes(self, **kwargs: Any) -> "Figure":
        """Draw the images, with what is known of each.

        Parameters
        ----------
        **kwargs
            As in `xoceansar.plot.vignettes`.

        Returns
        -------
        Figure
            The quick-looks. Loads the images.
        """
        from xoceansar import plot

        return plot.vignettes(self._obj, **kwargs)
