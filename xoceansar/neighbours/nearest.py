"""Exact nearest neighbours in an archive that is read once, block by block.

Every pair that could be among the k best is scored in one way, in float64. What is quick is
how the others are ruled out: by a product of less precision whose error has a bound.
"""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final, Literal

import numpy as np
import numpy.typing as npt

from xoceansar._processors import processors
from xoceansar._typing import Array

if TYPE_CHECKING:
    from xoceansar.neighbours.screens import Rows, Screen, Search


Metric = Literal["cosine", "inner"]

#: Rows that are screened together.
_ROWS: Final = 16_384
#: With fewer queries, preparing rows for the integer screen costs more than it saves.
_FEW_QUERIES: Final = 48
#: Scoring more of the pairs than this takes longer than products in float32 save.
_TOO_MANY: Final = 0.04
#: Longer vectors would leave the range of float32 in the integer screen.
_LONGEST: Final = 1e15


def nearest(
    queries: Array,
    blocks: Iterable[Array],
    k: int,
    *,
    metric: Metric = "cosine",
    without: Array | None = None,
    device: str = "cpu",
    threads: int | None = None,
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    """Find the k rows that are most like each query.

    Shapes: `queries` (n, d), `blocks` (m, d), `without` (n,).

    Notes
    -----
    Exact: the result is that of scoring every pair in float64 and depends neither on the
    blocks, nor on the device, nor on the threads. Of equal scores the lower index comes first.
    A query or a row with a component that is not finite, or without length where the cosine
    needs one, has no match.

    The n x m products are never held at once. See docs/adr/0016-exact-search.md.
    """
    from xoceansar.neighbours.screens import Search

    vectors = np.ascontiguousarray(queries, np.float32)
    score = np.full((len(vectors), k), -np.inf)
    index = np.full((len(vectors), k), -1, np.int64)
    excluded = np.full(len(vectors), -2, np.int64)
    if without is not None:
        excluded = np.where(np.asarray(without) < 0, -2, without).astype(np.int64)
    rows = _measured(vectors, np.arange(len(vectors)), metric)
    known = rows.index
    search = Search(
        rows.vectors, rows.scale, rows.length, excluded[known], score[known],
        index[known],
    )  # fmt: skip
    if len(known):
        _run(search, blocks, metric, device, threads or processors())
    score[known], index[known] = search.score, search.index
    score[index < 0] = np.nan
    return score.astype(np.float32), index


def _run(
    search: "Search", blocks: Iterable[Array], metric: Metric, device: str, threads: int
) -> None:
    from xoceansar.neighbours.screens import FloatScreen

    with ThreadPoolExecutor(threads) as pool:
        screen = _screen(search, device, pool, threads)
        for rows in _batches(blocks, metric):
            longest = rows.length.max() * search.length.max()
            chosen = screen if longest < _LONGEST else FloatScreen()
            full = search.index.min() >= 0
            offered = chosen(search, rows) / (len(search.queries) * len(rows.index))
            if full and offered > _TOO_MANY:
                screen = FloatScreen()


def _screen(
    search: "Search", device: str, pool: ThreadPoolExecutor, threads: int
) -> "Screen":
    from xoceansar.neighbours.integer_tile import has_avx2
    from xoceansar.neighbours.screens import DeviceScreen, FloatScreen, IntegerScreen

    if device != "cpu":
        from xoceansar.models.inference.runtime import resolve_device

        place = resolve_device(device)
        if place != "cpu":
            return DeviceScreen(search, place)
    if len(search.queries) >= _FEW_QUERIES and has_avx2():
        return IntegerScreen(search, pool, threads)
    return FloatScreen()


def _batches(blocks: Iterable[Array], metric: Metric) -> "Iterator[Rows]":
    start = 0
    for block in blocks:
        for first in range(0, len(block), _ROWS):
            some = np.ascontiguousarray(block[first : first + _ROWS], np.float32)
            index = np.arange(start + first, start + first + len(some))
            rows = _measured(some, index, metric)
            if len(rows.index):
                yield rows
        start += len(block)


def _measured(vectors: Array, index: Array, metric: Metric) -> "Rows":
    """Measure vectors, and leave out those that have no score."""
    from xoceansar.neighbours import nearest_kernels as kernels
    from xoceansar.neighbours.screens import Rows

    length = np.empty(len(vectors))
    kernels.lengths(vectors, length)
    usable = np.isfinite(length) & ((length > 0) | (metric == "inner"))
    if not usable.all():
        vectors, length, index = vectors[usable], length[usable], index[usable]
    if metric == "inner":
        return Rows(vectors, np.ones(len(index)), length, index)
    return Rows(vectors, 1 / length, np.ones(len(index)), index)
