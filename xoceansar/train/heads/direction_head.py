"""Fit a head for a direction whose two ends look alike in an image."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from xoceansar.errors import TrainingError
from xoceansar.models.heads.head import Head
from xoceansar.models.spec import HeadSpec
from xoceansar.sar.bearings import axis_error, decode_axis, encode_axis
from xoceansar.train.heads.dataset_arrays import Features, Groups, Targets
from xoceansar.train.heads.linear_heads import finished
from xoceansar.train.heads.linear_laws import ALPHAS, ridge
from xoceansar.train.heads.samples import complete_rows, group_folds

__all__ = ["fit_direction"]

Array = npt.NDArray[Any]


def fit_direction(
    features: Features,
    angles: Targets,
    spec: HeadSpec,
    *,
    sigma0_mean: Array | None = None,
    incidence: Array | None = None,
    texture: Array | None = None,
    groups: Groups = None,
    alphas: Sequence[float] = ALPHAS,
    folds: int = 5,
    seed: int = 0,
) -> Head:
    """Fit the axis of a direction by ridge regression, its penalty by cross-validation.

    Parameters
    ----------
    features : ndarray (n, embedding_dim), Dataset or DataArray
        Embeddings by the backbone that `spec` names, with the columns of its features after them; or a
        Dataset of ``embedding_vector``, features and coordinates, as `xoceansar.train.fit` takes.
    angles : ndarray (n,), str or DataArray
        Name of the compass direction in the Dataset, or angle from the look direction towards the flight direction, degrees, as
        `xoceansar.sar.look_angle` makes it of a compass direction and the heading.
        Rows with a missing angle or input are dropped and counted.
    spec : HeadSpec
        What is fitted, of kind ``linear`` and encoding ``axis``; its metrics are filled in.
    sigma0_mean, incidence, texture : ndarray, optional
        Where ``spec.ancillary`` asks for them.
    groups : ndarray (n,), str or DataArray, optional
        Product or pass of each row, ``orbit_pass`` or a coordinate's name with a Dataset: a group is never on both sides of a split.
    alphas : sequence of float
        Penalties to try.
    folds : int
        Folds of the cross-validation, at most the number of groups.
    seed : int
        Decides which group goes to which fold.

    Returns
    -------
    Head
        ``spec.metrics``: ``cv_rmse`` (degrees, of the axis, out of fold; 52 is chance),
        ``cv_expected_rmse`` (what the head itself expects, by `axis_error`), ``alpha``,
        ``n_fit``, ``n_dropped``.

    Raises
    ------
    TrainingError
        If the encoding or the kind is another, the angles are constant, or there are too few
        rows or groups.

    Notes
    -----
    Least squares of (cos 2a, sin 2a): the fit shortens the pair where the inputs say little about
    the direction, which is what the standard error is made of. A linear law
    also shortens it where the inputs say much: errors under some 20 degrees are overstated.

    Examples
    --------
    >>> import numpy as np
    >>> from xoceansar.models import HeadSpec
    >>> rng = np.random.default_rng(0)
    >>> features = rng.normal(size=(100, 3)).astype(np.float32)
    >>> angles = np.degrees(np.arctan2(features[:, 1], features[:, 0])) / 2
    >>> spec = HeadSpec(
    ...     name="wind_to_direction",
    ...     kind="linear",
    ...     target="wind_to_direction",
    ...     units="degree",
    ...     pooling="mean",
    ...     backbone_sha256="0" * 64,
    ...     encoding="axis",
    ... )
    >>> head = fit_direction(features, angles, spec)
    >>> pair = head(np.array([[0.0, 1.0, 0.0]]))[0]
    >>> float(np.degrees(np.arctan2(pair[1], pair[0]) / 2).round())
    46.0
    """
    if spec.encoding != "axis":
        raise TrainingError(
            f"head {spec.name!r} has the encoding {spec.encoding!r}; fit_direction fits 'axis'. "
            "Use HeadSpec(..., encoding='axis')."
        )
    sample = complete_rows(
        features,
        angles,
        spec,
        "linear",
        sigma0_mean,
        incidence,
        groups,
        texture=texture,
    )
    x, axes = sample.inputs, encode_axis(sample.targets)
    splits = list(group_folds(sample.groups, folds, seed))
    out = np.empty((len(x), len(alphas), 2))
    for train, test in splits:
        for k in (0, 1):
            weights, offset = ridge(x[train], axes[train, k], alphas)
            out[test, :, k] = x[test] @ weights + offset
    squared = ((out - axes[:, None]) ** 2).sum(axis=(0, 2))
    best = int(squared.argmin())
    laws = [ridge(x, axes[:, k], [alphas[best]]) for k in (0, 1)]
    metrics = {**_errors(out[:, best], sample.targets), "alpha": float(alphas[best])}
    weight = np.concatenate([law[0] for law in laws], axis=1)
    bias = np.concatenate([law[1] for law in laws])
    return finished(spec, sample, metrics, weight=weight, bias=bias)


def _errors(encoded: Array, angles: Array) -> dict[str, float]:
    error = np.mod(decode_axis(encoded) - angles + 90.0, 180.0) - 90.0
    expected = axis_error(encoded)
    return {
        "cv_rmse": float(np.sqrt((error**2).mean())),
        "cv_expected_rmse": float(np.sqrt((expected**2).mean())),
    }
