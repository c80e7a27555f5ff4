"""Quick-looks: the right pixels, grey levels, labels and truths under the right image."""

import dask.array as da
import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr
from matplotlib.colors import to_rgba

from tests.plot.conftest import images
from xoceansar import plot
from xoceansar._pictures import NO_DATA
from xoceansar.conventions import OCEAN_CLASSES, Quality
from xoceansar.errors import (
    DimensionError,
    MissingVariableError,
    OceansarError,
)


def panels(figure):
    return [ax for ax in figure.axes if ax.images]


def labels(figure):
    return [ax.get_xlabel().split("\n") for ax in panels(figure)]


def test_each_image_is_stretched_by_its_own_percentiles():
    ds = images(4)
    ds["sigma0"][1] *= 10
    figure = plot.vignettes(ds, percentile=(2, 98))
    for i, ax in enumerate(panels(figure)):
        values = ds.sigma0[i].values
        shown = ax.images[0]
        np.testing.assert_array_equal(np.ma.filled(shown.get_array(), np.nan), values)
        assert shown.get_clim() == pytest.approx(np.nanpercentile(values, (2, 98)))
        assert shown.origin == "lower"
        # 96 pixels of 50 m, in km: range to the right, azimuth upwards.
        assert shown.get_extent() == pytest.approx([0, 4.8, 0, 4.8])
        assert ax.get_aspect() == 1


def test_no_data_has_its_own_colour():
    ds = images(1, size=90)
    figure = plot.vignettes(ds)
    shown = panels(figure)[0].images[0]
    colours = shown.cmap(shown.norm(shown.get_array()))
    nan = np.isnan(ds.sigma0[0].values)
    assert nan.mean() == pytest.approx(1 / 3)
    np.testing.assert_allclose(colours[nan], [to_rgba(NO_DATA)] * nan.sum())
    grey = colours[~nan][:, :3]
    np.testing.assert_allclose(grey, grey[:, :1] * [1, 1, 1])


def test_labels_and_title_say_what_is_known():
    ds = images(2)
    ds["swh"][:] = [1.26, np.nan]
    ds["wind_speed"][:] = [7.04, 12.0]
    ds["ocean_class"][:] = [OCEAN_CLASSES.index("rain_cells"), -1]
    ds["class_probability"][0] = [0.02, 0, 0, 0.91, 0.07, 0, 0, 0, 0, 0]
    figure = plot.vignettes(ds)
    assert labels(figure) == [
        ["SWH 1.3 m", "wind 7.0 m/s", "rain cells 91%"],
        ["SWH none", "wind 12.0 m/s", "ocean class none"],
    ]
    title = panels(figure)[0].get_title(loc="left").split("\n")
    assert title[0] == "wv1 · VV · 2021-04-03 08:30:25"
    assert title[1] == "20.00°N · 31.60°W"
    assert any("Simulated sea" in t.get_text() for t in figure.texts)


def test_truth_is_matched_by_identifier():
    ds = images(3)
    ds["swh"][:] = [1, 2, 3]
    ds["wind_speed"][:] = [4, 5, 6]
    ds["ocean_class"][:] = [0, 1, 2]
    truth = ds[["swh", "wind_speed", "ocean_class"]].copy(deep=True)
    truth["swh"] += 0.5
    truth["ocean_class"][2] = 5
    figure = plot.vignettes(
        ds.drop_vars("class_probability"), truth=truth.isel(vignette=[2, 0, 1])
    )
    assert labels(figure) == [
        [
            "SWH 1.0 m  (true: 1.5)",
            "wind 4.0 m/s  (true: 4.0)",
            "pure ocean waves  (true: same)",
        ],
        [
            "SWH 2.0 m  (true: 2.5)",
            "wind 5.0 m/s  (true: 5.0)",
            "wind streaks  (true: same)",
        ],
        [
            "SWH 3.0 m  (true: 3.5)",
            "wind 6.0 m/s  (true: 6.0)",
            "micro convective cells",
            "(true: sea ice)",
        ],
    ]


