"""Level-2 OCN Wave Mode products: a made one in ESA's layout, and a real one where there is it."""

import hashlib
import os
import shutil
import warnings
import zipfile
from pathlib import Path

import netCDF4
import numpy as np
import pytest
import xarray as xr

import xoceansar as xos
from xoceansar.conventions import Quality
from xoceansar.errors import (
    OceansarWarning,
    ProductError,
    UnsupportedProductError,
    VignetteError,
)
from xoceansar.evaluate import collocate
from xoceansar.io.ocn import trial_reading
from xoceansar.sar.gmf import cmod5n

REAL = Path(__file__).parents[2] / "../shared/data/ocn_wv"
FILES = sorted(REAL.glob("*.nc"))
PRODUCT = "S1A_WV_OCN__2SSV_20260112T044944_20260112T050145_062729_07DDB1_42F1.SAFE"
SOURCE = "S1A_WV_SLC__1SSV_20260112T044944_20260112T050145_062729_07DDB1_AAAA"
FILL = -999.0

# name, fill value declared, value: of the wave cell, then of each partition, then of the wind grid
CELL = {
    "oswLon": (None, 180.05), "oswLat": (None, -56.0),
    "oswIncidenceAngle": (None, 35.9), "oswHeading": (None, 202.9),
    "oswTotalHs": (FILL, 2.01), "oswTotalHsStdev": (FILL, 0.24),
    "oswWindSeaHs": (FILL, 0.31), "oswWindSpeed": (None, 6.73),
    "oswWindDirection": (None, 223.0), "oswEcmwfWindSpeed": (None, 6.6),
    "oswEcmwfWindDirection": (None, 100.0), "oswAzCutoff": (None, 208.0),
    "oswRaCutoff": (None, 30.0), "oswNv": (None, 1.21), "oswSkew": (None, 2.5),
    "oswKurt": (None, 10.3), "oswNrcs": (None, -16.0), "oswNrcsNeszCorr": (None, -20.0),
    "oswDepth": (None, 1939.0), "oswLandCoverage": (None, 25.0),
    "oswSnr": (None, 20.0), "oswLookSeparationTime": (None, 0.2),
}  # fmt: skip
PARTITION = {
    "oswHs": [1.8, 0.5, FILL, FILL, FILL], "oswWl": [206.0, 251.0, FILL, FILL, FILL],
    "oswDirmet": [127.0, 253.0, FILL, FILL, FILL],
    "oswAmbiFac": [0.1, -0.02, FILL, FILL, FILL],
}  # fmt: skip
PARTITION_FLAGS = {
    "oswIconf": [0, 1, -128, -128, -128],
    "oswQualityFlagPartition": [1, 3, -128, -128, -128],
}
#: Cells of 1 km about the wave cell: lines run to 202.9 degrees, samples to the right of them.
_LINE, _CELL = np.meshgrid(np.arange(-1.0, 2.0), np.arange(-1.5, 2.0), indexing="ij")
_RUN, _SIDE = np.radians(202.9), np.radians(292.9)
GRID = {
    "owiLat": -56 + (_LINE * np.cos(_RUN) + _CELL * np.cos(_SIDE)) / 111.2,
    "owiLon": 180 + (_LINE * np.sin(_RUN) + _CELL * np.sin(_SIDE)) / 111.2 / np.cos(np.radians(56)),
    "owiWindSpeed": 6.5, "owiHeading": 197.3,
}  # fmt: skip
#: Of the Doppler grid; in each row of cells the same.
DOPPLER = {
    "rvlRadVel": [0.2, 0.3, 0.4], "rvlRadVelStd": 0.02, "rvlDcObs": [-4.2, -7.8, -11.4],
    "rvlDcGeo": 3.0, "rvlDcMiss": 10.0, "rvlUssX": 0.08, "rvlUssY": -0.02,
}  # fmt: skip


def stem(number=1, beam="wv2", start=17):
    return (
        f"s1a-{beam}-ocn-vv-20260112t0458{start:02d}-20260112t0458{start + 3:02d}"
        f"-062729-07ddb1-{number:03d}"
    )


