"""Velocity of the sea along the line of sight, by the Doppler centroid."""

import xarray as xr

from xoceansar.conventions import annotate, product_attrs
from xoceansar.errors import MissingVariableError

_NEEDED = ("doppler_centroid", "doppler_centroid_geometric", "radar_wavelength")


def radial_velocity(obj: xr.Dataset) -> xr.Dataset:
    """Tell the velocity of the sea away from the radar by the Doppler anomaly of the annotation.

    Parameters
    ----------
    obj : Dataset
        What ``open_wave_mode(..., complex=True)`` gives, or its spectra: with ``doppler_centroid``,
        ``doppler_centroid_geometric`` (Hz) and ``radar_wavelength`` (m).

    Returns
    -------
    Dataset
        ``doppler_anomaly`` (vignette), Hz: centroid of the data less that of orbit and attitude;
        ``radial_velocity`` (vignette), m/s along the line of sight, positive away from the radar. No
        pixel is read.

    Raises
    ------
    MissingVariableError
        If the Doppler centroids are absent.

    Notes
    -----
    ``radial_velocity = -(wavelength / 2) (doppler_centroid - doppler_centroid_geometric)``, as in ESA's
    Level-2 product. Waves and wind make most of it, the current little. The attitude
    of the satellite is not known well enough: 1 Hz is 0.028 m/s, and errors of 25 Hz, 0.7 m/s, are
    common in Wave Mode. Differences between neighbouring vignettes of an orbit are of more use than the value.

    References
    ----------
    Chapron, Collard and Ardhuin (2005), https://doi.org/10.1029/2004JC002809.
    Sentinel-1 Product Specification, S1-RS-MDA-52-7441 (RVL component).

    Examples
    --------
    >>> import xarray as xr
    >>> ds = xr.Dataset(
    ...     {
    ...         "doppler_centroid": ("vignette", [-30.0]),
    ...         "doppler_centroid_geometric": ("vignette", [-5.0]),
    ...         "radar_wavelength": ("vignette", [0.0554658]),
    ...     }
    ... )
    >>> radial_velocity(ds).radial_velocity.values.round(3).tolist()
    [0.693]
    """
    missing = [name for name in _NEEDED if name not in obj]
    if missing:
        raise MissingVariableError(
            f"the radial velocity needs {missing}, of the annotation of the SLC product. Open it with "
            "xoceansar.open_wave_mode(..., complex=True)."
        )
    centroid, geometry, wavelength = (
        obj[name].reset_coords(drop=True) for name in _NEEDED
    )
    anomaly = centroid - geometry
    out = xr.Dataset(
        {
            "doppler_anomaly": annotate(anomaly, "doppler_anomaly"),
            "radial_velocity": annotate(-wavelength / 2 * anomaly, "radial_velocity"),
        },
        coords={
            name: variable
            for name, variable in obj.coords.items()
            if set(variable.dims) <= set(anomaly.dims)
        },
    )
    out.attrs = product_attrs("radial_velocity", previous=obj.attrs)
    return out
