"""From a block of sigma0 to the input of the network, by the bundle's `InputSpec` alone.

Arrays in, arrays out: no torch, no xarray.
"""

from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from xoceansar._typing import Array
from xoceansar.errors import DimensionError, DomainError, UnitsError
from xoceansar.models.spec import InputSpec
from xoceansar.sar.gmf import cmod5n
from xoceansar.sar.pixel_quality import SIGMA0_RANGE

Quantity = Literal["linear", "dB"]

#: A vignette with a smaller fraction of valid pixels is not used.
MIN_VALID_FRACTION: Final = 0.5
#: Beams of the wave mode lie at 21.6 to 25.1 and 34.8 to 38.0 degrees of incidence
#: (ESA, Sentinel-1 acquisition modes, wave mode).
_BEAM_BOUNDARY: Final = 30.0
#: Speckle of 500 looks spreads 0.2 dB, and a pixel of 50 m has about 100: an image "in decibel"
#: that is narrower than that, at a level where linear sigma0 lies, is linear.
_LEAST_SPREAD_DB: Final = 0.2
_LEVELS_OF_LINEAR: Final = (-0.1, 3.0)
#: Wind (m/s) and direction (degree) of the reference roughness, as in the CMwv data sets.
_REFERENCE_WIND: Final = (10.0, 45.0)


def beam_of(incidence: Array) -> Array:
    """Tell the beam of each vignette from its incidence.

    Shapes: `incidence` (n,) -> (n,). ``wv1`` below 30 degrees, ``wv2`` from there on, empty
    where the incidence is NaN.

    Examples
    --------
    >>> beam_of(np.array([23.8, 36.8])).tolist()
    ['wv1', 'wv2']
    """
    mean = incidence if incidence.ndim == 1 else incidence.mean(axis=1)
    beams = np.where(mean < _BEAM_BOUNDARY, "wv1", "wv2")
    return np.where(np.isfinite(mean), beams, "")


