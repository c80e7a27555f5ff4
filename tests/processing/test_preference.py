"""Two processings of one acquisition: the better one is taken, and it is said."""

import re
import shutil

import pytest

import xoceansar as xos
from tests.processing.products import SHAPE
from xoceansar.errors import OceansarWarning, ProductError
from xoceansar.processing.product_listing import list_units

RUN = {"outputs": ["quality"], "shape": SHAPE, "scheduler": "synchronous"}


def again(product, folder, *, unique, version=None, stop=None):
    """The same acquisitions, processed again."""
    target = folder / f"{product.stem[:-4]}{unique}.SAFE"
    shutil.copytree(product, target)
    manifest = target / "manifest.safe"
    text = manifest.read_text()
    if version:
        text = text.replace('version="003.71"', f'version="{version}"')
    if stop:
        text = re.sub(r'(<safe:processing [^>]*stop=")[^"]*', rf"\g<1>{stop}", text)
    manifest.write_text(text)
    return target


@pytest.mark.parametrize(
    "by", [{"version": "003.100"}, {"stop": "2024-01-01T00:00:00"}]
)
def test_the_better_processing_counts_whatever_its_name(products, tmp_path, by):
    folder = tmp_path / "in"
    old = again(products[0], folder, unique="0000")
    new = again(products[0], folder, unique="FFFF", **by)
    shutil.copytree(products[1], folder / products[1].name)
    with pytest.warns(
        OceansarWarning, match=f"1 products .* {new.stem} is taken before {old.stem}"
    ):
        report = xos.process(folder, tmp_path / "a.zarr", **RUN)
    assert (report.processed, report.vignettes) == (3, 4)
    names = xos.open_archive(tmp_path / "a.zarr")["product"].values.tolist()
    assert names == [new.name] * 2 + [products[1].name] * 2
    units = xos.open_archive(tmp_path / "a.zarr", group="units")
    assert units["repeated_count"].values.tolist() == [0, 2, 0]


def test_folders_that_lead_to_themselves_are_searched_once(products, tmp_path):
    folder = tmp_path / "in"
    shutil.copytree(products[0], folder / "a" / products[0].name)
    for name in ("one", "two"):
        (folder / "a" / name).symlink_to(folder)
    units = list_units(folder)
    assert len(units if isinstance(units, list) else units[0]) == 1


@pytest.mark.parametrize("path", ["/dev/zero", "/proc"])
def test_devices_are_no_products(path):
    with pytest.raises(ProductError):
        list_units(path)


def test_a_list_without_end_is_refused(tmp_path):
    with (tmp_path / "list.txt").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(ProductError, match="at most 16777216 are read"):
        list_units(tmp_path / "list.txt")


def test_pixels_are_checked_unless_that_is_said(products, tmp_path):
    product = again(products[0], tmp_path / "in", unique="0000")
    image = next((product / "measurement").iterdir())
    data = bytearray(image.read_bytes())
    data[len(data) // 2] ^= 1
    image.write_bytes(data)
    xos.process(product, tmp_path / "checked.zarr", **RUN)
    xos.process(product, tmp_path / "trusted.zarr", verify=False, **RUN)
    bits = [
        sorted(xos.open_archive(tmp_path / f"{name}.zarr")["quality"].values & 64)
        for name in ("checked", "trusted")
    ]
    assert bits == [[0, 64], [0, 0]]
