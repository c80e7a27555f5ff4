"""Hints of the library, which name arguments of Python, in the words of a command."""

import re
from collections.abc import Sequence
from typing import Final, Protocol

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
