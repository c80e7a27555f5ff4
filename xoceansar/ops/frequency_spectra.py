"""Wave spectra in the convention of the library wavespectra."""

import math
from typing import Final

import numpy as np
import xarray as xr

from xoceansar.conventions import annotate
from xoceansar.errors import DimensionError, MissingVariableError
from xoceansar.layout.images import in_one_chunk
from xoceansar.spectra.wave_spectra import deep_water_frequencies, frequency_spectrum

_GRID: Final = ("wave_to_direction", "wavenumber")
_REMEDY: Final = "Open products with xoceansar.open_ocn(..., spectra=True)."


def to_efth(ds: xr.Dataset, *, partitions: bool = False) -> xr.DataArray:
    """Give wave spectra over frequency and direction, as the library wavespectra has them.

    A function beside `open_ocn` rather than a method: it belongs to spectra of the sea, and the methods
    of the accessor to images. ``ds.pipe(xos.to_efth)`` reads as a method.

    Parameters
    ----------
    ds : Dataset
        With ``wave_spectrum`` (..., wave_to_direction, wavenumber), as from
        ``open_ocn(..., spectra=True)``.
    partitions : bool, optional
        Whether to give each partition its own spectrum.

    Returns
    -------
    DataArray
        ``efth`` (..., freq, dir), with `partitions` (..., part, freq, dir), float32, variance per Hz
        and degree: ``freq`` in Hz rises, ``dir`` is the direction *from* which waves come and rises
        from 0. What the spectrum is missing for, and a partition that it does not have, is missing.

    Raises
    ------
    MissingVariableError
        If there is no wave spectrum, or no partitions where they are asked for.
    DimensionError
        If the wave spectrum is not over wavenumbers and evenly spaced directions.

    Notes
    -----
    Lazy: does not load data. The variance of each cell is kept, so that ``efth.spec.hs()`` of
    wavespectra is ESA's ``oswHs`` of a partition to rounding: ``dk/df`` is the quotient of the central
    differences of both, not the analytic ``8 pi^2 f / g``, with which heights would be 0.024 % lower.
    Frequencies are those of the wavenumbers on deep water; where ``water_depth`` says that it is not
    deep, the variance moves to the lower frequencies that ``(2 pi f)^2 = g k tanh(k depth)`` gives.

    A spectrum of an image is of the waves that the radar resolves (``resolved_wavelength``), so its height
    is that of the swell, and never ``swh``. It holds some variance outside of all partitions.

    References
    ----------
    wavespectra, https://wavespectra.readthedocs.io (conventions).

    Examples
    --------
    Waves to the east come from the west:

    >>> k, phi = np.geomspace(0.005, 0.2, 60), np.arange(0.0, 360.0, 5.0)
    >>> dims = ("wave_to_direction", "wavenumber")
    >>> spectrum = xr.DataArray(np.zeros((72, 60)), {dims[0]: phi, dims[1]: k}, dims)
    >>> spectrum.loc[90.0] = 10.0
    >>> efth = to_efth(spectrum.to_dataset(name="wave_spectrum"))
    >>> dict(efth.sizes), float(efth.dir[efth.sum("freq").argmax()])
    ({'freq': 60, 'dir': 72}, 270.0)

    Of a product, by partition, and their heights by wavespectra:

    >>> import xoceansar as xos
    >>> ocn = xos.open_ocn("S1A_WV_OCN__2SSV_....SAFE", spectra=True)  # doctest: +SKIP
    >>> xos.to_efth(ocn, partitions=True).spec.hs()  # doctest: +SKIP
    """
    spectrum = _part(ds) if partitions else _spectrum(ds)
    wavenumber = spectrum["wavenumber"].values
    depth = ds["water_depth"] if "water_depth" in ds else xr.DataArray(math.inf)
    efth = xr.apply_ufunc(
        frequency_spectrum,
        in_one_chunk(spectrum, _GRID),
        spectrum["wavenumber"].drop_vars("wavenumber"),
        depth,
        input_core_dims=[_GRID, ["wavenumber"], []],
        output_core_dims=[["freq", "wave_to_direction"]],
        exclude_dims={"wavenumber"},
        dask="parallelized",
        output_dtypes=[np.float64],
        dask_gufunc_kwargs={"output_sizes": {"freq": wavenumber.size}},
    )
    efth = efth.astype(np.float32).rename(wave_to_direction="dir")
    coords = {
        "freq": deep_water_frequencies(wavenumber),
        "dir": (spectrum["wave_to_direction"].values + 180.0) % 360.0,
    }
    for name, values in coords.items():
        efth = efth.assign_coords({name: annotate(xr.DataArray(values, dims=name), name)})  # fmt: skip
    return annotate(efth.sortby("dir"), "efth")


def _spectrum(ds: xr.Dataset) -> xr.DataArray:
    if "wave_spectrum" not in ds:
        raise MissingVariableError(
            f"to_efth needs the variable 'wave_spectrum'; found {sorted(map(str, ds.data_vars))}. "
            f"{_REMEDY}"
        )
    spectrum = ds["wave_spectrum"]
    absent = [n for n in _GRID if n not in spectrum.dims or n not in spectrum.coords]
    if absent:
        raise DimensionError(
            f"wave_spectrum must have the dims {' and '.join(_GRID)} with their coordinates; it has "
            f"{tuple(spectrum.dims)}. {_REMEDY}"
        )
    circle = spectrum["wave_to_direction"].values
    steps = np.diff(np.append(circle, circle[0] + 360.0))
    if not np.allclose(steps, 360.0 / circle.size, rtol=1e-3):
        raise DimensionError(
            "to_efth needs all directions of the circle in even steps; wave_to_direction has "
            f"{circle.size} from {circle[0]:g} to {circle[-1]:g}."
        )
    return spectrum


def _part(ds: xr.Dataset) -> xr.DataArray:
    """Give each partition its own spectrum along ``part``."""
    for name in ("wave_spectrum_partition", "partition_swh"):
        if name not in ds:
            raise MissingVariableError(
                f"to_efth(partitions=True) needs the variable {name!r}. {_REMEDY}"
            )
    numbers = np.arange(ds.sizes["partition"])
    part = annotate(xr.DataArray(numbers, dims="part"), "part")
    inside = ds["wave_spectrum_partition"] == part.assign_coords(part=part)
    spectrum = _spectrum(ds)
    spectrum = spectrum.where(inside | spectrum.isnull(), 0.0).where(inside.any(_GRID))
    leading = [dim for dim in spectrum.dims if dim not in (*_GRID, "part")]
    return spectrum.transpose(*leading, "part", *_GRID)
