import json
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.train.test_clusters import blobs
from xoceansar.errors import DimensionError, TrainingError
from xoceansar.train.curation.balance import balanced_sample, water_filling
from xoceansar.train.curation.clusters import Tree, hierarchical_kmeans
from xoceansar.train.curation.subset import curate, effective_clusters

COUNTS = st.lists(st.integers(0, 12), min_size=1, max_size=7)


def leaf(distance):
    """A tree of one cluster."""
    n = len(distance)
    return Tree((np.ones((1, 1)),), (), (np.zeros(n, np.int32),), np.asarray(distance))


# ------------------------------------------------------------------ water filling


def cut_by_trying(counts, target):
    cut = 0
    while cut < max(counts) and sum(min(cut + 1, n) for n in counts) <= target:
        cut += 1
    return cut


@settings(max_examples=300, deadline=None)
@given(COUNTS, st.integers(0, 90), st.integers(0, 99))
def test_water_filling_is_what_trying_every_cut_finds(counts, target, seed):
    share = water_filling(np.array(counts), target, np.random.default_rng(seed))
    cut = cut_by_trying(counts, target)
    assert share.sum() == min(target, sum(counts))
    extra = share - np.minimum(cut, counts)
    assert set(extra.tolist()) <= {0, 1}
    assert all(n > cut for n, e in zip(counts, extra, strict=True) if e)


def test_the_remainder_goes_to_any_of_the_larger_clusters_alike():
    counts = np.array([2, 9, 9, 9, 1])
    took = Counter()
    for seed in range(600):
        share = water_filling(counts, 10, np.random.default_rng(seed))
        assert share[[0, 4]].tolist() == [2, 1]
        assert sorted(share[1:4]) == [2, 2, 3]
        took[int(share.argmax())] += 1
    # binomial(600, 1/3): four standard deviations are 46
    assert all(abs(took[i] - 200) < 46 for i in (1, 2, 3))


def test_water_filling_of_an_archive_and_bad_arguments():
    counts = np.array([10**15, 5, 10**14])
    rng = np.random.default_rng(0)
    share = water_filling(counts, 3 * 10**14, rng)
    assert share.tolist() == [2 * 10**14 - 5, 5, 10**14]
    for bad, target in (([1, -2], 1), ([1, 2], -1)):
        with pytest.raises(TrainingError, match="must not be negative"):
            water_filling(np.array(bad), target, rng)


# ------------------------------------------------------------------ balanced sampling


def test_shares_are_balanced_from_the_top_level_down():
    sizes = [100, 2, 50, 30]
    label = np.repeat(np.arange(4, dtype=np.int32), sizes)
    parent = np.array([0, 0, 1, 1], np.int32)
    centroids = (np.zeros((4, 1)), np.zeros((2, 1)))
    rng = np.random.default_rng(0)
    order = rng.permutation(len(label))
    label = label[order]
    tree = Tree(centroids, (parent,), (label, parent[label]), rng.uniform(size=182))
    rows = balanced_sample(tree, 80, seed=1)
    assert (np.diff(rows) > 0).all()
    # 40 for each half; in the first half 2 rows are all that one leaf has
    assert np.bincount(label[rows]).tolist() == [38, 2, 20, 20]
    assert balanced_sample(tree, 182).tolist() == list(range(182))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 80), st.floats(-1, 1))
def test_as_many_different_rows_as_asked(seed, n_keep, preference):
    rows = np.random.default_rng(seed).normal(size=(80, 3))
    tree = hierarchical_kmeans(rows, (9, 3), seed=seed)
    kept = balanced_sample(tree, n_keep, preference=preference, seed=seed)
    assert len(set(kept.tolist())) == len(kept) == n_keep
    top = np.bincount(tree.labels[1][kept], minlength=3)
    cut = cut_by_trying(tree.counts[1].tolist(), n_keep)
    assert (top >= np.minimum(cut, tree.counts[1])).all()
    same = balanced_sample(tree, n_keep, preference=preference, seed=seed)
    np.testing.assert_array_equal(kept, same)


def test_the_extremes_of_the_preference_are_the_strict_order():
    distance = np.random.default_rng(3).permutation(50) / 50
    order = np.argsort(distance)
    for seed in range(5):
        near = balanced_sample(leaf(distance), 7, preference=1, seed=seed)
        far = balanced_sample(leaf(distance), 7, preference=-1, seed=seed)
        assert near.tolist() == sorted(order[:7])
        assert far.tolist() == sorted(order[-7:])


