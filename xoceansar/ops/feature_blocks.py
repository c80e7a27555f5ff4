"""Blocks of physical parameters that heads may take: measured, or taken where they are there already.

A new block is a line of `FEATURE_BLOCKS`.
"""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import xarray as xr

from xoceansar.conventions.attributes import attribute_text
from xoceansar.errors import (
    DimensionError,
    DomainError,
    MissingVariableError,
    UnitsError,
)
from xoceansar.layout.images import XarrayObject, chunk_like, in_one_chunk
from xoceansar.models.spec import FeatureBlock
from xoceansar.ops.texture_descriptors import texture
from xoceansar.ops.wave_measures import cutoff, cwave, image_statistics

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Measurement:
    """How a block is measured.

    Parameters
    ----------
    function : callable
        Gives a Dataset of what it measures in images, spectra or whatever it needs.
    variables : tuple of str
        The variables of that Dataset that make the block, in this order.
    """

    function: Callable[[Any], xr.Dataset]
    variables: tuple[str, ...]

    @property
    def method(self) -> str:
        """Name of the function, which the accessor has too."""
        return str(getattr(self.function, "__name__", "measure"))


#: The blocks that ``features=`` of a fit may name.
FEATURE_BLOCKS: Final[Mapping[str, Measurement]] = {
    "texture": Measurement(
        texture,
        (
            "texture_power",
            "texture_percentile",
            "texture_mean",
            "texture_spread",
            "texture_gradient",
        ),
    ),
    "cwave": Measurement(cwave, ("cwave",)),
    "statistics": Measurement(
        image_statistics,
        ("normalised_variance", "sigma0_skewness", "sigma0_kurtosis"),
    ),
    "cutoff": Measurement(cutoff, ("azimuth_cutoff",)),
}


@dataclass(frozen=True, eq=False)
class FeatureColumns:
    """A block as a head stacks it.

    Parameters
    ----------
    block : FeatureBlock
        Its columns and their units.
    values : DataArray (..., feature)
        float32, NaN where missing.
    """

    block: FeatureBlock
    values: xr.DataArray

    def fitted(self, wanted: FeatureBlock, head: str) -> xr.DataArray:
        """Return the columns that a head was fitted on, in its order, or say which are absent.

        Shapes: gives (..., feature).
        """
        place = {column: i for i, column in enumerate(self.block.columns)}
        absent = [column for column in wanted.columns if column not in place]
        if absent:
            raise DimensionError(
                f"{head} was fitted on {len(wanted.columns)} numbers of the block "
                f"{wanted.name!r}, and the input has {len(place)}; {len(absent)} are absent, such "
                f"as {absent[0]!r} (here {self.block.columns[0]!r}). Measure the block again with "
                f"ds.oceansar.{_method(wanted.name)}(), or fit the head again on what there is."
            )
        if self.block.measured_in != wanted.measured_in:
            raise DomainError(
                f"{head} was fitted on {wanted.name!r} measured in {wanted.measured_in!r}; here it "
                f"was measured in {self.block.measured_in or 'what is not said'!r}, which gives "
                f"other numbers. Measure it alike: ds.oceansar.{_method(wanted.name)}()."
            )
        own = [place[column] for column in wanted.columns]
        for i, unit in zip(own, wanted.units, strict=True):
            if self.block.units[i] != unit:
                column = self.block.columns[i]
                raise UnitsError(
                    f"{head} takes {column!r} in {unit!r}; here it is in "
                    f"{self.block.units[i]!r}. Convert it, and say so: "
                    f"ds[{column.partition('[')[0]!r}].attrs['units'] = {unit!r}."
                )
        if own == list(range(len(place))):
            return self.values
        return self.values.isel({self.values.dims[-1]: own})


