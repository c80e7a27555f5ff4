"""Compiled inner loops of the simulator: plain functions of arrays, free of the interpreter lock.

The kernels marked reassociating may sum in another order on another processor, which changes the
last bit of their results.
"""

import math
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from xoceansar._compilation import compiled

__all__ = [
    "add_density",
    "convolve_rows",
    "interpolate_harmonics",
    "interpolate_square",
    "radar_covariance",
    "radar_spectra",
    "splat",
    "two_nearest",
]

_Real = npt.NDArray[np.floating[Any]]
_Single = npt.NDArray[np.float32]
_Complex = npt.NDArray[np.complex64]
_Index = npt.NDArray[np.int32]

_GRAVITY: Final = 9.81  # m/s^2
_RELAXATION: Final = 0.5  # 1/s, of the hydrodynamic modulation
_HYDRODYNAMIC: Final = 4.5


@compiled()
def add_density(
    plus: _Single,
    minus: _Single,
    kx: _Single,
    ky: _Single,
    radial: _Real,
    spread: _Real,
    band: tuple[float, float],
    direction: tuple[float, float],
    power: float,
) -> float:
    """Add ``radial(k) * directional`` to both half planes; return the sum over the plane.

    Directional: ``((1 + cos delta) / 2) ** power`` if power > 0, else Elfouhaily's half plane
    with ``spread(k)``. Tables are uniform in k over the band; `direction` is a unit vector.
    """
    total = 0.0
    low, high = band
    scale = (radial.size - 1) / (high - low)
    for i in range(ky.size):
        for j in range(kx.size):
            k = math.sqrt(kx[j] * kx[j] + ky[i] * ky[i])
            if k <= low or k >= high:
                continue
            position = (k - low) * scale
            cell = int(position)
            weight = position - cell
            value = radial[cell] * (1 - weight) + radial[cell + 1] * weight
            along = (kx[j] * direction[0] + ky[i] * direction[1]) / k
            if power > 0:
                forward = value * max(0.5 + 0.5 * along, 0.0) ** power
                backward = value * max(0.5 - 0.5 * along, 0.0) ** power
            else:
                delta = spread[cell] * (1 - weight) + spread[cell + 1] * weight
                value *= (1 + delta * (2 * along * along - 1)) / math.pi
                forward = value if along > 0 else 0.0
                backward = value if along < 0 else 0.0
            plus[i, j] += forward
            total += forward
            # On kx = 0 the half plane already holds both k and -k.
            if j > 0:
                minus[i, j] += backward
                total += backward
    return total


@compiled()
def _transfers(
    kx: float, k: float, incidence: float
) -> tuple[complex, complex, complex, complex]:
    """Transfer functions of velocity and modulation at k and at -k."""
    sine, cosine = math.sin(incidence), math.cos(incidence)
    slope = 4 * cosine / sine / (1 + sine * sine) + cosine / sine
    omega, along = math.sqrt(_GRAVITY * k), kx / k
    # along changes sign between k and -k; the vertical part and the square do not.
    sideways, upright = omega * along * sine, omega * cosine
    relaxed = omega * omega + _RELAXATION * _RELAXATION
    hydro = _HYDRODYNAMIC * k * omega * along * along / relaxed
    real, imag = hydro * omega, -hydro * _RELAXATION
    tilt = kx * slope
    return (
        complex(sideways, upright),
        complex(real, imag + tilt),
        complex(-sideways, upright),
        complex(real, imag - tilt),
    )


@compiled()
def radar_covariance(
    plus: _Single, minus: _Single, kx: _Single, ky: _Single, incidence: float
) -> float:
    """Sum a density over both half planes, times the product of velocity and modulation."""
    total = 0.0
    for i in range(ky.size):
        for j in range(kx.size):
            a, b = plus[i, j], minus[i, j]
            if a == 0 and b == 0:
                continue
            k = math.sqrt(kx[j] * kx[j] + ky[i] * ky[i])
            fast_a, slow_a, fast_b, slow_b = _transfers(kx[j], k, incidence)
            total += a * (fast_a * slow_a.conjugate()).real
            total += b * (fast_b * slow_b.conjugate()).real
    return total


