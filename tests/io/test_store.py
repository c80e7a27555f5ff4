"""Zip archives in the layouts that are about."""

import zipfile

import numpy as np
import pytest

from tests.io.conftest import SHAPE
from xoceansar import open_wave_mode
from xoceansar.errors import OceansarWarning, ProductError


def archive(path, product, *, method=zipfile.ZIP_STORED, folders=False, inner=None):
    inner = product.name if inner is None else inner
    with zipfile.ZipFile(path, "w", method) as file:
        for member in sorted(product.rglob("*")):
            name = "/".join(
                part for part in (inner, str(member.relative_to(product))) if part
            )
            if member.is_file():
                file.write(member, name)
            elif folders:
                file.writestr(zipfile.ZipInfo(name + "/"), b"")
    return path


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("folders", [False, True])
@pytest.mark.parametrize(
    "inner", [None, "", "./S1A_WV_SLC__1SSV_other.SAFE", "a/b/c.SAFE"]
)
def test_an_archive_reads_as_its_folder(product, tmp_path, method, folders, inner):
    path = archive(
        tmp_path / "download-1234.zip",
        product.path,
        method=method,
        folders=folders,
        inner=inner,
    )
    ds = open_wave_mode(path, shape=SHAPE)
    expected = open_wave_mode(product.path, shape=SHAPE)
    for name in ("sigma0", "nesz", "quality", "longitude"):
        np.testing.assert_array_equal(ds[name], expected[name])
    if inner is None:
        assert set(ds["product"].values) == {product.path.name}


@pytest.mark.parametrize("share", [0.6, 0.999, 0.0])
def test_an_archive_cut_short_is_named(product, tmp_path, share):
    path = archive(tmp_path / f"{product.path.stem}.zip", product.path)
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    with pytest.raises(ProductError, match=f"{path.name} is not a whole zip"):
        open_wave_mode(path)


def test_a_file_that_is_no_archive_is_named(tmp_path):
    path = tmp_path / "product.zip"
    path.write_text("<html>please log in</html>")
    with pytest.raises(ProductError, match=r"product.zip is not a whole zip"):
        open_wave_mode(path)


def test_an_archive_of_something_else_is_named(tmp_path):
    path = tmp_path / "photos.zip"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("a.txt", "a")
    with pytest.raises(ProductError, match=r"holds no manifest\.safe"):
        open_wave_mode(path)


def test_damage_inside_a_deflated_archive_stays_in_its_vignette(product, tmp_path):
    path = archive(tmp_path / "a.zip", product.path, method=zipfile.ZIP_DEFLATED)
    with zipfile.ZipFile(path) as file:
        member = next(m for m in file.infolist() if m.filename.endswith("002.tiff"))
    data = bytearray(path.read_bytes())
    middle = member.header_offset + member.compress_size // 2
    data[middle : middle + 200] = bytes(200)
    path.write_bytes(data)
    with pytest.warns(
        OceansarWarning, match=r"-002\.tiff (is damaged|does not decompress)"
    ):
        ds = open_wave_mode(path, shape=SHAPE).load()
    assert ds.sigma0.isnull().all(("line", "sample")).values.tolist() == [
        False, True, False, False,
    ]  # fmt: skip


def test_an_archive_that_changed_is_read_anew(product, tmp_path):
    path = archive(tmp_path / "a.zip", product.path)
    before = open_wave_mode(path, shape=SHAPE).sigma0.values
    archive(path, product.path, inner="another/place.SAFE", method=zipfile.ZIP_DEFLATED)
    np.testing.assert_array_equal(open_wave_mode(path, shape=SHAPE).sigma0, before)
