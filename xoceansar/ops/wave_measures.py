"""Numbers of the sea by its spectrum: cut-off, CWAVE parameters, statistics of the image."""

import math
from collections.abc import Callable, Sequence
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt
import xarray as xr

from xoceansar._typing import Array
from xoceansar.conventions import LINE, SAMPLE, annotate, product_attrs
from xoceansar.errors import DimensionError, DomainError, MissingVariableError
from xoceansar.layout.images import (
    Quantity,
    XarrayObject,
    centre_incidence,
    find_images,
    in_one_chunk,
    spacing_of,
)
from xoceansar.ops.look_spectra import SLC_DIMS, spectra
from xoceansar.spectra.wavenumber_grids import WavenumberGrid, regular_grid

_BINS: Final = ("azimuth_bin", "range_bin")
_WAVENUMBERS: Final = ("azimuth_wavenumber", "range_wavenumber")
AXES: Final = (
    "range_wavenumber",
    "azimuth_wavenumber",
    "range_wavenumber_width",
    "azimuth_wavenumber_width",
)
#: Of spectra of images of intensity: steps of 2 pi / 4 km, up to waves of 100 m.
_COARSE: Final = regular_grid(50.0, 50.0, 80, 80)
#: Lines whose moments are summed at a time.
_LINES: Final = 256
#: Pixels of intensity that are larger hold no waves.
_COARSEST: Final = 50.5
_OF_INTENSITY: Final = (
    "of an image of intensity: waves under twice its pixels are lost, and with them half of the "
    "domain where that is 60 m"
)


def cutoff(
    obj: XarrayObject,
    *,
    definition: Literal["range_lag_0", "range_mean"] = "range_lag_0",
) -> xr.Dataset:
    """Measure the azimuth cut-off wavelength of each vignette.

    Parameters
    ----------
    obj : Dataset or DataArray
        Cross-spectra (`spectra`, or ``open_ocn(..., spectra=True)``), complex images
        (``open_wave_mode(..., complex=True)``), or calibrated images with pixels of 50 m or less.
    definition : {"range_lag_0", "range_mean"}, optional
        Which correlation along azimuth is fitted: at a range lag of 0, or the mean over range lags.

    Returns
    -------
    Dataset
        ``azimuth_cutoff`` (vignette), m, ``azimuth_cutoff_standard_error`` of the fit, m, and
        ``azimuth_cutoff_quality``: 0, good, where the cut-off is 60 to 600 m and its error at most 15 %,
        1, poor, elsewhere, -1 where there is no spectrum.

    Raises
    ------
    MissingVariableError, DomainError
        If there are neither spectra nor images, or the pixels are larger than 50 m.

    Notes
    -----
    Lazy. ``C(y) = A C(0) exp(-(pi y / cutoff)**2)`` is fitted to the correlation of the real part of
    the spectrum at lag 1, which has no speckle, over 500 m. It is the width to which the
    motion of waves blurs the image along azimuth: some pi R/V times the standard deviation of the
    radial velocity. An image of intensity of 50 m pixels cannot show cut-offs under some 150 m.

    References
    ----------
    Kerbaol, Chapron and Vachon (1998), J. Geophys. Res. 103 (C4), 7833-7846.

    Examples
    --------
    >>> import xoceansar as xos
    >>> measured = cutoff(xos.simulate.vignettes(2, seed=1))
    >>> sorted(map(str, measured.data_vars))
    ['azimuth_cutoff', 'azimuth_cutoff_quality', 'azimuth_cutoff_standard_error']
    """
    kinds = (np.float32, np.float32, np.int8)
    values, source = _apply(obj, _fit_cutoff, 1, (), kinds, definition=definition)
    names = (
        "azimuth_cutoff",
        "azimuth_cutoff_standard_error",
        "azimuth_cutoff_quality",
    )
    out = {
        name: annotate(array, name) for name, array in zip(names, values, strict=True)
    }
    return described_as(out, obj, "cutoff", source)


