"""One file of a Level-2 OCN Wave Mode product: what of it becomes a row.

Layouts grew with the processor: what a file lacks is missing, and never an error.
"""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from xoceansar.conventions import Quality
from xoceansar.errors import ProductError, UnsupportedProductError
from xoceansar.io.ocn.ocn_spectra import Spectra, read_spectra
from xoceansar.io.ocn.ocn_values import OcnValues
from xoceansar.io.ocn.ocn_variables import (
    FLAGS,
    N_PARTITIONS,
    PARTITIONS,
    SCALARS,
    Kind,
    PartitionField,
    ScalarField,
)
from xoceansar.io.safe.product_names import OcnName
from xoceansar.io.safe.times import TIME_TOLERANCE, parse_utc
from xoceansar.sar.calibration_events import is_uncalibrated
from xoceansar.sar.geometry import GeolocationGrid

if TYPE_CHECKING:
    import netCDF4

__all__ = ["Vignette", "read_attributes", "read_file"]

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

_LAND, _ICE, _NO_DATA = 1, 2, 4
#: Degrees by which a heading may differ from the bearing of the lines of the wind grid. Two real
#: files differ by 2.4 and 5.6, and one, whose winds are wrong, by 166.
_HEADING_TOLERANCE: Final = 20.0
_BAD_WIND: Final = np.int8(FLAGS["wind_quality"].index("bad"))


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
    spectra : Spectra or None
        Where they are asked for.
    simulated : bool
        Whether the file says that it is simulated.
    """

    values: dict[str, Any]
    absent: tuple[str, ...]
    doubts: tuple[str, ...]
    spectra: Spectra | None = None
    simulated: bool = False


def read_file(where: str, name: OcnName, content: bytes, *, spectra: bool) -> Vignette:
    """Read what is kept of one file."""
    try:
        with _opened(where, content) as file:
            _check_waves(file, where)
            reader = _Reader(file, name, where)
            found = reader.vignette()
            return replace(found, spectra=read_spectra(reader)) if spectra else found
    except (OSError, RuntimeError) as error:
        raise ProductError(
            f"{where} cannot be read as netCDF ({error}). Download the product again."
        ) from error


def read_attributes(where: str, content: bytes, *names: str) -> list[str]:
    """Read global attributes of a file as text; empty where there is none."""
    with _opened(where, content) as file:
        values = OcnValues(file, where)
        return [values.attribute(name) for name in names]


def _opened(where: str, content: bytes) -> "netCDF4.Dataset":
    import netCDF4

    return netCDF4.Dataset(where.replace(":", "_"), memory=content)  # no URL


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


class _Reader(OcnValues):
    """Values of one file that make a row."""

    def __init__(self, file: "netCDF4.Dataset", name: OcnName, where: str) -> None:
        super().__init__(file, where)
        self.name = name

    def vignette(self) -> Vignette:
        cells = {"owi": self._wind_cells(), "rvl": self._doppler_cells()}
        out: dict[str, Any] = {k: self._scalar(f, cells) for k, f in SCALARS.items()}
        clear = cells["rvl"]
        out["radial_velocity_valid_fraction"] = clear.mean() if clear.size else np.nan
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
            "polarisation": self.attribute("polarisation") or self.name.polarisation,
            "ipf_version": self.attribute("IPFversion"),
            "source_product": self.attribute("sourceProduct").removesuffix(".SAFE"),
        }
        simulated = self.attribute("simulated") == "1"
        if not simulated and is_uncalibrated(
            self.name.platform, self.name.beam, self.name.start
        ):
            self.flags |= Quality.CALIBRATION_SUSPECT
        out["quality"] = self._quality(out["azimuth_cutoff"])
        sources = [one.source for one in SCALARS.values()]
        sources += [one.source for one in PARTITIONS.values()]
        absent = tuple(s for s in sources if not self.has(s))
        return Vignette(out, absent, tuple(self.doubts), simulated=simulated)

    def _scalar(self, field: ScalarField, cells: dict[str, Mask]) -> float:
        values = self.possible(field.source, field.limits)
        if field.kind in ("mean", "mean_direction"):
            usable = cells[field.source[:3]]
            if values.shape[: usable.ndim] != usable.shape:
                return np.nan
            values = values[usable]
            values = values[np.isfinite(values)]
        if values.size == 0:
            return np.nan
        return _converted(values.ravel(), field.kind)

    def _wind_cells(self) -> Mask:
        """Cells of the wind grid without land, ice or gaps."""
        if "owiLon" not in self.file.variables:
            return np.empty(0, bool)
        mask = self.numbers("owiMask")
        return mask == 0 if mask.size else np.ones(self.numbers("owiLon").shape, bool)

    def _doppler_cells(self) -> Mask:
        """Cells of the Doppler grid that are confident, without land, ice or gaps."""
        clear = np.isfinite(self.numbers("rvlRadVel"))
        known = {n: self.numbers(n) for n in ("rvlConfDcObs", "rvlLandFlag", "rvlMask")}
        for name, values in known.items():
            if values.size and values.shape != clear.shape:
                return np.empty(0, bool)
            if name == "rvlConfDcObs" and values.size:
                codes = self.codes("doppler_confidence", name, values.ravel())
                clear &= codes.reshape(clear.shape) == 0
            elif values.size:
                clear &= values == 0
        return clear

    def _partitions(self, key: str, field: PartitionField) -> npt.NDArray[Any]:
        values = self.possible(field.source, field.limits).ravel()
        if values.size > N_PARTITIONS:
            raise ProductError(
                f"{self.where}: {field.source} has {values.size} partitions, and the processor "
                f"writes {N_PARTITIONS}. Download the product again."
            )
        values = np.pad(values, (0, N_PARTITIONS - values.size), constant_values=np.nan)
        return self.codes(key, field.source, values) if field.flag else values

    def _flag(self, key: str, source: str) -> np.int8:
        """Flag of the vignette: of several cells, what nine in ten reach."""
        if source not in self.file.variables:
            return np.int8(-1)
        codes = self.codes(key, source, self.numbers(source).ravel())
        codes = codes[codes >= 0]
        if codes.size == 0:
            return np.int8(-1)
        return np.int8(np.percentile(codes, 10, method="lower"))

    def _heading_fits(self, source: str) -> bool:
        """Whether a heading is the bearing of the lines of the wind grid; true where unknown."""
        heading = self.numbers(source)
        longitude, latitude = self.numbers("owiLon"), self.numbers("owiLat")
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
            self.doubt(said)
        return False

    def _quality(self, cutoff: float) -> np.uint8:
        mask = self.numbers("owiMask")
        bits = mask[np.isfinite(mask)].astype(int)
        found = self.flags
        if np.any(self.numbers("oswLandFlag") == 1) or np.any(bits & _LAND):
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
            stated = parse_utc(self.attribute(attribute))
        except ValueError:
            return named
        if abs(stated - named) <= TIME_TOLERANCE:
            return stated
        self.doubt(f"{attribute} {stated} where the name says {named}")
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
