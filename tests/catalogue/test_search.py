"""Searches of a STAC API on this machine, whole and failing."""

import io
import json
import re
from datetime import date

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import xoceansar as xos
from tests.catalogue.items import made_item, real_items
from tests.catalogue.stac_server import serve
from xoceansar.catalogue import patience, stac_api
from xoceansar.errors import CatalogueError, MissingDependencyError, OceansarWarning

pytest.importorskip("pystac_client")
geopandas = pytest.importorskip("geopandas")
shapely = pytest.importorskip("shapely")

#: Everything that made-up items are searched by.
MONTH = {"datetime": "2022-11"}


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch):
    monkeypatch.setattr(patience, "PAUSE", 0.0)


def made_items(count, **kwargs):
    """Items of one vignette each, an hour apart, each a degree east of the last."""
    starts = pd.date_range("2022-11-02", periods=count, freq="h")
    return [
        made_item(f"{start:%Y-%m-%dT%H:%M:%S}", [(k - 90.0, 40.0)], orbit=f"{k + 1:06d}", **kwargs)
        for k, start in enumerate(starts)
    ]  # fmt: skip


# Rows


def test_rows_of_real_items_are_those_of_their_files():
    items = real_items()
    with serve(items) as (_, url):
        found = xos.search(datetime=(None, "2023"), endpoint=url)
    assert len(found) == 32 + 116
    expected = {}
    for item in items:
        outlines = [polygon[0] for polygon in item["geometry"]["coordinates"]]
        for asset in item["assets"].values():
            name = re.search(r"/(s1.-wv\d-slc-.*-(\d{3}))\.tiff$", asset["href"])
            if name is None:
                continue
            parts = [
                other
                for other in item["assets"].values()
                if name[1] in other["href"] and "rfi" not in other["href"]
            ]
            assert len(parts) == 4
            expected[name[1]] = (
                item["id"] + ".SAFE", int(name[2]), outlines[int(name[2]) - 1], asset,
                sum(part["file:size"] for part in parts), item["properties"],
            )  # fmt: skip
    assert set(found.vignette_id) == set(expected)
    for row in found.itertuples():
        product, number, ring, asset, size, properties = expected[row.vignette_id]
        assert (row.product, row.number, row.size) == (product, number, size)
        fields = row.vignette_id.split("-")
        assert (row.platform.lower(), row.beam, row.polarisation.lower()) == (*fields[:2], fields[3])  # fmt: skip
        assert f"{row.time:%Y%m%dt%H%M%S}" == fields[4]
        assert (row.orbit, row.datatake) == (int(fields[6]), fields[7])
        assert row.ipf_version == properties["processing:software"]["Sentinel-1 IPF"]
        assert row.hrefs[3] == asset["href"]
        assert row.https_hrefs[3] == asset["alternate"]["https"]["href"]
        assert row.checksums[3] == asset["file:checksum"][6:]
        assert row.hrefs[4].endswith(f"{product}/manifest.safe")
        crossing = np.ptp([x for x, _ in ring]) > 180
        assert row.geometry.geom_type == ("MultiPolygon" if crossing else "Polygon")
        if not crossing:
            np.testing.assert_array_equal(row.geometry.exterior.coords, ring)
            assert shapely.Point(row.longitude, row.latitude).distance(row.geometry.centroid) < 1e-3  # fmt: skip
        assert 0.03 < row.geometry.area * np.cos(np.radians(row.latitude)) < 0.04
    assert found.time.is_monotonic_increasing
    assert found.crs.to_epsg() == 4326


def test_the_vignette_over_180_degrees_is_found_from_either_side_and_nowhere_else():
    with serve(real_items()[1:]) as (_, url):
        for bbox in (
            (179.9, 57, 180, 58),
            (-180, 57, -179.78, 58),
            (179.9, 57.5, -179.78, 58),
        ):
            found = xos.search(bbox=bbox, endpoint=url)
            assert found.number.tolist() == [5], bbox
            assert abs(found.longitude[0]) > 179.9
            assert found.total_bounds.tolist()[::2] == [-180, 180]
        # the box of the whole item is the globe
        with pytest.warns(OceansarWarning, match="no vignette"):
            assert xos.search(bbox=(-100, 57, 100, 58), endpoint=url).empty


