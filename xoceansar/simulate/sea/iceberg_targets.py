"""Icebergs as bright targets with boxes."""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

__all__ = ["MAX_ICEBERGS", "Iceberg", "add_icebergs"]

#: Most icebergs that a scene can hold.
MAX_ICEBERGS: Final = 12

_SIZES: Final = (80.0, 900.0)  # m, log-uniform
_BRIGHTNESS: Final = (-4.0, 5.0)  # dB, sigma0
_CONTRAST: Final = 4.0  # dB above the sea at least, so that the berg can be seen


@dataclass(frozen=True)
class Iceberg:
    """One iceberg.

    Parameters
    ----------
    box : tuple of float
        ``(azimuth_min, range_min, azimuth_max, range_max)``, m from the corner of the scene.
    size : float
        Longest diameter, m.
    brightness : float
        Backscatter, dB.
    """

    box: tuple[float, float, float, float]
    size: float
    brightness: float


def add_icebergs(
    sigma0: npt.NDArray[np.float32], spacing: float, rng: np.random.Generator
) -> tuple[Iceberg, ...]:
    """Draw icebergs and add them to an image, in place.

    Shapes: `sigma0` (ny, nx).
    """
    sea = 10 * math.log10(float(sigma0.mean()))
    count = int(rng.integers(1, MAX_ICEBERGS + 1))
    return tuple(_add_one(sigma0, spacing, sea, rng) for _ in range(count))


def _add_one(
    sigma0: npt.NDArray[np.float32],
    spacing: float,
    sea: float,
    rng: np.random.Generator,
) -> Iceberg:
    ny, nx = sigma0.shape
    size = math.exp(rng.uniform(math.log(_SIZES[0]), math.log(_SIZES[1])))
    cy, cx = rng.uniform(0.05, 0.95, 2) * (ny * spacing, nx * spacing)
    turn, aspect = rng.uniform(0, math.pi), rng.uniform(0.45, 1)
    brightness = max(rng.uniform(*_BRIGHTNESS), sea + _CONTRAST)
    shadow = rng.uniform(0.05, 0.3) * size
    # A window that holds the lobes (15 % over) and the shadow.
    reach = size + 2 * spacing
    row, column = (max(0, int((c - reach) / spacing)) for c in (cy, cx))
    window = sigma0[
        row : int((cy + reach) / spacing) + 1, column : int((cx + reach) / spacing) + 1
    ]
    y = (np.arange(window.shape[0]) + row + 0.5)[:, None] * spacing - cy
    x = (np.arange(window.shape[1]) + column + 0.5)[None, :] * spacing - cx
    inside = _outline(x, y, size, aspect, turn, spacing)
    window *= 1 - 0.5 * _outline(x - shadow, y, size, aspect, turn, spacing)
    slope = 1 - 0.6 * np.clip(x / size, -0.5, 0.5)
    window += 10 ** (brightness / 10) * inside * slope
    box = _box(inside > 0.5, row, column, spacing, (cy, cx))
    return Iceberg(box, size, brightness)


def _outline(
    x: npt.NDArray[np.float64],
    y: npt.NDArray[np.float64],
    size: float,
    aspect: float,
    turn: float,
    spacing: float,
) -> npt.NDArray[np.float32]:
    """Draw a lobed ellipse: 1 inside, 0 outside, about a pixel of transition."""
    u = (x * math.cos(turn) + y * math.sin(turn)) / (size / 2)
    v = (y * math.cos(turn) - x * math.sin(turn)) / (size / 2 * aspect)
    bearing = np.arctan2(v, u)
    lobes = 0.08 * np.cos(3 * bearing + 7 * turn) + 0.07 * np.cos(5 * bearing + turn)
    excess = np.hypot(u, v) / (1 + lobes) - 1
    steepness = 3 * max(size / (2 * spacing), 1.0)
    inside = 1 / (1 + np.exp(np.clip(excess * steepness, -40, 40)))
    return inside.astype(np.float32)


def _box(
    mask: npt.NDArray[np.bool_],
    row: int,
    column: int,
    spacing: float,
    centre: tuple[float, float],
) -> tuple[float, float, float, float]:
    """Bound a mask; a berg smaller than a pixel gets the pixel that holds its centre."""
    i, j = np.nonzero(mask)
    if i.size == 0:
        i = np.array([int(centre[0] / spacing) - row])
        j = np.array([int(centre[1] / spacing) - column])
    return (
        float((row + i.min()) * spacing),
        float((column + j.min()) * spacing),
        float((row + i.max() + 1) * spacing),
        float((column + j.max() + 1) * spacing),
    )
