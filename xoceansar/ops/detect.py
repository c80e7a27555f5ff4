"""Images to icebergs: boxes, scores, sizes and places."""

from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt
import xarray as xr

from xoceansar.conventions import LINE, SAMPLE, annotate, product_attrs
from xoceansar.errors import BundleError, DimensionError, MissingVariableError
from xoceansar.models.detector_spec import DetectorSpec
from xoceansar.models.spec import ModelHandle
from xoceansar.ops import network
from xoceansar.ops.domain import OnDomain
from xoceansar.ops.embed import Model, as_handle, model_attrs
from xoceansar.ops.layout import (
    Quantity,
    XarrayObject,
    apart,
    chunk_like,
    find_embedding,
    find_images,
    spacing_of,
)
from xoceansar.ops.network import NetworkInput
from xoceansar.sar.cfar import CFAR_THRESHOLD, cfar
from xoceansar.sar.geometry import offset_position, position_between

__all__ = [
    "DETECTION",
    "EDGES",
    "Method",
    "boxes_of",
    "detected",
    "detector_of",
    "icebergs",
]

Method = Literal["detector", "cfar"]
Array = npt.NDArray[Any]

DETECTION: Final = "detection"
#: Coordinate of the dim ``edge`` of a box.
EDGES: Final = ("line_min", "sample_min", "line_max", "sample_max")
#: Most targets that CFAR returns for a vignette: more is sea ice or land.
_MOST: Final = 64


def icebergs(
    obj: XarrayObject,
    *,
    model: Model = None,
    method: Method = "detector",
    threshold: float | None = None,
    on_domain: OnDomain = "flag",
) -> xr.Dataset:
    """Find the icebergs in each vignette.

    Parameters
    ----------
    obj : Dataset or DataArray
        Calibrated images as for `embed`, with the corners of each vignette
        (``corner_longitude``, ``corner_latitude``) or its centre and ``ground_heading``.
    model : str or ModelHandle, optional
        Name, path or handle; the default bundle where not given. CFAR needs none.
    method : {"detector", "cfar"}
        The bundle's detector, or constant false alarm rate on the pixels
        (`xoceansar.sar.cfar.cfar`), the classical baseline.
    threshold : float, optional
        Least score of a detection: a probability-like number in (0, 1) for the detector,
        standard deviations above the sea for CFAR. Without it the value of the best F1 on
        validation vignettes.
    on_domain : {"flag", "raise"}, optional
        What to do with vignettes that the model was not trained for, as in `embed`.

    Returns
    -------
    Dataset
        Along (..., detection), the best first, missing beyond ``iceberg_count``:
        ``iceberg_longitude``, ``iceberg_latitude`` (degree) of the centre,
        ``iceberg_azimuth_extent`` and ``iceberg_range_extent`` (m) of the box in ground range,
        ``iceberg_score``, and ``iceberg_box`` (..., detection, edge), fractions of the image.
        ``iceberg_count`` (...), float: 0 for a vignette without any, NaN for one that could not
        be searched: too little data, or outside the model's domain. ``searched_area`` (...), km2,
        of the pixels with data; NaN likewise.

    Raises
    ------
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
    A ship is as bright and as small as an iceberg: neither method tells them apart.
    """
    if method not in ("detector", "cfar"):
        raise BundleError(f"method must be 'detector' or 'cfar'; got {method!r}.")
    if find_embedding(obj) is not None:
        raise DimensionError(
            "icebergs are found in images; an embedding does not say where things are. Give "
            "the Dataset with sigma0 (..., line, sample)."
        )
    if method == "cfar":
        images, quantity = find_images(obj)
        limit = CFAR_THRESHOLD if threshold is None else threshold
        raw = _searched_by_cfar(images, quantity, limit)
        attrs = {"method": f"CFAR, {limit:g} standard deviations"}
        return _described(raw, limit, images, obj, method, attrs)
    handle = as_handle(model)
    detector = detector_of(handle)
    given = NetworkInput.of(obj, handle, on_domain)
    raw = given.apply(
        network.detect, boxes_of(detector), handle=handle, detector=detector
    )
    return detected(raw, given, obj, handle, threshold)


