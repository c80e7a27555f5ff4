"""Pretrain a backbone without labels, look at what it learned from, and embed with it.

The vignettes are simulated and the run is a few steps, a minute or two on two processor cores: it shows
how the parts fit together. docs/pretraining.md says what a real run takes.
"""

import tempfile
from pathlib import Path

import xarray as xr

import xoceansar as xos
from xoceansar import simulate
from xoceansar.train import load_config, pretrain


def main() -> None:
    """Simulate an archive, pretrain on it, embed new vignettes."""
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder, "archive.zarr")
        vignettes = simulate.vignettes(64, seed=1, shape=(256, 256), chunks=8)
        xos.to_zarr(vignettes.drop_vars("nesz"), archive)

        config = load_config("two-cores").with_steps(6)
        run = pretrain(xr.open_zarr(archive), config, Path(folder, "run"))
        print(run.log()[["step", "loss", "dino", "ibot", "koleo", "feature_std"]])

        new = simulate.vignettes(4, seed=2, shape=(256, 256))
        print(new.oceansar.embed(model=run.bundle))


if __name__ == "__main__":
    main()
