"""The accessors ``Dataset.oceansar`` and ``DataArray.oceansar``: a signature, not an engine.

Each method is one call of the function that does the work. The accessors hold nothing but the
object, so that copies, pickles and assigned variables can never make them stale.
"""

import datetime as dt
from collections.abc import Hashable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

import numpy as np
import xarray as xr

from xoceansar import ops
from xoceansar.conventions.beams import Beams
from xoceansar.conventions.quantities import Distance
from xoceansar.gridding.cell_statistics import By, GridStatistic
from xoceansar.models.spec.onnx_spec import OnnxNetwork
from xoceansar.neighbours.nearest import Metric
from xoceansar.ops.description import describe
from xoceansar.ops.domain import OnDomain
from xoceansar.ops.embedding import Model
from xoceansar.ops.similarity import Query
from xoceansar.plot.notebook import notebook_card
from xoceansar.plot_accessor import PlotMethods
from xoceansar.sar.cfar import CFAR_THRESHOLD
from xoceansar.table_accessor import TableMethods
from xoceansar.wave_accessor import WaveMethods

if TYPE_CHECKING:
    from pandas import DataFrame

    from xoceansar.collocation.reference_sources import Source
    from xoceansar.io.remote import StorageOptions

__all__ = ["OceansarDataArray", "OceansarDataTree", "OceansarDataset"]

T_Object = TypeVar("T_Object", xr.Dataset, xr.DataArray)


