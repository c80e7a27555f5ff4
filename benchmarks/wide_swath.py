"""Tile wide swaths: calibration, wind, memory, and how often the input is read.

    python benchmarks/wide_swath.py scene SAFE [--lines 16676 --samples 26144]
    python benchmarks/wide_swath.py memory [--lines 16676 --samples 26144 --chunk 5000]

``scene`` needs xsar and the metadata of a real IW GRD product, whose pixels it simulates: a wind that
grows along azimuth and range, seen at 45 degrees. ``memory`` needs nothing: its image is a Dask
array that makes its chunks as they are asked for, and counts them.
"""

import argparse
import json
import resource
import tempfile
import time
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import dask
import dask.array as da
import numpy as np
import xarray as xr

import xoceansar  # registers the accessors
from xoceansar import ops

PHI = 45.0


def wind(line: Any, sample: Any, size: tuple[int, int]) -> Any:
    """Return the wind speed of the simulated scene, m s-1."""
    return 5 + 6 * line / size[0] + 4 * sample / size[1]


def scene(template: Path, size: tuple[int, int], chunk: int) -> dict[str, float]:
    """Compare tiles with the truth and with xsar, and the wind with the truth."""
    import xsar

    from xoceansar.sar.gmf import cmod5n
    from xoceansar.simulate import fill_safe

    def sea(line: Any, sample: Any, incidence: Any) -> Any:
        return cmod5n(wind(line, sample, size), PHI, incidence)

    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        safe = fill_safe(template, folder, sea, lines=size[0], samples=size[1])
        filled = time.perf_counter()
        # Without the slow number of the sub-swath, which nothing here needs.
        xsar.Sentinel1Dataset.add_swath_number = lambda self: None
        opened = xsar.Sentinel1Dataset(
            str(safe), chunks={"line": chunk, "sample": chunk}
        )
        read = time.perf_counter()
        tiles = opened.datatree.oceansar.vignettes()
        speed = ops.gmf_wind(tiles).wind_speed
        mean = tiles.sigma0.mean(("line", "sample"), dtype=float)
        theirs = xsar_means(opened.dataset.sigma0.sel(pol="VV"), tiles)
        mean, speed, theirs = dask.compute(mean, speed, theirs)
        tiled = time.perf_counter()
        field = speed.oceansar.field()
    line, sample = (
        (tiles[name].values / 10 - 0.5)
        for name in ("azimuth_distance", "range_distance")
    )
    truth = np.array([
        sea(*box(a, b), angle_of(tiles, k, box(a, b))).mean()
        for k, (a, b) in enumerate(zip(line, sample, strict=True))
    ])  # fmt: skip
    true_wind = wind(line, sample, size)
    return {
        "tiles": tiles.sizes["vignette"],
        "largest difference from truth, dB": float(np.abs(decibel(mean / truth)).max()),
        "largest difference from xsar, dB": float(np.abs(decibel(mean / theirs)).max()),
        "correlation of the wind": float(
            np.corrcoef(field.values.ravel(), true_wind)[0, 1]
        ),
        "bias of the wind, m/s": float((speed - true_wind).mean()),
        "seconds to fill": filled - start,
        "seconds of xsar to open": read - filled,
        "seconds to tile": tiled - read,
    }


def decibel(ratio: Any) -> Any:
    return 10 * np.log10(np.asarray(ratio))


def box(line: float, sample: float) -> tuple[Any, Any]:
    """Lines and samples of a tile, 120 along each side."""
    steps = np.arange(-952.0, 960.0, 16.0)
    return (line + steps)[:, None], (sample + steps)[None, :]


def angle_of(tiles: xr.Dataset, k: int, at: tuple[Any, Any]) -> Any:
    """Incidence at the samples of `box`; along azimuth it changes by under 0.001 degree."""
    columns = np.linspace(0, tiles.sizes["sample"] - 1, at[1].size)
    profile = tiles.incidence[k].values
    return np.interp(columns, np.arange(profile.size), profile)[None, :]


def xsar_means(sigma0: xr.DataArray, tiles: xr.Dataset) -> xr.DataArray:
    """Mean of xsar's own sigma0 over the pixels of each tile."""
    parts = []
    for a, b in zip(
        tiles.azimuth_distance.values, tiles.range_distance.values, strict=True
    ):
        line, sample = round(a / 10) - 960, round(b / 10) - 960
        part = sigma0[line : line + 1920, sample : sample + 1920]
        parts.append(part.reset_coords(drop=True).mean(dtype=float))
    return xr.concat(parts, "vignette")


def memory(size: tuple[int, int], chunk: int, threads: int) -> dict[str, float]:
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
    wanted = [ops.gmf_wind(tiles).wind_speed, tiles.quality, tiles.no_data_fraction]
    warm_up()
    base = rss()
    start = time.perf_counter()
    with dask.config.set(scheduler="threads", num_workers=threads):
        dask.compute(*wanted)
    return {
        "tiles": tiles.sizes["vignette"],
        "chunks": len(touched),
        "most reads of a chunk": max(touched.values()),
        "peak above the start, MB": (rss() - base) / 1e6,
        "seconds": time.perf_counter() - start,
    }


def warm_up() -> None:
    """Import and compile what the first inversion does, so that it is in the base."""
    one = xr.Dataset(
        {"sigma0": (("vignette", "line", "sample"), np.full((1, 4, 4), 0.05))},
        coords={"incidence": ("vignette", [35.0])},
    )
    ops.gmf_wind(one).load()


def rss() -> float:
    """Return the highest memory of the process so far, bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("scene", "memory"))
    parser.add_argument("template", nargs="?", type=Path)
    parser.add_argument("--lines", type=int, default=16676)
    parser.add_argument("--samples", type=int, default=26144)
    parser.add_argument("--chunk", type=int, default=5000)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    size = (args.lines, args.samples)
    if args.what == "scene":
        result = scene(args.template, size, args.chunk)
    else:
        result = memory(size, args.chunk, args.threads)
    print(f"xoceansar {xoceansar.__version__}, {args.what}, {size[0]} x {size[1]}")
    print(json.dumps({k: round(v, 5) for k, v in result.items()}, indent=2))


if __name__ == "__main__":
    main()
