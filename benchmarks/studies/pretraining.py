"""Compare ways to pretrain, all else equal, on simulated vignettes unseen in training.

    python benchmarks/studies/pretraining.py baselines curation inputs losses start curve

Each run appends one line to results.jsonl beside this script (a run that is there is not made
again); docs/pretraining.md shows them. Needs the vignettes of training/sim-vit-tiny (train.py simulate), and
takes some five minutes for each run on one core.
"""

import argparse
import json
import tempfile
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
import xarray as xr
from _probes import Probes, untrained

from xoceansar.models import load_model
from xoceansar.train.pretraining.config import PretrainConfig, parse_config
from xoceansar.train.pretraining.entry import pretrain

HERE = Path(__file__).parent
RESULTS = HERE / "results.jsonl"
POOL = HERE.parents[1] / "training/sim-vit-tiny/cache/pool.zarr"
#: Vignettes of the pool that the studies use.
N_POOL = 2400
SEEDS = (0, 1, 2)

Tables = dict[str, dict[str, Any]]

INPUTS: dict[str, Tables] = {
    "global dB": {"input": {"centre": "global", "mean": -12.0, "std": 6.0}},
    "roughness": {
        "input": {"scale": "roughness", "centre": "global", "mean": -2.0, "std": 4.0}
    },
}
LOSSES: dict[str, Tables] = {
    "DINO": {"losses": {"ibot": 0.0, "koleo": 0.0}},
    "DINO + iBOT": {"losses": {"koleo": 0.0}},
    "DINO + KoLeo": {"losses": {"ibot": 0.0}},
}
RANDOM: Tables = {"backbone": {"start": "random"}}
CURATED: Tables = {"curation": {"enabled": True}}


def studies(names: list[str]) -> Iterator[tuple[str, Tables, int, int | None]]:
    """Yield variant, what it changes, seed and steps (0: untrained; None: those of base.toml)."""
    if "baselines" in names:
        for seed in SEEDS:
            yield "random start, untrained", RANDOM, seed, 0
            yield "untrained", {}, seed, 0
    if "curation" in names:
        for seed in SEEDS:
            yield "all losses", {}, seed, None
            yield "all losses, curated", CURATED, seed, None
    if "inputs" in names:
        yield from ((name, tables, 0, None) for name, tables in INPUTS.items())
    if "losses" in names:
        yield from ((name, tables, 0, None) for name, tables in LOSSES.items())
    if "start" in names:
        yield "random start", RANDOM, 0, None
    if "curve" in names:
        for steps in (50, 450):
            yield "all losses", {}, 0, steps


def recipe(changes: Tables, seed: int, steps: int | None) -> PretrainConfig:
    """Return base.toml with some values changed."""
    table = tomllib.loads((HERE / "base.toml").read_text())
    for name, values in changes.items():
        table[name] = {**table[name], **values}
    config = parse_config({**table, "seed": seed})
    return config if not steps else config.with_steps(steps)


def measure(
    variant: str, changes: Tables, seed: int, steps: int | None, probes: Probes
) -> dict[str, Any]:
    """Train and score one variant."""
    config = recipe(changes, seed, steps)
    record: dict[str, Any] = {
        "variant": variant,
        "seed": seed,
        "steps": config.optimisation.steps if steps != 0 else 0,
    }
    with tempfile.TemporaryDirectory() as folder:
        if steps == 0:
            handle = untrained(config, Path(folder))
            return record | {"images": 0} | probes.of_bundle(handle)
        archive = xr.open_zarr(POOL).isel(vignette=slice(N_POOL))
        start = time.perf_counter()
        run = pretrain(archive, config, folder)
        record["seconds"] = round(time.perf_counter() - start)
        curated = Path(folder, "curation.jsonl")
        if curated.exists():
            record["curation"] = [
                {
                    key: item[key]
                    for key in ("epoch", "step", "available", "kept", "classes",
                                "effective_clusters")
                }
                for item in map(json.loads, curated.read_text().splitlines())
            ]  # fmt: skip
        log = run.log()
        for name in ("dino", "ibot", "koleo", "entropy", "marginal_entropy", "cosine"):
            if name in log:
                record[name] = round(float(log[name].iloc[-5:].mean()), 3)
        record["images"] = run.counters["images"]
        return record | probes.of_bundle(load_model(run.bundle))


def done() -> set[tuple[str, int, int]]:
    """Return the runs that the results hold."""
    if not RESULTS.exists():
        return set()
    rows = map(json.loads, RESULTS.read_text().splitlines())
    return {(row["variant"], row["seed"], row["steps"]) for row in rows}


def add(record: dict[str, Any]) -> None:
    """Append a run to the results."""
    with RESULTS.open("a") as file:
        file.write(json.dumps(record) + "\n")
    print(json.dumps(record), flush=True)


def main() -> None:
    """Make the runs of the studies named on the command line that are not there yet."""
    names = ["baselines", "curation", "inputs", "losses", "start", "curve"]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("studies", nargs="*", default=names, metavar=f"{names}")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    probes = Probes()
    if ("hand features", 0, 0) not in done():
        for name, scores in (
            ("hand features", probes.of_hand_features()),
            ("mean sigma0 and incidence", probes.of_the_level()),
        ):
            add({"variant": name, "seed": 0, "steps": 0, **scores})
    for variant, changes, seed, steps in studies(arguments.studies):
        wanted = recipe(changes, seed, steps).optimisation.steps if steps != 0 else 0
        if (variant, seed, wanted) not in done():
            add(measure(variant, changes, seed, steps, probes))


if __name__ == "__main__":
    main()