class _Measurements(Generic[T_Object]):
    """What can be measured on images and on embeddings alike."""

    def __init__(self, obj: T_Object) -> None:
        self._obj: T_Object = obj

    def __repr__(self) -> str:
        return describe(self._obj)

    def _repr_html_(self) -> str:
        return notebook_card(self._obj)

    @property
    def plot(self) -> PlotMethods:
        """Maps and quick-looks."""
        return PlotMethods(self._obj)

    def embed(
        self, model: Model = None, *, on_domain: OnDomain = "flag"
    ) -> xr.DataArray:
        """Embed each vignette by the frozen backbone.

        Parameters
        ----------
        model : str or ModelHandle, optional
            Name, path or handle; the default bundle where not given.
        on_domain : {"flag", "raise"}, optional
            What to do with vignettes that the model was not trained for.

        Returns
        -------
        DataArray
            ``embedding_vector`` (vignette, embedding), float32. Lazy; see
            `xoceansar.ops.embed`.

        Examples
        --------
        >>> import xoceansar as xos
        >>> sea = xos.simulate.vignettes(1, seed=1).chunk()
        >>> vectors = sea.oceansar.embed()
        >>> vectors.dims, vectors.chunks is not None
        (('vignette', 'embedding'), True)
        """
        return ops.embed(self._obj, model=model, on_domain=on_domain)

    def swh(self, model: Model = None, *, on_domain: OnDomain = "flag") -> xr.DataArray:
        """Retrieve the significant wave height.

        Parameters
        ----------
        model : str or ModelHandle, optional
            Name, path or handle; the default bundle where not given.
        on_domain : {"flag", "raise"}, optional
            What to do with vignettes that the model was not trained for.

        Returns
        -------
        DataArray
            ``swh`` (vignette), metres. Lazy; see
            `xoceansar.ops.swh`.

        Examples
        --------
        >>> import xoceansar as xos
        >>> sea = xos.simulate.vignettes(1, seed=1).chunk()
        >>> height = sea.oceansar.swh()
        >>> height.name, height.dims, height.attrs["units"]
        ('swh', ('vignette',), 'm')
        """
        return ops.swh(self._obj, model=model, on_domain=on_domain)

    def wind(
        self,
        model: Model = None,
        *,
        confidence: float | None = None,
        reference: xr.DataArray | None = None,
        on_domain: OnDomain = "flag",
    ) -> xr.Dataset:
        """Retrieve the wind.

        Parameters
        ----------
        model : str or ModelHandle, optional
            Name, path or handle; the default bundle where not given.
        confidence : float, optional
            Probability with which each interval is to hold the truth, as 0.9.
        reference : DataArray, optional
            Wind direction from elsewhere, degrees 'to', which chooses between the two ends.
        on_domain : {"flag", "raise"}, optional
            What to do with vignettes that the model was not trained for.

        Returns
        -------
        Dataset
            ``wind_speed`` (vignette), m s-1, and the direction with its two ends where the model has
            it; with `confidence`, the bounds of the interval. Lazy; see `xoceansar.ops.wind`.

        Examples
        --------
        >>> import xoceansar as xos
        >>> sea = xos.simulate.vignettes(1, seed=1).chunk()
        >>> wind = sea.oceansar.wind(confidence=0.9)
        >>> (
        ...     wind.wind_speed.attrs["ancillary_variables"],
        ...     wind.wind_speed_lower.attrs["units"],
        ... )
        ('wind_speed_lower wind_speed_upper', 'm s-1')
        """
        return ops.wind(
            self._obj, model=model, confidence=confidence, reference=reference,
            on_domain=on_domain,
        )  # fmt: skip

    def gmf_wind(self, *, wind_to_direction: xr.DataArray | None = None) -> xr.Dataset:
        """Invert CMOD5.N for the wind speed; needs no model.

        Parameters
        ----------
        wind_to_direction : DataArray, optional
            Known wind direction, degrees 'to'.

        Returns
        -------
        Dataset
            ``wind_speed`` (vignette), m s-1. Lazy; see `xoceansar.ops.gmf_wind`.

        Examples
        --------
        >>> import xoceansar as xos
        >>> sea = xos.simulate.vignettes(2, seed=1)
        >>> wind = sea.oceansar.gmf_wind(wind_to_direction=sea.wind_to_direction)
        >>> (abs(wind.wind_speed - sea.wind_speed) < 2).values
        array([ True,  True])
        """
        return ops.gmf_wind(self._obj, wind_to_direction=wind_to_direction)

    def classify(
        self, model: Model = None, *, on_domain: OnDomain = "flag"
    ) -> xr.Dataset:
        """Classify the dominant ocean phenomenon.

        Parameters
        ----------
        model : str or ModelHandle, optional
            Name, path or handle; the default bundle where not given.
        on_domain : {"flag", "raise"}, optional
            What to do with vignettes that the model was not trained for.

        Returns
        -------
        Dataset
            ``ocean_class`` (vignette), CF flags, and ``class_probability`` (vignette, class). Lazy; see
            `xoceansar.ops.classify`.

        Examples
        --------
        >>> import xoceansar as xos
        >>> sea = xos.simulate.vignettes(1, seed=1).chunk()
        >>> result = sea.oceansar.classify()
        >>> result.ocean_class.dtype, result.class_probability.dims
        (dtype('int8'), ('vignette', 'class'))
        """
        return ops.classify(self._obj, model=model, on_domain=on_domain)

    def icebergs(
        self,
        model: Model = None,
        *,
        threshold: float | None = None,
        most: int | None = None,
        on_domain: OnDomain = "flag",
    ) -> xr.Dataset:
        """Find the icebergs in each vignette.

        Parameters
        ----------
        model : str or ModelHandle, optional
            Name, path or handle; the default bundle where not given.
        threshold : float, optional
            Least score of a detection.
        most : int, optional
            Icebergs that are kept of each vignette.
        on_domain : {"flag", "raise"}, optional
            What to do with vignettes that the model was not trained for.

        Returns
        -------
        Dataset
            Places, sizes, scores and boxes (vignette, detection), and ``iceberg_count``
            (vignette). Lazy; see `xoceansar.ops.icebergs`.

        Examples
        --------
        >>> import xoceansar as xos
        >>> sea = xos.simulate.vignettes(1, seed=1).chunk()
        >>> detected = sea.oceansar.icebergs(most=16)
        >>> detected.iceberg_box.sizes["detection"], detected.iceberg_count.chunks
        (16, ((1,),))
        """
        return ops.icebergs(
            self._obj, model=model, threshold=threshold, most=most,
            on_domain=on_domain,
        )  # fmt: skip

    def cfar_icebergs(
        self, *, threshold: float = CFAR_THRESHOLD, most: int = 64
    ) -> xr.Dataset:
        """Find the icebergs in each vignette by their constant false alarm rate; needs no model.

        Parameters
        ----------
        threshold : float
            Standard deviations of a target above the sea around it.
        most : int, default 64
            Icebergs that are kept of each vignette.

        Returns
        -------
        Dataset
            As of `icebergs`; scores in standard deviations. Lazy; see
            `xoceansar.ops.cfar_icebergs`.

        Examples
        --------
        >>> import xoceansar as xos
        >>> sea = xos.simulate.vignettes(1, seed=1)
        >>> sea.sigma0[0, 100:103, 200:203] = 5.0
        >>> sea.oceansar.cfar_icebergs().iceberg_count.values
        array([1.], dtype=float32)
        """
        return ops.cfar_icebergs(self._obj, threshold=threshold, most=most)

    def retrieve(
        self,
        model: Model = None,
        *,
        confidence: float | None = None,
        reference: xr.DataArray | None = None,
        on_domain: OnDomain = "flag",
    ) -> xr.Dataset:
        """Retrieve all that the model offers, in one pass over the pixels.

        Parameters
        ----------
        model : str or ModelHandle, optional
            Name, path or handle; the default bundle where not given.
        confidence : float, optional
            Probability with which each interval is to hold the truth, as 0.9.
        reference : DataArray, optional
            Wind direction from elsewhere, as in `wind`.
        on_domain : {"flag", "raise"}, optional
            What to do with vignettes that the model was not trained for.

        Returns
        -------
        Dataset
            One variable for each head, and ``quality``; with `confidence`, the bounds of the
            intervals. Lazy; see `xoceansar.ops.retrieve`.

        Examples
        --------
        >>> import xoceansar as xos
        >>> sea = xos.simulate.vignettes(1, seed=1).chunk()
        >>> result = sea.oceansar.retrieve()
        >>> {"swh", "wind_speed", "ocean_class", "quality"} <= set(result)
        True
        """
        return ops.retrieve(
            self._obj, model=model, confidence=confidence, reference=reference,
            on_domain=on_domain,
        )  # fmt: skip

    def field(self, variable: Hashable | None = None) -> xr.DataArray:
        """Put a result of tiles back as a field over the swath.

        Parameters
        ----------
        variable : str, optional
            Which variable of a Dataset; `fields` of a Dataset gives all of them.

        Returns
        -------
        DataArray
            (row, column), with ``longitude`` and ``latitude``. Lazy; see `xoceansar.ops.field`.

        Examples
        --------
        >>> import xarray as xr
        >>> along = {"row": [0, 0], "column": [0, 1]}
        >>> along |= {"azimuth_distance": [1e4, 1e4], "range_distance": [1e4, 3e4]}
        >>> coords = {name: ("vignette", values) for name, values in along.items()}
        >>> results = xr.Dataset(
        ...     {"swh": ("vignette", [1.0, 2.0])}, coords | {"tile_size": 2e4}
        ... )
        >>> results.oceansar.field("swh").values
        array([[1., 2.]])
        """
        return ops.field(self._obj, variable)

    def similar(
        self,
        query: Query,
        n_neighbors: int = 10,
        *,
        metric: Metric = "cosine",
        model: Model = None,
        device: str = "cpu",
    ) -> xr.Dataset:
        """Find the vignettes whose embeddings are most like those of others.

        Parameters
        ----------
        query : str, int, sequence of them, Dataset or DataArray
            Vignettes of this archive by id or position, or embeddings, or images.
        n_neighbors : int, default 10
            Neighbours of each.
        metric : {"cosine", "inner"}
            Score.
        model : str or ModelHandle, optional
            What embeds images; the archive's where not given.
        device : str, default "cpu"
            Where products are computed: ``cpu``, ``cuda``, ``cuda:N`` or ``auto``.

        Returns
        -------
        Dataset
            ``score`` and ``index`` (query, neighbour), with time, place and id of the matches. Exact, and
            lazy; see `xoceansar.ops.similar`.

        Examples
        --------
        >>> import numpy as np, xarray as xr
        >>> vectors = np.array([[1.0, 0.0], [0.0, 1.0], [0.8, 0.6]], np.float32)
        >>> archive = xr.DataArray(vectors, dims=("vignette", "embedding"))
        >>> archive.oceansar.similar(1, n_neighbors=1).index.values
        array([[2]])
        """
        return ops.similar(
            self._obj, query, n_neighbors, metric=metric, model=model, device=device
        )

    def select(
        self,
        *,
        time: str | slice | tuple[Any, Any] | None = None,
        region: tuple[float, float, float, float] | None = None,
        beam: Beams | None = None,
        ocean_class: str | Iterable[str] | None = None,
        **conditions: Any,
    ) -> T_Object:
        """Select vignettes by what is known of each.

        Parameters
        ----------
        time : str, slice or pair, optional
            A period as ``"2021-04"``, or first and last.
        region : (west, south, east, north), optional
            Degrees; across 180 degrees where west is greater than east.
        beam, ocean_class : str or iterable of str, optional
            By name.
        **conditions
            Ranges of other variables along ``vignette``, as ``swh=(2, None)``.

        Returns
        -------
        Dataset or DataArray
            Those that meet every condition. Images stay lazy; see `xoceansar.ops.select`.

        Examples
        --------
        >>> import xoceansar as xos
        >>> sea = xos.simulate.vignettes(2, seed=1, shape=(64, 64))
        >>> sea.oceansar.select(beam="wv2", swh=(1, 2)).sizes["vignette"]
        1
        """
        return ops.select(
            self._obj, time=time, region=region, beam=beam, ocean_class=ocean_class,
            **conditions,
        )  # fmt: skip

    def near(
        self, longitude: float, latitude: float, radius: Distance = "50 km"
    ) -> T_Object:
        """Select the vignettes whose centre lies within a distance of a place.

        Parameters
        ----------
        longitude, latitude : float
            Degrees.
        radius : float or str, default "50 km"
            Along the ground; a number is kilometres.

        Returns
        -------
        Dataset or DataArray
            Those within it, with ``place_distance`` in km. Images stay lazy; see `xoceansar.ops.near`.

        Examples
        --------
        >>> import xoceansar as xos
        >>> sea = xos.simulate.vignettes(2, seed=1, shape=(64, 64))
        >>> place = sea.longitude[0].item(), sea.latitude[0].item()
        >>> sea.oceansar.near(*place, "1 km").sizes["vignette"]
        1
        """
        return ops.near(self._obj, longitude, latitude, radius)

    def texture(self) -> xr.Dataset:
        """Describe the texture of each vignette in numbers; needs no model.

        Returns
        -------
        Dataset
            Spectral power by wavelength and direction, percentiles, spread and gradients, pooled
            over windows. Lazy; see `xoceansar.ops.texture`.

        Examples
        --------
        >>> import xoceansar as xos
        >>> sea = xos.simulate.vignettes(2, seed=1, shape=(64, 64))
        >>> sea.oceansar.texture().texture_valid_fraction.values
        array([1., 1.], dtype=float32)
        """
        return ops.texture(self._obj)

    def quality(self) -> xr.DataArray:
        """Say what to know before using each vignette.

        Returns
        -------
        DataArray
            ``quality`` (vignette), uint8 flag masks. Lazy; see `xoceansar.ops.quality`.

        Examples
        --------
        >>> import xoceansar as xos
        >>> sea = xos.simulate.vignettes(2, seed=1, shape=(64, 64))
        >>> sea.oceansar.quality().values
        array([0, 0], dtype=uint8)
        """
        return ops.quality(self._obj)

    def grid(
        self,
        variable: Hashable | None = None,
        *,
        cell: float = 2.0,
        statistic: GridStatistic = "mean",
        by: By | None = None,
        minimum: int = 1,
    ) -> xr.Dataset:
        """Gather values in cells of longitude and latitude.

        Parameters
        ----------
        variable : str, optional
            Which variable of a Dataset.
        cell : float, default 2
            Side of a cell, degrees.
        statistic : {"mean", "median", "std", "min", "max", "count"}
            What is said of the values in a cell.
        by : {"season", "month"}, optional
            One grid for each.
        minimum : int, default 1
            Cells with fewer values are missing.

        Returns
        -------
        Dataset
            The variable and ``observation_count`` (latitude, longitude), with season or month
            in front. Lazy; see `xoceansar.ops.grid`.

        Examples
        --------
        >>> import xoceansar as xos
        >>> sea = xos.simulate.vignettes(2, seed=1, shape=(64, 64))
        >>> cells = sea.oceansar.grid("swh", cell=2)
        >>> int(cells.observation_count.sum())
        2
        """
        return ops.grid(
            self._obj, variable, cell=cell, statistic=statistic, by=by, minimum=minimum
        )

    def class_occurrence(
        self, *, cell: float = 5.0, by: By | None = None, minimum: int = 1
    ) -> xr.Dataset:
        """Say which part of the vignettes in each cell is of each class.

        Parameters
        ----------
        cell : float, default 5
            Side of a cell, degrees.
        by : {"season", "month"}, optional
            One grid for each.
        minimum : int, default 1
            Cells with fewer classified vignettes are missing.

        Returns
        -------
        Dataset
            ``class_occurrence`` (class, latitude, longitude) and ``observation_count``. Lazy;
            see `xoceansar.ops.class_occurrence`.

        Examples
        --------
        >>> import xoceansar as xos
        >>> sea = xos.simulate.vignettes(2, seed=1, shape=(64, 64))
        >>> cells = sea.oceansar.class_occurrence(cell=5)
        >>> float(cells.class_occurrence.sum("class").max())
        1.0
        """
        return ops.class_occurrence(self._obj, cell=cell, by=by, minimum=minimum)

    def collocate(
        self,
        reference: "Source",
        *,
        variables: str | Iterable[str] | None = None,
        max_distance: float | str = "50 km",
        max_time: str | dt.timedelta | np.timedelta64 = "30 min",
        method: Literal["nearest", "linear", "mean"] = "nearest",
        require: str | Iterable[str] | None = None,
    ) -> xr.Dataset:
        """Match with a field, a track, buoys or OCN products, in space and time.

        Parameters
        ----------
        reference : Dataset, DataArray, DataTree, DataFrame, or path or paths
            What to match with.
        variables : str or iterable of str, optional
            Variables of the reference; all by default.
        max_distance : float or str, default "50 km"
            With its unit, or a number of kilometres; inclusive.
        max_time : str or timedelta, default "30 min"
            Longest time between the two, inclusive.
        method : {"nearest", "linear", "mean"}, optional
            How one value is made of several.
        require : str or iterable of str, optional
            Variables without which a sample counts as missing.

        Returns
        -------
        Dataset
            Along ``vignette``. Lazy where the reference is; see
            `xoceansar.evaluate.collocate`.

        Examples
        --------
        >>> import xoceansar as xos
        >>> sea = xos.simulate.vignettes(2, seed=1, shape=(64, 64))
        >>> buoys = sea.drop_vars(
        ...     set(sea.variables) - {"swh", "time", "longitude", "latitude"}
        ... )
        >>> matches = sea.oceansar.collocate(buoys)
        >>> matches.collocation_distance.values
        array([0., 0.])
        """
        from xoceansar.evaluate import collocate

        return collocate(
            self._obj, reference, variables=variables, max_distance=max_distance,
            max_time=max_time, method=method, require=require,
        )  # fmt: skip

    def to_zarr(
        self,
        path: str | Path,
        *,
        overwrite: bool = False,
        storage_options: "StorageOptions | None" = None,
    ) -> Path | str:
        """Write a Zarr store that plain ``xr.open_zarr`` reads.

        Parameters
        ----------
        path : str or Path
            Folder of the store, or an ``s3://`` URL.
        overwrite : bool, default False
            Replace a store that exists.
        storage_options : mapping, optional
            For URLs: keyword arguments of the fsspec file system.

        Returns
        -------
        Path or str
            `path`. Computes lazy data; see `xoceansar.to_zarr`.

        Examples
        --------
        >>> import xarray as xr
        >>> swh = xr.DataArray([2.5, 3.0], dims="vignette", name="swh")
        >>> xr.open_zarr(swh.oceansar.to_zarr("swh.zarr")).swh.values
        array([2.5, 3. ])
        """
        from xoceansar.io.archive.zarr_archive import to_zarr

        return to_zarr(
            self._obj, path, overwrite=overwrite, storage_options=storage_options
        )

    def to_netcdf(self, path: str | Path, *, overwrite: bool = False) -> Path:
        """Write netCDF that passes a CF checker.

        Parameters
        ----------
        path : str or Path
            File to write, ``.nc``.
        overwrite : bool, default False
            Replace a file that exists.

        Returns
        -------
        Path
            `path`; see `xoceansar.io.to_netcdf`.

        Examples
        --------
        >>> import xarray as xr
        >>> swh = xr.DataArray([2.5, 3.0], dims="vignette", name="swh")
        >>> with xr.open_dataset(swh.oceansar.to_netcdf("swh.nc")) as ds:
        ...     ds.swh.values
        array([2.5, 3. ])
        """
        from xoceansar.io.export.netcdf import to_netcdf

        return to_netcdf(self._obj, path, overwrite=overwrite)


