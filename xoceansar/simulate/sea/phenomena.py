"""The ten phenomena of TenGeoP-SARwv as changes of wind, backscatter and waves.

The shapes are plausible recipes judged by eye against real quick-looks, not fluid dynamics.

References
----------
Wang et al. (2019), https://doi.org/10.1002/gdj3.73 (the ten phenomena).
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from xoceansar.simulate.sea.environment import Environment
from xoceansar.simulate.sea.random_fields import Canvas, mosaic

__all__ = ["PHENOMENA", "Phenomenon", "paint"]

Field = npt.NDArray[np.float32]


@dataclass
class Phenomenon:
    """What a phenomenon does to the sea, on the canvas.

    Parameters
    ----------
    speed : ndarray (n, n)
        Wind speed, m/s.
    turn : ndarray (n, n)
        Turn of the wind direction, radians, from +x towards +y.
    decibel : ndarray (n, n)
        Change of the backscatter besides the wind's, dB.
    waviness : ndarray (n, n)
        Factor on the wave amplitude.
    ice : ndarray (n, n) or None
        Backscatter of ice, dB, in place of the sea's.
    """

    speed: Field
    turn: Field
    decibel: Field
    waviness: Field
    ice: Field | None = None


def paint(environment: Environment, canvas: Canvas) -> Phenomenon:
    """Draw the phenomenon of an environment."""
    gust = 1 + canvas.rng.uniform(0.02, 0.055) * canvas.turbulence()
    sea = Phenomenon(
        speed=environment.wind_speed * gust,
        turn=canvas.constant(0.0),
        decibel=canvas.constant(0.0),
        waviness=canvas.constant(1.0),
    )
    PHENOMENA[environment.ocean_class](sea, environment, canvas)
    sea.speed = np.clip(sea.speed, 0.3, 35.0).astype(np.float32)
    return sea


def _pure_ocean_waves(sea: Phenomenon, env: Environment, canvas: Canvas) -> None:
    """Leave the waves alone."""


def _wind_streaks(sea: Phenomenon, env: Environment, canvas: Canvas) -> None:
    """Paint roll vortices: long bands within 15 degrees of the wind."""
    rng = canvas.rng
    wavelength = rng.uniform(900, 2500)
    angle = math.radians(env.wind_direction + rng.uniform(-15, 15))
    bands = canvas.band(wavelength, 0.28, angle, rng.uniform(6, 12))
    sea.speed += env.wind_speed * rng.uniform(0.03, 0.10) * bands


def _micro_convective_cells(sea: Phenomenon, env: Environment, canvas: Canvas) -> None:
    """Paint open cells: bright spots in a darker web."""
    rng = canvas.rng
    wavelength, stretch = rng.uniform(1200, 3600), rng.uniform(1, 1.8)
    angle = math.radians(env.wind_direction)
    cells = canvas.band(wavelength, 0.4, angle, stretch)
    small = canvas.band(0.4 * wavelength, 0.45, angle, stretch)
    mix = 0.9 * (1 - 1.4 * np.abs(cells)) + 0.45 * small
    mix = np.tanh(mix + 0.3 * canvas.turbulence(6e3))
    mix = (mix - mix.mean()) / mix.std()
    sea.speed += env.wind_speed * rng.uniform(0.03, 0.13) * mix


def _rain_cells(sea: Phenomenon, env: Environment, canvas: Canvas) -> None:
    """Paint downdraughts: outflow added to the wind as vectors, damped and splashed cores."""
    rng, angle = canvas.rng, math.radians(env.wind_direction)
    vx = sea.speed * math.cos(angle)
    vy = sea.speed * math.sin(angle)
    for _ in range(int(rng.integers(1, 4))):
        radius = rng.uniform(1.8e3, 5e3)
        dx = canvas.x - rng.uniform(0.15, 0.85) * canvas.size
        dy = canvas.y - rng.uniform(0.15, 0.85) * canvas.size
        distance = np.hypot(dx, dy)
        q = distance * (1 + 0.12 * canvas.band(3500, 0.5)) / radius
        # Linear outflow inside, a sharp gust front at 1.15 radii.
        outflow = rng.uniform(3, 7) * q * np.exp(0.5 * (1 - q**2))
        outflow = outflow / (1 + np.exp(np.clip(14 * (q - 1.15), -50, 50)))
        vx += outflow * dx / np.maximum(distance, canvas.spacing)
        vy += outflow * dy / np.maximum(distance, canvas.spacing)
        core = np.exp(-((q / 0.45) ** 2))
        patches = np.clip(0.5 + 0.5 * canvas.band(700, 0.6), 0, 1.6)
        splash = 7 * rng.uniform(0.3, 1) * (patches > 1)
        sea.decibel += core * patches * (splash - rng.uniform(4, 9))
    sea.decibel = ndimage.gaussian_filter(sea.decibel, 75 / canvas.spacing)
    sea.turn = np.arctan2(vy, vx) - np.float32(angle)
    sea.speed = np.hypot(vx, vy)


def _biological_slicks(sea: Phenomenon, env: Environment, canvas: Canvas) -> None:
    """Paint films gathered in filaments by eddies: dark, short waves damped."""
    rng = canvas.rng
    filaments = canvas.band(
        rng.uniform(1.5e3, 3e3), 0.3, rng.uniform(0, math.pi), rng.uniform(4, 9)
    )
    filaments = canvas.warp(filaments, 1500, 8e3)
    mean_width = rng.uniform(0.05, 0.12)
    width = mean_width * (1 + 0.6 * np.clip(canvas.turbulence(8e3), -1, 2))
    film = np.exp(-((filaments / np.maximum(width, 0.02)) ** 2))
    film *= np.clip(0.45 + 0.55 * canvas.band(7e3, 0.6), 0, 1)
    sea.decibel -= rng.uniform(6, 11) * film
    sea.waviness -= 0.25 * film


def _sea_ice(sea: Phenomenon, env: Environment, canvas: Canvas) -> None:
    """Paint three nested mosaics of floes with bright ridges and dark leads; waves nearly gone."""
    rng = canvas.rng
    x, y = (
        at + 110 * canvas.band(5000, 0.3) + 25 * canvas.band(700, 0.4)
        for at in (canvas.x, canvas.y)
    )
    stretch = rng.uniform(1, 1.8)
    steep = env.beam == "wv1" if env.sensor is None else env.incidence < 30
    level = rng.uniform(-17, -11) + (4 if steep else 0)
    ice: Field = level + canvas.turbulence(4e3)
    area = (canvas.size / 19.2e3) ** 2  # the seed counts are per 19.2 km square
    for (few, many), tone, ridge, width in (
        ((12, 35), 2.2, 8.0, 75),
        ((80, 250), 1.3, 6.0, 45),
        ((600, 1500), 0.7, 3.5, 30),
    ):
        count = max(4, int(rng.uniform(few, many) * area))
        floe, other, edge = mosaic(canvas, count, x, y, stretch)
        ice = ice + rng.normal(0, tone, count).astype(np.float32)[floe]
        height = ridge * _ridge_height(rng.random((count, count), np.float32))
        low, high = np.minimum(floe, other), np.maximum(floe, other)
        roughness = np.clip(1 + 0.4 * canvas.turbulence(2e3), 0.2, 2)
        ice += height[low, high] * np.exp(-((edge / width) ** 2)) * roughness
    sea.ice = ice.astype(np.float32)
    sea.waviness *= rng.uniform(0.02, 0.2)


def _ridge_height(uniform: Field) -> Field:
    """Let half of the floe pairs carry a ridge, 15 % a lead (negative), the rest a faint seam."""
    seam = np.where(uniform > 0.85, -0.8, 0.15)
    return np.where(uniform < 0.5, 0.5 + uniform, seam).astype(np.float32)


def _icebergs(sea: Phenomenon, env: Environment, canvas: Canvas) -> None:
    """Leave the sea open: bergs are targets, added on the finer image grid."""


def _low_wind_area(sea: Phenomenon, env: Environment, canvas: Canvas) -> None:
    """Paint patches where the wind falls to 10 to 45 % of its value."""
    rng = canvas.rng
    patch = canvas.band(9e3, 0.8) + 0.3 * canvas.turbulence(5e3)
    patch = canvas.warp(patch, 500, 5e3)
    threshold = np.quantile(patch, rng.uniform(0.3, 0.65))
    calm = 1 / (1 + np.exp((patch - threshold) * rng.uniform(1.5, 5)))
    wisps = np.clip(1 + 0.15 * canvas.turbulence(3e3), 0.5, 1.4)
    sea.speed *= np.maximum(1 - rng.uniform(0.55, 0.8) * calm * wisps, 0.1)


def _atmospheric_front(sea: Phenomenon, env: Environment, canvas: Canvas) -> None:
    """Paint a step of wind speed and direction, a ridge and gusts on it."""
    rng = canvas.rng
    distance = canvas.front()
    width = rng.uniform(120, 600)
    strong = 0.5 * (1 + np.tanh(distance / width))
    step = rng.uniform(0.15, 0.45)
    factor = 1 - step / 2 + step * strong
    factor += 0.12 * np.exp(-((distance / (2 * width)) ** 2))
    factor += 0.05 * strong * canvas.band(1500, 0.4)
    sea.speed *= factor
    sea.turn = (math.radians(rng.uniform(-45, 45)) * strong).astype(np.float32)


def _oceanic_front(sea: Phenomenon, env: Environment, canvas: Canvas) -> None:
    """Paint a thin bright or dark line where currents meet, a small step across."""
    rng = canvas.rng
    distance = canvas.front()
    width, sign = rng.uniform(60, 160), 1 if rng.random() < 0.5 else -1
    gate = np.clip(0.9 + 0.35 * canvas.turbulence(6e3), 0.2, 1.3)
    line = sign * rng.uniform(1.8, 4) * np.exp(-((distance / width) ** 2)) * gate
    step = rng.uniform(-0.5, 0.5) * np.tanh(distance / 400)
    sea.decibel = (line + step).astype(np.float32)


#: Painter of each class of `conventions.OCEAN_CLASSES`.
PHENOMENA: Final[Mapping[str, Callable[[Phenomenon, Environment, Canvas], None]]] = (
    MappingProxyType(
        {
            "pure_ocean_waves": _pure_ocean_waves,
            "wind_streaks": _wind_streaks,
            "micro_convective_cells": _micro_convective_cells,
            "rain_cells": _rain_cells,
            "biological_slicks": _biological_slicks,
            "sea_ice": _sea_ice,
            "icebergs": _icebergs,
            "low_wind_area": _low_wind_area,
            "atmospheric_front": _atmospheric_front,
            "oceanic_front": _oceanic_front,
        }
    )
)