def write(folder, number=1, beam="wv2", start=17, drop=(), attrs=None, **change):
    """Write a measurement file with the layout of IPF 4.02, less what is dropped."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{stem(number, beam, start)}.nc"
    with netCDF4.Dataset(path, "w") as file:
        sizes = {"oswAzSize": 1, "oswRaSize": 1, "oswPartitions": 5, "owiAzSize": 3,
                 "owiRaSize": 4, "owiPolarisation": 1, "rvlAzSize": 2, "rvlRaSize": 3}  # fmt: skip
        for name, size in sizes.items():
            file.createDimension(name, size)

        def put(name, dims, values, dtype="f4", fill=None):
            if name not in drop:
                made = file.createVariable(name, dtype, dims, fill_value=fill)
                made.set_auto_mask(False)
                made[:] = change.get(name, values)

        cell, grid = ("oswAzSize", "oswRaSize"), ("owiAzSize", "owiRaSize")
        for name, (fill, value) in CELL.items():
            put(name, cell, value, fill=fill)
        for name, values in PARTITION.items():
            put(name, (*cell, "oswPartitions"), values, fill=FILL)
        for name, values in PARTITION_FLAGS.items():
            put(name, (*cell, "oswPartitions"), values, "i1", -128)
        for name, value in GRID.items():
            put(name, grid, value, fill=FILL)
        doppler = ("rvlAzSize", "rvlRaSize")
        for name, value in DOPPLER.items():
            put(name, doppler, np.full((2, 3), value), fill=FILL)
        for name in ("rvlConfDcObs", "rvlLandFlag", "rvlMask"):
            put(name, doppler, 0, "i1", -128)
        put("owiWindDirection", grid, np.tile([350.0, 10.0], (3, 2)), fill=FILL)
        put("owiNesz", (*grid, "owiPolarisation"), 0.002, fill=FILL)
        put("owiMask", grid, 0, "i1")
        put("owiWindQuality", grid, 4, "i1", -128)
        put("oswQualityFlag", cell, 2, "i1", -128)
        put("oswLandFlag", cell, 0, "i1")
        file.setncatts(
            {
                "sourceProduct": SOURCE + ".SAFE",
                "missionName": "S1A",
                "polarisation": "VV",
                "firstMeasurementTime": f"2026-01-12T04:58:{start}.000000Z",
                "lastMeasurementTime": f"2026-01-12T04:58:{start + 3}.000000Z",
                "IPFversion": "004.02",
                **(attrs or {}),
            }
        )
    return path


def sign(path, but=()):
    """Write the manifest of a product, with the MD5 of its measurement files but some."""
    listed = "".join(
        f'<dataObject ID="d{i}"><byteStream mimeType="application/octet-stream" size="1">'
        f'<fileLocation locatorType="URL" href="./measurement/{file.name}"/>'
        + f'<checksum checksumName="MD5">{hashlib.md5(file.read_bytes()).hexdigest()}</checksum>'
        * (file not in but)
        + "</byteStream></dataObject>"
        for i, file in enumerate(sorted((path / "measurement").glob("*.nc")))
    )
    manifest = f"<XFDU><dataObjectSection>{listed}</dataObjectSection></XFDU>"
    (path / "manifest.safe").write_text(manifest)


@pytest.fixture
def safe(tmp_path):
    """Three vignettes in a product, written out of order."""
    path = tmp_path / PRODUCT
    for number, beam, start in ((3, "wv1", 46), (1, "wv1", 17), (2, "wv2", 32)):
        write(path / "measurement", number, beam, start)
    sign(path)
    (path / "measurement" / "notes.txt").write_text("not a measurement")
    return path


def test_every_number_arrives_in_the_vocabulary_of_the_library(safe):
    ds = xos.open_ocn(safe)
    assert ds.sizes == {"vignette": 3, "partition": 5}
    assert ds.vignette_id.values.tolist() == [
        stem(1, "wv1", 17), stem(2, "wv2", 32), stem(3, "wv1", 46),
    ]  # fmt: skip
    row = ds.isel(vignette=1)
    expected = {
        "longitude": -179.95, "latitude": -56, "incidence": 35.9, "ground_heading": 202.9,
        "swh": 2.01, "swh_standard_error": 0.24, "wind_sea_swh": 0.31,
        "wind_speed": 6.73, "wind_to_direction": 43.0,
        "wind_speed_mean": 6.5, "wind_to_direction_mean": 180.0,
        "wind_speed_model": 6.6, "wind_to_direction_model": 280.0,
        "azimuth_cutoff": 208, "range_cutoff": 30, "normalised_variance": 1.21,
        "sigma0_skewness": 2.5, "sigma0_kurtosis": 10.3,
        "sigma0_mean": 0.01, "sigma0_raw_mean": 10**-1.6, "nesz": 0.002,
        "water_depth": 1939, "land_fraction": 0.25, "cross_spectrum_snr": 100,
        "look_separation_time": 0.2, "radial_velocity": 0.3,
        "radial_velocity_standard_error": 0.02, "radial_velocity_valid_fraction": 1,
        "doppler_centroid": -7.8, "doppler_centroid_geometric": 3, "doppler_mispointing": 10,
        "stokes_drift_eastward": 0.08, "stokes_drift_northward": -0.02,
        "swh_quality": 2, "wind_quality": 4, "quality": 0,
    }  # fmt: skip
    for name, value in expected.items():
        assert float(row[name]) == pytest.approx(value, rel=1e-5), name
    strings = {
        "beam": "wv2", "platform": "S1A", "polarisation": "VV", "ipf_version": "004.02",
        "product": PRODUCT, "source_product": SOURCE,
    }  # fmt: skip
    for name, text in strings.items():
        assert str(row[name].values) == text
    assert row.time.values == np.datetime64("2026-01-12T04:58:33.5", "ns")
    nan = np.nan
    np.testing.assert_allclose(row.partition_swh, [1.8, 0.5, nan, nan, nan], rtol=1e-6)
    np.testing.assert_allclose(row.partition_wavelength, [206, 251, nan, nan, nan])
    np.testing.assert_allclose(row.partition_to_direction, [127, 253, nan, nan, nan])
    np.testing.assert_allclose(row.partition_ambiguity_factor, [0.1, -0.02, nan, nan, nan], rtol=1e-6)  # fmt: skip
    assert row.partition_ambiguity.values.tolist() == [0, 1, -1, -1, -1]
    assert row.partition_quality.values.tolist() == [1, 3, -1, -1, -1]


def test_every_variable_carries_cf_attributes(safe):
    ds = xos.open_ocn(safe)
    for name, variable in ds.variables.items():
        assert variable.attrs.get("long_name"), name
    assert ds.swh.attrs["standard_name"] == "sea_surface_wave_significant_height"
    assert ds.swh.attrs["ancillary_variables"] == "swh_standard_error swh_quality"
    for name in (
        "swh_quality",
        "wind_quality",
        "partition_quality",
        "partition_ambiguity",
    ):
        attrs = ds[name].attrs
        assert attrs["flag_values"].dtype == ds[name].dtype == np.int8
        assert len(attrs["flag_meanings"].split()) == len(attrs["flag_values"])
    assert "open_ocn" in ds.attrs["history"]


def archive(path, whole):
    target = path.with_suffix(".zip")
    with zipfile.ZipFile(target, "w") as made:
        for file in sorted(path.rglob("*")):
            if whole or file.is_file():
                made.write(file, file.relative_to(path.parent))
    return target


@pytest.mark.parametrize(
    "given",
    [
        lambda p: str(p),
        lambda p: p / "manifest.safe",
        lambda p: p / "measurement",
        lambda p: str(p / "measurement" / "*.nc"),
        lambda p: sorted((p / "measurement").glob("*.nc"))[::-1],
        lambda p: archive(p, whole=True),
        lambda p: archive(p, whole=False),
    ],
    ids=[
        "folder",
        "manifest",
        "measurement",
        "glob",
        "list",
        "zip",
        "zip-without-folders",
    ],
)
def test_every_way_to_name_a_product(safe, given):
    drop = ["history"]
    one, other = xos.open_ocn(safe), xos.open_ocn(given(safe))
    for ds in (one, other):
        for name in drop:
            del ds.attrs[name]
    xr.testing.assert_identical(one, other)


def test_a_file_outside_a_product_is_of_its_source(tmp_path):
    ds = xos.open_ocn(write(tmp_path))
    assert str(ds["product"].values[0]) == SOURCE


def test_fill_values_are_missing_whether_declared_or_not(tmp_path):
    path = write(
        tmp_path, oswAzCutoff=FILL, oswWindSpeed=-999.0, oswHs=[1.8, -1, FILL, FILL, FILL],
        oswDirmet=[-1, 0.0, FILL, FILL, FILL], owiWindSpeed=FILL, oswQualityFlag=-128,
        oswNrcsNeszCorr=-999.0, oswSkew=-999.0,
    )  # fmt: skip
    row = xos.open_ocn(path).isel(vignette=0)
    for name in (
        "azimuth_cutoff",
        "wind_speed",
        "wind_speed_mean",
        "sigma0_mean",
        "sigma0_skewness",
    ):
        assert np.isnan(row[name]), name
    np.testing.assert_allclose(row.partition_swh[:3], [1.8, np.nan, np.nan], rtol=1e-6)
    np.testing.assert_array_equal(row.partition_to_direction[:3], [np.nan, 0, np.nan])
    assert row.swh_quality == -1
    assert int(row["quality"]) & xos.conventions.Quality.NO_DATA


def test_land_and_ice_are_left_out_of_the_wind_and_flagged(tmp_path):
    mask = np.zeros((3, 4), int)
    mask[0, 0], mask[2, 3] = 1, 2
    speed = np.full((3, 4), 6.0)
    speed[0, 0], speed[2, 3] = 40, 50
    quality = np.full((3, 4), 4)
    quality[0] = 1
    row = xos.open_ocn(
        write(tmp_path, owiMask=mask, owiWindSpeed=speed, owiWindQuality=quality)
    ).isel(vignette=0)
    assert row.wind_speed_mean == 6
    assert row.wind_quality == 1
    flags = xos.conventions.Quality
    assert int(row["quality"]) == flags.LAND | flags.SEA_ICE_HINT


def test_only_confident_cells_of_the_open_sea_have_a_radial_velocity(tmp_path):
    """Of six cells one is not confident, one is land, one is ice and one a gap."""
    velocity = np.array([[9.0, 9.0, 0.4], [9.0, FILL, 0.2]])
    change = {
        "rvlRadVel": velocity,
        "rvlConfDcObs": [[1, 0, 0], [0, 0, 0]],
        "rvlLandFlag": [[0, 1, 0], [0, 0, 0]],
        "rvlMask": [[0, 0, 0], [2, 0, 0]],
    }
    row = xos.open_ocn(write(tmp_path, **change)).isel(vignette=0)
    assert float(row.radial_velocity) == pytest.approx(0.3)
    assert float(row.radial_velocity_valid_fraction) == pytest.approx(1 / 3)
    assert float(row.doppler_centroid) == pytest.approx(-11.4)
    assert row["quality"] == 0
    assert "rvlRadVel" in row.radial_velocity.attrs["comment"]
    older = write(tmp_path / "b", drop=["rvlMask"], rvlConfDcObs=1)
    assert np.isnan(xos.open_ocn(older).radial_velocity).all()
    assert (xos.open_ocn(older).radial_velocity_valid_fraction == 0).all()


OLD = ["oswTotalHs", "oswTotalHsStdev", "oswNrcsNeszCorr", "oswQualityFlagPartition",
       "owiWindSpeed", "owiWindDirection", "owiLon", "owiLat", "owiMask", "owiNesz",
       "owiHeading", "owiWindQuality", "oswSkew", "oswDepth", "oswLandFlag"]  # fmt: skip


def test_an_older_layout_has_missing_values_and_one_note(tmp_path):
    for number in (1, 2):
        unknown = {"firstMeasurementTime": "unknown"}
        write(tmp_path, number, f"wv{number}", drop=OLD, attrs=unknown)
    with pytest.warns(
        OceansarWarning, match="2 of 2 vignettes have no total wave"
    ) as notes:
        ds = xos.open_ocn(tmp_path)
    assert len(notes) == 1
    for name in ("swh", "sigma0_mean", "nesz", "wind_speed_mean", "water_depth"):
        assert np.isnan(ds[name]).all(), name
    np.testing.assert_allclose(ds.wind_speed, 6.73, rtol=1e-6)
    np.testing.assert_allclose(ds.sigma0_raw_mean, 10**-1.6, rtol=1e-6)
    assert ds.wind_quality.values.tolist() == [-1, -1]
    assert (ds["quality"] == 0).all()
    assert (ds.time == np.datetime64("2026-01-12T04:58:18.5")).all()


def test_one_bad_file_does_not_harm_its_neighbours(safe):
    bad = safe / "measurement" / f"{stem(2, 'wv2', 32)}.nc"
    bad.write_bytes(bad.read_bytes()[:2000])
    sign(safe)
    with pytest.warns(OceansarWarning, match="Its row is missing") as notes:
        ds = xos.open_ocn(safe)
    assert len(notes) == 1
    assert np.isnan(ds.swh).values.tolist() == [False, True, False]
    assert ds["quality"].values.tolist() == [0, 64, 0]
    assert ds.time[1] == np.datetime64("2026-01-12T04:58:33.5")
    with pytest.raises(VignetteError, match=stem(2, "wv2", 32)):
        xos.open_ocn(safe, on_error="raise")


@pytest.mark.parametrize(
    "given",
    [
        lambda p: p,
        lambda p: p / "measurement",
        lambda p: sorted((p / "measurement").glob("*.nc")),
        lambda p: archive(p, whole=True),
    ],
    ids=["folder", "measurement", "files", "zip"],
)
def test_a_flipped_bit_costs_its_row_whatever_it_would_have_given(safe, given):
    bad = safe / "measurement" / f"{stem(2, 'wv2', 32)}.nc"
    with netCDF4.Dataset(bad, "a") as file:
        file["oswTotalHs"][:] = 3.0  # as plausible as what was there
    with pytest.warns(OceansarWarning, match=r"-002.*its MD5 is .*Its row is missing"):
        ds = xos.open_ocn(given(safe))
    np.testing.assert_allclose(ds.swh, [2.01, np.nan, 2.01])
    assert ds["quality"].values.tolist() == [0, 64, 0]
    with pytest.raises(VignetteError, match="its MD5 is"):
        xos.open_ocn(given(safe), on_error="raise")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        unchecked = xos.open_ocn(given(safe), verify=False)
    np.testing.assert_allclose(unchecked.swh, [2.01, 3.0, 2.01])


def test_what_cannot_be_verified_is_said(safe, monkeypatch):
    one = safe / "measurement" / f"{stem(2, 'wv2', 32)}.nc"
    sign(safe, but=[one])
    with pytest.warns(OceansarWarning, match="has no MD5 of 1 of its files") as notes:
        assert (xos.open_ocn(safe)["quality"] == 0).all()
    assert len(notes) == 1
    (safe / "manifest.safe").write_text("<xml")
    with pytest.warns(
        OceansarWarning, match="not well-formed.*not held to their"
    ) as notes:
        assert (xos.open_ocn(safe)["quality"] == 0).all()
    assert len(notes) == 1
    with pytest.raises(ProductError, match="not well-formed"):
        xos.open_ocn(safe, on_error="raise")
    monkeypatch.chdir(safe / "measurement")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        quiet = xos.open_ocn(one.name, verify=False)
        (safe / "manifest.safe").unlink()
        assert (
            xos.open_ocn(".")["product"] == PRODUCT
        ).all()  # and asks for no manifest
    assert quiet["product"].item() == PRODUCT


def test_the_same_vignette_given_twice_is_one(safe, tmp_path):
    copy = tmp_path / "copy" / PRODUCT
    shutil.copytree(safe, copy)
    with pytest.warns(OceansarWarning, match="3 files are given more than once"):
        assert xos.open_ocn([safe, copy]).sizes["vignette"] == 3


@pytest.mark.parametrize(
    ("worse", "better", "soon"),
    [
        ({"IPFversion": "003.71"}, {"IPFversion": "004.02"}, ("", "")),
        ({"processingStartTime": "2026-01-12T06:00:00Z"},
         {"processingStartTime": "2026-02-01T06:00:00Z"}, ("", "")),
        ({}, {}, ("NRT-3h", "Fast-24h")),
    ],
)  # fmt: skip
@pytest.mark.parametrize("order", [1, -1])
def test_of_several_processings_the_better_is_taken(
    tmp_path, worse, better, soon, order
):
    kinds = [("a", worse, 1.0, soon[0]), ("b", better, 2.0, soon[1])]
    for folder, attrs, swh, timeliness in kinds:
        path = tmp_path / folder / PRODUCT
        # slices are cut differently: another number, and another second of the start
        number, start = (1, 17) if folder == "a" else (3, 18)
        write(path / "measurement", number, "wv1", start, attrs=attrs, oswTotalHs=swh)
        sign(path)
        manifest = path / "manifest.safe"
        category = (
            f"<productTimelinessCategory>{timeliness}</productTimelinessCategory>"
        )
        manifest.write_text(manifest.read_text().replace("<XFDU>", f"<XFDU>{category}"))
    folders = [tmp_path / folder / PRODUCT for folder in ("a", "b")][::order]
    with pytest.warns(OceansarWarning, match="1 files are given more than once"):
        ds = xos.open_ocn(folders)
    assert ds.swh.values.tolist() == [2.0]


def test_a_folder_of_products_holds_their_vignettes(safe, tmp_path):
    assert xos.open_ocn(tmp_path).vignette_id.values.tolist() == (
        xos.open_ocn(safe).vignette_id.values.tolist()
    )


def test_other_products_are_refused_with_what_opens_them(tmp_path, product):
    with pytest.raises(UnsupportedProductError, match="open_wave_mode"):
        xos.open_ocn(product.path)
    with pytest.raises(UnsupportedProductError, match="open_ocn"):
        xos.open_wave_mode(tmp_path / PRODUCT)
    wide = (
        tmp_path
        / "S1A_IW_OCN__2SDV_20210809T173953_20210809T174018_039156_049F13_6FF8.SAFE"
    )
    (wide / "measurement").mkdir(parents=True)
    with pytest.raises(UnsupportedProductError, match="IW OCN"):
        xos.open_ocn(wide)
    other = tmp_path / "era5.nc"
    xr.Dataset({"swh": 1.0}).to_netcdf(other)
    with pytest.raises(UnsupportedProductError, match="not named as a measurement"):
        xos.open_ocn(other)
    disguised = tmp_path / f"{stem()}.nc"
    shutil.copy(other, disguised)
    with pytest.raises(UnsupportedProductError, match="no wave component"):
        xos.open_ocn(disguised)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ProductError, match="holds no measurement file"):
        xos.open_ocn(tmp_path / "empty")
    with pytest.raises(ProductError, match="does not exist"):
        xos.open_ocn(tmp_path / "nowhere.SAFE")
    with pytest.raises(ProductError, match="on_error"):
        xos.open_ocn(disguised, on_error="ignore")


def test_an_archive_that_is_cut_short_is_said_to_be(safe):
    cut = archive(safe, whole=False)
    cut.write_bytes(cut.read_bytes()[: cut.stat().st_size * 6 // 10])
    with pytest.raises(ProductError, match="not a whole zip archive"):
        xos.open_ocn(cut)


def test_it_is_a_reference_for_collocation(safe):
    ocn = xos.open_ocn(safe)
    own = ocn[["swh"]].isel(vignette=[2, 0])
    found = collocate(own, ocn, max_distance=1, max_time="2s")
    assert (found.collocation_flag == 0).all()
    assert (
        found.reference_vignette_id.values.tolist() == own.vignette_id.values.tolist()
    )
    np.testing.assert_array_equal(found.collocation_distance, 0)


def test_it_survives_an_archive(safe, tmp_path):
    ds = xos.open_ocn(safe)
    back = xr.open_zarr(xos.to_zarr(ds, tmp_path / "ocn.zarr")).load()
    np.testing.assert_allclose(back.partition_swh, ds.partition_swh)
    flags = back.partition_quality.fillna(-1)
    np.testing.assert_array_equal(flags, ds.partition_quality)


def test_a_wind_that_was_inverted_along_another_heading_is_bad(tmp_path):
    """As in products of 2021: owiHeading is 166 degrees off the lines, oswHeading is right."""
    write(tmp_path, 1)
    write(tmp_path, 2, start=32, owiHeading=357.0)
    with pytest.warns(OceansarWarning, match="owiHeading 357 where the lines run to 203 degrees") as notes:  # fmt: skip
        ds = xos.open_ocn(tmp_path)
    assert len(notes) == 1
    assert ds.wind_quality.values.tolist() == [4, 1]
    assert ds["quality"].values.tolist() == [0, 0]
    np.testing.assert_allclose(ds.ground_heading, 202.9, rtol=1e-6)
    assert "wind_quality" in ds.wind_speed_mean.attrs["ancillary_variables"]
    with pytest.warns(OceansarWarning, match="oswHeading 23 where"):
        turned = xos.open_ocn(write(tmp_path / "b", oswHeading=22.9))
    assert np.isnan(turned.ground_heading).all()
    assert turned["quality"].values.tolist() == [SUSPECT]


def test_flags_are_taken_by_their_meaning(tmp_path):
    """The quality of the wind counted the other way before IPF 4: 0 was good."""
    words = "good medium low poor"
    for code, expected in enumerate((4, 3, 2, 1)):
        path = write(tmp_path / words[code], owiWindQuality=code)
        with netCDF4.Dataset(path, "a") as file:
            file["owiWindQuality"].flag_meanings = words
            file["owiWindQuality"].flag_values = np.arange(4, dtype=np.int8)
        ds = xos.open_ocn(path)
        assert ds.wind_quality.values.tolist() == [expected]
    assert ds.wind_quality.attrs["flag_meanings"].split()[1] == "bad"


SUSPECT = int(xos.conventions.Quality.CALIBRATION_SUSPECT)


@pytest.mark.parametrize(
    ("source", "wrong", "name"),
    [
        ("oswWindSpeed", 300, "wind_speed"),
        ("oswEcmwfWindSpeed", 9.97e36, "wind_speed_model"),
        ("owiWindSpeed", 250, "wind_speed_mean"),
        ("oswTotalHs", 9.97e36, "swh"),
        ("oswTotalHs", 300, "swh"),
        ("oswTotalHs", np.inf, "swh"),
        ("oswNrcsNeszCorr", 128, "sigma0_mean"),
        ("oswNrcs", 128, "sigma0_raw_mean"),
        ("owiNesz", 25.0, "nesz"),
        ("oswLat", 95, "latitude"),
        ("oswLat", 500, "latitude"),
        ("oswLon", 1e20, "longitude"),
        ("oswIncidenceAngle", 1.5, "incidence"),
        ("oswWindDirection", 4e3, "wind_to_direction"),
        ("oswHs", [1e3, 0.5, FILL, FILL, FILL], "partition_swh"),
        ("oswDirmet", [720, 9, FILL, FILL, FILL], "partition_to_direction"),
        ("oswLandCoverage", 1e4, "land_fraction"),
        ("rvlRadVel", 100, "radial_velocity"),
        ("rvlDcObs", 1e5, "doppler_centroid"),
    ],
)
def test_what_cannot_be_is_missing_flagged_and_counted(tmp_path, source, wrong, name):
    write(tmp_path, 1, **{source: wrong})
    write(tmp_path, 2, start=32)
    with pytest.warns(OceansarWarning, match=f"1 of 2 vignettes have values that cannot be.*{source}") as notes:  # fmt: skip
        ds = xos.open_ocn(tmp_path)
    assert len([one for one in notes if "cannot be" in str(one.message)]) == 1
    assert np.isnan(ds[name].values[0].flat[0])
    assert np.isfinite(ds[name].values[1].flat[0])
    assert ds["quality"].values.tolist() == [SUSPECT, 0]


@pytest.mark.parametrize("time", ["now", "-1", "9021-01-12T04:58:17Z", "NaT", "2026-13-12T04:58:17Z", "2026-01-12T04:58:17+05:00"])  # fmt: skip
def test_impossible_times_give_way_to_that_of_the_name(tmp_path, time):
    ds = xos.open_ocn(write(tmp_path, attrs={"firstMeasurementTime": time}))
    assert ds.time.values.tolist() == [int(np.datetime64("2026-01-12T04:58:18.5", "ns").astype(int))]  # fmt: skip


def test_a_time_of_another_vignette_is_doubted(tmp_path):
    with pytest.warns(OceansarWarning, match="firstMeasurementTime 2025-01-12"):
        ds = xos.open_ocn(write(tmp_path, attrs={"firstMeasurementTime": "2025-01-12T04:58:17Z"}))  # fmt: skip
    assert ds.time.values[0] == np.datetime64("2026-01-12T04:58:18.5")
    assert ds["quality"].values.tolist() == [SUSPECT]


def with_text(folder, dtype):
    path = write(folder, 2, start=32, drop=["oswTotalHs", "oswHs"])
    with netCDF4.Dataset(path, "a") as file:
        made = file.createVariable("oswTotalHs", dtype, ("oswAzSize", "oswRaSize"))
        made[0, 0] = "2"
    return path


def with_seven_partitions(folder):
    path = write(folder, 2, start=32, drop=["oswHs"])
    with netCDF4.Dataset(path, "a") as file:
        file.createDimension("more", 7)
        file.createVariable("oswHs", "f4", ("oswAzSize", "oswRaSize", "more"))[:] = 1.0
    return path


@pytest.mark.parametrize(
    "damage",
    [lambda f: with_text(f, str), lambda f: with_text(f, "S1"), with_seven_partitions],
    ids=["text", "characters", "seven partitions"],
)
def test_a_file_with_text_for_numbers_costs_its_own_row(tmp_path, damage):
    write(tmp_path, 1)
    bad = damage(tmp_path)
    with pytest.warns(OceansarWarning, match=f"vignette {bad.stem}: {bad}.*Download the product") as notes:  # fmt: skip
        ds = xos.open_ocn(tmp_path)
    assert len(notes) == 1
    np.testing.assert_allclose(ds.swh, [2.01, np.nan])
    assert ds["quality"].values.tolist() == [0, 64]
    with pytest.raises(VignetteError, match=bad.stem):
        xos.open_ocn(tmp_path, on_error="raise")


@pytest.mark.parametrize("damage", ["method", "encrypted", "checksum", "offset"])
def test_a_member_that_cannot_be_unpacked_costs_its_own_row(safe, damage):
    path = archive(safe, whole=False)
    data = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as made:
        member = next(m for m in made.infolist() if m.filename.endswith("-002.nc"))
        central = data.rindex(member.filename.encode()) - 46
    if damage == "method":
        data[central + 10 : central + 12] = (77).to_bytes(2, "little")
    elif damage == "encrypted":
        data[central + 8] |= 1
    elif damage == "checksum":
        data[central + 16] ^= 1
    else:
        data[central + 42 : central + 46] = (7).to_bytes(4, "little")
    path.write_bytes(data)
    with pytest.warns(OceansarWarning, match="wv2-.*-002: .*Its row is missing"):
        ds = xos.open_ocn(path)
    assert ds["quality"].values.tolist() == [0, 64, 0]
    np.testing.assert_allclose(ds.swh, [2.01, np.nan, 2.01])


@pytest.mark.parametrize("name", [stem(1).replace("20260112", "20261312"), stem(0), stem(999), stem(1).replace("062729", "٠٦٢٧٢٩")])  # fmt: skip
def test_a_name_that_cannot_be_is_refused_alone_and_counted_in_a_folder(tmp_path, name):
    good = write(tmp_path)
    odd = tmp_path / f"{name}.nc"
    if odd != good:
        shutil.copy(good, odd)
    with pytest.raises(UnsupportedProductError, match="not named as a measurement"):
        xos.open_ocn(odd)
    with pytest.warns(OceansarWarning, match=f"1 of 2 .*{name}"):
        assert xos.open_ocn(tmp_path).sizes["vignette"] == 1


needs_real = pytest.mark.skipif(not REAL.exists(), reason="needs ../shared/data")


@pytest.fixture(scope="module")
def real():
    """Rows of the real files, by the last letters of their names."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", OceansarWarning)
        ds = xos.open_ocn(REAL)
    return {row.vignette_id.item()[-10:]: row for row in (ds.isel(vignette=k) for k in range(ds.sizes["vignette"]))}  # fmt: skip


