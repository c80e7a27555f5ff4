"""What heads gain by blocks of physical parameters beside the embedding: simulated, minutes.

Each pass of 20 vignettes is on one side only. Prints the error of wave height and wind and the accuracy
of the class, on vignettes that had no part in the fit, for each choice of ``features``.
"""

import argparse
import warnings

import numpy as np
import xarray as xr

import xoceansar as xos
from xoceansar.conventions import OCEAN_CLASSES
from xoceansar.errors import OceansarWarning
from xoceansar.ops.feature_blocks import FEATURE_BLOCKS
from xoceansar.train import fit

HEADS = {"swh": "linear", "wind_speed": "linear", "ocean_class": "logistic"}


def rows(passes: int, first: int) -> xr.Dataset:
    """Embeddings and every block of simulated passes, with their truth."""
    parts = []
    for seed in range(first, first + passes):
        ds = xos.simulate.vignettes(20, seed=seed, shape=(384, 384))
        ds = ds.chunk(vignette=5)
        made = ds[list(HEADS)].assign(embedding_vector=ds.oceansar.embed())
        for block in FEATURE_BLOCKS.values():
            made = made.assign(block.function(ds)[list(block.variables)].data_vars)
        parts.append(made.compute(scheduler="synchronous"))
    return xr.concat(parts, "vignette", data_vars="minimal", coords="minimal")


def score(predicted: xr.DataArray, truth: xr.DataArray, sea: np.ndarray) -> float:
    """Root mean square error of a number over the open sea, accuracy of classes."""
    values = predicted.values
    if truth.name == "ocean_class":
        return float((values == truth.values).mean())
    good = np.isfinite(values) & sea
    return float(np.sqrt(((values - truth.values)[good] ** 2).mean()))


def main() -> None:
    """Fit, apply and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--train", type=int, default=30, help="passes")
    parser.add_argument("--test", type=int, default=10, help="passes")
    parser.add_argument("--to", required=True, help="folder of the bundles")
    args = parser.parse_args()
    warnings.simplefilter("ignore", OceansarWarning)
    learned, held_out = rows(args.train, 4100), rows(args.test, 900)
    blocks = list(FEATURE_BLOCKS)
    sea = held_out["ocean_class"].values != OCEAN_CLASSES.index("sea_ice")
    choices = [["embedding"], *([b] for b in blocks)]
    choices += [["embedding", b] for b in blocks] + [["embedding", *blocks]]
    for target, head in HEADS.items():
        for features in choices:
            folder = f"{args.to}/{target}-{'-'.join(features)}"
            model = fit(learned, target, head=head, features=features, to=folder).bundle
            if target == "ocean_class":
                predicted = held_out.oceansar.classify(model=model)["ocean_class"]
            elif target == "swh":
                predicted = held_out.oceansar.swh(model=model)
            else:
                predicted = held_out.oceansar.wind(model=model)["wind_speed"]
            found = score(predicted, held_out[target], sea)
            print(f"{target:12} {' + '.join(features):24} {found:.3f}", flush=True)


if __name__ == "__main__":
    main()
