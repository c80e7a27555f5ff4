"""Profiles along orbit passes: values, intervals, gaps, beams and places."""

import matplotlib as mpl
import numpy as np
import pytest
import xarray as xr

from tests.plot.conftest import result
from xoceansar import plot
from xoceansar.conventions import annotate
from xoceansar.errors import DimensionError, MissingVariableError, OceansarError
from xoceansar.plot import map_frame


def passes(n, each=8):
    """Several passes, a day apart."""
    parts = []
    for i in range(n):
        one = result(each, lon0=-30 + 4 * i, seed=i)
        product = np.full(each, f"product {i}")
        one = one.assign_coords(
            time=one.time + np.timedelta64(i, "D"), product=("vignette", product)
        )
        parts.append(one.drop_vars("vignette_id"))
    return xr.concat(parts, "vignette")


def draw(ds, *args, **kwargs):
    figure = plot.track(ds, *args, **{"land": False} | kwargs)
    maps = [a for a in figure.axes if hasattr(a, "projection")]
    assert len(maps) == 1
    return figure, [a for a in figure.axes if a not in maps], maps[0]


def curve(ax, beam):
    (line,) = [x for x in ax.lines if x.get_label() == beam]
    return line.get_xydata()


def test_values_stand_at_their_times_by_beam(ds):
    _, (ax,), _ = draw(ds, "swh")
    for beam in ("wv1", "wv2"):
        rows = (ds.beam == beam).values
        seconds = (ds.time - ds.time[0]).values / np.timedelta64(1, "s")
        np.testing.assert_allclose(curve(ax, beam)[:, 0], seconds[rows])
        np.testing.assert_allclose(curve(ax, beam)[:, 1], ds.swh.values[rows])
    colours = {x.get_color() for x in ax.lines if x.get_label() in ("wv1", "wv2")}
    markers = {x.get_marker() for x in ax.lines if x.get_label() in ("wv1", "wv2")}
    assert len(colours) == len(markers) == 2


def test_rows_in_any_order_give_the_same(ds):
    order = [3, 0, 7, 1, 2, 6, 5, 4]
    _, (ax,), _ = draw(ds, "swh")
    _, (again,), _ = draw(ds.isel(vignette=order), "swh")
    np.testing.assert_array_equal(curve(ax, "wv1"), curve(again, "wv1"))


def test_the_interval_is_a_band(ds):
    ds["swh_lower"] = annotate(ds.swh - 0.5, "swh_lower", confidence_level=0.9)
    ds["swh_upper"] = annotate(ds.swh + 1.0, "swh_upper", confidence_level=0.9)
    _, (ax,), _ = draw(ds, "swh")
    bands = [c for c in ax.collections if isinstance(c, mpl.collections.PolyCollection)]
    assert len(bands) == 2
    corners = np.concatenate([p.vertices for b in bands for p in b.get_paths()])
    for value in (*(ds.swh - 0.5).values, *(ds.swh + 1.0).values):
        assert np.isclose(corners[:, 1], value).any()
    low, high = ax.get_ylim()
    assert low <= float(ds.swh_lower.min())
    assert high >= float(ds.swh_upper.max())
    labels = [t.get_text() for t in ax.get_legend().get_texts()]
    assert labels == ["wv1", "wv2", "90% interval"]
    _, (bare,), _ = draw(ds.swh)
    assert not bare.collections


def test_under_ice_there_is_neither_value_nor_interval(ds):
    ds["ocean_class"] = ds.ocean_class.copy(data=np.int8([0, 0, 5, 0, 0, 0, 0, 0]))
    ds["swh_lower"] = annotate(ds.swh - 0.5, "swh_lower")
    ds["swh_upper"] = annotate(ds.swh + 1.0, "swh_upper")
    _, (ax,), _ = draw(ds, "swh")
    assert np.isnan(curve(ax, "wv1")[:, 1]).sum() == 1
    bands = [c for c in ax.collections if isinstance(c, mpl.collections.PolyCollection)]
    corners = np.concatenate([p.vertices for b in bands for p in b.get_paths()])
    edges = {
        i: np.isclose(corners[:, 1], float(ds.swh_upper[i])).any() for i in range(8)
    }
    assert [i for i, drawn in edges.items() if not drawn] == [2]


def test_a_gap_and_a_missing_value_break_the_line(ds):
    ds["swh"][2] = np.nan
    later = ds.time + np.where(np.arange(8) > 4, 300, 0) * np.timedelta64(1, "s")
    _, (ax,), _ = draw(ds.assign_coords(time=("vignette", later.values)), "swh")
    assert np.isnan(curve(ax, "wv1")[:, 1]).sum() == 2  # the value, and the gap
    assert np.isnan(curve(ax, "wv2")[:, 1]).sum() == 1  # the gap
    labels = [t.get_text() for t in ax.get_legend().get_texts()]
    assert labels[-1] == "no value (1)"


