"""Watch a pretraining: numbers that tell collapse, alarms, and a nearest-neighbour probe."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
import xarray as xr
from torch.nn import functional as F

from xoceansar.conventions import CLASS_FILL, OCEAN_CLASS, OCEAN_CLASSES, VIGNETTE
from xoceansar.conventions.flags import class_indices, class_table
from xoceansar.errors import TrainingError
from xoceansar.models.spec import HeadSpec
from xoceansar.train.heads.linear_heads import fit_knn


@dataclass(frozen=True, slots=True)
class Alarm:
    """When a number tells of collapse."""

    #: Where it begins.
    limit: float
    #: Whether on its upper side.
    above: bool
    meaning: str
    #: For how many steps the number must have been there.
    steps: int = 0


_IDLE: Final = "the student predicts no more than equal probabilities for everything do"
#: What is watched.
ALARMS: Final[Mapping[str, Alarm]] = {
    "feature_std_at_most": Alarm(0.02, False, "all vignettes get the same summary"),
    "cosine": Alarm(0.995, True, "summaries all point the same way"),
    "marginal_entropy": Alarm(
        0.1, False, "the teacher uses one prototype for everything"
    ),
    "entropy": Alarm(
        0.995, True, "the teacher gives every prototype the same probability"
    ),
    "dino_over_ln_k": Alarm(0.99, True, _IDLE, steps=50),
    "ibot_over_ln_k": Alarm(0.99, True, _IDLE, steps=50),
}
#: Targets of the probe, with their units.
_TARGETS: Final = {"ocean_class": "1", "swh": "m", "wind_speed": "m s-1"}


@torch.no_grad()
def spread(
    summary: torch.Tensor, probabilities: torch.Tensor | None
) -> dict[str, float]:
    """Measure how far a batch of the teacher's outputs is from collapse.

    Shapes: `summary` (n, 2, d).
    """
    numbers = {}
    n, views = summary.shape[:2]
    if n > 1:
        direction = F.normalize(summary.float(), dim=-1)
        apart = direction - direction.mean(dim=0)
        shared = apart.prod(dim=1).sum(dim=-1)
        variance = float(shared.sum()) / (n - 1)
        error = float(shared.std(correction=0)) * math.sqrt(n) / (n - 1)
        each = direction.sum(dim=1)
        pairs = (each.sum(dim=0) ** 2).sum() - (each**2).sum()
        numbers["feature_std"] = math.sqrt(max(variance, 0.0))
        numbers["feature_std_at_most"] = math.sqrt(max(variance, 0.0) + 2 * error)
        numbers["cosine"] = float(pairs) / (views**2 * n * (n - 1))
    if probabilities is not None:
        p = probabilities.float().flatten(0, -2)
        mean = p.mean(dim=0)
        most = math.log(p.shape[-1])
        numbers["entropy"] = float(torch.special.entr(p).sum(dim=-1).mean()) / most
        numbers["marginal_entropy"] = float(torch.special.entr(mean).sum()) / most
    return numbers


def alarms(values: Mapping[str, float]) -> dict[str, str]:
    """Tell which of the watched numbers are where a training that collapses has them.

    Examples
    --------
    >>> list(alarms({"feature_std": 0.9, "cosine": 0.999}))
    ['cosine']
    """
    alarms = {}
    for name, alarm in ALARMS.items():
        value = values.get(name)
        if value is None or (value <= alarm.limit) is alarm.above:
            continue
        side = "above" if alarm.above else "below"
        alarms[name] = f"{name} is {value:.3f}, {side} {alarm.limit}: {alarm.meaning}"
    return alarms


@dataclass(frozen=True, slots=True)
class ProbeTarget:
    """A truth that the probe asks for."""

    #: (vignette,): Numbers, NaN where missing, or places among `classes`, -1 where unknown.
    values: np.ndarray
    #: Names, of a class.
    classes: tuple[str, ...] = ()


def probe_targets(ds: xr.Dataset) -> dict[str, ProbeTarget]:
    """Return the truths that a labelled Dataset has."""
    truths = {
        name: _probe_target(ds[name])
        for name in _TARGETS
        if name in ds and ds[name].dims == (VIGNETTE,)
    }
    if not truths:
        raise TrainingError(
            f"the probe needs one of {list(_TARGETS)} with the dim {VIGNETTE!r}; the Dataset has "
            f"{sorted(map(str, ds.data_vars))}."
        )
    return truths


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

    Shapes: `features` (n, d), `groups` (n,).
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
            features, target.values, spec, groups=groups, n_neighbors=neighbours
        )
        key = "cv_accuracy" if classes else "cv_rmse"
        scores[f"knn_{name}"] = float(head.spec.metrics[key])
    return scores
