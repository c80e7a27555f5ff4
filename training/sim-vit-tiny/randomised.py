"""Copies of vignettes as others would show them: weaker, crossed, speckled, stretched; the class stays.

A head that learns from them too cannot lean on contrast, on level or on how clean the simulated sea is (what the domain randomisation of
Tobin et al. 2017, https://doi.org/10.1109/IROS.2017.8202133, does for pictures).
"""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from xoceansar.conventions import OCEAN_CLASSES

Image = npt.NDArray[np.floating]

#: Share of the copies that are each: mixed with a sea of waves alone, speckled, raised to a power, stretched to grey levels.
MIXED, SPECKLED, POWERED, STRETCHED = 0.6, 0.7, 0.35, 0.45
LOOKS = (4.0, 60.0)
#: Exponents of sigma0: its spread in decibel is multiplied by them.
POWERS = (0.7, 4.0)
#: Percent of the pixels that a stretch cuts at each end.
CUT = (0.2, 2.0)
#: Decibel that grey levels stand for.
RANGES = (10.0, 25.0)
#: Standard deviation of the level that a copy is given, dB.
LEVELS = 3.0
WAVES = OCEAN_CLASSES.index("pure_ocean_waves")
#: Seas of waves alone in each beam that a part is mixed with.
SEAS = 80


def randomised(path: Path, seed: int) -> tuple[npt.NDArray[np.float32], Any]:
    """Make one copy of each vignette of a part, and the levels they are given.

    Shapes: gives (vignette, line, sample) and (vignette).
    """
    ds = xr.open_zarr(path)
    images = ds["sigma0"].values
    beams = ds["beam"].values.astype(str)
    pure = ds["ocean_class"].values == WAVES
    rng = np.random.default_rng([seed, int(path.stem.split("-")[1])])
    seas = {beam: np.flatnonzero(pure & (beams == beam))[:SEAS] for beam in set(beams)}
    copies = np.empty_like(images)
    for k, image in enumerate(images):
        other = images[rng.choice(seas[beams[k]])]
        copies[k] = copy_of(image, other[:: rng.choice([-1, 1])], rng)
    levels = images.mean(axis=(1, 2)) * 10 ** (rng.normal(0, LEVELS, len(images)) / 10)
    return copies, levels.astype(np.float32)


def copy_of(image: Image, sea: Image, rng: np.random.Generator) -> Image:
    """Make a copy of an image, of mean one."""
    out = relative(image)
    if rng.random() < MIXED:
        out = out ** rng.uniform(0.4, 1.0) * relative(sea) ** rng.uniform(0.0, 1.0)
    if rng.random() < SPECKLED:
        looks = log_uniform(LOOKS, rng)
        out = out * rng.gamma(looks, 1 / looks, out.shape)
    kind = rng.random()
    if kind < POWERED:
        out = out ** log_uniform(POWERS, rng)
    elif kind < POWERED + STRETCHED:
        out = stretched(out, rng)
    return np.maximum(out, 1e-4) / out.mean()


def stretched(image: Image, rng: np.random.Generator) -> Image:
    """Cut amplitude or intensity to grey levels, and read these as amplitude, intensity or decibel."""
    shown = image ** rng.choice([0.5, 1.0])
    low, high = np.percentile(shown, [rng.uniform(*CUT), 100 - rng.uniform(*CUT)])
    grey = np.clip((shown - low) / (high - low), 0, 1)
    reading = rng.integers(3)
    if reading == 2:
        return np.asarray(10 ** (grey * rng.uniform(*RANGES) / 10))
    return np.asarray(grey ** (2 - reading))


def relative(image: Image) -> Image:
    """Divide an image by its mean; pixels below the noise are dark."""
    return np.maximum(image / image.mean(), 1e-3).astype(np.float64)


def log_uniform(ends: tuple[float, float], rng: np.random.Generator) -> float:
    """Draw a number whose logarithm is uniform."""
    return float(np.exp(rng.uniform(*np.log(ends))))
