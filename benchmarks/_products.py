"""Products with flat scenes of known backscatter, for the benchmarks of the readers."""

from pathlib import Path

import numpy as np

from xoceansar.simulate.products.safe_product import write_safe
from xoceansar.simulate.sea.environment import Environment
from xoceansar.simulate.sea.scenes import Scene

__all__ = ["LEVELS", "flat_product"]

INCIDENCE = {"wv1": 23.8, "wv2": 36.8}
#: Linear sigma0 of the flat scenes.
LEVELS = {"wv1": 0.25, "wv2": 0.05}


def flat_scene(beam: str, size: float) -> Scene:
    spacing = 50.0
    n = round(size / spacing)
    x = (np.arange(n) - (n - 1) / 2) * spacing
    return Scene(
        environment=Environment("pure_ocean_waves", beam, INCIDENCE[beam], 8.0, 30.0),
        spacing=spacing,
        sigma0=np.full((n, n), LEVELS[beam], np.float32),
        incidence=(INCIDENCE[beam] + 6.1e-5 * x).astype(np.float32),
        nesz=(10 ** ((-26.0 + 0.6 * (x / 10e3) ** 2) / 10)).astype(np.float32),
        truth={"swh": 2.0, "wind_speed": 8.0, "wind_direction": 30.0},
    )


def flat_product(
    folder: str | Path,
    beams: list[str],
    *,
    ipf: str = "003.71",
    scale: float = 1.0,
    seed: int = 0,
) -> Path:
    """Write a product with one flat vignette for each of `beams`."""
    scenes = [flat_scene(beam, 21_600.0 * max(scale, 0.05) + 500) for beam in beams]
    return write_safe(folder, scenes=scenes, ipf=ipf, scale=scale, seed=seed)
