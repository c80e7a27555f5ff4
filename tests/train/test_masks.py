"""Masks: how many, how large, of what shape, and from the generator alone."""

import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from xoceansar.errors import TrainingError
from xoceansar.train.pretraining.masks import block_masks


def draw(n, grid, probability=0.5, ratio=(0.1, 0.5), seed=0):
    rng = np.random.default_rng(seed)
    return block_masks(n, grid, probability=probability, ratio=ratio, rng=rng)


@settings(max_examples=150, deadline=None)
@example(n=12, grid=(1, 4), probability=1.0, ends=(0.0, 1.0), seed=0)
@given(
    n=st.integers(0, 12),
    grid=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    probability=st.floats(0, 1),
    ends=st.tuples(st.floats(0, 1), st.floats(0, 1)),
    seed=st.integers(0, 2**32),
)
def test_each_mask_hides_at_most_the_share_of_its_bin(n, grid, probability, ends, seed):
    low, high = sorted(ends)
    masks = draw(n, grid, probability, (low, high), seed)
    assert masks.dtype == bool
    assert masks.shape == (n, *grid)
    counts = sorted(masks.sum(axis=(1, 2)))
    hiding = int(n * probability)
    assert counts[: n - hiding] == [0] * (n - hiding)
    patches = grid[0] * grid[1]
    for i, count in enumerate(counts[n - hiding :]):
        top = low + (high - low) * (i + 1) / hiding
        assert 1 <= count <= max(1, math.floor(patches * top + 1e-9))


@pytest.mark.parametrize("side", [4, 6, 10, 14])
def test_masks_reach_their_share_but_for_a_few_patches(side):
    """Within one bin the wanted number is known to a patch; an early end leaves it short."""
    masks = draw(200, (side, side), probability=1.0, ratio=(0.4, 0.4))
    wanted = int(0.4 * side**2)
    counts = masks.sum(axis=(1, 2))
    assert counts.max() == wanted
    assert counts.mean() > 0.95 * wanted
    assert counts.min() >= wanted / 2


def test_shares_are_spread_evenly_over_the_range():
    counts = np.sort(draw(40, (16, 16)).sum(axis=(1, 2)))
    edges = np.linspace(0.1, 0.5, 21) * 256
    # one mask to a bin: in order, each lies in its own but for the patches that did not fit
    assert (counts[:20] == 0).all()
    assert (counts[20:] <= edges[1:]).all()
    assert (counts[20:] > edges[:-1] - 8).all()


def test_masked_images_stand_in_random_order():
    masked = np.array([draw(8, (6, 6), seed=s).any(axis=(1, 2)) for s in range(400)])
    assert (masked.sum(axis=1) == 4).all()
    np.testing.assert_allclose(masked.mean(axis=0), 0.5, atol=0.1)
    heavy = [draw(8, (6, 6), seed=s).sum(axis=(1, 2)).argmax() for s in range(400)]
    assert np.bincount(heavy, minlength=8).min() > 20


def test_rectangles_have_the_shapes_of_dinov2():
    """A single rectangle of 12 patches: full, of bounded aspect, anywhere in the grid."""
    masks = draw(2000, (14, 14), probability=1.0, ratio=(12.5 / 196, 12.5 / 196))
    shapes, covered = set(), np.zeros((14, 14), bool)
    for mask in masks:
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        height, width = np.ptp(rows) + 1, np.ptp(columns) + 1
        if mask.sum() == height * width == 12:
            shapes.add((int(height), int(width)))
            covered |= mask
    assert shapes == {(2, 6), (3, 4), (4, 3), (6, 2)}
    assert covered.all()


def test_blocks_are_larger_than_scattered_patches():
    """A hidden patch has hidden neighbours: what makes the task hard."""
    masks = draw(200, (14, 14), probability=1.0, ratio=(0.3, 0.3))
    below = masks[:, 1:][masks[:, :-1]].mean()
    beside = masks[:, :, 1:][masks[:, :, :-1]].mean()
    assert min(below, beside) > 0.6  # 0.3 where patches are independent


def test_the_generator_decides_everything():
    one, two, other = draw(16, (8, 8)), draw(16, (8, 8)), draw(16, (8, 8), seed=1)
    np.testing.assert_array_equal(one, two)
    assert (one != other).any()


@pytest.mark.parametrize(
    "wrong",
    [
        {"probability": 1.1},
        {"probability": math.nan},
        {"ratio": (0.5, 0.1)},
        {"ratio": (-0.1, 0.5)},
        {"ratio": (0.1, 1.5)},
        {"grid": (0, 4)},
    ],
)
def test_masks_that_cannot_be_are_refused(wrong):
    arguments = {"grid": (4, 4), "probability": 0.5, "ratio": (0.1, 0.5)} | wrong
    with pytest.raises(TrainingError, match="masks need a probability"):
        block_masks(4, rng=np.random.default_rng(0), **arguments)
