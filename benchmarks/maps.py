"""What maps of many vignettes cost, from the results to the file, land included.

python benchmarks/maps.py [NUMBER]
"""

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")

import numpy as np
import xarray as xr
from _report import report
from matplotlib import pyplot

from xoceansar import plot
from xoceansar.conventions import annotate, class_attrs
from xoceansar.sar.land import is_land

N = 100_000


def results(n: int) -> xr.Dataset:
    """Random results all over the globe and a year, a tenth of them missing."""
    rng = np.random.default_rng(1)
    values = rng.gamma(4, 0.7, n).astype(np.float32)
    values[::10] = np.nan
    start = np.datetime64("2021-01-01", "ns")
    ds = xr.Dataset(
        {
            "swh": ("vignette", values),
            "ocean_class": (
                "vignette", rng.integers(0, 10, n).astype(np.int8), class_attrs(),
            ),
        },
        coords={
            "longitude": ("vignette", rng.uniform(-180, 180, n)),
            "latitude": ("vignette", np.degrees(np.arcsin(rng.uniform(-0.95, 0.97, n)))),
            "time": ("vignette", start + rng.integers(0, 365 * 86400, n).astype("m8[s]")),
        },
    )  # fmt: skip
    return ds.assign(swh=annotate(ds["swh"], "swh"))


def timed(draw: Callable[[], Any], path: Path) -> tuple[float, float]:
    """Seconds by the clock and of the processor, from the call to the written file."""
    clock, processor = time.perf_counter(), time.process_time()
    drawn = draw()
    figure = getattr(drawn, "figure", drawn)
    figure.savefig(path)
    seconds = time.perf_counter() - clock, time.process_time() - processor
    pyplot.close(figure)
    return seconds


def main() -> None:
    n = int(sys.argv[1]) if len(sys.argv) > 1 else N
    ds = results(n)
    clock, processor = time.perf_counter(), time.process_time()
    is_land(0.0, 0.0)  # once in a process
    report("maps.land_mask_seconds", time.perf_counter() - clock, "s", "", None)
    report("maps.land_mask_cpu_seconds", time.process_time() - processor, "s", "", None)
    maps: dict[str, Callable[[], Any]] = {
        "global": lambda: plot.map(ds, "swh", region="global"),
        "global_classes": lambda: plot.map(ds, "ocean_class", region="global"),
        "grid": lambda: plot.grid(ds, "swh", cell=2),
        "seasons": lambda: plot.seasons(ds, "swh", cell=4),
    }
    with tempfile.TemporaryDirectory() as folder:
        # Imports and fonts are not the map's.
        timed(lambda: plot.map(ds.isel(vignette=slice(10)), "swh", land=False), Path(folder, "a.png"))  # fmt: skip
        for name, draw in maps.items():
            seconds, busy = timed(draw, Path(folder, f"{name}.png"))
            bar, holds = ("< 5", seconds < 5) if name == "global" else ("", None)
            report(f"maps.{name}_{n}_seconds", seconds, "s", bar, holds)
            report(f"maps.{name}_{n}_cpu_seconds", busy, "s", "", None)


if __name__ == "__main__":
    main()
