"""Calibrated complex images of vignettes at full resolution, for the spectra of looks."""

import hashlib
import pickle
from collections.abc import Sequence
from dataclasses import asdict, fields
from typing import Any, Final

import dask.array as da
import numpy as np
import numpy.typing as npt
import xarray as xr

from xoceansar.conventions import VIGNETTE, annotate
from xoceansar.errors import VignetteError, warn
from xoceansar.io.guard import guard
from xoceansar.io.safe.azimuth_processing import AzimuthProcessing
from xoceansar.io.safe.ground_grid import VignetteGrid
from xoceansar.io.safe.vignette_source import (
    Options,
    Source,
    load_annotation,
    load_numbers,
    load_processing,
    load_tables,
)
from xoceansar.sar.calibration import amplitude_table

__all__ = ["complex_variables"]

SLC_DIMS: Final = ("slc_line", "slc_sample")
#: Lines that are calibrated at a time.
_LINES: Final = 256


def complex_variables(
    sources: Sequence[Source], options: Options
) -> dict[str, xr.DataArray]:
    """Lazy ``slc`` of vignettes, a chunk each, and how each was focused.

    Notes
    -----
    Reads the annotations once more. Images are as large as the largest; NaN beyond an image's own
    lines and samples.
    """
    described = [_describe(source, options) for source in sources]
    variables = {
        name: annotate(
            xr.DataArray(
                np.array([row[name] for row in described], float), dims=VIGNETTE
            ),
            name,
        )
        for name in _NUMBERS
    }
    shape = tuple(
        max((row["shape"][axis] for row in described), default=0) for axis in (0, 1)
    )
    variables["slc"] = annotate(
        xr.DataArray(_lazy(list(sources), options, shape), dims=(VIGNETTE, *SLC_DIMS)),
        "slc",
    )
    return variables


_NUMBERS: Final = (
    "azimuth_spacing",
    "range_spacing",
    *(field.name for field in fields(AzimuthProcessing)),
)


def _describe(source: Source, options: Options) -> dict[str, Any]:
    row = {"shape": (1, 1), "azimuth_spacing": np.nan, "range_spacing": np.nan}
    row |= asdict(AzimuthProcessing())
    if not source.readable:
        return row
    try:
        note = source.annotation or load_annotation(source)
        where = source.store.where(source.files.path("annotation"))
        with guard(source.vignette, where):
            edges = VignetteGrid(note, options.grid).sample_edges_in
        processing = load_processing(source)
    except VignetteError as error:
        if options.raises:
            raise
        warn(f"{error} Its complex image and its spectra are missing.")
        return row
    return row | {
        "shape": (note.lines, note.samples),
        "azimuth_spacing": note.azimuth_spacing,
        "range_spacing": float(np.ptp(edges)) / note.samples,
        **asdict(processing),
    }


def _lazy(sources: list[Source], options: Options, shape: tuple[int, ...]) -> da.Array:
    if not sources:
        empty: da.Array = da.empty((0, *shape), dtype=np.complex64)
        return empty
    boxes = np.empty(len(sources), dtype=object)
    boxes[:] = sources
    key = hashlib.sha256(pickle.dumps((sources, shape))).hexdigest()
    chunks = da.from_array(boxes, chunks=1, name=f"vignettes-slc-{key}")  # type: ignore[no-untyped-call]
    images: da.Array = chunks.map_blocks(
        _read_images,
        name=f"slc-{key}",
        options=options,
        shape=shape,
        dtype=np.complex64,
        meta=np.empty((0, 0, 0), np.complex64),
        new_axis=[1, 2],
        chunks=(chunks.chunks[0], *((n,) for n in shape)),
    )
    return images


def _read_images(
    sources: npt.NDArray[Any], options: Options, shape: tuple[int, int]
) -> npt.NDArray[np.complex64]:
    """Read and calibrate complex images: what each task runs."""
    out = np.full((len(sources), *shape), np.nan + 1j * np.nan, np.complex64)
    for image, source in zip(out, sources, strict=True):
        if not source.readable:
            continue
        try:
            _read_image(source, options, image)
        except VignetteError as error:
            if options.raises:
                raise
            warn(f"{error} Its complex image and its spectra are missing.")
            image[:] = np.nan + 1j * np.nan
    return out


def _read_image(
    source: Source, options: Options, out: npt.NDArray[np.complex64]
) -> None:
    note = source.annotation or load_annotation(source)
    tables = load_tables(source, uncalibrated=options.uncalibrated)
    numbers = load_numbers(source, note)
    at, amplitude = np.zeros(1), np.ones((1, note.samples))
    if tables.calibration is not None:
        at, amplitude = amplitude_table(tables.calibration.amplitude, note.samples)
    for first in range(0, note.lines, _LINES):
        part = slice(first, min(first + _LINES, note.lines))
        place = np.interp(np.arange(part.start, part.stop), at, np.arange(at.size))
        lower = np.minimum(place.astype(int), max(at.size - 2, 0))
        upper = np.minimum(lower + 1, at.size - 1)
        share = (place - lower)[:, None]
        gain = amplitude[lower] * (1 - share) + amplitude[upper] * share
        pairs = numbers[part].reshape(-1, note.samples, 2)
        block = out[part, : note.samples]
        block.real = pairs[..., 0] / gain
        block.imag = pairs[..., 1] / gain
        block[(pairs == 0).all(axis=-1)] = np.nan + 1j * np.nan
