"""Damaged vignettes and wrong products: named, flagged, and no harm to their neighbours."""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.io.conftest import SHAPE, make_product
from xoceansar import open_wave_mode
from xoceansar.conventions import Quality
from xoceansar.errors import (
    DimensionError,
    OceansarWarning,
    PathError,
    ProductError,
    UnsupportedProductError,
    VignetteError,
)

SHARED = Path(__file__).parents[2] / "../shared/data/safe"
SAFE = "20210403T083025_20210403T084452_026300_032390_D542.SAFE"


def read(path, **kwargs):
    return open_wave_mode(path, shape=SHAPE, **kwargs).load()


def cut(file, share):
    file.write_bytes(file.read_bytes()[: int(share * file.stat().st_size)])


DAMAGE = {
    "tiff missing": lambda copy: copy.file("measurement", 1).unlink(),
    "tiff cut short": lambda copy: cut(copy.file("measurement", 1), 0.6),
    "tiff cut in its header": lambda copy: cut(copy.file("measurement", 1), 1e-5),
    "tiff empty": lambda copy: copy.file("measurement", 1).write_bytes(b""),
    "tiff of noise": lambda copy: copy.file("measurement", 1).write_bytes(b"x" * 999),
    "tiff of another vignette": lambda copy: shutil.copy(
        copy.file("measurement", 0), copy.file("measurement", 1)
    ),
    "annotation missing": lambda copy: copy.file("annotation", 1).unlink(),
    "annotation malformed": lambda copy: cut(copy.file("annotation", 1), 0.9),
    "annotation empty": lambda copy: copy.file("annotation", 1).write_bytes(b""),
    "annotation of another vignette": lambda copy: shutil.copy(
        copy.file("annotation", 3), copy.file("annotation", 1)
    ),
    "annotation without grid": lambda copy: copy.edit(
        "annotation", 1, "geolocationGridPoint>", "point>"
    ),
    "annotation with text for a number": lambda copy: copy.edit(
        "annotation", 1, "<numberOfLines>", "<numberOfLines>many"
    ),
    "annotation with zero spacing": lambda copy: copy.file("annotation", 1).write_text(
        re.sub(
            "(<rangePixelSpacing>)[^<]*",
            r"\g<1>0.0",
            copy.file("annotation", 1).read_text(),
        )
    ),
    "calibration malformed": lambda copy: cut(copy.file("calibration", 1), 0.5),
    "calibration of another vignette": lambda copy: shutil.copy(
        copy.file("calibration", 0), copy.file("calibration", 1)
    ),
    "calibration not a number": lambda copy: copy.edit(
        "calibration", 1, "</sigmaNought>", " nan</sigmaNought>"
    ),
    "calibration not positive": lambda copy: copy.file("calibration", 1).write_text(
        re.sub(
            r"(<sigmaNought[^>]*>)\S+",
            r"\g<1>0.0",
            copy.file("calibration", 1).read_text(),
        )
    ),
    "noise malformed": lambda copy: copy.file("noise", 1).write_text("<noise>"),
    "noise without vectors": lambda copy: copy.edit(
        "noise", 1, "noiseRangeVectorList", "otherList"
    ),
    "noise of unequal lists": lambda copy: copy.edit(
        "noise", 1, "</pixel>", " 9999</pixel>"
    ),
}


