"""What a benchmark found: scores with intervals, and what is needed to draw and to check them."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from xoceansar._html import card
from xoceansar._typing import Array
from xoceansar.evaluate.tasks import Metric, Task

_OCEANSAR2: Final = "https://arxiv.org/abs/2601.07392"
_CARDS: Final = "https://huggingface.co/galeio-research"
_MPC: Final = "https://sar-mpc.eu/about/news"
_CCI: Final = "https://climate.esa.int/en/projects/sea-state"
_ESA: Final = "as reported; truth and period not seen"
_PROTOCOL: Final = "from a summary; protocol not seen"
_LINEAR: Final = "linear probe, frozen backbone"


@dataclass(frozen=True, slots=True)
class Reference:
    """A published score."""

    #: Name of the task.
    task: str
    #: What was scored.
    system: str
    #: Name of the score.
    metric: str
    #: In the units of the task's metric.
    value: float
    #: Where it is published.
    source: str
    #: How it was scored, as far as known.
    note: str


REFERENCES: Final = (
    Reference("classification", "OceanSAR-2 ViT-S/16", "accuracy", 0.940, _OCEANSAR2, _PROTOCOL),
    Reference("classification", "OceanSAR-1 ViT-B/8", "accuracy", 0.836, _CARDS, _LINEAR),
    Reference("classification", "OceanSAR-1 ViT-S/16", "accuracy", 0.786, _CARDS, _LINEAR),
    Reference("classification", "OceanSAR-1 ResNet50", "accuracy", 0.755, _CARDS, _LINEAR),
    Reference("swh", "Quach et al. (2021)", "rmse", 0.3, "https://doi.org/10.1109/TGRS.2020.3003839", "cross-spectra and metadata, against altimeters, 2018"),
    Reference("swh", "ESA's network (oswTotalHs)", "rmse", 0.36, _MPC, _ESA),
    Reference("swh", "ESA's network, below 1 m", "rmse", 0.51, _MPC, _ESA),
    Reference("swh", "ESA's network, 1 to 3 m", "rmse", 0.28, _MPC, _ESA),
    Reference("swh", "ESA's network, 3 to 8 m", "rmse", 0.46, _MPC, _ESA),
    Reference("swh", "ESA's network, above 8 m", "rmse", 1.15, _MPC, _ESA),
    Reference("swh", "Quach et al., as scored since", "rmse", 0.38, _MPC, _ESA),
    Reference("swh", "Sea State CCI, best latitudes", "rmse", 0.25, _CCI, "by latitude; protocol not seen"),
    Reference("swh", "Sea State CCI, worst latitudes", "rmse", 0.40, _CCI, "by latitude; protocol not seen"),
    Reference("swh", "WV-Net ResNet50", "rmse", 0.50, "https://arxiv.org/abs/2406.18765", _LINEAR),
    Reference("swh", "OceanSAR-2 ViT-S/16", "rmse", 0.52, _OCEANSAR2, _PROTOCOL),
    Reference("swh", "OceanSAR-1 ViT-B/8", "rmse", 0.54, _CARDS, _LINEAR),
    Reference("swh", "OceanSAR-1 ViT-S/16", "rmse", 0.57, _CARDS, _LINEAR),
    Reference("wind_speed", "OceanSAR-2 ViT-S/16", "rmse", 1.32, _OCEANSAR2, _PROTOCOL),
    Reference("wind_speed", "OceanSAR-1 ViT-B/8", "rmse", 1.37, _CARDS, _LINEAR),
    Reference("wind_speed", "OceanSAR-1 ViT-S/16", "rmse", 1.39, _CARDS, _LINEAR),
    Reference("icebergs", "OceanSAR-2 ViT-S/16", "f1", 0.865, _OCEANSAR2, "F1 at IoU 0.1; from a summary; threshold not seen"),
)  # fmt: skip


def references(task: str) -> tuple[Reference, ...]:
    """List the published scores for a task.

    Examples
    --------
    >>> [r.value for r in references("wind_speed")]
    [1.32, 1.37, 1.39]
    """
    return tuple(r for r in REFERENCES if r.task == task)


#: Stratum of the scores over all vignettes.
OVERALL: Final = "all"


@dataclass(frozen=True, eq=False)
class BenchmarkResult:
    """Scores of several models on the same vignettes.

    Parameters
    ----------
    task : Task
        What was predicted.
    scores : pandas.DataFrame
        A row for each model, stratum, bin and metric: ``model``, ``stratum``, ``bin``,
        ``metric``, ``value``, ``lower``, ``upper``, ``n`` (vignettes predicted), ``missing``
        (vignettes not predicted) and ``passes``. Stratum ``all`` is over all vignettes.
    truth : ndarray (vignette, ...)
        Of the scored vignettes.
    predictions : mapping of str to ndarray
        Of each model.
    strata : mapping of str to ndarray (vignette,) of str
        Bin of each vignette; empty where it has none.
    passes, vignette_id : ndarray (vignette,) of str
        Orbit pass and identifier of each vignette; identifiers are empty where unknown.
    classes : tuple of str
        Of a classification; empty otherwise.
    metadata : mapping
        Data, split, counts, models, draws: JSON values.
    notes : tuple of str
        What to know before using the numbers.
    tables : mapping of str to pandas.DataFrame
        Scores that the field uses, by their names: the CCI Sea State score of wave heights, triple collocation.

    Examples
    --------
    >>> import xoceansar as xos
    >>> sea = xos.simulate.vignettes(60, seed=1, shape=(64, 64))
    >>> result = xos.evaluate.benchmark(sea, "swh", models=["constant"])
    >>> result.simulated, result.models, result.task.units
    (True, ('no image',), 'm')
    """

    task: Task
    scores: pd.DataFrame
    truth: Array
    predictions: Mapping[str, Array]
    strata: Mapping[str, npt.NDArray[np.str_]]
    passes: npt.NDArray[np.str_]
    vignette_id: npt.NDArray[np.str_]
    classes: tuple[str, ...]
    metadata: Mapping[str, Any]
    notes: tuple[str, ...]
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)

    @property
    def simulated(self) -> bool:
        """Whether the vignettes are simulated."""
        return bool(self.metadata["simulated"])

    @property
    def models(self) -> tuple[str, ...]:
        """The models, the best first by the task's first metric."""
        main = self.task.metrics[0]
        rows = self.select(stratum=OVERALL, metric=main.name)
        key = rows.set_index("model")["value"]
        ranked = (key.abs() if main.better == "zero" else key).sort_values(
            ascending=main.better != "high", kind="stable", na_position="last"
        )
        return tuple(str(name) for name in ranked.index)

    def select(self, **where: str) -> pd.DataFrame:
        """Take the scores of one model, stratum, bin or metric.

        Parameters
        ----------
        **where
            Column of `scores` and the value that it must have.

        Returns
        -------
        pandas.DataFrame
            Rows of `scores`, in their order; empty where none fits.

        Examples
        --------
        >>> import xoceansar as xos
        >>> sea = xos.simulate.vignettes(60, seed=1, shape=(64, 64))
        >>> result = xos.evaluate.benchmark(sea, "swh", models=["constant"])
        >>> result.select(stratum="all", metric="rmse").n.item()
        19
        """
        rows = self.scores
        for column, value in where.items():
            rows = rows[rows[column] == value]
        return rows

    def table(self, stratum: str = OVERALL, metric: str | None = None) -> pd.DataFrame:
        """Arrange scores for reading.

        Parameters
        ----------
        stratum : str
            ``all``, or the name of a division.
        metric : str, optional
            With a division: which score; the first of the task where not given.

        Returns
        -------
        pandas.DataFrame of str
            A row for each model, the best first: a column for each metric, or for each bin of
            the division. Scores with their confidence limits in brackets.

        Raises
        ------
        KeyError
            If the result has no such stratum or metric.

        Examples
        --------
        >>> import xoceansar as xos
        >>> sea = xos.simulate.vignettes(60, seed=1, shape=(64, 64))
        >>> result = xos.evaluate.benchmark(sea, "swh", models=["constant"])
        >>> result.table().shape
        (1, 5)
        >>> list(result.table("beam").columns)
        ['wv1 (n=9)', 'wv2 (n=10)']
        """
        rows = self.select(stratum=stratum)
        columns = {m.name: _heading(m) for m in self.task.metrics}
        by = "metric"
        if stratum != OVERALL:
            name = self.task.metrics[0].name if metric is None else metric
            rows = rows[rows["metric"] == name]
            counts = rows.drop_duplicates("bin").set_index("bin")
            total = counts["n"] + counts["missing"]
            columns = {b: f"{b} (n={total[b]})" for b in counts.index}
            by = "bin"
        if rows.empty:
            known = sorted(set(self.scores["stratum"]))
            raise KeyError(f"no scores for {stratum!r}, {metric!r}; strata: {known}")
        digits = {str(name): _digits(part) for name, part in rows.groupby(by)}
        texts = rows.assign(
            text=[_text(r, digits[str(getattr(r, by))]) for r in rows.itertuples()]
        )
        wide = texts.pivot(index="model", columns=by, values="text")
        wide = wide.loc[list(self.models), list(columns)].rename(columns=columns)
        wide.index.name, wide.columns.name = "model", None
        return wide

    def to_markdown(self, figures: Mapping[str, str] | None = None) -> str:
        """Write the result as Markdown.

        Parameters
        ----------
        figures : mapping of str to str, optional
            Files to show below the first table, by what they show.

        Returns
        -------
        str
            Heading, notes, tables of scores, and published scores apart from them.

        Examples
        --------
        >>> import xoceansar as xos
        >>> sea = xos.simulate.vignettes(60, seed=1, shape=(64, 64))
        >>> result = xos.evaluate.benchmark(sea, "swh", models=["constant"])
        >>> result.to_markdown().splitlines()[0]
        '# Benchmark: swh, on simulated vignettes'
        """
        meta = self.metadata
        where = "simulated vignettes" if self.simulated else "vignettes"
        confidence = f"{100 * meta['confidence']:g} %"
        parts = [
            f"# Benchmark: {self.task.name}, on {where}",
            self.task.description,
            *(f"> **{note}**" for note in self.notes[:1] if self.simulated),
            f"{meta['n_scored']} vignettes of {meta['n_passes']} orbit passes scored; brackets "
            f"hold {confidence} confidence limits, from {meta['draws']} draws of whole passes.",
            markdown_table(self.table()),
            *(f"![{what}]({file})" for what, file in (figures or {}).items()),
        ]
        for stratum in self.strata:
            for metric in self._shown_by_stratum():
                parts += [
                    f"## {metric.label} by {stratum}",
                    markdown_table(self.table(stratum, metric.name)),
                ]
        for name, table in self.tables.items():
            shown = table.map(lambda v: f"{v:.3g}" if isinstance(v, float) else str(v))
            parts += [f"## {name}", markdown_table(shown)]
        rest = self.notes[1:] if self.simulated else self.notes
        parts += ["## What to know", "\n".join(f"- {note}" for note in rest)]
        return "\n\n".join([*parts, *self._published()]) + "\n"

    def _shown_by_stratum(self) -> tuple[Metric, ...]:
        first = self.task.metrics[0]
        biases = (m for m in self.task.metrics if m.better == "zero")
        return tuple(dict.fromkeys((first, *biases)))

    def _published(self) -> list[str]:
        known = references(self.task.name)
        if not known:
            return []
        labels = {m.name: _named(m) for m in self.task.metrics}
        rows = pd.DataFrame(
            {
                "system": [r.system for r in known],
                "score": [
                    f"{labels.get(r.metric, r.metric)}: {r.value:g}" for r in known
                ],
                "how": [r.note for r in known],
                "source": [r.source for r in known],
            }
        ).set_index("system")
        text = (
            "Real data, other vignettes, other truth: for the order of magnitude, not comparable "
            "with the scores above."
        )
        return ["## Published scores", text, markdown_table(rows)]

    def to_dict(self) -> dict[str, Any]:
        """Gather the result as JSON values.

        Returns
        -------
        dict
            ``task``, ``simulated``, ``notes``, ``metadata``, ``scores`` and, apart,
            ``published``.

        Examples
        --------
        >>> import xoceansar as xos
        >>> sea = xos.simulate.vignettes(60, seed=1, shape=(64, 64))
        >>> result = xos.evaluate.benchmark(sea, "swh", models=["constant"])
        >>> list(result.to_dict())
        ['task', 'target', 'simulated', 'notes', 'metadata', 'scores', 'tables', 'published']
        """
        scores = self.scores.astype(object).where(self.scores.notna(), None)
        return {
            "task": self.task.name,
            "target": self.task.target,
            "simulated": self.simulated,
            "notes": list(self.notes),
            "metadata": dict(self.metadata),
            "scores": scores.to_dict(orient="records"),
            "tables": {name: _records(table) for name, table in self.tables.items()},
            "published": [asdict(r) for r in references(self.task.name)],
        }

    def to_json(self) -> str:
        """Write the result as JSON.

        Returns
        -------
        str
            `to_dict`; what is not a number is null.

        Examples
        --------
        >>> import xoceansar as xos
        >>> sea = xos.simulate.vignettes(60, seed=1, shape=(64, 64))
        >>> result = xos.evaluate.benchmark(sea, "swh", models=["constant"])
        >>> import json
        >>> json.loads(result.to_json())["task"]
        'swh'
        """
        return json.dumps(self.to_dict(), indent=1, allow_nan=False) + "\n"

    def __repr__(self) -> str:
        """Show what was scored, and the table."""
        return f"{self._head()}\n{self.table().to_string()}"

    def _repr_html_(self) -> str:
        return card(self._head(), warnings=self.notes, tables=[self.table()])

    def _head(self) -> str:
        kind = ", simulated" if self.simulated else ""
        return f"<BenchmarkResult {self.task.name}: {self.metadata['n_scored']} vignettes{kind}>"


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows of a table as JSON values; what is not a number is null."""
    rows = table.reset_index()
    known = rows.astype(object).where(rows.notna(), None)
    return [{str(k): v for k, v in row.items()} for row in known.to_dict("records")]


def markdown_table(frame: pd.DataFrame) -> str:
    """Write a table of text as Markdown."""
    rows = [
        [str(frame.index.name or ""), *map(str, frame.columns)],
        ["---"] * (1 + frame.shape[1]),
        *(
            [str(name), *map(str, row)]
            for name, row in zip(frame.index, frame.values, strict=True)
        ),
    ]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _heading(metric: Metric) -> str:
    arrow = {"low": "↓", "high": "↑", "zero": "→0"}[metric.better]
    return f"{_named(metric)} {arrow}"


def _named(metric: Metric) -> str:
    return metric.label if metric.units == "1" else f"{metric.label} ({metric.units})"


def _text(row: Any, digits: int) -> str:
    if not np.isfinite(row.value):
        return "-"
    value, lower, upper = (
        # minus nothing is nothing
        f"{round(v, digits) + 0.0:.{digits}f}"
        for v in (row.value, row.lower, row.upper)
    )
    known = np.isfinite([row.lower, row.upper]).all()
    return f"{value} [{lower}, {upper}]" if known else value


def _digits(rows: pd.DataFrame) -> int:
    """Digits behind the point that the intervals of a column warrant; three without intervals."""
    width = (rows["upper"] - rows["lower"]).replace(0, np.nan).median()
    size = width
    if not np.isfinite(width):
        size = 0.03 * rows["value"].abs().replace(0, np.nan).median()
    if not np.isfinite(size):
        return 2
    return int(np.clip(np.ceil(0.5 - np.log10(size)), 0, 4))
