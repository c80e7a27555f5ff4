"""Hold the simulator to the physics it states: backscatter, wave height, imaging, speckle."""

import math
import statistics
from itertools import pairwise

import numpy as np
from _report import report
from scipy.stats import spearmanr

from xoceansar.sar.gmf import cmod5n
from xoceansar.sar.spectra import azimuth_cutoff, cross_spectrum, dominant_wave
from xoceansar.simulate import Environment, scene
from xoceansar.simulate.sea.environment import BEAMS, Swell, sample_environment
from xoceansar.simulate.sea.imaging import LOOK_TIMES, block_mean, sar_looks, speckled
from xoceansar.simulate.sea.waves import Grid, wave_surface

GRID = Grid(768, 25.0)
SWELL = Swell(2.0, 12.0, 150.0)


def sea(
    beam: str,
    wind: float,
    *,
    direction: float = 45.0,
    swell: Swell = SWELL,
    ocean_class: str = "pure_ocean_waves",
) -> Environment:
    incidence = BEAMS[beam].incidence
    return Environment(ocean_class, beam, incidence, wind, direction, swells=(swell,))


def backscatter() -> None:
    classes = {
        "pure_ocean_waves": 0.1,
        "wind_streaks": 0.3,
        "micro_convective_cells": 0.3,
    }
    for name, bar in classes.items():
        errors = []
        for beam in BEAMS:
            for wind in (5.0, 8.0, 12.0):
                made = scene(1, environment=sea(beam, wind, ocean_class=name))
                expected = cmod5n(wind, 45.0 + 180.0, made.incidence).mean()
                mean = made.sigma0.mean(dtype=np.float64)
                errors.append(abs(10 * math.log10(mean / expected)))
        worst = max(errors)
        report(
            f"simulator.sigma0.{name}",
            worst,
            "dB",
            f"<= {bar} of CMOD5.N",
            worst <= bar,
        )


def wave_height() -> None:
    errors = []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        environment = sample_environment(rng, ocean_class="pure_ocean_waves")
        # The sampling scatter of one 19.2 km square is 1 %: four of them.
        surfaces = [wave_surface(GRID, environment, rng) for _ in range(4)]
        variance = statistics.fmean(float(s.elevation().var()) for s in surfaces)
        height = 4 * math.sqrt(variance + surfaces[0].unresolved_height)
        errors.append(abs(height / surfaces[0].swh - 1))
    worst = max(errors)
    report("simulator.swh.error", worst, "1", "<= 0.02", worst <= 0.02)


def narrow_swell() -> None:
    """Measure a narrow swell from the first and last look, every 30 degrees, both beams.

    The imaging transform weights the spectrum, roughly by k^2 and unevenly in direction: what is
    left of that after the centre of mass is the error here (tests hold the images to the
    quasi-linear transform itself).
    """
    direction_errors, length_errors = [], []
    flat = np.ones((GRID.n, GRID.n), np.float32)
    length = 9.81 * 14**2 / (2 * math.pi)
    for beam, geometry in BEAMS.items():
        for direction in range(-180, 180, 30):
            narrow = Swell(1.5, 14.0, direction, spread=400.0, peakedness=10.0)
            environment = sea(beam, 0.5, direction=direction, swell=narrow)
            looks = sar_looks(
                wave_surface(GRID, environment, np.random.default_rng(direction + 180)),
                flat,
                flat,
                incidence=math.radians(environment.incidence),
                range_to_velocity=geometry.range_to_velocity,
                times=(LOOK_TIMES[0], LOOK_TIMES[-1]),
            )
            found = dominant_wave(*cross_spectrum(*looks, GRID.spacing))
            length_errors.append(abs(found[0] / length - 1))
            direction_errors.append(abs((found[1] - direction + 180) % 360 - 180))
    worst = max(direction_errors)
    report("simulator.swell.direction", worst, "degree", "<= 3", worst <= 3)
    worst = max(length_errors)
    report("simulator.swell.wavelength", worst, "1", "<= 0.08", worst <= 0.08)


def cutoff() -> None:
    def measured(wind: float, height: float) -> float:
        environment = sea("wv2", wind, swell=Swell(height, 12.0, 150.0))
        images = (scene(seed, environment=environment) for seed in range(2))
        return statistics.fmean(azimuth_cutoff(i.sigma0, i.spacing) for i in images)

    by_wind = [measured(wind, 2.0) for wind in (4.0, 7.0, 10.0, 14.0, 18.0)]
    by_height = [measured(10.0, height) for height in (1.0, 2.0, 4.0, 6.0)]
    for name, values in (("wind", by_wind), ("swh", by_height)):
        step = min(b - a for a, b in pairwise(values))
        report(f"simulator.cutoff.{name}.least_step", step, "m", "> 0", step > 0)
        spread = values[-1] - values[0]
        report(f"simulator.cutoff.{name}.range", spread, "m", "", None)

    found, stated, height, wind = [], [], [], []
    for seed in range(48):
        made = scene(seed, ocean_class="pure_ocean_waves")
        found.append(azimuth_cutoff(made.sigma0, made.spacing))
        stated.append(made.truth["azimuth_cutoff"])
        height.append(made.truth["swh"])
        wind.append(made.truth["wind_speed"])
    for name, other in (("theory", stated), ("swh", height), ("wind", wind)):
        rank = float(spearmanr(found, other, nan_policy="omit").statistic)
        report(f"simulator.cutoff.rank_{name}", rank, "1", "> 0", rank > 0)


def speckle() -> None:
    flat = np.full((GRID.n, GRID.n), 0.05, np.float32)
    nesz = np.full(GRID.n, 0.003, np.float32)
    image = block_mean(speckled(flat, nesz, 25.0, np.random.default_rng(0)), 2)
    total = image.astype(np.float64) + 0.003
    error = abs(float(total.mean() ** 2 / total.var()) / 100 - 1)
    report("simulator.enl.error", error, "1", "<= 0.05 of 100 looks", error <= 0.05)


if __name__ == "__main__":
    backscatter()
    wave_height()
    narrow_swell()
    cutoff()
    speckle()
