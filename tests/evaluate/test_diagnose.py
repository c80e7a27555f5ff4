"""Signs of failure on arrays that fail, and on healthy ones."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xoceansar.errors import DimensionError
from xoceansar.evaluate.diagnosis import (
    collapsed_embedding,
    constant_classes,
    constant_predictions,
    effective_rank,
    missed_small_objects,
    near_random,
    unusable_input,
)
from xoceansar.evaluate.metrics import Interval
from xoceansar.evaluate.metrics.size_scores import SizeRecall, recall_by_size

RNG = np.random.default_rng(3)
TRUTH = RNG.uniform(0.5, 8, 200)


# Near-random


def gains(shuffled=0.3, random=0.2, half=0.1):
    return {
        name: Interval(value, value - half, value + half)
        for name, value in (
            ("shuffled labels", shuffled),
            ("the same network at random", random),
        )
    }


def test_features_that_beat_both_controls_are_healthy():
    sign = near_random(gains(), model="m", score="accuracy")
    assert sign.found is False
    assert sign.causes == ()
    assert "+0.3 [+0.2, +0.4]" in str(sign)


def test_a_gain_whose_limits_hold_zero_is_none():
    sign = near_random(gains(shuffled=0.05), model="m", score="RMSE", units="m")
    assert sign.found is True
    assert "shuffled labels (+0.05 m [-0.05, +0.15])" in sign.words
    assert "at random" not in sign.words
    assert "units" in sign.causes[0]


def test_a_network_that_its_random_twin_equals_was_not_trained():
    sign = near_random(gains(random=0.0), model="m", score="accuracy")
    assert sign.found is True
    assert "training did not take" in str(sign)


def test_a_gain_of_exactly_zero_at_its_lower_limit_does_not_count():
    assert near_random(gains(random=0.1), model="m", score="a").found is True
    assert near_random(gains(random=0.1001), model="m", score="a").found is False


def test_without_limits_nothing_is_said():
    unclear = {"shuffled labels": Interval(0.4, np.nan, np.nan)}
    assert near_random(unclear, model="m", score="a").found is None
    assert near_random({}, model="m", score="a").found is None


# Constant predictions


@pytest.mark.parametrize(
    ("spread", "found"), [(0.0, True), (0.04, True), (0.06, False), (1.0, False)]
)
def test_predictions_are_constant_below_a_twentieth_of_the_spread(spread, found):
    predicted = 3 + spread * (TRUTH - TRUTH.mean())
    sign = constant_predictions(TRUTH, predicted, model="m", target="swh")
    assert sign.found is found
    assert f"{100 * spread:.0f} %" in sign.words
    assert bool(sign.causes) is found


def test_missing_rows_do_not_hide_constant_predictions():
    predicted = np.full(200, 2.0)
    predicted[::3] = np.nan
    truth = TRUTH.copy()
    truth[1::7] = np.nan
    assert constant_predictions(truth, predicted, model="m", target="swh").found


@pytest.mark.parametrize("n", [0, 1, 2], ids=["none", "one", "two equal"])
def test_a_truth_that_does_not_vary_tells_nothing(n):
    sign = constant_predictions(np.ones(n), np.ones(n), model="m", target="swh")
    assert sign.found is None


def test_one_class_for_everything_is_constant():
    truth = np.arange(100) % 5
    assert constant_classes(truth, np.full(100, 3), model="m").found is True
    assert constant_classes(truth, truth, model="m").found is False
    almost = np.r_[np.full(94, 3), np.zeros(6, int)]
    assert constant_classes(truth, almost, model="m").found is False


def test_one_class_for_a_sample_of_one_class_is_right():
    truth = np.full(100, 3)
    assert constant_classes(truth, truth, model="m").found is False


def test_missing_classes_are_left_out():
    predicted = np.r_[np.full(50, 2.0), np.full(50, -1.0)]
    truth = np.arange(100) % 5
    assert constant_classes(truth, predicted, model="m").found is True
    assert constant_classes(truth, np.full(100, -1), model="m").found is None
    assert constant_classes(truth, np.full(100, np.nan), model="m").found is None


@pytest.mark.parametrize("function", [constant_predictions, constant_classes])
def test_shapes_must_agree(function):
    more = {"target": "swh"} if function is constant_predictions else {}
    with pytest.raises(DimensionError, match="same shape"):
        function(np.ones(3), np.ones(4), model="m", **more)


# The embedding


def test_the_rank_of_equal_directions_is_their_number():
    basis = np.eye(6)[:4]
    cloud = np.concatenate([basis, -basis])  # centred, four equal singular values
    assert effective_rank(cloud) == pytest.approx(4)
    assert effective_rank(np.outer(np.arange(5), np.ones(3))) == pytest.approx(1)
    assert effective_rank(np.full((5, 3), 0.1)) == 0
    assert np.isnan(effective_rank(np.ones((1, 3))))


@given(scale=st.floats(1e-3, 1e3), shift=st.floats(-10, 10), seed=st.integers(0, 1000))
def test_the_rank_does_not_depend_on_scale_shift_or_rotation(scale, shift, seed):
    rng = np.random.default_rng(seed)
    cloud = rng.normal(size=(30, 5)) * [5, 2, 1, 1, 0.5]
    turn, _ = np.linalg.qr(rng.normal(size=(5, 5)))
    rank = effective_rank(cloud)
    assert 1 <= rank <= 5
    assert effective_rank(scale * (cloud @ turn + shift)) == pytest.approx(rank)


def test_a_collapsed_embedding_is_one_of_few_directions():
    healthy = RNG.normal(size=(100, 32))
    assert collapsed_embedding(healthy, model="m").found is False
    line = np.outer(RNG.normal(size=100), np.ones(32)) + 1e-4 * healthy
    sign = collapsed_embedding(line, model="m")
    assert sign.found is True
    assert "collapsed" in sign.causes[0]
    assert collapsed_embedding(np.full((100, 32), 0.3), model="m").found is True


def test_rows_without_an_embedding_do_not_count():
    healthy = RNG.normal(size=(100, 32))
    healthy[::2] = np.nan
    sign = collapsed_embedding(healthy, model="m")
    assert sign.found is False
    assert "50 vignettes" in sign.words
    assert collapsed_embedding(np.full((9, 4), np.nan), model="m").found is None


@pytest.mark.parametrize(("missing", "found"), [(50, False), (51, True), (100, True)])
def test_a_model_that_answers_less_than_half_is_ill_fed(missing, found):
    out = np.zeros((100, 3))
    out[:missing, 1] = np.nan
    sign = unusable_input(out, model="m", what="class")
    assert sign.found is found
    assert f"{missing} %" in sign.words


def test_nothing_to_answer_is_no_sign():
    assert unusable_input(np.empty(0), model="m", what="x").found is False


# Sizes


def box(line, sample, length, width):
    """Box in pixels of a 100 x 200 image, as fractions."""
    edges = np.array([line, sample, line + length, sample + width], float)
    return edges / [100, 200, 100, 200]


def test_objects_are_counted_by_their_longer_side():
    truth = [
        np.stack([box(10, 10, 1, 1), box(50, 50, 2, 3), box(20, 100, 20, 4)]),
        np.stack([box(70, 10, 5, 9)]),
        np.empty((0, 4)),
    ]
    found = [
        np.stack([truth[0][2], box(80, 150, 5, 5)]),
        truth[1],
        np.stack([box(3, 3, 4, 4)]),
    ]
    scores = [np.ones(len(b)) for b in found]
    sizes = recall_by_size(found, scores, truth, shape=(100, 200))
    assert sizes.edges == (0, 2, 4, 8, 16)
    assert sizes.n.tolist() == [1, 1, 0, 1, 1]
    assert sizes.found.tolist() == [0, 0, 0, 1, 1]
    assert sizes.labels[0] == "0-2 pixels"
    assert sizes.labels[-1] == ">16 pixels"
    np.testing.assert_array_equal(sizes.recall, [0, 0, np.nan, 1, 1])


def test_two_detections_of_one_object_find_one():
    truth = [np.stack([box(10, 10, 5, 5), box(60, 60, 5, 5)])]
    found = [np.stack([box(10, 10, 5, 5), box(11, 10, 5, 5)])]
    sizes = recall_by_size(found, [np.array([0.9, 0.8])], truth, shape=(100, 200))
    assert (sizes.n.sum(), sizes.found.sum()) == (2, 1)


def test_no_images_have_no_objects():
    sizes = recall_by_size([], [], [], shape=(4, 4))
    assert sizes.n.tolist() == [0] * 5
    with pytest.raises(DimensionError, match="one entry for each image"):
        recall_by_size([], [], [np.empty((0, 4))], shape=(4, 4))


def sized(*pairs):
    n, found = np.array(pairs).T
    return SizeRecall((0, 2, 4, 8, 16)[: len(n)], n, found)


@pytest.mark.parametrize(
    ("sizes", "name", "found"),
    [
        (sized((10, 1), (10, 9)), "missed small objects", True),
        (sized((10, 2), (10, 9)), "missed small objects", False),
        (sized((4, 0), (10, 8), (10, 9)), "missed small objects", False),
        (sized((4, 0), (10, 1), (10, 9)), "missed small objects", True),
        (sized((10, 0), (10, 4)), "missed objects", True),
        (sized((10, 0), (4, 4)), "missed small objects", None),
        (sized((0, 0), (0, 0)), "missed small objects", None),
    ],
    ids=["small", "enough", "few small", "next", "all", "few large", "none"],
)
def test_small_objects_are_missed_where_large_ones_are_found(sizes, name, found):
    sign = missed_small_objects(sizes, model="m")
    assert (sign.name, sign.found) == (name, found)
    assert bool(sign.causes) is bool(found)
