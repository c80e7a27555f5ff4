"""Results of tiles, put back as fields."""

import dask
import numpy as np
import pytest
import xarray as xr

from xoceansar import errors
from xoceansar.conventions import Quality, annotate, class_attrs, mask_attrs
from xoceansar.ops import field, fields

SIDE = 19200.0


def tiles(values, name="wind_speed", *, stride=SIDE, drop=(), **coords):
    """Values (row, column) of tiles along vignette, without some of them, in another order."""
    values = np.asarray(values)
    row, column = (i.ravel() for i in np.indices(values.shape[:2]))
    data = annotate(
        xr.DataArray(
            values.reshape(row.size, *values.shape[2:]),
            dims=("vignette", "class")[: values.ndim - 1],
            coords={
                "row": ("vignette", row),
                "column": ("vignette", column),
                "azimuth_distance": ("vignette", row * stride + SIDE / 2),
                "range_distance": ("vignette", column * stride + SIDE / 2),
                "longitude": ("vignette", 10.0 + 0.2 * column + 0.01 * row),
                "latitude": ("vignette", 40.0 + 0.2 * row),
                "tile_size": SIDE,
                **coords,
            },
        ),
        name,
        comment="kept",
    )
    keep = [k for k in np.random.default_rng(0).permutation(row.size) if k not in drop]
    return data.isel(vignette=keep)


VALUES = np.arange(12.0, dtype=np.float32).reshape(3, 4)


def test_each_value_returns_to_its_place():
    out = field(tiles(VALUES))
    assert out.dims == ("row", "column")
    np.testing.assert_array_equal(out, VALUES)
    assert out.attrs["units"] == "m s-1"
    assert out.attrs["comment"] == "kept"
    assert out.dtype == np.float32
    np.testing.assert_allclose(out.longitude[1], 10.01 + 0.2 * np.arange(4))
    np.testing.assert_allclose(out.latitude[:, 2], [40.0, 40.2, 40.4])
    np.testing.assert_allclose(out.range_distance, SIDE * (np.arange(4) + 0.5))


def test_tiles_that_are_not_there_are_missing():
    values = VALUES.copy()
    values[2, 3] = np.nan
    out = field(tiles(values, drop=(5,)))
    expected = values.copy()
    expected[1, 1] = np.nan
    np.testing.assert_array_equal(out, expected)


def test_overlapping_tiles_are_averaged_by_area():
    """At one half, a cell is covered by its own tile, and half by each neighbour."""
    out = field(tiles(VALUES, stride=SIDE / 2))
    inner = np.array([0.25, 0.5, 0.25])
    assert float(out[1, 1]) == pytest.approx(inner @ VALUES[0:3, 0:3] @ inner)
    # The first cell reaches from the edge of its tile, 3/4 of one; its neighbour covers a third.
    assert float(out[0, 0]) == pytest.approx(
        np.array([0.75, 0.25]) @ VALUES[:2, :2] @ np.array([0.75, 0.25])
    )
    assert out.attrs["cell_methods"] == "area: mean"


def test_a_missing_tile_is_not_filled_and_does_not_spread():
    values = np.ones((3, 4), np.float32)
    values[1, 1] = np.nan
    out = field(tiles(values, stride=SIDE / 2))
    expected = values.copy()
    np.testing.assert_allclose(out, expected, rtol=1e-6)


def test_angles_are_averaged_across_north():
    values = np.where(np.arange(4) % 2, 350.0, 10.0) * np.ones((3, 1))
    out = field(tiles(values.astype(np.float32), "wind_to_direction", stride=SIDE / 2))
    assert float(out[1, 1]) % 360 == pytest.approx(0.0, abs=1e-3)
    assert (out >= 0).all()


def test_classes_are_not_averaged():
    codes = np.array([[0, 9, 0, 9]] * 3, np.int8)
    data = tiles(codes, "ocean_class", stride=SIDE / 2, drop=(0,))
    data.attrs = class_attrs()
    data.encoding = {"_FillValue": np.int8(-1)}
    out = field(data)
    assert out.dtype == np.int8
    expected = codes.copy()
    expected[0, 0] = -1
    np.testing.assert_array_equal(out, expected)
    assert out.attrs["flag_meanings"] == data.attrs["flag_meanings"]
    assert out.encoding["_FillValue"] == -1