def network_input(
    sigma0: Array,
    incidence: Array,
    *,
    spec: InputSpec,
    quantity: Quantity = "linear",
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Turn sigma0 images into normalised network input.

    Shapes: `sigma0` (n, line, sample), `incidence` (n,).

    Notes
    -----
    With `x` the image in the scale of `spec`, the input is ``(x - mean) / std``. Linear and
    decibel images of the same vignette give the same input, except where the noise-corrected
    value is negative: linear sigma0 raises it to the floor, decibel cannot carry it and has NaN.

    Examples
    --------
    >>> spec = InputSpec(scale="dB", size=2, mean=-10.0, std=5.0)
    >>> sigma0 = np.array([[[1.0, 0.1], [0.1, 0.01]]])
    >>> images, mean, fraction = network_input(sigma0, np.array([23.8]), spec=spec)
    >>> images[0, 0].round(3).tolist()
    [[2.0, 0.0], [0.0, -2.0]]
    """
    _check_shapes(sigma0, incidence)
    crop = _centre_crop(sigma0, spec.size)
    angle = incidence if incidence.ndim == 1 else _centre_columns(incidence, spec.size)
    linear, plausible = _as_linear(crop, quantity)
    valid = np.isfinite(linear)
    fraction = valid.mean(axis=(1, 2), dtype=np.float64)
    mean = _mean(linear, valid)
    varies = _peak_to_peak(linear, valid) > 0
    enough = (fraction >= MIN_VALID_FRACTION) & varies
    with np.errstate(invalid="ignore"):
        plausible &= (mean > SIGMA0_RANGE[0]) & (mean < SIGMA0_RANGE[1])
    if enough.any() and not (enough & plausible).any():
        _refuse_units(crop[enough], quantity)
    scaled = _to_scale(linear, mean, angle, spec)
    images, normal = _normalise(scaled, valid, beam_of(angle), spec)
    unusable = ~(enough & plausible & normal)
    images[unusable] = np.nan
    mean[unusable] = np.nan
    return images[:, None], mean.astype(np.float32), fraction.astype(np.float32)


def _check_shapes(sigma0: Array, incidence: Array) -> None:
    if sigma0.ndim != 3:
        raise DimensionError(
            "network_input needs sigma0 with axes (vignette, line, sample); got shape "
            f"{sigma0.shape}. For one image use sigma0[None]."
        )
    fits = (sigma0.shape[:1], (sigma0.shape[0], sigma0.shape[2]))
    if incidence.shape not in fits:
        raise DimensionError(
            f"incidence must have the shape {fits[0]} or {fits[1]} for sigma0 of shape "
            f"{sigma0.shape}; got {incidence.shape}."
        )
    if sigma0.dtype.kind != "f":
        raise UnitsError(
            f"sigma0 must be real floating-point numbers; got {sigma0.dtype}, which looks like "
            "digital numbers or a quick-look. Calibrate first: ds.oceansar.calibrate(), or "
            "xoceansar.open_wave_mode for a product."
        )


def _centre_crop(sigma0: Array, size: int) -> Array:
    lines, samples = sigma0.shape[1:]
    if lines < size or samples < size:
        raise DomainError(
            f"the model takes {size} x {size} pixels; the vignettes have {lines} x {samples}. "
            f"Open the product with shape=({size}, {size}) or larger, or use a model with a "
            "smaller input."
        )
    top = (lines - size) // 2
    return _centre_columns(sigma0[:, top : top + size], size)


def _centre_columns(array: Array, size: int) -> Array:
    left = (array.shape[-1] - size) // 2
    return array[..., left : left + size]


def _as_linear(crop: Array, quantity: Quantity) -> tuple[Array, Array]:
    """Linear sigma0, and whether each vignette may be what `quantity` says."""
    if quantity == "linear":
        return crop.astype(np.float32, copy=False), np.ones(len(crop), dtype=bool)
    if quantity != "dB":
        raise UnitsError(f"quantity must be 'linear' or 'dB'; got {quantity!r}.")
    finite = np.isfinite(crop)
    level = _mean(crop, finite)
    narrow = _spread(crop, finite, level) < _LEAST_SPREAD_DB
    looks_linear = (
        narrow & (level > _LEVELS_OF_LINEAR[0]) & (level < _LEVELS_OF_LINEAR[1])
    )
    with np.errstate(over="ignore"):
        # -inf dB is a pixel of zero, not one without data
        linear = np.power(10.0, crop.astype(np.float64) / 10.0).astype(np.float32)
    return linear, ~looks_linear


def _mean(values: Array, valid: Array) -> npt.NDArray[np.float64]:
    count = valid.sum(axis=(1, 2))
    total = np.where(valid, values, 0).sum(axis=(1, 2), dtype=np.float64)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _spread(values: Array, valid: Array, mean: Array) -> npt.NDArray[np.float64]:
    deviation = np.where(valid, values, mean[:, None, None]) - mean[:, None, None]
    return np.sqrt(_mean(deviation * deviation, valid))


def _peak_to_peak(values: Array, valid: Array) -> Array:
    high = np.where(valid, values, -np.inf).max(axis=(1, 2), initial=-np.inf)
    low = np.where(valid, values, np.inf).min(axis=(1, 2), initial=np.inf)
    return np.where(high >= low, high - low, 0.0)


def _refuse_units(crop: Array, quantity: Quantity) -> None:
    middle = float(np.nanmedian(crop))
    remedy = (
        "decibel are declared by units: sigma0.attrs['units'] = 'dB'; digital numbers and "
        "quick-looks must be calibrated (xoceansar.open_wave_mode, ds.oceansar.calibrate); "
        "values near -10 may be a noise vector in the wrong scale (IPF 2.90 and 2.91)."
        if quantity == "linear"
        else "linear sigma0 is declared by units: sigma0.attrs['units'] = '1'; digital numbers "
        "and quick-looks must be calibrated (xoceansar.open_wave_mode)."
    )
    raise UnitsError(
        f"sigma0 is declared {quantity} and does not look like it: the median of "
        f"{len(crop)} vignette(s) is {middle:.4g}. Remedy: {remedy}"
    )


def _to_scale(linear: Array, mean: Array, angle: Array, spec: InputSpec) -> Array:
    if spec.scale == "linear":
        return linear
    floor = np.full(len(linear), spec.floor)
    if spec.relative_floor is not None:
        floor = np.fmax(floor, spec.relative_floor * mean)
    raised = np.maximum(linear, floor[:, None, None].astype(np.float32))
    if spec.scale == "roughness":
        reference = cmod5n(*_REFERENCE_WIND, np.atleast_2d(angle.T).T[:, None, :])
        raised = raised / np.asarray(reference, dtype=np.float32)
    decibel = np.log10(raised)
    decibel *= np.float32(10)
    return decibel


def _constant(value: float | tuple[float, ...], beams: Array, spec: InputSpec) -> Array:
    if not isinstance(value, tuple):
        return np.full(len(beams), value)
    table = dict(zip(spec.beams, value, strict=True))
    return np.array([table.get(str(beam), np.nan) for beam in beams])


def _normalise(
    scaled: Array, valid: Array, beams: Array, spec: InputSpec
) -> tuple[Array, Array]:
    """Centre and scale, in place of missing pixels the vignette's own mean; and what worked."""
    own_mean = _mean(scaled, valid)
    own_std = _spread(scaled, valid, own_mean)
    mean = own_mean if spec.mean is None else _constant(spec.mean, beams, spec)
    std = own_std if spec.std is None else _constant(spec.std, beams, spec)
    normal = np.isfinite(mean) & np.isfinite(std) & (own_std > 0)
    divisor = np.where(normal, std, 1.0)
    neutral = (own_mean - mean) / divisor
    images = scaled - mean[:, None, None].astype(np.float32)
    images /= divisor[:, None, None].astype(np.float32)
    filled = np.where(valid, images, neutral[:, None, None])
    return filled.astype(np.float32, copy=False), normal
