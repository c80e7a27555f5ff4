"""Embeddings and icebergs of the same vignettes, with one run of the backbone."""

import xarray as xr

from xoceansar.conventions import LINE, SAMPLE
from xoceansar.layout.images import XarrayObject
from xoceansar.ops import network_call
from xoceansar.ops.detection import Search, detected, icebergs
from xoceansar.ops.domain import OnDomain
from xoceansar.ops.embedding import Model, as_handle, embed, embedded_dims, labelled
from xoceansar.ops.network_call import NetworkInput


def embed_and_icebergs(
    obj: XarrayObject,
    *,
    model: Model = None,
    threshold: float | None = None,
    on_domain: OnDomain = "flag",
) -> tuple[xr.DataArray, xr.Dataset]:
    """Embed each vignette and find the icebergs in it.

    Notes
    -----
    Lazy. Where the images are larger than the model's input, the detector looks at several parts of
    them and the embedding at their centre: the backbone then runs for each.
    """
    handle = as_handle(model)
    search = Search.by(handle, threshold)
    given = NetworkInput.of(obj, handle, on_domain)
    if {given.images.sizes[dim] for dim in (LINE, SAMPLE)} != {handle.input.size}:
        return (
            embed(obj, model=handle, on_domain=on_domain),
            icebergs(obj, model=handle, threshold=threshold, on_domain=on_domain),
        )
    *embedded, boxes, count = given.apply(
        network_call.embed_and_detect,
        *embedded_dims(handle),
        *search.outputs,
        handle=handle,
        **search.arguments,
    )
    return (
        labelled(embedded, given, handle),
        detected((boxes, count), given, obj, handle, search),
    )
