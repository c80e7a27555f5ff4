"""Values over time: at a place, by latitude, as a film."""

import numpy as np
import pytest
import xarray as xr
from PIL import Image

from xoceansar import plot
from xoceansar.errors import (
    DimensionError,
    MissingVariableError,
    OceansarError,
    UnitsError,
)
from xoceansar.gridding.time_sections import time_section

DAY = np.timedelta64(1, "D")


def months(n: int = 60) -> xr.Dataset:
    """One vignette a day along 0 E, from 30 S northwards, with intervals; every tenth has no value."""
    time = np.datetime64("2021-03-01T06:00", "ns") + np.arange(n) * DAY
    swh = np.where(np.arange(n) % 10 == 9, np.nan, 2 + np.arange(n) / n)
    at = {"dims": "vignette"}
    return xr.Dataset(
        {
            "swh": xr.DataArray(swh, attrs={"units": "m"}, **at),
            "swh_lower": xr.DataArray(
                swh - 0.5, attrs={"confidence_level": 0.9, "units": "m"}, **at
            ),
            "swh_upper": xr.DataArray(swh + 0.5, attrs={"units": "m"}, **at),
            "wind_to_direction": xr.DataArray(
                np.where(np.arange(n) % 2, 350.0, 10.0), attrs={"units": "degree"}, **at
            ),
        },
        coords={
            "time": xr.DataArray(time, **at),
            "longitude": xr.DataArray(np.zeros(n), **at),
            "latitude": xr.DataArray(np.linspace(-30, 29, n), **at),
            "beam": xr.DataArray(np.where(np.arange(n) % 2, "wv2", "wv1"), **at),
        },
        attrs={"simulated": 1},
    )


def buoy(**attrs: str) -> xr.DataArray:
    time = np.datetime64("2020-12-01", "ns") + np.arange(365) * DAY
    return xr.DataArray(
        np.arange(365.0), {"time": time}, dims="time", name="Hs", attrs=attrs
    )


def test_series_draws_each_value_its_interval_and_the_reference_of_that_time():
    ds = months()
    ax = plot.series(ds, "swh", reference=buoy(units="m", long_name="buoy")).axes[0]
    drawn = {line.get_color(): line for line in ax.lines if len(line.get_xdata()) > 10}
    wv1 = drawn["#0072b2"]
    np.testing.assert_array_equal(wv1.get_ydata(), ds.swh.values[::2])
    assert [str(t)[:10] for t in wv1.get_xdata()[:2]] == ["2021-03-01", "2021-03-03"]
    bars = [c for c in ax.collections if len(c.get_segments()) == 30]
    low, high = bars[0].get_segments()[1][:, 1]
    centre = ds.swh.values[2]
    assert (low, high) == pytest.approx((centre - 0.5, centre + 0.5))
    line = drawn["#222222"]
    # a twentieth of the time beyond either end
    assert str(line.get_xdata()[0])[:10] == "2021-02-27"
    assert line.get_ydata()[0] == 88
    words = [text.get_text() for text in ax.get_legend().get_texts()]
    assert words == ["wv1", "wv2", "90% interval", "no value (6)", "buoy"]
    assert any("Simulated sea" in text.get_text() for text in ax.figure.texts)


def test_a_reference_is_taken_by_name_or_the_one_standard_name():
    ds = months()
    ds.swh.attrs["standard_name"] = "sea_surface_wave_significant_height"
    named = buoy(units="m", standard_name="sea_surface_wave_significant_height")
    other = buoy(units="K")
    one = plot.series(ds, "swh", reference=xr.Dataset({"Hs": named, "t": other}))
    assert "Hs" in [t.get_text() for t in one.axes[0].get_legend().get_texts()]
    with pytest.raises(MissingVariableError, match=r"not one variable alone.*'a', 'b'"):
        plot.series(ds, "swh", reference=xr.Dataset({"a": named, "b": named}))


