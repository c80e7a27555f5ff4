"""Archives in Icechunk repositories: several writers, and no row lost or there twice."""

import errno
import subprocess
import sys
import textwrap
import threading
import warnings
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
import xarray as xr

import xoceansar as xos
from tests.processing.conftest import failure, outcome, plain, rows_of
from tests.processing.products import SHAPE
from xoceansar.errors import ArchiveError, OceansarWarning, ProductError
from xoceansar.io.archive.zarr_archive import to_zarr
from xoceansar.processing import (
    archive_writer,
    icechunk_branch,
    product_block,
    run,
    writer_lock,
)
from xoceansar.processing.archive_writer import Archive, read_records

icechunk = pytest.importorskip("icechunk")

PLAIN = {"outputs": ["quality"], "shape": SHAPE, "scheduler": "synchronous"}


@pytest.fixture(autouse=True)
def quiet(monkeypatch):
    monkeypatch.setattr(archive_writer, "_PAUSE", 0.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", OceansarWarning)
        yield


@pytest.fixture
def path(tmp_path):
    return tmp_path / "archive.icechunk"


def begun(path, settings):
    made = Archive(str(path), "{}", settings, "icechunk")
    made.begin()
    return made


def stored(path, group=None):
    """Open an archive as somebody does who has no xoceansar, in memory."""
    repository = icechunk.Repository.open(icechunk.local_filesystem_storage(str(path)))
    store = repository.readonly_session("main").store
    return xr.open_zarr(store, group=group, consolidated=False).load()


def history(path):
    repository = icechunk.Repository.open(icechunk.local_filesystem_storage(str(path)))
    return list(repository.ancestry(branch="main"))[::-1]


def in_zarr(path, settings, *commits):
    """What a Zarr archive of the same commits holds."""
    made = Archive(str(path), "{}", settings)
    made.begin()
    for commit in commits:
        made.commit(commit)
    return plain(path)


def is_whole(path, count):
    """Check an archive by itself: each product's rows are where its record says, once."""
    made, units = stored(path), stored(path, "units")
    assert made.sizes["vignette"] == count
    assert len(set(made.vignette_id.values)) == count
    good = units.isel(unit=units.failure_reason.values == "")
    assert len(set(good["product"].values)) == good.sizes["unit"]
    assert int(good.row_count.sum()) == count
    for unit in range(good.sizes["unit"]):
        row = good.isel(unit=unit)
        number = row["product"].item()[-3:]
        first, size = int(row.first_row), int(row.row_count)
        ids = made.vignette_id.values[first : first + size]
        assert all(name.split("-")[2] == number for name in ids)


# What it holds


def test_an_archive_equals_the_one_in_a_zarr_store(path, tmp_path, settings):
    commits = [[outcome(0, 5), failure(1)], [outcome(2, 1), outcome(3, 7)]]
    made = begun(path, settings)
    for commit in commits:
        made.commit(commit)
    assert made.rows == 13
    expected = in_zarr(tmp_path / "a.zarr", settings, *commits)
    xr.testing.assert_equal(stored(path), expected)
    assert stored(path).attrs.keys() == expected.attrs.keys()
    for name in ("time", "ocean_class", "vignette_id", "embedding_vector"):
        ours, theirs = (ds[name].encoding for ds in (stored(path), expected))
        for part in ("chunks", "dtype", "_FillValue", "units"):
            assert str(ours.get(part)) == str(theirs.get(part)), (name, part)
    units, theirs = (
        ds.drop_vars("processing_time")
        for ds in (stored(path, "units"), plain(tmp_path / "a.zarr", group="units"))
    )
    xr.testing.assert_identical(units, theirs)
    assert [r.failure for r in read_records(str(path))] == ["", "it is broken", "", ""]


def test_a_new_archive_has_no_rows_and_its_settings(path, settings):
    begun(path, settings)
    assert dict(stored(path).sizes) == {}
    assert stored(path).attrs["xoceansar_process"] == settings.to_json()
    assert read_records(str(path)) == []


def test_each_commit_says_what_it_added(path, settings):
    made = begun(path, settings)
    made.commit([outcome(0, 5), failure(1)])
    made.commit([outcome(2, 2)])
    assert [(c.message, c.metadata) for c in history(path)[1:]] == [
        ("a new archive", {}),
        ("5 vignettes of 2 products", {"vignettes": 5, "products": 2}),
        ("2 vignettes of 1 products", {"vignettes": 2, "products": 1}),
    ]


def test_either_kind_is_opened_by_one_function(path, tmp_path, settings):
    begun(path, settings).commit([outcome(0, 5)])
    in_zarr(tmp_path / "a.zarr", settings, [outcome(0, 5)])
    ours, theirs = xos.open_archive(path), xos.open_archive(tmp_path / "a.zarr")
    assert ours.chunks
    xr.testing.assert_equal(ours.load(), theirs.load())
    assert xos.open_archive(path, group="units").sizes == {"unit": 1}
    found = xos.open_archive(path).oceansar.similar([0], n_neighbors=2).load()
    expected = plain(tmp_path / "a.zarr").oceansar.similar([0], n_neighbors=2).load()
    np.testing.assert_array_equal(found["index"], expected["index"])
    with pytest.raises(ProductError, match="nothing cannot be opened"):
        xos.open_archive(tmp_path / "nothing")
    assert not (tmp_path / "nothing").exists()


# Several writers


def test_the_second_of_two_writers_adds_to_what_the_first_wrote(
    path, tmp_path, settings
):
    first, second = begun(path, settings), begun(path, settings)
    first.commit([outcome(0, 3)])
    second.commit([outcome(1, 2)])  # read before the first wrote
    first.commit([outcome(2, 4), failure(3)])  # and the other way round
    second.commit([outcome(4, 1)])
    is_whole(path, 10)
    tables = [[outcome(0, 3)], [outcome(1, 2)], [outcome(2, 4)], [outcome(4, 1)]]
    expected = in_zarr(tmp_path / "a.zarr", settings, *tables)
    xr.testing.assert_equal(stored(path), expected)
    assert stored(path, "units").first_row.values.tolist() == [0, 3, 5, 9, 9]


def test_a_product_of_both_writers_is_there_once(path, settings):
    first, second = begun(path, settings), begun(path, settings)
    assert [r.rows for r in first.commit([outcome(0, 3), outcome(1, 2)])] == [3, 2]
    added = second.commit([outcome(0, 3), outcome(2, 4), outcome(1, 2)])
    assert [(r.product, r.first_row, r.rows) for r in added] == [("product-002", 5, 4)]
    assert second.commit([outcome(1, 2)]) == []
    is_whole(path, 9)
    assert len(read_records(str(path))) == 3


def test_a_vignette_of_both_writers_under_other_names_is_there_once(path, settings):
    first, second = begun(path, settings), begun(path, settings)
    first.commit([outcome(0, 3)])
    again = replace(outcome(1, 1), rows=rows_of(0, 4))
    (record,) = second.commit([again])
    assert (record.first_row, record.rows, record.repeated) == (3, 1, 3)
    ids = stored(path).vignette_id.values.tolist()
    assert ids == rows_of(0, 4).vignette_id.values.tolist()


@pytest.mark.parametrize(
    ("theirs", "ours", "rows", "failures"),
    [
        (failure(0), outcome(0, 3), 3, ["it is broken", ""]),
        (outcome(0, 3), failure(0), 3, [""]),
        (failure(0), failure(0, "ours"), 0, ["it is broken"]),
    ],
)
def test_of_two_writers_the_one_that_succeeds_counts(
    path, settings, theirs, ours, rows, failures
):
    first, second = begun(path, settings), begun(path, settings)
    first.commit([theirs])
    second.commit([ours])
    assert [r.failure for r in read_records(str(path))] == failures
    assert stored(path).sizes.get("vignette", 0) == rows
    assert second.latest.of(ours.unit).failure == failures[-1]


def test_a_failure_that_is_tried_again_is_recorded_again_beside_another_writer(
    path, settings
):
    begun(path, settings).commit([failure(0)])
    first, second = begun(path, settings), begun(path, settings)
    first.commit([outcome(1, 2)])
    second.commit([failure(0, "still broken")])
    assert [r.failure for r in read_records(str(path))] == [
        "it is broken", "", "still broken",
    ]  # fmt: skip


def test_two_that_make_the_archive_at_the_same_moment_agree(path, settings):
    first = Archive(str(path), "{}", settings, "icechunk")
    second = Archive(str(path), "{}", settings, "icechunk")
    first.begin()
    second.begin()
    second.commit([outcome(0, 1)])
    first.commit([outcome(1, 1)])
    is_whole(path, 2)
    assert [c.message for c in history(path)].count("a new archive") == 1


def test_a_repository_that_another_made_meanwhile_is_used(path, settings, monkeypatch):
    begun(path, settings).commit([outcome(0, 2)])
    with monkeypatch.context() as patch:
        patch.setattr(icechunk_branch, "is_repository", lambda *args: False)
        made = begun(path, settings)
    made.commit([outcome(1, 3)])
    is_whole(path, 5)
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_other_settings_of_the_first_are_refused_at_the_second(path, settings):
    second = Archive(str(path), "{}", replace(settings, model="other"), "icechunk")
    begun(path, settings)
    with pytest.raises(ArchiveError, match="model 'made-up', now 'other'"):
        second.begin()


def test_a_writer_that_is_never_first_ends_in_words(path, settings, monkeypatch):
    made, other = begun(path, settings), begun(path, settings)
    monkeypatch.setattr(archive_writer, "_TRIES", 3)
    numbers = iter(range(1, 100))
    real = Archive._write

    def overtaken(self, outcomes):
        if self is made:
            other.commit([outcome(next(numbers), 1)])
        return real(self, outcomes)

    monkeypatch.setattr(Archive, "_write", overtaken)
    with pytest.raises(ArchiveError, match=r"by others 3 times.*fewer writers"):
        made.commit([outcome(0, 2)])
    is_whole(path, 3)


def test_a_commit_on_a_file_system_waits_for_another(path, settings, monkeypatch):
    first, second = begun(path, settings), begun(path, settings)
    order = []

    def commit():
        second.commit([outcome(1, 2)])
        order.append("committed")

    thread = threading.Thread(target=commit)
    with writer_lock.ArchiveLock(str(path), "{}"):
        thread.start()
        thread.join(0.5)
        order.append("released")
    thread.join()
    assert order == ["released", "committed"]
    first.commit([outcome(0, 1)])
    is_whole(path, 3)
    assert not path.with_name(f"{path.name}.lock").exists()
    monkeypatch.setattr(icechunk_branch, "_PATIENCE", 0.1)
    with (
        writer_lock.ArchiveLock(str(path), "{}"),
        pytest.raises(ArchiveError, match="is being written by process"),
    ):
        first.commit([outcome(5, 1)])


WRITER = """
import sys
sys.path.insert(0, {root!r})
from tests.processing.conftest import SETTINGS, failure, outcome
from xoceansar.processing.archive_writer import Archive
made = Archive({path!r}, "{{}}", SETTINGS, "icechunk")
made.begin()
for number in {numbers}:
    made.commit([failure(number) if number % 7 == 6 else outcome(number, 1 + number % 3)])
"""


@pytest.mark.slow
def test_two_processes_at_once_lose_nothing(path, settings):
    from pathlib import Path

    root = str(Path(__file__).parents[2])
    lists = [list(range(30)), list(range(45, 14, -1))]
    codes = [
        textwrap.dedent(WRITER).format(root=root, path=str(path), numbers=numbers)
        for numbers in lists
    ]
    writers = [subprocess.Popen([sys.executable, "-c", code]) for code in codes]
    assert [writer.wait(timeout=250) for writer in writers] == [0, 0]
    good = [n for n in range(46) if n % 7 != 6]
    is_whole(path, sum(1 + n % 3 for n in good))
    names = [r.product for r in read_records(str(path))]
    assert sorted(names) == [f"product-{n:03d}" for n in range(46)]
    made = stored(path)
    for number in good:
        rows = rows_of(number, 1 + number % 3)
        at = np.isin(made.vignette_id.values, rows.vignette_id.values)
        np.testing.assert_array_equal(made.swh.values[at], rows.swh)


# What was interrupted


def test_a_commit_that_is_cut_shows_nothing_and_resumes(path, settings, monkeypatch):
    made = begun(path, settings)
    made.commit([outcome(0, 3)])
    before = stored(path)

    class Cut(BaseException):
        pass

    def cut(*args, **kwargs):
        raise Cut

    with monkeypatch.context() as patch:  # all is written but the tip of the branch
        patch.setattr(icechunk.Session, "commit", cut)
        with pytest.raises(Cut):
            made.commit([outcome(1, 2)])
    xr.testing.assert_identical(stored(path), before)
    resumed = begun(path, settings)
    assert [r.product for r in resumed.records] == ["product-000"]
    resumed.commit([outcome(1, 2)])
    is_whole(path, 5)


def test_a_repository_without_an_archive_is_made_one(path, settings):
    """What is left where a run ended between the two."""
    icechunk.Repository.create(icechunk.local_filesystem_storage(str(path)))
    with pytest.raises(ProductError, match="cannot be opened"):
        xos.open_archive(path)
    begun(path, settings).commit([outcome(0, 2)])
    is_whole(path, 2)


def test_a_commit_that_landed_though_it_seemed_not_to_is_not_made_twice(
    path, settings, monkeypatch
):
    made = begun(path, settings)
    real = icechunk.Session.commit

    def lost_answer(self, *args, **kwargs):
        monkeypatch.setattr(icechunk.Session, "commit", real)
        real(self, *args, **kwargs)
        raise icechunk_branch.OvertakenError

    monkeypatch.setattr(icechunk.Session, "commit", lost_answer)
    made.commit([outcome(0, 2), failure(1)])
    is_whole(path, 2)
    assert len(read_records(str(path))) == 2


def test_old_versions_can_be_removed_as_the_docs_say(path, settings):
    made = begun(path, settings)
    for number in range(4):
        made.commit([outcome(number, 2)])
    before = stored(path)
    repository = icechunk.Repository.open(icechunk.local_filesystem_storage(str(path)))
    now = datetime.now(UTC)
    repository.expire_snapshots(older_than=now)
    repository.garbage_collect(now)
    xr.testing.assert_identical(stored(path), before)
    begun(path, settings).commit([outcome(4, 1)])
    is_whole(path, 9)


# From products


def test_products_become_the_archive_of_a_zarr_store(products, path, tmp_path):
    first = xos.process(products[:1], path, store="icechunk", **PLAIN)
    second = xos.process(products, path, **PLAIN, commit_seconds=0)
    assert (first.processed, first.vignettes) == (1, 2)
    assert (second.processed, second.skipped, second.vignettes) == (2, 1, 4)
    xos.process(products, tmp_path / "a.zarr", **PLAIN)
    xr.testing.assert_equal(stored(path), plain(tmp_path / "a.zarr"))
    assert not path.with_name(f"{path.name}.lock").exists()


def test_a_second_run_reads_and_writes_nothing(products, path, monkeypatch):
    xos.process(products, path, store="icechunk", **PLAIN)
    files = {f: f.stat().st_mtime_ns for f in path.rglob("*") if f.is_file()}

    def refuse(*args, **kwargs):
        raise AssertionError("a product was read")

    monkeypatch.setattr(run, "outcomes", refuse)
    report = xos.process(products, path, store="icechunk", **PLAIN)
    assert (report.processed, report.skipped, report.vignettes) == (0, 3, 0)
    assert {f: f.stat().st_mtime_ns for f in path.rglob("*") if f.is_file()} == files


def test_a_failure_is_recorded_and_tried_again_when_asked(products, path, monkeypatch):
    real = product_block.open_wave_mode

    def odd(where, **kwargs):
        if where == str(products[1]):
            raise ZeroDivisionError("odd")
        return real(where, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(product_block, "open_wave_mode", odd)
        report = xos.process(products, path, store="icechunk", **PLAIN)
    assert [r.failure for r in report.failed] == ["ZeroDivisionError: odd"]
    assert xos.process(products, path, **PLAIN).processed == 0
    final = xos.process(products, path, **PLAIN, retry_failed=True)
    assert (final.processed, final.vignettes, final.failed) == (1, 2, ())
    assert len(set(stored(path).vignette_id.values)) == 6
    assert len(read_records(str(path))) == 4


def test_a_run_beside_another_reports_its_own_rows(products, path, monkeypatch):
    real = product_block.open_wave_mode
    others = []

    def with_another(where, **kwargs):
        if not others:
            others.append(None)
            others[0] = xos.process(products[:2], path, store="icechunk", **PLAIN)
        return real(where, **kwargs)

    monkeypatch.setattr(product_block, "open_wave_mode", with_another)
    report = xos.process(products[1:], path, store="icechunk", **PLAIN)
    assert (others[0].processed, others[0].vignettes) == (2, 4)
    assert (report.processed, report.skipped, report.vignettes) == (1, 1, 2)
    assert len(set(stored(path).vignette_id.values)) == 6
    assert stored(path, "units").first_row.values.tolist() == [0, 2, 4]


# What is refused


def test_the_other_kind_is_refused_with_what_to_type(path, tmp_path, settings):
    begun(path, settings)
    in_zarr(tmp_path / "a.zarr", settings)
    with pytest.raises(ArchiveError, match=r"Icechunk repository.*or say icechunk"):
        Archive(str(path), "{}", settings, "zarr")
    with pytest.raises(ArchiveError, match=r"a Zarr store, and an Ice.*or say zarr"):
        Archive(str(tmp_path / "a.zarr"), "{}", settings, "icechunk")
    with pytest.raises(ArchiveError, match="store is one of"):
        Archive(str(path), "{}", settings, "hdf5")
    assert Archive(str(path), "{}", settings).rows == 0


def test_what_is_no_archive_is_left_alone(path, tmp_path, settings):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "thesis.txt").write_text("mine")
    with pytest.raises(ArchiveError, match="no archive"):
        Archive(str(tmp_path / "folder"), "{}", settings, "icechunk")
    repository = icechunk.Repository.create(
        icechunk.local_filesystem_storage(str(path))
    )
    session = repository.writable_session("main")
    rows_of(0, 2)[["swh"]].drop_vars("vignette_id").to_zarr(
        session.store, zarr_format=3, consolidated=False
    )
    session.commit("mine")
    with pytest.raises(ArchiveError, match="did not make"):
        Archive(str(path), "{}", settings)
    with pytest.raises(ArchiveError, match="no archive of 'process'"):
        read_records(str(path))
    to_zarr(rows_of(0, 2), tmp_path / "result.zarr")
    with pytest.raises(ArchiveError, match="a Zarr store"):
        Archive(str(tmp_path / "result.zarr"), "{}", settings, "icechunk")


def test_a_folder_that_cannot_be_written_is_said_before_anything_is_read(
    products, path, monkeypatch
):
    xos.process(products[:1], path, store="icechunk", **PLAIN)
    before = stored(path)

    def refused(*args):
        raise OSError(errno.EROFS, "Read-only file system")

    def read(*args, **kwargs):
        raise AssertionError("a product was read")

    with monkeypatch.context() as patch:
        patch.setattr(writer_lock.os, "link", refused)
        patch.setattr(product_block, "open_wave_mode", read)
        with pytest.raises(ArchiveError, match="Read-only file system"):
            xos.process(products, path, **PLAIN)
    xr.testing.assert_identical(stored(path), before)


def test_a_new_archive_in_a_folder_that_cannot_be_written_is_said(
    path, settings, monkeypatch
):
    def refused(*args, **kwargs):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr("xoceansar.io.archive.repository.tempfile.mkdtemp", refused)
    with pytest.raises(ArchiveError, match=r"read \(Read-only|written \(Read-only"):
        begun(path, settings)


@pytest.mark.parametrize("at", ["chunk", "commit"])
def test_a_full_disk_is_an_error_in_words(path, settings, monkeypatch, at):
    made = begun(path, settings)
    made.commit([outcome(0, 3)])
    before = stored(path)

    def full(*args, **kwargs):
        raise icechunk.IcechunkError(
            "  x error\n  | context:\n  `-> No space left on device (os error 28)\n"
        )

    async def later(self, key, value):
        full()

    if at == "chunk":
        monkeypatch.setattr(icechunk.IcechunkStore, "set", later)
    else:
        monkeypatch.setattr(icechunk.Session, "commit", full)
    with pytest.raises(ArchiveError, match=r"No space left.*last commit.*Free some"):
        made.commit([outcome(1, 2)])
    monkeypatch.undo()
    xr.testing.assert_identical(stored(path), before)


def test_only_paths_and_s3_hold_one(settings):
    for url in ("gs://bucket/archive", "s3://bucket"):
        with pytest.raises(ArchiveError, match=r"local path .*s3://bucket/prefix"):
            Archive(url, "{}", settings, "icechunk")


def test_without_icechunk_one_is_told_how_to_install_it(path, settings, monkeypatch):
    begun(path, settings)
    monkeypatch.setitem(sys.modules, "icechunk", None)
    for opened in (xos.open_archive, lambda p: read_records(str(p))):
        with pytest.raises(xos.errors.MissingDependencyError, match=r"\[icechunk\]"):
            opened(path)
