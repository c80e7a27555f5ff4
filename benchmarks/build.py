"""From simulated products and their Level-2 twins to a model, and the same model after kills at random moments.

By default sixty products of fifty vignettes at half size, which takes most of an hour on two cores; less
with --products and --each. What is made is kept in --folder, and used again.

    python benchmarks/build.py
    python benchmarks/build.py --products 16 --each 6 --kills 3
"""

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from _report import report

import xoceansar as xos

SCALE, SHAPE = 0.52, (192, 192)
#: Points that the coverage may be off, and vignettes from which it is held to that.
POINTS, ENOUGH = 0.02, 300
#: Seconds between the start of a build and its end by a kill.
SOONEST = 4.0

CALL = """
import sys
import xoceansar as xos
if __name__ == "__main__":
    xos.build(sys.argv[1], sys.argv[2], truth="ocn", shape=({}, {}), workers=int(sys.argv[3]))
""".format(*SHAPE)


def write_products(folder: Path, products: int, each: int) -> None:
    """Write SLC products of passes two days apart, and the OCN product of each."""
    for k in range(products):
        if (folder / f"{k}.done").exists():
            continue
        start = np.datetime64("2021-01-01T08:30:25.749829") + np.timedelta64(2 * k, "D")
        product = xos.simulate.write_safe(
            folder,
            n=each,
            seed=1000 * k,
            scale=SCALE,
            start=str(start),
            orbit=26_300 + k,
            datatake=k + 1,
            latitude=float(np.random.default_rng(k).uniform(-40, 40)),
        )
        xos.simulate.write_ocn(product, folder, seed=k, spectra=False)
        (folder / f"{k}.done").touch()


def start_build(
    script: Path, products: Path, model: Path, workers: int
) -> "subprocess.Popen[bytes]":
    """Start a build in a process group of its own, so that a kill takes its workers too."""
    return subprocess.Popen(
        [
            sys.executable,
            "-W",
            "ignore",
            str(script),
            str(products),
            str(model),
            str(workers),
        ],
        start_new_session=True,
        stdout=subprocess.DEVNULL,
    )


def built(script: Path, products: Path, model: Path, workers: int) -> float:
    """Build without being disturbed; return the seconds."""
    begin = time.perf_counter()
    if start_build(script, products, model, workers).wait():
        raise SystemExit("the build failed; see above")
    return time.perf_counter() - begin


def killed(
    script: Path, products: Path, model: Path, workers: int, kills: int, longest: float
) -> int:
    """Build, killed at random moments; return the kills that met it at work."""
    chance = random.Random(0)
    met = 0
    for _ in range(kills):
        process = start_build(script, products, model, workers)
        try:
            process.wait(chance.uniform(SOONEST, max(longest / 2, 2 * SOONEST)))
            break  # it came to its end
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, 9)
            process.wait()
            met += 1
    built(script, products, model, workers)
    return met


def same_files(one: Path, other: Path) -> bool:
    """Say whether two folders hold the same bytes."""
    files = [
        {p.relative_to(f): p.read_bytes() for p in f.rglob("*") if p.is_file()}
        for f in (one, other)
    ]
    return files[0] == files[1]


def tell_scores(work: Path) -> None:
    """Report errors beside those of hand features, and the coverage of the intervals."""
    found = json.loads((work / "evaluation" / "stage.json").read_text())
    for target, units in (("swh", "m"), ("wind_speed", "m/s")):
        for part, models in found["scores"][target].items():
            hand = next((v for k, v in models.items() if "hand" in k), None)
            own = models["model"]
            beside = (
                "no hand features"
                if hand is None
                else f"< {hand['rmse']:.3g} of hand features"
            )
            holds = None if hand is None else own["rmse"] < hand["rmse"]
            report(f"build.{target}.{part}.rmse", own["rmse"], units, beside, holds)
    for row in found["coverage"]:
        off = abs(row["held"] - row["wanted"])
        report(
            f"build.{row['target']}.{row['part']}.coverage",
            100 * row["held"],
            "%",
            f"{100 * row['wanted']:g} +- {100 * POINTS:g} (n = {row['n']})",
            off <= POINTS if row["n"] >= ENOUGH else None,
        )
    page = (work / "report" / "report.md").read_text()
    wanted = (
        "## Data",
        "## Truth",
        "Worst errors of swh",
        "Coverage of the intervals",
        "-map.png",
    )
    report(
        "build.report_sections",
        sum(w in page for w in wanted),
        "",
        f"{len(wanted)}",
        all(w in page for w in wanted),
    )


def main() -> None:
    """Make the products, build twice, compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--products", type=int, default=60)
    parser.add_argument("--each", type=int, default=50)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--folder", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.folder or Path(temporary)
        products = folder / "products"
        products.mkdir(parents=True, exist_ok=True)
        write_products(products, given.products, given.each)
        script = folder / "call.py"
        script.write_text(CALL)
        for name in ("whole", "killed"):
            shutil.rmtree(folder / name, ignore_errors=True)
        seconds = built(script, products, folder / "whole" / "model", given.workers)
        n = given.products * given.each
        full = n >= 3000
        report(
            "build.minutes",
            seconds / 60,
            "min",
            f"<= 60 for {n} vignettes",
            seconds <= 3600 if full else None,
        )
        tell_scores(folder / "whole" / "model.build")
        met = killed(
            script,
            products,
            folder / "killed" / "model",
            given.workers,
            given.kills,
            seconds,
        )
        same = same_files(folder / "whole" / "model", folder / "killed" / "model")
        report("build.kills", met, "kills", "same bundle, bit for bit", same)


if __name__ == "__main__":
    main()
