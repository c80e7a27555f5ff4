import json
import warnings

import numpy as np
import pytest
import xarray as xr

from xoceansar.conventions import annotate, class_attrs, mask_attrs
from xoceansar.errors import (
    DimensionError,
    OceansarError,
    OceansarWarning,
    ProductError,
    UnitsError,
)
from xoceansar.io.export.tables import to_table


def make(name, dims, values, **attrs):
    return annotate(xr.DataArray(values, dims=dims), name, **attrs)


@pytest.fixture
def results():
    """What an archive may hold, with every awkward type."""
    n, v = 4, "vignette"
    time = np.datetime64("2021-04-03T08:30:25.749829", "ns")
    longitude = np.array([179.95, -120.0, 30.0, np.nan])
    corners = np.array([-0.1, 0.1, 0.1, -0.1])
    return xr.Dataset(
        {
            "swh": make("swh", v, np.array([1.5, 2.5, np.nan, 3.0], np.float32)),
            "ocean_class": xr.DataArray(
                np.int8([0, -1, 6, 9]), dims=v, attrs=class_attrs()
            ),
            "class_probability": make(
                "class_probability", (v, "ocean_class"), np.ones((n, 10), np.float32)
            ),
            "embedding_vector": make(
                "embedding_vector",
                (v, "embedding"),
                np.arange(n * 5, dtype=np.float32).reshape(n, 5),
                model="m",
                nothing=None,
                yes=True,
                table={"a": [1, np.int64(2)]},
            ),
            "quality": xr.DataArray(
                np.uint8([0, 1, 128, 0]), dims=v, attrs=mask_attrs("quality")
            ),
            "usable": (v, [True, False, True, True]),
            "orbit": (v, np.array([1, 2, 3, 2**40])),
            "small": (v, np.array([1, -2, 3, 4])),
            "sigma0": make("sigma0", (v, "line", "sample"), np.ones((n, 3, 3), "f4")),
            "collocation_time_offset": make(
                "collocation_time_offset", v, np.array([60, -1, 0, "NaT"], "m8[s]")
            ),
        },
        coords={
            "vignette_id": make("vignette_id", v, [f"s-{i}" for i in range(n)]),
            "time": make("time", v, time + np.arange(n)),
            "longitude": make("longitude", v, longitude),
            "latitude": make("latitude", v, np.array([-60.0, 0.0, 45.0, 1.0])),
            "corner_longitude": make(
                "corner_longitude",
                (v, "corner"),
                (longitude[:, None] + corners + 180) % 360 - 180,
            ),
            "corner_latitude": make(
                "corner_latitude",
                (v, "corner"),
                np.array([-60.0, 0.0, 45.0, 1.0])[:, None]
                + np.array([-0.1, -0.1, 0.1, 0.1]),
            ),
            "beam": make("beam", v, ["wv1", "wv2"] * 2),
            "pixel_spacing": 50.0,
        },
        attrs={"model": "m", "simulated": True, "nothing": None, "history": "made"},
    )


@pytest.fixture
def icebergs():
    dims = ("vignette", "detection")
    nan = np.nan
    return xr.Dataset(
        {
            "iceberg_longitude": (dims, [[180.01, -179.99], [nan, nan]]),
            "iceberg_latitude": (dims, [[-60.0, -60.1], [nan, nan]]),
            "iceberg_score": (dims, np.array([[0.9, nan], [nan, nan]], np.float32)),
            "iceberg_count": ("vignette", np.array([2, 0], np.int32)),
        },
        coords={
            "vignette_id": ("vignette", ["a", "b"]),
            "time": ("vignette", np.array(["2021-04-03T08:30:25", "NaT"], "M8[ns]")),
            "longitude": ("vignette", [180.0, 10.0]),
            "latitude": ("vignette", [-60.0, 5.0]),
        },
    )


