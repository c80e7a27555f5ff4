"""F1 of the shipped detector and of CFAR on unseen simulated vignettes, half of them with icebergs.

    python benchmarks/icebergs.py [--data ARCHIVE] [--n N]

CFAR gets its best threshold on these very vignettes; the detector also keeps the one that it came with. An archive
needs ``iceberg_box`` and ``wind_speed`` (xoceansar.simulate.vignettes writes them).
"""

import argparse

import numpy as np
import xarray as xr
from _report import report

from xoceansar import simulate
from xoceansar.conventions import OCEAN_CLASSES
from xoceansar.evaluate.iceberg_scores import iceberg_curve
from xoceansar.evaluate.metrics.box_scores import average_precision, best_f1
from xoceansar.models import load_model
from xoceansar.ops import icebergs

SEED = 6_900_000
#: Lowest scores that are looked at.
LOW = {"detector": 0.02, "cfar": 2.5}
SHARE = {name: 9.0 if name == "icebergs" else 1.0 for name in OCEAN_CLASSES}


def subsets(ds: xr.Dataset) -> dict[str, np.ndarray]:
    """Vignettes of each comparison."""
    wind, ice = ds["wind_speed"].values, ds["ocean_class"].values == 5
    return {
        "all": np.ones(len(wind), bool),
        "rough_sea": wind > 10,
        "rough_sea_without_ice": (wind > 10) & ~ice,
        "without_sea_ice": ~ice,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data")
    parser.add_argument("--n", type=int, default=200)
    args = parser.parse_args()
    ds = (
        xr.open_zarr(args.data)
        if args.data
        else simulate.vignettes(args.n, seed=SEED, classes=SHARE)
    )
    found = {
        method: icebergs(ds, method=method, threshold=low, most=2000).compute()
        for method, low in LOW.items()
    }
    ds = ds.drop_vars(["sigma0", "nesz"], errors="ignore").load()
    threshold = load_model().detectors[0].threshold
    for subset, rows in subsets(ds).items():
        best = {}
        for method, result in found.items():
            part = iceberg_curve(result.isel(vignette=rows), ds.isel(vignette=rows))
            best[method], at = best_f1(part)
            name = f"icebergs.simulated.{subset}.{method}"
            report(f"{name}.average_precision", average_precision(part), "", "", None)
            report(f"{name}.best_threshold", at, "", "", None)
            if method == "detector":
                own = int(np.searchsorted(-part.threshold, -threshold, "right")) - 1
                report(f"{name}.f1_at_own_threshold", float(part.f1[own]), "", "", None)
        report(f"icebergs.simulated.{subset}.vignettes", int(rows.sum()), "", "", None)
        report(f"icebergs.simulated.{subset}.cfar.f1", best["cfar"], "", "", None)
        bar = best["cfar"] + 0.05
        report(
            f"icebergs.simulated.{subset}.detector.f1",
            best["detector"],
            "",
            f">= CFAR + 0.05 ({bar:.3f})",
            None if subset.endswith("ice") else best["detector"] >= bar,
        )


if __name__ == "__main__":
    main()
