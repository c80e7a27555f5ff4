"""What searching and reading catalogues cost, beside the bars: processor time, bytes, a throttled link, faults.

Every server is on this machine.
"""

import argparse
import copy
import json
import os
import random
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from _report import report

import xoceansar as xos
from tests.catalogue.file_server import bucket_files, serve_files, web_files
from tests.catalogue.items import SHARED, item_of, made_item
from tests.catalogue.stac_server import serve
from xoceansar.catalogue import patience, stac_api, vignette_search
from xoceansar.catalogue.places import polygons_of
from xoceansar.io.stac import transfer
from xoceansar.io.stac.listed_products import given_of

KEYS = {"key": "AKIAIOSFODNN7EXAMPLE", "secret": "wJalrXUtnFEMI/K7MDENG"}
#: Bytes a second of one connection and of all, as the Copernicus Data Space has them.
CONNECTION, LINK = 20e6, 80e6
FAULTS = ("drop", "cut", 500, 502, 503, 504, 429, "wrong", "short")


def search_cost(count: int, vignettes: int) -> dict[str, float]:
    """Processor time of a search of many items beyond what pystac-client takes for them."""
    starts = np.datetime64("2021-01-01") + np.arange(count) * np.timedelta64(30, "m")
    items = [
        made_item(
            str(start)[:19],
            [(k % 340 - 170.0, (k % 110) - 55 + 0.2 * j) for j in range(vignettes)],
            orbit=f"{k % 999_999 + 1:06d}",
        )
        for k, start in enumerate(starts.astype("datetime64[s]"))
    ]
    with served_elsewhere(lambda: serve(items)) as url:
        from pystac_client import Client

        begin = time.process_time()
        client = Client.open(url)
        found = client.search(
            collections=["sentinel-1-slc-wv"], datetime="2021-01-01/2022-12-31", limit=stac_api.PAGE
        )  # fmt: skip
        plain = sum(len(page["features"]) for page in found.pages_as_dicts())
        theirs = time.process_time() - begin
        assert plain == count
        begin = time.process_time()
        rows = xos.search(datetime=("2021", "2022"), endpoint=url)
        ours = time.process_time() - begin
    assert len(rows) == count * vignettes
    return {"pystac_client_s": theirs, "search_s": ours, "beyond_s": ours - theirs}


def real_items_cost(item: dict, count: int) -> dict[str, float]:
    """Processor time of parsing and tabulating many items like a real one, beyond that of parsing them plainly."""
    text = json.dumps(item)
    orbit, take = (item["id"].split("_")[k] for k in (-3, -2))
    texts = [
        text.replace(orbit, f"{k + 1:06d}").replace(take, f"{k + 1:06X}")
        for k in range(count)
    ]
    pages = [
        f'{{"features": [{",".join(texts[k : k + stac_api.PAGE])}]}}'
        for k in range(0, count, stac_api.PAGE)
    ]
    parse = patience.patient_io().json_loads
    begin = time.process_time()
    for page in pages:
        json.loads(page)
    theirs = time.process_time() - begin
    begin = time.process_time()
    found = (one for page in pages for one in parse(page)["features"])
    table = vignette_search._tabulated(found, "slc", lambda rows, _: rows["number"] > 0)
    polygons = polygons_of(table.outlines)
    ours = time.process_time() - begin
    assert len(polygons) == count * len(item["geometry"]["coordinates"])
    return {"parsing_s": theirs, "beyond_s": ours - theirs}


@contextmanager
def served_elsewhere(
    serving: Callable[[], AbstractContextManager[tuple[Any, str]]],
) -> Iterator[str]:
    """Serve from another process, whose processor time is its own; gives the URL."""
    reading, writing = os.pipe()
    parent, child = os.getpid(), os.fork()
    if child == 0:
        with serving() as (_, url):
            os.write(writing, url.encode())
            while os.getppid() == parent:
                time.sleep(1.0)
        os._exit(0)
    try:
        yield os.read(reading, 100).decode()
    finally:
        os.kill(child, 9)
        os.waitpid(child, 0)


def bytes_of_one(product: Path, item: dict) -> dict[str, int]:
    """Bytes that reading one vignette costs, beside those of its own files."""
    with serve_files() as (server, url):
        server.files = bucket_files(item, product)
        options = {**KEYS, "endpoint_url": url}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            xos.open_wave_mode(
                item, vignettes=0, shape=(64, 64), storage_options=options
            ).load()
        row = next(given_of(item)).iloc[0]
        return {
            "requests": len(server.asked),
            "bytes": sum(sent for _, _, sent, _ in server.asked),
            "listed_bytes": int(row["size"]),
        }


