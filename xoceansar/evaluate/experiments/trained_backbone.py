"""A head on the frozen backbone against a backbone that is trained along."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final, Literal

import xarray as xr

from xoceansar.errors import OceansarError
from xoceansar.evaluate.experiments.common import (
    about,
    compare,
    first_notes,
    open_store,
    output_signs,
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
from xoceansar.evaluate.parts import divide, with_truth
from xoceansar.evaluate.tasks import Task
from xoceansar.ops.embedding import Model, as_handle
from xoceansar.train import fit

QUESTION: Final = "Is it worth training the backbone along with the head, on the vignettes that are there?"
FROZEN: Final = "frozen"
#: What is written down of a fine-tuning.
_KEPT: Final = ("epoch", "learning_rate")
Mode = Literal["lora", "full"]


def finetune(
    ds: xr.Dataset,
    model: Model = None,
    *,
    task: str = "swh",
    modes: Sequence[Mode] = ("lora", "full"),
    limit: int | None = None,
    draws: int = 500,
    seed: int = 0,
    cache: str | Path | None = None,
) -> ExperimentResult:
    """Compare a head on the frozen backbone with fine-tuned ones, on passes none of them has seen.

    Notes
    -----
    `xoceansar.train.fit` with a linear (logistic) head and its default rates. Rate and stopping
    are chosen on validation passes among those that are learned from.
    """
    if not set(modes) <= {"lora", "full"} or not modes:
        raise OceansarError(
            f"modes must be among 'lora' and 'full'; got {list(modes)}."
        )
    some, handle, store = numbered(ds, limit), as_handle(model), open_store(cache)
    chosen = _find(known_tasks(some), task)
    learned, scored = divide(
        with_truth(some, chosen), chosen, "orbit_pass", test=0.3, seed=seed
    )
    head: Literal["logistic", "linear"] = (
        "logistic" if chosen.kind == "classes" else "linear"
    )
    test = numbered(scored.ds, None)
    given, epochs = [], {}
    for name, mode in ((FROZEN, None), *((m, m) for m in modes)):
        result = fit(
            learned.ds, chosen.target, head=head, model=handle, finetune=mode, seed=seed
        )
        bundle = result.write(store.folder / f"experiment-{name}", keep_heads=False)
        outputs = own_outputs(test, bundle, [chosen], store)
        given.append(Given(name, outputs, bundle))
        if mode is not None:
            found = result.head.spec.metrics
            epochs[name] = {key: found.get(key) for key in _KEPT}
    parts = compare(test, [chosen], given, draws=draws, seed=seed)
    part, metric = parts[chosen.name], chosen.metrics[0]
    units = "" if metric.units == "1" else f" {metric.units}"
    answer = []
    for name in modes:
        gain = paired_gain(part, name, FROZEN, draws=draws, seed=seed)
        sure = gain.lower > 0 or gain.upper < 0
        answer.append(
            f"{chosen.name}, {name}: {metric.label} "
            f"{'better' if gain.value > 0 else 'not better'} than frozen by "
            f"{gain.value:+.2g}{units} [{gain.lower:+.2g}, {gain.upper:+.2g}]"
            f"{'' if sure else ', which may be chance'}."
        )
    notes = first_notes(some, handle)
    notes.append(f"Learned from {len(learned)} vignettes, scored on {len(scored)}.")
    return ExperimentResult(
        name="finetune",
        question=QUESTION,
        table=summary(parts),
        answer=tuple(answer),
        signs=tuple(output_signs(parts, [FROZEN, *modes], "output")),
        notes=tuple(notes),
        metadata=about(some, handle, seed, draws=draws, task=task, tuning=epochs),
        parts=parts,
    )


def _find(tasks: list[Task], name: str) -> Task:
    found = [task for task in tasks if task.name == name]
    if not found:
        raise OceansarError(
            f"task must be one whose truth is known, {[t.name for t in tasks]}; got {name!r}."
        )
    return found[0]
