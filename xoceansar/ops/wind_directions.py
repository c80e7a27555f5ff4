"""Wind directions with their two ends, and the wind speed that CMOD5.N gives without a model."""

from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from xoceansar.conventions import LINE, SAMPLE, Quality, annotate, product_attrs
from xoceansar.conventions.attributes import attribute_text
from xoceansar.conventions.texts import plain_texts, text_values
from xoceansar.errors import (
    DimensionError,
    DomainError,
    MissingVariableError,
    UnitsError,
)
from xoceansar.layout.directions import direction_of, full_turn
from xoceansar.layout.images import (
    XarrayObject,
    centre_incidence,
    chunk_like,
    find_embedding,
    find_images,
    in_one_chunk,
    numbers_of,
)
from xoceansar.layout.vignette_dims import assign_hint
from xoceansar.ops.quality_flags import whole_flags
from xoceansar.sar.bearings import (
    axis_error,
    compass_direction,
    decode_axis,
    look_angle,
    nearer_end,
)
from xoceansar.sar.inversion import invert_cmod5n
from xoceansar.sar.pixel_quality import SIGMA0_RANGE

#: The two ends of an axis.
AMBIGUITY = "ambiguity"

#: Least fraction of the pixels with data, as for the input of a model.
_LEAST_VALID = 0.5


def gmf_wind(
    obj: XarrayObject, *, wind_to_direction: xr.DataArray | None = None
) -> xr.Dataset:
    """Invert CMOD5.N for the wind speed of each vignette; needs no model.

    Parameters
    ----------
    obj : Dataset or DataArray
        Calibrated images, or an embedding with the coordinate ``sigma0_mean``; with the
        coordinate ``incidence`` in degrees.
    wind_to_direction : DataArray, optional
        Direction to which the wind blows, degrees clockwise from north, along the same dims. Then
        the coordinate ``ground_heading`` is needed too. Without it nothing is assumed about the
        direction.

    Returns
    -------
    Dataset
        ``wind_speed`` (...), equivalent neutral at 10 m, m s-1. NaN for a vignette with less
        than half of its pixels, in another polarisation than VV, without a direction where
        directions are given, or whose mean sigma0 lies outside of -0.1 to 10.

    Raises
    ------
    MissingVariableError
        If the incidence, the mean sigma0 of an embedding, or the heading is absent.
    DimensionError, UnitsError
        If the directions do not match the vignettes, or are not degrees 'to'; when computed, if
        the mean sigma0 of a chunk is one that no surface has: decibel without their unit, digital
        numbers.
    DomainError
        If no vignette is in VV.

    Notes
    -----
    Lazy: does not load data. From linear sigma0, averaged over the vignette, at its mean
    incidence: `xoceansar.sar.invert_cmod5n`, whose notes say what is done about an
    unknown direction. Sea ice, rain and slicks have a wind here like any other bright or dark
    sea.

    References
    ----------
    Hersbach (2010), https://doi.org/10.1175/2009JTECHO698.1.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> from xoceansar.sar import cmod5n
    >>> sigma0 = np.full((1, 4, 4), cmod5n(10.0, 45.0, 23.8), np.float32)
    >>> ds = xr.Dataset(
    ...     {"sigma0": (("vignette", "line", "sample"), sigma0)},
    ...     {"incidence": ("vignette", [23.8], {"units": "degree"})},
    ... )
    >>> gmf_wind(ds).wind_speed.values.round()
    array([10.], dtype=float32)
    """
    level, source = mean_sigma0(obj)
    level = _without_suspects(level, obj)
    incidence = centre_incidence(source)
    if incidence is None:
        raise MissingVariableError(
            "CMOD5.N needs the incidence angle, and the input has no coordinate 'incidence' "
            f"(degree). Add it with {assign_hint(source, 'incidence')}."
        )
    arguments = [level, chunk_like(incidence, level)]
    if wind_to_direction is not None:
        heading = find_heading(source, "the angle between wind and radar")
        direction = check_direction(wind_to_direction, level, "wind_to_direction")
        arguments += [chunk_like(a, level) for a in (direction, heading)]
    speed: xr.DataArray = xr.apply_ufunc(
        _invert, *arguments, dask="parallelized", output_dtypes=[np.float32]
    )
    speed = _vertical_only(speed, source)
    known = "known" if wind_to_direction is not None else "unknown"
    attrs = {"comment": f"CMOD5.N inverted, wind direction {known}"}
    previous = obj.attrs if isinstance(obj, xr.Dataset) else {}
    return xr.Dataset(
        {"wind_speed": annotate(speed, "wind_speed", **attrs)},
        attrs=product_attrs(f"wind by CMOD5.N, direction {known}", previous=previous),
    )


