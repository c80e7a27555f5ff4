"""Small grey pictures of images, as PNG, without a library for figures."""

import struct
import zlib
from typing import Any, Final

import numpy as np
import numpy.typing as npt

#: Colour of pixels without data in the pictures, which are grey.
NO_DATA: Final = "#e8a87c"
#: Its place in the palette; the places before are grey levels.
_NO_DATA: Final = 255
_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"


def grey_levels(
    image: npt.NDArray[Any], side: int, percentile: tuple[float, float] = (1.0, 99.0)
) -> npt.NDArray[np.uint8]:
    """Reduce an image to `side` pixels at most, by means, and stretch it from black to white.

    Notes
    -----
    Places in the palette of `png`. The first line is the lowest one: azimuth runs upwards.

    Shapes: `image` (line, sample) -> (rows, columns).
    """
    step = max(1, -(-max(image.shape, default=1) // side))
    height, width = (n // step or 1 for n in image.shape)
    blocks = np.asarray(image[: height * step, : width * step], np.float64)
    blocks = np.where(np.isfinite(blocks), blocks, np.nan)
    if step > 1 and min(image.shape) >= step:
        blocks = blocks.reshape(height, step, width, step)
        known = np.isfinite(blocks)
        count = known.sum(axis=(1, 3))
        total = np.where(known, blocks, 0.0).sum(axis=(1, 3))
        blocks = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    there = np.isfinite(blocks)
    low, high = np.percentile(blocks[there], percentile) if there.any() else (0.0, 1.0)
    share = (blocks - low) / (high - low if high > low else 1.0)
    levels = np.clip(np.where(there, share, 0.0), 0.0, 1.0) * (_NO_DATA - 1)
    return np.where(there, np.rint(levels), _NO_DATA).astype(np.uint8)[::-1]


def png(levels: npt.NDArray[np.uint8]) -> bytes:
    """Write grey levels as PNG; 255 is no data."""
    ramp = np.rint(np.linspace(0, 255, _NO_DATA)).astype(np.uint8)
    return palette_png(
        levels, np.repeat(ramp, 3).tobytes() + bytes.fromhex(NO_DATA[1:])
    )


def palette_png(
    levels: npt.NDArray[np.uint8], palette: bytes, alpha: tuple[int, ...] = ()
) -> bytes:
    """Write places in a palette of colours, of three bytes each, as PNG."""
    height, width = levels.shape
    lines = np.concatenate([np.zeros((height, 1), np.uint8), levels], axis=1)
    return _SIGNATURE + b"".join(
        (
            _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)),
            _chunk(b"PLTE", palette),
            _chunk(b"tRNS", bytes(alpha)) if alpha else b"",
            _chunk(b"IDAT", zlib.compress(lines.tobytes(), 6)),
            _chunk(b"IEND", b""),
        )
    )


def _chunk(kind: bytes, content: bytes) -> bytes:
    check = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)
