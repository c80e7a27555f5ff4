"""The table of targets: the truth of each vignette, where it comes from, and what it is for."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import xarray as xr

from xoceansar._typing import Array
from xoceansar.building.archive_stage import open_vignettes
from xoceansar.building.found_truth import ERROR, FoundTruth
from xoceansar.building.request import TARGETS, Request
from xoceansar.building.truth_sources import find_truth_of
from xoceansar.building.workspace import Facts, Workspace, digest_dataset
from xoceansar.conventions import OCEAN_CLASS, VIGNETTE
from xoceansar.conventions.texts import text_values
from xoceansar.errors import TrainingError, UnitsError, warn
from xoceansar.io.archive.zarr_archive import open_archive, to_zarr
from xoceansar.splits.orbit_passes import orbit_pass
from xoceansar.splits.partition import group_split, time_split
from xoceansar.train.heads.targets import find_truth

STAGE: Final = "targets"
#: What each vignette is for, and the pass that keeps it on one side.
PART: Final = "part"
PASS: Final = "orbit_pass"
PARTS: Final = ("learned", "calibration", "test", "later")
#: Parts that nothing is learned from.
TEST_PARTS: Final = ("test", "later")
#: Passes that each part needs: the fit and the calibration divide theirs once more.
_LEAST_PASSES: Final = {"learned": 2, "calibration": 2, "test": 1, "later": 1}
#: Vignettes to learn from, below which there is no model.
LEAST_ROWS: Final = 20
#: Share of the vignettes with a truth below which that is said loudly.
_FEW: Final = 0.5
#: What no sea has, and within which the median of many vignettes lies, in the library's units.
_POSSIBLE: Final = {"swh": (0.0, 30.0), "wind_speed": (0.0, 75.0)}
_USUAL: Final = {"swh": (0.3, 9.0), "wind_speed": (1.5, 20.0)}
#: Vignettes from which a median says something of the units.
_ENOUGH: Final = 50


def make_targets(work: Workspace, folder: Path) -> Facts:
    """Collocate, check and divide."""
    vignettes = open_vignettes(work)
    coords = {
        name: c.variable.load()
        for name, c in vignettes.coords.items()
        if c.dims == (VIGNETTE,)
    }
    places = xr.Dataset(coords=coords, attrs=vignettes.attrs)
    found = find_truth_of(places, work.request)
    checked = _checked(found.table, work.request)
    targets = checked.targets
    passes = orbit_pass(places)
    part = divide(targets, passes, places, work.request)
    beside = [n for n in found.table if n not in targets]
    table = found.table[beside].assign(targets)
    table = table.assign_coords(coords).assign(
        {PART: (VIGNETTE, part), PASS: (VIGNETTE, passes)}
    )
    table.attrs = {"truth": found.about, "simulated": int(found.simulated)}
    table = table.drop_encoding()
    to_zarr(table, folder / "targets.zarr")
    if found.twins is not None:
        found.twins.to_csv(folder / "twins.csv", index=False)
    return {
        **_facts(found, table, checked),
        "digest": digest_dataset(table),
    }


def open_targets(work: Workspace) -> xr.Dataset:
    """Open the table of targets, in memory."""
    work.found(STAGE)
    return open_archive(work.path(STAGE) / "targets.zarr").load()


def names_of_targets(work: Workspace) -> list[str]:
    """Name the targets that heads are fitted for."""
    return [str(name) for name in work.found(STAGE)["targets"]]


@dataclass
class _Checked:
    """Targets that can be learned, and why others, or single values, cannot."""

    targets: dict[str, xr.DataArray] = field(default_factory=dict)
    #: Values that no sea has, by target.
    impossible: dict[str, int] = field(default_factory=dict)
    #: Targets that nobody has asked for by name and that cannot be learned.
    skipped: dict[str, str] = field(default_factory=dict)


def _checked(table: xr.Dataset, request: Request) -> _Checked:
    """Return the targets in the library's units, without what no sea has."""
    out = _Checked()
    errors: list[TrainingError] = []
    for name in request.targets or tuple(n for n in TARGETS if n in table):
        try:
            out.targets[name] = _target(name, table, out.impossible)
        except NothingToLearnError as error:
            if request.targets:
                raise
            errors.append(error)
            out.skipped[name] = str(error)
    if not out.targets:
        raise errors[0]
    for name, reason in out.skipped.items():
        warn(f"there will be no head for {name!r}: {reason}")
    return out


class NothingToLearnError(TrainingError):
    """A truth is missing altogether, or always the same."""


def _target(name: str, table: xr.Dataset, impossible: dict[str, int]) -> xr.DataArray:
    truth = find_truth(table, name)
    if truth.classes:
        _check_classes(name, truth.values, truth.classes)
        return table[name]
    values = truth.values.copy()
    low, high = _POSSIBLE.get(name, (-np.inf, np.inf))
    odd = (values < low) | (values > high)
    if odd.any():
        impossible[name] = int(odd.sum())
    _check_level(name, values, odd)
    values[odd] = np.nan
    _check_some(name, values, table)
    attrs = {**table[name].attrs, "units": truth.units}
    return xr.DataArray(values, dims=VIGNETTE, attrs=attrs, name=name)


def _check_level(name: str, values: Array, odd: Array) -> None:
    """Refuse numbers that are in other units than they say."""
    known = values[np.isfinite(values)]
    if len(known) < _ENOUGH or name not in _USUAL:
        return
    low, high = _USUAL[name]
    median = float(np.median(known))
    if not low <= median <= high or odd.sum() > 0.1 * len(known):
        raise UnitsError(
            f"the truth {name!r} has a median of {median:.3g} and {int(odd.sum())} of {len(known)} "
            f"values that no sea has; that of many vignettes lies between {low:g} and {high:g} in the "
            "units that it says. Convert it, as from cm or knots, and correct its 'units'."
        )


