"""Compare models on a task, over any Dataset in the library's layout that has the truth."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr

from xoceansar._progress import tracked
from xoceansar._typing import Array
from xoceansar._version import __version__
from xoceansar.conventions import VIGNETTE
from xoceansar.conventions.attributes import is_simulated
from xoceansar.conventions.texts import text_values
from xoceansar.errors import DimensionError, OceansarError, warn
from xoceansar.evaluate.benchmark_result import OVERALL, BenchmarkResult
from xoceansar.evaluate.benchmark_truth import class_names
from xoceansar.evaluate.competitors import Competitor
from xoceansar.evaluate.feature_store import FeatureStore
from xoceansar.evaluate.field_tables import field_tables
from xoceansar.evaluate.lineup import find_models
from xoceansar.evaluate.metrics import Interval, bootstrap_scores
from xoceansar.evaluate.parts import Part, SplitBy, divide, with_truth
from xoceansar.evaluate.tasks import Task, find_task
from xoceansar.models import ModelHandle
from xoceansar.splits.partition import overlap

Strings = npt.NDArray[np.str_]

#: With fewer groups than this a percentile interval is too narrow.
_FEW: Final = 20
#: With fewer than this none is given.
_TOO_FEW: Final = 5


def benchmark(
    ds: xr.Dataset,
    task: str | Task,
    *,
    models: Iterable[str | ModelHandle | Competitor] | None = None,
    train: xr.Dataset | None = None,
    split: SplitBy = "orbit_pass",
    test: float = 0.3,
    draws: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
    cache: str | Path | None = None,
    third: str | None = None,
) -> BenchmarkResult:
    """Score models on a task, side by side, on the same vignettes.

    Parameters
    ----------
    ds : Dataset
        Calibrated vignettes in the library's layout, with the truth: ``ocean_class``, ``swh``,
        ``wind_speed`` or ``wind_to_direction`` (vignette).
    task : str or Task
        ``classification``, ``swh``, ``wind_speed``, ``wind_direction``, or a task of your own.
    models : iterable of str, ModelHandle or Competitor, optional
        What is compared, as `xoceansar.evaluate.find_models` takes it; those of the task where
        not given: the default bundle with its own head, with linear and nearest-neighbour
        probes, the same network at random, hand features, the mean level, no image.
    train : Dataset, optional
        Other vignettes to fit probes on. All of `ds` is then scored; otherwise it is split.
    split : {"orbit_pass", "time", "calibration", "random"}
        How `ds` is split: whole orbit passes at random (classes in proportion); whole passes,
        the latest scored; whole passes, those scored that are after a known step of the calibration
        (`xoceansar.evaluate.calibration_period`); or single vignettes, which flatters, with a warning.
    test : float
        Fraction that is scored when `ds` is split. All is, where nothing has to be fitted.
    draws : int
        Draws of whole passes for the confidence limits.
    confidence : float
        Probability that the limits are to cover.
    seed : int
        Of the split and of the draws.
    cache : str or Path, optional
        Folder in which embeddings are kept for the next run.
    third : str, optional
        Variable of `ds` with another, independent source of the same number, such as ``wind_speed_model``: then the errors
        of truth, prediction and that source are told apart (`xoceansar.evaluate.triple_collocation`).

    Returns
    -------
    BenchmarkResult
        Scores overall, and for each beam, sea state, wind, latitude band, class, satellite and period of calibration,
        with their limits; of wave heights also the CCI Sea State score, and by the bins that ESA uses;
        ``to_markdown()``, ``to_json()``, and `xoceansar.evaluate.write_report` with figures.

    Raises
    ------
    MissingVariableError, UnitsError, DimensionError
        If the truth, or what a model needs, is not in the Dataset.
    BundleError
        If a model is not found or has no head for the target.
    TrainingError
        If a probe cannot be fitted: a single class, a single pass.
    OceansarError
        If there is nothing to score, or the split cannot be made.

    Warns
    -----
    OceansarWarning
        If passes are on both sides, a model leaves vignettes without a prediction, or a class is
        scored that was not learned.

    Notes
    -----
    Confidence limits come from draws of whole passes, and are NaN with fewer than five of them.
    Vignettes without a truth are left out and counted; under sea ice neither wave height nor wind
    is scored. Images are read chunk by chunk, once for each model; what models share is computed
    once.

    The bins of a number are bins of its truth. There, every model that is not perfect is too high
    in the lowest bin and too low in the highest (regression to the mean): compare models within a
    bin, not bins of a model.

    Examples
    --------
    >>> result = benchmark(ds, "swh", models=["own", "hand"])  # doctest: +SKIP
    >>> print(result.to_markdown())  # doctest: +SKIP
    """
    chosen = find_task(task)
    competitors = find_models(chosen.models if models is None else models, chosen)
    scored = with_truth(ds, chosen)
    counts = {"n_without_truth": scored.dropped}
    learned: Part | None = None
    if train is not None:
        learned = with_truth(train, chosen)
    elif any(competitor.needs_training for competitor in competitors):
        learned, scored = divide(scored, chosen, split, test=test, seed=seed)
    notes = _notes(ds, chosen, competitors, learned, scored, counts["n_without_truth"])
    predictions = _predict(competitors, chosen, learned, scored, cache)
    strata = _strata(scored, chosen)
    frame = _scores(
        scored, predictions, strata, chosen, n=draws, confidence=confidence, seed=seed
    )
    notes += _missing(frame)
    counts |= {
        "n_scored": len(scored),
        "n_passes": len(np.unique(scored.groups)),
        "n_learned_from": 0 if learned is None else len(learned),
    }
    how = "none" if learned is None else "other data" if train is not None else split
    return BenchmarkResult(
        task=chosen,
        scores=frame,
        truth=scored.truth,
        predictions=predictions,
        strata=strata,
        passes=scored.groups,
        vignette_id=_identifiers(scored.ds),
        classes=class_names(scored.ds) if chosen.kind == "classes" else (),
        metadata={
            "xoceansar_version": __version__,
            "data": str(ds.attrs.get("source", "")),
            "simulated": is_simulated(ds.attrs),
            **counts,
            "split": how,
            "seed": seed,
            "draws": draws,
            "confidence": confidence,
            "models": {c.name: _identity(c) for c in competitors},
        },
        notes=tuple(notes),
        tables=field_tables(
            scored,
            predictions,
            chosen,
            third,
            draws=draws,
            confidence=confidence,
            seed=seed,
        ),
    )


def _predict(
    competitors: list[Competitor],
    task: Task,
    learned: Part | None,
    scored: Part,
    cache: str | Path | None,
) -> dict[str, Array]:
    folder = None if cache is None else Path(cache).expanduser()
    predictions: dict[str, Array] = {}
    with (
        FeatureStore(folder) as store,
        tracked(competitors, "comparing models", len(competitors)) as each,
    ):
        for competitor in each:
            out = competitor.predict(task, learned, scored, store)
            if len(out) != len(scored):
                raise DimensionError(
                    f"{competitor.name} must give one prediction for each of the "
                    f"{len(scored)} vignettes; it gave {len(out)}."
                )
            predictions[competitor.name] = out
    return predictions


def _strata(part: Part, task: Task) -> dict[str, Strings]:
    """Bins of each division of which the Dataset has the variable."""
    divisions = {s.name: (s, s.labels(part.ds)) for s in task.strata}
    return {
        name: labels
        for name, (strata, labels) in divisions.items()
        if labels is not None
        and len(np.unique(labels[labels != ""])) > int(strata.divided)
    }


def _scores(
    part: Part,
    predictions: dict[str, Array],
    strata: dict[str, Strings],
    task: Task,
    **resampling: Any,
) -> pd.DataFrame:
    everything = np.full(len(part), OVERALL)
    order = {s.name: s.bins for s in task.strata}
    rows: list[dict[str, Any]] = []
    for stratum, labels in {OVERALL: everything, **strata}.items():
        present = np.unique(labels[labels != ""])
        ordered = order.get(stratum) or tuple(present)
        for label in (b for b in ordered if b in present):
            index = np.flatnonzero(labels == label)
            for model, predicted in predictions.items():
                where = {"model": model, "stratum": stratum, "bin": str(label)}
                for scores in _score(part, predicted, index, task, resampling):
                    rows.append({**where, **scores})  # noqa: PERF401
    return pd.DataFrame(rows)


def _score(
    part: Part,
    predicted: Array,
    index: npt.NDArray[np.intp],
    task: Task,
    resampling: dict[str, Any],
) -> Iterator[dict[str, Any]]:
    groups, true, pred = part.groups[index], part.truth[index], predicted[index]
    intervals = bootstrap_scores(task.score, groups, true, pred, **resampling)
    missing = int(_is_missing(pred).sum())
    passes = len(np.unique(groups))
    for metric in task.metrics:
        interval = intervals[metric.name]
        if passes < _TOO_FEW:
            interval = Interval(interval.value, np.nan, np.nan)
        yield {
            "metric": metric.name,
            **interval._asdict(),
            "n": len(index) - missing,
            "missing": missing,
            "passes": passes,
        }


def _is_missing(predicted: Array) -> npt.NDArray[np.bool_]:
    if predicted.dtype.kind != "f":
        return np.zeros(len(predicted), dtype=bool)
    return np.asarray(np.isnan(predicted.reshape(len(predicted), -1)).any(axis=1))


# Words


def _identity(competitor: Competitor) -> dict[str, Any]:
    handle = competitor.bundle
    if handle is None:
        return {}
    return {
        "model": handle.name,
        "weights_sha256": handle.weights_sha256,
        "simulated_training": handle.simulated,
    }


def _identifiers(ds: xr.Dataset) -> Strings:
    if "vignette_id" not in ds.coords:
        return np.full(ds.sizes[VIGNETTE], "")
    return text_values(ds.coords["vignette_id"])


def _notes(
    ds: xr.Dataset,
    task: Task,
    competitors: list[Competitor],
    learned: Part | None,
    scored: Part,
    dropped: int,
) -> list[str]:
    """Say what to know before using the numbers; the first is that the data are simulated."""
    notes = []
    if is_simulated(ds.attrs):
        notes.append(
            "Simulated vignettes: these scores say nothing of skill on the real sea."
        )
    bundles = [c.bundle for c in competitors if c.bundle and c.bundle.simulated]
    for origin in sorted({bundle.origin for bundle in bundles}, reverse=True):
        names = sorted({bundle.name for bundle in bundles if bundle.origin == origin})
        notes.append(f"Trained on {origin}: {', '.join(names)}.")
    if dropped:
        notes.append(
            f"{dropped} of {ds.sizes[VIGNETTE]} vignettes are left out: without "
            f"{task.target}, or of sea ice where it has no meaning."
        )
    if any(not c.needs_training for c in competitors):
        notes.append(
            "Own heads were fitted before: the split here says nothing of what they have seen."
        )
    if learned is not None:
        notes += _between(learned, scored, task)
    passes = len(np.unique(scored.groups))
    if passes < _TOO_FEW:
        notes.append(
            f"Fewer than {_TOO_FEW} passes are scored: there are no confidence limits."
        )
    elif passes < _FEW:
        notes.append(
            f"Fewer than {_FEW} passes are scored: the confidence limits are too narrow."
        )
    if task.kind == "number":
        notes.append(
            "Bins are of the truth: what is not perfect is too high in the lowest and too low in "
            "the highest. Compare models within a bin."
        )
    if task.kind == "direction":
        notes.append(
            "An image shows the axis of the wind and hardly which way it blows: the axis errors "
            "take the nearer of the two ways (a guess scores 52 degrees RMSE, and 104 over 360)."
        )
    return notes


def _between(learned: Part, scored: Part, task: Task) -> list[str]:
    notes = []
    both = overlap(learned.groups, scored.groups)
    if both:
        text = (
            f"{len(both)} orbit pass(es) are learned from and scored, which flatters: the first "
            f"is {both[0]}."
        )
        warn(f"{text} Use the default split, or train= of other passes.")
        notes.append(text)
    if task.kind == "classes":
        notes += _between_classes(learned, scored)
    return notes


def _between_classes(learned: Part, scored: Part) -> list[str]:
    names = class_names(scored.ds)
    if class_names(learned.ds) != names:
        raise OceansarError(
            f"both sides must have the same classes; learned from {class_names(learned.ds)}, "
            f"scored {names}. Bring flag_meanings of ocean_class into agreement."
        )
    classes = [set(part.truth.astype(int).tolist()) for part in (learned, scored)]
    unknown = [names[i] for i in sorted(classes[1] - classes[0])]
    unseen = [n for i, n in enumerate(names) if i not in classes[1]]
    notes = []
    if unknown:
        text = f"Scored and not learned from: {', '.join(unknown)}."
        warn(f"{text} Probes cannot find them. Give more passes, or another seed=.")
        notes.append(text)
    if unseen:
        notes.append(f"Not among those scored: {', '.join(unseen)}.")
    return notes


def _missing(scores: pd.DataFrame) -> list[str]:
    rows = scores[(scores["stratum"] == OVERALL) & (scores["missing"] > 0)]
    counts = dict(zip(rows["model"], rows["missing"], strict=True))
    notes = [
        f"{model} gives no prediction for {n} vignettes, which are left out of its scores."
        for model, n in counts.items()
    ]
    for note in notes:
        warn(note)
    return notes
