import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from xoceansar import simulate
from xoceansar.errors import (
    DimensionError,
    MissingVariableError,
    OceansarError,
    OceansarWarning,
)
from xoceansar.splits.orbit_passes import orbit_pass
from xoceansar.splits.partition import group_split, overlap, random_split, time_split


def stem(orbit, datatake, number, platform="s1a"):
    beam = "wv1" if number % 2 else "wv2"
    return (
        f"{platform}-{beam}-slc-vv-20210403t083025-20210403t083028-"
        f"{orbit:06d}-{datatake:06x}-{number:03d}"
    )


def dataset(**columns):
    return xr.Dataset(coords={k: ("vignette", np.array(v)) for k, v in columns.items()})


def test_products_of_one_pass_belong_together():
    ds = dataset(
        vignette_id=[stem(100, 1, 1), stem(100, 1, 2), stem(101, 2, 1)],
        product=["A", "B", "C"],
    )
    assert orbit_pass(ds).tolist() == ["S1A-000100", "S1A-000100", "S1A-000101"]


def test_a_data_take_across_the_equator_is_one_pass():
    ds = dataset(vignette_id=[stem(100, 7, 1), stem(101, 7, 2), stem(101, 8, 1)])
    assert len(set(orbit_pass(ds))) == 1


def test_satellites_share_no_pass():
    ds = dataset(vignette_id=[stem(100, 7, 1, "s1a"), stem(100, 7, 1, "s1b")])
    assert orbit_pass(ds).tolist() == ["S1A-000100", "S1B-000100"]


def test_product_ties_names_that_are_not_of_sentinel():
    ds = dataset(vignette_id=["a", "b", "c"], product=["P", "P", "Q"])
    assert orbit_pass(ds).tolist() == ["P", "P", "Q"]


def test_time_ties_what_has_no_name():
    minutes = np.array([0, 5, 14, 30, 31, 2], "timedelta64[m]")
    ds = dataset(
        time=np.datetime64("2021-01-01", "ns") + minutes,
        platform=["S1A"] * 5 + ["S1B"],
    )
    assert orbit_pass(ds).tolist() == [
        *["S1A-2021-01-01T00:00:00"] * 3,
        *["S1A-2021-01-01T00:30:00"] * 2,
        "S1B-2021-01-01T00:02:00",
    ]


def test_what_is_not_known_to_be_apart_is_together():
    moments = np.array(["2021-01-01", "NaT", "NaT"], "datetime64[ns]")
    first, second, third = orbit_pass(dataset(time=moments))
    assert first != second == third
    assert len(set(orbit_pass(dataset(vignette_id=["a", "b"])))) == 1


def test_nothing_to_go_by_is_an_error():
    with pytest.raises(MissingVariableError, match=r"assign_coords\(product"):
        orbit_pass(dataset(beam=["wv1", "wv2"]))
    with pytest.raises(DimensionError, match="'vignette'"):
        orbit_pass(xr.Dataset({"swh": ("time", [1.0])}))


def test_simulated_passes_are_their_products():
    ds = simulate.vignettes(45, seed=3, chunks=5)
    passes = orbit_pass(ds)
    assert len(set(zip(passes, ds["product"].values, strict=True))) == 3
    assert len(set(passes)) == 3


def test_no_image_is_read(no_compute):
    ds = simulate.vignettes(4, seed=3, chunks=2)
    assert len(orbit_pass(ds)) == 4


@settings(max_examples=60, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 12), min_size=3, max_size=25),
    seed=st.integers(0, 99),
    validation=st.sampled_from([0.0, 0.2]),
)
def test_a_group_is_on_one_side(sizes, seed, validation):
    groups = np.repeat(np.arange(len(sizes)), sizes)
    split = group_split(groups, test=0.3, validation=validation, seed=seed)
    assert sorted(np.concatenate(split)) == list(range(len(groups)))
    sides = [set(groups[rows]) for rows in split]
    assert sum(map(len, sides)) == len(sizes)
    assert len(split.train)
    assert len(split.test)
    assert bool(len(split.validation)) == bool(validation)


def test_shares_and_classes_are_kept():
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(60), 10)
    rare = rng.random(60) < 0.2
    classes = np.where(rare[groups], rng.integers(0, 3, 600), 0)
    split = group_split(groups, test=0.25, strata=classes, seed=2)
    assert len(split.test) == pytest.approx(150, abs=10)
    for label in range(3):
        whole, tested = (classes == label).sum(), (classes[split.test] == label).sum()
        assert tested / whole == pytest.approx(0.25, abs=0.08)


def test_large_groups_do_not_spoil_the_shares():
    groups = np.r_[np.zeros(40, int), np.arange(1, 61)]
    for seed in range(5):
        assert len(group_split(groups, test=0.4, seed=seed).test) == 40


def test_a_seed_is_a_split():
    groups = np.repeat(np.arange(20), 5)
    one, again, other = (group_split(groups, seed=s).test.tolist() for s in (0, 0, 1))
    assert one == again != other


@pytest.mark.parametrize(
    "fractions", [{"test": 0.0}, {"test": 1.0}, {"test": 0.6, "validation": 0.5}]
)
def test_nothing_left_is_an_error(fractions):
    with pytest.raises(OceansarError, match="fractions"):
        group_split(np.arange(9), **fractions)


def test_too_few_groups_are_an_error():
    with pytest.raises(OceansarError, match="found 1"):
        group_split(["a"] * 30)
    with pytest.raises(DimensionError, match="30 rows"):
        group_split(np.arange(30), strata=np.zeros(29))


def test_the_latest_passes_are_scored():
    groups = np.repeat(["c", "a", "b", "d"], 5)
    start = np.array([0, 20, 10, 30], "timedelta64[D]")
    times = np.datetime64("2021-01-01") + np.repeat(start, 5)
    split = time_split(groups, times, test=0.45)
    assert set(groups[split.train]) == {"c", "b"}
    assert set(groups[split.test]) == {"a", "d"}
    assert times[split.train].max() < times[split.test].min()
    assert set(groups[time_split(groups, times, test=0.01).test]) == {"d"}
    with pytest.raises(OceansarError, match="1 missing times"):
        time_split(groups, np.where(np.arange(20) == 3, np.datetime64("NaT"), times))


def test_random_split_warns():
    with pytest.warns(OceansarWarning, match="too good"):
        split = random_split(40, test=0.25)
    assert len(split.test) == 10


def test_overlap_is_named():
    assert overlap(["a", "b", "b"], ["b", "c"]) == ["b"]
    assert overlap(["a"], ["b"]) == []
