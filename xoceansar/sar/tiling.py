"""A wide image on one exact ground grid, block by block, and the tiles that are cut from it.

Each block of the image is read once: it gives its share of every output pixel that it touches, and
the shares are added where tiles are put together. Area weights are separable, so that the shares
are exact for any blocks.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from xoceansar.errors import DimensionError
from xoceansar.sar.pixel_quality import MISSING_LIMIT

if TYPE_CHECKING:
    from scipy.sparse import csr_array


Array = npt.NDArray[np.float64]
Image = npt.NDArray[np.float32]
Index = npt.NDArray[np.int64]

#: Lines that are averaged at once, which bounds the memory beyond the block itself.
_LINES: Final = 256
#: What is summed for each output pixel, see `Share`.
_PLANES: Final = ("sigma0", "nesz", "valid", "zero", "saturated")
#: Magnitude from which a digital number is saturated, by its dtype.
_UNSIGNED: Final = 65535
_COMPLEX: Final = 32767


@dataclass(frozen=True, eq=False)
class TileAxis:
    """One axis of an image, its output grid, and the tiles on it."""

    #: (m + 1,): Edges of the image's cells, ascending, metres.
    edges: Array
    #: Metres between output pixels.
    spacing: float
    #: Output pixels of a tile.
    size: int
    #: (n,): First output pixel of each tile, ascending from zero.
    first: Index

    @property
    def pixels(self) -> int:
        """Number of output pixels."""
        return int(self.first[-1]) + self.size

    @cached_property
    def edges_out(self) -> Array:
        """Edges of the output pixels, metres: as far from one end of the image as the other."""
        left = self.edges[-1] - self.edges[0] - self.pixels * self.spacing
        start = self.edges[0] + left / 2
        return np.asarray(start + np.arange(self.pixels + 1) * self.spacing)

    @property
    def middles(self) -> Array:
        """Middle of each tile, metres."""
        return self.edges_out[self.first] + self.size * self.spacing / 2

    def index_at(self, metres: npt.ArrayLike) -> Array:
        """Find the image's cell at a place."""
        cells = np.arange(self.edges.size) - 0.5
        return np.asarray(np.interp(np.asarray(metres, float), self.edges, cells))

    def part(self, start: int, stop: int) -> tuple[int, "csr_array"]:
        """Weigh the cells of a part of the image."""
        from scipy.sparse import csr_array

        inside = self.edges[start : stop + 1]
        out = self.edges_out
        first = int(np.clip(np.searchsorted(out, inside[0], "right") - 1, 0, None))
        last = min(int(np.searchsorted(out, inside[-1], "left")), out.size - 1)
        if first >= last:
            return 0, csr_array((0, stop - start), dtype=np.float32)
        both = np.union1d(inside, out[first : last + 1])
        both = both[
            (both >= max(inside[0], out[0])) & (both <= min(inside[-1], out[-1]))
        ]
        middle = (both[:-1] + both[1:]) / 2
        cell = np.searchsorted(inside, middle) - 1
        pixel = np.searchsorted(out, middle) - 1 - first
        share = (np.diff(both) / self.spacing).astype(np.float32)
        return first, csr_array(
            (share, (pixel, cell)), shape=(last - first, stop - start)
        )


@dataclass(frozen=True, eq=False)
class Share:
    """What a block of the image gives to the output pixels that it touches."""

    #: First output pixel along each axis.
    line: int
    sample: int
    #: Sums over the block, those that are zero throughout left out: ``sigma0``, ``nesz``, and the
    #: areas with data (``valid``), exactly ``zero`` and ``saturated``.
    planes: dict[str, Image]


def spread_tiles(length: float, spacing: float, size: int, overlap: float) -> Index:
    """Place tiles along an axis so that they cover it, evenly.

    Examples
    --------
    >>> spread_tiles(1000.0, 10.0, 40, 0.0).tolist()
    [0, 30, 60]
    """
    total = int(np.floor(length / spacing + 1e-6))
    if total < size:
        raise DimensionError(
            f"a tile of {size * spacing:g} m does not fit into an image of {length:.0f} m. Ask "
            "for a smaller size."
        )
    stride = max(round(size * (1 - overlap)), 1)
    count = 1 + int(np.ceil((total - size) / stride))
    return np.rint(np.linspace(0, total - size, count)).astype(np.int64)


