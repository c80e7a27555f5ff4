"""Geolocation, calibration, noise and pixels of a vignette in an EOPF product, as the SAFE files give them.

In EOPF products every table has times in azimuth and in range for axes. They are lines and samples of the image
again here, by which all that follows is the same for both formats.
"""

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from xoceansar.errors import ProductError
from xoceansar.io.eopf.eopf_stems import described, found_at, properties
from xoceansar.io.eopf.grid_points import complete_points
from xoceansar.io.eopf.slc_listing import is_denoised
from xoceansar.io.eopf.zarr_groups import EopfStore
from xoceansar.io.safe.annotation import (
    Annotation,
    Calibration,
    Noise,
    amplitudes_of,
    explained,
    grid_of,
    noise_of,
    positive,
    vectors_of,
)
from xoceansar.sar.calibration import AzimuthNoise, Vectors

__all__ = ["read_annotation", "read_calibration", "read_noise", "read_numbers"]

Array = npt.NDArray[np.float64]

_LIGHT: Final = 299_792_458.0
_POLARIZATION: Final = "polarization"
_SECOND: Final = np.timedelta64(1_000_000_000, "ns")
#: Of a line or sample: tables lie on whole ones, and their times are rounded to microseconds.
_ROUNDING: Final = 0.05
#: Lines or samples by which a step of the axes of an image may be off the others.
_UNEVEN: Final = 0.5
_IMAGE: Final = "image_annotation/image_information"


class _Axes:
    """Lines and samples of an image by their times."""

    def __init__(self, store: EopfStore, image: str) -> None:
        self.where = store.where(image)
        self.times = store.times(f"{image}/azimuth_time")
        self.delays = store.values(f"{image}/slant_range_time").astype(float)
        slc = store.array(f"{image}/slc")
        shape = slc.shape[-2:]
        if slc.ndim not in (2, 3) or shape != (self.times.size, self.delays.size):
            raise ValueError(
                f"the image is of {slc.shape} values, and its axes have {self.times.size} and {self.delays.size}"
            )
        if slc.ndim == 3 and slc.shape[0] != 1:
            raise ValueError(
                f"{slc.shape[0]} images are joined along polarization, and Wave Mode has one polarization: the "
                "converter took neighbours of one beam for polarisations of one vignette"
            )
        seconds = (self.times - self.times[0]) / _SECOND
        self.interval = _even_step(seconds, "azimuth_time")
        self.delay_step = _even_step(self.delays, "slant_range_time")

    @property
    def lines(self) -> int:
        return int(self.times.size)

    @property
    def samples(self) -> int:
        return int(self.delays.size)

    def line_at(self, times: npt.NDArray[np.datetime64]) -> Array:
        since = np.where(np.isnat(times), np.nan, (times - self.times[0]) / _SECOND)
        return _whole(since / self.interval)

    def sample_at(self, delays: npt.NDArray[Any]) -> Array:
        return _whole((delays.astype(float) - self.delays[0]) / self.delay_step)


def _even_step(axis: Array, name: str) -> float:
    """Step of an axis, which has to be the same everywhere."""
    if axis.size < 2:
        raise ValueError(f"{name} has {axis.size} values")
    step = positive(float(axis[-1] - axis[0]) / (axis.size - 1))
    steps = np.diff(axis) / step
    if not (np.abs(steps - 1) <= _UNEVEN).all():
        raise ValueError(
            f"{name} of the image does not rise in even steps: images may be joined that are not one"
        )
    return step


def _whole(places: Array) -> Array:
    """Whole lines or samples, where the rounding of their times alone is in the way."""
    whole = np.rint(places)
    return np.where(np.abs(places - whole) <= _ROUNDING, whole, places)


def read_annotation(store: EopfStore, group: str) -> Annotation:
    """Read what geolocation needs; no pixel is read."""
    with explained(store.where(group)):
        axes = _Axes(store, f"{group}/measurements".lstrip("/"))
        attributes = store.attributes(group)
        spacing = found_at(described(attributes), f"{_IMAGE}/azimuth_pixel_spacing")
        if spacing is None:
            spacing = properties(attributes).get("sar:pixel_spacing_azimuth")
        if spacing is None:
            raise ValueError("nothing says how far apart its lines are")
        grid, height = grid_of(_points(store, f"{group}/conditions/gcp".lstrip("/"), axes))  # fmt: skip
        return Annotation(
            first_line=axes.times[0],
            last_line=axes.times[-1],
            lines=axes.lines,
            samples=axes.samples,
            azimuth_spacing=positive(float(spacing)),
            range_spacing=axes.delay_step * _LIGHT / 2,
            denoised=is_denoised(attributes),
            grid=grid,
            height=height,
        )


