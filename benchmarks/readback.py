"""What is read back of a written product: the truth, at every processor version, by both readers."""

import tempfile
from pathlib import Path

import numpy as np
import xarray as xr
from _products import flat_product
from _report import report

from xoceansar import open_wave_mode
from xoceansar.simulate.products.safe_product import truth_path, write_safe

VERSIONS = (
    "002.53",
    "002.72",
    "002.84",
    "002.90",
    "002.91",
    "003.10",
    "003.31",
    "003.40",
)
#: A quarter of the real size: 8,600 pixels, of 100 looks each.
SCALE, SHAPE = 1 / 4, (93, 93)
BEAMS = ["wv1", "wv2"]


def truth_error(product: Path, shape: tuple[int, int]) -> float:
    """Largest difference of a vignette's mean from the truth field's, in dB."""
    ds = open_wave_mode(product, shape=shape)
    with xr.open_dataset(truth_path(product)) as truth:
        level = truth.sigma0_mean.values
    mean = ds.sigma0.mean(("line", "sample"), dtype=float).values
    return float(np.abs(10 * np.log10(mean / level)).max())


def reader_difference(product: Path, shape: tuple[int, int]) -> float:
    """Largest difference of a pixel between the two readers, in dB."""
    pair = [
        open_wave_mode(product, shape=shape, reader=reader)[["sigma0", "nesz"]].load()
        for reader in ("direct", "xsar")
    ]
    ratio = 10 * np.log10(pair[0] / pair[1])
    return max(float(np.abs(ratio[name]).max()) for name in ratio)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        for seed, ipf in enumerate(VERSIONS):
            product = flat_product(folder, BEAMS, ipf=ipf, scale=SCALE, seed=seed)
            error = truth_error(product, SHAPE)
            report(f"readback.truth.{ipf}", error, "dB", "<= 0.02", error <= 0.02)
            error = reader_difference(product, SHAPE)
            report(f"readback.xsar.{ipf}", error, "dB", "<= 0.001", error <= 1e-3)
        product = write_safe(folder, len(BEAMS))  # simulated seas at their real size
        error = truth_error(product, (384, 384))
        report("readback.truth.sea", error, "dB", "<= 0.02", error <= 0.02)
        error = reader_difference(product, (384, 384))
        report("readback.xsar.sea", error, "dB", "<= 0.001", error <= 1e-3)


if __name__ == "__main__":
    main()
