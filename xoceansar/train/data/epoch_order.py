"""The order in which an epoch visits vignettes that are stored in chunks."""

import numpy as np

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
