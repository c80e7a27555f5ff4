"""Let another process read netCDF that no checksum vouches for: HDF5 does not return from some damaged files.

A thread cannot be stopped inside HDF5, and a crash there would end the caller's process. So one process for each
of ours reads such files first; it is started by the first of them and ends with ours.
"""

import atexit
import os
import queue
import subprocess
import sys
import threading
from typing import IO, Final

from xoceansar.errors import ProductError

__all__ = ["try_reading"]

#: Seconds of the processor that a file of less than a megabyte may take.
_LIMIT: Final = 5.0
#: Seconds by the clock in which the process starts, or reads a file, on a machine however busy; the only limit
#: where an operating system limits no processor time.
_WAIT: Final = 120.0
#: Sizes go ahead of files in as many bytes.
_SIZE: Final = 8

#: Values of a variable that is read: what real files have in all, and more.
_LARGEST: Final = 10_000_000

_READER: Final = f"""
import math
import sys
import netCDF4
try:
    import resource
except ImportError:
    resource = None
def limit(name, soft):
    try:
        kind = getattr(resource, name)
        resource.setrlimit(kind, (soft, resource.getrlimit(kind)[1]))
    except (AttributeError, ValueError, OSError):
        pass
def processor_time():
    return sum(resource.getrusage(resource.RUSAGE_SELF)[:2]) if resource else 0
limit("RLIMIT_AS", 8 << 30)
limit("RLIMIT_CORE", 0)
answers = sys.stdout.buffer
answers.write(b".")
answers.flush()
while size := sys.stdin.buffer.read({_SIZE}):
    content = sys.stdin.buffer.read(int.from_bytes(size, "little"))
    limit("RLIMIT_CPU", math.ceil(processor_time() + float(sys.argv[1])))
    try:
        with netCDF4.Dataset("trial", memory=content) as file:
            file.set_auto_maskandscale(False)
            for variable in file.variables.values():
                variable.ncattrs()
                if variable.size < {_LARGEST}:
                    variable[...]
    except Exception:
        pass  # the reader says what is wrong
    answers.write(b".")
    answers.flush()
"""


class _Reader:
    """The process, and the answers that it has given."""

    def __init__(self) -> None:
        self.owner = os.getpid()
        self._process = subprocess.Popen(
            [sys.executable, "-c", _READER, str(_LIMIT)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            # each thread of a linear algebra takes address space, which the process has little of
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
        )
        self._answers: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        listener = threading.Thread(
            target=_listen, args=(self._process.stdout, self._answers), daemon=True
        )
        listener.start()
        self.started = self._answered(_WAIT)

    def read(self, content: bytes) -> bool:
        """Say whether a file can be read to its end, rightly or not."""
        assert self._process.stdin is not None  # a pipe
        try:
            self._process.stdin.write(len(content).to_bytes(_SIZE, "little") + content)
            self._process.stdin.flush()
        except OSError:
            return False
        return self._answered(_WAIT)

    def stop(self) -> None:
        """End the process, whatever it is doing."""
        if self.owner == os.getpid():
            self._process.kill()
            self._process.communicate()  # waits, and closes the pipes

    def _answered(self, seconds: float) -> bool:
        try:
            return self._answers.get(timeout=seconds) == b"."
        except queue.Empty:
            return False


def _listen(stream: IO[bytes], answers: "queue.SimpleQueue[bytes]") -> None:
    while answer := stream.read(1):
        answers.put(answer)
    answers.put(b"")  # it ended


_lock = threading.Lock()
_reader: _Reader | None = None


def try_reading(content: bytes, where: str) -> None:
    """Refuse a file from which HDF5 does not return, or of which it dies."""
    global _reader
    with _lock:
        if _reader is None or _reader.owner != os.getpid():
            _reader = _Reader()
            atexit.register(_reader.stop)
        if not _reader.started or _reader.read(content):
            return
        _reader.stop()
        _reader = None
    raise ProductError(
        f"{where} cannot be read as netCDF: HDF5 came to no end with it in {_LIMIT:g} s of the "
        "processor, or broke down. "
        "Download the product again."
    )
