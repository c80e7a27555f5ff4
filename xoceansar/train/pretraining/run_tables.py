"""The tables of a pretraining config that say how it is trained: optimiser, curation, watching.

Their values are explained in the shipped configs, as those of `xoceansar.train.pretraining.model_tables`.
"""

import math
from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from xoceansar.models.spec import Precision
from xoceansar.train.pretraining.model_tables import (
    AtLeastOne,
    Count,
    Fraction,
    NotNegative,
    Positive,
    Table,
)

#: Batch at which learning rates are stated: that of DINOv2's `scaling_rule`.
_REFERENCE_BATCH: Final = 1024
#: Keys of `OptimisationConfig` that are parts of the schedule: they change with its length.
SCHEDULED: Final = (
    "warmup_steps",
    "temperature_warmup_steps",
    "freeze_last_layer_steps",
)


class OptimisationConfig(Table):
    """Length, batch, optimiser and schedules, all counted in optimiser steps.

    Parameters
    ----------
    steps : int
        Optimiser steps.
    batch : int
        Vignettes in each of them, over all processes and micro-batches.
    accumulate : int
        Micro-batches whose gradients are summed before a step; divides `batch`.
    learning_rate : float
        Peak of the learning rate, stated for a batch of 1024.
    scaling : {"sqrt", "none"}
        Whether it is multiplied by ``sqrt(batch / 1024)``.
    warmup_steps : int
        Steps over which the learning rate rises.
    final_learning_rate : float
        Where its cosine ends; never scaled.
    weight_decay, teacher_momentum : tuple of float
        First and last value, a cosine between them.
    teacher_temperature : tuple of float
        First and last value, a line between them.
    temperature_warmup_steps : int
        Steps from the first temperature to the last.
    clip : float
        Greatest norm of the gradient.
    freeze_last_layer_steps : int
        Steps during which the prototypes stay as they are.
    patch_embed_scale : float
        Factor of the learning rate of the patch embedding.
    layer_decay : float
        Factor of the learning rate from each block to the one below, in (0, 1].
    betas : tuple of float
        Of AdamW.
    precision : {"auto", "bf16", "fp32"}
        ``auto``: bf16 where the device computes it fast, else fp32.
    max_bad_steps : int
        Steps in a row that are skipped because a loss or gradient is not finite; one more stops
        the run.
    """

    steps: AtLeastOne
    batch: AtLeastOne
    accumulate: AtLeastOne = 1
    learning_rate: Positive
    scaling: Literal["sqrt", "none"] = "sqrt"
    warmup_steps: Count
    final_learning_rate: NotNegative = 1e-6
    weight_decay: tuple[NotNegative, NotNegative] = (0.04, 0.4)
    teacher_momentum: tuple[Fraction, Fraction] = (0.992, 1.0)
    teacher_temperature: tuple[Positive, Positive] = (0.04, 0.07)
    temperature_warmup_steps: Count
    clip: Positive = 3.0
    freeze_last_layer_steps: Count
    patch_embed_scale: NotNegative = 0.2
    layer_decay: Annotated[float, Field(gt=0, le=1)] = 1.0
    betas: tuple[Fraction, Fraction] = (0.9, 0.999)
    precision: Precision = "auto"
    max_bad_steps: Count = 10

    @property
    def peak_learning_rate(self) -> float:
        """Peak of the learning rate at the batch of this config."""
        if self.scaling == "none":
            return self.learning_rate
        return self.learning_rate * math.sqrt(self.batch / _REFERENCE_BATCH)

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.batch % self.accumulate:
            raise ValueError(
                f"optimisation.batch must be a multiple of optimisation.accumulate "
                f"{self.accumulate}; got {self.batch}."
            )
        for key in SCHEDULED:
            if getattr(self, key) >= self.steps:
                raise ValueError(
                    f"optimisation.{key} must be less than optimisation.steps {self.steps}; got "
                    f"{getattr(self, key)}."
                )
        if self.final_learning_rate > self.peak_learning_rate:
            raise ValueError(
                "optimisation.final_learning_rate must not exceed the peak learning rate, "
                f"{self.peak_learning_rate:.3g} at a batch of {self.batch}; got "
                f"{self.final_learning_rate:.3g}."
            )
        return self


class CurationConfig(Table):
    """How the vignettes to train on are chosen again as the network learns.

    Parameters
    ----------
    enabled : bool
        Whether they are.
    warmup_epochs : int
        T_w: epochs on all vignettes first.
    every_epochs : int
        T_s: epochs between two choices.
    fraction : float
        rho: how much is kept, in (0, 1].
    preference : float
        eta, in [-1, 1]: 1 prefers what is near the centroid of its cluster, -1 what is far.
    levels : tuple of int
        Clusters of each level of the tree, finest first.
    subsample : int, optional
        Vignettes that the clusters are fitted on; left out for all.
    size : int, optional
        Side of the centre crop that is embedded for it, in pixels; left out for ``input.size``.
    source : {"pool", "subset"}
        What is chosen from: all vignettes, or those chosen last time.
    """

    enabled: bool = False
    warmup_epochs: AtLeastOne = 1
    every_epochs: AtLeastOne = 1
    fraction: Annotated[float, Field(gt=0, le=1)] = 0.5
    preference: Annotated[float, Field(ge=-1, le=1)] = 0.0
    levels: Annotated[tuple[AtLeastOne, ...], Field(min_length=1)] = (100, 10)
    subsample: AtLeastOne | None = None
    size: AtLeastOne | None = None
    source: Literal["pool", "subset"] = "pool"

    @model_validator(mode="after")
    def _falling(self) -> Self:
        if any(a <= b for a, b in zip(self.levels, self.levels[1:], strict=False)):
            raise ValueError(
                "curation.levels must have fewer clusters at each level, finest first; got "
                f"{list(self.levels)}."
            )
        return self


class WatchConfig(Table):
    """What is written and shown while it trains, counted in optimiser steps.

    Parameters
    ----------
    log_every : int
        Steps between two lines of the log.
    checkpoint_every : int
        Steps between two checkpoints.
    keep : int
        Checkpoints that stay.
    probe_every : int
        Steps between two probes by nearest neighbours; 0 for none.
    neighbours : int
        Neighbours that vote in a probe.
    progress : bool
        Whether a bar is shown.
    """

    log_every: AtLeastOne = 10
    checkpoint_every: AtLeastOne = 200
    keep: AtLeastOne = 2
    probe_every: Count = 0
    neighbours: AtLeastOne = 20
    progress: bool = True
