"""Spectra of the looks of a real-size vignette, beside the Fourier transforms alone; peak memory."""

import resource
import statistics
import time

import numpy as np
from _report import report
from scipy import fft

from xoceansar.spectra.look_images import N_LOOKS, RANGE_PIXELS, AzimuthBand, form_looks
from xoceansar.spectra.periodograms import average_periodograms
from xoceansar.spectra.wavenumber_grids import esa_grid

#: A WV1 vignette: lines, samples, and their spacing on the ground, m.
LINES, SAMPLES, AZIMUTH, RANGE = 4933, 5681, 4.12, 3.75
BAND = AzimuthBand(frequency=1650.168, bandwidth=1337.0, window=0.75, centroid=20.0)
#: Pixels of a look along azimuth in a periodogram.
ALONG = 675
TURNS = 3


def transforms(slc: np.ndarray, periodograms: int) -> None:
    """Only the transforms that looks and periodograms need, of the same sizes and types."""
    size = fft.next_fast_len(LINES)
    width = int(BAND.bandwidth / N_LOOKS / BAND.frequency * size)
    length = fft.next_fast_len(2 * width)
    rows = np.ascontiguousarray(slc[:, :64].T)
    third = np.ascontiguousarray(rows[:, :width])
    for _ in range(0, SAMPLES, 64):
        fft.fft(rows, n=size, axis=-1)
        for _ in range(N_LOOKS):
            fft.ifft(third, n=length, axis=-1)
    tile = np.ones((N_LOOKS, RANGE_PIXELS, ALONG), np.float32)
    for _ in range(periodograms):
        fft.rfft2(tile, axes=(2, 1))


def main() -> None:
    """Let the two take turns."""
    rng = np.random.default_rng(0)
    slc = np.empty((LINES, SAMPLES), np.complex64)
    for row in slc.view(np.float32):
        row[:] = rng.standard_normal(row.size, dtype=np.float32)
    spacing = np.full(SAMPLES, RANGE)
    grid = esa_grid(RANGE, AZIMUTH)

    def measure() -> int:
        looks = form_looks(slc, BAND, AZIMUTH, RANGE)
        return average_periodograms(looks, AZIMUTH, spacing, grid).periodograms

    count = measure()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    seconds = []
    for _ in range(TURNS):
        start = time.process_time()
        measure()
        middle = time.process_time()
        transforms(slc, count)
        seconds.append((middle - start, time.process_time() - middle))
    ours, bare = (statistics.median(column) for column in zip(*seconds, strict=True))
    ratio, gib = ours / bare, peak / 2**20
    report("spectra.vignette", ours, "s of a processor", "", None)
    report("spectra.transforms_alone", bare, "s of a processor", "", None)
    report("spectra.against_transforms", ratio, "times", "<= 1.5", ratio <= 1.5)
    report("spectra.peak_memory", gib, "GiB", "< 0.93", gib < 0.93)


if __name__ == "__main__":
    main()
