"""What is learned from and what it is validated on: two sides with no group in common."""

from typing import Any

import numpy as np
import xarray as xr

from xoceansar.errors import TrainingError, warn
from xoceansar.layout.images import XarrayObject
from xoceansar.models.spec import ModelHandle
from xoceansar.splits.groups import warn_if_few
from xoceansar.train.heads.rows import Groups, Rows, gather
from xoceansar.train.heads.samples import class_folds, group_folds

__all__ = ["kind_of", "two_sides", "warn_about_classes"]


def two_sides(
    rows: Rows,
    target: str | xr.DataArray,
    validation: float | XarrayObject,
    handle: ModelHandle,
    how: dict[str, Any],
    seed: int,
) -> tuple[Rows, Rows]:
    """Split rows into those to learn from and those to validate on, with no group in common.

    Notes
    -----
    Classes are mixed alike on both sides where the groups permit.
    """
    if isinstance(validation, xr.Dataset | xr.DataArray):
        return rows, _other(rows, target, validation, handle, how)
    if not 0 < validation <= 0.5:
        raise TrainingError(
            f"validation must be a fraction up to 0.5, or a Dataset; got {validation}."
        )
    warn_if_few(rows.groups, kind_of(how["groups"]))
    if len(np.unique(rows.groups)) < 2:
        raise TrainingError(
            f"all {len(rows)} vignettes belong to one group ({kind_of(how['groups'])}), so none "
            "can be held out. Give vignettes of other passes, or validation=a Dataset."
        )
    folds = max(2, round(1 / validation))
    if rows.truth.classes:
        split = class_folds(rows.truth.values.astype(int), rows.groups, folds, seed)
    else:
        split = group_folds(rows.groups, folds, seed)
    learned, held_out = next(split)
    return rows.part(learned), rows.part(held_out)


def _other(
    rows: Rows,
    target: str | xr.DataArray,
    validation: XarrayObject,
    handle: ModelHandle,
    how: dict[str, Any],
) -> Rows:
    groups = how["groups"]
    if not isinstance(target, str) or not (groups is None or isinstance(groups, str)):
        raise TrainingError(
            "with validation= a Dataset, target and groups must be names that both Datasets have. "
            "Put them in: ds.assign(swh=...), ds.assign_coords(group=...)."
        )
    if rows.truth.classes:
        how = {**how, "classes": rows.truth.classes}
    held_out = gather(validation, target, handle, **how)
    if held_out.blocks != rows.blocks:
        raise TrainingError(
            "the features of both Datasets must be of the same columns and units; those of the "
            "validation differ. Measure both alike, by ds.oceansar, on images of one size."
        )
    common = np.intersect1d(rows.groups, held_out.groups)
    if groups is not None and len(common):
        raise TrainingError(
            f"{len(common)} group(s) ({kind_of(groups)}) are in both Datasets, such as "
            f"{common[0]}: the validation would know the answer. Split by group."
        )
    return held_out


def kind_of(groups: Groups) -> str:
    """Name a grouping."""
    if groups is None:
        return "each vignette"
    return groups if isinstance(groups, str) else "as given"


def warn_about_classes(learned: Rows, held_out: Rows) -> None:
    """Warn of classes that a side of the split has no example of."""
    classes = learned.truth.classes
    for rows, what in ((learned, "to learn from"), (held_out, "to validate on")):
        found = set(rows.truth.values.astype(int)) if classes else set()
        absent = [name for i, name in enumerate(classes) if i not in found]
        if absent:
            warn(
                f"no example {what} of {', '.join(absent)}"
                + (": never predicted." if rows is learned else ": not scored.")
            )
