"""Embeddings (or images) to wave height, wind and ocean class."""

from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from xoceansar.conventions import (
    CLASS_FILL,
    OCEAN_CLASS,
    annotate,
    class_attrs,
    product_attrs,
)
from xoceansar.layout.images import XarrayObject, apart, chunk_like
from xoceansar.models.spec import ModelHandle
from xoceansar.ops.domain import OnDomain, domain_flags, domain_words
from xoceansar.ops.embedding import Model, as_handle, model_attrs
from xoceansar.ops.head_inputs import HeadInputs, holds_features_alone
from xoceansar.ops.head_values import (
    add_ancillary,
    apply_head,
    axis_of,
    axis_or_warning,
    check_calibrated,
    value_of,
    values_of,
)
from xoceansar.ops.quality_flags import flag, quality

_CLASS_DIM = "class"
_DIRECTION = "wind_to_direction"
_CORNERS = ("corner_longitude", "corner_latitude")
#: The class under which wave height and wind have no meaning.
_ICE = "sea_ice"


def swh(
    obj: XarrayObject, model: Model = None, *, on_domain: OnDomain = "flag"
) -> xr.DataArray:
    """Retrieve the significant wave height of each vignette.

    Parameters
    ----------
    obj : Dataset or DataArray
        Calibrated images as for `embed`, or an embedding made by the same model.
    model : str or ModelHandle, optional
        Name, path or handle; the default bundle where not given.
    on_domain : {"flag", "raise"}, optional
        What to do with vignettes that the model was not trained for, as in `xoceansar.ops.embed`.

    Returns
    -------
    DataArray
        ``swh`` (...) in metres, CF ``sea_surface_wave_significant_height``; NaN for a vignette
        without enough data or outside the model's domain.

    Raises
    ------
    BundleError
        If the model has no head for it.
    MissingVariableError
        If the head needs the incidence and the input has none.

    Notes
    -----
    Lazy: does not load data. For several quantities at once use `retrieve`, which reads the
    pixels once.

    Examples
    --------
    >>> import xoceansar as xos
    >>> sea = xos.simulate.vignettes(1, seed=1)
    >>> height = xos.ops.swh(sea)
    >>> height.attrs["units"], bool(abs(height - sea.swh)[0] < 1)
    ('m', True)
    """
    handle = as_handle(model)
    inputs = HeadInputs.of(obj, handle, [handle.head("swh")], on_domain)
    value = value_of(inputs, handle, "swh")
    value.attrs |= domain_words(inputs.embedding)
    return value


def wind(
    obj: XarrayObject,
    model: Model = None,
    *,
    confidence: float | None = None,
    reference: xr.DataArray | None = None,
    on_domain: OnDomain = "flag",
) -> xr.Dataset:
    """Retrieve the wind of each vignette.

    Parameters
    ----------
    obj : Dataset or DataArray
        Calibrated images as for `embed`, or an embedding made by the same model.
    model : str or ModelHandle, optional
        Name, path or handle; the default bundle where not given.
    confidence : float, optional
        Probability between 0 and 1 with which each interval is to hold the truth, as 0.9.
        Without it there are no intervals.
    reference : DataArray, optional
        Wind direction from elsewhere, such as a weather model: degrees clockwise from north, to
        which the wind blows, along the dims of the vignettes. It tells the two ends of the axis
        apart, and nothing else.
    on_domain : {"flag", "raise"}, optional
        What to do with vignettes that the model was not trained for, as in `xoceansar.ops.embed`.

    Returns
    -------
    Dataset
        ``wind_speed`` (...) in m s-1 at 10 m height, equivalent neutral. Where the model has a
        head for the direction: ``wind_to_direction_ambiguities`` (..., ambiguity), the two
        directions, 180 degrees apart, that one image cannot tell apart, and
        ``wind_to_direction_standard_error`` (...), the expected error of the axis in degrees, 52
        where nothing is known. With `reference`, ``wind_to_direction`` (...), the one nearer to it.
        With `confidence`, ``wind_speed_lower`` and ``wind_speed_upper``, as in `retrieve`.

    Raises
    ------
    BundleError
        If the model has no head for wind speed, or a reference is given and it has none for the
        direction.
    ConfidenceError
        If the model was not calibrated for that confidence.
    MissingVariableError
        If a head needs the incidence and the input has none, or the direction is to be given and
        ``ground_heading`` is absent.
    DimensionError, UnitsError
        If the reference does not match the vignettes, or is not in degrees 'to'.

    Notes
    -----
    Lazy: does not load data.

    Examples
    --------
    >>> import xoceansar as xos
    >>> sea = xos.simulate.vignettes(1, seed=1)
    >>> wind = xos.ops.wind(sea, confidence=0.9)
    >>> bool(abs(wind.wind_speed - sea.wind_speed)[0] < 1)
    True
    >>> one, other = wind.wind_to_direction_ambiguities.values[0]
    >>> round(float(abs(other - one)), 3)
    180.0
    """
    handle = as_handle(model)
    names = ["wind_speed"]
    directed = any(head.target == _DIRECTION for head in handle.heads)
    if directed or reference is not None:
        names.append(_DIRECTION)
    check_calibrated(confidence, handle, names)
    heads = [handle.head(name) for name in names]
    inputs = HeadInputs.of(obj, handle, heads, on_domain)
    values: dict[str, xr.DataArray] = {}
    for name in names:
        if handle.head(name).encoding == "axis":
            values |= axis_of(inputs, handle, name, reference)
        else:
            values |= values_of(inputs, handle, name, confidence)
    return _dataset(values, obj, handle, "wind")


