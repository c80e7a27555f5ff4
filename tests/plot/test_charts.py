"""Charts of a benchmark, read back from the figures."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
import xarray as xr

from xoceansar.conventions import class_attrs
from xoceansar.errors import OceansarError
from xoceansar.evaluate import benchmark, write_report
from xoceansar.evaluate.report import charts

PASSES, EACH = 8, 6
N = PASSES * EACH


def competitor(name, error, seed=0):
    """Knows the truth up to an error."""
    rng = np.random.default_rng(seed)

    def predict(task, train, test, store):
        if task.kind == "classes":
            p = rng.dirichlet(np.ones(10), len(test)) * error
            p[np.arange(len(test)), test.truth.astype(int)] += 1
            return p / p.sum(axis=1, keepdims=True)
        return test.truth + error * rng.normal(size=len(test))

    return SimpleNamespace(
        name=name, needs_training=False, bundle=None, predict=predict
    )


MODELS = [competitor("bad", 2.0), competitor("good", 0.2, 1)]


def made(task, simulated=1, models=MODELS):
    rng = np.random.default_rng(0)
    along = {
        "product": [f"P{i // EACH}" for i in range(N)],
        "beam": ["wv1", "wv2"] * (N // 2),
    }
    swh = rng.uniform(0.5, 5, N)
    swh[0] = 8
    data = xr.Dataset(
        {
            "swh": ("vignette", swh),
            "wind_to_direction": ("vignette", rng.uniform(0, 360, N)),
            "ocean_class": ("vignette", rng.integers(0, 4, N), class_attrs()),
        },
        coords={k: ("vignette", v) for k, v in along.items()},
        attrs={"simulated": simulated},
    )
    return benchmark(data, task, models=models, draws=30)


def words(figure):
    return " ".join(t.get_text() for t in figure.findobj(match=_is_text))


def _is_text(artist):
    return hasattr(artist, "get_text")


def test_overview_has_the_best_on_top():
    figure = charts.score_overview(made("swh"))
    (ax,) = figure.axes
    top_down = sorted(
        zip(ax.get_yticks(), ax.get_yticklabels(), strict=True), key=lambda p: p[0]
    )
    assert [label.get_text() for _, label in top_down] == ["good", "bad"]
    assert ax.get_ylim()[0] > ax.get_ylim()[1]
    assert "left is better" in words(figure)


def test_scatter_shows_every_vignette_and_the_line_of_agreement():
    result = made("swh")
    figure = charts.scatter(result)
    for ax, model in zip(figure.axes, ("good", "bad"), strict=True):
        points = np.asarray(ax.collections[0].get_offsets())
        want = np.c_[result.truth, result.predictions[model]]
        np.testing.assert_allclose(np.sort(points, axis=0), np.sort(want, axis=0))
        x, y = ax.lines[0].get_data()
        np.testing.assert_array_equal(x, y)
        assert ax.get_xlim() == ax.get_ylim()
    assert "RMSE 0.1" in words(figure) or "RMSE 0.2" in words(figure)


def test_confusion_is_in_per_cent_of_the_true_class():
    result = made("classification")
    figure = charts.confusion(result, model="bad")
    (ax,) = figure.axes
    share = np.ma.filled(ax.images[0].get_array(), 0)
    np.testing.assert_allclose(share.sum(axis=1)[:4], 1)
    assert "pure ocean waves (" in words(figure)
    assert "bad" in words(figure)


def test_reliability_draws_what_the_metric_counts():
    result = made("classification")
    figure = charts.reliability(result, models=["good"], bins=5)
    from xoceansar.evaluate.metrics import reliability_curve

    curve = reliability_curve(result.truth, result.predictions["good"], 5)
    x, y = figure.axes[0].lines[1].get_data()
    full = curve.rows >= 5
    np.testing.assert_allclose(x, curve.confidence[full])
    np.testing.assert_allclose(y, curve.accuracy[full])


def test_bias_by_bin_is_that_of_the_table():
    result = made("swh")
    figure = charts.score_by_bin(result)
    rows = result.select(stratum="sea state", metric="bias", model="good")
    drawn = [line for line in figure.axes[0].lines if line.get_label() == "good"]
    np.testing.assert_allclose(drawn[0].get_ydata(), rows["value"])
    assert "n = 1" in words(figure)  # the sea of 8 m
    assert "hollow" in words(figure)
    with pytest.raises(OceansarError, match="divided by"):
        charts.score_by_bin(result, stratum="season")


def test_errors_of_directions_are_beside_those_of_a_guess():
    result = made("wind_direction", models=[competitor("near", 5.0)])
    figure = charts.direction_errors(result)
    guess, near = figure.axes[0].lines
    assert guess.get_ydata()[-1] == 1
    x, y = near.get_data()
    assert x.max() < 30
    assert y[-1] == 1


@pytest.mark.parametrize("chart", [charts.scatter, charts.direction_errors])
def test_chart_of_another_kind_is_refused(chart):
    with pytest.raises(OceansarError, match="'classification' is of kind 'classes'"):
        chart(made("classification"))
    with pytest.raises(OceansarError, match="no model"):
        charts.confusion(made("classification"), model="other")


@pytest.mark.parametrize(
    ("task", "files"),
    [
        ("classification", {"confusion", "reliability", "accuracy-by-beam"}),
        ("swh", {"scatter", "bias-by-sea-state", "rmse-by-beam"}),
        ("wind_direction", {"errors", "axis_bias-by-beam"}),
    ],
)
def test_report_holds_what_it_shows(task, files, tmp_path):
    report = write_report(made(task), tmp_path / "new" / "folder", dpi=40)
    text = report.read_text()
    found = {path.stem for path in report.parent.glob("*.png")}
    assert found >= files | {"overview"}
    for name in found:
        assert f"]({name}.png)" in text
    assert "on simulated vignettes" in text
    assert json.loads((report.parent / "scores.json").read_text())["simulated"] is True


def test_only_simulated_figures_say_so():
    assert "Simulated sea" in words(charts.score_overview(made("swh")))
    real = words(charts.score_overview(made("swh", simulated=0)))
    assert "imulated" not in real
