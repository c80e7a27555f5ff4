"""The search against a comparison of every pair in float64."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xoceansar.neighbours.integer_tile import has_avx2
from xoceansar.neighbours.nearest import nearest
from xoceansar.neighbours.screens import DeviceScreen, FloatScreen, IntegerScreen

SCREENS = ["float", "device", "integer"]


def brute(queries, rows, k, metric, without=None):
    """Score everything, and sort: the best first, of equals the lower index."""
    q, x = queries.astype(np.float64), rows.astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        score = q @ x.T
        if metric == "cosine":
            score = score / np.linalg.norm(q, axis=1)[:, None]
            score = score / np.linalg.norm(x, axis=1)
    score[~np.isfinite(score)] = -np.inf
    if without is not None:
        score[np.arange(len(q)), without] = -np.inf
    order = np.argsort(-score, axis=1, kind="stable")[:, :k]
    best = np.take_along_axis(score, order, axis=1)
    return np.where(np.isfinite(best), best, np.nan), np.where(
        np.isfinite(best), order, -1
    )


@pytest.fixture(params=SCREENS)
def screen(request, monkeypatch):
    """Search with one way of ruling out, whatever the number of queries."""
    if request.param == "integer" and not has_avx2():
        pytest.skip("no AVX2")
    force(monkeypatch, request.param)
    return request.param


def force(monkeypatch, name):
    chosen = {
        "float": lambda *_: FloatScreen(),
        "device": lambda search, *_: DeviceScreen(search, "cpu"),
        "integer": lambda search, device, pool, threads: IntegerScreen(
            search, pool, threads
        ),
    }[name]
    monkeypatch.setattr("xoceansar.neighbours.nearest._screen", chosen)
    monkeypatch.setattr("xoceansar.neighbours.nearest._TOO_MANY", 2.0)


def made(kind, n, dims, seed):
    """Vectors that are hard in one way or another."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, dims))
    if kind == "alike":  # cosines of 0.99 and more, as of embeddings with a common part
        x = 10 * rng.standard_normal(dims) + x
    elif kind == "clusters":
        x = rng.standard_normal((5, dims))[rng.integers(0, 5, n)] + 0.1 * x
    elif kind == "one dim":  # most of the length in one component
        x[:, 0] += 1000
    elif kind == "two ends":  # turned, all components are large: sums pass 16 bits
        x *= 1e-2
        x[:, 0] += rng.choice([-1.0, 1.0], n)
    elif kind == "outlier":
        x[n // 2] *= 1e4
    elif kind == "lengths":
        x *= np.exp(rng.normal(0, 3, (n, 1)))
    elif kind == "equal":
        x = np.resize(x[: max(1, n // 3)], (n, dims))
    return x.astype(np.float32)


KINDS = [
    "plain", "alike", "clusters", "one dim", "two ends", "outlier", "lengths", "equal",
]  # fmt: skip


@pytest.mark.parametrize("metric", ["cosine", "inner"])
@pytest.mark.parametrize("kind", KINDS)
def test_it_finds_what_a_comparison_of_every_pair_finds(screen, kind, metric):
    rows = made(kind, 700, 100, 1)
    queries = np.concatenate([rows[::40], made("plain", 50, 100, 2)])
    score, index = nearest(queries, [rows[:300], rows[300:]], 9, metric=metric)
    best, place = brute(queries, rows, 9, metric)
    np.testing.assert_allclose(score, best, rtol=2e-7, atol=1e-7)
    if kind != "equal":
        assert (index == place).mean() > 0.999


@given(
    seed=st.integers(0, 2**31),
    shape=st.tuples(st.integers(1, 60), st.integers(1, 130), st.integers(1, 200)),
    k=st.integers(1, 12),
    kind=st.sampled_from(KINDS),
    metric=st.sampled_from(["cosine", "inner"]),
    threads=st.integers(1, 3),
)
@settings(max_examples=60, deadline=None)
@pytest.mark.parametrize("name", SCREENS)
def test_any_sizes_and_blocks(name, seed, shape, k, kind, metric, threads):
    if name == "integer" and not has_avx2():
        pytest.skip("no AVX2")
    n_queries, dims, n = shape
    rng = np.random.default_rng(seed)
    rows, queries = made(kind, n, dims, seed), made("plain", n_queries, dims, seed + 1)
    edges = np.sort(rng.integers(0, n, 3))
    without = rng.integers(0, n, n_queries)
    with pytest.MonkeyPatch.context() as patch:
        force(patch, name)
        score, index = nearest(
            queries, np.split(rows, edges), k, metric=metric, without=without,
            threads=threads,
        )  # fmt: skip
    beyond, places = brute(queries, rows, k + 1, metric, without)
    best, place = beyond[:, :k], places[:, :k]
    width = best.shape[1]
    scale = 1.0 if metric == "cosine" else np.nanmax(np.abs(best), initial=1.0)
    np.testing.assert_allclose(score[:, :width], best, rtol=3e-7, atol=3e-7 * scale)
    assert np.isnan(score[:, width:]).all()
    assert (index[:, width:] == -1).all()
    assert ((index == -1) == np.isnan(score)).all()
    # of scores that float64 cannot tell apart, rounding decides the order
    steps = np.diff(np.nan_to_num(beyond, nan=-1e300), prepend=np.inf, append=-np.inf)
    apart = ((steps[:, :-1] < -1e-12 * scale) & (steps[:, 1:] < -1e-12 * scale))[
        :, :width
    ]
    assert (index[:, :width] == place)[apart].all()


def test_equal_scores_come_by_index(screen):
    rows = np.ones((40, 6), np.float32)
    score, index = nearest(rows[:3], [rows[:17], rows[17:]], 5)
    assert index.tolist() == [[0, 1, 2, 3, 4]] * 3
    np.testing.assert_allclose(score, 1)


def test_the_result_depends_on_neither_blocks_nor_screen(monkeypatch):
    rows, queries = made("clusters", 500, 64, 3), made("clusters", 70, 64, 3)
    results = []
    for name in SCREENS if has_avx2() else SCREENS[:2]:
        with monkeypatch.context() as patch:
            force(patch, name)
            for blocks in ([rows], np.split(rows, [1, 99, 100, 400])):
                results.append(nearest(queries, blocks, 8))  # noqa: PERF401
    for score, index in results[1:]:
        np.testing.assert_array_equal(score, results[0][0])
        np.testing.assert_array_equal(index, results[0][1])


@pytest.mark.parametrize("metric", ["cosine", "inner"])
def test_what_has_no_score_never_matches(screen, metric):
    rows = made("plain", 120, 16, 4)
    rows[[3, 50]] = np.nan
    rows[7, 2] = np.inf
    rows[9] = 0.0
    queries = np.concatenate([rows[:10], made("plain", 60, 16, 5)])
    score, index = nearest(queries, [rows], 120, metric=metric)
    assert np.isnan(score[[3, 7]]).all()
    assert (index[[3, 7]] == -1).all()
    assert not np.isin(index, [3, 50, 7]).any()
    assert (9 in index) == (metric == "inner")
    found = 117 if metric == "inner" else 116
    assert (index[0] >= 0).sum() == found
    assert (index[9] >= 0).sum() == (found if metric == "inner" else 0)


def test_rows_are_read_once_and_an_empty_archive_has_no_match(screen):
    rows, reads = made("plain", 90, 8, 6), []

    def blocks():
        for first in range(0, 90, 30):
            reads.append(first)
            yield rows[first : first + 30]

    nearest(rows, blocks(), 3)
    assert reads == [0, 30, 60]
    score, index = nearest(rows[:2], [], 3)
    assert np.isnan(score).all()
    assert (index == -1).all()
    assert nearest(rows[:0], [rows], 3)[0].shape == (0, 3)


def test_vectors_beyond_the_range_of_integers_and_floats_are_compared_too(screen):
    rows = made("plain", 200, 12, 8)
    for factor in (1e-25, 1e12, 1e19):
        score, index = nearest(
            rows[:60] * np.float32(factor), [rows], 4, metric="inner"
        )
        np.testing.assert_array_equal(index, brute(rows[:60], rows, 4, "inner")[1])
        np.testing.assert_array_equal(
            nearest(rows[:60], [rows * np.float32(factor)], 4)[1],
            brute(rows[:60], rows, 4, "cosine")[1],
        )
        assert np.isfinite(score).all()


@pytest.mark.skipif(not has_avx2(), reason="no AVX2")
def test_the_integer_screen_rules_out_all_but_a_few_percent():
    """If its bound were loose, the result would be right and slow."""
    from xoceansar.neighbours.nearest import _measured
    from xoceansar.neighbours.screens import Search

    for kind in ("plain", "alike"):
        both = made(kind, 9000, 384, 9)
        queries = _measured(both[:256], np.arange(256), "cosine")
        search = Search(
            queries.vectors, queries.scale, queries.length, np.full(256, -2),
            np.full((256, 5), -np.inf), np.full((256, 5), -1),
        )  # fmt: skip
        with ThreadPoolExecutor(2) as pool:
            screen = IntegerScreen(search, pool, 2)
            screen(search, _measured(both[256:5000], np.arange(4744), "cosine"))
            rows = _measured(both[5000:], np.arange(4000), "cosine")
            assert screen(search, rows) < 0.03 * 256 * 4000, kind


def test_what_rounding_loses_is_measured():
    """The bound of the integer screen rests on these numbers."""
    from xoceansar.neighbours import nearest_kernels as kernels

    turned = made("plain", 40, 192, 11)
    scale = 63 / np.abs(turned).max()
    packed = np.zeros((3, 48, 16, 4), np.uint8)
    error, length, part = kernels.pack_rows(turned, scale, packed)
    whole = packed.astype(int).transpose(0, 2, 1, 3).reshape(48, 192)[:40] - 64
    np.testing.assert_array_equal(whole, np.rint(turned.astype(float) * scale))
    lost = np.linalg.norm(turned - whole / scale, axis=1).max()
    assert error == pytest.approx(lost, rel=1e-6)
    assert length == pytest.approx(np.linalg.norm(whole / scale, axis=1).max())
    parts = whole.reshape(40, 2, 24, 2, 2).transpose(0, 1, 3, 2, 4).reshape(40, 4, 48)
    assert part == pytest.approx(np.linalg.norm(parts, axis=2).max())
    small, offsets = np.zeros((40, 192), np.int8), np.zeros((40, 2, 2), np.int16)
    errors = np.empty(40)
    kernels.round_queries(turned, scale, small, offsets, errors)
    np.testing.assert_array_equal(small, whole)
    np.testing.assert_allclose(
        errors, np.linalg.norm(turned - whole / scale, axis=1), rtol=1e-6
    )
    assert kernels.longest_part(turned) >= part / scale - error
