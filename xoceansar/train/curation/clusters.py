"""Hierarchical k-means: the tree of clusters that curation balances over."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from scipy import sparse

from xoceansar._typing import Array
from xoceansar.errors import DimensionError, TrainingError, warn

#: Numbers in one block of a product of rows and centroids: 64 MiB of float32.
_BLOCK: Final = 1 << 24
#: Rows of a smaller cosine distance are equal, within the round-off of float32.
_ROUND_OFF: Final = 1e-5
#: A single start of k-means with few clusters can miss a group by bad luck.
_STARTS: Final = 5
#: Keeps the draws apart from those of the sampling, which is given the same seed.
_STREAM: Final = 0


@dataclass(frozen=True, slots=True, eq=False)
class Tree:
    """Clusters of clusters; level 0 is the finest, its clusters are the leaves."""

    centroids: tuple[Array, ...]
    #: Cluster of the next level that each cluster belongs to; none for the last level.
    parents: tuple[Array, ...]
    #: Cluster of each row, at each level.
    labels: tuple[Array, ...]
    #: (n,), float32: Cosine distance of each row to the centroid of its leaf, 0 to 2.
    distance: Array

    @property
    def levels(self) -> tuple[int, ...]:
        """Number of clusters at each level, finest first."""
        return tuple(len(c) for c in self.centroids)

    @property
    def counts(self) -> tuple[Array, ...]:
        """Rows in each cluster, at each level."""
        return tuple(
            np.bincount(of_row, minlength=k)
            for of_row, k in zip(self.labels, self.levels, strict=True)
        )


def hierarchical_kmeans(
    embeddings: Array,
    levels: Sequence[int],
    *,
    subsample: int | None = None,
    seed: int = 0,
    iterations: int = 50,
) -> Tree:
    """Cluster embeddings by direction, then the centroids of the clusters, level by level.

    Shapes: `embeddings` (n, d).

    Notes
    -----
    The rows are divided by their length. Level 0 is k-means of rows and each next level k-means
    of the centroids before, each centroid counting once however many rows it stands for. The
    centroids of k-means follow a flatter density than the rows, in d dimensions the power
    d / (d + 2) of theirs, so that each level brings the clusters nearer to a uniform cover of
    what there is (Vo et al., 2024). All means are scaled to unit length again (spherical
    k-means), so that the nearest centroid is that of the largest cosine. k-means starts by
    greedy k-means++, where rows times clusters are up to 2^24 the best of five times; a cluster
    that loses all its rows moves to the row that is farthest from its centroid.

    The same arguments give the same tree, also in several processes that each compute it, as
    far as the matrix product of NumPy is the same. This is why k-means is here: that of
    scikit-learn adds up threads in the order in which they finish.

    References
    ----------
    Vo et al. (2024), https://doi.org/10.48550/arXiv.2405.15613.
    Dhillon and Modha (2001), https://doi.org/10.1023/A:1007612920971 (spherical k-means).
    Arthur and Vassilvitskii (2007), k-means++: the advantages of careful seeding, SODA.

    Examples
    --------
    >>> rows = np.array([[1, 0], [2, 0.1], [0, 1], [0.1, 3], [-1, 0], [-2, 0.1]])
    >>> tree = hierarchical_kmeans(rows, (3, 2))
    >>> tree.levels, sorted(tree.counts[0].tolist())
    ((3, 2), [2, 2, 2])
    """
    embeddings = _checked(embeddings)
    asked = _checked_levels(levels)
    for name, value in (("subsample", subsample), ("iterations", iterations)):
        if value is not None and value < 1:
            raise TrainingError(f"{name} must be 1 or more; got {value}.")
    rng = np.random.default_rng([seed, _STREAM])
    points = _unit(_subsample(embeddings, subsample, rng))
    n_fitted = len(points)
    centroids: list[Array] = []
    parents: list[Array] = []
    for k in asked:
        if centroids and k >= len(points):
            continue
        fitted, member = _kmeans(points, min(k, len(points)), iterations, rng)
        if centroids:
            parents.append(member)
        centroids.append(fitted)
        points = fitted
    found = tuple(len(c) for c in centroids)
    if found != asked:
        warn(
            f"the tree has {found} clusters where {asked} were asked for: there are "
            f"{n_fitted} rows to fit it on, and equal ones count once. Ask for fewer clusters, "
            "or fit on more rows."
        )
    leaf, similarity = _assign(embeddings, centroids[0])
    labels = [leaf]
    for parent in parents:
        labels.append(parent[labels[-1]])
    distance = np.clip(1 - similarity, 0, 2)
    return Tree(tuple(centroids), tuple(parents), tuple(labels), distance)


def _checked(embeddings: Array) -> Array:
    embeddings = np.asarray(embeddings)
    if embeddings.ndim != 2 or 0 in embeddings.shape:
        raise DimensionError(
            "embeddings must be a matrix with a row for each vignette; got the shape "
            f"{embeddings.shape}."
        )
    if embeddings.dtype.kind not in "fiu":
        raise TrainingError(
            f"embeddings must be real numbers; got the type {embeddings.dtype}."
        )
    n, width = embeddings.shape
    not_finite = zero = 0
    for part in _blocks(n, width):
        block = embeddings[part]
        not_finite += int((~np.isfinite(block).all(axis=1)).sum())
        zero += int((~block.any(axis=1)).sum())
    if not_finite or zero:
        raise TrainingError(
            f"embeddings must be finite and not all zero to have a direction; of {n} rows "
            f"{not_finite} are not finite and {zero} are all zero. Leave them out."
        )
    return embeddings


def _checked_levels(levels: Sequence[int]) -> tuple[int, ...]:
    asked = tuple(int(k) for k in levels)
    falling = all(a > b for a, b in pairwise(asked))
    if not asked or asked[-1] < 1 or not falling:
        raise TrainingError(
            "levels must be one or more numbers of clusters, finest first, each smaller than "
            f"the one before, such as (100, 10); got {asked}."
        )
    return asked


def _subsample(rows: Array, size: int | None, rng: np.random.Generator) -> Array:
    if size is None or size >= len(rows):
        return rows
    # In order, which is how a memory map is read fastest.
    drawn = rng.choice(len(rows), size, replace=False, shuffle=False)
    chosen: Array = rows[np.sort(drawn)]
    return chosen


def _unit(rows: Array) -> Array:
    """Divide rows by their length, which may overflow or vanish when squared."""
    real = np.asarray(rows, dtype=np.result_type(rows.dtype, np.float32))
    scaled: Array = (real / np.abs(real).max(axis=1, keepdims=True)).astype(np.float32)
    scaled /= np.linalg.norm(scaled, axis=1, keepdims=True)
    return scaled


def _blocks(n: int, width: int) -> Iterator[slice]:
    step = max(1, _BLOCK // width)
    for start in range(0, n, step):
        yield slice(start, start + step)


def _nearest(points: Array, centroids: Array) -> tuple[Array, Array]:
    """Find the centroid of the largest cosine, and that cosine, for unit rows."""
    label = np.empty(len(points), np.int32)
    similarity = np.empty(len(points), np.float32)
    for part in _blocks(len(points), len(centroids)):
        product = points[part] @ centroids.T
        label[part] = product.argmax(axis=1)
        similarity[part] = product.max(axis=1)
    return label, similarity


def _assign(embeddings: Array, centroids: Array) -> tuple[Array, Array]:
    """Find the nearest centroid of each row, without a copy of all rows."""
    parts = [
        _nearest(_unit(embeddings[part]), centroids)
        for part in _blocks(len(embeddings), max(centroids.shape))
    ]
    label, similarity = zip(*parts, strict=True)
    return np.concatenate(label), np.concatenate(similarity)


def _kmeans(
    points: Array, k: int, iterations: int, rng: np.random.Generator
) -> tuple[Array, Array]:
    """Fit spherical k-means to unit rows; clusters without rows are left out."""
    starts = _STARTS if len(points) * k <= _BLOCK else 1
    fits = [_lloyd(points, k, iterations, rng) for _ in range(starts)]
    centroids, label, _ = max(fits, key=lambda fit: fit[2])
    used, label = np.unique(label, return_inverse=True)
    return centroids[used], label.astype(np.int32)


def _lloyd(
    points: Array, k: int, iterations: int, rng: np.random.Generator
) -> tuple[Array, Array, float]:
    """Return centroids, the cluster of each row, and the mean cosine between the two."""
    centroids = _seeds(points, k, rng)
    label, similarity = _nearest(points, centroids)
    for _ in range(iterations):
        centroids = _means(points, label, similarity, centroids)
        before = label
        label, similarity = _nearest(points, centroids)
        if np.array_equal(label, before):
            break
    return centroids, label, float(similarity.mean(dtype=np.float64))


def _seeds(points: Array, k: int, rng: np.random.Generator) -> Array:
    """Draw rows far from each other, fewer than k where no others differ: k-means++."""
    trials = 2 + int(np.log(k))
    chosen = [int(rng.integers(len(points)))]
    gap = 1 - points @ points[chosen[0]]
    while len(chosen) < k:
        gap[gap < _ROUND_OFF] = 0
        total = np.cumsum(gap, dtype=np.float64)
        if total[-1] == 0:
            break
        # Proportional to the gap, which for unit rows is half the squared distance.
        level = rng.random(trials) * total[-1]
        drawn = np.minimum(np.searchsorted(total, level, "right"), len(points) - 1)
        left = np.minimum(gap, 1 - points[drawn] @ points.T)
        best = int(left.sum(axis=1, dtype=np.float64).argmin())
        chosen.append(int(drawn[best]))
        gap = left[best]
    seeds: Array = points[chosen]
    return seeds


def _means(points: Array, label: Array, similarity: Array, last: Array) -> Array:
    """Return the mean direction of each cluster; an empty one moves to a row far from its own."""
    n, k = len(points), len(last)
    ones = np.ones(n, np.float32)
    member = sparse.csr_matrix((ones, label, np.arange(n + 1)), shape=(n, k))
    total: Array = member.T @ points
    length = np.linalg.norm(total, axis=1, keepdims=True)
    # Opposite rows cancel: their mean has no direction, and the last one stays.
    means = np.where(length > 0, total / np.where(length > 0, length, 1), last)
    empty = np.flatnonzero(np.bincount(label, minlength=k) == 0)
    far = np.argsort(similarity, kind="stable")[: len(empty)]
    far = far[1 - similarity[far] > _ROUND_OFF]
    means[empty[: len(far)]] = points[far]
    return means
