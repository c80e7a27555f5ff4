"""Vignettes near a place."""

import numpy as np
import pytest
import xarray as xr

from xoceansar import ops
from xoceansar.errors import (
    MissingVariableError,
    OceansarError,
    OceansarWarning,
    UnitsError,
)

#: Metres of a degree of a great circle of the sphere of 6371 km.
DEGREE = 111.1949


def placed(*places: tuple[float, float]) -> xr.Dataset:
    longitude, latitude = np.array(places, float).T
    return xr.Dataset(
        {"swh": ("time", np.arange(float(len(places))))},
        {"longitude": ("time", longitude), "latitude": ("time", latitude)},
    )


@pytest.mark.parametrize(
    ("place", "places", "distances"),
    [
        ((0, 0), [(1, 0), (0, -1), (3, 0)], [DEGREE, DEGREE]),
        ((180, 0), [(-179.5, 0), (179.5, 0), (0, 0)], [DEGREE / 2, DEGREE / 2]),
        ((359.5, 0), [(0, 0), (-0.5, 0), (10, 0)], [DEGREE / 2, 0]),
        ((0, 89.5), [(180, 89.8), (90, 90), (0, 80)], [0.7 * DEGREE, DEGREE / 2]),
        ((0, 60), [(2, 60), (5, 60)], [111.19]),
    ],
)
def test_distances_are_great_circles(place, places, distances):
    found = placed(*places).oceansar.near(*place, "120 km")
    np.testing.assert_allclose(found.place_distance, distances, rtol=1e-3, atol=1e-9)
    np.testing.assert_array_equal(found.swh, np.arange(len(distances)))
    assert found.place_distance.attrs["units"] == "km"


def test_limits_are_read_as_those_of_collocation():
    ds = placed((0, 0), (0, 0.4))
    for radius in (50, "50 km", "50000 m", "27 nmi"):
        assert ds.oceansar.near(0, 0, radius).sizes["time"] == 2
    with pytest.raises(UnitsError, match="numbers are kilometres"):
        ds.oceansar.near(0, 0, 50e3)
    with pytest.raises(UnitsError, match="radius"):
        ds.oceansar.near(0, 0, "near")


def test_what_is_not_there_is_said():
    ds = placed((0, 0), (np.nan, 0))
    with pytest.warns(OceansarWarning, match="the nearest is 111 km away"):
        none = ds.oceansar.near(1, 0, "50 km")
    assert none.sizes["time"] == 0
    assert none.place_distance.shape == (0,)
    assert ds.oceansar.near(0, 0, "1000 km").sizes["time"] == 1
    with pytest.warns(OceansarWarning, match="radius='112 km' finds it"):
        assert not ds.oceansar.near(xr.DataArray(1.0), np.float32(0), 50).swh.size
    assert ds.oceansar.near(1, 0, "112 km").swh.size == 1
    for place in ((500, 0), (0, 91), ("0", 0), (np.nan, 0), (True, 0)):
        with pytest.raises(OceansarError, match="a place is a longitude"):
            ds.oceansar.near(*place)
    with pytest.raises(MissingVariableError, match="latitude"):
        ds.drop_vars("latitude").oceansar.near(0, 0)


def test_images_stay_lazy():
    da = pytest.importorskip("dask.array")

    def broken(block):
        raise AssertionError("loaded")

    ones = da.ones((3, 4, 4), chunks=(1, 4, 4))
    images = da.map_blocks(broken, ones, dtype=float, meta=np.empty((0, 0, 0)))
    ds = placed((0, 0), (1, 0), (2, 0)).assign(sigma0=(("time", "line", "sample"), images))  # fmt: skip
    found = ops.near(ds, 0, 0, "120 km")
    assert found.sigma0.shape == (2, 4, 4)
    with pytest.raises(AssertionError, match="loaded"):
        found.sigma0.load()
