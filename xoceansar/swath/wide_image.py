"""What a wide image is: its polarisations, its axes in metres, where it lies, and its names."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import dask.array as da
import numpy as np
import numpy.typing as npt
import xarray as xr
from dask.base import is_dask_collection
from dask.delayed import delayed

from xoceansar._typing import Array
from xoceansar.conventions import LINE, SAMPLE, SIMULATED_FILE
from xoceansar.errors import (
    DimensionError,
    DomainError,
    MissingVariableError,
)
from xoceansar.layout.sigma0 import calibrate
from xoceansar.sar.geometry import GeolocationGrid, ground_edges

#: Dimension of the polarisations, as xsar names it.
POLARISATION: Final = "pol"
#: What is taken where no polarisation is asked for: what models and model functions are made for.
_CO_POLARISED: Final = ("VV", "HH")
#: Nodes along each axis at which full-resolution positions are sampled.
_NODES: Final = 33
#: Longest image of one burst, metres: 20 km and a margin.
_BURST: Final = 25e3
_PLACES: Final = ("longitude", "latitude", "incidence")
#: Names of the same in xsar's coarse group of the product's own grid.
_ANNOTATED: Final = ("longitude", "latitude", "incidenceAngle")
#: Attributes in which xsar names the auxiliary files of a product.
_AUXILIARY: Final = ("aux_cal", "aux_pp1", "aux_ins")


@dataclass(frozen=True, eq=False)
class WideImage:
    """A wide image, understood."""

    #: With ``sigma0`` over line and sample, and over `POLARISATION` where it has several.
    ds: xr.Dataset
    #: Those to take; one empty string where it is not known.
    polarisations: tuple[str, ...]
    #: Edges of the lines and samples on the ground, metres.
    line_edges: npt.NDArray[np.float64]
    sample_edges: npt.NDArray[np.float64]
    #: Coordinates of lines and samples in the geolocation grid.
    lines: npt.NDArray[np.float64]
    samples: npt.NDArray[np.float64]
    #: Where it lies; delayed where positions are not in memory.
    grid: Any
    #: Metres between lines, and mean metres between samples on the ground.
    spacing: tuple[float, float]

    @property
    def lazy(self) -> bool:
        """Whether the positions are not in memory."""
        return not isinstance(self.grid, GeolocationGrid)

    def image(self, name: str, polarisation: str) -> xr.DataArray | None:
        """Return a variable of one polarisation."""
        if name not in self.ds:
            return None
        data = self.ds[name]
        if POLARISATION in data.dims:
            data = data.sel({POLARISATION: polarisation})
        return data.transpose(LINE, SAMPLE)

    @property
    def mode(self) -> str:
        """Acquisition mode in lower case, as ``iw``; ``unknown`` where nothing says."""
        return str(self.ds.attrs.get("swath", "unknown")).lower()

    @property
    def product(self) -> str:
        """Name of the product; empty where nothing says."""
        name = str(self.ds.attrs.get("safe") or self.ds.attrs.get("short_name") or "")
        return name.rsplit(":", 1)[-1].rstrip("/")

    @property
    def platform(self) -> str:
        """Short name of the satellite, as ``S1A`` or ``RCM1``; empty where nothing says."""
        name = str(self.ds.attrs.get("platform", ""))
        # xsar gives none for RADARSAT-2 and RCM, whose products begin with it.
        mission = re.match(r"(RS2|RCM\d)_", self.product)
        return (
            mission[1]
            if mission and not name
            else re.sub(r"(?i)^sentinel-1", "S1", name)
        )

    @property
    def origin(self) -> dict[str, Any]:
        """Attributes that say so where the pixels are simulated; empty where they are not.

        The product's own metadata tell, which a Dataset keeps when its files are gone.
        """
        attrs = self.ds.attrs
        if not any(str(attrs.get(n)).endswith(SIMULATED_FILE) for n in _AUXILIARY):
            return {}
        kind = f"{attrs.get('swath', '')} {attrs.get('product', '')}".strip()
        source = f"simulated Sentinel-1 {kind}; not a measurement of the sea"
        return {"source": source, "simulated": 1}

    def times(self, line: npt.NDArray[np.float64]) -> Any:
        """Return the times of lines.

        Shapes: `line` (n,) -> (n,). UTC, NaT where nothing says; a Dask array where the times of
        the lines are.
        """
        if "time" not in self.ds.variables or self.ds["time"].dims != (LINE,):
            return np.full(line.shape, "NaT", "datetime64[ns]")
        times = self.ds["time"].data
        if not is_dask_collection(times):
            return _times_at(times, line)
        interpolated = delayed(_times_at, pure=True)(times, line)
        return da.from_delayed(interpolated, line.shape, "datetime64[ns]")  # type: ignore[no-untyped-call]


def _times_at(times: Array, line: npt.NDArray[np.float64]) -> Array:
    times = np.asarray(times, "datetime64[ns]")
    passed = (times - times[0]).astype(np.float64)
    at = np.rint(np.interp(line, np.arange(times.size), passed))
    return np.asarray(times[0] + at.astype("timedelta64[ns]"))


def read_wide(
    obj: xr.Dataset | xr.DataTree, polarisation: str | Iterable[str] | None
) -> WideImage:
    """Understand a wide image."""
    ds, coarse = _measured(obj)
    ds = calibrate(ds) if "sigma0" not in ds else ds
    _check_dims(ds)
    lines, samples = _coordinates(ds, LINE), _coordinates(ds, SAMPLE)
    grid = coarse or _sampled_grid(ds, lines, samples)
    along = _spacing(ds, "lineSpacing")
    line_edges = np.arange(ds.sizes[LINE] + 1, dtype=float) * along
    _refuse_bursts(ds, float(line_edges[-1]))
    sample_edges = _ground_edges(ds, grid, lines, samples)
    across = float(sample_edges[-1] - sample_edges[0]) / ds.sizes[SAMPLE]
    return WideImage(
        ds=ds,
        polarisations=_chosen(ds, polarisation),
        line_edges=line_edges,
        sample_edges=sample_edges,
        lines=lines,
        samples=samples,
        grid=grid,
        spacing=(along, across),
    )


def _measured(
    obj: xr.Dataset | xr.DataTree,
) -> tuple[xr.Dataset, GeolocationGrid | None]:
    """Find the images of a tree and its coarse positions, which are in memory."""
    if isinstance(obj, xr.Dataset):
        return obj, None
    if not isinstance(obj, xr.DataTree):
        raise DimensionError(
            f"a Dataset or a DataTree is needed; got {type(obj).__name__}."
        )
    node = obj["measurement"] if "measurement" in obj.children else obj
    ds = node.to_dataset()
    ds.attrs = {**obj.attrs, **ds.attrs}
    coarse = obj.children.get("geolocation_annotation")
    if coarse is None or not set(_ANNOTATED) <= set(coarse.data_vars):
        return ds, None
    nodes = coarse.to_dataset()
    return ds, _grid(
        nodes[LINE].values,
        nodes[SAMPLE].values,
        *(nodes[name].transpose(LINE, SAMPLE).values for name in _ANNOTATED),
    )


def _grid(
    lines: Array, samples: Array, longitude: Array, latitude: Array, angle: Array
) -> GeolocationGrid:
    tables = (longitude, latitude, _without_gaps(np.asarray(angle, float)))
    return GeolocationGrid(
        np.asarray(lines, float),
        np.asarray(samples, float),
        *(np.asarray(table, float) for table in tables),
    )


def _without_gaps(angle: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Fill gaps of the incidence (line, sample) by other lines, which see nearly the same.

    xsar computes that of RADARSAT-2 from the pixels, so that it is missing where they are zero.
    """
    finite = np.isfinite(angle)
    columns = np.flatnonzero(finite.any(axis=0))
    if finite.all() or columns.size == 0:
        return angle
    mean = np.nanmean(angle[:, columns], axis=0)
    profile = np.interp(np.arange(angle.shape[1]), columns, mean)
    return np.where(finite, angle, profile)


