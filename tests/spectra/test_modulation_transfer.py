"""Transfer functions against the simulator's, and by hand."""

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose

from tests.spectra.forward_sea import transfer
from xoceansar.simulate.sea.kernels import radar_spectra
from xoceansar.spectra.modulation_transfer import modulation_transfer


def test_the_transfer_functions_are_the_simulators():
    """Of a single wave of amplitude 1, its half plane holds half the velocity and modulation."""
    kx = np.array([0.01, 0.02, 0.04], np.float32)
    ky = np.array([-0.03, -0.01, 0.0, 0.02], np.float32)
    one, none = np.ones((4, 3), np.complex64), np.zeros((4, 3), np.complex64)
    # the column 0 of the simulator's half plane is kx = 0, which holds the whole
    pad = np.concatenate([[np.float32(0)], kx])
    widen = [np.pad(a, ((0, 0), (1, 0))) for a in (one, none)]
    velocity, modulation = radar_spectra(*widen, pad, ky, math.radians(36.0), 0.0)
    real_aperture, bunching = modulation_transfer(kx, ky[:, None], 36.0, 110.0)
    assert_allclose(real_aperture, 2 * modulation[:, 1:], rtol=1e-5, atol=1e-7)
    displaced = 1j * ky[:, None] * 110.0 * 2 * velocity[:, 1:]
    assert_allclose(bunching, displaced, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("sign", [1, -1])
def test_the_square_is_the_textbooks(sign):
    kx, ky = np.meshgrid([0.01, 0.03], [-0.04, 0.0, 0.02])
    parts = modulation_transfer(sign * kx, sign * ky, 23.5, 101.8)
    assert_allclose(np.abs(sum(parts)) ** 2, transfer(sign * kx, sign * ky, 23.5, 101.8), rtol=1e-9)  # fmt: skip


def test_no_wave_modulates_nothing():
    assert modulation_transfer(0.0, 0.0, 30.0, 100.0) == (0, 0)
