"""Simulated vignettes: the reader's layout, and rows that depend on seed and number alone."""

import subprocess
import sys

import numpy as np
import pytest
import xarray as xr

from xoceansar.constants import EARTH_RADIUS
from xoceansar.conventions import OCEAN_CLASSES, VARIABLES
from xoceansar.errors import OceansarError
from xoceansar.simulate import vignettes
from xoceansar.simulate.recipe import make_recipe
from xoceansar.simulate.sea.environment import beam_incidence
from xoceansar.simulate.sea.iceberg_targets import MAX_ICEBERGS
from xoceansar.simulate.sea.orbit import acquisition, destination

SMALL = {"shape": (48, 40), "spacing": 100.0}


@pytest.fixture(scope="module")
def made():
    return vignettes(24, seed=5, **SMALL)


def test_layout_is_the_readers(made):
    assert dict(made.sizes) == {
        "vignette": 24,
        "line": 48,
        "sample": 40,
        "corner": 4,
        "iceberg": MAX_ICEBERGS,
        "edge": 4,
    }
    images = ("vignette", "line", "sample")
    row = ("vignette",)
    expected = {
        "sigma0": (images, np.float32),
        "nesz": (images, np.float32),
        "quality": (row, np.uint8),
        "no_data_fraction": (row, np.float32),
        "below_noise_fraction": (row, np.float32),
        "swh": (row, np.float32),
        "wind_speed": (row, np.float32),
        "wind_to_direction": (row, np.float32),
        "peak_wavelength": (row, np.float32),
        "peak_to_direction": (row, np.float32),
        "azimuth_cutoff": (row, np.float32),
        "ocean_class": (row, np.int8),
        "iceberg_count": (row, np.int32),
        "iceberg_box": (("vignette", "iceberg", "edge"), np.float32),
    }
    assert {k: (v.dims, v.dtype) for k, v in made.data_vars.items()} == expected
    carried = {
        "vignette_id": "U",
        "beam": "U",
        "polarisation": "U",
        "platform": "U",
        "product": "U",
        "ipf_version": "U",
        "time": "M",
        "longitude": "f",
        "latitude": "f",
        "ground_heading": "f",
        "noise_scaling": "f",
        "incidence": "f",
        "pixel_spacing": "f",
    }
    assert {k: v.dtype.kind for k, v in made.sigma0.coords.items()} == carried
    assert made.incidence.dims == ("vignette", "sample")
    assert made.corner_longitude.dims == ("vignette", "corner")
    assert made.pixel_spacing.item() == 100.0
    assert made.time.dtype == "datetime64[ns]"
    assert "vignette" not in made.indexes


def test_everything_carries_its_attributes_and_says_simulated(made):
    for name in set(made.variables) - {"edge"}:
        assert made[name].attrs["long_name"] == VARIABLES[name]["long_name"], name
    assert made.ocean_class.attrs["flag_meanings"].split() == list(OCEAN_CLASSES)
    assert made.attrs["simulated"] == 1
    assert "not a measurement" in made.attrs["source"]
    assert made.attrs["simulator_seed"] == 5
    assert made.attrs["Conventions"].startswith("CF-")


def test_values_are_physical(made):
    assert np.isfinite(made.sigma0).all()
    assert made.sigma0.mean(("line", "sample")).min() > 0
    assert not made.no_data_fraction.any()
    below = (made.sigma0 <= 0).mean(("line", "sample"))
    np.testing.assert_allclose(made.below_noise_fraction, below, atol=1e-6)
    assert (made.swh > 0).all()
    assert ((made.wind_to_direction >= 0) & (made.wind_to_direction < 360)).all()
    beams = made.beam.values
    assert list(beams[:4]) == ["wv1", "wv2", "wv1", "wv2"]
    middle = made.incidence.mean("sample").values
    expected = [
        beam_incidence(beam, latitude)
        for beam, latitude in zip(beams, made.latitude.values, strict=True)
    ]
    np.testing.assert_allclose(middle, expected, atol=1e-3)
    assert (made.incidence.diff("sample") > 0).all()


def test_rows_do_not_depend_on_how_they_are_made(made):
    alone = vignettes(3, seed=5, workers=1, **SMALL)
    threads = vignettes(7, seed=5, workers=4, **SMALL)
    lazy = vignettes(24, seed=5, chunks=5, **SMALL)
    for other in (alone, threads, lazy.isel(vignette=slice(4, 12)).compute()):
        first = 4 if other.sizes["vignette"] == 8 else 0
        want = made.isel(vignette=slice(first, first + other.sizes["vignette"]))
        xr.testing.assert_equal(other, want)