@needs_real
def test_a_real_product(real):
    row = real["07ddb1-036"]
    known = {
        "swh": 2.01, "swh_standard_error": 0.24322, "azimuth_cutoff": 208,
        "wind_speed": 6.73238, "wind_to_direction": 43.33607,
        "wind_speed_model": 6.60208, "wind_speed_mean": 6.505764,
        "wind_to_direction_mean": 42.68326, "normalised_variance": 1.20946,
        "incidence": 35.93525, "ground_heading": 202.90877, "nesz": 0.0023116559,
        "longitude": -4.23029, "latitude": -56.01413, "water_depth": 1939.3307,
    }  # fmt: skip
    for name, value in known.items():
        assert float(row[name]) == pytest.approx(value, rel=2e-5), name
    np.testing.assert_allclose(row.partition_swh[:2], [1.80987, 0.51459], atol=5e-6)
    assert np.isnan(row.partition_swh[2:]).all()
    assert 10 * np.log10(float(row.sigma0_mean)) == pytest.approx(-17.21285, abs=1e-5)
    assert row.time == np.datetime64("2026-01-12T04:58:18.5")
    assert row.swh_quality == -1


@needs_real
def test_a_real_product_of_before_2022(real):
    """IPF 3.31 has no total height and no corrected NRCS, and a heading that is wrong."""
    row = real["044589-004"]
    assert np.isnan(row.swh)
    assert np.isnan(row.swh_standard_error)
    raw = 10 ** (-10.97615147 / 10)
    assert float(row.sigma0_mean) == pytest.approx(raw - 0.006905764, rel=1e-6)
    assert float(row.ground_heading) == pytest.approx(191.038, abs=1e-3)
    assert row.wind_quality == 1
    assert row["quality"] == 0
    newer = real["063162-031"]
    assert newer.wind_quality == 4, "nine cells in ten are good, which is 0 there"
    # where the product has both, they are the same to 0.05 dB
    for other in (newer, real["07ddb1-036"]):
        difference = float(other.sigma0_raw_mean - other.nesz) / float(other.sigma0_mean)  # fmt: skip
        assert abs(10 * np.log10(difference)) < 0.05


