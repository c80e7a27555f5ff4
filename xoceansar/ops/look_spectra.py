"""Spectra of the complex image, without a model."""

import math
from collections.abc import Callable
from typing import Any, Final, Literal

import numpy as np
import xarray as xr

from xoceansar._typing import Array
from xoceansar.constants import EARTH_RADIUS
from xoceansar.conventions import LINE, SAMPLE, annotate, product_attrs
from xoceansar.errors import DimensionError, DomainError, MissingVariableError, warn
from xoceansar.layout.images import in_one_chunk
from xoceansar.spectra.wavenumber_grids import WavenumberGrid, esa_grid, regular_grid

Grid = Literal["regular", "esa"]

SLC_DIMS: Final = ("slc_line", "slc_sample")
#: What is needed of each vignette beside its image.
_NEEDED: Final = (
    "azimuth_spacing",
    "range_spacing",
    "azimuth_frequency",
    "azimuth_bandwidth",
    "azimuth_window",
    "doppler_centroid",
    "azimuth_fm_rate",
)
#: Of the regular grid: steps of 2 pi / 4 km, up to waves of 25 m.
_REGULAR: Final = regular_grid(12.5, 12.5, 320, 320)
_DIMS: Final = {
    "regular": ("azimuth_wavenumber", "range_wavenumber"),
    "esa": ("azimuth_bin", "range_bin"),
}
#: Of the two parts of the spectra, the variance of a look, the masked fraction, the periodograms.
_DTYPES: Final = (np.float32, np.float32, np.float32, np.float32, np.int16)
#: Half of a vignette, m, in which land is looked for before each of its cells is.
_REACH: Final = 11_000.0
_LAGS: Final = (0, 1, 2)


def spectra(obj: xr.Dataset, *, grid: Grid = "regular") -> xr.Dataset:
    """Measure co- and cross-spectra of three looks at each vignette.

    Parameters
    ----------
    obj : Dataset
        With complex images: ``open_wave_mode(..., complex=True)``.
    grid : {"regular", "esa"}, optional
        Wavenumbers: multiples of 2 pi / 4 km for all vignettes alike, up to waves of 25 m; or those of
        ESA's Level-2 product, which widen as a hyperbolic sine up to waves of 5 m in range and 15 m
        in azimuth and depend on the pixels of each vignette.

    Returns
    -------
    Dataset
        ``cross_spectrum_real`` and ``cross_spectrum_imag`` (vignette, lag, azimuth_wavenumber,
        range_wavenumber), (m/rad)**2, of the relative modulation of intensity on the half plane of
        waves that go away from the radar or towards it alike: the other half is the complex conjugate. The
        imaginary part is positive at wavenumbers towards which waves travel. ``lag`` counts
        ``look_separation_time`` (vignette), s; lag 0 has no imaginary part.
        ``look_variance``: of the intensity of a look over its local mean squared, speckle included;
        ``noise_share``: of the thermal noise in the mean intensity, where sigma0 and nesz are there;
        ``periodograms``: how many were averaged; ``masked_fraction``: share that bright targets, land and
        missing pixels take. On ESA's grid the dims are (vignette, lag, azimuth_bin, range_bin) and the
        wavenumbers coordinates of (vignette, bin). Missing rows where there is no image or no band.

    Raises
    ------
    MissingVariableError
        If there are no complex images, or nothing says how they were focused.
    DimensionError
        If `grid` is another.

    Notes
    -----
    Lazy: does not load data; each task reads one vignette, needs some 0.7 GB of memory and gives
    a chunk of one vignette. Looks are adjacent thirds of the processed band, with the processor's window divided
    out; each is detected, divided by its local mean (Gaussian of 1 km) and less 1. Cells of 50 m that
    are eight times brighter than that mean are masked, with what is around them, and so is land where
    roaring-landmask is installed. Periodograms have
    1024 x 1024 pixels of the complex image and overlap by half (Hann window, mean removed). Speckle is taken
    out of lag 0, and the resolution of a look divided out. With the spectra X_n of look n by rising
    Doppler frequency, that is by falling time,

    S_l(k) = < X_(n+l)(k) conj X_n(k) >, the mean over periodograms and pairs (3, 2, 1).

    References
    ----------
    Engen and Johnsen (1995), https://doi.org/10.1109/36.406690.
    Sentinel-1 Product Specification, S1-RS-MDA-52-7441 (grid of the OSW component).

    Examples
    --------
    >>> ds = xoceansar.open_wave_mode(
    ...     "S1A_WV_SLC__1SSV_....SAFE", complex=True
    ... )  # doctest: +SKIP
    >>> ds.oceansar.spectra().cross_spectrum_imag.sel(lag=1)  # doctest: +SKIP
    """
    if grid not in _DIMS:
        raise DimensionError(f"grid={grid!r} is not one of {list(_DIMS)}.")
    slc = _complex_images(obj)
    middle, slope = _incidence_profile(obj)
    nowhere = xr.full_like(middle, math.nan, float)
    place = [
        obj.get(name, nowhere) for name in ("longitude", "latitude", "ground_heading")
    ]
    dims = ["lag", *_DIMS[grid]]
    arrays = xr.apply_ufunc(
        _measure,
        in_one_chunk(slc, SLC_DIMS),
        *(obj[name] for name in _NEEDED[:-1]),
        middle,
        slope,
        *(values.reset_coords(drop=True) for values in place),
        kwargs={"grid": grid},
        input_core_dims=[list(SLC_DIMS), *[[]] * (len(_NEEDED) + 4)],
        output_core_dims=[dims, dims, [], [], []],
        dask="parallelized",
        dask_gufunc_kwargs={
            "output_sizes": dict(zip(dims, _sizes(grid), strict=True)),
            # by output_dtypes dask would cast complex to real, with a warning
            "meta": tuple(np.empty(0, dtype) for dtype in _DTYPES),
        },
        keep_attrs=False,
    )
    names = (
        "cross_spectrum_real",
        "cross_spectrum_imag",
        "look_variance",
        "masked_fraction",
        "periodograms",
    )
    values = {
        name: annotate(array, name) for name, array in zip(names, arrays, strict=True)
    }
    if "nesz" in obj and "sigma0" in obj:
        noise = obj["nesz"].mean((LINE, SAMPLE))
        share = noise / (obj["sigma0"].mean((LINE, SAMPLE)) + noise)
        values["noise_share"] = annotate(share.astype(np.float32), "noise_share")
    separation = obj["azimuth_bandwidth"] / 3 / abs(obj["azimuth_fm_rate"])
    kept = {
        name: variable
        for name, variable in obj.coords.items()
        if not set(variable.dims) & set(SLC_DIMS)
    }
    out = xr.Dataset(values, coords=kept).assign_coords(
        {
            "lag": annotate(xr.DataArray(list(_LAGS), dims="lag"), "lag"),
            "look_separation_time": annotate(separation, "look_separation_time"),
            **_wavenumbers(obj, grid),
        }
    )
    out.attrs = product_attrs("spectra", previous=obj.attrs, grid=grid)
    return out


