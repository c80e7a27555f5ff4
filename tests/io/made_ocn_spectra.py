"""Write spectra into made Level-2 OCN files, as ESA's processor lays them out."""

from pathlib import Path

import netCDF4
import numpy as np

from tests.io.test_ocn import write

#: ESA's polar grid and that of before 2017.
ESA = (60, 72, 1200.0)
OLD = (30, 36, 1000.0)
LAGS = 3
#: Tile of 1024 pixels: step of the Cartesian grid times the size of the vignette, in range, azimuth.
STEPS = (27.587, 29.238)
AREA = (21033.6, 19757.0)
FILL = -999.0


def polar(wavenumbers=60, directions=72, longest=1200.0):
    """Wavenumbers and directions of a polar grid."""
    k = np.geomspace(2 * np.pi / longest, 2 * np.pi / 30, wavenumbers)
    return k, np.arange(directions) * (360.0 / directions)


def swell(k, phi, wavelength=206.0, direction=127.0, height=1.8):
    """A swell of a height, zero beyond a factor of two in wavenumber and 60 degrees."""
    turn = (phi[:, None] - direction + 180) % 360 - 180
    octave = np.log2(k * wavelength / (2 * np.pi))
    inside = (np.abs(turn) < 60) & (np.abs(octave) < 1)
    shape = np.where(inside, np.exp(-((turn / 20) ** 2) - (octave / 0.3) ** 2), 0.0)
    variance = np.sum(shape * k * np.gradient(k)) * np.radians(phi[1])
    return shape * (height / 4) ** 2 / variance, inside


def sinh_axis(step, indices):
    """Wavenumbers of the Cartesian grid and their widths, times the size of the vignette."""
    return step * 32 * np.sinh(indices / 32), step * np.cosh(indices / 32)


def cross_spectra(nx=128, ny=185):
    """A Gaussian about 0 of a variance of 0.1, and less at each lag, with an odd imaginary part."""
    kx, _ = sinh_axis(STEPS[0], np.arange(nx))
    ky, _ = sinh_axis(STEPS[1], np.arange(ny) - ny // 2)
    x, y = kx[None, :] / AREA[0], ky[:, None] / AREA[1]
    width = 0.03
    power = 0.1 / (2 * np.pi * width**2) * np.exp(-(x**2 + y**2) / (2 * width**2))
    lags = np.arange(LAGS)
    real = power[..., None] * (1 - 0.1 * lags)
    return real, power[..., None] * 0.1 * lags * np.sign(y)[..., None]


def add_spectra(path: Path, grid=ESA, drop=(), cartesian=(128, 185), **change):
    """Add spectra to a file; those to drop are left out, the others may be changed."""
    k, phi = polar(*grid)
    first, in_first = swell(k, phi)
    second, in_second = swell(k, phi, 251.0, 253.0, 0.5)
    partition = np.where(in_first, 0, np.where(in_second, 1, -128))
    nx, ny = cartesian
    real, imag = cross_spectra(nx, ny)
    kx, jx = sinh_axis(STEPS[0], np.arange(nx))
    ky, jy = sinh_axis(STEPS[1], np.arange(ny) - ny // 2)
    cell = ("oswAzSize", "oswRaSize")
    on_polar = (*cell, "oswAngularBinSize", "oswWavenumberBinSize")
    on_plane = (*cell, "oswKyBinSize", "oswKxBinSize", "oswLag")
    resolved = np.maximum(30, 208 * np.abs(np.cos(np.radians(phi - 202.9))))
    variables = {
        "oswK": (on_polar[3:], k), "oswPhi": (on_polar[2:3], phi),
        "oswPolSpec": (on_polar, first + second + 0.01), "oswPartitions": (on_polar, partition),
        "oswQualityCrossSpectraRe": (on_polar, first), "oswQualityCrossSpectraIm": (on_polar, -second),
        "oswSpecRes": (on_polar[:3], resolved),
        "oswKx": (on_plane[3:4], kx), "oswJx": (on_plane[3:4], jx),
        "oswKy": (on_plane[2:3], ky), "oswJy": (on_plane[2:3], jy),
        "oswCartSpecRe": (on_plane, real), "oswCartSpecIm": (on_plane, imag),
        "oswGroundRngSize": (cell, AREA[0]), "oswAziSize": (cell, AREA[1]),
    }  # fmt: skip
    with netCDF4.Dataset(path, "a") as file:
        sizes = (phi.size, k.size, ny, nx, LAGS)
        for name, size in zip((*on_polar[2:], *on_plane[2:]), sizes, strict=True):
            file.createDimension(name, size)
        for name, (dims, values) in variables.items():
            if name not in drop:
                kind, fill = ("i1", -128) if name == "oswPartitions" else ("f4", None)
                made = file.createVariable(name, kind, dims, fill_value=fill)
                made.set_auto_mask(False)
                made[:] = change.get(name, values)
    return path


def write_with_spectra(folder, number=1, start=17, drop=(), grid=ESA, cartesian=(128, 185), **change):  # fmt: skip
    """Write a measurement file with spectra."""
    path = write(folder, number, start=start)
    return add_spectra(path, grid, drop, cartesian, **change)
