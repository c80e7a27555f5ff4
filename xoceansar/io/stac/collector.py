"""Python's collector of reference cycles, kept from looking through trees that have none."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["paused_collector"]


@contextmanager
def paused_collector() -> Iterator[None]:
    """Pause the collector of reference cycles, for what makes many objects and no cycle.

    Notes
    -----
    A page of a catalogue is some 100,000 small objects. The collector, which counts new ones, goes through all of them again
    and again while they are made, for several times what making them takes. Not to be held while anything is waited for: other
    threads' cycles stay meanwhile.
    """
    running = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if running:
            gc.enable()
