"""What the width of an interval should depend on: nothing, the prediction, or the whole embedding.

Repeated splits of sets that the heads were not fitted on: 15 % of the rows tell the scale, 45 % give
the scores, 40 % are held out. Prints a Markdown table for each head, at 90 %.

    python benchmarks/studies/intervals.py --data a.zarr b.zarr --embedded a.npy b.npy
"""

import argparse
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import xarray as xr

from xoceansar.conventions import OCEAN_CLASSES
from xoceansar.models import load_model
from xoceansar.models.inference.runtime import head_block
from xoceansar.models.spec.intervals import conformal_quantile
from xoceansar.train.heads.conformal import error_scale

LEVEL, SPLITS = 0.9, 200
STATES = {"swh": (0, 1.5, 2.5, 4, 99), "wind_speed": (0, 4, 7, 11, 99)}

Array = npt.NDArray[np.floating]
Scale = Callable[[Array, Array, Array], Callable[[Array, Array], Array]]


def constant(value: Array, features: Array, error: Array) -> Callable[..., Array]:
    """Give every vignette the same width."""
    return lambda v, f: np.ones(len(v))


def by_prediction(value: Array, features: Array, error: Array) -> Callable[..., Array]:
    """Scale by the mean error at that prediction: what the library does."""
    knots, expected = error_scale(value, error)
    return lambda v, f: np.interp(v, knots, expected)


def by_embedding(value: Array, features: Array, error: Array) -> Callable[..., Array]:
    """Scale by a ridge regression of the log error on the prediction and the embedding."""
    mean, std = features.mean(axis=0), features.std(axis=0) + 1e-9

    def inputs(v: Array, f: Array) -> Array:
        level = np.log(np.maximum(v, 0.1))[:, None]
        return np.hstack(
            [(f - mean) / std, 3 * level, 3 * level**2, np.ones_like(level)]
        )

    x, y = inputs(value, features), np.log(error + 0.1 * error.mean())
    weight = np.linalg.solve(
        x.T @ x + 10 * len(x) * np.diag([*np.ones(x.shape[1] - 1), 0]), x.T @ y
    )
    return lambda v, f: np.exp(inputs(v, f) @ weight)


SCALES: dict[str, Scale] = {
    "constant width": constant,
    "scaled by the prediction": by_prediction,
    "scaled by the embedding": by_embedding,
}


def one_split(
    scale: Scale, value: Array, features: Array, truth: Array, beam: Array, seed: int
) -> tuple[Array, Array, Array]:
    """Half-width and hit of the held-out rows, and which they are."""
    chance = np.random.default_rng(seed).random(len(value))
    error = np.abs(truth - value)
    first, scores, new = chance < 0.15, (chance >= 0.15) & (chance < 0.6), chance >= 0.6
    fitted = scale(value[first], features[first], error[first])
    s = fitted(value, features)
    half = np.full(len(value), np.nan)
    for name in np.unique(beam):
        own = beam == name
        normalised = np.sort((error / s)[scores & own])
        half[own] = s[own] * conformal_quantile(normalised, LEVEL)
    return half[new], (error <= half)[new], np.flatnonzero(new)


def compare(
    target: str, value: Array, features: Array, truth: Array, beam: Array
) -> None:
    """Print the table of a head."""
    edges = STATES[target]
    bins = [f"{low} to {high}".replace("to 99", "up") for low, high in pairwise(edges)]
    print(
        f"\n| {target}, {len(value)} vignettes | mean width | coverage | {' | '.join(bins)} |"
    )
    print("|---" * (3 + len(bins)) + "|")
    for name, scale in SCALES.items():
        made = [
            one_split(scale, value, features, truth, beam, s) for s in range(SPLITS)
        ]
        half, hit, rows = (np.concatenate(part) for part in zip(*made, strict=True))
        width = (value[rows] + half) - np.maximum(value[rows] - half, 0)
        state = np.digitize(truth[rows], edges[1:-1])
        covered = [f"{hit[state == i].mean():.3f}" for i in range(len(bins))]
        print(
            f"| {name} | {width.mean():.3f} | {hit.mean():.3f} | {' | '.join(covered)} |"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, nargs="+", required=True)
    parser.add_argument("--embedded", type=Path, nargs="+", required=True)
    given = parser.parse_args()
    handle = load_model()
    sets = [xr.open_zarr(path) for path in given.data]
    out = np.concatenate([np.load(path) for path in given.embedded])

    def joined(name: str) -> npt.NDArray[np.generic]:
        return np.concatenate([ds[name].values for ds in sets])

    incidence = np.concatenate([ds["incidence"].mean("sample").values for ds in sets])
    beam = joined("beam").astype(str)
    sea = joined("ocean_class") != OCEAN_CLASSES.index("sea_ice")
    for target in STATES:
        value = head_block(
            out[:, :-2], out[:, -2], incidence, handle=handle, head=target
        )[:, 0].astype(np.float64)
        rows = sea & np.isfinite(value)
        compare(target, value[rows], out[rows, :-2], joined(target)[rows], beam[rows])


if __name__ == "__main__":
    main()
