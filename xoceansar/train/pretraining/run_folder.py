"""What a pretraining left behind."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd


@dataclass(frozen=True, slots=True)
class Run:
    """What a pretraining left.

    Parameters
    ----------
    folder : Path
        Folder of the run.
    steps : int
        Optimiser steps made, those before a resume included.
    bundle : Path or None
        The model bundle with the teacher's backbone and no heads: what ``model=`` takes.
    counters : dict of str to int
        Images seen, steps skipped, vignettes skipped by reason.
    """

    folder: Path
    steps: int
    bundle: Path | None
    counters: dict[str, int] = field(default_factory=dict)

    def log(self) -> pd.DataFrame:
        """Read the log.

        Returns
        -------
        DataFrame
            One row for each logged step, of all starts of the run; where two starts made the same
            step, the later one.
        """
        files = (self.folder / "log").glob("version_*/metrics.csv")
        newest_last = sorted(files, key=lambda f: int(f.parent.name.split("_")[1]))
        parts = [pd.read_csv(path) for path in newest_last]
        if not parts:
            return pd.DataFrame()
        whole = pd.concat(parts, ignore_index=True)
        return whole.groupby("step", as_index=False).last()

    def summary(self) -> dict[str, Any]:
        """Sum the run up.

        Returns
        -------
        dict
            Steps, counters and the last value of each logged number, as plain values.
        """
        log = self.log()
        last: dict[Any, Any] = {} if log.empty else dict(log.ffill().iloc[-1])
        numbers = {str(name): float(value) for name, value in last.items()}
        return {**numbers, **self.counters, "steps": self.steps}
