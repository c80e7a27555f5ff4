"""The lean parser against xarray-safe-s1, the parser under xsar, on real annotations."""

import pickle
import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from tests.io.conftest import make_product
from xoceansar.errors import ProductError
from xoceansar.io.safe.annotation import (
    parse_annotation,
    parse_calibration,
    parse_noise,
)
from xoceansar.io.safe.product_names import VignetteName

SHARED = Path(__file__).parents[2] / "../shared/data/safe"

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def real(pattern):
    found = sorted(SHARED.glob(pattern))
    return [pytest.param(path, id=path.name[:30]) for path in found] or [
        pytest.param(
            None, marks=pytest.mark.skip(reason="the shared data are not here")
        )
    ]


def name_of(path):
    """What the name of any Sentinel-1 annotation says, Wave Mode or not."""
    parts = path.stem.removeprefix("calibration-").removeprefix("noise-").split("-")
    return SimpleNamespace(
        beam=parts[1], polarisation=parts[3].upper(), number=int(parts[-1])
    )


@pytest.fixture
def oracle():
    mappings = pytest.importorskip("safe_s1.sentinel1_xml_mappings")
    from safe_s1.xml_parser import XmlParser

    def parser(path):
        return XmlParser(
            mapper={path.name: path.read_bytes()},
            xpath_mappings=mappings.xpath_mappings,
            compounds_vars=mappings.compounds_vars,
            namespaces=dict(mappings.namespaces),
        )

    return parser


def check_annotation(path, oracle):
    found = parse_annotation(path.read_bytes(), name_of(path), str(path))
    reader = oracle(path)

    def grid(name):
        return reader.get_compound_var(path.name, name)

    for mine, theirs in [
        ("longitude", "longitude"),
        ("latitude", "latitude"),
        ("incidence", "incidenceAngle"),
    ]:
        np.testing.assert_array_equal(getattr(found.grid, mine), grid(theirs).values)
    np.testing.assert_array_equal(found.grid.line, grid("latitude").line)
    np.testing.assert_array_equal(found.grid.sample, grid("latitude").sample)

    def value(name):
        return reader.get_var(path.name, f"annotation.{name}")

    assert found.lines == value("line_size")
    assert found.samples == value("sample_size")
    assert found.range_spacing == value("rangePixelSpacing")
    assert found.azimuth_spacing == value("azimuthPixelSpacing")
    np.testing.assert_array_equal(
        [found.first_line, found.last_line], value("line_time_range")
    )
    assert found.denoised == value("denoised")


def check_calibration(path, oracle):
    found = parse_calibration(path.read_bytes(), name_of(path), str(path)).amplitude
    expected = oracle(path).get_compound_var(path.name, "luts_raw").sigma0_lut
    np.testing.assert_array_equal(found.line, expected.line.values.astype(float))
    for sample, value, row in zip(found.sample, found.value, expected, strict=True):
        np.testing.assert_array_equal(sample, row.sample)
        np.testing.assert_array_equal(value, row)


def check_noise(path, oracle):
    found = parse_noise(path.read_bytes(), name_of(path), str(path))
    reader = oracle(path)
    expected = reader.get_compound_var(path.name, "noise_lut_range_raw").noise_lut
    np.testing.assert_array_equal(found.along_range.line, expected.line)
    for sample, value, row in zip(
        found.along_range.sample, found.along_range.value, expected, strict=True
    ):
        used = min(value.size, row.size)  # safe_s1 cuts all to the shortest
        np.testing.assert_array_equal(sample[:used], row.sample[:used])
        np.testing.assert_array_equal(value[:used], row[:used])
    azimuth = [
        reader.get_var(path.name, f"noise.azi.{key}")
        for key in ("line_start", "line_stop", "line", "noiseLut")
    ]
    assert len(found.along_azimuth) == len(azimuth[0])
    for block, first, last, line, value in zip(
        found.along_azimuth, *azimuth, strict=True
    ):
        assert (block.first, block.last) == (first, last)
        np.testing.assert_array_equal(block.line, line)
        np.testing.assert_array_equal(block.value, value)


@pytest.mark.parametrize("path", real("*_SLC_*.SAFE/annotation/*.xml"))
def test_real_annotations(path, oracle):
    check_annotation(path, oracle)


@pytest.mark.parametrize(
    "path", real("*.SAFE/annotation/calibration/calibration-*.xml")
)
def test_real_calibrations(path, oracle):
    check_calibration(path, oracle)


@pytest.mark.parametrize("path", real("*.SAFE/annotation/calibration/noise-*.xml"))
def test_real_noises(path, oracle):
    check_noise(path, oracle)


@pytest.mark.parametrize("ipf", ["002.53", "003.40"])
def test_simulated_annotations(tmp_path, oracle, ipf):
    path = make_product(tmp_path, ipf=ipf, levels=(0.2, 0.1))
    for file in (path / "annotation").glob("*.xml"):
        check_annotation(file, oracle)
    for file in (path / "annotation/calibration").glob("calibration*.xml"):
        check_calibration(file, oracle)
    for file in (path / "annotation/calibration").glob("noise*.xml"):
        check_noise(file, oracle)