def test_equal_distances_are_drawn_alike_at_the_extremes():
    distance = [0.5, 0.5, 0.1, 0.5]
    took = Counter()
    for seed in range(600):
        rows = balanced_sample(leaf(distance), 2, preference=1, seed=seed).tolist()
        assert 2 in rows
        took.update(rows)
    assert all(abs(took[i] - 200) < 46 for i in (0, 1, 3))


@pytest.mark.parametrize("eta", [-0.5, 0.0, 0.3])
def test_one_row_is_drawn_with_the_documented_weights(eta):
    distance = np.array([0.3, 0.0, 0.9, 0.1])
    rank = np.array([2, 0, 3, 1])
    weight = np.exp(eta / (1 - abs(eta)) * (1 - (2 * rank + 1) / 4))
    expected = weight / weight.sum()
    tree, n = leaf(distance), 2000
    took = np.zeros(4)
    for seed in range(n):
        took[balanced_sample(tree, 1, preference=eta, seed=seed)] += 1
    error = np.sqrt(expected * (1 - expected) / n)
    assert (np.abs(took / n - expected) < 4 * error).all()


def test_the_preference_moves_what_is_kept_towards_the_centroid():
    distance = np.random.default_rng(0).uniform(size=4000)
    means = [
        distance[balanced_sample(leaf(distance), 1000, preference=eta)].mean()
        for eta in (-1, -0.8, -0.5, -0.2, 0, 0.2, 0.5, 0.8, 1)
    ]
    assert (np.diff(means) < 0).all()
    assert means[4] == pytest.approx(distance.mean(), abs=0.03)
    assert means[-1] == pytest.approx(np.sort(distance)[:1000].mean())


@pytest.mark.parametrize("n_keep", [0, 4, -1])
def test_more_rows_than_there_are(n_keep):
    with pytest.raises(
        TrainingError, match=f"n_keep must be 1 to the 3 rows; got {n_keep}"
    ):
        balanced_sample(leaf([0, 0, 0]), n_keep)


@pytest.mark.parametrize("eta", [1.1, -2, np.nan])
def test_a_preference_out_of_range(eta):
    with pytest.raises(TrainingError, match="preference must be -1 to 1"):
        balanced_sample(leaf([0, 0, 0]), 1, preference=eta)
    with pytest.raises(TrainingError, match="preference must be -1 to 1"):
        curate(np.eye(3), fraction=0.5, levels=(2,), preference=eta)


# ------------------------------------------------------------------ curation


def test_rare_things_gain_and_the_report_says_how_much():
    sizes = [900, 60, 30, 10]
    rows, kind = blobs(sizes)
    names = ("waves", "front", "slick", "berg")
    selection = curate(
        rows, fraction=0.2, levels=(8, 4), labels=kind, class_names=names
    )
    report = selection.report
    kept = np.bincount(kind[selection.rows])
    # 200 rows over four groups: 10 and 30 are used up, 80 a group for the others
    assert kept[[2, 3]].tolist() == [30, 10]
    assert kept[1] == 60
    assert report.classes == {
        "waves": (100, 900),
        "front": (60, 60),
        "slick": (30, 30),
        "berg": (10, 10),
    }
    assert report.levels == (8, 4)
    assert (report.kept <= report.available).all()
    assert report.available.sum() == 1000
    assert report.kept.sum() == len(selection.rows) == 200
    tree = hierarchical_kmeans(rows, (8, 4))
    for found, of_leaf in (
        (report.available, tree.labels[0]),
        (report.kept, tree.labels[0][selection.rows]),
    ):
        assert found.tolist() == [int((of_leaf == k).sum()) for k in range(8)]
    for level, (before, after) in enumerate(report.effective_clusters):
        of_row = tree.labels[level]
        assert before == effective_clusters(np.bincount(of_row))
        assert after == effective_clusters(np.bincount(of_row[selection.rows]))
    # 4 groups at the last level: exp of the entropy of 0.9, 0.06, 0.03, 0.01 and of
    # 0.5, 0.3, 0.15, 0.05
    assert report.effective_clusters[1] == pytest.approx((1.5142, 3.1337), abs=1e-3)