def mean_sigma0(obj: XarrayObject) -> tuple[xr.DataArray, xr.DataArray]:
    """Mean linear sigma0 (...), with the coordinates of its vignettes, and where it is from."""
    embedding = find_embedding(obj)
    if embedding is not None:
        if "sigma0_mean" not in embedding.coords:
            raise MissingVariableError(
                "CMOD5.N needs the mean sigma0, and the embedding has no coordinate "
                "'sigma0_mean' (linear). Embed with .oceansar.embed(), which adds it."
            )
        return embedding.coords["sigma0_mean"].drop_vars("sigma0_mean"), embedding
    images, quantity = find_images(obj)
    level: xr.DataArray = xr.apply_ufunc(
        _mean,
        in_one_chunk(images, (LINE, SAMPLE)),
        input_core_dims=[[LINE, SAMPLE]],
        kwargs={"decibel": quantity == "dB"},
        dask="parallelized",
        output_dtypes=[np.float64],
        keep_attrs=True,
    )
    return level, images


def _without_suspects(level: xr.DataArray, obj: XarrayObject) -> xr.DataArray:
    """Leave out the implausible means of vignettes whose quality says so already."""
    if not isinstance(obj, xr.Dataset) or "quality" not in obj:
        return level
    flags = chunk_like(whole_flags(obj["quality"].reset_coords(drop=True)), level)
    suspect = (flags & np.uint8(Quality.CALIBRATION_SUSPECT.value)) > 0
    return level.where(_plausible(level) | ~suspect)


def _plausible(sigma0: Any) -> Any:
    return (sigma0 >= SIGMA0_RANGE[0]) & (sigma0 <= SIGMA0_RANGE[1])


def _mean(sigma0: npt.NDArray[np.floating], *, decibel: bool) -> npt.NDArray[Any]:
    linear = 10 ** (sigma0.astype(np.float64) / 10) if decibel else sigma0
    valid = np.isfinite(linear)
    count = valid.sum(axis=(-2, -1))
    total = np.where(valid, linear, 0.0).sum(axis=(-2, -1), dtype=np.float64)
    enough = count >= _LEAST_VALID * sigma0.shape[-2] * sigma0.shape[-1]
    return np.where(enough, total / np.maximum(count, 1), np.nan)


def _invert(
    sigma0: npt.NDArray[Any],
    incidence: npt.NDArray[Any],
    direction: npt.NDArray[Any] | None = None,
    heading: npt.NDArray[Any] | None = None,
) -> npt.NDArray[np.float32]:
    plausible = _plausible(sigma0)
    wrong = sigma0[~plausible & ~np.isnan(sigma0)]
    if wrong.size and not plausible.any():
        raise UnitsError(
            f"CMOD5.N needs linear sigma0, whose mean lies between {SIGMA0_RANGE[0]:g} and "
            f"{SIGMA0_RANGE[1]:g}; {wrong.size} vignette(s) have {wrong[0]:.4g}. Decibel are "
            "declared by units, sigma0.attrs['units'] = 'dB'; digital numbers are calibrated "
            "(xoceansar.open_wave_mode, ds.oceansar.calibrate)."
        )
    sigma0 = np.where(plausible, sigma0, np.nan)
    phi = None
    if direction is not None and heading is not None:
        phi = look_angle(direction, heading) + 180.0  # from where the wind comes
    return invert_cmod5n(sigma0, incidence, phi).astype(np.float32)


def _vertical_only(speed: xr.DataArray, source: xr.DataArray) -> xr.DataArray:
    if "polarisation" not in source.coords:
        return speed
    polarisation = source.coords["polarisation"].reset_coords(drop=True)
    vertical = plain_texts(polarisation) == "VV"
    if vertical.chunks is None and vertical.size and not vertical.any():
        found = np.unique(text_values(polarisation)).tolist()
        raise DomainError(
            f"CMOD5.N is for VV; every vignette here has {found}. Convert HH by a published "
            "polarisation ratio first: ds.oceansar.to_vv()."
        )
    return speed.where(chunk_like(vertical, speed))


def find_heading(data: xr.DataArray, purpose: str) -> xr.DataArray:
    """Return the heading of the satellite at each vignette."""
    if "ground_heading" not in data.coords:
        raise MissingVariableError(
            f"{purpose} needs the heading of the satellite, and the input has no coordinate "
            "'ground_heading' (degrees clockwise from north). Readers of the library add it; "
            f"else {assign_hint(data, 'ground_heading')}. "
            "retrieve() does without it, and leaves directions out."
        )
    heading = numbers_of(data, "ground_heading")
    image_dims = [dim for dim in (LINE, SAMPLE) if dim in heading.dims]
    if not image_dims:
        return heading
    angle = heading * (np.pi / 180)
    east: Any = np.sin(angle)  # numpy says array, xarray gives a DataArray
    north: Any = np.cos(angle)
    mean: xr.DataArray = np.arctan2(east.mean(image_dims), north.mean(image_dims))
    return mean * (180 / np.pi)


