"""The kinds of heads on the embedding, each fitted from rows to learn from and rows to stop by."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from xoceansar.errors import TrainingError
from xoceansar.models.heads.head import Head
from xoceansar.models.spec import HeadSpec
from xoceansar.train.heads.linear_heads import fit_knn, fit_logistic, fit_ridge
from xoceansar.train.heads.perceptron import fit_mlp
from xoceansar.train.heads.rows import Rows
from xoceansar.train.heads.samples import ClassWeights

__all__ = ["KINDS", "Settings"]

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What decides a fit, beside the rows.

    Parameters
    ----------
    class_weight : "balanced", mapping of str to float, or None
        Weight of a row of each class.
    learning_rates : tuple of float
        Tried where the head is trained by gradients.
    seed : int
        Of everything random.
    """

    class_weight: ClassWeights
    learning_rates: tuple[float, ...]
    seed: int


def _linear(learned: Rows, held_out: Rows, spec: HeadSpec, settings: Settings) -> Head:
    del held_out
    return fit_ridge(
        learned.features,
        learned.truth.values,
        spec,
        sigma0_mean=learned.sigma0_mean,
        incidence=learned.incidence,
        groups=learned.groups,
        seed=settings.seed,
    )


def _logistic(
    learned: Rows, held_out: Rows, spec: HeadSpec, settings: Settings
) -> Head:
    del held_out
    return fit_logistic(
        learned.features,
        learned.truth.values,
        spec,
        sigma0_mean=learned.sigma0_mean,
        incidence=learned.incidence,
        groups=learned.groups,
        class_weight=settings.class_weight,
        seed=settings.seed,
    )


def _knn(learned: Rows, held_out: Rows, spec: HeadSpec, settings: Settings) -> Head:
    del held_out
    if settings.class_weight is not None:
        raise TrainingError(
            "a knn head has no class weights: its neighbours vote as they are. Use 'logistic' or "
            "'mlp'."
        )
    return fit_knn(
        learned.features,
        learned.truth.values,
        spec,
        sigma0_mean=learned.sigma0_mean,
        incidence=learned.incidence,
        groups=learned.groups,
    )


def _mlp(learned: Rows, held_out: Rows, spec: HeadSpec, settings: Settings) -> Head:
    def both(name: str) -> Array:
        return np.concatenate([getattr(learned, name), getattr(held_out, name)])

    return fit_mlp(
        both("features"),
        np.concatenate([learned.truth.values, held_out.truth.values]),
        spec,
        sigma0_mean=both("sigma0_mean"),
        incidence=both("incidence"),
        held_out=np.arange(len(learned) + len(held_out)) >= len(learned),
        class_weight=settings.class_weight,
        learning_rates=settings.learning_rates,
        seed=settings.seed,
    )


#: How each kind of head on the embedding is fitted.
KINDS: Final[Mapping[str, Callable[[Rows, Rows, HeadSpec, Settings], Head]]] = {
    "linear": _linear,
    "logistic": _logistic,
    "knn": _knn,
    "mlp": _mlp,
}
