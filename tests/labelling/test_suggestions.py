"""What to label next: new kinds first, then what is undecided; and it pays."""

import numpy as np
import pytest
import xarray as xr

from xoceansar import open_labels
from xoceansar.errors import LabelError, MissingVariableError
from xoceansar.labelling import suggestions
from xoceansar.labelling.suggestions import choose, next_to_label

#: How often each kind occurs: the sea is mostly waves.
SHARES = (0.5, 0.2, 0.1, 0.07, 0.05, 0.03, 0.02, 0.015, 0.01, 0.005)


def kinds_of_sea(seed, n=2000, width=24):
    """Embeddings of ten kinds that overlap, most of them rare, and the kind of each."""
    rng = np.random.default_rng(seed)
    kind = rng.choice(10, n, p=SHARES)
    centres = rng.normal(size=(10, width)) * 1.1
    return centres[kind] + rng.normal(size=(n, width)), kind


def archive_of(vectors):
    ids = [f"v{i}" for i in range(len(vectors))]
    return xr.DataArray(
        vectors.astype(np.float32),
        dims=("vignette", "embedding"),
        coords={"vignette_id": ("vignette", ids)},
    )


def recall(vectors, kind, rows, test):
    """Mean recall of the kinds, each test vignette taken for what is nearest among `rows`."""
    gap = ((vectors[test][:, None] - vectors[rows][None]) ** 2).sum(axis=-1)
    guess = kind[rows][gap.argmin(axis=1)]
    return np.mean(
        [(guess == k)[kind[test] == k].mean() for k in np.unique(kind[test])]
    )


def test_fifty_suggested_labels_beat_fifty_at_random():
    gains = []
    for seed in range(3):
        vectors, kind = kinds_of_sea(seed)
        pool, test = np.arange(1200), np.arange(1200, 2000)
        archive, latest = archive_of(vectors[pool]), {}
        for _ in range(10):
            names = next_to_label(archive, latest, 5, seed=seed)
            latest |= {name: f"k{kind[int(name[1:])]}" for name in names}
        chosen = np.array([int(name[1:]) for name in latest])
        assert len(chosen) == 50
        rng = np.random.default_rng(seed)
        drawn = [rng.choice(pool, 50, replace=False) for _ in range(10)]
        at_random = [recall(vectors, kind, rows, test) for rows in drawn]
        gains.append(recall(vectors, kind, chosen, test) - np.mean(at_random))
        assert recall(vectors, kind, chosen, test) > np.max(at_random)
    assert np.mean(gains) > 0.1


def test_what_is_far_from_all_labels_comes_first():
    rng = np.random.default_rng(0)
    two = np.repeat([[1.0, 0, 0], [0, 1.0, 0]], 30, axis=0)
    points = two + 0.02 * rng.normal(size=two.shape)
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    codes = np.full(60, -1)
    codes[:5] = 0
    first, second = choose(points, codes, 2)
    assert first >= 30, "the kind without a label"
    assert codes[second] == -1


def test_what_labels_leave_undecided_comes_before_what_they_decide():
    angle = np.radians([0, 5, 40, 45, 50, 85, 90])
    points = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    codes = np.array([0, -1, -1, -1, -1, -1, 1])
    assert choose(points, codes, 1)[0] in (2, 3, 4)


def test_nothing_is_suggested_twice_or_with_a_label(tmp_path):
    archive = archive_of(kinds_of_sea(0, n=30)[0])
    labels = open_labels(tmp_path / "a.zarr")
    for name in ("v3", "v4"):
        labels.add(name, "sea_ice")
    names = labels.suggest(archive, 100)
    assert sorted(names, key=lambda n: int(n[1:])) == [
        f"v{i}" for i in range(30) if i not in (3, 4)
    ]
    for name in names:
        labels.add(name, "rain_cells")
    assert labels.suggest(archive, 3) == []


def test_rows_without_an_embedding_or_id_are_no_candidates():
    archive = archive_of(kinds_of_sea(0, n=12)[0])
    archive[2] = np.nan
    archive["vignette_id"].values[5] = ""
    names = next_to_label(archive, {}, 12)
    assert len(names) == 10
    assert not {"v2", "v5", ""} & set(names)


@pytest.mark.parametrize("vectors", [np.ones((6, 4)), np.zeros((1, 4))])
def test_vignettes_that_are_all_alike_are_suggested_all_the_same(vectors):
    assert len(next_to_label(archive_of(vectors), {"v0": "x"}, 2)) == min(
        2, len(vectors) - 1
    )


def test_a_large_archive_is_read_in_part(monkeypatch):
    monkeypatch.setattr(suggestions, "_CANDIDATES", 10)
    archive = archive_of(kinds_of_sea(0, n=100)[0])
    one, again, other = (next_to_label(archive, {}, 10, seed=s) for s in (1, 1, 2))
    assert one == again
    assert set(one) != set(other)
    assert len(one) == 10


@pytest.mark.parametrize("n", [0, True, 1.5])
def test_a_number_is_needed(n):
    with pytest.raises(LabelError, match="whole number"):
        next_to_label(archive_of(np.ones((2, 2))), {}, n)


def test_embeddings_with_ids_are_needed():
    with pytest.raises(MissingVariableError, match="embedding_vector"):
        next_to_label(xr.Dataset({"swh": ("vignette", [1.0])}), {}, 1)
    with pytest.raises(MissingVariableError, match="vignette_id"):
        next_to_label(archive_of(np.ones((2, 2))).drop_vars("vignette_id"), {}, 1)
