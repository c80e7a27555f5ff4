"""From products to an archive: the numbers, what is not done twice, and what fails."""

import errno
import os
import shutil
import subprocess
import sys
import warnings

import numpy as np
import pytest
import xarray as xr

import xoceansar as xos
from tests.conftest import tolerance
from tests.processing.conftest import plain
from tests.processing.products import SHAPE, write
from xoceansar import ops
from xoceansar.conventions.texts import text_values
from xoceansar.errors import (
    ArchiveError,
    BundleError,
    OceansarWarning,
    ProductError,
    WeightsMismatchError,
)
from xoceansar.processing import cluster, product_block, run
from xoceansar.processing.archive_writer import read_records

PLAIN = {"outputs": ["quality"], "shape": SHAPE, "scheduler": "synchronous"}


@pytest.fixture(autouse=True)
def expected_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", OceansarWarning)
        yield


@pytest.fixture
def path(tmp_path):
    return tmp_path / "archive.zarr"


@pytest.fixture
def untouched(monkeypatch):
    """Make reading of any product an error."""

    def refuse(*args, **kwargs):
        raise AssertionError("a product was read")

    def forbid():
        monkeypatch.setattr(run, "outcomes", refuse)
        monkeypatch.setattr(product_block, "open_wave_mode", refuse)

    return forbid


@pytest.fixture(scope="module")
def with_model(products, tiny_model, tmp_path_factory):
    """Everything that the tiny model gives, and the images."""
    path = tmp_path_factory.mktemp("made") / "archive.zarr"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", OceansarWarning)
        report = xos.process(
            products, path, model=tiny_model, shape=SHAPE, scheduler="synchronous",
            outputs=["embedding", "swh", "wind", "class", "sigma0"],
        )  # fmt: skip
    return report, path


def test_the_numbers_are_the_accessors_own(with_model, products, tiny_model):
    report, path = with_model
    made = plain(path)
    ds = xos.open_wave_mode(products, shape=SHAPE)
    expected = ds.oceansar.retrieve(model=tiny_model).load()
    vector = ops.embed(ds, model=tiny_model).load()
    assert report.vignettes == 6
    assert not report.failed
    assert made.vignette_id.values.tolist() == expected.vignette_id.values.tolist()
    limit = tolerance(tiny_model)
    for name in expected.data_vars:
        np.testing.assert_allclose(
            made[name].values, expected[name].values, rtol=limit, err_msg=str(name)
        )
    np.testing.assert_allclose(made.embedding_vector, vector, rtol=1e-4, atol=limit)
    np.testing.assert_allclose(made.sigma0_mean, vector.sigma0_mean, rtol=1e-6)
    np.testing.assert_array_equal(made.time, ds.time)
    np.testing.assert_array_equal(made.corner_latitude, ds.corner_latitude)


def test_images_are_kept_to_the_precision_that_is_stated(with_model, products):
    made = plain(with_model[1])
    ds = xos.open_wave_mode(products, shape=SHAPE).load()
    assert made.sigma0.dtype == np.float16
    assert made.incidence.dims == ("vignette", "sample")
    bound = np.maximum(np.abs(ds.sigma0) * 2.0**-11, 2.0**-25)
    assert float((np.abs(made.sigma0.astype("f4") - ds.sigma0) / bound).max()) <= 1
    assert made.sigma0.encoding["chunks"][1:] == SHAPE


def test_an_archive_of_images_is_input_again(with_model, products, exact_model):
    again = ops.embed(plain(with_model[1]), model=exact_model)
    ds = xos.open_wave_mode(products, shape=SHAPE)
    direct = ops.embed(ds, model=exact_model).load()
    spread = float(direct.std("vignette").mean())
    assert float(np.abs(again - direct).max()) < 0.05 * spread


def test_attributes_and_provenance(with_model, tiny_model):
    made = plain(with_model[1])
    assert made.attrs["Conventions"] == "CF-1.11"
    assert made.attrs["weights_sha256"] == tiny_model.weights_sha256
    assert made.attrs["simulated"] == 1
    assert made.attrs["history"].count("\n") == 0
    assert made.swh.attrs["standard_name"] == "sea_surface_wave_significant_height"
    assert made.ocean_class.attrs["flag_meanings"].startswith("pure_ocean_waves")
    assert set(made.sizes) == {
        "vignette",
        "embedding",
        "class",
        "corner",
        "line",
        "sample",
    }


