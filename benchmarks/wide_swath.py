"""Tile wide swaths: calibration, wind, memory, and how often the input is read.

    python benchmarks/wide_swath.py scene SAFE [--lines 6000 --samples 14000]
    python benchmarks/wide_swath.py product SAFE [--chunk 2048]
    python benchmarks/wide_swath.py memory [--lines 16676 --samples 26144 --chunk 5000]

``scene`` and ``product`` need xsar and the metadata of a real IW or EW GRD product, whose pixels they
simulate: a wind that grows along azimuth and range, seen at 45 degrees. ``scene`` compares tiles
with the truth and with xsar. ``product`` fills the whole image, tiles what xsar opens in a fresh
process, and counts its memory and how often each chunk of the file is read. ``memory`` needs
nothing: its image is a Dask array that makes its chunks as they are asked for. Without an
argument all run, the first two on the IW product in the folder that XOCEANSAR_SAFE_DATA names.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import dask
import dask.array as da
import numpy as np
import xarray as xr
from _report import report

import xoceansar  # noqa: F401 - registers the accessors
from xoceansar import ops

PHI = 45.0
#: Looks of a speckle cell of GRD products (Sentinel-1 Product Definition).
LOOKS = {"IW": 4.4, "EW": 10.7}


def wind(line: Any, sample: Any, size: tuple[int, int]) -> Any:
    """Return the wind speed of the simulated scene, m s-1."""
    return 5 + 6 * line / size[0] + 4 * sample / size[1]


def sea(size: tuple[int, int]) -> Any:
    """Return the backscatter of that wind in VV."""
    from xoceansar.sar.gmf import cmod5n

    def backscatter(line: Any, sample: Any, incidence: Any) -> Any:
        return cmod5n(wind(line, sample, size), PHI, incidence)

    return backscatter


def opened(safe: Path, chunk: int) -> Any:
    """Open a product with xsar, without the slow number of the sub-swath: nothing here needs it."""
    import xsar

    from xoceansar.io import repair_xsar

    repair_xsar()
    xsar.Sentinel1Dataset.add_swath_number = lambda self: None
    return xsar.Sentinel1Dataset(str(safe), chunks={"line": chunk, "sample": chunk})


def scene(template: Path, size: tuple[int, int], chunk: int) -> None:
    """Compare tiles with the truth and with xsar, and the wind with the truth."""
    from xoceansar.simulate import fill_safe

    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        looks = LOOKS[template.name.split("_")[1]]
        safe = fill_safe(
            template, folder, sea(size), lines=size[0], samples=size[1], looks=looks
        )
        filled = time.perf_counter()
        image = opened(safe, chunk)
        read = time.perf_counter()
        tiles = ops.to_vv(image.datatree.oceansar.vignettes())
        speed = ops.gmf_wind(tiles).wind_speed
        own = image.datatree.oceansar.vignettes()
        theirs = xsar_means(image.dataset, own)
        wanted = (
            tiles.sigma0.mean(("line", "sample"), dtype=float),
            own.sigma0.mean(("line", "sample"), dtype=float),
            theirs, speed, own.no_data_fraction,
        )  # fmt: skip
        mean, own_mean, theirs, speed, missing = dask.compute(*wanted)
        tiled = time.perf_counter()
        pixel = float(image.dataset.lineSpacing)
    line, sample = (
        (tiles[name].values / pixel - 0.5)
        for name in ("azimuth_distance", "range_distance")
    )
    truth = np.array([
        sea(size)(*box(a, b, pixel), angle_of(tiles, k, box(a, b, pixel))).mean()
        for k, (a, b) in enumerate(zip(line, sample, strict=True))
    ])  # fmt: skip
    whole = missing.values == 0
    bias = float(np.abs(decibel(mean / truth))[whole].max())
    other = float(np.abs(decibel(own_mean / theirs))[whole].max())
    true_wind = wind(line, sample, size)
    alike = float(np.corrcoef(speed.values[whole], true_wind[whole])[0, 1])
    report("wide.tiles", float(whole.sum()), "tiles without gaps", "", None)
    report("wide.truth", bias, "dB, largest of a tile", "< 0.02", bias < 0.02)
    report("wide.xsar", other, "dB, largest of a tile", "< 0.02", other < 0.02)
    report("wide.wind_correlation", alike, "1", "> 0.9", alike > 0.9)
    report(
        "wide.wind_bias", float((speed - true_wind)[whole].mean()), "m s-1", "", None
    )
    report("wide.fill", filled - start, "s", "", None)
    report("wide.xsar_opens", read - filled, "s", "", None)
    report("wide.tiling", tiled - read, "s", "", None)


def decibel(ratio: Any) -> Any:
    return 10 * np.log10(np.asarray(ratio))


def box(line: float, sample: float, pixel: float) -> tuple[Any, Any]:
    """Lines and samples of a tile, 120 along each side."""
    steps = np.arange(-9520.0, 9600.0, 160.0) / pixel
    return (line + steps)[:, None], (sample + steps)[None, :]


def angle_of(tiles: xr.Dataset, k: int, at: tuple[Any, Any]) -> Any:
    """Incidence at the samples of `box`; along azimuth it changes by under 0.001 degree."""
    columns = np.linspace(0, tiles.sizes["sample"] - 1, at[1].size)
    profile = tiles.incidence[k].values
    return np.interp(columns, np.arange(profile.size), profile)[None, :]


def xsar_means(ds: xr.Dataset, tiles: xr.Dataset) -> xr.DataArray:
    """Mean of xsar's own sigma0 over the pixels of each tile."""
    sigma0 = ds.sigma0.sel(pol=str(tiles.polarisation.values[0]))
    pixel = float(ds.lineSpacing)
    side = round(19200 / pixel)
    parts = []
    for a, b in zip(
        tiles.azimuth_distance.values, tiles.range_distance.values, strict=True
    ):
        line, sample = round(a / pixel) - side // 2, round(b / pixel) - side // 2
        part = sigma0[line : line + side, sample : sample + side]
        parts.append(part.reset_coords(drop=True).mean(dtype=float))
    return xr.concat(parts, "vignette")


