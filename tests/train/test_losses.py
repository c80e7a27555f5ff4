"""Losses and targets against loops over plain floats, at their limits, and in two processes."""

import math

import numpy as np
import pytest
import torch

from tests.train import oracle
from xoceansar.errors import DimensionError, OceansarWarning, TrainingError
from xoceansar.train.pretraining.losses import Targets, dino_loss, ibot_loss, koleo_loss

pytestmark = pytest.mark.usefixtures("torch")  # one thread

EXACT = {"rtol": 1e-5, "atol": 1e-5}


def normal(*shape, seed=0, std=0.3):
    rng = np.random.default_rng(seed)
    return rng.normal(0, std, shape).astype(np.float32)


def probabilities(*shape, seed=1):
    rng = np.random.default_rng(seed)
    return rng.dirichlet(np.ones(shape[-1]), shape[:-1]).astype(np.float32)


def check(loss, expected, x):
    """Compare a loss and its gradient with a function of plain floats and its differences."""
    value = torch.from_numpy(x).requires_grad_()
    found = loss(value)
    found.backward()
    assert found.dtype == torch.float32
    assert found.shape == ()
    assert float(found.detach()) == pytest.approx(expected(x), rel=1e-5, abs=1e-5)
    slope = oracle.gradient(expected, x)
    np.testing.assert_allclose(value.grad.numpy(), slope, **EXACT)


@pytest.mark.parametrize(
    ("t", "v", "n", "k"), [(2, 2, 1, 3), (2, 5, 3, 4), (1, 3, 2, 5), (3, 4, 2, 1)]
)
def test_dino_compares_all_pairs_of_different_views(t, v, n, k):
    targets = probabilities(t, n, k)
    check(
        lambda x: dino_loss(x, torch.from_numpy(targets), 0.2),
        lambda x: oracle.dino(x, targets, 0.2),
        normal(v, n, k),
    )


MASKS = {
    "mixed": [[[0, 1, 1], [0, 0, 1]], [[0, 0, 0], [0, 0, 0]], [[1, 0, 0], [0, 0, 0]]],
    "all": [[[1, 1], [1, 1]], [[1, 1], [1, 1]]],
    "one image": [[[1, 0, 1]]],
}


@pytest.mark.parametrize("mask", MASKS.values(), ids=MASKS)
@pytest.mark.parametrize("k", [2, 5])
def test_ibot_weighs_images_alike(mask, k):
    mask = np.array(mask, bool)
    m = int(mask.sum())
    targets = probabilities(m, k)
    check(
        lambda x: ibot_loss(x, torch.from_numpy(targets), torch.from_numpy(mask), 0.2),
        lambda x: oracle.ibot(x, targets, mask, 0.2),
        normal(m, k),
    )


def test_ibot_without_masked_patches_is_zero_with_a_graph():
    weight = torch.ones(3, 4, requires_grad=True)
    student = torch.zeros(0, 3) @ weight
    loss = ibot_loss(student, torch.zeros(0, 4), torch.zeros(2, 2, 2, dtype=torch.bool))
    loss.backward()
    assert float(loss.detach()) == 0
    np.testing.assert_array_equal(weight.grad, np.zeros((3, 4)))


@pytest.mark.parametrize(("n", "d"), [(2, 3), (5, 2), (9, 8)])
def test_koleo_is_the_log_distance_to_the_nearest(n, d):
    check(koleo_loss, oracle.koleo, normal(n, d, std=1.0))


def test_koleo_takes_the_direction_only():
    x = torch.from_numpy(normal(6, 4))
    scale = torch.tensor([0.01, 1.0, 3.0, 100.0, 0.5, 7.0])[:, None]
    torch.testing.assert_close(koleo_loss(scale * x), koleo_loss(x))


@pytest.mark.parametrize("k", [2, 7])
@pytest.mark.parametrize("n", [1, 5])
def test_centering_uses_the_centre_of_the_calls_before(n, k):
    targets, centre = Targets(k, "centering", momentum=0.8), np.zeros(k)
    for call in range(3):
        logits = normal(n, k, seed=call)
        found = targets(torch.from_numpy(logits), 0.05)
        expected = [oracle.softmax(row - centre, 0.05) for row in logits]
        np.testing.assert_allclose(found, expected, **EXACT)
        centre = 0.8 * centre + 0.2 * logits.mean(axis=0, dtype=np.float64)
        np.testing.assert_allclose(targets.centre[0], centre, **EXACT)


@pytest.mark.parametrize(("n", "k"), [(1, 4), (6, 3), (5, 8), (7, 1)])
def test_sinkhorn_balances_prototypes_then_samples(n, k):
    logits = normal(n, k)
    targets = Targets(k, "sinkhorn")
    found = targets(torch.from_numpy(logits), 0.05)
    np.testing.assert_allclose(found, oracle.sinkhorn(logits, 0.05), **EXACT)
    assert not targets.centre.any()


