import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xoceansar.errors import DimensionError, OceansarWarning, TrainingError
from xoceansar.train.curation import clusters
from xoceansar.train.curation.clusters import hierarchical_kmeans


def blobs(sizes, width=8, spread=0.05, seed=0):
    """Rows around orthogonal directions, and the direction of each."""
    rng = np.random.default_rng(seed)
    kind = np.repeat(np.arange(len(sizes)), sizes)
    rows = np.eye(width)[kind] + spread * rng.normal(size=(len(kind), width))
    return (rows * rng.uniform(0.1, 10, (len(kind), 1))).astype(np.float32), kind


def direction(row):
    row = np.asarray(row, np.float64)
    return row / np.sqrt(sum(x * x for x in row))


def test_well_separated_groups_are_found_whatever_their_sizes():
    rows, kind = blobs([200, 40, 5, 12, 3])
    for seed in range(10):
        tree = hierarchical_kmeans(rows, (5,), seed=seed)
        pairs = set(zip(kind.tolist(), tree.labels[0].tolist(), strict=True))
        assert len(pairs) == 5
        assert sorted(tree.counts[0]) == [3, 5, 12, 40, 200]


def test_a_small_group_is_not_missed_by_bad_luck():
    # One start misses it for about one seed in ten.
    rng = np.random.default_rng(0)
    centre = np.where(np.arange(100) < 90, -4, 4)[:, None]
    rows = centre + rng.normal(size=(100, 2))
    for seed in range(30):
        tree = hierarchical_kmeans(rows, (2,), seed=seed)
        assert sorted(tree.counts[0]) == [10, 90]


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(20, 60), st.integers(1, 5))
def test_every_row_is_at_its_nearest_centroid(seed, n, width):
    rows = np.random.default_rng(seed).normal(size=(n, width + 1))
    tree = hierarchical_kmeans(rows, (7, 3), subsample=15, seed=seed)
    assert tree.levels == (7, 3)
    for i, row in enumerate(rows):
        cosines = [float(direction(row) @ c) for c in tree.centroids[0]]
        assert 1 - max(cosines) == pytest.approx(tree.distance[i], abs=1e-6)
        assert cosines[tree.labels[0][i]] == pytest.approx(max(cosines), abs=1e-6)
        assert tree.labels[1][i] == tree.parents[0][tree.labels[0][i]]
    assert tree.distance.min() >= 0


@pytest.mark.parametrize("seed", range(3))
def test_centroids_are_mean_directions_of_rows_and_then_of_centroids(seed):
    rows = np.random.default_rng(seed).normal(size=(300, 6)) + 0.5
    tree = hierarchical_kmeans(rows, (20, 4), seed=seed, iterations=1000)
    for k, centroid in enumerate(tree.centroids[0]):
        members = [direction(r) for r in rows[tree.labels[0] == k]]
        np.testing.assert_allclose(centroid, direction(sum(members)), atol=1e-6)
    # each centroid counts once, however many rows it stands for
    for k, centroid in enumerate(tree.centroids[1]):
        members = tree.centroids[0][tree.parents[0] == k].astype(np.float64)
        np.testing.assert_allclose(centroid, direction(members.sum(0)), atol=1e-6)


def test_only_directions_count_even_where_squares_overflow():
    rows, _ = blobs([30, 10, 5], spread=0.3)
    reference = hierarchical_kmeans(rows, (6, 2))
    factors = np.exp2(np.random.default_rng(1).integers(-90, 90, (len(rows), 1)))
    for scaled in (
        rows * factors,
        (rows * factors).astype(np.float32),
        rows.astype(float) * 2.0**900,
    ):
        tree = hierarchical_kmeans(scaled, (6, 2))
        np.testing.assert_array_equal(tree.labels, reference.labels)
        np.testing.assert_allclose(tree.distance, reference.distance, atol=1e-6)
    whole = hierarchical_kmeans(np.array([[3, 0], [0, 7], [5, 0]]), (2,))
    assert whole.labels[0][0] == whole.labels[0][2] != whole.labels[0][1]


