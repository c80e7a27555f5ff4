import numpy as np
import pytest
import xarray as xr

from xoceansar.errors import MissingVariableError
from xoceansar.evaluate.icebergs import choose_threshold, iceberg_curve, true_boxes
from xoceansar.models.detector_spec import DetectorSpec, TrainedDetector

NAN = np.full(4, np.nan)
A, B = np.array([0.1, 0.1, 0.2, 0.2]), np.array([0.5, 0.5, 0.6, 0.7])


@pytest.fixture
def truth():
    boxes = np.stack([[A, B, NAN], [NAN, NAN, NAN], [B, NAN, NAN]])
    return xr.Dataset({"iceberg_box": (("vignette", "iceberg", "edge"), boxes)})


@pytest.fixture
def found():
    """The second vignette has a false alarm; the third was not searched."""
    boxes = np.stack([[A, NAN], [B, NAN], [NAN, NAN]])
    scores = np.array([[0.9, np.nan], [0.4, np.nan], [np.nan, np.nan]])
    return xr.Dataset(
        {
            "iceberg_box": (("vignette", "detection", "edge"), boxes),
            "iceberg_score": (("vignette", "detection"), scores),
        }
    )


def test_padding_is_no_iceberg(truth):
    assert [len(boxes) for boxes in true_boxes(truth)] == [2, 0, 1]


def test_a_vignette_that_was_not_searched_misses_its_icebergs(found, truth):
    curve = iceberg_curve(found, truth)
    np.testing.assert_allclose(curve.recall, [1 / 3, 1 / 3])
    np.testing.assert_allclose(curve.precision, [1, 1 / 2])
    assert (curve.n_truth, curve.n_images) == (3, 3)


def test_the_threshold_is_that_of_the_best_f1(found, truth):
    spec = DetectorSpec(backbone_sha256="0" * 64, metrics={"n_fit": 5})
    chosen = choose_threshold(TrainedDetector(spec, {}), found, truth).spec
    assert chosen.threshold == 0.9
    assert chosen.metrics == {
        "n_fit": 5,
        "val_f1": 0.5,
        "val_precision": 1.0,
        "val_recall": pytest.approx(1 / 3),
        "val_iou": 0.1,
    }


def test_without_boxes_there_is_nothing_to_score(found):
    with pytest.raises(MissingVariableError, match="iceberg_box"):
        iceberg_curve(found, xr.Dataset({"swh": ("vignette", [1.0])}))
