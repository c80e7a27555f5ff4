import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from xoceansar.errors import DimensionError
from xoceansar.evaluate.metrics.box_scores import (
    average_precision,
    best_f1,
    box_iou,
    match_boxes,
    precision_recall,
)

NONE = np.empty((0, 4))


def boxes(n):
    """Boxes whose corners are in order."""
    return arrays(np.float64, (n, 2, 2), elements=st.floats(0, 1, width=16)).map(
        lambda a: np.concatenate([a.min(1), a.max(1) + 0.01], axis=1)
    )


@settings(max_examples=50, deadline=None)
@given(boxes(4), boxes(3))
def test_overlap_is_that_of_torchvision(a, b):
    torch = pytest.importorskip("torch")
    ops = pytest.importorskip("torchvision.ops")
    expected = ops.box_iou(torch.from_numpy(a), torch.from_numpy(b)).numpy()
    np.testing.assert_allclose(box_iou(a, b), expected, atol=1e-12)


def test_a_target_is_found_once_and_by_the_best_score():
    truth = np.array([[0.0, 0.0, 0.2, 0.2]])
    found = np.array([[0.0, 0.0, 0.2, 0.1], [0.0, 0.0, 0.2, 0.2], [0.6, 0.6, 0.7, 0.7]])
    np.testing.assert_array_equal(
        match_boxes(found, np.array([0.9, 0.8, 0.7]), truth), [0, -1, -1]
    )
    np.testing.assert_array_equal(
        match_boxes(found, np.array([0.7, 0.8, 0.9]), truth), [-1, 0, -1]
    )


def test_a_detection_takes_the_object_it_overlaps_most():
    truth = np.array([[0.0, 0.0, 1.0, 0.5], [0.0, 0.4, 1.0, 0.9]])
    found = np.array([[0.0, 0.35, 1.0, 0.85], [0.0, 0.0, 1.0, 0.4]])
    np.testing.assert_array_equal(
        match_boxes(found, np.array([2.0, 1.0]), truth), [1, 0]
    )


def test_precision_recall_and_f1_at_every_score():
    """Scores 4 (hit), 3 (false), 2 (hit), 1 (hit); three objects and a missed one."""
    truth = [
        np.array([[0, 0, 1, 1], [2, 2, 3, 3]]),
        np.array([[0, 0, 1, 1], [5, 5, 6, 6]]),
    ]
    found = [
        np.array([[0, 0, 1, 1], [7, 7, 8, 8]]),
        np.array([[0, 0, 1, 1], [5, 5, 6, 6.5]]),
    ]
    curve = precision_recall(found, [np.array([4, 3]), np.array([2, 1])], truth)
    np.testing.assert_allclose(curve.threshold, [4, 3, 2, 1])
    np.testing.assert_allclose(curve.precision, [1, 1 / 2, 2 / 3, 3 / 4])
    np.testing.assert_allclose(curve.recall, [1 / 4, 1 / 4, 2 / 4, 3 / 4])
    np.testing.assert_allclose(curve.f1, [2 / 5, 2 / 6, 4 / 7, 6 / 8])
    assert best_f1(curve) == (0.75, 1.0)


def test_equal_scores_come_in_together():
    truth = [np.array([[0, 0, 1, 1]])]
    found = [np.array([[0, 0, 1, 1], [3, 3, 4, 4]])]
    curve = precision_recall(found, [np.array([1.0, 1.0])], truth)
    np.testing.assert_allclose(curve.threshold, [1.0])
    np.testing.assert_allclose(curve.precision, [0.5])


def test_false_alarms_in_images_without_objects_count():
    truth = [np.array([[0, 0, 1, 1]]), NONE]
    found = [np.array([[0, 0, 1, 1]]), np.array([[0, 0, 1, 1]])]
    curve = precision_recall(found, [np.array([0.5]), np.array([0.9])], truth)
    np.testing.assert_allclose(curve.f1, [0, 2 / 3])


def test_nothing_found_and_nothing_there():
    empty = precision_recall([NONE], [np.empty(0)], [np.array([[0, 0, 1, 1]])])
    assert best_f1(empty)[0] == 0.0
    assert np.isnan(best_f1(empty)[1])
    assert average_precision(empty) == 0.0
    without = precision_recall([NONE], [np.empty(0)], [NONE])
    assert np.isnan(average_precision(without))


def test_lengths_must_agree():
    with pytest.raises(DimensionError, match="1, 1 and 2"):
        precision_recall([NONE], [np.empty(0)], [NONE, NONE])


def scene(seed):
    rng = np.random.default_rng(seed)
    truth, found, scores = [], [], []
    for _ in range(6):
        corner = rng.uniform(0, 0.9, (rng.integers(0, 5), 2))
        real = np.concatenate(
            [corner, corner + rng.uniform(0.02, 0.1, corner.shape)], 1
        )
        moved = real + rng.normal(0, 0.02, real.shape)
        false = rng.uniform(0, 0.9, (rng.integers(0, 4), 2))
        every = np.concatenate([moved, np.concatenate([false, false + 0.05], 1)])
        every = every[(every[:, 2:] > every[:, :2]).all(1)]
        truth.append(real)
        found.append(every)
        scores.append(rng.uniform(0, 1, len(every)))
    return found, scores, truth


@pytest.mark.parametrize("seed", range(5))
def test_average_precision_is_that_of_torchmetrics(seed):
    torch = pytest.importorskip("torch")
    detection = pytest.importorskip("torchmetrics.detection")
    pytest.importorskip("pycocotools")
    found, scores, truth = scene(seed)
    # its own recalls are in single precision, which moves a tie by one point
    recalls = np.linspace(0, 1, 101).tolist()
    metric = detection.MeanAveragePrecision(
        iou_thresholds=[0.1], rec_thresholds=recalls
    )
    size = 100  # its areas are pixels
    metric.update(
        [
            {
                "boxes": torch.from_numpy(f * size).float(),
                "scores": torch.from_numpy(s),
                "labels": torch.zeros(len(f), dtype=torch.int64),
            }
            for f, s in zip(found, scores, strict=True)
        ],
        [
            {
                "boxes": torch.from_numpy(t * size).float(),
                "labels": torch.zeros(len(t), dtype=torch.int64),
            }
            for t in truth
        ],
    )
    curve = precision_recall(found, scores, truth, iou=0.1)
    np.testing.assert_allclose(
        average_precision(curve), float(metric.compute()["map"]), atol=1e-6
    )