def test_boxes_and_periods_judge_vignettes_and_not_products():
    places = [(-30.0, 40.0), (-29.0, 41.0), (-28.0, 42.0), (-27.0, 43.0)]
    with serve([made_item(places=places)]) as (_, url):
        found = xos.search(bbox=(-29.05, 30, -27.95, 45), endpoint=url)
        assert found.number.tolist() == [2, 3]
        # a corner that touches is enough
        assert len(xos.search(bbox=(-26.91, 43.09, 0, 50), endpoint=url)) == 1
        late = xos.search(
            datetime=("2022-11-01T03:48:31", "2022-11-01T03:48:40"), endpoint=url
        )
        assert late.number.tolist() == [3]
        assert xos.search(**MONTH, beam="WV2", endpoint=url).number.tolist() == [2, 4]


@pytest.mark.parametrize(
    ("datetime", "count"),
    [
        ("2022-11-01", 100),
        ("2022-11-01/2022-11-01", 100),
        ("../2022-11-01", 100),
        (("2022-11-01T04:00", "2022-11-01T04:30"), 51),
        (slice("2022-11-01T03:50+00:00", None), 91),
        (date(2022, 11, 1), 100),
        ("2022-11-01T06:50:00+03:00/..", 91),
        ((np.datetime64("2022-11-01T03"), None), 100),
    ],
)
def test_periods_are_understood_in_many_forms(datetime, count):
    """Products that begin before the period have vignettes in it."""
    places = [(k * 0.5, 0.0) for k in range(100)]  # 24 minutes
    with serve([made_item("2022-11-01T03:48:02", places)]) as (_, url):
        found = xos.search(datetime=datetime, endpoint=url)
    assert found.time.max() == pd.Timestamp("2022-11-01T04:12:13")
    assert len(found) == count


def test_a_list_goes_through_a_file(tmp_path):
    with serve(made_items(3)) as (_, url):
        found = xos.search(**MONTH, endpoint=url)
        command = [
            "search", "--datetime", "2022-11", "--bbox", "-91", "30", "-80", "50", "--endpoint", url,
            "--to", str(tmp_path / "list.parquet"),
        ]  # fmt: skip
        from xoceansar.cli import app

        done = CliRunner().invoke(app, command)
        assert done.exit_code == 0, done.output
        assert "3 vignettes of 3 products" in done.output
        again = CliRunner().invoke(app, command)
        assert (again.exit_code, "exists" in again.stderr) == (2, True)
        wrong = CliRunner().invoke(app, [*command[:-1], "list.csv"])
        assert (wrong.exit_code, ".parquet" in wrong.stderr) == (2, True)
    read = geopandas.read_parquet(tmp_path / "list.parquet")
    assert read.vignette_id.tolist() == found.vignette_id.tolist()
    assert [tuple(row) for row in read.hrefs] == found.hrefs.tolist()
    assert read.geometry.geom_equals(found.geometry).all()


# Several processings


def test_of_several_processings_one_is_taken_and_the_rest_reported():
    places = [(-30.0, 40.0), (-29.0, 41.0)]
    early = made_item(places=places, crc="AAAA", ipf="003.31", timeliness="NRT-3h")
    better = made_item(places=places, crc="BBBB", ipf="003.52")
    alone = made_item("2022-11-03T00:00:00", [(0.0, 0.0)], orbit="000007")
    with (
        serve([early, better, alone]) as (_, url),
        pytest.warns(OceansarWarning, match="2 vignettes of 1 products"),
    ):
        found = xos.search(**MONTH, endpoint=url)
    assert found["product"].tolist() == [better["id"] + ".SAFE"] * 2 + [alone["id"] + ".SAFE"]  # fmt: skip
    assert found.attrs["dropped"] == {early["id"] + ".SAFE": 2}


# A catalogue that fails


