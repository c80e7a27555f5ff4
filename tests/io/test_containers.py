"""Several products in one place, checksums, odd names, two processings, and what would never end."""

import os
import re
import shutil
import struct
import warnings
import zipfile

import numpy as np
import pytest
import xarray as xr

from tests.io.conftest import SHAPE, Copy
from tests.io.test_store import archive
from xoceansar import open_wave_mode
from xoceansar.conventions import Quality
from xoceansar.errors import OceansarWarning, PathError, ProductError, VignetteError
from xoceansar.io.safe.product import discover, expand


def read(path, **kwargs):
    return open_wave_mode(path, shape=SHAPE, **kwargs).load()


def read_by_engine(path):
    return xr.open_dataset(path, engine="oceansar", shape=SHAPE, chunks={}).load()


def flip(file, at):
    data = bytearray(file.read_bytes())
    data[at] ^= 1
    file.write_bytes(data)


# Several products


@pytest.fixture
def folder(product, tmp_path):
    """Two products of four vignettes, the second a day later, and one of another mode."""
    target = tmp_path / "download"
    shutil.copytree(product.path, target / product.path.name)
    later = Copy(target / product.path.name.replace("20210403", "20210404"))
    shutil.copytree(product.path, later.path)
    for file in [*later.path.rglob("*s1a-*")]:
        file.rename(file.with_name(file.name.replace("20210403", "20210404")))
    manifest = later.path / "manifest.safe"
    manifest.write_text(manifest.read_text().replace("-20210403", "-20210404"))
    for file in later.path.glob("annotation/*.xml"):
        file.write_text(file.read_text().replace("2021-04-03T", "2021-04-04T"))
    later.sign()
    wide = target / product.path.name.replace("WV_SLC", "IW_SLC")
    wide.mkdir()
    (wide / "manifest.safe").write_text(
        "<a><instrumentMode><mode>IW</mode></instrumentMode></a>"
    )
    return target


def test_all_products_of_a_folder_and_of_an_archive_are_opened(
    folder, product, tmp_path
):
    zipped = archive(tmp_path / "a.zip", folder, inner="x/y")
    (folder / "loop").symlink_to("loop")
    for path in (folder, zipped):
        with pytest.warns(OceansarWarning, match="3 products; 1 are not .*IW_SLC"):
            ds = open_wave_mode(path, shape=SHAPE)
        assert ds.sizes["vignette"] == 8
        days = ds.time.values.astype("datetime64[D]").astype(str).tolist()
        assert days == ["2021-04-03"] * 4 + ["2021-04-04"] * 4
        np.testing.assert_array_equal(ds.sigma0[4:], read(product.path).sigma0)


def test_a_tar_archive_is_refused_in_words(product, tmp_path):
    for suffix, form in (("tar", "tar"), ("tar.gz", "gztar")):
        shutil.make_archive(str(tmp_path / "p"), form, product.path.parent)
        with pytest.raises(ProductError, match=r"is a tar archive.*Unpack it"):
            open_wave_mode(tmp_path / f"p.{suffix}")


# Checksums


@pytest.mark.parametrize("role", ["annotation", "calibration", "noise", "measurement"])
@pytest.mark.parametrize("opened", [read, read_by_engine])
def test_a_flipped_byte_is_never_a_value(copy, role, opened):
    file = copy.file(role, 1)
    data = file.read_bytes()
    if role == "measurement":
        at = len(data) // 2
    else:  # the last digit of a number: still well-formed
        tag = {
            "annotation": b"latitude",
            "calibration": b"sigmaNought",
            "noise": b"noiseRangeLut",
        }
        at = re.search(rb"<%s[^>]*>[^<]*?\d\d" % tag[role], data).end() - 1
    flip(file, at)
    with pytest.warns(
        OceansarWarning, match=f"{file.name} is damaged or was changed: its MD5"
    ):
        ds = opened(copy.path)
    assert ds.quality.values.tolist() == [0, Quality.UNREADABLE | Quality.NO_DATA, 0, 0]
    assert ds.sigma0[1].isnull().all()
    with pytest.raises(VignetteError, match="MD5"):
        read(copy.path, on_error="raise")


