"""Products and archives on object storage, by the S3 protocol on this machine."""

import shutil

import numpy as np
import pytest
import xarray as xr

import xoceansar as xos
from tests.processing.conftest import failure, outcome, plain
from tests.processing.products import SHAPE
from xoceansar._paths import is_url
from xoceansar.errors import ArchiveError, OceansarError, ProductError
from xoceansar.io.remote import encode_options
from xoceansar.processing.archive_writer import Archive, read_records
from xoceansar.processing.product_listing import list_units
from xoceansar.processing.writer_lock import ArchiveLock

pytest.importorskip("moto.server")
s3fs = pytest.importorskip("s3fs")


@pytest.fixture(scope="module")
def access():
    """Options of a file system on a server that speaks S3."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield {
        "key": "test",
        "secret": "test",
        "client_kwargs": {"endpoint_url": f"http://{host}:{port}", "region_name": "eu-west-1"},
    }  # fmt: skip
    server.stop()


@pytest.fixture(scope="module")
def bucket(access, products, tmp_path_factory):
    """Two products as folders at two depths, one as a zip archive, and something else."""
    s3 = s3fs.S3FileSystem(**access, skip_instance_cache=True)
    s3.mkdir("wave-mode")
    folder = tmp_path_factory.mktemp("zipped")
    s3.put(str(products[0]), f"wave-mode/{products[0].name}", recursive=True)
    s3.put(str(products[1]), f"wave-mode/2021/{products[1].name}", recursive=True)
    archive = shutil.make_archive(
        str(folder / products[2].stem), "zip", products[2].parent, products[2].name
    )
    s3.put(archive, f"wave-mode/2021/{products[2].stem}.zip")
    s3.pipe("wave-mode/readme.txt", b"about")
    return "s3://wave-mode"


def test_a_product_reads_as_it_does_from_the_disk(bucket, access, products):
    ds = xos.open_wave_mode(
        f"{bucket}/{products[0].name}", shape=SHAPE, storage_options=access
    )
    xr.testing.assert_equal(
        ds.load(), xos.open_wave_mode(products[0], shape=SHAPE).load()
    )
    assert ds.attrs["simulated"] == 1


@pytest.mark.slow
@pytest.mark.parametrize("layout", ["2", "3"])
def test_the_eopf_format_reads_from_there(access, products, tmp_path, layout):
    path = xos.simulate.write_eopf(products[0], tmp_path, layout=layout)
    s3 = s3fs.S3FileSystem(**access, skip_instance_cache=True)
    s3.mkdir(f"eopf-{layout}")
    s3.put(str(path), f"eopf-{layout}/{path.name}", recursive=True)
    url = f"s3://eopf-{layout}/{path.name}"
    ds = xos.open_wave_mode(url, shape=SHAPE, storage_options=access).load()
    xr.testing.assert_equal(ds, xos.open_wave_mode(path, shape=SHAPE).load())
    (unit,), _ = list_units(f"s3://eopf-{layout}", encode_options(access))
    assert unit.path == url
    assert unit.digest


def test_a_zip_archive_reads_in_place(bucket, access, products):
    url = f"{bucket}/2021/{products[2].stem}.zip"
    ds = xos.open_wave_mode(url, shape=SHAPE, storage_options=access).load()
    xr.testing.assert_equal(ds, xos.open_wave_mode(products[2], shape=SHAPE).load())


def test_a_manifest_and_a_pattern_name_products_too(bucket, access, products):
    manifest = f"{bucket}/{products[0].name}/manifest.safe"
    ds = xos.open_wave_mode(manifest, shape=SHAPE, storage_options=access)
    assert set(ds["product"].values) == {products[0].name}
    found, _ = list_units(f"{bucket}/2021/S1A_*", encode_options(access))
    assert [unit.name for unit in found] == [p.stem for p in products[1:]]


def test_a_bucket_is_searched_at_any_depth(bucket, access, products):
    found, _ = list_units(bucket, encode_options(access))
    assert [unit.name for unit in found] == [p.stem for p in products]
    assert all(is_url(unit.path) for unit in found)


def test_what_is_missing_is_said(bucket, access, products):
    with pytest.raises(ProductError, match=r"s3://wave-mode/x.SAFE has no manifest"):
        xos.open_wave_mode(f"{bucket}/x.SAFE", storage_options=access)
    with pytest.raises(ProductError, match="no Wave Mode SLC product"):
        list_units(f"{bucket}/readme", encode_options(access))
    with pytest.raises(OceansarError, match="storage_options"):
        xos.open_wave_mode(f"{bucket}/x.SAFE", storage_options={"session": object()})


def test_an_archive_on_object_storage_grows_and_is_plain(bucket, access, settings):
    url = f"{bucket}/archive.zarr"
    archive = Archive(url, encode_options(access), settings)
    archive.begin()
    archive.commit([outcome(0, 3), failure(1)])
    again = Archive(url, encode_options(access), settings)
    again.begin()
    again.commit([outcome(2, 2)])
    made = plain(url, storage_options=access)
    np.testing.assert_array_equal(made.swh[3:], outcome(2, 2).rows.swh)
    assert len(read_records(url, encode_options(access))) == 3


def test_one_writer_at_a_time_on_object_storage(bucket, access):
    options = encode_options(access)
    with ArchiveLock(f"{bucket}/b.zarr", options) as lock:
        lock.check()
        with pytest.raises(ArchiveError, match="is being written by process"):
            ArchiveLock(f"{bucket}/b.zarr", options).__enter__()
    with ArchiveLock(f"{bucket}/b.zarr", options):
        pass


def test_from_bucket_to_bucket(bucket, access, products, tmp_path):
    settings = {"outputs": ["quality"], "shape": SHAPE, "scheduler": "synchronous"}
    url = f"{bucket}/made.zarr"
    report = xos.process(
        bucket, url, **settings, storage_options=access, target_options=access
    )
    assert (report.processed, report.vignettes, report.failed) == (3, 6, ())
    xos.process(products, tmp_path / "local.zarr", **settings)
    xr.testing.assert_equal(
        plain(url, storage_options=access), plain(tmp_path / "local.zarr")
    )
    assert "secret" not in str(plain(url, storage_options=access).attrs)


# Icechunk


@pytest.fixture
def repository(access):
    """Open an Icechunk repository of the bucket as somebody does who has no xoceansar."""
    icechunk = pytest.importorskip("icechunk")
    endpoint = access["client_kwargs"]["endpoint_url"]

    def opened(prefix, group=None):
        storage = icechunk.s3_storage(
            bucket="wave-mode", prefix=prefix, region="eu-west-1", endpoint_url=endpoint,
            access_key_id="test", secret_access_key="test", allow_http=True,
            force_path_style=True,
        )  # fmt: skip
        session = icechunk.Repository.open(storage).readonly_session("main")
        return xr.open_zarr(session.store, group=group, consolidated=False).load()

    return opened


def test_two_writers_of_one_icechunk_archive_on_object_storage(
    bucket, access, settings, repository
):
    url, options = f"{bucket}/several/a", encode_options(access)
    first, second = (Archive(url, options, settings, "icechunk") for _ in range(2))
    first.begin()
    second.begin()
    first.commit([outcome(0, 3), failure(1)])
    second.commit([outcome(0, 3), outcome(2, 2)])
    first.commit([outcome(3, 1)])
    made = repository("several/a")
    expected = [outcome(n, size).rows.swh for n, size in ((0, 3), (2, 2), (3, 1))]
    np.testing.assert_array_equal(made.swh, np.concatenate(expected))
    assert repository("several/a", "units").first_row.values.tolist() == [0, 3, 3, 5]
    again = Archive(url, options, settings)
    assert (again.rows, len(read_records(url, options))) == (6, 4)
    with pytest.raises(ArchiveError, match="say icechunk"):
        Archive(url, options, settings, "zarr")
    plain_one = f"{bucket}/several/plain.zarr"
    Archive(plain_one, options, settings, "zarr").begin()
    with pytest.raises(ArchiveError, match="say zarr"):
        Archive(plain_one, options, settings, "icechunk")


def test_an_icechunk_archive_from_bucket_to_bucket(
    bucket, access, products, tmp_path, repository
):
    settings = {"outputs": ["quality"], "shape": SHAPE, "scheduler": "synchronous"}
    url = f"{bucket}/made.icechunk"
    arguments = {**settings, "storage_options": access, "target_options": access}
    report = xos.process(bucket, url, store="icechunk", **arguments)
    assert (report.processed, report.vignettes, report.failed) == (3, 6, ())
    assert xos.process(bucket, url, **arguments).processed == 0
    xos.process(products, tmp_path / "local.zarr", **settings)
    expected = plain(tmp_path / "local.zarr")
    xr.testing.assert_equal(repository("made.icechunk"), expected)
    opened = xos.open_archive(url, storage_options=access)
    xr.testing.assert_equal(opened.load(), expected)
    assert "secret" not in str(opened.attrs)


def test_a_zarr_archive_on_object_storage_is_opened_by_its_url(
    bucket, access, settings
):
    url = f"{bucket}/opened.zarr"
    archive = Archive(url, encode_options(access), settings)
    archive.begin()
    archive.commit([outcome(0, 3)])
    opened = xos.open_archive(url, storage_options=access)
    np.testing.assert_array_equal(opened.swh, outcome(0, 3).rows.swh)
    with pytest.raises(ProductError, match="cannot be opened"):
        xos.open_archive(f"{bucket}/nothing", storage_options=access)


def test_options_are_those_of_s3fs_or_the_environments(monkeypatch):
    from xoceansar.io.archive.repository import _s3_arguments

    monkeypatch.delenv("AWS_ENDPOINT_URL_S3", raising=False)
    monkeypatch.delenv("AWS_REGION", raising=False)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9000")
    assert _s3_arguments({}) == {
        "endpoint_url": "http://127.0.0.1:9000",
        "region": "us-east-1",
        "allow_http": True,
        "force_path_style": True,
        "from_env": True,
    }
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    assert _s3_arguments({"anon": True}) == {"anonymous": True}
    assert _s3_arguments(
        {"key": "k", "secret": "s", "client_kwargs": {"region_name": "eu-west-1"}}
    ) == {"access_key_id": "k", "secret_access_key": "s", "region": "eu-west-1"}
    with pytest.raises(ArchiveError, match=r"no storage option \['use_ssl'\]"):
        _s3_arguments({"use_ssl": False})


def test_a_store_of_results_goes_to_object_storage(bucket, access):
    url = f"{bucket}/results/a.zarr"
    results = outcome(0, 3).rows
    for overwrite in (False, True):
        xos.to_zarr(results, url, overwrite=overwrite, storage_options=access)
        made = xos.open_archive(url, storage_options=access)
        np.testing.assert_array_equal(made.swh, results.swh)
    plain(url, storage_options=access)
    s3 = s3fs.S3FileSystem(**access)
    assert [one.rpartition("/")[2] for one in s3.ls("wave-mode/results")] == ["a.zarr"]


def test_products_of_one_place_are_all_opened(bucket, access, products, tmp_path):
    s3 = s3fs.S3FileSystem(**access)
    for product in products[:2]:
        s3.put(str(product), f"wave-mode/both/{product.name}", recursive=True)
        shutil.copytree(product, tmp_path / "in" / product.name)
    s3.put(
        shutil.make_archive(str(tmp_path / "both"), "zip", tmp_path / "in"),
        "wave-mode/both.zip",
    )
    expected = xos.open_wave_mode(products[:2], shape=SHAPE).load()
    for url in (f"{bucket}/both", f"{bucket}/both.zip"):
        ds = xos.open_wave_mode(url, shape=SHAPE, storage_options=access)
        xr.testing.assert_equal(ds.load(), expected)


def test_a_bucket_that_is_not_there_is_said(access):
    with pytest.raises(ProductError, match="s3://no-such-bucket"):
        xos.open_wave_mode("s3://no-such-bucket/a.SAFE", storage_options=access)
