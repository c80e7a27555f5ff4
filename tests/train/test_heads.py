from dataclasses import replace

import numpy as np
import pytest

from xoceansar.errors import DimensionError, TrainingError
from xoceansar.models import HeadSpec
from xoceansar.models.heads.head import head_inputs
from xoceansar.train import fit_knn, fit_logistic, fit_mlp, fit_ridge
from xoceansar.train.heads.samples import class_folds, group_folds

N, WIDTH = 300, 6
RIDGE = HeadSpec(
    name="swh",
    kind="linear",
    target="swh",
    units="m",
    pooling="cls",
    backbone_sha256="a" * 64,
)
KNN, MLP = replace(RIDGE, kind="knn"), replace(RIDGE, kind="mlp")
LOGISTIC = replace(
    RIDGE,
    name="c",
    kind="logistic",
    target="ocean_class",
    units="1",
    classes=("x", "y", "z"),
)
RNG = np.random.default_rng(0)
FEATURES = (RNG.normal(size=(N, WIDTH)) * [1, 10, 0.1, 1, 1, 5] + 3).astype(np.float32)
WEIGHTS = np.array([0.5, -0.05, 4.0, 0.0, 0.2, 0.02])
SWH = FEATURES @ WEIGHTS + 1.5
CLASSES = np.argmax(FEATURES[:, [0, 3, 4]], axis=1)


def inputs(spec, rows=slice(None)):
    return head_inputs(FEATURES[rows], None, None, spec)


def test_ridge_recovers_a_linear_law_in_physical_units():
    head = fit_ridge(FEATURES, SWH, RIDGE)
    np.testing.assert_allclose(head(inputs(RIDGE))[:, 0], SWH, atol=1e-3)
    assert head.spec.metrics["cv_rmse"] < 1e-3
    assert head.spec.metrics["n_fit"] == N
    assert head.spec.metrics["n_dropped"] == 0
    by_hand = head.arrays["weight"][:, 0] / head.arrays["std"]
    np.testing.assert_allclose(by_hand, WEIGHTS, atol=1e-4)


def test_ridge_is_scikit_learns():
    linear_model = pytest.importorskip("sklearn.linear_model")
    noisy = SWH + RNG.normal(size=N)
    head = fit_ridge(FEATURES, noisy, RIDGE, alphas=[0.3])
    x = (FEATURES - FEATURES.mean(0)) / FEATURES.std(0)
    theirs = linear_model.Ridge(alpha=0.3 * N).fit(x.astype(np.float64), noisy)
    np.testing.assert_allclose(head.arrays["weight"][:, 0], theirs.coef_, rtol=1e-4)
    np.testing.assert_allclose(head(inputs(RIDGE))[:, 0], theirs.predict(x), atol=1e-4)


def test_ridge_chooses_the_penalty_that_generalises():
    few = np.random.default_rng(1).normal(size=(40, 30)).astype(np.float32)
    target = few[:, 0] + np.random.default_rng(2).normal(size=40)
    head = fit_ridge(few, target, RIDGE)
    alone = {
        a: fit_ridge(few, target, RIDGE, alphas=[a]).spec.metrics["cv_rmse"]
        for a in (1e-6, head.spec.metrics["alpha"], 100.0)
    }
    assert min(alone, key=alone.get) == head.spec.metrics["alpha"]
    assert 1e-6 < head.spec.metrics["alpha"] < 100.0
    assert head.spec.metrics["cv_rmse"] == pytest.approx(min(alone.values()))


def test_score_is_out_of_group():
    """The features tell the group and the group the target: no skill on another group."""
    groups = np.repeat(np.arange(20), 10)
    features = np.eye(20, dtype=np.float32)[groups]
    target = np.random.default_rng(3).normal(size=20)[groups]
    by_row = fit_ridge(features, target, RIDGE)
    by_group = fit_ridge(features, target, RIDGE, groups=groups)
    assert by_row.spec.metrics["cv_rmse"] < 0.05
    assert by_group.spec.metrics["cv_rmse"] > 0.8 * target.std()
    near = fit_knn(features, target, KNN, groups=groups, n_neighbors=3)
    assert near.spec.metrics["cv_rmse"] > 0.8 * target.std()


