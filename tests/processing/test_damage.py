"""Archives that were damaged, or edited by other programs: errors in words, and no row is lost."""

import contextlib
import json
import os
import pickle
import shutil
import warnings
from dataclasses import replace

import numpy as np
import pytest
import xarray as xr
import zarr

import xoceansar as xos
from tests.processing.conftest import SETTINGS, failure, outcome, rows_of
from tests.processing.damages import damage
from xoceansar.errors import ArchiveError, OceansarError, OceansarWarning, ProductError
from xoceansar.io.export.netcdf import to_netcdf
from xoceansar.processing.archive_writer import Archive, read_records


@pytest.fixture(autouse=True)
def quiet():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """An archive of 9 vignettes of 2 products, and one product that failed."""
    path = tmp_path_factory.mktemp("whole") / "archive.zarr"
    archive = Archive(str(path), "{}", SETTINGS)
    archive.begin()
    archive.commit([outcome(0, 5), failure(1)])
    archive.commit([outcome(2, 4)])
    return path


@pytest.fixture
def path(whole, tmp_path):
    return shutil.copytree(whole, tmp_path / "archive.zarr")


def appended(path):
    archive = Archive(str(path), "{}", SETTINGS)
    archive.begin()
    archive.commit([outcome(7, 3)])


OPERATIONS = {
    "open": lambda path: xos.open_archive(path).load(),
    "units": lambda path: xos.open_archive(path, group="units").load(),
    "similar": lambda path: xos.open_archive(path).oceansar.similar(0, n_neighbors=2).load(),
    "netcdf": lambda path: to_netcdf(xos.open_archive(path), path.with_name("a.nc")),
    "select": lambda path: xos.ops.select(xos.open_archive(path), time="2021-04").load(),
    "copy": lambda path: xos.to_zarr(xos.open_archive(path), path.with_name("copy.zarr")),
    "records": lambda path: read_records(str(path)),
    "check": xos.check_archive,
    "mend": lambda path: xos.check_archive(path, mend=True),
    "append": appended,
}  # fmt: skip


def visible(path):
    """What plain xarray shows, or None where it cannot."""
    try:
        return xr.open_zarr(path, chunks=None).load()
    except Exception:  # noqa: BLE001  whatever xarray and Zarr raise of damage
        return None


def check_rows(before, path):
    """Rows that were visible are there, with their values."""
    if before is None or "vignette" not in before.dims:
        return
    after = visible(path)
    assert after is not None
    count = before.sizes["vignette"]
    assert after.sizes["vignette"] >= count
    kept = after.isel(vignette=slice(count))
    for name, variable in before.variables.items():
        np.testing.assert_array_equal(kept[name].values, variable.values, err_msg=name)


@pytest.mark.parametrize("seed", range(24))
def test_a_damaged_archive_gives_typed_errors_and_loses_no_row(path, seed):
    rng = np.random.default_rng(seed)
    way = damage(rng, path)
    before = visible(path)
    name = list(OPERATIONS)[seed % len(OPERATIONS)]
    said = []
    try:
        OPERATIONS[name](path)
    except OceansarError as error:
        said.append(str(error))
    assert all("\n" not in text for text in said), (way, said)
    check_rows(before, path)
    mended = visible(path)
    with contextlib.suppress(OceansarError):
        appended(path)
    check_rows(mended, path)


# What the trial found, one by one


def changed(path):
    """Return the archive as zarr opens it to be edited, without its consolidated metadata."""
    return zarr.open_group(path, mode="r+", use_consolidated=False)


def swh_of(path):
    return xr.open_zarr(path).swh.values.tolist()


BEFORE = [*rows_of(0, 5).swh.values.tolist(), *rows_of(2, 4).swh.values.tolist()]
AFTER = [*BEFORE, *rows_of(7, 3).swh.values.tolist()]


def test_rows_stay_when_the_consolidated_metadata_was_taken_away(path):
    changed(path).attrs["note"] = "mine"
    assert not root_of(path).get("consolidated_metadata")
    appended(path)
    assert swh_of(path) == AFTER
    assert len(read_records(str(path))) == 4
    assert xr.open_zarr(path).attrs["note"] == "mine"


def root_of(path):
    return json.loads((path / "zarr.json").read_text())


def test_an_emptied_list_of_arrays_is_no_empty_archive(path):
    root = root_of(path)
    root["consolidated_metadata"]["metadata"] = {}
    (path / "zarr.json").write_text(json.dumps(root))
    with pytest.raises(ProductError, match=r"lists no variable.* 9 rows.*--mend"):
        xos.open_archive(path)
    appended(path)
    assert swh_of(path) == AFTER


def test_an_attribute_of_a_variable_survives(path):
    changed(path)["swh"].attrs["note"] = "mine"
    appended(path)
    assert xr.open_zarr(path).swh.attrs["note"] == "mine"
    assert swh_of(path) == AFTER


