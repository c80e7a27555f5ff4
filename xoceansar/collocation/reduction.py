"""From the values of candidate samples to one value for each vignette.

Everything here is numpy: it runs at once, or as one task after the candidates of a lazy reference
were read.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

from xoceansar.collocation.corners import Corners
from xoceansar.collocation.nearby import Candidates
from xoceansar.collocation.reference import NAT
from xoceansar.sar.bearings import wrap_angle

Array = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
Values = Mapping[str, npt.NDArray[Any]]
Method = Literal["nearest", "linear", "mean"]

#: In the order of the flag values 0, 1, ...
FLAG_MEANINGS: Final = (
    "matched",
    "matched_nearest_valid",
    "masked",
    "outside_distance",
    "outside_time",
    "no_position",
)
_MATCHED, _NEAREST_VALID, _MASKED, _OUTSIDE_DISTANCE, _OUTSIDE_TIME, _NO_POSITION = (
    range(len(FLAG_MEANINGS))
)


@dataclass(frozen=True, eq=False)
class Plan:
    """What to make of the values of the candidates, followed by those of the corners."""

    #: How to make one value of several.
    method: Method
    #: (n,): Vignettes whose place and time are known.
    placed: Mask
    #: Samples within the limits.
    candidates: Candidates
    #: Grid points around, to interpolate between.
    corners: Corners | None
    #: Variables that say whether a sample is missing.
    judged: tuple[str, ...]
    #: Whether a sample is missing that lacks one of them, or only one that lacks all.
    strict: bool
    #: Variables that are directions, with their full turn.
    periods: Mapping[str, float]
    #: Variables that are flags, of which there is no mean, be they floats for want of some.
    flags: frozenset[str]

    @property
    def size(self) -> int:
        """Number of vignettes."""
        return self.placed.size


def promoted(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Dtype of values of which some may be missing."""
    if dtype.kind in "biu":
        return np.dtype(np.float32 if dtype.itemsize <= 2 else np.float64)
    return dtype


def resolve(plan: Plan, values: Values) -> dict[str, npt.NDArray[Any]]:
    """Choose, interpolate or average.

    Shapes: `values` (m + 8 k, ...).
    """
    valid = _valid(plan, values)
    own = valid[: plan.candidates.row.size]
    first = _first_of_each(plan)
    chosen = _first_valid(plan, own)
    complete = np.empty(0, bool)
    if plan.corners is not None:
        shape = plan.corners.weight.shape
        seen = valid[own.size :].reshape(shape) | (plan.corners.weight == 0)
        complete = seen.all(axis=1)
    flag = _flags(plan, first, chosen, complete)
    out = {
        name: _values_of(plan, name, array, own, chosen, complete)
        for name, array in values.items()
    }
    shown = np.where(chosen >= 0, chosen, first)
    distance, offset = _offsets(plan, shown, own)
    count = np.bincount(plan.candidates.row[own], minlength=plan.size)
    return out | {
        "collocation_distance": distance / 1000.0,
        "collocation_time_offset": offset.view("timedelta64[ns]"),
        "collocation_flag": flag,
        "collocation_count": count.astype(np.int32),
    }


def _valid(plan: Plan, values: Values) -> Mask:
    present = [_present(values[name]) for name in plan.judged]
    combine = np.logical_and if plan.strict else np.logical_or
    return np.asarray(combine.reduce(present), bool)


def _present(array: npt.NDArray[Any]) -> Mask:
    """Say which samples have a value; of several values of a sample, one suffices."""
    if array.dtype.kind == "f":
        there = ~np.isnan(array)
    elif array.dtype.kind in "Mm":
        there = ~np.isnat(array)
    else:
        there = np.ones(array.shape, bool)
    return np.asarray(there.any(axis=tuple(range(1, there.ndim))))


def _first_of_each(plan: Plan) -> Integers:
    """Nearest candidate of each vignette, valid or not; -1 where there is none."""
    return _first_valid(plan, np.ones(plan.candidates.row.size, bool))


def _first_valid(plan: Plan, valid: Mask) -> Integers:
    index = np.flatnonzero(valid)
    rows, first = np.unique(plan.candidates.row[index], return_index=True)
    chosen = np.full(plan.size, -1)
    chosen[rows] = index[first]
    return chosen


