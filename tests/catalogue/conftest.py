"""Products on a server of buckets on this machine, and what a search finds of them."""

import os

import pytest

from tests.catalogue.file_server import bucket_files, serve_files
from tests.catalogue.items import item_of
from tests.catalogue.stac_server import serve
from tests.processing.products import products  # noqa: F401  a fixture

KEYS = {"key": "AKIAIOSFODNN7EXAMPLE", "secret": "wJalrXUtnFEMI/K7MDENG"}


@pytest.fixture(autouse=True)
def _alone(monkeypatch, tmp_path_factory):
    """Leave the account of whoever runs this alone, and wait for nothing."""
    for name in os.environ:
        if name.startswith(("AWS_", "CDSE_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    from xoceansar.io.stac import connections, transfer

    folder = tmp_path_factory.mktemp("connections")
    monkeypatch.setattr(connections, "FOLDER", folder)
    monkeypatch.setattr(transfer, "PAUSE", 0.0)


@pytest.fixture(scope="module")
def items(products):  # noqa: F811
    return [item_of(product) for product in products]


@pytest.fixture
def storage(items, products):  # noqa: F811
    """A server of the bucket with all files of the items, and the options that read it."""
    with serve_files() as (server, url):
        for item, product in zip(items, products, strict=True):
            server.files |= bucket_files(item, product)
        yield server, {**KEYS, "client_kwargs": {"endpoint_url": url}}


@pytest.fixture
def found(items):
    pytest.importorskip("geopandas")
    pytest.importorskip("pystac_client")
    import xoceansar as xos

    with serve(items) as (_, url):
        return xos.search(datetime="2021-04", endpoint=url)
