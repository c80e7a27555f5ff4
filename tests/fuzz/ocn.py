"""Mutants of Level-2 OCN products: values, variables, types and bytes of their netCDF files."""

import shutil
import warnings
from pathlib import Path
from random import Random
from typing import Any, Final

import netCDF4
import numpy as np
import xarray as xr

from tests.fuzz.mutate import EXTREMES, damage_bytes
from tests.fuzz.outcomes import Kind, Mutant, Outcome
from tests.io.made_ocn_spectra import add_spectra
from tests.io.test_ocn import PRODUCT, stem, write
from xoceansar import open_ocn

_NUMBERS: Final = (
    0.0, -0.0, -1.0, 1.0, 1e-30, 1e6, 1e20, 1e30, 1e38, -1e38, 9.97e36, 9.969209968386869e36,
    np.nan, np.inf, -np.inf, -999.0, -32768.0, 95.0, -95.0, 181.0, 361.0, 720.0, -181.0, 128.0,
    250.0, 300.0, -300.0, 50.0, 127.0,
)  # fmt: skip
#: What the sea, the sky and the radar can be: bounds no agency would call wrong.
_POSSIBLE: Final = {
    "longitude": (-180, 180), "latitude": (-90, 90), "incidence": (15, 50),
    "ground_heading": (-360, 360), "swh": (0, 35), "swh_standard_error": (0, 35),
    "wind_sea_swh": (0, 35), "wind_speed": (0, 100), "wind_speed_mean": (0, 100),
    "wind_speed_model": (0, 100), "wind_to_direction": (0, 360),
    "wind_to_direction_mean": (0, 360), "wind_to_direction_model": (0, 360),
    "sigma0_mean": (-1, 100), "sigma0_raw_mean": (-1, 100), "nesz": (0, 1),
    "azimuth_cutoff": (0, 5000), "range_cutoff": (0, 5000), "water_depth": (-9000, 12000),
    "land_fraction": (0, 1), "partition_swh": (0, 35), "partition_wavelength": (0, 5000),
    "partition_to_direction": (0, 360), "radial_velocity": (-60, 60),
    "radial_velocity_valid_fraction": (0, 1), "doppler_centroid": (-2000, 2000),
    "look_separation_time": (0, 5), "wave_spectrum": (0, 1e8), "wavenumber": (1e-6, 10),
    "wave_to_direction": (0, 360), "cross_spectrum_real": (-1e5, 1e5),
    "cross_spectrum_imag": (-1e5, 1e5), "range_wavenumber": (0, 10),
}  # fmt: skip


