"""The score of the ESA Climate Change Initiative's round robin of wave heights from Wave Mode.

References
----------
ESA Sea State CCI, Product Validation and Algorithm Selection Report (PVASR), version 1.1,
https://climate.esa.int/media/documents/Sea_State_cci_PVASR_v1.1-signed.pdf.
"""

from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from xoceansar._typing import Array
from xoceansar.errors import DimensionError, OceansarError
from xoceansar.evaluate.metrics.complete_rows import root_mean_square, same_shape

__all__ = ["CciScore", "cci_score", "combine_cci"]


class _SeaState(NamedTuple):
    """A class of the sea, its weight, and from where to where its measures are scaled to 0 to 1."""

    name: str
    bounds: tuple[float, float]
    weight: float
    rmse: tuple[float, float]
    missing: tuple[float, float]
    outliers: tuple[float, float]


_SEA_STATES: Final = (
    _SeaState("low", (0.0, 1.5), 0.12, (0.2, 0.6), (0.0, 30.0), (0.0, 5.0)),
    _SeaState("medium", (1.5, 3.0), 0.62, (0.2, 0.6), (0.0, 30.0), (0.0, 5.0)),
    _SeaState("high", (3.0, 6.0), 0.24, (0.2, 1.0), (0.0, 50.0), (0.0, 10.0)),
    _SeaState("very high", (6.0, 30.0), 0.02, (0.2, 1.0), (0.0, 60.0), (0.0, 10.0)),
)
_MEDIAN: Final = (0.0, 0.5)  # m
_BEAMS: Final = ("wv1", "wv2")
#: Metres of truth within which an outlier is told from the rest, and the last of such bins.
_BIN, _LAST = 1.0, 25.0
_OUTLIER: Final = 3.0  # root mean square errors
_HIGHEST_LATITUDE: Final = 60.0
_BUOYS, _MODEL = 0.3, 0.7


@dataclass(frozen=True, eq=False)
class CciScore:
    """What the round robin gives an algorithm; 0 is best, and there is no upper end.

    Parameters
    ----------
    table : pandas.DataFrame
        A row for each beam and sea state: ``beam``, ``sea_state``, ``n`` (rows with a truth), ``rmse`` (m),
        ``median`` of the absolute error (m), ``outliers`` and ``missing`` (per cent of `n`), ``score``.

    Examples
    --------
    >>> truth = np.tile([0.7, 2.2, 4.4, 7.7], 50)
    >>> beam = np.repeat(["wv1", "wv2"], 100)
    >>> score = cci_score(truth, truth + 0.2, beam)
    >>> round(score.total, 6)
    0.1
    """

    table: pd.DataFrame

    @property
    def beams(self) -> pd.Series:
        """Score of each beam: the mean over the sea states."""
        return self.table.groupby("beam", sort=True)["score"].agg(
            lambda scores: scores.mean(skipna=False)
        )

    @property
    def total(self) -> float:
        """The mean of both beams."""
        return float(self.beams.mean(skipna=False))


