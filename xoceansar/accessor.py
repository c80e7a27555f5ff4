"""The accessors ``Dataset.oceansar`` and ``DataArray.oceansar``: a signature, not an engine.

Each method is one call of the function that does the work. The accessors hold nothing but the
object, so that copies, pickles and assigned variables can never make them stale.
"""

from collections.abc import Hashable
from typing import TYPE_CHECKING, Any

import xarray as xr

from xoceansar import ops
from xoceansar.ops.describe import describe
from xoceansar.ops.embed import Model

if TYPE_CHECKING:
    from cartopy.mpl.geoaxes import GeoAxes
    from matplotlib.figure import Figure

__all__ = ["OceansarDataArray", "OceansarDataset", "PlotMethods"]


class PlotMethods:
    """Drawing methods, reached as ``obj.oceansar.plot``.

    Parameters
    ----------
    obj : Dataset or DataArray
        What to draw.
    """

    def __init__(self, obj: xr.Dataset | xr.DataArray) -> None:
        self._obj = obj

    def map(self, variable: Hashable | None = None, **kwargs: Any) -> "GeoAxes":
        """Draw one value for each vignette on a map; see `xoceansar.plot.map`."""
        from xoceansar import plot

        return plot.map(self._obj, variable, **kwargs)

    def vignettes(self, **kwargs: Any) -> "Figure":
        """Draw the images with their labels; see `xoceansar.plot.vignettes`."""
        from xoceansar import plot

        return plot.vignettes(self._obj, **kwargs)


@xr.register_dataset_accessor("oceansar")
class OceansarDataset:
    """Ocean measurements from a Dataset of SAR vignettes.

    Parameters
    ----------
    obj : Dataset
        Calibrated images (``sigma0``) or embeddings (``embedding_vector``).
    """

    def __init__(self, obj: xr.Dataset) -> None:
        self._obj = obj

    def __repr__(self) -> str:
        return describe(self._obj)

    @property
    def plot(self) -> PlotMethods:
        """Maps and quick-looks."""
        return PlotMethods(self._obj)

    def embed(self, *, model: Model = None) -> xr.DataArray:
        """Embed each vignette by the frozen backbone; see `xoceansar.ops.embed`."""
        return ops.embed(self._obj, model=model)

    def swh(self, *, model: Model = None) -> xr.DataArray:
        """Retrieve the significant wave height; see `xoceansar.ops.swh`."""
        return ops.swh(self._obj, model=model)

    def wind(self, *, model: Model = None) -> xr.Dataset:
        """Retrieve the wind; see `xoceansar.ops.wind`."""
        return ops.wind(self._obj, model=model)

    def classify(self, *, model: Model = None) -> xr.Dataset:
        """Classify the dominant phenomenon; see `xoceansar.ops.classify`."""
        return ops.classify(self._obj, model=model)

    def retrieve(self, *, model: Model = None) -> xr.Dataset:
        """Retrieve all that the model offers in one pass; see `xoceansar.ops.retrieve`."""
        return ops.retrieve(self._obj, model=model)

    def quality(self) -> xr.DataArray:
        """Say what to know before using each vignette; see `xoceansar.ops.quality`."""
        return ops.quality(self._obj)

    def calibrate(self) -> xr.Dataset:
        """Calibrate digital numbers to sigma0; see `xoceansar.ops.calibrate`."""
        return ops.calibrate(self._obj)


@xr.register_dataarray_accessor("oceansar")
class OceansarDataArray:
    """Ocean measurements from a DataArray of calibrated images or of embeddings.

    Parameters
    ----------
    obj : DataArray
        ``sigma0`` (..., line, sample) or ``embedding_vector`` (..., embedding).
    """

    def __init__(self, obj: xr.DataArray) -> None:
        self._obj = obj

    def __repr__(self) -> str:
        return describe(self._obj)

    @property
    def plot(self) -> PlotMethods:
        """Maps and quick-looks."""
        return PlotMethods(self._obj)

    def embed(self, *, model: Model = None) -> xr.DataArray:
        """Embed each vignette by the frozen backbone; see `xoceansar.ops.embed`."""
        return ops.embed(self._obj, model=model)

    def swh(self, *, model: Model = None) -> xr.DataArray:
        """Retrieve the significant wave height; see `xoceansar.ops.swh`."""
        return ops.swh(self._obj, model=model)

    def wind(self, *, model: Model = None) -> xr.Dataset:
        """Retrieve the wind; see `xoceansar.ops.wind`."""
        return ops.wind(self._obj, model=model)

    def classify(self, *, model: Model = None) -> xr.Dataset:
        """Classify the dominant phenomenon; see `xoceansar.ops.classify`."""
        return ops.classify(self._obj, model=model)

    def retrieve(self, *, model: Model = None) -> xr.Dataset:
        """Retrieve all that the model offers in one pass; see `xoceansar.ops.retrieve`."""
        return ops.retrieve(self._obj, model=model)

    def quality(self) -> xr.DataArray:
        """Say what to know before using each vignette; see `xoceansar.ops.quality`."""
        return ops.quality(self._obj)