def boxes_of(detector: DetectorSpec) -> dict[str, int]:
    """Give the dims of what a detector finds.

    Parameters
    ----------
    detector : DetectorSpec
        The detector.

    Returns
    -------
    dict of str to int
        For `NetworkInput.apply`.
    """
    return {DETECTION: detector.n_queries, "number": 5}


def detected(
    raw: xr.DataArray,
    given: NetworkInput,
    obj: XarrayObject,
    handle: ModelHandle,
    threshold: float | None,
) -> xr.Dataset:
    """Give what the detector found its names, places and attributes.

    Parameters
    ----------
    raw : DataArray (..., detection, number)
        From `xoceansar.ops.network.detect`.
    given : NetworkInput
        What was searched.
    obj : Dataset or DataArray
        Where that came from.
    handle : ModelHandle
        The model.
    threshold : float, optional
        Least score.

    Returns
    -------
    Dataset
        As `icebergs`.
    """
    limit = detector_of(handle).threshold if threshold is None else threshold
    raw = given.without_refused(raw)
    if given.flags is not None:
        raw = raw.assign_coords(domain=apart(given.flags))
    attrs = {
        **model_attrs(handle),
        "method": f"detector, score of {limit:g} or more",
    }
    return _described(raw, limit, given.images, obj, "detector", attrs)


def _described(
    raw: xr.DataArray,
    limit: float,
    images: xr.DataArray,
    obj: XarrayObject,
    method: Method,
    attrs: dict[str, Any],
) -> xr.Dataset:
    values = _measured(raw, limit, images, obj)
    previous = obj.attrs if isinstance(obj, xr.Dataset) else {}
    for value in values.values():
        value.attrs |= attrs
    return xr.Dataset(
        values, attrs=product_attrs(f"icebergs by {method}", previous=previous, **attrs)
    )


def detector_of(handle: ModelHandle) -> DetectorSpec:
    """Return the detector of a model.

    Parameters
    ----------
    handle : ModelHandle
        The model.

    Returns
    -------
    DetectorSpec

    Raises
    ------
    BundleError
        If it has none.
    """
    if not handle.detectors:
        raise BundleError(
            f"model {handle.name!r} has no detector. Use another model (model=...), fit one with "
            "xoceansar.train.fit_detector, or search with method='cfar'."
        )
    return handle.detectors[0]


def _searched_by_cfar(
    images: xr.DataArray, quantity: Quantity, threshold: float
) -> xr.DataArray:
    found: xr.DataArray = xr.apply_ufunc(
        _cfar,
        images,
        kwargs={
            "spacing": spacing_of(images),
            "threshold": threshold,
            "quantity": quantity,
        },
        input_core_dims=[[LINE, SAMPLE]],
        output_core_dims=[[DETECTION, "number"]],
        dask="parallelized",
        output_dtypes=[np.float32],
        dask_gufunc_kwargs={"output_sizes": {DETECTION: _MOST, "number": 5}},
        keep_attrs=True,
    )
    return found


def _cfar(
    sigma0: Array, *, spacing: float, threshold: float, quantity: Quantity
) -> npt.NDArray[np.float32]:
    leading = sigma0.shape[:-2]
    flat = sigma0.reshape(-1, *sigma0.shape[-2:])
    out = np.full((len(flat), _MOST, 5), np.nan, dtype=np.float32)
    for row, image in enumerate(flat):
        if not np.isfinite(image).any():
            continue
        linear = 10 ** (image / 10) if quantity == "dB" else image
        box, score = cfar(linear, spacing=spacing, threshold=threshold)
        kept = len(score[:_MOST])
        out[row, :, 4] = 0.0
        out[row, :kept, :4] = box[:kept]
        out[row, :kept, 4] = score[:kept]
    return out.reshape(*leading, _MOST, 5)