@pytest.mark.parametrize(
    ("faults", "said"),
    [
        ([429, 429], "is busy"),
        ([503], "has a fault"),
        (["drop"], "does not answer"),
        (["cut"], "cut short"),
        (["html"], "cut short"),
        ([301], None),
        ([429, 301, 500, "cut", "drop"], "is busy"),
    ],
)
@pytest.mark.filterwarnings("ignore::xoceansar.errors.OceansarWarning")
def test_faults_are_survived(faults, said, recwarn):
    with serve(made_items(5)) as (stac, url):
        stac.page = 2
        stac.faults.extend(faults)
        found = xos.search(**MONTH, endpoint=url)
    assert len(found) == 5
    # what has moved is asked the same question, by the same method
    assert all(query["collections"] for _, query in stac.asked)
    assert not stac.faults


def test_pauses_are_said():
    with serve(made_items(1)) as (stac, url):
        stac.faults.extend([429])
        with pytest.warns(OceansarWarning, match=r"is busy \(429\): it is asked again in 0 s, for the first of 5"):  # fmt: skip
            xos.search(**MONTH, endpoint=url)


def test_a_slow_page_is_asked_for_again(monkeypatch):
    monkeypatch.setattr(patience, "TIMEOUT", (1.0, 0.3))
    with serve(made_items(3)) as (stac, url):
        stac.faults.append("slow")
        with pytest.warns(OceansarWarning, match="does not answer"):
            assert len(xos.search(**MONTH, endpoint=url)) == 3


@pytest.mark.parametrize("kind", ["missing", "circle", "404", "html", "empty"])
@pytest.mark.filterwarnings("ignore::xoceansar.errors.OceansarWarning")
def test_broken_links_lose_nothing(kind, monkeypatch):
    monkeypatch.setattr(stac_api, "PAGE", 2)
    with serve(made_items(9)) as (stac, url):
        stac.next_link = kind
        found = xos.search(**MONTH, endpoint=url)
    assert found.number.size == 9
    assert found.vignette_id.is_unique


@pytest.mark.filterwarnings("ignore::xoceansar.errors.OceansarWarning")
def test_what_cannot_be_got_whole_is_an_error(monkeypatch):
    monkeypatch.setattr(stac_api, "PAGE", 1)
    together = [
        made_item("2022-11-02T00:00:00", [(k, 40.0)], orbit=f"{k + 1:06d}")
        for k in range(3)
    ]
    with serve(together) as (stac, url):
        stac.next_link = "404"
        with pytest.raises(CatalogueError, match="does not give all that it has"):
            xos.search(**MONTH, endpoint=url)


def test_a_catalogue_that_does_not_answer_is_said():
    with serve([]) as (_, url):
        pass
    with (
        pytest.warns(OceansarWarning, match="last of 5"),
        pytest.raises(CatalogueError, match="cannot be searched"),
    ):
        xos.search(**MONTH, endpoint=url)
    with serve([]) as (stac, url):
        stac.faults.extend([503] * 6)
        with (
            pytest.warns(OceansarWarning, match="has a fault"),
            pytest.raises(CatalogueError, match="503"),
        ):
            xos.search(**MONTH, endpoint=url)


def test_a_catalogue_that_does_not_say_what_it_can_do_is_searched_all_the_same():
    with serve(made_items(2)) as (stac, url):
        stac.conforms = False
        assert len(xos.search(**MONTH, endpoint=url)) == 2


# What makes no sense


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({}, "a box, a period or both"),
        ({"bbox": (-20, 40, -10, 30)}, r"Type bbox=\(-20, 30, -10, 40\)"),
        ({"bbox": (190, 30, 200, 40)}, r"Type bbox=\(-170, 30, -160, 40\)"),
        ({"bbox": (0, -90, 360, 90)}, r"Type bbox=\(-180, -90, 180, 90\)"),
        ({"bbox": (30, -120, 40, -110)}, "latitude"),
        ({"bbox": (-20, 30, -10)}, "got"),
        ({"bbox": (np.nan, 30, -10, 40)}, "nan"),
        ({"bbox": "europe"}, "europe"),
        ({"datetime": ("2022-12", "2022-11")}, "ends before it begins"),
        ({"datetime": "2022-12-01/2022-11-01"}, "ends before it begins"),
        ({"datetime": "November"}, "a time as"),
        ({"datetime": "2013"}, "first Sentinel-1"),
        ({"datetime": "2022-11", "beam": "wv3"}, "wv3"),
        ({"datetime": "2022-11", "level": "raw"}, "raw"),
    ],
)
def test_what_makes_no_sense_is_one_error_before_anything_is_asked(asked, said):
    with pytest.raises(CatalogueError, match=said):
        xos.search(**asked, endpoint="http://127.0.0.1:9")


