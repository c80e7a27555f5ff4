"""The parameters of simulated vignettes, and what they draw for each row."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from xoceansar.conventions import OCEAN_CLASSES
from xoceansar.conventions.beams import WAVE_BEAMS, beams_of
from xoceansar.errors import OceansarError
from xoceansar.simulate.sea.environment import BEAMS, Environment, sample_environment
from xoceansar.simulate.sea.orbit import acquisition
from xoceansar.simulate.sea.scenes import Scene, scene, scene_wind
from xoceansar.simulate.sea.sensors import Sensor, find_sensor

__all__ = ["Recipe", "make_recipe"]


@dataclass(frozen=True)
class Recipe:
    """Everything but its number that determines a simulated vignette.

    Parameters
    ----------
    seed : int
        Of the archive.
    classes : tuple of str
        Ocean classes to draw from.
    cumulative : tuple of float
        Their cumulative probabilities.
    beams : tuple of str
        Beams, which take turns.
    shape : tuple of int
        Lines and samples.
    spacing : float
        Pixel size, m.
    oversample : int
        Pixels of the scene along a side of a pixel of the vignette.
    sensor : Sensor, optional
        Another radar that looks at the same seas.
    """

    seed: int
    classes: tuple[str, ...]
    cumulative: tuple[float, ...]
    beams: tuple[str, ...]
    shape: tuple[int, int]
    spacing: float
    oversample: int
    sensor: Sensor | None = None

    def stream(self, row: int, part: int) -> np.random.SeedSequence:
        """Seed one part of a row."""
        return np.random.SeedSequence(self.seed, spawn_key=(0, row, part))

    def environment(self, row: int) -> Environment:
        """Draw class and environment of a row."""
        rng = np.random.default_rng(self.stream(row, 0))
        name = self.classes[
            int(np.searchsorted(self.cumulative, rng.random(), "right"))
        ]
        beam = self.beams[row % len(self.beams)]
        latitude = acquisition(self.seed, row, beam).latitude
        environment = sample_environment(
            rng, ocean_class=name, beam=beam, latitude=latitude
        )
        if self.sensor is None:
            return environment
        radar = self.sensor.beam()
        # The sea is the one that the wave-mode beam would have seen, and so is the roll.
        roll = environment.incidence - BEAMS[beam].incidence
        return replace(environment, sensor=radar, incidence=radar.incidence + roll)

    def simulate(self, row: int, environment: Environment) -> Scene:
        """Simulate the scene of a row."""
        return scene(
            self.stream(row, 1),
            environment=environment,
            size=max(self.shape) * self.spacing,
            spacing=self.spacing / self.oversample,
        )

    def wind(self, row: int) -> tuple[float, float]:
        """Compute the wind of a row without simulating its image."""
        return scene_wind(
            self.stream(row, 1),
            self.environment(row),
            size=max(self.shape) * self.spacing,
            spacing=self.spacing / self.oversample,
        )


def _class_table(
    classes: Sequence[str] | Mapping[str, float] | None,
) -> tuple[tuple[str, ...], tuple[float, ...]]:
    """Check the classes; return their names and cumulative probabilities."""
    if classes is None:
        classes = OCEAN_CLASSES
    if isinstance(classes, str):
        classes = (classes,)
    weights = (
        dict(classes)
        if isinstance(classes, Mapping)
        else {name: 1.0 for name in dict.fromkeys(classes)}
    )
    unknown = sorted(set(weights) - set(OCEAN_CLASSES))
    if unknown or not weights:
        raise OceansarError(
            f"classes must name some of {', '.join(OCEAN_CLASSES)}; "
            f"got {', '.join(unknown) or 'none'}."
        )
    values = np.array(list(weights.values()), np.float64)
    if not (np.isfinite(values).all() and (values >= 0).all() and values.sum() > 0):
        raise OceansarError(
            f"class probabilities must be non-negative with a positive sum; got {weights}."
        )
    cumulative = np.cumsum(values / values.sum())
    cumulative[-1] = math.inf  # a draw just under 1 still finds a class
    return tuple(weights), tuple(cumulative.tolist())


def make_recipe(
    seed: int,
    classes: Sequence[str] | Mapping[str, float] | None,
    beams: Sequence[str] | None,
    shape: tuple[int, int],
    spacing: float,
    oversample: int,
    sensor: str | Sensor | None = None,
) -> Recipe:
    """Check the arguments of `vignettes` that determine a row."""
    if seed < 0:
        raise OceansarError(f"seed must be 0 or more; got {seed}.")
    names, cumulative = _class_table(classes)
    chosen = beams_of(beams or WAVE_BEAMS)
    if min(shape) < 2 or spacing <= 0 or oversample < 1:
        raise OceansarError(
            "shape must be at least (2, 2), spacing positive and oversample 1 or more; "
            f"got shape {shape}, spacing {spacing}, oversample {oversample}."
        )
    return Recipe(
        int(seed), names, cumulative, chosen, (int(shape[0]), int(shape[1])), float(spacing), int(oversample),
        None if sensor is None else find_sensor(sensor),
    )  # fmt: skip
