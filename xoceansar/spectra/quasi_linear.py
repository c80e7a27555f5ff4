"""What an image shows of the waves within its resolution: the quasi-linear transform."""

import math
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from xoceansar.spectra.modulation_transfer import GRAVITY, modulation_transfer

__all__ = [
    "SYSTEMS",
    "ImagingScene",
    "azimuth_envelope",
    "blur_exponent",
    "image_response",
    "is_resolved",
    "look_phase",
    "wave_response",
]

Array = npt.NDArray[np.float64]

#: Most systems that are reported.
SYSTEMS: Final = 5
#: Wavelengths, m, over which structures of the wind are stronger than waves.
_LONGEST: Final = 800.0
#: The two parts of the transfer function may cancel, and are not known so well that what is left
#: is: least share of the sum of their squares.
_LEAST_TRANSFER: Final = 0.25
#: Largest exponent of the blur that is made up for: beyond, noise would be.
_LARGEST_BLUR: Final = 2.0
#: Largest phase between looks that still says which way waves go, rad.
_LARGEST_PHASE: Final = 1.4


class ImagingScene(NamedTuple):
    """What is known of one vignette.

    Parameters
    ----------
    cutoff, cutoff_error : float
        Azimuth cut-off and its standard error, m.
    incidence, ground_heading : float
        Degrees.
    beta : float
        Slant range over platform velocity, s.
    look_separation : float
        s.
    noise_share : float
        Of the thermal noise in the mean intensity.
    periodograms : float
        Independent ones that were averaged.
    range_cutoff : float
        m.
    """

    cutoff: float
    cutoff_error: float
    incidence: float
    ground_heading: float
    beta: float
    look_separation: float
    noise_share: float
    periodograms: float
    range_cutoff: float

    @property
    def is_known(self) -> bool:
        """Whether the waves of this vignette can be retrieved."""
        return bool(
            np.isfinite(self).all()
            and min(self.cutoff, self.beta, self.periodograms, self.range_cutoff) > 0
            and 0 < self.incidence < 90
            and 0 <= self.noise_share < 1
            and self.look_separation >= 0
        )


def look_phase(kx: Array, ky: Array, lag: int, scene: ImagingScene) -> Array:
    """Compute by how much waves go on between two looks, rad."""
    omega = np.sqrt(GRAVITY * np.hypot(kx, ky))
    return np.asarray(omega * lag * scene.look_separation)


def blur_exponent(ky: Array, cutoff: float) -> Array:
    """Compute by how much the motion of the waves blurs the image of one, as a power of e.

    The cut-off that is fitted to images is some pi times the standard deviation of the displacements.
    """
    return np.asarray(np.minimum((ky * cutoff / math.pi) ** 2, _LARGEST_BLUR))


def image_response(kx: Array, ky: Array, lag: int, scene: ImagingScene) -> Array:
    """Compute what the real part of a cross-spectrum shows of the waves' modulation."""
    phase = np.minimum(look_phase(kx, ky, lag, scene), _LARGEST_PHASE)
    signal = 0.5 * (1 - scene.noise_share) ** 2
    return np.asarray(signal * np.exp(-blur_exponent(ky, scene.cutoff)) * np.cos(phase))


def azimuth_envelope(ky: Array, cutoff: float) -> Array:
    """Compute the Gaussian along azimuth that the cut-off was fitted as; level beyond it."""
    return np.asarray(np.exp(-np.minimum((ky * cutoff / (2 * math.pi)) ** 2, 1.0)))


def is_resolved(
    kx: Array, ky: Array, last_lag: int, scene: ImagingScene
) -> npt.NDArray[np.bool_]:
    """Tell where in the plane waves are reported."""
    k = np.hypot(kx, ky)
    within = (k >= 2 * math.pi / _LONGEST) & (k <= 2 * math.pi / scene.range_cutoff)
    within &= np.abs(ky) <= 2 * math.pi / scene.cutoff
    return np.asarray(within & (look_phase(kx, ky, last_lag, scene) < _LARGEST_PHASE))


def wave_response(
    kx: Array, ky: Array, scene: ImagingScene, aperture: float = 1.0
) -> tuple[Array, Array]:
    """Compute the squares of the transfer functions of waves towards k, and towards -k.

    The real-aperture part is taken times `aperture`. 1/m^2; infinite at k = 0, where no waves are.
    """
    powers = []
    for side in (1, -1):
        real_aperture, bunching = modulation_transfer(
            side * kx, side * ky, scene.incidence, scene.beta
        )
        parts = aperture * real_aperture, bunching
        least = _LEAST_TRANSFER * sum(np.abs(part) ** 2 for part in parts)
        power = np.maximum(np.abs(sum(parts)) ** 2, least)
        powers.append(np.where(power > 0, power, np.inf))
    return powers[0], powers[1]
