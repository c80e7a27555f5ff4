"""The vignettes of a benchmark: those with a truth, on the side that is learned from or scored."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import xarray as xr

from xoceansar._typing import Array
from xoceansar.conventions import VIGNETTE
from xoceansar.errors import DimensionError, MissingVariableError, OceansarError
from xoceansar.evaluate.tasks import Task
from xoceansar.splits.calibration_breaks import (
    calibration_period,
    calibration_split,
)
from xoceansar.splits.orbit_passes import orbit_pass
from xoceansar.splits.partition import Split, group_split, random_split, time_split

Rows = npt.NDArray[np.intp]
SplitBy = Literal["orbit_pass", "time", "calibration", "random"]


@dataclass(frozen=True, eq=False, slots=True)
class Part:
    """Vignettes with a truth."""

    #: All vignettes with a truth, on either side; in the library's layout, images lazy.
    base: xr.Dataset
    #: (vignette,) of int: Which rows of it these are.
    index: Rows
    #: (vignette, ...): As the task's `read` gives it, complete.
    truth: Array
    #: (vignette,) of str: Orbit pass of each.
    groups: npt.NDArray[np.str_]
    #: Vignettes that were left out for want of a truth.
    dropped: int = 0

    def __len__(self) -> int:
        """Count the vignettes."""
        return len(self.index)

    @property
    def ds(self) -> xr.Dataset:
        """The vignettes themselves."""
        return self.base.isel({VIGNETTE: self.index})

    def rows(self, index: Rows) -> "Part":
        """Take some of the vignettes."""
        return Part(self.base, self.index[index], self.truth[index], self.groups[index])


def with_truth(ds: xr.Dataset, task: Task) -> Part:
    """Keep the vignettes of which the truth is known."""
    if VIGNETTE not in ds.dims:
        raise DimensionError(
            f"a Dataset along {VIGNETTE!r} is needed; got {tuple(ds.dims)}. Open it with "
            "xoceansar.open_wave_mode or xarray.open_zarr."
        )
    truth = task.read(ds)
    known = np.isfinite(truth) if truth.dtype.kind == "f" else np.ones(len(truth), bool)
    index = np.flatnonzero(known)
    if not len(index):
        raise OceansarError(
            f"task {task.name!r} needs vignettes with {task.target!r}; all {len(truth)} have "
            "none, or are sea ice."
        )
    dropped = len(truth) - len(index)
    base = ds.isel({VIGNETTE: index}) if dropped else ds
    return Part(base, np.arange(len(index)), truth[index], orbit_pass(base), dropped)


def divide(
    part: Part, task: Task, by: SplitBy, *, test: float, seed: int
) -> tuple[Part, Part]:
    """Divide vignettes into those that are learned from and those that are scored."""
    split: Split
    if by == "orbit_pass":
        strata = part.truth if task.kind == "classes" else None
        split = group_split(part.groups, test=test, strata=strata, seed=seed)
    elif by == "time":
        if "time" not in part.base:
            raise MissingVariableError(
                "a split by time needs the coordinate 'time' along vignette. Use "
                "split='orbit_pass'."
            )
        split = time_split(part.groups, part.ds["time"].values, test=test)
    elif by == "calibration":
        split = calibration_split(part.groups, calibration_period(part.ds))
    elif by == "random":
        split = random_split(len(part), test=test, seed=seed)
    else:
        raise OceansarError(
            f"split must be 'orbit_pass', 'time', 'calibration' or 'random'; got {by!r}."
        )
    return part.rows(split.train), part.rows(split.test)
