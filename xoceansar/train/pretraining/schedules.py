"""What changes from step to step: learning rate, weight decay, momentum and temperature.

Pure functions of the number of optimiser steps done. A step that accumulates gradients over
several micro-batches counts once, and a resumed training needs nothing but its step.
"""

import math
from dataclasses import dataclass, fields

from xoceansar.train.pretraining.run_tables import OptimisationConfig


@dataclass(frozen=True, slots=True)
class Schedule:
    """A linear warm-up, then half a cosine.

    Notes
    -----
    With s the step, w the warm-up and n the total: ``start + (peak - start) s / w`` where
    ``s < w``, then ``peak + (end - peak) (1 - cos(pi (s - w) / (n - w))) / 2``.

    Examples
    --------
    >>> schedule = Schedule(start=0.0, peak=1.0, end=0.0, warmup=2, total=6)
    >>> [round(schedule.value(step), 3) for step in range(7)]
    [0.0, 0.5, 1.0, 0.854, 0.5, 0.146, 0.0]
    """

    #: Value of the first step, where there is a warm-up.
    start: float
    #: Value of step `warmup`.
    peak: float
    #: Value from step `total` on.
    end: float
    #: Steps of the linear part; 0 for none.
    warmup: int
    #: Steps altogether, 1 or more.
    total: int

    def value(self, step: int) -> float:
        """Evaluate the schedule."""
        if step >= self.total:
            return self.end
        if step < self.warmup:
            return self.start + (self.peak - self.start) * step / self.warmup
        done = (step - self.warmup) / (self.total - self.warmup)
        return self.peak + (self.end - self.peak) * (1 - math.cos(math.pi * done)) / 2


@dataclass(frozen=True, slots=True)
class Schedules:
    """Every schedule of a training."""

    #: One for each setting.
    learning_rate: Schedule
    weight_decay: Schedule
    teacher_momentum: Schedule
    teacher_temperature: Schedule

    @classmethod
    def of(cls, optimisation: OptimisationConfig) -> "Schedules":
        """Take the schedules from a config.

        Notes
        -----
        The learning rate of step s in a warm-up of w steps is ``peak (s + 1) / (w + 1)``, so that
        the first step trains. Weight decay and momentum are cosines without a warm-up; the
        temperature stays at its second value after its warm-up, as in DINOv2.
        """
        total = optimisation.steps
        peak, warmup = optimisation.peak_learning_rate, optimisation.warmup_steps
        first, last = optimisation.teacher_temperature
        decay, momentum = optimisation.weight_decay, optimisation.teacher_momentum
        return cls(
            learning_rate=Schedule(
                peak / (warmup + 1),
                peak,
                optimisation.final_learning_rate,
                warmup,
                total,
            ),
            weight_decay=Schedule(decay[0], decay[0], decay[1], 0, total),
            teacher_momentum=Schedule(momentum[0], momentum[0], momentum[1], 0, total),
            teacher_temperature=Schedule(
                first, last, last, optimisation.temperature_warmup_steps, total
            ),
        )

    def at(self, step: int) -> dict[str, float]:
        """Evaluate all schedules."""
        return {
            field.name: getattr(self, field.name).value(step) for field in fields(self)
        }
