"""Kill the coordinator and the workers of `process` at random moments; fill its disk."""

import argparse
import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

import xarray as xr
from _report import report
from _units import multiply, small_products

HERE = Path(__file__).parent
#: Attributes and columns that say when, and not what.
WHEN = "processing_time"
SETTINGS: dict[str, Any] = {"shape": (64, 64), "commit_seconds": 0.0}


def outputs(model: str) -> dict[str, Any]:
    return {"model": model} if model else {"outputs": ["quality", "sigma0"]}


def coordinate(folder: Path, target: Path, scheduler: str, model: str) -> None:
    """Be the coordinator: what is killed."""
    from xoceansar.processing.run import process

    process(
        folder,
        target,
        scheduler=scheduler or None,
        workers=None if scheduler else 1,
        **outputs(model),
        **SETTINGS,
    )


def serve() -> None:
    """Import everything once, and fork a coordinator for each line of the standard input.

    A coordinator then starts in no time, and is killed at its work and not at its imports.
    """
    import distributed  # noqa: F401

    import xoceansar.processing.run  # noqa: F401

    print("ready", flush=True)
    for line in sys.stdin:
        process = os.fork()
        if process == 0:
            folder, target, scheduler, model = line.rstrip("\n").split("\t")
            status = 1
            try:
                warnings.simplefilter("ignore")
                coordinate(Path(folder), Path(target), scheduler, model)
                status = 0
            finally:
                os._exit(status)
        print(process, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]), flush=True)


