"""What an archive holds after commits, and after commits that were cut short."""

import errno
import json
import warnings
from dataclasses import replace

import numpy as np
import pytest
import xarray as xr
import zarr

from tests.processing.conftest import failure, outcome, plain, rows_of
from xoceansar.conventions.texts import text_values
from xoceansar.errors import ArchiveError
from xoceansar.io.archive.zarr_archive import open_archive, to_zarr
from xoceansar.processing.archive_writer import Archive, read_records


@pytest.fixture
def path(tmp_path):
    return tmp_path / "archive.zarr"


@pytest.fixture
def archive(path, settings):
    made = Archive(str(path), "{}", settings)
    made.begin()
    return made


@pytest.fixture(autouse=True)
def quiet():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def expected(*tables):
    return xr.concat(
        tables, "vignette", data_vars="minimal", coords="minimal", compat="override",
        combine_attrs="override",
    )  # fmt: skip


def written_at_once(path, *tables):
    """What `to_zarr` makes of the same rows."""
    return plain(to_zarr(expected(*tables), path))


def test_a_new_archive_opens_and_has_no_rows(archive, path):
    assert dict(plain(path).sizes) == {}
    assert json.loads(plain(path).attrs["xoceansar_process"])["model"] == "made-up"


@pytest.mark.parametrize("split", [[5, 7, 1], [1, 1, 11], [13]])
def test_appends_equal_one_write(archive, path, tmp_path, split):
    for number, count in enumerate(split):
        archive.commit([outcome(number, count)])
    tables = [rows_of(number, count) for number, count in enumerate(split)]
    made = plain(path)
    xr.testing.assert_equal(made, written_at_once(tmp_path / "once.zarr", *tables))
    assert archive.rows == 13


def test_encodings_are_those_of_to_zarr(archive, path, tmp_path):
    archive.commit([outcome(0, 2)])
    archive.commit([outcome(1, 3)])
    to_zarr(expected(rows_of(0, 2), rows_of(1, 3)), tmp_path / "once.zarr")
    ours, theirs = zarr.open_group(path), zarr.open_group(tmp_path / "once.zarr")
    names = set(theirs.array_keys())
    assert names == set(ours.array_keys())
    for name in names:
        a, b = ours[name].metadata.to_dict(), theirs[name].metadata.to_dict()
        for part in ("data_type", "fill_value", "codecs", "attributes", "shape"):
            assert str(a[part]) == str(b[part]), (name, part)


def test_times_to_the_nanosecond_and_missing_ones_survive_an_append(archive, path):
    archive.commit([outcome(0, 1)])  # one NaT alone
    archive.commit([outcome(1, 3)])
    expected_times = [*rows_of(0, 1).time.values, *rows_of(1, 3).time.values]
    np.testing.assert_array_equal(plain(path).time.values, expected_times)
    assert plain(path).time.encoding["units"] == "nanoseconds since 1970-01-01"


def test_a_missing_class_is_never_class_zero(archive, path):
    archive.commit([outcome(0, 4)])
    label = plain(path).ocean_class.values
    assert np.isnan(label[0])
    np.testing.assert_array_equal(label[1:], rows_of(0, 4).ocean_class.values[1:])


def test_chunks_do_not_depend_on_the_first_product(archive, path):
    archive.commit([outcome(0, 1)])
    assert zarr.open_array(path / "swh").chunks == (4096,)
    assert zarr.open_array(path / "embedding_vector").chunks == (4096, 3)
    assert zarr.open_array(path / "units" / "product").chunks == (4096,)


def test_a_chunk_that_was_full_is_followed_by_the_next(archive, path):
    archive.commit([outcome(0, 4000)])
    archive.commit([outcome(1, 200)])
    archive.commit([outcome(2, 4096)])
    made = plain(path)
    tables = [rows_of(0, 4000), rows_of(1, 200), rows_of(2, 4096)]
    np.testing.assert_array_equal(made.swh, expected(*tables).swh)
    np.testing.assert_array_equal(made.vignette_id, expected(*tables).vignette_id)


def test_the_consolidated_metadata_is_never_older_than_the_arrays(archive, path):
    archive.commit([outcome(0, 2)])
    archive.commit([outcome(1, 2)])
    assert plain(path).sizes == plain(path, consolidated=False).sizes
    assert plain(path, group="units").sizes == {"unit": 2}
    assert plain(path, group="units", consolidated=False).sizes == {"unit": 2}


