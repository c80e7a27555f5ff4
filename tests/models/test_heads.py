import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from xoceansar.errors import BundleError, DimensionError, WeightsMismatchError
from xoceansar.models import Head, HeadSpec
from xoceansar.models.heads.head import head_inputs, load_head, save_head
from xoceansar.sar.inversion import invert_cmod5n

LINEAR = HeadSpec(
    name="swh",
    kind="linear",
    target="swh",
    units="m",
    pooling="cls",
    backbone_sha256="a" * 64,
)
LOGISTIC = replace(
    LINEAR,
    name="c",
    kind="logistic",
    target="ocean_class",
    units="1",
    classes=("x", "y", "z"),
)
KNN, MLP = replace(LINEAR, kind="knn"), replace(LINEAR, kind="mlp")


def arrays(**values) -> dict[str, np.ndarray]:
    return {name: np.array(value, dtype=np.float32) for name, value in values.items()}


def head(spec: HeadSpec, **values) -> Head:
    return Head(spec, arrays(**{"mean": [1, 2], "std": [2, 4], **values}))


def linear(spec: HeadSpec = LINEAR) -> Head:
    return head(spec, weight=[[3], [5]], bias=[0.5])


def knn(spec: HeadSpec = KNN, values=((1,), (2,), (4,)), neighbours=2) -> Head:
    bank = [[1, 0], [0, 1], [-1, 0]]
    return head(spec, bank=bank, values=values, neighbours=neighbours, temperature=0.5)


def mlp(spec: HeadSpec = MLP) -> Head:
    return head(
        spec,
        weight0=[[1, 0, 1], [0, 1, -1]],
        bias0=[0, 0.5, 0],
        weight1=[[1, 2], [0, 1], [1, 0]],
        bias1=[0.1, -0.2],
        weight2=[[2], [-1]],
        bias2=[0.3],
    )


def gelu(x: float) -> float:
    return 0.5 * x * (1 + math.erf(x / math.sqrt(2)))


def test_linear_by_hand():
    out = linear()(np.array([[3.0, -2.0], [1.0, 2.0]]))
    np.testing.assert_allclose(out, [[3 * 1 + 5 * -1 + 0.5], [0.5]])
    assert out.dtype == np.float32


def test_weights_beyond_float32_are_refused():
    inputs = np.array([[3.0, -2.0], [3.0, 2.0]])
    huge = head(LINEAR, weight=[[3e38], [3e38]], bias=[0.5])
    for rows in ([[1e3, 1e3], [1e3, -1e3]], [[1e3, 1e3], [1.0, 2.0]]):
        with pytest.raises(BundleError, match="'swh' are beyond float32"):
            huge(np.array(rows))
    out = huge(np.array([[np.nan, 1e3], [1.0, 2.0]]))
    np.testing.assert_array_equal(out[:, 0], np.float32([np.nan, 0.5]))
    assert np.isfinite(linear()(inputs)).all()


def test_lower_bound_holds_and_missing_stays_missing():
    bounded = linear(replace(LINEAR, lower_bound=0.0))
    out = bounded(np.array([[3.0, -2.0], [3.0, 2.0], [np.nan, 2.0], [3.0, np.inf]]))
    np.testing.assert_array_equal(out[:, 0], np.float32([0, 3.5, np.nan, np.nan]))


def test_logistic_is_a_softmax():
    one = head(LOGISTIC, weight=[[1, 0, 0], [0, 2, 0]], bias=[0, 0, 1])
    out = one(np.array([[5.0, 2.0], [1e6, 2.0]]))
    expected = np.exp([2.0, 0.0, 1.0]) / np.exp([2.0, 0.0, 1.0]).sum()
    np.testing.assert_allclose(out, [expected, [1, 0, 0]], rtol=1e-6)
    np.testing.assert_allclose(out.sum(axis=1), 1, rtol=1e-6)


def test_knn_weighs_the_nearest_by_cosine():
    x = np.array([[1 + 2 * 3.0, 2 + 4 * 3.0]])  # standardised (3, 3), at 45 degrees
    assert knn()(x)[0, 0] == pytest.approx(1.5)
    x = np.array([[1 + 2 * 8.0, 2 + 4 * 6.0]])  # (0.8, 0.6) of unit length
    weights = np.exp(np.array([0.8, 0.6]) / 0.5)
    assert knn()(x)[0, 0] == pytest.approx((weights * [1, 2]).sum() / weights.sum())
    assert knn(neighbours=50)(x)[0, 0] > 1  # more neighbours than rows: all of them


def test_knn_votes_on_classes():
    spec = replace(LOGISTIC, kind="knn")
    out = knn(spec, values=[[1, 0, 0], [0, 1, 0], [0, 1, 0]], neighbours=3)(
        np.array([[1 + 2 * 8.0, 2 + 4 * 6.0]])
    )
    weights = np.exp(np.array([0.8, 0.6, -0.8]) / 0.5)
    weights /= weights.sum()
    np.testing.assert_allclose(
        out[0], [weights[0], weights[1] + weights[2], 0], rtol=1e-5
    )


def test_knn_blocks_do_not_matter():
    rng = np.random.default_rng(0)
    bank = rng.normal(size=(300, 2))
    bank /= np.linalg.norm(bank, axis=1, keepdims=True)
    many = head(
        KNN, bank=bank, values=rng.normal(size=(300, 1)), neighbours=7, temperature=0.1
    )
    x = rng.normal(size=(600, 2)) * 3
    rows = np.concatenate([many(x[i : i + 1]) for i in range(0, 600, 50)])
    np.testing.assert_allclose(many(x)[::50], rows, rtol=1e-5)


