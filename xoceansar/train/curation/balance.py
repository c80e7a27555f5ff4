"""Balanced sampling: as many rows from a small cluster as from a large one, where it has them."""

from typing import Final

import numpy as np

from xoceansar._typing import Array
from xoceansar.errors import TrainingError
from xoceansar.train.curation.clusters import Tree

#: Keeps the draws apart from those of the clustering, which is given the same seed.
_STREAM: Final = 1


def water_filling(counts: Array, target: int, rng: np.random.Generator) -> Array:
    """Share a number of rows out over clusters as evenly as their sizes allow.

    Shapes: `counts` (k,) -> (k,). Rows to take from each cluster, in all the lesser of `target`
    and the sum of `counts`.

    Notes
    -----
    Cluster i gives min(c, n_i), where c is the largest integer with sum_i min(c, n_i) <= target.
    What is still wanted, fewer rows than there are clusters larger than c, comes one each from
    such clusters drawn at random (Vo et al., 2024). c follows from the sorted sizes in one pass.

    References
    ----------
    Vo et al. (2024), https://doi.org/10.48550/arXiv.2405.15613.

    Examples
    --------
    >>> water_filling(np.array([900, 60, 3]), 103, np.random.default_rng(0)).tolist()
    [50, 50, 3]
    """
    sizes = np.asarray(counts, dtype=np.int64)
    if target < 0 or (sizes < 0).any():
        raise TrainingError(
            "counts and target must not be negative; got a target of "
            f"{target} and {int((sizes < 0).sum())} negative counts."
        )
    if target >= sizes.sum():
        return sizes.copy()
    rising = np.sort(sizes)
    below = np.cumsum(rising) - rising
    larger = np.arange(len(sizes), 0, -1)
    # The first cluster, from the smallest, that the water does not cover.
    first = np.searchsorted(below + rising * larger, target, side="right")
    cut = (target - below[first]) // larger[first]
    share: Array = np.minimum(sizes, cut)
    above = np.flatnonzero(sizes > cut)
    share[rng.choice(above, target - share.sum(), replace=False)] += 1
    return share


def balanced_sample(
    tree: Tree, n_keep: int, *, preference: float = 0.0, seed: int = 0
) -> Array:
    """Draw rows evenly over the clusters of every level, without replacement.

    Shapes: gives (n_keep,).

    Notes
    -----
    From the last level down, `water_filling` shares the rows out over clusters, the share of a
    cluster over its children, and so on to the leaves.

    OceanSAR-1 names a within-cluster preference eta and publishes no value; the stored text does
    not tell its range or sign either. Ours: a leaf of m rows, ranked 0 to m - 1 by distance r
    from its centroid (ties at random), gives those of the largest::

        eta (1 - (2 r + 1) / m) + (1 - |eta|) g,    g from a standard Gumbel distribution

    The largest of logarithms of weights plus Gumbel noise are a draw without replacement with
    these weights (Kool et al., 2019), here exp(eta / (1 - |eta|) (1 - (2 r + 1) / m)): uniform at
    0, near to far as 7 to 1 at 0.5, as 3000 to 1 at 0.8, and the strict order at 1 and -1. Ranks
    take the place of distances so that eta means the same in wide and narrow clusters and as
    the embedding changes.

    References
    ----------
    Vo et al. (2024), https://doi.org/10.48550/arXiv.2405.15613.
    OceanSAR-1 (2025), https://doi.org/10.48550/arXiv.2504.06962.
    Kool et al. (2019), https://doi.org/10.48550/arXiv.1903.06059.
    """
    n = len(tree.distance)
    if not 1 <= n_keep <= n:
        raise TrainingError(f"n_keep must be 1 to the {n} rows; got {n_keep}.")
    check_preference(preference)
    rng = np.random.default_rng([seed, _STREAM])
    counts = tree.counts
    share = water_filling(counts[-1], n_keep, rng)
    for parent, sizes in zip(tree.parents[::-1], counts[-2::-1], strict=True):
        finer = np.zeros(len(sizes), np.int64)
        for cluster, wanted in enumerate(share):
            children = np.flatnonzero(parent == cluster)
            finer[children] = water_filling(sizes[children], int(wanted), rng)
        share = finer
    leaf = tree.labels[0]
    rank = _rank_within(leaf, tree.distance, counts[0], rng)
    nearness = 1 - (2 * rank + 1) / counts[0][leaf]
    score = preference * nearness + (1 - abs(preference)) * rng.gumbel(size=n)
    return np.flatnonzero(_rank_within(leaf, -score, counts[0], rng) < share[leaf])


def check_preference(preference: float) -> None:
    """Refuse a preference that is out of range."""
    if not -1 <= preference <= 1:
        raise TrainingError(f"preference must be -1 to 1; got {preference}.")


def _rank_within(
    group: Array, value: Array, sizes: Array, rng: np.random.Generator
) -> Array:
    """Rank rows by rising value within their group, equal ones at random."""
    order = np.lexsort((rng.permutation(len(value)), value, group))
    start = np.cumsum(sizes) - sizes
    rank = np.empty(len(value), np.int64)
    rank[order] = np.arange(len(value)) - np.repeat(start, sizes)
    return rank