def test_pixels_are_not_checked_where_that_is_said(copy, product):
    file = copy.file("measurement", 1)
    flip(file, file.stat().st_size // 2)
    ds = read(copy.path, verify=False)
    changed = ds.sigma0[1] != read(product.path).sigma0[1]
    assert 1 <= int(changed.sum()) <= 4
    assert ds.quality.values.tolist() == [0] * 4
    flip(copy.file("noise", 2), 1000)
    with pytest.warns(
        OceansarWarning, match=r"noise-.*-003\.xml is damaged or was changed"
    ):
        read(copy.path, verify=False)


@pytest.mark.parametrize("role", ["measurement", "calibration"])
def test_the_crc_of_a_stored_member_is_checked_always(product, tmp_path, role):
    path = archive(tmp_path / "a.zip", product.path)
    with zipfile.ZipFile(path) as file:
        names = Copy(product.path).file(role, 1).name
        member = next(m for m in file.infolist() if m.filename.endswith("/" + names))
    flip(path, member.header_offset + 200 + member.file_size // 2)
    with pytest.warns(
        OceansarWarning, match=f"{names} is damaged. Download the archive"
    ):
        ds = read(path, verify=False)
    assert (ds.quality.values & Quality.UNREADABLE > 0).tolist() == [
        False,
        True,
        False,
        False,
    ]


def test_a_manifest_without_checksums_is_accepted_and_said(copy, product):
    manifest = copy.path / "manifest.safe"
    manifest.write_text(re.sub("<checksum.*?</checksum>", "", manifest.read_text()))
    with pytest.warns(OceansarWarning, match="no MD5 of 16 of its files"):
        ds = read(copy.path)
    np.testing.assert_array_equal(ds.sigma0, read(product.path).sigma0)
    with warnings.catch_warnings():
        warnings.simplefilter("error", OceansarWarning)
        read(copy.path, verify=False)


# Names


def test_files_of_odd_names_are_counted(copy):
    manifest = copy.path / "manifest.safe"
    text = manifest.read_text()
    manifest.write_text(
        text.replace(copy.stems[2], copy.stems[2].replace("-wv1-", "-wvx-"))
    )
    with pytest.warns(OceansarWarning, match=r"lists 4 files .* the first is .*wvx"):
        ds = open_wave_mode(copy.path, shape=SHAPE)
    assert ds.sizes["vignette"] == 3
    with pytest.raises(ProductError, match="lists 4 files"):
        open_wave_mode(copy.path, on_error="raise")


# Two processings


@pytest.mark.parametrize("newer_first", [True, False])
@pytest.mark.parametrize("by", ["version", "time", "version of other seconds"])
def test_of_two_processings_the_better_one_counts(
    copy, product, tmp_path, by, newer_first
):
    newer = copy.path.rename(copy.path.with_name(copy.path.name[:-9] + "0000.SAFE"))
    manifest = newer / "manifest.safe"
    text = manifest.read_text()
    if by == "time":
        text = re.sub(r'(<safe:processing [^>]*stop=")2021', r"\g<1>2024", text)
    else:
        assert 'version="003.71"' in text
        text = text.replace('version="003.71"', 'version="003.100"')
    if by.endswith("seconds"):
        text = text.replace("20210403t083025-", "20210403t083026-")
        for file in [*newer.rglob("*20210403t083025-*")]:
            file.rename(
                file.with_name(
                    file.name.replace("20210403t083025-", "20210403t083026-")
                )
            )
    manifest.write_text(text)
    paths = [newer, product.path] if newer_first else [product.path, newer]
    with pytest.warns(
        OceansarWarning, match=r"4 vignettes of .* are in .*0000\.SAFE .*too"
    ):
        ds = open_wave_mode(paths, shape=SHAPE)
    assert ds["product"].values.tolist() == [newer.name] * 4


# What would not end


def test_nested_objects_take_one_pass(copy):
    manifest = copy.path / "manifest.safe"
    text = manifest.read_text()
    depth = 120
    one = '<dataObject ID="{}">' * depth + "{}" + "</dataObject>" * depth
    stream = '<byteStream><fileLocation href="./preview/a.png"/></byteStream>' * 200
    nested = one.format(*range(depth), stream) * 100
    manifest.write_text(
        text.replace("</dataObjectSection>", nested + "</dataObjectSection>")
    )
    assert len(discover(str(copy.path))[0].vignettes) == 4


def test_a_manifest_larger_than_any_is_not_read(copy):
    with (copy.path / "manifest.safe").open("r+b") as file:
        file.truncate(1 << 40)
    with pytest.raises(ProductError, match=r"manifest\.safe has 1099511627776 bytes"):
        open_wave_mode(copy.path)


@pytest.mark.parametrize("samples", [10**12, 3 * 10**7, 99_999])
def test_an_image_that_no_file_holds_is_one_bad_vignette(copy, samples):
    file = copy.file("annotation", 1)
    text = re.sub("(<numberOfSamples>)[^<]*", rf"\g<1>{samples}", file.read_text())
    file.write_text(text)
    copy.sign()
    with pytest.warns(OceansarWarning, match=copy.stems[1]):
        ds = read(copy.path)
    assert (ds.quality.values & Quality.UNREADABLE > 0).tolist() == [
        False,
        True,
        False,
        False,
    ]


@pytest.mark.parametrize(
    ("role", "size"), [("noise", 17 << 20), ("measurement", 40 << 20)]
)
@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED])
def test_a_member_larger_than_its_role_is_not_inflated(
    copy, tmp_path, role, size, method
):
    with copy.file(role, 1).open("r+b") as file:
        file.truncate(size)
    path = archive(tmp_path / "bomb.zip", copy.path, method=method)
    for place in (path, copy.path):
        with pytest.warns(OceansarWarning, match=rf"{size} bytes, and .*at most"):
            ds = read(place)
        unreadable = ds.quality.values & Quality.UNREADABLE > 0
        assert unreadable.tolist() == [False, True, False, False]


