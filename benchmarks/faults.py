"""Kill the coordinator and the workers of `process` at random moments; fill its disk."""

import argparse
import asyncio
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

from xoceansar.errors import ProductError
from xoceansar.io.archive.repository import is_repository
from xoceansar.io.archive.zarr_archive import is_archive, open_archive

HERE = Path(__file__).parent
#: Attributes and columns that say when, and not what.
WHEN = "processing_time"
SETTINGS: dict[str, Any] = {"shape": (64, 64), "commit_seconds": 0.0}


def outputs(model: str) -> dict[str, Any]:
    return {"model": model} if model else {"outputs": ["quality", "sigma0"]}


def coordinate(
    folder: Path, target: Path, scheduler: str, model: str, store: Any
) -> None:
    """Be the coordinator: what is killed."""
    from xoceansar.processing.run import process

    process(
        folder,
        target,
        store=store,
        scheduler=scheduler or None,
        workers=None if scheduler else 1,
        **outputs(model),
        **SETTINGS,
    )


def serve() -> None:
    """Import everything once, and fork what each line of the standard input asks for.

    What is forked is at its work at once, and is killed there and not at its imports.
    """
    import distributed  # noqa: F401

    from xoceansar.processing.run import process

    with tempfile.TemporaryDirectory() as folder:
        # compiles what reads pixels; Dask's threads do not survive a fork, so none are used
        made = small_products(Path(folder), 1, 1)
        process(made, Path(folder, "a"), scheduler="synchronous", **outputs(""))
    print("ready", flush=True)
    for line in sys.stdin:
        kind, *arguments = line.rstrip("\n").split("\t")
        if kind == "wait":
            status = os.waitpid(int(arguments[0]), 0)[1]
            print(os.waitstatus_to_exitcode(status), flush=True)
            continue
        child = os.fork()
        if child == 0:
            _be(kind, arguments)
        print(child, flush=True)


def _be(kind: str, arguments: list[str]) -> None:
    """Be a coordinator or a worker, and nothing afterwards."""
    warnings.simplefilter("ignore")
    status = 1
    try:
        if kind == "worker":
            asyncio.run(work(*arguments))
        else:
            folder, target, *others = arguments
            coordinate(Path(folder), Path(target), *others)
        status = 0
    finally:
        os._exit(status)


async def work(scheduler: str) -> None:
    """Be a worker of one thread: what is killed."""
    import distributed

    async with distributed.Worker(scheduler, nthreads=1, dashboard=False) as worker:
        await worker.finished()


