"""A bar in a notebook that needs no widgets: HTML that is replaced as the work goes on."""

import time
from html import escape
from typing import Any, Final

from IPython.display import display
from rich.progress import BarColumn, Progress, ProgressColumn, Task
from rich.text import Text

#: Seconds between two states that are sent to the browser, and before the first.
_PAUSE: Final = 0.2
_ROW: Final = "display:flex;gap:1em;align-items:center;font:12px monospace"


class _State:
    """What a cell shows."""

    def __init__(self, html: str, text: str) -> None:
        self._bundle = {"text/html": html, "text/plain": text}

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return self._bundle


class NotebookProgress(Progress):
    """A bar of rich, with its columns, that a notebook draws."""

    _handle: Any = None
    _sent: float = 0.0

    def start(self) -> None:
        """Begin; what is done at once shows nothing."""
        self._sent = time.monotonic()

    def stop(self) -> None:
        """Show the end, or nothing any more."""
        if not self.live.transient:
            self._show(self._state())
        elif self._handle is not None:
            self._show(_State("", ""))

    def refresh(self) -> None:
        """Show the state of now, unless it was shown just before."""
        now = time.monotonic()
        if now - self._sent >= _PAUSE:
            self._sent = now
            self._show(self._state())

    def _show(self, state: _State) -> None:
        if self._handle is None:
            self._handle = display(state, display_id=True)  # type: ignore[no-untyped-call]
        else:
            self._handle.update(state)

    def advance(self, *args: Any, **how: Any) -> None:
        """Count, and show it."""
        super().advance(*args, **how)
        self.refresh()

    def update(self, *args: Any, **how: Any) -> None:
        """Change what a bar says, and show it."""
        super().update(*args, **how)
        self.refresh()

    def _state(self) -> _State:
        rows = [
            [self._cell(column, task) for column in self.columns] for task in self.tasks
        ]
        html = "".join(
            f'<div style="{_ROW}">{"".join(c for c, _ in row)}</div>' for row in rows
        )
        return _State(html, "\n".join(" ".join(t for _, t in row if t) for row in rows))

    def _cell(self, column: str | ProgressColumn, task: Task) -> tuple[str, str]:
        """Return what a column says, as HTML and as text."""
        if isinstance(column, BarColumn):
            known = (
                ""
                if task.total is None
                else f' value="{task.completed}" max="{task.total or 1}"'
            )
            return f"<progress{known}></progress>", ""
        said = column.format(task=task) if isinstance(column, str) else column(task)
        text = Text.from_markup(said) if isinstance(said, str) else said
        plain = text.plain if isinstance(text, Text) else str(text)
        return f"<span>{escape(plain)}</span>", plain