class TestNetCDF:
    def test_values_times_and_flags_come_back(self, results, tmp_path):
        path = results.chunk(vignette=3).oceansar.to_netcdf(tmp_path / "a.nc")
        back = xr.open_dataset(path)
        for name in (
            "swh",
            "embedding_vector",
            "longitude",
            "sigma0",
            "orbit",
            "small",
        ):
            np.testing.assert_array_equal(back[name], results[name])
        assert (back.vignette_id.values == results.vignette_id.values).all()
        error = (back.time - results.time).values.astype("m8[ns]").astype(int)
        assert np.abs(error).max() <= 60
        assert back.attrs["Conventions"] == "CF-1.11"
        assert back.attrs["history"] == "made"
        assert back.attrs["simulated"] == "true"
        assert "nothing" not in back.attrs
        attrs = back.embedding_vector.attrs
        assert (attrs["yes"], attrs["table"]) == ("true", '{"a": [1, 2]}')

    def test_types_that_every_reader_knows(self, results, tmp_path):
        path = results.oceansar.to_netcdf(tmp_path / "a.nc")
        raw = xr.open_dataset(path, decode_cf=False)
        kinds = {name: v.dtype.str[1:] for name, v in raw.variables.items()}
        assert kinds["quality"] == "i2"
        assert raw.quality.flag_masks.dtype == np.int16
        assert raw.quality.values.tolist() == [0, 1, 128, 0]
        assert kinds["ocean_class"] == "i1"
        assert raw.ocean_class.values.tolist() == [0, -1, 6, 9]
        assert raw.ocean_class._FillValue == -1
        assert raw.ocean_class.flag_values.dtype == np.int8
        assert raw.ocean_class.dims == ("vignette",)
        assert kinds["usable"] == "i1"
        assert raw.usable.flag_meanings == "false true"
        assert (kinds["orbit"], kinds["small"]) == ("f8", "i4")
        assert raw.collocation_time_offset.values[:3].tolist() == [60, -1, 0]
        assert raw.collocation_time_offset.units == "s"
        assert not {"b1", "u1", "i8", "u8", "f2"} & set(kinds.values())

    def test_flags_that_a_file_gave_as_floats(self, results, tmp_path):
        first = results.oceansar.to_netcdf(tmp_path / "a.nc")
        decoded = xr.open_dataset(first)
        assert decoded.ocean_class.dtype.kind == "f"
        again = decoded.oceansar.to_netcdf(tmp_path / "b.nc")
        raw = xr.open_dataset(again, decode_cf=False)
        assert raw.ocean_class.values.tolist() == [0, -1, 6, 9]
        assert raw.ocean_class.dtype == np.int8

    def test_nothing_is_read_into_the_object(self, results, tmp_path):
        before = results.copy(deep=True)
        results.oceansar.to_netcdf(tmp_path / "a.nc")
        xr.testing.assert_identical(results, before)

    def test_a_selection_of_nothing_keeps_its_columns(self, results, tmp_path):
        none = results.isel(vignette=slice(0))
        back = xr.open_dataset(none.oceansar.to_netcdf(tmp_path / "a.nc"))
        assert back.sizes["vignette"] == 0
        assert set(back.variables) == set(none.variables)
        assert back["vignette_id"].dtype.kind in "UOT"

    def test_the_cf_checker_finds_no_error(self, results, icebergs, tmp_path):
        checker = pytest.importorskip("compliance_checker.runner")
        checker.CheckSuite.load_all_available_checkers()
        for name, ds in (("results", results), ("icebergs", icebergs)):
            path = ds.oceansar.to_netcdf(tmp_path / f"{name}.nc")
            report = tmp_path / f"{name}.json"
            checker.ComplianceChecker.run_checker(
                str(path), ["cf:1.11"], 0, "normal",
                output_filename=str(report), output_format="json",
            )  # fmt: skip
            found = json.loads(report.read_text())["cf:1.11"]
            checks = [*found["all_priorities"], *found["high_priorities"]]
            problems = [p for p in checks if p["value"][0] != p["value"][1]]
            assert {p["name"][:4] for p in problems} <= {"§4.4"}, problems

    def test_refused(self, results, tmp_path):
        path = results.swh.to_dataset().oceansar.to_netcdf(tmp_path / "a.nc")
        with pytest.raises(ProductError, match="overwrite=True"):
            results.oceansar.to_netcdf(path)
        assert xr.open_dataset(path).sizes == {"vignette": 4}
        with pytest.raises(OceansarError, match="complex"):
            xr.Dataset({"z": ("vignette", [1j])}).oceansar.to_netcdf(
                path, overwrite=True
            )
        assert [p.name for p in tmp_path.iterdir()] == ["a.nc"]


