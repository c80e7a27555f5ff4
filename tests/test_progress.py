"""A bar where somebody watches, and not a byte where nobody does."""

import io
import re
import sys
import time

import dask.array as da
import numpy as np
import pytest
import xarray as xr
from dask.diagnostics import ProgressBar

from xoceansar import (
    evaluate,
    load_model,
    open_wave_mode,
    progress,
    simulate,
    train,
)
from xoceansar._progress import (
    computing,
    is_watched,
    only_display,
    rate_words,
    tracked,
)


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture(params=[True, False], ids=["terminal", "pipe"])
def listen(request, monkeypatch):
    """Replace the standard error; in the test, for pytest replaces it after each fixture."""

    def replace():
        monkeypatch.setenv("TERM", "xterm")
        made = Terminal() if request.param else io.StringIO()
        monkeypatch.setattr(sys, "stderr", made)
        return made

    return replace


def test_a_terminal_is_watched_and_a_pipe_is_not(listen, monkeypatch):
    stream = listen()
    assert is_watched() is stream.isatty()
    monkeypatch.setenv("TERM", "dumb")
    assert not is_watched()


def test_a_loop_is_counted(listen):
    stream = listen()
    with tracked("abc", "spelling", 3) as letters:
        assert "".join(letters) == "abc"
    shown = stream.getvalue()
    assert ("spelling" in shown and "3/3" in shown) is stream.isatty()
    assert bool(shown) is stream.isatty()


def test_tasks_are_counted(listen):
    stream = listen()
    with computing("adding"):
        total = da.ones(8, chunks=2).sum().compute(scheduler="synchronous")
    assert total == 8
    assert ("adding" in stream.getvalue()) is stream.isatty()


def test_a_bar_in_a_bar_stays_away(listen):
    stream = listen()
    with tracked(range(2), "outer", 2) as numbers:
        for _ in numbers:
            with tracked("ab", "inner", 2) as letters:
                assert list(letters) == ["a", "b"]
    assert "inner" not in stream.getvalue()
    with only_display() as free:
        assert free, "the display is given back"


def test_an_error_gives_the_display_back(listen):
    stream = listen()

    def fail():
        with tracked(range(2), "failing", 2) as numbers:
            for _ in numbers:
                raise KeyError

    with pytest.raises(KeyError) as caught:
        fail()
    assert caught.value.args == ()
    assert ("failing" in stream.getvalue()) is stream.isatty()
    with only_display() as free:
        assert free


def test_simulating_says_how_far_it_is(listen, tmp_path):
    stream = listen()
    simulate.write_safe(tmp_path, n=2, scale=0.05)
    shown = stream.getvalue()
    assert ("simulating" in shown and "2/2" in shown) is stream.isatty()
    assert bool(shown) is stream.isatty()


def known_passes(n=48):
    """Lazy embeddings and small images of passes with known wave heights."""
    rng = np.random.default_rng(0)
    stem = "s1a-wv1-slc-vv-20210403t083025-20210403t083028"
    ids = [f"{stem}-{i // 4:06d}-{i // 4:06x}-{i:03d}" for i in range(n)]
    coords = {
        "vignette_id": ("vignette", ids),
        "beam": ("vignette", ["wv1"] * n),
        "polarisation": ("vignette", ["VV"] * n),
        "incidence": ("vignette", np.full(n, 23.8)),
        "pixel_spacing": 50.0,
    }
    vectors = xr.DataArray(
        da.from_array(rng.normal(size=(n, load_model().embedding_dim)), chunks=(8, -1)),
        dims=("vignette", "embedding"),
        coords=coords,
    )
    swh = xr.DataArray(2 + rng.random(n), dims="vignette", attrs={"units": "m"})
    images = rng.gamma(50, 0.001, (n, 16, 16)) * swh.values[:, None, None]
    ds = xr.Dataset(
        {
            "sigma0": (("vignette", "line", "sample"), images, {"units": "1"}),
            "swh": swh,
        },
        coords,
    )
    return vectors, swh.rename("swh"), ds


