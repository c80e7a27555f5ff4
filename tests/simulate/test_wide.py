"""A simulated sea in the files of a wide-swath product: the arithmetic, without xsar."""

import numpy as np
import pytest

from tests.simulate.real_products import complete, real
from xoceansar.errors import DomainError, OceansarError
from xoceansar.sar.polarisation import polarisation_ratio
from xoceansar.simulate import fill_safe

rasterio = pytest.importorskip("rasterio")

pytestmark = pytest.mark.filterwarnings(
    "ignore::rasterio.errors.NotGeoreferencedWarning"
)

LINES, SAMPLES = 600, 64
STEM = "s1a-iw-grd-{pol}-20210809t173953-20210809t174018-039156-049f13-001"
#: Lines and samples of the tables below.
ROWS, COLUMNS = (0, 599), (0, 63)
AMPLITUDE = np.array([[400.0, 500.0], [600.0, 800.0]])
NOISE = np.array([[2000.0, 4000.0], [3000.0, 5000.0]])
INCIDENCE = (30.0, 45.0)

_ANNOTATION = """<product><adsHeader><productType>{kind}</productType>
<polarisation>{pol}</polarisation></adsHeader>
<imageAnnotation><imageInformation><numberOfSamples>64</numberOfSamples>
<numberOfLines>600</numberOfLines></imageInformation></imageAnnotation>
<geolocationGrid>{points}</geolocationGrid>{bursts}</product>"""
_POINT = """<geolocationGridPoint><line>{line}</line><pixel>{sample}</pixel>
<longitude>0</longitude><latitude>0</latitude>
<incidenceAngle>{angle}</incidenceAngle></geolocationGridPoint>"""
_MANIFEST = """<x><safe:facility country="Italy" name="Ground Segment" site="x"/>
<safe:resource name="/data/S1A_AUX_CAL_V2019.SAFE" role="AUX_CAL"/>
<safe:resource name="S1A_AUX_PP1_V2020.SAFE" role="AUX_PP1"/></x>"""
_AZIMUTH = """<noiseAzimuthVector><firstAzimuthLine>{0}</firstAzimuthLine>
<lastAzimuthLine>{1}</lastAzimuthLine><firstRangeSample>{2}</firstRangeSample>
<lastRangeSample>{3}</lastRangeSample><line>{0} {1}</line>
<noiseAzimuthLut>{4} {5}</noiseAzimuthLut></noiseAzimuthVector>"""


def vectors(tag, name, table):
    """Write a table at `ROWS` and `COLUMNS` as calibration or noise vectors."""
    parts = [
        f"<{tag}><line>{line}</line><pixel>{COLUMNS[0]} {COLUMNS[1]}</pixel>"
        f"<{name}>{values[0]} {values[1]}</{name}></{tag}>"
        for line, values in zip(ROWS, table, strict=True)
    ]
    return "".join(parts)


def make(folder, *, pol="VV", kind="GRD", azimuth="", old=False, bursts=""):
    """Write a product of one image without pixels."""
    product = folder / "S1A_IW_GRDH_1SDV_X.SAFE"
    for name in ("annotation/calibration", "measurement"):
        (product / name).mkdir(parents=True)
    (product / "manifest.safe").write_text(_MANIFEST)
    points = "".join(
        _POINT.format(line=line, sample=sample, angle=angle)
        for line in ROWS
        for sample, angle in zip(COLUMNS, INCIDENCE, strict=True)
    )
    stem = STEM.format(pol=pol.lower())
    note = product / "annotation" / f"{stem}.xml"
    note.write_text(
        _ANNOTATION.format(kind=kind, pol=pol, points=points, bursts=bursts)
    )
    tag = "noiseVector" if old else "noiseRangeVector"
    lut = "noiseLut" if old else "noiseRangeLut"
    files = {
        "calibration": vectors("calibrationVector", "sigmaNought", AMPLITUDE),
        "noise": vectors(tag, lut, NOISE) + azimuth,
    }
    for name, text in files.items():
        path = product / "annotation" / "calibration" / f"{name}-{stem}.xml"
        path.write_text(f"<r>{text}</r>")
    return product


def bilinear(table):
    rows = np.linspace(0, 1, LINES)[:, None]
    columns = np.linspace(0, 1, SAMPLES)
    first, last = (row[0] + columns * (row[1] - row[0]) for row in table)
    return first + rows * (last - first)


