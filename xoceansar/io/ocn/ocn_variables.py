"""Which variables of a Level-2 OCN Wave Mode product become which of ours.

The wave (OSW) component has one cell for the vignette, the wind (OWI) component a grid of about
1 km, and the Doppler (RVL) component a coarser one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from xoceansar.sar.calibration import NESZ_RANGE

__all__ = [
    "FLAGS",
    "N_PARTITIONS",
    "OLD_WORDS",
    "PARTITIONS",
    "SCALARS",
    "Kind",
    "PartitionField",
    "ScalarField",
]

Kind = Literal["value", "to_direction", "decibel", "percent", "mean", "mean_direction"]

#: Partitions that the processor can write.
N_PARTITIONS: Final = 5
_CIRCLE: Final = (0.0, 360.0)
_WAVES: Final = (0.0, 30.0)
_WIND: Final = (0.0, 100.0)
#: Beyond the pulse repetition frequency of 1650 Hz.
_DOPPLER: Final = (-2e3, 2e3)
_CURRENT: Final = (-30.0, 30.0)

#: Meanings of the flags, by their values from 0.
FLAGS: Final[Mapping[str, tuple[str, ...]]] = {
    "swh_quality": ("good", "medium", "low", "poor"),
    "wind_quality": ("no_data", "bad", "suspect", "acceptable", "good"),
    "partition_ambiguity": ("resolved", "not_resolved"),
    "partition_quality": ("very_good", "good", "medium", "low", "poor"),
    "doppler_confidence": ("confident", "not_confident"),
}
#: Words of processors before 4.00, whose flag of the wind counts the other way.
OLD_WORDS: Final = {
    "wind_quality": {"medium": "acceptable", "low": "suspect", "poor": "bad"}
}


@dataclass(frozen=True)
class ScalarField:
    """One number for each vignette.

    Parameters
    ----------
    source : str
        Variable of the product.
    limits : tuple of float
        Least and largest value that can be, both included, in the unit of the product. Where the
        least is 0, negative values are fill values.
    kind : str
        How it is read: as it is; a direction from which, turned by 180 degrees; decibel or
        percent to a fraction; or the mean over the valid cells of its grid.
    """

    source: str
    limits: tuple[float, float]
    kind: Kind = "value"


@dataclass(frozen=True)
class PartitionField:
    """One number for each partition of the wave spectrum.

    Parameters
    ----------
    source : str
        Variable of the product.
    limits : tuple of float
        As of `ScalarField`.
    flag : bool
        Whether it is a CF flag, kept as int8 with the fill value -1.
    """

    source: str
    limits: tuple[float, float] = (0.0, np.inf)
    flag: bool = False


SCALARS: Final = {
    "longitude": ScalarField("oswLon", (-180.0, 360.0)),
    "latitude": ScalarField("oswLat", (-90.0, 90.0)),
    "incidence": ScalarField("oswIncidenceAngle", (18.0, 45.0)),
    "ground_heading": ScalarField("oswHeading", _CIRCLE),
    "swh": ScalarField("oswTotalHs", _WAVES),
    "swh_standard_error": ScalarField("oswTotalHsStdev", _WAVES),
    "wind_sea_swh": ScalarField("oswWindSeaHs", _WAVES),
    "wind_speed": ScalarField("oswWindSpeed", _WIND),
    "wind_to_direction": ScalarField("oswWindDirection", _CIRCLE, "to_direction"),
    "wind_speed_mean": ScalarField("owiWindSpeed", _WIND, "mean"),
    "wind_to_direction_mean": ScalarField(
        "owiWindDirection", _CIRCLE, "mean_direction"
    ),
    "wind_speed_model": ScalarField("oswEcmwfWindSpeed", _WIND),
    "wind_to_direction_model": ScalarField(
        "oswEcmwfWindDirection", _CIRCLE, "to_direction"
    ),
    "azimuth_cutoff": ScalarField("oswAzCutoff", (0.0, 5e3)),
    "range_cutoff": ScalarField("oswRaCutoff", (0.0, 5e3)),
    "normalised_variance": ScalarField("oswNv", (0.0, 1e4)),
    "sigma0_skewness": ScalarField("oswSkew", (-1e3, 1e4)),
    "sigma0_kurtosis": ScalarField("oswKurt", (-1e2, 1e8)),
    "sigma0_mean": ScalarField("oswNrcsNeszCorr", (-60.0, 20.0), "decibel"),
    "sigma0_raw_mean": ScalarField("oswNrcs", (-60.0, 20.0), "decibel"),
    "nesz": ScalarField("owiNesz", (0.0, NESZ_RANGE[1]), "mean"),
    "cross_spectrum_snr": ScalarField("oswSnr", (-100.0, 100.0), "decibel"),
    "look_separation_time": ScalarField("oswLookSeparationTime", (0.0, 5.0)),
    "radial_velocity": ScalarField("rvlRadVel", (-60.0, 60.0), "mean"),
    "radial_velocity_standard_error": ScalarField("rvlRadVelStd", (0.0, 60.0), "mean"),
    "doppler_centroid": ScalarField("rvlDcObs", _DOPPLER, "mean"),
    "doppler_centroid_geometric": ScalarField("rvlDcGeo", _DOPPLER, "mean"),
    "doppler_mispointing": ScalarField("rvlDcMiss", _DOPPLER, "mean"),
    "stokes_drift_eastward": ScalarField("rvlUssX", _CURRENT, "mean"),
    "stokes_drift_northward": ScalarField("rvlUssY", _CURRENT, "mean"),
    "water_depth": ScalarField("oswDepth", (-9e3, 12e3)),
    "land_fraction": ScalarField("oswLandCoverage", (0.0, 100.0), "percent"),
}

PARTITIONS: Final = {
    "partition_swh": PartitionField("oswHs", _WAVES),
    "partition_wavelength": PartitionField("oswWl", (0.0, 5e3)),
    "partition_to_direction": PartitionField("oswDirmet", _CIRCLE),
    "partition_ambiguity_factor": PartitionField("oswAmbiFac", (-100.0, 100.0)),
    "partition_ambiguity": PartitionField("oswIconf", flag=True),
    "partition_quality": PartitionField("oswQualityFlagPartition", flag=True),
}