class Throttle:
    """Lets a connection and a link pass so many bytes a second."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._next = time.monotonic()
        self._own = threading.local()

    def __call__(self, count: int) -> None:
        """Wait until the bytes may pass."""
        now = time.monotonic()
        with self._lock:
            self._next = max(self._next, now) + count / LINK
            link = self._next
        own = max(getattr(self._own, "next", now), now) + count / CONNECTION
        self._own.next = own
        time.sleep(max(0.0, max(link, own) - time.monotonic()))


def throttled_link(files: int = 12, size: int = 40_000_000) -> dict[str, float]:
    """Share of a link of 80 MB/s that four connections of 20 MB/s each fill."""
    item = made_item(places=[(k * 0.5, 0.0) for k in range(files)])
    for asset in item["assets"].values():
        asset["file:size"] = size if asset["href"].endswith(".tiff") else 1000
        del asset["file:checksum"]
    with (
        served_elsewhere(lambda: throttled_files(item, size)) as url,
        tempfile.TemporaryDirectory() as folder,
    ):
        begin, worked = time.monotonic(), time.process_time()
        made = xos.download(item, folder, storage_options={**KEYS, "endpoint_url": url})  # fmt: skip
        passed, worked = time.monotonic() - begin, time.process_time() - worked
    assert not made.failed
    rate = made.transferred / passed
    return {
        "megabytes_a_second": rate / 1e6,
        "share": rate / LINK,
        "processor_seconds_a_gigabyte": 1e9 * worked / made.transferred,
    }


@contextmanager
def throttled_files(item: dict, size: int) -> Iterator[tuple[Any, str]]:
    """Serve the files of an item, all of one content, over a link that is no wider than it is."""
    data = bytes(size)
    with serve_files() as (server, url):
        for asset in item["assets"].values():
            path = "/" + asset["href"].removeprefix("s3://")
            server.files[path] = data[: asset["file:size"]]
        server.rate = Throttle()
        yield server, url


def faults(product: Path, item: dict, count: int) -> dict[str, float]:
    """Inject faults until so many were: each vignette is right in the end, or listed with its reason."""
    chance = random.Random(17)
    random.seed(17)
    injected = right = listed = wrong = rounds = 0
    longest = 0.0
    while injected < count:
        rounds += 1
        web = bool(rounds % 2)
        mine = copy.deepcopy(item)
        with serve_files() as (server, url), tempfile.TemporaryDirectory() as folder:
            server.files = (
                web_files(mine, product, url) if web else bucket_files(mine, product)
            )
            options = {**KEYS, "endpoint_url": url}
            if web:
                server.token_life = 60.0
                options = {"username": "me", "password": "hunter22", "token_url": f"{url}/token"}  # fmt: skip
            left = {p: chance.choice((0, 1, 2, 3, 5, 50)) for p in server.files}
            done = []

            def fault(
                path: str,
                number: int,
                left: dict[str, int] = left,
                done: list[str] = done,
                web: bool = web,
            ) -> Any:
                if not left[path]:
                    return None
                left[path] -= 1
                done.append(path)
                return chance.choice((*FAULTS, "ended") if web else FAULTS)

            server.fault = fault
            begin = time.monotonic()
            made = xos.download(mine, folder, storage_options=options)
            longest = max(longest, time.monotonic() - begin)
            injected += len(done) + server.refused
            states = _states(mine, product, Path(folder) / product.name)
            for name, state in states.items():
                told = name in made.failed
                right += state == "right" and not told
                listed += state != "wrong" and told
                wrong += state == "wrong" or (state == "missing" and not told)
    return {
        "injected": injected, "right": right, "listed": listed, "wrong": wrong, "longest_s": longest,
    }  # fmt: skip


def _states(item: dict, product: Path, folder: Path) -> dict[str, str]:
    """Say of each vignette whether its files are right, missing or wrong."""
    found: dict[str, str] = {}
    for asset in item["assets"].values():
        path = asset["file:local_path"].partition("/")[2]
        name = Path(path).stem.removeprefix("calibration-").removeprefix("noise-")
        if name == "manifest":
            continue
        state = "missing"
        if (folder / path).exists():
            same = (folder / path).read_bytes() == (product / path).read_bytes()
            state = "right" if same else "wrong"
        order = ("right", "missing", "wrong")
        found[name] = max(found.get(name, "right"), state, key=order.index)
    return found


def report_costs(what: str, costs: dict[str, float], items: int) -> None:
    """Report processor time of so many items, for 10,000 of them."""
    for name, value in costs.items():
        scaled = value * 10_000 / items
        bar = "<= 5" if name == "beyond_s" else ""
        report(
            f"catalogue.{what}_{name}_of_10000",
            scaled,
            "s of processor",
            bar,
            scaled <= 5 if bar else None,
        )


def main() -> None:
    """Measure, and print beside the bars."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=10_000)
    parser.add_argument("--faults", type=int, default=1_000)
    asked = parser.parse_args()
    transfer.PAUSE = 0.0
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:
        product = xos.simulate.write_safe(folder, n=4, seed=1, scale=0.1)
        item = item_of(product)
        cost = bytes_of_one(product, item)
        extra = cost["bytes"] - cost["listed_bytes"]
        report(
            "catalogue.vignette_requests",
            cost["requests"],
            "",
            "== 4",
            cost["requests"] == 4,
        )
        report("catalogue.vignette_extra_bytes", extra, "bytes", "== 0", extra == 0)
        told = faults(product, item, asked.faults)
    for name, value in told.items():
        bar = {"wrong": "== 0"}.get(name, "")
        report(
            f"catalogue.faults_{name}",
            value,
            "s" if name[-2:] == "_s" else "",
            bar,
            value == 0 if bar else None,
        )
    link = throttled_link()
    report("catalogue.link_share", link["share"], "", ">= 0.85", link["share"] >= 0.85)
    work = link["processor_seconds_a_gigabyte"]
    report("catalogue.link_processor_seconds_a_gigabyte", work, "s", "", None)
    for path in sorted(SHARED.glob("wvitem*.json")):
        real, count = json.loads(path.read_text()), asked.items // 50
        vignettes = len(real["geometry"]["coordinates"])
        costs = real_items_cost(real, count)
        report_costs(f"real_items_of_{vignettes}", costs, count)
    for items, vignettes in ((asked.items, 4), (asked.items // 12, 32)):
        costs = search_cost(items, vignettes)
        report_costs(f"search_{items}x{vignettes}", costs, items)


if __name__ == "__main__":
    main()
