"""Signs that a model fails, in words with the likely cause: pure functions over arrays.

A score alone does not say that something is broken: a collapsed or mis-fed network still gives
numbers. Each function here looks for one signature of failure and says what usually makes it.

References
----------
Roy and Vetterli (2007), The effective rank, https://doi.org/10.5281/zenodo.40373.
Garrido et al. (2023), RankMe, https://doi.org/10.48550/arXiv.2210.02885.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from xoceansar._typing import Array
from xoceansar.errors import DimensionError
from xoceansar.evaluate.metrics import Interval
from xoceansar.evaluate.metrics.size_scores import SizeRecall

#: The control whose loss says that the features know nothing of the truth at all.
_SHUFFLED: Final = "shuffled labels"
_NO_INFORMATION: Final = (
    "the input is not what the network was trained on (units, dB or linear, spacing, normalisation)",
    "the weights were not loaded, or not all of them",
    "the truth does not belong to these vignettes (order, collocation)",
    "too few vignettes to learn from",
)
_NO_TRAINING: Final = (
    "the training did not take (collapsed, too short, other data), or the network at random is "
    "good enough for this target",
    "the weights are not those of the training: check weights_sha256",
    "the input is not normalised as in the training",
)
#: Spread of predictions over that of the truth below which they are called constant.
_LEAST_SPREAD: Final = 0.05
#: Share of one class from which predicted classes are called constant.
_MOST_SHARE: Final = 0.95
#: Effective rank below which an embedding is called collapsed.
_LEAST_RANK: Final = 3.0
#: Recall below which objects of a size are called missed, and that from which others are found.
_MISSED, _FOUND = 0.2, 0.5
#: Objects of a size without which nothing is said of it.
_FEW_OBJECTS: Final = 5
#: Vignettes without an output from which it is called a sign.
_MOST_MISSING: Final = 0.5


@dataclass(frozen=True, slots=True)
class Sign:
    """What was looked for, whether it was found, and what it means."""

    #: Of the signature: ``near-random``, ``constant predictions``, ...
    name: str
    #: None where it could not be told.
    found: bool | None
    #: A sentence with the numbers.
    words: str
    #: Likely ones, the likeliest first; empty where nothing was found.
    causes: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Say it in a sentence, with the likely causes."""
        if not self.causes:
            return self.words
        return f"{self.words} Likely causes: {'; '.join(self.causes)}."


def near_random(
    gains: dict[str, Interval], *, model: str, score: str, units: str = "1"
) -> Sign:
    """Say whether frozen features are no better than chance.

    Examples
    --------
    >>> sign = near_random(
    ...     {"shuffled labels": Interval(0.01, -0.05, 0.06)},
    ...     model="m",
    ...     score="accuracy",
    ... )
    >>> sign.found
    True
    """
    name = "near-random"
    unit = "" if units == "1" else f" {units}"
    told = {
        control: f"{gain.value:+.3g}{unit} [{gain.lower:+.3g}, {gain.upper:+.3g}]"
        for control, gain in gains.items()
    }
    unclear = [c for c, gain in gains.items() if not np.isfinite(gain.lower)]
    if unclear or not gains:
        words = (
            f"{model}: too few passes to tell its {score} from {unclear or 'chance'}."
        )
        return Sign(name, None, words)
    lost = [control for control, gain in gains.items() if not gain.lower > 0]
    parts = ", ".join(f"{c} ({told[c]})" for c in lost or told)
    if not lost:
        return Sign(name, False, f"{model}: {score} is better than {parts}.")
    causes = _NO_INFORMATION if _SHUFFLED in lost else _NO_TRAINING
    words = f"{model}: {score} is not better than {parts}."
    return Sign(name, True, words, causes)


def constant_predictions(
    truth: Array, predicted: Array, *, model: str, target: str
) -> Sign:
    """Say whether a model gives nearly the same number for everything.

    Shapes: truth, predicted (n,).

    Examples
    --------
    >>> t = np.arange(5.0)
    >>> constant_predictions(t, t * 0 + 2, model="m", target="swh").found
    True
    """
    name = "constant predictions"
    if truth.shape != predicted.shape:
        raise DimensionError(
            f"truth and predicted must have the same shape; got {truth.shape} and "
            f"{predicted.shape}."
        )
    known = np.isfinite(truth) & np.isfinite(predicted)
    spread = float(np.std(truth[known])) if known.sum() > 1 else 0.0
    if not spread:
        return Sign(name, None, f"{model}: the truth of {target} does not vary.")
    share = float(np.std(predicted[known])) / spread
    words = (
        f"{model}: {target} spreads {100 * share:.0f} % as much as the truth "
        f"(mean {np.mean(predicted[known]):.3g}, truth {np.mean(truth[known]):.3g})."
    )
    if share >= _LEAST_SPREAD:
        return Sign(name, False, words)
    return Sign(
        name,
        True,
        words,
        (
            "the embedding is the same for all vignettes (see its rank)",
            "the penalty of the head is too strong, or its learning rate too low",
            "the head's inputs are saturated by values far from those it was fitted on",
        ),
    )


