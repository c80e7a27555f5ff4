"""Speed and memory of the direct reader beside xsar's own route, on a vignette of real size."""

import contextlib
import hashlib
import io
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
from _products import flat_product, pixelless_products
from _report import report

from xoceansar import open_wave_mode
from xoceansar.io.safe.annotation import Annotation
from xoceansar.io.safe.direct_reader import read_averages
from xoceansar.io.safe.ground_grid import GridSpec, VignetteGrid
from xoceansar.io.safe.pixels import read_numbers
from xoceansar.io.safe.product import discover
from xoceansar.io.safe.vignette_source import Source, load_annotation, load_tables
from xoceansar.io.safe.xml_parsing import parse_xml

#: Pixels averaged by xsar's route to some 50 m: 12 lines of 4.13 m, 13 samples of 3.65 m.
COARSE = {"line": 12, "sample": 13}


def best(
    action: Callable[[], object],
    repeats: int,
    clock: Callable[[], float] = time.perf_counter,
) -> float:
    """Shortest of some runs: the one that the rest of the machine disturbed least."""
    times = []
    for _ in range(repeats):
        start = clock()
        action()
        times.append(clock() - start)
    return min(times)


def with_xsar(product: Path) -> np.ndarray:
    """Full-resolution sigma0, then coarsened: the route of xsar's documentation."""
    import xsar

    image = xsar.Sentinel1Dataset(
        f"SENTINEL1_DS:{product}:WV_001", chunks={"line": 480, "sample": 6000}
    )
    image.add_high_resolution_variables(skip_variables=["ground_heading"])
    image.apply_calibration_and_denoising()
    return image.dataset.sigma0.coarsen(COARSE, boundary="trim").mean().values


def directly(product: Path) -> np.ndarray:
    # xsar holds nothing to its checksum
    return open_wave_mode(product, vignettes=0, verify=False).sigma0.values


def copy_time(source: Source, note: Annotation) -> float:
    """Seconds to copy the samples of a vignette from memory to memory."""
    path = source.files.path("measurement")
    numbers = read_numbers(source.store, path, note.lines, note.samples)
    target = np.empty_like(numbers)
    return best(lambda: np.copyto(target, numbers), 7)


def speed(product: Path) -> None:
    (found,) = discover(str(product))
    source = Source(found.store, found.vignettes[0].without_md5("measurement"), 1.0)
    note = load_annotation(source)
    grid = VignetteGrid(note, GridSpec(50.0, (384, 384)))
    tables = load_tables(source, uncalibrated=False)
    directly(product)  # compiles, loads the land mask, brings the file into memory
    copy = copy_time(source, note)
    pixels = best(lambda: read_averages(source, grid, tables), 7)
    direct = best(lambda: directly(product), 7)
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with_xsar(product)
        xsar = best(lambda: with_xsar(product), 2)
    ratio = xsar / direct
    report("reader.xsar", xsar, "s from file to sigma0", "", None)
    report("reader.direct", direct, "s from file to sigma0", "", None)
    report("reader.speed", ratio, "times xsar's route", ">= 25", ratio >= 25)
    passes = pixels / copy
    report("reader.pass", passes, "copies of the samples", "<= 6", passes <= 6)


def opening(name: str, paths: list[Path]) -> None:
    """Time to open many vignettes, and how much of it the checksums and the XML parser take."""
    files = [file for path in paths for file in (path / "annotation").glob("*.xml")]
    open_wave_mode(paths)
    wall, used, least = np.inf, np.inf, np.inf
    for _ in range(5):  # in turns: the machine is not equally fast all the time
        wall = min(wall, best(lambda: open_wave_mode(paths), 1))
        used = min(used, best(lambda: open_wave_mode(paths), 1, time.process_time))
        least = min(least, best(lambda: parse_all(files), 1, time.process_time))
    seconds = wall / len(files) * 5040
    unit = f"s to open 5,040 vignettes in products of {len(files) // len(paths)}"
    report(f"reader.open_{name}", seconds, unit, "<= 5", seconds <= 5)
    unit = "times the processor time of MD5 and an XML parser alone"
    report(f"reader.open_{name}_ratio", used / least, unit, "", None)


def parse_all(files: list[Path]) -> None:
    for file in files:
        data = file.read_bytes()
        hashlib.md5(data, usedforsecurity=False).hexdigest()
        parse_xml(data, file.name)


def in_fresh_process(what: str, *paths: Path) -> float:
    """Memory in MB that a measurement of this script prints, run by itself."""
    done = subprocess.run(
        [sys.executable, __file__, what, *map(str, paths)],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return float(done.stdout)


def status(field: str) -> float:
    """Memory of this process in MB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) / 1024
    raise KeyError(field)


def peak_of_reading(product: str, small: str) -> float:
    """Peak above the level before, once the libraries and the land mask are loaded."""
    open_wave_mode(small, shape=(36, 36)).load()
    Path("/proc/self/clear_refs").write_text("5")  # resets the peak
    before = status("VmRSS")
    open_wave_mode(product, vignettes=0).load()
    return status("VmHWM") - before


def growth_of_opening(many: str, small: str) -> float:
    open_wave_mode(small)
    before = status("VmRSS")
    open_wave_mode(many)
    return status("VmRSS") - before


def memory(product: Path, many: Path, small: Path) -> None:
    extra = in_fresh_process("peak_of_reading", product, small)
    report("reader.memory", extra, "MB above before, at most", "< 200", extra < 200)
    growth = in_fresh_process("growth_of_opening", many, small)
    report(
        "reader.open_memory", growth, "MB to open 180 vignettes", "< 50", growth < 50
    )


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        small = flat_product(f"{folder}/small", ["wv1"], scale=0.1)
        product = flat_product(f"{folder}/full", ["wv1"])
        many = flat_product(f"{folder}/many", ["wv1", "wv2"] * 90, scale=0.02)
        speed(product)
        opening("large", pixelless_products(f"{folder}/large", 4, 90))
        opening("small", pixelless_products(f"{folder}/small8", 45, 8))
        memory(product, many, small)


MEASUREMENTS = {
    "peak_of_reading": peak_of_reading,
    "growth_of_opening": growth_of_opening,
}

if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(MEASUREMENTS[sys.argv[1]](*sys.argv[2:]))
    else:
        main()
