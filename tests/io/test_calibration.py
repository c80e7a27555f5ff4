"""Noise and calibration through whole products: dialects, scales, gaps, flags."""

import re

import numpy as np
import pytest
import xarray as xr

from tests.io.conftest import LEVELS, SHAPE, make_product
from xoceansar import open_wave_mode
from xoceansar.conventions import Quality
from xoceansar.errors import OceansarWarning, VignetteError


def read(path, **kwargs):
    return open_wave_mode(path, shape=SHAPE, **kwargs).load()


@pytest.mark.parametrize("platform", ["S1A", "S1B", "S1C"])
@pytest.mark.parametrize("ipf", ["002.84", "002.90", "002.91", "003.10"])
def test_nesz_is_plausible_at_every_processor_version(tmp_path, ipf, platform):
    path = make_product(tmp_path, ipf=ipf, platform=platform, levels=LEVELS[:2])
    ds = read(path)
    scaled = ipf in ("002.90", "002.91") and platform != "S1C"
    expected = {
        "S1A": [10**-3.813, 10**-3.684],
        "S1B": [10**-3.930, 10**-3.744],
    }.get(platform) if scaled else [1.0, 1.0]  # fmt: skip
    np.testing.assert_allclose(ds.noise_scaling, expected, rtol=1e-12)
    np.testing.assert_allclose(10 * np.log10(ds.nesz), -26.0, atol=0.01)
    np.testing.assert_allclose(
        10 * np.log10(ds.sigma0.mean(("line", "sample")) / LEVELS[:2]), 0, atol=0.06
    )
    assert ds.quality.values.tolist() == [0, 0]
    assert ds.ipf_version.values.tolist() == [ipf, ipf]


def test_reading_twice_scales_once(tmp_path):
    path = make_product(tmp_path, ipf="002.91", levels=LEVELS[:2])
    lazy = open_wave_mode(path, shape=SHAPE)
    xr.testing.assert_identical(lazy.nesz.compute(), lazy.nesz.compute())
    xr.testing.assert_identical(lazy.nesz.compute(), read(path).nesz)


def test_noise_in_another_unit_is_flagged_and_said(copy):
    file = copy.file("noise", 1)
    grown = re.sub(
        r"(<noiseRangeLut[^>]*>)([^<]*)",
        lambda m: m[1] + " ".join(f"{1e4 * float(x):.6e}" for x in m[2].split()),
        file.read_text(),
    )
    file.write_text(grown)
    copy.sign()
    with pytest.warns(
        OceansarWarning, match=f"{copy.stems[1]} has a median NESZ of 25.1"
    ):
        ds = read(copy.path)
    suspect = (ds.quality.values & Quality.CALIBRATION_SUSPECT) > 0
    assert suspect.tolist() == [False, True, False, False]


def dialects(text):
    """One noise file in the four forms that processors have written."""
    names = {"noiseRangeVectorList": "noiseVectorList", "noiseRangeVector": "noiseVector",
             "noiseRangeLut": "noiseLut"}  # fmt: skip
    bare = re.sub(r"<noiseAzimuthVectorList[^>]*(/>|>.*?</noiseAzimuthVectorList>)", "",
                  text, flags=re.DOTALL)  # fmt: skip
    old = bare
    for new_name, old_name in names.items():
        old = re.sub(rf"(</?){new_name}\b", rf"\1{old_name}", old)
    end = "</noise>"
    ones = (
        '<noiseAzimuthVectorList count="1"><noiseAzimuthVector><swath>WV1</swath>'
        "<firstAzimuthLine>0</firstAzimuthLine><firstRangeSample>0</firstRangeSample>"
        "<lastAzimuthLine>9999</lastAzimuthLine><lastRangeSample>9999</lastRangeSample>"
        '<line count="3">0 200 480</line>'
        '<noiseAzimuthLut count="3">1.0 1.0 1.0</noiseAzimuthLut>'
        "</noiseAzimuthVector></noiseAzimuthVectorList>"
    )
    return {
        "old": old,
        "absent": bare,
        "empty": bare.replace(end, f'<noiseAzimuthVectorList count="0"/>{end}'),
        "ones": bare.replace(end, ones + end),
    }


@pytest.mark.parametrize("form", ["old", "absent", "empty", "ones"])
def test_every_noise_dialect_gives_the_same_nesz(copy, product, form):
    file = copy.file("noise", 0)
    forms = dialects(file.read_text())
    assert len(set(forms.values())) == 4
    assert ("noiseVectorList" in forms["old"]) != ("noiseVectorList" in forms["absent"])
    file.write_text(forms[form])
    copy.sign()
    expected = read(product.path, vignettes=0).nesz
    np.testing.assert_allclose(read(copy.path, vignettes=0).nesz, expected, rtol=1e-7)


def test_azimuth_noise_is_a_factor_along_the_lines(copy, product):
    file = copy.file("noise", 0)
    file.write_text(
        dialects(file.read_text())["ones"].replace("1.0 1.0 1.0", "1.0 1.0 2.4")
    )
    copy.sign()
    factor = read(copy.path, vignettes=0).nesz / read(product.path, vignettes=0).nesz
    along = factor.isel(vignette=0).mean("sample").values
    # 36 rows of 50 m about the middle of some 492 lines of 4.13 m
    lines = copy_lines(copy)
    rows = (np.arange(36) - 17.5) * 50 / 4.1313 + (lines - 1) / 2
    expected = np.interp(rows, [0, 200, 480], [1.0, 1.0, 2.4])
    np.testing.assert_allclose(along, expected, rtol=3e-3)


