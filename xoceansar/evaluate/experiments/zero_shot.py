"""Do frozen features know anything? Nearest neighbours, against chance and a random network."""

from pathlib import Path
from typing import Final

import xarray as xr

from xoceansar.evaluate.benchmark_result import BenchmarkResult
from xoceansar.evaluate.diagnosis import Sign, collapsed_embedding, near_random
from xoceansar.evaluate.experiments.common import (
    about,
    compare,
    first_notes,
    open_store,
    output_signs,
    with_unit,
)
from xoceansar.evaluate.experiments.computed_rows import (
    Given,
    Learner,
    Nearest,
    Precomputed,
    Shuffled,
    embedded,
    known_tasks,
    numbered,
    out_of_pass,
)
from xoceansar.evaluate.experiments.experiment_result import (
    ExperimentResult,
    paired_gain,
    summary,
)
from xoceansar.evaluate.features import RandomTwin
from xoceansar.evaluate.simple_features import HandFeatures
from xoceansar.ops.embedding import Model, as_handle

QUESTION: Final = (
    "Without any training on them, do the embeddings of vignettes with the same class, wave height "
    "or wind lie together?"
)
SHUFFLED: Final = "shuffled labels"
RANDOM: Final = "the same network at random"
HAND: Final = "hand features"
_COORDINATES: Final = ("beam", "pixel_spacing")


def zero_shot(
    ds: xr.Dataset,
    model: Model = None,
    *,
    limit: int | None = None,
    draws: int = 500,
    seed: int = 0,
    cache: str | Path | None = None,
) -> ExperimentResult:
    """Check by nearest neighbours that a backbone has learned something.

    Notes
    -----
    Twenty neighbours (a tenth of the vignettes where there are fewer than 200) of other passes
    vote, by the cosine of features scaled to unit spread. The level of sigma0 and the incidence
    are not among the features: what is judged is the network alone.
    """
    some, handle, store = numbered(ds, limit), as_handle(model), open_store(cache)
    tasks = known_tasks(some)
    whole = embedded(some, handle, store)
    embedding = whole[:, :-1]
    twin = RandomTwin(handle, seed).matrix(some, store)[:, :-1]
    own = Nearest(Precomputed(handle.name, embedding))
    learners: dict[str, Learner] = {
        handle.name: own,
        SHUFFLED: Shuffled(own, seed),
        RANDOM: Nearest(Precomputed(RANDOM, twin)),
    }
    if all(name in some.coords for name in _COORDINATES):
        hand = HandFeatures().matrix(some, store)
        learners[HAND] = Nearest(Precomputed(HAND, hand))
    parts = compare(
        some,
        tasks,
        [
            Given(
                name,
                {
                    t.name: out_of_pass(learner, some, t, store, seed=seed)
                    for t in tasks
                },
                handle if name == handle.name else None,
            )
            for name, learner in learners.items()
        ],
        draws=draws,
        seed=seed,
    )
    signs = [collapsed_embedding(embedding, model=handle.name)]
    answer = []
    for part in parts.values():
        sign, sentence = _judge(part, handle.name, draws, seed)
        signs.append(sign)
        answer.append(sentence)
    signs += output_signs(parts, [handle.name], "embedding")
    notes = first_notes(some, handle)
    if HAND not in learners:
        notes.append(f"No hand features: they need the coordinates {_COORDINATES}.")
    return ExperimentResult(
        name="zero-shot",
        question=QUESTION,
        table=summary(parts),
        answer=tuple(answer),
        signs=tuple(signs),
        notes=tuple(notes),
        metadata=about(some, handle, seed, draws=draws),
        parts=parts,
    )


def _judge(
    part: BenchmarkResult, model: str, draws: int, seed: int
) -> tuple[Sign, str]:
    metric = part.task.metrics[0]
    gains = {
        control: paired_gain(part, model, control, draws=draws, seed=seed)
        for control in (SHUFFLED, RANDOM)
    }
    sign = near_random(
        gains,
        model=model,
        score=f"{metric.label} of {part.task.target}",
        units=metric.units,
    )
    words = ", ".join(
        f"{with_unit(gain.value, metric.units)} over {control}"
        for control, gain in gains.items()
    )
    better = "higher" if metric.better == "high" else "lower"
    return (
        sign,
        f"{part.task.name}: gain in {metric.label} ({better} is better) {words}.",
    )
