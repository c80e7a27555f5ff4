"""The page's server: right answers, for its own machine alone, and no label lost."""

import http.client
import io
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import dask.array as da
import matplotlib.image
import numpy as np
import pandas as pd
import pytest
import xarray as xr

import xoceansar as xos
from tests.exploring.conftest import HOSTILE, Client, archive_of
from xoceansar._pictures import grey_levels
from xoceansar.errors import LabelError, MissingVariableError, OceansarError
from xoceansar.exploring.kept_embeddings import KeptEmbeddings
from xoceansar.exploring.plane import plane_of
from xoceansar.exploring.vignette_columns import read_table

ROOT = Path(__file__).parents[2]


def column(client, name):
    about = client.json("about")
    i = next(i for i, c in enumerate(about["columns"]) if c["name"] == name)
    kind = f"<f{about['columns'][i]['bytes']}"
    return about["columns"][i], np.frombuffer(client.ask(f"column/{i}").content, kind)


# what the page is told


def test_columns_are_the_values(client, archive):
    about, swh = column(client, "swh")
    assert about["kind"] == "number"
    np.testing.assert_array_equal(swh, archive.swh.values.astype("f4"))
    assert (about["low"], about["high"]) == pytest.approx(
        tuple(np.percentile(archive.swh, [2, 98]))
    )
    about, kinds = column(client, "ocean_class")
    assert [name for name, _ in about["categories"]] == ["pure_ocean_waves", "sea_ice"]
    assert np.isnan(kinds[1])
    np.testing.assert_array_equal(kinds[2:], archive.ocean_class.values[2:])
    about, beams = column(client, "beam")
    names = [name for name, _ in about["categories"]]
    assert [names[int(code)] for code in beams] == archive.beam.values.tolist()
    about, days = column(client, "time")
    assert about["kind"] == "time"
    assert pd.to_datetime(days[7], unit="D") == pd.Timestamp(archive.time.values[7])
    about, flags = column(client, "quality")
    assert about["kind"] == "flags"
    assert flags[3] == 5
    place = np.frombuffer(client.ask("place").content, "<f4").reshape(2, -1)
    np.testing.assert_allclose(place[0], archive.longitude, rtol=1e-6)
    np.testing.assert_allclose(place[1], archive.latitude, rtol=1e-6)


def test_a_vignette_is_said_in_words_with_its_interval(client):
    said = client.json("vignette/3")
    facts = {label: (text, caution) for label, text, caution in said["facts"]}
    assert facts[f"Height {HOSTILE} (m)"] == ("1.3  [0.8, 1.8]", False)
    assert facts["Quality"] == ("Pixels are missing; land in the image", True)
    assert facts["Time"] == ("2021-01-28 00:00:00 UTC", False)
    assert not any("lower" in label for label in facts)
    assert said["id"] == f"v3-{HOSTILE}"
    facts = {label: text for label, text, _ in client.json("vignette/1")["facts"]}
    assert facts["Ocean class"] == "missing"


def test_pictures_are_the_images(client, archive):
    answer = client.ask("picture/large/5")
    assert answer.headers["Content-Type"] == "image/png"
    seen = matplotlib.image.imread(io.BytesIO(answer.content))[..., 0]
    levels = grey_levels(archive.sigma0.values[5], 384)
    np.testing.assert_allclose(seen, levels / 254, atol=0.003)


def test_a_bad_image_says_why_and_harms_no_other(tmp_path):
    archive = archive_of(6)

    def block(values, block_info=None):
        if block_info[0]["array-location"][0][0] == 2:
            raise OSError("the disc is gone")
        return values

    lazy = archive.sigma0.chunk(vignette=1).data.map_blocks(
        block, dtype="f4", meta=np.empty((0, 0, 0), "f4")
    )
    archive["sigma0"] = archive.sigma0.copy(data=lazy)
    with xos.explore(archive) as explorer:
        client = Client(explorer)
        answer = client.ask("picture/small/2")
        assert (answer.status, json.loads(answer.content)["error"]) == (
            500,
            "OSError: the disc is gone",
        )
        assert client.ask("picture/small/1").status == 200


