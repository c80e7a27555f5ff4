"""The head for the wind direction: its truth, its texture input, its fit and its score."""

from pathlib import Path
from typing import Any

import numpy as np
from data import BLOCK, CACHE, Labelled

from xoceansar.models import Head, HeadSpec, ModelHandle
from xoceansar.models.heads.head import head_inputs
from xoceansar.sar.bearings import axis_error, decode_axis, look_angle
from xoceansar.sar.texture import texture_axis
from xoceansar.simulate.recipe import make_recipe
from xoceansar.train import fit_direction

ANCILLARY = (
    "sigma0_mean_db",
    "incidence",
    "gmf_wind",
    "texture_cos2",
    "texture_sin2",
)


def fit_wind_direction(
    data: dict[str, Labelled],
    embedded: dict[str, np.ndarray],
    handle: ModelHandle,
    config: dict[str, Any],
) -> Head:
    """Fit the axis of the wind on the training set; its score on the test set goes to its metrics."""
    spec = HeadSpec(
        name="wind_to_direction",
        kind="linear",
        target="wind_to_direction",
        units="degree",
        encoding="axis",
        ancillary=ANCILLARY,
        pooling=handle.backbone.pooling,
        backbone_sha256=handle.weights_sha256,
    )
    train = embedded["train"]
    head = fit_direction(
        train[:, :-2],
        angles("train", data["train"], config),
        spec,
        sigma0_mean=train[:, -2],
        incidence=data["train"].incidence,
        texture=texture("train", data["train"]),
    )
    test = embedded["test"]
    out = head(
        head_inputs(
            test[:, :-2],
            test[:, -2],
            data["test"].incidence,
            head.spec,
            texture("test", data["test"]),
        )
    )
    head.spec.metrics.update(score(out, angles("test", data["test"], config), data["test"]))  # fmt: skip
    return head


def score(out: np.ndarray, angle: np.ndarray, data: Labelled) -> dict[str, float]:
    """Errors of the axis, degrees: over the open sea, on streaks, and of the surest tenth."""
    error = np.mod(decode_axis(out) - angle + 90, 180) - 90
    expected = axis_error(out)
    sea = np.flatnonzero(np.isfinite(error))
    surest = sea[np.argsort(expected[sea])[: len(sea) // 10]]
    chosen = {"": sea, "_streaks": np.flatnonzero(data.classes == 1), "_surest_tenth": surest}  # fmt: skip
    found: dict[str, float] = {}
    for name, rows in chosen.items():
        found[f"test_rmse{name}"] = float(np.sqrt((error[rows] ** 2).mean()))
        found[f"test_expected_rmse{name}"] = float(np.sqrt((expected[rows] ** 2).mean()))  # fmt: skip
    return found


def angles(name: str, data: Labelled, config: dict[str, Any]) -> np.ndarray:
    """Angle of the wind to the look direction, degrees; NaN under sea ice.

    From the archive, or, where an archive was made without it, from the seeds: the wind of a scene
    is drawn without its waves and its image.
    """
    if "wind_to_direction" in data.ds:
        angle = look_angle(data.ds["wind_to_direction"], data.ds["ground_heading"])
    else:
        angle = _kept(
            f"{name}_wind_angle", lambda: _from_seeds(name, len(data), config)
        )
    return np.where(data.classes != 5, angle, np.nan)


def _from_seeds(name: str, n: int, config: dict[str, Any]) -> np.ndarray:
    out = np.empty(n)
    for first in range(0, n, BLOCK):
        seed = config[f"seed_{name}"] + first
        recipe = make_recipe(seed, None, None, (384, 384), 50.0, config["oversample"])
        for row in range(min(BLOCK, n - first)):
            out[first + row] = recipe.wind(row)[1]
    return out


def texture(name: str, data: Labelled) -> np.ndarray:
    """Direction of the kilometre-scale texture of each vignette."""

    def measure() -> np.ndarray:
        sigma0 = data.ds["sigma0"]
        parts = [
            texture_axis(sigma0[i : i + 64].values, 50.0)
            for i in range(0, len(data), 64)
        ]
        return np.concatenate(parts)

    return _kept(f"{name}_texture", measure)


def _kept(name: str, make: Any) -> np.ndarray:
    """Read from the cache, or make and keep."""
    path = Path(CACHE) / f"{name}.npy"
    if not path.exists():
        np.save(path, make())
    return np.load(path)