@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE.keys())
def test_a_damaged_vignette_is_flagged_and_no_other(copy, product, damage, signed):
    damage(copy)
    if signed:  # the checksums do not tell, and the content does
        copy.sign()
    with pytest.warns(OceansarWarning) as caught:
        ds = read(copy.path)
    messages = [str(one.message) for one in caught]
    assert len(messages) == 1, messages
    stem = copy.stems[1]
    assert messages[0].startswith(f"vignette {stem}: ")
    assert str(copy.path / "") in messages[0], "the file is named"
    assert re.search(r"Download|Restore|give|leave", messages[0]), "a remedy is given"
    assert ds.vignette_id.values[1] == stem
    assert ds.quality.values[1] == Quality.UNREADABLE | Quality.NO_DATA
    assert ds.sigma0[1].isnull().all()
    assert ds.nesz[1].isnull().all()
    assert float(ds.no_data_fraction[1]) == 1.0
    plain = read(product.path)
    for name in ("sigma0", "nesz", "quality", "longitude", "time", "incidence"):
        # a sum may depend in its last digit on where the numbers lie in memory
        own, others = (d[name].values[[0, 2, 3]] for d in (ds, plain))
        if own.dtype.kind == "f":
            np.testing.assert_allclose(own, others, rtol=1e-13)
        else:
            np.testing.assert_array_equal(own, others)


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE.keys())
def test_a_damaged_vignette_can_stop_the_call(copy, damage):
    damage(copy)
    copy.sign()
    with pytest.raises(VignetteError, match=copy.stems[1]):
        read(copy.path, on_error="raise")


@pytest.mark.filterwarnings("ignore:Dataset has no geotransform")
def test_zeros_are_no_data_and_the_rest_is_kept(copy, product):
    rasterio = pytest.importorskip("rasterio")
    with rasterio.open(copy.file("measurement", 1), "r+") as file:
        file.write(np.zeros((1, *file.shape), np.complex64))
    with rasterio.open(copy.file("measurement", 0), "r+") as file:
        numbers = file.read(1)
        numbers[:, :150] = 0
        file.write(numbers, 1)
    copy.sign()
    ds, plain = read(copy.path), read(product.path)
    assert ds.sigma0[1].isnull().all()
    assert ds.nesz[1].isnull().all()
    assert ds.no_data_fraction.values[1] == 1.0
    assert ds.quality.values.tolist() == [Quality.NO_DATA, Quality.NO_DATA, 0, 0]
    # Some 150 samples of 3.7 m are zero, and the grid begins a hundred metres into the image.
    missing = ds.sigma0[0].isnull()
    columns = int(missing.all("line").sum())
    assert 6 <= columns <= 10
    assert missing[:, :columns].all()
    assert not missing[:, columns:].any()
    np.testing.assert_array_equal(
        ds.sigma0[0][:, columns + 1 :], plain.sigma0[0][:, columns + 1 :]
    )


def test_a_vignette_without_annotation_keeps_what_its_name_says(copy):
    copy.file("annotation", 1).unlink()
    with pytest.warns(OceansarWarning, match="annotation file .* is missing"):
        ds = read(copy.path)
    assert ds.beam.values[1] == "wv2"
    assert ds.polarisation.values[1] == "VV"
    assert np.isnan(ds.longitude.values[1])
    assert abs(ds.time.values[1] - np.datetime64("2021-04-03T08:30:40")) < np.timedelta64(2, "s")  # fmt: skip
    assert (np.diff(ds.time.values) > np.timedelta64(0)).all()


ENTITY = '<!DOCTYPE product [<!ENTITY x SYSTEM "file:///etc/hostname">]>'