def test_truth_that_does_not_fit_is_refused():
    ds = images(3)
    other = ds.assign_coords(vignette_id=("vignette", ["a", "b", "c"]))
    with pytest.raises(MissingVariableError, match="lacks 3 of the 3"):
        plot.vignettes(ds, truth=other)
    with pytest.raises(DimensionError, match="rows"):
        plot.vignettes(ds, truth=ds.isel(vignette=[0]).drop_vars("vignette_id"))


def test_own_labels_and_no_labels():
    ds = images(1)
    ds["swh"][:] = 2.345
    assert labels(plot.vignettes(ds, labels={"swh": "Hs = {:.2f} m"})) == [
        ["Hs = 2.35 m"]
    ]
    assert labels(plot.vignettes(ds, labels={})) == [[""]]


def test_flags_are_written_on_the_image():
    ds = images(2)
    ds["quality"][1] = Quality.NO_DATA | Quality.LAND
    first, second = panels(plot.vignettes(ds))
    assert "no data, land" in [t.get_text() for t in second.texts]
    assert "no data, land" not in [t.get_text() for t in first.texts]
    floats = ds.assign(quality=ds.quality.where([False, True]))
    first, second = panels(plot.vignettes(floats))
    assert "no data" in [t.get_text() for t in first.texts]
    assert "no data, land" in [t.get_text() for t in second.texts]


def test_the_needle_points_north():
    ds = images(1)
    # Flight to the east: north is to the left of the image, whose top is east.
    ds["ground_heading"][:] = 90
    ax = panels(plot.vignettes(ds))[0]
    needle = [
        t
        for t in ax.texts
        if getattr(t, "arrow_patch", None) and t.xycoords == "axes fraction"
    ]
    (x1, y1), (x0, y0) = needle[0].xy, needle[0].xyann
    assert x1 - x0 < -0.05
    assert y1 == pytest.approx(y0)


def test_an_image_without_any_data_says_so():
    ds = images(2)
    ds["sigma0"][0] = np.nan
    figure = plot.vignettes(ds)
    assert "no data" in [t.get_text() for t in panels(figure)[0].texts]
    figure.canvas.draw()


def test_images_are_loaded_once_and_only_they():
    ds = images(4)
    calls = []

    def count(block):
        calls.append(len(block))
        return block

    def fail(block):
        raise AssertionError("loaded")

    lazy = da.from_array(ds.sigma0.values, chunks=(2, -1, -1))
    counted = lazy.map_blocks(count, dtype="f4", meta=np.zeros((0, 0, 0), "f4"))
    bad = lazy.map_blocks(fail, dtype="f4", meta=np.zeros((0, 0, 0), "f4"))
    dims = ds.sigma0.dims
    plot.vignettes(
        ds.assign(
            sigma0=(dims, counted),
            nesz=(dims, bad),
            swh=("vignette", counted.mean(axis=(1, 2))),
        )
    )
    assert calls == [2, 2]


def test_a_dataarray_a_single_image_and_decibels():
    ds = images(3)
    assert len(panels(plot.vignettes(ds.sigma0))) == 3
    assert len(panels(plot.vignettes(ds.sigma0[0]))) == 1
    assert len(panels(ds.isel(vignette=[2]).oceansar.plot.vignettes())) == 1
    db = xr.Dataset({"sigma0_db": 10 * np.log10(ds.sigma0.drop_attrs())})
    shown = panels(plot.vignettes(db))[0].images[0]
    assert shown.get_clim() == pytest.approx(np.percentile(db.sigma0_db[0], (1, 99)))


def test_too_many_images_are_refused_before_loading():
    ds = images(1, size=8).isel(vignette=np.zeros(40, int))
    with pytest.raises(
        OceansarError, match=r"1 to 32 images; got 40.*isel\(vignette=slice\(0, 32\)\)"
    ):
        plot.vignettes(ds)
    assert len(panels(plot.vignettes(ds, limit=40, columns=8))) == 40
    with pytest.raises(OceansarError, match="got 0"):
        plot.vignettes(ds.isel(vignette=[]))


