"""The grid points around each vignette, and their weights in space and time."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from xoceansar.collocation.nearby import Vignettes, nearest_step
from xoceansar.collocation.reference import NAT, Reference
from xoceansar.errors import DimensionError

Array = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
Bracket = tuple[Integers, Integers, Array, Mask]


@dataclass(frozen=True, eq=False)
class Corners:
    """Eight samples around each vignette that has them."""

    #: (k,): Which vignette.
    row: Integers
    #: (k, 8): Which place and time of the reference.
    place: Integers
    step: Integers
    #: (k, 8): Fractions with the sum 1.
    weight: Array


def around(
    reference: Reference, vignettes: Vignettes, rows: Integers, span: int
) -> Corners:
    """Find the corners of the cell and of the time step that hold each vignette."""
    if reference.kind != "grid" or len(reference.place_dims) != 2:
        raise DimensionError(
            "method='linear' interpolates on grids of latitude(y) and longitude(x); the "
            f"reference is of kind {reference.kind!r} along {reference.place_dims}. Use "
            "method='nearest' or method='mean'."
        )
    axes = [
        np.asarray(reference.data[name].values, float) for name in reference.names[:2]
    ]
    x0, x1, x, in_x = _between_meridians(axes[0], vignettes.longitude[rows])
    y0, y1, y, in_y = _between_parallels(axes[1], vignettes.latitude[rows])
    t0, t1, t = _between_steps(reference.times, vignettes.time[rows], span)
    columns, lines, steps = (
        np.stack(pair, axis=-1) for pair in ((x0, x1), (y0, y1), (t0, t1))
    )
    wx, wy, wt = (np.stack([1 - w, w], axis=-1) for w in (x, y, t))
    place = lines[:, None, :, None] * axes[0].size + columns[:, None, None, :]
    weight = wt[:, :, None, None] * wy[:, None, :, None] * wx[:, None, None, :]
    step = np.broadcast_to(steps[:, :, None, None], weight.shape)
    place = np.broadcast_to(place, weight.shape)
    inside = in_x & in_y
    flat = (int(inside.sum()), 8)
    return Corners(
        rows[inside],
        place[inside].reshape(flat),
        step[inside].reshape(flat),
        weight[inside].reshape(flat),
    )


def _between_meridians(axis: Array, at: Array) -> Bracket:
    """Columns on both sides of each longitude, around the globe where the grid is global."""
    turns = (np.diff(axis) + 180.0) % 360.0 - 180.0
    if turns.size == 0 or not (np.all(turns > 0) or np.all(turns < 0)):
        raise DimensionError(
            "method='linear' needs at least two longitudes that follow each other eastward or "
            f"westward; got {axis[:5]}... Sort them with ds.sortby(...)."
        )
    order = np.arange(axis.size)[:: 1 if turns[0] > 0 else -1]
    steps = np.abs(turns)[:: 1 if turns[0] > 0 else -1]
    nodes = np.concatenate([[0.0], np.cumsum(steps)])
    gap = 360.0 - nodes[-1]
    if 0 < gap <= 1.5 * steps.max():
        nodes, order = np.append(nodes, 360.0), np.append(order, order[0])
    return _bracket(nodes, order, (at - axis[order[0]]) % 360.0)


def _between_parallels(axis: Array, at: Array) -> Bracket:
    order = np.argsort(axis)
    if axis.size < 2:
        raise DimensionError(
            f"method='linear' needs at least two latitudes; got {axis}. Use method='nearest'."
        )
    return _bracket(axis[order], order, at)


def _bracket(nodes: Array, order: Integers, at: Array) -> Bracket:
    """Nodes on both sides of each coordinate, the weight of the second, and whether inside."""
    high = np.clip(np.searchsorted(nodes, at, side="right"), 1, nodes.size - 1)
    low = high - 1
    weight = (at - nodes[low]) / (nodes[high] - nodes[low])
    inside = (at >= nodes[0]) & (at <= nodes[-1])
    return order[low], order[high], weight, inside


def _between_steps(
    times: Integers, at: Integers, span: int
) -> tuple[Integers, Integers, Array]:
    known = np.flatnonzero(times != NAT)
    order = known[np.argsort(times[known], kind="stable")]
    times = times[order]
    high = np.clip(np.searchsorted(times, at, side="right"), 1, max(times.size - 1, 1))
    low, high = high - 1, np.minimum(high, times.size - 1)
    gap = times[high] - times[low]
    inside = (at >= times[low]) & (at <= times[high]) & (gap > 0) & (gap <= 2 * span)
    near = nearest_step(times, at)
    weight = np.where(inside, (at - times[low]) / np.maximum(gap, 1), 0.0)
    low, high = np.where(inside, low, near), np.where(inside, high, near)
    return order[low], order[high], weight
