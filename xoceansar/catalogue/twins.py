"""Vignettes of single-look complex products and their twins in Level-2 OCN products."""

from typing import Any, Final

import numpy as np
import pandas as pd

from xoceansar.catalogue.listings import Listing, list_vignettes
from xoceansar.catalogue.reprocessing import best_of, number_acquisitions
from xoceansar.errors import warn
from xoceansar.io.ocn.ocn_processings import processing_of

__all__ = ["find_twins"]

#: What the members of a pair share, beside the satellite, the beam and the start.
_CHECKED: Final = ("polarisation", "datatake")
_PROCESSING: Final = ["ipf_version", "processed", "timeliness"]
#: Orbits by which members may differ: files are numbered by the orbit in which their slice begins.
_MOST_ORBITS: Final = 1


def find_twins(slc: Listing, ocn: Listing) -> pd.DataFrame:
    """Find the Level-2 OCN vignette of each single-look complex vignette.

    Parameters
    ----------
    slc, ocn : path, iterable of paths, DataFrame or Dataset
        Products, folders of them, files or glob patterns, as `xoceansar.open_wave_mode` and `xoceansar.open_ocn`
        take them; a table with the paths, addresses or identifiers of files in a column ``path``, ``href`` or
        ``vignette_id``, and where known ``product``, ``ipf_version``, ``processed`` and ``timeliness``; or a
        Dataset with ``vignette_id``, of an archive or as opened.

    Returns
    -------
    DataFrame
        A row for each SLC vignette, in order of time: ``slc`` and ``ocn``, the paths of the files, the latter
        missing where there is no twin; ``slc_id`` and ``ocn_id``, their ``vignette_id``; ``slc_product`` and
        ``ocn_product``, where they are in a product; ``platform``, ``beam``, ``polarisation``; ``time``, when the
        SLC image begins, to the second; ``start_difference``, by how much later the twin begins, s; ``reason``,
        why it is the twin or why there is none; ``left_out``, paths of other processings of the same image.

    Raises
    ------
    ProductError
        If nothing that is given can be read, or is of Wave Mode.
    MissingVariableError
        If a table or a Dataset does not say which images it lists.

    Warns
    -----
    OceansarWarning
        Of paths that cannot be read, and of OCN vignettes that are no twin of any.

    Notes
    -----
    Twins are of one satellite and beam and begin within 2 s of each other; the next image of a beam is 14.7 s away
    at least. What then differs in polarisation or data take, or in the orbit by more than one, is no twin, and the
    reason says so. Names of products and numbers of images decide nothing: slices may be cut differently.

    Of several processings of an image that with the highest IPF version is taken, then the latest, then Fast-24h
    over NRT, then the first given, on either side by itself.

    Of what a search found the ``vignette_id`` is matched. Products that OData lists have none: their manifests are
    read, with the credentials of the environment.

    No file is read but the manifests of products, and of several OCN files of an image their attributes.

    Examples
    --------
    >>> import pandas as pd
    >>> import xoceansar
    >>> name = "s1a-wv1-{}-vv-20231110t201811-20231110t201814-051159-062ba3-001".format
    >>> slc = pd.DataFrame({"path": [name("slc") + ".tiff"]})
    >>> ocn = pd.DataFrame({"path": [name("ocn") + ".nc"]})
    >>> xoceansar.find_twins(slc, ocn)[
    ...     ["beam", "start_difference", "reason"]
    ... ].values.tolist()
    [['wv1', 0.0, 'starts in the same second']]
    >>> twins = xoceansar.find_twins("archive/*SLC*", "archive/*OCN*")  # doctest: +SKIP
    """
    sides = [list_vignettes(slc, "slc"), list_vignettes(ocn, "ocn")]
    rows = pd.concat(sides, keys=["slc", "ocn"], names=["level", None])
    rows = rows.reset_index("level").reset_index(drop=True)
    rows["acquisition"] = number_acquisitions(rows, "platform", "beam")
    rows["left_out"] = _choose(rows)
    kept = rows[rows["left_out"].notna()]
    first, second = (kept[kept["level"] == level] for level in ("slc", "ocn"))
    pairs = first.merge(
        second, "left", ["acquisition", *_CHECKED], suffixes=("", "_ocn")
    )
    apart = (pairs["orbit"] - pairs["orbit_ocn"].astype(float)).abs() > _MOST_ORBITS
    pairs.loc[apart, pairs.columns.str.endswith("_ocn")] = None
    _report(len(second) - int(pairs["path_ocn"].notna().sum()), len(second))
    return _table(pairs.sort_values("start", kind="stable"), second)


