"""ESA's own spectra, read as they lie in its files; none where the files are absent."""

from pathlib import Path
from typing import NamedTuple

import netCDF4
import numpy as np
import pytest

from xoceansar.spectra.wavenumber_grids import WavenumberGrid

FOLDER = Path(__file__).parents[2] / "../shared/data/ocn_wv"
FILES = sorted(FOLDER.glob("*.nc"))

each_real_file = pytest.mark.parametrize(
    "path", FILES, ids=[f.stem[:23] for f in FILES]
)


class RealSpectra(NamedTuple):
    """Cross-spectra (lag, azimuth, range), their grid, and all else of the wave mode by its name."""

    values: np.ndarray
    grid: WavenumberGrid
    fields: dict[str, np.ndarray]


def read(path: Path) -> RealSpectra:
    """Read the spectra of a file."""
    with netCDF4.Dataset(path) as file:
        fields = {
            n: np.ma.filled(v[:].astype(float), np.nan).squeeze()
            for n, v in file.variables.items()
            if n.startswith("osw")
        }
    range_size, azimuth_size = fields["oswGroundRngSize"], fields["oswAziSize"]
    grid = WavenumberGrid(
        kx=fields["oswKx"] / range_size,
        ky=fields["oswKy"] / azimuth_size,
        dkx=fields["oswJx"] / range_size,
        dky=fields["oswJy"] / azimuth_size,
    )
    values = fields["oswCartSpecRe"] + 1j * fields["oswCartSpecIm"]
    return RealSpectra(np.moveaxis(values, -1, 0), grid, fields)
