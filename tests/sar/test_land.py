import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from xoceansar.errors import MissingDependencyError
from xoceansar.sar import land

PLACES = {  # longitude, latitude, land
    "Atlantic": (-34.67, 36.05, False),
    "Crete": (24.9, 35.2, True),
    "Crete, the long way round": (384.9, 35.2, True),
    "Wrangel Island, on the meridian": (180.0, 71.2, True),
    "Pacific at the meridian": (180.0, 0.0, False),
    "Pacific beyond the meridian": (-180.0, 10.0, False),
    "North Pole": (0.0, 90.0, False),
    "South Pole": (0.0, -90.0, True),
    "nowhere": (np.nan, 10.0, False),
}


def test_known_places():
    pytest.importorskip("roaring_landmask")
    lon, lat, expected = map(np.array, zip(*PLACES.values(), strict=True))
    np.testing.assert_array_equal(land.is_land(lon, lat), expected)
    assert land.is_land(lon.reshape(3, 3), lat.reshape(3, 3)).shape == (3, 3)


def test_fractions():
    pytest.importorskip("roaring_landmask")
    assert land.land_fraction([24.9, -34.67, np.nan], [35.2, 36.05, 0.0]) == 0.5
    assert land.land_fraction(np.nan, np.nan) == 0.0


def test_the_mask_is_loaded_once(monkeypatch):
    loads = []

    class Mask:
        @staticmethod
        def new(provider):
            loads.append(provider)
            return Mask()

        @staticmethod
        def contains_many(lon, lat):
            return np.ones(lon.size, bool)

    class Module:
        RoaringMask = Mask

        class LandmaskProvider:
            Gshhg = "gshhg"

    monkeypatch.setattr(land, "_LOADED", [])
    monkeypatch.setattr(land, "require", lambda *args, **kwargs: Module)
    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(lambda _: land.land_fraction(0.0, 0.0), range(64)))
    assert found == [1.0] * 64
    assert loads == ["gshhg"]


def test_its_absence_says_what_to_install(monkeypatch):
    monkeypatch.setattr(land, "_LOADED", [])
    monkeypatch.setitem(sys.modules, "roaring_landmask", None)
    with pytest.raises(MissingDependencyError, match="pip install"):
        land.land_fraction(0.0, 0.0)
