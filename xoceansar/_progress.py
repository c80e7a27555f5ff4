"""A bar of what takes longer than a breath, on the standard error, where somebody watches it."""

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from dask.callbacks import Callback
    from rich.progress import Progress


T = TypeVar("T")

#: Held by what is displayed: a bar within a bar would break both.
_display = Lock()


def is_watched() -> bool:
    """Say whether a person sees the standard error: a terminal, or a notebook with widgets."""
    from rich.console import Console

    console = Console(stderr=True)
    if console.is_jupyter:
        return find_spec("ipywidgets") is not None
    interactive = sys.stderr is not None and sys.stderr.isatty()
    return interactive and not console.is_dumb_terminal


@contextmanager
def only_display(*, wanted: bool = True) -> Iterator[bool]:
    """Claim the display for the time of a block."""
    free = wanted and _display.acquire(blocking=False)
    try:
        yield free
    finally:
        if free:
            _display.release()


def progress_bar(*columns: Any, shown: bool, transient: bool = True) -> "Progress":
    """Make a bar with its count, the time that has gone by and that which remains."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        *columns,
        TimeElapsedColumn(),
        TimeRemainingColumn(elapsed_when_finished=True),
        # a bar that is disabled ends its line all the same in older versions of rich
        console=Console(stderr=True, quiet=not shown),
        transient=transient,
        disable=not shown,
    )


@contextmanager
def tracked(items: Iterable[T], text: str, total: int) -> Iterator[Iterator[T]]:
    """Show a bar of the items that a loop has done with."""
    with _bar(text, total) as advance:

        def each() -> Iterator[T]:
            for item in items:
                yield item
                advance()

        yield each()


@contextmanager
def computing(text: str) -> Iterator[None]:
    """Show a bar of the Dask tasks that are computed inside, where a local scheduler does so."""
    with only_display(wanted=is_watched()) as shown:
        if not shown:
            yield
            return
        bar = progress_bar("tasks", shown=True)
        with bar, _callback(bar, bar.add_task(text, total=None)):
            yield


@contextmanager
def _bar(text: str, total: int) -> Iterator[Callable[[], None]]:
    with (
        only_display(wanted=is_watched()) as shown,
        progress_bar(shown=shown) as bar,
    ):
        task = bar.add_task(text, total=total)
        yield lambda: bar.advance(task)


def _callback(bar: "Progress", task: Any) -> "Callback":
    from dask.callbacks import Callback

    def start_state(dsk: Any, state: dict[str, Any]) -> None:
        total = sum(len(state[key]) for key in ("ready", "waiting", "running"))
        bar.update(task, total=total, completed=0)

    def posttask(*_: Any) -> None:
        bar.advance(task)

    return Callback(start_state=start_state, posttask=posttask)  # type: ignore[no-untyped-call]
