"""Values of the variables of a simulated Level-2 file."""

import math
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from xoceansar.sar.gmf import cmod5n
from xoceansar.simulate.products.doppler_band import LIGHT
from xoceansar.simulate.products.ocn_truth import Errors, Measured
from xoceansar.simulate.sea.environment import BEAMS
from xoceansar.simulate.sea.orbit import destination

__all__ = ["Values", "cell_values", "doppler_values", "wind_values"]

Values: TypeAlias = dict[str, Any]
Array: TypeAlias = npt.NDArray[np.float64]

_WAVELENGTH: Final = LIGHT / 5.405e9  # m
_RANGE_CUTOFF: Final = 30.0  # m
_DEPTH: Final = 4000.0  # m, of the open ocean
#: Seconds between neighbouring looks in real products.
_LOOKS_APART: Final = {"wv1": 0.184, "wv2": 0.206}
#: Variance of the texture of the image, of a calm sea and for each metre of waves: so real products come to
#: their normalised variance.
_TEXTURE: Final = {"wv1": (0.02, 0.065), "wv2": (0.02, 0.045)}
_SIZE: Final = {"wv1": (20_415.0, 20_331.0), "wv2": (21_034.0, 19_757.0)}  # m
_PIXELS: Final = {"wv1": (5345, 4909), "wv2": (4496, 4765)}
_ICE: Final = 2


def cell_values(one: Measured, errors: Errors) -> Values:
    """Values of the wave cell, which is the whole vignette."""
    texture = _TEXTURE[one.beam][0] + _TEXTURE[one.beam][1] * _known(one.swh, 2.0)
    normalised, skewness, kurtosis = _moments(texture)
    wind_sea, swell = _divided(one)
    resolved = bool(one.peak_wavelength > one.azimuth_cutoff)
    across, along = _SIZE[one.beam]
    samples, lines = _PIXELS[one.beam]
    return {
        "oswLon": one.longitude,
        "oswLat": one.latitude,
        "oswIncidenceAngle": one.incidence,
        "oswHeading": one.heading,
        "oswTotalHs": one.swh,
        "oswTotalHsStdev": errors.swh if np.isfinite(one.swh) else np.nan,
        "oswWindSeaHs": wind_sea,
        "oswPhs0": wind_sea,
        "oswHs": _first(swell),
        "oswWl": _first(one.peak_wavelength),
        "oswDirmet": _first(one.peak_direction),
        "oswAmbiFac": _first(0.1 if resolved else -0.02),
        "oswIconf": _first(0 if resolved else 1),
        "oswQualityFlagPartition": _first(1 if resolved else 3),
        "oswWindSpeed": one.wind_speed,
        "oswWindDirection": one.wind_direction,
        "oswEcmwfWindSpeed": one.model_speed,
        "oswEcmwfWindDirection": one.model_direction,
        "oswWaveAge": 1.0,
        "oswAzCutoff": one.azimuth_cutoff,
        "oswRaCutoff": _RANGE_CUTOFF,
        "oswNrcs": _decibel(one.sigma0 + one.nesz),
        "oswNrcsNeszCorr": _decibel(one.sigma0),
        "oswInten": one.sigma0 + one.nesz,
        "oswNv": normalised,
        "oswSkew": skewness,
        "oswKurt": kurtosis,
        "oswSnr": 20.0 + 2.0 * _known(one.swh, 2.0),
        "oswLookSeparationTime": _LOOKS_APART[one.beam],
        "oswNlWidth": 40.0,
        "oswDepth": _DEPTH,
        "oswLandFlag": 0,
        "oswLandCoverage": 0.0,
        "oswQualityFlag": 0,
        "oswGroundRngSize": across,
        "oswAziSize": along,
        "oswRaSizeSLC": float(samples),
        "oswAzSizeSLC": float(lines),
    }


