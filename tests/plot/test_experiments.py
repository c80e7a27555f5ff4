"""The report of an experiment and its gain curve."""

import json

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import xarray as xr

from xoceansar.errors import OceansarError
from xoceansar.evaluate import write_experiment
from xoceansar.evaluate.diagnosis import Sign
from xoceansar.evaluate.experiments import ExperimentResult
from xoceansar.evaluate.experiments.common import compare
from xoceansar.evaluate.experiments.computed_rows import Given, known_tasks, numbered
from xoceansar.evaluate.experiments.experiment_result import summary
from xoceansar.evaluate.report.experiment_report import gain_curve

GAINS = {"gain +1 dB": 1.0, "as calibrated": 0.0, "gain -1 dB": -1.0}
SLOPE = {"wv1": 1.0, "wv2": 0.25}


@pytest.fixture(scope="module")
def result():
    """A number that moves by 1 and 0.25 per decibel, and the noise that is not on the axis."""
    n = 60
    beam = np.array(["wv1", "wv2"] * (n // 2))
    truth = np.random.default_rng(0).uniform(3, 12, n)
    ds = xr.Dataset(
        {"wind_speed": ("vignette", truth, {"units": "m s-1"})},
        coords={
            "beam": ("vignette", beam),
            "product": ("vignette", np.repeat(np.arange(10).astype(str), 6)),
        },
        attrs={"simulated": 1, "source": "simulated"},
    )
    some = numbered(ds, None)
    slope = np.array([SLOPE[b] for b in beam])
    given = [
        Given(name, {"wind_speed": truth + slope * db}) for name, db in GAINS.items()
    ]
    given.append(Given("noise not removed", {"wind_speed": truth + 7}))
    parts = compare(some, known_tasks(some), given, draws=20, seed=0)
    return ExperimentResult(
        name="calibration",
        question="?",
        table=summary(parts),
        answer=("It moves.",),
        signs=(Sign("no output", True, "None.", ("units",)),),
        notes=("Simulated vignettes: nothing.",),
        metadata={"simulated": True, "vignettes": n},
        parts=parts,
        axis=GAINS,
    )


def test_a_gain_curve_shows_the_bias_of_each_beam_in_order(result):
    figure = gain_curve(result, "wind_speed")
    (ax,) = figure.axes
    curves = {line.get_label(): line for line in ax.lines}
    for beam, slope in SLOPE.items():
        x, y = curves[beam].get_data()
        np.testing.assert_allclose(x, [-1, 0, 1])
        np.testing.assert_allclose(y, slope * x, atol=1e-9)
    assert "dB" in ax.get_xlabel()
    assert "m" in ax.get_ylabel()
    assert any("imulated" in text.get_text() for text in figure.texts)
    plt.close(figure)


def test_a_gain_curve_shows_another_score(result):
    figure = gain_curve(result, "wind_speed", metric="rmse")
    _, y = next(
        line.get_data() for line in figure.axes[0].lines if line.get_label() == "wv1"
    )
    np.testing.assert_allclose(y, [1, 0, 1], atol=1e-9)
    plt.close(figure)


@pytest.mark.parametrize(
    ("task", "metric", "message"),
    [("swh", None, "one of its tasks"), ("wind_speed", "f1", "no score 'f1'")],
)
def test_what_cannot_be_drawn_is_said(result, task, metric, message):
    with pytest.raises(OceansarError, match=message):
        gain_curve(result, task, metric=metric)


def test_an_experiment_becomes_a_folder(result, tmp_path):
    report = write_experiment(result, tmp_path / "a" / "b", dpi=40)
    text = report.read_text(encoding="utf-8")
    for name in ("wind_speed-gain.png", "wind_speed-scores.png"):
        assert f"({name})" in text
        assert (report.parent / name).stat().st_size > 1000
    assert json.loads((report.parent / "result.json").read_text())["simulated"] is True
    assert not plt.get_fignums()


def test_an_experiment_without_scores_has_no_figures(result, tmp_path):
    bare = ExperimentResult(
        name="small-objects",
        question="?",
        table=pd.DataFrame({"recall": ["0.5"]}, index=pd.Index(["CFAR"], name="m")),
        answer=(),
        signs=(),
        notes=(),
        metadata={"simulated": False, "vignettes": 1},
    )
    report = write_experiment(bare, tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["report.md", "result.json"]
    assert "on vignettes" in report.read_text()