@pytest.mark.parametrize("consolidated", [True, False])
def test_a_variable_of_another_program_stops_an_append_before_it_writes(
    path, consolidated
):
    attrs = xr.open_zarr(path).attrs
    own = xr.Dataset({"note": ("vignette", np.arange(9))}, attrs=attrs)
    own.to_zarr(path, mode="a", consolidated=consolidated)
    files = contents(path)
    with pytest.raises(
        ArchiveError, match=r"variables \['note'\].*in a store beside it"
    ):
        appended(path)
    assert contents(path) == files
    assert swh_of(path) == BEFORE


def contents(path):
    return {f: f.read_bytes() for f in sorted(path.rglob("*")) if f.is_file()}


def edit_a_variable(path):
    changed(path)["swh"].attrs["note"] = "mine"


def edit_the_archive(path):
    changed(path).attrs["note"] = "mine"


def unlist_a_variable(path):
    root = root_of(path)
    del root["consolidated_metadata"]["metadata"]["swh"]
    (path / "zarr.json").write_text(json.dumps(root))


@pytest.mark.parametrize("edit", [edit_a_variable, edit_the_archive, unlist_a_variable])
def test_a_refused_append_leaves_what_another_program_changed(path, edit):
    edit(path)
    chunk = path / "quality" / "c" / "0"
    chunk.write_bytes(chunk.read_bytes()[::-1])
    metadata = {f: f.read_bytes() for f in sorted(path.rglob("zarr.json"))}
    with pytest.raises(ArchiveError, match="Nothing was committed"):
        appended(path)
    assert {f: f.read_bytes() for f in sorted(path.rglob("zarr.json"))} == metadata
    assert zarr.open_array(path / "swh", mode="r")[:].tolist() == BEFORE


def test_a_fill_value_that_is_no_fill_value_is_refused(path):
    file = path / "swh" / "zarr.json"
    node = json.loads(file.read_bytes())
    node["attributes"]["_FillValue"] = -1.5
    file.write_text(json.dumps(node))
    with pytest.raises(ArchiveError, match=r"damaged.*Nothing was committed"):
        appended(path)
    assert zarr.open_array(path / "swh", mode="r")[:].tolist() == BEFORE


@pytest.mark.parametrize("consolidated", [True, False])
def test_rows_of_another_program_are_not_written_over(path, consolidated):
    archive = xr.open_zarr(path, chunks=None).load().drop_encoding()
    rows = archive.drop_vars(["pixel_spacing"]).isel(vignette=[0, 1])
    rows["vignette_id"] = rows.vignette_id.astype(object)
    rows.to_zarr(path, append_dim="vignette", consolidated=consolidated)
    files = contents(path)
    with pytest.raises(ArchiveError, match="xoceansar check"):
        appended(path)
    assert contents(path) == files


@pytest.mark.parametrize("name", ["quality", "swh", "vignette_id", "units/row_count"])
def test_a_chunk_that_was_lost_is_no_value(path, name):
    (path / name / "c" / "0").unlink()
    files = contents(path)
    with pytest.raises(ArchiveError, match="damaged"):
        appended(path)
    assert contents(path) == files
    faults = xos.check_archive(path).faults
    assert [(f.place, f.mendable) for f in faults] == [(name, False)]
    assert f"{name}/c/0" in faults[0].text


def test_lost_values_are_none_that_could_be_right(path):
    for name in ("quality", "units/row_count", "units/first_row"):
        (path / name / "c" / "0").unlink()
    assert set(xr.open_zarr(path).quality.values) == {255}
    units = xr.open_zarr(path, group="units")
    assert max(*units.row_count.values, *units.first_row.values) < 0


@pytest.mark.parametrize(
    "name", ["swh", "swh/c", "units", "units/product", "time/zarr.json"]
)
def test_links_inside_an_archive_are_refused(path, tmp_path, name):
    (path / name).rename(tmp_path / "elsewhere")
    (path / name).symlink_to(tmp_path / "elsewhere")
    for refused in (xos.open_archive, appended, lambda p: read_records(str(p))):
        with pytest.raises(OceansarError, match="symbolic link"):
            refused(path)
    assert [f.place for f in xos.check_archive(path).faults] == [name]


def test_values_whose_metadata_is_gone_are_named(path):
    (path / "swh/zarr.json").unlink()
    zarr.consolidate_metadata(str(path))
    with pytest.warns(
        OceansarWarning, match=r"values of \['swh'\] that cannot be read"
    ):
        assert "swh" not in xos.open_archive(path)


