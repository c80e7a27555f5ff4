"""HH images to what VV would show, by a published ratio of the sea."""

import numpy as np
import xarray as xr

from xoceansar.conventions import annotate, product_attrs
from xoceansar.conventions.texts import plain_texts
from xoceansar.errors import DomainError, MissingVariableError, UnitsError
from xoceansar.layout.images import find_images, numbers_of
from xoceansar.sar.polarisation import REFERENCE, polarisation_ratio


def to_vv(ds: xr.Dataset) -> xr.Dataset:
    """Convert images in HH to VV by the polarisation ratio of the sea.

    Parameters
    ----------
    ds : Dataset
        Calibrated images with the coordinates ``polarisation`` and ``incidence`` (degree).

    Returns
    -------
    Dataset
        The input with ``sigma0`` and ``nesz`` of the vignettes in HH times the ratio, their
        ``polarisation`` VV, and what was measured in ``observed_polarisation``. Vignettes in VV are
        as they were, those in other polarisations too.

    Raises
    ------
    MissingVariableError
        If the polarisation or the incidence is absent.
    DomainError
        If the images are in dB.
    UnitsError
        If sigma0 or the noise are no numbers.

    Notes
    -----
    Lazy: does not load data. The ratio is that of Mouche et al. (2005), averaged over wind
    directions, at the incidence of each column. It is of wind-roughened water: not of sea ice, slicks
    or icebergs, and breaking waves at high wind bring it nearer to one. Operations of models flag
    what was converted (``domain``).

    References
    ----------
    Mouche et al. (2005), https://doi.org/10.1109/TGRS.2004.843251.

    Examples
    --------
    >>> import xarray as xr
    >>> image = xr.DataArray([[[0.1]]], dims=("vignette", "line", "sample"))
    >>> ds = image.to_dataset(name="sigma0").assign_coords(
    ...     polarisation=("vignette", ["HH"]), incidence=("vignette", [36.8])
    ... )
    >>> ds.incidence.attrs["units"] = "degree"
    >>> vv = to_vv(ds)
    >>> (
    ...     vv.polarisation.item(),
    ...     vv.observed_polarisation.item(),
    ...     round(vv.sigma0.item(), 3),
    ... )
    ('VV', 'HH', 0.179)
    """
    images, quantity = find_images(ds)
    if quantity == "dB":
        raise DomainError("to_vv converts linear sigma0; these images are in dB.")
    for name in ("polarisation", "incidence"):
        if name not in images.coords:
            raise MissingVariableError(
                f"to_vv needs the coordinate {name!r}; found {sorted(map(str, images.coords))}."
            )
    if "nesz" in ds and ds["nesz"].dtype.kind not in "iuf":
        raise UnitsError(
            f"nesz must be linear numbers; it is of {ds['nesz'].dtype}. Convert it, or leave it "
            "out: ds.drop_vars('nesz')."
        )
    measured = images["polarisation"].reset_coords(drop=True)
    texts = plain_texts(measured)
    horizontal = texts == "HH"
    incidence = numbers_of(images, "incidence")
    ratio = xr.apply_ufunc(
        polarisation_ratio, incidence, dask="parallelized", output_dtypes=[np.float64]
    )
    factor = ratio.where(horizontal, 1.0).astype(np.float32)
    note = f"HH times the VV/HH ratio of {REFERENCE}, averaged over wind directions"
    out = ds.copy()
    for name in ("sigma0", "nesz"):
        if name in ds:
            value = (ds[name] * factor).transpose(*ds[name].dims)
            out[name] = annotate(value, name, polarisation_conversion=note)
    polarisation = texts.where(~horizontal, "VV")
    if measured.dtype.kind == "U":
        polarisation = polarisation.astype(measured.dtype)
    out = out.assign_coords(
        polarisation=annotate(polarisation, "polarisation"),
        observed_polarisation=annotate(measured, "observed_polarisation"),
    )
    out.attrs = product_attrs("to_vv", previous=ds.attrs, polarisation_conversion=note)
    return out