def test_figure_is_written_and_no_text_lies_outside(tmp_path):
    ds = images(5)
    figure = plot.vignettes(ds, truth=ds)
    figure.savefig(tmp_path / "v.png", dpi=50)
    assert plt.imread(tmp_path / "v.png").std() > 0.1
    width = figure.bbox.width
    for ax in panels(figure):
        for text in (ax.xaxis.label, *ax.texts):
            box = text.get_window_extent()
            assert box.x0 >= -1
            assert box.x1 <= width + 1


def with_boxes(ds, dim="detection"):
    boxes = np.full((ds.sizes["vignette"], 3, 4), np.nan)
    boxes[1, 0], boxes[1, 1] = [0.25, 0.5, 0.5, 0.75], [0.0, 0.0, 0.1, 0.1]
    return xr.Dataset({"iceberg_box": (("vignette", dim, "edge"), boxes)})


def rectangles(ax):
    return [p for p in ax.patches if isinstance(p, plt.Rectangle)]


def test_a_box_is_drawn_around_each_iceberg_and_true_ones_are_dotted():
    ds = images(2)
    truth = ds.merge(with_boxes(ds, "iceberg").isel(iceberg=[0]))
    figure = plot.vignettes(ds, icebergs=with_boxes(ds), truth=truth)
    without, with_some = panels(figure)
    assert not rectangles(without)
    dotted, *found = rectangles(with_some)
    assert len(found) == 2
    # 96 pixels of 50 m: samples 0.5 to 0.75 are 2.4 to 3.6 km, lines 0.25 to 0.5 are 1.2 to 2.4 km
    x, y = found[0].get_xy()
    assert (x, y) == pytest.approx((2.4, 1.2), abs=0.05)
    assert x < 2.4
    assert x + found[0].get_width() == pytest.approx(3.6, abs=0.05)
    assert y + found[0].get_height() == pytest.approx(2.4, abs=0.05)
    assert dotted.get_linestyle() != found[0].get_linestyle()
    said = " ".join(t.get_text() for t in reversed(figure.texts))
    assert "dotted: true ones" in said


def test_boxes_of_other_images_are_refused():
    ds = images(3)
    with pytest.raises(DimensionError, match="boxes for 2 images and 3 images"):
        plot.vignettes(ds, icebergs=with_boxes(ds.isel(vignette=slice(2))))


def test_labels_that_would_write_nothing_are_refused():
    ds = images()
    with pytest.raises(MissingVariableError, match="'hs', which has no value"):
        plot.vignettes(ds, labels={"hs": "{:.1f} m"})
    with pytest.raises(OceansarError, match="cannot be written"):
        plot.vignettes(ds, labels={"swh": "{metres}"})


@pytest.mark.parametrize("n", [1, 2])
def test_nothing_below_a_few_images_is_clipped(n):
    ds = images(n)
    ds.swh.attrs |= {
        "model": "sim-vit-tiny",
        "model_training": "simulated vignettes only",
    }
    figure = plot.vignettes(ds)
    figure.canvas.draw()
    width = figure.bbox.width
    feet = [t.get_window_extent() for t in figure.texts]
    assert len(feet) >= 2
    assert max(box.x1 for box in feet) <= width
    assert min(box.y0 for box in feet) >= 0
    lowest = min(ax.get_tightbbox().y0 for ax in figure.axes)
    assert max(box.y1 for box in feet) <= lowest + 1
    said = " ".join(t.get_text() for t in reversed(figure.texts))
    assert "model sim-vit-tiny trained on simulated vignettes only" in said


def test_no_sea_state_under_ice():
    ds = images(2)
    ds["ocean_class"] = ds.ocean_class.copy(data=np.int8([5, 0]))
    first, second = (ax.get_xlabel() for ax in plot.vignettes(ds).axes)
    assert "SWH: none under sea ice" in first
    assert f"SWH {float(ds.swh[1]):.1f} m" in second
