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
from xoceansar.models import _nearest_kernels as kernels
from xoceansar.models._integer_tile import SEGMENT, TILE_QUERIES, TILE_ROWS

__all__ = ["DeviceScreen", "FloatScreen", "IntegerScreen", "Rows", "Screen", "Search"]

Array = npt.NDArray[Any]

#: Relative error of a float32 operation.
_EPS: Final = 2.0**-24
#: Error of a product of unit vectors on a GPU, by `torch.get_float32_matmul_precision`, beside
#: that of float32: what is lost where the factors are rounded to 10 or to 7 bits.
_ROUNDED: Final = {"highest": 0.0, "high": 2.0**-9, "medium": 2.0**-6}
#: Error of turning a unit vector in float32, at most.
_TURNING: Final = 1e-5
#: Products held at once.
_PRODUCTS: Final = {"cpu": 1 << 22, "cuda": 1 << 28}
#: Dims that one 16-bit sum of each pair takes together: vectors are padded to a multiple.
_DIMS: Final = 4 * SEGMENT
#: Largest integer of a row: with 127 for a query, two products fit in 16 bits.
_ROW_MOST: Final = 63
#: Fewest queries that a thread takes.
_SHARE: Final = 64


@dataclass(slots=True)
class Search:
    """Queries, and the k best of each so far.

    Parameters
    ----------
    queries : ndarray (n, d), float32
        Those that can be searched for.
    scale : ndarray (n,), float64
        Factor of each in its scores: one over its length for the cosine, else 1.
    length : ndarray (n,), float64
        Length of each, times `scale`.
    without : ndarray (n,), int64
        Row that does not count for each, or -2.
    score : ndarray (n, k), float64
        Best first; -inf where there is none.
    index : ndarray (n, k), int64
        Rows of these scores; -1 where there is none.
    """

    queries: Array
    scale: Array
    length: Array
    without: Array
    score: Array
    index: Array

    def part(self, where: slice) -> "Search":
        """Take some of the queries, on the same memory.

        Parameters
        ----------
        where : slice
            Which.

        Returns
        -------
        Search
        """
        return Search(
            self.queries[where], self.scale[where], self.length[where],
            self.without[where], self.score[where], self.index[where],
        )  # fmt: skip


@dataclass(slots=True)
class Rows:
    """A block of rows that can be found.

    Parameters
    ----------
    vectors : ndarray (m, d), float32
        The rows.
    scale, length : ndarray (m,), float64
        As of a `Search`.
    index : ndarray (m,), int64
        Of each in the archive.
    """

    vectors: Array
    scale: Array
    length: Array
    index: Array


Screen = Callable[[Search, Rows], None]


