"""Wave spectra: their energy, and what of it shows in SAR images."""

import math

import numpy as np
import numpy.typing as npt
from scipy import fft, ndimage

Real = npt.NDArray[np.floating]


def significant_wave_height(
    spectrum: npt.ArrayLike, wavenumber: npt.ArrayLike, direction: npt.ArrayLike
) -> npt.NDArray[np.float64]:
    """Integrate a directional wave spectrum to the significant wave height.

    Shapes: `spectrum` (..., direction, wavenumber), `wavenumber` (wavenumber), `direction`
    (direction) -> (...).

    Notes
    -----
    ``4 sqrt(sum S k dk dphi)`` with central differences for dk: the sum by which ESA's level 2
    ocean products define the height of a partition.

    References
    ----------
    Sentinel-1 Ocean Swell Wave Spectra (OSW) Algorithm Definition, S1-TN-NRT-53-0661.

    Examples
    --------
    >>> k, phi = np.linspace(0.01, 0.11, 101), np.arange(0, 360, 10)
    >>> flat = np.full((36, 101), 10.0)
    >>> float(significant_wave_height(flat, k, phi).round(2))
    2.47
    """
    density = np.asarray(spectrum, np.float64)
    k = np.asarray(wavenumber, np.float64)
    step = 2 * math.pi / np.asarray(direction).size
    variance = np.sum(density * (k * np.gradient(k)), axis=(-2, -1)) * step
    return np.asarray(4 * np.sqrt(variance))


def cross_spectrum(
    first: Real, second: Real, spacing: float
) -> tuple[npt.NDArray[np.complex128], Real, Real]:
    """Estimate the cross-spectrum of two looks at the same sea.

    Shapes: first, second (ny, nx).
    """
    ny, nx = first.shape
    a, b = (fft.fft2(np.asarray(i, np.float64) / i.mean() - 1) for i in (first, second))
    kx, ky = (2 * math.pi * fft.fftfreq(n, spacing) for n in (nx, ny))
    return a * np.conj(b) * spacing**2 / (nx * ny), kx, ky


def dominant_wave(
    spectrum: npt.NDArray[np.complexfloating],
    kx: Real,
    ky: Real,
    *,
    shortest: float = 50.0,
    longest: float = 800.0,
) -> tuple[float, float]:
    """Find the dominant wave of a cross-spectrum.

    Shapes: `spectrum` (ny, nx).

    Notes
    -----
    Centre of mass of the fourth power of the smoothed amplitude within 45 degrees and a factor
    1.6 in wavenumber of its peak: high powers find the peak, not the mean (Young, 1995). The sign of the summed phase says which way the waves go.

    References
    ----------
    Young (1995), https://doi.org/10.1016/0029-8018(95)00002-3.
    """
    k = np.hypot(kx[None, :], ky[:, None])
    band = (k > 2 * math.pi / longest) & (k < 2 * math.pi / shortest)
    power = np.where(band, np.abs(spectrum), 0.0)
    smooth = ndimage.gaussian_filter(power, 1.5, mode="wrap")
    i, j = np.unravel_index(np.argmax(np.where(band, smooth, 0)), power.shape)
    px, py = kx[j], ky[i]
    peak = math.hypot(px, py)
    along = (kx[None, :] * px + ky[:, None] * py) / (peak * np.maximum(k, 1e-12))
    near = band & (along > math.cos(math.pi / 4)) & (k > peak / 1.6) & (k < peak * 1.6)
    weight = np.where(near, smooth**4, 0.0)
    total = weight.sum()
    mx, my = (weight * kx[None, :]).sum() / total, (weight * ky[:, None]).sum() / total
    if np.sum(np.where(near, spectrum.imag, 0.0)) < 0:
        mx, my = -mx, -my
    wavelength = 2 * math.pi * total / (weight * k).sum()
    return float(wavelength), math.degrees(math.atan2(my, mx))


def azimuth_cutoff(image: Real, spacing: float) -> float:
    """Measure the azimuth cut-off wavelength of an image.

    Shapes: `image` (ny, nx).

    Notes
    -----
    Least-squares fit of ``A exp(-(pi y / cutoff)^2)`` to the mean autocorrelation along azimuth,
    from the first lag to the one where it falls under a tenth, after structures beyond 800 m
    have been divided out.

    References
    ----------
    Kerbaol, Chapron and Vachon (1998), J. Geophys. Res. 103 (C4), 7833-7846.
    """
    pixels = np.asarray(image, np.float64)
    flat = pixels / ndimage.gaussian_filter(pixels, 800 / spacing, mode="wrap") - 1
    power = np.mean(np.abs(fft.fft(flat, axis=0)) ** 2, axis=1)
    power -= np.quantile(power, 0.05)  # white noise
    correlation = np.real(fft.ifft(power))
    correlation = correlation[: max(2, int(400 / spacing))] / correlation[0]
    low = np.flatnonzero(correlation < 0.1)
    last = max(int(low[0]) if low.size else correlation.size, 3)
    lag = spacing * np.arange(1, last)
    value = correlation[1:last]
    good = value > 0
    if good.sum() < 2:
        return math.nan
    # ln c = ln A - (pi / cutoff)^2 y^2; polyfit's weights multiply the residual.
    slope = np.polyfit(lag[good] ** 2, np.log(value[good]), 1, w=value[good])[0]
    return math.pi / math.sqrt(-slope) if slope < 0 else math.nan