def cwave(
    obj: XarrayObject,
    *,
    lineage: Literal["orthonormal", "hawaii", "ifremer"] = "orthonormal",
    shortest: float = 60.0,
    longest: float = 625.0,
) -> xr.Dataset:
    """Measure the twenty CWAVE parameters of each vignette.

    Parameters
    ----------
    obj : Dataset or DataArray
        Cross-spectra (`spectra`, or ``open_ocn(..., spectra=True)``), complex images
        (``open_wave_mode(..., complex=True)``), or calibrated images with pixels of 50 m or less.
    lineage : {"orthonormal", "hawaii", "ifremer"}, optional
        Orthonormal functions, or those that public networks were trained with.
    shortest, longest : float, optional
        Wavelengths at the ends of the domain, m.

    Returns
    -------
    Dataset
        ``cwave`` (vignette, cwave_parameter), m/rad; number ``5 (i - 1) + j`` is of polynomial i (1-4)
        in wavenumber and harmonic j (1-5) in direction. Missing where there is no spectrum.

    Raises
    ------
    MissingVariableError, DomainError
        If there are neither spectra nor images, the pixels are larger than 50 m, or the domain is empty.

    Notes
    -----
    Lazy. Of the modulus of the cross-spectrum at lag 2. An image of intensity of 50 m pixels has no
    waves under 100 m, so that its parameters are not those of the complex image.

    References
    ----------
    Schulz-Stellenfleth, Koenig and Lehner (2007), https://doi.org/10.1029/2006JC003682.

    Examples
    --------
    >>> import xoceansar as xos
    >>> dict(cwave(xos.simulate.vignettes(2, seed=1)).cwave.sizes)
    {'vignette': 2, 'cwave_parameter': 20}
    """
    ends = {"kmin": 2 * math.pi / longest, "kmax": 2 * math.pi / shortest}
    (values,), source = _apply(
        obj, _decompose, 2, ("cwave_parameter",), (np.float32,), lineage=lineage, **ends
    )
    number = xr.DataArray(np.arange(1, 21), dims="cwave_parameter")
    values = annotate(values, "cwave").assign_coords(
        cwave_parameter=annotate(number, "cwave_parameter")
    )
    return described_as({"cwave": values}, obj, "cwave", source, lineage=lineage)


def image_statistics(obj: XarrayObject) -> xr.Dataset:
    """Measure the statistics of the intensity of each vignette.

    Parameters
    ----------
    obj : Dataset or DataArray
        Complex images (``open_wave_mode(..., complex=True)``), or calibrated images.

    Returns
    -------
    Dataset
        ``normalised_variance``, ``sigma0_skewness``, ``sigma0_kurtosis`` (excess; 6 for speckle of a
        single look) and ``modulation_variance`` (vignette). Missing where there are no pixels.

    Raises
    ------
    MissingVariableError, DimensionError
        If there are no images.

    Notes
    -----
    Lazy. Of single-look intensity, as in ESA's Level-2 product, ``modulation_variance`` is
    (normalised_variance - 1) / 2, the part of the sea. Of an image of larger pixels, which averages
    speckle, the normalised variance is of both and the modulation variance is missing. Nothing is masked:
    ships and land make large values.

    Examples
    --------
    >>> import xoceansar as xos
    >>> measured = image_statistics(xos.simulate.vignettes(2, seed=1))
    >>> bool((measured.normalised_variance > 0).all())
    True
    """
    names = (
        "normalised_variance",
        "sigma0_skewness",
        "sigma0_kurtosis",
        "modulation_variance",
    )
    if isinstance(obj, xr.Dataset) and "slc" in obj:
        images, dims, quantity = obj["slc"], SLC_DIMS, "complex"
    else:
        images, quantity = find_images(obj)
        dims = (LINE, SAMPLE)
    arrays = xr.apply_ufunc(
        _count_moments,
        in_one_chunk(images, dims),
        kwargs={"quantity": quantity},
        input_core_dims=[list(dims)],
        output_core_dims=[[]] * len(names),
        dask="parallelized",
        dask_gufunc_kwargs={"meta": tuple(np.empty(0, np.float32) for _ in names)},
        keep_attrs=False,
    )
    values = {
        name: annotate(array, name) for name, array in zip(names, arrays, strict=True)
    }
    source = "single-look pixels" if quantity == "complex" else "averaged pixels"
    return described_as(values, obj, "image_statistics", source)


