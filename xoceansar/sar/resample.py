"""Area-weighted resampling of intensity in one pass over the digital numbers.

Intensity is averaged, never amplitude or decibel: only the mean of the power keeps the power.
This module compiles with numba and is imported where pixels are read, not before.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numba
import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from scipy.sparse import csr_array


Array = npt.NDArray[np.float64]
Image = npt.NDArray[np.float32]
Index = npt.NDArray[np.int64]
#: Digital numbers, which are whole, or were once.
Numbers = npt.NDArray[np.int16] | npt.NDArray[np.float32]

#: Magnitude of the in-phase or quadrature part from which a sample is saturated (int16).
SATURATED: Final = 32767


@dataclass(frozen=True, eq=False)
class AxisWeights:
    """Which input cells make each output cell along one axis, and with what weight."""

    #: (n,): First input cell of each output cell.
    first: Index
    #: (n + 1,): Where the weights of each output cell begin in `weight`.
    offset: Index
    #: Weights, those of one output cell summing to one; none where nothing overlaps.
    weight: Image
    #: (n,): Share of each output cell that the input covers.
    coverage: Array
    #: Number of input cells.
    size: int

    def matrix(self) -> "csr_array":
        """Return the weights as a sparse matrix.

        Shapes: gives (output cells, input cells). Rows sum to one, or are empty.
        """
        from scipy.sparse import csr_array

        count = np.diff(self.offset)
        return csr_array(
            (self.weight.astype(float), _ragged(self.first, count), self.offset),
            shape=(self.first.size, self.size),
        )

    def span(self) -> tuple[int, int]:
        """Find the input cells that are used."""
        used = np.diff(self.offset) > 0
        if not used.any():
            return 0, 0
        last = (self.first + np.diff(self.offset))[used].max()
        return int(self.first[used].min()), int(last)


@dataclass(frozen=True, eq=False)
class Averages:
    """What one pass over the digital numbers gives, on the output grid."""

    #: (line, sample): Linear means over the part of each pixel that the image covers.
    sigma0_raw: Image
    nesz: Image
    #: (line, sample): Share of each pixel that is outside the image or exactly zero in it.
    missing: Image
    #: Share of the samples read that are saturated.
    saturated: float


def area_weights(edges_in: Array, edges_out: Array) -> AxisWeights:
    """Overlap of the cells of two axes.

    Shapes: `edges_in` (m + 1,), `edges_out` (n + 1,).

    Examples
    --------
    >>> import numpy as np
    >>> w = area_weights(np.arange(5.0), np.array([0.5, 2.5, 6.5]))
    >>> w.weight.tolist(), w.coverage.tolist()
    ([0.25, 0.5, 0.25, 0.3333333432674408, 0.6666666865348816], [1.0, 0.375])
    """
    size = edges_in.size - 1
    low, high = edges_out[:-1], edges_out[1:]
    first = np.clip(np.searchsorted(edges_in, low, side="right") - 1, 0, size)
    stop = np.clip(np.searchsorted(edges_in, high, side="left"), first, size)
    count = stop - first
    cell = _ragged(first, count)
    overlap = np.minimum(edges_in[cell + 1], high.repeat(count)) - np.maximum(
        edges_in[cell], low.repeat(count)
    )
    offset = np.concatenate([[0], np.cumsum(count)]).astype(np.int64)
    total = np.bincount(
        np.arange(low.size).repeat(count), weights=overlap, minlength=low.size
    )
    weight = (overlap / total.repeat(count)).astype(np.float32)
    return AxisWeights(
        first.astype(np.int64), offset, weight, total / (high - low), size
    )


def _ragged(first: npt.NDArray[Any], count: npt.NDArray[Any]) -> Index:
    """Return first[k], first[k] + 1, ... count[k] numbers for each k, one after the other."""
    start = np.cumsum(count) - count
    index = np.arange(int(count.sum()), dtype=np.int64)
    return np.asarray(index + (first - start).repeat(count), dtype=np.int64)


def average_power(
    numbers: Numbers,
    rows: AxisWeights,
    columns: AxisWeights,
    amplitude: tuple[Array, Array],
    noise: tuple[Array, Array],
) -> Averages:
    """Calibrate and average digital numbers, reading each once.

    Shapes: `numbers` (line, 2 * sample).

    Notes
    -----
    A is linear between the calibration vectors; within an output row, 1 / A**2 is taken as
    linear in the line, which is exact to the second order of a change of some 0.001 dB.
    """
    shape = (rows.first.size, columns.first.size)
    begin, end = columns.span()
    lines, table = amplitude
    count = np.diff(rows.offset)
    ends = np.stack([rows.first, rows.first + np.maximum(count, 1) - 1]).astype(float)
    share, power = noise
    raw = np.full(shape, np.nan, np.float32)
    nesz = np.full(shape, np.nan, np.float32)
    zero = np.zeros(shape, np.float32)
    peak = np.zeros(max(end - begin, 1), np.float32)
    _accumulate(
        numbers,
        begin,
        end,
        rows.first,
        rows.offset,
        rows.weight,
        columns.first - begin,
        columns.offset,
        columns.weight,
        *_bracket(lines, ends),
        np.ascontiguousarray(table[:, begin:end], np.float32),
        np.ascontiguousarray(share, np.float32),
        np.ascontiguousarray(power[:, begin:end], np.float32),
        raw,
        nesz,
        zero,
        peak,
    )
    first, last = rows.span()
    read = max((last - first) * (end - begin), 1)
    # Every line has at least half of its weight in one row, so a row under this power holds no
    # saturated sample; only very bright ones need a second look.
    clipped = 0
    if first < last and peak.max() >= 0.49 * SATURATED**2 * _usual_weight(rows):
        clipped = _count_saturated(numbers, first, last, begin, end)
    covered = rows.coverage[:, None] * columns.coverage[None, :]
    missing = (1.0 - covered * (1.0 - zero)).astype(np.float32)
    return Averages(raw, nesz, missing, clipped / read)


def _usual_weight(rows: AxisWeights) -> float:
    begin = rows.offset[:-1][np.diff(rows.offset) > 0]
    return float(np.maximum.reduceat(rows.weight, begin).min())


def _bracket(lines: Array, at: Array) -> tuple[Index, Image]:
    """Vector before each line and the weight of the next one; the ends are extended."""
    if lines.size == 1:
        return np.zeros(at.shape, np.int64), np.zeros(at.shape, np.float32)
    index = np.clip(np.searchsorted(lines, at, side="right") - 1, 0, lines.size - 2)
    part = (at - lines[index]) / (lines[index + 1] - lines[index])
    return index.astype(np.int64), np.clip(part, 0.0, 1.0).astype(np.float32)


# What `_accumulate` calls is inlined. Compiled apart there would be two copies of each, of which the process
# that compiles takes one and those that read the cache the other; they may round the last samples of a row
# differently.
_inlined = numba.njit(forceinline=True, nogil=True, fastmath={"contract", "nsz"})


@_inlined
def _add_line(
    line: Numbers,
    weight: np.float32,
    lever: np.float32,
    power: Image,
    tilt: Image,
    empty: Image,
) -> None:
    """Add one line to the row buffers.

    One multiply-add per sample over contiguous memory, which the compiler vectorises; float32
    holds a square of int16 to 1e-7, and cannot overflow as int32 does for two parts of -32768.
    """
    none = np.float32(0.0)
    for s in range(power.size):
        re = np.float32(line[2 * s])
        im = np.float32(line[2 * s + 1])
        p = re * re + im * im
        power[s] += weight * p
        tilt[s] += lever * p
        empty[s] += weight if p == none else none


@_inlined
def _gain(before: Image, after: Image, part: np.float32, out: Image) -> None:
    """Put 1 / A**2 on a line between two calibration vectors."""
    one = np.float32(1.0)
    for s in range(out.size):
        a = (one - part) * before[s] + part * after[s]
        out[s] = one / (a * a)


@_inlined
def _apply(power: Image, tilt: Image, first: Image, last: Image, peak: Image) -> None:
    """Calibrate a row of power by gains that are linear in the line."""
    for s in range(power.size):
        peak[s] = power[s] if power[s] > peak[s] else peak[s]
        middle = np.float32(0.5) * (first[s] + last[s])
        power[s] = power[s] * middle + tilt[s] * (last[s] - first[s])


@_inlined
def _add_noise(
    share: np.float32, noise: Image, first: Image, last: Image, floor: Image
) -> None:
    """Add the part of a noise vector, calibrated, to a row."""
    half = np.float32(0.5) * share
    for s in range(floor.size):
        floor[s] += half * noise[s] * (first[s] + last[s])


@_inlined
def _reduce(row: Image, first: Index, offset: Index, weight: Image, out: Image) -> None:
    """Average the samples of a row into pixels; pixels that nothing covers stay."""
    for c in range(first.size):
        if offset[c] == offset[c + 1]:
            continue
        total = np.float32(0.0)
        for k in range(offset[c], offset[c + 1]):
            total += weight[k] * row[first[c] + k - offset[c]]
        out[c] = total


@numba.njit(cache=True, nogil=True, fastmath={"contract", "nsz"})
def _accumulate(
    numbers: Numbers,
    begin: int,
    end: int,
    row_first: Index,
    row_offset: Index,
    row_weight: Image,
    col_first: Index,
    col_offset: Index,
    col_weight: Image,
    vector: Index,
    part: Image,
    amplitude: Image,
    share: Image,
    noise: Image,
    raw: Image,
    nesz: Image,
    zero: Image,
    peak: Image,
) -> None:
    """Sum lines into a row buffer, then samples into pixels."""
    width = end - begin
    power = np.empty(width, np.float32)
    tilt = np.empty(width, np.float32)
    first = np.empty(width, np.float32)
    last = np.empty(width, np.float32)
    floor = np.empty(width, np.float32)
    empty = np.empty(width, np.float32)
    none = np.float32(0.0)
    for i in range(row_first.size):
        if row_offset[i] == row_offset[i + 1]:
            continue
        power[:] = none
        tilt[:] = none
        empty[:] = none
        span = row_offset[i + 1] - row_offset[i] - 1
        for k in range(row_offset[i], row_offset[i + 1]):
            step = k - row_offset[i]
            line = numbers[row_first[i] + step, 2 * begin : 2 * end]
            # Half a unit before the middle of the row at its first line, half after at its last.
            lever = row_weight[k] * np.float32(step / max(span, 1) - 0.5)
            _add_line(line, row_weight[k], lever, power, tilt, empty)
        for end_of_row, out in ((0, first), (1, last)):
            v = vector[end_of_row, i]
            after = min(v + 1, amplitude.shape[0] - 1)
            _gain(amplitude[v], amplitude[after], part[end_of_row, i], out)
        _apply(power, tilt, first, last, peak)
        floor[:] = none
        for j in range(share.shape[1]):
            if share[i, j] != none:
                _add_noise(share[i, j], noise[j], first, last, floor)
        _reduce(power, col_first, col_offset, col_weight, raw[i])
        _reduce(floor, col_first, col_offset, col_weight, nesz[i])
        _reduce(empty, col_first, col_offset, col_weight, zero[i])


@numba.njit(cache=True, nogil=True)
def _count_saturated(
    numbers: Numbers, first: int, last: int, begin: int, end: int
) -> int:
    """Count the samples of a window with a saturated part."""
    count = 0
    for line in range(first, last):
        for s in range(begin, end):
            re = np.int32(numbers[line, 2 * s])
            im = np.int32(numbers[line, 2 * s + 1])
            if abs(re) >= 32767 or abs(im) >= 32767:
                count += 1
    return count
