"""CMOD5.N inverted: against a search, a sum over all possibilities, and ESA's own product."""

import csv
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xoceansar.sar import gmf
from xoceansar.sar.gmf import cmod5n
from xoceansar.sar.inversion import (
    INCIDENCES,
    SPEEDS,
    TABLE_FILE,
    TABLE_INCIDENCE,
    blind_speeds,
    invert_cmod5n,
)

SHARED = Path(__file__).parents[2] / "../shared/data"


def nearest_speed(sigma0, curve, speed):
    """Least speed of a fine grid that reaches sigma0, else where the curve is highest."""
    reached = np.flatnonzero(curve >= sigma0)
    return speed[reached[0] if reached.size else curve.argmax()]


def test_with_direction_it_is_the_least_speed_of_a_search():
    """From calm to beyond the highest backscatter, which lies at 28 m/s and more."""
    sigma0 = 10 ** (np.array([-35.0, -25.0, -18.0, -12.0, -7.0, -3.0, 1.0]) / 10)
    incidence, phi = (a.ravel() for a in np.meshgrid([20.0, 23.8, 36.8, 43.0], [0.0, 45.0, 90.0, 180.0]))  # fmt: skip
    speed = np.arange(SPEEDS[0], SPEEDS[1], 0.004)
    curves = cmod5n(speed, phi[:, None], incidence[:, None])
    expected = [[nearest_speed(s, curve, speed) for s in sigma0] for curve in curves]
    found = invert_cmod5n(sigma0, incidence[:, None], phi[:, None])
    np.testing.assert_allclose(found, expected, atol=0.2)
    below = sigma0 < 0.99 * curves.max(axis=1)[:, None]
    np.testing.assert_allclose(found[below], np.array(expected)[below], atol=0.005)


def test_round_trip():
    rng = np.random.default_rng(3)
    speed, phi, incidence = (
        rng.uniform(low, high, 3000)
        for low, high in ((0.3, 25.0), (-360.0, 360.0), (18.0, 45.0))
    )
    again = invert_cmod5n(cmod5n(speed, phi, incidence), incidence, phi)
    np.testing.assert_allclose(again, speed, rtol=2e-5)


def test_known_values_in_one_broadcast_call():
    sigma0 = cmod5n([3.0, 7.0, 15.0], np.array([[0.0], [90.0]]), 36.8)
    found = invert_cmod5n(sigma0, 36.8, np.array([[0.0], [90.0]]))
    assert found.shape == (2, 3)
    np.testing.assert_allclose(found, [[3, 7, 15]] * 2, rtol=2e-5)


def blind_by_sum(sigma0, incidence):
    """The posterior mean by a sum over every speed and direction on an even grid."""
    speed, phi = np.arange(0.2, 50.0, 0.02)[:, None], np.arange(1.0, 180.0, 4.0)
    residual = 10 * np.log10(sigma0 / cmod5n(speed, phi, incidence))
    prior = (speed / 9.0) ** 1.2 * np.exp(-((speed / 9.0) ** 2.2))
    weight = prior * np.exp(-0.5 * (residual / 0.5) ** 2)
    return float((weight * speed).sum() / weight.sum())


@pytest.mark.parametrize(
    ("incidence", "decibel"),
    [(23.8, -12.0), (23.8, -6.1), (24.1, -3.3), (36.8, -20.3), (36.8, -14.0), (36.3, -9.1), (43.2, -16.0)],
)  # fmt: skip
def test_without_direction_it_is_the_mean_of_what_is_possible(incidence, decibel):
    sigma0 = 10 ** (decibel / 10)
    expected = blind_by_sum(sigma0, incidence)
    assert float(invert_cmod5n(sigma0, incidence)) == pytest.approx(expected, abs=0.05)


def test_without_direction_no_other_estimate_of_the_same_numbers_is_better():
    """Least squares over winds drawn from the prior: the mean of the GMF is much worse."""
    rng = np.random.default_rng(0)
    n, incidence = 4000, 36.8
    speed = np.clip(9.0 * rng.weibull(2.2, n), 0.3, 30.0)
    sigma0 = cmod5n(speed, rng.uniform(0, 360, n), incidence)
    sigma0 *= 10 ** (rng.normal(0, 0.5, n) / 10)
    nodes = np.arange(0.2, 40.0, 0.05)
    averaged = cmod5n(nodes[:, None], np.arange(0, 180, 10.0), incidence).mean(axis=1)
    rmse = {
        "ours": invert_cmod5n(sigma0, incidence) - speed,
        "mean of the model function": np.interp(sigma0, averaged, nodes) - speed,
    }
    rmse = {name: float(np.sqrt((e**2).mean())) for name, e in rmse.items()}
    scaled = [
        np.sqrt(((f * invert_cmod5n(sigma0, incidence) + d - speed) ** 2).mean())
        for f, d in ((0.97, 0), (1.03, 0), (1, -0.3), (1, 0.3))
    ]
    assert rmse["ours"] < min(scaled)
    assert rmse["ours"] < 0.9 * rmse["mean of the model function"]


