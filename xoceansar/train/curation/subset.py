"""Curation: a part of a pool in which common things no longer crowd out rare ones.

Vo et al. (2024), https://doi.org/10.48550/arXiv.2405.15613 (hierarchical k-means and sampling).
OceanSAR-1 (2025), https://doi.org/10.48550/arXiv.2504.06962 (again and again during training).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import pandas as pd

from xoceansar._typing import Array
from xoceansar.errors import DimensionError, TrainingError
from xoceansar.train.curation.balance import balanced_sample, check_preference
from xoceansar.train.curation.clusters import hierarchical_kmeans

#: Name of the rows without a class in a report.
_UNLABELLED: Final = "unlabelled"


@dataclass(frozen=True, slots=True, eq=False)
class CurationReport:
    """What a curation found and what it kept.

    Parameters
    ----------
    levels : tuple of int
        Clusters at each level of the tree, finest first.
    available, kept : ndarray (levels[0],) of int
        Rows in each leaf cluster, before and after.
    effective_clusters : tuple of (float, float)
        `effective_clusters` before and after at each level, finest first.
    classes : dict of str to (int, int)
        Rows kept and available of each class, and of ``"unlabelled"`` where rows have none;
        empty without labels.
    """

    levels: tuple[int, ...]
    available: Array
    kept: Array
    effective_clusters: tuple[tuple[float, float], ...]
    classes: dict[str, tuple[int, int]] = field(default_factory=dict)

    @property
    def effective_clusters_before(self) -> float:
        """How many equal leaf clusters would be as even as those of all rows."""
        return self.effective_clusters[0][0]

    @property
    def effective_clusters_after(self) -> float:
        """How many equal leaf clusters would be as even as those of the kept rows."""
        return self.effective_clusters[0][1]

    def summary(self) -> dict[str, Any]:
        """Return everything in plain numbers, lists and dicts, as JSON takes them."""
        return {
            "available": int(self.available.sum()),
            "kept": int(self.kept.sum()),
            "levels": list(self.levels),
            "effective_clusters": [list(pair) for pair in self.effective_clusters],
            "effective_clusters_before": self.effective_clusters_before,
            "effective_clusters_after": self.effective_clusters_after,
            "clusters": {
                "available": self.available.tolist(),
                "kept": self.kept.tolist(),
            },
            "classes": {
                name: {"available": available, "kept": kept}
                for name, (kept, available) in self.classes.items()
            },
        }

    def __str__(self) -> str:
        evenness = (
            f"{before:.1f} -> {after:.1f} of {k}"
            for (before, after), k in zip(
                self.effective_clusters, self.levels, strict=True
            )
        )
        text = (
            f"kept {self.kept.sum()} of {self.available.sum()}; effective clusters "
            + ", ".join(evenness)
        )
        if self.classes:
            shares = (f"{name} {k}/{n}" for name, (k, n) in self.classes.items())
            text += "; kept of each class: " + ", ".join(shares)
        return text


@dataclass(frozen=True, slots=True, eq=False)
class Selection:
    """The rows that a curation keeps.

    Parameters
    ----------
    rows : ndarray (m,), int64
        Row numbers, rising.
    report : CurationReport
        Where they come from.
    """

    rows: Array
    report: CurationReport


def effective_clusters(counts: Array) -> float:
    """Count clusters by how evenly rows are spread over them.

    Shapes: `counts` (k,).

    Notes
    -----
    The exponential of the entropy of the shares p, exp(-sum p ln p): Hill's number of order 1.

    Balancing raises it at the last level of a tree, if each cluster there can give several rows.
    It may fall in the leaves: where common things are cut into most of them, keeping less of
    these empties leaves.

    References
    ----------
    Hill (1973), https://doi.org/10.2307/1934352.

    Examples
    --------
    >>> round(effective_clusters(np.array([5, 5, 0, 5, 5])), 2)
    4.0
    >>> round(effective_clusters(np.array([97, 1, 1, 1])), 2)
    1.18
    """
    present = counts[counts > 0]
    share = present / present.sum()
    return float(np.exp(-(share * np.log(share)).sum()))


def curate(
    embeddings: Array,
    *,
    fraction: float,
    levels: Sequence[int],
    preference: float = 0.0,
    subsample: int | None = None,
    seed: int = 0,
    labels: Array | None = None,
    class_names: Sequence[str] = (),
) -> Selection:
    """Keep a fraction of the rows, balanced over what the embeddings tell apart.

    Parameters
    ----------
    embeddings : ndarray (n, d)
        One row for each vignette.
    fraction : float
        rho: how much is kept, above 0 and up to 1.
    levels : sequence of int
        Clusters at each level of the tree, finest first, each fewer than the one before.
    preference : float, default 0
        eta, see `balanced_sample`.
    subsample : int, optional
        Rows that the clusters are fitted on; all if left out.
    seed : int, default 0
        Decides what is left to chance.
    labels : ndarray (n,), optional
        Class of each row, by name or number, for the report alone: the choice does not know
        them. Missing values and negative numbers are unlabelled.
    class_names : sequence of str, optional
        Names of the classes 0, 1, ... of `labels`.

    Returns
    -------
    Selection
        round(fraction n) rows, at least one, and the report.

    Raises
    ------
    DimensionError
        If `embeddings` are not a matrix, or `labels` not one for each row.
    TrainingError
        If rows are not finite or all zero, a label has no name, or an argument is out of range.

    References
    ----------
    Vo et al. (2024), https://doi.org/10.48550/arXiv.2405.15613.
    OceanSAR-1 (2025), https://doi.org/10.48550/arXiv.2504.06962.

    Examples
    --------
    Ninety rows of one kind and ten of another; half of them is kept:

    >>> rng = np.random.default_rng(0)
    >>> kind = np.repeat(["wave", "ice"], [90, 10])
    >>> rows = np.where(kind == "ice", 4, -4)[:, None] + rng.normal(size=(100, 2))
    >>> selection = curate(rows, fraction=0.5, levels=(2,), labels=kind)
    >>> selection.report.classes
    {'ice': (10, 10), 'wave': (40, 90)}
    """
    if not 0 < fraction <= 1:
        raise TrainingError(
            f"fraction must be above 0 and not above 1; got {fraction}."
        )
    check_preference(preference)
    n = len(embeddings)
    names, codes = _classes(labels, class_names, n)
    tree = hierarchical_kmeans(embeddings, levels, subsample=subsample, seed=seed)
    n_keep = max(1, round(fraction * n))
    rows = balanced_sample(tree, n_keep, preference=preference, seed=seed)
    kept = tuple(
        np.bincount(of_row[rows], minlength=k)
        for of_row, k in zip(tree.labels, tree.levels, strict=True)
    )
    report = CurationReport(
        levels=tree.levels,
        available=tree.counts[0],
        kept=kept[0],
        effective_clusters=tuple(
            (effective_clusters(before), effective_clusters(after))
            for before, after in zip(tree.counts, kept, strict=True)
        ),
        classes=_count_classes(names, codes, rows),
    )
    return Selection(rows, report)


def _classes(
    labels: Array | None, class_names: Sequence[str], n: int
) -> tuple[list[str], Array]:
    """Give the names of the classes and the number of each row's class, -1 without one."""
    if labels is None:
        return [], np.full(n, -1)
    values = np.asarray(labels)
    if values.shape != (n,):
        raise DimensionError(
            f"labels must have one value for each of the {n} rows of embeddings; got the "
            f"shape {values.shape}."
        )
    numeric = values.dtype.kind in "fiu"
    if numeric:
        values = np.where(values < 0, np.nan, values)
    codes, found = pd.factorize(values, sort=True)
    if not class_names:
        return [f"{v:g}" if numeric else str(v) for v in found], codes
    if not numeric or not np.isin(found, np.arange(len(class_names))).all():
        raise TrainingError(
            f"labels must be numbers of the {len(class_names)} class_names, 0 to "
            f"{len(class_names) - 1}, or negative; got {found[:20].tolist()}."
        )
    return list(class_names), np.append(found, -1).astype(np.int64)[codes]


def _count_classes(
    names: list[str], codes: Array, rows: Array
) -> dict[str, tuple[int, int]]:
    if not names:
        return {}
    k = len(names)
    available = np.bincount(codes + 1, minlength=k + 1).tolist()
    kept = np.bincount(codes[rows] + 1, minlength=k + 1).tolist()
    counted = dict(zip(names, zip(kept[1:], available[1:], strict=True), strict=True))
    if available[0]:
        counted[_UNLABELLED] = (kept[0], available[0])
    return counted
