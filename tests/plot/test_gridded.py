"""Maps of cells: the right value at the right place, whatever the edge of the map."""

import re
import socket
import warnings
from pathlib import Path

import cartopy
import cartopy.crs as ccrs
import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.plot.conftest import result
from xoceansar import ops, plot
from xoceansar.conventions import OCEAN_CLASSES, annotate
from xoceansar.errors import DimensionError, MissingVariableError, UnitsError
from xoceansar.plot import cell_images, map_frame
from xoceansar.plot_accessor import PlotMethods

PLATE = ccrs.PlateCarree()
ROOT = Path(__file__).parents[2]
PROJECTIONS = [
    ccrs.Robinson(),
    ccrs.PlateCarree(180),
    ccrs.NorthPolarStereo(),
    ccrs.SouthPolarStereo(30),
    ccrs.Mercator(170, min_latitude=-84, max_latitude=84),
]


def scattered(n=300, *, west=-180.0, east=180.0, south=-75.0, north=80.0, seed=0):
    """Results all over a region and a year, with icebergs."""
    rng = np.random.default_rng(seed)
    ds = result(10).isel(vignette=rng.integers(0, 10, n))
    ds = ds.drop_vars(["corner_longitude", "corner_latitude", "vignette_id"])
    lon = rng.uniform(west, east, n)
    start = np.datetime64("2021-01-01", "ns")
    count = xr.DataArray(rng.poisson(0.5, n).astype(float), dims="vignette")
    return ds.assign_coords(
        longitude=("vignette", (lon + 180) % 360 - 180),
        latitude=("vignette", rng.uniform(south, north, n)),
        time=("vignette", start + rng.integers(0, 365, n) * np.timedelta64(1, "D")),
    ).assign(
        swh=annotate(xr.DataArray(rng.uniform(1, 5, n), dims="vignette"), "swh"),
        iceberg_count=annotate(count, "iceberg_count"),
        searched_area=annotate(xr.full_like(count, 368.64), "searched_area"),
    )


def drawn_cells(ax):
    """Colour-mapped image of a map, as (values with rows from the south, extent)."""
    (image,) = [i for i in ax.images if i.get_array().ndim == 2]
    return image.get_array(), image.get_extent(), image


def value_at(ax, lon, lat):
    """What a map shows at a place."""
    array, (west, east, south, north), _ = drawn_cells(ax)
    x, y = ax.projection.transform_point(lon, lat, PLATE)
    column = int((x - west) / (east - west) * array.shape[1])
    row = int((y - south) / (north - south) * array.shape[0])
    return array[row, column]


def words(figure):
    found = [t.get_text() for t in figure.findobj(mpl.text.Text)]
    return [w for a in figure.axes for w in (a.get_xlabel(), a.get_ylabel())] + found


def pattern(cell=6.0):
    """A grid whose every cell holds its own number, and none in one of them."""
    lat = np.arange(-90 + cell / 2, 90, cell)
    lon = np.arange(-180 + cell / 2, 180, cell)
    numbers = np.arange(lat.size * lon.size, dtype=float).reshape(lat.size, lon.size)
    numbers[12, 20] = np.nan
    return xr.DataArray(
        numbers,
        coords={"latitude": lat, "longitude": lon},
        dims=("latitude", "longitude"),
        name="swh",
    )


