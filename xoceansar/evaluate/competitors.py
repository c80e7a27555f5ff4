"""What is compared in a benchmark: own heads, probes on frozen features, and no image at all."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final, Literal, Protocol

import numpy as np
import numpy.typing as npt

from xoceansar.conventions import OCEAN_CLASS
from xoceansar.errors import BundleError, OceansarError, TrainingError
from xoceansar.evaluate.features import (
    Embeddings,
    Features,
    RandomTwin,
    TimmNetwork,
    embedding_of,
)
from xoceansar.evaluate.iceberg_task import IcebergSearch
from xoceansar.evaluate.parts import Part
from xoceansar.evaluate.simple_features import HandFeatures, Level
from xoceansar.evaluate.store import FeatureStore
from xoceansar.evaluate.tasks import Task
from xoceansar.evaluate.truth import class_names
from xoceansar.models import Head, HeadSpec, ModelHandle, load_model
from xoceansar.models.heads import head_inputs
from xoceansar.ops.heads import value_of
from xoceansar.ops.layout import centre_incidence, find_images
from xoceansar.ops.retrieve import classify, wind
from xoceansar.train import fit_knn, fit_logistic, fit_ridge

__all__ = ["Competitor", "NoImage", "OwnHead", "Probe", "Search", "find_models"]

Array = npt.NDArray[Any]

#: Inverse penalties tried for a logistic probe, for few and for many inputs: some hundred numbers
#: need strong ones, and with weak ones take minutes.
_STRENGTHS: Final = (1e-2, 1e-1, 1.0, 10.0)
_STRONG: Final = (1e-3, 1e-2, 1e-1)
_MANY: Final = 200
#: Azimuth of the radar's look from the ground heading: Sentinel-1 looks to the right.
_LOOK: Final = 90.0
#: The ancillary inputs of a probe.
_LEVEL: Final = ("sigma0_mean_db", "incidence")

_NO_NETWORK: Final = ("hand", "level", "constant")

FORMS: Final = (
    "MODEL (its own head, or a linear probe where it has none)",
    "own:MODEL, linear:MODEL, knn:MODEL, random:MODEL (the network at random)",
    "timm:NAME or timm:NAME@SIZE (pretrained on photographs, linear probe)",
    "hand, level, constant (no network; no texture; no image)",
    "detector or detector:MODEL, cfar (of icebergs)",
)


class Competitor(Protocol):
    """Whatever can predict a task's target for vignettes."""

    @property
    def name(self) -> str:
        """Name in tables, unique in a benchmark."""

    @property
    def needs_training(self) -> bool:
        """Whether it is fitted on the vignettes that are learned from."""

    @property
    def model(self) -> ModelHandle | None:
        """The bundle whose weights it uses, if any."""

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
        """


@dataclass(frozen=True)
class OwnHead:
    """A model with the head that it came with.

    Parameters
    ----------
    model : ModelHandle
        The model.
    """

    model: ModelHandle
    needs_training: bool = False

    @property
    def name(self) -> str:
        """Name in tables."""
        return f"{self.model.name}, own head"

    def predict(
        self, task: Task, train: Part | None, test: Part, store: FeatureStore
    ) -> Array:
        """Predict the target, as `Competitor.predict`."""
        del train
        matrix = Embeddings(self.model).matrix(test.base, store)[test.index]
        vector = embedding_of(test.ds, matrix, self.model)
        if task.kind == "classes":
            probability = classify(vector, model=self.model)["class_probability"]
            return _in_order(probability.values, self.model, class_names(test.ds))
        if task.target in ("swh", "wind_speed"):
            return np.asarray(value_of(vector, self.model, task.target).values)
        result = wind(vector, model=self.model)
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
class Probe:
    """A simple head fitted on frozen features, on the vignettes that are learned from.

    Parameters
    ----------
    features : Features
        What it is fitted on.
    kind : {"linear", "knn"}
        Ridge or logistic regression, its penalty chosen by validation on passes; or the 20
        nearest neighbours.
    """

    features: Features
    kind: Literal["linear", "knn"] = "linear"
    needs_training: bool = True

    @property
    def name(self) -> str:
        """Name in tables."""
        return f"{self.features.label}, {self.kind} probe"

    @property
    def model(self) -> ModelHandle | None:
        """The bundle whose weights are used."""
        return self.features.model if isinstance(self.features, Embeddings) else None

    def predict(
        self, task: Task, train: Part | None, test: Part, store: FeatureStore
    ) -> Array:
        """Predict the target, as `Competitor.predict`."""
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
        angle = 2 * np.radians(train.truth - _look(train))
        cosine, sine = (
            self._apply(task, wave(angle), train, known, new)[:, 0]
            for wave in (np.cos, np.sin)
        )
        turned = np.degrees(np.arctan2(sine, cosine)) / 2
        return np.asarray(np.mod(turned + _look(test), 360))

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


def _look(part: Part) -> Array:
    """Azimuth of the radar's look; north where the heading is not known."""
    if "ground_heading" not in part.ds.coords:
        return np.zeros(len(part))
    return np.asarray(part.ds.coords["ground_heading"].values) + _LOOK