class TestTable:
    def test_a_row_for_each_vignette_and_a_column_for_each_value(self, results):
        ends = np.array([[20.0, 200.0]] * 4, np.float32)
        results["wind_to_direction_ambiguities"] = make(
            "wind_to_direction_ambiguities", ("vignette", "ambiguity"), ends
        )
        names = class_attrs()["flag_meanings"].split()
        results["class_probability"] = results.class_probability * np.arange(10.0)
        labelled = results.rename_dims(ocean_class="class").assign_coords(
            {"class": names}
        )
        table = labelled.oceansar.to_table()
        assert len(table) == 4  # without a place too
        assert table.swh.tolist()[:2] == [1.5, 2.5]
        names = ["pure_ocean_waves", "icebergs", "oceanic_front"]
        assert table.ocean_class.dropna().tolist() == names
        assert table.ocean_class.isna().tolist() == [False, True, False, False]
        assert table.quality.tolist() == [0, 1, 128, 0]
        assert table.class_probability_sea_ice.tolist() == [5.0] * 4
        assert table.wind_to_direction_ambiguities_1.tolist() == [200.0] * 4
        assert table.attrs["units"]["wind_to_direction_ambiguities_1"] == "degree"
        assert not {"sigma0", "embedding_vector", "class"} & set(table)

    def test_csv_has_units_and_says_what_is_simulated(self, results, tmp_path):
        import pandas as pd

        path = results.oceansar.to_csv(tmp_path / "a.csv")
        table = pd.read_csv(path)
        assert table["swh [m]"].tolist()[:2] == [1.5, 2.5]
        assert table["swh [m]"].isna().tolist() == [False, False, True, False]
        assert table.time[0] == "2021-04-03T08:30:25.749829Z"
        assert table.model.tolist() == ["m"] * 4
        assert table.simulated.tolist() == [True] * 4
        assert table.ocean_class[2] == "icebergs"
        with pytest.raises(ProductError, match="overwrite=True"):
            results.oceansar.to_csv(path)

    def test_icebergs_that_were_counted_and_not_kept_are_told_of(self, icebergs):
        counted = icebergs.assign(iceberg_count=("vignette", [9.0, np.nan]))
        with pytest.warns(OceansarWarning, match="^7 icebergs are counted"):
            assert len(counted.oceansar.to_table()) == 2
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            surer = counted.where(counted.iceberg_score > 0.5)
            assert len(surer.oceansar.to_table()) == 1

    def test_icebergs_are_rows(self, icebergs):
        table = icebergs.oceansar.to_table()
        assert table.vignette_id.tolist() == ["a", "a"]
        assert table.latitude.tolist() == [-60.0, -60.1]

    def test_bytes_in_the_other_order(self, results):
        swapped = results.assign(swh=results.swh.astype(">f4"))
        assert swapped.oceansar.to_table().swh.tolist()[:2] == [1.5, 2.5]

    def test_nothing_is_written_into_the_object(self, results):
        before = results.copy(deep=True)
        results.oceansar.to_table()
        xr.testing.assert_identical(results, before)
        assert results.class_probability.attrs == before.class_probability.attrs


