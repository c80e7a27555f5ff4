"""Reproduce an ESA level 2 ocean product: CMOD5.N cell by cell, wave height by partition."""

import csv
import sys
import warnings
from pathlib import Path

import numpy as np
import rasterio
from _report import report

from xoceansar.sar.gmf import cmod5n
from xoceansar.sar.spectra import significant_wave_height

PRODUCT = Path(__file__).parents[1] / "../shared/data/ocn_wv"
CELLS = ("inc_deg", "u10_ecmwf", "wind_from_deg", "heading_deg", "owiNrcsCmod")


def backscatter() -> None:
    with (PRODUCT / "cmod5n_ocn_cells.csv").open() as file:
        rows = list(csv.DictReader(file))
    incidence, speed, origin, heading, expected = (
        np.array([float(row[name]) for row in rows]) for name in CELLS
    )
    sigma0 = cmod5n(speed, origin - (heading + 90), incidence)
    error = float(np.abs(sigma0 / expected - 1).max())
    report("esa.cmod5n.relative_error", error, "1", "<= 1e-6", error <= 1e-6)
    report("esa.cmod5n.cells", float(len(rows)), "1", "", None)


def read(name: str) -> np.ndarray:
    path = next(PRODUCT.glob("*.nc")).resolve()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        with rasterio.open(f"netcdf:{path}:{name}") as dataset:
            return dataset.read(1)


def wave_height() -> None:
    spectrum, partition = read("oswPolSpec"), read("oswPartitions")
    k, direction = read("oswK").ravel(), read("oswPhi").ravel()
    for number, stated in enumerate((1.8099, 0.5146)):
        part = np.where(partition == number, spectrum, 0.0)
        height = float(significant_wave_height(part, k, direction))
        report(
            f"esa.oswPolSpec.partition{number}.height",
            height,
            "m",
            f"{stated} +- 0.0001",
            abs(height - stated) <= 1e-4,
        )


if __name__ == "__main__":
    if not PRODUCT.exists():
        sys.exit(print(f"skipped: needs the ESA product at {PRODUCT}"))
    backscatter()
    wave_height()
