"""The page in a real browser: what a hand does, and what must not happen meanwhile."""

import importlib.util
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pandas as pd
import pytest

import xoceansar as xos
from tests.exploring.chromium import find_chromium, open_chromium
from tests.exploring.conftest import HOSTILE
from xoceansar.conventions import OCEAN_CLASSES

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        find_chromium() is None or importlib.util.find_spec("selenium") is None,
        reason="needs Chromium with its driver (Debian: chromium, chromium-driver) and selenium",
    ),
]
ROOT = Path(__file__).parents[2]
#: Seconds until what was asked for is there.
PATIENCE = 20


class Page:
    """The page of an explorer in the browser."""

    def __init__(self, browser, url, downloads):
        from selenium.webdriver.support.wait import WebDriverWait

        self.browser, self.url, self.downloads = browser, url, downloads
        self.wait = WebDriverWait(browser, PATIENCE, 0.05).until
        browser.get(url)
        self.until("return drawn > 0 && $('says').textContent === ''")

    def run(self, script, *values):
        return self.browser.execute_script(script, *values)

    def until(self, script, *values):
        """Wait until a script gives something true, and return it."""
        return self.wait(lambda _: self.run(script, *values))

    def find(self, selector):
        return self.browser.find_element("css selector", selector)

    def shown(self):
        return int(self.find("#count").text.split()[0])

    def spot(self, row):
        """Pixels of a vignette from the middle of the map, as the pointer counts."""
        x, y = self.run(
            "const v = views[mode], k = devicePixelRatio; return [(xs()[arguments[0]] - v.x) * v.k / k - "
            "canvas.clientWidth / 2, (v.y - ys()[arguments[0]]) * v.k / k - canvas.clientHeight / 2]",
            row,
        )
        return round(x), round(y)

    def click(self, row):
        from selenium.webdriver import ActionChains

        canvas = self.find("#canvas")
        ActionChains(self.browser, 0).move_to_element_with_offset(canvas, *self.spot(row)).click().perform()  # fmt: skip
        self.until("return row === arguments[0] && $('name').textContent", row)

    def type(self, keys):
        from selenium.webdriver import ActionChains

        ActionChains(self.browser, 0).send_keys(keys).perform()

    def draw_around(self, row, radius):
        from selenium.webdriver import ActionChains

        x, y = self.spot(row)
        hand = ActionChains(self.browser, 0)
        hand.move_to_element_with_offset(self.find("#canvas"), x - radius, y - radius).click_and_hold()  # fmt: skip
        for dx, dy in [(2, 0), (0, 2), (-2, 0)]:
            hand.move_by_offset(dx * radius, dy * radius)
        hand.release().perform()


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    downloads = tmp_path_factory.mktemp("downloads")
    with open_chromium(str(downloads)) as opened:
        opened.downloads = downloads
        yield opened


@pytest.fixture
def page(browser, explorer):
    return Page(browser, explorer.url, browser.downloads)


def test_filters_leave_what_passes(page, archive):
    assert page.shown() == 40
    least = page.find('[name="swh.least"]')
    least.send_keys("3")
    page.wait(lambda _: page.shown() == int((archive.swh >= 3).sum()))
    page.find('[name="beam.0"]').click()
    both = (archive.swh >= 3) & (archive.beam == "wv2")
    page.wait(lambda _: page.shown() == int(both.sum()))
    page.find('[name="beam.0"]').click()
    least.send_keys("\ue003")
    page.find('[name="quality.0"]').click()
    page.wait(lambda _: page.shown() == 39)
    page.find('[name="quality.0"]').click()
    page.find('[name="time.Dec-Feb"]').click()
    winter = archive.time.dt.month.isin([12, 1, 2])
    page.wait(lambda _: page.shown() == 40 - int(winter.sum()))
    page.run("const e = $('controls').querySelector('[name=\"time.last\"]'); e.value = 500; e.oninput()")  # fmt: skip
    early = np.arange(40) <= 39 / 2
    page.wait(lambda _: page.shown() == int((early & ~winter).sum()))


def test_a_click_shows_the_vignette_and_what_is_like_it(page, archive):
    page.click(7)
    assert page.find("#name").text == f"v7-{HOSTILE}"
    page.until("return $('large').complete && $('large').naturalWidth === 16")
    facts = page.run("return $('facts').innerText")
    assert "1.7 [1.2, 2.2]" in facts
    assert page.find("#facts tr td:last-child").text == "38.46°S 108.97°W"
    page.until("return $('near').children.length === 12")
    near = [int(row) for row in page.run("return [...$('near').children].map(f => f.dataset.row)")]  # fmt: skip
    found = archive.oceansar.similar(7, n_neighbors=12).index.values[0]
    assert near == found.tolist()
    page.until("return [...document.querySelectorAll('#near img')].every(i => i.naturalWidth === 16)")  # fmt: skip
    page.find("#near figure").click()
    page.until("return $('name').textContent.startsWith(arguments[0])", f"v{near[0]}-")