@pytest.mark.parametrize("projection", PROJECTIONS, ids=lambda p: type(p).__name__)
@pytest.mark.parametrize("frame", ["east and west", "0 to 360, from the north"])
def test_each_place_has_the_value_of_its_cell_in_any_projection(projection, frame):
    cells = pattern()
    if frame != "east and west":
        cells = cells.assign_coords(longitude=cells.longitude % 360)
        cells = cells.sortby("longitude").sortby("latitude", ascending=False)
    kind = type(projection).__name__
    # Around a pole, cells are larger than the pixels only on a map of its surroundings.
    polar = {"NorthPolarStereo": (45, 90), "SouthPolarStereo": (-90, -45)}.get(kind)
    region = (-180, polar[0], 180, polar[1]) if polar else "global"
    ax = plot.grid(
        cells, projection=projection, region=region, land=False, locator=False
    ).axes[0]
    tested = 0
    for south in (-87, -63, -3, 15, 63, 81, 87):
        for west in (-177, -175.6, -57, 3, 93, 177, 179.4):
            point = ax.projection.transform_point(west, south, PLATE)
            limits = [*ax.get_xlim(), *ax.get_ylim()]
            inside = (
                np.isfinite(point).all()
                and limits[0] < point[0] < limits[1]
                and limits[2] < point[1] < limits[3]
            )
            if not inside or (
                isinstance(projection, ccrs.Mercator) and abs(south) > 84
            ):
                continue
            expected = float(
                pattern().sel(latitude=south, longitude=west, method="nearest")
            )
            assert value_at(ax, west, south) == expected
            tested += 1
    assert tested >= 14
    if not polar:
        assert np.ma.is_masked(value_at(ax, -57, -15))


@settings(max_examples=40, deadline=None)
@given(st.floats(-720, 720), st.floats(-90, 90))
def test_sampling_is_the_nearest_centre(lon, lat):
    cells = pattern()
    field = cell_images.read_field(cells, {})
    got = cell_images._sample(field, field.numbers, np.array([lon]), np.array([lat]))[0]
    turned = (lon + 180) % 360 - 180
    near = abs((turned + 180) / 6 % 1 - 0.5), abs((lat + 90) / 6 % 1 - 0.5)
    if max(near) > 0.499999:
        return  # on an edge
    expected = float(cells.sel(latitude=lat, longitude=turned, method="nearest"))
    assert np.isnan(expected) if got is np.ma.masked else got == expected


def test_a_regional_grid_ends_where_it_ends():
    cells = pattern().sel(latitude=slice(0, 30), longitude=slice(150, 180))
    ax = plot.grid(cells, region=(140, -10, -150, 40), land=False, locator=False).axes[
        0
    ]
    assert np.ma.is_masked(value_at(ax, -175, 15))
    assert np.ma.is_masked(value_at(ax, 160, -5))
    assert value_at(ax, 177, 15) == float(
        cells.sel(latitude=15, longitude=177, method="nearest")
    )


EXTENTS = {
    # region of the vignettes; projection; least and greatest width of the map, degrees
    "global": ({}, "robin", (340, 361)),
    "region": ({"west": -40, "east": -10, "south": 10, "north": 45}, "merc", (30, 70)),
    "across 180": ({"west": 165, "east": 200, "south": -30, "north": 10}, "merc", (35, 70)),
    "arctic": ({"south": 70, "north": 88}, "stere", None),
    "antarctic": ({"south": -77, "north": -55}, "stere", None),
}  # fmt: skip
MAPS = {
    "map": lambda ds: plot.map(ds, "swh"),
    "grid": lambda ds: plot.grid(ds, "swh", cell=2),
    "seasons": lambda ds: plot.seasons(ds, "swh", cell=5),
    "iceberg_density": lambda ds: plot.iceberg_density(ds, cell=2),
    "class_occurrence": lambda ds: plot.class_occurrence(ds, ["sea_ice"], cell=5),
}


@pytest.mark.parametrize("case", EXTENTS)
@pytest.mark.parametrize("name", MAPS)
def test_every_map_shows_the_region_of_its_vignettes(name, case, monkeypatch):
    monkeypatch.setattr("xoceansar.plot.map_sheet.draw_land", lambda *a, **k: None)
    monkeypatch.setattr("xoceansar.plot.panels.draw_land", lambda *a, **k: None)
    monkeypatch.setattr("xoceansar.plot.map_sheet.draw_globe", lambda *a, **k: None)
    region, projection, width = EXTENTS[case]
    ds = scattered(**region)
    ax = MAPS[name](ds).axes[0]
    assert ax.projection.proj4_params["proj"] == projection
    (x0, x1), (y0, y1) = ax.get_xlim(), ax.get_ylim()
    shown = (
        ds if name != "iceberg_density" else ds.where(ds.iceberg_count > 0, drop=True)
    )
    xy = map_frame.project(ax.projection, shown.longitude.values, shown.latitude.values)
    assert ((x0 <= xy[:, 0]) & (xy[:, 0] <= x1)).all()
    assert ((y0 <= xy[:, 1]) & (xy[:, 1] <= y1)).all()
    west, east, south, north = map_frame.shown_region(ax)
    if width:
        assert width[0] <= east - west <= width[1]
    if case == "arctic":
        assert south > 20
        assert north > 89
    if case == "antarctic":
        assert north < -10