def test_sinkhorn_of_one_sample_is_uniform():
    found = Targets(4, "sinkhorn")(torch.tensor([[50.0, 0.0, -3.0, 1.0]]), 0.04)
    np.testing.assert_allclose(found, np.full((1, 4), 0.25), **EXACT)


@pytest.mark.parametrize("n", [1, 6])
@pytest.mark.parametrize("method", ["centering", "sinkhorn"])
def test_large_logits_neither_overflow_nor_vanish(method, n):
    """exp(logit / 0.04) overflows float32 from a logit of 3.6 on."""
    logits = torch.from_numpy(normal(n, 5, std=1.0)) * 100
    logits[0] -= 1000  # beside the others this sample is exp(-25000)
    found = Targets(5, method)(logits, 0.04)
    assert torch.isfinite(found).all()
    np.testing.assert_allclose(found.sum(dim=1), np.ones(n), rtol=1e-5)


@pytest.mark.parametrize("method", ["centering", "sinkhorn"])
def test_targets_have_no_gradient_and_are_float32(method):
    logits = torch.from_numpy(normal(3, 4)).to(torch.bfloat16).requires_grad_()
    targets = Targets(4, method)
    with torch.autocast("cpu", torch.bfloat16):
        found = targets(logits, 0.05)
    assert found.dtype == targets.centre.dtype == torch.float32
    assert not found.requires_grad
    expected = Targets(4, method)(logits.detach().float(), 0.05)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_bad_logit_does_not_stay_in_the_centre(bad):
    targets = Targets(3, "centering")
    targets(torch.ones(2, 3), 0.05)
    before = targets.centre.clone()
    targets(torch.tensor([[0.0, bad, 1.0], [0.0, 1.0, 2.0]]), 0.05)
    np.testing.assert_array_equal(targets.centre, before)
    targets(torch.full((2, 3), 2.0), 0.05)
    np.testing.assert_allclose(targets.centre, np.full((1, 3), 0.29), rtol=1e-6)


@pytest.mark.parametrize("method", ["centering", "sinkhorn"])
def test_no_rows_give_no_targets_and_leave_the_centre(method):
    targets = Targets(3, method)
    targets.centre.fill_(0.5)
    assert targets(torch.zeros(0, 3), 0.05).shape == (0, 3)
    np.testing.assert_array_equal(targets.centre, np.full((1, 3), 0.5))


def test_the_centre_is_saved():
    one, two = Targets(3, "centering"), Targets(3, "centering")
    one(torch.from_numpy(normal(4, 3)), 0.05)
    two.load_state_dict(one.state_dict())
    assert one.centre.any()
    np.testing.assert_array_equal(two.centre, one.centre)


@pytest.mark.filterwarnings("always::xoceansar.errors.OceansarWarning")
@pytest.mark.parametrize("n", [0, 1])
def test_koleo_without_a_neighbour_is_zero_with_one_warning(n):
    features = torch.ones(n, 3, requires_grad=True)
    with pytest.warns(OceansarWarning, match="at least two images") as caught:
        loss = koleo_loss(features)
    loss.backward()
    assert len(caught) == 1
    assert float(loss.detach()) == 0
    np.testing.assert_array_equal(features.grad, np.zeros((n, 3)))


NO_DISTANCE = {
    "two equal rows": [[1.0, 2.0], [1.0, 2.0]],
    "all zero": [[0.0, 0.0], [0.0, 0.0], [0.0, 0.0]],
}


@pytest.mark.parametrize("rows", NO_DISTANCE.values(), ids=NO_DISTANCE)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_koleo_of_equal_rows_is_large_and_finite(rows, dtype):
    features = torch.tensor(rows, dtype=dtype, requires_grad=True)
    with torch.autocast("cpu", torch.bfloat16):
        loss = koleo_loss(features)
    loss.backward()
    assert float(loss.detach()) == pytest.approx(-math.log(1e-8), rel=1e-6)
    assert torch.isfinite(features.grad).all()


def test_rows_without_a_direction_do_not_drown_the_others():
    """Clipping the gradient of a step would otherwise leave nothing of the other images."""
    rows = [[0.0, 0.0], [1.0, 2.0], [1.0, 2.0], [-3.0, 1.0]]
    features = torch.tensor(rows, requires_grad=True)
    koleo_loss(features).backward()
    assert features.grad.abs().max() < 10
    assert features.grad[3].any()


@pytest.mark.parametrize("name", ["dino", "ibot", "koleo"])
def test_losses_are_float32_under_autocast_and_of_half_precision(name):
    x = torch.from_numpy(normal(3, 4, 6)).to(torch.bfloat16)
    p = torch.from_numpy(probabilities(2, 4, 6))
    mask = torch.tensor([[[True, True]], [[False, True]], [[True, False]]])
    loss = {
        "dino": lambda x: dino_loss(x, p),
        "ibot": lambda x: ibot_loss(x[0], p[0], mask),
        "koleo": lambda x: koleo_loss(x.flatten(0, 1)),
    }[name]
    with torch.autocast("cpu", torch.bfloat16):
        found = loss(x)
    assert found.dtype == torch.float32
    np.testing.assert_array_equal(found, loss(x.float()))


