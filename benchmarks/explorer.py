"""The page of `explore` on a million made-up vignettes, driven in Chromium.

`python explorer.py [FOLDER] [VIGNETTES]`: the archive (4 GB) is made in FOLDER, and stays there; in a temporary
folder and 1,000,000 where not given. Needs Chromium with its driver (Debian: chromium, chromium-driver).
"""

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import xarray as xr
from _report import report

import xoceansar as xos

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.exploring.chromium import find_chromium, open_chromium

ROWS, WIDTH, SIDE, CHUNK, TURNS = 1_000_000, 768, 384, 8, 5
#: Chunks of images that differ; the others are links to them.
IMAGES = 64

#: Does something in the page, and gives the milliseconds until what it changes is drawn.
CHANGE = """
const done = arguments[arguments.length - 1], before = drawn, start = performance.now();
const look = () => drawn > before ? requestAnimationFrame(() => setTimeout(() => done(performance.now() - start))) : setTimeout(look, 1);
const put = (name, value) => { const e = document.querySelector(`[name="${name}"]`); if (e.type === "checkbox") { e.checked = value; e.onchange(); } else { e.value = value; e.oninput(); } };
%s; look();
"""
PICTURE = """
const done = arguments[arguments.length - 1], start = performance.now(), image = $("large");
image.addEventListener("load", () => done(performance.now() - start), { once: true });
show(arguments[0]);
"""
NEIGHBOURS = """
const done = arguments[arguments.length - 1], start = performance.now();
fetch(`neighbours/${arguments[0]}`).then(a => a.json()).then(a => done(a.neighbours ? performance.now() - start : -1));
"""


def columns(n: int) -> xr.Dataset:
    """Make up what an archive keeps of each vignette, without its images."""
    rng = np.random.default_rng(0)
    order = np.arange(n)
    swh = rng.gamma(6, 0.5, n).astype("f4")
    kinds = "pure_ocean_waves wind_streaks sea_ice iceberg rain_cells biological_slicks"
    centres = rng.normal(size=(300, WIDTH)).astype("f4")
    start = np.datetime64("2016-01-01", "ns")

    def vectors(block_info: Any) -> np.ndarray:
        first, last = block_info[None]["array-location"][0]
        own = np.random.default_rng(first)
        near = centres[own.integers(0, 300, last - first)]
        return near + own.standard_normal((last - first, WIDTH), dtype="f4")

    embedding = da.map_blocks(
        vectors, chunks=(da.core.normalize_chunks(10_000, (n,))[0], (WIDTH,)), dtype="f4"
    )  # fmt: skip
    return xr.Dataset(
        {
            "swh": ("vignette", swh, {"units": "m"}),
            "swh_lower": ("vignette", swh - 0.5, {"units": "m"}),
            "swh_upper": ("vignette", swh + 0.5, {"units": "m"}),
            "wind_speed": ("vignette", rng.gamma(5, 1.5, n).astype("f4"), {"units": "m s-1"}),
            "quality": ("vignette", (rng.random(n) < 0.1).astype("u1") * 4),
            "ocean_class": (
                "vignette",
                rng.integers(0, 6, n).astype("i1"),
                {"flag_values": np.arange(6, dtype="i1"), "flag_meanings": kinds},
            ),
            "embedding_vector": (("vignette", "embedding"), embedding),
        },
        {
            "vignette_id": ("vignette", [f"s1a-wv1-slc-vv-{i:037d}" for i in range(n)]),
            "time": ("vignette", start + order * np.timedelta64(300, "s")),
            "longitude": ("vignette", (rng.random(n) * 360 - 180).astype("f4")),
            "latitude": ("vignette", np.degrees(np.arcsin(rng.uniform(-0.9, 0.9, n))).astype("f4")),
            "beam": ("vignette", np.array(["wv1", "wv2"])[order % 2].astype(object)),
        },
        {"source": "made up"},
    )  # fmt: skip


