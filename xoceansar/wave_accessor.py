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

        Examples
        --------
        >>> ds = xoceansar.open_wave_mode(  # doctest: +SKIP
        ...     "S1A_WV_SLC__1SSV_....SAFE", complex=True
        ... )
        >>> ds.oceansar.spectra().oceansar.plot.spectrum()  # doctest: +SKIP
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

        Examples
        --------
        >>> import xoceansar as xos
        >>> sea = xos.simulate.vignettes(2, seed=1)
        >>> bool((sea.oceansar.cutoff().azimuth_cutoff > 50).all())
        True
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

        Examples
        --------
        >>> import xoceansar as xos
        >>> sea = xos.simulate.vignettes(1, seed=1)
        >>> sea.oceansar.cwave().cwave.shape
        (1, 20)
        """
        return ops.cwave(self._obj, lineage=lineage, shortest=shortest, longest=longest)

    def swell(self) -> xr.Dataset:
        """Retrieve the swell systems that each vignette shows; needs no model.

        Returns
        -------
        Dataset
            ``swell_height``, ``swell_height_standard_error``, m, ``swell_wavelength``, m,
            ``swell_to_direction``, degrees, and ``swell_direction_confidence`` (vignette,
            swell_system). Lazy; see `xoceansar.ops.swell`.

        Examples
        --------
        >>> import xoceansar as xos
        >>> sea = xos.simulate.vignettes(1, seed=1)
        >>> sea.oceansar.swell().swell_height.attrs["units"]
        'm'
        """
        return ops.swell(self._obj)

    def image_statistics(self) -> xr.Dataset:
        """Measure the statistics of the intensity of each vignette; needs no model.

        Returns
        -------
        Dataset
            ``normalised_variance``, ``sigma0_skewness``, ``sigma0_kurtosis``,
            ``modulation_variance`` (vignette). Lazy; see `xoceansar.ops.image_statistics`.

        Examples
        --------
        >>> import xoceansar as xos
        >>> sea = xos.simulate.vignettes(1, seed=1)
        >>> sea.oceansar.image_statistics().normalised_variance.dims
        ('vignette',)
        """
        return ops.image_statistics(self._obj)

    def radial_velocity(self) -> xr.Dataset:
        """Tell the velocity of the sea away from the radar by the Doppler anomaly; needs no model.

        Returns
        -------
        Dataset
            ``doppler_anomaly`` (vignette), Hz; ``radial_velocity`` (vignette), m/s, positive away from
            the radar. In memory; see `xoceansar.ops.radial_velocity`.

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
        >>> ds.oceansar.radial_velocity().doppler_anomaly.values.tolist()
        [-25.0]
        """
        return ops.radial_velocity(self._obj)