def test_a_chunk_that_is_no_text_takes_no_memory_for_the_texts_it_claims(path):
    """A height as a number of texts is a thousand million: Zarr takes 8 GB for them."""
    shutil.copy(path / "swh/c/0", path / "vignette_id/c/0")
    for read in (lambda p: xos.open_archive(p).vignette_id.load(), appended):
        with pytest.raises(OceansarError, match=r"cannot hold \d{9,} texts"):
            read(path)
    (fault,) = xos.check_archive(path).faults
    assert "cannot hold" in str(fault)
    assert zarr.config.get("codecs.vlen-utf8").startswith("zarr.")


def test_pipes_inside_an_archive_are_refused(path):
    (path / "swh/c/0").unlink()
    os.mkfifo(path / "swh/c/0")
    for refused in (xos.open_archive, appended, lambda p: read_records(str(p))):
        with pytest.raises(OceansarError, match="a named pipe"):
            refused(path)
    assert [f.place for f in xos.check_archive(path).faults] == ["swh/c/0"]


@pytest.mark.parametrize("name", ["embedding_vector/c/0", "embedding_vector/c/0/0"])
def test_links_and_pipes_at_any_depth_are_refused_when_values_are_read(
    path, tmp_path, name
):
    (path / name).rename(tmp_path / "elsewhere")
    (path / name).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ProductError, match=f"{name} is a symbolic link"):
        xos.open_archive(path).load()
    (path / name).unlink()
    os.mkfifo(path / name)
    with pytest.raises(ProductError, match=f"{name} is a named pipe"):
        xos.open_archive(path).load()
    assert [f.place for f in xos.check_archive(path).faults] == [name]


def test_an_archive_may_itself_be_reached_by_a_link(path, tmp_path):
    (tmp_path / "link.zarr").symlink_to(path)
    appended(tmp_path / "link.zarr")
    assert swh_of(tmp_path / "link.zarr") == AFTER


@pytest.mark.parametrize("name", ["embedding_vector", "quality", "vignette_id", "time"])
@pytest.mark.parametrize("place", [0, 0.5, -1])
def test_a_flipped_bit_is_an_error_and_no_value(path, name, place):
    (file,) = [f for f in (path / name / "c").rglob("*") if f.is_file()]
    content = bytearray(file.read_bytes())
    content[int(place * len(content)) if place == 0.5 else place] ^= 4
    file.write_bytes(content)
    with pytest.raises(ProductError, match=r"cannot be read: .*xoceansar check"):
        xos.open_archive(path)[name].load()
    with pytest.raises(ValueError, match="checksum"):
        xr.open_zarr(path)[name].load()
    (fault,) = xos.check_archive(path).faults
    assert fault.place == str(file.relative_to(path))


def test_check_mends_the_metadata_and_changes_no_value(path):
    whole = contents(path)
    (path / "swh" / "zarr.json").write_bytes(b"{")
    (path / "units" / "product" / "zarr.json").unlink()
    found = xos.check_archive(path)
    assert {f.place for f in found.faults} == {
        "swh/zarr.json",
        "units/product/zarr.json",
    }
    assert all(f.mendable for f in found.faults)
    mended = xos.check_archive(path, mend=True)
    assert (mended.faults, len(mended.mended)) == ((), 2)
    assert (mended.vignettes, mended.products) == (9, 3)
    after = contents(path)
    assert {
        k: json.loads(v) if k.name == "zarr.json" else v for k, v in after.items()
    } == {k: json.loads(v) if k.name == "zarr.json" else v for k, v in whole.items()}
    changed(path).attrs["note"] = "mine"
    assert [f.place for f in xos.check_archive(path, mend=True).mended] == ["zarr.json"]
    assert root_of(path)["consolidated_metadata"]["metadata"].keys() >= {"swh", "units"}


def test_what_would_have_to_be_guessed_is_not_mended(path):
    changed(path)["swh"].resize((4,))
    files = contents(path)
    report = xos.check_archive(path, mend=True)
    assert not report.mended
    assert [f.place for f in report.faults if not f.mendable] == ["swh"]
    assert contents(path) == files


def test_a_result_can_be_checked_too(path, tmp_path):
    xos.to_zarr(rows_of(0, 3), tmp_path / "result.zarr")
    assert xos.check_archive(tmp_path / "result.zarr").faults == ()
    with pytest.raises(ArchiveError, match="no archive to check"):
        xos.check_archive(tmp_path / "nothing.zarr")
    assert not (tmp_path / "nothing.zarr").exists()


def test_a_store_that_inherited_the_settings_is_not_added_to(path, tmp_path):
    copy = xos.to_zarr(xos.open_archive(path), tmp_path / "copy.zarr")
    with pytest.raises(ArchiveError, match="'process' did not make"):
        appended(copy)
    zarr.open_group(copy).attrs.update(zarr.open_group(path).attrs)
    with pytest.raises(ArchiveError, match="was changed by another program"):
        appended(copy)
    assert swh_of(copy) == BEFORE


