"""The experiments of the paper on a few simulated vignettes, with the model that comes with the package.

Takes one to two minutes; fine-tuning, which takes longer, only with --all:

    python examples/experiments.py [--all] [FOLDER]

So few vignettes show how it works and not how good anything is. With your own: xoceansar experiment.
"""

import sys
import tempfile
from pathlib import Path

import xarray as xr

from xoceansar import simulate
from xoceansar.evaluate import EXPERIMENTS, experiment, write_experiment

PASSES, EACH = 12, 5


def labelled() -> xr.Dataset:
    """Sixty vignettes of twelve orbit passes, with their truth."""
    passes = [simulate.vignettes(EACH, seed=seed) for seed in range(PASSES)]
    return xr.concat(passes, "vignette", data_vars="minimal", coords="minimal")


def main() -> None:
    everything = "--all" in sys.argv
    names = [a for a in sys.argv[1:] if not a.startswith("-")]
    folder = Path(names[0] if names else tempfile.mkdtemp(prefix="xoceansar-"))
    ds = labelled()
    with_ice = ds.isel(vignette=ds["iceberg_count"].values > 0)
    for name, what in EXPERIMENTS.items():
        if name == "finetune" and not everything:
            continue
        print(f"\n{name}: {what.question}")
        options = {"limit": 15, "sensors": ["iw"]} if what.needs == "nothing" else {}
        data = {"nothing": None, "boxes": with_ice}.get(what.needs, ds)
        result = experiment(name, data, cache=folder / "cache", **options)
        print(result.table.to_string())
        for sentence in result.answer:
            print(f"- {sentence}")
        for sign in result.failures:
            print(f"! {sign.name}: {sign}")
        print("report:", write_experiment(result, folder / name))


if __name__ == "__main__":
    main()
