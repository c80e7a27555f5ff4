import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from xoceansar.errors import DimensionError, OceansarError
from xoceansar.evaluate import metrics as m

sk = pytest.importorskip("sklearn.metrics")

CLASSES = 4
quick = settings(max_examples=60, deadline=None)
numbers = st.floats(-1e3, 1e3).map(lambda v: round(v, 6))


@st.composite
def pairs(draw, elements=numbers):
    n = draw(st.integers(2, 30))
    return tuple(draw(hnp.arrays(np.float64, n, elements=elements)) for _ in range(2))


@st.composite
def classified(draw):
    """Class numbers, the classes predicted, and float32 probabilities."""
    n = draw(st.integers(1, 40))
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    true = rng.integers(draw(st.integers(1, CLASSES)), size=n)
    sharp = draw(st.sampled_from([0.3, 1.0, 30.0]))
    p = rng.dirichlet(np.full(CLASSES, 1 / sharp), n).astype(np.float32)
    return true, p.argmax(1), p


@pytest.fixture(scope="module")
def tm():
    pytest.importorskip("torch").set_num_threads(1)
    return pytest.importorskip("torchmetrics.functional")


@pytest.fixture(scope="module")
def tensor():
    return pytest.importorskip("torch").as_tensor


# Numbers


@quick
@given(pairs())
def test_errors_equal_scikit_learn(sample):
    true, pred = sample
    assert m.rmse(true, pred) == pytest.approx(sk.root_mean_squared_error(true, pred))
    assert m.mae(true, pred) == pytest.approx(sk.mean_absolute_error(true, pred))


@quick
@given(pairs())
def test_correlation_equals_numpy_where_both_vary(sample):
    true, pred = sample
    got = m.correlation(true, pred)
    if np.ptp(true) == 0 or np.ptp(pred) == 0:
        assert np.isnan(got)
    elif min(true.std(), pred.std()) > 1e-3:
        assert got == pytest.approx(np.corrcoef(true, pred)[0, 1], abs=1e-9)


@pytest.mark.slow
def test_correlation_equals_torchmetrics(tm, tensor):
    true, pred = np.random.default_rng(0).normal(size=(2, 50))
    want = float(tm.pearson_corrcoef(tensor(pred), tensor(true)))
    assert m.correlation(true, pred) == pytest.approx(want, abs=1e-6)


def test_correlation_of_tiny_numbers_does_not_vanish():
    true, pred = np.random.default_rng(0).normal(size=(2, 50))
    want = m.correlation(true, pred)
    assert m.correlation(true * 1e-200, pred) == pytest.approx(want, abs=1e-12)


def test_bias_is_positive_where_the_prediction_is_high():
    assert m.bias([1.0, 2.0, np.nan], [2.0, 4.0, 9.0]) == 1.5


def test_scatter_index_leaves_the_bias_out():
    true = np.array([1.0, 2.0, 3.0])
    assert m.scatter_index(true, true + 5) == pytest.approx(0.0)
    assert m.scatter_index([2.0, 2.0], [1.0, 3.0]) == pytest.approx(0.5)
    assert np.isnan(m.scatter_index([0.0, 0.0], [1.0, 3.0]))


@quick
@given(pairs())
def test_square_error_is_bias_and_scatter(sample):
    true, pred = np.abs(sample[0]) + 1, sample[1]
    spread = m.scatter_index(true, pred) * true.mean()
    total = np.hypot(m.bias(true, pred), spread)
    assert total == pytest.approx(m.rmse(true, pred), rel=1e-9, abs=1e-9)


@pytest.mark.parametrize(
    "score", [m.rmse, m.bias, m.mae, m.scatter_index, m.correlation]
)
def test_incomplete_rows_count_for_nothing(score):
    true, pred = np.random.default_rng(1).uniform(1, 2, (2, 20))
    with_holes = np.r_[true, np.nan, 5.0, np.inf], np.r_[pred, 5.0, np.nan, 1.0]
    assert score(*with_holes) == pytest.approx(score(true, pred))
    assert np.isnan(score([np.nan, 1.0], [1.0, np.nan]))
    assert np.isnan(score([], []))


def test_lengths_must_agree():
    with pytest.raises(DimensionError, match=r"\(2,\) and \(1,\)"):
        m.rmse([1.0, 2.0], [1.0])


# Directions


@quick
@given(
    pairs(st.floats(-720, 720)),
    st.integers(-3, 3),
    st.sampled_from([360, 180]),
)
def test_turn_is_the_same_in_every_frame(sample, laps, period):
    true, pred = sample
    turn = m.direction_difference(true, pred, period=period)
    assert ((turn >= -period / 2) & (turn < period / 2)).all()
    # the turn, made, arrives: the chord on the circle of the period is zero
    missed = np.exp(2j * np.pi * (true + turn - pred) / period) - 1
    np.testing.assert_allclose(np.abs(missed), 0, atol=1e-9)
    moved = m.direction_rmse(true + laps * period, pred - laps * period, period)
    assert moved == pytest.approx(m.direction_rmse(true, pred, period), abs=1e-6)


