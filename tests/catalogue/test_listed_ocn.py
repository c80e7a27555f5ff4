"""Level-2 products straight from a search: from a collection, and from OData, which names no file."""

import hashlib

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import xoceansar as xos
from tests.catalogue import items as made
from tests.catalogue.conftest import KEYS
from tests.catalogue.file_server import bucket_files, serve_files
from tests.catalogue.stac_server import serve
from xoceansar.conventions import Quality
from xoceansar.errors import CredentialsError, OceansarWarning, UnsupportedProductError

pytest.importorskip("geopandas")
pytest.importorskip("pystac_client")
pytest.importorskip("botocore")

MONTH = {"datetime": "2021-04"}


@pytest.fixture(scope="module")
def product(products, tmp_path_factory):
    return xos.simulate.write_ocn(products[0], tmp_path_factory.mktemp("ocn"))


@pytest.fixture(scope="module")
def item(product):
    """The item of a Level-2 product, as that of images with other files."""
    name = product.name.removesuffix(".SAFE")
    files = sorted((product / "measurement").iterdir(), key=lambda f: f.stem[-3:])
    assets = {}
    for path in (*files, product / "manifest.safe"):
        data = path.read_bytes()
        key = path.stem[-3:]
        below = path.relative_to(product).as_posix()
        assets[key] = made._asset(name, below, len(data), hashlib.md5(data).hexdigest())
    start, stop = pd.Timestamp(name[17:32]), pd.Timestamp(name[33:48])
    rings = [made.ring_of(-30.0 + k, 40.0) for k in range(len(files))]
    item = made._item(
        name, start, stop, assets, rings, [-31, 39, -20, 41], "003.71", "Fast-24h", "s1a"
    )  # fmt: skip
    return {**item, "collection": "sentinel-1-ocn-wv"}


@pytest.fixture
def bucket(item, product):
    with serve_files() as (server, url):
        server.files = bucket_files(item, product)
        yield server, {**KEYS, "endpoint_url": url}


@pytest.fixture
def from_collection(item):
    with serve([item], collection="sentinel-1-ocn-wv") as (_, url):
        return xos.search(**MONTH, level="ocn", endpoint=url)


@pytest.fixture
def from_odata(item, monkeypatch):
    """Rows of OData: outlines in order, and where the manifest is."""
    from pystac_client.stac_api_io import StacApiIO

    from xoceansar.catalogue import odata

    manifest = item["assets"]["est"]["href"].removesuffix("/manifest.safe")
    listed = {
        "Name": f"{item['id']}.SAFE", "S3Path": "/" + manifest.removeprefix("s3://"),
        "ContentDate": {"Start": item["properties"]["start_datetime"]},
        "GeoFootprint": item["geometry"],
    }  # fmt: skip
    real = StacApiIO.read_json

    def read_json(self, source, *args, **kwargs):
        if source == odata.ADDRESS:
            return {"value": [listed]}
        return real(self, source, *args, **kwargs)

    monkeypatch.setattr(StacApiIO, "read_json", read_json)
    with serve([]) as (_, url), pytest.warns(OceansarWarning, match="through OData"):
        return xos.search(**MONTH, level="ocn", endpoint=url)


def same(found, expected):
    xr.testing.assert_identical(found.drop_attrs(), expected.drop_attrs())


@pytest.mark.filterwarnings("ignore::xoceansar.errors.OceansarWarning")
@pytest.mark.parametrize("way", ["from_collection", "from_odata"])
def test_only_the_chosen_files_are_read(request, way, product, bucket):
    rows = request.getfixturevalue(way)
    server, options = bucket
    whole = xos.open_ocn(product)
    assert len(rows) == whole.sizes["vignette"] > 1
    chosen = xos.open_ocn(rows.iloc[[1]], storage_options=options)
    same(chosen, whole.isel(vignette=[1]))
    asked = [path.rpartition("/")[2] for path, *_ in server.asked]
    files = [f"{whole.vignette_id.values[1]}.nc"]
    if way == "from_odata":
        files.insert(0, "manifest.safe")
    assert asked == files
    same(xos.open_ocn(rows, storage_options=options), whole)


@pytest.mark.filterwarnings("ignore::xoceansar.errors.OceansarWarning")
@pytest.mark.parametrize("way", ["from_collection", "from_odata"])
def test_downloads_are_read_without_a_network(request, way, product, bucket, tmp_path):
    rows = request.getfixturevalue(way)
    server, options = bucket
    report = xos.download(rows, tmp_path, storage_options=options)
    count = len(rows)
    assert (report.vignettes, report.fetched, report.failed) == (count, count + 1, {})
    asked = len(server.asked)
    same(xos.open_ocn(tmp_path / product.name), xos.open_ocn(product))
    if way == "from_collection":
        same(xos.open_ocn(rows, root=tmp_path), xos.open_ocn(product))
    assert len(server.asked) == asked
    again = xos.download(rows, tmp_path, storage_options=options)
    assert (again.fetched, again.present) == (0, count + 1)


@pytest.mark.parametrize("way", ["from_collection", "from_odata"])
def test_twins_of_what_was_found(request, way, product, products, bucket, monkeypatch):
    rows = request.getfixturevalue(way)
    _, options = bucket
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", options["key"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", options["secret"])
    monkeypatch.setenv("AWS_ENDPOINT_URL", options["endpoint_url"])
    twins = xos.find_twins(products[0], rows)
    expected = xos.find_twins(products[0], product)
    assert twins.ocn_id.tolist() == expected.ocn_id.tolist()
    assert (twins.start_difference == 0).all()


@pytest.mark.filterwarnings("ignore::xoceansar.errors.OceansarWarning")
def test_a_file_that_is_not_what_is_listed_costs_its_row(from_collection, bucket):
    server, options = bucket
    server.fault = lambda path, number: "wrong" if path.endswith("-002.nc") else None
    ds = xos.open_ocn(from_collection, storage_options=options)
    bad = ds.vignette_id.str.endswith("-002").values
    assert bad.sum() == 1
    assert np.array_equal((ds.quality.values & Quality.UNREADABLE.value) > 0, bad)


def test_levels_are_told_apart_and_keys_are_asked_for(from_collection, items):
    with pytest.raises(UnsupportedProductError, match="open_ocn"):
        xos.open_wave_mode(from_collection)
    with serve(items) as (_, url):
        images = xos.search(**MONTH, endpoint=url)
    with pytest.raises(UnsupportedProductError, match="open_wave_mode"):
        xos.open_ocn(images)
    with pytest.raises(CredentialsError, match="keys are needed"):
        xos.open_ocn(from_collection, on_error="raise")
