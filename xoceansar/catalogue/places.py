"""Boxes that are searched, and outlines of vignettes."""

import math
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from xoceansar._optional import require
from xoceansar.errors import CatalogueError
from xoceansar.io.export.tabular_files import outline
from xoceansar.io.stac.outlines import Outlines

Box = tuple[float, float, float, float]

_FORM: Final = "bbox is (west, south, east, north) in degrees, longitudes from -180 to 180, west > east across 180 degrees"


def boxes_of(bbox: Any) -> list[Box]:
    """Check a box, and cut it in two where it lies across 180 degrees."""
    try:
        west, south, east, north = (float(edge) for edge in bbox)
    except (TypeError, ValueError) as error:
        raise CatalogueError(
            f"{_FORM}, as (-20, 30, -10, 40); got {bbox!r}."
        ) from error
    edges = (west, south, east, north)
    if not all(map(math.isfinite, edges)):
        raise CatalogueError(f"{_FORM}; got {edges}.")
    if max(abs(south), abs(north)) > 90:
        raise CatalogueError(
            f"{_FORM}; got {edges}, in which a latitude, the second or the fourth number, is over 90."
        )
    if south > north:
        raise CatalogueError(
            f"{_FORM}; got {edges}, whose south lies north of its north. Type "
            f"bbox={_typed(west, north, east, south)}."
        )
    if max(abs(west), abs(east)) > 180:
        whole = east - west >= 360
        wrapped = (-180.0, 180.0) if whole else (_wrapped(west), _wrapped(east))
        raise CatalogueError(
            f"{_FORM}; got {edges}, with longitudes from 0 to 360 or beyond. Type "
            f"bbox={_typed(wrapped[0], south, wrapped[1], north)}."
        )
    if west <= east:
        return [edges]
    halves = [(west, south, 180.0, north), (-180.0, south, east, north)]
    return [half for half in halves if half[0] < half[2]] or [edges]


def _wrapped(longitude: float) -> float:
    return (longitude + 180) % 360 - 180


def _typed(*edges: float) -> str:
    return f"({', '.join(f'{edge:g}' for edge in edges)})"


def inside(outlines: Outlines, boxes: Sequence[Box]) -> npt.NDArray[np.bool_]:
    """Say which outlines touch a box; those that are missing may lie anywhere, and do."""
    shapely = require("shapely", extra="catalogue")
    polygons = polygons_of(outlines)
    touching = np.asarray(shapely.is_missing(polygons))
    for box in boxes:
        touching |= shapely.intersects(shapely.box(*box), polygons)
    return touching


def polygons_of(outlines: Outlines) -> npt.NDArray[Any]:
    """Make polygons of outlines; two where 180 degrees runs through one, None where there is none."""
    shapely = require("shapely", extra="catalogue")
    polygons = np.full(outlines.lengths.size, None, dtype=object)
    told = outlines.lengths > 3
    rings = outlines.where(told)
    if told.any():
        which = np.repeat(np.arange(rings.lengths.size), rings.lengths)
        made = shapely.polygons(shapely.linearrings(rings.points, indices=which))
        for k in np.flatnonzero(rings.widths() > 180):
            end = rings.ends[k]
            made[k] = outline(rings.points[end - rings.lengths[k] : end - 1])
        polygons[told] = made
    return polygons
