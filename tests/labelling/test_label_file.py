"""Labels beside an archive: nothing is lost, whoever writes and whatever crashes."""

import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest

from xoceansar import open_labels
from xoceansar.errors import LabelError, OceansarWarning, PathError


@pytest.fixture
def labels(tmp_path):
    return open_labels(tmp_path / "archive.zarr")


def test_labels_lie_beside_the_archive(labels, tmp_path):
    assert not list(tmp_path.iterdir()), "nothing is made before the first label"
    labels.add("a", "sea_ice")
    assert [p.name for p in tmp_path.iterdir()] == ["archive.zarr.labels.jsonl"]
    again = open_labels(tmp_path / "archive.zarr.labels.jsonl")
    assert again.latest() == open_labels(tmp_path / "archive.zarr").latest()


def test_who_and_when_are_kept_and_nothing_is_rewritten(labels):
    before = datetime.now(UTC)
    labels.add("a", "sea_ice", who="mh")
    first = labels.path.read_bytes()
    labels.add("b", "rain_cells", who="é\n")
    labels.add("a", "icebergs")
    labels.remove("b", who="mh")
    assert labels.path.read_bytes().startswith(first)
    table = labels.table()
    assert table.vignette_id.tolist() == ["a", "b", "a", "b"]
    assert table.label.tolist() == ["sea_ice", "rain_cells", "icebergs", None]
    assert table.who.tolist()[:2] == ["mh", "é\n"]
    assert table.who[2]
    assert ((table.time >= before - pd.Timedelta("1s")) & (table.time <= datetime.now(UTC))).all()  # fmt: skip
    assert labels.latest() == {"a": "icebergs"}
    assert len(labels) == 1
    assert "icebergs: 1" in repr(labels)


def test_a_truth_for_fit(labels):
    with pytest.raises(LabelError, match="no labels yet"):
        labels.truth()
    labels.add("b", "x")
    labels.add("a", "y")
    truth = labels.truth()
    assert truth.name == "ocean_class"
    assert truth.dims == ("vignette",)
    assert truth.values.tolist() == ["x", "y"]
    assert truth.vignette_id.values.tolist() == ["b", "a"]


@pytest.mark.parametrize("torn", [b'{"vignette_id": "b", "la', b"\x00\x00\xff", b"[[["])
def test_a_line_that_a_crash_cut_short_harms_no_other(labels, torn):
    labels.add("a", "sea_ice")
    with labels.path.open("ab") as file:
        file.write(torn)
    labels.add("c", "rain_cells")
    with pytest.warns(OceansarWarning, match="1 lines of"):
        assert labels.latest() == {"a": "sea_ice", "c": "rain_cells"}


@pytest.mark.parametrize(
    "record",
    [
        {"vignette_id": 3, "label": "x"},
        {"vignette_id": "a"},
        {"vignette_id": "a", "label": "<script>"},
        {"vignette_id": "a", "label": ["x"]},
        "text",
        [1],
    ],
)
def test_what_is_no_label_is_told_and_left_out(labels, record):
    labels.path.write_text(json.dumps(record) + "\n")
    with pytest.warns(OceansarWarning, match="no whole labels"):
        assert labels.latest() == {}


def test_a_time_that_is_none_is_missing(labels):
    labels.path.write_text('{"vignette_id":"a","label":"x","time":"soon"}\n')
    table = labels.table()
    assert table.time.isna().tolist() == [True]
    assert table.who.tolist() == [None]


@pytest.mark.parametrize("label", ["two words", "", "<b>", None, 3, "x" * 101, "a\n"])
def test_a_label_is_a_name(labels, label):
    with pytest.raises(LabelError, match="a label is the name of a class"):
        labels.add("a", label)
    assert not labels.path.exists()


@pytest.mark.parametrize("vignette_id", ["", None, 3, "x" * 1001])
def test_a_vignette_has_a_name(labels, vignette_id):
    with pytest.raises(LabelError, match="vignette_id"):
        labels.add(vignette_id, "x")


def test_what_cannot_hold_labels_is_refused(tmp_path):
    (tmp_path / "a.zarr.labels.jsonl").mkdir()
    with pytest.raises(LabelError, match="must be a file"):
        open_labels(tmp_path / "a.zarr")
    with pytest.raises(PathError, match="local"):
        open_labels("s3://bucket/a.zarr")
    os.mkfifo(tmp_path / "b.labels.jsonl")
    with pytest.raises(LabelError, match="named pipe"):
        open_labels(tmp_path / "b")


def test_a_folder_that_cannot_be_written_says_so(tmp_path):
    (tmp_path / "file").write_text("")
    labels = open_labels(tmp_path / "file" / "a.zarr")
    with pytest.raises(LabelError, match="cannot be written"):
        labels.add("a", "x")


def _write_many(path, who):
    labels = open_labels(path)
    for i in range(40):
        labels.add(f"{who}-{i}", "sea_ice", who=who)


def test_several_people_label_at_once(tmp_path):
    path = tmp_path / "archive.zarr"
    with ProcessPoolExecutor(3) as pool:
        list(pool.map(_write_many, [path] * 3, "abc"))
    table = open_labels(path).table()
    assert len(table) == 120
    for who in "abc":
        own = table[table.who == who].vignette_id.tolist()
        assert own == [f"{who}-{i}" for i in range(40)]


def test_a_kill_loses_no_label_that_was_confirmed(tmp_path):
    path = tmp_path / "archive.zarr"
    code = (
        "import sys; from xoceansar import open_labels\n"
        f"labels = open_labels({str(path)!r})\n"
        "for i in range(10**6):\n"
        "    labels.add(str(i), 'sea_ice'); print(i, flush=True)\n"
    )
    root = Path(__file__).parents[2]
    child = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, cwd=root
    )
    assert child.stdout is not None
    for _ in range(5):
        child.stdout.readline()
    time.sleep(0.05)
    child.send_signal(signal.SIGKILL)
    confirmed = 5 + len(child.stdout.read().split(b"\n")) - 1
    child.wait()
    kept = open_labels(path).latest()
    assert set(map(str, range(confirmed))) <= set(kept)
