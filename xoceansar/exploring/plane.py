"""A view of embeddings in two dimensions: their first two principal components."""

from typing import Final

import numpy as np
import numpy.typing as npt

from xoceansar.exploring.kept_embeddings import KeptEmbeddings

#: Vignettes that the components are found from.
_SAMPLE: Final = 20_000
_ROWS: Final = 16_384


def plane_of(kept: KeptEmbeddings, seed: int = 0) -> npt.NDArray[np.float32]:
    """Project embeddings on the plane in which they differ most.

    Shapes: gives (n, 2); NaN without an embedding.
    """
    n = len(kept)
    rng = np.random.default_rng(seed)
    some = np.arange(n) if n <= _SAMPLE else np.sort(rng.choice(n, _SAMPLE, False))
    known = kept.vectors(some)
    sample = known[np.isfinite(known).all(axis=1)].astype(np.float64)
    out = np.full((n, 2), np.nan, np.float32)
    if len(sample) < 2:
        return out
    centre = sample.mean(axis=0)
    sample -= centre
    _, axes = np.linalg.eigh(sample.T @ sample)
    two = axes[:, ::-1][:, :2]
    # the sign of a component is arbitrary: its greatest part is positive
    two = two * np.sign(two[np.abs(two).argmax(axis=0), range(two.shape[1])])
    for start in range(0, n, _ROWS):
        part = slice(start, min(start + _ROWS, n))
        out[part, : two.shape[1]] = (
            kept.vectors(np.arange(part.start, part.stop)) - centre
        ) @ two
    return out