@needs_real
@pytest.mark.parametrize("path", FILES, ids=[file.stem[-10:] for file in FILES])
def test_swell_travels_with_the_wind_and_the_model(real, path):
    """The main partition, against the wind and the Stokes drift of the wave model in the file.

    Within 15 degrees of a right angle the sea crosses, and says nothing of the convention.
    """
    row = real[path.stem[-10:]]
    main = row.partition_to_direction.values[np.nanargmax(row.partition_swh)]
    with netCDF4.Dataset(path) as file:
        drift = np.degrees(np.arctan2(file["rvlUssX"][:].mean(), file["rvlUssY"][:].mean()))  # fmt: skip
    others = [row.wind_to_direction.item(), row.wind_to_direction_model.item(), drift]
    agreement = np.cos(np.radians(main - np.array(others)))
    assert min(agreement) > -np.sin(np.radians(15)), agreement
    decisive = {"07ddb1-036": 0.65, "044589-004": 0.95}
    assert max(agreement) > decisive.get(path.stem[-10:], -1)


@pytest.mark.parametrize("name", ["owiLon", "owiMask", "oswQualityFlag"])
def test_a_variable_of_more_values_than_a_vignette_has_is_not_read(safe, name):
    with netCDF4.Dataset(
        safe / "measurement" / f"{stem(2, 'wv2', 32)}.nc", "a"
    ) as file:
        file.renameVariable(name, "old")
        file.createDimension("many", 2**31)
        file.createVariable(name, "i1", ("many",))
    sign(safe)
    with pytest.warns(OceansarWarning, match=f"{name} announces 2147483648 values"):
        ds = xos.open_ocn(safe)
    assert ds.quality.values.tolist() == [0, 64, 0]


