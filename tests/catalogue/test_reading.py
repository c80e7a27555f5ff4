"""Vignettes that catalogues list, read from servers on this machine."""

import copy
import hashlib
import hmac
import json
import logging
import pickle
from urllib.parse import quote

import cloudpickle
import numpy as np
import pytest
import xarray as xr

import xoceansar as xos
from tests.catalogue.conftest import KEYS
from tests.catalogue.file_server import (
    bucket_files,
    certificate,
    serve_files,
    web_files,
)
from tests.catalogue.items import made_item
from tests.processing.products import SHAPE
from xoceansar.errors import (
    CredentialsError,
    OceansarError,
    OceansarWarning,
    PathError,
    ProductError,
    UnsupportedProductError,
    VignetteError,
)

pytest.importorskip("requests")
pytest.importorskip("botocore")
geopandas = pytest.importorskip("geopandas")
pytest.importorskip("pystac_client")


def same(ds, expected):
    """Whether a Dataset has the values of another."""
    xr.testing.assert_equal(ds.load(), expected.load())
    assert ds.attrs["simulated"] == 1


# What is taken


def test_what_a_search_found_reads_as_the_products_do(found, storage, products):
    _, options = storage
    whole = xos.open_wave_mode(products, shape=SHAPE)
    same(xos.open_wave_mode(found, shape=SHAPE, storage_options=options), whole)
    part = found[found.beam == "wv2"]
    ds = xos.open_wave_mode(part, shape=SHAPE, storage_options=options, complex=True)
    expected = xos.open_wave_mode(products, shape=SHAPE, beam="wv2", complex=True)
    same(ds, expected)
    one = xos.open_wave_mode(found.iloc[3], shape=SHAPE, storage_options=options)
    same(one, whole.isel(vignette=[3]))
    picked = xos.open_wave_mode(
        found, vignettes=[1, 4], shape=SHAPE, storage_options=options
    )
    same(picked, whole.isel(vignette=[1, 4]))


def test_items_of_any_form_are_taken(items, storage, products, tmp_path):
    import pystac

    server, options = storage
    arguments = {"shape": SHAPE, "storage_options": options}
    expected = xos.open_wave_mode(products[0], shape=SHAPE).load()
    item = items[0]
    objects = pystac.Item.from_dict(copy.deepcopy(item))
    path = tmp_path / "item.json"
    path.write_text(json.dumps(item))
    server.files["/collections/wv/items/one"] = path.read_bytes()
    url = f"{options['client_kwargs']['endpoint_url']}/collections/wv/items/one"
    for given in (
        item,
        [item],
        objects,
        [objects],
        path,
        str(tmp_path / "*.json"),
        url,
    ):
        same(xos.open_wave_mode(given, **arguments), expected)
    everything = xos.open_wave_mode(products, shape=SHAPE).load()
    collection = {"type": "FeatureCollection", "features": items}
    (tmp_path / "all.json").write_text(json.dumps(collection))
    for given in (
        collection,
        items,
        pystac.ItemCollection.from_dict(copy.deepcopy(collection)),
        tmp_path / "all.json",
        [items[0], str(products[1]), objects.__class__.from_dict(items[2])],
    ):
        same(xos.open_wave_mode(given, **arguments), everything)


def test_a_list_in_a_file_is_taken(found, storage, products, tmp_path):
    found.to_parquet(tmp_path / "list.parquet")
    ds = xos.open_wave_mode(
        tmp_path / "list.parquet", shape=SHAPE, storage_options=storage[1]
    )
    same(ds, xos.open_wave_mode(products, shape=SHAPE))


@pytest.mark.parametrize(
    ("given", "kind", "said"),
    [
        ({"type": "Collection", "id": "x"}, ProductError, "'Collection'"),
        ({"type": "Feature", "id": "x"}, ProductError, "without id or assets"),
        ({"type": "FeatureCollection", "features": []}, ProductError, "no STAC item"),
        ({"type": "Feature", "id": "x", "assets": {"a": {"href": "b.tif"}}}, UnsupportedProductError, "no file of a Wave Mode"),
        ([], ProductError, "no product was given"),
        (geopandas.GeoDataFrame({"vignette_id": ["a"]}), ProductError, "lacks the columns"),
    ],
)  # fmt: skip
def test_what_is_no_list_of_vignettes_is_said(given, kind, said):
    with pytest.raises(kind, match=said):
        xos.open_wave_mode(given)