@xr.register_dataset_accessor("oceansar")
class OceansarDataset(WaveMethods, TableMethods, _Measurements[xr.Dataset]):
    """Ocean measurements from a Dataset of SAR vignettes.

    Parameters
    ----------
    obj : Dataset
        Calibrated images (``sigma0``) or embeddings (``embedding_vector``).

    Examples
    --------
    >>> import xoceansar as xos
    >>> sea = xos.simulate.vignettes(2, seed=1, shape=(64, 64))
    >>> sea.oceansar
    <oceansar on Dataset>
      images       sigma0 (linear), 2 vignettes of 64 x 64 pixels of 50 m, in memory
      beam         wv1 (1), wv2 (1)
      polarisation VV (2)
      platform     S1A (2)
      time         2017-08-12 18:31:13 to 2017-08-12 18:31:28
      longitude    130.49 to 132.61
      latitude     -53.49 to -52.05
      incidence    22.87 to 36.17
      also has     swh, wind_speed, wind_to_direction, ocean_class, quality
    """

    def calibrate(self) -> xr.Dataset:
        """Calibrate digital numbers, where there is no sigma0 yet.

        Returns
        -------
        Dataset
            The input with ``sigma0_raw``, ``nesz`` and ``sigma0``, linear. Lazy; see
            `xoceansar.ops.calibrate`.

        Examples
        --------
        >>> import xarray as xr
        >>> dims = ("line", "sample")
        >>> ds = xr.Dataset(
        ...     {"digital_number": (dims, [[3 + 4j]]), "sigma0_lut": (dims, [[10.0]])}
        ... )
        >>> ds.oceansar.calibrate().sigma0.item()
        0.25
        """
        return ops.calibrate(self._obj)

    def calibration_bias(self, wind: xr.Dataset, **options: Any) -> "DataFrame":
        """Compare backscatter with CMOD5.N of a wind from elsewhere.

        Parameters
        ----------
        wind : Dataset
            ``wind_speed`` and ``wind_to_direction`` at the vignettes, of a model or buoys.
        **options
            ``by``, ``wind_speeds`` and ``latitude`` of `xoceansar.ops.calibration_bias`.

        Returns
        -------
        pandas.DataFrame
            Bias in dB with its standard error for each satellite, beam, polarisation, IPF version and month;
            see `xoceansar.ops.calibration_bias`.

        Examples
        --------
        >>> import xoceansar as xos
        >>> sea = xos.simulate.vignettes(
        ...     8, seed=1, shape=(64, 64), classes=["pure_ocean_waves"]
        ... )
        >>> sea.oceansar.calibration_bias(sea, by=["beam"], latitude=90).beam.tolist()
        ['wv1', 'wv2']
        """
        return ops.calibration_bias(self._obj, wind, **options)

    def predict(self, network: OnnxNetwork) -> xr.Dataset:
        """Apply a network that others published as an ONNX file.

        Parameters
        ----------
        network : OnnxNetwork
            From `xoceansar.open_onnx`, which says what it takes and gives.

        Returns
        -------
        Dataset
            The variables that the network gives. Lazy; see `xoceansar.ops.predict`.

        Examples
        --------
        >>> import xoceansar as xos
        >>> network = xos.open_onnx(  # doctest: +SKIP
        ...     "hs.onnx", inputs=["cwave[cwave_parameter]"], outputs={"pred": "swh"}
        ... )
        >>> sea = xos.simulate.vignettes(4, seed=1)
        >>> sea.oceansar.cwave().oceansar.predict(network)  # doctest: +SKIP
        """
        return ops.predict(self._obj, network)

    def to_vv(self) -> xr.Dataset:
        """Convert images in HH to VV by the polarisation ratio of the sea.

        Returns
        -------
        Dataset
            With ``observed_polarisation``. Lazy; see `xoceansar.ops.to_vv`.

        Examples
        --------
        >>> import xoceansar as xos
        >>> sea = xos.simulate.vignettes(2, seed=1, shape=(64, 64))
        >>> converted = sea.assign_coords(
        ...     polarisation=("vignette", ["HH", "VV"])
        ... ).oceansar.to_vv()
        >>> (converted.sigma0 / sea.sigma0).mean(("line", "sample")).values.round(2)
        array([1.13, 1.  ], dtype=float32)
        """
        return ops.to_vv(self._obj)

    def vignettes(
        self,
        size: float = 19.2e3,
        spacing: float = 50.0,
        overlap: float = 0.0,
        *,
        polarisation: str | Iterable[str] | None = None,
    ) -> xr.Dataset:
        """Cut a wide swath into vignettes.

        Parameters
        ----------
        size : float, default 19200
            Side of a tile, metres.
        spacing : float, default 50
            Metres between pixels.
        overlap : float, default 0
            Least overlap of neighbours, as a share of a tile.
        polarisation : str or iterable of str, optional
            Which polarisations to take; VV and HH where not given.

        Returns
        -------
        Dataset
            In the layout of the wave mode, with ``row`` and ``column``. Lazy; see
            `xoceansar.ops.vignettes`.

        Examples
        --------
        >>> import xoceansar as xos
        >>> image = xos.simulate.vignettes(1, seed=1, shape=(64, 64)).isel(vignette=0)
        >>> swath = image.drop_vars(["polarisation", "quality"])
        >>> swath.oceansar.vignettes(800, polarisation="VV").sizes["vignette"]
        16
        """
        return ops.vignettes(
            self._obj, size, spacing, overlap, polarisation=polarisation
        )

    def fields(self) -> xr.Dataset:
        """Put all results of tiles back as fields over the swath.

        Returns
        -------
        Dataset
            (row, column), of every variable without image dims. Lazy; see `xoceansar.ops.fields`.

        Examples
        --------
        >>> import xarray as xr
        >>> along = {"row": [0, 0], "column": [0, 1]}
        >>> along |= {"azimuth_distance": [1e4, 1e4], "range_distance": [1e4, 3e4]}
        >>> coords = {name: ("vignette", values) for name, values in along.items()}
        >>> results = xr.Dataset(
        ...     {"swh": ("vignette", [1.0, 2.0])}, coords | {"tile_size": 2e4}
        ... )
        >>> results.oceansar.fields().swh.dims
        ('row', 'column')
        """
        return ops.fields(self._obj)

    def iceberg_density(
        self, *, cell: float = 2.0, by: By | None = None, minimum: int = 1
    ) -> xr.Dataset:
        """Count icebergs on the area that was searched for them.

        Parameters
        ----------
        cell : float, default 2
            Side of a cell, degrees.
        by : {"season", "month"}, optional
            One grid for each.
        minimum : int, default 1
            Cells with fewer searched vignettes are missing.

        Returns
        -------
        Dataset
            ``iceberg_density``, icebergs on 1000 km2, ``searched_area`` and
            ``observation_count``. Lazy; see `xoceansar.ops.iceberg_density`.

        Examples
        --------
        >>> import xarray as xr
        >>> counted = {
        ...     "iceberg_count": ("vignette", [2.0]),
        ...     "searched_area": ("vignette", [400.0], {"units": "km2"}),
        ... }
        >>> place = {
        ...     "longitude": ("vignette", [1.0]),
        ...     "latitude": ("vignette", [-61.0]),
        ... }
        >>> cells = xr.Dataset(counted, place).oceansar.iceberg_density()
        >>> float(cells.iceberg_density.max())
        5.0
        """
        return ops.iceberg_density(self._obj, cell=cell, by=by, minimum=minimum)


