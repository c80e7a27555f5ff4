"""What a mutant can come to, and how one is tried."""

import signal
import traceback
import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from random import Random
from typing import Any, Final

from xoceansar.errors import OceansarError

#: Seconds of one trial.
LIMIT: Final = 10


class Outcome(StrEnum):
    """The good ones first; a run without the bad ones has passed."""

    TYPED = "typed error"
    UNCHANGED = "unchanged"
    FLAGGED = "flagged"
    COUNTED = "missing, counted"
    UNKNOWABLE = "unknowable"
    UNTYPED = "UNTYPED ERROR"
    HANG = "HANG"
    MEMORY = "MEMORY"
    SHIFT = "SILENT SHIFT"


BAD: Final = frozenset({Outcome.UNTYPED, Outcome.HANG, Outcome.MEMORY, Outcome.SHIFT})


@dataclass
class Mutant:
    """What was done to a good input.

    ``unknowable`` says why no check could tell the result from a right one, and is empty where
    one can.
    """

    what: str
    unknowable: str = ""
    #: Operation that was tried.
    operation: str = "open"
    detail: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Result:
    """A mutant and what it came to; made again from its kind and seed."""

    kind: str
    seed: int
    operation: str
    outcome: Outcome
    what: str
    words: str = ""


class HangError(BaseException):
    """A trial took longer than it may; no ``except Exception`` stops it."""


class Kind(ABC):
    """A kind of input: makes a good one once, mutants of it, and tries them.

    Parameters
    ----------
    base : Path
        Holds the good input, the same for all workers.
    scratch : Path
        Of this worker.
    """

    name: str
    #: Its share of a run.
    weight: int = 1

    def __init__(self, base: Path, scratch: Path) -> None:
        self.base, self.scratch = base, scratch

    @staticmethod  # noqa: B027  most need no file
    def make(base: Path) -> None:
        """Make the good input, once for all workers."""

    @abstractmethod
    def mutate(self, rng: Random) -> Mutant:
        """Make a mutant."""

    @abstractmethod
    def check(self, mutant: Mutant, rng: Random) -> tuple[Outcome, str]:
        """Use it, and say what it came to."""

    def restore(self) -> None:  # noqa: B027  most change nothing
        """Undo the mutation."""


def try_one(kind: Kind, seed: int) -> Result:
    """Make the mutant of a seed and try it."""
    rng = Random(f"{kind.name}/{seed}")
    try:
        mutant = kind.mutate(rng)
        with warnings.catch_warnings(), _alarm():
            warnings.simplefilter("always")
            outcome, words = _tried(kind, mutant, rng)
    finally:
        kind.restore()
    if outcome is Outcome.SHIFT and mutant.unknowable:
        outcome, words = Outcome.UNKNOWABLE, mutant.unknowable
    return Result(kind.name, seed, mutant.operation, outcome, mutant.what, words)


def _tried(kind: Kind, mutant: Mutant, rng: Random) -> tuple[Outcome, str]:
    try:
        return kind.check(mutant, rng)
    except OceansarError as error:
        if not str(error).strip():
            return Outcome.UNTYPED, f"{type(error).__name__} without a word"
        return Outcome.TYPED, f"{type(error).__name__}: {error}"
    except HangError:
        return Outcome.HANG, _frames()
    except (Exception, SystemExit, GeneratorExit):  # noqa: BLE001  what a trial looks for
        return Outcome.UNTYPED, _frames()


def _frames() -> str:
    lines = traceback.format_exc().strip().splitlines()
    return "\n".join(lines if len(lines) < 40 else [*lines[:6], "...", *lines[-30:]])


@contextmanager
def _alarm() -> Iterator[None]:
    """Stop a trial that computes too long: time of the processor, as others compute beside it."""

    def stop(signum: int, frame: Any) -> None:
        raise HangError

    old = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, LIMIT)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, old)
