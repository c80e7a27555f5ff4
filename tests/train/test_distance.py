import numpy as np
import pytest
from scipy import stats

from xoceansar.errors import TrainingError
from xoceansar.models import HeadSpec
from xoceansar.models.heads.head import head_inputs
from xoceansar.train import fit_distance

SPEC = HeadSpec(
    name="ood_score",
    kind="distance",
    target="ood_score",
    units="1",
    pooling="cls",
    backbone_sha256="a" * 64,
    ancillary=("incidence",),
)
CENTRES = np.array([[0, 0, 0, 0], [6, 0, 0, 0], [0, 9, 0, 0]], float)
SPREAD = np.array([1.0, 1.5, 0.5, 20.0])


def sample(n=3000, seed=0):
    rng = np.random.default_rng(seed)
    kind = rng.integers(0, 3, n)
    beam = rng.integers(0, 2, n)
    x = CENTRES[kind] + SPREAD * rng.normal(size=(n, 4))
    incidence = np.where(beam == 0, 23.8, 36.8) + rng.uniform(-0.3, 0.3, n)
    labels = np.array([f"{k}/{b}" for k, b in zip(kind, beam, strict=True)])
    return x.astype(np.float32), labels, incidence


@pytest.fixture(scope="module")
def head():
    x, labels, incidence = sample()
    return fit_distance(x, labels, SPEC, incidence=incidence)


def score(head, x, incidence):
    return head(head_inputs(x, None, incidence, SPEC))[:, 0]


def test_the_score_of_vignettes_like_those_is_uniform(head):
    x, _, incidence = sample(5000, 1)
    found = score(head, x, incidence)
    assert found.min() >= 0
    assert found.max() < 1
    assert stats.kstest(found, "uniform").statistic < 0.05


def test_what_lies_elsewhere_is_far(head):
    x, _, incidence = sample(1000, 2)
    between = x.copy()
    between[:, :2] = [4.0, 5.0]
    assert np.median(score(head, between, incidence)) > 0.95
    assert (score(head, x, np.full(1000, 30.0)) > 0.99).all()
    # large in a direction in which the categories do not differ: no reason to call it far
    along = x.copy()
    along[:, 3] += 20
    assert np.median(score(head, along, incidence)) < 0.7


def test_distance_is_mahalanobis_to_the_nearest_centre():
    """Linear discriminant analysis of scikit-learn, with as many directions."""
    analysis = pytest.importorskip("sklearn.discriminant_analysis")
    x, labels, _ = sample()
    spec = HeadSpec(
        name="o",
        kind="distance",
        target="ood_score",
        units="1",
        pooling="cls",
        backbone_sha256="a" * 64,
    )
    kinds = np.array([label[0] for label in labels])
    fitted = fit_distance(x, kinds, spec)
    lda = analysis.LinearDiscriminantAnalysis(n_components=2).fit(x, kinds)
    seen = lda.transform(x)
    centres = lda.transform(lda.means_)
    theirs = ((seen[:, None] - centres) ** 2).sum(axis=2).min(axis=1)
    ours = fitted(x)[:, 0]
    assert fitted.arrays["weight"].shape == (4, 2)
    assert stats.spearmanr(theirs, ours).statistic > 0.995
    assert np.median(fitted.arrays["distances"]) == pytest.approx(
        np.median(theirs), rel=0.1
    )


def test_ranks_are_among_held_out_groups(head):
    assert head.spec.metrics["n_fit"] == 2250
    assert head.spec.metrics["n_held_out"] == len(head.arrays["distances"]) == 750
    assert (np.diff(head.arrays["distances"]) >= 0).all()


def test_groups_that_lie_apart_are_not_called_near_by_themselves():
    """Each group has its own offset: ranked among its own rows a new group would be far."""
    rng = np.random.default_rng(3)
    groups = np.repeat(np.arange(200), 10)
    spec = HeadSpec(
        name="o",
        kind="distance",
        target="ood_score",
        units="1",
        pooling="cls",
        backbone_sha256="a" * 64,
    )
    kind = rng.integers(0, 8, 2000)
    x = (8 * np.eye(8)[kind]) + rng.normal(size=(200, 8))[groups]
    head = fit_distance(x.astype(np.float32), kind, spec, groups=groups)
    new = 8 * np.eye(8)[rng.integers(0, 8, 2000)] + rng.normal(size=(2000, 8))
    assert np.mean(head(new)[:, 0] > 0.9) == pytest.approx(0.1, abs=0.06)


def test_incomplete_rows_are_dropped_and_counted():
    x, labels, incidence = sample()
    x[:50] = np.nan
    head = fit_distance(x, labels, SPEC, incidence=incidence)
    assert head.spec.metrics["n_dropped"] == 50


def test_what_cannot_be_fitted_is_refused():
    x, labels, incidence = sample(300)
    with pytest.raises(TrainingError, match="100 or more; got 75"):
        fit_distance(x, labels, SPEC, incidence=incidence)
    with pytest.raises(TrainingError, match="varies"):
        fit_distance(x, np.zeros(300), SPEC, incidence=incidence)
