"""The polar half plane: fields that are known everywhere."""

import numpy as np
from numpy.testing import assert_allclose

from xoceansar.spectra.polar_grids import (
    ANGLES,
    POLAR_WAVENUMBERS,
    polar_cells,
    resample_to_polar,
)
from xoceansar.spectra.wavenumber_grids import esa_grid, regular_grid

ESA = esa_grid(4.68, 4.15)
COARSE = regular_grid(50.0, 50.0, samples=100, lines=100)


def test_the_steps_are_esas():
    assert_allclose(2 * np.pi / POLAR_WAVENUMBERS[[0, -1]], [1200, 30])
    assert_allclose(POLAR_WAVENUMBERS[1:] / POLAR_WAVENUMBERS[:-1], 1.06451935, rtol=1e-7)  # fmt: skip
    assert_allclose(np.degrees(ANGLES[[0, -1]]), [-87.5, 87.5])
    assert ANGLES.size == 36


def test_a_plane_is_itself_on_any_grid():
    x = POLAR_WAVENUMBERS * np.cos(ANGLES)[:, None]
    y = POLAR_WAVENUMBERS * np.sin(ANGLES)[:, None]
    found = resample_to_polar(3 + 2 * ESA.kx - 5 * ESA.ky[:, None], ESA)
    assert_allclose(found, 3 + 2 * x - 5 * y, atol=2e-3)


def test_beyond_the_grid_nothing_is_known():
    found = resample_to_polar(np.ones((99, 50)), COARSE)
    beyond = 2 * np.pi / 60 < POLAR_WAVENUMBERS
    assert np.isnan(found[:, beyond]).any(axis=0).all()
    assert_allclose(found[:, 2 * np.pi / 110 > POLAR_WAVENUMBERS], 1)


def test_cells_know_their_polar_cell():
    row, column = polar_cells(ESA)
    k = np.hypot(ESA.kx, ESA.ky[:, None])
    angle = np.arctan2(ESA.ky[:, None], np.broadcast_to(ESA.kx, k.shape))
    inside = row >= 0
    assert_allclose(column >= 0, inside)
    assert not inside[92, 0]
    assert inside[(k > 2 * np.pi / 1200) & (k < 2 * np.pi / 30)].all()
    step = np.log(POLAR_WAVENUMBERS[1] / POLAR_WAVENUMBERS[0])
    off = np.log(k[inside] / POLAR_WAVENUMBERS[column[inside]])
    assert np.abs(off).max() <= step / 2 + 1e-9
    assert np.degrees(np.abs(angle[inside] - ANGLES[row[inside]])).max() <= 2.5 + 1e-9