def test_keys_label_and_take_back(page, explorer):
    page.click(7)
    page.type("3")
    page.wait(lambda _: explorer.labels.latest() == {f"v7-{HOSTILE}": explorer.classes[3]})  # fmt: skip
    page.until("return $('given').textContent === arguments[0]", f": {explorer.classes[3].replace('_', ' ')}")  # fmt: skip
    page.type("n")
    page.until("return row !== 7 && !$('says').textContent")
    page.click(7)
    page.type("\ue017")
    page.wait(lambda _: not explorer.labels.latest())
    page.until("return $('given').textContent === ''")


@pytest.mark.parametrize("mode", ["map", "plane"])
def test_a_lasso_selects_and_what_it_selects_leaves_as_a_file(page, explorer, mode):
    page.find(f"#{mode}").click()
    page.until("return mode === arguments[0] && (mode === 'map' || plane)", mode)
    page.find("#lasso").click()
    page.draw_around(20, 6)
    page.until("return chosenCount > 0 && $('selected').textContent")
    rows = page.run("return [...chosen].flatMap((c, i) => c ? [i] : [])")
    x, y = page.spot(20)
    near = [i for i in range(40) if max(abs(page.spot(i)[0] - x), abs(page.spot(i)[1] - y)) < 5]  # fmt: skip
    assert set(near) <= set(rows)
    assert len(rows) < 20
    assert explorer.selection.vignette_id.values.tolist() == [f"v{i}-{HOSTILE}" for i in rows]  # fmt: skip
    file = page.downloads / "selection.csv"
    file.unlink(missing_ok=True)
    page.find("#csv").click()
    page.wait(lambda _: file.exists() and file.stat().st_size)
    assert pd.read_csv(file, comment="#")["swh [m]"].tolist() == [1 + i / 10 for i in rows]  # fmt: skip


def test_all_stay_in_sight_when_the_window_shrinks(page):
    page.run("document.querySelector('header').style.height = '200px'")
    page.until("return canvas.height < 560 && drawn > 1")
    page.run("return new Promise(done => requestAnimationFrame(() => setTimeout(done)))")  # fmt: skip
    heights = [page.spot(row)[1] for row in (0, 39)]
    half = page.run("return canvas.clientHeight / 2")
    assert all(abs(height) < half for height in heights)


def test_hostile_texts_run_nothing_and_nothing_leaves_the_machine(browser, explorer):
    from selenium.common.exceptions import NoAlertPresentException

    browser.get("about:blank")
    for log in ("performance", "browser"):
        browser.get_log(log)  # of earlier pages
    page = Page(browser, explorer.url, browser.downloads)
    page.click(3)
    page.until("return $('near').children.length === 12")
    page.find("#plane").click()
    page.until("return mode === 'plane'")
    page.find("#map").click()
    page.until("return !!land")
    assert HOSTILE in page.run("return $('controls').innerText")
    assert page.run("return document.querySelectorAll('img[src=x], img[onerror]').length") == 0  # fmt: skip
    assert page.run("return document.scripts.length") == 1
    with pytest.raises(NoAlertPresentException):
        browser.switch_to.alert.text  # noqa: B018
    told = [json.loads(line["message"])["message"] for line in browser.get_log("performance")]  # fmt: skip
    asked = [m["params"]["request"]["url"] for m in told if m["method"] == "Network.requestWillBeSent"]  # fmt: skip
    assert len(asked) > 20
    assert {urlsplit(url).hostname for url in asked} == {"127.0.0.1"}
    # an answer that asks for patience is listed too, as of the network
    said = [one for one in browser.get_log("browser") if one["source"] != "network"]
    assert said == []


def test_a_script_that_gets_into_the_page_is_not_run(page):
    """The policy holds where escaping would not."""
    page.run("const d = document.createElement('div'); d.innerHTML = arguments[0]; document.body.append(d)", "<img src=x onerror='window.ran = 1'>")  # fmt: skip
    page.run("const s = document.createElement('script'); s.textContent = 'window.ran = 2'; document.body.append(s)")  # fmt: skip
    page.run("return new Promise(done => setTimeout(done, 100))")
    assert page.run("return window.ran") is None


def test_a_killed_server_loses_no_label_given_by_key(browser, archive, tmp_path):
    path = xos.to_zarr(archive, tmp_path / "a.zarr")
    command = [sys.executable, "-m", "xoceansar.cli", "explore", str(path), "--no-browser"]  # fmt: skip
    child = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT, text=True)
    try:
        page = Page(browser, child.stdout.readline().strip(), browser.downloads)
        page.click(7)
        for key in "12":
            page.type(key)
            page.until("return labels.get(7) === about.classes[+arguments[0]]", key)
    finally:
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
        child.stdout.close()

    latest = xos.open_labels(path).latest()
    assert latest == {f"v7-{HOSTILE}": OCEAN_CLASSES[2]}
    page.type("4")
    page.until("return $('says').textContent")
    assert page.run("return labels.get(7) !== about.classes[4]")
