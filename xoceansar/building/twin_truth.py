"""The truth of Level-2 twins: what ESA's processor retrieved from the same images."""

from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
import xarray as xr

from xoceansar._typing import Array
from xoceansar.building.archive_stage import given_store, products_of
from xoceansar.building.found_truth import ERROR, FoundTruth, blank
from xoceansar.building.request import TARGETS, Request
from xoceansar.catalogue.twins import find_twins
from xoceansar.collocation.reduction import FLAG_MEANINGS
from xoceansar.conventions import VIGNETTE, Quality, annotate
from xoceansar.conventions.attributes import is_simulated
from xoceansar.conventions.texts import text_values
from xoceansar.errors import MissingVariableError, ProductError, TrainingError
from xoceansar.io.ocn.level2 import open_ocn
from xoceansar.io.ocn.ocn_variables import FLAGS
from xoceansar.sar.geometry import arc_length, unit_vector

#: Files of Level 2 that are in memory at once.
_FILES: Final = 2000
#: The wind of a model that Level 2 carries, by which the calibration of the images is judged.
MODEL_WIND: Final = ("wind_speed_model", "wind_to_direction_model")
#: The flag of each target, and its words from which on it is no truth.
_REFUSED: Final = {
    "swh": ("swh_quality", ("poor",)),
    "wind_speed": ("wind_quality", ("no_data", "bad")),
}
#: Flags of a vignette of Level 2 that is no truth of anything.
_BROKEN: Final = Quality.UNREADABLE.value | Quality.LAND.value


def of_twins(vignettes: xr.Dataset, request: Request) -> FoundTruth:
    """Find the twin of each vignette, and read what it says."""
    if not request.reference and given_store(request.inputs) is not None:
        raise ProductError(
            "the inputs are a store of vignettes, which has no Level-2 products beside it. Give them: "
            "reference='ocn/'."
        )
    where = list(request.reference) or products_of(request.inputs, "OCN")
    twins = find_twins(vignettes, where)
    own = twins.set_index("slc_id").reindex(
        text_values(vignettes["vignette_id"].values)
    )
    matched = own["ocn_id"].notna().to_numpy()
    if not matched.any():
        reasons = own["reason"].dropna()
        raise TrainingError(
            f"none of the {len(own)} vignettes has a Level-2 twin"
            + (f": {reasons.iloc[0]}" if len(reasons) else "")
            + ". Give the OCN products of the same acquisitions: reference='ocn/'."
        )
    level2 = _read(own[matched])
    wanted = request.targets or tuple(n for n in TARGETS if n in level2)
    absent = [name for name in wanted if name not in level2]
    if absent:
        raise MissingVariableError(
            f"Level-2 products have no {absent}; they have {sorted(map(str, level2.data_vars))}."
        )
    at = pd.Index(text_values(level2["vignette_id"].values)).get_indexer(
        pd.Index(own["ocn_id"].fillna("").astype(str))
    )
    table, refused = _taken(level2, at, wanted)
    table = table.assign(_match(vignettes, level2, own, at))
    return FoundTruth(
        table,
        is_simulated(level2.attrs),
        "Level-2 OCN twins (ESA's retrieval from the same images)",
        {"no twin": int((~matched).sum()), **refused},
        twins,
    )


def _read(twins: pd.DataFrame) -> xr.Dataset:
    """Read the twins, some files at a time, and keep what has one number for each vignette."""
    paths = [
        str(product) if str(product or "").endswith(".zip") else str(path)
        for product, path in zip(twins["ocn_product"], twins["ocn"], strict=True)
    ]
    paths = list(dict.fromkeys(paths))
    parts = []
    for start in range(0, len(paths), _FILES):
        ds = open_ocn(paths[start : start + _FILES])
        along = [n for n, v in ds.data_vars.items() if v.dims == (VIGNETTE,)]
        parts.append(ds[along])
    joined: xr.Dataset = xr.concat(parts, VIGNETTE, combine_attrs="override")
    first = ~pd.Index(text_values(joined["vignette_id"].values)).duplicated()
    return joined.isel({VIGNETTE: np.flatnonzero(first)})


def _taken(
    level2: xr.Dataset, at: Array, wanted: tuple[str, ...]
) -> tuple[xr.Dataset, dict[str, int]]:
    """Take the targets, but for what their own flags call no measurement."""
    table = xr.Dataset()
    refused: dict[str, int] = {}
    broken = (level2["quality"].values.astype(int) & _BROKEN) != 0
    if "land_fraction" in level2:
        broken |= np.nan_to_num(level2["land_fraction"].values) > 0
    for name in wanted:
        values = level2[name].values.astype(float)
        bad, why = broken.copy(), "unreadable, or land, in Level 2"
        if name in _REFUSED:
            flag, words = _REFUSED[name]
            codes = [FLAGS[flag].index(word) for word in words]
            poor = np.isin(level2[flag].values, codes)
            refused[f"{name}: {flag} {' or '.join(words)}"] = _count(poor, at)
            bad |= poor
            table[flag] = (
                VIGNETTE,
                blank(level2[flag].values[at], at < 0),
                level2[flag].attrs,
            )
        refused[f"{name}: {why}"] = _count(broken, at)
        missing = (at < 0) | bad[at]
        table[name] = (VIGNETTE, blank(values[at], missing), level2[name].attrs)
        if name + ERROR in level2:
            error = level2[name + ERROR]
            table[name + ERROR] = (
                VIGNETTE,
                blank(error.values[at], missing),
                error.attrs,
            )
    for name in MODEL_WIND:
        if name in level2:
            values = blank(level2[name].values[at], (at < 0) | broken[at])
            table[name] = (VIGNETTE, values, level2[name].attrs)
    return table, {why: n for why, n in refused.items() if n}


def _count(bad: Array, at: Array) -> int:
    return int((bad[at] & (at >= 0)).sum())


def _match(
    vignettes: xr.Dataset, level2: xr.Dataset, twins: pd.DataFrame, at: Array
) -> dict[str, xr.DataArray]:
    """Say how far the twins are, in the words of a collocation."""
    far = _distance(
        *(vignettes[n].values.astype(float) for n in ("longitude", "latitude")),
        *(level2[n].values[at].astype(float) for n in ("longitude", "latitude")),
    )
    lag = pd.to_timedelta(twins["start_difference"].to_numpy(float), unit="s")
    flag = np.where(
        at >= 0, FLAG_MEANINGS.index("matched"), FLAG_MEANINGS.index("outside_time")
    )
    source = [Path(str(p)).name if isinstance(p, str) else "" for p in twins["ocn"]]
    out = {
        "collocation_distance": np.where(at < 0, np.nan, far / 1000),
        "collocation_time_offset": lag.to_numpy().astype("timedelta64[ns]"),
        "collocation_flag": flag.astype(np.int8),
        "truth_source": np.array(source, dtype=str),
    }
    arrays = {n: xr.DataArray(v, dims=VIGNETTE) for n, v in out.items()}
    for name in arrays:
        if name != "truth_source":
            arrays[name] = annotate(arrays[name], name)
    arrays["collocation_flag"].attrs |= {
        "flag_values": np.arange(len(FLAG_MEANINGS), dtype=np.int8),
        "flag_meanings": " ".join(FLAG_MEANINGS),
    }
    return arrays


def _distance(lon1: Array, lat1: Array, lon2: Array, lat2: Array) -> Array:
    """Return the length of the great circle between places in degrees, m."""
    chord = np.linalg.norm(unit_vector(lon1, lat1) - unit_vector(lon2, lat2), axis=-1)
    return arc_length(chord)
