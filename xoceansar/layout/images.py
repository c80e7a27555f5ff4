"""What an input is: images or embeddings, which quantity, on which grid, within which domain.

Every check here looks at names, dims, chunks and coordinates that are in memory; none loads a
pixel.
"""

from collections.abc import Hashable, Iterable
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
import xarray as xr

from xoceansar.conventions import EMBEDDING, LINE, SAMPLE
from xoceansar.conventions.attributes import attribute_text
from xoceansar.conventions.quantities import length_of
from xoceansar.errors import (
    ChunkingError,
    DimensionError,
    DomainError,
    MissingVariableError,
    UnitsError,
)
from xoceansar.layout.directions import full_turn
from xoceansar.layout.vignette_dims import assign_hint
from xoceansar.models.spec import InputSpec

XarrayObject: TypeAlias = xr.Dataset | xr.DataArray
Quantity: TypeAlias = Literal["linear", "dB"]

_LINEAR_UNITS = frozenset({"1", "", "m2/m2", "m2 m-2", "linear"})
_RENAME = (
    "Rename with, for example, ds.rename(y='line', x='sample'), or open the product "
    "with xoceansar.open_wave_mode."
)


def find_embedding(obj: XarrayObject) -> xr.DataArray | None:
    """Return the embedding that an object is or holds, None where it holds images."""
    if isinstance(obj, xr.DataArray):
        return obj if EMBEDDING in obj.dims else None
    if "sigma0" in obj or "sigma0_db" in obj or "embedding_vector" not in obj:
        return None
    embedding = obj["embedding_vector"]
    if "incidence" in embedding.coords or "incidence" not in obj.coords:
        return embedding
    mean = centre_incidence(obj["incidence"])
    if mean is None or not set(mean.dims) <= set(embedding.dims):
        return embedding
    return embedding.assign_coords(incidence=mean.reset_coords(drop=True))


def find_images(obj: XarrayObject) -> tuple[xr.DataArray, Quantity]:
    """Return the calibrated images of an object and their scale."""
    images = _named_images(obj) if isinstance(obj, xr.Dataset) else obj
    absent = [dim for dim in (LINE, SAMPLE) if dim not in images.dims]
    if absent:
        raise DimensionError(
            f"images with dims (..., 'line', 'sample') are needed; got "
            f"{images.name!r} with dims {images.dims}. {_RENAME}"
        )
    return images, _quantity(images)


def _named_images(ds: xr.Dataset) -> xr.DataArray:
    for name in ("sigma0", "sigma0_db"):
        if name in ds:
            return ds[name]
    hint = (
        "It has digital_number: calibrate first, ds.oceansar.calibrate()."
        if "digital_number" in ds
        else "Open a product with xoceansar.open_wave_mode, or rename the variable that "
        "holds linear sigma0 with ds.rename(name='sigma0')."
    )
    raise MissingVariableError(
        "a Dataset with 'sigma0' (linear) or 'sigma0_db' is needed; found the variables "
        f"{sorted(map(str, ds.data_vars))}. {hint}"
    )


def _quantity(images: xr.DataArray) -> Quantity:
    units = attribute_text(images.attrs, "units")
    if images.dtype.kind != "f":
        raise UnitsError(
            f"sigma0 must be real floating-point numbers; got {images.dtype}, which looks like "
            "digital numbers or a quick-look. Calibrate first: "
            "ds.oceansar.calibrate(), or xoceansar.open_wave_mode for a product."
        )
    if units == "dB" or (units is None and images.name == "sigma0_db"):
        return "dB"
    if units is None or units in _LINEAR_UNITS:
        return "linear"
    raise UnitsError(
        f"sigma0 in linear units ('1') or in 'dB' is needed; {images.name!r} has units "
        f"{units!r}. Set them with da.assign_attrs(units='1') or units='dB'."
    )


def check_images(images: xr.DataArray, spec: InputSpec, name: str) -> None:
    """Refuse images that a model cannot see as its input says."""
    # Of the variable: coordinates of an archive may have other chunks than its images.
    chunks = images.variable.chunksizes
    for dim in (LINE, SAMPLE):
        if len(chunks.get(dim, ())) > 1:
            raise ChunkingError(
                f"each vignette must lie in one chunk; {dim!r} is split into "
                f"{len(chunks[dim])} chunks. Use .chunk(line=-1, sample=-1)."
            )
    spacing = spacing_of(images, spec.spacing)
    if not abs(spacing - spec.spacing) <= 0.02 * spec.spacing:
        raise DomainError(
            f"model {name!r} was trained at {spec.spacing:g} m per pixel; these "
            f"images have {spacing:g} m. Open the product with "
            f"open_wave_mode(..., spacing={spec.spacing:g})."
        )
    size = min(images.sizes[LINE], images.sizes[SAMPLE])
    if size < spec.size:
        raise DomainError(
            f"model {name!r} needs images of at least {spec.size} x {spec.size} "
            f"pixels; got {images.sizes[LINE]} x {images.sizes[SAMPLE]}. Open the product "
            f"with open_wave_mode(..., shape=({spec.size}, {spec.size}))."
        )


def spacing_of(images: xr.DataArray, wanted: float = 50.0) -> float:
    """Return the spacing of the pixels."""
    if "pixel_spacing" not in images.coords:
        raise MissingVariableError(
            f"pixels of {wanted:g} m are needed, and the images do not say how large theirs "
            "are: coordinate 'pixel_spacing' is absent. Add it with "
            f"ds.assign_coords(pixel_spacing={wanted})."
        )
    coordinate = images.coords["pixel_spacing"]
    units = attribute_text(coordinate.attrs, "units") or "m"
    found = np.ravel(coordinate.values).tolist()
    lengths = [_metres(value, units) for value in found]
    least = min(lengths, default=0.0)
    if not 0 < least < np.inf or not max(lengths) <= 1.001 * least:
        raise UnitsError(
            "one spacing of the pixels in metres is needed; coordinate 'pixel_spacing' is "
            f"{found[:4]} in {units!r}. Set it with ds.assign_coords(pixel_spacing={wanted})."
        )
    return least