@dataclass(frozen=True)
class NoImage:
    """The mean of the truth that is learned from, or the frequencies of its classes."""

    name: str = "no image"
    needs_training: bool = True
    model: ModelHandle | None = None

    def predict(
        self, task: Task, train: Part | None, test: Part, store: FeatureStore
    ) -> Array:
        """Predict the target, as `Competitor.predict`."""
        del store
        if train is None:
            raise TrainingError(f"{self.name} needs vignettes to learn from.")
        if task.kind == "classes":
            n = len(class_names(train.ds))
            counts = np.bincount(train.truth.astype(np.int64), minlength=n)
            return np.tile(counts / counts.sum(), (len(test), 1))
        if task.kind == "direction":
            mean = np.exp(2j * np.radians(train.truth - _look(train))).mean()
            axis = np.degrees(np.angle(mean)) / 2
            return np.asarray(np.mod(axis + _look(test), 360))
        if task.kind == "number":
            return np.full(len(test), train.truth.mean())
        raise OceansarError(
            f"task {task.name!r} of kind {task.kind!r} has no constant prediction. Leave "
            "'constant' out of models=."
        )


@dataclass(frozen=True)
class Search(IcebergSearch):
    """A detector of icebergs, or CFAR."""

    def predict(
        self, task: Task, train: Part | None, test: Part, store: FeatureStore
    ) -> Array:
        """Predict the target, as `Competitor.predict`."""
        del train, store
        if task.kind != "objects":
            raise OceansarError(
                f"{self.name} finds icebergs; task {task.name!r} is of kind {task.kind!r}."
            )
        return self.search(test.ds)


# Words to competitors


def find_models(
    models: Iterable[str | ModelHandle | Competitor], task: Task
) -> list[Competitor]:
    """Find what is compared.

    Parameters
    ----------
    models : iterable of str, ModelHandle or Competitor
        ``NAME``, or the path of a bundle: its own head for the target, or a linear probe where
        it has none. ``own:MODEL``, ``linear:MODEL``, ``knn:MODEL``: one of the three.
        ``random:MODEL``: the same network with random weights, and a linear probe. Without
        ``:MODEL`` the default bundle. ``timm:NAME`` or ``timm:NAME@SIZE``: a network of timm,
        pretrained on photographs. ``hand``, ``level``, ``constant``: hand-made features, the mean
        level and the beam, no image. ``detector:MODEL`` and ``cfar`` search for icebergs. Or any object that is a `Competitor`.
    task : Task
        What is predicted.

    Returns
    -------
    list of Competitor
        In that order; ``own`` without a model is left out where the default bundle has no head.

    Raises
    ------
    BundleError
        If a model is not found, or has no head for the target.
    OceansarError
        If two have the same name, or there is none.
    """
    found: list[Competitor] = []
    for model in models:
        found.extend(_find(model, task))
    names = [competitor.name for competitor in found]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice or not found:
        raise OceansarError(
            f"models= needs one or more models of different names; got {twice or names}. A "
            f"model is {'; '.join(FORMS)}."
        )
    return found


def _find(model: str | ModelHandle | Competitor, task: Task) -> list[Competitor]:
    search = _search(model, task)
    if search is not None:
        return [search]
    if isinstance(model, ModelHandle):
        return [_own_or_linear(model, task)]
    if not isinstance(model, str):
        return [model]
    alone: dict[str, Competitor] = {
        "hand": Probe(HandFeatures()),
        "level": Probe(Level()),
        "constant": NoImage(),
    }
    if model in alone:
        return [alone[model]]
    form, colon, rest = model.partition(":")
    if form == "timm" and rest:
        return [_timm(rest)]
    if form not in ("own", "linear", "knn", "random"):
        return [_own_or_linear(load_model(model), task)]
    handle = load_model(rest or None)
    if form == "own":
        if not colon and not _has_head(handle, task):
            return []
        handle.head(task.target)
        return [OwnHead(handle)]
    if form == "random":
        return [Probe(RandomTwin(handle))]
    return [Probe(Embeddings(handle), "knn" if form == "knn" else "linear")]


def _timm(words: str) -> Competitor:
    name, _, size = words.partition("@")
    if size and not size.isdecimal():
        raise OceansarError(
            f"timm:NAME@SIZE has a size in pixels; got {f'timm:{words}'!r}."
        )
    return Probe(TimmNetwork(name, int(size) if size else 224))


def _search(model: str | ModelHandle | Competitor, task: Task) -> Search | None:
    """Find what searches for icebergs; None where the word means something else."""
    if isinstance(model, ModelHandle) and task.kind == "objects":
        return Search("detector", _detecting(model))
    if not isinstance(model, str):
        return None
    if model == "cfar":
        return Search("cfar")
    form, _, rest = model.partition(":")
    if form == "detector":
        return Search("detector", _detecting(load_model(rest or None)))
    if task.kind == "objects" and not rest and model not in _NO_NETWORK:
        return Search("detector", _detecting(load_model(model)))
    return None


def _detecting(handle: ModelHandle) -> ModelHandle:
    if not handle.detectors:
        raise BundleError(
            f"model {handle.name!r} has no detector. Fit one with xoceansar.train.fit_detector."
        )
    return handle


def _own_or_linear(handle: ModelHandle, task: Task) -> Competitor:
    return OwnHead(handle) if _has_head(handle, task) else Probe(Embeddings(handle))


def _has_head(handle: ModelHandle, task: Task) -> bool:
    return any(head.target == task.target for head in handle.heads)
