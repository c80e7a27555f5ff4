"""What one vignette of a simulated product is called and how it was acquired."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, NamedTuple

import numpy as np

from xoceansar.simulate.products.doppler_band import LIGHT, ZERO_DOPPLER, DopplerBand
from xoceansar.simulate.products.product_geometry import Frame, Track, mid_range
from xoceansar.simulate.products.xml_writer import Content

__all__ = [
    "IMAGING",
    "PLATFORMS",
    "SECONDS_BETWEEN",
    "Acquisition",
    "Image",
    "Imaging",
    "Platform",
    "compact",
    "frame_of",
]

#: From the start of one vignette to the start of the next: 100 km on the ground.
SECONDS_BETWEEN: Final = 14.66

_REFERENCE_FREQUENCY: Final = 37.53472224e6  # Hz, of the instrument's clock


class Platform(NamedTuple):
    """A satellite: designator, and the orbit and cycle at which its repeats start to count."""

    designator: str
    first_orbit: int
    first_cycle: int


#: Orbit offsets fit the numbers of real manifests; that of Sentinel-1D is not known here.
PLATFORMS: Final[Mapping[str, Platform]] = MappingProxyType(
    {
        "S1A": Platform("2014-016A", 73, 15),
        "S1B": Platform("2016-025A", 27, 7),
        "S1C": Platform("2024-235A", 99, 4),
        "S1D": Platform("0000-000A", 0, 1),
    }
)


@dataclass(frozen=True)
class Imaging:
    """How a beam samples.

    Attributes
    ----------
    lines : tuple of float
        Number of lines as a polynomial of the sine of latitude.
    line_spread : int
        How far it varies about that.
    samples : int
        Number of samples.
    sampling_rate : float
        In range, Hz.
    line_rate : float
        In azimuth, Hz.
    bandwidth : float
        In range, Hz.
    """

    lines: tuple[float, float, float]
    line_spread: int
    samples: int
    sampling_rate: float
    line_rate: float
    bandwidth: float


_LINE_RATE: Final = 1650.168  # Hz, of both beams in ESA's level 2

#: Lines fit the 148 vignettes of two products (catalogue entries of S1A_WV_SLC__1SSV_20221101T034802 and
#: S1B_WV_SLC__1SSH_20170317T183154); samples are those of S1B_WV_SLC__1SSV_20210403T083025.
IMAGING: Final[Mapping[str, Imaging]] = MappingProxyType(
    {
        "wv1": Imaging(
            (4929.4, 8.3, -30.0), 5, 5681,
            8 / 3 * _REFERENCE_FREQUENCY, _LINE_RATE, 74.5e6,
        ),
        "wv2": Imaging(
            (4782.4, -0.3, -21.9), 7, 4500,
            16 / 11 * _REFERENCE_FREQUENCY, _LINE_RATE, 48.2e6,
        ),
    }
)  # fmt: skip


def frame_of(
    track: Track, beam: str, *, start: float, incidence: float, lines: int, scale: float
) -> Frame:
    """Place the pixel grid of a vignette."""
    imaging = IMAGING[beam]
    samples = round(imaging.samples * scale)
    spacing = LIGHT / 2 / imaging.sampling_rate
    middle = start + (lines - 1) / 2 / imaging.line_rate
    near = mid_range(track, middle, incidence) - spacing * (samples - 1) / 2
    return Frame(track, start, 1 / imaging.line_rate, near, spacing, lines, samples)


def compact(time: str) -> str:
    """Write a time as in file names.

    Examples
    --------
    >>> compact("2021-04-03T08:30:25.749829")
    '20210403T083025'
    """
    return time[:19].replace("-", "").replace(":", "")


@dataclass(frozen=True)
class Acquisition:
    """What the vignettes of a product share.

    Attributes
    ----------
    platform : str
        A key of `PLATFORMS`.
    polarisation : {"VV", "HH"}
        Transmit and receive.
    ipf : float
        Processor version.
    epoch : datetime64
        UTC of the track's time zero.
    orbit, datatake : int
        Absolute orbit and mission data take.
    scale : float
        Factor on lines and samples.
    """

    platform: str
    polarisation: str
    ipf: float
    epoch: np.datetime64
    orbit: int
    datatake: int
    scale: float

    def utc(self, seconds: float) -> str:
        """Format a time after the epoch as ``2021-04-03T08:30:25.749829``."""
        return str(self.epoch + np.timedelta64(round(seconds * 1e6), "us"))


@dataclass(frozen=True, eq=False)
class Image:
    """One vignette: names, times, geometry and azimuth spectrum.

    Attributes
    ----------
    number : int
        Counts from 1 within the product.
    beam : {"wv1", "wv2"}
        Wave-mode beam.
    frame : Frame
        The pixel grid.
    acquisition : Acquisition
        What it shares with its neighbours.
    band : DopplerBand
        Where its azimuth spectrum lies.
    """

    number: int
    beam: str
    frame: Frame
    acquisition: Acquisition
    band: DopplerBand = ZERO_DOPPLER

    def utc(self, line: float) -> str:
        """UTC of a line."""
        return self.acquisition.utc(float(self.frame.time(line)))

    @property
    def start(self) -> str:
        """UTC of the first line."""
        return self.utc(0)

    @property
    def stop(self) -> str:
        """UTC of the last line."""
        return self.utc(self.frame.lines - 1)

    @property
    def vector_spacing(self) -> float:
        """Lines between annotation vectors: a second, shrunk with the image."""
        return self.acquisition.scale / self.frame.line_interval

    @property
    def stem(self) -> str:
        """Name of the vignette's files, without prefix and suffix."""
        common = self.acquisition
        parts = [common.platform, self.beam, "slc", common.polarisation]
        parts += [compact(self.start), compact(self.stop), f"{common.orbit:06d}"]
        parts += [f"{common.datatake:06x}", f"{self.number:03d}"]
        return "-".join(parts).lower()

    def header(self) -> dict[str, Content]:
        """Return the ``adsHeader`` of the vignette's annotation files."""
        return {
            "missionId": self.acquisition.platform,
            "productType": "SLC",
            "polarisation": self.acquisition.polarisation,
            "mode": "WV",
            "swath": self.beam.upper(),
            "startTime": self.start,
            "stopTime": self.stop,
            "absoluteOrbitNumber": str(self.acquisition.orbit),
            "missionDataTakeId": str(self.acquisition.datatake),
            "imageNumber": f"{self.number:03d}",
        }
