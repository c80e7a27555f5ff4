"""Skill of the shipped bundle on unseen simulated vignettes, beside two baselines.

The baselines are ridge and logistic regressions fitted by training/sim-vit-tiny/train.py on the same
training vignettes as the bundle's heads: on the mean sigma0 and the beam, and on 68 hand features.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import xarray as xr
from _report import report

from xoceansar import simulate
from xoceansar.evaluate import hand_features

N, SEED = 300, 4_000_000
BASELINES = Path(__file__).parents[1] / "training/sim-vit-tiny/baselines.npz"
UNITS = {"swh": "m", "wind_speed": "m/s", "ocean_class": "accuracy"}


def baseline(arrays: dict[str, np.ndarray], key: str, x: np.ndarray) -> np.ndarray:
    """Apply a stored regression."""
    mean, std, weight, bias = (
        arrays[f"{key}/{k}"] for k in ("mean", "std", "weight", "bias")
    )
    out = (x - mean) / std @ weight + bias
    return out.argmax(1) if weight.shape[1] > 1 else np.maximum(out[:, 0], 0)


def estimates(ds: xr.Dataset) -> Iterator[tuple[str, str, np.ndarray]]:
    """Yield method, target and values."""
    result = ds[["sigma0"]].oceansar.retrieve().compute()
    for target in UNITS:
        yield "bundle", target, result[target].values
    arrays = dict(np.load(BASELINES))
    wv1 = ds["beam"].values == "wv1"
    hand = np.stack(
        [
            hand_features(image, spacing=50.0, wv1=near)
            for image, near in zip(ds["sigma0"].values, wv1, strict=True)
        ]
    )
    level = np.c_[hand[:, 0] * 10 / np.log(10), wv1]
    for name, x in (("level", level), ("hand", hand)):
        for target in UNITS:
            yield name, target, baseline(arrays, f"{name}/{target}", x)


def main() -> None:
    ds = simulate.vignettes(N, seed=SEED)
    classes = ds["ocean_class"].values
    sea = classes != 5
    scores: dict[tuple[str, str], float] = {}
    for method, target, values in estimates(ds):
        if target == "ocean_class":
            scores[method, target] = float((values == classes).mean())
        else:
            error = (values - ds[target].values)[sea]
            scores[method, target] = float(np.sqrt((error**2).mean()))
    for (method, target), value in scores.items():
        name = f"skill.simulated.{method}.{target}"
        if method != "bundle":
            report(name, value, UNITS[target], "", None)
            continue
        other = scores["level", target]
        better = value > other if target == "ocean_class" else value < other
        sign = ">" if target == "ocean_class" else "<"
        report(name, value, UNITS[target], f"{sign} level alone ({other:.3g})", better)


if __name__ == "__main__":
    main()