def _check_some(name: str, values: Array, table: xr.Dataset) -> None:
    if np.isfinite(values).any():
        return
    how = "no vignette was matched"
    if "collocation_flag" in table:
        how += ": look at collocation_distance and collocation_time_offset, and at max_distance, max_time"
    raise NothingToLearnError(
        f"the truth {name!r} is missing for all {len(values)} vignettes: {how}. See that it covers "
        "the period and the region of the products; nothing can be learned without."
    )


def _check_classes(name: str, values: Array, classes: tuple[str, ...]) -> None:
    present = sorted({classes[int(v)] for v in values[np.isfinite(values)]})
    if len(present) < 2:
        raise NothingToLearnError(
            f"the truth {name!r} has {len(present)} class(es), {present}: a classifier tells two or "
            "more apart. Give vignettes of other classes, or leave it out: targets=['swh', ...]."
        )


def divide(
    targets: Mapping[str, xr.DataArray],
    passes: Array,
    places: xr.Dataset,
    request: Request,
) -> Array:
    """Say what each vignette with a truth is for; the others are for nothing.

    Shapes: `passes` (vignette,) -> (vignette,).

    Notes
    -----
    Whole passes: the latest are for a score on another time, and of the others some for a score and
    some for the calibration.
    """
    known = np.zeros(len(passes), bool)
    for name, values in targets.items():
        known |= _is_known(name, values)
    rows = np.flatnonzero(known)
    _check_passes(passes[rows])
    if "time" not in places or np.isnat(places["time"].values[rows]).any():
        raise TrainingError(
            "a hold-out in time needs the time of every vignette with a truth. Give 'time' along vignette."
        )
    out = np.full(len(passes), "", "<U11")
    before = time_split(passes[rows], places["time"].values[rows], test=request.later)
    out[rows[before.test]] = "later"
    early = rows[before.train]
    rest = 1 - request.later
    sides = group_split(
        passes[early],
        test=request.test / rest,
        validation=request.calibration / rest,
        seed=request.seed,
    )
    out[early[sides.train]] = "learned"
    out[early[sides.validation]] = "calibration"
    out[early[sides.test]] = "test"
    _check_parts(out, passes)
    return out


def _is_known(name: str, values: xr.DataArray) -> Array:
    if values.dtype.kind in "OUST":
        return np.asarray(text_values(values) != "")
    if name == OCEAN_CLASS and values.dtype.kind in "iu":
        return np.asarray(values.values >= 0)
    return np.asarray(np.isfinite(values.values.astype(float)))


def _check_passes(passes: Array) -> None:
    needed, found = sum(_LEAST_PASSES.values()), len(np.unique(passes))
    if found < needed:
        raise TrainingError(
            f"a model needs {needed} orbit passes or more with a truth: {_in_words(_LEAST_PASSES)}; "
            f"found {found} pass(es) with {len(passes)} vignettes. Give products of other passes."
        )


def _check_parts(part: Array, passes: Array) -> None:
    counts = {p: len(np.unique(passes[part == p])) for p in PARTS}
    short = [p for p in PARTS if counts[p] < _LEAST_PASSES[p]]
    learned = int((part == "learned").sum())
    if short or learned < LEAST_ROWS:
        raise TrainingError(
            f"the split by orbit pass gives {_in_words(counts)} passes, with {learned} vignettes to "
            f"learn from; needed are {_in_words(_LEAST_PASSES)} and {LEAST_ROWS} vignettes. Give "
            "products of more passes, or other fractions: later=..., test=..., calibration=..."
        )


def _in_words(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{n} {name}" for name, n in counts.items())


def _facts(found: FoundTruth, table: xr.Dataset, checked: _Checked) -> Facts:
    targets = checked.targets
    n = table.sizes[VIGNETTE]
    part = table[PART].values
    known = {name: int(_is_known(name, v).sum()) for name, v in targets.items()}
    for name, count in known.items():
        if count < _FEW * n:
            warn(
                f"{count} of {n} vignettes have a truth of {name!r}; without: "
                f"{dict(found.unmatched) or 'missing in the source'}. The others are left out."
            )
    errors: dict[str, Any] = {}
    for name in targets:
        if name + ERROR in table:
            values = table[name + ERROR].values
            values = values[np.isfinite(values)]
            errors[name] = float(np.median(values)) if len(values) else None
    passes = table[PASS].values
    return {
        "targets": list(targets),
        "truth": found.about,
        "truth_error": errors,
        "simulated": found.simulated,
        "with_truth": known,
        "vignettes": n,
        "unmatched": dict(found.unmatched),
        "impossible": checked.impossible,
        "skipped": checked.skipped,
        "parts": {p: int((part == p).sum()) for p in PARTS},
        "passes": {p: len(np.unique(passes[part == p])) for p in PARTS},
        "collocation": _match_facts(table),
    }


def _match_facts(table: xr.Dataset) -> dict[str, float]:
    """Say how far the truth is from the vignettes."""
    out: dict[str, float] = {}
    used = table[PART].values != ""
    if "collocation_distance" in table and used.any():
        far = table["collocation_distance"].values[used]
        out["median_distance_km"] = float(np.nanmedian(far))
    if "collocation_time_offset" in table and used.any():
        lag = table["collocation_time_offset"].values[used]
        lag = np.abs(lag[~np.isnat(lag)]).astype("timedelta64[s]").astype(float)
        if len(lag):
            out["median_lag_min"] = float(np.median(lag) / 60)
    return out