def pixels(safe):
    with rasterio.open(next((safe / "measurement").glob("*.tiff"))) as file:
        return file.read(1), file.dtypes[0]


def level(line, sample, incidence):
    return 0.1 + 0 * line + 0 * sample + 0 * incidence


def slope(line, sample, incidence):
    return 0.08 + 1e-4 * line + 5e-4 * sample + 0 * incidence


@pytest.mark.parametrize("old", [False, True])
def test_numbers_are_calibrated_and_carry_the_noise(tmp_path, old):
    """IPF before 2.9 wrote the noise under other names."""
    safe = fill_safe(make(tmp_path, old=old), tmp_path / "out", slope, looks=np.inf)
    found, dtype = pixels(safe)
    line, sample = np.indices((LINES, SAMPLES))
    power = slope(line, sample, 0) * bilinear(AMPLITUDE) ** 2 + bilinear(NOISE)
    assert dtype == "uint16"
    np.testing.assert_allclose(found, np.sqrt(power), atol=0.51)


def test_azimuth_noise_multiplies_in_its_blocks_and_without_one_there_is_no_data(
    tmp_path,
):
    blocks = _AZIMUTH.format(0, 599, 0, 31, 1.0, 3.0)
    blocks += _AZIMUTH.format(100, 599, 32, 63, 2.0, 2.0)
    safe = fill_safe(
        make(tmp_path, azimuth=blocks), tmp_path / "out", level, looks=np.inf
    )
    found, _ = pixels(safe)
    factor = np.full((LINES, SAMPLES), 2.0)
    factor[:, :32] = np.linspace(1, 3, LINES)[:, None]
    power = 0.1 * bilinear(AMPLITUDE) ** 2 + bilinear(NOISE) * factor
    power[:100, 32:] = 0
    np.testing.assert_allclose(found, np.sqrt(power), atol=0.51)
    assert (found[:100, 32:] == 0).all()


def test_hh_is_the_same_sea_over_the_polarisation_ratio(tmp_path):
    safe = fill_safe(make(tmp_path, pol="HH"), tmp_path / "out", level, looks=np.inf)
    found, _ = pixels(safe)
    angle = np.linspace(*INCIDENCE, SAMPLES)
    # The sea is computed at every 32nd sample, and linear between.
    nodes = [0, 32, 63]
    sea = np.interp(np.arange(64), nodes, 0.1 / polarisation_ratio(angle[nodes]))
    power = sea * bilinear(AMPLITUDE) ** 2 + bilinear(NOISE)
    np.testing.assert_allclose(found, np.sqrt(power), atol=0.51)


def test_cross_polarisation_holds_zeros(tmp_path):
    safe = fill_safe(make(tmp_path, pol="VH"), tmp_path / "out", level)
    assert (pixels(safe)[0] == 0).all()


def test_speckle_has_the_looks_asked_for(tmp_path):
    safe = fill_safe(make(tmp_path), tmp_path / "out", level, looks=4.4)
    power = 0.1 * bilinear(AMPLITUDE) ** 2 + bilinear(NOISE)
    cells = (pixels(safe)[0][::2, ::2] / np.sqrt(power)[::2, ::2]) ** 2
    assert cells.mean() == pytest.approx(1, abs=0.02)
    assert cells.var() == pytest.approx(1 / 4.4, rel=0.06)


def test_slc_pixels_are_complex_gaussian(tmp_path):
    safe = fill_safe(make(tmp_path, kind="SLC"), tmp_path / "out", level)
    found, dtype = pixels(safe)
    assert dtype == "complex_int16"
    assert (found.real == np.rint(found.real)).all()
    power = 0.1 * bilinear(AMPLITUDE) ** 2 + bilinear(NOISE)
    unit = found / np.sqrt(power)
    # 38,400 pixels, three sigma.
    assert np.mean(np.abs(unit) ** 2) == pytest.approx(1, abs=0.016)
    assert np.mean(np.abs(unit) ** 4) == pytest.approx(2, abs=0.08)
    assert abs(np.mean(unit)) < 0.016
    assert abs(np.mean(unit**2)) < 0.022
    assert np.var(unit.real) == pytest.approx(0.5, abs=0.011)


