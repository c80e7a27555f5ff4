"""One file of a Level-2 OCN Wave Mode product: which of its variables become which of ours.

The wave (OSW) component has one cell for the vignette, the wind (OWI) component a grid of about
1 km, and the Doppler (RVL) component a coarser one. Layouts grew with the processor: what a file
lacks is missing, and never an error.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
import numpy.typing as npt

from xoceansar.conventions import Quality
from xoceansar.errors import ProductError, UnsupportedProductError
from xoceansar.io.names import OcnName

if TYPE_CHECKING:
    import netCDF4

__all__ = ["PARTITIONS", "SCALARS", "PartitionField", "ScalarField", "read_file"]

Array = npt.NDArray[np.float64]
Kind = Literal["value", "to_direction", "decibel", "percent", "mean", "mean_direction"]

#: Values at or below are fill values, which not every variable declares.
_FILL: Final = -998.0
#: Partitions that the processor can write.
N_PARTITIONS: Final = 5
_LAND, _ICE, _NO_DATA = 1, 2, 4


@dataclass(frozen=True)
class ScalarField:
    """One number for each vignette.

    Parameters
    ----------
    source : str
        Variable of the product.
    kind : str
        How it is read: as it is; a direction from which, turned by 180 degrees; decibel or
        percent to a fraction; or the mean over the valid cells of the wind grid.
    positive : bool
        Whether a negative value is a fill value.
    """

    source: str
    kind: Kind = "value"
    positive: bool = True


@dataclass(frozen=True)
class PartitionField:
    """One number for each partition of the wave spectrum.

    Parameters
    ----------
    source : str
        Variable of the product.
    turn : float
        Degrees to add: 180 for a direction from which.
    flag : bool
        Whether it is a CF flag, kept as int8 with the fill value -1.
    """

    source: str
    turn: float = 0.0
    flag: bool = False


SCALARS: Final = {
    "longitude": ScalarField("oswLon", positive=False),
    "latitude": ScalarField("oswLat", positive=False),
    "incidence": ScalarField("oswIncidenceAngle"),
    "ground_heading": ScalarField("oswHeading"),
    "swh": ScalarField("oswTotalHs"),
    "swh_standard_error": ScalarField("oswTotalHsStdev"),
    "wind_sea_swh": ScalarField("oswWindSeaHs"),
    "wind_speed": ScalarField("oswWindSpeed"),
    "wind_to_direction": ScalarField("oswWindDirection", "to_direction"),
    "wind_speed_mean": ScalarField("owiWindSpeed", "mean"),
    "wind_to_direction_mean": ScalarField("owiWindDirection", "mean_direction"),
    "wind_speed_model": ScalarField("oswEcmwfWindSpeed"),
    "wind_to_direction_model": ScalarField("oswEcmwfWindDirection", "to_direction"),
    "azimuth_cutoff": ScalarField("oswAzCutoff"),
    "range_cutoff": ScalarField("oswRaCutoff"),
    "normalised_variance": ScalarField("oswNv"),
    "sigma0_skewness": ScalarField("oswSkew", positive=False),
    "sigma0_kurtosis": ScalarField("oswKurt", positive=False),
    "sigma0_mean": ScalarField("oswNrcsNeszCorr", "decibel", positive=False),
    "sigma0_raw_mean": ScalarField("oswNrcs", "decibel", positive=False),
    "nesz": ScalarField("owiNesz", "mean"),
    "water_depth": ScalarField("oswDepth", positive=False),
    "land_fraction": ScalarField("oswLandCoverage", "percent"),
}

PARTITIONS: Final = {
    "partition_swh": PartitionField("oswHs"),
    "partition_wavelength": PartitionField("oswWl"),
    "partition_to_direction": PartitionField("oswDirmet", turn=180.0),
    "partition_ambiguity": PartitionField("oswIconf", flag=True),
    "partition_quality": PartitionField("oswQualityFlagPartition", flag=True),
}


def read_file(where: str, name: OcnName, memory: bytes | None = None) -> dict[str, Any]:
    """Read what is kept of one file.

    Parameters
    ----------
    where : str
        Path of the file, for reading and for messages.
    name : OcnName
        What its stem says, for what the file does not.
    memory : bytes, optional
        Its content, where it lies in an archive.

    Returns
    -------
    dict
        Values by our names: those of `SCALARS` and `PARTITIONS`, missing where the file has
        none; ``time``, ``swh_quality`` (int8, -1 missing), ``wind_quality`` (int8),
        ``quality``, ``polarisation``, ``ipf_version`` and ``source_product``.

    Raises
    ------
    ProductError
        If the file cannot be read.
    UnsupportedProductError
        If it has no wave component for one vignette.
    """
    try:
        with _opened(where, memory) as file:
            _check_waves(file, where)
            return _values(file, name)
    except (OSError, RuntimeError) as error:
        raise ProductError(
            f"{where} cannot be read as netCDF ({error}). Download the product again."
        ) from error


def _opened(where: str, memory: bytes | None) -> "netCDF4.Dataset":
    import netCDF4

    return netCDF4.Dataset(where, memory=memory)


def _check_waves(file: "netCDF4.Dataset", where: str) -> None:
    cells = [
        file.dimensions[k].size
        for k in ("oswAzSize", "oswRaSize")
        if k in file.dimensions
    ]
    if "oswLon" not in file.variables or cells != [1, 1]:
        raise UnsupportedProductError(
            f"{where} has no wave component for one vignette (oswLon of 1 x 1 cells); it has "
            f"{'x'.join(map(str, cells)) or 'no'} such cells. A Wave Mode Level-2 product "
            "(S1x_WV_OCN__...) is needed; open others with xarray.open_dataset."
        )


def _values(file: "netCDF4.Dataset", name: OcnName) -> dict[str, Any]:
    usable = _usable_cells(file)
    out: dict[str, Any] = {k: _scalar(file, f, usable) for k, f in SCALARS.items()}
    out |= {k: _partitions(file, f) for k, f in PARTITIONS.items()}
    out["longitude"] = (out["longitude"] + 180.0) % 360.0 - 180.0
    return out | {
        "time": _time(file, name),
        "swh_quality": _flag(_numbers(file, "oswQualityFlag")),
        "wind_quality": _flag(_worst_wind(file)),
        "quality": _quality(file, out),
        "polarisation": _attribute(file, "polarisation") or name.polarisation,
        "ipf_version": _attribute(file, "IPFversion"),
        "source_product": _attribute(file, "sourceProduct").removesuffix(".SAFE"),
    }


def _attribute(file: "netCDF4.Dataset", name: str) -> str:
    return str(file.getncattr(name)).strip() if name in file.ncattrs() else ""


def _numbers(file: "netCDF4.Dataset", source: str) -> Array:
    """Values of a variable as floats, NaN where missing; empty where there is no such one."""
    if source not in file.variables:
        return np.empty(0)
    values = np.ma.filled(np.ma.asarray(file[source][:]).astype(float), np.nan)
    return np.where(values <= _FILL, np.nan, values)


def _scalar(
    file: "netCDF4.Dataset", field: ScalarField, usable: npt.NDArray[np.bool_]
) -> float:
    values = _numbers(file, field.source)
    if field.positive:
        values = np.where(values < 0, np.nan, values)
    if field.kind in ("mean", "mean_direction"):
        if values.shape[: usable.ndim] != usable.shape:
            return np.nan
        values = values[usable]
        values = values[np.isfinite(values)]
    if values.size == 0:
        return np.nan
    return _converted(values.ravel(), field.kind)


def _converted(values: Array, kind: Kind) -> float:
    match kind:
        case "mean":
            return float(values.mean())
        case "mean_direction":
            angle = np.radians(values)
            mean = np.degrees(np.arctan2(np.sin(angle).mean(), np.cos(angle).mean()))
            return float((mean + 180.0) % 360.0)
        case "to_direction":
            return float((values[0] + 180.0) % 360.0)
        case "decibel":
            return float(10.0 ** (values[0] / 10.0))
        case "percent":
            return float(values[0] / 100.0)
        case _:
            return float(values[0])


def _usable_cells(file: "netCDF4.Dataset") -> npt.NDArray[np.bool_]:
    """Cells of the wind grid without land, ice or gaps."""
    if "owiLon" not in file.variables:
        return np.empty(0, bool)
    mask = _numbers(file, "owiMask")
    return mask == 0 if mask.size else np.ones(file["owiLon"].shape, bool)


def _partitions(file: "netCDF4.Dataset", field: PartitionField) -> npt.NDArray[Any]:
    values = _numbers(file, field.source).ravel()[:N_PARTITIONS]
    values = np.where(values < 0, np.nan, values)
    values = np.pad(values, (0, N_PARTITIONS - values.size), constant_values=np.nan)
    if field.flag:
        return np.where(np.isnan(values), -1, values).astype(np.int8)
    return (values + field.turn) % 360.0 if field.turn else values


def _flag(values: Array) -> np.int8:
    finite = values[np.isfinite(values)]
    return np.int8(finite.flat[0]) if finite.size else np.int8(-1)


def _worst_wind(file: "netCDF4.Dataset") -> Array:
    """Quality that nine cells in ten of the wind grid reach: 0 no data, 4 good."""
    values = _numbers(file, "owiWindQuality")
    values = values[np.isfinite(values)]
    if values.size == 0:
        return values
    return np.atleast_1d(np.percentile(values, 10, method="lower"))


def _quality(file: "netCDF4.Dataset", known: dict[str, Any]) -> np.uint8:
    mask = _numbers(file, "owiMask")
    bits = mask[np.isfinite(mask)].astype(int)
    land_flag = _numbers(file, "oswLandFlag")
    found = Quality(0)
    if np.any(land_flag == 1) or np.any(bits & _LAND):
        found |= Quality.LAND
    if np.any(bits & _ICE):
        found |= Quality.SEA_ICE_HINT
    if np.any(bits & _NO_DATA) or not np.isfinite(known["azimuth_cutoff"]):
        found |= Quality.NO_DATA
    return np.uint8(found.value)


def _time(file: "netCDF4.Dataset", name: OcnName) -> np.datetime64:
    # rvlZeroDopplerTime has one value for all cells, which is not the centre.
    ends = (f"{end}MeasurementTime" for end in ("first", "last"))
    start, stop = (_parsed(_attribute(file, end)) for end in ends)
    start, stop = start or name.start, stop or name.stop
    return start + (stop - start) // 2


def _parsed(text: str) -> np.datetime64 | None:
    try:
        found = np.datetime64(text.removesuffix("Z").replace(" ", "T"), "ns")
    except ValueError:
        return None
    return None if np.isnat(found) else found