def test_outputs_are_those_that_were_asked_for(products, tiny_model, path):
    xos.process(products[0], path, **{**PLAIN, "outputs": ["swh"], "model": tiny_model})
    assert set(plain(path).data_vars) == {
        "swh", "quality", "no_data_fraction", "below_noise_fraction",
    }  # fmt: skip
    assert plain(path).incidence.dims == ("vignette",)


def test_texture_needs_no_model_and_appends(products, path):
    settings = {**PLAIN, "outputs": ["texture"]}
    xos.process(products[:1], path, **settings)
    xos.process(products, path, **settings)
    made = plain(path).load()
    assert made.sizes["vignette"] == 6
    assert "model" not in made.attrs
    ds = xos.open_wave_mode([str(p) for p in products], shape=SHAPE)
    expected = ds.oceansar.texture().compute()
    order = [
        list(made.vignette_id.values).index(i) for i in expected.vignette_id.values
    ]
    for name in ("texture_power", "texture_gradient", "texture_valid_fraction"):
        np.testing.assert_array_equal(made[name][order], expected[name])
        assert made[name].attrs["units"] == expected[name].attrs["units"]
    np.testing.assert_array_equal(made.wavelength, expected.wavelength)
    assert text_values(made.statistic).tolist() == expected.statistic.values.tolist()


def test_what_the_complex_image_says_needs_no_model_and_appends(products, path):
    outputs = ["spectra", "cutoff", "cwave", "statistics", "swell", "doppler"]
    settings = {**PLAIN, "outputs": outputs}
    xos.process(products[:1], path, **settings)
    xos.process(products, path, **settings)
    made = plain(path).load()
    assert made.sizes["vignette"] == 6
    assert "slc" not in made
    ds = xos.open_wave_mode([str(p) for p in products], shape=SHAPE, complex=True)
    accessor = ds.oceansar
    spectra = accessor.spectra(grid="esa").compute()
    order = [list(made.vignette_id.values).index(i) for i in ds.vignette_id.values]
    for measured in (
        spectra,
        spectra.oceansar.cutoff(),
        spectra.oceansar.cwave(),
        spectra.oceansar.swell(),
        accessor.image_statistics(),
        accessor.radial_velocity(),
    ):
        for name, values in measured.compute().data_vars.items():
            np.testing.assert_array_equal(made[name][order], values, err_msg=name)
            assert made[name].attrs.get("units") == values.attrs.get("units")
    np.testing.assert_array_equal(
        made.range_wavenumber[order], spectra.range_wavenumber
    )
    # what was stored can be measured again
    again = made.oceansar.cutoff().compute()
    np.testing.assert_array_equal(again.azimuth_cutoff, made.azimuth_cutoff)


def test_a_second_run_reads_nothing(products, path, untouched):
    first = xos.process(products, path, **PLAIN)
    before = plain(path)
    files = {f: f.stat().st_mtime_ns for f in path.rglob("*") if f.is_file()}
    untouched()
    second = xos.process(products, path, **PLAIN)
    assert (first.processed, first.vignettes) == (3, 6)
    assert (second.processed, second.skipped, second.vignettes) == (0, 3, 0)
    xr.testing.assert_identical(plain(path), before)
    assert {f: f.stat().st_mtime_ns for f in path.rglob("*") if f.is_file()} == files


def test_products_are_added_and_equal_those_of_one_run(products, path, tmp_path):
    xos.process(products[:1], path, **PLAIN)
    report = xos.process(products, path, **PLAIN, commit_seconds=0)
    assert (report.processed, report.skipped) == (2, 1)
    xos.process(products, tmp_path / "once.zarr", **PLAIN)
    xr.testing.assert_equal(plain(path), plain(tmp_path / "once.zarr"))


