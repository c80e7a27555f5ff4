"""From labelled images to calls of the network on blocks, and back to labelled arrays."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import xarray as xr

from xoceansar._typing import Array
from xoceansar.conventions import LINE, SAMPLE
from xoceansar.errors import UnitsError
from xoceansar.layout.images import (
    Quantity,
    XarrayObject,
    check_images,
    chunk_like,
    find_images,
    incidence_ends,
    profile_between,
)
from xoceansar.models.bundle.library import warn_if_simulated
from xoceansar.models.inference.detection_blocks import (
    detect_block,
    embed_and_detect_block,
)
from xoceansar.models.inference.runtime import (
    NetworkOutput,
    embed_block,
    missing_output,
    observe_block,
    precision_bits,
)
from xoceansar.models.spec import ModelHandle
from xoceansar.models.spec.detector_spec import DetectorSpec
from xoceansar.ops.domain import OnDomain, guard, refused
from xoceansar.ops.quality_flags import broken

#: What `embed` gives of each vignette, beside which the embedding has its own dim.
EMBEDDED: Final = (
    "embedding_vector",
    "sigma0_mean",
    "valid_fraction",
    "embedding_precision",
)


@dataclass(frozen=True, eq=False)
class NetworkInput:
    """Images that a model can take, checked, with what it needs beside them.

    Parameters
    ----------
    images : DataArray (..., line, sample)
        Sigma0.
    quantity : {"linear", "dB"}
        Its scale.
    incidence : DataArray (...) or (..., end)
        Incidence angle, degrees; its two ends where the model's input depends on it.
    flags : DataArray or None
        In what each vignette differs from the training set.
    flagged : DataArray of bool (...)
        Whether a reader has flagged a vignette as broken: that it does not look like sigma0 is
        then no error of units.
    """

    images: xr.DataArray
    quantity: Quantity
    incidence: xr.DataArray
    flags: xr.DataArray | None
    flagged: xr.DataArray

    @classmethod
    def of(
        cls, obj: XarrayObject, handle: ModelHandle, on_domain: OnDomain
    ) -> "NetworkInput":
        """Find and check the images of an object."""
        images, quantity = find_images(obj)
        check_images(images, handle.input, handle.name)
        # here, and not where the weights are read: a worker's warning reaches nobody
        warn_if_simulated(handle)
        flags = guard(images, handle, on_domain)
        ends, _ = incidence_ends(images, handle.input, handle.name)
        flagged = chunk_like(broken(obj), images)
        return cls(images, quantity, chunk_like(ends, images), flags, flagged)

    def apply(
        self, function: Callable[..., Any], *outputs: dict[str, int], **kwargs: Any
    ) -> Any:
        """Call a function of this module on each block."""
        return xr.apply_ufunc(
            function,
            self.images,
            self.incidence,
            self.flagged,
            kwargs={"quantity": self.quantity, **kwargs},
            input_core_dims=[
                [LINE, SAMPLE],
                ["end"] if "end" in self.incidence.dims else [],
                [],
            ],
            output_core_dims=[list(sizes) for sizes in outputs],
            dask="parallelized",
            output_dtypes=[np.float32] * len(outputs),
            dask_gufunc_kwargs={
                "output_sizes": {k: n for sizes in outputs for k, n in sizes.items()}
            },
            keep_attrs=True,
        )

    def without_refused(self, raw: xr.DataArray) -> xr.DataArray:
        """Set to NaN what belongs to vignettes that no model may be given."""
        missing = refused(self.flags, self.images)
        return raw if missing is None else raw.where(~missing)


# What Dask calls, at module level: blocks with any leading dims.


def embed(
    sigma0: Array,
    incidence: Array,
    flagged: Array,
    *,
    handle: ModelHandle,
    quantity: Quantity,
) -> tuple[Array, ...]:
    """Embed a block; the arrays of `EMBEDDED`.

    Shapes: `sigma0` (..., line, sample).
    """
    images, angle = _flat(sigma0, incidence)
    try:
        out = embed_block(images, angle, handle=handle, quantity=quantity)
    except UnitsError:
        if not flagged.all():
            raise
        out = missing_output(len(images), handle.embedding_dim)
    return _embedded(out, handle, sigma0)


def observe(
    sigma0: Array,
    incidence: Array,
    flagged: Array,
    *,
    handle: ModelHandle,
    quantity: Quantity,
) -> tuple[Array, ...]:
    """Look at a block without a network; the first three arrays of `EMBEDDED`, no vector.

    Shapes: `sigma0` (..., line, sample).
    """
    images, angle = _flat(sigma0, incidence)
    try:
        out = observe_block(images, angle, handle=handle, quantity=quantity)
    except UnitsError:
        if not flagged.all():
            raise
        out = missing_output(len(images), 1)
    return tuple(_shaped(array, sigma0) for array in out)


def detect(
    sigma0: Array,
    incidence: Array,
    flagged: Array,
    *,
    handle: ModelHandle,
    detector: DetectorSpec,
    quantity: Quantity,
    threshold: float,
    most: int,
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Detect targets in a block."""
    images, angle = _flat(sigma0, incidence)
    try:
        targets, count = detect_block(
            images, angle, handle=handle, detector=detector, quantity=quantity,
            threshold=threshold, most=most,
        )  # fmt: skip
    except UnitsError:
        if not flagged.all():
            raise
        targets, count = _missing(len(images), most, 5), _missing(len(images))
    return _shaped(targets, sigma0), _shaped(count, sigma0)


def embed_and_detect(
    sigma0: Array,
    incidence: Array,
    flagged: Array,
    *,
    handle: ModelHandle,
    detector: DetectorSpec,
    quantity: Quantity,
    threshold: float,
    most: int,
) -> tuple[Array, ...]:
    """Embed a block and detect targets in it, with one run of the backbone."""
    images, angle = _flat(sigma0, incidence)
    try:
        out, targets, count = embed_and_detect_block(
            images, angle, handle=handle, detector=detector, quantity=quantity,
            threshold=threshold, most=most,
        )  # fmt: skip
    except UnitsError:
        if not flagged.all():
            raise
        out = missing_output(len(images), handle.embedding_dim)
        targets, count = _missing(len(images), most, 5), _missing(len(images))
    return (
        *_embedded(out, handle, sigma0),
        _shaped(targets, sigma0),
        _shaped(count, sigma0),
    )


def _flat(sigma0: Array, incidence: Array) -> tuple[Array, Array]:
    """Images (n, line, sample), and the incidence of each or of its samples."""
    leading = sigma0.shape[:-2]
    images = sigma0.reshape(-1, *sigma0.shape[-2:])
    if incidence.ndim == len(leading) + 1:
        ends = np.broadcast_to(incidence, (*leading, 2)).reshape(-1, 2)
        return images, profile_between(ends, sigma0.shape[-1])
    return images, np.broadcast_to(incidence, leading).reshape(-1)


def _shaped(out: Array, sigma0: Array) -> npt.NDArray[np.float32]:
    return out.reshape((*sigma0.shape[:-2], *out.shape[1:]))


def _embedded(
    out: NetworkOutput, handle: ModelHandle, sigma0: Array
) -> tuple[Array, ...]:
    bits = np.full(len(out.values), precision_bits(handle), np.float32)
    return tuple(_shaped(array, sigma0) for array in (*out, bits))


def _missing(*shape: int) -> npt.NDArray[np.float32]:
    return np.full(shape, np.nan, np.float32)