@needs_real
@pytest.mark.parametrize("path", FILES, ids=[file.stem[-10:] for file in FILES])
def test_heading_and_wind_of_real_products_have_the_conventions_that_are_said(
    real, path
):
    """Lines follow oswHeading on the ground; CMOD5.N is reproduced by owiHeading and wind from.

    So the winds of a file whose owiHeading is wrong are wrong: by 1.5 dB in the one of 2021.
    """
    row = real[path.stem[-10:]]
    with xr.open_dataset(path) as file:
        lon, lat = (
            np.radians(file[n].values[:, 10].astype(float))
            for n in ("owiLon", "owiLat")
        )
        east = np.sin(lon[-1] - lon[0]) * np.cos(lat[-1])
        north = np.cos(lat[0]) * np.sin(lat[-1]) - np.sin(lat[0]) * np.cos(
            lat[-1]
        ) * np.cos(lon[-1] - lon[0])
        bearing = np.degrees(np.arctan2(east, north)) % 360
        heading = float(file.owiHeading.mean())
        sigma0 = float(file.owiNrcsCmod.values[9, 10])
        speed = float(file.owiEcmwfWindSpeed.values[9, 10])
        origin = float(file.owiEcmwfWindDirection.values[9, 10])
        incidence = float(file.owiIncidenceAngle.values[9, 10])
    assert float(row.ground_heading) == pytest.approx(bearing, abs=0.2)
    off = abs((heading - bearing + 180) % 360 - 180)
    assert (off > 20) == (row.wind_quality == 1)
    assert 2 < off < 6 or off > 160
    modelled = cmod5n(speed, origin - np.array([heading, bearing]) - 90, incidence)
    assert modelled[0] == pytest.approx(sigma0, rel=1e-6)
    assert (abs(10 * np.log10(modelled[1] / sigma0)) > 1) == (row.wind_quality == 1)
    assert float(row.wind_to_direction_model) == pytest.approx(
        (origin - 180) % 360, abs=3
    )