def test_a_broken_product_is_recorded_and_tried_again_when_asked(
    products, path, tmp_path
):
    folder = tmp_path / "in"
    broken = folder / products[1].name
    for product in products:
        shutil.copytree(product, folder / product.name)
    (broken / "manifest.safe").rename(tmp_path / "manifest.safe")
    report = xos.process(folder, path, **PLAIN)
    assert [(r.product, r.failure) for r in report.failed] == [
        (broken.stem, f"{broken} has no manifest.safe: it is not a Sentinel-1 product, or "
         "not all of one. Give the folder whose name ends in .SAFE."),
    ]  # fmt: skip
    assert plain(path).sizes["vignette"] == 4
    (tmp_path / "manifest.safe").rename(broken / "manifest.safe")
    again = xos.process(folder, path, **PLAIN)
    assert (again.processed, len(again.failed)) == (0, 1)
    final = xos.process(folder, path, **PLAIN, retry_failed=True)
    assert (final.processed, final.vignettes, final.failed) == (1, 2, ())
    assert len(set(plain(path).vignette_id.values)) == 6
    assert [r.failure != "" for r in read_records(str(path))] == [
        False,
        True,
        False,
        False,
    ]


def test_one_bad_vignette_does_not_harm_its_neighbour_and_is_noted(
    products, path, tmp_path
):
    copied = tmp_path / products[0].name
    shutil.copytree(products[0], copied)
    noise = sorted((copied / "annotation" / "calibration").glob("noise-*"))[0]
    noise.unlink()
    xos.process(copied, path, **PLAIN)
    xos.process(products[0], tmp_path / "good.zarr", **PLAIN)
    made, good = plain(path), plain(tmp_path / "good.zarr")
    assert made.sizes["vignette"] == 2
    bad = [name in noise.name for name in made.vignette_id.values].index(True)
    assert made.quality.values[bad] & 64
    assert made.quality.values[1 - bad] == good.quality.values[1 - bad]
    assert noise.name in read_records(str(path))[0].notes


def test_an_unforeseen_error_is_the_products_and_not_the_runs(
    products, path, monkeypatch
):
    real = product_block.open_wave_mode

    def odd(where, **kwargs):
        if where == str(products[1]):
            raise ZeroDivisionError("odd")
        return real(where, **kwargs)

    monkeypatch.setattr(product_block, "open_wave_mode", odd)
    report = xos.process(products, path, **PLAIN)
    assert [r.failure for r in report.failed] == ["ZeroDivisionError: odd"]
    assert plain(path).sizes["vignette"] == 4


@pytest.mark.parametrize("error", [BundleError, WeightsMismatchError, ImportError])
def test_what_every_product_would_fail_of_stops_the_run(
    products, path, monkeypatch, error
):
    def refuse(*args, **kwargs):
        raise error("no such model here")

    monkeypatch.setattr(product_block, "open_wave_mode", refuse)
    with pytest.raises(error, match="no such model"):
        xos.process(products, path, **PLAIN)
    assert read_records(str(path)) == []
    assert not os.path.exists(f"{path}.lock")


def test_a_beam_that_a_product_lacks_gives_no_row(products, path, tmp_path):
    one = write(tmp_path, 7, n=1)
    report = xos.process([one, products[0]], path, **PLAIN, beam="WV2")
    assert not report.failed
    assert plain(path).beam.values.tolist() == ["wv2"]
    again = xos.process([one, products[0]], path, **PLAIN, beam=["wv2"])
    assert (again.processed, again.skipped) == (0, 2)


def test_both_beams_are_the_settings_of_all(products, path):
    xos.process(products[:1], path, **PLAIN, beam=["WV2", "WV1"])
    assert set(plain(path).beam.values) == {"wv1", "wv2"}
    assert xos.process(products[:1], path, **PLAIN).skipped == 1
    for wrong, words in (
        ("wv3", r"'wv3' is not one of \['wv1', 'wv2'\]"),
        ([], "no beam"),
    ):
        with pytest.raises(ProductError, match=words):
            xos.process(products[:1], path, **PLAIN, beam=wrong)


def test_a_full_disk_leaves_the_archive_and_the_run_goes_on_later(
    products, path, tmp_path, monkeypatch
):
    xos.process(products[:1], path, **PLAIN)
    before = plain(path)
    from zarr.storage import LocalStore

    async def full(self, key, value):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(LocalStore, "set", full)
        with pytest.raises(ArchiveError, match="No space left on device"):
            xos.process(products, path, **PLAIN)
    xr.testing.assert_identical(plain(path), before)
    assert not os.path.exists(f"{path}.lock")
    xos.process(products, path, **PLAIN)
    xos.process(products, tmp_path / "once.zarr", **PLAIN)
    xr.testing.assert_equal(plain(path), plain(tmp_path / "once.zarr"))


