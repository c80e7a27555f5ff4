"""Images to embeddings."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import xarray as xr

from xoceansar.conventions import EMBEDDING, LINE, SAMPLE, annotate, history_line
from xoceansar.conventions.attributes import attribute_text
from xoceansar.errors import DimensionError, WeightsMismatchError
from xoceansar.layout.images import (
    Quantity,
    XarrayObject,
    apart,
    centre_incidence,
    find_embedding,
    spacing_of,
)
from xoceansar.models.bundle.library import load_model
from xoceansar.models.spec import ModelHandle
from xoceansar.ops import network_call
from xoceansar.ops.domain import OnDomain, guard
from xoceansar.ops.network_call import EMBEDDED, NetworkInput
from xoceansar.sar.texture import texture_axis

#: A model by name, by path, as a loaded handle, or None for the default bundle.
Model = str | ModelHandle | None

#: Coordinates of an embedding that say which way the kilometre-scale texture runs.
TEXTURE: Final = ("texture_cos2", "texture_sin2")


def embed(
    obj: XarrayObject, model: Model = None, *, on_domain: OnDomain = "flag"
) -> xr.DataArray:
    """Embed each vignette by the model's frozen backbone.

    Parameters
    ----------
    obj : Dataset or DataArray
        Calibrated images: ``sigma0`` (..., line, sample), linear, or ``sigma0_db``, with the
        coordinate ``pixel_spacing`` in metres. An embedding is returned as it is.
    model : str or ModelHandle, optional
        Name, path or handle; the default bundle where not given.
    on_domain : {"flag", "raise"}, optional
        What to do with vignettes of another beam or mode, incidence or resolution than the model
        was trained on: flag them in the coordinate ``domain`` and warn, or raise.

    Returns
    -------
    DataArray
        ``embedding_vector`` (..., embedding), float32, with the coordinates of the input that
        have no image dims, and ``sigma0_mean`` (linear) and ``valid_fraction``; where a head of
        the model takes it, the direction of the kilometre-scale texture as ``texture_cos2`` and
        ``texture_sin2`` (`xoceansar.sar.texture_axis`). A vignette
        with too little data, or of a polarisation that the model does not know, is a row of NaN.
        ``embedding_precision`` says which precision the process that embedded it chose.
        ``domain`` says in what each differs from the training set, as flags.

    Raises
    ------
    MissingVariableError, DimensionError, UnitsError, ChunkingError
        If the input is not calibrated images in the library's layout.
    DomainError
        If the pixel spacing or the image size is not the model's, or no vignette has its
        polarisation; with ``on_domain="raise"``, if any vignette differs from the training set.

    Notes
    -----
    Lazy: with Dask input nothing is computed and no weight is read here; the chunks along
    ``vignette`` stay.

    Examples
    --------
    >>> import xoceansar as xos
    >>> sea = xos.simulate.vignettes(1, seed=1)
    >>> vectors = xos.ops.embed(sea)
    >>> dict(vectors.sizes), int(vectors.domain[0])
    ({'vignette': 1, 'embedding': 768}, 0)
    >>> bool(abs(vectors.sigma0_mean[0] / sea.sigma0.mean() - 1) < 1e-5)
    True
    """
    handle = as_handle(model)
    found = find_embedding(obj)
    if found is None:
        return _embed_images(obj, handle, on_domain)
    vector = check_embedding(found, handle)
    if on_domain == "raise" or "domain" not in vector.coords:
        flags = guard(vector, handle, on_domain)
        if flags is not None:
            return vector.assign_coords(domain=flags)
    return vector


def as_handle(model: Model) -> ModelHandle:
    """Return the handle of a model."""
    return model if isinstance(model, ModelHandle) else load_model(model)


def model_attrs(handle: ModelHandle) -> dict[str, Any]:
    """Give the provenance attributes of everything that a model makes."""
    attrs: dict[str, Any] = {
        "model": handle.name,
        "weights_sha256": handle.weights_sha256,
    }
    if handle.simulated:
        attrs["model_training"] = f"{handle.origin}; not a measurement of the real sea"
    return attrs


def check_embedding(vector: xr.DataArray, handle: ModelHandle) -> xr.DataArray:
    """Refuse an embedding that a model did not make.

    Shapes: `vector` (..., embedding).
    """
    made_by = attribute_text(vector.attrs, "weights_sha256")
    if made_by is not None and made_by != handle.weights_sha256:
        raise WeightsMismatchError(
            f"this embedding was made by model {vector.attrs.get('model')!r} (weights "
            f"{made_by[:12]}), and model {handle.name!r} has the weights "
            f"{handle.weights_sha256[:12]}. Pass model={vector.attrs.get('model')!r}, or "
            "embed the images again."
        )
    if vector.sizes[EMBEDDING] != handle.embedding_dim:
        raise DimensionError(
            f"model {handle.name!r} makes embeddings of length {handle.embedding_dim}; "
            f"this one has {vector.sizes[EMBEDDING]}."
        )
    return vector


def _embed_images(
    obj: XarrayObject, handle: ModelHandle, on_domain: OnDomain
) -> xr.DataArray:
    given = NetworkInput.of(obj, handle, on_domain)
    arrays = given.apply(network_call.embed, *embedded_dims(handle), handle=handle)
    return labelled(arrays, given, handle)


def observe(
    obj: XarrayObject, handle: ModelHandle, on_domain: OnDomain
) -> xr.DataArray:
    """See of images what `embed` tells beside the embedding, without running the network.

    Shapes: gives (..., embedding), with one missing number along ``embedding``.
    """
    given = NetworkInput.of(obj, handle, on_domain)
    dims: list[dict[str, int]] = [{EMBEDDING: 1}, {}, {}]
    arrays = given.apply(network_call.observe, *dims, handle=handle)
    return labelled(arrays, given, handle)


def embedded_dims(handle: ModelHandle) -> list[dict[str, int]]:
    """Give the dims of the outputs of `xoceansar.ops.network_call.embed`."""
    return [{EMBEDDING: handle.embedding_dim}, *({} for _ in EMBEDDED[1:])]


def labelled(
    arrays: Sequence[xr.DataArray], given: NetworkInput, handle: ModelHandle
) -> xr.DataArray:
    """Give the numbers of the network, or of what it would see, names, coordinates and attributes."""
    values = dict(zip(EMBEDDED, arrays, strict=False))
    precision = values.pop("embedding_precision", None)
    values = {name: given.without_refused(value) for name, value in values.items()}
    vector = annotate(
        values.pop("embedding_vector"), "embedding_vector", **model_attrs(handle)
    )
    vector.attrs["history"] = history_line(f"embedded by {handle.name}")
    extras = {
        name: annotate(value.reset_coords(drop=True), name)
        for name, value in values.items()
    }
    if precision is not None:
        bits = precision.reset_coords(drop=True).astype(np.int8)
        extras["embedding_precision"] = annotate(bits, "embedding_precision")
    if any(head.needs("texture") for head in handle.heads):
        extras |= texture_of(given.images, given.quantity)
    vector = vector.assign_coords(extras)
    if given.flags is not None:
        vector = vector.assign_coords(domain=apart(given.flags))
    incidence = centre_incidence(given.images)
    if incidence is not None:
        vector = vector.assign_coords(incidence=annotate(incidence, "incidence"))
    return vector


def texture_of(images: xr.DataArray, quantity: Quantity) -> dict[str, xr.DataArray]:
    """Measure the direction of the kilometre-scale texture of each vignette.

    Shapes: `images` (..., line, sample).
    """
    both: xr.DataArray = xr.apply_ufunc(
        _texture_axis,
        images,
        input_core_dims=[[LINE, SAMPLE]],
        output_core_dims=[["component"]],
        kwargs={
            "spacing": spacing_of(images),
            "quantity": quantity,
        },
        dask="parallelized",
        output_dtypes=[np.float32],
        dask_gufunc_kwargs={"output_sizes": {"component": 2}},
    )
    return {
        name: annotate(both.isel(component=i).reset_coords(drop=True), name)
        for i, name in enumerate(TEXTURE)
    }


def _texture_axis(
    sigma0: npt.NDArray[np.floating], *, spacing: float, quantity: Quantity
) -> npt.NDArray[np.float32]:
    """Measure the texture of a block with any leading dims."""
    images = sigma0.reshape(-1, *sigma0.shape[-2:])
    linear = images if quantity == "linear" else 10 ** (images / 10)
    return texture_axis(linear, spacing).reshape(*sigma0.shape[:-2], 2)