@pytest.mark.parametrize(
    ("fit", "spec"), [(fit_ridge, RIDGE), (fit_knn, KNN), (fit_mlp, MLP)]
)
def test_incomplete_rows_are_dropped_and_counted(fit, spec):
    target, features = SWH.copy(), FEATURES.copy()
    target[:100], features[250, 2] = np.nan, np.inf
    few = {"epochs": 2, "learning_rates": [1e-3]} if fit is fit_mlp else {}
    head = fit(features, target, spec, **few)
    assert head.spec.metrics["n_dropped"] == 101
    assert head.spec.metrics["n_fit"] == N - 101
    clean = np.delete(features, 250, 0)[100:]
    again = fit(clean, np.delete(target, 250)[100:], spec, **few)
    np.testing.assert_allclose(head.arrays["mean"], again.arrays["mean"])
    np.testing.assert_allclose(head(inputs(spec)), again(inputs(spec)), rtol=1e-4)


def test_ancillary_inputs_are_used_as_at_inference():
    spec = replace(RIDGE, ancillary=("sigma0_mean_db", "incidence"))
    level, incidence = RNG.uniform(0.01, 0.3, N), RNG.uniform(22, 38, N)
    target = 0.3 * 10 * np.log10(level) + 0.1 * incidence
    head = fit_ridge(FEATURES, target, spec, sigma0_mean=level, incidence=incidence)
    out = head(head_inputs(FEATURES, level, incidence, spec))
    np.testing.assert_allclose(out[:, 0], target, atol=1e-3)
    with pytest.raises(DimensionError, match="incidence"):
        fit_ridge(FEATURES, target, spec, sigma0_mean=level)


def test_logistic_separates_and_is_calibrated():
    head = fit_logistic(FEATURES, CLASSES, LOGISTIC, strengths=[0.1, 10.0])
    out = head(inputs(LOGISTIC))
    assert (out.argmax(1) == CLASSES).mean() > 0.97
    assert head.spec.metrics["cv_accuracy"] > 0.95
    noise = np.random.default_rng(5).integers(0, 3, N)
    blind = fit_logistic(FEATURES, noise, LOGISTIC, strengths=[1e-3, 1.0])
    assert blind.spec.metrics["strength"] == 1e-3
    assert blind.spec.metrics["cv_log_loss"] == pytest.approx(np.log(3), abs=0.03)
    np.testing.assert_allclose(
        blind(inputs(LOGISTIC)).mean(0), np.bincount(noise) / N, atol=0.01
    )


@pytest.mark.parametrize("present", [[0, 2], [1, 2], [0, 1]])
def test_class_without_examples_has_probability_zero(present):
    codes = np.where(FEATURES[:, 0] > 3, *present)
    out = fit_logistic(FEATURES, codes, LOGISTIC, strengths=[1.0])(inputs(LOGISTIC))
    (absent,) = {0, 1, 2} - set(present)
    assert (out[:, absent] == 0).all()
    np.testing.assert_allclose(out.sum(1), 1, rtol=1e-6)
    assert (out.argmax(1) == codes).mean() > 0.97


def test_rare_class_of_one_group_is_survived():
    codes, groups = CLASSES % 2, np.arange(N) // 20
    codes[:20] = 2  # one group holds the whole class, so one fold trains without it
    head = fit_logistic(FEATURES, codes, LOGISTIC, groups=groups, strengths=[1.0])
    assert head.spec.metrics["cv_accuracy"] < 1
    assert np.isfinite(head.spec.metrics["cv_log_loss"])


def test_balanced_classes_weigh_alike():
    rng = np.random.default_rng(6)
    codes = (rng.random(N) < 0.1).astype(int)
    features = (rng.normal(size=(N, 1)) + codes[:, None]).astype(np.float32)
    spec = replace(LOGISTIC, classes=("common", "rare"))
    recall = {
        weights: fit_logistic(
            features, codes, spec, class_weight=weights, strengths=[1.0]
        )(features)[codes == 1]
        .argmax(1)
        .mean()
        for weights in (None, "balanced")
    }
    assert recall["balanced"] > recall[None] + 0.3


def test_knn_finds_the_neighbours():
    head = fit_knn(FEATURES, SWH, KNN, n_neighbors=1)
    np.testing.assert_allclose(head(inputs(KNN))[:, 0], SWH, rtol=1e-5)
    spread = fit_knn(FEATURES, SWH, KNN)
    assert spread.spec.metrics["cv_rmse"] < 0.7 * SWH.std()
    spec = replace(LOGISTIC, kind="knn")
    votes = fit_knn(FEATURES, np.where(CLASSES == 2, -1, CLASSES), spec)
    assert votes.spec.metrics["n_dropped"] == (CLASSES == 2).sum()
    assert votes.spec.metrics["cv_accuracy"] > 0.85
    np.testing.assert_allclose(votes(inputs(spec)).sum(1), 1, rtol=1e-5)