def test_images_of_another_dataset_are_matched_by_name(archive):
    results = archive.drop_vars("sigma0")
    images = archive[["sigma0"]].isel(vignette=slice(None, 5, -1))
    images["sigma0"] = images.sigma0 * xr.DataArray(np.arange(34.0), dims="vignette")
    with xos.explore(results, images=images) as explorer:
        assert explorer.pictures._pixels(39, "").max() == 0
        assert explorer.pictures._pixels(38, "").max() == pytest.approx(1.0)
        assert Client(explorer).ask("picture/small/2").status == 422


def test_neighbours_are_those_of_the_search(client, archive):
    found = archive.oceansar.similar(4, n_neighbors=12)
    answer = json.loads(client.when_read("neighbours/4").content)["neighbours"]
    assert [one["row"] for one in answer] == found.index.values[0].tolist()
    np.testing.assert_array_equal([one["score"] for one in answer], found.score[0])


def test_the_plane_shows_what_differs_most(client, archive):
    plane = np.frombuffer(client.when_read("plane").content, "<f4").reshape(-1, 2)
    sides = plane[:, 0] > 0
    assert (sides == sides[0]).tolist() == (np.arange(40) % 2 == 0).tolist()


# selection, export, labels


def test_what_is_selected_is_a_dataset_and_a_file(client, explorer, archive):
    rows = np.array([3, 1, 3], "<u4")
    assert client.json("selection", body=rows.tobytes()) == {"count": 2}
    xr.testing.assert_identical(explorer.selection, archive.isel(vignette=[1, 3]))
    answer = client.ask("export/csv")
    assert "attachment" in answer.headers["Content-Disposition"]
    table = pd.read_csv(io.BytesIO(answer.content), comment="#")
    assert table["swh [m]"].tolist() == [1.1, 1.3]
    assert client.json("selection", body=b"") == {"count": 0}
    assert explorer.selection.sizes["vignette"] == 0


def test_a_selection_leaves_as_parquet(client):
    geopandas = pytest.importorskip("geopandas")
    client.json("selection", body=np.array([2], "<u4").tobytes())
    table = geopandas.read_parquet(io.BytesIO(client.ask("export/parquet").content))
    assert table.swh.tolist() == [1.2]


def test_labels_are_kept_shown_and_taken_back(client, explorer):
    body = json.dumps({"rows": [2, 5], "label": "sea_ice"})
    assert client.json("label", body=body) == {"count": 2}
    assert client.json("labels") == {"labels": [[2, "sea_ice"], [5, "sea_ice"]]}
    client.json("label", body=json.dumps({"rows": [2], "label": None}))
    assert explorer.labels.latest() == {f"v5-{HOSTILE}": "sea_ice"}
    assert len(explorer.labels.table()) == 3


def test_what_comes_next_has_no_label_and_is_far_from_those(client):
    rows = list(range(0, 40, 2))
    client.json("label", body=json.dumps({"rows": rows[:9], "label": "sea_ice"}))
    assert json.loads(client.when_read("next").content)["row"] % 2 == 1
    client.json("label", body=json.dumps({"rows": list(range(40)), "label": "x"}))
    assert client.json("next") == {"row": None}


def test_labels_lie_beside_an_archive(archive, tmp_path):
    path = xos.to_zarr(archive, tmp_path / "a.zarr")
    with xos.explore(path) as explorer:
        Client(explorer).json("label", body='{"rows": [0], "label": "sea_ice"}')
        assert explorer.selection.sizes["vignette"] == 0
    assert xos.open_labels(path).latest() == {f"v0-{HOSTILE}": "sea_ice"}


