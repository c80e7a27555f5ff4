"""Scenes made by hand, whose backscatter is known everywhere."""

import numpy as np

from xoceansar.simulate.sea.environment import Environment
from xoceansar.simulate.sea.scenes import Scene

INCIDENCE = {"wv1": 23.8, "wv2": 36.8}


def made_scene(
    beam="wv1", level=0.2, *, size=21_600.0, spacing=50.0, nesz_db=-26.0, sigma0=None
):
    """A flat scene of `level`, or of the given field, with noise that varies along range."""
    n = round(size / spacing)
    x = (np.arange(n) - (n - 1) / 2) * spacing
    if sigma0 is None:
        sigma0 = np.full((n, n), level)
    return Scene(
        environment=Environment("pure_ocean_waves", beam, INCIDENCE[beam], 8.0, 30.0),
        spacing=spacing,
        sigma0=np.asarray(sigma0, np.float32),
        incidence=(INCIDENCE[beam] + 6.1e-5 * x).astype(np.float32),
        nesz=(10 ** ((nesz_db + 0.6 * (x / 10e3) ** 2) / 10)).astype(np.float32),
        truth={"swh": 2.0, "wind_speed": 8.0, "wind_direction": 30.0},
    )
