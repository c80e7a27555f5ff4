"""How the search rules pairs out: by products in float32, in small integers, or on a GPU.

A screen takes the queries with their k best so far and a block of rows, and offers every pair
that could be among the k best to the exact score.
"""

from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from xoceansar._optional import require
from xoceansar._typing import Array
from xoceansar.models.inference.torch_state import plain_torch
from xoceansar.neighbours import nearest_kernels as kernels
from xoceansar.neighbours.integer_tile import SEGMENT, TILE_QUERIES, TILE_ROWS

#: Relative error of a float32 operation.
_EPS: Final = 2.0**-24
#: Error of turning a unit vector in float32, at most.
_TURNING: Final = 1e-5
#: Products held at once.
_PRODUCTS: Final = {"cpu": 1 << 22, "cuda": 1 << 28}
#: Dims that one 16-bit sum of each pair takes together: vectors are padded to a multiple.
_DIMS: Final = 4 * SEGMENT
#: Largest integer of a row: with 127 for a query, two products fit in 16 bits.
_ROW_MOST: Final = 63
_QUERY_MOST: Final = 127
#: Largest sum of 16 bits.
_SUM: Final = 32_767.0
#: Largest start of a product: what is added to it is at most 63 x 127 for each dim.
_START: Final = 2.0**30
#: Fewest queries that a thread takes.
_SHARE: Final = 64


@dataclass(slots=True)
class Search:
    """Queries, and the k best of each so far."""

    #: (n, d), float32: Those that can be searched for.
    queries: Array
    #: (n,), float64: Factor of each in its scores: one over its length for the cosine, else 1.
    scale: Array
    #: (n,), float64: Length of each, times `scale`.
    length: Array
    #: (n,), int64: Row that does not count for each, or -2.
    without: Array
    #: (n, k), float64: Best first; -inf where there is none.
    score: Array
    #: (n, k), int64: Rows of these scores; -1 where there is none.
    index: Array

    def part(self, where: slice) -> "Search":
        """Take some of the queries, on the same memory."""
        return Search(
            self.queries[where], self.scale[where], self.length[where],
            self.without[where], self.score[where], self.index[where],
        )  # fmt: skip


@dataclass(slots=True)
class Rows:
    """A block of rows that can be found."""

    #: (m, d), float32: The rows.
    vectors: Array
    #: (m,), float64: As of a `Search`.
    scale: Array
    length: Array
    #: (m,), int64: Of each in the archive.
    index: Array


Screen = Callable[[Search, Rows], int]