def test_settings_that_differ_are_refused_before_anything_is_read(
    products, path, untouched, tiny_model
):
    xos.process(products[:1], path, **PLAIN)
    untouched()
    with pytest.raises(ArchiveError, match=r"shape \[64, 64\], now \[32, 32\]"):
        xos.process(products, path, **{**PLAIN, "shape": (32, 32)})
    with pytest.raises(ArchiveError, match=r"model '', now 'tiny-dB-0'"):
        xos.process(
            products, path, **{**PLAIN, "outputs": ["swh"], "model": tiny_model}
        )


def test_what_the_model_cannot_give_is_refused(products, path, tiny_model):
    with pytest.raises(BundleError, match="no detector"):
        xos.process(products, path, outputs=["icebergs"], model=tiny_model)
    with pytest.raises(ArchiveError, match="none of"):
        xos.process(products, path, outputs=["sst"], model=tiny_model)
    assert not path.exists()


def test_results_wait_for_a_commit_until_it_is_due(products, path, monkeypatch):
    commits = []
    real = run.Archive.commit
    monkeypatch.setattr(
        run.Archive, "commit", lambda self, o: commits.append(len(o)) or real(self, o)
    )
    xos.process(products, path, **PLAIN, commit_seconds=0)
    assert commits == [1, 1, 1]
    commits.clear()
    xos.process(products, path.with_name("b.zarr"), **PLAIN, commit_seconds=1000)
    assert commits == [3]
    commits.clear()
    monkeypatch.setattr(run, "_WAITING_BYTES", 1)
    xos.process(products, path.with_name("c.zarr"), **PLAIN, commit_seconds=1000)
    assert commits == [1, 1, 1]


def test_naming_the_function_loads_no_cluster():
    code = (
        "import sys, xoceansar; xoceansar.process; "
        "print([m for m in ('distributed', 'icechunk', 's3fs', 'torch') if m in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True,
                           check=True)  # fmt: skip
    assert found.stdout.strip() == "[]"


# On Dask


@pytest.mark.slow
def test_local_processes_give_the_same_archive(products, path, tmp_path):
    pytest.importorskip("distributed")
    settings = {**PLAIN, "scheduler": None, "workers": 2}
    report = xos.process(products, path, **settings)
    assert report.vignettes == 6
    xos.process(products, tmp_path / "once.zarr", **PLAIN)
    xr.testing.assert_equal(plain(path), plain(tmp_path / "once.zarr"))


@pytest.fixture
def threads():
    """A scheduler with workers in this process."""
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=False, dashboard_address=None
        ) as local,
        distributed.Client(local, set_as_default=False) as client,
    ):
        yield client


def test_an_existing_cluster_is_used_and_its_failures_are_recorded(
    products, path, tmp_path, threads
):
    missing = tmp_path / f"{products[0].stem[:-4]}0000.SAFE"
    (tmp_path / "list.txt").write_text(f"{products[0]}\n{missing}\n{products[1]}")
    report = xos.process(tmp_path / "list.txt", path, **{**PLAIN, "scheduler": threads})
    assert (report.processed, report.vignettes) == (3, 4)
    assert [r.failure for r in report.failed] == [
        f"{missing} does not exist. Check the path."
    ]
    assert threads.status == "running"


def test_few_products_are_in_flight_and_their_order_is_kept(threads, monkeypatch):
    submitted = []

    class Spy:
        def nthreads(self):
            return threads.nthreads()

        def submit(self, function, unit, task, **kwargs):
            submitted.append(unit)
            return threads.submit(lambda u: u, unit, pure=False)

    units = list(range(40))
    results = cluster._in_order(Spy(), units, None)
    assert next(results) == 0
    assert (
        len(submitted) <= 7
    )  # three for each of two workers, and one for the one that came
    assert list(results) == units[1:]


def test_an_address_without_scheduler_is_said(products, path, monkeypatch):
    distributed = pytest.importorskip("distributed")

    def refused(*args, **kwargs):
        raise OSError("Timed out trying to connect")

    monkeypatch.setattr(distributed, "Client", refused)
    with pytest.raises(ArchiveError, match="no Dask scheduler answers at 'tcp://x:1'"):
        xos.process(products, path, **{**PLAIN, "scheduler": "tcp://x:1"})


