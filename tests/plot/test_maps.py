"""Maps: the right colour at the right place, whatever the map's edge, and never a download."""

import socket
import sys
import warnings

import cartopy
import cartopy.crs as ccrs
import dask.array as da
import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.collections import PathCollection, PolyCollection
from matplotlib.colors import to_rgba
from matplotlib.quiver import Quiver

from tests.plot.conftest import footprint, result
from xoceansar import plot
from xoceansar.conventions import OCEAN_CLASSES
from xoceansar.errors import (
    DimensionError,
    MissingVariableError,
    OceansarError,
    OceansarWarning,
    UnitsError,
)
from xoceansar.plot import land_layer, map_frame
from xoceansar.sar import land as mask

PLATE = ccrs.PlateCarree()


def draw(*args, **kwargs):
    """Draw without the background, which has its own tests."""
    figure = plot.map(*args, **{"land": False, "locator": False} | kwargs)
    return kwargs.get("ax") or figure.axes[0]


def marks(ax, kind=PathCollection):
    """Coloured marks and hollow ones, as (positions, face colours)."""
    found = [c for c in ax.collections if isinstance(c, kind)]
    coloured = [c for c in found if c.get_array() is not None]
    for each in coloured:
        each.update_scalarmappable()
    hollow = [c for c in found if c.get_array() is None and len(c.get_facecolor()) == 0]
    return coloured[0], hollow[0]


def texts(ax):
    words = [t.get_text() for t in ax.figure.findobj(mpl.text.Text)]
    return [w for a in ax.figure.axes for w in (a.get_xlabel(), a.get_ylabel())] + words


@pytest.mark.parametrize("missing", [np.int8(-1), np.float32(np.nan)])
def test_each_class_has_its_colour_and_a_missing_one_has_none(missing):
    ds = result(11)
    values = np.arange(11).astype(missing.dtype)
    values[10] = missing
    ds["ocean_class"] = ds.ocean_class.copy(data=values)
    ax = draw(ds, "ocean_class", footprints=False)
    coloured, hollow = marks(ax)
    expected = [to_rgba(plot.CLASS_COLOURS[name]) for name in OCEAN_CLASSES]
    np.testing.assert_allclose(coloured.get_facecolor(), expected, atol=1 / 255)
    assert len(hollow.get_offsets()) == 1
    labels = [t.get_text() for t in ax.get_legend().get_texts()]
    assert labels == [f"{n.replace('_', ' ')} (1)" for n in OCEAN_CLASSES] + [
        "no value (1)"
    ]


def test_points_lie_where_the_vignettes_are(ds):
    ax = draw(ds.swh)
    coloured, hollow = marks(ax)
    places = PLATE.transform_points(ax.projection, *coloured.get_offsets().T)
    np.testing.assert_allclose(places[:, 0], ds.longitude, atol=1e-6)
    np.testing.assert_allclose(places[:, 1], ds.latitude, atol=1e-6)
    np.testing.assert_array_equal(coloured.get_array(), ds.swh)
    assert len(hollow.get_offsets()) == 0


def test_words_units_and_simulation(ds):
    ds.swh.attrs |= {"model": "sim-x", "model_training": "simulated vignettes only"}
    ax = draw(ds, "swh")
    found = texts(ax)
    assert "Significant wave height" in found
    assert "Significant wave height (m)" in found
    assert "S1A · 2021-04-03 08:30 to 08:32 UTC · 8 vignettes" in found
    assert any("Simulated sea" in w and "sim-x" in w for w in found)
    assert "Equivalent neutral wind speed at 10 m (m s⁻¹)" in texts(
        draw(ds, "wind_speed")
    )


def test_a_real_result_is_not_called_simulated(ds):
    ds.attrs = {}
    assert not any("imulated" in w for w in texts(draw(ds, "swh")))


def test_footprints_of_other_than_four_corners_are_told(ds):
    with pytest.raises(DimensionError, match="four corners"):
        draw(ds.isel(corner=[0, 1, 2]), "swh")


def test_footprints_when_large_enough_and_points_when_not(ds):
    near = draw(ds, "swh")
    coloured, _ = marks(near, PolyCollection)
    assert len(coloured.get_paths()) == 8
    far = draw(ds, "swh", region="global")
    assert not [c for c in far.collections if isinstance(c, PolyCollection)]
    assert len(marks(far)[0].get_offsets()) == 8


