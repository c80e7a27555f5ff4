"""What a truth is made of: files that name vignettes, files with places and times, ERA5, OCN twins."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import xarray as xr

from xoceansar._paths import walk
from xoceansar.building.found_truth import ERROR, FoundTruth, blank
from xoceansar.building.request import ERA5, OCN, TARGETS, Request
from xoceansar.building.twin_truth import of_twins
from xoceansar.collocation.matching import collocate
from xoceansar.collocation.reduction import FLAG_MEANINGS
from xoceansar.collocation.reference_sources import as_dataset
from xoceansar.collocation.wind_components import wind_vector
from xoceansar.conventions import VIGNETTE
from xoceansar.conventions.attributes import is_simulated
from xoceansar.conventions.texts import text_values
from xoceansar.errors import MissingVariableError, ProductError, TrainingError
from xoceansar.io.safe.product import expand

_MATCHED: Final = ("matched", "matched_nearest_valid")
_COLLOCATION: Final = (
    "collocation_distance",
    "collocation_time_offset",
    "collocation_flag",
)


def find_truth_of(vignettes: xr.Dataset, request: Request) -> FoundTruth:
    """Bring the truth to the vignettes of an archive."""
    if request.truth == (OCN,):
        return of_twins(vignettes, request)
    if request.truth == (ERA5,):
        return _of_era5(vignettes, request)
    return _of_files(vignettes, request)


def _of_era5(vignettes: xr.Dataset, request: Request) -> FoundTruth:
    """Interpolate the analysis to the place and time of each vignette."""
    fields = as_dataset(_files(request.reference), None)
    parts = []
    if "swh" in fields:
        parts.append(_matched(vignettes, fields, ["swh"], request, "linear"))
    names = [n for pair in _WINDS if set(pair) <= set(fields) for n in pair][:2]
    if names:
        wind = _matched(vignettes, fields, names, request, "linear")
        parts.append(wind.drop_vars(names).assign(wind_vector(wind)))
    if not parts:
        raise MissingVariableError(
            "ERA5 is to have 'swh', or the wind components 'u10' and 'v10'; found "
            f"{sorted(map(str, fields.data_vars))}. Download these, or give a file: truth=..."
        )
    table = parts[0]
    for other in parts[1:]:
        table = table.assign({n: other[n] for n in other if n not in table})
    return _found(table, "ERA5", fields.attrs, "ERA5, interpolated")


_WINDS: Final = (("u10n", "v10n"), ("u10", "v10"))


def _of_files(vignettes: xr.Dataset, request: Request) -> FoundTruth:
    """Match by the name of the vignette where the files have it, else in space and time."""
    files = _files(request.truth)
    if _are_truths_of_products(files):
        source = xr.concat([xr.load_dataset(f) for f in files], VIGNETTE)
    else:
        source = as_dataset(files, None)
    wanted = request.targets or tuple(n for n in TARGETS if n in source)
    absent = [name for name in wanted if name not in source]
    if absent or not wanted:
        raise MissingVariableError(
            f"the truth {files[0]} is to have {list(absent or TARGETS)}; it has "
            f"{sorted(map(str, source.data_vars))}. Name its variables as the library does: "
            "ds.rename(Hs='swh')."
        )
    source = _with_units(source, request.units)
    what = ", ".join(Path(f).name for f in files[:3]) + (
        " ..." if len(files) > 3 else ""
    )
    if "vignette_id" in source.variables:
        return _by_name(vignettes, source, wanted, what)
    names = [*wanted, *(n for w in wanted if (n := w + ERROR) in source)]
    table = _matched(vignettes, source, names, request, "nearest")
    return _found(table, what, source.attrs, f"{what}, the nearest")


def _are_truths_of_products(files: list[str]) -> bool:
    return len(files) > 1 and all(f.endswith(".truth.nc") for f in files)


def _files(given: tuple[str, ...]) -> list[str]:
    """List files: of a folder those of tables and fields in it."""
    found: list[str] = []
    for path in expand(list(given)):
        if not os.path.isdir(path) or os.path.exists(os.path.join(path, "zarr.json")):
            found.append(path)
            continue
        inside = sorted(
            os.path.join(root, name)
            for root, _, names in walk(path)
            for name in names
            if name.endswith((".nc", ".csv", ".parquet"))
        )
        if not inside:
            raise ProductError(
                f"{path} holds no .nc, .csv or .parquet file. Give the files of the truth."
            )
        found += inside
    missing = [path for path in found if "://" not in path and not os.path.exists(path)]
    if missing:
        raise ProductError(f"{missing[0]} does not exist. Check the path of the truth.")
    return found


def _with_units(source: xr.Dataset, units: Mapping[str, str]) -> xr.Dataset:
    """Say the units that the user says, where the file says none."""
    for name, unit in units.items():
        if name not in source:
            raise MissingVariableError(
                f"units are given of {name!r}, which the truth does not have."
            )
        said = source[name].attrs.get("units", unit)
        if said != unit:
            raise TrainingError(
                f"the truth says that {name!r} is in {said!r}, and units= says {unit!r}. Leave it out."
            )
        source = source.assign({name: source[name].assign_attrs(units=unit)})
    return source


def _by_name(
    vignettes: xr.Dataset, source: xr.Dataset, wanted: tuple[str, ...], what: str
) -> FoundTruth:
    own = pd.Index(text_values(source["vignette_id"].values))
    if own.has_duplicates:
        raise TrainingError(
            f"{what} has two rows for the vignette {own[own.duplicated()][0]!r}. Keep one: "
            "ds.drop_duplicates('vignette_id')."
        )
    at = own.get_indexer(pd.Index(text_values(vignettes["vignette_id"].values)))
    names = [*wanted, *(n for w in wanted if (n := w + ERROR) in source)]
    names += [n for n in _COLLOCATION if n in source]
    table = xr.Dataset()
    for name in names:
        values = source[name].values
        picked = values[np.maximum(at, 0)]
        table[name] = (VIGNETTE, blank(picked, at < 0), source[name].attrs)
    found = _found(table, what, source.attrs, f"{what}, by vignette_id")
    unnamed = {"not named by the truth": int((at < 0).sum())}
    return FoundTruth(
        found.table, found.simulated, found.about, unnamed | dict(found.unmatched)
    )


def _matched(
    vignettes: xr.Dataset,
    source: xr.Dataset,
    names: list[str],
    request: Request,
    how: Any,
) -> xr.Dataset:
    places = vignettes[["vignette_id"]].reset_coords(drop=True)
    places = places.assign_coords(
        {n: vignettes[n] for n in ("longitude", "latitude", "time", "vignette_id")}
    )
    found = collocate(
        places,
        source,
        variables=names,
        max_distance=request.max_distance,
        max_time=request.max_time,
        method=how,
    ).compute()
    kept = [n for n in found.data_vars if found[n].dims == (VIGNETTE,)]
    return found[kept].reset_coords(drop=True)


def _found(
    table: xr.Dataset, source: str, attrs: Mapping[Any, Any], about: str
) -> FoundTruth:
    unmatched: dict[str, int] = {}
    if "collocation_flag" in table:
        flags = np.nan_to_num(table["collocation_flag"].values, nan=-1).astype(int)
        known = table["collocation_flag"].attrs.get("flag_meanings", "").split()
        for value, meaning in enumerate(known or FLAG_MEANINGS):
            n = int((flags == value).sum())
            if n and meaning not in _MATCHED:
                unmatched[meaning.replace("_", " ")] = n
    texts = np.full(table.sizes[VIGNETTE], source)
    return FoundTruth(
        table.assign(truth_source=(VIGNETTE, texts)),
        is_simulated(attrs),
        about,
        unmatched,
    )
