"""What an experiment found: tables, words, and signs that something is wrong."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final

import numpy as np
import pandas as pd

from xoceansar._html import card
from xoceansar.evaluate.benchmark_result import BenchmarkResult, markdown_table
from xoceansar.evaluate.diagnosis import Sign
from xoceansar.evaluate.metrics import Interval, bootstrap
from xoceansar.evaluate.tasks import Metric

#: With fewer passes no confidence limits are given, as in a benchmark.
_TOO_FEW: Final = 5


@dataclass(frozen=True, eq=False, kw_only=True)
class ExperimentResult:
    """The outcome of an experiment.

    Parameters
    ----------
    name : str
        Of the experiment.
    question : str
        What it asks.
    table : pandas.DataFrame of str
        The result at a glance: a row for each condition.
    answer : tuple of str
        What the table says, in sentences.
    signs : tuple of Sign
        What was looked for that would mean a failure.
    notes : tuple of str
        What to know before using the numbers; the first is that they are simulated, if they are.
    metadata : mapping
        Model, vignettes, seed: JSON values.
    parts : mapping of str to BenchmarkResult
        All scores of each task, where there are any.
    axis : mapping of str to float
        Place of conditions on an axis, for a figure: the error of the gain in dB.
    """

    name: str
    question: str
    table: pd.DataFrame
    answer: tuple[str, ...]
    signs: tuple[Sign, ...]
    notes: tuple[str, ...]
    metadata: Mapping[str, Any]
    parts: Mapping[str, BenchmarkResult] = field(default_factory=dict)
    axis: Mapping[str, float] = field(default_factory=dict)

    @property
    def simulated(self) -> bool:
        """Whether the vignettes are simulated."""
        return bool(self.metadata["simulated"])

    @property
    def failures(self) -> tuple[Sign, ...]:
        """The signs that were found."""
        return tuple(sign for sign in self.signs if sign.found)

    def to_markdown(self, figures: Mapping[str, str] | None = None) -> str:
        """Write the result as Markdown.

        Parameters
        ----------
        figures : mapping of str to str, optional
            Files to show below the table, by what they show.

        Returns
        -------
        str
            The question, the table, the answer, the signs, and the scores by beam.
        """
        where = "simulated vignettes" if self.simulated else "vignettes"
        first = self.notes[:1] if self.simulated else ()
        rest = self.notes[1:] if self.simulated else self.notes
        blocks = [
            f"# Experiment: {self.name}, on {where}",
            self.question,
            *(f"> **{note}**" for note in first),
            markdown_table(self.table),
            *(f"![{what}]({file})" for what, file in (figures or {}).items()),
            "## What it says",
            _bullets(self.answer) or "Nothing could be told.",
            "## Signs of failure",
            _bullets(f"{_mark(sign)} {sign}" for sign in self.signs)
            or "None was looked for.",
            *(("## What to know", _bullets(rest)) if rest else ()),
        ]
        for part in self.parts.values():
            blocks += [f"## {part.task.name}", markdown_table(part.table())]
            for stratum in part.strata:
                blocks += [f"By {stratum}:", markdown_table(part.table(stratum))]
        return "\n\n".join(blocks) + "\n"

    def to_dict(self) -> dict[str, Any]:
        """Gather the result as JSON values.

        Returns
        -------
        dict
            ``experiment``, ``simulated``, ``answer``, ``signs``, ``notes``, ``metadata``,
            ``table`` and ``scores`` by task.
        """
        return {
            "experiment": self.name,
            "question": self.question,
            "simulated": self.simulated,
            "answer": list(self.answer),
            "signs": [asdict(sign) for sign in self.signs],
            "notes": list(self.notes),
            "metadata": dict(self.metadata),
            "table": self.table.reset_index().to_dict(orient="records"),
            "scores": {name: part.to_dict() for name, part in self.parts.items()},
        }

    def to_json(self) -> str:
        """Write the result as JSON.

        Returns
        -------
        str
            `to_dict`; what is not a number is null.
        """
        return json.dumps(self.to_dict(), indent=1, allow_nan=False) + "\n"

    def __repr__(self) -> str:
        """Show the table, the answer and the signs."""
        lines = [self._head(), self.table.to_string()]
        lines += [*self.answer, *(f"{_mark(sign)} {sign}" for sign in self.signs)]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        found = [f"{_mark(sign)} {sign}" for sign in self.failures]
        said = "\n".join([self._head(), *self.answer])
        return card(said, warnings=[*found, *self.notes], tables=[self.table])

    def _head(self) -> str:
        kind = ", simulated" if self.simulated else ""
        return f"<ExperimentResult {self.name}{kind}>"


def _mark(sign: Sign) -> str:
    if sign.found is None:
        return "[not told]"
    return "[FOUND]" if sign.found else "[not found]"


def _bullets(sentences: Any) -> str:
    return "\n".join(f"- {sentence}" for sentence in sentences)


def paired_gain(
    part: BenchmarkResult, model: str, control: str, *, draws: int, seed: int
) -> Interval:
    """Say how much better a model is than another one on the same vignettes.

    Notes
    -----
    Both are scored on the same draws, so what is hard for both does not widen the interval.
    """
    metric = part.task.metrics[0]
    sign = 1.0 if metric.better == "high" else -1.0

    def difference(true: Any, first: Any, second: Any) -> float:
        scores = [part.task.score(true, p)[metric.name] for p in (first, second)]
        return sign * (scores[0] - scores[1])

    arrays = (part.truth, part.predictions[model], part.predictions[control])
    gain = bootstrap(difference, part.passes, *arrays, n=draws, seed=seed)
    if len(np.unique(part.passes)) < _TOO_FEW:
        return Interval(gain.value, float("nan"), float("nan"))
    return gain


def summary(parts: Mapping[str, BenchmarkResult]) -> pd.DataFrame:
    """Put the first score of each task, and the bias of numbers, side by side."""
    columns = []
    for name, part in parts.items():
        table = part.table()
        for place, metric in enumerate(part.task.metrics):
            if place == 0 or (metric.better == "zero" and part.task.kind == "number"):
                column = table[table.columns[place]].rename(_column(name, metric))
                columns.append(column)
    order: dict[str, None] = {}
    for part in parts.values():
        order |= dict.fromkeys(part.predictions)
    frame = pd.concat(columns, axis=1).reindex(list(order)).fillna("-")
    frame.index.name = "condition"
    return frame


def _column(task: str, metric: Metric) -> str:
    units = "" if metric.units == "1" else f" ({metric.units})"
    return f"{task}: {metric.label}{units}"