def test_other_seeds_give_other_rows(made):
    other = vignettes(2, seed=6, **SMALL)
    assert (other.sigma0 != made.sigma0[:2]).mean() > 0.99
    assert set(other.vignette_id.values).isdisjoint(made.vignette_id.values)


def test_lazy_simulates_nothing_until_asked(no_compute):
    lazy = vignettes(1000, seed=0, chunks=8)
    assert lazy.sigma0.chunks[0] == (8,) * 125
    assert lazy.nesz.chunks == lazy.sigma0.chunks
    for name in ("sigma0", "nesz", "swh", "wind_speed", "iceberg_box", "quality"):
        assert lazy[name].chunks is not None
    assert len(set(lazy.vignette_id.values)) == 1000
    assert set(np.unique(lazy.ocean_class)) == set(range(10))
    with pytest.raises(AssertionError, match="computed"):
        lazy.swh.compute()


def test_graph_is_stable_and_small():
    one, again = (vignettes(16, seed=3, chunks=4) for _ in range(2))
    assert one.sigma0.data.name == again.sigma0.data.name
    assert one.sigma0.data.name != vignettes(16, seed=4, chunks=4).sigma0.data.name


@pytest.mark.parametrize(
    ("classes", "allowed"),
    [
        (["sea_ice"], {5}),
        ("icebergs", {6}),
        (["icebergs", "rain_cells"], {3, 6}),
        ({"pure_ocean_waves": 3.0, "sea_ice": 0.0, "icebergs": 1.0}, {0, 6}),
    ],
)
def test_classes_can_be_chosen(classes, allowed):
    drawn = vignettes(120, classes=classes, chunks=60).ocean_class.values
    assert set(drawn) == allowed
    if len(allowed) == 2 and isinstance(classes, dict):
        assert 0.6 < (drawn == 0).mean() < 0.9


def test_one_beam_only():
    assert set(vignettes(9, beams=["WV2"], chunks=3).beam.values) == {"wv2"}


def test_boxes_are_fractions_of_the_image():
    made = vignettes(6, classes=["icebergs"], shape=(96, 128), spacing=100.0)
    count = made.iceberg_count
    assert (count >= 1).all()
    filled = np.isfinite(made.iceberg_box).all("edge")
    np.testing.assert_array_equal(filled.sum("iceberg"), count)
    # Filled from the front.
    assert (filled.cumprod("iceberg").sum("iceberg") == count).all()
    box = made.iceberg_box
    low, high = box.isel(edge=slice(0, 2)), box.isel(edge=slice(2, 4))
    assert (high.values[filled] > low.values[filled]).all()
    assert np.nanmin(box) >= 0
    assert np.nanmax(box) <= 1
    for i in range(6):
        for line0, sample0, line1, sample1 in box.values[i][filled.values[i]]:
            rows = slice(int(line0 * 96), int(np.ceil(line1 * 96)))
            columns = slice(int(sample0 * 128), int(np.ceil(sample1 * 128)))
            inside = made.sigma0.values[i, rows, columns]
            assert inside.max() > np.median(made.sigma0.values[i])


def test_no_bergs_without_icebergs(made):
    others = made.where(made.ocean_class != OCEAN_CLASSES.index("icebergs"), drop=True)
    assert not others.iceberg_count.any()
    assert np.isnan(others.iceberg_box).all()


def test_twenty_vignettes_share_a_pass(made):
    products, counts = np.unique(made["product"], return_counts=True)
    assert sorted(counts) == [4, 20]
    assert all(p.startswith("S1A_WV_SLC__1SSV_") for p in products)
    for i in (0, 7, 23):
        name = made.vignette_id.values[i]
        assert name.startswith(f"s1a-{made.beam.values[i]}-slc-vv-")
        assert name.endswith(f"-{i % 20 + 1:03d}")
    step = np.diff(made.time.values[:20]) / np.timedelta64(1, "s")
    np.testing.assert_allclose(step, 14.66, atol=1e-5)


def distance(lon0, lat0, lon1, lat1):
    lon0, lat0, lon1, lat1 = np.radians([lon0, lat0, lon1, lat1])
    half = np.sin((lat1 - lat0) / 2) ** 2
    half += np.cos(lat0) * np.cos(lat1) * np.sin((lon1 - lon0) / 2) ** 2
    return 2 * EARTH_RADIUS * np.arcsin(np.sqrt(half))