class FloatScreen:
    """Products by the BLAS of numpy, in float32; on any machine."""

    def __call__(self, search: Search, rows: Rows) -> int:
        """Offer what a block of rows has."""
        other = _scaled(rows.vectors, rows.scale).T
        error = _float_error(search.queries.shape[1]) * rows.length.max()
        step = max(1, _PRODUCTS["cpu"] // len(rows.index))
        offered = 0
        for first in range(0, len(search.queries), step):
            some = search.part(slice(first, first + step))
            products = _scaled(some.queries, some.scale) @ other
            offered += kernels.offer_above(
                products, error * some.length, some.queries, rows.vectors,
                (some.scale, rows.scale), rows.index, some.without,
                (some.score, some.index),
            )  # fmt: skip
        return offered


class DeviceScreen:
    """Products by torch, on a device."""

    def __init__(self, search: Search, device: str) -> None:
        self._torch = require("torch", extra="models")
        self._device = device
        self._queries = self._moved(search.queries, search.scale)

    @plain_torch()  # the bound of the error is that of whole float32
    def __call__(self, search: Search, rows: Rows) -> int:
        """Offer what a block of rows has."""
        offered = 0
        other = self._moved(rows.vectors, rows.scale).T
        error = _float_error(len(other)) * rows.length.max()
        most = _PRODUCTS[self._device.split(":")[0]]
        step = max(1, most // len(rows.index))
        for first in range(0, len(search.queries), step):
            where = slice(first, first + step)
            some = search.part(where)
            pairs = self._pairs(self._queries[where] @ other, some, error * some.length)
            kernels.offer_pairs(
                pairs, some.queries, rows.vectors, (some.scale, rows.scale),
                rows.index, some.without, (some.score, some.index),
            )  # fmt: skip
            offered += len(pairs)
        return offered

    def _pairs(self, products: Any, some: Search, slack: Array) -> Array:
        """Pairs that may be among the k best, found on the device."""
        k = some.score.shape[1] + 1  # one of them may be the row that does not count
        limits = self._torch.from_numpy(some.score[:, -1] - slack).to(products)
        if products.shape[1] > k:
            best_here = products.topk(k, dim=1, sorted=True).values[:, -1]
            two = self._torch.from_numpy(2 * slack).to(products)
            limits = self._torch.maximum(limits, best_here - two)
        # in float32 a limit may have been rounded up
        limits = limits - limits.abs() * 2**-22
        over = ~(products < limits[:, None])
        return np.asarray(over.nonzero().cpu().numpy())

    def _moved(self, vectors: Array, scale: Array) -> Any:
        return self._torch.from_numpy(_scaled(vectors, scale)).to(self._device)


class IntegerScreen:
    """Products of integers of 7 and 8 bits, with AVX2, and a bound of what rounding lost."""

    def __init__(self, search: Search, pool: Executor, threads: int) -> None:
        self._pool, self._threads = pool, threads
        dims = search.queries.shape[1]
        padded = -(-dims // _DIMS) * _DIMS
        self._size = padded & -padded  # the largest power of two that divides it
        signs = np.random.default_rng(0).choice(np.array([-1, 1], np.float32), padded)
        self._signs = signs
        self._centre = kernels.mean_vector(search.queries, search.scale)
        self._queries, self._largest = self._turned(
            search.queries, search.scale, self._centre
        )
        self._length = np.linalg.norm(self._queries, axis=1)
        self._longest = kernels.longest_part(self._queries)

    def __call__(self, search: Search, rows: Rows) -> int:
        """Offer what a block of rows has."""
        packed = self._pack(rows)

        def screen(where: slice) -> int:
            return self._screen(search.part(where), where, rows, packed)

        return sum(self._each(screen, len(search.queries), TILE_QUERIES))

    def _each(self, work: Callable[[slice], Any], n: int, multiple: int) -> list[Any]:
        """Share n things among the threads, twice as many parts as threads."""
        share = max(_SHARE, -(-n // (2 * self._threads)))
        share = -(-share // multiple) * multiple
        parts = [slice(first, min(first + share, n)) for first in range(0, n, share)]
        return list(self._pool.map(work, parts))

    def _turned(
        self, vectors: Array, scale: Array, centre: Array
    ) -> tuple[Array, float]:
        turned = np.empty((len(vectors), len(self._signs)), np.float32)

        def turn(where: slice) -> float:
            largest: float = kernels.turn(
                vectors[where], scale[where], centre, self._signs, self._size,
                turned[where],
            )  # fmt: skip
            return largest

        return turned, max(1e-30, *self._each(turn, len(vectors), TILE_ROWS))

    def _pack(self, rows: Rows) -> "_Packed":
        centre = kernels.mean_vector(rows.vectors, rows.scale)
        turned, largest = self._turned(rows.vectors, rows.scale, centre)
        scale = _ROW_MOST / largest
        n, padded = turned.shape
        integers = np.empty((-(-n // TILE_ROWS), padded // 4, TILE_ROWS, 4), np.uint8)
        integers[-1] = 0

        def pack(where: slice) -> tuple[float, float, float]:
            place = integers[where.start // TILE_ROWS :]
            bounds: tuple[float, float, float] = kernels.pack_rows(
                turned[where], scale, place
            )
            return bounds

        bounds = np.max(self._each(pack, n, TILE_ROWS), axis=0)
        error, length, part = map(float, bounds)
        # rounding makes a part of a query longer by half the root of its dims, at most
        room = _SUM / max(part, 1.0) - 0.5 * np.sqrt(2.0 * SEGMENT)
        # q.x = q.c + m.(x - c) + (q - m).(x - c), with c and m the means of rows and queries
        level = rows.vectors @ self._centre * rows.scale - self._centre @ centre
        scale_of_queries = min(
            _QUERY_MOST / self._largest,
            room / max(self._longest, 1e-30),
            _START / max(float(np.abs(level).max()) * scale, 1e-30),
        )
        step = scale * scale_of_queries
        starts = np.zeros(len(integers) * TILE_ROWS, np.int32)
        starts[:n] = np.rint(level * step)
        return _Packed(
            integers, starts.reshape(-1, TILE_ROWS), scale_of_queries, step, centre,
            error, length,
        )  # fmt: skip

    def _screen(self, some: Search, where: slice, rows: Rows, packed: "_Packed") -> int:
        turned, length = self._queries[where], self._length[where]
        n, padded = turned.shape
        whole = -(-n // TILE_QUERIES) * TILE_QUERIES
        small = np.zeros((whole, padded), np.int8)
        offsets = np.zeros((whole, padded // _DIMS, 2), np.int16)
        error = np.empty(n)
        kernels.round_queries(turned, packed.scale, small, offsets, error)
        # |a.b - A.B| <= |a| |b - B| + |a - A| |B|, and what float32 loses
        lengths = np.linalg.norm(packed.centre) + rows.length.max()
        slack = length * packed.error + error * packed.length
        slack += _TURNING * (some.length + length) * lengths + 1 / packed.step
        level = some.queries @ packed.centre * some.scale
        offered: int = kernels.screen(
            packed.integers, packed.starts, small, offsets, packed.step,
            -(level + slack) * packed.step, some.queries, rows.vectors,
            (some.scale, rows.scale), rows.index, some.without,
            (some.score, some.index),
        )  # fmt: skip
        return offered


@dataclass(slots=True)
class _Packed:
    """Rows as integers.

    ``starts``: where the product of each row begins. ``scale``: integers in a unit of the queries;
    ``step``: in a unit of the product. ``error``, ``length``: of a row by rounding, and after it.
    """

    integers: Array
    starts: Array
    scale: float
    step: float
    centre: Array
    error: float
    length: float


def _scaled(vectors: Array, scale: Array) -> npt.NDArray[np.float32]:
    return np.asarray(vectors * scale[:, None], np.float32)


def _float_error(dims: int) -> float:
    """Bound of the error of a float32 product of unit vectors, scaling included."""
    return (dims + 8) * _EPS
