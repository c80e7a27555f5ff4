"""Scores that the field uses: the CCI round robin, triple collocation, CMOD5.N, more divisions."""

import json
import math

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from xoceansar.conventions import OCEAN_CLASSES
from xoceansar.errors import DimensionError, MissingVariableError, OceansarError
from xoceansar.evaluate import (
    Competitor,
    benchmark,
    calibration_period,
    cci_score,
    combine_cci,
    orbit_pass,
    triple_collocation,
    write_report,
)
from xoceansar.evaluate.benchmark_result import references
from xoceansar.sar import cmod5n, invert_cmod5n

# The round robin again, row by row, as its report states it


def plain_cci(rows):
    """Score of (truth, prediction or None, beam, latitude), without a library."""
    scales = {
        (0.0, 1.5): (0.12, 0.2, 0.6, 30.0, 5.0),
        (1.5, 3.0): (0.62, 0.2, 0.6, 30.0, 5.0),
        (3.0, 6.0): (0.24, 0.2, 1.0, 50.0, 10.0),
        (6.0, 30.0): (0.02, 0.2, 1.0, 60.0, 10.0),
    }
    beams = []
    for beam in ("wv1", "wv2"):
        total = 0.0
        for (low, high), (weight, least, most, missing, outliers) in scales.items():
            own = [
                (truth, guess) for truth, guess, b, latitude in rows
                if b == beam and -60 < latitude < 60 and low < truth < high
            ]  # fmt: skip
            errors = sorted(abs(g - t) for t, g in own if g is not None)
            if not errors:
                return math.nan
            n, m = len(own), len(errors)
            rmse = math.sqrt(sum(e * e for e in errors) / m)
            median = (errors[(m - 1) // 2] + errors[m // 2]) / 2
            far = 0
            for metre in range(25):
                here = [
                    abs(g - t)
                    for t, g in own
                    if g is not None and metre < t < metre + 1
                ]
                if here:
                    limit = 3 * math.sqrt(sum(e * e for e in here) / len(here))
                    far += sum(e > limit for e in here)
            total += weight * (
                (rmse - least) / (most - least)
                + median / 0.5
                + 100 * (n - m) / n / missing
                + 100 * far / n / outliers
            )
        beams.append(total / 4)
    return sum(beams) / 2


def _sea(seed, n=4000, gaps=0.05):
    rng = np.random.default_rng(seed)
    truth = rng.gamma(3.5, 0.75, n)
    truth[: n // 50] = np.round(
        truth[: n // 50], 0
    )  # on the bounds of classes and metres
    truth[n // 50 : n // 40] = rng.uniform(6, 29, n // 40 - n // 50)
    pred = truth + rng.standard_t(3, n) * 0.3
    pred[rng.random(n) < gaps] = np.nan
    return truth, pred, rng.choice(["wv1", "wv2"], n), rng.uniform(-80, 80, n)


@pytest.mark.parametrize("seed", range(8))
def test_the_cci_score_equals_a_plain_one(seed):
    truth, pred, beam, latitude = _sea(seed)
    rows = [
        (t, None if np.isnan(p) else p, b, y)
        for t, p, b, y in zip(
            truth.tolist(), pred.tolist(), beam.tolist(), latitude.tolist(), strict=True
        )
    ]
    score = cci_score(truth, pred, beam, latitude=latitude)
    assert score.total == pytest.approx(plain_cci(rows), abs=1e-9)
    assert score.total == pytest.approx(score.beams.mean(), abs=1e-12)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.one_of(st.floats(0, 31), st.integers(0, 31).map(float)),
            st.one_of(st.none(), st.floats(0, 35)),
            st.sampled_from(["wv1", "wv2"]),
            st.floats(-90, 90),
        ),
        max_size=60,
    )
)
def test_the_cci_score_equals_a_plain_one_of_few_rows(rows):
    # one of each class and beam, so that mostly there is a score at all
    rows = [
        *rows,
        *((t, t + 0.1, b, 0.0) for t in (0.7, 2.2, 4.4, 7.7) for b in ("wv1", "wv2")),
    ]
    truth, pred, beam, latitude = zip(*rows, strict=True)
    score = cci_score(
        truth, [np.nan if p is None else p for p in pred], beam, latitude=latitude
    )
    assert score.total == pytest.approx(plain_cci(rows), rel=1e-9, abs=1e-9)


def test_the_measures_are_those_of_each_class():
    truth = np.full(200, 2.2)
    pred = truth + 0.1
    pred[:10] = np.nan
    pred[10] = 9.0  # 6.8 m off, where the rest is 0.1 m off: root mean square 0.503
    table = cci_score(truth, pred, ["wv1"] * 200).table
    row = table[(table.beam == "wv1") & (table.sea_state == "medium")].iloc[0]
    assert (row.n, row.missing, row.outliers) == (200, 5.0, 0.5)
    assert row["median"] == pytest.approx(0.1)
    rmse = np.sqrt((189 * 0.01 + 6.8**2) / 190)
    assert row.rmse == pytest.approx(rmse)
    expected = 0.62 * ((rmse - 0.2) / 0.4 + 0.2 + 5 / 30 + 0.5 / 5)
    assert row.score == pytest.approx(expected)
    # a perfect algorithm is better than nothing at all: it is not clipped
    perfect = cci_score(
        np.tile([0.7, 2.2, 4.4, 7.7], 2),
        np.tile([0.7, 2.2, 4.4, 7.7], 2),
        ["wv1"] * 4 + ["wv2"] * 4,
    )
    assert perfect.total == pytest.approx((-0.5 * 0.74 - 0.25 * 0.26) / 4)


def test_a_class_without_rows_leaves_no_score():
    calm = cci_score([0.7, 2.0], [0.8, 2.1], ["wv1", "wv2"])
    assert np.isnan(calm.total)
    assert calm.table.score.notna().sum() == 2
    with pytest.raises(OceansarError, match="wv1 and wv2; got iw1"):
        cci_score([1.0], [1.0], ["iw1"])
    with pytest.raises(DimensionError, match="one value for each of the 2 rows"):
        cci_score([1.0, 2.0], [1.0, 2.0], ["wv1"])


def test_buoys_and_model_are_weighed():
    one, other = (cci_score(*_sea(seed)[:3]) for seed in (1, 2))
    both = combine_cci(one, other)
    assert both.total == pytest.approx(0.3 * one.total + 0.7 * other.total)
    assert both.table.n.tolist() == (one.table.n + other.table.n).tolist()


# Triple collocation


def test_errors_of_three_sources_are_told_apart():
    rng = np.random.default_rng(3)
    truth = rng.gamma(4, 0.6, 40_000)
    sources = {
        "sar": 1.2 * truth + 0.3 + rng.normal(0, 0.5, truth.size),
        "altimeter": truth + rng.normal(0, 0.15, truth.size),
        "model": 0.9 * truth - 0.1 + rng.normal(0, 0.3, truth.size),
    }
    sources["sar"][:100] = np.nan
    table = triple_collocation(sources, draws=40)
    np.testing.assert_allclose(table.error, [0.5, 0.15, 0.3], atol=0.015)
    np.testing.assert_allclose(table.slope, [1, 1 / 1.2, 0.9 / 1.2], rtol=0.02)
    spread = [
        np.corrcoef(truth[100:], values[100:])[0, 1] for values in sources.values()
    ]
    np.testing.assert_allclose(table.correlation, spread, atol=0.01)
    assert (table.lower < table.error).all()
    assert (table.upper > table.error).all()
    assert table.n.tolist() == [39_900] * 3


def test_errors_in_common_hide():
    """What two sources share counts as truth: the reason for the warning in the notes."""
    rng = np.random.default_rng(4)
    truth, shared = rng.normal(2, 1, 20_000), rng.normal(0, 0.4, 20_000)
    one, two, three = (
        truth + e
        for e in (
            shared,
            shared + rng.normal(0, 0.1, 20_000),
            rng.normal(0, 0.2, 20_000),
        )
    )
    table = triple_collocation({"a": one, "b": two, "c": three}, draws=2)
    assert not table.error["a"] > 0.1  # it is 0.4
    assert table.error["c"] > 0.3  # it is 0.2


def test_what_triple_collocation_needs_is_said():
    x = np.arange(40.0)
    with pytest.raises(OceansarError, match="three sources; got 2: a, b"):
        triple_collocation({"a": x, "b": x})
    with pytest.raises(OceansarError, match=r"30 rows .* got 29 of 40"):
        triple_collocation({"a": x, "b": x, "c": np.where(x < 11, np.nan, x)})
    with pytest.raises(DimensionError, match="row by row"):
        triple_collocation({"a": x, "b": x, "c": x[:-1]})


# In the benchmark


class Known(Competitor):
    """What a table says."""

    needs_training = False
    name = "known"

    def predict(self, task, train, test, store):
        return test.ds["known"].values


@pytest.fixture(scope="module")
def ds():
    rng = np.random.default_rng(8)
    truth, pred, beam, latitude = _sea(9, n=600, gaps=0.0)
    n = len(truth)
    time = np.datetime64("2021-06-20", "ns") + np.arange(n) * np.timedelta64(30, "m")
    wind = rng.uniform(3, 15, n)
    heading, incidence = np.zeros(n), np.where(beam == "wv1", 23.8, 36.8)
    sigma0 = cmod5n(wind, 90.0, incidence)[:, None, None] * np.ones((n, 2, 2))
    along = {
        "swh": (truth, "m"), "known": (np.maximum(pred, 0.0), "m"), "wind_speed": (wind, "m s-1"),
        "swh_model": (truth + rng.normal(0, 0.3, n), "m"), "direction": (np.zeros(n), "degree"),
        "wind_to_direction": (np.zeros(n), "degree"),
    }  # fmt: skip
    return xr.Dataset(
        {
            **{k: ("vignette", v, {"units": u}) for k, (v, u) in along.items()},
            "ocean_class": ("vignette", rng.integers(0, 4, n).astype(np.int8)),
            "sigma0": (("vignette", "line", "sample"), sigma0, {"units": "1"}),
        },
        {
            "beam": ("vignette", beam), "latitude": ("vignette", latitude), "time": ("vignette", time),
            "platform": ("vignette", np.where(np.arange(n) % 3, "S1A", "S1B")),
            "ground_heading": ("vignette", heading), "incidence": ("vignette", incidence, {"units": "degree"}),
            "product": ("vignette", (np.arange(n) // 20).astype(str)),
            "polarisation": ("vignette", np.full(n, "VV")),
        },
    )  # fmt: skip


def test_the_benchmark_has_the_scores_of_the_field(ds, tmp_path):
    result = benchmark(ds, "swh", models=[Known()], third="swh_model", draws=20)
    assert list(result.strata) == [
        "beam", "sea state", "wind", "latitude", "class", "platform", "calibration", "ESA sea state",
    ]  # fmt: skip
    score = cci_score(ds.swh, ds.known, ds.beam, latitude=ds.latitude)
    table = result.tables["CCI Sea State score (0 is best)"]
    assert table.loc["known"].to_dict() == pytest.approx(
        {**score.beams, "total": score.total}
    )
    triple = result.tables["Triple collocation"]
    assert triple.source.tolist() == ["swh", "known", "swh_model"]
    assert triple.error.iloc[2] == pytest.approx(0.3, abs=0.08)
    text = result.to_markdown()
    for heading in (
        "## CCI Sea State score",
        "## Triple collocation",
        "## RMSE by latitude",
        "## RMSE by ESA sea state",
    ):
        assert heading in text
    assert "| ESA's network, 1 to 3 m | RMSE (m): 0.28 |" in text
    known = json.loads(result.to_json())["tables"]
    assert known["CCI Sea State score (0 is best)"][0]["model"] == "known"
    report = write_report(result, tmp_path, dpi=30)
    assert (report.parent / "rmse-by-latitude.png").is_file()


def test_divisions_are_those_of_the_vignettes(ds):
    result = benchmark(ds, "swh", models=[Known()], draws=5)
    latitude = np.abs(ds.latitude.values)
    expected = np.array(["0-20 °", "20-40 °", "40-60 °", ">60 °"])[
        np.digitize(latitude, [20, 40, 60])
    ]
    assert result.strata["latitude"].tolist() == expected.tolist()
    names = np.array(OCEAN_CLASSES)[ds.ocean_class.values]
    assert result.strata["class"].tolist() == names.tolist()
    assert set(result.strata["platform"]) == {"S1A", "S1B"}
    assert set(result.strata["ESA sea state"]) <= {"0-1 m", "1-3 m", "3-8 m", ">8 m"}
    periods = set(result.strata["calibration"])
    assert {"S1A wv1", "S1A wv2 until 2021-06-26", "S1B wv2 from 2021-06-26"} < periods
    one = ds.isel(vignette=(ds.platform == "S1A").values)
    assert "platform" not in benchmark(one, "swh", models=[Known()], draws=5).strata
    # before the step the periods say no more than satellite and beam
    early = ds.isel(vignette=slice(0, 100))
    assert (
        "calibration" not in benchmark(early, "swh", models=[Known()], draws=5).strata
    )


def test_wind_is_set_against_the_model_function(ds):
    result = benchmark(ds, "wind_speed", models=["cmod5n", "cmod5n:direction"], draws=5)
    by_beam = result.select(
        stratum="beam", metric="rmse", model="CMOD5.N with direction"
    )
    assert by_beam.bin.tolist() == ["wv1", "wv2"]
    assert (by_beam.value < 1e-3).all()  # made by the model function itself
    blind = result.predictions["CMOD5.N"]
    np.testing.assert_allclose(
        blind, invert_cmod5n(ds.sigma0[:, 0, 0], ds.incidence), rtol=1e-5
    )
    assert result.models[0] == "CMOD5.N with direction"
    with pytest.raises(OceansarError, match="gives a wind speed"):
        benchmark(ds, "swh", models=["cmod5n"])
    with pytest.raises(
        MissingVariableError, match="cmod5n:nowhere needs that variable"
    ):
        benchmark(ds, "wind_speed", models=["cmod5n:nowhere"])


def test_a_split_by_calibration_learns_before_the_step(ds):
    result = benchmark(ds, "swh", models=["level"], split="calibration", draws=5)
    passes, periods = orbit_pass(ds), calibration_period(ds)
    later = np.isin(passes, passes[np.char.find(periods, " from ") > 0])
    assert set(result.passes) == set(passes[later])
    assert 0 < result.metadata["n_learned_from"] == (~later).sum()
    assert result.metadata["n_scored"] == later.sum()
    early = ds.isel(vignette=slice(0, 100))
    with pytest.raises(OceansarError, match="before and after a step that is known"):
        benchmark(early, "swh", models=["level"], split="calibration", draws=5)


def test_a_third_source_must_be_there(ds):
    with pytest.raises(MissingVariableError, match="third='era5' is no variable"):
        benchmark(ds, "swh", models=[Known()], draws=5, third="era5")


def test_published_rows_name_their_source():
    rows = pd.DataFrame(references("swh"))
    assert {0.36, 0.51, 0.28, 0.46, 1.15, 0.38, 0.25, 0.40} <= set(rows["value"])
    assert rows["source"].str.startswith("https://").all()