@pytest.mark.parametrize("kind", ["pipe", "loop", "sparse", "member"])
def test_a_file_without_end_is_one_bad_row(tmp_path, kind):
    stem = "s1a-wv1-ocn-vv-20240101t000000-20240101t000003-052000-064000-001"
    file = tmp_path / f"{stem}.nc"
    path = tmp_path
    if kind == "pipe":
        os.mkfifo(file)
    elif kind == "loop":
        file.symlink_to(file.name)
    elif kind == "sparse":
        with file.open("wb") as sparse:
            sparse.truncate(1 << 40)
    else:
        path = tmp_path / "a.zip"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(file.name, bytes(65 << 20))
    with pytest.warns(OceansarWarning, match=stem):
        ds = xos.open_ocn(path)
    assert ds.vignette_id.values.tolist() == [stem]
    assert ds.quality.values.tolist() == [64]


@pytest.fixture
def reader(monkeypatch):
    """Put a program in the place of the one that reads files on trial."""

    def put(program, wait=trial_reading._WAIT):
        monkeypatch.setattr(trial_reading, "_reader", None)
        monkeypatch.setattr(trial_reading, "_LIMIT", 0.5)
        monkeypatch.setattr(trial_reading, "_WAIT", wait)
        monkeypatch.setattr(trial_reading, "_READER", program)

    yield put
    if trial_reading._reader is not None:
        trial_reading._reader.stop()


