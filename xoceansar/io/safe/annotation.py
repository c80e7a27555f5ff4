"""The few values of the XML annotations that calibration and geolocation need.

References
----------
Sentinel-1 Product Specification, S1-RS-MDA-52-7441, section 6.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from lxml import etree

from xoceansar.errors import ProductError
from xoceansar.io.safe.product_names import VignetteName
from xoceansar.io.safe.times import parse_utc
from xoceansar.io.safe.xml_parsing import floats, integers, parse_xml, table, text
from xoceansar.sar.calibration import AzimuthNoise, Vectors
from xoceansar.sar.geometry import GeolocationGrid

__all__ = [
    "Annotation",
    "Calibration",
    "Noise",
    "amplitudes_of",
    "explained",
    "grid_of",
    "noise_of",
    "parse_annotation",
    "parse_calibration",
    "parse_noise",
    "positive",
    "vectors_of",
]

_GRID = "geolocationGrid/geolocationGridPointList/geolocationGridPoint"
_GRID_FIELDS = ("line", "pixel", "longitude", "latitude", "incidenceAngle", "height")
_IMAGE = "imageAnnotation/imageInformation"
#: Lines or samples that an image may have, of any mode.
_LARGEST = 100_000
#: Calibration amplitudes: real ones lie from 85 to 1100.
_AMPLITUDES = (1e-2, 1e6)
#: Noise power: the square of the largest number, times the excess of IPF 2.90.
_MOST_NOISE = 1e14
#: Factors of the noise along azimuth: real ones lie from 0.5 to 4.
_AZIMUTH_FACTORS = (1e-3, 1e3)
#: Metres that the ground is above or below the ellipsoid at most.
_HIGHEST = 1e4
_REMEDY = "Download the product again."


@dataclass(frozen=True, eq=False)
class Annotation:
    """What the product annotation of a vignette says.

    Parameters
    ----------
    first_line, last_line : datetime64
        UTC of the first and the last line.
    lines, samples : int
        Size of the image.
    azimuth_spacing : float
        Metres on the ground between lines.
    range_spacing : float
        Metres in slant range between samples.
    denoised : bool
        Whether thermal noise was already removed.
    grid : GeolocationGrid
        Geolocation.
    height : ndarray (n, m)
        Metres of the ground above the ellipsoid, at the points of the grid.
    """

    first_line: np.datetime64
    last_line: np.datetime64
    lines: int
    samples: int
    azimuth_spacing: float
    range_spacing: float
    denoised: bool
    grid: GeolocationGrid
    height: npt.NDArray[np.float64]

    @property
    def middle(self) -> np.datetime64:
        """UTC of the middle of the image."""
        return self.first_line + (self.last_line - self.first_line) // 2


@dataclass(frozen=True, eq=False)
class Calibration:
    """Calibration vectors.

    Parameters
    ----------
    amplitude : Vectors
        ``sigmaNought``: A by line and sample.
    beta : Vectors or None
        ``betaNought``, from which A follows; None where the file has none.
    """

    amplitude: Vectors
    beta: Vectors | None


@dataclass(frozen=True, eq=False)
class Noise:
    """Noise vectors, in the unit of the squared digital numbers.

    Parameters
    ----------
    along_range : Vectors
        Noise power.
    along_azimuth : tuple of AzimuthNoise
        Factors of it; empty before IPF 2.90 and, in practice, for Wave Mode.
    unequal : bool
        Whether the vectors in the file have different numbers of values.
    """

    along_range: Vectors
    along_azimuth: tuple[AzimuthNoise, ...]
    unequal: bool


def parse_annotation(data: bytes, name: VignetteName, where: str) -> Annotation:
    """Read the product annotation of a vignette."""
    root = parse_xml(data, where)
    with explained(where):
        _check_header(root, name)
        done = root.findtext(".//thermalNoiseCorrectionPerformed") or "false"
        grid, height = grid_of(table(root, _GRID, _GRID_FIELDS))
        return Annotation(
            first_line=parse_utc(text(root, f"{_IMAGE}/productFirstLineUtcTime")),
            last_line=parse_utc(text(root, f"{_IMAGE}/productLastLineUtcTime")),
            lines=_size(root, "numberOfLines"),
            samples=_size(root, "numberOfSamples"),
            azimuth_spacing=positive(
                float(text(root, f"{_IMAGE}/azimuthPixelSpacing"))
            ),
            range_spacing=positive(float(text(root, f"{_IMAGE}/rangePixelSpacing"))),
            denoised=done.strip().lower() == "true",
            grid=grid,
            height=height,
        )


def parse_calibration(data: bytes, name: VignetteName, where: str) -> Calibration:
    """Read the ``sigmaNought`` and ``betaNought`` vectors of a calibration file."""
    root = parse_xml(data, where)
    with explained(where):
        _check_header(root, name)
        vectors = root.findall("calibrationVectorList/calibrationVector")
        amplitude = amplitudes_of(_vectors(vectors, "sigmaNought"), "sigmaNought")
        told = bool(vectors) and vectors[0].find("betaNought") is not None
        beta = _vectors(vectors, "betaNought") if told else None
        return Calibration(
            amplitude, None if beta is None else amplitudes_of(beta, "betaNought")
        )


def parse_noise(data: bytes, name: VignetteName, where: str) -> Noise:
    """Read the noise vectors of either dialect."""
    root = parse_xml(data, where)
    with explained(where):
        _check_header(root, name)
        vectors = root.findall("noiseRangeVectorList/noiseRangeVector")
        if vectors:
            table = _vectors(vectors, "noiseRangeLut")
        else:
            table = _vectors(root.findall("noiseVectorList/noiseVector"), "noiseLut")
        blocks = root.findall("noiseAzimuthVectorList/noiseAzimuthVector")
        return noise_of(table, tuple(map(_azimuth_noise, blocks)))


@contextmanager
def explained(where: str) -> Iterator[None]:
    """Turn what is wrong in a document into an error that names it."""
    try:
        yield
    except (ValueError, OverflowError) as error:
        raise ProductError(f"{where}: {error}. {_REMEDY}") from error


def _check_header(root: etree._Element, name: VignetteName) -> None:
    """Hold the document to the vignette whose stem its file carries."""
    expected = {
        "swath": name.beam.upper(),
        "polarisation": name.polarisation,
        "imageNumber": f"{name.number:03d}",
    }
    for tag, value in expected.items():
        found = root.findtext(f"adsHeader/{tag}")
        if found is not None and found.strip().upper() != value:
            raise ValueError(
                f"the file describes another vignette: <{tag}> is {found.strip()!r}, and "
                f"its name says {value!r}"
            )


_Number = TypeVar("_Number", int, float)


def positive(value: _Number) -> _Number:
    """Return a size or spacing, refusing one that is none."""
    if not 0 < value < np.inf:
        raise ValueError(f"a size or spacing is {value}, which must be positive")
    return value


def _size(root: etree._Element, tag: str) -> int:
    value = int(text(root, f"{_IMAGE}/{tag}"))
    if not 0 < value <= _LARGEST:
        raise ValueError(f"<{tag}> is {value}; an image has at most {_LARGEST}")
    return value


def grid_of(
    values: npt.NDArray[np.float64],
) -> tuple[GeolocationGrid, npt.NDArray[np.float64]]:
    """Make a grid, and its heights, of points that may be in any order.

    Shapes: `values` (point, 6): line, sample, longitude, latitude, incidence, height.
    """
    if not np.isfinite(values).all():
        raise ValueError("the geolocation grid has values that are not numbers")
    if (np.abs(values[:, 2:4]) > (360.0, 90.0)).any():
        raise ValueError("the geolocation grid has places that are not on the globe")
    if (np.abs(values[:, 5]) > _HIGHEST).any():
        raise ValueError("the geolocation grid has heights that are none of the ground")
    line, sample = (np.array(sorted(set(values[:, k].tolist()))) for k in (0, 1))
    shape = (line.size, sample.size)
    if min(shape) < 2 or line.size * sample.size != len(values):
        raise ValueError(
            f"the geolocation grid has {len(values)} points on {shape[0]} lines and "
            f"{shape[1]} samples; a full grid of at least 2 x 2 is needed"
        )
    ordered = values[np.lexsort((values[:, 1], values[:, 0]))].reshape(*shape, -1)
    nodes = ordered[..., 0] == line[:, None], ordered[..., 1] == sample
    if not all(same.all() for same in nodes):
        raise ValueError("the geolocation grid has two points at one line and sample")
    *tables, height = (ordered[..., k].copy() for k in (2, 3, 4, 5))
    return GeolocationGrid(line, sample, *tables), height


def _vectors(elements: list[etree._Element], tag: str) -> Vectors:
    if not elements:
        raise ValueError(f"there is no vector with <{tag}>")
    return vectors_of(
        np.array([float(text(element, "line")) for element in elements]),
        [integers(element, "pixel").astype(float) for element in elements],
        [floats(element, tag) for element in elements],
        tag,
    )


def vectors_of(
    lines: npt.NDArray[np.float64],
    samples: Sequence[npt.NDArray[np.float64]],
    values: Sequence[npt.NDArray[np.float64]],
    tag: str,
) -> Vectors:
    """Make vectors of their lines, samples and values, which have to be whole and in order."""
    for x, y in zip(samples, values, strict=True):
        if x.size != y.size:
            raise ValueError(f"a vector has {x.size} pixels and {y.size} <{tag}>")
        if (np.diff(x) <= 0).any() or not np.isfinite(y).all():
            raise ValueError(f"a vector of <{tag}> is not in order or not finite")
    order = np.argsort(lines, kind="stable")
    if (np.diff(lines[order]) <= 0).any():
        raise ValueError(f"two vectors of <{tag}> have the same line")
    return Vectors(
        lines[order],
        tuple(samples[k] for k in order),
        tuple(values[k] for k in order),
    )


def amplitudes_of(vectors: Vectors, tag: str) -> Vectors:
    """Return calibration vectors, refusing values that none have."""
    _check_range(vectors.value, _AMPLITUDES, tag)
    return vectors


def noise_of(vectors: Vectors, along_azimuth: tuple[AzimuthNoise, ...]) -> Noise:
    """Make the noise of its vectors, refusing values that none have."""
    _check_range(vectors.value, (0.0, _MOST_NOISE), "noise")
    for block in along_azimuth:
        if block.line.size != block.value.size or (np.diff(block.line) <= 0).any():
            raise ValueError(
                "a vector of <noiseAzimuthLut> is not in order or not whole"
            )
        _check_range([block.value], _AZIMUTH_FACTORS, "noiseAzimuthLut")
    return Noise(
        _without_last_zeros(vectors),
        along_azimuth,
        unequal=len({value.size for value in vectors.value}) > 1,
    )


def _check_range(
    values: Iterable[npt.NDArray[np.float64]], limits: tuple[float, float], tag: str
) -> None:
    for value in values:
        wrong = value[~((value >= limits[0]) & (value <= limits[1]))]
        if wrong.size:
            raise ValueError(
                f"<{tag}> has {wrong[0]:g}, which lies outside {limits[0]:g} to {limits[1]:g}"
            )


def _without_last_zeros(table: Vectors) -> Vectors:
    """Drop the zeros that end the noise vectors of old processors: they mean no value."""
    ends = [
        max(int(np.flatnonzero(y)[-1]) + 1 if y.any() else 0, 1) for y in table.value
    ]
    return Vectors(
        table.line,
        tuple(x[:n] for x, n in zip(table.sample, ends, strict=True)),
        tuple(y[:n] for y, n in zip(table.value, ends, strict=True)),
    )


def _azimuth_noise(element: etree._Element) -> AzimuthNoise:
    return AzimuthNoise(
        first=int(text(element, "firstAzimuthLine")),
        last=int(text(element, "lastAzimuthLine")),
        line=integers(element, "line").astype(float),
        value=floats(element, "noiseAzimuthLut"),
    )