class TestGeo:
    @pytest.fixture(autouse=True)
    def needs_geopandas(self):
        pytest.importorskip("geopandas")

    def test_parquet_has_points_results_and_embeddings(self, results, tmp_path):
        import geopandas

        path = results.chunk(vignette=3).oceansar.to_geoparquet(tmp_path / "a.parquet")
        table = geopandas.read_parquet(path)
        assert table.crs.to_epsg() == 4326
        assert table.vignette_id.tolist() == ["s-0", "s-1", "s-2"]  # s-3 has no place
        assert table.geometry.x.tolist() == [179.95, -120.0, 30.0]
        assert table.ocean_class.tolist()[::2] == ["pure_ocean_waves", "icebergs"]
        assert table.ocean_class.isna().tolist() == [False, True, False]
        vectors = np.stack(table.embedding_vector)
        np.testing.assert_array_equal(vectors, results.embedding_vector[:3])
        assert vectors.dtype == np.float32
        assert table.time[0].microsecond == 749829
        assert "sigma0" not in table
        without = tmp_path / "b.parquet"
        results.oceansar.to_geoparquet(without, embedding=False)
        assert "embedding_vector" not in geopandas.read_parquet(without)

    def test_geojson_of_icebergs_follows_rfc_7946(self, icebergs, tmp_path):
        path = icebergs.oceansar.to_geojson(tmp_path / "a.geojson")
        content = json.loads(path.read_text())
        assert set(content) == {"type", "metadata", "features"}
        first, second = content["features"]
        assert first["geometry"] == {"type": "Point", "coordinates": [-179.99, -60.0]}
        assert first["properties"]["score"] == pytest.approx(0.9)
        assert second["properties"]["score"] is None
        assert first["properties"]["time"] == "2021-04-03T08:30:25Z"
        assert first["properties"]["vignette_id"] == "a"

    def test_parquet_times_are_microseconds_in_utc(self, results, tmp_path):
        parquet = pytest.importorskip("pyarrow.parquet")
        path = results.oceansar.to_geoparquet(tmp_path / "a.parquet")
        kind = parquet.read_schema(path).field("time").type
        assert (kind.unit, kind.tz) == ("us", "UTC")
        first = parquet.read_table(path)["time"][0].as_py()
        assert first.isoformat() == "2021-04-03T08:30:25.749829+00:00"

    def test_where_results_come_from_goes_with_them(self, results, tmp_path):
        import geopandas
        import pandas as pd
        from pyarrow import parquet

        results.swh.attrs |= {"model": "m", "weights_sha256": "5a"}
        results.attrs["xoceansar_version"] = "0.9"
        table = results.oceansar.to_geodataframe()
        path = results.oceansar.to_geoparquet(tmp_path / "a.parquet")
        stored = parquet.read_schema(path).metadata[b"PANDAS_ATTRS"]
        geojson = results.oceansar.to_geojson(tmp_path / "a.geojson").read_text()
        for found in (
            table.attrs,
            json.loads(stored),
            geopandas.read_parquet(path).attrs,
            pd.read_parquet(path).attrs,
            json.loads(geojson)["metadata"],
            results.oceansar.to_table().attrs,
        ):
            assert found["simulated"] is True
            assert found["model"] == "m"
            assert found["weights_sha256"] == "5a"
            assert found["xoceansar_version"] == "0.9"
            assert found["history"] == "made"
            assert found["units"]["swh"] == "m"
            assert found["flag_masks"]["quality"]["out_of_domain"] == 128

    def test_two_models_are_told_apart(self, results):
        results.attrs.clear()
        results.swh.attrs["model"] = "a"
        results.ocean_class.attrs["model"] = "b"
        found = results.drop_vars("embedding_vector").oceansar.to_table().attrs
        assert found["model"] == {"swh": "a", "ocean_class": "b"}

    def test_longitudes_from_0_to_360_are_put_in_place(self, results, tmp_path):
        turned = results.assign_coords(longitude=results.longitude % 360)
        table = turned.oceansar.to_geodataframe()
        np.testing.assert_allclose(table.geometry.x, [179.95, -120.0, 30.0])
        np.testing.assert_allclose(table.longitude, table.geometry.x)

    def test_footprints_are_cut_at_180_degrees(self, results, tmp_path):
        import geopandas

        path = results.oceansar.to_geojson(tmp_path / "a.geojson")
        features = json.loads(path.read_text())["features"]
        cut, whole = (f["geometry"] for f in features[:2])
        assert (cut["type"], whole["type"]) == ("MultiPolygon", "Polygon")
        longitudes = [[p[0] for p in part[0]] for part in cut["coordinates"]]
        assert [(min(x), max(x)) for x in longitudes] == [
            (179.85, 180),
            (-180, -179.95),
        ]
        table = geopandas.read_file(path)
        np.testing.assert_allclose(table.geometry.area, 0.04, rtol=1e-6)
        rings = [whole["coordinates"][0], *(part[0] for part in cut["coordinates"])]
        for ring in rings:  # counterclockwise: positive area
            x, y = np.array(ring).T
            assert np.sum(x[:-1] * y[1:] - x[1:] * y[:-1]) > 0
        assert features[1]["properties"]["ocean_class"] is None
        assert features[2]["properties"]["swh"] is None

    def test_vignettes_without_corners_are_points(self, results, tmp_path):
        ds = results.drop_vars("corner_latitude")
        path = ds.oceansar.to_geojson(tmp_path / "a.geojson")
        kinds = [
            f["geometry"]["type"] for f in json.loads(path.read_text())["features"]
        ]
        assert kinds == ["Point"] * 3

    @pytest.mark.parametrize("count", [0, 1, 3, 8])
    def test_corners_that_are_not_four_are_told(self, results, tmp_path, count):
        odd = results.isel(corner=np.arange(count) % 4)
        with pytest.raises(DimensionError, match=f"four corners.*'corner': {count}"):
            odd.oceansar.to_geojson(tmp_path / "a.geojson")
        assert not (tmp_path / "a.geojson").exists()

    def test_nothing_found_is_an_empty_file(self, icebergs, results, tmp_path):
        path = icebergs.isel(vignette=[1]).oceansar.to_geojson(tmp_path / "a.geojson")
        assert json.loads(path.read_text())["features"] == []
        none = results.isel(vignette=[])
        none.oceansar.to_geojson(tmp_path / "b.geojson")
        none.oceansar.to_geoparquet(tmp_path / "b.parquet")
        with pytest.raises(ProductError, match="exists already"):
            none.oceansar.to_geojson(path)


