"""`xoceansar icebergs` writes what the library finds."""

import json

import pytest
import xarray as xr

import xoceansar as xos

pytest.importorskip("geopandas")


@pytest.fixture(scope="module")
def found(product):
    ds = xos.open_wave_mode(product)
    return ds.oceansar.cfar_icebergs(threshold=2.0).compute()


@pytest.mark.parametrize("suffix", ["geojson", "parquet", "zarr"])
def test_every_format_has_every_iceberg(run, product, tmp_path, found, suffix):
    out = tmp_path / f"bergs.{suffix}"
    how = ("--method", "cfar", "--threshold", "2")
    result = run("icebergs", product, "--to", out, *how)
    assert result.exit_code == 0, result.output
    n = int(found.iceberg_count.sum())
    assert n > 3
    assert f"{n} icebergs in 2 of 2 vignettes" in result.output
    if suffix == "zarr":
        xr.testing.assert_allclose(
            xr.open_zarr(out).iceberg_longitude.load(), found.iceberg_longitude
        )
        return
    if suffix == "parquet":
        import geopandas

        places = geopandas.read_parquet(out).geometry
        lon, lat = places.x.tolist(), places.y.tolist()
    else:
        features = json.loads(out.read_text())["features"]
        lon, lat = zip(*(f["geometry"]["coordinates"] for f in features), strict=True)
    for got, name in ((lon, "longitude"), (lat, "latitude")):
        wanted = found[f"iceberg_{name}"].values.ravel()
        assert sorted(got) == pytest.approx(sorted(wanted[wanted == wanted]))


def test_what_is_not_kept_is_said(run, product, tmp_path, found):
    out = tmp_path / "bergs.geojson"
    how = ("--method", "cfar", "--threshold", "2", "--most", "1")
    result = run("icebergs", product, "--to", out, *how)
    assert result.exit_code == 0, result.output
    n = int(found.iceberg_count.sum())
    assert f"{n} icebergs in 2 of 2 vignettes" in result.output
    assert f"{n - 2} icebergs are counted" in result.output
    assert "--most 4" in result.output
    assert len(json.loads(out.read_text())["features"]) == 2


def test_none_found_is_said_and_written(run, product, tmp_path):
    out = tmp_path / "none.geojson"
    result = run(
        "icebergs", product, "--to", out, "--method", "cfar", "--threshold", 99
    )
    assert result.exit_code == 0, result.output
    assert "0 icebergs in 2 of 2 vignettes" in result.output
    assert json.loads(out.read_text())["features"] == []


def test_other_formats_and_existing_files_are_refused(run, product, tmp_path):
    wrong = run("icebergs", product, "--to", tmp_path / "a.csv", "--method", "cfar")
    assert wrong.exit_code != 0
    assert ".geojson, .parquet or .zarr" in wrong.output
    there = tmp_path / "a.geojson"
    there.write_text("mine")
    again = run("icebergs", product, "--to", there, "--method", "cfar")
    assert again.exit_code != 0
    assert "--overwrite" in again.output
    assert there.read_text() == "mine"
