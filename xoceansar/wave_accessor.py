"""Accessor methods that measure waves in the complex image, without a model."""

import xarray as xr

from xoceansar import ops
from xoceansar.ops.wave_spectra import Grid

__all__ = ["WaveMethods"]


class WaveMethods:
    """What spectra of the looks of each vignette say of the sea."""

    _obj: xr.Dataset

    def spectra(self, *, grid: Grid = "regular") -> xr.Dataset:
        """Measure co- and cross-spectra of three looks at each vignette; needs no model.

        Parameters
        ----------
        grid : {"regular", "esa"}, optional
            Wavenumbers: multiples of 2 pi / 4 km, or those of ESA's Level-2 product.

        Returns
        -------
        Dataset
            ``cross_spectrum_real``, ``cross_spectrum_imag`` (vignette, lag, azimuth_wavenumber,
            range_wavenumber), (m/rad)**2. Lazy; see `xoceansar.ops.spectra`.
        """
        return ops.spectra(self._obj, grid=grid)

    def radial_velocity(self) -> xr.Dataset:
        """Tell the velocity of the sea away from the radar by the Doppler anomaly; needs no model.

        Returns
        -------
        Dataset
            ``doppler_anomaly`` (vignette), Hz; ``radial_velocity`` (vignette), m/s, positive away from
            the radar. In memory; see `xoceansar.ops.radial_velocity`.
        """
        return ops.radial_velocity(self._obj)
