"""The ground grid onto which a vignette is resampled, and where its cells lie."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from xoceansar.io.safe.annotation import Annotation
from xoceansar.sar.geometry import ground_edges, heading_between

__all__ = ["GridSpec", "VignetteGrid"]

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class GridSpec:
    """Size of the output.

    Parameters
    ----------
    spacing : float
        Metres between pixels, in azimuth and in ground range.
    shape : tuple of int
        Number of pixels in azimuth and in range.
    """

    spacing: float
    shape: tuple[int, int]


@dataclass(frozen=True, eq=False)
class VignetteGrid:
    """The grid of one vignette: exactly `spacing` metres, about the middle of the image.

    Parameters
    ----------
    annotation : Annotation
        Size, spacings and geolocation of the image.
    spec : GridSpec
        Size of the output.
    """

    annotation: Annotation
    spec: GridSpec

    @cached_property
    def line_edges_in(self) -> Array:
        """Edges of the image's lines in metres from the middle of the image."""
        lines = self.annotation.lines
        step = self.annotation.azimuth_spacing
        return np.asarray((np.arange(lines + 1) - lines / 2) * step)

    @cached_property
    def sample_edges_in(self) -> Array:
        """Edges of the image's samples in ground metres from the middle of the image."""
        note = self.annotation
        incidence = note.grid.incidence_along((note.lines - 1) / 2, note.samples)
        return ground_edges(note.range_spacing, incidence)

    def edges_out(self, axis: int) -> Array:
        """Place the edges of the output pixels.

        Shapes: gives (n + 1,).
        """
        size = self.spec.shape[axis]
        return np.asarray((np.arange(size + 1) - size / 2) * self.spec.spacing)

    def lines_at(self, azimuth: npt.ArrayLike) -> Array:
        """Find the line at a place in azimuth."""
        step = self.annotation.azimuth_spacing
        return np.asarray(azimuth) / step + (self.annotation.lines - 1) / 2

    def samples_at(self, ground_range: npt.ArrayLike) -> Array:
        """Find the sample at a place in ground range."""
        edges = self.sample_edges_in
        at = np.asarray(ground_range, float)
        # np.clip takes three times as long for a few numbers
        index = np.maximum(np.searchsorted(edges, at, side="right") - 1, 0)
        index = np.minimum(index, edges.size - 2)
        part = (at - edges[index]) / (edges[index + 1] - edges[index])
        return np.asarray(index + part - 0.5)

    @cached_property
    def _columns(self) -> tuple[Array, Array]:
        """Samples of the middle and of the two outer edges, and of the middles of the columns."""
        edges = self.edges_out(1)
        middles = (edges[:-1] + edges[1:]) / 2
        samples = self.samples_at(np.concatenate([[0.0], edges[[0, -1]], middles]))
        return samples[:3], samples[3:]

    @cached_property
    def _marks(self) -> tuple[Array, Array]:
        """Longitude and latitude of the corners, and of three places on the track at the middle."""
        grid = self.annotation.grid
        middle, near, far = self._columns[0].tolist()
        line, first, last = self.lines_at([0.0, *self.edges_out(0)[[0, -1]]]).tolist()
        step = grid.heading_step
        return grid.locate(
            [first, first, last, last, line - step, line, line + step],
            [near, far, far, near, middle, middle, middle],
        )

    @property
    def centre(self) -> tuple[float, float]:
        """Longitude and latitude of the middle of the grid, degrees."""
        longitude, latitude = self._marks
        return float(longitude[5]), float(latitude[5])

    @property
    def heading(self) -> float:
        """Heading of the track on the ground at the middle, degrees from north."""
        longitude, latitude = self._marks
        return heading_between(longitude[4:], latitude[4:])

    @property
    def incidence(self) -> npt.NDArray[np.float32]:
        """Incidence angle at the middle of each output column, degrees."""
        middle = float(self.lines_at(0.0))
        samples = self._columns[1]
        return self.annotation.grid.incidence_at(middle, samples).astype(np.float32)

    @property
    def corners(self) -> tuple[Array, Array]:
        """Longitude and latitude of the outer corners, degrees.

        In order: first line near range, first line far range, last line far range, last line
        near range.
        """
        longitude, latitude = self._marks
        return longitude[:4], latitude[:4]

    def points(self, count: int) -> tuple[Array, Array]:
        """Spread a regular lattice of points over the grid."""
        rows, columns = self.edges_out(0), self.edges_out(1)
        line = self.lines_at(np.linspace(rows[0], rows[-1], count))
        sample = self.samples_at(np.linspace(columns[0], columns[-1], count))
        return self.annotation.grid.locate(line[:, None], sample[None, :])
