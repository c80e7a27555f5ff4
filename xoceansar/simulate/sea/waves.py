"""Wind sea and swell as one Gaussian surface, and the fields that the radar needs from it.

The surface is ``eta(x, t) = Re sum_k a(k) exp(i (k.x - omega t))`` with deep-water dispersion and
independent complex Gaussian amplitudes of variance ``2 Psi(k) dk^2``. Every linear field is the
same sum with a transfer function in front of a. All arrays are half planes (kx >= 0) fit for a
real inverse transform: ``plus`` holds k, ``minus`` holds -k.

References
----------
Elfouhaily et al. (1997), https://doi.org/10.1029/97JC00467 (wind sea).
Hasselmann et al. (1973), JONSWAP (swell shape).
Hasselmann and Hasselmann (1991), https://doi.org/10.1029/91JC00302 (transfer functions).
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import fft

from xoceansar.errors import OceansarError
from xoceansar.simulate.sea import kernels
from xoceansar.simulate.sea.environment import GRAVITY, Environment, Swell

__all__ = [
    "Grid",
    "Surface",
    "elfouhaily",
    "elfouhaily_spread",
    "jonswap",
    "wave_surface",
]

Array = npt.NDArray[np.floating]

_LONGEST: Final = 1500.0  # m, waves that the spectrum holds
_SHORTEST: Final = 2.0  # m, waves that count for the unresolved variances
_SURFACE_TENSION: Final = 370.0  # rad/m, Elfouhaily's k_m
_MINIMUM_SPEED: Final = 0.23  # m/s, phase speed at k_m
_CALM: Final = 1.0  # m/s; the wind raises no sea below


def elfouhaily(
    k: Array, wind_speed: float, inverse_wave_age: float
) -> npt.NDArray[np.float64]:
    """Compute the omnidirectional Elfouhaily spectrum S(k), m^3."""
    peak = GRAVITY / wind_speed**2 * inverse_wave_age**2
    peak_speed = math.sqrt(GRAVITY / peak)
    speed = np.sqrt(GRAVITY / k * (1 + (k / _SURFACE_TENSION) ** 2))
    gamma = 1.7 + 6 * max(0.0, math.log10(inverse_wave_age))
    width = 0.08 * (1 + 4 / inverse_wave_age**3)
    ratio = np.sqrt(k / peak)
    moskowitz = np.exp(-1.25 * (peak / k) ** 2)
    bump = gamma ** np.exp(-((ratio - 1) ** 2) / (2 * width**2))
    cutoff = np.exp(-inverse_wave_age / math.sqrt(10) * (ratio - 1))
    long = 3e-3 * math.sqrt(inverse_wave_age) * peak_speed / speed
    long = long * moskowitz * bump * cutoff
    friction = _friction_velocity(wind_speed)
    slope = 1 if friction < _MINIMUM_SPEED else 3
    level = 1e-2 * max(0.0, 1 + slope * math.log(friction / _MINIMUM_SPEED))
    short = 0.5 * level * _MINIMUM_SPEED / speed * moskowitz
    short = short * np.exp(-0.25 * (k / _SURFACE_TENSION - 1) ** 2)
    result: npt.NDArray[np.float64] = (long + short) / k**3
    return result


def _friction_velocity(wind_speed: float) -> float:
    return math.sqrt((0.8 + 0.065 * wind_speed) * 1e-3) * wind_speed


def elfouhaily_spread(
    k: Array, wind_speed: float, inverse_wave_age: float
) -> npt.NDArray[np.float64]:
    """Compute Elfouhaily's Delta(k) of the spreading ``(1 + Delta cos 2 delta) / pi``.

    The spreading holds for ``|delta| < 90`` degrees: no wave runs against the wind.
    """
    peak = GRAVITY / wind_speed**2 * inverse_wave_age**2
    friction = _friction_velocity(wind_speed)
    speed = np.sqrt(GRAVITY / k)
    result: npt.NDArray[np.float64] = np.tanh(
        math.log(2) / 4
        + 4 * (peak / k) ** 1.25
        + 0.13 * friction / _MINIMUM_SPEED * (_MINIMUM_SPEED / speed) ** 2.5
    )
    return result


def jonswap(k: Array, swell: Swell) -> npt.NDArray[np.float64]:
    """Compute the shape of the omnidirectional JONSWAP spectrum."""
    peak = 1.0 / swell.period
    frequency = np.sqrt(GRAVITY * k) / (2 * math.pi)
    width = np.where(frequency <= peak, 0.07, 0.09)
    bump = np.exp(-((frequency - peak) ** 2) / (2 * width**2 * peak**2))
    shape = frequency**-5.0 * np.exp(-1.25 * (peak / frequency) ** 4)
    result: npt.NDArray[np.float64] = (
        shape * swell.peakedness**bump * frequency / (2 * k)
    )
    return result


@dataclass(frozen=True)
class Grid:
    """A square periodic grid.

    Parameters
    ----------
    n : int
        Cells along a side, even.
    spacing : float
        Size of a cell, m.
    """

    n: int
    spacing: float

    @property
    def kx(self) -> npt.NDArray[np.float32]:
        """Wavenumbers along range of the half plane, rad/m (n // 2 + 1)."""
        frequency: Array = fft.rfftfreq(self.n, self.spacing)
        return (2 * np.pi * frequency).astype(np.float32)

    @property
    def ky(self) -> npt.NDArray[np.float32]:
        """Wavenumbers along azimuth, rad/m (n)."""
        frequency: Array = fft.fftfreq(self.n, self.spacing)
        return (2 * np.pi * frequency).astype(np.float32)

    @property
    def cell(self) -> float:
        """Area of a cell of the wavenumber plane, (rad/m)^2."""
        return (2 * math.pi / (self.n * self.spacing)) ** 2

    @property
    def band(self) -> tuple[float, float]:
        """Wavenumbers that the surface holds, rad/m: 1500 m to twice the spacing."""
        return 2 * math.pi / _LONGEST, math.pi / self.spacing


@dataclass(frozen=True)
class Surface:
    """One realisation of the sea surface.

    Parameters
    ----------
    grid : Grid
        The grid it is periodic on.
    plus, minus : ndarray of complex64 (n, n // 2 + 1)
        Amplitudes a(k) and a(-k), metres.
    density_plus, density_minus : ndarray of float32
        Psi at k and -k, m^4.
    height_variance : float
        Of the resolved waves, expected, m^2.
    unresolved_height : float
        Height variance of the shorter waves, m^2.
    unresolved_speed : float
        Variance of their orbital speed, (m/s)^2.
    """

    grid: Grid
    plus: npt.NDArray[np.complex64]
    minus: npt.NDArray[np.complex64]
    density_plus: npt.NDArray[np.float32]
    density_minus: npt.NDArray[np.float32]
    height_variance: float
    unresolved_height: float
    unresolved_speed: float

    @property
    def swh(self) -> float:
        """Significant wave height, 4 times the root of the whole height variance, m."""
        return 4 * math.sqrt(self.height_variance + self.unresolved_height)

    def elevation(self) -> npt.NDArray[np.float32]:
        """Compute the elevation of the resolved waves.

        Shapes: gives (n, n).
        """
        half = 0.5 * (self.plus + np.conj(self.minus))
        half[:, 0] *= 2
        return _inverse(half, self.grid.n)

    def radar_fields(
        self, incidence: float, time: float
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Compute what the radar sees of the waves."""
        velocity, modulation = kernels.radar_spectra(
            self.plus, self.minus, self.grid.kx, self.grid.ky, incidence, time
        )
        n = self.grid.n
        return _inverse(velocity, n), _inverse(modulation, n)

    def velocity_variance(self, incidence: float) -> float:
        """Compute the variance of the line-of-sight velocity of all waves."""
        kx, ky = self.grid.kx, self.grid.ky[:, None]
        k = np.hypot(kx, ky)
        along = np.divide(kx, k, out=np.zeros_like(k), where=k > 0)
        line = (along * math.sin(incidence)) ** 2 + math.cos(incidence) ** 2
        both = self.density_plus + self.density_minus
        resolved = float(np.sum(both * GRAVITY * k * line, dtype=np.float64))
        isotropic = 0.5 * math.sin(incidence) ** 2 + math.cos(incidence) ** 2
        return resolved * self.grid.cell + self.unresolved_speed * isotropic

    def radial_velocity(self, incidence: float) -> float:
        """Compute the mean line-of-sight velocity of what scatters back, m/s, receding.

        The covariance of modulation and velocity: the mean of a Gaussian velocity u under the
        backscatter ``exp(m - var(m) / 2)``.
        """
        total = kernels.radar_covariance(
            self.density_plus, self.density_minus, self.grid.kx, self.grid.ky, incidence
        )
        return total * self.grid.cell

    def peak(self) -> tuple[float, float]:
        """Find the peak of the directional spectrum."""
        behind = self.density_minus.max() > self.density_plus.max()
        density = self.density_minus if behind else self.density_plus
        i, j = np.unravel_index(int(np.argmax(density)), density.shape)
        sign = -1.0 if behind else 1.0
        kx, ky = sign * float(self.grid.kx[j]), sign * float(self.grid.ky[i])
        k = math.hypot(kx, ky)
        wavelength = 2 * math.pi / k if k else math.nan
        return wavelength, math.degrees(math.atan2(ky, kx))


def _inverse(half: npt.NDArray[np.complex64], n: int) -> npt.NDArray[np.float32]:
    result: npt.NDArray[np.float32] = fft.irfft2(
        half, s=(n, n), norm="forward", overwrite_x=True
    )
    return result


def _density(
    lattice: Grid, environment: Environment
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32], float]:
    """Fill both half planes of Psi; return them and the height variance."""
    shape = (lattice.n, lattice.n // 2 + 1)
    plus, minus = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    band, kx, ky = lattice.band, lattice.kx, lattice.ky
    # Ten nodes and more per cell of the wavenumber plane.
    k = np.linspace(*band, 10 * lattice.n)
    none = np.zeros(1)
    variance = 0.0
    for swell in environment.swells:
        _check_resolved(swell, lattice)
        part_plus, part_minus = np.zeros_like(plus), np.zeros_like(minus)
        angle = math.radians(swell.direction)
        radial = jonswap(k, swell) / k
        total = kernels.add_density(
            part_plus, part_minus, kx, ky, radial / radial.max(), none, band,
            (math.cos(angle), math.sin(angle)), swell.spread,
        )  # fmt: skip
        wanted = (swell.height / 4) ** 2
        plus += part_plus * np.float32(wanted / (total * lattice.cell))
        minus += part_minus * np.float32(wanted / (total * lattice.cell))
        variance += wanted
    wind, age = environment.wind_speed, environment.inverse_wave_age
    if wind > _CALM:
        angle = math.radians(environment.wind_direction)
        radial = environment.wind_sea_amplitude**2 * elfouhaily(k, wind, age) / k
        total = kernels.add_density(
            plus, minus, kx, ky, radial, elfouhaily_spread(k, wind, age), band,
            (math.cos(angle), math.sin(angle)), 0.0,
        )  # fmt: skip
        variance += total * lattice.cell
    return plus, minus, variance


def _check_resolved(swell: Swell, lattice: Grid) -> None:
    wavelength = GRAVITY * swell.period**2 / (2 * math.pi)
    if not 2 * lattice.spacing < wavelength < _LONGEST:
        raise OceansarError(
            f"a swell of {swell.period:g} s is {wavelength:.0f} m long; the scene resolves "
            f"{2 * lattice.spacing:g} to {_LONGEST:g} m. Pass a smaller spacing (larger "
            "oversample), or another period."
        )


def _unresolved(lattice: Grid, environment: Environment) -> tuple[float, float]:
    """Integrate height and orbital speed variance over waves shorter than the grid holds."""
    wind, age = environment.wind_speed, environment.inverse_wave_age
    low, high = math.pi / lattice.spacing, 2 * math.pi / _SHORTEST
    if wind <= _CALM or low >= high:
        return 0.0, 0.0
    k = np.geomspace(low, high, 400)
    density = environment.wind_sea_amplitude**2 * elfouhaily(k, wind, age)
    height = np.trapezoid(density, k)
    return float(height), float(np.trapezoid(density * GRAVITY * k, k))


def wave_surface(
    lattice: Grid, environment: Environment, rng: np.random.Generator
) -> Surface:
    """Draw a sea surface."""
    plus, minus, variance = _density(lattice, environment)
    noise = rng.standard_normal((2, *plus.shape, 2), dtype=np.float32)
    gauss = noise.view(np.complex64)[..., 0]
    height, speed = _unresolved(lattice, environment)
    return Surface(
        grid=lattice,
        plus=np.sqrt(plus * np.float32(lattice.cell)) * gauss[0],
        minus=np.sqrt(minus * np.float32(lattice.cell)) * gauss[1],
        density_plus=plus,
        density_minus=minus,
        height_variance=variance,
        unresolved_height=height,
        unresolved_speed=speed,
    )
