"""How far a model's outputs move when the calibration of its input is off."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import xarray as xr

from xoceansar.conventions import VIGNETTE
from xoceansar.conventions.texts import text_values
from xoceansar.evaluate.benchmark_result import BenchmarkResult
from xoceansar.evaluate.experiments.common import (
    about,
    compare,
    first_notes,
    open_store,
    output_signs,
    own_tasks,
    with_unit,
)
from xoceansar.evaluate.experiments.computed_rows import (
    Given,
    known_tasks,
    numbered,
    own_outputs,
)
from xoceansar.evaluate.experiments.experiment_result import ExperimentResult, summary
from xoceansar.ops.embedding import Model
from xoceansar.sar.calibration import noise_scaling

QUESTION: Final = (
    "How wrong do wave height, wind and class become when the gain is off, or the noise is not "
    "removed, or removed in the wrong scale?"
)
#: Processor that wrote the noise of the wave mode in another scale.
_IPF: Final = "2.91"


@dataclass(frozen=True)
class Condition:
    """One way to get the calibration wrong."""

    #: In tables.
    name: str
    #: From vignettes to their wrong sigma0, lazily.
    apply: Callable[[xr.Dataset], xr.DataArray]
    #: Error of the gain, where it is one.
    gain_db: float | None = None
    #: Whether ``nesz`` is needed.
    needs_noise: bool = False


def _gain(decibel: float) -> Condition:
    factor = np.float32(10 ** (decibel / 10))
    return Condition(
        f"gain {decibel:+g} dB" if decibel else "as calibrated",
        lambda ds: ds["sigma0"] * factor,
        gain_db=decibel,
    )


def _noise(name: str, factor: Callable[[xr.Dataset], Any]) -> Condition:
    """Remove `factor` times the noise where once would be right."""

    def apply(ds: xr.Dataset) -> xr.DataArray:
        removed = factor(ds) * ds["nesz"]
        wrong: xr.DataArray = ds["sigma0"] + ds["nesz"] - removed
        return wrong.astype(np.float32)

    return Condition(name, apply, needs_noise=True)


def _scale(ds: xr.Dataset, *, of: str, by: str | None) -> xr.DataArray:
    """Scale of the noise of platform `of`, corrected by the constants of `by`."""
    beams = text_values(ds["beam"])
    values = [
        (noise_scaling(_IPF, by, beam) if by else 1.0) / noise_scaling(_IPF, of, beam)
        for beam in beams
    ]
    return xr.DataArray(np.array(values), dims=VIGNETTE)


#: What is tried, the right calibration among it.
CONDITIONS: Final = (
    *(_gain(decibel) for decibel in (-2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0)),
    _noise("noise not removed", lambda _: 0.0),
    _noise("noise removed twice", lambda _: 2.0),
    _noise(
        "noise of IPF 2.91 corrected as of the other satellite",
        lambda ds: _scale(ds, of="S1A", by="S1B"),
    ),
    _noise(
        "noise of IPF 2.91 as it is written", lambda ds: _scale(ds, of="S1A", by=None)
    ),
)
_RIGHT: Final = "as calibrated"


def calibration(
    ds: xr.Dataset,
    model: Model = None,
    *,
    conditions: tuple[Condition, ...] = CONDITIONS,
    limit: int | None = None,
    draws: int = 300,
    seed: int = 0,
    cache: str | Path | None = None,
) -> ExperimentResult:
    """Measure how sensitive a model's own outputs are to errors of calibration.

    Notes
    -----
    The gain errors are what the specification allows (absolute accuracy 1 dB, 3 sigma, of a Wave
    Mode product) and up to twice as much. IPF 2.90 and 2.91 wrote the noise of the wave mode 37 to
    39 dB too high; uncorrected it exceeds the signal, and the model should refuse the images.
    """
    some, store = numbered(ds, limit), open_store(cache)
    handle, tasks = own_tasks(model, known_tasks(some))
    tried = [c for c in conditions if "nesz" in some or not c.needs_noise]
    given = [
        Given(
            condition.name,
            own_outputs(
                some.assign(sigma0=condition.apply(some).assign_attrs(units="1")),
                handle,
                tasks,
                store,
            ),
            handle,
        )
        for condition in tried
    ]
    parts = compare(some, tasks, given, draws=draws, seed=seed)
    notes = first_notes(some, handle)
    left = [c.name for c in conditions if c not in tried]
    if left:
        notes.append(f"No nesz in the Dataset, so not tried: {', '.join(left)}.")
    return ExperimentResult(
        name="calibration",
        question=QUESTION,
        table=summary(parts),
        answer=tuple(s for part in parts.values() for s in _sensitivity(part, tried)),
        signs=tuple(output_signs(parts, [c.name for c in tried], "output")),
        notes=tuple(notes),
        metadata=about(some, handle, seed, draws=draws),
        parts=parts,
        axis={c.name: c.gain_db for c in tried if c.gain_db is not None},
    )


def _sensitivity(part: BenchmarkResult, tried: list[Condition]) -> Iterator[str]:
    """Say what a decibel does on each beam, and what each error of the noise does."""
    if _RIGHT not in part.predictions:
        return
    task = part.task
    up, down = (part.predictions.get(f"gain {d} dB") for d in ("+1", "-1"))
    if task.kind == "number" and up is not None and down is not None:
        slope = (up - down) / 2
        beams = part.strata.get("beam", np.full(len(slope), "all"))
        for beam in np.unique(beams):
            moved = with_unit(float(np.nanmean(slope[beams == beam])), task.units)
            yield f"{task.name}, {beam}: {moved} for each dB of gain."
    for condition in tried:
        if condition.needs_noise:
            yield f"{task.name}, {condition.name}: {_moved(part, condition.name)}."


def _moved(part: BenchmarkResult, name: str) -> str:
    """Say how far the outputs under a condition are from those of the right calibration."""
    right, other = part.predictions[_RIGHT], part.predictions[name]
    rows = np.isfinite(np.stack([right, other])).reshape(2, len(right), -1)
    known = rows.all(axis=(0, 2))
    if not known.any():
        return "refused by the model"
    if part.task.kind == "number":
        mean = float((other - right)[known].mean())
        return f"{with_unit(mean, part.task.units)} on average"
    same = other[known].argmax(axis=1) == right[known].argmax(axis=1)
    return f"the class stays for {100 * same.mean():.0f} %"
