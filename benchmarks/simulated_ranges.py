"""Hold the simulated sea against ESA's training set: the range of each of its 35 features, by beam.

Seas are written as products at their real size, opened as complex images, and measured as real ones.
Needs the scalers of ESA's networks (wind sea from WW3 spectra) in ../shared/data/ocn_wv/sarhs.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

import numpy as np
import xarray as xr
from _report import report

import xoceansar as xos
from xoceansar.simulate.products.safe_product import truth_path
from xoceansar.spectra.scaler_features import SCALER_FEATURES, assemble_scaler_features
from xoceansar.spectra.wavenumber_grids import WavenumberGrid

SCALERS = Path(__file__).parents[1] / "../shared/data/ocn_wv/sarhs"
SIZE = 21_600.0  # m, of a scene


def read_ranges(beam: str) -> tuple[np.ndarray, np.ndarray]:
    """Smallest and largest of each feature in ESA's training set."""
    (path,) = SCALERS.glob(f"s1a-{beam}_hswindsea*.json")
    scaler = json.loads(path.read_text())
    return np.array(scaler["data_min"]), np.array(scaler["data_max"])


def measure(product: Path) -> np.ndarray:
    """Features (vignette, 35) of a product; the signal to noise ratio of the processor is not known."""
    ds = xos.open_wave_mode(product, complex=True)
    spectra = ds.oceansar.spectra(grid="esa").compute()
    cutoff = spectra.oceansar.cutoff().azimuth_cutoff.values
    moments = ds.oceansar.image_statistics().compute()
    level = (abs(ds.slc) ** 2).mean(("slc_line", "slc_sample")).values
    with xr.open_dataset(truth_path(product), engine="scipy") as truth:
        wind, towards = truth.wind_speed.values, truth.wind_to_direction.values
    # Wavenumbers beyond the band of the looks are missing.
    values = (spectra.cross_spectrum_real + 1j * spectra.cross_spectrum_imag).fillna(0)
    rows = []
    for i in range(ds.sizes["vignette"]):
        axes = (
            spectra[f"{axis}_wavenumber{end}"].values[i]
            for end in ("", "_width")
            for axis in ("range", "azimuth")
        )
        kx, ky, dkx, dky = axes
        rows.append(
            assemble_scaler_features(
                values[i].transpose("lag", "azimuth_bin", "range_bin").values,
                WavenumberGrid(kx=kx, ky=ky, dkx=dkx, dky=dky),
                skewness=moments.sigma0_skewness.values[i],
                normalised_variance=moments.normalised_variance.values[i],
                azimuth_cutoff=cutoff[i],
                sigma0=level[i],
                snr=np.nan,
                wind_speed=wind[i],
                wind_to_direction=towards[i],
                ground_heading=ds.ground_heading.values[i],
            )
        )
    return np.array(rows)


def simulate(beam: str, count: int, spacing: float, scale: float) -> np.ndarray:
    rows = []
    for seed in range(count):
        sea = xos.simulate.scene(
            seed,
            ocean_class="pure_ocean_waves",
            beam=beam,
            size=SIZE,
            spacing=spacing,
        )
        with tempfile.TemporaryDirectory() as folder:
            product = xos.simulate.write_safe(
                folder, scenes=[sea], seed=seed, scale=scale
            )
            rows.append(measure(product))
    return np.concatenate(rows)


def main() -> None:
    """Report each range, and the share of all values that lie within ESA's."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=500, help="vignettes of each beam")
    parser.add_argument("--spacing", type=float, default=25.0, help="of scenes, m")
    parser.add_argument("--scale", type=float, default=1.0, help="of the products")
    args = parser.parse_args()
    if not SCALERS.exists():
        sys.exit(print(f"skipped: needs the scalers of ESA's networks at {SCALERS}"))
    for beam in ("wv1", "wv2"):
        low, high = read_ranges(beam)
        found = simulate(beam, args.count, args.spacing, args.scale)
        inside = (found >= low) & (found <= high)
        for n, name in enumerate(SCALER_FEATURES):
            column = found[:, n]
            if np.isnan(column).all():
                continue
            share = float(inside[:, n].mean())
            span = float((np.nanmax(column) - np.nanmin(column)) / (high[n] - low[n]))
            where = f"simulated_ranges.{beam}.{name}"
            text = f"{np.nanmin(column):.3g} to {np.nanmax(column):.3g}"
            report(f"{where}.range", text, "", f"ESA: {low[n]:.3g} to {high[n]:.3g}", None)  # fmt: skip
            report(f"{where}.inside", share, "1", ">= 0.99", share >= 0.99)
            report(f"{where}.width", span, "of ESA's", ">= 0.5, or a reason", span >= 0.5)  # fmt: skip


if __name__ == "__main__":
    main()
