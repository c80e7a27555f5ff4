"""Downloads from servers on this machine, whole and failing."""

import contextlib
import random
import threading
import time

import pytest
import xarray as xr
from typer.testing import CliRunner

import xoceansar as xos
from tests.catalogue.conftest import KEYS
from tests.catalogue.file_server import bucket_files, serve_files, web_files
from tests.catalogue.items import made_item
from tests.processing.products import SHAPE
from xoceansar.errors import CredentialsError, PathError, ProductError
from xoceansar.io.stac import connections, credentials, transfer

pytest.importorskip("requests")
pytest.importorskip("botocore")


def lies_as(folder, product):
    """Whether a product lies in a folder, file by file."""
    for file in product.rglob("*"):
        if file.is_file() and (file.suffix != ".nc"):
            copied = folder / product.name / file.relative_to(product)
            if not copied.exists() or copied.read_bytes() != file.read_bytes():
                return False
    return True


def leftovers(folder):
    return sorted(p.name for p in folder.rglob("*.part"))


def test_products_come_whole(found, storage, products, tmp_path):
    server, options = storage
    report = xos.download(found, tmp_path, storage_options=options)
    size = found["size"].sum() + sum(row[4] for row in found.sizes[::2])
    assert (report.vignettes, report.fetched, report.present) == (6, 27, 0)
    assert (report.transferred, report.failed) == (size, {})
    expected = xos.open_wave_mode(products, shape=SHAPE).load()
    paths = [tmp_path / product.name for product in products]
    xr.testing.assert_equal(xos.open_wave_mode(paths, shape=SHAPE).load(), expected)
    xr.testing.assert_equal(
        xos.open_wave_mode(found, shape=SHAPE, root=tmp_path).load(), expected
    )
    assert not leftovers(tmp_path)
    asked = len(server.asked)
    again = xos.download(found, tmp_path, storage_options=options)
    assert (again.fetched, again.present, again.vignettes) == (0, 27, 6)
    assert len(server.asked) == asked


def test_a_part_of_a_product_comes_alone(found, storage, tmp_path):
    _, options = storage
    row = found.iloc[[3]]
    report = xos.download(row, tmp_path, storage_options=options)
    assert (report.vignettes, report.fetched) == (1, 5)
    ds = xos.open_wave_mode(row, shape=SHAPE, root=tmp_path)
    assert ds.vignette_id.values.tolist() == row.vignette_id.tolist()
    assert ds.quality.values[0] & 64 == 0


def test_a_download_goes_on_where_it_broke_off(found, storage, tmp_path, monkeypatch):
    server, options = storage
    row = found.iloc[[0]]
    path = row.hrefs.iloc[0][3].removeprefix("s3:/")
    monkeypatch.setattr(transfer, "_TRIES", 1)
    server.fault = lambda asked, number: "cut" if asked == path else None
    random.seed(3)
    first = xos.download(row, tmp_path, storage_options=options)
    assert list(first.failed) == row.vignette_id.tolist()
    assert "broke off" in first.failed[row.vignette_id.iloc[0]] or "network failed" in first.failed[row.vignette_id.iloc[0]]  # fmt: skip
    (draft,) = tmp_path.rglob("*.part")
    kept = draft.stat().st_size
    assert 0 < kept < len(server.files[path])
    server.fault = lambda asked, number: None
    server.asked.clear()
    second = xos.download(row, tmp_path, storage_options=options)
    assert (second.vignettes, second.failed) == (1, {})
    ((asked, begin, sent, _),) = server.asked
    assert (asked, begin, sent) == (path, kept, len(server.files[path]) - kept)
    assert not leftovers(tmp_path)


def test_no_more_than_four_connections_are_open(found, storage, tmp_path):
    server, options = storage
    busy, most = set(), []
    lock = threading.Lock()

    def rate(count):
        with lock:
            busy.add(threading.get_ident())
            most.append(len(busy))
        time.sleep(0.01)
        with lock:
            busy.discard(threading.get_ident())

    server.rate = rate
    xos.download(found, tmp_path, storage_options=options)
    assert max(most) == 4


DOWNLOAD = """
import json, sys
import xoceansar as xos
items, to, options = json.loads(sys.stdin.read())
print(xos.download(items, to, storage_options=options).failed)
"""


def test_processes_share_the_connections_of_an_account(items, storage, tmp_path):
    """Whoever runs twice, or has workers that read, has four connections in all."""
    import json
    import os
    import subprocess
    import sys

    server, options = storage
    busy, most = [0], []
    lock = threading.Lock()

    def rate(count):
        with lock:
            busy[0] += 1
            most.append(busy[0])
        time.sleep(0.02)
        with lock:
            busy[0] -= 1

    server.rate = rate
    environment = {**os.environ, "HOME": str(tmp_path)}
    command = [sys.executable, "-W", "ignore", "-c", DOWNLOAD]
    runs = [
        subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]  # fmt: skip
    for k, run in enumerate(runs):
        run.stdin.write(json.dumps([items, str(tmp_path / str(k)), options]))
        run.stdin.close()
    for run in runs:
        assert (run.stdout.read().strip(), run.wait()) == ("{}", 0)
    assert max(most) == 4
    locks = sorted(path.name for path in (tmp_path / ".cache/xoceansar/connections").iterdir())  # fmt: skip
    assert locks == [f"127.0.0.1-{k}" for k in range(4)]


