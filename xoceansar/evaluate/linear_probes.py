"""Simple heads on frozen features: what a backbone, or no network, knows of a target."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np

from xoceansar._typing import Array
from xoceansar.errors import OceansarError, TrainingError
from xoceansar.evaluate.benchmark_truth import class_names
from xoceansar.evaluate.competitors import Competitor, look_azimuth
from xoceansar.evaluate.feature_store import FeatureStore
from xoceansar.evaluate.features import Embeddings, Features
from xoceansar.evaluate.parts import Part
from xoceansar.evaluate.tasks import Task
from xoceansar.layout.images import centre_incidence, find_images
from xoceansar.models import Head, HeadSpec, ModelHandle
from xoceansar.models.heads.head import head_inputs
from xoceansar.train import fit_knn, fit_logistic, fit_ridge

#: The ancillary inputs of a probe.
_LEVEL: Final = ("sigma0_mean_db", "incidence")

#: Inverse penalties tried for a logistic probe, for few and for many inputs: some hundred numbers
#: need strong ones, and with weak ones take minutes.
_STRENGTHS: Final = (1e-2, 1e-1, 1.0, 10.0)
_STRONG: Final = (1e-3, 1e-2, 1e-1)
_MANY: Final = 200


@dataclass(frozen=True)
class Probe(Competitor):
    """A simple head fitted on frozen features, on the vignettes that are learned from."""

    features: Features
    #: Ridge or logistic regression, its penalty chosen by validation on passes; or the 20 nearest
    #: neighbours.
    kind: Literal["linear", "knn"] = "linear"

    @property
    def name(self) -> str:
        """Name in tables."""
        return f"{self.features.label}, {self.kind} probe"

    @property
    def bundle(self) -> ModelHandle | None:
        """The bundle whose weights are used; None for a network that is made here."""
        return self.features.model if isinstance(self.features, Embeddings) else None

    def predict(
        self, task: Task, train: Part | None, test: Part, store: FeatureStore
    ) -> Array:
        """Predict the target.

        Shapes: gives (vignette, ...).
        """
        if train is None:
            raise TrainingError(f"{self.name} needs vignettes to learn from.")
        columns = [_columns(self.features, part, store) for part in (train, test)]
        if task.kind == "classes":
            return self._apply(task, train.truth, train, *columns)
        if task.kind == "number":
            return self._apply(task, train.truth, train, *columns)[:, 0]
        if task.kind == "direction":
            return self._axis(task, train, test, *columns)
        raise OceansarError(
            f"a probe gives one value for each vignette; task {task.name!r} is of kind "
            f"{task.kind!r}. Compare models that are made for it."
        )

    def _axis(
        self, task: Task, train: Part, test: Part, known: "_Columns", new: "_Columns"
    ) -> Array:
        """Fit cosine and sine of twice the angle to the radar's look."""
        angle = 2 * np.radians(train.truth - look_azimuth(train))
        cosine, sine = (
            self._apply(task, wave(angle), train, known, new)[:, 0]
            for wave in (np.cos, np.sin)
        )
        turned = np.degrees(np.arctan2(sine, cosine)) / 2
        return np.asarray(np.mod(turned + look_azimuth(test), 360))

    def _apply(
        self,
        task: Task,
        targets: Array,
        train: Part,
        known: "_Columns",
        new: "_Columns",
    ) -> Array:
        classes = class_names(train.ds) if task.kind == "classes" else ()
        spec = HeadSpec(
            name=task.target,
            kind="knn" if self.kind == "knn" else "logistic" if classes else "linear",
            target=task.target,
            units=task.units,
            pooling="cls",
            backbone_sha256="",
            classes=classes,
            ancillary=known.ancillary,  # type: ignore[arg-type]
            lower_bound=0.0 if task.kind == "number" else None,
        )
        fit: Callable[..., Head] = fit_knn if self.kind == "knn" else fit_ridge
        more: dict[str, Any] = {}
        if spec.kind == "logistic":
            strengths = _STRONG if known.features.shape[1] > _MANY else _STRENGTHS
            fit, more = fit_logistic, {"strengths": strengths, "folds": 3}
        head = fit(
            known.features, targets, spec, groups=train.groups, **known.beside, **more
        )
        inputs = head_inputs(new.features, new.sigma0_mean, new.incidence, spec)
        return np.asarray(head(inputs), dtype=np.float64)


@dataclass(frozen=True)
class _Columns:
    features: Array
    sigma0_mean: Array | None
    incidence: Array | None

    @property
    def ancillary(self) -> tuple[str, ...]:
        given = (self.sigma0_mean, self.incidence)
        return tuple(a for a, v in zip(_LEVEL, given, strict=True) if v is not None)

    @property
    def beside(self) -> dict[str, Array | None]:
        return {"sigma0_mean": self.sigma0_mean, "incidence": self.incidence}


def _columns(features: Features, part: Part, store: FeatureStore) -> _Columns:
    matrix = features.matrix(part.base, store)[part.index]
    if not features.with_level:
        return _Columns(matrix, None, None)
    incidence = centre_incidence(find_images(part.ds)[0])
    return _Columns(
        matrix[:, :-1], matrix[:, -1], None if incidence is None else incidence.values
    )
