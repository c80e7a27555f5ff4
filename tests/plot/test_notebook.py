"""What notebooks show: every text escaped, and no image read that is not drawn."""

import base64
import io
from html.parser import HTMLParser
from pathlib import Path

import dask.array as da
import matplotlib.image
import numpy as np
import pandas as pd
import pytest
import xarray as xr

from xoceansar import evaluate, load_model, simulate
from xoceansar._html import Picture, card
from xoceansar._pictures import grey_levels, png
from xoceansar.errors import warn
from xoceansar.plot import notebook
from xoceansar.processing.product_records import Record
from xoceansar.processing.run import ProcessReport
from xoceansar.train.pretraining.run_folder import Run

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"


class Page(HTMLParser):
    """Elements, texts and pictures of a page."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.texts, self.pictures, self.handlers = [], [], [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.handlers += [name for name, _ in attrs if name.startswith("on")]
        source = dict(attrs).get("src", "")
        if source.startswith("data:image/png;base64,"):
            content = base64.b64decode(source.partition(",")[2])
            self.pictures.append(matplotlib.image.imread(io.BytesIO(content)))

    def handle_data(self, data):
        self.texts.append(data)

    @property
    def text(self):
        return " ".join(self.texts)


def lazy_images(n=20, chunk=1, fail=(), shape=(32, 32)):
    """Images whose chunks say when they are read, and some of which cannot be."""
    read = []

    def block(values, block_info=None):
        start, stop = block_info[0]["array-location"][0]
        read.append((start, stop))
        if set(range(start, stop)) & set(fail):
            raise OSError("the disc is gone")
        return values

    data = da.zeros((n, *shape), chunks=(chunk, -1, -1), dtype="f4")
    ramp = da.arange(shape[1], chunks=-1, dtype="f4")
    counted = (data + ramp).map_blocks(
        block, dtype="f4", meta=np.empty((0, 0, 0), "f4")
    )
    read.clear()  # Dask tries it on an empty block
    ds = xr.Dataset(
        {"sigma0": (("vignette", "line", "sample"), counted, {"units": "1"})}
    )
    return ds, read


def test_everything_is_escaped():
    sea = simulate.vignettes(2, seed=1, shape=(32, 32))
    sea["beam"] = ("vignette", [HOSTILE, "wv2"])
    sea["platform"] = ("vignette", [HOSTILE] * 2)
    sea.attrs["source"] = f"synthetic {HOSTILE}"
    page = Page(sea.oceansar._repr_html_())
    assert set(page.tags) == {"div", "pre", "p", "img"}
    assert page.handlers == []
    assert HOSTILE in page.text
    table = pd.DataFrame({HOSTILE: [HOSTILE]}, index=[HOSTILE])
    made = Page(
        card(HOSTILE, warnings=[HOSTILE], pictures=[Picture(png(np.zeros((1, 1), "u1")), HOSTILE)], tables=[table])
    )  # fmt: skip
    assert "script" not in made.tags
    assert made.handlers == []
    assert made.tags.count("img") == 1
    assert made.text.count(HOSTILE) == 6


def test_what_is_understood_is_there():
    sea = simulate.vignettes(2, seed=1, shape=(32, 32))
    assert Page(sea.oceansar._repr_html_()).texts[0] == repr(sea.oceansar)
    assert Page(sea.swh.oceansar._repr_html_()).texts[0] == repr(sea.swh.oceansar)


@pytest.mark.parametrize(("chunk", "chunks"), [(1, 6), (4, 2), (20, 1)])
def test_only_the_chunks_of_what_is_drawn_are_read(chunk, chunks):
    ds, read = lazy_images(chunk=chunk)
    page = Page(ds.oceansar._repr_html_())
    assert len(page.pictures) == 6
    assert sorted(read) == [(i * chunk, (i + 1) * chunk) for i in range(chunks)]


def test_who_waits_sees_the_first_chunk_and_no_more(monkeypatch):
    monkeypatch.setattr(notebook, "_PATIENCE", -1.0)
    ds, read = lazy_images(chunk=2)
    assert len(Page(ds.oceansar._repr_html_()).pictures) == 2
    assert read == [(0, 2)]


def test_a_great_chunk_is_not_read(monkeypatch):
    monkeypatch.setattr(notebook, "_MOST_BYTES", 32 * 32 * 4 * 20 - 1)
    ds, read = lazy_images(chunk=20)
    page = Page(ds.oceansar._repr_html_())
    assert not read
    assert not page.pictures
    assert "not drawn" in page.text


def test_one_that_cannot_be_read_harms_no_other():
    ds, _ = lazy_images(fail=[1])
    page = Page(ds.oceansar._repr_html_())
    assert len(page.pictures) == 5
    assert "OSError: the disc is gone" in page.text


def test_warnings_of_a_reader_become_words():
    ds, _ = lazy_images(n=1)

    def block(values):
        warn("a line is missing")
        return values

    data = ds.sigma0.data.map_blocks(block, meta=np.empty((0, 0, 0), "f4"))
    ds["sigma0"] = ds.sigma0.copy(data=data)
    assert "a line is missing" in Page(ds.oceansar._repr_html_()).text


def test_flags_are_counted_in_words():
    sea = simulate.vignettes(4, seed=1, shape=(32, 32))
    sea["quality"].values[:] = [0, 4, 5, 0]
    text = Page(sea.oceansar._repr_html_()).text
    assert "2 of 4 vignettes: land in the image (land)." in text
    assert "1 of 4 vignettes: pixels are missing (no_data)." in text
    assert "Simulated sea, not a measurement." in text
    assert "saturated" not in text
    assert notebook.flag_words(5) == ["pixels are missing", "land in the image"]


def test_flags_that_would_have_to_be_computed_are_left():
    sea = simulate.vignettes(2, seed=1, shape=(32, 32))
    ones = da.ones(2, dtype="u1") + 1
    fails = ones.map_blocks(lambda x: 1 // 0, meta=np.empty(0, "u1"))
    sea["quality"] = ("vignette", fails)
    assert "vignettes:" not in Page(sea.oceansar._repr_html_()).text


def test_odd_coordinates_leave_the_picture():
    sea = simulate.vignettes(1, seed=1, shape=(32, 32))
    sea = sea.assign_coords(time=("vignette", ["noon"]))
    assert len(Page(sea.oceansar._repr_html_()).pictures) == 1


@pytest.mark.parametrize("shape", [(0, 32, 32), (2, 0, 0)])
def test_nothing_to_draw_is_drawn_as_nothing(shape):
    data = xr.DataArray(np.zeros(shape, "f4"), dims=("vignette", "line", "sample"))
    assert Page(data.rename("sigma0").oceansar._repr_html_()).pictures == []


def test_a_picture_is_what_the_image_is():
    image = np.repeat([[0.0], [1.0]], 4, axis=0).repeat(4, axis=1)
    image[:4] = [0, 0, 1, 1]
    image[4:, :2] = np.nan
    levels = grey_levels(image, 4, (0, 100))
    assert levels.shape == (4, 2)
    # azimuth upwards: the last line is the highest
    assert levels.tolist() == [[255, 254]] * 2 + [[0, 254]] * 2
    seen = matplotlib.image.imread(io.BytesIO(png(levels)))[..., :3]
    np.testing.assert_allclose(seen[0, 0], [0xE8 / 255, 0xA8 / 255, 0x7C / 255])
    np.testing.assert_allclose(seen[:, 1], 1.0)
    np.testing.assert_allclose(seen[2:, 0], 0.0)


@pytest.mark.parametrize("image", [np.full((3, 3), np.nan), np.full((3, 3), 0.2)])
def test_an_image_without_contrast_is_drawn(image):
    levels = grey_levels(image, 8)
    assert np.unique(levels).tolist() == [255 if np.isnan(image[0, 0]) else 0]


def test_a_model_says_what_it_was_trained_on():
    handle = load_model()
    page = Page(handle._repr_html_())
    assert page.texts[0] == repr(handle)
    assert "Trained on simulated vignettes only" in page.text


def test_a_benchmark_shows_its_table_and_notes():
    sea = simulate.vignettes(60, seed=1, shape=(32, 32))
    result = evaluate.benchmark(sea, "swh", models=["constant"], draws=10)
    page = Page(result._repr_html_())
    assert set(result.notes) <= set(page.texts)
    assert set(result.table().to_numpy().ravel()) <= set(page.texts)


def test_a_run_shows_its_course_and_alarms(tmp_path):
    log = tmp_path / "log" / "version_0"
    log.mkdir(parents=True)
    steps = pd.DataFrame({"step": range(1, 101), "loss": np.linspace(5, 1, 100)})
    steps.to_csv(log / "metrics.csv", index=False)
    (tmp_path / "log.txt").write_text(f"step 1: loss 5\nALARM at step 9: {HOSTILE}\n")
    run = Run(tmp_path, 100, None, {"images": 6400})
    assert run.alarms() == [f"ALARM at step 9: {HOSTILE}"]
    page = Page(run._repr_html_())
    assert HOSTILE in page.text
    assert "script" not in page.tags
    assert "6,400" in page.texts[0]
    assert page.tags.count("tr") == 10, "two of the head, eight of the log"
    shown = {text.strip() for text in page.texts}
    assert {"1", "100", "5.000000", "1.000000"} <= shown
    assert Run(Path(tmp_path / "none"), 0, None).alarms() == []


def test_a_report_names_what_failed():
    failed = tuple(
        Record("", f"{HOSTILE}{i}", 0, 0, 0, "truncated", "") for i in range(12)
    )
    report = ProcessReport("a.zarr", 1, 2, 3, failed, 1.0)
    page = Page(report._repr_html_())
    assert "script" not in page.tags
    assert page.text.count("truncated") == 10
    assert "and 2 more" in page.text
