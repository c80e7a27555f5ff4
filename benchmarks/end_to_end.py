"""From a SAFE product to embeddings, beside the user's own route: xsar at 50 m, then the model."""

import contextlib
import io
import statistics
import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import torch
from _products import flat_product
from _report import report
from reader import COARSE

from xoceansar import load_model, open_wave_mode
from xoceansar.models.inference.runtime import get_network
from xoceansar.models.networks.vit import pooled_features

#: Vignettes of the product: two chunks. Real products have 60 to 180; beams take turns.
VIGNETTES = 16


def own_route(product: Path, size: int) -> list[np.ndarray]:
    """Xsar's full-resolution sigma0, coarsened to 50 m, in decibel, one model call an image."""
    import xsar

    handle = load_model()
    network = get_network(handle)
    found = []
    for i in range(VIGNETTES):
        image = xsar.Sentinel1Dataset(
            f"SENTINEL1_DS:{product}:WV_{i + 1:03d}",
            chunks={"line": 480, "sample": 6000},
        )
        image.add_high_resolution_variables(skip_variables=["ground_heading"])
        image.apply_calibration_and_denoising()
        sigma0 = image.dataset.sigma0.coarsen(COARSE, boundary="trim").mean().values
        crop = np.log10(np.maximum(sigma0[0, :size, :size], 1e-4)) * 10
        pad = [(0, size - n) for n in crop.shape]
        crop = np.pad((crop - crop.mean()) / 1.5, pad)
        with torch.no_grad():
            tensor = torch.from_numpy(crop[None, None].astype(np.float32))
            features = pooled_features(
                network.module, tensor.to(network.dtype), handle.backbone.pooling
            )
        found.append(features.numpy())
    return found


def main() -> None:
    turns = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:
        product = flat_product(folder, ["wv1", "wv2"] * (VIGNETTES // 2))
        size = load_model().input.size

        def ours() -> np.ndarray:
            # xsar holds nothing to its checksum
            ds = open_wave_mode(product, verify=False)
            return ds.oceansar.embed().compute().values

        def theirs() -> list[np.ndarray]:
            with contextlib.redirect_stdout(io.StringIO()):
                return own_route(product, size)

        ours()
        theirs()
        seconds = []
        for _ in range(turns):
            marks = [time.perf_counter()]
            for action in (theirs, ours):
                action()
                marks.append(time.perf_counter())
            seconds.append(np.diff(marks) / VIGNETTES)
        ratio = float(statistics.median(a / b for a, b in seconds))
        mine = float(statistics.median(b for _, b in seconds))
        report(
            "end_to_end.own_route",
            float(statistics.median(a for a, _ in seconds)),
            "s a vignette",
            "",
            None,
        )
        report("end_to_end.embed", mine, "s a vignette", "", None)
        report(
            "end_to_end.speed",
            ratio,
            "times the user's own route",
            ">= 25",
            ratio >= 25,
        )


if __name__ == "__main__":
    main()
