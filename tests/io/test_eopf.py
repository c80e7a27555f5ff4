"""Single-look complex products in the EOPF format: the same Dataset as from the SAFE format."""

import json
import pickle
import shutil
import zipfile
from types import SimpleNamespace

import numpy as np
import pytest
import xarray as xr
import zarr

from tests.catalogue.file_server import serve_files
from tests.io.conftest import SHAPE, make_product
from xoceansar import check_archive, open_wave_mode
from xoceansar.cli.readers import opened
from xoceansar.conventions import Quality
from xoceansar.errors import (
    OceansarWarning,
    ProductError,
    UnsupportedProductError,
    VignetteError,
)
from xoceansar.io.archive.zarr_archive import is_archive
from xoceansar.io.eopf.zarr_groups import EopfStore
from xoceansar.processing.preference import best_first
from xoceansar.processing.product_listing import list_units
from xoceansar.simulate import write_eopf

LAYOUTS = ("2", "3")
BAD, GOOD = 1, [0, 2, 3]


@pytest.fixture(scope="module")
def made(product, tmp_path_factory):
    """The product of four vignettes in both layouts; not to be changed."""
    folder = tmp_path_factory.mktemp("eopf")
    return {k: write_eopf(product.path, folder / k, layout=k) for k in LAYOUTS}


@pytest.fixture(scope="module")
def packed(made, tmp_path_factory):
    """The same as archives; not to be changed."""
    folder = tmp_path_factory.mktemp("packed")
    return {k: pack(path, folder / k) for k, path in made.items()}


def pack(path, folder, below=""):
    """Pack a product as `write_eopf` does."""
    folder.mkdir()
    with zipfile.ZipFile(folder / f"{path.name}.zip", "w") as archive:
        for file in sorted(path.rglob("*")):
            if file.is_file():
                archive.write(file, below + str(file.relative_to(path)))
    return folder / f"{path.name}.zip"


@pytest.fixture(params=LAYOUTS)
def layout(request):
    return request.param


@pytest.fixture
def copy(made, layout, tmp_path):
    """A product to be damaged."""
    path = tmp_path / made[layout].name
    shutil.copytree(made[layout], path)
    return Copy(path)


class Copy:
    """A product whose arrays can be changed."""

    def __init__(self, path):
        self.path = path
        self.root = zarr.open_group(path, mode="r+", use_consolidated=False)
        names = [name for name in self.root if name.startswith("S01S")]
        self.names = sorted(names, key=lambda name: name[-3:])

    def array(self, index, place):
        return self.root[f"{self.names[index]}/{place}"]

    def edit(self, index, place, change):
        array = self.array(index, place)
        array[...] = change(array[...])

    def describe(self, index, change):
        """Change the attributes of a vignette."""
        group = self.root[self.names[index]]
        attributes = json.loads(json.dumps(dict(group.attrs)))
        change(attributes)
        group.attrs.clear()
        group.attrs.update(attributes)
        self.list_again()

    def list_again(self):
        """Bring the list of all arrays up to date, where the layout has one."""
        if (self.path / ".zmetadata").exists():
            zarr.consolidate_metadata(self.path, zarr_format=2)

    def chunks(self, index, place):
        """Files of the chunks of an array."""
        folder = self.path / self.names[index] / place
        return [
            file for file in folder.rglob("*")
            if file.is_file() and not file.name.startswith(".z") and file.name != "zarr.json"
        ]  # fmt: skip


def read(path, **options):
    return open_wave_mode(path, shape=SHAPE, **options).load()


@pytest.fixture(scope="module")
def safe(product):
    return read(product.path, complex=True)


def decibel(linear):
    return 10 * np.log10(linear)


def check_same(found, expected):
    """The numbers that the two formats are held to."""
    for name in ("sigma0", "nesz"):
        np.testing.assert_allclose(
            decibel(found[name]), decibel(expected[name]), rtol=0, atol=1e-3
        )
    np.testing.assert_allclose(found.incidence, expected.incidence, rtol=0, atol=1e-4)
    for name in ("longitude", "latitude", "corner_longitude", "corner_latitude"):
        np.testing.assert_allclose(found[name], expected[name], rtol=0, atol=1e-5)
    assert (np.abs(found.time - expected.time) <= np.timedelta64(1, "ms")).all()
    for name in ("vignette_id", "beam", "polarisation", "platform", "ipf_version", "quality",
                 "no_data_fraction", "noise_scaling"):  # fmt: skip
        np.testing.assert_array_equal(found[name], expected[name])


