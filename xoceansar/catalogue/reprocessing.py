"""Vignettes that are listed several times, from several processings: each acquisition once."""

from collections.abc import Hashable
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from xoceansar.errors import DimensionError, MissingVariableError
from xoceansar.io.safe.acquisitions import SAME_START
from xoceansar.io.safe.processings import ProcessingRank, rank_processing

__all__ = ["best_of", "choose_processings", "number_acquisitions"]

_PROCESSING: Final = ("ipf_version", "processed", "timeliness")
_RADAR: Final = ("platform", "beam", "polarisation", "datatake")


def number_acquisitions(rows: pd.DataFrame, *radar: str) -> pd.Series:
    """Give numbers to acquisitions: images of one radar and beam that begin within 2 s of each other.

    Parameters
    ----------
    rows : DataFrame
        With ``start``, UTC, and what tells radars apart.
    *radar : str
        Columns that tell radars apart; by default those there are of ``platform``, ``beam``,
        ``polarisation`` and ``datatake``.

    Returns
    -------
    Series
        Whole numbers from 0, in order of radar and time, with the index of `rows`.

    Raises
    ------
    MissingVariableError
        If there is no ``start``, or nothing to tell radars apart.
    """
    by = list(radar or (name for name in _RADAR if name in rows))
    absent = [name for name in ("start", *by) if name not in rows]
    if absent or not by:
        raise MissingVariableError(
            f"a listing needs start and {', '.join(by or _RADAR)}; it has "
            f"{', '.join(map(str, rows.columns)) or 'no column'}."
        )
    codes = rows[by].astype(str).groupby(by).ngroup().to_numpy()
    start = _times(rows["start"])
    order = np.lexsort((start, codes))
    begins = (np.diff(codes[order]) != 0) | ~(np.diff(start[order]) <= SAME_START)
    numbers = np.empty(len(rows), np.int64)
    numbers[order] = np.r_[0, np.cumsum(begins)][: len(rows)]
    return pd.Series(numbers, index=rows.index, name="acquisition")


def choose_processings(rows: pd.DataFrame) -> pd.Series:
    """Choose of each acquisition one processing: highest IPF, then latest, then Fast-24h over NRT.

    Parameters
    ----------
    rows : DataFrame
        A row for each vignette listed, with ``start`` (UTC), ``platform`` and ``beam``, and where known
        ``polarisation``, ``datatake``, ``ipf_version``, ``processed`` (UTC) and ``timeliness``. Its index tells
        rows apart.

    Returns
    -------
    Series
        For each row the index of the row that is taken in its stead: itself, where it is taken. Between equal
        ranks the first given is.

    Raises
    ------
    MissingVariableError
        If ``start`` is not there, or nothing that tells radars apart.
    DimensionError
        If the index does not tell rows apart.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = pd.DataFrame(
    ...     {
    ...         "platform": "S1A",
    ...         "beam": "wv1",
    ...         "start": pd.to_datetime(["2023-11-10T20:18:11", "2023-11-10T20:18:12"]),
    ...         "ipf_version": ["003.52", "003.71"],
    ...     }
    ... )
    >>> choose_processings(rows).tolist()
    [1, 1]
    >>> rows[choose_processings(rows) == rows.index].ipf_version.tolist()
    ['003.71']
    """
    return best_of(rows, number_acquisitions(rows))


def _times(column: pd.Series) -> npt.NDArray[np.datetime64]:
    times = pd.to_datetime(column, format="ISO8601", utc=True)
    return times.dt.tz_localize(None).to_numpy("datetime64[ns]")


def best_of(rows: pd.DataFrame, groups: pd.Series) -> pd.Series:
    """Find of each group of rows the index of the one by the best processing."""
    if not rows.index.is_unique:
        raise DimensionError(
            "the index of a listing must tell its rows apart. Say rows.reset_index(drop=True) first."
        )
    taken = pd.Series(rows.index, index=rows.index, name="taken")
    repeated = groups[groups.duplicated(keep=False)]
    ranks = dict(zip(repeated.index, _ranks(rows.loc[repeated.index]), strict=True))
    best: dict[int, Hashable] = {}
    for label, group in repeated.items():
        if group not in best or ranks[label] > ranks[best[group]]:
            best[group] = label
    taken.loc[repeated.index] = repeated.map(best)
    return taken


def _ranks(rows: pd.DataFrame) -> list[ProcessingRank]:
    known = pd.DataFrame({k: rows.get(k, "") for k in _PROCESSING})
    texts = known.astype(object).where(known.notna(), "").astype(str)
    return [rank_processing(*row) for row in texts.itertuples(index=False)]
