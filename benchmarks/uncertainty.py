"""How far the shipped bundle's intervals, probabilities and distance score can be believed.

On simulated vignettes that neither fit nor calibration saw: an archive given by --data, or N simulated
here. With the archive, --embedded takes its embeddings from a file (embedding, mean sigma0, valid
fraction, as `embed_block` gives them).

    python benchmarks/uncertainty.py --n 4000
    python benchmarks/uncertainty.py --data held_out.zarr --embedded held_out.npy
"""

import argparse
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import xarray as xr
from _perturbed import PERTURBATIONS, other_incidence
from _report import report
from scipy.stats import rankdata

from xoceansar import simulate
from xoceansar.conventions import OCEAN_CLASSES
from xoceansar.evaluate.metrics import expected_calibration_error, log_loss
from xoceansar.models import load_model
from xoceansar.models.inference.runtime import embed_block, head_block
from xoceansar.models.spec import ModelHandle

SEED = 9_000_000
LEVELS = (0.8, 0.9, 0.95)
#: Vignettes of a beam from which coverage is held to its bar.
ENOUGH = 1000
UNITS = {"swh": "m", "wind_speed": "m/s"}
#: Edges of the sea states: metres, metres per second.
STATES = {"swh": (0, 1.5, 2.5, 4, 99), "wind_speed": (0, 4, 7, 11, 99)}
#: A score above this is what a careful user would look at: one good vignette in twenty.
FAR = 0.95

Array = npt.NDArray[np.floating]


def embedded(images: Array, incidence: Array, handle: ModelHandle) -> Array:
    """Embed in small blocks."""
    parts = [
        np.column_stack(
            embed_block(
                np.asarray(images[i : i + 32], np.float32),
                incidence[i : i + 32],
                handle=handle,
            )
        )
        for i in range(0, len(images), 32)
    ]
    return np.concatenate(parts)


def applied(
    out: Array,
    incidence: Array,
    handle: ModelHandle,
    target: str,
    level: float | None = None,
) -> Array:
    """Apply a head to what `embed_block` gave."""
    return head_block(
        out[:, :-2], out[:, -2], incidence, handle=handle, head=target, confidence=level
    )


def intervals(
    ds: xr.Dataset, out: Array, incidence: Array, handle: ModelHandle
) -> None:
    """Coverage for each beam, width, and coverage by sea state."""
    beam = ds["beam"].values.astype(str)
    sea = ds["ocean_class"].values != OCEAN_CLASSES.index("sea_ice")
    for target, units in UNITS.items():
        truth = np.where(sea, ds[target].values, np.nan)
        for level in LEVELS:
            value, low, high = applied(out, incidence, handle, target, level).T
            known = np.isfinite(truth) & np.isfinite(value)
            hit = (truth >= low) & (truth <= high)
            percent = f"{level:.0%}".rstrip("%")
            for name in ("wv1", "wv2"):
                rows = known & (beam == name)
                found, n = float(hit[rows].mean()), int(rows.sum())
                report(
                    f"uncertainty.simulated.{target}.{name}.coverage_{percent}",
                    found,
                    f"of {n}",
                    f"within 0.02 of {level} on {ENOUGH} or more",
                    abs(found - level) <= 0.02 if n >= ENOUGH else None,
                )
            width = float((high - low)[known].mean())
            name = f"uncertainty.simulated.{target}.width_{percent}"
            report(name, width, units, "", None)
            if level != 0.9:
                continue
            edges = STATES[target]
            for least, most in pairwise(edges):
                rows = known & (truth >= least) & (truth < most)
                name = f"uncertainty.simulated.{target}.coverage_90.{least}_to_{most}"
                report(name, float(hit[rows].mean()), f"of {rows.sum()}", "", None)


def classes(ds: xr.Dataset, out: Array, incidence: Array, handle: ModelHandle) -> None:
    """Log-loss and calibration error, as fitted and at the temperature of the head."""
    truth = ds["ocean_class"].values
    after = applied(out, incidence, handle, "ocean_class").astype(np.float64)
    before = after ** handle.head("ocean_class").temperature
    before /= before.sum(axis=1, keepdims=True)
    for name, metric in (("log_loss", log_loss), ("ece", expected_calibration_error)):
        raw, calibrated = metric(truth, before), metric(truth, after)
        key = f"uncertainty.simulated.ocean_class.{name}"
        report(f"{key}_before", float(raw), "1", "", None)
        report(f"{key}_after", float(calibrated), "1", "<= before", calibrated <= raw)


def auroc(near: Array, far: Array) -> float:
    """Probability that a far one has the higher score."""
    ranks = rankdata(np.concatenate([near, far]))[len(near) :]
    return float((ranks.sum() / len(far) - (len(far) + 1) / 2) / len(near))


def distance(
    ds: xr.Dataset, out: Array, incidence: Array, handle: ModelHandle, altered: int
) -> None:
    """Tell altered vignettes from others that were left as they were."""
    score = applied(out, incidence, handle, "ood_score")[:, 0]
    share = float((score > FAR).mean())
    name = "uncertainty.simulated.ood_score.above_0.95"
    report(
        name,
        share,
        f"of {len(score)}",
        "within 0.02 of 0.05",
        abs(share - 0.05) <= 0.02,
    )
    images = ds["sigma0"][:altered].values.astype(np.float64)
    rng = np.random.default_rng(SEED)
    cases = {
        name: (np.stack([alter(image, rng) for image in images]), incidence[:altered])
        for name, alter in PERTURBATIONS.items()
    }
    cases["incidence_30_degrees"] = other_incidence(altered // 2, SEED)
    for name, (changed, angle) in cases.items():
        far = applied(embedded(changed, angle, handle), angle, handle, "ood_score")[
            :, 0
        ]
        value = auroc(score[altered:], far)
        report(f"uncertainty.simulated.ood_score.auroc.{name}", value, "1", "", None)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=400, help="vignettes to simulate")
    parser.add_argument("--data", type=Path, help="archive with sigma0 and the truth")
    parser.add_argument("--embedded", type=Path, help="its embeddings, .npy")
    parser.add_argument("--model", help="name or folder; the shipped bundle otherwise")
    parser.add_argument("--altered", type=int, default=100, help="vignettes to alter")
    given = parser.parse_args()
    ds = (
        xr.open_zarr(given.data)
        if given.data
        else simulate.vignettes(given.n, seed=SEED)
    )
    handle = load_model(given.model)
    incidence = ds["incidence"].mean("sample").values
    if given.embedded:
        out = np.load(given.embedded)
    else:
        out = embedded(ds["sigma0"], incidence, handle)
    intervals(ds, out, incidence, handle)
    classes(ds, out, incidence, handle)
    if any(head.target == "ood_score" for head in handle.heads):
        distance(ds, out, incidence, handle, given.altered)


if __name__ == "__main__":
    main()
