"""The rows of a fit: embeddings by the same operation as at inference, truth, groups and domain."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt
import xarray as xr

from xoceansar._progress import computing
from xoceansar.conventions import (
    EMBEDDING,
    OCEAN_CLASS,
    OCEAN_CLASSES,
    VIGNETTE,
    Quality,
)
from xoceansar.conventions.flags import class_table
from xoceansar.conventions.texts import has_texts, text_values
from xoceansar.errors import DimensionError, MissingVariableError, TrainingError
from xoceansar.layout.images import (
    XarrayObject,
    centre_incidence,
    find_embedding,
    find_images,
)
from xoceansar.models.heads.head import head_inputs
from xoceansar.models.spec import SOURCES, FeatureBlock, HeadSpec, ModelHandle
from xoceansar.ops.domain import check_polarisation, domain_flags, refused
from xoceansar.ops.head_inputs import HeadInputs, holds_features_alone
from xoceansar.ops.quality_flags import whole_flags
from xoceansar.splits.groups import groups_of
from xoceansar.train.heads.targets import Truth, find_truth

__all__ = ["Groups", "Rows", "gather"]

Array = npt.NDArray[Any]
Groups: TypeAlias = str | Array | xr.DataArray | None

#: Where the sea is covered, its waves and wind are not what the image shows.
_COVERED: Final = ("land", "sea_ice_hint")
_ICE: Final = "sea_ice"
#: Coordinates that stay beside the predictions.
_KEPT: Final = ("vignette_id", "time", "longitude", "latitude", "beam", "platform")


@dataclass(frozen=True, slots=True)
class Rows:
    """Vignettes that can be learned from, and why the others cannot.

    Parameters
    ----------
    truth : Truth
        Of these rows.
    features : ndarray (n, F), float32
        Embeddings, where they are asked for, and after them the columns of `blocks`.
    blocks : tuple of FeatureBlock
        What those columns are.
    sigma0_mean, incidence : ndarray (n,)
        Linear, and in degrees; NaN where not known.
    groups, beam, polarisation : ndarray (n,)
        Empty texts where not known.
    position : ndarray (n,) of int
        Place of each row in the Dataset.
    coords : Dataset
        Coordinates of the rows.
    dropped : dict of str to int
        Vignettes that were left out, by the first reason found.
    """

    truth: Truth
    features: Array
    blocks: tuple[FeatureBlock, ...]
    sigma0_mean: Array
    incidence: Array
    groups: Array
    beam: Array
    polarisation: Array
    position: Array
    coords: xr.Dataset
    dropped: dict[str, int]

    def __len__(self) -> int:
        return len(self.position)

    def part(self, keep: Array) -> "Rows":
        """Return some of the rows.

        Shapes: `keep` (n,).
        """
        return Rows(
            replace(self.truth, values=self.truth.values[keep]),
            self.features[keep],
            self.blocks,
            self.sigma0_mean[keep],
            self.incidence[keep],
            self.groups[keep],
            self.beam[keep],
            self.polarisation[keep],
            self.position[keep],
            self.coords.isel({VIGNETTE: keep}, missing_dims="ignore"),
            self.dropped,
        )

    def inputs(self, spec: HeadSpec) -> npt.NDArray[np.float32]:
        """Return the inputs of a head.

        Shapes: gives (n, inputs).
        """
        return head_inputs(self.features, self.sigma0_mean, self.incidence, spec)


def gather(
    ds: XarrayObject,
    target: str | xr.DataArray,
    handle: ModelHandle,
    *,
    ancillary: Sequence[str],
    classes: Sequence[str] | None,
    groups: Groups,
    features: Sequence[str] = (EMBEDDING,),
) -> Rows:
    """Embed vignettes, unless they are embeddings, and keep those with everything that is needed.

    Notes
    -----
    Metadata are read first: what cannot be fitted is refused before a pixel is read. Images are
    read chunk by chunk, and only what no metadata speak against.
    """
    if VIGNETTE not in ds.dims:
        raise DimensionError(
            f"a fit needs vignettes along the dim 'vignette'; got {dict(ds.sizes)}. Use "
            ".isel(vignette=[0]) for one, or .stack(vignette=[...])."
        )
    truth = find_truth(ds, target, classes)
    side = groups_of(ds, groups)
    _check_ancillary(ds, ancillary)
    keep, dropped = np.ones(len(side), dtype=bool), dict[str, int]()
    for reason, told in _told_by_metadata(ds, truth, handle):
        _drop(keep, told, reason, dropped)
    _require_some(keep, dropped, truth)
    position = np.flatnonzero(keep)
    if len(position) < len(keep):
        ds = ds.isel({VIGNETTE: position})
    users = {name: "the head" for name in features if name != EMBEDDING}
    embedded = EMBEDDING in features
    inputs = HeadInputs.named(ds, handle, users, embedded)
    rows = _computed(inputs, truth, side, position, embedded)
    width = handle.embedding_dim if embedded else 0
    good: Any = np.isfinite(rows.features[:, :width]).all(axis=1)
    for source in {s for name in ancillary for s in SOURCES[name]}:
        good = good & np.isfinite(getattr(rows, source))
    usable = np.full(len(position), True)
    what = "embedding" if width else "mean sigma0 or incidence"
    _drop(usable, ~good, f"no {what}: too little data, or implausible", dropped)
    for block in rows.blocks:
        values = rows.features[:, width : width + len(block.columns)]
        bad: Any = ~np.isfinite(values).all(axis=1)
        _drop(usable, bad, f"no {block.name}", dropped)
        width += len(block.columns)
    _require_some(usable, dropped, truth)
    return replace(rows.part(usable), dropped=dropped)


def _drop(keep: Any, bad: Array, reason: str, dropped: dict[str, int]) -> None:
    n = int((keep & bad).sum())
    keep &= ~bad
    if n:
        dropped[reason] = dropped.get(reason, 0) + n


def _require_some(keep: Any, dropped: dict[str, int], truth: Truth) -> None:
    if not keep.any():
        raise TrainingError(
            f"no vignette is left to fit {truth.name!r} on; left out: {dropped}."
        )


def _source(ds: XarrayObject) -> xr.DataArray:
    """Return the embedding, the images or a feature, for their coordinates."""
    found = find_embedding(ds)
    if found is None and holds_features_alone(ds):
        assert isinstance(ds, xr.Dataset)
        return next(array for array in ds.values() if VIGNETTE in array.dims)
    return find_images(ds)[0] if found is None else found


def _check_ancillary(ds: XarrayObject, ancillary: Sequence[str]) -> None:
    made_here = find_embedding(ds) is None and not holds_features_alone(ds)
    for name, coordinate in ((n, s) for n in ancillary for s in SOURCES[n]):
        if coordinate == "sigma0_mean" and made_here:
            continue
        if coordinate not in _source(ds).coords:
            raise MissingVariableError(
                f"the head is to take {name}, and the vignettes have no coordinate "
                f"{coordinate!r}. Add it, or leave it out: ancillary=(...)."
            )


def _told_by_metadata(
    ds: XarrayObject, truth: Truth, handle: ModelHandle
) -> list[tuple[str, Array]]:
    """Reasons not to use vignettes that need no pixel, and whom they concern."""
    n = ds.sizes[VIGNETTE]
    reasons = [("no truth", ~np.isfinite(truth.values))]
    source = _source(ds)
    check_polarisation(source, handle)
    foreign = refused(domain_flags(source, handle), source)
    if foreign is not None:
        bad = np.broadcast_to(foreign.values, (n,))
        reasons.append(("of a polarisation that the model was not trained on", bad))
    if truth.classes or not isinstance(ds, xr.Dataset):
        return reasons
    if OCEAN_CLASS in ds and truth.name != OCEAN_CLASS:
        reasons.append(("sea ice", _is_ice(ds[OCEAN_CLASS])))
    if "quality" in ds:
        flags = whole_flags(ds["quality"]).values.astype(np.int64)
        for name in _COVERED:
            bad = flags & Quality[name.upper()].value != 0
            reasons.append((name.removesuffix("_hint").replace("_", " "), bad))
    return reasons


def _is_ice(classes: xr.DataArray) -> Array:
    values = np.asarray(classes.values)
    if has_texts(values):
        return np.asarray(text_values(values) == _ICE)
    code = class_table(classes, default=OCEAN_CLASSES).get(_ICE, np.nan)
    return np.asarray(values == code)


def _computed(
    inputs: HeadInputs, truth: Truth, side: Array, position: Array, embedded: bool
) -> Rows:
    """Compute embeddings, features and coordinates at once; a chunk is read once."""
    columns = {name: block.values for name, block in inputs.blocks.items()}
    lazy = xr.Dataset({"embedding_vector": inputs.embedding, **columns})
    with computing("embedding vignettes"):
        computed = lazy.transpose(VIGNETTE, ...).compute()
    vectors = computed["embedding_vector"]
    matrices = [vectors.values] if embedded else []
    matrices += [computed[name].values for name in columns]
    angle = centre_incidence(vectors)
    level = vectors.coords.get("sigma0_mean")
    n = len(position)

    def numbers(values: xr.DataArray | None) -> Array:
        found = np.nan if values is None else values.values.astype(np.float64)
        return np.broadcast_to(found, (n,))

    def texts(name: str) -> Array:
        known = vectors.coords.get(name)
        return np.broadcast_to("" if known is None else text_values(known), (n,))

    coords = xr.Dataset(
        coords={
            name: (VIGNETTE, vectors.coords[name].values, vectors.coords[name].attrs)
            for name in _KEPT
            if name in vectors.coords and vectors.coords[name].dims == (VIGNETTE,)
        }
    )
    return Rows(
        replace(truth, values=truth.values[position]),
        np.concatenate(matrices, axis=1, dtype=np.float32),
        tuple(block.block for block in inputs.blocks.values()),
        numbers(level),
        numbers(angle),
        side[position],
        texts("beam"),
        texts("polarisation"),
        position,
        coords,
        {},
    )
