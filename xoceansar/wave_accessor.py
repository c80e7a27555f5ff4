"""Accessor methods that measure waves in the complex image, without a model."""

from typing import Literal

import xarray as xr

from xoceansar import ops
from xoceansar.ops.look_spectra import Grid

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

    def cutoff(
        self, *, definition: Literal["range_lag_0", "range_mean"] = "range_lag_0"
    ) -> xr.Dataset:
        """Measure the azimuth cut-off wavelength of each vignette; needs no model.

        Parameters
        ----------
        definition : {"range_lag_0", "range_mean"}, optional
            Which correlation along azimuth is fitted.

        Returns
        -------
        Dataset
            ``azimuth_cutoff``, ``azimuth_cutoff_standard_error`` (vignette), m, and
            ``azimuth_cutoff_quality``. Lazy; see `xoceansar.ops.cutoff`.
        """
        return ops.cutoff(self._obj, definition=definition)

    def cwave(
        self,
        *,
        lineage: Literal["orthonormal", "hawaii", "ifremer"] = "orthonormal",
        shortest: float = 60.0,
        longest: float = 625.0,
    ) -> xr.Dataset:
        """Measure the twenty CWAVE parameters of each vignette; needs no model.

        Parameters
        ----------
        lineage : {"orthonormal", "hawaii", "ifremer"}, optional
            Orthonormal functions, or those that public networks were trained with.
        shortest, longest : float, optional
            Wavelengths at the ends of the domain, m.

        Returns
        -------
        Dataset
            ``cwave`` (vignette, cwave_parameter), m/rad. Lazy; see `xoceansar.ops.cwave`.
        """
        return ops.cwave(self._obj, lineage=lineage, shortest=shortest, longest=longest)

    def image_statistics(self) -> xr.Dataset:
        """Measure the statistics of the intensity of each vignette; needs no model.

        Returns
        -------
        Dataset
            ``normalised_variance``, ``sigma0_skewness``, ``sigma0_kurtosis``,
            ``modulation_variance`` (vignette). Lazy; see `xoceansar.ops.image_statistics`.
        """
        return ops.image_statistics(self._obj)

    def radial_velocity(self) -> xr.Dataset:
        """Tell the velocity of the sea away from the radar by the Doppler anomaly; needs no model.

        Returns
        -------
        Dataset
            ``doppler_anomaly`` (vignette), Hz; ``radial_velocity`` (vignette), m/s, positive away from
            the radar. In memory; see `xoceansar.ops.radial_velocity`.
        """
        return ops.radial_velocity(self._obj)
