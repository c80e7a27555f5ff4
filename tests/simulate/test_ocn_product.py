"""Simulated Level-2 products: a real file's layout, and the truth with errors that are stated."""

import re
from pathlib import Path

import netCDF4
import numpy as np
import pytest
import xarray as xr

import xoceansar as xos
from xoceansar.conventions import Quality
from xoceansar.errors import MissingVariableError, OceansarError, OceansarWarning
from xoceansar.io.ocn.ocn_variables import PARTITIONS, SCALARS
from xoceansar.sar.gmf import cmod5n
from xoceansar.simulate.products.ocn_truth import Errors, measured_vignettes
from xoceansar.simulate.products.safe_product import truth_path

REAL = (
    Path(__file__).parents[2] / "../shared/data/ocn_wv"
    / "s1a-wv2-ocn-vv-20260112t045817-20260112t045820-062729-07ddb1-036.nc"
)  # fmt: skip
NONE = {
    "swh_error": 0.0,
    "wind_error": 0.0,
    "direction_error": 0.0,
    "model_wind_error": 0.0,
}


@pytest.fixture(scope="module")
def slc(tmp_path_factory):
    return xos.simulate.write_safe(
        tmp_path_factory.mktemp("slc"), 3, seed=4, scale=0.02
    )


@pytest.fixture(scope="module")
def truth(slc):
    return xr.load_dataset(truth_path(slc), engine="scipy")


def _file(product):
    return netCDF4.Dataset(sorted((product / "measurement").iterdir())[0])


def test_without_errors_the_truth_comes_back(slc, truth, tmp_path):
    product = xos.simulate.write_ocn(slc, tmp_path, **NONE)
    ocn = xos.open_ocn(product)
    assert ocn.vignette_id.values.tolist() == [
        name.replace("slc", "ocn") for name in truth.vignette_id.values
    ]
    for name in (
        "longitude", "latitude", "ground_heading", "incidence", "swh", "wind_speed", "azimuth_cutoff",
        "radial_velocity", "sigma0_mean",
    ):  # fmt: skip
        np.testing.assert_allclose(ocn[name], truth[name], rtol=2e-6, err_msg=name)
    for name in (
        "wind_to_direction",
        "wind_to_direction_mean",
        "wind_to_direction_model",
    ):
        off = (ocn[name] - truth.wind_to_direction + 180) % 360 - 180
        np.testing.assert_allclose(off, 0, atol=1e-3)
    np.testing.assert_allclose(ocn.wind_speed_model, truth.wind_speed, rtol=1e-6)
    np.testing.assert_allclose(ocn.wind_speed_mean, truth.wind_speed, rtol=1e-6)
    np.testing.assert_allclose(
        ocn.partition_wavelength[:, 0], truth.peak_wavelength, rtol=1e-6
    )
    np.testing.assert_allclose(
        ocn.partition_to_direction[:, 0], truth.peak_to_direction, rtol=1e-5
    )
    np.testing.assert_allclose(
        ocn.sigma0_raw_mean, ocn.sigma0_mean + ocn.nesz, rtol=1e-5
    )
    # the height is divided between wind sea and one swell
    total = np.hypot(ocn.partition_swh[:, 0], ocn.wind_sea_swh)
    np.testing.assert_allclose(total, truth.swh, rtol=1e-5)
    assert ocn.platform.values.tolist() == ["S1A"] * 3
    assert ocn.ipf_version.values.tolist() == ["004.02"] * 3
    assert ocn.source_product.values.tolist() == [slc.stem] * 3
    assert (ocn.product == product.name).all()
    assert ocn.attrs["simulated"] == 1
    assert "not a measurement" in ocn.attrs["source"]


def test_every_variable_that_is_read_has_values(slc, tmp_path):
    ocn = xos.open_ocn(xos.simulate.write_ocn(slc, tmp_path), spectra=True)
    for name in SCALARS:
        assert np.isfinite(ocn[name]).all(), name
    for name in PARTITIONS:
        assert (ocn[name][:, 0] >= 0).all() or name == "partition_ambiguity_factor", (
            name
        )
        assert not (ocn[name][:, 1:] >= 0).any(), name
    assert (ocn["quality"] == 0).all()
    assert ocn.wind_quality.values.tolist() == [4] * 3
    assert ocn.swh_quality.values.tolist() == [0] * 3
    for name in ("wave_spectrum", "cross_spectrum_real", "resolved_wavelength"):
        assert np.isfinite(ocn[name]).all(), name