def test_the_table_of_products_says_where_their_rows_are(archive, path):
    archive.commit([outcome(0, 2), failure(1), outcome(2, 3)])
    table = plain(path, group="units")
    assert table["product"].values.tolist() == [
        "product-000",
        "product-001",
        "product-002",
    ]
    assert table.first_row.values.tolist() == [0, 2, 2]
    assert table.row_count.values.tolist() == [2, 0, 3]
    assert table.processing_status.values.tolist() == [0, 1, 0]
    assert table.failure_reason.values.tolist() == ["", "it is broken", ""]
    assert [r.product for r in read_records(str(path)) if r.failure] == ["product-001"]


def test_failures_alone_are_recorded_before_any_row(archive, path):
    archive.commit([failure(0)])
    archive.commit([failure(1)])
    assert len(read_records(str(path))) == 2
    archive.commit([outcome(2, 2)])
    assert plain(path).sizes["vignette"] == 2


def test_the_same_vignette_of_another_product_is_left_out(archive, path):
    again = replace(outcome(1, 1), rows=rows_of(0, 3))
    archive.commit([outcome(0, 2), again])
    archive.commit([replace(again, unit=outcome(2, 1).unit)])
    assert (
        plain(path).vignette_id.values.tolist()
        == rows_of(0, 3).vignette_id.values.tolist()
    )
    assert [r.repeated for r in read_records(str(path))] == [0, 2, 3]


def test_repeated_vignettes_are_known_to_the_next_writer(archive, path, settings):
    archive.commit([outcome(0, 2)])
    other = Archive(str(path), "{}", settings)
    other.begin()
    other.commit([replace(outcome(1, 1), rows=rows_of(0, 3))])
    assert plain(path).sizes["vignette"] == 3


# What was interrupted


class _Cut(Exception):
    pass


def cut_after(monkeypatch, store, count):
    """Let a store make some writes and then fail."""
    left = [count]
    base = type(store._store)
    real = base.set

    async def limited(self, key, value):
        if left[0] == 0:
            raise _Cut(key)
        left[0] -= 1
        await real(self, key, value)

    monkeypatch.setattr(base, "set", limited)
    return left


def writes_of(monkeypatch, archive, outcomes):
    with monkeypatch.context() as patch:
        left = cut_after(patch, archive._store, 10_000)
        archive.commit(outcomes)
    return 10_000 - left[0]


def test_a_commit_cut_anywhere_shows_nothing_and_resumes(
    tmp_path, settings, monkeypatch
):
    def begun(path):
        made = Archive(str(path), "{}", settings)
        made.begin()
        return made

    whole = begun(tmp_path / "whole.zarr")
    whole.commit([outcome(0, 3)])
    n = writes_of(monkeypatch, whole, [outcome(1, 2)])
    final = plain(tmp_path / "whole.zarr")
    seen = set()
    for cut in sorted({*range(0, n, 6), n - 2, n - 1}):
        path = tmp_path / f"{cut}.zarr"
        archive = begun(path)
        archive.commit([outcome(0, 3)])
        with monkeypatch.context() as patch:
            cut_after(patch, archive._store, cut)
            with pytest.raises(_Cut):
                archive.commit([outcome(1, 2)])
        xr.testing.assert_equal(plain(path), final.isel(vignette=slice(3)))
        try:  # a reader that ignores the commit sees one state or the other, or an error
            seen.add(plain(path, consolidated=False).sizes["vignette"])
        except ValueError as error:
            seen.add("conflicting sizes" in str(error))
        resumed = begun(path)
        assert [r.product for r in resumed.records] == ["product-000"]
        assert plain(path, consolidated=False).sizes["vignette"] == 3
        resumed.commit([outcome(1, 2)])
        xr.testing.assert_equal(plain(path), final)
        xr.testing.assert_equal(plain(path, consolidated=False), final)
    assert n > 20
    assert seen == {3, 5, True}


def test_a_first_commit_cut_anywhere_resumes(tmp_path, settings, monkeypatch):
    cut = 0
    while True:
        path = tmp_path / f"{cut}.zarr"
        archive = Archive(str(path), "{}", settings)
        archive.begin()
        with monkeypatch.context() as patch:
            left = cut_after(patch, archive._store, cut)
            try:
                archive.commit([outcome(0, 3)])
            except _Cut:
                assert dict(plain(path).sizes) == {}
            if left[0]:
                break
        resumed = Archive(str(path), "{}", settings)
        resumed.begin()
        if not resumed.rows:
            resumed.commit([outcome(0, 4, width=3)])
            np.testing.assert_array_equal(plain(path).swh, rows_of(0, 4).swh)
        cut += 7
    assert cut > 14