def classify(
    obj: XarrayObject, model: Model = None, *, on_domain: OnDomain = "flag"
) -> xr.Dataset:
    """Classify the dominant ocean phenomenon of each vignette.

    Parameters
    ----------
    obj : Dataset or DataArray
        Calibrated images as for `embed`, or an embedding made by the same model.
    model : str or ModelHandle, optional
        Name, path or handle; the default bundle where not given.
    on_domain : {"flag", "raise"}, optional
        What to do with vignettes that the model was not trained for, as in `xoceansar.ops.embed`.

    Returns
    -------
    Dataset
        ``ocean_class`` (...) int8 with CF ``flag_values`` and ``flag_meanings``, -1 where
        missing; ``class_probability`` (..., class), with the class names as coordinate.

    Raises
    ------
    BundleError
        If the model has no head for it.

    Notes
    -----
    Lazy: does not load data.

    References
    ----------
    The ten classes of TenGeoP-SARwv, https://doi.org/10.1002/gdj3.73.

    Examples
    --------
    >>> import xoceansar as xos
    >>> sea = xos.simulate.vignettes(1, seed=1)
    >>> result = xos.ops.classify(sea)
    >>> int(result.ocean_class[0]) == int(sea.ocean_class[0])
    True
    >>> float(result.class_probability.sum("class")[0].round(5))
    1.0
    """
    handle = as_handle(model)
    inputs = HeadInputs.of(obj, handle, [handle.head(OCEAN_CLASS)], on_domain)
    values = _classes(inputs, handle)
    return _dataset(values, obj, handle, "classify")


def retrieve(
    obj: XarrayObject,
    model: Model = None,
    *,
    confidence: float | None = None,
    reference: xr.DataArray | None = None,
    on_domain: OnDomain = "flag",
) -> xr.Dataset:
    """Retrieve all that the model has heads for, in one pass over the pixels.

    Parameters
    ----------
    obj : Dataset or DataArray
        Calibrated images as for `embed`, or an embedding made by the same model.
    model : str or ModelHandle, optional
        Name, path or handle; the default bundle where not given.
    confidence : float, optional
        Probability between 0 and 1 with which each interval is to hold the truth, as 0.9.
        Without it there are no intervals.
    reference : DataArray, optional
        Wind direction that tells the two ends of the axis apart, as in `wind`.
    on_domain : {"flag", "raise"}, optional
        What to do with vignettes that the model was not trained for, as in `xoceansar.ops.embed`.

    Returns
    -------
    Dataset
        One variable for each head (``swh``, ``wind_speed``, ``ocean_class``,
        ``class_probability``, ...) and ``quality`` (uint8 flag masks), with the coordinates of
        the input that have no image dims. With `confidence`, ``swh_lower``, ``swh_upper``,
        ``wind_speed_lower``, ... for each calibrated head: ancillary variables whose attributes
        say the confidence and the calibration, NaN for a vignette of a beam without calibration.

    Raises
    ------
    DomainError, MissingVariableError, UnitsError, ChunkingError
        As `embed`.
    ConfidenceError
        If the confidence is not between 0 and 1, or a regression of the model was not calibrated for it.

    Notes
    -----
    Lazy: does not load data. The embedding is one node of the graph that all heads share.
    A vignette that is classified as sea ice has ``sea_ice_hint`` set: its wave height and wind
    are given, and mean nothing if the hint is right. Without ``ground_heading`` directions are left
    out, with a warning. ``ood_score``, where the model has it, sets no flag: which share of good
    vignettes to lose is the user's choice.

    Examples
    --------
    >>> import xoceansar as xos
    >>> sea = xos.simulate.vignettes(1, seed=2)
    >>> result = xos.ops.retrieve(sea.chunk(), confidence=0.9)
    >>> [str(name) for name in result if "swh" in name]
    ['swh', 'swh_lower', 'swh_upper']
    >>> held = (result.swh_lower < sea.swh) & (sea.swh < result.swh_upper)
    >>> bool(held[0])
    True
    """
    handle = as_handle(model)
    names = list(dict.fromkeys(head.target for head in handle.heads))
    check_calibrated(confidence, handle, names)
    if reference is not None:
        handle.head(_DIRECTION)
    heads = [handle.head(name) for name in names]
    inputs = HeadInputs.of(obj, handle, heads, on_domain)
    values: dict[str, xr.DataArray] = {}
    for name in names:
        if name == OCEAN_CLASS:
            values |= _classes(inputs, handle)
        elif handle.head(name).encoding == "axis":
            values |= axis_or_warning(inputs, handle, name, reference)
        else:
            values |= values_of(inputs, handle, name, confidence)
    ocean_class = values.get(OCEAN_CLASS)
    values["quality"] = _result_quality(obj, inputs, handle, ocean_class)
    if ocean_class is not None:
        values[OCEAN_CLASS] = apart(ocean_class)
    about = [name for name in ("quality", "ood_score") if name in values]
    for name, value in values.items():
        if name not in about:
            add_ancillary(value, about)
    return _dataset(values, obj, handle, "retrieve")


