import warnings

import numpy as np
import pytest
import xarray as xr

from tests.ops.conftest import with_corners
from xoceansar import errors
from xoceansar.ops import cfar_icebergs, embed, icebergs

torch = pytest.importorskip("torch")


def by(method, ds, model):
    return (
        ds.oceansar.cfar_icebergs() if method == "cfar" else ds.oceansar.icebergs(model)
    )


@pytest.mark.parametrize("method", ["detector", "cfar"])
def test_nothing_is_computed_while_the_graph_is_built(
    placed, detecting, method, no_compute
):
    lazy = with_corners(placed).chunk(vignette=4)
    found = by(method, lazy, detecting)
    assert found.iceberg_count.dims == ("vignette",)
    assert found.iceberg_count.dtype == np.float32
    assert found.iceberg_box.dims == ("vignette", "detection", "edge")
    for name in ("longitude", "latitude", "azimuth_extent", "range_extent", "score"):
        assert found[f"iceberg_{name}"].dims == ("vignette", "detection")
        assert found[f"iceberg_{name}"].chunks[0] == (4, 2)


@pytest.mark.parametrize("method", ["detector", "cfar"])
def test_chunks_do_not_change_what_is_found(placed, detecting, method):
    whole = by(method, placed, detecting)
    parts = by(method, placed.chunk(vignette=2), detecting)
    xr.testing.assert_allclose(whole, parts.compute(), atol=1e-5)


def test_no_iceberg_is_a_zero_and_a_vignette_without_data_is_missing(placed):
    found = cfar_icebergs(placed, threshold=8.0)
    np.testing.assert_array_equal(found.iceberg_count, [0, 0, np.nan, 0, 0, 1])
    assert float(found.iceberg_count.sum()) == 1


def test_the_area_that_was_searched_is_that_of_the_pixels_with_data(placed):
    whole = placed.oceansar.cfar_icebergs().searched_area
    assert whole.attrs["units"] == "km2"
    expected = np.where(np.arange(6) == 2, np.nan, 3.6**2)
    np.testing.assert_allclose(whole, expected, rtol=1e-6)
    lacking = placed.assign(no_data_fraction=("vignette", np.linspace(0, 0.5, 6)))
    for ds in (lacking, lacking.chunk(vignette=4)):
        part = ds.oceansar.cfar_icebergs().searched_area
        np.testing.assert_allclose(part, expected * np.linspace(1, 0.5, 6), rtol=1e-6)
    assert part.chunks is not None


def test_missing_counts_come_back_missing_and_zeros_as_zeros(placed, tmp_path):
    from xoceansar import to_zarr

    path = to_zarr(cfar_icebergs(placed, threshold=8.0), tmp_path / "a.zarr")
    again = xr.open_zarr(path).iceberg_count
    np.testing.assert_array_equal(again, [0, 0, np.nan, 0, 0, 1])


def test_box_extents_and_place_of_a_known_target(placed):
    found = cfar_icebergs(placed, threshold=8.0).isel(vignette=5, detection=0)
    np.testing.assert_allclose(found.iceberg_box * 72, [20, 30, 26, 34], atol=1e-4)
    assert float(found.iceberg_azimuth_extent) == pytest.approx(300, rel=1e-5)
    assert float(found.iceberg_range_extent) == pytest.approx(200, rel=1e-5)
    # 23 lines and 32 samples in, from the middle at 36: 650 m back and 200 m to near range
    along, across = (23 - 36) * 50.0, (32 - 36) * 50.0
    turn = np.radians(347.0)
    north = along * np.cos(turn) - across * np.sin(turn)
    east = along * np.sin(turn) + across * np.cos(turn)
    lat = 16.0 + north / 110_650
    lon = -28.0 + east / (111_320 * np.cos(np.radians(16.0)))
    assert float(found.iceberg_latitude) == pytest.approx(lat, abs=1e-4)
    assert float(found.iceberg_longitude) == pytest.approx(lon, abs=1e-4)


def test_places_come_from_the_corners_where_there_are_some(placed):
    placed["sigma0"][0, 30:34, 60:66] = 20.0
    found = cfar_icebergs(with_corners(placed), threshold=8.0)
    first = found.isel(vignette=0, detection=0)
    # sample 63 of 72: beyond 180 degrees
    assert float(first.iceberg_longitude) == pytest.approx(
        -180 + 0.1 * (63 / 72 - 0.5), abs=1e-4
    )
    assert float(first.iceberg_latitude) == pytest.approx(
        10.0 - 0.05 + 0.1 * 32 / 72, abs=1e-4
    )


def test_extents_are_in_metres_along_each_side_of_an_image_that_is_no_square(placed):
    narrow = placed.isel(sample=slice(6, 66))
    found = cfar_icebergs(narrow, threshold=8.0).isel(vignette=5, detection=0)
    assert float(found.iceberg_azimuth_extent) == pytest.approx(300, rel=1e-5)
    assert float(found.iceberg_range_extent) == pytest.approx(200, rel=1e-5)


def test_corners_that_are_not_four_are_told(placed):
    odd = with_corners(placed).isel(corner=[0, 1])
    with pytest.raises(errors.DimensionError, match="four corners"):
        cfar_icebergs(odd, threshold=8.0)