def _choose(rows: pd.DataFrame) -> pd.Series:
    """Find the paths of other processings of what is taken; missing for what is not taken."""
    images = rows.groupby(["acquisition", *_CHECKED, "level"]).ngroup()
    several = rows[images.duplicated(keep=False) & rows["file"].notna()]
    for label, file in several["file"].items():
        rows.loc[[label], _PROCESSING] = [processing_of(file)]
    taken = best_of(rows, images)
    paths: dict[Any, tuple[str, ...]] = {label: () for label in taken.unique()}
    for path, label, instead in zip(rows["path"], taken.index, taken, strict=True):
        if label != instead:
            paths[instead] += (path,)
    return pd.Series(paths, dtype=object).reindex(rows.index)


def _report(single: int, count: int) -> None:
    if single:
        warn(
            f"{single} of {count} OCN vignettes are no twin of any SLC vignette that is given."
        )


def _table(pairs: pd.DataFrame, ocn: pd.DataFrame) -> pd.DataFrame:
    twin = pairs["path_ocn"].notna()
    later = (pairs["start_ocn"] - pairs["start"]).dt.total_seconds()
    left_out = [
        (*mine, *(theirs if matched else ()))
        for mine, theirs, matched in zip(
            pairs["left_out"], pairs["left_out_ocn"], twin, strict=True
        )
    ]
    why_not = _Reasons(ocn)
    reasons = [
        _said(difference) if matched else why_not(row)
        for difference, matched, row in zip(
            later, twin, pairs.itertuples(), strict=True
        )
    ]
    columns = {
        "slc": pairs["path"],
        "ocn": pairs["path_ocn"],
        "slc_id": pairs["vignette_id"],
        "ocn_id": pairs["vignette_id_ocn"],
        "slc_product": pairs["product"],
        "ocn_product": pairs["product_ocn"],
        "platform": pairs["platform"],
        "beam": pairs["beam"],
        "polarisation": pairs["polarisation"],
        "time": pairs["start"],
        "start_difference": later,
        "reason": reasons,
        "left_out": left_out,
    }
    return pd.DataFrame(columns).reset_index(drop=True)


def _said(later: float) -> str:
    if later == 0:
        return "starts in the same second"
    return f"starts {abs(later):g} s {'later' if later > 0 else 'earlier'}"


class _Reasons:
    """Why vignettes have no twin among those of the other level."""

    def __init__(self, ocn: pd.DataFrame) -> None:
        first = ocn.drop_duplicates("acquisition")
        self._near = dict(zip(first["acquisition"], first.itertuples(), strict=True))
        self._starts = {
            k: np.sort(of["start"].to_numpy())
            for k, of in ocn.groupby(["platform", "beam"])
        }

    def __call__(self, row: Any) -> str:
        """Say it of one vignette."""
        other = self._near.get(row.acquisition)
        if other is not None:
            return (
                f"{other.path} starts {_seconds(other.start - row.start)} from it, and is of polarisation "
                f"{other.polarisation}, data take {other.datatake}, orbit {other.orbit} where it is of "
                f"{row.polarisation}, {row.datatake}, {row.orbit}"
            )
        starts = self._starts.get((row.platform, row.beam))
        if starts is None:
            return f"no OCN file of {row.platform} {row.beam} is given"
        nearest = pd.Timestamp(
            starts[np.abs(starts - row.start.to_datetime64()).argmin()]
        )
        return (
            f"no OCN file of {row.platform} {row.beam} starts within 2 s; the nearest is "
            f"{_seconds(nearest - row.start)} away"
        )


def _seconds(difference: pd.Timedelta) -> str:
    return f"{abs(difference.total_seconds()):g} s"