def test_the_seed_decides_alone():
    rows, _ = blobs([60, 30, 10], spread=0.4)
    before = rows.copy()
    trees = []
    for noise in range(2):
        np.random.seed(noise)  # noqa: NPY002 - the state that must not matter
        trees.append(hierarchical_kmeans(rows, (12, 3), subsample=50, seed=4))
    other = hierarchical_kmeans(rows, (12, 3), subsample=50, seed=5)
    for a, b in zip(trees[0].centroids, trees[1].centroids, strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(trees[0].labels, trees[1].labels)
    assert not np.array_equal(trees[0].labels[0], other.labels[0])
    np.testing.assert_array_equal(rows, before)


def test_blocks_do_not_show(monkeypatch, tmp_path):
    rows, _ = blobs([60, 30, 10], spread=0.4)
    mapped = np.lib.format.open_memmap(
        tmp_path / "rows.npy", "w+", np.float32, rows.shape
    )
    mapped[:] = rows
    whole = hierarchical_kmeans(rows, (12, 3), subsample=50)
    # Five starts, as without it.
    monkeypatch.setattr(clusters, "_BLOCK", 12 * 50)
    blocked = hierarchical_kmeans(mapped, (12, 3), subsample=50)
    np.testing.assert_array_equal(whole.labels, blocked.labels)
    np.testing.assert_allclose(whole.distance, blocked.distance, atol=1e-6)


def test_clusters_are_fitted_on_so_many_rows_and_no_others():
    rows, _ = blobs([500, 500], spread=0.5)
    tree = hierarchical_kmeans(rows, (10,), subsample=10, seed=2)
    fitted = np.flatnonzero(tree.distance < 1e-6)
    assert len(fitted) == 10
    assert fitted[0] < 500 <= fitted[-1]
    units = np.array([direction(r) for r in rows[fitted]])
    found = tree.centroids[0][tree.labels[0][fitted]]
    np.testing.assert_allclose(found, units, atol=1e-6)
    everything = hierarchical_kmeans(rows, (10,), subsample=5000, seed=2)
    assert (everything.distance < 1e-6).sum() < 10


@pytest.mark.parametrize(
    ("n", "asked", "found"),
    [
        (3, (10, 2), (3, 2)),
        (3, (10, 5), (3,)),
        (3, (10, 3), (3,)),
        (5, (100, 10, 2), (5, 2)),
        (1, (4, 2), (1,)),
    ],
)
def test_fewer_rows_than_clusters(n, asked, found):
    rows = np.random.default_rng(0).normal(size=(n, 4))
    with pytest.warns(OceansarWarning, match=rf"asked for: there are {n} rows to fit"):
        tree = hierarchical_kmeans(rows, asked)
    assert tree.levels == found
    assert tree.counts[0].tolist() == [1] * n
    np.testing.assert_allclose(tree.distance, 0, atol=1e-6)


def test_equal_rows_make_one_cluster():
    # The lengths differ, so that the unit vectors are equal up to round-off.
    rng = np.random.default_rng(0)
    rows = np.tile(rng.normal(size=(4, 64)), (25, 1)) * rng.uniform(1, 2, (100, 1))
    with pytest.warns(OceansarWarning, match="equal ones count once"):
        tree = hierarchical_kmeans(rows, (10, 3))
    assert tree.levels == (4, 3)
    assert tree.counts[0].tolist() == [25] * 4
    assert (tree.labels[0].reshape(25, 4) == tree.labels[0][:4]).all()


def test_one_cluster_and_opposite_rows():
    rows = np.array([[1.0, 2.0], [-1.0, -2.0]])
    tree = hierarchical_kmeans(rows, (1,))
    assert tree.counts[0].tolist() == [2]
    assert np.linalg.norm(tree.centroids[0]) == pytest.approx(1)
    assert sorted(tree.distance) == pytest.approx([0, 2], abs=1e-6)


def test_an_empty_cluster_moves_to_the_row_farthest_from_its_own():
    points = np.array([[1, 0], [0.8, 0.6], [0, 1]], np.float32)
    similarity = np.array([0.9, 0.99, 0.7], np.float32)
    last = np.array([[1, 0], [-1, 0]], np.float32)
    means = clusters._means(points, np.zeros(3, np.int32), similarity, last)
    np.testing.assert_allclose(means, [direction([1.8, 1.6]), [0, 1]], atol=1e-6)
    at_centroid = np.ones(3, np.float32)
    stays = clusters._means(points, np.zeros(3, np.int32), at_centroid, last)
    np.testing.assert_array_equal(stays[1], last[1])


def test_rows_without_a_direction_are_counted_and_refused():
    rows = np.ones((10, 3))
    rows[[1, 4], 0] = np.nan
    rows[7, 2] = np.inf
    rows[8] = 0
    with pytest.raises(
        TrainingError, match="of 10 rows 3 are not finite and 1 are all"
    ):
        hierarchical_kmeans(rows, (2,))


@pytest.mark.parametrize("shape", [(4,), (0, 3), (3, 0), (2, 2, 2)])
def test_embeddings_of_another_shape(shape):
    with pytest.raises(DimensionError, match="embeddings must be a matrix"):
        hierarchical_kmeans(np.ones(shape), (2,))


@pytest.mark.parametrize("levels", [(), (0,), (3, 3), (2, 5), (5, -1)])
def test_levels_that_do_not_fall(levels):
    with pytest.raises(TrainingError, match="finest first, each smaller"):
        hierarchical_kmeans(np.eye(3), levels)


@pytest.mark.parametrize("name", ["subsample", "iterations"])
def test_other_arguments_out_of_range(name):
    with pytest.raises(TrainingError, match=f"{name} must be 1 or more; got 0"):
        hierarchical_kmeans(np.eye(3), (2,), **{name: 0})
    with pytest.raises(TrainingError, match="real numbers; got the type complex128"):
        hierarchical_kmeans(np.eye(3) * 1j, (2,))
