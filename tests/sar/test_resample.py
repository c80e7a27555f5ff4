"""The fused pass against plain numpy, and what averaging must keep."""

import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xoceansar.sar.resample import area_weights, average_power


def edges(size, step, middle=0.0):
    return (np.arange(size + 1) - size / 2) * step + middle


def interleaved(complex_numbers):
    z = np.asarray(complex_numbers)
    return np.stack([z.real, z.imag], -1).reshape(z.shape[0], -1).astype(np.int16)


def flat(samples, amplitude=1.0):
    return np.zeros(1), np.full((1, samples), amplitude)


def quiet(rows, samples, power=0.0):
    return np.ones((rows, 1)), np.full((1, samples), power)


def plain(numbers, edges_in, edges_out):
    """Overlap matrices by the definition, and the mean intensity with them."""

    def overlap(axis):
        e, o = edges_in[axis], edges_out[axis]
        low = np.maximum(e[None, :-1], o[:-1, None])
        high = np.minimum(e[None, 1:], o[1:, None])
        weight = np.clip(high - low, 0, None)
        total = weight.sum(1, keepdims=True)
        with np.errstate(invalid="ignore"):
            return weight / total, total[:, 0] / np.diff(o)

    n = numbers.astype(float)
    intensity = n[:, ::2] ** 2 + n[:, 1::2] ** 2
    (rows, row_cover), (columns, column_cover) = overlap(0), overlap(1)
    return rows @ intensity @ columns.T, np.outer(row_cover, column_cover)


sizes = st.integers(1, 40)
steps = st.floats(0.3, 8.0)


@settings(max_examples=60, deadline=None)
@given(sizes, sizes, st.integers(1, 12), steps, steps, st.integers(0, 2**32 - 1))
def test_the_pass_equals_the_definition(lines, samples, out, step, out_step, seed):
    rng = np.random.default_rng(seed)
    numbers = rng.integers(-3000, 3000, (lines, 2 * samples), dtype=np.int16)
    ragged = np.cumsum(np.r_[0, rng.uniform(0.5, 1.5, samples)]) * step
    edges_in = edges(lines, step), ragged - ragged.mean()
    edges_out = edges(out, out_step), edges(out + 1, out_step, 0.4)
    rows, columns = (
        area_weights(*pair) for pair in zip(edges_in, edges_out, strict=True)
    )
    found = average_power(
        numbers, rows, columns, flat(samples, 2.0), quiet(out, samples, 6.0)
    )
    mean, cover = plain(numbers, edges_in, edges_out)
    np.testing.assert_allclose(found.sigma0_raw, mean / 4, rtol=2e-6)
    assert (np.isnan(found.sigma0_raw) == (cover == 0)).all()
    np.testing.assert_allclose(found.nesz[cover > 0], 1.5, rtol=2e-6)
    zeros = (numbers[:, ::2] == 0) & (numbers[:, 1::2] == 0)
    if not zeros.any():
        np.testing.assert_allclose(found.missing, 1 - cover, atol=1e-6)


@settings(max_examples=60, deadline=None)
@given(sizes, st.integers(1, 30), steps, steps)
def test_weights_share_out_every_cell(size_in, size_out, step_in, step_out):
    weights = area_weights(edges(size_in, step_in), edges(size_out, step_out))
    matrix = weights.matrix().toarray()
    used = weights.coverage > 0
    np.testing.assert_allclose(matrix[used].sum(1), 1, rtol=1e-6)
    assert (matrix >= 0).all()
    # what all output cells take of an input cell is its part inside the output
    taken = (matrix * (weights.coverage * step_out)[:, None]).sum(0)
    e, half = edges(size_in, step_in), size_out * step_out / 2
    inside = np.clip(np.minimum(e[1:], half) - np.maximum(e[:-1], -half), 0, None)
    np.testing.assert_allclose(taken, inside, atol=1e-5 * step_in)


def test_speckle_keeps_its_mean_power():
    rng = np.random.default_rng(1)
    size, out = 4096, 450
    z = 900 * (rng.standard_normal((size, 2 * size), dtype=np.float32))
    numbers = np.rint(z, out=z).astype(np.int16)
    axis = area_weights(edges(size, 1.0), edges(out, size / out))
    found = average_power(numbers, axis, axis, flat(size), quiet(out, size))
    power = (numbers.astype(np.float32) ** 2).mean(dtype=np.float64) * 2
    np.testing.assert_allclose(
        found.sigma0_raw.mean(dtype=np.float64), power, rtol=1e-5
    )
    np.testing.assert_allclose(power, 2 * 900**2, rtol=1e-2)
    # neither decimated nor averaged in amplitude or decibel: as many looks as the weights say
    squared = axis.matrix().power(2).sum(1)
    looks = 1 / squared.mean() ** 2
    assert 85 < looks < 95
    np.testing.assert_allclose(found.sigma0_raw.std() / power, looks**-0.5, rtol=0.01)


def test_the_extremes_of_int16_do_not_overflow():
    numbers = np.full((4, 8), -32768, np.int16)
    axis = area_weights(edges(4, 1.0), edges(2, 2.0))
    found = average_power(numbers, axis, axis, flat(4), quiet(2, 4))
    np.testing.assert_array_equal(found.sigma0_raw, 2.0**31)
    assert found.saturated == 1.0


