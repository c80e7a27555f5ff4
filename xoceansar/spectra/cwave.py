"""CWAVE parameters: what a cross-spectrum has of each of twenty functions of the wavenumber."""

import math
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from xoceansar.errors import DomainError
from xoceansar.spectra.grid_batches import apply_by_grid
from xoceansar.spectra.wavenumber_grids import WavenumberGrid

__all__ = ["CWAVE_LINEAGES", "compute_cwave", "cwave_basis"]

Array = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

#: Ratio of the longest to the widest reach of the elliptic domain: along kx it ends at kmax / 2.
_GAMMA: Final = 2.0
_KMIN: Final = 2 * math.pi / 625
_KMAX: Final = 2 * math.pi / 60
_DEGREES: Final = 4
_PARAMETERS: Final = 20


class _Lineage(NamedTuple):
    """How a published code departs from the orthonormal functions.

    Parameters
    ----------
    squared_norm : bool
        The norm of the polynomials lacks its square root.
    slip : bool
        The last polynomial has a square where a cube's companion is linear.
    orthonormal : bool
        The weight makes the functions orthonormal; else the domain's own curvature is left out of
        it, and it is by the decimal logarithm.
    """

    squared_norm: bool
    slip: bool
    orthonormal: bool


#: The functions that have a name.
CWAVE_LINEAGES: Final = {
    "orthonormal": _Lineage(squared_norm=False, slip=False, orthonormal=True),
    "hawaii": _Lineage(squared_norm=False, slip=True, orthonormal=False),
    "ifremer": _Lineage(squared_norm=True, slip=False, orthonormal=False),
}


def compute_cwave(
    spectrum: npt.ArrayLike,
    grid: WavenumberGrid,
    *,
    lineage: str = "orthonormal",
    kmin: float = _KMIN,
    kmax: float = _KMAX,
) -> Array:
    """Compute the twenty CWAVE parameters of cross-spectra.

    Shapes: spectrum (..., azimuth, range) -> (..., 20); the grid's arrays may have the leading
    dimensions too.

    Parameters
    ----------
    spectrum : array_like
        Half plane kx >= 0, complex; its absolute value is taken. Its scale does not matter. The
        public networks take the cross-spectrum at lag 2.
    grid : WavenumberGrid
        Wavenumbers and widths of cells, rad/m.
    lineage : {"orthonormal", "hawaii", "ifremer"}, default "orthonormal"
        "hawaii" for networks of the lineage of the University of Hawaii: ESA's of the wind sea and
        of the first partition (``s1tools/sar_hswind_predictor``). "ifremer" for those of Ifremer:
        ESA's of the total height (``s1tools/sar_hs_predictor``), and with kmin and kmax of
        2 pi / 600 and 2 pi / 25 of its Level-1B products (``umr-lops/xsar_slc``).
    kmin, kmax : float
        Ends of the domain, rad/m; 2 pi / 625 and 2 pi / 60 by default. The parameters depend on
        them.

    Returns
    -------
    ndarray of float64
        m/rad; number ``5 (i - 1) + j`` is of polynomial i (1-4) and harmonic j (1-5), counted from
        1. NaN for a spectrum with gaps or without energy.

    Raises
    ------
    DomainError
        If there is no such lineage, or kmax is not over twice kmin.

    Notes
    -----
    ``C_ij = sum |S| H_ij dkx dky / sum |S| dkx dky`` with the functions of `cwave_basis`. The sum
    below is over ``kmin < k < kmax``; over the whole spectrum in "hawaii", whose widths are central
    differences of the wavenumbers; "ifremer" weighs all cells alike, which on ESA's grid is no
    integral, and is what its networks were trained with. The column kx = 0 counts whole, as in all
    published codes: halve the first of dkx for the exact integral over the half plane.

    References
    ----------
    Schulz-Stellenfleth, Koenig and Lehner (2007), https://doi.org/10.1029/2006JC003682.

    Examples
    --------
    A spectrum that is flat:

    >>> from xoceansar.spectra.wavenumber_grids import esa_grid
    >>> compute_cwave(np.ones((185, 128)), esa_grid(4.68, 4.15))[[0, 2]].round(2)
    array([ 4.55, -1.02])
    """
    modulus = np.abs(np.asarray(spectrum)).astype(np.float64, copy=False)

    def decompose(one: Array, its: WavenumberGrid) -> Array:
        return _decompose(one, its, lineage, kmin, kmax)

    return apply_by_grid(decompose, modulus, grid, _PARAMETERS)


def _decompose(
    modulus: Array, grid: WavenumberGrid, lineage: str, kmin: float, kmax: float
) -> Array:
    """Decompose spectra on one grid.

    Shapes: modulus (..., azimuth, range) -> (..., 20).
    """
    basis, ring = cwave_basis(grid, lineage=lineage, kmin=kmin, kmax=kmax)
    dkx, dky = grid.dkx, grid.dky
    if lineage == "hawaii":
        dkx, dky = np.gradient(grid.kx), np.gradient(grid.ky)
    elif lineage == "ifremer":
        dkx, dky = np.ones_like(dkx), np.ones_like(dky)
    energy = modulus * (dky[:, None] * dkx)
    within = energy if lineage == "hawaii" else np.where(ring, energy, 0.0)
    total = np.sum(within, axis=(-2, -1))
    known = (total > 0) & np.isfinite(energy).all(axis=(-2, -1))
    found = np.tensordot(within, basis, axes=((-2, -1), (-2, -1)))
    lost = np.full(found.shape, np.nan)
    share = np.divide(found, total[..., None], out=lost, where=known[..., None])
    return np.asarray(share)


