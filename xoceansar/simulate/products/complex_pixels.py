"""From a scene to the digital numbers of a single-look complex image.

White noise, the scatterers, is weighted by the amplitude of the scene and filtered to the processed
band, in azimuth about the Doppler centroid and in range, by the processor's Hamming windows. Each
azimuth frequency sees the scene at its own time: the amplitude is a polynomial in time through the
looks of the scene, so that sub-looks of the image differ as the sea does. ``|DN|^2 = (sigma0 + nesz)
A^2`` on average.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import fft

from xoceansar._compilation import compiled
from xoceansar.errors import DomainError
from xoceansar.sar.polarisation import polarisation_ratio
from xoceansar.simulate.products.acquisition import IMAGING
from xoceansar.simulate.products.doppler_band import (
    AZIMUTH_BANDWIDTH,
    LIGHT,
    WINDOW_COEFFICIENT,
    DopplerBand,
    fm_rate,
)
from xoceansar.simulate.products.product_geometry import Frame
from xoceansar.simulate.sea.scenes import Scene

__all__ = [
    "digital_numbers",
    "in_polarisation",
    "pixel_cells",
]

_Array = npt.NDArray[np.float64]
_Single = npt.NDArray[np.float32]
_Complex = npt.NDArray[np.complex64]

_SAMPLES: Final = 64  # per random stream; part of what a seed means
_LINES: Final = 128  # filtered at once
_MARGIN: Final = (
    64  # pixels of noise between the ends of an image, which the filters join
)
_LARGEST: Final = 32767.0


def in_polarisation(view: Scene, polarisation: str) -> _Single:
    """Return the backscatter of a scene in VV, or in HH by `polarisation_ratio`.

    The ratio of the sea under the mean wind serves for everything in the scene, ice included.
    """
    if polarisation == "VV":
        return view.sigma0
    phi = view.truth["wind_direction"] + 180.0
    ratio = polarisation_ratio(view.incidence, phi)
    return np.asarray(view.sigma0 / ratio, np.float32)


def pixel_cells(view: Scene, frame: Frame) -> tuple[_Array, _Array]:
    """Find the positions of lines and samples in a scene, in cells; the centres coincide."""
    cells = np.array(view.sigma0.shape)
    azimuth = (np.arange(frame.lines) - frame.centre[0]) * frame.azimuth_spacing
    ground = np.array([np.ptp(azimuth), np.ptp(frame.ground_range)])
    if (ground > cells * view.spacing).any():
        needed, found = ground / 1e3, cells * view.spacing / 1e3
        raise DomainError(
            f"the image covers {needed[0]:.2f} x {needed[1]:.2f} km (azimuth x range) and its "
            f"scene only {found[0]:.2f} x {found[1]:.2f} km. Pass scenes made with "
            "simulate.scene(..., size=21_600), or write a smaller image with scale=..."
        )
    middle = (cells - 1) / 2
    return (
        azimuth / view.spacing + middle[0],
        frame.ground_range / view.spacing + middle[1],
    )


def digital_numbers(
    sigma0: _Single,
    view: Scene,
    frame: Frame,
    gain: _Array,
    band: DopplerBand,
    seed: np.random.SeedSequence,
) -> npt.NDArray[np.int16]:
    """Draw a single-look complex image.

    Shapes: `sigma0` (ny, nx), `gain` (samples) -> (lines, samples, 2). Real and imaginary
    parts, rounded, clipped at 32767. The 1/12 that rounding adds to the variance of each part
    is taken out of the noise, so the mean intensity is exact.
    """
    rows, columns = pixel_cells(view, frame)
    size = fft.next_fast_len(frame.lines + _MARGIN)
    width = fft.next_fast_len(frame.samples + _MARGIN)
    sample = np.minimum(np.arange(width), frame.samples - 1)
    nesz = np.interp(columns, np.arange(len(view.nesz)), view.nesz)
    floor = (nesz - 1 / 6 / gain**2)[sample].astype(np.float32)
    row = _cubic(np.pad(rows, (0, size - frame.lines), "edge"), sigma0.shape[0])
    column = _cubic(columns[sample], sigma0.shape[1])
    looks, times = _looks(sigma0, view)
    rate = fm_rate(frame, sample)
    basis = _time_basis(times, float(rate[frame.samples // 2]))
    centroid = band.centroid(frame, sample)
    frequency = fft.fftfreq(size, frame.line_interval)
    field = np.empty((frame.lines, width), dtype=np.complex64)

    def draw(start: int, stream: np.random.SeedSequence) -> None:
        part = slice(start, min(start + _SAMPLES, width))
        rng = np.random.Generator(np.random.SFC64(stream))
        shape = (part.stop - start, size, 2)
        white = rng.standard_normal(shape, dtype=np.float32).view(np.complex64)[..., 0]
        seen = np.empty((len(times), *white.shape), dtype=np.complex64)
        across = column[0][part], column[1][part]
        _modulate(sigma0, looks, *row, *across, floor[part], white, *basis, seen)
        spectra = fft.fft(seen, axis=-1, overwrite_x=True)
        _shape(
            spectra,
            frequency,
            centroid[part],
            rate[part],
            1 / frame.line_interval,
            white,
        )
        lines = fft.ifft(white, axis=-1, overwrite_x=True)
        field[:, part] = lines[:, : frame.lines].T

    starts = range(0, width, _SAMPLES)
    out = np.empty((frame.lines, frame.samples, 2), dtype=np.int16)
    window = _range_window(width, frame, view.environment.beam)
    scale = (gain * np.sqrt(0.5)).astype(np.float32)

    def digitise(start: int) -> None:
        part = slice(start, min(start + _LINES, frame.lines))
        spectrum = fft.fft(field[part], axis=-1)
        spectrum *= window
        _round(fft.ifft(spectrum, axis=-1, overwrite_x=True), scale, out[part])

    with ThreadPoolExecutor(min(len(starts), os.cpu_count() or 1)) as pool:
        list(pool.map(draw, starts, seed.spawn(len(starts))))
        list(pool.map(digitise, range(0, frame.lines, _LINES)))
    return out


def _looks(sigma0: _Single, view: Scene) -> tuple[_Single, tuple[float, ...]]:
    """Give the looks in the polarisation, and their times; one if the sea stands still."""
    if view.looks is None:
        return sigma0[None], (0.0,)
    if sigma0 is view.sigma0:
        return view.looks, view.look_times
    return view.looks * (sigma0 / view.sigma0), view.look_times


def _time_basis(times: tuple[float, ...], rate: float) -> tuple[_Single, _Single]:
    """Coefficients of the polynomial through values at `times`, and its mean square over the band.

    Shapes: (power, time), (time, time). The mean is over frequencies, weighted by the window.
    """
    powers = np.linalg.inv(np.vander(times, increasing=True))
    offset = (np.arange(1000) + 0.5) / 1000 - 0.5
    weight = _hamming(offset) ** 2
    seen = np.vander(offset * AZIMUTH_BANDWIDTH / rate, len(times), increasing=True)
    lagrange = seen @ powers
    mean = (lagrange * weight[:, None]).T @ lagrange / weight.sum()
    return powers.astype(np.float32), mean.astype(np.float32)


def _hamming(offset: _Array) -> _Array:
    """Window of frequencies in units of the bandwidth."""
    window = WINDOW_COEFFICIENT + (1 - WINDOW_COEFFICIENT) * np.cos(2 * np.pi * offset)
    return np.where(abs(offset) <= 0.5, window, 0.0)


def _range_window(n: int, frame: Frame, beam: str) -> _Single:
    """Range filter that keeps the power of white noise."""
    frequency = fft.fftfreq(n, 2 * frame.sample_spacing / LIGHT)
    window = _hamming(frequency / IMAGING[beam].bandwidth)
    window /= np.sqrt(np.mean(window**2))
    return window.astype(np.float32)


def _cubic(position: _Array, size: int) -> tuple[npt.NDArray[np.int32], _Single]:
    """Give the four neighbours and their weights in Keys' cubic convolution; edges are held.

    Shapes: `position` (n) -> (n, 4), (n, 4).
    """
    lower = np.floor(position)
    t = position - lower
    weights = [
        -t * (1 - t) ** 2 / 2,
        1 - t**2 * (5 - 3 * t) / 2,
        t * (1 + t * (4 - 3 * t)) / 2,
        -(t**2) * (1 - t) / 2,
    ]
    near = np.clip(lower[:, None] + np.arange(-1, 3), 0, size - 1)
    return near.astype(np.int32), np.stack(weights, axis=-1).astype(np.float32)


@compiled()
def _weighted(
    values: _Single, near: npt.NDArray[np.int32], weights: _Single
) -> np.float32:
    """Sum four neighbours with their weights."""
    total = values[near[0]] * weights[0]
    for m in range(1, 4):
        total += values[near[m]] * weights[m]
    return np.float32(total)


@compiled()
def _modulate(
    sigma0: _Single,
    looks: _Single,
    row: npt.NDArray[np.int32],
    row_weight: _Single,
    column: npt.NDArray[np.int32],
    column_weight: _Single,
    floor: _Single,
    white: _Complex,
    powers: _Single,
    mean: _Single,
    out: _Complex,
) -> None:
    """Weight noise by the coefficients of the amplitude in time.

    The amplitude goes through the roots of the looks with noise; its mean square over the band is
    made that of the scene.
    """
    count = looks.shape[0]
    profile = np.empty((count + 1, sigma0.shape[0]), dtype=np.float32)
    amplitude = np.empty(count, dtype=np.float32)
    zero = np.float32(0)
    for c in range(white.shape[0]):
        k, across = column[c], column_weight[c]
        for r in range(sigma0.shape[0]):
            profile[count, r] = _weighted(sigma0[r], k, across)
            for n in range(count):
                profile[n, r] = _weighted(looks[n, r], k, across)
        for i in range(white.shape[1]):
            r, along = row[i], row_weight[i]
            square = zero
            for n in range(count):
                power = _weighted(profile[n], r, along) + floor[c]
                amplitude[n] = np.sqrt(max(power, zero))
                for m in range(n):
                    square += 2 * mean[n, m] * amplitude[n] * amplitude[m]
                square += mean[n, n] * amplitude[n] * amplitude[n]
            power = _weighted(profile[count], r, along) + floor[c]
            scale = zero
            if square > zero and power > zero:
                scale = np.sqrt(power / square)
            for m in range(count):
                coefficient = zero
                for n in range(count):
                    coefficient += powers[m, n] * amplitude[n]
                out[m, c, i] = scale * coefficient * white[c, i]


@compiled()
def _shape(
    spectra: _Complex,
    frequency: _Array,
    centroid: _Array,
    rate: _Array,
    line_rate: float,
    out: _Complex,
) -> None:
    """Evaluate the polynomials at the time of each frequency; window, keeping white noise's power."""
    for c in range(out.shape[0]):
        square = 0.0
        for i in range(out.shape[1]):
            offset = frequency[i] - centroid[c]
            offset -= line_rate * np.rint(offset / line_rate)
            position = offset / AZIMUTH_BANDWIDTH
            if abs(position) > 0.5:
                out[c, i] = 0
                continue
            window = WINDOW_COEFFICIENT + (1 - WINDOW_COEFFICIENT) * np.cos(
                2 * np.pi * position
            )
            square += window * window
            time = np.float32(offset / rate[c])
            value = spectra[-1, c, i]
            for m in range(spectra.shape[0] - 2, -1, -1):
                value = value * time + spectra[m, c, i]
            out[c, i] = np.float32(window) * value
        scale = np.float32(np.sqrt(out.shape[1] / square))
        for i in range(out.shape[1]):
            out[c, i] *= scale


@compiled()
def _round(field: _Complex, scale: _Single, out: npt.NDArray[np.int16]) -> None:
    """Scale, round and clip."""
    largest = np.float32(_LARGEST)
    for i in range(out.shape[0]):
        for s in range(out.shape[1]):
            value = scale[s] * field[i, s]
            out[i, s, 0] = np.int16(min(max(np.rint(value.real), -largest), largest))
            out[i, s, 1] = np.int16(min(max(np.rint(value.imag), -largest), largest))