def test_spectra_hold_the_swell(slc, truth, tmp_path):
    ocn = xos.open_ocn(xos.simulate.write_ocn(slc, tmp_path, **NONE), spectra=True)
    k, phi = ocn.wavenumber, ocn.wave_to_direction
    area = k * np.gradient(k) * np.radians(5)
    height = 4 * np.sqrt(
        (ocn.wave_spectrum * area).sum(["wavenumber", "wave_to_direction"])
    )
    np.testing.assert_allclose(height, ocn.partition_swh[:, 0], rtol=1e-5)
    for row in range(3):
        peak = ocn.wave_spectrum[row].argmax(["wavenumber", "wave_to_direction"])
        assert float(2 * np.pi / k[peak["wavenumber"]]) == pytest.approx(
            float(truth.peak_wavelength[row]), rel=0.07
        )
        off = float(phi[peak["wave_to_direction"]] - truth.peak_to_direction[row])
        assert abs((off + 180) % 360 - 180) <= 2.5
        # the Cartesian cross-spectrum of lag 1 is positive towards where the waves travel
        imag = ocn.cross_spectrum_imag[row, 1]
        at = np.abs(imag).argmax(["azimuth_bin", "range_bin"])
        ky, kx = (
            float(ocn[f"{axis}_wavenumber"][row, at[f"{axis}_bin"]])
            for axis in ("azimuth", "range")
        )
        sign = np.sign(float(imag[at]))
        toward = float(truth.ground_heading[row]) + np.degrees(
            np.arctan2(sign * kx, sign * ky)
        )
        assert abs((toward - float(truth.peak_to_direction[row]) + 180) % 360 - 180) < 4


def test_errors_are_as_stated(truth, tmp_path):
    many = truth.isel(vignette=[0] * 1500)
    stem = many.vignette_id.values[0]
    many["vignette_id"] = "vignette", [f"{stem[:-10]}{k:06x}-001" for k in range(1500)]
    errors = Errors(swh=0.2, wind=0.9, direction=10.0, model_wind=0.5)
    drawn = list(measured_vignettes(many, errors, seed=3))
    one = {
        name: float(truth[name][0])
        for name in ("swh", "wind_speed", "wind_to_direction")
    }
    off = {
        "swh": np.array([row.swh for row in drawn]) - one["swh"],
        "wind": np.array([row.wind_speed for row in drawn]) - one["wind_speed"],
        "model_wind": np.array([row.model_speed for row in drawn]) - one["wind_speed"],
        "direction": (
            np.array([row.wind_direction for row in drawn]) - one["wind_to_direction"]
        )
        % 360
        - 180,
    }
    for name, values in off.items():
        spread = getattr(errors, name)
        assert values.mean() == pytest.approx(0, abs=4 * spread / 1500**0.5), name
        assert values.std() == pytest.approx(spread, rel=0.08), name
    together = np.corrcoef(list(off.values())) - np.eye(4)
    assert np.abs(together).max() < 0.1
    file = _file(
        xos.simulate.write_ocn(
            truth,
            tmp_path,
            swh_error=0.2,
            wind_error=0.9,
            direction_error=10,
            model_wind_error=0.5,
        )
    )
    stated = file.__dict__
    assert stated["simulated"] == 1
    assert {k: stated[f"simulated_{k}_error"] for k in off} == vars(errors)
    assert "0.2 m in oswTotalHs, 0.9 m/s in oswWindSpeed" in stated["comment"]
    assert float(file["oswTotalHsStdev"][0, 0]) == pytest.approx(0.2)


def test_errors_depend_on_seed_and_name_alone(slc, truth, tmp_path):
    whole = xos.open_ocn(xos.simulate.write_ocn(slc, tmp_path / "a"))
    part = xos.open_ocn(
        xos.simulate.write_ocn(truth.isel(vignette=[2, 1]), tmp_path / "b")
    )
    assert part.swh.values.tolist() == whole.swh.values[1:].tolist()
    other = xos.open_ocn(xos.simulate.write_ocn(slc, tmp_path / "c", seed=1))
    assert (other.swh != whole.swh).all()
    again = xos.simulate.write_ocn(slc, tmp_path / "a")
    assert [again] == list(
        (tmp_path / "a").iterdir()
    )  # equal calls write the same product


def test_the_wind_grid_agrees_with_cmod(slc, tmp_path):
    file = _file(xos.simulate.write_ocn(slc, tmp_path))
    phi = file["owiEcmwfWindDirection"][...] - (file["owiHeading"][...] + 90)
    expected = cmod5n(
        file["owiEcmwfWindSpeed"][...], phi, file["owiIncidenceAngle"][...]
    )
    np.testing.assert_allclose(file["owiNrcsCmod"][...], expected, rtol=1e-4)
    assert np.all(np.diff(file["owiIncidenceAngle"][0]) > 0)