@pytest.mark.parametrize(
    "name", ["grid", "seasons", "iceberg_density", "class_occurrence"]
)
def test_a_given_extent_is_the_extent(name):
    ds = scattered()
    draw = getattr(plot, name)
    args = ("swh",) if name in ("grid", "seasons") else ()
    ax = draw(ds, *args, cell=5, region=(170, -10, -170, 10), land=False)
    ax = ax.axes[0] if isinstance(ax, mpl.figure.Figure) else ax
    west, east, south, north = map_frame.shown_region(ax)
    assert (west, east) == pytest.approx((170, 190), abs=0.6)
    assert (south, north) == pytest.approx((-10, 10), abs=0.6)


@pytest.mark.parametrize(
    "name", ["grid", "seasons", "iceberg_density", "class_occurrence", "track"]
)
def test_offline_headless_and_with_land(name, tmp_path, monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("a map opened a socket")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setitem(cartopy.config, "data_dir", tmp_path / "data")
    monkeypatch.setitem(cartopy.config, "pre_existing_data_dir", tmp_path / "none")
    ds = result(12, lon0=178, lat0=-70) if name == "track" else scattered()
    args = {"iceberg_density": (), "class_occurrence": (["sea_ice"],)}.get(
        name, ("swh",)
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", module="cmocean")
        drawn = getattr(plot, name)(ds, *args)
        figure = drawn if isinstance(drawn, mpl.figure.Figure) else drawn.figure
        figure.savefig(tmp_path / "map.png", dpi=60)
    assert (tmp_path / "map.png").stat().st_size > 8000
    assert [p.name for p in tmp_path.iterdir()] == ["map.png"]
    assert any("Simulated sea" in w for w in words(figure))


def test_cells_lie_below_the_land_and_empty_ones_show_the_sea():
    ax = plot.grid(pattern(), region="global").axes[0]
    values, _, image = drawn_cells(ax)
    (shade,) = [i for i in ax.images if i.get_array().ndim == 3]
    assert image.get_zorder() < shade.get_zorder()
    assert image.cmap.get_bad()[3] == 0
    assert np.ma.count_masked(values) > 0


def test_grid_of_vignettes_is_the_grid_of_the_operation():
    ds = scattered(west=-60, east=-20, south=0, north=40)
    ax = plot.grid(ds, "swh", cell=5, land=False, locator=False).axes[0]
    cells = ops.grid(ds, "swh", cell=5)
    row = cells.observation_count.argmax(...)
    best = cells.isel(row)
    assert value_at(ax, float(best.longitude), float(best.latitude)) == pytest.approx(
        float(best.swh)
    )
    again = plot.grid(cells, land=False, locator=False).axes[0]
    np.testing.assert_array_equal(drawn_cells(ax)[0], drawn_cells(again)[0])
    found = words(ax.figure)
    assert "Mean significant wave height (m)" in found
    assert "Mean significant wave height" in found
    span = f"S1A · {str(ds.time.values.min())[:10]} to {str(ds.time.values.max())[:10]} · cells of 5°"
    assert f"{span} · without sea ice" in found
    assert span in words(plot.grid(ds.swh, cell=5, land=False))
    counts = plot.grid(ds, "swh", cell=5, statistic="count", land=False).axes[0]
    assert drawn_cells(counts)[0].max() == int(best.observation_count)


def test_sea_state_under_ice_is_in_no_cell_that_is_drawn():
    ds = scattered(600)
    ice = np.arange(600) % 3 == 0
    ds["ocean_class"] = ds.ocean_class.copy(data=np.where(ice, 5, 0).astype(np.int8))
    ds["swh"] = ds.swh.where(~ice, 60.0)
    for drawn in (plot.grid(ds, "swh", cell=10, land=False),
                  plot.seasons(ds, "swh", cell=10, land=False)):  # fmt: skip
        assert any("without sea ice" in w for w in words(drawn))
        for ax in drawn.axes:
            if hasattr(ax, "projection"):
                assert 1 <= drawn_cells(ax)[0].min() <= drawn_cells(ax)[0].max() <= 5


def test_the_spread_of_directions_is_not_coloured_as_a_direction():
    ds = scattered()
    ds["wind_to_direction"] = annotate(ds.swh * 20, "wind_to_direction")
    mean = plot.grid(ds, "wind_to_direction", land=False).axes[0]
    assert drawn_cells(mean)[2].get_clim() == (0, 360)
    spread = plot.grid(
        ds, "wind_to_direction", statistic="std", cell=30, land=False
    ).axes[0]
    assert drawn_cells(spread)[2].get_clim()[1] < 200


def test_seasons_share_one_scale_and_each_has_its_own_values():
    ds = scattered(600)
    figure = plot.seasons(ds, "swh", cell=10, land=False)
    axes = [a for a in figure.axes if hasattr(a, "projection")]
    assert len(axes) == 4
    titles = [a.get_title(loc="left") for a in axes]
    assert titles[0] == "December to February"
    assert titles[3] == "September to November"
    cells = ops.grid(ds, "swh", cell=10, by="season")
    limits = {drawn_cells(a)[2].get_clim() for a in axes}
    assert len(limits) == 1
    assert len(figure.axes) == 5  # one bar
    for ax, season in zip(axes, ("DJF", "MAM", "JJA", "SON"), strict=True):
        each = cells.swh.sel(season=season)
        best = each.isel(each.argmax(...))
        assert value_at(
            ax, float(best.longitude), float(best.latitude)
        ) == pytest.approx(float(best))


def test_a_season_without_a_vignette_is_an_empty_map():
    ds = scattered()
    ds = ds.isel(vignette=ds.time.dt.month.isin([3, 4, 6, 7]).values)
    gathered = ops.grid(ds, "swh", cell=10, by="season").sel(season=["JJA", "MAM"])
    for one in (ds, gathered):
        figure = plot.seasons(one, "swh", cell=10, land=False)
        maps = [drawn_cells(a)[0] for a in figure.axes if hasattr(a, "projection")]
        assert [np.ma.count(m) > 0 for m in maps] == [False, True, True, False]


def test_density_tells_none_from_not_searched():
    ds = scattered(2, west=-40, east=-30, south=-60, north=-55)
    ds = ds.assign_coords(
        longitude=("vignette", [-35.0, -25.0]), latitude=("vignette", [-57.0, -57.0])
    )
    ds["iceberg_count"][:] = [3, 0]
    ax = plot.iceberg_density(ds, cell=2, land=False, region=(-50, -70, -10, -45)).axes[
        0
    ]
    assert value_at(ax, -35, -57) == pytest.approx(3000 / 368.64)
    assert value_at(ax, -25, -57) == 0
    assert np.ma.is_masked(value_at(ax, -30, -57))
    image = drawn_cells(ax)[2]
    pale = image.cmap(image.norm(0.0))
    assert mpl.colors.to_hex(pale) != mpl.colors.to_hex(ax.get_facecolor())
    assert "Icebergs per 1,000 km² searched" in words(ax.figure)
    again = plot.iceberg_density(ds.oceansar.iceberg_density(cell=2), land=False).axes[
        0
    ]
    assert value_at(again, -35, -57) == pytest.approx(3000 / 368.64)


def test_without_any_iceberg_the_map_shows_where_they_were_sought():
    ds = scattered(west=-40, east=-10, south=-65, north=-50)
    ds["iceberg_count"][:] = 0
    west, east, _, _ = map_frame.shown_region(
        plot.iceberg_density(ds, land=False).axes[0]
    )
    assert east - west < 90


def test_class_occurrence_has_a_map_for_each_class_with_its_share():
    ds = scattered(500)
    figure = plot.class_occurrence(ds, cell=30, land=False)
    axes = [a for a in figure.axes if hasattr(a, "projection")]
    assert len(axes) == len(OCEAN_CLASSES)
    cells = ops.class_occurrence(ds, cell=30)
    for i, name in enumerate(OCEAN_CLASSES):
        share = float((ds.ocean_class == i).mean())
        title = axes[i].get_title(loc="left")
        assert title.startswith(name.replace("_", " ").capitalize())
        assert float(title.rpartition("· ")[2].rstrip("%")) == pytest.approx(100 * share, abs=0.51)  # fmt: skip
        each = cells.class_occurrence.sel({"class": name})
        best = each.isel(each.argmax(...))
        assert value_at(axes[i], float(best.longitude), float(best.latitude)) == pytest.approx(float(best))  # fmt: skip
    assert "100%" in [t.get_text() for t in figure.axes[-1].get_xticklabels()]
    one = plot.class_occurrence(cells, "sea_ice", land=False)
    assert len([a for a in one.axes if hasattr(a, "projection")]) == 1


def test_axes_of_the_caller_keep_their_extent():
    ax = plt.figure().add_subplot(projection=PLATE)
    ax.set_extent((-60, 10, 0, 50), crs=PLATE)
    before = ax.get_extent()
    assert plot.grid(pattern(), ax=ax, land=False) is ax.figure
    np.testing.assert_allclose(ax.get_extent(), before)


def test_refusals_say_what_to_type():
    ds = scattered()
    by_season = ops.grid(ds, "swh", cell=10, by="season")
    with pytest.raises(DimensionError, match=r"isel\(season=0\).*plot.seasons"):
        plot.grid(by_season)
    with pytest.raises(DimensionError, match="season"):
        plot.seasons(ops.grid(ds, "swh", cell=10))
    with pytest.raises(MissingVariableError, match="sea_ice"):
        plot.class_occurrence(ds, "ice")
    with pytest.raises(DimensionError, match="two or more"):
        plot.grid(pattern().isel(latitude=[3]))
    with pytest.raises(MissingVariableError, match="icebergs"):
        plot.iceberg_density(ds[["swh"]])
    with pytest.raises(DimensionError, match="iceberg_density"):
        plot.iceberg_density(ds.swh.rename("iceberg_density"))
    with pytest.raises(UnitsError, match="numbers"):
        plot.grid(pattern().astype(str))
    with pytest.raises(DimensionError, match=r"plot\.grid"):
        plot.map(pattern())


def test_accessor_draws_the_same():
    ds = scattered()
    a = ds.oceansar.plot.grid("swh", cell=10, land=False).axes[0]
    b = plot.grid(ds, "swh", cell=10, land=False).axes[0]
    np.testing.assert_array_equal(drawn_cells(a)[0], drawn_cells(b)[0])
    one = ds.oceansar.plot.class_occurrence("sea_ice", cell=30, land=False)
    assert len([x for x in one.axes if hasattr(x, "projection")]) == 1


def test_every_drawing_method_is_shown_in_the_gallery():
    text = (ROOT / "docs/gallery.md").read_text()
    shown = set(re.findall(r"\.plot\.(\w+)\(", text))
    methods = {name for name in vars(PlotMethods) if name in plot.__all__}
    assert methods <= shown
    pictures = re.findall(r"\]\((gallery/[\w-]+\.png)\)", text)
    assert pictures
    assert sorted(pictures) == sorted(
        f"gallery/{p.name}" for p in (ROOT / "docs/gallery").glob("*.png")
    )