def _classes(inputs: HeadInputs, handle: ModelHandle) -> dict[str, xr.DataArray]:
    head = handle.head(OCEAN_CLASS)
    probability = apply_head(inputs, handle, head, len(head.classes))
    probability = probability.rename(output=_CLASS_DIM)
    winner: xr.DataArray = xr.apply_ufunc(
        _most_likely,
        probability,
        input_core_dims=[[_CLASS_DIM]],
        dask="parallelized",
        output_dtypes=[np.int8],
        keep_attrs=True,
    )
    ocean_class = winner.rename(OCEAN_CLASS)
    ocean_class.attrs = {**class_attrs(head.classes), **model_attrs(handle)}
    ocean_class.encoding = {"_FillValue": np.int8(CLASS_FILL)}
    named = probability.assign_coords({_CLASS_DIM: list(head.classes)})
    return {
        OCEAN_CLASS: ocean_class,
        "class_probability": annotate(
            named, "class_probability", **model_attrs(handle)
        ),
    }


def _most_likely(probability: npt.NDArray[np.floating]) -> npt.NDArray[np.int8]:
    missing = np.isnan(probability).any(axis=-1)
    winner = np.where(np.isnan(probability), -np.inf, probability).argmax(axis=-1)
    return np.where(missing, CLASS_FILL, winner).astype(np.int8)


def _result_quality(
    obj: XarrayObject,
    inputs: HeadInputs,
    handle: ModelHandle,
    ocean_class: xr.DataArray | None,
) -> xr.DataArray:
    mute = holds_features_alone(obj) and "quality" not in obj
    flags = quality(inputs.embedding if mute else obj)
    missing = inputs.missing(handle.heads, handle)
    if missing is not None:
        flags = flag(flags, chunk_like(missing, flags), "NO_DATA")
    if ocean_class is not None and _ICE in handle.head(OCEAN_CLASS).classes:
        ice = ocean_class == handle.head(OCEAN_CLASS).classes.index(_ICE)
        flags = flag(flags, ice, "SEA_ICE_HINT")
    outside = domain_flags(inputs.embedding, handle)
    if outside is None:
        return flags
    return flag(flags, chunk_like(outside != 0, flags), "OUT_OF_DOMAIN")


def _dataset(
    values: dict[str, xr.DataArray], obj: XarrayObject, handle: ModelHandle, action: str
) -> xr.Dataset:
    """Gather results, with the footprint that no image can carry as a coordinate."""
    previous: dict[Any, Any] = {}
    corners = {}
    if isinstance(obj, xr.Dataset):
        previous = obj.attrs
        corners = {name: obj[name] for name in _CORNERS if name in obj.coords}
    words = domain_words(next(iter(values.values())))
    for value in values.values():
        value.attrs |= words
    attrs = product_attrs(
        f"{action} by {handle.name}", previous=previous, **model_attrs(handle), **words
    )
    return xr.Dataset(values, coords=corners, attrs=attrs)
