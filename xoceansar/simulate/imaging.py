"""From a sea surface and a mean backscatter to a SAR image.

Real-aperture modulation, velocity bunching over three sub-looks, smear by unresolved motion,
speckle and thermal noise.

References
----------
Hasselmann and Hasselmann (1991), https://doi.org/10.1029/91JC00302.
"""

import math
from functools import lru_cache
from typing import Final

import numba
import numpy as np
import numpy.typing as npt

from xoceansar.sar.gmf import cmod5n
from xoceansar.simulate.waves import Surface

__all__ = [
    "LOOK_TIMES",
    "SLC_RESOLUTION",
    "block_mean",
    "cmod5n_field",
    "resize",
    "sar_looks",
    "smear_azimuth",
    "speckled",
]

Image = npt.NDArray[np.float32]

#: Centre times of the sub-looks, s (look separation of an ESA L2 OCN wv2 product).
LOOK_TIMES: Final = (-0.206, 0.0, 0.206)
#: Resolution cell of the single-look image, m: speckle is independent from one to the next.
SLC_RESOLUTION: Final = 5.0

_EXPONENT: Final = 1.6  # of the harmonic sum in CMOD5
_INCIDENCE: Final = (16.0, 0.2, 151)  # table: first, step (degrees), count
_SPEED: Final = (0.0, 0.05, 1001)  # table: first, step (m/s), count


@lru_cache(maxsize=1)
def _cmod5n_coefficients() -> npt.NDArray[np.float32]:
    """CMOD5.N as ``(C0 + C1 cos phi + C2 cos 2 phi)^1.6``, exactly, at each table node."""
    incidence = _INCIDENCE[0] + _INCIDENCE[1] * np.arange(_INCIDENCE[2])
    speed = _SPEED[0] + _SPEED[1] * np.arange(_SPEED[2])
    speed[0] = 1e-3  # CMOD5.N is not defined at rest
    phi = np.array([0.0, 90.0, 180.0])[:, None, None]
    root = cmod5n(speed, phi, incidence[:, None]) ** (1 / _EXPONENT)
    up, cross, down = root
    harmonics = [
        (up + 2 * cross + down) / 4,
        (up - down) / 2,
        (up - 2 * cross + down) / 4,
    ]
    return np.stack(harmonics, axis=-1).astype(np.float32)


def cmod5n_field(speed: Image, phi: Image, incidence: Image) -> Image:
    """Evaluate CMOD5.N on a grid from a table kept for the process.

    Parameters
    ----------
    speed, phi : ndarray of float32 (ny, nx)
        Wind speed, m/s, and angle from the look direction as in `sar.gmf.cmod5n`, **radians**.
    incidence : ndarray of float32 (nx)
        Degrees.

    Returns
    -------
    ndarray of float32 (ny, nx)
        Linear sigma0; within 0.01 dB of `sar.gmf.cmod5n` above 0.5 m/s.
    """
    out = np.empty_like(speed)
    _interpolate(_cmod5n_coefficients(), speed, phi, incidence, out)
    return out


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _interpolate(table, speed, phi, incidence, out):  # type: ignore[no-untyped-def]
    for j in range(speed.shape[1]):
        q = (incidence[j] - _INCIDENCE[0]) / _INCIDENCE[1]
        q = min(max(q, 0.0), _INCIDENCE[2] - 1.001)
        row = int(q)
        q -= row
        for i in range(speed.shape[0]):
            p = min(max((speed[i, j] - _SPEED[0]) / _SPEED[1], 0.0), _SPEED[2] - 1.001)
            cell = int(p)
            p -= cell
            c = (1 - q) * ((1 - p) * table[row, cell] + p * table[row, cell + 1])
            c += q * ((1 - p) * table[row + 1, cell] + p * table[row + 1, cell + 1])
            cosine = math.cos(phi[i, j])
            root = c[0] + c[1] * cosine + c[2] * (2 * cosine * cosine - 1)
            out[i, j] = root**_EXPONENT


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _resize(field, out):  # type: ignore[no-untyped-def]
    rows, columns = field.shape
    ny, nx = out.shape
    for i in range(ny):
        y = min(max((i + 0.5) * rows / ny - 0.5, 0.0), rows - 1.0)
        i0 = min(int(y), max(rows - 2, 0))
        i1 = min(i0 + 1, rows - 1)
        v = np.float32(y - i0)
        for j in range(nx):
            x = min(max((j + 0.5) * columns / nx - 0.5, 0.0), columns - 1.0)
            j0 = min(int(x), max(columns - 2, 0))
            j1 = min(j0 + 1, columns - 1)
            u = np.float32(x - j0)
            top = field[i0, j0] + u * (field[i0, j1] - field[i0, j0])
            low = field[i1, j0] + u * (field[i1, j1] - field[i1, j0])
            out[i, j] = top + v * (low - top)


def resize(field: Image, n: int) -> Image:
    """Interpolate a square field to n x n cells of the same area, bilinear, edges held."""
    if field.shape == (n, n):
        return field
    out = np.empty((n, n), np.float32)
    _resize(field, out)
    return out


