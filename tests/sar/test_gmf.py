"""CMOD5.N against published and operational values."""

import csv
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xoceansar.errors import MissingDependencyError
from xoceansar.sar import gmf
from xoceansar.sar.gmf import cmod5n

SHARED = Path(__file__).parents[2] / "../shared/data"

# xsarsea 2.1.2, equal within 1e-9 dB to nansencenter/openwind and umr-lops/kpi_mpc:
# incidence, wind speed, sigma0 in dB at phi = 0, 45, 90, 135, 180.
TABLE = [
    (23.8, 5, -7.9943, -8.5865, -9.2174, -8.5351, -7.9276),
    (23.8, 10, -4.6053, -5.5943, -6.6832, -5.4094, -4.3792),
    (23.8, 20, -1.1525, -2.5717, -4.3352, -2.5139, -1.0860),
    (36.8, 3, -20.1362, -21.1960, -22.6029, -21.6501, -20.6916),
    (36.8, 5, -17.0323, -18.2182, -19.8293, -18.7314, -17.6487),
    (36.8, 7, -14.7231, -16.1367, -18.1268, -16.7164, -15.3966),
    (36.8, 10, -11.7361, -13.5491, -16.2874, -14.2363, -12.4882),
    (36.8, 15, -8.4858, -10.4228, -13.4692, -11.2661, -9.3923),
    (36.8, 20, -6.8296, -8.5036, -11.0254, -9.3065, -7.7280),
]


def test_known_values_in_one_broadcast_call():
    incidence, speed = (np.array([row[i] for row in TABLE])[:, None] for i in (0, 1))
    sigma0 = cmod5n(speed, np.array([0, 45, 90, 135, 180]), incidence)
    assert sigma0.shape == (9, 5)
    expected = np.array([row[2:] for row in TABLE])
    np.testing.assert_allclose(10 * np.log10(sigma0), expected, atol=6e-5)


@pytest.mark.parametrize(
    ("incidence", "phi", "expected"),
    [(23.8, 0, 0.3463151), (23.8, 90, 0.21462266), (36.8, 0, 0.067048349)],
)
def test_known_linear_values_from_scalars(incidence, phi, expected):
    sigma0 = cmod5n(10, phi, incidence)
    assert sigma0.shape == ()
    assert float(sigma0) == pytest.approx(expected, rel=1e-7)


@given(
    phi=st.floats(-720, 720),
    speed=st.floats(0.5, 40),
    incidence=st.floats(18, 46),
)
def test_symmetric_and_periodic_in_direction(phi, speed, incidence):
    one, mirrored, turned = cmod5n(speed, [phi, -phi, phi + 360], incidence)
    assert one > 0
    assert mirrored == pytest.approx(one, rel=1e-9)
    assert turned == pytest.approx(one, rel=1e-9)


def test_nan_stays_where_it_is():
    sigma0 = cmod5n([5.0, np.nan, 5.0], 0.0, 36.8)
    np.testing.assert_array_equal(np.isnan(sigma0), [False, True, False])
    assert sigma0[0] == sigma0[2]


def test_threads_may_call_at_once():
    speed = np.linspace(1, 25, 20_000)
    expected = cmod5n(speed, 30.0, 36.8)
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda _: cmod5n(speed, 30.0, 36.8), range(12)))
    for result in results:
        np.testing.assert_array_equal(result, expected)


def test_missing_xsarsea_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "xsarsea.windspeed", None)
    gmf._model.cache_clear()
    with pytest.raises(MissingDependencyError, match=r"clone.*'\.\[simulate\]'"):
        cmod5n(10, 0, 36.8)


@pytest.mark.skipif(not SHARED.exists(), reason="needs ../shared/data")
def test_the_whole_table_of_known_values():
    with (SHARED / "cmod5n_table.csv").open() as file:
        rows = list(csv.DictReader(file))
    inc, speed, phi, expected = (
        np.array([float(r[name]) for r in rows])
        for name in ("inc", "u10", "phi", "sigma0_linear")
    )
    np.testing.assert_allclose(cmod5n(speed, phi, inc), expected, rtol=1e-8)


@pytest.mark.skipif(not SHARED.exists(), reason="needs ../shared/data")
def test_esa_level_2_product_is_reproduced():
    """Fixes the angle convention: phi = wind from - (owiHeading + 90)."""
    with (SHARED / "ocn_wv/cmod5n_ocn_cells.csv").open() as file:
        rows = list(csv.DictReader(file))
    inc, speed, origin, heading, expected = (
        np.array([float(r[name]) for r in rows])
        for name in (
            "inc_deg",
            "u10_ecmwf",
            "wind_from_deg",
            "heading_deg",
            "owiNrcsCmod",
        )
    )
    assert len(rows) == 399
    np.testing.assert_allclose(
        cmod5n(speed, origin - (heading + 90), inc), expected, rtol=1e-6
    )