def test_axis_does_not_know_which_way():
    true, pred = np.array([10.0, 80.0]), np.array([200.0, 250.0])
    assert m.direction_rmse(true, pred, 180) == pytest.approx(10.0)
    assert m.direction_rmse(true, pred, 360) == pytest.approx(170.0)


def test_opposite_directions_are_half_a_turn_apart():
    assert m.direction_rmse([0.0], [180.0]) == 180.0
    assert m.direction_mae([90.0], [270.0]) == 180.0
    assert m.direction_difference([0.0], [-1e-20]).tolist() == [0.0]


@pytest.mark.parametrize(("period", "rms", "mean"), [(360, 104, 90), (180, 52, 45)])
def test_guessing_scores_what_the_docs_say(period, rms, mean):
    true, pred = np.random.default_rng(0).uniform(0, 360, (2, 20_000))
    assert m.direction_rmse(true, pred, period) == pytest.approx(rms, rel=0.02)
    assert m.direction_mae(true, pred, period) == pytest.approx(mean, rel=0.02)


def test_bias_of_directions_is_circular():
    true = np.array([350.0, 355.0, 1.0, 5.0])
    assert m.direction_bias(true, true + 12) == pytest.approx(12)
    assert m.direction_bias(true, true - 12) == pytest.approx(-12)
    assert m.direction_bias(true, true + 192, period=180) == pytest.approx(12)
    # two errors of 170 degrees either way are a mean turn of 180, not of 0
    assert abs(m.direction_bias([0, 0], [170, -170])) == pytest.approx(180)
    assert np.isnan(m.direction_bias([0, 0], [0, 180]))


def test_other_periods_are_refused():
    with pytest.raises(OceansarError, match="360"):
        m.direction_rmse([0.0], [1.0], period=90)


# Classes


@quick
@given(classified())
def test_scores_of_classes_equal_scikit_learn(sample):
    true, pred, p = sample
    assert m.accuracy(true, pred) == pytest.approx(sk.accuracy_score(true, pred))
    assert m.f1_macro(true, pred) == pytest.approx(
        sk.f1_score(true, pred, average="macro", zero_division=0)
    )
    np.testing.assert_array_equal(
        m.confusion_matrix(true, pred, CLASSES),
        sk.confusion_matrix(true, pred, labels=range(CLASSES)),
    )
    assert m.log_loss(true, p) == pytest.approx(
        sk.log_loss(true, p, labels=range(CLASSES)), rel=1e-5, abs=1e-7
    )
    assert m.brier(true, p) == pytest.approx(
        sk.brier_score_loss(true, p, labels=range(CLASSES), scale_by_half=False),
        rel=1e-5,
        abs=1e-7,
    )


@quick
@given(classified())
@pytest.mark.filterwarnings("ignore::UserWarning:sklearn")
def test_balanced_accuracy_equals_scikit_learn(sample):
    true, pred, _ = sample
    want = sk.balanced_accuracy_score(true, pred)
    assert m.balanced_accuracy(true, pred) == pytest.approx(want)


@pytest.mark.slow
@quick
@given(sample=classified(), bins=st.integers(1, 20))
def test_calibration_error_equals_torchmetrics(tm, tensor, sample, bins):
    true, _, p = sample
    want = tm.calibration_error(
        tensor(p), tensor(true), "multiclass", n_bins=bins, num_classes=CLASSES
    )
    got = m.expected_calibration_error(true, p, bins)
    assert got == pytest.approx(float(want), abs=1e-5)


@pytest.mark.slow
def test_scores_of_classes_equal_torchmetrics(tm, tensor):
    rng = np.random.default_rng(3)
    true, p = rng.integers(CLASSES, size=80), rng.dirichlet(np.ones(CLASSES), 80)
    arguments = tensor(p), tensor(true)
    kinds = {"task": "multiclass", "num_classes": CLASSES}
    pred = p.argmax(1)
    for score, reference in (
        (m.accuracy(true, pred), tm.accuracy(*arguments, average="micro", **kinds)),
        (
            m.balanced_accuracy(true, pred),
            tm.accuracy(*arguments, average="macro", **kinds),
        ),
        (m.f1_macro(true, pred), tm.f1_score(*arguments, average="macro", **kinds)),
    ):
        assert score == pytest.approx(float(reference), abs=1e-6)


def test_reliability_curve_equals_scikit_learn():
    calibration = pytest.importorskip("sklearn.calibration")
    rng = np.random.default_rng(4)
    true, p = rng.integers(CLASSES, size=300), rng.dirichlet(np.ones(CLASSES), 300)
    curve = m.reliability_curve(true, p, 10)
    right, sure = calibration.calibration_curve(
        p.argmax(1) == true, p.max(1), n_bins=10
    )
    filled = curve.rows > 0
    np.testing.assert_allclose(curve.accuracy[filled], right)
    np.testing.assert_allclose(curve.confidence[filled], sure)
    assert curve.rows.sum() == 300
    weight = curve.rows[filled] / 300
    gap = m.expected_calibration_error(true, p, 10)
    assert gap == pytest.approx(np.abs(right - sure) @ weight)
    assert np.isnan(curve.accuracy[~filled]).all()


