"""Features and predictions that were computed once for all vignettes, taken row by row."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final, Protocol

import numpy as np
import xarray as xr

from xoceansar._typing import Array
from xoceansar.conventions import VIGNETTE
from xoceansar.errors import DomainError, OceansarError, TrainingError, UnitsError
from xoceansar.evaluate.benchmark_truth import class_names
from xoceansar.evaluate.competitors import Competitor, OwnHead
from xoceansar.evaluate.feature_store import FeatureStore
from xoceansar.evaluate.features import Embeddings, Features
from xoceansar.evaluate.parts import Part, with_truth
from xoceansar.evaluate.tasks import TASKS, Task, find_task
from xoceansar.models import HeadSpec, ModelHandle
from xoceansar.models.heads.head import head_inputs
from xoceansar.splits.orbit_passes import orbit_pass
from xoceansar.train import fit_knn
from xoceansar.train.heads.samples import group_folds

#: Tasks of the experiments: those that the paper scores on whole vignettes.
TASK_NAMES: Final = ("classification", "swh", "wind_speed")
_ROW: Final = "row_number"
_FOLDS: Final = 5


def numbered(ds: xr.Dataset, limit: int | None) -> xr.Dataset:
    """Take the first vignettes, and number them."""
    if limit is not None and limit < 1:
        raise OceansarError(f"limit must be 1 vignette or more; got {limit}.")
    some = ds.isel({VIGNETTE: slice(limit)})
    return some.assign_coords({_ROW: (VIGNETTE, np.arange(some.sizes[VIGNETTE]))})


def known_tasks(ds: xr.Dataset) -> list[Task]:
    """Find the tasks of which the Dataset has the truth."""
    tasks = [find_task(name) for name in TASK_NAMES]
    tasks = [task for task in tasks if task.target in ds]
    if not tasks:
        targets = [TASKS[name].target for name in TASK_NAMES]
        raise OceansarError(
            f"the truth of one of {targets} is needed along vignette; found the variables "
            f"{sorted(map(str, ds.data_vars))}."
        )
    return [
        replace(task, strata=tuple(s for s in task.strata if s.name == "beam"))
        for task in tasks
    ]


@dataclass(frozen=True, eq=False)
class Precomputed(Features):
    """Features of numbered vignettes."""

    #: In tables.
    name: str
    #: (vignette, F): Of all of them; the last column is ``sigma0_mean`` where `with_level`.
    values: Array
    #: Whether the mean level and the incidence are given to a probe beside them.
    with_level: bool = False

    @property
    def label(self) -> str:
        """Name in tables."""
        return self.name

    def matrix(self, ds: xr.Dataset, store: FeatureStore) -> Array:
        """Take the rows of some vignettes.

        Shapes: gives (vignette, F).
        """
        del store
        return np.asarray(self.values[ds.coords[_ROW].values])


@dataclass(frozen=True, eq=False)
class Given(Competitor):
    """Predictions that are there already, as a competitor of a benchmark."""

    #: In tables.
    label: str
    #: Of all numbered vignettes, by the name of the task.
    outputs: Mapping[str, Array]
    model: ModelHandle | None = None
    needs_training = False

    @property
    def name(self) -> str:
        """Name in tables."""
        return self.label

    @property
    def bundle(self) -> ModelHandle | None:
        """The model."""
        return self.model

    def predict(
        self, task: Task, train: Part | None, test: Part, store: FeatureStore
    ) -> Array:
        """Take the rows.

        Shapes: gives (vignette, ...).
        """
        del train, store
        return np.asarray(self.outputs[task.name][test.ds.coords[_ROW].values])


class Learner(Protocol):
    """Whatever learns from some vignettes and predicts others."""

    def predict(
        self, task: Task, train: Part | None, test: Part, store: FeatureStore
    ) -> Array:
        """Predict the target, as `xoceansar.evaluate.Competitor.predict`."""


@dataclass(frozen=True, eq=False)
class Nearest:
    """The nearest neighbours among frozen features, each column scaled to unit spread."""

    #: Without the level, so that nothing but the features is judged.
    features: Features

    def predict(
        self, task: Task, train: Part | None, test: Part, store: FeatureStore
    ) -> Array:
        """Predict the target, as `Competitor.predict`.

        Twenty neighbours vote, or a tenth of those there are.
        """
        if train is None:
            raise TrainingError("nearest neighbours need vignettes to learn from.")
        learned, new = (self.features.matrix(p.ds, store) for p in (train, test))
        classes = class_names(train.ds) if task.kind == "classes" else ()
        spec = HeadSpec(
            name=task.target,
            kind="knn",
            target=task.target,
            units=task.units,
            pooling="cls",
            backbone_sha256="",
            classes=classes,
        )
        votes = max(1, min(20, len(train) // 10))
        head = fit_knn(
            learned, train.truth, spec, groups=train.groups, n_neighbors=votes
        )
        out = np.asarray(head(head_inputs(new, None, None, spec)), dtype=np.float64)
        return out if classes else out[:, 0]


@dataclass(frozen=True, eq=False)
class Shuffled:
    """A learner that is taught wrong: each vignette has the truth of another one."""

    learner: Learner
    #: Of the shuffle.
    seed: int = 0

    def predict(
        self, task: Task, train: Part | None, test: Part, store: FeatureStore
    ) -> Array:
        """Predict the target, as `Competitor.predict`."""
        if train is not None:
            rng = np.random.default_rng(self.seed)
            train = replace(train, truth=rng.permutation(train.truth))
        return self.learner.predict(task, train, test, store)


def out_of_pass(
    learner: Learner, ds: xr.Dataset, task: Task, store: FeatureStore, *, seed: int
) -> Array:
    """Predict each vignette by what was learned from other passes.

    Shapes: gives (vignette, ...). Of all numbered vignettes; NaN for those without a truth.
    """
    part = with_truth(ds, task)
    passes = len(np.unique(part.groups))
    if passes < 3:
        raise TrainingError(
            f"vignettes are predicted from other orbit passes, of which three or more are "
            f"needed; {task.target} is known on {passes}. Give more passes."
        )
    rows = part.ds.coords[_ROW].values
    out: Array | None = None
    for learned, new in group_folds(part.groups, _FOLDS, seed):
        predicted = learner.predict(task, part.rows(learned), part.rows(new), store)
        if out is None:
            out = np.full((ds.sizes[VIGNETTE], *predicted.shape[1:]), np.nan)
        out[rows[new]] = predicted
    assert out is not None
    return out


def own_outputs(
    ds: xr.Dataset, model: ModelHandle, tasks: list[Task], store: FeatureStore
) -> dict[str, Array]:
    """Apply the heads of a model to all vignettes.

    Shapes: gives (vignette, ...). By the name of the task. NaN where the model refuses the
    images.
    """
    n = ds.sizes[VIGNETTE]
    whole = Part(ds, np.arange(n), np.zeros(n), orbit_pass(ds))
    heads = {head.target: head for head in model.heads}
    outputs = {}
    for task in tasks:
        if task.target not in heads:
            continue
        try:
            outputs[task.name] = OwnHead(model).predict(task, None, whole, store)
        except (UnitsError, DomainError):
            width = (len(class_names(ds)),) if task.kind == "classes" else ()
            outputs[task.name] = np.full((n, *width), np.nan)
    return outputs


def embedded(ds: xr.Dataset, model: ModelHandle, store: FeatureStore) -> Array:
    """Embed all vignettes, the level in the last column; NaN where the model refuses them.

    Shapes: gives (vignette, embedding_dim + 1).
    """
    try:
        return Embeddings(model).matrix(ds, store)
    except (UnitsError, DomainError):
        return np.full((ds.sizes[VIGNETTE], model.embedding_dim + 1), np.nan)
