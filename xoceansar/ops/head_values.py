"""Heads on an embedding: applied lazily, with what they need beside it, and named as CF wants."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import xarray as xr

from xoceansar.conventions import EMBEDDING, annotate
from xoceansar.errors import ConfidenceError, MissingVariableError, warn
from xoceansar.layout.images import centre_incidence, chunk_like
from xoceansar.layout.vignette_dims import assign_hint
from xoceansar.models.inference.runtime import head_block
from xoceansar.models.spec import HeadSpec, ModelHandle
from xoceansar.models.spec.intervals import check_confidence
from xoceansar.ops.embedding import TEXTURE, model_attrs
from xoceansar.ops.head_inputs import HeadInputs
from xoceansar.ops.wind_directions import axis_variables, find_heading


def value_of(inputs: HeadInputs, handle: ModelHandle, target: str) -> xr.DataArray:
    """Give the value of a regression."""
    head = handle.head(target)
    out = apply_head(inputs, handle, head, 1).isel(output=0)
    return annotate(out, target, units=head.units, **model_attrs(handle))


def values_of(
    inputs: HeadInputs, handle: ModelHandle, target: str, confidence: float | None
) -> dict[str, xr.DataArray]:
    """Give the value of a regression and, with a confidence, the bounds where it was calibrated."""
    head = handle.head(target)
    embedding = inputs.embedding
    if confidence is None or head.intervals is None:
        return {target: value_of(inputs, handle, target)}
    if "incidence" not in embedding.coords:
        raise MissingVariableError(
            f"intervals are calibrated for each beam of model {handle.name!r}, which the "
            "incidence angle tells, and the input has no coordinate 'incidence' (degree). Add "
            f"it with {assign_hint(embedding, 'incidence')}."
        )
    out = apply_head(inputs, handle, head, 3, confidence=confidence)
    extra = {**model_attrs(handle), "units": head.units}
    calibration = zip(head.intervals.beams, head.intervals.n, strict=True)
    about = {
        "confidence_level": float(confidence),
        "calibration": "split conformal for each beam, "
        + ", ".join(f"{beam}: {n} vignettes" for beam, n in calibration)
        + (" (simulated)" if handle.simulated else ""),
    }
    value = annotate(out.isel(output=0), target, **extra)
    bounds = {
        name: annotate(out.isel(output=i), name, **extra, **about)
        for i, name in ((1, f"{target}_lower"), (2, f"{target}_upper"))
    }
    add_ancillary(value, list(bounds))
    return {target: value, **bounds}


def check_calibrated(
    confidence: float | None, handle: ModelHandle, targets: list[str]
) -> None:
    """Refuse, before anything is built, a confidence that a head among some cannot give."""
    if confidence is None:
        return
    heads = [handle.head(target) for target in targets]
    calibrated = {h.name: h.intervals for h in heads if h.intervals is not None}
    without = [h.target for h in heads if h.intervals is None and _has_bounds(h)]
    if without or not calibrated:
        raise ConfidenceError(
            f"model {handle.name!r} was not calibrated for {without or targets}: it gives no "
            "intervals there. Leave out confidence=, or calibrate its heads with "
            "xoceansar.train.calibrate."
        )
    for name, intervals in calibrated.items():
        check_confidence(
            confidence, intervals, f"head {name!r} of model {handle.name!r}"
        )


def _has_bounds(head: HeadSpec) -> bool:
    """Whether a head gives a number that may have bounds: no class, axis or score."""
    return not head.classes and head.encoding != "axis" and head.kind != "distance"


def add_ancillary(value: xr.DataArray, names: Sequence[str]) -> None:
    """Name further ancillary variables of a variable, in place."""
    listed = str(value.attrs.get("ancillary_variables", "")).split()
    value.attrs["ancillary_variables"] = " ".join([*listed, *names])


def axis_of(
    inputs: HeadInputs,
    handle: ModelHandle,
    target: str,
    reference: xr.DataArray | None,
) -> dict[str, xr.DataArray]:
    """Give a direction with both its ends, and the error of its axis."""
    head = handle.head(target)
    heading = find_heading(inputs.embedding, f"{target} of model {handle.name!r}")
    encoded = apply_head(inputs, handle, head, head.n_outputs)
    return axis_variables(
        encoded, target, heading, reference=reference, **model_attrs(handle)
    )


def axis_or_warning(
    inputs: HeadInputs,
    handle: ModelHandle,
    target: str,
    reference: xr.DataArray | None,
) -> dict[str, xr.DataArray]:
    """Give a direction as `axis_of`, or nothing and a warning where the heading is absent."""
    embedding = inputs.embedding
    if "ground_heading" in embedding.coords or reference is not None:
        return axis_of(inputs, handle, target, reference)
    warn(
        f"{target} is left out: the input has no coordinate 'ground_heading' (degrees clockwise "
        "from north), which tells where the radar looked. Add it with "
        f"{assign_hint(embedding, 'ground_heading')}."
    )
    return {}


def apply_head(
    inputs: HeadInputs,
    handle: ModelHandle,
    head: HeadSpec,
    width: int,
    confidence: float | None = None,
) -> xr.DataArray:
    """Apply a head to an embedding and what it takes beside it.

    Shapes: gives (..., output).
    """
    embedding = inputs.embedding
    sigma0_mean = embedding.coords.get("sigma0_mean", xr.DataArray(np.nan))
    incidence = centre_incidence(embedding)
    if head.needs("incidence") and incidence is None:
        raise MissingVariableError(
            f"head {head.name!r} of model {handle.name!r} needs the incidence angle, and "
            "the input has no coordinate 'incidence' (degree). Add it with "
            f"{assign_hint(embedding, 'incidence')}."
        )
    if head.needs("sigma0_mean") and "sigma0_mean" not in embedding.coords:
        raise MissingVariableError(
            f"head {head.name!r} of model {handle.name!r} needs the mean sigma0 beside the "
            "embedding, and the coordinate 'sigma0_mean' (linear) is absent. Embed with "
            ".oceansar.embed(), which adds it."
        )
    texture = _texture(embedding, handle, head)
    features = [inputs.of_block(block, head, handle) for block in head.features]
    out: xr.DataArray = xr.apply_ufunc(
        _apply_block,
        embedding,
        sigma0_mean.reset_coords(drop=True),
        xr.DataArray(np.nan) if incidence is None else chunk_like(incidence, embedding),
        *features,
        *texture,
        kwargs={"handle": handle, "head": head, "confidence": confidence},
        input_core_dims=[
            [EMBEDDING],
            [],
            [],
            *([block.dims[-1]] for block in features),
            *([] for _ in texture),
        ],
        output_core_dims=[["output"]],
        dask="parallelized",
        output_dtypes=[np.float32],
        dask_gufunc_kwargs={"output_sizes": {"output": width}},
        keep_attrs=True,
    )
    return out


def _texture(
    embedding: xr.DataArray, handle: ModelHandle, head: HeadSpec
) -> list[xr.DataArray]:
    """Direction of the texture, where the head takes it: its two components."""
    if not head.needs("texture"):
        return []
    absent = [name for name in TEXTURE if name not in embedding.coords]
    if absent:
        raise MissingVariableError(
            f"head {head.name!r} of model {handle.name!r} needs the direction of the "
            f"kilometre-scale texture beside the embedding; absent: {absent}. Embed with "
            f".oceansar.embed(model={handle.name!r}), which adds it."
        )
    return [embedding.coords[name].reset_coords(drop=True) for name in TEXTURE]


def _apply_block(
    embedding: npt.NDArray[np.floating],
    sigma0_mean: npt.NDArray[np.floating],
    incidence: npt.NDArray[np.floating],
    *beside: npt.NDArray[np.floating],
    handle: ModelHandle,
    head: HeadSpec,
    confidence: float | None,
) -> npt.NDArray[np.float32]:
    """Apply a head to a block with any leading dims; a module-level name for Dask."""
    leading = embedding.shape[:-1]
    n = int(np.prod(leading, dtype=int))
    blocks, texture = beside[: len(head.features)], beside[len(head.features) :]
    features = [
        np.broadcast_to(block, (*leading, block.shape[-1])).reshape(n, block.shape[-1])
        for block in blocks
    ]
    out = head_block(
        embedding.reshape(n, embedding.shape[-1]),
        np.broadcast_to(sigma0_mean, leading).reshape(-1),
        np.broadcast_to(incidence, leading).reshape(-1),
        handle=handle,
        head=head,
        confidence=confidence,
        texture=np.stack(texture, axis=-1).reshape(-1, 2) if texture else None,
        features=np.concatenate(features, axis=1) if features else None,
    )
    return out.reshape(*leading, out.shape[-1])
