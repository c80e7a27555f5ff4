"""Products with flat scenes of known backscatter, for the benchmarks of the readers."""

from pathlib import Path
from unittest import mock

import numpy as np

from xoceansar.simulate.products import safe_product
from xoceansar.simulate.products.safe_product import write_safe
from xoceansar.simulate.sea.environment import Environment
from xoceansar.simulate.sea.scenes import Scene

__all__ = ["LEVELS", "flat_product", "pixelless_products"]

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


def pixelless_products(folder: str | Path, products: int, each: int) -> list[Path]:
    """Write products whose XML has the real size, and whose measurements hold no pixel.

    Enough to open them, which reads none: with pixels a vignette takes 100 MB.
    """
    scenes = {beam: flat_scene(beam, 22_100.0) for beam in LEVELS}
    none = np.zeros((8, 8, 2), np.int16)
    start = np.datetime64("2021-01-03T08:30:25")
    with (
        mock.patch.object(safe_product, "digital_numbers", return_value=none),
        mock.patch.object(safe_product, "write_tiff", _write_nothing),
    ):
        return [
            write_safe(
                folder,
                scenes=[scenes[("wv1", "wv2")[i % 2]] for i in range(each)],
                start=str(start + np.timedelta64(6000 * k, "s")),
                orbit=26000 + k,
                datatake=200000 + k,
                seed=k,
            )
            for k in range(products)
        ]


def _write_nothing(path: Path, *_: object, **__: object) -> tuple[int, str]:
    path.write_bytes(b"II*\0")
    return 4, "0" * 32
