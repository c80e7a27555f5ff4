"""Random fields with a prescribed spectrum, on a coarse periodic canvas."""

import math

import numpy as np
import numpy.typing as npt
from scipy import fft, ndimage

from xoceansar.simulate.sea import kernels

__all__ = ["Canvas", "mosaic"]

Field = npt.NDArray[np.float32]


class Canvas:
    """A square of ``n`` cells of ``spacing`` metres on which phenomena are painted.

    Parameters
    ----------
    n : int
        Cells along a side.
    spacing : float
        Size of a cell, m.
    rng : Generator
        Source of chance of every field.

    Attributes
    ----------
    size : float
        Length of a side, m.
    x, y : ndarray of float32
        Cell centres along range (1, n) and azimuth (n, 1), m.
    """

    def __init__(self, n: int, spacing: float, rng: np.random.Generator) -> None:
        self.n, self.spacing, self.rng = n, spacing, rng
        self.size = n * spacing
        centre = ((np.arange(n) + 0.5) * spacing).astype(np.float32)
        self.x, self.y = centre[None, :], centre[:, None]
        self._kx = (2 * np.pi * fft.rfftfreq(n, spacing)).astype(np.float32)[None, :]
        self._ky = (2 * np.pi * fft.fftfreq(n, spacing)).astype(np.float32)[:, None]

    def constant(self, value: float) -> Field:
        """Fill a field with one value.

        Shapes: gives (n, n).
        """
        return np.full((self.n, self.n), value, np.float32)

    def _coloured(self, amplitude: Field) -> Field:
        """Colour white noise; zero mean, unit standard deviation."""
        white = self.rng.standard_normal((self.n, self.n), dtype=np.float32)
        spectrum = fft.rfft2(white) * amplitude
        spectrum[0, 0] = 0
        field: Field = fft.irfft2(spectrum, s=white.shape)
        field /= max(float(field.std()), 1e-12)
        return field

    def turbulence(self, outer: float = 12e3) -> Field:
        """Draw a field of spectrum ``(k0^2 + k^2)^(-4/3)``: atmospheric turbulence.

        Shapes: gives (n, n). Of zero mean and unit standard deviation.
        """
        square = self._kx**2 + self._ky**2
        k0 = np.float32((2 * math.pi / outer) ** 2)
        amplitude = (k0 + square) ** np.float32(-2 / 3)
        return self._coloured(amplitude * np.exp(-square * np.float32(0.5 * 60.0**2)))

    def band(
        self,
        wavelength: float,
        width: float,
        direction: float = 0.0,
        elongation: float = 1.0,
    ) -> Field:
        """Draw a field whose spectrum is a log-normal ring.

        Shapes: gives (n, n). Of zero mean and unit standard deviation.
        """
        c, s = np.float32(math.cos(direction)), np.float32(math.sin(direction))
        along, across = self._kx * c + self._ky * s, self._ky * c - self._kx * s
        k = np.hypot(along * np.float32(elongation), across)
        k[0, 0] = 1.0
        ring = np.log(k * np.float32(wavelength / (2 * math.pi))) / np.float32(width)
        return self._coloured(np.exp(np.float32(-0.25) * ring**2) / np.sqrt(k))

    def warp(self, field: Field, amplitude: float, wavelength: float) -> Field:
        """Displace a field by a random smooth flow.

        Shapes: `field` (n, n) -> (n, n).
        """
        rows = self.y + amplitude * self.band(wavelength, 0.5)
        columns = self.x + amplitude * self.band(wavelength, 0.5)
        at = np.stack([rows, columns]) / np.float32(self.spacing) - np.float32(0.5)
        out: Field = ndimage.map_coordinates(field, at, order=1, mode="grid-wrap")
        return out

    def front(self) -> Field:
        """Draw a meandering line across the canvas.

        Shapes: gives (n, n). Distance to the line, m, negative on one side; not periodic.
        """
        rng, angle = self.rng, self.rng.uniform(0, 2 * math.pi)
        x, y = self.x - self.size / 2, self.y - self.size / 2
        distance = x * math.cos(angle) + y * math.sin(angle)
        distance = distance - rng.uniform(-0.2, 0.2) * self.size
        along = y * math.cos(angle) - x * math.sin(angle)
        for (short, long), (small, large) in (
            ((8e3, 20e3), (300, 1200)),
            ((2e3, 5e3), (60, 250)),
        ):
            wavelength, reach = rng.uniform(short, long), rng.uniform(small, large)
            phase = rng.uniform(0, 2 * math.pi)
            distance = distance + reach * np.sin(2 * np.pi * along / wavelength + phase)
        result: Field = (distance + 60 * self.band(900, 0.5)).astype(np.float32)
        return result


def mosaic(
    canvas: Canvas, count: int, x: Field, y: Field, stretch: float
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32], Field]:
    """Divide the canvas into the Voronoi cells of random seeds.

    Shapes: x, y (n, n).
    """
    seeds = canvas.rng.uniform(-0.1, 1.1, (count, 2)) * canvas.size
    seeds[:, 1] *= stretch
    side = 1.2 * canvas.size * math.sqrt(stretch / count)  # about one seed a bucket
    stretched = (y * np.float32(stretch)).astype(np.float32)
    return kernels.two_nearest(x, stretched, seeds.astype(np.float32), side)