def test_slc_pixels_without_speckle_have_the_power_of_the_sea(tmp_path):
    safe = fill_safe(make(tmp_path, kind="SLC"), tmp_path / "out", slope, looks=np.inf)
    line, sample = np.indices((LINES, SAMPLES))
    power = slope(line, sample, 0) * bilinear(AMPLITUDE) ** 2 + bilinear(NOISE)
    np.testing.assert_allclose(np.abs(pixels(safe)[0]), np.sqrt(power), atol=0.75)


def test_equal_seeds_give_equal_pixels(tmp_path):
    product = make(tmp_path)
    first, again, other = (
        pixels(fill_safe(product, tmp_path / f"{k}", level, seed=seed))[0]
        for k, seed in enumerate((1, 1, 2))
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_the_product_says_that_it_is_simulated(tmp_path):
    safe = fill_safe(make(tmp_path), tmp_path / "out", level)
    again = fill_safe(safe, tmp_path / "again", level)
    for product in (safe, again):
        assert "simulated" in (product / "SIMULATED.txt").read_text()
        text = (product / "manifest.safe").read_text()
        assert 'name="Simulated, not a measurement; after Ground Segment"' in text
        assert 'name="/data/S1A_AUX_CAL_V2019_SIMULATED.SAFE"' in text
        assert 'name="S1A_AUX_PP1_V2020_SIMULATED.SAFE"' in text


def test_a_crop_changes_two_numbers_of_the_annotation(tmp_path):
    product = make(tmp_path)
    safe = fill_safe(product, tmp_path / "out", level, lines=70, samples=40)
    assert pixels(safe)[0].shape == (70, 40)
    name = f"annotation/{STEM.format(pol='vv')}.xml"
    changed = (product / name).read_text()
    changed = changed.replace("Lines>600<", "Lines>70<").replace(
        "Samples>64<", "Samples>40<"
    )
    assert (safe / name).read_text() == changed
    with pytest.raises(DomainError, match="numberOfLines must be 2 to 600; got 601"):
        fill_safe(product, tmp_path / "out", level, lines=601)


@pytest.mark.parametrize(
    "absent", ["manifest.safe", "annotation", "annotation/calibration"]
)
def test_a_folder_that_is_no_product_is_refused(tmp_path, absent):
    product = make(tmp_path)
    (product / absent).rename(tmp_path / "elsewhere")
    with pytest.raises(OceansarError, match=r"no SAFE|no calibration"):
        fill_safe(product, tmp_path / "out", level)


def test_what_was_not_simulated_is_never_replaced(tmp_path):
    product = make(tmp_path)
    with pytest.raises(OceansarError, match="is the template"):
        fill_safe(product, product.parent, level)
    other = tmp_path / "archive" / product.name
    other.mkdir(parents=True)
    with pytest.raises(OceansarError, match="was not simulated"):
        fill_safe(product, tmp_path / "archive", level)
    assert (product / "manifest.safe").exists()
    assert other.exists()
    filled = fill_safe(product, tmp_path / "out", level)
    with pytest.raises(OceansarError, match="is the template"):
        fill_safe(filled, tmp_path / "out", level)
    first = pixels(filled)[0]
    changed = fill_safe(product, tmp_path / "out", level, seed=5)
    assert (pixels(changed)[0] != first).any()


def test_bursts_are_refused(tmp_path):
    product = make(
        tmp_path, kind="SLC", bursts="<burstList><burst></burst></burstList>"
    )
    with pytest.raises(DomainError, match="GRD"):
        fill_safe(product, tmp_path / "out", level)


def test_bursts_of_a_real_product_are_refused(tmp_path):
    with pytest.raises(DomainError, match="holds bursts"):
        fill_safe(real("S1B_IW_SLC*"), tmp_path / "out", level)
    assert not (tmp_path / "out").exists()


def test_a_real_ew_image_begins_with_its_first_sub_swath(tmp_path):
    """Lines 0 to 78 reach sample 3129, and the others begin later."""
    product = complete("S1A_EW_GRDM*", tmp_path)
    safe = fill_safe(product, tmp_path / "out", level, lines=100)
    with rasterio.open(next((safe / "measurement").glob("*-hh-*.tiff"))) as file:
        found = file.read(1)
    assert found[:, :3129].all()
    assert found[:79, 3129].all()
    assert not found[:, 3130:].any()
    assert not found[79:, 3129].any()
