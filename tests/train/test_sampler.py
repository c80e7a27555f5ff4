"""Batches of epochs: each row once, all of them over time, and a place to go back to."""

import numpy as np
import pytest

from xoceansar.errors import TrainingError
from xoceansar.train.data.sampler import Sampler


def stream(choose, batch=4, n=14):
    return Sampler(
        batch=batch,
        seed=3,
        chunk_of_row=np.arange(n) // 2,
        window_chunks=None,
        choose=choose,
    )


def everything(epoch, last):
    return np.arange(14)


def test_an_epoch_gives_each_row_at_most_once_and_leaves_others_out_each_time():
    it = stream(everything)
    epochs = [np.concatenate([it.next() for _ in range(3)]) for _ in range(20)]
    assert all(len(np.unique(rows)) == 12 for rows in epochs)
    assert it.epoch == 19
    left_out = {tuple(np.setdiff1d(np.arange(14), rows)) for rows in epochs}
    assert len(left_out) > 10
    assert len({tuple(rows) for rows in epochs}) == 20


def test_rows_are_chosen_once_at_the_start_of_each_epoch_from_the_last_ones():
    calls = []

    def choose(epoch, last):
        calls.append((epoch, None if last is None else last.tolist()))
        return np.arange(14)[epoch:]

    it = stream(choose)
    for _ in range(7):
        it.next()
    assert calls == [(0, None), (1, list(range(14))), (2, list(range(1, 14)))]


@pytest.mark.parametrize("done", [0, 1, 3, 4, 5])
def test_going_on_from_a_state_gives_the_same_batches(done):
    whole, first = stream(everything), stream(everything)
    for _ in range(done):
        whole.next()
        first.next()
    second = stream(everything)
    second.load(first.state())
    for _ in range(8):
        np.testing.assert_array_equal(second.next(), whole.next())


def test_fewer_rows_than_a_batch_are_refused_at_once():
    with pytest.raises(TrainingError, match="needs 4 usable vignettes and there are 3"):
        stream(lambda epoch, last: np.arange(3)).next()
