"""Reproduce the backscatter of an ESA level 2 ocean product: CMOD5.N cell by cell."""

import csv
import sys
from pathlib import Path

import numpy as np
from _report import report

from xoceansar.sar.gmf import cmod5n

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


if __name__ == "__main__":
    if not PRODUCT.exists():
        sys.exit(print(f"skipped: needs the ESA product at {PRODUCT}"))
    backscatter()
