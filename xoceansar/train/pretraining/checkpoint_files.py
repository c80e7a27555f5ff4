"""Checkpoints of a training: written whole or not at all, the newest few kept."""

import os
import re
import tempfile
from pathlib import Path
from typing import Any

import torch

from xoceansar._paths import check_regular
from xoceansar.errors import TrainingError, warn
from xoceansar.models.bundle.weight_files import check_members

_NAME = re.compile(r"step-(\d{9})\.pt")


def checkpoints(folder: Path) -> list[Path]:
    """List the checkpoints of a training, oldest first."""
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if _NAME.fullmatch(path.name))


def save_checkpoint(
    folder: Path, step: int, state: dict[str, Any], *, keep: int
) -> Path:
    """Write a checkpoint and delete the oldest ones.

    Notes
    -----
    The file is written beside its place, flushed to the disk and renamed, so a process that is
    killed at any moment leaves the checkpoints of before, or these and the new one.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for draft in folder.glob("*.draft"):
        draft.unlink(missing_ok=True)
    target = folder / f"step-{step:09d}.pt"
    with tempfile.NamedTemporaryFile(
        dir=folder, suffix=".draft", delete=False
    ) as draft_file:
        torch.save(state, draft_file)
        draft_file.flush()
        os.fsync(draft_file.fileno())
    os.replace(draft_file.name, target)
    for old in checkpoints(folder)[:-keep]:
        old.unlink()
    return target


def load_checkpoint(folder: Path) -> dict[str, Any] | None:
    """Read the newest checkpoint that can be read.

    Notes
    -----
    No pickled code is run. A damaged file, of a full disk for example or with a byte that is not the one
    written, is passed over with a warning: the parts of a file carry their checksums.
    """
    found = checkpoints(folder)
    for path in reversed(found):
        try:
            check_regular(path)
            check_members(path)
            state = torch.load(path, map_location="cpu", weights_only=True)
        except Exception as error:  # noqa: BLE001 - whatever a damaged file raises
            warn(f"{path} cannot be read ({error}); the checkpoint before it is used.")
        else:
            if isinstance(state, dict):
                return state
            warn(f"{path} holds no state; the checkpoint before it is used.")
    if found:
        raise TrainingError(
            f"none of the {len(found)} checkpoint(s) in {folder} can be read. Remove the folder to "
            "train from the beginning."
        )
    return None
