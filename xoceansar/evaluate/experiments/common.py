"""What every experiment needs: the model, a place for features, scores, and the first notes."""

import warnings
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from xoceansar._version import __version__
from xoceansar.conventions import VIGNETTE
from xoceansar.conventions.attributes import is_simulated
from xoceansar.errors import OceansarError, OceansarWarning
from xoceansar.evaluate.benchmark_result import BenchmarkResult
from xoceansar.evaluate.comparison import benchmark
from xoceansar.evaluate.competitors import Competitor
from xoceansar.evaluate.diagnosis import (
    Sign,
    constant_classes,
    constant_predictions,
    unusable_input,
)
from xoceansar.evaluate.feature_store import FeatureStore
from xoceansar.evaluate.tasks import Task
from xoceansar.models import ModelHandle
from xoceansar.ops.embedding import Model, as_handle


def open_store(cache: str | Path | None) -> FeatureStore:
    """Open the place for features: a folder, or one that goes with the process."""
    return FeatureStore(None if cache is None else Path(cache).expanduser())


def own_tasks(model: Model, tasks: Sequence[Task]) -> tuple[ModelHandle, list[Task]]:
    """Find the model and the tasks that it has heads for."""
    handle = as_handle(model)
    targets = {head.target for head in handle.heads}
    found = [task for task in tasks if task.target in targets]
    if not found:
        raise OceansarError(
            f"model {handle.name!r} has heads for {sorted(targets)}, and the truth is known of "
            f"{[task.target for task in tasks]}. Fit a head with xoceansar.train.fit, or choose "
            "another model."
        )
    return handle, found


def compare(
    ds: xr.Dataset,
    tasks: Iterable[Task],
    competitors: Sequence[Competitor],
    *,
    draws: int,
    seed: int,
) -> dict[str, BenchmarkResult]:
    """Score predictions that are there already."""
    with warnings.catch_warnings():
        # what is missing is counted in the tables, and said by `unusable_input`
        warnings.simplefilter("ignore", OceansarWarning)
        return {
            task.name: benchmark(ds, task, models=competitors, draws=draws, seed=seed)
            for task in tasks
        }


def output_signs(
    parts: Mapping[str, BenchmarkResult], models: Iterable[str], what: str
) -> list[Sign]:
    """Look for outputs that are missing or constant."""
    signs = []
    for name in models:
        first = next(iter(parts.values()))
        missing = unusable_input(first.predictions[name], model=name, what=what)
        if missing.found:
            signs.append(missing)
            continue
        for part in parts.values():
            predicted, task = part.predictions[name], part.task
            if task.kind != "classes":
                sign = constant_predictions(
                    part.truth, predicted, model=name, target=task.target
                )
            else:
                unknown = np.isnan(predicted).any(axis=1)
                label = np.where(unknown, -1, np.nan_to_num(predicted).argmax(axis=1))
                sign = constant_classes(part.truth, label, model=name)
            signs.append(sign)
    return signs


def first_notes(ds: xr.Dataset, model: ModelHandle | None) -> list[str]:
    """Say what of the data and of the model is simulated."""
    notes = []
    if is_simulated(ds.attrs):
        notes.append(
            "Simulated vignettes: these numbers say nothing of skill on the real sea."
        )
    if model is not None and model.simulated:
        notes.append(f"{model.name} was trained on {model.origin}.")
    return notes


def about(
    ds: xr.Dataset, model: ModelHandle | None, seed: int, **more: Any
) -> dict[str, Any]:
    """Write down what an experiment was made with, as JSON values."""
    return {
        "xoceansar_version": __version__,
        "simulated": is_simulated(ds.attrs),
        "vignettes": ds.sizes[VIGNETTE],
        "seed": seed,
        "model": None if model is None else model.name,
        "weights_sha256": None if model is None else model.weights_sha256,
        **more,
    }


def with_unit(value: float, units: str) -> str:
    """Write a difference with its sign and units."""
    return f"{value:+.2g}" if units == "1" else f"{value:+.2g} {units}"
