"""Complex images: the same calibration at full resolution, and how each was focused."""

import numpy as np
import pytest
import xarray as xr

from tests.io.conftest import SHAPE
from xoceansar import open_wave_mode
from xoceansar.errors import OceansarWarning, VignetteError

SCALARS = (
    "azimuth_frequency",
    "azimuth_bandwidth",
    "azimuth_window",
    "doppler_centroid",
    "doppler_centroid_geometric",
    "azimuth_fm_rate",
    "slant_range",
    "platform_velocity",
    "radar_wavelength",
)


@pytest.fixture(scope="module")
def opened(product):
    return open_wave_mode(product.path, shape=SHAPE, complex=True)


def test_the_squared_modulus_is_sigma0_with_noise(opened):
    power = np.abs(opened.slc) ** 2
    mean = power.mean(("slc_line", "slc_sample"))
    expected = (opened.sigma0 + opened.nesz).mean(("line", "sample"))
    np.testing.assert_allclose(mean, expected, rtol=0.02)
    # of speckle in one look
    np.testing.assert_allclose(
        power.std(("slc_line", "slc_sample")) / mean, 1, rtol=0.03
    )


def test_images_are_padded_to_the_largest(opened):
    sizes = [
        (~np.isnan(image.real)).any("slc_sample").sum().item()
        for image in opened.slc.load()
    ]
    assert max(sizes) == opened.sizes["slc_line"]
    assert min(sizes) < max(sizes)
    samples = (~np.isnan(opened.slc.real)).any("slc_line").sum("slc_sample").values
    assert samples.max() == opened.sizes["slc_sample"]


def test_a_vignette_is_a_chunk_and_opening_reads_no_pixel(product, no_compute):
    ds = open_wave_mode(product.path, shape=SHAPE, complex=True, chunks=4)
    assert ds.slc.chunks[0] == (1, 1, 1, 1)
    assert ds.sigma0.chunks[0] == (4,)
    assert ds.slc.dtype == np.complex64


def test_the_focusing_is_that_of_the_annotation(opened):
    wv2 = opened.isel(vignette=1)
    np.testing.assert_allclose(wv2.radar_wavelength, 0.0554658, rtol=1e-6)
    np.testing.assert_allclose(wv2.slant_range / wv2.platform_velocity, 113, rtol=0.02)
    # The FM rate is that of the geometry: -2 V Vg / (lambda R).
    ground = wv2.azimuth_spacing * wv2.azimuth_frequency
    rate = (
        -2 * wv2.platform_velocity * ground / (wv2.radar_wavelength * wv2.slant_range)
    )
    np.testing.assert_allclose(wv2.azimuth_fm_rate, rate, rtol=1e-3)
    slant = opened.range_spacing * np.sin(np.radians(opened.incidence.mean("sample")))
    np.testing.assert_allclose(slant[:2], [1.4976, 2.7456], rtol=0.01)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("<azimuthFmRate>", "<azimuthFmRates>", "azimuthFmRate"),
        ("dataDcPolynomial", "otherPolynomial", "dataDcPolynomial"),
        ("<windowType>Hamming", "<windowType>Kaiser", "Kaiser"),
        ("<azimuthFrequency>", "<azimuthFrequency>-", "azimuth frequency is -"),
    ],
)
def test_what_lacks_the_focusing_is_missing_alone(copy, opened, old, new, message):
    copy.edit("annotation", 1, old, new)
    copy.edit("annotation", 1, old.replace("<", "</"), new.replace("<", "</")) if (
        old == "<azimuthFmRate>"
    ) else None
    with pytest.warns(OceansarWarning, match=message):
        ds = open_wave_mode(copy.path, shape=SHAPE, complex=True)
    for name in SCALARS:
        assert np.isnan(ds[name][1]), name
        np.testing.assert_array_equal(ds[name][[0, 2, 3]], opened[name][[0, 2, 3]])
    # sigma0 needs none of it
    np.testing.assert_array_equal(ds.sigma0, opened.sigma0)
    with pytest.raises(VignetteError, match=message):
        open_wave_mode(copy.path, shape=SHAPE, complex=True, on_error="raise")


def test_pixels_that_cannot_be_read_are_missing_alone(copy, opened):
    copy.file("measurement", 2).write_bytes(b"II")
    ds = open_wave_mode(copy.path, shape=SHAPE, complex=True, verify=False)
    with pytest.warns(
        OceansarWarning, match="complex image and its spectra are missing"
    ):
        slc = ds.slc.load()
    assert np.isnan(slc[2].real).all()
    np.testing.assert_array_equal(slc[[0, 1, 3]], opened.slc[[0, 1, 3]])


def test_the_engine_gives_them_too(product, opened):
    ds = xr.open_dataset(
        product.path, engine="oceansar", shape=SHAPE, complex=True, chunks={}
    )
    xr.testing.assert_identical(ds.slc[0].load(), opened.slc[0].load())
