"""Wavenumber grids: ESA's against what its files hold, and the whole plane from half of it."""

from pathlib import Path

import netCDF4
import numpy as np
import pytest
from numpy.testing import assert_allclose

from xoceansar.spectra.wavenumber_grids import (
    esa_grid,
    plane_weights,
    regular_grid,
)

REAL = Path(__file__).parents[2] / "../shared/data/ocn_wv"
FILES = sorted(REAL.glob("*.nc"))

#: Of the WV2 file of 2026: pixels in range and azimuth in metres, then oswKx[1], oswKx[127] and
#: oswJx[127] over oswGroundRngSize; oswKy[92 + 1], oswKy[184] and oswJy[184] over oswAziSize.
PIXELS = (4.678297370344842, 4.146282992028231)
RANGE_ENDS = (0.0013117853, 1.1101027, 0.034715497)
AZIMUTH_ENDS = (0.0014801020, 0.41836286, 0.013157327)


def test_the_grid_of_esa_has_the_numbers_of_a_real_file():
    grid = esa_grid(*PIXELS)
    assert [one.size for one in grid] == [128, 185, 128, 185]
    found = [grid.kx[1], grid.kx[127], grid.dkx[127]]
    assert_allclose(found, RANGE_ENDS, rtol=2e-7)
    found = [grid.ky[93], grid.ky[184], grid.dky[184]]
    assert_allclose(found, AZIMUTH_ENDS, rtol=2e-7)
    assert_allclose(grid.ky, -grid.ky[::-1])
    assert grid.kx[0] == grid.ky[92] == 0


@pytest.mark.parametrize("path", FILES, ids=[file.stem[-10:] for file in FILES])
def test_the_grid_of_esa_is_that_of_every_real_file(path):
    with netCDF4.Dataset(path) as file:
        values = {n: np.asarray(file[f"osw{n}"][:], float).squeeze() for n in ("GroundRngSize", "AziSize", "Kx", "Ky", "Jx", "Jy")}  # fmt: skip
        area = values["GroundRngSize"], values["AziSize"]
        # the step of the Jacobian in the middle, in rad/m, of tiles of 1024 pixels
        steps = values["Jx"][0] / area[0], values["Jy"][92] / area[1]
    grid = esa_grid(*(2 * np.pi / 1024 / step for step in steps))
    for found, size, name in zip(grid, area * 2, ("Kx", "Ky", "Jx", "Jy"), strict=True):
        assert_allclose(found * size, values[name], rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize(("lines", "samples"), [(16, 24), (15, 25), (16, 25)])
def test_a_regular_grid_is_that_of_the_fourier_transform(lines, samples):
    grid = regular_grid(5.0, 4.0, samples=samples, lines=lines)
    y = 2 * np.pi * np.fft.fftshift(np.fft.fftfreq(lines, 4.0))
    x = 2 * np.pi * np.fft.rfftfreq(samples, 5.0)
    assert_allclose(grid.ky, y[(lines + 1) % 2 :])
    assert_allclose(grid.kx, x[: (samples + 1) // 2], atol=1e-15)
    assert_allclose(np.diff(grid.ky), grid.dky[1:])
    assert_allclose(np.diff(grid.kx), grid.dkx[1:])


def test_half_a_plane_has_the_variance_of_the_whole():
    """Parseval: of odd sizes no Nyquist wavenumber is left out."""
    image = np.random.default_rng(4).normal(size=(15, 25))
    image -= image.mean()
    grid = regular_grid(5.0, 4.0, samples=25, lines=15)
    power = np.abs(np.fft.fft2(image)) ** 2 / image.size**2
    density = np.fft.fftshift(power, axes=0)[:, :13] / (grid.dkx[0] * grid.dky[0])
    assert np.sum(density * plane_weights(grid)) == pytest.approx(image.var())


def test_a_density_has_the_same_variance_on_either_grid():
    """A Gaussian about the origin, whose integral over the plane is known."""
    width = 0.02
    for grid in (
        esa_grid(*PIXELS),
        regular_grid(*PIXELS, samples=1024, lines=1024),
    ):
        k2 = grid.kx**2 + grid.ky[:, None] ** 2
        total = np.sum(np.exp(-k2 / (2 * width**2)) * plane_weights(grid))
        assert total == pytest.approx(2 * np.pi * width**2, rel=1e-4)
