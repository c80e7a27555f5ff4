"""The arrays that a head is fitted on, out of a Dataset that holds them by name."""

from typing import Any, NamedTuple, TypeAlias

import numpy as np
import xarray as xr

from xoceansar._typing import Array
from xoceansar.conventions import EMBEDDING, VIGNETTE
from xoceansar.errors import (
    DimensionError,
    MissingVariableError,
    TrainingError,
    WeightsMismatchError,
)
from xoceansar.layout.images import XarrayObject, centre_incidence, find_embedding
from xoceansar.models.spec import HeadSpec
from xoceansar.ops.embedding import TEXTURE
from xoceansar.ops.feature_blocks import feature_columns, measured_block
from xoceansar.ops.wind_directions import find_heading
from xoceansar.sar.bearings import look_angle
from xoceansar.splits.groups import groups_of
from xoceansar.train.heads.targets import find_truth

__all__ = ["Arrays", "Features", "Groups", "Targets", "arrays_of"]

#: What a head is fitted on: a table, or what holds the embedding and whatever stands beside it.
Features: TypeAlias = Array | XarrayObject
Targets: TypeAlias = Array | str | xr.DataArray
Groups: TypeAlias = Array | str | xr.DataArray | None


class Arrays(NamedTuple):
    """What a fit takes.

    Shapes: features (n, F); targets, sigma0_mean, incidence, groups (n,); texture (n, 2).
    """

    features: Array
    targets: Array
    sigma0_mean: Array | None
    incidence: Array | None
    groups: Array | None
    texture: Array | None


def arrays_of(
    features: Features,
    targets: Targets,
    spec: HeadSpec,
    *,
    sigma0_mean: Array | None = None,
    incidence: Array | None = None,
    groups: Groups = None,
    texture: Array | None = None,
) -> Arrays:
    """Return the arrays that are given, or those that a Dataset holds where they are not.

    Notes
    -----
    Of a Dataset: ``embedding_vector`` and the features that `spec` names, the truth by its name, and level,
    incidence and texture from the coordinates.
    """
    if not isinstance(features, xr.Dataset | xr.DataArray):
        return Arrays(
            np.asarray(features),
            np.asarray(targets),
            sigma0_mean,
            incidence,
            None if groups is None else np.asarray(groups),
            texture,
        )
    ds, where = features, f"head {spec.name!r}"
    vector = _embedding(ds, spec, where)
    like = _one_of(ds) if vector is None else vector
    columns = [] if vector is None else [vector.values]
    for block in spec.features:
        measured = measured_block(ds, block.name, where)
        found = feature_columns(measured, block.name, [VIGNETTE], like)
        columns.append(found.fitted(block, where).transpose(VIGNETTE, ...).values)
    angle = centre_incidence(like)
    level = like.coords.get("sigma0_mean")
    axis = [like.coords[name] for name in TEXTURE if name in like.coords]
    return Arrays(
        np.concatenate(columns, axis=1),
        _truth(ds, targets, spec),
        _numbers(level, ds) if sigma0_mean is None else sigma0_mean,
        _numbers(angle, ds) if incidence is None else incidence,
        None if groups is None else groups_of(ds, groups),
        np.column_stack(axis) if len(axis) == 2 and texture is None else texture,
    )


def _embedding(ds: XarrayObject, spec: HeadSpec, where: str) -> xr.DataArray | None:
    """Find the embedding (vignette, embedding) by the backbone of the head; None where it takes none."""
    if VIGNETTE not in ds.dims:
        raise DimensionError(
            f"{where} is fitted on vignettes along the dim 'vignette'; got {dict(ds.sizes)}."
        )
    found = find_embedding(ds) if spec.embedding else None
    if not spec.embedding:
        return None
    if found is None:
        raise MissingVariableError(
            f"{where} is fitted on embeddings, and the input has no 'embedding_vector'. Embed its images, "
            "ds.assign(embedding_vector=ds.oceansar.embed()), or use xoceansar.train.fit, which does."
        )
    made_by = str(found.attrs.get("weights_sha256", spec.backbone_sha256))
    if made_by != spec.backbone_sha256:
        raise WeightsMismatchError(
            f"{where} is of the backbone {spec.backbone_sha256[:12]}, and these embeddings are of "
            f"{made_by[:12]}. Embed with that model, or name its weights in the HeadSpec."
        )
    return found.transpose(VIGNETTE, EMBEDDING)


def _one_of(ds: XarrayObject) -> xr.DataArray:
    """Return something of every vignette, for its coordinates."""
    if isinstance(ds, xr.DataArray):
        return ds
    return next(array for array in ds.values() if VIGNETTE in array.dims)


def _numbers(values: xr.DataArray | None, ds: XarrayObject) -> Array | None:
    if values is None:
        return None
    return np.broadcast_to(values.values.astype(np.float64), (ds.sizes[VIGNETTE],))


def _truth(ds: XarrayObject, targets: Targets, spec: HeadSpec) -> Array:
    """Return the truth of each vignette in the units of the head, or as angles in the image."""
    if not isinstance(targets, str | xr.DataArray):
        return np.asarray(targets)
    if spec.kind == "distance":
        named: Any = ds[targets] if isinstance(targets, str) else targets
        return np.asarray(named.values)
    if spec.encoding == "axis":
        direction: Any = ds[targets] if isinstance(targets, str) else targets
        if direction.name != spec.target:
            raise _other(direction.name, spec)
        heading = find_heading(direction, f"a fit of {spec.target}")
        return look_angle(direction.values, heading.values)
    truth = find_truth(ds, targets, spec.classes or None)
    if truth.name != spec.target:
        raise _other(truth.name, spec)
    return truth.values


def _other(name: object, spec: HeadSpec) -> TrainingError:
    return TrainingError(
        f"head {spec.name!r} gives {spec.target!r}, and the truth is {name!r}. Name that variable, or "
        "rename it: da.rename(...)."
    )