def _intensity_spectrum(obj: XarrayObject) -> xr.Dataset:
    """Measure the spectrum of images of intensity, on multiples of 2 pi / 4 km."""
    images, quantity = find_images(obj)
    spacing = spacing_of(images)
    if not spacing <= _COARSEST:
        raise DomainError(
            f"spectra of waves need pixels of 50 m or less; these have {spacing:g} m. Open the product "
            "with spacing=50."
        )
    density = xr.apply_ufunc(
        _transform_images,
        in_one_chunk(images, (LINE, SAMPLE)),
        kwargs={"spacing": spacing, "quantity": quantity},
        input_core_dims=[[LINE, SAMPLE]],
        output_core_dims=[list(_WAVENUMBERS)],
        dask="parallelized",
        output_dtypes=[np.float32],
        dask_gufunc_kwargs={
            "output_sizes": dict(
                zip(_WAVENUMBERS, (_COARSE.ky.size, _COARSE.kx.size), strict=True)
            )
        },
        keep_attrs=False,
    )
    axes = (_COARSE.kx, _COARSE.ky, _COARSE.dkx, _COARSE.dky)
    coords = {
        name: (_WAVENUMBERS[0] if "azimuth" in name else _WAVENUMBERS[1], values)
        for name, values in zip(AXES, axes, strict=True)
    }
    kept = {
        name: coord
        for name, coord in obj.coords.items()
        if not {LINE, SAMPLE} & set(coord.dims)
    }
    incidence = centre_incidence(images)
    if incidence is not None:
        kept["incidence"] = annotate(incidence.reset_coords(drop=True), "incidence")
    spectrum = annotate(density, "image_spectrum")
    return xr.Dataset(
        {"image_spectrum": spectrum}, {**kept, **coords}, getattr(obj, "attrs", {})
    )


def spectra_of(obj: XarrayObject) -> tuple[xr.Dataset, str]:
    """Spectra that an object holds, or those of its complex images or of its images of intensity."""
    if isinstance(obj, xr.Dataset) and "cross_spectrum_real" in obj:
        return obj, "cross-spectra"
    if isinstance(obj, xr.Dataset) and "image_spectrum" in obj:
        return obj, "intensity"
    if isinstance(obj, xr.Dataset) and "slc" in obj:
        return spectra(obj, grid="esa"), "cross-spectra"
    return _intensity_spectrum(obj), "intensity"


def cores_of(measured: xr.Dataset) -> tuple[str, str]:
    """Dims of spectra, azimuth first, whose wavenumbers are there."""
    core = _BINS if _BINS[0] in measured.dims else _WAVENUMBERS
    there = {*measured.coords, *measured.dims}
    missing = [name for name in (*AXES, *core) if name not in there]
    if missing:
        raise MissingVariableError(
            f"cross-spectra need their wavenumbers; {missing} are missing. Keep the coordinates that "
            "ds.oceansar.spectra() gives."
        )
    return core


def _apply(
    obj: XarrayObject,
    kernel: Callable[..., Array | tuple[Array, ...]],
    lag: int,
    dims: tuple[str, ...],
    kinds: tuple[type[np.generic], ...],
    **options: Any,
) -> tuple[Sequence[xr.DataArray], str]:
    """Apply a kernel to the spectrum of each vignette: given, of its looks, or of its intensity."""
    measured, source = spectra_of(obj)
    core = cores_of(measured)
    if source == "intensity":
        parts = [measured["image_spectrum"]]
    else:
        parts = [measured["cross_spectrum_real"], measured["cross_spectrum_imag"]]
        if "lag" not in parts[0].dims or lag not in measured["lag"]:
            raise DimensionError(
                f"cross-spectra at lag {lag} are needed; the dims are {parts[0].dims}. Give all the lags "
                "that ds.oceansar.spectra() gives."
            )
        parts = [part.sel(lag=lag, drop=True) for part in parts]
    arrays = xr.apply_ufunc(
        kernel,
        *(in_one_chunk(part, core).drop_vars(AXES, errors="ignore") for part in parts),
        *(measured[name].drop_vars(AXES, errors="ignore") for name in AXES),
        kwargs={"parts": len(parts), **options},
        input_core_dims=[
            *[list(core)] * len(parts),
            *([core[0] if "azimuth" in name else core[1]] for name in AXES),
        ],
        output_core_dims=[list(dims)] * len(kinds),
        dask="parallelized",
        output_dtypes=list(kinds),
        dask_gufunc_kwargs={"output_sizes": {"cwave_parameter": 20} if dims else {}},
        keep_attrs=False,
    )
    return (arrays if len(kinds) > 1 else (arrays,)), source