def _points(store: EopfStore, gcp: str, axes: _Axes) -> Array:
    """Points of the geolocation grid, as `grid_of` takes them.

    Their own times say where they lie: those of the axes of the grid are wrong beyond the image, and may be in
    another order than its rows.
    """
    places = {
        name: _table(store, f"{gcp}/{name}")
        for name in ("longitude", "latitude", "incidence_angle", "height")
    }
    times = store.times(f"{gcp}/azimuth_time_gcp")
    line = axes.line_at(times[0] if times.ndim == 3 else times)
    sample = axes.sample_at(_table(store, f"{gcp}/slant_range_time_gcp"))
    tables = (line, sample, *places.values())
    shapes = {table.shape for table in tables}
    if len(shapes) != 1 or line.ndim != 2:
        raise ValueError(f"the geolocation grid has tables of the sizes {sorted(shapes)}")  # fmt: skip
    return complete_points(np.stack(tables, axis=-1))


def _table(store: EopfStore, path: str) -> npt.NDArray[Any]:
    """Read a table without its polarization."""
    values = store.values(path, whole=not path.endswith("height"))
    if values.ndim == 3 and values.shape[0] == 1:
        return np.asarray(values[0])
    if values.ndim != 2:
        raise ValueError(f"{path.rpartition('/')[2]} is of {values.shape} values")
    return values


def read_calibration(store: EopfStore, group: str, image: str) -> Calibration:
    """Read the calibration vectors; `group` is theirs."""
    with explained(store.where(group)):
        axes = _Axes(store, image)
        amplitude = amplitudes_of(_lut(store, group, "sigma_nought", axes), "sigma_nought")  # fmt: skip
        told = store.size(f"{group}/beta_nought") is not None
        beta = _lut(store, group, "beta_nought", axes) if told else None
        return Calibration(amplitude, None if beta is None else amplitudes_of(beta, "beta_nought"))  # fmt: skip


def read_noise(store: EopfStore, group: str, image: str) -> Noise:
    """Read the noise vectors; `group` is that of those along range."""
    with explained(store.where(group)):
        axes = _Axes(store, image)
        along_range = _lut(store, group, "noise_range_lut", axes, ragged=True)
        other = group.replace("noise_range", "noise_azimuth")
        there = store.size(f"{other}/noise_azimuth_lut") is not None
        return noise_of(along_range, _azimuth_noise(store, other, axes) if there else ())  # fmt: skip


def _lut(
    store: EopfStore, group: str, name: str, axes: _Axes, *, ragged: bool = False
) -> Vectors:
    """Vectors of a table, at the lines and samples of its axes.

    A vector that is shorter than the first ends in missing values; their samples are those of the first.
    """
    values = _table(store, f"{group}/{name}").astype(float)
    line = axes.line_at(store.times(f"{group}/azimuth_time"))
    sample = axes.sample_at(store.values(f"{group}/slant_range_time"))
    if values.shape != (line.size, sample.size):
        raise ValueError(
            f"{name} is of {values.shape[0]} x {values.shape[1]} values, and its axes have {line.size} and "
            f"{sample.size}"
        )
    ends = [sample.size] * line.size
    if ragged:
        ends = [_end(row) for row in values]
    return vectors_of(
        line,
        [sample[:end] for end in ends],
        [row[:end] for row, end in zip(values, ends, strict=True)],
        name,
    )


def _end(row: Array) -> int:
    """Where the values of a vector end."""
    finite = np.flatnonzero(np.isfinite(row))
    return int(finite[-1]) + 1 if finite.size else row.size


def _azimuth_noise(
    store: EopfStore, group: str, axes: _Axes
) -> tuple[AzimuthNoise, ...]:
    """Read factors along azimuth, of the one swath that Wave Mode has."""
    value = _table(store, f"{group}/noise_azimuth_lut").astype(float).ravel()
    line = axes.line_at(store.times(f"{group}/azimuth_time"))
    if value.size != line.size:
        raise ValueError(f"noise_azimuth_lut has {value.size} values, and its axis {line.size}")  # fmt: skip
    known = np.isfinite(value)
    first, last = (
        int(store.values(f"{group}/{which}_azimuth_line").ravel()[0])
        for which in ("first", "last")
    )
    return (AzimuthNoise(first, last, line[known], value[known]),)


def read_numbers(
    store: EopfStore, path: str, lines: int, samples: int
) -> npt.NDArray[np.int16] | npt.NDArray[np.float32]:
    """Read the complex digital numbers of a vignette.

    Shapes: gives (line, 2 * sample).

    Notes
    -----
    They are integers in float32: as such again, where all are, they go through the very same arithmetic as
    those of the SAFE format. What is missing becomes zero, as the SAFE format has it.
    """
    array = store.array(path)
    if array.dtype.kind != "c" or array.shape[-2:] != (lines, samples):
        raise ProductError(
            f"{store.where(path)} is of {array.shape} values of type {array.dtype}, and its axes say {lines} x "
            f"{samples} complex ones. Download the product again."
        )
    values = store.values(path, whole=True).astype(np.complex64, copy=False)
    pairs = np.ascontiguousarray(values.reshape(lines, samples)).view(np.float32)
    pairs[~np.isfinite(pairs)] = 0
    with np.errstate(invalid="ignore"):
        whole = pairs.astype(np.int16)
    return whole if np.array_equal(whole, pairs) else pairs
