"""The head for the wind direction: its truth, its texture input, its fit and its score."""

import numpy as np
from data import Labelled, kept

from xoceansar.models import Head, HeadSpec, ModelHandle
from xoceansar.models.heads.head import head_inputs
from xoceansar.sar.bearings import axis_error, decode_axis, look_angle
from xoceansar.sar.texture import texture_axis
from xoceansar.train import fit_direction

ANCILLARY = (
    "sigma0_mean_db",
    "incidence",
    "gmf_wind",
    "texture_cos2",
    "texture_sin2",
)


def fit_wind_direction(train: Labelled, test: Labelled, handle: ModelHandle) -> Head:
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
    embedded = train.embedding(handle)
    head = fit_direction(
        embedded[:, :-2],
        angles(train),
        spec,
        sigma0_mean=embedded[:, -2],
        incidence=train.incidence,
        texture=texture(train),
    )
    seen = test.embedding(handle)
    inputs = head_inputs(
        seen[:, :-2], seen[:, -2], test.incidence, head.spec, texture(test)
    )
    head.spec.metrics.update(score(head(inputs), angles(test), test))
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


def angles(data: Labelled) -> np.ndarray:
    """Angle of the wind to the look direction, degrees; NaN under sea ice."""
    angle = look_angle(data.ds["wind_to_direction"], data.ds["ground_heading"])
    return np.where(data.classes != 5, angle, np.nan)


def texture(data: Labelled) -> np.ndarray:
    """Direction of the kilometre-scale texture of each vignette."""
    sigma0 = data.ds["sigma0"]

    def measure() -> np.ndarray:
        parts = [
            texture_axis(sigma0[i : i + 64].values, 50.0)
            for i in range(0, len(data), 64)
        ]
        return np.concatenate(parts)

    return kept(f"{data.name}_axis", len(data), measure)
