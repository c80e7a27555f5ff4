"""Spectra of a Level-2 OCN file: of the waves on a polar grid, of the image on a Cartesian one.

Both are taken whole or not at all: sums over a spectrum with a hole are wrong.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from xoceansar.errors import ProductError
from xoceansar.io.ocn.ocn_values import OcnValues
from xoceansar.spectra.wavenumber_grids import WavenumberGrid

__all__ = ["LAGS", "CrossSpectra", "Spectra", "WaveSpectra", "read_spectra"]

Array = npt.NDArray[np.float64]

_FILL: Final = -999.0
#: Separations of the looks that cross-spectra are of: none, one and two.
LAGS: Final = 3
_POLAR: Final = ("oswAngularBinSize", "oswWavenumberBinSize")
_CARTESIAN: Final = ("oswLag", "oswKyBinSize", "oswKxBinSize")
#: Magnitude that no spectrum has: cross-spectra of real seas reach hundreds, densities of height 1e5.
_MOST_CROSS: Final = 1e5
_MOST_WAVES: Final = 1e8
#: Metres of a side of the vignette, which is 20 km.
_AREA: Final = (1e4, 5e4)
#: Relative difference of the widths of cells and the steps between them, which is 0.016 at the ends.
_WIDTHS_TOLERANCE: Final = 0.05


@dataclass(frozen=True)
class WaveSpectra:
    """What is on the polar grid.

    Parameters
    ----------
    wavenumber : array
        In rad/m, (wavenumber).
    direction : array
        To which waves travel, in degrees, (direction).
    values : dict of array
        By our names: ``wave_spectrum``, ``wave_spectrum_partition`` and the parts of the quality
        cross-spectrum, (direction, wavenumber), ``resolved_wavelength``, (direction); what the file
        lacks is not there.
    """

    wavenumber: Array
    direction: Array
    values: dict[str, Array]

    @property
    def sizes(self) -> tuple[int, int]:
        """Sizes of the grid."""
        return self.direction.size, self.wavenumber.size

    def shares_grid(self, other: "WaveSpectra") -> bool:
        """Whether another may be in the same array: on the same wavenumbers and directions."""
        if self.sizes != other.sizes:
            return False
        same = np.allclose(self.wavenumber, other.wavenumber, rtol=1e-4, atol=0)
        return same and np.allclose(self.direction, other.direction, atol=0.01)


@dataclass(frozen=True)
class CrossSpectra:
    """What is on the Cartesian grid.

    Parameters
    ----------
    grid : WavenumberGrid
        In rad/m.
    real, imag : array
        Parts of the cross-spectra, in (m/rad)^2, (lag, azimuth, range).
    """

    grid: WavenumberGrid
    real: Array
    imag: Array

    @property
    def sizes(self) -> tuple[int, int]:
        """Sizes of the grid."""
        return self.grid.ky.size, self.grid.kx.size

    @property
    def values(self) -> dict[str, Array]:
        """Spectra, wavenumbers and widths by our names."""
        return {
            "azimuth_wavenumber": self.grid.ky,
            "range_wavenumber": self.grid.kx,
            "azimuth_wavenumber_width": self.grid.dky,
            "range_wavenumber_width": self.grid.dkx,
            "cross_spectrum_real": self.real,
            "cross_spectrum_imag": self.imag,
        }

    def shares_grid(self, other: "CrossSpectra") -> bool:
        """Whether another may be in the same array: each has its own wavenumbers."""
        return self.sizes == other.sizes


@dataclass(frozen=True)
class Spectra:
    """Spectra of one file, and why there are none.

    Parameters
    ----------
    waves : WaveSpectra or str
        On the polar grid, or why not.
    cross : CrossSpectra or str
        On the Cartesian grid, or why not.
    """

    waves: WaveSpectra | str
    cross: CrossSpectra | str


class _UnusableError(Exception):
    """A spectrum cannot be used; the message says why."""


def read_spectra(file: OcnValues) -> Spectra:
    """Read the spectra of an open file."""
    waves: WaveSpectra | str
    cross: CrossSpectra | str
    try:
        waves = _waves(file)
    except (_UnusableError, ProductError) as error:
        waves = str(error)
    try:
        cross = _cross(file)
    except (_UnusableError, ProductError) as error:
        cross = str(error)
    return Spectra(waves, cross)


def _waves(file: OcnValues) -> WaveSpectra:
    wavenumber, direction = _axis(file, "oswK"), _axis(file, "oswPhi")
    if not (wavenumber > 0).all() or not _is_geometric(wavenumber):
        raise _UnusableError("oswK holds no wavenumbers that rise in even ratios")
    turns = np.diff(np.append(direction, direction[0] + 360.0))
    if not np.allclose(turns, 360.0 / direction.size, atol=0.01):
        raise _UnusableError("oswPhi holds no circle of directions in even steps")
    sizes = direction.size, wavenumber.size
    parts = {
        "wave_spectrum": ("oswPolSpec", 0.0, _MOST_WAVES),
        "quality_cross_spectrum_real": ("oswQualityCrossSpectraRe", -_MOST_CROSS, _MOST_CROSS),
        "quality_cross_spectrum_imag": ("oswQualityCrossSpectraIm", -_MOST_CROSS, _MOST_CROSS),
    }  # fmt: skip
    values = {
        name: _spectrum(file, source, _POLAR, sizes, (low, high))
        for name, (source, low, high) in parts.items()
        if name == "wave_spectrum" or source in file.file.variables
    }
    if "oswPartitions" in file.file.variables:
        partition = _stored(file, "oswPartitions", _POLAR, sizes)
        none = ~((partition >= 0) & (partition < 100))
        values["wave_spectrum_partition"] = np.where(none, -1, partition)
    if "oswSpecRes" in file.file.variables:
        resolved = _stored(file, "oswSpecRes", _POLAR[:1], sizes[:1])
        values["resolved_wavelength"] = np.where(resolved > 0, resolved, np.nan)
    return WaveSpectra(wavenumber, direction, values)


def _cross(file: OcnValues) -> CrossSpectra:
    axes = {n: _axis(file, n) for n in ("oswKx", "oswKy", "oswJx", "oswJy")}
    # wavenumbers and widths are per size of the vignette, not per metre
    across, along = _size(file, "oswGroundRngSize"), _size(file, "oswAziSize")
    grid = WavenumberGrid(
        kx=axes["oswKx"] / across,
        ky=axes["oswKy"] / along,
        dkx=axes["oswJx"] / across,
        dky=axes["oswJy"] / along,
    )
    if grid.kx[0] != 0 or not _fits(grid.kx, grid.dkx):
        raise _UnusableError("oswKx and oswJx are no grid from 0 up with its widths")
    if not np.allclose(grid.ky, -grid.ky[::-1]) or not _fits(grid.ky, grid.dky):
        raise _UnusableError("oswKy and oswJy are no grid about 0 with its widths")
    sizes = LAGS, grid.ky.size, grid.kx.size
    limits = -_MOST_CROSS, _MOST_CROSS
    real = _spectrum(file, "oswCartSpecRe", _CARTESIAN, sizes, limits)
    imag = _spectrum(file, "oswCartSpecIm", _CARTESIAN, sizes, limits)
    return CrossSpectra(grid, real, imag)


def _fits(k: Array, width: Array) -> bool:
    """Whether wavenumbers rise by the widths of their cells."""
    same = k.size == width.size and _rises(k)
    return same and np.allclose(np.gradient(k), width, rtol=_WIDTHS_TOLERANCE, atol=0)


def _is_geometric(k: Array) -> bool:
    ratios = k[1:] / k[:-1]
    return bool(np.all(ratios > 1) and np.allclose(ratios, ratios[0], rtol=1e-3))


def _rises(k: Array) -> bool:
    return bool(np.all(np.diff(k) > 0))


def _axis(file: OcnValues, source: str) -> Array:
    values = file.stored(source).ravel()
    if source not in file.file.variables:
        raise _UnusableError(f"there is no {source}")
    if values.size < 2 or not np.isfinite(values).all() or (values == _FILL).any():
        raise _UnusableError(f"{source} has missing values")
    return values


def _size(file: OcnValues, source: str) -> float:
    values = file.stored(source).ravel()
    if values.size != 1 or not _AREA[0] <= values[0] <= _AREA[1]:
        found = f"{values[0]:g}" if values.size == 1 else f"of {values.size} values"
        raise _UnusableError(
            f"{source}, the side of the vignette in metres, is {found}"
        )
    return float(values[0])


def _stored(
    file: OcnValues, source: str, dims: tuple[str, ...], sizes: tuple[int, ...]
) -> Array:
    """Values of a variable with its dims in an order of ours."""
    if source not in file.file.variables:
        raise _UnusableError(f"there is no {source}")
    values = file.stored(source)
    names = file.file[source].dimensions
    others = [i for i, name in enumerate(names) if name not in dims]
    order = [*others, *(names.index(name) for name in dims if name in names)]
    if tuple(values.shape[i] for i in order) != (*(1 for _ in others), *sizes):
        found = " x ".join(map(str, values.shape))
        needed = " x ".join(map(str, sizes))
        raise _UnusableError(f"{source} is of {found} values where {needed} are needed")
    return np.transpose(values, order).reshape(sizes)


def _spectrum(
    file: OcnValues,
    source: str,
    dims: tuple[str, ...],
    sizes: tuple[int, ...],
    limits: tuple[float, float],
) -> Array:
    """Values of a spectrum, all of which must be there and possible."""
    values = _stored(file, source, dims, sizes)
    if not np.isfinite(values).all() or (values == _FILL).any():
        raise _UnusableError(f"{source} has missing values")
    low, high = limits
    wrong = (values < low) | (values > high)
    if wrong.any():
        raise _UnusableError(f"{source} has impossible values ({values[wrong][0]:g})")
    return values
