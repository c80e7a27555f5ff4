"""A bar of what takes longer than a breath, on the standard error, where somebody watches it."""

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from dask.callbacks import Callback
    from rich.progress import Progress


T = TypeVar("T")

#: Held by what is displayed: a bar within a bar would break both.
_display = Lock()


def is_watched() -> bool:
    """Say whether a person sees the standard error, a terminal, or a notebook; in a batch job nobody does."""
    from rich.console import Console

    console = Console(stderr=True)
    if console.is_jupyter:
        return True
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
    """Make a bar with its count, its rate, the time that has gone by and that which remains."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        Task,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    class RateColumn(ProgressColumn):
        """How many are done in a second, a minute or an hour."""

        def render(self, task: Task) -> Text:
            return Text(rate_words(task.finished_speed or task.speed))

    # a bar that is disabled ends its line all the same in older versions of rich
    console = Console(stderr=True, quiet=not shown)
    kind = Progress
    if shown and console.is_jupyter:
        from xoceansar._notebook_bar import NotebookProgress as kind
    return kind(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        *columns,
        RateColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(elapsed_when_finished=True),
        console=console,
        transient=transient,
        disable=not shown,
    )


def rate_words(per_second: float | None) -> str:
    """Say a rate in the unit in which it is one or more.

    Examples
    --------
    >>> rate_words(12.34), rate_words(0.05), rate_words(None)
    ('12.3/s', '3.0/min', '')
    """
    if not per_second:
        return ""
    for unit, seconds in (("s", 1), ("min", 60), ("h", 3600)):
        if per_second * seconds >= 1 or unit == "h":
            break
    return f"{per_second * seconds:.1f}/{unit}"


def progress(text: str = "computing") -> AbstractContextManager[None]:
    """Show a bar of what Dask computes inside, in a terminal or a notebook.

    Parameters
    ----------
    text : str
        What stands before the bar.

    Returns
    -------
    context manager
        The bar counts tasks, and says their rate and the time that remains. Nothing is shown where nobody
        watches (batch jobs, pipes), where another bar is shown, or where a cluster computes, which
        has a dashboard.

    Examples
    --------
    >>> import xoceansar as xos
    >>> sea = xos.simulate.vignettes(2, seed=1, shape=(64, 64)).chunk()
    >>> with xos.progress("measuring texture"):
    ...     texture = sea.oceansar.texture().compute()
    """
    return computing(text)


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
    from dask.callbacks import Callback

    # whoever has a bar of their own, as of dask.diagnostics, keeps it
    with only_display(wanted=is_watched() and not Callback.active) as shown:
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
