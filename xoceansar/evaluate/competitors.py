"""What is compared in a benchmark: a model's own head, and no image at all."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Final

import numpy as np

from xoceansar._typing import Array
from xoceansar.conventions import OCEAN_CLASS
from xoceansar.errors import OceansarError, TrainingError
from xoceansar.evaluate.benchmark_truth import class_names
from xoceansar.evaluate.feature_store import FeatureStore
from xoceansar.evaluate.features import Embeddings, embedding_of
from xoceansar.evaluate.parts import Part
from xoceansar.evaluate.tasks import Task
from xoceansar.models import ModelHandle
from xoceansar.ops.head_inputs import HeadInputs, block_variables
from xoceansar.ops.head_values import value_of
from xoceansar.ops.retrieval import classify, wind

#: Azimuth of the radar's look from the ground heading: Sentinel-1 looks to the right.
_LOOK: Final = 90.0


class Competitor(ABC):
    """Whatever can predict a task's target for vignettes.

    Examples
    --------
    >>> import numpy as np
    >>> class Calm(Competitor):
    ...     needs_training = False
    ...     name = "calm"
    ...
    ...     def predict(self, task, train, test, store):
    ...         return np.zeros(len(test))
    >>> import xoceansar as xos
    >>> sea = xos.simulate.vignettes(12, seed=1, shape=(64, 64))
    >>> result = xos.evaluate.benchmark(sea, "swh", models=[Calm()])
    >>> bias = result.select(metric="bias", stratum="all").value.item()
    >>> round(bias + float(sea.swh.mean()), 6)
    0.0
    """

    #: Whether it is fitted on the vignettes that are learned from.
    needs_training: bool = True

    @property
    @abstractmethod
    def name(self) -> str:
        """Name in tables, unique in a benchmark."""

    @property
    def bundle(self) -> ModelHandle | None:
        """The bundle whose weights it uses, if any."""
        return None

    @abstractmethod
    def predict(
        self, task: Task, train: Part | None, test: Part, store: FeatureStore
    ) -> Array:
        """Predict the target.

        Parameters
        ----------
        task : Task
            What is predicted.
        train : Part or None
            Vignettes to learn from; None where nothing needs training.
        test : Part
            Vignettes to predict; their truth is not to be looked at.
        store : FeatureStore
            Where features are kept between competitors.

        Returns
        -------
        ndarray (vignette, ...)
            As the task's kind says; NaN for a vignette that cannot be predicted.

        Examples
        --------
        >>> import xoceansar as xos
        >>> swh = xos.evaluate.TASKS["swh"]
        >>> (own,) = xos.evaluate.find_models(["own"], swh)
        >>> own.predict(swh, None, part, FeatureStore())  # doctest: +SKIP
        """


@dataclass(frozen=True)
class OwnHead(Competitor):
    """A model with the head that it came with."""

    model: ModelHandle
    needs_training = False

    @property
    def name(self) -> str:
        """Name in tables."""
        return f"{self.model.name}, own head"

    @property
    def bundle(self) -> ModelHandle:
        """The model."""
        return self.model

    def predict(
        self, task: Task, train: Part | None, test: Part, store: FeatureStore
    ) -> Array:
        """Predict the target.

        Shapes: gives (vignette, ...).
        """
        del train
        matrix = Embeddings(self.model).matrix(test.base, store)[test.index]
        vector = embedding_of(test.ds, matrix, self.model)
        given = vector.to_dataset(name="embedding_vector").assign(
            block_variables(test.ds, self.model, self.model.heads).data_vars
        )
        if task.kind == "classes":
            probability = classify(given, model=self.model)["class_probability"]
            return _in_order(probability.values, self.model, class_names(test.ds))
        if task.target in ("swh", "wind_speed"):
            head = self.model.head(task.target)
            inputs = HeadInputs.of(given, self.model, [head])
            return np.asarray(value_of(inputs, self.model, task.target).values)
        result = wind(given, model=self.model)
        ends = f"{task.target}_ambiguities"
        if task.kind == "direction" and ends in result:
            return np.asarray(result[ends].isel(ambiguity=0).values)
        if task.target not in result:
            self.model.head(task.target)  # says what it has
            raise OceansarError(
                f"own heads are applied by swh, wind and classify; {task.target!r} is none of "
                "theirs. Use linear:MODEL."
            )
        return np.asarray(result[task.target].values)


def _in_order(probability: Array, model: ModelHandle, names: tuple[str, ...]) -> Array:
    """Put the classes of a head in the order of the truth's; zero for those it does not know."""
    own = model.head(OCEAN_CLASS).classes
    out = np.zeros((len(probability), len(names)), dtype=np.float64)
    for column, name in enumerate(names):
        if name in own:
            out[:, column] = probability[:, own.index(name)]
    out[np.isnan(probability).any(axis=1)] = np.nan
    return out


@dataclass(frozen=True)
class NoImage(Competitor):
    """The mean of the truth that is learned from, or the frequencies of its classes."""

    @property
    def name(self) -> str:
        """Name in tables."""
        return "no image"

    def predict(
        self, task: Task, train: Part | None, test: Part, store: FeatureStore
    ) -> Array:
        """Predict the target.

        Shapes: gives (vignette, ...).
        """
        del store
        if train is None:
            raise TrainingError(f"{self.name} needs vignettes to learn from.")
        if task.kind == "classes":
            n = len(class_names(train.ds))
            counts = np.bincount(train.truth.astype(np.int64), minlength=n)
            return np.tile(counts / counts.sum(), (len(test), 1))
        if task.kind == "direction":
            mean = np.exp(2j * np.radians(train.truth - look_azimuth(train))).mean()
            axis = np.degrees(np.angle(mean)) / 2
            return np.asarray(np.mod(axis + look_azimuth(test), 360))
        if task.kind == "number":
            return np.full(len(test), train.truth.mean())
        raise OceansarError(
            f"task {task.name!r} of kind {task.kind!r} has no constant prediction. Leave "
            "'constant' out of models=."
        )


def look_azimuth(part: Part) -> Array:
    """Find where the radar looks, from which directions are predicted.

    Shapes: gives (vignette,). Degrees clockwise from north; zero where the heading is not
    known.
    """
    if "ground_heading" not in part.ds.coords:
        return np.zeros(len(part))
    return np.asarray(part.ds.coords["ground_heading"].values) + _LOOK
