"""What catalogues list, processed into archives from servers on this machine."""

import numpy as np
import pytest
import xarray as xr
from typer.testing import CliRunner

import xoceansar as xos
from tests.catalogue.conftest import KEYS
from tests.processing.conftest import plain
from tests.processing.products import SHAPE
from xoceansar.errors import CredentialsError, OceansarWarning
from xoceansar.io.stac import file_cache
from xoceansar.io.stac.access import grant
from xoceansar.io.stac.transfer import RemoteFile

pytest.importorskip("requests")
pytest.importorskip("botocore")

SETTINGS = {"outputs": ["quality"], "shape": SHAPE, "scheduler": "synchronous"}


@pytest.fixture
def settings(storage, tmp_path):
    return {**SETTINGS, "storage_options": storage[1], "cache": tmp_path / "cache"}


def test_an_archive_of_a_search_is_that_of_its_products(
    found, storage, products, settings, tmp_path
):  # fmt: skip
    report = xos.process(found, tmp_path / "a.zarr", **settings)
    assert (report.processed, report.vignettes, report.failed) == (3, 6, ())
    xos.process(products, tmp_path / "b.zarr", **SETTINGS)
    made, expected = plain(tmp_path / "a.zarr"), plain(tmp_path / "b.zarr")
    xr.testing.assert_equal(made, expected)
    units = plain(tmp_path / "a.zarr", group="units")
    assert units.source_path.values[0].startswith("s3://eodata/Sentinel-1/")
    text = "".join(
        path.read_bytes().decode("latin-1")
        for path in tmp_path.joinpath("a.zarr").rglob("*")
        if path.is_file()
    )
    assert not any(secret in text for secret in KEYS.values())


def test_what_the_archive_has_is_not_fetched(
    found, storage, products, settings, tmp_path
):  # fmt: skip
    server, _ = storage
    archive = tmp_path / "a.zarr"
    xos.process(products[:1], archive, **SETTINGS)  # from the disk
    first = xos.process(found.iloc[:3], archive, **settings)
    assert (first.processed, first.skipped, first.vignettes) == (1, 1, 1)
    fetched = {path for path, *_ in server.asked}
    assert fetched == {"/" + href.removeprefix("s3://") for href in found.hrefs[2][:4]}
    server.asked.clear()
    again = xos.process(found.iloc[:3], archive, **settings)
    assert (again.processed, again.skipped) == (0, 2)
    assert not server.asked
    # the other vignette of the second product, and the third
    rest = xos.process(found, archive, **settings)
    assert (rest.processed, rest.vignettes, rest.repeated) == (2, 3, 0)
    assert not any(path.endswith(found.hrefs[2][3][-30:]) for path, *_ in server.asked)
    assert len(np.unique(plain(archive).vignette_id)) == 6


def test_a_vignette_that_does_not_come_is_listed_and_tried_again(
    found, storage, products, settings, tmp_path
):  # fmt: skip
    server, _ = storage
    archive = tmp_path / "a.zarr"
    path = found.hrefs[1][3].removeprefix("s3:/")
    data = server.files.pop(path)
    report = xos.process(found, archive, **settings)
    assert (report.processed, report.vignettes) == (3, 5)
    (failed,) = report.failed
    assert failed.rows == 1
    assert failed.failure.startswith("1 of 2 vignettes could not be read")
    assert found.vignette_id[1] in failed.failure
    assert "is not there (404)" in failed.failure
    assert found.vignette_id[1] not in plain(archive).vignette_id.values
    server.files[path] = data
    server.asked.clear()
    assert xos.process(found, archive, **settings).processed == 0
    last = xos.process(found, archive, **settings, retry_failed=True)
    assert (last.processed, last.vignettes, last.failed) == (1, 1, ())
    assert {asked for asked, *_ in server.asked} == {path}  # its XML was there already
    xos.process(products, tmp_path / "b.zarr", **SETTINGS)
    expected = plain(tmp_path / "b.zarr")
    made = plain(archive)
    order = np.argsort(made.vignette_id.values)
    ordered = np.argsort(expected.vignette_id.values)
    xr.testing.assert_equal(made.isel(vignette=order), expected.isel(vignette=ordered))
    assert xos.check_archive(archive).faults == ()


def test_keys_that_are_missing_end_the_run(found, settings, tmp_path):
    settings = {**settings, "storage_options": None}
    with pytest.raises(CredentialsError, match="AWS_ACCESS_KEY_ID"):
        xos.process(found, tmp_path / "a.zarr", **settings)


