"""Images to icebergs: boxes, scores, sizes and places."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import xarray as xr

from xoceansar._typing import Array
from xoceansar.conventions import LINE, SAMPLE, annotate, product_attrs
from xoceansar.errors import (
    BundleError,
    DimensionError,
    OceansarError,
    warn,
)
from xoceansar.layout.images import (
    Quantity,
    XarrayObject,
    apart,
    chunk_like,
    find_embedding,
    find_images,
    in_one_chunk,
    spacing_of,
)
from xoceansar.models.spec import ModelHandle
from xoceansar.models.spec.detector_spec import DetectorSpec
from xoceansar.ops import network_call
from xoceansar.ops.box_places import DETECTION, places
from xoceansar.ops.domain import OnDomain
from xoceansar.ops.embedding import Model, as_handle, model_attrs
from xoceansar.ops.network_call import NetworkInput
from xoceansar.sar.cfar import CFAR_THRESHOLD, cfar

#: Coordinate of the dim ``edge`` of a box.
EDGES: Final = ("line_min", "sample_min", "line_max", "sample_max")
#: Largest `most`: every vignette takes the memory, also those without an iceberg.
_LONGEST: Final = 10_000


def icebergs(
    obj: XarrayObject,
    model: Model = None,
    *,
    threshold: float | None = None,
    most: int | None = None,
    on_domain: OnDomain = "flag",
) -> xr.Dataset:
    """Find the icebergs in each vignette by the detector of a model.

    Parameters
    ----------
    obj : Dataset or DataArray
        Calibrated images as for `embed`, with the corners of each vignette
        (``corner_longitude``, ``corner_latitude``) or its centre and ``ground_heading``.
    model : str or ModelHandle, optional
        Name, path or handle; the default bundle where not given.
    threshold : float, optional
        Least score of a detection, a probability-like number in (0, 1). Without it the value of
        the best F1 on validation vignettes.
    most : int, optional
        Length of the dim ``detection``: the best so many icebergs of each vignette are kept. Without it
        what the detector was made for (``n_queries``, mostly 64).
    on_domain : {"flag", "raise"}, optional
        What to do with vignettes that the model was not trained for, as in `embed`.

    Returns
    -------
    Dataset
        Along (..., detection), the best first, missing beyond ``iceberg_count``:
        ``iceberg_longitude``, ``iceberg_latitude`` (degree) of the centre,
        ``iceberg_azimuth_extent`` and ``iceberg_range_extent`` (m) of the box in ground range,
        ``iceberg_score``, and ``iceberg_box`` (..., detection, edge), fractions of the image.
        ``iceberg_count`` (...), float: all that reach the threshold, also those beyond `most`, of
        which an `OceansarWarning` tells; 0 for a vignette without any, NaN for one that could not
        be searched: too little data, or outside the model's domain. ``searched_area`` (...), km2,
        of the pixels with data; NaN likewise. The coordinate ``detection`` counts from 0, so that
        ``xr.concat`` of results of different lengths fills the shorter ones with missing values.

    Raises
    ------
    OceansarError
        If `most` is no whole number from 1 to 10,000.
    BundleError
        If the model has no detector.
    DimensionError
        If `obj` is an embedding: it does not say where things are.
    MissingVariableError
        If nothing says where the vignettes lie.
    DomainError, UnitsError, ChunkingError
        As `embed`.

    Notes
    -----
    Lazy: does not load data. The whole vignette is searched, in overlapping windows where it is
    larger than the model's input. At 50 m a pixel, an iceberg shorter than 80 m is a single pixel.
    A ship is as bright and as small as an iceberg: neither this nor `cfar_icebergs` tells them apart.

    Examples
    --------
    >>> import xoceansar as xos
    >>> sea = xos.simulate.vignettes(1, seed=3, classes=["icebergs"])
    >>> result = xos.ops.icebergs(sea, most=8)
    >>> dict(result.iceberg_box.sizes)
    {'vignette': 1, 'detection': 8, 'edge': 4}
    >>> int(result.iceberg_count[0]), int(sea.iceberg_count[0])
    (4, 4)
    """
    _check_request(obj, most)
    handle = as_handle(model)
    search = Search.by(handle, threshold, most)
    inputs = NetworkInput.of(obj, handle, on_domain)
    outputs = inputs.apply(
        network_call.detect, *search.outputs, handle=handle, **search.arguments
    )
    return detected(outputs, inputs, obj, handle, search)


def cfar_icebergs(
    obj: XarrayObject, *, threshold: float = CFAR_THRESHOLD, most: int = 64
) -> xr.Dataset:
    """Find the icebergs in each vignette by their constant false alarm rate; needs no model.

    Parameters
    ----------
    obj : Dataset or DataArray
        As of `icebergs`.
    threshold : float
        Standard deviations of a target above the sea around it. The default has the best F1 on
        simulated vignettes.
    most : int, default 64
        Length of the dim ``detection``: the best so many icebergs of each vignette are kept.

    Returns
    -------
    Dataset
        As of `icebergs`; ``iceberg_score`` is in standard deviations.

    Raises
    ------
    OceansarError, DimensionError, MissingVariableError, DomainError, UnitsError, ChunkingError
        As of `icebergs`.

    Notes
    -----
    Lazy: does not load data. A pixel is part of a target where it exceeds the mean of a ring of sea
    by `threshold` standard deviations (``xoceansar.sar.cfar``).

    Examples
    --------
    >>> import xoceansar as xos
    >>> sea = xos.simulate.vignettes(2, seed=1)
    >>> cfar_icebergs(sea).iceberg_count.dims
    ('vignette',)
    """
    _check_request(obj, most)
    images, quantity = find_images(obj)
    outputs = _searched_by_cfar(images, quantity, threshold, most)
    attrs = {"method": f"CFAR, {threshold:g} standard deviations"}
    return _described(*outputs, threshold, images, obj, "cfar", attrs)


def _check_request(obj: XarrayObject, most: int | None) -> None:
    if find_embedding(obj) is not None:
        raise DimensionError(
            "icebergs are found in images; an embedding does not say where things are. Give "
            "the Dataset with sigma0 (..., line, sample)."
        )
    if most is not None and (
        isinstance(most, bool)
        or not isinstance(most, int | np.integer)
        or not 1 <= most <= _LONGEST
    ):
        raise OceansarError(
            f"most must be a whole number from 1 to {_LONGEST}; got {most!r}."
        )


@dataclass(frozen=True)
class Search:
    """What a detector is asked for.

    Parameters
    ----------
    detector : DetectorSpec
        The detector.
    threshold : float
        Least score.
    most : int
        Detections that are kept of each vignette.
    """

    detector: DetectorSpec
    threshold: float
    most: int

    @classmethod
    def by(
        cls, handle: ModelHandle, threshold: float | None, most: int | None = None
    ) -> "Search":
        """Fill in what the detector of a model says of itself."""
        detector = detector_of(handle)
        limit = detector.threshold if threshold is None else threshold
        return cls(detector, limit, most or detector.n_queries)

    @property
    def outputs(self) -> tuple[dict[str, int], dict[str, int]]:
        """Dims of boxes and counts, for `NetworkInput.apply`."""
        return {DETECTION: self.most, "number": 5}, {}

    @property
    def arguments(self) -> dict[str, Any]:
        """For `xoceansar.ops.network_call.detect`."""
        return {
            "detector": self.detector, "threshold": self.threshold, "most": self.most
        }  # fmt: skip


def detected(
    outputs: tuple[xr.DataArray, xr.DataArray],
    inputs: NetworkInput,
    obj: XarrayObject,
    handle: ModelHandle,
    search: Search,
) -> xr.Dataset:
    """Give what the detector found its names, places and attributes."""
    raw, count = map(inputs.without_refused, outputs)
    if inputs.flags is not None:
        raw = raw.assign_coords(domain=apart(inputs.flags))
    limit = search.threshold
    attrs = {
        **model_attrs(handle),
        "method": f"detector, score of {limit:g} or more",
    }
    return _described(raw, count, limit, inputs.images, obj, "detector", attrs)


def _described(
    raw: xr.DataArray,
    count: xr.DataArray,
    limit: float,
    images: xr.DataArray,
    obj: XarrayObject,
    method: str,
    attrs: dict[str, Any],
) -> xr.Dataset:
    values = _measured(raw, count, limit, images, obj)
    previous = obj.attrs if isinstance(obj, xr.Dataset) else {}
    for value in values.values():
        value.attrs |= attrs
    return xr.Dataset(
        values, attrs=product_attrs(f"icebergs by {method}", previous=previous, **attrs)
    )


def detector_of(handle: ModelHandle) -> DetectorSpec:
    """Return the detector of a model."""
    if not handle.detectors:
        raise BundleError(
            f"model {handle.name!r} has no detector. Use another model (model=...), fit one with "
            "xoceansar.train.fit_detector, or search by CFAR, which needs no model: cfar_icebergs() (--method cfar)."
        )
    return handle.detectors[0]


def _searched_by_cfar(
    images: xr.DataArray, quantity: Quantity, threshold: float, most: int
) -> tuple[xr.DataArray, xr.DataArray]:
    boxes, count = xr.apply_ufunc(
        _cfar,
        in_one_chunk(images, (LINE, SAMPLE)),
        kwargs={
            "spacing": spacing_of(images),
            "threshold": threshold,
            "quantity": quantity,
            "most": most,
        },
        input_core_dims=[[LINE, SAMPLE]],
        output_core_dims=[[DETECTION, "number"], []],
        dask="parallelized",
        output_dtypes=[np.float32, np.float32],
        dask_gufunc_kwargs={"output_sizes": {DETECTION: most, "number": 5}},
        keep_attrs=True,
    )
    return boxes, count


def _cfar(
    sigma0: Array, *, spacing: float, threshold: float, quantity: Quantity, most: int
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    leading = sigma0.shape[:-2]
    flat = sigma0.reshape(-1, *sigma0.shape[-2:])
    out = np.full((len(flat), most, 5), np.nan, dtype=np.float32)
    count = np.full(len(flat), np.nan, dtype=np.float32)
    for row, image in enumerate(flat):
        if not np.isfinite(image).any():
            continue
        linear = 10 ** (image / 10) if quantity == "dB" else image
        box, score = cfar(linear, spacing=spacing, threshold=threshold)
        count[row] = len(score)
        kept = len(score[:most])
        out[row, :, 4] = 0.0
        out[row, :kept, :4] = box[:kept]
        out[row, :kept, 4] = score[:kept]
    return out.reshape(*leading, most, 5), count.reshape(leading)


def _measured(
    raw: xr.DataArray,
    count: xr.DataArray,
    threshold: float,
    images: xr.DataArray,
    obj: XarrayObject,
) -> dict[str, xr.DataArray]:
    """Variables of the result, from boxes, scores and counts."""
    most = raw.sizes[DETECTION]
    raw = raw.assign_coords({DETECTION: annotate(
        xr.DataArray(np.arange(most, dtype=np.int32), dims=DETECTION), DETECTION
    )})  # fmt: skip
    score = raw.isel(number=4)
    real = score >= threshold
    box = raw.isel(number=slice(0, 4)).rename(number="edge").where(real)
    box = box.assign_coords(edge=list(EDGES))
    # floats, so that a mean or a sum over vignettes leaves out those that were not searched
    count = xr.apply_ufunc(
        _told,
        count,
        kwargs={"most": most},
        dask="parallelized",
        output_dtypes=[np.float32],
        keep_attrs=True,
    )
    spacing = spacing_of(images)
    values = {
        "iceberg_score": annotate(score.where(real), "iceberg_score"),
        "iceberg_count": annotate(
            apart(count),
            "iceberg_count",
            comment=f"all that reach the threshold; the best {most} are kept",
        ),
        "searched_area": _searched_area(count, images, obj),
        "iceberg_box": annotate(box, "iceberg_box"),
    }
    for i, (name, dim) in enumerate((("azimuth", LINE), ("range", SAMPLE))):
        extent = box.isel(edge=i + 2, drop=True) - box.isel(edge=i, drop=True)
        extent = extent * np.float32(images.sizes[dim] * spacing)
        key = f"iceberg_{name}_extent"
        values[key] = annotate(extent.drop_vars("edge", errors="ignore"), key)
    longitude, latitude = places(box, images, obj)
    values["iceberg_longitude"] = annotate(longitude, "iceberg_longitude")
    values["iceberg_latitude"] = annotate(latitude, "iceberg_latitude")
    return values


def _told(count: Array, *, most: int) -> Array:
    if (count > most).any():
        warn(
            f"vignettes have more than {most} icebergs: iceberg_count has all of them, and places and "
            f"boxes are those of the best {most}. most={4 * most} (--most {4 * most}) keeps more; so many "
            "are often sea ice or land."
        )
    return count


def _searched_area(
    count: xr.DataArray, images: xr.DataArray, obj: XarrayObject
) -> xr.DataArray:
    """Area of each vignette that was searched, without its pixels that have no data."""
    spacing = spacing_of(images) / 1e3
    area = images.sizes[LINE] * images.sizes[SAMPLE] * spacing**2
    searched = count.notnull().where(count.notnull()) * area
    if "no_data_fraction" in obj and isinstance(obj, xr.Dataset):
        lacking = obj["no_data_fraction"].reset_coords(drop=True)
        searched = searched * (1 - chunk_like(lacking, searched))
    return annotate(searched.astype(np.float32), "searched_area")