SEAMS = {
    # projection, longitude of the seam and of the middle, latitude
    "plate": (ccrs.PlateCarree(), 180.0, 0.0, -16.5),
    "plate180": (ccrs.PlateCarree(180), 0.0, 180.0, 51.0),
    "robinson": (ccrs.Robinson(), 180.0, 0.0, 66.0),
    "north": (ccrs.NorthPolarStereo(), 180.0, 180.0, 75.0),  # has none
    "mercator": (ccrs.Mercator(), -180.0, 0.0, -70.0),
}


@pytest.mark.parametrize("case", SEAMS)
@pytest.mark.parametrize("offset", [-0.09, 0.0, 0.02])
def test_a_footprint_on_the_seam_stays_small_and_whole(case, offset):
    projection, lon, centre, lat = SEAMS[case]
    lon = (lon + offset + 180) % 360 - 180
    corners = np.stack(
        footprint(np.array([lon]), np.array([lat]), np.array([-15.0])), -1
    )
    quads, owner = map_frame.projected_quads(projection, corners)
    assert set(owner) == {0}
    x, y = np.moveaxis(quads, -1, 0)
    if case.startswith("plate"):
        assert np.ptp(x, axis=1).max() < 1
    assert np.ptp(x, axis=1).max() < 0.005 * np.ptp(projection.x_limits)
    # Its area, by the shoelace formula, is that of the same footprint in the middle of the map.
    area = (
        0.5 * np.abs((x * np.roll(y, -1, 1) - y * np.roll(x, -1, 1)).sum(axis=1)).sum()
    )
    reference, _ = map_frame.projected_quads(projection, corners - [lon - centre, 0])
    assert len(reference) == 1
    p, q = np.moveaxis(reference, -1, 0)
    whole = 0.5 * np.abs((p * np.roll(q, -1, 1) - q * np.roll(p, -1, 1)).sum())
    assert 0.85 * whole < area < 1.02 * whole


@pytest.mark.parametrize(
    "projection",
    [
        ccrs.SouthPolarStereo(),
        ccrs.RotatedPole(170, 20),
        ccrs.PlateCarree(),
        ccrs.Robinson(),
    ],
    ids=lambda p: type(p).__name__,
)
@pytest.mark.parametrize("lat", [-70.0, -89.95])
def test_polar_footprints_never_flood_the_map(projection, lat):
    ds = result(1, lon0=40, lat0=lat)
    ds.attrs = {}
    ax = draw(
        ds, "wind_speed", projection=projection, region="global", footprints=True,
        vmin=0, vmax=1, cmap="Reds",
    )  # fmt: skip
    ax.figure.set_dpi(60)
    ax.figure.canvas.draw()
    image = np.asarray(ax.figure.canvas.buffer_rgba())[..., :3].astype(int)
    box = ax.get_window_extent()
    rows = slice(image.shape[0] - int(box.y1), image.shape[0] - int(box.y0))
    image = image[rows, int(box.x0) : int(box.x1)]
    red = (image[..., 0] - image[..., 1] > 60).mean()
    assert red < 0.01, lat


def test_a_track_across_the_antimeridian_makes_a_narrow_map():
    ds = result(12, lon0=179.5, lat0=-20)
    west, east, _, _ = map_frame.shown_region(draw(ds, "swh"))
    assert east - west < 20
    assert west < ds.longitude.where(ds.longitude > 0).min() < 180 < east


@given(
    st.lists(
        st.tuples(st.floats(-180, 180), st.floats(-85, 85)), min_size=1, max_size=20
    ),
    st.floats(-400, 400),
)
def test_region_holds_its_points_and_turns_with_them(places, turn):
    lon, lat = np.array(places).T
    region = map_frame.region_of(lon, lat)
    turned = map_frame.region_of(lon + turn, lat)
    inside = (lon - region.west) % 360
    assert ((inside <= region.east - region.west + 1e-9) | (inside > 360 - 1e-9)).all()
    assert region.south <= lat.min() <= lat.max() <= region.north
    assert turned.east - turned.west == pytest.approx(
        region.east - region.west, abs=1e-6
    )