def test_without_a_place_for_labels_none_is_lost_silently(archive):
    with xos.explore(archive) as explorer:
        client = Client(explorer)
        assert client.json("about")["labels"] is False
        answer = client.ask("label", body='{"rows": [0], "label": "sea_ice"}')
        assert answer.status == 422
        assert "labels=" in json.loads(answer.content)["error"]
        with pytest.raises(LabelError):
            explorer.label([0], "x")


def test_a_killed_server_loses_no_label(archive, tmp_path):
    path = xos.to_zarr(archive, tmp_path / "a.zarr")
    command = [
        sys.executable,
        "-m",
        "xoceansar.cli",
        "explore",
        str(path),
        "--no-browser",
    ]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT, text=True)
    url = child.stdout.readline().strip()
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/[\w-]{20,}/", url)
    client = Client(type("At", (), {"url": url}))
    for row in range(5):
        client.json("label", body=json.dumps({"rows": [row], "label": "sea_ice"}))
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    child.stdout.close()
    latest = xos.open_labels(path).latest()
    assert latest == {f"v{row}-{HOSTILE}": "sea_ice" for row in range(5)}
    with xos.explore(path) as explorer:
        assert len(Client(explorer).json("labels")["labels"]) == 5


# who may ask, and what is answered


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "192.168.1.1", ""])
def test_other_hosts_are_refused(client, host):
    answer = client.ask("about", headers={"Host": host})
    assert answer.status == 403


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "127.0.0.1", "[::1]:9"])
def test_names_of_this_machine_are_not(client, host):
    assert client.ask("about", headers={"Host": host}).status == 200


def test_it_listens_on_this_machine_alone_unless_asked(explorer, archive):
    assert explorer._server._server.server_address[0] == "127.0.0.1"
    with xos.explore(archive, host="0.0.0.0") as asked:
        client = Client(asked)
        assert client.ask("about", headers={"Host": "ship.example"}).status == 200


@pytest.mark.parametrize("base", ["/", "/wrong/", "/wrong/about", "/../", "//x/"])
def test_who_does_not_know_the_secret_gets_nothing(client, base):
    answer = client.ask("", base=base)
    assert answer.status == 404
    assert HOSTILE not in answer.content.decode()
    assert client.ask("label", base="/x/", body="{}").status == 404


@pytest.mark.parametrize(
    "path",
    [
        "vignette/-1", "vignette/40", "vignette/x", "vignette/", "vignette/1/2", "nothing",
        "column/99", "column/-1", "picture/huge/1", "picture/small/40", "export/exe",
        "../../etc/passwd", "%2e%2e/x", "page/x", "vignette/" + "9" * 4000,
    ],
)  # fmt: skip
def test_what_is_not_there_is_not_found(client, path):
    assert client.ask(path).status == 404


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("label", "{", 400), ("label", "[]", 400), ("label", '{"rows": [0.5], "label": "x"}', 400),
        ("label", '{"rows": [99], "label": "x"}', 404), ("label", '{"rows": [0], "label": 3}', 400),
        ("label", '{"rows": [0], "label": "two words"}', 422), ("selection", "abc", 400),
        ("selection", "\xff\xff\xff\xff", 422), ("about", "x", 404), ("label", "[" * 100000, 400),
    ],
)  # fmt: skip
def test_nonsense_is_refused_and_changes_nothing(client, explorer, path, body, status):
    assert client.ask(path, body=body.encode("latin-1")).status == status
    assert len(explorer.labels) == 0
    assert explorer.selection.sizes["vignette"] == 0
    assert client.ask("about").status == 200


def test_a_body_without_end_is_not_read(client):
    connection = http.client.HTTPConnection(client.host, client.port, timeout=20)
    connection.putrequest("POST", client.base + "label")
    connection.putheader("Content-Length", str(10**12))
    connection.endheaders()
    assert connection.getresponse().status == 413
    connection.close()


