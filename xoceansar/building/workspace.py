"""The folder of a build: its request, and a folder for each stage with what it made and found."""

import errno
import hashlib
import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import xarray as xr

from xoceansar.building.request import Request
from xoceansar.conventions.texts import has_texts, text_values
from xoceansar.errors import TrainingError
from xoceansar.io.remote import StorageOptions
from xoceansar.models.bundle.weight_files import sha256_of, write_file
from xoceansar.processing.cluster import Scheduler
from xoceansar.train.heads.fit_result import plain

Facts = dict[str, Any]

_REQUEST: Final = "request.json"
#: Written last: a stage without it is not done.
_FACTS: Final = "stage.json"


@dataclass(frozen=True)
class Execution:
    """How it is computed: nothing of this decides the model."""

    scheduler: Scheduler = None
    workers: int | None = None
    storage_options: StorageOptions | None = None
    retry_failed: bool = False
    progress: bool | None = None


@dataclass(frozen=True)
class Stage:
    """A step of the plan.

    Parameters
    ----------
    name : str
        Of its folder.
    about : str
        What it does, in a line.
    needs : tuple of str
        Stages whose result it depends on.
    make : callable
        Takes the workspace and the folder to write into; gives what it found, as JSON values, with
        the ``digest`` of its result.
    resumes : bool
        Whether it goes on with what is in its folder, which is otherwise made anew.
    """

    name: str
    about: str
    needs: tuple[str, ...]
    make: Callable[["Workspace", Path], Facts]
    resumes: bool = False


@dataclass(frozen=True)
class Workspace:
    """Where the stages lie.

    Parameters
    ----------
    folder : Path
        One folder for each stage.
    request : Request
        What is built.
    model : Path
        Folder of the bundle.
    execution : Execution
        How.
    """

    folder: Path
    request: Request
    model: Path
    execution: Execution = field(default=Execution(), compare=False)

    def begin(self) -> None:
        """Make the folder, or see that it was begun for the same request."""
        file = self.folder / _REQUEST
        if file.exists():
            self.request.check(file.read_text(encoding="utf-8"), str(file))
            return
        half = f"{_REQUEST}.partial"
        strangers = sorted(p.name for p in self.folder.glob("*") if p.name != half)
        if strangers:
            raise TrainingError(
                f"{self.folder} holds {strangers[:3]} and is no folder of a build. Give another "
                "model folder: to=..., or remove it."
            )
        if self.model.exists() and any(self.model.iterdir()):
            raise TrainingError(
                f"{self.model} exists, and {self.folder} has no stages that made it. Choose "
                "another folder: to=..."
            )
        with disk_errors(self.folder):
            write_file(file, self.request.to_json().encode())

    def path(self, stage: str) -> Path:
        """Return the folder of a stage."""
        return self.folder / stage

    def facts(self, stage: str) -> Facts | None:
        """Read what a stage found; None where it is not done."""
        file = self.path(stage) / _FACTS
        if not file.exists():
            return None
        try:
            found = json.loads(file.read_text(encoding="utf-8"))
            return dict(found) if "digest" in found else None
        except (ValueError, TypeError):
            return None  # cut short: made again

    def found(self, stage: str) -> Facts:
        """Read what a stage found that is done."""
        facts = self.facts(stage)
        if facts is None:
            raise TrainingError(
                f"the stage {stage!r} of {self.folder} is not done. Run the build again: it goes on."
            )
        return facts

    def is_done(self, stage: Stage) -> bool:
        """Say whether a stage is done, on what the stages that it needs have now."""
        facts = self.facts(stage.name)
        return facts is not None and facts["needs"] == self._needed(stage)

    def _needed(self, stage: Stage) -> dict[str, str]:
        return {name: str(self.found(name)["digest"]) for name in stage.needs}

    def run(self, stage: Stage) -> Facts:
        """Make a stage: what it writes appears under its name when it is whole."""
        target, needed = self.path(stage.name), self._needed(stage)
        with disk_errors(target):
            if stage.resumes:
                self._drop_outdated(stage)
                folder = target
            else:
                folder = target.with_name(f"{target.name}.partial")
                shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True, exist_ok=True)
            facts: Facts = plain({**stage.make(self, folder), "needs": needed})
            text = json.dumps(facts, indent=1, sort_keys=True, allow_nan=False) + "\n"
            write_file(folder / _FACTS, text.encode())
            if folder != target:
                shutil.rmtree(target, ignore_errors=True)
                folder.rename(target)
        return facts

    def _drop_outdated(self, stage: Stage) -> None:
        """Start anew where the stages before have another result than that it was begun with."""
        target, begun = self.path(stage.name), self.path(stage.name) / "begun.json"
        needed = json.dumps(self._needed(stage), sort_keys=True)
        if begun.exists() and begun.read_text(encoding="utf-8") != needed:
            shutil.rmtree(target)
        (target / _FACTS).unlink(missing_ok=True)
        write_file(begun, needed.encode())

    def forget(self, stage: str, *, whole: bool) -> None:
        """Remove a stage, or only that it is done, to have it made again."""
        if whole:
            shutil.rmtree(self.path(stage), ignore_errors=True)
        else:
            (self.path(stage) / _FACTS).unlink(missing_ok=True)


@contextmanager
def disk_errors(where: Path) -> Iterator[None]:
    """Say in words that the disk is full, or may not be written to."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS):
            raise
        raise TrainingError(
            f"{where} cannot be written: {error.strerror}. What is done is kept; make room, and "
            "run the same command again: it goes on."
        ) from error


def digest_dataset(ds: xr.Dataset) -> str:
    """Identify the values of a small Dataset, without its attributes."""
    found = hashlib.sha256()
    for name in sorted(map(str, ds.variables)):
        values = ds[name].values
        texts = text_values(values).tolist() if has_texts(values) else None
        found.update(f"{name} {ds[name].dims} {values.shape}".encode())
        found.update(
            json.dumps(texts).encode()
            if texts is not None
            else np.ascontiguousarray(values).tobytes()
        )
    return found.hexdigest()


def digest_bundle(folder: Path) -> str:
    """Identify a bundle: its config has the SHA-256 of every file but the card."""
    card = folder / "README.md"
    return sha256_of((folder / "config.json").read_bytes() + card.read_bytes())


def digest_values(values: Mapping[str, Any]) -> str:
    """Identify JSON values."""
    return sha256_of(json.dumps(values, sort_keys=True).encode())