def _complex_images(obj: xr.Dataset) -> xr.DataArray:
    if not isinstance(obj, xr.Dataset) or "slc" not in obj:
        raise MissingVariableError(
            "spectra of looks need the complex image 'slc' (vignette, slc_line, slc_sample). Open the "
            "SLC product with xoceansar.open_wave_mode(..., complex=True)."
        )
    missing = [name for name in (*_NEEDED, "incidence") if name not in obj]
    if missing:
        raise MissingVariableError(
            f"spectra of looks need {missing}, which say how the image was focused and seen. Keep the "
            "coordinates that xoceansar.open_wave_mode(..., complex=True) gives."
        )
    slc = obj["slc"]
    if not np.issubdtype(slc.dtype, np.complexfloating) or set(SLC_DIMS) - set(
        slc.dims
    ):
        raise MissingVariableError(
            f"'slc' must be complex with the dims slc_line and slc_sample; it is {slc.dtype} with "
            f"{slc.dims}. Open the product with xoceansar.open_wave_mode(..., complex=True)."
        )
    return slc


def _incidence_profile(obj: xr.Dataset) -> tuple[xr.DataArray, xr.DataArray]:
    """Incidence at the middle, radians, and its slope along ground range, radians per metre."""
    incidence = obj["incidence"] * (math.pi / 180)
    if "sample" not in incidence.dims:
        return incidence, xr.zeros_like(incidence)
    spacing = obj.get("pixel_spacing", xr.DataArray(50.0))
    width = max(incidence.sizes["sample"] - 1, 1) * spacing
    near = incidence.isel(sample=0, drop=True)
    far = incidence.isel(sample=-1, drop=True)
    return (near + far) / 2, (far - near) / width


def _wavenumbers(obj: xr.Dataset, grid: Grid) -> dict[str, xr.DataArray]:
    """Wavenumbers and widths of cells, as coordinates."""
    azimuth, range_ = _DIMS[grid]
    if grid == "regular":
        arrays = {
            "azimuth_wavenumber": (azimuth, _REGULAR.ky),
            "range_wavenumber": (range_, _REGULAR.kx),
            "azimuth_wavenumber_width": (azimuth, _REGULAR.dky),
            "range_wavenumber_width": (range_, _REGULAR.dkx),
        }
        return {
            name: annotate(xr.DataArray(values, dims=dim), name)
            for name, (dim, values) in arrays.items()
        }
    # The grid of pixels of 1 m, which those of other pixels are a part of.
    unit = esa_grid(1.0, 1.0)
    scaled = {
        "azimuth_wavenumber": (azimuth, unit.ky, "azimuth_spacing"),
        "range_wavenumber": (range_, unit.kx, "range_spacing"),
        "azimuth_wavenumber_width": (azimuth, unit.dky, "azimuth_spacing"),
        "range_wavenumber_width": (range_, unit.dkx, "range_spacing"),
    }
    return {
        name: annotate((1 / obj[spacing]) * xr.DataArray(values, dims=dim), name)
        for name, (dim, values, spacing) in scaled.items()
    }