def test_vignettes_follow_the_track_100_km_apart():
    made = vignettes(60, seed=2, chunks=60)
    for start in (0, 20, 40):
        rows = made.isel(vignette=slice(start, start + 20, 2))  # one beam
        lon, lat = rows.longitude.values, rows.latitude.values
        apart = distance(lon[:-1], lat[:-1], lon[1:], lat[1:])
        np.testing.assert_allclose(apart, 2 * 100e3, rtol=0.06)
        heading = rows.ground_heading.values
        assert ((heading >= 0) & (heading < 360)).all()
        ahead = destination(lon[:-1], lat[:-1], heading[:-1], apart)
        assert distance(*ahead, lon[1:], lat[1:]).max() < 0.08 * apart.max()
    assert np.abs(made.latitude).max() < 70


def test_heading_at_the_equator_is_that_of_sentinel_1():
    """About 12 degrees west of north, ascending."""
    headings = []
    for row in range(0, 4000, 20):
        at = acquisition(0, row + 9, "wv1")
        if abs(at.latitude) < 5:
            headings.append((at.ground_heading + 90) % 180 - 90)
    assert len(headings) > 5
    np.testing.assert_allclose(np.abs(headings), 12.0, atol=0.7)


def test_corners_go_round_from_first_line_near(made):
    for i in (0, 23):
        row = made.isel(vignette=i)
        lon, lat = row.corner_longitude.values, row.corner_latitude.values
        centre = row.longitude.item(), row.latitude.item()
        heading = row.ground_heading.item()
        # The frame of the vignette: along the flight and to its right, metres.
        north = np.radians(lat - centre[1]) * EARTH_RADIUS
        east = np.radians((lon - centre[0] + 180) % 360 - 180) * EARTH_RADIUS
        east = east * np.cos(np.radians(centre[1]))
        h = np.radians(heading)
        along = north * np.cos(h) + east * np.sin(h)
        right = east * np.cos(h) - north * np.sin(h)
        np.testing.assert_allclose(along, [-2400, -2400, 2400, 2400], rtol=0.01)
        np.testing.assert_allclose(right, [-2000, 2000, 2000, -2000], rtol=0.01)


def test_wind_is_not_a_function_of_the_class():
    """Open-sea classes of the same range have the same wind on average."""
    lazy = vignettes(3000, chunks=3000, classes=["pure_ocean_waves", "sea_ice"])
    recipe = make_recipe(0, ["pure_ocean_waves", "sea_ice"], None, (384, 384), 50.0, 2)
    wind = np.array([recipe.environment(i).wind_speed for i in range(3000)])
    ice = lazy.ocean_class.values == 5
    assert abs(wind[ice].mean() - wind[~ice].mean()) < 0.4


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"n": 0}, "n must be"),
        ({"n": 1, "seed": -1}, "seed must be"),
        ({"n": 1, "chunks": 0}, "chunks must be"),
        ({"n": 1, "classes": ["foam"]}, "got foam"),
        ({"n": 1, "classes": []}, "got none"),
        ({"n": 1, "classes": {"sea_ice": -1.0}}, "non-negative"),
        ({"n": 1, "classes": {"sea_ice": 0.0}}, "positive sum"),
        ({"n": 1, "beams": ["iw1"]}, r"'iw1' is not one of \['wv1', 'wv2'\]"),
        ({"n": 1, "oversample": 0}, "oversample"),
    ],
)
def test_bad_arguments_are_refused(kwargs, message):
    with pytest.raises(OceansarError, match=message):
        vignettes(**kwargs)


def test_importing_the_package_loads_no_heavy_module():
    code = (
        "import sys, xoceansar.simulate as s; dir(s); "
        "heavy = {'numba', 'xsarsea', 'rasterio', 'torch', 'matplotlib'} & set(sys.modules); "
        "sys.exit(','.join(heavy) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_unknown_names_are_attribute_errors():
    import xoceansar.simulate

    with pytest.raises(AttributeError, match="no attribute 'foam'"):
        _ = xoceansar.simulate.foam


def test_the_wind_of_a_row_without_its_image_is_that_of_its_truth():
    """Also of the classes that turn the wind: fronts and rain."""
    recipe = make_recipe(
        5, ["atmospheric_front", "rain_cells"], None, (64, 64), 50.0, 2
    )
    ds = vignettes(4, seed=5, classes=recipe.classes, shape=(64, 64))
    for row in range(4):
        speed, direction = recipe.wind(row)
        heading = float(ds.ground_heading[row])
        assert speed == pytest.approx(float(ds.wind_speed[row]), rel=1e-6)
        assert (heading + 90 - direction) % 360 == pytest.approx(
            float(ds.wind_to_direction[row]), abs=1e-3
        )
