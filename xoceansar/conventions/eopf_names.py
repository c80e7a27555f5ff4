"""Where the variables of a Level-2 OCN file are in an EOPF product.

Transcribed from the mappings of ESA's converter (eopf 2.8.1 and 3.0.0), which agree.
"""

from collections.abc import Mapping
from typing import Final

__all__ = ["COMPONENTS", "DIMS", "EOPF_PATHS"]

#: The components of a product, and how their variables begin in a file.
COMPONENTS: Final = ("osw", "owi", "rvl")

_OSW: Final = {
    "conditions": {
        "k": "K", "phi": "Phi", "longitude": "Lon", "latitude": "Lat",
        "kx": "Kx", "ky": "Ky", "jx": "Jx", "jy": "Jy",
        "ambiguity_factor": "AmbiFac",
        "auxiliary_wind_direction": "EcmwfWindDirection",
        "auxiliary_wind_speed": "EcmwfWindSpeed",
        "azimuth_cutoff": "AzCutoff",
        "azimuth_size": "AziSize",
        "azimuth_size_slc": "AzSizeSLC",
        "cartesian_spectra_imaginary": "CartSpecIm",
        "cartesian_spectra_real": "CartSpecRe",
        "clutter_noise_cross_covariance_spectra": "Pclut1",
        "clutter_noise_cross_spectra": "Pclut2",
        "depth": "Depth",
        "ground_range_size": "GroundRngSize",
        "heading": "Heading",
        "incidence_angle": "IncidenceAngle",
        "intensity": "Inten",
        "kurtosis": "Kurt",
        "land_coverage": "LandCoverage",
        "land_flag": "LandFlag",
        "look_separation_time": "LookSeparationTime",
        "non_linear_spectral_width": "NlWidth",
        "normalised_variance": "Nv",
        "nrcs": "Nrcs",
        "nrcs_denoised": "NrcsNeszCorr",
        "polar_spectrum": "PolSpec",
        "polar_spectrum_normalised_variance": "PolSpecNV",
        "range_cutoff": "RaCutoff",
        "range_size_slc": "RaSizeSLC",
        "skewness": "Skew",
        "spectrum_resolution": "SpecRes",
        "wind_direction": "WindDirection",
        "wind_speed": "WindSpeed",
    },
    "measurements": {
        "hs": "Hs",
        "hs_normalised_variance": "HsNV",
        "partitions": "Partitions",
        "total_hs": "TotalHs",
        "total_hs_standard_deviation": "TotalHsStdev",
        "wave_age": "WaveAge",
        "wave_direction": "Dirmet",
        "wave_length": "Wl",
        "wind_sea_hs": "WindSeaHs",
    },
    "quality": {
        "i_confidence": "Iconf",
        "partition_quality_flag": "QualityFlagPartition",
        "quality_cross_spectra_imaginary_part": "QualityCrossSpectraIm",
        "quality_cross_spectra_real_part": "QualityCrossSpectraRe",
        "quality_flag": "QualityFlag",
        "snr": "Snr",
    },
}  # fmt: skip
_OWI: Final = {
    "conditions": {
        "longitude": "Lon", "latitude": "Lat",
        "auxiliary_wind_direction": "EcmwfWindDirection",
        "auxiliary_wind_speed": "EcmwfWindSpeed",
        "elevation_angle": "ElevationAngle",
        "heading": "Heading",
        "incidence_angle": "IncidenceAngle",
        "mask": "Mask",
        "nesz": "Nesz",
        "nrcs": "Nrcs",
        "nrcs_noise_corrected": "NrcsNeszCorr",
        "nrcs_wind_gmf": "NrcsCmod",
    },
    "measurements": {"wind_direction": "WindDirection", "wind_speed": "WindSpeed"},
    "quality": {
        "calibration_constant": "CalConstObsi",
        "inversion_quality": "InversionQuality",
        "percentage_bright_points": "PBright",
        "wind_quality": "WindQuality",
    },
}  # fmt: skip
_RVL: Final = {
    "conditions": {
        "longitude": "Lon", "latitude": "Lat",
        "azimuth_size": "AziSize",
        "dc_geo": "DcGeo",
        "dc_miss": "DcMiss",
        "dc_obs": "DcObs",
        "ground_range_size": "GroundRngSize",
        "heading": "Heading",
        "incidence_angle": "IncidenceAngle",
        "land_coverage": "LandCoverage",
        "land_flag": "LandFlag",
        "nrcs": "Nrcs",
        "pitch": "Pitch",
        "roll": "Roll",
        "slant_range_time": "SlantRangeTime",
        "stokes_drift_x": "UssX",
        "stokes_drift_y": "UssY",
        "sweep_angle": "SweepAngle",
        "yaw": "Yaw",
        "zero_doppler_time": "ZeroDopplerTime",
    },
    "measurements": {
        "radial_velocity": "RadVel",
        "radial_velocity_standard_deviation": "RadVelStd",
    },
    "quality": {
        "dc_obs_confidence": "ConfDcObs",
        "dc_obs_std": "DcObsStd",
        "snr": "Snr",
    },
}  # fmt: skip

#: Component, group and name in an EOPF product, by the name in a file.
EOPF_PATHS: Final[Mapping[str, tuple[str, str, str]]] = {
    f"{component}{safe}": (component, group, name)
    for component, groups in zip(COMPONENTS, (_OSW, _OWI, _RVL), strict=True)
    for group, names in groups.items()
    for name, safe in names.items()
}

#: Dims of a file, without the component, by those of an EOPF product.
DIMS: Final[Mapping[str, str]] = {
    "azimuth": "AzSize",
    "range": "RaSize",
    "partition": "Partitions",
    "angular_binsize": "AngularBinSize",
    "wavenumber_binsize": "WavenumberBinSize",
    "lag": "Lag",
    "ky": "KyBinSize",
    "kx": "KxBinSize",
    "polarisation": "Polarisation",
    "calib_const_inc_angles": "IncSize",
}
