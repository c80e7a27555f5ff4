"""Hierarchical k-means of embeddings, as data curation uses it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from xoceansar._optional import require
from xoceansar.errors import TrainingError, warn

__all__ = ["Tree", "hierarchical_kmeans"]

Array = npt.NDArray[Any]

#: Rows that are compared with the centroids at once.
_BLOCK: Final = 65536


@dataclass(frozen=True, slots=True)
class Tree:
    """Clusters of clusters.

    Parameters
    ----------
    centroids : tuple of ndarray (k, d), float32
        Of each level, finest first, of unit length.
    parents : tuple of ndarray (k,), int64
        For each level but the last, the cluster of the next level that each cluster is in.
    labels : tuple of ndarray (n,), int64
        For each level, the cluster of each row.
    distance : ndarray (n,), float32
        From each row, at unit length, to its finest centroid.
    """

    centroids: tuple[Array, ...]
    parents: tuple[Array, ...]
    labels: tuple[Array, ...]
    distance: Array

    @property
    def sizes(self) -> npt.NDArray[np.int64]:
        """Rows of each of the finest clusters (k,)."""
        return np.bincount(self.labels[0], minlength=len(self.centroids[0]))


def hierarchical_kmeans(
    embeddings: Array,
    levels: Sequence[int],
    *,
    subsample: int | None = None,
    seed: int = 0,
    iterations: int = 50,
) -> Tree:
    """Cluster embeddings, then the centroids, and so on.

    Parameters
    ----------
    embeddings : ndarray (n, d)
        One row for each vignette; compared by cosine, so only their direction matters.
    levels : sequence of int
        Clusters of each level, finest first, strictly falling.
    subsample : int, optional
        Rows that the finest level is fitted on, drawn at random; all by default. Every row is
        assigned in the end.
    seed : int
        Decides the subsample and the starts.
    iterations : int
        Of k-means, at most.

    Returns
    -------
    Tree

    Raises
    ------
    TrainingError
        If a row is not finite or zero, there is none, or the levels do not fall.

    Warns
    -----
    OceansarWarning
        If there are fewer rows than clusters: the level has fewer then.

    Notes
    -----
    The memory for the assignment is bounded: 65,536 rows at a time.

    References
    ----------
    Vo et al. (2024), https://doi.org/10.48550/arXiv.2405.15613.

    Examples
    --------
    >>> angle = np.array([0.0, 0.1, 2.0, 2.1, 4.0, 4.1])
    >>> tree = hierarchical_kmeans(np.c_[np.cos(angle), np.sin(angle)], [3])
    >>> tree.sizes.tolist()
    [2, 2, 2]
    """
    rows = _directions(embeddings)
    if (
        not levels
        or min(levels) < 1
        or list(levels) != sorted(set(levels), reverse=True)
    ):
        raise TrainingError(
            f"levels must be numbers of clusters, 1 or more, finest first and falling; got "
            f"{list(levels)}."
        )
    rng = np.random.default_rng(seed)
    fitted_on = rows
    if subsample is not None and subsample < len(rows):
        fitted_on = rows[np.sort(rng.choice(len(rows), subsample, replace=False))]
    centroids, parents = [], []
    points = fitted_on
    for level, wanted in enumerate(levels):
        found = _kmeans(points, wanted, iterations, rng)
        if level:
            parents.append(_nearest(points, found)[0])
        centroids.append(found)
        points = found
    finest, distance = _nearest(rows, centroids[0])
    labels = [finest]
    for up in parents:
        labels.append(up[labels[-1]])
    return Tree(tuple(centroids), tuple(parents), tuple(labels), distance)


def _directions(embeddings: Array) -> npt.NDArray[np.float32]:
    if embeddings.ndim != 2 or not len(embeddings):
        raise TrainingError(
            f"curation needs embeddings (vignette, embedding), one row or more; got the shape "
            f"{embeddings.shape}."
        )
    rows = embeddings.astype(np.float32)
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    bad = int((~(np.isfinite(length) & (length > 0))).sum())
    if bad:
        raise TrainingError(
            f"{bad} of {len(rows)} embeddings are missing, infinite or zero. Leave those rows out: "
            "embeddings[np.isfinite(embeddings).all(axis=1)]."
        )
    return np.asarray(rows / length, np.float32)


def _kmeans(
    points: Array, wanted: int, iterations: int, rng: np.random.Generator
) -> npt.NDArray[np.float32]:
    """Centroids (k, d) of unit length; k is `wanted`, or the number of distinct points."""
    distinct = len(np.unique(points, axis=0))
    if distinct < wanted:
        warn(
            f"{wanted} clusters were asked for and there are {distinct} distinct rows."
        )
    cluster = require("sklearn.cluster", extra="train")
    threads = require("threadpoolctl", extra="train")
    start = int(rng.integers(2**31))
    with threads.threadpool_limits(1):  # barriers cost more than sums this small
        model = cluster.KMeans(
            min(wanted, distinct), n_init=1, max_iter=iterations, random_state=start
        ).fit(points)
    centres = model.cluster_centers_
    length = np.linalg.norm(centres, axis=1, keepdims=True)
    return np.asarray(centres / np.maximum(length, 1e-12), np.float32)


def _nearest(rows: Array, centroids: Array) -> tuple[Array, Array]:
    """Nearest centroid of each row, and the distance to it."""
    labels = np.empty(len(rows), np.int64)
    distance = np.empty(len(rows), np.float32)
    for start in range(0, len(rows), _BLOCK):
        part = slice(start, start + _BLOCK)
        cosine = rows[part] @ centroids.T
        labels[part] = cosine.argmax(axis=1)
        distance[part] = np.sqrt(np.maximum(2 - 2 * cosine.max(axis=1), 0))
    return labels, distance
