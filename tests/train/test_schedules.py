"""What changes from step to step, against its equations."""

import math
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xoceansar.train.pretraining.config import load_config, parse_config
from xoceansar.train.pretraining.schedules import Schedule, Schedules

levels = st.floats(-10, 10)


def changed(**optimisation):
    table = load_config("paper").to_dict()
    table["optimisation"] |= optimisation
    return Schedules.of(parse_config(table).optimisation)


def test_known_values():
    schedule = Schedule(start=0.04, peak=0.2, end=0.1, warmup=4, total=12)
    found = [schedule.value(step) for step in (0, 1, 2, 3, 4, 6, 8, 10, 12, 99)]
    quarter, three = 0.15 + 0.05 / math.sqrt(2), 0.15 - 0.05 / math.sqrt(2)
    expected = [0.04, 0.08, 0.12, 0.16, 0.2, quarter, 0.15, three, 0.1, 0.1]
    assert found == pytest.approx(expected)


@settings(deadline=None)
@given(levels, levels, levels, st.integers(0, 40), st.integers(1, 60))
def test_rises_in_a_line_then_falls_to_the_end_and_stays(
    start, peak, end, warmup, rest
):
    total = warmup + rest
    schedule = Schedule(start, peak, end, warmup, total)
    values = [schedule.value(step) for step in range(total + 3)]
    rise = [b - a for a, b in pairwise(values[: warmup + 1])]
    assert rise == pytest.approx([(peak - start) / max(warmup, 1)] * warmup, abs=1e-9)
    assert values[warmup] == pytest.approx(peak)
    assert values[total:] == [end] * 3
    fall = [b - a for a, b in pairwise(values[warmup:])]
    assert all(step * math.copysign(1, end - peak) >= -1e-12 for step in fall)


def test_the_first_step_trains_and_the_peak_is_that_of_the_batch():
    rates = changed(
        steps=100, warmup_steps=9, temperature_warmup_steps=30, freeze_last_layer_steps=1,
        batch=256, accumulate=1, learning_rate=4e-3,
    )  # fmt: skip
    assert rates.at(0)["learning_rate"] == pytest.approx(2e-4)
    assert rates.at(4)["learning_rate"] == pytest.approx(1e-3)
    assert rates.at(9)["learning_rate"] == pytest.approx(2e-3)
    assert rates.at(100)["learning_rate"] == 1e-6


def test_decay_momentum_and_temperature():
    rates = changed(
        steps=200,
        warmup_steps=20,
        temperature_warmup_steps=60,
        freeze_last_layer_steps=0,
    )
    first, middle, last = rates.at(0), rates.at(100), rates.at(200)
    assert first["weight_decay"] == 0.04
    assert middle["weight_decay"] == pytest.approx(0.22)
    assert last["weight_decay"] == 0.4
    assert first["teacher_momentum"] == pytest.approx(0.992)
    assert middle["teacher_momentum"] == pytest.approx(0.996)
    assert last["teacher_momentum"] == 1.0
    assert first["teacher_temperature"] == pytest.approx(0.04)
    assert rates.at(30)["teacher_temperature"] == pytest.approx(0.055)
    assert {rates.at(step)["teacher_temperature"] for step in (60, 61, 199)} == {0.07}


def test_no_warm_up_starts_at_the_peak():
    rates = changed(
        steps=1, warmup_steps=0, temperature_warmup_steps=0, freeze_last_layer_steps=0
    )
    assert rates.at(0)["learning_rate"] == pytest.approx(4e-3)
    assert rates.at(0)["teacher_temperature"] == 0.07


def test_a_step_counts_once_however_many_parts_it_has():
    whole, parts = changed(accumulate=1), changed(accumulate=64)
    assert all(whole.at(step) == parts.at(step) for step in (0, 7, 12500, 90000))
