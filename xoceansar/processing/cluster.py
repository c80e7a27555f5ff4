"""Where products are processed: in this process, on local workers or on a Dask cluster."""

import os
import shutil
import subprocess
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, TypeAlias, Union

from xoceansar._optional import require
from xoceansar._processors import processors
from xoceansar.errors import (
    ArchiveError,
    BundleError,
    CredentialsError,
    MissingDependencyError,
    OceansarError,
    WeightsMismatchError,
)
from xoceansar.io.stac.access import children_environment
from xoceansar.processing.product_block import Outcome, Task, process_unit
from xoceansar.processing.product_listing import Unit

if TYPE_CHECKING:
    from distributed import Client


#: None: local processes; "synchronous"; the address of a Dask scheduler; a client of one.
Scheduler: TypeAlias = Union[str, "Client", None]

#: Products in flight for each thread of a worker: one at work, one or two that wait.
_IN_FLIGHT: Final = 3
#: Bytes of memory that a local worker is given at least.
_WORKER_BYTES: Final = 3 << 30
#: What would go wrong with every product ends the run; all else is recorded.
_FATAL: Final = (
    ImportError,
    BundleError,
    CredentialsError,
    WeightsMismatchError,
    MissingDependencyError,
)


@contextmanager
def outcomes(
    units: Sequence[Unit], task: Task, scheduler: Scheduler, workers: int | None
) -> Iterator[Iterator[Outcome]]:
    """Process products, and give what became of each in their order."""
    if scheduler == "synchronous":
        yield (_inline(unit, task) for unit in units)
        return
    with ExitStack() as stack:
        client = stack.enter_context(_client(scheduler, task, workers, len(units)))
        yield _in_order(client, units, task)


def _inline(unit: Unit, task: Task) -> Outcome:
    try:
        return process_unit(unit, task)
    except _FATAL:
        raise
    except Exception as error:  # noqa: BLE001  a worker's task may fail of anything; so here
        return _failed(unit, error)


def _failed(unit: Unit, error: BaseException) -> Outcome:
    known = isinstance(error, OceansarError)
    reason = str(error) if known else f"{type(error).__name__}: {error}"
    return Outcome(unit, None, failure=reason or type(error).__name__)


def _in_order(client: "Client", units: Sequence[Unit], task: Task) -> Iterator[Outcome]:
    waiting: deque[tuple[Unit, Any]] = deque()
    coming = iter(units)

    def fill() -> None:
        # asked each time: workers of a cluster come and go
        threads = sum(client.nthreads().values())  # type: ignore[no-untyped-call]
        for unit in islice(coming, max(0, _IN_FLIGHT * max(threads, 1) - len(waiting))):
            waiting.append((unit, client.submit(process_unit, unit, task, pure=False)))

    fill()
    while waiting:
        unit, future = waiting.popleft()
        outcome = _result(unit, future)
        del future
        fill()
        yield outcome


def _result(unit: Unit, future: Any) -> Outcome:
    distributed = require("distributed", extra="archive")
    try:
        outcome: Outcome = future.result()
        return outcome
    except _FATAL:
        raise
    except distributed.KilledWorker as error:
        reason = (
            f"its worker was killed each time it was tried ({error}). It may need more memory: "
            "use fewer workers."
        )
        return Outcome(unit, None, failure=reason)
    except (distributed.CancelledError, distributed.comm.CommClosedError) as error:
        raise ArchiveError(
            f"the Dask scheduler was lost ({error}). The archive is as it was at its last "
            "commit; start the cluster and run again."
        ) from error
    except Exception as error:  # noqa: BLE001  whatever a worker raised is the product's
        return _failed(unit, error)


@contextmanager
def _client(
    scheduler: Scheduler, task: Task, workers: int | None, units: int
) -> Iterator["Client"]:
    distributed = require("distributed", extra="archive")
    if scheduler is not None and not isinstance(scheduler, str):
        yield scheduler
        return
    if isinstance(scheduler, str):
        try:
            client = distributed.Client(scheduler, set_as_default=False)
        except (OSError, ValueError) as error:
            raise ArchiveError(
                f"no Dask scheduler answers at {scheduler!r} ({error}). Give the address that it "
                "prints when it starts, as tcp://10.0.0.1:8786."
            ) from error
        with client:
            yield client
        return
    with (
        _local_cluster(distributed, task, workers, units) as cluster,
        distributed.Client(cluster, set_as_default=False) as client,
    ):
        yield client


def _local_cluster(
    distributed: Any, task: Task, workers: int | None, units: int
) -> Any:
    """Start processes of one thread each; one for each GPU where there are GPUs."""
    gpus = [] if task.handle is None or task.handle.device == "cpu" else _gpus()
    memory = int(distributed.system.MEMORY_LIMIT)
    most = len(gpus) or max(1, min(processors(), memory // _WORKER_BYTES))
    count = min(workers or most, max(units, 1))
    options: dict[str, Any] = {
        "nthreads": 1,
        "memory_limit": memory // count,
        "silence_logs": "ERROR",
    }
    specs = {}
    for i in range(count):
        pinned = {"CUDA_VISIBLE_DEVICES": gpus[i % len(gpus)]} if gpus else {}
        # what reads catalogues is not among what the tasks carry
        environment = pinned | children_environment()
        specs[i] = {
            "cls": distributed.Nanny,
            "options": {**options, "env": environment},
        }
    return distributed.SpecCluster(
        workers=specs,
        scheduler={
            "cls": distributed.Scheduler,
            "options": {"dashboard": False, "host": "127.0.0.1", "port": 0},
        },
        silence_logs="ERROR",
    )


def _gpus() -> list[str]:
    """GPUs that this process may use, as in ``CUDA_VISIBLE_DEVICES``; none is initialised."""
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    if chosen is not None:
        return [name.strip() for name in chosen.split(",") if name.strip()]
    program = shutil.which("nvidia-smi")
    if program is None:
        return []
    found = subprocess.run(
        [program, "--list-gpus"], capture_output=True, text=True, check=False
    )
    listed = found.stdout.splitlines() if found.returncode == 0 else []
    return [str(i) for i in range(sum(line.startswith("GPU ") for line in listed))]