class Server:
    """The process that coordinators and workers are forked from."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__, "--serve"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._line() == "ready"

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def ask(self, *words: str | Path) -> int:
        """Fork something, or wait for it; its number, or its exit code."""
        print("\t".join(map(str, words)), file=self._process.stdin, flush=True)
        return int(self._line())


class Coordinator:
    """A process that makes an archive."""

    server: Server
    store = "zarr"

    def __init__(self, folder: Path, target: Path, scheduler: str, model: str) -> None:
        words = (folder, target, scheduler, model, self.store)
        self.pid = self.server.ask("coordinator", *words)

    def wait(self) -> int:
        """Wait for its end; 0 where it finished."""
        return self.server.ask("wait", str(self.pid))


class Workers:
    """Two workers; one that is killed is replaced, as on any cluster."""

    def __init__(self, server: Server, scheduler: str) -> None:
        self._server, self._scheduler = server, scheduler
        self._pids = [server.ask("worker", scheduler) for _ in range(2)]

    def kill_one(self, rng: random.Random) -> None:
        """Kill one at random."""
        k = rng.randrange(len(self._pids))
        os.kill(self._pids[k], signal.SIGKILL)
        self._server.ask("wait", str(self._pids[k]))
        self._pids[k] = self._server.ask("worker", self._scheduler)

    def close(self) -> None:
        """End them."""
        for pid in self._pids:
            os.kill(pid, signal.SIGKILL)
            self._server.ask("wait", str(pid))


def differences(target: Path, whole: xr.Dataset, units: int) -> str:
    """Say how an archive differs from the uninterrupted one; empty where it does not."""
    with open_archive(target) as opened:
        made = opened.load()
    try:
        xr.testing.assert_equal(made, whole)
    except AssertionError as error:
        return str(error)[:300]
    if len(set(made.vignette_id.values)) != made.sizes["vignette"]:
        return "a vignette is there twice"
    table = open_archive(target, group="units").load()
    names = table["product"].values
    if len(set(names)) != units or len(names) != units:
        return f"{len(names)} records of {len(set(names))} products"
    if is_repository(str(target)):
        return ""
    with xr.open_zarr(target, consolidated=False) as opened:
        if dict(opened.sizes) != dict(whole.sizes):
            return "the arrays' own metadata differs"
    return ""


def rows_in(target: Path) -> int:
    """Rows that a reader sees at this moment; whatever it sees must be whole."""
    if not is_archive(target):
        return 0
    try:
        opened = open_archive(target)
    except ProductError:  # a repository before its first commit
        return 0
    with opened:
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
    kills: int,
    folder: Path,
    products: Path,
    seconds: float,
    plan: Any,
    workers: Workers,
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
            hit = Path(f"{target}.lock").exists()
            workers.kill_one(rng)
            assert process.wait() == 0
        problem = differences(target, whole, len(list(products.glob("*.SAFE"))))
        wrong += bool(problem)
        print(f"# worker {k}: {problem or 'equal'}", file=sys.stderr)
        shutil.rmtree(target)
    return wrong


def refusals(folder: Path, products: Path, whole: xr.Dataset) -> dict[str, str]:
    """Disk full, read-only target, two writers: what is said, and whether the archive opens."""
    import xoceansar as xos
    from xoceansar.errors import ArchiveError

    arguments = {**outputs(""), **SETTINGS, "scheduler": "synchronous"}
    said: dict[str, str] = {}
    small = folder / "small"
    small.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(small)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode == 0:
        target = small / "a.zarr"
        try:
            some = sorted(products.glob("*.SAFE"))[:2]
            xos.process(some, target, **arguments)
            used = sum(f.stat().st_blocks for f in small.rglob("*")) * 512
            size = f"remount,size={used + (24 << 10)}"
            subprocess.run(["mount", "-o", size, str(small)], check=True)
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
    count = made.sizes["vignette"]
    assert 0 < count < whole.sizes["vignette"]
    xr.testing.assert_equal(made, whole.isel(vignette=slice(count)))


def main() -> None:
    """Run all of it; about a second for each kill on a fast machine."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--products", type=int, default=6)
    parser.add_argument("--plain", action="store_true", help="leave the network out")
    parser.add_argument(
        "--store",
        choices=("zarr", "icechunk"),
        default="zarr",
        help="icechunk: the coordinators alone are killed",
    )
    given = parser.parse_args()
    Coordinator.store = given.store
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
    Coordinator.server = Server()
    with distributed.LocalCluster(
        n_workers=0, dashboard_address=None, silence_logs="ERROR"
    ) as cluster:
        workers = Workers(Coordinator.server, cluster.scheduler_address)
        whole, seconds = {}, {}
        for name in ("", model, ""):  # the last is timed with everything loaded
            target = folder / f"whole-{bool(name)}.zarr"
            shutil.rmtree(target, ignore_errors=True)
            start = time.perf_counter()
            process = Coordinator(products, target, cluster.scheduler_address, name)
            assert process.wait() == 0
            seconds[name] = time.perf_counter() - start
            whole[name] = open_archive(target).load()
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
        if Coordinator.store == "icechunk":
            # what follows is of one writer and its lock; workers never see the store
            workers.close()
            return

        def shared(k: int) -> tuple[xr.Dataset, str, str]:
            name = model if k % 5 == 4 else ""
            return whole[name], cluster.scheduler_address, name

        wrong = killed_workers(kills, folder, products, seconds[""], shared, workers)
        report("faults.worker_kills", kills, "kills", "", None)
        report("faults.worker_wrong", wrong, "archives", "0", wrong == 0)
        workers.close()
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
