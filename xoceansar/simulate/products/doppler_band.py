"""The azimuth spectrum of a simulated image: where it lies, its window, and when it saw the sea.

A frequency f above the Doppler centroid was seen ``f / |FM rate|`` before closest approach: what is
approached comes first.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from xoceansar.simulate.products.product_geometry import Frame

__all__ = [
    "AZIMUTH_BANDWIDTH",
    "LIGHT",
    "RADAR_FREQUENCY",
    "WINDOW_COEFFICIENT",
    "ZERO_DOPPLER",
    "DopplerBand",
    "draw_doppler_band",
    "fm_rate",
    "range_time",
]

Array = npt.NDArray[np.float64]

#: Speed of light, m/s.
LIGHT: Final = 299792458.0
RADAR_FREQUENCY: Final = 5.405000454334350e9  # Hz
#: Processed in azimuth, Hz: three times the look width of ESA's level 2 (445.7 Hz).
AZIMUTH_BANDWIDTH: Final = 1337.0
#: Of the Hamming windows in azimuth and in range.
WINDOW_COEFFICIENT: Final = 0.75

_LARGEST_CENTROID: Final = 40.0  # Hz, of the geometry
_LARGEST_TREND: Final = 1e5  # Hz/s: six over a swath


def range_time(frame: Frame, sample: npt.ArrayLike) -> Array:
    """Return the two-way slant range time of samples, s."""
    result: Array = 2 * frame.slant_range(sample) / LIGHT
    return result


def fm_rate(frame: Frame, sample: npt.ArrayLike) -> Array:
    """Return the azimuth FM rate ``-2 V Vg / (lambda R)`` of samples, Hz/s."""
    ground_speed = frame.azimuth_spacing / frame.line_interval
    satellite_speed = float(np.linalg.norm(frame.track.velocity(0.0)))
    wavelength = LIGHT / RADAR_FREQUENCY
    result: Array = (
        -2 * ground_speed * satellite_speed / (wavelength * frame.slant_range(sample))
    )
    return result


@dataclass(frozen=True)
class DopplerBand:
    """Doppler centroids, as polynomials of the two-way range time after that of sample 0.

    Parameters
    ----------
    geometry : tuple of float
        That of a resting Earth, Hz, Hz/s, Hz/s^2.
    motion : float
        What the mean motion of the sea adds, Hz: ``-2 v / lambda``, v positive away from the radar.
    """

    geometry: tuple[float, float, float] = (0.0, 0.0, 0.0)
    motion: float = 0.0

    @property
    def data(self) -> tuple[float, float, float]:
        """The centroid of the image."""
        return self.geometry[0] + self.motion, self.geometry[1], self.geometry[2]

    def centroid(self, frame: Frame, sample: npt.ArrayLike) -> Array:
        """Return the centroid of the image at samples, Hz."""
        delay = range_time(frame, sample) - range_time(frame, 0)
        return np.polynomial.Polynomial(self.data)(delay)


ZERO_DOPPLER: Final = DopplerBand()


def draw_doppler_band(rng: np.random.Generator, radial_velocity: float) -> DopplerBand:
    """Draw the attitude of the antenna, and add the motion of the sea (m/s, receding)."""
    level = rng.uniform(-_LARGEST_CENTROID, _LARGEST_CENTROID)
    trend = rng.uniform(-_LARGEST_TREND, _LARGEST_TREND)
    motion = -2 * radial_velocity * RADAR_FREQUENCY / LIGHT
    return DopplerBand((level, trend, 0.0), motion)
