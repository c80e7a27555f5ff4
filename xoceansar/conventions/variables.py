"""The attributes of every variable: one immutable table that every output passes through.

References
----------
CF standard name table, version 93 (2026-03-17), https://cfconventions.org/.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

import numpy as np


def _freeze(
    table: Mapping[str, Mapping[str, Any]],
) -> Mapping[str, Mapping[str, Any]]:
    return MappingProxyType({k: MappingProxyType(dict(v)) for k, v in table.items()})


_SIGMA0_NAME = "surface_backwards_scattering_coefficient_of_radar_wave"

VARIABLES: Final = _freeze(
    {
        # images
        "sigma0": {
            "standard_name": _SIGMA0_NAME,
            "long_name": "calibrated, noise-corrected normalised radar cross section",
            "units": "1",
            "comment": "linear; may be slightly negative where the noise was subtracted",
        },
        "sigma0_raw": {
            "standard_name": _SIGMA0_NAME,
            "long_name": "calibrated normalised radar cross section before noise removal",
            "units": "1",
            "comment": "linear",
        },
        "sigma0_db": {
            "long_name": "calibrated, noise-corrected normalised radar cross section in decibel",
            "units": "dB",
        },
        "nesz": {
            "long_name": "noise-equivalent sigma zero",
            "units": "1",
            "comment": "linear",
        },
        "slc": {
            "long_name": "calibrated complex image",
            "units": "1",
            "comment": "its squared modulus is sigma0 with noise, linear; NaN beyond the image",
        },
        "quicklook": {
            "long_name": "grey levels of a published quick-look of the roughness",
            "units": "1",
            "comment": "stretched for the eye; not calibrated sigma0",
        },
        # per vignette, from the product
        "incidence": {
            "standard_name": "angle_of_incidence",
            "long_name": "incidence angle at the ellipsoid",
            "units": "degree",
        },
        "azimuth_spacing": {
            "long_name": "distance on the ground between lines of the complex image",
            "units": "m",
        },
        "range_spacing": {
            "long_name": "mean distance on the ground between samples of the complex image",
            "units": "m",
        },
        "azimuth_frequency": {
            "long_name": "lines of the complex image per second",
            "units": "Hz",
        },
        "azimuth_bandwidth": {
            "long_name": "processed Doppler bandwidth",
            "units": "Hz",
        },
        "azimuth_window": {
            "long_name": "coefficient of the Hamming window of the azimuth processing",
            "units": "1",
            "comment": "1: no window",
        },
        "azimuth_fm_rate": {
            "long_name": "azimuth frequency-modulation rate at the middle of the image",
            "units": "Hz s-1",
        },
        "slant_range": {
            "long_name": "slant range of the middle of the image",
            "units": "m",
        },
        "platform_velocity": {
            "standard_name": "platform_speed_wrt_ground",
            "long_name": "speed of the satellite over the turning Earth",
            "units": "m s-1",
        },
        "radar_wavelength": {
            "standard_name": "radiation_wavelength",
            "long_name": "wavelength of the radar",
            "units": "m",
        },
        # spectra of the complex image
        "noise_share": {
            "long_name": "share of the thermal noise in the mean intensity",
            "units": "1",
        },
        "swell_height": {
            "standard_name": "sea_surface_swell_wave_significant_height",
            "long_name": "significant height of each swell system, within the azimuth cut-off",
            "units": "m",
        },
        "swell_height_standard_error": {
            "standard_name": "sea_surface_swell_wave_significant_height standard_error",
            "long_name": "standard error of the significant height of each swell system",
            "units": "m",
        },
        "swell_wavelength": {
            "long_name": "wavelength of the peak of each swell system",
            "units": "m",
        },
        "swell_to_direction": {
            "standard_name": "sea_surface_swell_wave_to_direction",
            "long_name": "direction to which each swell system travels, clockwise from north",
            "units": "degree",
        },
        "swell_direction_confidence": {
            "long_name": "probability that a swell system does not travel to the opposite direction",
            "units": "1",
            "comment": "0.5: nothing tells, and the direction is in [0, 180)",
        },
        "image_spectrum": {
            "long_name": "spectrum of the relative modulation of the intensity of an image",
            "units": "m2 rad-2",
            "comment": "speckle and noise taken off; it does not tell where waves go",
        },
        "azimuth_cutoff_standard_error": {
            "long_name": "standard error of the fit of the azimuth cut-off",
            "units": "m",
        },
        "azimuth_cutoff_quality": {
            "long_name": "quality of the fit of the azimuth cut-off",
            "flag_values": np.array([0, 1], dtype=np.int8),
            "flag_meanings": "good poor",
            "comment": "good: 60 to 600 m, and a standard error of at most 15 %; -1: missing",
        },
        "cwave": {
            "long_name": "CWAVE parameters of the modulus of the cross-spectrum",
            "units": "m rad-1",
        },
        "cwave_parameter": {
            "long_name": "number of the CWAVE parameter, 5 (polynomial - 1) + harmonic",
            "units": "1",
        },
        "modulation_variance": {
            "long_name": "variance of the relative modulation of the intensity by the sea",
            "units": "1",
        },
        "inputs_out_of_range": {
            "long_name": "inputs of a network beyond those that it was trained on",
            "units": "1",
        },
        "doppler_anomaly": {
            "long_name": "Doppler centroid of the data less that of orbit and attitude",
            "units": "Hz",
        },
        "look_variance": {
            "long_name": "variance of the intensity of a look over its local mean, speckle included",
            "units": "1",
        },
        "periodograms": {
            "long_name": "number of periodograms that were averaged",
            "units": "1",
            "comment": "neighbours overlap by half",
        },
        "masked_fraction": {
            "long_name": "share of the vignette that bright targets and missing pixels take",
            "units": "1",
        },
        "longitude": {
            "standard_name": "longitude",
            "long_name": "longitude of the vignette centre",
            "units": "degrees_east",
            "valid_range": np.array([-180.0, 180.0]),
        },
        "latitude": {
            "standard_name": "latitude",
            "long_name": "latitude of the vignette centre",
            "units": "degrees_north",
        },
        "corner_longitude": {
            "standard_name": "longitude",
            "long_name": "longitude of the vignette corners",
            "units": "degrees_east",
            "comment": "order: first line near range, first line far range, "
            "last line far range, last line near range",
        },
        "corner_latitude": {
            "standard_name": "latitude",
            "long_name": "latitude of the vignette corners",
            "units": "degrees_north",
            "comment": "order: first line near range, first line far range, "
            "last line far range, last line near range",
        },
        "time": {
            "standard_name": "time",
            "long_name": "UTC time of the vignette centre",
        },
        "ground_heading": {
            "long_name": "heading of the satellite track on the ground, clockwise from north",
            "units": "degree",
        },
        "pixel_spacing": {
            "long_name": "ground spacing of the pixels in azimuth and in range",
            "units": "m",
        },
        "beam": {
            "long_name": "wave mode beam, wv1 (near range) or wv2 (far range), or another mode"
        },
        "polarisation": {"long_name": "transmit and receive polarisation"},
        "platform": {"long_name": "satellite"},
        # tiles of a wide swath
        "row": {"long_name": "row of the tile along azimuth, from the first line"},
        "column": {"long_name": "column of the tile along range, from near range"},
        "azimuth_distance": {
            "long_name": "distance of the middle of the tile from the first line",
            "units": "m",
        },
        "range_distance": {
            "long_name": "ground distance of the middle of the tile from near range",
            "units": "m",
        },
        "tile_size": {"long_name": "side of the tile", "units": "m"},
        "source_spacing": {
            "long_name": "coarsest ground spacing of the pixels that the tile was made from",
            "units": "m",
        },
        "product": {"long_name": "name of the product that holds the vignette"},
        "vignette_id": {
            "cf_role": "timeseries_id",
            "long_name": "annotation file stem of the vignette, unique in the archive",
        },
        "ipf_version": {"long_name": "version of the Sentinel-1 processor"},
        "noise_scaling": {
            "long_name": "factor applied to the noise vectors of the product",
            "units": "1",
            "comment": "1 except for IPF 2.90 and 2.91 (S-1 Mission Performance Centre)",
        },
        "no_data_fraction": {
            "long_name": "fraction of the pixels without data",
            "units": "1",
        },
        "below_noise_fraction": {
            "long_name": "fraction of the pixels at or below the noise floor",
            "units": "1",
        },
        # products
        "embedding_vector": {
            "long_name": "embedding of the vignette by the backbone",
            "units": "1",
        },
        "sigma0_mean": {
            "standard_name": _SIGMA0_NAME,
            "long_name": "mean of sigma0 over the part of the vignette that the model sees",
            "units": "1",
            "cell_methods": "line: sample: mean",
        },
        "valid_fraction": {
            "long_name": "fraction of the pixels with data, over the part that the model sees",
            "units": "1",
        },
        "embedding_precision": {
            "long_name": "floating-point numbers in which the network computed",
            "flag_values": np.array([16, 32], dtype=np.int8),
            "flag_meanings": "bf16 fp32",
        },
        "ood_score": {
            "long_name": "how far from the training set: fraction of in-distribution "
            "vignettes with an embedding nearer to it",
            "units": "1",
            "valid_range": np.array([0.0, 1.0], dtype=np.float32),
        },
        "texture_cos2": {
            "long_name": "cosine of twice the angle of the kilometre-scale texture to the look "
            "direction, times its anisotropy",
            "units": "1",
        },
        "texture_sin2": {
            "long_name": "sine of twice the angle of the kilometre-scale texture to the look "
            "direction, times its anisotropy",
            "units": "1",
        },
        "texture_power": {
            "long_name": "spectral power of the texture in bands of wavelength and direction, "
            "10 log10 of dB2 in a cell of the spectrum",
            "units": "dB",
        },
        "texture_percentile": {
            "long_name": "percentiles of the texture about the mean of the vignette",
            "units": "dB",
        },
        "texture_mean": {
            "long_name": "mean texture of windows about the mean of the vignette",
            "units": "dB",
        },
        "texture_spread": {
            "long_name": "variance of the texture in windows, 10 log10 of dB2",
            "units": "dB",
        },
        "texture_gradient": {
            "long_name": "absolute log ratio of the mean sigma0 of neighbouring squares",
            "units": "dB",
        },
        "texture_valid_fraction": {
            "long_name": "share of the windows of the texture without a missing pixel",
            "units": "1",
            "valid_range": np.array([0.0, 1.0], dtype=np.float32),
        },
        "wavelength": {
            "long_name": "geometric middle of a band of wavelengths",
            "units": "m",
            "bounds": "wavelength_bounds",
        },
        "wavelength_bounds": {
            "long_name": "ends of a band of wavelengths",
            "units": "m",
        },
        "direction": {
            "long_name": "direction of the wavenumber from the look direction towards the "
            "flight direction",
            "units": "degree",
        },
        "percentile": {"long_name": "share of the pixels below", "units": "percent"},
        "separation": {
            "long_name": "side of the squares that are compared",
            "units": "m",
        },
        "swh": {
            "standard_name": "sea_surface_wave_significant_height",
            "long_name": "significant wave height",
            "units": "m",
        },
        "swh_lower": {
            "long_name": "lower bound of the significant wave height",
            "units": "m",
        },
        "swh_upper": {
            "long_name": "upper bound of the significant wave height",
            "units": "m",
        },
        "wind_speed": {
            "standard_name": "wind_speed",
            "long_name": "equivalent neutral wind speed at 10 m",
            "units": "m s-1",
        },
        "wind_speed_lower": {
            "long_name": "lower bound of the equivalent neutral wind speed at 10 m",
            "units": "m s-1",
        },
        "wind_speed_upper": {
            "long_name": "upper bound of the equivalent neutral wind speed at 10 m",
            "units": "m s-1",
        },
        "wind_to_direction": {
            "standard_name": "wind_to_direction",
            "long_name": "direction to which the wind blows, clockwise from north",
            "units": "degree",
        },
        "wind_to_direction_ambiguities": {
            "standard_name": "wind_to_direction",
            "long_name": "the two directions, 180 degrees apart, to either of which the wind "
            "blows, clockwise from north",
            "units": "degree",
            "comment": "an image tells the axis of the wind and not its end; along ambiguity: "
            "the end under 180 degrees, the other end; the order says nothing",
        },
        "wind_to_direction_standard_error": {
            "standard_name": "wind_to_direction standard_error",
            "long_name": "expected root-mean-square error of the wind axis",
            "units": "degree",
            "comment": "errors of an axis are at most 90 degrees; 52 where nothing is known",
        },
        "ocean_class": {"long_name": "dominant ocean phenomenon"},
        "class_probability": {
            "long_name": "probability of each ocean phenomenon",
            "units": "1",
        },
        "detection": {
            "long_name": "rank of the detection in its vignette, from 0 for the best",
            "units": "1",
        },
        "iceberg_count": {"long_name": "number of icebergs", "units": "1"},
        "searched_area": {
            "long_name": "area that was searched for icebergs",
            "units": "km2",
        },
        "iceberg_score": {
            "long_name": "confidence that a detection is an iceberg",
            "units": "1",
        },
        "iceberg_longitude": {
            "standard_name": "longitude",
            "long_name": "longitude of the iceberg",
            "units": "degrees_east",
        },
        "iceberg_latitude": {
            "standard_name": "latitude",
            "long_name": "latitude of the iceberg",
            "units": "degrees_north",
        },
        "iceberg_azimuth_extent": {
            "long_name": "extent of the iceberg along azimuth",
            "units": "m",
        },
        "iceberg_range_extent": {
            "long_name": "extent of the iceberg along ground range",
            "units": "m",
        },
        "iceberg_box": {
            "long_name": "smallest box around each iceberg, as fractions of the image",
            "units": "1",
            "comment": "along edge: line_min, sample_min, line_max, sample_max",
        },
        "peak_wavelength": {
            "long_name": "wavelength at the peak of the directional wave spectrum",
            "units": "m",
        },
        "peak_to_direction": {
            "long_name": "direction to which the waves of the spectral peak travel, "
            "clockwise from north",
            "units": "degree",
        },
        "azimuth_cutoff": {
            "long_name": "shortest wavelength that the radar resolves along azimuth",
            "units": "m",
        },
        "quality": {
            "standard_name": "quality_flag",
            "long_name": "what to know before using the vignette",
        },
        "domain": {
            "standard_name": "quality_flag",
            "long_name": "in what the vignette differs from those that the model was trained on",
        },
        "observed_polarisation": {
            "long_name": "polarisation that was measured, before it was converted"
        },
        # on a grid
        "observation_count": {
            "standard_name": "number_of_observations",
            "long_name": "number of vignettes with a value",
            "units": "1",
        },
        "iceberg_density": {
            "long_name": "icebergs per 1,000 km2 searched",
            "units": "1e-9 m-2",
        },
        "class_occurrence": {
            "long_name": "fraction of the vignettes that are of each class",
            "units": "1",
        },
        # Level-2 OCN products
        "source_product": {"long_name": "name of the SLC product that was processed"},
        "swh_standard_error": {
            "standard_name": "sea_surface_wave_significant_height standard_error",
            "long_name": "standard deviation of the significant wave height",
            "units": "m",
        },
        "swh_quality": {"long_name": "quality of the wave inversion"},
        "wind_sea_swh": {
            "standard_name": "sea_surface_wind_wave_significant_height",
            "long_name": "significant wave height of the wind sea",
            "units": "m",
        },
        "wind_quality": {"long_name": "quality of the wind inversion"},
        "wind_speed_mean": {
            "standard_name": "wind_speed",
            "long_name": "mean wind speed of the cells of the wind grid",
            "units": "m s-1",
        },
        "wind_to_direction_mean": {
            "standard_name": "wind_to_direction",
            "long_name": "mean direction to which the wind blows, of the cells of the wind "
            "grid, clockwise from north",
            "units": "degree",
        },
        "wind_speed_model": {
            "standard_name": "wind_speed",
            "long_name": "wind speed at 10 m by ECMWF, as the product has it",
            "units": "m s-1",
        },
        "wind_to_direction_model": {
            "standard_name": "wind_to_direction",
            "long_name": "direction to which the wind blows by ECMWF, clockwise from north",
            "units": "degree",
        },
        "range_cutoff": {
            "long_name": "shortest wavelength that the radar resolves along range",
            "units": "m",
        },
        "normalised_variance": {
            "long_name": "variance of the intensity over its squared mean",
            "units": "1",
        },
        "sigma0_skewness": {"long_name": "skewness of the intensity", "units": "1"},
        "sigma0_kurtosis": {"long_name": "kurtosis of the intensity", "units": "1"},
        "sigma0_raw_mean": {
            "standard_name": _SIGMA0_NAME,
            "long_name": "mean of sigma0 of the vignette before noise removal",
            "units": "1",
            "comment": "linear",
        },
        "water_depth": {
            "standard_name": "sea_floor_depth_below_sea_surface",
            "long_name": "water depth",
            "units": "m",
        },
        "land_fraction": {
            "standard_name": "land_area_fraction",
            "long_name": "fraction of the vignette that is land",
            "units": "1",
        },
        "partition_swh": {
            "long_name": "significant wave height of each partition of the spectrum",
            "units": "m",
        },
        "partition_wavelength": {
            "long_name": "dominant wavelength of each partition of the spectrum",
            "units": "m",
        },
        "partition_to_direction": {
            "long_name": "direction to which the waves of each partition travel, clockwise "
            "from north",
            "units": "degree",
        },
        "partition_ambiguity": {
            "long_name": "whether the two opposite directions of each partition are told apart"
        },
        "partition_quality": {"long_name": "quality of each partition of the spectrum"},
        "partition_ambiguity_factor": {
            "long_name": "how far the cross-spectrum speaks for the direction of each partition",
            "units": "1",
        },
        # spectra of the image and of the sea
        "cross_spectrum_real": {
            "long_name": "real part of the cross-spectrum of looks at the image intensity",
            "units": "m2 rad-2",
            "comment": "half plane of range wavenumbers from 0 up; twice its sum times the widths of "
            "the cells, and once where the range wavenumber is 0, is the variance of the "
            "relative modulation of intensity",
        },
        "cross_spectrum_imag": {
            "long_name": "imaginary part of the cross-spectrum of looks at the image intensity",
            "units": "m2 rad-2",
            "comment": "positive at wavenumbers towards which waves travel",
        },
        "azimuth_wavenumber": {
            "long_name": "wavenumber along azimuth, positive along the flight",
            "units": "rad m-1",
        },
        "range_wavenumber": {
            "long_name": "wavenumber along ground range, positive away from the radar",
            "units": "rad m-1",
        },
        "azimuth_wavenumber_width": {
            "long_name": "width of the cells of the spectrum along azimuth",
            "units": "rad m-1",
        },
        "range_wavenumber_width": {
            "long_name": "width of the cells of the spectrum along ground range",
            "units": "rad m-1",
        },
        "lag": {
            "long_name": "separation of the two looks, in looks",
            "units": "1",
        },
        "look_separation_time": {
            "long_name": "time between neighbouring looks",
            "units": "s",
        },
        "wave_spectrum": {
            "long_name": "variance density of the height of the waves over wavenumber vectors",
            "units": "m4 rad-2",
        },
        "wave_spectrum_partition": {
            "long_name": "partition that each cell of the wave spectrum belongs to, from 0",
            "comment": "-1: none",
        },
        "wavenumber": {"long_name": "wavenumber of the waves", "units": "rad m-1"},
        "wave_to_direction": {
            "standard_name": "sea_surface_wave_to_direction",
            "long_name": "direction to which the waves travel, clockwise from north",
            "units": "degree",
        },
        "quality_cross_spectrum_real": {
            "long_name": "real part of the cross-spectrum on the grid of the wave spectrum",
            "units": "m2 rad-2",
        },
        "quality_cross_spectrum_imag": {
            "long_name": "imaginary part of the cross-spectrum on the grid of the wave spectrum",
            "units": "m2 rad-2",
        },
        "resolved_wavelength": {
            "long_name": "shortest wavelength that the radar resolves in each direction",
            "units": "m",
        },
        "cross_spectrum_snr": {
            "long_name": "ratio of signal to noise of the cross-spectra",
            "units": "1",
            "comment": "linear",
        },
        # Doppler
        "radial_velocity": {
            "standard_name": "radial_velocity_of_scatterers_away_from_instrument",
            "long_name": "velocity of the surface along the line of sight, away from the radar",
            "units": "m s-1",
        },
        "radial_velocity_standard_error": {
            "standard_name": "radial_velocity_of_scatterers_away_from_instrument standard_error",
            "long_name": "precision of the velocity along the line of sight",
            "units": "m s-1",
        },
        "radial_velocity_valid_fraction": {
            "long_name": "share of the cells of the Doppler grid that are confident",
            "units": "1",
            "valid_range": np.array([0.0, 1.0]),
        },
        "doppler_centroid": {
            "long_name": "centroid of the Doppler spectrum",
            "units": "Hz",
        },
        "doppler_centroid_geometric": {
            "long_name": "centroid of the Doppler spectrum that orbit and attitude predict",
            "units": "Hz",
        },
        "doppler_mispointing": {
            "long_name": "part of the Doppler centroid that is put down to mispointing of the antenna",
            "units": "Hz",
        },
        "stokes_drift_eastward": {
            "standard_name": "sea_surface_wave_stokes_drift_eastward_velocity",
            "long_name": "eastward Stokes drift at the surface by a wave model",
            "units": "m s-1",
        },
        "stokes_drift_northward": {
            "standard_name": "sea_surface_wave_stokes_drift_northward_velocity",
            "long_name": "northward Stokes drift at the surface by a wave model",
            "units": "m s-1",
        },
        # spectra as the library wavespectra has them
        "efth": {
            "standard_name": "sea_surface_wave_directional_variance_spectral_density",
            "long_name": "variance density of the height of the waves over frequency and direction",
            "units": "m2 s degree-1",
        },
        "freq": {
            "standard_name": "wave_frequency",
            "long_name": "frequency of the waves",
            "units": "Hz",
        },
        "dir": {
            "standard_name": "sea_surface_wave_from_direction",
            "long_name": "direction from which the waves come, clockwise from north",
            "units": "degree",
        },
        "part": {"long_name": "partition of the wave spectrum, from 0", "units": "1"},
        # archives: one row for each product that was processed
        "source_path": {"long_name": "where the product was read"},
        "first_row": {
            "long_name": "index of the first vignette of the product in the archive",
            "units": "1",
        },
        "row_count": {
            "long_name": "number of vignettes that the product gave to the archive",
            "units": "1",
        },
        "repeated_count": {
            "long_name": "number of vignettes left out: the archive had them already",
            "units": "1",
        },
        "processing_status": {
            "long_name": "whether the product could be processed",
            "flag_values": np.array([0, 1], dtype=np.int8),
            "flag_meanings": "done failed",
        },
        "failure_reason": {"long_name": "why the product could not be processed"},
        "manifest_sha256": {
            "long_name": "SHA-256 of the product's manifest, which tells it from every other"
        },
        "processing_notes": {"long_name": "what to know about the product"},
        "processing_time": {
            "standard_name": "time",
            "long_name": "UTC time at which the product was processed",
        },
        "place_distance": {
            "long_name": "great-circle distance from the place",
            "units": "km",
        },
        # collocation
        "collocation_distance": {
            "long_name": "great-circle distance from the vignette to what it was matched with",
            "units": "km",
        },
        "collocation_time_offset": {
            "long_name": "time of what the vignette was matched with, minus its own"
        },
        "collocation_flag": {"long_name": "how the vignette was matched"},
        "collocation_count": {
            "long_name": "number of reference samples that were averaged",
            "units": "1",
        },
        # search
        "score": {"long_name": "similarity of the match to the query", "units": "1"},
        "index": {"long_name": "position of the match along vignette; -1 for none"},
        "query_id": {"long_name": "annotation file stem of the query"},
    }
)