class Coordinator:
    """A process that makes an archive."""

    server: "subprocess.Popen[str]"

    def __init__(self, folder: Path, target: Path, scheduler: str, model: str) -> None:
        assert self.server.stdin is not None
        line = "\t".join([str(folder), str(target), scheduler, model])
        print(line, file=self.server.stdin, flush=True)
        self.pid = int(self._line())

    @classmethod
    def start_server(cls) -> None:
        """Start the process that coordinators are forked from."""
        cls.server = subprocess.Popen(
            [sys.executable, __file__, "--serve"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert cls._line() == "ready"

    @classmethod
    def _line(cls) -> str:
        assert cls.server.stdout is not None
        return cls.server.stdout.readline().strip()

    def wait(self) -> int:
        """Wait for its end; 0 where it finished."""
        return int(self._line())


def differences(target: Path, whole: xr.Dataset, units: int) -> str:
    """Say how an archive differs from the uninterrupted one; empty where it does not."""
    with xr.open_zarr(target) as opened:
        made = opened.load()
    try:
        xr.testing.assert_equal(made, whole)
    except AssertionError as error:
        return str(error)[:300]
    if len(set(made.vignette_id.values)) != made.sizes["vignette"]:
        return "a vignette is there twice"
    table = xr.open_zarr(target, group="units").load()
    names = table["product"].values
    if len(set(names)) != units or len(names) != units:
        return f"{len(names)} records of {len(set(names))} products"
    with xr.open_zarr(target, consolidated=False) as opened:
        if dict(opened.sizes) != dict(whole.sizes):
            return "the arrays' own metadata differs"
    return ""


def rows_in(target: Path) -> int:
    """Rows that a reader sees at this moment; whatever it sees must be whole."""
    if not (target / "zarr.json").exists():
        return 0
    with xr.open_zarr(target) as opened:
        ids = opened.load().get("vignette_id")
        return 0 if ids is None else len(ids)


def killed_coordinators(
    kills: int, folder: Path, products: Path, seconds: float, plan: Any
) -> tuple[int, list[int]]:
    """Kill the coordinator once in each of some runs; how many archives are wrong, rows at the kill."""
    wrong, seen = 0, []
    rng = random.Random(1)
    for k in range(kills):
        whole, scheduler, model = plan(k)
        target = folder / f"coordinator-{k}.zarr"
        while not killed_once(target, products, (scheduler, model), seconds, rng):
            shutil.rmtree(target)  # it had ended: another moment
        seen.append(rows_in(target))
        assert Coordinator(products, target, scheduler, model).wait() == 0
        problem = differences(target, whole, len(list(products.glob("*.SAFE"))))
        wrong += bool(problem)
        print(
            f"# coordinator {k}: {seen[-1]} rows, {problem or 'equal'}", file=sys.stderr
        )
        shutil.rmtree(target)
    return wrong, seen


def killed_once(
    target: Path,
    products: Path,
    arguments: tuple[str, str],
    seconds: float,
    rng: random.Random,
) -> bool:
    """Kill a coordinator at a random moment of its run; False where it had ended before."""
    process = Coordinator(products, target, *arguments)
    time.sleep(rng.uniform(0.0, seconds))
    with contextlib.suppress(ProcessLookupError):
        os.kill(process.pid, signal.SIGKILL)
    return process.wait() == -signal.SIGKILL


def killed_workers(
    kills: int, folder: Path, products: Path, seconds: float, plan: Any, cluster: Any
) -> int:
    """Kill a worker once in each of some runs; how many archives are wrong."""
    wrong = 0
    rng = random.Random(2)
    for k in range(kills):
        whole, scheduler, model = plan(k)
        target = folder / f"worker-{k}.zarr"
        hit = False
        while not hit:
            shutil.rmtree(target, ignore_errors=True)
            process = Coordinator(products, target, scheduler, model)
            time.sleep(rng.uniform(0.0, seconds))
            hit = Path(f"{target}.lock").exists() and kill_a_worker(cluster, rng)
            assert process.wait() == 0
        problem = differences(target, whole, len(list(products.glob("*.SAFE"))))
        wrong += bool(problem)
        print(f"# worker {k}: {problem or 'equal'}", file=sys.stderr)
        shutil.rmtree(target)
    return wrong


def kill_a_worker(cluster: Any, rng: random.Random) -> bool:
    """Kill one of the workers that are alive; False where none is, or it has just died."""
    alive = [nanny.pid for nanny in cluster.workers.values() if nanny.pid is not None]
    try:
        os.kill(rng.choice(alive), signal.SIGKILL)
    except (IndexError, ProcessLookupError):
        return False
    return True


def refusals(folder: Path, products: Path, whole: xr.Dataset) -> dict[str, str]:
    """Disk full, read-only target, two writers: what is said, and whether the archive opens."""
    import xoceansar as xos
    from xoceansar.errors import ArchiveError

    arguments = {**outputs(""), **SETTINGS, "scheduler": "synchronous"}
    said: dict[str, str] = {}
    small = folder / "small"
    small.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=700k", "tmpfs", str(small)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode == 0:
        target = small / "a.zarr"
        try:
            said["disk full"] = _refused(
                lambda: xos.process(products, target, **arguments), ArchiveError
            )
            _is_beginning(target, whole)
            subprocess.run(["mount", "-o", "remount,ro", str(small)], check=True)
            said["read-only"] = _refused(
                lambda: xos.process(products, target, **arguments), ArchiveError
            )
            _is_beginning(target, whole)
            subprocess.run(
                ["mount", "-o", "remount,rw,size=64m", str(small)], check=True
            )
            xos.process(products, target, **arguments)
            xr.testing.assert_equal(xr.open_zarr(target).load(), whole)
        finally:
            subprocess.run(["umount", "-l", str(small)], check=True)
    target = folder / "two.zarr"
    first = Coordinator(products, target, "", "")
    while not Path(f"{target}.lock").exists():
        time.sleep(0.01)
    said["two writers"] = _refused(
        lambda: xos.process(products, target, **arguments), ArchiveError
    )
    assert first.wait() == 0
    xr.testing.assert_equal(xr.open_zarr(target).load(), whole)
    return said


def _refused(call: Any, kind: type[Exception]) -> str:
    try:
        call()
    except kind as error:
        return str(error)
    return ""


def _is_beginning(target: Path, whole: xr.Dataset) -> None:
    made = xr.open_zarr(target).load()
    count = made.sizes.get("vignette", 0)
    if count:
        xr.testing.assert_equal(made, whole.isel(vignette=slice(count)))


def main() -> None:
    """Run all of it; about a second for each kill on a fast machine."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--products", type=int, default=6)
    parser.add_argument("--plain", action="store_true", help="leave the network out")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        multiply(small_products(folder, 2, 2), folder / "products", given.products)
        run_all(folder, folder / "products", given.kills, plain=given.plain)


def tiny_model(folder: Path) -> str:
    """Write the network of the tests: two blocks, random numbers."""
    sys.path.insert(0, str(HERE.parent))
    from tests.conftest import write_tiny_model

    return str(write_tiny_model(folder / "tiny").path)


def run_all(folder: Path, products: Path, kills: int, *, plain: bool) -> None:
    import distributed

    model = "" if plain else tiny_model(folder)
    Coordinator.start_server()
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs="ERROR"
    ) as cluster:
        whole, seconds = {}, {}
        for name in ("", model, ""):  # the last is timed with everything loaded
            target = folder / f"whole-{bool(name)}.zarr"
            shutil.rmtree(target, ignore_errors=True)
            start = time.perf_counter()
            process = Coordinator(products, target, cluster.scheduler_address, name)
            assert process.wait() == 0
            seconds[name] = time.perf_counter() - start
            whole[name] = xr.open_zarr(target).load()
        report("faults.uninterrupted_seconds", seconds[""], "s", "", None)

        def plan(k: int) -> tuple[xr.Dataset, str, str]:
            """Mostly without a network, so that a run is short; some with, some own workers."""
            name = model if k % 5 == 4 else ""
            own = k % 5 == 3
            return whole[name], "" if own else cluster.scheduler_address, name

        wrong, seen = killed_coordinators(kills, folder, products, seconds[""], plan)
        rows = whole[""].sizes["vignette"]
        between = sum(0 < n < rows for n in seen)
        report("faults.coordinator_kills", kills, "kills", "", None)
        report("faults.coordinator_kills_midway", between, "kills", "", None)
        report("faults.coordinator_wrong", wrong, "archives", "0", wrong == 0)

        def shared(k: int) -> tuple[xr.Dataset, str, str]:
            name = model if k % 5 == 4 else ""
            return whole[name], cluster.scheduler_address, name

        wrong = killed_workers(kills, folder, products, seconds[""], shared, cluster)
        report("faults.worker_kills", kills, "kills", "", None)
        report("faults.worker_wrong", wrong, "archives", "0", wrong == 0)
    said = refusals(folder, products, whole[""])
    for name in ("disk full", "read-only", "two writers"):
        if name not in said:
            report(f"faults.{name}", "not run: no tmpfs can be mounted", "", "", None)
            continue
        print(f"# {name}: {said[name]}", file=sys.stderr)
        report(
            f"faults.{name}", "refused" if said[name] else "accepted", "",
            "a clear error, and the archive opens", bool(said[name]),
        )  # fmt: skip


if __name__ == "__main__":
    if "--serve" in sys.argv:
        serve()
    else:
        main()
