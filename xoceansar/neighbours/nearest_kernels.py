"""Compiled loops of the search: exact scores, the k best so far, and the integer screen.

This module compiles with numba and is imported where a search runs, not before.
"""

from typing import Any, Final

import numba
import numpy as np

from xoceansar._typing import Array
from xoceansar.neighbours.integer_tile import (
    SEGMENT,
    TILE_QUERIES,
    TILE_ROWS,
    multiply_tile,
)

#: Queries that stay in the second cache while the rows stream by: 384 dims, 92 kB.
_PANEL: Final = 240
#: Rows are stored with this much added, as the instruction takes one of the two unsigned.
_MIDDLE: Final = 64
_LEAST: Final = -(2**31)
_MOST: Final = 2**31 - 1

#: numba gives an intrinsic its first argument.
_multiply: Any = multiply_tile

_compile = numba.njit(cache=True, nogil=True)


@numba.njit(cache=True, nogil=True, fastmath={"reassoc", "contract", "nsz"})
def _dot(one: Array, other: Array) -> float:
    total = 0.0
    for i in range(one.size):
        total += np.float64(one[i]) * np.float64(other[i])
    return total


@_compile
def lengths(vectors: Array, out: Array) -> None:
    """Measure vectors: float64 length of each; NaN where a component is not finite."""
    for i in range(len(vectors)):
        squared = _dot(vectors[i], vectors[i])
        out[i] = np.sqrt(squared) if np.isfinite(squared) else np.nan


@_compile
def _offer(
    query: Array, row: Array, factor: float, index: int, score: Array, rank: Array
) -> bool:
    """Score a pair, and put it among the k best where it belongs; ties by lower index."""
    value = _dot(query, row) * factor
    last = score.size - 1
    if value < score[last] or (value == score[last] and index > rank[last]):
        return False
    place = last
    while place > 0 and (
        value > score[place - 1]
        or (value == score[place - 1] and index < rank[place - 1])
    ):
        score[place] = score[place - 1]
        rank[place] = rank[place - 1]
        place -= 1
    score[place] = value
    rank[place] = index
    return True


@_compile
def offer_pairs(
    pairs: Array,
    queries: Array,
    rows: Array,
    factors: tuple[Array, Array],
    indices: Array,
    without: Array,
    best: tuple[Array, Array],
) -> None:
    """Offer some pairs (query, row) to the k best of their queries."""
    for i in range(len(pairs)):
        q, r = pairs[i]
        if indices[r] != without[q]:
            factor = factors[0][q] * factors[1][r]
            _offer(queries[q], rows[r], factor, indices[r], best[0][q], best[1][q])


@_compile
def offer_above(
    approximate: Array,
    slack: Array,
    queries: Array,
    rows: Array,
    factors: tuple[Array, Array],
    indices: Array,
    without: Array,
    best: tuple[Array, Array],
) -> int:
    """Offer the pairs whose approximate score may be among the k best; count them."""
    last, offered = best[0].shape[1] - 1, 0
    for q in range(approximate.shape[0]):
        limit = best[0][q, last] - slack[q]
        for r in range(approximate.shape[1]):
            # a product that left the range of float32 is NaN, and is no reason to rule out
            if not approximate[q, r] < limit and indices[r] != without[q]:
                offered += 1
                factor = factors[0][q] * factors[1][r]
                if _offer(
                    queries[q], rows[r], factor, indices[r], best[0][q], best[1][q]
                ):
                    limit = best[0][q, last] - slack[q]
    return offered


@_compile
def mean_vector(vectors: Array, scale: Array) -> Array:
    """Mean of the scaled vectors, float64."""
    total = np.zeros(vectors.shape[1])
    for i in range(len(vectors)):
        for j in range(total.size):
            total[j] += vectors[i, j] * scale[i]
    return total / len(vectors)


@_compile
def turn(
    vectors: Array, scale: Array, centre: Array, signs: Array, size: int, out: Array
) -> float:
    """Scale and centre vectors, and turn them by an orthogonal matrix; give the largest component.

    The matrix is random signs, and Hadamard's over each `size` dims: it spreads what a few dims
    hold over all of them, so that steps of one size serve them all.
    """
    largest = 0.0
    inverse = np.float32(1.0 / np.sqrt(size))
    for i in range(len(vectors)):
        vector = out[i]
        vector[:] = 0.0
        for j in range(vectors.shape[1]):
            vector[j] = (vectors[i, j] * scale[i] - centre[j]) * signs[j]
        half = 1
        while half < size:
            for start in range(0, vector.size, 2 * half):
                for j in range(start, start + half):
                    one, other = vector[j], vector[j + half]
                    vector[j] = one + other
                    vector[j + half] = one - other
            half *= 2
        for j in range(vector.size):
            vector[j] *= inverse
            largest = max(largest, abs(np.float64(vector[j])))
    return largest


