"""Swell systems by the cross-spectra of each vignette."""

import math
from typing import Final, cast

import numpy as np
import xarray as xr

from xoceansar._typing import Array
from xoceansar.constants import EARTH_RADIUS
from xoceansar.conventions import LINE, SAMPLE, annotate
from xoceansar.errors import MissingVariableError
from xoceansar.layout.images import XarrayObject, in_one_chunk
from xoceansar.ops.wave_measures import (
    AXES,
    cores_of,
    described_as,
    spectra_of,
    split_parts,
)
from xoceansar.spectra.quasi_linear import SYSTEMS

_SYSTEM: Final = "swell_system"
_NAMES: Final = (
    "swell_height",
    "swell_height_standard_error",
    "swell_wavelength",
    "swell_to_direction",
    "swell_direction_confidence",
)
#: Of Sentinel-1: height of the orbit, m, and speed over the turning Earth, m/s.
_ALTITUDE: Final = 715e3
_SPEED: Final = 7575.0


def swell(obj: XarrayObject) -> xr.Dataset:
    """Retrieve the swell systems that each vignette shows, by the quasi-linear transform.

    Parameters
    ----------
    obj : Dataset or DataArray
        Cross-spectra (`spectra`, or ``open_ocn(..., spectra=True)``), complex images
        (``open_wave_mode(..., complex=True)``), or calibrated images with pixels of 50 m or less; with
        ``incidence`` and ``ground_heading``.

    Returns
    -------
    Dataset
        Of (vignette, swell_system), the highest of at most five first, missing after the last:
        ``swell_height``, significant, m, with ``swell_height_standard_error``; ``swell_wavelength``, m, of the
        peak; ``swell_to_direction``, degrees clockwise from north; ``swell_direction_confidence``, the
        probability that it is not the opposite: 0.5 for images of intensity, whose directions are
        in [0, 180).

    Raises
    ------
    MissingVariableError, DomainError
        If there are neither spectra nor images, the pixels are larger than 50 m, or incidence or heading
        is absent.

    Notes
    -----
    Lazy. Waves within the azimuth cut-off, from 30 to 800 m, and the height of that part: a high
    wind sea that travels along the track is not among them. The equations are those of
    ``xoceansar.spectra.swell_inversion``:

    ``Re S = 0.5 exp(-(ky cutoff / pi)**2) cos(omega tau) (|T(k)|**2 F(k) + |T(-k)|**2 F(-k))``.

    The slant range and velocity of the annotation are used where they are there, those of the orbit
    of Sentinel-1 otherwise; modulations are raised by the share of the noise (``noise_share``)
    where it is known.

    References
    ----------
    Engen and Johnsen (1995), https://doi.org/10.1109/36.406690.
    Hasselmann and Hasselmann (1991), https://doi.org/10.1029/91JC00302.

    Examples
    --------
    >>> import xoceansar as xos
    >>> dict(swell(xos.simulate.vignettes(2, seed=1)).swell_height.sizes)
    {'vignette': 2, 'swell_system': 5}
    """
    measured, source = spectra_of(obj)
    core = cores_of(measured)
    missing = [
        name for name in ("incidence", "ground_heading") if name not in measured.coords
    ]
    if missing:
        raise MissingVariableError(
            f"swell needs the coordinates {missing}, by which waves are imaged and directions known. "
            "xoceansar.open_wave_mode gives them; else ds.assign_coords(...), in degrees."
        )
    incidence = measured["incidence"]
    incidence = incidence.mean([dim for dim in (LINE, SAMPLE) if dim in incidence.dims])
    lagged = source == "cross-spectra"
    names = (
        ("cross_spectrum_real", "cross_spectrum_imag")
        if lagged
        else ("image_spectrum",)
    )
    parts = [in_one_chunk(measured[name], [*["lag"] * lagged, *core]) for name in names]
    zero = xr.zeros_like(measured["ground_heading"], float)
    facts = (
        incidence,
        _range_to_velocity(measured, incidence),
        measured["ground_heading"],
        measured["look_separation_time"] if lagged else zero,
        measured.get("noise_share", zero),
        measured.get("periodograms", zero + _PERIODOGRAMS),
    )
    stray = (*AXES, "lag", "incidence")
    arrays = xr.apply_ufunc(
        _retrieve,
        *(part.drop_vars(stray, errors="ignore") for part in parts),
        *(measured[name].drop_vars(stray, errors="ignore") for name in AXES),
        *(
            fact.reset_coords(drop=True).drop_vars(stray, errors="ignore")
            for fact in facts
        ),
        kwargs={"parts": len(parts), "lagged": lagged},
        input_core_dims=[
            *[[*["lag"] * lagged, *core]] * len(parts),
            *([core[0] if "azimuth" in name else core[1]] for name in AXES),
            *[[]] * len(facts),
        ],
        output_core_dims=[[_SYSTEM]] * len(_NAMES),
        dask="parallelized",
        output_dtypes=[np.float32] * len(_NAMES),
        dask_gufunc_kwargs={"output_sizes": {_SYSTEM: SYSTEMS}},
        keep_attrs=False,
    )
    values = {
        name: annotate(array, name) for name, array in zip(_NAMES, arrays, strict=True)
    }
    return described_as(values, obj, "swell", source)


#: Periodograms of spectra that do not say of how many they are averages: those of a vignette
#: of 20 km in tiles of 4 km.
_PERIODOGRAMS: Final = 25.0


def _range_to_velocity(measured: xr.Dataset, incidence: xr.DataArray) -> xr.DataArray:
    """Slant range over velocity of the platform, s."""
    if "slant_range" in measured and "platform_velocity" in measured:
        return measured["slant_range"] / measured["platform_velocity"]
    cosine = cast("xr.DataArray", np.cos(incidence * (math.pi / 180)))
    up = EARTH_RADIUS * cosine
    more = _ALTITUDE**2 + 2 * _ALTITUDE * EARTH_RADIUS
    slant = (up**2 + more) ** 0.5 - up
    return slant / _SPEED


def _retrieve(*arrays: Array, parts: int, lagged: bool) -> tuple[Array, ...]:
    """Retrieve a block with any leading dims; a module-level name for Dask to call."""
    from xoceansar.spectra.azimuth_cutoffs import fit_azimuth_cutoff
    from xoceansar.spectra.swell_inversion import retrieve_swell

    filled, there, grid = split_parts(arrays, parts)
    incidence, beta, heading, separation, noise, periodograms = arrays[parts + 4 :]
    density = arrays[0] + 1j * arrays[1] if parts == 2 else arrays[0]
    if not lagged:
        density, filled, there = (
            density[..., None, :, :],
            filled[..., None, :, :],
            there[..., None],
        )
    fit = fit_azimuth_cutoff(filled[..., min(1, filled.shape[-3] - 1), :, :], grid)
    cutoff = np.where(there.all(axis=-1), fit.cutoff, np.nan)
    systems = retrieve_swell(
        density,
        grid,
        cutoff=cutoff,
        cutoff_error=np.nan_to_num(fit.standard_error),
        incidence=incidence,
        beta=beta,
        ground_heading=heading,
        look_separation=separation,
        noise_share=np.nan_to_num(noise),
        periodograms=np.maximum(periodograms, 1),
    )
    return tuple(np.asarray(values, np.float32) for values in systems)
