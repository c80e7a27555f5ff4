"""The measurement file: an uncompressed complex-int16 TIFF, one strip per line.

Written here rather than through GDAL because the layout is then that of the real files (one
directory in front, then the lines, contiguous: ``lines * (4 * samples + 8)`` bytes and a header),
and because the pixels go from memory to file without a copy.

References
----------
TIFF 6.0 (Adobe, 1992); GeoTIFF 1.1 (OGC 19-008r4); Sentinel-1 Product Specification
(S1-RS-MDA-52-7441), section 3.4.4.
"""

import hashlib
import struct
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

__all__ = ["TiePoints", "write_tiff"]

_ASCII, _SHORT, _LONG, _DOUBLE = 2, 3, 4, 12
_DTYPES: Final = {_ASCII: "S1", _SHORT: "<u2", _LONG: "<u4", _DOUBLE: "<f8"}
_STRIP_OFFSETS: Final = 273

#: Number, type and values of a tag.
_Tag: TypeAlias = tuple[int, int, bytes | list[int] | npt.NDArray[np.generic]]

# Directory version 1.1.0; model geographic, raster pixel-is-area, WGS84, degrees.
_GEO_KEYS: Final = [
    *(1, 1, 0, 4),
    *(1024, 0, 1, 2),
    *(1025, 0, 1, 1),
    *(2048, 0, 1, 4326),
    *(2054, 0, 1, 9102),
]


class TiePoints(NamedTuple):
    """Ground control points: pixel indices and degrees, equal in shape."""

    line: npt.NDArray[np.float64]
    sample: npt.NDArray[np.float64]
    longitude: npt.NDArray[np.float64]
    latitude: npt.NDArray[np.float64]


def write_tiff(
    path: Path,
    pixels: npt.NDArray[np.int16],
    tie_points: TiePoints,
    *,
    description: str,
    software: str,
    created: str,
) -> tuple[int, str]:
    """Write one measurement file.

    Shapes: `pixels` (lines, samples, 2).
    """
    lines, samples, _ = pixels.shape
    zeros = np.zeros(tie_points.line.size)
    points = np.stack(
        [
            tie_points.sample.ravel(),
            tie_points.line.ravel(),
            zeros,
            tie_points.longitude.ravel(),
            tie_points.latitude.ravel(),
            zeros,
        ],
        axis=-1,
    )
    counts = np.full(lines, 4 * samples)
    tags: list[_Tag] = [
        (256, _LONG, [samples]),  # ImageWidth
        (257, _LONG, [lines]),  # ImageLength
        (258, _SHORT, [32]),  # BitsPerSample
        (259, _SHORT, [1]),  # Compression: none
        (262, _SHORT, [1]),  # PhotometricInterpretation: black is zero
        (270, _ASCII, description.encode("ascii") + b"\0"),  # ImageDescription
        (
            _STRIP_OFFSETS,
            _LONG,
            np.cumsum(counts) - counts,
        ),  # from the end of the header
        (277, _SHORT, [1]),  # SamplesPerPixel
        (278, _SHORT, [1]),  # RowsPerStrip
        (279, _LONG, counts),  # StripByteCounts
        (284, _SHORT, [1]),  # PlanarConfiguration
        (305, _ASCII, software.encode("ascii") + b"\0"),  # Software
        (306, _ASCII, created.encode("ascii") + b"\0"),  # DateTime
        (339, _SHORT, [5]),  # SampleFormat: complex integer
        (33922, _DOUBLE, points.ravel()),  # ModelTiepointTag
        (34735, _SHORT, _GEO_KEYS),  # GeoKeyDirectoryTag
    ]
    header = _header(tags)
    body = pixels.astype("<i2", copy=False).reshape(-1).view(np.uint8).data
    digest = hashlib.md5(header, usedforsecurity=False)
    digest.update(body)
    with path.open("wb") as file:
        file.write(header)
        file.write(body)
    return len(header) + len(body), digest.hexdigest()


def _header(tags: list[_Tag]) -> bytes:
    """Lay out the directory, then the values that do not fit into it, on even offsets."""
    payloads = [_pack(kind, value) for _, kind, value in tags]
    first = 8 + 2 + 12 * len(tags) + 4
    size = first + sum(len(p) + len(p) % 2 for p in payloads if len(p) > 4)
    directory, beyond = struct.pack("<2sHIH", b"II", 42, 8, len(tags)), b""
    for (tag, kind, value), payload in zip(tags, payloads, strict=True):
        if tag == _STRIP_OFFSETS:
            payload = _pack(kind, np.asarray(value) + size)
        count = len(payload) // np.dtype(_DTYPES[kind]).itemsize
        directory += struct.pack("<HHI", tag, kind, count)
        if len(payload) <= 4:
            directory += payload.ljust(4, b"\0")
        else:
            directory += struct.pack("<I", first + len(beyond))
            beyond += payload + b"\0" * (len(payload) % 2)
    return directory + b"\0\0\0\0" + beyond


def _pack(kind: int, value: bytes | list[int] | npt.NDArray[np.generic]) -> bytes:
    if isinstance(value, bytes):
        return value
    return np.asarray(value, dtype=_DTYPES[kind]).tobytes()
