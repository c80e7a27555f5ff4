from dataclasses import replace

import numpy as np
import pytest

from xoceansar.errors import DimensionError, TrainingError
from xoceansar.models import HeadSpec
from xoceansar.models.heads.head import head_inputs
from xoceansar.sar.bearings import axis_error, decode_axis, encode_axis
from xoceansar.train import fit_direction

SPEC = HeadSpec(
    name="wind_to_direction",
    kind="linear",
    target="wind_to_direction",
    units="degree",
    encoding="axis",
    pooling="cls",
    backbone_sha256="a" * 64,
)
N = 600
RNG = np.random.default_rng(4)
ANGLE = RNG.uniform(0, 360, N)


def features(noise, angle=ANGLE, seed=0):
    """Eight numbers that are linear in the code of the axis, with noise."""
    rng = np.random.default_rng(9)
    mixed = encode_axis(angle) @ rng.normal(size=(2, 8)) + rng.normal(size=8)
    wobble = np.random.default_rng(seed).normal(size=mixed.shape)
    return (mixed + noise * wobble).astype(np.float32)


def error(head, x, angle):
    out = head(head_inputs(x, None, None, head.spec))
    return (decode_axis(out) - angle + 90) % 180 - 90, out


def test_it_finds_the_axis_whatever_the_end():
    head = fit_direction(features(0.0), ANGLE, SPEC)
    found, _ = error(head, features(0.0), ANGLE + 180 * RNG.integers(0, 2, N))
    np.testing.assert_allclose(found, 0, atol=0.2)
    assert head.spec.metrics["cv_rmse"] < 0.2
    assert head.spec.metrics["n_fit"] == N


@pytest.mark.parametrize("noise", [3.0, 10.0, 1000.0])
def test_its_expected_error_is_its_error(noise):
    angle = np.random.default_rng(7).uniform(0, 360, 4000)
    head = fit_direction(features(noise, angle), angle, SPEC)
    new = np.random.default_rng(8).uniform(0, 360, 4000)
    found, out = error(head, features(noise, new, seed=1), new)
    rmse = np.sqrt((found**2).mean())
    expected = np.sqrt((axis_error(out) ** 2).mean())
    assert expected == pytest.approx(rmse, rel=0.12)
    for name, value in (("cv_rmse", rmse), ("cv_expected_rmse", expected)):
        assert head.spec.metrics[name] == pytest.approx(value, rel=0.08)
    if noise == 1000.0:
        assert rmse == pytest.approx(52, abs=1.5)


def test_a_linear_law_overstates_a_small_error():
    """It shortens every code alike, however well the axis is seen: on the safe side."""
    angle = np.random.default_rng(7).uniform(0, 360, 2000)
    head = fit_direction(features(1.0, angle), angle, SPEC)
    found, out = error(head, features(1.0, angle, seed=1), angle)
    rmse = np.sqrt((found**2).mean())
    assert rmse < 15
    assert rmse < np.sqrt((axis_error(out) ** 2).mean()) < 2 * rmse


def test_rows_are_dropped_groups_kept_apart_and_inputs_used():
    angle = ANGLE.copy()
    angle[:50] = np.nan
    spec = replace(SPEC, ancillary=("texture_cos2", "texture_sin2"))
    nothing = RNG.normal(size=(N, 3)).astype(np.float32)
    head = fit_direction(nothing, angle, spec, texture=encode_axis(ANGLE))
    assert head.spec.metrics["n_dropped"] == 50
    assert head.spec.metrics["cv_rmse"] < 3
    groups = np.repeat(np.arange(30), 20)
    told = np.eye(30, dtype=np.float32)[groups]
    of_group = RNG.uniform(0, 180, 30)[groups]
    assert fit_direction(told, of_group, SPEC).spec.metrics["cv_rmse"] < 2
    apart = fit_direction(told, of_group, SPEC, groups=groups)
    assert apart.spec.metrics["cv_rmse"] > 40
    with pytest.raises(DimensionError, match="texture"):
        fit_direction(nothing, angle, spec)


@pytest.mark.parametrize(
    "spec", [replace(SPEC, encoding="direct"), replace(SPEC, kind="knn")]
)
def test_another_head_is_refused(spec):
    with pytest.raises(TrainingError, match=spec.name):
        fit_direction(features(0.0), ANGLE, spec)
