import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xoceansar.io.safe.times import parse_utc


@given(st.integers(0, 129 * 365 * 86400 * 10**6))
def test_both_forms_give_the_time_back(microseconds):
    time = np.datetime64(microseconds, "us")
    assert parse_utc(f"{time}Z") == time
    compact = str(time.astype("datetime64[s]")).replace("-", "").replace(":", "")
    assert parse_utc(compact.lower()) == time.astype("datetime64[s]")


@pytest.mark.parametrize(
    ("leap", "after"),
    [
        ("2016-12-31T23:59:60.250000", "2017-01-01T00:00:00.25"),
        ("20150630t235960", "2015-07-01T00:00:00"),
    ],
)
def test_a_leap_second_is_the_one_after_it(leap, after):
    assert parse_utc(leap) == np.datetime64(after, "ns")


@pytest.mark.parametrize(
    "text",
    [
        "now", "today", "-1", "17", "", "NaT", "nan", "2021", "2021-04-03",
        "9021-04-03T08:30:25", "1821-04-03T08:30:25", "2021-13-03T08:30:25",
        "2021-02-29T08:30:25", "2021-04-03T25:30:25", "2021-04-03T08:30:60",
        "2021-04-03T08:30:25+05:00", "2021-04-03T08:30:25 UTC", "2021-04-03T08:30:25.",
        "٢٠٢١-04-03T08:30:25", "2021-04-03T08:30:25.0123456789",
    ],
)  # fmt: skip
def test_what_is_no_time_is_refused(text):
    with pytest.raises(ValueError, match="is no time"):
        parse_utc(text)
