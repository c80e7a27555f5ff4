"""Level-2 products in the EOPF format: the same Dataset as from the netCDF files of the SAFE format."""

import json
import shutil
import warnings
from pathlib import Path

import netCDF4
import numpy as np
import pytest
import zarr

from tests.io.conftest import make_product
from xoceansar import check_archive, open_ocn
from xoceansar.conventions import Quality
from xoceansar.errors import (
    OceansarError,
    OceansarWarning,
    ProductError,
    UnsupportedProductError,
    VignetteError,
)
from xoceansar.simulate import write_eopf, write_ocn

REAL = Path(__file__).parents[2] / "../shared/data/ocn_wv"
FILES = sorted(REAL.glob("*.nc"))
LAYOUTS = ("2", "3")
#: What the format has lost.
LOST = {"product", "source_product"}
#: The made product has images of a tenth of the size, and says that they are whole: they last longer, it follows.
SCALED = {"vignette_id", "time"}


@pytest.fixture(scope="module")
def safe(tmp_path_factory):
    """A product of two vignettes; not to be changed."""
    folder = tmp_path_factory.mktemp("ocn")
    slc = make_product(folder / "slc", levels=(0.3, 0.06))
    return write_ocn(slc, folder / "ocn", seed=3)


@pytest.fixture(scope="module")
def written(safe, tmp_path_factory):
    folder = tmp_path_factory.mktemp("eopf")
    return {k: write_eopf(safe, folder / k, layout=k) for k in LAYOUTS}


@pytest.fixture(params=LAYOUTS)
def made(written, tmp_path, request):
    """A product that may be changed."""
    path = tmp_path / written[request.param].name
    shutil.copytree(written[request.param], path)
    return path