@pytest.mark.parametrize("archive", [False, True])
def test_both_formats_give_the_same_dataset(made, packed, safe, layout, archive):
    path = (packed if archive else made)[layout]
    assert path.name.endswith(".zarr.zip" if archive else ".zarr")
    found = read(path)
    check_same(found, safe)
    assert set(found.variables) == set(safe.variables) - {
        "slc", "azimuth_spacing", "range_spacing", "azimuth_frequency", "azimuth_bandwidth",
        "azimuth_window", "doppler_centroid", "doppler_centroid_geometric", "azimuth_fm_rate",
        "slant_range", "platform_velocity", "radar_wavelength",
    }  # fmt: skip
    assert found.attrs["simulated"] == 1
    assert set(found["product"].values) == {path.name.removesuffix(".zip")}


def test_the_complex_image_is_the_same(made, safe, layout):
    found = read(made[layout], complex=True)
    np.testing.assert_allclose(found.slc, safe.slc, rtol=1e-6, atol=1e-6)
    for name in ("azimuth_spacing", "range_spacing", "azimuth_frequency", "azimuth_bandwidth",
                 "azimuth_window", "azimuth_fm_rate", "slant_range", "platform_velocity",
                 "radar_wavelength"):  # fmt: skip
        np.testing.assert_allclose(found[name], safe[name], rtol=1e-5)
    for name in ("doppler_centroid", "doppler_centroid_geometric"):
        np.testing.assert_allclose(found[name], safe[name], rtol=0, atol=1e-3)


@pytest.mark.parametrize(("ipf", "layout"), [("002.84", "3"), ("002.91", "2")])
def test_older_processors_give_the_same(tmp_path, layout, ipf):
    product = make_product(tmp_path, ipf=ipf, levels=(0.3, 0.06))
    check_same(read(write_eopf(product, tmp_path, layout=layout)), read(product))


def test_across_180_degrees_places_are_the_same(tmp_path):
    product = make_product(tmp_path, levels=(0.3, 0.06), longitude=179.995)
    check_same(read(write_eopf(product, tmp_path)), read(product))


def test_images_of_several_chunks_are_put_together(copy, safe):
    for index in range(4):
        place = f"{copy.names[index]}/measurements"
        whole = copy.array(index, "measurements/slc")
        values, dims = whole[...], whole.attrs.get("_ARRAY_DIMENSIONS")
        steps = (1,) * (values.ndim - 2) + (100, 150)
        small = copy.root[place].create_array(
            "slc", shape=values.shape, chunks=steps, dtype=values.dtype, overwrite=True
        )
        small[...] = values
        if dims:
            small.attrs["_ARRAY_DIMENSIONS"] = dims
    copy.list_again()
    check_same(read(copy.path), safe)


def test_opening_reads_no_pixel(made, layout, monkeypatch):
    """Of chunks, the store is asked for those of axes and of the geolocation grid alone."""
    asked = []
    original = zarr.storage.LocalStore.get

    async def noted(self, key, *args, **kwargs):
        asked.append(key)
        return await original(self, key, *args, **kwargs)

    monkeypatch.setattr(zarr.storage.LocalStore, "get", noted)
    ds = open_wave_mode(made[layout], shape=SHAPE)
    metadata = ("zarr.json", ".zarray", ".zattrs", ".zgroup", ".zmetadata")
    chunks = [key for key in asked if not key.endswith(metadata)]
    assert chunks
    assert all("/gcp/" in key or "/measurements/azimuth_time" in key
               or "/measurements/slant_range_time" in key for key in chunks)  # fmt: skip
    ds.sigma0.compute()
    assert any(
        "/measurements/slc/" in key and not key.endswith(metadata) for key in asked
    )


def test_a_task_reads_the_vignettes_of_its_chunk(made, layout, monkeypatch):
    asked = []
    original = zarr.storage.LocalStore.get

    async def noted(self, key, *args, **kwargs):
        asked.append(key)
        return await original(self, key, *args, **kwargs)

    ds = open_wave_mode(made[layout], shape=SHAPE, chunks=1)
    monkeypatch.setattr(zarr.storage.LocalStore, "get", noted)
    ds.isel(vignette=2).sigma0.compute()
    assert {k.partition("/")[0][-3:] for k in asked if "/" in k} == {"003"}


def test_tasks_are_small_and_go_to_other_processes(made, layout):
    ds = open_wave_mode(made[layout], shape=SHAPE, chunks=1)
    again = pickle.loads(pickle.dumps(ds))
    np.testing.assert_array_equal(again.sigma0, ds.sigma0)
    store = EopfStore("s3://bucket/x.zarr", "", '{"secret": "hidden"}')
    assert "hidden" not in repr(store)


# What the converter gets wrong


