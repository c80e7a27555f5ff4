"""Digital numbers with their look-up tables to sigma0, for the Datasets that xsar returns."""

import numpy as np
import xarray as xr

from xoceansar.conventions import annotate, product_attrs
from xoceansar.errors import DimensionError, MissingVariableError


def calibrate(ds: xr.Dataset) -> xr.Dataset:
    """Calibrate the digital numbers of a Dataset that has no sigma0 yet.

    Parameters
    ----------
    ds : Dataset
        With ``digital_number`` (..., line, sample), complex or amplitude, ``sigma0_lut``, and
        ``noise_lut`` in the same grid, as xsar returns them after
        ``add_high_resolution_variables()``. A Dataset that has ``sigma0`` is returned as it
        is.

    Returns
    -------
    Dataset
        The input with ``sigma0_raw``, ``nesz`` and ``sigma0``, linear. Without ``noise_lut``
        ``sigma0`` equals ``sigma0_raw``, and its comment says so.

    Raises
    ------
    MissingVariableError
        If the digital numbers or the calibration table are absent.
    DimensionError
        If the table lies on another grid than the digital numbers.

    Notes
    -----
    Lazy: does not load data. With the tables A and eta of the product,

    sigma0_raw = abs(DN)**2 / A**2, nesz = eta / A**2, sigma0 = sigma0_raw - nesz.

    Negative values are kept: noise makes them, and clipping would bias the mean of dark seas.

    References
    ----------
    Sentinel-1 Product Specification, S1-RS-MDA-52-7441, section 6.3.

    Examples
    --------
    >>> import xarray as xr
    >>> dims = ("line", "sample")
    >>> ds = xr.Dataset(
    ...     {
    ...         "digital_number": (dims, [[3 + 4j, 10 + 0j]]),
    ...         "sigma0_lut": (dims, [[10.0, 10.0]]),
    ...         "noise_lut": (dims, [[5.0, 5.0]]),
    ...     }
    ... )
    >>> calibrate(ds).sigma0.values.round(2)
    array([[0.2 , 0.95]])
    """
    if "sigma0" in ds:
        return ds
    for name, remedy in (
        (
            "digital_number",
            "Open a product with xoceansar.open_wave_mode or with xsar.",
        ),
        (
            "sigma0_lut",
            "xsar calibrates SLC products when it is told to: call add_high_resolution_variables() and "
            "apply_calibration_and_denoising() on what it opened. Or open Wave Mode products with "
            "xoceansar.open_wave_mode, which calibrates.",
        ),
    ):
        if name not in ds:
            raise MissingVariableError(
                f"calibration needs {name!r}; found {sorted(map(str, ds.data_vars))}. "
                f"{remedy}"
            )
    number, table = ds["digital_number"], ds["sigma0_lut"]
    _same_grid(number, table)
    # Not in their own dtypes: the square of an int16 or of a float16 does not fit into one.
    squared = _wide(table) ** 2
    intensity = number.real.astype(float) ** 2 + number.imag.astype(float) ** 2
    raw = intensity / squared
    new = {"sigma0_raw": annotate(raw, "sigma0_raw")}
    if "noise_lut" in ds:
        _same_grid(number, ds["noise_lut"])
        nesz = _wide(ds["noise_lut"]) / squared
        new["nesz"] = annotate(nesz, "nesz")
        new["sigma0"] = annotate(raw - nesz, "sigma0")
    else:
        new["sigma0"] = annotate(
            raw,
            "sigma0",
            comment="linear; noise not removed: the input has no noise_lut",
        )
    out = ds.assign(new)
    out.attrs = product_attrs("calibrate", previous=ds.attrs)
    return out


def _wide(values: xr.DataArray) -> xr.DataArray:
    return values.astype(np.result_type(values.dtype, np.float32))


def _same_grid(number: xr.DataArray, table: xr.DataArray) -> None:
    for dim in ("line", "sample"):
        if dim in table.dims and table.sizes[dim] == number.sizes.get(dim):
            continue
        raise DimensionError(
            f"{table.name!r} must lie on the grid of 'digital_number' "
            f"{dict(number.sizes)}; it has {dict(table.sizes)}. Interpolate it with "
            ".interp(line=ds.line, sample=ds.sample)."
        )