def test_a_missing_tile_is_not_of_good_quality_nor_the_first_class():
    codes = np.array([[0, 9, 0, 4]] * 3)
    quality = tiles(codes.astype(np.uint8), "quality", drop=(0,))
    quality.attrs = mask_attrs("quality")
    out = field(quality)
    assert out.values[0].tolist() == [256, 9, 0, 4]
    named = dict(zip(out.flag_meanings.split(), out.flag_masks.tolist(), strict=True))
    assert named["no_tile"] == 256
    assert [named[flag.name.lower()] for flag in Quality] == [f.value for f in Quality]
    classes = tiles(codes, "ocean_class", drop=(0,)).astype("int8").drop_encoding()
    classes.attrs = class_attrs()
    assert field(classes).values[0].tolist() == [-1, 9, 0, 4]
    counts = field(tiles(codes.astype(np.int32), "iceberg_count", drop=(0,)))
    np.testing.assert_array_equal(counts[0], [np.nan, 9, 0, 4])
    assert field(tiles(codes.astype(np.int32), "iceberg_count")).dtype == np.int32
    seen = field(tiles(codes > 0, "beam", drop=(0,)))
    np.testing.assert_array_equal(seen[0], [np.nan, 1, 0, 1])


def test_a_dataset_gives_all_its_fields():
    ds = xr.Dataset({
        "wind_speed": tiles(VALUES),
        "class_probability": tiles(np.repeat(VALUES[..., None], 10, 2), "class_probability"),
        "sigma0": tiles(VALUES).expand_dims(line=2, sample=2).drop_attrs(),
    })  # fmt: skip
    out = fields(ds)
    assert set(out.data_vars) == {"wind_speed", "class_probability"}
    assert out.class_probability.dims == ("row", "column", "class")
    np.testing.assert_array_equal(out.class_probability[..., 3], VALUES)
    np.testing.assert_array_equal(field(ds, "wind_speed"), VALUES)
    with pytest.raises(errors.MissingVariableError, match="nothing"):
        field(ds, "nothing")
    with pytest.raises(errors.MissingVariableError, match=r"fields\(\)"):
        field(ds)


def test_polarisations_are_kept_apart():
    both = xr.concat(
        [tiles(VALUES + k).assign_coords(polarisation=("vignette", [p] * 12))
         for k, p in enumerate(["VV", "VH"])],
        "vignette",
    )  # fmt: skip
    out = field(both)
    assert out.dims == ("polarisation", "row", "column")
    np.testing.assert_array_equal(out.sel(polarisation="VH"), VALUES + 1)


def test_fields_are_lazy(no_compute):
    data = tiles(VALUES, stride=SIDE / 2)
    lazy = field(data.copy(data=data.chunk(vignette=5).data))
    assert lazy.chunks is not None
    with dask.config.set(scheduler="threads"):
        xr.testing.assert_allclose(
            lazy.compute(), field(tiles(VALUES, stride=SIDE / 2))
        )


def test_two_images_are_refused():
    twice = xr.concat([tiles(VALUES), tiles(VALUES)], "vignette")
    with pytest.raises(errors.DimensionError, match="one image"):
        field(twice)
    with pytest.raises(errors.MissingVariableError, match="row"):
        field(tiles(VALUES).drop_vars("row"))


def test_a_field_survives_netcdf(tmp_path):
    out = field(tiles(VALUES))
    out.to_netcdf(tmp_path / "field.nc")
    with xr.open_dataarray(tmp_path / "field.nc") as back:
        xr.testing.assert_identical(back.load().drop_encoding(), out.drop_encoding())
    with xr.open_dataset(tmp_path / "field.nc", decode_coords=False) as raw:
        named = raw.wind_speed.attrs["coordinates"].split()
        assert {"longitude", "latitude"} <= set(named)
