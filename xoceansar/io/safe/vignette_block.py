"""Read a chunk of vignettes: what each Dask task runs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from xoceansar.conventions import Quality
from xoceansar.errors import VignetteError, warn
from xoceansar.io.guard import guard
from xoceansar.io.safe.annotation import Annotation
from xoceansar.io.safe.ground_grid import VignetteGrid
from xoceansar.io.safe.plausibility import calibration_doubts, noise_doubts
from xoceansar.io.safe.vignette_source import (
    Options,
    Source,
    Tables,
    load_annotation,
    load_tables,
)
from xoceansar.sar.calibration_events import is_uncalibrated
from xoceansar.sar.land import land_fraction
from xoceansar.sar.pixel_quality import (
    MISSING_LIMIT,
    implausible_mean,
    implausible_nesz,
    pixel_flags,
    sea_ice_possible,
)

__all__ = ["FIELDS", "read_block"]

#: Variables that one reading gives: dtype and whether they are images.
FIELDS: Final[dict[str, tuple[type[np.generic], bool]]] = {
    "sigma0": (np.float32, True),
    "nesz": (np.float32, True),
    "quality": (np.uint8, False),
    "no_data_fraction": (np.float32, False),
    "below_noise_fraction": (np.float32, False),
}
#: Points along each side of the lattice on which land is looked up: 1.7 km apart.
_LAND_POINTS: Final = 12


@dataclass(frozen=True, eq=False)
class _Row:
    sigma0: npt.NDArray[np.float32]
    nesz: npt.NDArray[np.float32]
    quality: Quality
    no_data_fraction: np.float32
    below_noise_fraction: np.float32


def read_block(
    sources: Sequence[Source], options: Options
) -> dict[str, npt.NDArray[Any]]:
    """Read, calibrate and flag some vignettes."""
    rows = [_read(source, options) for source in sources]
    return {
        name: np.array([getattr(row, name) for row in rows], dtype=dtype)
        for name, (dtype, _) in FIELDS.items()
    }


def _read(source: Source, options: Options) -> _Row:
    if not source.readable:
        return _unreadable(options)
    try:
        return _read_good(source, options)
    except VignetteError as error:
        if options.raises:
            raise
        warn(f"{error} Its rows are missing and its quality says 'unreadable'.")
        return _unreadable(options)


def _read_good(source: Source, options: Options) -> _Row:
    note = source.annotation or load_annotation(source)
    grid = VignetteGrid(note, options.grid)
    tables = load_tables(source, uncalibrated=options.uncalibrated)
    if options.reader == "xsar":
        from xoceansar.io.safe.xsar_reader import read_averages
    else:
        from xoceansar.io.safe.direct_reader import read_averages
    with guard(source.vignette, source.store.where(source.files.path("measurement"))):
        averages = read_averages(source, grid, tables)
    raw, nesz = averages.sigma0_raw, averages.nesz
    subtracted = not note.denoised and tables.noise is not None
    sigma0 = raw - nesz if subtracted else raw.copy()
    empty = averages.missing > MISSING_LIMIT
    sigma0[empty] = np.nan
    nesz[empty] = np.nan
    flags, no_data, below = pixel_flags(sigma0, averages.saturated)
    doubts = _doubts(note, tables, nesz, sigma0)
    name = source.files.name
    if not source.simulated and is_uncalibrated(name.platform, name.beam, name.start):
        doubts.append(f"is of a time when {name.platform} was not calibrated")
    if doubts:
        warn(
            f"vignette {source.vignette} {', and '.join(doubts)}. Its "
            "quality says 'calibration_suspect'; leave it out unless you know better."
        )
        flags |= Quality.CALIBRATION_SUSPECT
    with guard(source.vignette, source.store.where(source.files.path("annotation"))):
        flags |= _place_flags(grid, options)
    return _Row(sigma0, nesz, flags, no_data, below)


def _doubts(
    note: Annotation,
    tables: Tables,
    nesz: npt.NDArray[np.float32],
    sigma0: npt.NDArray[np.float32],
) -> list[str]:
    """Say what makes the calibration suspect."""
    if tables.calibration is None:
        return ["has no calibration file: its sigma0 is the squared digital numbers"]
    doubts = calibration_doubts(tables.calibration, note)
    if tables.noise is not None:
        doubts += noise_doubts(tables.noise, note)
    elif not note.denoised:
        doubts.append("has no noise file: noise is not removed from its sigma0")
    median, mean = implausible_nesz(nesz), implausible_mean(sigma0)
    if median is not None:
        doubts.append(
            f"has a median NESZ of {median:.3g} (linear), which the radar cannot have: its noise or "
            "calibration vectors are in another unit"
        )
    if mean is not None:
        doubts.append(f"has a mean sigma0 of {mean:.3g} (linear), which no surface has")
    return doubts


def _place_flags(grid: VignetteGrid, options: Options) -> Quality:
    flags = Quality(0)
    if sea_ice_possible(grid.centre[1]):
        flags |= Quality.SEA_ICE_HINT
    if options.land and land_fraction(*grid.points(_LAND_POINTS)) > 0:
        flags |= Quality.LAND
    return flags


def _unreadable(options: Options) -> _Row:
    missing = np.full(options.grid.shape, np.nan, np.float32)
    return _Row(
        sigma0=missing,
        nesz=missing,
        quality=Quality.UNREADABLE | Quality.NO_DATA,
        no_data_fraction=np.float32(1.0),
        below_noise_fraction=np.float32(0.0),
    )