def test_an_empty_result_is_said(found, tmp_path):
    with pytest.raises(ProductError, match="there is nothing to open"):
        xos.open_wave_mode(found[found.beam == "wv3"])
    broken = tmp_path / "item.json"
    broken.write_text("{")
    with pytest.raises(ProductError, match="is no JSON of STAC items"):
        xos.open_wave_mode(broken)
    with pytest.raises(ProductError, match="does not exist"):
        xos.open_wave_mode(tmp_path / "none.parquet")


# What is read


def test_one_vignette_costs_its_own_files_and_not_a_byte_more(found, storage):
    server, options = storage
    row = found.iloc[[2]]
    ds = xos.open_wave_mode(row, shape=SHAPE, storage_options=options)
    paths = [path for path, *_ in server.asked]
    assert paths == ["/" + row.hrefs.iloc[0][0].removeprefix("s3://")]  # the annotation
    ds.load()
    asked = sorted(path for path, *_ in server.asked)
    assert asked == sorted("/" + href.removeprefix("s3://") for href in row.hrefs.iloc[0][:4])  # fmt: skip
    assert sum(sent for _, _, sent, _ in server.asked) == row["size"].iloc[0]


def test_addresses_are_those_of_paths_and_requests_are_signed(found, storage):
    server, options = storage
    xos.open_wave_mode(found.iloc[[0]], shape=SHAPE, storage_options=options)
    path, _, _, headers = server.asked[0]
    assert path.startswith("/eodata/Sentinel-1/SAR/")
    assert path == quote(path)
    # AWS Signature Version 4, from its specification
    moment, payload = headers["X-Amz-Date"], headers["X-Amz-Content-SHA256"]
    named = "host;x-amz-content-sha256;x-amz-date"
    lines = ["GET", path, "", f"host:{headers['Host']}", f"x-amz-content-sha256:{payload}", f"x-amz-date:{moment}", "", named, payload]  # fmt: skip
    scope = f"{moment[:8]}/default/s3/aws4_request"
    digest = hashlib.sha256("\n".join(lines).encode()).hexdigest()
    key = f"AWS4{KEYS['secret']}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    text = "\n".join(["AWS4-HMAC-SHA256", moment, scope, digest])
    signature = hmac.digest(key, text.encode(), "sha256").hex()
    assert headers["Authorization"].endswith(f"Signature={signature}")


def test_an_s3_server_is_read(found, items, products, monkeypatch):
    pytest.importorskip("moto.server")
    s3fs = pytest.importorskip("s3fs")
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        url = "http://{}:{}".format(*server.get_host_and_port())
        s3 = s3fs.S3FileSystem(**KEYS, endpoint_url=url, skip_instance_cache=True)
        s3.mkdir("eodata")
        for path, data in bucket_files(items[0], products[0]).items():
            s3.pipe(path[1:], data)
        # from the usual environment
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEYS["key"])
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", KEYS["secret"])
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        ds = xos.open_wave_mode(items[0], shape=SHAPE)
        same(ds, xos.open_wave_mode(products[0], shape=SHAPE))
    finally:
        server.stop()


