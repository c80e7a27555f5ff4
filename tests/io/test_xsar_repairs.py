import numpy as np
import pytest
import xarray as xr

from xoceansar.errors import OceansarError
from xoceansar.io import repair_xsar

xsar = pytest.importorskip("xsar")
mappings = pytest.importorskip("safe_s1.sentinel1_xml_mappings").compounds_vars


@pytest.fixture
def unrepaired(monkeypatch):
    """What xsar has by itself, given back at the end."""
    kind = xsar.Sentinel1Dataset
    for name in ("swath_merging", "noise_lut_range_raw"):
        monkeypatch.setitem(mappings[name], "func", mappings[name]["func"])
    whole = kind.corrected_range_noise_lut
    monkeypatch.setattr(kind, "corrected_range_noise_lut", whole)
    monkeypatch.setattr(kind, "_xoceansar_repaired", False, raising=False)
    return kind


def test_noise_stays_on_the_samples_of_each_vector(unrepaired):
    repair_xsar()
    noise = mappings["noise_lut_range_raw"]["func"]
    found = noise([0, 10], [[0, 4, 8], [0, 6, 10]], [[1.0, 3, 5], [2.0, 8, 6]], [1, 2])
    assert found.sample.values.tolist() == [0, 4, 6, 8, 10]
    np.testing.assert_allclose(found.noise_lut, [[1, 3, 4, 5, 5], [2, 6, 8, 7, 6]])
    missing = noise([0, 10], [[0, 4], [0, 4]], [[1.0, 3], [2.0, 8]], [])
    assert np.isnan(missing.azimuthTime).all()


def test_a_product_without_seams_has_an_empty_table_of_them(unrepaired):
    repair_xsar()
    assert mappings["swath_merging"]["func"]([]).sizes == {"dim_azimuthTime": 0}


def test_only_products_with_bursts_are_shifted(unrepaired, monkeypatch):
    monkeypatch.setattr(
        unrepaired, "corrected_range_noise_lut", lambda self, tree: "shifted"
    )
    repair_xsar()

    class Opened:
        """What the function looks at."""

        class sar_meta:
            _bursts = xr.Dataset(coords={"burst": [0, 1]})

    noise = xr.Dataset({"noise_lut": ("sample", [1.0])})
    tree = xr.DataTree.from_dict({"noise_range": noise})
    corrected = unrepaired.corrected_range_noise_lut
    assert corrected(Opened, tree) == "shifted"
    Opened.sar_meta._bursts = xr.Dataset(coords={"burst": []})
    xr.testing.assert_identical(corrected(Opened, tree), noise)


def test_a_second_call_replaces_nothing(unrepaired):
    repair_xsar()
    before = unrepaired.corrected_range_noise_lut, mappings["swath_merging"]["func"]
    repair_xsar()
    assert (
        unrepaired.corrected_range_noise_lut,
        mappings["swath_merging"]["func"],
    ) == before


def test_another_xsar_is_left_alone_with_a_reason(unrepaired, monkeypatch):
    monkeypatch.delitem(mappings, "noise_lut_range_raw")
    with pytest.raises(OceansarError, match=r"noise_lut_range_raw.*may need no repair"):
        repair_xsar()
    assert not unrepaired._xoceansar_repaired
