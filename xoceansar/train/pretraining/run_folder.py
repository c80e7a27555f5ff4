"""What a pretraining left behind."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from xoceansar._html import card
from xoceansar._paths import read_regular

#: Columns of the log that a notebook shows, beside the probes, and rows of it.
_TOLD: Final = ("loss", "learning_rate", "gradient_norm", "feature_std")
_COURSE: Final = 8
#: Bytes of a log for people.
_LARGEST_LOG: Final = 2**28


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

    def _repr_html_(self) -> str:
        bundle = "none" if self.bundle is None else str(self.bundle)
        lines = [
            f"<Run {self.folder}>",
            f"  steps      {self.steps:,}",
            f"  bundle     {bundle}",
            *(f"  {name:<10} {count:,}" for name, count in self.counters.items()),
        ]
        return card("\n".join(lines), warnings=self.alarms(), tables=self._course())

    def alarms(self) -> list[str]:
        """Read the signs of collapse that the log told of.

        Returns
        -------
        list of str
            One sentence each, with the step; empty where there was none.
        """
        text = self.folder / "log.txt"
        if not text.is_file():
            return []
        content = read_regular(text, most=_LARGEST_LOG).decode("utf-8", "replace")
        return [line for line in content.splitlines() if line.startswith("ALARM")]

    def _course(self) -> list[pd.DataFrame]:
        """Choose rows of the log from the first to the last step."""
        log = self.log()
        names = [name for name in (*_TOLD, *_probes(log)) if name in log]
        if log.empty or not names:
            return []
        rows = np.unique(np.linspace(0, len(log) - 1, _COURSE).round().astype(int))
        return [log[["step", *names]].iloc[rows].set_index("step")]


def _probes(log: pd.DataFrame) -> list[str]:
    return [str(name) for name in log.columns if str(name).startswith("knn_")]
