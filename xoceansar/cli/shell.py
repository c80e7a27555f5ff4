"""What all commands share: consoles, errors and warnings in words, step times."""

import os
import re
import sys
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol

from rich.console import Console
from rich.table import Table
from rich.text import Text
from typer.core import TyperGroup

from xoceansar._paths import local_target
from xoceansar._progress import only_display
from xoceansar.errors import OceansarError, OceansarWarning

#: Icechunk warns, on standard output before its version 2.1, that folders are not safe for
#: concurrent commits; those of `process` are made under a lock.
_ICECHUNK_LOG: Final = (
    "warn,icechunk::storage::object_store=error,icechunk_arrow_object_store=error"
)


#: Columns of a table where there is no terminal: none is cut that a program reads.
_WIDE: Final = 1000


def _width() -> int | None:
    """Columns of the results; those of the terminal, or of the variable COLUMNS, by default."""
    seen = sys.stdout.isatty() or "COLUMNS" in os.environ
    return None if seen else _WIDE


#: Results.
out = Console(width=_width())
#: Progress, warnings and errors: a pipe sees none of them.
err = Console(stderr=True)


class OceansarGroup(TyperGroup):
    """Commands whose expected errors are one red message and the exit code 2."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command, with errors and warnings of this package in words."""

        def words(message: object) -> str:
            command = self.get_command(ctx, ctx.invoked_subcommand or "")
            return in_flags(str(message), command.params if command else [])

        def show(
            message: Warning | str, category: type[Warning], *_: Any, **__: Any
        ) -> None:
            # warnings of others are not the user's business here
            if issubclass(category, OceansarWarning):
                note = Text(f"Note: {words(message)}", style="yellow")
                err.print(note, soft_wrap=True)

        os.environ.setdefault("ICECHUNK_LOG", _ICECHUNK_LOG)
        with warnings.catch_warnings():
            warnings.simplefilter("default", OceansarWarning)
            warnings.showwarning = show
            try:
                return super().invoke(ctx)
            except (OceansarError, FileNotFoundError) as error:
                said = Text(f"Error: {words(error)}", style="bold red")
                err.print(said, soft_wrap=True)
                ctx.exit(2)


def local(path: Path | None) -> Path | None:
    """Refuse a URL as what an option says is to be written, before anything is done for it."""
    return None if path is None else local_target(path, "what this command makes")


@contextmanager
def working(text: str) -> Iterator[None]:
    """Show a spinner beside a text while something runs."""
    with only_display() as free, err.status(text) if free else nullcontext():
        yield


@dataclass
class Steps:
    """Times of the steps of a command."""

    #: Duration of each step so far.
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Time a step, with a spinner."""
        start = time.perf_counter()
        with working(f"{name} ..."):
            yield
        self.seconds[name] = time.perf_counter() - start

    def table(self) -> Table:
        """Return the times as a table with their sum."""
        table = Table(
            "step", title="Time", title_justify="left", box=None, show_footer=True
        )
        table.columns[0].footer = "total"
        table.add_column(
            "seconds", justify="right", footer=f"{sum(self.seconds.values()):.1f}"
        )
        for name, seconds in self.seconds.items():
            table.add_row(name, f"{seconds:.1f}")
        return table


#: A call, whose arguments stay as they are; or an argument with what to give it.
_ARGUMENT: Final = re.compile(
    r"\w\([^()]*\)"
    r"|(?P<verb>\b(?:pass|with|say|use|give) )?\b(?P<name>[a-z_]+)="
    r"(?P<value>'[^']*'|True|False|\.\.\.|\[\.\.\.\]|a Dataset)",
    re.IGNORECASE,
)


class Option(Protocol):
    """Option of a command, as click has it and as typer does in its place."""

    @property
    def name(self) -> str | None:
        """As the function has it."""

    @property
    def opts(self) -> Sequence[str]:
        """Flags that give it, or switch it on."""

    @property
    def secondary_opts(self) -> Sequence[str]:
        """Flags that switch it off."""


def in_flags(words: str, options: Sequence[Option]) -> str:
    """Say which flags of a command are meant by the arguments that a message names.

    What one is told to pass and no flag does is said to be for Python.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> flag = SimpleNamespace(
    ...     name="verify", opts=["--verify"], secondary_opts=["--no-verify"]
    ... )
    >>> in_flags("Download it again, or say verify=False.", [flag])
    'Download it again, or say --no-verify.'
    """
    flags = {option.name: option for option in options if option.opts[0][:2] == "--"}

    def said(found: re.Match[str]) -> str:
        name, value = found["name"], found["value"]
        if name is None:
            return found[0]
        verb = found["verb"] or ""
        option = flags.get(name)
        if option is None:
            return f"{found[0]} (in Python)" if verb else found[0]
        if value in ("True", "False"):
            names = option.opts if value == "True" else option.secondary_opts
            return verb + names[0] if names else found[0]
        shown = value.strip("'") if value.startswith("'") else "..."
        return f"{verb}{option.opts[0]} {shown}"

    return _ARGUMENT.sub(said, words)