def make_archive(path: Path, n: int) -> None:
    """Write columns, and the images of a few vignettes under the names of all."""
    draft = path.with_suffix(".draft.zarr")
    xos.to_zarr(columns(n), draft, overwrite=True)
    few = np.random.default_rng(1).gamma(4, 0.25, (IMAGES * CHUNK, SIDE, SIDE))
    name = path.with_suffix(".images.zarr")
    images = xr.Dataset(
        {"sigma0": (("vignette", "line", "sample"), few.astype("f2"), {"units": "1"})}
    )
    xos.to_zarr(images, name, overwrite=True)
    meta = json.loads((name / "sigma0" / "zarr.json").read_text())
    step = meta["chunk_grid"]["configuration"]["chunk_shape"][0]
    seeds = sorted((name / "sigma0" / "c").iterdir(), key=lambda p: int(p.name))
    seeds = [
        seed / "0" / "0" for seed in seeds if len(few) >= (int(seed.name) + 1) * step
    ]
    meta["shape"][0] = n
    into = draft / "sigma0"
    into.mkdir()
    (into / "zarr.json").write_text(json.dumps(meta))
    for i in range(-(-n // step)):
        chunk = into / "c" / str(i) / "0"
        chunk.mkdir(parents=True)
        os.link(seeds[i % len(seeds)], chunk / "0")
    root = json.loads((draft / "zarr.json").read_text())
    root["consolidated_metadata"]["metadata"]["sigma0"] = meta
    (draft / "zarr.json").write_text(json.dumps(root))
    shutil.rmtree(name)
    draft.rename(path)


def memory(process: int) -> float:
    """Return the most memory that a process has had, in GB."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    kilobytes = next(line.split()[1] for line in lines if line.startswith("VmHWM"))
    return int(kilobytes) * 1024 / 1e9


def processor(process: int) -> float:
    """Return the seconds that a process has had of processors."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def held(name: str, values: list[float], bar: float) -> None:
    """Report the median, the spread, and whether it holds."""
    middle = statistics.median(values)
    report(f"explorer.{name}", middle, f"s ({min(values):.2f} to {max(values):.2f})", f"<= {bar:g}", middle <= bar)  # fmt: skip


def measure(path: Path, n: int) -> None:
    """Start the command, open the page, and use it."""
    first, own, page = [], [], []
    command = [sys.executable, "-m", "xoceansar.cli", "explore", str(path), "--no-browser"]  # fmt: skip
    with open_chromium() as browser:
        browser.set_script_timeout(600)
        browser.execute_cdp_cmd("Performance.enable", {"timeDomain": "threadTicks"})
        for turn in range(3):
            start = time.perf_counter()
            child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
            try:
                url = child.stdout.readline().strip()
                printed = time.perf_counter() - start
                browser.get(url)
                while not browser.execute_script("return drawn > 0 && !$('says').textContent"):  # fmt: skip
                    time.sleep(0.02)
                first.append(time.perf_counter() - start)
                own.append(processor(child.pid))
                page.append(first[-1] - printed)
                if turn == 2:
                    use(browser, child.pid, n)
            finally:
                child.kill()
                child.wait()
                child.stdout.close()
    held("first_map", first, 5)
    held("first_map.page", page, 5)
    report("explorer.first_map.server_cpu", statistics.median(own), "s", "", None)


def thread_time(browser: Any) -> float:
    metrics = browser.execute_cdp_cmd("Performance.getMetrics", {})["metrics"]
    return next(m["value"] for m in metrics if m["name"] == "ThreadTime")


def use(browser: Any, server: int, n: int) -> None:
    """Filter, click, ask for neighbours."""
    steps = {
        "range": 'put("swh.least", 3); %s',
        "range_again": 'put("swh.least", %s)',
        "season": 'put("time.Dec-Feb", %s)',
        "class": 'put("ocean_class.2", %s)',
        "zoomed_draw": "requestAnimationFrame(draw); %s",
    }
    for name, step in steps.items():
        seconds, cpu = [], []
        for turn in range(1 if name == "range" else TURNS):
            before = thread_time(browser)
            value = {"range": "", "zoomed_draw": "", "range_again": 2 + turn / 10}.get(name, str(bool(turn % 2)).lower())  # fmt: skip
            seconds.append(browser.execute_async_script(CHANGE % (step % value)) / 1e3)
            cpu.append(thread_time(browser) - before)
        held(f"filter.{name}", seconds, 0.5)
        report(f"explorer.filter.{name}.cpu", statistics.median(cpu), "s", "", None)
    rows = np.random.default_rng(2).integers(0, n, TURNS + 1).tolist()
    browser.execute_script("about.embeddings = false")
    held("picture", [browser.execute_async_script(PICTURE, row) / 1e3 for row in rows], 1)  # fmt: skip
    start, before = time.perf_counter(), processor(server)
    while "share" in browser.execute_async_script("const done = arguments[0]; fetch('neighbours/0').then(a => a.json()).then(done)"):  # fmt: skip
        time.sleep(1)
    report("explorer.embeddings_read", time.perf_counter() - start, "s more", "", None)
    report("explorer.embeddings_read.cpu", processor(server), "s in all", "", None)
    before = processor(server)
    held("neighbours", [browser.execute_async_script(NEIGHBOURS, row) / 1e3 for row in rows], 1)  # fmt: skip
    report("explorer.neighbours.cpu", (processor(server) - before) / len(rows), "s of two processors", "", None)  # fmt: skip
    browser.execute_async_script("const done = arguments[0]; fetch('plane').then(a => a.arrayBuffer()).then(() => done())")  # fmt: skip
    peak = memory(server)
    report("explorer.memory", peak, "GB", "<= 3", peak <= 3)


def main() -> int:
    """Make the archive, where it is not there, and measure."""
    n = int(sys.argv[2]) if len(sys.argv) > 2 else ROWS
    if find_chromium() is None:
        print("no Chromium with its driver is here, so nothing is measured", file=sys.stderr)  # fmt: skip
        return 0
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(sys.argv[1] if len(sys.argv) > 1 else scratch)
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"explored-{n}.zarr"
        if not path.exists():
            make_archive(path, n)
        measure(path, n)
    return 0


if __name__ == "__main__":
    sys.exit(main())
