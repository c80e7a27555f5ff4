"""A full geolocation grid from one that has gaps: where a line of points has no point at a sample of another."""

from typing import Final

import numpy as np
import numpy.typing as npt

__all__ = ["complete_points"]

Array = npt.NDArray[np.float64]

#: Share of the points of a row or a column that makes it one of the grid.
_SHARE: Final = 0.5
#: Points for each term of the surface that fills gaps.
_POINTS: Final = 2


def complete_points(points: Array) -> Array:
    """Fill the gaps of a grid from a smooth surface through all of its points.

    Parameters
    ----------
    points : ndarray (line, sample, 6)
        Line, sample, longitude, latitude, incidence, height; NaN where there is no point.

    Returns
    -------
    ndarray (point, 6)
        Of a full grid. Rows and columns with few points, which a single line brings in whose samples are not
        those of the others, are left out.

    Notes
    -----
    Cubic in place, as are positions on an orbit over 20 km to within a centimetre.
    """
    points = _regular(points)
    known = _known(points)
    if known.all():
        return points.reshape(-1, points.shape[-1])
    line = np.array([row[there, 0].mean() for row, there in zip(points, known, strict=True)])  # fmt: skip
    sample = np.array([column[there, 1].mean() for column, there in zip(np.moveaxis(points, 1, 0), known.T, strict=True)])  # fmt: skip
    s, t = _scaled(line)[:, None], _scaled(sample)[None, :]
    order = min(line.size - 1, 3)
    basis = np.stack(
        np.broadcast_arrays(
            *(s**i * t**j for i in range(order + 1) for j in range(4 - i))
        ),
        axis=-1,
    )
    filled = points.copy()
    filled[..., 0], filled[..., 1] = line[:, None], sample[None, :]
    if known.sum() < _POINTS * basis.shape[-1]:
        raise ValueError("the geolocation grid has too few points to fill its gaps")
    values = points[..., 2:].copy()
    turned = values[known][0, 0]  # so that 180 degrees is a meridian like any other
    values[..., 0] = (values[..., 0] - turned + 180.0) % 360.0 - 180.0
    terms = np.linalg.lstsq(basis[known], values[known], rcond=None)[0]
    surface = basis @ terms
    surface[..., 0] = (surface[..., 0] + turned + 180.0) % 360.0 - 180.0
    filled[~known, 2:] = surface[~known]
    return filled.reshape(-1, points.shape[-1])


def _known(points: Array) -> npt.NDArray[np.bool_]:
    """Say where the grid has points."""
    return np.asarray(np.isfinite(points).all(axis=-1))


def _regular(points: Array) -> Array:
    """Leave out rows and columns that have few points."""
    known = _known(points)
    rows = known.any(axis=1)
    if not rows.any():
        raise ValueError("the geolocation grid has no points")
    columns = known[rows].mean(axis=0) > _SHARE
    rows = known[:, columns].mean(axis=1) > _SHARE if columns.any() else ~rows
    if min(rows.sum(), columns.sum()) < 2:
        raise ValueError("the geolocation grid has more gaps than points can fill")
    return points[rows][:, columns]


def _scaled(nodes: Array) -> Array:
    return np.asarray((nodes - nodes.mean()) / max(np.ptp(nodes), 1.0))