def test_estimates_of_another_vignette_do_not_move_the_doppler_centroid(copy, safe):
    """All have the times of the first: 29 s before the third."""
    first, third = (
        copy.array(k, "conditions/doppler_centroid/azimuth_time") for k in (0, 2)
    )
    assert dict(first.attrs)["units"] == dict(third.attrs)["units"]
    # three estimates as other processors give: the middle one is of the middle of the image
    group = copy.root[f"{copy.names[2]}/conditions/doppler_centroid"]
    terms = group["data_dc_polynomial"][...]
    several = np.concatenate([terms + 300, terms, terms - 300], axis=-2)
    rows = {"data_dc_polynomial": several,
            "geometry_dc_polynomial": np.concatenate([group["geometry_dc_polynomial"][...]] * 3, axis=-2),
            "t0": np.concatenate([group["t0"][...]] * 3, axis=-1),
            "azimuth_time": np.array([-500_000, 0, 500_000])}  # fmt: skip
    for name, values in rows.items():
        attributes = dict(group[name].attrs)
        if name == "azimuth_time":
            attributes["units"] = "microseconds since 2021-04-03 08:30:25.898602"
        array = group.create_array(name, data=values, overwrite=True)
        array.attrs.update(attributes)
    copy.list_again()
    found = read(copy.path, complex=True)
    np.testing.assert_allclose(
        found.doppler_centroid, safe.doppler_centroid, rtol=0, atol=1e-3
    )


def test_polynomials_rise_in_degree_whatever_their_labels_say(copy, safe):
    for index in range(4):
        labels = copy.array(index, "conditions/doppler_centroid/degree")[...]
        assert labels.tolist() == [2, 1, 0]
        copy.edit(index, "conditions/doppler_centroid/degree", np.flip)
    found = read(copy.path, complex=True)
    np.testing.assert_allclose(
        found.doppler_centroid, safe.doppler_centroid, rtol=0, atol=1e-3
    )


def test_times_that_became_booleans_are_not_read(made, layout):
    group = zarr.open_group(made[layout], mode="r", use_consolidated=False)
    name = sorted(n for n in group if n.startswith("S01S"))[0]
    doppler = group[f"{name}/conditions/doppler_centroid"]
    assert doppler["fine_dce_azimuth_start_time"].dtype == bool
    assert doppler["fine_dce_azimuth_start_time"][...].all()


def hole(values, at):
    values = values.copy()
    values[at] = np.nan if values.dtype.kind == "f" else np.iinfo(np.int64).min
    return values


def make_hole(copy, index, at):
    """Take points out of the geolocation grid."""
    for name in ("longitude", "latitude", "incidence_angle", "elevation_angle", "height",
                 "slant_range_time_gcp", "azimuth_time_gcp"):  # fmt: skip
        copy.edit(index, f"conditions/gcp/{name}", lambda values: hole(values, at))


@pytest.mark.parametrize("at", [(..., 0, 0), (..., 0, slice(18, None)), (..., 2, 10)])
def test_gaps_of_the_geolocation_grid_are_filled(copy, safe, at):
    for index in range(4):
        make_hole(copy, index, at)
    check_same(read(copy.path), safe)


def test_samples_of_one_line_alone_do_not_make_a_column(copy, safe):
    """The last line often has other samples than the others: each makes a column of its own."""
    group = copy.root[f"{copy.names[0]}/conditions/gcp"]
    for name in list(group.array_keys()):
        array = group[name]
        values, attributes = array[...], dict(array.attrs)
        dims = attributes.get("_ARRAY_DIMENSIONS") or array.metadata.dimension_names
        if "slant_range_time" not in dims:
            continue
        wider = np.concatenate([values, values[..., -1:]], axis=-1)
        if name == "slant_range_time":
            wider[-1] += 2e-9
        elif wider.ndim > 1:
            wider = hole(wider, (..., slice(0, -1), -1))
            wider = hole(wider, (..., -1, -2))
        made = group.create_array(
            name, data=wider, overwrite=True,
            **({"dimension_names": list(dims)} if copy.root.metadata.zarr_format == 3 else {}),
        )  # fmt: skip
        made.attrs.update(attributes)
    copy.list_again()
    check_same(read(copy.path), safe)


def test_a_grid_that_is_mostly_gaps_costs_its_vignette(copy, safe):
    make_hole(copy, BAD, (..., slice(0, 3), slice(None)))
    with pytest.warns(OceansarWarning, match="gaps"):
        found = read(copy.path)
    check_bad(found, safe)


def test_points_outside_the_image_are_where_their_own_times_say(copy, safe):
    """The axis of the grid is wrong there, and in the order of the file; its rows are sorted."""
    for index in range(4):
        copy.edit(index, "conditions/gcp/azimuth_time", np.flip)
    check_same(read(copy.path), safe)


