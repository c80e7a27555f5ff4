"""Fine-tune, and see the result as inference will: through a bundle that is written and read."""

from dataclasses import replace
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Literal

import numpy as np

from xoceansar._optional import require
from xoceansar._typing import Array
from xoceansar.conventions import EMBEDDING, VIGNETTE
from xoceansar.errors import warn
from xoceansar.layout.images import XarrayObject
from xoceansar.models.bundle.library import write_bundle
from xoceansar.models.heads.head import Head
from xoceansar.models.spec import ModelHandle
from xoceansar.ops.embedding import embed
from xoceansar.train.heads.kinds import Settings
from xoceansar.train.heads.rows import Rows

if TYPE_CHECKING:
    from xoceansar.train.finetuning.joint_training import FineTuned


def tune(
    learned: tuple[XarrayObject, Rows],
    held_out: tuple[XarrayObject, Rows],
    head: Head,
    handle: ModelHandle,
    mode: Literal["full", "lora"],
    rates: tuple[float, ...],
    settings: Settings,
) -> tuple[Head, dict[str, Array] | None, Rows]:
    """Fine-tune the backbone under a head, unless it does not help.

    Shapes: learned, held_out (Dataset, Rows).
    """
    require("torch", extra="models")
    require("pydantic", extra="train")
    from xoceansar.train.finetuning import joint_training

    tuning = joint_training.Tuning(
        mode=mode,
        learning_rates=rates or joint_training.FINETUNE_RATES[mode],
        class_weight=settings.class_weight,
        seed=settings.seed,
    )
    tuned = joint_training.fine_tune(learned, held_out, head, handle, tuning)
    if tuned.epoch == 0:
        warn(
            f"finetune={mode!r} at {list(tuning.learning_rates)} made the validation no better: the "
            "backbone stays as it was. Try other learning_rates, or more vignettes."
        )
        return head, None, held_out[1]
    found = Head(
        replace(tuned.head.spec, metrics={**tuned.head.spec.metrics, "finetune": mode}),
        tuned.head.arrays,
    )
    return found, tuned.state, _embedded_again(held_out, tuned, handle)


def _embedded_again(
    held_out: tuple[XarrayObject, Rows], tuned: "FineTuned", handle: ModelHandle
) -> Rows:
    ds, rows = held_out
    with TemporaryDirectory() as folder:
        written = write_bundle(
            folder,
            name=handle.name,
            backbone=replace(handle.backbone, sha256=""),
            backbone_state=tuned.state,
            input=handle.input,
        )
        model = replace(written, device=handle.device, precision=handle.precision)
        vectors = embed(ds.isel({VIGNETTE: rows.position}), model=model)
        features = vectors.transpose(VIGNETTE, EMBEDDING).values
    beside = rows.features[:, handle.embedding_dim :]
    both = np.concatenate([features, beside], axis=1, dtype=np.float32)
    return replace(rows, features=both)
