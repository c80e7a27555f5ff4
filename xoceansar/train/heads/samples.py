"""The rows that a head is fitted on, and how they are split for validation."""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from xoceansar._optional import require
from xoceansar.errors import DimensionError, TrainingError
from xoceansar.models.heads.head import head_inputs
from xoceansar.models.spec import HeadKind, HeadSpec
from xoceansar.train.heads.dataset_arrays import Features, Groups, Targets, arrays_of

__all__ = [
    "ClassWeights",
    "Sample",
    "class_folds",
    "complete_rows",
    "group_folds",
    "weigh_classes",
]

Array = npt.NDArray[Any]
#: What a row of each class weighs.
ClassWeights: TypeAlias = Literal["balanced"] | Mapping[str, float] | None


@dataclass(frozen=True, slots=True)
class Sample:
    """Complete rows only.

    Parameters
    ----------
    inputs : ndarray (n, F), float32
        Standardised embedding and ancillary inputs.
    targets : ndarray (n,)
        Targets, or class indices.
    groups : ndarray (n,)
        What must not be on both sides of a split.
    mean, std : ndarray (F,)
        Statistics of the inputs before they were standardised.
    dropped : int
        Incomplete rows that were left out.
    held_out : ndarray (n,) of bool or None
        Rows that are not to be learned from, where the caller says which.
    """

    inputs: Array
    targets: Array
    groups: Array
    mean: Array
    std: Array
    dropped: int
    held_out: Array | None = None

    @property
    def scaling(self) -> dict[str, Array]:
        """The head's arrays that standardise its inputs."""
        return {"mean": self.mean, "std": self.std}

    @property
    def counts(self) -> dict[str, int]:
        """Rows used and left out, for the head's metrics."""
        n_held_out = 0 if self.held_out is None else int(self.held_out.sum())
        return {"n_fit": len(self.targets) - n_held_out, "n_dropped": self.dropped}


def complete_rows(
    features: Features,
    targets: Targets,
    spec: HeadSpec,
    kind: HeadKind,
    sigma0_mean: Array | None,
    incidence: Array | None,
    groups: Groups,
    held_out: Array | None = None,
    texture: Array | None = None,
) -> Sample:
    """Stack the inputs of a head, drop incomplete rows and standardise what is left.

    Shapes: `features` (n, F) or a Dataset, `targets` (n,), sigma0_mean, incidence (n,), `groups`
    (n,), `held_out` (n,), `texture` (n, 2).
    """
    if spec.kind != kind:
        raise TrainingError(
            f"head {spec.name!r} is of kind {spec.kind!r}; this function fits {kind!r}."
        )
    given = arrays_of(
        features,
        targets,
        spec,
        sigma0_mean=sigma0_mean,
        incidence=incidence,
        groups=groups,
        texture=texture,
    )
    inputs = head_inputs(
        given.features, given.sigma0_mean, given.incidence, spec, given.texture
    )
    y = np.asarray(given.targets, dtype=np.float64)
    side = np.arange(len(inputs)) if given.groups is None else given.groups
    if held_out is not None:
        side = np.asarray(held_out, dtype=bool)
    for name, values in (("targets", y), ("groups", side)):
        if values.shape != (len(inputs),):
            raise DimensionError(
                f"{name} must have one value for each of the {len(inputs)} rows of features; "
                f"got the shape {values.shape}."
            )
    known = np.isfinite(y) & np.isfinite(inputs).all(axis=1)
    if spec.classes:
        known &= y >= 0
    x, y, side = inputs[known], y[known], side[known]
    _check_targets(y, side, spec, dropped=int((~known).sum()))
    learned = x if held_out is None else x[~side]
    mean = learned.mean(axis=0, dtype=np.float64)
    std = learned.std(axis=0, dtype=np.float64)
    std = np.where(std > 0, std, 1.0)
    standard = ((x - mean) / std).astype(np.float32)
    return Sample(
        standard,
        y,
        side,
        mean,
        std,
        int((~known).sum()),
        None if held_out is None else side,
    )