def _check_dims(ds: xr.Dataset) -> None:
    absent = [dim for dim in (LINE, SAMPLE) if dim not in ds["sigma0"].dims]
    strange = set(ds["sigma0"].dims) - {LINE, SAMPLE, POLARISATION}
    if absent or strange:
        raise DimensionError(
            "tiling needs sigma0 (line, sample), or (pol, line, sample); got "
            f"{ds['sigma0'].dims}. Select or rename the others, for example "
            "ds.rename(y='line', x='sample')."
        )
    if POLARISATION in ds["sigma0"].dims and POLARISATION not in ds.coords:
        raise MissingVariableError(
            f"sigma0 has {ds.sizes[POLARISATION]} polarisations along 'pol', and nothing says which. "
            "Name them, for example ds.assign_coords(pol=['VV', 'VH'])."
        )
    if min(ds.sizes[LINE], ds.sizes[SAMPLE]) < 2:
        raise DimensionError(
            f"tiling needs at least 2 lines and 2 samples; got {dict(ds.sizes)}."
        )


def _coordinates(ds: xr.Dataset, dim: str) -> npt.NDArray[np.float64]:
    if dim in ds.coords:
        return np.asarray(ds[dim].values, float)
    return np.arange(ds.sizes[dim], dtype=float)


def _sampled_grid(ds: xr.Dataset, lines: Array, samples: Array) -> Any:
    """Sample full-resolution positions; delayed where they are Dask arrays."""
    for name in _PLACES:
        if name not in ds.variables:
            raise MissingVariableError(
                f"tiling needs {name!r} (degree) over line and sample; found "
                f"{sorted(map(str, ds.variables))}. xsar adds it; else assign it."
            )
    rows, columns = (
        np.unique(np.linspace(0, v.size - 1, _NODES).round().astype(int))
        for v in (lines, samples)
    )
    shape = xr.DataArray(np.zeros((rows.size, columns.size)), dims=(LINE, SAMPLE))
    nodes = {LINE: rows, SAMPLE: columns}
    tables = []
    for name in _PLACES:
        data = ds[name].reset_coords(drop=True)
        data = data.drop_vars([d for d in data.dims if d in data.coords])
        at = {dim: nodes[str(dim)] for dim in data.dims}
        tables.append((data.isel(at) + shape).transpose(LINE, SAMPLE).data)
    if any(is_dask_collection(table) for table in tables):
        return delayed(_grid, pure=True)(lines[rows], samples[columns], *tables)
    return _grid(lines[rows], samples[columns], *tables)


