"""Reproduce from ESA's own cross-spectra what its Level-2 product and its scalers say of them.

The cut-off within 15 %, the resolution, the CWAVE parameters of a known file, and the 28 spectral
features within the ranges of ESA's training sets; and the swell systems beside ESA's partitions.
"""

import json
import sys
from pathlib import Path

import netCDF4
import numpy as np
from _report import report

from xoceansar.spectra.azimuth_cutoffs import fit_azimuth_cutoff, spectral_resolution
from xoceansar.spectra.cwave import CWAVE_LINEAGES, compute_cwave
from xoceansar.spectra.macs import compute_imacs
from xoceansar.spectra.scaler_features import SCALER_FEATURES
from xoceansar.spectra.swell_inversion import retrieve_swell
from xoceansar.spectra.wavenumber_grids import WavenumberGrid

PRODUCTS = Path(__file__).parents[1] / "../shared/data/ocn_wv"
#: The first three parameters of the file of 2026-01-12, lag 2.
KNOWN = {
    "orthonormal": (8.76, -3.46, 5.37),
    "hawaii": (7.35, -2.86, 4.06),
    "ifremer": (11.92, -4.58, 6.32),
}
#: Slant range over platform velocity, s, by beam.
BETA = {"wv1": 101.8, "wv2": 113.7}


def read(path: Path) -> tuple[np.ndarray, WavenumberGrid, dict[str, np.ndarray]]:
    """Return the spectra (lag, azimuth, range) of a file, their grid, and its other numbers."""
    with netCDF4.Dataset(path) as file:
        osw = {
            name: np.ma.filled(variable[:].astype(float), np.nan).squeeze()
            for name, variable in file.variables.items()
            if name.startswith("osw")
        }
    sizes = osw["oswGroundRngSize"], osw["oswAziSize"]
    axes = (osw[f"osw{n}"] / sizes[n.endswith("y")] for n in ("Kx", "Ky", "Jx", "Jy"))
    values = osw["oswCartSpecRe"] + 1j * osw["oswCartSpecIm"]
    return np.moveaxis(values, -1, 0), WavenumberGrid(*axes), osw


def cutoffs(
    name: str, values: np.ndarray, grid: WavenumberGrid, osw: dict[str, np.ndarray]
) -> None:
    stated = float(osw["oswAzCutoff"])
    fit = fit_azimuth_cutoff(values, grid)
    for lag, found in enumerate(fit.cutoff):
        off = float(found) / stated - 1
        report(f"{name}.cutoff.lag{lag}", float(found), "m", f"within 15 % of {stated:g}", abs(off) <= 0.15)  # fmt: skip
    mean = fit_azimuth_cutoff(values[1], grid, definition="range_mean").cutoff
    report(f"{name}.cutoff.range_mean", float(mean), "m", "", None)
    found = spectral_resolution(stated, osw["oswPhi"], osw["oswHeading"], range_cutoff=osw["oswRaCutoff"])  # fmt: skip
    error = float(np.abs(found - osw["oswSpecRes"]).max())
    report(f"{name}.resolution.error", error, "m", "<= 1e-4", error <= 1e-4)


def features(name: str, beam: str, values: np.ndarray, grid: WavenumberGrid) -> None:
    found = np.concatenate(
        [
            compute_imacs(values[1], grid),
            compute_cwave(values[2], grid, lineage="hawaii"),
        ]
    )
    for path in sorted((PRODUCTS / "sarhs").glob(f"s1a-{beam}_*.json")):
        scaler = json.loads(path.read_text())
        low, high = (np.array(scaler[f"data_{end}"][7:]) for end in ("min", "max"))
        inside = int(np.sum((found >= low) & (found <= high)))
        target = path.name.split("_")[1]
        report(f"{name}.features.{target}.inside", float(inside), "1", "= 28", inside == 28)  # fmt: skip
        for feature, value, a, b in zip(SCALER_FEATURES[7:], found, low, high, strict=True):  # fmt: skip
            report(f"{name}.{target}.{feature}", float(value), "", f"{a:.3g} to {b:.3g}", bool(a <= value <= b))  # fmt: skip


def parameters(
    name: str, values: np.ndarray, grid: WavenumberGrid, *, known: bool
) -> None:
    for lineage in CWAVE_LINEAGES:
        found = compute_cwave(values[2], grid, lineage=lineage)
        for n, (value, expected) in enumerate(zip(found, KNOWN[lineage], strict=False)):
            holds = bool(abs(value - expected) <= 0.0051) if known else None
            bar = f"{expected:g}" if known else ""
            report(f"{name}.cwave.{lineage}.{n + 1}", float(value), "m/rad", bar, holds)


def swell(
    name: str,
    beam: str,
    values: np.ndarray,
    grid: WavenumberGrid,
    osw: dict[str, np.ndarray],
) -> None:
    found = retrieve_swell(
        values,
        grid,
        cutoff=osw["oswAzCutoff"],
        incidence=osw["oswIncidenceAngle"],
        beta=BETA[beam],
        ground_heading=osw["oswHeading"],
        look_separation=osw["oswLookSeparationTime"],
    )
    stated = {
        "height": osw["oswHs"],
        "wavelength": osw["oswWl"],
        "direction": osw["oswDirmet"],
    }
    for n in np.flatnonzero(np.isfinite(found.height)):
        for field, unit in (("height", "m"), ("height_error", "m"), ("wavelength", "m"), ("direction", "degrees"), ("confidence", "1")):  # fmt: skip
            value = float(getattr(found, field)[n])
            esa = ", ".join(f"{v:.4g}" for v in stated.get(field, []) if np.isfinite(v))
            report(f"{name}.swell{n}.{field}", value, unit, f"ESA: {esa}" if esa else "", None)  # fmt: skip
    off = (float(found.direction[0] - osw["oswDirmet"][0]) + 180) % 360 - 180
    report(f"{name}.swell0.turned", off, "degrees", "<= 5", abs(off) <= 5)
    ratio = float(found.wavelength[0] / osw["oswWl"][0])
    report(f"{name}.swell0.wavelength_ratio", ratio, "1", "0.95 to 1.05", 0.95 <= ratio <= 1.05)  # fmt: skip


def main() -> None:
    if not PRODUCTS.exists():
        sys.exit(print(f"skipped: needs the ESA products at {PRODUCTS}"))
    for path in sorted(PRODUCTS.glob("*.nc")):
        values, grid, osw = read(path)
        beam = path.name[4:7]
        name = f"spectral_features.{beam}_{path.name.split('-')[4][:8]}"
        cutoffs(name, values, grid, osw)
        parameters(name, values, grid, known="20260112" in path.name)
        features(name, beam, values, grid)
        swell(name, beam, values, grid, osw)


if __name__ == "__main__":
    main()