def _check_targets(y: Array, groups: Array, spec: HeadSpec, dropped: int) -> None:
    found = np.unique(y)
    left = f"{len(y)} rows are left after dropping {dropped} incomplete ones"
    if len(found) < 2:
        what = "two classes with examples" if spec.classes else "a target that varies"
        raise TrainingError(
            f"head {spec.name!r} needs {what}; {left}, all with {found.tolist()}."
        )
    if spec.classes and (found[-1] >= len(spec.classes) or (found % 1).any()):
        raise TrainingError(
            f"targets of head {spec.name!r} must be indices of its {len(spec.classes)} "
            f"classes; got {found.tolist()[:20]}."
        )
    if len(np.unique(groups)) < 2:
        raise TrainingError(
            f"head {spec.name!r} needs at least two groups to validate on; {left}, in one "
            "group. Pass groups=None only where rows are independent."
        )


def group_folds(groups: Array, folds: int, seed: int) -> Iterator[tuple[Array, Array]]:
    """Split rows into train and test, each group in one test set.

    Shapes: `groups` (n,).
    """
    names, index = np.unique(groups, return_inverse=True)
    order = np.random.default_rng(seed).permutation(len(names))
    for part in np.array_split(order, min(folds, len(names))):
        held_out = np.isin(index, part)
        yield np.flatnonzero(~held_out), np.flatnonzero(held_out)


def class_folds(
    y: Array, groups: Array, folds: int, seed: int
) -> Iterator[tuple[Array, Array]]:
    """Split rows as `group_folds`, with the classes mixed alike where the groups permit.

    Shapes: `y` (n,), `groups` (n,).
    """
    selection = require("sklearn.model_selection", extra="train")
    n = min(
        folds, len(np.unique(groups)), int(np.unique(y, return_counts=True)[1].max())
    )
    if n < 2:
        raise TrainingError(
            f"no class has two rows, and a split needs one on each side; {len(y)} rows are left. "
            "Give more vignettes of each class."
        )
    splitter = selection.StratifiedGroupKFold(n, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        # of classes with fewer rows than splits: they are on one side of some
        warnings.filterwarnings("ignore", message="The least populated class")
        splits = list(splitter.split(np.empty(len(y)), y, groups))
    for train, test in splits:
        if len(np.unique(y[train])) < 2:
            raise TrainingError(
                "a fold has one class only: the classes are not mixed within the groups. "
                "Give more groups, or fewer folds."
            )
        yield train, test


def weigh_classes(
    y: Array, classes: Sequence[str], weights: ClassWeights
) -> npt.NDArray[np.float64]:
    """Return what a row of each class weighs.

    Shapes: `y` (n,).

    Examples
    --------
    >>> weigh_classes(np.array([0, 0, 0, 2]), ["a", "b", "c"], "balanced").tolist()
    [0.6666666666666666, 1.0, 2.0]
    """
    if weights is None:
        return np.ones(len(classes))
    if weights == "balanced":
        count = np.bincount(y, minlength=len(classes))
        shared = len(y) / (np.count_nonzero(count) * np.maximum(count, 1))
        return np.where(count > 0, shared, 1.0)
    if not isinstance(weights, Mapping):
        raise TrainingError(
            f"class_weight must be None, 'balanced' or a mapping of class to weight; got "
            f"{weights!r}."
        )
    unknown = sorted(set(weights) - set(classes))
    if unknown:
        raise TrainingError(
            f"class_weight has {unknown}, which are not among the classes {list(classes)}."
        )
    found = np.array([float(weights.get(name, 1.0)) for name in classes])
    if not (np.isfinite(found).all() and (found > 0).all()):
        raise TrainingError(
            f"class_weight must be positive numbers; got {dict(weights)}. Leave a class out by "
            "setting its truth to missing."
        )
    return found