def test_a_full_disk_is_an_error_in_words(archive, path, monkeypatch):
    archive.commit([outcome(0, 3)])
    before = plain(path)

    async def full(self, key, value):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(type(archive._store._store), "set", full)
    with pytest.raises(
        ArchiveError, match=r"No space left.*last commit.*Free some space"
    ):
        archive.commit([outcome(1, 2)])
    monkeypatch.undo()
    xr.testing.assert_equal(plain(path), before)


# What is refused


def test_other_settings_are_refused_by_name(archive, path, settings):
    archive.commit([outcome(0, 1)])
    for change in ({"model": "other"}, {"version": "0"}, {"outputs": ("swh",)}):
        with pytest.raises(ArchiveError, match=f"{next(iter(change))} .*another path"):
            Archive(str(path), "{}", replace(settings, **change))
    assert Archive(str(path), "{}", settings).rows == 1


def test_another_store_is_not_added_to(tmp_path, settings):
    to_zarr(rows_of(0, 2), tmp_path / "result.zarr")
    with pytest.raises(ArchiveError, match="did not make"):
        Archive(str(tmp_path / "result.zarr"), "{}", settings)
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "thesis.txt").write_text("mine")
    with pytest.raises(ArchiveError, match="no archive"):
        Archive(str(tmp_path / "folder"), "{}", settings)
    with pytest.raises(ArchiveError, match="no archive of 'process'"):
        read_records(str(tmp_path / "nothing.zarr"))
    assert not (tmp_path / "nothing.zarr").exists()


def test_urls_without_atomic_replacement_are_refused(settings):
    with pytest.raises(ArchiveError, match="atomically"):
        Archive("http://host/archive.zarr", "{}", settings)


@pytest.mark.parametrize("store", ["zarr", "icechunk"])
def test_columns_of_fixed_width_take_longer_texts(tmp_path, settings, store):
    """As xarray 2026 wrote them for a time: of the width of the first commit."""
    warnings.filterwarnings("ignore", "The data type")  # zarr, on these columns
    if store == "icechunk":
        pytest.importorskip("icechunk")
    path = tmp_path / "archive"
    first = Archive(str(path), "{}", settings, store)
    first.begin()
    first.commit([outcome(1, 3)])
    _narrow(first)
    kept = open_archive(path).load()
    before = {p: p.read_bytes() for p in path.rglob("*") if p.is_file()}

    again = Archive(str(path), "{}", settings)
    again.begin()
    longer = outcome(2, 2)
    names = ["a name of forty letters " * 2, "b"]
    longer.rows["vignette_id"] = ("vignette", names, longer.rows["vignette_id"].attrs)
    again.commit([longer, failure(3, "a reason that is longer than none")])
    if store == "zarr":  # no committed chunk of a text was touched
        chunks = [p for p in before if "vignette_id" in str(p) and "/c" in str(p)]
        assert chunks
        assert all(p.read_bytes() == before[p] for p in chunks)

    ds = open_archive(path).load()
    expected = [*text_values(kept["vignette_id"]), *names]
    assert text_values(ds["vignette_id"]).tolist() == expected
    assert ds["vignette_id"].attrs == kept["vignette_id"].attrs
    reasons = [record.failure for record in read_records(str(path))]
    assert reasons == ["", "", "a reason that is longer than none"]


def _narrow(archive):
    """Give the columns of texts of an archive the type that xarray gave them."""
    group = zarr.open_group(archive._store.store, mode="r+")
    names = ("product", "source_path", "failure_reason", "processing_notes")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # zarr on the type
        for name in ("vignette_id", *(f"units/{name}" for name in names)):
            old = group[name]
            values = text_values(old[:])
            new = group.create_array(
                name, shape=values.shape, chunks=old.chunks, dtype=values.dtype,
                attributes=dict(old.attrs), dimension_names=old.metadata.dimension_names,
                overwrite=True,
            )  # fmt: skip
            new[:] = values
        archive._store.commit("as it was", {})
