"""Level-2 vignettes of an EOPF product, as the netCDF files of the SAFE format that they were made of."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from xoceansar.conventions.eopf_names import COMPONENTS, DIMS, EOPF_PATHS
from xoceansar.errors import ProductError, UnsupportedProductError, warn
from xoceansar.io.eopf.eopf_stems import found_at, name_vignette, properties
from xoceansar.io.eopf.slc_listing import ipf_version
from xoceansar.io.eopf.zarr_groups import EopfStore
from xoceansar.io.ocn.ocn_listing import OcnFile
from xoceansar.io.ocn.ocn_values import NOT_STORED
from xoceansar.io.safe.product_names import OcnName

if TYPE_CHECKING:
    import netCDF4

__all__ = ["EopfOcnFile", "ocn_files"]

Array = npt.NDArray[Any]

#: From the start of an image to the middle of its first cell of the Doppler grid, which is the one zero Doppler
#: time of all: cells are 2.8 km long.
_FIRST_CELL: Final = np.timedelta64(200, "ms")
#: Metres per second of the beam on the ground, for products that do not say.
_SPEED: Final = 6830.0
#: Seconds that an image takes.
_LASTING: Final = (1.0, 5.0)
#: Of flags in the files.
_MISSING: Final = np.int8(-128)
#: Values at or below are fill values.
_FILL: Final = -998.0
#: Since this processor the flag of the wind rises with quality; before, it fell. The words that the converter
#: gives are those of neither.
_RISING: Final = 4.0
_FALLING_WORDS: Final = "good medium low poor"
#: What no vignette lacks: where it is not there, it was lost.
_ALWAYS: Final = frozenset({"oswLon", "oswLat", "oswIncidenceAngle", "oswHeading"})


@dataclass(frozen=True)
class EopfOcnFile(OcnFile):
    """A vignette of an EOPF product, by the group of its wave component."""

    @property
    def product(self) -> str:
        """Name of the product."""
        return self.store.name

    @property
    def is_checked(self) -> bool:
        """Whether `read` gives what HDF5 can read: it is written here."""
        return True

    def read(self) -> bytes:
        """Write what the product holds as a file of the SAFE format, in memory."""
        assert isinstance(self.store, EopfStore)
        return _as_netcdf(self.store, self.path, self.name)


def ocn_files(store: EopfStore) -> Iterator[EopfOcnFile]:
    """List the vignettes of a product."""
    root = store.attributes()
    components = [name for name in store.members() if name in COMPONENTS]
    if not components:
        raise UnsupportedProductError(
            f"{store.where('')} is a Zarr store and no EOPF product of Wave Mode OCN (S01SWVOCN): it has "
            "none of the groups osw, owi and rvl. Single-look complex images are opened with "
            "xoceansar.open_wave_mode, an archive of this library with xoceansar.open_archive."
        )
    groups = {group: name for name in components for group in store.members(name)}
    unknown = []
    for group, component in sorted(groups.items()):
        attributes = store.attributes(f"{component}/{group}")
        times = _times(store, group)
        name = name_vignette(OcnName, group, attributes, root, times)
        if name is None:
            unknown.append(group)
        else:
            yield EopfOcnFile(store, f"osw/{group}", name)
    if unknown:
        warn(
            f"{store.where('')} holds {len(unknown)} groups of which nothing says which vignettes they are, "
            f"and which are left out; the first is {unknown[0]}. Download the product again."
        )


def _times(store: EopfStore, group: str) -> tuple[np.datetime64, np.datetime64] | None:
    """First and last line of a vignette, to some tenths of a second; None where nothing says when they are."""
    wave = f"osw/{group}"
    try:
        zero = store.times(f"rvl/{group}/conditions/zero_doppler_time").ravel()
        size = float(store.values(f"{wave}/conditions/azimuth_size").ravel()[0])
        speed = float(found_at(store.attributes(wave), "other_metadata/ground_velocity") or _SPEED)  # fmt: skip
    except (ProductError, KeyError, TypeError, ValueError, IndexError):
        return None
    known = zero[~np.isnat(zero)]
    lasting = size / speed
    if not known.size or not _LASTING[0] <= lasting <= _LASTING[1]:
        return None
    start = known[0] - _FIRST_CELL
    return start, start + np.timedelta64(round(lasting * 1e9), "ns")


def _as_netcdf(store: EopfStore, path: str, name: OcnName) -> bytes:
    import netCDF4

    group = path.partition("/")[2]
    attributes = store.attributes(path)
    file = netCDF4.Dataset("vignette", "w", memory=1 << 20)
    try:
        for safe, (component, folder, eopf) in EOPF_PATHS.items():
            place = f"{component}/{group}/{folder}/{eopf}"
            if eopf != "zero_doppler_time" and _is_there(store, place, safe):
                _add(file, safe, component, *_stored(store, place, safe))
        _mend_flags(file, ipf_version(_stac(store, attributes)))
        file.setncatts(_global_attributes(store, attributes, name))
    finally:
        content = file.close()
    return bytes(content)


def _is_there(store: EopfStore, place: str, safe: str) -> bool:
    there = store.size(place) is not None
    if not there and safe in _ALWAYS:
        raise ProductError(
            f"{store.where(place)} is missing. Download the product again."
        )
    return there


def _stored(
    store: EopfStore, place: str, safe: str
) -> tuple[Array, tuple[str, ...], bool]:
    """Values of a variable, its dims, and whether they were stored.

    Values that are all missing need not be: then there is no chunk. Where the array says no fill value, or where no
    vignette lacks the variable, a chunk that is not there was lost.
    """
    array = store.array(place)
    dims = getattr(array.metadata, "dimension_names", None)
    dims = dims or array.attrs.get("_ARRAY_DIMENSIONS")
    needed = safe in _ALWAYS or array.metadata.fill_value is None
    values = store.values(place, whole=needed)
    if not isinstance(dims, list | tuple) or len(dims) != values.ndim:
        raise ProductError(
            f"{store.where(place)} has {values.ndim} axes and the names {dims}. Download the product again."
        )
    return values, tuple(map(str, dims)), needed or store.has_chunks(place)


def _add(
    file: "netCDF4.Dataset",
    safe: str,
    component: str,
    values: Array,
    dims: tuple[str, ...],
    stored: bool,
) -> None:  # fmt: skip
    names = [f"{component}{DIMS.get(dim, dim)}" for dim in dims]
    for dim, size in zip(names, values.shape, strict=True):
        known = file.dimensions.get(dim)
        if known is None:
            file.createDimension(dim, size)
        elif known.size != size:
            raise ProductError(
                f"{safe} has {size} values along {dim}, and others have {known.size}. Download the product again."
            )
    if values.dtype.kind in "bu":  # flags are bytes in the files, -128 where missing
        values = values.astype(np.uint8).view(np.int8)
    values = values.astype(values.dtype.newbyteorder("="))
    variable = file.createVariable(safe, values.dtype, names, fill_value=False)
    variable[...] = values
    if not stored:
        variable.setncattr(NOT_STORED, 1)


def _mend_flags(file: "netCDF4.Dataset", version: str) -> None:
    """Give flags their meanings, and booleans the missing values that they cannot hold."""
    variables = file.variables
    if "oswIconf" in variables:
        resolved = variables["oswIconf"][...]
        there = variables["oswHs"][...] > _FILL if "oswHs" in variables else False
        variables["oswIconf"][...] = np.where(there, resolved, _MISSING)
    if "owiWindQuality" in variables:
        if not version:
            variables["owiWindQuality"][...] = _MISSING
        elif float(version) < _RISING:
            words = _FALLING_WORDS.split()
            flags = np.arange(len(words), dtype=np.int8)
            variables["owiWindQuality"].setncatts(
                {"flag_values": flags, "flag_meanings": _FALLING_WORDS}
            )


def _stac(store: EopfStore, attributes: Mapping[str, Any]) -> dict[str, Any]:
    return {**properties(store.attributes()), **properties(attributes)}


def _global_attributes(
    store: EopfStore, attributes: Mapping[str, Any], name: OcnName
) -> dict[str, str]:
    said = found_at(attributes, "other_metadata") or {}
    return {
        "polarisation": str(said.get("polarisation") or name.polarisation),
        "IPFversion": ipf_version(_stac(store, attributes)),
        "processingStartTime": str(said.get("processing_start_time", "")),
        "firstMeasurementTime": str(name.start.astype("datetime64[s]")),
        "lastMeasurementTime": str(name.stop.astype("datetime64[s]")),
    }