def test_connections_that_others_hold_for_ever_are_not_waited_for(
    found, storage, tmp_path, monkeypatch
):
    _, options = storage
    monkeypatch.setattr(connections, "LONGEST_WAIT", 0.05)
    with contextlib.ExitStack() as held:
        for k in range(4):
            one = held.enter_context(open(connections.FOLDER / f"127.0.0.1-{k}", "a+b"))
            assert connections.lock(one, wait=False)
        report = xos.download(found.iloc[[0]], tmp_path / "a", storage_options=options)
    assert (report.vignettes, report.failed) == (1, {})
    # without a place for locks, a process is on its own
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(connections, "FOLDER", tmp_path / "file")
    report = xos.download(found.iloc[[0]], tmp_path / "b", storage_options=options)
    assert (report.vignettes, report.failed) == (1, {})


def test_web_addresses_are_followed_and_their_tokens_renewed(items, products, tmp_path):
    import copy

    item = copy.deepcopy(items[0])
    with serve_files() as (server, url):
        server.files = web_files(item, products[0], url)
        server.files |= {f"/moved{path}": data for path, data in server.files.items()}
        server.fault = lambda path, number: (
            None if path.startswith("/moved") else (301, f"/moved{path}")
        )
        server.token_life = 0.05
        server.rate = lambda count: time.sleep(0.02)
        options = {"username": "me", "password": "hunter22", "token_url": f"{url}/token"}  # fmt: skip
        report = xos.download(item, tmp_path, storage_options=options)
        assert (report.vignettes, report.failed) == (2, {})
        assert lies_as(tmp_path, products[0])
        assert len(server.grants) > 1


@pytest.fixture
def behind_tokens(items, products):
    """A server of the files of an item that wants tokens, and the options that get them."""
    import copy

    item = copy.deepcopy(items[0])
    with serve_files() as (server, url):
        server.files = web_files(item, products[0], url)
        server.token_life = 600.0
        yield server, item, {"username": "me", "password": "hunter22", "token_url": f"{url}/token"}  # fmt: skip


def test_a_token_that_is_refused_is_renewed_once(behind_tokens, products, tmp_path):
    server, item, options = behind_tokens
    ended = []

    def end(path, number):
        """Take no token any more that was given, once."""
        if number == 4 and not ended:
            ended.append(path)
            return "ended"
        return None

    server.fault = end
    report = xos.download(item, tmp_path, storage_options=options)
    assert (report.vignettes, report.failed) == (2, {})
    assert lies_as(tmp_path, products[0])
    assert server.grants == ["password", "refresh_token"]
    # the one that was told, and at most those that were under way with it
    assert server.refused <= connections.CONNECTIONS


def test_tokens_that_are_never_taken_end_all_of_it(behind_tokens, tmp_path):
    server, item, options = behind_tokens
    server.fault = lambda path, number: 401
    with pytest.raises(CredentialsError, match=r"the token is refused \(401\)") as refused:  # fmt: skip
        xos.download(item, tmp_path, storage_options=options)
    assert "hunter22" not in str(refused.value)
    assert not any(token in str(refused.value) for token in server.tokens)
    given = {"access_token": next(iter(server.tokens)), "token_url": options["token_url"]}  # fmt: skip
    with pytest.raises(CredentialsError, match=r"expired.*CDSE_USERNAME") as refused:
        xos.download(item, tmp_path, storage_options=given)
    assert given["access_token"] not in str(refused.value)


@pytest.mark.parametrize("last", [1, 2])
def test_a_token_that_ends_after_other_faults_costs_its_vignette_alone(
    last, behind_tokens, tmp_path
):
    """Tries were used up by a server with faults, and the last told of a token: the account is good."""
    server, item, options = behind_tokens
    bad = next(path for path in server.files if path.endswith("002.tiff)/$value"))
    asked = []

    def fault(path, number):
        if path != bad:
            return None
        asked.append(path)
        return 401 if len(asked) > transfer._TRIES - last else 503

    server.fault = fault
    report = xos.download(item, tmp_path, storage_options=options)
    assert len(asked) == transfer._TRIES
    assert report.vignettes == 1
    (reason,) = report.failed.values()
    assert "(the token is refused (401)), tried 6 times" in reason


FAULTS = ("drop", "cut", 500, 503, 429, "wrong", "short", 403, "refused", "gone")


