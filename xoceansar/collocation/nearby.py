"""Which samples of a reference lie near each vignette, in space and time.

Places are unit vectors and the search is a KD-tree's, so that the longitude frame, the 180 degree
meridian and the poles make no difference. Only positions and times are looked at, no value.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from xoceansar.collocation.reference import NAT, Reference
from xoceansar.constants import EARTH_RADIUS
from xoceansar.sar.geometry import arc_length, unit_vector

Array = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

#: Mean radius of the Earth in metres (IUGG).
#: Limits include what is rounding: metres.
_ROUNDING: Final = 1e-3
#: Vignettes that are searched for at once.
_ROWS: Final = 20_000
#: Nanoseconds of vignettes that share a tree of moving samples.
_WINDOW: Final = 6 * 3_600_000_000_000


@dataclass(frozen=True, eq=False)
class Vignettes:
    """Where and when vignettes are."""

    #: (n,): Degrees, any frame.
    longitude: Array
    latitude: Array
    #: (n,): Nanoseconds since 1970.
    time: Integers

    @property
    def placed(self) -> Mask:
        """Whether place and time are known."""
        placed = np.isfinite(self.longitude) & (np.abs(self.latitude) <= 90)
        return np.asarray(placed & (self.time != NAT))

    @property
    def vectors(self) -> Array:
        """Unit vectors (n, 3)."""
        return unit_vector(self.longitude, self.latitude)


@dataclass(frozen=True, eq=False)
class Candidates:
    """Samples within both limits, by vignette, then distance, then time."""

    #: (m,): Which vignette, ascending.
    row: Integers
    #: (m,): Which place and time of the reference.
    place: Integers
    step: Integers
    #: (m,): Metres.
    distance: Array
    #: (m,): Nanoseconds, of the sample minus of the vignette.
    offset: Integers
    #: (n,): Vignettes with no sample within the time limit.
    late: Mask
    #: (n,): Metres to the nearest sample within the time limit; NaN where there is none.
    nearest_distance: Array
    #: (n,): Nanoseconds to the sample nearest in time; `NAT` where there is none.
    nearest_offset: Integers


def find(
    reference: Reference, vignettes: Vignettes, *, reach: float, span: int
) -> Candidates:
    """Find the samples within a distance and a time."""
    if reference.kind == "samples":
        return _moving(reference, vignettes, reach, span)
    return _fixed(reference, vignettes, reach, span)


def nearest_step(times: Integers, at: Integers) -> Integers:
    """Index of the nearest of ascending times; the earlier of two equally near.

    Shapes: `times` (n,), `at` (m,) -> (m,).
    """
    after = np.clip(np.searchsorted(times, at), 1, max(times.size - 1, 1))
    before = after - 1
    after = np.minimum(after, times.size - 1)
    return np.where(times[after] - at < at - times[before], after, before)


def _fixed(
    reference: Reference, vignettes: Vignettes, reach: float, span: int
) -> Candidates:
    """Places of their own, times of their own."""
    order = _by_time(reference.times)
    times = reference.times[order]
    n = vignettes.time.size
    offset = np.full(n, NAT)
    placed = vignettes.placed
    if times.size:
        near = nearest_step(times, vignettes.time[placed])
        offset[placed] = times[near] - vignettes.time[placed]
    late = placed & ((offset == NAT) | (np.abs(offset) > span))
    wanted = np.flatnonzero(placed & ~late)
    places, tree = _tree(reference.longitude, reference.latitude)
    row, place, distance = _pairs(tree, vignettes.vectors[wanted], reach)
    row, place = wanted[row], places[place]
    if reference.kind == "stations":
        row, place, distance, step = _all_steps(
            times, vignettes.time, span, (row, place, distance)
        )
    else:
        step = nearest_step(times, vignettes.time[row]) if row.size else row
    nearest = np.full(n, np.nan)
    lost = np.setdiff1d(wanted, row)
    if places.size and lost.size:
        nearest[lost] = arc_length(tree.query(vignettes.vectors[lost])[0])
    shift = times[step] - vignettes.time[row] if row.size else row
    return _sorted(
        row, place, order[step] if row.size else step, distance, shift,
        late, nearest, offset,
    )  # fmt: skip


def _all_steps(
    times: Integers, at: Integers, span: int, pairs: tuple[Integers, Integers, Array]
) -> tuple[Integers, Integers, Array, Integers]:
    """Repeat each pair for every time within the limit."""
    row, place, distance = pairs
    first = np.searchsorted(times, at[row] - span)
    count = np.searchsorted(times, at[row] + span, side="right") - first
    step = np.repeat(first, count) + _counting(count)
    repeated = (np.repeat(a, count) for a in (row, place))
    return (*repeated, np.repeat(distance, count), step)  # type: ignore[return-value]


def _counting(count: Integers) -> Integers:
    """0, 1, ..., c - 1 for each count c."""
    ends = np.cumsum(count)
    total = int(ends[-1]) if ends.size else 0
    return np.arange(total) - np.repeat(ends - count, count)


def _moving(
    reference: Reference, vignettes: Vignettes, reach: float, span: int
) -> Candidates:
    """Search samples with a place and a time each: one tree for each time window."""
    good = np.isfinite(reference.longitude) & (np.abs(reference.latitude) <= 90)
    order = _by_time(np.where(good, reference.times, NAT))
    times = reference.times[order]
    vectors = unit_vector(reference.longitude[order], reference.latitude[order])
    n = vignettes.time.size
    placed, at = vignettes.placed, vignettes.time
    first = np.searchsorted(times, at - span)
    last = np.searchsorted(times, at + span, side="right")
    late = placed & (last <= first)
    offset = np.full(n, NAT)
    if times.size:
        offset[placed] = times[nearest_step(times, at[placed])] - at[placed]
    nearest = np.full(n, np.nan)
    parts = []
    for rows in _windows(np.flatnonzero(placed & ~late), at):
        low, high = int(first[rows].min()), int(last[rows].max())
        own = vignettes.vectors[rows]
        query, sample, distance = _pairs(_kd(vectors[low:high]), own, reach)
        row, sample = rows[query], sample + low
        keep = (first[row] <= sample) & (sample < last[row])
        parts.append((row[keep], sample[keep], distance[keep]))
        for k in np.setdiff1d(rows, row[keep]):
            chord = np.linalg.norm(
                vectors[first[k] : last[k]] - vignettes.vectors[k], axis=1
            )
            nearest[k] = arc_length(chord.min())
    row, sample, distance = _joined(parts)
    shift = times[sample] - at[row]
    return _sorted(
        row, order[sample], order[sample], distance, shift, late, nearest, offset
    )


def _windows(rows: Integers, at: Integers) -> Iterator[Integers]:
    """Rows in order of time, those of a few hours together."""
    rows = rows[np.argsort(at[rows], kind="stable")]
    start = 0
    while start < rows.size:
        stop = int(np.searchsorted(at[rows], at[rows[start]] + _WINDOW, side="right"))
        yield rows[start:stop]
        start = stop


def _joined(
    parts: list[tuple[Integers, Integers, Array]],
) -> tuple[Integers, Integers, Array]:
    if not parts:
        return np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0)
    row, sample, distance = zip(*parts, strict=True)
    return np.concatenate(row), np.concatenate(sample), np.concatenate(distance)


def _by_time(times: Integers) -> Integers:
    """Order in time, of those that are known."""
    timed = np.flatnonzero(times != NAT)
    return timed[np.argsort(times[timed], kind="stable")]


def _sorted(
    row: Integers,
    place: Integers,
    step: Integers,
    distance: Array,
    offset: Integers,
    late: Mask,
    nearest: Array,
    nearest_offset: Integers,
) -> Candidates:
    # Equal distances differ by rounding: to the millimetre they are ties, which time decides.
    rounded = np.round(distance / _ROUNDING)
    order = np.lexsort((place, np.abs(offset), rounded, row))
    return Candidates(
        row[order], place[order], step[order], distance[order], offset[order],
        late, nearest, nearest_offset,
    )  # fmt: skip


def _kd(vectors: Array):  # type: ignore[no-untyped-def]  # noqa: ANN202  scipy has no types
    from scipy.spatial import cKDTree

    return cKDTree(vectors, balanced_tree=False, compact_nodes=False)


def _tree(longitude: Array, latitude: Array):  # type: ignore[no-untyped-def]  # noqa: ANN202
    """Return the indices of the places that are known, and the tree of them."""
    placed = np.flatnonzero(np.isfinite(longitude) & (np.abs(latitude) <= 90))
    return placed, _kd(unit_vector(longitude[placed], latitude[placed]))


def _pairs(tree, vectors: Array, reach: float) -> tuple[Integers, Integers, Array]:  # type: ignore[no-untyped-def]  # noqa: ANN001
    """Every pair within reach: index of the vector, index in the tree, metres."""
    limit = 2.0 * np.sin(min((reach + _ROUNDING) / EARTH_RADIUS, np.pi) / 2.0)
    parts = []
    for start in range(0, len(vectors), _ROWS):
        few = _kd(vectors[start : start + _ROWS])
        pairs = few.sparse_distance_matrix(tree, limit, output_type="ndarray")
        parts.append((pairs["i"] + start, pairs["j"], arc_length(pairs["v"])))
    return _joined(parts)