def test_references_that_do_not_fit_are_refused_in_words():
    ds = months()
    with pytest.raises(UnitsError, match="'cm', and swh in 'm'"):
        plot.series(ds, "swh", reference=buoy(units="cm"))
    with pytest.raises(DimensionError, match=r"'time' .* alone.*'station'"):
        plot.series(ds, "swh", reference=buoy().expand_dims("station"))
    with pytest.raises(MissingVariableError, match="no value from 2021-03-01"):
        plot.series(ds, "swh", reference=buoy().isel(time=slice(300, None)))
    with pytest.raises(MissingVariableError, match=r"there is no variable 'hs'"):
        plot.series(ds, "hs")
    with pytest.raises(OceansarError, match="a series needs a vignette"):
        plot.series(ds.isel(vignette=[]), "swh")


def test_flags_of_quality_are_hollow_and_named():
    ds = months()
    flags = np.zeros(60, "u1")
    flags[[2, 9, 20]] = 4, 4, 8  # 9 has no value
    ax = plot.series(ds.assign(quality=("vignette", flags)), "swh").axes[0]
    (hollow,) = [n for n in ax.lines if n.get_markerfacecolor() == "white"]
    np.testing.assert_array_equal(hollow.get_ydata(), ds.swh.values[[2, 20]])
    assert any("2 hollow: land, sea ice hint" in t.get_text() for t in ax.figure.texts)


def test_matched_references_are_crosses_in_the_order_of_time():
    ds = months().isel(vignette=slice(None, None, -1))
    matched = (ds.swh + 1).rename("era5").assign_attrs(units="metres")
    held = ds.assign(era5=matched)
    one = ds.isel(vignette=slice(50, 53))  # of days 7 to 9
    cases = [
        (plot.series(ds, "swh", reference=matched), 60),
        (plot.series(held, "swh", reference="era5"), 60),
        (plot.series(ds, "swh", reference=matched.to_dataset(name="swh")), 60),
        (plot.track(one, "swh", reference=matched[50:53], land=False), 1),
    ]
    for figure, count in cases:
        (crosses,) = [n for n in figure.axes[0].lines if n.get_marker() == "x"]
        assert crosses.get_ydata().size == count
        np.testing.assert_array_equal(
            crosses.get_ydata(), ds.swh.values[::-1][7 * (count == 1) :][:count] + 1
        )
    with pytest.raises(DimensionError, match="same order"):
        plot.series(ds, "swh", reference=matched[::-1])
    with pytest.raises(DimensionError, match="collocate"):
        plot.track(one, "swh", reference=buoy(units="m"), land=False)
    with pytest.raises(MissingVariableError, match=r"no variable 'hs'.*'swh'"):
        plot.series(ds, "swh", reference="hs")
    with pytest.raises(DimensionError, match=r"DataFrame.*to_xarray"):
        plot.series(ds, "swh", reference=buoy().to_dataframe())


def test_a_direction_from_does_not_stand_beside_one_to():
    with pytest.raises(
        UnitsError, match=r"'mwd' says where something comes from.*goes"
    ):
        plot.series(
            months(), "wind_to_direction", reference=buoy(units="degrees").rename("mwd")
        )


def test_all_of_a_lazy_dataset_is_computed_once():
    da = pytest.importorskip("dask.array")
    calls = []

    def counted(block):
        calls.append(1)
        return block

    ds = months(6)
    source = da.map_blocks(counted, da.ones(6), dtype=float, meta=np.empty(0))
    for k, name in enumerate(("swh", "swh_lower", "swh_upper")):
        ds[name] = ds[name].copy(data=source + k)
    plot.series(ds, "swh")
    assert len(calls) == 1


def test_directions_of_a_reference_are_no_line():
    ds = months()
    turning = buoy(units="degree", long_name="direction") % 360
    turning.attrs = {"units": "degree", "long_name": "wind direction"}
    ax = plot.series(ds, "wind_to_direction", reference=turning).axes[0]
    (dots,) = [line for line in ax.lines if line.get_label() == "wind direction"]
    assert (dots.get_linewidth(), dots.get_marker()) == (0, ".")


def test_sections_average_in_their_cells_and_directions_as_directions():
    ds = months()
    section = time_section(ds, "swh", cell=30, every="30D")
    assert section.swh.dims == ("time", "latitude")
    np.testing.assert_array_equal(section.latitude, [-15, 15])
    assert str(section.time.values[0]) == "2021-03-16T00:00:00.000000000"
    np.testing.assert_array_equal(section.observation_count, [[27, 0], [0, 27]])
    np.testing.assert_allclose(
        section.swh[0, 0], np.nanmean(ds.swh.values[:30]), rtol=1e-6
    )
    turned = time_section(ds, "wind_to_direction", cell=30, every="30D")
    assert abs((turned.wind_to_direction.values[0, 0] + 180) % 360 - 180) < 1e-3


