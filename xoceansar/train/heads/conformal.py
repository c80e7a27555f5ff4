"""Calibrate a fitted regression head: split-conformal prediction intervals for each beam.

References
----------
Vovk, Gammerman and Shafer (2005), Algorithmic Learning in a Random World,
https://doi.org/10.1007/b106715 (Mondrian: a calibration for each category).
Papadopoulos et al. (2002), https://doi.org/10.1007/3-540-36755-1_29 (normalised scores).
Lei et al. (2018), https://doi.org/10.1080/01621459.2017.1307116 (split conformal).
"""

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import xarray as xr

from xoceansar.conventions.texts import text_values
from xoceansar.errors import DimensionError, MissingVariableError, TrainingError
from xoceansar.models.heads.head import Head, head_inputs
from xoceansar.models.spec.intervals import IntervalSpec
from xoceansar.train.heads.dataset_arrays import (
    Arrays,
    Features,
    Groups,
    Targets,
    arrays_of,
)
from xoceansar.train.heads.samples import group_folds

__all__ = ["calibrate", "error_scale"]

Array = npt.NDArray[Any]

#: Scores of a beam below which it is refused: 100 give every level up to 0.99.
_LEAST: Final = 100
#: One part in so many of the groups tells the scale of the errors, the others give the scores.
_PARTS: Final = 4
#: Predictions at which the scale of the errors is told.
_KNOTS: Final = 5
#: The scale is at least this fraction of the mean error.
_LEAST_SCALE: Final = 0.05


@dataclass(frozen=True, slots=True)
class _Errors:
    """Complete rows: what was predicted, how wrong it was, and where."""

    predicted: Array
    error: Array
    incidence: Array
    beam: Array
    groups: Array
    dropped: int


def calibrate(
    head: Head,
    features: Features,
    targets: Targets,
    *,
    incidence: Array | None = None,
    beam: Array | None = None,
    sigma0_mean: Array | None = None,
    groups: Groups = None,
    seed: int = 0,
) -> Head:
    """Give a regression head prediction intervals that hold the truth as often as they say.

    Parameters
    ----------
    head : Head
        A fitted regression head; not modified.
    features : ndarray (n, embedding_dim), Dataset or DataArray
        Embeddings, features or both of vignettes on which neither the head nor its kind was chosen: disjoint from
        the fit by group, and from the same sea as what the head will be applied to.
    targets : ndarray (n,), str or DataArray
        Truth, in ``head.spec.units``, or its name in the Dataset. Rows with a missing target or input are dropped and
        counted.
    incidence : ndarray (n,), optional
        Incidence angle, in degrees; needed with arrays, a coordinate of a Dataset.
    beam : ndarray (n,) of str, optional
        Beam of each vignette: each has a calibration of its own. Needed with arrays, a coordinate of a Dataset.
    sigma0_mean : ndarray (n,), optional
        Mean sigma0 (linear), where the head takes it.
    groups : ndarray (n,), str or DataArray, optional
        Product or pass of each row, or its name with a Dataset: a group serves the scale or the scores, never both. Each row
        is its own group where not given.
    seed : int
        Decides which groups serve the scale.

    Returns
    -------
    Head
        The same predictions, with ``spec.intervals`` and the arrays of
        their calibration; ``spec.metrics`` gains ``n_calibration``,
        ``n_calibration_dropped`` and ``calibration_rmse``.

    Raises
    ------
    TrainingError
        If the head is a classifier, a beam has fewer than 100 scores, or beams cannot be told
        by their incidence.
    DimensionError
        If the lengths differ.
    MissingVariableError
        If the beam, the incidence or an input of the head is missing.

    Notes
    -----
    A quarter of the groups tells the mean absolute error as a function of the prediction,
    ``s(y)``, linear between five knots. The other rows give the scores ``|truth - y| / s(y)``, all
    of which are kept. The interval ``y -+ s(y) q`` with q the score of rank
    ``ceil((n + 1) level)`` of the beam holds a new truth with probability at least ``level`` and
    at most ``level + 1 / (n + 1)``, on average over calibrations, if its group is exchangeable
    with those of the calibration. With many vignettes of each group the number that counts is
    nearer to that of the groups.

    Examples
    --------
    >>> import numpy as np
    >>> from xoceansar.models import HeadSpec
    >>> rng = np.random.default_rng(0)
    >>> features = rng.normal(size=(1000, 3)).astype(np.float32)
    >>> spec = HeadSpec(
    ...     name="swh",
    ...     kind="linear",
    ...     target="swh",
    ...     units="m",
    ...     pooling="mean",
    ...     backbone_sha256="0" * 64,
    ... )
    >>> truth = 3 + features[:, 0] + rng.uniform(-1, 1, 1000)
    >>> from xoceansar.train import fit_ridge
    >>> head = fit_ridge(features[:400], truth[:400], spec)
    >>> at = np.full(600, 23.8)
    >>> head = calibrate(
    ...     head, features[400:], truth[400:], incidence=at, beam=np.full(600, "wv1")
    ... )
    >>> head.bounds(np.array([3.0]), at[:1], 0.9).round(1)
    array([[2.1, 3.9]], dtype=float32)
    """
    if head.spec.is_classifier:
        raise TrainingError(
            f"head {head.spec.name!r} is a classifier: it has probabilities and no intervals. "
            "Calibrate it with xoceansar.train.fit_temperature."
        )
    given = arrays_of(
        features,
        targets,
        head.spec,
        sigma0_mean=sigma0_mean,
        incidence=incidence,
        groups=groups,
    )
    if beam is None and isinstance(features, xr.Dataset | xr.DataArray):
        known = features.coords.get("beam")
        beam = None if known is None else np.broadcast_to(known.values, len(given.targets))  # fmt: skip
    rows = _complete(head, given, beam)
    _check_beams(rows.beam, head, rows.dropped)
    scores, scale = next(group_folds(rows.groups, _PARTS, seed))
    _check_beams(rows.beam[scores], head, rows.dropped, least=_LEAST)
    knots, expected = error_scale(rows.predicted[scale], rows.error[scale])
    normalised = rows.error / np.interp(rows.predicted, knots, expected)
    arrays = {"interval_knots": knots, "interval_scale": expected}
    ranges, counts = [], []
    beams = tuple(str(b) for b in np.unique(rows.beam))
    for name in beams:
        own = scores[rows.beam[scores] == name]
        arrays[f"interval_scores_{name}"] = np.sort(normalised[own])
        angles = rows.incidence[rows.beam == name]
        ranges.append((float(angles.min()), float(angles.max())))
        counts.append(len(own))
    spec = replace(
        head.spec,
        intervals=IntervalSpec(beams=beams, n=tuple(counts), incidence=tuple(ranges)),
        metrics={
            **head.spec.metrics,
            "n_calibration": len(rows.error),
            "n_calibration_dropped": rows.dropped,
            "calibration_rmse": float(np.sqrt((rows.error**2).mean())),
        },
        file="",
        sha256="",
    )
    calibration = {name: np.asarray(a, np.float32) for name, a in arrays.items()}
    return Head(spec, {**_uncalibrated(head), **calibration})