def test_mlp_learns_what_a_line_cannot_and_stops_early(torch):
    target = 2.5 + np.abs(FEATURES[:, 0] - 3)
    state = torch.random.get_rng_state()
    recipe = {"hidden": (32, 32), "learning_rates": [5e-3], "dropout": 0.0}
    recipe |= {"batch": 32, "patience": 15}
    head = fit_mlp(FEATURES, target, MLP, **recipe)
    assert torch.equal(torch.random.get_rng_state(), state)
    line = fit_ridge(FEATURES, target, RIDGE).spec.metrics["cv_rmse"]
    assert head.spec.metrics["val_rmse"] < 0.5 * line
    assert head.spec.metrics["epoch"] < 300
    assert abs(head(inputs(MLP))[:, 0].mean() - target.mean()) < 0.1
    again, other = (
        fit_mlp(FEATURES, target, MLP, epochs=3, seed=seed, **recipe) for seed in (0, 1)
    )
    same = fit_mlp(FEATURES, target, MLP, epochs=3, **recipe)
    np.testing.assert_array_equal(same.arrays["weight0"], again.arrays["weight0"])
    assert not np.array_equal(same.arrays["weight0"], other.arrays["weight0"])


def test_mlp_classifies(torch):
    spec = replace(LOGISTIC, kind="mlp")
    head = fit_mlp(
        FEATURES, CLASSES, spec, hidden=(32, 32), epochs=60, learning_rates=[5e-3]
    )
    assert head.spec.metrics["val_accuracy"] > 0.85
    np.testing.assert_allclose(head(inputs(spec)).sum(1), 1, rtol=1e-5)


@pytest.mark.parametrize(
    ("fit", "spec", "targets", "groups", "message"),
    [
        (fit_logistic, LOGISTIC, np.ones(N), None, "two classes"),
        (fit_logistic, LOGISTIC, np.full(N, -1), None, "two classes.*0 rows.*300"),
        (fit_logistic, LOGISTIC, np.arange(N) % 4, None, "indices of its 3 classes"),
        (fit_logistic, LOGISTIC, np.arange(N) / N, None, "indices of its 3 classes"),
        (fit_logistic, LOGISTIC, CLASSES, np.zeros(N), "two groups"),
        (fit_ridge, RIDGE, np.ones(N), None, "a target that varies"),
        (fit_ridge, RIDGE, SWH, np.zeros(N), "two groups"),
        (fit_ridge, KNN, SWH, None, "kind 'knn'.*'linear'"),
        (fit_mlp, RIDGE, SWH, None, "kind 'linear'.*'mlp'"),
    ],
)
def test_samples_that_teach_nothing_are_refused(fit, spec, targets, groups, message):
    with pytest.raises(TrainingError, match=message):
        fit(FEATURES, targets, spec, groups=groups)


def test_lengths_are_checked():
    with pytest.raises(DimensionError, match="targets"):
        fit_ridge(FEATURES, SWH[1:], RIDGE)
    with pytest.raises(DimensionError, match="groups"):
        fit_ridge(FEATURES, SWH, RIDGE, groups=np.arange(3))


@pytest.mark.parametrize(
    "split", [group_folds, lambda g, n, s: class_folds(CLASSES, g, n, s)]
)
def test_groups_are_never_on_both_sides(split):
    groups = np.random.default_rng(0).integers(0, 30, N)
    seen = []
    for train, test in split(groups, 5, 0):
        assert not set(groups[train]) & set(groups[test])
        assert len(train) + len(test) == N
        seen.append(test)
    np.testing.assert_array_equal(np.sort(np.concatenate(seen)), np.arange(N))
    assert len(seen) == 5


def test_folds_of_separate_classes_are_refused():
    y, groups = np.repeat([0, 1], 20), np.repeat([0, 1], 20)
    with pytest.raises(TrainingError, match="one class only"):
        list(class_folds(y, groups, 5, 0))


def test_splits_are_as_many_as_rows_of_the_largest_class():
    """Classes of a row or two, as of a handful of pictures, are split and not refused."""
    y, groups = np.array([0, 0, 1, 2, 3]), np.arange(5)
    splits = list(class_folds(y, groups, 5, 0))
    assert len(splits) == 2
    assert sorted(np.concatenate([test for _, test in splits])) == [0, 1, 2, 3, 4]
    with pytest.raises(TrainingError, match="no class has two rows"):
        list(class_folds(np.arange(5), groups, 5, 0))
