"""From the words of a user to what is compared."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
import xarray as xr

from xoceansar._typing import Array
from xoceansar.errors import BundleError, OceansarError
from xoceansar.evaluate.competitors import Competitor, NoImage, OwnHead
from xoceansar.evaluate.feature_store import FeatureStore
from xoceansar.evaluate.features import Embeddings, RandomTwin, TimmNetwork
from xoceansar.evaluate.iceberg_scores import found_boxes
from xoceansar.evaluate.iceberg_task import rows_of
from xoceansar.evaluate.linear_probes import Probe
from xoceansar.evaluate.model_function import ModelFunction
from xoceansar.evaluate.parts import Part
from xoceansar.evaluate.simple_features import HandFeatures, Level, Texture
from xoceansar.evaluate.tasks import Task
from xoceansar.models import ModelHandle, load_model
from xoceansar.ops.detection import cfar_icebergs, icebergs

#: Lowest scores that are kept: what is below never makes the best F1.
_LOWEST_SCORE: Final = 0.02
_LOWEST_CFAR: Final = 2.5
#: Detections of a vignette that are scored: CFAR with so low a threshold gives hundreds of false alarms.
_MOST: Final = 2000
#: Vignettes that are searched at a time.
_BLOCK: Final = 64


@dataclass(frozen=True)
class Search(Competitor):
    """A detector of icebergs, or CFAR."""

    #: The bundle whose detector it is; CFAR without one.
    model: ModelHandle | None = None
    needs_training = False

    @property
    def name(self) -> str:
        """Name in tables."""
        return "CFAR" if self.model is None else f"{self.model.name}, detector"

    @property
    def bundle(self) -> ModelHandle | None:
        """The model."""
        return self.model

    def predict(
        self, task: Task, train: Part | None, test: Part, store: FeatureStore
    ) -> Array:
        """Search the vignettes, some at a time.

        Shapes: gives (vignette,). Boxes and scores (n, 5) of each; none where it could not be
        searched.
        """
        del train, store
        if task.kind != "objects":
            raise OceansarError(
                f"{self.name} finds icebergs; task {task.name!r} is of kind {task.kind!r}."
            )
        blocks = range(0, len(test), _BLOCK)
        ds = test.ds
        return rows_of(
            [
                row
                for start in blocks
                for row in self._block(ds.isel(vignette=slice(start, start + _BLOCK)))
            ]
        )

    def _block(self, ds: xr.Dataset) -> list[Array]:
        if self.model is None:
            lazy = cfar_icebergs(ds, threshold=_LOWEST_CFAR, most=_MOST)
        else:
            lazy = icebergs(ds, self.model, threshold=_LOWEST_SCORE, most=_MOST)
        found = lazy.compute()
        return [
            np.c_[box, score] for box, score in zip(*found_boxes(found), strict=True)
        ]


def detector_of(handle: ModelHandle) -> Search:
    """Search by the detector of a model."""
    if not handle.detectors:
        raise BundleError(
            f"model {handle.name!r} has no detector. Fit one with xoceansar.train.fit_detector."
        )
    return Search(handle)


#: What a model may be called, for the command line and for messages.
FORMS: Final = (
    "MODEL (its own head, or a linear probe where it has none)",
    "own:MODEL, linear:MODEL, knn:MODEL, random:MODEL (the network at random)",
    "timm:NAME or timm:NAME@SIZE (pretrained on photographs, linear probe)",
    "texture, hand, level, constant (no network, twice; no texture; no image)",
    "cmod5n, cmod5n:VARIABLE (the wind of CMOD5.N, without a direction or with that of a variable)",
    "detector or detector:MODEL, cfar (of icebergs)",
)
_NO_NETWORK: Final = ("texture", "hand", "level", "constant", "cmod5n")


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
        pretrained on photographs. ``texture``, ``hand``, ``level``, ``constant``: texture descriptors, hand-made features, the mean
        level and the beam, no image. ``cmod5n``: the wind of the geophysical model function, without a direction;
        ``cmod5n:VARIABLE`` with that of a variable. ``detector:MODEL`` and ``cfar`` search for icebergs. Or any object that is a `Competitor`.
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

    Examples
    --------
    >>> import xoceansar as xos
    >>> competitors = find_models(["own", "hand"], xos.evaluate.TASKS["swh"])
    >>> [competitor.name for competitor in competitors]
    ['sim-vit-tiny, own head', '68 hand features, linear probe']
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
        "texture": Probe(Texture()),
        "hand": Probe(HandFeatures()),
        "level": Probe(Level()),
        "constant": NoImage(),
    }
    if model in alone:
        return [alone[model]]
    form, colon, rest = model.partition(":")
    if form == "cmod5n" or (form == "timm" and rest):
        return [ModelFunction(rest) if form == "cmod5n" else _timm(rest)]
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
        return detector_of(model)
    if not isinstance(model, str):
        return None
    if model == "cfar":
        return Search()
    form, _, rest = model.partition(":")
    if form == "detector":
        return detector_of(load_model(rest or None))
    if task.kind == "objects" and not rest and model not in _NO_NETWORK:
        return detector_of(load_model(model))
    return None


def _own_or_linear(handle: ModelHandle, task: Task) -> Competitor:
    return OwnHead(handle) if _has_head(handle, task) else Probe(Embeddings(handle))


def _has_head(handle: ModelHandle, task: Task) -> bool:
    return any(head.target == task.target for head in handle.heads)
