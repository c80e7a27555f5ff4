"""The log of a training: for machines as CSV, for people as text and a bar, with alarms."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from lightning_fabric.loggers.csv_logs import CSVLogger

from xoceansar._progress import only_display, progress_bar
from xoceansar.errors import warn
from xoceansar.train.pretraining.monitor import ALARMS, alarms

#: Numbers of a step that the log for people shows, where there are any.
_SHOWN: Final = (
    "loss",
    "dino",
    "ibot",
    "koleo",
    "learning_rate",
    "gradient_norm",
    "feature_std",
    "cosine",
    "entropy",
    "marginal_entropy",
    "dino_over_ln_k",
    "ibot_over_ln_k",
    "knn_ocean_class",
    "knn_swh",
    "knn_wind_speed",
)


class TrainingLog:
    """Log of one start of a run.

    ``log/version_*/metrics.csv`` and ``log.txt`` in the folder of the run. Nothing alarms during
    the warm-up: a network that has not begun to learn looks collapsed.
    """

    def __init__(self, folder: Path, *, warmup: int, writes: bool) -> None:
        self._writes = writes
        self._text = folder / "log.txt"
        self._logger = CSVLogger(folder, name="log", flush_logs_every_n_steps=1)
        self._warmup = warmup
        self._since: dict[str, int] = {}
        self._alarmed: set[str] = set()

    def record(self, step: int, values: dict[str, float]) -> None:
        """Write a row, and warn of each sign of collapse once."""
        if not self._writes:
            return
        self._logger.log_metrics({**values}, step=step)
        self._logger.save()
        words = [f"{name} {values[name]:.4g}" for name in _SHOWN if name in values]
        self.say(f"step {step}: {', '.join(words)}")
        if step < self._warmup:
            return
        beyond = alarms(values)
        for name in values.keys() - beyond.keys():
            self._since.pop(name, None)
        for name, sentence in beyond.items():
            steps = step - self._since.setdefault(name, step)
            if steps >= ALARMS[name].steps and name not in self._alarmed:
                self._alarmed.add(name)
                told = f"{sentence}, for {steps} steps" if steps else sentence
                self.say(f"ALARM at step {step}: {told}")
                warn(f"step {step}: {told}. The training may have collapsed.")

    def say(self, line: str) -> None:
        """Write a line for people."""
        if self._writes:
            with self._text.open("a", encoding="utf-8") as file:
                file.write(line + "\n")


@contextmanager
def steps_bar(
    total: int, done: int, *, shown: bool
) -> Iterator[Callable[[int, float], None]]:
    """Show a bar of the steps."""
    bar = progress_bar("loss {task.fields[loss]:.3f}", shown=shown, transient=False)
    with only_display(wanted=shown), bar:
        task = bar.add_task("pretraining", total=total, completed=done, loss=math.nan)
        yield lambda step, loss: bar.update(task, completed=step, loss=loss)
