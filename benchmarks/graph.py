"""What it costs to import the package, and to open products and build the graph of 10,000 vignettes."""

import pickle
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import xarray as xr
from _report import report

N, CHUNK = 10_000, 8


def import_seconds() -> tuple[float, float]:
    """Median seconds that a fresh process takes for xarray, and then for this package.

    xarray is what the user has imported anyway; how long it takes is the machine's and its own.
    """
    code = (
        "import time; a = time.perf_counter(); import xarray; b = time.perf_counter(); "
        "import xoceansar; print(b - a, time.perf_counter() - b)"
    )
    runs = [
        [
            float(v)
            for v in subprocess.check_output([sys.executable, "-c", code]).split()
        ]
        for _ in range(6)
    ]
    xarray, own = zip(*runs[1:], strict=True)
    return statistics.median(xarray), statistics.median(own)


def vignettes() -> xr.Dataset:
    """10,000 lazy vignettes in the library's layout."""
    images = da.zeros((N, 384, 384), chunks=(CHUNK, -1, -1), dtype=np.float32)
    beam = np.where(np.arange(N) % 2, "wv2", "wv1")
    return xr.Dataset(
        {"sigma0": (("vignette", "line", "sample"), images, {"units": "1"})},
        coords={
            "beam": ("vignette", beam),
            "polarisation": ("vignette", np.full(N, "VV")),
            "longitude": ("vignette", np.zeros(N)),
            "latitude": ("vignette", np.zeros(N)),
            "incidence": (("vignette", "sample"), np.full((N, 384), 30, np.float32)),
            "pixel_spacing": 50.0,
        },
    )


def opened_graphs() -> dict[str, tuple[float, float]]:
    """Processor time to open a vignette of each format, in ms, and to build the graph of 10,000, in s."""
    from xoceansar import open_wave_mode
    from xoceansar.io.safe import wave_mode
    from xoceansar.simulate import write_eopf, write_safe

    built = wave_mode._dataset
    calls = []

    def noted(*asked: Any) -> xr.Dataset:
        calls.append(asked)
        return built(*asked)

    costs = {}
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        safe = write_safe(folder, n=16, seed=1, scale=0.1)
        paths = {"safe": safe} | {
            f"eopf{layout}": write_eopf(safe, Path(folder, layout), layout=layout)
            for layout in ("2", "3")
        }
        wave_mode._dataset = noted
        try:
            for name, path in paths.items():
                opening = min(
                    processor_seconds(lambda path=path: open_wave_mode(path))
                    for _ in range(4)
                )
                opened, options, _ = calls[-1]
                many = [
                    # each with an annotation of its own, as from another file
                    pickle.loads(pickle.dumps(opened[k % len(opened)]))
                    for k in range(N)
                ]
                graph = min(
                    processor_seconds(
                        lambda many=many, o=options: built(many, o, CHUNK)
                    )
                    for _ in range(3)
                )
                costs[name] = 1000 * opening / len(opened), graph
        finally:
            wave_mode._dataset = built
    return costs


def processor_seconds(call: Callable[[], object]) -> float:
    """Processor time of a call."""
    start = time.process_time()
    call()
    return time.process_time() - start


def main() -> None:
    base, own = import_seconds()
    report("import.xarray_seconds", base, "s", "", None)
    report("import.added_seconds", own, "s", "< 0.5", own < 0.5)
    loaded = subprocess.check_output(
        [sys.executable, "-c", "import sys, xoceansar; print('torch' in sys.modules)"],
        text=True,
    )
    report(
        "import.torch_loaded", loaded.strip(), "", "False", loaded.strip() == "False"
    )

    import xoceansar  # noqa: F401  registers the accessor

    ds = vignettes()
    ds.isel(vignette=slice(8)).oceansar.retrieve()
    start = time.perf_counter()
    result = ds.oceansar.retrieve()
    seconds = time.perf_counter() - start
    report("graph.build_10k_seconds", seconds, "s", "< 2", seconds < 2)
    for name, (opening, graph) in opened_graphs().items():
        report(f"graph.{name}_open_vignette", opening, "ms of processor", "", None)
        report(f"graph.{name}_10k_seconds", graph, "s of processor", "< 2", graph < 2)
    embedding = ds.oceansar.embed()
    for name, value in (("embed", embedding), ("retrieve", result)):
        graph = dict(value.__dask_graph__())
        size = len(pickle.dumps(graph))
        allowed = 1_000_000 + 1000 * len(graph)
        holds = size <= allowed
        report(f"graph.{name}_tasks_10k", len(graph), "tasks", "", None)
        bar = f"<= 1 MB + 1 kB a task = {allowed / 1e6:.2f}"
        report(f"graph.{name}_pickle_10k", size / 1e6, "MB", bar, holds)


if __name__ == "__main__":
    main()
