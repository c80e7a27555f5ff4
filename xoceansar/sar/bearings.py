"""Directions as an image has them, and on the compass; axes, which have two ends.

The frame of the image: the angle of a direction is counted from the look direction (range, away
from the radar, increasing ``sample``) towards the flight direction (azimuth, increasing ``line``).
The radar looks to the right of its track, so ``compass = ground_heading + 90 - angle``.
"""

from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


def look_angle(direction: npt.ArrayLike, ground_heading: npt.ArrayLike) -> Array:
    """Turn a compass direction into the angle that the image shows.

    Parameters
    ----------
    direction : array_like
        Degrees clockwise from north; where it goes to.
    ground_heading : array_like
        Heading of the satellite track on the ground, degrees clockwise from north.

    Returns
    -------
    ndarray
        Degrees from the look direction towards the flight direction, in [0, 360).

    Examples
    --------
    >>> float(look_angle(78.0, -12.0))  # to where the radar looks
    0.0
    """
    heading = np.asarray(ground_heading, np.float64)
    return wrap_angle(heading + 90.0 - np.asarray(direction, np.float64), 360.0)


def compass_direction(angle: npt.ArrayLike, ground_heading: npt.ArrayLike) -> Array:
    """Turn an angle in the image into a compass direction; the inverse of `look_angle`.

    Examples
    --------
    >>> float(compass_direction(90.0, -12.0))  # along the track
    348.0
    """
    return look_angle(angle, ground_heading)


def encode_axis(angle: npt.ArrayLike) -> Array:
    """Encode an angle whose two ends count as the same.

    Shapes: gives (..., 2). ``(cos 2a, sin 2a)``: continuous, and the same for a and a + 180.
    """
    double = np.radians(2.0 * np.asarray(angle, np.float64))
    return np.stack([np.cos(double), np.sin(double)], axis=-1)


def decode_axis(encoded: npt.ArrayLike) -> Array:
    """Decode an axis; the inverse of `encode_axis` but for the end.

    Shapes: gives (...).

    Examples
    --------
    >>> float(decode_axis(encode_axis(200.0)).round(9))
    20.0
    """
    pair = np.asarray(encoded, np.float64)
    return wrap_angle(np.degrees(np.arctan2(pair[..., 1], pair[..., 0])) / 2, 180.0)


def axis_error(encoded: npt.ArrayLike) -> Array:
    """Give the expected error of an axis, from the length of its encoding.

    Shapes: gives (...). Root-mean-square error of the axis, degrees, folded to 90 at most: 52
    where nothing is known about it.

    Notes
    -----
    Averaged over what is possible, unit vectors shorten to their resultant length R, and the less
    is known the shorter. The error is that of a von Mises law of the doubled angle with this R.
    Nothing is fitted. A linear head may overshoot R = 1: no error under 2 degrees is given.

    References
    ----------
    Mardia and Jupp (2000), Directional Statistics, https://doi.org/10.1002/9780470316979.
    """
    length, error = _von_mises()
    given = np.linalg.norm(np.asarray(encoded, np.float64), axis=-1)
    return np.asarray(np.interp(given, length, error))


@lru_cache(maxsize=1)
def _von_mises() -> tuple[Array, Array]:
    """Resultant length of von Mises laws, increasing, and their spread in degrees, halved."""
    concentration = np.concatenate([[0.0], np.geomspace(1e-2, 200.0, 300)])[:, None]
    deviation = np.radians(np.arange(-179.75, 180.0, 0.5))
    weight = np.exp(concentration * (np.cos(deviation) - 1.0))
    weight /= weight.sum(axis=1, keepdims=True)
    spread = np.sqrt((weight * deviation**2).sum(axis=1))
    return (weight * np.cos(deviation)).sum(axis=1), np.degrees(spread) / 2


def nearer_end(axis: npt.ArrayLike, reference: npt.ArrayLike) -> Array:
    """Choose the end of an axis that is nearer to a reference.

    Examples
    --------
    >>> float(nearer_end(10.0, 200.0))
    190.0
    """
    one = np.asarray(axis, np.float64)
    away = np.abs(np.mod(one - np.asarray(reference, np.float64) + 180.0, 360.0) - 180)
    return wrap_angle(np.where(away > 90.0, one + 180.0, one + 0 * away), 360.0)


def wrap_angle(
    value: npt.ArrayLike, period: float = 360.0, dtype: npt.DTypeLike = np.float64
) -> npt.NDArray[Any]:
    """Bring angles into one turn.

    Examples
    --------
    >>> wrap_angle([-1e-20, 359.9999999], dtype="float32").tolist()
    [0.0, 0.0]
    """
    rest = np.mod(np.asarray(value, np.float64), period).astype(dtype)
    return np.where(rest >= np.asarray(period, dtype), np.asarray(0, dtype), rest)
