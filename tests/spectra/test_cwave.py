"""CWAVE parameters: orthonormality by quadrature, published recipes, ESA's own ranges."""

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.special import eval_gegenbauer

from tests.spectra.real_spectra import FILES, each_real_file, read
from xoceansar.errors import DomainError
from xoceansar.spectra.cwave import CWAVE_LINEAGES, compute_cwave, cwave_basis
from xoceansar.spectra.wavenumber_grids import WavenumberGrid, esa_grid, regular_grid

KMIN, KMAX = 2 * math.pi / 625, 2 * math.pi / 60
ESA = esa_grid(4.68, 4.15)


def fine_grid(kmax, n=400):
    """Cells of the half plane that cover the domain."""
    dkx, dky = kmax / 2 / n, kmax / n
    kx, ky = (np.arange(n) + 0.5) * dkx, (np.arange(-n, n) + 0.5) * dky
    return WavenumberGrid(kx, ky, np.full(n, dkx), np.full(2 * n, dky))


def inner_products(lineage, kmin=KMIN, kmax=KMAX):
    """Integrals over the half plane of the products of any two functions."""
    grid = fine_grid(kmax)
    functions, _ = cwave_basis(grid, lineage=lineage, kmin=kmin, kmax=kmax)
    flat = functions.reshape(20, -1)
    return flat @ flat.T * (grid.dkx[0] * grid.dky[0])


@pytest.mark.parametrize(("kmin", "kmax"), [(KMIN, KMAX), (2 * np.pi / 600, 2 * np.pi / 25)])  # fmt: skip
def test_the_functions_are_orthonormal(kmin, kmax):
    assert_allclose(inner_products("orthonormal", kmin, kmax), np.eye(20), atol=1e-3)


@pytest.mark.parametrize("lineage", ["hawaii", "ifremer"])
def test_the_functions_of_published_networks_are_not(lineage):
    assert np.abs(inner_products(lineage) - np.eye(20)).max() > 0.3


def plainly(lineage, kx, ky, kmin=KMIN, kmax=KMAX):
    """The twenty functions at one wavenumber, as their papers and codes write them."""
    g = 2
    a1 = (g**2 - g**4) / (g**2 * kmin**2 - kmax**2)
    a2 = (kmax**2 - g**4 * kmin**2) / (kmax**2 - g**2 * kmin**2)
    kt2 = a1 * kx**4 + a2 * kx**2 + ky**2
    ratio = math.log10(kmax / kmin)
    ak = 2 * (math.log10(math.sqrt(kt2)) - math.log10(kmin)) / ratio - 1
    if abs(ak) > 1:
        return [0.0] * 20
    ap = math.atan2(ky, kx)
    eta = math.sqrt(2 * kt2 / ((kx**2 + ky**2) * kt2 * ratio))
    if lineage == "orthonormal":
        top = 2 * (2 * a1 * kx**4 + a2 * kx**2 + ky**2)
        eta = math.sqrt(top / ((kx**2 + ky**2) * kt2 * math.log(kmax / kmin)))
    root = math.sqrt(1 - ak**2)
    if lineage == "hawaii":
        radial = [
            math.sqrt(3) / 2 * root,
            math.sqrt(15) / 2 * ak * root,
            math.sqrt(7 / 6) / 4 * (15 * ak**2 - 3) * root,
            math.sqrt(9 / 10) / 4 * (35 * ak**3 - 15 * ak**2) * root,
        ]
    else:
        norms = [(n + 1.5) / ((n + 2) * (n + 1)) for n in range(4)]
        if lineage == "orthonormal":
            norms = [math.sqrt(n) for n in norms]
        radial = [float(eval_gegenbauer(n, 1.5, ak)) * norms[n] * root for n in range(4)]  # fmt: skip
    angular = [math.sqrt(1 / math.pi)]
    for n in (2, 4):
        angular += [math.sqrt(2 / math.pi) * f(n * ap) for f in (math.sin, math.cos)]
    return [g * f * eta for g in radial for f in angular]


@pytest.mark.parametrize("lineage", CWAVE_LINEAGES)
def test_the_functions_are_those_of_the_papers(lineage):
    functions, ring = cwave_basis(ESA, lineage=lineage)
    draw = np.random.default_rng(2)
    rows, columns = draw.integers(50, 135, 200), draw.integers(1, 60, 200)
    expected = [plainly(lineage, ESA.kx[j], ESA.ky[i]) for i, j in zip(rows, columns, strict=True)]  # fmt: skip
    assert_allclose(functions[:, rows, columns].T, expected, rtol=1e-9, atol=1e-9)
    k = np.hypot(ESA.kx[columns], ESA.ky[rows])
    assert_allclose(ring[rows, columns], (k > KMIN) & (k < KMAX))