@pytest.mark.parametrize("role", ["annotation", "calibration", "noise"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_xml_with_entities_is_refused(copy, role, encoding):
    file = copy.file(role, 2)
    text = file.read_text()
    body = text[text.index("?>") + 2 :]
    bomb = f'<?xml version="1.0" encoding="{encoding}"?>{ENTITY}{body}'
    file.write_bytes(bomb.replace("<swath>WV1", "<swath>&x;").encode(encoding))
    copy.sign()
    with pytest.warns(
        OceansarWarning, match=f"{copy.stems[2]}.*declares a document type"
    ):
        ds = read(copy.path)
    assert ds.quality.values[2] & Quality.UNREADABLE


def test_a_manifest_with_entities_is_refused(copy):
    manifest = copy.path / "manifest.safe"
    text = manifest.read_text()
    manifest.write_text(text.replace("?>", f"?>{ENTITY}", 1))
    with pytest.raises(ProductError, match=r"manifest\.safe declares a document type"):
        open_wave_mode(copy.path)


def test_a_manifest_cannot_name_files_outside_the_product(copy):
    manifest = copy.path / "manifest.safe"
    text = manifest.read_text()
    manifest.write_text(text.replace("./measurement/", "../../measurement/"))
    with pytest.raises(ProductError, match="outside the product"):
        open_wave_mode(copy.path)


def objects(text):
    return re.findall(r"<dataObject\b.*?</dataObject>", text, re.DOTALL)


def test_files_are_paired_by_stem_in_any_order(copy, product):
    manifest = copy.path / "manifest.safe"
    text = manifest.read_text()
    found = objects(text)
    assert len(found) == 16
    mixed = [found[k] for k in np.random.default_rng(3).permutation(16)]
    rfi = found[0].replace(
        f"annotation/{copy.stems[0]}", f"annotation/rfi/rfi-{copy.stems[0]}"
    )
    for old in found:
        text = text.replace(old, "", 1)
    text = text.replace(
        "<dataObjectSection>", "<dataObjectSection>" + rfi + "".join(mixed)
    )
    manifest.write_text(text)
    np.testing.assert_array_equal(read(copy.path).sigma0, read(product.path).sigma0)


def test_a_file_that_the_manifest_lacks_is_missing(copy):
    manifest = copy.path / "manifest.safe"
    text = manifest.read_text()
    gone = next(one for one in objects(text) if f"calibration-{copy.stems[0]}" in one)
    manifest.write_text(text.replace(gone, ""))
    copy.file("calibration", 0).unlink()
    with pytest.warns(
        OceansarWarning, match=f"calibration-{copy.stems[0]}.xml is missing"
    ):
        ds = open_wave_mode(copy.path)
    assert ds.sizes["vignette"] == 4


def test_a_pixel_file_alone_is_a_vignette_that_cannot_be_read(copy):
    manifest = copy.path / "manifest.safe"
    text = manifest.read_text()
    for one in objects(text):
        if copy.stems[3] in one and "measurement/" not in one:
            text = text.replace(one, "")
    manifest.write_text(text)
    copy.file("annotation", 3).unlink()
    with pytest.warns(OceansarWarning, match=copy.stems[3]):
        ds = open_wave_mode(copy.path, shape=SHAPE)
    assert ds.quality.values[3] & Quality.UNREADABLE


def test_lower_and_upper_case_names(copy, product):
    manifest = copy.path / "manifest.safe"
    text = manifest.read_text()
    stem = copy.stems[0]
    for role in ("annotation", "measurement"):
        file = copy.file(role, 0)
        file.rename(file.with_name(file.name.replace(stem, stem.upper())))
    text = text.replace(f"annotation/{stem}", f"annotation/{stem.upper()}")
    manifest.write_text(
        text.replace(f"measurement/{stem}", f"measurement/{stem.upper()}")
    )
    ds = read(copy.path)
    assert ds.vignette_id.values[0] == stem
    np.testing.assert_array_equal(ds.sigma0, read(product.path).sigma0)


@pytest.mark.parametrize("satellite", ["E", "Z"])
def test_an_unknown_satellite_is_read_without_corrections(tmp_path, satellite):
    path = make_product(tmp_path, ipf="002.91", platform="S1C", levels=(0.2,))
    renamed = path.with_name(path.name.replace("S1C", f"S1{satellite}"))
    path.rename(renamed)
    for file in [*renamed.rglob("s1c-*"), *renamed.rglob("*-s1c-*")]:
        file.rename(file.with_name(file.name.replace("s1c", f"s1{satellite.lower()}")))
    manifest = renamed / "manifest.safe"
    text = manifest.read_text()
    manifest.write_text(text.replace("s1c-", f"s1{satellite.lower()}-"))
    ds = read(renamed)
    assert ds.platform.values.tolist() == [f"S1{satellite}"]
    assert ds.noise_scaling.values.tolist() == [1.0]
    assert ds.quality.values.tolist() == [0]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (f"S1A_WV_OCN__2SSV_{SAFE}", r"WV OCN.*xoceansar\.open_ocn"),
        (f"S1A_WV_RAW__0SSV_{SAFE}", "WV RAW.*no image"),
        (f"S1A_IW_GRDH_1SDV_{SAFE}", "IW GRD.*xsar"),
        (f"S1B_IW_SLC__1SDV_{SAFE}", "IW SLC.*xsar"),
        (f"S1C_EW_GRDM_1SDH_{SAFE}", "EW GRD.*xsar"),
        (f"S1A_S3_SLC__1SDV_{SAFE}", "S3 SLC.*xsar"),
    ],
)
def test_other_products_are_refused_by_name(tmp_path, name, words):
    with pytest.raises(UnsupportedProductError, match=words):
        open_wave_mode(tmp_path / name)  # the name says it: nothing needs to be there