def test_a_product_of_other_variables_is_a_failed_one(path):
    archive = Archive(str(path), "{}", SETTINGS)
    archive.begin()
    odd = outcome(8, 2)
    wide = outcome(9, 2, width=5)
    archive.commit([replace(odd, rows=odd.rows.drop_vars("swh")), outcome(7, 3), wide])
    assert swh_of(path) == AFTER
    failed = {r.product: r.failure for r in read_records(str(path)) if r.failure}
    assert "swh is absent, and float32 (vignette)" in failed["product-008"]
    assert "(vignette, embedding: 5)" in failed["product-009"]


def test_an_archive_without_digests_of_manifests_is_added_to(path):
    root = root_of(path)
    del root["consolidated_metadata"]
    (path / "zarr.json").write_text(json.dumps(root))
    shutil.rmtree(path / "units" / "manifest_sha256")
    assert [r.digest for r in read_records(str(path))] == ["", "", ""]
    appended(path)
    assert swh_of(path) == AFTER
    assert len(read_records(str(path))) == 4
    assert xos.check_archive(path).faults == ()


def test_a_product_of_other_variables_is_found_in_a_later_commit(tmp_path):
    archive = Archive(str(tmp_path / "new.zarr"), "{}", SETTINGS)
    archive.begin()
    archive.commit([outcome(0, 5)])
    odd = outcome(8, 2)
    archive.commit([replace(odd, rows=odd.rows.drop_vars("swh"))])
    archive.commit([outcome(2, 4)])
    assert swh_of(tmp_path / "new.zarr") == BEFORE
    failed = [r.product for r in read_records(str(tmp_path / "new.zarr")) if r.failure]
    assert failed == ["product-008"]


@pytest.mark.parametrize("name", ["quality", "swh", "time", "units/row_count"])
def test_a_lost_chunk_is_an_error_of_open_archive(path, name):
    shutil.rmtree(path / name / "c")
    group, _, variable = name.rpartition("/")
    with pytest.raises(
        ProductError, match=f"{name} cannot be read.*lost its chunk {name}/c/0"
    ):
        xos.open_archive(path, group=group or None)[variable].load()


@pytest.mark.parametrize("consolidated", [True, False])
@pytest.mark.parametrize(("name", "size"), [("class", 10**5), ("swh", 3 * 10**6)])
def test_a_length_far_beyond_the_chunks_is_told_when_an_archive_is_opened(
    tmp_path, name, size, consolidated
):
    path = tmp_path / "result.zarr"
    labels = {"class": ["rain", "ice"]}
    xos.to_zarr(xr.Dataset({"swh": ("vignette", [1.5, 2.0])}, labels), path)
    zarr.open_group(path, use_consolidated=False)[name].resize(size)
    if consolidated:
        zarr.consolidate_metadata(path)
    else:
        root = root_of(path)
        del root["consolidated_metadata"]
        (path / "zarr.json").write_text(json.dumps(root))
    last = size // 2 - 1
    with pytest.raises(ProductError, match=f"{name} cannot be read.*{name}/c/{last}"):
        xos.open_archive(path)


def test_chunks_of_a_size_beyond_all_measure_are_told_in_words(path):
    node = json.loads((path / "swh" / "zarr.json").read_text())
    node["chunk_grid"]["configuration"]["chunk_shape"] = [int("9" * 60)]
    (path / "swh" / "zarr.json").write_text(json.dumps(node))
    zarr.consolidate_metadata(path)
    with pytest.raises(ProductError, match="is damaged, or was changed"):
        xos.open_archive(path).swh.load()


def test_arrays_that_are_not_listed_are_told(path):
    root = root_of(path)
    del root["consolidated_metadata"]["metadata"]["swh"]
    (path / "zarr.json").write_text(json.dumps(root))
    with pytest.warns(OceansarWarning, match=r"\['swh'\] too.*--mend"):
        assert "swh" not in xos.open_archive(path)
    xos.check_archive(path, mend=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert xos.open_archive(path).swh.values.tolist() == BEFORE


def test_an_array_that_is_lost_with_the_list_of_arrays_is_not_lost_without_a_word(path):
    """Without the list nobody can say that it was there."""
    changed(path).attrs["note"] = "mine"
    (path / "swh").rename(path.parent / "swh")
    with pytest.warns(OceansarWarning, match=r"no list of its arrays.*--mend"):
        assert "swh" not in xos.open_archive(path)
    with pytest.raises(ArchiveError, match=r"no variable of the outputs \['swh'\]"):
        appended(path)
    (path.parent / "swh").rename(path / "swh")
    xos.check_archive(path, mend=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert xos.open_archive(path).swh.values.tolist() == BEFORE


def test_an_opened_archive_travels_to_another_process(path):
    there = pickle.loads(pickle.dumps(xos.open_archive(path)))
    assert there.swh.values.tolist() == BEFORE
