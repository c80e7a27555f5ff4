"""Which products an input means."""

import shutil
from pathlib import Path

import pytest

from xoceansar.errors import ProductError
from xoceansar.processing import product_listing
from xoceansar.processing.product_listing import Unit

WV = "S1A_WV_SLC__1SSV_20210403T083025_20210403T083110_026300_032390_{:04X}"


def list_units(*arguments):
    return product_listing.list_units(*arguments)[0]


@pytest.fixture
def tree(tmp_path):
    """Products at several depths, among others that are not wanted."""
    for number, folder in enumerate(("b", "a/deep", "a")):
        path = tmp_path / folder / f"{WV.format(number)}.SAFE"
        (path / "measurement").mkdir(parents=True)
        (path / "manifest.safe").touch()
    (tmp_path / "a" / f"{WV.format(3)}.SAFE.zip").touch()
    (tmp_path / "a" / f"{WV.format(4)}.zip").touch()
    (tmp_path / "a" / f"{WV.format(5).replace('SLC_', 'OCN_')}.zip").touch()
    (tmp_path / "a" / "S1A_IW_SLC__1SDV_20210403T083025_20210403T083110_026300_032390_0000.zip").touch()  # fmt: skip
    (tmp_path / "a" / "other.zip").touch()
    # a product inside a product is a part of it
    (tmp_path / "b" / f"{WV.format(0)}.SAFE" / f"{WV.format(9)}.SAFE").mkdir()
    return tmp_path


def numbers(units):
    return [int(unit.name[-4:], 16) for unit in units]


def test_a_directory_is_searched_at_any_depth_in_order_of_names(tree):
    units = list_units(tree)
    assert numbers(units) == [0, 1, 2, 3, 4]
    assert units[3] == Unit(WV.format(3), str(tree / "a" / f"{WV.format(3)}.SAFE.zip"))


def test_products_keep_the_order_in_which_they_are_given(tree):
    given = [tree / "a" / f"{WV.format(4)}.zip", tree / "b" / f"{WV.format(0)}.SAFE"]
    assert numbers(list_units(given)) == [4, 0]


def test_a_pattern_is_in_order_of_names(tree):
    assert numbers(list_units(str(tree / "*" / "S1A_WV_SLC*"))) == [2, 3, 4, 0]
    with pytest.raises(ProductError, match="no path matches"):
        list_units(str(tree / "*.tar"))


def test_a_manifest_a_folder_and_an_archive_are_one_product(tree):
    folder = tree / "b" / f"{WV.format(0)}.SAFE"
    archive = tree / f"{WV.format(0)}.zip"
    shutil.copy(tree / "a" / f"{WV.format(4)}.zip", archive)
    units = list_units([folder / "manifest.safe", folder, archive, f"{folder}/"])
    assert [unit.path for unit in units] == [str(folder / "manifest.safe")]
    assert numbers(units) == [0]


def test_a_text_file_lists_products_and_patterns(tree):
    missing = "/nowhere/" + WV.format(7) + ".SAFE"
    text = f"# mine\n\n{missing}\n  {tree}/a/*.SAFE  \n"
    (tree / "list.txt").write_text(text)
    units = list_units(tree / "list.txt")
    # what is missing is found, and recorded, when it is its turn
    assert numbers(units) == [7, 2]
    assert units[0].path == missing


@pytest.mark.parametrize("name", ["nothing", "empty"])
def test_what_holds_no_product_is_an_error(tmp_path, name):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ProductError, match=name):
        list_units(tmp_path / name)


def test_a_binary_file_is_no_list(tmp_path):
    Path(tmp_path / "image.tiff").write_bytes(b"\xff\xfe\x00\x81")
    with pytest.raises(ProductError, match="neither a product nor a text file"):
        list_units(tmp_path / "image.tiff")