def test_certainty_is_in_the_last_bin():
    curve = m.reliability_curve([0, 1], [[1.0, 0.0], [1.0, 0.0]], 5)
    assert curve.rows.tolist() == [0, 0, 0, 0, 2]
    assert m.expected_calibration_error([0, 1], [[1.0, 0.0], [1.0, 0.0]]) == 0.5


def test_certain_and_wrong_is_finite():
    assert np.isfinite(m.log_loss([1], [[1.0, 0.0]]))
    assert m.brier([1], [[1.0, 0.0]]) == 2.0


def test_missing_classes_count_for_nothing():
    true, pred = np.array([0, 1, 1, -1, 2]), np.array([0, 1, 0, 1, -1])
    assert m.accuracy(true, pred) == pytest.approx(2 / 3)
    assert m.confusion_matrix(true, pred, 3).sum() == 3
    p = np.array([[0.5, 0.5], [np.nan, 0.5], [0.5, 0.5]])
    assert m.log_loss([0, 1, np.nan], p) == pytest.approx(np.log(2))
    for score in (m.log_loss, m.brier, m.expected_calibration_error):
        assert np.isnan(score([-1], [[0.5, 0.5]]))
    for score in (m.accuracy, m.balanced_accuracy, m.f1_macro):
        assert np.isnan(score([-1], [0]))


def test_classes_beyond_the_last_are_refused():
    with pytest.raises(DimensionError, match="below the 2 columns"):
        m.brier([2], [[0.5, 0.5]])
    with pytest.raises(DimensionError, match="n_classes=2; found 3"):
        m.confusion_matrix([3], [0], 2)
    with pytest.raises(DimensionError, match="one row for each truth"):
        m.log_loss([0, 1], [[0.5, 0.5]])


# Intervals


def test_interval_covers_as_often_as_it_says():
    """Thirty passes of eight rows whose errors are nearly the pass's own."""
    hits = {"passes": 0, "rows": 0}
    for seed in range(60):
        rng = np.random.default_rng(seed)
        groups = np.repeat(np.arange(30), 8)
        error = rng.normal(size=30)[groups] + rng.normal(scale=0.2, size=240)
        for kind, unit in (("passes", groups), ("rows", np.arange(240))):
            found = m.bootstrap(np.mean, unit, error, n=80, seed=seed, confidence=0.9)
            hits[kind] += found.lower <= 0 <= found.upper
    assert 0.82 <= hits["passes"] / 60 <= 0.97
    assert hits["rows"] / 60 < 0.75  # what resampling single rows would have claimed


def test_interval_is_seeded_and_holds_the_value():
    rng = np.random.default_rng(0)
    true, pred = rng.normal(size=(2, 60))
    groups = np.repeat([f"pass {i}" for i in range(12)], 5)
    one, again = (m.bootstrap(m.rmse, groups, true, pred, n=200) for _ in range(2))
    assert one == again
    assert one.value == m.rmse(true, pred)
    assert one.lower < one.value < one.upper
    assert m.bootstrap(m.rmse, groups, true, pred, n=200, seed=1) != one
    narrow = m.bootstrap(m.rmse, groups, true, pred, n=200, confidence=0.5)
    assert one.lower < narrow.lower < narrow.upper < one.upper


def test_draws_are_of_whole_groups():
    groups = np.array(["b", "a", "b", "a", "b"])
    rows = np.arange(5)
    seen = set()

    def remember(drawn):
        seen.add(tuple(sorted(drawn)))
        return 0.0

    m.bootstrap(remember, groups, rows, n=50)
    assert seen == {(0, 1, 2, 3, 4), (1, 1, 3, 3), (0, 0, 2, 2, 4, 4)}


def test_one_group_has_no_interval():
    found = m.bootstrap(np.mean, ["a", "a"], np.array([1.0, 3.0]))
    assert found.value == 2.0
    assert np.isnan([found.lower, found.upper]).all()


def test_draws_without_a_score_are_left_out():
    found = m.bootstrap(
        m.correlation, ["a", "b", "c"], np.arange(3.0), np.array([0.0, 2.0, 3.0])
    )
    assert np.isfinite(found).all()
    nothing = m.bootstrap(m.rmse, ["a", "b"], np.full(2, np.nan), np.zeros(2))
    assert np.isnan(nothing).all()


def test_bootstrap_refuses_what_it_cannot_use():
    with pytest.raises(DimensionError, match="one row for each of the 2 groups"):
        m.bootstrap(np.mean, ["a", "b"], np.zeros(3))
    with pytest.raises(OceansarError, match="confidence=95"):
        m.bootstrap(np.mean, ["a", "b"], np.zeros(2), confidence=95)
