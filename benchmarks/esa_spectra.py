"""Hold what `open_ocn(spectra=True)` and `to_efth` give of real Level-2 products to what is known of them.

Heights are summed by wavespectra where it is installed, and by its formula where not.
"""

import importlib.util
import sys
import warnings
from pathlib import Path

import netCDF4
import numpy as np
import xarray as xr
from _report import report

import xoceansar as xos
from xoceansar.errors import OceansarWarning
from xoceansar.spectra.wave_spectra import resolved_wavelength
from xoceansar.spectra.wavenumber_grids import WavenumberGrid, esa_grid, plane_weights

FILES = Path(__file__).parents[1] / "../shared/data/ocn_wv"
HAS_WAVESPECTRA = importlib.util.find_spec("wavespectra") is not None
PLANE = ("azimuth_bin", "range_bin")
#: Metres in vacuum, of 5.405000704 GHz.
RADAR_WAVELENGTH = 299792458.0 / 5405000704.0


def heights(efth: xr.DataArray) -> np.ndarray:
    """Significant wave heights; 0 where there is no spectrum."""
    if HAS_WAVESPECTRA:
        return efth.spec.hs().values
    variance = efth.sum(("dir",)) * abs(float(efth.dir[1] - efth.dir[0]))
    return 4 * np.sqrt((variance * np.gradient(efth.freq)).sum("freq")).values


def apart(one: float, other: float) -> float:
    """Angle between directions, 0 to 180 degrees."""
    return abs((one - other + 180) % 360 - 180)


def grid_of(row: xr.Dataset) -> WavenumberGrid:
    kx, ky = row["range_wavenumber"].values, row["azimuth_wavenumber"].values
    widths = (row[f"{name}_wavenumber_width"].values for name in ("range", "azimuth"))
    return WavenumberGrid(kx, ky, *widths)


def wave_heights(name: str, row: xr.Dataset) -> None:
    found = heights(xos.to_efth(row, partitions=True))
    for number, stated in enumerate(row["partition_swh"].values):
        if np.isfinite(stated):
            error = abs(float(found[number]) - float(stated))
            report(f"{name}.partition{number}.height", float(found[number]), "m", f"{stated:.5f} +- 1e-4", error <= 1e-4)  # fmt: skip
    whole = float(heights(xos.to_efth(row)))
    report(f"{name}.whole.height", whole, "m", "", None)


def grids(name: str, row: xr.Dataset) -> None:
    found = grid_of(row)
    middle = found.ky.size // 2
    steps = found.dkx[0], found.dky[middle]
    law = esa_grid(*(2 * np.pi / 1024 / step for step in steps))
    for part, one, other in zip(found._fields, found, law, strict=True):
        error = float(np.max(np.abs(one - other)) / np.max(np.abs(other)))
        report(f"{name}.{part}.relative_error", error, "1", "<= 1e-6", error <= 1e-6)
    cutoffs = float(row["azimuth_cutoff"]), float(row["range_cutoff"])
    expected = resolved_wavelength(row["wave_to_direction"].values, float(row["ground_heading"]), *cutoffs)  # fmt: skip
    error = float(np.abs(row["resolved_wavelength"].values - expected).max())
    report(f"{name}.oswSpecRes.error", error, "m", "<= 1e-3", error <= 1e-3)


def directions(name: str, row: xr.Dataset, path: Path) -> None:
    main = int(np.nanargmax(row["partition_swh"].values))
    waves = float(row["partition_to_direction"][main])
    drift = np.degrees(np.arctan2(row["stokes_drift_eastward"], row["stokes_drift_northward"]))  # fmt: skip
    others = {
        "wind": float(row["wind_to_direction"]),
        "stokes_drift": float(drift),
    }
    for what, other in others.items():
        angle = apart(waves, other)
        # a sea that crosses says nothing: turned round it would be as near
        holds = None if abs(angle - 90) < 15 else angle < 90
        report(f"{name}.main_partition.from_{what}", angle, "degree", "< 90, if not within 15 of it", holds)  # fmt: skip
    share = propagation(row, main)
    report(f"{name}.main_partition.positive_imag", share, "1", "> 0.5", share > 0.5)
    with netCDF4.Dataset(path) as file:
        off = apart(float(file["owiHeading"][:].mean()), float(row["ground_heading"]))
    flagged = int(row["wind_quality"]) == 1
    report(f"{name}.owiHeading.off", off, "degree", "> 20 where wind_quality is bad", flagged == (off > 20))  # fmt: skip


def propagation(row: xr.Dataset, partition: int) -> float:
    """Share by which Im S, of lag 1 about the peak of a partition, speaks for its direction."""
    grid = grid_of(row)
    k = 2 * np.pi / float(row["partition_wavelength"][partition])
    towards = float(row["partition_to_direction"][partition])
    angle = np.radians(float(row["ground_heading"]) + 90 - towards)
    sign = np.sign(np.cos(angle))
    x, y = abs(k * np.cos(angle)), sign * k * np.sin(angle)
    near = np.hypot(grid.kx - x, (grid.ky - y)[:, None]) < 0.2 * k
    imag = row["cross_spectrum_imag"].values[1][near]
    return float(sign * imag.sum() / np.abs(imag).sum())


def levels(name: str, row: xr.Dataset) -> None:
    weights = plane_weights(grid_of(row))
    variance = (row["cross_spectrum_real"] * weights).sum(PLANE).values
    expected = (float(row["normalised_variance"]) - 1) / 2
    for lag, value in enumerate(variance):
        report(f"{name}.lag{lag}.variance", float(value), "1", f"(Nv - 1) / 2 = {expected:.3f}", None)  # fmt: skip
    raw = float(row["sigma0_raw_mean"] - row["nesz"])
    if row["ipf_version"] != "003.31":
        error = abs(10 * np.log10(raw / float(row["sigma0_mean"])))
        report(f"{name}.sigma0_from_raw_less_nesz", float(error), "dB", "<= 0.05", bool(error <= 0.05))  # fmt: skip
    anomaly = float(row["doppler_centroid"] - row["doppler_centroid_geometric"])
    error = abs(float(row["radial_velocity"]) + RADAR_WAVELENGTH / 2 * anomaly)
    report(f"{name}.radial_velocity.error", error, "m/s", "<= 1e-6", error <= 1e-6)
    look = float(row["ground_heading"]) + 90
    wind = float(row["wind_speed"]) * np.cos(np.radians(float(row["wind_to_direction"]) - look))  # fmt: skip
    report(f"{name}.radial_velocity", float(row["radial_velocity"]), "m/s", f"wind along it {wind:.1f} m/s", None)  # fmt: skip


if __name__ == "__main__":
    if not FILES.exists():
        sys.exit(print(f"skipped: needs ESA's products in {FILES}"))
    if HAS_WAVESPECTRA:
        import wavespectra

        report("ocn.wavespectra", wavespectra.__version__, "", "", None)
    for path in sorted(FILES.glob("*.nc")):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", OceansarWarning)
            row = xos.open_ocn(path, spectra=True).isel(vignette=0)
        name = f"ocn.{path.stem[4:7]}.{path.stem[15:23]}"
        wave_heights(name, row)
        grids(name, row)
        directions(name, row, path)
        levels(name, row)