def test_mlp_by_hand():
    a, b = (2.0 - 1) / 2, (-3.0 - 2) / 4
    first = [gelu(a), gelu(b + 0.5), gelu(a - b)]
    second = [
        gelu(first[0] + first[2] + 0.1),
        gelu(2 * first[0] + first[1] - 0.2),
    ]
    expected = 2 * second[0] - second[1] + 0.3
    assert mlp()(np.array([[2.0, -3.0]]))[0, 0] == pytest.approx(expected, rel=1e-5)


def test_mlp_classifier_gives_probabilities():
    spec = replace(LOGISTIC, kind="mlp")
    values = {**mlp().arrays, "weight2": np.ones((2, 3), np.float32)}
    out = Head(spec, {**values, "bias2": np.float32([0, 1, 2])})(np.zeros((1, 2)))
    np.testing.assert_allclose(
        out[0], np.exp([0, 1, 2]) / np.exp([0, 1, 2]).sum(), rtol=1e-5
    )


@pytest.mark.parametrize("make", [linear, knn, mlp])
def test_heads_keep_missing_rows_apart_and_take_none(make):
    one = make()
    x = np.random.default_rng(0).normal(size=(5, 2))
    clean = one(x)
    x[2, 1] = np.nan
    out = one(x)
    np.testing.assert_allclose(np.delete(out, 2, 0), np.delete(clean, 2, 0), rtol=1e-6)
    assert np.isnan(out[2]).all()
    assert one(x[:0]).shape == (0, 1)
    assert np.isnan(one(x[2:3])).all()


@pytest.mark.parametrize("make", [linear, knn, mlp])
def test_heads_survive_the_file(tmp_path, make):
    one = make()
    spec = save_head(one, tmp_path)
    again = load_head(spec, tmp_path)
    x = np.random.default_rng(0).normal(size=(5, 2))
    np.testing.assert_array_equal(again(x), one(x))
    assert again.spec == spec
    file = tmp_path / spec.file
    file.write_bytes(file.read_bytes() + b" ")
    with pytest.raises(WeightsMismatchError):
        load_head(spec, Path(tmp_path))


def test_wrong_number_of_inputs_is_refused():
    with pytest.raises(WeightsMismatchError, match="takes 2 inputs"):
        linear()(np.zeros((3, 4)))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"weight": [[1, 2]]}, "'weight' must have the shape"),
        ({"std": [1]}, "'std'"),
        ({"bias": [np.nan]}, "'bias' holds values that are not finite"),
        ({"extra": [1]}, "needs the arrays"),
    ],
)
def test_broken_arrays_are_refused_by_name(change, message):
    with pytest.raises(BundleError, match=message):
        head(LINEAR, **{"weight": [[3], [5]], "bias": [0.5], **change})


def test_inputs_are_stacked_in_order():
    spec = replace(LINEAR, ancillary=("sigma0_mean_db", "incidence"))
    level, incidence = np.array([0.1, -0.01, np.nan]), np.array([23.0, 36.0, 36.0])
    out = head_inputs(np.zeros((3, 1)), level, incidence, spec)
    np.testing.assert_allclose(
        out, [[0, -10, 23], [0, -50, 36], [0, np.nan, 36]], rtol=1e-6
    )
    only = head_inputs(
        np.zeros((3, 1)), None, incidence, replace(spec, ancillary=("incidence",))
    )
    np.testing.assert_allclose(only, [[0, 23], [0, 36], [0, 36]])


def test_inputs_made_from_both_numbers_and_from_the_texture():
    spec = replace(LINEAR, ancillary=("gmf_wind", "texture_cos2", "texture_sin2"))
    level, incidence = np.array([0.02, np.nan, 0.3]), np.array([36.8, 36.8, 23.8])
    texture = np.array([[0.1, 0.2], [0.3, 0.4], [0.5, np.nan]])
    out = head_inputs(np.zeros((3, 1)), level, incidence, spec, texture)
    expected = np.c_[np.zeros(3), invert_cmod5n(level, incidence), texture]
    np.testing.assert_allclose(out, expected, rtol=1e-6)
    for given in ((level, None, texture), (None, incidence, texture), (level, incidence, None), (level, incidence, texture.T)):  # fmt: skip
        with pytest.raises(DimensionError):
            head_inputs(np.zeros((3, 1)), *given[:2], spec, given[2])


def test_an_axis_has_two_columns_without_a_bound():
    axis = replace(LINEAR, target="wind_to_direction", units="degree", encoding="axis")
    out = head(axis, weight=[[3, 0], [0, 5]], bias=[0.5, -0.5])(np.array([[3.0, -2.0]]))
    np.testing.assert_allclose(out, [[3.5, -5.5]])
    with pytest.raises(BundleError, match="weight"):
        head(axis, weight=[[3], [5]], bias=[0.5])


@pytest.mark.parametrize("level", [None, np.zeros(2), np.zeros((3, 1))])
def test_absent_or_short_ancillary_input_is_refused(level):
    spec = replace(LINEAR, ancillary=("sigma0_mean_db",))
    with pytest.raises(DimensionError, match="sigma0_mean"):
        head_inputs(np.zeros((3, 1)), level, None, spec)
