"""Watch a pretraining: numbers that tell collapse, alarms, and a nearest-neighbour probe."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
import xarray as xr
from torch.nn import functional as F

from xoceansar._flags import class_indices, class_table
from xoceansar.conventions import CLASS_FILL, OCEAN_CLASS, OCEAN_CLASSES, VIGNETTE
from xoceansar.errors import TrainingError
from xoceansar.models.spec import HeadSpec
from xoceansar.train.heads import fit_knn

__all__ = ["ALARMS", "ProbeTarget", "alarms", "probe_scores", "probe_targets", "spread"]

#: What is watched, the limit, and whether the value must stay below it; and what it means.
ALARMS: Final[Mapping[str, tuple[float, bool, str]]] = {
    "feature_std": (0.02, False, "all vignettes get the same summary"),
    "cosine": (0.995, True, "summaries all point the same way"),
    "marginal_entropy": (0.1, False, "the teacher uses one prototype for everything"),
    "entropy": (0.995, True, "the teacher gives every prototype the same probability"),
}
#: Targets of the probe, with their units.
_TARGETS: Final = {"ocean_class": "1", "swh": "m", "wind_speed": "m s-1"}


@torch.no_grad()
def spread(
    summary: torch.Tensor, probabilities: torch.Tensor | None
) -> dict[str, float]:
    """Measure how far a batch of the teacher's outputs is from collapse.

    Parameters
    ----------
    summary : Tensor (n, d)
        What DINO and KoLeo compare of each global crop.
    probabilities : Tensor (..., K) or None
        Targets of the DINO loss, or of iBOT where DINO is off.

    Returns
    -------
    dict of str to float
        ``feature_std``: standard deviation over the batch of the normalised summaries, times
        sqrt(d), so that directions at random give 1 and equal ones 0. ``cosine``: mean over
        pairs. ``entropy``: mean entropy of a target, ``marginal_entropy``: entropy of the mean
        target, both over ln K.
    """
    direction = F.normalize(summary.float(), dim=-1)
    n, d = direction.shape
    std = direction.std(dim=0, correction=0).mean() * math.sqrt(d)
    total = direction.sum(dim=0)
    cosine = (total @ total - n) / max(n * (n - 1), 1)
    found = {"feature_std": float(std), "cosine": float(cosine)}
    if probabilities is not None:
        p = probabilities.float().flatten(0, -2)
        mean = p.mean(dim=0)
        most = math.log(p.shape[-1])
        found["entropy"] = float(torch.special.entr(p).sum(dim=-1).mean()) / most
        found["marginal_entropy"] = float(torch.special.entr(mean).sum()) / most
    return found


def alarms(values: Mapping[str, float]) -> dict[str, str]:
    """Tell which of the watched numbers say that the training collapses.

    Parameters
    ----------
    values : mapping of str to float
        From `spread`.

    Returns
    -------
    dict of str to str
        For each number beyond its limit, a sentence with the number, the limit and the meaning.

    Examples
    --------
    >>> list(alarms({"feature_std": 0.9, "cosine": 0.999}))
    ['cosine']
    """
    found = {}
    for name, (limit, below, meaning) in ALARMS.items():
        value = values.get(name)
        if value is None or (value < limit if below else value > limit):
            continue
        side = "above" if below else "below"
        found[name] = f"{name} is {value:.3f}, {side} {limit}: {meaning}"
    return found


@dataclass(frozen=True, slots=True)
class ProbeTarget:
    """A truth that the probe asks for.

    Parameters
    ----------
    values : ndarray (vignette,)
        Numbers, NaN where missing, or places among `classes`, -1 where unknown.
    classes : tuple of str
        Names, of a class.
    """

    values: np.ndarray
    classes: tuple[str, ...] = ()


def probe_targets(ds: xr.Dataset) -> dict[str, ProbeTarget]:
    """Return the truths that a labelled Dataset has.

    Parameters
    ----------
    ds : Dataset
        With any of ``ocean_class``, ``swh``, ``wind_speed`` (vignette).

    Returns
    -------
    dict of str to ProbeTarget
        Computed.

    Raises
    ------
    TrainingError
        If it has none of them, a code is none of the classes, or values are no numbers.
    """
    found = {
        name: _probe_target(ds[name])
        for name in _TARGETS
        if name in ds and ds[name].dims == (VIGNETTE,)
    }
    if not found:
        raise TrainingError(
            f"the probe needs one of {list(_TARGETS)} with the dim {VIGNETTE!r}; the Dataset has "
            f"{sorted(map(str, ds.data_vars))}."
        )
    return found


def _probe_target(truth: xr.DataArray) -> ProbeTarget:
    if truth.name == OCEAN_CLASS:
        described: dict[str, Any] = {"default": OCEAN_CLASSES, "error": TrainingError}
        index = np.nan_to_num(class_indices(truth, **described), nan=CLASS_FILL)
        return ProbeTarget(
            index.astype(np.int64), tuple(class_table(truth, **described))
        )
    values = np.asarray(truth.values)
    if values.dtype.kind not in "fiu" or not np.isfinite(values).any():
        raise TrainingError(
            f"the probe's {truth.name!r} must be numbers, some of them known; got {values.dtype}, "
            f"{values[:3].tolist()}, ... Leave it out of the Dataset, or correct it."
        )
    return ProbeTarget(values)


def probe_scores(
    features: np.ndarray,
    truth: Mapping[str, ProbeTarget],
    *,
    groups: np.ndarray | None,
    neighbours: int,
) -> dict[str, float]:
    """Score nearest neighbours of other groups on frozen features.

    Parameters
    ----------
    features : ndarray (n, d)
        Embeddings.
    truth : mapping of str to ProbeTarget
        From `probe_targets`.
    groups : ndarray (n,) or None
        Product of each row: its own neighbours do not vote.
    neighbours : int
        How many vote.

    Returns
    -------
    dict of str to float
        ``knn_ocean_class`` (accuracy), ``knn_swh`` (m), ``knn_wind_speed`` (m/s; both RMSE).
    """
    scores = {}
    for name, target in truth.items():
        classes = target.classes
        spec = HeadSpec(
            name=name,
            kind="knn",
            target=name,
            units=_TARGETS[name],
            classes=classes,
            pooling="cls",
            backbone_sha256="",
        )
        head = fit_knn(
            features, target.values, spec, groups=groups, neighbours=neighbours
        )
        key = "cv_accuracy" if classes else "cv_rmse"
        scores[f"knn_{name}"] = float(head.spec.metrics[key])
    return scores