def split_parts(
    arrays: tuple[Array, ...], parts: int
) -> tuple[Array, npt.NDArray[np.bool_], WavenumberGrid]:
    """Complex spectrum with 0 beyond its sampling, whether there is one, and its grid."""
    real = arrays[0]
    density = real + 1j * arrays[1] if parts == 2 else real.astype(np.complex128)
    there = np.isfinite(density)
    some = np.asarray(there.any(axis=(-2, -1)))
    return np.where(there, density, 0), some, WavenumberGrid(*arrays[parts : parts + 4])


def _fit_cutoff(*arrays: Array, parts: int, definition: str) -> tuple[Array, ...]:
    from xoceansar.spectra.azimuth_cutoffs import fit_azimuth_cutoff

    density, there, grid = split_parts(arrays, parts)
    fit = fit_azimuth_cutoff(density, grid, definition=definition)
    return (
        np.where(there, fit.cutoff, np.nan).astype(np.float32),
        np.where(there, fit.standard_error, np.nan).astype(np.float32),
        np.where(there, np.where(fit.reliable, 0, 1), -1).astype(np.int8),
    )


def _decompose(*arrays: Array, parts: int, **options: Any) -> Array:
    from xoceansar.spectra.cwave import compute_cwave

    density, there, grid = split_parts(arrays, parts)
    values = compute_cwave(
        np.where(there[..., None, None], density, np.nan), grid, **options
    )
    return values.astype(np.float32)


def _transform_images(images: Array, *, spacing: float, quantity: Quantity) -> Array:
    from xoceansar.spectra.periodograms import image_spectrum

    flat = images.reshape(-1, *images.shape[-2:])
    linear = flat if quantity == "linear" else 10 ** (flat / 10)
    rows = [
        image_spectrum(image.astype(np.float32, copy=False), spacing, _COARSE)
        for image in linear
    ]
    shape = (*images.shape[:-2], _COARSE.ky.size, _COARSE.kx.size)
    return np.array(rows, np.float32).reshape(shape)


def _count_moments(images: Array, *, quantity: str) -> tuple[Array, ...]:
    from xoceansar.spectra.intensity_moments import intensity_moments

    flat = images.reshape(-1, *images.shape[-2:])
    rows = []
    for image in flat:
        linear = 10 ** (image / 10) if quantity == "dB" else image
        blocks = (linear[k : k + _LINES] for k in range(0, len(linear), _LINES))
        moments = intensity_moments(blocks)
        modulation = moments.modulation_variance if quantity == "complex" else math.nan
        rows.append(
            (
                moments.normalised_variance,
                moments.skewness,
                moments.excess_kurtosis,
                modulation,
            )
        )
    table = np.array(rows, np.float32).reshape(*images.shape[:-2], 4)
    return tuple(np.moveaxis(table, -1, 0))


def described_as(
    values: dict[str, xr.DataArray],
    obj: XarrayObject,
    operation: str,
    source: str,
    **settings: Any,
) -> xr.Dataset:
    """Label results with the coordinates of their vignettes."""
    dims = set(next(iter(values.values())).dims)
    kept = {
        name: variable
        for name, variable in obj.coords.items()
        if set(variable.dims) <= dims and name not in ("lag", *AXES)
    }
    out = xr.Dataset(values).assign_coords(kept)
    previous = obj.attrs if isinstance(obj, xr.Dataset) else {}
    out.attrs = product_attrs(operation, previous=previous, **settings)
    for variable in out.data_vars.values():
        variable.attrs |= {"measured_in": source, **settings}
        if source == "intensity":
            variable.attrs["comment"] = _OF_INTENSITY
    return out
