"""Which vignettes go into which batch: epochs, curation periods, and the place in them."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from xoceansar._typing import Array
from xoceansar.errors import DimensionError, TrainingError


def epoch_order(
    rows: Array,
    chunks: Array,
    *,
    seed: int,
    epoch: int,
    window_chunks: int | None = 8,
) -> Array:
    """Shuffle rows so that an epoch reads each chunk about once.

    Shapes: `rows` (n,), `chunks` (n,) -> (n,). The same rows in another order, a function of
    the arguments alone.

    Notes
    -----
    Chunks are permuted and taken in windows of `window_chunks`; within a window the rows of all
    its chunks are permuted.

    Examples
    --------
    >>> rows = np.arange(8)
    >>> order = epoch_order(rows, rows // 2, seed=0, epoch=0, window_chunks=2)
    >>> sorted(order.tolist()) == rows.tolist()
    True
    >>> len(set(order[:4] // 2))
    2
    """
    if np.shape(chunks) != np.shape(rows):
        raise DimensionError(
            f"each of the {len(rows)} rows needs its chunk; got chunks of shape "
            f"{np.shape(chunks)}."
        )
    if window_chunks is not None and window_chunks < 1:
        raise TrainingError(f"window_chunks must be 1 or more; got {window_chunks}.")
    rng = np.random.default_rng([seed, epoch])
    names, chunk = np.unique(chunks, return_inverse=True)
    window = rng.permutation(len(names)) // (window_chunks or max(1, len(names)))
    mixed = rng.permutation(len(rows))
    return rows[mixed[np.argsort(window[chunk[mixed]], kind="stable")]]


Rows = npt.NDArray[np.int64]


class Sampler:
    """The batches of a training, one after the other.

    An epoch reads each chunk of `chunk_of_row` about once, `window_chunks` of them mixed with each
    other (None for all). `choose` gives its rows, from its number and the rows of the last one.
    """

    def __init__(
        self,
        *,
        batch: int,
        seed: int,
        chunk_of_row: Rows,
        window_chunks: int | None,
        choose: Callable[[int, Rows | None], Rows],
    ) -> None:
        self._batch, self._seed, self._chunks = batch, seed, chunk_of_row
        self._window, self._choose = window_chunks, choose
        self.epoch, self.position = -1, 0
        self.rows: Rows | None = None
        self._order: Rows = np.empty(0, np.int64)

    @property
    def within_epoch(self) -> bool:
        """Whether the next batch belongs to the current epoch."""
        return self.position + self._batch <= len(self._order)

    def next(self) -> Rows:
        """Return the rows of the next global batch.

        Shapes: gives (batch,). The last, incomplete batch of an epoch is left out; another order
        leaves out others.
        """
        if not self.within_epoch:
            self.epoch += 1
            self.position = 0
            self.rows = self._choose(self.epoch, self.rows)
            self._arrange()
        rows = self._order[self.position : self.position + self._batch]
        self.position += self._batch
        return rows

    def _arrange(self) -> None:
        assert self.rows is not None
        if len(self.rows) < self._batch:
            raise TrainingError(
                f"a batch needs {self._batch} usable vignettes and there are {len(self.rows)}. Lower "
                "optimisation.batch, raise curation.fraction, or give a larger archive."
            )
        self._order = epoch_order(
            self.rows,
            self._chunks[self.rows],
            seed=self._seed,
            epoch=self.epoch,
            window_chunks=self._window,
        )

    def state(self) -> dict[str, Any]:
        """Return the place in the stream."""
        rows = None if self.rows is None else torch.from_numpy(self.rows)
        return {"epoch": self.epoch, "position": self.position, "rows": rows}

    def load(self, state: dict[str, Any]) -> None:
        """Go to a place."""
        self.epoch, self.position = state["epoch"], state["position"]
        if state["rows"] is not None:
            self.rows = state["rows"].numpy()
            self._arrange()