def check_direction(
    direction: xr.DataArray, values: xr.DataArray, name: str
) -> xr.DataArray:
    """Check that directions from elsewhere are degrees 'to', one for each vignette."""
    if not isinstance(direction, xr.DataArray):
        raise DimensionError(
            f"{name} must be a DataArray with the dims of the vignettes; got "
            f"{type(direction).__name__}. Use xr.DataArray(values, dims='vignette')."
        )
    strange = {
        dim: n for dim, n in direction.sizes.items() if values.sizes.get(dim) != n
    }
    if strange:
        raise DimensionError(
            f"{name} must have one direction for each vignette, {dict(values.sizes)}; it has "
            f"{strange}. Match it first, for example by collocation."
        )
    _check_same_vignettes(direction, values, name)
    if direction.dtype.kind not in "iuf":
        raise UnitsError(
            f"{name} must be in degrees clockwise from north; it is of {direction.dtype}."
        )
    if full_turn(direction.attrs) != 360.0:
        raise UnitsError(
            f"{name} must be in degrees clockwise from north; its units are "
            f"{attribute_text(direction.attrs, 'units')!r}."
        )
    known = direction_of(direction)
    if known is not None and known.sense == "from":
        labels = ("standard_name", "long_name")
        said = [f"{k} {direction.attrs[k]!r}" for k in labels if k in direction.attrs]
        raise UnitsError(
            f"{name} must say where the wind blows to, and this says where it comes from: name "
            f"{direction.name!r}, {', '.join(said) or 'no attributes'}. Pass "
            "((da + 180) % 360).assign_attrs(standard_name='wind_to_direction')."
        )
    out = direction.reset_coords(drop=True).drop_vars(
        [d for d in direction.dims if d in direction.coords]
    )
    lazy = out.chunks is not None and values.chunks is not None
    return out.chunk({d: values.chunksizes[d] for d in out.dims}) if lazy else out


def _check_same_vignettes(
    direction: xr.DataArray, values: xr.DataArray, name: str
) -> None:
    for label in ("vignette_id", *direction.dims):
        if label not in direction.coords or label not in values.coords:
            continue
        own, theirs = direction[label], values[label]
        known = own.chunks is None and theirs.chunks is None and own.dims == theirs.dims
        if known and not np.array_equal(own.values, theirs.values):
            raise DimensionError(
                f"{name} is of other vignettes, or in another order: its {str(label)!r} "
                "differs. Select them alike first."
            )


def axis_variables(
    encoded: xr.DataArray,
    target: str,
    heading: xr.DataArray,
    *,
    reference: xr.DataArray | None = None,
    **attrs: Any,
) -> dict[str, xr.DataArray]:
    """Turn what an axis head gives into directions on the compass.

    Shapes: `encoded` (..., output).
    """
    ancillary = f"{target}_standard_error"
    heading = chunk_like(heading, encoded)
    ends: xr.DataArray = xr.apply_ufunc(
        _ends,
        encoded,
        heading,
        input_core_dims=[["output"], []],
        output_core_dims=[[AMBIGUITY]],
        dask="parallelized",
        output_dtypes=[np.float32],
        dask_gufunc_kwargs={"output_sizes": {AMBIGUITY: 2}},
        keep_attrs=True,
    )
    error: xr.DataArray = xr.apply_ufunc(
        _error,
        encoded,
        input_core_dims=[["output"]],
        dask="parallelized",
        output_dtypes=[np.float32],
        keep_attrs=True,
    )
    out = {
        f"{target}_ambiguities": annotate(
            ends, f"{target}_ambiguities", **attrs, ancillary_variables=ancillary
        ),
        ancillary: annotate(error, ancillary, **attrs),
    }
    if reference is not None:
        known = check_direction(reference, error, "reference")
        chosen: xr.DataArray = xr.apply_ufunc(
            _choose,
            ends.isel({AMBIGUITY: 0}),
            chunk_like(known, error),
            dask="parallelized",
            output_dtypes=[np.float32],
            keep_attrs=True,
        )
        comment = "of the two ends of the axis, the one nearer to the reference given"
        out[target] = annotate(
            chosen, target, **attrs, comment=comment, ancillary_variables=ancillary
        )
    return out


def _ends(
    encoded: npt.NDArray[Any], heading: npt.NDArray[Any]
) -> npt.NDArray[np.float32]:
    one = np.mod(compass_direction(decode_axis(encoded), heading), 180.0)
    one = one.astype(np.float32) % np.float32(180)  # 179.99999999 rounds up
    return np.stack([one, one + np.float32(180)], axis=-1)


def _error(encoded: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    return axis_error(encoded).astype(np.float32)


def _choose(axis: npt.NDArray[Any], known: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    return nearer_end(axis, known).astype(np.float32)