@pytest.mark.parametrize(
    ("devices", "device", "expected"),
    [("0,3", "auto", ["0", "3"]), ("", "auto", [None] * 2), ("0,3", "cpu", [None] * 2)],
)
def test_each_gpu_has_one_worker(monkeypatch, devices, device, expected, tiny_model):
    from types import SimpleNamespace

    from xoceansar.models import load_model

    made = SimpleNamespace(
        system=SimpleNamespace(MEMORY_LIMIT=64 << 30),
        Nanny=None,
        Scheduler=None,
        SpecCluster=lambda workers, **kwargs: workers,
    )
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", devices)
    monkeypatch.setattr(cluster, "processors", lambda: 2)
    task = product_block.Task(None, load_model(tiny_model, device=device), "{}")
    specs = cluster._local_cluster(made, task, None, 100)
    pinned = [s["options"]["env"].get("CUDA_VISIBLE_DEVICES") for s in specs.values()]
    assert pinned == expected


# Which product is which


def copied(product, target):
    return shutil.copytree(product, target)


def test_a_product_is_itself_whatever_it_is_called(
    products, path, tmp_path, monkeypatch
):
    xos.process(products[0], path, **PLAIN)
    (tmp_path / "S1A_link.SAFE").symlink_to(products[0])
    renamed = copied(products[0], tmp_path / "renamed.SAFE")
    monkeypatch.chdir(products[0])
    given = [".", "manifest.safe", tmp_path / "S1A_link.SAFE", renamed]
    report = xos.process(given, path, **PLAIN)
    assert (report.processed, report.skipped, report.duplicates) == (0, 1, 3)
    assert plain(path).sizes["vignette"] == 2


def test_another_product_of_the_same_name_is_another(
    products, path, tmp_path, monkeypatch
):
    given = [
        copied(product, tmp_path / str(number) / "product.SAFE")
        for number, product in enumerate(products[:2])
    ]
    report = xos.process(given, path, **PLAIN)
    assert (report.processed, report.vignettes, report.duplicates) == (2, 4, 0)
    for number, product in enumerate(products):
        monkeypatch.chdir(product)
        target = path.with_name("dot.zarr")
        report = xos.process("." if number % 2 else "manifest.safe", target, **PLAIN)
        assert (report.processed, report.skipped) == (1, 0)
    assert plain(target).sizes["vignette"] == 6
    assert [r.product for r in read_records(str(target))] == [p.stem for p in products]


def test_a_product_that_took_the_place_of_another_is_new(products, path, tmp_path):
    current = tmp_path / "current.SAFE"
    for number, product in enumerate(products[:2]):
        shutil.rmtree(current, ignore_errors=True)
        copied(product, current)
        assert xos.process(current, path, **PLAIN).processed == 1, number
    assert plain(path).sizes["vignette"] == 4


def test_vignettes_that_are_left_out_are_said_and_counted(products, path, tmp_path):
    other = copied(
        products[0], tmp_path / products[0].name.replace("SLC__1SSV", "SLC__1SDV")
    )
    manifest = other / "manifest.safe"
    manifest.write_bytes(manifest.read_bytes() + b"<!-- processed again -->")
    with pytest.warns(
        OceansarWarning, match="2 vignettes were left out.*repeated_count"
    ):
        report = xos.process([products[0], other], path, **PLAIN)
    assert (report.processed, report.vignettes, report.repeated) == (2, 2, 2)


def test_manifests_that_are_known_are_not_read_again(products, path, monkeypatch):
    xos.process(products, path, **PLAIN)

    def refuse(*args):
        raise AssertionError("a manifest was read")

    monkeypatch.setattr("xoceansar.processing.product_listing.open_stores", refuse)
    assert xos.process(products, path, **PLAIN).skipped == 3


def test_the_level_is_that_of_an_embedding_and_no_network_runs(
    products, tiny_model, path, monkeypatch
):
    from xoceansar.models.inference import runtime

    embedded = path.with_name("embedded.zarr")
    how = {"shape": SHAPE, "scheduler": "synchronous", "model": tiny_model}
    xos.process(products[:2], embedded, outputs=["embedding"], **how)

    def refuse(*args, **kwargs):
        raise AssertionError("the network was built")

    monkeypatch.setattr(runtime, "get_network", refuse)
    xos.process(products[:2], path, outputs=["level"], **how)
    found, wanted = plain(path), plain(embedded)
    assert "embedding_vector" not in found
    for name in ("sigma0_mean", "valid_fraction", "incidence"):
        np.testing.assert_array_equal(found[name], wanted[name])