def cwave_basis(
    grid: WavenumberGrid,
    *,
    lineage: str = "orthonormal",
    kmin: float = _KMIN,
    kmax: float = _KMAX,
) -> tuple[Array, Bools]:
    """Evaluate the twenty CWAVE functions of the wavenumber.

    Shapes: gives (20, azimuth, range) and (azimuth, range).

    Parameters
    ----------
    grid : WavenumberGrid
        Wavenumbers, rad/m, of one grid.
    lineage : {"orthonormal", "hawaii", "ifremer"}, default "orthonormal"
        Which functions; see `compute_cwave`.
    kmin, kmax : float
        Ends of the domain, rad/m.

    Returns
    -------
    functions : ndarray of float64
        m/rad; zero outside the domain of the functions.
    ring : ndarray of bool
        Where ``kmin < k < kmax``.

    Raises
    ------
    DomainError
        If there is no such lineage, or kmax is not over twice kmin.

    Notes
    -----
    ``H_ij = G_i(ak) F_j(ap) eta`` where, with g = 2,
    ``kt^2 = a1 kx^4 + a2 kx^2 + ky^2``, ``a1 = (g^2 - g^4) / (g^2 kmin^2 - kmax^2)``,
    ``a2 = (kmax^2 - g^4 kmin^2) / (kmax^2 - g^2 kmin^2)``,
    ``ak = 2 ln(kt / kmin) / ln(kmax / kmin) - 1``, ``ap = atan2(ky, kx)``.
    G: Gegenbauer polynomials of order 3/2, degree n = i - 1, times
    ``sqrt(1 - ak^2) sqrt((n + 3/2) / ((n + 1) (n + 2)))``.
    F: ``sqrt(1/pi)``, then ``sqrt(2/pi)`` times sin 2ap, cos 2ap, sin 4ap, cos 4ap.
    ``eta^2 = 2 (2 a1 kx^4 + a2 kx^2 + ky^2) / (k^2 kt^2 ln(kmax / kmin))``, by which the functions
    are orthonormal over the half plane, in ``kmin < kt < kmax``.

    "hawaii" and "ifremer" have ``eta^2 = 2 / (k^2 log10(kmax / kmin))``; the last polynomial of
    "hawaii" is ``(35 ak^3 - 15 ak^2) / 2``; the norm of "ifremer" lacks its square root.

    References
    ----------
    Schulz-Stellenfleth, Koenig and Lehner (2007), https://doi.org/10.1029/2006JC003682.

    Examples
    --------
    >>> from xoceansar.spectra.wavenumber_grids import esa_grid
    >>> functions, ring = cwave_basis(esa_grid(4.68, 4.15))
    >>> functions.shape, int(ring.sum())
    ((20, 185, 128), 4555)
    """
    if lineage not in CWAVE_LINEAGES:
        raise DomainError(
            f"the lineages of CWAVE parameters are {', '.join(CWAVE_LINEAGES)}, and this one is "
            f"{lineage!r}. Pass one of them."
        )
    if not 0 < _GAMMA * kmin < kmax:
        raise DomainError(
            "the ends of the domain of CWAVE parameters must be positive and kmax more than twice "
            f"kmin; they are {kmin:g} and {kmax:g} rad/m. Pass others."
        )
    kind = CWAVE_LINEAGES[lineage]
    x2, y2 = grid.kx**2, grid.ky[:, None] ** 2
    k2 = x2 + y2
    ends, square = kmax**2 - _GAMMA**2 * kmin**2, _GAMMA**2
    quartic = (square**2 - square) / ends * x2 * x2
    quadratic = (kmax**2 - square**2 * kmin**2) / ends * x2 + y2
    kt2 = quartic + quadratic
    ring = (k2 > kmin**2) & (k2 < kmax**2)
    inside = (kt2 > kmin**2) & (kt2 < kmax**2)
    ratio = math.log(kmax / kmin)
    at = np.log(np.where(inside, kt2, kmin * kmax) / kmin**2) / ratio - 1
    weight = 2 / np.where(inside, k2, 1.0)
    if kind.orthonormal:
        weight *= (quartic + kt2) / np.where(inside, kt2, 1.0) / ratio
    else:
        weight *= math.log(10) / ratio
    radial = _polynomials(at, kind) * np.sqrt(weight * inside)
    angular = _harmonics(np.arctan2(grid.ky[:, None], grid.kx))
    functions = radial[:, None] * angular
    return functions.reshape(-1, *k2.shape), ring


def _polynomials(at: Array, kind: _Lineage) -> Array:
    """Weighted Gegenbauer polynomials.

    Shapes: at (azimuth, range) -> (4, azimuth, range).
    """
    last = 17.5 * at**3 - 7.5 * at**2 if kind.slip else 17.5 * at**3 - 7.5 * at
    values = np.stack([np.ones_like(at), 3 * at, 7.5 * at**2 - 1.5, last])
    n = np.arange(_DEGREES)
    norm = (n + 1.5) / ((n + 1) * (n + 2))
    if not kind.squared_norm:
        norm = np.sqrt(norm)
    return np.asarray(values * norm[:, None, None] * np.sqrt(1 - at**2))


def _harmonics(angle: Array) -> Array:
    """Functions of the direction.

    Shapes: angle (azimuth, range) -> (5, azimuth, range).
    """
    parts = [np.full_like(angle, math.sqrt(0.5))]
    for n in (2, 4):
        parts += [np.sin(n * angle), np.cos(n * angle)]
    return np.stack(parts) * math.sqrt(2 / math.pi)
