"""Embeddings of an archive in memory, in whole numbers of two bytes, for exact neighbours at once.

The product of a query with the whole numbers differs from that with the embedding by no more than
the length of what rounding left, which is kept for each vignette. What that bound cannot rule out is
read from the archive and scored as `xoceansar.ops.similar` does.
"""

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from threading import Event, Thread
from typing import Final

import numpy as np
import numpy.typing as npt
import xarray as xr

from xoceansar._typing import Array
from xoceansar.conventions import EMBEDDING, VIGNETTE
from xoceansar.neighbours.nearest import nearest

#: Whole number that the greatest component of an embedding becomes.
_SCALE: Final = 32_000.0
#: Bytes of an archive that are read at once.
_BLOCK_BYTES: Final = 8 << 20
#: Embeddings that are rounded at once: in float64 they take several times their bytes.
_ROWS: Final = 256
_THREADS: Final = 2
#: Rounding of products in float32, as a part of their length.
_FLOAT32: Final = 1e-4


class KeptEmbeddings:
    """Embeddings that are read once, beside other work."""

    def __init__(self, embedding: xr.DataArray) -> None:
        self._data = embedding.transpose(VIGNETTE, EMBEDDING)
        n, width = self._data.shape
        self._numbers = np.zeros((n, width), np.int16)
        self._step = np.zeros(n, np.float32)
        self._left = np.full(n, np.inf, np.float32)
        self._read = 0
        self._failure: Exception | None = None
        self._ready = Event()
        Thread(target=self._fill, daemon=True).start()

    def __len__(self) -> int:
        """Count the vignettes that have one."""
        return len(self._numbers)

    @property
    def share(self) -> float:
        """Part of the archive that is read."""
        return self._read / max(len(self), 1)

    @property
    def ready(self) -> bool:
        """Whether all are read, or cannot be."""
        return self._ready.is_set()

    def wait(self) -> None:
        """Wait until all are read."""
        self._ready.wait()
        if self._failure is not None:
            raise self._failure

    def vectors(self, rows: Array) -> npt.NDArray[np.float32]:
        """Return directions of embeddings, of length one but for their rounding; NaN without any."""
        self.wait()
        values = self._numbers[rows] * self._step[rows, None]
        values[~np.isfinite(self._left[rows])] = np.nan
        return np.asarray(values, np.float32)

    def like(self, row: int, k: int) -> tuple[Array, Array]:
        """Find the k vignettes that are most like one: their scores (cosine) and rows."""
        self.wait()
        query = self._exact(np.array([row]))
        length = float(np.linalg.norm(query.astype(np.float64)))
        if not np.isfinite(length) or not length:
            return np.empty(0, np.float32), np.empty(0, np.int64)
        scores = self._scores((query[0] / length).astype(np.float32))
        scores[row] = -np.inf
        k = min(k, int(np.isfinite(scores).sum()))
        if not k:
            return np.empty(0, np.float32), np.empty(0, np.int64)
        slack = self._left + _FLOAT32
        with np.errstate(invalid="ignore"):  # rows without an embedding
            lower = np.partition(scores - slack, len(scores) - k)[len(scores) - k]
            near = np.flatnonzero(scores + slack >= lower)
        score, place = nearest(query, [self._exact(near)], k)
        return score[0], near[place[0]]

    def _scores(self, query: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        from xoceansar.exploring.product_kernel import products

        scores = np.empty(len(self), np.float32)
        edges = np.linspace(0, len(self), _THREADS + 1).astype(int)
        with ThreadPoolExecutor(_THREADS) as pool:
            parts = [slice(a, b) for a, b in pairwise(edges)]
            list(
                pool.map(lambda p: products(self._numbers[p], query, scores[p]), parts)
            )
        scores *= self._step
        scores[~np.isfinite(self._left)] = -np.inf
        return scores

    def _exact(self, rows: Array) -> npt.NDArray[np.float32]:
        return np.asarray(self._data.isel({VIGNETTE: rows}).values, np.float32)

    def _fill(self) -> None:
        try:
            for start, stop in self._spans():
                self._keep(start, self._exact(np.arange(start, stop)))
                self._read = stop
        except Exception as error:  # noqa: BLE001  told to whoever asks for neighbours
            self._failure = error
        finally:
            self._ready.set()

    def _spans(self) -> list[tuple[int, int]]:
        """Divide into whole chunks, as many as fit in a block; a chunk that does not fit is divided."""
        n, width = self._data.shape
        sizes = self._data.chunks[0] if self._data.chunks else (max(n, 1),)
        most = max(_BLOCK_BYTES // (4 * max(width, 1)), 1)
        ends = [0]
        for start, stop in pairwise([0, *map(int, np.cumsum(sizes))]):
            if stop - ends[-1] > most:
                ends += [start, *range(start + most, stop, most)]
        ends.append(n)
        return [(a, b) for a, b in pairwise(ends) if b > a]

    def _keep(self, start: int, block: npt.NDArray[np.float32]) -> None:
        for first in range(0, len(block), _ROWS):
            self._round(start + first, block[first : first + _ROWS])

    def _round(self, start: int, block: npt.NDArray[np.float32]) -> None:
        length = np.linalg.norm(block.astype(np.float64), axis=1)
        good = np.isfinite(length) & (length > 0)
        unit = block[good] / length[good, None]
        step = np.abs(unit).max(axis=1, initial=0.0) / _SCALE
        numbers = np.rint(unit / step[:, None])
        at = np.flatnonzero(good) + start
        self._numbers[at] = numbers.astype(np.int16)
        self._step[at] = step
        self._left[at] = np.linalg.norm(unit - numbers * step[:, None], axis=1)