def test_sections_along_longitude_take_either_convention_and_the_last_edge():
    ds = months(4).assign_coords(
        longitude=("vignette", [350.0, -10.0, 180.0, -180.0]),
        latitude=("vignette", [0.0, 0.0, 0.0, 90.0]),
    )
    section = time_section(ds, "swh", along="longitude", cell=20, every="10D")
    counts = section.observation_count.squeeze()
    assert counts.sel(longitude=-10).item() == 2
    assert counts.sel(longitude=-170).item() == 2
    north = time_section(ds, "swh", cell=20, every="10D")
    assert north.observation_count.sel(latitude=80).item() == 1


def test_a_section_knows_no_cell_without_a_place_or_a_time():
    ds = months(4)
    ds["latitude"][0] = np.nan
    ds["time"][1] = np.datetime64("NaT", "ns")
    assert time_section(ds, "swh", every="1D").observation_count.sum() == 2
    with pytest.raises(OceansarError, match="a section needs a value with a time"):
        time_section(ds.isel(vignette=[0]), "swh")
    with pytest.raises(DimensionError, match="steps of time"):
        time_section(months(), "swh", every="1s")
    with pytest.raises(OceansarError, match="along must be one of"):
        time_section(ds, "swh", along="depth")
    with pytest.raises(MissingVariableError, match="'time'"):
        time_section(ds.drop_vars("time"), "swh")


def test_a_statistic_that_is_none_is_refused_in_sections_too():
    with pytest.raises(OceansarError, match=r"statistic must be one of .*'mode'"):
        time_section(months(), "swh", statistic="mode")


def test_hovmoeller_draws_time_to_the_right_and_latitude_upwards():
    ax = plot.hovmoeller(months(), "swh", cell=30, every="30D").axes[0]
    (mesh,) = ax.collections
    values = np.ma.filled(mesh.get_array(), np.nan).reshape(2, 2)
    assert np.isfinite(values).tolist() == [[True, False], [False, True]]
    assert ax.get_ylim() == (-30, 30)
    ax.figure.canvas.draw()
    assert "20°S" in [t.get_text() for t in ax.get_yticklabels()]
    across = plot.hovmoeller(months(), "swh", along="longitude", cell=30).axes[0]
    assert across.get_xlim() == (0, 30)


def test_a_film_has_a_map_for_each_step_and_the_same_colours(tmp_path):
    ds = months(9).isel(vignette=[0, 1, 8])  # of days 0, 1 and 8
    path = plot.animate(
        ds, "swh", path=tmp_path / "swh.gif", every="3D", land=False, region="world"
    )
    with Image.open(path) as film:
        assert film.n_frames == 3
        frames = []
        for k in range(3):
            film.seek(k)
            frames.append(np.asarray(film.convert("RGB")).astype(int))
    # nothing but the words differs where the second step is empty
    assert np.abs(frames[0] - frames[1]).sum() > 0
    with pytest.raises(OceansarError, match="exists already"):
        plot.animate(ds, "swh", path=path, land=False)
    assert [p.name for p in tmp_path.iterdir()] == ["swh.gif"]


def test_films_that_cannot_be_are_refused_in_words(tmp_path):
    ds = months()
    with pytest.raises(OceansarError, match=r"a \.gif or an \.mp4.*film\.gif"):
        plot.animate(ds, "swh", path=tmp_path / "film.avi")
    with pytest.raises(DimensionError, match="1423 maps, and a film has 400"):
        plot.animate(ds, "swh", path=tmp_path / "film.gif", every="1h")
    (tmp_path / "file").touch()
    with pytest.raises(OceansarError, match="nothing can be written in"):
        plot.animate(ds, "swh", path=tmp_path / "file" / "film.gif", every="9D")
    with pytest.raises(OceansarError, match="frames_per_second=0"):
        plot.animate(ds, "swh", path=tmp_path / "film.gif", frames_per_second=0)
