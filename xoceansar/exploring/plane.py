"""A view of embeddings in two dimensions: their first two principal components."""

from collections.abc import Iterator
from typing import Final

import numpy as np
import numpy.typing as npt

from xoceansar._typing import Array
from xoceansar.exploring.kept_embeddings import KeptEmbeddings

#: Vignettes that the components are found from.
_SAMPLE: Final = 20_000
#: Vignettes whose embeddings are unpacked at once.
_ROWS: Final = 2048


def plane_of(kept: KeptEmbeddings, seed: int = 0) -> npt.NDArray[np.float32]:
    """Project embeddings on the plane in which they differ most.

    Shapes: gives (n, 2); NaN without an embedding.
    """
    n = len(kept)
    rng = np.random.default_rng(seed)
    some = np.arange(n) if n <= _SAMPLE else np.sort(rng.choice(n, _SAMPLE, False))
    out = np.full((n, 2), np.nan, np.float32)
    width = kept.vectors(some[:1]).shape[1]
    count, total, squares = 0, np.zeros(width), np.zeros((width, width))
    for known in _blocks(kept, some):
        known = known[np.isfinite(known).all(axis=1)].astype(np.float64)
        count += len(known)
        total = total + known.sum(axis=0)
        squares = squares + known.T @ known
    if count < 2:
        return out
    centre = total / count
    # embeddings are of length one, so little is lost where means are subtracted after squaring
    _, axes = np.linalg.eigh(squares - count * np.outer(centre, centre))
    two = axes[:, ::-1][:, :2]
    # the sign of a component is arbitrary: its greatest part is positive
    two = two * np.sign(two[np.abs(two).argmax(axis=0), range(two.shape[1])])
    places = [(known - centre) @ two for known in _blocks(kept, np.arange(n))]
    out[:, : two.shape[1]] = np.concatenate(places)
    return out


def _blocks(kept: KeptEmbeddings, rows: Array) -> Iterator[npt.NDArray[np.float32]]:
    for start in range(0, len(rows), _ROWS):
        yield kept.vectors(rows[start : start + _ROWS])
