"""From the words of a user to what is compared."""

from collections.abc import Iterable
from typing import Final

from xoceansar.errors import OceansarError
from xoceansar.evaluate.competitors import Competitor, NoImage, OwnHead
from xoceansar.evaluate.features import Embeddings, RandomTwin, TimmNetwork
from xoceansar.evaluate.iceberg_searches import Search, detector_of
from xoceansar.evaluate.linear_probes import Probe
from xoceansar.evaluate.simple_features import HandFeatures, Level, Texture
from xoceansar.evaluate.tasks import Task
from xoceansar.models import ModelHandle, load_model

#: What a model may be called, for the command line and for messages.
FORMS: Final = (
    "MODEL (its own head, or a linear probe where it has none)",
    "own:MODEL, linear:MODEL, knn:MODEL, random:MODEL (the network at random)",
    "timm:NAME or timm:NAME@SIZE (pretrained on photographs, linear probe)",
    "texture, hand, level, constant (no network, twice; no texture; no image)",
    "detector or detector:MODEL, cfar (of icebergs)",
)
_NO_NETWORK: Final = ("texture", "hand", "level", "constant")


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
