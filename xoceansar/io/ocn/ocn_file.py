"""One file of a Level-2 OCN Wave Mode product: which of its variables become which of ours.

The wave (OSW) component has one cell for the vignette, the wind (OWI) component a grid of about
1 km, and the Doppler (RVL) component a coarser one. Layouts grew with the processor: what a file
lacks is missing, and never an error.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
import numpy.typing as npt

from xoceansar.conventions import Quality
from xoceansar.errors import ProductError, UnsupportedProductError
from xoceansar.io.safe.product_names import OcnName
from xoceansar.io.safe.times import TIME_TOLERANCE, parse_utc
from xoceansar.sar.calibration import NESZ_RANGE
from xoceansar.sar.geometry import GeolocationGrid

if TYPE_CHECKING:
    import netCDF4

__all__ = [
    "FLAGS",
    "PARTITIONS",
    "SCALARS",
    "PartitionField",
    "ScalarField",
    "Vignette",
    "read_file",
]

Array = npt.NDArray[np.float64]
Kind = Literal["value", "to_direction", "decibel", "percent", "mean", "mean_direction"]

#: Values at or below are fill values, which not every variable declares.
_FILL: Final = -998.0
#: Partitions that the processor can write.
N_PARTITIONS: Final = 5
#: Values that a variable may have: the wind grid of a vignette has some 400 cells.
_MOST_VALUES: Final = 1 << 20
_LAND, _ICE, _NO_DATA = 1, 2, 4
#: Degrees by which a heading may differ from the bearing of the lines of the wind grid. Two real
#: files differ by 2.4 and 5.6, and one, whose winds are wrong, by 166.
_HEADING_TOLERANCE: Final = 20.0
_CIRCLE: Final = (0.0, 360.0)
_WAVES: Final = (0.0, 30.0)
_WIND: Final = (0.0, 100.0)

#: Meanings of the flags, by their values from 0.
FLAGS: Final[Mapping[str, tuple[str, ...]]] = {
    "swh_quality": ("good", "medium", "low", "poor"),
    "wind_quality": ("no_data", "bad", "suspect", "acceptable", "good"),
    "partition_ambiguity": ("resolved", "not_resolved"),
    "partition_quality": ("very_good", "good", "medium", "low", "poor"),
}
#: Words of processors before 4.00, whose flag of the wind counts the other way.
_OLD_WORDS: Final = {
    "wind_quality": {"medium": "acceptable", "low": "suspect", "poor": "bad"}
}
_BAD_WIND: Final = np.int8(FLAGS["wind_quality"].index("bad"))


@dataclass(frozen=True)
class ScalarField:
    """One number for each vignette.

    Parameters
    ----------
    source : str
        Variable of the product.
    limits : tuple of float
        Least and largest value that can be, both included, in the unit of the product. Where the
        least is 0, negative values are fill values.
    kind : str
        How it is read: as it is; a direction from which, turned by 180 degrees; decibel or
        percent to a fraction; or the mean over the valid cells of the wind grid.
    """

    source: str
    limits: tuple[float, float]
    kind: Kind = "value"


@dataclass(frozen=True)
class PartitionField:
    """One number for each partition of the wave spectrum.

    Parameters
    ----------
    source : str
        Variable of the product.
    limits : tuple of float
        As of `ScalarField`.
    flag : bool
        Whether it is a CF flag, kept as int8 with the fill value -1.
    """

    source: str
    limits: tuple[float, float] = (0.0, np.inf)
    flag: bool = False


SCALARS: Final = {
    "longitude": ScalarField("oswLon", (-180.0, 360.0)),
    "latitude": ScalarField("oswLat", (-90.0, 90.0)),
    "incidence": ScalarField("oswIncidenceAngle", (18.0, 45.0)),
    "ground_heading": ScalarField("oswHeading", _CIRCLE),
    "swh": ScalarField("oswTotalHs", _WAVES),
    "swh_standard_error": ScalarField("oswTotalHsStdev", _WAVES),
    "wind_sea_swh": ScalarField("oswWindSeaHs", _WAVES),
    "wind_speed": ScalarField("oswWindSpeed", _WIND),
    "wind_to_direction": ScalarField("oswWindDirection", _CIRCLE, "to_direction"),
    "wind_speed_mean": ScalarField("owiWindSpeed", _WIND, "mean"),
    "wind_to_direction_mean": ScalarField(
        "owiWindDirection", _CIRCLE, "mean_direction"
    ),
    "wind_speed_model": ScalarField("oswEcmwfWindSpeed", _WIND),
    "wind_to_direction_model": ScalarField(
        "oswEcmwfWindDirection", _CIRCLE, "to_direction"
    ),
    "azimuth_cutoff": ScalarField("oswAzCutoff", (0.0, 5e3)),
    "range_cutoff": ScalarField("oswRaCutoff", (0.0, 5e3)),
    "normalised_variance": ScalarField("oswNv", (0.0, 1e4)),
    "sigma0_skewness": ScalarField("oswSkew", (-1e3, 1e4)),
    "sigma0_kurtosis": ScalarField("oswKurt", (-1e2, 1e8)),
    "sigma0_mean": ScalarField("oswNrcsNeszCorr", (-60.0, 20.0), "decibel"),
    "sigma0_raw_mean": ScalarField("oswNrcs", (-60.0, 20.0), "decibel"),
    "nesz": ScalarField("owiNesz", (0.0, NESZ_RANGE[1]), "mean"),
    "water_depth": ScalarField("oswDepth", (-9e3, 12e3)),
    "land_fraction": ScalarField("oswLandCoverage", (0.0, 100.0), "percent"),
}

PARTITIONS: Final = {
    "partition_swh": PartitionField("oswHs", _WAVES),
    "partition_wavelength": PartitionField("oswWl", (0.0, 5e3)),
    "partition_to_direction": PartitionField("oswDirmet", _CIRCLE),
    "partition_ambiguity": PartitionField("oswIconf", flag=True),
    "partition_quality": PartitionField("oswQualityFlagPartition", flag=True),
}


@dataclass(frozen=True)
class Vignette:
    """What one file says.

    Parameters
    ----------
    values : dict
        By our names: those of `SCALARS` and `PARTITIONS`, missing where the file has none;
        ``time``, ``swh_quality`` (int8, -1 missing), ``wind_quality`` (int8), ``quality``,
        ``polarisation``, ``ipf_version`` and ``source_product``.
    absent : tuple of str
        Variables of the product that the file does not have.
    doubts : tuple of str
        What is in the file and cannot be.
    """

    values: dict[str, Any]
    absent: tuple[str, ...]
    doubts: tuple[str, ...]


def read_file(where: str, name: OcnName, content: bytes) -> Vignette:
    """Read what is kept of one file."""
    try:
        with _opened(where, content) as file:
            _check_waves(file, where)
            return _Reader(file, name, where).vignette()
    except (OSError, RuntimeError) as error:
        raise ProductError(
            f"{where} cannot be read as netCDF ({error}). Download the product again."
        ) from error


def _opened(where: str, content: bytes) -> "netCDF4.Dataset":
    import netCDF4

    return netCDF4.Dataset(where, memory=content)


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


class _Reader:
    """Values of one open file, and what is wrong with them."""

    def __init__(self, file: "netCDF4.Dataset", name: OcnName, where: str) -> None:
        self.file, self.name, self.where = file, name, where
        self.doubts: list[str] = []
        self.flags = Quality(0)

    def vignette(self) -> Vignette:
        usable = self._usable_cells()
        out: dict[str, Any] = {k: self._scalar(f, usable) for k, f in SCALARS.items()}
        out |= {k: self._partitions(k, f) for k, f in PARTITIONS.items()}
        out["longitude"] = (out["longitude"] + 180.0) % 360.0 - 180.0
        if "oswNrcsNeszCorr" not in self.file.variables:
            out["sigma0_mean"] = out["sigma0_raw_mean"] - out["nesz"]
        out["swh_quality"] = self._flag("swh_quality", "oswQualityFlag")
        out["wind_quality"] = self._flag("wind_quality", "owiWindQuality")
        if not self._heading_fits("owiHeading"):
            out["wind_quality"] = _BAD_WIND
        if not self._heading_fits("oswHeading"):
            out["ground_heading"] = np.nan
        out |= {
            "time": self._time(),
            "polarisation": self._attribute("polarisation") or self.name.polarisation,
            "ipf_version": self._attribute("IPFversion"),
            "source_product": self._attribute("sourceProduct").removesuffix(".SAFE"),
        }
        out["quality"] = self._quality(out["azimuth_cutoff"])
        sources = [one.source for one in SCALARS.values()]
        sources += [one.source for one in PARTITIONS.values()]
        absent = tuple(s for s in sources if s not in self.file.variables)
        return Vignette(out, absent, tuple(self.doubts))

    def _attribute(self, name: str) -> str:
        known = name in self.file.ncattrs()
        return str(self.file.getncattr(name)).strip() if known else ""

    def _numbers(self, source: str) -> Array:
        """Values of a variable as floats, NaN where missing; empty where there is no such one."""
        if source not in self.file.variables:
            return np.empty(0)
        variable = self.file[source]
        kind = getattr(variable.dtype, "kind", "O")  # text has the type str
        if kind not in "iuf":
            raise ProductError(
                f"{self.where}: {source} does not hold numbers. Download the product again."
            )
        if math.prod(variable.shape) > _MOST_VALUES:
            raise ProductError(
                f"{self.where}: {source} announces {' x '.join(map(str, variable.shape))} values, "
                "more than any vignette has. Download the product again."
            )
        values = np.ma.filled(np.ma.asarray(variable[...]).astype(float), np.nan)
        return np.where(values <= _FILL, np.nan, values)

    def _possible(self, source: str, limits: tuple[float, float]) -> Array:
        """Values with those missing that are fill values or cannot be, which are counted."""
        values = self._numbers(source)
        low, high = limits
        if low == 0:
            values = np.where(values < 0, np.nan, values)
        wrong = (values < low) | (values > high)
        if wrong.any():
            example = values[wrong].flat[0]
            self._doubt(
                f"{wrong.sum()} of {wrong.size} {source} outside of {low:g} to {high:g} "
                f"({example:g})"
            )
        return np.where(wrong, np.nan, values)

    def _scalar(self, field: ScalarField, usable: npt.NDArray[np.bool_]) -> float:
        values = self._possible(field.source, field.limits)
        if field.kind in ("mean", "mean_direction"):
            if values.shape[: usable.ndim] != usable.shape:
                return np.nan
            values = values[usable]
            values = values[np.isfinite(values)]
        if values.size == 0:
            return np.nan
        return _converted(values.ravel(), field.kind)

    def _usable_cells(self) -> npt.NDArray[np.bool_]:
        """Cells of the wind grid without land, ice or gaps."""
        if "owiLon" not in self.file.variables:
            return np.empty(0, bool)
        mask = self._numbers("owiMask")
        return mask == 0 if mask.size else np.ones(self._numbers("owiLon").shape, bool)

    def _partitions(self, key: str, field: PartitionField) -> npt.NDArray[Any]:
        values = self._possible(field.source, field.limits).ravel()
        if values.size > N_PARTITIONS:
            raise ProductError(
                f"{self.where}: {field.source} has {values.size} partitions, and the processor "
                f"writes {N_PARTITIONS}. Download the product again."
            )
        values = np.pad(values, (0, N_PARTITIONS - values.size), constant_values=np.nan)
        return self._codes(key, field.source, values) if field.flag else values

    def _flag(self, key: str, source: str) -> np.int8:
        """Flag of the vignette: of several cells, what nine in ten reach."""
        if source not in self.file.variables:
            return np.int8(-1)
        codes = self._codes(key, source, self._numbers(source).ravel())
        codes = codes[codes >= 0]
        if codes.size == 0:
            return np.int8(-1)
        return np.int8(np.percentile(codes, 10, method="lower"))

    def _codes(self, key: str, source: str, values: Array) -> npt.NDArray[np.int8]:
        """Values of a flag by what the file says they mean; -1 where missing or of no meaning."""
        ours = FLAGS[key]
        names = dict(enumerate(ours))
        if source in self.file.variables:
            attributes = self.file[source].__dict__
            words = str(attributes.get("flag_meanings", "")).split()
            codes = np.atleast_1d(attributes.get("flag_values", range(len(words))))
            if words and len(words) == len(codes):
                names = dict(zip(codes.tolist(), words, strict=True))
        old = _OLD_WORDS.get(key, {})
        meanings = [old.get(names.get(v, ""), names.get(v, "")) for v in values]
        return np.array([ours.index(m) if m in ours else -1 for m in meanings], np.int8)

    def _heading_fits(self, source: str) -> bool:
        """Whether a heading is the bearing of the lines of the wind grid; true where unknown."""
        heading = self._numbers(source)
        longitude, latitude = self._numbers("owiLon"), self._numbers("owiLat")
        same = longitude.ndim == 2 and longitude.shape == latitude.shape
        if not heading.size or not same or min(longitude.shape) < 2:
            return True
        if not np.ptp(latitude, axis=0).max() > 0:  # the grid has no lines to go by
            return True
        rows, columns = (np.arange(n, dtype=float) for n in longitude.shape)
        grid = GeolocationGrid(rows, columns, longitude, latitude, latitude)
        lines = grid.heading_at(rows.mean(), columns.mean())
        off = np.abs((heading - lines + 180.0) % 360.0 - 180.0)
        if not np.any(off > _HEADING_TOLERANCE):
            return True
        said = f"{source} {np.nanmean(heading):.0f} where the lines run to {lines:.0f} degrees"
        if source == "owiHeading":
            self.doubts.append(
                f"{said}, with which the winds of its grid were computed"
            )
        else:
            self._doubt(said)
        return False

    def _doubt(self, text: str) -> None:
        self.doubts.append(text)
        self.flags |= Quality.CALIBRATION_SUSPECT

    def _quality(self, cutoff: float) -> np.uint8:
        mask = self._numbers("owiMask")
        bits = mask[np.isfinite(mask)].astype(int)
        found = self.flags
        if np.any(self._numbers("oswLandFlag") == 1) or np.any(bits & _LAND):
            found |= Quality.LAND
        if np.any(bits & _ICE):
            found |= Quality.SEA_ICE_HINT
        if np.any(bits & _NO_DATA) or not np.isfinite(cutoff):
            found |= Quality.NO_DATA
        return np.uint8(found.value)

    def _time(self) -> np.datetime64:
        # rvlZeroDopplerTime has one value for all cells, which is not the centre.
        start = self._stated_time("firstMeasurementTime", self.name.start)
        stop = self._stated_time("lastMeasurementTime", self.name.stop)
        return start + (stop - start) // 2

    def _stated_time(self, attribute: str, named: np.datetime64) -> np.datetime64:
        """Time that the file states; that of its name where it has none, or an impossible one."""
        try:
            stated = parse_utc(self._attribute(attribute))
        except ValueError:
            return named
        if abs(stated - named) <= TIME_TOLERANCE:
            return stated
        self._doubt(f"{attribute} {stated} where the name says {named}")
        return named


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
