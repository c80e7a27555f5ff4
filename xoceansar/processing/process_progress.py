"""A bar with rate, remaining time and failures."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from xoceansar._progress import only_display, progress_bar
from xoceansar.processing.product_block import Outcome


class Watch(Protocol):
    """What is told of each product."""

    def __call__(self, outcome: Outcome) -> None:
        """Take note of what became of a product."""


@contextmanager
def watching(total: int, *, show: bool) -> Iterator[Watch]:
    """Show a bar on the standard error while products are processed."""
    bar = progress_bar(
        "products, {task.fields[rows]} vignettes, {task.fields[rate]:.1f}/s",
        "[red]{task.fields[failed]} failed",
        shown=show,
        transient=False,
    )
    rows = failed = 0
    with only_display(wanted=show), bar:
        task = bar.add_task("processing", total=total, rate=0.0, rows=0, failed=0)

        def note(outcome: Outcome) -> None:
            nonlocal rows, failed
            rows += 0 if outcome.rows is None else outcome.rows.sizes["vignette"]
            failed += bool(outcome.failure)
            elapsed = bar.tasks[0].elapsed or 1.0
            bar.update(task, advance=1, rate=rows / elapsed, rows=rows, failed=failed)
            if outcome.failure:
                bar.console.print(
                    f"failed: {outcome.unit.path}: {outcome.failure}",
                    style="red", markup=False, highlight=False, soft_wrap=True,
                )  # fmt: skip

        yield note
