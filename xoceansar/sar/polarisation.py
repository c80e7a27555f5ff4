"""The ratio of VV to HH backscatter of the sea."""

from typing import Final

import numpy as np
import numpy.typing as npt

#: Where the ratio is from.
REFERENCE: Final = "Mouche et al. (2005), https://doi.org/10.1109/TGRS.2004.843251"
#: A, B (per degree) and C of the ratio, upwind, crosswind and downwind.
_RATIO: Final = (
    (0.00650704, 0.128983, 0.992839),
    (0.00782194, 0.121405, 0.992839),
    (0.00598416, 0.140952, 0.992885),
)


def polarisation_ratio(
    incidence: npt.ArrayLike, phi: npt.ArrayLike | None = None
) -> npt.NDArray[np.float64]:
    """Compute the ratio of VV to HH backscatter of the sea, linear.

    Notes
    -----
    Fitted at 10 to 43 degrees. At 36.8 degrees the direction moves it by 5 % from its mean.

    References
    ----------
    Mouche et al. (2005), https://doi.org/10.1109/TGRS.2004.843251.

    Examples
    --------
    >>> polarisation_ratio([23.8, 36.8], 0.0).round(3)
    array([1.133, 1.742])
    >>> polarisation_ratio(36.8).round(3)
    np.float64(1.789)
    """
    theta = np.asarray(incidence, dtype=float)
    up, cross, down = (a * np.exp(b * theta) + c for a, b, c in _RATIO)
    mean, first, second = up + down + 2 * cross, up - down, up + down - 2 * cross
    if phi is None:
        return np.asarray(mean / 4)
    angle = np.radians(np.asarray(phi, dtype=float))
    return np.asarray(
        mean / 4 + first / 2 * np.cos(angle) + second / 4 * np.cos(2 * angle)
    )
