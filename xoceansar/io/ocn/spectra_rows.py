"""Spectra of many Level-2 OCN files as variables of one Dataset, a row for each vignette."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, TypeAlias, TypeVar

import numpy as np
import xarray as xr

from xoceansar.conventions import VIGNETTE, annotate
from xoceansar.errors import warn
from xoceansar.io.ocn.ocn_file import Vignette
from xoceansar.io.ocn.ocn_spectra import LAGS, CrossSpectra, WaveSpectra
from xoceansar.spectra.wave_spectra import esa_polar_grid
from xoceansar.spectra.wavenumber_grids import esa_grid

__all__ = ["with_spectra"]

T = TypeVar("T", WaveSpectra, CrossSpectra)
_Table: TypeAlias = Mapping[str, tuple[tuple[str, ...], np.generic]]

_POLAR: Final = ("wave_to_direction", "wavenumber")
_CARTESIAN: Final = ("lag", "azimuth_bin", "range_bin")
_NO_NUMBER: Final = np.float32(np.nan)
_NO_WAVENUMBER: Final = np.float64(np.nan)
#: Dims of the variables beside the vignette, and what they are where there is no spectrum.
_WAVES: Final[_Table] = {
    "wave_spectrum": (_POLAR, _NO_NUMBER),
    "wave_spectrum_partition": (_POLAR, np.int8(-1)),
    "quality_cross_spectrum_real": (_POLAR, _NO_NUMBER),
    "quality_cross_spectrum_imag": (_POLAR, _NO_NUMBER),
    "resolved_wavelength": (_POLAR[:1], _NO_NUMBER),
}
_CROSS: Final[_Table] = {
    "azimuth_wavenumber": (_CARTESIAN[1:2], _NO_WAVENUMBER),
    "range_wavenumber": (_CARTESIAN[2:], _NO_WAVENUMBER),
    "azimuth_wavenumber_width": (_CARTESIAN[1:2], _NO_WAVENUMBER),
    "range_wavenumber_width": (_CARTESIAN[2:], _NO_WAVENUMBER),
    "cross_spectrum_real": (_CARTESIAN, _NO_NUMBER),
    "cross_spectrum_imag": (_CARTESIAN, _NO_NUMBER),
}
_HALF: Final = (
    "its units are m^4 in the file; half plane of range wavenumbers from 0 up"
)
#: What the table of names cannot know of these variables.
_COMMENTS: Final = {
    "wave_spectrum": "oswPolSpec; of the waves that the image resolves (resolved_wavelength)",
    "wave_spectrum_partition": "oswPartitions; -1: none. Cells of a partition whose direction is "
    "not resolved (partition_ambiguity) may lie opposite to its partition_to_direction",
    "quality_cross_spectrum_real": "oswQualityCrossSpectraRe; not of one lag",
    "quality_cross_spectrum_imag": "oswQualityCrossSpectraIm; not of one lag: its phase tells no time",
    "resolved_wavelength": "oswSpecRes; azimuth_cutoff times the cosine of the angle to "
    "ground_heading, and range_cutoff where that is more",
    "cross_spectrum_real": f"oswCartSpecRe; {_HALF}",
    "cross_spectrum_imag": f"oswCartSpecIm; {_HALF}; positive at wavenumbers towards which waves travel",
}
#: Vignettes that a warning names for a reason.
_MOST_SHOWN: Final = 3


def with_spectra(ds: xr.Dataset, read: Sequence[Vignette]) -> xr.Dataset:
    """Add the spectra of the files to their rows, and say which rows have none."""
    found = [one.spectra for one in read]
    waves: list[WaveSpectra | str | None] = [
        one.waves if one else None for one in found
    ]
    cross: list[CrossSpectra | str | None] = [
        one.cross if one else None for one in found
    ]
    none = np.empty(0)
    waves = _on_one_grid(waves, WaveSpectra(*esa_polar_grid(), {}))
    cross = _on_one_grid(cross, CrossSpectra(esa_grid(1.0, 1.0), none, none))
    names = [str(one.values["vignette_id"]) for one in read]
    notes = [
        *_missing("wave spectrum", waves, names),
        *_missing("Cartesian cross-spectrum", cross, names),
    ]
    if notes:
        warn(f"{' '.join(notes)} Theirs is missing.")
    variables = _wave_variables(_spectra(waves)) | _cross_variables(_spectra(cross))
    for name, array in variables.items():
        comment = {"comment": _COMMENTS[name]} if name in _COMMENTS else {}
        variables[name] = annotate(array, name, **comment)
    return ds.assign(variables).set_coords(
        [name for name in variables if name not in _COMMENTS]
    )


def _spectra(rows: list[T | str | None]) -> list[T | None]:
    return [None if isinstance(row, str) else row for row in rows]


def _on_one_grid(rows: list[T | str | None], usual: T) -> list[T | str | None]:
    """Keep the spectra that share the grid of most, and say of the others why they are left out."""
    groups: list[list[T]] = []
    for row in rows:
        if row is not None and not isinstance(row, str):
            for group in groups:
                if group[0].shares_grid(row):
                    group.append(row)
                    break
            else:
                groups.append([row])
    if len(groups) < 2:
        return rows
    most = max(groups, key=lambda group: (len(group), group[0].shares_grid(usual)))[0]
    other = "it is on another grid ({} x {}) than most ({} x {}); open such files by themselves"
    return [
        row
        if row is None or isinstance(row, str) or most.shares_grid(row)
        else other.format(*row.sizes, *most.sizes)
        for row in rows
    ]


def _missing(what: str, rows: Sequence[object], names: list[str]) -> Iterator[str]:
    """Say in a sentence which vignettes have no spectrum, and why."""
    reasons: dict[str, list[str]] = defaultdict(list)
    for row, name in zip(rows, names, strict=True):
        if isinstance(row, str):
            reasons[row].append(name)
    if reasons:
        said = "; ".join(
            f"{reason} ({', '.join(of[:_MOST_SHOWN])}{', ...' * (len(of) > _MOST_SHOWN)})"
            for reason, of in reasons.items()
        )
        count = sum(map(len, reasons.values()))
        yield f"{count} of {len(names)} vignettes have no usable {what}: {said}."


def _wave_variables(rows: list[WaveSpectra | None]) -> dict[str, xr.DataArray]:
    wavenumber, direction = esa_polar_grid()
    for row in rows:
        if row is not None:
            wavenumber, direction = row.wavenumber, row.direction
            break
    axes = dict(zip(_POLAR, (direction, wavenumber), strict=True))
    sizes = {dim: axis.size for dim, axis in axes.items()}
    arrays = {dim: xr.DataArray(axis, dims=dim) for dim, axis in axes.items()}
    return arrays | _stacked(rows, _WAVES, sizes)


def _cross_variables(rows: list[CrossSpectra | None]) -> dict[str, xr.DataArray]:
    grid = next((row.grid for row in rows if row is not None), esa_grid(1.0, 1.0))
    lag = np.arange(LAGS, dtype=np.int8)
    sizes = dict(zip(_CARTESIAN, (LAGS, grid.ky.size, grid.kx.size), strict=True))
    return {"lag": xr.DataArray(lag, dims="lag")} | _stacked(rows, _CROSS, sizes)


def _stacked(
    rows: Sequence[WaveSpectra | CrossSpectra | None],
    table: _Table,
    sizes: Mapping[str, int],
) -> dict[str, xr.DataArray]:
    """Put what rows hold above each other."""
    arrays = {}
    for name, (dims, none) in table.items():
        shape = (len(rows), *(sizes[dim] for dim in dims))
        values = np.full(shape, none)
        for k, row in enumerate(rows):
            if row is not None and name in row.values:
                values[k] = row.values[name]
        arrays[name] = xr.DataArray(values, dims=(VIGNETTE, *dims))
    return arrays
