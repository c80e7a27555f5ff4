"""Connections to a server, of which providers allow an account few at a time: all processes of an account share them."""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from io import BufferedRandom
from pathlib import Path
from typing import Final

__all__ = ["CONNECTIONS", "lock", "one_connection"]

#: Connections that the Copernicus Data Space allows.
CONNECTIONS: Final = 4
#: What processes lock in turn.
FOLDER = Path("~/.cache/xoceansar/connections")
#: Seconds between looks for a free connection, and after which one is opened all the same: who holds the others may have
#: been stopped.
_LOOK: Final = 0.02
LONGEST_WAIT = 300.0

_slots = threading.BoundedSemaphore(CONNECTIONS)


@contextmanager
def one_connection(host: str) -> Iterator[None]:
    """Be one of the few that are connected to a host, among threads and processes."""
    with _slots, ExitStack() as held:
        # without a home, or locks in it, this process is on its own
        with suppress(OSError, RuntimeError):
            _share(host, held)
        yield


def _share(host: str, held: ExitStack) -> None:
    """Lock one of few files, as soon as one is free."""
    folder = FOLDER.expanduser()
    folder.mkdir(parents=True, exist_ok=True)
    begin = time.monotonic()
    while time.monotonic() - begin < LONGEST_WAIT:
        for k in range(CONNECTIONS):
            with ExitStack() as tried:
                opened = tried.enter_context(open(folder / f"{host}-{k}", "a+b"))
                if lock(opened, wait=False):
                    held.enter_context(tried.pop_all())
                    return
        time.sleep(_LOOK)


def lock(opened: BufferedRandom, *, wait: bool = True) -> bool:
    """Hold a file until it is closed; say whether."""
    if sys.platform == "win32":  # where two runs into one folder are not kept apart
        return True
    import fcntl

    try:
        fcntl.flock(opened, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    return True