def _spacing(ds: xr.Dataset, name: str) -> float:
    for source in (name, "pixel_spacing"):
        if source in ds.variables and ds[source].ndim == 0:
            return float(ds[source])
        if source in ds.attrs:
            return float(ds.attrs[source])
    raise MissingVariableError(
        f"tiling needs the distance between pixels in metres: neither {name!r} nor "
        "'pixel_spacing' is there. Add it with ds.assign_coords(lineSpacing=10.0, "
        "sampleSpacing=10.0)."
    )


def _ground_edges(ds: xr.Dataset, grid: Any, lines: Array, samples: Array) -> Array:
    across = _spacing(ds, "sampleSpacing")
    if not str(ds.attrs.get("product", "")).upper().startswith("SLC"):
        # xsar calls the spacing of ground-range products slant too.
        return np.arange(ds.sizes[SAMPLE] + 1, dtype=float) * across
    step = float(np.median(np.diff(samples)))
    if abs(step - 1) > 1e-6:
        raise DomainError(
            "the ground range of an SLC product is known at full resolution; this one was "
            f"resampled by {step:g} samples. Open it without resolution=."
        )
    if is_dask_collection(grid):
        grid = grid.compute()
    middle = float(lines[0] + lines[-1]) / 2  # of the image, which may be a part
    edges = ground_edges(across, grid.incidence_at(middle, samples))
    return np.asarray(edges - edges[0])


def _refuse_bursts(ds: xr.Dataset, length: float) -> None:
    attrs: Mapping[str, Any] = ds.attrs
    bursts = str(attrs.get("swath", ""))[:2].upper() in ("IW", "EW")
    single = str(attrs.get("product", "")).upper().startswith("SLC")
    if bursts and single and length > _BURST:
        raise DomainError(
            "IW and EW SLC images are bursts that overlap, so that their lines are not a map of "
            f"the ground; this one has {length / 1e3:.0f} km of them. Use the GRD product, or "
            "select one burst: ds.isel(line=slice(first, last))."
        )


def _chosen(
    ds: xr.Dataset, polarisation: str | Iterable[str] | None
) -> tuple[str, ...]:
    asked = (
        None
        if polarisation is None
        else (polarisation,)
        if isinstance(polarisation, str)
        else tuple(polarisation)
    )
    if POLARISATION in ds["sigma0"].dims:
        there = tuple(str(p) for p in np.atleast_1d(ds[POLARISATION].values))
        chosen = asked or tuple(p for p in there if p in _CO_POLARISED) or there
    else:
        own = _one_polarisation(ds)
        there = (own,) if own else (asked or ("",))[:1]
        chosen = asked or there
    absent = [p for p in chosen if p not in there]
    if absent:
        raise DomainError(
            f"polarisation {absent} is not there; the images are in {list(there)}."
        )
    return tuple(dict.fromkeys(chosen))


def _one_polarisation(ds: xr.Dataset) -> str:
    for name in ("polarisation", POLARISATION):
        if name in ds.variables and ds[name].ndim == 0:
            return str(ds[name].values)
    words = str(ds.attrs.get("polarisation", ds.attrs.get("pols", ""))).split()
    return words[0] if len(words) == 1 else ""