@_compile
def longest_part(turned: Array) -> float:
    """Largest length of the part of a vector that goes into one 16-bit sum."""
    squares = np.empty((turned.shape[1] // (4 * SEGMENT), 2))
    longest = 0.0
    for q in range(len(turned)):
        squares[:] = 0.0
        for i in range(turned.shape[1]):
            squares[i // (4 * SEGMENT), (i % 4) // 2] += np.float64(turned[q, i]) ** 2
        longest = max(longest, squares.max())
    return float(np.sqrt(longest))


@_compile
def round_queries(
    turned: Array, scale: float, small: Array, offsets: Array, error: Array
) -> None:
    """Round queries to integers of 8 bits; `error` is what each loses."""
    for q in range(len(turned)):
        offsets[q] = 0
        lost = 0.0
        for i in range(turned.shape[1]):
            whole = np.int64(np.rint(turned[q, i] * scale))
            small[q, i] = whole
            offsets[q, i // (4 * SEGMENT), (i % 4) // 2] -= _MIDDLE * whole
            lost += (turned[q, i] - whole / scale) ** 2
        error[q] = np.sqrt(lost)


@_compile
def pack_rows(turned: Array, scale: float, packed: Array) -> tuple[float, float, float]:
    """Round rows to small integers, in the order in which `multiply_tile` reads them.

    Returns the largest error of a row, its largest length after rounding, both in the units
    of the rows, and the largest length of the part that one 16-bit sum holds, in integers.
    """
    error, length, part = 0.0, 0.0, 0.0
    sums = np.empty((turned.shape[1] // (4 * SEGMENT), 2), np.int64)
    for r in range(len(turned)):
        tile, place = r // TILE_ROWS, r % TILE_ROWS
        lost, kept = 0.0, 0.0
        sums[:] = 0
        for i in range(turned.shape[1]):
            value = turned[r, i]
            whole = np.int64(np.rint(value * scale))
            packed[tile, i // 4, place, i % 4] = np.uint8(whole + _MIDDLE)
            lost += (value - whole / scale) ** 2
            sums[i // (4 * SEGMENT), (i % 4) // 2] += whole * whole
        for segment in sums:
            for pair in segment:
                kept += pair
                part = max(part, np.sqrt(np.float64(pair)))
        error, length = max(error, lost), max(length, kept)
    return np.sqrt(error), np.sqrt(length) / scale, part


@_compile
def screen(
    packed: Array,
    starts: Array,
    small: Array,
    offsets: Array,
    step: float,
    zeros: Array,
    queries: Array,
    rows: Array,
    factors: tuple[Array, Array],
    indices: Array,
    without: Array,
    best: tuple[Array, Array],
) -> int:
    """Offer to the k best every pair that its integer product does not rule out; count them.

    A pair of the score s has a product of at least ``step * s + zeros``.
    """
    last, offered = best[0].shape[1] - 1, 0
    limits = np.full(len(small), _MOST, np.int32)
    for q in range(len(queries)):
        limits[q] = _limit(best[0][q, last] * step + zeros[q])
    out = np.empty((TILE_QUERIES, TILE_ROWS), np.int32)
    stride, segments = small.shape[1], offsets.shape[1]
    for panel in range(0, len(small), _PANEL):
        end = min(panel + _PANEL, len(small))
        for tile in range(len(packed)):
            for first in range(panel, end, TILE_QUERIES):
                if _multiply(
                    np.uint64(packed[tile].ctypes.data),
                    np.uint64(starts[tile].ctypes.data),
                    np.uint64(small[first:].ctypes.data),
                    np.uint64(offsets[first:].ctypes.data),
                    np.uint64(limits[first:].ctypes.data),
                    np.uint64(out.ctypes.data),
                    stride,
                    segments,
                ):
                    start = tile * TILE_ROWS
                    for q in range(first, min(first + TILE_QUERIES, len(queries))):
                        for r in range(start, min(start + TILE_ROWS, len(rows))):
                            passes = out[q - first, r - start] > limits[q]
                            if passes and indices[r] != without[q]:
                                offered += 1
                                if _offer(
                                    queries[q], rows[r], factors[0][q] * factors[1][r],
                                    indices[r], best[0][q], best[1][q],
                                ):  # fmt: skip
                                    limits[q] = _limit(
                                        best[0][q, last] * step + zeros[q]
                                    )
    return offered


@_compile
def _limit(least: float) -> int:
    """Largest integer product that rules a pair out, of the least that a match has."""
    below = np.floor(least) - 1.0
    if not below > _LEAST:
        return _LEAST
    return int(min(below, np.float64(_MOST - 1)))
