"""Digital numbers of a vignette: mapped in place from the TIFF where it is uncompressed.

References
----------
TIFF Revision 6.0 (Adobe, 1992); BigTIFF (https://www.awaresystems.be/imaging/tiff/bigtiff.html).
"""

import struct
import warnings
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

from xoceansar._optional import require
from xoceansar.errors import ProductError
from xoceansar.io.store import Store

__all__ = ["read_numbers"]

Numbers = npt.NDArray[np.int16]
Bytes = npt.NDArray[np.uint8]

_WIDTH, _LENGTH, _BITS, _COMPRESSION = 256, 257, 258, 259
_OFFSETS, _PER_PIXEL, _ROWS_PER_STRIP, _FORMAT, _TILE_WIDTH = 273, 277, 278, 339, 322
_COMPLEX_INT: Final = 5
#: struct codes of the TIFF types that hold sizes and offsets: SHORT, LONG, LONG8.
_CODES: Final = {3: "H", 4: "I", 16: "Q"}
_STRIP_LINES: Final = 256
_AGAIN: Final = "Download the product again."


@dataclass(frozen=True, eq=False)
class _Layout:
    """Where the samples of a TIFF are."""

    lines: int
    samples: int
    order: Literal["<", ">"]
    offsets: npt.NDArray[np.int64]
    strip_lines: int
    plain: bool


def read_numbers(store: Store, path: str, lines: int, samples: int) -> Numbers:
    """Read or map the complex digital numbers of a vignette.

    Parameters
    ----------
    store : Store
        The product's files.
    path : str
        The measurement file.
    lines, samples : int
        Size that the annotation states.

    Returns
    -------
    ndarray of int16 (line, 2 * sample)
        In-phase and quadrature parts, interleaved, read-only.

    Raises
    ------
    ProductError
        If the file is absent, cut short, not complex int16 or of another size.

    Notes
    -----
    An uncompressed file is mapped, not read: only the pages that are used come into memory.
    Compressed and tiled files go through rasterio.
    """
    where = store.where(path)
    data = store.buffer(path)
    try:
        layout = _layout(data, where)
    except (struct.error, KeyError) as error:
        raise _cut_short(where) from error
    if (layout.lines, layout.samples) != (lines, samples):
        raise ProductError(
            f"{where} has {layout.lines} lines x {layout.samples} samples, and its "
            f"annotation says {lines} x {samples}. Download the product again."
        )
    if layout.plain:
        numbers = _mapped(data, layout, where)
    else:
        numbers = _decoded(store, path, lines, samples)
    numbers.flags.writeable = False
    return numbers


def _layout(data: Bytes, where: str) -> _Layout:
    magic = data[:4].tobytes()
    orders: dict[bytes, Literal["<", ">"]] = {b"II": "<", b"MM": ">"}
    order = orders.get(magic[:2])
    if order is None or len(magic) < 4:
        raise ProductError(f"{where} is not a TIFF file. Download the product again.")
    tags = _tags(data, order, big=struct.unpack(order + "H", magic[2:])[0] == 43)
    bits, form = tags[_BITS][0], tags.get(_FORMAT, [1])[0]
    if (bits, form, tags.get(_PER_PIXEL, [1])[0]) != (32, _COMPLEX_INT, 1):
        raise ProductError(
            f"{where} does not hold complex 16-bit integers ({bits} bits, sample format "
            f"{form}), as Wave Mode SLC does. Give the SLC product as ESA distributes it."
        )
    lines = int(tags[_LENGTH][0])
    plain = tags.get(_COMPRESSION, [1])[0] == 1 and _TILE_WIDTH not in tags
    return _Layout(
        lines=lines,
        samples=int(tags[_WIDTH][0]),
        order=order,
        offsets=np.array(tags[_OFFSETS] if plain else [], dtype=np.int64),
        strip_lines=min(int(tags.get(_ROWS_PER_STRIP, [lines])[0]), lines),
        plain=plain,
    )


def _tags(data: Bytes, order: str, *, big: bool) -> dict[int, tuple[int, ...]]:
    """Whole-number tags of the first image file directory."""
    start, count, entry, inline = ("Q", "Q", "HHQ", 8) if big else ("I", "H", "HHI", 4)
    (at,) = _unpack(data, order + start, 8 if big else 4)
    (entries,) = _unpack(data, order + count, at)
    at += struct.calcsize(order + count)
    size = struct.calcsize(order + entry) + inline
    tags = {}
    for k in range(entries):
        place = at + k * size
        tag, kind, number = _unpack(data, order + entry, place)
        if kind not in _CODES:
            continue
        code = f"{order}{number}{_CODES[kind]}"
        place += struct.calcsize(order + entry)
        if struct.calcsize(code) > inline:
            (place,) = _unpack(data, order + start, place)
        tags[tag] = _unpack(data, code, place)
    return tags


def _unpack(data: Bytes, code: str, at: int) -> tuple[Any, ...]:
    return struct.unpack(code, data[at : at + struct.calcsize(code)].tobytes())


def _mapped(data: Bytes, layout: _Layout, where: str) -> Numbers:
    line_bytes = 4 * layout.samples
    strip_bytes = line_bytes * layout.strip_lines
    last = layout.lines - (layout.offsets.size - 1) * layout.strip_lines
    if not 0 < last <= layout.strip_lines:
        raise ProductError(f"{where}: strips do not fit the image. {_AGAIN}")
    ends = layout.offsets + strip_bytes
    ends[-1] = layout.offsets[-1] + last * line_bytes
    if ends.max() > data.size:
        raise _cut_short(where)
    kind = np.dtype(np.int16).newbyteorder(layout.order)
    if (np.diff(layout.offsets) == strip_bytes).all():
        begin = int(layout.offsets[0])
        flat = data[begin : begin + layout.lines * line_bytes]
    else:
        strips = zip(layout.offsets, ends, strict=True)
        flat = np.concatenate([data[begin:end] for begin, end in strips])
    numbers = flat.view(kind).reshape(layout.lines, 2 * layout.samples)
    # Copies where the byte order or the alignment (in a zip archive) is not the machine's.
    return np.require(numbers, np.int16, ["C", "A"])


def _decoded(store: Store, path: str, lines: int, samples: int) -> Numbers:
    """Read through GDAL, a strip at a time: it gives complex64, four times the memory."""
    rasterio = require("rasterio", extra="simulate")
    windows = require("rasterio.windows", extra="simulate")
    numbers = np.empty((lines, 2 * samples), np.int16)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
            source = rasterio.open(store.gdal_path(path))
        with source:
            for first in range(0, lines, _STRIP_LINES):
                count = min(_STRIP_LINES, lines - first)
                window = windows.Window(0, first, samples, count)
                strip = source.read(1, window=window)
                numbers[first : first + count] = strip.view(np.float32)
    except rasterio.errors.RasterioError as error:
        raise ProductError(
            f"{store.where(path)} cannot be decoded ({error}). {_AGAIN}"
        ) from error
    return numbers


def _cut_short(where: str) -> ProductError:
    return ProductError(
        f"{where} is cut short: it ends before the pixels that it announces. {_AGAIN}"
    )