def _measure(slc: Array, *scalars: Array, grid: Grid) -> tuple[Array, ...]:
    """Measure a block with any leading dims; a module-level name for Dask to call."""
    leading = slc.shape[:-2]
    images = slc.reshape(-1, *slc.shape[-2:])
    rows = [np.broadcast_to(values, leading).reshape(-1) for values in scalars]
    measured = [
        _measure_one(image, *(float(values[i]) for values in rows), grid=grid)
        for i, image in enumerate(images)
    ]
    shapes = (_sizes(grid), _sizes(grid), (), (), ())
    return tuple(
        np.array([row[k] for row in measured], dtype).reshape(*leading, *shape)
        for k, (shape, dtype) in enumerate(zip(shapes, _DTYPES, strict=True))
    )


def _measure_one(
    image: Array,
    azimuth_spacing: float,
    range_spacing: float,
    frequency: float,
    bandwidth: float,
    window: float,
    centroid: float,
    incidence: float,
    slope: float,
    longitude: float,
    latitude: float,
    heading: float,
    *,
    grid: Grid,
) -> tuple[Any, ...]:
    from xoceansar.spectra.look_images import AzimuthBand, form_looks
    from xoceansar.spectra.periodograms import average_periodograms

    axes = _grid_of(grid, range_spacing, azimuth_spacing)
    missing = np.full(_sizes(grid), np.nan, np.float32)
    nothing = missing, missing, math.nan, math.nan, 0
    band = AzimuthBand(frequency, bandwidth, window, centroid)
    image = _cropped(image)
    known = (
        azimuth_spacing,
        range_spacing,
        frequency,
        bandwidth,
        window,
        centroid,
        incidence,
    )
    if not image.size or not np.isfinite(known).all():
        return nothing
    middle = (image.shape[1] - 1) / 2
    metres = (np.arange(image.shape[1]) - middle) * range_spacing
    along = range_spacing * math.sin(incidence) / np.sin(incidence + slope * metres)
    try:
        looks = form_looks(
            image,
            band,
            azimuth_spacing,
            range_spacing,
            _land_around(longitude, latitude, heading),
        )
    except DomainError as error:
        warn(f"{error} The spectra of that vignette are missing.")
        return nothing
    result = average_periodograms(looks, azimuth_spacing, along, axes)
    return (
        result.density.real,
        result.density.imag,
        result.variance,
        looks.masked_fraction,
        result.periodograms,
    )


def _sizes(grid: Grid) -> tuple[int, int, int]:
    cells = _grid_of(grid, 1.0, 1.0)
    return len(_LAGS), cells.ky.size, cells.kx.size


def _grid_of(
    grid: Grid, range_spacing: float, azimuth_spacing: float
) -> WavenumberGrid:
    return _REGULAR if grid == "regular" else esa_grid(range_spacing, azimuth_spacing)


def _land_around(
    longitude: float, latitude: float, heading: float
) -> Callable[[Array, Array], Array] | None:
    """Give what tells land by metres from the middle; None where there is none, or nothing knows."""
    from xoceansar.sar.land import available, is_land

    if not available() or not np.isfinite([longitude, latitude, heading]).all():
        return None
    turn = math.radians(heading)

    def tell(along: Array, across: Array) -> Array:
        north = along * math.cos(turn) - across * math.sin(turn)
        east = along * math.sin(turn) + across * math.cos(turn)
        wide = (
            EARTH_RADIUS * math.radians(1) * max(math.cos(math.radians(latitude)), 1e-3)
        )
        return is_land(
            longitude + east / wide, latitude + north / (EARTH_RADIUS * math.radians(1))
        )

    ends = np.linspace(-_REACH, _REACH, 24)
    return tell if tell(*np.meshgrid(ends, ends)).any() else None


def _cropped(image: Array) -> Array:
    """Cut off the lines and samples that no image has: those of larger ones beside it."""
    there = ~np.isnan(image.real)
    lines = np.flatnonzero(there[:, :: max(image.shape[1] // 64, 1)].any(axis=1))
    samples = np.flatnonzero(there[:: max(image.shape[0] // 64, 1)].any(axis=0))
    if not lines.size or not samples.size:
        return image[:0, :0]
    return image[: lines[-1] + 1, : samples[-1] + 1]