def measured_block(obj: XarrayObject, name: str, who: str) -> xr.Dataset:
    """Return the variables of a block: those of the input, or measured in it.

    Notes
    -----
    Lazy, where the input is.
    """
    measurement = FEATURE_BLOCKS.get(name)
    if measurement is None:
        raise MissingVariableError(
            f"{who} takes the features {name!r}, which this version of xoceansar does not "
            f"measure; it has {list(FEATURE_BLOCKS)}. Install the version that made it."
        )
    wanted = list(measurement.variables)
    absent = [v for v in wanted if not isinstance(obj, xr.Dataset) or v not in obj]
    if not absent:
        assert isinstance(obj, xr.Dataset)
        return obj[wanted]
    try:
        return measurement.function(obj)[wanted]
    except (MissingVariableError, DimensionError) as error:
        raise MissingVariableError(
            f"{who} takes the features {name!r} ({', '.join(wanted)}). The input lacks {absent}, "
            f"and they cannot be measured in it: {error} Or put them in where they are known: "
            f"ds.merge(images.oceansar.{measurement.method}())."
        ) from error


def feature_columns(
    ds: xr.Dataset, name: str, leading: Sequence[Hashable], like: xr.DataArray
) -> FeatureColumns:
    """Stack the variables of a block into columns.

    Notes
    -----
    One variable after the other; of each, its own dims in alphabetical order, the last one fastest.
    A column is named by the labels of its place, by a number where a dim has none.
    """
    variables = FEATURE_BLOCKS[name].variables
    own = [sorted(set(ds[v].dims) - set(leading), key=str) for v in variables]
    columns, units = list[str](), list[str]()
    for variable, dims in zip(variables, own, strict=True):
        array = ds[variable]
        if array.dtype.kind not in "fiu":
            raise UnitsError(
                f"features are real numbers; {variable!r} of the block {name!r} is of "
                f"{array.dtype}. Give it as ds.oceansar.{_method(name)}() makes it."
            )
        labels = _labels(array, dims)
        columns += [f"{variable}{label}" for label in labels]
        units += [attribute_text(array.attrs, "units") or "1"] * len(labels)
    arrays = [
        chunk_like(in_one_chunk(_bare(ds[v]), dims), like)
        for v, dims in zip(variables, own, strict=True)
    ]
    values: xr.DataArray = xr.apply_ufunc(
        _stacked,
        *arrays,
        kwargs={"own": tuple(len(dims) for dims in own)},
        input_core_dims=own,
        output_core_dims=[[f"{name}_feature"]],
        dask="parallelized",
        output_dtypes=[np.float32],
        dask_gufunc_kwargs={"output_sizes": {f"{name}_feature": len(columns)}},
    )
    block = FeatureBlock(
        name=name,
        columns=tuple(columns),
        units=tuple(units),
        measured_in="; ".join(dict.fromkeys(_origin(ds[v]) for v in variables)),
    )
    return FeatureColumns(block, values)


def _method(name: str) -> str:
    return FEATURE_BLOCKS[name].method


def _origin(array: xr.DataArray) -> str:
    """Say in what a variable was measured, and by which of several definitions."""
    known = (attribute_text(array.attrs, name) for name in ("measured_in", "lineage"))
    return ", ".join(text for text in known if text)


def _bare(array: xr.DataArray) -> xr.DataArray:
    return array.reset_coords(drop=True)


def _labels(array: xr.DataArray, dims: Iterable[Hashable]) -> list[str]:
    """Name the places of a variable of one vignette."""
    axes = []
    for dim in dims:
        known = array.coords[dim].values if dim in array.coords else None
        labels = range(array.sizes[dim]) if known is None else known.tolist()
        axes.append([f"{dim}={_short(label)}" for label in labels])
    if not axes:
        return [""]
    return [f"[{','.join(place)}]" for place in product(*axes)]


def _short(label: object) -> str:
    return f"{label:.6g}" if isinstance(label, float) else str(label)


def _stacked(*arrays: Array, own: tuple[int, ...]) -> npt.NDArray[np.float32]:
    """Put arrays with any leading dims and some of their own beside one another."""
    leading = np.broadcast_shapes(
        *(a.shape[: a.ndim - n] for a, n in zip(arrays, own, strict=True))
    )
    parts = []
    for array, n in zip(arrays, own, strict=True):
        shape = array.shape[array.ndim - n :]
        full = np.broadcast_to(array, (*leading, *shape))
        parts.append(full.reshape(*leading, int(np.prod(shape, dtype=int))))
    with np.errstate(over="ignore"):  # beyond float32 is missing, as infinity is
        return np.concatenate(parts, axis=-1, dtype=np.float32, casting="unsafe")