def read(path, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", OceansarWarning)
        return open_ocn(path, **options)


def check_same(found, expected, without=SCALED):
    assert set(found.variables) == set(expected.variables)
    assert (np.abs(found.time - expected.time) <= np.timedelta64(2, "s")).all()
    for name in set(expected.variables) - LOST - set(without):
        np.testing.assert_array_equal(found[name], expected[name], err_msg=name)
        assert found[name].dtype == expected[name].dtype


def groups(path, component="osw"):
    root = zarr.open_group(path, mode="r+", use_consolidated=False)
    return [root[f"{component}/{name}"] for name in sorted(root[component])]


def list_again(path):
    if (path / ".zmetadata").exists():
        zarr.consolidate_metadata(path, zarr_format=2)


def test_both_formats_give_the_same_dataset(safe, made):
    found = read(made, spectra=True)
    check_same(found, read(safe, spectra=True))
    assert found.sizes["vignette"] == 2
    assert set(found["product"].values) == {made.name}
    assert np.isfinite(found.swh).all()


@pytest.mark.skipif(not FILES, reason="needs ../shared/data")
@pytest.mark.parametrize(
    ("file", "layout"), [(file, LAYOUTS[k % 2]) for k, file in enumerate(FILES)]
)
def test_real_files_give_the_same(file, layout, tmp_path):
    """Of IPF 3.31, 3.71 and 4.02: layouts, fill values and flags differ."""
    product = write_eopf(file, tmp_path, layout=layout)
    check_same(read(product, spectra=True), read(file, spectra=True), without=())


@pytest.mark.skipif(not FILES, reason="needs ../shared/data")
def test_files_of_several_data_takes_are_no_product(tmp_path):
    with pytest.raises(OceansarError, match="several data takes"):
        write_eopf(FILES, tmp_path)


def test_an_archive(safe, tmp_path):
    path = write_eopf(safe, tmp_path, archive=True)
    check_same(read(path), read(safe))


def test_at_a_url(safe, made, tmp_path):
    fsspec = pytest.importorskip("fsspec")
    memory = fsspec.filesystem("memory")
    try:
        memory.put(str(made), f"/ocn/{made.name}", recursive=True)
        archive = write_eopf(safe, tmp_path, archive=True)
        memory.put(str(archive), f"/ocn/{archive.name}")
        for name in (made.name, archive.name):
            found = read(f"memory://ocn/{name}", storage_options={})
            check_same(found, read(safe))
    finally:
        memory.rm("/ocn", recursive=True)


def test_the_lags_are_where_the_names_of_the_axes_say(safe, made):
    (group, *_) = groups(made)
    spectrum = group["conditions/cartesian_spectra_real"]
    assert spectrum.shape[2] == 3  # last in the file
    found, expected = (read(p, spectra=True) for p in (made, safe))
    np.testing.assert_array_equal(found.cross_spectrum_real, expected.cross_spectrum_real)  # fmt: skip


def test_booleans_say_nothing_where_there_is_no_partition(safe, made):
    """``i_confidence`` cannot be missing, and says 'resolved' instead."""
    (group, *_) = groups(made)
    assert group["quality/i_confidence"].dtype == bool
    found = read(made)
    none = found.partition_swh.isnull()
    assert none.any()
    assert (found.partition_ambiguity.values[none.values] == -1).all()
    check_same(found, read(safe))


def test_words_of_flags_are_those_of_the_processor(safe, made, tmp_path):
    """The converter says 'good fair low bad' of the wind, whose flag rises with quality since IPF 4.00."""
    for group in groups(made, "owi"):
        quality = group["quality/wind_quality"]
        assert dict(quality.attrs)["flag_meanings"] == "good fair low bad"
        quality[...] = np.full(quality.shape, 3, np.uint8)
    assert (read(made).wind_quality == 3).all()  # acceptable
    for component in ("osw", "owi", "rvl"):
        for group in groups(made, component):
            attributes = json.loads(json.dumps(dict(group.attrs)))
            software = attributes["stac_discovery"]["properties"]["processing:software"]
            software.update(dict.fromkeys(software, "003.71"))
            group.attrs.update(attributes)
    list_again(made)
    assert (read(made).wind_quality == 1).all()  # poor, which is bad now
    for group in groups(made):
        attributes = json.loads(json.dumps(dict(group.attrs)))
        attributes["stac_discovery"]["properties"]["processing:software"] = {}
        group.attrs.update(attributes)
    root = zarr.open_group(made, mode="r+", use_consolidated=False)
    attributes = json.loads(json.dumps(dict(root.attrs)))
    attributes["stac_discovery"]["properties"]["processing:software"] = {}
    root.attrs.update(attributes)
    list_again(made)
    assert (read(made).wind_quality == -1).all()


def test_without_a_doppler_grid_the_number_says_when(safe, made):
    root = zarr.open_group(made, mode="r+", use_consolidated=False)
    del root["rvl"]
    list_again(made)
    found, expected = read(made), read(safe)
    assert found.radial_velocity.isnull().all()
    np.testing.assert_array_equal(found.swh, expected.swh)
    assert (np.abs(found.time - expected.time) <= np.timedelta64(2, "s")).all()


def test_a_lost_component_costs_one_vignette(safe, made):
    name = sorted(zarr.open_group(made, mode="r", use_consolidated=False)["osw"])[0]
    shutil.rmtree(made / "osw" / name)
    list_again(made)
    with pytest.warns(OceansarWarning, match="missing"):
        found = open_ocn(made)
    expected = read(safe)
    assert found.quality.values[0] & Quality.UNREADABLE
    check_same(found.isel(vignette=[1]), expected.isel(vignette=[1]))
    with pytest.raises(VignetteError, match="missing"):
        open_ocn(made, on_error="raise")


@pytest.mark.parametrize("name", ["conditions/heading", "conditions/latitude"])
def test_a_lost_chunk_of_what_is_always_there(safe, made, name):
    group = groups(made)[0]
    folder = made / group.path / name
    (chunk,) = [f for f in folder.rglob("*") if f.is_file() and f.name not in ("zarr.json", ".zarray", ".zattrs")]  # fmt: skip
    chunk.unlink()
    with pytest.warns(OceansarWarning, match="lost its chunk"):
        found = open_ocn(made)
    assert found.quality.values[0] & Quality.UNREADABLE
    check_same(found.isel(vignette=[1]), read(safe).isel(vignette=[1]))


def test_a_lost_chunk_of_what_may_be_missing_is_told(made):
    """A store need not hold a chunk of fill values: it is told as a variable that is not there."""
    for group in groups(made):
        folder = made / group.path / "measurements/total_hs"
        for file in folder.rglob("*"):
            if file.is_file() and file.name not in ("zarr.json", ".zarray", ".zattrs"):
                file.unlink()
    with pytest.warns(OceansarWarning, match="oswTotalHs"):
        found = open_ocn(made)
    assert found.swh.isnull().all()


def test_damaged_values_cost_one_vignette(safe, made):
    folder = made / groups(made)[0].path / "conditions/nrcs"
    for file in folder.rglob("*"):
        if file.is_file() and file.name not in ("zarr.json", ".zarray", ".zattrs"):
            file.write_bytes(b"\x02\x01!")
    with pytest.warns(OceansarWarning, match="cannot be read"):
        found = open_ocn(made)
    assert found.quality.values.tolist()[0] & Quality.UNREADABLE
    check_same(found.isel(vignette=[1]), read(safe).isel(vignette=[1]))


def test_a_check_reads_it_whole(made):
    report = check_archive(made)
    assert (report.vignettes, report.faults) == (2, ())
    shutil.rmtree(made / groups(made)[0].path / "conditions/longitude")
    list_again(made)
    (fault,) = check_archive(made).faults
    assert "missing" in fault.text


def test_others_are_refused_in_words(tmp_path):
    slc = tmp_path / "S01SWVSLC_20210403T083025_0030_A150_0126_032390.zarr"
    zarr.open_group(slc, mode="w").create_group("measurements")
    with pytest.raises(UnsupportedProductError, match="open_wave_mode"):
        open_ocn(slc)
    with pytest.raises(ProductError, match="EOPF"):
        open_ocn("memory://somewhere/S1A_WV_OCN.SAFE")


def test_fixtures_hold_what_the_converter_writes(safe, made):
    with netCDF4.Dataset(sorted((safe / "measurement").glob("*001.nc"))[0]) as file:
        file.set_auto_mask(False)
        flags = file["oswQualityFlagPartition"][...]
    group = groups(made)[0]
    stored = group["quality/partition_quality_flag"]
    assert stored.dtype == np.uint8
    np.testing.assert_array_equal(stored[...], flags.view(np.uint8))
    assert group.name.rpartition("/")[2].endswith("_VV_WV1_001")