_BEGINS = "import sys; sys.stdout.write('.'); sys.stdout.flush(); n = sys.stdin.buffer.read(9)"


@pytest.mark.parametrize("way", ["while True: pass", "import os; os.abort()"])
def test_a_file_that_hdf5_does_not_return_from_costs_its_row(tmp_path, reader, way):
    """The process that reads it first never answers, or dies."""
    files = [write(tmp_path, number) for number in (1, 3)]
    reader(f"{_BEGINS}; exec({way!r})", wait=0.5)
    with pytest.warns(OceansarWarning, match="HDF5 came to no end"):
        ds = xos.open_ocn(files[0], verify=False)
    assert np.isnan(ds.swh).all()
    assert ds.quality.values.tolist() == [Quality.UNREADABLE]
    with pytest.raises(VignetteError, match=r"HDF5 came to no end.*Download"):
        xos.open_ocn(files[1], verify=False, on_error="raise")


@pytest.mark.parametrize(
    ("way", "flags"), [("while True: pass", [Quality.UNREADABLE]), ("time.sleep(0.03)", [0])]
)  # fmt: skip
def test_the_time_of_the_processor_decides_whether_a_file_has_an_end(
    tmp_path, reader, way, flags
):
    """A reader that waits for its turn on a busy machine is not taken for one that never ends."""
    reader("import time\n" + trial_reading._READER.replace("variable[...]", way))
    file = write(tmp_path, 1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ds = xos.open_ocn(file, verify=False)
    assert (ds.quality.values & Quality.UNREADABLE).tolist() == flags


def test_files_on_trial_are_read_by_one_process_and_checked_ones_by_none(
    tmp_path, safe, reader
):
    reader(trial_reading._READER)
    assert xos.open_ocn(safe).sizes["vignette"] == 3  # held to the sums of the manifest
    assert trial_reading._reader is None
    files = [write(tmp_path / "loose", number) for number in (1, 3, 5)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ds = xos.open_ocn(files, verify=False)
        assert np.isfinite(ds.swh).all()
        once = trial_reading._reader
        assert once.started
        xos.open_ocn(files[:1], verify=False)
    assert trial_reading._reader is once