def test_a_wrong_collection_and_an_empty_result_are_said():
    with serve(made_items(1)) as (_, url):
        with pytest.raises(CatalogueError, match="no collection 'wave-mode'"):
            xos.search(**MONTH, endpoint=url, collection="wave-mode")
        with pytest.warns(OceansarWarning, match="no vignette of Wave Mode"):
            empty = xos.search(datetime="2021-11", endpoint=url)
    assert empty.empty
    assert {"vignette_id", "time", "geometry", "hrefs"} <= set(empty.columns)


def test_a_missing_package_is_said(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "pystac_client", None)
    with pytest.raises(MissingDependencyError, match=r"pip install '\.\[catalogue\]'"):
        xos.search(**MONTH)


# Level 2 through OData


def test_level_2_is_listed_through_odata(monkeypatch):
    from xoceansar.catalogue import odata

    name = "S1A_WV_OCN__2SSV_20221102T201811_20221102T203308_045717_0577AB_2A23.SAFE"
    rings = [made_item(places=[(k, 40.0)])["geometry"]["coordinates"][0] for k in range(3)]  # fmt: skip
    product = {
        "Name": name, "S3Path": f"/eodata/Sentinel-1/SAR/OCN/2022/11/02/{name}",
        "ContentDate": {"Start": "2022-11-02T20:18:11.000000Z"},
        "GeoFootprint": {"type": "MultiPolygon", "coordinates": rings},
    }  # fmt: skip
    others = [{**product, "Name": name.replace(".SAFE", "_COG.SAFE")}]
    questions = []

    def read_json(self, source, *args, **kwargs):
        if source != odata.ADDRESS:
            return original(self, source, *args, **kwargs)
        questions.append(kwargs["parameters"]["$filter"])
        return {"value": [product, *others]}

    from pystac_client.stac_api_io import StacApiIO

    original = StacApiIO.read_json
    monkeypatch.setattr(StacApiIO, "read_json", read_json)
    with (
        serve([]) as (_, url),
        pytest.warns(OceansarWarning, match="through OData"),
    ):
        found = xos.search(bbox=(0.9, 39, 20, 41), **MONTH, level="ocn", endpoint=url)
    assert found.number.tolist() == [2, 3]
    assert found.time.tolist() == [
        pd.Timestamp("2022-11-02T20:18:25"),
        pd.Timestamp("2022-11-02T20:18:40"),
    ]
    assert set(found["product"]) == {name}
    np.testing.assert_allclose(found.longitude, [1, 2], atol=1e-9)
    np.testing.assert_allclose(found.latitude, 40, atol=1e-4)
    assert found.hrefs[0][4].startswith("s3://eodata/Sentinel-1/SAR/OCN/2022/11/02/")
    assert "_WV_OCN_" in questions[0]
    assert "POLYGON((0.9 39.0,20.0 39.0," in questions[0]


def test_the_table_prints_what_was_found():
    with serve(made_items(30)) as (_, url):
        from xoceansar.cli import app

        done = CliRunner().invoke(app, ["search", "--datetime", "2022-11", "--endpoint", url])  # fmt: skip
    assert "... and 10 more" in done.output
    assert io.StringIO(done.output).readline().split()[0] == "vignette"


def test_level_2_is_listed_from_its_collection_where_there_is_one():
    item = made_item(places=[(-30.0, 40.0), (-29.0, 41.0)])
    text = json.dumps(item).replace("-slc-", "-ocn-").replace(".tiff", ".nc")
    item = json.loads(text.replace("WV_SLC__1S", "WV_OCN__2S"))
    assert item["collection"] == "sentinel-1-ocn-wv"
    item["assets"] = {k: v for k, v in item["assets"].items() if "schema" not in k}
    with serve([item], collection="sentinel-1-ocn-wv") as (_, url):
        found = xos.search(**MONTH, level="ocn", endpoint=url)
    assert found.vignette_id.str.contains("-ocn-vv-").tolist() == [True, True]
    assert found.number.tolist() == [1, 2]
    assert found.hrefs[1][3].endswith("-002.nc")