@pytest.mark.parametrize("row", [0, 13, 66])
def test_the_table_of_the_package_is_what_the_function_computes(row):
    table = np.load(TABLE_FILE)
    first, step, count = TABLE_INCIDENCE
    assert len(table) == count
    np.testing.assert_allclose(table[row], blind_speeds(first + step * row), atol=1e-3)


@pytest.mark.parametrize("phi", [None, 30.0])
def test_missing_and_out_of_domain_is_missing_and_harms_no_neighbour(phi):
    sigma0 = np.array([0.05, np.nan, 0.05, 0.05, 0.05, np.inf])
    incidence = np.array([36.8, 36.8, np.nan, INCIDENCES[0] - 0.1, 36.8, 36.8])
    found = invert_cmod5n(sigma0, incidence, phi)
    missing = [False, True, True, True, False, True]
    np.testing.assert_array_equal(np.isnan(found), missing)
    assert found[0] == found[4] == float(invert_cmod5n(0.05, 36.8, phi))
    assert np.isnan(invert_cmod5n(0.05, 36.8, np.nan))
    assert invert_cmod5n(np.empty(0), 36.8, phi).shape == (0,)


@pytest.mark.parametrize("phi", [None, 0.0, 90.0])
def test_beyond_the_model_function_the_nearest_end(phi):
    calm = invert_cmod5n([-0.01, 0.0, 1e-9], 36.8, phi)
    np.testing.assert_allclose(calm, SPEEDS[0], atol=1e-3)
    bright = float(invert_cmod5n(9.0, 36.8, phi))
    assert 25.0 < bright <= SPEEDS[1]


@settings(max_examples=50, deadline=None)
@given(
    incidence=st.floats(*INCIDENCES),
    decibel=st.floats(-40.0, 5.0),
    step=st.floats(0.1, 3.0),
)
def test_more_backscatter_is_more_wind(incidence, decibel, step):
    low, high = invert_cmod5n(10 ** (np.array([decibel, decibel + step]) / 10), incidence)  # fmt: skip
    assert low <= high


def test_blind_needs_no_xsarsea(monkeypatch):
    monkeypatch.setitem(sys.modules, "xsarsea.windspeed", None)
    gmf._model.cache_clear()
    assert float(invert_cmod5n(0.05, 36.8)) > 0


@pytest.mark.skipif(not SHARED.exists(), reason="needs ../shared/data")
def test_esas_backscatter_with_its_direction_gives_back_its_wind():
    with (SHARED / "ocn_wv/cmod5n_ocn_cells.csv").open() as file:
        rows = list(csv.DictReader(file))
    inc, speed, origin, heading, sigma0 = (
        np.array([float(r[name]) for r in rows])
        for name in (
            "inc_deg",
            "u10_ecmwf",
            "wind_from_deg",
            "heading_deg",
            "owiNrcsCmod",
        )
    )
    found = invert_cmod5n(sigma0, inc, origin - (heading + 90))
    np.testing.assert_allclose(found, speed, rtol=2e-5)


@pytest.mark.skipif(not SHARED.exists(), reason="needs ../shared/data")
def test_the_whole_table_of_known_values_is_inverted():
    with (SHARED / "cmod5n_table.csv").open() as file:
        rows = list(csv.DictReader(file))
    inc, speed, phi, sigma0 = (
        np.array([float(r[name]) for r in rows])
        for name in ("inc", "u10", "phi", "sigma0_linear")
    )
    rising = (speed < 25) & (inc >= INCIDENCES[0])
    found = invert_cmod5n(sigma0[rising], inc[rising], phi[rising])
    np.testing.assert_allclose(found, speed[rising], rtol=2e-5)


def test_the_last_row_of_the_table_is_reached():
    first, step, count = TABLE_INCIDENCE
    table = np.load(TABLE_FILE)
    decibel = -45 + 0.25 * np.array([80, 120, 160])
    speed = invert_cmod5n(10 ** (decibel / 10), first + step * (count - 1))
    np.testing.assert_allclose(speed, table[-1, [80, 120, 160]], rtol=1e-6)
    assert (np.abs(table[-1] - table[-2])[[80, 120, 160]] > 1e-3).all()