@numba.njit(cache=True, nogil=True, fastmath=True)  # type: ignore[untyped-decorator]
def _splat(mean, modulation, velocity, calm, variance, shift, out):  # type: ignore[no-untyped-def]
    """Move every facet along azimuth by ``-shift * velocity`` cells and deposit its power.

    Two facets per cell, shared linearly between two cells, periodic: power is conserved.
    Returns the mean of the modulation factor.
    """
    n, m = mean.shape
    total = 0.0
    row_y, row_s = np.empty(m, np.float32), np.empty(m, np.float32)
    for i in range(n + 1):
        source = i % n
        for j in range(m):
            w = calm[source, j]
            factor = math.exp(
                w * modulation[source, j] - np.float32(0.5) * w * w * variance
            )
            y = i - shift * velocity[source, j] * w
            s = mean[source, j] * factor
            if i < n:
                total += factor
                _deposit(out, n, j, y, np.float32(0.5) * s)
            if i > 0:
                half = np.float32(0.5)
                _deposit(out, n, j, half * (row_y[j] + y), half * half * (row_s[j] + s))
            row_y[j], row_s[j] = y, s
    return total / (n * m)


@numba.njit(cache=True, nogil=True, fastmath=True, inline="always")  # type: ignore[untyped-decorator]
def _deposit(out, n, j, y, power):  # type: ignore[no-untyped-def]
    floor = math.floor(y)
    weight = np.float32(y - floor)
    i = int(floor) % n
    out[i, j] += (np.float32(1) - weight) * power
    i = i + 1 if i + 1 < n else 0
    out[i, j] += weight * power


def sar_looks(
    surface: Surface,
    mean: Image,
    waviness: Image,
    *,
    incidence: float,
    range_to_velocity: float,
    times: tuple[float, ...] = LOOK_TIMES,
) -> list[Image]:
    """Image the sea in several sub-looks.

    Parameters
    ----------
    surface : Surface
        The waves.
    mean : ndarray of float32 (n, n)
        Linear sigma0 without waves.
    waviness : ndarray of float32 (n, n)
        Factor on the wave amplitude (1 open sea, near 0 in ice).
    incidence : float
        Radians.
    range_to_velocity : float
        Slant range over satellite velocity, s.
    times : tuple of float
        Look centre times, s.

    Returns
    -------
    list of ndarray of float32 (n, n)
        One image per look. A facet of radial velocity u is displaced by ``-R/V u`` along
        azimuth; its backscatter is ``mean * exp(m - var(m) / 2)``, positive and of unit mean.
    """
    looks = []
    shift = np.float32(range_to_velocity / surface.grid.spacing)
    for time in times:
        velocity, modulation = surface.radar_fields(incidence, time)
        variance = np.float32(modulation.var())
        out = np.zeros_like(mean)
        level = _splat(mean, modulation, velocity, waviness, variance, shift, out)
        out /= np.float32(level)
        looks.append(out)
    return looks


@numba.njit(cache=True, nogil=True, fastmath=True)  # type: ignore[untyped-decorator]
def _convolve_rows(image, kernel, out):  # type: ignore[no-untyped-def]
    n, m = image.shape
    radius = kernel.size // 2
    for i in range(n):
        for t in range(kernel.size):
            source = (i + t - radius) % n
            weight = kernel[t]
            for j in range(m):
                out[i, j] += weight * image[source, j]


def smear_azimuth(image: Image, width: float) -> Image:
    """Blur along azimuth by a Gaussian of standard deviation `width` cells, periodic."""
    radius = min(max(1, math.ceil(4 * width)), image.shape[0] // 2 - 1)
    offset = np.arange(-radius, radius + 1)
    kernel = np.exp(-0.5 * (offset / max(width, 1e-3)) ** 2)
    out = np.zeros_like(image)
    _convolve_rows(image, (kernel / kernel.sum()).astype(np.float32), out)
    return out


def speckled(
    sigma0: Image, nesz: Image, looks: float, rng: np.random.Generator
) -> Image:
    """Add thermal noise and speckle, then subtract the noise floor.

    Parameters
    ----------
    sigma0 : ndarray of float32 (ny, nx)
        Speckle-free linear sigma0.
    nesz : ndarray of float32 (nx)
        Noise-equivalent sigma zero, linear.
    looks : float
        Independent looks per pixel.
    rng : Generator
        Source of chance.

    Returns
    -------
    ndarray of float32
        ``(sigma0 + nesz) * Gamma(looks, 1 / looks) - nesz``: may be slightly negative.
    """
    out: Image = rng.standard_gamma(looks, size=sigma0.shape, dtype=np.float32)
    out *= np.float32(1 / looks)
    out *= sigma0 + nesz
    out -= nesz
    return out


def block_mean(image: Image, factor: int) -> Image:
    """Average over blocks of factor x factor pixels."""
    if factor == 1:
        return image
    ny, nx = image.shape[0] // factor, image.shape[1] // factor
    out: Image = image.reshape(ny, factor, nx, factor).mean(axis=(1, 3))
    return out
