import numpy as np
import pytest

from xoceansar.io.safe.product_names import VignetteName, parse_file, parse_product

STEM = "s1a-wv1-slc-vv-20210403t083025-20210403t083028-026300-032390-001"


@pytest.mark.parametrize(
    ("path", "role"),
    [
        (f"./annotation/{STEM}.xml", "annotation"),
        (f"annotation/calibration/calibration-{STEM}.xml", "calibration"),
        (f"./annotation/calibration/noise-{STEM}.xml", "noise"),
        (f"./measurement/{STEM}.tiff", "measurement"),
        (f"./measurement/{STEM.upper()}.TIFF", "measurement"),
    ],
)
def test_files_of_a_vignette_are_told_apart_and_share_its_stem(path, role):
    found_role, name = parse_file(path)
    assert found_role == role
    assert name.stem == STEM


@pytest.mark.parametrize(
    "path",
    [
        f"./annotation/rfi/rfi-{STEM}.xml",
        "./preview/quick-look.png",
        "./support/s1-level-1-noise.xsd",
        f"./annotation/{STEM}-2.xml",
        f"./annotation/{STEM.replace('wv1', 'iw1')}.xml",
        f"./measurement/{STEM.replace('slc', 'ocn')}.nc",
    ],
)
def test_other_files_of_a_product_are_no_part_of_a_vignette(path):
    assert parse_file(path) is None


@pytest.mark.parametrize("satellite", ["a", "b", "c", "d", "e"])
def test_the_stem_says_who_when_and_what(satellite):
    stem = f"s1{satellite}-wv2-slc-hh-20240229t235958-20240301t000001-052700-06619f-060"
    _, name = parse_file(f"annotation/{stem}.xml")
    assert name.platform == f"S1{satellite.upper()}"
    assert (name.beam, name.polarisation, name.number) == ("wv2", "HH", 60)
    assert name.start == np.datetime64("2024-02-29T23:59:58")
    assert name.stop - name.start == np.timedelta64(3, "s")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("S1A_WV_SLC__1SSV_20210403T083025_20210403T084452_026300_032390_D542.SAFE", ("S1A", "WV", "SLC")),
        ("S1D_WV_OCN__2SSH_20260403T083025_20260403T084452_026300_032390_D542", ("S1D", "WV", "OCN")),
        ("S1B_IW_GRDH_1SDV_20210401T052622_20210401T052650_026269_032297_EFA4.zip", ("S1B", "IW", "GRD")),
        ("S1C_S3_RAW__0SDV_20250401T052622_20250401T052650_026269_032297_EFA4.SAFE", ("S1C", "S3", "RAW")),
    ],
)  # fmt: skip
def test_product_names(name, expected):
    found = parse_product(name)
    assert (found.platform, found.mode, found.kind) == expected


def test_other_names_are_not_product_names():
    assert parse_product("S2A_MSIL1C_20210403T083025.SAFE") is None
    assert parse_product("manifest.safe") is None


@pytest.mark.parametrize(
    "stem",
    [
        STEM.replace("20210403t083025", "20211303t083025"),
        STEM.replace("20210403t083025", "20210431t083025"),
        STEM.replace("t083028", "t083060"),
        STEM.replace("20210403t083028", "20210403t083024"),  # ends before it begins
        STEM.replace("20210403t083028", "20210404t083028"),
        STEM.replace("2021", "9021"),
        STEM.replace("026300", "000000"),
        STEM.replace("026300", "٠٢٦٣٠٠"),
        STEM.replace("s1a", "\u017f1a"),  # a long s
        STEM[:-3] + "000",
        STEM[:-3] + "999",
    ],
)
def test_numbers_and_times_that_cannot_be_are_no_name(stem):
    assert parse_file(f"annotation/{STEM}.xml") is not None
    assert parse_file(f"annotation/{stem}.xml") is None
    assert not VignetteName(stem).is_of_product


def test_a_leap_second_is_a_time_of_a_name():
    stem = STEM.replace("20210403t083025-20210403t083028", "20161231t235958-20161231t235960")  # fmt: skip
    _, name = parse_file(f"annotation/{stem}.xml")
    assert name.stop == np.datetime64("2017-01-01")
    assert name.start == np.datetime64("2016-12-31T23:59:58")