def test_the_page_is_one_file_that_asks_for_nothing_elsewhere(client):
    answer = client.ask("")
    page = answer.content.decode()
    policy = answer.headers["Content-Security-Policy"]
    nonce = re.search(r"script-src 'nonce-([\w-]+)'", policy)[1]
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    assert page.count(f'nonce="{nonce}"') == 2
    assert "NONCE" not in page
    # an empty icon, so that none is asked for
    page = page.replace('<link rel="icon" href="data:,">', "")
    assert not re.search(r"https?:|//[a-z]|@import|<link|src=\"", page)
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacent|document\.write|eval\(", page
    )
    assert not re.search(r"\son\w+=\"|style=\"", page), (
        "no handler or style in the markup"
    )
    assert client.ask("").headers["Content-Security-Policy"] != policy
    for path in ("about", "place", "picture/small/1"):
        headers = client.ask(path).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Content-Type"] != "text/html"


def test_a_notebook_shows_the_page(explorer):
    html = explorer._repr_html_()
    assert f'src="{explorer.url}"' in html
    assert "40 vignettes" in repr(explorer)
    explorer.close()
    explorer.title = HOSTILE
    assert "<script" not in explorer._repr_html_()
    assert "closed" in repr(explorer)
    explorer.close()


def test_land_is_drawn_where_it_is(client):
    pytest.importorskip("roaring_landmask")
    query = "land?west=0&east=20&south=40&north=60&width=4&height=2"
    seen = matplotlib.image.imread(io.BytesIO(client.ask(query).content))
    assert seen.shape == (2, 4, 4)
    assert seen[1, 1, 3] == 1, "48 N, 7 E is in Germany"
    sea = "land?west=-40&east=-30&south=40&north=50&width=4&height=2"
    assert not matplotlib.image.imread(io.BytesIO(client.ask(sea).content))[
        ..., 3
    ].any()
    assert client.ask("land?west=x").status == 400
    assert client.ask(query.replace("east=20", "east=nan")).status == 200


# what is explored


def test_an_array_of_results_is_enough(archive):
    with xos.explore(archive.swh) as explorer:
        about = Client(explorer).json("about")
        assert "swh" in [c["name"] for c in about["columns"]]
        assert (about["pictures"], about["embeddings"]) == (False, False)
        assert Client(explorer).ask("neighbours/1").status == 422
        assert Client(explorer).ask("picture/small/1").status == 422


def test_lazy_results_are_computed_once_and_images_not_at_all(archive):
    def fail(values):
        raise AssertionError("no image is read")

    lazy = archive.chunk(vignette=7)
    empty = np.empty((0, 0, 0), "f4")
    lazy["sigma0"] = lazy.sigma0.copy(
        data=lazy.sigma0.data.map_blocks(fail, meta=empty)
    )
    with xos.explore(lazy) as explorer:
        np.testing.assert_array_equal(
            explorer.table.find("swh").values, archive.swh.values.astype("f4")
        )
        assert explorer.selection.sigma0.chunks is not None


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        (lambda ds: ds.drop_vars("longitude"), MissingVariableError, "longitude"),
        (lambda ds: ds.isel(vignette=slice(0)), OceansarError, "no vignettes"),
        (lambda ds: 3, OceansarError, "got int"),
    ],
)
def test_what_cannot_be_explored_says_so(archive, change, error, words):
    with pytest.raises(error, match=words):
        xos.explore(change(archive))


@pytest.mark.parametrize("classes", [[], ["a", "a"], [f"c{i}" for i in range(11)]])
def test_classes_are_for_ten_keys(archive, classes):
    with pytest.raises(OceansarError, match="one to ten"):
        xos.explore(archive, classes=classes)


def test_a_port_in_use_says_so(explorer, archive):
    port = int(explorer.url.split(":")[2].partition("/")[0])
    with pytest.raises(OceansarError, match="no server can listen"):
        xos.explore(archive, port=port)