def _flags(
    plan: Plan, first: Integers, chosen: Integers, complete: Mask
) -> npt.NDArray[np.int8]:
    flag = np.full(plan.size, _OUTSIDE_DISTANCE, np.int8)
    flag[plan.candidates.late] = _OUTSIDE_TIME
    flag[~plan.placed] = _NO_POSITION
    flag[first >= 0] = _MASKED
    direct = (chosen == first) | (plan.method == "mean")
    if plan.corners is not None:
        direct = np.zeros(plan.size, bool)
        direct[plan.corners.row[complete]] = True
    matched = chosen >= 0
    flag[matched] = np.where(direct, _MATCHED, _NEAREST_VALID)[matched]
    if plan.corners is not None:
        flag[plan.corners.row[complete]] = _MATCHED
    return flag


def _values_of(
    plan: Plan,
    name: str,
    array: npt.NDArray[Any],
    valid: Mask,
    chosen: Integers,
    complete: Mask,
) -> npt.NDArray[Any]:
    out = _picked(array, chosen)
    if array.dtype.kind != "f" or plan.method == "nearest" or name in plan.flags:
        return out
    period = plan.periods.get(name)
    if plan.corners is not None:
        tail = array[valid.size :].reshape(-1, 8, *array.shape[1:])[complete]
        weight = plan.corners.weight[complete]
        weight = weight.reshape(*weight.shape, *(1,) * (array.ndim - 1))
        numbers = np.where(weight == 0, 0.0, _as_vectors(tail, period))
        mean = (weight * numbers).sum(axis=1)
        out[plan.corners.row[complete]] = _as_numbers(mean, period, out.dtype)
    else:
        rows, mean = _means(
            plan.candidates.row[valid], _as_vectors(array[: valid.size][valid], period)
        )
        out[rows] = _as_numbers(mean, period, out.dtype)
    return out


def _picked(array: npt.NDArray[Any], chosen: Integers) -> npt.NDArray[Any]:
    """Value of the chosen candidate; missing where there is none."""
    dtype = promoted(array.dtype)
    fill = {"f": np.nan, "c": np.nan, "M": "NaT", "m": "NaT", "S": b""}.get(
        dtype.kind, ""
    )
    out = np.full((chosen.size, *array.shape[1:]), fill, dtype)
    out[chosen >= 0] = array[chosen[chosen >= 0]]
    return out


def _means(
    row: Integers, numbers: npt.NDArray[Any]
) -> tuple[Integers, npt.NDArray[Any]]:
    """Mean over the samples of each vignette that have a value; rows are ascending."""
    rows, start = np.unique(row, return_index=True)
    if rows.size == 0:
        return rows, numbers[:0]
    there = ~np.isnan(numbers)
    total = np.add.reduceat(np.where(there, numbers, 0), start, axis=0)
    count = np.add.reduceat(there.astype(int), start, axis=0)
    return rows, np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _as_vectors(array: npt.NDArray[Any], period: float | None) -> npt.NDArray[Any]:
    numbers = array.astype(float)
    return numbers if period is None else np.exp(2j * np.pi / period * numbers)


def _as_numbers(
    mean: npt.NDArray[Any], period: float | None, dtype: np.dtype[Any]
) -> npt.NDArray[Any]:
    """Directions of vectors; none where opposite ones cancel."""
    if period is None:
        return mean
    angle = wrap_angle(np.angle(mean) * (period / (2 * np.pi)), period, dtype)
    return np.where(np.abs(mean) > 1e-6, angle, np.nan)


def _offsets(plan: Plan, shown: Integers, valid: Mask) -> tuple[Array, Integers]:
    """Distance and time to what was matched, or to the nearest that was not."""
    candidates = plan.candidates
    distance, offset = (
        candidates.nearest_distance.copy(),
        candidates.nearest_offset.copy(),
    )
    offset[~plan.placed] = NAT
    has = shown >= 0
    distance[has], offset[has] = (
        candidates.distance[shown[has]],
        candidates.offset[shown[has]],
    )
    if plan.method == "mean":
        rows, mean = _means(candidates.row[valid], candidates.distance[valid])
        distance[rows] = mean
        rows, mean = _means(
            candidates.row[valid], candidates.offset[valid].astype(float)
        )
        offset[rows] = np.rint(mean).astype(np.int64)
    return distance, offset
