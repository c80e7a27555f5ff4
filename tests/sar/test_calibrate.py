import numpy as np
import pytest
from scipy.interpolate import RectBivariateSpline

from xoceansar.sar.calibration import (
    AzimuthNoise,
    Vectors,
    amplitude_table,
    noise_scaling,
    noise_table,
)


def vectors(lines, values, samples=(0.0, 100.0)):
    x = np.asarray(samples)
    return Vectors(
        np.asarray(lines, float),
        tuple(x for _ in lines),
        tuple(np.full(x.size, v, float) for v in values),
    )


@pytest.mark.parametrize(
    ("platform", "beam", "decibel"),
    [("S1A", "wv1", -38.13), ("S1A", "wv2", -36.84), ("S1B", "wv1", -39.30), ("S1B", "wv2", -37.44)],
)  # fmt: skip
def test_the_constants_of_the_mission_performance_centre(platform, beam, decibel):
    for ipf in ("002.90", "002.91", "2.9", "2.91"):
        found = noise_scaling(ipf, platform, beam)
        np.testing.assert_allclose(10 * np.log10(found), decibel, rtol=1e-12)
    for ipf in ("002.84", "002.92", "003.10", "002.53", "unknown"):
        assert noise_scaling(ipf, platform, beam) == 1.0
    assert noise_scaling("002.91", "S1C", beam) == 1.0


def test_the_constants_are_those_of_xsar():
    pytest.importorskip("xsar")
    import inspect

    from xsar.sentinel1_dataset import Sentinel1Dataset

    source = inspect.getsource(Sentinel1Dataset._patch_lut)
    for constant in ("-38.13", "-36.84", "-39.30", "-37.44", "[2.9, 2.91]"):
        assert constant in source


def test_amplitude_is_bilinear_and_nearest_outside():
    rng = np.random.default_rng(0)
    lines, samples = np.array([-20.0, 0, 30, 80]), np.array([0.0, 40, 80, 100])
    values = rng.uniform(1, 2, (4, 4))
    table = Vectors(lines, tuple(samples for _ in lines), tuple(values))
    found_lines, found = amplitude_table(table, 120)
    np.testing.assert_array_equal(found_lines, lines)
    expected = RectBivariateSpline(lines, samples, values, kx=1, ky=1)(
        lines, np.arange(120)
    )
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    np.testing.assert_array_equal(found[:, 100:], found[:, 100:101].repeat(20, 1))


def owners(lines, count):
    """Which vector each image line takes."""
    share, _ = noise_table(
        vectors(lines, range(1, len(lines) + 1)), (), 4, np.eye(count)
    )
    assert (share.sum(1) == 1).all()
    return share.argmax(1)


@pytest.mark.parametrize(
    ("lines", "starts"),
    [
        ([0, 10, 20], [0, 5, 15]),
        ([0, 5, 20], [0, 2, 12]),  # xsar rounds the middle down
        ([12], [0]),
        ([-30, -10, 10], [-20, -10, 0]),
        ([10, 200], [0, 105]),
        ([40, 50], [0, 45]),
    ],
)
def test_each_line_has_the_vector_around_it(lines, starts):
    found = owners(lines, 30)
    expected = [max(k for k, s in enumerate(starts) if s <= n) for n in range(30)]
    np.testing.assert_array_equal(found, expected)


def test_rows_across_two_vectors_share_them():
    weights = np.zeros((1, 30))
    weights[0, 3:9] = 1 / 6
    share, table = noise_table(vectors([0, 10], [2.0, 8.0]), (), 4, weights, 0.5)
    np.testing.assert_allclose(share, [[2 / 6, 4 / 6]])
    np.testing.assert_array_equal(table, [[1.0] * 4, [4.0] * 4])


def test_azimuth_noise_multiplies_inside_its_block():
    block = AzimuthNoise(10, 19, np.array([10.0, 19.0]), np.array([1.0, 1.9]))
    share, _ = noise_table(vectors([0], [1.0]), (block,), 4, np.eye(30))
    expected = np.ones(30)
    expected[10:20] = 1 + 0.1 * np.arange(10)
    np.testing.assert_allclose(share[:, 0], expected)