@pytest.mark.parametrize("name", ["corner_longitude", "longitude", "latitude"])
def test_places_that_are_no_numbers_are_said(results, tmp_path, name):
    pytest.importorskip("geopandas")
    far = xr.full_like(results[name], "far", dtype=object)
    with pytest.raises(UnitsError, match="must be numbers"):
        results.assign_coords({name: far}).oceansar.to_geojson(tmp_path / "a.geojson")


def test_arrays_along_other_dims_than_they_should_are_said(results, tmp_path):
    pytest.importorskip("geopandas")
    wide = results.assign(embedding_vector=results.embedding_vector.expand_dims(x=2))
    with pytest.raises(DimensionError, match="embedding_vector must lie along"):
        wide.oceansar.to_geoparquet(tmp_path / "a.parquet")
    turned = results.transpose(..., "vignette")
    one = json.loads(results.oceansar.to_geojson(tmp_path / "a.geojson").read_text())
    two = json.loads(turned.oceansar.to_geojson(tmp_path / "b.geojson").read_text())
    assert one["features"] == two["features"]


def test_one_place_for_all(results, tmp_path):
    geopandas = pytest.importorskip("geopandas")
    one = results.assign_coords(latitude=-35.0)
    table = geopandas.read_parquet(one.oceansar.to_geoparquet(tmp_path / "a.parquet"))
    count = int(results.longitude.notnull().sum())
    assert table.geometry.y.tolist() == [-35.0] * count
    assert len(table.embedding_vector) == count
    nowhere = results.assign_coords(latitude=np.nan)
    path = nowhere.oceansar.to_geoparquet(tmp_path / "b.parquet")
    assert len(geopandas.read_parquet(path)) == 0


def test_what_no_table_has_is_said(results):
    pytest.importorskip("geopandas")
    wave = results.assign(spectrum=results.swh.astype(complex))
    with pytest.raises(UnitsError, match="'spectrum' is complex"):
        wave.oceansar.to_geodataframe()
    levels = results.assign_coords(a=("x", [1, 2]), b=("x", [3, 4])).set_index(x=["a", "b"])  # fmt: skip
    with pytest.raises(DimensionError, match="'x' is an index of several levels"):
        levels.oceansar.to_table()
    assert "swh" in levels.reset_index("x").oceansar.to_table()


@pytest.mark.parametrize(
    ("values", "column"),
    [
        (["x", 0.5, None], ["x", "0.5", None]),
        ([1, 0.5, None], [1.0, 0.5, np.nan]),
        ([True, None, False], [True, None, False]),
        ([np.nan, "x", b"y"], [None, "x", "b'y'"]),
    ],
)
def test_columns_of_objects_are_of_one_type(results, tmp_path, values, column):
    geopandas = pytest.importorskip("geopandas")
    mixed = results.isel(vignette=slice(3)).assign(
        note=("vignette", np.array(values, object))
    )
    table = geopandas.read_parquet(mixed.oceansar.to_geoparquet(tmp_path / "a.parquet"))
    assert table.note.astype(object).where(table.note.notna(), None).tolist() == [
        None if value is np.nan else value for value in column
    ]


@pytest.mark.parametrize("scalar", [False, True])
def test_vignettes_without_a_number_of_their_own_are_rows_all_the_same(
    scalar: bool,
) -> None:
    ds = xr.Dataset(
        {"embedding_vector": (("vignette", "embedding"), np.zeros((3, 80)))}
    )
    if scalar:
        ds = ds.assign_coords(platform="s1a")
    table = to_table(ds)
    assert table.vignette.tolist() == [0, 1, 2]
    assert scalar is ("platform" in table)
