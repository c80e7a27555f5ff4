"""Peak memory of `process` as the archive grows, and what coordination costs beside the work."""

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from pathlib import Path
from typing import Any

import psutil
from _report import report
from _units import multiply, small_products

HERE = Path(__file__).parent
#: Vignettes of each product; real ones have up to 180.
PER_PRODUCT = 20


def run_once(
    folder: str, target: str, model: str, shape: str, limit: str, workers: str = "2"
) -> None:
    """Process products in this process and its workers, and print what it took."""
    import xoceansar as xos

    inputs = sorted(str(path) for path in Path(folder).glob("*.SAFE"))[: int(limit)]
    xos.process  # noqa: B018  imported before the clock starts
    warnings.simplefilter("ignore")
    start, cpu = time.perf_counter(), time.process_time()
    made = xos.process(
        inputs,
        target,
        outputs=["quality"] if model == "none" else None,
        model=None if model == "none" else model or None,
        shape=(int(shape), int(shape)),
        workers=int(workers),
    )
    record = {
        "seconds": time.perf_counter() - start,
        "coordinator": time.process_time() - cpu,
        "work": made.work_seconds,
        "vignettes": made.vignettes,
        "failed": len(made.failed),
    }
    print(json.dumps(record))


def measured(*arguments: str | int) -> dict[str, Any]:
    """Run it in a fresh process, and add the peak of the memory of that and its workers."""
    command = [sys.executable, __file__, "--once", *(str(a) for a in arguments)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    peak = 0
    done = threading.Event()

    def sample() -> None:
        nonlocal peak
        while not done.wait(0.2):
            peak = max(peak, _resident(process.pid))

    thread = threading.Thread(target=sample)
    thread.start()
    printed, _ = process.communicate()
    done.set()
    thread.join()
    assert process.returncode == 0
    return {**json.loads(printed.splitlines()[-1]), "peak": peak}


def _resident(pid: int) -> int:
    total = 0
    try:
        tree = psutil.Process(pid)
        for process in [tree, *tree.children(recursive=True)]:
            total += process.memory_info().rss
    except psutil.NoSuchProcess:
        pass
    return total


def tiny_model(folder: Path) -> str:
    """Write the network of the tests: two blocks, random numbers."""
    sys.path.insert(0, str(HERE.parent))
    from tests.conftest import write_tiny_model

    return str(write_tiny_model(folder / "tiny").path)


def main() -> None:
    """Small vignettes and a tiny network for the growth; real ones for the share."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--vignettes", type=int, default=10_000)
    parser.add_argument(
        "--real", type=int, default=2, help="vignettes of the real size"
    )
    parser.add_argument("--plain", action="store_true", help="leave the network out")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        model = "none" if given.plain else tiny_model(folder)
        count = given.vignettes // PER_PRODUCT
        seeds = small_products(folder, 1, PER_PRODUCT, scale=0.05)
        multiply(seeds, folder / "many", count)
        arguments = (model, 64)
        few = measured(
            folder / "many", folder / "few.zarr", *arguments, 200 // PER_PRODUCT
        )
        many = measured(folder / "many", folder / "many.zarr", *arguments, count)
        assert (few["vignettes"], few["failed"]) == (200, 0)
        assert (many["vignettes"], many["failed"]) == (count * PER_PRODUCT, 0)
        for name, one in (("few", few), ("many", many)):
            about = f"{one['vignettes']} vignettes"
            report(f"process.{name}_peak", one["peak"] / 2**20, "MiB", about, None)
            report(f"process.{name}_seconds", one["seconds"], "s", about, None)
        ratio = many["peak"] / few["peak"]
        report("process.peak_ratio", ratio, "", "<= 1.1", ratio <= 1.1)
        share = many["coordinator"] / many["work"]
        report("process.overhead_small", 100 * share, "%", "", None)
        if given.real:
            shares(folder, few, many, given.real)


def shares(folder: Path, few: dict[str, Any], many: dict[str, Any], real: int) -> None:
    """Compare what each vignette costs the coordinator and scheduler with its real work."""
    multiply(small_products(folder / "large", 1, real, scale=1.0), folder / "real", 3)
    # the first product pays for imports and compilation
    one, three = (
        measured(folder / "real", folder / f"real-{n}.zarr", "", 384, n, 1)["work"]
        for n in (1, 3)
    )
    more = many["vignettes"] - few["vignettes"]
    coordination = (many["coordinator"] - few["coordinator"]) / more
    work = (three - one) / (2 * real)
    report("process.work_per_vignette", 1e3 * work, "ms", "", None)
    report("process.coordination_per_vignette", 1e3 * coordination, "ms", "", None)
    share = 100 * coordination / work
    report("process.overhead", share, "%", "< 2", share < 2)


if __name__ == "__main__":
    if "--once" in sys.argv:
        run_once(*sys.argv[2:])
    else:
        main()
