"""The share of each batch that this process trains on, read one batch ahead."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from xoceansar.errors import TrainingError
from xoceansar.train.data.sampler import Sampler
from xoceansar.train.data.vignette_dataset import VignetteDataset

Rows = npt.NDArray[np.int64]

#: Other vignettes are drawn for ones that prove unusable, at most this often in a row.
_DRAWS: Final = 5


@dataclass(frozen=True, slots=True)
class Share:
    """What one process learns from in one step."""

    #: (n, 1, size, size), float32: Network input.
    images: npt.NDArray[np.float32]
    #: (n,), float32: What was subtracted from each image, and its divisor.
    mean: npt.NDArray[np.float32]
    scale: npt.NDArray[np.float32]
    #: Vignettes that proved unusable, in whose place others stand.
    replaced: int
    #: Seconds that the training waited for it.
    waited: float = 0.0


class Loader:
    """Batches of a pool, as one of several processes sees them.

    `choose` gives the rows of an epoch, as `Sampler` takes it.
    """

    def __init__(
        self,
        dataset: VignetteDataset,
        *,
        batch: int,
        seed: int,
        rank: int,
        world: int,
        choose: Callable[[int, Rows | None], Rows],
    ) -> None:
        if batch % world:
            raise TrainingError(
                f"optimisation.batch {batch} cannot be divided among {world} processes. Use a "
                "multiple of their number."
            )
        dataset.require(batch)
        self.dataset, self._seed, self._rank = dataset, seed, rank
        self._share = batch // world
        self._sampler = Sampler(
            batch=batch,
            seed=seed,
            chunk_of_row=dataset.chunk_of_row,
            window_chunks=dataset.window_chunks,
            choose=choose,
        )
        self._place = self._sampler.state()

    @property
    def epoch(self) -> int:
        """Number of the current epoch, from 0."""
        return self._sampler.epoch

    @property
    def first(self) -> int:
        """Place of this process's first image in the global batch."""
        return self._rank * self._share

    def shares(self, start: int, stop: int) -> Iterator[Share]:
        """Yield the shares of some steps."""
        with ThreadPoolExecutor(1, thread_name_prefix="read") as reader:
            ahead: Future[Share] | None = None
            for step in range(start, stop):
                began = perf_counter()
                if ahead is None:
                    ahead = reader.submit(self._read, self._sampler.next(), step)
                share = ahead.result()
                waited = perf_counter() - began
                # A checkpoint after this step holds this place, not that of the batch ahead.
                self._place = self._sampler.state()
                # The rows of the next epoch may depend on the network after this step.
                more = step + 1 < stop and self._sampler.within_epoch
                ahead = (
                    reader.submit(self._read, self._sampler.next(), step + 1)
                    if more
                    else None
                )
                yield Share(
                    share.images, share.mean, share.scale, share.replaced, waited
                )

    def _read(self, rows: Rows, step: int) -> Share:
        """Read this process's part of a global batch, with others for unusable ones."""
        images, kept = self.dataset.read(rows[self.first : self.first + self._share])
        parts, used = [images], [kept]
        rng = np.random.default_rng([self._seed, step, self._rank])
        candidates = self._sampler.rows
        assert candidates is not None
        for _ in range(_DRAWS):
            missing = self._share - sum(map(len, used))
            if not missing:
                break
            images, more = self.dataset.read(rng.choice(candidates, missing))
            parts.append(images)
            used.append(more)
        found = np.concatenate(used)
        if len(found) < self._share:
            raise TrainingError(
                f"step {step} needs {self._share} usable vignettes and {len(found)} were found in "
                f"{_DRAWS} draws; skipped so far: {self.dataset.skipped}. Look at the archive, or relax "
                "data.exclude and data.min_valid_fraction."
            )
        return Share(
            np.concatenate(parts),
            self.dataset.mean[found],
            self.dataset.scale[found],
            self._share - len(kept),
        )

    def state(self) -> dict[str, Any]:
        """Return the place after the last share that was yielded."""
        return self._place

    def load(self, state: dict[str, Any]) -> None:
        """Go to a place."""
        self._sampler.load(state)
        self._place = state
