"""The vignettes that a backbone is trained on, read as network input, chunk by chunk."""

from collections import OrderedDict
from dataclasses import dataclass, replace
from threading import RLock
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from xoceansar._typing import Array
from xoceansar.conventions import VIGNETTE
from xoceansar.errors import TrainingError, UnitsError
from xoceansar.layout.images import XarrayObject
from xoceansar.models.networks.preprocessing import network_input
from xoceansar.models.spec import InputSpec
from xoceansar.train.data.candidates import find_candidates

Rows = npt.NDArray[np.int64]
Images = npt.NDArray[np.float32]

#: Names of `VignetteDataset.skipped` beside those of quality flags and coordinates.
_NO_DATA: Final = "too little data"
_REFUSED: Final = "constant, implausible or without incidence"
_KNOWN_BEFORE: Final = "found unusable before"


@dataclass(frozen=True, slots=True)
class _Chunk:
    """Prepared vignettes of one chunk: sorted row numbers, and images (k, 1, S, S)."""

    rows: Rows
    images: Array


class VignetteDataset:
    """Vignettes of a Dataset as network input, for reading again and again in any order.

    Those with a smaller fraction of data than `min_valid_fraction`, or with any of the flags
    `exclude`, are counted in `skipped`, by the reason. `mean` and `scale` are what is subtracted
    from each and the divisor, in the scale of `spec`; where they are its own, NaN until it is read,
    and then the mean is linear. A product is calibrated at each reading: what is read many times
    should be a Zarr store.

    Notes
    -----
    Flags, polarisation and beam are read at once and decide which rows are offered; what only
    the pixels tell is found when a vignette is read, counted once and remembered. Images in
    decibel are rounded to half precision (at worst 0.005 dB at 10 dB from the mean), whether they
    come from the cache or not, so that results do not depend on its size. Methods may be called
    from several threads.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> sigma0 = np.random.default_rng(0).gamma(100, 1e-3, (4, 32, 32))
    >>> sigma0[2] = np.nan
    >>> ds = xr.Dataset({"sigma0": (("vignette", "line", "sample"), sigma0)})
    >>> ds = ds.assign_coords(pixel_spacing=50.0)
    >>> dataset = VignetteDataset(
    ...     ds, InputSpec(scale="dB", size=32, mean=-10.0, std=5.0), exclude=()
    ... )
    >>> images, kept = dataset.read(np.array([3, 2, 0]))
    >>> images.shape, kept.tolist(), dataset.skipped
    ((2, 1, 32, 32), [3, 0], {'too little data': 1})
    """

    def __init__(
        self,
        ds: XarrayObject,
        spec: InputSpec,
        *,
        min_valid_fraction: float = 0.9,
        exclude: tuple[str, ...] = ("land",),
        cache_bytes: int = 1 << 30,
    ) -> None:
        if not 0 <= min_valid_fraction <= 1:
            raise TrainingError(
                f"min_valid_fraction must be between 0 and 1; got {min_valid_fraction}."
            )
        candidates = find_candidates(ds, spec, exclude)
        self._candidates, self.spec, self._min_valid = (
            candidates,
            spec,
            min_valid_fraction,
        )
        self.skipped = dict(candidates.skipped)
        self.chunk_of_row = candidates.chunk_of_row
        self.mean, self.scale = candidates.mean.copy(), candidates.scale.copy()
        self._bad = np.zeros(len(candidates.offered), dtype=bool)
        self._refusal = ""
        self._cache_bytes, self._held_bytes = cache_bytes, 0
        self._cache: OrderedDict[int, _Chunk] = OrderedDict()
        self._lock = RLock()
        self.require(1)

    @property
    def rows(self) -> Rows:
        """Vignettes on offer, as positions in the Dataset: those not known to be unusable."""
        return np.flatnonzero(self._candidates.offered & ~self._bad)

    @property
    def bad(self) -> Rows:
        """Vignettes that were on offer until their pixels were read."""
        return np.flatnonzero(self._bad)

    @bad.setter
    def bad(self, rows: Rows) -> None:
        dropped = np.zeros_like(self._bad)
        dropped[np.asarray(rows, dtype=np.int64)] = True
        with self._lock:
            self._drop(np.flatnonzero(dropped), _KNOWN_BEFORE)

    @property
    def window_chunks(self) -> int | None:
        """Chunks that the cache holds, at least one; None where it holds every vignette.

        As metadata tell it, and so the same whatever has been read.
        """
        row_bytes = self.spec.size**2 * _stored_dtype(self.spec).itemsize
        if row_bytes * int(self._candidates.offered.sum()) <= self._cache_bytes:
            return None
        largest = int(np.bincount(self.chunk_of_row).max()) * row_bytes
        return max(1, self._cache_bytes // largest)

    def require(self, n: int) -> None:
        """Refuse to go on with fewer vignettes than are needed."""
        left = len(self.rows)
        if left < n:
            raise TrainingError(
                f"{n} usable vignette(s) are needed and {left} of {len(self._bad)} are left; "
                f"skipped: {self.skipped or 'none'}. Give a larger archive, or relax "
                f"data.exclude and data.min_valid_fraction.{self._refusal}"
            )

    def read(self, rows: Rows) -> tuple[Images, Rows]:
        """Read some vignettes as network input.

        Shapes: `rows` (k,).
        """
        rows = np.asarray(rows, dtype=np.int64)
        self._refuse_foreign(rows)
        out = np.empty((len(rows), 1, self.spec.size, self.spec.size), np.float32)
        usable = np.zeros(len(rows), dtype=bool)
        for chunk in np.unique(self.chunk_of_row[rows]):
            at = np.flatnonzero(self.chunk_of_row[rows] == chunk)
            block = self._chunk(int(chunk))
            at = at[np.isin(rows[at], block.rows) & ~self._bad[rows[at]]]
            out[at] = block.images[np.searchsorted(block.rows, rows[at])]
            usable[at] = True
        if not usable.all():
            self.require(1)
        return out[usable], rows[usable]

    def _refuse_foreign(self, rows: Rows) -> None:
        inside = (rows >= 0) & (rows < len(self._candidates.offered))
        foreign = rows[~inside | ~self._candidates.offered[np.where(inside, rows, 0)]]
        if len(foreign):
            raise TrainingError(
                f"rows must be among VignetteDataset.rows; {len(foreign)} are not, such as {foreign[0]}."
            )

    def _chunk(self, chunk: int) -> _Chunk:
        """Return a chunk from the cache, or prepare it and make room for it."""
        with self._lock:
            if chunk in self._cache:
                self._cache.move_to_end(chunk)
                return self._cache[chunk]
            block = self._cache[chunk] = self._prepare(chunk)
            self._held_bytes += block.images.nbytes
            while self._held_bytes > self._cache_bytes and len(self._cache) > 1:
                _, oldest = self._cache.popitem(last=False)
                self._held_bytes -= oldest.images.nbytes
            return block

    def _prepare(self, chunk: int) -> _Chunk:
        """Read a chunk whole, and turn what is on offer in it into network input."""
        first, last = self._candidates.bounds[chunk : chunk + 2]
        here = slice(int(first), int(last))
        rows = first + np.flatnonzero(self._candidates.offered[here] & ~self._bad[here])
        if not len(rows):
            return _Chunk(rows, self._empty())
        sigma0 = self._candidates.pixels.isel({VIGNETTE: here}).values[rows - first]
        incidence = self._candidates.incidence_of(rows)
        try:
            images, level, fraction = network_input(
                sigma0, incidence, spec=self.spec, quantity=self._candidates.quantity
            )
        except UnitsError as error:
            self._refusal = f" Vignettes {first} to {last - 1}: {error}"
            self._drop(rows, _REFUSED)
            return _Chunk(rows[:0], self._empty())
        thin = fraction < self._min_valid
        refused = ~thin & np.isnan(images[:, 0, 0, 0])
        self._drop(rows[thin], _NO_DATA)
        self._drop(rows[refused], _REFUSED)
        good = ~(thin | refused)
        if self.spec.mean is None and self.spec.scale == "linear":
            self.mean[rows[good]] = level[good]
        if self.spec.std is None and good.any():
            self._note_spread(rows[good], sigma0[good], incidence[good])
        return _Chunk(rows[good], images[good].astype(_stored_dtype(self.spec)))

    def _empty(self) -> Array:
        side = self.spec.size
        return np.empty((0, 1, side, side), _stored_dtype(self.spec))

    def _note_spread(self, rows: Rows, sigma0: Array, incidence: Array) -> None:
        """Note the vignettes' own spread.

        `network_input` puts the mean of the pixels with data in place of those without, so the
        variance of the filled image is theirs times the fraction with data.
        """
        plain = replace(self.spec, centre="global", mean=0.0, std=1.0)
        scaled, _, fraction = network_input(
            sigma0, incidence, spec=plain, quantity=self._candidates.quantity
        )
        variance = scaled.var(axis=(1, 2, 3), dtype=np.float64) / fraction
        self.scale[rows] = np.sqrt(variance)

    def _drop(self, rows: Rows, reason: str) -> None:
        new = rows[~self._bad[rows]]
        self._bad[new] = True
        self._count(reason, len(new))

    def _count(self, reason: str, n: int) -> None:
        if n:
            self.skipped[reason] = self.skipped.get(reason, 0) + n


def _stored_dtype(spec: InputSpec) -> np.dtype[Any]:
    """Half precision where values are some standard deviations of decibel; linear has spikes."""
    return np.dtype(np.float32 if spec.scale == "linear" else np.float16)
