"""What the annotation of a Wave Mode image can say, and what it cannot.

Everything here follows from the geometry of the satellite, or from one table of a product being
computed from another: values that are well formed and still wrong are told by it.
"""

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from xoceansar.constants import EARTH_RADIUS
from xoceansar.errors import ProductError
from xoceansar.io.safe.annotation import Annotation, Calibration, Noise
from xoceansar.io.safe.product_names import VignetteName
from xoceansar.io.safe.times import TIME_TOLERANCE
from xoceansar.sar.calibration import Vectors
from xoceansar.sar.pixel_quality import INCIDENCE_RANGE

__all__ = ["calibration_doubts", "check_annotation", "check_grid", "noise_doubts"]

Array = npt.NDArray[np.float64]

#: Of the spacing that the places of the lines have to the stated one. The curvature of the Earth
#: that is used is right to 0.6 %.
_AZIMUTH_RATIO: Final = (0.9, 1.1)
#: The same across where the ground is uneven by more than so many metres: mountains move the places by up to some
#: kilometres. On flat ground the limits are those of the lines.
_UNEVEN: Final = 300.0
_RANGE_RATIO: Final = (2 / 3, 3 / 2)
#: The same from one line of the grid to the next.
_STEP_RATIO: Final = (0.5, 1.5)
#: Sine of the angle between lines and samples on the ground: 1 in real images, within 0.01.
_SQUARENESS: Final = 0.8
#: Distance of a point of the grid from where its neighbours say it is, as a share of the size of
#: the image, and of the range of heights: real grids of 130 km come to 5e-4.
_OFF: Final = (1e-3, 1e-2)
#: The same of the incidence: degrees, and degrees for each metre of height. Real grids of 80 km
#: come to 0.006.
_OFF_INCIDENCE: Final = (0.01, 1e-5)
#: Share by which ``sigmaNought^2 sin(incidence) / betaNought^2`` may differ from one: real files
#: differ by up to 0.01, for the height of the terrain.
_IDENTITY: Final = 0.05
#: Factor between neighbouring calibration amplitudes: up to 1.003 in real files.
_AMPLITUDE_STEP: Final = 1.05
#: Factor between neighbouring noise values, or vectors: up to 1.02 and 1.08 in real files of one swath.
_NOISE_STEP: Final = 1.3
#: Factor between a noise value and the mean of its two neighbours: up to 1.01 in the same files.
_NOISE_SPIKE: Final = 1.1
#: Share of the image by which the ends of noise vectors may differ.
_END: Final = 0.05


def check_annotation(note: Annotation, name: VignetteName, where: str) -> None:
    """Refuse an annotation that describes no image of Wave Mode."""
    low, high = INCIDENCE_RANGE[name.beam]
    angles = note.grid.incidence
    offset = max(abs(note.first_line - name.start), abs(note.last_line - name.stop))
    if offset > TIME_TOLERANCE or note.last_line < note.first_line:
        problem = (
            f"its lines are of {note.first_line} to {note.last_line}, and its name says "
            f"{name.start} to {name.stop}"
        )
    elif not ((angles > low) & (angles < high)).all():
        problem = (
            f"its incidence is {angles.min():g} to {angles.max():g} degrees, and {name.beam} looks "
            f"at {low:g} to {high:g}"
        )
    else:
        check_grid(note, where)
        return
    raise ProductError(f"{where}: {problem}. Download the product again.")


def check_grid(note: Annotation, where: str) -> None:
    """Refuse a geolocation grid that does not go with the size of the pixels."""
    # thousands of vignettes are opened at once: np.mean, norm, cross and trapezoid take three times
    # as long for a few numbers
    grid = note.grid
    places = grid.places
    lines = places.sum(axis=1) / grid.sample.size
    samples = places.sum(axis=0) / grid.line.size
    middle = lines.sum(axis=0) / grid.line.size
    along, across = lines[-1] - lines[0], samples[-1] - samples[0]
    length, width, height = (math.hypot(*v.tolist()) for v in (along, across, middle))
    if not min(length, width, height) > 0:
        raise _no_grid(where, "has lines or samples of one place")
    angles = grid.incidence.sum(axis=0) / grid.line.size
    turn = _triple_product(along, across, middle) / (length * width * height)
    if turn > -_SQUARENESS or not angles[-1] > angles[0]:
        raise _no_grid(
            where,
            "is not that of a radar that looks to the right: lines or samples are exchanged",
        )
    span = grid.line[-1] - grid.line[0]
    stated = span * note.azimuth_spacing
    _check_ratio(where, "lines", length * EARTH_RADIUS / stated, _AZIMUTH_RATIO)
    spacing = note.range_spacing / np.sin(np.radians(angles))
    stated = (spacing[1:] + spacing[:-1]) @ np.diff(grid.sample) / 2
    uneven = float(note.height.max() - note.height.min()) > _UNEVEN
    limits = _RANGE_RATIO if uneven else _AZIMUTH_RATIO
    _check_ratio(where, "samples", width * EARTH_RADIUS / stated, limits)
    steps = np.diff(lines @ along) / length**2
    shares = np.diff(grid.line) / span
    for ratio in (steps / shares).tolist():
        _check_ratio(where, "lines of the grid", ratio, _STEP_RATIO)
    _check_neighbours(note, where, EARTH_RADIUS * max(length, width))