def test_fitting_and_comparing_say_how_far_they_are(listen):
    stream = listen()
    vectors, swh, ds = known_passes()
    train.fit(vectors, swh, ancillary=())
    evaluate.benchmark(ds, "swh", models=["level", "constant"], draws=10)
    shown = stream.getvalue()
    for told in ("embedding vignettes", "comparing models", "2/2"):
        assert (told in shown) is stream.isatty()
    assert bool(shown) is stream.isatty()


def test_a_bar_says_rate_and_remaining_time(listen):
    stream = listen()
    with tracked(range(3), "counting", 3) as numbers:
        for _ in numbers:
            time.sleep(0.02)
    shown = stream.getvalue()
    assert ("/s" in shown) is stream.isatty()
    assert ("0:00:00" in shown) is stream.isatty()


@pytest.mark.parametrize(
    ("per_second", "words"),
    [(250, "250.0/s"), (1, "1.0/s"), (1 / 60, "1.0/min"), (1 / 7200, "0.5/h"), (0, "")],
)
def test_rates_are_said_in_the_unit_that_suits(per_second, words):
    assert rate_words(per_second) == words


def test_a_bar_of_dask_keeps_the_display(listen):
    stream, own = listen(), io.StringIO()
    with ProgressBar(out=own), progress("ours"):
        total = da.ones(8, chunks=2).sum().compute(scheduler="synchronous")
    assert total == 8
    assert "100% Completed" in own.getvalue()
    assert stream.getvalue() == ""


@pytest.mark.parametrize("write", ["to_zarr", "to_netcdf", "to_csv"])
def test_writing_what_is_lazy_says_how_far_it_is(listen, write, tmp_path):
    stream = listen()
    lazy = xr.Dataset({"swh": ("vignette", da.ones(8, chunks=2), {"units": "m"})})
    getattr(lazy.oceansar, write)(tmp_path / "out")
    assert ("writing" in stream.getvalue() or "table" in stream.getvalue()) is (
        stream.isatty()
    )


def test_opening_and_perceptrons_say_how_far_they_are(listen, tmp_path):
    path = simulate.write_safe(tmp_path, n=2, scale=0.05)
    vectors, swh, _ = known_passes()
    stream = listen()
    open_wave_mode(path, shape=(16, 16))
    train.fit(vectors, swh, ancillary=(), head="mlp", learning_rates=[5e-3])
    shown = stream.getvalue()
    for told in ("opening vignettes", "training perceptrons"):
        assert (told in shown) is stream.isatty()


NOTEBOOK = """
import sys, time
from xoceansar import progress
from xoceansar._progress import is_watched, progress_bar, tracked
import dask.array as da

assert is_watched()
assert "ipywidgets" not in sys.modules
"""


def outputs_of(*cells):
    """Run cells in a kernel, and give what the notebook that is saved shows of each."""
    nbclient = pytest.importorskip("nbclient")
    nbformat = pytest.importorskip("nbformat")
    pytest.importorskip("ipykernel")
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])
    nbclient.NotebookClient(made, timeout=120).execute()
    return [
        [out.get("data", {}).get("text/html", out.get("text")) for out in cell.outputs]
        for cell in made.cells
    ]


def test_a_notebook_shows_bars_without_widgets():
    shown = outputs_of(
        NOTEBOOK,
        # quick: nothing; slow and transient: gone in the end; what stays: its last state
        "with tracked(range(3), 'quick', 3) as each:\n    list(each)",
        "with tracked(range(3), 'slow', 3) as each:\n"
        "    for _ in each: time.sleep(0.25)",
        "with progress_bar('kept', shown=True, transient=False) as bar:\n"
        "    task = bar.add_task('<script>x</script>', total=4)\n"
        "    for _ in range(4): bar.advance(task)",
        "with progress('adding'):\n"
        "    s = da.ones(4, chunks=1).map_blocks(lambda x: time.sleep(0.2) or x, dtype='f8')\n"
        "    s.compute(scheduler='synchronous')",
    )
    assert shown[:3] == [[], [], [""]]
    (kept,) = shown[3]
    assert re.search(r'<progress value="4(.0)?" max="4(.0)?"></progress>', kept)
    assert "&lt;script&gt;x&lt;/script&gt;" in kept
    assert "4/4" in kept
    assert "kept" in kept
    assert "/s" in kept
    assert shown[4] == [""]
