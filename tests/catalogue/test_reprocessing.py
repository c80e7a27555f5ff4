"""Of several processings of one acquisition, one rule takes one."""

import pandas as pd
import pytest

from xoceansar.catalogue.reprocessing import choose_processings, number_acquisitions
from xoceansar.errors import DimensionError, MissingVariableError
from xoceansar.io.safe.processings import rank_processing

_BASE = {
    "platform": "S1A",
    "beam": "wv1",
    "polarisation": "VV",
    "start": "2023-11-10T20:18:11",
    "ipf_version": "003.52",
    "processed": "2023-11-11T00:00:00",
    "timeliness": "NRT-3h",
}


def _rows(*changes: dict[str, object]) -> pd.DataFrame:
    return pd.DataFrame([_BASE | change for change in changes])


@pytest.mark.parametrize(
    ("worse", "better"),
    [
        ({"ipf_version": "002.91"}, {"ipf_version": "003.10"}),
        ({"ipf_version": "003.31"}, {"ipf_version": "03.4"}),  # 3.40
        ({"ipf_version": "003.71"}, {"ipf_version": "003.100"}),
        ({"ipf_version": "3.92"}, {"ipf_version": "004.02"}),
        ({"ipf_version": None}, {"ipf_version": "002.36"}),
        # the version counts before the time, the time before the timeliness
        ({"processed": "2026-01-01T00:00:00"}, {"ipf_version": "003.61"}),
        ({"timeliness": "Fast-24h"}, {"processed": "2023-11-11T00:00:00.5Z"}),
        ({"timeliness": "NRT-3h"}, {"timeliness": "Fast-24h"}),
        ({"timeliness": "PT3H"}, {"timeliness": "PT24H"}),
        ({"timeliness": "NRT-10m"}, {"timeliness": "NRT-3h"}),
        ({"timeliness": None}, {"timeliness": "NRT-10m"}),
    ],
)
def test_the_better_processing_is_taken_in_either_order(
    worse: dict[str, object], better: dict[str, object]
) -> None:
    assert choose_processings(_rows(worse, better)).tolist() == [1, 1]
    assert choose_processings(_rows(better, worse)).tolist() == [0, 0]


def test_the_first_is_taken_where_nothing_tells_them_apart() -> None:
    rows = _rows({}, {}, {}).set_axis(list("abc"))
    assert choose_processings(rows).tolist() == ["a", "a", "a"]


def test_two_seconds_are_one_acquisition_and_three_are_not() -> None:
    at = "2023-11-10T20:18:{}".format
    rows = _rows({"start": at(11)}, {"start": at("14.1")}, {"start": at("13Z")})
    assert choose_processings(rows.iloc[[0, 1]]).tolist() == [0, 1]
    assert number_acquisitions(rows).nunique() == 1  # by way of the third


@pytest.mark.parametrize(
    "other",
    [{"platform": "S1C"}, {"beam": "wv2"}, {"polarisation": "HH"}],
)
def test_another_radar_is_another_acquisition(other: dict[str, object]) -> None:
    assert choose_processings(_rows({}, other)).tolist() == [0, 1]


def test_what_a_listing_lacks_is_said() -> None:
    with pytest.raises(
        MissingVariableError, match=r"needs start and platform.*has beam"
    ):
        number_acquisitions(pd.DataFrame({"beam": ["wv1"]}), "platform")
    with pytest.raises(MissingVariableError, match="platform, beam, polarisation"):
        choose_processings(pd.DataFrame({"start": []}))
    with pytest.raises(DimensionError, match="reset_index"):
        choose_processings(_rows({}, {}).set_axis([0, 0]))


def test_an_empty_listing_stays_empty() -> None:
    assert choose_processings(_rows({}).iloc[:0]).empty


def test_ranks_of_what_cannot_be_read_are_least() -> None:
    assert rank_processing("unknown", "yesterday", "soon") == rank_processing("")
    assert rank_processing("3") == rank_processing("003.00")
