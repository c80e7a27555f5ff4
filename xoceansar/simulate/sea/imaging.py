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

import numpy as np
import numpy.typing as npt

from xoceansar.sar.gmf import cmod5n
from xoceansar.simulate.sea import kernels
from xoceansar.simulate.sea.waves import Surface

__all__ = [
    "DEPOSIT_VARIANCE",
    "LOOK_TIMES",
    "block_mean",
    "blurred",
    "cmod5n_field",
    "resize",
    "sar_looks",
    "smear_azimuth",
    "speckled",
]

Image = npt.NDArray[np.float32]

#: Centre times of the sub-looks, s (look separation of an ESA L2 OCN wv2 product).
LOOK_TIMES: Final = (-0.206, 0.0, 0.206)

#: Of the blur along azimuth by `sar_looks`, cells^2: an eighth from the facets between two cells, and the
#: sixth that sharing between two cells makes at a mean position.
DEPOSIT_VARIANCE: Final = 1 / 8 + 1 / 6

#: Full width at half maximum of a Gaussian of unit standard deviation.
_WIDTH_OF_SIGMA: Final = 2 * math.sqrt(2 * math.log(2))
_EXPONENT: Final = 1.6  # of the harmonic sum in CMOD5
#: Table of CMOD5.N: first incidence and step (degrees), first wind speed and step (m/s).
_NODES: Final = (16.0, 0.2, 0.0, 0.05)
_COUNTS: Final = (151, 1001)


@lru_cache(maxsize=1)
def _cmod5n_coefficients() -> npt.NDArray[np.float32]:
    """CMOD5.N as ``(C0 + C1 cos phi + C2 cos 2 phi)^1.6``, exactly, at each table node."""
    incidence = _NODES[0] + _NODES[1] * np.arange(_COUNTS[0])
    speed = _NODES[2] + _NODES[3] * np.arange(_COUNTS[1])
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

    Shapes: speed, phi (ny, nx), `incidence` (nx) -> (ny, nx). Linear sigma0; within 0.01 dB of
    `sar.gmf.cmod5n` above 0.5 m/s.
    """
    out = np.empty_like(speed)
    kernels.interpolate_harmonics(
        _cmod5n_coefficients(), _NODES, _EXPONENT, speed, phi, incidence, out
    )
    return out


def resize(field: Image, n: int) -> Image:
    """Interpolate a square field to another number of cells over the same area.

    Shapes: `field` (m, m) -> (n, n). Bilinear between cell centres, constant beyond the
    outermost.
    """
    if field.shape == (n, n):
        return field
    out = np.empty((n, n), np.float32)
    kernels.interpolate_square(field, out)
    return out


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

    Shapes: `mean` (n, n), `waviness` (n, n) -> (n, n). One image per look. A facet of radial
    velocity u is displaced by ``-R/V u`` along azimuth; its backscatter is ``mean * exp(m -
    var(m) / 2)``, positive and of unit mean.
    """
    looks = []
    shift = np.float32(range_to_velocity / surface.grid.spacing)
    for time in times:
        velocity, modulation = surface.radar_fields(incidence, time)
        variance = np.float32(modulation.var())
        out = np.zeros_like(mean)
        level = kernels.splat(
            mean, modulation, velocity, waviness, variance, shift, out
        )
        out /= np.float32(level)
        looks.append(out)
    return looks


def smear_azimuth(image: Image, variance: float) -> Image:
    """Blur along azimuth by a Gaussian of a variance in cells^2; sharpen by a negative one.

    Shapes: `image` (ny, nx) -> (ny, nx). The blurred image, of the same sum.

    Notes
    -----
    Three taps have exactly a variance below a half, where a sampled Gaussian has not.
    """
    if variance < 0.5:
        kernel = np.array([variance / 2, 1 - variance, variance / 2])
    else:
        width = math.sqrt(variance)
        radius = min(math.ceil(4 * width), image.shape[0] // 2 - 1)
        kernel = np.exp(-0.5 * (np.arange(-radius, radius + 1) / width) ** 2)
        kernel /= kernel.sum()
    out = np.zeros_like(image)
    kernels.convolve_rows(image, kernel.astype(np.float32), out)
    return out


def speckled(
    sigma0: Image, nesz: Image, looks: float, rng: np.random.Generator
) -> Image:
    """Add thermal noise and speckle, then subtract the noise floor.

    Shapes: `sigma0` (ny, nx), `nesz` (nx).
    """
    out: Image = rng.standard_gamma(looks, size=sigma0.shape, dtype=np.float32)
    out *= np.float32(1 / looks)
    out *= sigma0 + nesz
    out -= nesz
    return out


def blurred(image: Image, width: float) -> Image:
    """Blur to the resolution of a product.

    Shapes: `image` (ny, nx) -> (ny, nx). Convolved with a Gaussian, mirrored at the edges.
    """
    from scipy.ndimage import gaussian_filter

    out: Image = gaussian_filter(image, width / _WIDTH_OF_SIGMA, mode="reflect")
    return out


def block_mean(image: Image, factor: int) -> Image:
    """Average over square blocks.

    Shapes: `image` (ny, nx) -> (ny / factor, nx / factor).
    """
    if factor == 1:
        return image
    ny, nx = image.shape[0] // factor, image.shape[1] // factor
    out: Image = image.reshape(ny, factor, nx, factor).mean(axis=(1, 3))
    return out
