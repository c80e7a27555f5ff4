"""The xsar reader: xsar's own calibration, averaged onto the same grid as the direct reader's.

xsar is made for interactive use in one process, and importing and opening with it has effects
on the rest of the process. All of them are kept in here, behind a lock.
"""

import contextlib
import io
import os
import warnings
from collections.abc import Iterator
from threading import Lock
from typing import TYPE_CHECKING, Any, Final
from unittest import mock

import numpy as np

from xoceansar._optional import require
from xoceansar.errors import ProductError, VignetteError
from xoceansar.io.containers import DirectoryStore
from xoceansar.io.eopf.zarr_groups import EopfStore
from xoceansar.io.safe.ground_grid import VignetteGrid
from xoceansar.io.safe.pixels import map_pixels
from xoceansar.io.safe.product_names import parse_file
from xoceansar.io.safe.vignette_source import Source, Tables, require_file

if TYPE_CHECKING:
    import xarray as xr

    from xoceansar.sar.resample import Averages

__all__ = ["read_averages"]

_LOCK: Final = Lock()
#: Lines that are calibrated at once: 5683 samples of a dozen float64 fields each.
_LINES: Final = 512
#: What xsar's calls warn of, none of it about the data.
_NOISY: Final = (
    DeprecationWarning,
    PendingDeprecationWarning,
    FutureWarning,
    np.exceptions.ComplexWarning,
)
_DIRECT: Final = "Use reader='direct'."


def read_averages(source: Source, grid: VignetteGrid, tables: Tables) -> "Averages":
    """Calibrate a vignette with xsar and average it onto the output grid."""
    from xoceansar.sar.resample import SATURATED, Averages, area_weights

    if isinstance(source.store, EopfStore):
        raise VignetteError(
            f"vignette {source.vignette}: xsar reads no products in the EOPF format. {_DIRECT}"
        )
    if tables.calibration is None or tables.noise is None:
        raise VignetteError(
            f"vignette {source.vignette}: xsar needs its calibration and noise files. "
            f"{_DIRECT}"
        )
    path, note = require_file(source, "measurement"), grid.annotation
    md5 = source.files.md5.get("measurement")
    try:
        map_pixels(source.store, path, note.lines * note.samples, md5)
    except ProductError as error:
        raise VignetteError(f"vignette {source.vignette}: {error}") from error
    rows = area_weights(grid.line_edges_in, grid.edges_out(0))
    columns = area_weights(grid.sample_edges_in, grid.edges_out(1))
    across = columns.matrix().T
    along = rows.matrix()
    first, last = rows.span()
    totals = {
        name: np.zeros(grid.spec.shape) for name in ("sigma0_raw", "nesz", "zero")
    }
    clipped = 0
    begin, end = columns.span()
    with _opened(source) as ds:
        for start in range(first, last, _LINES):
            part = slice(start, min(start + _LINES, last))
            block = _load(ds.isel(line=part), source)
            number = block.pop("digital_number")
            block["zero"] = (number == 0).astype(float)
            inside = number[:, begin:end]
            level = np.maximum(np.abs(inside.real), np.abs(inside.imag))
            clipped += int(np.count_nonzero(level >= SATURATED))
            for name, total in totals.items():
                total += (along[:, part] @ block[name]) @ across
    covered = np.outer(rows.coverage, columns.coverage)
    totals["sigma0_raw"][covered == 0] = np.nan
    totals["nesz"][covered == 0] = np.nan
    read = max((last - first) * (end - begin), 1)
    return Averages(
        sigma0_raw=totals["sigma0_raw"].astype(np.float32),
        nesz=totals["nesz"].astype(np.float32),
        missing=(1.0 - covered * (1.0 - totals["zero"])).astype(np.float32),
        saturated=clipped / read,
    )


@contextlib.contextmanager
def _opened(source: Source) -> Iterator["xr.Dataset"]:
    """Open a vignette with xsar, one at a time in a process."""
    store = source.store
    if not isinstance(store, DirectoryStore):
        raise VignetteError(
            f"vignette {source.vignette}: xsar reads no zip archives. Unzip the product, "
            "or use reader='direct'."
        )
    with _LOCK, _isolated() as xsar:
        identifier = f"SENTINEL1_DS:{store.root}:WV_{source.files.name.number:03d}"
        try:
            image = xsar.Sentinel1Dataset(
                identifier, chunks={"line": _LINES, "sample": -1}
            )
            _check_files(image, source)
            image.add_high_resolution_variables(skip_variables=["ground_heading"])
            image.apply_calibration_and_denoising()
        except (KeyError, IndexError, ValueError, TypeError, OSError) as error:
            raise VignetteError(
                f"vignette {source.vignette}: xsar cannot open it "
                f"({type(error).__name__}: {error}). {_DIRECT}"
            ) from error
        names = ["digital_number", "sigma0_raw", "nesz"]
        yield image.dataset[names].isel(pol=0)


def _load(ds: "xr.Dataset", source: Source) -> dict[str, Any]:
    rasterio = require("rasterio", extra="xsar")
    try:
        # In this thread: the task is already one of a scheduler's.
        loaded = ds.compute(scheduler="synchronous")
    except rasterio.errors.RasterioError as error:
        path = source.store.where(source.files.path("measurement"))
        raise VignetteError(
            f"vignette {source.vignette}: {path} cannot be decoded ({error}). Download "
            "the product again."
        ) from error
    return {str(name): loaded[name].values for name in loaded.data_vars}


def _check_files(image: Any, source: Source) -> None:
    """Hold xsar to the files of the vignette: it pairs them by their order in the manifest."""
    row = image.sar_meta.reader.files.iloc[0]
    for role in ("annotation", "calibration", "noise", "measurement"):
        found = parse_file(str(row[role]))
        if found is None or found[1] != source.files.name:
            raise ProductError(
                f"xsar paired it with {row[role]}, because the manifest lists the files in "
                "another order"
            )


@contextlib.contextmanager
def _isolated() -> Iterator[Any]:
    """Import and use xsar without its effects on the process.

    xsar sets GDAL_CACHEMAX, installs warning filters, prints, and, where a Dask client is
    found, turns its metadata into an actor that it then cannot read (dask/distributed#5610).
    """
    with contextlib.ExitStack() as stack:
        stack.enter_context(warnings.catch_warnings())
        for category in _NOISY:
            warnings.simplefilter("ignore", category)
        stack.enter_context(mock.patch.dict(os.environ))
        stack.enter_context(contextlib.redirect_stdout(io.StringIO()))
        xsar = require("xsar", extra="xsar")
        rasterio = require("rasterio", extra="xsar")
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        stack.enter_context(
            mock.patch.object(
                require("xsar.utils", extra="xsar"), "get_client", _no_client
            )
        )
        yield xsar


def _no_client() -> Any:
    raise ValueError("no client is shown to xsar")
