"""Fit the head that says how far a vignette lies from the training set.

References
----------
Lee et al. (2018), https://arxiv.org/abs/1807.03888. Fisher (1936),
https://doi.org/10.1111/j.1469-1809.1936.tb02137.x (discriminant directions).
"""

from dataclasses import replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy.linalg import eigh

from xoceansar.errors import TrainingError
from xoceansar.models.heads.distance import nearest_distance
from xoceansar.models.heads.head import Head
from xoceansar.models.spec import HeadSpec
from xoceansar.train.heads.dataset_arrays import Features, Groups, Targets, arrays_of
from xoceansar.train.heads.samples import complete_rows, group_folds

__all__ = ["fit_distance"]

Array = npt.NDArray[Any]

#: One part in so many of the groups is held out, for the distances to rank among.
_PARTS: Final = 4
#: Held-out vignettes below which ranks say nothing.
_LEAST: Final = 100
#: Added to the spread within categories, relative to its mean over the inputs.
_RIDGE: Final = 1e-4


def fit_distance(
    features: Features,
    categories: Targets,
    spec: HeadSpec,
    *,
    sigma0_mean: Array | None = None,
    incidence: Array | None = None,
    groups: Groups = None,
    seed: int = 0,
) -> Head:
    """Fit the out-of-distribution score of a bundle.

    Parameters
    ----------
    features : ndarray (n, embedding_dim), Dataset or DataArray
        Embeddings of vignettes like those that the bundle's heads were fitted on.
    categories : ndarray (n,), str or DataArray
        Name in the Dataset, or what each vignette shows and how: any labels, such as ocean class and beam together.
    spec : HeadSpec
        What is fitted, of kind ``distance`` and target ``ood_score``; with ``sigma0_mean_db``
        and ``incidence`` among its inputs another incidence is far, too.
    sigma0_mean, incidence : ndarray (n,), optional
        Mean sigma0 (linear) and incidence (degree), where ``spec.ancillary`` asks for them.
    groups : ndarray (n,), str or DataArray, optional
        Product or pass of each row, ``orbit_pass`` or a coordinate's name with a Dataset: a group serves the centres or the ranks, never both. Each
        row is its own group where not given.
    seed : int
        Decides which groups are held out.

    Returns
    -------
    Head
        ``spec.metrics``: ``n_fit``, ``n_held_out``, ``n_dropped``.

    Raises
    ------
    TrainingError
        If there are fewer than two categories, or fewer than 100 vignettes are held out.

    Notes
    -----
    Three quarters of the groups give the centres m of the categories, their covariance S_w
    around the centres and S_b between them. The directions W are the leading solutions of
    ``S_b w = g S_w w``, one fewer than categories, with ``W' S_w W = I``. The distance is
    ``min over c of |W'(x - m_c)|^2``. The others, held out, give the distances among which a new
    one is ranked: on vignettes like them the score is uniform between 0 and 1.

    Examples
    --------
    >>> import numpy as np
    >>> from xoceansar.models import HeadSpec
    >>> rng = np.random.default_rng(0)
    >>> features = rng.normal(size=(800, 3)).astype(np.float32)
    >>> spec = HeadSpec(
    ...     name="ood_score",
    ...     kind="distance",
    ...     target="ood_score",
    ...     units="1",
    ...     pooling="mean",
    ...     backbone_sha256="0" * 64,
    ... )
    >>> features[:400, 0] += 8
    >>> head = fit_distance(features, np.repeat(["waves", "ice"], 400), spec)
    >>> head(np.array([[8.0, 0.0, 0.0], [50.0, 0.0, 0.0]])).round(2)
    array([[0.11],
           [1.  ]], dtype=float32)
    """
    given = arrays_of(
        features,
        categories,
        spec,
        sigma0_mean=sigma0_mean,
        incidence=incidence,
        groups=groups,
    )
    names, index = np.unique(given.targets, return_inverse=True)
    sample = complete_rows(
        given.features,
        index,
        spec,
        "distance",
        given.sigma0_mean,
        given.incidence,
        given.groups,
    )
    fit, held_out = next(group_folds(sample.groups, _PARTS, seed))
    if len(held_out) < _LEAST:
        raise TrainingError(
            f"head {spec.name!r} ranks among held-out vignettes, and needs {_LEAST} or more; "
            f"got {len(held_out)}, one group in {_PARTS}. Give more vignettes."
        )
    weight, centre = _discriminant(sample.inputs[fit], sample.targets[fit])
    distances = np.sort(nearest_distance(sample.inputs[held_out], weight, centre))
    metrics = {
        "n_fit": len(fit),
        "n_held_out": len(held_out),
        "n_dropped": sample.dropped,
        "categories": len(names),
    }
    arrays = {
        **sample.scaling,
        "weight": weight,
        "centre": centre,
        "distances": distances,
    }
    return Head(
        replace(spec, metrics={**spec.metrics, **metrics}),
        {name: np.asarray(array, np.float32) for name, array in arrays.items()},
    )


def _discriminant(x: Array, category: Array) -> tuple[Array, Array]:
    """Discriminant directions (F, q) and the centres of the categories in them (c, q)."""
    names, index = np.unique(category, return_inverse=True)
    share = np.bincount(index) / len(x)
    x64 = x.astype(np.float64)
    centre = np.stack([x64[index == i].mean(axis=0) for i in range(len(names))])
    around = x64 - centre[index]
    within = around.T @ around / len(x)
    within[np.diag_indices_from(within)] += _RIDGE * within.trace() / len(within)
    offset = (centre - x64.mean(axis=0)) * np.sqrt(share)[:, None]
    _, directions = eigh(offset.T @ offset, within)
    count = min(len(names) - 1, x.shape[1])
    weight = np.asarray(directions[:, ::-1][:, :count], np.float32)
    return weight, centre.astype(np.float32) @ weight