def wind_values(one: Measured, lines: int, samples: int, incidences: int) -> Values:
    """Values of the wind grid, whose cells have the wind of the vignette."""
    longitude, latitude, x = _grid(one, lines, samples)
    incidence = one.incidence + BEAMS[one.beam].incidence_slope * x
    # the radar looks to the right of its track
    phi = one.model_direction - (one.heading + 90)
    cmod = cmod5n(one.model_speed, phi, incidence)
    steps = np.linspace(incidence.min(), incidence.max(), incidences)
    predicted = cmod5n(one.model_speed, phi, steps)
    return {
        "owiSwath": 13 + int(one.beam[2]),
        "owiSubswathCoverage": 100.0,
        "owiLon": longitude,
        "owiLat": latitude,
        "owiIncidenceAngle": incidence,
        "owiElevationAngle": 0.886 * incidence,
        "owiWindSpeed": one.wind_speed,
        "owiWindDirection": one.wind_direction,
        "owiEcmwfWindSpeed": one.model_speed,
        "owiEcmwfWindDirection": one.model_direction,
        "owiNrcs": one.sigma0 + one.nesz,
        "owiNrcsNeszCorr": one.sigma0,
        "owiNrcsCmod": cmod,
        "owiNesz": one.nesz,
        "owiPBright": 0.0,
        "owiCalConstInci": steps,
        "owiCalConstObsi": one.sigma0 / np.maximum(predicted, 1e-9),
        "owiInversionQuality": 0,
        "owiMask": _ICE if one.icy else 0,
        "owiHeading": one.heading,
        "owiWindQuality": 0 if one.icy else 4,
        "owiPolarisationName": 0 if one.parts[3] == "vv" else 2,
    }


def doppler_values(one: Measured, lines: int, samples: int) -> Values:
    """Values of the Doppler grid; the Stokes drift is 1.3 % of the wind."""
    longitude, latitude, x = _grid(one, lines, samples)
    beam = BEAMS[one.beam]
    toward = math.radians(one.wind_direction + 180)
    geometric, drift = 3.0, 0.013 * one.model_speed
    return {
        "rvlLon": longitude,
        "rvlLat": latitude,
        "rvlLandCoverage": 0.0,
        "rvlLandFlag": 0,
        "rvlIncidenceAngle": one.incidence + beam.incidence_slope * x,
        "rvlHeading": one.heading,
        "rvlNrcs": one.sigma0,
        "rvlDcObs": geometric - 2 * one.radial_velocity / _WAVELENGTH,
        "rvlDcObsStd": 0.75,
        "rvlRadVel": one.radial_velocity,
        "rvlRadVelStd": 0.02,
        "rvlDcGeo": geometric,
        "rvlDcMiss": 10.0,
        "rvlConfDcObs": 0,
        "rvlUssX": drift * math.sin(toward),
        "rvlUssY": drift * math.cos(toward),
        "rvlPitch": 0.0,
        "rvlYaw": 0.0,
        "rvlRoll": -29.1,
        "rvlSnr": 2.0,
        "rvlSweepAngle": 0.0,
        "rvlGroundRngSize": 3500.0,
        "rvlAziSize": 2800.0,
        "rvlMask": 0,
    }


def _known(value: float, otherwise: float) -> float:
    return value if np.isfinite(value) else otherwise


def _decibel(linear: float) -> float:
    return 10 * math.log10(linear) if linear > 0 else math.nan


def _first(value: float) -> list[float]:
    """Values of the five partitions, of which there is one."""
    return [value, *[math.nan] * 4]


def _moments(texture: float) -> tuple[float, float, float]:
    """Give normalised variance, skewness and excess of a K-distributed single-look intensity.

    Real products have these three together to some per cent.
    """
    second = 2 * (1 + texture)
    third = 3 * second * (1 + 2 * texture)
    fourth = 4 * third * (1 + 3 * texture)
    variance = second - 1
    skewness = (third - 3 * second + 2) / variance**1.5
    kurtosis = (fourth - 4 * third + 6 * second - 3) / variance**2 - 3
    return variance, skewness, kurtosis


def _divided(one: Measured) -> tuple[float, float]:
    """Divide the height between wind sea, which is full-grown at most, and swell."""
    grown = 0.0246 * one.wind_speed**2
    wind_sea = min(grown, 0.95 * one.swh)
    swell = math.sqrt(max(one.swh**2 - wind_sea**2, 0.0))
    return wind_sea, swell


def _grid(one: Measured, lines: int, samples: int) -> tuple[Array, Array, Array]:
    """Places of the cells of a grid: lines run with the flight, samples away from the radar.

    Shapes: longitude, latitude, metres in range from the centre (lines, samples).
    """
    width, length = _SIZE[one.beam]
    y = ((np.arange(lines) + 0.5) / lines - 0.5) * length
    x = ((np.arange(samples) + 0.5) / samples - 0.5) * width
    along, across = np.meshgrid(y, x, indexing="ij")
    bearing = one.heading + np.degrees(np.arctan2(across, along))
    longitude, latitude = destination(
        one.longitude, one.latitude, bearing, np.hypot(along, across)
    )
    return longitude, latitude, across
