"""Embeddings (or images) to wave height, wind and ocean class."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from xoceansar.conventions import (
    CLASS_FILL,
    EMBEDDING,
    OCEAN_CLASS,
    annotate,
    class_attrs,
    product_attrs,
)
from xoceansar.errors import LevelError, MissingVariableError
from xoceansar.models.intervals import check_level
from xoceansar.models.runtime import head_block
from xoceansar.models.spec import HeadSpec, ModelHandle
from xoceansar.ops.embed import Model, as_embedding, as_handle, model_attrs
from xoceansar.ops.layout import (
    XarrayObject,
    centre_incidence,
    chunk_like,
    in_domain,
)
from xoceansar.ops.quality import flag, quality

__all__ = ["classify", "retrieve", "swh", "wind"]

_CLASS_DIM = "class"
_CORNERS = ("corner_longitude", "corner_latitude")
#: The class under which wave height and wind have no meaning.
_ICE = "sea_ice"


def swh(obj: XarrayObject, *, model: Model = None) -> xr.DataArray:
    """Retrieve the significant wave height of each vignette.

    Parameters
    ----------
    obj : Dataset or DataArray
        Calibrated images as for `embed`, or an embedding made by the same model.
    model : str or ModelHandle, optional
        Name, path or handle; the default bundle where not given.

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
    """
    handle = as_handle(model)
    return _value(as_embedding(obj, handle), handle, "swh")


def wind(
    obj: XarrayObject, *, model: Model = None, level: float | None = None
) -> xr.Dataset:
    """Retrieve the wind of each vignette.

    Parameters
    ----------
    obj : Dataset or DataArray
        Calibrated images as for `embed`, or an embedding made by the same model.
    model : str or ModelHandle, optional
        Name, path or handle; the default bundle where not given.
    level : float, optional
        Probability between 0 and 1 with which each interval is to hold the truth, as 0.9.
        Without it there are no intervals.

    Returns
    -------
    Dataset
        ``wind_speed`` (...) in m s-1 at 10 m height, equivalent neutral, and
        ``wind_to_direction`` (...) in degrees where the model has a head for it. With `level`,
        ``wind_speed_lower`` and ``wind_speed_upper``, as in `retrieve`.

    Raises
    ------
    BundleError
        If the model has no head for wind speed.
    LevelError
        If the model was not calibrated for that level.
    MissingVariableError
        If a head needs the incidence and the input has none.

    Notes
    -----
    Lazy: does not load data.
    """
    handle = as_handle(model)
    names = ["wind_speed"]
    if any(head.target == "wind_to_direction" for head in handle.heads):
        names.append("wind_to_direction")
    _check_level(level, handle, names)
    embedding = as_embedding(obj, handle)
    values: dict[str, xr.DataArray] = {}
    for name in names:
        values |= _values(embedding, handle, name, level)
    return _dataset(values, obj, handle, "wind")


def classify(obj: XarrayObject, *, model: Model = None) -> xr.Dataset:
    """Classify the dominant ocean phenomenon of each vignette.

    Parameters
    ----------
    obj : Dataset or DataArray
        Calibrated images as for `embed`, or an embedding made by the same model.
    model : str or ModelHandle, optional
        Name, path or handle; the default bundle where not given.

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
    """
    handle = as_handle(model)
    values = _classes(as_embedding(obj, handle), handle)
    return _dataset(values, obj, handle, "classify")


def retrieve(
    obj: XarrayObject, *, model: Model = None, level: float | None = None
) -> xr.Dataset:
    """Retrieve all that the model has heads for, in one pass over the pixels.

    Parameters
    ----------
    obj : Dataset or DataArray
        Calibrated images as for `embed`, or an embedding made by the same model.
    model : str or ModelHandle, optional
        Name, path or handle; the default bundle where not given.
    level : float, optional
        Probability between 0 and 1 with which each interval is to hold the truth, as 0.9.
        Without it there are no intervals.

    Returns
    -------
    Dataset
        One variable for each head (``swh``, ``wind_speed``, ``ocean_class``,
        ``class_probability``, ...) and ``quality`` (uint8 flag masks), with the coordinates of
        the input that have no image dims. With `level`, ``swh_lower``, ``swh_upper``,
        ``wind_speed_lower``, ... for each calibrated head: ancillary variables whose attributes
        say the level and the calibration, NaN for a vignette of a beam without calibration.

    Raises
    ------
    DomainError, MissingVariableError, UnitsError, ChunkingError
        As `embed`.
    LevelError
        If the level is not between 0 and 1, or the model was not calibrated for it.

    Notes
    -----
    Lazy: does not load data. The embedding is one node of the graph that all heads share.
    A vignette that is classified as sea ice has ``sea_ice_hint`` set: its wave height and wind
    are given, and mean nothing if the hint is right. ``ood_score``, where the model has it, sets
    no flag: which share of good vignettes to lose is the user's choice.
    """
    handle = as_handle(model)
    names = list(dict.fromkeys(head.target for head in handle.heads))
    _check_level(level, handle, names)
    embedding = as_embedding(obj, handle)
    values: dict[str, xr.DataArray] = {}
    for name in names:
        if name == OCEAN_CLASS:
            values |= _classes(embedding, handle)
        else:
            values |= _values(embedding, handle, name, level)
    ocean_class = values.get(OCEAN_CLASS)
    values["quality"] = _result_quality(obj, embedding, handle, ocean_class)
    about = [name for name in ("quality", "ood_score") if name in values]
    for name, value in values.items():
        if name not in about:
            _add_ancillary(value, about)
    return _dataset(values, obj, handle, "retrieve")


def _value(embedding: xr.DataArray, handle: ModelHandle, target: str) -> xr.DataArray:
    head = handle.head(target)
    out = _apply(embedding, handle, head, 1).isel(output=0)
    return annotate(out, target, units=head.units, **model_attrs(handle))


def _values(
    embedding: xr.DataArray, handle: ModelHandle, target: str, level: float | None
) -> dict[str, xr.DataArray]:
    """Values of a regression and, with a level, the bounds where the head was calibrated."""
    head = handle.head(target)
    if level is None or head.intervals is None:
        return {target: _value(embedding, handle, target)}
    if "incidence" not in embedding.coords:
        raise MissingVariableError(
            f"intervals are calibrated for each beam of model {handle.name!r}, which the "
            "incidence angle tells, and the input has no coordinate 'incidence' (degree). Add "
            "it with ds.assign_coords(incidence=('vignette', values))."
        )
    out = _apply(embedding, handle, head, 3, level=level)
    extra = {**model_attrs(handle), "units": head.units}
    calibration = zip(head.intervals.beams, head.intervals.n, strict=True)
    about = {
        "confidence_level": float(level),
        "calibration": "split conformal for each beam, "
        + ", ".join(f"{beam}: {n} vignettes" for beam, n in calibration)
        + (" (simulated)" if handle.simulated else ""),
    }
    value = annotate(out.isel(output=0), target, **extra)
    bounds = {
        name: annotate(out.isel(output=i), name, **extra, **about)
        for i, name in ((1, f"{target}_lower"), (2, f"{target}_upper"))
    }
    _add_ancillary(value, list(bounds))
    return {target: value, **bounds}


def _check_level(level: float | None, handle: ModelHandle, targets: list[str]) -> None:
    """Refuse, before anything is built, a level that no head among some can give."""
    if level is None:
        return
    heads = [handle.head(target) for target in targets]
    calibrated = {h.name: h.intervals for h in heads if h.intervals is not None}
    if not calibrated:
        raise LevelError(
            f"model {handle.name!r} was not calibrated for {targets}: it gives no intervals. "
            "Leave out level=, or calibrate its heads with xoceansar.train.calibrate."
        )
    for name, intervals in calibrated.items():
        check_level(level, intervals, f"head {name!r} of model {handle.name!r}")


def _add_ancillary(value: xr.DataArray, names: Sequence[str]) -> None:
    listed = str(value.attrs.get("ancillary_variables", "")).split()
    value.attrs["ancillary_variables"] = " ".join([*listed, *names])


def _classes(embedding: xr.DataArray, handle: ModelHandle) -> dict[str, xr.DataArray]:
    head = handle.head(OCEAN_CLASS)
    probability = _apply(embedding, handle, head, len(head.classes))
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


def _apply(
    embedding: xr.DataArray,
    handle: ModelHandle,
    head: HeadSpec,
    width: int,
    level: float | None = None,
) -> xr.DataArray:
    sigma0_mean = embedding.coords.get("sigma0_mean", xr.DataArray(np.nan))
    incidence = centre_incidence(embedding)
    if "incidence" in head.ancillary and incidence is None:
        raise MissingVariableError(
            f"head {head.name!r} of model {handle.name!r} needs the incidence angle, and "
            "the input has no coordinate 'incidence' (degree). Add it with "
            "ds.assign_coords(incidence=('vignette', values))."
        )
    if "sigma0_mean_db" in head.ancillary and "sigma0_mean" not in embedding.coords:
        raise MissingVariableError(
            f"head {head.name!r} of model {handle.name!r} needs the mean sigma0 beside the "
            "embedding, and the coordinate 'sigma0_mean' (linear) is absent. Embed with "
            ".oceansar.embed(), which adds it."
        )
    out: xr.DataArray = xr.apply_ufunc(
        _apply_head,
        embedding,
        sigma0_mean.reset_coords(drop=True),
        xr.DataArray(np.nan) if incidence is None else chunk_like(incidence, embedding),
        kwargs={"handle": handle, "head": head, "level": level},
        input_core_dims=[[EMBEDDING], [], []],
        output_core_dims=[["output"]],
        dask="parallelized",
        output_dtypes=[np.float32],
        dask_gufunc_kwargs={"output_sizes": {"output": width}},
        keep_attrs=True,
    )
    return out


def _apply_head(
    embedding: npt.NDArray[np.floating],
    sigma0_mean: npt.NDArray[np.floating],
    incidence: npt.NDArray[np.floating],
    *,
    handle: ModelHandle,
    head: HeadSpec,
    level: float | None,
) -> npt.NDArray[np.float32]:
    """Apply a head to a block with any leading dims; a module-level name for Dask."""
    leading = embedding.shape[:-1]
    out = head_block(
        embedding.reshape(-1, embedding.shape[-1]),
        np.broadcast_to(sigma0_mean, leading).reshape(-1),
        np.broadcast_to(incidence, leading).reshape(-1),
        handle=handle,
        head=head,
        level=level,
    )
    return out.reshape(*leading, out.shape[-1])


def _most_likely(probability: npt.NDArray[np.floating]) -> npt.NDArray[np.int8]:
    missing = np.isnan(probability).any(axis=-1)
    winner = np.where(np.isnan(probability), -np.inf, probability).argmax(axis=-1)
    return np.where(missing, CLASS_FILL, winner).astype(np.int8)


def _result_quality(
    obj: XarrayObject,
    embedding: xr.DataArray,
    handle: ModelHandle,
    ocean_class: xr.DataArray | None,
) -> xr.DataArray:
    flags = quality(obj)
    if ocean_class is not None and _ICE in handle.head(OCEAN_CLASS).classes:
        ice = ocean_class == handle.head(OCEAN_CLASS).classes.index(_ICE)
        flags = flag(flags, ice, "SEA_ICE_HINT")
    inside = in_domain(embedding, handle)
    return (
        flags
        if inside is None
        else flag(flags, chunk_like(~inside, flags), "OUT_OF_DOMAIN")
    )


def _dataset(
    values: dict[str, xr.DataArray], obj: XarrayObject, handle: ModelHandle, action: str
) -> xr.Dataset:
    """Gather results, with the footprint that no image can carry as a coordinate."""
    previous: dict[Any, Any] = {}
    corners = {}
    if isinstance(obj, xr.Dataset):
        previous = obj.attrs
        corners = {name: obj[name] for name in _CORNERS if name in obj.coords}
    attrs = product_attrs(
        f"{action} by {handle.name}", previous=previous, **model_attrs(handle)
    )
    return xr.Dataset(values, coords=corners, attrs=attrs)