def test_a_member_that_grows_beyond_its_announced_size_is_refused(product, tmp_path):
    path = archive(tmp_path / "a.zip", product.path, method=zipfile.ZIP_DEFLATED)
    with zipfile.ZipFile(path) as file:
        member = next(m for m in file.infolist() if "noise-" in m.filename)
    data = path.read_bytes()
    real, short = (
        struct.pack("<II", member.compress_size, n) for n in (member.file_size, 9)
    )
    path.write_bytes(data.replace(real, short))
    with pytest.warns(OceansarWarning, match=r"noise-.* is damaged"):
        read(path)


@pytest.mark.parametrize("kind", ["pipe", "loop", "device"])
@pytest.mark.parametrize("role", ["annotation", "noise", "measurement"])
def test_what_is_no_file_is_one_bad_vignette(copy, role, kind):
    file = copy.file(role, 1)
    file.unlink()
    if kind == "pipe":
        os.mkfifo(file)
    else:
        file.symlink_to(file.name if kind == "loop" else "/dev/zero")
    with pytest.warns(OceansarWarning, match=copy.stems[1]):
        ds = read(copy.path)
    assert (ds.quality.values & Quality.UNREADABLE > 0).tolist() == [
        False,
        True,
        False,
        False,
    ]


def test_what_is_no_file_is_no_product(tmp_path):
    os.mkfifo(tmp_path / "p.zip")
    (tmp_path / "loop.zip").symlink_to("loop.zip")
    for path in (tmp_path / "p.zip", tmp_path / "loop.zip", "/dev/zero"):
        with pytest.raises(ProductError):
            open_wave_mode(path)
    with pytest.raises(PathError, match="null character"):
        open_wave_mode("a\0b")


def test_patterns_enter_each_folder_once(tmp_path):
    (tmp_path / "a" / "b.SAFE").mkdir(parents=True)
    (tmp_path / ".hidden" / "c.SAFE").mkdir(parents=True)
    for name in ("one", "two"):
        (tmp_path / "a" / name).symlink_to(tmp_path)
    assert expand(f"{tmp_path}/**/*.SAFE") == [f"{tmp_path}/a/b.SAFE"]
    assert expand(f"{tmp_path}/**/a/**/*.SAFE") == [f"{tmp_path}/a/b.SAFE"]


def test_relative_patterns_are_as_before(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x[1]" / "y").mkdir(parents=True)
    (tmp_path / "x[1]" / "y" / "a.SAFE").touch()
    (tmp_path / "b.SAFE").touch()
    assert expand("**/*.SAFE") == ["b.SAFE", "x[1]/y/a.SAFE"]
    assert expand("x*/**/*.SAFE") == ["x[1]/y/a.SAFE"]
