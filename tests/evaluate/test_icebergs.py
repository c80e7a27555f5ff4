import numpy as np
import pytest
import xarray as xr

from xoceansar.errors import MissingVariableError
from xoceansar.evaluate.iceberg_scores import (
    choose_threshold,
    iceberg_curve,
    true_boxes,
)
from xoceansar.models.spec.detector_spec import DetectorSpec, TrainedDetector

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


def objects(rows):
    out = np.empty(len(rows), dtype=object)
    for i, row in enumerate(rows):
        out[i] = np.asarray(row, dtype=np.float64)
    return out


def test_the_task_scores_rows_as_the_whole_is_scored():
    from xoceansar.evaluate.iceberg_task import score_boxes
    from xoceansar.evaluate.tasks import TASKS

    true = objects([[A, B], np.empty((0, 4)), [B]])
    found = objects(
        [[[*A, 0.9]], [[*B, 0.4]], [[*B, 0.6], [*A, 0.5]]],
    )
    scores = score_boxes(true, found)
    # 0.9 and 0.6 hit, of three; then two false alarms
    assert scores["f1"] == pytest.approx(2 * 2 / (2 + 3))
    assert scores["precision"] == 1.0
    assert scores["recall"] == pytest.approx(2 / 3)
    assert {m.name for m in TASKS["icebergs"].metrics} == set(scores)
    twice = score_boxes(np.concatenate([true, true]), np.concatenate([found, found]))
    assert twice == pytest.approx(scores)
    none = score_boxes(true[1:2], found[1:2])
    assert all(np.isnan(value) for value in none.values())


def test_methods_are_compared_and_drawn(images, tmp_path):
    """Bright squares: CFAR finds them all, and the report shows it."""
    import matplotlib as mpl

    from xoceansar.evaluate import benchmark, write_report

    mpl.use("Agg")
    boxes = np.full((6, 1, 4), np.nan)
    for i in (0, 3, 5):
        images["sigma0"][i, 20:26, 30:34] = 30 * float(images.sigma0[i].mean())
        boxes[i, 0] = np.array([20, 30, 26, 34]) / 72
    ds = images.assign(iceberg_box=(("vignette", "iceberg", "edge"), boxes))
    ds = ds.assign_coords(ground_heading=("vignette", np.zeros(6)))
    result = benchmark(ds, "icebergs", models=["cfar"], draws=20)
    found = result.select(stratum="all", metric="f1")["value"].iloc[0]
    assert found == 1.0
    report = write_report(result, tmp_path)
    assert "precision-recall.png" in report.read_text()
    assert (tmp_path / "precision-recall.png").stat().st_size > 5000
