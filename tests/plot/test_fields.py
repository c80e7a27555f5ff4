"""Maps of fields over a swath."""

import numpy as np
import pytest
import xarray as xr
from matplotlib.collections import PolyCollection

from xoceansar import errors, plot
from xoceansar.conventions import annotate
from xoceansar.sar.geometry import offset_position

SIDE = 19200.0


def swath_field(lon0, lat0, missing=()):
    row, column = np.indices((9, 13))
    lon, lat = offset_position(lon0, lat0, -12.0, (row - 4) * SIDE, (column - 6) * SIDE)
    values = (5 + 0.5 * row + 0.2 * column).astype(np.float32)
    for place in missing:
        values[place] = np.nan
    both = ("row", "column")
    data = xr.DataArray(
        values, dims=both, coords={"longitude": (both, lon), "latitude": (both, lat)}
    )
    return annotate(data, "wind_speed")


@pytest.mark.parametrize(
    "place", [(-20.0, 40.0), (179.9, -20.0), (30.0, 88.5), (0.0, -75.0)]
)
def test_cells_are_drawn_whole_side_by_side(place):
    field = swath_field(*place, missing=[(2, 3)])
    ax = plot.map(field, land=False, locator=False).axes[0]
    filled = max(
        (c for c in ax.collections if isinstance(c, PolyCollection)),
        key=lambda c: len(c.get_paths()),
    )
    assert len(filled.get_paths()) == 9 * 13 - 1
    assert np.nanmax(filled.get_array()) == field.max()
    sides, area = [], 0.0
    for path in filled.get_paths():
        x, y = path.vertices[:4].T
        sides += [np.ptp(x), np.ptp(y)]
        area += abs(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1))) / 2
    assert max(sides) < 3.2 * min(sides)
    # They fill the box of the swath, turned by 12 degrees, and do not lie on each other.
    vertices = np.concatenate([p.vertices[:4] for p in filled.get_paths()])
    (x0, y0), (x1, y1) = vertices.min(0), vertices.max(0)
    assert 0.5 < area / ((x1 - x0) * (y1 - y0)) < 1.0
    west, east = ax.get_xlim()
    south, north = ax.get_ylim()
    assert west < x0 < x1 < east
    assert south < y0 < y1 < north
    assert (x1 - x0) / (east - west) > 0.08


def test_cells_are_counted_as_cells():
    ax = plot.map(swath_field(-20.0, 40.0), land=False, locator=False).axes[0]
    assert any("117 cells" in text.get_text() for text in ax.texts)


def test_a_field_that_is_one_row_is_refused():
    with pytest.raises(errors.DimensionError, match="two cells"):
        plot.map(swath_field(-20.0, 40.0).isel(row=slice(1)), land=False)
