"""Scores on the passes that nothing was learned from, beside what needs no training, and coverage."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import xarray as xr

from xoceansar._typing import Array
from xoceansar.building.archive_stage import open_vignettes, without_pixels
from xoceansar.building.head_stage import CALIBRATION, part_of
from xoceansar.building.target_stage import (
    PART,
    TEST_PARTS,
    names_of_targets,
    open_targets,
)
from xoceansar.building.workspace import Facts, Workspace, digest_dataset
from xoceansar.conventions import LINE, OCEAN_CLASS, SAMPLE, VIGNETTE
from xoceansar.conventions.texts import text_values
from xoceansar.evaluate.benchmark_result import OVERALL, BenchmarkResult
from xoceansar.evaluate.benchmark_truth import class_names
from xoceansar.evaluate.comparison import benchmark
from xoceansar.evaluate.competitors import Competitor, NoImage
from xoceansar.evaluate.feature_store import FeatureStore
from xoceansar.evaluate.features import Features
from xoceansar.evaluate.linear_probes import Probe
from xoceansar.evaluate.parts import Part
from xoceansar.evaluate.simple_features import HandFeatures
from xoceansar.evaluate.strata import STRATA
from xoceansar.evaluate.tasks import TASKS, Task
from xoceansar.io.archive.zarr_archive import open_archive, to_zarr
from xoceansar.models.bundle.library import load_model
from xoceansar.models.heads.head import load_head
from xoceansar.models.spec import ModelHandle
from xoceansar.ops.head_inputs import HeadInputs
from xoceansar.ops.head_values import value_of
from xoceansar.ops.retrieval import classify

EVALUATION: Final = "evaluation"
PREDICTIONS: Final = "predictions.zarr"
#: Draws of whole passes for confidence limits.
DRAWS: Final = 1000
#: Pixels of a side that hand features need.
_HAND_PIXELS: Final = 128
#: The task of the benchmark that scores a target.
_TASK_OF: Final = {task.target: task for task in TASKS.values()}


@dataclass(frozen=True)
class BuiltModel(Competitor):
    """The model that is built, applied to what the archive holds."""

    model: ModelHandle
    called: str
    needs_training = False

    @property
    def name(self) -> str:
        """Name in tables."""
        return self.called

    @property
    def bundle(self) -> ModelHandle:
        """The model."""
        return self.model

    def predict(
        self, task: Task, train: Part | None, test: Part, store: FeatureStore
    ) -> Array:
        """Predict the target.

        Shapes: gives (vignette, ...).
        """
        del train, store
        ds = without_pixels(test.ds)
        if task.kind == "classes":
            found = classify(ds, model=self.model)["class_probability"]
            dim = str(found.dims[-1])
            whole = found.reindex({dim: list(class_names(test.ds))}, fill_value=0.0)
            return np.asarray(whole.values, float)
        head = self.model.head(task.target)
        inputs = HeadInputs.of(ds, self.model, [head])
        return np.asarray(value_of(inputs, self.model, task.target).values, float)


@dataclass(frozen=True)
class ArchiveLevel(Features):
    """The mean of sigma0 that the archive holds, and the beam."""

    @property
    def label(self) -> str:
        """Name in tables."""
        return "mean sigma0 and beam"

    def matrix(self, ds: xr.Dataset, store: FeatureStore) -> Array:
        """Return them.

        Shapes: gives (vignette, 2).
        """
        del store
        level = np.maximum(np.asarray(ds["sigma0_mean"].values, float), 1e-5)
        beam = text_values(ds["beam"].values) if "beam" in ds.coords else np.array("")
        near = np.broadcast_to(beam == "wv1", level.shape)
        return np.stack([10 * np.log10(level), near], axis=1).astype(np.float32)


def make_evaluation(work: Workspace, folder: Path) -> Facts:
    """Score the calibrated heads on passes of the same time, and of a later one."""
    handle = load_model(work.path(CALIBRATION) / "bundle")
    predictions = _predicted(work, handle)
    to_zarr(predictions, folder / PREDICTIONS)
    scores: dict[str, Any] = {}
    for target in names_of_targets(work):
        if target not in _TASK_OF:
            scores[target] = {
                p: _plain_scores(predictions, target, p) for p in TEST_PARTS
            }
            continue
        scores[target] = {}
        for part in TEST_PARTS:
            result = _benchmark(work, handle, _TASK_OF[target], part)
            if result is None:
                continue
            stem = f"{target}-{part}"
            (folder / f"{stem}.json").write_text(result.to_json(), encoding="utf-8")
            (folder / f"{stem}.md").write_text(result.to_markdown(), encoding="utf-8")
            scores[target][part] = _summary(result)
    covered = coverage(predictions, work.request.confidence)
    covered.to_csv(folder / "coverage.csv", index=False)
    return {
        "scores": scores,
        "coverage": covered[covered["stratum"] == OVERALL].to_dict("records"),
        "digest": digest_dataset(predictions),
    }


def open_predictions(work: Workspace) -> xr.Dataset:
    """Open what was predicted for the test parts, in memory."""
    return open_archive(work.path(EVALUATION) / PREDICTIONS).load()


def _predicted(work: Workspace, handle: ModelHandle) -> xr.Dataset:
    """Predict each target of the test parts, with the interval where there is one."""
    ds, targets = part_of(work, *TEST_PARTS)
    ds = ds.drop_vars(OCEAN_CLASS, errors="ignore")
    out = targets[[PART]].assign_attrs(simulated=int(_is_simulated(work)))
    for name in names_of_targets(work):
        spec = handle.head(name)
        truth = targets[name].reset_coords(drop=True)
        if spec.is_classifier:
            found = classify(ds, model=handle).compute()
            out[f"{name}_true"] = truth
            out[f"{name}_predicted"] = found[OCEAN_CLASS].reset_coords(drop=True)
            continue
        inputs = HeadInputs.of(ds, handle, [spec])
        values = value_of(inputs, handle, name).compute().reset_coords(drop=True)
        out[f"{name}_true"] = truth.assign_attrs(units=spec.units)
        out[f"{name}_predicted"] = values.astype(float)
        if spec.intervals is not None:
            head = load_head(spec, Path(handle.path))
            bounds = head.bounds(
                values.values, ds["incidence"].values, work.request.confidence
            )
            for i, end in enumerate(("lower", "upper")):
                out[f"{name}_{end}"] = (VIGNETTE, bounds[:, i], {"units": spec.units})
    return out.drop_encoding()


def _is_simulated(work: Workspace) -> bool:
    return bool(work.found("archive")["simulated"])


def _benchmark(
    work: Workspace, handle: ModelHandle, task: Task, part: str
) -> BenchmarkResult | None:
    targets = open_targets(work)
    ds = open_vignettes(work, images=True)
    truths = {n: targets[n].reset_coords(drop=True) for n in names_of_targets(work)}
    ds = ds.assign(truths)
    ds.attrs = {**ds.attrs, "simulated": int(_is_simulated(work))}
    parts = text_values(targets[PART].values)
    learned, scored = (
        ds.isel({VIGNETTE: np.flatnonzero(parts == p)}) for p in ("learned", part)
    )
    if not np.isfinite(np.asarray(task.read(scored), float)).any():
        return None
    models: list[Competitor] = [BuiltModel(handle, work.model.name)]
    if "sigma0" in ds and min(ds.sizes[LINE], ds.sizes[SAMPLE]) >= _HAND_PIXELS:
        models.append(Probe(HandFeatures()))
    if "sigma0_mean" in ds.coords:
        models.append(Probe(ArchiveLevel()))
    models.append(NoImage())
    return benchmark(
        scored,
        task,
        models=models,
        train=learned,
        draws=DRAWS,
        seed=work.request.seed,
    )


def _summary(result: BenchmarkResult) -> dict[str, Any]:
    """Take the scores over all vignettes, of each model."""
    rows = result.select(stratum=OVERALL)
    return {
        str(model): {
            **dict(zip(part["metric"], part["value"], strict=True)),
            "n": int(part["n"].iloc[0]),
            "passes": int(part["passes"].iloc[0]),
        }
        for model, part in rows.groupby("model", sort=False)
    }


def _plain_scores(predictions: xr.Dataset, target: str, part: str) -> dict[str, Any]:
    """Score a target that no task of the benchmark has."""
    rows = text_values(predictions[PART].values) == part
    error = (predictions[f"{target}_predicted"] - predictions[f"{target}_true"]).values[
        rows
    ]
    error = error[np.isfinite(error)]
    if not len(error):
        return {}
    scores = {"rmse": float(np.sqrt((error**2).mean())), "bias": float(error.mean())}
    return {"model": {**scores, "n": len(error)}}


def coverage(predictions: xr.Dataset, confidence: float) -> pd.DataFrame:
    """Count how often the intervals hold the truth, over all and within each division.

    Returns
    -------
    DataFrame
        ``target``, ``part``, ``stratum``, ``bin``, ``n``, ``wanted``, ``held``, ``width``.
    """
    columns = ["target", "part", "stratum", "bin", "n", "wanted", "held", "width"]
    rows = [
        (name, side, stratum, label, len(held), confidence, held.mean(), width.mean())
        for name, side, stratum, label, held, width in _interval_bins(predictions)
    ]
    return pd.DataFrame(rows, columns=columns)


def _interval_bins(
    predictions: xr.Dataset,
) -> Iterator[tuple[str, str, str, str, Array, Array]]:
    """Go through the bins in which there are intervals: whether each holds the truth, and its width."""
    part = text_values(predictions[PART].values)
    divisions = _divisions(predictions)
    ends = [str(n) for n in predictions if str(n).endswith("_lower")]
    for name in (end.removesuffix("_lower") for end in ends):
        true, low, high = (
            predictions[f"{name}_{end}"].values for end in ("true", "lower", "upper")
        )
        known = np.isfinite(true) & np.isfinite(low)
        held, width = (true >= low) & (true <= high), high - low
        for side in TEST_PARTS:
            for (stratum, label), inside in divisions.items():
                own = known & (part == side) & inside
                if own.any():
                    yield name, side, stratum, label, held[own], width[own]


def _divisions(predictions: xr.Dataset) -> dict[tuple[str, str], Array]:
    """Say which vignettes are in each bin, by division and bin."""
    named = {
        f"{n}_true": n for n in ("swh", "wind_speed") if f"{n}_true" in predictions
    }
    truth = predictions.rename(named)
    out = {(OVERALL, OVERALL): np.ones(predictions.sizes[VIGNETTE], bool)}
    for strata in STRATA:
        labels = strata.labels(truth)
        if labels is not None:
            bins = strata.bins or tuple(sorted(set(labels.tolist()) - {""}))
            out |= {(strata.name, label): labels == label for label in bins}
    return out
