"""Texture of vignettes in numbers that need no model and no training."""

from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from xoceansar.conventions import LINE, SAMPLE, annotate, product_attrs
from xoceansar.errors import DimensionError, DomainError
from xoceansar.layout.images import (
    Quantity,
    XarrayObject,
    find_embedding,
    find_images,
    in_one_chunk,
    spacing_of,
)
from xoceansar.sar.local_texture import (
    COARSEST_SPACING,
    DIRECTIONS,
    PERCENTILES,
    SEPARATIONS,
    STATISTICS,
    WAVELENGTHS,
    local_texture,
)

__all__ = ["texture"]

Array = npt.NDArray[Any]

#: Variables, in the order of `LocalTexture`, with their dims.
_DIMS = {
    "texture_power": ("wavelength", "direction", "statistic"),
    "texture_percentile": ("percentile", "statistic"),
    "texture_mean": ("statistic",),
    "texture_spread": ("statistic",),
    "texture_gradient": ("separation", "axis", "statistic"),
    "texture_valid_fraction": (),
}


def texture(obj: XarrayObject) -> xr.Dataset:
    """Describe the texture of each vignette: spectral power by direction, percentiles, gradients.

    Needs no model. The numbers tell waves, streaks, cells, slicks and ice apart, are the same on every
    processor, and are of use as features of a head beside an embedding or without one.

    Parameters
    ----------
    obj : Dataset or DataArray
        Calibrated images (..., line, sample), linear or in decibel, with pixels of 50 m or less.

    Returns
    -------
    Dataset
        Of the texture in decibel about the mean of the vignette, pooled over windows
        (``statistic``: mean, std, max, min):
        ``texture_power`` (..., wavelength, direction, statistic), dB re 1 dB2 in a cell of the
        spectrum; ``wavelength`` is the geometric middle of a band, whose ends are
        ``wavelength_bounds``, and ``direction`` that of the wavenumber, degrees from the look
        direction towards the flight direction. ``texture_percentile`` (..., percentile,
        statistic), ``texture_mean`` and ``texture_spread`` (..., statistic), dB.
        ``texture_gradient`` (..., separation, axis, statistic), dB, between neighbouring squares.
        ``texture_valid_fraction`` (...): share of the windows without a missing pixel; below 0.25
        the others are missing. The bands beyond 2.5 km are missing where no window of 9.6 km is
        whole.

    Raises
    ------
    MissingVariableError, UnitsError, ChunkingError
        If the input is not calibrated images.
    DimensionError
        If `obj` is an embedding.
    DomainError
        If the pixels are larger than 50 m, or the images smaller than a window of 2.4 km.

    Notes
    -----
    Lazy: does not load data; chunks along ``vignette`` stay. Windows of 2.4 km every 800 m, and of
    9.6 km every 3.2 km on pixels averaged to 200 m for waves longer than 2.5 km; Hann window,
    periodogram divided by N**2 and the mean square of the window. Land is not masked: see
    `quality`. `xoceansar.sar.texture_axis` is another measure, of the kilometre scale alone.

    References
    ----------
    Dalal and Triggs (2005), https://doi.org/10.1109/CVPR.2005.177.
    Dellinger et al. (2015), https://doi.org/10.1109/TGRS.2014.2323552 (ratios of means).

    Examples
    --------
    >>> import xoceansar as xos
    >>> described = texture(xos.simulate.vignettes(2, seed=1))
    >>> dict(described.texture_power.sizes)
    {'vignette': 2, 'wavelength': 7, 'direction': 4, 'statistic': 4}
    """
    if find_embedding(obj) is not None:
        raise DimensionError(
            "texture is measured in images, and this is an embedding. Give the Dataset with "
            "sigma0 (..., line, sample)."
        )
    images, quantity = find_images(obj)
    spacing = spacing_of(images)
    if not spacing <= COARSEST_SPACING:
        raise DomainError(
            f"texture needs pixels of 50 m or less; these have {spacing:g} m. Open the product "
            "with spacing=50."
        )
    least = round(2400 / spacing)
    if min(images.sizes[LINE], images.sizes[SAMPLE]) < least:
        raise DomainError(
            f"texture needs images of 2.4 km, {least} pixels, or more; got "
            f"{images.sizes[LINE]} x {images.sizes[SAMPLE]}."
        )
    sizes = {
        "wavelength": len(WAVELENGTHS),
        "direction": len(DIRECTIONS),
        "percentile": len(PERCENTILES),
        "separation": len(SEPARATIONS),
        "axis": 2,
        "statistic": len(STATISTICS),
    }
    arrays = xr.apply_ufunc(
        _describe,
        in_one_chunk(images, (LINE, SAMPLE)),
        kwargs={"spacing": spacing, "quantity": quantity},
        input_core_dims=[[LINE, SAMPLE]],
        output_core_dims=[list(dims) for dims in _DIMS.values()],
        dask="parallelized",
        output_dtypes=[np.float32] * len(_DIMS),
        dask_gufunc_kwargs={"output_sizes": sizes},
    )
    values = {
        name: annotate(array, name) for name, array in zip(_DIMS, arrays, strict=True)
    }
    bounds = np.array(WAVELENGTHS)
    coords = {
        "wavelength": annotate(
            xr.DataArray(np.sqrt(bounds.prod(axis=1)), dims="wavelength"), "wavelength"
        ),
        "wavelength_bounds": annotate(
            xr.DataArray(bounds, dims=("wavelength", "end")), "wavelength_bounds"
        ),
        "direction": annotate(
            xr.DataArray(list(DIRECTIONS), dims="direction"), "direction"
        ),
        "percentile": annotate(
            xr.DataArray(list(PERCENTILES), dims="percentile"), "percentile"
        ),
        "separation": annotate(
            xr.DataArray(list(SEPARATIONS), dims="separation"), "separation"
        ),
        "axis": ["flight", "look"],
        "statistic": list(STATISTICS),
    }
    previous = obj.attrs if isinstance(obj, xr.Dataset) else {}
    return xr.Dataset(
        values, coords=coords, attrs=product_attrs("texture", previous=previous)
    )


def _describe(
    sigma0: Array, *, spacing: float, quantity: Quantity
) -> tuple[Array, ...]:
    """Describe a block with any leading dims; a module-level name for Dask to call."""
    leading = sigma0.shape[:-2]
    images = sigma0.reshape(-1, *sigma0.shape[-2:])
    linear = images if quantity == "linear" else 10 ** (images / 10)
    return tuple(
        array.reshape((*leading, *array.shape[1:]))
        for array in local_texture(linear.astype(np.float32, copy=False), spacing)
    )