def _uncalibrated(head: Head) -> dict[str, Array]:
    """Arrays of the head without those of an earlier calibration."""
    return {
        name: array
        for name, array in head.arrays.items()
        if not name.startswith("interval_")
    }


def _complete(head: Head, given: Arrays, beam: Array | None) -> _Errors:
    if beam is None or given.incidence is None:
        raise MissingVariableError(
            f"calibrating head {head.spec.name!r} needs the beam and the incidence of each vignette. Give "
            "beam= and incidence=, or a Dataset with the coordinates 'beam' and 'incidence'."
        )
    inputs = head_inputs(given.features, given.sigma0_mean, given.incidence, head.spec)
    n = len(inputs)
    columns: dict[str, Array] = {
        "targets": np.asarray(given.targets, np.float64),
        "incidence": np.asarray(given.incidence, np.float64),
        "beam": text_values(beam),
        "groups": np.arange(n) if given.groups is None else given.groups,
    }
    for name, column in columns.items():
        if column.shape != (n,):
            raise DimensionError(
                f"{name} must have one value for each of the {n} rows of features; got the "
                f"shape {column.shape}."
            )
    predicted = head(inputs)[:, 0].astype(np.float64)
    error = np.abs(columns["targets"] - predicted)
    known = np.isfinite(error) & np.isfinite(columns["incidence"])
    return _Errors(
        predicted[known],
        error[known],
        columns["incidence"][known],
        columns["beam"][known],
        columns["groups"][known],
        int((~known).sum()),
    )


def _check_beams(beam: Array, head: Head, dropped: int, least: int = 1) -> None:
    names, counts = np.unique(beam, return_counts=True)
    found = dict(zip(names.tolist(), counts.tolist(), strict=True))
    if not found or min(found.values()) < least:
        raise TrainingError(
            f"calibrating head {head.spec.name!r} needs {least} or more scores in each beam; "
            f"got {found or 'none'}, after dropping {dropped} incomplete rows and setting one "
            f"group in {_PARTS} aside for the scale. Give more vignettes, or leave that beam out."
        )


def error_scale(predicted: Array, error: Array) -> tuple[Array, Array]:
    """Tell the error to expect from the prediction.

    Shapes: `predicted` (n,), `error` (n,).
    """
    parts = np.array_split(np.argsort(predicted, kind="stable"), _KNOTS)
    parts = [part for part in parts if len(part)]
    knots = np.array([predicted[part].mean() for part in parts])
    values = np.array([error[part].mean() for part in parts])
    least = _LEAST_SCALE * error.mean() or 1.0
    return knots, np.maximum(values, least)
