"""Heads of kind ``distance``: how far an embedding lies from what the model was trained on.

References
----------
Lee et al. (2018), A simple unified framework for detecting out-of-distribution samples,
https://arxiv.org/abs/1807.03888 (Mahalanobis distance to the nearest class centre).
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["distance_score", "nearest_distance"]

Array = npt.NDArray[Any]


def nearest_distance(x: Array, weight: Array, centre: Array) -> npt.NDArray[np.float32]:
    """Compute the squared distance to the nearest centre, in the directions that tell them apart.

    Shapes: `x` (n, F), `weight` (F, q), `centre` (c, q) -> (n,). ``min over c of |x W -
    centre_c|^2``.
    """
    seen = np.asarray(x @ weight, np.float32)
    least = np.full(len(seen), np.inf, np.float32)
    for one in centre:
        np.minimum(least, ((seen - one) ** 2).sum(axis=1), out=least)
    return least


def distance_score(x: Array, arrays: Mapping[str, Array]) -> npt.NDArray[np.float32]:
    """Rank a distance among those of vignettes that were held out.

    Shapes: `x` (n, F) -> (n, 1). ``k / (m + 1)``, where k of the m distances are smaller: ``1 -
    score`` is the conformal p-value of "this vignette is like those".
    """
    held_out = arrays["distances"]
    found = nearest_distance(x, arrays["weight"], arrays["centre"])
    smaller = np.searchsorted(held_out, found, side="left")
    return (smaller / (len(held_out) + 1)).astype(np.float32)[:, None]
