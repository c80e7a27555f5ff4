"""Targets that are URLs, files that are none, folders that lead to themselves."""

import os
from pathlib import Path

import pytest

from xoceansar import _paths
from xoceansar.errors import BundleError, OceansarWarning, PathError


@pytest.mark.parametrize(
    "path",
    [
        "s3://bucket/a.nc",
        Path("s3://bucket/a.nc"),
        "s3:/bucket/a.nc",
        "gs://b/a",
        "https://host/a.nc",
        "file:///data/a.nc",
        "memory://a",
        "simplecache::s3:/bucket/a",
        "zip://a.nc::s3://bucket/b.zip",
    ],
)
def test_a_url_is_no_local_target(path):
    with pytest.raises(PathError, match=r"netCDF is written to local paths only"):
        _paths.local_target(path, "netCDF")


@pytest.mark.parametrize(
    "path", ["a/b.nc", "./s3:/b.nc", "/data/s3:/b", "C:/a.nc", "a:b"]
)
def test_a_local_target_is_kept(path):
    assert _paths.local_target(path, "netCDF") == Path(path)
    assert _paths.local_target("~/a", "netCDF") == Path.home() / "a"


def test_a_url_that_lost_a_slash_is_named_whole():
    with pytest.raises(PathError, match=r"Give it as text: s3://bucket/a\.$"):
        _paths.refuse_lost_slash(Path("s3://bucket/a"))
    _paths.refuse_lost_slash("s3://bucket/a")


def test_only_regular_files_of_bounded_size_are_read(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(1 << 40)
    (tmp_path / "good").write_bytes(b"12345")
    for name, words in {
        "pipe": "is a named pipe",
        "a": "cannot be read",
        "sparse": "at most 5 are read",
        "": "is a folder",
        "absent": "does not exist",
        "/dev/zero": "is a device",
        "good/inside": "cannot be read",
        "nul\0": "cannot be read",
    }.items():
        with pytest.raises(BundleError, match=words):
            _paths.read_regular(tmp_path / name, most=5, error=BundleError)
    assert _paths.read_regular(tmp_path / "good", most=5) == b"12345"
    with pytest.raises(PathError, match="at most 4"):
        _paths.read_regular(tmp_path / "good", most=4)


@pytest.mark.skipif(not Path("/proc/version").is_file(), reason="no /proc")
def test_what_the_system_shows_as_a_file_without_bytes_is_empty():
    assert _paths.read_regular("/proc/version", most=10) == b""
    assert list(_paths.walk("/proc")) == []


def test_a_folder_that_leads_to_itself_is_entered_once(tmp_path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "file").touch()
    for name in ("one", "two"):
        (tmp_path / "a" / "b" / name).symlink_to(tmp_path)
    found = {
        os.path.relpath(one, tmp_path): files for one, _, files in _paths.walk(tmp_path)
    }
    assert found == {".": [], "a": ["file"], "a/b": []}


def test_a_link_to_elsewhere_is_followed(tmp_path):
    (tmp_path / "there" / "x").mkdir(parents=True)
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "link").symlink_to(tmp_path / "there")
    folders = [
        os.path.relpath(one, tmp_path) for one, _, _ in _paths.walk(tmp_path / "here")
    ]
    assert folders == ["here", "here/link", "here/link/x"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_folder_that_cannot_be_read_is_counted(tmp_path):
    (tmp_path / "closed").mkdir(mode=0)
    with pytest.warns(OceansarWarning, match="1 folders below .* cannot be read"):
        assert len(list(_paths.walk(tmp_path))) == 1


@pytest.mark.parametrize("path", [None, 5, b"x", 1.5, ["x"], "a\0b"])
def test_what_is_no_path_is_refused_in_words(path):
    with pytest.raises(PathError, match="path"):
        _paths.path_text(path)
    with pytest.raises(PathError, match="path"):
        _paths.local_path(path)


def test_an_unknown_home_is_refused_in_words():
    with pytest.raises(PathError, match="home folder"):
        _paths.local_path("~nobody-of-this-name/x")
    assert _paths.local_path("~/x") == Path.home() / "x"