class FloatScreen:
    """Products by the BLAS of numpy, in float32; on any machine."""

    def __call__(self, search: Search, rows: Rows) -> None:
        """Offer what a block of rows has.

        Parameters
        ----------
        search : Search
            Changed in place.
        rows : Rows
            The block.
        """
        other = _scaled(rows.vectors, rows.scale).T
        error = _float_error(search.queries.shape[1]) * rows.length.max()
        step = max(1, _PRODUCTS["cpu"] // len(rows.index))
        for first in range(0, len(search.queries), step):
            some = search.part(slice(first, first + step))
            products = _scaled(some.queries, some.scale) @ other
            kernels.offer_above(
                products, error * some.length, some.queries, rows.vectors,
                (some.scale, rows.scale), rows.index, some.without,
                (some.score, some.index),
            )  # fmt: skip


class DeviceScreen:
    """Products by torch, on a device.

    Parameters
    ----------
    search : Search
        Its queries go to the device once.
    device : str
        Where: ``cuda``, ``cuda:N`` or ``cpu``.
    """

    def __init__(self, search: Search, device: str) -> None:
        self._torch = require("torch", extra="models")
        self._device = device
        self._queries = self._moved(search.queries, search.scale)

    def __call__(self, search: Search, rows: Rows) -> None:
        """Offer what a block of rows has.

        Parameters
        ----------
        search : Search
            Changed in place; its queries are those of before.
        rows : Rows
            The block.
        """
        other = self._moved(rows.vectors, rows.scale).T
        rounded = _ROUNDED[self._torch.get_float32_matmul_precision()]
        error = (_float_error(len(other)) + rounded) * rows.length.max()
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
    """Products of integers of 7 and 8 bits, with AVX2, and a bound of what rounding lost.

    Parameters
    ----------
    search : Search
        Its queries are prepared once.
    pool : Executor
        Threads that share the queries.
    threads : int
        How many.
    """

    def __init__(self, search: Search, pool: Executor, threads: int) -> None:
        self._pool, self._threads = pool, threads
        dims = search.queries.shape[1]
        padded = -(-dims // _DIMS) * _DIMS
        self._size = padded & -padded  # the largest power of two that divides it
        self._signs = np.random.default_rng(0).choice(
            np.array([-1, 1], np.float32), padded
        )
        self._queries = np.empty((len(search.queries), padded), np.float32)
        nothing = np.zeros(dims)
        kernels.turn(
            search.queries, search.scale, nothing, self._signs, self._size, self._queries
        )

    def __call__(self, search: Search, rows: Rows) -> None:
        """Offer what a block of rows has.

        Parameters
        ----------
        search : Search
            Changed in place; its queries are those of before.
        rows : Rows
            The block.
        """
        centre = kernels.mean_vector(rows.vectors, rows.scale)
        packed = self._pack(rows, centre)

        def screen(where: slice) -> None:
            self._screen(search.part(where), self._queries[where], rows, packed)

        self._each(screen, len(search.queries), TILE_QUERIES)

    def _each(self, work: Callable[[slice], object], n: int, multiple: int) -> None:
        """Share n things among the threads, twice as many parts as threads."""
        share = max(_SHARE, -(-n // (2 * self._threads)))
        share = -(-share // multiple) * multiple
        parts = [slice(first, min(first + share, n)) for first in range(0, n, share)]
        for _ in self._pool.map(work, parts):
            pass

    def _pack(self, rows: Rows, centre: Array) -> "_Packed":
        n, padded = len(rows.index), self._queries.shape[1]
        turned = np.empty((n, padded), np.float32)
        largest = [0.0]

        def turn(where: slice) -> None:
            part = kernels.turn(
                rows.vectors[where], rows.scale[where], centre, self._signs,
                self._size, turned[where],
            )  # fmt: skip
            largest.append(part)

        self._each(turn, n, TILE_ROWS)
        scale = _ROW_MOST / max(*largest, 1e-30)
        tiles = -(-n // TILE_ROWS)
        packed = np.empty((tiles, padded // 4, TILE_ROWS, 4), np.uint8)
        packed[-1] = 0
        bounds: list[tuple[float, float, float]] = []

        def pack(where: slice) -> None:
            place = packed[where.start // TILE_ROWS :]
            bounds.append(kernels.pack_rows(turned[where], scale, place))

        self._each(pack, n, TILE_ROWS)
        error, length, part = np.max(bounds, axis=0)
        return _Packed(packed, scale, centre, error, length, part)

    @staticmethod
    def _screen(some: Search, turned: Array, rows: Rows, packed: "_Packed") -> None:
        n, padded = turned.shape
        whole = -(-n // TILE_QUERIES) * TILE_QUERIES
        small = np.zeros((whole, padded), np.int8)
        offsets = np.zeros((whole, padded // _DIMS, 2), np.int16)
        scale, error = np.empty(n), np.empty(n)
        kernels.round_queries(turned, packed.part, small, offsets, scale, error)
        # |a.b - A.B| <= |a| |b - B| + |a - A| |B|, and what float32 loses
        slack = some.length * (
            packed.error + _TURNING * (packed.length + np.linalg.norm(packed.centre))
        )
        slack += error * packed.length
        steps = scale * packed.scale
        level = some.queries @ packed.centre * some.scale
        kernels.screen(
            packed.integers, small, offsets, steps, -(level + slack) * steps,
            some.queries, rows.vectors, (some.scale, rows.scale), rows.index,
            some.without, (some.score, some.index),
        )  # fmt: skip


@dataclass(slots=True)
class _Packed:
    """Rows as integers, and what is known of the rounding: see `pack_rows`."""

    integers: Array
    scale: float
    centre: Array
    error: float
    length: float
    part: float


def _scaled(vectors: Array, scale: Array) -> npt.NDArray[np.float32]:
    return np.asarray(vectors * scale[:, None], np.float32)


def _float_error(dims: int) -> float:
    """Bound of the error of a float32 product of unit vectors, scaling included."""
    return (dims + 8) * _EPS