def test_vignettes_of_the_simulator_have_twins(tmp_path):
    ds = xos.simulate.vignettes(21, seed=2, shape=(64, 64), spacing=50.0, oversample=1)
    with pytest.raises(OceansarError, match=r"of 2\. Write one for each: for _, part"):
        xos.simulate.write_ocn(ds, tmp_path)
    products = [
        xos.simulate.write_ocn(part, tmp_path, **NONE)
        for _, part in ds.groupby("product")
    ]
    assert len(products) == 2
    twins = xos.find_twins(ds, tmp_path)
    assert twins.ocn.notna().all()
    assert (twins.start_difference == 0).all()
    ocn = (
        xos.open_ocn(twins.ocn)
        .swap_dims(vignette="vignette_id")
        .sel(vignette_id=twins.ocn_id.values)
    )
    expected = ds.swap_dims(vignette="vignette_id").sel(vignette_id=twins.slc_id.values)
    np.testing.assert_allclose(ocn.swh, expected.swh, rtol=1e-6)
    np.testing.assert_allclose(
        ocn.incidence, expected.incidence.mean("sample"), rtol=1e-6
    )
    np.testing.assert_allclose(
        ocn.sigma0_mean, expected.sigma0.mean(["line", "sample"]), rtol=1e-4
    )
    assert np.isnan(ocn.radial_velocity).all()  # which that Dataset does not know


def test_sea_ice_is_masked(truth, tmp_path):
    icy = truth.isel(vignette=[0]).assign(
        ocean_class=("vignette", [xos.conventions.OCEAN_CLASSES.index("sea_ice")])
    )
    ocn = xos.open_ocn(xos.simulate.write_ocn(icy, tmp_path))
    assert ocn["quality"].values.tolist() == [Quality.SEA_ICE_HINT.value]
    assert np.isnan(ocn.wind_speed_mean).all()


def test_what_is_missing_is_said(slc, truth, tmp_path):
    with pytest.raises(MissingVariableError, match="has no swh, wind_speed"):
        xos.simulate.write_ocn(truth.drop_vars(["swh", "wind_speed"]), tmp_path)
    with pytest.raises(OceansarError, match="has its truth beside it"):
        xos.simulate.write_ocn(tmp_path / "S1A.SAFE", tmp_path)
    with pytest.raises(OceansarError, match="swh_error must be 0 to 100; got -1"):
        xos.simulate.write_ocn(slc, tmp_path, swh_error=-1.0)
    odd = truth.assign_coords(vignette_id=("vignette", ["a", "b", "c"]))
    with pytest.raises(
        OceansarError, match="'a' is not the name of a Wave Mode vignette"
    ):
        xos.simulate.write_ocn(odd, tmp_path)
    blind = truth.assign(swh=truth.swh * np.nan)
    with pytest.warns(
        OceansarWarning, match="3 of 3 vignettes have no total wave height"
    ):
        assert np.isnan(xos.open_ocn(xos.simulate.write_ocn(blind, tmp_path)).swh).all()


@pytest.mark.skipif(not REAL.exists(), reason="the real product is not here")
def test_the_layout_is_that_of_a_real_file(slc, tmp_path):
    made, real = _file(xos.simulate.write_ocn(slc, tmp_path)), netCDF4.Dataset(REAL)
    assert {k: v.size for k, v in made.dimensions.items()} == {
        k: v.size for k, v in real.dimensions.items()
    }
    assert list(made.variables) == list(real.variables)
    for name, variable in real.variables.items():
        ours = made[name]
        assert (ours.dtype, ours.dimensions) == (variable.dtype, variable.dimensions), (
            name
        )
        assert set(ours.ncattrs()) == set(variable.ncattrs()), name
        for key in variable.ncattrs():
            np.testing.assert_array_equal(
                getattr(ours, key), getattr(variable, key), err_msg=name
            )
            assert (
                np.asarray(getattr(ours, key)).dtype
                == np.asarray(getattr(variable, key)).dtype
            )
    lacking = set(real.ncattrs()) - set(made.ncattrs())
    assert not {
        name
        for name in lacking
        if re.match("IPF|first|last|source|mission|polar|processing", name)
    }


@pytest.mark.skipif(not REAL.exists(), reason="the real product is not here")
def test_moments_of_the_image_are_those_of_real_files(truth, tmp_path):
    """Given the height of a real sea, the statistics of the image come near its own."""
    with pytest.warns(OceansarWarning):
        real = xos.open_ocn(REAL.parent).dropna("vignette", subset=["swh"])
    for row in range(real.sizes["vignette"]):
        one = real.isel(vignette=[row])
        like = truth.isel(vignette=[0]).assign(swh=one.swh)
        like["vignette_id"] = (
            "vignette",
            [str(one.vignette_id[0].values).replace("ocn", "slc")],
        )
        made = xos.open_ocn(xos.simulate.write_ocn(like, tmp_path / str(row), **NONE))
        for name in ("normalised_variance", "sigma0_skewness", "sigma0_kurtosis"):
            assert float(made[name][0]) == pytest.approx(
                float(one[name][0]), rel=0.1
            ), name