@compiled()
def radar_spectra(
    plus: _Complex,
    minus: _Complex,
    kx: _Single,
    ky: _Single,
    incidence: float,
    time: float,
) -> tuple[_Complex, _Complex]:
    """Apply the velocity and modulation transfer functions; half planes for a real inverse.

    A field ``Re sum T(k) a(k) exp(i k.x)`` has the half plane
    ``(T(k) a(k) + conj(T(-k) a(-k))) / 2``, and ``T a`` on kx = 0, where the inverse takes the
    real part.
    """
    velocity = np.zeros(plus.shape, np.complex64)
    modulation = np.zeros(plus.shape, np.complex64)
    for i in range(ky.size):
        for j in range(kx.size):
            a, b = plus[i, j], minus[i, j]
            if a == 0 and b == 0:
                continue
            k = math.sqrt(kx[j] * kx[j] + ky[i] * ky[i])
            omega = math.sqrt(_GRAVITY * k)
            phase = complex(math.cos(omega * time), -math.sin(omega * time))
            fast_a, slow_a, fast_b, slow_b = _transfers(kx[j], k, incidence)
            a, b = a * phase, b * phase
            fast_a, slow_a = a * fast_a, a * slow_a
            fast_b, slow_b = b * fast_b, b * slow_b
            if j == 0:
                velocity[i, j], modulation[i, j] = fast_a, slow_a
            else:
                velocity[i, j] = 0.5 * (fast_a + fast_b.conjugate())
                modulation[i, j] = 0.5 * (slow_a + slow_b.conjugate())
    return velocity, modulation


@compiled()
def interpolate_harmonics(
    table: _Single,
    nodes: tuple[float, float, float, float],
    exponent: float,
    speed: _Single,
    phi: _Single,
    incidence: _Single,
    out: _Single,
) -> None:
    """Evaluate ``(C0 + C1 cos phi + C2 cos 2 phi)^exponent`` with C bilinear in a table.

    `nodes`: first incidence, its step, first speed, its step. Beyond the table, its edge.
    """
    for j in range(speed.shape[1]):
        q = (incidence[j] - nodes[0]) / nodes[1]
        q = min(max(q, 0.0), table.shape[0] - 1.001)
        row = int(q)
        q -= row
        for i in range(speed.shape[0]):
            p = (speed[i, j] - nodes[2]) / nodes[3]
            p = min(max(p, 0.0), table.shape[1] - 1.001)
            cell = int(p)
            p -= cell
            cosine = math.cos(phi[i, j])
            root = 0.0
            factor = 1.0
            for h in range(3):
                c = (1 - q) * (
                    (1 - p) * table[row, cell, h] + p * table[row, cell + 1, h]
                )
                c += q * (
                    (1 - p) * table[row + 1, cell, h] + p * table[row + 1, cell + 1, h]
                )
                root += c * factor
                factor = cosine if h == 0 else 2 * cosine * cosine - 1
            out[i, j] = root**exponent


@compiled()
def interpolate_square(field: _Single, out: _Single) -> None:
    """Interpolate to another number of cells over the same area; bilinear, edges held."""
    rows, columns = field.shape
    ny, nx = out.shape
    for i in range(ny):
        y = min(max((i + 0.5) * rows / ny - 0.5, 0.0), rows - 1.0)
        i0 = min(int(y), max(rows - 2, 0))
        i1 = min(i0 + 1, rows - 1)
        v = np.float32(y - i0)
        for j in range(nx):
            x = min(max((j + 0.5) * columns / nx - 0.5, 0.0), columns - 1.0)
            j0 = min(int(x), max(columns - 2, 0))
            j1 = min(j0 + 1, columns - 1)
            u = np.float32(x - j0)
            top = field[i0, j0] + u * (field[i0, j1] - field[i0, j0])
            low = field[i1, j0] + u * (field[i1, j1] - field[i1, j0])
            out[i, j] = top + v * (low - top)


@compiled(reassociating=True)
def _deposit(out: _Single, column: int, y: float, power: float) -> None:
    """Share power between the two cells around y, periodic."""
    n = out.shape[0]
    floor = math.floor(y)
    weight = np.float32(y - floor)
    i = int(floor) % n
    out[i, column] += (np.float32(1) - weight) * power
    i = i + 1 if i + 1 < n else 0
    out[i, column] += weight * power


