"""The 35 features that ESA's networks of wave height take, in the order of their scalers."""

from typing import Final

import numpy as np
import numpy.typing as npt

from xoceansar.errors import DimensionError
from xoceansar.spectra.cwave import compute_cwave
from xoceansar.spectra.macs import IMACS_BANDS, compute_imacs
from xoceansar.spectra.wavenumber_grids import WavenumberGrid

__all__ = ["SCALER_FEATURES", "assemble_scaler_features"]

_LAGS: Final = 3

#: Names in the order of ``features_names_order`` of the scalers.
SCALER_FEATURES: Final = (
    "oswSkew", "oswNv", "oswAzCutoff", "oswNrcs_lin", "oswSnr_lin", "wind_dir_projected_range", "oswWindSpeed",
    *(f"imacs_{short}_{long}" for short, long in IMACS_BANDS),
    *(f"cwave_{n}" for n in range(1, 21)),
)  # fmt: skip


def assemble_scaler_features(
    spectra: npt.ArrayLike,
    grid: WavenumberGrid,
    *,
    skewness: npt.ArrayLike,
    normalised_variance: npt.ArrayLike,
    azimuth_cutoff: npt.ArrayLike,
    sigma0: npt.ArrayLike,
    snr: npt.ArrayLike,
    wind_speed: npt.ArrayLike,
    wind_to_direction: npt.ArrayLike,
    ground_heading: npt.ArrayLike,
) -> npt.NDArray[np.float64]:
    """Assemble the 35 features of ESA's networks of the wind sea and of the first partition.

    Shapes: spectra (..., 3, azimuth, range) -> (..., 35); all else (...).

    Parameters
    ----------
    spectra : array_like
        Cross-spectra at lags 0, 1 and 2, (m/rad)^2, half plane kx >= 0.
    grid : WavenumberGrid
        Wavenumbers, rad/m: ESA's, on which the networks were trained.
    skewness, normalised_variance : array_like
        Of the intensity at full resolution, single look.
    azimuth_cutoff : array_like
        Metres.
    sigma0 : array_like
        Linear, with the noise in it.
    snr : array_like
        Signal to noise ratio, linear.
    wind_speed : array_like
        At 10 m, m/s.
    wind_to_direction, ground_heading : array_like
        Degrees clockwise from north: where the wind blows to, and the direction of flight.

    Returns
    -------
    ndarray of float64
        In the order of `SCALER_FEATURES`; each in its own units, not scaled.

    Raises
    ------
    DimensionError
        If there are no three lags.

    Notes
    -----
    ``wind_dir_projected_range`` is ``cos(heading - atan2(v, u))``, a compass angle less a
    mathematical one, hence ``sin(heading + wind_to_direction)``; the component of the wind along
    range would be ``sin(wind_to_direction - heading)``. The networks were trained with the former;
    it is good for nothing else. IMACS is of lag 1, CWAVE ("hawaii") of lag 2.

    References
    ----------
    The features and scalers of ``s1tools/sar_hswind_predictor``, MIT licence.

    Examples
    --------
    >>> from xoceansar.spectra.wavenumber_grids import esa_grid
    >>> features = assemble_scaler_features(
    ...     np.ones((3, 185, 128), complex), esa_grid(4.68, 4.15), skewness=2.5,
    ...     normalised_variance=1.2, azimuth_cutoff=208.0, sigma0=0.021, snr=135.0,
    ...     wind_speed=6.7, wind_to_direction=43.0, ground_heading=203.0,
    ... )  # fmt: skip
    >>> features[:7].round(3).tolist()
    [2.5, 1.2, 208.0, 0.021, 135.0, -0.914, 6.7]
    """
    values = np.asarray(spectra)
    if values.ndim < 3 or values.shape[-3] != _LAGS:
        raise DimensionError(
            "the features need cross-spectra at lags 0, 1 and 2, shaped (..., 3, azimuth, range), "
            f"and these are {values.shape}. Pass all three lags."
        )
    turned = np.radians(np.asarray(ground_heading) + np.asarray(wind_to_direction))
    scalars = (skewness, normalised_variance, azimuth_cutoff, sigma0, snr, np.sin(turned), wind_speed)  # fmt: skip
    imacs = compute_imacs(values[..., 1, :, :], grid)
    cwave = compute_cwave(values[..., 2, :, :], grid, lineage="hawaii")
    lead = np.broadcast_shapes(imacs.shape[:-1], *(np.shape(s) for s in scalars))
    columns = [np.broadcast_to(np.asarray(s, np.float64), lead) for s in scalars]
    spectral = [
        np.broadcast_to(part, (*lead, part.shape[-1])) for part in (imacs, cwave)
    ]
    return np.concatenate([np.stack(columns, axis=-1), *spectral], axis=-1)
