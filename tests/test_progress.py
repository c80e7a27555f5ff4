"""A bar where somebody watches, and not a byte where nobody does."""

import io
import sys

import dask.array as da
import numpy as np
import pytest
import xarray as xr

from xoceansar import evaluate, load_model, simulate, train
from xoceansar._progress import computing, is_watched, only_display, tracked


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