class Ocn(Kind):
    """Two measurement files, of which one is changed."""

    name, weight = "ocn", 6

    def __init__(self, base: Path, scratch: Path) -> None:
        super().__init__(base, scratch)
        self.folder = scratch / "ocn" / PRODUCT
        (self.folder / "measurement").mkdir(parents=True, exist_ok=True)
        (self.folder / "manifest.safe").write_text("<xml/>")
        self.paths = [self._write(1, "wv1", 17), self._write(2, "wv2", 32)]
        self.bytes = [path.read_bytes() for path in self.paths]
        with netCDF4.Dataset(self.paths[0]) as file:
            self.variables = sorted(file.variables)
            self.attributes = sorted(file.ncattrs())
        self.good = self._open()[0]

    def _write(self, number: int, beam: str, start: int, **kwargs: Any) -> Path:
        """Write a file with spectra, the Cartesian ones on a small grid."""
        path = write(self.folder / "measurement", number, beam, start, **kwargs)
        return add_spectra(path, drop=kwargs.get("drop", ()), cartesian=(8, 11))

    def _open(self) -> tuple[xr.Dataset, list[str]]:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            found = open_ocn(self.folder, spectra=True, verify=False).load()
        return found, [str(one.message) for one in caught]

    def mutate(self, rng: Random) -> Mutant:
        self.k = rng.randrange(2)
        ways = [self._value, self._value, self._value, self._dtype, self._drop, self._attribute, self._global, self._bytes, self._shape, self._file]  # fmt: skip
        return rng.choice(ways)(rng)

    def _value(self, rng: Random) -> Mutant:
        """Write numbers, as they are in the file, whatever is declared."""
        name, number = rng.choice(self.variables), rng.choice(_NUMBERS)
        part = rng.random() < 0.3
        with (
            netCDF4.Dataset(self.paths[self.k], "a") as file,
            np.errstate(all="ignore"),
        ):
            variable = file[name]
            variable.set_auto_maskandscale(False)
            values = np.array(variable[:])
            new = np.asarray(number).astype(values.dtype)
            if part and values.size > 1:
                values.flat[rng.randrange(values.size)] = new
            else:
                values[...] = new
            variable[:] = values
        return Mutant(f"{name} is {number}{' in part' if part else ''}", detail={"value": name})  # fmt: skip

    def _dtype(self, rng: Random) -> Mutant:
        """Store a variable as another type."""
        name = rng.choice(self.variables)
        kind = rng.choice(["f8", "i2", "u8", "i8", "S1", "str", "u1", "vlen"])
        self._again(rng, name, kind=kind)
        return Mutant(f"{name} as {kind}", "the numbers were cut to another type" if kind in {"i2", "u8", "i8", "u1"} else "")  # fmt: skip

    def _shape(self, rng: Random) -> Mutant:
        """Store a variable with other dims."""
        name = rng.choice(self.variables)
        shape = rng.choice([(), (0,), (1,), (3,), (1, 1, 1, 1, 1), (2, 2), (10**7,), (2**31, 1)])  # fmt: skip
        self._again(rng, name, shape=shape)
        return Mutant(f"{name} of shape {shape}", "other numbers of a plausible size" if name.startswith("owi") else "")  # fmt: skip

    def _again(  # noqa: C901  one variable at a time
        self, rng: Random, name: str, kind: str = "", shape: Any = None
    ) -> None:
        path = self.paths[self.k]
        old = path.with_suffix(".old")
        path.rename(old)
        with netCDF4.Dataset(old) as source, netCDF4.Dataset(path, "w") as file:
            file.setncatts({k: source.getncattr(k) for k in source.ncattrs()})
            for dim, size in source.dimensions.items():
                file.createDimension(dim, len(size))
            for key, variable in source.variables.items():
                variable.set_auto_maskandscale(False)
                values, dims, dtype = variable[:], variable.dimensions, variable.dtype
                fill = getattr(variable, "_FillValue", None)
                if key == name:
                    dtype, fill = self._typed(file, kind) or dtype, None
                    if shape is not None:
                        dims = tuple(f"x{k}" for k in range(len(shape)))
                        for dim, n in zip(dims, shape, strict=True):
                            file.createDimension(dim, n)
                made = file.createVariable(key, dtype, dims, fill_value=fill)
                made.set_auto_maskandscale(False)
                if key != name:
                    made[:] = values
                elif shape is not None:
                    if 0 < np.prod(shape, dtype=float) < 100:
                        made[:] = np.full(shape, values.flat[0])
                elif kind == "str":
                    made[:] = np.array(
                        [rng.choice(EXTREMES)] * values.size, object
                    ).reshape(values.shape)
                elif kind == "S1":
                    made[:] = np.full(values.shape, "x", "S1")
                elif kind != "vlen":
                    with np.errstate(all="ignore"):
                        made[:] = values.astype(kind or dtype)
        old.unlink()

    @staticmethod
    def _typed(file: Any, kind: str) -> Any:
        if kind == "vlen":
            return file.createVLType(np.int32, "list")
        return str if kind == "str" else kind

    def _drop(self, rng: Random) -> Mutant:
        """Leave variables out."""
        names = rng.sample(self.variables, rng.choice([1, 1, 2, len(self.variables)]))
        number, beam, start = ((1, "wv1", 17), (2, "wv2", 32))[self.k]
        self._write(number, beam, start, drop=names)
        return Mutant(f"without {names[:3]} ({len(names)})", detail={"absent": names})

    def _attribute(self, rng: Random) -> Mutant:
        """Give a variable attributes that change how its numbers are read."""
        name = rng.choice(self.variables)
        attribute = rng.choice(["scale_factor", "add_offset", "missing_value", "units", "valid_range", "flag_values", "coordinates", "dtype"])  # fmt: skip
        value = rng.choice([0.0, 2.0, 1e30, float("nan"), "text", "", [1.0, 2.0], "days since 1-1-1", np.int8(1), "owiLon nothing"])  # fmt: skip
        with netCDF4.Dataset(self.paths[self.k], "a") as file:
            file[name].setncattr(attribute, value)
        return Mutant(f"{name}:{attribute} = {value!r}", "a scale or fill that is declared is meant" if attribute in {"scale_factor", "add_offset", "missing_value", "valid_range"} else "")  # fmt: skip

    def _global(self, rng: Random) -> Mutant:
        """Change or drop a global attribute."""
        name = rng.choice(self.attributes)
        value = rng.choice([*EXTREMES, None, None, 5, 1.5, [1, 2], np.float32("nan")])
        with netCDF4.Dataset(self.paths[self.k], "a") as file:
            if value is None:
                file.delncattr(name)
            else:
                clean = value.replace("\0", "") if isinstance(value, str) else value
                file.setncattr(name, clean)
        return Mutant(f"{name} = {str(value)[:40]!r}", detail={"value": name})

    def _bytes(self, rng: Random) -> Mutant:
        content, what = damage_bytes(rng, self.bytes[self.k])
        self.paths[self.k].write_bytes(content)
        return Mutant(
            what, "the file has no checksum: a changed digit is another number"
        )

    def _file(self, rng: Random) -> Mutant:
        """Put something else in the place of a file."""
        path = self.paths[self.k]
        path.unlink()
        way = rng.choice(["missing", "folder", "other", "text", "classic", "empty", "zero", "fifo", "loop"])  # fmt: skip
        if way == "folder":
            path.mkdir()
        elif way == "other":
            path.write_bytes(self.bytes[1 - self.k])
        elif way == "text":
            path.write_text("404")
        elif way == "classic":
            with netCDF4.Dataset(path, "w", format="NETCDF3_CLASSIC") as file:
                file.setncattr("missionName", "S1A")
        elif way == "empty":
            with netCDF4.Dataset(path, "w"):
                pass
        elif way == "zero":
            path.symlink_to("/dev/zero")
        elif way == "fifo":
            import os

            os.mkfifo(path)
        elif way == "loop":
            path.symlink_to(path.name)
        return Mutant(f"file: {way}", "the folder lists it no more" if way == "missing" else "")  # fmt: skip

    def restore(self) -> None:
        for path, content in zip(self.paths, self.bytes, strict=True):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
            path.with_suffix(".old").unlink(missing_ok=True)
            path.write_bytes(content)

    def check(self, mutant: Mutant, rng: Random) -> tuple[Outcome, str]:
        found, words = self._open()
        names = found["vignette_id"].values.tolist()
        other = self.good.isel(vignette=1 - self.k)
        if str(other["vignette_id"].values) not in names:
            return Outcome.SHIFT, "the neighbour is lost"
        neighbour = found.isel(vignette=names.index(str(other["vignette_id"].values)))
        for name in other.variables:
            if not _same(neighbour[name].values, other[name].values):
                return Outcome.SHIFT, f"{name} of the neighbour changed"
        mine = str(self.good["vignette_id"][self.k].values)
        if mine not in names:
            said = bool(words)
            return (Outcome.COUNTED if said else Outcome.SHIFT), "the row is gone"
        row = found.isel(vignette=names.index(mine))
        return self._row(row, self.good.isel(vignette=self.k), words)

    def _row(self, row: xr.Dataset, good: xr.Dataset, words: list[str]) -> tuple[Outcome, str]:  # fmt: skip
        if int(row["quality"]):
            return Outcome.FLAGGED, ""
        changed = [
            name for name in good.variables if not _same(row[name].values, good[name].values)
        ]  # fmt: skip
        if not changed:
            return Outcome.UNCHANGED, ""
        impossible = [
            f"{name} = {row[name].values}"
            for name, (low, high) in _POSSIBLE.items()
            if name in changed and not _within(row[name].values, low, high)
        ]
        seconds = abs(row["time"].values - good["time"].values) / np.timedelta64(1, "s")
        if not seconds < 3:
            impossible.append(f"time = {row['time'].values}")
        if impossible and not any(stem_in(word) for word in words):
            return Outcome.SHIFT, "; ".join(impossible)[:300]
        gone = all(bool(np.all(_missing(row[name].values))) for name in changed)
        return (Outcome.FLAGGED if gone else Outcome.UNKNOWABLE), f"{changed}"


def stem_in(word: str) -> bool:
    """Whether a warning names a vignette."""
    return stem()[:3] in word


def _same(a: Any, b: Any) -> bool:
    if a.dtype.kind == "f" and b.dtype.kind == "f":
        return a.shape == b.shape and np.allclose(a, b, rtol=1e-3, atol=1e-6, equal_nan=True)  # fmt: skip
    return bool(a.shape == b.shape and np.array_equal(a, b))


def _within(values: Any, low: float, high: float) -> bool:
    if values.dtype.kind not in "fiu":
        return False
    return bool((np.isnan(values.astype(float)) | ((values >= low) & (values <= high))).all())  # fmt: skip


def _missing(values: Any) -> Any:
    return np.isnan(values) if values.dtype.kind == "f" else values == -1


KINDS: Final = (Ocn,)
