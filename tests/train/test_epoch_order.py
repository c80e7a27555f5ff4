import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xoceansar.errors import DimensionError, TrainingError
from xoceansar.train.data.sampler import epoch_order


def chunk_loads(chunks, cache):
    """Loads of chunks by a reader that keeps the last `cache` of them."""
    held, loads = [], 0
    for chunk in chunks:
        if chunk in held:
            held.remove(chunk)
        else:
            loads += 1
        held = [*held, chunk][-cache:]
    return loads


@settings(deadline=None)
@given(
    chunks=st.lists(st.integers(0, 12), max_size=60),
    window=st.integers(1, 6),
    seed=st.integers(0, 2**32),
)
def test_every_row_once_and_every_chunk_read_once(chunks, window, seed):
    chunks = np.array(chunks, int)
    rows = 1000 + 7 * np.arange(len(chunks))
    order = epoch_order(rows, chunks, seed=seed, epoch=3, window_chunks=window)
    np.testing.assert_array_equal(np.sort(order), rows)
    visited = chunks[(order - 1000) // 7]
    assert chunk_loads(visited, window) == len(set(chunks.tolist()))


def test_a_window_mixes_its_chunks():
    rows = np.arange(400)
    order = epoch_order(rows, rows // 10, seed=0, epoch=0, window_chunks=8)
    for window in order.reshape(5, 80):
        assert len(set(window // 10)) == 8
        # Of 79 neighbours, one in eight lies in the same chunk by chance; all but 7 in a plain order.
        assert (np.diff(window // 10) == 0).sum() < 25


def test_no_window_mixes_everything():
    rows = np.arange(400)
    order = epoch_order(rows, rows // 10, seed=0, epoch=0, window_chunks=None)
    assert len(set(order[:80] // 10)) > 25


def test_order_is_a_function_of_seed_and_epoch():
    rows = np.arange(100)
    order = epoch_order(rows, rows // 4, seed=1, epoch=2)
    np.random.seed(5)  # noqa: NPY002 - the global state must not matter
    np.testing.assert_array_equal(order, epoch_order(rows, rows // 4, seed=1, epoch=2))
    assert (order != epoch_order(rows, rows // 4, seed=1, epoch=3)).any()
    assert (order != epoch_order(rows, rows // 4, seed=2, epoch=2)).any()


@pytest.mark.parametrize("window", [2, None])
def test_every_place_of_the_epoch_is_as_likely(window):
    rows = np.arange(24)
    places = np.array(
        [
            np.flatnonzero(
                epoch_order(rows, rows // 3, seed=0, epoch=e, window_chunks=window) == 5
            )[0]
            for e in range(600)
        ]
    )
    counts = np.bincount(places, minlength=24)
    # 25 +- 4.9 for each place: chi-squared with 23 degrees of freedom exceeds 60 once in 30,000.
    assert ((counts - 25) ** 2 / 25).sum() < 60


def test_wrong_arguments():
    with pytest.raises(DimensionError, match="each of the 3 rows"):
        epoch_order(np.arange(3), np.arange(4), seed=0, epoch=0)
    with pytest.raises(TrainingError, match="window_chunks must be 1 or more; got 0"):
        epoch_order(np.arange(3), np.arange(3), seed=0, epoch=0, window_chunks=0)