def test_a_spectrum_that_is_one_of_the_functions_has_that_parameter():
    """Of |S| = constant + H_mn, in the domain, the parameter is of H_mn but for the constant's."""
    grid = fine_grid(KMAX, 300)
    functions, ring = cwave_basis(grid)
    flat = compute_cwave(np.ones_like(ring, float), grid)
    area = ring.sum() * grid.dkx[0] * grid.dky[0]
    for n in (3, 11, 19):
        lifted = np.where(ring, 90.0 + functions[n], 0.0)
        assert lifted.min() >= 0
        norm = 90 * area + functions[n][ring].sum() * grid.dkx[0] * grid.dky[0]
        expected = flat * 90 * area / norm
        expected[n] += 1 / norm
        assert_allclose(compute_cwave(lifted, grid), expected, rtol=0.01, atol=0.05)


def test_the_scale_of_a_spectrum_does_not_matter():
    draw = np.random.default_rng(0)
    spectrum = draw.normal(size=(2, 185, 128)) + 1j * draw.normal(size=(2, 185, 128))
    for lineage in CWAVE_LINEAGES:
        once = compute_cwave(spectrum, ESA, lineage=lineage)
        assert once.shape == (2, 20)
        assert_allclose(compute_cwave(1e4j * spectrum, ESA, lineage=lineage), once)


def test_a_mirrored_spectrum_changes_the_sines_alone():
    spectrum = np.random.default_rng(1).random((185, 128))
    once, mirrored = compute_cwave(spectrum, ESA), compute_cwave(spectrum[::-1], ESA)
    assert_allclose(mirrored, once * np.tile([1, -1, 1, -1, 1], 4), atol=1e-12)


def test_one_bad_spectrum_leaves_its_neighbours():
    spectra = np.ones((4, 185, 128))
    spectra[1, 90, 5] = np.nan
    spectra[2] = 0
    found = compute_cwave(spectra, ESA)
    assert_allclose(found[0], found[3])
    assert np.isnan(found[1:3]).all()
    assert np.isfinite(found[0]).all()


@pytest.mark.parametrize("lineage", CWAVE_LINEAGES)
def test_each_spectrum_may_have_its_own_grid(lineage):
    grids = [esa_grid(4.68, 4.15), esa_grid(3.8, 4.1)]
    both = WavenumberGrid(*(np.stack(axis) for axis in zip(*grids, strict=True)))
    spectra = np.random.default_rng(3).random((2, 185, 128))
    expected = [compute_cwave(s, g, lineage=lineage) for s, g in zip(spectra, grids, strict=True)]  # fmt: skip
    assert_allclose(compute_cwave(spectra, both, lineage=lineage), expected)


def test_a_regular_grid_gives_what_esas_gives():
    """A smooth spectrum: the parameters are integrals, not of the grid."""
    found = []
    for grid in (ESA, regular_grid(4.68, 4.15, samples=1024, lines=1024)):
        x, y = grid.kx, grid.ky[:, None]
        smooth = np.exp(-((x - 0.03) ** 2 + (y - 0.02) ** 2) / (2 * 0.015**2))
        found.append(compute_cwave(smooth, grid))
    assert_allclose(found[0], found[1], atol=0.1)


def test_what_is_no_lineage_or_no_domain_is_refused():
    with pytest.raises(DomainError, match="orthonormal, hawaii, ifremer"):
        compute_cwave(np.ones((185, 128)), ESA, lineage="stopa")
    with pytest.raises(DomainError, match="twice kmin"):
        compute_cwave(np.ones((185, 128)), ESA, kmin=0.06, kmax=0.1)


@pytest.mark.skipif(not FILES, reason="needs ../shared/data")
def test_the_parameters_of_a_real_file_are_the_known_ones():
    values, grid, _ = read(FILES[-1])
    known = {
        "orthonormal": (8.76, -3.46, 5.37),
        "hawaii": (7.35, -2.86, 4.06),
        "ifremer": (11.92, -4.58, 6.32),
    }
    for lineage, expected in known.items():
        found = compute_cwave(values[2], grid, lineage=lineage)
        assert_allclose(found[:3], expected, atol=0.0051)


@each_real_file
def test_the_sums_of_real_files_are_those_of_the_published_code(path):
    """Cell by cell, in the ring of the one and over all of the other."""
    values, grid, _ = read(path)
    modulus = np.abs(values[2])
    widths = np.gradient(grid.ky)[:, None] * np.gradient(grid.kx)
    total = {"hawaii": 0.0, "ifremer": 0.0}
    sums = {name: np.zeros(20) for name in total}
    for i, ky in enumerate(grid.ky):
        for j, kx in enumerate(grid.kx):
            ring = KMIN < math.hypot(kx, ky) < KMAX
            for name, area in (("hawaii", widths[i, j]), ("ifremer", float(ring))):
                total[name] += modulus[i, j] * area
                if ring:
                    sums[name] += np.multiply(plainly(name, kx, ky), modulus[i, j] * area)  # fmt: skip
    for name, sum_ in sums.items():
        expected = sum_ / total[name]
        assert_allclose(compute_cwave(values[2], grid, lineage=name), expected, rtol=1e-6, atol=1e-9)  # fmt: skip