def test_noise_that_ends_inside_the_image_is_extended(made, safe, layout):
    group = zarr.open_group(made[layout], mode="r", use_consolidated=False)
    name = sorted(n for n in group if n.startswith("S01S"))[0]
    lut = group[f"{name}/quality/noise_range"]
    steps = xr.conventions.decode_cf_variable(
        "t", xr.Variable("x", lut["azimuth_time"][...], dict(lut["azimuth_time"].attrs))
    ).values
    image = group[f"{name}/measurements/azimuth_time"]
    lines = xr.conventions.decode_cf_variable(
        "t", xr.Variable("x", image[...], dict(image.attrs))
    ).values
    assert steps[-1] < lines[-1] - (lines[-1] - lines[0]) / 10
    found = read(made[layout])
    assert np.isfinite(found.nesz).all()
    np.testing.assert_allclose(found.nesz, safe.nesz, rtol=2e-4)


def test_a_short_noise_vector_ends_in_missing_values(copy, safe):
    copy.edit(
        BAD, "quality/noise_range/noise_range_lut", lambda v: hole(v, (..., 1, slice(12, None)))
    )  # fmt: skip
    with pytest.warns(OceansarWarning, match="unequal length"):
        found = read(copy.path)
    assert found.quality.values[BAD] & Quality.CALIBRATION_SUSPECT
    check_same(found.isel(vignette=GOOD), safe.isel(vignette=GOOD))


def test_neighbours_that_were_joined_are_told(copy, safe):
    """The converter joins neighbours of one beam along polarization."""
    group = copy.root[f"{copy.names[BAD]}/measurements"]
    values = group["slc"][...].reshape(group["slc"].shape[-2:])
    group.create_array("slc", data=np.stack([values, values]), overwrite=True)
    copy.list_again()
    with pytest.warns(OceansarWarning, match="neighbours of one beam"):
        found = read(copy.path)
    check_bad(found, safe)