def reduce_block(
    sigma0: npt.NDArray[Any],
    nesz: npt.NDArray[Any] | None,
    number: npt.NDArray[Any] | None,
    *,
    lines: TileAxis,
    samples: TileAxis,
    at: tuple[int, int],
) -> Share:
    """Sum a block of the image into the output pixels that it touches.

    Shapes: `sigma0` (line, sample), `nesz` (line, sample), `number` (line, sample).
    """
    columns, across = samples.part(at[1], at[1] + sigma0.shape[1])
    top, bottom = lines.part(at[0], at[0] + sigma0.shape[0])
    shape = bottom.shape[0], across.shape[0]
    planes: dict[str, Image] = {}
    for start in range(0, sigma0.shape[0], _LINES):
        part = slice(start, min(start + _LINES, sigma0.shape[0]))
        row, along = lines.part(at[0] + part.start, at[0] + part.stop)
        slab = _slab(
            sigma0[part],
            None if nesz is None else nesz[part],
            None if number is None else number[part],
        )
        rows = slice(row - top, row - top + along.shape[0])
        for name, values in slab.items():
            plane = planes.setdefault(name, np.zeros(shape, np.float32))
            plane[rows] += ((along @ values) @ across.T).astype(np.float32)
    return Share(top, columns, planes)


def _slab(
    sigma0: npt.NDArray[Any],
    nesz: npt.NDArray[Any] | None,
    number: npt.NDArray[Any] | None,
) -> dict[str, Image]:
    """Return the planes of some lines, without those that are zero throughout."""
    valid = np.isfinite(sigma0)
    planes = {"sigma0": np.where(valid, sigma0, 0), "valid": valid}
    if nesz is not None:
        planes["nesz"] = np.where(valid & np.isfinite(nesz), nesz, 0)
    if number is not None:
        planes["zero"] = valid & (number == 0)
        planes["saturated"] = _saturated(number)
    return {
        name: plane.astype(np.float32)
        for name, plane in planes.items()
        if name in ("sigma0", "valid") or plane.any()
    }


def _saturated(number: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    if np.iscomplexobj(number):
        peak = np.maximum(np.abs(number.real), np.abs(number.imag))
        return np.asarray(peak >= _COMPLEX)
    return np.asarray(number >= _UNSIGNED)


def cut_tiles(
    shares: Iterable[Share], row: int, lines: TileAxis, samples: TileAxis
) -> dict[str, npt.NDArray[Any]]:
    """Put one row of tiles together."""
    begin = int(lines.first[row])
    band: dict[str, Image] = {}
    for share in shares:
        height, width = share.planes["valid"].shape
        low = max(begin, share.line)
        high = min(begin + lines.size, share.line + height)
        inside = slice(low - share.line, max(high, low) - share.line)
        columns = slice(share.sample, share.sample + width)
        for name, plane in share.planes.items():
            whole = np.zeros((lines.size, samples.pixels), np.float32)
            whole = band.setdefault(name, whole)
            whole[low - begin : max(high, low) - begin, columns] += plane[inside]
    empty = np.zeros((lines.size, samples.pixels), np.float32)
    power, noise, valid, zero, saturated = (band.get(name, empty) for name in _PLANES)
    with np.errstate(invalid="ignore", divide="ignore"):
        good = 1 - valid + zero <= MISSING_LIMIT
        images = {
            "sigma0": np.where(good, power / valid, np.float32(np.nan)),
            "nesz": np.where(good, noise / valid, np.float32(np.nan)),
        }
    cuts = [slice(int(f), int(f) + samples.size) for f in samples.first]
    out = {
        name: np.stack([image[:, cut] for cut in cuts])
        for name, image in images.items()
    }
    out["saturated"] = np.array([saturated[:, cut].mean() for cut in cuts])
    return out