def _measured(
    raw: xr.DataArray, threshold: float, images: xr.DataArray, obj: XarrayObject
) -> dict[str, xr.DataArray]:
    """Variables of the result, from boxes and scores."""
    score = raw.isel(number=4)
    searched = score.isel({DETECTION: 0}, drop=True).notnull()
    real = score >= threshold
    box = raw.isel(number=slice(0, 4)).rename(number="edge").where(real)
    box = box.assign_coords(edge=list(EDGES))
    # floats, so that a mean or a sum over vignettes leaves out those that were not searched
    count = real.sum(DETECTION).where(searched).astype(np.float32)
    spacing = spacing_of(images)
    values = {
        "iceberg_score": annotate(score.where(real), "iceberg_score"),
        "iceberg_count": annotate(apart(count), "iceberg_count"),
        "searched_area": _searched_area(count, images, obj),
        "iceberg_box": annotate(box, "iceberg_box"),
    }
    for i, (name, dim) in enumerate((("azimuth", LINE), ("range", SAMPLE))):
        extent = box.isel(edge=i + 2, drop=True) - box.isel(edge=i, drop=True)
        extent = extent * np.float32(images.sizes[dim] * spacing)
        key = f"iceberg_{name}_extent"
        values[key] = annotate(extent.drop_vars("edge", errors="ignore"), key)
    longitude, latitude = _places(box, images, obj)
    values["iceberg_longitude"] = annotate(longitude, "iceberg_longitude")
    values["iceberg_latitude"] = annotate(latitude, "iceberg_latitude")
    return values


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


def _places(
    box: xr.DataArray, images: xr.DataArray, obj: XarrayObject
) -> tuple[xr.DataArray, xr.DataArray]:
    """Longitude and latitude of the centres of boxes, lazily."""
    corners = [
        obj.coords[name].reset_coords(drop=True)
        for name in ("corner_longitude", "corner_latitude")
        if name in obj.coords
    ]
    if len(corners) == 2:
        arrays, core = corners, [["corner"], ["corner"]]
        function: Any = _between_corners
        lengths: dict[str, float] = {}
    else:
        needed = ("longitude", "latitude", "ground_heading")
        absent = [name for name in needed if name not in images.coords]
        if absent:
            raise MissingVariableError(
                "icebergs get a place from the coordinates corner_longitude and corner_latitude, "
                f"or from longitude, latitude and ground_heading; {absent} are absent. Open the "
                "product with xoceansar.open_wave_mode, or add them with ds.assign_coords."
            )
        arrays = [images.coords[name].reset_coords(drop=True) for name in needed]
        core = [[], [], []]
        function = _around_centre
        spacing = spacing_of(images)
        lengths = {
            "azimuth": images.sizes[LINE] * spacing,
            "ground_range": images.sizes[SAMPLE] * spacing,
        }
    longitude, latitude = xr.apply_ufunc(
        function,
        box,
        *(chunk_like(values, box) for values in arrays),
        kwargs=lengths,
        input_core_dims=[[DETECTION, "edge"], *core],
        output_core_dims=[[DETECTION], [DETECTION]],
        dask="parallelized",
        output_dtypes=[np.float64, np.float64],
        keep_attrs=True,
    )
    return longitude, latitude


def _between_corners(
    box: Array, longitude: Array, latitude: Array
) -> tuple[Array, Array]:
    return position_between(
        longitude[..., None, :],
        latitude[..., None, :],
        (box[..., 0] + box[..., 2]) / 2,
        (box[..., 1] + box[..., 3]) / 2,
    )


def _around_centre(
    box: Array,
    longitude: Array,
    latitude: Array,
    heading: Array,
    *,
    azimuth: float,
    ground_range: float,
) -> tuple[Array, Array]:
    return offset_position(
        longitude[..., None],
        latitude[..., None],
        heading[..., None],
        ((box[..., 0] + box[..., 2]) / 2 - 0.5) * azimuth,
        ((box[..., 1] + box[..., 3]) / 2 - 0.5) * ground_range,
    )