def constant_classes(truth: Array, predicted: Array, *, model: str) -> Sign:
    """Say whether a classifier gives nearly always the same class.

    Shapes: truth, predicted (n,).
    """
    name = "constant predictions"
    if truth.shape != predicted.shape:
        raise DimensionError(
            f"truth and predicted must have the same shape; got {truth.shape} and "
            f"{predicted.shape}."
        )
    with np.errstate(invalid="ignore"):
        known = (truth >= 0) & (predicted >= 0)
    if known.sum() < 2:
        return Sign(name, None, f"{model}: no class to tell.")
    classes, counts = np.unique(predicted[known], return_counts=True)
    most = int(counts.argmax())
    share = counts[most] / counts.sum()
    true_share = float((truth[known] == classes[most]).mean())
    words = (
        f"{model}: its commonest class takes {100 * share:.0f} % of the vignettes "
        f"({100 * true_share:.0f} % of the truth)."
    )
    if share < _MOST_SHARE or true_share >= _MOST_SHARE:
        return Sign(name, False, words)
    return Sign(
        name,
        True,
        words,
        (
            "the embedding is the same for all vignettes (see its rank)",
            "one class outweighs the others in the fit: class_weight='balanced'",
            "the level of sigma0 is far from that of the fit (gain, units)",
        ),
    )


def effective_rank(embedding: Array) -> float:
    """Count the directions that an embedding uses.

    Shapes: `embedding` (n, d).

    Examples
    --------
    >>> round(effective_rank(np.eye(4)), 6)
    3.0
    """
    rows = np.asarray(embedding, dtype=np.float64)
    rows = rows[np.isfinite(rows).all(axis=1)]
    if len(rows) < 2:
        return float("nan")
    values = np.linalg.svd(rows - rows.mean(axis=0), compute_uv=False)
    scale = np.abs(rows).max()
    # equal rows leave what rounding makes of their mean
    if values[0] <= 1e-6 * max(scale, 1e-300):
        return 0.0
    p = values / values.sum()
    p = p[p > 0]
    return float(np.exp(-(p * np.log(p)).sum()))


def collapsed_embedding(embedding: Array, *, model: str) -> Sign:
    """Say whether an embedding has collapsed to a few directions.

    Shapes: `embedding` (n, d).
    """
    name = "collapsed embedding"
    rank = effective_rank(embedding)
    n = int(np.isfinite(embedding).all(axis=1).sum())
    most = min(n - 1, embedding.shape[1])
    if not np.isfinite(rank) or most < 2:
        return Sign(name, None, f"{model}: too few embeddings to tell their rank.")
    words = (
        f"{model}: its embedding of {n} vignettes has an effective rank of {rank:.1f} "
        f"(of {most} possible)."
    )
    if rank >= min(_LEAST_RANK, most / 4):
        return Sign(name, False, words)
    return Sign(
        name,
        True,
        words,
        (
            "the pretraining collapsed: look at its alarms, KoLeo weight and temperatures",
            "all images look alike to the network: wrong mean and std, or a clipped scale",
            "the weights are not those of the training",
        ),
    )


def unusable_input(predicted: Array, *, model: str, what: str) -> Sign:
    """Say whether a model gives no output for many vignettes.

    Shapes: `predicted` (n, ...).
    """
    n = len(predicted)
    without = np.isnan(predicted).any(axis=tuple(range(1, predicted.ndim)))
    missing = float(without.mean()) if n else 0.0
    words = f"{model}: {100 * missing:.0f} % of the vignettes have no {what}."
    if missing <= _MOST_MISSING:
        return Sign("no output", False, words)
    return Sign(
        "no output",
        True,
        words,
        (
            "the values are not plausible sigma0: digital numbers, decibel taken for linear, or "
            "a noise vector in the wrong scale (IPF 2.90 and 2.91)",
            "most pixels have no data",
            "the vignettes are outside what the model was trained on",
        ),
    )


def missed_small_objects(sizes: SizeRecall, *, model: str) -> Sign:
    """Say whether small objects are missed while large ones are found."""
    name = "missed small objects"
    told = np.flatnonzero(sizes.n >= _FEW_OBJECTS)
    if len(told) < 2:
        return Sign(
            name, None, f"{model}: too few icebergs to tell their recall by size."
        )
    recall = sizes.recall
    parts = ", ".join(
        f"{sizes.labels[i]}: {100 * recall[i]:.0f} % of {sizes.n[i]}" for i in told
    )
    small, large = recall[told[0]], recall[told[1:]].max()
    words = f"{model}: icebergs found by their longer side: {parts}."
    if large < _FOUND:
        return Sign(
            "missed objects",
            True,
            words,
            (
                "the threshold is too high for these images",
                "the detector collapsed to 'no object': too few positives, or a first fit "
                "without enough steps",
                "the images are not what it was trained on",
            ),
        )
    if small >= _MISSED:
        return Sign(name, False, words)
    return Sign(
        name,
        True,
        words,
        (
            "they are near one pixel and within the speckle: a finer spacing",
            "a detector sees patches, and they are smaller: an up-sampled feature pyramid",
            "the fit of the detector had few of them",
        ),
    )