@pytest.mark.parametrize("seed", range(4))
def test_faults_leave_vignettes_right_or_listed(
    seed, items, products, tmp_path, monkeypatch
):  # fmt: skip
    """Each file fails as often as chance has it, some for ever: none is wrong in the end."""
    import copy

    monkeypatch.setattr(credentials, "_MARGIN", 0.0)
    chance = random.Random(seed)
    item = copy.deepcopy(items[seed % 3])
    product = products[seed % 3]
    with serve_files() as (server, url):
        web = seed % 2
        server.files = (
            web_files(item, product, url) if web else bucket_files(item, product)
        )
        options = {**KEYS, "endpoint_url": url}
        if web:
            server.token_life = 0.05
            options = {"username": "me", "password": "hunter22", "token_url": f"{url}/token"}  # fmt: skip
        gone = {path for path in server.files if chance.random() < 0.05}
        left = {path: chance.choice((0, 1, 2, 4)) for path in server.files}

        def fault(path, number):
            if path in gone:
                return "wrong"
            if left[path] == 0:
                return None
            left[path] -= 1
            kinds = [k for k in FAULTS[:8] if not (web and k == 403)]
            return chance.choice(kinds)

        server.fault = fault
        report = xos.download(item, tmp_path, storage_options=options)
        for _ in range(3):  # as a user does who runs it again
            report = xos.download(item, tmp_path, storage_options=options)
    for asset in item["assets"].values():
        path = asset["file:local_path"].partition("/")[2]
        target = tmp_path / product.name / path
        if target.exists():
            assert target.read_bytes() == (product / path).read_bytes(), path
        else:
            assert report.failed
    assert report.vignettes == 2 - len(report.failed)
    if not gone:
        assert not report.failed


def test_a_server_that_falls_silent_is_given_up(found, storage, tmp_path, monkeypatch):
    server, options = storage
    monkeypatch.setattr(transfer, "TIMEOUT", (1.0, 0.2))
    path = found.hrefs[0][3].removeprefix("s3:/")
    calls = []

    def fault(asked, number):
        calls.append(asked)
        return "silent" if asked == path and calls.count(path) == 1 else None

    server.fault = fault
    began = time.monotonic()
    report = xos.download(found.iloc[[0]], tmp_path, storage_options=options)
    assert (report.vignettes, report.failed) == (1, {})
    assert time.monotonic() - began < 30


def test_bytes_that_trickle_are_given_up(storage, monkeypatch):
    from xoceansar.io.stac.access import grant
    from xoceansar.io.stac.transfer import MemorySink, RemoteFile, fetch

    server, options = storage
    monkeypatch.setattr(transfer, "WINDOW", 0.1)
    monkeypatch.setattr(transfer, "LEAST_RATE", 1e9)
    monkeypatch.setattr(transfer, "_TRIES", 2)
    server.files["/b/slow"] = bytes(1 << 20)
    server.rate = lambda count: time.sleep(0.05)
    server.ranges = False
    file = RemoteFile("slow", ("s3://b/slow",), 1 << 20)
    monkeypatch.setattr(transfer, "_MOST_TRIES", 3)
    with pytest.raises(ProductError, match="bytes a second"):
        fetch(file, grant(options), MemorySink(), 1 << 20)


def test_files_of_other_sizes_are_none(found, storage, tmp_path):
    server, options = storage
    path = found.hrefs[0][3].removeprefix("s3:/")
    server.files[path] += b"more"
    report = xos.download(found.iloc[[0]], tmp_path, storage_options=options)
    assert "more than" in report.failed[found.vignette_id[0]]
    assert not list(tmp_path.rglob("*.tiff"))


def test_what_cannot_be_downloaded_is_said(found, products, storage, tmp_path):
    _, options = storage
    with pytest.raises(ProductError, match="not what a catalogue lists"):
        xos.download(str(products[0]), tmp_path)
    with pytest.raises(CredentialsError, match="AWS_ACCESS_KEY_ID"):
        xos.download(found, tmp_path)
    with pytest.raises(PathError, match="is a URL"):
        xos.download(found, "s3://bucket/wv")
    (tmp_path / "file").write_text("")
    with pytest.raises(PathError, match="cannot be written"):
        xos.download(found, tmp_path / "file", storage_options=options)
    item = made_item()
    item["id"] = "../outside"
    with pytest.raises(ProductError, match="no name of one"):
        xos.download(item, tmp_path / "in", storage_options=options)


def test_the_command_downloads_what_a_search_wrote(
    found, storage, tmp_path, monkeypatch
):
    from xoceansar.cli import app

    server, options = storage
    monkeypatch.chdir(tmp_path)
    found.to_parquet("list.parquet")
    path = found.hrefs[0][3].removeprefix("s3:/")
    data = server.files.pop(path)
    import json

    command = ["download", "list.parquet", "--to", "wv", "--storage-options", json.dumps(options)]  # fmt: skip
    done = CliRunner().invoke(app, command)
    assert (done.exit_code, "5 vignettes in wv" in done.output) == (3, True)
    assert "is not there (404)" in done.output
    server.files[path] = data
    done = CliRunner().invoke(app, command)
    assert (done.exit_code, "6 vignettes in wv: 1 files came" in done.output) == (0, True)  # fmt: skip
    monkeypatch.delenv("AWS_ACCESS_KEY_ID", raising=False)
    refused = CliRunner().invoke(app, ["download", "list.parquet", "--to", "other"])
    assert (refused.exit_code, "AWS_ACCESS_KEY_ID" in refused.stderr) == (2, True)