def test_a_threshold_keeps_what_reaches_it(placed, detecting):
    everything = icebergs(placed, model=detecting, threshold=1e-9, most=600)
    scores = everything.iceberg_score.values
    limit = float(np.nanmedian(scores))
    some = icebergs(placed, model=detecting, threshold=limit, most=600)
    expected = (scores >= limit).sum(axis=1).astype(float)
    expected[2] = np.nan
    np.testing.assert_array_equal(some.iceberg_count, expected)
    for name in ("iceberg_score", "iceberg_longitude", "iceberg_range_extent"):
        np.testing.assert_array_equal(np.isfinite(some[name]), scores >= limit)
    with pytest.warns(errors.OceansarWarning, match="more than 5 icebergs"):
        own = icebergs(placed, model=detecting)
    expected = (scores >= 0.012).sum(axis=1).astype(float)
    expected[2] = np.nan
    np.testing.assert_array_equal(own.iceberg_count, expected)
    np.testing.assert_array_equal(own.iceberg_score[0], scores[0, :5])


@pytest.fixture
def crowded(placed):
    """The fifth vignette has 100 targets, seven pixels apart."""
    for at in np.ndindex(10, 10):
        line, sample = 4 + 7 * np.array(at)
        placed["sigma0"][4, line, sample] = 5.0
    return placed


@pytest.mark.parametrize("chunks", [None, 2])
def test_all_icebergs_are_counted_and_the_best_are_kept(crowded, chunks):
    given = crowded if chunks is None else crowded.chunk(vignette=chunks)
    with pytest.warns(errors.OceansarWarning, match="more than 64.*most=256"):
        found = cfar_icebergs(given, threshold=6.0).compute()
    np.testing.assert_array_equal(found.iceberg_count, [0, 0, np.nan, 0, 100, 1])
    assert found.iceberg_score.notnull().sum("detection").values.tolist() == [
        0, 0, 0, 0, 64, 1
    ]  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        every = cfar_icebergs(given, threshold=6.0, most=100).compute()
    np.testing.assert_array_equal(every.iceberg_count, found.iceberg_count)
    boxes = every.iceberg_box.isel(vignette=4).values * 72
    expected = [[4 + 7 * i, 4 + 7 * j] for i in range(10) for j in range(10)]
    np.testing.assert_allclose(sorted(boxes[:, :2].round().tolist()), expected)
    np.testing.assert_array_equal(every.iceberg_box[:, :64], found.iceberg_box)


def test_results_of_different_lengths_are_put_together(placed, detecting):
    few = cfar_icebergs(placed.isel(vignette=[5]), threshold=8.0, most=2)
    many = icebergs(placed.isel(vignette=[0, 1]), model=detecting, threshold=0.9)
    cut = cfar_icebergs(placed.isel(vignette=[5])).isel(detection=slice(1))
    many = many.drop_vars("domain")
    whole = xr.concat([few, many, cut], "vignette", join="outer")
    assert whole.detection.values.tolist() == [0, 1, 2, 3, 4]
    np.testing.assert_array_equal(whole.iceberg_count, [1, 0, 0, 1])
    for place in (0, 3):
        one = whole.isel(vignette=place)
        np.testing.assert_allclose(one.iceberg_box[0] * 72, [20, 30, 26, 34], atol=1e-4)
        assert one.iceberg_box[1:].isnull().all()


@pytest.mark.parametrize("most", [0, -1, 10_001, 2.5, True, "64"])
def test_a_length_that_is_none_is_refused(placed, most):
    with pytest.raises(errors.OceansarError, match="whole number from 1 to 10000"):
        cfar_icebergs(placed, most=most)


def test_linear_and_db_images_give_the_same_icebergs(placed, detecting):
    db = (10 * np.log10(placed.sigma0)).assign_attrs(units="dB")
    for method in ("detector", "cfar"):
        a, b = by(method, placed.sigma0, detecting), by(method, db, detecting)
        np.testing.assert_array_equal(a.iceberg_count, b.iceberg_count)
        np.testing.assert_allclose(a.iceberg_score, b.iceberg_score, atol=1e-3)


def test_vignettes_outside_the_domain_are_not_searched(placed, detecting):
    pol = ["VV", "HH", "VV", "VV", "VV", "VV"]
    mixed = placed.assign_coords(polarisation=("vignette", pol))
    found = icebergs(mixed, model=detecting)
    assert np.isnan(found.iceberg_count.values[1])
    assert found.iceberg_count.values[0] >= 0


def test_attributes_say_how_it_was_found(placed, detecting):
    found = icebergs(placed, model=detecting)
    assert found.iceberg_count.attrs["model"] == "detecting"
    assert found.iceberg_range_extent.attrs["units"] == "m"
    assert "0.012" in found.attrs["method"]
    assert "icebergs by detector" in found.attrs["history"]
    by_cfar = cfar_icebergs(placed)
    assert "CFAR" in by_cfar.attrs["method"]
    assert "model" not in by_cfar.attrs
    assert found.edge.values.tolist() == [
        "line_min",
        "sample_min",
        "line_max",
        "sample_max",
    ]


def test_a_model_without_detector_says_what_to_do(placed, tiny_model):
    with pytest.raises(errors.BundleError, match=r"no detector.*cfar_icebergs\(\)"):
        icebergs(placed, model=tiny_model)


def test_an_embedding_does_not_say_where_things_are(placed, detecting):
    with pytest.raises(errors.DimensionError, match="embedding does not say where"):
        icebergs(embed(placed, model=detecting), model=detecting)


def test_vignettes_without_a_place_are_refused(images, detecting):
    with pytest.raises(errors.MissingVariableError, match="ground_heading"):
        icebergs(images, model=detecting)


def test_pixels_of_unknown_size_are_refused(placed):
    with pytest.raises(errors.MissingVariableError, match="pixel_spacing"):
        cfar_icebergs(placed.drop_vars("pixel_spacing"))