def test_web_addresses_are_read_with_tokens_that_end(items, products, tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    certificates, context = certificate(tmp_path)
    item = copy.deepcopy(items[0])
    with serve_files(context) as (server, url):
        server.files = web_files(item, products[0], url)
        server.token_life = 0.15
        options = {
            "username": "me", "password": "hunter22", "token_url": f"{url}/token", "verify": certificates,
        }  # fmt: skip
        ds = xos.open_wave_mode(item, shape=SHAPE, storage_options=options)
        import time

        time.sleep(0.2)
        same(ds, xos.open_wave_mode(products[0], shape=SHAPE))
        assert server.grants[0] == "password"
        assert "refresh_token" in server.grants
        asked = {headers["Authorization"] for *_, headers in server.asked}
        assert len(asked) > 1
        assert "hunter22" not in caplog.text
        assert not any(token in caplog.text for token in server.tokens)
        wrong = {**options, "password": "hunter23"}
        with pytest.raises(CredentialsError, match="gives no token") as refused:
            xos.open_wave_mode(item, shape=SHAPE, storage_options=wrong)
        assert "hunter23" not in str(refused.value)


def test_a_token_that_ends_on_the_way_is_replaced(items, products):
    """However often: what is given in its stead is good."""
    item = copy.deepcopy(items[0])
    with serve_files() as (server, url):
        server.files = web_files(item, products[0], url)
        server.token_life = 60.0
        asked = []

        def end(path, number):
            asked.append(path)
            return 401 if asked.count(path) < 5 else None  # ended by the time it came

        server.fault = end
        options = {"username": "me", "password": "hunter22", "token_url": f"{url}/token"}  # fmt: skip
        ds = xos.open_wave_mode(item, shape=SHAPE, storage_options=options)
        same(ds, xos.open_wave_mode(products[0], shape=SHAPE))
        server.passwords.clear()
        server.refreshes.clear()
        server.tokens.clear()
        with pytest.raises(CredentialsError, match="gives no token"):
            xos.open_wave_mode(item, shape=SHAPE, storage_options=options)


def test_tokens_go_to_their_own_hosts_alone(items, products):
    from xoceansar.io.stac.access import grant
    from xoceansar.io.stac.credentials import bearer

    home = bearer(grant({"access_token": "abcd1234"}))
    assert home.is_for("https://zipper.dataspace.copernicus.eu/odata/v1/Products(1)")
    assert home.is_for("https://download.dataspace.copernicus.eu/odata/v1/Products(1)")
    assert not home.is_for("http://zipper.dataspace.copernicus.eu/odata/v1/Products(1)")
    assert not home.is_for("https://dataspace.copernicus.eu.evil.org/odata")
    assert not home.is_for("https://evildataspace.copernicus.eu/odata")
    item = copy.deepcopy(items[0])
    with serve_files() as (server, url), serve_files() as (other, elsewhere):
        other.files = web_files(item, products[0], url)
        server.files = dict(other.files)
        server.fault = lambda path, number: (302, elsewhere + path)
        options = {"access_token": "abcd1234", "token_url": "https://identity.example.org/token"}  # fmt: skip
        ds = xos.open_wave_mode(item, shape=SHAPE, storage_options=options)
        same(ds, xos.open_wave_mode(products[0], shape=SHAPE))
        for *_, headers in [*server.asked, *other.asked]:
            assert "Authorization" not in headers


def test_a_mirror_is_read_before_anything_else(found, storage, products, tmp_path):
    server, options = storage
    expected = xos.open_wave_mode(products[0], shape=SHAPE)
    part = found[found["product"] == products[0].name]
    # as a download has it, and as the archive is mounted; without any key
    same(xos.open_wave_mode(part, shape=SHAPE, root=products[0].parent), expected)
    mounted = tmp_path / "eodata" / part.hrefs.iloc[0][4].removeprefix("s3://eodata/")
    mounted.parent.parent.mkdir(parents=True)
    mounted.parent.symlink_to(products[0])
    ds = xos.open_wave_mode(part, shape=SHAPE, root=tmp_path / "eodata")
    same(ds, expected)
    assert not server.asked
    # what is cut short there is fetched
    short = tmp_path / "short" / products[0].name
    short.joinpath("annotation").mkdir(parents=True)
    name = part.local_paths.iloc[0][0].rpartition("/")[2]
    short.joinpath("annotation", name).write_bytes(b"<cut")
    ds = xos.open_wave_mode(part, shape=SHAPE, root=short.parent, storage_options=options)  # fmt: skip
    same(ds, expected)


def test_an_item_beside_its_files_is_read(items, products, tmp_path):
    item = copy.deepcopy(items[0])
    for asset in item["assets"].values():
        asset["href"] = "./" + asset["file:local_path"]
        del asset["alternate"]
    (tmp_path / products[0].name).symlink_to(products[0])
    (tmp_path / "item.json").write_text(json.dumps(item))
    ds = xos.open_wave_mode(tmp_path / "item.json", shape=SHAPE)
    same(ds, xos.open_wave_mode(products[0], shape=SHAPE))


# Credentials


def test_without_keys_it_is_said_where_to_get_them(found):
    with pytest.raises(CredentialsError, match="AWS_ACCESS_KEY_ID") as missing:
        xos.open_wave_mode(found, shape=SHAPE)
    assert "eodata-s3keysmanager" in str(missing.value)
    with pytest.raises(CredentialsError, match="'key' and 'secret'"):
        xos.open_wave_mode(found, shape=SHAPE, storage_options={"key": "AKIA"})
    with pytest.raises(OceansarError, match=r"know no \['sekret'\]"):
        xos.open_wave_mode(found, shape=SHAPE, storage_options={"sekret": "x"})


def test_keys_that_are_refused_are_said_and_not_shown(found, storage):
    server, options = storage
    server.fault = lambda path, number: 403
    with pytest.raises(CredentialsError, match="403 InvalidAccessKeyId") as refused:
        xos.open_wave_mode(found, shape=SHAPE, storage_options=options)
    assert KEYS["key"] not in str(refused.value)
    # new keys take a moment to be known
    server.fault = lambda path, number: 403 if server.asked[-1] is server.asked[0] else None  # fmt: skip
    server.asked.clear()
    assert xos.open_wave_mode(found.iloc[[0]], shape=SHAPE, storage_options=options).sizes["vignette"] == 1  # fmt: skip


def test_credentials_never_travel(found, storage, caplog):
    caplog.set_level(logging.DEBUG)
    server, options = storage
    options = {**options, "token": "session-token-9876"}
    ds = xos.open_wave_mode(found, shape=SHAPE, storage_options=options)
    server.fault = lambda path, number: 500 if path.endswith("003.tiff") else None
    hidden = [KEYS["key"], KEYS["secret"], "session-token-9876"]
    graph = dict(ds.sigma0.__dask_graph__())
    texts = [
        pickle.dumps(ds).decode("latin-1"),
        cloudpickle.dumps(graph).decode("latin-1"),
        repr(graph),
        str(ds.attrs),
    ]
    ds.load()
    for text in [*texts, caplog.text]:
        assert not any(secret in text for secret in hidden)
    # a pickle that comes to another process finds them in its environment, or says so
    copied = pickle.loads(pickle.dumps(ds.sigma0[:1].chunk()))
    assert np.isfinite(copied.load()).any()


def test_another_process_says_that_it_has_no_keys(found, storage, monkeypatch):
    from xoceansar.io.stac import access

    ds = xos.open_wave_mode(found, shape=SHAPE, storage_options=storage[1])
    monkeypatch.setattr(access, "_kept", {})  # as in another process
    with pytest.raises(CredentialsError, match="set the environment"):
        ds.load()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEYS["key"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", KEYS["secret"])
    ds.load()


# What goes wrong


def test_one_that_is_gone_harms_no_other(found, storage, products):
    server, options = storage
    gone = found.hrefs[1][3].removeprefix("s3:/")
    del server.files[gone]
    ds = xos.open_wave_mode(found, shape=SHAPE, storage_options=options)
    with pytest.warns(OceansarWarning, match="is not there"):
        ds = ds.load()
    expected = xos.open_wave_mode(products, shape=SHAPE).load()
    assert ds.quality.values[1] & 64
    others = [0, 2, 3, 4, 5]
    xr.testing.assert_equal(ds.isel(vignette=others), expected.isel(vignette=others))
    with pytest.raises(VignetteError, match="is not there"):
        xos.open_wave_mode(
            found, shape=SHAPE, storage_options=options, on_error="raise"
        ).load()


def test_checksums_are_those_of_the_list(found, storage):
    server, options = storage
    path = found.hrefs[0][3].removeprefix("s3:/")
    data = bytearray(server.files[path])
    data[-1] ^= 1
    server.files[path] = bytes(data)
    row = found.iloc[[0]]
    ds = xos.open_wave_mode(row, shape=SHAPE, storage_options=options)
    with pytest.warns(OceansarWarning, match="MD5 is not the one"):
        assert ds.load().quality.values[0] & 64
    ds = xos.open_wave_mode(row, shape=SHAPE, storage_options=options, verify=False)
    assert not ds.load().quality.values[0] & 64


def test_an_item_without_a_vignettes_file_costs_that_one(items, storage):
    item = copy.deepcopy(items[0])
    (key,) = [k for k in item["assets"] if k.startswith("schema-noise-wv2")]
    del item["assets"][key]
    with pytest.warns(OceansarWarning, match="noise file .* is missing"):
        ds = xos.open_wave_mode(item, shape=SHAPE, storage_options=storage[1]).load()
    assert (ds.quality.values & 64).astype(bool).tolist() == [False, True]


def test_an_item_cannot_lead_out_of_a_mirror(tmp_path):
    item = made_item()
    for asset in item["assets"].values():
        asset["file:local_path"] = "../../secret/" + asset["file:local_path"]
    with pytest.raises(PathError, match="is no folder"):
        xos.open_wave_mode(item, root=tmp_path / "mirror")
    (tmp_path / "mirror").mkdir()
    with pytest.raises(CredentialsError, match=r"^keys are needed"):
        xos.open_wave_mode(item, root=tmp_path / "mirror")
    from xoceansar.io.stac.access import grant
    from xoceansar.io.stac.listed_products import given_of, products_of

    (table,) = given_of(item)
    for file in products_of(table, grant({}))[0].store.files:
        assert not any(".." in below for below in file.below_root)
