"""Which vignette to label next: typical, far from what has a label, and undecided by it.

References
----------
Sener and Savarese (2018), https://arxiv.org/abs/1708.00489 (distance). Hacohen et al. (2022),
https://arxiv.org/abs/2202.02794 (few labels: what is typical). Settles (2009),
https://minds.wisconsin.edu/handle/1793/60660 (margin of two classes).
"""

from typing import Final

import numpy as np
import xarray as xr

from xoceansar._typing import Array
from xoceansar.conventions import EMBEDDING, VIGNETTE
from xoceansar.conventions.texts import text_values
from xoceansar.errors import LabelError, MissingVariableError
from xoceansar.labelling.label_file import label_codes
from xoceansar.layout.images import XarrayObject, find_embedding

#: Vignettes without a label that are compared; of an archive, drawn at random.
_CANDIDATES: Final = 4000
#: Directions in which vignettes differ most.
_DIRECTIONS: Final = 32
#: Neighbours whose distance says how typical a vignette is.
_NEIGHBOURS: Final = 10
#: Squared distance at which a label counts 1/e as much.
_REACH: Final = 0.3
#: Part of the score that certainty does not take away.
_FLOOR: Final = 0.05


def next_to_label(
    archive: XarrayObject, latest: dict[str, str], n: int, *, seed: int = 0
) -> list[str]:
    """Name the vignettes to label next.

    Notes
    -----
    Of candidates the one with the greatest ``d (0.05 + u) / t``: d is the distance to the nearest
    vignette with a label or suggested before it, u is one minus the margin between the two classes
    for which most labels nearby vote, and t the mean distance to the ten nearest candidates. All in
    the directions of the greatest variance, on the sphere. Without labels u is one.
    """
    if isinstance(n, bool) or not isinstance(n, int | np.integer) or n < 1:
        raise LabelError(f"n must be a whole number of 1 or more; got {n!r}.")
    rows = _rows_of(archive)
    ids = text_values(rows["vignette_id"])
    _, codes = label_codes(latest, [str(i) for i in ids])
    rng = np.random.default_rng(seed)
    free = np.flatnonzero((codes < 0) & (ids != ""))
    if len(free) > _CANDIDATES:
        free = np.sort(rng.choice(free, _CANDIDATES, replace=False))
    known = np.flatnonzero(codes >= 0)
    at = np.concatenate([known, free])
    vectors = np.asarray(rows.isel({VIGNETTE: at}).values, np.float64)
    usable = np.isfinite(vectors).all(axis=1)
    points = _directions(vectors[usable])
    codes, at = codes[at][usable], at[usable]
    return [str(ids[at[i]]) for i in choose(points, codes, int(n))]


def choose(points: Array, codes: Array, n: int) -> list[int]:
    """Choose rows without a label, the most telling first.

    Shapes: `points` (m, directions) on the sphere, `codes` (m,), -1 without a label.
    """
    known, free = np.flatnonzero(codes >= 0), np.flatnonzero(codes < 0)
    if not len(free):
        return []
    among = _distances(points[free], points[free])
    k = min(_NEIGHBOURS, len(free) - 1)
    near = np.partition(among, k, axis=1)[:, : k + 1].sum(axis=1) / max(k, 1)
    value = (_FLOOR + _undecided(points, codes, known, free)) / (near + 1e-9)
    nearest = np.ones(len(free))
    if len(known):
        nearest = _distances(points[free], points[known]).min(axis=1)
    chosen: list[int] = []
    for _ in range(min(n, len(free))):
        score = nearest * value
        score[chosen] = -1.0
        best = int(score.argmax())
        chosen.append(best)
        nearest = np.minimum(nearest, among[best])
    return [int(free[i]) for i in chosen]


def _undecided(points: Array, codes: Array, known: Array, free: Array) -> Array:
    """One minus the margin between the two classes for which most labels vote.

    Shapes: gives (free,).
    """
    classes = np.unique(codes[known])
    if len(classes) < 2:
        return np.ones(len(free))
    squared = _distances(points[free], points[known]) ** 2
    weight = np.exp((squared.min(axis=1, keepdims=True) - squared) / _REACH)
    votes = np.stack(
        [weight[:, codes[known] == c].sum(axis=1) for c in classes], axis=1
    )
    share = np.sort(votes / votes.sum(axis=1, keepdims=True), axis=1)
    return np.asarray(1.0 - (share[:, -1] - share[:, -2]))


def _directions(vectors: Array) -> Array:
    """Reduce embeddings to the directions in which they differ most, on the sphere.

    Notes
    -----
    Each direction is divided by the root of its spread: the first ones count most, and not alone.
    """
    if not len(vectors):
        return vectors
    scaled = vectors - vectors.mean(axis=0)
    scaled /= scaled.std(axis=0) + 1e-9
    covariance = scaled.T @ scaled / len(scaled)
    values, axes = np.linalg.eigh(covariance)
    keep = [i for i in np.argsort(values)[::-1][:_DIRECTIONS] if values[i] > 1e-9]
    points = scaled @ axes[:, keep] / np.maximum(values[keep], 1e-9) ** 0.25
    length = np.linalg.norm(points, axis=1, keepdims=True)
    return np.asarray(points / np.where(length > 0, length, 1.0))


def _distances(some: Array, others: Array) -> Array:
    return np.asarray(np.sqrt(np.maximum(2.0 - 2.0 * some @ others.T, 0.0)))


def _rows_of(archive: XarrayObject) -> xr.DataArray:
    embedding = find_embedding(archive)
    if embedding is None and isinstance(archive, xr.Dataset):
        embedding = archive.get("embedding_vector")
    if embedding is None or EMBEDDING not in embedding.dims:
        raise MissingVariableError(
            "what to label next is chosen among embeddings, and there is no 'embedding_vector'. "
            "Make it with ds.assign(embedding_vector=ds.oceansar.embed())."
        )
    if set(embedding.dims) != {VIGNETTE, EMBEDDING} or (
        "vignette_id" not in embedding.coords
    ):
        raise MissingVariableError(
            "embeddings (vignette, embedding) with the coordinate 'vignette_id' are needed; got "
            f"{embedding.dims} with {sorted(map(str, embedding.coords))}."
        )
    return embedding.transpose(VIGNETTE, EMBEDDING)