def test_embeddings_and_seed_decide_and_labels_do_not():
    rows, kind = blobs([80, 15, 5], spread=0.3)
    choice = {"fraction": 0.3, "levels": (10, 3), "subsample": 60}
    plain = curate(rows, seed=3, **choice).rows
    labelled = curate(rows, seed=3, labels=kind[::-1], **choice).rows
    other = curate(rows, seed=4, **choice).rows
    np.testing.assert_array_equal(plain, labelled)
    assert not np.array_equal(plain, other)


@pytest.mark.parametrize(
    ("fraction", "n"), [(1, 40), (0.5, 20), (0.26, 10), (0.29, 12), (1e-9, 1)]
)
def test_how_much_is_kept(fraction, n):
    rows, _ = blobs([30, 10])
    selection = curate(rows, fraction=fraction, levels=(2,))
    assert len(selection.rows) == n
    assert selection.report.classes == {}


@pytest.mark.parametrize("fraction", [0, -0.1, 1.01, np.nan])
def test_a_fraction_out_of_range(fraction):
    with pytest.raises(TrainingError, match="fraction must be above 0"):
        curate(np.eye(3), fraction=fraction, levels=(2,))


@pytest.mark.parametrize(
    ("labels", "names", "expected"),
    [
        ([0, 0, 2, -1], ("a", "b", "c"), {"a": 2, "b": 0, "c": 1, "unlabelled": 1}),
        ([0, 0, 2, 1], ("a", "b", "c"), {"a": 2, "b": 1, "c": 1}),
        ([0.0, np.nan, 2.0, 0.0], ("a", "b", "c"), {"a": 2, "b": 0, "c": 1, "unlabelled": 1}),
        ([-1, -1, -1, -1], ("a",), {"a": 0, "unlabelled": 4}),
        ([5, 3, 5, -9], (), {"3": 1, "5": 2, "unlabelled": 1}),
        (["x", "y", "x", "y"], (), {"x": 2, "y": 2}),
        (np.array(["x", None, "x", np.nan], object), (), {"x": 2, "unlabelled": 2}),
    ],
)  # fmt: skip
def test_labels_by_name_or_number(labels, names, expected):
    selection = curate(
        np.eye(4), fraction=1, levels=(2,), labels=labels, class_names=names
    )
    assert selection.report.classes == {k: (n, n) for k, n in expected.items()}


@pytest.mark.parametrize("labels", [[0, 1, 2, 0], [0.5, 0, 0, 0], ["a", "b", "a", "b"]])
def test_labels_without_a_name(labels):
    with pytest.raises(TrainingError, match="labels must be numbers of the 2 class_n"):
        curate(
            np.eye(4), fraction=1, levels=(2,), labels=labels, class_names=("a", "b")
        )


def test_labels_of_other_rows():
    with pytest.raises(DimensionError, match="each of the 4 rows"):
        curate(np.eye(4), fraction=1, levels=(2,), labels=[0, 1])


def test_the_report_in_words_and_in_json():
    rows, kind = blobs([90, 10])
    labels = np.where(kind == 1, "berg", "waves")
    report = curate(rows, fraction=0.2, levels=(2,), labels=labels).report
    assert str(report) == (
        "kept 20 of 100; effective clusters 1.4 -> 2.0 of 2; "
        "kept of each class: berg 10/10, waves 10/90"
    )
    summary = json.loads(json.dumps(report.summary()))
    assert sorted(summary.pop("clusters")["available"]) == [10, 90]
    # exp(-(0.9 ln 0.9 + 0.1 ln 0.1))
    assert summary.pop("effective_clusters_before") == pytest.approx(1.384145)
    assert summary.pop("effective_clusters") == [pytest.approx([1.384145, 2])]
    assert summary == {
        "available": 100,
        "kept": 20,
        "levels": [2],
        "effective_clusters_after": pytest.approx(2),
        "classes": {
            "berg": {"available": 10, "kept": 10},
            "waves": {"available": 90, "kept": 10},
        },
    }


@pytest.mark.parametrize(
    ("counts", "expected"),
    [([7], 1), ([0, 7, 0], 1), ([1, 1, 1], 3), ([2, 1, 1], 2 * np.sqrt(2))],
)
def test_effective_clusters_of_known_shares(counts, expected):
    assert effective_clusters(np.array(counts)) == pytest.approx(expected)
