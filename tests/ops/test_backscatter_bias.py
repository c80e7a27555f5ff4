"""Backscatter against CMOD5.N: injected biases are found, and what is known of the time is said."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import xoceansar as xos
from xoceansar.conventions import Quality
from xoceansar.errors import (
    DimensionError,
    DomainError,
    MissingVariableError,
    UnitsError,
)
from xoceansar.sar import CALIBRATION_EVENTS, cmod5n
from xoceansar.sar.calibration_events import (
    calibration_periods,
    events_of,
    is_uncalibrated,
)
from xoceansar.sar.polarisation import polarisation_ratio

pytestmark = pytest.mark.filterwarnings("ignore::xoceansar.errors.OceansarWarning")
REAL = Path(__file__).parents[2] / "../shared/data/ocn_wv"
EVERY = {"wind_speeds": (0.0, 50.0), "latitude": 90.0}


@pytest.fixture(scope="module")
def sea():
    """Five hundred vignettes of waves and nothing else, with their mean backscatter."""
    ds = xos.simulate.vignettes(
        500, seed=3, classes=["pure_ocean_waves"], shape=(48, 48), oversample=1
    )
    return ds.assign(sigma0_mean=ds.sigma0.mean(["line", "sample"])).drop_vars(
        ["sigma0", "nesz"]
    )


@pytest.mark.parametrize("bias", [0.1, -0.3, 1.0])
def test_an_injected_bias_is_found(sea, bias):
    """One bias in one beam, another in the other, and a third from one month on."""
    late = sea.time.dt.year >= 2019
    decibel = xr.where(sea.beam == "wv1", bias, -bias / 2) + xr.where(late, 0.2, 0.0)
    wrong = sea.assign(sigma0_mean=sea.sigma0_mean * 10 ** (decibel / 10))
    table = xos.ops.calibration_bias(wrong, sea, **EVERY)
    assert set(table.month) == set(np.datetime_as_string(sea.time.values, unit="M"))
    assert table.n.sum() == 500
    expected = np.where(table.beam == "wv1", bias, -bias / 2) + np.where(
        table.month >= "2019", 0.2, 0.0
    )
    np.testing.assert_allclose(table.bias, expected, atol=0.05)
    by_beam = xos.ops.calibration_bias(
        wrong.isel(vignette=~late.values),
        sea.isel(vignette=~late.values),
        by=["beam"],
        **EVERY,
    )
    np.testing.assert_allclose(by_beam.bias, [bias, -bias / 2], atol=0.05)


def test_the_standard_error_covers_the_error_of_the_wind(sea):
    """Winds that are off by pass: the bias is within three standard errors, and these are not small."""
    rng = np.random.default_rng(1)
    passes = np.unique(xos.evaluate.orbit_pass(sea), return_inverse=True)[1]
    off = rng.normal(0, 0.5, passes.max() + 1)[passes] + rng.normal(0, 0.5, 500)
    wind = sea[["wind_speed", "wind_to_direction"]].assign(
        wind_speed=sea.wind_speed + off
    )
    table = xos.ops.calibration_bias(sea, wind, by=["beam"], latitude=90.0)
    assert table.passes.tolist() == [25, 25]
    assert (np.abs(table.bias) < 3 * table.standard_error).all()
    # passes share half of the variance of the error: more than single vignettes would say
    alone = table.spread / np.sqrt(table.n)
    assert (table.standard_error > 1.3 * alone).all()
    assert (table.standard_error < 0.4).all()


def _made(n=4, **coords):
    time = np.datetime64("2021-03-01T00:00", "ns") + np.arange(n) * np.timedelta64(
        1, "D"
    )
    return xr.Dataset(
        {"sigma0_mean": ("vignette", cmod5n(np.full(n, 7.0), 90.0, 36.8))},
        {
            "time": ("vignette", time),
            "incidence": ("vignette", np.full(n, 36.8), {"units": "degree"}),
            "ground_heading": ("vignette", np.zeros(n)),
            "latitude": ("vignette", np.zeros(n)),
            "beam": ("vignette", ["wv2"] * n),
            "platform": ("vignette", ["S1A"] * n),
            **coords,
        },
    )  # fmt: skip


def _wind(n=4, speed=7.0):
    return xr.Dataset(
        {
            "wind_speed": ("vignette", np.broadcast_to(speed, n)),
            "wind_to_direction": ("vignette", np.zeros(n)),
        }
    )


def test_the_standard_error_is_that_of_whole_passes():
    ds = _made()
    ds = ds.assign(
        sigma0_mean=ds.sigma0_mean * 10 ** (np.array([0.1, 0.3, 0.2, 0.2]) / 10)
    )
    row = xos.ops.calibration_bias(ds, _wind(), by=["beam"]).iloc[0]
    assert row["bias"] == pytest.approx(0.2)
    assert row["spread"] == pytest.approx(np.std([0.1, 0.3, 0.2, 0.2], ddof=1))
    # a pass each: the standard error of the mean
    assert row["standard_error"] == pytest.approx(row["spread"] / 2)
    near = _made(
        time=("vignette", ds.time.values[0] + np.arange(4) * np.timedelta64(15, "s"))
    )
    assert np.isnan(
        xos.ops.calibration_bias(near, _wind(), by=["beam"]).standard_error[0]
    )


def test_what_does_not_count_is_counted():
    ds = _made(
        6,
        latitude=("vignette", [0.0, 60.0, 0.0, 0.0, 0.0, 0.0]),
        polarisation=("vignette", ["VV", "VV", "VV", "HH", "VH", "VV"]),
    ).assign(
        quality=("vignette", np.array([0, 0, Quality.LAND.value, 0, 0, 0], np.uint8))
    )
    ratio = polarisation_ratio(36.8, 90.0)
    ds["sigma0_mean"][3] = ds.sigma0_mean[3] / ratio * 10**0.05
    table = xos.ops.calibration_bias(
        ds, _wind(6, [7.0, 7.0, 7.0, 7.0, 7.0, 12.0]), by=["polarisation"]
    )
    assert table.polarisation.tolist() == ["HH", "VV"]
    np.testing.assert_allclose(table.bias, [0.5, 0.0], atol=1e-9)
    assert table.attrs["left_out"] == {
        "not VV or HH, or no backscatter, wind or heading": 1,
        "flagged": 1,
        "wind not of 4 to 10 m/s": 1,
        "beyond 50 degrees of latitude": 1,
    }
    with pytest.raises(
        DomainError, match=r"none of 6 vignettes counts: .* 6 wind not of 20 to 30"
    ):
        xos.ops.calibration_bias(ds, _wind(6), wind_speeds=(20, 30))


def test_what_is_missing_is_said():
    ds, wind = _made(), _wind()
    for name in ("incidence", "ground_heading", "latitude", "time"):
        with pytest.raises(MissingVariableError, match=name):
            xos.ops.calibration_bias(ds.drop_vars(name), wind)
    with pytest.raises(
        MissingVariableError, match="needs wind_speed and wind_to_direction"
    ):
        xos.ops.calibration_bias(ds, wind.drop_vars("wind_speed"))
    with pytest.raises(MissingVariableError, match="by='swath' is not one of platform"):
        xos.ops.calibration_bias(ds, wind, by=["swath"])
    with pytest.raises(DimensionError, match="one direction for each vignette"):
        xos.ops.calibration_bias(ds, _wind(3))
    source = wind.assign(
        wind_to_direction=wind.wind_to_direction.assign_attrs(
            standard_name="wind_from_direction"
        )
    )
    with pytest.raises(UnitsError, match="where it comes from"):
        xos.ops.calibration_bias(ds, source)


def test_sentinel_1d_and_processor_4_are_accepted():
    ds = _made(
        ipf_version=("vignette", ["004.02"] * 4), platform=("vignette", ["S1D"] * 4)
    )
    row = ds.oceansar.calibration_bias(_wind()).iloc[0]
    assert (row["platform"], row["ipf_version"], row["bias"]) == (
        "S1D",
        "004.02",
        pytest.approx(0),
    )
    assert row["events"] == ""


def test_events_of_the_time_are_named():
    day = np.datetime64("2021-06-24", "ns") + np.arange(4) * np.timedelta64(1, "D")
    step = xos.ops.calibration_bias(_made(time=("vignette", day)), _wind())
    assert step.events.str.contains("antenna pattern of WV2 changed").tolist() == [True]
    early = day + (np.datetime64("2025-05-19") - np.datetime64("2021-06-24"))
    carbon = _made(
        time=("vignette", early),
        platform=("vignette", ["S1C"] * 4),
        ipf_version=("vignette", ["003.92"] * 4),
    )
    said = xos.ops.calibration_bias(carbon, _wind()).events[0]
    assert "not calibrated before the afternoon of 2025-05-21" in said
    assert "noise vectors are doubtful" in said
    assert "processed by IPF 3.92" in said


def test_events_have_sources_and_limits():
    assert all(event.source and event.what for event in CALIBRATION_EVENTS)
    noon = np.datetime64("2025-05-21T12:00", "ns")
    minute = np.timedelta64(1, "m")
    assert is_uncalibrated("S1C", "wv2", noon - minute)
    assert not is_uncalibrated("S1C", "wv2", noon)
    assert not is_uncalibrated("S1A", "wv2", noon - minute)
    assert events_of("S1A", "wv2", noon, noon + minute) == []
    assert [event.kind for event in events_of("S1C", "wv1", noon, noon + minute, "3.92")] == [
        "doubtful noise", "processor",
    ]  # fmt: skip
    periods = calibration_periods(
        np.array(["S1A", "S1A", "S1B", "S1C", "S1C", "S1D"]),
        np.array(["wv1", "wv2", "wv2", "wv1", "wv2", "wv1"]),
        np.array(
            [
                "2022-01-01",
                "2022-01-01",
                "2020-01-01",
                "2025-05-20",
                "2025-06-01",
                "2026-01-01",
            ],
            "datetime64[ns]",
        ),
    )
    assert periods.tolist() == [
        "S1A wv1", "S1A wv2 from 2021-06-26", "S1B wv2 until 2021-06-26", "S1C wv1 until 2025-05-21",
        "S1C wv2 from 2025-05-21", "S1D wv1",
    ]  # fmt: skip


def test_the_plot_shows_bias_and_steps(sea):
    pytest.importorskip("matplotlib")
    month = np.where(
        np.arange(500) % 2, np.datetime64("2021-05-10"), np.datetime64("2021-07-10")
    )
    wide = sea.assign_coords(time=("vignette", month.astype("datetime64[ns]")))
    table = wide.oceansar.calibration_bias(wide, **EVERY)
    figure = wide.oceansar.plot.calibration_bias(wide, **EVERY)
    axes = figure.axes[0]
    drawn = {
        label: line
        for line, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    key = ("S1A wv1 VV 003.31", "S1A wv2 VV 003.31")
    assert set(drawn) == set(key)
    for name, beam in zip(key, ("wv1", "wv2"), strict=True):
        heights = np.asarray(drawn[name][0].get_ydata(), float)
        np.testing.assert_allclose(heights, table.bias[table.beam == beam])
    assert [text.get_text() for text in axes.texts] == [
        "The elevation antenna pattern of WV2 changed"
    ]
    assert "simulated" in axes.get_title(loc="left").lower()
    assert (
        xos.plot.calibration_bias(table).axes[0].get_ylabel()
        == "Sigma0 less CMOD5.N (dB)"
    )
    with pytest.raises(DomainError, match="column 'month'"):
        xos.plot.calibration_bias(pd.DataFrame({"bias": [0.0]}))


@pytest.mark.skipif(not REAL.exists(), reason="the real products are not here")
def test_real_products_agree_with_cmod_of_ecmwf():
    """Backscatter of each real file is within 0.7 dB of CMOD5.N with ECMWF's wind."""
    ocn = xos.open_ocn(REAL)
    table = ocn.oceansar.calibration_bias(ocn, **EVERY)
    assert table.n.tolist() == [1] * len(table)
    assert len(table) == ocn.sizes["vignette"] >= 3
    assert (table.bias.abs() < 0.7).all()
    # the radar's own wind would be compared with itself
    assert not np.allclose(ocn.wind_speed, ocn.wind_speed_model)