def copy_lines(copy):
    text = copy.file("annotation", 0).read_text()
    return int(re.search(r"<numberOfLines>(\d+)<", text)[1])


@pytest.mark.parametrize(
    "lines", [[0, 165, 330], [-2996, -1498, 0, 6601], [100], [900]]
)
def test_noise_vectors_reach_the_ends_of_the_image(copy, lines):
    file = copy.file("noise", 0)
    text = file.read_text()
    one = re.search(r"<noiseRangeVector>.*?</noiseRangeVector>", text, re.DOTALL)[0]
    one = re.sub(r"<azimuthTime>[^<]*</azimuthTime>", "", one)  # as old processors
    vectors = "".join(re.sub(r"<line>[^<]*<", f"<line>{n}<", one) for n in lines)
    body = (
        f'<noiseRangeVectorList count="{len(lines)}">{vectors}</noiseRangeVectorList>'
    )
    file.write_text(
        re.sub(
            r"<noiseRangeVectorList.*</noiseRangeVectorList>",
            body,
            text,
            flags=re.DOTALL,
        )
    )
    copy.sign()
    nesz = read(copy.path, vignettes=0).nesz
    assert nesz.notnull().all()
    np.testing.assert_allclose(10 * np.log10(nesz), -26.0, atol=0.01)


def test_a_denoised_product_is_not_denoised_again(copy, product):
    copy.edit(
        "annotation",
        0,
        "<thermalNoiseCorrectionPerformed>false",
        "<thermalNoiseCorrectionPerformed>true",
    )
    ds, plain = read(copy.path), read(product.path)
    raw = plain.sigma0 + plain.nesz
    np.testing.assert_allclose(ds.sigma0[0], raw[0], rtol=1e-6)
    np.testing.assert_array_equal(ds.sigma0[1:], plain.sigma0[1:])
    np.testing.assert_array_equal(ds.nesz, plain.nesz)


def test_below_the_noise_floor_stays_negative_and_is_counted(tmp_path):
    path = make_product(tmp_path, levels=(1e-6,))
    ds = read(path)
    share = float((ds.sigma0 <= 0).mean())
    assert 0.3 < share < 0.7
    assert float(ds.sigma0.min()) < 0
    np.testing.assert_allclose(ds.below_noise_fraction, share, rtol=1e-6)
    assert ds.quality.values.tolist() == [int(Quality.BELOW_NOISE)]
    assert abs(float(ds.sigma0.mean())) < 2e-5  # not biased by clipping


@pytest.mark.parametrize("role", ["noise", "calibration"])
def test_a_missing_table_takes_out_its_vignette_alone(copy, product, role):
    copy.file(role, 1).unlink()
    with pytest.warns(OceansarWarning) as caught:
        ds = read(copy.path)
    (message,) = {str(one.message) for one in caught}
    assert copy.stems[1] in message
    assert f"{role}-{copy.stems[1]}.xml is missing" in message
    assert "uncalibrated=True" in message
    plain = read(product.path)
    assert ds.sigma0[1].isnull().all()
    assert ds.quality.values[1] & Quality.UNREADABLE
    np.testing.assert_array_equal(ds.sigma0[[0, 2, 3]], plain.sigma0[[0, 2, 3]])
    np.testing.assert_array_equal(ds.quality[[0, 2, 3]], plain.quality[[0, 2, 3]])
    np.testing.assert_array_equal(ds.longitude, plain.longitude)
    with pytest.raises(VignetteError, match=f"{copy.stems[1]}.*{role}"):
        open_wave_mode(copy.path, on_error="raise")


def test_going_on_without_noise(copy, product):
    copy.file("noise", 1).unlink()
    with pytest.warns(OceansarWarning, match=f"{copy.stems[1]} has no noise file"):
        ds = read(copy.path, uncalibrated=True)
    plain = read(product.path)
    raw = plain.sigma0 + plain.nesz
    np.testing.assert_allclose(ds.sigma0[1], raw[1], rtol=1e-6)
    assert ds.nesz[1].isnull().all()
    assert ds.quality.values.tolist() == [0, int(Quality.CALIBRATION_SUSPECT), 0, 0]


def test_going_on_without_calibration(copy, product):
    copy.file("calibration", 0).unlink()
    with pytest.warns(OceansarWarning, match="squared digital numbers"):
        ds = read(copy.path, uncalibrated=True)
    assert ds.quality.values[0] & Quality.CALIBRATION_SUSPECT
    text = copy.file("calibration", 2).read_text()
    amplitude = np.mean(
        [float(x) for x in re.search(r"<sigmaNought[^>]*>([^<]*)", text)[1].split()]
    )
    raw = (ds.sigma0[0].mean() / amplitude**2).item()
    np.testing.assert_allclose(10 * np.log10(raw / (LEVELS[0] + 10**-2.6)), 0, atol=0.1)
    np.testing.assert_array_equal(ds.sigma0[1:], read(product.path).sigma0[1:])