def test_many_points_are_pixels_without_edges():
    n = 100_000
    rng = np.random.default_rng(1)
    ds = (
        result(4)
        .isel(vignette=rng.integers(0, 4, n))
        .drop_vars(["corner_longitude", "corner_latitude"])
    )
    ds = ds.assign_coords(
        longitude=("vignette", rng.uniform(-180, 180, n)),
        latitude=("vignette", rng.uniform(-70, 70, n)),
    )
    ds["swh"][::10] = np.nan
    ax = draw(ds, "swh")
    coloured, hollow = marks(ax)
    assert coloured.get_rasterized()
    assert len(coloured.get_offsets()) == n * 9 // 10
    assert len(hollow.get_offsets()) == n // 10
    assert ax.projection.proj4_params["proj"] == "robin"


def test_offline_with_an_empty_cache(tmp_path, monkeypatch, ds):
    def refuse(*args, **kwargs):
        raise AssertionError("a map opened a socket")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setitem(cartopy.config, "data_dir", tmp_path / "data")
    monkeypatch.setitem(cartopy.config, "pre_existing_data_dir", tmp_path / "none")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", module="cmocean")  # as it is imported
        plot.map(ds, "swh").savefig(tmp_path / "map.png")
    assert [p.name for p in tmp_path.iterdir()] == ["map.png"]
    assert (tmp_path / "map.png").stat().st_size > 10_000


def test_land_is_where_it_is():
    fraction = land_layer.land_fraction(PLATE, (-180, 180, -90, 90), (180, 360))
    assert fraction[90 + 23, 180 + 10] == 1  # the Sahara
    assert fraction[90 - 40, 180 - 130] == 0  # the South Pacific
    assert fraction[90 - 26, 180 + 134] == 1  # Australia: rows run from the south
    weights = np.cos(np.radians(np.arange(180) - 89.5))[:, None]
    share = (fraction * weights).sum() / (weights.sum() * 360)
    assert share == pytest.approx(0.292, abs=0.01)  # land of the Earth
    shifted = land_layer.land_fraction(
        ccrs.PlateCarree(180), (-180, 180, -90, 90), (180, 360)
    )
    np.testing.assert_array_equal(shifted, np.roll(fraction, 180, axis=1))


def test_outside_the_world_is_no_land():
    fraction = land_layer.land_fraction(
        ccrs.Orthographic(10, 20), (-6.4e6, 6.4e6, -6.4e6, 6.4e6), (60, 60)
    )
    assert fraction[30, 30] == 1
    assert fraction[0, 0] == fraction[-1, -1] == 0


def test_without_the_land_mask_there_is_a_map_and_one_warning(monkeypatch, ds):
    monkeypatch.setitem(sys.modules, "roaring_landmask", None)
    monkeypatch.setattr(mask, "_LOADED", [])
    land_layer.land_fraction.cache_clear()
    with pytest.warns(OceansarWarning, match="no land.*roaring_landmask") as caught:
        ax = plot.map(ds, "swh", locator=False).axes[0]
    assert len(caught) == 1
    assert len(marks(ax, PolyCollection)[0].get_paths()) == 8


def test_axes_of_the_caller_keep_their_extent(ds):
    figure = plt.figure()
    ax = figure.add_subplot(projection=PLATE)
    ax.set_extent((-60, 10, 0, 50), crs=PLATE)
    before = ax.get_extent()
    size = figure.get_size_inches().tolist()
    assert plot.map(ds, "swh", ax=ax, land=False) is figure
    assert any("Simulated sea" in t.get_text() for t in ax.texts)
    np.testing.assert_allclose(ax.get_extent(), before)
    assert figure.get_size_inches().tolist() == size
    draw(ds, "swh", ax=ax, region=(-40, 10, -20, 40))
    np.testing.assert_allclose(ax.get_extent(), (-40, -20, 10, 40))


def test_extent_across_the_antimeridian(ds):
    ax = draw(ds, "swh", region=(170, -10, -170, 10))
    west, east, south, north = map_frame.shown_region(ax)
    assert (west, east) == pytest.approx((170, 190), abs=0.6)
    assert (south, north) == pytest.approx((-10, 10), abs=0.6)


def test_only_the_mapped_variable_is_loaded(ds):
    def fail(block):
        raise AssertionError("loaded")

    bad = da.zeros(8, chunks=4).map_blocks(fail, dtype=float, meta=np.zeros(0))
    lazy = ds.chunk(vignette=3).assign(wind_speed=("vignette", bad))
    coloured, _ = marks(draw(lazy, "swh", footprints=False))
    np.testing.assert_array_equal(coloured.get_array(), ds.swh)
    assert lazy.swh.chunks is not None