def _metres(value: object, units: str) -> float:
    """Length in metres; NaN for what is none."""
    text = value.decode(errors="replace") if isinstance(value, bytes) else value
    if isinstance(text, str):
        known = length_of(text)
        known = length_of(f"{text} {units}") if known is None else known
    elif isinstance(text, int | float):
        known = length_of(f"{float(text)!r} {units}")
    else:
        known = None
    return np.nan if known is None else 1000.0 * known


def numbers_of(data: xr.DataArray, name: str) -> xr.DataArray:
    """Return an angle of each vignette or pixel as numbers in degrees."""
    angle: xr.DataArray = data.coords[name].reset_coords(drop=True)
    turn = full_turn(angle.attrs)
    if turn is None:
        raise UnitsError(
            f"{name} in degrees is needed; its units are "
            f"{attribute_text(angle.attrs, 'units')!r}. Convert it, and say so with "
            f"ds.{name}.attrs['units'] = 'degree'."
        )
    if angle.dtype.kind not in "iuf":
        try:
            angle = angle.astype(np.float64).compute()
        except (TypeError, ValueError) as error:
            raise UnitsError(
                f"{name} must be numbers in degrees; it is of {angle.dtype} ({error})."
            ) from error
    return angle if turn == 360.0 else angle * (360.0 / turn)


def degrees_of(values: xr.DataArray) -> npt.NDArray[np.float64]:
    """Return longitudes or latitudes as numbers."""
    try:
        if values.dtype.kind in "bcmM":
            raise TypeError("of a type that is no angle")
        return np.asarray(values.values.astype(np.float64))
    except (TypeError, ValueError) as error:
        raise UnitsError(
            f"{values.name} must be numbers in degrees; it is of {values.dtype} ({error})."
        ) from error


def centre_incidence(data: xr.DataArray) -> xr.DataArray | None:
    """Return the incidence of each vignette, averaged over the image, or None if unknown."""
    if "incidence" not in data.coords:
        return None
    incidence = numbers_of(data, "incidence")
    image_dims = [dim for dim in (LINE, SAMPLE) if dim in incidence.dims]
    return incidence.mean(image_dims) if image_dims else incidence


def incidence_ends(
    images: xr.DataArray, spec: InputSpec, name: str
) -> tuple[xr.DataArray, list[str]]:
    """Return the incidence in the form that a model's input needs.

    Notes
    -----
    Only the GMF roughness needs the profile over range. Its two ends carry it (`profile_between`):
    over one vignette the incidence is linear in ground range to 0.01 degree, and a graph holds two
    numbers for each vignette and not several hundred.
    """
    incidence = centre_incidence(images)
    if incidence is None:
        if spec.needs_incidence:
            raise MissingVariableError(
                f"the input of model {name!r} depends on the incidence angle, and the images "
                "have no coordinate 'incidence' (degree). Add it with "
                f"{assign_hint(images, 'incidence')}."
            )
        return xr.DataArray(np.nan), []
    full = numbers_of(images, "incidence")
    if spec.scale != "roughness" or SAMPLE not in full.dims:
        return incidence, []
    ends = full.mean(LINE) if LINE in full.dims else full
    return ends.isel({SAMPLE: [0, -1]}).rename({SAMPLE: "end"}), ["end"]


def apart(array: xr.DataArray) -> xr.DataArray:
    """Give an array that other results are made of a layer of the graph for itself.

    Notes
    -----
    ``dask.compute`` of several xarray objects, or of a Dataset, loses the layer of a variable from
    which another one is computed (https://github.com/pydata/xarray/issues/11329).
    """
    if array.chunks is None:
        return array
    return array.copy(data=array.data.map_blocks(_same, meta=array.data._meta))


def _same(block: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return block


def profile_between(
    ends: npt.NDArray[np.floating], samples: int
) -> npt.NDArray[np.floating]:
    """Interpolate the incidence between near and far range.

    Shapes: `ends` (n, 2) -> (n, samples).
    """
    weight = np.linspace(0.0, 1.0, samples)
    return np.asarray(ends[:, :1] * (1.0 - weight) + ends[:, 1:] * weight)


def in_one_chunk(array: xr.DataArray, dims: Iterable[Hashable]) -> xr.DataArray:
    """Join the chunks of a lazy array along some dims."""
    if array.chunks is None:
        return array
    if array.size:
        # DataArray.chunk would make the coordinates lazy too, and xarray computes those to compare
        axes = [array.get_axis_num(dim) for dim in dims if dim in array.dims]
        return array.copy(data=array.data.rechunk(dict.fromkeys(axes, -1)))
    return array.copy(data=np.empty(array.shape, array.dtype))


def chunk_like(values: xr.DataArray, reference: xr.DataArray) -> xr.DataArray:
    """Chunk small values as a lazy reference is chunked, where they share dims.

    Notes
    -----
    Dask would do the same by its general rechunking, which for 10,000 vignettes takes most of the
    time of building a graph.
    """
    chunks = reference.variable.chunksizes
    if not chunks or values.chunks is not None:
        return values
    shared = {dim: sizes for dim, sizes in chunks.items() if dim in values.dims}
    return values.chunk(shared) if shared else values