NAME = VignetteName("s1a-wv1-slc-vv-20210403t083025-20210403t083028-026300-032390-001")
HEADER = "<adsHeader><polarisation>VV</polarisation><swath>WV1</swath></adsHeader>"


def noise(*vectors):
    parts = "".join(
        f"<noiseVector><line>{line}</line><pixel>{pixel}</pixel><noiseLut>{value}</noiseLut>"
        "</noiseVector>"
        for line, pixel, value in vectors
    )
    return f"<noise>{HEADER}<noiseVectorList>{parts}</noiseVectorList></noise>".encode()


def test_vectors_are_put_in_order_of_line():
    found = parse_noise(noise((9, "0 1", "3 4"), (0, "0 2", "1 2")), NAME, "n.xml")
    assert found.along_range.line.tolist() == [0, 9]
    assert found.along_range.sample[0].tolist() == [0, 2]
    assert found.along_range.value[1].tolist() == [3, 4]


def test_vectors_of_unequal_length_keep_their_own_samples():
    found = parse_noise(
        noise((0, "0 10 20", "1 2 3"), (9, "0 10", "4 5")), NAME, "n.xml"
    )
    np.testing.assert_allclose(found.along_range.table(21)[:, 15], [2.5, 5.0])


def test_the_zeros_that_end_old_noise_vectors_are_no_values():
    found = parse_noise(noise((0, "0 10 20 30", "8 6 0 0")), NAME, "n.xml")
    np.testing.assert_allclose(found.along_range.table(31)[0, [5, 10, 30]], [7, 6, 6])
    none = parse_noise(noise((0, "0 10", "0 0")), NAME, "n.xml")
    np.testing.assert_array_equal(none.along_range.table(3), 0)


@pytest.mark.parametrize(
    ("vectors", "words"),
    [
        ([], "no vector"),
        ([(0, "0 1", "1")], "2 pixels and 1"),
        ([(0, "1 0", "1 2")], "not in order"),
        ([(0, "0 1", "1 inf")], "not finite"),
        ([(0, "0 1", "1 x")], "could not convert"),
        ([(0, "0 1", "1 2"), (0, "0 1", "1 2")], "same line"),
        ([("", "0 1", "1 2")], "<line> is absent"),
    ],
)
def test_vectors_that_cannot_be_right_are_refused(vectors, words):
    with pytest.raises(ProductError, match=f"n.xml: .*{words}.*Download"):
        parse_noise(noise(*vectors), NAME, "n.xml")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("WV1", "WV2"),
        (">VV<", ">HH<"),
        ("</swath>", "</swath><imageNumber>002</imageNumber>"),
    ],
)
def test_a_file_of_another_vignette_is_refused(old, new):
    data = noise((0, "0 1", "1 2")).replace(old.encode(), new.encode())
    with pytest.raises(ProductError, match="describes another vignette"):
        parse_noise(data, NAME, "n.xml")


def test_a_comment_does_not_cut_a_number():
    data = noise((0, "0 1", "1 2")).replace(b"<line>0<", b"<line>1<!-- -->5<")
    assert parse_noise(data, NAME, "n.xml").along_range.line.tolist() == [15]


def test_no_value_of_the_grid_moves_to_another_point(copy):
    """One point without a latitude and one with two have as many latitudes as points."""
    xml, name = copy.file("annotation", 0).read_bytes(), VignetteName(copy.stems[0])
    latitude = re.findall(rb"<latitude>[^<]*</latitude>", xml)
    assert latitude[0] != latitude[1]
    moved = xml.replace(latitude[0], b"", 1).replace(
        latitude[1], latitude[1] + latitude[0], 1
    )
    with pytest.raises(ProductError, match="lacks one of"):
        parse_annotation(moved, name, "file.xml")
    # points may have their values in any order, as long as all have the same
    exchanged = re.sub(
        rb"(<latitude>[^<]*</latitude>)(\s*)(<longitude>[^<]*</longitude>)",
        rb"\3\2\1",
        xml,
    )
    assert exchanged != xml
    known = parse_annotation(xml, name, "file.xml").grid
    found = parse_annotation(exchanged, name, "file.xml").grid
    np.testing.assert_array_equal(found.latitude, known.latitude)
    np.testing.assert_array_equal(found.longitude, known.longitude)


def test_what_is_computed_once_does_not_travel_with_the_tasks(copy):
    xml, name = copy.file("annotation", 0).read_bytes(), VignetteName(copy.stems[0])
    grid = parse_annotation(xml, name, "file.xml").grid
    before = len(pickle.dumps((name, grid)))
    assert name.start <= name.stop
    longitude, _ = grid.locate(0, 0)
    assert len(pickle.dumps((name, grid))) == before
    same_name, same_grid = pickle.loads(pickle.dumps((name, grid)))
    assert same_name == name
    assert same_grid.locate(0, 0)[0] == longitude == grid.longitude[0, 0]