def test_odd_variables_are_left_out_and_named(archive):
    odd = archive.assign(
        swell=("vignette", np.zeros(40), {"flag_values": [0], "flag_meanings": "a b"}),
        notes=("vignette", [f"note {i}" for i in range(40)]),
        complex=("vignette", np.zeros(40, complex)),
    )
    odd["beam"].values[:3] = [None, "", b"wv2"]
    table = read_table(odd)
    beam = table.find("beam")
    assert [name for name, _ in beam.categories] == ["wv1", "wv2"]
    assert np.isnan(beam.values[:2]).all()
    assert beam.values[2:5].tolist() == [1, 1, 0]
    assert list(table.left_out) == ["swell"]
    assert table.find("notes") is None
    assert table.find("complex") is None


def test_longitudes_of_either_convention_are_drawn_in_one(archive):
    turned = archive.assign_coords(longitude=archive.longitude % 360)
    np.testing.assert_allclose(
        read_table(turned).longitude, archive.longitude, rtol=1e-5
    )


# embeddings in memory


@pytest.mark.parametrize("chunk", [None, 20, 37, 1000])
def test_kept_embeddings_find_what_the_search_finds(chunk, monkeypatch):
    from xoceansar.exploring import kept_embeddings

    monkeypatch.setattr(kept_embeddings, "_BLOCK_BYTES", 100 * 4 * 16)
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(1000, 16)).astype("f4")
    vectors[10:60] = vectors[10] * rng.uniform(1, 2, 50)[:, None].astype("f4")
    vectors[100], vectors[200], vectors[300] = np.nan, 0, 1e30
    vectors[400] *= 1e-30
    data = xr.DataArray(vectors, dims=("vignette", "embedding"))
    if chunk:
        data = data.copy(data=da.from_array(vectors, chunks=(chunk, -1)))
    kept = KeptEmbeddings(data)
    for row in (0, 10, 59, 300, 400, 999):
        score, index = kept.like(row, 12)
        found = data.compute().oceansar.similar(row, n_neighbors=12)
        np.testing.assert_array_equal(index, found.index.values[0])
        np.testing.assert_array_equal(score, found.score.values[0])
    for row in (100, 200):
        assert len(kept.like(row, 12)[1]) == 0
    assert kept.share == 1
    assert np.isnan(kept.vectors(np.array([100]))).all()


def test_fewer_vignettes_than_neighbours():
    data = xr.DataArray(np.eye(3, dtype="f4"), dims=("vignette", "embedding"))
    assert len(KeptEmbeddings(data).like(0, 12)[1]) == 2
    assert len(KeptEmbeddings(data[:1]).like(0, 12)[1]) == 0


def test_an_archive_that_cannot_be_read_says_so():
    def fail(values):
        raise OSError("the disc is gone")

    lazy = da.zeros((4, 2), chunks=(2, 2), dtype="f4").map_blocks(
        fail, meta=np.empty((0, 0), "f4")
    )
    kept = KeptEmbeddings(xr.DataArray(lazy, dims=("vignette", "embedding")))
    with pytest.raises(OSError, match="the disc is gone"):
        kept.wait()


def test_the_plane_is_that_of_the_principal_components():
    rng = np.random.default_rng(1)
    vectors = rng.normal(size=(300, 5)).astype("f4") * [5, 3, 1, 0.5, 0.1]
    vectors[7] = np.nan
    data = xr.DataArray(vectors.astype("f4"), dims=("vignette", "embedding"))
    plane = plane_of(KeptEmbeddings(data))
    assert np.isnan(plane[7]).all()
    good = np.delete(np.arange(300), 7)
    unit = vectors[good] / np.linalg.norm(vectors[good], axis=1, keepdims=True)
    _, size, _ = np.linalg.svd(unit - unit.mean(axis=0), full_matrices=False)
    np.testing.assert_allclose(plane[good].std(axis=0) * 299**0.5, size[:2], rtol=1e-3)
