"""Quality flags of one vignette, from its pixels and its place."""

from collections.abc import Mapping
from typing import Final

import numpy as np
import numpy.typing as npt

from xoceansar.conventions import Quality
from xoceansar.sar.calibration import NESZ_RANGE

#: Share of a pixel without samples from which the pixel has no data. Exact zeros make no data
#: at the borders of an image; in the darkest seas they are under 1 % of the samples.
MISSING_LIMIT: Final = 0.1
#: Share of pixels without data from which a vignette is flagged.
NO_DATA_LIMIT: Final = 0.01
#: Share of pixels at or below the noise floor from which a vignette is flagged.
BELOW_NOISE_LIMIT: Final = 0.05
#: Share of saturated samples from which a vignette is flagged.
SATURATED_LIMIT: Final = 1e-4
#: Latitudes beyond which sea ice reaches in winter (NSIDC Sea Ice Index: median extent in
#: September to 55-60 S; in March to 60 N in the open Atlantic and the Bering Sea). Seas with
#: ice further south (Okhotsk, Labrador, Baltic) get no hint.
SEA_ICE_NORTH: Final = 60.0
SEA_ICE_SOUTH: Final = -55.0

#: Mean linear sigma0 of a calibrated, noise-corrected C-band image: noise removal leaves at
#: worst minus the noise floor (-22 dB), and no surface fills 13 km with +10 dB.
SIGMA0_RANGE: Final = (-0.1, 10.0)
#: Incidence of the beams, degrees: 21.6 to 25.1 and 34.8 to 38.0 (ESA, Sentinel-1 acquisition
#: modes, wave mode), with room for what a simulation tries.
INCIDENCE_RANGE: Final[Mapping[str, tuple[float, float]]] = {
    "wv1": (15.0, 30.0),
    "wv2": (30.0, 46.0),
}

Image = npt.NDArray[np.float32]


def sea_ice_possible(latitude: float) -> bool:
    """Say whether sea ice reaches a latitude in winter."""
    return latitude >= SEA_ICE_NORTH or latitude <= SEA_ICE_SOUTH


def implausible_nesz(nesz: Image) -> float | None:
    """Return the median NESZ of a vignette where it is not one that the radar can have."""
    valid = nesz[np.isfinite(nesz)]
    if valid.size == 0:
        return None
    median = float(np.median(valid))
    return None if NESZ_RANGE[0] <= median <= NESZ_RANGE[1] else median


def implausible_mean(sigma0: Image) -> float | None:
    """Return the mean sigma0 of a vignette where no surface has it."""
    valid = sigma0[~np.isnan(sigma0)]
    if valid.size == 0:
        return None
    with np.errstate(invalid="ignore"):  # infinities of both signs
        mean = float(valid.mean(dtype=np.float64))
    return None if SIGMA0_RANGE[0] <= mean <= SIGMA0_RANGE[1] else mean


def pixel_flags(
    sigma0: Image, saturated: float
) -> tuple[Quality, np.float32, np.float32]:
    """Set the flags that the pixels of a vignette decide.

    Shapes: `sigma0` (line, sample).
    """
    no_data = np.float32(np.isnan(sigma0).mean())
    with np.errstate(invalid="ignore"):
        below = np.float32((sigma0 <= 0).mean())
    flags = Quality(0)
    if no_data > NO_DATA_LIMIT:
        flags |= Quality.NO_DATA
    if below > BELOW_NOISE_LIMIT:
        flags |= Quality.BELOW_NOISE
    if saturated > SATURATED_LIMIT:
        flags |= Quality.SATURATED
    return flags, no_data, below