@xr.register_dataarray_accessor("oceansar")
class OceansarDataArray(_Measurements[xr.DataArray]):
    """Ocean measurements from a DataArray of calibrated images or of embeddings.

    Parameters
    ----------
    obj : DataArray
        ``sigma0`` (..., line, sample) or ``embedding_vector`` (..., embedding).

    Examples
    --------
    >>> import xoceansar as xos
    >>> sea = xos.simulate.vignettes(2, seed=1, shape=(64, 64))
    >>> sea.sigma0.oceansar
    <oceansar on DataArray>
      images       sigma0 (linear), 2 vignettes of 64 x 64 pixels of 50 m, in memory
      beam         wv1 (1), wv2 (1)
      polarisation VV (2)
      platform     S1A (2)
      time         2017-08-12 18:31:13 to 2017-08-12 18:31:28
      longitude    130.49 to 132.61
      latitude     -53.49 to -52.05
      incidence    22.87 to 36.17
    """

    def to_map_grid(
        self, *, crs: Any = None, resolution: float | None = None
    ) -> xr.DataArray:
        """Move a field over a swath to a regular grid of a map projection.

        Parameters
        ----------
        crs : optional
            As pyproj takes it; the UTM zone where not given.
        resolution : float, optional
            Side of the pixels, in units of the projection.

        Returns
        -------
        DataArray (y, x)
            Ready for ``.rio``. Loads the values; see `xoceansar.io.to_map_grid`.

        Examples
        --------
        >>> import xarray as xr
        >>> dims = ("row", "column")
        >>> place = {
        ...     "longitude": (dims, [[0.1, 0.3], [0.1, 0.3]]),
        ...     "latitude": (dims, [[60.3, 60.3], [60.1, 60.1]]),
        ... }
        >>> swh = xr.DataArray([[1.0, 2.0], [3.0, 4.0]], place, dims, name="swh")
        >>> swh.oceansar.to_map_grid(crs="EPSG:4326", resolution=0.2)[1:-1, 1:-1].values
        array([[1., 2.],
               [3., 4.]])
        """
        from xoceansar.io.export.rasters import to_map_grid

        return to_map_grid(self._obj, crs=crs, resolution=resolution)

    def to_raster(
        self,
        path: str | Path,
        *,
        crs: Any = None,
        resolution: float | None = None,
        overwrite: bool = False,
    ) -> Path:
        """Write a field as a cloud-optimised GeoTIFF.

        Parameters
        ----------
        path : str or Path
            Of the file.
        crs : optional
            As pyproj takes it; the UTM zone where not given.
        resolution : float, optional
            Side of the pixels, in units of the projection.
        overwrite : bool, default False
            Replace a file that exists.

        Returns
        -------
        Path
            The file. Loads the values; see `xoceansar.io.to_raster`.

        Examples
        --------
        >>> import xarray as xr
        >>> dims = ("row", "column")
        >>> place = {
        ...     "longitude": (dims, [[0.1, 0.3], [0.1, 0.3]]),
        ...     "latitude": (dims, [[60.3, 60.3], [60.1, 60.1]]),
        ... }
        >>> swh = xr.DataArray([[1.0, 2.0], [3.0, 4.0]], place, dims, name="swh")
        >>> swh.oceansar.to_raster("swh.tif", crs="EPSG:4326", resolution=0.2).name
        'swh.tif'
        """
        from xoceansar.io.export.rasters import to_raster

        return to_raster(
            self._obj, path, crs=crs, resolution=resolution, overwrite=overwrite
        )


