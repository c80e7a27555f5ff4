import numpy as np
import pytest
import xarray as xr

from xoceansar import errors, ops
from xoceansar.sar.local_texture import local_texture


@pytest.fixture
def sea(images):
    """Images of 72 pixels, with one of missing data."""
    return images


def test_lazy_labelled_and_equal_to_the_kernel(sea, no_compute):
    lazy = sea.chunk(vignette=2).oceansar.texture()
    assert lazy.texture_power.dims == (
        "vignette",
        "wavelength",
        "direction",
        "statistic",
    )
    assert lazy.texture_power.chunksizes["vignette"] == (2, 2, 2)
    assert lazy.texture_gradient.dims == ("vignette", "separation", "axis", "statistic")
    assert lazy.texture_power.attrs["units"] == "dB"
    assert lazy.wavelength.attrs["bounds"] == "wavelength_bounds"
    assert lazy.longitude.dims == ("vignette",)


def test_values_are_those_of_the_kernel_in_any_unit_and_chunks(sea):
    kernel = local_texture(sea.sigma0.values, 50.0)
    decibel = (10 * np.log10(sea.sigma0)).assign_attrs(units="dB").chunk(vignette=4)
    for given in (sea, sea.chunk(vignette=1), decibel):
        made = ops.texture(given).compute()
        np.testing.assert_allclose(made.texture_power, kernel.power, atol=2e-3)
        np.testing.assert_allclose(
            made.texture_percentile, kernel.percentile, atol=2e-3
        )
        np.testing.assert_allclose(made.texture_valid_fraction, kernel.valid)
    low, high = made.wavelength_bounds.values.T
    np.testing.assert_allclose(made.wavelength, np.sqrt(low * high))
    assert np.all(np.diff(made.wavelength) < 0)


def test_what_is_no_image_of_fine_pixels_is_refused(sea, tiny_model):
    with pytest.raises(errors.DomainError, match=r"50 m or less; these have 100 m"):
        ops.texture(sea.assign_coords(pixel_spacing=100.0))
    with pytest.raises(errors.DomainError, match=r"48 pixels, or more; got 40 x 72"):
        ops.texture(sea.isel(line=slice(40)))
    with pytest.raises(errors.DimensionError, match="this is an embedding"):
        ops.texture(ops.embed(sea, tiny_model))


def test_one_image_and_two_leading_dims_work(sea):
    whole = ops.texture(sea)
    one = ops.texture(sea.isel(vignette=3))
    xr.testing.assert_equal(
        one.texture_power.drop_attrs(), whole.texture_power[3].drop_attrs()
    )
    assert one.texture_valid_fraction.dims == ()
    grid = sea.sigma0.coarsen(vignette=3).construct(vignette=("row", "column"))
    two = ops.texture(grid).texture_spread
    np.testing.assert_array_equal(two.values.reshape(6, 4), whole.texture_spread)


def test_no_vignettes_have_no_texture(sea):
    made = ops.texture(sea.isel(vignette=slice(0))).load()
    assert made.texture_power.shape == (0, 7, 4, 4)


def test_it_goes_to_an_archive_and_back(sea, tmp_path):
    made = ops.texture(sea).compute()
    made.oceansar.to_zarr(tmp_path / "a.zarr")
    xr.testing.assert_equal(xr.open_zarr(tmp_path / "a.zarr").load(), made)
