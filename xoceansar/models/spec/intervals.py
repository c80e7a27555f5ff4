"""Prediction intervals of a regression head: what its bundle says of them, and how they are applied.

A head that was calibrated keeps, for each beam, the errors of vignettes that it was not fitted on,
each divided by the error to expect at that prediction, sorted. A quantile of them, times the
expected error, is the half-width of the interval. numpy only.

References
----------
Papadopoulos et al. (2002), https://doi.org/10.1007/3-540-36755-1_29 (normalised conformal
regression). Lei et al. (2018), https://doi.org/10.1080/01621459.2017.1307116.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt

from xoceansar._typing import Array
from xoceansar.errors import BundleError, ConfidenceError

#: Degrees outside the incidence of a calibrated beam where it still holds.
INCIDENCE_MARGIN: Final = 2.0

_KNOTS: Final = "interval_knots"
_SCALE: Final = "interval_scale"
_SCORES: Final = "interval_scores"


@dataclass(frozen=True, slots=True, kw_only=True)
class IntervalSpec:
    """What a head was calibrated on; the scores themselves are among its arrays.

    Parameters
    ----------
    beams : tuple of str
        Beams with a calibration of their own.
    n : tuple of int
        Scores of each beam.
    incidence : tuple of tuple of float
        Lowest and highest incidence of each beam, in degrees: a vignette belongs to the beam
        within 2 degrees of whose range its incidence lies, and has no interval elsewhere.

    Raises
    ------
    BundleError
        If the lengths differ, a beam has no score, or the ranges of two beams meet.
    """

    beams: tuple[str, ...]
    n: tuple[int, ...]
    incidence: tuple[tuple[float, ...], ...]

    def __post_init__(self) -> None:
        lengths = {len(self.beams), len(self.n), len(self.incidence)}
        if lengths != {len(set(self.beams))} or not self.beams:
            raise BundleError(
                "intervals must have one n and one incidence range for each of its beams, "
                f"which differ; got {self}."
            )
        if min(self.n) < 1:
            raise BundleError(f"intervals.n must be 1 or more; got {self.n}.")
        ordered = sorted(self.incidence)
        right = all(len(ends) == 2 and ends[0] <= ends[1] for ends in ordered)
        if not right or any(
            a[1] + INCIDENCE_MARGIN >= b[0] - INCIDENCE_MARGIN
            for a, b in pairwise(ordered)
        ):
            raise BundleError(
                "intervals.incidence must be a lowest and a highest incidence for each beam, "
                f"more than {2 * INCIDENCE_MARGIN:g} degrees apart between beams, by which "
                f"they are told; got {self.incidence}."
            )

    @property
    def highest_confidence(self) -> float:
        """Highest confidence that every beam can give, ``n / (n + 1)``."""
        return min(self.n) / (min(self.n) + 1)


def check_confidence(confidence: float, spec: IntervalSpec, where: str) -> None:
    """Refuse a confidence that the calibration of a head cannot give."""
    if not (isinstance(confidence, int | float) and 0 < confidence < 1):
        raise ConfidenceError(
            f"confidence must be a number between 0 and 1, as 0.9 for 90 %; got {confidence!r}."
        )
    fewest = min(spec.n)
    if _rank(fewest, confidence) > fewest:
        raise ConfidenceError(
            f"{where} was calibrated with {fewest} vignettes in beam "
            f"{spec.beams[spec.n.index(fewest)]}, which gives confidences up to "
            f"{spec.highest_confidence:.4f}; got confidence={confidence:g}. Ask for a lower one, or "
            f"calibrate with more vignettes (xoceansar.train.calibrate)."
        )


def _rank(n: int, confidence: float) -> int:
    # rounded first: 0.55 * 100 is 55.00000000000001 in binary, and the rank is 55
    return max(1, math.ceil(round((n + 1) * confidence, 9)))


def conformal_quantile(scores: Array, confidence: float) -> float:
    """Return the score that a new one does not exceed with at least a given probability.

    Shapes: `scores` (n,).

    Examples
    --------
    >>> conformal_quantile(np.array([1.0, 2.0, 3.0, 4.0]), 0.5)
    3.0
    >>> conformal_quantile(np.array([1.0, 2.0, 3.0, 4.0]), 0.9)
    inf
    """
    rank = _rank(len(scores), confidence)
    return float(scores[rank - 1]) if rank <= len(scores) else math.inf


def interval_shapes(
    spec: IntervalSpec | None, arrays: Mapping[str, Array]
) -> dict[str, tuple[int, ...]]:
    """Name the arrays that a calibrated head has beside its own, with their shapes."""
    if spec is None:
        return {}
    knots = np.size(arrays.get(_KNOTS, ()))
    scores = {
        f"{_SCORES}_{beam}": (n,) for beam, n in zip(spec.beams, spec.n, strict=True)
    }
    return {_KNOTS: (knots,), _SCALE: (knots,), **scores}


def half_widths(
    predicted: Array,
    incidence: Array,
    *,
    confidence: float,
    spec: IntervalSpec,
    arrays: Mapping[str, Array],
) -> npt.NDArray[np.float64]:
    """Compute the half-width of the interval around each prediction.

    Shapes: `predicted` (n,), `incidence` (n,) -> (n,). In the units of the target; NaN outside
    the calibrated beams.

    Notes
    -----
    ``scale(prediction) * quantile(beam, level)``, where the scale is linear between the knots
    and constant beyond them. It grows with `confidence` and never crosses itself.
    """
    scale = np.interp(predicted, arrays[_KNOTS], arrays[_SCALE])
    quantile = np.full(np.shape(predicted), np.nan)
    for beam, (low, high) in zip(spec.beams, spec.incidence, strict=True):
        inside = (incidence >= low - INCIDENCE_MARGIN) & (
            incidence <= high + INCIDENCE_MARGIN
        )
        quantile[inside] = conformal_quantile(arrays[f"{_SCORES}_{beam}"], confidence)
    return np.asarray(scale * quantile)
