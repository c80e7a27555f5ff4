"""One writer at a time, and what is left by a dead one is no obstacle."""

import errno
import json
import os
import socket
import subprocess
import sys
import time

import pytest

from xoceansar.errors import ArchiveError
from xoceansar.processing import writer_lock as locks
from xoceansar.processing.writer_lock import ArchiveLock


@pytest.fixture
def target(tmp_path):
    return str(tmp_path / "archive.zarr")


def lock_file(target):
    return f"{target}.lock"


def write_lock(target, **content):
    with open(lock_file(target), "w") as file:
        json.dump(content, file)


def test_a_second_writer_is_refused_while_the_first_lives(target):
    with ArchiveLock(target, "{}") as first:
        with pytest.raises(ArchiveError, match=f"process {os.getpid()} on .*Wait"):
            ArchiveLock(target, "{}").__enter__()
        first.check()
    assert not os.path.exists(lock_file(target))
    with ArchiveLock(target, "{}"):
        pass


def test_the_lock_of_a_dead_process_is_taken_over(target):
    done = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"],
                          capture_output=True, text=True, check=True)  # fmt: skip
    write_lock(target, pid=int(done.stdout), host=socket.gethostname(), started=1.0)
    with ArchiveLock(target, "{}") as lock:
        lock.check()


def test_a_process_that_has_the_number_of_the_dead_one_is_told_apart(target):
    write_lock(target, pid=os.getpid(), host=socket.gethostname(), started=1.0)
    with ArchiveLock(target, "{}") as lock:
        lock.check()


def test_a_writer_elsewhere_lives_as_long_as_it_renews_its_lock(target):
    write_lock(target, pid=1, host="another-machine", started=1.0)
    with pytest.raises(ArchiveError, match="another-machine"):
        ArchiveLock(target, "{}").__enter__()
    old = time.time() - 301
    os.utime(lock_file(target), (old, old))
    with ArchiveLock(target, "{}") as lock:
        lock.check()


def test_the_lock_is_renewed(target, monkeypatch):
    monkeypatch.setattr(locks, "_BEAT", 0.02)
    with ArchiveLock(target, "{}"):
        os.utime(lock_file(target), (0, 0))
        limit = time.monotonic() + 20
        while os.stat(lock_file(target)).st_mtime == 0:
            assert time.monotonic() < limit
            time.sleep(0.02)


def test_of_two_that_take_over_one_is_left(target, monkeypatch):
    write_lock(target, pid=1, host=socket.gethostname(), started=1.0)

    def other_takes(seconds):
        write_lock(target, pid=2, host="another-machine", token="theirs")

    monkeypatch.setattr(locks.time, "sleep", other_takes)
    with pytest.raises(ArchiveError, match="taken by another writer"):
        ArchiveLock(target, "{}").__enter__()
    with open(lock_file(target)) as file:
        assert json.load(file)["token"] == "theirs"


def test_a_lost_lock_is_noticed_and_left_to_its_owner(target):
    with ArchiveLock(target, "{}") as lock:
        write_lock(target, pid=2, host="another-machine", token="theirs")
        with pytest.raises(ArchiveError, match="taken by another writer"):
            lock.check()
    assert os.path.exists(lock_file(target))


def test_a_place_that_cannot_be_written_is_said(target, monkeypatch):
    def refused(*args):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(locks.os, "link", refused)
    with pytest.raises(ArchiveError, match="Read-only file system"):
        ArchiveLock(target, "{}").__enter__()
    assert os.listdir(os.path.dirname(target)) == []
