"""The same seas seen by another mode or mission, through heads that were fitted on the wave mode."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import xarray as xr

from xoceansar.conventions import VIGNETTE
from xoceansar.errors import OceansarError
from xoceansar.evaluate.benchmark_result import BenchmarkResult
from xoceansar.evaluate.experiments.common import (
    about,
    compare,
    first_notes,
    open_store,
    output_signs,
    own_tasks,
)
from xoceansar.evaluate.experiments.computed_rows import (
    Given,
    known_tasks,
    numbered,
    own_outputs,
)
from xoceansar.evaluate.experiments.experiment_result import (
    ExperimentResult,
    paired_gain,
    summary,
)
from xoceansar.ops.embedding import Model
from xoceansar.simulate.sea.sensors import SENSORS, Sensor, find_sensor

QUESTION: Final = (
    "Do heads that were fitted on the wave mode work on the same seas through another radar: "
    "another incidence, resolution and noise?"
)
HOME: Final = "wave mode"


def sensor(
    ds: xr.Dataset | None = None,
    model: Model = None,
    *,
    sensors: Sequence[str | Sensor] | None = None,
    limit: int | None = None,
    draws: int = 500,
    seed: int = 0,
    cache: str | Path | None = None,
) -> ExperimentResult:
    """Score a model on scenes simulated for other radars, beside the wave mode of the same scenes.

    Notes
    -----
    The images are given without their beam, as if they were the wave mode: a model flags other modes
    as out of its domain, and other incidences too. Scalloping, seams between sub-swaths and a calibration of its
    own are not simulated: on real images of that radar expect more.
    """
    if ds is not None:
        raise OceansarError(
            "this experiment simulates its own scenes, the same for every radar. Leave the data "
            "out; limit= says how many, seed= which."
        )
    from xoceansar.simulate import vignettes  # compiles kernels

    radars = [find_sensor(s) for s in (SENSORS if sensors is None else sensors)]
    names = [radar.name for radar in radars]
    if len(set(names)) < len(names) or not names or HOME in names:
        raise OceansarError(f"sensors need different names; got {names}.")
    store = open_store(cache)
    home = numbered(vignettes(100 if limit is None else limit, seed), None)
    handle, tasks = own_tasks(model, known_tasks(home))
    given = [Given(HOME, own_outputs(home, handle, tasks, store), handle)]
    for radar in radars:
        seen = vignettes(home.sizes[VIGNETTE], seed, sensor=radar).drop_vars("beam")
        outputs = own_outputs(seen, handle, tasks, store)
        given.append(Given(radar.name, outputs, handle))
    parts = compare(home, tasks, given, draws=draws, seed=seed)
    notes = first_notes(home, handle)
    notes.append(
        "The model flags modes and incidences that it was not trained on; what it makes of them is "
        "scored here as it is."
    )
    notes += [f"{radar.name}: {_describe(radar)}" for radar in radars]
    return ExperimentResult(
        name="sensor",
        question=QUESTION,
        table=summary(parts),
        answer=tuple(_moves(parts.values(), names, draws, seed)),
        signs=tuple(output_signs(parts, [HOME, *names], "output")),
        notes=tuple(notes),
        metadata=about(home, handle, seed, draws=draws, sensors=names),
        parts=parts,
    )


def _describe(radar: Sensor) -> str:
    return (
        f"incidence {radar.incidence:g} degrees, NESZ {radar.nesz_db:g} dB, resolution "
        f"{radar.resolution:g} m, {radar.looks:g} looks. {radar.origin}."
    )


def _moves(
    parts: Iterable[BenchmarkResult], names: list[str], draws: int, seed: int
) -> Iterator[str]:
    """Say how each score moves, and what of it is a mere shift."""
    for part in parts:
        metric = part.task.metrics[0]
        units = "" if metric.units == "1" else f" {metric.units}"
        for name in names:
            gain = paired_gain(part, name, HOME, draws=draws, seed=seed)
            sign = 1 if metric.better == "high" else -1
            low, high = sorted((sign * gain.lower, sign * gain.upper))
            text = (
                f"{part.task.name}, {name}: {metric.label} {sign * gain.value:+.2g}{units} "
                f"[{low:+.2g}, {high:+.2g}] against the {HOME}, "
                f"{'better' if gain.value > 0 else 'worse'}"
            )
            if part.task.kind == "number":
                shift = np.nanmean(part.predictions[name] - part.predictions[HOME])
                text += f"; its values are {shift:+.2g}{units} apart on average"
            yield f"{text}."