def test_flag_masks_and_text_become_categories(ds):
    flags = np.array([0, 0, 1, 5, 0, 64, 2, 2], np.uint8)
    ds["quality"] = ds.quality.copy(data=flags)
    labels = [t.get_text() for t in draw(ds, "quality").get_legend().get_texts()]
    assert labels == [
        "nothing to report (3)",
        "below noise (2)",
        "no data (1)",
        "no data + land (1)",
        "unreadable (1)",
    ]
    labels = [t.get_text() for t in draw(ds, "beam").get_legend().get_texts()]
    assert labels == ["wv1 (4)", "wv2 (4)"]


def test_colour_ranges(ds):
    low_high = {
        "swh": (0, float(ds.swh.max())),
        "wind_to_direction": (0, 360),
    }
    ds["wind_to_direction"] = ds.swh * 40
    for name, expected in low_high.items():
        assert marks(draw(ds, name, footprints=False))[0].get_clim() == pytest.approx(
            expected
        )
    given_range = draw(ds, "swh", vmin=1, vmax=2, cmap="viridis", footprints=False)
    assert marks(given_range)[0].get_clim() == (1, 2)
    assert marks(given_range)[0].get_cmap().name == "viridis"


@pytest.mark.parametrize("value", [2.0, np.nan])
def test_constant_and_all_missing_values_are_drawn(ds, value):
    ds["swh"][:] = value
    coloured, hollow = marks(draw(ds, "swh", footprints=False))
    assert len(coloured.get_offsets()) == (8 if value == 2 else 0)
    assert len(hollow.get_offsets()) == (0 if value == 2 else 8)


def test_vignettes_without_a_position_are_counted(ds):
    ds["longitude"][2] = np.nan
    ax = draw(ds, "swh")
    assert any("1 without position" in w for w in texts(ax))
    assert len(marks(ax, PolyCollection)[0].get_paths()) == 7


def test_one_vignette_without_a_dim(ds):
    coloured, _ = marks(draw(ds.isel(vignette=3), "swh"), PolyCollection)
    assert coloured.get_array().tolist() == [float(ds.swh[3])]
    coloured, _ = marks(draw(ds.swh.isel(vignette=3)))
    assert coloured.get_array().tolist() == [float(ds.swh[3])]


def test_refusals_say_what_to_type(ds):
    with pytest.raises(MissingVariableError, match="variable='swh'"):
        draw(ds)
    with pytest.raises(MissingVariableError, match=r"'hs'.*found"):
        draw(ds, "hs")
    with pytest.raises(MissingVariableError, match=r"assign_coords\(longitude"):
        draw(ds.drop_vars("longitude"), "swh")
    with pytest.raises(DimensionError, match=r"sel\(\{'class'"):
        draw(ds, "class_probability")
    with pytest.raises(UnitsError, match="datetime64"):
        draw(ds, "time")
    with pytest.raises(UnitsError, match="12"):
        draw(result(12), "vignette_id")
    with pytest.raises(OceansarError, match="GeoAxes"):
        draw(ds, "swh", ax=plt.figure().add_subplot())
    with pytest.raises(OceansarError, match="region"):
        draw(ds, "swh", region=(0, 20, 10, 5))
    with pytest.raises(OceansarError, match="region"):
        draw(ds, "swh", region="everywhere")


def test_one_variable_needs_no_name(ds):
    assert "Significant wave height (m)" in texts(draw(ds[["swh", "quality"]]))
    probability = ds.class_probability.sel({"class": "sea_ice"})
    assert marks(draw(probability))[0].get_clim() == (0, 1)


def test_accessor_draws_the_same(ds):
    ax = ds.swh.oceansar.plot.map(region="global", land=False).axes[0]
    np.testing.assert_array_equal(marks(ax)[0].get_array(), ds.swh)