def product(template: Path, chunk: int, threads: int) -> None:
    """Fill a whole product, and tile it in a process that does nothing else."""
    from lxml import etree

    from xoceansar.simulate import fill_safe

    note: Any = etree.parse(next((template / "annotation").glob("*-vv-*.xml")))
    size = tuple(
        int(note.findtext(f".//{n}")) for n in ("numberOfLines", "numberOfSamples")
    )
    with tempfile.TemporaryDirectory() as folder:
        safe = fill_safe(template, folder, sea(size), polarisations=("VV",))
        arguments = [
            "tile",
            str(safe),
            "--chunk",
            str(chunk),
            "--threads",
            str(threads),
        ]
        subprocess.run([sys.executable, __file__, *arguments], check=True)


def tile(safe: Path, chunk: int, threads: int) -> None:
    """Tile what xsar opens; count the reads of the file and the memory."""
    from rioxarray._io import RasterioArrayWrapper

    reads: Counter[str] = Counter()
    read = RasterioArrayWrapper._getitem

    def count(self: Any, key: Any) -> Any:
        reads[str(key)] += 1
        return read(self, key)

    RasterioArrayWrapper._getitem = count
    image = opened(safe, chunk)
    tiles = image.datatree.oceansar.vignettes(polarisation="VV")
    reads.clear()
    peak, seconds = measured(tiles, threads)
    shape = image.dataset.sigma0.shape
    chunks = -(-shape[1] // chunk) * -(-shape[2] // chunk)
    name = f"wide.product_{chunk}"
    most = float(max(reads.values()) if len(reads) == chunks else np.nan)
    report(f"{name}_reads", most, "reads of a chunk, most", "1", most == 1)
    report(f"{name}_memory", peak, "GB above opened", "< 1.5", peak < 1.5)
    report(f"{name}_seconds", seconds, "s", "", None)


def memory(size: tuple[int, int], chunk: int, threads: int) -> None:
    """Tile an image that is made as it is read; count the chunks and the memory."""
    touched: Counter[tuple[str, tuple[int, ...]]] = Counter()

    def make(key: str, scale: float, block_info: Any = None) -> Any:
        info = block_info[None]
        touched[key, tuple(info["chunk-location"])] += 1
        rng = np.random.default_rng(info["chunk-location"])
        return scale * (0.5 + rng.random(info["chunk-shape"]))

    chunks = da.core.normalize_chunks(chunk, size, dtype=float)
    images = {
        name: (
            ("line", "sample"),
            da.map_blocks(
                make, chunks=chunks, dtype=float, meta=np.empty((0, 0)), key=name,
                scale=scale, token=name,
            ),
        )
        for name, scale in (("sigma0", 0.05), ("nesz", 0.004))
    }  # fmt: skip
    nodes = {"line": [0, size[0] - 1], "sample": [0, size[1] - 1]}
    coarse = xr.Dataset(
        {
            "longitude": (("line", "sample"), [[-20.0, -16.7], [-20.4, -17.1]]),
            "latitude": (("line", "sample"), [[40.0, 40.4], [41.5, 41.9]]),
            "incidenceAngle": (("line", "sample"), [[30.5, 46.1], [30.5, 46.1]]),
        },
        coords=nodes,
    )
    ds = xr.Dataset(images).assign(lineSpacing=10.0, sampleSpacing=10.0)
    tree = xr.DataTree.from_dict({"measurement": ds, "geolocation_annotation": coarse})
    tiles = tree.oceansar.vignettes(polarisation="VV")
    peak, seconds = measured(tiles, threads)
    most = float(max(touched.values()))
    report("wide.made_reads", most, "reads of a chunk, most", "1", most == 1)
    report("wide.made_memory", peak, "GB above the start", "< 1.5", peak < 1.5)
    report("wide.made_seconds", seconds, "s", "", None)


def measured(tiles: xr.Dataset, threads: int) -> tuple[float, float]:
    """Compute wind and quality; return the highest memory above the start, GB, and the seconds."""
    wanted = [ops.gmf_wind(tiles).wind_speed, tiles.quality, tiles.no_data_fraction]
    warm_up()
    base, highest = resident(), 0.0
    done = threading.Event()

    def watch() -> None:
        nonlocal highest
        while not done.wait(0.02):
            highest = max(highest, resident())

    watcher = threading.Thread(target=watch)
    watcher.start()
    start = time.perf_counter()
    with dask.config.set(scheduler="threads", num_workers=threads):
        dask.compute(*wanted)
    seconds = time.perf_counter() - start
    done.set()
    watcher.join()
    # The kernel's own mark misses nothing, but counts what was before the start too.
    mark = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024.0
    return (max(highest, mark) - base) / 1e9, seconds


def warm_up() -> None:
    """Import and compile what the first inversion does, so that it is in the base."""
    one = xr.Dataset(
        {"sigma0": (("vignette", "line", "sample"), np.full((1, 4, 4), 0.05))},
        coords={"incidence": ("vignette", [35.0])},
    )
    ops.gmf_wind(one).load()


def resident() -> float:
    """Return the memory of the process now, bytes."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return float(pages * os.sysconf("SC_PAGE_SIZE"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "what",
        nargs="?",
        choices=("all", "scene", "product", "tile", "memory"),
        default="all",
    )
    parser.add_argument("template", nargs="?", type=Path)
    parser.add_argument("--lines", type=int)
    parser.add_argument("--samples", type=int)
    parser.add_argument("--chunk", type=int)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    folder = Path(os.environ.get("XOCEANSAR_SAFE_DATA", "/nowhere"))
    template = args.template or next(folder.glob("S1?_IW_GRDH_*"), None)
    if args.what == "tile":
        tile(template, args.chunk, args.threads)
    if args.what in ("scene", "all") and template:
        size = (args.lines or 6000, args.samples or 14000)
        scene(template, size, args.chunk or 2000)
    if args.what in ("product", "all") and template:
        product(template, args.chunk or 2048, args.threads)
    if args.what in ("memory", "all"):
        size = (args.lines or 16676, args.samples or 26144)
        memory(size, args.chunk or 5000, args.threads)


if __name__ == "__main__":
    main()