def test_of_two_processings_one_is_fetched(items, storage, settings, tmp_path):
    import copy

    server, _ = storage
    better = copy.deepcopy(items[0])
    better["id"] = better["id"][:-4] + "FFFF"
    better["properties"]["processing:software"]["Sentinel-1 IPF"] = "003.91"
    with pytest.warns(OceansarWarning, match="are in"):
        report = xos.process([items[0], better], tmp_path / "a.zarr", **settings)
    assert (report.processed, report.duplicates, report.repeated) == (1, 1, 0)
    assert set(plain(tmp_path / "a.zarr").ipf_version.values) == {"003.91"}
    assert len(server.asked) == 8


def test_local_processes_know_the_keys(found, settings, tmp_path):
    pytest.importorskip("distributed")
    settings = {**settings, "scheduler": None, "workers": 1}
    report = xos.process(found.iloc[:1], tmp_path / "a.zarr", **settings)
    assert (report.vignettes, report.failed) == (1, ())


def test_the_command_takes_what_a_search_wrote(found, storage, tmp_path, monkeypatch):
    from xoceansar.cli import app
    from xoceansar.processing import run

    outcomes = run.outcomes
    monkeypatch.setattr(
        run, "outcomes", lambda u, t, s, w: outcomes(u, t, "synchronous", w)
    )
    for name, value in zip(("ACCESS_KEY_ID", "SECRET_ACCESS_KEY"), KEYS.values(), strict=True):  # fmt: skip
        monkeypatch.setenv(f"AWS_{name}", value)
    monkeypatch.setenv("AWS_ENDPOINT_URL", storage[1]["client_kwargs"]["endpoint_url"])
    monkeypatch.chdir(tmp_path)
    found.to_parquet("list.parquet")
    command = ["process", "list.parquet", "--to", "a.zarr", "--outputs", "quality", "--cache", "cache"]  # fmt: skip
    done = CliRunner().invoke(app, command)
    assert (done.exit_code, "6 vignettes added" in done.output) == (0, True), (
        done.stderr
    )
    shown = CliRunner().invoke(app, ["open", "list.parquet"])
    assert (shown.exit_code, "6 vignettes" in shown.output) == (0, True), shown.stderr


# The cache


def test_the_cache_holds_no_more_than_it_may(storage, tmp_path):
    from dataclasses import replace

    server, options = storage
    access = replace(grant(options), cache=str(tmp_path / "c"), cache_bytes=250)
    files = [
        RemoteFile(f"{k}.tiff", (f"s3://b/{k}.tiff",), 100, None) for k in range(5)
    ]
    for k in range(5):
        server.files[f"/b/{k}.tiff"] = bytes([k]) * 100
    kept = []
    for k, file in enumerate(files):
        data = file_cache.cached(file, access, 1000)
        kept.append(data)
        assert data.tolist() == [k] * 100
        there = [p for p in (tmp_path / "c").iterdir() if not p.name.startswith(".")]
        assert sum(p.stat().st_size for p in there) <= 250
    asked = len(server.asked)
    file_cache.cached(files[4], access, 1000)
    assert len(server.asked) == asked  # the last is there
    file_cache.cached(files[0], access, 1000)
    assert len(server.asked) == asked + 1
    # what was mapped before it was removed is still what it was
    assert [data[0] for data in kept] == [0, 1, 2, 3, 4]
    # what does not fit is read all the same
    large = RemoteFile("9.tiff", ("s3://b/9.tiff",), 300, None)
    server.files["/b/9.tiff"] = b"9" * 300
    assert file_cache.cached(large, access, 1000).size == 300


def test_what_others_move_while_room_is_made_is_counted(storage, tmp_path, monkeypatch):
    from dataclasses import replace
    from pathlib import Path

    server, options = storage
    folder = tmp_path / "c"
    access = replace(grant(options), cache=str(folder), cache_bytes=250)
    file = RemoteFile("0.tiff", ("s3://b/0.tiff",), 100, None)
    server.files["/b/0.tiff"] = b"0" * 100
    gone = [folder / "removed.tiff", folder / ".whole.tiff.unknown.100.part"]
    listed = Path.iterdir
    monkeypatch.setattr(Path, "iterdir", lambda self: [*listed(self), *gone])
    assert file_cache.cached(file, access, 1000).size == 100
    assert [p.name for p in listed(folder) if p.suffix == ".tiff"]
    # with two drafts that are whole by now there is no room: what is read is not kept
    gone.append(folder / ".other.tiff.unknown.100.part")
    later = RemoteFile("1.tiff", ("s3://b/1.tiff",), 100, None)
    server.files["/b/1.tiff"] = b"1" * 100
    before = sorted(listed(folder))
    assert file_cache.cached(later, access, 1000).tolist() == [49] * 100
    assert [p for p in listed(folder) if p not in before] == []