@compiled(reassociating=True)
def splat(
    mean: _Single,
    modulation: _Single,
    velocity: _Single,
    waviness: _Single,
    variance: np.float32,
    shift: np.float32,
    out: _Single,
) -> float:
    """Move every facet along azimuth by ``-shift * velocity`` cells and deposit its power.

    Two facets per cell, each shared linearly between two cells, periodic: power is conserved.
    Returns the mean of the modulation factor ``exp(w m - w^2 variance / 2)``.
    """
    n, m = mean.shape
    total = 0.0
    half = np.float32(0.5)
    row_y, row_s = np.empty(m, np.float32), np.empty(m, np.float32)
    for i in range(n + 1):
        source = i % n
        for j in range(m):
            w = waviness[source, j]
            factor = math.exp(w * modulation[source, j] - half * w * w * variance)
            y = i - shift * velocity[source, j] * w
            s = mean[source, j] * factor
            if i < n:
                total += factor
                _deposit(out, j, y, half * s)
            if i > 0:
                _deposit(out, j, half * (row_y[j] + y), half * half * (row_s[j] + s))
            row_y[j], row_s[j] = y, s
    return float(total / (n * m))


@compiled(reassociating=True)
def convolve_rows(image: _Single, kernel: _Single, out: _Single) -> None:
    """Add to `out` the image convolved along axis 0, periodic."""
    n, m = image.shape
    radius = kernel.size // 2
    for i in range(n):
        for t in range(kernel.size):
            source = (i + t - radius) % n
            weight = kernel[t]
            for j in range(m):
                out[i, j] += weight * image[source, j]


@compiled()
def two_nearest(
    x: _Single, y: _Single, seeds: _Single, side: float
) -> tuple[_Index, _Index, _Single]:
    """Find the two seeds nearest to every point, and the difference of their distances.

    Seeds are sorted into square buckets; rings of buckets are searched outwards.
    """
    west, south = seeds[:, 0].min(), seeds[:, 1].min()
    columns = int((seeds[:, 0].max() - west) / side) + 1
    rows = int((seeds[:, 1].max() - south) / side) + 1
    key = np.empty(seeds.shape[0], np.int64)
    for s in range(seeds.shape[0]):
        row = int((seeds[s, 1] - south) / side)
        key[s] = row * columns + int((seeds[s, 0] - west) / side)
    order = np.argsort(key, kind="mergesort")
    start = np.searchsorted(key[order], np.arange(rows * columns + 1))
    nearest, second = np.empty(x.shape, np.int32), np.empty(x.shape, np.int32)
    edge = np.empty(x.shape, np.float32)
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            at = x[i, j], y[i, j]
            column = min(max(int((at[0] - west) / side), 0), columns - 1)
            row = min(max(int((at[1] - south) / side), 0), rows - 1)
            s1, s2, d1, d2 = _search(
                at, (row, column), (rows, columns), seeds, order, start, side
            )
            nearest[i, j], second[i, j] = s1, s2
            edge[i, j] = math.sqrt(d2) - math.sqrt(d1)
    return nearest, second, edge


@compiled()
def _search(
    at: tuple[float, float],
    home: tuple[int, int],
    size: tuple[int, int],
    seeds: _Single,
    order: npt.NDArray[np.int64],
    start: npt.NDArray[np.int64],
    side: float,
) -> tuple[int, int, float, float]:
    """Search rings around the home bucket until no closer seed can follow."""
    d1: Any = np.float32(1e30)
    d2: Any = np.float32(1e30)
    s1 = s2 = -1
    for ring in range(max(size) + 1):
        if s2 >= 0 and (max(ring - 1, 0) * side) ** 2 > d2:
            break
        for r in range(max(home[0] - ring, 0), min(home[0] + ring, size[0] - 1) + 1):
            for c in range(
                max(home[1] - ring, 0), min(home[1] + ring, size[1] - 1) + 1
            ):
                if max(abs(r - home[0]), abs(c - home[1])) < ring:
                    continue
                bucket = r * size[1] + c
                for q in range(start[bucket], start[bucket + 1]):
                    s = order[q]
                    d = (at[0] - seeds[s, 0]) ** 2 + (at[1] - seeds[s, 1]) ** 2
                    if d < d1:
                        d2, s2, d1, s1 = d1, s1, d, s
                    elif d < d2:
                        d2, s2 = d, s
    return s1, s2, d1, d2
