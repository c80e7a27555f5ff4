import numpy as np
import pytest
import xarray as xr

from xoceansar import errors
from xoceansar.conventions import Quality
from xoceansar.ops import calibrate, quality
from xoceansar.ops.quality_flags import flag


def test_flags_from_pixels(images):
    bad = images.copy(deep=True)
    bad["sigma0"][1, :, :5] = np.nan
    bad["sigma0"][2, :10] = -0.001
    bad["sigma0"][3, 0, 0] = np.nan
    flags = quality(bad)
    assert flags.values.tolist() == [0, 1, 2, 0, 0, 0]
    assert flags.dtype == flags.attrs["flag_masks"].dtype == np.uint8
    assert flags.attrs["flag_meanings"].split()[0] == "no_data"
    assert "units" not in flags.attrs


def test_flags_of_the_reader_win(images):
    given = images.assign(quality=("vignette", np.arange(6, dtype=np.uint8)))
    assert quality(given).values.tolist() == [0, 1, 2, 3, 4, 5]


def test_quality_is_lazy(images, no_compute):
    assert quality(images.chunk(vignette=2)).chunks == ((2, 2, 2),)


def test_flag_adds_one_bit_and_leaves_the_input():
    flags = xr.DataArray(np.array([0, 1, 128], np.uint8), dims="vignette")
    where = xr.DataArray([True, True, False], dims="vignette")
    out = flag(flags, where, "OUT_OF_DOMAIN")
    assert out.values.tolist() == [128, 129, 128]
    assert flags.values.tolist() == [0, 1, 128]
    assert Quality(129) == Quality.OUT_OF_DOMAIN | Quality.NO_DATA


@pytest.fixture
def digital():
    dims = ("line", "sample")
    number = np.array([[3 + 4j, 0 + 0j], [1 + 0j, 2 - 2j]], dtype=np.complex64)
    return xr.Dataset(
        {
            "digital_number": (dims, number),
            "sigma0_lut": (dims, np.array([[10.0, 10.0], [5.0, 4.0]])),
            "noise_lut": (dims, np.array([[5.0, 5.0], [50.0, 4.0]])),
        }
    )


def test_calibration_is_its_equation(digital):
    out = calibrate(digital)
    np.testing.assert_allclose(out.sigma0_raw, [[0.25, 0.0], [0.04, 0.5]])
    np.testing.assert_allclose(out.nesz, [[0.05, 0.05], [2.0, 0.25]])
    # negative values are kept
    np.testing.assert_allclose(out.sigma0, [[0.2, -0.05], [-1.96, 0.25]])
    assert out.sigma0.attrs["units"] == "1"
    assert "sigma0" not in digital


def test_calibration_is_quadratic_in_the_digital_number(digital):
    doubled = digital.assign(digital_number=2 * digital.digital_number)
    np.testing.assert_allclose(
        calibrate(doubled).sigma0_raw, 4 * calibrate(digital).sigma0_raw
    )


def test_calibration_without_noise_says_so(digital):
    out = calibrate(digital.drop_vars("noise_lut"))
    xr.testing.assert_equal(out.sigma0, out.sigma0_raw.rename("sigma0"))
    assert "noise not removed" in out.sigma0.attrs["comment"]


def test_calibration_of_sigma0_is_the_identity(images):
    assert images.oceansar.calibrate() is images


def test_calibration_refuses_what_it_cannot_do(digital, images):
    with pytest.raises(errors.MissingVariableError, match="sigma0_lut"):
        calibrate(digital.drop_vars("sigma0_lut"))
    with pytest.raises(errors.MissingVariableError, match="digital_number"):
        calibrate(images.drop_vars("sigma0"))
    coarse = digital.sigma0_lut.isel(line=[0]).rename(line="lut_line")
    other_grid = digital.assign(sigma0_lut=coarse)
    with pytest.raises(errors.DimensionError, match="interp"):
        calibrate(other_grid)


def test_calibration_is_lazy(digital, no_compute):
    assert calibrate(digital.chunk(line=1)).sigma0.chunks is not None


@pytest.mark.parametrize(
    "dtype", [np.int16, np.uint16, np.float16, np.int32, np.float32]
)
def test_tables_are_squared_in_a_type_that_holds_their_squares(dtype):
    dims = ("line", "sample")
    ds = xr.Dataset(
        {
            "digital_number": (dims, np.full((2, 2), 100 + 100j)),
            "sigma0_lut": (dims, np.full((2, 2), 300, dtype)),
            "noise_lut": (dims, np.full((2, 2), 450, dtype)),
        }
    )
    out = calibrate(ds)
    np.testing.assert_allclose(out.sigma0_raw, 2e4 / 9e4, rtol=1e-6)
    np.testing.assert_allclose(out.nesz, 450 / 9e4, rtol=1e-6)
    np.testing.assert_allclose(out.sigma0, 19550 / 9e4, rtol=1e-6)
