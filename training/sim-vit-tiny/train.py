"""Make the shipped bundle: a ViT-Ti/16 pretrained without labels on simulated vignettes, and its heads.

    python training/sim-vit-tiny/train.py simulate    # the pool and the labelled sets, into cache/
    python training/sim-vit-tiny/train.py pretrain    # the backbone, into cache/run; goes on where it was
    python training/sim-vit-tiny/train.py heads       # heads, baselines, scores, the bundle
    python training/sim-vit-tiny/train.py values      # only the heads that take no embedding, anew

The backbone sees the pool alone, whose classes are as uneven as those of an archive, and no label of it.
The heads are then fitted on the frozen backbone with labelled vignettes of other seeds. Everything
here is simulated.
"""

import argparse
import shutil
import tomllib
from pathlib import Path
from typing import Any

from data import CACHE, FURTHER, LABELLED, open_set, simulate_set

from xoceansar.train.pretraining.config import load_config
from xoceansar.train.pretraining.entry import pretrain

HERE = Path(__file__).parent


def read_config() -> dict[str, Any]:
    """Return config.toml."""
    return tomllib.loads((HERE / "config.toml").read_text())


def simulate_all() -> None:
    """Write the vignettes that are not there yet."""
    data = read_config()["data"]
    CACHE.mkdir(exist_ok=True)
    for name in ("pool", *LABELLED, *FURTHER):
        simulate_set(name, data)


def train_backbone() -> None:
    """Pretrain, and keep the log beside the recipe."""
    run = pretrain(
        open_set("pool"),
        load_config(HERE / "pretrain.toml"),
        CACHE / "run",
        probe=open_set("validation"),
        resume=True,
    )
    run.log().to_csv(HERE / "log.csv", index=False, float_format="%.6g")
    shutil.copy(run.folder / "curation.jsonl", HERE / "curation.jsonl")


def main() -> None:
    """Run one step of the recipe."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("step", choices=("simulate", "pretrain", "heads", "values"))
    step = parser.parse_args().step
    if step == "simulate":
        simulate_all()
    elif step == "pretrain":
        train_backbone()
    else:
        from heads import fit_heads, refit_values

        (fit_heads if step == "heads" else refit_values)(read_config())


if __name__ == "__main__":
    main()
