"""Try many mutants in worker processes, which are watched and replaced when they hang or grow."""

import contextlib
import json
import multiprocessing
import os
import shutil
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from multiprocessing.connection import Connection, wait
from pathlib import Path
from random import Random
from typing import Any, Final

from tests.fuzz.outcomes import BAD, LIMIT, Outcome, Result, try_one

#: Bytes in memory that a trial may come to, imports included.
MEMORY: Final = 2 << 30
#: Seconds by the clock after which a trial that computes nothing hangs.
_STILL: Final = 4 * LIMIT
_TICKS: Final = os.sysconf("SC_CLK_TCK")
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")


def prepare_process() -> None:
    """Compute in one thread, and let nothing use a network or all of the address space."""
    import dask
    import torch

    dask.config.set(scheduler="synchronous")
    torch.set_num_threads(1)
    os.environ["HF_HUB_OFFLINE"] = "1"


def make_inputs(names: Iterable[str], base: Path) -> None:
    """Make the good inputs, each once; in a process of its own, whose memory goes with it."""
    from tests.fuzz.kinds import KINDS

    prepare_process()
    for maker in {kind.make.__qualname__: kind.make for kind in map(KINDS.get, names) if kind}.values():  # fmt: skip
        maker(base)


def _work(pipe: Connection, base: Path, scratch: Path, names: list[str]) -> None:
    """Be a worker: say ready, take a kind and a seed, answer with a result."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    from tests.fuzz.kinds import KINDS

    prepare_process()
    scratch.mkdir(parents=True, exist_ok=True)
    kinds = {name: KINDS[name](base, scratch) for name in names}
    pipe.send(None)
    while True:
        name, seed = pipe.recv()
        _forget_peak()
        result = try_one(kinds[name], seed)
        if result.outcome not in BAD and _peak() > MEMORY:
            result = Result(name, seed, result.operation, Outcome.MEMORY, result.what, f"{_peak() >> 20} MiB")  # fmt: skip
        pipe.send(result)


def _forget_peak() -> None:
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def _peak() -> int:
    with contextlib.suppress(OSError, StopIteration, IndexError):
        lines = Path("/proc/self/status").read_text().splitlines()
        return 1024 * int(next(x for x in lines if x.startswith("VmHWM")).split()[1])
    return 0


def _family(pid: int | None) -> list[int]:
    """Give a process and those that it started."""
    started = []
    for file in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            started += [int(child) for child in file.read_text().split()]
    return [pid or 0, *started]


class _Worker:
    """A process that tries mutants, one at a time."""

    def __init__(self, base: Path, scratch: Path, names: list[str]) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        shutil.rmtree(scratch, ignore_errors=True)
        self.process = context.Process(
            target=_work, args=(theirs, base, scratch, names), daemon=True
        )
        self.process.start()
        theirs.close()
        self.task: tuple[str, int] | None = None
        self.begun = (0.0, 0.0)
        self.seen, self.waited = 0.0, 0.0
        self.ready = False

    def give(self, task: tuple[str, int]) -> None:
        """Try a mutant."""
        self.task = task
        self.begun = (self.seconds(), self.busy())
        self.seen, self.waited = time.monotonic(), 0.0
        self.pipe.send(task)

    def seconds(self) -> float:
        """Processor time so far."""
        try:
            fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()  # fmt: skip
        except OSError:
            return 0.0
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def busy(self) -> float:
        """Seconds in which it, or a process that it started, had a processor or waited for one."""
        total = 0
        for process in _family(self.process.pid):
            for task in Path(f"/proc/{process}/task").glob("*/schedstat"):
                with contextlib.suppress(OSError):
                    total += sum(map(int, task.read_text().split()[:2]))
        return total / 1e9

    def memory(self) -> int:
        """Bytes in memory now."""
        try:
            return _PAGE * int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])  # fmt: skip
        except (OSError, IndexError):
            return 0

    def broken(self) -> tuple[Outcome, str] | None:
        """Say what is wrong with the trial that is under way, if anything is."""
        if self.task is None:
            return None
        processor, busy = self.begun
        now = time.monotonic()
        self.waited += min(now - self.seen, 1.0)  # not while the run was stopped
        self.seen = now
        if self.memory() > MEMORY:
            return Outcome.MEMORY, f"more than {MEMORY >> 20} MiB"
        if self.seconds() - processor > LIMIT + 2:
            return Outcome.HANG, f"more than {LIMIT} s"
        if self.waited > _STILL and self.busy() - busy < LIMIT / 4:
            return Outcome.HANG, "it waits, and computes nothing"
        return None

    def kill(self) -> None:
        """End it at once."""
        self.process.kill()
        self.process.join()
        self.pipe.close()


def plan(count: int, seed: int, kinds: Iterable[str]) -> Iterator[tuple[str, int]]:
    """Kinds by their weight, with seeds that do not repeat."""
    from tests.fuzz.kinds import KINDS

    names = list(kinds)
    weights = [KINDS[name].weight for name in names]
    rng = Random(seed)
    chosen = rng.choices(names, weights, k=count)
    yield from ((name, seed * 10_000_000 + k) for k, name in enumerate(chosen))


def run(
    tasks: Iterator[tuple[str, int]], names: list[str], workers: int
) -> Iterator[Result]:
    """Try mutants; results come as they are done."""
    shared = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="fuzz-", dir=shared, ignore_cleanup_errors=True) as folder:  # fmt: skip
        base = Path(folder, "base")
        base.mkdir()
        maker = multiprocessing.get_context("spawn").Process(target=make_inputs, args=(names, base))  # fmt: skip
        maker.start()
        maker.join()
        if maker.exitcode:
            raise SystemExit("the good inputs of the fuzz run could not be made")
        pool = [_started(base, Path(folder, f"worker-{k}"), names) for k in range(workers)]  # fmt: skip
        try:
            yield from _served(pool, tasks, base, Path(folder), names)
        finally:
            for worker in pool:
                worker.kill()


def _started(base: Path, scratch: Path, names: list[str]) -> _Worker:
    worker = _Worker(base, scratch, names)
    try:
        worker.pipe.recv()
    except EOFError:
        raise SystemExit("a worker of the fuzz run did not start") from None
    return worker


def _served(  # noqa: C901  the loop of the pool
    pool: list[_Worker], tasks: Iterator[tuple[str, int]], base: Path, folder: Path, names: list[str]
) -> Iterator[Result]:  # fmt: skip
    def feed(worker: _Worker) -> None:
        task = next(tasks, None)
        worker.task = None
        if task is not None:
            worker.give(task)

    for worker in pool:
        feed(worker)
    while any(worker.task for worker in pool):
        busy = [worker for worker in pool if worker.task]
        ready = wait([worker.pipe for worker in busy], timeout=0.02)
        for k, worker in enumerate(pool):
            if worker.task is None:
                continue
            wrong = worker.broken()
            if worker.pipe in ready:
                try:
                    result = worker.pipe.recv()
                except EOFError:
                    wrong = Outcome.UNTYPED, f"the process died: {worker.process.exitcode}"  # fmt: skip
                else:
                    yield result
                    feed(worker)
                    continue
            if wrong is not None:
                name, seed = worker.task
                worker.kill()
                yield Result(name, seed, "?", wrong[0], "see its seed", wrong[1])
                pool[k] = _started(base, folder / f"worker-{k}", names)
                feed(pool[k])


class Table:
    """Counts of outcomes by kind and operation, kept in a file of one line a result."""

    def __init__(self, path: Path | None = None) -> None:
        self.counts: Counter[tuple[str, str, Outcome]] = Counter()
        self.bad: list[dict[str, Any]] = []
        self.done: set[tuple[str, int]] = set()
        self._path = path
        if path is not None and path.exists():
            for line in path.read_text().splitlines():
                self._count(json.loads(line))

    def _count(self, row: dict[str, Any]) -> None:
        outcome = Outcome(row["outcome"])
        self.counts[row["kind"], row["operation"].partition(" ")[0], outcome] += 1
        self.done.add((row["kind"], row["seed"]))
        if outcome in BAD:
            self.bad.append(row)

    def add(self, result: Result) -> None:
        """Count a result, and write it down."""
        row = {
            "kind": result.kind, "seed": result.seed, "operation": result.operation,
            "outcome": str(result.outcome),
        }  # fmt: skip
        if result.outcome in BAD or result.outcome is Outcome.UNKNOWABLE:
            row |= {"what": result.what[:500], "words": result.words[-4000:]}
        self._count(row)
        if self._path is not None:
            with self._path.open("a") as file:
                print(json.dumps(row), file=file)

    def __str__(self) -> str:
        columns = [
            o for o in Outcome if o in BAD or any(k[2] is o for k in self.counts)
        ]
        lines = [f"{'kind':16}{'operation':18}" + "".join(f"{o:>17}" for o in columns)]
        for kind, operation in sorted({k[:2] for k in self.counts}):
            cells = "".join(f"{self.counts[kind, operation, o]:>17}" for o in columns)
            lines.append(f"{kind:16}{operation[:17]:18}{cells}")
        totals = Counter[Outcome]()
        for (_, _, outcome), n in self.counts.items():
            totals[outcome] += n
        lines.append(f"{'all':16}{sum(totals.values()):<18}" + "".join(f"{totals[o]:>17}" for o in columns))  # fmt: skip
        return "\n".join(lines)