def cci_score(
    y_true: npt.ArrayLike,
    y_pred: npt.ArrayLike,
    beam: npt.ArrayLike,
    *,
    latitude: npt.ArrayLike | None = None,
) -> CciScore:
    """Score wave heights as the CCI Sea State round robin does.

    Parameters
    ----------
    y_true : array_like (n,)
        Wave height of buoys, or of a model, m. Rows without it do not count.
    y_pred : array_like (n,)
        Of the algorithm; NaN where it gives none, which is one of the four measures.
    beam : array_like (n,) of str
        ``wv1`` or ``wv2``.
    latitude : array_like (n,), optional
        Degrees; what is 60 or more from the equator does not count.

    Returns
    -------
    CciScore
        Score of each sea state and beam, of the beams, and in all. Missing where a class has no row or no
        prediction: then it cannot be set beside a published one.

    Raises
    ------
    DimensionError
        If the arrays have not the same shape.
    OceansarError
        If a beam is neither of the two.

    Notes
    -----
    In each beam, classes of the truth between 0, 1.5, 3, 6 and 30 m, bounds excluded. Four measures: the root mean
    square error; the median of the absolute error; the share of outliers, whose error is more than three times the
    root mean square error of the class's rows in the same metre of truth (bounds excluded); the share without a
    prediction. Each is scaled linearly so that 0 to 1 are 0.2 to 0.6 m (1.0 m from 3 m up), 0 to 0.5 m, 0 to 5 %
    (10 %), and 0 to 30 % (50, 60 %), and not clipped: an RMSE below 0.2 m counts less than nothing. The score of a
    class is their sum times 0.12, 0.62, 0.24 or 0.02; that of a beam the mean over classes; the total the mean of
    both beams. Of scores against buoys and against a model, `combine_cci` takes 0.3 and 0.7.

    References
    ----------
    ESA Sea State CCI, PVASR, version 1.1,
    https://climate.esa.int/media/documents/Sea_State_cci_PVASR_v1.1-signed.pdf.

    Examples
    --------
    >>> truth = np.tile([0.7, 2.2, 4.4, 7.7], 50)
    >>> beam = np.repeat(["wv1", "wv2"], 100)
    >>> cci_score(truth, truth + 0.6, beam).table.score.round(3).tolist()
    [0.264, 1.364, 0.408, 0.034, 0.264, 1.364, 0.408, 0.034]
    """
    true, pred = same_shape(y_true, y_pred)
    beams = np.asarray(beam, np.str_)
    north = np.zeros(true.shape) if latitude is None else np.asarray(latitude, float)
    if not true.ndim == 1 or {beams.shape, north.shape} != {true.shape}:
        raise DimensionError(
            f"beam and latitude must have one value for each of the {true.size} rows; got {beams.shape} and "
            f"{north.shape}."
        )
    strange = sorted(set(beams.tolist()) - set(_BEAMS))
    if strange:
        raise OceansarError(f"the beams are wv1 and wv2; got {', '.join(strange)}.")
    counted = np.isfinite(true) & (np.abs(north) < _HIGHEST_LATITUDE)
    rows = []
    for name in _BEAMS:
        for state in _SEA_STATES:
            low, high = state.bounds
            own = counted & (beams == name) & (true > low) & (true < high)
            rows.append({"beam": name, **_measures(true[own], pred[own], state)})
    return CciScore(pd.DataFrame(rows))


def combine_cci(buoys: CciScore, model: CciScore) -> CciScore:
    """Combine the scores against buoys (0.3) and against a model (0.7), as the round robin does.

    Parameters
    ----------
    buoys, model : CciScore
        Of the same algorithm: there NDBC buoys within 50 km and 30 minutes, and the Copernicus Marine wave model
        (VHM0) at the nearest node and 3-hourly time.

    Returns
    -------
    CciScore
        With the combined ``score``; ``n`` is the sum, and the other columns are not given.

    Examples
    --------
    >>> truth = np.tile([0.7, 2.2, 4.4, 7.7], 50)
    >>> beam = np.repeat(["wv1", "wv2"], 100)
    >>> buoys, model = (cci_score(truth, truth + off, beam) for off in (0.2, 0.6))
    >>> round(combine_cci(buoys, model).total, 6) == round(
    ...     0.3 * buoys.total + 0.7 * model.total, 6
    ... )
    True
    """
    table = buoys.table[["beam", "sea_state"]].assign(
        n=buoys.table["n"] + model.table["n"],
        score=_BUOYS * buoys.table["score"] + _MODEL * model.table["score"],
    )
    return CciScore(table)


def _measures(true: Array, pred: Array, state: _SeaState) -> dict[str, float | str]:
    n = len(true)
    error = np.abs(pred - true)
    known = error[np.isfinite(error)]
    measures = {
        "rmse": root_mean_square(known),
        "median": float(np.median(known)) if len(known) else np.nan,
        "outliers": 100 * _outliers(true, error) / n if n else np.nan,
        "missing": 100 * (n - len(known)) / n if n else np.nan,
    }
    ends = {
        "rmse": state.rmse,
        "median": _MEDIAN,
        "outliers": state.outliers,
        "missing": state.missing,
    }
    scaled = [(measures[k] - low) / (high - low) for k, (low, high) in ends.items()]
    return {
        "sea_state": state.name,
        "n": n,
        **measures,
        "score": state.weight * sum(scaled),
    }


def _outliers(true: Array, error: Array) -> int:
    """Count what is far from its own metre of truth."""
    number = np.floor(true / _BIN)
    inside = np.isfinite(error) & (true != number * _BIN) & (true < _LAST)
    count = 0
    for metre in np.unique(number[inside]):
        own = error[inside & (number == metre)]
        count += int((own > _OUTLIER * root_mean_square(own)).sum())
    return count
