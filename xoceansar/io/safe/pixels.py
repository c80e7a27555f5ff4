"""Digital numbers of a vignette: mapped in place from the TIFF where it is uncompressed.

References
----------
TIFF Revision 6.0 (Adobe, 1992); BigTIFF (https://www.awaresystems.be/imaging/tiff/bigtiff.html).
"""

import struct
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

from xoceansar._optional import require
from xoceansar.errors import ProductError
from xoceansar.io.containers import Store, check_md5

__all__ = ["map_pixels", "read_numbers"]

Numbers = npt.NDArray[np.int16]
Bytes = npt.NDArray[np.uint8]

_WIDTH, _LENGTH, _BITS, _COMPRESSION = 256, 257, 258, 259
_OFFSETS, _PER_PIXEL, _ROWS_PER_STRIP, _FORMAT, _TILE_WIDTH = 273, 277, 278, 339, 322
_COMPLEX_INT: Final = 5
#: Samples of an image: four times those of a real one.
_MOST_SAMPLES: Final = 100_000_000
#: Tags that a directory may have: real ones have some 20.
_MOST_TAGS: Final = 1000
#: Bytes of a measurement file beside its samples.
_HEADER_BYTES: Final = 16 << 20
#: struct codes of the TIFF types that hold sizes and offsets: SHORT, LONG, LONG8.
_CODES: Final = {3: "H", 4: "I", 16: "Q"}
#: Bytes of a value of each TIFF type.
_SIZES: Final = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}  # fmt: skip
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
    taken: npt.NDArray[np.int64]


def read_numbers(
    store: Store, path: str, lines: int, samples: int, md5: str | None = None
) -> Numbers:
    """Read or map the complex digital numbers of a vignette.

    Shapes: gives (line, 2 * sample).

    Notes
    -----
    An uncompressed file is mapped, not read: only the pages that are used come into memory. Its
    checksum takes some 0.16 s of the processor for 100 MB, three times what calibrating them does.
    Compressed and tiled files go through rasterio.
    """
    where = store.where(path)
    data = map_pixels(store, path, lines * samples, md5)
    try:
        layout = _layout(data, where, (lines, samples))
    except (struct.error, KeyError, OverflowError) as error:
        raise _cut_short(where) from error
    if layout.plain:
        numbers = _mapped(data, layout, where)
    else:
        numbers = _decoded(store, path, lines, samples)
    numbers.flags.writeable = False
    return numbers


def map_pixels(store: Store, path: str, count: int, md5: str | None) -> Bytes:
    """Map a measurement file, and hold it to its checksum."""
    if count > _MOST_SAMPLES:
        raise ProductError(
            f"{store.where(path)} should have {count} samples by its annotation, and an image of "
            f"Wave Mode has at most {_MOST_SAMPLES}. {_AGAIN}"
        )
    data = store.buffer(path, most=8 * count + _HEADER_BYTES)
    check_md5(data.data, md5, store.where(path))
    return data


def _layout(data: Bytes, where: str, size: tuple[int, int]) -> _Layout:
    magic = data[:4].tobytes()
    orders: dict[bytes, Literal["<", ">"]] = {b"II": "<", b"MM": ">"}
    order = orders.get(magic[:2])
    if order is None or len(magic) < 4:
        raise ProductError(f"{where} is not a TIFF file. Download the product again.")
    big = struct.unpack(order + "H", magic[2:])[0] == 43
    entries = list(_tags(data, order, big, where))
    tags = {tag.number: tag for tag in entries if tag.code}

    def first(number: int, default: int | None = None) -> int:
        if default is not None and number not in tags:
            return default
        tag = tags[number]
        return int(_unpack(data, order + tag.code, tag.place)[0])

    bits, form = first(_BITS), first(_FORMAT, 1)
    if (bits, form, first(_PER_PIXEL, 1)) != (32, _COMPLEX_INT, 1):
        raise ProductError(
            f"{where} does not hold complex 16-bit integers ({bits} bits, sample format "
            f"{form}), as Wave Mode SLC does. Give the SLC product as ESA distributes it."
        )
    lines, samples = first(_LENGTH), first(_WIDTH)
    if (lines, samples) != size:
        raise ProductError(
            f"{where} has {lines} lines x {samples} samples, and its annotation says "
            f"{size[0]} x {size[1]}. {_AGAIN}"
        )
    strip_lines = min(first(_ROWS_PER_STRIP, lines), lines)
    offsets: tuple[int, ...] = ()
    plain = first(_COMPRESSION, 1) == 1 and _TILE_WIDTH not in tags
    if plain:
        tag = tags[_OFFSETS]
        if strip_lines < 1 or tag.count != -(-lines // strip_lines):
            raise ProductError(f"{where}: strips do not fit the image. {_AGAIN}")
        offsets = _unpack(data, f"{order}{tag.count}{tag.code}", tag.place)
    return _Layout(
        lines=lines,
        samples=samples,
        order=order,
        offsets=np.array(offsets, dtype=np.int64),
        strip_lines=strip_lines,
        plain=plain,
        taken=np.array([tag.span for tag in entries if tag.span], dtype=np.int64),
    )


@dataclass(frozen=True)
class _Tag:
    """Where the values of a tag are; those not asked for are not read.

    `code` is empty where they are no whole numbers. `span` is what they take of the file outside of the
    directory; the first of all, tag 0, is what the file header and the directory take.
    """

    number: int
    code: str
    count: int
    place: int
    span: tuple[int, int] | None


def _tags(data: Bytes, order: str, big: bool, where: str) -> Iterator[_Tag]:
    """Tags of the first image file directory."""
    start, count, entry, inline = ("Q", "Q", "HHQ", 8) if big else ("I", "H", "HHI", 4)
    (at,) = _unpack(data, order + start, 8 if big else 4)
    (entries,) = _unpack(data, order + count, at)
    if entries > _MOST_TAGS:
        raise ProductError(f"{where} announces {entries} tags. {_AGAIN}")
    at += struct.calcsize(order + count)
    size = struct.calcsize(order + entry) + inline
    yield _Tag(0, "", 0, 0, (0, 16 if big else 8))
    yield _Tag(0, "", 0, 0, (at, at + entries * size))
    for k in range(entries):
        place = at + k * size
        tag, kind, number = _unpack(data, order + entry, place)
        if kind not in _SIZES or number < 1:
            continue
        place += struct.calcsize(order + entry)
        length, span = number * _SIZES[kind], None
        if length > inline:
            (place,) = _unpack(data, order + start, place)
            span = place, place + min(length, data.size)
        yield _Tag(tag, _CODES.get(kind, ""), number, place, span)


def _unpack(data: Bytes, code: str, at: int) -> tuple[Any, ...]:
    return struct.unpack(code, data[at : at + struct.calcsize(code)].tobytes())


def _mapped(data: Bytes, layout: _Layout, where: str) -> Numbers:
    line_bytes = 4 * layout.samples
    strip_bytes = line_bytes * layout.strip_lines
    last = layout.lines - (layout.offsets.size - 1) * layout.strip_lines
    ends = layout.offsets + strip_bytes
    ends[-1] = layout.offsets[-1] + last * line_bytes
    if ends.max() > data.size:
        raise _cut_short(where)
    in_order = (layout.offsets[1:] >= ends[:-1]).all()
    begins = np.searchsorted(ends, layout.taken[:, 0], side="right")
    stops = np.searchsorted(layout.offsets, layout.taken[:, 1], side="left")
    if not in_order or (begins < stops).any():
        raise ProductError(
            f"{where}: its strips overlap, are out of order or lie in the header. {_AGAIN}"
        )
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