@pytest.mark.parametrize("mode", ["IW", "EW"])
def test_a_renamed_product_is_refused_by_its_manifest(copy, mode):
    manifest = copy.path / "manifest.safe"
    text = manifest.read_text()
    assert ":mode>WV<" in text
    manifest.write_text(text.replace(":mode>WV<", f":mode>{mode}<"))
    renamed = copy.path.rename(copy.path.with_name("mine"))
    with pytest.raises(UnsupportedProductError, match=f"{mode} SLC"):
        open_wave_mode(renamed)


def test_a_renamed_wave_mode_product_is_read(copy, product):
    renamed = copy.path.rename(copy.path.with_name("mine"))
    ds = read(renamed)
    assert set(ds["product"].values) == {"mine"}
    np.testing.assert_array_equal(ds.sigma0, read(product.path).sigma0)


def test_paths_that_are_no_product(tmp_path):
    for path, words in [
        (tmp_path, "no manifest.safe"),
        (tmp_path / "absent", "does not exist"),
        (tmp_path / "*.SAFE", "no path matches"),
        (tmp_path / "a.nc", r"\(\.nc\)"),
        ([], "no product was given"),
    ]:
        with pytest.raises(ProductError, match=words):
            open_wave_mode(path)


def test_a_manifest_without_processor_version(copy):
    manifest = copy.path / "manifest.safe"
    text = manifest.read_text()
    manifest.write_text(re.sub(r'(<safe:software[^>]*) version="[^"]*"', r"\1", text))
    with pytest.raises(ProductError, match="processor version"):
        open_wave_mode(copy.path)


@pytest.mark.skipif(not SHARED.exists(), reason="the shared data are not here")
def test_real_manifests():
    wave = next(SHARED.glob("S1B_WV_SLC*"))
    with pytest.warns(OceansarWarning, match="annotation file .* is missing"):
        ds = open_wave_mode(wave)
    assert ds.sizes["vignette"] == 60
    assert (ds.beam == "wv1").sum() == 30
    assert set(ds.ipf_version.values) == {"003.31"}
    for other in SHARED.glob("S1?_[!W]*"):
        with pytest.raises(UnsupportedProductError, match="Wave Mode SLC"):
            open_wave_mode(other)


@pytest.mark.parametrize(
    "path", [None, 5, b"x", [None], [["x"]], "~nobody-here/x", "\0"]
)
def test_what_is_no_path_is_said(path):
    with pytest.raises(PathError, match="path"):
        open_wave_mode(path)


@pytest.mark.parametrize(
    "options",
    [
        {"spacing": None},
        {"spacing": "50"},
        {"spacing": [50]},
        {"spacing": float("nan")},
        {"shape": 36},
        {"shape": (10**9, 10**9)},
    ],
)
def test_a_grid_that_makes_no_sense_is_said(product, options):
    with pytest.raises(DimensionError, match=r"shape=\(384, 384\), spacing=50"):
        open_wave_mode(product.path, **options)