@pytest.mark.parametrize("value", [32767, -32767, -32768])
@pytest.mark.parametrize("spacing", [1.0, 7.3, 50.0])
def test_every_saturated_sample_is_counted(value, spacing):
    rng = np.random.default_rng(2)
    numbers = rng.integers(-200, 200, (300, 600), dtype=np.int16)
    out = int(300 / spacing)
    axis = area_weights(edges(300, 1.0), edges(out, spacing))
    first, last = axis.span()
    place = rng.integers(first + 1, last - 1, (5, 2))
    for line, sample in place:
        numbers[line, 2 * sample + (line % 2)] = value
    found = average_power(numbers, axis, axis, flat(300), quiet(out, 300))
    expected = len(np.unique(place, axis=0)) / (last - first) ** 2
    np.testing.assert_allclose(found.saturated, expected)


def test_bright_is_not_saturated():
    numbers = np.full((6, 12), 32766, np.int16)
    axis = area_weights(edges(6, 1.0), edges(3, 2.0))
    found = average_power(numbers, axis, axis, flat(6), quiet(3, 6))
    assert found.saturated == 0.0


def test_zeros_and_weak_columns_are_told_apart():
    # Eight by eight digital numbers: a column of zeros, a weak one, the rest plain.
    numbers = np.full((8, 8), 100 + 0j)
    numbers[:, 0] = 0
    numbers[:, 3] = 3 + 4j
    axis = area_weights(edges(8, 1.0), edges(8, 1.0))
    found = average_power(
        interleaved(numbers), axis, axis, flat(8, 10.0), quiet(8, 8, 50.0)
    )
    sigma0 = found.sigma0_raw - found.nesz
    assert (found.missing > 0.1).sum() == 8
    assert (found.missing[:, 0] == 1).all()
    assert ((sigma0 <= 0) & (found.missing == 0)).sum() == 8
    np.testing.assert_allclose(sigma0[:, 3], 0.25 - 0.5, rtol=1e-6)
    np.testing.assert_allclose(sigma0[:, 5], 100 - 0.5, rtol=1e-6)


def test_calibration_is_bilinear_and_extended():
    lines, samples = 60, 10
    rng = np.random.default_rng(3)
    numbers = rng.integers(-900, 900, (lines, 2 * samples), dtype=np.int16)
    at = np.array([10.0, 30.0, 45.0])
    table = rng.uniform(98, 102, (3, samples))
    rows = area_weights(edges(lines, 1.0), edges(12, 5.0))
    columns = area_weights(edges(samples, 1.0), edges(5, 2.0))
    found = average_power(numbers, rows, columns, (at, table), quiet(12, samples, 7e3))
    full = np.stack(
        [np.interp(np.arange(lines), at, table[:, s]) for s in range(samples)], axis=1
    )
    n = numbers.astype(float)
    raw = (n[:, ::2] ** 2 + n[:, 1::2] ** 2) / full**2
    expected = rows.matrix() @ raw @ columns.matrix().T
    # 1 / A**2 is taken as linear in a row; one that holds a vector has a bend
    np.testing.assert_allclose(found.sigma0_raw, expected, rtol=2e-3)
    straight = [0, 1, 3, 4, 5, 7, 8, 10, 11]
    np.testing.assert_allclose(
        found.sigma0_raw[straight], expected[straight], rtol=1e-4
    )
    np.testing.assert_allclose(
        found.nesz, rows.matrix() @ (7e3 / full**2) @ columns.matrix().T, rtol=2e-3
    )


def test_a_grid_beside_the_image_has_no_data():
    numbers = np.ones((4, 8), np.int16)
    axis = area_weights(edges(4, 1.0), edges(3, 1.0, middle=90.0))
    assert axis.span() == (0, 0)
    found = average_power(numbers, axis, axis, flat(4), quiet(3, 4))
    assert np.isnan(found.sigma0_raw).all()
    assert (found.missing == 1).all()
    assert found.saturated == 0.0


_READ = """
import hashlib
import numpy as np
from xoceansar.sar.resample import area_weights, average_power

rng = np.random.default_rng(0)
digest = hashlib.sha256()
for samples in range(601, 640, 3):
    numbers = rng.integers(-3000, 3000, (400, 2 * samples), dtype=np.int16)
    rows, columns = (
        area_weights(np.arange(n + 1.0), np.linspace(0.3, n, n // 13)) for n in (400, samples)
    )
    table = rng.uniform(300, 500, (3, samples))
    share = rng.uniform(0, 1, (rows.first.size, 2))
    noise = rng.uniform(1e3, 1e4, (2, samples))
    out = average_power(numbers, rows, columns, (np.array([0.0, 150.0, 400.0]), table), (share, noise))
    digest.update(out.sigma0_raw.tobytes() + out.nesz.tobytes())
print(digest.hexdigest())
"""


def test_the_process_that_compiles_gives_the_same_bits_as_those_after(tmp_path):
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    first, second = (
        subprocess.run(
            [sys.executable, "-c", _READ],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for _ in range(2)
    )
    assert first == second