def _triple_product(a: Array, b: Array, c: Array) -> float:
    """Volume that three vectors span, with its sign."""
    (x, y, z), (u, v, w), (p, q, r) = a.tolist(), b.tolist(), c.tolist()
    return float((y * w - z * v) * p + (z * u - x * w) * q + (x * v - y * u) * r)


def _check_neighbours(note: Annotation, where: str, size: float) -> None:
    """Refuse a grid with a point that is off a smooth surface through all of them.

    What is not smooth follows from the heights: the radar sees the ground at the distance where
    a place further in range lies on the ellipsoid.
    """
    grid, height = note.grid, note.height
    s, t = _centred(grid.line)[:, None], _centred(grid.sample)
    h = height / 1000
    basis = _table((1.0, s, t, s * s, s * t, t * t, h, h * t, h * h), height.shape)
    x, y, z = np.moveaxis(EARTH_RADIUS * grid.places, -1, 0)
    values = _table((x, y, z, grid.incidence), height.shape)
    rest = values - basis @ np.linalg.lstsq(basis, values, rcond=None)[0]
    relief = float(height.max() - height.min())
    tilt, off = np.abs(rest[:, 3]), np.sqrt((rest[:, :3] ** 2).sum(axis=1))
    for distance, limit, what in (
        (off, _OFF[0] * size + _OFF[1] * relief, "{:.0f} m off the place"),
        (tilt, _OFF_INCIDENCE[0] + _OFF_INCIDENCE[1] * relief,
         "{:.2g} degrees off the incidence"),
    ):  # fmt: skip
        if distance.max() > limit:
            at = np.unravel_index(distance.argmax(), height.shape)
            point = f"line {grid.line[at[0]]:.0f}, sample {grid.sample[at[1]]:.0f}"
            raise _no_grid(where, f"has a point ({point}) {what.format(distance.max())} that its neighbours give it")  # fmt: skip


def _table(columns: Sequence[float | Array], shape: tuple[int, ...]) -> Array:
    """Put what is broadcast to one shape into the columns of a table."""
    table = np.empty((*shape, len(columns)))
    for k, column in enumerate(columns):
        table[..., k] = column
    return table.reshape(-1, len(columns))


def _centred(nodes: Array) -> Array:
    return np.asarray((nodes - nodes.sum() / nodes.size) / (nodes[-1] - nodes[0]))


def _check_ratio(
    where: str, what: str, ratio: float, limits: tuple[float, float]
) -> None:
    if not limits[0] <= ratio <= limits[1]:
        raise _no_grid(
            where, f"has {what} {ratio:.3g} times as far apart as the spacing says"
        )


def _no_grid(where: str, problem: str) -> ProductError:
    return ProductError(
        f"{where}: the geolocation grid {problem}. Download the product again."
    )


def calibration_doubts(calibration: Calibration, note: Annotation) -> list[str]:
    """Say what of the calibration contradicts itself."""
    amplitude, beta = calibration.amplitude, calibration.beta
    doubts = _steps(amplitude, note.samples, _AMPLITUDE_STEP, "sigmaNought")
    if beta is None:
        return doubts
    at = np.arange(note.samples)
    inside = amplitude.line.clip(0, note.lines - 1)[:, None]
    sine = np.sin(np.radians(note.grid.incidence_at(inside, at)))
    same = np.array_equal(amplitude.line, beta.line)
    ratio = (
        amplitude.table(note.samples) ** 2 * sine / beta.table(note.samples) ** 2
        if same
        else np.array(np.inf)
    )
    worst = float(ratio.flat[np.abs(ratio - 1).argmax()])
    if abs(worst - 1) > _IDENTITY:
        doubts.append(
            f"has sigmaNought that does not follow from its betaNought (by a factor {worst:.3g})"
        )
    return doubts


def noise_doubts(noise: Noise, note: Annotation) -> list[str]:
    """Say what of the noise vectors contradicts itself."""
    table = noise.along_range
    ends = np.array([x[-1] for x in table.sample])
    doubts = []
    if noise.unequal or np.ptp(ends) > _END * note.samples:
        doubts.append("has noise vectors of unequal length")
    if not all(y.all() for y in table.value):
        doubts.append("has noise vectors with zeros inside")
        return doubts
    doubts += _steps(table, note.samples, _NOISE_STEP, "noise")
    spike = max(_largest_spike(y) for y in table.value)
    if spike > _NOISE_SPIKE:
        doubts.append(
            f"has noise values that are off their neighbours by a factor {spike:.3g}"
        )
    return doubts


def _steps(vectors: Vectors, samples: int, limit: float, tag: str) -> list[str]:
    """Where neighbouring values differ by more than a factor: in a vector, or between two."""
    within = max(_largest_step(y) for y in vectors.value)
    between = _largest_step(vectors.table(samples))
    return [
        f"has {tag} {place} that differ by a factor {step:.3g}"
        for place, step in (("values", within), ("vectors", between))
        if step > limit
    ]


def _largest_spike(values: Array) -> float:
    log = np.log(values)
    spikes = np.abs(log[1:-1] - (log[:-2] + log[2:]) / 2)
    return float(np.exp(spikes.max(initial=0.0)))


def _largest_step(values: Array) -> float:
    steps = np.abs(np.diff(np.log(values), axis=0))
    return float(np.exp(steps.max(initial=0.0)))