@pytest.mark.parametrize("region", [None, (-180, 5, 180, 60), (-170, 5, 175, 60)])
@pytest.mark.parametrize("projection", [None, "Robinson", "PlateCarree"])
def test_no_vignette_is_beyond_the_edge_of_a_world_map(region, projection):
    ds = result(72, lat0=10)
    lon = np.linspace(-180, 179.9, 72) if region is None else np.linspace(-168, 173, 72)
    ds = ds.assign_coords(
        longitude=("vignette", lon), latitude=("vignette", np.linspace(10, 55, 72))
    )
    ax = draw(ds.swh, region=region, projection=projection)
    x, _ = marks(ax)[0].get_offsets().T
    west, east = ax.get_xlim()
    low, high = ax.projection.x_limits
    rounding = 1e-9 * (high - low)
    assert west - rounding <= x.min()
    assert x.max() <= east + rounding
    assert (east - west) > 0.94 * (high - low)


def test_the_edge_of_the_map_inside_a_region_is_shown_on_both_sides():
    ax = draw(result(1, lon0=0), "swh", projection=PLATE, region=(100, -40, -100, 40))
    assert ax.get_xlim() == pytest.approx((-180, 180), abs=1e-6)


def test_a_projection_by_name_and_the_world(ds):
    ax = draw(ds, "swh", projection="mollweide", region="world")
    assert isinstance(ax.projection, ccrs.Mollweide)
    assert ax.get_xlim() == pytest.approx(ax.projection.x_limits)
    with pytest.raises(OceansarError, match="'Robinson'"):
        draw(ds, "swh", projection="round")


def test_figures_do_not_pile_up_without_a_display(ds, tmp_path):
    mine = plt.figure()
    figures = [plot.map(ds, "swh", land=False, locator=False) for _ in range(3)]
    assert plt.get_fignums() == [mine.number, figures[-1].number]
    figures[0].savefig(tmp_path / "first.png", dpi=40)
    assert (tmp_path / "first.png").stat().st_size > 2000


def test_sea_state_under_ice_is_no_value(ds):
    ds["ocean_class"] = ds.ocean_class.copy(data=np.int8([5, 0, 0, 5, 0, 0, 0, 0]))
    ax = draw(ds, "swh", footprints=False)
    coloured, hollow = marks(ax)
    np.testing.assert_array_equal(coloured.get_array(), ds.swh[[1, 2, 4, 5, 6, 7]])
    assert len(hollow.get_offsets()) == 2
    assert any("2 of sea ice" in w for w in texts(ax))
    whole = draw(ds.assign(sigma0_mean=ds.swh), "sigma0_mean", footprints=False)
    assert len(marks(whole)[0].get_offsets()) == 8


def directions(values, **attrs):
    """Directions at two places on the equator, along one further dim."""
    return xr.Dataset(
        {
            "swh": ("vignette", [1.0, 2.0]),
            "angle": (("system", "vignette"), values, {"units": "degree"} | attrs),
        },
        {
            "longitude": ("vignette", [179.0, -170.0]),
            "latitude": ("vignette", [0.0, 0.0]),
        },
    )


@pytest.mark.parametrize(("sense", "sign"), [("to", 1), ("from", -1)])
def test_arrows_point_to_where_waves_travel(sense, sign):
    name = f"sea_surface_swell_wave_{sense}_direction"
    ds = directions([[90.0, 0.0], [225.0, np.nan]], standard_name=name)
    ax = draw(ds, "swh", arrows="angle")
    (quiver,) = (c for c in ax.collections if isinstance(c, Quiver))
    half = np.sqrt(0.5)
    expected = sign * np.array([[1, 0], [0, 1], [-half, -half]])
    np.testing.assert_allclose(np.c_[quiver.U, quiver.V], expected, atol=5e-3)
    at = ax.projection.transform_points(PLATE, ds.longitude, ds.latitude)[:, :2]
    np.testing.assert_allclose(quiver.XY, at[[0, 1, 0]])


def test_arrows_need_a_direction_that_says_which_way():
    ds = directions(np.zeros((2, 2)), long_name="direction")
    with pytest.raises(UnitsError, match="comes from or goes to"):
        draw(ds, "swh", arrows="angle")
    with pytest.raises(UnitsError, match="'swh' does not"):
        draw(ds, "swh", arrows="swh")
    with pytest.raises(MissingVariableError, match="no variable 'swell'"):
        draw(ds, "swh", arrows="swell")
    ds["angle"] = ds.angle.expand_dims(time=3).assign_attrs(
        standard_name="wind_to_direction"
    )
    with pytest.raises(DimensionError, match="one or a few"):
        draw(ds, "swh", arrows="angle")
