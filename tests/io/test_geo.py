import json

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from xoceansar.errors import DimensionError, MissingVariableError

pytest.importorskip("geopandas")


@pytest.fixture
def found():
    """Two icebergs in the first vignette, none in the second."""
    nan = np.nan
    dims = ("vignette", "detection")
    return xr.Dataset(
        {
            "iceberg_longitude": (dims, [[179.99, -179.99, nan], [nan] * 3]),
            "iceberg_latitude": (dims, [[-60.0, -60.1, nan], [nan] * 3]),
            "iceberg_score": (dims, [[0.9, 0.8, nan], [nan] * 3]),
            "iceberg_count": ("vignette", np.array([2, 0], np.int32)),
            "iceberg_box": ((*dims, "edge"), np.zeros((2, 3, 4))),
        },
        coords={
            "vignette_id": ("vignette", ["a", "b"]),
            "longitude": ("vignette", [180.0, 10.0]),
            "latitude": ("vignette", [-60.0, 5.0]),
            "incidence": (("vignette", "sample"), np.zeros((2, 4))),
        },
    )


def test_one_row_for_each_iceberg(found):
    table = found.oceansar.to_geodataframe()
    assert table["vignette_id"].tolist() == ["a", "a"]
    assert table["score"].tolist() == [0.9, 0.8]
    assert table.geometry.x.tolist() == [179.99, -179.99]
    assert table.geometry.y.tolist() == [-60.0, -60.1]
    assert table["vignette_longitude"].tolist() == [180.0, 180.0]
    assert table["iceberg_count"].tolist() == [2, 2]
    assert table.crs.to_epsg() == 4326
    assert not {"iceberg_box", "incidence", "box"} & set(table.columns)


def test_no_iceberg_is_a_table_without_rows(found):
    table = found.isel(vignette=[1]).oceansar.to_geodataframe()
    assert len(table) == 0
    assert {"score", "longitude", "geometry"} <= set(table.columns)


def test_other_results_have_one_row_for_each_vignette(found):
    ds = found[["iceberg_count"]].rename(iceberg_count="swh").chunk(vignette=1)
    table = ds.oceansar.to_geodataframe()
    assert table.geometry.x.tolist() == [180.0, 10.0]
    assert table["swh"].tolist() == [2, 0]


def test_it_survives_a_file(found, tmp_path):
    import geopandas

    found.oceansar.to_geodataframe().to_file(tmp_path / "a.geojson", driver="GeoJSON")
    again = geopandas.read_file(tmp_path / "a.geojson")
    np.testing.assert_allclose(again.geometry.x, [179.99, -179.99])


@pytest.mark.parametrize("what", ["to_table", "to_geodataframe", "to_csv", "to_geoparquet", "to_geojson"])  # fmt: skip
def test_the_remedy_for_a_single_vignette_is_one(what, tmp_path):
    corners = np.array([[0.0, 1.0, 1.0, 0.0]] * 2)
    ds = xr.Dataset({"swh": ("vignette", [1.5, 2.5])}).assign_coords(
        vignette_id=("vignette", ["a", "b"]),
        time=("vignette", np.array(["2021-01-01", "2021-01-02"], "datetime64[ns]")),
        longitude=("vignette", [0.5, 10.0]), latitude=("vignette", [0.5, 5.0]),
        corner_longitude=(("vignette", "corner"), corners),
        corner_latitude=(("vignette", "corner"), np.sort(corners)),
    )  # fmt: skip

    def made(ds):
        call = getattr(ds.oceansar, what)
        if what in ("to_table", "to_geodataframe"):
            return call()["swh"].tolist()
        written = call(tmp_path / "out", overwrite=True)
        if what == "to_geoparquet":
            return pd.read_parquet(written)["swh"].tolist()
        if what == "to_csv":
            return pd.read_csv(written)["swh"].tolist()
        found = json.loads(written.read_text())["features"]
        assert [one["geometry"]["type"] for one in found] == ["Polygon"] * len(found)
        return [one["properties"]["swh"] for one in found]

    with pytest.raises(DimensionError, match=r"ds\.isel\(vignette=\[0\]\)"):
        made(ds.isel(vignette=0))
    assert made(ds.isel(vignette=[0])) == [1.5]
    assert made(ds.swap_dims(vignette="time")) == [1.5, 2.5]


def test_what_has_no_place_or_no_vignette_is_refused(found):
    with pytest.raises(DimensionError, match=r"isel\(vignette=\[0\]\)"):
        xr.Dataset({"swh": 1.0}).oceansar.to_geodataframe()
    with pytest.raises(MissingVariableError, match=r"'latitude'\] are absent"):
        found[["iceberg_count"]].drop_vars("latitude").oceansar.to_geodataframe()
