"""Quality flags of vignettes, from the reader where it set them, else from the pixels."""

import numpy as np
import numpy.typing as npt
import xarray as xr

from xoceansar.conventions import EMBEDDING, LINE, SAMPLE, Quality, mask_attrs
from xoceansar.errors import UnitsError
from xoceansar.layout.images import (
    XarrayObject,
    find_embedding,
    find_images,
    in_one_chunk,
)
from xoceansar.sar.pixel_quality import BELOW_NOISE_LIMIT, NO_DATA_LIMIT

#: Bits with which a reader says that pixels may be anything, and no sigma0.
_BROKEN = (
    Quality.NO_DATA
    | Quality.BELOW_NOISE
    | Quality.SATURATED
    | Quality.CALIBRATION_SUSPECT
    | Quality.UNREADABLE
)
#: Dims inside a vignette, along which a mask of its pixels repeats its flags.
_INSIDE = (LINE, SAMPLE, EMBEDDING)


def quality(obj: XarrayObject) -> xr.DataArray:
    """Say what to know before using each vignette.

    Parameters
    ----------
    obj : Dataset or DataArray
        A Dataset from `xoceansar.open_wave_mode` (its own ``quality`` is returned, as integers), or
        calibrated images or an embedding as for `xoceansar.ops.embed`.

    Returns
    -------
    DataArray
        ``quality`` (...) uint8, CF ``flag_masks``: no_data (1), below_noise (2), land (4),
        sea_ice_hint (8), saturated (16), calibration_suspect (32), unreadable (64),
        out_of_domain (128). Without a reader's flags only no_data and below_noise can be
        told, from the pixels.

    Notes
    -----
    Lazy: does not load data.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> image = xr.DataArray(
    ...     np.full((2, 4, 4), 0.1), dims=("vignette", "line", "sample")
    ... )
    >>> image[1] = np.nan
    >>> quality(image).values
    array([0, 1], dtype=uint8)
    """
    if isinstance(obj, xr.Dataset) and "quality" in obj:
        return whole_flags(obj["quality"])
    embedding = find_embedding(obj)
    if embedding is not None:
        return _from_embedding(embedding)
    images, quantity = find_images(obj)
    flags: xr.DataArray = xr.apply_ufunc(
        _from_pixels,
        in_one_chunk(images, (LINE, SAMPLE)),
        kwargs={"floor": 0.0 if quantity == "linear" else -np.inf},
        input_core_dims=[[LINE, SAMPLE]],
        dask="parallelized",
        output_dtypes=[np.uint8],
        keep_attrs=True,
    )
    return _annotated(flags)


def whole_flags(flags: xr.DataArray) -> xr.DataArray:
    """Give ``quality`` its integers back, one a vignette, which a join or a mask made floats.

    Notes
    -----
    A mask of pixels, as ``ds.where(ds.sigma0 > 0)``, repeats the flags of a vignette over its image: they
    are those of its pixels that are left, and no_data where none is.

    Examples
    --------
    >>> whole_flags(xr.DataArray([4.0, np.nan])).values
    array([4, 1], dtype=uint8)
    >>> whole_flags(xr.DataArray([[4.0, np.nan]], dims=("vignette", "line"))).values
    array([4], dtype=uint8)
    """
    inside = [dim for dim in _INSIDE if dim in flags.dims]
    if flags.dtype == np.uint8 and not inside:
        return flags
    if flags.dtype.kind not in "iufb":
        raise _no_flags(flags.dtype)
    whole: xr.DataArray = xr.apply_ufunc(
        _whole,
        in_one_chunk(flags, inside),
        kwargs={"inside": len(inside)},
        input_core_dims=[inside],
        dask="parallelized",
        output_dtypes=[np.uint8],
        keep_attrs=True,
    )
    return _annotated(whole)


def _whole(flags: npt.NDArray[np.generic], *, inside: int) -> npt.NDArray[np.uint8]:
    axes = tuple(range(flags.ndim - inside, flags.ndim))
    numbers = flags.astype(np.float64)
    missing = np.isnan(numbers)
    numbers = np.where(missing, 0.0, numbers)
    wrong = numbers[(numbers % 1 != 0) | (numbers < 0) | (numbers > 255)]
    if wrong.size:
        raise _no_flags(wrong[0])
    masks = np.bitwise_or.reduce(numbers.astype(np.uint8), axis=axes)
    no_data = np.uint8(Quality.NO_DATA.value)
    return np.asarray(np.where(np.all(missing, axis=axes), no_data, masks), np.uint8)


def _no_flags(found: object) -> UnitsError:
    return UnitsError(
        "'quality' holds flag masks, whole numbers from 0 to 255 (see its flag_meanings); got "
        f"{found}. Rename the variable if it is something else: ds.rename(quality='my_quality')."
    )


def broken(obj: XarrayObject) -> xr.DataArray:
    """Say which vignettes a reader has flagged as perhaps no sigma0 at all."""
    if not isinstance(obj, xr.Dataset) or "quality" not in obj:
        return xr.DataArray(False)
    flags = whole_flags(obj["quality"].reset_coords(drop=True))
    return (flags & np.uint8(_BROKEN.value)) != 0


def flag(flags: xr.DataArray, where: xr.DataArray, name: str) -> xr.DataArray:
    """Return the flags with one more bit set where a condition holds."""
    bit = np.uint8(Quality[name].value)
    return _annotated((flags | where.astype(np.uint8) * bit).astype(np.uint8))


def _annotated(flags: xr.DataArray) -> xr.DataArray:
    out = flags.rename("quality")
    out.attrs = mask_attrs("quality")
    return out


def _from_embedding(embedding: xr.DataArray) -> xr.DataArray:
    if "valid_fraction" in embedding.coords:
        fraction = embedding.coords["valid_fraction"].drop_vars(
            ["sigma0_mean", "valid_fraction"], errors="ignore"
        )
        bad = ~(fraction >= 1.0 - NO_DATA_LIMIT)
    else:
        bad = embedding.isnull().any("embedding")
    return _annotated((bad * np.uint8(Quality.NO_DATA)).astype(np.uint8))


def _from_pixels(
    images: npt.NDArray[np.floating], *, floor: float
) -> npt.NDArray[np.uint8]:
    missing = (~np.isfinite(images)).mean(axis=(-2, -1)) > NO_DATA_LIMIT
    with np.errstate(invalid="ignore"):
        low = (images <= floor).mean(axis=(-2, -1)) > BELOW_NOISE_LIMIT
    flags = missing * int(Quality.NO_DATA) + low * int(Quality.BELOW_NOISE)
    return np.asarray(flags, dtype=np.uint8)