@pytest.mark.parametrize(
    ("student", "targets"),
    [
        ((1, 4, 3), (2, 4, 3)),  # fewer views than targets
        ((1, 4, 3), (1, 4, 3)),  # no pair
        ((3, 4, 3), (2, 1, 3)),  # would broadcast
        ((3, 4, 3), (2, 4, 1)),
        ((3, 0, 3), (2, 0, 3)),
        ((4, 3), (4, 3)),
    ],
)
def test_dino_refuses_what_does_not_belong_together(student, targets):
    with pytest.raises(DimensionError, match=r"logits \(v, n, K\)"):
        dino_loss(torch.zeros(student), torch.zeros(targets))


@pytest.mark.parametrize(
    ("student", "targets", "mask"),
    [
        ((2, 3), (2, 3), (2, 2, 2)),  # the mask has 8
        ((8, 3), (1, 3), (2, 2, 2)),
        ((8, 3), (8, 1), (2, 2, 2)),
        ((0, 3), (0, 3), (0, 2, 2)),
    ],
)
def test_ibot_refuses_what_does_not_belong_together(student, targets, mask):
    with pytest.raises(DimensionError, match="masked patches of at least one crop"):
        ibot_loss(torch.zeros(student), torch.zeros(targets), torch.ones(mask).bool())


def test_other_errors_say_what_is_needed():
    with pytest.raises(DimensionError, match=r"features \(n, d\)"):
        koleo_loss(torch.zeros(2, 3, 4))
    with pytest.raises(DimensionError, match=r"\(n, 3\); got \(2, 4\)"):
        Targets(3, "centering")(torch.zeros(2, 4), 0.1)
    with pytest.raises(TrainingError, match="centering, sinkhorn; got 'centring'"):
        Targets(3, "centring")


#: Two processes that import torch on a busy machine take longer than a test may.
patient = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def two_processes(tmp_path_factory):
    """Return what each of two processes found."""
    folder = tmp_path_factory.mktemp("processes")
    torch.multiprocessing.spawn(oracle.work, (str(folder),), nprocs=2)
    return [dict(np.load(folder / f"{rank}.npz")) for rank in range(2)]


def found_in(two_processes, prefix):
    return [
        {k.removeprefix(prefix): v for k, v in one.items() if k.startswith(prefix)}
        for one in two_processes
    ]


@patient
def test_two_processes_find_what_one_does(two_processes):
    parts = found_in(two_processes, "even/whole/")
    expected = oracle.evaluate(oracle.shared_data(), slice(0, 8))
    assert parts[0].keys() == parts[1].keys() == expected.keys()
    for name, value in expected.items():
        each = [part[name] for part in parts]
        if name in ("dino", "ibot", "koleo"):
            found = np.mean(each)
        elif name.endswith("gradient"):
            axis = 1 if name.startswith("dino") else 0
            found = np.concatenate(each, axis) / 2
        elif name.endswith("centre"):
            np.testing.assert_array_equal(*each)
            found = each[0]
        else:
            found = np.concatenate(each)
        np.testing.assert_allclose(found, value, rtol=1e-5, atol=1e-6, err_msg=name)


@patient
@pytest.mark.parametrize("split", [name for name in oracle.SPLITS if name != "empty"])
def test_processes_need_not_have_equally_many_rows(two_processes, split):
    """Masked patches differ in number: targets and KoLeo are those of all rows."""
    parts = found_in(two_processes, f"{split}/split/")
    expected = oracle.evaluate_split(oracle.shared_data(), slice(0, 8))
    for method in ("centering", "sinkhorn"):
        found = np.concatenate([part[method] for part in parts])
        np.testing.assert_allclose(found, expected[method], **EXACT)
        for part in parts:
            centre = f"{method} centre"
            np.testing.assert_allclose(part[centre], expected[centre], **EXACT)
    mean = np.mean([part["koleo"] for part in parts])
    np.testing.assert_allclose(mean, expected["koleo"], **EXACT)
    slope = np.concatenate([part["koleo gradient"] for part in parts]) / 2
    np.testing.assert_allclose(slope, expected["koleo gradient"], **EXACT)


@patient
def test_processes_without_rows_or_with_a_nan_keep_the_centre(two_processes):
    for prefix, name in [
        ("empty/split/", "centering centre"),
        ("even/poisoned/", "centre"),
    ]:
        for part in found_in(two_processes, prefix):
            np.testing.assert_array_equal(part[name], np.full((1, 6), 0.25))