@xr.register_datatree_accessor("oceansar")
class OceansarDataTree:
    """Vignettes from a tree of a wide-swath product, as xsar opens it.

    Parameters
    ----------
    obj : DataTree
        With the calibrated images in the group ``measurement``, or in its root.

    Examples
    --------
    >>> import xsar  # doctest: +SKIP
    >>> tree = xsar.open_datatree("S1A_IW_GRDH_....SAFE")  # doctest: +SKIP
    >>> tree.oceansar.vignettes().oceansar.swh()  # doctest: +SKIP
    """

    def __init__(self, obj: xr.DataTree) -> None:
        self._obj = obj

    def vignettes(
        self,
        size: float = 19.2e3,
        spacing: float = 50.0,
        overlap: float = 0.0,
        *,
        polarisation: str | Iterable[str] | None = None,
    ) -> xr.Dataset:
        """Cut a wide swath into vignettes.

        Parameters
        ----------
        size : float, default 19200
            Side of a tile, metres.
        spacing : float, default 50
            Metres between pixels.
        overlap : float, default 0
            Least overlap of neighbours, as a share of a tile.
        polarisation : str or iterable of str, optional
            Which polarisations to take; VV and HH where not given.

        Returns
        -------
        Dataset
            In the layout of the wave mode, with ``row`` and ``column``. Lazy; see
            `xoceansar.ops.vignettes`.

        Examples
        --------
        >>> import xarray as xr
        >>> import xoceansar as xos
        >>> image = xos.simulate.vignettes(1, seed=1, shape=(64, 64)).isel(vignette=0)
        >>> swath = image.drop_vars(["polarisation", "quality"])
        >>> tree = xr.DataTree.from_dict({"measurement": swath})
        >>> tree.oceansar.vignettes(800, polarisation="VV").sizes["vignette"]
        16
        """
        return ops.vignettes(
            self._obj, size, spacing, overlap, polarisation=polarisation
        )
