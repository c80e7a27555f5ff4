"""What heads take of an input: the embedding, and blocks of physical parameters beside it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import xarray as xr

from xoceansar.conventions import EMBEDDING, VIGNETTE
from xoceansar.layout.images import XarrayObject, find_embedding
from xoceansar.models.spec import FeatureBlock, HeadSpec, ModelHandle
from xoceansar.ops.domain import OnDomain, guard
from xoceansar.ops.embedding import embed, observe
from xoceansar.ops.feature_blocks import (
    FEATURE_BLOCKS,
    FeatureColumns,
    feature_columns,
    measured_block,
)

#: What a Dataset of features alone has none of.
_PIXELS: Final = frozenset({"sigma0", "sigma0_db", "embedding_vector"})


@dataclass(frozen=True, eq=False)
class HeadInputs:
    """The embedding of each vignette with its coordinates, and what heads take beside it.

    Parameters
    ----------
    embedding : DataArray (..., embedding)
        As `xoceansar.ops.embed` gives it; with one number that means nothing where no
        head takes it.
    blocks : mapping of str to FeatureColumns
        By name.
    """

    embedding: xr.DataArray
    blocks: Mapping[str, FeatureColumns]

    @classmethod
    def of(
        cls,
        obj: XarrayObject,
        handle: ModelHandle,
        heads: Sequence[HeadSpec],
        on_domain: OnDomain = "flag",
    ) -> "HeadInputs":
        """Find or make what some heads of a model take."""
        users = _users(heads, handle)
        needs_embedding = not heads or any(head.embedding for head in heads)
        return cls.named(obj, handle, users, needs_embedding, on_domain)

    @classmethod
    def named(
        cls,
        obj: XarrayObject,
        handle: ModelHandle,
        users: Mapping[str, str],
        embedding: bool,
        on_domain: OnDomain = "flag",
    ) -> "HeadInputs":
        """Find or make the embedding, or what it would tell beside it, and blocks by their names.

        Notes
        -----
        `users` says for each block who takes it, for the words of an error.
        """
        vector = (
            embed(obj, handle, on_domain=on_domain)
            if embedding
            else _without_embedding(obj, handle, on_domain)
        )
        leading = [dim for dim in vector.dims if dim != EMBEDDING]
        blocks = {
            name: feature_columns(measured_block(obj, name, who), name, leading, vector)
            for name, who in users.items()
        }
        return cls(vector, blocks)

    def of_block(
        self, block: FeatureBlock, head: HeadSpec, handle: ModelHandle
    ) -> xr.DataArray:
        """Return the columns of a block that a head was fitted on, in its order.

        Shapes: gives (..., feature).
        """
        return self.blocks[block.name].fitted(block, _whose(head, handle))

    def missing(
        self, heads: Iterable[HeadSpec], handle: ModelHandle
    ) -> xr.DataArray | None:
        """Say of which vignettes a feature of any head is missing; None without features."""
        users = {block: head for head in heads for block in head.features}
        found: xr.DataArray | None = None
        for block, head in users.items():
            values = self.of_block(block, head, handle)
            part = ~(abs(values) < np.inf).all(str(values.dims[-1]))
            found = part if found is None else found | part
        return found


def block_variables(
    ds: xr.Dataset, handle: ModelHandle, heads: Iterable[HeadSpec]
) -> xr.Dataset:
    """Return the variables of every block that some heads of a model take."""
    found = xr.Dataset()
    for name, who in _users(heads, handle).items():
        measured = measured_block(ds, name, who)
        found = found.assign(measured.data_vars)
    return found


def holds_features_alone(obj: XarrayObject) -> bool:
    """Whether an object has measured features and neither images nor embeddings."""
    if not isinstance(obj, xr.Dataset) or not _PIXELS.isdisjoint(obj):
        return False
    known = (set(m.variables) <= set(obj.variables) for m in FEATURE_BLOCKS.values())
    return VIGNETTE in obj.dims and any(known)


def _whose(head: HeadSpec, handle: ModelHandle) -> str:
    return f"head {head.name!r} of model {handle.name!r}"


def _users(heads: Iterable[HeadSpec], handle: ModelHandle) -> dict[str, str]:
    """Blocks by name, and the first head that takes each."""
    users: dict[str, str] = {}
    for head in heads:
        for block in head.features:
            users.setdefault(block.name, _whose(head, handle))
    return users


def _without_embedding(
    obj: XarrayObject, handle: ModelHandle, on_domain: OnDomain
) -> xr.DataArray:
    """Give what tells of the vignettes beside an embedding, and one number that means nothing."""
    found = find_embedding(obj)
    if found is None and not holds_features_alone(obj):
        return observe(obj, handle, on_domain)
    if found is None:
        assert isinstance(obj, xr.Dataset)
        n = obj.sizes[VIGNETTE]
        along = {k: c for k, c in obj.coords.items() if set(c.dims) <= {VIGNETTE}}
        found = xr.DataArray(
            np.zeros((n, 1), np.float32), dims=(VIGNETTE, EMBEDDING), coords=along
        )
    bare = xr.zeros_like(found.isel({EMBEDDING: [0]}))
    flags = guard(bare, handle, on_domain)
    return bare if flags is None else bare.assign_coords(domain=flags)
