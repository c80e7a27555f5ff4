"""A complex image of one wave that travels while the radar looks: the truth of the tests of looks."""

import itertools
import math
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import fft

PRF, BANDWIDTH, FM_RATE, WINDOW = 1650.168, 1337.0, -2170.0, 0.75
GRAVITY = 9.81


def moving_sea(
    *,
    shape: tuple[int, int] = (1500, 1300),
    spacing: tuple[float, float] = (4.12, 4.6),
    wavelength: float = 200.0,
    towards: float = 60.0,
    amplitude: float = 0.3,
    centroid: float = 30.0,
    seed: int = 0,
    subbands: int = 9,
) -> npt.NDArray[np.complex64]:
    """Image ``1 + amplitude cos(k x - omega t)`` with fully developed speckle.

    `towards` is in degrees from range (away from the radar) to the direction of flight. Each of the
    sub-bands sees the wave at its own time, higher Doppler earlier, through one field of speckle.
    """
    rng = np.random.default_rng(seed)
    k = 2 * math.pi / wavelength
    kx, ky = k * math.cos(math.radians(towards)), k * math.sin(math.radians(towards))
    omega = math.sqrt(GRAVITY * k)
    line, sample = (np.arange(n) * d for n, d in zip(shape, spacing, strict=True))
    phase = ky * line[:, None] + kx * sample
    white = rng.standard_normal((2, *shape), dtype=np.float32)
    speckle = white[0] + 1j * white[1]
    frequency = fft.fftfreq(shape[0], 1 / PRF) - centroid
    frequency = (frequency + PRF / 2) % PRF - PRF / 2
    edges = np.linspace(-BANDWIDTH / 2, BANDWIDTH / 2, subbands + 1)
    out: npt.NDArray[Any] = np.zeros(shape, np.complex64)
    for lower, upper in itertools.pairwise(edges):
        time = (lower + upper) / 2 / FM_RATE
        sigma0 = 1 + amplitude * np.cos(phase - omega * time)
        window = WINDOW + (1 - WINDOW) * np.cos(2 * np.pi * frequency / BANDWIDTH)
        inside = (frequency >= lower) & (frequency < upper)
        spectrum = fft.fft(speckle * np.sqrt(sigma0 / 2), axis=0)
        out += fft.ifft(spectrum * (window * inside)[:, None], axis=0)
    return out.astype(np.complex64)