def test_axes_of_joined_images_are_told(copy, safe):
    def gap(times):
        times[times.size // 2 :] += 10_000_000
        return times

    copy.edit(BAD, "measurements/azimuth_time", gap)
    with pytest.warns(OceansarWarning, match="even steps"):
        found = read(copy.path)
    check_bad(found, safe)


def test_azimuth_noise_where_there_is_some(copy, safe):
    """Wave Mode has none in practice; the format has a group for it."""
    place = f"{copy.names[BAD]}/quality/noise_azimuth"
    ds = xr.Dataset(
        {
            "noise_azimuth_lut": (("azimuth_time", "swath"), [[2.0], [2.0]]),
            "first_azimuth_line": ("swath", [0]),
            "last_azimuth_line": ("swath", [600]),
        },
        {"azimuth_time": ["2021-04-03T08:30:40", "2021-04-03T08:30:41"]},
    )
    ds["azimuth_time"] = ds.azimuth_time.astype("datetime64[ns]")
    kind = copy.root.metadata.zarr_format
    ds.to_zarr(copy.path, group=place, zarr_format=kind, consolidated=False, mode="a")
    copy.list_again()
    found = read(copy.path)
    np.testing.assert_allclose(found.nesz[BAD], 2 * safe.nesz[BAD], rtol=2e-4)
    np.testing.assert_allclose(found.nesz[GOOD], safe.nesz[GOOD], rtol=2e-4)


# Damage


def check_bad(found, safe):
    """One vignette is missing, and its neighbours are as ever."""
    assert found.quality.values[BAD] == Quality.UNREADABLE | Quality.NO_DATA
    assert np.isnan(found.sigma0[BAD]).all()
    assert found.vignette_id.values[BAD] == safe.vignette_id.values[BAD]
    check_same(found.isel(vignette=GOOD), safe.isel(vignette=GOOD))


def lose(copy, place):
    files = copy.chunks(BAD, place)
    assert files
    files[-1].unlink()


def remove(copy, place):
    shutil.rmtree(copy.path / copy.names[BAD] / place)
    copy.list_again()


def shorten(copy, place):
    array = copy.array(BAD, place)
    array.resize((*array.shape[:-1], array.shape[-1] - 1))
    copy.list_again()


def overwrite(copy, place):
    for file in copy.chunks(BAD, place):
        file.write_bytes(b"\x02\x01!")


def poison(copy, place):
    copy.edit(BAD, place, lambda values: hole(values, (..., 0, slice(None))))


FAULTS = {
    "chunk of pixels lost": (lose, "measurements/slc", "lost its chunk"),
    "chunk of a table lost": (lose, "quality/calibration/sigma_nought", "lost its chunk"),
    "chunk of places lost": (lose, "conditions/gcp/latitude", "lost its chunk"),
    "chunk of times lost": (lose, "measurements/azimuth_time", "a size or spacing is 0|even steps"),
    "pixels cut": (overwrite, "measurements/slc", "cannot be read"),
    "table cut": (overwrite, "quality/noise_range/noise_range_lut", "cannot be read"),
    "image gone": (remove, "measurements/slc", "missing"),
    "grid gone": (remove, "conditions/gcp", "missing"),
    "calibration gone": (remove, "quality/calibration", "missing"),
    "noise gone": (remove, "quality/noise_range", "missing"),
    "table of another length": (shorten, "quality/calibration/sigma_nought", "and its axes have 5 and"),
    "axis of another length": (shorten, "quality/noise_range/slant_range_time", "and its axes have 3 and"),
    "image of another size": (shorten, "measurements/slc", "and its axes have"),
    "table with gaps": (poison, "quality/calibration/sigma_nought", "not finite"),
    "places that are no numbers": (poison, "conditions/gcp/latitude", None),
}  # fmt: skip


@pytest.mark.parametrize(
    ("fault", "layout"), [(fault, LAYOUTS[k % 2]) for k, fault in enumerate(FAULTS)]
)
def test_damage_costs_one_vignette(copy, safe, fault):
    change, place, words = FAULTS[fault]
    change(copy, place)
    if words is None:  # a row of the grid: the others tell where it lies
        check_same(read(copy.path), safe)
        return
    with pytest.warns(OceansarWarning, match=words) as caught:
        found = read(copy.path)
    check_bad(found, safe)
    (message,) = {str(one.message) for one in caught}
    assert message.startswith(f"vignette {safe.vignette_id.values[BAD]}: ")
    assert str(copy.path) in message
    with pytest.raises(VignetteError, match=words):
        read(copy.path, on_error="raise", vignettes=BAD)


def test_without_calibration_on_request(copy, safe):
    remove(copy, "quality/calibration")
    with pytest.warns(OceansarWarning, match="no calibration"):
        found = read(copy.path, uncalibrated=True)
    assert found.quality.values[BAD] & Quality.CALIBRATION_SUSPECT
    check_same(found.isel(vignette=GOOD), safe.isel(vignette=GOOD))


def test_missing_pixels_are_no_data(copy):
    copy.edit(BAD, "measurements/slc", lambda v: hole(v.view(np.float32), (..., slice(0, 200), slice(None))).view(v.dtype))  # fmt: skip
    found = read(copy.path)
    missing = np.isnan(found.sigma0.values[BAD])
    assert missing[:10].all()
    assert not missing[-10:].any()
    assert found.quality.values[BAD] & Quality.NO_DATA


def test_numbers_that_are_not_whole_are_taken_as_they_are(copy, safe):
    copy.edit(BAD, "measurements/slc", lambda values: values * np.float32(1.1))
    found = read(copy.path, complex=True)
    np.testing.assert_allclose(found.slc[BAD], 1.1 * safe.slc[BAD], rtol=1e-5)
    raw = found.sigma0[BAD] + found.nesz[BAD]
    expected = 1.21 * (safe.sigma0[BAD] + safe.nesz[BAD])
    np.testing.assert_allclose(raw, expected, rtol=1e-4)


def test_what_the_complex_image_needs_and_is_not_there(copy, safe):
    """As in products of layouts that leave it out."""

    def forget(attributes):
        for tree in (
            attributes["other_metadata"],
            *attributes["other_metadata"].values(),
        ):
            if isinstance(tree, dict) and "image_annotation" in tree:
                information = tree["image_annotation"]["processing_information"]
                information.pop("swath_proc_params_list")

    copy.describe(BAD, forget)
    check_same(read(copy.path), safe)
    with pytest.warns(OceansarWarning, match="without complex=True"):
        found = read(copy.path, complex=True)
    assert np.isnan(found.azimuth_bandwidth[BAD])
    assert found.azimuth_bandwidth[GOOD].notnull().all()
    with pytest.raises(VignetteError, match="processing_bandwidth"):
        read(copy.path, complex=True, on_error="raise")


def test_what_says_nothing_of_its_lines_is_placed_by_its_number(copy, safe):
    def forget(attributes):
        for tree in (
            attributes["other_metadata"],
            *attributes["other_metadata"].values(),
        ):
            if isinstance(tree, dict) and "image_annotation" in tree:
                del tree["image_annotation"]["image_information"][
                    "product_first_line_utc_time"
                ]

    copy.describe(BAD, forget)
    found = read(copy.path)
    np.testing.assert_array_equal(found.time, safe.time)
    assert found.vignette_id.values[BAD][:16] == safe.vignette_id.values[BAD][:16]


def test_a_group_that_says_nothing_is_told_and_left_out(copy):
    copy.describe(BAD, dict.clear)
    root = dict(copy.root.attrs)
    root["stac_discovery"]["properties"].pop("sat:absolute_orbit")
    copy.root.attrs.update(root)
    copy.list_again()
    with pytest.warns(OceansarWarning, match="names that are none"):
        assert read(copy.path).sizes["vignette"] == 3


def test_a_cut_archive_is_refused(packed, layout, tmp_path):
    path = tmp_path / packed[layout].name
    path.write_bytes(packed[layout].read_bytes()[:-3000])
    with pytest.raises(ProductError, match="not a whole zip archive"):
        read(path)


def test_a_flipped_bit_in_an_archive_costs_one_vignette(packed, safe, layout, tmp_path):
    path = shutil.copy(packed[layout], tmp_path / packed[layout].name)
    with zipfile.ZipFile(path) as archive:
        (member,) = [
            one for one in archive.infolist()
            if "_002/measurements/slc/" in one.filename and not one.filename.endswith((".zarray", ".zattrs", "zarr.json"))
        ]  # fmt: skip
    content = bytearray(path.read_bytes())
    content[member.header_offset + member.compress_size // 2] ^= 1
    path.write_bytes(content)
    with pytest.warns(OceansarWarning, match="cannot be read"):
        found = read(path)
    check_bad(found, safe)


def test_a_product_in_a_folder_of_an_archive(made, safe, layout, tmp_path):
    path = made[layout]
    archive = pack(path, tmp_path / "download", below=f"{path.name}/")
    check_same(read(archive.rename(tmp_path / "download.zip")), safe)


def test_an_archive_is_what_write_eopf_packs(product, tmp_path):
    path = write_eopf(product.path, tmp_path, layout="3", archive=True)
    assert path.name.endswith(".zarr.zip")
    assert [one.name for one in tmp_path.iterdir()] == [path.name]
    assert read(path).sizes["vignette"] == 4


def test_code_in_a_product_is_not_run(copy):
    """Codecs could do anything; those of the format are known."""
    folder = copy.path / copy.names[BAD] / "measurements/slc"
    old = (folder / ".zarray").exists()
    file = folder / (".zarray" if old else "zarr.json")
    node = json.loads(file.read_text())
    if old:
        node["filters"] = [{"id": "pickle", "protocol": 5}]
    else:
        node["codecs"].append({"name": "numcodecs.adler32", "configuration": {}})
    file.write_text(json.dumps(node))
    (copy.path / ".zmetadata").unlink(missing_ok=True)
    with pytest.warns(OceansarWarning, match="pickle|adler32"):
        found = read(copy.path)
    assert found.quality.values[BAD] & Quality.UNREADABLE


def test_a_shape_that_no_image_has_takes_no_memory(copy, safe):
    folder = copy.path / copy.names[BAD] / "measurements/azimuth_time"
    file = folder / (".zarray" if (folder / ".zarray").exists() else "zarr.json")
    node = json.loads(file.read_text())
    node["shape"] = [10**12]
    file.write_text(json.dumps(node))
    copy.list_again()
    with pytest.warns(OceansarWarning, match="announces"):
        found = read(copy.path)
    check_bad(found, safe)


# Which product it is


def test_others_are_refused_in_words(tmp_path, made):
    store = tmp_path / "result.zarr"
    xr.Dataset({"swh": ("vignette", [1.0])}).to_zarr(store, consolidated=False)
    with pytest.raises(UnsupportedProductError, match=r"no EOPF product.*open_archive"):
        open_wave_mode(store)
    other = tmp_path / "S01SIWSLC_20210403T083025_0030_A150_0126_032390.zarr"
    root = zarr.open_group(other, mode="w")
    root.attrs["stac_discovery"] = {"properties": {"product:type": "S01SIWSLC"}}
    with pytest.raises(UnsupportedProductError, match="S01SIWSLC"):
        open_wave_mode(other)
    root.attrs["stac_discovery"] = {"properties": {"product:type": "S01SWVOCN"}}
    with pytest.raises(UnsupportedProductError, match="open_ocn"):
        open_wave_mode(other)


def test_xsar_reads_no_such_product(made, layout):
    with pytest.warns(OceansarWarning, match="reader='direct'"):
        read(made[layout], reader="xsar", vignettes=0)


def test_one_of_both_formats_is_taken_once(product, made, safe, layout, tmp_path):
    for path in (product.path, made[layout]):
        (tmp_path / path.name).symlink_to(path)
    with pytest.warns(OceansarWarning, match="each is taken once"):
        found = read(tmp_path)
    check_same(found, safe)


def test_a_folder_or_a_pattern_of_products(made, tmp_path):
    other = make_product(tmp_path, levels=(0.2, 0.1), start="2021-04-03T10:30:25")
    write_eopf(other, tmp_path / "all")
    (tmp_path / "all" / made["2"].name).symlink_to(made["2"])
    assert read(tmp_path / "all").sizes["vignette"] == 6
    assert read(f"{tmp_path}/all/S01SWVSLC_*").sizes["vignette"] == 6
    assert read(tmp_path / "all", beam="wv2").sizes["vignette"] == 3


def test_xarray_opens_it_by_its_name(made, layout):
    ds = xr.open_dataset(made[layout], chunks={}, shape=SHAPE)
    assert ds.sizes["vignette"] == 4


def test_one_vignette_by_itself(made, safe, layout):
    group = sorted(made[layout].glob("S01S*_002"))[0]
    check_same(read(group), safe.isel(vignette=[1]))


def test_at_a_url(made, packed, safe, layout):
    fsspec = pytest.importorskip("fsspec")
    path = made[layout]
    memory = fsspec.filesystem("memory")
    try:
        memory.put(str(path), f"/products-{layout}/{path.name}", recursive=True)
        check_same(read(f"memory://products-{layout}/{path.name}"), safe)
    finally:
        memory.rm(f"/products-{layout}", recursive=True)


@pytest.fixture
def served(packed, layout):
    """An archive on a web server; gives the server's state, the URL and where each member lies."""
    pytest.importorskip("aiohttp")
    path = packed[layout]
    with zipfile.ZipFile(path) as archive:
        members = sorted(archive.infolist(), key=lambda one: one.header_offset)
        ends = [one.header_offset for one in members[1:]] + [archive.start_dir]
    spans = {
        (one.header_offset, end): one.filename
        for one, end in zip(members, ends, strict=True)
    }
    with serve_files() as (server, url):
        server.files[f"/eopf/{path.name}"] = path.read_bytes()
        yield server, f"{url}/eopf/{path.name}", spans


def members_asked(server, spans):
    """Names of the members that were asked for, each by exactly its own bytes; the rest is the directory."""
    names, end = [], max(end for _, end in spans)
    for _, first, sent, headers in server.asked:
        assert "Range" in headers
        if first < end:
            names.append(spans[first, first + sent])
    return names


def test_an_archive_at_a_url_is_read_in_place(served, safe):
    check_same(read(served[1]), safe)


def test_opening_an_archive_at_a_url_reads_no_pixel(served):
    server, url, spans = served
    ds = open_wave_mode(url, shape=SHAPE, chunks=1)
    assert len(server.asked) > 4
    metadata = ("zarr.json", ".zarray", ".zattrs", ".zgroup", ".zmetadata")
    chunks = [n for n in members_asked(server, spans) if not n.endswith(metadata)]
    assert chunks
    assert all("/gcp/" in name or "/measurements/azimuth_time" in name
               or "/measurements/slant_range_time" in name for name in chunks)  # fmt: skip
    server.asked.clear()
    again = pickle.loads(pickle.dumps(ds.isel(vignette=2).sigma0))
    again.compute()
    asked = members_asked(server, spans)
    assert {name.partition("/")[0][-3:] for name in asked if "/" in name} == {"003"}
    assert sum("measurements/slc" in n and not n.endswith(metadata) for n in asked) == 1
    server.asked.clear()
    again.compute()  # what is small is kept
    assert {name for name in members_asked(server, spans) if "/gcp/" in name} == set()
    assert all("/slc/" in name or "_nought/" in name or "_lut/" in name for name in members_asked(server, spans))  # fmt: skip


@pytest.mark.parametrize("ranges", [False, None])
def test_a_server_without_ranges_is_said(served, ranges):
    server, url, _ = served
    server.ranges = ranges
    with pytest.raises(ProductError, match=r"knows no byte ranges.*Download it"):
        open_wave_mode(url, shape=SHAPE)


def test_archives_that_are_not_whole_are_said(served):
    server, url, _ = served
    place = url[url.index("/eopf") :]
    with pytest.raises(ProductError, match="cannot be read"):
        open_wave_mode(url.replace("S01SWVSLC", "S01SWVSLC_none"), shape=SHAPE)
    server.files[place] = server.files[place][:-3000]
    with pytest.raises(ProductError, match="not a whole zip archive"):
        open_wave_mode(url, shape=SHAPE)


@pytest.fixture
def memory():
    memory = pytest.importorskip("fsspec").filesystem("memory")
    yield memory
    memory.rm("/eopf", recursive=True)


def test_a_flipped_bit_in_an_archive_at_a_url_costs_one_vignette(
    packed, safe, layout, memory
):
    content = bytearray(packed[layout].read_bytes())
    with zipfile.ZipFile(packed[layout]) as archive:
        (member,) = [
            one for one in archive.infolist()
            if "_002/measurements/slc/" in one.filename and not one.filename.endswith((".zarray", ".zattrs", "zarr.json"))
        ]  # fmt: skip
    content[member.header_offset + member.compress_size // 2] ^= 1
    memory.pipe(f"/eopf/{packed[layout].name}", bytes(content))
    with pytest.warns(OceansarWarning, match="is damaged"):
        found = read(f"memory://eopf/{packed[layout].name}")
    check_bad(found, safe)


def test_archives_of_other_make_at_a_url(made, safe, layout, memory, tmp_path):
    """Compressed, in a folder, with entries of folders."""
    path = made[layout]
    target = tmp_path / "download.zarr.zip"
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.mkdir(path.name)
        for file in sorted(path.rglob("*")):
            archive.write(file, f"./{path.name}/{file.relative_to(path)}")
    memory.pipe("/eopf/download.zarr.zip", target.read_bytes())
    found = read("memory://eopf/download.zarr.zip")
    check_same(found, safe)
    assert set(found["product"].values) == {path.name}
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("readme.txt", "nothing")
    memory.pipe("/eopf/download.zarr.zip", target.read_bytes())
    with pytest.raises(UnsupportedProductError, match="holds no Zarr store"):
        read("memory://eopf/download.zarr.zip")


def test_on_object_storage(made, packed, safe, layout):
    pytest.importorskip("moto.server")
    s3fs = pytest.importorskip("s3fs")
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        url = "http://{}:{}".format(*server.get_host_and_port())
        options = {"key": "AKIAIOSFODNN7EXAMPLE", "secret": "wJalrXUtnFEMI", "endpoint_url": url}  # fmt: skip
        s3 = s3fs.S3FileSystem(**options, skip_instance_cache=True)
        s3.mkdir(f"eopf-{layout}")
        s3.put(str(made[layout]), f"eopf-{layout}/{made[layout].name}", recursive=True)
        s3.put(str(packed[layout]), f"eopf-{layout}/{packed[layout].name}")
        for name in (made[layout].name, packed[layout].name):
            found = read(f"s3://eopf-{layout}/{name}", storage_options=options)
            check_same(found, safe)
            assert set(found["product"].values) == {made[layout].name}
    finally:
        server.stop()


def test_layouts_differ_as_the_converters_do(made):
    two, three = (
        zarr.open_group(made[k], mode="r", use_consolidated=False) for k in LAYOUTS
    )
    assert (two.metadata.zarr_format, three.metadata.zarr_format) == (2, 3)
    old, new = (
        SimpleNamespace(group=root[name], name=name)
        for root in (two, three)
        for name in sorted(n for n in root if n.startswith("S01S"))[:1]
    )
    assert "_VV_WV1_001" in old.name
    assert old.name.replace("_VV", "") == new.name
    slc = new.group["measurements/slc"]
    assert slc.metadata.dimension_names == ("polarization", "azimuth_time", "slant_range_time")  # fmt: skip
    assert slc.shape[1:] == old.group["measurements/slc"].shape
    assert (made["2"] / ".zmetadata").exists()
    assert three.metadata.consolidated_metadata is None
    assert set(dict(new.group.attrs)["other_metadata"]) == {"VV"}
    annotation = dict(new.group.attrs)["other_metadata"]["VV"]["general_annotation"]
    assert "orbit_list" not in annotation


def test_listings_find_it_wherever_it_lies(made, packed, layout, tmp_path):
    deep = tmp_path / "2021" / "04"
    deep.mkdir(parents=True)
    (deep / made[layout].name).symlink_to(made[layout])
    (deep / "moved").mkdir()
    (deep / "moved" / packed[layout].name).symlink_to(packed[layout])
    (unit,), repeated = list_units(str(tmp_path))
    assert repeated == 1
    assert unit.name == made[layout].name.removesuffix(".zarr")
    assert unit.digest


def test_of_both_formats_the_better_processing_comes_first(tmp_path):
    old, new = (
        make_product(tmp_path / ipf, ipf=ipf, levels=(0.3, 0.06))
        for ipf in ("003.31", "003.71")
    )
    write_eopf(new, tmp_path / "all")
    (tmp_path / "all" / old.name).symlink_to(old)
    units, _ = list_units(str(tmp_path / "all"))
    with pytest.warns(OceansarWarning, match="higher IPF version"):
        ordered = best_first(sorted(units, key=lambda u: u.name, reverse=True), "{}")
    assert [one.name[:6] for one in ordered] == ["S01SWV", "S1A_WV"]


def test_a_check_reads_it_whole(copy, made, layout, safe):
    report = check_archive(made[layout])
    assert (report.vignettes, report.products, report.faults) == (4, 1, ())
    lose(copy, "measurements/slc")
    (fault,) = check_archive(copy.path).faults
    assert fault.place == safe.vignette_id.values[BAD]
    assert "lost its chunk" in fault.text


def test_commands_open_it(made, layout):
    assert opened([str(made[layout])], "wv2").sizes["vignette"] == 2
    assert not is_archive(made[layout])