def test_the_axis_says_when_and_where(ds):
    figure, (ax,), _ = draw(ds, "swh")
    for label, at in zip(ax.get_xticklabels(), ax.get_xticks(), strict=True):
        time, lat, lon = label.get_text().split("\n")
        moment = ds.time.values[0] + np.timedelta64(round(at * 1e9), "ns")
        assert str(moment.astype("datetime64[s]"))[11:16] == time
        seconds = (ds.time - ds.time[0]).values / np.timedelta64(1, "s")
        expected = np.interp(at, seconds, ds.latitude.values)
        assert float(lat[:-2]) == pytest.approx(expected, abs=0.051)
        assert lat.endswith("°N")
        assert lon.endswith("°W")
    assert ax.get_ylabel() == "m"
    found = [t.get_text() for t in figure.findobj(mpl.text.Text)]
    assert "Significant wave height (m)" in found
    assert any("Simulated sea" in w for w in found)


def test_each_pass_has_its_profile_on_one_scale():
    _, axes, chart = draw(passes(3), "swh")
    assert len(axes) == 3
    assert len({ax.get_ylim() for ax in axes}) == 1
    assert [ax.get_title(loc="left")[:1] for ax in axes] == ["a", "b", "c"]
    assert {t.get_text() for t in chart.texts} == {"a", "b", "c"}
    for i, ax in enumerate(axes):
        one = passes(3).isel(vignette=slice(8 * i, 8 * i + 8))
        np.testing.assert_allclose(curve(ax, "wv2")[:, 1], one.swh[one.beam == "wv2"])
    with pytest.raises(OceansarError, match=r"at most 6 passes.*of 7"):
        draw(passes(7), "swh")


EXTENTS = {
    "region": {"lon0": -30, "lat0": 20},
    "across 180": {"lon0": 179.5, "lat0": -20},
    "polar": {"lon0": 40, "lat0": -76},
}


@pytest.mark.parametrize("case", EXTENTS)
def test_the_map_shows_the_pass_and_some_of_the_world_around_it(case):
    ds = result(10, **EXTENTS[case])
    _, _, chart = draw(ds, "swh")
    xy = map_frame.project(chart.projection, ds.longitude.values, ds.latitude.values)
    (x0, x1), (y0, y1) = chart.get_xlim(), chart.get_ylim()
    assert ((x0 < xy[:, 0]) & (xy[:, 0] < x1)).all()
    assert ((y0 < xy[:, 1]) & (xy[:, 1] < y1)).all()
    west, east, south, north = map_frame.shown_region(chart)
    if case != "polar":
        assert 15 < east - west < 70
    assert north - south > 20
    drawn = np.concatenate([c.get_offsets() for c in chart.collections if len(c.get_offsets()) > 1])  # fmt: skip
    np.testing.assert_allclose(np.sort(drawn[:, 1]), np.sort(xy[:, 1]))


def test_without_beams_there_is_one_line_and_classes_have_names(ds):
    _, (ax,), _ = draw(ds.drop_vars("beam"), "swh")
    assert sum(len(x.get_xdata()) == 8 for x in ax.lines) == 1
    _, (ax,), _ = draw(ds, "ocean_class")
    assert "sea ice" in [t.get_text() for t in ax.get_yticklabels()]


def test_one_vignette_and_all_missing_values_are_drawn(ds):
    draw(ds.isel(vignette=[3]), "swh")[0].canvas.draw()
    draw(ds.assign(swh=ds.swh * np.nan), "swh")[0].canvas.draw()


def test_vignettes_without_time_or_place_are_left_out(ds):
    ds["longitude"][0] = np.nan
    times = ds.time.values.copy()
    times[1] = "NaT"
    _, (ax,), _ = draw(ds.assign_coords(time=("vignette", times)), "swh")
    assert len(curve(ax, "wv1")) == len(curve(ax, "wv2")) == 3


def test_refusals_say_what_to_type(ds):
    with pytest.raises(MissingVariableError, match=r"assign_coords\(time"):
        draw(ds.drop_vars("time"), "swh")
    bare = ds.reset_coords(drop=True).rename(vignette="pass")
    with pytest.raises(DimensionError, match=r"swap_dims\(pass='vignette'\)"):
        draw(bare[["swh"]], "swh")
    with pytest.raises(MissingVariableError, match="'hs'"):
        draw(ds, "hs")
    with pytest.raises(MissingVariableError, match="longitude"):
        draw(ds.drop_vars("longitude"), "swh")
    with pytest.raises(OceansarError, match="a place and a time"):
        draw(ds.assign_coords(longitude=ds.longitude * np.nan), "swh")
