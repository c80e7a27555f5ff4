"""Which vignettes a backbone can be trained on, as far as their metadata tells."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import xarray as xr

from xoceansar._typing import Array
from xoceansar.conventions import LINE, SAMPLE, VIGNETTE, Quality
from xoceansar.conventions.texts import text_values
from xoceansar.errors import (
    DimensionError,
    TrainingError,
    warn,
)
from xoceansar.layout.images import (
    Quantity,
    XarrayObject,
    check_images,
    find_images,
    incidence_ends,
    profile_between,
)
from xoceansar.models.networks.preprocessing import beam_of, network_input
from xoceansar.models.spec import InputSpec
from xoceansar.ops.quality_flags import whole_flags

Rows = npt.NDArray[np.int64]

#: What messages call the model that does not exist yet.
_NAME: Final = "in training"


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """Vignettes before any of their pixels is read."""

    #: (vignette, line, sample): Images without coordinates, not loaded.
    pixels: xr.DataArray
    #: Of the images.
    quantity: Quantity
    #: (vignette,) or (vignette, 2), or None: In degrees: the mean, or near and far range where the
    #: input depends on the profile.
    incidence: Array | None
    #: (vignette,) of bool: Whether nothing speaks against a vignette.
    offered: Array
    #: How many are not offered, by the first reason found.
    skipped: dict[str, int]
    #: (vignette,) of int: Chunk of each vignette.
    chunk_of_row: Rows
    #: (chunks + 1,) of int: First vignette of each chunk, and the number of vignettes.
    bounds: Rows
    #: (vignette,), float32: Constants of the input; NaN where they are the vignette's own.
    mean: npt.NDArray[np.float32]
    scale: npt.NDArray[np.float32]

    def incidence_of(self, rows: Rows) -> Array:
        """Return the incidence of some rows as `network_input` takes it.

        Shapes: `rows` (k,) -> (k,). In degrees; NaN where the images have none.
        """
        if self.incidence is None:
            return np.full(len(rows), np.nan, np.float32)
        some = self.incidence[rows]
        if some.ndim == 1:
            return some
        return profile_between(some, self.pixels.sizes[SAMPLE])


def find_candidates(
    ds: XarrayObject, spec: InputSpec, exclude: tuple[str, ...] = ()
) -> Candidates:
    """Check a set of vignettes and choose by flags, polarisation and beam."""
    images, quantity = find_images(ds)
    pixels, incidence = _checked(images, spec)
    n = pixels.sizes[VIGNETTE]
    # No vignette at all: only the dtype and the size are checked.
    none = np.empty((0, *pixels.shape[1:]), pixels.dtype)
    network_input(none, np.empty(0), spec=spec, quantity=quantity)
    offered, skipped = np.ones(n, dtype=bool), {}
    for reason, drop in _told_by_metadata(ds, images, spec, exclude):
        if (drop & offered).any():
            skipped[reason] = int((drop & offered).sum())
        offered &= ~drop
    beams = _beams(incidence, spec, n)
    return Candidates(
        pixels,
        quantity,
        incidence,
        offered,
        skipped,
        *_chunks(pixels),
        mean=_constants(spec.mean, beams, spec),
        scale=_constants(spec.std, beams, spec),
    )


def _checked(
    images: xr.DataArray, spec: InputSpec
) -> tuple[xr.DataArray, Array | None]:
    """Pixels (vignette, line, sample) without coordinates, and the incidence in memory."""
    if set(images.dims) != {VIGNETTE, LINE, SAMPLE}:
        raise DimensionError(
            "a pool needs images with dims ('vignette', 'line', 'sample'); got "
            f"{images.dims}. Use .isel(vignette=[0]) for one, or .stack(vignette=[...])."
        )
    check_images(images, spec, _NAME)
    pixels = images.transpose(VIGNETTE, LINE, SAMPLE).reset_coords(drop=True)
    if "incidence" not in images.coords and not spec.needs_incidence:
        return pixels, None
    incidence, core = incidence_ends(images, spec, _NAME)
    if VIGNETTE not in incidence.dims:
        incidence = incidence.expand_dims({VIGNETTE: pixels.sizes[VIGNETTE]})
    values = incidence.transpose(VIGNETTE, *core).values
    return pixels, values.astype(np.float32)


def _chunks(pixels: xr.DataArray) -> tuple[Rows, Rows]:
    """Chunk of each row, and where chunks start and the last ends; single rows in memory."""
    n = pixels.sizes[VIGNETTE]
    lengths = pixels.chunksizes.get(VIGNETTE)
    if lengths is None:
        side = pixels.encoding.get("preferred_chunks", {}).get(VIGNETTE, 1)
        lengths = tuple(min(side, n - first) for first in range(0, n, side))
    bounds = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    return np.repeat(np.arange(len(lengths)), lengths), bounds


def _told_by_metadata(
    ds: XarrayObject, images: xr.DataArray, spec: InputSpec, exclude: tuple[str, ...]
) -> Iterator[tuple[str, Array]]:
    """Reasons to skip vignettes that need no pixel, and whom they concern."""
    known = {str(flag.name).lower(): flag for flag in Quality}
    unknown = sorted(set(exclude) - set(known))
    if unknown:
        raise TrainingError(
            f"data.exclude must hold flags of quality; got {unknown}; known: {list(known)}."
        )
    if exclude and isinstance(ds, xr.Dataset) and "quality" in ds:
        flags = whole_flags(ds["quality"]).values.astype(np.int64)
        for name in exclude:
            yield name, flags & known[name].value != 0
    elif exclude:
        warn(
            f"the vignettes have no variable 'quality', so none is skipped for being "
            f"{' or '.join(exclude)}. Pass a Dataset with quality, or exclude=()."
        )
    for name, trained in (
        ("polarisation", spec.polarisations),
        ("beam", spec.beams),
    ):
        if name in images.coords and trained:
            inside = np.isin(text_values(images.coords[name]), trained)
            yield name, np.broadcast_to(~inside, images.sizes[VIGNETTE])


def _beams(incidence: Array | None, spec: InputSpec, n: int) -> Array:
    if incidence is None or not spec.needs_beam:
        return np.full(n, "")
    return beam_of(incidence)


def _constants(
    value: float | tuple[float, ...] | None, beams: Array, spec: InputSpec
) -> npt.NDArray[np.float32]:
    """One number for each vignette; NaN where it is not a constant of the input."""
    if isinstance(value, tuple):
        table = dict(zip(spec.beams, value, strict=True))
        return np.array([table.get(str(beam), np.nan) for beam in beams], np.float32)
    return np.full(len(beams), np.nan if value is None else value, np.float32)
