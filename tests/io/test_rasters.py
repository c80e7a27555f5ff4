"""Fields on a regular map grid."""

import numpy as np
import pytest
import xarray as xr

from xoceansar import errors
from xoceansar.conventions import (
    annotate,
    class_attrs,
    mask_attrs,
)
from xoceansar.io.export.rasters import to_map_grid, to_raster
from xoceansar.sar.geometry import offset_position

pytest.importorskip("rioxarray")
SIDE = 19200.0
PLACES = {
    "atlantic": (-20.0, 40.0),
    "antimeridian": (179.95, -20.0),
    "pole": (30.0, 88.5),
}


def swath_field(place, name="wind_speed", dtype=np.float32):
    row, column = np.indices((5, 7))
    lon, lat = offset_position(
        *PLACES[place], 348.0, (row - 2) * SIDE, (column - 3) * SIDE
    )
    data = xr.DataArray(
        (10 * row + column).astype(dtype), dims=("row", "column"),
        coords={"longitude": (("row", "column"), lon), "latitude": (("row", "column"), lat)},
    )  # fmt: skip
    return annotate(data, name)


@pytest.mark.parametrize("place", PLACES)
def test_every_pixel_has_the_value_of_its_cell(place):
    pyproj = pytest.importorskip("pyproj")
    field = swath_field(place)
    grid = to_map_grid(field, resolution=1000.0)
    assert grid.dims == ("y", "x")
    there = np.isfinite(grid.values)
    # The scale of UPS is 0.994 at the pole.
    assert there.sum() * 1e6 == pytest.approx(35 * SIDE**2, rel=0.015)
    to_map = pyproj.Transformer.from_crs("EPSG:4326", grid.rio.crs, always_xy=True)
    x, y = to_map.transform(field.longitude.values, field.latitude.values)
    at = grid.sel(
        x=xr.DataArray(x, dims=("r", "c")),
        y=xr.DataArray(y, dims=("r", "c")),
        method="nearest",
    )
    np.testing.assert_array_equal(at, field)
    # Half-way to the next cell and a little beyond.
    x1, y1 = x[2, 3] + 0.45 * (x[2, 4] - x[2, 3]), y[2, 3] + 0.45 * (y[2, 4] - y[2, 3])
    assert float(grid.sel(x=x1, y=y1, method="nearest")) == 23
    x1, y1 = x[2, 3] + 0.55 * (x[2, 4] - x[2, 3]), y[2, 3] + 0.55 * (y[2, 4] - y[2, 3])
    assert float(grid.sel(x=x1, y=y1, method="nearest")) == 24


@pytest.mark.parametrize("place", PLACES)
def test_a_geotiff_reads_back(place, tmp_path):
    rasterio = pytest.importorskip("rasterio")
    field = swath_field(place)
    path = to_raster(field, tmp_path / "wind.tif")
    grid = to_map_grid(field)
    with rasterio.open(path) as file:
        np.testing.assert_array_equal(file.read(1), grid.values)
        assert np.isnan(file.nodata)
        assert file.crs == grid.rio.crs
        assert file.tags()["units"] == "m s-1"
        assert file.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        corner = file.transform * (0, 0)
    assert corner[0] == pytest.approx(float(grid.x[0]) - grid.rio.resolution()[0] / 2)
    assert corner[1] == pytest.approx(float(grid.y[0]) - grid.rio.resolution()[1] / 2)


FLAGS = {
    "ocean_class": (np.int8, -1, class_attrs()),
    "quality": (np.uint16, 256, mask_attrs("quality")),
    "domain": (np.uint8, 16, mask_attrs("domain")),
}


@pytest.mark.parametrize("name", FLAGS)
def test_pixels_in_no_cell_have_no_flag(name, tmp_path):
    """Whatever the encoding says: computed flags have none, and it may be wrong."""
    rasterio = pytest.importorskip("rasterio")
    dtype, nodata, attrs = FLAGS[name]
    field = swath_field("atlantic", name, np.uint8) % 10
    field = field.astype(np.int8 if name == "ocean_class" else np.uint8)
    field.attrs = attrs
    for encoding in ({}, {"_FillValue": 0}):
        field.encoding = encoding
        grid = to_map_grid(field)
        assert grid.dtype == dtype
        assert set(np.unique(grid)) == {nodata, *range(7)}
        path = to_raster(field, tmp_path / f"{len(encoding)}.tif")
        with rasterio.open(path) as file:
            assert file.nodata == nodata
            np.testing.assert_array_equal(file.read(1), grid)
    named = dict(
        zip(grid.flag_meanings.split(), grid.attrs.get("flag_masks", []), strict=False)
    )
    assert named.get("no_tile", nodata) == nodata


def test_no_cell_is_not_a_count_of_zero():
    counts = swath_field("atlantic", "iceberg_count", np.int32)
    grid = to_map_grid(counts)
    assert grid.dtype == np.float64
    assert float(grid.min()) == 0
    assert np.isnan(grid).any()


@pytest.mark.parametrize("name", ["atlantic", "antimeridian"])
def test_degrees_go_on_beyond_180(name):
    field = swath_field(name)
    grid = to_map_grid(field, crs="EPSG:4326")
    # 7 x 5 cells of 0.17 degrees of latitude, turned by 12 degrees
    assert 1.2 < float(grid.x.max() - grid.x.min()) < 2.2
    longitude = field.longitude.values
    longitude = longitude % 360 if name == "antimeridian" else longitude
    at = grid.sel(
        x=xr.DataArray(longitude, dims=("r", "c")),
        y=xr.DataArray(field.latitude.values, dims=("r", "c")),
        method="nearest",
    )
    np.testing.assert_array_equal(at, field)
    # a quarter of a cell: 16 pixels, by the area of a degree
    pixels = np.isfinite(grid).sum() / field.size
    assert 16 < float(pixels) < 24


@pytest.mark.parametrize("crs", ["EPSG:3857", "EPSG:4326", None])
@pytest.mark.parametrize("place", PLACES)
def test_no_value_is_lost_wherever_the_map_is_cut(place, crs):
    field = swath_field(place)
    grid = to_map_grid(field, crs=crs)
    assert set(np.unique(grid.values[np.isfinite(grid.values)])) == set(
        field.values.ravel()
    )


def test_a_map_without_a_value_is_never_silent(tmp_path):
    with pytest.raises(errors.DimensionError, match="finer resolution"):
        to_map_grid(swath_field("atlantic"), resolution=3e6)
    empty = swath_field("atlantic") * np.nan
    with pytest.warns(errors.OceansarWarning, match="no valid pixel"):
        to_raster(empty, tmp_path / "empty.tif")


def test_a_projection_can_be_chosen():
    grid = to_map_grid(swath_field("atlantic"), crs="EPSG:4326", resolution=0.05)
    assert grid.rio.crs.to_epsg() == 4326
    assert -21.5 < float(grid.x.min()) < float(grid.x.max()) < -18.5


def test_what_is_no_field_is_refused():
    field = swath_field("antimeridian")
    with pytest.raises(errors.MissingVariableError, match="longitude"):
        to_map_grid(field.drop_vars("longitude"))
    with pytest.raises(errors.DimensionError, match="row, column"):
        to_map_grid(field.expand_dims(polarisation=2))
    with pytest.raises(errors.DimensionError, match="coarser"):
        to_map_grid(field, crs="EPSG:4326", resolution=1e-5)
